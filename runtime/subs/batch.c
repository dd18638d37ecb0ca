/* Several query sets at once. */
#include "runtime/subs/batch_priv.h"

static void
set_clear(struct batch_set *set)
{
    oro_prepared_free(set->prepared);
    set->prepared = NULL;
    oro_free(set->error);
    set->error = NULL;
}

void
batch_refuse(struct batch_set *set, const char *why)
{
    set_clear(set);
    set->error = oro_strdup(why);
}

static void
refuse_used(struct batch_set *set, oro_conn_id conn)
{
    struct oro_err err;
    (void)oro_subs_fail_used(conn, set->asked.query_set_id, &err);
    batch_refuse(set, err.text);
}

struct oro_batch *
oro_batch_new(const struct oro_subs *s, oro_conn_id conn, struct oro_bytes sets, uint32_t n)
{
    struct oro_batch *b = ORO_NEW(struct oro_batch);
    struct oro_reader r = oro_reader(sets);
    b->conn = conn;
    b->sets = ORO_NEW_ARRAY(struct batch_set, n + 1);
    while (oro_batch_next(&r, &b->sets[b->n].asked)) {
        struct batch_set *set = &b->sets[b->n++];
        ORO_ASSERT(b->n <= n);
        if (oro_subs_has(s, conn, set->asked.query_set_id))
            refuse_used(set, conn);
    }
    return b;
}

void
oro_batch_free(struct oro_batch *b)
{
    if (b == NULL)
        return;
    for (uint32_t i = 0; i < b->n; i++)
        set_clear(&b->sets[i]);
    oro_free(b->sets);
    oro_free(b);
}

/* Of two with one id the first that can be granted is. */
static oro_status
prepare_set(const struct oro_batch *b, struct batch_set *set, const struct oro_schema *schema,
            const struct oro_query_env *env, const atomic_bool *stop, struct oro_map *seen,
            struct oro_err *err)
{
    uint64_t key = set->asked.query_set_id;
    struct oro_err why = {0};
    if (set->error != NULL)
        return ORO_OK;
    if (oro_map_get_u64(seen, key) != NULL) {
        refuse_used(set, b->conn);
        return ORO_OK;
    }
    oro_status st =
        oro_prepare(schema, set->asked.texts, set->asked.n, env, stop, &set->prepared, &why);
    if (st == ORO_ETIMEOUT)
        return oro_err_set(err, st, "%s", why.text);
    if (st == ORO_OK)
        oro_map_put_u64(seen, key, set);
    else
        batch_refuse(set, why.text);
    return ORO_OK;
}

oro_status
oro_batch_prepare(struct oro_batch *b, const struct oro_schema *schema,
                  const struct oro_query_env *env, const atomic_bool *stop, struct oro_err *err)
{
    struct oro_map seen = {0};
    oro_status st = ORO_OK;
    for (uint32_t i = 0; st == ORO_OK && i < b->n; i++)
        st = prepare_set(b, &b->sets[i], schema, env, stop, &seen, err);
    oro_map_fini(&seen);
    return st;
}

oro_status
oro_batch_register(struct oro_subs *s, oro_conn_id conn, struct oro_batch *b, struct oro_err *err)
{
    oro_status st = ORO_OK;
    uint32_t done = 0;
    for (; st == ORO_OK && done < b->n; done++)
        if (b->sets[done].error == NULL)
            st = oro_subs_register(s, conn, b->sets[done].asked.query_set_id,
                                   b->sets[done].prepared, err);
    for (done -= st != ORO_OK; st != ORO_OK && done > 0; done--)
        if (b->sets[done - 1].error == NULL) {
            oro_status gone =
                oro_subs_unsubscribe(s, NULL, conn, b->sets[done - 1].asked.query_set_id,
                                     ORO_ROWS_TABLES, NULL, NULL, NULL);
            ORO_ASSERT(gone == ORO_OK);
        }
    return st;
}

void
oro_batch_refused(const struct oro_batch *b, oro_batch_visit visit, void *arg)
{
    for (uint32_t i = 0; i < b->n; i++)
        if (b->sets[i].error != NULL)
            visit(arg, b->sets[i].asked.texts, b->sets[i].error);
}

bool
oro_batch_has_applied(const struct oro_batch *b)
{
    bool any = false;
    for (uint32_t i = 0; i < b->n; i++)
        any = any || b->sets[i].error == NULL;
    return any;
}
