#include "runtime/log/slow.h"

#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/base/metric.h"

#define SLOW_US 1000000
#define TELL_EVERY_US 10000000

void
slow_init(struct slow *s)
{
    s->slow_us = SLOW_US;
    s->write_time =
        oro_metric(ORO_METRIC_HISTOGRAM, "orochi_durable_write_seconds", "",
                   "Time of a write of the log, with its sync: confirmed answers wait for it.");
    s->writes = oro_metric(ORO_METRIC_COUNTER, "orochi_durable_slow_writes_total", "",
                           "Writes of the log that took a second or more.");
}

static void
tell(struct slow *s, const char *path, int64_t now_us, int64_t us, bool over)
{
    /* Several may look; one of them says it. */
    int64_t told = atomic_load(&s->told_us);
    if ((told != 0 && now_us - told < TELL_EVERY_US) ||
        !atomic_compare_exchange_strong(&s->told_us, &told, now_us))
        return;
    oro_log(ORO_LOG_WARN, "durable",
            "%s: the disk %s %lld.%lld s for one write of the log: clients that want their answers "
            "confirmed wait for it. Look at the disk (iostat -x 1: other writers, a device that "
            "fails); `confirmed=false` or durable.mode = \"normal\" do not wait for it",
            path, over ? "took" : "has taken", (long long)(us / 1000000),
            (long long)(us / 100000 % 10));
}

void
slow_begin(struct slow *s)
{
    ORO_ASSERT(atomic_load(&s->writing_since_us) == 0);
    atomic_store(&s->writing_since_us, oro_mono_us());
}

void
slow_end(struct slow *s, const char *path)
{
    int64_t now = oro_mono_us(), us = now - atomic_exchange(&s->writing_since_us, 0);
    oro_metric_observe_us(s->write_time, us);
    if (us < s->slow_us)
        return;
    oro_metric_add(s->writes, 1);
    tell(s, path, now, us, true);
}

int64_t
slow_running_us(const struct slow *s, int64_t now_us)
{
    int64_t since = atomic_load(&s->writing_since_us);
    return since != 0 && now_us > since ? now_us - since : 0;
}

void
slow_look(struct slow *s, const char *path, int64_t now_us)
{
    int64_t us = slow_running_us(s, now_us);
    if (us >= s->slow_us)
        tell(s, path, now_us, us, false);
}
