/* bridge/py/guard.c - what a reducer may not do: files, sockets, processes and sleeping, since it may be run again, holds up
 * its worker, and must give the same result wherever it runs. CPython tells an audit hook of each; the hook belongs to the
 * process, so it looks at what this thread is running. */
#include <fcntl.h>

#include "bridge/py/py_priv.h"

_Thread_local struct oro_py *oro_py_running;

/* Exact names, and prefixes that end in a point. Looking into folders is not among them: imports do it. */
static const char *const forbidden[] = {
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
    "os.chmod",
    "os.chown",
    "os.putenv",
    "os.unsetenv",
    "subprocess.Popen",
    "pty.spawn",
    "signal.pthread_kill",
    "sqlite3.connect",
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

int
oro_py_audit(const char *event, PyObject *args, void *data)
{
    struct oro_py *py = oro_py_running;
    if (ORO_LIKELY(py == NULL) || !atomic_load_explicit(&py->in_reducer, memory_order_relaxed))
        return 0;
    bool opens = strcmp(event, "open") == 0;
    if (opens ? may_open(args) : !is_forbidden(event))
        return 0;
    PyErr_Format(py->e_forbidden,
                 "%s is not allowed in a reducer: it may run again and must not wait; do it "
                 "outside, or let a client do it",
                 opens ? "opening a file" : event);
    return -1;
}
