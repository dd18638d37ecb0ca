/* runtime/store/tx.c - reading and writing within a transaction: its own rows over those at its snapshot. What it read is remembered
 * in read_set.c, what it wrote in write_set.c. */
#include <stddef.h>
#include <stdlib.h>

#include "runtime/store/view_priv.h"

/* ---- one row ---- */

/* Where a unique key leads in the transaction's eyes. */
struct place {
    struct oro_row *row;       /* what it sees; NULL: nothing */
    struct oro_row *committed; /* at the snapshot, also when this transaction deleted it */
    /* the write that row or the deletion of `committed` belongs to, or ORO_NONE */
    uint32_t w;
    oro_head *cell; /* where committed stands, see struct oro_seen */
    uint64_t changes;
};

static void
committed_at(struct oro_tx *tx, const struct oro_index *ix, const struct oro_key *k,
             struct place *p)
{
    struct oro_seen other, *seen = &other;
    if (ix->plan.narrow) {
        uint64_t h = (k->word + ix->id) * UINT64_C(0x9e3779b97f4a7c15);
        seen = &tx->seen[h >> 32 & (ORO_SEEN - 1)];
        if (seen->tx != tx->number || seen->word != k->word || seen->ix != ix) {
            oro_read_key(tx->se, ix, k, seen);
            seen->tx = tx->number;
            seen->word = k->word;
        }
    } else {
        oro_read_key(tx->se, ix, k, seen);
    }
    p->committed = p->row = seen->row;
    p->cell = seen->cell;
    p->changes = seen->changes;
}

static struct place
look_up(struct oro_tx *tx, const struct oro_table *t, const struct oro_index *ix,
        const struct oro_key *k)
{
    struct place p = {.w = ORO_NONE};
    bool wrote = oro_tx_table(tx, t)->first != ORO_NONE;
    if (wrote) {
        p.w = oro_ws_find(tx, t, ix, k);
        if (p.w != ORO_NONE) {
            p.row = tx->writes[p.w].row;
            return p;
        }
    }
    if (t->def->is_event)
        return p;
    committed_at(tx, ix, k, &p);
    if (wrote && p.row != NULL) {
        p.w = oro_ws_old(tx, t, p.row);
        if (p.w != ORO_NONE)
            p.row = NULL;
    }
    return p;
}

/* Remembers what a look-up saw, where no write does. */
static void
note_place(struct oro_tx *tx, const struct oro_table *t, const struct oro_index *ix,
           const struct oro_key *k, const struct place *p)
{
    if (p->w != ORO_NONE)
        return;
    if (p->row != NULL)
        oro_tx_note_hit(tx, t, p->row);
    else
        oro_tx_note_miss(tx, ix, k);
}

static struct place
look_up_values(struct oro_tx *tx, const struct oro_table *t, const struct oro_index *ix,
               struct oro_bytes values)
{
    struct oro_key k;
    oro_bb_clear(&tx->se->key);
    oro_index_key_of_values(ix, values, &tx->se->key, &k);
    struct place p = look_up(tx, t, ix, &k);
    note_place(tx, t, ix, &k, &p);
    if (ORO_UNLIKELY(tx->watch != NULL))
        oro_tx_watch_point(tx, t, ix, &k);
    return p;
}

/* The row with a unique index's key: where it is seen, and its table. ORO_ENOTFOUND: none. */
static inline oro_status
look_up_unique(struct oro_tx *tx, const struct oro_table_def *def, const struct oro_index_def *ixd,
               struct oro_bytes key, struct oro_table **t, struct place *p)
{
    ORO_ASSERT_OWNER(&tx->owner);
    ORO_ASSERT_DEBUG(tx->open);
    *t = oro_table_of(tx->se->store, def);
    const struct oro_index *ix = oro_index_of(*t, ixd);
    if (!ix->unique)
        return ORO_ETYPE;
    *p = look_up_values(tx, *t, ix, key);
    return p->row != NULL ? ORO_OK : ORO_ENOTFOUND;
}

