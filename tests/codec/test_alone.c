/* The room of codecs without the rooms above it: a module of its own in a plain interpreter, linked with BSATN, the base and Python
 * alone. What it converts is in alone.py. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridge/codec/codecobj.h"

static struct oro_codecs codecs;

static int
module_exec(PyObject *module)
{
    *(struct oro_codec_module *)PyModule_GetState(module) = (struct oro_codec_module){&codecs};
    oro_codecs_init(&codecs);
    return oro_codecs_types(&codecs, module);
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    return oro_codecs_traverse(&codecs, visit, arg);
}

static int
module_clear(PyObject *module)
{
    oro_codecs_clear(&codecs);
    return 0;
}

static PyObject *
init(void)
{
    static PyModuleDef_Slot slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};
    static PyModuleDef def = {PyModuleDef_HEAD_INIT,
                              .m_name = "_orochi",
                              .m_size = sizeof(struct oro_codec_module),
                              .m_slots = slots,
                              .m_traverse = module_traverse,
                              .m_clear = module_clear};
    return PyModuleDef_Init(&def);
}

static void
start(void)
{
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0;
    cr_assert_eq(PyImport_AppendInittab("_orochi", init), 0);
    PyStatus st = PyConfig_SetBytesString(&config, &config.home, ORO_PYTHON_HOME);
    if (!PyStatus_Exception(st))
        st = Py_InitializeFromConfig(&config);
    cr_assert(!PyStatus_Exception(st), "%s", st.err_msg);
    PyConfig_Clear(&config);
}

/* The package's own start wants tables: only the files that the codecs take something from are imported. */
static const char package[] = "import sys, types\n"
                              "orochi = types.ModuleType('orochi')\n"
                              "orochi.__path__ = [folder + '/orochi']\n"
                              "sys.modules['orochi'] = orochi\n"
                              "import _orochi\n";

static int
run(const char *source, PyObject *space)
{
    PyObject *out = PyRun_String(source, Py_file_input, space, space);
    if (out == NULL)
        PyErr_Print();
    Py_XDECREF(out);
    return out != NULL ? 0 : -1;
}

static char *
read_file(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = calloc(1, 1 << 16);
    cr_assert_not_null(f, "%s", path);
    cr_assert(fread(text, 1, (1 << 16) - 1, f) > 0);
    fclose(f);
    return text;
}

Test(codec, alone)
{
    start();
    PyObject *space = PyDict_New(), *folder = PyUnicode_FromString(ORO_PACKAGE_DIR);
    PyDict_SetItemString(space, "folder", folder);
    PyDict_SetItemString(space, "__builtins__", PyEval_GetBuiltins());
    cr_assert_eq(run(package, space), 0);
    cr_assert_eq(oro_codecs_import(&codecs), 0);
    PyObject *name = PyUnicode_FromString("alone"); /* dataclasses ask for the module of a class */
    PyDict_SetItemString(space, "__name__", name);
    cr_assert_eq(run("sys.modules['alone'] = types.ModuleType('alone')\n", space), 0);
    char *source = read_file(ORO_TESTS_CODEC "/alone.py");
    cr_assert_eq(run(source, space), 0);
    cr_assert(codecs.n_encodes > 10 && codecs.n_errors == 4);
    free(source);
    Py_DECREF(name);
    Py_DECREF(folder);
    Py_DECREF(space);
    cr_assert_eq(Py_FinalizeEx(), 0);
    oro_codecs_fini(&codecs);
}
