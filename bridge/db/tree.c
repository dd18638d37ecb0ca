/* bridge/db/tree.c - ctx.db and what hangs on it.
 *
 * One tree of handles serves all calls: Database -> Table for each table -> Column for each column and named index. A table's
 * handles are made when it is first asked for, and Database notes which tables a call has asked for: only their handles can have
 * been kept, so the end of a call costs nothing for tables it did not use. Columns are C members, which the interpreter turns
 * into a single load. What ends a tree stands in table.h. */
#include "bridge/db/docs.h"
#include "bridge/db/table_priv.h"

/* ---- the tree ---- */

static PyObject *
new_column(struct oro_db *db, struct oro_pytable *t, const struct oro_accessor *acc)
{
    struct oro_chandle *c = PyObject_New(struct oro_chandle, (PyTypeObject *)db->t_column);
    if (c != NULL) {
        c->owner = db;
        c->keeps = Py_NewRef(t->type);
        c->t = t;
        c->acc = acc;
    }
    return (PyObject *)c;
}

static PyObject *
new_table(struct oro_db *db, struct oro_pytable *t)
{
    struct oro_thandle *h = PyObject_New(struct oro_thandle, t->type);
    if (h == NULL)
        return NULL;
    h->owner = db;
    h->t = t;
    h->touched = false;
    memset(h->cols, 0, t->nacc * sizeof(h->cols[0]));
    for (unsigned i = 0; i < t->nacc; i++)
        if ((h->cols[i] = new_column(db, t, &t->acc[i])) == NULL) {
            Py_DECREF(h);
            return NULL;
        }
    return (PyObject *)h;
}

PyObject *
oro_pytree_new(struct oro_db *db)
{
    struct oro_dbhandle *root = PyObject_New(struct oro_dbhandle, (PyTypeObject *)db->t_db);
    if (root == NULL)
        return NULL;
    root->owner = db;
    memset(root->seen, 0, sizeof(root->seen));
    memset(root->tables, 0, db->ntables * sizeof(root->tables[0]));
    db->ntouched = 0;
    return (PyObject *)root;
}

static bool
table_kept(const struct oro_thandle *h)
{
    if (Py_REFCNT(h) != 1)
        return true;
    for (unsigned i = 0; i < h->t->nacc; i++)
        if (Py_REFCNT(h->cols[i]) != 1)
            return true;
    return false;
}

bool
oro_pytree_kept(struct oro_db *db)
{
    bool kept = Py_REFCNT(db->handle) != 2; /* ours and the context's */
    for (unsigned i = 0; i < db->ntouched; i++) {
        kept = kept || table_kept(db->touched[i]);
        db->touched[i]->touched = false;
    }
    db->ntouched = 0;
    return kept;
}

static void
table_kill(struct oro_thandle *h)
{
    h->owner = NULL;
    for (unsigned i = 0; i < h->t->nacc; i++)
        CH(h->cols[i])->owner = NULL;
}

void
oro_pytree_kill(struct oro_db *db)
{
    struct oro_dbhandle *root = (struct oro_dbhandle *)db->handle;
    root->owner = NULL;
    for (unsigned i = 0; i < db->ntables; i++)
        if (root->tables[i] != NULL)
            table_kill(TH(root->tables[i]));
    db->ntouched = 0;
}

/* ---- Database ---- */

static PyObject *
db_over(PyObject *self, const char *name)
{
    return PyErr_Format(oro_db_of(PyType_GetModule(Py_TYPE(self)))->e_transaction,
                        "%s: used outside the call it belongs to", name);
}

/* New reference. Notes that this call has seen the table, since its handles may be kept from here on. */
static PyObject *
db_table(PyObject *self, unsigned i)
{
    struct oro_dbhandle *root = (struct oro_dbhandle *)self;
    struct oro_db *db = root->owner;
    if (ORO_UNLIKELY(root->tables[i] == NULL)) {
        root->tables[i] = new_table(db, &db->tables[i]);
        if (root->tables[i] == NULL)
            return NULL;
    }
    struct oro_thandle *h = TH(root->tables[i]);
    if (!h->touched) {
        h->touched = true;
        db->touched[db->ntouched++] = h;
    }
    return Py_NewRef((PyObject *)h);
}

