/* bridge/rows/row.c - classes of @table: the author's own class with slots in C; what an instance is, and what a dataclass can.
 * Its bytes are the subject of row_bytes.c.
 *
 * Spare rows of a class wait in its pool with their byte buffer, cleared, and keep their reference to the type. Rows are known
 * to the garbage collector only once they hold an object that it cares for. */
#include "bridge/codec/error.h"
#include "bridge/rows/row_priv.h"

#define ROW(o) ((struct oro_row *)(o))
#define BUFFER_KEPT 1024 /* a spare row keeps a buffer up to this size */

struct coldescr {
    PyObject_HEAD PyObject *name;
    PyTypeObject *row; /* owned: what every row is */
    unsigned i;
};

/* ---- columns ---- */

int
oro_pyrow_set(struct oro_row *r, unsigned i, PyObject *v)
{
    PyObject *old = r->cols[i];
    r->cols[i] = Py_NewRef(v);
    r->dirty |= oro_pyrow_bit(i);
    oro_pyrow_track(r, v);
    Py_XDECREF(old);
    return 0;
}

/* The descriptor may be taken out of its class and asked about anything. */
static bool
has_column(struct coldescr *d, PyObject *o)
{
    if (ORO_LIKELY(PyObject_TypeCheck(o, d->row) && d->i < ROW(o)->rc->ncols))
        return true;
    PyErr_Format(PyExc_TypeError, "column '%U': not a column of %s", d->name, Py_TYPE(o)->tp_name);
    return false;
}

static PyObject *
coldescr_get(PyObject *self, PyObject *o, PyObject *type)
{
    struct coldescr *d = (struct coldescr *)self;
    if (o == NULL)
        return Py_NewRef(self);
    if (!has_column(d, o))
        return NULL;
    oro_pyrow_looked(ROW(o), oro_pyrow_bit(d->i));
    return Py_XNewRef(oro_pyrow_col(ROW(o), d->i));
}

static void
note_set(struct oro_row *r, unsigned i)
{
    if (r->unsaved == 0) {
        oro_place_drop(&r->set_at);
        oro_place_here(&r->set_at);
    }
    r->unsaved |= oro_pyrow_bit(i);
}

static int
coldescr_set(PyObject *self, PyObject *o, PyObject *v)
{
    struct coldescr *d = (struct coldescr *)self;
    if (v == NULL) {
        PyErr_Format(PyExc_AttributeError, "a column cannot be deleted");
        return -1;
    }
    if (!has_column(d, o))
        return -1;
    if (ROW(o)->has_bytes && ROW(o)->rc->space->lost != NULL)
        note_set(ROW(o), d->i);
    return oro_pyrow_set(ROW(o), d->i, v);
}

static PyObject *
coldescr_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<column '%U'>", ((struct coldescr *)self)->name);
}

static void
coldescr_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_CLEAR(((struct coldescr *)self)->name);
    Py_CLEAR(((struct coldescr *)self)->row);
    type->tp_free(self);
    Py_DECREF(type);
}

/* ---- the object ---- */

struct oro_row *
oro_pyrow_alloc(struct oro_rowclass *rc)
{
    struct oro_row *r;
    if (rc->npool > 0) {
        r = rc->pool[--rc->npool];
        if (rc->npool < rc->low)
            rc->low = rc->npool;
        Py_SET_REFCNT((PyObject *)r, 1);
        ORO_COUNT(rc->space, pool_hits, 1);
        return r;
    }
    ORO_COUNT(rc->space, pool_misses, 1);
    r = PyObject_GC_New(struct oro_row, rc->type);
    if (r == NULL)
        return NULL;
    oro_rowspace_memory(rc->space, rc->type->tp_basicsize);
    r->rc = rc;
    r->data = NULL;
    r->len = r->cap = 0;
    r->has_bytes = r->pinned = false;
    r->dirty = r->unsaved = 0;
    r->set_at = (struct oro_place){0};
    memset(r->cols, 0, rc->ncols * sizeof(*r->cols));
    return r;
}