oro_status
oro_tx_find(struct oro_tx *tx, const struct oro_table_def *def, const struct oro_index_def *ixd,
            struct oro_bytes key, struct oro_bytes *row)
{
    struct oro_table *t;
    struct place p;
    oro_status st = look_up_unique(tx, def, ixd, key, &t, &p);
    if (st == ORO_OK)
        *row = oro_row_bytes(p.row);
    return st;
}

/* ---- taking away and putting ---- */

static struct oro_row *
row_make(struct oro_tx *tx, const struct oro_table *t, struct oro_bytes bytes)
{
    tx->row_bytes += oro_row_size(t->nlinks, bytes.len);
    return oro_row_new(&tx->se->cache, bytes, t->nlinks);
}

/* Of one that nobody has seen. */
static void
row_unmake(struct oro_tx *tx, struct oro_row *row)
{
    if (row == NULL)
        return;
    tx->row_bytes -= oro_row_size(row->nlinks, row->len);
    oro_row_free(&tx->se->cache, row);
}

/* An own version that goes again. That its unique keys were free has been seen: remember it. */
static void
drop_own(struct oro_tx *tx, const struct oro_write *wr, const struct oro_key *next_keys)
{
    for (uint32_t i = 0; i < wr->t->nix; i++) {
        const struct oro_index *ix = &wr->t->ix[i];
        if (!ix->unique)
            continue;
        const struct oro_key *k = oro_ws_key(tx, wr, i);
        if (next_keys == NULL || !oro_index_key_eq(ix, k, &next_keys[i]))
            oro_tx_note_miss(tx, ix, k);
    }
    tx->dropped = oro_grow(tx->dropped, tx->ndropped, &tx->dropped_cap, sizeof(struct oro_row *));
    tx->dropped[tx->ndropped++] = wr->row;
}

static void
take_away(struct oro_tx *tx, struct oro_table *t, struct oro_row *row, uint32_t w)
{
    if (w == ORO_NONE) {
        oro_ws_add(tx, t, row, NULL, NULL);
    } else {
        drop_own(tx, &tx->writes[w], NULL);
        oro_ws_set_row(tx, w, NULL, NULL);
    }
    oro_tx_table(tx, t)->delta--;
}

/* The committed row that a write had deleted is there again, unchanged. */
static struct oro_row *
restore(struct oro_tx *tx, uint32_t w)
{
    struct oro_write *wr = &tx->writes[w];
    struct oro_row *old = wr->old;
    if (ORO_UNLIKELY(tx->saves > 0))
        oro_undo_note(tx, w);
    wr->old = NULL;
    oro_tx_note_hit(tx, wr->t, old);
    return old;
}

/* Adds a row whose keys are free; at: where its identity leads. Returns the row as it is now. */
static struct oro_row *
put(struct oro_tx *tx, struct oro_table *t, struct oro_row *row, struct oro_key *keys,
    const struct place *at)
{
    oro_tx_table(tx, t)->delta++;
    if (at->committed != NULL && at->w != ORO_NONE) {
        ORO_ASSERT(tx->writes[at->w].row == NULL);
        if (oro_row_same(at->committed, oro_row_bytes(row))) {
            row_unmake(tx, row);
            return restore(tx, at->w);
        }
        if (t->pk != NULL) {
            oro_ws_set_row(tx, at->w, row, keys);
            return row;
        }
    }
    oro_ws_add(tx, t, NULL, row, keys);
    return row;
}

/* ---- insert, update, upsert ---- */

/* A new version: a copy of the bytes with sequences filled in. */
struct fresh {
    struct oro_row *row;
    struct oro_key *keys;
};

/* The caller's bytes are the row's, and no key points into the row. */
static bool
keys_from_bytes(const struct oro_table *t)
{
    return t->def->nsequences == 0 && t->identity->kind != ORO_IX_ROW;
}

static oro_status
fresh_make(struct oro_tx *tx, struct oro_table *t, struct oro_bytes bytes, struct fresh *out,
           struct oro_err *err)
{
    if (keys_from_bytes(t)) { /* which are at hand; the new row's memory is cold */
        out->keys = oro_ws_keys(tx, t, bytes);
        out->row = row_make(tx, t, bytes);
        return ORO_OK;
    }
    out->row = row_make(tx, t, bytes);
    if (t->def->nsequences > 0) {
        oro_status st = oro_sequence_fill(tx->se, t, oro_row_data(out->row), err);
        if (st != ORO_OK) {
            row_unmake(tx, out->row);
            return st;
        }
    }
    out->keys = oro_ws_keys(tx, t, oro_row_bytes(out->row));
    return ORO_OK;
}

