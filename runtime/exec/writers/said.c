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

void
oro_worker_log_flush(struct worker *w)
{
    ORO_ASSERT_OWNER(&w->owner);
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
    w->nlog = 0;
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
