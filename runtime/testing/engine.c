/* runtime/testing/engine.c - the extension module `_orochi_testing`: the store, the codecs and the calls of a server in the test's own
 * interpreter and on its thread, without net, log and scheduler. Time, clients, subscriptions and timers are made of this by
 * orochi/testing, in Python. It is in the same shared library as `_orochi`.
 *
 * A Module is what was declared, bound once; an Engine is a database of it. The interpreter's codecs are those of one module at a
 * time: entered for a call, left after it. */
#include "runtime/testing/engine_priv.h"

#include "runtime/store/tx.h"
#include "runtime/subs/query.h"
#include "runtime/testing/views.h"

PyTypeObject *testing_module_type, *testing_snapshot_type;
static PyTypeObject *engine_type;

static PyObject *
bytes_of(struct oro_bytes b)
{
    return PyBytes_FromStringAndSize((const char *)b.data, (Py_ssize_t)b.len);
}

/* ---- Module(descriptor, spec) ---- */

static PyObject *
module_new(PyTypeObject *type, PyObject *args, PyObject *kw)
{
    const char *text;
    Py_ssize_t n;
    PyObject *spec;
    struct oro_err err = {0};
    if (!PyArg_ParseTuple(args, "s#O!", &text, &n, &PyDict_Type, &spec))
        return NULL;
    struct module *m = (struct module *)type->tp_alloc(type, 0);
    if (m == NULL)
        return NULL;
    oro_status st = oro_schema_parse(oro_bytes((const uint8_t *)text, (size_t)n), &m->schema, &err);
    if (st == ORO_OK)
        st = oro_query_check_rules(m->schema, &err);
    if (st == ORO_OK)
        st = oro_py_module_bind(testing_joined, spec, m->schema, &m->bound, &err);
    if (st != ORO_OK) {
        Py_DECREF(m);
        return testing_fail(st, &err);
    }
    return (PyObject *)m;
}

/* Schema and codecs live as long as the interpreter: rows of theirs may. */
static void
module_dealloc(PyObject *o)
{
    PyTypeObject *type = Py_TYPE(o);
    type->tp_free(o);
    Py_DECREF(type);
}

/* ---- Engine ---- */

/* The first state of a new engine. False: an exception is set. */
static bool
engine_begin(struct engine *e, const char *folder, const char *name)
{
    if (folder == NULL) {
        struct oro_store *store = testing_store(e->module->schema);
        if (store != NULL)
            testing_open(e, store, NULL);
        return store != NULL;
    }
    if (testing_running) {
        PyErr_SetString(PyExc_RuntimeError,
                        "a database on disk is opened within a call of another one");
        return false;
    }
    e->folder = oro_strdup(folder);
    e->name = oro_strdup(name);
    return testing_open_disk(e, NULL);
}

/* Engine(module, identity[, folder, name]). */
static PyObject *
engine_new(PyTypeObject *type, PyObject *args, PyObject *kw)
{
    PyObject *module;
    const char *id, *folder = NULL, *name = NULL;
    Py_ssize_t n;
    if (!PyArg_ParseTuple(args, "O!y#|zz", testing_module_type, &module, &id, &n, &folder, &name))
        return NULL;
    struct engine *e = (struct engine *)type->tp_alloc(type, 0);
    if (e == NULL)
        return NULL;
    e->module = (struct module *)Py_NewRef(module);
    e->log = PyList_New(0);
    e->asked = PyList_New(0);
    if (e->log == NULL || e->asked == NULL || !testing_identity(id, n, &e->database) ||
        !engine_begin(e, folder, name)) {
        Py_DECREF(e);
        return NULL;
    }
    return (PyObject *)e;
}

static void
engine_dealloc(PyObject *o)
{
    struct engine *e = (struct engine *)o;
    PyTypeObject *type = Py_TYPE(o);
    if (e->open != NULL) /* a generator that nobody ended held it */
        Py_XDECREF(testing_end(o, Py_False));
    if (!testing_close(e))
        PyErr_WriteUnraisable(NULL);
    Py_XDECREF(e->log);
    Py_XDECREF(e->asked);
    Py_XDECREF(e->module);
    oro_free(e->folder);
    oro_free(e->name);
    type->tp_free(o);
    Py_DECREF(type);
}

