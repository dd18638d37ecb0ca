/* bridge/host/report.c - settings that change while interpreters run, and what their codecs did, summed over interpreters.
 *
 * A thread that changes the settings puts them down under a lock and raises a number; each interpreter compares the number
 * before a call and takes the settings over by itself, so nothing of an interpreter is touched from outside. The counters are
 * written by the interpreter's thread alone and read by any thread; time is taken of one conversion in 64, so that asking the
 * clock costs less than a nanosecond for each. */
#include <pthread.h>

#include "bridge/codec/dynamic.h"
#include "bridge/db/table.h"
#include "bridge/host/report_priv.h"
#include "runtime/base/clock.h"

/* ---- settings ---- */

static struct {
    pthread_mutex_t lock;
    struct oro_py_config now;
    _Atomic uint64_t generation;
    _Atomic uint64_t started_ns; /* the first interpreter */
} settings = {.lock = PTHREAD_MUTEX_INITIALIZER, .now = ORO_PY_CONFIG_DEFAULT, .generation = 1};

void
oro_py_configure(const struct oro_py_config *c)
{
    pthread_mutex_lock(&settings.lock);
    settings.now = *c;
    /* Pairs with the load in oro_py_config_look(); what it announces is read under the lock. */
    atomic_fetch_add_explicit(&settings.generation, 1, memory_order_release);
    pthread_mutex_unlock(&settings.lock);
}

void
oro_py_configured(struct oro_py_config *out)
{
    pthread_mutex_lock(&settings.lock);
    *out = settings.now;
    pthread_mutex_unlock(&settings.lock);
}

uint64_t
oro_py_config_generation(void)
{
    return atomic_load_explicit(&settings.generation, memory_order_acquire);
}

static void
config_take(struct oro_py *py)
{
    struct oro_py_config c;
    oro_py_configured(&c);
    oro_rowspace_pool_limit(&py->rows, c.max_pool_size);
    oro_dynamic_limit(&py->codecs, c.max_cache_size, c.cache_ttl_ms);
    py->codecs.batches = c.enable_batch_optimization;
    py->rows.watch_memory = c.enable_memory_monitoring;
    py->rows.auto_tune = c.auto_tune;
}

void
oro_py_config_look(struct oro_py *py)
{
    uint64_t g = oro_py_config_generation();
    if (ORO_LIKELY(g == py->config_generation))
        return;
    py->config_generation = g;
    uint64_t none = 0;
    atomic_compare_exchange_strong(&settings.started_ns, &none, oro_mono_ns());
    config_take(py);
}

/* ---- numbers ---- */

static void
add_tally(const struct oro_tally *t, struct oro_py_stats *out)
{
    out->decodes += atomic_load_explicit(&t->n[DIR_DECODE], memory_order_relaxed);
    out->encodes += atomic_load_explicit(&t->n[DIR_ENCODE], memory_order_relaxed);
    out->bytes_in += atomic_load_explicit(&t->bytes[DIR_DECODE], memory_order_relaxed);
    out->bytes_out += atomic_load_explicit(&t->bytes[DIR_ENCODE], memory_order_relaxed);
}

void
oro_py_stats(const struct oro_py *py, struct oro_py_stats *out)
{
#define COPY(name) out->name = atomic_load_explicit(&py->n_##name, memory_order_relaxed);
    ORO_PY_COUNTERS(COPY)
#undef COPY
#define COPY(name) out->name = atomic_load_explicit(&py->rows.n_##name, memory_order_relaxed);
    ORO_ROW_COUNTERS(COPY)
#undef COPY
#define COPY(name) out->name = atomic_load_explicit(&py->codecs.n_##name, memory_order_relaxed);
    ORO_CODEC_COUNTERS(COPY)
#undef COPY
    int64_t objects = atomic_load_explicit(&py->python_memory, memory_order_relaxed);
    out->python_memory = objects > 0 ? (uint64_t)objects : 0;
    /* Rows and arguments are counted by their type alone. */
    for (const struct oro_rowclass *rc = py->rows.classes; rc != NULL; rc = rc->next)
        add_tally(&rc->tally, out);
    for (unsigned i = 0; i < py->nreducers; i++)
        add_tally(&py->reducers[i].tally, out);
    /* Codecs of tables and reducers are pinned: compiled once (a miss each), found at once by whatever converts later. */
    out->cache_misses += py->codecs.npinned;
    out->cache_size += py->codecs.npinned;
    out->cache_hits += out->decodes + out->encodes;
    /* And the shapes of dynamic values. */
    out->cache_hits += atomic_load_explicit(&py->codecs.n_shape_hits, memory_order_relaxed);
    out->cache_misses += atomic_load_explicit(&py->codecs.n_shape_misses, memory_order_relaxed);
    out->cache_evictions +=
        atomic_load_explicit(&py->codecs.n_shape_evictions, memory_order_relaxed);
    out->cache_expirations +=
        atomic_load_explicit(&py->codecs.n_shape_expirations, memory_order_relaxed);
    out->cache_size += atomic_load_explicit(&py->codecs.n_shapes, memory_order_relaxed);
}

