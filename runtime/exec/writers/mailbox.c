/* runtime/exec/writers/mailbox.c - who calls, jobs, and the mailboxes in which they wait. */
#include <limits.h>
#include <sched.h>
#include <stdio.h>

#include "runtime/exec/writers/pool_priv.h"

struct oro_principal *
oro_principal_new(enum oro_caller caller, const struct oro_identity *id,
                  const struct oro_connection_id *connection, const char *jwt)
{
    struct oro_principal *p = ORO_NEW(struct oro_principal);
    atomic_init(&p->refs, 1);
    p->caller = caller;
    p->identity = *id;
    if (connection != NULL)
        p->connection = *connection;
    p->jwt = jwt != NULL ? oro_strdup(jwt) : NULL;
    atomic_init(&p->keep, INT_MAX);
    return p;
}

void
oro_principal_leave(struct oro_principal *p, unsigned keep)
{
    atomic_store_explicit(&p->keep, (int)keep, memory_order_relaxed);
}

bool
oro_principal_waits(struct oro_principal *p)
{
    return atomic_load_explicit(&p->keep, memory_order_relaxed) == INT_MAX ||
           atomic_fetch_sub_explicit(&p->keep, 1, memory_order_relaxed) > 0;
}

struct oro_principal *
oro_principal_ref(struct oro_principal *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void
oro_principal_unref(struct oro_principal *p)
{
    /* acq_rel: the last holder sees everything that the others did with it. */
    if (p == NULL || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    oro_free(p->jwt);
    oro_free(p);
}

/* Of many calls it may begin several times, a turn each; who leaves ends what he posted, begun or not. */
static void
job_move(struct oro_job *job, enum oro_job_state to)
{
    static const unsigned next[ORO_JOB_STATES] = {
        [ORO_JOB_MADE] = 1u << ORO_JOB_POSTED | 1u << ORO_JOB_ENDED,
        [ORO_JOB_POSTED] = 1u << ORO_JOB_BEGUN | 1u << ORO_JOB_ENDED,
        [ORO_JOB_BEGUN] = 1u << ORO_JOB_BEGUN | 1u << ORO_JOB_ENDED,
    };
    ORO_ASSERT(next[job->state] & 1u << to);
    job->state = to;
}

struct oro_job *
oro_job_new(enum oro_job_kind kind, struct oro_principal *who, uint32_t ncalls)
{
    struct oro_job *job = oro_calloc(1, sizeof(*job) + ncalls * sizeof(job->calls[0]));
    job->kind = kind;
    job->who = who;
    job->ncalls = ncalls;
    return job;
}

struct oro_job *
oro_job_try_new(enum oro_job_kind kind, struct oro_principal *who, uint32_t ncalls)
{
    size_t size = sizeof(struct oro_job) + ncalls * sizeof(struct oro_job_call);
    struct oro_job *job = oro_try_alloc(size);
    if (job == NULL)
        return NULL;
    memset(job, 0, size);
    job->kind = kind;
    job->who = oro_principal_ref(who);
    job->ncalls = ncalls;
    return job;
}

void
oro_job_drop(struct oro_job *job)
{
    if (job == NULL)
        return;
    ORO_ASSERT(job->state == ORO_JOB_MADE || job->state == ORO_JOB_ENDED);
    oro_principal_unref(job->who);
    oro_buf_unref(job->frame);
    if (job->write.drop != NULL)
        job->write.drop(job->write.arg);
    oro_view_unref(job->view);
    oro_share_give(job->share);
    oro_free(job);
}

/* Takes job. The waiter, if any, learns how it ended. */
void
oro_job_free(struct oro_pool *p, struct oro_job *job, oro_status st, struct oro_bytes text)
{
    const struct oro_pool_hooks *hooks = &p->opt.hooks;
    struct oro_job_wait *wait = job->wait;
    job_move(job, ORO_JOB_ENDED);
    if (job->kind == ORO_JOB_PROCEDURE && job->timer.table != NULL && hooks->timer_over != NULL)
        hooks->timer_over(hooks->arg, &job->timer); /* whose turn has lasted until now */
    oro_job_drop(job);
    if (wait != NULL) {
        wait->status = st;
        snprintf(wait->text, sizeof(wait->text), "%.*s", (int)text.len,
                 text.len > 0 ? (const char *)text.data : "");
        /* It lies on the waiter's stack, who stays until it is told that nobody uses the wake any more. */
        atomic_store_explicit(&wait->state, 1, memory_order_release);
        oro_wake_broadcast(&wait->wake);
        atomic_store_explicit(&wait->state, 2, memory_order_release);
    }
    /* Sequentially consistent: either we see that somebody waits, or he sees that none is left. */
    if (atomic_fetch_sub(&p->jobs, 1) == 1 && atomic_load(&p->ending))
        oro_wake_broadcast(&p->phase_wake);
}

/* ---- mailboxes and the run queue ---- */

struct oro_mailbox *
oro_mailbox_new(struct oro_pool *p, const struct oro_turns_of *of)
{
    struct oro_mailbox *m = ORO_NEW(struct oro_mailbox);
    atomic_init(&m->refs, 1);
    m->pool = p;
    m->sharer = turns_join(&p->turns, of);
    return m;
}

/* For one job; nobody else knows it. */
static struct oro_mailbox *
mailbox_own(void)
{
    struct oro_mailbox *m = ORO_NEW(struct oro_mailbox);
    atomic_init(&m->refs, 1);
    return m;
}

void
oro_mailbox_unref(struct oro_mailbox *m)
{
    if (m == NULL || atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1)
        return;
    ORO_ASSERT(m->head == NULL);
    if (m->sharer != NULL)
        turns_leave(&m->pool->turns, m->sharer);
    oro_free(m);
}

/* Takes the job out of the list; `link` leads to it. Mailbox lock held. */
static struct oro_job *
unlink_job(struct oro_mailbox *m, struct oro_job **link, struct oro_job *before)
{
    ORO_ASSERT_LOCKED(&m->lock);
    struct oro_job *job = *link;
    *link = job->next;
    if (m->tail == job)
        m->tail = before;
    return job;
}

/* What will not be run need not be kept either. Gives the jobs, linked. */
static struct oro_job *
jobs_strip(struct oro_mailbox *m, uint32_t keep)
{
    ORO_ASSERT_LOCKED(&m->lock);
    struct oro_job *dropped = NULL, *before = NULL, **link = &m->head, *job;
    while ((job = *link) != NULL) {
        if (job != m->begun && job->kind == ORO_JOB_CALLS && keep == 0 && job->wait == NULL) {
            unlink_job(m, link, before);
            job->next = dropped;
            dropped = job;
            continue;
        }
        if (job != m->begun && job->kind == ORO_JOB_CALLS) {
            uint32_t calls = job->ncalls - job->at;
            if (calls > keep)
                job->ncalls = job->at + keep;
            keep -= calls < keep ? calls : keep;
        }
        before = job;
        link = &job->next;
    }
    return dropped;
}

void
oro_mailbox_leave(struct oro_mailbox *m, unsigned keep, bool refuse)
{
    struct oro_job *dropped = NULL;
    oro_spin_lock(&m->lock);
    if (!atomic_load_explicit(&m->left, memory_order_relaxed)) {
        m->refuses = refuse;
        atomic_store_explicit(&m->keep, (int)keep, memory_order_relaxed);
        atomic_store_explicit(&m->left, true,
                              memory_order_release); /* with a load in calls_run() */
        if (!refuse)
            dropped = jobs_strip(m, keep);
    }
    oro_spin_unlock(&m->lock);
    for (struct oro_job *job; (job = dropped) != NULL;) {
        dropped = job->next;
        oro_job_free(m->pool, job, ORO_EREFUSED, (struct oro_bytes){0});
    }
}

void
oro_pool_post(struct oro_pool *p, struct oro_mailbox *m, struct oro_job *job, bool front)
{
    bool own = m == NULL;
    if (own)
        m = mailbox_own();
    atomic_fetch_add_explicit(&p->jobs, 1, memory_order_relaxed);
    job->next = NULL;
    job_move(job, ORO_JOB_POSTED);
    oro_spin_lock(&m->lock);
    ORO_ASSERT((m->head == NULL) == (m->tail == NULL));
    if (m->tail != NULL)
        m->tail->next = job;
    else
        m->head = job;
    m->tail = job;
    bool ready = !m->queued;
    m->queued = true;
    oro_spin_unlock(&m->lock);
    if (!ready)
        return; /* a worker has it or will come to it; own mailboxes are always ready here */
    /* The queue's reference: the poster's own for a mailbox made here, one more otherwise. */
    if (!own)
        atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    oro_spin_lock(&p->lock);
    if (front)
        turns_push_front(&p->turns, m);
    else
        turns_push(&p->turns, m);
    oro_spin_unlock(&p->lock);
    oro_wake_signal(&p->wake);
}

void
oro_pool_post_procedure(struct oro_pool *p, const struct oro_turns_of *of, struct oro_job *job)
{
    ORO_ASSERT(job->kind == ORO_JOB_PROCEDURE && job->ncalls == 1);
    struct oro_mailbox *m = oro_mailbox_new(p, of);
    oro_pool_post(p, m, job, false);
    oro_mailbox_unref(m);
}

struct oro_mailbox *
oro_pool_take(struct oro_pool *p)
{
    oro_spin_lock(&p->lock);
    struct oro_mailbox *m = turns_pop(&p->turns);
    oro_spin_unlock(&p->lock);
    return m;
}

struct oro_job *
oro_mailbox_first(struct oro_mailbox *m)
{
    oro_spin_lock(&m->lock);
    struct oro_job *job = m->begun = m->head;
    if (job != NULL)
        job_move(job, ORO_JOB_BEGUN);
    oro_spin_unlock(&m->lock);
    return job;
}

void
oro_mailbox_pop(struct oro_mailbox *m)
{
    oro_spin_lock(&m->lock);
    ORO_ASSERT(m->head != NULL && m->begun == m->head);
    m->head = m->head->next;
    m->begun = NULL;
    if (m->head == NULL)
        m->tail = NULL;
    oro_spin_unlock(&m->lock);
}

/* Before somebody else may have it. True: it was counted, so one may go on who has been passed over. */
static bool
turn_over(struct oro_pool *p, struct oro_mailbox *m)
{
    if (m->turn_of == NULL)
        return false;
    oro_spin_lock(&p->lock);
    turns_end(&p->turns, m);
    oro_spin_unlock(&p->lock);
    return true;
}

/* The worker is through with its batch. Takes the queue's reference. */
void
oro_pool_give_back(struct oro_pool *p, struct oro_mailbox *m)
{
    bool limited = turn_over(p, m);
    oro_spin_lock(&m->lock);
    ORO_ASSERT(m->queued);
    bool more = m->head != NULL;
    m->begun = NULL;
    m->queued = more;
    oro_spin_unlock(&m->lock);
    if (more) {
        oro_spin_lock(&p->lock);
        turns_push(&p->turns, m);
        oro_spin_unlock(&p->lock);
    } else {
        oro_mailbox_unref(m);
    }
    if (more || limited)
        oro_wake_signal(
            &p->wake); /* another worker may be asleep while this one goes on with the next mailbox */
}

oro_status
oro_pool_post_wait(struct oro_pool *p, struct oro_job *job, char *text)
{
    struct oro_job_wait wait = {.status = ORO_EINTERNAL};
    job->wait = &wait;
    oro_pool_post(p, NULL, job, true);
    for (;;) {
        unsigned seen = oro_wake_prepare(&wait.wake);
        if (atomic_load_explicit(&wait.state, memory_order_acquire) > 0)
            break;
        oro_wake_wait(&wait.wake, seen, -1);
    }
    while (atomic_load_explicit(&wait.state, memory_order_acquire) < 2)
        sched_yield();
    if (text != NULL)
        snprintf(text, sizeof(wait.text), "%s", wait.text);
    return wait.status;
}

unsigned
oro_pool_busy(const struct oro_pool *p)
{
    return atomic_load(&p->jobs);
}

unsigned
oro_pool_workers(const struct oro_pool *p)
{
    return p->started;
}
