/* bridge/codec/codec.c - type specs (tuples made by orochi._schema) compiled to codecs, and what is known of a codec without a
 * value: sizes, order, whether its values can change. */
#include <math.h>

#include "bridge/codec/error.h"
#include "bridge/codec/inlined.h"
#include "bridge/codec/state.h"

static struct oro_codec *compile(struct oro_codecs *cs, PyObject *spec, unsigned depth);

static const struct scalar {
    const char *name;
    uint8_t op, width;
    bool is_signed;
} scalars[] = {
    {"bool", OP_BOOL, 1, false},
    {"i8", OP_I8, 1, true},
    {"u8", OP_U8, 1, false},
    {"i16", OP_I16, 2, true},
    {"u16", OP_U16, 2, false},
    {"i32", OP_I32, 4, true},
    {"u32", OP_U32, 4, false},
    {"i64", OP_I64, 8, true},
    {"u64", OP_U64, 8, false},
    {"i128", OP_BIG, 16, true},
    {"u128", OP_BIG, 16, false},
    {"i256", OP_BIG, 32, true},
    {"u256", OP_BIG, 32, false},
    {"f32", OP_F32, 4, false},
    {"f64", OP_F64, 8, false},
    {"unit", OP_UNIT, 0, false},
    {"identity", OP_IDENTITY, 32, false},
    {"connection_id", OP_CONNECTION_ID, 16, false},
    {"timestamp", OP_TIMESTAMP, 8, false},
    {"duration", OP_DURATION, 8, false},
    {"datetime", OP_DATETIME, 8, false},
    {"timedelta", OP_TIMEDELTA, 8, false},
    {"uuid", OP_UUID, 16, false},
    {"schedule_at", OP_SCHEDULE_AT, 9, false},
};

static int
bad_spec(PyObject *spec)
{
    if (!PyErr_Occurred())
        PyErr_Format(PyExc_TypeError, "not a type spec: %R", spec);
    return -1;
}

/* Keeps o alive as long as the interpreter; returns it borrowed. */
static PyObject *
keep(struct oro_codecs *cs, PyObject *o)
{
    if (o == NULL || PyList_Append(cs->program.keep, o) < 0)
        return NULL;
    return o;
}

static PyObject *
keep_name(struct oro_codecs *cs, PyObject *name)
{
    if (name == NULL || !PyUnicode_CheckExact(name)) {
        PyErr_SetString(PyExc_TypeError, "a type spec's name is not a str");
        return NULL;
    }
    Py_INCREF(name);
    PyUnicode_InternInPlace(&name);
    PyObject *kept = keep(cs, name);
    Py_DECREF(name);
    return kept;
}

static void
set_fixed(struct oro_codec *c, uint32_t n)
{
    c->min_size = c->fixed_size = n;
}

static PyObject *
item(PyObject *t, Py_ssize_t i)
{
    return PyTuple_Check(t) && i < PyTuple_GET_SIZE(t) ? PyTuple_GET_ITEM(t, i) : NULL;
}

/* Fields of fixed size that follow each other are checked for room at once. */
static void
find_runs(struct oro_codec *c)
{
    struct oro_cfield *head = NULL;
    for (uint32_t i = 0; i < c->n; i++) {
        uint32_t size = c->fields[i].codec->fixed_size;
        if (size == ORO_VARIABLE || c->fields[i].codec->op >= OP_ARRAY) {
            head = NULL;
            continue;
        }
        if (head == NULL)
            head = &c->fields[i];
        head->run += size;
    }
}

/* Sizes and immutability of a product from its fields. */
static void
sum_fields(struct oro_codec *c)
{
    uint64_t min = 0;
    bool fixed = true;
    for (uint32_t i = 0; i < c->n; i++) {
        min += c->fields[i].codec->min_size;
        fixed = fixed && c->fields[i].codec->fixed_size != ORO_VARIABLE;
        c->immutable = c->immutable && c->fields[i].codec->immutable;
        c->wild = c->wild || c->fields[i].codec->wild;
        c->fallible = c->fallible || c->fields[i].codec->fallible;
    }
    c->min_size = min > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t)min;
    c->fixed_size = fixed ? c->min_size : ORO_VARIABLE;
    find_runs(c);
}

