/* The whole benchmark against a small server of our own, fair and not. */
#include "runtime/bench/transfer.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

#include "stub.h"

#define TIMEOUT .timeout = 120

static struct oro_transfer_options
options(const struct stub *s)
{
    return (struct oro_transfer_options){
        .host = "127.0.0.1",
        .port = s->port,
        .database = "bank",
        .connections = 5,
        .in_flight = 8,
        .threads = 1,
        .confirmed = true,
        .accounts = 1000,
        .initial = 1000000,
        .pairs = 10000,
        .warmup_s = 0.05,
        .seconds = 0.3,
        .server = getpid(),
        .quiet = true,
    };
}

static struct oro_transfer_result
run(const struct oro_transfer_options *opt)
{
    struct oro_transfer_result r;
    struct oro_err err = {0};
    cr_assert_eq(oro_transfer_run(opt, &r, &err), ORO_OK, "%s", err.text);
    return r;
}

static void
check_fair(struct stub *s, const struct oro_transfer_options *opt,
           const struct oro_transfer_result *r)
{
    cr_assert(oro_transfer_passed(r), "%s",
              r->load.errors.n > 0 ? r->load.errors.all[0].text : "no error, but not passed");
    cr_assert_eq(r->load.finished, s->calls, "every call was answered");
    cr_assert(r->load.transfers > 0 && r->load.transfers <= r->load.finished);
    cr_assert_eq(r->load.latency.count, r->load.transfers);
    cr_assert_gt(oro_bench_hist_quantile(&r->load.latency, 0.5), 0);
    cr_assert(r->after.balance == (__int128)opt->accounts * opt->initial);
    cr_assert_eq(r->after.accounts, opt->accounts);
    cr_assert(r->seconds >= opt->seconds);
    cr_assert_gt(r->server_ns, 0);
    cr_assert_gt(r->load.client_ns, 0);
}

Test(transfer, v3_puts_many_calls_in_a_frame, TIMEOUT)
{
    struct stub s = {.fault = STUB_FAIR};
    stub_start(&s);
    struct oro_transfer_options opt = options(&s);
    struct oro_transfer_result r = run(&opt);
    check_fair(&s, &opt, &r);
    cr_assert_eq(s.most_calls, opt.in_flight);
    cr_assert(s.saw_confirmed && !s.saw_unconfirmed);
    oro_transfer_result_fini(&r);
    stub_stop(&s);
}

Test(transfer, v2_puts_one, TIMEOUT)
{
    struct stub s = {.fault = STUB_FAIR};
    stub_start(&s);
    struct oro_transfer_options opt = options(&s);
    opt.v2 = true;
    opt.confirmed = false;
    struct oro_transfer_result r = run(&opt);
    check_fair(&s, &opt, &r);
    cr_assert_eq(s.most_calls, 1);
    cr_assert(!s.saw_confirmed && s.saw_unconfirmed);
    oro_transfer_result_fini(&r);
    stub_stop(&s);
}

Test(transfer, more_threads_and_a_window_beyond_a_frame, TIMEOUT)
{
    struct stub s = {.fault = STUB_FAIR};
    stub_start(&s);
    struct oro_transfer_options opt = options(&s);
    opt.threads = 3;
    opt.in_flight = 10000; /* a frame holds 6898 calls */
    opt.alpha = 1.5;
    struct oro_transfer_result r = run(&opt);
    check_fair(&s, &opt, &r);
    cr_assert_eq(s.most_calls, 262144 / ORO_BENCH_CALL_SIZE);
    oro_transfer_result_fini(&r);
    stub_stop(&s);
}

Test(transfer, accounts_taken_as_they_are, TIMEOUT)
{
    struct stub s = {.fault = STUB_FAIR};
    stub_start(&s);
    struct oro_transfer_options opt = options(&s);
    struct oro_transfer_result r = run(&opt);
    oro_transfer_result_fini(&r);
    opt.no_seed = true;
    opt.initial = 5; /* not asked */
    r = run(&opt);
    cr_assert(oro_transfer_passed(&r));
    cr_assert(r.before.balance == 1000000000);
    oro_transfer_result_fini(&r);
    stub_stop(&s);
}

Test(transfer, the_rules_of_the_game_are_no_errors, TIMEOUT)
{
    struct stub s = {.fault = STUB_FAIR};
    stub_start(&s);
    struct oro_transfer_options opt = options(&s);
    opt.initial = 1; /* soon somebody has nothing */
    struct oro_transfer_result r = run(&opt);
    cr_assert(oro_transfer_passed(&r));
    cr_assert_gt(r.load.refused.total, 0);
    cr_assert_str_eq(r.load.refused.all[0].text, "insufficient_funds");
    cr_assert_eq(r.load.refused.n, 1);
    oro_transfer_result_fini(&r);
    stub_stop(&s);
}

Test(transfer, lost_money_is_found, TIMEOUT)
{
    struct stub s = {.fault = STUB_LOSES_MONEY};
    stub_start(&s);
    struct oro_transfer_options opt = options(&s);
    struct oro_transfer_result r = run(&opt);
    cr_assert_eq(r.load.errors.total, 0);
    cr_assert(r.after.balance < r.before.balance);
    cr_assert_not(oro_transfer_passed(&r));
    oro_transfer_result_fini(&r);
    stub_stop(&s);
}

