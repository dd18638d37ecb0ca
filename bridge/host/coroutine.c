/* bridge/host/coroutine.c - procedures that are `async def`: coroutines in an event loop of the interpreter's own (orochi/_loop.py), which
 * the host has go on (oro_py_loop_step). What belongs to one is a struct behind a capsule, the token by which the loop names it.
 * Each piece of it is run by _loop_run; meanwhile it is the procedure that runs here, as procedure.c knows it. What interrupts it, a
 * MemoryError too, is raised by the first instruction of the piece at the earliest: in the loop's own code it would be lost, and the
 * piece with it. */
#include "bridge/host/call_priv.h"
#include "bridge/host/procedure_priv.h"

#include "bridge/codec/error.h"
#include "bridge/host/memory_priv.h"
#include "bridge/host/report_priv.h"

#define TOKEN "orochi.coroutine"
#define ARGS_ON_STACK 24
#define SOON_US 10000

struct oro_coroutine {
    struct oro_asked_for a;
    struct oro_py *py;
    struct oro_pyreducer *r; /* of the version of a.schema */
    void *host, *of;         /* of: NULL when it has ended */
    unsigned hits;           /* interruptions of all its pieces */
};

static void
token_free(PyObject *token)
{
    oro_free(PyCapsule_GetPointer(token, TOKEN));
}

static struct oro_coroutine *
coroutine_of(PyObject *token)
{
    return PyCapsule_GetPointer(token, TOKEN);
}

/* ---- begin ---- */

/* Borrowed; NULL with an exception. */
static PyObject *
loop_of(struct oro_py *py)
{
    if (py->loop != NULL)
        return py->loop;
    PyObject *m = PyImport_ImportModule("orochi._loop");
    if (m != NULL)
        py->loop = PyObject_CallMethod(m, "make", NULL);
    Py_XDECREF(m);
    return py->loop;
}

void
oro_py_loop_prepare(struct oro_py *py)
{
    if (loop_of(py) == NULL)
        PyErr_Clear(); /* the first call says it */
}

/* args: room for the token, the function, seconds, the context, and what its caller sent. */
static oro_status
begin(struct oro_py *py, struct oro_coroutine *c, int64_t limit_us, PyObject **args)
{
    oro_status st = oro_py_asked_arguments(py, &c->a, c->r, args + 3);
    if (st != ORO_OK)
        return st;
    unsigned n = 4 + c->r->nparams;
    args[1] = Py_NewRef(c->r->fn);
    args[2] = PyFloat_FromDouble(limit_us > 0 ? (double)limit_us / 1e6 : 0);
    PyObject *loop = args[2] != NULL ? loop_of(py) : NULL;
    PyObject *fn = loop != NULL ? PyObject_GetAttrString(loop, "begin") : NULL;
    PyObject *out = fn != NULL ? PyObject_Vectorcall(fn, args, n, NULL) : NULL;
    Py_XDECREF(fn);
    for (unsigned i = 1; i < n; i++)
        Py_XDECREF(args[i]);
    if (out == NULL)
        return oro_py_asked_raised(py, &c->a);
    Py_DECREF(out);
    return ORO_OK;
}

oro_status
oro_py_coroutine(struct oro_py *py, struct oro_py_call *call, void *of, int64_t limit_us)
{
    struct oro_pyreducer *r = oro_py_call_find(py, call);
    if (r == NULL || r->result == NULL)
        return ORO_EINTERNAL;
    struct oro_coroutine *c = ORO_NEW(struct oro_coroutine);
    *c = (struct oro_coroutine){.a = {.call = call, .schema = py->db.schema, .is_coroutine = true},
                                .py = py,
                                .r = r,
                                .host = call->host,
                                .of = of};
    PyObject *few[ARGS_ON_STACK + 4], **args = few, *token = PyCapsule_New(c, TOKEN, token_free);
    if (token == NULL) {
        PyErr_Clear();
        oro_free(c);
        return ORO_ENOMEM;
    }
    if (r->nparams > ARGS_ON_STACK)
        args = oro_alloc((r->nparams + 4) * sizeof(*args));
    args[0] = token;
    oro_py_procedure_goes_on(py); /* what the arguments run has the call's limit */
    oro_py_config_look(py);
    oro_status st = begin(py, c, limit_us, args);
    oro_py_run_end(py);
    if (st != ORO_OK) {
        c->of = NULL;
        ORO_COUNT(&py->codecs, errors, 1);
    }
    if (args != few)
        oro_free(args);
    Py_DECREF(token);
    return st;
}

/* ---- the loop ---- */

