/* bridge/bsatn/type.c - building, sealing, comparing and printing types.
 *
 * A type is a tree whose Refs point into the typespace, so types may be recursive. Sealing makes the tree usable:
 *
 *   link   each Ref gets its target, with chains of Refs followed
 *   shape  fixed sizes, offsets and special shapes, depth first; a type met again inside itself is of variable size
 *   mins   smallest sizes, repeated until nothing changes, since a recursive type is bounded by its shortest variant
 */
#include "bridge/bsatn/type.h"

enum { NEW, LINKED, SHAPING, SHAPED };

/* How many types deep a chain through Refs may go while it is sealed: each costs two stack frames,
 * which under AddressSanitizer take about a kilobyte. */
#define MAX_CHAIN 4000

static const uint8_t scalar_size[ORO_KIND_COUNT] = {
    [ORO_BOOL] = 1,  [ORO_I8] = 1,    [ORO_U8] = 1,    [ORO_I16] = 2, [ORO_U16] = 2,
    [ORO_I32] = 4,   [ORO_U32] = 4,   [ORO_I64] = 8,   [ORO_U64] = 8, [ORO_I128] = 16,
    [ORO_U128] = 16, [ORO_I256] = 32, [ORO_U256] = 32, [ORO_F32] = 4, [ORO_F64] = 8,
};

const char *
oro_kind_name(enum oro_kind kind)
{
    static const char *const names[ORO_KIND_COUNT] = {
        "Ref", "Sum", "Product", "Array", "String", "Bool", "I8",   "U8",   "I16", "U16",
        "I32", "U32", "I64",     "U64",   "I128",   "U128", "I256", "U256", "F32", "F64",
    };
    return kind < ORO_KIND_COUNT ? names[kind] : "?";
}

void
oro_typespace_init(struct oro_typespace *ts)
{
    *ts = (struct oro_typespace){0};
    oro_arena_init(&ts->arena);
}

void
oro_typespace_fini(struct oro_typespace *ts)
{
    oro_arena_fini(&ts->arena);
    oro_free(ts->types);
    *ts = (struct oro_typespace){0};
}

static struct oro_type *
type_new(struct oro_typespace *ts, enum oro_kind kind)
{
    struct oro_type *t = oro_arena_alloc(&ts->arena, sizeof(*t));
    *t = (struct oro_type){
        .kind = kind, .min_size = UINT32_MAX, .fixed_size = ORO_VARIABLE, .depth = 1};
    return t;
}

struct oro_type *
oro_type_scalar(struct oro_typespace *ts, enum oro_kind kind)
{
    ORO_ASSERT(kind >= ORO_STRING && kind < ORO_KIND_COUNT);
    struct oro_type *t = type_new(ts, kind);
    t->state = SHAPED;
    if (kind == ORO_STRING) {
        t->min_size = 4;
    } else {
        t->min_size = t->fixed_size = scalar_size[kind];
        t->any_bits = kind != ORO_BOOL;
    }
    return t;
}

struct oro_type *
oro_type_ref(struct oro_typespace *ts, uint32_t index)
{
    struct oro_type *t = type_new(ts, ORO_REF);
    t->ref = index;
    return t;
}

static uint16_t
depth_above(uint16_t below)
{
    return below < UINT16_MAX ? below + 1 : below;
}

struct oro_type *
oro_type_array(struct oro_typespace *ts, const struct oro_type *elem)
{
    struct oro_type *t = type_new(ts, ORO_ARRAY);
    t->elem = elem;
    t->min_size = 4;
    t->depth = depth_above(elem->depth);
    return t;
}

static struct oro_type *
type_compound(struct oro_typespace *ts, enum oro_kind kind, const struct oro_elem *elems,
              uint32_t n)
{
    struct oro_type *t = type_new(ts, kind);
    t->nelems = n;
    t->elems = oro_arena_alloc(&ts->arena, (n > 0 ? n : 1) * sizeof(*elems));
    uint16_t deepest = 0;
    for (uint32_t i = 0; i < n; i++) {
        char *name = NULL;
        if (elems[i].name != NULL) {
            size_t len = strlen(elems[i].name) + 1;
            name = oro_arena_alloc(&ts->arena, len);
            memcpy(name, elems[i].name, len);
        }
        t->elems[i] = (struct oro_elem){.name = name, .type = elems[i].type};
        if (elems[i].type->depth > deepest)
            deepest = elems[i].type->depth;
    }
    t->depth = depth_above(deepest);
    return t;
}

