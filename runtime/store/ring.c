/* runtime/store/ring.c - publishing, cursors, and letting go of what nobody can reach any more. */
#include "runtime/store/internal.h"

/* ops and records between two looks at the marks: one look reads a line of every session */
#define RECLAIM_EVERY 64
#define RECLAIM_LEAST 256
#define SWEEP 128
#define RECLAIM_MOST 1024 /* while the lock is held, */
#define SWEEP_OPS 4096    /* and ops that are looked at */
#define SKIPS 16          /* ops that are passed over cost as much as one that is unlinked */
#define WARM 8            /* records ahead */
#define WARM_OPS 8

/* Arguments up to here are copied: that costs less than counting a reference to their frame, which two threads would share. */
#define ARGS_COPIED 512

static bool
copies_args(const struct oro_call *c)
{
    return c->frame == NULL || c->args.len <= ARGS_COPIED;
}

static size_t
call_size(const struct oro_call *c)
{
    return c == NULL ? 0 : sizeof(*c) + c->function.len + (copies_args(c) ? c->args.len : 0);
}

static struct oro_bytes
put_behind(uint8_t **at, struct oro_bytes b)
{
    uint8_t *p = *at;
    if (b.len > 0)
        memcpy(p, b.data, b.len);
    *at += b.len;
    return oro_bytes(p, b.len);
}

static void
copy_call(struct oro_call *to, const struct oro_call *from)
{
    uint8_t *at = (uint8_t *)(to + 1);
    bool copied = copies_args(from);
    *to = *from;
    to->function = put_behind(&at, from->function);
    if (copied)
        to->args = put_behind(&at, from->args);
    to->frame = copied ? NULL : oro_buf_ref(from->frame);
}

struct oro_record *
oro_record_new(struct oro_pool_cache *pc, size_t nops, const struct oro_call *call)
{
    ORO_ASSERT(nops <= UINT32_MAX);
    size_t size = call_size(call);
    struct oro_record *r = oro_pool_get(pc, sizeof(*r) + nops * sizeof(struct oro_op) + size);
    r->pub =
        (struct oro_commit){.nops = (uint32_t)nops, .ops = r->ops, .origin.reducer = UINT32_MAX};
    r->mask = 0;
    r->call_size = size;
    if (call != NULL)
        copy_call((struct oro_call *)(void *)(r->ops + nops), call);
    return r;
}

void
oro_record_take(struct oro_record *r, const struct oro_origin *origin)
{
    r->pub.origin = *origin;
    r->pub.origin.call = r->call_size > 0 ? (const void *)(r->ops + r->pub.nops) : NULL;
}

void
oro_record_free(struct oro_pool_cache *pc, struct oro_record *r)
{
    oro_buf_unref(r->pub.origin.text);
    oro_buf_unref(r->pub.origin.detail);
    if (r->call_size > 0)
        oro_buf_unref(((struct oro_call *)(void *)(r->ops + r->pub.nops))->frame);
    oro_pool_put(pc, r, sizeof(*r) + r->pub.nops * sizeof(struct oro_op) + r->call_size);
}

void
oro_ring_publish(struct oro_store *s, struct oro_record *rec, uint64_t seq)
{
    ORO_ASSERT_LOCKED(&s->lock);
    struct oro_commit *c = &rec->pub, *head = atomic_load_explicit(&s->head, memory_order_relaxed);
    ORO_ASSERT(seq == head->seq + 1);
    uint64_t offset = head->offset + (c->nops > 0);
    c->seq = seq;
    c->offset = offset;
    c->bytes += head->bytes;
    /* Written under the commit lock only. */
    uint64_t records = atomic_load_explicit(&s->records, memory_order_relaxed);
    atomic_store_explicit(&s->records, records + 1, memory_order_relaxed);
    /* Pairs with the acquire in oro_commit_next(). */
    atomic_store_explicit(&head->next, c, memory_order_release);
    /* Sequentially consistent for the sake of oro_session_pin(). */
    atomic_store(&s->head, c);
    atomic_store_explicit(&s->offset, offset, memory_order_release);
    atomic_store_explicit(&s->written, c->bytes, memory_order_relaxed);
    atomic_store_explicit(&s->seq, seq, memory_order_release);
}

