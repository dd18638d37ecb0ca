#include "tests/net/server.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/metric.h"
#include "runtime/base/mem.h"

struct user {
    enum oro_framing framing;
};

static void
changed(struct test_server *t)
{
    pthread_mutex_lock(&t->lock);
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

uint8_t
test_part_byte(size_t at)
{
    return (uint8_t)('a' + at * 7 % 1009 % 26);
}

void
test_parts(size_t n, struct oro_parts *out)
{
    struct oro_bb bb = {0};
    for (size_t at = 0; at < n; at++) {
        uint8_t b = test_part_byte(at);
        oro_parts_put(out, &bb, &b, 1);
    }
    oro_parts_close(out, &bb);
}

static bool
on_http(void *self, unsigned shard, oro_conn_id req_id, const struct oro_http_request *req,
        struct oro_http_response *res)
{
    struct test_server *t = self;
    res->status = 200;
    res->content_type = "text/plain; charset=utf-8";
    if (strcmp(req->path, "/keep") == 0) {
        pthread_mutex_lock(&t->lock);
        t->kept = req_id;
        t->kept_shard = shard;
        pthread_cond_broadcast(&t->changed);
        pthread_mutex_unlock(&t->lock);
        return false;
    }
    if (strcmp(req->path, "/gate") == 0) {
        pthread_mutex_lock(&t->lock);
        atomic_fetch_add(&t->at_gate, 1);
        pthread_cond_broadcast(&t->changed);
        while (!t->gate_open)
            pthread_cond_wait(&t->changed, &t->lock);
        pthread_mutex_unlock(&t->lock);
    } else if (strcmp(req->path, "/burn") == 0) {
        int64_t end = oro_mono_us() + 200;
        while (oro_mono_us() < end)
            ;
        atomic_fetch_add(&t->burned, 1);
    } else if (strcmp(req->path, "/hello") == 0)
        oro_bb_printf(&res->body, "hello");
    else if (strncmp(req->path, "/echo", 5) == 0)
        oro_bb_printf(&res->body, "%s %s|%s|%.*s|%s", req->method, req->path, req->query,
                      (int)req->body.len, (const char *)req->body.data,
                      req->authorization != NULL ? req->authorization : "-");
    else if (strncmp(req->path, "/status/", 8) == 0)
        res->status = atoi(req->path + 8);
    else if (strncmp(req->path, "/big/", 5) == 0)
        for (long n = atol(req->path + 5); n > 0; n--)
            oro_bb_u8(&res->body, 'x');
    else if (strncmp(req->path, "/parts/", 7) == 0) {
        test_parts((size_t)atol(req->path + 7), &res->parts);
        oro_bb_printf(&res->body, "the end");
    } else if (strncmp(req->path, "/file/", 6) == 0) {
        res->file_len = (uint64_t)atol(req->path + 6);
        res->file = memfd_create("file", MFD_CLOEXEC);
        cr_assert_eq(ftruncate(res->file, (off_t)res->file_len), 0);
    } else if (strcmp(req->path, "/short-file") == 0) {
        res->file_len = 1000000; /* it has shrunk */
        res->file = memfd_create("file", MFD_CLOEXEC);
        cr_assert_eq(ftruncate(res->file, 500000), 0);
    } else if (strcmp(req->path, "/headers") == 0) {
        res->content_type = NULL;
        snprintf(res->extra_headers, sizeof(res->extra_headers),
                 "x-one: 1\r\nx-origin: %s\r\nx-type: %s\r\nx-etag: %s\r\nx-enc: %s\r\n",
                 req->origin != NULL ? req->origin : "-",
                 req->content_type != NULL ? req->content_type : "-",
                 req->if_none_match != NULL ? req->if_none_match : "-",
                 req->accept_encoding != NULL ? req->accept_encoding : "-");
    } else if (strcmp(req->path, "/inject") == 0)
        strcpy(res->extra_headers, "x-one: 1\r\n\r\nHTTP/1.1 200 OK\r\nevil: 1\r\n");
    else
        res->status = 404;
    return true;
}

static void
on_http_gone(void *self, unsigned shard, oro_conn_id req_id)
{
    struct test_server *t = self;
    (void)shard, (void)req_id;
    atomic_fetch_add(&t->http_gone, 1);
    changed(t);
}

static bool
offers(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = list; p != NULL; p = strchr(p, ',')) {
        p += strspn(p, ", \t");
        if (strncmp(p, name, n) == 0 &&
            (p[n] == '\0' || p[n] == ',' || p[n] == ' ' || p[n] == '\t'))
            return true;
    }
    return false;
}

