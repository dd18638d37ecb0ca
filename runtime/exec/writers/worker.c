/* One worker: take a mailbox, run a batch of its calls, each in a transaction, publish, wake who waits. */
#include "runtime/base/clock.h"
#include "runtime/exec/writers/pool_priv.h"

#include <stdio.h>

/* Calls of one mailbox before the next mailbox has its turn: no client starves others, and a whole pipelined frame of a
 * usual client (40 calls) is still one hand-over. */
#define BATCH 64
/* Also a batch of slow calls ends, so that others have their turn, and those who were answered hear of it meanwhile. */
#define SLICE_US 5000
#define TELL_US 1000
#define ATTEMPTS 3 /* the last one runs alone and cannot conflict */

static const char FATAL[] = "The instance encountered a fatal error.";

struct outcome {
    oro_status status;
    struct oro_bytes text;   /* for the caller */
    struct oro_bytes detail; /* the same, as JSON */
};

/* ---- one attempt, and its repetition ---- */

struct attempt {
    struct worker *w;
    struct oro_py_call call;
    const struct oro_reducer_def *reducer;
    /* What belongs to the transaction beside the reducer; NULL: nothing. before: ORO_ENOTFOUND when there is nothing to do
     * any more. */
    oro_status (*before)(struct attempt *a, struct oro_err *err);
    oro_status (*after)(struct attempt *a, struct oro_err *err);
    const struct oro_job *job;
    struct oro_bytes row; /* timer: the row that is due */
    bool repeats;         /* timer: after the run it is there, with an interval */
    int64_t begun_us;     /* monotonic, of the first attempt */
    bool id_in_use;       /* connect: another connection has this connection id */
};

static void
published(struct worker *w)
{
    w->published = true;
}

/* Init makes a world, which takes longer than a call may. */
static int64_t
time_limit(const struct oro_pool *p, const struct oro_reducer_def *r, const struct oro_job *job)
{
    int64_t usual = job->kind == ORO_JOB_INIT ? p->opt.init_timeout_us : p->opt.timeout_us;
    return r->timeout_us > 0 ? r->timeout_us : usual;
}

static oro_status
run_python(struct attempt *a)
{
    struct worker *w = a->w;
    if (a->reducer == NULL)
        return ORO_OK;
    atomic_store_explicit(&w->lifecycle, a->job->kind == ORO_JOB_DISCONNECT, memory_order_release);
    oro_worker_watch(w, time_limit(w->pool, a->reducer, a->job));
    oro_worker_enter_python(w);
    oro_status st = oro_py_call(w->py, &a->call);
    oro_worker_back(w);
    atomic_store_explicit(&w->deadline_us, 0, memory_order_release);
    return st;
}

/* The reducer, or the check of its arguments, said no: that is the caller's affair, and no fault. */
static bool
is_refusal(oro_status st)
{
    return st == ORO_EUSER || st == ORO_EINVAL || st == ORO_EREFUSED;
}

/* Whoever may call may also fail as often as he likes: a burst of lines, then one a second for each reducer. */
static void
tell_failure(const struct attempt *a, const char *name, struct oro_bytes text)
{
    struct oro_log_limit *limit =
        a->reducer != NULL ? &a->w->pool->metrics[a->reducer->id].failures : &a->w->pool->failures;
    if (oro_log_allow(limit, ORO_LOG_ERROR, "module"))
        oro_log(ORO_LOG_ERROR, "module", "%s: %.*s", name, (int)text.len, (const char *)text.data);
}

/* The same. Of the refusals of timers, and of clients that have left, nobody hears but who reads the log. */
static void
tell_refusal(const struct attempt *a, struct oro_bytes text)
{
    struct worker *w = a->w;
    bool heard = a->job->kind == ORO_JOB_CALLS || a->job->kind == ORO_JOB_CONNECT;
    enum oro_log_level level = heard ? ORO_LOG_INFO : ORO_LOG_WARN;
    if (w->logged.len > 0)
        text = oro_bb_bytes(&w->logged);
    if (oro_log_allow(&w->pool->metrics[a->reducer->id].refused, level, "refused"))
        oro_log(level, "refused", "%s: %.*s", a->reducer->name, (int)text.len,
                (const char *)text.data);
}

