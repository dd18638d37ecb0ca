/* bridge/codec/inlined.c - whether the attributes of a class stand in its instances, and where: by trying. */
#include "bridge/codec/inlined.h"

#include "bridge/codec/state.h"

/* An instance with field i set to marks[i], by Python's own means or by ours. */
static PyObject *
marked(const struct oro_codec *c, PyObject *const *marks, bool ours)
{
    PyTypeObject *type = (PyTypeObject *)c->cls;
    PyObject *o = type->tp_alloc(type, 0);
    for (uint32_t i = 0; o != NULL && i < c->n; i++) {
        if (ours)
            oro_inline_values(o)->values[c->fields[i].slot] = Py_NewRef(marks[i]);
        else if (PyObject_GenericSetAttr(o, c->fields[i].name, marks[i]) < 0)
            Py_CLEAR(o);
    }
    if (o != NULL && ours)
        oro_inlined_finish(c, o);
    return o;
}

/* Where Python put the marks. */
static bool
places(struct oro_codec *c, PyObject *o, PyObject *const *marks)
{
    const struct oro_inline_values *in = oro_inline_values(o);
    if (!in->valid || !in->embedded || in->size != c->n || in->capacity < c->n ||
        in->capacity > ORO_INLINE_MAX)
        return false;
    for (uint32_t i = 0; i < c->n; i++) {
        Py_ssize_t at = ((const uint8_t *)&in->values[in->capacity])[i];
        if (at >= in->capacity || in->values[at] != marks[i])
            return false;
        c->fields[i].slot = at;
    }
    return true;
}

/* Is what we made like what Python made, and does Python find the marks in it? */
static bool
found_again(const struct oro_codec *c, PyObject *theirs, PyObject *ours, PyObject *const *marks)
{
    const struct oro_inline_values *a = oro_inline_values(theirs), *b = oro_inline_values(ours);
    bool same = b->valid && b->embedded && b->size == a->size &&
                memcmp(&a->values[a->capacity], &b->values[b->capacity], c->n) == 0;
    for (uint32_t i = 0; same && i < c->n; i++) {
        PyObject *v = PyObject_GetAttr(ours, c->fields[i].name);
        same = v == marks[i];
        Py_XDECREF(v);
    }
    return same;
}

static bool
inlines(const PyTypeObject *type)
{
#if defined(Py_GIL_DISABLED) || PY_VERSION_HEX >= 0x030f0000
    return false; /* not looked up there */
#else
    unsigned long flags = type->tp_flags, wanted = Py_TPFLAGS_HEAPTYPE | Py_TPFLAGS_HAVE_GC |
                                                   Py_TPFLAGS_MANAGED_DICT |
                                                   Py_TPFLAGS_INLINE_VALUES;
    return (flags & (wanted | Py_TPFLAGS_IS_ABSTRACT)) == wanted &&
           type->tp_basicsize == sizeof(PyObject) && type->tp_itemsize == 0 &&
           type->tp_alloc == PyType_GenericAlloc && type->tp_free == PyObject_GC_Del &&
           type->tp_getattro == PyObject_GenericGetAttr && type->tp_finalize == NULL &&
           type->tp_del == NULL;
#endif
}

bool
oro_inlined_find(struct oro_codecs *cs, struct oro_codec *c)
{
    PyObject *marks[ORO_INLINE_MAX] = {0}, *theirs = NULL, *ours = NULL;
    bool found = false;
    if (c->n == 0 || c->n > ORO_INLINE_MAX || !inlines((PyTypeObject *)c->cls))
        return false;
    for (uint32_t i = 0; i < c->n; i++)
        if ((marks[i] = PyFloat_FromDouble(i)) == NULL)
            goto done;
    theirs = marked(c, marks, false);
    if (theirs == NULL || !places(c, theirs, marks))
        goto done;
    ours = marked(c, marks, true);
    found = ours != NULL && found_again(c, theirs, ours, marks);
done:
    PyErr_Clear();
    Py_XDECREF(theirs);
    Py_XDECREF(ours);
    for (uint32_t i = 0; i < c->n; i++)
        Py_XDECREF(marks[i]);
    if (!found)
        return false;
    c->inlined = oro_arena_alloc(&cs->program.arena, sizeof(*c->inlined));
    *c->inlined = (struct oro_inlined){0};
    return true;
}

bool
oro_inlined_look(const struct oro_codec *c)
{
    PyTypeObject *type = (PyTypeObject *)c->cls;
    if (!inlines(type))
        return false;
    for (uint32_t i = 0; i < c->n; i++) {
        PyObject *hides = _PyType_Lookup(type, c->fields[i].name); /* gives the type a version */
        if (hides != NULL && Py_TYPE(hides)->tp_descr_set != NULL)
            return false;
    }
    c->inlined->version = type->tp_version_tag;
    return true;
}
