/* When the next group commit begins. A sync costs the processor some 100 us on a virtual machine, whatever it writes, and the disk a
 * block or two: so it is worth while to wait a little for those who are about to come. */
#include "runtime/base/clock.h"
#include "runtime/durable/durable_priv.h"

#define PACE_STEP_US 1000
#define PACE_US 2500
#define PACE_LEAST 128 /* transactions that came during a sync */
#define GATHER_STEP_US 200
#define GATHER_STEPS 5
#define GATHER_LEAST 2 /* who is alone is answered at once */

static uint64_t
waiting(const struct oro_durable *d)
{
    return oro_store_seq(d->store) - d->batch_seq;
}

/* False: the server stops. */
static bool
wait_us(struct oro_durable *d, int64_t us)
{
    unsigned seen = oro_wake_prepare(&d->stop_wake);
    if (atomic_load(&d->stopping))
        return false;
    oro_wake_wait(&d->stop_wake, seen, (long)us);
    return true;
}

void
pace_expect(struct oro_durable *d)
{
    d->expected = waiting(d) + d->batch_records;
}

/* While transactions keep coming although those of the last group commit were not confirmed yet, one follows the other no sooner
 * than after PACE_US. It is sooner when fewer come: then they wait for us; and a disk that takes that long is not waited for in
 * addition. */
void
pace_distance(struct oro_durable *d, int64_t begun)
{
    uint64_t before = oro_store_seq(d->store), least = before - d->batch_seq;
    int64_t left;
    while (least >= PACE_LEAST && (left = begun + PACE_US - oro_mono_us()) > PACE_STEP_US / 4) {
        if (!wait_us(d, left < PACE_STEP_US ? left : PACE_STEP_US))
            return;
        uint64_t now = oro_store_seq(d->store);
        if (now - before < least)
            return;
        before = now;
    }
}

/* Callers who wait for their answers fall into two groups, one of which waits while the other one's transactions are synced. Those
 * whose answers have just gone out will soon call again: with all of them together there is half as much to sync. Until as
 * many are there as are expected, or hardly any more come. */
void
pace_gather(struct oro_durable *d)
{
    uint64_t there = waiting(d);
    if (there == 0 || d->expected < GATHER_LEAST)
        return;
    for (unsigned i = 0; i < GATHER_STEPS && there < d->expected; i++) {
        if (!wait_us(d, GATHER_STEP_US))
            return;
        uint64_t now = waiting(d);
        if (now == there || now - there < d->expected / 8)
            return;
        there = now;
    }
}
