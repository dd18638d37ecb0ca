#include "tests/subs/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct oro_type *
wrapper(struct oro_typespace *ts, const char *field, enum oro_kind kind)
{
    struct oro_elem e = {field, oro_type_scalar(ts, kind)};
    return oro_type_product(ts, &e, 1);
}

static struct oro_type *
unit(struct oro_typespace *ts)
{
    return oro_type_product(ts, NULL, 0);
}

static struct oro_type *
option(struct oro_typespace *ts, enum oro_kind kind)
{
    struct oro_elem e[2] = {{"some", oro_type_scalar(ts, kind)}, {"none", unit(ts)}};
    return oro_type_sum(ts, e, 2);
}

static const char *const scalar_names[ORO_KIND_COUNT] = {
    [ORO_STRING] = "string", [ORO_BOOL] = "bool", [ORO_I8] = "i8",     [ORO_U8] = "u8",
    [ORO_I16] = "i16",       [ORO_U16] = "u16",   [ORO_I32] = "i32",   [ORO_U32] = "u32",
    [ORO_I64] = "i64",       [ORO_U64] = "u64",   [ORO_I128] = "i128", [ORO_U128] = "u128",
    [ORO_I256] = "i256",     [ORO_U256] = "u256", [ORO_F32] = "f32",   [ORO_F64] = "f64",
};

static struct oro_type *
named_type(struct oro_typespace *ts, const char *name)
{
    for (int k = ORO_STRING; k < ORO_KIND_COUNT; k++)
        if (strcmp(scalar_names[k], name) == 0)
            return oro_type_scalar(ts, (enum oro_kind)k);
    static const struct {
        const char *name, *field;
        enum oro_kind kind;
    } wrappers[] = {
        {"identity", "__identity__", ORO_U256},
        {"conn", "__connection_id__", ORO_U128},
        {"time", "__timestamp_micros_since_unix_epoch__", ORO_I64},
        {"span", "__time_duration_micros__", ORO_I64},
        {"uuid", "__uuid__", ORO_U128},
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(wrappers); i++)
        if (strcmp(wrappers[i].name, name) == 0)
            return wrapper(ts, wrappers[i].field, wrappers[i].kind);
    if (strcmp(name, "bytes") == 0)
        return oro_type_array(ts, oro_type_scalar(ts, ORO_U8));
    if (strcmp(name, "list_u16") == 0)
        return oro_type_array(ts, oro_type_scalar(ts, ORO_U16));
    if (strcmp(name, "opt_u32") == 0)
        return option(ts, ORO_U32);
    if (strcmp(name, "opt_string") == 0)
        return option(ts, ORO_STRING);
    if (strcmp(name, "color") == 0 || strcmp(name, "color3") == 0) {
        struct oro_elem e[3] = {{"Red", unit(ts)}, {"Green", unit(ts)}, {"Blue", unit(ts)}};
        return oro_type_sum(ts, e, name[5] == '3' ? 3 : 2);
    }
    if (strcmp(name, "at") == 0) {
        struct oro_elem e[2] = {{"Interval", named_type(ts, "span")},
                                {"Time", named_type(ts, "time")}};
        return oro_type_sum(ts, e, 2);
    }
    ORO_ASSERT(strcmp(name, "pair") == 0);
    struct oro_elem e[2] = {{"x", oro_type_scalar(ts, ORO_U8)},
                            {"y", oro_type_scalar(ts, ORO_STRING)}};
    return oro_type_product(ts, e, 2);
}

static char *
text(struct oro_schema *s, const char *a, const char *b, const char *c)
{
    size_t n = strlen(a) + strlen(b) + strlen(c) + 1;
    char *p = oro_arena_alloc(&s->types.arena, n);
    snprintf(p, n, "%s%s%s", a, b, c);
    return p;
}

static void
add_index(struct oro_schema *s, struct oro_table_def *t, enum oro_index_kind kind, bool unique,
          const uint16_t *cols, uint16_t n)
{
    struct oro_index_def *ix = &t->indexes[t->nindexes];
    uint16_t *copy = oro_arena_alloc(&s->types.arena, n * sizeof(*copy));
    memcpy(copy, cols, n * sizeof(*copy));
    char number[16];
    snprintf(number, sizeof(number), "%u", t->nindexes);
    *ix = (struct oro_index_def){.name = text(s, t->name, "_idx_", number),
                                 .kind = kind,
                                 .cols = copy,
                                 .ncols = n,
                                 .unique = unique,
                                 .slot = t->nindexes};
    t->nindexes++;
}

static void
add_default(struct oro_schema *s, struct oro_table_def *t, uint16_t col,
            const struct oro_type *type, const char *value)
{
    uint64_t v = strtoull(value, NULL, 10);
    size_t n = type->kind == ORO_STRING ? 4 : oro_type_resolve(type)->kind == ORO_BOOL ? 1 : 8;
    if (type->kind == ORO_U32 || type->kind == ORO_I32)
        n = 4;
    uint8_t *p = oro_arena_alloc(&s->types.arena, 8);
    memcpy(p, &v, 8);
    t->defaults[t->ndefaults++] = (struct oro_column_default){col, oro_bytes(p, n)};
}

