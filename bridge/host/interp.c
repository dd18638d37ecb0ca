/* bridge/host/interp.c - the embedded runtime: start, one subinterpreter with its own GIL for each worker thread, the tools
 * that run in the main interpreter, and the interruption of a reducer. The order of calls and its reasons are in
 * field-notes.md, "CPython subinterpreters": the main interpreter imports an allow-list of standard modules first and keeps
 * them, because some C modules corrupt memory when a subinterpreter is the first to import them; interpreters are made and
 * ended one at a time. */
#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

#include "bridge/host/arena.h"
#include "bridge/host/guard_priv.h" // oro_guards_install()
#include "bridge/py_priv.h"
#include "runtime/base/clock.h"
#include "runtime/base/log.h"

#if defined(__SANITIZE_ADDRESS__)
#define ORO_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ORO_SANITIZED
#endif
#endif

typedef int (*add_pending_fn)(PyInterpreterState *, int (*)(void *), void *, int);

_Thread_local struct oro_py *oro_py_here;
_Atomic unsigned oro_py_opened;

static struct {
    PyThreadState *main;
    pthread_mutex_t making; /* interpreters, their import of the package, and their end */
    add_pending_fn add_pending;
    char *package_dir;
    bool adopted;            /* Python ran before us, and runs on after us */
    bool in_main;            /* modules run in the main interpreter */
    struct oro_py *was_main; /* one that did; its objects live as long as the interpreter */
    char **sites;            /* folders of packages, NULL-terminated; or NULL */
} rt = {.making = PTHREAD_MUTEX_INITIALIZER};

static const char *const allowed[] = {
    "_datetime",
    "datetime",
    "_decimal",
    "decimal",
    "json",
    "_json",
    "math",
    "cmath",
    "random",
    "_random",
    "enum",
    "dataclasses",
    "typing",
    "collections",
    "collections.abc",
    "uuid",
    "_uuid",
    "logging",
    "tomllib",
    "re",
    "struct",
    "_struct",
    "hashlib",
    "_hashlib",
    "_sha2",
    "_md5",
    "_sha1",
    "_sha3",
    "_blake2",
    "hmac",
    "secrets",
    "zoneinfo",
    "_zoneinfo",
    "statistics",
    "_statistics",
    "heapq",
    "_heapq",
    "bisect",
    "_bisect",
    "itertools",
    "functools",
    "operator",
    "string",
    "textwrap",
    "fractions",
    "numbers",
    "time",
    "calendar",
    "copy",
    "copyreg",
    "pprint",
    "types",
    "inspect",
    "traceback",
    "linecache",
    "warnings",
    "weakref",
    "contextlib",
    "contextvars",
    "abc",
    "io",
    "os",
    "os.path",
    "pathlib",
    "shutil",
    "tempfile",
    "glob",
    "fnmatch",
    "sys",
    "gc",
    "array",
    "binascii",
    "base64",
    "zlib",
    "bz2",
    "lzma",
    "zipfile",
    "gzip",
    "csv",
    "_csv",
    "configparser",
    "pickle",
    "_pickle",
    "unicodedata",
    "codecs",
    "locale",
    "gettext",
    "difflib",
    "html",
    "html.parser",
    "urllib.parse",
    "graphlib",
    "ast",
    "tokenize",
    "keyword",
    "queue",
    "_queue",
    "threading",
    "concurrent.futures",
    "asyncio",
    "_asyncio",
    "select",
    "selectors",
    "_socket",
    "socket",
    "ssl",
    "_ssl",
    "subprocess",
    "_posixsubprocess",
    "fcntl",
    "mmap",
    "resource",
    "signal",
    "errno",
    "sqlite3",
    "_sqlite3",
    "xml.etree.ElementTree",
    "pyexpat",
    "_elementtree",
    "unittest",
    "argparse",
    "urllib.request",
    "http.client",
    "email",
    "importlib",
    "importlib.metadata",
    "importlib.resources",
    "runpy",
    "platform",
    "stat",
    "atexit",
    "marshal",
    "opcode",
    "dis",
    "colorsys",
    "ipaddress",
    "sched",
    "reprlib",
    "builtins",
    "encodings.idna",
    "encodings.latin_1",
    "encodings.ascii",
    "_contextvars",
    "_lsprof",
    "cProfile",
    "_multibytecodec",
    "_interpreters",
    "grp",
    "pwd",
    "syslog",
    "termios",
};

