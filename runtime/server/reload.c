/* Serving a new version of the module without a restart.
 *
 * The workers import it beside the one that runs, each between two jobs, while everything goes on. Then all stand still for
 * some milliseconds: the workers between jobs, the net threads at the end of a round, the scheduler ended; the module, the
 * schema and the timers are exchanged. What fails before that leaves everything as it was.
 *
 * Where only code has changed, the new schema takes over the table definitions of the old one (oro_schema_borrow_tables), so
 * that the store, its log and the subscriptions do not notice. Where tables have changed, a new store is filled from the old
 * one, the data file is opened anew, which changes it in one SQL transaction, and subscriptions are moved; both ask the same
 * rules whether that can be (runtime/tables/catalog.c). Records and log go on with the next number. */
#include "runtime/base/clock.h"
#include "runtime/server/server_priv.h"
#include "runtime/timers/install.h"

#include <stdio.h>
#include <stdlib.h>

#define PATIENCE_US 10000000
#define CHECKPOINT_PATIENCE_US 30000000

static void
reload_move(struct oro_server *s, enum reload_state to)
{
    static const unsigned next[RELOAD_STATES] = {
        [RELOAD_NONE] = 1u << RELOAD_IMPORTS,
        [RELOAD_IMPORTS] = 1u << RELOAD_STAGED | 1u << RELOAD_NONE,
        [RELOAD_STAGED] = 1u << RELOAD_STILL | 1u << RELOAD_NONE,
        [RELOAD_STILL] = 1u << RELOAD_NONE,
    };
    ORO_ASSERT(next[s->reload.state] & 1u << to);
    s->reload.state = to;
}

/* ---- standing still ---- */

static void
outdated_close(struct shard *sh)
{
    const struct oro_map_slot *slot;
    for (size_t i = 0; sh->has_outdated && oro_map_next(&sh->clients, &i, &slot);) {
        struct client *c = slot->value;
        if (c->outdated)
            oro_client_close(sh, c, 1012, "the module has changed: connect and subscribe again");
    }
    sh->has_outdated = false;
}

