/* bridge/host/start.c - the embedded runtime: its start and its end, and what all interpreters have in common. The main interpreter
 * imports an allow-list of standard modules first and keeps them, because some C modules corrupt memory when a subinterpreter is
 * the first to import them (field-notes.md, "CPython subinterpreters"). */
#include <dlfcn.h>
#include <unistd.h>

#include "bridge/host/arena.h"
#include "bridge/host/globals_priv.h"
#include "bridge/host/guard_priv.h" // oro_guards_install()
#include "bridge/host/memory_priv.h"
#include "bridge/host/module_priv.h"
#include "bridge/host/runtime_priv.h"

#if defined(__SANITIZE_ADDRESS__)
#define ORO_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ORO_SANITIZED
#endif
#endif

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
    ORO_ASSERT(oro_py_rt.main == NULL);
    oro_py_rt.adopted = Py_IsInitialized();
    oro_pyarena_install(); /* arenas of before are freed as CPython frees them */
    if (!oro_py_rt.adopted)
        PyImport_AppendInittab("_orochi", PyInit__orochi);
    if (PySys_AddAuditHook(oro_py_audit, NULL) < 0)
        return oro_err_set(err, ORO_EINTERNAL, "Python refuses an audit hook");
    PyStatus st = PyStatus_Ok();
    if (!oro_py_rt.adopted)
        st = initialize(opt != NULL && opt->home != NULL ? opt->home : ORO_PYTHON_HOME);
    if (PyStatus_Exception(st))
        return oro_py_failed(err, st);
    oro_py_rt.package_dir = find_package(opt != NULL ? opt->package_dir : NULL);
    /* Exported, though not documented; where it is missing an interruption takes a switch interval (5 ms) longer. */
    void *sym = dlsym(RTLD_DEFAULT, "_PyEval_AddPendingCall");
    memcpy(&oro_py_rt.add_pending, &sym, sizeof(sym));
    import_allowed();
    oro_guards_install();
    oro_status rc = oro_py_add_path() < 0 ? oro_py_raised(err, ORO_EINTERNAL, "sys.path") : ORO_OK;
    if (rc == ORO_OK && !has_package(oro_py_rt.package_dir))
        rc = oro_err_set(err, ORO_ENOTFOUND, "%s has no package `orochi`", oro_py_rt.package_dir);
    oro_py_rt.main = PyEval_SaveThread();
    return rc;
}

static void
sites_free(void)
{
    for (size_t i = 0; oro_py_rt.sites != NULL && oro_py_rt.sites[i] != NULL; i++)
        oro_free(oro_py_rt.sites[i]);
    oro_free(oro_py_rt.sites);
    oro_py_rt.sites = NULL;
}

/* A list of str. */
static int
sites_keep(PyObject *list)
{
    Py_ssize_t n = PyList_Check(list) ? PyList_GET_SIZE(list) : 0;
    oro_py_rt.sites = ORO_NEW_ARRAY(char *, (size_t)n + 1);
    for (Py_ssize_t i = 0; i < n; i++) {
        const char *s = PyUnicode_AsUTF8(PyList_GET_ITEM(list, i));
        if (s == NULL)
            return -1;
        oro_py_rt.sites[i] = oro_strdup(s);
    }
    return 0;
}

/* Asks the package's _venv.py, read as a file of its own: the package itself is not imported here, since it belongs to the
 * interpreters that run modules. */
static oro_status
sites_find(const char *venv, struct oro_err *err)
{
    oro_status st = ORO_OK;
    char *file = oro_asprintf("%s/orochi/_venv.py", oro_py_rt.package_dir);
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
    ORO_ASSERT(oro_py_rt.main != NULL);
    oro_py_rt.in_main = env->main_interpreter;
    oro_py_io_mode = env->io;
    oro_db_strict_index = env->strict_index;
    oro_py_warn_lost = env->warn_lost_changes;
    oro_py_warn_globals = env->warn_globals;
    oro_db_warn_scans = env->warn_scans;
    oro_py_warn_retries = env->warn_retries;
    PyEval_RestoreThread(oro_py_rt.main);
    sites_free();
    oro_status st = env->venv != NULL ? sites_find(env->venv, err) : ORO_OK;
    oro_py_rt.main = PyEval_SaveThread();
    if (st == ORO_OK && env->memory_limit_mb > 0)
        oro_py_memory_install((size_t)env->memory_limit_mb << 20);
    return st;
}

void
oro_py_stop(void)
{
    if (oro_py_rt.main == NULL)
        return;
    PyEval_RestoreThread(oro_py_rt.main);
    oro_py_rt.main = NULL;
#ifdef ORO_SANITIZED
    /* Takes long and is of no use to a process that ends, except to those who look for leaks. */
    if (!oro_py_rt.adopted)
        (void)Py_FinalizeEx();
    if (oro_py_rt.was_main != NULL)
        oro_py_fini(oro_py_rt.was_main);
    oro_py_rt.was_main = NULL;
#endif
    oro_free(oro_py_rt.package_dir);
    oro_py_rt.package_dir = NULL;
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