/* ---- the report ---- */

struct sums {
    uint64_t n[DIRS], bytes[DIRS], errors[DIRS], timed[DIRS], ns[DIRS];
};

static uint64_t
relaxed(const _Atomic uint64_t *p)
{
    return atomic_load_explicit(p, memory_order_relaxed);
}

static void
sums_add(struct sums *s, const struct oro_tally *t)
{
    for (int d = 0; d < DIRS; d++) {
        s->n[d] += d == DIR_COLUMN ? 64 * relaxed(&t->timed[d]) : relaxed(&t->n[d]);
        s->bytes[d] += relaxed(&t->bytes[d]);
        s->errors[d] += relaxed(&t->errors[d]);
        s->timed[d] += relaxed(&t->timed[d]);
        s->ns[d] += relaxed(&t->ns[d]);
    }
}

static double
ratio(uint64_t a, uint64_t b)
{
    return a + b > 0 ? (double)a / (double)(a + b) : 0;
}

static double
mean_us(const struct sums *s, int d)
{
    return s->timed[d] > 0 ? (double)s->ns[d] / (double)s->timed[d] / 1000 : 0;
}

/* Of the sampled times, with a straight line inside a slot, which reaches from 2^i to 2^(i+1) ns. */
static double
percentile_us(const uint64_t *slots, double p)
{
    uint64_t all = 0, seen = 0;
    for (int i = 0; i < ORO_TIME_SLOTS; i++)
        all += slots[i];
    double want = p * (double)all;
    for (int i = 0; i < ORO_TIME_SLOTS; i++) {
        if (slots[i] > 0 && (double)(seen + slots[i]) >= want)
            return (double)(1ull << i) * (1 + (want - (double)seen) / (double)slots[i]) / 1000;
        seen += slots[i];
    }
    return 0;
}

static void
put_type(struct oro_bb *out, const char *sep, const char *kind, const char *name,
         const struct sums *s)
{
    static const char *const names[DIRS] = {"decode", "encode", "column"};
    oro_bb_printf(out, "%s\"%s%s\":{", sep, kind, name);
    uint64_t calls = 0, bytes = 0, ns = 0, timed = 0;
    for (int d = 0; d < DIRS; d++) {
        oro_bb_printf(out,
                      "\"%s\":{\"calls\":%llu,\"bytes\":%llu,\"errors\":%llu,\"mean_us\":%.3f},",
                      names[d], (unsigned long long)s->n[d], (unsigned long long)s->bytes[d],
                      (unsigned long long)s->errors[d], mean_us(s, d));
        calls += d != DIR_COLUMN ? s->n[d] : 0;
        bytes += s->bytes[d];
        ns += s->ns[d];
        timed += s->timed[d];
    }
    oro_bb_printf(out, "\"calls\":%llu,\"bytes\":%llu,\"mean_us\":%.3f}", (unsigned long long)calls,
                  (unsigned long long)bytes, timed > 0 ? (double)ns / (double)timed / 1000 : 0.0);
}

/* Of one table, by all interpreters. */
static uint64_t
table_scans(struct oro_py *const *py, unsigned n, unsigned table)
{
    uint64_t scans = 0;
    for (unsigned i = 0; i < n; i++)
        scans += relaxed(&py[i]->db.tables[table].scans);
    return scans;
}

static void
put_scans(struct oro_py *const *py, unsigned n, struct oro_bb *out)
{
    const char *sep = "";
    oro_bb_printf(out, "\"scans_without_index\":{");
    for (unsigned t = 0; n > 0 && t < py[0]->db.ntables; t++) {
        uint64_t scans = table_scans(py, n, t);
        if (scans > 0) {
            oro_bb_printf(out, "%s\"%s\":%llu", sep, py[0]->db.tables[t].def->name,
                          (unsigned long long)scans);
            sep = ",";
        }
    }
    oro_bb_printf(out, "},");
}

