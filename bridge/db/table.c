/* bridge/db/table.c - the handle of a table: its methods and operators. */
#include "bridge/db/docs.h"
#include "bridge/db/table_priv.h"

static const struct oro_accessor *
pk_of(struct oro_db *db, struct oro_pytable *t, const char *what)
{
    if (t->pk == NULL)
        PyErr_Format(db->e_wrongindex, "%s: %s needs a primary key, and the table has none",
                     t->def->name, what);
    return t->pk;
}

#define TABLE_ENTER(self)                         \
    struct oro_db *db = TH(self)->owner;          \
    struct oro_pytable *t = TH(self)->t;          \
    if (ORO_UNLIKELY(!oro_pyhandle_alive(db, t))) \
    return NULL

static PyObject *
table_insert(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    TABLE_ENTER(self);
    PyObject *row;
    if (nargs > 1 || (nargs == 1 && kwnames != NULL && PyTuple_GET_SIZE(kwnames) > 0))
        return PyErr_Format(PyExc_TypeError, "insert() takes one row, or columns by name");
    if (nargs == 1) {
        if ((row = oro_pytable_row_of(db, t, args[0])) == NULL)
            return NULL;
    } else if ((row = oro_pyrow_make(t->rc, args, kwnames)) == NULL) {
        return NULL;
    }
    if (!oro_pyhandle_alive(db, t) ||
        oro_pytable_write(db, t, NULL, (struct oro_row *)row, ORO_VERB_INSERT) < 0)
        Py_CLEAR(row);
    return row;
}

/* What rows gives, which is anything that can be iterated over: endless, too, without a step of Python in which it could be ended.
 * A tuple: nobody can change it, though code of the author runs for each row. */
static PyObject *
all_of(struct oro_db *db, PyObject *rows)
{
    if (PyList_CheckExact(rows) || PyTuple_CheckExact(rows))
        return PySequence_Tuple(rows);
    PyObject *it = PyObject_GetIter(rows), *list = it != NULL ? PyList_New(0) : NULL, *row = NULL;
    bool ok = list != NULL;
    for (size_t i = 0; ok && (row = PyIter_Next(it)) != NULL; i++) {
        ok = PyList_Append(list, row) == 0 && (i % 1024 != 1023 || oro_db_look(db) == 0);
        Py_DECREF(row);
    }
    PyObject *all = ok && !PyErr_Occurred() ? PyList_AsTuple(list) : NULL;
    Py_XDECREF(it);
    Py_XDECREF(list);
    return all;
}

/* All rows, or none when one is refused. acc NULL: insert. A list of them. */
static PyObject *
write_many(struct oro_db *db, struct oro_pytable *t, const struct oro_accessor *acc, PyObject *rows)
{
    PyObject *all = all_of(db, rows), *list = all != NULL ? PyList_New(0) : NULL;
    if (list == NULL || !oro_pyhandle_alive(db, t)) {
        Py_XDECREF(all);
        Py_XDECREF(list);
        return NULL;
    }
    struct oro_py_mark mark = oro_pytable_begin(db);
    bool ok = true;
    for (Py_ssize_t i = 0; ok && i < PyTuple_GET_SIZE(all); i++) {
        PyObject *row = oro_pytable_row_of(db, t, PyTuple_GET_ITEM(all, i));
        ok = row != NULL && PyList_Append(list, row) == 0 &&
             oro_pytable_write(db, t, acc, (struct oro_row *)row,
                               acc != NULL ? ORO_VERB_UPSERT : ORO_VERB_INSERT) == 0;
        Py_XDECREF(row);
    }
    if (!ok)
        Py_CLEAR(list);
    oro_pytable_end(db, mark, list != NULL);
    Py_DECREF(all);
    return list;
}

static PyObject *
table_insert_many(PyObject *self, PyObject *rows)
{
    TABLE_ENTER(self);
    return write_many(db, t, NULL, rows);
}

static PyObject *
table_upsert_many(PyObject *self, PyObject *rows)
{
    TABLE_ENTER(self);
    return write_many(db, t, t->pk, rows);
}

