/* The hierarchical timer wheel.
 *
 * Time is cut into ticks of 1 ms. Nine levels of 64 slots: a slot of level 0 is one tick, one of level n is 64^n ticks,
 * and nine levels hold every tick an int64_t of microseconds has. With `at` the tick the wheel stands on, a timer is on
 * the level of the highest group of six bits in which its tick differs from `at`, in the slot those bits name:
 *
 *     tick   ... [level 2: 6 bits] [level 1: 6 bits] [level 0: 6 bits]
 *
 * So all timers of a level lie in slots above the one `at` stands in, all of level n come before all of level n + 1, and
 * the first thing to happen is the lowest set bit of the lowest level that has one. When `at` comes to a slot of a level
 * above 0 its timers are dealt again to lower levels, each at most once a level.
 *
 * Timers whose tick is not after `at` are in the heap `near`, ordered by exact due time: a timer never fires before its
 * microsecond, and those of one tick fire in order. The heap holds a tick's worth of timers (and those armed too late),
 * so arming and cancelling stay O(1) for all others. In there `slot` is the place in the heap. */
#include "scheduler/wheel.h"

#include "runtime/base/assert.h"
#include "runtime/base/mem.h"

#define TICK_US 1000
#define SLOT_BITS 6
#define SLOTS 64
#define LEVELS 9
#define LEVEL_NEAR LEVELS

struct oro_wheel {
    uint64_t at;               /* the tick everything up to which has been dealt out */
    uint64_t orders;           /* timers armed so far */
    uint64_t occupied[LEVELS]; /* bit s: slot s has timers */
    struct oro_timer *slots[LEVELS][SLOTS];
    struct oro_timer **near;
    size_t near_len, near_cap;
};

static uint64_t
tick_of(int64_t us)
{
    return us < 0 ? 0 : (uint64_t)us / TICK_US;
}

/* ---- near: a binary heap ---- */

static bool
is_before(const struct oro_timer *a, const struct oro_timer *b)
{
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->order < b->order;
}

static void
near_place(struct oro_wheel *w, size_t i, struct oro_timer *t)
{
    w->near[i] = t;
    t->slot = (unsigned)i;
}

static void
near_up(struct oro_wheel *w, size_t i, struct oro_timer *t)
{
    while (i > 0 && is_before(t, w->near[(i - 1) / 2])) {
        near_place(w, i, w->near[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    near_place(w, i, t);
}

static void
near_down(struct oro_wheel *w, size_t i, struct oro_timer *t)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= w->near_len)
            break;
        if (child + 1 < w->near_len && is_before(w->near[child + 1], w->near[child]))
            child++;
        if (!is_before(w->near[child], t))
            break;
        near_place(w, i, w->near[child]);
        i = child;
    }
    near_place(w, i, t);
}

static void
near_add(struct oro_wheel *w, struct oro_timer *t)
{
    w->near = oro_grow(w->near, w->near_len, &w->near_cap, sizeof(*w->near));
    t->level = LEVEL_NEAR;
    near_up(w, w->near_len++, t);
}

static void
near_remove(struct oro_wheel *w, struct oro_timer *t)
{
    size_t i = t->slot;
    ORO_ASSERT(i < w->near_len && w->near[i] == t);
    struct oro_timer *last = w->near[--w->near_len];
    if (last == t)
        return;
    if (i > 0 && is_before(last, w->near[(i - 1) / 2]))
        near_up(w, i, last);
    else
        near_down(w, i, last);
}

/* ---- slots ---- */

static void
link_timer(struct oro_wheel *w, struct oro_timer *t)
{
    uint64_t tick = tick_of(t->due_us);
    if (tick <= w->at) {
        near_add(w, t);
        return;
    }
    t->level = (63 - (unsigned)__builtin_clzll(tick ^ w->at)) / SLOT_BITS;
    t->slot = (unsigned)(tick >> (t->level * SLOT_BITS)) & (SLOTS - 1);
    struct oro_timer **head = &w->slots[t->level][t->slot];
    t->prev = NULL;
    t->next = *head;
    if (*head != NULL)
        (*head)->prev = t;
    *head = t;
    w->occupied[t->level] |= UINT64_C(1) << t->slot;
}