static PyObject *
engine_close_method(PyObject *o, PyObject *none)
{
    struct engine *e = (struct engine *)o;
    if (e->busy) {
        PyErr_SetString(PyExc_RuntimeError, "the database is closed by a call of its own");
        return NULL;
    }
    if (!testing_close(e))
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *
engine_call(PyObject *o, PyObject *args)
{
    struct engine *e = (struct engine *)o;
    PyObject *who;
    const char *name, *data;
    Py_ssize_t n;
    long long now;
    if (!PyArg_ParseTuple(args, "O!sy#L", &PyTuple_Type, &who, &name, &data, &n, &now) ||
        !testing_ready(e))
        return NULL;
    const struct oro_reducer_def *r = oro_schema_reducer(e->module->schema, oro_bytes_str(name));
    if (r == NULL)
        return PyErr_Format(PyExc_LookupError, "there is no reducer %s", name);
    struct oro_principal *p = testing_principal(who);
    if (p == NULL)
        return NULL;
    testing_enter(e, now);
    PyObject *out = testing_outcome(
        oro_inline_call(e->writer, p, r, oro_bytes((const uint8_t *)data, (size_t)n)));
    testing_leave(e);
    oro_principal_unref(p);
    return out;
}

static PyObject *
lifecycle(PyObject *o, PyObject *args,
          struct oro_inline_outcome (*run)(struct oro_inline *in, struct oro_principal *who))
{
    struct engine *e = (struct engine *)o;
    PyObject *who;
    long long now;
    if (!PyArg_ParseTuple(args, "O!L", &PyTuple_Type, &who, &now) || !testing_ready(e))
        return NULL;
    struct oro_principal *p = testing_principal(who);
    if (p == NULL)
        return NULL;
    testing_enter(e, now);
    PyObject *out = testing_outcome(run(e->writer, p));
    testing_leave(e);
    oro_principal_unref(p);
    return out;
}

static PyObject *
engine_init(PyObject *o, PyObject *args)
{
    return lifecycle(o, args, oro_inline_init);
}

static PyObject *
engine_updated(PyObject *o, PyObject *args)
{
    return lifecycle(o, args, oro_inline_updated);
}

static PyObject *
engine_connect(PyObject *o, PyObject *args)
{
    return lifecycle(o, args, oro_inline_connect);
}

static PyObject *
engine_disconnect(PyObject *o, PyObject *args)
{
    return lifecycle(o, args, oro_inline_disconnect);
}

static const struct oro_table_def *
table_of(struct engine *e, const char *name)
{
    const struct oro_table_def *t = oro_schema_table(e->module->schema, oro_bytes_str(name));
    if (t == NULL)
        PyErr_Format(PyExc_LookupError, "there is no table %s", name);
    return t;
}

static PyObject *
engine_fire(PyObject *o, PyObject *args)
{
    struct engine *e = (struct engine *)o;
    const char *name;
    unsigned long long key;
    int interval, ends = 0;
    long long micros, due, now;
    if (!PyArg_ParseTuple(args, "sKpLLL|p", &name, &key, &interval, &micros, &due, &now, &ends) ||
        !testing_ready(e))
        return NULL;
    const struct oro_table_def *t = table_of(e, name);
    if (t == NULL)
        return NULL;
    struct oro_firing firing = {.table = t,
                                .key = key,
                                .at = {.interval = interval != 0, .micros = micros},
                                .due_us = due,
                                .number = 1};
    testing_enter(e, now);
    (ends ? oro_inline_fire_end : oro_inline_fire)(e->writer, &firing);
    testing_leave(e);
    PyObject *asked = PyList_GetSlice(e->asked, 0, PY_SSIZE_T_MAX);
    if (asked != NULL && PyList_SetSlice(e->asked, 0, PY_SSIZE_T_MAX, NULL) < 0)
        Py_CLEAR(asked);
    return asked;
}

/* ---- what has changed, and what is there ---- */

/* Appends its ops to list. */
static int
commit_list(const struct oro_commit *c, PyObject *list)
{
    for (uint32_t i = 0; i < c->nops; i++) {
        const struct oro_op *op = &c->ops[i];
        if (op->kind == ORO_OP_SEQUENCE)
            continue;
        PyObject *change =
            Py_BuildValue("(sON)", op->table->name, op->kind == ORO_OP_INSERT ? Py_True : Py_False,
                          bytes_of(oro_row_bytes(op->row)));
        int rc = change != NULL ? PyList_Append(list, change) : -1;
        Py_XDECREF(change);
        if (rc < 0)
            return -1;
    }
    return 0;
}

static PyObject *
engine_changes(PyObject *o, PyObject *none)
{
    struct engine *e = (struct engine *)o;
    PyObject *list = testing_ready(e) ? PyList_New(0) : NULL;
    const struct oro_commit *c;
    while (list != NULL && (c = oro_cursor_next(e->cursor)) != NULL)
        if (commit_list(c, list) < 0)
            Py_CLEAR(list);
    return list;
}

static PyObject *
row_list(const struct oro_bytes *rows, size_t n)
{
    PyObject *list = PyList_New((Py_ssize_t)n);
    for (size_t i = 0; list != NULL && i < n; i++) {
        PyObject *row = bytes_of(rows[i]);
        if (row == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, row);
    }
    return list;
}

static PyObject *
engine_rows(PyObject *o, PyObject *args)
{
    struct engine *e = (struct engine *)o;
    const char *name;
    if (!PyArg_ParseTuple(args, "s", &name) || !testing_ready(e))
        return NULL;
    const struct oro_table_def *t = table_of(e, name);
    if (t == NULL)
        return NULL;
    struct oro_rows rows;
    (void)oro_read_begin(e->session);
    oro_read_scan(e->session, t, &rows);
    PyObject *list = row_list(rows.rows, rows.n);
    oro_read_end(e->session);
    return list;
}

/* Views that the text names are there from now on. False: an exception is set. */
static bool
views_evaluate(struct engine *e, struct oro_bytes text, const struct oro_query_env *env)
{
    struct oro_err err = {0};
    testing_enter(e, e->clock_us);
    oro_status st = testing_views_evaluate(e->writer, e->module->schema, text, env, &err);
    testing_leave(e);
    if (st != ORO_OK)
        testing_fail(st, &err);
    return st == ORO_OK;
}

/* What a client with this identity subscribes to. Gives; NULL: an exception is set. */
static struct oro_query *
query_of(struct engine *e, const char *text, Py_ssize_t n, const char *id, Py_ssize_t nid)
{
    struct oro_query_env env = {.store = e->store};
    struct oro_query *q;
    struct oro_err err = {0};
    if (!testing_identity(id, nid, &env.sender))
        return NULL;
    if (!views_evaluate(e, oro_bytes((const uint8_t *)text, (size_t)n), &env))
        return NULL;
    oro_status st = oro_query_parse(e->module->schema, oro_bytes((const uint8_t *)text, (size_t)n),
                                    ORO_QUERY_SUBSCRIBE, &env, &q, &err);
    if (st == ORO_OK)
        return q;
    testing_fail(ORO_EINVAL, &err);
    return NULL;
}

static PyObject *
engine_query(PyObject *o, PyObject *args)
{
    struct engine *e = (struct engine *)o;
    const char *text, *id;
    Py_ssize_t n, nid;
    struct oro_err err = {0};
    struct oro_found found = {0};
    if (!PyArg_ParseTuple(args, "s#y#", &text, &n, &id, &nid) || !testing_ready(e))
        return NULL;
    struct oro_query *q = query_of(e, text, n, id, nid);
    if (q == NULL)
        return NULL;
    (void)oro_read_begin(e->session);
    oro_status st = oro_query_run(q, e->session, NULL, &found, &err);
    PyObject *out = st != ORO_OK ? testing_fail(st, &err)
                                 : Py_BuildValue("(sNO)", oro_query_table(q)->name,
                                                 row_list(found.rows, found.n),
                                                 oro_query_is_alone(q) ? Py_True : Py_False);
    oro_read_end(e->session);
    oro_found_fini(&found);
    oro_query_free(q);
    return out;
}

/* Whether a row of its table is one that the subscription shows. */
static PyObject *
engine_matches(PyObject *o, PyObject *args)
{
    struct engine *e = (struct engine *)o;
    const char *text, *id, *row;
    Py_ssize_t n, nid, nrow;
    if (!PyArg_ParseTuple(args, "s#y#y#", &text, &n, &id, &nid, &row, &nrow) || !testing_ready(e))
        return NULL;
    struct oro_query *q = query_of(e, text, n, id, nid);
    if (q == NULL)
        return NULL;
    bool matches = oro_query_matches(q, oro_bytes((const uint8_t *)row, (size_t)nrow));
    oro_query_free(q);
    return PyBool_FromLong(matches);
}

static PyObject *
engine_sql(PyObject *o, PyObject *args)
{
    struct engine *e = (struct engine *)o;
    const char *text;
    Py_ssize_t n;
    struct oro_bb out = {0};
    struct oro_err err = {0};
    if (!PyArg_ParseTuple(args, "s#", &text, &n) || !testing_ready(e))
        return NULL;
    const struct oro_query_env env = {.sender = e->database, .is_owner = true, .store = e->store};
    if (!views_evaluate(e, oro_bytes((const uint8_t *)text, (size_t)n), &env))
        return NULL;
    struct oro_sql_ask ask = {
        .schema = e->module->schema,
        .store = e->store,
        .session = e->session,
        .sender = e->database,
        .is_owner = true,
        .steps = UINT64_MAX / 2,
    };
    (void)oro_read_begin(e->session);
    oro_status st =
        oro_sql_query(e->sql, &ask, oro_bytes((const uint8_t *)text, (size_t)n), &out, NULL, &err);
    oro_read_end(e->session);
    PyObject *answer =
        st == ORO_OK ? testing_text(oro_bb_bytes(&out)) : testing_fail(ORO_EINVAL, &err);
    oro_bb_fini(&out);
    return answer;
}

/* ---- other states ---- */

static PyObject *
engine_load(PyObject *o, PyObject *args)
{
    struct engine *e = (struct engine *)o;
    const char *name, *data;
    Py_ssize_t n;
    struct oro_err err = {0};
    if (!PyArg_ParseTuple(args, "sy#", &name, &data, &n) || !testing_ready(e))
        return NULL;
    const struct oro_table_def *t = table_of(e, name);
    if (t == NULL)
        return NULL;
    struct oro_tx *tx = oro_tx_begin(e->session, true);
    oro_status st = oro_tx_upsert(tx, t, &t->indexes[0],
                                  oro_bytes((const uint8_t *)data, (size_t)n), NULL, &err);
    uint64_t seq;
    struct oro_origin origin = {
        .kind = ORO_ORIGIN_INTERNAL, .reducer = UINT32_MAX, .timestamp_us = e->clock_us};
    if (st != ORO_OK)
        oro_tx_abort(tx);
    else
        st = oro_tx_commit(tx, &origin, &seq);
    if (st != ORO_OK)
        return testing_fail(st, &err);
    testing_enter(e, e->clock_us);
    testing_views_again(e->writer, e->store);
    testing_leave(e);
    Py_RETURN_NONE;
}

static PyObject *
engine_logs(PyObject *o, PyObject *none)
{
    return Py_NewRef(((struct engine *)o)->log);
}

static PyMethodDef engine_methods[] = {
    {"call", engine_call, METH_VARARGS, "call(who, reducer, args, now_us): (fault, text, detail)"},
    {"begin", testing_begin, METH_VARARGS,
     "begin(who, procedure or \"\", now_us): the context of a transaction that end() ends"},
    {"end", testing_end, METH_O, "end(commit): as call"},
    {"init", engine_init, METH_VARARGS, "init(who, now_us): as call"},
    {"updated", engine_updated, METH_VARARGS, "updated(who, now_us): as call"},
    {"connect", engine_connect, METH_VARARGS, "connect(who, now_us): as call"},
    {"disconnect", engine_disconnect, METH_VARARGS, "disconnect(who, now_us): as call"},
    {"fire", engine_fire, METH_VARARGS,
     "fire(table, key, is_interval, micros, due_us, now_us[, its procedure has ended]): a row's "
     "turn; gives "
     "[(procedure, arguments, whether the turn lasts until it ends)]"},
    {"changes", engine_changes, METH_NOARGS,
     "changes(): (table, inserted, row) since the last time"},
    {"rows", engine_rows, METH_VARARGS, "rows(table): their bytes"},
    {"query", engine_query, METH_VARARGS,
     "query(sql, identity): (table, rows, whether they depend on nothing else) of a subscription"},
    {"matches", engine_matches, METH_VARARGS, "matches(sql, identity, row): whether it shows it"},
    {"sql", engine_sql, METH_VARARGS, "sql(text): the JSON of POST /sql, as the owner"},
    {"load", engine_load, METH_VARARGS,
     "load(table, row): a row that nobody inserted, in place of the one with its key"},
    {"snapshot", testing_snapshot, METH_NOARGS, "snapshot(): a copy of all rows and sequences"},
    {"restore", testing_restore, METH_VARARGS, "restore(snapshot[, module])"},
    {"reopen", testing_reopen, METH_VARARGS,
     "reopen([folder]): closed, and read from disk; one in memory goes through a file of the "
     "folder"},
    {"found", testing_found, METH_NOARGS,
     "found(): (whether init is to run, whether updated is, tables of the functions that run once "
     "and are new, the database's identity)"},
    {"settle", testing_settle, METH_NOARGS, "settle(): what was to run has run"},
    {"logs", engine_logs, METH_NOARGS, "logs(): the list of (level, target, text)"},
    {"close", engine_close_method, METH_NOARGS, "close(): its memory is given back"},
    {0},
};

/* ---- the module ---- */

static PyTypeObject *
type_make(PyObject *module, const char *name, size_t size, PyType_Slot *slots, unsigned flags)
{
    PyType_Spec spec = {
        .name = name,
        .basicsize = (int)size,
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | flags,
        .slots = slots,
    };
    PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
    if (type != NULL && PyModule_AddType(module, type) < 0)
        Py_CLEAR(type);
    return type;
}

static int
module_exec(PyObject *module)
{
    struct oro_err err = {0};
    if (testing_joined != NULL) {
        PyErr_SetString(PyExc_ImportError, "one interpreter of a process can test");
        return -1;
    }
    oro_status st = oro_py_join(&oro_worker_host_ops, &testing_joined, &err);
    if (st != ORO_OK) {
        testing_fail(st, &err);
        return -1;
    }
    PyType_Slot of_module[] = {{Py_tp_new, module_new}, {Py_tp_dealloc, module_dealloc}, {0}};
    PyType_Slot of_engine[] = {{Py_tp_new, engine_new},
                               {Py_tp_dealloc, engine_dealloc},
                               {Py_tp_methods, engine_methods},
                               {0}};
    PyType_Slot of_snapshot[] = {{Py_tp_dealloc, testing_snapshot_dealloc}, {0}};
    testing_module_type =
        type_make(module, "_orochi_testing.Module", sizeof(struct module), of_module, 0);
    engine_type = type_make(module, "_orochi_testing.Engine", sizeof(struct engine), of_engine, 0);
    testing_snapshot_type = type_make(module, "_orochi_testing.Snapshot", sizeof(struct snapshot),
                                      of_snapshot, Py_TPFLAGS_DISALLOW_INSTANTIATION);
    return testing_module_type != NULL && engine_type != NULL && testing_snapshot_type != NULL ? 0
                                                                                               : -1;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, module_exec},
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
    {0, NULL},
};

static PyModuleDef def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_orochi_testing",
    .m_doc = "The engine of orochi.testing.",
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__orochi_testing(void);
PyMODINIT_FUNC
PyInit__orochi_testing(void)
{
    return PyModuleDef_Init(&def);
}
