/* runtime/store/hash.c */
#include "runtime/store/hash.h"

#include <sys/mman.h>

#define HASH_MIN 16
/* slots moved by each change; enough that a move always ends before the next one begins */
#define HASH_STEP 32
#define HUGE ((size_t)2 << 20)
#define TOMB ((uintptr_t)1)
#define HOME_BITS 12 /* in a slot's tag */

/* Large tables come from the system by themselves: zeroed page by page as they fill, on huge pages
 * if it likes. */
static oro_head *
slots_new(size_t cap)
{
    size_t size = cap * sizeof(oro_head);
    if (size < HUGE)
        return oro_calloc(cap, sizeof(oro_head));
    void *p = oro_map_pages(size);
#ifdef MADV_HUGEPAGE
    (void)madvise(p, size, MADV_HUGEPAGE);
#endif
    return p;
}

static void
slots_free(oro_head *s, size_t cap)
{
    if (cap * sizeof(oro_head) < HUGE)
        oro_free((void *)s);
    else
        munmap((void *)s, cap * sizeof(oro_head));
}

void
oro_hash_init(struct oro_hash *h, enum oro_key_mode mode, const struct oro_key_plan *plan)
{
    *h = (struct oro_hash){
        .mode = mode, .plan = plan, .cap = HASH_MIN, .slots = slots_new(HASH_MIN)};
    /* The process's secret seed, so that nobody can choose keys that collide. */
    h->seed = oro_bytes_hash(oro_bytes_str("store")) | 1;
}

void
oro_hash_fini(struct oro_hash *h)
{
    slots_free(h->slots, h->cap);
    slots_free(h->old, h->old_cap);
    oro_bb_fini(&h->scratch);
    *h = (struct oro_hash){0};
}