struct oro_type *
oro_type_product(struct oro_typespace *ts, const struct oro_elem *elems, uint32_t n)
{
    struct oro_type *t = type_compound(ts, ORO_PRODUCT, elems, n);
    t->offsets = oro_arena_alloc(&ts->arena, (n > 0 ? n : 1) * sizeof(*t->offsets));
    return t;
}

struct oro_type *
oro_type_sum(struct oro_typespace *ts, const struct oro_elem *elems, uint32_t n)
{
    return type_compound(ts, ORO_SUM, elems, n);
}

uint32_t
oro_typespace_add(struct oro_typespace *ts, struct oro_type *t)
{
    ORO_ASSERT(!ts->sealed);
    ts->types = oro_grow(ts->types, ts->ntypes, &ts->cap, sizeof(*ts->types));
    ts->types[ts->ntypes] = t;
    return ts->ntypes++;
}

/* ---- sealing ---- */

/* Children were built by the functions above, in memory that we own: const is a promise to readers only. */
static struct oro_type *
own(const struct oro_type *t)
{
    return (struct oro_type *)(uintptr_t)t;
}

static oro_status
link_ref(struct oro_typespace *ts, struct oro_type *t, struct oro_err *err)
{
    const struct oro_type *at = t;
    for (uint32_t hops = 0; at->kind == ORO_REF; hops++) {
        if (at->ref >= ts->ntypes)
            return oro_err_set(err, ORO_EINVAL, "Type reference &%u out of bounds", at->ref);
        if (hops > ts->ntypes)
            return oro_err_set(err, ORO_EINVAL,
                               "Type reference &%u names only other references, in a circle",
                               t->ref);
        at = ts->types[at->ref];
    }
    t->target = at;
    return ORO_OK;
}

static oro_status
link_type(struct oro_typespace *ts, struct oro_type *t, struct oro_err *err)
{
    if (t->state != NEW)
        return ORO_OK;
    if (t->depth > ORO_MAX_DEPTH)
        return oro_err_set(err, ORO_EINVAL, "a type is nested more than %d deep", ORO_MAX_DEPTH);
    if (t->kind == ORO_SUM && t->nelems > 256)
        return oro_err_set(err, ORO_EINVAL, "a sum type has %u variants, at most 256 are possible",
                           t->nelems);
    t->state = LINKED;
    if (t->kind == ORO_REF)
        return link_ref(ts, t, err);
    if (t->kind == ORO_ARRAY)
        return link_type(ts, own(t->elem), err);
    oro_status st = ORO_OK;
    for (uint32_t i = 0; st == ORO_OK && i < t->nelems; i++)
        st = link_type(ts, own(t->elems[i].type), err);
    return st;
}

static bool
is_named(const struct oro_elem *e, const char *name)
{
    return e->name != NULL && strcmp(e->name, name) == 0;
}

static bool
is_unit(const struct oro_type *t)
{
    return t->kind == ORO_PRODUCT && t->nelems == 0;
}

/* One element of exactly this name and kind, in place and not through a Ref. */
static bool
is_wrapper(const struct oro_type *t, const char *name, enum oro_kind kind)
{
    return t->kind == ORO_PRODUCT && t->nelems == 1 && t->elems[0].type->kind == kind &&
           is_named(&t->elems[0], name);
}

static enum oro_special
product_special(const struct oro_type *t)
{
    static const struct {
        const char *name;
        enum oro_kind kind;
        enum oro_special special;
    } wrappers[] = {
        {"__identity__", ORO_U256, ORO_IDENTITY},
        {"__connection_id__", ORO_U128, ORO_CONNECTION_ID},
        {"__timestamp_micros_since_unix_epoch__", ORO_I64, ORO_TIMESTAMP},
        {"__time_duration_micros__", ORO_I64, ORO_TIME_DURATION},
        {"__uuid__", ORO_U128, ORO_UUID},
    };
    if (t->nelems == 0)
        return ORO_UNIT;
    for (size_t i = 0; i < ORO_ARRAY_LEN(wrappers); i++)
        if (is_wrapper(t, wrappers[i].name, wrappers[i].kind))
            return wrappers[i].special;
    return ORO_PLAIN;
}

