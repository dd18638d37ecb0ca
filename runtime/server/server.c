#include "runtime/server/server_priv.h"

#include "runtime/base/clock.h"
#include "runtime/store/view.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- the sink's websocket part ---- */

static struct shard *
shard_of(void *self, unsigned shard)
{
    struct oro_server *s = self;
    ORO_ASSERT(shard < s->opt.shards);
    ORO_ASSERT_OWNER(&s->shards[shard].owner);
    return &s->shards[shard];
}

static void
ws_open(void *self, unsigned shard, oro_conn_id conn, void *user)
{
    struct shard *sh = shard_of(self, shard);
    struct client *c = user;
    c->conn = conn;
    oro_map_put_u64(&sh->clients, conn, c);
    if (c->kind == CLIENT_LIVE_METRICS) {
        oro_client_move(c, CLIENT_OPEN);
        sh->live++;
        return;
    }
    if (!oro_session_enter(sh, c)) {
        c->turned_away = true;
        return;
    }
    if (!c->confirmed)
        atomic_fetch_add(&sh->unconfirmed, 1);
    oro_client_post(sh, c, ORO_JOB_CONNECT);
}

static void
ws_abandon(void *self, unsigned shard, void *user)
{
    (void)self;
    (void)shard;
    oro_client_free(user);
}

static void
ws_message(void *self, unsigned shard, oro_conn_id conn, void *user, struct oro_buf *frame,
           bool binary)
{
    struct shard *sh = shard_of(self, shard);
    struct client *c = user;
    (void)conn;
    if (c->kind != CLIENT_DATABASE)
        return;
    if (!binary) {
        oro_client_close(sh, c, 1011, "expected a binary message");
        return;
    }
    oro_client_frame(sh, c, frame);
}

static bool
ws_ended(void *self, unsigned shard, oro_conn_id conn, void *user)
{
    (void)conn;
    return oro_client_ended(shard_of(self, shard), user);
}

static void
ws_cut(void *self, unsigned shard, oro_conn_id conn, void *user)
{
    (void)conn;
    oro_client_cut(shard_of(self, shard), user);
}

static void
ws_close(void *self, unsigned shard, oro_conn_id conn, void *user, const char *cause)
{
    struct shard *sh = shard_of(self, shard);
    struct client *c = user;
    oro_log(ORO_LOG_DEBUG, "server", "connection %llu ended: %s", (unsigned long long)conn, cause);
    if (c->kind == CLIENT_LIVE_METRICS) {
        sh->live--;
        oro_client_remove(sh, c);
        return;
    }
    if (c->turned_away) {
        oro_client_remove(sh, c);
        return;
    }
    if (!c->confirmed)
        atomic_fetch_sub(&sh->unconfirmed, 1);
    oro_client_gone(sh, c, strcmp(cause, "client_close") == 0);
}

static void
drained(void *self, unsigned shard, oro_conn_id id, size_t waiting)
{
    struct shard *sh = shard_of(self, shard);
    struct client *c = oro_map_get_u64(&sh->requests, id);
    c = c != NULL ? c : oro_client_find(sh, id);
    if (c != NULL && c->unread)
        oro_client_drained(sh, c, waiting);
    else if (c != NULL)
        oro_stream_drained(c, waiting);
}

static void
drain(void *self, unsigned shard)
{
    struct shard *sh = shard_of(self, shard);
    if (sh->followers != NULL)
        oro_follow_look(sh);
    if (atomic_load_explicit(&sh->superseded, memory_order_relaxed) != NULL)
        oro_sessions_look(sh);
    oro_shard_drain(sh);
}

static bool
prepare_sleep(void *self, unsigned shard)
{
    struct shard *sh = shard_of(self, shard);
    /* The fence pairs with the one in shards_wake(): either the publisher sees that we sleep, or we see what it published. */
    atomic_store(&sh->sleeping, true);
    atomic_thread_fence(memory_order_seq_cst);
    bool work =
        oro_cursor_has_next(sh->cursor) || sh->resume != NULL || oro_reads_have_work(sh) ||
        atomic_load(&sh->superseded) != NULL ||
        (sh->held != NULL && (sh->held_fresh || oro_server_durable_seq(sh->server) != sh->flushed));
    if (work)
        atomic_store(&sh->sleeping, false);
    return work;
}

static void
awake(void *self, unsigned shard)
{
    atomic_store(&shard_of(self, shard)->sleeping, false);
}

