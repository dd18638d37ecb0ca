/* runtime/store/read.c - committed rows at a snapshot. */
#include "runtime/store/internal.h"

/* Versions looked at before readers let the committer in: some ten microseconds. */
#define CHUNK 256

void
oro_read_key(struct oro_session *se, const struct oro_index *ix, const struct oro_key *k,
             struct oro_seen *out)
{
    out->ix = ix;
    oro_reading_enter(se);
    out->cell = oro_index_cell(ix, k);
    out->row = oro_index_visible_at(ix, out->cell, se->snap);
    out->changes = ix->changes;
    oro_reading_leave(se);
}

/* ---- bounds ---- */

static struct oro_bytes
arena_copy(struct oro_session *se, const struct oro_bb *bb)
{
    uint8_t *p = oro_arena_alloc(&se->arena, bb->len + 1);
    if (bb->len > 0)
        memcpy(p, bb->data, bb->len);
    return oro_bytes(p, bb->len);
}

/* The bound at the prefix with one more value, if there is one. */
static struct oro_bound
bound_make(struct oro_session *se, const struct oro_index *ix, const struct oro_range *r, bool has,
           struct oro_bytes value, bool after)
{
    struct oro_bound b = {.after = after};
    unsigned n = r->nprefix + (has ? 1 : 0);
    if (!ix->plan.narrow) {
        oro_bb_clear(&se->key);
        oro_key_bytes_of_values(&ix->plan, 0, r->nprefix, r->prefix, &se->key);
        if (has)
            oro_key_bytes_of_values(&ix->plan, r->nprefix, 1, value, &se->key);
        b.bytes = arena_copy(se, &se->key);
        return b;
    }
    unsigned bits = 0;
    oro_bb_clear(&se->key);
    oro_bb_put_bytes(&se->key, r->prefix);
    if (has)
        oro_bb_put_bytes(&se->key, value);
    b.word = oro_key_word_of_values(&ix->plan, n, oro_bb_bytes(&se->key), &bits);
    if (after && bits < 64)
        b.word |= UINT64_MAX >> bits;
    return b;
}

oro_status
oro_interval_make(struct oro_session *se, const struct oro_index *ix, const struct oro_range *r,
                  struct oro_interval *out)
{
    bool bounded = r->has_lo || r->has_hi;
    if (r->nprefix + (bounded ? 1u : 0u) > ix->plan.nparts)
        return ORO_ETYPE;
    *out = (struct oro_interval){
        .point = r->nprefix == ix->plan.nparts, .reverse = r->reverse, .limit = r->limit};
    if (out->point) {
        oro_bb_clear(&se->key);
        oro_index_key_of_values(ix, r->prefix, &se->key, &out->key);
        oro_key_keep(&se->arena, &out->key);
        return ORO_OK;
    }
    if (!oro_index_ordered(ix))
        return ORO_ETYPE;
    out->lo = bound_make(se, ix, r, r->has_lo, r->lo, r->has_lo && r->lo_open);
    out->hi = bound_make(se, ix, r, r->has_hi, r->hi, !(r->has_hi && r->hi_open));
    return ORO_OK;
}

void
oro_interval_cut(struct oro_session *se, const struct oro_index *ix, struct oro_interval *iv,
                 struct oro_bytes row, bool begins)
{
    struct oro_key k;
    oro_bb_clear(&se->key);
    oro_index_key_of_bytes(ix, row, &se->key, &k);
    oro_key_keep(&se->arena, &k);
    bool high = begins == iv->reverse;
    struct oro_bound at = {.word = k.word, .bytes = k.bytes, .after = high};
    if (high)
        iv->hi = at;
    else
        iv->lo = at;
}

/* ---- gathering ---- */

struct gather {
    struct oro_session *se;
    struct oro_tx *tx;
    const struct oro_table *t;
    const struct oro_index *ix;
    struct oro_rows *out;
    size_t cap, limit;
    unsigned steps;
    /* visible to us, so it stays where it is: where we paused; NULL: did not */
    const struct oro_row *pin;
    /* Rows are handed to somebody at each pause, instead of being kept. */
    oro_row_visit visit;
    void *arg;
    struct oro_bytes *batch;
    size_t nbatch;
    bool stopped;
    /* Or until so many are in the batch, from a place on. */
    size_t most;
    struct oro_place *place;
};

/* The committer is not shut out meanwhile: what is done with rows may take its time. */
static void
gather_hand_over(struct gather *g)
{
    if (g->nbatch > 0 && !g->stopped)
        g->stopped = !g->visit(g->arg, g->batch, g->nbatch);
    g->nbatch = 0;
}

static void
gather_add(struct gather *g, const struct oro_row *r)
{
    struct oro_rows *out = g->out;
    if (g->place != NULL) {
        g->batch[g->nbatch++] = oro_row_bytes(r);
        g->place->row = r;
        g->stopped = g->nbatch == g->most;
        return;
    }
    if (g->visit != NULL) {
        ORO_ASSERT(g->nbatch < CHUNK); /* each was a step, and after so many there is a pause */
        g->batch[g->nbatch++] = oro_row_bytes(r);
        return;
    }
    if (out->n == g->cap) {
        g->cap = g->cap == 0 ? 16 : g->cap * 2;
        struct oro_bytes *more = oro_arena_alloc(&g->se->arena, g->cap * sizeof(*more));
        if (out->n > 0)
            memcpy(more, out->rows, out->n * sizeof(*more));
        out->rows = more;
    }
    out->rows[out->n++] = oro_row_bytes(r);
}

