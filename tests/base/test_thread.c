#include <criterion/criterion.h>

#include <sched.h>
#include <signal.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/thread.h"

struct seen {
    enum oro_thread_role role;
    char name[16];
    sigset_t blocked;
    size_t stack;
};

static void *
look(void *arg)
{
    struct seen *s = arg;
    s->role = oro_thread_role();
    pthread_getname_np(pthread_self(), s->name, sizeof(s->name));
    pthread_sigmask(SIG_BLOCK, NULL, &s->blocked);
    pthread_attr_t attr;
    pthread_getattr_np(pthread_self(), &attr);
    pthread_attr_getstacksize(&attr, &s->stack);
    pthread_attr_destroy(&attr);
    return NULL;
}

Test(thread, knows_role_name_and_blocks_signals)
{
    struct seen s = {0};
    pthread_t t;
    struct oro_err err;
    cr_assert_eq(oro_thread_role(), ORO_THREAD_NONE);
    oro_thread_set_role(ORO_THREAD_MAIN);
    cr_assert_eq(oro_thread_start(&t, ORO_THREAD_WORKER, "oro-worker-12345678", 0, look, &s, &err),
                 ORO_OK);
    oro_thread_join(t);
    cr_assert_eq(oro_thread_role(), ORO_THREAD_MAIN);
    cr_assert_eq(s.role, ORO_THREAD_WORKER);
    cr_assert_str_eq(s.name, "oro-worker-1234");
    cr_assert(sigismember(&s.blocked, SIGTERM));
    cr_assert(sigismember(&s.blocked, SIGINT));
    cr_assert_not(sigismember(&s.blocked, SIGSEGV));
    cr_assert_geq(s.stack, 8u << 20);
    sigset_t own;
    pthread_sigmask(SIG_BLOCK, NULL, &own);
    cr_assert_not(sigismember(&own, SIGTERM), "the starter's signals are as before");
}

Test(thread, impossible_stack_is_an_error)
{
    pthread_t t;
    struct oro_err err;
    cr_assert_eq(oro_thread_start(&t, ORO_THREAD_OTHER, "tiny", 1, look, NULL, &err), ORO_EINVAL);
    cr_assert_not_null(strstr(err.text, "tiny"));
}

/* ---- spin ---- */

static struct oro_spin spin = ORO_SPIN_INIT;
static long counted;

static void *
spin_main(void *arg)
{
    (void)arg;
    for (int i = 0; i < 50000; i++) {
        oro_spin_lock(&spin);
        long before = counted;
        if (i % 64 == 0)
            sched_yield(); /* an invitation to whoever would come in meanwhile */
        counted = before + 1;
        oro_spin_unlock(&spin);
    }
    return NULL;
}

Test(spin, excludes, .timeout = 60)
{
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        cr_assert_eq(oro_thread_start(&t[i], ORO_THREAD_OTHER, "spin", 0, spin_main, NULL, NULL),
                     ORO_OK);
    for (int i = 0; i < 4; i++)
        oro_thread_join(t[i]);
    cr_assert_eq(counted, 200000);
}

/* ---- wake ---- */

struct pingpong {
    struct oro_wake wake[2];
    atomic_uint turn;
};

enum { ROUNDS = 3000 };

static void
take_turns(struct pingpong *p, unsigned me)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        for (;;) {
            unsigned seen = oro_wake_prepare(&p->wake[me]);
            if (atomic_load(&p->turn) % 2 == me)
                break;
            oro_wake_wait(&p->wake[me], seen, -1);
        }
        atomic_fetch_add(&p->turn, 1);
        oro_wake_signal(&p->wake[1 - me]);
    }
}

static void *
pong_main(void *arg)
{
    take_turns(arg, 1);
    return NULL;
}

