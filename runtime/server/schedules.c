/* The module's timers, and the functions that it has run by themselves. */
#include "runtime/server/server_priv.h"

#include "runtime/timers/install.h"

static void
on_fire(void *arg, const struct oro_firing *f)
{
    struct oro_server *s = arg;
    if (atomic_load(&s->quiet))
        return;
    struct oro_job *job = oro_job_new(ORO_JOB_TIMER, NULL, 0);
    job->timer = *f;
    oro_pool_post(s->pool, NULL, job, true);
}

oro_status
oro_server_schedules_install(struct oro_server *s, struct oro_err *err)
{
    oro_status st =
        oro_schedules_install(s->schema, s->store, s->once_new, ORO_ORIGIN_INTERNAL, err);
    if (st != ORO_OK || s->durable == NULL || !oro_schedules_any(s->schema, s->once_new))
        return st;
    struct oro_err mine = {0};
    if (oro_server_disk_wait(s, &mine) == ORO_OK &&
        oro_schedules_note(s->schema, s->durable, s->once_new, &mine) == ORO_OK)
        return ORO_OK;
    /* They run now; should the disk not take their rows after all, the next start runs them again. */
    oro_log(ORO_LOG_WARN, "server", "functions that run once: %s", mine.text);
    return ORO_OK;
}

static void
on_written(void *arg)
{
    oro_server_published(arg, false);
}

oro_status
oro_server_timers_start(struct oro_server *s, struct oro_timers_kept *kept, struct oro_err *err)
{
    struct oro_timers_options opt = {.schema = s->schema,
                                     .store = s->store,
                                     .run_kind = ORO_ORIGIN_TIMER,
                                     .fire = on_fire,
                                     .arg = s,
                                     .note_kind = ORO_ORIGIN_INTERNAL,
                                     .written = on_written,
                                     .kept = kept};
    struct oro_timers *ts = NULL;
    oro_status st = oro_timers_start(&opt, &ts, err);
    /* Workers publish already. What one of them does not wake it for, it finds when it begins. */
    atomic_store_explicit(&s->timers, ts, memory_order_release);
    return st;
}

void
oro_server_timers_stop(struct oro_server *s)
{
    oro_timers_stop(atomic_exchange(&s->timers, NULL));
}

struct oro_timers_kept *
oro_server_timers_stop_keeping(struct oro_server *s)
{
    return oro_timers_stop_keeping(atomic_exchange(&s->timers, NULL));
}