void
oro_reload_park(struct shard *sh)
{
    struct reload *r = &sh->server->reload;
    oro_owner_give(&sh->owner); /* to the thread that reloads */
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
    outdated_close(sh);
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
    for (unsigned i = 0; i < s->opt.shards; i++)
        oro_owner_give(&s->shards[i].owner); /* back */
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

/* to_disk: and everything published is on disk. */
static oro_status
stand_still(struct oro_server *s, bool to_disk, struct oro_err *err)
{
    s->reload.still_since_us = oro_mono_us();
    oro_status st = oro_pools_pause(s, err);
    if (st != ORO_OK)
        return st;
    /* Nothing is pinned in the store: what is read is asked for once more afterwards. */
    oro_readers_pause(s->readers);
    if (to_disk)
        st = oro_server_disk_wait(s, err);
    if (st == ORO_OK)
        st = park(s, err);
    if (st != ORO_OK) {
        oro_readers_resume(s->readers);
        oro_pools_resume(s);
    }
    return st;
}

static void
go_on(struct oro_server *s)
{
    unpark(s);
    oro_sql_pool_reset(s->sql); /* the tables may be others now */
    oro_readers_resume(s->readers);
    oro_pools_resume(s);
    s->reload.still_us = oro_mono_us() - s->reload.still_since_us;
    if (s->durable != NULL)
        oro_durable_wake(s->durable);
    for (unsigned i = 0; atomic_load(&s->attached) && i < s->opt.shards; i++)
        s->net.wake(s->net.net, i);
}

/* ---- the exchange ---- */

/* Takes kept. */
static void
timers_restart(struct oro_server *s, struct oro_timers_kept *kept)
{
    struct oro_err err = {0}, mine = {0};
    oro_status st = oro_server_schedules_install(s, &err);
    if (st != ORO_OK) /* the others run */
        oro_log(ORO_LOG_ERROR, "server", "timers: %s", err.text);
    st = oro_server_timers_start(s, kept, &mine);
    if (st != ORO_OK) /* of memory, or a table that is full */
        oro_log(ORO_LOG_ERROR, "server", "timers: %s", mine.text);
}

/* Takes schema. */
static void
schema_take(struct oro_server *s, struct oro_schema *schema)
{
    struct oro_schema *old = s->schema, *old_tables = s->tables;
    ORO_ASSERT(s->reload.state == RELOAD_STILL);
    s->schema = schema;
    s->tables = schema->lender != NULL ? old_tables : schema;
    if (old != old_tables)
        oro_schema_free(old);
    if (s->tables != old_tables)
        oro_schema_free(old_tables);
}

/* Only code has changed; all stand still. Takes schema. */
static oro_status
exchange_code(struct oro_server *s, struct oro_schema *schema, struct oro_err *err)
{
    oro_schema_borrow_tables(schema, s->tables);
    oro_status st = oro_pools_bind(s, schema, err);
    if (st != ORO_OK) {
        oro_schema_free(schema);
        return st;
    }
    oro_pools_adopt(s, schema, s->store);
    schema_take(s, schema);
    oro_free(s->once_new); /* functions that run once were all there before */
    s->once_new = ORO_NEW_ARRAY(bool, schema->nschedules + 1);
    return ORO_OK;
}

/* ---- the exchange of tables: a second store, filled from the first, and the data file changed as a start does it ---- */

static oro_status
store_make(struct oro_server *s, const struct oro_schema *schema, const bool *mapped,
           struct oro_store **out, struct oro_err *err)
{
    struct server_hooks hooks = {.server = s, .staged = true};
    struct oro_migrator by = oro_server_migrator(&hooks);
    struct oro_store_options opt = {.first_offset = oro_store_offset(s->store),
                                    .first_seq = oro_store_seq(s->store)};
    oro_status st = oro_store_create(schema, &opt, out, err);
    if (st != ORO_OK)
        return st;
    st = oro_store_carry(*out, s->store, mapped, &by, err);
    if (st != ORO_OK)
        oro_store_destroy(*out);
    if (st == ORO_EEXISTS)
        st = err->status = ORO_EINVAL;
    return st;
}

/* Everything is on disk. What was checked before fits, so only the disk itself can fail here; then there is no data to go on
 * with, and a restart finds the old state or the new one. */
static void
data_migrate(struct oro_server *s, const struct oro_schema *schema, struct oro_store *made)
{
    struct oro_durable_options opt = oro_server_durable_options(s);
    opt.migrated = made; /* hooks are not asked twice: they may answer something else */
    struct oro_err err = {0};
    oro_durable_stop(s->durable);
    s->durable = NULL;
    oro_status st = oro_durable_open(&opt, schema, &s->durable, &err);
    if (st == ORO_OK)
        return;
    oro_log(
        ORO_LOG_ERROR, "server",
        "the data cannot be opened for the new version, so the process ends; what was confirmed "
        "is on disk: %s",
        err.text);
    abort();
}

static void
data_start(struct oro_server *s, const struct oro_schema *old)
{
    struct oro_err err = {0};
    oro_free(s->once_new);
    oro_schedules_look_again(s->schema, old, s->durable, &s->once_new);
    if (s->durable == NULL)
        return;
    oro_durable_continue(s->durable, s->store);
    oro_status st = oro_durable_start(s->durable, s->store, &err);
    if (st == ORO_OK)
        return;
    oro_log(ORO_LOG_ERROR, "server",
            "the log does not start, so the process ends; what was confirmed is on disk: %s",
            err.text);
    abort();
}

struct subs_move {
    struct shard *sh;
    struct oro_subs *to;
    const struct oro_schema *now;
};

static void
outdated(struct shard *sh, struct client *c)
{
    c->outdated = sh->has_outdated = true;
}

static void
named(void *arg, const struct oro_view_def *def, struct oro_bytes args)
{
    (void)def;
    (void)args;
    *(bool *)arg = true;
}

/* Whether one of the texts is of a view of the new version, which has no answers yet. */
static bool
names_view(const struct oro_schema *now, struct oro_bytes texts, uint32_t n,
           const struct oro_query_env *env)
{
    struct oro_reader r = oro_reader(texts);
    struct oro_bytes text;
    uint64_t steps = UINT64_MAX; /* the old version has counted them */
    bool is_named = false;
    for (uint32_t i = 0; i < n && !is_named && oro_rd_string(&r, &text) == ORO_OK; i++)
        if (!oro_query_views(now, text, env, named, &is_named, &steps))
            return true;
    return is_named;
}

/* A subscription that the new version does not understand costs its client the connection: it has to ask again. So does one of
 * a view: answers have other numbers in each store, and those of another client must not take its place. */
static void
subscription_move(void *arg, oro_conn_id conn, uint32_t query_set_id, struct oro_bytes texts,
                  uint32_t n)
{
    struct subs_move *m = arg;
    struct client *c = oro_client_find(m->sh, conn);
    struct oro_err err = {0};
    if (c == NULL || c->outdated)
        return;
    struct oro_query_env env = oro_client_env(m->sh, c);
    if (names_view(m->now, texts, n, &env) ||
        oro_subs_subscribe(m->to, m->sh->session, conn, query_set_id, texts, n, &env, NULL, NULL,
                           NULL, &err) != ORO_OK)
        outdated(m->sh, c);
}

static void
shard_move(struct shard *sh, struct oro_store *store, bool breaks)
{
    ORO_ASSERT_OWNER(&sh->owner);
    const struct oro_schema *now = oro_store_schema(store);
    struct subs_move m = {sh, oro_subs_create(now), now};
    const struct oro_map_slot *slot;
    oro_subs_limit(m.to, sh->server->opt.client_terms, sh->server->opt.client_queries);
    ORO_ASSERT(!oro_cursor_has_next(sh->cursor));
    oro_cursor_close(sh->cursor);
    oro_session_close(sh->session);
    sh->session = oro_session_open(store);
    sh->cursor = oro_cursor_open(store);
    sh->holds = false;
    oro_shard_subs_opened(sh, m.to, store);
    for (size_t i = 0; oro_map_next(&sh->clients, &i, &slot);) {
        struct client *c = slot->value;
        if (c->kind == CLIENT_DATABASE && (breaks || oro_views_has(c)))
            outdated(sh, c);
    }
    oro_subs_each(sh->subs, subscription_move, &m);
    oro_subs_destroy(sh->subs);
    sh->subs = m.to;
    oro_shard_hold(sh); /* nothing is published meanwhile */
    oro_subs_limit_all(sh->subs,
                       sh->server->opt.all_terms); /* from now on: what was granted stays */
    oro_shard_count_subs(sh);
}

/* All stand still. Takes schema. */
static oro_status
exchange_tables(struct oro_server *s, struct oro_schema *schema, bool breaks, char **report,
                struct oro_err *err)
{
    struct oro_store *store;
    struct oro_bb reasons = {0};
    oro_status st = ORO_OK;
    bool *mapped = ORO_NEW_ARRAY(bool, schema->ntables + 1);
    oro_durable_reasons(s->store, schema, &reasons, mapped);
    if (reasons.len > 0)
        st = oro_err_set(err, ORO_EINVAL, "the data does not fit the new version");
    if (reasons.len > 0)
        *report = oro_strndup((const char *)reasons.data, reasons.len);
    oro_bb_fini(&reasons);
    if (st == ORO_OK)
        st = store_make(s, schema, mapped, &store, err);
    oro_free(mapped);
    if (st != ORO_OK)
        goto fail;
    st = oro_pools_bind(s, schema, err);
    if (st != ORO_OK)
        goto fail_store;
    if (s->durable != NULL)
        data_migrate(s, schema, store);
    oro_pools_adopt(s, schema, store);
    for (unsigned i = 0; i < s->opt.shards; i++)
        shard_move(&s->shards[i], store, breaks);
    oro_store_destroy(s->store);
    s->store = store;
    struct oro_schema *old = s->schema;
    s->schema = schema;
    data_start(s, old);
    s->schema = old;
    schema_take(s, schema);
    return ORO_OK;

fail_store:
    oro_store_destroy(store);
fail:
    oro_schema_free(schema);
    return st;
}

/* The version that is staged: it runs, or is dropped. Takes schema. */
static oro_status
exchange(struct oro_server *s, struct oro_schema *schema, char **report, struct oro_err *err)
{
    struct oro_bb words = {0};
    bool same = oro_schema_same_tables(schema, s->tables);
    bool breaks = !same && oro_schema_changes(s->tables, schema, &words);
    if (!same && s->durable != NULL) /* so that little is left to do while all stand still */
        oro_durable_checkpoint(s->durable, CHECKPOINT_PATIENCE_US);
    oro_timers_hold(atomic_load(&s->timers), true);
    oro_status st = stand_still(s, !same, err);
    if (st == ORO_OK) {
        reload_move(s, RELOAD_STILL);
        struct oro_timers_kept *kept = oro_server_timers_stop_keeping(s);
        st = same ? exchange_code(s, schema, err) : exchange_tables(s, schema, breaks, report, err);
        if (st == ORO_OK)
            oro_server_updated_reload(s);
        timers_restart(s, kept);
        if (st != ORO_OK)
            oro_pools_unstage(s); /* while the numbers are not read */
        go_on(s);
    } else {
        oro_timers_hold(atomic_load(&s->timers), false);
        oro_schema_free(schema);
        oro_pools_unstage(s);
    }
    if (st == ORO_OK)
        *report = same ? oro_strdup("the code was exchanged")
                       : oro_asprintf("%.*s%s", (int)words.len, (const char *)words.data,
                                      breaks ? "; clients were disconnected" : "");
    oro_bb_fini(&words);
    return st;
}

static oro_status
reload(struct oro_server *s, char **report, struct oro_err *err)
{
    char *descriptor = NULL;
    struct oro_schema *schema = NULL;
    if (atomic_load(&s->quiet))
        return oro_err_set(err, ORO_ETIMEOUT, "the server is stopping");
    oro_status st = s->opt.probe != NULL ? s->opt.probe(s->opt.probe_arg, report, err) : ORO_OK;
    if (st == ORO_OK)
        st = oro_pools_stage(s, &descriptor, report, err);
    if (st != ORO_OK)
        return st;
    reload_move(s, RELOAD_STAGED);
    st = oro_schema_parse(oro_bytes_str(descriptor), &schema, err);
    oro_free(descriptor);
    if (st == ORO_OK)
        st = oro_query_check_rules(schema, err);
    if (st == ORO_OK)
        st = oro_server_env_check(s, schema, err);
    if (st == ORO_OK)
        return exchange(s, schema, report, err);
    oro_schema_free(schema);
    oro_pools_unstage(s);
    return st;
}

oro_status
oro_server_reload(struct oro_server *s, char **report, struct oro_err *err)
{
    struct oro_err mine = {0};
    if (err == NULL)
        err = &mine;
    *report = NULL;
    pthread_mutex_lock(&s->reload.one);
    int64_t begin = oro_mono_us();
    reload_move(s, RELOAD_IMPORTS);
    oro_status st = reload(s, report, err);
    reload_move(s, RELOAD_NONE);
    int64_t still = s->reload.still_us;
    pthread_mutex_unlock(&s->reload.one);
    if (st != ORO_OK) {
        oro_log(ORO_LOG_ERROR, "server",
                "the module was not reloaded; the old version serves on: %s",
                *report != NULL ? *report : err->text);
        return st;
    }
    oro_views_again(s);
    oro_pools_settle(s);
    struct oro_err late = {0};
    char *why = NULL;
    if (oro_callers_start(s, &why, &late) != ORO_OK) /* its first procedures */
        oro_log(ORO_LOG_ERROR, "server", "procedures cannot run: %s", why != NULL ? why : late.text);
    oro_free(why);
    oro_log(ORO_LOG_INFO, "server", "reloaded in %lld ms, of which all stood still for %lld: %s",
            (long long)(oro_mono_us() - begin) / 1000, (long long)still / 1000, *report);
    return st;
}

/* ---- over HTTP: on a thread of its own, since a net thread may not wait ---- */

void
oro_reload_ask(struct shard *sh, oro_conn_id req_id, const char *headers,
               const struct oro_http_aside *aside)
{
    struct reload *r = &sh->server->reload;
    struct reload_answer *a = ORO_NEW(struct reload_answer);
    a->shard = sh->number;
    a->req_id = req_id;
    if (aside != NULL)
        a->aside = *aside;
    snprintf(a->res.extra_headers, sizeof(a->res.extra_headers), "%s", headers);
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
asked_reload(struct oro_server *s, struct oro_http_response *res)
{
    struct oro_err err = {0};
    char *report = NULL;
    oro_status st = oro_server_reload(s, &report, &err);
    answer_fill(res, st, report, &err);
    oro_free(report);
}

static void
aside_drop(struct reload_answer *a)
{
    if (a->aside.run != NULL)
        a->aside.drop(a->aside.arg);
    a->aside = (struct oro_http_aside){0};
}

static void
asked_run(struct oro_server *s, struct reload_answer *a)
{
    struct reload *r = &s->reload;
    if (a->aside.run != NULL)
        a->aside.run(a->aside.arg, &a->res);
    else
        asked_reload(s, &a->res);
    aside_drop(a);
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
    ORO_ASSERT_OWNER(&sh->owner);
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
        aside_drop(a);
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
