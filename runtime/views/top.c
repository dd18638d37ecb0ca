/* runtime/views/top.c - the first n rows of a condition along an index.
 *
 * What is remembered: how many there are, and the last one, if there may be others behind it: the answer's places end with its key.
 * So what stays behind it is never heard of. Rows that come or go before it are put or taken; then, if there are too many, the last
 * ones are found backwards from there, and if there are too few the next ones forwards. Where rows of one key are cut apart, which of
 * them are in is not said.
 *
 * A step that changes the count or the last row gives the answer another generation, so two of them at once conflict. */
#include "runtime/views/views_priv.h"

#define ROWS_FIRST 16 /* read at once beyond those that are wanted; then four times as many */

/* ---- what is staged ---- */

static void
state_copy(struct top_state *to, const struct top_state *from)
{
    *to = (struct top_state){.count = from->count, .full = from->full};
    if (from->full)
        oro_bb_put_bytes(&to->last, oro_bb_bytes(&from->last));
}

static void
set_last(struct top_state *s, struct oro_bytes row)
{
    s->full = true;
    oro_bb_clear(&s->last);
    oro_bb_put_bytes(&s->last, row);
}

static void
staged_drop(void *staged)
{
    struct top_state *s = staged;
    oro_bb_fini(&s->last);
    oro_free(s);
}

static bool
staged_holds(struct oro_view_live *l, const void *staged)
{
    return true; /* the answer's generation tells */
}

static void
staged_commit(struct oro_view_live *head, void *staged)
{
    struct live *l = (struct live *)head;
    struct top_state *s = staged, before = l->top;
    oro_spin_lock(&l->lock);
    l->top = *s;
    oro_spin_unlock(&l->lock);
    oro_bb_fini(&before.last);
    oro_free(s);
}

static void
top_free(struct oro_view_live *head)
{
    struct live *l = (struct live *)head;
    oro_bb_fini(&l->top.last);
    plan_free(l);
}

const struct oro_view_live_ops top_ops = {
    .holds = staged_holds, .commit = staged_commit, .drop = staged_drop, .free = top_free};

/* ---- walking along the index ---- */

struct walk {
    struct oro_tx *tx;
    const struct live *l;
    bool back;
    const struct oro_bytes *from;                   /* NULL: the beginning */
    bool (*visit)(void *arg, struct oro_bytes row); /* false: that is enough */
    void *arg;
    size_t *left; /* rows that may be looked at */
};

enum walked { WALK_ENOUGH, WALK_END, WALK_SPENT };

/* Rows that the condition holds for, in order. */
static enum walked
walk(const struct walk *w, size_t want)
{
    struct oro_range range = w->l->range;
    size_t seen = 0;
    range.reverse ^= w->back;
    for (range.limit = want + ROWS_FIRST;; range.limit *= 4) {
        struct oro_rows found;
        oro_status st = oro_tx_range_from(w->tx, w->l->table, w->l->order, &range, w->from, &found);
        ORO_ASSERT(st == ORO_OK);
        for (; seen < found.n; seen++) {
            if (!views_spend(w->left, 1))
                return WALK_SPENT;
            if (oro_query_matches(w->l->query, found.rows[seen]) &&
                !w->visit(w->arg, found.rows[seen]))
                return WALK_ENOUGH;
        }
        if (found.n < range.limit)
            return WALK_END;
    }
}

/* ---- the first time ---- */

struct taking {
    struct top_state *state;
    uint64_t most;
    struct oro_bb *out;
};

static bool
take_first(void *arg, struct oro_bytes row)
{
    struct taking *t = arg;
    rows_put(t->out, row);
    if (++t->state->count < t->most)
        return true;
    set_last(t->state, row);
    return false;
}

static oro_status
place(struct oro_tx *tx, const struct live *l, const struct top_state *s)
{
    struct oro_bytes last = oro_bb_bytes(&s->last);
    return oro_tx_view_place(tx, l->table, l->order, &l->range, s->full ? &last : NULL);
}

oro_status
top_begin(struct oro_tx *tx, struct live *l, struct oro_bb *out)
{
    struct taking t = {&l->top, l->most, out};
    size_t all = SIZE_MAX;
    struct walk w = {.tx = tx, .l = l, .visit = take_first, .arg = &t, .left = &all};
    (void)walk(&w, l->most < 4096 ? (size_t)l->most : 4096);
    return place(tx, l, &l->top);
}