static PyObject *
db_get(PyObject *self, void *closure)
{
    unsigned i = (unsigned)(uintptr_t)closure;
    if (ORO_UNLIKELY(((struct oro_dbhandle *)self)->owner == NULL))
        return db_over(self, "ctx.db");
    return db_table(self, i);
}

/* ctx.db.name. The interpreter has no short way to a getset descriptor: 200 instructions of 6,500 of a transfer. */
static PyObject *
db_getattro(PyObject *self, PyObject *name)
{
    struct oro_dbhandle *root = (struct oro_dbhandle *)self;
    struct oro_db *db = root->owner;
    unsigned at = ((uintptr_t)name >> 4) % ORO_DB_SEEN;
    if (ORO_LIKELY(root->seen[at].name == name && db != NULL))
        return db_table(self, root->seen[at].table);
    for (unsigned i = 0; db != NULL && i < db->ntables; i++) {
        if (db->tables[i].accessor != name)
            continue;
        root->seen[at].name = name;
        root->seen[at].table = i;
        return db_table(self, i);
    }
    return PyObject_GenericGetAttr(self, name);
}

static PyObject *
db_item(PyObject *self, PyObject *cls)
{
    struct oro_db *db = ((struct oro_dbhandle *)self)->owner;
    if (db == NULL)
        return db_over(self, "ctx.db");
    for (unsigned i = 0; i < db->ntables; i++)
        if ((PyObject *)db->tables[i].rc->type == cls)
            return db_table(self, i);
    return PyErr_Format(PyExc_KeyError, "%R is not a table of this module", cls);
}

static PyObject *
db_get_table(PyObject *self, PyObject *cls)
{
    PyObject *table = db_item(self, cls), *compat, *out;
    if (table == NULL)
        return NULL;
    compat = PyImport_ImportModule("orochi._compat");
    out = compat != NULL ? PyObject_CallMethod(compat, "OlderTable", "O", table) : NULL;
    Py_XDECREF(compat);
    Py_DECREF(table);
    return out;
}

static void
db_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_ssize_t n = (Py_ssize_t)((size_t)type->tp_basicsize - sizeof(struct oro_dbhandle)) /
                   (Py_ssize_t)sizeof(PyObject *);
    for (Py_ssize_t i = 0; i < n; i++)
        Py_CLEAR(((struct oro_dbhandle *)self)->tables[i]);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef db_methods[] = {
    {"get_table", db_get_table, METH_O, ORO_DOC_Database_get_table},
    {0},
};

/* ---- binding ---- */

/* The index that serves an accessor best: unique ones first, then ordered ones. */
static const struct oro_index_def *
best_index(const struct oro_table_def *def, const uint16_t *cols, unsigned ncols)
{
    const struct oro_index_def *best = NULL;
    for (uint32_t i = 0; i < def->nindexes; i++) {
        const struct oro_index_def *ix = &def->indexes[i];
        if (ix->ncols != ncols || memcmp(ix->cols, cols, ncols * sizeof(*cols)) != 0)
            continue;
        if (best == NULL || (ix->unique && !best->unique) ||
            (ix->unique == best->unique && best->kind == ORO_INDEX_HASH &&
             ix->kind != ORO_INDEX_HASH))
            best = ix;
    }
    return best;
}

const struct oro_index_def *
oro_pytable_scan_index(const struct oro_table_def *t)
{
    const struct oro_index_def *found = NULL;
    for (uint32_t i = 0; i < t->nindexes; i++) {
        const struct oro_index_def *ix = &t->indexes[i];
        bool is_pk = ix->unique && ix->ncols == 1 && ix->cols[0] == t->pk;
        if (ix->kind != ORO_INDEX_HASH && (found == NULL || is_pk))
            found = ix;
    }
    return found;
}

static bool
has_accessor(const struct oro_pytable *t, PyObject *name)
{
    for (unsigned i = 0; i < t->nacc; i++)
        if (PyUnicode_Compare(t->acc[i].name, name) == 0)
            return true;
    return false;
}

/* Takes name. */
static int
add_accessor(struct oro_db *db, struct oro_pytable *t, PyObject *name, const uint16_t *cols,
             unsigned ncols)
{
    if (name == NULL)
        return -1;
    if (has_accessor(t, name) || ncols > ORO_ARRAY_LEN(t->acc[0].cols)) {
        Py_DECREF(name);
        return 0;
    }
    PyUnicode_InternInPlace(&name);
    int rc = PyList_Append(db->codecs->program.keep, name);
    struct oro_accessor *acc = &t->acc[t->nacc++];
    *acc = (struct oro_accessor){
        .name = name, .ncols = (uint16_t)ncols, .ix = best_index(t->def, cols, ncols)};
    memcpy(acc->cols, cols, ncols * sizeof(*cols));
    acc->unique = acc->ix != NULL && acc->ix->unique;
    Py_DECREF(name);
    return rc;
}