/* Are all fields slots of the class? */
static bool
find_slots(struct oro_codec *c)
{
    for (uint32_t i = 0; i < c->n; i++) {
        PyObject *d = PyObject_GetAttr(c->cls, c->fields[i].name);
        const PyMemberDef *m = d != NULL && Py_TYPE(d) == &PyMemberDescr_Type
                                   ? ((PyMemberDescrObject *)d)->d_member
                                   : NULL;
        c->fields[i].slot = m != NULL && m->type == Py_T_OBJECT_EX && m->flags == 0 ? m->offset : 0;
        Py_XDECREF(d); /* the class keeps it */
        PyErr_Clear();
        if (c->fields[i].slot == 0)
            return false;
    }
    return c->n > 0;
}

/* Fields that the constructor does not take. */
static int
find_late(struct oro_codec *c, PyObject *fields)
{
    for (uint32_t i = 0; i < c->n; i++) {
        PyObject *f = PyDict_GetItemWithError(fields, c->fields[i].name);
        PyObject *init = f != NULL ? PyObject_GetAttrString(f, "init") : NULL;
        if (init == NULL && PyErr_Occurred())
            return -1;
        c->fields[i].late = init == Py_False;
        Py_XDECREF(init);
    }
    return 0;
}

/* May instances be made with __new__ and attributes set one by one? Only when the dataclass's own __init__ would do no more. */
static int
dataclass_traits(struct oro_codecs *cs, struct oro_codec *c)
{
    PyObject *params = NULL, *frozen = NULL, *fields = NULL, *init = NULL, *code = NULL,
             *file = NULL;
    int rc = -1;
    c->immutable = false;
    c->plain_new = false;
    params = PyObject_GetAttrString(c->cls, "__dataclass_params__");
    if (params == NULL) {
        PyErr_Clear();
        return 0;
    }
    frozen = PyObject_GetAttrString(params, "frozen");
    fields = PyObject_GetAttrString(c->cls, "__dataclass_fields__");
    if (frozen == NULL || fields == NULL)
        goto done;
    c->immutable = frozen == Py_True;
    rc = 0;
    if (PyDict_Check(fields) && find_late(c, fields) < 0)
        PyErr_Clear();
    if (PyObject_HasAttr(c->cls, cs->s_post_init) || !PyDict_Check(fields) ||
        PyDict_GET_SIZE(fields) != (Py_ssize_t)c->n)
        goto done;
    if (((PyTypeObject *)c->cls)->tp_new != PyBaseObject_Type.tp_new)
        goto done;
    init = PyObject_GetAttrString(c->cls, "__init__");
    code = init != NULL ? PyObject_GetAttrString(init, "__code__") : NULL;
    file = code != NULL ? PyObject_GetAttrString(code, "co_filename") : NULL;
    c->plain_new = file != NULL && PyUnicode_Check(file) &&
                   PyUnicode_CompareWithASCIIString(file, "<string>") == 0;
    PyErr_Clear();
    c->slotted = c->plain_new &&
                 !PyType_HasFeature((PyTypeObject *)c->cls, Py_TPFLAGS_IS_ABSTRACT) &&
                 find_slots(c);
    if (c->plain_new && !c->slotted)
        oro_inlined_find(cs, c);
done:
    Py_XDECREF(params);
    Py_XDECREF(frozen);
    Py_XDECREF(fields);
    Py_XDECREF(init);
    Py_XDECREF(code);
    Py_XDECREF(file);
    return rc;
}

