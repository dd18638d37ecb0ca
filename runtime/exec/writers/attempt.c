/* runtime/exec/writers/attempt.c - see attempt.h. */
#include "runtime/exec/writers/attempt.h"

#define ATTEMPTS 3 /* the last one runs alone and cannot conflict */

static const char FATAL[] = "The instance encountered a fatal error.";
static const char PROCEDURE_FATAL[] = "The module instance encountered a fatal error: see the server's log.";

static void
published(struct worker *w)
{
    w->published = true;
}

/* Init makes a world, which takes longer than a call may. */
static int64_t
time_limit(const struct oro_pool *p, const struct oro_reducer_def *r, const struct oro_job *job)
{
    int64_t usual = job->kind == ORO_JOB_INIT || job->kind == ORO_JOB_UPDATED ? p->opt.init_timeout_us : p->opt.timeout_us;
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
    if (!oro_log_allow(limit, ORO_LOG_ERROR, "module"))
        return;
    struct oro_bb line = {0};
    oro_bb_printf(&line, "%s: %.*s", name, (int)text.len, (const char *)text.data);
    oro_worker_say(a->w, ORO_LOG_ERROR, "module", oro_bb_bytes(&line));
    oro_bb_fini(&line);
}

/* The same. Of the refusals of timers, and of clients that have left, nobody hears but who reads the log. */
static void
tell_refusal(const struct attempt *a, struct oro_bytes text)
{
    struct worker *w = a->w;
    bool heard = a->job->kind == ORO_JOB_CALLS || a->job->kind == ORO_JOB_CONNECT ||
                 a->job->kind == ORO_JOB_PROCEDURE;
    enum oro_log_level level = heard ? ORO_LOG_INFO : ORO_LOG_WARN;
    if (w->logged.len > 0)
        text = oro_bb_bytes(&w->logged);
    if (!oro_log_allow(&w->pool->metrics[a->reducer->id].refused, level, "refused"))
        return;
    struct oro_bb line = {0};
    oro_bb_printf(&line, "%s: %.*s", a->reducer->name, (int)text.len, (const char *)text.data);
    oro_worker_say(w, level, "refused", oro_bb_bytes(&line));
    oro_bb_fini(&line);
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

/* Bytes that are no arguments come from a client that was generated for other parameters, hardly from anything else. */
static void
suspect_bindings(struct worker *w, oro_status st)
{
    static const char *const signs[] = {": malformed at byte ",
                                        " bytes too many after the arguments"};
    for (size_t i = 0; i < ORO_ARRAY_LEN(signs); i++)
        if (st == ORO_EINVAL && w->text.len > 0 &&
            memmem(w->text.data, w->text.len, signs[i], strlen(signs[i])) != NULL) {
            oro_bb_printf(
                &w->text,
                "; are the client's bindings those of this module? `orochi generate` makes them");
            return;
        }
}

struct outcome
attempt_failure(struct attempt *a, oro_status st)
{
    struct worker *w = a->w;
    suspect_bindings(w, st);
    struct oro_bytes text =
        oro_bb_bytes(w->text.data != NULL ? &w->text : &(struct oro_bb){(uint8_t *)"", 0, 0});
    const char *name = a->reducer != NULL                ? a->reducer->name
                       : a->job->kind == ORO_JOB_HANDLER ? "http"
                                                         : "?";
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
    const char *fatal = w->pool->opt.for_procedures ? PROCEDURE_FATAL : FATAL;
    return (struct outcome){st, oro_bytes_str(fatal), {0}};
}

static bool
lies_in(struct oro_bytes b, const struct oro_buf *frame)
{
    return frame != NULL && (uintptr_t)b.data >= (uintptr_t)frame->data &&
           (uintptr_t)b.data + b.len <= (uintptr_t)frame->data + frame->len;
}

struct oro_call
call_of(const struct attempt *a)
{
    struct oro_buf *frame = a->job->frame;
    return (struct oro_call){
        .sender = a->call.sender,
        .connection = a->call.connection,
        .function = a->reducer != NULL ? oro_bytes_str(a->reducer->name) : oro_bytes("", 0),
        .args = a->call.args,
        .frame = lies_in(a->call.args, frame) ? frame : NULL,
        .dt = a->call.dt,
    };
}

static oro_status
attempt_once(struct attempt *a, bool exclusive, struct oro_origin *origin, struct outcome *out)
{
    ORO_ASSERT_OWNER(&a->w->owner);
    ORO_ASSERT_DEBUG(a->w->tx == NULL);
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
    if (st == ORO_OK)
        st = views_refresh(a, &err);
    if (st == ORO_OK)
        st = oro_tx_fits(w->tx, &err);
    if (st == ORO_OK) {
        uint64_t seq;
        size_t n;
        struct oro_call call = call_of(a);
        struct oro_view **later = oro_tx_views_later(w->tx, &n);
        origin->elapsed_us = oro_mono_us() - a->begun_us;
        origin->call = &call;
        st = oro_tx_commit(w->tx, origin, &seq);
        origin->call = NULL;
        w->tx = NULL;
        views_later(w, later, n, st == ORO_OK);
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
    *out = attempt_failure(a, st);
    return ORO_OK;
}

void
publish_failure(struct worker *w, struct oro_origin *origin, struct outcome out)
{
    ORO_ASSERT_OWNER(&w->owner);
    origin->outcome = (uint8_t)out.status;
    origin->text = out.text.len > 0 ? oro_buf_try_new((uint32_t)out.text.len) : NULL;
    if (origin->text != NULL)
        memcpy(origin->text->data, out.text.data, out.text.len);
    else if (out.text.len > 0 && out.status == ORO_OK)
        origin->outcome = ORO_ENOMEM; /* of a handler or a procedure, which may give much */
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

struct outcome
attempt_run(struct attempt *a, struct oro_origin *origin)
{
    ORO_ASSERT_OWNER(&a->w->owner);
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
        if (n == ATTEMPTS - 1 && a->reducer != NULL)
            retries_note(w, a->reducer);
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

struct attempt
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
        .timestamp_us = oro_pool_time(p, oro_wall_us),
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

struct oro_origin
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
