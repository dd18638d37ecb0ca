/* A typed query as an object: its memory, its count of references, and what may be asked of it. */
#include "runtime/subs/query_type.h"

#include <string.h>

struct oro_query *
query_new(void)
{
    struct oro_query *q = ORO_NEW(struct oro_query);
    atomic_init(&q->refs, 1);
    oro_arena_init(&q->arena);
    return q;
}

struct oro_bytes
query_keep(struct oro_query *q, struct oro_bytes b)
{
    if (b.len == 0)
        return oro_bytes("", 0);
    uint8_t *p = oro_arena_alloc(&q->arena, b.len);
    memcpy(p, b.data, b.len);
    return oro_bytes(p, b.len);
}

struct pred *
query_new_pred(struct typing *ty, enum pred_kind kind)
{
    struct pred *p = oro_arena_alloc(&ty->q->arena, sizeof(*p));
    *p = (struct pred){.kind = kind};
    return p;
}

void
query_free_sight(struct sight *s)
{
    if (s == NULL)
        return;
    oro_query_free(s->condition);
    for (uint32_t i = 0; i < s->nrules; i++)
        oro_query_free(s->rules[i]);
}

void
query_free_join(struct oro_query *q)
{
    for (unsigned i = 0; q->join != NULL && i < q->join->n; i++) {
        query_free_sight(q->join->src[i].sight);
        oro_arena_fini(&q->join->src[i].only.arena);
    }
}

struct oro_query *
oro_query_ref(struct oro_query *q)
{
    atomic_fetch_add_explicit(&q->refs, 1, memory_order_relaxed);
    return q;
}

void
oro_query_free(struct oro_query *q)
{
    /* Pairs with itself: what the others have read, they have read before. */
    if (q == NULL || atomic_fetch_sub_explicit(&q->refs, 1, memory_order_acq_rel) > 1)
        return;
    query_free_join(q);
    oro_arena_fini(&q->arena);
    oro_free(q);
}

const struct oro_table_def *
oro_query_table(const struct oro_query *q)
{
    return q->table;
}

bool
oro_query_uses_sender(const struct oro_query *q)
{
    return q->uses_sender;
}

uint32_t
oro_query_weight(const struct oro_query *q)
{
    return q->weight;
}

bool
oro_query_has_condition(const struct oro_query *q)
{
    return q->where != NULL || q->join != NULL;
}

bool
oro_query_is_alone(const struct oro_query *q)
{
    return q->join == NULL;
}

int
oro_query_eq_column(const struct oro_query *q, struct oro_bytes *value)
{
    if (q->eq_column >= 0 && value != NULL)
        *value = q->eq_value;
    return q->eq_column;
}
