/* runtime/exec/writers/jobs.c - the kinds of job but timers: calls, clients that come and go, init. */
#include "runtime/exec/writers/attempt.h"

void
run_call(struct worker *w, const struct oro_job *job, const struct oro_job_call *c)
{
    ORO_ASSERT_OWNER(&w->owner);
    struct attempt a = attempt_new(w, job, c->reducer, c->args);
    struct oro_origin origin = origin_of(&a, ORO_ORIGIN_CALL, c->request_id);
    if (c->reducer == NULL) {
        publish_failure(w, &origin, (struct outcome){ORO_EREFUSED, oro_bytes_str(c->refusal), {0}});
        return;
    }
    attempt_run(&a, &origin);
}

static const struct oro_table_def *
st_client(const struct worker *w)
{
    return oro_schema_table_by_id(w->pool->schema, ORO_ST_CLIENT);
}

/* st_client(identity, connection_id): both have fixed sizes, so the row is 48 bytes. */
static struct oro_bytes
client_row(const struct oro_principal *who, uint8_t row[48])
{
    memcpy(row, who->identity.le, 32);
    memcpy(row + 32, who->connection.le, 16);
    return oro_bytes(row, 48);
}

static oro_status
client_insert(struct attempt *a, struct oro_err *err)
{
    uint8_t row[48];
    struct oro_bytes bytes = client_row(a->job->who, row);
    oro_status st = oro_tx_delete_row(a->w->tx, st_client(a->w), bytes);
    a->id_in_use = st == ORO_OK; /* of this identity's own; both may be (L-26) */
    if (st != ORO_OK && st != ORO_ENOTFOUND)
        return st;
    st = oro_tx_insert(a->w->tx, st_client(a->w), bytes, NULL, err);
    a->id_in_use |= st == ORO_EEXISTS;
    return st;
}

/* The client's row is there while client_disconnected runs; when it has gone already, nothing is to be done (L-21, L-24).
 * There is no look-up by whole row: taking it out and in again leaves no trace. */
static oro_status
client_present(struct attempt *a, struct oro_err *err)
{
    uint8_t row[48];
    struct oro_bytes bytes = client_row(a->job->who, row);
    oro_status st = oro_tx_delete_row(a->w->tx, st_client(a->w), bytes);
    return st == ORO_OK ? oro_tx_insert(a->w->tx, st_client(a->w), bytes, NULL, err) : st;
}

oro_status
client_delete(struct attempt *a, struct oro_err *err)
{
    uint8_t row[48];
    oro_status st = oro_tx_delete_row(a->w->tx, st_client(a->w), client_row(a->job->who, row));
    return st == ORO_ENOTFOUND ? ORO_OK : st;
}

struct outcome
run_connect(struct worker *w, const struct oro_job *job)
{
    ORO_ASSERT_OWNER(&w->owner);
    struct attempt a = attempt_new(w, job, oro_schema_lifecycle(w->pool->schema, ORO_LIFE_CONNECT),
                                   (struct oro_bytes){0});
    a.before = client_insert;
    struct oro_origin origin = origin_of(&a, ORO_ORIGIN_CONNECT, 0);
    return attempt_run(&a, &origin);
}

struct outcome
run_disconnect(struct worker *w, const struct oro_job *job)
{
    ORO_ASSERT_OWNER(&w->owner);
    struct attempt a = attempt_new(
        w, job, oro_schema_lifecycle(w->pool->schema, ORO_LIFE_DISCONNECT), (struct oro_bytes){0});
    a.before = client_present;
    a.after = client_delete;
    struct oro_origin origin = origin_of(&a, ORO_ORIGIN_DISCONNECT, 0);
    struct outcome out = attempt_run(&a, &origin);
    if (out.status == ORO_OK || out.status == ORO_ENOTFOUND)
        return out;
    /* It cannot veto: a second transaction deletes the row (L-22). The first one's record has told the shard already. */
    struct attempt rest = attempt_new(w, job, NULL, (struct oro_bytes){0});
    rest.after = client_delete;
    struct oro_origin last = origin_of(&rest, ORO_ORIGIN_DISCONNECT, 0);
    last.conn = 0;
    return attempt_run(&rest, &last);
}

/* ORO_ENOTFOUND ends an attempt without a word in the log: whoever asked has the reason. */
static oro_status
write_rows(struct attempt *a, struct oro_err *err)
{
    const struct oro_job_write *write = &a->job->write;
    return write->run(write->arg, a->w->session, a->w->tx) == ORO_OK ? ORO_OK : ORO_ENOTFOUND;
}

struct outcome
run_write(struct worker *w, const struct oro_job *job)
{
    struct attempt a = attempt_new(w, job, NULL, (struct oro_bytes){0});
    a.before = write_rows;
    struct oro_origin origin = origin_of(&a, ORO_ORIGIN_CALL, 0);
    w->scheduled_dirty = true; /* it may have changed rows of scheduled tables */
    return attempt_run(&a, &origin);
}

struct outcome
run_init(struct worker *w, const struct oro_job *job)
{
    ORO_ASSERT_OWNER(&w->owner);
    struct attempt a = attempt_new(w, job, oro_schema_lifecycle(w->pool->schema, ORO_LIFE_INIT),
                                   (struct oro_bytes){0});
    struct oro_origin origin = origin_of(&a, ORO_ORIGIN_INTERNAL, 0);
    origin.initializes = true;
    if (a.reducer == NULL)
        return (struct outcome){ORO_OK, {0}, {0}};
    return attempt_run(&a, &origin);
}

struct outcome
run_updated(struct worker *w, const struct oro_job *job)
{
    ORO_ASSERT_OWNER(&w->owner);
    struct attempt a = attempt_new(w, job, oro_schema_lifecycle(w->pool->schema, ORO_LIFE_UPDATE),
                                   (struct oro_bytes){0});
    struct oro_origin origin = origin_of(&a, ORO_ORIGIN_INTERNAL, 0);
    if (a.reducer == NULL)
        return (struct outcome){ORO_OK, {0}, {0}};
    return attempt_run(&a, &origin);
}