static oro_status
failed(struct oro_err *err, PyStatus st)
{
    return oro_err_set(err, ORO_EINTERNAL, "Python does not start: %s",
                       st.err_msg != NULL ? st.err_msg : "unknown reason");
}

/* The pending exception of an interpreter whose package may be missing. */
static oro_status
raised(struct oro_err *err, oro_status st, const char *what)
{
    PyObject *error = PyErr_GetRaisedException(), *s = error != NULL ? PyObject_Str(error) : NULL;
    const char *text = s != NULL ? PyUnicode_AsUTF8(s) : NULL;
    oro_err_set(err, st, "%s: %s: %s", what, error != NULL ? Py_TYPE(error)->tp_name : "error",
                text != NULL ? text : "");
    PyErr_Clear();
    Py_XDECREF(s);
    Py_XDECREF(error);
    return st;
}

static bool
has_package(const char *dir)
{
    char *file = oro_asprintf("%s/orochi/__init__.py", dir);
    bool there = access(file, R_OK) == 0;
    oro_free(file);
    return there;
}

/* Beside the program as it is installed, else where it was built from. */
static char *
find_package(const char *wish)
{
    static const char *const beside[] = {"../share/orochi/python", "python", "../bridge/py"};
    char exe[4096];
    if (wish != NULL)
        return oro_strdup(wish);
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    char *slash = n > 0 ? memrchr(exe, '/', (size_t)n) : NULL;
    for (size_t i = 0; slash != NULL && i < ORO_ARRAY_LEN(beside); i++) {
        char *dir = oro_asprintf("%.*s/%s", (int)(slash - exe), exe, beside[i]);
        if (has_package(dir))
            return dir;
        oro_free(dir);
    }
    return oro_strdup(ORO_PACKAGE_DIR);
}

/* Our package comes first, except where its folder is one of many packages (site-packages). The main interpreter may have it
 * already. */
static int
add_path(void)
{
    PyObject *path = PySys_GetObject("path"), *s = PyUnicode_DecodeFSDefault(rt.package_dir);
    int there = path != NULL && s != NULL ? PySequence_Contains(path, s) : -1;
    if (there == 0)
        there = rt.adopted ? PyList_Append(path, s) : PyList_Insert(path, 0, s);
    Py_XDECREF(s);
    return there < 0 ? -1 : 0;
}

static void
import_allowed(void)
{
    for (size_t i = 0; i < ORO_ARRAY_LEN(allowed); i++) {
        PyObject *m = PyImport_ImportModule(allowed[i]); /* sys.modules keeps it */
        if (m == NULL)
            PyErr_Clear(); /* this Python was built without it */
        Py_XDECREF(m);
    }
}

static PyStatus
initialize(const char *home)
{
    PyPreConfig pre;
    PyConfig config;
    PyPreConfig_InitIsolatedConfig(&pre);
    pre.utf8_mode = 1;
    PyStatus st = Py_PreInitialize(&pre);
    if (PyStatus_Exception(st))
        return st;
    PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0;
    config.install_signal_handlers = 0;
    config.parse_argv = 0;
    config.write_bytecode = 0;
    config.pathconfig_warnings = 0;
    st = PyConfig_SetBytesString(&config, &config.home, home);
    if (!PyStatus_Exception(st))
        st = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    return st;
}

oro_status
oro_py_start(const struct oro_py_options *opt, struct oro_err *err)
{
    ORO_ASSERT(rt.main == NULL);
    rt.adopted = Py_IsInitialized();
    oro_pyarena_install(); /* arenas of before are freed as CPython frees them */
    if (!rt.adopted)
        PyImport_AppendInittab("_orochi", PyInit__orochi);
    if (PySys_AddAuditHook(oro_py_audit, NULL) < 0)
        return oro_err_set(err, ORO_EINTERNAL, "Python refuses an audit hook");
    PyStatus st = PyStatus_Ok();
    if (!rt.adopted)
        st = initialize(opt != NULL && opt->home != NULL ? opt->home : ORO_PYTHON_HOME);
    if (PyStatus_Exception(st))
        return failed(err, st);
    rt.package_dir = find_package(opt != NULL ? opt->package_dir : NULL);
    /* Exported, though not documented; where it is missing an interruption takes a switch interval (5 ms) longer. */
    void *sym = dlsym(RTLD_DEFAULT, "_PyEval_AddPendingCall");
    memcpy(&rt.add_pending, &sym, sizeof(sym));
    import_allowed();
    oro_guards_install();
    oro_status rc = add_path() < 0 ? raised(err, ORO_EINTERNAL, "sys.path") : ORO_OK;
    if (rc == ORO_OK && !has_package(rt.package_dir))
        rc = oro_err_set(err, ORO_ENOTFOUND, "%s has no package `orochi`", rt.package_dir);
    rt.main = PyEval_SaveThread();
    return rc;
}

