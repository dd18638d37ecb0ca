/* Metrics. Each one has a cell for each of ORO_METRIC_SHARDS groups of threads, on cache lines of their own; a thread
 * adds to its cell with a relaxed atomic and a reader sums them. A gauge has one cell only, since it can also be set.
 *
 * A histogram's cell is an array of counts, 2.5 KiB, made when the first thread of its shard observes something. Bucket i
 * holds: i below 8, the value i itself; above, 8 equal steps for each power of two:
 *
 *     value   0 1 ... 7 | 8 9 ... 15 | 16,17 18,19 ... 30,31 | 32-35 ...
 *     bucket  0 1 ... 7 | 8 9 ... 15 |   16    17  ...   23  |   24  ...
 */
#include "runtime/base/metric.h"

#include <pthread.h>
#include <stdlib.h>

#include "runtime/base/clock.h"
#include "runtime/base/map.h"
#include "runtime/base/mem.h"

struct cell {
    ORO_CACHE_ALIGNED _Atomic int64_t value;
};

struct hist {
    ORO_CACHE_ALIGNED _Atomic int64_t sum_us;
    _Atomic uint64_t count[ORO_HIST_BUCKETS];
};

struct oro_metric {
    enum oro_metric_kind kind;
    char *name, *labels, *help;
    struct cell *cells;                            /* counter: one each shard, gauge: one */
    struct hist *_Atomic hists[ORO_METRIC_SHARDS]; /* histogram */
};

struct read_hook {
    void (*fn)(void *arg);
    void *arg;
};

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct oro_map registry;    /* name \0 labels -> metric */
static struct oro_metric **sorted; /* by name, then labels */
static size_t sorted_len, sorted_cap;

/* Held while the hooks run, so that oro_metric_off_read() returns only when its hook no longer does. Hooks may register
 * metrics: registry_lock is taken inside hooks_lock, never the other way round. */
static pthread_mutex_t hooks_lock = PTHREAD_MUTEX_INITIALIZER;
static struct read_hook *hooks;
static size_t hooks_len, hooks_cap;

static atomic_uint threads_seen;
static _Thread_local unsigned own_shard; /* plus one; 0: not chosen yet */

static inline unsigned
shard(void)
{
    if (ORO_UNLIKELY(own_shard == 0))
        own_shard = atomic_fetch_add(&threads_seen, 1) % ORO_METRIC_SHARDS + 1;
    return own_shard - 1;
}

/* ---- registering ---- */

static int
metric_order(const struct oro_metric *m, const char *name, const char *labels)
{
    int c = strcmp(m->name, name);
    return c != 0 ? c : strcmp(m->labels, labels);
}