uint64_t
oro_store_publish(struct oro_session *se, const struct oro_origin *origin)
{
    struct oro_store *s = se->store;
    struct oro_record *rec = oro_record_new(&se->cache, 0, NULL);
    oro_record_take(rec, origin);
    size_t work;
    oro_spin_lock(&s->lock);
    uint64_t seq = atomic_load_explicit(&s->seq, memory_order_relaxed) + 1;
    oro_ring_publish(s, rec, seq);
    oro_ring_reclaim(s, 0, &work);
    oro_spin_unlock(&s->lock);
    oro_ring_sweep(s, &se->cache, work);
    return seq;
}

/* ---- reclaiming ---- */

static uint64_t
oldest_snapshot(const struct oro_store *s)
{
    ORO_ASSERT_LOCKED(&s->lock);
    uint64_t min = atomic_load_explicit(&s->seq, memory_order_relaxed);
    if (s->pins != NULL && s->pins->anchor->seq < min)
        min = s->pins->anchor->seq;
    for (const struct oro_cursor *c = s->cursors; c != NULL; c = c->next) {
        if (!c->holds)
            continue;
        /* As in oldest_cursor(). The state before its record: what that one deleted is still there. */
        uint64_t seq =
            atomic_load_explicit(&((struct oro_cursor *)(uintptr_t)c)->seq, memory_order_acquire);
        min = seq > 0 && seq - 1 < min ? seq - 1 : min;
    }
    for (struct oro_session *se = s->sessions; se != NULL; se = se->next) {
        /* See oro_session_pin() and oro_session_unpin(). */
        uint64_t snap = atomic_load(&se->snapshot);
        min = snap < min ? snap : min;
    }
    return min;
}

static uint64_t
oldest_cursor(const struct oro_store *s)
{
    ORO_ASSERT_LOCKED(&s->lock);
    uint64_t min = UINT64_MAX;
    for (const struct oro_cursor *c = s->cursors; c != NULL; c = c->next) {
        /* Pairs with the release in oro_cursor_next(): it has left the records before. */
        uint64_t seq =
            atomic_load_explicit(&((struct oro_cursor *)(uintptr_t)c)->seq, memory_order_acquire);
        min = seq < min ? seq : min;
    }
    return min;
}

/* Takes deleted versions that no snapshot sees out of the indexes. */
static void
unlink_some(struct oro_store *s, uint64_t snapshot, size_t work)
{
    ORO_ASSERT_LOCKED(&s->lock);
    struct oro_writing writing = {.store = s};
    struct oro_commit *c;
    while (work > 0 && (c = oro_commit_next(s->unlinked)) != NULL && c->seq <= snapshot) {
        for (; s->unlink_op < c->nops && work > 0; s->unlink_op++) {
            const struct oro_op *op = &c->ops[s->unlink_op];
            if (op->kind != ORO_OP_DELETE) {
                work -= s->unlink_op % SKIPS == SKIPS - 1;
                continue;
            }
            struct oro_table *t = oro_table_of(s, op->table);
            if (!oro_unlink_is_free(t, op->row))
                oro_writing_enter(&writing);
            oro_unlink(t, (struct oro_row *)(uintptr_t)op->row, &s->scratch);
            work--;
        }
        if (s->unlink_op < c->nops)
            break;
        s->unlinked = c;
        s->unlink_op = 0;
        work -= work > 0;
    }
    oro_writing_leave(&writing);
    s->backlog = work == 0;
}

/* Moves records that nobody reaches from the ring to the trash. */
static void
detach_some(struct oro_store *s, uint64_t limit)
{
    ORO_ASSERT_LOCKED(&s->lock);
    while (s->first != s->unlinked && s->first->seq < limit) {
        struct oro_record *r = oro_record_of(s->first);
        s->first = oro_commit_next(s->first);
        if (s->trash == NULL)
            s->trash = r;
        s->trash_last = r;
    }
}

static void
reclaim(struct oro_store *s, size_t work)
{
    uint64_t snapshot = oldest_snapshot(s), cursor = oldest_cursor(s);
    unlink_some(s, snapshot, work);
    detach_some(s, snapshot < cursor ? snapshot : cursor);
    s->since = 0;
}

