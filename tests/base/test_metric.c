#include "runtime/base/metric.c" /* bucket_of and bucket_low are tested directly */

#include <criterion/criterion.h>

#include "runtime/base/thread.h"

Test(metric, registered_once_for_each_label_set)
{
    struct oro_metric *a = oro_metric(ORO_METRIC_COUNTER, "calls_total", "reducer=\"a\"", "Calls.");
    struct oro_metric *b = oro_metric(ORO_METRIC_COUNTER, "calls_total", "reducer=\"b\"", "Calls.");
    cr_assert_neq(a, b);
    cr_assert_eq(oro_metric(ORO_METRIC_COUNTER, "calls_total", "reducer=\"a\"", "Calls."), a);
    oro_metric_add(a, 5);
    oro_metric_add(a, 2);
    cr_assert_eq(oro_metric_value(a), 7);
    cr_assert_eq(oro_metric_value(b), 0);
}

Test(metric, gauge_is_set_and_moved)
{
    struct oro_metric *g = oro_metric(ORO_METRIC_GAUGE, "clients", "", "x");
    oro_metric_set(g, 10);
    oro_metric_add(g, -12);
    cr_assert_eq(oro_metric_value(g), -2);
}

static void *
add_main(void *arg)
{
    struct oro_metric **m = arg;
    for (int i = 0; i < 5000; i++) {
        oro_metric_add(m[0], 1);
        oro_metric_add(m[1], i % 2 == 0 ? 1 : -1);
        oro_metric_observe_us(m[2], i);
        oro_metric(ORO_METRIC_COUNTER, "made", i % 2 == 0 ? "x=\"1\"" : "", "");
    }
    return NULL;
}

Test(metric, counts_from_more_threads_than_shards, .timeout = 60)
{
    enum { THREADS = ORO_METRIC_SHARDS + 4 };
    struct oro_metric *m[] = {
        oro_metric(ORO_METRIC_COUNTER, "c", "", ""),
        oro_metric(ORO_METRIC_GAUGE, "g", "", ""),
        oro_metric(ORO_METRIC_HISTOGRAM, "h", "", ""),
    };
    pthread_t t[THREADS];
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(
            oro_thread_start(&t[i], ORO_THREAD_OTHER, "add", 256 * 1024, add_main, m, NULL),
            ORO_OK);
    struct oro_bb out = {0};
    for (int i = 0; i < 20; i++)
        oro_metrics_text(&out); /* read while they write */
    oro_bb_fini(&out);
    for (int i = 0; i < THREADS; i++)
        oro_thread_join(t[i]);
    cr_assert_eq(oro_metric_value(m[0]), THREADS * 5000);
    cr_assert_eq(oro_metric_value(m[1]), 0);
    cr_assert_eq(oro_metric_value(m[2]), THREADS * 5000);
}

Test(hist, buckets_touch_and_are_narrow)
{
    for (unsigned i = 0; i + 1 < ORO_HIST_BUCKETS; i++) {
        uint64_t low = bucket_low(i), high = bucket_low(i + 1) - 1;
        cr_assert_geq(high, low);
        cr_assert_eq(bucket_of(low), i);
        cr_assert_eq(bucket_of(high), i);
        cr_assert_leq((high - low) * ORO_HIST_STEPS, low, "bucket %u is wider than an eighth", i);
    }
    cr_assert_eq(bucket_of(UINT64_MAX), ORO_HIST_BUCKETS - 1);
}

Test(hist, quantiles_are_within_an_eighth)
{
    struct oro_metric *h = oro_metric(ORO_METRIC_HISTOGRAM, "q", "", "");
    cr_assert_eq(oro_metric_quantile_us(h, 0.5), 0);
    for (int i = 1; i <= 100000; i++)
        oro_metric_observe_us(h, i);
    static const double q[] = {0.001, 0.01, 0.5, 0.9, 0.99, 0.999, 1};
    for (size_t i = 0; i < ORO_ARRAY_LEN(q); i++) {
        double want = q[i] * 100000, got = (double)oro_metric_quantile_us(h, q[i]);
        cr_assert(got >= want && got <= want * 1.13, "q %.3f: %.0f, not %.0f", q[i], got, want);
    }
    cr_assert_eq(oro_metric_quantile_us(h, 0), 1);
    cr_assert_eq(oro_metric_value(h), 100000);
    oro_metric_observe_us(h, -5);
    cr_assert_eq(oro_metric_quantile_us(h, -1), 0);
}

