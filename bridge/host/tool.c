/* bridge/host/tool.c - developer commands, and the TOML reader: Python code of ours that runs in the main interpreter, or in a
 * worker's as a command that imports a module. */
#include "bridge/host/runtime_priv.h"

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
    if (list != NULL && oro_py_ready() == 0 && (m = PyImport_ImportModule("orochi.tools")) != NULL)
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
    PyEval_RestoreThread(oro_py_rt.main);
    int rc = tool_main(argc, argv);
    oro_py_rt.main = PyEval_SaveThread();
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
    oro_py_import_begin(py);
    int rc = tool_main(argc, argv);
    oro_py_import_end(py);
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
    PyEval_RestoreThread(oro_py_rt.main);
    PyObject *space = PyDict_New(), *ran = NULL, *out = NULL;
    if (space != NULL)
        ran = PyRun_String(code, Py_file_input, space, space);
    if (ran != NULL)
        out = PyObject_CallFunction(PyDict_GetItemString(space, "read"), "s", path);
    const char *text = out != NULL ? PyUnicode_AsUTF8(PyTuple_GET_ITEM(out, 1)) : NULL;
    if (text == NULL) {
        oro_py_raised(err, st, path);
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
    oro_py_rt.main = PyEval_SaveThread();
    return st;
}
