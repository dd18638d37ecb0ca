/* tests/py/fake_host.h - a host for the bridge's tests: each table is a list of rows in memory, every operation a walk over
 * it. Rows are never freed before the host, as the bridge is promised for the length of a call. */
#ifndef ORO_TESTS_PY_FAKE_HOST_H
#define ORO_TESTS_PY_FAKE_HOST_H

#include <stdio.h>
#include <stdlib.h>

#include "bridge/bsatn/value.h"
#include "bridge/host/bridge.h"

#define FAKE_TABLES 32

struct fake_table {
    struct oro_bytes *rows;
    size_t n, cap;
    uint64_t next; /* of the sequence */
};

struct fake_host {
    struct oro_arena arena;
    struct fake_table tables[FAKE_TABLES];
    struct oro_bb log; /* "LEVEL text\n" */
    int log_line;
    uint64_t finds, scans, ranges, given; /* rows that ranges and scans gave */
    bool refuse_inserts;
    unsigned saves;
};

static inline void
fake_init(struct fake_host *h)
{
    *h = (struct fake_host){0};
    oro_arena_init(&h->arena);
}

static inline void
fake_fini(struct fake_host *h)
{
    for (int i = 0; i < FAKE_TABLES; i++)
        oro_free(h->tables[i].rows);
    oro_bb_fini(&h->log);
    oro_arena_fini(&h->arena);
}

static inline struct fake_table *
fake_table(struct fake_host *h, const struct oro_table_def *t)
{
    ORO_ASSERT(t->id >= 4096 && t->id - 4096 < FAKE_TABLES);
    return &h->tables[t->id - 4096];
}

static inline struct oro_bytes
fake_keep(struct fake_host *h, const void *p, size_t n)
{
    uint8_t *copy = oro_arena_alloc(&h->arena, n + 1);
    if (n > 0)
        memcpy(copy, p, n);
    return oro_bytes(copy, n);
}

static inline struct oro_bytes
fake_column(const struct oro_table_def *t, struct oro_bytes row, unsigned col)
{
    const uint8_t *p = row.data;
    for (unsigned i = 0; i < col; i++)
        p += oro_value_len_trusted(t->row->elems[i].type, p);
    return oro_bytes(p, oro_value_len_trusted(t->row->elems[col].type, p));
}

/* The index's columns of a row, back to back. */
static inline void
fake_key(const struct oro_table_def *t, const struct oro_index_def *ix, struct oro_bytes row,
         struct oro_bb *out)
{
    for (unsigned i = 0; i < ix->ncols; i++)
        oro_bb_put_bytes(out, fake_column(t, row, ix->cols[i]));
}

/* Position of the row with this key, or -1. */
static inline long
fake_at(struct fake_host *h, const struct oro_table_def *t, const struct oro_index_def *ix,
        struct oro_bytes key)
{
    struct fake_table *f = fake_table(h, t);
    struct oro_bb have = {0};
    long at = -1;
    for (size_t i = 0; at < 0 && i < f->n; i++) {
        oro_bb_clear(&have);
        fake_key(t, ix, f->rows[i], &have);
        if (oro_bytes_eq(oro_bb_bytes(&have), key))
            at = (long)i;
    }
    oro_bb_fini(&have);
    return at;
}

static inline long
fake_same_key(struct fake_host *h, const struct oro_table_def *t, const struct oro_index_def *ix,
              struct oro_bytes row)
{
    struct oro_bb key = {0};
    fake_key(t, ix, row, &key);
    long at = fake_at(h, t, ix, oro_bb_bytes(&key));
    oro_bb_fini(&key);
    return at;
}

static inline oro_status
fake_find(void *host, const struct oro_table_def *t, const struct oro_index_def *ix,
          struct oro_bytes key, struct oro_bytes *row)
{
    struct fake_host *h = host;
    long at = fake_at(h, t, ix, key);
    h->finds++;
    if (at < 0)
        return ORO_ENOTFOUND;
    *row = fake_table(h, t)->rows[at];
    return ORO_OK;
}

