/* runtime/exec/writers/pool.h - the worker threads, each with its own interpreter, and the run queue that feeds them.
 *
 * A client is a mailbox: its jobs run in the order they were posted, one at a time; different mailboxes run in parallel. A
 * mailbox that has work stands in the run queue once; a worker takes it, runs up to a small batch of calls and puts it back
 * at the end. Turns go round by identity, timers and clients that come go first, clients that have left last (turns.h).
 * Every call ends as one record of the commit ring, whatever became of it. */
#ifndef ORO_WORKER_POOL_H
#define ORO_WORKER_POOL_H

#include <stdatomic.h>

#include "bridge/host/bridge.h"
#include "runtime/base/thread.h"
#include "runtime/exec/shares.h"
#include "runtime/fetch/fetch.h"
#include "runtime/store/view.h"
#include "runtime/timers/timers.h"

/* struct oro_origin.kind of the records that workers publish. */
enum oro_origin_kind {
    ORO_ORIGIN_CALL,
    ORO_ORIGIN_CONNECT,
    ORO_ORIGIN_DISCONNECT,
    ORO_ORIGIN_TIMER,
    ORO_ORIGIN_INTERNAL,
    ORO_ORIGIN_HANDLER, /* text: the answer of the module's router */
    ORO_ORIGIN_VIEW, /* an answer of a view is there, or cannot be had */
    ORO_ORIGIN_PROCEDURE, /* it has ended: text is what it returned, or why it failed */
};

/* Who calls. Refcounted: a client's, shared by its jobs. */
struct oro_principal {
    atomic_uint refs;
    enum oro_caller caller;
    struct oro_identity identity;
    struct oro_connection_id connection;
    char *jwt; /* claims as JSON text, or NULL */
    atomic_int
        keep; /* of its procedures, calls that are begun though it has left; INT_MAX: it is there */
};
/* Gives one reference. Copies jwt (may be NULL). */
struct oro_principal *oro_principal_new(enum oro_caller caller, const struct oro_identity *id,
                                        const struct oro_connection_id *connection,
                                        const char *jwt);
struct oro_principal *oro_principal_ref(struct oro_principal *p);
void oro_principal_unref(struct oro_principal *p);
/* It has left: of its procedures' calls that have not begun the first `keep` are run. Any thread. */
void oro_principal_leave(struct oro_principal *p, unsigned keep);
/* Whether one that is about to begin still should, and counts it. */
bool oro_principal_waits(struct oro_principal *p);

enum oro_job_kind {
    ORO_JOB_CALLS, /* a run of reducer calls */
    ORO_JOB_CONNECT, /* st_client row and client_connected; refused: later calls of the mailbox are skipped */
    ORO_JOB_DISCONNECT, /* client_disconnected, then the row goes */
    ORO_JOB_TIMER,      /* a row of a scheduled table is due */
    ORO_JOB_INIT,
    ORO_JOB_UPDATED, /* the module is another version than before */
    ORO_JOB_HANDLER, /* an HTTP request that the module answers: `frame` */
    ORO_JOB_WRITE, /* a transaction without the module: `write` */
    ORO_JOB_VIEW,  /* an answer of a view, unless it is there */
    ORO_JOB_VIEW_AGAIN,  /* the same, of a new version's code; if that fails it stays as it is followed */
    ORO_JOB_VIEW_STALE,  /* one that a transaction has touched and not made again */
    ORO_JOB_VIEW_FORGET, /* that nobody uses any more */
    ORO_JOB_PROCEDURE, /* one call of a procedure, in a pool for them */
};

/* What is done in it, on a worker. */
struct oro_job_write {
    /* May run more than once: the transaction of an earlier time has conflicted, and is gone. Not ORO_OK: nothing is changed,
     * and nobody but whoever waits for the record, whose outcome is not ORO_OK then, hears of it. */
    oro_status (*run)(void *arg, struct oro_session *se, struct oro_tx *tx);
    void (*drop)(void *arg); /* it has run, or will not; any thread */
    void *arg;
};

struct oro_job_call {
    const struct oro_reducer_def *reducer; /* NULL: refused, with `refusal` */
    const char *refusal;                   /* static text */
    uint32_t request_id;
    struct oro_bytes args; /* in the job's frame */
};

/* Lets the thread that posted a job wait for it. */
struct oro_job_wait {
    struct oro_wake wake;
    atomic_int
        state; /* 0: runs; 1: status and text are there; 2: the worker will not touch this any more */
    oro_status status;
    char text[1000];
};

/* The way of a job; which step may follow which stands in mailbox.c. */
enum oro_job_state { ORO_JOB_MADE, ORO_JOB_POSTED, ORO_JOB_BEGUN, ORO_JOB_ENDED, ORO_JOB_STATES };

