/* What a join sees of a commit. For result R1 x R2 x ... the difference is the sum, over its sources, of
 *
 *     (sources ranked below, after the commit) x (what changed in this one, signed) x (sources ranked above, before it)
 *
 * so that rows which change on several sides at once are counted once; both states are read in the store, which the
 * cursor at the record holds. Where row filters look into other tables, what has changed in a source is also the rows that came
 * into sight, or went out of it, without having changed themselves. */
#include "runtime/subs/subs_priv.h"

#include <stdio.h>
#include <string.h>

/* What one join may look at for one commit, beside what each changed row of it may: some ten milliseconds. First each has the little
 * one, with which nearly all are done; those that are not come behind, in turns (join_pay.c). */
#define JOIN_STEPS 100000
#define JOIN_STEPS_ROW 64
#define JOIN_STEPS_LITTLE 1000
#define TALLIES_KEPT 4096

struct delta {
    struct oro_subs *s;
    struct live_query *q;
    const struct join *j;
    const struct oro_commit *commit;
    struct join_reading r;
    struct oro_map done; /* candidates that were looked at: address of the row */
};

void
subs_touch(struct oro_subs *s, const struct live_place *p, bool insert, struct oro_bytes row)
{
    struct live_query *q = p->live;
    s->touches = oro_grow(s->touches, s->ntouches, &s->touches_cap, sizeof(*s->touches));
    uint32_t at = (uint32_t)s->ntouches++;
    s->touches[at] = (struct touch){p, row, insert, NOTICE_NONE};
    if (q->touch_epoch == s->epoch) {
        s->touches[q->last_touch].next = at;
    } else {
        q->touch_epoch = s->epoch;
        q->first_touch = at;
        s->joins =
            oro_grow(s->joins, s->ntouched_joins, &s->joins_cap, sizeof(struct live_query *));
        s->joins[s->ntouched_joins++] = q;
    }
    q->last_touch = at;
}

/* ---- adding up ---- */

static void
tally(struct oro_subs *s, struct oro_bytes row, int64_t more)
{
    uintptr_t at = (uintptr_t)oro_map_get(&s->tally_of, row);
    if (at == 0) {
        s->tallies = oro_grow(s->tallies, s->ntallies, &s->tallies_cap, sizeof(*s->tallies));
        s->tallies[s->ntallies++] = (struct tally){row, 0};
        at = s->ntallies;
        oro_map_put(&s->tally_of, row, (void *)at);
    }
    s->tallies[at - 1].more += more;
}

/* Every combination of a changed row of source src. */
static oro_status
combine(struct delta *d, unsigned src, struct oro_bytes row, int sign)
{
    struct oro_join_place place;
    struct join_walk w = {.join = d->j, .way = &d->j->way[src], .place = &place};
    bool found = true;
    for (unsigned i = 0; i < d->j->n; i++)
        if (d->j->src[i].rank > d->j->src[src].rank)
            w.before |= (uint8_t)(1u << i);
#ifdef ORO_PLANT_ONE_STATE /* a bug that tests/subs/test_differential.c has to find */
    w.before = 0;
#endif
    place.bound[src] = row;
    join_walk_begin(&w);
    while (found) {
        oro_status st = join_walk_next(&w, &d->r, &found);
        if (st != ORO_OK)
            return st;
        if (found)
            tally(d->s, place.bound[d->q->query->shown], sign);
    }
    return ORO_OK;
}

/* ---- rows that come into sight ---- */

/* Whether the commit has put or taken this very version: then the record says so already. */
static bool
is_changed(const struct delta *d, const struct oro_table_def *t, struct oro_bytes row)
{
    for (uint32_t i = 0; i < d->commit->nops; i++) {
        const struct oro_op *op = &d->commit->ops[i];
        if (op->kind != ORO_OP_SEQUENCE && op->table == t &&
            oro_row_bytes(op->row).data == row.data)
            return true;
    }
    return false;
}

/* A row of source src, which may be shown or hidden by what changed elsewhere. */
static oro_status
reconsider(struct delta *d, unsigned src, struct oro_bytes row)
{
    const struct join_source *of = &d->j->src[src];
    bool was, is;
    if (!oro_query_matches(&of->only, row) ||
        oro_map_put_u64(&d->done, (uintptr_t)row.data << 2 | src, d) != NULL)
        return ORO_OK;
    oro_status st = query_spend(d->r.budget, d->commit->nops / 16, d->r.err);
    if (st != ORO_OK || is_changed(d, of->only.table, row))
        return st;
    st = join_sees(of, row, true, &d->r, &was);
    if (st == ORO_OK)
        st = join_sees(of, row, false, &d->r, &is);
    return st != ORO_OK || was == is ? st : combine(d, src, row, is ? 1 : -1);
}