/* Two live connections have one connection id, and a table knows clients by it: ours if the other is of another identity, else
 * one of the module's. That is how the newer one was asked for, and no fault of the module's. */
static bool
is_id_in_use(const struct attempt *a, oro_status st)
{
    static const char words[] = "Unique constraint violation";
    struct oro_bytes text = oro_bb_bytes(&a->w->text);
    return a->id_in_use &&
           (st == ORO_EEXISTS ||
            (text.len > 0 && memmem(text.data, text.len, words, sizeof(words) - 1) != NULL));
}

static struct outcome
refuse_id(struct attempt *a)
{
    struct worker *w = a->w;
    char id[33];
    oro_connection_id_text(&a->job->who->connection, id);
    oro_worker_log_drop(w);
    oro_bb_clear(&w->text);
    /* It is a reason to close, so no longer than 123 bytes. */
    oro_bb_printf(&w->text,
                  "connection_id %s is in use: choose another, leave it out, or wait for its end",
                  id);
    oro_log_limited(ORO_LOG_INFO, "refused", "%.*s", (int)w->text.len, (const char *)w->text.data);
    return (struct outcome){ORO_EREFUSED, oro_bb_bytes(&w->text), {0}};
}

/* The text of a failure goes to the log; what the caller may know of it goes into the outcome. */
static struct outcome
failure(struct attempt *a, oro_status st)
{
    struct worker *w = a->w;
    struct oro_bytes text =
        oro_bb_bytes(w->text.data != NULL ? &w->text : &(struct oro_bb){(uint8_t *)"", 0, 0});
    const char *name = a->reducer != NULL ? a->reducer->name : "?";
    if (is_id_in_use(a, st))
        return refuse_id(a);
    oro_worker_log_flush(w);
    if (a->reducer != NULL && is_refusal(st)) {
        tell_refusal(a, text);
        return (struct outcome){st, text, oro_bb_bytes(&w->detail)};
    }
    tell_failure(a, name, text);
    if (is_refusal(st) || w->pool->opt.dev_errors)
        return (struct outcome){st, text, {0}};
    return (struct outcome){st, oro_bytes_str(FATAL), {0}};
}

static oro_status
attempt_once(struct attempt *a, bool exclusive, struct oro_origin *origin, struct outcome *out)
{
    struct worker *w = a->w;
    struct oro_err err = {0};
    w->tx = oro_tx_begin(w->session, exclusive);
    oro_bb_clear(&w->text);
    oro_bb_clear(&w->detail);
    oro_bb_clear(&w->logged);
    oro_status st = a->before != NULL ? a->before(a, &err) : ORO_OK;
    bool cancelled = st == ORO_ENOTFOUND;
    if (st == ORO_OK)
        st = run_python(a);
    if (st == ORO_OK && a->after != NULL)
        st = a->after(a, &err);
    if (st == ORO_OK) {
        uint64_t seq;
        origin->elapsed_us = oro_mono_us() - a->begun_us;
        st = oro_tx_commit(w->tx, origin, &seq);
        w->tx = NULL;
        if (st == ORO_OK) {
            published(w);
            oro_worker_log_flush(w);
            *out = (struct outcome){ORO_OK, {0}, {0}};
            return ORO_OK;
        }
        oro_worker_log_drop(w);
        return ORO_ECONFLICT;
    }
    if (err.text[0] != '\0')
        oro_bb_put_bytes(&w->text, oro_bytes_str(err.text));
    /* An exception raised on stale reads is a retry, not an error. */
    oro_status valid = oro_tx_validate_abort(w->tx);
    w->tx = NULL;
    if (valid != ORO_OK && !exclusive) {
        oro_worker_log_drop(w);
        return ORO_ECONFLICT;
    }
    if (cancelled) {
        *out =
            (struct outcome){ORO_ENOTFOUND, {0}, {0}}; /* the row is gone: silently (S-10, L-24) */
        return ORO_OK;
    }
    *out = failure(a, st);
    return ORO_OK;
}

