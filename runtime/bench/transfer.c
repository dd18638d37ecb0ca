#include "runtime/bench/transfer.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "runtime/base/clock.h"

/* Seeding runs through one reducer call, and the rows of all accounts come in one answer. */
#define ANSWER_TIMEOUT_MS 120000
#define AMOUNT 1

static volatile sig_atomic_t interrupted;

static void
on_signal(int sig)
{
    interrupted = 1;
}

/* Without SA_RESTART: sleeping and polling end at once. */
static void
catch_signals(void)
{
    struct sigaction act = {.sa_handler = on_signal};
    interrupted = 0;
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
}

static oro_status
sleep_seconds(double seconds, struct oro_err *err)
{
    struct timespec ts = {.tv_sec = (time_t)seconds,
                          .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (!interrupted && nanosleep(&ts, &ts) != 0 && errno == EINTR)
        continue;
    return interrupted ? oro_err_set(err, ORO_ECLOSED, "interrupted") : ORO_OK;
}

ORO_PRINTF(2, 3) static void progress(const struct oro_transfer_options *opt, const char *fmt, ...)
{
    if (opt->quiet)
        return;
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
}

/* ---- one question, one answer ---- */

/* Sends what `put` appended to a connection of its own and waits for the answer with id 1. */
static oro_status
ask(const struct oro_wsc_target *target, struct oro_wsc *c, const struct oro_bb *question,
    struct oro_bench_reply *reply, struct oro_err *err)
{
    struct oro_bytes payload;
    oro_status st = oro_wsc_open(c, target, ANSWER_TIMEOUT_MS, err);
    if (st != ORO_OK)
        return st;
    oro_wsc_put_head(&c->out, ORO_WS_BINARY, question->len);
    oro_bb_put_bytes(&c->out, oro_bb_bytes(question));
    for (;;) {
        st = oro_wsc_wait(c, ANSWER_TIMEOUT_MS, &payload, err);
        if (st != ORO_OK)
            return st;
        struct oro_reader r = oro_reader(payload);
        uint8_t compression;
        if (oro_rd_u8(&r, &compression) != ORO_OK || compression != 0)
            return oro_err_set(err, ORO_EMALFORMED, "a payload that is empty or compressed");
        while (oro_rd_left(&r) > 0) {
            if (oro_bench_reply_read(&r, reply) != ORO_OK)
                return oro_err_set(err, ORO_EMALFORMED,
                                   "a message that does not decode, or that nobody asked for");
            if (reply->kind != ORO_BENCH_HELLO)
                return ORO_OK;
        }
    }
}

static oro_status
seed(const struct oro_transfer_options *opt, const struct oro_wsc_target *target,
     struct oro_err *err)
{
    struct oro_wsc c = {.fd = -1};
    struct oro_bb question = {0};
    struct oro_bench_reply reply;
    oro_bench_put_seed(&question, 1, opt->accounts, opt->initial);
    oro_status st = ask(target, &c, &question, &reply, err);
    if (st == ORO_OK && reply.kind != ORO_BENCH_DONE)
        st = oro_err_set(err, ORO_EREFUSED, "%.*s", (int)reply.text.len,
                         (const char *)reply.text.data);
    oro_wsc_close(&c);
    oro_bb_fini(&question);
    return st == ORO_OK ? ORO_OK : oro_err_wrap(err, "seed");
}

static oro_status
sum(const struct oro_wsc_target *target, struct oro_bench_sum *out, struct oro_err *err)
{
    struct oro_wsc c = {.fd = -1};
    struct oro_bb question = {0};
    struct oro_bench_reply reply;
    oro_bench_put_query(&question, 1, "SELECT * FROM accounts");
    oro_status st = ask(target, &c, &question, &reply, err);
    if (st == ORO_OK && reply.kind == ORO_BENCH_FAILED)
        st = oro_err_set(err, ORO_EREFUSED, "%.*s", (int)reply.text.len,
                         (const char *)reply.text.data);
    else if (st == ORO_OK &&
             (reply.kind != ORO_BENCH_ROWS || oro_bench_sum_rows(reply.rows, out) != ORO_OK))
        st = oro_err_set(err, ORO_EMALFORMED, "the answer has no rows of u32, i64");
    oro_wsc_close(&c);
    oro_bb_fini(&question);
    return st == ORO_OK ? ORO_OK : oro_err_wrap(err, "SELECT * FROM accounts");
}

/* ---- the run ---- */

/* The server's CPU time is a figure that may be missing: a failure to read it is said, and
 * forgotten. */
static void
sample(const struct oro_transfer_options *opt, struct oro_proc_sample *out)
{
    struct oro_err err;
    *out = (struct oro_proc_sample){0};
    if (opt->server > 0 && oro_proc_sample(opt->server, out, &err) != ORO_OK)
        progress(opt, "no CPU times of the server: %s\n", err.text);
}

static oro_status
measure(const struct oro_transfer_options *opt, struct oro_load *load,
        struct oro_transfer_result *out, struct oro_err *err)
{
    struct oro_proc_sample before, after;
    oro_status st = sleep_seconds(opt->warmup_s, err);
    if (st != ORO_OK)
        return st;
    progress(opt, "measuring for %g s\n", opt->seconds);
    sample(opt, &before);
    int64_t start = oro_mono_us();
    oro_load_measure(load);
    st = sleep_seconds(opt->seconds, err);
    oro_load_drain(load);
    out->seconds = (double)(oro_mono_us() - start) / 1e6;
    sample(opt, &after);
    if (before.n > 0 && after.n > 0)
        oro_proc_use(&before, &after, &out->server);
    for (size_t i = 0; i < out->server.n; i++)
        out->server_ns += out->server.threads[i].cpu_ns;
    oro_proc_sample_fini(&before);
    oro_proc_sample_fini(&after);
    return st;
}

static oro_status
drive(const struct oro_transfer_options *opt, const struct oro_wsc_target *target,
      const struct oro_bench_pair *pairs, struct oro_transfer_result *out, struct oro_err *err)
{
    struct oro_load *load;
    struct oro_load_options lo = {
        .target = *target,
        .connections = opt->connections,
        .in_flight = opt->in_flight,
        .threads = opt->threads,
        .many_a_frame = !opt->v2,
        .amount = AMOUNT,
        .pairs = pairs,
        .npairs = opt->pairs,
    };
    oro_status st = oro_load_start(&lo, &load, err);
    if (st != ORO_OK)
        return st;
    progress(opt, "warming up for %g s\n", opt->warmup_s);
    st = measure(opt, load, out, err);
    oro_load_end(load, &out->load);
    return st;
}

static struct oro_bench_pair *
draw_pairs(const struct oro_transfer_options *opt)
{
    struct oro_zipf zipf;
    uint32_t state = ORO_BENCH_SEED;
    struct oro_bench_pair *pairs = oro_alloc(opt->pairs * sizeof(*pairs));
    oro_zipf_init(&zipf, opt->accounts, opt->alpha);
    oro_zipf_pairs(&zipf, &state, pairs, opt->pairs);
    oro_zipf_fini(&zipf);
    return pairs;
}

static oro_status
prepare(const struct oro_transfer_options *opt, const struct oro_wsc_target *target,
        struct oro_bench_sum *before, struct oro_err *err)
{
    if (opt->no_seed)
        return sum(target, before, err);
    progress(opt, "seeding %u accounts\n", opt->accounts);
    *before = (struct oro_bench_sum){opt->accounts, (__int128)opt->accounts * opt->initial};
    return seed(opt, target, err);
}

oro_status
oro_transfer_run(const struct oro_transfer_options *opt, struct oro_transfer_result *out,
                 struct oro_err *err)
{
    char *path = oro_asprintf("/v1/database/%s/subscribe?compression=None&confirmed=%s",
                              opt->database, opt->confirmed ? "true" : "false");
    struct oro_wsc_target target = {opt->host, opt->port, path,
                                    opt->v2 ? "v2.bsatn.spacetimedb" : "v3.bsatn.spacetimedb"};
    struct oro_bench_pair *pairs = draw_pairs(opt);
    *out = (struct oro_transfer_result){0};
    catch_signals();
    oro_status st = prepare(opt, &target, &out->before, err);
    if (st == ORO_OK)
        st = drive(opt, &target, pairs, out, err);
    if (st == ORO_OK) {
        progress(opt, "adding up the balances\n");
        st = sum(&target, &out->after, err);
        out->sum_known = st == ORO_OK;
    }
    if (st != ORO_OK)
        oro_transfer_result_fini(out);
    oro_free(pairs);
    oro_free(path);
    return st;
}

void
oro_transfer_result_fini(struct oro_transfer_result *r)
{
    oro_proc_sample_fini(&r->server);
}

bool
oro_transfer_passed(const struct oro_transfer_result *r)
{
    return r->sum_known && r->load.errors.total == 0 && r->load.transfers > 0 &&
           r->before.accounts == r->after.accounts && r->before.balance == r->after.balance;
}
