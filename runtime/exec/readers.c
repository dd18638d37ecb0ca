/* The threads, and who has a slot. One lock over all of it: tasks are few and long. */
#include "runtime/exec/readers.h"

#include <errno.h>
#include <stdio.h>

#include "runtime/base/map.h"
#include "runtime/base/mem.h"
#include "runtime/base/thread.h"

struct task_list {
    struct oro_read_task *first, *last;
};

/* As of mailboxes (writers/turns.c): of an address in a round. */
#define READ_SOURCE_TURNS 16

enum who_kind { WHO_IDENTITY, WHO_NEWCOMERS, WHO_SOURCE };

struct who {
    uint8_t key[33];
};

/* What an identity, or the newcomers of an address, ask and wait for. Exists while it does. */
struct asker {
    struct who who;
    struct task_list tasks;
    struct asker *next;
};

/* Those of an address who are no newcomers; or newcomers, or an identity from nowhere, alone. */
struct read_group {
    struct who who;
    struct asker *first, *last;
    unsigned n, left; /* who wait; turns of this round */
    struct read_group *next;
};

/* Those who wait for a slot: the first one of the first group has the next turn. */
struct round {
    struct read_group *first, *last;
    struct oro_map groups, askers;
};

struct oro_readers {
    pthread_mutex_t lock;
    struct oro_wake work, idle;
    pthread_t *threads;
    unsigned nthreads;
    /* Under the lock. */
    struct round waiting[ORO_READ_LANES];
    struct task_list ready[ORO_READ_LANES], running;
    unsigned slots[ORO_READ_LANES];
    unsigned busy; /* readers with a task, until its owner has been told */
    bool paused, quits, more_next;
    atomic_bool ends;
};

/* Somebody has it: that it is the calling thread only it knows. */
#define ASSERT_LOCKED(r) ORO_ASSERT_DEBUG(pthread_mutex_trylock(&(r)->lock) == EBUSY)

static void
list_add(struct task_list *l, struct oro_read_task *t)
{
    t->next = NULL;
    t->prev = l->last;
    if (l->last != NULL)
        l->last->next = t;
    else
        l->first = t;
    l->last = t;
}

static void
list_remove(struct task_list *l, struct oro_read_task *t)
{
    if (t->prev != NULL)
        t->prev->next = t->next;
    else
        l->first = t->next;
    if (t->next != NULL)
        t->next->prev = t->prev;
    else
        l->last = t->prev;
    t->next = t->prev = NULL;
}

static struct oro_read_task *
list_pop(struct task_list *l)
{
    struct oro_read_task *t = l->first;
    if (t != NULL)
        list_remove(l, t);
    return t;
}

static void
list_move(struct task_list *to, struct task_list *from)
{
    for (struct oro_read_task *t; (t = list_pop(from)) != NULL;)
        list_add(to, t);
}

/* ---- turns ---- */

static struct who
who_of(enum who_kind kind, const void *id, size_t len)
{
    struct who w = {{(uint8_t)kind}};
    memcpy(w.key + 1, id, len);
    return w;
}

static struct oro_bytes
key_of(const struct who *w)
{
    return oro_bytes(w->key, sizeof(w->key));
}

static struct who
asker_who(const struct oro_turns_of *of)
{
    return of->known || of->source == 0
               ? who_of(WHO_IDENTITY, of->identity.le, sizeof(of->identity.le))
               : who_of(WHO_NEWCOMERS, &of->source, sizeof(of->source));
}

static struct who
group_who(const struct oro_turns_of *of)
{
    return of->known && of->source != 0 ? who_of(WHO_SOURCE, &of->source, sizeof(of->source))
                                        : asker_who(of);
}

static void
round_append(struct round *r, struct read_group *g)
{
    g->next = NULL;
    g->left = g->n < READ_SOURCE_TURNS ? g->n : READ_SOURCE_TURNS;
    if (r->first != NULL)
        r->last->next = g;
    else
        r->first = g;
    r->last = g;
}

static void
group_append(struct read_group *g, struct asker *a)
{
    a->next = NULL;
    if (g->first != NULL)
        g->last->next = a;
    else
        g->first = a;
    g->last = a;
    g->n++;
}

static struct read_group *
group_of(struct round *r, const struct oro_turns_of *of)
{
    struct who who = group_who(of);
    struct read_group *g = oro_map_get(&r->groups, key_of(&who));
    if (g != NULL)
        return g;
    g = ORO_NEW(struct read_group);
    g->who = who;
    oro_map_put(&r->groups, key_of(&who), g);
    return g;
}