static void
give(struct oro_bytes *stored, const struct oro_row *r)
{
    if (stored != NULL)
        *stored = oro_row_bytes(r);
}

static oro_status
violation(struct oro_tx *tx, struct oro_table *t, const struct oro_index *ix, struct fresh *f,
          const struct place *p, struct oro_err *err)
{
    note_place(tx, t, ix, &f->keys[ix->link], p);
    oro_status st = oro_unique_error(t, ix, f->row, err);
    row_unmake(tx, f->row);
    return st;
}

/* Takes f->row. */
static oro_status
insert_fresh(struct oro_tx *tx, struct oro_table *t, struct fresh *f, struct oro_bytes *stored,
             struct oro_err *err)
{
    const struct oro_index *id = t->identity;
    struct place at = look_up(tx, t, id, &f->keys[id->link]);
    if (at.row != NULL && oro_row_same(at.row, oro_row_bytes(f->row))) {
        note_place(tx, t, id, &f->keys[id->link], &at);
        row_unmake(tx, f->row);
        give(stored, at.row);
        return ORO_OK;
    }
    for (uint32_t i = 0; i < t->nix; i++) {
        const struct oro_index *ix = &t->ix[i];
        if (!ix->unique)
            continue;
        struct place p = ix == id ? at : look_up(tx, t, ix, &f->keys[i]);
        if (p.row != NULL)
            return violation(tx, t, ix, f, &p, err);
    }
    give(stored, put(tx, t, f->row, f->keys, &at));
    return ORO_OK;
}

oro_status
oro_tx_insert(struct oro_tx *tx, const struct oro_table_def *def, struct oro_bytes row,
              struct oro_bytes *stored, struct oro_err *err)
{
    ORO_ASSERT_OWNER(&tx->owner);
    ORO_ASSERT_DEBUG(tx->open);
    struct oro_table *t = oro_table_of(tx->se->store, def);
    struct fresh f;
    oro_status st = fresh_make(tx, t, row, &f, err);
    return st != ORO_OK ? st : insert_fresh(tx, t, &f, stored, err);
}

/* Own version to another one with the same primary key. */
static struct oro_row *
replace_own(struct oro_tx *tx, uint32_t w, struct fresh *f)
{
    struct oro_write *wr = &tx->writes[w];
    drop_own(tx, wr, f->keys);
    if (wr->old != NULL && oro_row_same(wr->old, oro_row_bytes(f->row))) {
        row_unmake(tx, f->row);
        oro_ws_set_row(tx, w, NULL, NULL);
        return restore(tx, w);
    }
    oro_ws_set_row(tx, w, f->row, f->keys);
    return f->row;
}

static bool
same_pk(struct oro_tx *tx, const struct oro_table *t, const struct oro_row *old,
        const struct fresh *f)
{
    return t->pk != NULL && oro_index_row_has_key(t->pk, old, &f->keys[t->pk->link], &tx->se->cmp);
}

/* The row at `was` becomes f->row, another one, which is taken. */
static oro_status
update_fresh(struct oro_tx *tx, struct oro_table *t, const struct oro_index *by, struct fresh *f,
             struct place was, struct oro_bytes *stored, struct oro_err *err)
{
    for (uint32_t i = 0; i < t->nix; i++) {
        const struct oro_index *ix = &t->ix[i];
        if (!ix->unique || ix == by)
            continue;
        struct place p = look_up(tx, t, ix, &f->keys[i]);
        if (p.row != NULL && p.row != was.row) {
            note_place(tx, t, by, &f->keys[by->link], &was);
            return violation(tx, t, ix, f, &p, err);
        }
    }
    if (by == t->pk || same_pk(tx, t, was.row, f)) {
        if (was.w != ORO_NONE) {
            give(stored, replace_own(tx, was.w, f));
        } else {
            uint32_t w = oro_ws_add(tx, t, was.row, f->row, f->keys);
            if (by == t->pk) {
                tx->writes[w].cell = was.cell;
                tx->writes[w].changes = was.changes;
            }
            give(stored, f->row);
        }
        return ORO_OK;
    }
    take_away(tx, t, was.row, was.w);
    struct place at = look_up(tx, t, t->identity, &f->keys[t->identity->link]);
    give(stored, put(tx, t, f->row, f->keys, &at));
    return ORO_OK;
}

