/* runtime/exec/writers/attempt.h - a call of the module in a transaction: attempts until one commits, or fails for good. On the
 * worker's thread; private to this folder. */
#ifndef ORO_WRITERS_ATTEMPT_H
#define ORO_WRITERS_ATTEMPT_H

#include "runtime/exec/writers/pool_priv.h"

struct outcome {
    oro_status status;
    struct oro_bytes text;   /* for the caller */
    struct oro_bytes detail; /* the same, as JSON */
};

struct attempt {
    struct worker *w;
    struct oro_py_call call;
    const struct oro_reducer_def *reducer;
    /* What belongs to the transaction beside the reducer; NULL: nothing. before: ORO_ENOTFOUND when there is nothing to do
     * any more. */
    oro_status (*before)(struct attempt *a, struct oro_err *err);
    oro_status (*after)(struct attempt *a, struct oro_err *err);
    const struct oro_job *job;
    struct oro_bytes row; /* timer: the row that is due */
    bool stays;           /* timer: the row is there after the run */
    const struct oro_reducer_def *procedure; /* timer: what it calls instead of reducer, */
    struct oro_buf *asked;                   /* with these arguments */
    int64_t begun_us;     /* monotonic, of the first attempt */
    bool id_in_use;       /* connect: another connection has this connection id */
};

/* An attempt of `reducer` (NULL: only what is set in before and after) for the job. args is borrowed. */
struct attempt attempt_new(struct worker *w, const struct oro_job *job,
                           const struct oro_reducer_def *reducer, struct oro_bytes args);
/* The origin of its record. */
struct oro_origin origin_of(const struct attempt *a, enum oro_origin_kind kind,
                            uint32_t request_id);
/* Runs until it commits or fails for good; publishes the record either way. ORO_ENOTFOUND: there was nothing to do. */
struct outcome attempt_run(struct attempt *a, struct oro_origin *origin);
/* What the caller is told of a failure; its text (worker.text) goes to the log. */
struct outcome attempt_failure(struct attempt *a, oro_status st);
/* A record of what did not happen. */
void publish_failure(struct worker *w, struct oro_origin *origin, struct outcome out);

/* retries.c: a call of the reducer is about to run alone */
void retries_note(struct worker *w, const struct oro_reducer_def *reducer);

/* What the log keeps of it. */
struct oro_call call_of(const struct attempt *a);

/* procedure.c */
void run_procedure(struct worker *w, struct oro_job *job);
void run_coroutine(struct worker *w, struct oro_job *job); /* Takes job: one that is `async def` */
/* jobs.c */
void run_call(struct worker *w, const struct oro_job *job, const struct oro_job_call *c);
struct outcome run_connect(struct worker *w, const struct oro_job *job);
struct outcome run_disconnect(struct worker *w, const struct oro_job *job);
struct outcome run_write(struct worker *w, const struct oro_job *job);
struct outcome run_init(struct worker *w, const struct oro_job *job);
struct outcome run_updated(struct worker *w, const struct oro_job *job);
oro_status client_delete(struct attempt *a, struct oro_err *err); /* for attempt.after */
/* handler_job.c */
struct outcome run_handler(struct worker *w, const struct oro_job *job);
void refuse_handler(struct worker *w, const struct oro_job *job);
/* view.c */
/* With the code of the version that runs. On failure the text is in w->text, and has the view's name. */
oro_status view_evaluate(struct attempt *a, struct oro_view *v, struct oro_err *err);
/* Before a commit: evaluates the views' answers that the transaction touches. Failing, it fails the call (V-22). */
oro_status views_refresh(struct attempt *a, struct oro_err *err);
/* After the commit, if there was one: has those evaluated that were put off. Takes the references, and the array. */
void views_later(struct worker *w, struct oro_view **views, size_t n, bool committed);
/* Commits the worker's transaction within another call, where the interpreter is not free: views that it touched are evaluated by a
 * job right behind it. */
oro_status oro_worker_commit(struct worker *w, const struct oro_origin *origin);
/* view_job.c */
struct outcome run_view(struct worker *w, const struct oro_job *job);
void refuse_view(struct worker *w,
                 const struct oro_job *job); /* its client has left, or stays out */
/* timer_job.c */
void run_timer(struct worker *w, const struct oro_job *job);
/* For a run that did not come to its end: what run_timer does after one that failed. True: the row stays. */
bool timer_end(struct worker *w, const struct oro_job *job);
/* timer_procedure.c: of one whose target is a procedure. In the transaction of its turn; true: the row stays as it is, and its turn
 * lasts until the procedure has ended. */
bool timer_asks(struct attempt *a, bool repeats);
/* After its commit. */
void timer_call(struct worker *w, struct attempt *a);

#endif
