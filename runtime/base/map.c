/* Open addressing with linear probing, a power of two of slots, at most three quarters of them filled.
 *
 * A slot's hash says what it is: 0 free (a probe ends here), 1 deleted (a probe goes on, a put may reuse it), anything
 * else a key. `used` counts keys, `filled` keys and deleted slots. Only a put moves slots, which is why deleting while
 * iterating is allowed. */
#include "runtime/base/map.h"

#include "runtime/base/assert.h"
#include "runtime/base/hash_priv.h"
#include "runtime/base/mem.h"

enum { SLOT_FREE = 0, SLOT_DELETED = 1, SLOT_KEY = 2 };

#define MAP_FIRST 16

/* One key of either kind: data is NULL for a number, which is then in len. */
struct key {
    const uint8_t *data;
    uint64_t len;
    uint64_t hash;
};

static inline uint64_t
slot_hash(uint64_t h)
{
    return h < SLOT_KEY ? h + SLOT_KEY : h;
}

static struct key
key_of_bytes(struct oro_bytes b)
{
    /* An empty key still has an address, since NULL says "a number". */
    const uint8_t *data = b.len > 0 ? b.data : (const uint8_t *)"";
    return (struct key){data, b.len, slot_hash(oro_bytes_hash(b))};
}

static struct key
key_of_u64(uint64_t n)
{
    return (struct key){NULL, n, slot_hash(hash_u64(n))};
}

static bool
slot_is(const struct oro_map_slot *s, const struct key *k)
{
    if (s->hash != k->hash || s->key_len != k->len)
        return false;
    return k->data == NULL || k->len == 0 || memcmp(s->key, k->data, k->len) == 0;
}

static struct oro_map_slot *
map_find(const struct oro_map *m, const struct key *k)
{
    if (m->used == 0)
        return NULL;
    size_t mask = m->cap - 1;
    for (size_t i = (size_t)k->hash & mask;; i = (i + 1) & mask) {
        struct oro_map_slot *s = &m->slots[i];
        if (s->hash == SLOT_FREE)
            return NULL;
        if (slot_is(s, k))
            return s;
    }
}

/* The slot for a key that is not there: the first free or deleted one on its way. */
static struct oro_map_slot *
map_vacant(const struct oro_map *m, uint64_t hash)
{
    size_t mask = m->cap - 1;
    size_t i = (size_t)hash & mask;
    while (m->slots[i].hash >= SLOT_KEY)
        i = (i + 1) & mask;
    return &m->slots[i];
}

static void
map_rehash(struct oro_map *m)
{
    struct oro_map old = *m;
    /* Many deleted slots: the same size again cleans them out. */
    size_t cap = old.cap == 0 ? MAP_FIRST : old.used >= old.cap / 2 ? old.cap * 2 : old.cap;
    *m = (struct oro_map){
        .slots = ORO_NEW_ARRAY(struct oro_map_slot, cap),
        .cap = cap,
        .used = old.used,
        .filled = old.used,
    };
    for (size_t i = 0; i < old.cap; i++) {
        if (old.slots[i].hash >= SLOT_KEY)
            *map_vacant(m, old.slots[i].hash) = old.slots[i];
    }
    oro_free(old.slots);
}

static void *
map_put(struct oro_map *m, const struct key *k, void *value)
{
    ORO_ASSERT(value != NULL);
    struct oro_map_slot *s = map_find(m, k);
    if (s != NULL) {
        void *earlier = s->value;
        s->value = value;
        return earlier;
    }
    if (m->filled + 1 > m->cap / 4 * 3)
        map_rehash(m);
    s = map_vacant(m, k->hash);
    if (s->hash == SLOT_FREE)
        m->filled++;
    m->used++;
    *s = (struct oro_map_slot){.hash = k->hash, .key_len = k->len, .value = value};
    if (k->data != NULL) {
        s->key = oro_alloc((size_t)k->len);
        memcpy(s->key, k->data, (size_t)k->len);
    }
    return NULL;
}

static void *
map_del(struct oro_map *m, const struct key *k)
{
    struct oro_map_slot *s = map_find(m, k);
    if (s == NULL)
        return NULL;
    void *value = s->value;
    oro_free(s->key);
    *s = (struct oro_map_slot){.hash = SLOT_DELETED};
    m->used--;
    return value;
}

void
oro_map_fini(struct oro_map *m)
{
    for (size_t i = 0; i < m->cap; i++)
        oro_free(m->slots[i].key);
    oro_free(m->slots);
    *m = (struct oro_map){0};
}

void *
oro_map_get(const struct oro_map *m, struct oro_bytes key)
{
    struct key k = key_of_bytes(key);
    const struct oro_map_slot *s = map_find(m, &k);
    return s != NULL ? s->value : NULL;
}

void *
oro_map_put(struct oro_map *m, struct oro_bytes key, void *value)
{
    struct key k = key_of_bytes(key);
    return map_put(m, &k, value);
}

void *
oro_map_del(struct oro_map *m, struct oro_bytes key)
{
    struct key k = key_of_bytes(key);
    return map_del(m, &k);
}

void *
oro_map_get_u64(const struct oro_map *m, uint64_t key)
{
    struct key k = key_of_u64(key);
    const struct oro_map_slot *s = map_find(m, &k);
    return s != NULL ? s->value : NULL;
}

void *
oro_map_put_u64(struct oro_map *m, uint64_t key, void *value)
{
    struct key k = key_of_u64(key);
    return map_put(m, &k, value);
}

void *
oro_map_del_u64(struct oro_map *m, uint64_t key)
{
    struct key k = key_of_u64(key);
    return map_del(m, &k);
}

bool
oro_map_next(const struct oro_map *m, size_t *i, const struct oro_map_slot **slot)
{
    while (*i < m->cap) {
        const struct oro_map_slot *s = &m->slots[(*i)++];
        if (s->hash >= SLOT_KEY) {
            *slot = s;
            return true;
        }
    }
    return false;
}
