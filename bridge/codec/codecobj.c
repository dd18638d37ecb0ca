/* bridge/codec/codecobj.c - a codec as a Python object, for tools, tests and orochi.bridge. It owns its program, unlike the codecs
 * of tables and reducers, which live as long as the interpreter. */
#include "bridge/codec/codecobj.h"

#include "bridge/codec/huge.h"
#include "bridge/codec/dynamic.h"

#define CO(o) ((struct codecobj *)(o))

struct codecobj {
    PyObject_HEAD struct oro_codecs *cs;
    const struct oro_codec *codec;
    struct oro_codec_program program;
};

/* Compiles with the interpreter's program exchanged for the object's own. */
static int
compile_into(struct oro_codecs *cs, struct codecobj *o, PyObject *spec, PyObject *types)
{
    struct oro_codec_program others = cs->program;
    cs->program = o->program;
    int rc = types != NULL ? oro_codec_compile_named(cs, types) : 0;
    if (rc == 0)
        o->codec = oro_codec_compile(cs, spec);
    o->program = cs->program;
    cs->program = others;
    return rc == 0 && o->codec != NULL ? 0 : -1;
}

/* compile(spec, types=[]): ("named", n) in the spec refers to types[n]. */
static PyObject *
py_compile(PyObject *module, PyObject *args)
{
    struct oro_codecs *cs = oro_codecs_of(module);
    PyObject *spec, *types = NULL;
    if (!PyArg_ParseTuple(args, "O|O!", &spec, &PyList_Type, &types))
        return NULL;
    struct codecobj *o = PyObject_GC_New(struct codecobj, (PyTypeObject *)cs->t_codec);
    if (o == NULL)
        return NULL;
    o->cs = cs;
    o->codec = NULL;
    oro_program_init(&o->program);
    o->program.keep = PyList_New(0);
    PyObject_GC_Track(o);
    if (o->program.keep == NULL || compile_into(cs, o, spec, types) < 0) {
        Py_DECREF(o);
        return NULL;
    }
    return (PyObject *)o;
}

static int
codec_traverse(PyObject *o, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(o));
    Py_VISIT(CO(o)->program.keep);
    return 0;
}

static int
codec_clear(PyObject *o)
{
    CO(o)->codec = NULL; /* it refers to what keep held */
    Py_CLEAR(CO(o)->program.keep);
    return 0;
}

static void
codec_dealloc(PyObject *o)
{
    PyTypeObject *type = Py_TYPE(o);
    PyObject_GC_UnTrack(o);
    codec_clear(o);
    oro_arena_fini(&CO(o)->program.arena);
    type->tp_free(o);
    Py_DECREF(type);
}

static bool
usable(PyObject *o)
{
    if (CO(o)->codec != NULL)
        return true;
    PyErr_SetString(PyExc_ReferenceError, "the codec was cleared");
    return false;
}

static PyObject *
bytes_of(const struct oro_bb *bb)
{
    PyObject *out = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)bb->len);
    if (out != NULL && bb->len > 0) {
        oro_huge_advise(PyBytes_AS_STRING(out), bb->len);
        memcpy(PyBytes_AS_STRING(out), bb->data, bb->len);
    }
    return out;
}

static PyObject *
codec_encode(PyObject *o, PyObject *v)
{
    struct oro_codecs *cs = CO(o)->cs;
    PyObject *out = NULL;
    if (!usable(o))
        return NULL;
    struct oro_bb bb = oro_bb_take(cs, 2);
    if (oro_codec_encode(cs, CO(o)->codec, v, &bb, 1) < 0) {
        ORO_COUNT(cs, errors, 1);
        oro_cerr_raise(cs, cs->e_encode, NULL);
    } else {
        ORO_COUNT(cs, encodes, 1);
        ORO_COUNT(cs, bytes_out, bb.len);
        out = bytes_of(&bb);
    }
    oro_bb_give(cs, 2, &bb);
    return out;
}

/* encode_into(value, bytearray) -> number of bytes appended */
static PyObject *
codec_encode_into(PyObject *o, PyObject *const *args, Py_ssize_t nargs)
{
    struct oro_codecs *cs = CO(o)->cs;
    PyObject *out = NULL;
    if (!usable(o))
        return NULL;
    if (nargs != 2 || !PyByteArray_Check(args[1]))
        return PyErr_Format(PyExc_TypeError, "encode_into() takes a value and a bytearray");
    struct oro_bb bb = oro_bb_take(cs, 2);
    Py_ssize_t at;
    if (oro_codec_encode(cs, CO(o)->codec, args[0], &bb, 1) < 0) {
        ORO_COUNT(cs, errors, 1);
        oro_cerr_raise(cs, cs->e_encode, NULL);
    } else if (at = PyByteArray_GET_SIZE(args[1]),
               PyByteArray_Resize(args[1], at + (Py_ssize_t)bb.len) == 0) {
        ORO_COUNT(cs, encodes, 1);
        ORO_COUNT(cs, bytes_out, bb.len);
        if (bb.len > 0)
            memcpy(PyByteArray_AS_STRING(args[1]) + at, bb.data, bb.len);
        out = PyLong_FromSize_t(bb.len);
    }
    oro_bb_give(cs, 2, &bb);
    return out;
}

