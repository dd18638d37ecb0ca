/* bridge/host/procedure_priv.h - what calls of reducers (call.c) and of procedures (procedure.c) share. */
#ifndef ORO_HOST_PROCEDURE_PRIV_H
#define ORO_HOST_PROCEDURE_PRIV_H

#include "bridge/host/module_priv.h"

/* What the call runs, with a context that is ready; clears its texts. NULL: it cannot run, as call->text says. */
struct oro_pyreducer *oro_py_call_find(struct oro_py *py, struct oro_py_call *call);
/* From here to oro_pycall_close, tables and the context are of this call. */
void oro_py_call_begin(struct oro_py *py, struct oro_py_call *call);
/* Decodes the arguments of the call that is begun into args[0..nparams). On failure none is left. */
oro_status oro_py_decode_args(struct oro_py *py, struct oro_pyreducer *r, PyObject **args);

/* A procedure that has begun. */
struct oro_asked_for {
    struct oro_py_call *call;
    struct oro_py_call tx; /* the call of the transaction that runs */
    const struct oro_schema *schema;
    bool in_tx, in_block, over; /* in_block: in_tx by ctx.tx() */
    bool torn;     /* a coroutine awaited something in its block, whose transaction is no more */
    unsigned hits; /* interruptions until it began to wait */
    bool is_coroutine;
    uint64_t unsure; /* of a coroutine: its last commit, if it has to wait until that is on disk */
};

/* procedure.c. The one that calls, which may begin a transaction or wait; NULL with an exception, in which it is `what`. */
struct oro_asked_for *oro_py_asked_of(PyObject *module, struct oro_py **py, const char *what);
/* its module is no more */
bool oro_py_asked_outdated(const struct oro_py *py, const struct oro_asked_for *a);
/* args[0] is the context, then what its caller sent. On failure none is left. */
oro_status oro_py_asked_arguments(struct oro_py *py, struct oro_asked_for *a,
                                  struct oro_pyreducer *r, PyObject **args);
/* The exception that is set, as words of the call. */
oro_status oro_py_asked_raised(struct oro_py *py, struct oro_asked_for *a);
/* A transaction that was left open is rolled back. */
void oro_py_asked_close(struct oro_py *py, struct oro_asked_for *a);
/* The end: of what it returned (borrowed), or NULL for the exception that is set, BSATN or words. */
oro_status oro_py_asked_result(struct oro_py *py, struct oro_asked_for *a,
                               const struct oro_pyreducer *r, PyObject *out, struct oro_bb *result);

/* A request, from (method, url, headers, body, seconds); borrows of the tuple. -1 with an exception. */
struct oro_py_ask {
    struct oro_fetch_ask ask;
    const char **headers;
};
int oro_py_ask_parse(PyObject *args, struct oro_py_ask *out);
void oro_py_ask_fini(struct oro_py_ask *ask);
/* Takes what is in got: (status, url, headers, body). */
PyObject *oro_py_fetched(struct oro_fetched *got);
/* Why there is none. A new reference. It may have bytes in it that a service wrote, as where it sent us on to. */
PyObject *oro_py_fetch_text(const struct oro_err *err);

/* procedure.c: functions of `_orochi` that a procedure's context calls. */
PyObject *oro_py_asked_tx(PyObject *module, PyObject *const *args, Py_ssize_t n);
PyObject *oro_py_asked_begin(PyObject *module, PyObject *none);
PyObject *oro_py_asked_end(PyObject *module, PyObject *commits);
PyObject *oro_py_asked_wait(PyObject *module, PyObject *seconds);
PyObject *oro_py_asked_fetch(PyObject *module, PyObject *args);
/* coroutine.c: those that the event loop calls */
PyObject *oro_py_loop_enter(PyObject *module, PyObject *token);
PyObject *oro_py_loop_leave(PyObject *module, PyObject *token);
PyObject *oro_py_loop_run(PyObject *module, PyObject *args);
PyObject *oro_py_loop_over(PyObject *module, PyObject *token);
PyObject *oro_py_loop_grace(PyObject *module, PyObject *args);
PyObject *oro_py_loop_end(PyObject *module, PyObject *args);
PyObject *oro_py_loop_free(PyObject *module, PyObject *what);
PyObject *oro_py_loop_ask(PyObject *module, PyObject *args);
PyObject *oro_py_loop_drop(PyObject *module, PyObject *number);
PyObject *oro_py_loop_answers(PyObject *module, PyObject *none);
PyObject *oro_py_loop_unsure(PyObject *module, PyObject *none);
PyObject *oro_py_loop_durable(PyObject *module, PyObject *none);
PyObject *oro_py_loop_disk(PyObject *module, PyObject *waits);

#define ORO_PROCEDURE_FUNCTIONS                                                           \
    {"_procedure_tx", (PyCFunction)(void (*)(void))oro_py_asked_tx, METH_FASTCALL, NULL}, \
        {"_procedure_begin", oro_py_asked_begin, METH_NOARGS, NULL},                      \
        {"_procedure_end", oro_py_asked_end, METH_O, NULL},                               \
        {"_procedure_fetch", oro_py_asked_fetch, METH_VARARGS, NULL},                     \
        {"_loop_enter", oro_py_loop_enter, METH_O, NULL},                                 \
        {"_loop_leave", oro_py_loop_leave, METH_O, NULL},                                 \
        {"_loop_run", oro_py_loop_run, METH_VARARGS, NULL},                               \
        {"_loop_over", oro_py_loop_over, METH_O, NULL},                                   \
        {"_loop_grace", oro_py_loop_grace, METH_VARARGS, NULL},                           \
        {"_loop_end", oro_py_loop_end, METH_VARARGS, NULL},                               \
        {"_loop_free", oro_py_loop_free, METH_O, NULL},                                   \
        {"_loop_ask", oro_py_loop_ask, METH_VARARGS, NULL},                               \
        {"_loop_drop", oro_py_loop_drop, METH_O, NULL},                                   \
        {"_loop_answers", oro_py_loop_answers, METH_NOARGS, NULL},                        \
        {"_loop_unsure", oro_py_loop_unsure, METH_NOARGS, NULL},                          \
        {"_loop_durable", oro_py_loop_durable, METH_NOARGS, NULL},                        \
        {"_loop_disk", oro_py_loop_disk, METH_O, NULL},                                   \
    {                                                                                     \
        "_procedure_wait", oro_py_asked_wait, METH_O, NULL                                \
    }

#endif