static inline oro_status
fake_scan(void *host, const struct oro_table_def *t, struct oro_py_rows *out)
{
    struct fake_host *h = host;
    struct fake_table *f = fake_table(h, t);
    h->scans++;
    out->n = f->n;
    out->rows = oro_arena_alloc(&h->arena, (f->n + 1) * sizeof(*out->rows));
    if (f->n > 0)
        memcpy(out->rows, f->rows, f->n * sizeof(*out->rows));
    h->given += f->n;
    return ORO_OK;
}

struct fake_hit {
    struct oro_bytes row, key;
};

static inline int
fake_cmp_hit(const void *a, const void *b)
{
    return oro_bytes_cmp(((const struct fake_hit *)a)->key, ((const struct fake_hit *)b)->key);
}

static inline int
fake_cmp_hit_down(const void *a, const void *b)
{
    return fake_cmp_hit(b, a);
}

static inline struct oro_bytes
fake_order(struct fake_host *h, const struct oro_type *type, const uint8_t *value)
{
    struct oro_bb bb = {0};
    oro_key_append(type, value, &bb);
    struct oro_bytes kept = fake_keep(h, bb.data, bb.len);
    oro_bb_fini(&bb);
    return kept;
}

static inline bool
fake_in_range(struct fake_host *h, const struct oro_table_def *t, const struct oro_index_def *ix,
              const struct oro_py_range *range, struct oro_bytes row)
{
    struct oro_bb prefix = {0};
    for (unsigned i = 0; i < range->nprefix; i++)
        oro_bb_put_bytes(&prefix, fake_column(t, row, ix->cols[i]));
    bool same = oro_bytes_eq(oro_bb_bytes(&prefix), range->prefix);
    oro_bb_fini(&prefix);
    if (!same || (!range->has_lo && !range->has_hi))
        return same;
    unsigned col = ix->cols[range->nprefix];
    const struct oro_type *type = t->row->elems[col].type;
    struct oro_bytes v = fake_order(h, type, fake_column(t, row, col).data);
    if (range->has_lo) {
        int c = oro_bytes_cmp(v, fake_order(h, type, range->lo.data));
        if (c < 0 || (c == 0 && range->lo_open))
            return false;
    }
    if (range->has_hi) {
        int c = oro_bytes_cmp(v, fake_order(h, type, range->hi.data));
        if (c > 0 || (c == 0 && range->hi_open))
            return false;
    }
    return true;
}

static inline oro_status
fake_range(void *host, const struct oro_table_def *t, const struct oro_index_def *ix,
           const struct oro_py_range *range, struct oro_py_rows *out)
{
    struct fake_host *h = host;
    struct fake_table *f = fake_table(h, t);
    h->ranges++;
    if (ix->kind == ORO_INDEX_HASH &&
        (range->nprefix < ix->ncols || range->has_lo || range->has_hi))
        return ORO_ETYPE;
    struct fake_hit *hits = oro_arena_alloc(&h->arena, (f->n + 1) * sizeof(*hits));
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++) {
        if (!fake_in_range(h, t, ix, range, f->rows[i]))
            continue;
        struct oro_bb key = {0};
        oro_index_key(t, ix, f->rows[i].data, &key);
        hits[n++] = (struct fake_hit){f->rows[i], fake_keep(h, key.data, key.len)};
        oro_bb_fini(&key);
    }
    qsort(hits, n, sizeof(*hits), range->reverse ? fake_cmp_hit_down : fake_cmp_hit);
    if (range->limit != 0 && n > range->limit)
        n = range->limit;
    out->n = n;
    h->given += n;
    out->rows = oro_arena_alloc(&h->arena, (n + 1) * sizeof(*out->rows));
    for (size_t i = 0; i < n; i++)
        out->rows[i] = hits[i].row;
    return ORO_OK;
}

static inline uint64_t
fake_count(void *host, const struct oro_table_def *t)
{
    return fake_table(host, t)->n;
}