static PyObject *
decode_whole(struct codecobj *o, struct oro_bytes in)
{
    struct oro_codecs *cs = o->cs;
    struct oro_reader r = oro_reader(in);
    PyObject *v = oro_codec_decode(cs, o->codec, &r, 1);
    if (v != NULL && oro_rd_left(&r) > 0) {
        oro_cerr_set(cs, "%zu bytes too many after the value", oro_rd_left(&r));
        oro_cerr_found(cs, "%zu bytes", oro_rd_left(&r));
        snprintf(cs->cerr.expected, sizeof(cs->cerr.expected), "the end");
        oro_cerr_explain(cs, o->codec, oro_rd_offset(&r));
        Py_CLEAR(v);
    }
    if (v == NULL) {
        ORO_COUNT(cs, errors, 1);
        oro_cerr_raise(cs, cs->e_decode, NULL);
    } else {
        ORO_COUNT(cs, decodes, 1);
        ORO_COUNT(cs, bytes_in, in.len);
    }
    return v;
}

static PyObject *
codec_decode(PyObject *o, PyObject *data)
{
    Py_buffer in;
    if (!usable(o))
        return NULL;
    if (ORO_LIKELY(PyBytes_CheckExact(data))) /* does not change, and the caller holds it */
        return decode_whole(CO(o),
                            oro_bytes(PyBytes_AS_STRING(data), (size_t)PyBytes_GET_SIZE(data)));
    if (PyObject_GetBuffer(data, &in, PyBUF_SIMPLE) < 0)
        return NULL;
    PyObject *v = decode_whole(CO(o), oro_bytes(in.buf, (size_t)in.len));
    PyBuffer_Release(&in);
    return v;
}

/* decode_many(blobs, start, stop, out): appends the values of blobs[start:stop] to the list out. When one fails, those before it
 * are in out. */
static PyObject *
codec_decode_many(PyObject *o, PyObject *args)
{
    PyObject *blobs, *out;
    Py_ssize_t start, stop;
    if (!PyArg_ParseTuple(args, "O!nnO!", &PyList_Type, &blobs, &start, &stop, &PyList_Type,
                          &out) ||
        !usable(o))
        return NULL;
    int rc = 0;
    bool paused = oro_batch_begin(CO(o)->cs, stop - start);
    for (Py_ssize_t i = start; rc == 0 && i >= 0 && i < stop && i < PyList_GET_SIZE(blobs); i++) {
        PyObject *blob = Py_NewRef(PyList_GET_ITEM(blobs, i)), *v = codec_decode(o, blob);
        rc = v != NULL ? PyList_Append(out, v) : -1;
        Py_DECREF(blob);
        Py_XDECREF(v);
    }
    if (paused)
        PyGC_Enable();
    return rc == 0 ? Py_NewRef(Py_None) : NULL;
}

/* Room in a bytearray for n more values at least; it grows to a running mean afterwards by its own doubling. */
static int
presize(struct codecobj *o, PyObject *into, Py_ssize_t n)
{
    Py_ssize_t at = PyByteArray_GET_SIZE(into);
    if (PyByteArray_Resize(into, at + n * (Py_ssize_t)o->codec->min_size) < 0)
        return -1;
    return PyByteArray_Resize(into, at);
}

/* encode_many(values, start, stop, out, into=None): appends each value's bytes to the list out, or, with a bytearray, the bytes
 * to it and the offset where they end to out. When one fails, those before it are there. */
