/* net/net.c - start and stop, the listening socket, the loop of a shard, and the calls that
 * other layers make.
 *
 * A turn of a shard's loop: poll; sink.awake if it had slept; sockets, asyncs, timers; then,
 * before the next poll, sink.drain, write what is dirty, close what is doomed, and
 * sink.prepare_sleep if the poll would really sleep. */
#include "net/net_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/budget_priv.h"
#include "net/http_priv.h"
#include "net/io_priv.h"
#include "net/ws_priv.h"
#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/base/origin.h"

#define STOP_LIMIT_US ((int64_t)500 * 1000)
/* libwebsockets allocates 16 bytes for each descriptor the process may have, for each context: a
 * limit of a million would cost 16 MiB a thread. */
#define FD_WANTED 131072
#define FD_RESERVE 64 /* for files, databases, pipes */

enum shard_command { CMD_NONE, CMD_STOP_ACCEPTING, CMD_STOP };

/* ---- listening ---- */

static const char *
host_of(const char *host)
{
    return host != NULL && host[0] != '\0' ? host : "127.0.0.1";
}

/* Gives *found (freeaddrinfo) and the one of them to listen on: a name like localhost has several, then IPv4 if there is one.
 * Otherwise what getaddrinfo says. */
static int
resolve(const char *host, const char *port, struct addrinfo **found, const struct addrinfo **ai)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    int rc = getaddrinfo(host, port, &hints, found);
    if (rc != 0)
        return rc;
    *ai = *found;
    for (const struct addrinfo *a = *found; a != NULL && (*ai)->ai_family != AF_INET;
         a = a->ai_next)
        if (a->ai_family == AF_INET)
            *ai = a;
    return 0;
}

bool
oro_net_is_loopback(const char *host)
{
    struct addrinfo *found;
    const struct addrinfo *ai;
    if (resolve(host_of(host), "0", &found, &ai) != 0)
        return false; /* the start will say so */
    char text[INET6_ADDRSTRLEN] = "";
    const void *addr = ai->ai_family == AF_INET
                           ? (const void *)&((const struct sockaddr_in *)ai->ai_addr)->sin_addr
                           : &((const struct sockaddr_in6 *)ai->ai_addr)->sin6_addr;
    inet_ntop(ai->ai_family, addr, text, sizeof(text));
    freeaddrinfo(found);
    return oro_host_is_loopback(text, strlen(text));
}

static oro_status
listen_on(struct oro_net *net, struct oro_err *err)
{
    const char *host = host_of(net->opt.host);
    int want_port = net->opt.port;
    char port[12];
    if (want_port < 0 || want_port > 65535)
        return oro_err_set(err, ORO_EINVAL, "port %d does not exist: give one from 0 to 65535",
                           want_port);
    snprintf(port, sizeof(port), "%d", want_port);
    struct addrinfo *found = NULL;
    const struct addrinfo *ai = NULL;
    int rc = resolve(host, port, &found, &ai);
    if (rc != 0)
        return oro_err_set(err, ORO_EINVAL, "cannot listen on \"%s\": %s", host, gai_strerror(rc));
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1, why = 0;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        bind(fd, ai->ai_addr, ai->ai_addrlen) != 0 || listen(fd, 4096) != 0)
        why = errno;
    freeaddrinfo(found);
    if (why != 0) {
        if (fd >= 0)
            close(fd);
        if (why == EADDRINUSE)
            return oro_err_set(err, ORO_EIO,
                               "port %d of %s is in use: `--listen %s:0` takes any free one, or "
                               "end what listens there",
                               want_port, host, host);
        return oro_err_set(err, ORO_EIO, "cannot listen on port %d of %s: %s", want_port, host,
                           strerror(why));
    }
    struct sockaddr_storage addr;
    socklen_t len = sizeof(addr);
    getsockname(fd, (struct sockaddr *)&addr, &len);
    net->port = ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
                                                 : ((struct sockaddr_in *)&addr)->sin_port);
    net->listen_fd = fd;
    return ORO_OK;
}