static void
round_add(struct round *r, struct oro_read_task *t)
{
    struct who who = asker_who(&t->of);
    struct asker *a = oro_map_get(&r->askers, key_of(&who));
    if (a == NULL) {
        struct read_group *g = group_of(r, &t->of);
        a = ORO_NEW(struct asker);
        a->who = who;
        oro_map_put(&r->askers, key_of(&who), a);
        group_append(g, a);
        if (g->n == 1)
            round_append(r, g);
    }
    list_add(&a->tasks, t);
}

/* The next one's first; who has more stands behind the others of its group then, and the group behind the others, once its turns
 * of this round are over. */
static struct oro_read_task *
round_pop(struct round *r)
{
    struct read_group *g = r->first;
    if (g == NULL)
        return NULL;
    struct asker *a = g->first;
    struct oro_read_task *t = list_pop(&a->tasks);
    g->first = a->next;
    g->n--;
    if (a->tasks.first != NULL) {
        group_append(g, a);
    } else {
        oro_map_del(&r->askers, key_of(&a->who));
        oro_free(a);
    }
    if (g->n > 0 && --g->left > 0)
        return t;
    r->first = g->next;
    if (g->n > 0) {
        round_append(r, g);
    } else {
        oro_map_del(&r->groups, key_of(&g->who));
        oro_free(g);
    }
    return t;
}

/* Tells the owners, without the lock. */
static void
list_return(struct task_list *l)
{
    for (struct oro_read_task *t; (t = list_pop(l)) != NULL;) {
        t->ran = false;
        t->done(t);
    }
}

/* Slots that are free go to those that wait; they are told once the lock is released. */
static void
grant(struct oro_readers *r, struct task_list *told)
{
    ASSERT_LOCKED(r);
    for (int lane = 0; lane < ORO_READ_LANES && !r->paused && !r->quits; lane++) {
        while (r->slots[lane] > 0 && r->waiting[lane].first != NULL) {
            r->slots[lane]--;
            list_add(told, round_pop(&r->waiting[lane]));
        }
    }
}

static void
tell(struct task_list *told)
{
    for (struct oro_read_task *t; (t = list_pop(told)) != NULL;)
        t->admitted(t);
}

bool
oro_readers_admit(struct oro_readers *r, struct oro_read_task *t)
{
    struct task_list back = {0};
    pthread_mutex_lock(&r->lock);
    bool yes = !r->paused && !r->quits && r->slots[t->lane] > 0;
    if (yes)
        r->slots[t->lane]--;
    else if (r->quits)
        list_add(&back, t);
    else
        round_add(&r->waiting[t->lane], t);
    pthread_mutex_unlock(&r->lock);
    list_return(&back);
    return yes;
}

void
oro_readers_run(struct oro_readers *r, struct oro_read_task *t)
{
    struct task_list back = {0};
    pthread_mutex_lock(&r->lock);
    list_add(r->paused || r->quits ? &back : &r->ready[t->lane], t);
    pthread_mutex_unlock(&r->lock);
    list_return(&back);
    oro_wake_signal(&r->work);
}

void
oro_readers_release(struct oro_readers *r, enum oro_read_lane lane)
{
    struct task_list told = {0};
    pthread_mutex_lock(&r->lock);
    r->slots[lane]++;
    grant(r, &told);
    pthread_mutex_unlock(&r->lock);
    tell(&told);
}

/* ---- the threads ---- */

static struct oro_read_task *
take(struct oro_readers *r)
{
    pthread_mutex_lock(&r->lock);
    enum oro_read_lane first = r->more_next ? ORO_READ_MORE : ORO_READ_SMALL;
    r->more_next = !r->more_next;
    struct oro_read_task *t = list_pop(&r->ready[first]);
    if (t == NULL)
        t = list_pop(&r->ready[first == ORO_READ_MORE ? ORO_READ_SMALL : ORO_READ_MORE]);
    if (t == NULL)
        t = list_pop(&r->ready[ORO_READ_LARGE]);
    if (t != NULL) {
        list_add(&r->running, t);
        r->busy++;
    }
    pthread_mutex_unlock(&r->lock);
    return t;
}