/* Fills auto_inc columns that are 0. ORO_EFULL when the type is too small. */
static inline oro_status
fake_sequence(struct fake_host *h, const struct oro_table_def *t, struct oro_bytes *row,
              struct oro_err *err)
{
    for (uint32_t i = 0; i < t->nsequences; i++) {
        struct oro_bytes col = fake_column(t, *row, t->sequences[i].col);
        uint8_t *p = (uint8_t *)(uintptr_t)col.data;
        bool zero = true;
        for (size_t k = 0; k < col.len; k++)
            zero = zero && p[k] == 0;
        if (!zero)
            continue;
        uint64_t next = ++fake_table(h, t)->next;
        if (col.len == 1 && next > 255)
            return oro_err_set(err, ORO_EFULL, "the sequence has passed 255");
        memcpy(p, &next, col.len < 8 ? col.len : 8);
    }
    return ORO_OK;
}

/* -1 if no unique index but `besides` has another row with one of row's keys; else the index's slot. */
static inline long
fake_clash(struct fake_host *h, const struct oro_table_def *t, struct oro_bytes row, long besides)
{
    for (uint32_t i = 0; i < t->nindexes; i++) {
        long at = t->indexes[i].unique ? fake_same_key(h, t, &t->indexes[i], row) : -1;
        if (at >= 0 && at != besides)
            return (long)i;
    }
    return -1;
}

static inline oro_status
fake_exists(const struct oro_table_def *t, long ix, struct oro_err *err)
{
    return oro_err_set(err, ORO_EEXISTS, "%s.%s: there is a row with this value already", t->name,
                       t->row->elems[t->indexes[ix].cols[0]].name);
}

static inline oro_status
fake_insert(void *host, const struct oro_table_def *t, struct oro_bytes row,
            struct oro_bytes *stored, struct oro_err *err)
{
    struct fake_host *h = host;
    struct fake_table *f = fake_table(h, t);
    struct oro_bytes mine = fake_keep(h, row.data, row.len);
    if (h->refuse_inserts)
        return oro_err_set(err, ORO_EEXISTS, "refused");
    oro_status st = fake_sequence(h, t, &mine, err);
    if (st != ORO_OK)
        return st;
    for (size_t i = 0; i < f->n; i++)
        if (oro_bytes_eq(f->rows[i], mine)) {
            *stored = f->rows[i];
            return ORO_OK;
        }
    long clash = fake_clash(h, t, mine, -1);
    if (clash >= 0)
        return fake_exists(t, clash, err);
    if (f->n == f->cap)
        f->rows = oro_grow(f->rows, f->n, &f->cap, sizeof(*f->rows));
    f->rows[f->n++] = *stored = mine;
    return ORO_OK;
}

static inline oro_status
fake_update(void *host, const struct oro_table_def *t, const struct oro_index_def *ix,
            struct oro_bytes row, struct oro_bytes *stored, struct oro_err *err)
{
    struct fake_host *h = host;
    struct oro_bytes mine = fake_keep(h, row.data, row.len);
    long at = fake_same_key(h, t, ix, mine);
    if (at < 0)
        return ORO_ENOTFOUND;
    long clash = fake_clash(h, t, mine, at);
    if (clash >= 0)
        return fake_exists(t, clash, err);
    fake_table(h, t)->rows[at] = *stored = mine;
    return ORO_OK;
}

static inline oro_status
fake_upsert(void *host, const struct oro_table_def *t, const struct oro_index_def *ix,
            struct oro_bytes row, struct oro_bytes *stored, struct oro_err *err)
{
    oro_status st = fake_update(host, t, ix, row, stored, err);
    return st == ORO_ENOTFOUND ? fake_insert(host, t, row, stored, err) : st;
}

static inline void
fake_remove(struct fake_table *f, long at)
{
    memmove(&f->rows[at], &f->rows[at + 1], (f->n - (size_t)at - 1) * sizeof(*f->rows));
    f->n--;
}

static inline oro_status
fake_delete_key(void *host, const struct oro_table_def *t, const struct oro_index_def *ix,
                struct oro_bytes key)
{
    long at = fake_at(host, t, ix, key);
    if (at < 0)
        return ORO_ENOTFOUND;
    fake_remove(fake_table(host, t), at);
    return ORO_OK;
}

static inline oro_status
fake_delete_row(void *host, const struct oro_table_def *t, struct oro_bytes row)
{
    struct fake_table *f = fake_table(host, t);
    for (size_t i = 0; i < f->n; i++)
        if (oro_bytes_eq(f->rows[i], row)) {
            fake_remove(f, (long)i);
            return ORO_OK;
        }
    return ORO_ENOTFOUND;
}