Test(wake, none_is_lost, .timeout = 60)
{
    struct pingpong p = {0};
    pthread_t t;
    cr_assert_eq(oro_thread_start(&t, ORO_THREAD_OTHER, "pong", 0, pong_main, &p, NULL), ORO_OK);
    take_turns(&p, 0);
    oro_thread_join(t);
    cr_assert_eq(atomic_load(&p.turn), 2 * ROUNDS);
    cr_assert_eq(atomic_load(&p.wake[0].sleepers), 0);
}

Test(wake, signal_before_wait_is_kept, .timeout = 30)
{
    struct oro_wake w = {0};
    unsigned seen = oro_wake_prepare(&w);
    oro_wake_signal(&w);
    oro_wake_wait(&w, seen, -1); /* returns at once */
    cr_assert_neq(oro_wake_prepare(&w), seen);
}

Test(wake, time_limit, .timeout = 30)
{
    struct oro_wake w = {0};
    int64_t began = oro_mono_us();
    oro_wake_wait(&w, oro_wake_prepare(&w), 3000);
    cr_assert_geq(oro_mono_us() - began, 3000);
    oro_wake_wait(&w, oro_wake_prepare(&w), 0);
    cr_assert_eq(atomic_load(&w.sleepers), 0);
}

struct crowd {
    struct oro_wake wake;
    unsigned seen;
    atomic_uint out;
};

static void *
crowd_main(void *arg)
{
    struct crowd *c = arg;
    oro_wake_wait(&c->wake, c->seen, -1);
    atomic_fetch_add(&c->out, 1);
    return NULL;
}

Test(wake, broadcast_wakes_all, .timeout = 30)
{
    struct crowd c = {0};
    pthread_t t[5];
    c.seen = oro_wake_prepare(&c.wake);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(oro_thread_start(&t[i], ORO_THREAD_OTHER, "crowd", 0, crowd_main, &c, NULL),
                     ORO_OK);
    while (atomic_load(&c.wake.sleepers) < 5)
        sched_yield();
    cr_assert_eq(atomic_load(&c.out), 0);
    oro_wake_broadcast(&c.wake);
    for (int i = 0; i < 5; i++)
        oro_thread_join(t[i]);
    cr_assert_eq(atomic_load(&c.out), 5);
}

/* ---- clocks ---- */

Test(clock, units_agree)
{
    int64_t us = oro_mono_us();
    uint64_t ns = oro_mono_ns();
    cr_assert_geq((int64_t)(ns / 1000), us);
    cr_assert_leq((int64_t)(ns / 1000) - us, 10000000);
    cr_assert_gt(oro_wall_us(), INT64_C(1700000000000000));
    uint64_t cpu = oro_thread_cpu_ns();
    for (volatile int i = 0; i < 1000000; i++) {
    }
    cr_assert_gt(oro_thread_cpu_ns(), cpu);
}

/* ---- what belongs to whom; only debug builds know ---- */

#ifdef ORO_DEBUG
static struct oro_owner owner;

static void *
is_here(void *arg)
{
    *(bool *)arg = oro_owner_is_here(&owner);
    return NULL;
}

static bool
is_anothers(void)
{
    pthread_t t;
    bool here = true;
    cr_assert_eq(pthread_create(&t, NULL, is_here, &here), 0);
    pthread_join(t, NULL);
    return here;
}

Test(thread, an_owner_is_the_first_until_it_gives_it_away)
{
    cr_assert(oro_owner_is_here(&owner) && oro_owner_is_here(&owner));
    cr_assert(!is_anothers());
    oro_owner_give(&owner);
    cr_assert(is_anothers());
    cr_assert(!oro_owner_is_here(&owner));
}

Test(thread, a_spin_lock_knows_who_has_it)
{
    static struct oro_spin lock;
    cr_assert(!oro_spin_is_mine(&lock));
    oro_spin_lock(&lock);
    cr_assert(oro_spin_is_mine(&lock));
    oro_spin_unlock(&lock);
    cr_assert(oro_spin_try(&lock) && oro_spin_is_mine(&lock));
    oro_spin_unlock(&lock);
    cr_assert(!oro_spin_is_mine(&lock));
}
#endif
