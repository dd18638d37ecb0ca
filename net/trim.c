/* net/trim.c - memory goes back to the system when strangers have left who filled much of it. The allocator keeps what was freed
 * below anything that is still in use, so after a flood of answers that nobody read the process stayed as large as it was then.
 *
 * A thread of its own gives it back, since that takes a while for a gigabyte. It is started when there is something to do. */
#include <malloc.h>

#include "net/net_priv.h"
#include "runtime/base/log.h"

#define TRIM_BYTES ((int64_t)64 << 20) /* freed since the last time */
#define TRIM_AGAIN \
    2 /* a second later once more: who is cut off leaves the count before the memory */

#define TRIM_REST \
    10 /* seconds: traffic that comes and goes in waves does not keep the allocator busy */

static void *
trim_main(void *arg)
{
    struct oro_net *net = arg;
    (void)malloc_trim(0);
    atomic_store(&net->trim.runs, false);
    return NULL;
}

void
trim_stop(struct oro_net *net)
{
    if (net->trim.started)
        oro_thread_join(net->trim.thread);
    net->trim.started = false;
}

void
trim_look(struct oro_net *net)
{
    struct trim *t = &net->trim;
    int64_t used = atomic_load_explicit(&net->used, memory_order_relaxed);
    /* Between two looks a flood may come and go. */
    int64_t most = atomic_exchange_explicit(&net->most_used, used, memory_order_relaxed);
    if (most > t->most)
        t->most = most;
    if (t->rest > 0)
        t->rest--;
    else if (t->most - used >= TRIM_BYTES) {
        t->most = used;
        t->times = TRIM_AGAIN;
        t->rest = TRIM_REST;
    }
    if (t->times == 0 || atomic_load(&t->runs))
        return;
    struct oro_err err;
    trim_stop(net);
    t->times--;
    atomic_store(&t->runs, true);
    t->started = oro_thread_start(&t->thread, ORO_THREAD_OTHER, "trim", 256 * 1024, trim_main, net,
                                  &err) == ORO_OK;
    if (t->started)
        return;
    atomic_store(&t->runs, false);
    oro_log_limited(ORO_LOG_WARN, "net", "memory is not given back: %s", err.text);
}