static inline oro_status
fake_clear(void *host, const struct oro_table_def *t, uint64_t *n)
{
    struct fake_table *f = fake_table(host, t);
    *n = f->n;
    f->n = 0;
    return ORO_OK;
}

/* Everything as it is now, in the arena. */
static inline struct oro_py_mark
fake_save(void *host)
{
    struct fake_host *h = host;
    struct fake_table *saved = oro_arena_alloc(&h->arena, sizeof(h->tables));
    for (int i = 0; i < FAKE_TABLES; i++) {
        saved[i] = h->tables[i];
        saved[i].rows = oro_arena_alloc(&h->arena, (saved[i].n + 1) * sizeof(*saved[i].rows));
        if (saved[i].n > 0)
            memcpy(saved[i].rows, h->tables[i].rows, saved[i].n * sizeof(*saved[i].rows));
    }
    return (struct oro_py_mark){.a = (size_t)(uintptr_t)saved, .level = ++h->saves};
}

static inline void
fake_release(void *host, struct oro_py_mark m)
{
    struct fake_host *h = host;
    ORO_ASSERT(m.level == h->saves);
    h->saves--;
}

static inline void
fake_restore(void *host, struct oro_py_mark m)
{
    struct fake_host *h = host;
    const struct fake_table *saved = (const struct fake_table *)(uintptr_t)m.a;
    for (int i = 0; i < FAKE_TABLES; i++) {
        struct fake_table *f = &h->tables[i];
        while (f->cap < saved[i].n)
            f->rows = oro_grow(f->rows, f->cap, &f->cap, sizeof(*f->rows));
        f->n = saved[i].n;
        if (f->n > 0)
            memcpy(f->rows, saved[i].rows, f->n * sizeof(*f->rows));
    }
    fake_release(host, m);
}

static inline void
fake_log(void *host, enum oro_log_level level, const char *target, const char *file, int line,
         struct oro_bytes text)
{
    static const char *const names[] = {"ERROR", "WARN", "INFO", "DEBUG", "TRACE"};
    struct fake_host *h = host;
    oro_bb_printf(&h->log, "%s %.*s\n", names[level], (int)text.len, (const char *)text.data);
    h->log_line = line;
}

/* Transactions of handlers and procedures: each commits at once, and none is undone. */
static inline int64_t
fake_begin(void *host, bool exclusive)
{
    return 2000000;
}

static inline oro_status
fake_end(void *host, bool commit)
{
    return ORO_OK;
}

static inline oro_status
fake_fits(void *host, struct oro_err *err)
{
    return ORO_OK;
}

static inline oro_status
fake_ask_begin(void *host, bool exclusive, int64_t *timestamp_us)
{
    *timestamp_us = 2000000;
    return ORO_OK;
}

static inline oro_status
fake_ask_done(void *host)
{
    return ORO_OK;
}

static inline oro_status
fake_ask_wait(void *host, int64_t until_us)
{
    return ORO_OK;
}

static inline oro_status
fake_ask_fetch(void *host, const struct oro_fetch_ask *ask, struct oro_fetched *got,
               struct oro_err *err)
{
    return oro_err_set(err, ORO_EREFUSED, "there is no world outside");
}

static const struct oro_host_ops fake_ops = {
    .find = fake_find,
    .scan = fake_scan,
    .range = fake_range,
    .count = fake_count,
    .insert = fake_insert,
    .update = fake_update,
    .upsert = fake_upsert,
    .delete_key = fake_delete_key,
    .delete_row = fake_delete_row,
    .clear = fake_clear,
    .save = fake_save,
    .release = fake_release,
    .restore = fake_restore,
    .begin = fake_begin,
    .end = fake_end,
    .fits = fake_fits,
    .ask_begin = fake_ask_begin,
    .ask_commit = fake_ask_done,
    .ask_abort = fake_ask_done,
    .ask_wait = fake_ask_wait,
    .ask_fetch = fake_ask_fetch,
    .log = fake_log,
};

#endif
