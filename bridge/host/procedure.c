/* bridge/host/procedure.c - running one procedure: outside of a transaction, but for those that it asks for itself.
 *
 * While it runs, oro_db_running is NULL as in an import, so that tables are closed and nothing stands in the way of input and
 * output; a transaction is a call in the call, with a context of its own. It waits in an op of the host, in which the module may
 * be exchanged for a new version. Then it is cut off: what it holds of the old one would not fit the tables of the new. */
#include "bridge/host/call_priv.h"
#include "bridge/host/procedure_priv.h"

#include "bridge/codec/error.h"
#include "bridge/host/memory_priv.h"
#include "bridge/host/report_priv.h"
#include "runtime/base/clock.h"

#define ATTEMPTS 3      /* of a transaction; the last one is alone and cannot conflict */
#define WAIT_MOST_S 1e9 /* as good as for ever */
#define ARGS_ON_STACK 24

bool
oro_py_asked_outdated(const struct oro_py *py, const struct oro_asked_for *a)
{
    return a->schema != py->db.schema;
}

#define OUTDATED "the module was reloaded while the procedure ran, which is cut off"

struct oro_asked_for *
oro_py_asked_of(PyObject *module, struct oro_py **py, const char *what)
{
    *py = oro_py_of_module(module);
    struct oro_asked_for *a = oro_py_here == *py ? (*py)->asked : NULL;
    if (a == NULL || a->over)
        PyErr_Format((*py)->db.e_transaction, "%s was used outside of the procedure it belongs to",
                     what);
    else if (a->in_tx || oro_db_running != NULL)
        PyErr_Format((*py)->db.e_transaction,
                     "%s was called in a transaction, which waits for nothing and has none inside: "
                     "do it before or after",
                     what);
    else if (oro_py_asked_outdated(*py, a))
        PyErr_SetString((*py)->e_timeout, OUTDATED);
    else
        return a;
    return NULL;
}

/* Between the two the host may run something else here, which is no part of the procedure. */
static void
stand_back(struct oro_py *py, struct oro_asked_for *a)
{
    a->hits = py->hits;
    py->asked = NULL;
}

/* False with an exception: it is over. */
static bool
come_back(struct oro_py *py, struct oro_asked_for *a, oro_status st)
{
    py->asked = a;
    py->hits = a->hits;
    if (st == ORO_OK && !oro_py_asked_outdated(py, a))
        return true;
    PyErr_SetString(py->e_timeout, oro_py_asked_outdated(py, a)
                                       ? OUTDATED
                                       : "the procedure waited longer than its limit");
    return false;
}

/* ---- transactions ---- */

/* False with an exception: none has begun. */
static bool
tx_begin(struct oro_py *py, struct oro_asked_for *a, bool alone)
{
    a->tx = *a->call;
    stand_back(py, a);
    oro_status st = py->db.ops->ask_begin(a->call->host, alone, &a->tx.timestamp_us);
    if (!come_back(py, a, st))
        return false;
    a->in_tx = true;
    oro_py_call_begin(py, &a->tx);
    return true;
}

/* False with an exception: it is more than can be kept. */
static bool
tx_fits(struct oro_py *py, struct oro_asked_for *a)
{
    struct oro_err err = {0};
    if (py->db.ops->fits(a->call->host, &err) == ORO_OK)
        return true;
    PyErr_Format(py->db.e_transaction, "the transaction cannot be kept: %s", err.text);
    return false;
}

/* ORO_ECONFLICT: it has to be run again. */
static oro_status
tx_end(struct oro_py *py, struct oro_asked_for *a, bool commits)
{
    if (ORO_UNLIKELY(py->db.nlost > 0))
        oro_lost_end(&py->db, commits);
    oro_pycall_close(py);
    a->in_tx = a->in_block = false;
    return commits ? py->db.ops->ask_commit(a->call->host) : py->db.ops->ask_abort(a->call->host);
}

/* Nothing may be awaited in a transaction. */
static PyObject *
no_coroutine(PyObject *out)
{
    if (out == NULL || !PyCoro_CheckExact(out))
        return out;
    Py_XDECREF(PyObject_CallMethod(out, "close", NULL));
    Py_DECREF(out);
    PyErr_SetString(PyExc_TypeError, "the body of a transaction is a plain function, def body(tx): "
                                     "nothing is awaited in it");
    return NULL;
}