/* ("product", cls, how, ((name, spec), ...)) */
static int
compile_product(struct oro_codecs *cs, struct oro_codec *c, PyObject *spec, unsigned depth)
{
    static const char *const hows[] = {"dataclass", "namedtuple", "typeddict", "tuple", "row"};
    PyObject *cls = item(spec, 1), *how = item(spec, 2), *fields = item(spec, 3);
    unsigned ncols = 0;
    if (cls == NULL || how == NULL || fields == NULL || !PyUnicode_Check(how) ||
        !PyTuple_Check(fields))
        return bad_spec(spec);
    c->op = OP_PRODUCT;
    for (c->how = 0; c->how < 5; c->how++)
        if (PyUnicode_CompareWithASCIIString(how, hows[c->how]) == 0)
            break;
    if (c->how == 5)
        return bad_spec(spec);
    c->cls = keep(cs, cls);
    if (c->cls == NULL)
        return -1;
    c->n = (uint32_t)PyTuple_GET_SIZE(fields);
    c->fields = oro_arena_alloc(&cs->program.arena, (c->n + 1) * sizeof(*c->fields));
    for (uint32_t i = 0; i < c->n; i++) {
        PyObject *f = PyTuple_GET_ITEM(fields, i);
        c->fields[i] = (struct oro_cfield){.name = keep_name(cs, item(f, 0))};
        if (c->fields[i].name == NULL || item(f, 1) == NULL)
            return bad_spec(spec);
        c->fields[i].codec = compile(cs, item(f, 1), depth + 1);
        if (c->fields[i].codec == NULL)
            return -1;
    }
    switch (c->how) {
    case HOW_DATACLASS:
        if (dataclass_traits(cs, c) < 0)
            return -1;
        break;
    case HOW_NAMEDTUPLE:
    case HOW_TUPLE:
        c->immutable = true;
        break;
    case HOW_ROW:
        if (cs->rows != NULL && PyType_Check(c->cls))
            c->rowclass = cs->rows->class_of(cs, (PyTypeObject *)c->cls, &ncols);
        break;
    }
    sum_fields(c);
    c->wild_inside = c->wild;
    /* Inlined values are set by us as long as the class stays as it is. */
    c->wild = c->wild || c->how == HOW_NAMEDTUPLE || (c->how == HOW_DATACLASS && !c->slotted) ||
              (c->how == HOW_ROW && c->rowclass == NULL);
    c->fallible = c->fallible || (c->how == HOW_DATACLASS && !c->plain_new) ||
                  (c->how == HOW_ROW && c->rowclass == NULL);
    if (c->rowclass != NULL && ncols != c->n) {
        PyErr_Format(PyExc_TypeError, "%R has %u columns, its spec has %u", cls, ncols, c->n);
        return -1;
    }
    return 0;
}

static int
compile_members(struct oro_codecs *cs, struct oro_codec *c, PyObject *spec, PyObject *members,
                uint8_t op)
{
    if (members == NULL || !PyTuple_Check(members) || PyTuple_GET_SIZE(members) == 0 ||
        PyTuple_GET_SIZE(members) > 256)
        return bad_spec(spec);
    c->op = op;
    c->n = (uint32_t)PyTuple_GET_SIZE(members);
    c->immutable = true;
    set_fixed(c, 1);
    c->members = oro_arena_alloc(&cs->program.arena, c->n * sizeof(*c->members));
    for (uint32_t i = 0; i < c->n; i++) {
        PyObject *m = PyTuple_GET_ITEM(members, i);
        c->members[i] = op == OP_LITERAL ? keep_name(cs, m) : keep(cs, m);
        if (c->members[i] == NULL)
            return -1;
    }
    return 0;
}

