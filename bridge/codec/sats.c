/* bridge/codec/sats.c - values as SATS-JSON, for orochi.bridge: between BSATN and the JSON that HTTP, the JSON protocol and tools
 * speak. A codec knows how Python has a value, but not what clients call its parts; so the type comes here as JSON too. */
#include "bridge/bsatn/value.h"
#include "bridge/codec/codecobj.h"

#define SATS "orochi.sats"

struct sats {
    struct oro_typespace ts;
    struct oro_type *type;
};

static void
sats_free(PyObject *capsule)
{
    struct sats *s = PyCapsule_GetPointer(capsule, SATS);
    oro_typespace_fini(&s->ts);
    oro_free(s);
}

static PyObject *
raise(PyObject *cls, const struct oro_err *err)
{
    PyObject *text = PyUnicode_DecodeUTF8(err->text, (Py_ssize_t)strlen(err->text), "replace");
    if (text != NULL)
        PyErr_SetObject(cls, text);
    Py_XDECREF(text);
    return NULL;
}

/* One type of the definition. Belongs to the typespace. */
static int
read_type(struct oro_typespace *ts, PyObject *text, struct oro_type **out)
{
    Py_ssize_t n;
    struct oro_err err;
    const char *s = PyUnicode_Check(text) ? PyUnicode_AsUTF8AndSize(text, &n) : NULL;
    if (s == NULL) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "a type is JSON text");
        return -1;
    }
    if (oro_type_from_json(ts, oro_bytes(s, (size_t)n), out, &err) == ORO_OK)
        return 0;
    raise(PyExc_ValueError, &err);
    return -1;
}

static int
read_types(struct sats *s, PyObject *types, PyObject *type)
{
    struct oro_err err;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(types); i++) {
        struct oro_type *t;
        if (read_type(&s->ts, PyList_GET_ITEM(types, i), &t) < 0)
            return -1;
        oro_typespace_add(&s->ts, t);
    }
    if (oro_typespace_seal(&s->ts, &err) == ORO_OK) {
        if (read_type(&s->ts, type, &s->type) < 0)
            return -1;
        if (oro_type_seal(&s->ts, s->type, &err) == ORO_OK)
            return 0;
    }
    raise(PyExc_ValueError, &err);
    return -1;
}

PyObject *
oro_pysats(PyObject *module, PyObject *args)
{
    PyObject *types, *type, *out = NULL;
    if (!PyArg_ParseTuple(args, "O!O", &PyList_Type, &types, &type))
        return NULL;
    struct sats *s = ORO_NEW(struct sats);
    oro_typespace_init(&s->ts);
    if (read_types(s, types, type) == 0)
        out = PyCapsule_New(s, SATS, sats_free);
    if (out == NULL) {
        oro_typespace_fini(&s->ts);
        oro_free(s);
    }
    return out;
}

PyObject *
oro_pysats_to_json(PyObject *module, PyObject *args)
{
    PyObject *capsule, *out = NULL;
    Py_buffer in;
    int positional;
    struct oro_err err;
    if (!PyArg_ParseTuple(args, "Oy*p", &capsule, &in, &positional))
        return NULL;
    struct oro_bytes data = oro_bytes(in.buf, (size_t)in.len);
    struct sats *s = PyCapsule_GetPointer(capsule, SATS);
    struct oro_bb text = {0};
    if (s != NULL && oro_value_check(s->type, data, &err) != ORO_OK) {
        raise(oro_codecs_of(module)->e_decode, &err);
    } else if (s != NULL) {
        oro_value_to_json(s->type, data.data, positional ? ORO_JSON_POSITIONAL : ORO_JSON_NAMED,
                          &text);
        out = PyUnicode_DecodeUTF8((const char *)text.data, (Py_ssize_t)text.len, NULL);
    }
    oro_bb_fini(&text);
    PyBuffer_Release(&in);
    return out;
}

PyObject *
oro_pysats_from_json(PyObject *module, PyObject *args)
{
    PyObject *capsule, *out = NULL;
    Py_buffer in;
    struct oro_err err;
    if (!PyArg_ParseTuple(args, "Os*", &capsule, &in))
        return NULL;
    struct sats *s = PyCapsule_GetPointer(capsule, SATS);
    struct oro_bb data = {0};
    if (s != NULL &&
        oro_value_from_json(s->type, oro_bytes(in.buf, (size_t)in.len), &data, &err) != ORO_OK)
        raise(oro_codecs_of(module)->e_decode, &err);
    else if (s != NULL)
        out = PyBytes_FromStringAndSize((const char *)data.data, (Py_ssize_t)data.len);
    oro_bb_fini(&data);
    PyBuffer_Release(&in);
    return out;
}
