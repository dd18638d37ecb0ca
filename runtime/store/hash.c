/* runtime/store/hash.c */
#include "runtime/store/hash.h"

#include <sys/mman.h>

#define HASH_MIN 16
/* slots moved by each change; enough that a move always ends before the next one begins */
#define HASH_STEP 32
#define HUGE ((size_t)2 << 20)
#define TOMB ((struct oro_row *)(uintptr_t)1)

struct oro_entry *
oro_entry_new(struct oro_pool_cache *pc, struct oro_bytes key)
{
    struct oro_entry *e = oro_pool_get(pc, sizeof(*e) + key.len);
    atomic_init(&e->head, NULL);
    e->refs = 1;
    e->len = (uint32_t)key.len;
    memcpy(e->bytes, key.data, key.len);
    return e;
}

void
oro_entry_unref(struct oro_pool_cache *pc, struct oro_entry *e)
{
    if (e != NULL && --e->refs == 0)
        oro_pool_put(pc, e, sizeof(*e) + e->len);
}

/* Large tables come from the system by themselves: zeroed page by page as they fill, on huge pages
 * if it likes. */
static struct oro_hash_slot *
slots_new(size_t cap)
{
    size_t size = cap * sizeof(struct oro_hash_slot);
    if (size < HUGE)
        return oro_calloc(cap, sizeof(struct oro_hash_slot));
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ORO_ASSERT(p != MAP_FAILED);
#ifdef MADV_HUGEPAGE
    (void)madvise(p, size, MADV_HUGEPAGE);
#endif
    return p;
}

static void
slots_release(struct oro_hash_slot *s, size_t cap)
{
    if (cap * sizeof(struct oro_hash_slot) < HUGE)
        oro_free(s);
    else
        munmap(s, cap * sizeof(struct oro_hash_slot));
}

void
oro_hash_init(struct oro_hash *h, struct oro_pool_cache *pc, enum oro_key_mode mode)
{
    *h = (struct oro_hash){.mode = mode, .pc = pc, .cap = HASH_MIN, .slots = slots_new(HASH_MIN)};
    /* The process's secret seed, so that nobody can choose keys that collide. */
    h->seed = oro_bytes_hash(oro_bytes_str("store")) | 1;
}

static void
slots_free(const struct oro_hash *h, struct oro_hash_slot *s, size_t cap)
{
    for (size_t i = 0; i < cap && h->mode == ORO_KEY_WIDE; i++) {
        struct oro_row *p = atomic_load_explicit(&s[i].p, memory_order_relaxed);
        if (p != NULL && p != TOMB)
            oro_entry_unref(h->pc, (struct oro_entry *)p);
    }
    slots_release(s, cap);
}

void
oro_hash_fini(struct oro_hash *h)
{
    slots_free(h, h->slots, h->cap);
    slots_free(h, h->old, h->old_cap);
    *h = (struct oro_hash){0};
}

static inline size_t
home(const struct oro_hash *h, uint64_t word, size_t cap)
{
    unsigned __int128 p = (unsigned __int128)(word ^ h->seed) * UINT64_C(0x9e3779b97f4a7c15);
    return ((uint64_t)p ^ (uint64_t)(p >> 64)) & (cap - 1);
}

static inline bool
slot_is(const struct oro_hash *h, struct oro_row *p, uint64_t word, const struct oro_key *k)
{
    if (word != k->word || p == TOMB)
        return false;
    if (h->mode == ORO_KEY_NARROW)
        return true;
    if (h->mode == ORO_KEY_ROW)
        return oro_row_same(p, k->bytes);
    const struct oro_entry *e = (const struct oro_entry *)p;
    return e->len == k->bytes.len && memcmp(e->bytes, k->bytes.data, e->len) == 0;
}

static struct oro_hash_slot *
slot_find(const struct oro_hash *h, struct oro_hash_slot *s, size_t cap, const struct oro_key *k)
{
    for (size_t i = home(h, k->word, cap);; i = (i + 1) & (cap - 1)) {
        /* Pairs with the release in oro_index_push_at(): the row is complete before a reader gets at
         * it. */
        struct oro_row *p = atomic_load_explicit(&s[i].p, memory_order_acquire);
        if (p == NULL)
            return NULL;
        if (slot_is(h, p, s[i].word, k))
            return &s[i];
    }
}

static inline oro_head *
slot_cell(const struct oro_hash *h, struct oro_hash_slot *s)
{
    if (h->mode != ORO_KEY_WIDE)
        return &s->p;
    return &((struct oro_entry *)atomic_load_explicit(&s->p, memory_order_relaxed))->head;
}

