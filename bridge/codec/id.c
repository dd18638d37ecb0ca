/* bridge/codec/id.c - Identity and ConnectionId: immutable numbers of 256 and 128 bits, kept as their BSATN bytes. */
#include "bridge/codec/id.h"

struct idobj {
    PyObject_HEAD uint8_t le[32];
};

/* 32 or 16: the smaller type's objects are as large, only the bytes beyond 16 stay zero. */
static unsigned
id_size(PyTypeObject *type)
{
    return strstr(type->tp_name, "ConnectionId") != NULL ? 16 : 32;
}

const uint8_t *
oro_pyid_le(PyObject *o)
{
    return ((struct idobj *)o)->le;
}

static PyObject *
id_make(PyTypeObject *type, const uint8_t *le, unsigned n)
{
    struct idobj *o = (struct idobj *)type->tp_alloc(type, 0);
    if (o != NULL)
        memcpy(o->le, le, n);
    return (PyObject *)o;
}

PyObject *
oro_pyid_new(struct oro_codecs *cs, PyTypeObject *type, const uint8_t *le)
{
    return id_make(type, le, (PyObject *)type == cs->t_connid ? 16 : 32);
}

static PyObject *
id_new(PyTypeObject *type, PyObject *args, PyObject *kw)
{
    PyObject *v;
    unsigned n = id_size(type);
    uint8_t le[32] = {0};
    if ((kw != NULL && PyDict_GET_SIZE(kw) > 0) || !PyArg_ParseTuple(args, "O", &v))
        return PyErr_Occurred() ? NULL
                                : PyErr_Format(PyExc_TypeError, "it takes no keyword arguments");
    if (PyBytes_Check(v) || PyByteArray_Check(v)) {
        Py_buffer view;
        if (PyObject_GetBuffer(v, &view, PyBUF_SIMPLE) < 0)
            return NULL;
        bool fits = view.len == (Py_ssize_t)n;
        if (fits)
            memcpy(le, view.buf, n);
        PyBuffer_Release(&view);
        return fits ? id_make(type, le, n) : PyErr_Format(PyExc_ValueError, "it takes %u bytes", n);
    }
    if (!PyLong_Check(v) || PyBool_Check(v))
        return PyErr_Format(PyExc_TypeError, "it takes an int or bytes (hex digits: from_hex), got %s",
                            Py_TYPE(v)->tp_name);
    Py_ssize_t need =
        PyLong_AsNativeBytes(v, le, (Py_ssize_t)n,
                             Py_ASNATIVEBYTES_LITTLE_ENDIAN | Py_ASNATIVEBYTES_UNSIGNED_BUFFER |
                                 Py_ASNATIVEBYTES_REJECT_NEGATIVE);
    if (need < 0 || need > (Py_ssize_t)n) {
        PyErr_Clear();
        return PyErr_Format(PyExc_ValueError, "the number does not fit %u bytes", n);
    }
    return id_make(type, le, n);
}

static PyObject *
id_from_hex(PyObject *cls, PyObject *text)
{
    PyTypeObject *type = (PyTypeObject *)cls;
    unsigned n = id_size(type);
    uint8_t be[32], le[32];
    Py_ssize_t len;
    if (!PyUnicode_Check(text))
        return PyErr_Format(PyExc_TypeError, "from_hex takes a str, got %s",
                            Py_TYPE(text)->tp_name);
    const char *s = PyUnicode_AsUTF8AndSize(text, &len);
    if (s == NULL)
        return NULL;
    if (len > 2 && s[0] == '0' && s[1] == 'x') {
        s += 2;
        len -= 2;
    }
    if (!oro_unhex(s, (size_t)len, be, n))
        return PyErr_Format(PyExc_ValueError, "it takes %u hex digits, got %R", 2 * n, text);
    for (unsigned i = 0; i < n; i++)
        le[i] = be[n - 1 - i];
    return id_make(type, le, n);
}

static PyObject *
id_str(PyObject *o)
{
    unsigned n = id_size(Py_TYPE(o));
    uint8_t be[32];
    char text[65];
    for (unsigned i = 0; i < n; i++)
        be[i] = ((struct idobj *)o)->le[n - 1 - i];
    oro_hex(oro_bytes(be, n), text);
    return PyUnicode_FromString(text);
}

