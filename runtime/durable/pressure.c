/* How far the disk is. Callers are slowed before what waits for the disk fills the memory, or the log the disk. */
#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/base/metric.h"
#include "runtime/durable/durable_priv.h"

/* Published and not on disk. At full speed a group commit takes some thousand. */
#define MOST_RECORDS (1u << 18)
#define MOST_BYTES (256u << 20)
#define MOST_LOG 8 /* times what starts a checkpoint */
#define THROTTLE_MOST_US 1000000
#define THROTTLE_STEP_US 10000

void
pressure_init(struct oro_durable *d)
{
    d->most_records = MOST_RECORDS;
    d->most_bytes = MOST_BYTES;
    d->most_log = d->checkpoint_bytes * MOST_LOG;
}

uint64_t
oro_durable_seq(const struct oro_durable *d)
{
    return atomic_load_explicit(&d->durable, memory_order_acquire);
}

uint64_t
oro_durable_pressure(const struct oro_durable *d)
{
    uint64_t seq = oro_store_seq(d->store), durable = oro_durable_seq(d);
    uint64_t records = seq > durable ? (seq - durable) * 1000 / d->most_records : 0;
    uint64_t written = oro_store_written(d->store), on_disk = atomic_load(&d->durable_bytes);
    uint64_t bytes = written > on_disk ? (written - on_disk) / (d->most_bytes / 1000 + 1) : 0;
    uint64_t log = atomic_load(&d->log_bytes) / (d->most_log / 1000 + 1);
    uint64_t most = records > bytes ? records : bytes;
    return most > log ? most : log;
}

/* Half as much again is a quarter of a second for each batch of calls, twice as much a whole one. */
static int64_t
throttle_us(const struct oro_durable *d)
{
    uint64_t p = oro_durable_pressure(d);
    uint64_t over = p <= 1000 ? 0 : p >= 2000 ? 1000 : p - 1000;
    return (int64_t)(over * over);
}

void
oro_durable_throttle(struct oro_durable *d)
{
    int64_t wait = throttle_us(d), begin = wait > 0 ? oro_mono_us() : 0, spent = 0;
    if (wait == 0)
        return;
    oro_log_limited(ORO_LOG_WARN, "durable",
                    "%s: the disk does not keep up with what is written: calls are slowed",
                    d->path);
    while (spent < wait && spent < THROTTLE_MOST_US && !atomic_load(&d->stopping)) {
        int64_t left = wait - spent;
        unsigned seen = oro_wake_prepare(&d->stop_wake);
        oro_wake_wait(&d->stop_wake, seen, left < THROTTLE_STEP_US ? left : THROTTLE_STEP_US);
        wait = throttle_us(d);
        spent = oro_mono_us() - begin;
    }
    atomic_fetch_add(&d->throttled_us, (uint64_t)spent);
}

void
pressure_gauges(void *arg)
{
    const struct oro_durable *d = arg;
    oro_metric_set(oro_metric(ORO_METRIC_GAUGE, "orochi_log_bytes", "",
                              "Bytes in the log that are not in the tables yet."),
                   (int64_t)atomic_load(&d->log_bytes));
    oro_metric_set(oro_metric(ORO_METRIC_COUNTER, "orochi_group_commits_total", "",
                              "Writes of the log, each synced once."),
                   (int64_t)atomic_load(&d->commits));
    oro_metric_set(oro_metric(ORO_METRIC_COUNTER, "orochi_checkpoints_total", "",
                              "Times that changed rows were moved into the tables."),
                   (int64_t)atomic_load(&d->slices));
    oro_metric_set(oro_metric(ORO_METRIC_GAUGE, "orochi_durable_pressure", "",
                              "How far the disk is behind; from 1000 on calls are slowed."),
                   (int64_t)oro_durable_pressure(d));
    oro_metric_set(oro_metric(ORO_METRIC_GAUGE, "orochi_durable_write_running_seconds", "",
                              "How long the write of the log that is under way has taken so far."),
                   slow_running_us(&d->log->slow, oro_mono_us()) / 1000000);
    oro_metric_set(oro_metric(ORO_METRIC_SECONDS, "orochi_durable_throttled_seconds_total", "",
                              "Time that workers have waited for the disk."),
                   (int64_t)atomic_load(&d->throttled_us));
}