static void
sorted_insert(struct oro_metric *m)
{
    size_t lo = 0, hi = sorted_len;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (metric_order(sorted[mid], m->name, m->labels) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    sorted = oro_grow(sorted, sorted_len, &sorted_cap, sizeof(*sorted));
    memmove(&sorted[lo + 1], &sorted[lo], (sorted_len - lo) * sizeof(*sorted));
    sorted[lo] = m;
    sorted_len++;
}

static size_t
cell_count(enum oro_metric_kind kind)
{
    return kind == ORO_METRIC_GAUGE ? 1 : ORO_METRIC_SHARDS;
}

static struct oro_metric *
metric_new(enum oro_metric_kind kind, const char *name, const char *labels, const char *help)
{
    struct oro_metric *m = ORO_NEW(struct oro_metric);
    m->kind = kind;
    m->name = oro_strdup(name);
    m->labels = oro_strdup(labels);
    m->help = oro_strdup(help);
    if (kind != ORO_METRIC_HISTOGRAM)
        m->cells = oro_aligned_alloc(ORO_CACHE_LINE, cell_count(kind) * sizeof(*m->cells));
    return m;
}

static unsigned foreign; /* made by oro_metric_try; guarded by registry_lock */

/* With the lock. NULL: it is not there. */
static struct oro_metric *
metric_find(const char *name, const char *labels)
{
    struct oro_bb key = {0};
    oro_bb_put(&key, name, strlen(name) + 1);
    oro_bb_put(&key, labels, strlen(labels));
    struct oro_metric *m = oro_map_get(&registry, oro_bb_bytes(&key));
    oro_bb_fini(&key);
    return m;
}

/* With the lock. */
static struct oro_metric *
metric_put(enum oro_metric_kind kind, const char *name, const char *labels, const char *help)
{
    struct oro_bb key = {0};
    oro_bb_put(&key, name, strlen(name) + 1);
    oro_bb_put(&key, labels, strlen(labels));
    struct oro_metric *m = metric_new(kind, name, labels, help != NULL ? help : "");
    oro_map_put(&registry, oro_bb_bytes(&key), m);
    oro_bb_fini(&key);
    sorted_insert(m);
    return m;
}

struct oro_metric *
oro_metric(enum oro_metric_kind kind, const char *name, const char *labels, const char *help)
{
    if (labels == NULL)
        labels = "";
    pthread_mutex_lock(&registry_lock);
    struct oro_metric *m = metric_find(name, labels);
    if (m == NULL)
        m = metric_put(kind, name, labels, help);
    pthread_mutex_unlock(&registry_lock);
    ORO_ASSERT(m->kind == kind);
    return m;
}

/* With the lock: no metric of the name is of another kind. */
static bool
kind_agrees(enum oro_metric_kind kind, const char *name)
{
    for (size_t i = 0; i < sorted_len; i++)
        if (strcmp(sorted[i]->name, name) == 0)
            return sorted[i]->kind == kind;
    return true;
}

oro_status
oro_metric_try(enum oro_metric_kind kind, const char *name, const char *labels, const char *help,
               struct oro_metric **out)
{
    oro_status st = ORO_OK;
    pthread_mutex_lock(&registry_lock);
    struct oro_metric *m = metric_find(name, labels);
    if (!kind_agrees(kind, name))
        st = ORO_EINVAL;
    else if (m == NULL && foreign >= ORO_METRIC_FOREIGN)
        st = ORO_EFULL;
    if (st == ORO_OK && m == NULL) {
        m = metric_put(kind, name, labels, help);
        foreign++;
    }
    pthread_mutex_unlock(&registry_lock);
    if (st == ORO_OK)
        *out = m;
    return st;
}

/* ---- writing ---- */

void
oro_metric_add(struct oro_metric *m, int64_t n)
{
    struct cell *c = m->kind == ORO_METRIC_GAUGE ? m->cells : &m->cells[shard()];
    atomic_fetch_add_explicit(&c->value, n, memory_order_relaxed);
}

void
oro_metric_set(struct oro_metric *m, int64_t v)
{
    ORO_ASSERT(m->kind != ORO_METRIC_HISTOGRAM);
    atomic_store_explicit(&m->cells->value, v, memory_order_relaxed);
}

static unsigned
bucket_of(uint64_t us)
{
    if (us < ORO_HIST_STEPS)
        return (unsigned)us;
    unsigned power = 63 - (unsigned)__builtin_clzll(us);
    unsigned i =
        (power - 2) * ORO_HIST_STEPS + (unsigned)(us >> (power - 3) & (ORO_HIST_STEPS - 1));
    return i < ORO_HIST_BUCKETS ? i : ORO_HIST_BUCKETS - 1;
}

/* The smallest value of a bucket; that of bucket i + 1 is one past the largest of i. */
static uint64_t
bucket_low(unsigned i)
{
    if (i < ORO_HIST_STEPS)
        return i;
    unsigned power = i / ORO_HIST_STEPS + 2;
    return (uint64_t)(ORO_HIST_STEPS + i % ORO_HIST_STEPS) << (power - 3);
}

static struct hist *
hist_make(struct hist *_Atomic *place)
{
    struct hist *fresh = oro_aligned_alloc(ORO_CACHE_LINE, sizeof(*fresh));
    struct hist *there = NULL;
    /* Pairs with the acquire loads: the zeroes are written before the pointer that shows them. */
    if (atomic_compare_exchange_strong_explicit(place, &there, fresh, memory_order_acq_rel,
                                                memory_order_acquire))
        return fresh;
    oro_free(fresh);
    return there;
}

void
oro_metric_observe_us(struct oro_metric *m, int64_t us)
{
    ORO_ASSERT(m->kind == ORO_METRIC_HISTOGRAM);
    if (us < 0) /* a clock that went backwards */
        us = 0;
    struct hist *_Atomic *place = &m->hists[shard()];
    struct hist *h = atomic_load_explicit(place, memory_order_acquire);
    if (ORO_UNLIKELY(h == NULL))
        h = hist_make(place);
    atomic_fetch_add_explicit(&h->sum_us, us, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->count[bucket_of((uint64_t)us)], 1, memory_order_relaxed);
}

/* ---- reading ---- */

struct hist_sum {
    uint64_t count[ORO_HIST_BUCKETS];
    uint64_t total;
    int64_t sum_us;
};

static void
hist_read(const struct oro_metric *m, struct hist_sum *out)
{
    *out = (struct hist_sum){0};
    for (unsigned s = 0; s < ORO_METRIC_SHARDS; s++) {
        struct hist *h = atomic_load_explicit(&m->hists[s], memory_order_acquire);
        if (h == NULL)
            continue;
        out->sum_us += atomic_load_explicit(&h->sum_us, memory_order_relaxed);
        for (unsigned i = 0; i < ORO_HIST_BUCKETS; i++) {
            uint64_t n = atomic_load_explicit(&h->count[i], memory_order_relaxed);
            out->count[i] += n;
            out->total += n;
        }
    }
}

int64_t
oro_metric_value(const struct oro_metric *m)
{
    if (m->kind == ORO_METRIC_HISTOGRAM) {
        struct hist_sum sum;
        hist_read(m, &sum);
        return (int64_t)sum.total;
    }
    int64_t v = 0;
    for (size_t i = 0; i < cell_count(m->kind); i++)
        v += atomic_load_explicit(&m->cells[i].value, memory_order_relaxed);
    return v;
}

int64_t
oro_metric_quantile_us(const struct oro_metric *m, double q)
{
    ORO_ASSERT(m->kind == ORO_METRIC_HISTOGRAM);
    struct hist_sum sum;
    hist_read(m, &sum);
    if (sum.total == 0)
        return 0;
    q = q < 0 ? 0 : q > 1 ? 1 : q;
    /* The rank-th smallest, counted from one; the largest value its bucket can hold. */
    uint64_t rank = (uint64_t)(q * (double)sum.total);
    if ((double)rank < q * (double)sum.total)
        rank++;
    if (rank == 0)
        rank = 1;
    uint64_t seen = 0;
    unsigned i = 0;
    while (i < ORO_HIST_BUCKETS - 1 && (seen += sum.count[i]) < rank)
        i++;
    return (int64_t)bucket_low(i + 1) - 1;
}

void
oro_metric_on_read(void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&hooks_lock);
    hooks = oro_grow(hooks, hooks_len, &hooks_cap, sizeof(*hooks));
    hooks[hooks_len++] = (struct read_hook){fn, arg};
    pthread_mutex_unlock(&hooks_lock);
}