static inline bool
gather_full(const struct gather *g)
{
    return g->stopped || (g->limit != 0 && g->out->n >= g->limit);
}

/* Lets the committer in. Our position survives: r is visible to us, so it stays linked. */
static void
gather_pause(struct gather *g, const struct oro_row *r)
{
    oro_reading_leave(g->se);
    if (g->visit != NULL)
        gather_hand_over(g);
    oro_reading_enter(g->se);
    g->steps = 0;
    g->pin = r;
}

static void
gather_rows(struct gather *g, const struct oro_row *first)
{
    for (const struct oro_row *r = first; r != NULL; r = oro_row_older(r, g->ix->at)) {
        g->steps++;
        if (!oro_row_visible(r, g->se->snap)) {
            if (g->ix->unique && oro_row_begin(r) <= g->se->snap)
                break; /* it decides: see oro_index_unlink_is_free */
            continue;
        }
        if (g->tx == NULL || oro_ws_old(g->tx, g->t, r) == ORO_NONE)
            gather_add(g, r);
        if (g->steps >= CHUNK && g->place == NULL)
            gather_pause(g, r);
        if (g->ix->unique || gather_full(g))
            break; /* unique: older ones ended before this one began */
    }
}

static void
gather_chain(struct gather *g, oro_head *cell)
{
    gather_rows(g, oro_head_row(cell));
}

static bool
beyond(const struct oro_index *ix, const struct oro_bound *hi, const struct oro_key *k)
{
    if (ix->plan.narrow)
        return hi->after ? k->word > hi->word : k->word >= hi->word;
    return oro_bound_cmp(hi, k->bytes) > 0;
}

static void
gather_tree(struct gather *g, struct oro_bound lo, const struct oro_bound *hi)
{
    const struct oro_index *ix = g->ix;
    struct oro_bt_at at = oro_btree_seek(&ix->btree, &lo);
    struct oro_key k = {0};
    oro_head *cell;
    while ((cell = oro_btree_next(&ix->btree, &at, &k)) != NULL) {
        if (hi != NULL && beyond(ix, hi, &k))
            return;
        gather_chain(g, cell);
        if (gather_full(g))
            return;
        if (g->pin == NULL)
            continue;
        /* The tree may have changed in the pause: find the place again, behind the key we were at.
         */
        oro_bb_clear(&g->se->key);
        oro_index_key_of_row(ix, g->pin, &g->se->key, &k);
        lo = (struct oro_bound){.word = k.word, .bytes = k.bytes, .after = true};
        at = oro_btree_seek(&ix->btree, &lo);
        g->pin = NULL;
    }
}

static void
gather_tree_down(struct gather *g, const struct oro_bound *lo, struct oro_bound hi)
{
    const struct oro_index *ix = g->ix;
    struct oro_bt_at at = oro_btree_seek(&ix->btree, &hi);
    struct oro_key k = {0};
    oro_head *cell;
    while ((cell = oro_btree_prev(&ix->btree, &at, &k)) != NULL) {
        if (!beyond(ix, lo, &k))
            return;
        gather_chain(g, cell);
        if (gather_full(g))
            return;
        if (g->pin == NULL)
            continue;
        oro_bb_clear(&g->se->key); /* as in gather_tree */
        oro_index_key_of_row(ix, g->pin, &g->se->key, &k);
        hi = (struct oro_bound){.word = k.word, .bytes = k.bytes};
        at = oro_btree_seek(&ix->btree, &hi);
        g->pin = NULL;
    }
}

static void
reverse(struct oro_rows *out)
{
    for (size_t i = 0, j = out->n; i + 1 < j; i++) {
        struct oro_bytes b = out->rows[i];
        out->rows[i] = out->rows[--j];
        out->rows[j] = b;
    }
}

static void
gather_run(struct gather *g, const struct oro_interval *iv)
{
    const struct oro_index *ix = g->ix;
    oro_reading_enter(g->se);
    if (iv != NULL && iv->point) {
        oro_head *cell = oro_index_cell(ix, &iv->key);
        if (cell != NULL)
            gather_chain(g, cell);
    } else if (iv != NULL && iv->reverse && ix->kind == ORO_IX_BTREE) {
        gather_tree_down(g, &iv->lo, iv->hi);
    } else if (ix->kind == ORO_IX_BTREE) {
        gather_tree(g, iv != NULL ? iv->lo : (struct oro_bound){0}, iv != NULL ? &iv->hi : NULL);
    } else {
        gather_chain(g, oro_index_cell(ix, NULL));
    }
    oro_reading_leave(g->se);
}

