/* bridge/host/call.c - connecting a loaded module with the schema, and running one reducer. */
#include "bridge/codec/error.h"
#include "bridge/db/context.h"
#include "bridge/db/table.h"
#include "bridge/db/rows.h"
#include "bridge/host/call_priv.h"
#include "bridge/host/globals_priv.h"
#include "bridge/host/memory_priv.h"
#include "bridge/host/module_priv.h"
#include "bridge/host/procedure_priv.h"
#include "bridge/host/report_priv.h"
#include "bridge/host/view_priv.h"
#include "runtime/base/clock.h"

#define ARGS_ON_STACK 24

/* ---- bind ---- */

static int
bind_returns(struct oro_py *py, struct oro_pyreducer *r, PyObject *spec)
{
    r->result = oro_codec_compile(&py->codecs, spec);
    if (r->result == NULL)
        return -1;
    py->codecs.npinned++;
    return 0;
}

/* Or a procedure, which returns something. */
static int
bind_reducer(struct oro_py *py, PyObject *spec)
{
    PyObject *name = PyDict_GetItemString(spec, "name"), *fn = PyDict_GetItemString(spec, "fn"),
             *params = PyDict_GetItemString(spec, "params"),
             *takes_row = PyDict_GetItemString(spec, "takes_row"),
             *returns = PyDict_GetItemString(spec, "result");
    if (name == NULL || fn == NULL || params == NULL || !PyTuple_Check(params)) {
        PyErr_SetString(PyExc_TypeError, "a reducer's spec is incomplete");
        return -1;
    }
    const struct oro_reducer_def *def =
        oro_schema_function(py->db.schema, oro_bytes_str(PyUnicode_AsUTF8(name)));
    if (def == NULL || def->id >= py->nreducers || (def->returns == NULL) != (returns == NULL)) {
        PyErr_Format(PyExc_ValueError, "reducer %R is not in the schema", name);
        return -1;
    }
    struct oro_pyreducer *r = &py->reducers[def->id];
    r->name = def->name;
    r->takes_row = takes_row == NULL || PyObject_IsTrue(takes_row) == 1;
    r->is_async = def->is_async;
    r->nparams = r->takes_row ? (unsigned)PyTuple_GET_SIZE(params) : 0;
    r->params = oro_arena_alloc(&py->codecs.program.arena, (r->nparams + 1) * sizeof(*r->params));
    for (unsigned i = 0; i < r->nparams; i++) {
        PyObject *p = PyTuple_GET_ITEM(params, i);
        if (!PyTuple_Check(p) || PyTuple_GET_SIZE(p) != 2) {
            PyErr_Format(PyExc_TypeError, "reducer %R: a parameter is not a pair", name);
            return -1;
        }
        r->params[i].name = PyTuple_GET_ITEM(p, 0);
        if (PyList_Append(py->codecs.program.keep, r->params[i].name) < 0)
            return -1;
        r->params[i].codec = oro_codec_compile(&py->codecs, PyTuple_GET_ITEM(p, 1));
        if (r->params[i].codec == NULL)
            return -1;
        py->codecs.npinned++;
    }
    if (def->is_view && oro_pyview_bind(py, r, spec) < 0)
        return -1;
    if (returns != NULL && bind_returns(py, r, returns) < 0)
        return -1;
    r->fn = fn;
    return PyList_Append(py->codecs.program.keep, fn);
}

static PyObject *
spec_list(PyObject *spec, const char *key)
{
    PyObject *list = PyDict_Check(spec) ? PyDict_GetItemString(spec, key) : NULL;
    if (list == NULL || !PyList_Check(list)) {
        PyErr_Format(PyExc_TypeError, "the module spec has no list \"%s\"", key);
        return NULL;
    }
    return list;
}

int
oro_pycall_handles(struct oro_py *py)
{
    py->db.handle = oro_pytree_new(&py->db);
    py->db.ctx = py->db.handle != NULL ? oro_pyctx_new(&py->db) : NULL;
    return py->db.ctx != NULL ? 0 : -1;
}