static void
free_memory(struct oro_py *py)
{
    for (struct oro_rowclass *rc = py->classes, *next; rc != NULL; rc = next) {
        next = rc->next;
        oro_free(rc->name);
        oro_free(rc);
    }
    oro_codecs_fini(&py->codecs);
    oro_py_versions_free(py);
    oro_map_fini(&py->class_map);
    oro_free(py->stdlib);
    oro_free(py);
}

static void
sites_free(void)
{
    for (size_t i = 0; rt.sites != NULL && rt.sites[i] != NULL; i++)
        oro_free(rt.sites[i]);
    oro_free(rt.sites);
    rt.sites = NULL;
}

/* A list of str. */
static int
sites_keep(PyObject *list)
{
    Py_ssize_t n = PyList_Check(list) ? PyList_GET_SIZE(list) : 0;
    rt.sites = ORO_NEW_ARRAY(char *, (size_t)n + 1);
    for (Py_ssize_t i = 0; i < n; i++) {
        const char *s = PyUnicode_AsUTF8(PyList_GET_ITEM(list, i));
        if (s == NULL)
            return -1;
        rt.sites[i] = oro_strdup(s);
    }
    return 0;
}

/* Asks the package's _venv.py, read as a file of its own: the package itself is not imported here, since it belongs to the
 * interpreters that run modules. */
static oro_status
sites_find(const char *venv, struct oro_err *err)
{
    oro_status st = ORO_OK;
    char *file = oro_asprintf("%s/orochi/_venv.py", rt.package_dir);
    PyObject *runpy = PyImport_ImportModule("runpy"), *space = NULL, *list = NULL, *find = NULL;
    if (runpy != NULL)
        space = PyObject_CallMethod(runpy, "run_path", "s", file);
    if (space != NULL)
        find = PyMapping_GetItemString(space, "folders");
    if (find != NULL)
        list = PyObject_CallFunction(find, "s", venv);
    if (list == NULL || sites_keep(list) < 0) {
        PyObject *error = PyErr_GetRaisedException(), *s = PyObject_Str(error);
        const char *text = s != NULL ? PyUnicode_AsUTF8(s) : NULL;
        st =
            oro_err_set(err, ORO_EINVAL, "server.venv: %s", text != NULL ? text : "cannot be read");
        PyErr_Clear();
        Py_XDECREF(s);
        Py_DECREF(error);
    }
    Py_XDECREF(list);
    Py_XDECREF(find);
    Py_XDECREF(space);
    Py_XDECREF(runpy);
    oro_free(file);
    return st;
}

oro_status
oro_py_set_environment(const struct oro_py_environment *env, struct oro_err *err)
{
    ORO_ASSERT(rt.main != NULL);
    rt.in_main = env->main_interpreter;
    oro_py_io_mode = env->io;
    oro_py_strict_index = env->strict_index;
    oro_py_warn_lost = env->warn_lost_changes;
    oro_py_warn_globals = env->warn_globals;
    PyEval_RestoreThread(rt.main);
    sites_free();
    oro_status st = env->venv != NULL ? sites_find(env->venv, err) : ORO_OK;
    rt.main = PyEval_SaveThread();
    if (st == ORO_OK && env->memory_limit_mb > 0)
        oro_py_memory_install((size_t)env->memory_limit_mb << 20);
    return st;
}

void
oro_py_stop(void)
{
    if (rt.main == NULL)
        return;
    PyEval_RestoreThread(rt.main);
    rt.main = NULL;
#ifdef ORO_SANITIZED
    /* Takes long and is of no use to a process that ends, except to those who look for leaks. */
    if (!rt.adopted)
        (void)Py_FinalizeEx();
    if (rt.was_main != NULL)
        free_memory(rt.was_main);
    rt.was_main = NULL;
#endif
    oro_free(rt.package_dir);
    rt.package_dir = NULL;
    sites_free();
}

const char *
oro_py_version(void)
{
    static char version[16];
    if (version[0] == 0) {
        const char *full = Py_GetVersion();
        snprintf(version, sizeof(version), "%.*s", (int)strcspn(full, " "), full);
    }
    return version;
}

