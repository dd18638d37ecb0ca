/* Rows of a join: a way is followed source by source, each looked up by what is bound before it. No recursion but into row
 * filters, whose depth is that of the module's own text. */
#include "runtime/subs/join.h"

#include <string.h>

#define SIGHT_STEPS 100000 /* in which a row filter has to find out whether a row may be seen */
#define KEY_SMALL 256

uint32_t
join_steps_of_row(const struct join *j, unsigned src, struct oro_bytes row)
{
    return (uint32_t)query_row_steps(&j->src[src].only, row) + (j->rest != NULL);
}

/* ---- looking up ---- */

static struct oro_bytes
part_value(const struct join *j, const struct join_part *p, const struct oro_bytes *bound)
{
    if (p->constant)
        return p->value;
    const struct oro_type *row = j->src[p->src].only.table->row;
    const uint8_t *at = oro_value_column(row, bound[p->src].data, p->col);
    return oro_bytes(at, oro_value_len_trusted(row->elems[p->col].type, at));
}

static oro_status
read_more(const struct join_walk *w, const struct join_step *step, struct join_reading *r,
          struct oro_join_level *to, const struct oro_range *range)
{
    const struct oro_query *only = &w->join->src[step->src].only;
    const struct oro_index_def *ix = step->index;
    size_t n;
    if (ix == NULL && only->points == NULL) {
        ix = only->index;
        range = &only->range;
    }
    if (r->around)
        oro_read_turn(r->se, (w->before >> step->src & 1) != 0);
    oro_status st =
        oro_read_next(r->se, only->table, ix, range, &to->place, to->rows, ORO_JOIN_ROWS, &n);
    ORO_ASSERT(st == ORO_OK); /* score_step does not offer what an index cannot do */
    to->i = 0;
    to->n = (unsigned)n;
    return st;
}

/* The next rows of a step; the key is of one column mostly, and lies in a row. */
static oro_status
fetch(const struct join_walk *w, const struct join_step *step, struct join_reading *r,
      struct oro_join_level *to)
{
    struct oro_range range = {.nprefix = step->nparts};
    uint8_t small[KEY_SMALL], *key = small;
    struct oro_bytes values[8], *all = values;
    size_t len = 0;
    if (step->nparts == 1)
        range.prefix = part_value(w->join, &step->parts[0], w->place->bound);
    if (step->nparts <= 1)
        return read_more(w, step, r, to, &range);
    if (step->nparts > ORO_ARRAY_LEN(values))
        all = ORO_NEW_ARRAY(struct oro_bytes, step->nparts);
    for (unsigned i = 0; i < step->nparts; i++) {
        all[i] = part_value(w->join, &step->parts[i], w->place->bound);
        len += all[i].len;
    }
    if (len > sizeof(small))
        key = oro_alloc(len);
    range.prefix = oro_bytes(key, len);
    for (unsigned i = 0, at = 0; i < step->nparts; at += (unsigned)all[i++].len)
        memcpy(key + at, all[i].data, all[i].len);
    oro_status st = read_more(w, step, r, to, &range);
    if (key != small)
        oro_free(key);
    if (all != values)
        oro_free(all);
    return st;
}

/* ---- whether a combination is one ---- */

static bool
edge_holds(const struct join *j, const struct join_edge *e, const struct oro_bytes *bound)
{
    struct join_part a = {.src = e->a, .col = e->acol}, b = {.src = e->b, .col = e->bcol};
    return query_compare(e->leaf, part_value(j, &a, bound).data, part_value(j, &b, bound).data) ==
           0;
}

static bool
edges_hold(const struct join *j, unsigned src, unsigned with, const struct oro_bytes *bound)
{
    for (unsigned i = 0; i < j->nedges; i++) {
        const struct join_edge *e = &j->edges[i];
        bool its = e->a == src || e->b == src;
        if (its && (with & 1u << e->a) != 0 && (with & 1u << e->b) != 0 && !edge_holds(j, e, bound))
            return false;
    }
    return true;
}

static bool
rest_holds(const struct join *j, const struct oro_bytes *bound)
{
    for (const struct pred *p = j->rest; p != NULL; p = p->next)
        if (!query_rest_holds(j, p, bound))
            return false;
    return true;
}

/* ---- the walk ---- */

void
join_walk_begin(struct join_walk *w)
{
    struct oro_join_place *p = w->place;
    p->alone = w->join->n == 1;
    p->depth = w->join->n > 1 ? 1 : 0;
    if (p->depth > 0) {
        p->levels[0].place = (struct oro_place){0};
        p->levels[0].i = p->levels[0].n = 0;
    }
}

static unsigned
bound_mask(const struct join_walk *w, unsigned depth)
{
    unsigned mask = 0;
    for (unsigned i = 0; i <= depth; i++)
        mask |= 1u << w->way->steps[i].src;
    return mask;
}

/* The row is bound at the level where the walk stands: is the way right so far? */
static oro_status
fits_here(struct join_walk *w, struct join_reading *r, bool *fits)
{
    const struct join *j = w->join;
    struct oro_join_place *p = w->place;
    unsigned src = w->way->steps[p->depth].src;
    *fits = oro_query_matches(&j->src[src].only, p->bound[src]) &&
            edges_hold(j, src, bound_mask(w, p->depth), p->bound) &&
            (p->depth + 1 < j->n || rest_holds(j, p->bound));
    if (!*fits || j->src[src].sight == NULL)
        return ORO_OK;
    return join_sees(&j->src[src], p->bound[src], (w->before >> src & 1) != 0, r, fits);
}