static void
tick(void *self, unsigned shard)
{
    struct shard *sh = shard_of(self, shard);
    oro_streams_look(sh);
    oro_views_account(sh);
    if (sh->followers != NULL)
        oro_follow_look(sh); /* what was held back for somebody slow */
    if (shard == 0)
        oro_timers_look(oro_server_timers(sh->server));
    if (shard == 0 && sh->server->durable != NULL)
        oro_durable_look(sh->server->durable, oro_mono_us());
    if (sh->live == 0)
        return;
    struct oro_bb text = {0};
    oro_metrics_json(&text);
    const struct oro_map_slot *slot;
    for (size_t i = 0; oro_map_next(&sh->clients, &i, &slot);) {
        struct client *c = slot->value;
        if (c->kind == CLIENT_LIVE_METRICS && c->state == CLIENT_OPEN)
            sh->server->net.send(sh->server->net.net, shard, c->conn, oro_bb_bytes(&text));
    }
    oro_bb_fini(&text);
}

/* ---- metrics that are read, not counted ---- */

static void
process_read(void)
{
    struct rusage use;
    if (getrusage(RUSAGE_SELF, &use) == 0) {
        int64_t us = (int64_t)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000 +
                     use.ru_utime.tv_usec + use.ru_stime.tv_usec;
        oro_metric_set(oro_metric(ORO_METRIC_SECONDS, "orochi_process_cpu_seconds_total", "",
                                  "CPU time used."),
                       us);
    }
    long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f != NULL && fscanf(f, "%*d %lld", &pages) == 1)
        oro_metric_set(
            oro_metric(ORO_METRIC_GAUGE, "orochi_process_resident_bytes", "", "Memory in use."),
            pages * sysconf(_SC_PAGESIZE));
    if (f != NULL)
        fclose(f);
}

static void
gauges_read(void *arg)
{
    struct oro_server *s = arg;
    char label[160];
    for (uint32_t i = 0; i < s->schema->ntables; i++) {
        const struct oro_table_def *t = &s->schema->tables[i];
        snprintf(label, sizeof(label), "table=\"%s\"", t->name);
        oro_metric_set(oro_metric(ORO_METRIC_GAUGE, "orochi_table_rows", label, "Rows of a table."),
                       (int64_t)oro_store_row_count(s->store, t));
        oro_metric_set(oro_metric(ORO_METRIC_GAUGE, "orochi_table_bytes", label,
                                  "BSATN bytes of a table's rows."),
                       (int64_t)oro_store_row_bytes(s->store, t));
    }
    oro_metric_set(oro_metric(ORO_METRIC_GAUGE, "orochi_view_answers", "",
                              "Answers of views that are kept up to date."),
                   (int64_t)oro_view_count(s->store));
    oro_metric_set(oro_metric(ORO_METRIC_COUNTER, "orochi_commits_total", "",
                              "Transactions that changed something."),
                   (int64_t)oro_store_offset(s->store));
    unsigned query_sets = 0;
    for (unsigned i = 0; i < s->opt.shards; i++)
        query_sets += atomic_load_explicit(&s->shards[i].query_sets, memory_order_relaxed);
    oro_metric_set(oro_metric(ORO_METRIC_GAUGE, "orochi_subscriptions", "",
                              "Query sets that clients are subscribed to."),
                   query_sets);
    process_read();
    uint64_t seq = oro_store_seq(s->store), durable = oro_server_durable_seq(s);
    oro_metric_set(oro_metric(ORO_METRIC_GAUGE, "orochi_durable_lag_commits", "",
                              "Records that are not on disk yet."),
                   durable >= seq ? 0 : (int64_t)(seq - durable));
    oro_metric_set(oro_metric(ORO_METRIC_GAUGE, "orochi_durable_trouble", "",
                              "1 while the log cannot be written."),
                   s->durable != NULL && oro_durable_trouble(s->durable) != NULL);
}

static oro_status
run_init(struct oro_server *s, struct oro_err *err)
{
    char text[1000];
    struct oro_job *job =
        oro_job_new(ORO_JOB_INIT, oro_principal_new(ORO_CALLER_INTERNAL, &s->owner, NULL, NULL), 0);
    oro_status st = oro_pool_post_wait(s->pool, job, text);
    if (st != ORO_OK)
        return oro_err_set(err, ORO_EINVAL,
                           "init failed: %s. It runs again at the next start: nothing that it "
                           "stored was kept",
                           text);
    if (s->durable == NULL)
        return ORO_OK;
    /* Not before it is on disk, by itself. With rows of its own its transaction says so, too: then there is no hurry. */
    return oro_server_disk_wait(s, NULL) == ORO_OK ? oro_durable_set_initialized(s->durable, err)
                                                   : ORO_OK;
}

/* Clients of an earlier run that ended without saying so: client_disconnected runs for each, before timers and before new
 * connections (L-25). */
