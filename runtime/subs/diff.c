/* One commit against the live queries: which of them see which rows, and whose connections they are.
 * Cost: the changed rows times the queries that could match them, plus the connections that receive something. */
#include "runtime/subs/set_rows_priv.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/bsatn/value.h"
#include "runtime/base/annot.h"

/* Scratch memory above this is given back after the commit that needed it. */
#define KEEP_ROWS (256u << 10)

/* ---- rows to live queries ---- */

static struct change *
change_of(struct oro_subs *s, struct live_query *q)
{
    if (q->epoch == s->epoch)
        return &s->changes[q->change];
    s->changes = oro_grow(s->changes, s->nchanges, &s->changes_cap, sizeof(*s->changes));
    struct change *c = &s->changes[s->nchanges];
    if (s->nchanges == s->changes_made) {
        *c = (struct change){0};
        s->changes_made++;
    }
    c->live = q;
    subs_forget_initial(s, q);
    q->epoch = s->epoch;
    q->change = (uint32_t)s->nchanges++;
    return c;
}

static void
add_row(struct oro_subs *s, struct live_query *q, bool insert, struct oro_bytes row)
{
    struct change *c = change_of(s, q);
    oro_row_list_add(insert ? &c->inserts : &c->deletes, oro_table_seen(q->table->def, row));
}

static void
meet(struct oro_subs *s, const struct live_place *p, bool insert, struct oro_bytes row)
{
    if (oro_query_is_alone(p->live->query))
        add_row(s, p->live, insert, row);
    else
        subs_touch(s, p, insert, row);
}

static void
match_place(struct oro_subs *s, const struct live_place *p, bool insert, struct oro_bytes row)
{
    s->evaluated += oro_query_weight(p->only);
    if (!oro_query_matches(p->only, row))
        return;
    s->matched++;
    meet(s, p, insert, row);
}

static void
match_list(struct oro_subs *s, const struct query_list *l, bool insert, struct oro_bytes row)
{
    for (size_t i = 0; i < l->n; i++)
        match_place(s, l->items[i], insert, row);
}

struct matching {
    struct oro_subs *s;
    bool insert;
    struct oro_bytes row;
};

static void
match_between(void *arg, struct range_node *n)
{
    const struct matching *m = arg;
    match_place(m->s, ORO_CONTAINER_OF(n, struct live_place, between), m->insert, m->row);
}

static struct oro_bytes
column_value(const struct subs_table *t, uint16_t col, struct oro_bytes row)
{
    const struct oro_type *type = t->def->row;
    const uint8_t *p = oro_value_column(type, row.data, col);
    return oro_bytes(p, oro_value_len_trusted(type->elems[col].type, p));
}

static void
match_row(struct oro_subs *s, struct subs_table *t, bool insert, struct oro_bytes row)
{
    for (size_t i = 0; i < t->plain.n; i++)
        meet(s, t->plain.items[i], insert, row);
    for (size_t i = 0; i < t->neq; i++) {
        const struct eq_column *e = &t->eq[i];
        if (oro_map_len(&e->buckets) == 0)
            continue;
        struct eq_bucket *b = oro_map_get(&e->buckets, column_value(t, e->col, row));
        if (b != NULL)
            match_list(s, &b->list, insert, row);
    }
    for (size_t i = 0; i < t->nranges; i++) {
        struct matching m = {s, insert, row};
        const struct range_column *r = &t->ranges[i];
        const uint8_t *value = oro_value_column(t->def->row, row.data, r->col);
        s->evaluated += ranges_find(&r->ranges, value, match_between, &m);
    }
    match_list(s, &t->filtered, insert, row);
}

static void
match_commit(struct oro_subs *s, const struct oro_commit *commit)
{
    for (uint32_t i = 0; i < commit->nops; i++) {
        const struct oro_op *op = &commit->ops[i];
        if (op->kind != ORO_OP_INSERT && op->kind != ORO_OP_DELETE)
            continue;
        size_t slot = (size_t)(op->table - s->schema->tables);
        ORO_ASSERT(slot < s->schema->ntables);
        match_row(s, &s->tables[slot], op->kind == ORO_OP_INSERT, oro_row_bytes(op->row));
    }
}

/* ---- live queries to connections ---- */

static void
notify(struct oro_subs *s, const struct subscriber *sub, uint32_t change)
{
    struct subs_conn *c = sub->set->conn;
    if (c->frozen && c != s->only)
        return;
    s->notices = oro_grow(s->notices, s->nnotices, &s->notices_cap, sizeof(*s->notices));
    uint32_t at = (uint32_t)s->nnotices++;
    s->notices[at] = (struct notice){sub->set, sub->member, change, NOTICE_NONE};
    if (c->epoch == s->epoch) {
        s->notices[c->last].next = at;
    } else {
        c->epoch = s->epoch;
        c->first = at;
        s->touched = oro_grow(s->touched, s->ntouched, &s->touched_cap, sizeof(struct subs_conn *));
        s->touched[s->ntouched++] = c;
    }
    c->last = at;
}

static const struct live_query *
live_of(const struct notice *n)
{
    return n->set->members[n->member].live;
}

/* Query sets by id, then tables by name, then queries as the client wrote them. */
static int
compare_notices(const void *a, const void *b)
{
    const struct notice *x = *(const struct notice *const *)a,
                        *y = *(const struct notice *const *)b;
    if (x->set->id != y->set->id)
        return x->set->id < y->set->id ? -1 : 1;
    uint32_t rx = live_of(x)->table->rank, ry = live_of(y)->table->rank;
    if (rx != ry)
        return rx < ry ? -1 : 1;
    return (x->member > y->member) - (x->member < y->member);
}

