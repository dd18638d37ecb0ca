/* bridge/db/context.c - the first argument of every reducer, and its logger. What a reducer seldom asks for is made when it
 * asks. A context is used again by the next call unless somebody kept it. */
#include "bridge/db/context.h"

#include "bridge/codec/error.h"
#include "bridge/codec/id.h"
#include "bridge/db/db_priv.h"
#include "bridge/db/docs.h"

#define CTX(o) ((struct oro_ctx *)(o))

static struct oro_db *
enter(PyObject *o)
{
    struct oro_db *db = CTX(o)->owner;
    if (ORO_LIKELY(db != NULL && db->call != NULL))
        return db;
    struct oro_db *owner = oro_db_of(PyType_GetModule(Py_TYPE(o)));
    PyErr_SetString(owner->e_transaction, "ctx was used outside the call it belongs to");
    return NULL;
}

/* The rows of a view follow from the tables alone: what else a context has would make them wrong without a sign. */
static struct oro_db *
enter_reducer(PyObject *o, const char *name)
{
    struct oro_db *db = enter(o);
    if (ORO_LIKELY(db == NULL || !db->call->reducer->is_view))
        return db;
    PyErr_Format(
        PyExc_AttributeError,
        "a view has no ctx.%s: its rows follow from the tables alone, and it runs again only "
        "when what it read has changed. Let a reducer write it to a table",
        name);
    return NULL;
}

static struct oro_db *
enter_sender(PyObject *o, const char *name)
{
    struct oro_db *db = enter(o);
    if (ORO_LIKELY(db == NULL || !db->call->everybody))
        return db;
    PyErr_SetString(PyExc_AttributeError,
                    "an AnonymousViewContext has no sender, since all clients see the same rows: "
                    "write ctx: ViewContext");
    return NULL;
}

static struct oro_db *
enter_any(PyObject *o, const char *name)
{
    return enter(o);
}

/* A random number that is the same for every attempt of a call and differs between calls. */
static uint64_t
mix(uint64_t h, const void *p, size_t n)
{
    const uint8_t *b = p;
    for (size_t i = 0; i < n; i++)
        h = (h ^ b[i]) * 0x100000001b3ull;
    h ^= h >> 29;
    h *= 0xbf58476d1ce4e5b9ull;
    return h ^ h >> 32;
}

static uint64_t
call_seed(const struct oro_py_call *c)
{
    uint64_t h = 0xcbf29ce484222325ull;
    h = mix(h, &c->timestamp_us, sizeof(c->timestamp_us));
    h = mix(h, c->sender.le, sizeof(c->sender.le));
    h = mix(h, c->connection.le, sizeof(c->connection.le));
    h = mix(h, c->reducer->name, strlen(c->reducer->name));
    return mix(h, c->args.data, c->args.len);
}