static void
adopt(struct shard *s, int fd)
{
    struct conn *c = conn_new(s, http_on_cut);
    if (c == NULL) {
        atomic_fetch_sub_explicit(&s->net->open_sockets, 1, memory_order_relaxed);
        close(fd);
        return;
    }
    oro_conn_id id = c->id;
    if (s->stop_us == 0 && io_adopt(s->io, fd, c))
        return;
    if (s->stop_us != 0)
        close(fd);
    /* libwebsockets may or may not have told of the end before it gave up. */
    if (conn_find(s, id) != NULL)
        conn_gone(c);
}

static void
hand_over(struct shard *to, int fd)
{
    oro_spin_lock(&to->fd_lock);
    if (to->fd_count == to->fd_cap)
        to->fds = oro_grow(to->fds, to->fd_count, &to->fd_cap, sizeof(*to->fds));
    to->fds[to->fd_count++] = fd;
    oro_spin_unlock(&to->fd_lock);
    ev_async_send(to->loop, &to->async);
}

static void
on_listen(struct ev_loop *loop, ev_io *w, int revents)
{
    (void)revents;
    struct oro_net *net = w->data;
    for (int i = 0; i < 256; i++) {
        int fd = accept4(net->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                oro_log_limited(ORO_LOG_WARN, "net", "cannot accept a connection: %s",
                                strerror(errno));
                ev_io_stop(
                    loop, w); /* the listener stays readable: without a pause the loop would spin */
                ev_timer_again(loop, &net->listen_again);
            }
            return;
        }
        if (atomic_load_explicit(&net->open_sockets, memory_order_relaxed) >= net->max_sockets) {
            oro_log_limited(ORO_LOG_WARN, "net", "refused a connection: %u are open",
                            net->max_sockets);
            close(fd);
            continue;
        }
        atomic_fetch_add_explicit(&net->open_sockets, 1, memory_order_relaxed);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        struct shard *to = &net->shards[net->next_shard++ % net->shard_count];
        if (to->index == 0)
            adopt(to, fd);
        else
            hand_over(to, fd);
    }
}

static void
on_listen_again(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)revents;
    struct oro_net *net = w->data;
    ev_timer_stop(loop, w);
    if (net->listen_fd >= 0)
        ev_io_start(loop, &net->listen_io);
}

static void
stop_listening(struct shard *s)
{
    struct oro_net *net = s->net;
    if (s->index != 0 || net->listen_fd < 0)
        return;
    ev_io_stop(s->loop, &net->listen_io);
    ev_timer_stop(s->loop, &net->listen_again);
    close(net->listen_fd);
    net->listen_fd = -1;
}

/* ---- the loop ---- */

static void
take_fds(struct shard *s)
{
    for (;;) {
        oro_spin_lock(&s->fd_lock);
        int fd = s->fd_count > 0 ? s->fds[--s->fd_count] : -1;
        oro_spin_unlock(&s->fd_lock);
        if (fd < 0)
            return;
        adopt(s, fd);
    }
}

static void
on_async(struct ev_loop *loop, ev_async *w, int revents)
{
    (void)loop, (void)revents;
    struct shard *s = w->data;
    /* Before drain runs: a wake that comes after this asks again. Pairs with the exchange in
     * oro_net_wake. */
    atomic_store(&s->asked, false);
    int command = atomic_load(&s->command);
    if (command >= CMD_STOP_ACCEPTING)
        stop_listening(s);
    take_fds(s);
    if (command == CMD_STOP && s->stop_us == 0) {
        s->stop_us = s->real_us + STOP_LIMIT_US;
        shard_goodbye(s);
        ev_timer_again(s->loop, &s->ending_timer);
    }
}

/* The tick comes every second. A turn that took longer, because one of us held it up or the whole process was stopped, is
 * time in which nobody could show that he is there: it does not count. */
#define TURN_MOST_US ((int64_t)1500 * 1000)

static void
look_at_clock(struct shard *s)
{
    int64_t now = oro_mono_us(), turn = now - s->real_us;
    s->real_us = now;
    s->now_us += turn <= TURN_MOST_US ? turn : 0;
}

