/* What a message costs in net: echo of small messages, a frame to each of many sockets, an idle
 * connection. Server and clients share the process; the figures are CPU time of the net thread
 * and the process's resident memory. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/net.h"
#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/base/thread.h"

#define PAYLOAD 32

static struct oro_net *net;
static enum oro_framing framing;
static atomic_bool want_sample;
static _Atomic uint64_t cpu_sample;
static atomic_uint opened, fan_out_wanted;
static oro_conn_id *open_ids;

static bool
on_http(void *self, unsigned shard, oro_conn_id req, const struct oro_http_request *r,
        struct oro_http_response *res)
{
    (void)self, (void)shard, (void)req, (void)r;
    res->status = 200;
    return true;
}

static bool
on_request(void *self, unsigned shard, const struct oro_http_request *r, struct oro_ws_accept *acc,
           struct oro_http_response *res)
{
    (void)self, (void)shard, (void)r, (void)res;
    acc->framing = framing;
    return true;
}

static void
on_open(void *self, unsigned shard, oro_conn_id conn, void *user)
{
    (void)self, (void)shard, (void)user;
    unsigned i = atomic_load(&opened);
    if (open_ids != NULL)
        open_ids[i] = conn;
    atomic_fetch_add(&opened, 1);
}

static void
on_message(void *self, unsigned shard, oro_conn_id conn, void *user, struct oro_buf *frame,
           bool binary)
{
    (void)self, (void)user, (void)binary;
    oro_net_send(net, shard, conn, oro_buf_bytes(frame));
}

static void
on_close(void *self, unsigned shard, oro_conn_id conn, void *user, const char *cause)
{
    (void)self, (void)shard, (void)conn, (void)user, (void)cause;
}

static void
on_drain(void *self, unsigned shard)
{
    (void)self;
    if (atomic_load(&want_sample)) {
        atomic_store(&cpu_sample, oro_thread_cpu_ns());
        atomic_store(&want_sample, false);
    }
    unsigned n = atomic_exchange(&fan_out_wanted, 0);
    static uint8_t msg[200];
    for (unsigned i = 0; i < n; i++)
        oro_net_send(net, shard, open_ids[i], oro_bytes(msg, sizeof(msg)));
}

static uint64_t
net_cpu_ns(void)
{
    atomic_store(&want_sample, true);
    oro_net_wake(net, 0);
    while (atomic_load(&want_sample))
        usleep(100);
    return atomic_load(&cpu_sample);
}

static void
start(void)
{
    static struct oro_sink sink = {.http = on_http,
                                   .ws_request = on_request,
                                   .ws_open = on_open,
                                   .ws_message = on_message,
                                   .ws_close = on_close,
                                   .drain = on_drain};
    struct oro_net_options opt = {.host = "127.0.0.1",
                                  .threads = 1,
                                  .max_message = 1 << 20,
                                  .max_http_body = 1 << 20,
                                  .outgoing_limit = 64 << 20,
                                  .ping_interval_s = 60,
                                  .idle_timeout_s = 120};
    struct oro_err err;
    atomic_store(&opened, 0);
    if (oro_net_open(&opt, &sink, &net, &err) != ORO_OK || oro_net_start(net, &err) != ORO_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
}

static int
connect_ws(void)
{
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)oro_net_port(net)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char buf[1024];
    size_t got = 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0 ||
        write(fd, request, sizeof(request) - 1) < 0) {
        perror("connect");
        exit(1);
    }
    /* the answer and the first ping, which is 89 00 */
    while (got < 6 || memcmp(buf + got - 6, "\r\n\r\n\x89\x00", 6) != 0) {
        ssize_t n = read(fd, buf + got, sizeof(buf) - got);
        if (n <= 0)
            exit(1);
        got += (size_t)n;
    }
    return fd;
}

/* One masked frame of PAYLOAD bytes; the mask is zero, which costs the server the same. */
static uint8_t request[64 * (PAYLOAD + 6)];
static size_t request_len;

