#include "runtime/exec/writers/turns.h"

#include "runtime/base/clock.h"
#include "runtime/exec/writers/pool_priv.h"

/* Of the front queue before it is a client's turn: a timer that is always due must not starve clients. */
#define FRONT_RUN 2
/* A turn ends after 5 ms, or with the call that is running then; 64 short calls take a fraction of a millisecond. The system may
 * take the core away in the middle of one, so the mean over some turns decides; who comes begins above the limit. */
#define SHORT_US 2000
#define FIRST_US 3000
#define MEAN_OF 4
/* While somebody with short turns waits, every so many turns are of the others. */
#define OTHERS_EVERY 8
/* While somebody present waits, every so many turns are of those who have left. */
#define LEFT_EVERY 16

/* Who has been here for so long is no newcomer. */
#define KNOWN_US 60000000
/* Of one address in a round: a family, an office or a dormitory at one address loses nothing; a thousand identities that were
 * kept for the purpose do not outweigh the players of other addresses. */
#define SOURCE_TURNS 16

#define ASSERT_LOCKED(t) ORO_ASSERT_LOCKED((t)->lock)

static void
queue_push(struct run_queue *q, struct oro_mailbox *m)
{
    m->next_ready = NULL;
    if (q->tail != NULL)
        q->tail->next_ready = m;
    else
        q->head = m;
    q->tail = m;
}

static struct oro_mailbox *
queue_pop(struct run_queue *q)
{
    struct oro_mailbox *m = q->head;
    if (m != NULL) {
        q->head = m->next_ready;
        if (q->head == NULL)
            q->tail = NULL;
    }
    return m;
}

/* ---- identities and where they come from ---- */

void
turns_init(struct turns *t)
{
    *t = (struct turns){0};
    pthread_mutex_init(&t->register_lock, NULL);
}

void
turns_fini(struct turns *t)
{
    oro_map_fini(&t->sharers);
    oro_map_fini(&t->sources);
    pthread_mutex_destroy(&t->register_lock);
}

static struct oro_bytes
identity_bytes(const struct oro_identity *id)
{
    return oro_bytes(id->le, sizeof(id->le));
}

static struct oro_bytes
source_key(const uint64_t *number, const struct oro_identity *id)
{
    return *number != 0 ? oro_bytes(number, sizeof(*number)) : identity_bytes(id);
}

/* Register locked. */
static struct source *
source_join(struct turns *t, const struct oro_turns_of *of)
{
    struct oro_bytes key = source_key(&of->source, &of->identity);
    struct source *from = oro_map_get(&t->sources, key);
    if (from == NULL) {
        from = ORO_NEW(struct source);
        *from = (struct source){.number = of->source,
                                .fresh = {.turns = 1, .fresh = true},
                                .known = {.turns = SOURCE_TURNS}};
        oro_map_put(&t->sources, key, from);
    }
    from->refs++;
    return from;
}

/* Register locked. */
static void
source_leave(struct turns *t, struct source *from, const struct oro_identity *id)
{
    if (--from->refs > 0)
        return;
    oro_map_del(&t->sources, source_key(&from->number, id));
    for (int lane = 0; lane < LANES; lane++)
        ORO_ASSERT(from->fresh.lanes[lane].n == 0 && from->known.lanes[lane].n == 0);
    oro_free(from);
}

struct oro_sharer *
turns_join(struct turns *t, const struct oro_turns_of *of)
{
    pthread_mutex_lock(&t->register_lock);
    struct oro_sharer *s = oro_map_get(&t->sharers, identity_bytes(&of->identity));
    if (s == NULL) {
        s = ORO_NEW(struct oro_sharer);
        *s = (struct oro_sharer){.identity = of->identity,
                                 .source = source_join(t, of),
                                 .since_us = of->known ? INT64_MIN : oro_mono_us()};
        atomic_init(&s->turn_us, FIRST_US);
        oro_map_put(&t->sharers, identity_bytes(&of->identity), s);
    }
    s->refs++;
    pthread_mutex_unlock(&t->register_lock);
    return s;
}

void
turns_leave(struct turns *t, struct oro_sharer *s)
{
    pthread_mutex_lock(&t->register_lock);
    bool last = --s->refs == 0;
    if (last) {
        for (int lane = 0; lane < LANES; lane++)
            ORO_ASSERT(!s->queued[lane]);
        oro_map_del(&t->sharers, identity_bytes(&s->identity));
        source_leave(t, s->source, &s->identity);
    }
    pthread_mutex_unlock(&t->register_lock);
    if (last)
        oro_free(s);
}