static void
publish_failure(struct worker *w, struct oro_origin *origin, struct outcome out)
{
    origin->outcome = (uint8_t)out.status;
    origin->text = out.text.len > 0 ? oro_buf_copy(out.text) : NULL;
    origin->detail = out.detail.len > 0 ? oro_buf_copy(out.detail) : NULL;
    oro_store_publish(w->session, origin);
    published(w);
}

/* Only the worker itself writes there. */
static void
count(_Atomic uint64_t *n)
{
    atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

/* Runs until it commits or fails for good; publishes the record either way. */
static struct outcome
attempt_run(struct attempt *a, struct oro_origin *origin)
{
    struct worker *w = a->w;
    struct outcome out = {ORO_EINTERNAL, oro_bytes_str(FATAL), {0}};
    a->begun_us = oro_mono_us();
    w->origin = origin;
    atomic_store_explicit(&w->running, a->reducer != NULL ? a->reducer->name : NULL,
                          memory_order_relaxed);
    for (int n = 1; n <= ATTEMPTS; n++) {
        if (attempt_once(a, n == ATTEMPTS, origin, &out) == ORO_OK)
            break;
        oro_metric_add(w->pool->conflicts, 1);
        count(&w->in_vain);
    }
    count(&w->ended);
    origin->elapsed_us = oro_mono_us() - a->begun_us;
    if (a->reducer != NULL && out.status != ORO_ENOTFOUND) {
        struct reducer_metrics *m = &w->pool->metrics[a->reducer->id];
        oro_metric_add(m->calls, 1);
        if (out.status != ORO_OK)
            oro_metric_add(is_refusal(out.status) ? m->refusals : m->errors, 1);
        oro_metric_observe_us(m->duration, origin->elapsed_us);
    }
    if (out.status != ORO_OK)
        publish_failure(w, origin, out);
    atomic_store_explicit(&w->running, NULL, memory_order_relaxed);
    return out;
}

static struct attempt
attempt_new(struct worker *w, const struct oro_job *job, const struct oro_reducer_def *reducer,
            struct oro_bytes args)
{
    struct oro_pool *p = w->pool;
    struct attempt a = {.w = w, .job = job, .reducer = reducer};
    a.call = (struct oro_py_call){
        .reducer = reducer,
        .args = args,
        .sender = job->who != NULL ? job->who->identity : p->database,
        .database = p->database,
        .timestamp_us = oro_wall_us(),
        .caller = job->who != NULL ? job->who->caller : ORO_CALLER_SCHEDULE,
        .jwt_payload = job->who != NULL ? job->who->jwt : NULL,
        .host = w,
        .text = &w->text,
        .detail = &w->detail,
        .logged = &w->logged,
    };
    if (job->who != NULL)
        a.call.connection = job->who->connection;
    return a;
}

static struct oro_origin
origin_of(const struct attempt *a, enum oro_origin_kind kind, uint32_t request_id)
{
    return (struct oro_origin){
        .kind = (uint8_t)kind,
        .outcome = ORO_OK,
        .shard = a->job->shard,
        .request_id = request_id,
        .conn = a->job->conn,
        .reducer = a->reducer != NULL ? a->reducer->id : UINT32_MAX,
        .timestamp_us = a->call.timestamp_us,
    };
}

/* ---- the kinds of job ---- */

static void
run_call(struct worker *w, const struct oro_job *job, const struct oro_job_call *c)
{
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

static oro_status
client_delete(struct attempt *a, struct oro_err *err)
{
    uint8_t row[48];
    oro_status st = oro_tx_delete_row(a->w->tx, st_client(a->w), client_row(a->job->who, row));
    return st == ORO_ENOTFOUND ? ORO_OK : st;
}

static struct outcome
run_connect(struct worker *w, const struct oro_job *job)
{
    struct attempt a = attempt_new(w, job, oro_schema_lifecycle(w->pool->schema, ORO_LIFE_CONNECT),
                                   (struct oro_bytes){0});
    a.before = client_insert;
    struct oro_origin origin = origin_of(&a, ORO_ORIGIN_CONNECT, 0);
    return attempt_run(&a, &origin);
}

static struct outcome
run_disconnect(struct worker *w, const struct oro_job *job)
{
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

static struct outcome
run_init(struct worker *w, const struct oro_job *job)
{
    struct attempt a = attempt_new(w, job, oro_schema_lifecycle(w->pool->schema, ORO_LIFE_INIT),
                                   (struct oro_bytes){0});
    struct oro_origin origin = origin_of(&a, ORO_ORIGIN_INTERNAL, 0);
    origin.initializes = true;
    if (a.reducer == NULL)
        return (struct outcome){ORO_OK, {0}, {0}};
    return attempt_run(&a, &origin);
}

/* ---- timers ---- */

/* The row that is due, unless it is armed for another time by now: then another firing is that one's. */
static oro_status
timer_row(struct attempt *a, struct oro_err *err)
{
    const struct oro_firing *f = &a->job->timer;
    const struct oro_index_def *ix = oro_table_primary_index(f->table);
    ORO_ASSERT(ix != NULL);
    oro_status st = oro_tx_find(a->w->tx, f->table, ix, oro_bytes(&f->key, 8), &a->row);
    if (st != ORO_OK)
        return st;
    if (!oro_schedule_at_eq(oro_schedule_at(f->table, a->row), f->at))
        return ORO_ENOTFOUND;
    a->call.args = a->row;
    return ORO_OK;
}

/* A one-shot row goes in the transaction of its run when that commits (S-11, S-12, S-16). */
static oro_status
timer_finish(struct attempt *a, struct oro_err *err)
{
    const struct oro_firing *f = &a->job->timer;
    const struct oro_index_def *ix = oro_table_primary_index(f->table);
    struct oro_bytes now;
    a->repeats = false;
    oro_status st = oro_tx_find(a->w->tx, f->table, ix, oro_bytes(&f->key, 8), &now);
    if (st != ORO_OK)
        return st == ORO_ENOTFOUND ? ORO_OK : st; /* the reducer deleted it: it stops */
    a->repeats = oro_schedule_at(f->table, now).interval;
    return a->repeats ? ORO_OK : oro_tx_delete(a->w->tx, f->table, ix, oro_bytes(&f->key, 8));
}

static double
timer_dt(struct oro_pool *p, const struct oro_firing *f, int64_t now_us)
{
    const struct oro_schedule_def *s = oro_schema_schedule_of(p->schema, f->table);
    double dt = oro_last_runs_step(&p->last_runs, f->table->id, f->key, now_us);
    double most = s != NULL ? s->max_dt : 0.25;
    return dt > most ? most : dt;
}

/* Its record tells timers.c that it is over. */
static void
run_timer(struct worker *w, const struct oro_job *job)
{
    struct oro_pool *p = w->pool;
    const struct oro_firing *f = &job->timer;
    const struct oro_reducer_def *r =
        oro_schema_reducer(p->schema, oro_bytes_str(f->table->schedule_fn));
    ORO_ASSERT(r != NULL);
    struct attempt a = attempt_new(w, job, r, (struct oro_bytes){0});
    a.before = timer_row;
    a.after = timer_finish;
    int64_t now = oro_mono_us();
    if (!f->at.interval && a.call.timestamp_us < f->at.micros)
        a.call.timestamp_us = f->at.micros; /* S-32: never earlier than scheduled */
    a.call.dt = timer_dt(p, f, now);
    oro_metric_add(p->timer_fired, 1);
    oro_metric_observe_us(p->timer_lateness, now > f->due_us ? now - f->due_us : 0);
    struct oro_origin origin = origin_of(&a, ORO_ORIGIN_TIMER, f->number);
    w->scheduled_dirty = true;
    struct outcome out = attempt_run(&a, &origin);
    /* A failed run has left the row: delete it if it is one-shot, in a transaction of its own (S-13). */
    if (out.status != ORO_OK && out.status != ORO_ENOTFOUND) {
        struct attempt rest = attempt_new(w, job, NULL, (struct oro_bytes){0});
        rest.before = timer_row;
        rest.after = timer_finish;
        struct oro_origin last = origin_of(&rest, ORO_ORIGIN_TIMER, 0);
        attempt_run(&rest, &last);
        a.repeats = rest.repeats;
    }
    if (!a.repeats)
        oro_last_runs_forget(&p->last_runs, f->table->id, f->key);
}

/* ---- the loop ---- */

static void
tell(struct worker *w)
{
    if (!w->published)
        return;
    bool scheduled = w->scheduled_dirty;
    w->published = w->scheduled_dirty = false;
    w->pool->opt.hooks.published(w->pool->opt.hooks.arg, scheduled);
}

/* What one mailbox may use until the next one has its turn. */
struct turn {
    int budget;
    int64_t end_us;
};

static bool
has_errand(const struct worker *w)
{
    return atomic_load_explicit(&w->errand, memory_order_acquire) == ERRAND_ASKED;
}

/* After each call, since one may take long. */
static void
turn_look(struct worker *w, struct turn *turn)
{
    int64_t now = oro_mono_us();
    if (now >= turn->end_us || has_errand(w))
        turn->budget = 0;
    if (now - w->told_us < TELL_US)
        return;
    tell(w);
    w->told_us = now;
}

/* Of a client that has left only the first calls are run. */
static void
call_or_drop(struct worker *w, struct oro_mailbox *m, const struct oro_job *job)
{
    struct oro_job_call c = job->calls[job->at];
    /* acquire: with the store in oro_mailbox_leave(). */
    if (atomic_load_explicit(&m->left, memory_order_acquire) &&
        atomic_fetch_sub_explicit(&m->keep, 1, memory_order_relaxed) <= 0) {
        atomic_store_explicit(&m->keep, 0, memory_order_relaxed);
        if (!m->refuses)
            return;
        c.reducer = NULL;
        c.refusal = "its caller has gone";
    }
    run_call(w, job, &c);
}

/* False: the turn is over before the job is. */
static bool
calls_run(struct worker *w, struct oro_mailbox *m, struct oro_job *job, struct turn *turn)
{
    while (job->at < job->ncalls) {
        if (turn->budget <= 0)
            return false;
        if (atomic_load_explicit(&w->pool->hurry, memory_order_relaxed) != HURRY_NOT)
            return true;
        if (!m->refused)
            call_or_drop(w, m, job);
        job->at++;
        turn->budget--;
        turn_look(w, turn);
    }
    return true;
}

/* A client that was refused leaves: its shard waits for the record. */
static void
publish_farewell(struct worker *w, const struct oro_job *job)
{
    struct oro_origin origin = {.kind = ORO_ORIGIN_DISCONNECT,
                                .shard = job->shard,
                                .conn = job->conn,
                                .reducer = UINT32_MAX};
    publish_failure(w, &origin, (struct outcome){ORO_OK, {0}, {0}});
}

static void
job_run(struct worker *w, struct oro_mailbox *m, struct oro_job *job, struct turn *turn)
{
    struct outcome out = {ORO_OK, {0}, {0}};
    int hurry = atomic_load_explicit(&w->pool->hurry, memory_order_relaxed);
    w->job = job;
    switch (job->kind) {
    case ORO_JOB_CALLS:
        if (!calls_run(w, m, job, turn))
            return; /* goes on in its next turn */
        break;
    case ORO_JOB_CONNECT:
        if (hurry == HURRY_NOT)
            out = run_connect(w, job);
        m->refused = hurry != HURRY_NOT || out.status != ORO_OK;
        break;
    case ORO_JOB_DISCONNECT:
        if (m->refused)
            publish_farewell(w, job);
        else if (hurry != HURRY_ALL)
            out = run_disconnect(w, job);
        break;
    case ORO_JOB_TIMER:
        if (hurry == HURRY_NOT && job->timer.table != NULL)
            run_timer(w, job);
        break;
    case ORO_JOB_INIT:
        out = run_init(w, job);
        break;
    }
    if (job->kind != ORO_JOB_CALLS) {
        turn->budget--;
        turn_look(w, turn);
    }
    oro_mailbox_pop(m);
    oro_job_free(w->pool, job, out.status, out.text);
}

static void
mailbox_run(struct worker *w, struct oro_mailbox *m)
{
    w->told_us = oro_mono_us();
    w->mailbox = m;
    struct turn turn = {.budget = BATCH, .end_us = w->told_us + SLICE_US};
    struct oro_job *job;
    while (turn.budget > 0 && (job = oro_mailbox_first(m)) != NULL)
        job_run(w, m, job, &turn);
    turns_used(m, oro_mono_us() - turn.end_us + SLICE_US);
    tell(w);
    oro_pool_give_back(w->pool, m);
}

/* What the predecessor had in its hands ends as a failure; its transaction is over already. */
void
oro_worker_takeover(struct worker *w)
{
    static const char words[] = "the call did not end, and its worker was given up";
    struct worker *old = w->predecessor;
    struct oro_mailbox *m = old->mailbox;
    struct oro_job *job = old->job;
    struct oro_origin origin = *old->origin;
    publish_failure(w, &origin,
                    (struct outcome){.status = ORO_ETIMEOUT, .text = oro_bytes_str(words)});
    struct attempt rest = attempt_new(w, job, NULL, (struct oro_bytes){0});
    struct oro_origin last = origin_of(&rest, (enum oro_origin_kind)origin.kind, 0);
    bool more = job->kind == ORO_JOB_CALLS && ++job->at < job->ncalls;
    last.conn = 0;
    if (job->kind == ORO_JOB_CONNECT)
        m->refused = true;
    if (job->kind == ORO_JOB_DISCONNECT) {
        rest.after = client_delete;
        attempt_run(&rest, &last);
    }
    if (job->kind == ORO_JOB_TIMER) {
        rest.before = timer_row;
        rest.after = timer_finish;
        attempt_run(&rest, &last);
        w->scheduled_dirty = true;
    }
    if (!more) {
        oro_mailbox_pop(m);
        oro_job_free(w->pool, job, ORO_ETIMEOUT, oro_bytes_str(words));
    }
    tell(w);
    oro_pool_give_back(w->pool, m);
}

static void
stats_publish(struct worker *w)
{
    struct oro_py_stats s;
    oro_py_stats(w->py, &s);
    oro_metric_set(w->cache_hits, (int64_t)s.cache_hits);
    oro_metric_set(w->cache_misses, (int64_t)s.cache_misses);
    oro_metric_set(w->cache_evictions, (int64_t)s.cache_evictions);
    oro_metric_set(w->cache_size, (int64_t)s.cache_size);
    oro_metric_set(w->pool_hits, (int64_t)s.pool_hits);
    oro_metric_set(w->pool_misses, (int64_t)s.pool_misses);
    oro_metric_set(w->decodes, (int64_t)s.decodes);
    oro_metric_set(w->encodes, (int64_t)s.encodes);
    oro_metric_set(w->bytes_in, (int64_t)s.bytes_in);
    oro_metric_set(w->bytes_out, (int64_t)s.bytes_out);
    oro_metric_set(w->conversion_errors, (int64_t)s.errors);
    oro_metric_set(w->memory, (int64_t)s.memory);
    oro_metric_set(w->python_memory, (int64_t)s.python_memory);
}

void
oro_pool_bridge_report(const struct oro_pool *p, struct oro_bb *out)
{
    struct oro_py **py = ORO_NEW_ARRAY(struct oro_py *, p->started + 1);
    unsigned n = 0;
    for (unsigned i = 0; i < p->started; i++)
        if (atomic_load(&p->workers[i]->phase) == PHASE_SERVING)
            py[n++] = p->workers[i]->py;
    oro_py_report(py, n, out);
    oro_free(py);
}

static void
stats_read(void *arg)
{
    struct oro_pool *p = arg;
    oro_metric_set(p->queue_length, oro_pool_busy(p));
    for (unsigned i = 0; i < p->started; i++)
        if (atomic_load(&p->workers[i]->phase) == PHASE_SERVING)
            stats_publish(p->workers[i]);
}

static bool
is_spare(const struct worker *w)
{
    return w->number >= atomic_load(&w->pool->active) && !atomic_load(&w->pool->stopping) &&
           !has_errand(w) && !atomic_load(&w->pool->paused);
}

/* As long as the governor wants fewer workers. */
static void
stand_by(struct worker *w)
{
    struct oro_pool *p = w->pool;
    oro_wake_signal(&p->wake); /* what woke this one is for another */
    oro_py_release(w->py);
    while (is_spare(w)) {
        unsigned seen = oro_wake_prepare(&p->govern_wake);
        if (is_spare(w))
            oro_wake_wait(&p->govern_wake, seen, -1);
    }
    oro_py_acquire(w->py);
}

static struct oro_mailbox *
take(struct oro_pool *p)
{
    return !atomic_load(&p->paused) ? oro_pool_take(p) : NULL;
}

static void
serve(struct worker *w)
{
    struct oro_pool *p = w->pool;
    for (;;) {
        if (has_errand(w))
            oro_worker_errand(w);
        if (is_spare(w))
            stand_by(w);
        struct oro_mailbox *m = take(p);
        if (m != NULL) {
            mailbox_run(w, m);
            continue;
        }
        unsigned seen = oro_wake_prepare(&p->wake);
        if ((m = take(p)) != NULL) {
            mailbox_run(w, m);
            continue;
        }
        if (has_errand(w))
            continue;
        if (atomic_load(&p->stopping) && atomic_load(&w->phase) == PHASE_STOP)
            return;
        oro_py_release(w->py);
        oro_wake_wait(&p->wake, seen, -1);
        oro_py_acquire(w->py);
    }
}

static void
metrics_make(struct worker *w)
{
    char label[48];
    snprintf(label, sizeof(label), "worker=\"%u\"", w->number);
    w->cache_hits = oro_metric(ORO_METRIC_COUNTER, "orochi_type_cache_hits_total", label,
                               "Codec look-ups found in the type cache.");
    w->cache_misses = oro_metric(ORO_METRIC_COUNTER, "orochi_type_cache_misses_total", label,
                                 "Codecs that had to be compiled.");
    w->cache_evictions = oro_metric(ORO_METRIC_COUNTER, "orochi_type_cache_evictions_total", label,
                                    "Codecs dropped for room.");
    w->cache_size =
        oro_metric(ORO_METRIC_GAUGE, "orochi_type_cache_size", label, "Codecs in the type cache.");
    w->pool_hits = oro_metric(ORO_METRIC_COUNTER, "orochi_pool_hits_total", label,
                              "Row objects reused from the pool.");
    w->pool_misses = oro_metric(ORO_METRIC_COUNTER, "orochi_pool_misses_total", label,
                                "Row objects that had to be allocated.");
    w->conversion_errors = oro_metric(ORO_METRIC_COUNTER, "orochi_conversion_errors_total", label,
                                      "Values and bytes that were refused.");
    w->memory = oro_metric(ORO_METRIC_GAUGE, "orochi_row_memory_bytes", label,
                           "Row objects, in use and spare, with their buffers.");
    w->python_memory =
        oro_metric(ORO_METRIC_GAUGE, "orochi_python_memory_bytes", label,
                   "Python objects of all kinds; 0 without reducer.memory_limit_mb.");
    snprintf(label, sizeof(label), "worker=\"%u\",direction=\"in\"", w->number);
    w->decodes = oro_metric(ORO_METRIC_COUNTER, "orochi_conversions_total", label,
                            "Rows and arguments converted.");
    w->bytes_in = oro_metric(ORO_METRIC_COUNTER, "orochi_conversion_bytes_total", label,
                             "BSATN read (in) and written (out).");
    snprintf(label, sizeof(label), "worker=\"%u\",direction=\"out\"", w->number);
    w->encodes = oro_metric(ORO_METRIC_COUNTER, "orochi_conversions_total", label,
                            "Rows and arguments converted.");
    w->bytes_out = oro_metric(ORO_METRIC_COUNTER, "orochi_conversion_bytes_total", label,
                              "BSATN read (in) and written (out).");
}

static void
phase_set(struct worker *w, int phase)
{
    atomic_store(&w->phase, phase);
    oro_wake_broadcast(&w->pool->phase_wake);
}

static int
phase_wait(struct worker *w, int phase)
{
    for (;;) {
        unsigned seen = oro_wake_prepare(&w->pool->phase_wake);
        int now = atomic_load(&w->phase);
        if (now > phase)
            return now;
        oro_wake_wait(&w->pool->phase_wake, seen, -1);
    }
}

static oro_status
module_load(struct worker *w)
{
    struct oro_pool *p = w->pool;
    oro_worker_watch(w, p->opt.import_timeout_us);
    oro_status st = oro_py_load(w->py, p->opt.module_path, p->opt.module_name, &w->descriptor,
                                &w->report, &w->err);
    atomic_store_explicit(&w->deadline_us, 0, memory_order_release);
    if (st == ORO_OK && w->number > 0 && strcmp(w->descriptor, p->workers[0]->descriptor) != 0)
        st = oro_err_set(&w->err, ORO_EINVAL, ORO_POOL_UNLIKE);
    return st;
}

/* Nobody interrupts its interpreter from now on. */
static void
unwatch(struct worker *w)
{
    oro_spin_lock(&w->watch);
    w->unwatched = true;
    oro_spin_unlock(&w->watch);
}

void *
oro_worker_main(void *arg)
{
    struct worker *w = arg;
    struct oro_pool *p = w->pool;
    oro_status st = oro_py_open(w->number, &oro_worker_host_ops, &w->py, &w->err);
    if (st != ORO_OK) {
        phase_set(w, PHASE_FAILED);
        return NULL;
    }
    st = module_load(w);
    if (st != ORO_OK) {
        unwatch(w);
        oro_py_close(w->py);
        phase_set(w, PHASE_FAILED);
        return NULL;
    }
    phase_set(w, PHASE_LOADED);
    oro_py_release(w->py);
    int phase = phase_wait(w, PHASE_LOADED);
    oro_py_acquire(w->py);
    if (phase == PHASE_BIND && (st = oro_py_bind(w->py, p->schema, &w->err)) == ORO_OK) {
        w->session = oro_session_open(p->store);
        metrics_make(w);
        if (w->number == 0)
            oro_metric_on_read(stats_read, p);
        phase_set(w, PHASE_SERVING);
        serve(w);
        if (w->number == 0)
            oro_metric_off_read(stats_read, p);
        oro_session_close(w->session);
    }
    unwatch(w);
    oro_py_close(w->py);
    phase_set(w, st != ORO_OK ? PHASE_FAILED : PHASE_ENDED);
    return NULL;
}

oro_status
oro_successor_serve(struct worker *w)
{
    struct oro_pool *p = w->pool;
    oro_status st = oro_py_open(w->number, &oro_worker_host_ops, &w->py, &w->err);
    if (st == ORO_OK)
        st = oro_py_load(w->py, p->opt.module_path, p->opt.module_name, &w->descriptor, &w->report,
                         &w->err);
    if (st == ORO_OK && strcmp(w->descriptor, w->predecessor->descriptor) != 0)
        st = oro_err_set(&w->err, ORO_EINVAL, "the module has changed since it was loaded");
    if (st == ORO_OK)
        st = oro_py_bind(w->py, p->schema, &w->err);
    if (st != ORO_OK)
        return st;
    metrics_make(w);
    int starting = PHASE_STARTING;
    if (!atomic_compare_exchange_strong(&w->phase, &starting, PHASE_SERVING))
        return ORO_OK; /* a stop came first */
    serve(w);
    phase_set(w, PHASE_ENDED); /* what it has goes with the process */
    return ORO_OK;
}