void
oro_gather(struct oro_session *se, struct oro_tx *tx, const struct oro_table *t,
           const struct oro_index *ix, const struct oro_interval *iv, struct oro_rows *out)
{
    *out = (struct oro_rows){0};
    struct gather g = {.se = se, .t = t, .ix = ix, .out = out, .limit = iv != NULL ? iv->limit : 0};
    g.tx = tx != NULL && oro_tx_table(tx, t)->nold > 0 ? tx : NULL;
    gather_run(&g, iv);
    if (ix->kind == ORO_IX_LIST)
        reverse(out); /* the list has the newest first */
}

oro_status
oro_read_each(struct oro_session *se, const struct oro_table_def *def,
              const struct oro_index_def *ixd, const struct oro_range *range, oro_row_visit visit,
              void *arg)
{
    struct oro_table *t = oro_table_of(se->store, def);
    const struct oro_index *ix = ixd != NULL ? oro_index_of(t, ixd) : t->scan;
    struct oro_bytes batch[CHUNK];
    struct gather g = {.se = se, .t = t, .ix = ix, .visit = visit, .arg = arg, .batch = batch};
    struct oro_interval iv;
    if (ixd != NULL) {
        oro_status st = oro_interval_make(se, ix, range, &iv);
        if (st != ORO_OK)
            return st;
    }
    gather_run(&g, ixd != NULL ? &iv : NULL);
    gather_hand_over(&g);
    return ORO_OK;
}

/* From the place on: the rest of its row's chain, then what stands behind that key. The row is visible, so it is still linked. */
static void
gather_from(struct gather *g, const struct oro_interval *iv)
{
    const struct oro_row *last = g->place->row;
    const struct oro_index *ix = g->ix;
    struct oro_key k;
    oro_reading_enter(g->se);
    if (!ix->unique)
        gather_rows(g, oro_row_older(last, ix->at));
    if (!g->stopped && ix->kind == ORO_IX_BTREE && (iv == NULL || !iv->point)) {
        oro_bb_clear(&g->se->key);
        oro_index_key_of_row(ix, last, &g->se->key, &k);
        struct oro_bound at = {.word = k.word, .bytes = k.bytes};
        at.after = iv == NULL || !iv->reverse;
        if (at.after)
            gather_tree(g, at, iv != NULL ? &iv->hi : NULL);
        else
            gather_tree_down(g, &iv->lo, at);
    }
    oro_reading_leave(g->se);
}

oro_status
oro_read_next(struct oro_session *se, const struct oro_table_def *def,
              const struct oro_index_def *ixd, const struct oro_range *range,
              struct oro_place *place, struct oro_bytes *rows, size_t most, size_t *n)
{
    struct oro_table *t = oro_table_of(se->store, def);
    const struct oro_index *ix = ixd != NULL ? oro_index_of(t, ixd) : t->scan;
    struct gather g = {.se = se, .t = t, .ix = ix, .batch = rows, .most = most, .place = place};
    struct oro_interval iv;
    struct oro_arena before = se->arena;
    ORO_ASSERT(most > 0 && most <= ORO_READ_MOST);
    if (ixd != NULL) {
        oro_status st = oro_interval_make(se, ix, range, &iv);
        if (st != ORO_OK)
            return st;
    }
    if (!place->ended && place->row == NULL)
        gather_run(&g, ixd != NULL ? &iv : NULL);
    else if (!place->ended)
        gather_from(&g, ixd != NULL ? &iv : NULL);
    place->ended = !g.stopped;
    *n = g.nbatch;
    /* A join asks a million times within one reading: bounds do not add up. */
    if (se->arena.head == before.head)
        se->arena = before;
    return ORO_OK;
}

void
oro_read_scan(struct oro_session *se, const struct oro_table_def *def, struct oro_rows *out)
{
    struct oro_table *t = oro_table_of(se->store, def);
    oro_gather(se, NULL, t, t->scan, NULL, out);
}

oro_status
oro_read_range(struct oro_session *se, const struct oro_table_def *def,
               const struct oro_index_def *ixd, const struct oro_range *range, struct oro_rows *out)
{
    struct oro_table *t = oro_table_of(se->store, def);
    const struct oro_index *ix = oro_index_of(t, ixd);
    struct oro_interval iv;
    oro_status st = oro_interval_make(se, ix, range, &iv);
    if (st == ORO_OK)
        oro_gather(se, NULL, t, ix, &iv, out);
    return st;
}

bool
oro_read_row(struct oro_session *se, const struct oro_table_def *def, struct oro_bytes key_or_row,
             struct oro_bytes *row)
{
    const struct oro_table *t = oro_table_of(se->store, def);
    struct oro_key k;
    struct oro_seen seen;
    oro_bb_clear(&se->key);
    if (t->pk != NULL)
        oro_index_key_of_values(t->pk, key_or_row, &se->key, &k);
    else
        oro_index_key_of_bytes(t->identity, key_or_row, &se->key, &k);
    oro_read_key(se, t->identity, &k, &seen);
    if (seen.row == NULL || (t->pk == NULL && !oro_row_same(seen.row, key_or_row)))
        return false;
    *row = oro_row_bytes(seen.row);
    return true;
}
