/* bridge/codec/id.h - Identity and ConnectionId: immutable numbers of 256 and 128 bits, kept as their BSATN bytes. */
#ifndef ORO_CODEC_ID_H
#define ORO_CODEC_ID_H

#include "bridge/codec/state.h"

/* New reference. type: cs->t_identity or cs->t_connid; le: 32 or 16 bytes, the least first. */
PyObject *oro_pyid_new(struct oro_codecs *cs, PyTypeObject *type, const uint8_t *le);
const uint8_t *oro_pyid_le(PyObject *o); /* borrowed */
int oro_pyid_types(struct oro_codecs *cs, PyObject *module);

#endif
