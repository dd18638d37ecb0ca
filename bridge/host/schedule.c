/* bridge/host/schedule.c - what orochi/_schedule.py needs: calls that a reducer wants made later become rows of st_scheduled_call in its
 * transaction, and times that cron expressions name. */
#include "bridge/host/schedule_priv.h"

#include "bridge/bsatn/scheduled_call.h"
#include "bridge/codec/cerr.h"
#include "bridge/codec/error.h"

static struct oro_py *
running(PyObject *module)
{
    struct oro_py *py = oro_py_of_module(module);
    if (oro_db_running == &py->db && py->db.call != NULL)
        return py;
    PyErr_SetString(py->db.e_transaction, "ctx was used outside the call it belongs to");
    return NULL;
}

static const struct oro_table_def *
table_of(const struct oro_py *py, uint32_t id)
{
    const struct oro_table_def *t = oro_schema_table_by_id(py->db.schema, id);
    ORO_ASSERT(t != NULL);
    return t;
}

/* As errors of tables are; -1. */
static int
fail(struct oro_py *py, const struct oro_table_def *t, oro_status st, const struct oro_err *err)
{
    if (st == ORO_ENOMEM)
        PyErr_SetString(PyExc_MemoryError,
                        "the rows of this call take more memory than "
                        "reducer.memory_limit_mb allows: schedule fewer in one call");
    else
        PyErr_Format(py->db.e_database, "%s: %s", t->name,
                     err->text[0] != '\0' ? err->text : oro_status_name(st));
    return -1;
}

static struct oro_pyreducer *
reducer_of(struct oro_py *py, const char *name, const struct oro_reducer_def **def)
{
    *def = oro_schema_function(py->db.schema, oro_bytes_str(name)); /* or a procedure */
    if (*def != NULL && (*def)->id < py->nreducers && py->reducers[(*def)->id].fn != NULL)
        return &py->reducers[(*def)->id];
    PyErr_Format(PyExc_LookupError, "the module has no reducer %s", name);
    return NULL;
}

/* The arguments as the function will read them, with the defaults of those that are left out at the end; -1 with an exception that
 * names the bad one. */
static int
encode_args(struct oro_py *py, const struct oro_pyreducer *r, const struct oro_reducer_def *def,
            PyObject *args, struct oro_bb *out)
{
    Py_ssize_t n = PyTuple_GET_SIZE(args);
    if (n > r->nparams ||
        (n < r->nparams && (def->defaults == NULL || def->defaults[n].data == NULL))) {
        PyErr_Format(PyExc_TypeError, "%s takes %u arguments, got %zd", r->name, r->nparams, n);
        return -1;
    }
    for (unsigned i = 0; i < r->nparams; i++) {
        if (i >= n) {
            oro_bb_put_bytes(out, def->defaults[i]);
            continue;
        }
        if (oro_codec_encode(&py->codecs, r->params[i].codec, PyTuple_GET_ITEM(args, i), out, 1) ==
            0)
            continue;
        oro_cerr_name(&py->codecs, r->params[i].name);
        return oro_cerr_raise(&py->codecs, py->codecs.e_encode, r->name);
    }
    return 0;
}

/* Its beats begin there. */
static int
put_phase(struct oro_py *py, const struct oro_scheduled_call *c, int64_t first_us)
{
    const struct oro_table_def *t = table_of(py, ORO_ST_PHASE);
    struct oro_bb row = {0};
    struct oro_bytes stored;
    struct oro_err err = {0};
    oro_phase_write(table_of(py, ORO_ST_SCHEDULED_CALL)->name, c->id, c->micros, first_us, &row);
    oro_status st = py->db.ops->upsert(py->db.call->host, t, oro_table_primary_index(t),
                                       oro_bb_bytes(&row), &stored, &err);
    oro_bb_fini(&row);
    return st == ORO_OK ? 0 : fail(py, t, st, &err);
}