static PyObject *
table_upsert(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    TABLE_ENTER(self);
    const struct oro_accessor *pk = pk_of(db, t, "upsert()");
    return pk != NULL ? oro_pytable_upsert_with(db, t, pk, args, nargs, kwnames) : NULL;
}

/* _upsert_new(row) or (columns by name): insert-or-replace where there is a primary key, insert where there is none. */
static PyObject *
table_upsert_new(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    TABLE_ENTER(self);
    if (t->pk == NULL)
        return table_insert(self, args, nargs, kwnames);
    if (nargs == 1)
        return oro_pytable_upsert_with(db, t, t->pk, args, 1, NULL);
    PyObject *row = oro_pyrow_make(t->rc, args, kwnames), *out = NULL;
    if (row != NULL && oro_pyhandle_alive(db, t))
        out = oro_pytable_upsert_with(db, t, t->pk, &row, 1, NULL);
    Py_XDECREF(row);
    return out;
}

static PyObject *
table_update(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    TABLE_ENTER(self);
    const struct oro_accessor *pk = pk_of(db, t, "update()");
    return pk != NULL ? oro_pytable_update_with(db, t, pk, args, nargs, kwnames) : NULL;
}

static PyObject *
table_delete(PyObject *self, PyObject *v)
{
    TABLE_ENTER(self);
    if (oro_pyrow_is(t->rc, v) && ((struct oro_row *)v)->rc == t->rc)
        return oro_pytable_delete_rowobj(db, t, (struct oro_row *)v);
    const struct oro_accessor *pk = pk_of(db, t, "delete() by key");
    return pk != NULL ? oro_pytable_delete_key(db, t, pk, v) : NULL;
}

static PyObject *
table_clear(PyObject *self, PyObject *none)
{
    TABLE_ENTER(self);
    if (oro_pytable_before_write(db, t) < 0)
        return NULL;
    uint64_t n = 0;
    oro_status st = db->ops->clear(db->call->host, t->def, &n);
    return st == ORO_OK ? PyLong_FromUnsignedLongLong(n) : oro_pytable_fail(db, t, st, NULL);
}

static PyObject *
table_find(PyObject *self, PyObject *key)
{
    TABLE_ENTER(self);
    const struct oro_accessor *pk = pk_of(db, t, "find()");
    return pk != NULL ? oro_pytable_find(db, t, pk, key, false) : NULL;
}

static PyObject *
table_get(PyObject *self, PyObject *key)
{
    TABLE_ENTER(self);
    const struct oro_accessor *pk = pk_of(db, t, "get()");
    return pk != NULL ? oro_pytable_find(db, t, pk, key, true) : NULL;
}

static int
table_contains(PyObject *self, PyObject *key)
{
    struct oro_db *db = TH(self)->owner;
    struct oro_pytable *t = TH(self)->t;
    struct oro_bytes row;
    if (!oro_pyhandle_alive(db, t))
        return -1;
    const struct oro_accessor *pk = pk_of(db, t, "in");
    return pk != NULL ? oro_pytable_find_bytes(db, t, pk, key, &row) : -1;
}

static Py_ssize_t
table_len(PyObject *self)
{
    struct oro_db *db = TH(self)->owner;
    if (!oro_pyhandle_alive(db, TH(self)->t))
        return -1;
    return (Py_ssize_t)db->ops->count(db->call->host, TH(self)->t->def);
}

static PyObject *
no_positional(const char *name)
{
    return PyErr_Format(PyExc_TypeError, "%s() takes conditions by name: score__gte=10", name);
}

static PyObject *
select_rows(struct oro_db *db, struct oro_pytable *t, const char *name, PyObject *const *args,
            Py_ssize_t nargs, PyObject *kwnames, size_t limit)
{
    struct oro_cond conds[ORO_CONDS_MAX];
    if (nargs > 0)
        return no_positional(name);
    int n = oro_pyquery_parse(db, t, args, kwnames, conds);
    return n < 0 ? NULL : oro_pyquery_run(db, t, NULL, conds, (unsigned)n, limit);
}

static PyObject *
table_filter(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    TABLE_ENTER(self);
    return select_rows(db, t, "filter", args, nargs, kwnames, 0);
}

