/* runtime/subs/query_view.c - queries over views: a view's table holds the rows of everybody who asks, and each query is of those
 * of its own asker (runtime/store/view.h). It is a condition like any other, so that live queries are found by its hash. */
#include "runtime/subs/query_priv.h"

#include <string.h>

#include "runtime/store/view.h"

static struct pred *
whose(struct oro_query *q, const struct oro_table_def *t, uint64_t number)
{
    uint16_t col = (uint16_t)(t->row->nelems - 1);
    struct pred *p = oro_arena_alloc(&q->arena, sizeof(*p));
    uint8_t *value = oro_arena_alloc(&q->arena, sizeof(number));
    memcpy(value, &number, sizeof(number));
    *p = (struct pred){.kind = P_COMPARE,
                       .op = SQL_EQ,
                       .col = col,
                       .leaf = oro_type_resolve(t->row->elems[col].type),
                       .value = oro_bytes(value, sizeof(number))};
    return p;
}

oro_status
query_of_view(struct oro_query *q, const struct oro_table_def *t, const struct oro_query_env *env,
              struct pred **out, struct oro_err *err)
{
    const struct oro_view_def *def = t->view;
    struct oro_view_key key = {.def = def, .args = q->args};
    if (def->fn->params->nelems != q->nargs)
        return oro_err_set(err, ORO_EMALFORMED, "View `%s` takes %u argument(s), but %u were given",
                           def->name, def->fn->params->nelems, q->nargs);
    if (!def->is_anonymous) {
        key.sender = env->sender;
        q->uses_sender = true;
    }
    /* No answer has the number 0. */
    *out = whose(q, t, env->store != NULL ? oro_view_find(env->store, &key) : 0);
    return ORO_OK;
}