static inline uint64_t
mix(const struct oro_hash *h, uint64_t word)
{
    unsigned __int128 p = (unsigned __int128)(word ^ h->seed) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

/* The upper bits of a slot: where the key would like to be, and four more of its hash. */
static inline uintptr_t
tag_of(uint64_t hash)
{
    return (hash & ((1u << HOME_BITS) - 1)) | hash >> 60 << HOME_BITS;
}

static inline struct oro_row *
row_of(uintptr_t p)
{
    return (struct oro_row *)(p & (((uintptr_t)1 << ORO_HEAD_BITS) - 1));
}

static inline uintptr_t
load(const oro_head *s)
{
    return atomic_load_explicit((oro_head *)(uintptr_t)s, memory_order_relaxed);
}

static bool
row_has(const struct oro_hash *h, const struct oro_row *row, const struct oro_key *k)
{
    if (h->mode == ORO_KEY_NARROW)
        return oro_key_word_of_row(h->plan, oro_row_data(row)) == k->word;
    if (h->mode == ORO_KEY_ROW)
        return oro_row_same(row, k->bytes);
    return oro_key_is_of_row(h->plan, oro_row_data(row), k->bytes);
}

static oro_head *
slot_find(const struct oro_hash *h, oro_head *s, size_t cap, uint64_t hash, const struct oro_key *k)
{
    uintptr_t tag = tag_of(hash);
    for (size_t i = hash & (cap - 1);; i = (i + 1) & (cap - 1)) {
        /* Pairs with the release in oro_head_set(). */
        uintptr_t p = atomic_load_explicit(&s[i], memory_order_acquire);
        if (p == 0)
            return NULL;
        if (p >> ORO_HEAD_BITS == tag && p != TOMB && row_has(h, row_of(p), k))
            return &s[i];
    }
}

oro_head *
oro_hash_cell(const struct oro_hash *h, const struct oro_key *k)
{
    uint64_t hash = mix(h, k->word);
    oro_head *s = slot_find(h, h->slots, h->cap, hash, k);
    return s != NULL || h->old == NULL ? s : slot_find(h, h->old, h->old_cap, hash, k);
}

static void
slot_put(struct oro_hash *h, uint64_t hash, const struct oro_row *row)
{
    size_t home = hash & (h->cap - 1), i = home;
    while (load(&h->slots[i]) != 0)
        i = (i + 1) & (h->cap - 1);
    /* What is this far from home could not be told from what is near. With a good hash it takes a
     * table of more rows than there is memory for. */
    ORO_ASSERT(((i - home) & (h->cap - 1)) < 1u << HOME_BITS &&
               (uintptr_t)row >> ORO_HEAD_BITS == 0);
    atomic_store_explicit(&h->slots[i], tag_of(hash) << ORO_HEAD_BITS | (uintptr_t)row,
                          memory_order_release);
}

/* ---- growing and shrinking ---- */

static uint64_t
hash_of_row(struct oro_hash *h, const struct oro_row *row)
{
    if (h->mode == ORO_KEY_NARROW)
        return mix(h, oro_key_word_of_row(h->plan, oro_row_data(row)));
    if (h->mode == ORO_KEY_ROW)
        return mix(h, oro_bytes_hash(oro_row_bytes(row)));
    oro_bb_clear(&h->scratch);
    oro_key_bytes_of_row(h->plan, oro_row_data(row), &h->scratch);
    return mix(h, oro_bytes_hash(oro_bb_bytes(&h->scratch)));
}

/* The rows that the next step will read. */
static void
move_ahead(const struct oro_hash *h)
{
    for (size_t i = h->old_at; i < h->old_at + HASH_STEP && i < h->old_cap; i++) {
        uintptr_t row = (uintptr_t)row_of(load(&h->old[i]));
        __builtin_prefetch((const void *)row);
        __builtin_prefetch((const void *)(row + ORO_POOL_LINE - 1));
    }
}

static void
move_some(struct oro_hash *h, size_t most)
{
    for (; h->old != NULL && most > 0; most--) {
        uintptr_t p = load(&h->old[h->old_at]);
        if (p != 0 && p != TOMB) {
            slot_put(h, hash_of_row(h, row_of(p)), row_of(p));
            atomic_store_explicit(&h->old[h->old_at], TOMB, memory_order_relaxed);
        }
        if (++h->old_at == h->old_cap) {
            slots_free(h->old, h->old_cap);
            h->old = NULL;
            h->old_cap = h->old_at = 0;
        }
    }
    if (h->old != NULL)
        move_ahead(h);
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
    move_ahead(h);
}

/* ---- changing ---- */

void
oro_hash_insert(struct oro_hash *h, const struct oro_key *k, struct oro_row *row)
{
    move_some(h, HASH_STEP);
    if ((h->n + 1) * 4 > h->cap * 3)
        resize(h, h->cap * 2);
    slot_put(h, mix(h, k->word), row);
    h->n++;
}

/* Frees slot i of the current table and moves up what may stand nearer to its home. */
static void
slot_close(struct oro_hash *h, size_t i)
{
    size_t mask = h->cap - 1, low = mask & ((1u << HOME_BITS) - 1);
    for (size_t j = (i + 1) & mask;; j = (j + 1) & mask) {
        uintptr_t p = load(&h->slots[j]);
        if (p == 0)
            break;
        size_t from_home = (j - (p >> ORO_HEAD_BITS)) & low;
        if (from_home < ((j - i) & mask))
            continue; /* its home lies behind the hole */
        atomic_store_explicit(&h->slots[i], p, memory_order_relaxed);
        i = j;
    }
    atomic_store_explicit(&h->slots[i], 0, memory_order_relaxed);
}

void
oro_hash_erase(struct oro_hash *h, const struct oro_key *k)
{
    uint64_t hash = mix(h, k->word);
    oro_head *s = slot_find(h, h->slots, h->cap, hash, k);
    if (s != NULL) {
        slot_close(h, (size_t)(s - h->slots));
    } else {
        s = slot_find(h, h->old, h->old_cap, hash, k);
        ORO_ASSERT(s != NULL);
        atomic_store_explicit(s, TOMB, memory_order_relaxed);
    }
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
        uintptr_t p = load(i < h->cap ? &h->slots[i] : &h->old[i - h->cap]);
        if (p != 0 && p != TOMB)
            return row_of(p);
    }
    return NULL;
}
