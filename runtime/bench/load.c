#include "runtime/bench/load.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/thread.h"
#include "runtime/bench/message.h"

#define OPEN_TIMEOUT_MS 10000
#define PHASE_POLL_MS 20
#define DRAIN_TIMEOUT_US (30 * INT64_C(1000000))
#define FRAME_MAX (256u << 10)
#define EVENTS 256

enum phase { PHASE_WARM_UP, PHASE_MEASURE, PHASE_DRAIN };

struct conn {
    struct oro_wsc ws;
    const struct oro_bench_pair *pairs; /* its slice, used in a circle */
    size_t npairs, pair;
    /* Replies come in the order of the calls, so those in flight are the ids [answered, sent). */
    uint32_t sent, answered;
    uint64_t *sent_ns; /* when, by id & (a power of two - 1) */
    bool waits_for_room;
};

struct load_thread {
    pthread_t thread;
    clockid_t clock; /* of its CPU time */
    struct oro_load *load;
    struct conn *conns;
    unsigned nconns;
    int epoll;
    bool measured; /* the phase, as of this wake-up */
    bool refills;
    uint64_t cpu_ns;
    struct oro_load_result result;
};

struct oro_load {
    struct oro_load_options opt;
    uint32_t window_mask;
    struct conn *conns;
    unsigned nopen;
    struct load_thread *threads;
    unsigned nstarted;
    _Atomic int phase;
};

/* What the module refuses by the rules of its game; any other text is an error of the measurement.
 * */
static const char *const game_texts[] = {"insufficient_funds", "same_account"};

void
oro_load_texts_add(struct oro_load_texts *t, struct oro_bytes text, uint64_t count)
{
    char line[ORO_LOAD_TEXT_SIZE];
    unsigned i = 0;
    snprintf(line, sizeof(line), "%.*s", (int)text.len, (const char *)text.data);
    t->total += count;
    while (i < t->n && strcmp(t->all[i].text, line) != 0)
        i++;
    if (i == ORO_LOAD_TEXTS)
        snprintf(t->all[--i].text, ORO_LOAD_TEXT_SIZE, "(others)");
    else if (i == t->n)
        memcpy(t->all[t->n++].text, line, sizeof(line));
    t->all[i].count += count;
}

static void
texts_merge(struct oro_load_texts *into, const struct oro_load_texts *from)
{
    for (unsigned i = 0; i < from->n; i++)
        oro_load_texts_add(into, oro_bytes_str(from->all[i].text), from->all[i].count);
}

/* ---- one connection ---- */

static void
watch(struct load_thread *t, struct conn *c, int how)
{
    struct epoll_event e = {.events = EPOLLIN | (c->waits_for_room ? EPOLLOUT : 0u), .data.ptr = c};
    int done = epoll_ctl(t->epoll, how, c->ws.fd, &e);
    ORO_ASSERT(done == 0);
}

/* Its calls in flight will never be answered. */
static void
conn_lose(struct load_thread *t, struct conn *c, const char *why)
{
    uint32_t lost = c->sent - c->answered;
    oro_load_texts_add(&t->result.errors, oro_bytes_str(why), lost > 0 ? lost : 1);
    c->answered = c->sent;
    oro_wsc_close(&c->ws);
}

static void
put_calls(struct load_thread *t, struct conn *c, uint32_t n, uint64_t now)
{
    oro_wsc_put_head(&c->ws.out, ORO_WS_BINARY, (size_t)n * ORO_BENCH_CALL_SIZE);
    for (uint32_t i = 0; i < n; i++) {
        const struct oro_bench_pair *p = &c->pairs[c->pair];
        c->pair = c->pair + 1 < c->npairs ? c->pair + 1 : 0;
        c->sent_ns[c->sent & t->load->window_mask] = now;
        oro_bench_put_transfer(&c->ws.out, c->sent++, p->from, p->to, t->load->opt.amount);
    }
}

/* Fills the window again. */
static void
conn_refill(struct load_thread *t, struct conn *c)
{
    uint32_t most = t->load->opt.many_a_frame ? FRAME_MAX / ORO_BENCH_CALL_SIZE : 1;
    uint32_t room = t->load->opt.in_flight - (c->sent - c->answered);
    uint64_t now = room > 0 ? oro_mono_ns() : 0;
    while (room > 0) {
        uint32_t n = room < most ? room : most;
        put_calls(t, c, n, now);
        room -= n;
    }
}

static oro_status
conn_flush(struct load_thread *t, struct conn *c, struct oro_err *err)
{
    bool all;
    if (c->ws.out.len == 0)
        return ORO_OK;
    oro_status st = oro_wsc_flush(&c->ws, &all, err);
    if (st != ORO_OK)
        return st;
    t->result.writes += t->measured;
    if (all == c->waits_for_room) {
        c->waits_for_room = !all;
        watch(t, c, EPOLL_CTL_MOD);
    }
    return ORO_OK;
}

