/* bridge/codec/collide.h - keys of strangers that have one hash (the reason stands in collide.c). */
#ifndef ORO_CODEC_COLLIDE_H
#define ORO_CODEC_COLLIDE_H

#include "bridge/codec/codec.h"

struct oro_collide {
    uint8_t *counts; /* owned; NULL: not looked at */
    size_t mask;
};
/* For up to n keys. -1 with an exception. Ended by fini, on failure too. */
int oro_collide_init(struct oro_collide *c, const struct oro_codec *key, Py_ssize_t n);
/* A key that was new. -1 with an exception or the refusal set. */
int oro_collide_add(struct oro_codecs *cs, struct oro_collide *c, PyObject *key);
void oro_collide_fini(struct oro_collide *c);

#endif