oro_head *
oro_hash_cell(const struct oro_hash *h, const struct oro_key *k)
{
    struct oro_hash_slot *s = slot_find(h, h->slots, h->cap, k);
    if (s == NULL && h->old != NULL)
        s = slot_find(h, h->old, h->old_cap, k);
    return s != NULL ? slot_cell(h, s) : NULL;
}

static void
slot_put(struct oro_hash *h, uint64_t word, struct oro_row *p)
{
    size_t i = home(h, word, h->cap);
    while (atomic_load_explicit(&h->slots[i].p, memory_order_relaxed) != NULL)
        i = (i + 1) & (h->cap - 1);
    h->slots[i].word = word;
    atomic_store_explicit(&h->slots[i].p, p, memory_order_release);
}

static void
move_some(struct oro_hash *h, size_t most)
{
    for (; h->old != NULL && most > 0; most--) {
        struct oro_hash_slot *s = &h->old[h->old_at];
        struct oro_row *p = atomic_load_explicit(&s->p, memory_order_relaxed);
        if (p != NULL && p != TOMB) {
            slot_put(h, s->word, p);
            atomic_store_explicit(&s->p, TOMB, memory_order_relaxed);
        }
        if (++h->old_at == h->old_cap) {
            slots_release(h->old, h->old_cap);
            h->old = NULL;
            h->old_cap = h->old_at = 0;
        }
    }
}

static void
resize(struct oro_hash *h, size_t cap)
{
    move_some(h, SIZE_MAX);
    h->old = h->slots;
    h->old_cap = h->cap;
    h->old_at = 0;
    h->slots = slots_new(cap);
    h->cap = cap;
}

void
oro_hash_insert(struct oro_hash *h, const struct oro_key *k, struct oro_row *row)
{
    move_some(h, HASH_STEP);
    if ((h->n + 1) * 4 > h->cap * 3)
        resize(h, h->cap * 2);
    struct oro_row *p = row;
    if (h->mode == ORO_KEY_WIDE) {
        struct oro_entry *e = oro_entry_new(h->pc, k->bytes);
        atomic_store_explicit(&e->head, row, memory_order_release);
        p = (struct oro_row *)e;
    }
    slot_put(h, k->word, p);
    h->n++;
}

/* Frees slot i of the current table and moves up what may stand nearer to its home. */
static void
slot_close(struct oro_hash *h, size_t i)
{
    size_t mask = h->cap - 1;
    for (size_t j = (i + 1) & mask;; j = (j + 1) & mask) {
        struct oro_row *p = atomic_load_explicit(&h->slots[j].p, memory_order_relaxed);
        if (p == NULL)
            break;
        size_t want = home(h, h->slots[j].word, h->cap);
        if (((j - want) & mask) < ((j - i) & mask))
            continue; /* its home lies behind the hole */
        h->slots[i].word = h->slots[j].word;
        atomic_store_explicit(&h->slots[i].p, p, memory_order_relaxed);
        i = j;
    }
    atomic_store_explicit(&h->slots[i].p, NULL, memory_order_relaxed);
}

void
oro_hash_erase(struct oro_hash *h, const struct oro_key *k)
{
    struct oro_hash_slot *s = slot_find(h, h->slots, h->cap, k);
    bool current = s != NULL;
    if (!current)
        s = slot_find(h, h->old, h->old_cap, k);
    ORO_ASSERT(s != NULL);
    if (h->mode == ORO_KEY_WIDE)
        oro_entry_unref(h->pc,
                        (struct oro_entry *)atomic_load_explicit(&s->p, memory_order_relaxed));
    if (current)
        slot_close(h, (size_t)(s - h->slots));
    else
        atomic_store_explicit(&s->p, TOMB, memory_order_relaxed);
    h->n--;
    move_some(h, HASH_STEP);
    if (h->cap > HASH_MIN && h->n * 8 < h->cap && h->old == NULL)
        resize(h, h->cap / 4 > HASH_MIN ? h->cap / 4 : HASH_MIN);
}

struct oro_row *
oro_hash_next(const struct oro_hash *h, size_t *at)
{
    while (*at < h->cap + h->old_cap) {
        size_t i = (*at)++;
        struct oro_hash_slot *s = i < h->cap ? &h->slots[i] : &h->old[i - h->cap];
        struct oro_row *p = atomic_load_explicit(&s->p, memory_order_relaxed);
        if (p != NULL && p != TOMB)
            return atomic_load_explicit(slot_cell(h, s), memory_order_relaxed);
    }
    return NULL;
}