PyObject *
oro_pyrow_from_bytes(struct oro_rowclass *rc, struct oro_bytes b)
{
    uint64_t began = oro_tally_begin(&rc->codecs->clock);
    struct oro_row *r = oro_pyrow_alloc(rc);
    if (r == NULL)
        return NULL;
    if (oro_pyrow_set_bytes(r, b) < 0) {
        Py_DECREF(r);
        return NULL;
    }
    oro_tally_end(&rc->codecs->clock, &rc->tally, DIR_DECODE, b.len, began);
    return (PyObject *)r;
}

static int
row_traverse(PyObject *o, visitproc visit, void *arg)
{
    struct oro_row *r = ROW(o);
    for (unsigned i = 0; i < r->rc->ncols; i++)
        Py_VISIT(r->cols[i]);
    Py_VISIT(Py_TYPE(o));
    return 0;
}

static int
row_clear(PyObject *o)
{
    struct oro_row *r = ROW(o);
    for (unsigned i = 0; i < r->rc->ncols; i++)
        Py_CLEAR(r->cols[i]);
    return 0;
}

/* With auto_tune a pool that is full grows, up to 8 times the setting. */
static bool
pool_grow(struct oro_rowclass *rc)
{
    struct oro_rowspace *rs = rc->space;
    unsigned most = rs->max_pool * 8 < ORO_POOL_MAX ? rs->max_pool * 8 : ORO_POOL_MAX;
    if (!rs->auto_tune || rc->retired || rc->limit >= most)
        return false;
    rc->limit = rc->limit * 2 < most ? rc->limit * 2 : most;
    return rc->npool < rc->limit;
}

static void
row_dealloc(PyObject *o)
{
    struct oro_row *r = ROW(o);
    struct oro_rowclass *rc = r->rc;
    PyTypeObject *type = Py_TYPE(o);
    if (PyObject_GC_IsTracked(o))
        PyObject_GC_UnTrack(o);
    if (ORO_UNLIKELY(r->unsaved != 0))
        rc->space->lost(r);
    if (ORO_UNLIKELY(r->set_at.code != NULL))
        oro_place_drop(&r->set_at);
    row_clear(o);
    if (type == rc->type && (rc->npool < rc->limit || pool_grow(rc))) {
        if (r->cap > BUFFER_KEPT) {
            oro_rowspace_memory(rc->space, -(Py_ssize_t)r->cap);
            PyMem_Free(r->data);
            r->data = NULL;
            r->cap = 0;
        }
        r->len = 0;
        r->has_bytes = false;
        r->dirty = 0;
        rc->pool[rc->npool++] = r;
        ORO_COUNT(rc->space, pool_returns, 1);
        return;
    }
    ORO_COUNT(rc->space, pool_drops, 1);
    oro_rowspace_memory(
        rc->space, -(Py_ssize_t)(r->cap + (type == rc->type ? (size_t)type->tp_basicsize : 0)));
    PyMem_Free(r->data);
    type->tp_free(o);
    Py_DECREF(type);
}

void
oro_rowclass_drop_pool(struct oro_rowclass *rc, unsigned keep)
{
    while (rc->npool > keep) {
        struct oro_row *r = rc->pool[--rc->npool];
        PyTypeObject *type = Py_TYPE(r);
        oro_rowspace_memory(rc->space, -(Py_ssize_t)(r->cap + (size_t)type->tp_basicsize));
        PyMem_Free(r->data);
        Py_SET_REFCNT((PyObject *)r, 1); /* as the debug build's checks want it */
        PyObject_GC_Del(r);
        Py_DECREF(type);
    }
}

struct oro_rowclass *
oro_rowclass_of(struct oro_rowspace *rs, PyTypeObject *type)
{
    for (; type != NULL; type = type->tp_base) {
        struct oro_rowclass *rc = oro_map_get_u64(&rs->class_map, (uint64_t)(uintptr_t)type);
        if (rc != NULL)
            return rc;
    }
    return NULL;
}

/* The description of a class or of a subclass of one, without knowing the interpreter's state. */
static struct oro_rowclass *
rowclass_of_type(PyTypeObject *type)
{
    for (PyTypeObject *t = type; t != NULL; t = t->tp_base) {
        PyObject *module =
            PyType_HasFeature(t, Py_TPFLAGS_HEAPTYPE) ? ((PyHeapTypeObject *)t)->ht_module : NULL;
        struct oro_rowspace *rs = module != NULL ? oro_rowspace_of(module) : NULL;
        struct oro_rowclass *rc =
            rs != NULL ? oro_map_get_u64(&rs->class_map, (uint64_t)(uintptr_t)t) : NULL;
        if (rc != NULL)
            return rc;
    }
    PyErr_Format(PyExc_TypeError, "%s is not a table", type->tp_name);
    return NULL;
}

