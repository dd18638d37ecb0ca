/* bridge/host/program.c - the whole program as a function of the extension module: what `orochi` is where it was installed with
 * pip. Python has started before it, and the main interpreter belongs to whoever did. */
#include "bridge/host/program.h"

#include <stdio.h>
#include <unistd.h>

int (*oro_py_program)(int argc, char **argv, const char *executable, const char *package_dir);

/* Copies: a NULL-terminated array of the list's strings as bytes of the file system's encoding. NULL: an exception is set. */
static char **
words_of(PyObject *list, int *count)
{
    Py_ssize_t n = PyList_GET_SIZE(list);
    char **words = ORO_NEW_ARRAY(char *, (size_t)n + 1);
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *bytes = PyUnicode_EncodeFSDefault(PyList_GET_ITEM(list, i));
        if (bytes == NULL)
            return NULL; /* the process ends with a traceback */
        words[i] = oro_strdup(PyBytes_AS_STRING(bytes));
        Py_DECREF(bytes);
    }
    *count = (int)n;
    return words;
}

PyObject *
oro_py_program_main(PyObject *module, PyObject *args)
{
    PyObject *list;
    const char *executable, *folder;
    int argc;
    if (!PyArg_ParseTuple(args, "O!ss", &PyList_Type, &list, &executable, &folder))
        return NULL;
    if (oro_py_program == NULL || PyList_GET_SIZE(list) == 0) {
        PyErr_SetString(PyExc_RuntimeError,
                        "this is not the extension module that has the program");
        return NULL;
    }
    char **argv = words_of(list, &argc);
    if (argv == NULL)
        return NULL;
    /* As the executable does it: threads of the server may not have ended, and Python has nothing to say any more. */
    int code = oro_py_program(argc, argv, executable, folder);
    fflush(NULL);
    _exit(code);
}
