/* A text of SQL that changes rows: a job of the workers, in a transaction of its own. */
#include "runtime/server/server_priv.h"

#include "runtime/base/clock.h"

#define WRITE_BYTES ((uint64_t)256 << 20) /* that the transaction of one text may hold */

void
oro_sql_write_unref(struct sql_write *w)
{
    if (w == NULL || atomic_fetch_sub(&w->refs, 1) > 1)
        return;
    oro_bb_fini(&w->text);
    oro_bb_fini(&w->out);
    oro_free(w);
}

static void
write_drop(void *arg)
{
    oro_sql_write_unref(arg);
}

static oro_status
write_run(void *arg, struct oro_session *se, struct oro_tx *tx)
{
    struct sql_write *w = arg;
    struct oro_server *s = w->server;
    struct oro_sql_ask ask = {.schema = s->schema,
                              .store = s->store,
                              .session = se,
                              .sender = w->sender,
                              .is_owner = true,
                              .steps = s->opt.query.steps,
                              .memory = s->opt.query.memory,
                              .bytes = WRITE_BYTES,
                              .tx = tx,
                              .tx_bytes = WRITE_BYTES};
    int64_t begin = oro_mono_us();
    w->err = (struct oro_err){0};
    oro_bb_clear(&w->out); /* of an attempt that conflicted */
    w->st = oro_sql_query(s->sql, &ask, oro_bb_bytes(&w->text), &w->out, NULL, &w->err);
    w->took_us = oro_mono_us() - begin;
    return w->st;
}

void
oro_sql_write_start(struct shard *sh, struct client *c)
{
    struct sql_write *w = ORO_NEW(struct sql_write);
    struct oro_job *job = oro_job_new(ORO_JOB_WRITE, oro_principal_ref(c->who), 0);
    *w = (struct sql_write){.server = sh->server, .sender = c->who->identity, .text = c->sql};
    c->sql = (struct oro_bb){0};
    w->st = ORO_EINTERNAL; /* until it has run */
    atomic_init(&w->refs, 2);
    c->write = w;
    job->shard = (uint16_t)sh->number;
    job->conn = c->conn;
    job->write = (struct oro_job_write){.run = write_run, .drop = write_drop, .arg = w};
    oro_pool_post(sh->server->pool, c->mailbox, job, false);
}
