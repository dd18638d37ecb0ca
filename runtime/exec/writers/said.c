/* runtime/exec/writers/said.c - what a worker tells others: log lines of its calls, and that records were published. */
#include "runtime/exec/writers/pool_priv.h"

void
oro_worker_say(const struct worker *w, enum oro_log_level level, const char *target,
               struct oro_bytes text)
{
    const struct oro_pool_hooks *hooks = &w->pool->opt.hooks;
    if (hooks->say != NULL)
        hooks->say(hooks->arg, level, target, text);
    else
        oro_log(level, target, "%.*s", (int)text.len, (const char *)text.data);
}

#define KEPT_MEASURED \
    65536 /* values of histograms, which cannot be added up; those beyond are not seen */
#define LOOKED_AT 16

static void
measure(const struct measured *m)
{
    if (m->what == ORO_MEASURE_ADD)
        oro_metric_add(m->metric, m->n);
    else if (m->what == ORO_MEASURE_SET)
        oro_metric_set(m->metric, m->n);
    else
        oro_metric_observe_us(m->metric, m->n);
}

/* Of what was counted last, most often the same again. NULL: it has to be kept by itself. */
static struct measured *
measured_before(struct worker *w, const struct oro_metric *m)
{
    size_t far = w->measures.n >= KEPT_MEASURED ? w->measures.n : LOOKED_AT;
    for (size_t i = w->measures.n; i > w->measures.tx && w->measures.n - i < far; i--)
        if (w->measures.items[i - 1].metric == m)
            return &w->measures.items[i - 1];
    return NULL;
}

void
oro_worker_measure(struct worker *w, struct oro_metric *m, enum oro_measure what, int64_t n)
{
    struct measured *last = what != ORO_MEASURE_OBSERVE_US ? measured_before(w, m) : NULL;
    if (last != NULL) {
        last->n = what == ORO_MEASURE_ADD ? (int64_t)((uint64_t)last->n + (uint64_t)n) : n;
        last->what = what == ORO_MEASURE_ADD ? last->what : what;
        return;
    }
    if (w->measures.n >= 2 * KEPT_MEASURED ||
        (what == ORO_MEASURE_OBSERVE_US && w->measures.n >= KEPT_MEASURED))
        return;
    w->measures.items =
        oro_grow(w->measures.items, w->measures.n, &w->measures.cap, sizeof(*w->measures.items));
    w->measures.items[w->measures.n++] = (struct measured){m, what, n};
}

void
oro_worker_log_flush(struct worker *w)
{
    ORO_ASSERT_OWNER(&w->owner);
    for (size_t i = 0; i < w->measures.n; i++)
        measure(&w->measures.items[i]);
    for (size_t i = 0; i < w->nlog; i++)
        oro_worker_say(w, w->log_lines[i].level, "module",
                       oro_bytes(w->log_text.data + w->log_lines[i].at, w->log_lines[i].len));
    if (w->log_left_out > 0)
        oro_log(ORO_LOG_WARN, "module", "%zu more lines of this call left out", w->log_left_out);
    oro_worker_log_drop(w);
}

void
oro_worker_log_drop(struct worker *w)
{
    ORO_ASSERT_OWNER(&w->owner);
    w->nlog = w->measures.n = w->measures.tx = 0;
    w->log_left_out = 0;
    oro_bb_clear(&w->log_text);
}

void
oro_worker_tell(struct worker *w)
{
    ORO_ASSERT_OWNER(&w->owner);
    if (!w->published)
        return;
    bool scheduled = w->scheduled_dirty;
    w->published = w->scheduled_dirty = false;
    w->pool->opt.hooks.published(w->pool->opt.hooks.arg, scheduled);
}