static oro_status
update_or_insert(struct oro_tx *tx, const struct oro_table_def *def,
                 const struct oro_index_def *ixd, struct oro_bytes row, bool may_insert,
                 struct oro_bytes *stored, struct oro_err *err)
{
    ORO_ASSERT_OWNER(&tx->owner);
    ORO_ASSERT_DEBUG(tx->open);
    struct oro_table *t = oro_table_of(tx->se->store, def);
    const struct oro_index *ix = oro_index_of(t, ixd);
    if (!ix->unique)
        return oro_err_set(err, ORO_ETYPE, "index '%s' of table '%s' is not unique", ixd->name,
                           def->name);
    struct fresh f = {0};
    bool early = keys_from_bytes(t);
    if (early) {
        f.keys = oro_ws_keys(tx, t, row);
    } else {
        oro_status st = fresh_make(tx, t, row, &f, err);
        if (st != ORO_OK)
            return st;
        row = oro_row_bytes(f.row);
    }
    struct place was = look_up(tx, t, ix, &f.keys[ix->link]);
    if (was.row != NULL && oro_row_same(was.row, row)) {
        note_place(tx, t, ix, &f.keys[ix->link], &was);
        row_unmake(tx, f.row);
        give(stored, was.row);
        return ORO_OK;
    }
    if (early && (was.row != NULL || may_insert))
        f.row = row_make(tx, t, row);
    if (was.row != NULL)
        return update_fresh(tx, t, ix, &f, was, stored, err);
    if (may_insert)
        return insert_fresh(tx, t, &f, stored, err);
    note_place(tx, t, ix, &f.keys[ix->link], &was);
    row_unmake(tx, f.row);
    return oro_err_set(err, ORO_ENOTFOUND, "no such row in table '%s'", def->name);
}

oro_status
oro_tx_update(struct oro_tx *tx, const struct oro_table_def *t, const struct oro_index_def *ix,
              struct oro_bytes row, struct oro_bytes *stored, struct oro_err *err)
{
    return update_or_insert(tx, t, ix, row, false, stored, err);
}

oro_status
oro_tx_upsert(struct oro_tx *tx, const struct oro_table_def *t, const struct oro_index_def *ix,
              struct oro_bytes row, struct oro_bytes *stored, struct oro_err *err)
{
    return update_or_insert(tx, t, ix, row, true, stored, err);
}

/* ---- delete ---- */

oro_status
oro_tx_delete(struct oro_tx *tx, const struct oro_table_def *def, const struct oro_index_def *ixd,
              struct oro_bytes key)
{
    struct oro_table *t;
    struct place p;
    oro_status st = look_up_unique(tx, def, ixd, key, &t, &p);
    if (st == ORO_OK)
        take_away(tx, t, p.row, p.w);
    return st;
}

/* What a whole row's identity leads to; noted if it is another row. */
static struct place
look_up_row(struct oro_tx *tx, struct oro_table *t, struct oro_bytes row)
{
    struct oro_key k;
    oro_bb_clear(&tx->se->key);
    oro_index_key_of_bytes(t->identity, row, &tx->se->key, &k);
    struct place p = look_up(tx, t, t->identity, &k);
    if (p.row != NULL && oro_row_same(p.row, row))
        return p;
    note_place(tx, t, t->identity, &k, &p);
    p.row = NULL;
    return p;
}

bool
oro_tx_has_row(struct oro_tx *tx, const struct oro_table_def *def, struct oro_bytes row)
{
    struct place p = look_up_row(tx, oro_table_of(tx->se->store, def), row);
    if (p.row != NULL && p.w == ORO_NONE)
        oro_tx_note_hit(tx, oro_table_of(tx->se->store, def), p.row);
    return p.row != NULL;
}