#define GETTER(name, enter)                                 \
    static PyObject *get_##name(PyObject *o, void *closure) \
    {                                                       \
        struct oro_db *db = enter(o, #name);                \
        if (db == NULL)                                     \
            return NULL;                                    \
        if (CTX(o)->name == NULL) {                         \
            PyObject *made = make_##name(db, CTX(o));       \
            if (CTX(o)->name == NULL)                       \
                CTX(o)->name = made;                        \
            else /* by what ran meanwhile */                \
                Py_XDECREF(made);                           \
        }                                                   \
        return Py_XNewRef(CTX(o)->name);                    \
    }

static PyObject *
make_sender(struct oro_db *db, struct oro_ctx *c)
{
    return oro_pyid_new(db->codecs, (PyTypeObject *)db->codecs->t_identity, db->call->sender.le);
}
GETTER(sender, enter_sender)

static PyObject *
make_identity(struct oro_db *db, struct oro_ctx *c)
{
    return oro_pyid_new(db->codecs, (PyTypeObject *)db->codecs->t_identity, db->call->database.le);
}
GETTER(identity, enter_any)

static PyObject *
make_connection_id(struct oro_db *db, struct oro_ctx *c)
{
    if (oro_connection_id_is_none(&db->call->connection))
        return Py_NewRef(Py_None);
    return oro_pyid_new(db->codecs, (PyTypeObject *)db->codecs->t_connid, db->call->connection.le);
}
GETTER(connection_id, enter_reducer)

static PyObject *
make_timestamp(struct oro_db *db, struct oro_ctx *c)
{
    PyObject *us = PyLong_FromLongLong(db->call->timestamp_us), *out = NULL;
    if (us != NULL)
        out = PyObject_CallOneArg(db->codecs->Timestamp, us);
    Py_XDECREF(us);
    return out;
}
GETTER(timestamp, enter_reducer)

static PyObject *
make_rng(struct oro_db *db, struct oro_ctx *c)
{
    PyObject *seed = PyLong_FromUnsignedLongLong(call_seed(db->call)), *out = NULL;
    if (seed != NULL)
        out = PyObject_CallOneArg(db->random_cls, seed);
    Py_XDECREF(seed);
    return out;
}
GETTER(rng, enter_reducer)

static PyObject *
make_auth(struct oro_db *db, struct oro_ctx *c)
{
    enum oro_caller by = db->call->caller;
    PyObject *sender = get_sender((PyObject *)c, NULL), *out = NULL;
    if (sender != NULL)
        out = PyObject_CallFunction(
            db->make_auth, "zOO", db->call->jwt_payload,
            by == ORO_CALLER_SCHEDULE || by == ORO_CALLER_INTERNAL ? Py_True : Py_False, sender);
    Py_XDECREF(sender);
    return out;
}
GETTER(auth, enter_reducer)

/* Where an author looks for it first. */
static PyObject *
get_outside(PyObject *o, void *closure)
{
    return PyErr_Format(
        PyExc_AttributeError,
        "there is no ctx.%s in a transaction, which waits for nothing: reducers and "
        "views leave that to a @procedure, def ask(ctx: ProcedureContext) -> ..., "
        "which does it outside of its ctx.with_tx()",
        (const char *)closure);
}

/* What contexts of procedures and handlers have, since they are in no transaction. */
static PyObject *
get_inside(PyObject *o, void *closure)
{
    return PyErr_Format(
        PyExc_AttributeError,
        "there is no ctx.%s in a transaction, which this is already: use ctx.db, and "
        "raise to roll back",
        (const char *)closure);
}

static PyObject *
get_sql(PyObject *o, void *closure)
{
    PyErr_SetString(PyExc_AttributeError,
                    "there is no ctx.sql: rows are found with ctx.db.TABLE.find(key) and "
                    "ctx.db.TABLE.filter(column=value, other__gte=1)");
    return NULL;
}

static PyObject *
get_env(PyObject *o, void *closure)
{
    struct oro_db *db = enter(o);
    return db != NULL ? Py_XNewRef(db->hooks->env(db)) : NULL;
}

static PyObject *
get_dt(PyObject *o, void *closure)
{
    struct oro_db *db = enter_reducer(o, "dt");
    return db != NULL ? PyFloat_FromDouble(db->call->dt) : NULL;
}

static PyObject *
get_reducer(PyObject *o, void *closure)
{
    struct oro_db *db = enter(o);
    return db != NULL ? PyUnicode_FromString(db->call->reducer->name) : NULL;
}

static PyObject *
get_caller(PyObject *o, void *closure)
{
    static const char *const names[] = {"client", "schedule", "owner", "http", "internal"};
    struct oro_db *db = enter_reducer(o, "caller");
    return db != NULL ? PyUnicode_FromString(names[db->call->caller]) : NULL;
}

static PyObject *
ctx_random(PyObject *o, PyObject *none)
{
    PyObject *rng = get_rng(o, NULL), *out = NULL;
    if (rng != NULL)
        out = PyObject_CallMethod(rng, "random", NULL);
    Py_XDECREF(rng);
    return out;
}

/* n random bytes of the call's generator; 0 or -1 */
static int
random_bytes(PyObject *o, uint8_t *out, unsigned n)
{
    PyObject *rng = get_rng(o, NULL), *bytes = NULL;
    int rc = -1;
    if (rng != NULL)
        bytes = PyObject_CallMethod(rng, "randbytes", "I", n);
    if (bytes != NULL && PyBytes_Check(bytes) && PyBytes_GET_SIZE(bytes) == (Py_ssize_t)n) {
        memcpy(out, PyBytes_AS_STRING(bytes), n);
        rc = 0;
    }
    Py_XDECREF(rng);
    Py_XDECREF(bytes);
    return rc;
}

static PyObject *
uuid_of(struct oro_db *db, const uint8_t be[16])
{
    return PyObject_CallFunction(db->codecs->UUID, "Oy#", Py_None, (const char *)be,
                                 (Py_ssize_t)16);
}

static PyObject *
ctx_new_uuid4(PyObject *o, PyObject *none)
{
    struct oro_db *db = enter(o);
    uint8_t be[16];
    if (db == NULL || random_bytes(o, be, 16) < 0)
        return NULL;
    be[6] = (uint8_t)(0x40 | (be[6] & 0x0f));
    be[8] = (uint8_t)(0x80 | (be[8] & 0x3f));
    return uuid_of(db, be);
}

/* Milliseconds, then a counter of 31 bits around the version and variant, then random bits (docs/values.md#special-types). */
static PyObject *
ctx_new_uuid7(PyObject *o, PyObject *none)
{
    struct oro_db *db = enter(o);
    uint8_t be[16];
    if (db == NULL || random_bytes(o, be, 16) < 0)
        return NULL;
    uint64_t ms = (uint64_t)(db->call->timestamp_us / 1000);
    uint32_t n = db->uuid_counter++ & 0x7fffffff;
    for (int i = 0; i < 6; i++)
        be[i] = (uint8_t)(ms >> (40 - 8 * i));
    be[6] = 0x70;
    be[7] = (uint8_t)(n >> 23);
    be[8] = 0x80;
    be[9] = (uint8_t)(n >> 15);
    be[10] = (uint8_t)(n >> 7);
    be[11] = (uint8_t)(n << 1);
    be[12] &= 0x7f;
    return uuid_of(db, be);
}

#define WORDS 16

/* fn(ctx, what it was called with) */
static PyObject *
with_ctx(PyObject *o, PyObject *fn, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    if (enter(o) == NULL)
        return NULL;
    size_t n = (size_t)nargs + (kwnames != NULL ? (size_t)PyTuple_GET_SIZE(kwnames) : 0);
    PyObject *few[WORDS], **all = n < WORDS ? few : oro_alloc((n + 1) * sizeof(*all));
    all[0] = o;
    if (n > 0)
        memcpy(all + 1, args, n * sizeof(*all));
    PyObject *out = PyObject_Vectorcall(fn, all, (size_t)nargs + 1, kwnames);
    if (all != few)
        oro_free(all);
    return out;
}

/* They are written in Python (orochi/_schedule.py). */
static PyObject *
ctx_schedule(PyObject *o, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    struct oro_db *db = enter_reducer(o, "schedule()");
    return db != NULL ? with_ctx(o, db->py_schedule, args, nargs, kwnames) : NULL;
}

static PyObject *
ctx_schedule_reducer(PyObject *o, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    struct oro_db *db = enter_reducer(o, "schedule_reducer()");
    return db != NULL ? with_ctx(o, db->py_schedule_reducer, args, nargs, kwnames) : NULL;
}

static PyObject *
ctx_cancel(PyObject *o, PyObject *token)
{
    struct oro_db *db = enter_reducer(o, "cancel()");
    return db != NULL ? with_ctx(o, db->py_cancel, &token, 1, NULL) : NULL;
}

static void
drop_made(struct oro_ctx *c)
{
    Py_CLEAR(c->sender);
    Py_CLEAR(c->connection_id);
    Py_CLEAR(c->timestamp);
    Py_CLEAR(c->identity);
    Py_CLEAR(c->rng);
    Py_CLEAR(c->auth);
}

void
oro_pyctx_reset(struct oro_ctx *c)
{
    drop_made(c);
}

static void
ctx_dealloc(PyObject *o)
{
    PyTypeObject *type = Py_TYPE(o);
    drop_made(CTX(o));
    Py_CLEAR(CTX(o)->db);
    Py_CLEAR(CTX(o)->log);
    type->tp_free(o);
    Py_DECREF(type);
}

PyObject *
oro_pyctx_new(struct oro_db *db)
{
    PyTypeObject *type = (PyTypeObject *)db->t_ctx;
    struct oro_ctx *c = (struct oro_ctx *)type->tp_alloc(type, 0);
    if (c == NULL)
        return NULL;
    c->owner = db;
    c->db = Py_NewRef(db->handle);
    c->log = Py_NewRef(db->log);
    return (PyObject *)c;
}

static PyMemberDef ctx_members[] = {
    {"db", Py_T_OBJECT_EX, offsetof(struct oro_ctx, db), Py_READONLY, ORO_DOC_ReducerContext_db},
    {"log", Py_T_OBJECT_EX, offsetof(struct oro_ctx, log), Py_READONLY, ORO_DOC_ReducerContext_log},
    {0},
};

static PyGetSetDef ctx_getset[] = {
    {"sender", get_sender, NULL, ORO_DOC_ReducerContext_sender, NULL},
    {"connection_id", get_connection_id, NULL, ORO_DOC_ReducerContext_connection_id, NULL},
    {"timestamp", get_timestamp, NULL, ORO_DOC_ReducerContext_timestamp, NULL},
    {"identity", get_identity, NULL, ORO_DOC_ReducerContext_identity, NULL},
    {"database_identity", get_identity, NULL, ORO_DOC_ReducerContext_database_identity, NULL},
    {"auth", get_auth, NULL, ORO_DOC_ReducerContext_auth, NULL},
    {"sender_auth", get_auth, NULL, ORO_DOC_ReducerContext_sender_auth, NULL},
    {"env", get_env, NULL, "Values of the environment that the module declares.", NULL},
    {"rng", get_rng, NULL, ORO_DOC_ReducerContext_rng, NULL},
    {"dt", get_dt, NULL, ORO_DOC_ReducerContext_dt, NULL},
    {"reducer", get_reducer, NULL, ORO_DOC_ReducerContext_reducer, NULL},
    {"caller", get_caller, NULL, ORO_DOC_ReducerContext_caller, NULL},
    {"http", get_outside, NULL, NULL, "http"},
    {"sleep", get_outside, NULL, NULL, "sleep"},
    {"with_tx", get_inside, NULL, NULL, "with_tx"},
    {"tx", get_inside, NULL, NULL, "tx"},
    {"sql", get_sql, NULL, NULL, NULL},
    {0},
};

#define FASTCALL(f) ((PyCFunction)(void (*)(void))(f))
static PyMethodDef ctx_methods[] = {
    {"random", ctx_random, METH_NOARGS, ORO_DOC_ReducerContext_random},
    {"new_uuid4", ctx_new_uuid4, METH_NOARGS, ORO_DOC_ReducerContext_new_uuid4},
    {"new_uuid7", ctx_new_uuid7, METH_NOARGS, ORO_DOC_ReducerContext_new_uuid7},
    {"schedule", FASTCALL(ctx_schedule), METH_FASTCALL | METH_KEYWORDS,
     ORO_DOC_ReducerContext_schedule},
    {"schedule_reducer", FASTCALL(ctx_schedule_reducer), METH_FASTCALL | METH_KEYWORDS,
     ORO_DOC_ReducerContext_schedule_reducer},
    {"cancel", ctx_cancel, METH_O, ORO_DOC_ReducerContext_cancel},
    {0},
};

/* ---- log ---- */

struct logobj {
    PyObject_HEAD struct oro_db *owner;
};

void
oro_db_log(struct oro_db *db, enum oro_log_level level, const char *target, struct oro_bytes text)
{
    PyFrameObject *frame = PyEval_GetFrame();
    PyCodeObject *code = frame != NULL ? PyFrame_GetCode(frame) : NULL;
    const char *file = code != NULL ? PyUnicode_AsUTF8(code->co_filename) : NULL;
    int line = frame != NULL ? PyFrame_GetLineNumber(frame) : 0;
    if (PyErr_Occurred())
        PyErr_Clear();
    if (db->call != NULL)
        db->ops->log(db->call->host, level, target, file, line, text);
    else
        oro_log(level, "module", "%.*s", (int)(text.len < 4000 ? text.len : 4000),
                (const char *)text.data);
    Py_XDECREF(code);
}

/* The text of a record: template % args, as the logging module does it. A template that does not fit its arguments is
 * logged as it is, since a log line must not end a reducer. New reference or NULL. */
static PyObject *
format(PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *text = PyObject_Str(args[0]), *values, *out;
    if (text == NULL || nargs == 1)
        return text;
    if (nargs == 2 && PyDict_Check(args[1]) && PyDict_GET_SIZE(args[1]) > 0) {
        values = Py_NewRef(args[1]);
    } else if ((values = PyTuple_New(nargs - 1)) != NULL) {
        for (Py_ssize_t i = 1; i < nargs; i++)
            PyTuple_SET_ITEM(values, i - 1, Py_NewRef(args[i]));
    }
    out = values != NULL ? PyUnicode_Format(text, values) : NULL;
    if (out == NULL && values != NULL && PyErr_ExceptionMatches(PyExc_Exception)) {
        PyErr_Clear();
        out = PyUnicode_FromFormat("%U %R", text, values);
    }
    Py_DECREF(text);
    Py_XDECREF(values);
    return out;
}

static PyObject *
record(PyObject *self, enum oro_log_level level, PyObject *const *args, Py_ssize_t nargs)
{
    Py_ssize_t n;
    if (nargs < 1)
        return PyErr_Format(PyExc_TypeError, "a log record needs a text");
    PyObject *text = format(args, nargs);
    const char *s = text != NULL ? PyUnicode_AsUTF8AndSize(text, &n) : NULL;
    if (s != NULL)
        oro_db_log(((struct logobj *)self)->owner, level, "module", oro_bytes(s, (size_t)n));
    Py_XDECREF(text);
    return s != NULL ? Py_NewRef(Py_None) : NULL;
}

#define LEVEL(name, level)                                                               \
    static PyObject *log_##name(PyObject *self, PyObject *const *args, Py_ssize_t nargs) \
    {                                                                                    \
        return record(self, level, args, nargs);                                         \
    }
LEVEL(debug, ORO_LOG_DEBUG)
LEVEL(info, ORO_LOG_INFO)
LEVEL(warning, ORO_LOG_WARN)
LEVEL(error, ORO_LOG_ERROR)

/* Like error, with the exception that is being handled. */
static PyObject *
log_exception(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    struct oro_db *db = ((struct logobj *)self)->owner;
    PyObject *error = PyErr_GetHandledException(), *text, *trace = NULL, *both = NULL;
    if (error == NULL || error == Py_None || nargs < 1) {
        Py_XDECREF(error);
        return log_error(self, args, nargs);
    }
    text = format(args, nargs);
    if (text != NULL)
        trace = PyObject_CallFunction(db->codecs->format_exception, "Oz", error, db->codecs->root);
    if (trace != NULL)
        both = PyUnicode_FromFormat("%U\n%S", text, trace);
    PyObject *out = both != NULL ? record(self, ORO_LOG_ERROR, &both, 1) : NULL;
    Py_DECREF(error);
    Py_XDECREF(text);
    Py_XDECREF(trace);
    Py_XDECREF(both);
    return out;
}

static enum oro_log_level
level_of(long n)
{
    return n >= 40   ? ORO_LOG_ERROR
           : n >= 30 ? ORO_LOG_WARN
           : n >= 20 ? ORO_LOG_INFO
           : n >= 10 ? ORO_LOG_DEBUG
                     : ORO_LOG_TRACE;
}

/* ctx.log("text", "warning"); the level is a name or a number of the logging module. */
static PyObject *
log_call(PyObject *self, PyObject *args, PyObject *kw)
{
    static char *names[] = {"", "level", NULL};
    static const char *const levels[] = {"trace",   "debug", "info",      "warn",
                                         "warning", "error", "exception", "critical"};
    static const int numbers[] = {5, 10, 20, 30, 30, 40, 40, 50};
    PyObject *text, *level = NULL;
    long n = 20;
    if (!PyArg_ParseTupleAndKeywords(args, kw, "O|O", names, &text, &level))
        return NULL;
    if (level != NULL && PyLong_Check(level)) {
        n = PyLong_AsLong(level);
        if (n == -1 && PyErr_Occurred())
            return NULL;
    } else if (level != NULL) {
        const char *s = PyUnicode_Check(level) ? PyUnicode_AsUTF8(level) : NULL;
        size_t i = 0;
        while (s != NULL && i < ORO_ARRAY_LEN(levels) && strcasecmp(s, levels[i]) != 0)
            i++;
        if (s == NULL || i == ORO_ARRAY_LEN(levels))
            return PyErr_Format(PyExc_ValueError,
                                "unknown log level %R (debug, info, warning or error)", level);
        n = numbers[i];
    }
    return record(self, level_of(n), &text, 1);
}

static void
log_dealloc(PyObject *o)
{
    PyTypeObject *type = Py_TYPE(o);
    type->tp_free(o);
    Py_DECREF(type);
}

static PyMethodDef log_methods[] = {
    {"debug", FASTCALL(log_debug), METH_FASTCALL, ORO_DOC_Log_debug},
    {"info", FASTCALL(log_info), METH_FASTCALL, ORO_DOC_Log_info},
    {"warning", FASTCALL(log_warning), METH_FASTCALL, ORO_DOC_Log_warning},
    {"warn", FASTCALL(log_warning), METH_FASTCALL, ORO_DOC_Log_warning},
    {"error", FASTCALL(log_error), METH_FASTCALL, ORO_DOC_Log_error},
    {"critical", FASTCALL(log_error), METH_FASTCALL, ORO_DOC_Log_critical},
    {"exception", FASTCALL(log_exception), METH_FASTCALL, ORO_DOC_Log_exception},
    {0},
};

int
oro_pyctx_types(struct oro_db *db, PyObject *module)
{
    PyType_Slot ctx_slots[] = {
        {Py_tp_members, ctx_members},        {Py_tp_getset, ctx_getset},
        {Py_tp_methods, ctx_methods},        {Py_tp_dealloc, ctx_dealloc},
        {Py_tp_doc, ORO_DOC_ReducerContext}, {0, NULL},
    };
    PyType_Slot log_slots[] = {
        {Py_tp_methods, log_methods},
        {Py_tp_call, log_call},
        {Py_tp_doc, ORO_DOC_Log},
        {Py_tp_dealloc, log_dealloc},
        {0, NULL},
    };
    unsigned flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION;
    PyType_Spec ctx_spec = {"orochi.ReducerContext", sizeof(struct oro_ctx), 0, flags, ctx_slots};
    PyType_Spec log_spec = {"orochi.Log", sizeof(struct logobj), 0, flags, log_slots};
    db->t_ctx = PyType_FromModuleAndSpec(module, &ctx_spec, NULL);
    db->t_log = PyType_FromModuleAndSpec(module, &log_spec, NULL);
    if (db->t_ctx == NULL || db->t_log == NULL)
        return -1;
    struct logobj *log = PyObject_New(struct logobj, (PyTypeObject *)db->t_log);
    if (log == NULL)
        return -1;
    log->owner = db;
    db->log = (PyObject *)log;
    return 0;
}
