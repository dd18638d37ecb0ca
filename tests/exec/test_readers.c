/* The reader threads: every task is told exactly once how it goes on, whatever is paused, resumed or ended meanwhile; nothing
 * runs while they are paused; large tasks leave a reader to small ones. */
#include <criterion/criterion.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/base/thread.h"
#include "runtime/exec/readers.h"

#define READERS 3

struct task {
    struct oro_read_task base; /* first */
    atomic_uint admitted, runs, done;
    atomic_bool hold; /* runs until it has to stop, or this is false */
};

static struct oro_readers *readers;
static atomic_uint running, running_large, most_large;
static struct oro_wake changed;

static void
on_admitted(struct oro_read_task *base)
{
    struct task *t = (struct task *)base;
    atomic_fetch_add(&t->admitted, 1);
    oro_wake_broadcast(&changed);
}

static void
on_run(struct oro_read_task *base)
{
    struct task *t = (struct task *)base;
    atomic_fetch_add(&running, 1);
    atomic_fetch_add(&t->runs, 1);
    if (base->lane == ORO_READ_LARGE) {
        unsigned n = atomic_fetch_add(&running_large, 1) + 1, most = atomic_load(&most_large);
        while (n > most && !atomic_compare_exchange_weak(&most_large, &most, n))
            ;
    }
    oro_wake_broadcast(&changed);
    for (;;) {
        unsigned seen = oro_wake_prepare(&changed);
        if (!atomic_load(&t->hold) || atomic_load(&base->stop))
            break;
        oro_wake_wait(&changed, seen, 1000); /* `stop` is a flag that nobody signals */
    }
    if (base->lane == ORO_READ_LARGE)
        atomic_fetch_sub(&running_large, 1);
    atomic_fetch_sub(&running, 1);
}

static void
on_done(struct oro_read_task *base)
{
    struct task *t = (struct task *)base;
    atomic_fetch_add(&t->done, 1);
    oro_wake_broadcast(&changed);
}

static void
wait_for(const atomic_uint *value, unsigned n)
{
    for (;;) {
        unsigned seen = oro_wake_prepare(&changed);
        if (atomic_load((atomic_uint *)(uintptr_t)value) >= n)
            return;
        oro_wake_wait(&changed, seen, -1);
    }
}

static void
init(struct task *t, enum oro_read_lane lane, bool hold)
{
    *t = (struct task){
        .base = {.lane = lane, .admitted = on_admitted, .run = on_run, .done = on_done}};
    atomic_store(&t->hold, hold);
}

/* As a shard does it: with a slot it runs, and gives it back. */
static void
finish(struct task *t, bool has_slot)
{
    if (!has_slot)
        wait_for(&t->admitted, 1);
    oro_readers_run(readers, &t->base);
    wait_for(&t->done, 1);
    oro_readers_release(readers, t->base.lane);
}

static void
let_go(struct task *t)
{
    atomic_store(&t->hold, false);
    oro_wake_broadcast(&changed);
}

static void
setup(void)
{
    struct oro_err err;
    cr_assert_eq(oro_readers_start(READERS, &readers, &err), ORO_OK);
}

TestSuite(readers, .init = setup);

Test(readers, a_task_runs_once)
{
    struct task t;
    init(&t, ORO_READ_SMALL, false);
    cr_assert(oro_readers_admit(readers, &t.base));
    finish(&t, true);
    cr_assert(t.base.ran);
    cr_assert_eq(atomic_load(&t.runs), 1);
    cr_assert_eq(atomic_load(&t.admitted), 0);
    oro_readers_stop(readers);
}