static int
bind_all(struct oro_py *py, PyObject *module)
{
    PyObject *types = spec_list(py->module_spec, "types"),
             *tables = spec_list(py->module_spec, "tables"),
             *reducers = spec_list(py->module_spec, "reducers"),
             *procedures = spec_list(py->module_spec, "procedures");
    if (types == NULL || tables == NULL || reducers == NULL || procedures == NULL ||
        oro_codec_compile_named(&py->codecs, types) < 0)
        return -1;
    py->db.ntables = (unsigned)PyList_GET_SIZE(tables);
    py->db.tables =
        oro_arena_alloc(&py->codecs.program.arena, (py->db.ntables + 1) * sizeof(*py->db.tables));
    memset(py->db.tables, 0, (py->db.ntables + 1) * sizeof(*py->db.tables));
    for (unsigned i = 0; i < py->db.ntables; i++)
        if (oro_pytable_bind(&py->db, &py->db.tables[i], PyList_GET_ITEM(tables, i),
                             py->db.schema) < 0)
            return -1;
    if (oro_pytable_bind_types(&py->db, module) < 0)
        return -1;
    py->nreducers = py->db.schema->nreducers + py->db.schema->nprocedures;
    py->reducers =
        oro_arena_alloc(&py->codecs.program.arena, (py->nreducers + 1) * sizeof(*py->reducers));
    memset(py->reducers, 0, (py->nreducers + 1) * sizeof(*py->reducers));
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(reducers); i++)
        if (bind_reducer(py, PyList_GET_ITEM(reducers, i)) < 0)
            return -1;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(procedures); i++)
        if (bind_reducer(py, PyList_GET_ITEM(procedures, i)) < 0)
            return -1;
    return oro_pycall_handles(py);
}

/* What was imported lives as long as the interpreter: the collector need not look at it again. */
static void
freeze_garbage(void)
{
    PyObject *gc = PyImport_ImportModule("gc");
    PyObject *a = gc != NULL ? PyObject_CallMethod(gc, "collect", NULL) : NULL;
    PyObject *b = a != NULL ? PyObject_CallMethod(gc, "freeze", NULL) : NULL;
    Py_XDECREF(gc);
    Py_XDECREF(a);
    Py_XDECREF(b);
    PyErr_Clear();
}

oro_status
oro_py_bind(struct oro_py *py, const struct oro_schema *schema, struct oro_err *err)
{
    if (py->module_spec == NULL || py->db.schema != NULL)
        return oro_err_set(err, ORO_EINVAL, "no module is loaded, or it is bound already");
    PyObject *module = PyImport_ImportModule("_orochi");
    py->db.schema = schema;
    if (module == NULL || bind_all(py, module) < 0) {
        struct oro_bb text = {0};
        oro_pyerr_text(&py->codecs, false, &text);
        Py_XDECREF(module);
        oro_err_set(err, ORO_EINTERNAL, "%.*s", (int)text.len, (char *)text.data);
        oro_bb_fini(&text);
        return ORO_EINTERNAL;
    }
    Py_DECREF(module);
    if (py->staged == NULL)
        oro_globals_watch(py);
    if (py->staged == NULL) /* otherwise oro_py_settle does, when nobody waits */
        freeze_garbage();
    return ORO_OK;
}

/* ---- call ---- */

oro_status
oro_pycall_raised(struct oro_py *py)
{
    struct oro_bb *text = py->db.call->text;
    py->grace_us = oro_py_words_us() + ORO_PY_WORDS_US;
    if (!PyErr_Occurred()) {
        oro_bb_printf(text,
                      "MemoryError"); /* NULL without an exception: seen near a memory limit */
        oro_py_memory_words(text);
        return ORO_EINTERNAL;
    }
    if (PyErr_ExceptionMatches(py->e_reducer)) {
        oro_pyrefusal_tell(py, PyErr_GetRaisedException());
        return ORO_EUSER;
    }
    oro_status st = PyErr_ExceptionMatches(py->e_timeout) ? ORO_ETIMEOUT : ORO_EINTERNAL;
    oro_pyerr_text(&py->codecs, true, text);
    oro_py_memory_words(text);
    return st;
}

