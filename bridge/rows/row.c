/* bridge/rows/row.c - classes of @table: the author's own class with slots in C.
 *
 * A row from the store holds a copy of its BSATN bytes and no objects; a column is decoded when it is first touched and then
 * kept. A row made by its constructor holds objects and no bytes. `dirty` says which objects are newer than the bytes, so an
 * update copies what did not change. Columns of changeable types (lists, records) count as changed once they were touched.
 *
 * Spare rows of a class wait in its pool with their byte buffer, cleared, and keep their reference to the type. Rows are known
 * to the garbage collector only once they hold an object that it cares for. */
#include "bridge/py_priv.h"

#define ROW(o) ((struct oro_row *)(o))
#define BUFFER_KEPT 1024 /* a spare row keeps a buffer up to this size */

struct coldescr {
    PyObject_HEAD PyObject *name;
    PyTypeObject *row; /* owned: what every row is */
    unsigned i;
};

/* ---- columns ---- */

static void
track(struct oro_row *r, PyObject *v)
{
    if (PyObject_IS_GC(v) && !PyObject_GC_IsTracked((PyObject *)r))
        PyObject_GC_Track(r);
}

static int
bad_bytes(struct oro_row *r, unsigned i)
{
    oro_cerr_name(&r->rc->py->codecs, r->rc->cols[i].name);
    return oro_cerr_raise(&r->rc->py->codecs, r->rc->py->codecs.e_decode, r->rc->table);
}

/* Where column i starts; -1 when the bytes are not a row of this class. */
static int
seek(const struct oro_rowclass *rc, struct oro_bytes row, unsigned i, struct oro_reader *rd)
{
    unsigned k = i < rc->nfixed ? i : rc->nfixed - 1;
    *rd = oro_reader(row);
    if (rc->cols[k].off > row.len)
        return -1;
    rd->at += rc->cols[k].off;
    for (; k < i; k++)
        if (oro_codec_skip(rc->cols[k].codec, rd) < 0)
            return -1;
    return 0;
}

int
oro_rowclass_column(struct oro_rowclass *rc, struct oro_bytes row, unsigned i,
                    struct oro_bytes *out)
{
    struct oro_reader rd;
    if (seek(rc, row, i, &rd) < 0)
        return -1;
    const uint8_t *from = rd.at;
    if (oro_codec_skip(rc->cols[i].codec, &rd) < 0)
        return -1;
    *out = oro_bytes(from, (size_t)(rd.at - from));
    return 0;
}

/* Code of the author that runs while a row's bytes are read may update that very row. So the buffer is pinned: set_bytes then
 * leaves it to whoever pinned it first. Ended in reverse order. */
struct pin {
    uint8_t *data;
    bool was;
};

static struct pin
pin(struct oro_row *r)
{
    struct pin p = {r->data, r->pinned};
    Py_INCREF(r);
    r->pinned = true;
    return p;
}

static void
unpin(struct oro_row *r, struct pin p)
{
    if (r->data == p.data)
        r->pinned = p.was;
    else if (!p.was)
        PyMem_Free(p.data);
    Py_DECREF(r);
}

static PyObject *
decode_col(struct oro_row *r, unsigned i)
{
    struct oro_rowclass *rc = r->rc;
    struct oro_reader rd;
    if (!r->has_bytes) {
        PyErr_Format(PyExc_AttributeError, "%s.%U is not set", rc->name, rc->cols[i].name);
        return NULL;
    }
    if (seek(rc, oro_bytes(r->data, r->len), i, &rd) < 0) {
        oro_cerr_set(&rc->py->codecs, "the row's bytes are cut short");
        bad_bytes(r, i);
        return NULL;
    }
    uint64_t began = oro_tally_begin(&rc->py->codecs.clock);
    struct pin held = pin(r);
    PyObject *v = oro_codec_decode(&rc->py->codecs, rc->cols[i].codec, &rd, 1);
    unpin(r, held);
    if (v == NULL) {
        ORO_BUMP(rc->tally.errors[DIR_COLUMN], 1);
        bad_bytes(r, i);
        return NULL;
    }
    if (ORO_UNLIKELY(began !=
                     0)) /* columns are not counted one by one: each timed one stands for 64 */
        oro_tally_time(&rc->py->codecs.clock, &rc->tally, DIR_COLUMN, began);
    if (r->cols[i] != NULL) { /* a checker touched it meanwhile */
        Py_DECREF(v);
        if (r->cols[i] == NULL)
            PyErr_Format(PyExc_RuntimeError, "%s.%U was changed while it was read", rc->table,
                         rc->cols[i].name);
        return r->cols[i];
    }
    r->cols[i] = v;
    r->dirty |= rc->changeable & oro_pyrow_bit(i);
    track(r, v);
    return v;
}

