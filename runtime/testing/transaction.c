/* runtime/testing/transaction.c - transactions that Python code of orochi.testing begins and ends: those of procedures and handlers,
 * which run in Python from their begin to their end. */
#include "runtime/testing/engine_priv.h"

/* Of requests, which are no function that is called by name. */
static const struct oro_reducer_def http = {.id = UINT32_MAX, .name = "http"};

PyObject *
testing_begin(PyObject *o, PyObject *args)
{
    struct engine *e = (struct engine *)o;
    PyObject *who;
    const char *name;
    long long now;
    if (!PyArg_ParseTuple(args, "O!sL", &PyTuple_Type, &who, &name, &now) || !testing_ready(e))
        return NULL;
    const struct oro_reducer_def *as = &http;
    if (*name != '\0')
        as = oro_schema_function(e->module->schema, oro_bytes_str(name));
    if (as == NULL)
        return PyErr_Format(PyExc_LookupError, "there is no procedure %s", name);
    e->open = testing_principal(who);
    if (e->open == NULL)
        return NULL;
    testing_enter(e, now);
    PyObject *ctx = oro_py_open_tx(testing_joined, oro_inline_begin(e->writer, e->open, as));
    if (ctx != NULL)
        return ctx;
    (void)oro_inline_end(e->writer, false);
    testing_leave(e);
    oro_principal_unref(e->open);
    e->open = NULL;
    return NULL;
}

PyObject *
testing_end(PyObject *o, PyObject *commit)
{
    struct engine *e = (struct engine *)o;
    if (e->open == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "no transaction is open");
        return NULL;
    }
    oro_py_close_tx(testing_joined, commit == Py_True);
    PyObject *out = testing_outcome(oro_inline_end(e->writer, commit == Py_True));
    testing_leave(e);
    oro_principal_unref(e->open);
    e->open = NULL;
    return out;
}
