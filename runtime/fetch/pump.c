/* runtime/fetch/pump.c - see pump.h. A request is made by its asker, handed to the thread, which alone touches curl's handles from then
 * on, and handed back when it is done. Who ends one that is not done leaves it to the thread. */
#include "runtime/fetch/pump.h"

#include <pthread.h>

#define IDLE_MS 1000
#define STACK ((size_t)1 << 20)

enum pumped_state {
    PUMPED_NEW, /* in the list of new ones */
    PUMPED_RUNS,
    PUMPED_DONE,    /* the asker's alone */
    PUMPED_DROPPED, /* nobody wants it: in the list of dropped ones */
};

struct oro_pumped {
    struct oro_pump *of;
    struct oro_fetch *fetch;
    struct oro_pump_box *box;
    uint64_t number;
    atomic_int state;        /* changed under the lock */
    bool boxed;              /* it lies in its box */
    struct oro_pumped *next; /* new, or in the box */
    /* apart: the thread goes through the new ones without the lock */
    struct oro_pumped *dropped_next;
    struct oro_pumped *all_next, **all_link; /* the thread's: those that run */
};

struct oro_pump {
    struct oro_pump_options opt;
    struct oro_fetcher *fetcher;
    pthread_t thread;
    pthread_mutex_t lock;
    struct oro_pumped *fresh, *dropped; /* guarded by lock, as is: */
    bool ends;
    struct oro_pumped *running; /* the thread's */
};

static void
pumped_free(struct oro_pumped *r)
{
    oro_fetch_end(r->fetch);
    oro_free(r);
}

static void
running_leave(struct oro_pumped *r)
{
    if (r->all_link == NULL)
        return;
    *r->all_link = r->all_next;
    if (r->all_next != NULL)
        r->all_next->all_link = r->all_link;
    r->all_link = NULL;
}

static void
running_enter(struct oro_pump *p, struct oro_pumped *r)
{
    r->all_next = p->running;
    r->all_link = &p->running;
    if (r->all_next != NULL)
        r->all_next->all_link = &r->all_next;
    p->running = r;
}

/* False: it has to end. */
static bool
lists_take(struct oro_pump *p)
{
    pthread_mutex_lock(&p->lock);
    struct oro_pumped *fresh = p->fresh, *dropped = p->dropped, *r;
    p->fresh = p->dropped = NULL;
    bool ends = p->ends;
    for (r = fresh; r != NULL; r = r->next)
        atomic_store(&r->state, PUMPED_RUNS);
    pthread_mutex_unlock(&p->lock);
    for (; (r = dropped) != NULL;) {
        dropped = r->dropped_next;
        running_leave(r);
        pumped_free(r);
    }
    for (; (r = fresh) != NULL;) {
        fresh = r->next;
        running_enter(p, r);
        oro_fetch_go(r->fetch);
    }
    return !ends;
}

static void
box_put(struct oro_pumped *r)
{
    struct oro_pump_box *box = r->box;
    if (box == NULL)
        return;
    r->boxed = true;
    r->next = NULL;
    if (box->tail != NULL)
        box->tail->next = r;
    else
        box->head = r;
    box->tail = r;
    atomic_fetch_add(&box->n, 1);
}

/* Those whose answer is there, or that have failed. */
static void
done_give(struct oro_pump *p)
{
    bool any = false;
    for (struct oro_pumped *r; (r = oro_fetcher_next_done(p->fetcher)) != NULL;) {
        running_leave(r);
        oro_fetch_rest(r->fetch);
        pthread_mutex_lock(&p->lock);
        bool wanted = atomic_load(&r->state) == PUMPED_RUNS;
        if (wanted) {
            box_put(r);
            atomic_store(&r->state, PUMPED_DONE);
        }
        pthread_mutex_unlock(&p->lock);
        any = any || wanted; /* otherwise it stands in the list of the dropped */
    }
    if (any)
        p->opt.told(p->opt.arg);
}

static void *
pump_main(void *arg)
{
    struct oro_pump *p = arg;
    while (lists_take(p)) {
        oro_fetcher_wait(p->fetcher, IDLE_MS);
        done_give(p);
    }
    for (struct oro_pumped *r; (r = p->running) != NULL;) {
        running_leave(r);
        pumped_free(r);
    }
    return NULL;
}

