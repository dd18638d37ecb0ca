/* runtime/exec/writers/pool_priv.h - shared by the files of this folder only. */
#ifndef ORO_WORKER_POOL_PRIV_H
#define ORO_WORKER_POOL_PRIV_H

#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/base/metric.h"
#include "runtime/store/view.h"
#include "runtime/timers/last_run.h"
#include "runtime/exec/writers/governor.h"
#include "runtime/exec/writers/pool.h"
#include "runtime/exec/writers/said.h"
#include "runtime/exec/writers/turns.h"
#include "runtime/exec/writers/worker_loop.h"

struct oro_mailbox {
    struct oro_spin lock;
    struct oro_job *head, *tail;
    struct oro_job *begun;     /* the head, when a worker has it in its hands */
    struct oro_pool *pool;     /* for its sharer; NULL: a job's own */
    struct oro_sharer *sharer; /* of turns; NULL: a job's own */
    struct group *turn_of;     /* its turn is one of theirs, if that is limited */
    atomic_bool left;          /* its client has */
    atomic_int keep;           /* calls that are run though it has */
    bool refuses; /* calls that are not are answered; else they are forgotten. Set before left. */
    bool queued;  /* stands in the run queue, or a worker has it */
    bool refused; /* client_connected said no: calls are skipped */
    atomic_uint refs;
    struct oro_mailbox *next_ready;
};

#define FAILURES_AT_ONCE 20
#define WORKER_NUMBERS 13

/* retries.c: calls since then that had to run alone */
struct retries {
    _Atomic int64_t since_us;
    atomic_uint n;
};

struct reducer_metrics {
    struct retries retries;
    struct oro_metric *calls, *errors, *refusals, *duration;
    struct oro_log_limit failures, refused; /* clients choose how many there are */
};

struct worker {
    struct oro_pool *pool;
    unsigned number;
    pthread_t thread;
    struct oro_owner owner; /* itself: what follows is its thread's, if nothing else is said */
    struct oro_py *py;
    struct oro_session *session;
    /* successor.c: a worker that is given up in the middle of Python code never comes back from there. */
    atomic_int in_python; /* it has nothing of ours in its hands */
    atomic_int given_up;  /* enum given_up */
    int64_t asked_us;     /* the watchdog's */
    struct oro_mailbox *mailbox;
    struct oro_job *job;
    struct oro_origin *origin; /* of the call that runs */
    struct worker *predecessor;
    struct oro_tx *tx;                  /* of the running attempt */
    struct oro_bb text, detail, logged; /* of the call (bridge.h) */
    struct oro_bb view_rows;            /* of the view that runs, or ran last */
    bool in_view;                       /* it runs: nothing may be written */
    struct oro_bb log_text;
    struct log_line *log_lines;
    size_t nlog, log_cap, log_left_out;
    struct measures measures;
    size_t tx_lines, tx_text;        /* of these, before the transaction of a handler began */
    unsigned finds;                  /* of all calls: host.c */
    bool scheduled_dirty, published; /* since the layer above was told last */
    int64_t told_us;
    int64_t procedure_end_us; /* when the one that runs has to end */
    char procedure_name[128]; /* its; the definition may go while it runs */
    int64_t tx_began_us;      /* its transaction, of the wall clock */
    struct worker_loop loop; /* coroutines.c */
    _Atomic(const char *) running; /* reducer name, for log lines; the watchdog reads it, too */
    struct oro_metric *numbers[WORKER_NUMBERS]; /* metrics.c: of its interpreter */
    /* Watched by the watchdog: when the running call has to end (monotonic; INT64_MAX: no limit), 0: none is running. Written
     * in the order lifecycle, generation, deadline; read in the order generation, deadline, lifecycle. */
    _Atomic int64_t deadline_us;
    _Atomic uint64_t generation;
    /* Something to do between two jobs, asked for by another thread (reload.c): enum safepoint_state. */
    atomic_int safepoint;
    /* The watchdog's own: the call that does not react to being interrupted, and when that is said again. */
    uint64_t stuck_generation;
    int64_t stuck_us, stuck_tell_us;
    struct oro_spin watch; /* the watchdog is looking / the interpreter goes */
    bool unwatched;        /* guarded by watch */
    _Atomic uint64_t ended,
        in_vain; /* calls, and attempts that ran into a conflict: for the governor */
    _Atomic bool
        lifecycle; /* it is one of a client's that leaves: spared by a stop as long as possible */
    /* Start-up hand-shake. */
    char *descriptor, *report;
    struct oro_err err;
    atomic_int phase; /* enum worker_phase */
};

enum worker_phase {
    PHASE_STARTING,
    PHASE_LOADED,
    PHASE_BIND,
    PHASE_SERVING,
    PHASE_FAILED,
    PHASE_STOP,
    PHASE_ENDED
};
void oro_worker_phase(struct worker *w, enum worker_phase to); /* asserts that it may follow */

enum given_up { GIVEN_UP_NOT, GIVEN_UP_ASKED, GIVEN_UP };
enum safepoint_state { SAFEPOINT_NONE, SAFEPOINT_ASKED, SAFEPOINT_RUNS };

/* How a stop goes on when the queues do not become empty by themselves. */
enum hurry {
    HURRY_NOT,
    HURRY_CALLS, /* waiting calls and timers are dropped, running ones interrupted; clients are still said good-bye to */
    HURRY_ALL,   /* these too are left, to the next start */
};

