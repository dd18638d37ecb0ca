/* runtime/testing/entered.c - entering the codecs of a module for a call and leaving them, and what calls are given and give. */
#include "runtime/testing/engine_priv.h"

struct oro_py *testing_joined;
bool testing_running;

PyObject *
testing_text(struct oro_bytes b)
{
    return PyUnicode_DecodeUTF8((const char *)b.data, (Py_ssize_t)b.len, "replace");
}

bool
testing_identity(const char *data, Py_ssize_t n, struct oro_identity *id)
{
    if (n == (Py_ssize_t)sizeof(id->le)) {
        memcpy(id->le, data, sizeof(id->le));
        return true;
    }
    PyErr_SetString(PyExc_ValueError, "an identity has 32 bytes");
    return false;
}

bool
testing_ready(struct engine *e)
{
    if (e->store != NULL && !testing_running)
        return true;
    PyErr_SetString(PyExc_RuntimeError,
                    e->busy ? "the database is used from within one of its own calls: use ctx"
                    : testing_running ? "the database is used from within a call of another one"
                                      : "the database is closed");
    return false;
}

void
testing_enter(struct engine *e, int64_t now_us)
{
    e->clock_us = now_us;
    testing_running = e->busy = true;
    oro_py_module_enter(testing_joined, e->module->bound);
}

void
testing_leave(struct engine *e)
{
    oro_py_module_leave(testing_joined, e->module->bound);
    testing_running = e->busy = false;
    testing_disk_tell(e->disk);
}

struct oro_principal *
testing_principal(PyObject *tuple)
{
    const char *id, *connection, *jwt;
    Py_ssize_t n, nconnection;
    int caller;
    struct oro_identity identity;
    struct oro_connection_id cid = {0};
    if (!PyArg_ParseTuple(tuple, "y#y#zi", &id, &n, &connection, &nconnection, &jwt, &caller) ||
        !testing_identity(id, n, &identity))
        return NULL;
    if (nconnection == (Py_ssize_t)sizeof(cid.le))
        memcpy(cid.le, connection, sizeof(cid.le));
    return oro_principal_new((enum oro_caller)caller, &identity, &cid, jwt);
}

PyObject *
testing_outcome(struct oro_inline_outcome out)
{
    PyObject *detail = out.detail.len > 0 ? testing_text(out.detail) : Py_NewRef(Py_None);
    return Py_BuildValue("(sNN)", out.status == ORO_OK ? "" : oro_status_name(out.status),
                         testing_text(out.text), detail);
}