static PyObject *
row_new(PyTypeObject *type, PyObject *args, PyObject *kw)
{
    struct oro_rowclass *rc = rowclass_of_type(type);
    if (rc == NULL)
        return NULL;
    if (type == rc->type)
        return (PyObject *)oro_pyrow_alloc(rc);
    PyObject *o = type->tp_alloc(type, 0); /* zeroed */
    if (o != NULL)
        ROW(o)->rc = rc;
    return o;
}

/* ---- construction ---- */

static int
default_of(struct oro_rowclass *rc, struct oro_rowcol *col, PyObject **out)
{
    switch ((enum oro_default_kind)col->dkind) {
    case DEFAULT_VALUE:
        *out = Py_NewRef(col->dflt);
        return 1;
    case DEFAULT_COPY:
        if (PyList_CheckExact(col->dflt) && PyList_GET_SIZE(col->dflt) == 0)
            *out = PyList_New(0);
        else
            *out = PyObject_CallOneArg(rc->space->deepcopy, col->dflt);
        return *out != NULL ? 1 : -1;
    case DEFAULT_FACTORY:
        *out = PyObject_CallNoArgs(col->dflt);
        return *out != NULL ? 1 : -1;
    default:
        return 0;
    }
}

static int
missing(struct oro_row *r, unsigned from)
{
    struct oro_rowclass *rc = r->rc;
    struct oro_bb text = {0};
    unsigned n = 0;
    for (unsigned i = from; i < rc->ncols; i++)
        if (r->cols[i] == NULL && rc->cols[i].dkind == DEFAULT_NONE)
            oro_bb_printf(&text, "%s'%s'", n++ > 0 ? ", " : "", PyUnicode_AsUTF8(rc->cols[i].name));
    PyErr_Format(PyExc_TypeError, "%s() misses %s %.300s", rc->name, n == 1 ? "column" : "columns",
                 (char *)text.data);
    oro_bb_fini(&text);
    return -1;
}

/* Gives what was not given its default, and lets the class finish. */
static int
complete(struct oro_row *r)
{
    struct oro_rowclass *rc = r->rc;
    for (unsigned i = 0; i < rc->ncols; i++) {
        PyObject *v;
        if (r->cols[i] != NULL)
            continue;
        int got = default_of(rc, &rc->cols[i], &v);
        if (got <= 0)
            return got < 0 ? -1 : missing(r, i);
        oro_pyrow_set(r, i, v);
        Py_DECREF(v);
    }
    if (!rc->has_post_init)
        return 0;
    PyObject *done = PyObject_CallMethodNoArgs((PyObject *)r, rc->codecs->s_post_init);
    Py_XDECREF(done);
    return done != NULL ? 0 : -1;
}

static int
set_named(struct oro_row *r, PyObject *name, PyObject *v)
{
    int i = oro_rowclass_find(r->rc, name);
    if (i < 0) {
        oro_pyerr_no_column("no_column", r->rc->name, r->rc, name);
        return -1;
    }
    return oro_pyrow_set(r, (unsigned)i, v);
}

PyObject *
oro_pyrow_make(struct oro_rowclass *rc, PyObject *const *values, PyObject *kwnames)
{
    struct oro_row *r = oro_pyrow_alloc(rc);
    Py_ssize_t n = kwnames != NULL ? PyTuple_GET_SIZE(kwnames) : 0;
    if (r == NULL)
        return NULL;
    for (Py_ssize_t i = 0; i < n; i++)
        if (set_named(r, PyTuple_GET_ITEM(kwnames, i), values[i]) < 0)
            goto error;
    if (complete(r) < 0)
        goto error;
    return (PyObject *)r;
error:
    Py_DECREF(r);
    return NULL;
}