PyObject *
oro_pyrows_first_of(PyObject *rows)
{
    if (rows == NULL)
        return NULL;
    PyObject *out = oro_pyrows_first(rows);
    Py_DECREF(rows);
    return out;
}

PyObject *
oro_pyrows_len_of(PyObject *rows)
{
    if (rows == NULL)
        return NULL;
    Py_ssize_t n = oro_pyrows_len(rows);
    Py_DECREF(rows);
    return n >= 0 ? PyLong_FromSsize_t(n) : NULL;
}

static PyObject *
table_first(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    TABLE_ENTER(self);
    return oro_pyrows_first_of(select_rows(db, t, "first", args, nargs, kwnames, 1));
}

/* one() found nothing. */
static PyObject *
none_meets(struct oro_db *db, struct oro_pytable *t, const struct oro_cond *conds, unsigned n)
{
    bool harmless = true;
    PyObject *text = oro_pyquery_text(t, conds, n), *what = PyUnicode_FromString("");
    for (unsigned i = 0; what != NULL && i < n; i++) {
        harmless = harmless && oro_pyrefusal_harmless(t, conds[i].v);
        Py_SETREF(what, PyUnicode_FromFormat("%U%s%U", what, i > 0 ? ", " : "",
                                             t->rc->cols[conds[i].col].name));
    }
    if (text != NULL)
        Py_SETREF(text, PyUnicode_FromFormat(n > 0 ? "%s: no row with %U" : "%s: no row%U",
                                             t->def->name, text));
    if (text != NULL && what != NULL)
        oro_pyrefusal_missing(db, t, text, what, harmless);
    Py_XDECREF(text);
    Py_XDECREF(what);
    return NULL;
}

static PyObject *
table_one(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    TABLE_ENTER(self);
    struct oro_cond conds[ORO_CONDS_MAX];
    if (nargs > 0)
        return no_positional("one");
    int n = oro_pyquery_parse(db, t, args, kwnames, conds);
    PyObject *row =
        n < 0 ? NULL : oro_pyrows_first_of(oro_pyquery_run(db, t, NULL, conds, (unsigned)n, 1));
    if (row != Py_None)
        return row;
    Py_DECREF(row);
    return none_meets(db, t, conds, (unsigned)n);
}

static PyObject *
table_exists(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    TABLE_ENTER(self);
    if (nargs == 0 && (kwnames == NULL || PyTuple_GET_SIZE(kwnames) == 0))
        return PyBool_FromLong(db->ops->count(db->call->host, t->def) > 0);
    PyObject *row = oro_pyrows_first_of(select_rows(db, t, "exists", args, nargs, kwnames, 1));
    bool found = row != Py_None;
    Py_XDECREF(row);
    return row != NULL ? PyBool_FromLong(found) : NULL;
}

static PyObject *
table_count(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    TABLE_ENTER(self);
    if (nargs == 0 && (kwnames == NULL || PyTuple_GET_SIZE(kwnames) == 0))
        return PyLong_FromUnsignedLongLong(db->ops->count(db->call->host, t->def));
    return oro_pyrows_len_of(select_rows(db, t, "count", args, nargs, kwnames, 0));
}

PyObject *
oro_pyrows_delete_all(PyObject *rows)
{
    if (rows == NULL)
        return NULL;
    PyObject *out = PyObject_CallMethod(rows, "delete", NULL);
    Py_DECREF(rows);
    return out;
}

static PyObject *
table_delete_where(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    TABLE_ENTER(self);
    if (nargs == 0 && (kwnames == NULL || PyTuple_GET_SIZE(kwnames) == 0))
        return PyErr_Format(PyExc_TypeError,
                            "delete_where() needs a condition; clear() deletes every row");
    return oro_pyrows_delete_all(select_rows(db, t, "delete_where", args, nargs, kwnames, 0));
}

static PyObject *
table_all(PyObject *self, PyObject *none)
{
    TABLE_ENTER(self);
    return oro_pyquery_run(db, t, NULL, NULL, 0, 0);
}