static void
on_check(struct ev_loop *loop, ev_check *w, int revents)
{
    (void)loop, (void)revents;
    struct shard *s = w->data;
    look_at_clock(s);
    if (s->slept) {
        s->slept = false;
        if (s->net->sink->awake != NULL)
            s->net->sink->awake(s->net->sink->self, s->index);
    }
    s->noise_us = 0;
    http_turn(s);
}

static void
doom_all(struct shard *s)
{
    for (uint32_t i = 0; i < s->slot_used; i++)
        if (s->slots[i] != NULL)
            conn_doom(s->slots[i], CAUSE_SERVER_CLOSE);
    shard_settle(s);
}

static void
on_prepare(struct ev_loop *loop, ev_prepare *w, int revents)
{
    (void)revents;
    struct shard *s = w->data;
    const struct oro_sink *sink = s->net->sink;
    if (sink->drain != NULL)
        sink->drain(sink->self, s->index);
    shard_settle(s);
    if (s->stop_us != 0 && (s->conn_count == 0 || s->real_us >= s->stop_us)) {
        doom_all(s);
        ev_break(loop, EVBREAK_ALL);
        return;
    }
    /* After sockets were served, libwebsockets' idle watcher makes the next poll return at once
     * in any case; asking whether to sleep would only make others wake us. Our own idle watcher
     * makes it certain. */
    bool stay = s->active || !list_empty(&s->waiting);
    s->active = false;
    if (!stay && sink->prepare_sleep != NULL)
        stay = sink->prepare_sleep(sink->self, s->index);
    s->slept = !stay;
    if (stay)
        ev_idle_start(loop, &s->idle);
}

static void
on_idle(struct ev_loop *loop, ev_idle *w, int revents)
{
    (void)revents;
    ev_idle_stop(loop, w);
}

static void
on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)revents;
    struct shard *s = w->data;
    shard_look(s);
    if (s->index == 0)
        trim_look(s->net);
    if (s->net->sink->tick != NULL)
        s->net->sink->tick(s->net->sink->self, s->index);
}

static void
on_ending(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)revents;
    struct shard *s = w->data;
    shard_look_endings(s);
    if (s->stop_us != 0)
        ev_timer_again(loop, w);
}

static void *
shard_main(void *arg)
{
    struct shard *s = arg;
    s->now_us = s->real_us = oro_mono_us();
    ev_run(s->loop, 0);
    doom_all(s); /* in case the loop ended by itself */
    io_context_destroy(s->io);
    s->io = NULL;
    return NULL;
}

/* ---- start and stop ---- */

static void
watchers_start(struct shard *s)
{
    struct oro_net *net = s->net;
    ev_async_init(&s->async, on_async);
    ev_prepare_init(&s->prepare, on_prepare);
    ev_check_init(&s->check, on_check);
    ev_idle_init(&s->idle, on_idle);
    ev_timer_init(&s->tick, on_tick, 1., 1.);
    ev_timer_init(&s->ending_timer, on_ending, 0., 0.05);
    s->async.data = s->prepare.data = s->check.data = s->tick.data = s->ending_timer.data = s;
    ev_set_priority(&s->check, EV_MAXPRI); /* before sockets and asyncs */
    ev_async_start(s->loop, &s->async);
    ev_prepare_start(s->loop, &s->prepare);
    ev_check_start(s->loop, &s->check);
    ev_timer_start(s->loop, &s->tick);
    if (s->index != 0)
        return;
    ev_io_init(&net->listen_io, on_listen, net->listen_fd, EV_READ);
    ev_timer_init(&net->listen_again, on_listen_again, 0., 0.2);
    net->listen_io.data = net->listen_again.data = net;
    ev_io_start(s->loop, &net->listen_io);
}