/* "guild_name" of a several-column index. */
static PyObject *
joined_name(const struct oro_rowclass *rc, const struct oro_index_def *ix)
{
    PyObject *out = Py_NewRef(rc->cols[ix->cols[0]].name);
    for (unsigned i = 1; out != NULL && i < ix->ncols; i++)
        Py_SETREF(out, PyUnicode_FromFormat("%U_%U", out, rc->cols[ix->cols[i]].name));
    return out;
}

static int
make_accessors(struct oro_db *db, struct oro_pytable *t)
{
    const struct oro_table_def *def = t->def;
    t->acc = oro_arena_alloc(&db->codecs->program.arena,
                             (t->rc->ncols + 2 * def->nindexes + 1) * sizeof(*t->acc));
    for (unsigned i = 0; i < t->rc->ncols; i++) {
        uint16_t col = (uint16_t)i;
        if (add_accessor(db, t, Py_NewRef(t->rc->cols[i].name), &col, 1) < 0)
            return -1;
    }
    for (uint32_t i = 0; i < def->nindexes; i++) {
        const struct oro_index_def *ix = &def->indexes[i];
        if (ix->accessor != NULL &&
            add_accessor(db, t, PyUnicode_FromString(ix->accessor), ix->cols, ix->ncols) < 0)
            return -1;
        if (ix->ncols > 1 && add_accessor(db, t, joined_name(t->rc, ix), ix->cols, ix->ncols) < 0)
            return -1;
    }
    if (def->pk >= 0 && t->acc[def->pk].unique)
        t->pk = &t->acc[def->pk];
    return 0;
}

static int
make_table_type(struct oro_db *db, struct oro_pytable *t, PyObject *module)
{
    PyMemberDef *members =
        oro_arena_alloc(&db->codecs->program.arena, (t->nacc + 1) * sizeof(*members));
    unsigned n = 0;
    for (unsigned i = 0; i < t->nacc; i++) {
        if (PyObject_HasAttr(db->t_table, t->acc[i].name)) /* reached by column() */
            continue;
        members[n++] = (PyMemberDef){
            .name = PyUnicode_AsUTF8(t->acc[i].name),
            .type = Py_T_OBJECT_EX,
            .offset = (Py_ssize_t)(sizeof(struct oro_thandle) + i * sizeof(PyObject *)),
            .flags = Py_READONLY};
    }
    members[n] = (PyMemberDef){0};
    PyType_Slot slots[] = {{Py_tp_members, members}, {0, NULL}};
    PyType_Spec spec = {"orochi.Table",
                        (int)(sizeof(struct oro_thandle) + t->nacc * sizeof(PyObject *)), 0,
                        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
    t->type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, db->t_table);
    return t->type != NULL ? 0 : -1;
}

/* The schema may end before what is bound to it. */
static const char *
keep_text(struct oro_db *db, const char *text)
{
    size_t n = strlen(text) + 1;
    return memcpy(oro_arena_alloc(&db->codecs->program.arena, n), text, n);
}