static const char *
text_of(void (*fn)(struct oro_bb *))
{
    static struct oro_bb out; /* reachable at the end, and short-lived anyway */
    oro_bb_clear(&out);
    fn(&out);
    oro_bb_u8(&out, 0);
    return (const char *)out.data;
}

static void
set_gauge(void *arg)
{
    oro_metric_set(arg, 42);
    oro_metric(ORO_METRIC_GAUGE, "made_by_hook", "", ""); /* registering from a hook is allowed */
}

Test(metric, hooks_run_before_a_reading)
{
    struct oro_metric *g = oro_metric(ORO_METRIC_GAUGE, "rows", "", "");
    oro_metric_on_read(set_gauge, g);
    text_of(oro_metrics_text);
    cr_assert_eq(oro_metric_value(g), 42);
    oro_metric_set(g, 1);
    text_of(oro_metrics_json);
    cr_assert_eq(oro_metric_value(g), 42);
    oro_metric_off_read(set_gauge, NULL); /* not registered: nothing happens */
    oro_metric_off_read(set_gauge, g);
    oro_metric_set(g, 1);
    text_of(oro_metrics_text);
    cr_assert_eq(oro_metric_value(g), 1);
}

static void
register_some(void)
{
    oro_metric_set(oro_metric(ORO_METRIC_GAUGE, "b_clients", "", "Open\nclients \\."), -3);
    oro_metric_add(oro_metric(ORO_METRIC_COUNTER, "a_total", "db=\"y\"", "Calls."), 2);
    oro_metric_add(oro_metric(ORO_METRIC_COUNTER, "a_total", "db=\"x\",r=\"q\\\"=,\\n\"", "Calls."),
                   1);
    struct oro_metric *h = oro_metric(ORO_METRIC_HISTOGRAM, "c_seconds", "db=\"x\"", "Times.");
    oro_metric_observe_us(h, 20);
    oro_metric_observe_us(h, 1500000);
    oro_metric_observe_us(h, 3600000000);
}

Test(metric, text_format)
{
    register_some();
    cr_assert_str_eq(text_of(oro_metrics_text), "# HELP a_total Calls.\n"
                                                "# TYPE a_total counter\n"
                                                "a_total{db=\"x\",r=\"q\\\"=,\\n\"} 1\n"
                                                "a_total{db=\"y\"} 2\n"
                                                "# HELP b_clients Open\\nclients \\\\.\n"
                                                "# TYPE b_clients gauge\n"
                                                "b_clients -3\n"
                                                "# HELP c_seconds Times.\n"
                                                "# TYPE c_seconds histogram\n"
                                                "c_seconds_bucket{db=\"x\",le=\"0.000001\"} 0\n"
                                                "c_seconds_bucket{db=\"x\",le=\"0.000002\"} 0\n"
                                                "c_seconds_bucket{db=\"x\",le=\"0.000005\"} 0\n"
                                                "c_seconds_bucket{db=\"x\",le=\"0.00001\"} 0\n"
                                                "c_seconds_bucket{db=\"x\",le=\"0.00002\"} 1\n"
                                                "c_seconds_bucket{db=\"x\",le=\"0.00005\"} 1\n"
                                                "c_seconds_bucket{db=\"x\",le=\"0.0001\"} 1\n"
                                                "c_seconds_bucket{db=\"x\",le=\"0.0002\"} 1\n"
                                                "c_seconds_bucket{db=\"x\",le=\"0.0005\"} 1\n"
                                                "c_seconds_bucket{db=\"x\",le=\"0.001\"} 1\n"
                                                "c_seconds_bucket{db=\"x\",le=\"0.002\"} 1\n"
                                                "c_seconds_bucket{db=\"x\",le=\"0.005\"} 1\n"
                                                "c_seconds_bucket{db=\"x\",le=\"0.01\"} 1\n"
                                                "c_seconds_bucket{db=\"x\",le=\"0.02\"} 1\n"
                                                "c_seconds_bucket{db=\"x\",le=\"0.05\"} 1\n"
                                                "c_seconds_bucket{db=\"x\",le=\"0.1\"} 1\n"
                                                "c_seconds_bucket{db=\"x\",le=\"0.2\"} 1\n"
                                                "c_seconds_bucket{db=\"x\",le=\"0.5\"} 1\n"
                                                "c_seconds_bucket{db=\"x\",le=\"1\"} 1\n"
                                                "c_seconds_bucket{db=\"x\",le=\"2\"} 2\n"
                                                "c_seconds_bucket{db=\"x\",le=\"5\"} 2\n"
                                                "c_seconds_bucket{db=\"x\",le=\"10\"} 2\n"
                                                "c_seconds_bucket{db=\"x\",le=\"+Inf\"} 3\n"
                                                "c_seconds_sum{db=\"x\"} 3601.50002\n"
                                                "c_seconds_count{db=\"x\"} 3\n");
}