static void
unlink_timer(struct oro_wheel *w, struct oro_timer *t)
{
    if (t->level == LEVEL_NEAR) {
        near_remove(w, t);
        return;
    }
    if (t->next != NULL)
        t->next->prev = t->prev;
    if (t->prev != NULL)
        t->prev->next = t->next;
    else
        w->slots[t->level][t->slot] = t->next;
    if (w->slots[t->level][t->slot] == NULL)
        w->occupied[t->level] &= ~(UINT64_C(1) << t->slot);
}

/* The occupied slot that comes first, and the tick it begins with; false if all are empty. */
static bool
first_slot(const struct oro_wheel *w, unsigned *level, unsigned *slot, uint64_t *tick)
{
    for (unsigned l = 0; l < LEVELS; l++) {
        if (w->occupied[l] == 0)
            continue;
        unsigned shift = l * SLOT_BITS;
        *level = l;
        *slot = (unsigned)__builtin_ctzll(w->occupied[l]);
        /* The bits above the level are those of `at`, the bits below it are zero. */
        *tick = (w->at >> shift >> SLOT_BITS << SLOT_BITS | *slot) << shift;
        return true;
    }
    return false;
}

static void
deal_out(struct oro_wheel *w, unsigned level, unsigned slot)
{
    struct oro_timer *t = w->slots[level][slot];
    w->slots[level][slot] = NULL;
    w->occupied[level] &= ~(UINT64_C(1) << slot);
    while (t != NULL) {
        struct oro_timer *next = t->next;
        link_timer(w, t);
        t = next;
    }
}

/* Moves on to the first slot that has timers, if that is not after `to`, and deals it out; else to `to`. */
static bool
advance(struct oro_wheel *w, uint64_t to)
{
    unsigned level, slot;
    uint64_t tick;
    if (first_slot(w, &level, &slot, &tick) && tick <= to) {
        w->at = tick;
        deal_out(w, level, slot);
        return true;
    }
    if (w->at < to)
        w->at = to;
    return false;
}

/* ---- what others call ---- */

struct oro_wheel *
oro_wheel_create(int64_t now_us)
{
    struct oro_wheel *w = ORO_NEW(struct oro_wheel);
    w->at = tick_of(now_us);
    return w;
}

void
oro_wheel_destroy(struct oro_wheel *w)
{
    if (w == NULL)
        return;
    oro_free(w->near);
    oro_free(w);
}

void
oro_wheel_move(struct oro_wheel *w, struct oro_timer *t, int64_t due_us)
{
    if (t->armed)
        unlink_timer(w, t);
    t->due_us = due_us;
    t->armed = true;
    link_timer(w, t);
}

void
oro_wheel_arm(struct oro_wheel *w, struct oro_timer *t, int64_t due_us)
{
    oro_wheel_cancel(w, t); /* before its order changes, by which it may be found */
    t->order = w->orders++;
    oro_wheel_move(w, t, due_us);
}

void
oro_wheel_cancel(struct oro_wheel *w, struct oro_timer *t)
{
    if (!t->armed)
        return;
    unlink_timer(w, t);
    t->armed = false;
}

/* The earliest due time in a slot of one tick. Stops early in a long list: the tick's begin is a right answer too, only
 * one that costs a wake-up more. */
static int64_t
slot_due(const struct oro_timer *t, int64_t tick_us)
{
    int64_t due = INT64_MAX;
    for (int n = 0; t != NULL; t = t->next) {
        if (++n > 64)
            return tick_us;
        if (t->due_us < due)
            due = t->due_us;
    }
    return due;
}

int64_t
oro_wheel_next(const struct oro_wheel *w)
{
    unsigned level, slot;
    uint64_t tick;
    if (w->near_len > 0)
        return w->near[0]->due_us;
    if (!first_slot(w, &level, &slot, &tick))
        return INT64_MAX;
    int64_t tick_us = (int64_t)tick * TICK_US;
    return level == 0 ? slot_due(w->slots[0][slot], tick_us) : tick_us;
}

struct oro_timer *
oro_wheel_expire(struct oro_wheel *w, int64_t now_us)
{
    /* Slot by slot, and only when what is near is used up: nothing of a later tick is due before it, and the heap stays
     * as small as one slot after a long sleep too. */
    while (w->near_len == 0 || w->near[0]->due_us > now_us) {
        if (!advance(w, tick_of(now_us)))
            return NULL;
    }
    struct oro_timer *t = w->near[0];
    near_remove(w, t);
    t->armed = false;
    return t;
}