static PyObject *
tx_once(struct oro_py *py, PyObject *const *args, Py_ssize_t n)
{
    PyObject *few[ARGS_ON_STACK + 1], **all = few;
    if (n > ARGS_ON_STACK)
        all = oro_alloc(((size_t)n + 1) * sizeof(*all));
    all[0] = NULL;
    all[1] = py->db.ctx;
    for (Py_ssize_t i = 1; i < n; i++)
        all[i + 1] = args[i];
    PyObject *out = no_coroutine(
        PyObject_Vectorcall(args[0], all + 1, (size_t)n | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL));
    if (all != few)
        oro_free(all);
    if (out != NULL && ORO_UNLIKELY(py->hits > 0)) {
        PyErr_SetString(py->e_timeout, "the transaction ran longer than its limit, and went on");
        Py_CLEAR(out);
    }
    return out;
}

/* Takes out. Behind a commit: what its caller sees confirmed is on disk before it goes on. A coroutine waits in its loop. */
static PyObject *
sure(struct oro_py *py, struct oro_asked_for *a, PyObject *out)
{
    uint64_t seq = py->db.ops->ask_unsure != NULL ? py->db.ops->ask_unsure(a->call->host) : 0;
    if (a->is_coroutine || seq == 0) {
        a->unsure = seq;
        return out;
    }
    stand_back(py, a);
    oro_status st = py->db.ops->ask_sure(a->call->host, seq);
    if (come_back(py, a, st == ORO_EIO ? ORO_OK : st)) {
        if (st == ORO_OK)
            return out;
        py->hits++; /* whoever goes on has failed all the same */
        PyErr_SetString(py->e_timeout, "durability confirmation timed out; outcome unknown, do not "
                                       "retry without deduplication");
    }
    Py_DECREF(out);
    return NULL;
}

/* _procedure_tx(body, *args): body(tx, *args) in a transaction. */
PyObject *
oro_py_asked_tx(PyObject *module, PyObject *const *args, Py_ssize_t n)
{
    struct oro_py *py;
    struct oro_asked_for *a = oro_py_asked_of(module, &py, "ctx.with_tx()");
    if (a == NULL)
        return NULL;
    if (n < 1 || !PyCallable_Check(args[0]))
        return PyErr_Format(PyExc_TypeError, "ctx.with_tx() takes a function of the transaction: "
                                             "ctx.with_tx(lambda tx: ...)");
    for (int attempt = 1;; attempt++) {
        if (!tx_begin(py, a, attempt == ATTEMPTS))
            return NULL;
        if (py->db.ctx == NULL) {
            (void)tx_end(py, a, false);
            return PyErr_NoMemory();
        }
        PyObject *out = tx_once(py, args, n);
        if (out != NULL && !tx_fits(py, a))
            Py_CLEAR(out);
        PyObject *error = out == NULL ? PyErr_GetRaisedException() : NULL;
        oro_status st = tx_end(py, a, out != NULL);
        if (st == ORO_ECONFLICT && attempt < ATTEMPTS && py->hits == 0) {
            Py_XDECREF(out);
            Py_XDECREF(error);
            continue;
        }
        if (error != NULL)
            PyErr_SetRaisedException(error);
        else if (st == ORO_ECONFLICT)
            PyErr_SetString(py->db.e_transaction, "the transaction did not commit");
        if (st == ORO_ECONFLICT)
            Py_CLEAR(out);
        return out != NULL ? sure(py, a, out) : NULL;
    }
}

/* _procedure_begin(): the context of a transaction, which ends with _procedure_end(). */
PyObject *
oro_py_asked_begin(PyObject *module, PyObject *none)
{
    struct oro_py *py;
    struct oro_asked_for *a = oro_py_asked_of(module, &py, "ctx.tx()");
    if (a == NULL)
        return NULL;
    if (!tx_begin(py, a, true))
        return NULL;
    a->in_block = true;
    if (py->db.ctx != NULL)
        return Py_NewRef(py->db.ctx);
    (void)tx_end(py, a, false);
    return PyErr_NoMemory();
}

PyObject *
oro_py_asked_end(PyObject *module, PyObject *commits)
{
    struct oro_py *py = oro_py_of_module(module);
    struct oro_asked_for *a = oro_py_here == py ? py->asked : NULL;
    if (a != NULL && a->torn && commits != Py_True)
        Py_RETURN_NONE; /* what it raised says more */
    if (a == NULL || !a->in_block) {
        PyErr_SetString(
            py->db.e_transaction,
            a != NULL && a->torn
                ? "something was awaited in the block of ctx.tx(), whose transaction was "
                  "rolled back then: it holds everybody up, so nothing is awaited in it"
                : "this transaction has ended already");
        return NULL;
    }
    bool ok = commits == Py_True && py->hits == 0;
    if (ok && !tx_fits(py, a)) {
        (void)tx_end(py, a, false);
        return NULL;
    }
    oro_status st = tx_end(py, a, ok);
    if (commits == Py_True && (!ok || st != ORO_OK)) {
        PyErr_SetString(py->e_timeout, "the transaction ran longer than its limit");
        return NULL;
    }
    return ok ? sure(py, a, Py_NewRef(Py_None)) : Py_NewRef(Py_None);
}