/* With whom it has its turns in common from here on. */
static struct group *
group_of(struct oro_sharer *s)
{
    if (s->since_us != INT64_MIN && oro_mono_us() - s->since_us >= KNOWN_US)
        s->since_us = INT64_MIN;
    return s->since_us == INT64_MIN ? &s->source->known : &s->source->fresh;
}

/* ---- lanes ---- */

static void
lane_append(struct turns *t, struct group *g, enum lane lane)
{
    ASSERT_LOCKED(t);
    g->lanes[lane].next = NULL;
    g->lanes[lane].left = g->lanes[lane].n < g->turns ? g->lanes[lane].n : g->turns;
    if (t->lanes[lane].tail != NULL)
        t->lanes[lane].tail->lanes[lane].next = g;
    else
        t->lanes[lane].head = g;
    t->lanes[lane].tail = g;
}

static void
lane_push(struct turns *t, struct oro_sharer *s, enum lane lane)
{
    ASSERT_LOCKED(t);
    ORO_ASSERT(!s->queued[lane]);
    struct group *g = group_of(s);
    s->queued[lane] = true;
    s->next[lane] = NULL;
    if (g->lanes[lane].tail != NULL)
        g->lanes[lane].tail->next[lane] = s;
    else
        g->lanes[lane].head = s;
    g->lanes[lane].tail = s;
    if (g->lanes[lane].n++ == 0)
        lane_append(t, g, lane);
}

static bool
may_have_one_more(const struct turns *t, const struct group *g, const struct oro_sharer *s)
{
    return t->most == 0 || (g->fresh ? g->busy : s->busy) < t->most;
}

/* Who of the group is next, behind `*before` (NULL: the first). NULL: nobody of it may have one more. */
static struct oro_sharer *
group_next(const struct turns *t, const struct group *g, enum lane lane, struct oro_sharer **before)
{
    struct oro_sharer *s = g->lanes[lane].head;
    *before = NULL;
    if (g->fresh && s != NULL && !may_have_one_more(t, g, s))
        return NULL; /* none of them may; they may be thousands */
    while (s != NULL && !may_have_one_more(t, g, s)) {
        *before = s;
        s = s->next[lane];
    }
    return s;
}

static void
group_unlink(struct group *g, struct oro_sharer *before, struct oro_sharer *s, enum lane lane)
{
    *(before != NULL ? &before->next[lane] : &g->lanes[lane].head) = s->next[lane];
    if (g->lanes[lane].tail == s)
        g->lanes[lane].tail = before;
    s->queued[lane] = false;
    g->lanes[lane].n--;
}

static void
lane_unlink(struct turns *t, struct group *before, struct group *g, enum lane lane)
{
    ASSERT_LOCKED(t);
    *(before != NULL ? &before->lanes[lane].next : &t->lanes[lane].head) = g->lanes[lane].next;
    if (t->lanes[lane].tail == g)
        t->lanes[lane].tail = before;
}

/* The first group's first; the group stays in front while it has turns of this round left. Who has as many workers as he may is
 * passed over: these are few, since they have them. */
static struct oro_sharer *
lane_first(struct turns *t, enum lane lane)
{
    ASSERT_LOCKED(t);
    struct oro_sharer *before, *s = NULL;
    struct group *g = t->lanes[lane].head, *last = NULL;
    while (g != NULL && (s = group_next(t, g, lane, &before)) == NULL) {
        last = g;
        g = g->lanes[lane].next;
    }
    if (g == NULL)
        return NULL;
    group_unlink(g, before, s, lane);
    if (g->lanes[lane].n > 0 && --g->lanes[lane].left > 0)
        return s;
    lane_unlink(t, last, g, lane);
    if (g->lanes[lane].n > 0)
        lane_append(t, g, lane);
    return s;
}

static enum lane
lane_of(const struct oro_mailbox *m)
{
    if (atomic_load_explicit(&m->left, memory_order_relaxed))
        return LANE_LEFT;
    return atomic_load_explicit(&m->sharer->turn_us, memory_order_relaxed) <= SHORT_US
               ? LANE_SHORT
               : LANE_OTHERS;
}

static void
push_to(struct turns *t, struct oro_mailbox *m, enum lane lane)
{
    ASSERT_LOCKED(t);
    queue_push(&m->sharer->waiting[lane], m);
    if (!m->sharer->queued[lane])
        lane_push(t, m->sharer, lane);
}