static double
put_types(struct oro_py *const *py, unsigned n, struct oro_bb *out)
{
    const char *sep = "";
    double us = 0;
    for (unsigned t = 0; n > 0 && t < py[0]->db.ntables + py[0]->nreducers; t++) {
        bool is_table = t < py[0]->db.ntables;
        unsigned r = t - py[0]->db.ntables;
        if (!is_table && py[0]->reducers[r].fn == NULL)
            continue;
        struct sums s = {0};
        for (unsigned i = 0; i < n; i++)
            sums_add(&s, is_table ? &py[i]->db.tables[t].rc->tally : &py[i]->reducers[r].tally);
        put_type(out, sep, is_table ? "" : "arguments of ",
                 is_table ? py[0]->db.tables[t].def->name : py[0]->reducers[r].name, &s);
        for (int d = 0; d < DIRS; d++)
            us += mean_us(&s, d) * (double)s.n[d];
        sep = ",";
    }
    return us;
}

/* What all interpreters have counted. */
struct report {
    struct oro_py_stats all;
    uint64_t shape_hits, shape_misses, batches, batch_items;
    uint64_t pooled; /* row objects that lie in the pools */
    uint64_t slots[ORO_TIME_SLOTS];
    double us; /* of all conversions, by the means of those that were timed */
};

static void
report_add(struct report *rep, struct oro_py *py)
{
    struct oro_py_stats s;
    oro_py_stats(py, &s);
#define ADD(name) rep->all.name += s.name;
    ORO_CODEC_COUNTERS(ADD)
    ORO_ROW_COUNTERS(ADD)
    ORO_PY_COUNTERS(ADD)
#undef ADD
    rep->shape_hits += relaxed(&py->codecs.n_shape_hits);
    rep->shape_misses += relaxed(&py->codecs.n_shape_misses);
    rep->batches += relaxed(&py->codecs.n_batches);
    rep->batch_items += relaxed(&py->codecs.n_batch_items);
    rep->pooled += relaxed(&py->rows.n_pool_returns) - relaxed(&py->rows.n_pool_hits);
    for (int d = 0; d < DIRS; d++)
        for (int k = 0; k < ORO_TIME_SLOTS; k++)
            rep->slots[k] += relaxed(&py->codecs.clock.times[d][k]);
}

static void
put_number(struct oro_bb *out, const char *name, uint64_t n)
{
    oro_bb_printf(out, "\"%s\":%llu,", name, (unsigned long long)n);
}

static void
put_ratio(struct oro_bb *out, const char *name, uint64_t hits, uint64_t misses)
{
    oro_bb_printf(out, "\"%s\":%.6f,", name, ratio(hits, misses));
}

static void
put_caches(const struct report *rep, struct oro_bb *out)
{
    const struct oro_py_stats *all = &rep->all;
    put_number(out, "cache_hits", all->cache_hits);
    put_number(out, "cache_misses", all->cache_misses);
    put_ratio(out, "cache_hit_ratio", all->cache_hits, all->cache_misses);
    put_number(out, "cache_size", all->cache_size);
    put_number(out, "plan_hits", all->cache_hits - rep->shape_hits);
    put_number(out, "plan_misses", all->cache_misses - rep->shape_misses);
    put_number(out, "shape_hits", rep->shape_hits);
    put_number(out, "shape_misses", rep->shape_misses);
    put_ratio(out, "smart_cache_hit_ratio", rep->shape_hits, rep->shape_misses);
    put_number(out, "evictions", all->cache_evictions);
    put_number(out, "expirations", all->cache_expirations);
}

static void
put_pools(const struct report *rep, struct oro_bb *out)
{
    const struct oro_py_stats *all = &rep->all;
    put_number(out, "object_pool_hits", all->pool_hits);
    put_number(out, "object_pool_misses", all->pool_misses);
    put_ratio(out, "pool_hit_ratio", all->pool_hits, all->pool_misses);
    put_number(out, "pool_returns", all->pool_returns);
    put_number(out, "pool_drops", all->pool_drops);
    oro_bb_printf(out, "\"pool_utilization\":{\"objects\":%llu,\"arrays\":0},",
                  (unsigned long long)rep->pooled);
}