static PyObject *
loop_call(struct oro_py *py, const char *name, const char *why)
{
    PyObject *out = PyObject_CallMethod(py->loop, name, why != NULL ? "s" : NULL, why);
    if (out == NULL) {
        struct oro_bb text = {0};
        oro_pyerr_text(&py->codecs, true, &text);
        oro_log_limited(ORO_LOG_ERROR, "module", "the procedures' event loop: %.*s", (int)text.len,
                        (const char *)text.data);
        oro_bb_fini(&text);
    }
    return out;
}

int64_t
oro_py_loop_step(struct oro_py *py, void *host)
{
    if (py->loop == NULL || py->looping)
        return -1;
    py->looping = true;
    py->loop_host = host;
    PyObject *out = loop_call(py, "step", NULL);
    double s = out != NULL ? PyFloat_AsDouble(out) : (double)SOON_US / 1e6;
    Py_XDECREF(out);
    py->looping = false;
    oro_py_memory_relax(py);
    return s < 0 || s > 1e9 ? -1 : (int64_t)(s * 1e6 + 0.999);
}

void
oro_py_loop_cancel(struct oro_py *py, const char *why)
{
    if (py->loop != NULL)
        Py_XDECREF(loop_call(py, "cancel_all", why));
}

/* _loop_enter(token): False: it has ended, and nothing of it runs any more. */
PyObject *
oro_py_loop_enter(PyObject *module, PyObject *token)
{
    struct oro_coroutine *c = coroutine_of(token);
    if (c == NULL)
        return NULL;
    if (c->of == NULL)
        Py_RETURN_FALSE;
    struct oro_py *py = c->py;
    py->db.ops->loop_enter(c->host, c->of);
    oro_py_procedure_goes_on(py);
    py->asked = &c->a;
    Py_RETURN_TRUE;
}

PyObject *
oro_py_loop_leave(PyObject *module, PyObject *token)
{
    struct oro_coroutine *c = coroutine_of(token);
    if (c == NULL)
        return NULL;
    struct oro_py *py = c->py;
    oro_py_run_end(py);
    c->hits += py->hits;
    py->hits = 0;
    if (c->a.in_tx) {
        oro_py_asked_close(py, &c->a);
        c->a.torn = true;
    }
    py->asked = NULL;
    py->db.ops->loop_leave(c->host, c->of);
    Py_RETURN_NONE;
}

/* _loop_run(token, context, callback, args): context.run(callback, *args) as a piece of it; nothing if it has ended. */
PyObject *
oro_py_loop_run(PyObject *module, PyObject *args)
{
    PyObject *token, *context, *fn, *given;
    if (!PyArg_ParseTuple(args, "OOOO!", &token, &context, &fn, &PyTuple_Type, &given))
        return NULL;
    PyObject *entered = oro_py_loop_enter(module, token);
    if (entered == NULL || entered == Py_False)
        return entered != NULL ? Py_NewRef(Py_None) : NULL;
    PyObject *run = PyObject_GetAttrString(context, "run"), *first = PyTuple_Pack(1, fn);
    PyObject *all = run != NULL && first != NULL ? PySequence_Concat(first, given) : NULL;
    PyObject *out = all != NULL ? PyObject_CallObject(run, all) : NULL;
    Py_XDECREF(all);
    Py_XDECREF(first);
    Py_XDECREF(run);
    PyObject *raised = out == NULL ? PyErr_GetRaisedException() : NULL;
    Py_XDECREF(out);
    Py_XDECREF(oro_py_loop_leave(module, token));
    if (raised == NULL)
        Py_RETURN_NONE;
    PyErr_SetRaisedException(raised);
    return NULL;
}

/* _loop_over(token): what runs of it from here on clears away: it begins nothing, and has no limit of memory. */
PyObject *
oro_py_loop_over(PyObject *module, PyObject *token)
{
    struct oro_coroutine *c = coroutine_of(token);
    if (c == NULL)
        return NULL;
    c->a.over = true;
    Py_RETURN_NONE;
}

/* _loop_grace(token, seconds): it is cancelled, and has so long for its finally blocks. */
PyObject *
oro_py_loop_grace(PyObject *module, PyObject *args)
{
    PyObject *token;
    double s;
    struct oro_coroutine *c;
    if (!PyArg_ParseTuple(args, "Od", &token, &s) || (c = coroutine_of(token)) == NULL)
        return NULL;
    if (c->of != NULL)
        c->py->db.ops->loop_grace(c->host, c->of, s > 0 && s < 1e9 ? (int64_t)(s * 1e6) : 0);
    Py_RETURN_NONE;
}

