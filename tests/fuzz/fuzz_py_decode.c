/* Bytes to Python objects, in a worker's interpreter. The first byte chooses one of the types of py_types.py, or, from 251 on, says
 * that the next bytes describe a type, which is compiled first. Properties: what is refused is refused with DecodeError (a made-up
 * type may also have values that no set or dict can hold: TypeError); what is accepted can be encoded, and its bytes mean the same
 * value; where a value has only one form they are the bytes that were read; and the number of memory blocks stays bounded.
 *
 * ORO_VECTORS names the folder of the vectors. ORO_FUZZ_SEEDS=DIR writes the seeds there, for a corpus. */
#include <stdio.h>
#include <stdlib.h>

#include "bridge/codec/error.h"
#include "bridge/host/interp_priv.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void oro_fuzz_seeds(void (*run)(const uint8_t *data, size_t size));

#define MADE_UP 251
#define BLOCKS_LOOK 32768  /* executions between two looks at the memory */
#define BLOCKS_MORE 200000 /* caches of shapes, keys and interned names are bounded */

static struct oro_py *py;
static PyObject *targets, *seeds, *compile;
static Py_ssize_t blocks_first;
static unsigned long runs;

static void
die(const char *what)
{
    struct oro_bb why = {0};
    if (PyErr_Occurred())
        oro_pyerr_text(&py->codecs, true, &why);
    fprintf(stderr, "%s %.*s\n", what, (int)why.len, why.len > 0 ? (const char *)why.data : "");
    abort();
}

/* ---- Python's memory is malloc's: its own allocator would hide from the sanitizer what is used after its end ---- */

static Py_ssize_t blocks;

static void *
block_malloc(void *ctx, size_t n)
{
    void *p = malloc(n > 0 ? n : 1);
    blocks += p != NULL;
    return p;
}

static void *
block_calloc(void *ctx, size_t n, size_t size)
{
    void *p = calloc(n > 0 ? n : 1, size > 0 ? size : 1);
    blocks += p != NULL;
    return p;
}

static void *
block_realloc(void *ctx, void *old, size_t n)
{
    void *p = realloc(old, n > 0 ? n : 1);
    blocks += p != NULL && old == NULL;
    return p;
}

static void
block_free(void *ctx, void *p)
{
    blocks -= p != NULL;
    free(p);
}

static void
use_malloc(void)
{
    PyMemAllocatorEx mine = {NULL, block_malloc, block_calloc, block_realloc, block_free};
    PyMem_SetAllocator(PYMEM_DOMAIN_MEM, &mine);
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &mine);
}

/* ---- start ---- */

static void
write_seed(const char *dir, Py_ssize_t i, int number, PyObject *bytes)
{
    char path[1000];
    snprintf(path, sizeof(path), "%s/%03zd", dir, i);
    FILE *f = fopen(path, "wb");
    if (f == NULL || fputc(number, f) == EOF ||
        fwrite(PyBytes_AS_STRING(bytes), 1, (size_t)PyBytes_GET_SIZE(bytes), f) !=
            (size_t)PyBytes_GET_SIZE(bytes) ||
        fclose(f) != 0)
        die("a seed cannot be written");
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const struct oro_host_ops none = {0};
    struct oro_err err = {0};
    char *descriptor = NULL, *report = NULL;
    use_malloc();
    if (oro_py_start(NULL, &err) != ORO_OK || oro_py_open(0, &none, &py, &err) != ORO_OK ||
        oro_py_load(py, ORO_FUZZ_TYPES, "types_to_fuzz", &descriptor, &report, &err) != ORO_OK)
        die(report != NULL ? report : err.text);
    oro_free(descriptor);
    targets = PySys_GetObject("fuzz_targets");
    seeds = PySys_GetObject("fuzz_seeds");
    PyObject *m = PyImport_ImportModule("_orochi");
    compile = m != NULL ? PyObject_GetAttrString(m, "compile") : NULL;
    if (targets == NULL || seeds == NULL || compile == NULL)
        die("py_types.py left nothing");
    const char *dir = getenv("ORO_FUZZ_SEEDS");
    for (Py_ssize_t i = 0; dir != NULL && i < PyList_GET_SIZE(seeds); i++) {
        PyObject *seed = PyList_GET_ITEM(seeds, i);
        write_seed(dir, i, (int)PyLong_AsLong(PyTuple_GET_ITEM(seed, 0)),
                   PyTuple_GET_ITEM(seed, 1));
    }
    return 0;
}

/* ---- types made of bytes ---- */

struct feed {
    const uint8_t *at, *end;
};

static unsigned
next(struct feed *f, unsigned n)
{
    return f->at < f->end ? *f->at++ % n : 0;
}

static PyObject *make_type(struct feed *f, unsigned depth);

static PyObject *
make_fields(struct feed *f, unsigned depth)
{
    unsigned n = next(f, 5);
    PyObject *fields = PyTuple_New(n);
    for (unsigned i = 0; fields != NULL && i < n; i++)
        PyTuple_SET_ITEM(
            fields, i,
            Py_BuildValue("(NN)", PyUnicode_FromFormat("f%u", i), make_type(f, depth + 1)));
    return fields;
}

