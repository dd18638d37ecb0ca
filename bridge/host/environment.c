/* bridge/host/environment.c - what ctx.env reads: one environment for the process, which any thread may exchange. */
#include <pthread.h>

#include "bridge/host/handler_priv.h"
#include "bridge/host/module_priv.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct oro_env now; /* guarded by lock */

void
oro_py_environment(const struct oro_env *e)
{
    struct oro_env made = {0};
    struct oro_err err = {0};
    ORO_ASSERT(oro_env_merge(&made, e, &err) == ORO_OK);
    pthread_mutex_lock(&lock);
    struct oro_env old = now;
    now = made;
    pthread_mutex_unlock(&lock);
    oro_env_fini(&old);
}

/* _env(key): its value, or None. */
PyObject *
oro_pyenv_get(PyObject *module, PyObject *key)
{
    const char *k = PyUnicode_Check(key) ? PyUnicode_AsUTF8(key) : NULL;
    if (k == NULL)
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "a key is text");
    PyObject *out = NULL;
    pthread_mutex_lock(&lock);
    const struct oro_env_value *v = oro_env_find(&now, k);
    if (v != NULL)
        out = PyUnicode_DecodeUTF8((const char *)v->data, (Py_ssize_t)v->len, NULL);
    pthread_mutex_unlock(&lock);
    return v == NULL ? Py_NewRef(Py_None) : out;
}

/* _env_set({key: value}): all of it, for tests of modules, which have no server. */
PyObject *
oro_pyenv_set(PyObject *module, PyObject *values)
{
    struct oro_env made = {0};
    struct oro_err err = {0};
    PyObject *key, *value;
    Py_ssize_t at = 0, n;
    while (PyDict_Next(values, &at, &key, &value)) {
        const char *k = PyUnicode_AsUTF8(key), *v = k != NULL ? PyUnicode_AsUTF8AndSize(value, &n) : NULL;
        if (v == NULL || oro_env_put(&made, k, oro_bytes(v, (size_t)n), &err) != ORO_OK) {
            if (v != NULL)
                PyErr_SetString(PyExc_ValueError, err.text);
            oro_env_fini(&made);
            return NULL;
        }
    }
    oro_py_environment(&made);
    oro_env_fini(&made);
    Py_RETURN_NONE;
}

/* The object that is ctx.env: borrowed, or NULL with an exception. */
PyObject *
oro_pyenv_object(struct oro_db *db)
{
    struct oro_py *py = (struct oro_py *)(void *)((char *)db - offsetof(struct oro_py, db));
    PyObject *env = py->module_spec != NULL ? PyDict_GetItemString(py->module_spec, "env") : NULL;
    if (env == NULL)
        PyErr_SetString(PyExc_LookupError, "the module's definition has no environment");
    return env;
}

/* _tx_env(): the same, for HandlerContext. */
PyObject *
oro_pytx_env(PyObject *module, PyObject *none)
{
    return Py_XNewRef(oro_pyenv_object(&oro_py_of_module(module)->db));
}
