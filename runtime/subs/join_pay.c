/* Whose work joins are. What a commit means for one is looked up in the store, and how much that is its subscriber has chosen: so it
 * is counted for him, by the second, and where all of it is more than a shard has time for, those who have had most of it go. */
#include "runtime/subs/subs_priv.h"

#include "runtime/base/clock.h"

#include <stdlib.h>

/* Steps a second, and how many may be saved up: of one subscriber some fiftieth of the thread's time, of all a fifth. */
#define ONE_RATE 2000000
#define ONE_MOST 2000000
#define ALL_RATE 20000000
#define ALL_MOST 4000000
#define LOOKED_AT 16 /* subscribers of one query, for who can pay for it */

struct payer {
    uint64_t who;
    unsigned refs; /* connections of his */
    uint64_t left;
    int64_t at_us; /* of left */
    uint64_t epoch;
    uint32_t turns; /* then: joins of his that have had one */
};

static uint64_t
refilled(uint64_t left, uint64_t most, uint64_t rate, int64_t us)
{
    if (us >= 1000000 || us < 0)
        us = 1000000;
    left += (uint64_t)us * rate / 1000000;
    return left < most ? left : most;
}

void
oro_subs_clock(struct oro_subs *s, const int64_t *us)
{
    s->clock_us = us;
}

static int64_t
now_us(const struct oro_subs *s)
{
    return s->clock_us != NULL ? *s->clock_us : oro_mono_us();
}

/* ---- who ---- */

static void
leave(struct oro_subs *s, struct payer *p)
{
    if (p == NULL || --p->refs > 0)
        return;
    oro_map_del_u64(&s->payers, p->who);
    oro_free(p);
}

static struct payer *
join(struct oro_subs *s, uint64_t who)
{
    struct payer *p = oro_map_get_u64(&s->payers, who);
    if (p == NULL) {
        p = ORO_NEW(struct payer);
        *p = (struct payer){.who = who, .left = ONE_MOST, .at_us = now_us(s)};
        oro_map_put_u64(&s->payers, who, p);
    }
    p->refs++;
    return p;
}

static void
become(struct oro_subs *s, struct subs_conn *c, uint64_t who)
{
    struct payer *before = c->payer;
    if (before != NULL && before->who == who)
        return;
    c->payer = join(s, who);
    leave(s, before);
}

void
subs_pays(struct oro_subs *s, struct subs_conn *c, const struct oro_query_asker *who)
{
    c->who = *who;
    become(s, c, now_us(s) < who->known_us ? who->newcomers : who->identity);
}

void
subs_pays_no_more(struct oro_subs *s, struct subs_conn *c)
{
    leave(s, c->payer);
    c->payer = NULL;
}

/* ---- what they have ---- */

void
subs_pay_begin(struct oro_subs *s)
{
    int64_t now = now_us(s);
    s->pay_left = refilled(s->pay_at_us == 0 ? ALL_MOST : s->pay_left, ALL_MOST, ALL_RATE,
                           now - s->pay_at_us);
    s->pay_at_us = now;
}

static void
refill(struct oro_subs *s, struct payer *p)
{
    p->left = refilled(p->left, ONE_MOST, ONE_RATE, s->pay_at_us - p->at_us);
    p->at_us = s->pay_at_us;
}

struct payer *
subs_payer(struct oro_subs *s, const struct live_query *q)
{
    struct payer *best = NULL;
    for (size_t i = 0; i < q->nsubs && i < LOOKED_AT; i++) {
        struct subs_conn *c = q->subs[i].set->conn;
        if (c->payer->who != c->who.identity && s->pay_at_us >= c->who.known_us)
            become(s, c, c->who.identity);
        refill(s, c->payer);
        if (best == NULL || c->payer->left > best->left)
            best = c->payer;
    }
    return best;
}

uint64_t
subs_may_pay(const struct oro_subs *s, const struct payer *p, bool much)
{
    if (!much)
        return p->left;
    uint64_t had = ONE_MOST - p->left, left = s->pay_left;
    return had > left ? 0 : p->left < left ? p->left : left;
}

void
subs_paid(struct oro_subs *s, struct payer *p, uint64_t steps)
{
    p->left -= steps < p->left ? steps : p->left;
    s->pay_left -= steps < s->pay_left ? steps : s->pay_left;
}

/* ---- turns ---- */

static int
compare_turns(const void *a, const void *b)
{
    const struct live_query *const *x = a, *const *y = b;
    return ((*x)->turn > (*y)->turn) - ((*x)->turn < (*y)->turn);
}

void
subs_pay_turns(struct oro_subs *s, struct live_query **joins, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct payer *p = subs_payer(s, joins[i]);
        if (p->epoch != s->epoch)
            p->turns = 0;
        p->epoch = s->epoch;
        joins[i]->turn = p->turns++;
    }
    if (n > 1)
        qsort(joins, n, sizeof(*joins), compare_turns);
}
