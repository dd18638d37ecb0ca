/* bridge/host/handler.c - a request that the module answers itself. Its router (orochi/_routes.py) runs outside of any transaction;
 * HandlerContext opens some with _tx_begin and _tx_end, in which the context of reducers serves. */
#include "bridge/host/handler_priv.h"

#include "bridge/codec/error.h"
#include "bridge/codec/id.h"
#include "bridge/db/context.h"
#include "bridge/db/rows.h"
#include "bridge/host/call_priv.h"
#include "bridge/host/globals_priv.h"
#include "bridge/host/memory_priv.h"
#include "bridge/host/module_priv.h"
#include "bridge/host/report_priv.h"

/* ---- transactions ---- */

/* NULL with TransactionError: no request is being answered here, or it is in a transaction and should not be, or the other way. */
static struct oro_py *
answering(PyObject *module, bool in_tx)
{
    struct oro_py *py = oro_py_of_module(module);
    const char *why = NULL;
    if (oro_db_running != &py->db || py->db.call == NULL || !py->answers)
        why = "ctx was used outside the call it belongs to";
    else if (in_tx && !py->in_tx)
        why = "the transaction has ended already";
    else if (!in_tx && py->in_tx)
        why = "there is a transaction already, and in one no other can begin: use the tx that you "
              "have";
    if (why == NULL)
        return py;
    PyErr_SetString(py->db.e_transaction, why);
    return NULL;
}

/* Rows, tables and the context of the transaction are dead; the request goes on. */
static void
handles_end(struct oro_py *py)
{
    struct oro_py_call *call = py->db.call;
    oro_pycall_close(py);
    py->db.call = call;
    oro_db_running = &py->db;
}

static oro_status
tx_end(struct oro_py *py, bool commit)
{
    oro_lost_end(&py->db, commit);
    handles_end(py);
    py->in_tx = false;
    return py->db.ops->end(py->db.call->host, commit);
}

/* _tx_begin(exclusive): the context of a new transaction. */
PyObject *
oro_pytx_begin(PyObject *module, PyObject *exclusive)
{
    struct oro_py *py = answering(module, false);
    if (py == NULL || (py->db.ctx == NULL && oro_pycall_handles(py) < 0))
        return NULL;
    oro_lost_end(&py->db, false);
    py->db.call->timestamp_us = py->db.ops->begin(py->db.call->host, exclusive == Py_True);
    py->codecs.now_us = py->db.call->timestamp_us;
    py->in_tx = true;
    return Py_NewRef(py->db.ctx);
}

/* _tx_end(commit): False: what it read is not so any more, and it is to be done again. */
PyObject *
oro_pytx_end(PyObject *module, PyObject *commit)
{
    struct oro_py *py = answering(module, true);
    if (py == NULL)
        return NULL;
    bool late = py->hits > 0;
    struct oro_err err = {0};
    bool fits = commit != Py_True || py->db.ops->fits(py->db.call->host, &err) == ORO_OK;
    oro_status st = tx_end(py, commit == Py_True && !late && fits);
    if (late && commit == Py_True) { /* half of its work must not count */
        PyErr_SetString(py->e_timeout, "the handler ran longer than its limit, and went on");
        return NULL;
    }
    if (st == ORO_ECONFLICT)
        Py_RETURN_FALSE;
    if (!fits)
        return PyErr_Format(py->db.e_transaction, "the transaction cannot be kept: %s", err.text);
    if (st == ORO_OK)
        Py_RETURN_TRUE;
    PyErr_Format(py->db.e_transaction, "the transaction cannot be committed: %s",
                 oro_status_name(st));
    return NULL;
}

/* ---- the request ---- */

/* The logger that ctx.log is. */
PyObject *
oro_pytx_log(PyObject *module, PyObject *none)
{
    return Py_NewRef(oro_py_of_module(module)->db.log);
}

/* router(request, sender, database identity, claims or None, time) -> bytes of the answer. */
static PyObject *
ask(struct oro_py *py, const struct oro_py_call *call)
{
    PyObject *router = PyDict_GetItemString(py->module_spec, "router");
    if (router == NULL || router == Py_None)
        return PyErr_Format(PyExc_LookupError, "the module has no routes");
    PyObject *sender =
        oro_pyid_new(&py->codecs, (PyTypeObject *)py->codecs.t_identity, call->sender.le);
    PyObject *database =
        oro_pyid_new(&py->codecs, (PyTypeObject *)py->codecs.t_identity, call->database.le);
    PyObject *out = NULL;
    if (sender != NULL && database != NULL)
        out = PyObject_CallFunction(router, "y#OOzL", (const char *)call->args.data,
                                    (Py_ssize_t)call->args.len, sender, database, call->jwt_payload,
                                    (long long)call->timestamp_us);
    Py_XDECREF(sender);
    Py_XDECREF(database);
    if (out != NULL && !PyBytes_Check(out)) {
        PyErr_SetString(PyExc_TypeError, "the router gives bytes");
        Py_CLEAR(out);
    }
    if (out != NULL && py->hits > 0) {
        PyErr_SetString(py->e_timeout, "the handler ran longer than its limit, and went on");
        Py_CLEAR(out);
    }
    return out;
}

static oro_status
answer(struct oro_py *py, struct oro_py_call *call)
{
    oro_status st = ORO_OK;
    oro_py_run_begin(py);
    PyObject *out = ask(py, call);
    if (out != NULL &&
        !oro_bb_try_put(call->text, PyBytes_AS_STRING(out), (size_t)PyBytes_GET_SIZE(out)))
        Py_CLEAR(out); /* without an exception: no memory */
    if (out == NULL)
        st = oro_pycall_raised(py);
    Py_XDECREF(out);
    oro_py_run_end(py);
    return st;
}

oro_status
oro_py_answer(struct oro_py *py, struct oro_py_call *call)
{
    static const struct oro_reducer_def def = {.id = UINT32_MAX, .name = "http"};
    oro_bb_clear(call->text);
    uint64_t gen = atomic_load_explicit(&py->generation, memory_order_relaxed) + 1;
    atomic_store_explicit(&py->generation, gen, memory_order_release);
    oro_py_config_look(py);
    call->reducer = &def;
    py->db.call = call;
    py->codecs.now_us = call->timestamp_us;
    py->codecs.cerr.set = false;
    py->answers = true;
    oro_db_running = &py->db;
    oro_status st = answer(py, call);
    if (py->in_tx)
        (void)tx_end(py, false);
    py->answers = false;
    oro_lost_end(&py->db, false);
    oro_pycall_close(py);
    oro_py_memory_relax(py);
    return st;
}