/* ("union", ((name, cls, spec or None, how), ...)) */
static int
compile_union(struct oro_codecs *cs, struct oro_codec *c, PyObject *spec, unsigned depth)
{
    PyObject *variants = item(spec, 1);
    if (variants == NULL || !PyTuple_Check(variants) || PyTuple_GET_SIZE(variants) > 256)
        return bad_spec(spec);
    c->op = OP_UNION;
    c->immutable = true;
    c->wild = true;
    c->n = (uint32_t)PyTuple_GET_SIZE(variants);
    c->fields = oro_arena_alloc(&cs->program.arena, (c->n + 1) * sizeof(*c->fields));
    uint32_t least = c->n > 0 ? UINT32_MAX : 0;
    bool same = c->n > 0;
    for (uint32_t i = 0; i < c->n; i++) {
        PyObject *v = PyTuple_GET_ITEM(variants, i), *payload = item(v, 2);
        c->fields[i] =
            (struct oro_cfield){.name = keep_name(cs, item(v, 0)), .cls = keep(cs, item(v, 1))};
        if (payload == NULL || c->fields[i].name == NULL || c->fields[i].cls == NULL)
            return bad_spec(spec);
        uint32_t fixed = 0, min = 0;
        if (payload != Py_None) {
            const struct oro_codec *p = compile(cs, payload, depth + 1);
            if (p == NULL)
                return -1;
            c->fields[i].codec = p;
            c->immutable = c->immutable && p->immutable;
            c->fallible = c->fallible || p->fallible;
            fixed = p->fixed_size;
            min = p->min_size;
        } else {
            struct oro_codec made = {.cls = c->fields[i].cls};
            if (dataclass_traits(cs, &made) < 0)
                return -1;
            c->fallible = c->fallible || !made.plain_new;
        }
        least = min < least ? min : least;
        same = same && fixed != ORO_VARIABLE && (i == 0 || fixed + 1 == c->fixed_size);
        c->fixed_size = fixed == ORO_VARIABLE ? ORO_VARIABLE : fixed + 1;
    }
    c->min_size = least + 1;
    if (!same)
        c->fixed_size = ORO_VARIABLE;
    return 0;
}

static int
compile_array(struct oro_codecs *cs, struct oro_codec *c, PyObject *spec, unsigned depth)
{
    static const char *const kinds[] = {"list", "tuple", "set", "frozenset"};
    PyObject *kind = item(spec, 2);
    c->op = OP_ARRAY;
    if (kind == NULL || !PyUnicode_Check(kind))
        return bad_spec(spec);
    for (c->kind = 0; c->kind < 4; c->kind++)
        if (PyUnicode_CompareWithASCIIString(kind, kinds[c->kind]) == 0)
            break;
    if (c->kind == 4)
        return bad_spec(spec);
    c->elem = compile(cs, item(spec, 1), depth + 1);
    if (c->elem == NULL)
        return -1;
    c->min_size = 4;
    c->fixed_size = ORO_VARIABLE;
    c->immutable = (c->kind == ARRAY_TUPLE || c->kind == ARRAY_FROZENSET) && c->elem->immutable;
    c->wild = c->kind == ARRAY_SET || c->kind == ARRAY_FROZENSET || c->elem->wild;
    c->fallible = c->elem->fallible;
    return 0;
}

static int
compile_named(struct oro_codecs *cs, struct oro_codec *c, PyObject *spec)
{
    PyObject *n = item(spec, 1);
    long i = n != NULL ? PyLong_AsLong(n) : -1;
    if (i < 0 || (unsigned long)i >= cs->program.nnamed)
        return bad_spec(spec);
    /* The target may not be compiled yet, so its size is not known here; a value of a recursive type takes a byte at least
     * (the tag or count that ends the recursion). */
    c->op = OP_REF;
    c->elem = cs->program.named[i];
    c->min_size = 1;
    c->fixed_size = ORO_VARIABLE;
    c->immutable = false;
    c->wild = c->fallible = true; /* not known yet */
    return 0;
}

static int
compile_two(struct oro_codecs *cs, struct oro_codec *c, PyObject *spec, unsigned depth, uint8_t op)
{
    c->op = op;
    c->elem = compile(cs, item(spec, 1), depth + 1);
    c->elem2 = c->elem != NULL ? compile(cs, item(spec, 2), depth + 1) : NULL;
    if (c->elem2 == NULL)
        return -1;
    c->min_size = op == OP_DICT ? 4
                                : 1 + (c->elem->min_size < c->elem2->min_size ? c->elem->min_size
                                                                              : c->elem2->min_size);
    c->fixed_size = ORO_VARIABLE;
    c->immutable = op == OP_RESULT && c->elem->immutable && c->elem2->immutable;
    c->wild = true;
    c->fallible = c->elem->fallible || c->elem2->fallible;
    return 0;
}