PyObject *
oro_pyrow_col(struct oro_row *r, unsigned i)
{
    PyObject *v = r->cols[i];
    return ORO_LIKELY(v != NULL) ? v : decode_col(r, i);
}

int
oro_pyrow_set(struct oro_row *r, unsigned i, PyObject *v)
{
    PyObject *old = r->cols[i];
    r->cols[i] = Py_NewRef(v);
    r->dirty |= oro_pyrow_bit(i);
    track(r, v);
    Py_XDECREF(old);
    return 0;
}

int
oro_rowclass_find(const struct oro_rowclass *rc, PyObject *name)
{
    for (unsigned i = 0; i < rc->ncols; i++)
        if (rc->cols[i].name == name)
            return (int)i;
    for (unsigned i = 0; i < rc->ncols; i++)
        if (rc->cols[i].name != NULL && PyUnicode_Check(name) &&
            PyUnicode_Compare(rc->cols[i].name, name) == 0)
            return (int)i;
    return -1;
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
    if (ROW(o)->has_bytes && oro_py_warn_lost)
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
        ORO_COUNT(rc->py, pool_hits, 1);
        return r;
    }
    ORO_COUNT(rc->py, pool_misses, 1);
    r = PyObject_GC_New(struct oro_row, rc->type);
    if (r == NULL)
        return NULL;
    oro_py_memory(rc->py, rc->type->tp_basicsize);
    r->rc = rc;
    r->data = NULL;
    r->len = r->cap = 0;
    r->has_bytes = r->pinned = false;
    r->dirty = r->unsaved = 0;
    r->set_at = (struct oro_place){0};
    memset(r->cols, 0, rc->ncols * sizeof(*r->cols));
    return r;
}

int
oro_pyrow_make_room(struct oro_row *r, size_t len)
{
    uint32_t cap = len < 48 ? 48 : (uint32_t)len;
    uint8_t *data = PyMem_Malloc(cap);
    if (data == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (r->has_bytes && r->len > 0) /* it may never be written: the call failed */
        memcpy(data, r->data, r->len < cap ? r->len : cap);
    if (!r->pinned)
        PyMem_Free(r->data);
    oro_py_memory(r->rc->py, (Py_ssize_t)cap - (Py_ssize_t)r->cap);
    r->pinned = false;
    r->data = data;
    r->cap = cap;
    return 0;
}

static int
set_bytes(struct oro_row *r, struct oro_bytes b)
{
    if (oro_pyrow_reserve(r, b.len) < 0)
        return -1;
    if (b.len > 0)
        memcpy(r->data, b.data, b.len);
    r->len = (uint32_t)b.len;
    r->has_bytes = true;
    return 0;
}

PyObject *
oro_pyrow_from_bytes(struct oro_rowclass *rc, struct oro_bytes b)
{
    uint64_t began = oro_tally_begin(&rc->py->codecs.clock);
    struct oro_row *r = oro_pyrow_alloc(rc);
    if (r == NULL)
        return NULL;
    if (set_bytes(r, b) < 0) {
        Py_DECREF(r);
        return NULL;
    }
    oro_tally_end(&rc->py->codecs.clock, &rc->tally, DIR_DECODE, b.len, began);
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
    struct oro_py *py = rc->py;
    unsigned most = py->max_pool * 8 < ORO_POOL_MAX ? py->max_pool * 8 : ORO_POOL_MAX;
    if (!py->auto_tune || rc->retired || rc->limit >= most)
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
        oro_lost_add(r);
    if (ORO_UNLIKELY(r->set_at.code != NULL))
        oro_place_drop(&r->set_at);
    row_clear(o);
    if (type == rc->type && (rc->npool < rc->limit || pool_grow(rc))) {
        if (r->cap > BUFFER_KEPT) {
            oro_py_memory(rc->py, -(Py_ssize_t)r->cap);
            PyMem_Free(r->data);
            r->data = NULL;
            r->cap = 0;
        }
        r->len = 0;
        r->has_bytes = false;
        r->dirty = 0;
        rc->pool[rc->npool++] = r;
        ORO_COUNT(rc->py, pool_returns, 1);
        return;
    }
    ORO_COUNT(rc->py, pool_drops, 1);
    oro_py_memory(rc->py,
                  -(Py_ssize_t)(r->cap + (type == rc->type ? (size_t)type->tp_basicsize : 0)));
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
        oro_py_memory(rc->py, -(Py_ssize_t)(r->cap + (size_t)type->tp_basicsize));
        PyMem_Free(r->data);
        Py_SET_REFCNT((PyObject *)r, 1); /* as the debug build's checks want it */
        PyObject_GC_Del(r);
        Py_DECREF(type);
    }
}