static void
count_refusal(struct load_thread *t, const struct oro_bench_reply *reply)
{
    bool game = false;
    for (size_t i = 0; i < ORO_ARRAY_LEN(game_texts); i++)
        game |= reply->kind == ORO_BENCH_REFUSED &&
                oro_bytes_eq(reply->text, oro_bytes_str(game_texts[i]));
    if (!game)
        oro_load_texts_add(&t->result.errors, reply->text, 1);
    else if (t->measured)
        oro_load_texts_add(&t->result.refused, reply->text, 1);
}

static oro_status
take_reply(struct load_thread *t, struct conn *c, const struct oro_bench_reply *reply, uint64_t now,
           struct oro_err *err)
{
    if (reply->kind == ORO_BENCH_HELLO)
        return ORO_OK;
    if (reply->request_id != c->answered || c->answered == c->sent)
        return oro_err_set(err, ORO_EMALFORMED, "a reply out of order");
    uint64_t sent_ns = c->sent_ns[c->answered++ & t->load->window_mask];
    if (reply->kind != ORO_BENCH_DONE) {
        count_refusal(t, reply);
        return ORO_OK;
    }
    t->result.finished++;
    if (t->measured) {
        t->result.transfers++;
        oro_bench_hist_add(&t->result.latency, now - sent_ns);
    }
    return ORO_OK;
}

/* One payload: in v3 many messages, in v2 one. */
static oro_status
take_payload(struct load_thread *t, struct conn *c, struct oro_bytes payload, uint64_t now,
             struct oro_err *err)
{
    struct oro_reader r = oro_reader(payload);
    struct oro_bench_reply reply;
    uint8_t compression;
    if (oro_rd_u8(&r, &compression) != ORO_OK || compression != 0)
        return oro_err_set(err, ORO_EMALFORMED, "a payload that is empty or compressed");
    do {
        if (oro_bench_reply_read(&r, &reply) != ORO_OK)
            return oro_err_set(err, ORO_EMALFORMED,
                               "a message that does not decode, or that nobody asked for");
        oro_status st = take_reply(t, c, &reply, now, err);
        if (st != ORO_OK)
            return st;
    } while (t->load->opt.many_a_frame && oro_rd_left(&r) > 0);
    return oro_rd_left(&r) == 0 ? ORO_OK
                                : oro_err_set(err, ORO_EMALFORMED, "two messages in a v2 payload");
}

static oro_status
conn_read(struct load_thread *t, struct conn *c, struct oro_err *err)
{
    struct oro_bytes payload;
    bool got = true;
    oro_status st = oro_wsc_receive(&c->ws, err);
    uint64_t now = oro_mono_ns();
    t->result.reads += t->measured;
    while (st == ORO_OK && got) {
        st = oro_wsc_next(&c->ws, &payload, &got, err);
        if (st == ORO_OK && got)
            st = take_payload(t, c, payload, now, err);
    }
    return st;
}

static void
conn_wake(struct load_thread *t, struct conn *c, uint32_t events)
{
    struct oro_err err;
    oro_status st = ORO_OK;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        st = conn_read(t, c, &err);
    if (st == ORO_OK && t->refills)
        conn_refill(t, c);
    if (st == ORO_OK)
        st = conn_flush(t, c, &err);
    if (st != ORO_OK)
        conn_lose(t, c, err.text);
}

/* ---- one thread ---- */

static bool
all_answered(const struct load_thread *t)
{
    for (unsigned i = 0; i < t->nconns; i++)
        if (t->conns[i].sent != t->conns[i].answered)
            return false;
    return true;
}

static void
look_at_phase(struct load_thread *t)
{
    int phase = atomic_load_explicit(&t->load->phase, memory_order_relaxed);
    t->measured = phase == PHASE_MEASURE;
    t->refills = phase != PHASE_DRAIN;
}

static void
run_until_drained(struct load_thread *t)
{
    struct epoll_event events[EVENTS];
    int64_t until = 0;
    while (t->refills || !all_answered(t)) {
        int n = epoll_wait(t->epoll, events, EVENTS, PHASE_POLL_MS);
        look_at_phase(t);
        for (int i = 0; i < n; i++)
            conn_wake(t, events[i].data.ptr, events[i].events);
        if (t->refills)
            continue;
        if (until == 0)
            until = oro_mono_us() + DRAIN_TIMEOUT_US;
        else if (oro_mono_us() > until)
            break;
    }
}

static void *
thread_main(void *arg)
{
    struct load_thread *t = arg;
    look_at_phase(t);
    for (unsigned i = 0; i < t->nconns; i++) {
        watch(t, &t->conns[i], EPOLL_CTL_ADD);
        conn_wake(t, &t->conns[i], 0); /* the first calls */
    }
    run_until_drained(t);
    for (unsigned i = 0; i < t->nconns; i++)
        if (t->conns[i].sent != t->conns[i].answered)
            conn_lose(t, &t->conns[i], "no reply");
    return NULL;
}

