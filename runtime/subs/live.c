/* The places of live queries: in which lists of which tables a changed row finds them. */
#include "runtime/subs/subs_priv.h"

#include <string.h>

static struct subs_table *
table_of(struct oro_subs *s, const struct oro_table_def *def)
{
    return &s->tables[def - s->schema->tables];
}

/* ---- lists of live queries ---- */

static void
list_add(struct query_list *l, struct live_place *p)
{
    l->items = oro_grow(l->items, l->n, &l->cap, sizeof(struct live_place *));
    p->list = l;
    p->list_pos = l->n;
    l->items[l->n++] = p;
}

static void
list_remove(struct live_place *p)
{
    struct query_list *l = p->list;
    struct live_place *moved = l->items[--l->n];
    l->items[p->list_pos] = moved;
    moved->list_pos = p->list_pos;
    p->list = NULL;
}

static struct eq_column *
eq_column(struct subs_table *t, uint16_t col)
{
    for (size_t i = 0; i < t->neq; i++)
        if (t->eq[i].col == col)
            return &t->eq[i];
    t->eq = oro_grow(t->eq, t->neq, &t->eq_cap, sizeof(*t->eq));
    t->eq[t->neq] = (struct eq_column){.col = col};
    return &t->eq[t->neq++];
}

static struct ranges *
range_column(struct subs_table *t, uint16_t col)
{
    for (size_t i = 0; i < t->nranges; i++)
        if (t->ranges[i].col == col)
            return &t->ranges[i].ranges;
    t->ranges = oro_grow(t->ranges, t->nranges, &t->ranges_cap, sizeof(*t->ranges));
    t->ranges[t->nranges] = (struct range_column){
        .col = col, .ranges = {.leaf = query_leaf_type(t->def->row->elems[col].type)}};
    return &t->ranges[t->nranges++].ranges;
}

static void
place_between(struct live_place *p)
{
    const struct pred *from = p->only->from, *to = p->only->to;
    p->range_col = p->only->range_column;
    if (from != NULL) {
        p->between.lo = from->value;
        p->between.lo_open = from->op == SQL_GT;
    }
    if (to != NULL) {
        p->between.hi = to->value;
        p->between.hi_open = to->op == SQL_LT;
    }
    ranges_add(range_column(p->table, (uint16_t)p->range_col), &p->between);
}

/* The one of its equalities that finds the fewest others: what all of them have in common finds all. */
static void
choose_point(struct live_place *p)
{
    size_t best = SIZE_MAX;
    p->eq_col = oro_query_eq_column(p->only, &p->eq_value);
    const struct pred *i = p->eq_col >= 0 ? query_next_point(p->only, NULL) : NULL;
    for (; i != NULL; i = query_next_point(p->only, i)) {
        const struct eq_bucket *b = oro_map_get(&eq_column(p->table, i->col)->buckets, i->value);
        size_t n = b != NULL ? b->list.n : 0;
        if (n > best || (n == best && i->col != oro_query_eq_column(p->only, NULL)))
            continue;
        best = n;
        p->eq_col = i->col;
        p->eq_value = i->value;
    }
}

static void
place_open(struct live_place *p)
{
    choose_point(p);
    p->range_col = -1;
    if (p->eq_col >= 0) {
        struct eq_column *e = eq_column(p->table, (uint16_t)p->eq_col);
        p->bucket = oro_map_get(&e->buckets, p->eq_value);
        if (p->bucket == NULL) {
            p->bucket = ORO_NEW(struct eq_bucket);
            oro_map_put(&e->buckets, p->eq_value, p->bucket);
        }
        list_add(&p->bucket->list, p);
    } else if (p->only->range_column >= 0) {
        place_between(p);
    } else if (oro_query_has_condition(p->only)) {
        list_add(&p->table->filtered, p);
    } else {
        list_add(&p->table->plain, p);
    }
}

