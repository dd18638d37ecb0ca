#include "runtime/base/thread.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"

#define DEFAULT_STACK ((size_t)8 * 1024 * 1024)

static _Thread_local enum oro_thread_role thread_role = ORO_THREAD_NONE;

struct thread_start {
    enum oro_thread_role role;
    char name[16]; /* the kernel keeps 15 characters */
    void *(*fn)(void *);
    void *arg;
};

static void *
thread_main(void *arg)
{
    struct thread_start start = *(struct thread_start *)arg;
    oro_free(arg);
    thread_role = start.role;
    pthread_setname_np(pthread_self(), start.name);
    return start.fn(start.arg);
}

/* All signals but those a thread brings on itself: blocking them would only hide the report of a crash. */
static void
block_signals(sigset_t *before)
{
    sigset_t all;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGABRT);
    sigdelset(&all, SIGTRAP);
    pthread_sigmask(SIG_SETMASK, &all, before);
}

oro_status
oro_thread_start(pthread_t *out, enum oro_thread_role role, const char *name, size_t stack_size,
                 void *(*fn)(void *), void *arg, struct oro_err *err)
{
    struct thread_start *start = ORO_NEW(struct thread_start);
    *start = (struct thread_start){.role = role, .fn = fn, .arg = arg};
    strncpy(start->name, name, sizeof(start->name) - 1);

    pthread_attr_t attr;
    pthread_attr_init(&attr);
    int rc = pthread_attr_setstacksize(&attr, stack_size > 0 ? stack_size : DEFAULT_STACK);
    pthread_t t;
    if (rc == 0) {
        sigset_t before;
        block_signals(&before);
        rc = pthread_create(&t, &attr, thread_main, start);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    pthread_attr_destroy(&attr);
    if (rc != 0) {
        oro_free(start);
        return oro_err_set(err, rc == EINVAL ? ORO_EINVAL : ORO_EIO, "thread %s: %s", name,
                           strerror(rc));
    }
    *out = t;
    return ORO_OK;
}

void
oro_thread_join(pthread_t t)
{
    int rc = pthread_join(t, NULL);
    ORO_ASSERT(rc == 0);
}

enum oro_thread_role
oro_thread_role(void)
{
    return thread_role;
}

void
oro_thread_set_role(enum oro_thread_role role)
{
    thread_role = role;
}

uintptr_t
oro_thread_number(void)
{
    static _Thread_local char here;
    return (uintptr_t)&here;
}

#ifdef ORO_DEBUG
bool
oro_owner_is_here(struct oro_owner *o)
{
    uintptr_t me = oro_thread_number(), was = 0;
    return atomic_load_explicit(&o->thread, memory_order_relaxed) == me ||
           atomic_compare_exchange_strong_explicit(&o->thread, &was, me, memory_order_relaxed,
                                                   memory_order_relaxed);
}

void
oro_owner_give(struct oro_owner *o)
{
    atomic_store_explicit(&o->thread, 0, memory_order_relaxed);
}

bool
oro_spin_is_mine(const struct oro_spin *s)
{
    return atomic_load_explicit(&s->holder, memory_order_relaxed) == oro_thread_number();
}

static void
taken(struct oro_spin *s)
{
    atomic_store_explicit(&s->holder, oro_thread_number(), memory_order_relaxed);
}

static void
given(struct oro_spin *s)
{
    ORO_ASSERT_LOCKED(s);
    atomic_store_explicit(&s->holder, 0, memory_order_relaxed);
}
#else
static void
taken(struct oro_spin *s)
{
    (void)s;
}

static void
given(struct oro_spin *s)
{
    (void)s;
}
#endif

/* ---- spin lock ---- */

#define SPIN_TRIES 64

static void
spin_wait(struct oro_spin *s)
{
    ORO_ASSERT_NOT_LOCKED(s);
    for (;;) {
        for (int i = 0; i < SPIN_TRIES; i++) {
            /* Pairs with the release in oro_spin_unlock(). */
            if (!atomic_flag_test_and_set_explicit(&s->held, memory_order_acquire)) {
                taken(s);
                return;
            }
            /* Longer pauses the longer it lasts: each try takes the line from the holder. */
            for (int j = 0; j <= i / 8; j++)
                oro_cpu_relax();
        }
        sched_yield();
    }
}

bool
oro_spin_try(struct oro_spin *s)
{
    ORO_ASSERT_NOT_LOCKED(s);
    if (atomic_flag_test_and_set_explicit(&s->held, memory_order_acquire))
        return false;
    taken(s);
    return true;
}

void
oro_spin_lock(struct oro_spin *s)
{
    if (oro_spin_try(s))
        return;
    /* Relaxed: a hint for oro_spin_breathe(). */
    atomic_fetch_add_explicit(&s->waiting, 1, memory_order_relaxed);
    spin_wait(s);
    atomic_fetch_sub_explicit(&s->waiting, 1, memory_order_relaxed);
}

#define BREATHE_TRIES \
    1000 /* some ten microseconds; then whoever waits has given its core away, and ours may help */

void
oro_spin_breathe(struct oro_spin *s)
{
    unsigned n = atomic_load_explicit(&s->waiting, memory_order_relaxed);
    if (n == 0)
        return;
    oro_spin_unlock(s);
    for (int i = 0; i < BREATHE_TRIES; i++) {
        if (atomic_load_explicit(&s->waiting, memory_order_relaxed) < n)
            break;
        oro_cpu_relax();
    }
    if (atomic_load_explicit(&s->waiting, memory_order_relaxed) >= n)
        sched_yield();
    oro_spin_lock(s);
}

void
oro_spin_unlock(struct oro_spin *s)
{
    given(s);
    atomic_flag_clear_explicit(&s->held, memory_order_release);
}

/* ---- wake-ups ----
 * The waker adds to seq and then reads sleepers; the sleeper adds to sleepers and then (in the kernel) reads seq. Both
 * are sequentially consistent, so at least one of them sees the other: no wake-up is lost, and without sleepers there
 * is no system call. */

unsigned
oro_wake_prepare(struct oro_wake *w)
{
    return atomic_load(&w->seq);
}

void
oro_wake_wait(struct oro_wake *w, unsigned seen, long timeout_us)
{
    int64_t deadline = timeout_us >= 0 ? oro_mono_us() + timeout_us : 0;
    atomic_fetch_add(&w->sleepers, 1);
    while (atomic_load(&w->seq) == seen) {
        struct timespec ts, *limit = NULL;
        if (timeout_us >= 0) {
            int64_t left = deadline - oro_mono_us();
            if (left <= 0)
                break;
            ts = (struct timespec){.tv_sec = left / 1000000, .tv_nsec = left % 1000000 * 1000};
            limit = &ts;
        }
        syscall(SYS_futex, &w->seq, FUTEX_WAIT_PRIVATE, seen, limit, NULL, 0);
    }
    atomic_fetch_sub(&w->sleepers, 1);
}

static void
wake_some(struct oro_wake *w, int most)
{
    atomic_fetch_add(&w->seq, 1);
    if (atomic_load(&w->sleepers) > 0)
        syscall(SYS_futex, &w->seq, FUTEX_WAKE_PRIVATE, most, NULL, NULL, 0);
}

void
oro_wake_signal(struct oro_wake *w)
{
    wake_some(w, 1);
}

void
oro_wake_broadcast(struct oro_wake *w)
{
    wake_some(w, INT_MAX);
}
