/* runtime/testing/open.c - an engine gets its store, and what reads and writes it, and gives them back. */
#include "runtime/testing/engine_priv.h"

PyObject *
testing_fail(oro_status st, const struct oro_err *err)
{
    PyObject *kind = st == ORO_EMALFORMED || st == ORO_EINVAL ? PyExc_ValueError
                     : st == ORO_EIO || st == ORO_EFULL       ? PyExc_OSError
                                                              : PyExc_RuntimeError;
    PyErr_SetString(kind, err->text[0] != '\0' ? err->text : oro_status_name(st));
    return NULL;
}

static void
say(void *arg, enum oro_log_level level, const char *target, struct oro_bytes text)
{
    struct engine *e = arg;
    PyObject *line = Py_BuildValue("(isN)", (int)level, target, testing_text(text));
    if (line == NULL || PyList_Append(e->log, line) < 0)
        PyErr_Clear();
    Py_XDECREF(line);
}

/* Takes job. */
static void
procedure_asked(void *arg, struct oro_job *job)
{
    struct engine *e = arg;
    const struct oro_job_call *c = &job->calls[0];
    PyObject *call = Py_BuildValue(
        "(sNO)", c->reducer->name,
        PyBytes_FromStringAndSize((const char *)c->args.data, (Py_ssize_t)c->args.len),
        job->timer.table != NULL ? Py_True : Py_False);
    if (call == NULL || PyList_Append(e->asked, call) < 0)
        PyErr_Clear();
    Py_XDECREF(call);
    oro_job_drop(job);
}

void
testing_open(struct engine *e, struct oro_store *store, struct disk *disk)
{
    e->store = store;
    e->disk = disk;
    e->writer = oro_inline_open(&(struct oro_inline_options){
        .py = testing_joined,
        .schema = e->module->schema,
        .store = store,
        .clock_us = &e->clock_us,
        .database = e->database,
        .arg = e,
        .say = say,
        .procedure = procedure_asked,
    });
    e->session = oro_session_open(store);
    e->cursor = oro_cursor_open(store);
    e->sql = oro_sql_pool_create();
}

bool
testing_close(struct engine *e)
{
    if (e->store == NULL)
        return true;
    bool all = testing_disk_close(e->disk);
    e->disk = NULL;
    oro_sql_pool_destroy(e->sql);
    oro_cursor_close(e->cursor);
    oro_session_close(e->session);
    oro_inline_close(e->writer);
    oro_store_destroy(e->store);
    e->store = NULL;
    if (!all)
        PyErr_Format(PyExc_OSError, "not all that was done could be written to %s", e->folder);
    return all;
}
