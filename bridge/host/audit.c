/* bridge/host/audit.c - what CPython tells an audit hook of. The hook belongs to the process, so it looks at what this thread is
 * running. */
#include <fcntl.h>

#include "bridge/host/guard_priv.h"

/* Exact names, and prefixes that end in a point. Looking into folders is not among them: imports do it. */
static const struct {
    const char *event;
    enum oro_guard_why why;
} forbidden[] = {
    {"_thread.start_new_thread", WHY_THREAD},
    {"_thread.start_joinable_thread", WHY_THREAD},
    {"builtins.breakpoint", WHY_FILE},
    {"builtins.input", WHY_FILE},
    {"time.sleep", WHY_WAIT},
    {"os.system", WHY_PROCESS},
    {"os.exec", WHY_PROCESS},
    {"os.fork", WHY_PROCESS},
    {"os.forkpty", WHY_PROCESS},
    {"os.posix_spawn", WHY_PROCESS},
    {"os.spawn", WHY_PROCESS},
    {"os.startfile", WHY_PROCESS},
    {"os.kill", WHY_PROCESS},
    {"os.killpg", WHY_PROCESS},
    {"os.remove", WHY_FILE},
    {"os.rename", WHY_FILE},
    {"os.mkdir", WHY_FILE},
    {"os.rmdir", WHY_FILE},
    {"os.link", WHY_FILE},
    {"os.symlink", WHY_FILE},
    {"os.truncate", WHY_FILE},
    {"os.chdir", WHY_FILE},
    {"os.chmod", WHY_FILE},
    {"os.chown", WHY_FILE},
    {"os.lockf", WHY_FILE},
    {"os.utime", WHY_FILE},
    {"os.setxattr", WHY_FILE},
    {"os.removexattr", WHY_FILE},
    {"os.putenv", WHY_STATE},
    {"os.unsetenv", WHY_STATE},
    {"sys.addaudithook", WHY_STATE},
    {"sys.setprofile", WHY_STATE},
    {"sys.settrace", WHY_STATE},
    {"subprocess.Popen", WHY_PROCESS},
    {"pty.spawn", WHY_PROCESS},
    {"signal.pthread_kill", WHY_PROCESS},
    {"cpython.PyInterpreterState_New", WHY_THREAD},
    {"sqlite3.", WHY_FILE},
    {"mmap.", WHY_FILE},
    {"dbm.", WHY_FILE},
    {"resource.", WHY_STATE},
    {"syslog.", WHY_FILE},
    {"socket.", WHY_NET},
    {"shutil.", WHY_FILE},
    {"tempfile.", WHY_FILE},
    {"fcntl.", WHY_FILE},
    {"ftplib.", WHY_NET},
    {"http.client.", WHY_NET},
    {"imaplib.", WHY_NET},
    {"nntplib.", WHY_NET},
    {"poplib.", WHY_NET},
    {"smtplib.", WHY_NET},
    {"telnetlib.", WHY_NET},
    {"urllib.", WHY_NET},
    {"webbrowser.", WHY_PROCESS},
    {"ctypes.", WHY_PROCESS},
    {"_posixsubprocess.", WHY_PROCESS},
    {"winreg.", WHY_FILE},
};

/* Its index, or -1. */
static int
find_event(const char *event)
{
    for (size_t i = 0; i < ORO_ARRAY_LEN(forbidden); i++) {
        const char *name = forbidden[i].event;
        size_t n = strlen(name);
        if (strncmp(event, name, n) == 0 && (event[n] == 0 || name[n - 1] == '.'))
            return (int)i;
    }
    return -1;
}

static bool
may_open(PyObject *args)
{
    PyObject *path, *mode;
    int flags;
    if (!PyArg_ParseTuple(args, "OOi", &path, &mode, &flags)) {
        PyErr_Clear();
        return false;
    }
    return (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND)) == 0 &&
           oro_guard_harmless(path);
}

int
oro_py_audit(const char *event, PyObject *args, void *data)
{
    struct oro_py *py = oro_py_running();
    bool opens = event[0] == 'o' && strcmp(event, "open") == 0;
    if (opens && PyTuple_GET_SIZE(args) > 0 &&
        oro_guard_descriptor(PyTuple_GET_ITEM(args, 0),
                             "opening a descriptor that the module did not open") < 0)
        return -1;
    if (ORO_LIKELY(py == NULL) || oro_py_io_mode == ORO_PY_IO_ALLOW ||
        !atomic_load_explicit(&py->in_reducer, memory_order_relaxed))
        return 0;
    if (opens)
        return may_open(args) ? 0 : oro_guard_forbid("opening a file", WHY_FILE);
    int found = find_event(event);
    return found < 0 ? 0 : oro_guard_forbid(event, forbidden[found].why);
}