static PyObject *
row_vectorcall(PyObject *type, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    struct oro_rowclass *rc = rowclass_of_type((PyTypeObject *)type);
    if (rc == NULL)
        return NULL;
    if (PyVectorcall_NARGS(nargsf) > 0)
        return PyErr_Format(PyExc_TypeError, "%s() takes keyword arguments only", rc->name);
    return oro_pyrow_make(rc, args, kwnames);
}

static int
row_init(PyObject *o, PyObject *args, PyObject *kw)
{
    struct oro_row *r = ROW(o);
    PyObject *name, *v;
    Py_ssize_t at = 0;
    if (PyTuple_GET_SIZE(args) > 0) {
        PyErr_Format(PyExc_TypeError, "%s() takes keyword arguments only", r->rc->name);
        return -1;
    }
    while (kw != NULL && PyDict_Next(kw, &at, &name, &v))
        if (set_named(r, name, v) < 0)
            return -1;
    return complete(r);
}

/* ---- what a dataclass can ---- */

static PyObject *
row_getattro(PyObject *o, PyObject *name)
{
    struct oro_rowclass *rc = ROW(o)->rc;
    if (Py_TYPE(o) == rc->type) {
        unsigned n = rc->ncols < 12 ? rc->ncols : 12; /* further on the type's cache is as fast */
        for (unsigned i = 0; i < n; i++)
            if (rc->cols[i].name == name) {
                oro_pyrow_looked(ROW(o), oro_pyrow_bit(i));
                return Py_XNewRef(oro_pyrow_col(ROW(o), i));
            }
    }
    return PyObject_GenericGetAttr(o, name);
}

static PyObject *
row_repr(PyObject *o)
{
    struct oro_row *r = ROW(o);
    PyObject *qualname = PyType_GetQualName(Py_TYPE(o)), *out = NULL, *parts = PyList_New(0),
             *comma = NULL, *joined = NULL;
    oro_pyrow_looked(r, UINT64_MAX);
    int entered = Py_ReprEnter(o);
    if (entered != 0) {
        out = entered > 0 ? PyUnicode_FromString("...") : NULL;
        goto done;
    }
    for (unsigned i = 0; qualname != NULL && parts != NULL && i < r->rc->ncols; i++) {
        PyObject *v = Py_XNewRef(oro_pyrow_col(r, i)); /* its repr may set the column */
        PyObject *part = v != NULL ? PyUnicode_FromFormat("%U=%R", r->rc->cols[i].name, v) : NULL;
        if (part == NULL || PyList_Append(parts, part) < 0)
            Py_CLEAR(parts);
        Py_XDECREF(v);
        Py_XDECREF(part);
    }
    if (parts != NULL && qualname != NULL && (comma = PyUnicode_FromString(", ")) != NULL)
        joined = PyUnicode_Join(comma, parts);
    if (joined != NULL)
        out = PyUnicode_FromFormat("%U(%U)", qualname, joined);
    Py_ReprLeave(o);
done:
    Py_XDECREF(qualname);
    Py_XDECREF(parts);
    Py_XDECREF(comma);
    Py_XDECREF(joined);
    return out;
}

/* Are two values one in the order of indexes? 0 also for what is no value of the type; -1 raised. */
static int
same_value(struct oro_codecs *cs, const struct oro_codec *c, PyObject *v, PyObject *w)
{
    struct oro_bb both = {0};
    size_t at = 0;
    c = oro_codec_bare(c);
    int rc = oro_codec_encode(cs, c, v, &both, 1);
    if (rc == 0) {
        at = both.len;
        rc = oro_codec_encode(cs, c, w, &both, 1);
    }
    if (rc == 0) {
        struct oro_reader a = oro_reader(oro_bytes(both.data, at)),
                          b = oro_reader(oro_bytes(both.data + at, both.len - at));
        rc = oro_codec_cmp(c, &a, &b) == 0;
    } else if (cs->cerr.set) {
        oro_cerr_clear(cs);
        rc = 0;
    }
    oro_bb_fini(&both);
    return rc;
}