oro_status
oro_tx_delete_row(struct oro_tx *tx, const struct oro_table_def *def, struct oro_bytes row)
{
    ORO_ASSERT_OWNER(&tx->owner);
    ORO_ASSERT_DEBUG(tx->open);
    struct oro_table *t = oro_table_of(tx->se->store, def);
    struct place p = look_up_row(tx, t, row);
    if (p.row == NULL)
        return ORO_ENOTFOUND;
    take_away(tx, t, p.row, p.w);
    return ORO_OK;
}

/* The version whose bytes a gathering handed out. */
static struct oro_row *
row_of_bytes(const struct oro_table *t, struct oro_bytes b)
{
    size_t head = offsetof(struct oro_row, links) + t->nlinks * sizeof(uintptr_t);
    return (struct oro_row *)(uintptr_t)(b.data - head);
}

uint64_t
oro_tx_clear(struct oro_tx *tx, const struct oro_table_def *def)
{
    ORO_ASSERT_OWNER(&tx->owner);
    ORO_ASSERT_DEBUG(tx->open);
    struct oro_table *t = oro_table_of(tx->se->store, def);
    uint64_t n = 0;
    oro_tx_note_span(tx, &(struct oro_span){.kind = ORO_SPAN_SCAN, .t = t});
    struct oro_rows rows;
    oro_gather(tx->se, tx, t, t->scan, NULL, &rows);
    for (uint32_t w = oro_tx_table(tx, t)->first; w != ORO_NONE; w = tx->writes[w].next) {
        if (tx->writes[w].row != NULL) {
            take_away(tx, t, tx->writes[w].row, w);
            n++;
        }
    }
    for (size_t i = 0; i < rows.n; i++)
        take_away(tx, t, row_of_bytes(t, rows.rows[i]), ORO_NONE);
    return n + rows.n;
}

/* ---- many rows ---- */

/* A row and its key, for merging. */
struct keyed {
    struct oro_key key;
    struct oro_bytes row;
};

static int
keyed_cmp(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    if (x->key.word != y->key.word)
        return x->key.word < y->key.word ? -1 : 1;
    return oro_bytes_cmp(x->key.bytes, y->key.bytes); /* narrow keys have none */
}

static int
keyed_cmp_down(const void *a, const void *b)
{
    return keyed_cmp(b, a);
}

/* Own rows in the interval (NULL: all), in the order it is walked if the index has one. */
static struct keyed *
own_rows(struct oro_tx *tx, const struct oro_table *t, const struct oro_index *ix,
         const struct oro_interval *iv, size_t *n)
{
    size_t cap = 0;
    *n = 0;
    for (uint32_t w = oro_tx_table(tx, t)->first; w != ORO_NONE; w = tx->writes[w].next)
        cap += tx->writes[w].row != NULL;
    if (cap == 0)
        return NULL;
    struct keyed *own = oro_arena_alloc(&tx->se->arena, cap * sizeof(*own));
    for (uint32_t w = oro_tx_table(tx, t)->first; w != ORO_NONE; w = tx->writes[w].next) {
        const struct oro_write *wr = &tx->writes[w];
        if (wr->row == NULL)
            continue;
        const struct oro_key *k = oro_ws_key(tx, wr, ix->link);
        if (iv != NULL && !oro_interval_has(ix, iv, k))
            continue;
        own[*n] = (struct keyed){*k, oro_row_bytes(wr->row)};
        if (wr->keys == NULL && ix->kind != ORO_IX_ROW)
            oro_key_keep(&tx->se->arena, &own[*n].key);
        ++*n;
    }
    if (*n > 1 && oro_index_ordered(ix))
        qsort(own, *n, sizeof(*own), iv != NULL && iv->reverse ? keyed_cmp_down : keyed_cmp);
    return own;
}

/* Merges own rows into the committed ones; those are in key order too. Without order they go
 * behind. */
