/* bench_fanout PORT DATABASE PID CLIENTS SECONDS PROTOCOL QUERY - so many clients subscribe to one query and read all they are
 * sent. Prints the updates they got, and the CPU time that the server (PID) took, with that of its net threads; see fanout.sh. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "runtime/base/clock.h"
#include "runtime/bench/proc.h"
#include "runtime/bench/ws_client.h"

static struct {
    struct oro_wsc *clients;
    unsigned n;
    int epoll;
    uint64_t messages, bytes;
} load;

static void
must(oro_status st, const struct oro_err *err)
{
    if (st != ORO_OK) {
        fprintf(stderr, "bench_fanout: %s\n", err->text);
        exit(1);
    }
}

static void
subscribe(struct oro_wsc *c, const char *query)
{
    struct oro_bb m = {0};
    bool all;
    struct oro_err err = {0};
    oro_bb_u8(&m, 0); /* Subscribe */
    oro_bb_u32(&m, 1);
    oro_bb_u32(&m, 1);
    oro_bb_u32(&m, 1);
    oro_bb_lenbytes(&m, oro_bytes_str(query));
    oro_wsc_put_head(&c->out, ORO_WS_BINARY, m.len);
    oro_bb_put_bytes(&c->out, oro_bb_bytes(&m));
    must(oro_wsc_flush(c, &all, &err), &err);
    oro_bb_fini(&m);
}

static void
open_all(const char *port, const char *database, const char *protocol, const char *query)
{
    char path[300];
    struct oro_err err = {0};
    snprintf(path, sizeof(path), "/v1/database/%s/subscribe?compression=None", database);
    struct oro_wsc_target t = {"127.0.0.1", (uint16_t)atoi(port), path, protocol};
    for (unsigned i = 0; i < load.n; i++) {
        struct oro_bytes message;
        struct oro_wsc *c = &load.clients[i];
        must(oro_wsc_open(c, &t, 20000, &err), &err);
        must(oro_wsc_wait(c, 20000, &message, &err), &err); /* InitialConnection */
        subscribe(c, query);
        must(oro_wsc_wait(c, 20000, &message, &err),
             &err); /* SubscribeApplied, or an update behind it */
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, c->fd, &e) != 0)
            exit(1);
    }
}

static void
take(struct oro_wsc *c)
{
    struct oro_err err = {0};
    struct oro_bytes message;
    bool all;
    must(oro_wsc_receive(c, &err), &err);
    for (bool got = true; got;) {
        must(oro_wsc_next(c, &message, &got, &err), &err);
        load.messages += got;
        load.bytes += got ? message.len : 0;
    }
    must(oro_wsc_flush(c, &all, &err), &err);
}

static void
read_for(double seconds)
{
    int64_t end = oro_mono_us() + (int64_t)(seconds * 1e6);
    while (oro_mono_us() < end) {
        struct epoll_event e[256];
        int n = epoll_wait(load.epoll, e, 256, 100);
        for (int i = 0; i < n; i++)
            take(e[i].data.ptr);
    }
}

int
main(int argc, char **argv)
{
    struct oro_proc_sample before = {0}, after = {0}, use = {0};
    struct oro_err err = {0};
    struct rlimit files;
    if (argc != 8) {
        fprintf(stderr, "usage: bench_fanout PORT DATABASE PID CLIENTS SECONDS PROTOCOL QUERY\n");
        return 2;
    }
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    load.n = (unsigned)atoi(argv[4]);
    load.clients = ORO_NEW_ARRAY(struct oro_wsc, load.n);
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    open_all(argv[1], argv[2], argv[6], argv[7]);
    read_for(1);
    load.messages = load.bytes = 0;
    must(oro_proc_sample((pid_t)atoi(argv[3]), &before, &err), &err);
    int64_t from = oro_mono_us();
    read_for(atof(argv[5]));
    double s = (double)(oro_mono_us() - from) / 1e6;
    must(oro_proc_sample((pid_t)atoi(argv[3]), &after, &err), &err);
    oro_proc_use(&before, &after, &use);
    double all = 0, net = 0;
    for (size_t i = 0; i < use.n; i++) {
        all += (double)use.threads[i].cpu_ns / 1e9;
        if (strncmp(use.threads[i].name, "net", 3) == 0)
            net += (double)use.threads[i].cpu_ns / 1e9;
    }
    printf("%.0f updates/s of %.0f bytes; server %.1f %% of a core, its net threads %.1f %%: %.2f "
           "us an update\n",
           (double)load.messages / s,
           load.messages > 0 ? (double)load.bytes / (double)load.messages : 0, 100 * all / s,
           100 * net / s, load.messages > 0 ? 1e6 * net / (double)load.messages : 0);
    for (unsigned i = 0; i < load.n; i++)
        oro_wsc_close(&load.clients[i]);
    oro_proc_sample_fini(&before);
    oro_proc_sample_fini(&after);
    oro_proc_sample_fini(&use);
    oro_free(load.clients);
    return 0;
}