void
oro_metric_off_read(void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&hooks_lock);
    for (size_t i = 0; i < hooks_len; i++) {
        if (hooks[i].fn == fn && hooks[i].arg == arg) {
            hooks[i] = hooks[--hooks_len];
            break;
        }
    }
    pthread_mutex_unlock(&hooks_lock);
}

static void
hooks_run(void)
{
    pthread_mutex_lock(&hooks_lock);
    for (size_t i = 0; i < hooks_len; i++)
        hooks[i].fn(hooks[i].arg);
    pthread_mutex_unlock(&hooks_lock);
}

/* Bucket bounds that are shown: 1, 2, 5 microseconds and so on to 10 seconds. */
static const int64_t bounds_us[] = {
    1,    2,     5,     10,    20,     50,     100,    200,     500,     1000,    2000,
    5000, 10000, 20000, 50000, 100000, 200000, 500000, 1000000, 2000000, 5000000, 10000000,
};

/* How many observations are at most bounds_us[b], for every b. The share of a bucket that a bound cuts is taken as
 * evenly spread and rounded up, so that an observation of exactly the bound is counted. */
static void
hist_cumulate(const struct hist_sum *sum, uint64_t out[ORO_ARRAY_LEN(bounds_us)])
{
    uint64_t below = 0;
    unsigned i = 0;
    for (size_t b = 0; b < ORO_ARRAY_LEN(bounds_us); b++) {
        uint64_t end = (uint64_t)bounds_us[b] + 1; /* values below this count */
        while (bucket_low(i + 1) <= end)
            below += sum->count[i++];
        uint64_t low = bucket_low(i), width = bucket_low(i + 1) - low;
        uint64_t part = end > low ? end - low : 0;
        out[b] = below + (uint64_t)(((unsigned __int128)sum->count[i] * part + width - 1) / width);
    }
}

/* Microseconds as seconds in plain decimals: 1500000 -> 1.5, 20 -> 0.00002, never an exponent. */
static void
put_seconds(struct oro_bb *out, int64_t us)
{
    oro_bb_printf(out, "%lld", (long long)(us / 1000000));
    int64_t rest = us % 1000000;
    if (rest == 0)
        return;
    int digits = 6;
    while (rest % 10 == 0) {
        rest /= 10;
        digits--;
    }
    oro_bb_printf(out, ".%0*lld", digits, (long long)rest);
}

