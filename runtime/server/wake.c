/* Who has to be woken when something was published, or is on disk; and waiting for the disk. Any thread. */
#include "runtime/server/server_priv.h"

#include "runtime/base/clock.h"

#define DISK_PATIENCE_US 10000000

uint64_t
oro_server_durable_seq(const struct oro_server *s)
{
    return s->durable != NULL ? oro_durable_seq(s->durable) : UINT64_MAX;
}

struct oro_timers *
oro_server_timers(struct oro_server *s)
{
    /* acquire: with the store in oro_server_timers_start(). */
    return atomic_load_explicit(&s->timers, memory_order_acquire);
}

#define FEED_EVERY 64 /* batches of calls */

static void
shards_wake(struct oro_server *s, bool durable)
{
    if (!atomic_load(&s->attached))
        return;
    atomic_thread_fence(memory_order_seq_cst);
    for (unsigned i = 0; i < s->opt.shards; i++) {
        struct shard *sh = &s->shards[i];
        /* Nobody on a shard of confirmed clients can be told before the disk has it: one wake then is enough. */
        if (!durable && s->durable != NULL && atomic_load(&sh->unconfirmed) == 0)
            continue;
        if (atomic_exchange(&sh->sleeping, false))
            s->net.wake(s->net.net, i);
    }
}

void
oro_server_published(void *arg, bool scheduled)
{
    struct oro_server *s = arg;
    if (s->durable != NULL) {
        oro_durable_wake(s->durable);
        oro_durable_throttle(s->durable);
    }
    /* Now and then for the ring's sake: records are kept until the scheduler has passed them. */
    if (scheduled)
        oro_timers_wake(oro_server_timers(s));
    else if (atomic_fetch_add_explicit(&s->unfed, 1, memory_order_relaxed) % FEED_EVERY == 0)
        oro_timers_look(oro_server_timers(s));
    shards_wake(s, false);
}

static void
disk_waiters_wake(struct oro_server *s)
{
    if (ORO_UNLIKELY(atomic_load(&s->reload.waits_for_disk)))
        oro_wake_broadcast(&s->reload.disk_wake);
}

oro_status
oro_server_disk_wait(struct oro_server *s, struct oro_err *err)
{
    struct reload *r = &s->reload;
    int64_t end = oro_mono_us() + DISK_PATIENCE_US;
    oro_status st = ORO_OK;
    if (s->durable == NULL)
        return ORO_OK;
    atomic_store(&r->waits_for_disk, true);
    oro_durable_wake(s->durable);
    for (;;) {
        unsigned seen = oro_wake_prepare(&r->disk_wake);
        int64_t left = end - oro_mono_us();
        if (oro_durable_seq(s->durable) >= oro_store_seq(s->store))
            break;
        if (left <= 0) {
            const char *trouble = oro_durable_trouble(s->durable);
            st = oro_err_set(err, ORO_EIO, "the log cannot be written: %s",
                             trouble != NULL ? trouble : "the disk is slow");
            break;
        }
        oro_wake_wait(&r->disk_wake, seen, (long)left);
    }
    atomic_store(&r->waits_for_disk, false);
    return st;
}

void
oro_server_on_durable(void *arg)
{
    struct oro_server *s = arg;
    shards_wake(arg, true);
    disk_waiters_wake(arg);
    oro_pool_durable_moved(atomic_load(&s->callers));
}
