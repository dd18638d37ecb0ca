/* net/lws.c - the only file that knows libwebsockets. One context for each shard, on the shard's
 * own libev loop. Sockets are accepted by net.c and adopted as raw ones: libwebsockets does TLS and
 * says when they can be written.
 *
 * It would read them, too, but closes a socket whose end it reads, and one who has ended his side may wait for an answer. So
 * plain sockets are read by a watcher of ours on the same loop, and libwebsockets is told not to. With TLS it reads: there the
 * end of one side is the end. */
#include "net/net_priv.h"

#include <errno.h>
#include <libwebsockets.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/io_priv.h"
#include "runtime/base/bytes.h"
#include "runtime/base/clock.h"
#include "runtime/base/log.h"

#define READ_SIZE (64 * 1024)

struct io_context {
    struct lws_context *lws;
    struct lws_vhost *vhost;
    const struct io_events *on;
    bool tls;
    SSL_CTX *unused; /* see io_context_create */
};

/* libwebsockets reports failures of creation by its log only. */
static _Thread_local char last_error[300];

static void
on_log(int level, const char *line)
{
    size_t n = strcspn(line, "\n");
    if (level & LLL_ERR) {
        snprintf(last_error, sizeof(last_error), "%.*s", (int)n, line);
        oro_log_limited(ORO_LOG_DEBUG, "lws", "%.*s", (int)n, line);
    }
}

/* After a TLS handshake libwebsockets gives the peer some seconds; the limits are ours. */
static void
has_spoken(struct conn *c)
{
    if (c->spoke)
        return;
    c->spoke = true;
    lws_set_timeout(c->wsi, NO_PENDING_TIMEOUT, 0);
}

/* Small frames cost a hundred nanoseconds each, and 64 KiB are ten thousand of them. Connections whose last read gave much have
 * so much of a turn together: beyond it they wait for the next one, in which the kernel names them again, and whoever sends
 * little never waits for them. Of others only so much is read then that one is told from the other. */
#define NOISY ((size_t)4096)
#define NOISE_TURN_US 2000

static int
read_some(struct conn *c, uint8_t *data, size_t n)
{
    struct shard *s = c->shard;
    has_spoken(c);
    c->noisy = n >= NOISY;
    if (!c->noisy)
        return c->shard->io->on->rx(c, data, n);
    int64_t from = oro_mono_us();
    int rc = c->shard->io->on->rx(c, data, n);
    s->noise_us += oro_mono_us() - from;
    return rc;
}

static void
on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
    (void)loop, (void)revents;
    static _Thread_local uint8_t buf[READ_SIZE];
    struct conn *c = w->data;
    c->shard->active = true;
    bool spent = c->shard->noise_us >= NOISE_TURN_US;
    if (c->noisy && spent)
        return;
    ssize_t n = recv(w->fd, buf, spent ? NOISY : sizeof(buf), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    int rc = n > 0 ? read_some(c, buf, (size_t)n) : n == 0 ? c->shard->io->on->end(c) : -1;
    if (rc < 0)
        io_close(c);
}