/* *c gets the id that was counted. */
static int
put_row(struct oro_py *py, struct oro_scheduled_call *c)
{
    const struct oro_table_def *t = table_of(py, ORO_ST_SCHEDULED_CALL);
    struct oro_bb row = oro_bb_take(&py->codecs, 1);
    struct oro_bytes stored;
    struct oro_err err = {0};
    oro_scheduled_call_write(c, &row);
    oro_status st = py->db.ops->insert(py->db.call->host, t, oro_bb_bytes(&row), &stored, &err);
    oro_bb_give(&py->codecs, 1, &row);
    if (st != ORO_OK)
        return fail(py, t, st, &err);
    memcpy(&c->id, stored.data, sizeof(c->id));
    return 0;
}

/* _schedule(name, args, interval, micros, steady, cron, first): the row's id. first: when an interval begins, or None. */
PyObject *
oro_py_schedule(PyObject *module, PyObject *args)
{
    const char *name, *cron;
    PyObject *values, *first;
    int interval, steady;
    long long micros;
    if (!PyArg_ParseTuple(args, "sO!pLpsO", &name, &PyTuple_Type, &values, &interval, &micros,
                          &steady, &cron, &first))
        return NULL;
    struct oro_py *py = running(module);
    const struct oro_reducer_def *def;
    struct oro_pyreducer *r = py != NULL ? reducer_of(py, name, &def) : NULL;
    if (r == NULL)
        return NULL;
    struct oro_bb data = oro_bb_take(&py->codecs, 0);
    struct oro_scheduled_call c = {.interval = interval != 0,
                                   .micros = micros,
                                   .steady = steady != 0,
                                   .signature = oro_signature(def->params),
                                   .function = oro_bytes_str(def->name),
                                   .cron = oro_bytes_str(cron)};
    int rc = encode_args(py, r, def, values, &data);
    if (rc == 0 && (py = running(module)) == NULL) /* encoding runs code of the author's */
        return NULL;
    c.args = oro_bb_bytes(&data);
    if (rc == 0)
        rc = put_row(py, &c);
    oro_bb_give(&py->codecs, 0, &data);
    if (rc == 0 && first != Py_None) {
        long long at = PyLong_AsLongLong(first);
        rc = at == -1 && PyErr_Occurred() ? -1 : put_phase(py, &c, at);
    }
    return rc == 0 ? PyLong_FromUnsignedLongLong(c.id) : NULL;
}

/* _cancel(id): whether it was there. */
PyObject *
oro_py_cancel(PyObject *module, PyObject *token)
{
    struct oro_py *py = running(module);
    uint64_t id = py != NULL ? PyLong_AsUnsignedLongLong(token) : 0;
    if (py == NULL || (id == UINT64_MAX && PyErr_Occurred()))
        return NULL;
    const struct oro_table_def *t = table_of(py, ORO_ST_SCHEDULED_CALL);
    oro_status st = py->db.ops->delete_key(py->db.call->host, t, oro_table_primary_index(t),
                                           oro_bytes(&id, sizeof(id)));
    if (st != ORO_OK && st != ORO_ENOTFOUND) {
        fail(py, t, st, &(struct oro_err){0});
        return NULL;
    }
    return PyBool_FromLong(st == ORO_OK);
}

/* _targets(): {name: whether the server calls it itself}, of the functions of the module that runs. */
PyObject *
oro_py_targets(PyObject *module, PyObject *none)
{
    struct oro_py *py = running(module);
    PyObject *out = py != NULL ? PyDict_New() : NULL;
    for (uint32_t i = 0; out != NULL && i < py->db.schema->nreducers + py->db.schema->nprocedures;
         i++) {
        const struct oro_reducer_def *r = &py->db.schema->reducers[i];
        PyObject *is = r->lifecycle != ORO_LIFE_NONE ? Py_True : Py_False;
        if (PyDict_SetItemString(out, r->name, is) < 0)
            Py_CLEAR(out);
    }
    return out;
}

oro_status
oro_py_cron_next(struct oro_py *py, struct oro_bytes cron, int64_t after_us, int64_t *out)
{
    PyObject *at = PyObject_CallFunction(py->db.py_cron_next, "s#L", (const char *)cron.data,
                                         (Py_ssize_t)cron.len, (long long)after_us);
    long long us = at != NULL ? PyLong_AsLongLong(at) : -1;
    bool ok = at != NULL && !(us == -1 && PyErr_Occurred());
    Py_XDECREF(at);
    PyErr_Clear();
    if (!ok)
        return ORO_EINVAL;
    *out = us;
    return ORO_OK;
}