/* ---- tools, in the main interpreter ---- */

static int
exit_status(PyObject *result)
{
    if (result != NULL)
        return result == Py_None ? 0 : (int)PyLong_AsLong(result);
    if (PyErr_ExceptionMatches(PyExc_SystemExit)) {
        PyObject *e = PyErr_GetRaisedException(), *code = PyObject_GetAttrString(e, "code");
        int rc = code == NULL || code == Py_None ? 0
                 : PyLong_Check(code)            ? (int)PyLong_AsLong(code)
                                                 : 1;
        if (code != NULL && PyUnicode_Check(code))
            PySys_FormatStderr("%U\n", code);
        Py_XDECREF(code);
        Py_DECREF(e);
        return rc;
    }
    PyErr_Print();
    return 1;
}

/* An import that does not end is interrupted like a reducer. */
static void
import_begin(struct oro_py *py)
{
    uint64_t gen = atomic_load_explicit(&py->generation, memory_order_relaxed) + 1;
    atomic_store_explicit(&py->generation, gen, memory_order_release);
    py->hits = 0;
    py->grace_us = 0;
    atomic_store_explicit(&py->in_reducer, true, memory_order_relaxed);
}

static void
import_end(struct oro_py *py)
{
    atomic_store_explicit(&py->in_reducer, false, memory_order_relaxed);
    py->grace_us = 0;
}

#define END_LATE                                                                               \
    "what the old version of the module does at its end takes too long: __del__, finally and " \
    "weakref.finalize must not wait"

#define MAP_LATE                                                                                  \
    "@migration hooks have altogether run longer than reducer.init_timeout_ms allows: raise it, " \
    "or do less for each row"

void
oro_py_map_begin(struct oro_py *py)
{
    import_begin(py);
    py->mapping = true;
}

void
oro_py_map_end(struct oro_py *py)
{
    py->mapping = false;
    import_end(py);
}

void
oro_py_end_begin(struct oro_py *py)
{
    import_begin(py);
    py->ending = true;
}

void
oro_py_end_end(struct oro_py *py)
{
    py->ending = false;
    if (py->hits > 0) /* what it raised went into a destructor, which passes nothing on */
        oro_log_limited(ORO_LOG_WARN, "module", END_LATE);
    import_end(py);
}

/* The package's import may need the C side whole. */
static int
ready(void)
{
    PyObject *package = PyImport_ImportModule("orochi"), *m = NULL, *out = NULL;
    if (package != NULL)
        m = PyImport_ImportModule("_orochi");
    if (m != NULL)
        out = PyObject_CallMethod(m, "_ready", NULL);
    Py_XDECREF(package);
    Py_XDECREF(m);
    Py_XDECREF(out);
    return out != NULL ? 0 : -1;
}

static PyObject *
word_list(int argc, char **argv)
{
    PyObject *list = PyList_New(0);
    for (int i = 0; list != NULL && i < argc; i++) {
        PyObject *s = PyUnicode_DecodeFSDefault(argv[i]);
        if (s == NULL || PyList_Append(list, s) < 0)
            Py_CLEAR(list);
        Py_XDECREF(s);
    }
    return list;
}

/* Returns the exit status. Leaves no exception. */
static int
tool_main(int argc, char **argv)
{
    PyObject *list = word_list(argc, argv), *m = NULL, *out = NULL;
    if (list != NULL && ready() == 0 && (m = PyImport_ImportModule("orochi.tools")) != NULL)
        out = PyObject_CallMethod(m, "main", "O", list);
    int rc = exit_status(out);
    if (PyErr_Occurred()) {
        PyErr_Print();
        rc = 1;
    }
    Py_XDECREF(list);
    Py_XDECREF(m);
    Py_XDECREF(out);
    PyObject *flush = PySys_GetObject("stdout");
    if (flush != NULL && flush != Py_None)
        Py_XDECREF(PyObject_CallMethod(flush, "flush", NULL));
    PyErr_Clear();
    return rc;
}

int
oro_py_run_tool(int argc, char **argv)
{
    PyEval_RestoreThread(rt.main);
    int rc = tool_main(argc, argv);
    rt.main = PyEval_SaveThread();
    return rc;
}