static int
callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    struct conn *c;
    switch (reason) {
    case LWS_CALLBACK_RAW_RX:
        c = lws_get_opaque_user_data(wsi);
        c->shard->active = true;
        has_spoken(c);
        return c->shard->io->on->rx(c, in, len);
    case LWS_CALLBACK_RAW_WRITEABLE:
        c = lws_get_opaque_user_data(wsi);
        c->shard->active = true;
        return c->shard->io->on->writable(c);
    case LWS_CALLBACK_RAW_ADOPT:
        c = lws_get_opaque_user_data(wsi);
        c->wsi = wsi;
        return 0;
    case LWS_CALLBACK_RAW_CLOSE:
        c = lws_get_opaque_user_data(wsi);
        if (c != NULL) {
            ev_io_stop(c->shard->loop, &c->reader);
            lws_set_opaque_user_data(wsi, NULL);
            c->shard->io->on->gone(c);
        }
        return 0;
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {"orochi", callback, 0, READ_SIZE, 0, NULL, READ_SIZE},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

/* No pings of libwebsockets: its timers are one sorted list (field-notes.md), ours are in
 * limits.c. */
static const lws_retry_bo_t no_pings = {.secs_since_valid_ping = 0, .secs_since_valid_hangup = 0};

/* Of a FIFO OpenSSL would wait for whoever writes it. True also where nothing is there, which OpenSSL tells. */
static bool
is_file(const char *path)
{
    struct stat s;
    return stat(path, &s) != 0 || S_ISREG(s.st_mode);
}

/* libwebsockets says little about files that do not fit and leaks on the way out: looked at
 * before. Gives *out. */
static oro_status
tls_check(const struct oro_net_options *opt, SSL_CTX **out, struct oro_err *err)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    const char *file = opt->tls_cert;
    bool ok = ctx != NULL && is_file(file) && SSL_CTX_use_certificate_chain_file(ctx, file) == 1;
    if (ok) {
        file = opt->tls_key;
        ok = is_file(file) && SSL_CTX_use_PrivateKey_file(ctx, file, SSL_FILETYPE_PEM) == 1 &&
             SSL_CTX_check_private_key(ctx) == 1;
    }
    if (!ok) {
        const char *why = !is_file(file)            ? "it is no file"
                          : access(file, R_OK) != 0 ? strerror(errno)
                                                    : ERR_reason_error_string(ERR_peek_error());
        oro_err_set(err, ORO_EINVAL, "TLS cannot use %s: %s", file,
                    why != NULL ? why : "no reason given");
        ERR_clear_error();
        SSL_CTX_free(ctx);
        return ORO_EINVAL;
    }
    *out = ctx;
    return ORO_OK;
}

oro_status
io_context_create(const struct oro_net_options *opt, struct ev_loop *loop,
                  const struct io_events *on, struct io_context **out, struct oro_err *err)
{
    lws_set_log_level(LLL_ERR, on_log);
    last_error[0] = '\0';
    void *loops[1] = {loop};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .vhost_name = "orochi",
        .protocols = protocols,
        .foreign_loops = loops,
        .options = LWS_SERVER_OPTION_LIBEV | LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .pt_serv_buf_size = READ_SIZE,
        .max_http_header_pool = 1,
        .retry_and_idle_policy = &no_pings,
    };
    bool tls = opt->tls_cert != NULL && opt->tls_key != NULL;
    SSL_CTX *unused = NULL;
    if (tls) {
        /* Otherwise each vhost would make one for its own outgoing connections, of which there
         * are none, with all the certificates of the system in it, and leak it where there are
         * several contexts. */
        oro_status st = tls_check(opt, &unused, err);
        if (st != ORO_OK)
            return st;
        info.provided_client_ssl_ctx = unused;
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        info.ssl_cert_filepath = opt->tls_cert;
        info.ssl_private_key_filepath = opt->tls_key;
        info.alpn = "http/1.1";
    }
    struct lws_context *lws = lws_create_context(&info);
    if (lws == NULL)
        SSL_CTX_free(unused);
    if (lws == NULL && tls)
        return oro_err_set(err, ORO_EINVAL, "TLS with %s and %s cannot start: %s", opt->tls_cert,
                           opt->tls_key,
                           last_error[0] ? last_error : "libwebsockets gave no reason");
    if (lws == NULL)
        return oro_err_set(
            err, ORO_EINTERNAL,
            "libwebsockets cannot use libev: `apt-get install libwebsockets-evlib-ev` (%s)",
            last_error[0] ? last_error : "no reason given");
    struct lws_vhost *vhost = lws_get_vhost_by_name(lws, "orochi");
    if (vhost == NULL) {
        lws_context_destroy(lws);
        SSL_CTX_free(unused);
        return oro_err_set(err, ORO_EINTERNAL, "libwebsockets made no vhost (%s)", last_error);
    }
    struct io_context *io = ORO_NEW(struct io_context);
    *io = (struct io_context){.lws = lws, .vhost = vhost, .on = on, .tls = tls, .unused = unused};
    *out = io;
    return ORO_OK;
}

void
io_context_destroy(struct io_context *io)
{
    if (io == NULL)
        return;
    lws_context_destroy(io->lws);
    SSL_CTX_free(io->unused);
    oro_free(io);
}