void
oro_ring_reclaim(struct oro_store *s, size_t nops, size_t *work)
{
    ORO_ASSERT_LOCKED(&s->lock);
    s->since += nops + 1;
    *work = 0;
    if (s->since < RECLAIM_EVERY && !s->backlog)
        return;
    /* At least twice what comes in, so that what waits always gets less. */
    *work = RECLAIM_LEAST > s->since * 2 ? RECLAIM_LEAST : s->since * 2;
    reclaim(s, *work < RECLAIM_MOST ? *work : RECLAIM_MOST);
    if (s->trash == NULL && !(s->backlog && *work > RECLAIM_MOST))
        *work = 0;
}

/* What is freed without the lock. */
struct sweep {
    struct oro_row *rows[SWEEP];
    struct oro_record *records[SWEEP];
    size_t nrows, nrecords, ops;
};

/* The version that an op's record owns, or NULL. */
static struct oro_row *
op_owned(const struct oro_op *op)
{
    bool owns = op->kind == ORO_OP_DELETE || (op->kind == ORO_OP_INSERT && op->table->is_event);
    return owns ? (struct oro_row *)(uintptr_t)op->row : NULL;
}

static void
sweep_fill(struct oro_store *s, struct sweep *sw)
{
    ORO_ASSERT_LOCKED(&s->lock);
    while (s->trash != NULL && sw->nrecords < SWEEP) {
        struct oro_record *r = s->trash;
        for (; s->trash_op < r->pub.nops && sw->nrows < SWEEP && sw->ops < SWEEP_OPS;
             s->trash_op++, sw->ops++) {
            struct oro_row *row = op_owned(&r->ops[s->trash_op]);
            if (row != NULL)
                sw->rows[sw->nrows++] = row;
        }
        if (s->trash_op < r->pub.nops)
            break;
        sw->records[sw->nrecords++] = r;
        s->trash_op = 0;
        s->trash = r == s->trash_last ? NULL : oro_record_of(oro_commit_next(&r->pub));
    }
    s->versions -= sw->nrows;
    uint64_t records = atomic_load_explicit(&s->records, memory_order_relaxed);
    atomic_store_explicit(&s->records, records - sw->nrecords, memory_order_relaxed);
}

void
oro_ring_sweep(struct oro_store *s, struct oro_pool_cache *pc, size_t work)
{
    while (work > 0) {
        struct sweep sw;
        sw.nrows = sw.nrecords = sw.ops = 0;
        oro_spin_lock(&s->lock);
        bool more = s->trash == NULL && s->backlog;
        if (more)
            reclaim(s, RECLAIM_MOST);
        sweep_fill(s, &sw);
        oro_spin_unlock(&s->lock);
        size_t done = sw.nrows + sw.nrecords + sw.ops / SKIPS + (more ? RECLAIM_MOST : 0);
        for (size_t i = 0; i < sw.nrows; i++)
            oro_row_free(pc, sw.rows[i]);
        for (size_t i = 0; i < sw.nrecords; i++)
            oro_record_free(pc, sw.records[i]);
        work -= done < work ? done : work;
        if (done == 0)
            return;
    }
}

void
oro_ring_free_all(struct oro_store *s)
{
    oro_spin_lock(&s->lock); /* nobody else is there any more */
    reclaim(s, SIZE_MAX);
    oro_spin_unlock(&s->lock);
    oro_ring_sweep(s, &s->cache, SIZE_MAX);
    ORO_ASSERT(s->first == s->unlinked && oro_commit_next(s->first) == NULL);
    struct oro_record *last = oro_record_of(s->first);
    for (uint32_t i = 0; i < last->pub.nops; i++)
        if (op_owned(&last->ops[i]) != NULL)
            oro_row_free(&s->cache, op_owned(&last->ops[i]));
    oro_record_free(&s->cache, last);
}

/* ---- cursors ---- */

