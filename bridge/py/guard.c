/* bridge/py/guard.c - what a reducer may not do: files, sockets, processes, threads and sleeping, since it may be run again, holds
 * up its worker, and must give the same result wherever it runs. CPython tells an audit hook of most; the hook belongs to the
 * process, so it looks at what this thread is running. What CPython tells nobody is replaced in _worker.py, which asks here. */
#include <fcntl.h>

#include "bridge/py/py_priv.h"

_Thread_local struct oro_py *oro_py_running;
enum oro_py_io oro_py_io_mode;

/* Exact names, and prefixes that end in a point. Looking into folders is not among them: imports do it. */
static const char *const forbidden[] = {
    "_thread.start_new_thread",
    "_thread.start_joinable_thread",
    "builtins.breakpoint",
    "builtins.input",
    "time.sleep",
    "os.system",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "os.kill",
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chdir",
    "os.chmod",
    "os.chown",
    "os.lockf",
    "os.utime",
    "os.setxattr",
    "os.removexattr",
    "os.putenv",
    "os.unsetenv",
    "subprocess.Popen",
    "pty.spawn",
    "signal.pthread_kill",
    "sqlite3.",
    "mmap.",
    "resource.",
    "syslog.",
    "socket.",
    "shutil.",
    "tempfile.",
    "fcntl.",
    "ftplib.",
    "http.client.",
    "smtplib.",
    "urllib.",
    "ctypes.",
    "_posixsubprocess.",
    "winreg.",
};

static bool
is_forbidden(const char *event)
{
    for (size_t i = 0; i < ORO_ARRAY_LEN(forbidden); i++) {
        size_t n = strlen(forbidden[i]);
        if (strncmp(event, forbidden[i], n) == 0 && (event[n] == 0 || forbidden[i][n - 1] == '.'))
            return true;
    }
    return false;
}

/* Reading Python's own files is no harm, and happens when a function imports a module or a traceback is printed. */
static bool
may_open(PyObject *args)
{
    PyObject *path, *mode;
    int flags;
    if (!PyArg_ParseTuple(args, "OOi", &path, &mode, &flags)) {
        PyErr_Clear();
        return false;
    }
    if ((flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND)) != 0 || !PyUnicode_Check(path))
        return false;
    const char *name = PyUnicode_AsUTF8(path);
    if (name == NULL) {
        PyErr_Clear();
        return false;
    }
    static const char *const harmless[] = {".py", ".pyc", ".so", ".zip", "pyvenv.cfg", "PYZ"};
    size_t n = strlen(name);
    for (size_t i = 0; i < ORO_ARRAY_LEN(harmless); i++) {
        size_t m = strlen(harmless[i]);
        if (n >= m && strcmp(name + n - m, harmless[i]) == 0)
            return true;
    }
    return strstr(name, "/zoneinfo/") != NULL;
}

static bool
is_first(struct oro_py *py, const char *what)
{
    uint64_t hash = oro_bytes_hash(oro_bytes_str(what));
    for (unsigned i = 0; i < py->nwarned; i++)
        if (py->io_warned[i] == hash)
            return false;
    if (py->nwarned < ORO_ARRAY_LEN(py->io_warned))
        py->io_warned[py->nwarned++] = hash;
    return true;
}

/* Once for each kind of thing in each worker, since a reducer may do it at every call. With the place in the author's code: it may
 * be a function of _worker.py that asks. */
static void
warn(struct oro_py *py, const char *what)
{
    if (!is_first(py, what))
        return;
    struct oro_bb text = {0};
    PyFrameObject *frame = (PyFrameObject *)Py_XNewRef(PyEval_GetFrame());
    const char *file = NULL;
    PyObject *keep = NULL;
    int line = 0;
    while (frame != NULL) {
        PyCodeObject *code = PyFrame_GetCode(frame);
        Py_XSETREF(keep, Py_NewRef(code->co_filename));
        Py_DECREF(code);
        file = PyUnicode_AsUTF8(keep);
        line = PyFrame_GetLineNumber(frame);
        if (file == NULL || strstr(file, "/orochi/_worker.py") == NULL)
            break;
        PyFrameObject *back = PyFrame_GetBack(frame);
        Py_SETREF(frame, back);
    }
    PyErr_Clear();
    oro_bb_printf(&text, "%s in a reducer: it may run again, and holds up its worker", what);
    py->ops->log(py->call->host, ORO_LOG_WARN, "guard", file, line, oro_bb_bytes(&text));
    oro_bb_fini(&text);
    Py_XDECREF(keep);
    Py_XDECREF(frame);
}

int
oro_py_forbid(const char *what, bool always)
{
    struct oro_py *py = oro_py_running;
    if (py == NULL || !atomic_load_explicit(&py->in_reducer, memory_order_relaxed) ||
        (oro_py_io_mode == ORO_PY_IO_ALLOW && !always))
        return 0;
    if (oro_py_io_mode == ORO_PY_IO_WARN && !always) {
        warn(py, what);
        return 0;
    }
    PyErr_Format(py->e_forbidden,
                 "%s is not allowed in a reducer: it may run again and must not wait; do it "
                 "outside, or let a client do it",
                 what);
    return -1;
}

int
oro_py_audit(const char *event, PyObject *args, void *data)
{
    struct oro_py *py = oro_py_running;
    if (ORO_LIKELY(py == NULL) || oro_py_io_mode == ORO_PY_IO_ALLOW ||
        !atomic_load_explicit(&py->in_reducer, memory_order_relaxed))
        return 0;
    bool opens = strcmp(event, "open") == 0;
    if (opens ? may_open(args) : !is_forbidden(event))
        return 0;
    return oro_py_forbid(opens ? "opening a file" : event, false);
}