/* A constructor or a check of the author's refused the call, was interrupted, ran out of memory or has a fault: only what a
 * value is refused with says something of the caller's argument. */
static bool
is_not_the_callers(struct oro_py *py)
{
    const PyObject *error = py->codecs.cerr.cause;
    if (!py->codecs.cerr.set)
        return !PyErr_Occurred() || !PyErr_ExceptionMatches(PyExc_Exception) ||
               PyErr_ExceptionMatches(PyExc_MemoryError) || PyErr_ExceptionMatches(py->e_reducer);
    PyObject *const says_why[] = {PyExc_ValueError, PyExc_TypeError, PyExc_AssertionError,
                                  PyExc_OverflowError};
    for (size_t i = 0; error != NULL && i < ORO_ARRAY_LEN(says_why); i++)
        if (PyErr_GivenExceptionMatches((PyObject *)error, says_why[i]))
            error = NULL;
    return error != NULL;
}

static oro_status
bad_argument(struct oro_py *py, struct oro_pyreducer *r, unsigned i)
{
    ORO_BUMP(r->tally.errors[DIR_DECODE], 1);
    if (is_not_the_callers(py)) {
        if (py->codecs.cerr.set) {
            PyErr_SetRaisedException(Py_NewRef(py->codecs.cerr.cause));
            oro_cerr_clear(&py->codecs);
        }
        return oro_pycall_raised(py);
    }
    if (i < r->nparams)
        oro_cerr_name(&py->codecs, r->params[i].name);
    oro_cerr_text(&py->codecs, r->name, py->db.call->text);
    return ORO_EINVAL;
}

static void
release(PyObject **args, unsigned n)
{
    while (n > 0)
        Py_DECREF(args[--n]);
}

oro_status
oro_py_decode_args(struct oro_py *py, struct oro_pyreducer *r, PyObject **args)
{
    struct oro_reader rd = oro_reader(py->db.call->args);
    uint64_t began = oro_tally_begin(&py->codecs.clock);
    for (unsigned i = 0; i < r->nparams; i++) {
        args[i] = oro_codec_decode(&py->codecs, r->params[i].codec, &rd, 1);
        if (args[i] == NULL) {
            release(args, i);
            return bad_argument(py, r, i);
        }
    }
    if (r->takes_row && oro_rd_left(&rd) > 0) {
        release(args, r->nparams);
        oro_cerr_set(&py->codecs, "%zu bytes too many after the arguments", oro_rd_left(&rd));
        return bad_argument(py, r, r->nparams);
    }
    if (r->nparams > 0)
        oro_tally_end(&py->codecs.clock, &r->tally, DIR_DECODE, py->db.call->args.len, began);
    return ORO_OK;
}