/* ---- waiting ---- */

/* Of seconds that an author gave: from none, for what is less, to WAIT_MOST_S, also for NaN. */
static int64_t
wait_us(double s)
{
    return s <= 0 ? 0 : s < WAIT_MOST_S ? (int64_t)(s * 1e6) : (int64_t)(WAIT_MOST_S * 1e6);
}

/* _procedure_wait(seconds) */
PyObject *
oro_py_asked_wait(PyObject *module, PyObject *seconds)
{
    struct oro_py *py;
    struct oro_asked_for *a = oro_py_asked_of(module, &py, "ctx.sleep()");
    double s = a != NULL ? PyFloat_AsDouble(seconds) : -1;
    if (a == NULL || (s == -1 && PyErr_Occurred()))
        return NULL;
    int64_t until = oro_mono_us() + wait_us(s);
    stand_back(py, a);
    oro_status st = py->db.ops->ask_wait(a->call->host, until);
    if (!come_back(py, a, st))
        return NULL;
    Py_RETURN_NONE;
}

PyObject *
oro_py_fetched(struct oro_fetched *got)
{
    static const char nothing[] = "";
    const char *headers = got->headers.len > 0 ? (const char *)got->headers.data : nothing,
               *body = got->body.len > 0 ? (const char *)got->body.data : nothing;
    PyObject *text = PyUnicode_DecodeLatin1(headers, (Py_ssize_t)got->headers.len, NULL);
    PyObject *url = PyUnicode_DecodeUTF8(got->url, (Py_ssize_t)strlen(got->url), "replace");
    PyObject *out = NULL;
    if (text != NULL && url != NULL)
        out = Py_BuildValue("(iOOy#)", got->status, url, text, body, (Py_ssize_t)got->body.len);
    Py_XDECREF(text);
    Py_XDECREF(url);
    oro_fetched_fini(got);
    return out;
}

PyObject *
oro_py_fetch_text(const struct oro_err *err)
{
    return PyUnicode_DecodeUTF8(err->text, (Py_ssize_t)strlen(err->text), "replace");
}

int
oro_py_ask_parse(PyObject *args, struct oro_py_ask *out)
{
    PyObject *lines;
    const char *body;
    Py_ssize_t nbody;
    double s;
    *out = (struct oro_py_ask){0};
    if (!PyArg_ParseTuple(args, "ssO!y#d", &out->ask.method, &out->ask.url, &PyTuple_Type, &lines,
                          &body, &nbody, &s))
        return -1;
    out->ask.nheaders = (size_t)PyTuple_GET_SIZE(lines);
    out->headers = oro_alloc((out->ask.nheaders + 1) * sizeof(*out->headers));
    for (size_t i = 0; i < out->ask.nheaders; i++) {
        Py_ssize_t n;
        out->headers[i] = PyUnicode_AsUTF8AndSize(PyTuple_GET_ITEM(lines, (Py_ssize_t)i), &n);
        if (out->headers[i] != NULL && strlen(out->headers[i]) == (size_t)n)
            continue;
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "a header has no NUL in it");
        oro_py_ask_fini(out);
        return -1;
    }
    out->ask.headers = out->headers;
    out->ask.body = oro_bytes(body, (size_t)nbody);
    out->ask.timeout_us = s < WAIT_MOST_S ? wait_us(s) : 0;
    return 0;
}

void
oro_py_ask_fini(struct oro_py_ask *ask)
{
    oro_free(ask->headers);
    ask->headers = NULL;
}

/* _procedure_fetch(method, url, headers, body, seconds) -> (status, url, headers, body); headers: a tuple of "name: value", and a
 * text of lines. */
PyObject *
oro_py_asked_fetch(PyObject *module, PyObject *args)
{
    struct oro_py *py;
    struct oro_asked_for *a = oro_py_asked_of(module, &py, "ctx.http");
    struct oro_py_ask ask;
    struct oro_fetched got;
    struct oro_err err = {0};
    if (a == NULL || oro_py_ask_parse(args, &ask) < 0)
        return NULL;
    stand_back(py, a);
    oro_status st = py->db.ops->ask_fetch(a->call->host, &ask.ask, &got, &err);
    bool ok = come_back(py, a, st == ORO_ETIMEOUT && err.text[0] == '\0' ? st : ORO_OK);
    if (!ok && st == ORO_OK)
        oro_fetched_fini(&got);
    oro_py_ask_fini(&ask);
    if (!ok)
        return NULL;
    if (st == ORO_OK)
        return oro_py_fetched(&got);
    PyObject *text = oro_py_fetch_text(&err);
    if (text != NULL)
        PyErr_SetObject(py->e_http, text);
    Py_XDECREF(text);
    return NULL;
}

