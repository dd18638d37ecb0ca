/* runtime/base/thread.h - threads that know their role and name. */
#ifndef ORO_BASE_THREAD_H
#define ORO_BASE_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/assert.h"
#include "runtime/base/status.h"

enum oro_thread_role {
    ORO_THREAD_NONE, /* a thread we did not start: main before start, tests */
    ORO_THREAD_MAIN,
    ORO_THREAD_NET,
    ORO_THREAD_WORKER,
    ORO_THREAD_SCHEDULER,
    ORO_THREAD_LOG,
    ORO_THREAD_OTHER,
};

/* Starts a thread with all signals blocked and the given stack size (0: 8 MiB, which Python needs).
 * Gives *out, ended by oro_thread_join. */
ORO_MUST_CHECK oro_status oro_thread_start(pthread_t *out, enum oro_thread_role role,
                                           const char *name, size_t stack_size, void *(*fn)(void *),
                                           void *arg, struct oro_err *err);
void oro_thread_join(pthread_t t);
enum oro_thread_role oro_thread_role(void);
void oro_thread_set_role(enum oro_thread_role role);

#define ORO_ASSERT_THREAD(r) ORO_ASSERT(oro_thread_role() == (r))

/* The calling thread, as a number that no other one that lives has; never 0. */
uintptr_t oro_thread_number(void);

/* The one thread that something belongs to: the first that is asserted to be it, until it is given away. Only debug builds know;
 * in a release it takes no room. */
struct oro_owner {
#ifdef ORO_DEBUG
    _Atomic uintptr_t thread; /* 0: nobody yet */
#endif
};
#ifndef ORO_DEBUG
#define ORO_ASSERT_OWNER(o) ((void)(o))
#define oro_owner_give(o) ((void)(o))
#else
bool oro_owner_is_here(struct oro_owner *o);
#define ORO_ASSERT_OWNER(o) ORO_ASSERT(oro_owner_is_here(o))
/* Whoever is asserted next has it. By its owner, or when that thread has nothing to do with it any more. */
void oro_owner_give(struct oro_owner *o);
#endif

/* A spin lock for sections well under a microsecond (a mutex hand-over costs 86 us on small virtual machines,
 * field-notes.md); yields after a while so that a preempted holder can run. */
struct oro_spin {
    atomic_flag held;
    atomic_uint waiting; /* who did not get it at once */
#ifdef ORO_DEBUG
    _Atomic uintptr_t holder; /* thread; 0: nobody */
#endif
};
/* By the calling thread; debug builds. */
#ifndef ORO_DEBUG
#define ORO_ASSERT_LOCKED(s) ((void)(s))
#define ORO_ASSERT_NOT_LOCKED(s) ((void)(s))
#else
bool oro_spin_is_mine(const struct oro_spin *s);
#define ORO_ASSERT_LOCKED(s) ORO_ASSERT(oro_spin_is_mine(s))
#define ORO_ASSERT_NOT_LOCKED(s) ORO_ASSERT(!oro_spin_is_mine(s))
#endif
#define ORO_SPIN_INIT             \
    {                             \
        .held = ATOMIC_FLAG_INIT, \
    }
void oro_spin_lock(struct oro_spin *s);
ORO_MUST_CHECK bool oro_spin_try(struct oro_spin *s); /* false: somebody has it */
void oro_spin_unlock(struct oro_spin *s);
/* Holds it for long, and lets those in who wait for it: gives it back, and takes it again once somebody has had it, or has not
 * come for it. */
void oro_spin_breathe(struct oro_spin *s);

/* One-shot wake-ups counted in a futex: oro_wake_wait sleeps until somebody called oro_wake_signal since the last
 * oro_wake_prepare. Use: prepare; check for work; if none, wait. */
struct oro_wake {
    atomic_uint seq;
    atomic_uint sleepers;
};
unsigned oro_wake_prepare(struct oro_wake *w);
/* Sleeps until the sequence differs from `seen` or timeout_us passed (negative: no limit). */
void oro_wake_wait(struct oro_wake *w, unsigned seen, long timeout_us);
void oro_wake_signal(struct oro_wake *w);    /* wakes one sleeper; cheap when nobody sleeps */
void oro_wake_broadcast(struct oro_wake *w); /* wakes all */

static inline void
oro_cpu_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

#endif