struct oro_rowclass *
oro_rowclass_of(struct oro_py *py, PyTypeObject *type)
{
    for (; type != NULL; type = type->tp_base) {
        struct oro_rowclass *rc = oro_map_get_u64(&py->class_map, (uint64_t)(uintptr_t)type);
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
        struct oro_py *py = module != NULL ? oro_py_of_module(module) : NULL;
        struct oro_rowclass *rc =
            py != NULL ? oro_map_get_u64(&py->class_map, (uint64_t)(uintptr_t)t) : NULL;
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
            *out = PyObject_CallOneArg(rc->py->deepcopy, col->dflt);
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
    PyObject *done = PyObject_CallMethodNoArgs((PyObject *)r, rc->py->codecs.s_post_init);
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
                same = oro_codec_same(&x->rc->py->codecs, x->rc->cols[i].codec, v, w);
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
    struct oro_row *c = type == rc->type ? oro_pyrow_alloc(rc)
                                         : ROW(row_new(type, rc->py->codecs.empty_tuple, NULL));
    if (c == NULL)
        return NULL;
    oro_pyrow_looked(r, UINT64_MAX); /* handed on */
    for (unsigned i = 0; i < rc->ncols; i++) {
        PyObject *v = Py_XNewRef(r->cols[i]);
        if (v == NULL)
            continue;
        if (deep && (rc->changeable & oro_pyrow_bit(i) || !rc->bound))
            Py_SETREF(v, PyObject_CallOneArg(rc->py->deepcopy, v));
        if (v == NULL)
            goto error;
        oro_pyrow_set(c, i, v);
        Py_DECREF(v);
    }
    if (r->has_bytes && set_bytes(c, (struct oro_bytes){r->data, r->len}) < 0)
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

/* ---- bytes ---- */

/* The author's constructor refuses now rather than at every look at the row. */
static int
try_reading(struct oro_codecs *cs, const struct oro_codec *c, struct oro_bytes b)
{
    static const char words[] = "it could not be read back: ";
    struct oro_reader r = oro_reader(b);
    PyObject *v = oro_codec_decode(cs, c, &r, 1);
    if (v == NULL && cs->cerr.set) {
        size_t n = sizeof(cs->cerr.text) - sizeof(words);
        memmove(cs->cerr.text + sizeof(words) - 1, cs->cerr.text, n);
        memcpy(cs->cerr.text, words, sizeof(words) - 1);
        cs->cerr.text[sizeof(cs->cerr.text) - 1] = 0;
    }
    Py_XDECREF(v);
    return v != NULL ? 0 : -1;
}

static int
encode_col(struct oro_row *r, unsigned i, struct oro_bb *out, unsigned depth)
{
    struct oro_rowclass *rc = r->rc;
    PyObject *v = r->cols[i];
    if (v == NULL) {
        oro_cerr_set(&rc->py->codecs, "not set");
        oro_cerr_name(&rc->py->codecs, rc->cols[i].name);
        return -1;
    }
    if (v == Py_None && rc->cols[i].auto_inc)
        v = rc->py->zero;
    size_t from = out->len;
    Py_INCREF(v);
    int st = oro_codec_encode(&rc->py->codecs, rc->cols[i].codec, v, out, depth);
    Py_DECREF(v);
    if (st == 0 && ORO_UNLIKELY(rc->cols[i].codec->fallible) && depth == 1)
        st = try_reading(&rc->py->codecs, rc->cols[i].codec,
                         oro_bytes(out->data + from, out->len - from));
    if (st < 0)
        oro_cerr_name(&rc->py->codecs, rc->cols[i].name);
    return st;
}

/* Only columns of fixed place and size changed: a copy with those overwritten. */
static int
encode_patched(struct oro_row *r, struct oro_bb *out, unsigned depth)
{
    size_t base = out->len, len = r->len; /* as it is now: what encodes may update the row */
    oro_bb_put(out, r->data, len);
    for (uint64_t left = r->dirty; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);
        const struct oro_rowcol *c = &r->rc->cols[i];
        size_t at = out->len;
        if (encode_col(r, i, out, depth) < 0)
            return -1;
        ORO_ASSERT(out->len - at == c->codec->fixed_size && c->off + c->codec->fixed_size <= len);
        memcpy(out->data + base + c->off, out->data + at, c->codec->fixed_size);
        out->len = at;
    }
    return 0;
}

static int
encode_mixed(struct oro_row *r, struct oro_bb *out, unsigned depth)
{
    struct oro_rowclass *rc = r->rc;
    struct oro_reader rd = oro_reader((struct oro_bytes){r->data, r->len});
    struct pin held = pin(r);
    int st = 0;
    for (unsigned i = 0; st == 0 && i < rc->ncols; i++) {
        const uint8_t *from = rd.at;
        if (oro_codec_skip(rc->cols[i].codec, &rd) < 0)
            st = oro_cerr_set(&rc->py->codecs, "the row's bytes are cut short");
        else if ((r->dirty & oro_pyrow_bit(i)) == 0 || r->cols[i] == NULL)
            oro_bb_put(out, from, (size_t)(rd.at - from));
        else
            st = encode_col(r, i, out, depth);
    }
    unpin(r, held);
    return st;
}

int
oro_pyrow_encode(struct oro_row *r, struct oro_bb *out, unsigned depth)
{
    struct oro_rowclass *rc = r->rc;
    oro_pyrow_looked(r, UINT64_MAX); /* it is given to a table, or is part of what is */
    if (!rc->bound)
        return oro_cerr_set(&rc->py->codecs, "%s belongs to no table of this database", rc->name);
    if (r->has_bytes) {
        if (r->dirty == 0) {
            oro_bb_put(out, r->data, r->len);
            return 0;
        }
        return (r->dirty & ~rc->patchable) == 0 ? encode_patched(r, out, depth)
                                                : encode_mixed(r, out, depth);
    }
    for (unsigned i = 0; i < rc->ncols; i++)
        if (encode_col(r, i, out, depth) < 0)
            return -1;
    return 0;
}

int
oro_pyrow_stored(struct oro_row *r, struct oro_bytes b, uint64_t refresh)
{
    struct oro_rowclass *rc = r->rc;
    if (set_bytes(r, b) < 0)
        return -1;
    r->dirty = 0;
    if ((refresh | rc->changeable) == 0)
        return 0;
    for (unsigned i = 0; i < rc->ncols; i++) {
        if (r->cols[i] == NULL)
            continue;
        if (i < 63 && (refresh & oro_pyrow_bit(i)) != 0)
            Py_CLEAR(r->cols[i]);
        else if (!rc->cols[i].codec->immutable)
            r->dirty |= oro_pyrow_bit(i);
    }
    return 0;
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

void
oro_pyrow_hook(struct oro_py *py)
{
    static const struct oro_row_hooks hooks = {class_for, make_empty, set_value, encode_as};
    py->codecs.rows = &hooks;
    py->codecs.rows_owner = py;
}

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
oro_pyrow_add_column(struct oro_py *py, PyObject *made, const struct oro_rowcol *col, unsigned i)
{
    struct coldescr *d = PyObject_New(struct coldescr, (PyTypeObject *)py->t_coldescr);
    if (d == NULL)
        return -1;
    d->name = Py_NewRef(col->name);
    d->row = (PyTypeObject *)Py_NewRef(py->t_row);
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
oro_pyrow_types(struct oro_py *py, PyObject *module)
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
    py->t_row = PyType_FromModuleAndSpec(module, &row_spec, NULL);
    py->t_coldescr = PyType_FromModuleAndSpec(module, &col_spec, NULL);
    return py->t_row == NULL || py->t_coldescr == NULL ? -1 : 0;
}