Test(metric, json_format)
{
    register_some();
    const char *text = text_of(oro_metrics_json);
    const char *metrics = strstr(text, "\"metrics\":");
    cr_assert_eq(strncmp(text, "{\"t\":17", 7), 0, "milliseconds of now: %s", text);
    cr_assert_not_null(metrics);
    const char *want =
        "\"metrics\":{\"a_total\":[[{\"db\":\"x\",\"r\":\"q\\\"=,\\n\"},1],[{\"db\":\"y\"},2]],"
        "\"b_clients\":[[{},-3]],"
        "\"c_seconds_bucket\":[[{\"db\":\"x\",\"le\":\"0.000001\"},0],";
    cr_assert_eq(strncmp(metrics, want, strlen(want)), 0, "%s", metrics);
    const char *end =
        "[{\"db\":\"x\",\"le\":\"+Inf\"},3]],\"c_seconds_sum\":[[{\"db\":\"x\"},3601.50002]],"
        "\"c_seconds_count\":[[{\"db\":\"x\"},3]]}}";
    cr_assert_str_eq(text + strlen(text) - strlen(end), end);
}

Test(metric, no_labels_on_a_histogram)
{
    oro_metric_observe_us(oro_metric(ORO_METRIC_HISTOGRAM, "only", "", ""), 1);
    cr_assert_not_null(strstr(text_of(oro_metrics_text), "\nonly_bucket{le=\"0.000001\"} 1\n"));
    const char *want = "\"metrics\":{\"only_bucket\":[[{\"le\":\"0.000001\"},1],";
    cr_assert_not_null(strstr(text_of(oro_metrics_json), want));
}

/* Whatever was observed, cumulative counts never fall and never pass the total. */
Test(hist, cumulative_counts_are_right)
{
    struct oro_metric *h = oro_metric(ORO_METRIC_HISTOGRAM, "mono", "", "");
    int64_t values[2000];
    uint64_t seed = 5;
    for (int i = 0; i < 2000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        values[i] = (int64_t)(seed >> 40) >> (seed >> 20) % 24;
        oro_metric_observe_us(h, values[i]);
    }
    struct hist_lines lines;
    hist_read(h, &lines.sum);
    hist_cumulate(&lines.sum, lines.at_most);
    for (size_t b = 0; b < ORO_ARRAY_LEN(bounds_us); b++) {
        uint64_t below = 0, nearly = 0;
        for (int i = 0; i < 2000; i++) {
            below += values[i] * 8 <= bounds_us[b] * 7;
            nearly += values[i] * 7 <= bounds_us[b] * 8;
        }
        cr_assert_leq(below, lines.at_most[b]);
        cr_assert_leq(lines.at_most[b], nearly);
        cr_assert(b == 0 || lines.at_most[b] >= lines.at_most[b - 1]);
    }
}

/* Label values come from names in modules; whatever is in them, the page must be able to read the JSON. */
Test(metric, json_escapes_what_prometheus_does_not)
{
    oro_metric_set(oro_metric(ORO_METRIC_GAUGE, "g", "a=\"\t\x01\\\\\", b=\"\"", ""), 1);
    oro_metric_set(oro_metric(ORO_METRIC_GAUGE, "h", "a=\"unended", ""), 2);
    cr_assert_not_null(strstr(text_of(oro_metrics_json),
                              "{\"g\":[[{\"a\":\"\\u0009\\u0001\\\\\",\"b\":\"\"},1]],"
                              "\"h\":[[{\"a\":\"unended\"},2]]}"));
}