static void
read_column(struct oro_schema *s, struct oro_table_def *t, struct oro_elem *e, uint16_t col,
            char *word)
{
    char *save = NULL;
    e->name = text(s, strtok_r(word, ":", &save), "", "");
    e->type = named_type(&s->types, strtok_r(NULL, ":", &save));
    for (char *flag; (flag = strtok_r(NULL, ":", &save)) != NULL;) {
        if (strcmp(flag, "pk") == 0)
            t->pk = col;
        if (strcmp(flag, "pk") == 0 || strcmp(flag, "unique") == 0)
            add_index(s, t, ORO_INDEX_BTREE, true, &col, 1);
        else if (strcmp(flag, "idx") == 0)
            add_index(s, t, ORO_INDEX_BTREE, false, &col, 1);
        else if (strcmp(flag, "hash") == 0)
            add_index(s, t, ORO_INDEX_HASH, false, &col, 1);
        else if (strcmp(flag, "auto") == 0)
            t->sequences[t->nsequences++] =
                (struct oro_sequence_def){text(s, t->name, "_", e->name), col};
        else if (flag[0] == '=')
            add_default(s, t, col, e->type, flag + 1);
    }
}

static void
read_index(struct oro_schema *s, struct oro_table_def *t, const struct oro_elem *elems, uint16_t n,
           char *word)
{
    uint16_t cols[8], ncols = 0;
    char *save = NULL;
    strtok_r(word, "(,)", &save);
    for (char *name; (name = strtok_r(NULL, "(,)", &save)) != NULL;)
        for (uint16_t i = 0; i < n; i++)
            if (strcmp(elems[i].name, name) == 0)
                cols[ncols++] = i;
    add_index(s, t, ORO_INDEX_BTREE, false, cols, ncols);
}

static void
read_table(struct oro_schema *s, struct oro_table_def *t, uint32_t pos, const char *line)
{
    char *copy = oro_strdup(line), *save = NULL;
    struct oro_elem elems[32];
    uint16_t n = 0;
    *t = (struct oro_table_def){.id = 4096 + pos, .pk = -1, .schedule_at_col = -1};
    t->indexes = oro_arena_alloc(&s->types.arena, 16 * sizeof(*t->indexes));
    t->sequences = oro_arena_alloc(&s->types.arena, 4 * sizeof(*t->sequences));
    t->defaults = oro_arena_alloc(&s->types.arena, 16 * sizeof(*t->defaults));
    t->name = text(s, strtok_r(copy, " ", &save), "", "");
    const char *kind = strtok_r(NULL, " ", &save);
    t->is_public = strcmp(kind, "private") != 0;
    t->is_event = strcmp(kind, "event") == 0;
    for (char *word; (word = strtok_r(NULL, " ", &save)) != NULL;) {
        if (strncmp(word, "index(", 6) == 0) {
            read_index(s, t, elems, n, word);
            continue;
        }
        read_column(s, t, &elems[n], n, word);
        n++;
    }
    t->row = oro_type_product(&s->types, elems, n);
    oro_free(copy);
}

struct oro_schema *
fixture_schema(const char *const *lines)
{
    struct oro_schema *s = ORO_NEW(struct oro_schema);
    oro_typespace_init(&s->types);
    while (lines[s->ntables] != NULL)
        s->ntables++;
    s->tables = oro_arena_alloc(&s->types.arena, (s->ntables + 1) * sizeof(*s->tables));
    for (uint32_t i = 0; i < s->ntables; i++)
        read_table(s, &s->tables[i], i, lines[i]);
    struct oro_err err;
    oro_status st = oro_typespace_seal(&s->types, &err);
    for (uint32_t i = 0; st == ORO_OK && i < s->ntables; i++)
        st = oro_type_seal(&s->types, (struct oro_type *)s->tables[i].row, &err);
    ORO_ASSERT(st == ORO_OK);
    for (uint32_t i = 0; i < s->ntables; i++)
        oro_map_put(&s->table_names, oro_bytes_str(s->tables[i].name), &s->tables[i]);
    return s;
}

void
fixture_schema_free(struct oro_schema *s)
{
    oro_map_fini(&s->table_names);
    oro_typespace_fini(&s->types);
    oro_free(s);
}

const struct oro_table_def *
fixture_table(const struct oro_schema *s, const char *name)
{
    const struct oro_table_def *t = oro_schema_table(s, oro_bytes_str(name));
    ORO_ASSERT(t != NULL);
    return t;
}

const struct oro_index_def *
fixture_index(const struct oro_table_def *t, const char *column)
{
    int col = oro_table_column(t, oro_bytes_str(column));
    for (uint32_t i = 0; i < t->nindexes; i++)
        if (t->indexes[i].ncols == 1 && t->indexes[i].cols[0] == col)
            return &t->indexes[i];
    ORO_ASSERT(!"no such index");
    return NULL;
}

struct oro_identity
fixture_identity(uint64_t n)
{
    struct oro_identity id = {{0}};
    memcpy(id.le, &n, 8);
    return id;
}

void
put_string(struct oro_bb *out, const char *s)
{
    oro_bb_lenbytes(out, oro_bytes_str(s));
}