void
oro_py_procedure_goes_on(struct oro_py *py)
{
    oro_py_run_anew(py);
}

/* ---- the call ---- */

static void
release(PyObject **args, unsigned n)
{
    while (n > 0)
        Py_DECREF(args[--n]);
}

oro_status
oro_py_asked_arguments(struct oro_py *py, struct oro_asked_for *a, struct oro_pyreducer *r,
                       PyObject **args)
{
    oro_py_call_begin(py, a->call);
    oro_status st = oro_py_decode_args(py, r, args + 1);
    if (st == ORO_OK) {
        args[0] = PyObject_CallFunctionObjArgs(py->make_asked, py->db.ctx,
                                               r->is_async ? Py_True : Py_False, NULL);
        if (args[0] == NULL) {
            release(args + 1, r->nparams);
            st = oro_pycall_raised(py);
        }
    }
    oro_pycall_close(py);
    return st;
}

static oro_status
encode(struct oro_py *py, struct oro_asked_for *a, const struct oro_pyreducer *r, PyObject *out,
       struct oro_bb *result)
{
    size_t before = result->len;
    oro_py_call_begin(py, a->call);
    oro_status st = ORO_OK;
    if (oro_codec_encode(&py->codecs, r->result, out, result, 1) < 0) {
        result->len = before;
        if (py->codecs.cerr.set) {
            oro_pyplace_put(r->fn, a->call->text);
            oro_cerr_text(&py->codecs, r->name, a->call->text);
            oro_bb_printf(a->call->text, " (what the procedure returned)");
            st = ORO_EINTERNAL;
        } else {
            st = oro_pycall_raised(py);
        }
    }
    oro_pycall_close(py);
    return st;
}

oro_status
oro_py_asked_raised(struct oro_py *py, struct oro_asked_for *a)
{
    oro_py_call_begin(py, a->call);
    oro_status st = oro_pycall_raised(py);
    oro_pycall_close(py);
    return st;
}

void
oro_py_asked_close(struct oro_py *py, struct oro_asked_for *a)
{
    oro_log_limited(ORO_LOG_ERROR, "module", "%s has left a transaction open: it is rolled back",
                    oro_py_asked_outdated(py, a) ? "a procedure" : a->call->reducer->name);
    (void)tx_end(py, a, false);
}

oro_status
oro_py_asked_result(struct oro_py *py, struct oro_asked_for *a, const struct oro_pyreducer *r,
                    PyObject *out, struct oro_bb *result)
{
    bool outdated = oro_py_asked_outdated(py, a);
    a->over = true; /* what runs when its result goes begins nothing that nobody would end */
    if (a->in_tx)
        oro_py_asked_close(py, a);
    if (out != NULL && ORO_UNLIKELY(a->hits > 0 || outdated)) {
        PyErr_SetString(py->e_timeout,
                        outdated ? OUTDATED
                                 : "the procedure ran longer than its limit, and went on");
        out = NULL;
    }
    return out != NULL ? encode(py, a, r, out, result) : oro_py_asked_raised(py, a);
}

static oro_status
run(struct oro_py *py, struct oro_asked_for *a, struct oro_pyreducer *r, PyObject **args,
    struct oro_bb *result)
{
    oro_status st = oro_py_asked_arguments(py, a, r, args + 1);
    if (st != ORO_OK)
        return st;
    unsigned n = 1 + r->nparams;
    PyObject *fn = Py_NewRef(r->fn);
    py->asked = a;
    args[0] = NULL;
    PyObject *out = PyObject_Vectorcall(fn, args + 1, n | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    release(args + 1, n);
    Py_DECREF(fn);
    a->hits = py->hits;
    st = oro_py_asked_result(py, a, r, out, result);
    Py_XDECREF(out); /* its end may run code of the author's */
    py->asked = NULL;
    return st;
}

oro_status
oro_py_procedure(struct oro_py *py, struct oro_py_call *call, struct oro_bb *result, bool *outdated)
{
    struct oro_pyreducer *r = oro_py_call_find(py, call);
    *outdated = false;
    if (r == NULL || r->result == NULL)
        return ORO_EINTERNAL;
    struct oro_asked_for a = {.call = call, .schema = py->db.schema};
    PyObject *few[ARGS_ON_STACK + 2], **args = few;
    if (r->nparams > ARGS_ON_STACK)
        args = oro_alloc((r->nparams + 2) * sizeof(*args));
    oro_py_procedure_goes_on(py);
    oro_py_config_look(py);
    oro_status st = run(py, &a, r, args, result);
    oro_py_run_end(py);
    *outdated = oro_py_asked_outdated(py, &a);
    if (args != few)
        oro_free(args);
    if (st != ORO_OK)
        ORO_COUNT(&py->codecs, errors, 1);
    oro_py_memory_relax(py);
    return st;
}