static oro_status
run(struct oro_py *py, struct oro_pyreducer *r)
{
    PyObject *few[ARGS_ON_STACK + 2], **args = few;
    if (r->nparams > ARGS_ON_STACK)
        args = oro_alloc((r->nparams + 2) * sizeof(*args));
    args[1] = py->db.ctx;
    oro_py_run_begin(py); /* arguments run code of the author's, too: constructors and checks */
    oro_status st = oro_py_decode_args(py, r, args + 2);
    if (st == ORO_OK) {
        PyObject *out = PyObject_Vectorcall(
            r->fn, args + 1, (1 + r->nparams) | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
        release(args + 2, r->nparams);
        bool given = out != NULL && (r->row == NULL || oro_pyview_rows(py, r, out) == 0);
        Py_XDECREF(out);
        if (!given)
            out = NULL;
        if (out != NULL && ORO_UNLIKELY(py->hits > 0)) {
            /* Something of it was cut off, in a __del__ or where it was caught: half of its work must not count. */
            PyErr_SetString(py->e_timeout, "the reducer ran longer than its limit, and went on");
            out = NULL;
        }
        if (out == NULL)
            /* runs the author's __str__, so it may be interrupted too */
            st = oro_pycall_raised(py);
    }
    oro_py_run_end(py);
    if (args != few)
        oro_free(args);
    return st;
}

void
oro_pycall_close(struct oro_py *py)
{
    oro_db_running = NULL;
    oro_pyrows_kill_all(&py->db);
    py->codecs.now_us = 0;
    py->db.call =
        NULL; /* before the context lets go: a __del__ must not make it anew, for the next caller to find */
    oro_pyctx_reset((struct oro_ctx *)py->db.ctx);
    if (ORO_LIKELY(Py_REFCNT(py->db.ctx) == 1 && !oro_pytree_kept(&py->db)))
        return;
    oro_pytree_kill(&py->db);
    ((struct oro_ctx *)py->db.ctx)->owner = NULL;
    Py_CLEAR(py->db.ctx);
    Py_CLEAR(py->db.handle);
    if (oro_pycall_handles(py) < 0)
        PyErr_Clear(); /* the next call tries again */
}

struct oro_pyreducer *
oro_py_call_find(struct oro_py *py, struct oro_py_call *call)
{
    struct oro_pyreducer *r =
        call->reducer->id < py->nreducers ? &py->reducers[call->reducer->id] : NULL;
    oro_bb_clear(call->text);
    ORO_ASSERT(!call->reducer->is_view || call->rows != NULL);
    if (call->detail != NULL)
        oro_bb_clear(call->detail);
    if (call->logged != NULL)
        oro_bb_clear(call->logged);
    if (py->db.ctx == NULL) {
        Py_CLEAR(py->db.handle);
        if (r != NULL && oro_pycall_handles(py) < 0)
            PyErr_Clear();
    }
    if (r == NULL || r->fn == NULL || py->db.ctx == NULL) {
        oro_bb_printf(call->text, "%s %s cannot run",
                      call->reducer->returns != NULL ? "procedure" : "reducer",
                      call->reducer->name);
        return NULL;
    }
    return r;
}

void
oro_py_call_begin(struct oro_py *py, struct oro_py_call *call)
{
    py->db.call = call;
    py->codecs.now_us = call->timestamp_us;
    oro_db_running = &py->db;
    py->codecs.cerr.set = false;
}

oro_status
oro_py_call(struct oro_py *py, struct oro_py_call *call)
{
    struct oro_pyreducer *r = oro_py_call_find(py, call);
    if (r == NULL)
        return ORO_EINTERNAL;
    uint64_t gen = atomic_load_explicit(&py->generation, memory_order_relaxed) + 1;
    atomic_store_explicit(&py->generation, gen, memory_order_release);
    oro_py_config_look(py);
    if (ORO_UNLIKELY(gen % 4096 == 0))
        oro_rowspace_pool_shrink(&py->rows);
    oro_py_call_begin(py, call);
    if (py->globals_sized)
        oro_globals_begin(py);
    oro_status st = run(py, r);
    if (ORO_UNLIKELY(py->db.nlost > 0))
        oro_lost_end(&py->db, st == ORO_OK);
    if (py->globals_sized)
        oro_globals_look(py, r->fn);
    if (ORO_UNLIKELY(st != ORO_OK))
        ORO_COUNT(&py->codecs, errors, 1);
    oro_pycall_close(py);
    oro_py_memory_relax(py);
    return st;
}

/* ---- interrupt ---- */

uint64_t
oro_py_generation(const struct oro_py *py)
{
    return atomic_load_explicit(&py->generation, memory_order_acquire);
}
