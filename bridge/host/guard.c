/* bridge/host/guard.c - what a reducer may not do: files, sockets, processes, threads and sleeping, since it may be run again, holds
 * up its worker, and must give the same result wherever it runs; and what no module may do, since the server would end or
 * change. Those who ask are the audit hook (audit.c) and, for what CPython tells no hook of, the guards in its method tables
 * (guards.c). */
#include "bridge/host/guard_priv.h"

enum oro_py_io oro_py_io_mode;

/* What stands behind "is not allowed in a reducer: ", or "in a module: ". */
static const char *const reasons[] = {
    [WHY_FILE] =
        "it may run again, and disks can be slow: read files when the module is imported, keep "
        "what changes in tables",
    [WHY_NET] =
        "it may run again, and must not wait: let a client or another program do it, and call a "
        "reducer with the result",
    [WHY_PROCESS] =
        "it may run again, and must not wait: let a client or another program do it, and "
        "call a reducer with the result",
    [WHY_THREAD] =
        "it may run again, and nothing else runs in its worker that could end the wait: what is to "
        "happen later is a @scheduled function, or a row of a scheduled table",
    [WHY_WAIT] = "it may run again, and its worker serves nobody while it waits: what is to happen "
                 "later is a "
                 "@scheduled function, or a row of a scheduled table",
    [WHY_STATE] =
        "later calls of the same worker would find it changed, and those of others not: do "
        "it when the module is imported",
    [WHY_END] =
        "the server would end, or become another program: raise ReducerError to refuse a call, "
        "SystemExit to refuse the import",
    [WHY_SIGNAL] = "signals and timers of the process are the server's own: reducer.timeout_ms "
                   "limits calls, and "
                   "@scheduled functions run later",
    [WHY_OTHERS] = "it reaches into the other workers while they run, and the server would end: "
                   "what happens in "
                   "them is in its log and its metrics",
    [WHY_SERVER] = "the whole server would change, not just the module: set it where the server is "
                   "started",
};

/* Reading Python's own files is no harm, and happens when a function imports a module or a traceback is printed. */
bool
oro_guard_harmless(PyObject *path)
{
    static const char *const harmless[] = {".py", ".pyc", ".so", ".zip", "pyvenv.cfg", "PYZ"};
    const char *name = PyUnicode_Check(path) ? PyUnicode_AsUTF8(path) : NULL;
    if (name == NULL) {
        PyErr_Clear();
        return false;
    }
    size_t n = strlen(name);
    for (size_t i = 0; i < ORO_ARRAY_LEN(harmless); i++) {
        size_t m = strlen(harmless[i]);
        if (n >= m && strcmp(name + n - m, harmless[i]) == 0)
            return true;
    }
    return strstr(name, "/zoneinfo/") != NULL;
}

static bool
is_known(const struct oro_py *py, const char *what)
{
    uint64_t hash = oro_bytes_hash(oro_bytes_str(what));
    for (unsigned i = 0; i < py->nwarned; i++)
        if (py->io_warned[i] == hash)
            return true;
    return py->nwarned == ORO_ARRAY_LEN(py->io_warned);
}

static bool
is_first(struct oro_py *py, const char *what)
{
    if (is_known(py, what))
        return false;
    uint64_t hash = oro_bytes_hash(oro_bytes_str(what));
    if (py->nwarned < ORO_ARRAY_LEN(py->io_warned))
        py->io_warned[py->nwarned++] = hash;
    return true;
}

/* ---- the log ---- */

/* A place in the author's code. */
struct place {
    PyObject *code; /* owned */
    int line;
};

static const char *
file_of(const struct place *at)
{
    const char *file =
        at->code != NULL ? PyUnicode_AsUTF8(((PyCodeObject *)at->code)->co_filename) : NULL;
    PyErr_Clear();
    return file;
}

static bool
is_file(const struct place *at, const char *folder, const char *name)
{
    const char *file = file_of(at);
    size_t n = folder != NULL ? strlen(folder) : 0;
    return file != NULL && n > 0 && strncmp(file, folder, n) == 0 &&
           (name == NULL || strcmp(file + n, name) == 0);
}

/* The frame so many calls up; false: there is none. at is emptied by place_drop. */
static bool
place_at(struct place *at, PyFrameObject *frame)
{
    Py_CLEAR(at->code);
    if (frame == NULL)
        return false;
    at->code = (PyObject *)PyFrame_GetCode(frame);
    at->line = PyFrame_GetLineNumber(frame);
    return true;
}