/* ---- text ---- */

static void
put_help(struct oro_bb *out, const char *help)
{
    for (; *help != '\0'; help++) {
        if (*help == '\\')
            oro_bb_put(out, "\\\\", 2);
        else if (*help == '\n')
            oro_bb_put(out, "\\n", 2);
        else
            oro_bb_u8(out, (uint8_t)*help);
    }
}

static void
text_family(struct oro_bb *out, const struct oro_metric *m)
{
    static const char *const kinds[] = {
        [ORO_METRIC_COUNTER] = "counter",
        [ORO_METRIC_GAUGE] = "gauge",
        [ORO_METRIC_HISTOGRAM] = "histogram",
        [ORO_METRIC_SECONDS] = "counter",
    };
    oro_bb_printf(out, "# HELP %s ", m->name);
    put_help(out, m->help);
    oro_bb_printf(out, "\n# TYPE %s %s\n", m->name, kinds[m->kind]);
}

static void
text_series(struct oro_bb *out, const struct oro_metric *m, const char *suffix, const char *le)
{
    oro_bb_printf(out, "%s%s", m->name, suffix);
    const char *comma = m->labels[0] != '\0' && le != NULL ? "," : "";
    if (le != NULL)
        oro_bb_printf(out, "{%s%sle=\"%s\"} ", m->labels, comma, le);
    else if (m->labels[0] != '\0')
        oro_bb_printf(out, "{%s} ", m->labels);
    else
        oro_bb_u8(out, ' ');
}

static void
put_value(struct oro_bb *out, const struct oro_metric *m)
{
    if (m->kind == ORO_METRIC_SECONDS)
        put_seconds(out, oro_metric_value(m));
    else
        oro_bb_printf(out, "%lld", (long long)oro_metric_value(m));
}

struct hist_lines {
    uint64_t at_most[ORO_ARRAY_LEN(bounds_us)];
    struct hist_sum sum;
};

static void
bound_text(size_t b, char *le, size_t room)
{
    struct oro_bb t = {0};
    put_seconds(&t, bounds_us[b]);
    ORO_ASSERT(t.len < room);
    memcpy(le, t.data, t.len);
    le[t.len] = '\0';
    oro_bb_fini(&t);
}

static void
text_hist(struct oro_bb *out, const struct oro_metric *m, struct hist_lines *h)
{
    char le[32];
    for (size_t b = 0; b < ORO_ARRAY_LEN(bounds_us); b++) {
        bound_text(b, le, sizeof(le));
        text_series(out, m, "_bucket", le);
        oro_bb_printf(out, "%llu\n", (unsigned long long)h->at_most[b]);
    }
    text_series(out, m, "_bucket", "+Inf");
    oro_bb_printf(out, "%llu\n", (unsigned long long)h->sum.total);
    text_series(out, m, "_sum", NULL);
    put_seconds(out, h->sum.sum_us);
    oro_bb_u8(out, '\n');
    text_series(out, m, "_count", NULL);
    oro_bb_printf(out, "%llu\n", (unsigned long long)h->sum.total);
}

void
oro_metrics_text(struct oro_bb *out)
{
    hooks_run();
    struct hist_lines *h = ORO_NEW(struct hist_lines);
    pthread_mutex_lock(&registry_lock);
    for (size_t i = 0; i < sorted_len; i++) {
        const struct oro_metric *m = sorted[i];
        if (i == 0 || strcmp(sorted[i - 1]->name, m->name) != 0)
            text_family(out, m);
        if (m->kind == ORO_METRIC_HISTOGRAM) {
            hist_read(m, &h->sum);
            hist_cumulate(&h->sum, h->at_most);
            text_hist(out, m, h);
        } else {
            text_series(out, m, "", NULL);
            put_value(out, m);
            oro_bb_u8(out, '\n');
        }
    }
    pthread_mutex_unlock(&registry_lock);
    oro_free(h);
}

/* ---- JSON ---- */

/* A quoted label value, from its first quote on. What it escapes (backslash, quote, newline) JSON escapes alike.
 * Returns where it ends. */
static const char *
json_value(struct oro_bb *out, const char *p)
{
    oro_bb_u8(out, '"');
    for (p++; *p != '\0' && *p != '"'; p++) {
        if ((unsigned char)*p < 0x20) {
            oro_bb_printf(out, "\\u%04x", (unsigned)*p);
            continue;
        }
        oro_bb_u8(out, (uint8_t)*p);
        if (*p == '\\' && p[1] != '\0') {
            p++;
            oro_bb_u8(out, (uint8_t)*p);
        }
    }
    oro_bb_u8(out, '"');
    return *p == '"' ? p + 1 : p;
}

