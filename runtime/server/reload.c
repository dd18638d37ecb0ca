/* Serving a new version of the module without a restart.
 *
 * The workers import it beside the one that runs, each between two jobs, while everything goes on. Then all stand still for
 * some milliseconds: the workers between jobs, the net threads at the end of a round, the scheduler ended; the module, the
 * schema and the timers are exchanged. What fails before that leaves everything as it was.
 *
 * Where only code has changed, the new schema takes over the table definitions of the old one (oro_schema_borrow_tables), so
 * that the store, its log and the subscriptions do not notice. */
#include "runtime/base/clock.h"
#include "runtime/server/server_priv.h"

#include <stdio.h>

#define PATIENCE_US 10000000

/* ---- standing still ---- */

void
oro_reload_park(struct shard *sh)
{
    struct reload *r = &sh->server->reload;
    atomic_fetch_add(&r->parked, 1);
    oro_wake_broadcast(&r->park_wake);
    for (;;) {
        unsigned seen = oro_wake_prepare(&r->park_wake);
        if (!atomic_load(&r->parking))
            break;
        oro_wake_wait(&r->park_wake, seen, -1);
    }
    atomic_fetch_sub(&r->parked, 1);
    oro_wake_broadcast(&r->park_wake);
}

/* Until so many net threads stand still. */
static bool
parked_wait(struct oro_server *s, unsigned n)
{
    struct reload *r = &s->reload;
    int64_t end = oro_mono_us() + PATIENCE_US;
    for (;;) {
        unsigned seen = oro_wake_prepare(&r->park_wake);
        int64_t left = end - oro_mono_us();
        if (atomic_load(&r->parked) == n || left <= 0)
            return atomic_load(&r->parked) == n;
        oro_wake_wait(&r->park_wake, seen, (long)left);
    }
}

static void
unpark(struct oro_server *s)
{
    atomic_store(&s->reload.parking, false);
    oro_wake_broadcast(&s->reload.park_wake);
    (void)parked_wait(s, 0);
}

static oro_status
park(struct oro_server *s, struct oro_err *err)
{
    if (!atomic_load(&s->attached))
        return ORO_OK;
    atomic_store(&s->reload.parking, true);
    for (unsigned i = 0; i < s->opt.shards; i++)
        s->net.wake(s->net.net, i);
    if (parked_wait(s, s->opt.shards))
        return ORO_OK;
    unpark(s);
    return oro_err_set(err, ORO_ETIMEOUT, "a net thread is too busy");
}

static oro_status
stand_still(struct oro_server *s, struct oro_err *err)
{
    oro_status st = oro_pool_pause(s->pool, err);
    if (st != ORO_OK)
        return st;
    st = park(s, err);
    if (st != ORO_OK)
        oro_pool_resume(s->pool);
    return st;
}

static void
go_on(struct oro_server *s)
{
    unpark(s);
    oro_pool_resume(s->pool);
    if (s->durable != NULL)
        oro_durable_wake(s->durable);
    for (unsigned i = 0; atomic_load(&s->attached) && i < s->opt.shards; i++)
        s->net.wake(s->net.net, i);
}

/* ---- the exchange ---- */

static void
timers_restart(struct oro_server *s)
{
    struct oro_err err = {0};
    oro_status st = oro_timers_install(s, &err);
    if (st == ORO_OK)
        st = oro_timers_start(s, &err);
    if (st != ORO_OK) /* of memory, or a table that is full */
        oro_log(ORO_LOG_ERROR, "server", "timers of the new version: %s", err.text);
}

/* Only code has changed. Takes schema. */
static oro_status
exchange_code(struct oro_server *s, struct oro_schema *schema, struct oro_err *err)
{
    oro_schema_borrow_tables(schema, s->tables);
    oro_status st = stand_still(s, err);
    if (st != ORO_OK) {
        oro_pool_unstage(s->pool);
        oro_schema_free(schema);
        return st;
    }
    oro_timers_stop(s);
    struct oro_schema *old = s->schema;
    st = oro_pool_swap(s->pool, schema, s->store, err);
    if (st == ORO_OK) {
        s->schema = schema;
        oro_free(s->once_new); /* functions that run once were all there before */
        s->once_new = ORO_NEW_ARRAY(bool, schema->nschedules + 1);
        if (old != s->tables)
            oro_schema_free(old);
    } else {
        oro_schema_free(schema);
    }
    timers_restart(s);
    go_on(s);
    return st;
}

static oro_status
reload(struct oro_server *s, char **report, struct oro_err *err)
{
    char *descriptor = NULL;
    struct oro_schema *schema = NULL;
    if (atomic_load(&s->quiet))
        return oro_err_set(err, ORO_ETIMEOUT, "the server is stopping");
    oro_status st = oro_pool_stage(s->pool, &descriptor, report, err);
    if (st != ORO_OK)
        return st;
    st = oro_schema_parse(oro_bytes_str(descriptor), &schema, err);
    oro_free(descriptor);
    if (st == ORO_OK && !oro_schema_same_tables(schema, s->tables)) {
        st = oro_err_set(err, ORO_EINVAL, "tables have changed: restart to migrate");
        oro_schema_free(schema);
    } else if (st == ORO_OK) {
        st = exchange_code(s, schema, err);
        if (st == ORO_OK)
            *report = oro_strdup("the code was exchanged");
        return st;
    }
    oro_pool_unstage(s->pool);
    return st;
}

