/* bridge/codec/inlined.h - attributes that stand in the instance itself. */
#ifndef ORO_CODEC_INLINED_H
#define ORO_CODEC_INLINED_H

#include "bridge/codec/codec.h"

/* Instances of a plain class keep their attributes behind the object header, at places that the class's first instances
 * decided; a dict is made only when somebody asks for it. CPython does not promise this layout, so a codec uses it only after
 * it was tried on instances of the very class (inlined.c), and never with another Python than those it was
 * looked up in. valid: the object's attributes are here, and not in a dict that has been parted from it. */
struct oro_inline_values {
    uint8_t capacity, size, embedded, valid;
    /* capacity of them, then a byte for each that is set: its number, in order of setting */
    PyObject *values[];
};
static inline struct oro_inline_values *
oro_inline_values(PyObject *o)
{
    return (struct oro_inline_values *)((char *)o + sizeof(PyObject));
}

struct oro_inlined {
    unsigned version; /* of the type when no field was hidden by a descriptor of the class */
};
#define ORO_INLINE_MAX 30 /* more attributes than that go to a dict */
/* Are all fields inline values of its instances? Then c->inlined and their slots are set. Runs no code of the author's. */
bool oro_inlined_find(struct oro_codecs *cs, struct oro_codec *c);
bool oro_inlined_look(const struct oro_codec *c); /* the class has changed since: is it still so? */
/* All values of a new instance were set: their order. */
static inline void
oro_inlined_finish(const struct oro_codec *c, PyObject *o)
{
    struct oro_inline_values *in = oro_inline_values(o);
    uint8_t *order = (uint8_t *)&in->values[in->capacity];
    for (uint32_t i = 0; i < c->n; i++)
        order[i] = (uint8_t)c->fields[i].slot;
    in->size = (uint8_t)c->n;
}
static inline bool
oro_inlined_holds(const struct oro_codec *c)
{
    unsigned now = ((PyTypeObject *)c->cls)->tp_version_tag;
    return ORO_LIKELY(now == c->inlined->version && now != 0) || oro_inlined_look(c);
}

#endif