static void
log_put(struct oro_py *py, const struct place *at, const struct oro_bb *text)
{
    py->db.ops->log(py->db.call->host, ORO_LOG_WARN, "guard", file_of(at), at->line,
                    oro_bb_bytes(text));
}

/* Once for each kind of thing in each worker, since a reducer may do it at every call. */
static void
warn(struct oro_py *py, const char *what)
{
    if (!is_first(py, what))
        return;
    struct oro_bb text = {0};
    struct place at = {NULL, 0};
    (void)place_at(&at, PyEval_GetFrame());
    oro_bb_printf(&text, "%s in a reducer: it may run again, and holds up its worker", what);
    log_put(py, &at, &text);
    oro_bb_fini(&text);
    Py_XDECREF(at.code);
}

/* The place's module, if it is one of the standard library that is about chance; else NULL. */
static const char *
chance_module(struct oro_py *py, const struct place *at)
{
    static const char *const names[][2] = {
        {"random", "random.py"}, {"secrets", "secrets.py"}, {"uuid", "uuid.py"}};
    for (size_t i = 0; i < ORO_ARRAY_LEN(names); i++)
        if (is_file(at, py->stdlib, names[i][1]))
            return names[i][0];
    return NULL;
}

/* Steps over the frames of such modules; what becomes the outermost of their functions. */
static PyFrameObject *
step_over_chance(struct oro_py *py, struct place *at, char *what, size_t size)
{
    PyFrameObject *frame = (PyFrameObject *)Py_XNewRef(PyEval_GetFrame());
    const char *module;
    while (place_at(at, frame) && (module = chance_module(py, at)) != NULL) {
        const char *name = PyUnicode_AsUTF8(((PyCodeObject *)at->code)->co_name);
        if (name != NULL && name[0] != '_')
            snprintf(what, size, "%s.%s()", module, name);
        PyErr_Clear();
        Py_SETREF(frame, PyFrame_GetBack(frame));
    }
    return frame;
}

void
oro_guard_discourage(const char *what, const char *better)
{
    struct oro_py *py = oro_py_running();
    if (py != NULL && oro_py_hits(py) && !is_known(py, what))
        oro_guard_discourage_chance(what, better);
}

void
oro_guard_discourage_chance(const char *what, const char *better)
{
    struct oro_py *py = oro_py_running();
    if (py == NULL || !oro_py_hits(py))
        return;
    char name[64];
    struct place at = {NULL, 0};
    PyObject *error = PyErr_GetRaisedException();
    snprintf(name, sizeof(name), "%s", what);
    PyFrameObject *frame = step_over_chance(py, &at, name, sizeof(name));
    if (frame != NULL && !is_file(&at, py->stdlib, NULL) && is_first(py, name)) {
        struct oro_bb text = {0};
        oro_bb_printf(&text, "%s in a reducer gives another result when it runs again: use %s",
                      name, better);
        log_put(py, &at, &text);
        oro_bb_fini(&text);
    }
    Py_XDECREF(frame);
    Py_XDECREF(at.code);
    PyErr_SetRaisedException(error);
}

/* ---- the refusals ---- */

int
oro_guard_forbid(const char *what, enum oro_guard_why why)
{
    struct oro_py *py = oro_py_running();
    if (ORO_LIKELY(py == NULL) || oro_py_io_mode == ORO_PY_IO_ALLOW ||
        !atomic_load_explicit(&py->in_reducer, memory_order_relaxed))
        return 0;
    if (oro_py_io_mode == ORO_PY_IO_WARN) {
        warn(py, what);
        return 0;
    }
    PyErr_Format(py->e_forbidden, "%s is not allowed in a reducer: %s", what, reasons[why]);
    return -1;
}

int
oro_guard_never(const char *what, enum oro_guard_why why)
{
    struct oro_py *py = oro_py_here;
    if (ORO_LIKELY(py == NULL && atomic_load_explicit(&oro_py_opened, memory_order_relaxed) == 0))
        return 0;
    bool calls = py != NULL && oro_db_running == &py->db;
    /* A thread of the module's own, in the main interpreter, has none of ours. */
    PyErr_Format(py != NULL && py->e_forbidden != NULL ? py->e_forbidden : PyExc_RuntimeError,
                 "%s is not allowed in a %s: %s", what, calls ? "reducer" : "module", reasons[why]);
    return -1;
}