static int
compile_checked(struct oro_codecs *cs, struct oro_codec *c, PyObject *spec, unsigned depth)
{
    c->op = OP_CHECKED;
    c->elem = compile(cs, item(spec, 1), depth + 1);
    if (c->elem == NULL)
        return -1;
    c->checker = keep(cs, item(spec, 2));
    if (c->checker == NULL)
        return bad_spec(spec);
    c->min_size = c->elem->min_size;
    c->fixed_size = c->elem->fixed_size;
    c->immutable = c->elem->immutable;
    c->wild = true;
    c->fallible = c->elem->fallible;
    return 0;
}

static int
compile_scalar(struct oro_codec *c, const struct scalar *scalar)
{
    c->op = scalar->op;
    c->width = scalar->width;
    c->is_signed = scalar->is_signed;
    c->immutable = true;
    c->wild = c->op == OP_TIMESTAMP || c->op == OP_DURATION || c->op == OP_DATETIME ||
              c->op == OP_TIMEDELTA || c->op == OP_UUID || c->op == OP_SCHEDULE_AT;
    set_fixed(c, scalar->width);
    return 0;
}

static int
compile_counted(struct oro_codec *c, enum oro_op op)
{
    c->op = op;
    c->immutable = op != OP_JSON;
    c->wild = op == OP_JSON;
    c->min_size = 4;
    c->fixed_size = ORO_VARIABLE;
    return 0;
}

static int
compile_option(struct oro_codecs *cs, struct oro_codec *c, PyObject *spec, unsigned depth)
{
    c->op = OP_OPTION;
    c->elem = compile(cs, item(spec, 1), depth + 1);
    if (c->elem == NULL)
        return -1;
    c->min_size = 1;
    c->fixed_size = c->elem->fixed_size == 0 ? 1 : ORO_VARIABLE;
    c->immutable = c->elem->immutable;
    c->wild = c->elem->wild;
    c->fallible = c->elem->fallible;
    return 0;
}

static int
compile_enum(struct oro_codecs *cs, struct oro_codec *c, PyObject *spec)
{
    c->cls = keep(cs, item(spec, 1));
    return c->cls == NULL ? bad_spec(spec) : compile_members(cs, c, spec, item(spec, 2), OP_ENUM);
}

static int
compile_into(struct oro_codecs *cs, struct oro_codec *c, PyObject *spec, unsigned depth)
{
    PyObject *head = spec != NULL ? item(spec, 0) : NULL;
    if (head == NULL || !PyUnicode_Check(head))
        return bad_spec(spec != NULL ? spec : Py_None);
    const char *name = PyUnicode_AsUTF8(head);
    if (name == NULL)
        return -1;
    for (size_t i = 0; i < ORO_ARRAY_LEN(scalars); i++)
        if (strcmp(name, scalars[i].name) == 0)
            return compile_scalar(c, &scalars[i]);
    if (strcmp(name, "string") == 0)
        return compile_counted(c, OP_STRING);
    if (strcmp(name, "bytes") == 0)
        return compile_counted(c, OP_BYTES);
    if (strcmp(name, "json") == 0)
        return compile_counted(c, OP_JSON);
    if (strcmp(name, "array") == 0)
        return compile_array(cs, c, spec, depth);
    if (strcmp(name, "option") == 0)
        return compile_option(cs, c, spec, depth);
    if (strcmp(name, "product") == 0)
        return compile_product(cs, c, spec, depth);
    if (strcmp(name, "enum") == 0)
        return compile_enum(cs, c, spec);
    if (strcmp(name, "literal") == 0)
        return compile_members(cs, c, spec, item(spec, 1), OP_LITERAL);
    if (strcmp(name, "union") == 0)
        return compile_union(cs, c, spec, depth);
    if (strcmp(name, "dict") == 0)
        return compile_two(cs, c, spec, depth, OP_DICT);
    if (strcmp(name, "result") == 0)
        return compile_two(cs, c, spec, depth, OP_RESULT);
    if (strcmp(name, "checked") == 0)
        return compile_checked(cs, c, spec, depth);
    if (strcmp(name, "named") == 0)
        return compile_named(cs, c, spec);
    return bad_spec(spec);
}