static bool
on_ws_request(void *self, unsigned shard, const struct oro_http_request *req,
              struct oro_ws_accept *acc, struct oro_http_response *res)
{
    static const struct {
        const char *name;
        enum oro_framing framing;
    } ours[] = {
        {"v3.bsatn.spacetimedb", ORO_FRAMING_STREAM},
        {"v2.bsatn.spacetimedb", ORO_FRAMING_SINGLE},
        {"orochi.metrics.json", ORO_FRAMING_TEXT},
    };
    (void)self, (void)shard;
    cr_assert(req->websocket);
    if (strcmp(req->path, "/refuse") == 0) {
        res->status = 403;
        res->content_type = "text/plain; charset=utf-8";
        oro_bb_printf(&res->body, "no entry");
        return false;
    }
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (req->protocols != NULL && offers(req->protocols, ours[i].name)) {
            struct user *u = ORO_NEW(struct user);
            u->framing = ours[i].framing;
            acc->protocol = ours[i].name;
            acc->framing = ours[i].framing;
            acc->user = u;
            snprintf(acc->extra_headers, sizeof(acc->extra_headers),
                     "spacetime-identity: abc\r\nx-query: %s\r\n", req->query);
            return true;
        }
    res->status = 400;
    oro_bb_printf(&res->body, "no valid protocol selected");
    return false;
}

static void
on_open(void *self, unsigned shard, oro_conn_id conn, void *user)
{
    struct test_server *t = self;
    (void)conn;
    cr_assert_not_null(user);
    atomic_fetch_add(&t->opened, 1);
    atomic_fetch_add(&t->open_now[shard], 1);
    changed(t);
}

static void
burst(struct test_server *t, unsigned shard, oro_conn_id conn, unsigned n, size_t size)
{
    uint8_t *msg = calloc(1, size);
    for (uint32_t i = 0; i < n; i++) {
        memcpy(msg, &i, sizeof(i));
        if (!oro_net_send(t->net, shard, conn, oro_bytes(msg, size)))
            break;
    }
    free(msg);
}

static void
linked(struct test_server *t, unsigned shard, oro_conn_id conn, size_t size, bool copied)
{
    struct oro_parts parts = {0};
    struct oro_bb whole = {0};
    test_parts(size, &parts);
    for (size_t i = 0; copied && i < parts.n; i++)
        oro_bb_put_bytes(&whole, oro_buf_bytes(parts.bufs[i]));
    if (copied)
        oro_net_send(t->net, shard, conn, oro_bb_bytes(&whole));
    else
        oro_net_send_parts(t->net, shard, conn, (struct oro_bytes){0}, &parts);
    oro_bb_fini(&whole);
    oro_parts_fini(&parts);
}

static void
shared(struct test_server *t, unsigned shard, oro_conn_id conn, size_t size)
{
    if (t->shared.n == 0 && size > 0)
        test_parts(size, &t->shared);
    if (size > 0)
        oro_net_send_parts(t->net, shard, conn, oro_bytes_str("head"), &t->shared);
    else
        oro_parts_fini(&t->shared);
}

static void
several(struct test_server *t, unsigned shard, oro_conn_id conn, unsigned n, size_t size)
{
    struct oro_parts parts = {0};
    uint8_t *bytes = malloc(size);
    for (unsigned i = 0; i < n; i++) {
        struct oro_bb bb = {0};
        for (size_t k = 0; k < size; k++)
            bytes[k] = test_part_byte(i * size + k);
        oro_bb_put(&bb, bytes, size);
        oro_parts_cut(&parts, &bb);
        oro_bb_fini(&bb);
    }
    oro_net_send_parts(t->net, shard, conn, oro_bytes_str("head"), &parts);
    oro_parts_fini(&parts);
    free(bytes);
}

static void
on_message(void *self, unsigned shard, oro_conn_id conn, void *user, struct oro_buf *frame,
           bool binary)
{
    struct test_server *t = self;
    (void)user;
    unsigned n, size;
    int code;
    char text[256] = "", reason[256] = "";
    atomic_fetch_add(&t->messages, 1);
    if (!binary)
        snprintf(text, sizeof(text), "%.*s", (int)frame->len, (const char *)frame->data);
    if (sscanf(text, "close %d %255[^\n]", &code, reason) >= 1)
        oro_net_close(t->net, shard, conn, code, reason);
    else if (strcmp(text, "drop") == 0)
        oro_net_close(t->net, shard, conn, 0, NULL);
    else if (strcmp(text, "burned") == 0) {
        snprintf(text, sizeof(text), "%d", atomic_load(&t->burned));
        oro_net_send(t->net, shard, conn, oro_bytes_str(text));
    } else if (sscanf(text, "linked %u", &size) == 1 || sscanf(text, "copied %u", &size) == 1)
        linked(t, shard, conn, size, text[0] == 'c');
    else if (sscanf(text, "shared %u", &size) == 1)
        shared(t, shard, conn, size);
    else if (sscanf(text, "several %u %u", &n, &size) == 2)
        several(t, shard, conn, n, size);
    else if (sscanf(text, "burst %u %u", &n, &size) == 2)
        burst(t, shard, conn, n, size);
    else if (strcmp(text, "pause") == 0) {
        oro_net_pause(t->net, shard, conn, true);
        pthread_mutex_lock(&t->lock);
        t->paused = conn;
        t->paused_shard = shard;
        pthread_mutex_unlock(&t->lock);
    } else
        oro_net_send(t->net, shard, conn, oro_buf_bytes(frame));
    changed(t);
}

