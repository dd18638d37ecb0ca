/* runtime/store/pin.c - a snapshot that is held for longer than a reading, without a session: a session's flag is asked
 * for by every commit, a pin costs one nothing. The list is in order, so only its first counts for what may go. */
#include "runtime/store/internal.h"

struct oro_pin *
oro_pin_open(struct oro_store *s)
{
    struct oro_pin *p = ORO_NEW(struct oro_pin);
    p->store = s;
    oro_spin_lock(&s->lock);
    /* Records are published under the lock, so this is the newest, and no pin is newer. */
    p->anchor = atomic_load_explicit(&s->head, memory_order_relaxed);
    p->prev = s->pins_last;
    if (p->prev != NULL)
        p->prev->next = p;
    else
        s->pins = p;
    s->pins_last = p;
    oro_spin_unlock(&s->lock);
    return p;
}

void
oro_pin_close(struct oro_pin *p)
{
    if (p == NULL)
        return;
    struct oro_store *s = p->store;
    oro_spin_lock(&s->lock);
    if (p->prev != NULL)
        p->prev->next = p->next;
    else
        s->pins = p->next;
    if (p->next != NULL)
        p->next->prev = p->prev;
    else
        s->pins_last = p->prev;
    oro_spin_unlock(&s->lock);
    oro_free(p);
}

uint64_t
oro_pin_seq(const struct oro_pin *p)
{
    return p->anchor->seq;
}

uint64_t
oro_pin_written(const struct oro_pin *p)
{
    return atomic_load_explicit(&p->store->written, memory_order_relaxed) - p->anchor->bytes;
}

void
oro_read_begin_at(struct oro_session *se, const struct oro_pin *p)
{
    ORO_ASSERT(se->store == p->store);
    ORO_ASSERT(atomic_load_explicit(&se->snapshot, memory_order_relaxed) == ORO_IDLE);
    /* What it reads is held by the pin, before and after: nothing to agree upon with the reclaimer. */
    se->anchor = p->anchor;
    se->snap = p->anchor->seq;
    atomic_store_explicit(&se->snapshot, se->snap, memory_order_release);
}

/* What is counted is that of the newest record; what has changed since the snapshot is taken back. */
void
oro_read_totals(struct oro_session *se, const struct oro_table_def *def, uint64_t *rows,
                uint64_t *bytes)
{
    struct oro_store *s = se->store;
    const struct oro_table *t = oro_table_of(s, def);
    oro_spin_lock(&s->lock);
    const struct oro_commit *head = atomic_load_explicit(&s->head, memory_order_relaxed);
    uint64_t r = atomic_load_explicit(&t->rows, memory_order_relaxed);
    uint64_t b = atomic_load_explicit(&t->bytes, memory_order_relaxed);
    oro_spin_unlock(&s->lock);
    for (const struct oro_commit *c = se->anchor; c != head;) {
        c = oro_commit_next(c);
        if ((oro_record_of(c)->mask & t->mask) == 0)
            continue;
        for (uint32_t i = 0; i < c->nops; i++) {
            const struct oro_op *op = &c->ops[i];
            if (op->kind == ORO_OP_SEQUENCE || op->table != def || def->is_event)
                continue;
            uint64_t one = op->kind == ORO_OP_INSERT ? 1 : (uint64_t)-1;
            r -= one;
            b -= one * op->row->len;
        }
    }
    *rows = r;
    *bytes = b;
}