static void
print_to(const char *stream)
{
    PyObject *out = PySys_GetObject(stream), *err = PySys_GetObject("__stderr__");
    if (out == NULL || err == NULL || PySys_SetObject("stdout", out) < 0 ||
        PySys_SetObject("stderr", err) < 0)
        PyErr_Clear();
}

void
oro_py_print_plain(struct oro_py *py)
{
    ORO_ASSERT(py == oro_py_here);
    print_to("__stderr__");
}

int
oro_py_tool(struct oro_py *py, int argc, char **argv)
{
    print_to("__stdout__");
    import_begin(py);
    int rc = tool_main(argc, argv);
    import_end(py);
    return rc;
}

oro_status
oro_py_toml(const char *path, char **json, struct oro_err *err)
{
    static const char code[] =
        "import json, os, re, stat, tomllib\n"
        "def read(path):\n"
        "    try:\n"
        "        with open(path, 'rb', opener=lambda p, f: os.open(p, f | os.O_NONBLOCK)) as "
        "file:\n"
        "            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):\n"
        "                return None, 'it is no file'\n"
        "            return True, json.dumps(tomllib.load(file), default=str)\n"
        "    except OSError as error:\n"
        "        return None, error.strerror or str(error)\n"
        "    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:\n"
        "        text = str(error)\n"
        "        found = re.search(r' \\(at (?:line (\\d+), column \\d+|end of document)\\)$', "
        "text)\n"
        "        line = found[1] if found and found[1] else None\n"
        "        return False, f'line {line}: {text[:found.start()]}' if line else text\n";
    oro_status st = ORO_EINTERNAL;
    PyEval_RestoreThread(rt.main);
    PyObject *space = PyDict_New(), *ran = NULL, *out = NULL;
    if (space != NULL)
        ran = PyRun_String(code, Py_file_input, space, space);
    if (ran != NULL)
        out = PyObject_CallFunction(PyDict_GetItemString(space, "read"), "s", path);
    const char *text = out != NULL ? PyUnicode_AsUTF8(PyTuple_GET_ITEM(out, 1)) : NULL;
    if (text == NULL) {
        raised(err, st, path);
    } else if (PyTuple_GET_ITEM(out, 0) == Py_True) {
        *json = oro_strdup(text);
        st = ORO_OK;
    } else {
        st = PyTuple_GET_ITEM(out, 0) == Py_None ? ORO_EIO : ORO_EMALFORMED;
        oro_err_set(err, st, "%s", text);
    }
    Py_XDECREF(out);
    Py_XDECREF(ran);
    Py_XDECREF(space);
    rt.main = PyEval_SaveThread();
    return st;
}

/* ---- one interpreter ---- */

/* On return the new interpreter's thread state is current on this thread. */
static oro_status
make_interpreter(PyThreadState **out, struct oro_err *err)
{
    const PyInterpreterConfig config = {
        .use_main_obmalloc = 0,
        .allow_fork = 0,
        .allow_exec = 0,
        .allow_threads = 0,
        .allow_daemon_threads = 0,
        .check_multi_interp_extensions = 1,
        .gil = PyInterpreterConfig_OWN_GIL,
    };
    PyThreadState *m = PyThreadState_New(PyInterpreterState_Main()), *ts = NULL;
    if (m == NULL)
        return oro_err_set(err, ORO_EINTERNAL, "no memory for a thread state");
    PyEval_RestoreThread(m);
    PyStatus st = Py_NewInterpreterFromConfig(&ts, &config);
    if (PyStatus_Exception(st)) {
        PyThreadState_Clear(m);
        PyThreadState_DeleteCurrent();
        return failed(err, st);
    }
    PyEval_SaveThread();
    PyEval_RestoreThread(m);
    PyThreadState_Clear(m);
    PyThreadState_DeleteCurrent();
    PyEval_RestoreThread(ts);
    *out = ts;
    return ORO_OK;
}

/* On return a thread state of the main interpreter is current on this thread. Main's own thread waits without the GIL. */
static oro_status
join_main(PyThreadState **out, struct oro_err *err)
{
    PyThreadState *ts = rt.was_main == NULL ? PyThreadState_New(PyInterpreterState_Main()) : NULL;
    if (ts == NULL)
        return oro_err_set(err, ORO_EINTERNAL, "the main interpreter is in use");
    PyEval_RestoreThread(ts);
    *out = ts;
    return ORO_OK;
}