static void
place_close(struct live_place *p)
{
    if (p->range_col >= 0) {
        ranges_remove(range_column(p->table, (uint16_t)p->range_col), &p->between);
        return;
    }
    list_remove(p);
    if (p->bucket == NULL || p->bucket->list.n > 0)
        return;
    oro_map_del(&eq_column(p->table, (uint16_t)p->eq_col)->buckets, p->eq_value);
    oro_free(p->bucket->list.items);
    oro_free(p->bucket);
}

/* ---- of joins ---- */

static unsigned count_watches(const struct sight *s);

static unsigned
count_rule(const struct join *j)
{
    unsigned n = j->n - 1;
    for (unsigned i = 0; i < j->n; i++)
        n += i != j->shown ? count_watches(j->src[i].sight) : 0;
    return n;
}

static unsigned
count_watches(const struct sight *s)
{
    unsigned n = 0;
    for (uint32_t i = 0; s != NULL && i < s->nrules; i++)
        n += count_rule(s->rules[i]->join);
    return n;
}

static void
add_place(struct oro_subs *s, struct live_query *q, const struct join_source *of, unsigned src,
          const struct watch *watch)
{
    struct live_place *p = &q->places[q->nplaces++];
    *p = (struct live_place){.live = q,
                             .table = table_of(s, of->only.table),
                             .only = &of->only,
                             .src = (uint8_t)src,
                             .watch = watch};
    place_open(p);
}

/* The tables that the filters of a source look into, and those that their filters do. */
static void
add_watches(struct oro_subs *s, struct live_query *q, const struct sight *sight, unsigned src,
            const struct watch *up)
{
    for (uint32_t i = 0; sight != NULL && i < sight->nrules; i++) {
        const struct join *j = sight->rules[i]->join;
        for (unsigned k = 0; k < j->n; k++) {
            if (k == j->shown)
                continue;
            struct watch *w = oro_arena_alloc(&q->arena, sizeof(*w));
            *w = (struct watch){.rule = j, .from = (uint8_t)k, .src = (uint8_t)src, .up = up};
            add_place(s, q, &j->src[k], src, w);
            add_watches(s, q, j->src[k].sight, src, w);
        }
    }
}

static void
open_join(struct oro_subs *s, struct live_query *q)
{
    const struct join *j = q->query->join;
    unsigned n = j->n;
    for (unsigned i = 0; i < j->n; i++)
        n += count_watches(j->src[i].sight);
    q->places = ORO_NEW_ARRAY(struct live_place, n);
    q->nplaces = 0;
    for (unsigned i = 0; i < j->n; i++) {
        add_place(s, q, &j->src[i], i, NULL);
        add_watches(s, q, j->src[i].sight, i, NULL);
    }
    ORO_ASSERT(q->nplaces == n && s->store != NULL);
    if (s->looks == NULL)
        s->looks = oro_session_open(s->store);
    s->njoins++;
}

void
subs_places_open(struct oro_subs *s, struct live_query *q)
{
    oro_arena_init(&q->arena);
    q->table = table_of(s, oro_query_table(q->query));
    if (q->query->join != NULL) {
        open_join(s, q);
        return;
    }
    q->one = (struct live_place){.live = q, .table = q->table, .only = q->query};
    q->places = &q->one;
    q->nplaces = 1;
    place_open(&q->one);
}

void
subs_places_close(struct oro_subs *s, struct live_query *q)
{
    for (unsigned i = 0; i < q->nplaces; i++)
        place_close(&q->places[i]);
    if (q->query->join != NULL) {
        oro_free(q->places);
        s->njoins--;
    }
    oro_arena_fini(&q->arena);
}

#define LOOK_UP_TERMS 8 /* what a look into another table costs beside a comparison */

uint32_t
subs_live_weight(const struct live_query *q)
{
    uint32_t n = 0;
    if (q->query->join == NULL)
        return oro_query_weight(q->query) - (q->places[0].bucket != NULL);
    for (unsigned i = 0; i < q->nplaces; i++)
        n += oro_query_weight(q->places[i].only) - (q->places[i].bucket != NULL) + LOOK_UP_TERMS;
    return n;
}