static enum oro_special
sum_special(const struct oro_type *t)
{
    const struct oro_elem *e = t->elems;
    if (t->nelems == 2 && is_named(&e[0], "some") && is_named(&e[1], "none") && is_unit(e[1].type))
        return ORO_OPTION;
    if (t->nelems == 2 && is_named(&e[0], "ok") && is_named(&e[1], "err"))
        return ORO_RESULT;
    if (t->nelems == 2 && is_named(&e[0], "Interval") && is_named(&e[1], "Time") &&
        is_wrapper(e[0].type, "__time_duration_micros__", ORO_I64) &&
        is_wrapper(e[1].type, "__timestamp_micros_since_unix_epoch__", ORO_I64))
        return ORO_SCHEDULE_AT;
    for (uint32_t i = 0; i < t->nelems; i++)
        if (!is_unit(oro_type_resolve(e[i].type)))
            return ORO_PLAIN;
    return t->nelems > 0 ? ORO_ENUM : ORO_PLAIN;
}

static uint32_t
size_add(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static oro_status shape_type(struct oro_type *t, unsigned chain, struct oro_err *err);

static oro_status
shape_product(struct oro_type *t, unsigned chain, struct oro_err *err)
{
    uint32_t at = 0;
    bool any_bits = true;
    for (uint32_t i = 0; i < t->nelems; i++) {
        struct oro_type *e = own(t->elems[i].type);
        oro_status st = shape_type(e, chain, err);
        if (st != ORO_OK)
            return st;
        t->offsets[i] = at;
        at = size_add(at, e->fixed_size);
        any_bits = any_bits && e->any_bits;
    }
    t->fixed_size = at;
    t->any_bits = any_bits && at != ORO_VARIABLE;
    t->special = product_special(t);
    return ORO_OK;
}

static oro_status
shape_sum(struct oro_type *t, unsigned chain, struct oro_err *err)
{
    uint32_t size = ORO_VARIABLE;
    for (uint32_t i = 0; i < t->nelems; i++) {
        struct oro_type *e = own(t->elems[i].type);
        oro_status st = shape_type(e, chain, err);
        if (st != ORO_OK)
            return st;
        size = i == 0 || e->fixed_size == size ? e->fixed_size : ORO_VARIABLE;
        if (size == ORO_VARIABLE && i == 0)
            size = ORO_VARIABLE - 1; /* no later variant can agree with it */
    }
    t->fixed_size = size >= ORO_VARIABLE - 1 ? ORO_VARIABLE : size_add(size, 1);
    t->special = sum_special(t);
    return ORO_OK;
}

static oro_status
shape_ref(struct oro_type *t, unsigned chain, struct oro_err *err)
{
    oro_status st = shape_type(own(t->target), chain, err);
    if (st != ORO_OK)
        return st;
    t->fixed_size =
        t->target->fixed_size; /* ORO_VARIABLE while it is being shaped: it is recursive */
    t->any_bits = t->target->any_bits;
    return ORO_OK;
}

static oro_status
shape_type(struct oro_type *t, unsigned chain, struct oro_err *err)
{
    if (t->state >= SHAPING)
        return ORO_OK;
    if (chain >= MAX_CHAIN)
        return oro_err_set(err, ORO_EINVAL, "types refer to each other through more than %d others",
                           MAX_CHAIN);
    oro_status st = ORO_OK;
    t->state = SHAPING;
    switch (t->kind) {
    case ORO_REF:
        st = shape_ref(t, chain + 1, err);
        break;
    case ORO_PRODUCT:
        st = shape_product(t, chain + 1, err);
        break;
    case ORO_SUM:
        st = shape_sum(t, chain + 1, err);
        break;
    case ORO_ARRAY:
        st = shape_type(own(t->elem), chain + 1, err);
        t->special = oro_type_resolve(t->elem)->kind == ORO_U8 ? ORO_BYTES : ORO_PLAIN;
        break;
    default:
        break;
    }
    t->state = SHAPED;
    return st;
}

/* Brings min_size up to date with what is known of the targets; true if anything changed. */
static bool
lower_min(struct oro_type *t)
{
    uint32_t min = t->min_size;
    bool changed = false;
    switch (t->kind) {
    case ORO_REF:
        min = t->target->min_size;
        break;
    case ORO_ARRAY:
        changed = lower_min(own(t->elem));
        break;
    case ORO_PRODUCT:
        min = 0;
        for (uint32_t i = 0; i < t->nelems; i++) {
            changed |= lower_min(own(t->elems[i].type));
            min = size_add(min, t->elems[i].type->min_size);
        }
        break;
    case ORO_SUM:
        min = UINT32_MAX;
        for (uint32_t i = 0; i < t->nelems; i++) {
            changed |= lower_min(own(t->elems[i].type));
            uint32_t with = size_add(t->elems[i].type->min_size, 1);
            min = with < min ? with : min;
        }
        break;
    default:
        break;
    }
    changed |= min != t->min_size;
    t->min_size = min;
    return changed;
}

oro_status
oro_typespace_seal(struct oro_typespace *ts, struct oro_err *err)
{
    oro_status st = ORO_OK;
    for (uint32_t i = 0; st == ORO_OK && i < ts->ntypes; i++)
        st = link_type(ts, ts->types[i], err);
    for (uint32_t i = 0; st == ORO_OK && i < ts->ntypes; i++)
        st = shape_type(ts->types[i], 0, err);
    if (st != ORO_OK)
        return st;
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = 0; i < ts->ntypes; i++)
            changed |= lower_min(ts->types[i]);
    }
    ts->sealed = true;
    return ORO_OK;
}