static PyObject *
row_compare(PyObject *a, PyObject *b, int op)
{
    struct oro_row *x = ROW(a), *y = ROW(b);
    if ((op != Py_EQ && op != Py_NE) || Py_TYPE(a) != Py_TYPE(b) || x->rc != y->rc)
        Py_RETURN_NOTIMPLEMENTED;
    bool equal = true;
    oro_pyrow_looked(x, UINT64_MAX);
    oro_pyrow_looked(y, UINT64_MAX);
    if (!(x->has_bytes && y->has_bytes && (x->dirty | y->dirty) == 0 && x->len == y->len &&
          memcmp(x->data, y->data, x->len) == 0))
        for (unsigned i = 0; equal && i < x->rc->ncols; i++) {
            PyObject *v = Py_XNewRef(oro_pyrow_col(x, i)),
                     *w = v != NULL ? Py_XNewRef(oro_pyrow_col(y, i)) : NULL;
            int same = w != NULL ? PyObject_RichCompareBool(v, w, Py_EQ) : -1;
            if (same == 0 && x->rc->bound && x->rc->cols[i].floats) /* NaN is what NaN is */
                same = same_value(x->rc->codecs, x->rc->cols[i].codec, v, w);
            Py_XDECREF(v);
            Py_XDECREF(w);
            if (same < 0)
                return NULL;
            equal = same;
        }
    return PyBool_FromLong(equal == (op == Py_EQ));
}

static struct oro_row *
copy_of(struct oro_row *r, bool deep)
{
    struct oro_rowclass *rc = r->rc;
    PyTypeObject *type = Py_TYPE(r);
    struct oro_row *c =
        type == rc->type ? oro_pyrow_alloc(rc) : ROW(row_new(type, rc->codecs->empty_tuple, NULL));
    if (c == NULL)
        return NULL;
    oro_pyrow_looked(r, UINT64_MAX); /* handed on */
    for (unsigned i = 0; i < rc->ncols; i++) {
        PyObject *v = Py_XNewRef(r->cols[i]);
        if (v == NULL)
            continue;
        if (deep && (rc->changeable & oro_pyrow_bit(i) || !rc->bound))
            Py_SETREF(v, PyObject_CallOneArg(rc->space->deepcopy, v));
        if (v == NULL)
            goto error;
        oro_pyrow_set(c, i, v);
        Py_DECREF(v);
    }
    if (r->has_bytes && oro_pyrow_set_bytes(c, (struct oro_bytes){r->data, r->len}) < 0)
        goto error;
    c->dirty = r->dirty;
    return c;
error:
    Py_DECREF(c);
    return NULL;
}

static PyObject *
row_copy(PyObject *o, PyObject *none)
{
    return (PyObject *)copy_of(ROW(o), false);
}

static PyObject *
row_deepcopy(PyObject *o, PyObject *memo)
{
    return (PyObject *)copy_of(ROW(o), true);
}

static PyObject *
row_replace(PyObject *o, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    if (nargs > 0)
        return PyErr_Format(PyExc_TypeError, "__replace__ takes keyword arguments only");
    struct oro_row *c = copy_of(ROW(o), false);
    for (Py_ssize_t i = 0; c != NULL && kwnames != NULL && i < PyTuple_GET_SIZE(kwnames); i++)
        if (set_named(c, PyTuple_GET_ITEM(kwnames, i), args[i]) < 0)
            Py_CLEAR(c);
    return (PyObject *)c;
}

/* ---- what codecs ask of rows ---- */

static struct oro_rowclass *
class_for(struct oro_codecs *cs, PyTypeObject *type, unsigned *ncols)
{
    struct oro_rowclass *rc = oro_rowclass_of(cs->rows_owner, type);
    if (rc != NULL)
        *ncols = rc->ncols;
    return rc;
}

static PyObject *
make_empty(struct oro_rowclass *rc)
{
    return (PyObject *)oro_pyrow_alloc(rc);
}

static int
set_value(PyObject *row, unsigned i, PyObject *v)
{
    return oro_pyrow_set(ROW(row), i, v);
}

static int
encode_as(struct oro_rowclass *rc, PyObject *row, struct oro_bb *out, unsigned depth)
{
    if (!rc->bound)
        return ORO_ROW_UNBOUND;
    return ROW(row)->rc == rc ? oro_pyrow_encode(ROW(row), out, depth) : ORO_ROW_OTHER;
}

const struct oro_row_hooks oro_pyrow_hooks = {class_for, make_empty, set_value, encode_as};