bool
io_adopt(struct io_context *io, int fd, struct conn *c)
{
    lws_adopt_desc_t desc = {
        .vh = io->vhost,
        .type = LWS_ADOPT_SOCKET | (io->tls ? LWS_ADOPT_ALLOW_SSL : 0),
        .fd = {.sockfd = fd},
        .vh_prot_name = "orochi",
        .opaque = c,
    };
    if (lws_adopt_descriptor_vhost_via_info(&desc) == NULL)
        return false;
    if (!io->tls) {
        lws_rx_flow_control(c->wsi, 0);
        ev_io_init(&c->reader, on_readable, fd, EV_READ);
        c->reader.data = c;
        ev_io_start(c->shard->loop, &c->reader);
    }
    return true;
}

static ssize_t
tls_write(SSL *ssl, struct iovec *v, int n)
{
    size_t sum = 0;
    SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    for (int i = 0; i < n; i++) {
        for (size_t at = 0; at < v[i].iov_len;) {
            size_t done = 0;
            int rc = SSL_write_ex(ssl, (char *)v[i].iov_base + at, v[i].iov_len - at, &done);
            if (rc <= 0) {
                int why = SSL_get_error(ssl, rc);
                if (why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ)
                    return (ssize_t)sum;
                return -1;
            }
            at += done;
            sum += done;
        }
    }
    return (ssize_t)sum;
}

ssize_t
io_write(struct conn *c, struct iovec *v, int n)
{
    SSL *ssl = lws_get_ssl(c->wsi);
    if (ssl != NULL)
        return tls_write(ssl, v, n);
    struct msghdr msg = {.msg_iov = v, .msg_iovlen = (size_t)n};
    for (;;) {
        ssize_t done = sendmsg(lws_get_socket_fd(c->wsi), &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (done >= 0)
            return done;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return 0;
        if (errno != EINTR)
            return -1;
    }
}

void
io_want_write(struct conn *c)
{
    lws_callback_on_writable(c->wsi);
}

void
io_set_reading(struct conn *c, bool on)
{
    on = on && !c->ended;
    if (lws_get_ssl(c->wsi) != NULL)
        lws_rx_flow_control(c->wsi, on ? 1 : 0);
    else if (on)
        ev_io_start(c->shard->loop, &c->reader);
    else
        ev_io_stop(c->shard->loop, &c->reader);
}

bool
io_peer_sends(const struct conn *c, bool *there)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);
    if (getsockopt(lws_get_socket_fd(c->wsi), IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        info.tcpi_state = TCP_CLOSE;
    *there = info.tcpi_state != TCP_CLOSE;
    return info.tcpi_state == TCP_ESTABLISHED;
}

uint64_t
io_peer(const struct conn *c)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } a = {0};
    socklen_t len = sizeof(a);
    if (getpeername(lws_get_socket_fd(c->wsi), &a.any, &len) != 0)
        return 1; /* it has gone already */
    if (a.any.sa_family == AF_INET)
        return (uint64_t)ntohl(a.v4.sin_addr.s_addr) | 1ull << 32;
    if (a.any.sa_family != AF_INET6)
        return 1;
    bool mapped = IN6_IS_ADDR_V4MAPPED(&a.v6.sin6_addr);
    return oro_bytes_hash(oro_bytes(a.v6.sin6_addr.s6_addr, mapped ? 16 : 8)) | 1;
}

size_t
io_untaken(const struct conn *c)
{
    int n = 0;
    /* Not acknowledged by the peer's system. Of TLS they are somewhat more, which does not matter: they are compared. */
    if (ioctl(lws_get_socket_fd(c->wsi), SIOCOUTQ, &n) != 0 || n < 0)
        return 0;
    return (uint64_t)n < c->sent ? (size_t)n : (size_t)c->sent;
}

void
io_end_writing(struct conn *c)
{
    SSL *ssl = lws_get_ssl(c->wsi);
    if (ssl != NULL)
        SSL_shutdown(ssl);
    else
        shutdown(lws_get_socket_fd(c->wsi), SHUT_WR);
}

void
io_close(struct conn *c)
{
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
}