/* The rows whose filters look at this row of a watched table, in one state. */
static oro_status
follow(struct delta *d, const struct watch *w, struct oro_bytes row, bool before)
{
    struct oro_join_place place;
    struct join_walk walk = {.join = w->rule,
                             .way = &w->rule->way[w->from],
                             .before = before ? 0xff : 0,
                             .place = &place};
    bool found = true;
    place.bound[w->from] = row;
    join_walk_begin(&walk);
    while (found) {
        oro_status st = join_walk_next(&walk, &d->r, &found);
        if (st == ORO_OK && found)
            st = w->up == NULL ? reconsider(d, w->src, place.bound[w->rule->shown])
                               : follow(d, w->up, place.bound[w->rule->shown], before);
        if (st != ORO_OK)
            return st;
    }
    return ORO_OK;
}

/* ---- a live query ---- */

static oro_status
apply_touch(struct delta *d, const struct touch *t)
{
    const struct live_place *p = t->place;
    const struct join_source *of = &d->j->src[p->src];
    bool sees = true;
#ifdef ORO_PLANT_UNWATCHED
    if (p->watch != NULL)
        return ORO_OK;
#endif
    if (p->watch != NULL) {
        oro_status st = follow(d, p->watch, t->row, false);
        return st != ORO_OK ? st : follow(d, p->watch, t->row, true);
    }
    if (of->sight != NULL) {
        oro_status st = join_sees(of, t->row, !t->insert, &d->r, &sees);
        if (st != ORO_OK)
            return st;
    }
    return sees ? combine(d, p->src, t->row, t->insert ? 1 : -1) : ORO_OK;
}

static void
lose(struct oro_subs *s, struct live_query *q, const struct oro_err *why)
{
    if (q->lost_why[0] != '\0')
        return;
    snprintf(q->lost_why, sizeof(q->lost_why), "the subscription has ended: %.150s", why->text);
    s->losses = oro_grow(s->losses, s->nlosses, &s->losses_cap, sizeof(struct live_query *));
    s->losses[s->nlosses++] = q;
}

static void
tallies_clear(struct oro_subs *s)
{
    if (s->tally_of.cap > TALLIES_KEPT) {
        oro_map_fini(&s->tally_of);
    } else {
        for (size_t i = 0; i < s->ntallies; i++)
            (void)oro_map_del(&s->tally_of, s->tallies[i].row);
    }
    s->ntallies = 0;
}

/* False: the little was not enough. */
static bool
apply_join(struct oro_subs *s, struct live_query *q, const struct oro_commit *commit, bool much,
           void (*add)(struct oro_subs *s, struct live_query *q, bool insert, struct oro_bytes row))
{
    struct oro_err err = {0};
    struct payer *payer = subs_payer(s, q);
    struct oro_budget budget = {.left = much ? JOIN_STEPS : JOIN_STEPS_LITTLE};
    struct delta d = {.s = s, .q = q, .j = q->query->join, .commit = commit};
    d.r = (struct join_reading){.se = s->looks, .budget = &budget, .around = true, .err = &err};
    uint32_t n = 0;
    for (uint32_t i = q->first_touch; i != NOTICE_NONE; i = s->touches[i].next)
        n++;
    budget.left += (uint64_t)n * JOIN_STEPS_ROW;
    uint64_t may = subs_may_pay(s, payer, much), all = budget.left < may ? budget.left : may;
    budget.left = all;
    oro_status st = ORO_OK;
    for (uint32_t i = q->first_touch; st == ORO_OK && i != NOTICE_NONE; i = s->touches[i].next)
        st = apply_touch(&d, &s->touches[i]);
    s->evaluated += all - budget.left;
    subs_paid(s, payer, all - budget.left);
    for (size_t i = 0; st == ORO_OK && i < s->ntallies; i++)
        for (int64_t k = s->tallies[i].more; k != 0; k -= k > 0 ? 1 : -1)
            add(s, q, k > 0, s->tallies[i].row);
    bool again = st != ORO_OK && budget.spent && !much;
    if (st != ORO_OK && !again)
        lose(s, q, &err);
    tallies_clear(s);
    oro_map_fini(&d.done);
    return !again;
}

void
subs_joins_apply(struct oro_subs *s, const struct oro_commit *commit,
                 void (*add)(struct oro_subs *s, struct live_query *q, bool insert,
                             struct oro_bytes row))
{
    if (s->ntouched_joins == 0)
        return;
    size_t more = 0;
    subs_pay_begin(s);
    oro_read_begin_around(s->looks, commit);
    for (size_t i = 0; i < s->ntouched_joins; i++)
        if (!apply_join(s, s->joins[i], commit, false, add))
            s->joins[more++] = s->joins[i];
    subs_pay_turns(s, s->joins, more);
    for (size_t i = 0; i < more; i++)
        (void)apply_join(s, s->joins[i], commit, true, add);
    oro_read_end(s->looks);
    s->ntouched_joins = s->ntouches = 0;
}
