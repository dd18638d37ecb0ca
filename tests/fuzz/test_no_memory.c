/* Every allocation that Python makes while the types of the vectors, and those of py_types.py, are read and written fails once:
 * the call fails with an exception, or goes without; afterwards there are exactly as many blocks of memory as before, the
 * author's classes have as many references, and the same call succeeds. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "bridge/host/interp_priv.h"

/* ---- an allocator that counts, and fails when it is told to ---- */

static PyMemAllocatorEx below[2];
static long live;          /* blocks */
static long fail_after;    /* allocations until one fails; 0: none does */
static unsigned fail_many; /* how many fail then, one after the other */
static bool failed;

/* Only what C code of ours asks for: where Python code runs, CPython 3.13 itself does not survive every failure (making a function
 * or a repr). */
static bool
refuse(void)
{
    if (fail_after == 0 || PyThreadState_Get()->current_frame != NULL || --fail_after > 0)
        return false;
    failed = true;
    fail_after = --fail_many > 0 ? 1 : 0;
    return true;
}

static void *
counted(void *p)
{
    live += p != NULL;
    return p;
}

static void *
count_malloc(void *ctx, size_t n)
{
    PyMemAllocatorEx *a = ctx;
    return refuse() ? NULL : counted(a->malloc(a->ctx, n));
}

static void *
count_calloc(void *ctx, size_t n, size_t size)
{
    PyMemAllocatorEx *a = ctx;
    return refuse() ? NULL : counted(a->calloc(a->ctx, n, size));
}

static void *
count_realloc(void *ctx, void *old, size_t n)
{
    PyMemAllocatorEx *a = ctx;
    if (refuse())
        return NULL;
    void *p = a->realloc(a->ctx, old, n);
    live += p != NULL && old == NULL;
    return p;
}

static void
count_free(void *ctx, void *p)
{
    PyMemAllocatorEx *a = ctx;
    live -= p != NULL;
    a->free(a->ctx, p);
}

static void
hook(void)
{
    const PyMemAllocatorDomain domains[] = {PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ};
    for (int i = 0; i < 2; i++) {
        PyMem_GetAllocator(domains[i], &below[i]);
        PyMemAllocatorEx mine = {&below[i], count_malloc, count_calloc, count_realloc, count_free};
        PyMem_SetAllocator(domains[i], &mine);
    }
}

/* ---- the types ---- */

static struct oro_py *py;
static PyObject *targets, *seeds, *classes, *compile;
static PyObject *s_decode, *s_encode;

static void
setup(void)
{
    static const struct oro_host_ops none = {0};
    struct oro_err err = {0};
    char *descriptor = NULL, *report = NULL;
    cr_assert_eq(oro_py_start(NULL, &err), ORO_OK, "%s", err.text);
    cr_assert_eq(oro_py_open(0, &none, &py, &err), ORO_OK, "%s", err.text);
    cr_assert_eq(oro_py_load(py, ORO_FUZZ_TYPES, "types", &descriptor, &report, &err), ORO_OK, "%s",
                 report);
    oro_free(descriptor);
    targets = PySys_GetObject("fuzz_targets");
    seeds = PySys_GetObject("fuzz_seeds");
    classes = PySys_GetObject("fuzz_classes");
    PyObject *m = PyImport_ImportModule("_orochi"), *gc = PyImport_ImportModule("gc");
    cr_assert(targets != NULL && seeds != NULL && classes != NULL && m != NULL && gc != NULL);
    compile = PyObject_GetAttrString(m, "compile");
    s_decode = PyUnicode_InternFromString("decode");
    s_encode = PyUnicode_InternFromString("encode");
    cr_assert(compile != NULL && s_decode != NULL && s_encode != NULL);
    PyGC_Disable(); /* its own time must not decide what is there */
    /* CPython keeps up to 16 MemoryErrors for later. */
    PyObject *kept[20];
    for (int i = 0; i < 20; i++)
        kept[i] = PyObject_CallNoArgs(PyExc_MemoryError);
    for (int i = 0; i < 20; i++)
        Py_DECREF(kept[i]);
}

TestSuite(no_memory, .init = setup);

/* Blocks and references, after everything that can go has gone. */
struct census {
    long blocks;
    Py_ssize_t references;
};

static struct census
census(void)
{
    struct census c = {0};
    PyErr_Clear();
    PyGC_Collect();
    PyType_ClearCache(); /* it keeps names of attributes */
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(classes); i++)
        c.references += Py_REFCNT(PyList_GET_ITEM(classes, i));
    c.blocks = live;
    return c;
}

/* ---- one call, with each of its allocations failing in turn ---- */

typedef PyObject *(*call_fn)(PyObject *codec, PyObject *arg);

static PyObject *
do_decode(PyObject *codec, PyObject *bytes)
{
    return PyObject_CallMethodOneArg(codec, s_decode, bytes);
}

static PyObject *
do_encode(PyObject *codec, PyObject *value)
{
    return PyObject_CallMethodOneArg(codec, s_encode, value);
}

static PyObject *
do_compile(PyObject *unused, PyObject *args)
{
    (void)unused;
    return PyObject_Call(compile, args, NULL);
}