/* One row further. *found: it completes a combination. */
static oro_status
step(struct join_walk *w, struct join_reading *r, bool *found)
{
    struct oro_join_place *p = w->place;
    struct oro_join_level *level = &p->levels[p->depth - 1];
    unsigned src = w->way->steps[p->depth].src;
    bool fits;
    if (level->i == level->n) {
        oro_status st = query_may_go_on(r->budget, r->err);
        if (level->place.ended) {
            p->depth--;
            return st;
        }
        if (st == ORO_OK)
            st = query_spend(r->budget, 1, r->err);
        return st != ORO_OK ? st : fetch(w, &w->way->steps[p->depth], r, level);
    }
    oro_status st =
        query_spend(r->budget, join_steps_of_row(w->join, src, level->rows[level->i]), r->err);
    if (st != ORO_OK)
        return st;
    p->bound[src] = level->rows[level->i];
    st = fits_here(w, r, &fits);
    if (st != ORO_OK)
        return st;
    level->i++;
    *found = fits && p->depth + 1 == w->join->n;
    if (fits && !*found) {
        level = &p->levels[p->depth++];
        level->place = (struct oro_place){0};
        level->i = level->n = 0;
    }
    return ORO_OK;
}

oro_status
join_walk_next(struct join_walk *w, struct join_reading *r, bool *found)
{
    struct oro_join_place *p = w->place;
    *found = p->alone;
    p->alone = false;
    oro_status st = ORO_OK;
    while (st == ORO_OK && !*found && p->depth > 0)
        st = step(w, r, found);
    return st;
}

/* ---- row filters ---- */

/* Whether the rule finds something for the row. */
static oro_status
rule_finds(const struct oro_query *rule, struct oro_bytes row, bool before, struct join_reading *r,
           bool *finds)
{
    const struct join *j = rule->join;
    struct oro_join_place place;
    struct join_walk w = {
        .join = j, .way = &j->way[j->shown], .before = before ? 0xff : 0, .place = &place};
    *finds = false;
    if (rule->never || !oro_query_matches(rule, row))
        return ORO_OK;
    place.bound[j->shown] = row;
    join_walk_begin(&w);
    return join_walk_next(&w, r, finds);
}

oro_status
join_sees(const struct join_source *src, struct oro_bytes row, bool before, struct join_reading *r,
          bool *sees)
{
    const struct sight *s = src->sight;
    bool all = r->budget->left >= SIGHT_STEPS;
    struct oro_budget own = {.left = all ? SIGHT_STEPS : r->budget->left, .stop = r->budget->stop};
    uint64_t cost = own.left;
    struct join_reading inner = {.se = r->se, .budget = &own, .around = r->around, .err = r->err};
    oro_status st = ORO_OK;
    *sees = s == NULL || (s->condition != NULL && oro_query_matches(s->condition, row));
    for (uint32_t i = 0; s != NULL && st == ORO_OK && !*sees && i < s->nrules; i++)
        st = rule_finds(s->rules[i], row, before, &inner, sees);
    cost -= own.left;
    r->budget->left -= cost;
    r->budget->spent |= own.spent && !all;
    if (own.spent && all)
        return oro_err_set(r->err, ORO_EFULL,
                           "a row filter of `%s` looks at too many rows for one: it needs an index "
                           "on the columns that it joins by",
                           src->only.table->name);
    return st;
}

oro_status
oro_query_sees(const struct oro_query *q, struct oro_session *se, struct oro_bytes row, bool *sees,
               struct oro_err *err)
{
    struct oro_budget budget = {.left = UINT64_MAX};
    struct join_reading r = {.se = se, .budget = &budget, .err = err};
    *sees = oro_query_matches(q, row);
    if (!*sees || q->join == NULL)
        return ORO_OK;
    return join_sees(&q->join->src[q->shown], row, false, &r, sees);
}

/* ---- the rows of a query ---- */

/* The next row of the source that a reading begins with. */
static oro_status
next_first(struct oro_query_cursor *c, struct join_reading *r, struct join_walk *w, bool *found)
{
    const struct join *j = w->join;
    struct oro_bytes row;
    bool sees = true;
    oro_status st =
        query_cursor_step(c, &j->src[j->first].only, r->se, r->budget, &row, found, r->err);
    if (st != ORO_OK || !*found)
        return st;
    if (j->src[j->first].sight != NULL)
        st = join_sees(&j->src[j->first], row, false, r, &sees);
    if (st != ORO_OK) {
        c->i--; /* once more, with another budget */
        return st;
    }
    if (!sees)
        return ORO_OK;
    c->walks = true;
    c->join.bound[j->first] = row;
    join_walk_begin(w);
    return ORO_OK;
}

oro_status
join_cursor_next(struct oro_query_cursor *c, struct oro_session *se, struct oro_budget *budget,
                 struct oro_bytes *row, bool *found, struct oro_err *err)
{
    const struct join *j = c->query->join;
    struct join_reading r = {.se = se, .budget = budget, .err = err};
    struct join_walk w = {.join = j, .way = &j->way[j->first], .place = &c->join};
    *found = false;
    for (;;) {
        bool more = true;
        oro_status st = c->walks ? join_walk_next(&w, &r, found) : next_first(c, &r, &w, &more);
        if (st != ORO_OK || !more)
            return st;
        if (*found) {
            *row = c->join.bound[c->query->shown];
            return ORO_OK;
        }
        if (c->walks && c->join.depth == 0 && !c->join.alone)
            c->walks = false;
    }
}