/* A client may leave while its mailbox waits among the present: then it goes over when its turn would come. */
static struct oro_mailbox *
lane_pop(struct turns *t, enum lane lane)
{
    struct oro_sharer *s;
    while ((s = lane_first(t, lane)) != NULL) {
        struct oro_mailbox *m = queue_pop(&s->waiting[lane]);
        if (s->waiting[lane].head != NULL)
            lane_push(t, s, lane);
        if (lane == LANE_LEFT || !atomic_load_explicit(&m->left, memory_order_relaxed))
            return m;
        push_to(t, m, LANE_LEFT);
    }
    return NULL;
}

void
turns_used(struct oro_mailbox *m, int64_t us)
{
    if (m->sharer == NULL)
        return;
    /* Two workers may do this at once for one identity: then one of the turns is not counted. */
    int64_t mean = atomic_load_explicit(&m->sharer->turn_us, memory_order_relaxed);
    atomic_store_explicit(&m->sharer->turn_us, mean + (us - mean) / MEAN_OF, memory_order_relaxed);
}

void
turns_push_front(struct turns *t, struct oro_mailbox *m)
{
    ASSERT_LOCKED(t);
    queue_push(&t->front, m);
}

void
turns_push(struct turns *t, struct oro_mailbox *m)
{
    ASSERT_LOCKED(t);
    if (m->sharer == NULL)
        queue_push(&t->front, m);
    else
        push_to(t, m, lane_of(m));
}

static struct oro_mailbox *
pop_present(struct turns *t)
{
    struct oro_mailbox *m = NULL;
    if (t->lanes[LANE_OTHERS].head == NULL || t->short_run + 1 < OTHERS_EVERY)
        m = lane_pop(t, LANE_SHORT);
    if (m != NULL) {
        t->short_run++;
        return m;
    }
    t->short_run = 0;
    m = lane_pop(t, LANE_OTHERS);
    return m != NULL ? m : lane_pop(t, LANE_SHORT);
}

static struct oro_mailbox *
pop_lanes(struct turns *t)
{
    struct oro_mailbox *m = NULL;
    if (t->lanes[LANE_LEFT].head == NULL || t->present_run + 1 < LEFT_EVERY)
        m = pop_present(t);
    if (m != NULL) {
        t->present_run++;
        return m;
    }
    t->present_run = 0;
    m = lane_pop(t, LANE_LEFT);
    return m != NULL ? m : pop_present(t);
}

static struct oro_mailbox *
pop(struct turns *t)
{
    ASSERT_LOCKED(t);
    bool others = false;
    for (int lane = 0; lane < LANES; lane++)
        others = others || t->lanes[lane].head != NULL;
    struct oro_mailbox *m = t->front_run < FRONT_RUN || !others ? queue_pop(&t->front) : NULL;
    if (m != NULL) {
        t->front_run++;
        return m;
    }
    t->front_run = 0;
    m = pop_lanes(t);
    return m != NULL ? m : queue_pop(&t->front);
}

struct oro_mailbox *
turns_pop(struct turns *t)
{
    struct oro_mailbox *m = pop(t);
    if (m == NULL || m->sharer == NULL || t->most == 0)
        return m;
    m->turn_of = group_of(m->sharer);
    m->turn_of->busy++;
    m->sharer->busy++;
    return m;
}

void
turns_end(struct turns *t, struct oro_mailbox *m)
{
    ASSERT_LOCKED(t);
    if (m->turn_of == NULL)
        return;
    ORO_ASSERT(m->turn_of->busy > 0 && m->sharer->busy > 0);
    m->turn_of->busy--;
    m->sharer->busy--;
    m->turn_of = NULL;
}

static void
queue_each(struct run_queue *q, void (*fn)(struct oro_mailbox *m, void *arg), void *arg)
{
    for (struct oro_mailbox *m = q->head; m != NULL; m = m->next_ready)
        fn(m, arg);
}

void
turns_each(struct turns *t, void (*fn)(struct oro_mailbox *m, void *arg), void *arg)
{
    queue_each(&t->front, fn, arg);
    for (int lane = 0; lane < LANES; lane++)
        for (struct group *g = t->lanes[lane].head; g != NULL; g = g->lanes[lane].next)
            for (struct oro_sharer *s = g->lanes[lane].head; s != NULL; s = s->next[lane])
                queue_each(&s->waiting[lane], fn, arg);
}