static PyObject *
codec_encode_many(PyObject *o, PyObject *args)
{
    PyObject *values, *out, *into = Py_None;
    Py_ssize_t start, stop;
    if (!PyArg_ParseTuple(args, "O!nnO!|O", &PyList_Type, &values, &start, &stop, &PyList_Type,
                          &out, &into) ||
        !usable(o))
        return NULL;
    if (into != Py_None && !PyByteArray_Check(into))
        return PyErr_Format(PyExc_TypeError, "encode_many() takes a bytearray");
    if (into != Py_None && start >= 0 && stop > start && presize(CO(o), into, stop - start) < 0)
        return NULL;
    for (Py_ssize_t i = start; i >= 0 && i < stop && i < PyList_GET_SIZE(values); i++) {
        PyObject *v = Py_NewRef(PyList_GET_ITEM(values, i)), *pair[] = {v, into}, *made;
        if (into == Py_None) {
            made = codec_encode(o, v);
        } else {
            made = codec_encode_into(o, pair, 2);
            if (made != NULL)
                Py_SETREF(made, PyLong_FromSsize_t(PyByteArray_GET_SIZE(into)));
        }
        int rc = made != NULL ? PyList_Append(out, made) : -1;
        Py_DECREF(v);
        Py_XDECREF(made);
        if (rc < 0)
            return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
codec_fixed_size(PyObject *o, void *closure)
{
    if (!usable(o))
        return NULL;
    uint32_t n = CO(o)->codec->fixed_size;
    return n == ORO_VARIABLE ? Py_NewRef(Py_None) : PyLong_FromUnsignedLong(n);
}

static PyObject *
codec_min_size(PyObject *o, void *closure)
{
    return usable(o) ? PyLong_FromUnsignedLong(CO(o)->codec->min_size) : NULL;
}

static PyMethodDef codec_methods[] = {
    {"encode", codec_encode, METH_O, "The value's BSATN bytes."},
    {"encode_into", (PyCFunction)(void (*)(void))codec_encode_into, METH_FASTCALL,
     "Appends to a bytearray; how many bytes."},
    {"decode_many", codec_decode_many, METH_VARARGS, "Values of a list of bytes."},
    {"encode_many", codec_encode_many, METH_VARARGS, "Bytes of a list of values."},
    {"decode", codec_decode, METH_O, "The value of BSATN bytes; bytes left over are an error."},
    {0},
};

static PyGetSetDef codec_getset[] = {
    {"fixed_size", codec_fixed_size, NULL, "Bytes of every value, or None.", NULL},
    {"min_size", codec_min_size, NULL, "Bytes of the shortest value.", NULL},
    {0},
};

/* ---- functions of the module ---- */

/* encode(spec, value) -> bytes; decode(spec, data) -> value: for what is converted once. */
static PyObject *
convert_once(PyObject *module, PyObject *args, const char *method)
{
    PyObject *spec, *v, *out = NULL;
    if (!PyArg_ParseTuple(args, "OO", &spec, &v))
        return NULL;
    PyObject *one = PyTuple_Pack(1, spec), *codec = one != NULL ? py_compile(module, one) : NULL;
    PyObject *name = codec != NULL ? PyUnicode_FromString(method) : NULL;
    if (name != NULL)
        out = PyObject_CallMethodOneArg(codec, name, v);
    Py_XDECREF(one);
    Py_XDECREF(name);
    Py_XDECREF(codec);
    return out;
}

static PyObject *
py_encode(PyObject *module, PyObject *args)
{
    return convert_once(module, args, "encode");
}

static PyObject *
py_decode(PyObject *module, PyObject *args)
{
    return convert_once(module, args, "decode");
}

/* set_shapes(n, ttl_ms): bound and life of the shapes of dynamic values. */
static PyObject *
py_set_shapes(PyObject *module, PyObject *args)
{
    struct oro_codecs *cs = oro_codecs_of(module);
    long long n, ttl_ms;
    if (!PyArg_ParseTuple(args, "LL", &n, &ttl_ms))
        return NULL;
    oro_dynamic_limit(cs, n < 0 ? 0 : n > 1000000 ? 1000000 : (unsigned)n, ttl_ms);
    Py_RETURN_NONE;
}

static PyObject *
py_clear_shapes(PyObject *module, PyObject *none)
{
    oro_dynamic_clear(oro_codecs_of(module));
    Py_RETURN_NONE;
}

/* set_batches(bool): whether many values are made in one go. */
static PyObject *
py_set_batches(PyObject *module, PyObject *v)
{
    oro_codecs_of(module)->batches = v == Py_True;
    Py_RETURN_NONE;
}

PyMethodDef oro_codec_functions[] = {
    {"compile", py_compile, METH_VARARGS, "compile(spec, types=[]): a Codec."},
    {"encode", py_encode, METH_VARARGS, "encode(spec, value): BSATN."},
    {"decode", py_decode, METH_VARARGS, "decode(spec, data): the value."},
    {"set_shapes", py_set_shapes, METH_VARARGS, "set_shapes(n, ttl_ms): bound and life of shapes."},
    {"clear_shapes", py_clear_shapes, METH_NOARGS,
     "clear_shapes(): forgets the shapes of mappings."},
    {"set_batches", py_set_batches, METH_O, "set_batches(on): many values in one go or not."},
    {"sats", oro_pysats, METH_VARARGS, "sats(types, type): a type, from JSON as clients see it."},
    {"sats_to_json", oro_pysats_to_json, METH_VARARGS,
     "sats_to_json(sats, data, positional): SATS-JSON of BSATN."},
    {"sats_from_json", oro_pysats_from_json, METH_VARARGS,
     "sats_from_json(sats, text): BSATN of SATS-JSON."},
    {0},
};

int
oro_codecobj_types(struct oro_codecs *cs, PyObject *module)
{
    PyType_Slot slots[] = {
        {Py_tp_methods, codec_methods},
        {Py_tp_getset, codec_getset},
        {Py_tp_traverse, codec_traverse},
        {Py_tp_clear, codec_clear},
        {Py_tp_dealloc, codec_dealloc},
        {Py_tp_doc, "A compiled codec."},
        {0, NULL},
    };
    PyType_Spec spec = {"orochi.Codec", sizeof(struct codecobj), 0,
                        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                        slots};
    cs->t_codec = PyType_FromModuleAndSpec(module, &spec, NULL);
    return cs->t_codec != NULL ? PyModule_AddFunctions(module, oro_codec_functions) : -1;
}