static oro_status
shard_open(struct shard *s, struct oro_net *net, unsigned index, struct oro_err *err)
{
    *s = (struct shard){.net = net, .index = index, .fd_lock = ORO_SPIN_INIT};
    list_init(&s->dirty);
    list_init(&s->doomed);
    list_init(&s->timers);
    list_init(&s->endings);
    list_init(&s->waiting);
    s->loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    if (s->loop == NULL)
        return oro_err_set(err, ORO_EIO, "cannot make an epoll loop: %s", strerror(errno));
    oro_status st = io_context_create(&net->opt, s->loop, &turn_events, &s->io, err);
    if (st != ORO_OK) {
        ev_loop_destroy(s->loop);
        s->loop = NULL;
        return st;
    }
    watchers_start(s);
    return ORO_OK;
}

static void
shard_close(struct shard *s)
{
    io_context_destroy(s->io);
    for (size_t i = 0; i < s->fd_count; i++)
        close(s->fds[i]);
    oro_free(s->fds);
    oro_free(s->slots);
    oro_free(s->generations);
    oro_free(s->free_slots);
    oro_bb_fini(&s->scratch);
    if (s->loop != NULL)
        ev_loop_destroy(s->loop);
}

static void
metrics_open(struct oro_net *net)
{
    net->m_connections =
        oro_metric(ORO_METRIC_GAUGE, "orochi_connections", "", "Open websocket connections");
    net->m_messages_in = oro_metric(ORO_METRIC_COUNTER, "orochi_messages_in_total", "",
                                    "Websocket messages received");
    net->m_messages_out = oro_metric(ORO_METRIC_COUNTER, "orochi_messages_out_total", "",
                                     "Messages queued for clients");
    net->m_bytes_in =
        oro_metric(ORO_METRIC_COUNTER, "orochi_bytes_in_total", "", "Bytes read from clients");
    net->m_bytes_out =
        oro_metric(ORO_METRIC_COUNTER, "orochi_bytes_out_total", "", "Bytes written to clients");
    net->m_http = oro_metric(ORO_METRIC_COUNTER, "orochi_http_requests_total", "",
                             "HTTP requests, upgrades included");
    for (int i = 0; i < CAUSE_COUNT; i++) {
        char label[64];
        snprintf(label, sizeof(label), "cause=\"%s\"", conn_cause_name((enum conn_cause)i));
        net->m_ended[i] = oro_metric(ORO_METRIC_COUNTER, "orochi_ws_disconnections_total", label,
                                     "Websocket connections that ended, by cause");
        net->m_cut[i] = oro_metric(
            ORO_METRIC_COUNTER, "orochi_net_cut_off_total", label,
            "Connections, HTTP's too, that were ended for what they took in memory or time");
    }
}

static void
gauges_read(void *arg)
{
    const struct oro_net *net = arg;
    int64_t used = atomic_load_explicit(&net->used, memory_order_relaxed);
    oro_metric_set(oro_metric(ORO_METRIC_GAUGE, "orochi_net_buffer_bytes", "",
                              "Memory of what connections have sent, wait for, and are sent"),
                   used > 0 ? used : 0);
    oro_metric_set(
        oro_metric(ORO_METRIC_GAUGE, "orochi_net_buffer_limit_bytes", "",
                   "net.buffer_memory_mb: beyond it the largest is cut off; 0: no limit"),
        (int64_t)net->opt.buffer_memory);
}

/* Raises the descriptor limit and derives how many connections fit. */
static void
limits_open(struct oro_net *net)
{
    struct rlimit r;
    rlim_t wanted = FD_WANTED;
    if (net->opt.max_connections > wanted - FD_RESERVE)
        wanted = (rlim_t)net->opt.max_connections + FD_RESERVE;
    net->max_sockets = 1024 - FD_RESERVE;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
        rlim_t goal = r.rlim_max < wanted ? r.rlim_max : wanted;
        if (r.rlim_cur < goal) {
            rlim_t was = r.rlim_cur;
            r.rlim_cur = goal;
            if (setrlimit(RLIMIT_NOFILE, &r) != 0)
                r.rlim_cur = was;
        }
        rlim_t fit = r.rlim_cur > 2 * FD_RESERVE ? r.rlim_cur - FD_RESERVE : r.rlim_cur / 2;
        net->max_sockets = fit < UINT32_MAX / 2 ? (unsigned)fit : UINT32_MAX / 2;
    }
    if (net->opt.max_connections > 0 && net->opt.max_connections < net->max_sockets)
        net->max_sockets = net->opt.max_connections;
}