static void
on_close(void *self, unsigned shard, oro_conn_id conn, void *user, const char *cause)
{
    struct test_server *t = self;
    cr_assert(!oro_net_send(t->net, shard, conn, oro_bytes_str("late")));
    oro_free(user);
    pthread_mutex_lock(&t->lock);
    snprintf(t->cause, sizeof(t->cause), "%s", cause);
    pthread_mutex_unlock(&t->lock);
    atomic_fetch_sub(&t->open_now[shard], 1);
    atomic_fetch_add(&t->closed, 1);
    changed(t);
}

static void
on_drain(void *self, unsigned shard)
{
    struct test_server *t = self;
    if (shard == 0) { /* what came in the turn before is told by now */
        int64_t in = oro_metric_value(
            oro_metric(ORO_METRIC_COUNTER, "orochi_bytes_in_total", "", "Bytes read from clients"));
        if (in - t->bytes_in > atomic_load(&t->most_in))
            atomic_store(&t->most_in, in - t->bytes_in);
        t->bytes_in = in;
    }
    pthread_mutex_lock(&t->lock);
    char *post = NULL;
    if (t->post != NULL && t->kept_shard == shard) {
        post = t->post;
        t->post = NULL;
    }
    bool resume = t->resume && t->paused_shard == shard;
    if (resume)
        t->resume = false;
    oro_conn_id kept = t->kept, paused = t->paused;
    pthread_mutex_unlock(&t->lock);
    if (post != NULL) {
        struct oro_http_response res = {.status = 200, .content_type = "text/plain"};
        oro_bb_printf(&res.body, "%s", post);
        free(post);
        oro_net_http_reply(t->net, shard, kept, &res);
    }
    if (resume)
        oro_net_pause(t->net, shard, paused, false);
}

static void
on_tick(void *self, unsigned shard)
{
    struct test_server *t = self;
    (void)shard;
    atomic_fetch_add(&t->ticks, 1);
    changed(t);
}

void
test_server_defaults(struct test_server *t)
{
    *t = (struct test_server){
        .opt = {.host = "127.0.0.1",
                .threads = 1,
                .max_message = 1024 * 1024,
                .max_http_body = 64 * 1024,
                .outgoing_limit = 4 * 1024 * 1024,
                .stall_timeout_s = 30,
                .min_rate = 256,
                .ping_interval_s = 15,
                .idle_timeout_s = 30},
    };
    t->sink = (struct oro_sink){
        .self = t,
        .http = on_http,
        .http_gone = on_http_gone,
        .ws_request = on_ws_request,
        .ws_open = on_open,
        .ws_message = on_message,
        .ws_close = on_close,
        .drain = on_drain,
        .tick = on_tick,
    };
}

void
test_server_start(struct test_server *t)
{
    struct oro_err err = {0};
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->changed, NULL);
    cr_assert_eq(oro_net_open(&t->opt, &t->sink, &t->net, &err), ORO_OK, "%s", err.text);
    cr_assert_eq(oro_net_start(t->net, &err), ORO_OK, "%s", err.text);
    t->port = oro_net_port(t->net);
    cr_assert(t->port > 0);
}

void
test_server_stop(struct test_server *t)
{
    oro_net_stop(t->net);
    oro_parts_fini(&t->shared);
    cr_assert_eq(atomic_load(&t->opened), atomic_load(&t->closed),
                 "ws_close must come once for each ws_open");
    free(t->post);
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->changed);
}

static struct timespec
limit(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_sec += 20;
    return ts;
}

void
test_server_wait_kept(struct test_server *t)
{
    struct timespec ts = limit();
    pthread_mutex_lock(&t->lock);
    while (t->kept == 0)
        cr_assert_neq(pthread_cond_timedwait(&t->changed, &t->lock, &ts), ETIMEDOUT);
    pthread_mutex_unlock(&t->lock);
}

void
test_server_reply(struct test_server *t, const char *body)
{
    pthread_mutex_lock(&t->lock);
    t->post = strdup(body);
    unsigned shard = t->kept_shard;
    pthread_mutex_unlock(&t->lock);
    oro_net_wake(t->net, shard);
}

void
test_server_resume(struct test_server *t)
{
    pthread_mutex_lock(&t->lock);
    t->resume = true;
    unsigned shard = t->paused_shard;
    pthread_mutex_unlock(&t->lock);
    oro_net_wake(t->net, shard);
}

void
test_server_wait(struct test_server *t, atomic_int *counter, int n)
{
    struct timespec ts = limit();
    pthread_mutex_lock(&t->lock);
    while (atomic_load(counter) < n)
        cr_assert_neq(pthread_cond_timedwait(&t->changed, &t->lock, &ts), ETIMEDOUT,
                      "waited for %d, it is %d", n, atomic_load(counter));
    pthread_mutex_unlock(&t->lock);
}

void
test_server_last_cause(struct test_server *t, char out[64])
{
    pthread_mutex_lock(&t->lock);
    memcpy(out, t->cause, 64);
    pthread_mutex_unlock(&t->lock);
}