/* ---- a step ---- */

struct stepping {
    struct following *f;
    struct top_state *state;
    oro_status st;
};

/* From the last one backwards: those that are too many go, and the one before them is the last. */
static bool
evict(void *arg, struct oro_bytes row)
{
    struct stepping *s = arg;
    if (s->state->count > s->f->l->most) {
        if (oro_tx_view_take(s->f->tx, s->f->i, row))
            s->state->count--;
        return true;
    }
    if (!oro_tx_view_has(s->f->tx, s->f->i, row))
        return true;
    set_last(s->state, row);
    return false;
}

static bool
fill(void *arg, struct oro_bytes row)
{
    struct stepping *s = arg;
    if (oro_tx_view_has(s->f->tx, s->f->i, row))
        return true;
    oro_tx_view_put(s->f->tx, s->f->i, row);
    if (++s->state->count < s->f->l->most)
        return true;
    set_last(s->state, row);
    return false;
}

static bool
apply_rows(struct stepping *s)
{
    const struct following *f = s->f;
    bool changes = false;
    for (size_t k = 0; k < f->n; k++) {
        if (!oro_query_matches(f->l->query, f->rows[k].row))
            continue;
        if (f->rows[k].insert) {
            oro_tx_view_put(f->tx, f->i, f->rows[k].row);
            s->state->count++;
        } else if (oro_tx_view_take(f->tx, f->i, f->rows[k].row)) {
            s->state->count--;
        } else {
            continue; /* one of those with the last key that are not in */
        }
        changes = true;
    }
    return changes;
}

/* Finds `want` rows. True: there were no more. */
static bool
find(struct stepping *s, bool (*visit)(void *arg, struct oro_bytes row), uint64_t want)
{
    struct oro_bb from = {0};
    oro_bb_put_bytes(&from, oro_bb_bytes(&s->state->last)); /* it is another one meanwhile */
    struct oro_bytes last = oro_bb_bytes(&from);
    struct walk w = {.tx = s->f->tx,
                     .l = s->f->l,
                     .from = s->state->full ? &last : NULL,
                     .back = visit == evict,
                     .visit = visit,
                     .arg = s,
                     .left = &s->f->left};
    enum walked end = walk(&w, want);
    oro_bb_fini(&from);
    if (end == WALK_SPENT)
        s->st = ORO_EFULL;
    return end == WALK_END;
}

/* What is remembered is not of the transaction's snapshot: there should have been one. */
static void
find_last(struct stepping *s, uint64_t want)
{
    if (find(s, evict, want))
        s->st = ORO_ECONFLICT;
}

/* True: the count or the last row is another one. */
static bool
settle(struct stepping *s, uint64_t before)
{
    struct top_state *state = s->state;
    uint64_t most = s->f->l->most;
    bool (*next)(void *arg, struct oro_bytes row) = fill;
#ifdef ORO_PLANT_NO_REFILL /* a bug that tests/views has to find */
    next = evict;
#endif
    if (state->count > most) {
        find_last(s, state->count - most);
    } else if (state->count < most && state->full) {
        if (find(s, next, most - state->count))
            state->full = false;
    } else if (state->count == most && !state->full) {
        find_last(s, 1); /* it is full now */
    } else {
        return state->count != before;
    }
    return true;
}

static oro_status
fail_step(oro_status st, struct oro_err *err)
{
    return st == ORO_ECONFLICT ? oro_err_set(err, st, "its rows changed meanwhile")
                               : views_fail_spent(err);
}

oro_status
top_step(struct following *f, struct oro_err *err)
{
    struct top_state *state = ORO_NEW(struct top_state);
    struct stepping s = {.f = f, .state = state};
    oro_spin_lock(&f->l->lock);
    state_copy(state, &f->l->top);
    oro_spin_unlock(&f->l->lock);
    uint64_t before = state->count;
    bool changes = apply_rows(&s);
    bool moved = changes && settle(&s, before);
    oro_status st = s.st != ORO_OK ? fail_step(s.st, err)
                    : moved        ? place(f->tx, f->l, state)
                                   : ORO_OK;
    if (!moved || st != ORO_OK) {
        staged_drop(state);
        state = NULL;
    }
    if (st == ORO_OK)
        oro_tx_view_followed(f->tx, f->i, changes, state);
    return st;
}