/* ---- the types ---- */

static PyMethodDef row_methods[] = {
    {"__copy__", row_copy, METH_NOARGS, NULL},
    {"__deepcopy__", row_deepcopy, METH_O, NULL},
    {"__replace__", (PyCFunction)(void (*)(void))row_replace, METH_FASTCALL | METH_KEYWORDS, NULL},
    {0},
};

PyObject *
oro_pyrow_make_type(PyObject *module, PyObject *cls, PyObject *bases, unsigned ncols,
                    const char *name)
{
    PyType_Slot slots[] = {
        {Py_tp_new, row_new},
        {Py_tp_init, row_init},
        {Py_tp_dealloc, row_dealloc},
        {Py_tp_traverse, row_traverse},
        {Py_tp_clear, row_clear},
        {Py_tp_getattro, row_getattro},
        /* Said again, since a base of the author's before ours in the order would hand down those of object. */
        {Py_tp_richcompare, row_compare},
        {Py_tp_hash, PyObject_HashNotImplemented},
        {0, NULL},
    };
    /* The name may need no longer life than this: the type copies it. */
    PyObject *in = PyObject_GetAttrString(cls, "__module__"), *full = NULL, *type = NULL;
    if (in != NULL)
        full = PyUnicode_FromFormat("%S.%s", in, name);
    const char *text = full != NULL ? PyUnicode_AsUTF8(full) : NULL;
    PyType_Spec spec = {text, (int)(sizeof(struct oro_row) + ncols * sizeof(PyObject *)), 0,
                        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
    if (text != NULL)
        type = PyType_FromMetaclass(NULL, module, &spec, bases);
    if (type != NULL) {
        PyTypeObject *made = (PyTypeObject *)type;
        made->tp_vectorcall = row_vectorcall;
        /* A base with a __dict__ hands its offset down, though our instances have no room for one. */
        if (!PyType_HasFeature(made, Py_TPFLAGS_MANAGED_DICT))
            made->tp_dictoffset = 0;
        made->tp_weaklistoffset = 0;
    }
    Py_XDECREF(in);
    Py_XDECREF(full);
    return type;
}

int
oro_pyrow_add_column(struct oro_rowspace *rs, PyObject *made, const struct oro_rowcol *col,
                     unsigned i)
{
    struct coldescr *d = PyObject_New(struct coldescr, (PyTypeObject *)rs->t_coldescr);
    if (d == NULL)
        return -1;
    d->name = Py_NewRef(col->name);
    d->row = (PyTypeObject *)Py_NewRef(rs->t_row);
    d->i = i;
    int rc = PyObject_SetAttr(made, col->name, (PyObject *)d);
    Py_DECREF(d);
    return rc;
}

static PyObject *
abstract_new(PyTypeObject *type, PyObject *args, PyObject *kw)
{
    return row_new(type, args, kw);
}

int
oro_pyrow_types(struct oro_rowspace *rs, PyObject *module)
{
    PyType_Slot row_slots[] = {
        {Py_tp_new, abstract_new},
        {Py_tp_dealloc, row_dealloc},
        {Py_tp_traverse, row_traverse},
        {Py_tp_clear, row_clear},
        {Py_tp_repr, row_repr},
        {Py_tp_richcompare, row_compare},
        {Py_tp_hash, PyObject_HashNotImplemented},
        {Py_tp_methods, row_methods},
        {0, NULL},
    };
    PyType_Spec row_spec = {"orochi.Row", sizeof(struct oro_row), 0,
                            Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
                            row_slots};
    PyType_Slot col_slots[] = {
        {Py_tp_descr_get, coldescr_get},
        {Py_tp_descr_set, coldescr_set},
        {Py_tp_repr, coldescr_repr},
        {Py_tp_dealloc, coldescr_dealloc},
        {0, NULL},
    };
    PyType_Spec col_spec = {"orochi.member_descriptor", sizeof(struct coldescr), 0,
                            Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, col_slots};
    rs->t_row = PyType_FromModuleAndSpec(module, &row_spec, NULL);
    rs->t_coldescr = PyType_FromModuleAndSpec(module, &col_spec, NULL);
    return rs->t_row == NULL || rs->t_coldescr == NULL ? -1 : 0;
}