oro_status
oro_server_reload(struct oro_server *s, char **report, struct oro_err *err)
{
    *report = NULL;
    pthread_mutex_lock(&s->reload.one);
    int64_t begin = oro_mono_us();
    oro_status st = reload(s, report, err);
    pthread_mutex_unlock(&s->reload.one);
    if (st != ORO_OK) {
        oro_log(ORO_LOG_ERROR, "server", "the module was not reloaded; the old version serves on: %s",
                *report != NULL ? *report : err->text);
        return st;
    }
    oro_pool_settle(s->pool);
    oro_log(ORO_LOG_INFO, "server", "reloaded in %lld ms: %s",
            (long long)(oro_mono_us() - begin) / 1000, *report);
    return st;
}

/* ---- over HTTP: on a thread of its own, since a net thread may not wait ---- */

void
oro_reload_ask(struct shard *sh, oro_conn_id req_id, const struct oro_http_response *res)
{
    struct reload *r = &sh->server->reload;
    struct reload_answer *a = ORO_NEW(struct reload_answer);
    a->shard = sh->number;
    a->req_id = req_id;
    snprintf(a->res.extra_headers, sizeof(a->res.extra_headers), "%s", res->extra_headers);
    pthread_mutex_lock(&r->lock);
    struct reload_answer **end = &r->asked;
    while (*end != NULL)
        end = &(*end)->next;
    *end = a;
    pthread_mutex_unlock(&r->lock);
    oro_wake_signal(&r->wake);
}

static struct reload_answer *
next_asked(struct reload *r)
{
    pthread_mutex_lock(&r->lock);
    struct reload_answer *a = r->asked;
    if (a != NULL)
        r->asked = a->next;
    pthread_mutex_unlock(&r->lock);
    return a;
}

static void
answer_fill(struct oro_http_response *res, oro_status st, const char *report,
            const struct oro_err *err)
{
    res->content_type = "text/plain; charset=utf-8";
    if (st == ORO_OK) {
        res->status = 200;
        oro_bb_printf(&res->body, "%s\n", report);
    } else if (st == ORO_EINVAL) {
        res->status = 400;
        oro_bb_printf(&res->body, "Database update rejected: %s",
                      report != NULL ? report : err->text);
    } else {
        res->status = 503;
        oro_bb_printf(&res->body, "%s; the old version serves on", err->text);
    }
}

static void
asked_run(struct oro_server *s, struct reload_answer *a)
{
    struct reload *r = &s->reload;
    struct oro_err err = {0};
    char *report = NULL;
    oro_status st = oro_server_reload(s, &report, &err);
    answer_fill(&a->res, st, report, &err);
    oro_free(report);
    pthread_mutex_lock(&r->lock);
    a->next = r->answers;
    r->answers = a;
    atomic_fetch_add(&r->nanswers, 1);
    pthread_mutex_unlock(&r->lock);
    if (atomic_load(&s->attached))
        s->net.wake(s->net.net, a->shard);
}

void
oro_reload_answer(struct shard *sh)
{
    struct reload *r = &sh->server->reload;
    struct oro_server_net *net = &sh->server->net;
    struct reload_answer *mine = NULL;
    pthread_mutex_lock(&r->lock);
    for (struct reload_answer **link = &r->answers, *a; (a = *link) != NULL;) {
        if (a->shard != sh->number) {
            link = &a->next;
            continue;
        }
        *link = a->next;
        a->next = mine;
        mine = a;
        atomic_fetch_sub(&r->nanswers, 1);
    }
    pthread_mutex_unlock(&r->lock);
    for (struct reload_answer *a; (a = mine) != NULL;) {
        mine = a->next;
        net->http_reply(net->net, sh->number, a->req_id, &a->res);
        oro_free(a);
    }
}

static void *
reload_main(void *arg)
{
    struct oro_server *s = arg;
    struct reload *r = &s->reload;
    while (!atomic_load(&r->ends)) {
        unsigned seen = oro_wake_prepare(&r->wake);
        struct reload_answer *a = next_asked(r);
        if (a != NULL)
            asked_run(s, a);
        else if (!atomic_load(&r->ends))
            oro_wake_wait(&r->wake, seen, -1);
    }
    return NULL;
}

/* ---- start and stop ---- */

oro_status
oro_reload_open(struct oro_server *s, struct oro_err *err)
{
    oro_status st = oro_thread_start(&s->reload.thread, ORO_THREAD_OTHER, "reload", 512 * 1024,
                                     reload_main, s, err);
    s->reload.runs = st == ORO_OK;
    return st;
}

void
oro_reload_close(struct oro_server *s)
{
    struct reload *r = &s->reload;
    if (r->runs) {
        atomic_store(&r->ends, true);
        oro_wake_signal(&r->wake);
        oro_thread_join(r->thread);
        r->runs = false;
    }
    pthread_mutex_lock(&r->one); /* another thread's; it sees `quiet` if it comes later */
    pthread_mutex_unlock(&r->one);
}

static void
answers_free(struct reload_answer *list)
{
    for (struct reload_answer *a; (a = list) != NULL;) {
        list = a->next;
        oro_bb_fini(&a->res.body);
        oro_free(a);
    }
}

void
oro_reload_free(struct oro_server *s)
{
    answers_free(s->reload.asked);
    answers_free(s->reload.answers);
    pthread_mutex_destroy(&s->reload.lock);
    pthread_mutex_destroy(&s->reload.one);
}