/* _loop_end(token, value, error or None): the procedure has ended. Within enter and leave. */
PyObject *
oro_py_loop_end(PyObject *module, PyObject *args)
{
    PyObject *token, *value, *error;
    struct oro_coroutine *c;
    if (!PyArg_ParseTuple(args, "OOO", &token, &value, &error) || (c = coroutine_of(token)) == NULL)
        return NULL;
    if (c->of == NULL)
        Py_RETURN_NONE;
    struct oro_py *py = c->py;
    struct oro_bb result = {0};
    struct oro_py_call *call = c->a.call;
    oro_bb_clear(call->text);
    oro_bb_clear(call->detail);
    oro_bb_clear(call->logged);
    if (error != Py_None)
        PyErr_SetRaisedException(Py_NewRef(error));
    c->a.hits = c->hits + py->hits;
    oro_status st = oro_py_asked_result(py, &c->a, c->r, error != Py_None ? NULL : value, &result);
    if (st != ORO_OK)
        ORO_COUNT(&py->codecs, errors, 1);
    void *of = c->of;
    c->of = NULL;
    py->asked = NULL;
    py->db.ops->loop_ended(c->host, of, st, oro_py_asked_outdated(py, &c->a), &result);
    oro_bb_fini(&result);
    Py_RETURN_NONE;
}

/* _loop_free(what): None, or an exception if the procedure that runs may not wait here. */
PyObject *
oro_py_loop_free(PyObject *module, PyObject *what)
{
    struct oro_py *py;
    const char *text = PyUnicode_AsUTF8(what);
    if (text == NULL || oro_py_asked_of(module, &py, text) == NULL)
        return NULL;
    Py_RETURN_NONE;
}

/* ---- requests ---- */

/* _loop_ask(method, url, headers, body, seconds) -> the number of the request. */
PyObject *
oro_py_loop_ask(PyObject *module, PyObject *args)
{
    struct oro_py *py;
    struct oro_asked_for *a = oro_py_asked_of(module, &py, "ctx.http");
    struct oro_py_ask ask;
    struct oro_err err = {0};
    uint64_t number;
    if (a == NULL || oro_py_ask_parse(args, &ask) < 0)
        return NULL;
    oro_status st = py->db.ops->loop_ask(a->call->host, &ask.ask, &number, &err);
    oro_py_ask_fini(&ask);
    if (st == ORO_OK)
        return PyLong_FromUnsignedLongLong(number);
    PyErr_SetString(py->e_http, err.text);
    return NULL;
}

/* _loop_drop(number): its answer is not wanted any more. */
PyObject *
oro_py_loop_drop(PyObject *module, PyObject *number)
{
    struct oro_py *py = oro_py_of_module(module);
    unsigned long long n = PyLong_AsUnsignedLongLong(number);
    if (n == (unsigned long long)-1 && PyErr_Occurred())
        return NULL;
    if (py->asked != NULL)
        py->db.ops->loop_drop(py->asked->call->host, n);
    Py_RETURN_NONE;
}

/* (number, answer or text of an error); NULL without an exception: there is none. */
static PyObject *
next_answer(struct oro_py *py, void *host)
{
    uint64_t number;
    struct oro_fetched got;
    struct oro_err err = {0};
    oro_status st = py->db.ops->loop_answer(host, &number, &got, &err);
    if (number == 0)
        return NULL;
    PyObject *given = st == ORO_OK ? oro_py_fetched(&got) : oro_py_fetch_text(&err);
    return given != NULL ? Py_BuildValue("(KN)", (unsigned long long)number, given) : NULL;
}

/* _loop_answers(): a list of (number, answer or text). */
PyObject *
oro_py_loop_answers(PyObject *module, PyObject *none)
{
    struct oro_py *py = oro_py_of_module(module);
    PyObject *list = PyList_New(0), *next;
    while (list != NULL && (next = next_answer(py, py->loop_host)) != NULL) {
        if (PyList_Append(list, next) < 0)
            Py_CLEAR(list);
        Py_DECREF(next);
    }
    if (list != NULL && PyErr_Occurred())
        Py_CLEAR(list);
    return list;
}

/* ---- the disk ---- */

/* _loop_unsure(): the record that has to be on disk before the procedure goes on, or 0. */
PyObject *
oro_py_loop_unsure(PyObject *module, PyObject *none)
{
    struct oro_asked_for *a = oro_py_of_module(module)->asked;
    uint64_t seq = a != NULL ? a->unsure : 0;
    if (a != NULL)
        a->unsure = 0;
    return PyLong_FromUnsignedLongLong(seq);
}

/* _loop_durable(): what is on disk. */
PyObject *
oro_py_loop_durable(PyObject *module, PyObject *none)
{
    struct oro_py *py = oro_py_of_module(module);
    return PyLong_FromUnsignedLongLong(py->db.ops->loop_durable(py->loop_host));
}

/* _loop_disk(waits): one more waits for it, or one less. */
PyObject *
oro_py_loop_disk(PyObject *module, PyObject *waits)
{
    struct oro_py *py = oro_py_of_module(module);
    py->db.ops->loop_disk(py->loop_host, waits == Py_True);
    Py_RETURN_NONE;
}