static PyObject *
site_list(void)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && rt.sites != NULL && rt.sites[i] != NULL; i++) {
        PyObject *s = PyUnicode_FromString(rt.sites[i]);
        if (s == NULL || PyList_Append(list, s) < 0)
            Py_CLEAR(list);
        Py_XDECREF(s);
    }
    return list;
}

static int
prepare(struct oro_py *py)
{
    if (add_path() < 0)
        return -1;
    oro_py_opening = py;
    int rc = ready();
    oro_py_opening = NULL;
    if (rc < 0)
        return -1;
    PyObject *m = PyImport_ImportModule("orochi._worker"), *out = NULL, *sites = site_list();
    if (m != NULL && sites != NULL)
        out = PyObject_CallMethod(m, "install", "OO", py->shared ? Py_True : Py_False, sites);
    Py_XDECREF(sites);
    Py_XDECREF(m);
    Py_XDECREF(out);
    return out != NULL ? 0 : -1;
}

/* Takes py, and the interpreter's GIL off this thread. */
static void
end_interpreter(struct oro_py *py)
{
    /* What the module state owns must go before the interpreter checks what is left. */
    for (struct oro_rowclass *rc = py->classes; rc != NULL; rc = rc->next)
        oro_rowclass_drop_pool(rc, 0);
    oro_py_here = NULL;
    oro_py_memory_close(py);
    if (!py->shared) {
        Py_EndInterpreter(py->ts);           /* atexit functions and destructors of the author's, */
        atomic_fetch_sub(&oro_py_opened, 1); /* which are guarded as well */
        free_memory(py);
        return;
    }
    /* The main interpreter ends with the process, so this one stays counted. */
    PyThreadState_Clear(py->ts);
    rt.was_main = py;
    PyThreadState_DeleteCurrent();
}

oro_status
oro_py_open(unsigned worker, const struct oro_host_ops *ops, struct oro_py **out,
            struct oro_err *err)
{
    struct oro_py *py = ORO_NEW(struct oro_py);
    py->worker = worker;
    py->ops = ops;
    py->shared = rt.in_main;
    oro_codecs_init(&py->codecs);
    oro_pyrow_hook(py);
    py->codecs.fits = oro_py_memory_fits;
    oro_py_config_look(py);
    pthread_mutex_lock(&rt.making);
    atomic_fetch_add(&oro_py_opened, 1);
    oro_py_memory_open(py);
    oro_status st = py->shared ? join_main(&py->ts, err) : make_interpreter(&py->ts, err);
    if (st != ORO_OK) {
        atomic_fetch_sub(&oro_py_opened, 1);
        oro_py_memory_close(py);
        free_memory(py);
    } else {
        py->interp = PyThreadState_GetInterpreter(py->ts);
        if (prepare(py) < 0) {
            st = raised(err, ORO_EINTERNAL, "the package `orochi`");
            end_interpreter(py);
        }
    }
    pthread_mutex_unlock(&rt.making);
    if (st == ORO_OK)
        *out = oro_py_here = py;
    return st;
}

void
oro_py_close(struct oro_py *py)
{
    /* The lock is taken without the GIL held by nobody else: each interpreter has its own. */
    pthread_mutex_lock(&rt.making);
    end_interpreter(py);
    pthread_mutex_unlock(&rt.making);
}

void
oro_py_release(struct oro_py *py)
{
    PyThreadState *ts = PyEval_SaveThread();
    ORO_ASSERT(ts == py->ts);
}

void
oro_py_acquire(struct oro_py *py)
{
    PyEval_RestoreThread(py->ts);
}

/* ---- loading ---- */

#define IMPORT_LATE                                                                            \
    "the import ran longer than server.import_timeout_ms: what takes long, or waits, belongs " \
    "into "                                                                                    \
    "@init, a scheduled function or another program"

/* Folder of the module's own files, with a slash: what a traceback shows. */
static char *
root_of(const char *path)
{
    char *full = realpath(path, NULL);
    const char *p = full != NULL ? full : path;
    size_t n = strlen(p);
    char *out;
    if (n > 3 && strcmp(p + n - 3, ".py") == 0) {
        const char *slash = strrchr(p, '/');
        out = slash != NULL ? oro_strndup(p, (size_t)(slash - p) + 1) : oro_strdup("");
    } else {
        out = oro_asprintf("%s/", p);
    }
    free(full);
    return out;
}

/* Of an import that swallowed interruptions, until they came at every step, also of what reports them. */
static PyObject *
late_text(PyObject *error, const char *path)
{
    PyObject *m = PyImport_ImportModule("orochi._load");
    PyObject *s = m != NULL ? PyObject_CallMethod(m, "late", "Os", error, path) : NULL;
    Py_XDECREF(m);
    return s;
}