static void
put_times(const struct report *rep, struct oro_bb *out)
{
    const struct oro_py_stats *all = &rep->all;
    double conversions = (double)(all->decodes + all->encodes), seconds = rep->us / 1e6;
    double bytes = (double)(all->bytes_in + all->bytes_out);
    oro_bb_printf(out, "\"total_processing_time_ms\":%.3f,\"average_conversion_time_ms\":%.6f,",
                  rep->us / 1000, conversions > 0 ? rep->us / 1000 / conversions : 0.0);
    oro_bb_printf(out, "\"throughput_per_second\":%.0f,\"bytes_per_second\":%.0f,",
                  seconds > 0 ? conversions / seconds : 0.0, seconds > 0 ? bytes / seconds : 0.0);
    oro_bb_printf(out, "\"p50_us\":%.3f,\"p99_us\":%.3f,", percentile_us(rep->slots, 0.5),
                  percentile_us(rep->slots, 0.99));
}

void
oro_py_report(struct oro_py *const *py, unsigned n, struct oro_bb *out)
{
    struct report rep = {0};
    struct oro_bb types = {0};
    struct oro_py_config c;
    oro_py_configured(&c);
    for (unsigned i = 0; i < n; i++)
        report_add(&rep, py[i]);
    rep.us = put_types(py, n, &types);
    oro_bb_u8(out, '{');
    put_number(out, "conversions_performed", rep.all.decodes + rep.all.encodes);
    put_number(out, "decodes", rep.all.decodes);
    put_number(out, "encodes", rep.all.encodes);
    put_caches(&rep, out);
    put_number(out, "errors_encountered", rep.all.errors);
    put_number(out, "batch_conversions", rep.batches);
    put_number(out, "batch_items", rep.batch_items);
    put_pools(&rep, out);
    put_number(out, "bytes_in", rep.all.bytes_in);
    put_number(out, "bytes_out", rep.all.bytes_out);
    put_number(out, "current_memory_usage", rep.all.memory);
    put_number(out, "peak_memory_usage", rep.all.memory_peak);
    put_times(&rep, out);
    put_scans(py, n, out);
    oro_bb_printf(out, "\"per_type\":{%.*s},\"config\":", (int)types.len,
                  types.len > 0 ? (const char *)types.data : "");
    oro_py_config_json(&c, out);
    oro_bb_printf(out, ",\"workers\":%u,\"uptime_s\":%.3f}", n,
                  (double)(oro_mono_ns() - relaxed(&settings.started_ns)) / 1e9);
    oro_bb_fini(&types);
}

static const char *
word(bool b)
{
    return b ? "true" : "false";
}

void
oro_py_config_json(const struct oro_py_config *c, struct oro_bb *out)
{
    oro_bb_printf(out,
                  "{\"max_cache_size\":%u,\"max_pool_size\":%u,\"enable_batch_optimization\":%s,"
                  "\"enable_memory_monitoring\":%s,\"cache_ttl_ms\":%lld,\"auto_tune\":%s}",
                  c->max_cache_size, c->max_pool_size, word(c->enable_batch_optimization),
                  word(c->enable_memory_monitoring), (long long)c->cache_ttl_ms,
                  word(c->auto_tune));
}

oro_status
oro_py_config_set(struct oro_py_config *c, const char *name, int64_t v, bool is_bool,
                  struct oro_err *err)
{
    const struct {
        const char *name;
        unsigned *number;
        int64_t *time;
        bool *flag;
        int64_t most;
    } all[] = {
        {"max_cache_size", &c->max_cache_size, NULL, NULL, 1000000},
        {"max_pool_size", &c->max_pool_size, NULL, NULL, ORO_POOL_MAX},
        {"cache_ttl_ms", NULL, &c->cache_ttl_ms, NULL, 1000000000000},
        {"enable_batch_optimization", NULL, NULL, &c->enable_batch_optimization, 1},
        {"enable_memory_monitoring", NULL, NULL, &c->enable_memory_monitoring, 1},
        {"auto_tune", NULL, NULL, &c->auto_tune, 1},
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(all); i++) {
        if (strcmp(all[i].name, name) != 0)
            continue;
        if (is_bool != (all[i].flag != NULL))
            return oro_err_set(err, ORO_EINVAL, "%s is %s", name,
                               is_bool ? "a number" : "true or false");
        if (v < 0 || v > all[i].most)
            return oro_err_set(err, ORO_EINVAL, "%s is a number from 0 to %lld, got %lld", name,
                               (long long)all[i].most, (long long)v);
        if (all[i].flag != NULL)
            *all[i].flag = v != 0;
        else if (all[i].time != NULL)
            *all[i].time = v;
        else
            *all[i].number = (unsigned)v;
        return ORO_OK;
    }
    return oro_err_set(err, ORO_EINVAL, "there is no setting %.60s", name);
}
