/* bridge/codec/dynamic.h - dynamic values: canonical JSON text from Python objects and back. */
#ifndef ORO_CODEC_DYNAMIC_H
#define ORO_CODEC_DYNAMIC_H

#include "bridge/codec/codec.h"

int oro_dynamic_encode(struct oro_codecs *cs, PyObject *v,
                       struct oro_bb *out); /* with its length in front; -1 like encode */
PyObject *oro_dynamic_decode(struct oro_codecs *cs, struct oro_bytes text);
/* Bound and life of the shapes: so many, and forgotten when they were not used for so long (0: never). */
void oro_dynamic_limit(struct oro_codecs *cs, unsigned n, int64_t ttl_ms);
void oro_dynamic_clear(struct oro_codecs *cs); /* drops shapes and keys */
void oro_dynamic_free(struct oro_codecs *cs);

#endif