static void
serve(struct oro_readers *r, struct oro_read_task *t)
{
    ORO_ASSERT_THREAD(ORO_THREAD_OTHER);
    t->run(t);
    pthread_mutex_lock(&r->lock);
    list_remove(&r->running, t);
    pthread_mutex_unlock(&r->lock);
    t->ran = true;
    t->done(t); /* and is not ours any more */
    pthread_mutex_lock(&r->lock);
    bool none = --r->busy == 0;
    pthread_mutex_unlock(&r->lock);
    if (none)
        oro_wake_broadcast(&r->idle);
}

static void *
reader_main(void *arg)
{
    struct oro_readers *r = arg;
    while (!atomic_load(&r->ends)) {
        unsigned seen = oro_wake_prepare(&r->work);
        struct oro_read_task *t = take(r);
        if (t != NULL)
            serve(r, t);
        else if (!atomic_load(&r->ends))
            oro_wake_wait(&r->work, seen, -1);
    }
    return NULL;
}

/* Has everything come to an end, and what has not begun come back. Lock held; back is told afterwards. */
static void
interrupt(struct oro_readers *r, struct task_list *back)
{
    ASSERT_LOCKED(r);
    for (int lane = 0; lane < ORO_READ_LANES; lane++)
        list_move(back, &r->ready[lane]);
    for (struct oro_read_task *t = r->running.first; t != NULL; t = t->next)
        atomic_store_explicit(&t->stop, true, memory_order_relaxed);
}

static bool
is_idle(struct oro_readers *r)
{
    pthread_mutex_lock(&r->lock);
    bool yes = r->busy == 0;
    pthread_mutex_unlock(&r->lock);
    return yes;
}

void
oro_readers_pause(struct oro_readers *r)
{
    struct task_list back = {0};
    pthread_mutex_lock(&r->lock);
    r->paused = true;
    interrupt(r, &back);
    pthread_mutex_unlock(&r->lock);
    list_return(&back);
    for (;;) {
        unsigned seen = oro_wake_prepare(&r->idle);
        if (is_idle(r))
            return;
        oro_wake_wait(&r->idle, seen, -1);
    }
}

void
oro_readers_resume(struct oro_readers *r)
{
    struct task_list told = {0};
    pthread_mutex_lock(&r->lock);
    r->paused = false;
    grant(r, &told);
    pthread_mutex_unlock(&r->lock);
    tell(&told);
}

void
oro_readers_quit(struct oro_readers *r)
{
    struct task_list back = {0};
    pthread_mutex_lock(&r->lock);
    r->quits = true;
    interrupt(r, &back);
    for (int lane = 0; lane < ORO_READ_LANES; lane++)
        for (struct oro_read_task *t; (t = round_pop(&r->waiting[lane])) != NULL;)
            list_add(&back, t);
    pthread_mutex_unlock(&r->lock);
    list_return(&back);
}

void
oro_readers_stop(struct oro_readers *r)
{
    if (r == NULL)
        return;
    oro_readers_quit(r);
    atomic_store(&r->ends, true);
    oro_wake_broadcast(&r->work);
    for (unsigned i = 0; i < r->nthreads; i++)
        oro_thread_join(r->threads[i]);
    for (int lane = 0; lane < ORO_READ_LANES; lane++) {
        oro_map_fini(&r->waiting[lane].askers);
        oro_map_fini(&r->waiting[lane].groups);
    }
    pthread_mutex_destroy(&r->lock);
    oro_free(r->threads);
    oro_free(r);
}

oro_status
oro_readers_start(unsigned threads, struct oro_readers **out, struct oro_err *err)
{
    ORO_ASSERT(threads > 0);
    struct oro_readers *r = ORO_NEW(struct oro_readers);
    pthread_mutex_init(&r->lock, NULL);
    r->threads = ORO_NEW_ARRAY(pthread_t, threads);
    r->slots[ORO_READ_SMALL] = threads;
    r->slots[ORO_READ_LARGE] = threads > 1 ? threads - 1 : 1;
    for (; r->nthreads < threads; r->nthreads++) {
        char name[24];
        snprintf(name, sizeof(name), "reader %u", r->nthreads);
        oro_status st = oro_thread_start(&r->threads[r->nthreads], ORO_THREAD_OTHER, name, 0,
                                         reader_main, r, err);
        if (st != ORO_OK) {
            oro_readers_stop(r);
            return st;
        }
    }
    *out = r;
    return ORO_OK;
}
