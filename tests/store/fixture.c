/* tests/store/fixture.c */
#include "tests/store/fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "bridge/bsatn/value.h"

const struct oro_origin fx_origin = {.reducer = UINT32_MAX};

struct oro_schema *
fx_schema(void)
{
    struct oro_schema *s = ORO_NEW(struct oro_schema);
    oro_typespace_init(&s->types);
    struct oro_err err;
    ORO_ASSERT(oro_typespace_seal(&s->types, &err) == ORO_OK);
    s->tables = ORO_NEW_ARRAY(struct oro_table_def, FX_TABLES);
    return s;
}

void
fx_schema_free(struct oro_schema *s)
{
    for (uint32_t i = 0; i < s->ntables; i++) {
        for (uint32_t j = 0; j < s->tables[i].nindexes; j++)
            oro_free(s->tables[i].indexes[j].cols);
        oro_free(s->tables[i].indexes);
        oro_free(s->tables[i].sequences);
    }
    oro_free(s->tables);
    oro_typespace_fini(&s->types);
    oro_free(s);
}

static enum oro_kind
kind_named(const char *s)
{
    static const struct {
        const char *name;
        enum oro_kind kind;
    } kinds[] = {{"bool", ORO_BOOL},     {"i8", ORO_I8},     {"u8", ORO_U8},     {"i16", ORO_I16},
                 {"u16", ORO_U16},       {"i32", ORO_I32},   {"u32", ORO_U32},   {"i64", ORO_I64},
                 {"u64", ORO_U64},       {"i128", ORO_I128}, {"u128", ORO_U128}, {"u256", ORO_U256},
                 {"string", ORO_STRING}, {"f64", ORO_F64}};
    for (size_t i = 0; i < ORO_ARRAY_LEN(kinds); i++)
        if (strcmp(kinds[i].name, s) == 0)
            return kinds[i].kind;
    ORO_ASSERT(!"kind");
    return ORO_BOOL;
}

struct oro_table_def *
fx_table(struct oro_schema *s, const char *name, const char *cols, int pk)
{
    ORO_ASSERT(s->ntables < FX_TABLES);
    struct oro_elem elems[16];
    uint32_t n = 0;
    char text[256], names[16][32], *save = NULL;
    snprintf(text, sizeof(text), "%s", cols);
    for (char *c = strtok_r(text, " ", &save); c != NULL; c = strtok_r(NULL, " ", &save)) {
        char *colon = strchr(c, ':');
        snprintf(names[n], sizeof(names[n]), "%.*s", (int)(colon - c), c);
        elems[n] = (struct oro_elem){names[n], oro_type_scalar(&s->types, kind_named(colon + 1))};
        n++;
    }
    struct oro_type *row = oro_type_product(&s->types, elems, n);
    struct oro_err err;
    ORO_ASSERT(oro_type_seal(&s->types, row, &err) == ORO_OK);
    struct oro_table_def *t = &s->tables[s->ntables];
    *t = (struct oro_table_def){.id = 4096 + s->ntables,
                                .name = name,
                                .row = row,
                                .is_public = true,
                                .pk = pk,
                                .schedule_at_col = -1};
    s->ntables++;
    t->indexes = ORO_NEW_ARRAY(struct oro_index_def, 8);
    t->sequences = ORO_NEW_ARRAY(struct oro_sequence_def, 4);
    return t;
}

const struct oro_index_def *
fx_index(struct oro_table_def *t, enum oro_index_kind kind, bool unique, const char *cols)
{
    struct oro_index_def *ix = &t->indexes[t->nindexes];
    *ix =
        (struct oro_index_def){.name = "ix", .kind = kind, .unique = unique, .slot = t->nindexes++};
    ix->cols = ORO_NEW_ARRAY(uint16_t, 8);
    for (const char *p = cols; *p != '\0'; p += *p == ',')
        ix->cols[ix->ncols++] = (uint16_t)strtol(p, (char **)&p, 10);
    return ix;
}

void
fx_sequence(struct oro_table_def *t, uint16_t col)
{
    t->sequences[t->nsequences++] = (struct oro_sequence_def){.name = "seq", .col = col};
}

/* Plain memory, so that a thread can end without giving it back. */
static struct oro_bb
next_bb(void)
{
    static _Thread_local uint8_t ring[16][1024];
    static _Thread_local unsigned at;
    return (struct oro_bb){.data = ring[at++ % 16], .cap = sizeof(ring[0])};
}

static void
put_value(struct oro_bb *bb, const struct oro_type *t, va_list *ap)
{
    t = oro_type_resolve(t);
    if (t->kind == ORO_STRING) {
        oro_bb_lenbytes(bb, oro_bytes_str(va_arg(*ap, const char *)));
        return;
    }
    uint64_t v = (uint64_t)va_arg(*ap, int64_t);
    uint8_t fill = (t->kind == ORO_I128 || t->kind == ORO_I256) && (int64_t)v < 0 ? 0xff : 0;
    oro_bb_put(bb, &v, t->fixed_size < 8 ? t->fixed_size : 8);
    for (uint32_t i = 8; i < t->fixed_size; i++)
        oro_bb_u8(bb, fill);
}

struct oro_bytes
fx_row(const struct oro_table_def *t, ...)
{
    struct oro_bb bb = next_bb();
    va_list ap;
    va_start(ap, t);
    for (uint32_t i = 0; i < t->row->nelems; i++)
        put_value(&bb, t->row->elems[i].type, &ap);
    va_end(ap);
    return oro_bb_bytes(&bb);
}

struct oro_bytes
fx_key(const struct oro_table_def *t, const struct oro_index_def *ix, unsigned n, ...)
{
    struct oro_bb bb = next_bb();
    va_list ap;
    va_start(ap, n);
    for (unsigned i = 0; i < n; i++)
        put_value(&bb, t->row->elems[ix->cols[i]].type, &ap);
    va_end(ap);
    return oro_bb_bytes(&bb);
}

int64_t
fx_int(const struct oro_table_def *t, struct oro_bytes row, unsigned col)
{
    const uint8_t *p = row.data;
    for (unsigned i = 0; i < col; i++)
        p += oro_value_len_trusted(t->row->elems[i].type, p);
    const struct oro_type *type = oro_type_resolve(t->row->elems[col].type);
    int64_t v = 0;
    uint32_t size = type->kind == ORO_STRING ? 4 : type->fixed_size < 8 ? type->fixed_size : 8;
    memcpy(&v, p, size);
    unsigned shift = 64 - 8 * size;
    bool is_signed = type->kind == ORO_I8 || type->kind == ORO_I16 || type->kind == ORO_I32;
    return is_signed ? (int64_t)((uint64_t)v << shift) >> shift : v;
}

uint64_t
fx_commit(struct oro_tx *tx)
{
    uint64_t seq = 0;
    oro_status st = oro_tx_commit(tx, &fx_origin, &seq);
    ORO_ASSERT(st == ORO_OK);
    return seq;
}

uint64_t
fx_rand(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}