static void
merge_own(struct oro_tx *tx, const struct oro_index *ix, bool down, const struct keyed *own,
          size_t nown, struct oro_rows *out)
{
    struct oro_rows both = {.n = out->n + nown};
    both.rows = oro_arena_alloc(&tx->se->arena, both.n * sizeof(*both.rows));
    size_t i = 0, j = 0;
    while (i < out->n || j < nown) {
        bool take_own = i == out->n;
        if (!take_own && j < nown && oro_index_ordered(ix)) {
            struct keyed theirs = {.row = out->rows[i]};
            oro_bb_clear(&tx->se->cmp);
            oro_index_key_of_bytes(ix, out->rows[i], &tx->se->cmp, &theirs.key);
            int c = keyed_cmp(&own[j], &theirs);
            take_own = down ? c > 0 : c < 0;
        }
        both.rows[i + j] = take_own ? own[j].row : out->rows[i];
        if (take_own)
            j++;
        else
            i++;
    }
    *out = both;
}

static void
see(struct oro_tx *tx, const struct oro_table *t, const struct oro_index *ix,
    const struct oro_interval *iv, struct oro_rows *out)
{
    *out = (struct oro_rows){0};
    if (!t->def->is_event)
        oro_gather(tx->se, tx, t, ix, iv, out);
    size_t nown;
    struct keyed *own = own_rows(tx, t, ix, iv, &nown);
    if (nown > 0)
        merge_own(tx, ix, iv != NULL && iv->reverse, own, nown, out);
    if (iv != NULL && iv->limit != 0 && out->n > iv->limit)
        out->n = iv->limit;
}

void
oro_tx_scan(struct oro_tx *tx, const struct oro_table_def *def, struct oro_rows *out)
{
    ORO_ASSERT_OWNER(&tx->owner);
    ORO_ASSERT_DEBUG(tx->open);
    struct oro_table *t = oro_table_of(tx->se->store, def);
    oro_tx_note_span(tx, &(struct oro_span){.kind = ORO_SPAN_SCAN, .t = t});
    see(tx, t, t->scan, NULL, out);
}

/* All columns of a unique index given: at most one row, and cheaper to validate than a span. */
static void
see_point(struct oro_tx *tx, const struct oro_table *t, const struct oro_index *ix,
          const struct oro_key *k, struct oro_rows *out)
{
    struct place p = look_up(tx, t, ix, k);
    note_place(tx, t, ix, k, &p);
    if (ORO_UNLIKELY(tx->watch != NULL))
        oro_tx_watch_point(tx, t, ix, k);
    *out = (struct oro_rows){0};
    if (p.row == NULL)
        return;
    out->rows = oro_arena_alloc(&tx->se->arena, sizeof(*out->rows));
    out->rows[out->n++] = oro_row_bytes(p.row);
}

static void
see_span(struct oro_tx *tx, struct oro_span *span, struct oro_rows *out)
{
    if (span->iv.point && span->ix->unique) {
        see_point(tx, span->t, span->ix, &span->iv.key, out);
        return;
    }
    see(tx, span->t, span->ix, &span->iv, out);
    /* What lies behind the last row that was wanted has not been read. */
    if (span->iv.limit != 0 && out->n == span->iv.limit && !span->iv.point)
        oro_interval_cut(tx->se, span->ix, &span->iv, out->rows[out->n - 1], false);
    oro_tx_note_span(tx, span);
}

oro_status
oro_tx_range_from(struct oro_tx *tx, const struct oro_table_def *def,
                  const struct oro_index_def *ixd, const struct oro_range *range,
                  const struct oro_bytes *from, struct oro_rows *out)
{
    ORO_ASSERT_OWNER(&tx->owner);
    ORO_ASSERT_DEBUG(tx->open);
    struct oro_table *t = oro_table_of(tx->se->store, def);
    struct oro_span span = {.kind = ORO_SPAN_RANGE, .t = t, .ix = oro_index_of(t, ixd)};
    oro_status st = oro_interval_make(tx->se, span.ix, range, &span.iv);
    if (st != ORO_OK)
        return st;
    if (from != NULL && !span.iv.point)
        oro_interval_cut(tx->se, span.ix, &span.iv, *from, true);
    see_span(tx, &span, out);
    return ORO_OK;
}

oro_status
oro_tx_range(struct oro_tx *tx, const struct oro_table_def *def, const struct oro_index_def *ixd,
             const struct oro_range *range, struct oro_rows *out)
{
    return oro_tx_range_from(tx, def, ixd, range, NULL, out);
}

