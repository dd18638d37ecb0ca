#include <inttypes.h>

#include "runtime/bench/transfer.h"

static double
per_transfer_us(const struct oro_transfer_result *r, uint64_t ns)
{
    return r->load.transfers > 0 ? (double)ns / 1000.0 / (double)r->load.transfers : 0;
}

static double
quantile_ms(const struct oro_transfer_result *r, double q)
{
    return (double)oro_bench_hist_quantile(&r->load.latency, q) / 1e6;
}

/* 128 bits are more than printf knows. */
static const char *
amount_text(__int128 v, char out[48])
{
    unsigned __int128 rest = v < 0 ? -(unsigned __int128)v : (unsigned __int128)v;
    char *at = out + 47;
    *at = '\0';
    do {
        *--at = (char)('0' + (int)(rest % 10));
        rest /= 10;
    } while (rest > 0);
    if (v < 0)
        *--at = '-';
    return at;
}

static const char *
distribution(const struct oro_transfer_options *opt, char out[32])
{
    snprintf(out, 32, opt->alpha > 0 ? "Zipf %g" : "uniform", opt->alpha);
    return out;
}

static void
report_server(const struct oro_transfer_result *r, FILE *to)
{
    if (r->server.n == 0) {
        fprintf(to, "  server CPU    not known (--server-pid PID)\n");
        return;
    }
    fprintf(to, "  server CPU    %.2f us a transfer, %.2f cores\n",
            per_transfer_us(r, r->server_ns), (double)r->server_ns / 1e9 / r->seconds);
    for (size_t i = 0; i < r->server.n; i++) {
        const struct oro_proc_thread *t = &r->server.threads[i];
        if (t->cpu_ns > 0)
            fprintf(to,
                    "    %-14s%6.2f us, %.2f cores, waited %.2f for one, ran %.0f times a second\n",
                    t->name, per_transfer_us(r, t->cpu_ns), (double)t->cpu_ns / 1e9 / r->seconds,
                    (double)t->waited_ns / 1e9 / r->seconds, (double)t->runs / r->seconds);
    }
}

static void
report_texts(const char *what, const struct oro_load_texts *t, FILE *to)
{
    fprintf(to, "  %-13s %" PRIu64 "\n", what, t->total);
    for (unsigned i = 0; i < t->n; i++)
        fprintf(to, "    %" PRIu64 " x %s\n", t->all[i].count, t->all[i].text);
}

static void
report_sum(const struct oro_transfer_result *r, FILE *to)
{
    char before[48], after[48];
    bool kept = r->before.accounts == r->after.accounts && r->before.balance == r->after.balance;
    fprintf(to, "  sum           %s: %" PRIu64 " accounts with %s", kept ? "kept" : "WRONG",
            r->after.accounts, amount_text(r->after.balance, after));
    if (!kept)
        fprintf(to, ", expected %" PRIu64 " with %s", r->before.accounts,
                amount_text(r->before.balance, before));
    fprintf(to, "\n");
}

void
oro_transfer_report(const struct oro_transfer_options *opt, const struct oro_transfer_result *r,
                    FILE *to)
{
    char law[32];
    const struct oro_load_result *l = &r->load;
    fprintf(to, "transfer: %u connections x %u in flight, %s, %s, %u accounts, %s\n",
            opt->connections, opt->in_flight, opt->v2 ? "v2" : "v3",
            opt->confirmed ? "confirmed" : "unconfirmed", opt->accounts, distribution(opt, law));
    fprintf(to, "  transfers/s   %.0f (%" PRIu64 " in %.2f s)\n", (double)l->transfers / r->seconds,
            l->transfers, r->seconds);
    fprintf(to, "  latency ms    p50 %.2f  p90 %.2f  p99 %.2f  p99.9 %.2f  max %.2f\n",
            quantile_ms(r, 0.5), quantile_ms(r, 0.9), quantile_ms(r, 0.99), quantile_ms(r, 0.999),
            quantile_ms(r, 1));
    report_server(r, to);
    fprintf(to, "  client CPU    %.2f us a transfer, %.1f calls a send, %.1f replies a read\n",
            per_transfer_us(r, l->client_ns),
            l->writes > 0 ? (double)l->transfers / (double)l->writes : 0,
            l->reads > 0 ? (double)l->transfers / (double)l->reads : 0);
    report_texts("refused", &l->refused, to);
    report_texts("errors", &l->errors, to);
    report_sum(r, to);
}

static void
json_text(const char *text, FILE *to)
{
    fputc('"', to);
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            fprintf(to, "\\%c", *at);
        else if (*at < 0x20)
            fprintf(to, "\\u%04x", *at);
        else
            fputc(*at, to);
    }
    fputc('"', to);
}

static void
json_texts(const char *name, const struct oro_load_texts *t, FILE *to)
{
    fprintf(to, ",\"%s\":%" PRIu64 ",\"%s_by_text\":{", name, t->total, name);
    for (unsigned i = 0; i < t->n; i++) {
        if (i > 0)
            fputc(',', to);
        json_text(t->all[i].text, to);
        fprintf(to, ":%" PRIu64, t->all[i].count);
    }
    fputc('}', to);
}

static void
json_server(const struct oro_transfer_result *r, FILE *to)
{
    if (r->server.n == 0) {
        fprintf(to, ",\"server_us\":null");
        return;
    }
    fprintf(to, ",\"server_us\":%.3f,\"server_cores\":%.3f,\"server_threads_us\":{",
            per_transfer_us(r, r->server_ns), (double)r->server_ns / 1e9 / r->seconds);
    for (size_t i = 0; i < r->server.n; i++) {
        if (i > 0)
            fputc(',', to);
        json_text(r->server.threads[i].name, to);
        fprintf(to, ":%.3f", per_transfer_us(r, r->server.threads[i].cpu_ns));
    }
    fputc('}', to);
}

void
oro_transfer_report_json(const struct oro_transfer_options *opt,
                         const struct oro_transfer_result *r, FILE *to)
{
    char before[48], after[48];
    const struct oro_load_result *l = &r->load;
    fprintf(to,
            "{\"bench\":\"transfer\",\"connections\":%u,\"in_flight\":%u,\"threads\":%u,"
            "\"protocol\":\"%s\",\"confirmed\":%s",
            opt->connections, opt->in_flight, opt->threads, opt->v2 ? "v2" : "v3",
            opt->confirmed ? "true" : "false");
    fprintf(to,
            ",\"accounts\":%u,\"alpha\":%g,\"seconds\":%.3f,\"transfers\":%" PRIu64
            ",\"transfers_per_second\":%.1f",
            opt->accounts, opt->alpha, r->seconds, l->transfers, (double)l->transfers / r->seconds);
    fprintf(to,
            ",\"latency_ms\":{\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"p99.9\":%.3f,\"max\":%.3f}",
            quantile_ms(r, 0.5), quantile_ms(r, 0.9), quantile_ms(r, 0.99), quantile_ms(r, 0.999),
            quantile_ms(r, 1));
    json_server(r, to);
    fprintf(to, ",\"client_us\":%.3f", per_transfer_us(r, l->client_ns));
    json_texts("refused", &l->refused, to);
    json_texts("errors", &l->errors, to);
    fprintf(to, ",\"sum_expected\":%s,\"sum_found\":%s,\"passed\":%s}\n",
            amount_text(r->before.balance, before), amount_text(r->after.balance, after),
            oro_transfer_passed(r) ? "true" : "false");
}