static oro_status
load_failed(struct oro_py *py, const char *path, char **report, struct oro_err *err)
{
    struct oro_bb text = {0};
    PyObject *error = PyErr_GetRaisedException();
    bool schema = PyErr_GivenExceptionMatches(error, py->e_schema);
    PyObject *s = schema ? PyObject_Str(error) : NULL;
    if (PyErr_GivenExceptionMatches(error, py->e_timeout))
        s = late_text(error, path);
    const char *p = s != NULL ? PyUnicode_AsUTF8(s) : NULL;
    if (p != NULL) {
        oro_bb_printf(&text, "%s", p);
    } else {
        PyErr_Clear();
        PyErr_SetRaisedException(Py_NewRef(error));
        oro_pyerr_text(&py->codecs, true, &text);
    }
    PyErr_Clear();
    Py_XDECREF(s);
    Py_XDECREF(error);
    oro_bb_u8(&text, 0);
    *report = oro_strdup((const char *)text.data);
    oro_bb_fini(&text);
    return oro_err_set(err, ORO_EINVAL, "%.*s", (int)strcspn(*report, "\n"), *report);
}

/* (descriptor, module spec), or NULL with an exception. */
static PyObject *
import_module(struct oro_py *py, const char *path, const char *name)
{
    PyObject *m = PyImport_ImportModule("orochi._load"), *out = NULL;
    if (m != NULL)
        out = PyObject_CallMethod(m, "load", "ss", path, name);
    Py_XDECREF(m);
    if (out != NULL && py->hits > 0) {
        PyErr_SetString(py->e_schema, IMPORT_LATE);
        Py_CLEAR(out);
    }
    if (out != NULL && (!PyTuple_Check(out) || PyTuple_GET_SIZE(out) != 2 ||
                        !PyUnicode_Check(PyTuple_GET_ITEM(out, 0)))) {
        PyErr_SetString(PyExc_TypeError, "load() gives a pair");
        Py_CLEAR(out);
    }
    return out;
}

oro_status
oro_py_load(struct oro_py *py, const char *path, const char *name, char **descriptor, char **report,
            struct oro_err *err)
{
    *report = NULL;
    oro_free(py->codecs.root);
    py->codecs.root = root_of(path);
    import_begin(py);
    PyObject *out = import_module(py, path, name);
    const char *text = out != NULL ? PyUnicode_AsUTF8(PyTuple_GET_ITEM(out, 0)) : NULL;
    if (text == NULL) {
        Py_XDECREF(out);
        py->grace_us = oro_mono_us() + ORO_PY_WORDS_US;
        oro_status st = load_failed(py, path, report, err);
        import_end(py);
        return st;
    }
    import_end(py);
    *descriptor = oro_strdup(text);
    Py_XSETREF(py->module_spec, Py_NewRef(PyTuple_GET_ITEM(out, 1)));
    Py_DECREF(out);
    return ORO_OK;
}

/* ---- interruption ---- */

#define WORDS_BEGIN_US 100000
#define POLITE 3 /* interruptions that a reducer may answer with handlers and finally blocks */

bool
oro_py_pend(struct oro_py *py, int (*fn)(void *), void *arg)
{
    if (rt.add_pending == NULL)
        return false;
    (void)rt.add_pending(py->interp, fn, arg, 0); /* full: enough are on their way already */
    return true;
}

/* Runs on the worker's thread, inside the interpreter loop (in the main interpreter perhaps on a thread of the module's: the next
 * one may find the right thread). A late one finds another generation and does nothing. One that comes while the traceback is
 * written would spoil it. */