static oro_status
forget_clients(struct oro_server *s, struct oro_err *err)
{
    struct oro_session *se = oro_session_open(s->store);
    struct oro_rows rows;
    oro_read_begin(se);
    oro_read_scan(se, oro_schema_table_by_id(s->schema, ORO_ST_CLIENT), &rows);
    struct oro_principal **left = ORO_NEW_ARRAY(struct oro_principal *, rows.n + 1);
    size_t n = rows.n;
    for (size_t i = 0; i < n; i++) {
        struct oro_identity id;
        struct oro_connection_id connection;
        memcpy(id.le, rows.rows[i].data, 32);
        memcpy(connection.le, rows.rows[i].data + 32, 16);
        left[i] = oro_principal_new(ORO_CALLER_CLIENT, &id, &connection, NULL);
    }
    oro_read_end(se);
    oro_session_close(se);
    for (size_t i = 0; i < n; i++)
        (void)oro_pool_post_wait(s->pool, oro_job_new(ORO_JOB_DISCONNECT, left[i], 0), NULL);
    oro_free(left);
    if (n > 0)
        oro_log(ORO_LOG_INFO, "server", "%zu clients of the last run were disconnected", n);
    return ORO_OK;
}

static void
shards_open(struct oro_server *s)
{
    s->shards = ORO_NEW_ARRAY(struct shard, s->opt.shards);
    for (unsigned i = 0; i < s->opt.shards; i++) {
        struct shard *sh = &s->shards[i];
        sh->server = s;
        sh->number = i;
        sh->apply = oro_shard_record;
        sh->session = oro_session_open(s->store);
        sh->cursor = oro_cursor_open(s->store);
        sh->subs = oro_subs_create(s->schema);
        sh->updates = oro_updates_create();
        oro_subs_limit(sh->subs, s->opt.client_terms, s->opt.client_queries);
        oro_subs_limit_all(sh->subs, s->opt.all_terms);
        oro_shard_subs_opened(sh, sh->subs, s->store);
    }
}

static void
shards_close(struct oro_server *s)
{
    oro_sessions_free(s);
    for (unsigned i = 0; s->shards != NULL && i < s->opt.shards; i++) {
        struct shard *sh = &s->shards[i];
        const struct oro_map_slot *slot;
        oro_reads_free(sh);
        for (size_t k = 0; oro_map_next(&sh->clients, &k, &slot);)
            oro_client_free(slot->value);
        oro_map_fini(&sh->clients);
        oro_map_fini(&sh->requests);
        oro_follow_close(sh);
        oro_subs_destroy(sh->subs);
        oro_updates_destroy(sh->updates);
        oro_cursor_close(sh->cursor);
        oro_session_close(sh->session);
        oro_bb_fini(&sh->out);
        oro_map_fini(&sh->refused);
    }
    oro_free(s->shards);
    s->shards = NULL;
}

static oro_status
module_load(struct oro_server *s, char **report, struct oro_err *err)
{
    const struct oro_server_options *o = &s->opt;
    char *descriptor = NULL;
    struct oro_pool_options po = {
        .workers = o->workers,
        .module_path = o->module_path,
        .module_name = o->name,
        .timeout_us = o->timeout_us,
        .give_up_us = o->give_up_us,
        .max_lost = o->max_lost_workers,
        .main_interpreter = o->main_interpreter,
        .init_timeout_us = o->init_timeout_us,
        .import_timeout_us = o->import_timeout_us,
        .dev_errors = o->dev_errors,
        .hooks = {.arg = s, .published = oro_server_published, .procedure = oro_procedure_scheduled},
    };
    oro_status st = oro_pool_load(&po, &s->pool, &descriptor, report, err);
    if (st == ORO_OK)
        st = oro_schema_parse(oro_bytes_str(descriptor), &s->schema, err);
    if (st == ORO_OK)
        st = oro_query_check_rules(s->schema, err);
    s->tables = s->schema;
    oro_free(descriptor);
    return st;
}

static struct oro_server *
server_new(const struct oro_server_options *opt)
{
    struct oro_server *s = ORO_NEW(struct oro_server);
    pthread_mutex_init(&s->reload.one, NULL);
    pthread_mutex_init(&s->reload.lock, NULL);
    pthread_mutex_init(&s->sessions.lock, NULL);
    s->opt = *opt;
    s->asks = oro_shares_create(opt->procedure_queue);
    s->answers = oro_shares_create(opt->view_room);
    s->sink = (struct oro_sink){
        .self = s,
        .http = opt->front->http,
        .http_gone = oro_api_gone,
        .ws_request = opt->front->ws_request,
        .ws_open = ws_open,
        .ws_abandon = ws_abandon,
        .ws_message = ws_message,
        .ws_ended = ws_ended,
        .ws_cut = ws_cut,
        .ws_close = ws_close,
        .drained = drained,
        .drain = drain,
        .prepare_sleep = prepare_sleep,
        .awake = awake,
        .tick = tick,
    };
    return s;
}