static PyObject *
id_hex(PyObject *o, void *closure)
{
    return id_str(o);
}

static PyObject *
id_repr(PyObject *o)
{
    PyObject *s = id_str(o);
    if (s == NULL)
        return NULL;
    PyObject *out = PyUnicode_FromFormat(
        "%s('%U')", id_size(Py_TYPE(o)) == 16 ? "ConnectionId" : "Identity", s);
    Py_DECREF(s);
    return out;
}

static PyObject *
id_int(PyObject *o)
{
    return PyLong_FromUnsignedNativeBytes(((struct idobj *)o)->le, id_size(Py_TYPE(o)),
                                          Py_ASNATIVEBYTES_LITTLE_ENDIAN);
}

static PyObject *
id_to_bytes(PyObject *o, PyObject *none)
{
    return PyBytes_FromStringAndSize((const char *)((struct idobj *)o)->le, id_size(Py_TYPE(o)));
}

static PyObject *
id_copy(PyObject *o, PyObject *ignored)
{
    return Py_NewRef(o);
}

static PyObject *
id_reduce(PyObject *o, PyObject *none)
{
    PyObject *bytes = id_to_bytes(o, NULL);
    return bytes != NULL ? Py_BuildValue("(O(N))", Py_TYPE(o), bytes) : NULL;
}

static Py_hash_t
id_hash(PyObject *o)
{
    Py_hash_t h = (Py_hash_t)oro_bytes_hash(oro_bytes(((struct idobj *)o)->le, 32));
    return h == -1 ? -2 : h;
}

static PyObject *
id_compare(PyObject *a, PyObject *b, int op)
{
    if (Py_TYPE(a) != Py_TYPE(b))
        Py_RETURN_NOTIMPLEMENTED;
    int c = 0;
    for (int i = 31; i >= 0 && c == 0; i--)
        c = (int)((struct idobj *)a)->le[i] - (int)((struct idobj *)b)->le[i];
    Py_RETURN_RICHCOMPARE(c, 0, op);
}

static void
id_dealloc(PyObject *o)
{
    PyTypeObject *type = Py_TYPE(o);
    type->tp_free(o);
    Py_DECREF(type);
}

static PyMethodDef id_methods[] = {
    {"from_hex", id_from_hex, METH_O | METH_CLASS,
     "From hex digits, most significant first; 0x in front is allowed."},
    {"to_bytes", id_to_bytes, METH_NOARGS, "The BSATN bytes: least significant first."},
    {"__copy__", id_copy, METH_NOARGS, NULL},
    {"__deepcopy__", id_copy, METH_O, NULL},
    {"__reduce__", id_reduce, METH_NOARGS, NULL},
    {0},
};

static PyGetSetDef id_getset[] = {
    {"hex", id_hex, NULL, "Hex digits, most significant first.", NULL}, {0}};

static PyObject *
make_type(PyObject *module, const char *name, const char *doc)
{
    PyType_Slot slots[] = {
        {Py_tp_new, id_new},
        {Py_tp_str, id_str},
        {Py_tp_repr, id_repr},
        {Py_tp_hash, id_hash},
        {Py_tp_richcompare, id_compare},
        {Py_tp_dealloc, id_dealloc},
        {Py_tp_methods, id_methods},
        {Py_tp_getset, id_getset},
        {Py_nb_int, id_int},
        {Py_tp_doc, (void *)doc},
        {0, NULL},
    };
    PyType_Spec spec = {name, sizeof(struct idobj), 0,
                        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, slots};
    return PyType_FromModuleAndSpec(module, &spec, NULL);
}

int
oro_pyid_types(struct oro_codecs *cs, PyObject *module)
{
    cs->t_identity = make_type(module, "orochi.Identity",
                               "Who: 256 bits derived from the issuer and subject of a token.");
    cs->t_connid = make_type(module, "orochi.ConnectionId", "One connection: 128 bits.");
    if (cs->t_identity == NULL || cs->t_connid == NULL)
        return -1;
    return PyModule_AddObjectRef(module, "Identity", cs->t_identity) < 0 ||
                   PyModule_AddObjectRef(module, "ConnectionId", cs->t_connid) < 0
               ? -1
               : 0;
}