oro_status
oro_pump_start(const struct oro_pump_options *opt, struct oro_pump **out, struct oro_err *err)
{
    struct oro_pump *p = ORO_NEW(struct oro_pump);
    *p = (struct oro_pump){.opt = *opt};
    oro_status st = oro_fetcher_create(&opt->limits, &p->fetcher, err);
    if (st != ORO_OK)
        goto fail;
    pthread_mutex_init(&p->lock, NULL);
    st = oro_thread_start(&p->thread, ORO_THREAD_OTHER, "requests", STACK, pump_main, p, err);
    if (st != ORO_OK)
        goto fail_fetcher;
    *out = p;
    return ORO_OK;

fail_fetcher:
    pthread_mutex_destroy(&p->lock);
    oro_fetcher_destroy(p->fetcher);
fail:
    oro_free(p);
    return st;
}

void
oro_pump_stop(struct oro_pump *p)
{
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    p->ends = true;
    pthread_mutex_unlock(&p->lock);
    oro_fetcher_wake(p->fetcher);
    oro_thread_join(p->thread);
    oro_fetcher_destroy(p->fetcher);
    pthread_mutex_destroy(&p->lock);
    oro_free(p);
}

oro_status
oro_pump_ask(struct oro_pump *p, struct oro_pump_box *box, const struct oro_fetch_ask *ask,
             uint64_t number, struct oro_pumped **out, struct oro_err *err)
{
    struct oro_pumped *r = ORO_NEW(struct oro_pumped);
    *r = (struct oro_pumped){.of = p, .box = box, .number = number};
    oro_status st = oro_fetch_make(p->fetcher, ask, r, &r->fetch, err);
    if (st != ORO_OK) {
        oro_free(r);
        return st;
    }
    pthread_mutex_lock(&p->lock);
    r->next = p->fresh;
    p->fresh = r;
    pthread_mutex_unlock(&p->lock);
    oro_fetcher_wake(p->fetcher);
    *out = r;
    return ORO_OK;
}

struct oro_pumped *
oro_pump_next(struct oro_pump *p, struct oro_pump_box *box)
{
    if (p == NULL || atomic_load(&box->n) == 0)
        return NULL;
    pthread_mutex_lock(&p->lock);
    struct oro_pumped *r = box->head;
    if (r != NULL) {
        box->head = r->next;
        if (box->head == NULL)
            box->tail = NULL;
        r->boxed = false;
        atomic_fetch_sub(&box->n, 1);
    }
    pthread_mutex_unlock(&p->lock);
    return r;
}

uint64_t
oro_pumped_number(const struct oro_pumped *r)
{
    return r->number;
}

bool
oro_pumped_is_done(const struct oro_pumped *r)
{
    /* acquire: with the store in done_give(), so that what curl wrote is seen. */
    return atomic_load_explicit(&r->state, memory_order_acquire) == PUMPED_DONE;
}

oro_status
oro_pumped_take(struct oro_pumped *r, struct oro_fetched *out, struct oro_err *err)
{
    ORO_ASSERT(oro_pumped_is_done(r));
    return oro_fetch_take(r->fetch, out, err);
}

static void
box_remove(struct oro_pumped *r)
{
    struct oro_pumped *before = NULL, **link = &r->box->head;
    for (; *link != r; link = &(*link)->next)
        before = *link;
    *link = r->next;
    if (r->box->tail == r)
        r->box->tail = before;
    atomic_fetch_sub(&r->box->n, 1);
}

void
oro_pumped_end(struct oro_pumped *r)
{
    if (r == NULL)
        return;
    struct oro_pump *p = r->of;
    pthread_mutex_lock(&p->lock);
    int state = atomic_load(&r->state);
    bool ours = state == PUMPED_DONE;
    if (r->boxed)
        box_remove(r);
    if (state == PUMPED_NEW) {
        struct oro_pumped **link = &p->fresh;
        while (*link != r)
            link = &(*link)->next;
        *link = r->next;
        ours = true; /* nobody else has seen it */
    } else if (!ours) {
        atomic_store(&r->state, PUMPED_DROPPED);
        r->dropped_next = p->dropped;
        p->dropped = r;
    }
    pthread_mutex_unlock(&p->lock);
    if (ours)
        pumped_free(r);
    else
        oro_fetcher_wake(p->fetcher);
}