oro_status
oro_server_migrate(const struct oro_server_options *opt, struct oro_bb *told, char **report,
                   struct oro_err *err)
{
    struct oro_server *s = server_new(opt);
    bool lost;
    *report = NULL;
    oro_status st = module_load(s, report, err);
    if (st == ORO_OK)
        st = oro_server_data_read(s, told, err);
    if (!oro_server_stop(s, &lost) && st == ORO_OK)
        st = oro_err_set(err, ORO_ETIMEOUT, "the module cannot be ended");
    return st;
}

oro_status
oro_server_start(const struct oro_server_options *opt, struct oro_server **out, char **report,
                 struct oro_err *err)
{
    struct oro_server *s = server_new(opt);
    *report = NULL;
    oro_status st = module_load(s, report, err);
    if (st == ORO_OK)
        st = oro_server_env_open(s, err);
    if (st == ORO_OK)
        st = oro_server_data_open(s, err);
    if (st == ORO_OK)
        oro_server_env_delete(s); /* not before: another server may have the folder */
    if (st == ORO_OK)
        st = oro_pool_run(s->pool, s->schema, s->store, &s->database, err);
    if (st == ORO_OK)
        st = oro_callers_start(s, report, err);
    if (st == ORO_OK)
        st = forget_clients(s, err);
    /* Before init: once that is on disk the data is no longer new, and functions that run once would not be installed. */
    if (st == ORO_OK)
        st = oro_server_schedules_install(s, err);
    if (st == ORO_OK)
        st = oro_server_updated_start(s, err);
    if (st == ORO_OK && (s->durable == NULL || oro_durable_needs_init(s->durable)))
        st = run_init(s, err);
    if (st == ORO_OK)
        st = oro_readers_start(s->opt.readers, &s->readers, err);
    if (st == ORO_OK)
        s->sql = oro_sql_pool_create();
    if (st == ORO_OK) {
        shards_open(s);
        oro_metric_on_read(gauges_read, s);
        st = oro_server_timers_start(s, NULL, err);
    }
    if (st == ORO_OK)
        st = oro_reload_open(s, err);
    if (st != ORO_OK) {
        bool lost;
        if (!oro_server_stop(s, &lost))
            oro_log(ORO_LOG_ERROR, "server", "what had started could not be ended");
        return st;
    }
    *out = s;
    return ORO_OK;
}

const struct oro_sink *
oro_server_sink(struct oro_server *s)
{
    return &s->sink;
}

void
oro_server_attach(struct oro_server *s, const struct oro_server_net *net)
{
    s->net = *net;
    atomic_store(&s->attached, true);
    oro_follow_watch(s, true);
}

void
oro_server_quiesce(struct oro_server *s)
{
    atomic_store(&s->quiet, true);
    oro_reload_close(s);
    oro_readers_quit(s->readers); /* who waits for something to be read is told so now */
}

/* Requests in the middle of being served when net stopped: their clients have to be said good-bye to as well. */
static void
requests_abandon(struct oro_server *s)
{
    for (unsigned i = 0; s->shards != NULL && i < s->opt.shards; i++) {
        const struct oro_map_slot *slot;
        for (size_t k = 0; oro_map_next(&s->shards[i].clients, &k, &slot);)
            oro_api_abandon(&s->shards[i], slot->value);
    }
}

bool
oro_server_stop(struct oro_server *s, bool *lost)
{
    *lost = false;
    if (s == NULL)
        return true;
    atomic_store(&s->quiet, true);
    oro_reload_close(s);
    atomic_store(&s->attached, false);
    oro_follow_watch(s, false);
    oro_readers_stop(s->readers);
    s->readers = NULL;
    oro_sql_pool_destroy(s->sql);
    s->sql = NULL;
    if (s->shards != NULL)
        oro_metric_off_read(gauges_read, s);
    for (unsigned i = 0; s->shards != NULL && i < s->opt.shards; i++)
        oro_owner_give(&s->shards[i].owner); /* net's threads have ended */
    requests_abandon(s);
    if (!oro_pools_stop(s)) {
        if (s->durable != NULL)
            *lost = !oro_durable_stop(s->durable);
        return false;
    }
    /* After the workers, who arm timers; before the queue goes that timers are posted to. */
    oro_server_timers_stop(s);
    /* Before the shards go, which its thread wakes. */
    if (s->durable != NULL)
        *lost = !oro_durable_stop(s->durable);
    s->durable = NULL;
    shards_close(s);
    oro_pool_free(s->callers);
    oro_shares_destroy(s->asks);
    oro_pool_free(s->pool);
    if (s->store != NULL)
        oro_store_destroy(s->store);
    oro_shares_destroy(s->answers);
    oro_reload_free(s);
    if (s->schema != s->tables)
        oro_schema_free(s->schema);
    oro_schema_free(s->tables);
    oro_free(s->once_new);
    oro_server_env_close(s);
    oro_free(s->module_before);
    oro_free(s);
    return true;
}