static int
raise_timeout(void *arg)
{
    struct oro_py *py = arg;
    if (oro_py_here == py && atomic_load_explicit(&py->abandoned, memory_order_acquire))
        oro_py_sleep_for_ever();
    if (oro_py_here != py || !atomic_load_explicit(&py->in_reducer, memory_order_relaxed) ||
        atomic_load_explicit(&py->interrupt, memory_order_acquire) !=
            atomic_load_explicit(&py->generation, memory_order_relaxed))
        return 0;
    if (py->grace_us != 0) {
        if (oro_mono_us() < py->grace_us)
            return 0;
        py->grace_us +=
            ORO_PY_WORDS_US; /* a __str__ that does not end; without it the rest is said soon */
        PyErr_SetString(py->e_timeout, "the exception's text takes too long");
        return -1;
    }
    /* Of an import the first ones keep a distance, so that it can be said where it was. */
    if (oro_py_running != py && py->hits < POLITE) {
        if (py->hits > 0 && oro_mono_us() - py->hit_us < WORDS_BEGIN_US)
            return 0;
        py->hit_us = oro_mono_us();
    }
    /* `while True: try: ... except: pass` swallows one at a time. Raised at every step, the exception is also raised outside of
     * the try block, where the loop jumps back. */
    if (++py->hits >= POLITE)
        (void)oro_py_pend(py, raise_timeout, py);
    PyErr_SetString(py->e_timeout, oro_py_running == py ? "the reducer ran longer than its limit"
                                   : py->ending         ? END_LATE
                                   : py->mapping        ? MAP_LATE
                                                        : IMPORT_LATE);
    return -1;
}

int
oro_py_look(struct oro_py *py)
{
    return raise_timeout(py);
}

static void
raise_async(struct oro_py *py)
{
    PyThreadState *ts = PyThreadState_New(py->interp);
    if (ts == NULL)
        return;
    PyEval_RestoreThread(ts); /* waits for the loop's next switch */
    if (atomic_load(&py->in_reducer) && atomic_load(&py->interrupt) == atomic_load(&py->generation))
        PyThreadState_SetAsyncExc(py->ts->thread_id, py->e_timeout);
    PyThreadState_Clear(ts);
    PyThreadState_DeleteCurrent();
}

void
oro_py_sleep_for_ever(void)
{
    for (;;)
        pause();
}

void
oro_py_abandon(struct oro_py *py)
{
    atomic_store(&py->abandoned, true);
    (void)oro_py_pend(py, raise_timeout, py);
}

void
oro_py_interrupt(struct oro_py *py, uint64_t generation)
{
    atomic_store_explicit(&py->interrupt, generation, memory_order_release);
    if (!oro_py_pend(py, raise_timeout, py))
        raise_async(py);
}

/* ---- numbers ---- */

static void
add_tally(const struct oro_tally *t, struct oro_py_stats *out)
{
    out->decodes += atomic_load_explicit(&t->n[DIR_DECODE], memory_order_relaxed);
    out->encodes += atomic_load_explicit(&t->n[DIR_ENCODE], memory_order_relaxed);
    out->bytes_in += atomic_load_explicit(&t->bytes[DIR_DECODE], memory_order_relaxed);
    out->bytes_out += atomic_load_explicit(&t->bytes[DIR_ENCODE], memory_order_relaxed);
}

void
oro_py_stats(const struct oro_py *py, struct oro_py_stats *out)
{
#define COPY(name) out->name = atomic_load_explicit(&py->n_##name, memory_order_relaxed);
    ORO_PY_COUNTERS(COPY)
#undef COPY
#define COPY(name) out->name = atomic_load_explicit(&py->codecs.n_##name, memory_order_relaxed);
    ORO_CODEC_COUNTERS(COPY)
#undef COPY
    int64_t objects = atomic_load_explicit(&py->python_memory, memory_order_relaxed);
    out->python_memory = objects > 0 ? (uint64_t)objects : 0;
    /* Rows and arguments are counted by their type alone. */
    for (const struct oro_rowclass *rc = py->classes; rc != NULL; rc = rc->next)
        add_tally(&rc->tally, out);
    for (unsigned i = 0; i < py->nreducers; i++)
        add_tally(&py->reducers[i].tally, out);
    /* Codecs of tables and reducers are pinned: compiled once (a miss each), found at once by whatever converts later. */
    out->cache_misses += py->codecs.npinned;
    out->cache_size += py->codecs.npinned;
    out->cache_hits += out->decodes + out->encodes;
    /* And the shapes of dynamic values. */
    out->cache_hits += atomic_load_explicit(&py->codecs.n_shape_hits, memory_order_relaxed);
    out->cache_misses += atomic_load_explicit(&py->codecs.n_shape_misses, memory_order_relaxed);
    out->cache_evictions +=
        atomic_load_explicit(&py->codecs.n_shape_evictions, memory_order_relaxed);
    out->cache_expirations +=
        atomic_load_explicit(&py->codecs.n_shape_expirations, memory_order_relaxed);
    out->cache_size += atomic_load_explicit(&py->codecs.n_shapes, memory_order_relaxed);
}