/* Committed rows at the snapshot: the newest number, less what came since. */
static uint64_t
count_at_snapshot(struct oro_tx *tx, const struct oro_table *t)
{
    struct oro_store *s = tx->se->store;
    oro_spin_lock(&s->lock); /* number and head belong together */
    int64_t n = (int64_t)atomic_load_explicit(&t->rows, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&s->seq, memory_order_relaxed);
    oro_spin_unlock(&s->lock);
    for (const struct oro_commit *c = tx->se->anchor; c->seq < head;) {
        c = oro_commit_next(c);
        for (uint32_t i = 0; i < c->nops && (oro_record_of(c)->mask & t->mask) != 0; i++)
            if (c->ops[i].table == t->def && c->ops[i].kind != ORO_OP_SEQUENCE)
                n += c->ops[i].kind == ORO_OP_DELETE ? 1 : -1;
    }
    return (uint64_t)n;
}

uint64_t
oro_tx_count(struct oro_tx *tx, const struct oro_table_def *def)
{
    ORO_ASSERT_OWNER(&tx->owner);
    ORO_ASSERT_DEBUG(tx->open);
    struct oro_table *t = oro_table_of(tx->se->store, def);
    uint64_t n = def->is_event ? 0 : count_at_snapshot(tx, t);
    oro_tx_note_span(tx, &(struct oro_span){.kind = ORO_SPAN_COUNT, .t = t, .count = n});
    return n + (uint64_t)oro_tx_table(tx, t)->delta;
}

uint64_t
oro_tx_count_about(const struct oro_tx *tx, const struct oro_table_def *def)
{
    return atomic_load_explicit(&oro_table_of(tx->se->store, def)->rows, memory_order_relaxed);
}

int64_t
oro_tx_growth(struct oro_tx *tx, const struct oro_table_def *def)
{
    return oro_tx_table(tx, oro_table_of(tx->se->store, def))->delta;
}

uint64_t
oro_tx_memory(const struct oro_tx *tx)
{
    return tx->row_bytes + tx->se->arena.size + tx->nwrites * sizeof(*tx->writes) +
           tx->map_cap * sizeof(*tx->map) + tx->nhits * sizeof(*tx->hits) +
           tx->nmisses * sizeof(*tx->misses) + tx->nspans * sizeof(*tx->spans) +
           tx->ndropped * sizeof(*tx->dropped) + tx->nundo * sizeof(*tx->undo);
}

/* About what the log has of an operation beside the row: kind, table, length. */
#define OP_BYTES 16

static oro_status
write_fits(const struct oro_write *w, uint64_t *logged, struct oro_err *err)
{
    if (w->t->def->is_event)
        return ORO_OK; /* nothing of it is kept */
    if (w->row != NULL && w->row->len > ORO_TX_ROW_MOST)
        return oro_err_set(err, ORO_EFULL,
                           "a row of `%s` has %u bytes: the largest that can be kept has %u, so "
                           "divide its content over several rows",
                           w->t->def->name, w->row->len, ORO_TX_ROW_MOST);
    if (w->row != NULL)
        *logged += w->row->len + OP_BYTES;
    if (w->old != NULL && (w->row == NULL || w->t->pk == NULL))
        *logged += w->old->len + OP_BYTES; /* more than its key, where it has one */
    return ORO_OK;
}

oro_status
oro_tx_fits(const struct oro_tx *tx, struct oro_err *err)
{
    uint64_t logged = 0;
    if (ORO_LIKELY(tx->row_bytes + tx->old_bytes + tx->nwrites * OP_BYTES < ORO_TX_ROW_MOST))
        return ORO_OK;
    for (size_t i = 0; i < tx->nwrites; i++) {
        oro_status st = write_fits(&tx->writes[i], &logged, err);
        if (st != ORO_OK)
            return st;
    }
    if (logged <= ORO_TX_LOG_MOST)
        return ORO_OK;
    return oro_err_set(err, ORO_EFULL,
                       "it writes %llu bytes: the most that can be kept of one transaction is %u, "
                       "so do it in several "
                       "calls, for example by a scheduled reducer that does a part each time",
                       (unsigned long long)logged, ORO_TX_LOG_MOST);
}