static oro_status
thread_start(struct oro_load *l, struct load_thread *t, struct oro_err *err)
{
    t->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (t->epoll < 0)
        return oro_err_set(err, ORO_EIO, "epoll: %m");
    oro_status st = oro_thread_start(&t->thread, ORO_THREAD_OTHER, "load", 0, thread_main, t, err);
    if (st != ORO_OK) {
        close(t->epoll);
        return st;
    }
    pthread_getcpuclockid(t->thread, &t->clock);
    l->nstarted++;
    return ORO_OK;
}

static uint64_t
thread_cpu_ns(const struct load_thread *t)
{
    struct timespec ts = {0};
    clock_gettime(t->clock, &ts); /* it has not been joined, so its clock is there */
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ---- all of them ---- */

static void
raise_fd_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static oro_status
conns_open(struct oro_load *l, struct oro_err *err)
{
    size_t slice = l->opt.npairs / l->opt.connections;
    ORO_ASSERT(slice > 0);
    for (; l->nopen < l->opt.connections; l->nopen++) {
        struct conn *c = &l->conns[l->nopen];
        oro_status st = oro_wsc_open(&c->ws, &l->opt.target, OPEN_TIMEOUT_MS, err);
        if (st != ORO_OK)
            return oro_err_wrap(err, "connection %u", l->nopen + 1);
        c->pairs = l->opt.pairs + l->nopen * slice;
        c->npairs = slice;
        c->sent_ns = oro_calloc(l->window_mask + 1, sizeof(*c->sent_ns));
    }
    return ORO_OK;
}

/* Neighbouring connections share a thread. */
static oro_status
threads_start(struct oro_load *l, struct oro_err *err)
{
    unsigned done = 0;
    for (unsigned i = 0; i < l->opt.threads; i++) {
        struct load_thread *t = &l->threads[i];
        t->load = l;
        t->conns = l->conns + done;
        t->nconns = (l->opt.connections - done) / (l->opt.threads - i);
        done += t->nconns;
        oro_status st = thread_start(l, t, err);
        if (st != ORO_OK)
            return st;
    }
    return ORO_OK;
}

oro_status
oro_load_start(const struct oro_load_options *opt, struct oro_load **out, struct oro_err *err)
{
    struct oro_load_result ignored;
    struct oro_load *l = ORO_NEW(struct oro_load);
    l->opt = *opt;
    l->window_mask = 1;
    while (l->window_mask < opt->in_flight)
        l->window_mask *= 2;
    l->window_mask--;
    l->conns = ORO_NEW_ARRAY(struct conn, opt->connections);
    l->threads = ORO_NEW_ARRAY(struct load_thread, opt->threads);
    raise_fd_limit();
    oro_status st = conns_open(l, err);
    if (st == ORO_OK)
        st = threads_start(l, err);
    if (st == ORO_OK)
        *out = l;
    else
        oro_load_end(l, &ignored);
    return st;
}

static void
phase_set(struct oro_load *l, enum phase phase)
{
    for (unsigned i = 0; i < l->nstarted; i++)
        l->threads[i].cpu_ns = thread_cpu_ns(&l->threads[i]) - l->threads[i].cpu_ns;
    atomic_store_explicit(&l->phase, phase, memory_order_relaxed);
}

void
oro_load_measure(struct oro_load *l)
{
    phase_set(l, PHASE_MEASURE);
}

void
oro_load_drain(struct oro_load *l)
{
    phase_set(l, PHASE_DRAIN);
}

static void
result_add(struct oro_load_result *into, const struct load_thread *t)
{
    const struct oro_load_result *r = &t->result;
    oro_bench_hist_merge(&into->latency, &r->latency);
    texts_merge(&into->refused, &r->refused);
    texts_merge(&into->errors, &r->errors);
    into->reads += r->reads;
    into->writes += r->writes;
    into->transfers += r->transfers;
    into->finished += r->finished;
    into->client_ns += t->cpu_ns;
}

void
oro_load_end(struct oro_load *l, struct oro_load_result *out)
{
    *out = (struct oro_load_result){0};
    atomic_store_explicit(&l->phase, PHASE_DRAIN, memory_order_relaxed);
    for (unsigned i = 0; i < l->nstarted; i++) {
        oro_thread_join(l->threads[i].thread);
        close(l->threads[i].epoll);
        result_add(out, &l->threads[i]);
    }
    for (unsigned i = 0; i < l->nopen; i++) {
        oro_wsc_close(&l->conns[i].ws);
        oro_free(l->conns[i].sent_ns);
    }
    oro_free(l->conns);
    oro_free(l->threads);
    oro_free(l);
}