static void
net_free(struct oro_net *net)
{
    oro_metric_off_read(gauges_read, net); /* does nothing if it was not there yet */
    for (unsigned i = 0; i < net->shard_count; i++)
        shard_close(&net->shards[i]);
    if (net->listen_fd >= 0)
        close(net->listen_fd);
    oro_free(net->shards);
    oro_free(net);
}

oro_status
oro_net_open(const struct oro_net_options *opt, const struct oro_sink *sink, struct oro_net **out,
             struct oro_err *err)
{
    if (opt->threads < 1 || opt->threads > 128)
        return oro_err_set(err, ORO_EINVAL, "net threads must be 1 to 128, not %u", opt->threads);
    struct oro_net *net = oro_aligned_alloc(ORO_CACHE_LINE, sizeof(*net));
    *net = (struct oro_net){.opt = *opt, .sink = sink, .listen_fd = -1};
    if (net->opt.max_message > UINT32_MAX)
        net->opt.max_message = UINT32_MAX; /* the length of an oro_buf */
    oro_status st = listen_on(net, err);
    if (st != ORO_OK)
        goto fail;
    limits_open(net);
    metrics_open(net);
    oro_metric_on_read(gauges_read, net);
    net->shards = oro_aligned_alloc(ORO_CACHE_LINE, opt->threads * sizeof(*net->shards));
    for (unsigned i = 0; i < opt->threads; i++) {
        st = shard_open(&net->shards[i], net, i, err);
        if (st != ORO_OK)
            goto fail;
        net->shard_count++;
    }
    *out = net;
    return ORO_OK;
fail:
    net_free(net);
    return st;
}

oro_status
oro_net_start(struct oro_net *net, struct oro_err *err)
{
    for (unsigned i = 0; i < net->shard_count; i++) {
        struct shard *s = &net->shards[i];
        char name[16];
        snprintf(name, sizeof(name), "net-%u", i);
        oro_status st =
            oro_thread_start(&s->thread, ORO_THREAD_NET, name, 1024 * 1024, shard_main, s, err);
        if (st != ORO_OK)
            return st;
        s->thread_started = true;
    }
    return ORO_OK;
}

int
oro_net_port(const struct oro_net *net)
{
    return net->port;
}

unsigned
oro_net_shards(const struct oro_net *net)
{
    return net->shard_count;
}

static void
command(struct shard *s, enum shard_command cmd)
{
    atomic_store(&s->command, (int)cmd);
    ev_async_send(s->loop, &s->async);
}

void
oro_net_stop_accepting(struct oro_net *net)
{
    command(&net->shards[0], CMD_STOP_ACCEPTING);
}

void
oro_net_end(struct oro_net *net)
{
    for (unsigned i = 0; i < net->shard_count; i++)
        if (net->shards[i].thread_started)
            command(&net->shards[i], CMD_STOP);
    for (unsigned i = 0; i < net->shard_count; i++) {
        if (net->shards[i].thread_started)
            oro_thread_join(net->shards[i].thread);
        net->shards[i].thread_started = false;
    }
}

void
oro_net_stop(struct oro_net *net)
{
    if (net == NULL)
        return;
    oro_net_end(net);
    trim_stop(net);
    net_free(net);
}

void
oro_net_wake(struct oro_net *net, unsigned shard)
{
    struct shard *s = &net->shards[shard];
    if (!atomic_exchange(&s->asked, true))
        ev_async_send(s->loop, &s->async);
}

/* ---- calls on the net thread ---- */

static struct shard *
shard_here(struct oro_net *net, unsigned shard)
{
    ORO_ASSERT_THREAD(ORO_THREAD_NET);
    ORO_ASSERT(shard < net->shard_count);
    ORO_ASSERT_OWNER(&net->shards[shard].owner);
    return &net->shards[shard];
}