static PyObject *
table_order_by(PyObject *self, PyObject *const *keys, Py_ssize_t nkeys)
{
    PyObject *rows = table_all(self, NULL);
    PyObject *out = rows != NULL ? oro_pyrows_order_by(rows, keys, nkeys) : NULL;
    Py_XDECREF(rows);
    return out;
}

static PyObject *
table_where(PyObject *self, PyObject *function)
{
    TABLE_ENTER(self);
    return oro_pyquery_where(db, t, function);
}

static PyObject *
table_iter(PyObject *self)
{
    PyObject *rows = table_all(self, NULL), *it = rows != NULL ? PyObject_GetIter(rows) : NULL;
    Py_XDECREF(rows);
    return it;
}

static PyObject *
table_iter_method(PyObject *self, PyObject *none)
{
    return table_iter(self);
}

static PyObject *
table_column(PyObject *self, PyObject *name)
{
    struct oro_pytable *t = TH(self)->t;
    for (unsigned i = 0; PyUnicode_Check(name) && i < t->nacc; i++)
        if (PyUnicode_Compare(t->acc[i].name, name) == 0)
            return Py_NewRef(TH(self)->cols[i]);
    return PyErr_Format(PyExc_AttributeError, "%s has no column or index %R", t->label, name);
}

static PyObject *
table_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<table '%s'>", TH(self)->t->label);
}

static void
table_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    for (unsigned i = 0; i < TH(self)->t->nacc; i++)
        Py_CLEAR(TH(self)->cols[i]);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef table_methods[] = {
    {"insert", FASTCALL(table_insert), KW, ORO_DOC_Table_insert},
    {"insert_many", table_insert_many, METH_O, ORO_DOC_Table_insert_many},
    {"batch_insert", table_insert_many, METH_O, ORO_DOC_Table_batch_insert},
    {"upsert", FASTCALL(table_upsert), KW, ORO_DOC_Table_upsert},
    {"_upsert_many", table_upsert_many, METH_O, NULL},
    {"_upsert_new", FASTCALL(table_upsert_new), KW, NULL},
    {"insert_or_update", FASTCALL(table_upsert), KW, ORO_DOC_Table_insert_or_update},
    {"update", FASTCALL(table_update), KW, ORO_DOC_Table_update},
    {"delete", table_delete, METH_O, ORO_DOC_Table_delete},
    {"delete_where", FASTCALL(table_delete_where), KW, ORO_DOC_Table_delete_where},
    {"clear", table_clear, METH_NOARGS, ORO_DOC_Table_clear},
    {"find", table_find, METH_O, ORO_DOC_Table_find},
    {"get", table_get, METH_O, ORO_DOC_Table_get},
    {"exists", FASTCALL(table_exists), KW, ORO_DOC_Table_exists},
    {"filter", FASTCALL(table_filter), KW, ORO_DOC_Table_filter},
    {"first", FASTCALL(table_first), KW, ORO_DOC_Table_first},
    {"one", FASTCALL(table_one), KW, ORO_DOC_Table_one},
    {"count", FASTCALL(table_count), KW, ORO_DOC_Table_count},
    {"all", table_all, METH_NOARGS, ORO_DOC_Table_all},
    {"order_by", FASTCALL(table_order_by), METH_FASTCALL, ORO_DOC_Table_order_by},
    {"where", table_where, METH_O, ORO_DOC_Table_where},
    {"iter", table_iter_method, METH_NOARGS, ORO_DOC_Table_iter},
    {"column", table_column, METH_O, ORO_DOC_Table_column},
    {0},
};
int
oro_pytable_types(struct oro_db *db, PyObject *module)
{
    PyType_Slot table_slots[] = {
        {Py_tp_methods, table_methods}, {Py_tp_iter, table_iter},
        {Py_sq_length, table_len},      {Py_sq_contains, table_contains},
        {Py_tp_repr, table_repr},       {Py_tp_dealloc, table_dealloc},
        {Py_tp_doc, ORO_DOC_Table},     {0, NULL},
    };
    PyType_Spec table_spec = {
        "orochi.Table", sizeof(struct oro_thandle), 0,
        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_BASETYPE, table_slots};
    db->t_table = PyType_FromModuleAndSpec(module, &table_spec, NULL);
    return db->t_table != NULL ? 0 : -1;
}
