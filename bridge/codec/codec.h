/* bridge/codec/codec.h - one type as a program that reads and writes its values: made of a spec once, run for each value.
 *
 * The room knows BSATN and Python, and no interpreter, table or worker of ours: all that it remembers is a struct oro_codecs
 * (state.h). Everything belongs to one interpreter and is touched only by the thread that holds its GIL. */
#ifndef ORO_CODEC_CODEC_H
#define ORO_CODEC_CODEC_H

#include "bridge/bsatn/reader.h"
#include "bridge/bsatn/type.h" // ORO_VARIABLE, ORO_MAX_DEPTH
#include "bridge/codec/python.h"
#include "runtime/base/buf.h"

enum oro_op {
    OP_BOOL,
    OP_I8,
    OP_U8,
    OP_I16,
    OP_U16,
    OP_I32,
    OP_U32,
    OP_I64,
    OP_U64,
    OP_BIG, /* 128 and 256 bits */
    OP_F32,
    OP_F64,
    OP_STRING,
    OP_BYTES,
    OP_UNIT,
    OP_ARRAY,
    OP_OPTION,
    OP_PRODUCT,
    OP_ENUM,
    OP_LITERAL,
    OP_UNION,
    OP_IDENTITY,
    OP_CONNECTION_ID,
    OP_TIMESTAMP,
    OP_DURATION,
    OP_DATETIME,
    OP_TIMEDELTA,
    OP_UUID,
    OP_SCHEDULE_AT,
    OP_JSON,
    OP_DICT,
    OP_RESULT,
    OP_CHECKED,
    OP_REF,
};

enum oro_how { HOW_DATACLASS, HOW_NAMEDTUPLE, HOW_TYPEDDICT, HOW_TUPLE, HOW_ROW };
enum oro_array_kind { ARRAY_LIST, ARRAY_TUPLE, ARRAY_SET, ARRAY_FROZENSET };

struct oro_codec;
struct oro_codecs;
struct oro_rowclass; /* of a room above: opaque here */

struct oro_cfield {
    PyObject *name;                /* borrowed from the keep list; interned */
    bool late;                     /* field(init=False): set after the constructor has run */
    PyObject *cls;                 /* unions: class of the variant */
    const struct oro_codec *codec; /* unions: NULL for a variant without payload */
    Py_ssize_t
        slot; /* slotted classes: where the object keeps the field; inlined ones: number of the value */
    uint32_t
        run; /* bytes of the fields of fixed size that begin here; 0 inside such a run, and elsewhere */
};

/* Lives in its program's arena (state.h), whose keep list keeps the objects alive that it names. */
struct oro_codec {
    uint8_t op, how, kind;
    uint8_t width; /* OP_BIG: bytes */
    bool is_signed;
    bool
        immutable; /* values cannot change behind our back: an untouched column need not be encoded again */
    /* Reading a value runs Python code (constructors, checks, __hash__, what the collector finds then): the bytes that are read
     * and what is half made are kept out of its reach. */
    bool wild, wild_inside; /* inside: reading a field of a product does */
    bool fallible;          /* a constructor of the author's may refuse what was written */
    bool plain_new;         /* HOW_DATACLASS: may be built without calling __init__ */
    bool slotted;           /* and all its fields are slots, which are read and written directly */
    struct oro_inlined *inlined; /* or all are inline values; NULL: they are not */
    uint32_t min_size;
    uint32_t fixed_size; /* or ORO_VARIABLE */
    uint32_t n;
    const struct oro_codec *elem,
        *elem2; /* array, option, checked, ref; dict: key and value; result: ok and err */
    struct oro_cfield *fields;     /* products, unions */
    PyObject **members;            /* enums, literals: borrowed */
    PyObject *cls;                 /* products, enums: borrowed */
    PyObject *checker;             /* borrowed */
    struct oro_rowclass *rowclass; /* HOW_ROW, when somebody makes rows of it (row_hooks.h) */
};

/* Values with parts, which count as a level of nesting. */
static inline bool
oro_codec_nests(const struct oro_codec *c)
{
    const uint64_t nests = 1ull << OP_ARRAY | 1ull << OP_OPTION | 1ull << OP_PRODUCT |
                           1ull << OP_UNION | 1ull << OP_DICT | 1ull << OP_RESULT |
                           1ull << OP_CHECKED | 1ull << OP_REF;
    return (nests >> c->op & 1) != 0;
}

/* spec (contract of orochi._schema) to codec. Lives as long as the program that is being
 * compiled. NULL with an exception set. */
const struct oro_codec *oro_codec_compile(struct oro_codecs *cs, PyObject *spec);
/* Compiles what ("named", n) refers to; before anything that refers. */
int oro_codec_compile_named(struct oro_codecs *cs, PyObject *specs);
/* New reference, or NULL: cs->cerr or an exception says why. Strict; the reader may stand anywhere in a buffer. */
PyObject *oro_codec_decode(struct oro_codecs *cs, const struct oro_codec *c, struct oro_reader *r,
                           unsigned depth);
/* Appends to out; -1 like decode. */
int oro_codec_encode(struct oro_codecs *cs, const struct oro_codec *c, PyObject *v,
                     struct oro_bb *out, unsigned depth);
/* Microseconds that a datetime has a name for; the refusal of others: -1. */
bool oro_datetime_shows(int64_t us);
int oro_datetime_refuse(struct oro_codecs *cs, int64_t us);
/* Before n values are made. Stops the collector if they are many; true: PyGC_Enable() afterwards. */
bool oro_batch_begin(struct oro_codecs *cs, Py_ssize_t n);
/* Advances over one value of trusted bytes, checking bounds only. */
int oro_codec_skip(const struct oro_codec *c, struct oro_reader *r);
/* SATS order of two encoded values. */
int oro_codec_cmp(const struct oro_codec *c, struct oro_reader *a, struct oro_reader *b);
const struct oro_codec *oro_codec_bare(
    const struct oro_codec *c); /* checks and references taken off */

bool oro_codec_has_floats(const struct oro_codec *c); /* all named types are compiled */
/* "u32", "Vec2", "list": what a codec takes. */
void oro_codec_name(const struct oro_codec *c, char *out, size_t size);

#endif