Test(readers, large_tasks_leave_one_reader_to_small_ones)
{
    struct task large[READERS + 1], small;
    unsigned slots = 0;
    for (int i = 0; i <= READERS; i++) {
        init(&large[i], ORO_READ_LARGE, true);
        if (oro_readers_admit(readers, &large[i].base)) {
            oro_readers_run(readers, &large[i].base);
            slots++;
        }
    }
    cr_assert_eq(slots, READERS - 1);
    wait_for(&running, READERS - 1);
    init(&small, ORO_READ_SMALL, false);
    cr_assert(oro_readers_admit(readers, &small.base));
    finish(&small, true); /* while all of them hold on */
    for (int i = 0; i <= READERS; i++) {
        let_go(&large[i]);
        if (i >= READERS - 1)
            wait_for(&large[i].admitted, 1);
        if (i >= READERS - 1)
            oro_readers_run(readers, &large[i].base);
        wait_for(&large[i].done, 1);
        oro_readers_release(readers, ORO_READ_LARGE);
    }
    cr_assert_leq(atomic_load(&most_large), READERS - 1);
    oro_readers_stop(readers);
}

enum { MANY = 40, ALL = MANY + 2 };

/* All readers are busy when these have asked, the first MANY before the others; then one slot comes free after the other. */
static void
check_turns(const struct oro_turns_of who[ALL], const int *order, size_t n)
{
    struct task holds[READERS], tasks[ALL];
    for (int i = 0; i < READERS; i++) {
        init(&holds[i], ORO_READ_SMALL, true);
        cr_assert(oro_readers_admit(readers, &holds[i].base));
        oro_readers_run(readers, &holds[i].base);
    }
    for (int i = 0; i < ALL; i++) {
        init(&tasks[i], ORO_READ_SMALL, false);
        tasks[i].base.of = who[i];
        cr_assert_not(oro_readers_admit(readers, &tasks[i].base));
    }
    let_go(&holds[0]);
    wait_for(&holds[0].done, 1);
    struct task *slot = &holds[0];
    for (size_t i = 0; i < n; i++) {
        oro_readers_release(readers, slot->base.lane);
        slot = &tasks[order[i]];
        cr_assert_eq(atomic_load(&slot->admitted), 1, "the %zu. turn", i);
        oro_readers_run(readers, &slot->base);
        wait_for(&slot->done, 1);
    }
    oro_readers_stop(readers);
}

static struct oro_turns_of
somebody(unsigned number, uint64_t source, bool known)
{
    struct oro_turns_of of = {.source = source, .known = known};
    memcpy(of.identity.le, &number, sizeof(number));
    return of;
}

Test(readers, turns_go_round_by_who_asks)
{
    struct oro_turns_of who[ALL];
    for (int i = 0; i < ALL; i++) /* the second one comes when much of the first waits */
        who[i] = somebody(i < MANY, 0, true);
    static const int order[] = {0, MANY, 1, MANY + 1, 2, 3};
    check_turns(who, order, sizeof(order) / sizeof(*order));
}

Test(readers, newcomers_of_an_address_have_one_turn)
{
    struct oro_turns_of who[ALL];
    for (int i = 0; i < ALL; i++)
        who[i] = i < MANY ? somebody((unsigned)i, 7, false) : somebody((unsigned)i, 8, true);
    static const int order[] = {0, MANY, 1, MANY + 1, 2};
    check_turns(who, order, sizeof(order) / sizeof(*order));
}

Test(readers, an_address_has_sixteen_turns_of_a_round)
{
    struct oro_turns_of who[ALL];
    int order[20] = {
        0, MANY}; /* who is there first waits alone, and has one turn of the first round */
    for (int i = 0; i < ALL; i++)
        who[i] = somebody((unsigned)i, i < MANY ? 7 : 8, true);
    for (int i = 2; i < 20; i++)
        order[i] = i < 18 ? i - 1 : i == 18 ? MANY + 1 : 17;
    check_turns(who, order, 20);
}

Test(readers, one_who_asks_from_two_addresses_is_one)
{
    struct oro_turns_of who[ALL];
    for (int i = 0; i < ALL; i++)
        who[i] = i < MANY ? somebody(1, 7 + (unsigned)(i % 2), true) : somebody(2, 9, true);
    static const int order[] = {0, MANY, 1, MANY + 1, 2, 3, 4};
    check_turns(who, order, sizeof(order) / sizeof(*order));
}