static struct oro_codec *
compile(struct oro_codecs *cs, PyObject *spec, unsigned depth)
{
    if (depth > ORO_MAX_DEPTH) {
        PyErr_SetString(PyExc_ValueError, "a type is nested too deeply");
        return NULL;
    }
    struct oro_codec *c = oro_arena_alloc(&cs->program.arena, sizeof(*c));
    *c = (struct oro_codec){0};
    return compile_into(cs, c, spec, depth) < 0 ? NULL : c;
}

const struct oro_codec *
oro_codec_compile(struct oro_codecs *cs, PyObject *spec)
{
    return compile(cs, spec, 1);
}

int
oro_codec_compile_named(struct oro_codecs *cs, PyObject *specs)
{
    if (!PyList_Check(specs)) {
        PyErr_SetString(PyExc_TypeError, "\"types\" is not a list");
        return -1;
    }
    cs->program.nnamed = (unsigned)PyList_GET_SIZE(specs);
    cs->program.named =
        oro_arena_alloc(&cs->program.arena, (cs->program.nnamed + 1) * sizeof(*cs->program.named));
    for (unsigned i = 0; i < cs->program.nnamed; i++) {
        cs->program.named[i] = oro_arena_alloc(&cs->program.arena, sizeof(**cs->program.named));
        *cs->program.named[i] = (struct oro_codec){0};
    }
    for (unsigned i = 0; i < cs->program.nnamed; i++)
        if (compile_into(cs, cs->program.named[i], PyList_GET_ITEM(specs, i), 1) < 0)
            return -1;
    return 0;
}

const struct oro_codec *
oro_codec_bare(const struct oro_codec *c)
{
    while (c->op == OP_CHECKED || c->op == OP_REF)
        c = c->elem;
    return c;
}

static void
union_name(const struct oro_codec *c, char *out, size_t size)
{
    size_t n = 0;
    out[0] = 0;
    for (uint32_t i = 0; i < c->n && n < size; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%s", i > 0 ? " | " : "",
                              oro_pyclass_name(c->fields[i].cls));
}

void
oro_codec_name(const struct oro_codec *c, char *out, size_t size)
{
    static const char *const kinds[] = {"list", "tuple", "set", "frozenset"};
    const char *name = "value";
    c = oro_codec_bare(c);
    for (size_t i = 0; i < ORO_ARRAY_LEN(scalars); i++)
        if (scalars[i].op == c->op && scalars[i].width == c->width &&
            scalars[i].is_signed == c->is_signed)
            name = scalars[i].name;
    switch ((enum oro_op)c->op) {
    case OP_STRING:
    case OP_LITERAL:
        name = "str";
        break;
    case OP_BYTES:
        name = "bytes";
        break;
    case OP_UNIT:
        name = "None";
        break;
    case OP_ARRAY:
        name = kinds[c->kind];
        break;
    case OP_PRODUCT:
    case OP_ENUM:
        name = oro_pyclass_name(c->cls);
        break;
    case OP_UNION:
        union_name(c, out, size);
        return;
    case OP_OPTION:
        oro_codec_name(c->elem, out, size - 7);
        strcat(out, " | None");
        return;
    case OP_DICT:
        name = "dict";
        break;
    case OP_RESULT:
        name = "Ok | Err";
        break;
    case OP_JSON:
        name = "dynamic value";
        break;
    default:
        break;
    }
    snprintf(out, size, "%s", name);
}