static void
check_error(enum stub_fault fault, const char *text)
{
    struct stub s = {.fault = fault};
    stub_start(&s);
    struct oro_transfer_options opt = options(&s);
    struct oro_transfer_result r = run(&opt);
    cr_assert_not(oro_transfer_passed(&r));
    cr_assert_gt(r.load.errors.total, 0);
    cr_assert_not_null(strstr(r.load.errors.all[0].text, text), "%s", r.load.errors.all[0].text);
    cr_assert(r.before.balance == r.after.balance, "the errors alone fail it");
    oro_transfer_result_fini(&r);
    stub_stop(&s);
}

Test(transfer, failed_calls_are_errors, TIMEOUT)
{
    check_error(STUB_FAILS, "it \"broke\"");
}

Test(transfer, replies_out_of_order_are_errors, TIMEOUT)
{
    check_error(STUB_OUT_OF_ORDER, "out of order");
}

Test(transfer, a_lost_connection_is_an_error_and_the_others_go_on, TIMEOUT)
{
    check_error(STUB_HANGS_UP, "1011 tired");
}

Test(transfer, a_reply_that_never_comes_shows_at_the_next, TIMEOUT)
{
    check_error(STUB_FORGETS, "out of order");
}

Test(transfer, no_such_database, TIMEOUT)
{
    struct stub s = {.fault = STUB_FAIR};
    struct oro_transfer_result r;
    struct oro_err err;
    stub_start(&s);
    struct oro_transfer_options opt = options(&s);
    opt.database = "other";
    cr_assert_eq(oro_transfer_run(&opt, &r, &err), ORO_EREFUSED);
    cr_assert_not_null(strstr(err.text, "404 Not Found"), "%s", err.text);
    stub_stop(&s);
}

static char *
report_of(const struct oro_transfer_options *opt, const struct oro_transfer_result *r,
          void (*report)(const struct oro_transfer_options *, const struct oro_transfer_result *,
                         FILE *))
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    report(opt, r, f);
    fclose(f);
    return text;
}

#define SAYS(text, part) cr_assert_not_null(strstr(text, part), "no '%s' in:\n%s", part, text)

Test(transfer, the_reports)
{
    static struct oro_transfer_result r;
    struct oro_proc_thread threads[] = {{1, "worker", 9000000, 0, 10}, {2, "net", 3000000, 0, 10}};
    struct stub s = {.port = 1};
    struct oro_transfer_options opt = options(&s);
    r.seconds = 2;
    r.load.transfers = 4000;
    r.server = (struct oro_proc_sample){threads, 2, 2};
    r.server_ns = 12000000;
    r.sum_known = true;
    r.before = (struct oro_bench_sum){10, (__int128)INT64_MAX * 10};
    r.after = r.before;
    for (int i = 0; i < 4000; i++)
        oro_bench_hist_add(&r.load.latency, 1000000);
    char *text = report_of(&opt, &r, oro_transfer_report);
    SAYS(text, "5 connections x 8 in flight, v3, confirmed, 1000 accounts, uniform");
    SAYS(text, "2000 (4000 in 2.00 s)");
    SAYS(text, "p50 1.00");
    SAYS(text, "3.00 us a transfer");
    SAYS(text, "kept: 10 accounts with 92233720368547758070");
    free(text);
    oro_load_texts_add(&r.load.errors, oro_bytes_str("it \"broke\"\n"), 3);
    r.after.balance = -1;
    text = report_of(&opt, &r, oro_transfer_report_json);
    SAYS(text, "\"transfers_per_second\":2000.0");
    SAYS(text, "\"server_us\":3.000");
    SAYS(text, "\"server_threads_us\":{\"worker\":2.250,\"net\":0.750}");
    SAYS(text, "\"errors\":3,\"errors_by_text\":{\"it \\\"broke\\\"\\u000a\":3}");
    SAYS(text, "\"sum_expected\":92233720368547758070,\"sum_found\":-1,\"passed\":false}\n");
    free(text);
    text = report_of(&opt, &r, oro_transfer_report);
    SAYS(text, "sum           WRONG: 10 accounts with -1, expected 10 with 92233720368547758070");
    free(text);
}

Test(transfer, many_texts_share_the_last_place)
{
    static struct oro_load_texts t;
    char text[16];
    for (int i = 0; i < 40; i++) {
        snprintf(text, sizeof(text), "error %d", i);
        oro_load_texts_add(&t, oro_bytes_str(text), 1);
        oro_load_texts_add(&t, oro_bytes_str("error 3"), 1);
    }
    cr_assert_eq(t.n, ORO_LOAD_TEXTS);
    cr_assert_eq(t.total, 80);
    cr_assert_eq(t.all[1].count, 41);
    cr_assert_str_eq(t.all[ORO_LOAD_TEXTS - 1].text, "(others)");
    uint64_t sum = 0;
    for (unsigned i = 0; i < t.n; i++)
        sum += t.all[i].count;
    cr_assert_eq(sum, t.total);
}
