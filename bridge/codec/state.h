/* bridge/codec/state.h - what conversions remember: one struct oro_codecs for each interpreter. Whoever owns it, a worker's
 * interpreter or a module of its own, embeds it or allocates it, begins it with init and types, and points the module's state
 * at it (module.h). */
#ifndef ORO_CODEC_STATE_H
#define ORO_CODEC_STATE_H

#include "bridge/codec/cerr.h"
#include "bridge/codec/tally.h"
#include "runtime/base/mem.h"

/* What was compiled together, and lives together. */
struct oro_codec_program {
    struct oro_arena arena;
    PyObject *keep;           /* owned list: what codecs borrow */
    struct oro_codec **named; /* codecs of ("named", n) */
    unsigned nnamed;
};

/* How a room above makes and reads rows of its own layout. All run with the GIL, and fail as decode and encode do. */
struct oro_row_hooks {
    /* The description of a class, or NULL if it is no row class; *ncols. */
    struct oro_rowclass *(*class_of)(struct oro_codecs *cs, PyTypeObject *type, unsigned *ncols);
    PyObject *(*make)(struct oro_rowclass *rc);         /* new reference: a row without values */
    int (*set)(PyObject *row, unsigned i, PyObject *v); /* borrows v */
    int (*encode)(struct oro_rowclass *rc, PyObject *row, struct oro_bb *out, unsigned depth);
};
/* What encode says beside 0 and -1: the class has no columns yet, its instances are written by their attributes; the object is
 * no row of it, whatever its __class__ says. */
enum { ORO_ROW_UNBOUND = 1, ORO_ROW_OTHER };

#define ORO_CODEC_COUNTERS(X) \
    X(decodes)                \
    X(encodes)                \
    X(bytes_in)               \
    X(bytes_out)              \
    X(errors)
/* Of dynamic values, and of many values made in one go. */
#define ORO_SHAPE_COUNTERS(X) \
    X(shape_hits)             \
    X(shape_misses)           \
    X(shape_evictions)        \
    X(shape_expirations)      \
    X(shapes)                 \
    X(batches)                \
    X(batch_items)

/* Owned; visited and cleared with the module. */
#define ORO_CODEC_OBJECTS(X) \
    X(t_codec)               \
    X(t_identity)            \
    X(t_connid)              \
    X(Timestamp)             \
    X(TimeDuration)          \
    X(ScheduleAt)            \
    X(UUID)                  \
    X(Ok)                    \
    X(Err)                   \
    X(e_orochi)              \
    X(e_encode)              \
    X(e_decode)              \
    X(json_dump)             \
    X(json_revive)           \
    X(datetime_to_us)        \
    X(us_to_datetime)        \
    X(timedelta_to_us)       \
    X(us_to_timedelta)       \
    X(format_exception)      \
    X(describe_error)        \
    X(s_int)                 \
    X(s_value)               \
    X(s_is_interval)         \
    X(s_post_init)           \
    X(empty_tuple)

struct oro_codecs {
    struct oro_codec_program program; /* into which the next codec is compiled */
    const struct oro_row_hooks
        *rows;                 /* NULL: instances of row classes are read by their attributes */
    void *rows_owner;          /* what the hooks go by */
    bool (*fits)(size_t more); /* may so many bytes more be taken? NULL: always */
    char *root; /* owned, or NULL: folder of the author's files, which tracebacks show */

    struct oro_bb bb[3]; /* scratch; see oro_bb_take */
    struct oro_cerr cerr;
    /* Elements without bytes that the value may still have which is being decoded, or encoded. */
    uint32_t units, units_out;
    uint64_t promised;           /* bytes that the open lists' further elements take at least */
    struct oro_dynamic *dynamic; /* shapes and keys of dynamic values; NULL until there is one */
    unsigned max_shapes;
    int64_t ttl_us;   /* of a shape that is not used; 0: for ever */
    int64_t now_us;   /* the clock that is meant; 0: there is none */
    bool batches;     /* many values are made in one go */
    uint64_t npinned; /* codecs of what is bound for long: the pinned part of the type cache */
    struct oro_tally_clock clock;

#define ORO_FIELD(name) _Atomic uint64_t n_##name;
    ORO_CODEC_COUNTERS(ORO_FIELD)
    ORO_SHAPE_COUNTERS(ORO_FIELD)
#undef ORO_FIELD
#define ORO_FIELD(name) PyObject *name;
    ORO_CODEC_OBJECTS(ORO_FIELD)
#undef ORO_FIELD
};

/* Counts in a room's state. Written by the interpreter's thread alone. */
#define ORO_COUNT(state, field, by) ORO_BUMP((state)->n_##field, by)

/* Zeroed memory in. No Python code runs. */
void oro_codecs_init(struct oro_codecs *cs);
/* The types, constants and functions of the room, added to the module. -1 with an exception. */
int oro_codecs_types(struct oro_codecs *cs, PyObject *module);
/* What conversions need of the package `orochi`, which imports the module itself: once it is whole. -1 with an exception. */
int oro_codecs_import(struct oro_codecs *cs);
int oro_codecs_traverse(struct oro_codecs *cs, visitproc visit, void *arg);
void oro_codecs_clear(struct oro_codecs *cs); /* objects only */
void oro_codecs_fini(struct oro_codecs *cs);  /* memory, after clear; the interpreter may be gone */

/* Names of modules, for the states of all rooms. */
struct oro_wanted {
    const char *module, *name;
    PyObject **to; /* new reference */
};
int oro_import_names(const struct oro_wanted *wanted, size_t n);

static inline void
oro_program_init(struct oro_codec_program *p) /* without a keep list */
{
    *p = (struct oro_codec_program){0};
    oro_arena_init(&p->arena);
}

/* A scratch builder is taken out while used, so that Python code which runs in between (a checker, __index__) and comes back
 * to us finds an empty one instead of ours. */
static inline struct oro_bb
oro_bb_take(struct oro_codecs *cs, int which)
{
    struct oro_bb b = cs->bb[which];
    cs->bb[which] = (struct oro_bb){0};
    b.len = 0;
    return b;
}

static inline void
oro_bb_give(struct oro_codecs *cs, int which, struct oro_bb *b)
{
    if (cs->bb[which].data == NULL && b->cap <= 1u << 20)
        cs->bb[which] = *b;
    else
        oro_bb_fini(b);
}

#endif