Test(readers, nothing_runs_while_they_are_paused)
{
    struct task held, late, waiting;
    init(&held, ORO_READ_SMALL, true);
    init(&late, ORO_READ_SMALL, false);
    init(&waiting, ORO_READ_SMALL, false);
    cr_assert(oro_readers_admit(readers, &held.base));
    cr_assert(oro_readers_admit(readers, &late.base));
    oro_readers_run(readers, &held.base);
    wait_for(&held.runs, 1);
    oro_readers_pause(readers);
    cr_assert_eq(atomic_load(&running), 0);
    cr_assert_eq(atomic_load(&held.done), 1);
    cr_assert(held.base.ran && atomic_load(&held.base.stop));
    oro_readers_run(readers, &late.base); /* comes back at once */
    cr_assert_eq(atomic_load(&late.done), 1);
    cr_assert(!late.base.ran);
    cr_assert(!oro_readers_admit(readers, &waiting.base));
    oro_readers_release(readers, ORO_READ_SMALL);
    oro_readers_release(readers, ORO_READ_SMALL);
    cr_assert_eq(atomic_load(&waiting.admitted), 0);
    oro_readers_resume(readers);
    finish(&waiting, false);
    cr_assert(waiting.base.ran);
    oro_readers_stop(readers);
}

Test(readers, a_stop_returns_what_waits_and_ends_what_runs)
{
    struct task tasks[10];
    for (int i = 0; i < 10; i++) {
        init(&tasks[i], i % 2 == 0 ? ORO_READ_SMALL : ORO_READ_LARGE, true);
        if (oro_readers_admit(readers, &tasks[i].base))
            oro_readers_run(readers, &tasks[i].base);
    }
    oro_readers_quit(readers);
    for (int i = 0; i < 10; i++)
        wait_for(&tasks[i].done, 1);
    struct task late;
    init(&late, ORO_READ_SMALL, true);
    cr_assert(!oro_readers_admit(readers, &late.base));
    cr_assert_eq(atomic_load(&late.done), 1);
    oro_readers_stop(readers);
    for (int i = 0; i < 10; i++)
        cr_assert_eq(atomic_load(&tasks[i].done), 1);
}

/* ---- all at once ---- */

#define OWNERS 4
#define TASKS 400

static atomic_bool over;

static void *
owner(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;
    for (int i = 0; i < TASKS; i++) {
        struct task t;
        init(&t, rand_r(&seed) % 2 == 0 ? ORO_READ_SMALL : ORO_READ_LARGE, false);
        if (!oro_readers_admit(readers, &t.base))
            wait_for(&t.admitted, 1);
        oro_readers_run(readers, &t.base);
        wait_for(&t.done, 1);
        cr_assert_eq(atomic_load(&t.runs), t.base.ran ? 1 : 0);
        oro_readers_release(readers, t.base.lane);
    }
    return NULL;
}

static void *
pauser(void *arg)
{
    (void)arg;
    while (!atomic_load(&over)) {
        oro_readers_pause(readers);
        cr_assert_eq(atomic_load(&running), 0);
        oro_readers_resume(readers);
    }
    return NULL;
}

Test(readers, none_is_lost_whatever_happens_at_once)
{
    pthread_t owners[OWNERS], other;
    struct oro_err err;
    for (uintptr_t i = 0; i < OWNERS; i++)
        cr_assert_eq(
            oro_thread_start(&owners[i], ORO_THREAD_OTHER, "owner", 0, owner, (void *)i, &err),
            ORO_OK);
    cr_assert_eq(oro_thread_start(&other, ORO_THREAD_OTHER, "pauser", 0, pauser, NULL, &err),
                 ORO_OK);
    for (int i = 0; i < OWNERS; i++)
        oro_thread_join(owners[i]);
    atomic_store(&over, true);
    oro_thread_join(other);
    oro_readers_stop(readers);
}