/* At `at`, or at the newest record. */
static struct oro_cursor *
cursor_new(struct oro_store *s, const struct oro_commit *at, bool holds)
{
    struct oro_cursor *c = oro_aligned_alloc(ORO_CACHE_LINE, sizeof(*c));
    c->store = s;
    c->holds = holds;
    oro_pool_cache_init(&c->cache, &s->pool);
    oro_spin_lock(&s->lock);
    c->at = at != NULL ? at : atomic_load_explicit(&s->head, memory_order_relaxed);
    atomic_init(&c->seq, c->at->seq);
    c->next = s->cursors;
    if (c->next != NULL)
        c->next->prev = c;
    s->cursors = c;
    oro_spin_unlock(&s->lock);
    return c;
}

struct oro_cursor *
oro_cursor_open(struct oro_store *s)
{
    return cursor_new(s, NULL, false);
}

struct oro_cursor *
oro_cursor_fork(const struct oro_cursor *c)
{
    return cursor_new(c->store, c->at, c->holds); /* c holds the record until then */
}

struct oro_cursor *
oro_cursor_open_at(const struct oro_pin *p)
{
    return cursor_new(p->store, p->anchor, false); /* p holds it */
}

void
oro_cursor_hold(struct oro_cursor *c, bool holds)
{
    oro_spin_lock(&c->store->lock);
    c->holds = holds;
    oro_spin_unlock(&c->store->lock);
}

void
oro_cursor_close(struct oro_cursor *c)
{
    if (c == NULL)
        return;
    struct oro_store *s = c->store;
    oro_spin_lock(&s->lock);
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        s->cursors = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    oro_spin_unlock(&s->lock);
    oro_pool_cache_fini(&c->cache);
    oro_free(c);
}

/* A cursor at the end of the ring has time: in a quiet store nobody else would tidy up. */
static void
idle_reclaim(struct oro_cursor *c)
{
    struct oro_store *s = c->store;
    if (atomic_load_explicit(&s->records, memory_order_relaxed) <= 1)
        return;
    if (!oro_spin_try(&s->lock))
        return;
    reclaim(s, RECLAIM_LEAST);
    oro_spin_unlock(&s->lock);
    oro_ring_sweep(s, &c->cache, RECLAIM_LEAST);
}

void
oro_cursor_give(struct oro_cursor *c)
{
    oro_owner_give(&c->owner);
}

/* A record is linked a moment before a snapshot can have it. Who follows the ring must not be ahead of what he reads: what a
 * snapshot of his lacks, he could never tell. */
static const struct oro_commit *
next_published(struct oro_cursor *c)
{
    const struct oro_commit *next = oro_commit_next(c->at);
    if (next == NULL || next->seq <= c->published)
        return next;
    c->published = atomic_load_explicit(&c->store->head, memory_order_acquire)->seq;
    return next->seq <= c->published ? next : NULL;
}

const struct oro_commit *
oro_cursor_next(struct oro_cursor *c)
{
    ORO_ASSERT_OWNER(&c->owner);
    const struct oro_commit *next = next_published(c);
    if (next == NULL) {
        idle_reclaim(c);
        return NULL;
    }
    c->at = next;
    /* Pairs with the acquire in oldest_cursor(): from here on the record before may go. */
    atomic_store_explicit(&c->seq, next->seq, memory_order_release);
    return next;
}

void
oro_cursor_warm(struct oro_cursor *c)
{
    ORO_ASSERT_OWNER(&c->owner);
    if (c->warm_seq <= c->at->seq) {
        c->warm = c->at;
        c->warm_seq = c->at->seq;
    }
    while (c->warm_seq < c->at->seq + WARM) {
        const struct oro_commit *next = oro_commit_next(c->warm);
        if (next == NULL)
            return;
        /* Of the record that was asked for the last time the rows, and of the one behind it itself. */
        __builtin_prefetch(next);
        __builtin_prefetch((const char *)next + ORO_CACHE_LINE);
        __builtin_prefetch((const char *)next + 2 * ORO_CACHE_LINE);
        for (uint32_t i = 0; c->warm != c->at && i < c->warm->nops && i < WARM_OPS; i++)
            if (c->warm->ops[i].kind == ORO_OP_INSERT)
                __builtin_prefetch(c->warm->ops[i].row);
        c->warm = next;
        c->warm_seq++;
    }
}

bool
oro_cursor_has_next(const struct oro_cursor *c)
{
    return oro_commit_next(c->at) != NULL;
}

uint64_t
oro_cursor_seq(const struct oro_cursor *c)
{
    return c->at->seq;
}