static void
echo(unsigned conns, unsigned window, uint64_t total)
{
    int ep = epoll_create1(0), *fds = calloc(conns, sizeof(int));
    uint64_t *bytes = calloc(conns, sizeof(*bytes)), done = 0;
    static uint8_t buf[65536];
    start();
    for (unsigned i = 0; i < conns; i++) {
        fds[i] = connect_ws();
        fcntl(fds[i], F_SETFL, O_NONBLOCK);
        struct epoll_event e = {.events = EPOLLIN, .data.u32 = i};
        epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &e);
    }
    uint64_t cpu = net_cpu_ns();
    int64_t from = oro_mono_us();
    for (unsigned i = 0; i < conns; i++)
        if (write(fds[i], request, window * (PAYLOAD + 6)) < 0)
            exit(1);
    /* A single frame is 2 + 1 + PAYLOAD bytes. A stream's frames have headers of 2 or 4 bytes
     * and a byte 0: there the answers of one window come in one frame. */
    while (done < total) {
        struct epoll_event e[256];
        int n = epoll_wait(ep, e, 256, 10000);
        for (int k = 0; k < n; k++) {
            unsigned i = e[k].data.u32;
            ssize_t got = read(fds[i], buf, sizeof(buf));
            if (got <= 0)
                continue;
            uint64_t msgs;
            if (framing == ORO_FRAMING_SINGLE) {
                bytes[i] += (uint64_t)got;
                msgs = bytes[i] / (PAYLOAD + 3);
                bytes[i] %= PAYLOAD + 3;
            } else {
                msgs = 0;
                for (
                    ssize_t at = 0;
                    at <
                    got;) { /* frames come whole: they are far smaller than a segment of loopback */
                    size_t len = buf[at + 1], head = 2;
                    if (len == 126)
                        len = (size_t)buf[at + 2] << 8 | buf[at + 3], head = 4;
                    msgs += (len - 1) / PAYLOAD;
                    at += (ssize_t)(head + len);
                }
            }
            done += msgs;
            if (msgs > 0 && write(fds[i], request, msgs * (PAYLOAD + 6)) < 0)
                exit(1);
        }
    }
    double s = (double)(oro_mono_us() - from) / 1e6;
    cpu = net_cpu_ns() - cpu;
    printf("echo %-6s %5u conns x %2u   %8.0f msgs/s   %6.2f us CPU of the net thread a message\n",
           framing == ORO_FRAMING_SINGLE ? "v2" : "v3", conns, window, (double)done / s,
           (double)cpu / 1e3 / (double)done);
    for (unsigned i = 0; i < conns; i++)
        close(fds[i]);
    close(ep);
    free(fds);
    free(bytes);
    oro_net_stop(net);
}

static long
resident_kib(void)
{
    long pages = 0, ignored;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%ld %ld", &ignored, &pages) != 2)
        exit(1);
    fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void
idle_and_fan_out(unsigned conns)
{
    int *fds = calloc(conns, sizeof(int));
    open_ids = calloc(conns, sizeof(*open_ids));
    static uint8_t buf[65536];
    start();
    memset(open_ids, 1, conns * sizeof(*open_ids));
    for (unsigned i = 0; i < 100; i++) /* warm up */
        fds[i] = connect_ws();
    long before = resident_kib();
    for (unsigned i = 100; i < conns; i++)
        fds[i] = connect_ws();
    while (atomic_load(&opened) < conns)
        usleep(1000);
    usleep(100000);
    printf("idle %u conns   %.2f KiB of resident memory each\n", conns,
           (double)(resident_kib() - before) / (conns - 100));

    uint64_t cpu = net_cpu_ns();
    const unsigned rounds = 20;
    for (unsigned r = 0; r < rounds; r++) {
        atomic_store(&fan_out_wanted, conns);
        oro_net_wake(net, 0);
        for (unsigned i = 0; i < conns; i++)
            if (read(fds[i], buf, sizeof(buf)) <= 0)
                exit(1);
    }
    cpu = net_cpu_ns() - cpu;
    printf("fan-out %u conns x 200 bytes   %.2f us CPU of the net thread a socket\n", conns,
           (double)cpu / 1e3 / (rounds * conns));
    printf("after it   %.2f KiB of resident memory each\n",
           (double)(resident_kib() - before) / (conns - 100));
    for (unsigned i = 0; i < conns; i++)
        close(fds[i]);
    oro_net_stop(net);
    free(fds);
    free(open_ids);
    open_ids = NULL;
}

int
main(void)
{
    for (unsigned i = 0; i < 64; i++) {
        uint8_t *p = request + request_len;
        p[0] = 0x82;
        p[1] = 0x80 | PAYLOAD;
        memcpy(p + 2, "\x12\x34\x56\x78", 4);
        request_len += PAYLOAD + 6;
    }
    idle_and_fan_out(4000);
    static const unsigned shapes[][2] = {{1, 1},    {1, 40},   {100, 1},
                                         {100, 40}, {1000, 1}, {1000, 40}};
    for (int f = 0; f < 2; f++) {
        framing = f == 0 ? ORO_FRAMING_STREAM : ORO_FRAMING_SINGLE;
        for (size_t i = 0; i < ORO_ARRAY_LEN(shapes); i++) {
            uint64_t n = (uint64_t)shapes[i][0] * shapes[i][1];
            echo(shapes[i][0], shapes[i][1], n < 100 ? 40000 : n < 4000 ? 400000 : 4000000);
        }
    }
    return 0;
}