int
oro_pytable_bind(struct oro_db *db, struct oro_pytable *t, PyObject *spec,
                 const struct oro_schema *schema)
{
    PyObject *name = PyDict_GetItemString(spec, "name"), *cls = PyDict_GetItemString(spec, "cls"),
             *columns = PyDict_GetItemString(spec, "columns"),
             *auto_inc = PyDict_GetItemString(spec, "auto_inc");
    if (name == NULL || cls == NULL || columns == NULL || !PyTuple_Check(columns) ||
        !PyType_Check(cls)) {
        PyErr_SetString(PyExc_TypeError, "a table's spec is incomplete");
        return -1;
    }
    PyObject *accessor = PyDict_GetItemString(spec, "accessor");
    t->db = db;
    t->name = Py_NewRef(name);
    t->accessor = Py_NewRef(accessor != NULL ? accessor : name);
    if (PyUnicode_CheckExact(t->accessor))
        PyUnicode_InternInPlace(&t->accessor);
    t->def = oro_schema_table(schema, oro_bytes_str(PyUnicode_AsUTF8(name)));
    t->rc = oro_map_get_u64(&db->rows->class_map, (uint64_t)(uintptr_t)cls);
    if (t->def == NULL || t->rc == NULL || PyTuple_GET_SIZE(columns) != (Py_ssize_t)t->rc->ncols ||
        t->def->row->nelems != t->rc->ncols) {
        PyErr_Format(PyExc_ValueError, "table %R: the class and the schema do not agree", name);
        return -1;
    }
    const struct oro_codec **codecs =
        oro_arena_alloc(&db->codecs->program.arena, (t->rc->ncols + 1) * sizeof(*codecs));
    for (unsigned i = 0; i < t->rc->ncols; i++) {
        PyObject *col = PyTuple_GET_ITEM(columns, i);
        if (!PyTuple_Check(col) || PyTuple_GET_SIZE(col) != 3 ||
            (codecs[i] = oro_codec_compile(db->codecs, PyTuple_GET_ITEM(col, 2))) == NULL) {
            if (!PyErr_Occurred())
                PyErr_Format(PyExc_TypeError, "table %R: a column's spec is not a triple", name);
            return -1;
        }
    }
    for (Py_ssize_t i = 0;
         auto_inc != NULL && PyTuple_Check(auto_inc) && i < PyTuple_GET_SIZE(auto_inc); i++) {
        long col = PyLong_AsLong(PyTuple_GET_ITEM(auto_inc, i));
        if (col >= 0 && col < 63)
            t->auto_inc |= oro_pyrow_bit((unsigned)col);
    }
    db->codecs->npinned++;
    t->label = keep_text(db, t->def->name);
    oro_rowclass_bind(t->rc, t->label, codecs, t->auto_inc);
    t->lookups = PyDict_New();
    return t->lookups == NULL ? -1 : make_accessors(db, t);
}

/* Tables are got by a function, which notes them; their columns are members. */
static PyObject *
make_db_type(struct oro_db *db, PyObject *module)
{
    unsigned n = db->ntables;
    PyGetSetDef *tables =
        oro_arena_alloc(&db->codecs->program.arena, (2 * n + 1) * sizeof(*tables));
    /* By accessor, and by its name in SQL where no accessor is called so: of two entries the first counts. */
    for (unsigned i = 0; i < 2 * n; i++) {
        const struct oro_pytable *t = &db->tables[i % n];
        tables[i] = (PyGetSetDef){.name = PyUnicode_AsUTF8(i < n ? t->accessor : t->name),
                                  .get = db_get,
                                  .closure = (void *)(uintptr_t)(i % n)};
    }
    tables[2 * n] = (PyGetSetDef){0};
    PyType_Slot slots[] = {{Py_tp_getset, tables}, {0, NULL}};
    PyType_Spec spec = {"orochi.Database",
                        (int)(sizeof(struct oro_dbhandle) + db->ntables * sizeof(PyObject *)), 0,
                        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
    return PyType_FromModuleAndSpec(module, &spec, db->t_dbbase);
}

/* The types of this database's handles, once every table is bound. */
int
oro_pytable_bind_types(struct oro_db *db, PyObject *module)
{
    for (unsigned i = 0; i < db->ntables; i++)
        if (make_table_type(db, &db->tables[i], module) < 0)
            return -1;
    db->touched = oro_arena_alloc(&db->codecs->program.arena,
                                  (db->ntables + 1) * sizeof(struct oro_thandle *));
    db->ntouched = 0;
    Py_XSETREF(db->t_db, make_db_type(db, module));
    return db->t_db != NULL ? 0 : -1;
}

int
oro_pytree_types(struct oro_db *db, PyObject *module)
{
    PyType_Slot db_slots[] = {
        {Py_tp_methods, db_methods}, {Py_tp_getattro, db_getattro}, {Py_mp_subscript, db_item},
        {Py_tp_dealloc, db_dealloc}, {Py_tp_doc, ORO_DOC_Database}, {0, NULL},
    };
    PyType_Spec db_spec = {
        "orochi.Database", sizeof(struct oro_dbhandle), 0,
        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_BASETYPE, db_slots};
    db->t_dbbase = PyType_FromModuleAndSpec(module, &db_spec, NULL);
    return db->t_dbbase != NULL ? 0 : -1;
}