struct oro_pool {
    struct oro_pool_options opt;
    struct oro_metric *running, *waiting, *requests, *failed_requests, *open_requests; /* of procedures */
    struct pool_loop loop;
    const struct oro_schema *schema;
    struct oro_store *store;
    struct oro_identity database;
    _Atomic(struct worker *) *workers; /* one is exchanged for its successor */
    unsigned lost;                     /* the watchdog's */
    struct oro_metric *lost_workers;
    atomic_bool reloading; /* nobody is exchanged meanwhile */
    unsigned started;
    struct oro_spin lock; /* turns */
    struct turns turns;
    struct oro_wake wake;       /* workers wait here for work */
    struct oro_wake phase_wake; /* start-up hand-shake */
    atomic_uint jobs;           /* posted and not finished */
    atomic_bool stopping;
    atomic_bool ending;              /* somebody waits until no job is left, at phase_wake */
    atomic_int hurry;                /* enum hurry */
    struct reducer_metrics *metrics; /* by reducer id */
    struct oro_log_limit failures;   /* of calls that are of no reducer */
    struct oro_metric *handler_duration;
    struct oro_metric *conflicts, *timer_lateness, *timer_fired, *queue_length;
    /* Workers from this number on wait at govern_wake. Moved by the watchdog. */
    atomic_uint active;
    struct governor governor;
    int64_t governed_us;
    uint64_t governed_ended, governed_in_vain;
    struct oro_metric *active_workers;
    struct oro_wake govern_wake;
    /* reload.c: what the workers do at a safepoint, and who waits for that. */
    void (*safepoint)(struct worker *w, void *arg);
    void *safepoint_arg;
    struct oro_wake safepoint_wake;
    atomic_bool paused; /* nobody takes a mailbox */
    pthread_t watchdog;
    bool watchdog_runs;
    struct oro_metric *stuck_workers;
    atomic_bool watchdog_ends;
    struct oro_wake watchdog_wake;
    struct oro_last_runs last_runs; /* of timers, for ctx.dt */
};

/* So long may what begins now run on this worker; 0: for ever. Ended by a deadline of 0. */
static inline void
oro_worker_watch(struct worker *w, int64_t limit_us)
{
    /* Each pairs with a load in the watchdog, which reads them in another order. */
    atomic_store_explicit(&w->generation, oro_py_generation(w->py) + 1, memory_order_release);
    atomic_store_explicit(&w->deadline_us, limit_us > 0 ? oro_mono_us() + limit_us : INT64_MAX,
                          memory_order_release);
}

/* `real` is the clock where no other was given. */
static inline int64_t
oro_pool_time(const struct oro_pool *p, int64_t (*real)(void))
{
    return p->opt.clock_us != NULL ? *p->opt.clock_us : real();
}

#define ORO_POOL_UNLIKE                                                              \
    "the module declares other things at each import: tables and reducers must not " \
    "depend on time, chance or the environment"

/* host.c */
extern const struct oro_host_ops oro_worker_host_ops;
int64_t oro_worker_tx_begin(void *host, bool exclusive); /* handler_tx.c */
oro_status oro_worker_tx_end(void *host, bool commit);
oro_status oro_worker_tx_fits(void *host, struct oro_err *err); /* of procedures, too */
void oro_worker_log_flush(struct worker *w);
void oro_worker_say(const struct worker *w, enum oro_log_level level, const char *target,
                    struct oro_bytes text);
void oro_worker_log_drop(struct worker *w);

/* worker.c */
void *oro_worker_main(void *arg);
void oro_worker_tell(struct worker *w); /* said.c: of what was published */
/* serve.c: until the pool stops; what a predecessor had in its hands ends as a failure, its transaction is over already. */
void oro_worker_serve(struct worker *w);
void oro_worker_takeover(struct worker *w);
/* metrics.c */
void oro_worker_metrics_make(struct worker *w);
void oro_pool_metrics_make(struct oro_pool *p); /* of p->schema */
void oro_pool_stats_read(void *pool);           /* for oro_metric_on_read */
/* reload.c */
void oro_worker_safepoint(struct worker *w);
/* Has the workers from..to do something between two jobs. False: one is still at the last thing. Then: whether all have,
 * or had within a time. */
bool oro_worker_ask(struct oro_pool *p, unsigned from, unsigned to,
                    void (*fn)(struct worker *w, void *arg), void *arg);
bool oro_worker_asked_done(struct oro_pool *p, int64_t patience_us);
/* successor.c */
void oro_worker_leave_python(struct worker *w);
static inline void
oro_worker_enter_python(struct worker *w)
{
    atomic_store_explicit(&w->in_python, 1, memory_order_release);
}
/* Back in our code, for good or for a moment. Does not return if the worker is given up. */
static inline void
oro_worker_back(struct worker *w)
{
    atomic_store_explicit(&w->in_python, 0, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    if (ORO_UNLIKELY(atomic_load_explicit(&w->given_up, memory_order_acquire) != GIVEN_UP_NOT))
        oro_worker_leave_python(w);
}
void *oro_successor_main(void *arg);
/* worker.c: opens an interpreter and serves until the pool stops. */
ORO_MUST_CHECK oro_status oro_successor_serve(struct worker *w);
void oro_successor_look(struct oro_pool *p, unsigned i, bool stuck, int64_t now_us);
/* watchdog.c */
ORO_MUST_CHECK oro_status oro_watchdog_start(struct oro_pool *p, struct oro_err *err);
void oro_watchdog_stop(struct oro_pool *p);

/* mailbox.c */
struct oro_mailbox *oro_pool_take(struct oro_pool *p); /* NULL: nothing ready */
struct oro_job *oro_mailbox_first(struct oro_mailbox *m);
void oro_mailbox_pop(struct oro_mailbox *m);
void oro_pool_give_back(struct oro_pool *p, struct oro_mailbox *m);
void oro_job_free(struct oro_pool *p, struct oro_job *job, oro_status st, struct oro_bytes text);

#endif