/* Gives how many allocations the call makes. */
static long
sweep(const char *what, Py_ssize_t number, call_fn call, PyObject *codec, PyObject *arg,
      unsigned many)
{
    for (int i = 0; i < 2; i++) { /* what is cached is cached then */
        Py_XDECREF(call(codec, arg));
        PyErr_Clear();
    }
    for (long n = 1;; n++) {
        failed = false;
        fail_many = many;
        fail_after = n;
        PyObject *out = call(codec, arg);
        fail_after = 0;
        cr_assert_eq(out == NULL, PyErr_Occurred() != NULL,
                     "%s %zd, allocation %ld: result %d, exception %d", what, number, n,
                     out != NULL, PyErr_Occurred() != NULL);
        Py_XDECREF(out);
        PyErr_Clear();
        if (!failed)
            return n - 1;
        cr_assert_lt(n, 100000);
    }
}

#define ROUNDS 8 /* the first ones fill caches, on paths that are taken only then */

static long
leaks_nothing(const char *what, Py_ssize_t number, call_fn call, PyObject *codec, PyObject *arg,
              unsigned many)
{
    long n = 0, lost = 0;
    Py_ssize_t held = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct census before = census();
        n = sweep(what, number, call, codec, arg, many);
        struct census after = census();
        lost = after.blocks - before.blocks;
        held = after.references - before.references;
        if (lost <= 0 && held == 0)
            return n;
    }
    cr_assert_fail("%s %zd: %ld blocks and %zd references are left over after failures of each of "
                   "%ld allocations",
                   what, number, lost, held, n);
    return n;
}

static void
each_seed(unsigned many)
{
    long all = 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(seeds); i++) {
        PyObject *seed = PyList_GET_ITEM(seeds, i), *bytes = PyTuple_GET_ITEM(seed, 1);
        PyObject *codec =
            PyTuple_GET_ITEM(PyList_GET_ITEM(targets, PyLong_AsLong(PyTuple_GET_ITEM(seed, 0))), 0);
        if (PyBytes_GET_SIZE(bytes) > 300)
            continue;
        all += leaks_nothing("decoding seed", i, do_decode, codec, bytes, many);
        PyObject *value = do_decode(codec, bytes);
        PyErr_Clear();
        if (value == NULL)
            continue;
        all += leaks_nothing("encoding seed", i, do_encode, codec, value, many);
        PyObject *again = do_encode(codec, value);
        cr_assert_not_null(again, "seed %zd can no longer be written", i);
        Py_DECREF(again);
        Py_DECREF(value);
    }
    cr_assert_gt(all, 1000, "only %ld allocations", all);
}

Test(no_memory, one_allocation_fails, .timeout = 300)
{
    hook();
    each_seed(1);
}

Test(no_memory, several_in_a_row_fail, .timeout = 300)
{
    hook();
    each_seed(4);
}

/* Wrong input and wrong values: nothing is left over where it is refused. Memory stays available. */
Test(no_memory, refusals_leave_nothing, .timeout = 300)
{
    hook();
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(seeds); i++) {
        PyObject *seed = PyList_GET_ITEM(seeds, i), *bytes = PyTuple_GET_ITEM(seed, 1);
        PyObject *codec =
            PyTuple_GET_ITEM(PyList_GET_ITEM(targets, PyLong_AsLong(PyTuple_GET_ITEM(seed, 0))), 0);
        Py_ssize_t size = PyBytes_GET_SIZE(bytes);
        if (size > 300)
            continue;
        struct census before = {0}, after = {0};
        for (int round = 0; round < ROUNDS; round++) {
            before = census();
            for (Py_ssize_t n = 0; n < size; n++) {
                PyObject *cut = PyBytes_FromStringAndSize(PyBytes_AS_STRING(bytes), n);
                Py_XDECREF(do_decode(codec, cut));
                PyErr_Clear();
                if (n > 0)
                    PyBytes_AS_STRING(cut)[n - 1] ^= (char)0xff;
                Py_XDECREF(do_decode(codec, cut));
                PyErr_Clear();
                Py_DECREF(cut);
            }
            for (Py_ssize_t k = 0; k < PyList_GET_SIZE(seeds);
                 k += 7) { /* the values of other types */
                PyObject *other = PyList_GET_ITEM(seeds, k);
                PyObject *theirs = PyTuple_GET_ITEM(
                    PyList_GET_ITEM(targets, PyLong_AsLong(PyTuple_GET_ITEM(other, 0))), 0);
                PyObject *value = do_decode(theirs, PyTuple_GET_ITEM(other, 1));
                PyErr_Clear();
                Py_XDECREF(value != NULL ? do_encode(codec, value) : NULL);
                PyErr_Clear();
                Py_XDECREF(value);
            }
            after = census();
            if (after.blocks <= before.blocks && after.references == before.references)
                break;
        }
        cr_assert(after.blocks <= before.blocks && after.references == before.references,
                  "seed %zd: %ld blocks and %zd references are left over", i,
                  after.blocks - before.blocks, after.references - before.references);
    }
}

/* Compiling a type: what was made of it goes when the rest cannot be made. */
Test(no_memory, types_are_compiled_or_gone, .timeout = 300)
{
    PyObject *specs = PySys_GetObject("fuzz_specs");
    cr_assert_not_null(specs);
    hook();
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(specs); i++)
        leaks_nothing("compiling type", i, do_compile, NULL, PyList_GET_ITEM(specs, i), 1);
}