static PyObject *
make_type(struct feed *f, unsigned depth)
{
    static const char *const leaves[] = {
        "bool",      "i8",   "u8",          "i16",           "u16",       "i32",      "u32",
        "i64",       "u64",  "i128",        "u128",          "i256",      "u256",     "f32",
        "f64",       "unit", "identity",    "connection_id", "timestamp", "duration", "datetime",
        "timedelta", "uuid", "schedule_at", "string",        "bytes",     "json"};
    static const char *const kinds[] = {"list", "tuple", "set", "frozenset"};
    const unsigned nleaves = ORO_ARRAY_LEN(leaves);
    unsigned which = next(f, depth < 5 ? nleaves + 8 : nleaves);
    if (which < nleaves)
        return Py_BuildValue("(s)", leaves[which]);
    PyObject *a, *b;
    switch (which - nleaves) {
    case 0:
    case 1:
        a = make_type(f, depth + 1);
        return Py_BuildValue("(sNs)", "array", a, kinds[next(f, 4)]);
    case 2:
        return Py_BuildValue("(sN)", "option", make_type(f, depth + 1));
    case 3:
        return Py_BuildValue("(sOsN)", "product", Py_None, "tuple", make_fields(f, depth));
    case 4:
        return Py_BuildValue("(sOsN)", "product", &PyDict_Type, "typeddict", make_fields(f, depth));
    case 5:
        a = make_type(f, depth + 1);
        b = make_type(f, depth + 1);
        return Py_BuildValue("(sNN)", "dict", a, b);
    case 6:
        a = make_type(f, depth + 1);
        b = make_type(f, depth + 1);
        return Py_BuildValue("(sNN)", "result", a, b);
    default:
        return Py_BuildValue("(s(sss))", "literal", "a", "b", "c");
    }
}

/* ---- one input ---- */

/* A refusal: is it one of ours? */
static void
refused(bool made_up)
{
    if (!PyErr_ExceptionMatches(py->codecs.e_decode) &&
        !(made_up && PyErr_ExceptionMatches(PyExc_TypeError)))
        die("refused with another exception than DecodeError");
    PyErr_Clear();
}

static void
accepted(PyObject *codec, PyObject *value, PyObject *bytes, bool exact)
{
    PyObject *again = PyObject_CallMethod(codec, "encode", "(O)", value);
    if (again == NULL)
        die("accepted, but cannot be encoded");
    if (exact && PyObject_RichCompareBool(bytes, again, Py_EQ) != 1)
        die("accepted, but encodes to other bytes");
    PyObject *copy = PyObject_CallMethod(codec, "decode", "(O)", again);
    PyObject *third = copy != NULL ? PyObject_CallMethod(codec, "encode", "(O)", copy) : NULL;
    if (third == NULL || PyObject_RichCompareBool(again, third, Py_EQ) != 1)
        die("what was written is not read as the same value");
    Py_DECREF(again);
    Py_DECREF(copy);
    Py_DECREF(third);
}

static void
convert(PyObject *codec, struct feed *f, bool exact, bool made_up)
{
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)f->at, f->end - f->at);
    PyObject *value = bytes != NULL ? PyObject_CallMethod(codec, "decode", "(O)", bytes) : NULL;
    if (value == NULL)
        refused(made_up);
    else
        accepted(codec, value, bytes, exact);
    Py_XDECREF(value);
    Py_XDECREF(bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct feed f = {data + 1, data + size};
    if (data[0] < MADE_UP) {
        PyObject *target = PyList_GET_ITEM(targets, data[0] % PyList_GET_SIZE(targets));
        convert(PyTuple_GET_ITEM(target, 0), &f, PyTuple_GET_ITEM(target, 1) == Py_True, false);
    } else {
        PyObject *spec = make_type(&f, 0),
                 *codec = spec != NULL ? PyObject_CallOneArg(compile, spec) : NULL;
        if (codec == NULL)
            die("a type cannot be compiled");
        convert(codec, &f, false, true);
        Py_DECREF(codec);
        Py_DECREF(spec);
    }
    if (++runs % BLOCKS_LOOK == 0) {
        if (runs == BLOCKS_LOOK)
            blocks_first = blocks;
        if (blocks > blocks_first + BLOCKS_MORE)
            die("memory grows");
    }
    return 0;
}

void
oro_fuzz_seeds(void (*run)(const uint8_t *data, size_t size))
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(seeds); i++) {
        PyObject *seed = PyList_GET_ITEM(seeds, i), *bytes = PyTuple_GET_ITEM(seed, 1);
        size_t n = (size_t)PyBytes_GET_SIZE(bytes);
        uint8_t *data = oro_alloc(n + 1);
        data[0] = (uint8_t)PyLong_AsLong(PyTuple_GET_ITEM(seed, 0));
        memcpy(data + 1, PyBytes_AS_STRING(bytes), n);
        run(data, n + 1);
        oro_free(data);
    }
}