static size_t
sort_notices(struct oro_subs *s, const struct subs_conn *c)
{
    size_t n = 0;
    for (uint32_t i = c->first; i != NOTICE_NONE; i = s->notices[i].next) {
        s->sorted = oro_grow(s->sorted, n, &s->sorted_cap, sizeof(struct notice *));
        s->sorted[n++] = &s->notices[i];
    }
    qsort(s->sorted, n, sizeof(struct notice *), compare_notices);
    return n;
}

static void
tell(struct oro_subs *s, const struct subs_conn *c, oro_subs_emit emit, void *arg)
{
    size_t n = sort_notices(s, c);
    for (size_t i = 0; i < n; i++) {
        const struct notice *no = s->sorted[i];
        s->told = oro_grow(s->told, i, &s->told_cap, sizeof(*s->told));
        s->told[i] = (struct oro_subs_notice){no->set->id, &s->changes[no->change].seen};
    }
    emit(arg, c->id, s->told, n);
}

/* The changes lie where they will lie until all has been told. */
static void
show_changes(struct oro_subs *s)
{
    for (size_t i = 0; i < s->nchanges; i++) {
        struct change *c = &s->changes[i];
        c->seen.table = c->live->table->def;
        c->seen.inserts = &c->inserts;
        c->seen.deletes = &c->deletes;
    }
}

static void
emit_all(struct oro_subs *s, oro_subs_emit emit, void *arg)
{
    show_changes(s);
    for (size_t i = 0; i < s->ntouched; i++) {
        struct subs_conn *c = s->touched[i];
        if (c->dropped)
            continue;
        if (c->first != c->last) {
            tell(s, c, emit, arg);
            continue;
        }
        const struct notice *only = &s->notices[c->first]; /* the frequent case */
        struct oro_subs_notice notice = {only->set->id, &s->changes[only->change].seen};
        emit(arg, c->id, &notice, 1);
    }
}

static void
clear_list(struct oro_row_list *l)
{
    if (l->rows.cap > KEEP_ROWS || l->cap > KEEP_ROWS / 8)
        oro_row_list_fini(l);
    else
        oro_row_list_clear(l);
}

static void
finish(struct oro_subs *s)
{
    for (size_t i = 0; i < s->nchanges; i++) {
        clear_list(&s->changes[i].inserts);
        clear_list(&s->changes[i].deletes);
        for (unsigned f = 0; f < ORO_SUBS_FORMATS; f++)
            oro_parts_fini(&s->changes[i].seen.made[f]);
    }
    const struct subs_conn *only = s->only;
    s->nchanges = s->nnotices = s->ntouched = 0;
    s->only = NULL;
    for (size_t i = 0; i < s->ndropped; i++)
        only = s->dropped[i] == only ? NULL : only;
    if (s->nlosses > 0)
        subs_end_lost(s, only);
    s->applying = false;
    while (s->ndropped > 0)
        subs_conn_free(s, s->dropped[--s->ndropped]);
}

void
oro_subs_apply(struct oro_subs *s, const struct oro_commit *c, oro_subs_emit emit, void *arg)
{
    if (c->nops == 0 || oro_map_len(&s->by_text) == 0)
        return;
    s->epoch++;
    s->applying = true;
    match_commit(s, c);
    subs_joins_apply(s, c, add_row);
    for (uint32_t i = 0; i < s->nchanges; i++) {
        struct live_query *q = s->changes[i].live;
        for (size_t k = 0; k < q->nsubs; k++)
            notify(s, &q->subs[k], i);
    }
    emit_all(s, emit, arg);
    finish(s);
}

/* ---- for one connection ---- */

static void
match_ops(struct oro_subs *s, const struct live_place *p, const struct oro_commit *commit)
{
    for (uint32_t i = 0; i < commit->nops; i++) {
        const struct oro_op *op = &commit->ops[i];
        if ((op->kind != ORO_OP_INSERT && op->kind != ORO_OP_DELETE) || op->table != p->table->def)
            continue;
        s->evaluated += oro_query_weight(p->only);
        if (oro_query_matches(p->only, oro_row_bytes(op->row)))
            meet(s, p, op->kind == ORO_OP_INSERT, oro_row_bytes(op->row));
    }
}

static void
match_member(struct oro_subs *s, struct live_query *q, const struct oro_commit *commit)
{
    bool matched = q->epoch == s->epoch || q->touch_epoch == s->epoch;
    for (unsigned i = 0; !matched && i < q->nplaces; i++)
        match_ops(s, &q->places[i], commit);
}

static void
notify_member(struct oro_subs *s, struct query_set *set, uint32_t member)
{
    struct live_query *q = set->members[member].live;
    struct subscriber sub = {set, member};
    if (q->epoch == s->epoch)
        notify(s, &sub, q->change);
}

/* A query in two of its sets is matched once and told twice. */
void
oro_subs_apply_to(struct oro_subs *s, oro_conn_id conn, const struct oro_commit *commit,
                  oro_subs_emit emit, void *arg)
{
    struct subs_conn *c = oro_map_get_u64(&s->conns, conn);
    if (commit->nops == 0 || c == NULL || c->nsets == 0)
        return;
    s->epoch++;
    s->applying = true;
    s->only = c;
    for (size_t i = 0; i < c->nsets; i++)
        for (uint32_t m = 0; m < c->sets[i]->nmembers; m++)
            match_member(s, c->sets[i]->members[m].live, commit);
    subs_joins_apply(s, commit, add_row);
    for (size_t i = 0; i < c->nsets; i++)
        for (uint32_t m = 0; m < c->sets[i]->nmembers; m++)
            notify_member(s, c->sets[i], m);
    emit_all(s, emit, arg);
    finish(s);
}