struct oro_job {
    struct oro_job *next;
    enum oro_job_kind kind;
    enum oro_job_state state;
    uint16_t shard;
    oro_conn_id conn;           /* where the answer goes; 0: nobody waits */
    struct oro_principal *who;  /* one reference */
    struct oro_buf *frame;      /* one reference or NULL; args lie in it */
    struct oro_job_wait *wait;  /* borrowed, or NULL */
    struct oro_job_write write; /* run NULL: none */
    struct oro_view *view;      /* one reference, or NULL */
    struct oro_share *share;    /* that its caller has of the room for it, or NULL */
    struct oro_firing timer; /* table NULL: it was of a version that is no more. Of a procedure: what waits for its end */
    bool timer_ends;         /* that procedure has ended */
    bool confirmed;          /* of a procedure: what its caller sees is to be on disk */
    int64_t at_us;           /* of one that is scheduled: it is not earlier than that */
    uint32_t ncalls, at;
    struct oro_job_call calls[];
};
/* Gives. Takes the reference who (and frame, set afterwards by the caller). */
struct oro_job *oro_job_new(enum oro_job_kind kind, struct oro_principal *who, uint32_t ncalls);
/* The same for what a client asks for; takes a reference of who itself. NULL: no memory. */
struct oro_job *oro_job_try_new(enum oro_job_kind kind, struct oro_principal *who, uint32_t ncalls);
/* Takes a job that was not posted, or NULL. */
void oro_job_drop(struct oro_job *job);

struct oro_mailbox;

struct oro_pool;
/* of: whose turns it takes (turns.h). Gives one reference. Before the pool ends, all are to be unreferenced. */
struct oro_mailbox *oro_mailbox_new(struct oro_pool *p, const struct oro_turns_of *of);
void oro_mailbox_unref(struct oro_mailbox *m); /* jobs still inside are run all the same */
/* Its client has left: of the calls that are queued and not begun, and of those still to be posted, the first `keep` are run and
 * the others dropped (refuse: ended with ORO_EREFUSED, since somebody waits for their records). Its turns come after those of
 * clients that are there. Any thread. */
void oro_mailbox_leave(struct oro_mailbox *m, unsigned keep, bool refuse);

/* What the pool tells the layer above; called on worker threads. */
struct oro_pool_hooks {
    void *arg;
    /* Records were published since the last call. scheduled: rows of scheduled tables changed. */
    void (*published)(void *arg, bool scheduled);
    /* A timer is to run a procedure. Takes job, whose end timer_over is told of, if it has a timer: that goes on then. NULL: there are
     * none. */
    void (*procedure)(void *arg, struct oro_job *job);
    void (*timer_over)(void *arg, const struct oro_firing *f);
    /* Every record up to this one is on disk. Any thread; NULL: there is no disk. */
    uint64_t (*durable)(void *arg);
    /* What modules say, and what is said of their calls, instead of the log. May be NULL. */
    void (*say)(void *arg, enum oro_log_level level, const char *target, struct oro_bytes text);
};

/* Who first asked for an answer of a view (oro_view_pay): has its part of the room for them, and the turns in which it is made again
 * and forgotten. */
struct oro_view_payer {
    struct oro_share *share;
    struct oro_turns_of of;
    _Atomic uint64_t room; /* that the answer had when it was looked at last */
};
void oro_view_payer_free(void *payer); /* Takes; any thread */

#define ORO_EXIT_STUCK 6 /* exit status */

struct oro_pool_options {
    unsigned workers;
    const char *module_path, *module_name;
    int64_t give_up_us;      /* so long beyond its limit, and a worker has a successor; 0: never */
    unsigned max_lost;       /* workers given up before the process ends with ORO_EXIT_STUCK */
    bool main_interpreter;   /* which has no successor: the process ends */
    int64_t timeout_us;      /* run time limit of a reducer without its own; 0: none */
    int64_t init_timeout_us; /* the same of init */
    int64_t import_timeout_us; /* of the module; 0: none */
    bool dev_errors;           /* callers see the text of unexpected exceptions */
    /* The pool is one for procedures (procedure.c): its workers take calls of those and nothing else, and its numbers have names
     * of their own. */
    bool for_procedures;
    struct oro_pool *views; /* for procedures: the pool that evaluates views */
    struct oro_fetch_limits fetch; /* what they may ask services outside for */
    int64_t procedure_timeout_us; /* of one without its own, waiting included; 0: none */
    const int64_t
        *clock_us; /* the time of calls and timers, instead of both clocks (tests); or NULL */
    struct oro_pool_hooks hooks;
};

/* Starts the first worker, which loads the module. Gives *descriptor (JSON of the declarations) and *out; the worker waits for
 * oro_pool_run. ORO_ETIMEOUT: the import does not end and cannot be interrupted; the process has to end without freeing. On failure *report (Given) may hold every problem of the module, a line each. Main thread. */
