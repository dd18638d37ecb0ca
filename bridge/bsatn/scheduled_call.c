#include "bridge/bsatn/scheduled_call.h"

#include <stdio.h>

#include "bridge/bsatn/reader.h"

void
oro_scheduled_call_write(const struct oro_scheduled_call *c, struct oro_bb *out)
{
    oro_bb_u64(out, c->id);
    oro_bb_u8(out, c->interval ? 0 : 1);
    oro_bb_u64(out, (uint64_t)c->micros);
    oro_bb_u8(out, c->steady);
    oro_bb_u64(out, c->signature);
    oro_bb_lenbytes(out, c->function);
    oro_bb_lenbytes(out, c->cron);
    oro_bb_lenbytes(out, c->args);
}

void
oro_scheduled_call_read(struct oro_bytes row, struct oro_scheduled_call *c)
{
    struct oro_reader r = oro_reader(row);
    uint8_t tag = 0;
    bool whole = oro_rd_u64(&r, &c->id) == ORO_OK && oro_rd_u8(&r, &tag) == ORO_OK &&
                 oro_rd_i64(&r, &c->micros) == ORO_OK && oro_rd_bool(&r, &c->steady) == ORO_OK &&
                 oro_rd_u64(&r, &c->signature) == ORO_OK &&
                 oro_rd_lenbytes(&r, &c->function) == ORO_OK &&
                 oro_rd_lenbytes(&r, &c->cron) == ORO_OK &&
                 oro_rd_lenbytes(&r, &c->args) == ORO_OK && oro_rd_left(&r) == 0;
    ORO_ASSERT(whole);
    c->interval = tag == 0;
}

#define DEEP 24 /* a recursive type looks the same from there on */

static void
mix(uint64_t *h, uint64_t v)
{
    *h = (*h ^ v) * 0x100000001b3ull;
    *h ^= *h >> 29;
}

/* A tree of types is as large as its leaves: what is counted are steps. */
static void
mix_type(uint64_t *h, const struct oro_type *t, unsigned depth, unsigned *steps)
{
    t = oro_type_resolve(t);
    mix(h, (uint64_t)t->kind + 1);
    if (depth == DEEP || *steps == 0)
        return;
    --*steps;
    if (t->kind == ORO_ARRAY)
        mix_type(h, t->elem, depth + 1, steps);
    if (t->kind != ORO_PRODUCT && t->kind != ORO_SUM)
        return;
    mix(h, t->nelems);
    for (uint32_t i = 0; i < t->nelems; i++)
        mix_type(h, t->elems[i].type, depth + 1, steps);
}

uint64_t
oro_signature(const struct oro_type *params)
{
    uint64_t h = 0xcbf29ce484222325ull;
    unsigned steps = 4096;
    mix_type(&h, params, 0, &steps);
    return h;
}

oro_status
oro_schedule_check(const struct oro_table_def *t, struct oro_bytes row, struct oro_err *err)
{
    if (t->schedule_at_col < 0)
        return ORO_OK;
    const uint8_t *at =
        row.data + oro_table_column_offset(t, (unsigned)t->schedule_at_col, row.data);
    int64_t micros;
    memcpy(&micros, at + 1, sizeof(micros));
    if (at[0] != 0 || (micros > 0 && micros <= ORO_SCHEDULE_MOST_US))
        return ORO_OK;
    return oro_err_set(err, ORO_EINVAL,
                       "%s.%s: an interval is more than zero and 100 years at most, and this has "
                       "%lld microseconds; what is to run once says ScheduleAt.at(...)",
                       t->name, t->row->elems[t->schedule_at_col].name, (long long)micros);
}

/* ---- phases ---- */

void
oro_phase_write(const char *table, uint64_t key, int64_t interval_us, int64_t beat_us,
                struct oro_bb *out)
{
    char name[32];
    int n = snprintf(name, sizeof(name), "/%llu", (unsigned long long)key);
    oro_bb_u32(out, (uint32_t)(strlen(table) + (size_t)n));
    oro_bb_put_bytes(out, oro_bytes_str(table));
    oro_bb_put(out, name, (size_t)n);
    oro_bb_u64(out, (uint64_t)interval_us);
    oro_bb_u64(out, (uint64_t)beat_us);
}

bool
oro_phase_read(struct oro_bytes row, struct oro_phase *p)
{
    struct oro_reader r = oro_reader(row);
    bool whole = oro_rd_lenbytes(&r, &p->row) == ORO_OK &&
                 oro_rd_i64(&r, &p->interval_us) == ORO_OK && oro_rd_i64(&r, &p->beat_us) == ORO_OK;
    ORO_ASSERT(whole);
    const uint8_t *slash = p->row.len > 0 ? memrchr(p->row.data, '/', p->row.len) : NULL;
    p->key = 0;
    if (slash == NULL)
        return false;
    p->table = oro_bytes(p->row.data, (size_t)(slash - p->row.data));
    const uint8_t *end = p->row.data + p->row.len;
    for (const uint8_t *c = slash + 1; c < end; c++) {
        if (*c < '0' || *c > '9')
            return false;
        p->key = p->key * 10 + (uint64_t)(*c - '0');
    }
    return true;
}