oro_status
oro_type_seal(struct oro_typespace *ts, struct oro_type *t, struct oro_err *err)
{
    ORO_ASSERT(ts->sealed);
    oro_status st = link_type(ts, t, err);
    if (st == ORO_OK)
        st = shape_type(t, 0, err);
    if (st == ORO_OK)
        lower_min(t);
    return st;
}

/* ---- comparing ---- */

struct eq_pair {
    const struct oro_type *a, *b;
};

/* Pairs of Ref targets that are being compared or were found equal: meeting one again decides nothing new, since the
 * first difference anywhere ends the comparison. */
struct eq_seen {
    struct eq_pair *pairs;
    size_t n, cap;
};

static bool
eq_seen_add(struct eq_seen *seen, const struct oro_type *a, const struct oro_type *b)
{
    for (size_t i = 0; i < seen->n; i++)
        if (seen->pairs[i].a == a && seen->pairs[i].b == b)
            return false;
    seen->pairs = oro_grow(seen->pairs, seen->n, &seen->cap, sizeof(*seen->pairs));
    seen->pairs[seen->n++] = (struct eq_pair){a, b};
    return true;
}

static bool
eq_names(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool
eq_types(struct eq_seen *seen, const struct oro_type *a, const struct oro_type *b)
{
    bool through_ref = a->kind == ORO_REF || b->kind == ORO_REF;
    a = oro_type_resolve(a);
    b = oro_type_resolve(b);
    if (a == b)
        return true;
    if (a->kind != b->kind || a->nelems != b->nelems)
        return false;
    if (through_ref && !eq_seen_add(seen, a, b))
        return true;
    if (a->kind == ORO_ARRAY)
        return eq_types(seen, a->elem, b->elem);
    for (uint32_t i = 0; i < a->nelems; i++)
        if (!eq_names(a->elems[i].name, b->elems[i].name) ||
            !eq_types(seen, a->elems[i].type, b->elems[i].type))
            return false;
    return true;
}

bool
oro_type_eq(const struct oro_type *a, const struct oro_type *b)
{
    struct eq_seen seen = {0};
    bool eq = eq_types(&seen, a, b);
    oro_free(seen.pairs);
    return eq;
}

/* ---- printing ---- */

static void
put_str(struct oro_bb *out, const char *s)
{
    oro_bb_put(out, s, strlen(s));
}

static void
print_elems(const struct oro_type *t, const char *between, struct oro_bb *out)
{
    put_str(out, "(");
    for (uint32_t i = 0; i < t->nelems; i++) {
        if (i > 0)
            put_str(out, between);
        if (t->elems[i].name != NULL)
            oro_bb_printf(out, "%s: ", t->elems[i].name);
        else if (t->kind == ORO_PRODUCT)
            oro_bb_printf(out, "%u: ", i);
        oro_type_print(t->elems[i].type, out);
    }
    put_str(out, t->kind == ORO_SUM && t->nelems == 0 ? "|)" : ")");
}

void
oro_type_print(const struct oro_type *t, struct oro_bb *out)
{
    switch (t->kind) {
    case ORO_REF:
        oro_bb_printf(out, "&%u", t->ref);
        break;
    case ORO_SUM:
        print_elems(t, " | ", out);
        break;
    case ORO_PRODUCT:
        print_elems(t, ", ", out);
        break;
    case ORO_ARRAY:
        put_str(out, "Array<");
        oro_type_print(t->elem, out);
        put_str(out, ">");
        break;
    default:
        put_str(out, oro_kind_name(t->kind));
        break;
    }
}