bool
oro_net_send(struct oro_net *net, unsigned shard, oro_conn_id conn, struct oro_bytes msg)
{
    struct conn *c = conn_find(shard_here(net, shard), conn);
    return c != NULL && c->state == CONN_WS && ws_send(c, msg);
}

bool
oro_net_send_parts(struct oro_net *net, unsigned shard, oro_conn_id conn, struct oro_bytes head,
                   const struct oro_parts *body)
{
    struct conn *c = conn_find(shard_here(net, shard), conn);
    return c != NULL && c->state == CONN_WS && ws_send_parts(c, head, body);
}

void
oro_net_hold(struct oro_net *net, unsigned shard, oro_conn_id conn, struct oro_buf *part)
{
    struct shard *s = shard_here(net, shard);
    budget_link(s, conn_find(s, conn), part);
}

void
oro_net_release(struct oro_net *net, unsigned shard, oro_conn_id conn, struct oro_buf *part)
{
    struct shard *s = shard_here(net, shard);
    budget_unlink(s, conn_find(s, conn), part);
}

bool
oro_net_send_piece(struct oro_net *net, unsigned shard, oro_conn_id conn, struct oro_buf *piece,
                   bool first, bool last)
{
    struct conn *c = conn_find(shard_here(net, shard), conn);
    return c != NULL && c->state == CONN_WS && ws_send_piece(c, piece, first, last);
}

size_t
oro_net_watch(struct oro_net *net, unsigned shard, oro_conn_id id, bool on)
{
    struct conn *c = conn_find(shard_here(net, shard), id);
    if (c == NULL)
        return 0;
    c->watched = on;
    return c->out_bytes;
}

size_t
oro_net_waiting(struct oro_net *net, unsigned shard, oro_conn_id id)
{
    const struct conn *c = conn_find(shard_here(net, shard), id);
    return c != NULL ? c->out_bytes : 0;
}

void
oro_net_close(struct oro_net *net, unsigned shard, oro_conn_id conn, int code, const char *reason)
{
    struct conn *c = conn_find(shard_here(net, shard), conn);
    if (c == NULL)
        return;
    if (code != 0 && c->state == CONN_WS)
        ws_close(c, code, reason != NULL ? reason : "", reason != NULL ? strlen(reason) : 0);
    else if (code == 0)
        conn_doom(c, CAUSE_SERVER_CLOSE);
}

void
oro_net_pause(struct oro_net *net, unsigned shard, oro_conn_id conn, bool paused)
{
    struct conn *c = conn_find(shard_here(net, shard), conn);
    if (c == NULL || c->state != CONN_WS || c->paused == paused)
        return;
    c->paused = paused;
    io_set_reading(c, !(c->paused || c->held));
}

bool
oro_net_charge(struct oro_net *net, unsigned shard, oro_conn_id conn, int64_t bytes)
{
    struct shard *s = shard_here(net, shard);
    struct conn *c = conn_find(s, conn);
    if (c == NULL)
        return false;
    budget_charge_kept(c, bytes);
    if (bytes > 0 && budget_over(s))
        budget_enforce(s);
    return !c->condemned;
}

bool
oro_net_http_reply(struct oro_net *net, unsigned shard, oro_conn_id req_id,
                   struct oro_http_response *res)
{
    struct conn *c = conn_find(shard_here(net, shard), req_id);
    if (c == NULL || c->state != CONN_HTTP || !c->busy) {
        http_response_fini(res);
        return false;
    }
    http_answer(c, res);
    conn_touch(c); /* for the requests that wait behind it */
    return true;
}

bool
oro_net_http_piece(struct oro_net *net, unsigned shard, oro_conn_id req_id, struct oro_buf *piece,
                   bool last)
{
    struct conn *c = conn_find(shard_here(net, shard), req_id);
    return c != NULL && c->state == CONN_HTTP && c->busy && http_piece(c, piece, last);
}