ORO_MUST_CHECK oro_status oro_pool_load(const struct oro_pool_options *opt, struct oro_pool **out,
                                        char **descriptor, char **report, struct oro_err *err);
/* Binds the schema, starts the other workers, and begins to serve. Borrows schema and store until stop; database is the
 * sender of scheduled calls. */
ORO_MUST_CHECK oro_status oro_pool_run(struct oro_pool *p, const struct oro_schema *schema,
                                       struct oro_store *store, const struct oro_identity *database,
                                       struct oro_err *err);
/* ---- a new version of the module, one thread at a time, while the pool serves (reload.c) ---- */
/* Every worker imports the module beside the one that runs, between two jobs. Gives *descriptor. On failure nothing has
 * changed, and *report (Given) may hold every problem. */
ORO_MUST_CHECK oro_status oro_pool_stage(struct oro_pool *p, char **descriptor, char **report,
                                         struct oro_err *err);
void oro_pool_unstage(struct oro_pool *p);
/* Returns when no job runs; none will until resume. ORO_ETIMEOUT: one would not end. */
ORO_MUST_CHECK oro_status oro_pool_pause(struct oro_pool *p, struct oro_err *err);
void oro_pool_resume(struct oro_pool *p);
/* Both while it is paused and nobody reads the numbers. Connects the staged module with its schema: the last that can fail. */
ORO_MUST_CHECK oro_status oro_pool_bind(struct oro_pool *p, const struct oro_schema *schema,
                                        struct oro_err *err);
/* The staged module is the one that runs, with this schema and store (borrowed as in oro_pool_run). Calls that wait run on it,
 * if it has their reducer; timers that wait are dropped, since all are armed anew. */
void oro_pool_adopt(struct oro_pool *p, const struct oro_schema *schema, struct oro_store *store);
/* While it is paused: the adopted version's @updated, on the first worker, `job` (ORO_JOB_UPDATED, Takes) being asked for it. Waits for
 * its limit and a while. Not ORO_OK: err says why, and what it wrote is undone. */
ORO_MUST_CHECK oro_status oro_pool_updated(struct oro_pool *p, struct oro_job *job,
                                           struct oro_err *err);
/* Has the workers give back what the old version held; does not wait for them. */
void oro_pool_settle(struct oro_pool *p);

/* Rows through the @migration hook of the module (staged: of the version that is), on the first worker; limit_us: of this
 * call. Before oro_pool_run, or while it is paused. ORO_EINVAL: err names the row; ORO_ETIMEOUT: the hook cannot be
 * interrupted, and the process has to end without freeing. */
ORO_MUST_CHECK oro_status oro_pool_map_rows(struct oro_pool *p, const struct oro_py_map *m,
                                            int64_t limit_us, struct oro_err *err);

/* Any thread. Takes job. front: a timer or lifecycle job that goes first. mailbox NULL: a job of its own. */
void oro_pool_post(struct oro_pool *p, struct oro_mailbox *m, struct oro_job *job, bool front);
/* Posts and waits; text (of at least 1000 bytes) gets the error text. Not from a worker. */
oro_status oro_pool_post_wait(struct oro_pool *p, struct oro_job *job, char *text);
/* The same for a call of a procedure: each has a mailbox of its own, so that they run beside each other, and turns go round by
 * identity. Any thread. Takes job. */
void oro_pool_post_procedure(struct oro_pool *p, const struct oro_turns_of *of,
                             struct oro_job *job);
/* A job on an answer of a view (ORO_JOB_VIEW_AGAIN, _STALE, _FORGET), in the turns of its payer, if it has one. Takes the reference. Any thread. */
void oro_pool_post_view(struct oro_pool *p, enum oro_job_kind kind, struct oro_view *v);
/* What hooks.durable gives has moved. Any thread; p may be NULL. */
void oro_pool_durable_moved(struct oro_pool *p);
/* Jobs waiting or running; any thread. */
unsigned oro_pool_busy(const struct oro_pool *p);
unsigned oro_pool_workers(const struct oro_pool *p);
/* Appends what the codecs of all workers did, as JSON (bridge.h, oro_py_report). Any thread, while the pool serves. */
void oro_pool_bridge_report(const struct oro_pool *p, struct oro_bb *out);
/* Ends the workers. Finishes what is queued; when that takes too long, what clients asked for is dropped, but everybody's
 * client_disconnected still runs. False after about 6 s: a reducer hangs outside of Python code, and the worker that runs it
 * uses pool, schema and store until the process ends. Main thread; p may be NULL. */
ORO_MUST_CHECK bool oro_pool_stop(struct oro_pool *p);
/* After a stop that gave true, and when nobody posts any more. Takes p. */
void oro_pool_free(struct oro_pool *p);

#endif
