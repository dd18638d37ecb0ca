/* bridge/codec/codecobj.h - the room's functions as Python calls them: codecs as objects, and values as SATS-JSON. Each is a
 * function of a module whose state begins with a struct oro_codec_module. */
#ifndef ORO_CODEC_CODECOBJ_H
#define ORO_CODEC_CODECOBJ_H

#include "bridge/codec/state.h"

/* How the functions find their state, and what a module keeps whose functions they are; a room above may have more behind it. */
struct oro_codec_module {
    struct oro_codecs *codecs;
};
static inline struct oro_codecs *
oro_codecs_of(PyObject *module)
{
    return ((struct oro_codec_module *)PyModule_GetState(module))->codecs;
}

/* compile, encode, decode, set_shapes, clear_shapes, set_batches, sats, sats_to_json, sats_from_json; ends with an empty one. */
extern PyMethodDef oro_codec_functions[];
/* The type of codecs, and the functions. */
int oro_codecobj_types(struct oro_codecs *cs, PyObject *module);

/* sats.c */
PyObject *oro_pysats(PyObject *module, PyObject *args);
PyObject *oro_pysats_to_json(PyObject *module, PyObject *args);
PyObject *oro_pysats_from_json(PyObject *module, PyObject *args);

#endif
