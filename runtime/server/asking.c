/* What is asked to be read: by whose rules, how much of it is answered at once, and what is said of refusals. */
#include "runtime/server/server_priv.h"

#include "runtime/base/clock.h"

struct oro_query_env
oro_client_env(const struct shard *sh, const struct client *c)
{
    return (struct oro_query_env){.sender = c->who->identity,
                                  .is_owner = c->is_owner,
                                  .limits = &sh->server->opt.query,
                                  .store = sh->server->store,
                                  .asker = oro_client_asker(c),
                                  .form = c->proto != NULL ? c->proto->rows : ORO_ROWS_TABLES};
}

/* Steps within which an answer is given on the net thread: some ten microseconds. */
#define INLINE_STEPS 2000
#define INLINE_RECORDS 256

struct oro_budget
oro_shard_budget(const struct shard *sh)
{
    uint64_t most = sh->server->opt.query.steps;
    return (struct oro_budget){.left = most < INLINE_STEPS ? most : INLINE_STEPS,
                               .most = INLINE_BYTES};
}

bool
oro_shard_is_near(const struct shard *sh)
{
    return oro_store_seq(sh->server->store) - oro_cursor_seq(sh->cursor) <= INLINE_RECORDS;
}

#define REFUSED_KEPT 1024 /* texts that are not said again */
#define REFUSED_LINES 10  /* in a second */

/* A client gets its error and often does not show it: the module's author has to find it in the log, once for each text. */
void
oro_client_refused(struct shard *sh, struct oro_bytes text, const struct oro_err *err)
{
    oro_metric_add(oro_metric(ORO_METRIC_COUNTER, "orochi_subscriptions_refused_total", "",
                              "Subscriptions that clients asked for in vain."),
                   1);
    if (oro_map_put_u64(&sh->refused, oro_bytes_hash(text) | 1, sh) != NULL)
        return;
    if (oro_map_len(&sh->refused) > REFUSED_KEPT)
        oro_map_fini(&sh->refused);
    int64_t second = oro_mono_us() / 1000000;
    if (second != sh->refused_second)
        sh->refused_lines = 0;
    sh->refused_second = second;
    if (sh->refused_lines++ < REFUSED_LINES)
        oro_log(ORO_LOG_WARN, "server", "a subscription was refused: %.500s", err->text);
    else
        oro_map_del_u64(&sh->refused, oro_bytes_hash(text) | 1); /* said another time */
}

struct oro_asked
oro_client_asked(const struct oro_client_message *m)
{
    return (struct oro_asked){.tag = m->tag,
                              .request_id = m->request_id,
                              .query_set_id = m->query_set_id,
                              .form = m->form,
                              .message_id = m->message_id,
                              .sets = m->sets,
                              .nsets = m->nsets};
}

uint32_t
oro_client_replacing(const struct shard *sh, const struct client *c)
{
    return ORO_REPLACED_SETS + oro_subs_has(sh->subs, c->conn, ORO_REPLACED_SETS);
}

void
oro_client_replaced(struct shard *sh, struct client *c, uint32_t query_set_id)
{
    uint32_t earlier = query_set_id ^ 1; /* of two numbers of which the first is even */
    oro_status st = ORO_ENOTFOUND;
    if (oro_subs_has(sh->subs, c->conn, earlier))
        st = oro_subs_unsubscribe(sh->subs, NULL, c->conn, earlier, ORO_ROWS_TABLES, NULL, NULL,
                                  NULL);
    ORO_ASSERT(st == ORO_OK || st == ORO_ENOTFOUND);
}

void
oro_batch_set_refused(void *shard, struct oro_bytes texts, const char *why)
{
    struct oro_err err;
    oro_err_set(&err, ORO_EINVAL, "%s", why);
    oro_client_refused(shard, texts, &err);
}