/* a="x",b="y" as {"a":"x","b":"y"}. */
static void
json_labels(struct oro_bb *out, const char *labels, const char *le)
{
    oro_bb_u8(out, '{');
    for (const char *p = labels; *p != '\0';) {
        size_t name = strcspn(p, "=");
        if (p[name] == '\0' || p[name + 1] != '"')
            break;
        oro_bb_printf(out, "%s\"%.*s\":", p > labels ? "," : "", (int)name, p);
        p = json_value(out, p + name + 1);
        p += strspn(p, ", ");
    }
    if (le != NULL)
        oro_bb_printf(out, "%s\"le\":\"%s\"", labels[0] != '\0' ? "," : "", le);
    oro_bb_u8(out, '}');
}

static void
json_open_series(struct oro_bb *out, const struct oro_metric *m, const char *le)
{
    oro_bb_u8(out, '[');
    json_labels(out, m->labels, le);
    oro_bb_u8(out, ',');
}

static void
json_hist_buckets(struct oro_bb *out, const struct oro_metric *m, const struct hist_lines *h)
{
    char le[32];
    for (size_t b = 0; b < ORO_ARRAY_LEN(bounds_us); b++) {
        bound_text(b, le, sizeof(le));
        json_open_series(out, m, le);
        oro_bb_printf(out, "%llu],", (unsigned long long)h->at_most[b]);
    }
    json_open_series(out, m, "+Inf");
    oro_bb_printf(out, "%llu]", (unsigned long long)h->sum.total);
}

/* The series sorted[from..to), which share a name, under `name` + suffix. */
static void
json_family(struct oro_bb *out, size_t from, size_t to, const char *suffix, struct hist_lines *h)
{
    oro_bb_printf(out, "%s\"%s%s\":[",
                  from == 0 && (suffix[0] == '\0' || suffix[1] == 'b') ? "" : ",",
                  sorted[from]->name, suffix);
    for (size_t i = from; i < to; i++) {
        const struct oro_metric *m = sorted[i];
        if (i > from)
            oro_bb_u8(out, ',');
        if (m->kind == ORO_METRIC_HISTOGRAM) {
            hist_read(m, &h->sum);
            hist_cumulate(&h->sum, h->at_most);
        }
        if (suffix[0] != '\0' && suffix[1] == 'b') {
            json_hist_buckets(out, m, h);
            continue;
        }
        json_open_series(out, m, NULL);
        if (m->kind != ORO_METRIC_HISTOGRAM)
            put_value(out, m);
        else if (suffix[1] == 'c')
            oro_bb_printf(out, "%llu", (unsigned long long)h->sum.total);
        else
            put_seconds(out, h->sum.sum_us);
        oro_bb_u8(out, ']');
    }
    oro_bb_u8(out, ']');
}

void
oro_metrics_json(struct oro_bb *out)
{
    hooks_run();
    struct hist_lines *h = ORO_NEW(struct hist_lines);
    oro_bb_printf(out, "{\"t\":%lld,\"metrics\":{", (long long)(oro_wall_us() / 1000));
    pthread_mutex_lock(&registry_lock);
    for (size_t from = 0, to; from < sorted_len; from = to) {
        for (to = from + 1; to < sorted_len && strcmp(sorted[to]->name, sorted[from]->name) == 0;)
            to++;
        if (sorted[from]->kind == ORO_METRIC_HISTOGRAM) {
            json_family(out, from, to, "_bucket", h);
            json_family(out, from, to, "_sum", h);
            json_family(out, from, to, "_count", h);
        } else {
            json_family(out, from, to, "", h);
        }
    }
    pthread_mutex_unlock(&registry_lock);
    oro_bb_printf(out, "}}");
    oro_free(h);
}

void
oro_metrics_counts(struct oro_bb *out)
{
    pthread_mutex_lock(&registry_lock);
    for (size_t i = 0; i < sorted_len; i++) {
        const struct oro_metric *m = sorted[i];
        bool labelled = m->labels[0] != '\0';
        oro_bb_printf(out, "%s%s%s%s %lld\n", m->name, labelled ? "{" : "", m->labels,
                      labelled ? "}" : "", (long long)oro_metric_value(m));
    }
    pthread_mutex_unlock(&registry_lock);
}
