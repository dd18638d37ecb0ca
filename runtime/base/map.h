/* runtime/base/map.h - an open-addressing hash map from bytes or u64 to a pointer. One thread at a time. */
#ifndef ORO_BASE_MAP_H
#define ORO_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/bytes.h"

struct oro_map_slot {
    uint64_t hash; /* 0: free, 1: deleted */
    uint8_t *key;  /* owned copy for byte keys, NULL for u64 keys (the number is in key_len) */
    uint64_t key_len;
    void *value;
};

/* A zeroed oro_map is empty and ready. Keys of one map are all bytes or all u64. */
struct oro_map {
    struct oro_map_slot *slots;
    size_t cap, used, filled;
};

void oro_map_fini(struct oro_map *m); /* frees the map's memory, not the values */
void *oro_map_get(const struct oro_map *m, struct oro_bytes key); /* NULL if absent */
/* Sets the value, returns the earlier one or NULL. Copies the key. value must not be NULL. */
void *oro_map_put(struct oro_map *m, struct oro_bytes key, void *value);
void *oro_map_del(struct oro_map *m,
                  struct oro_bytes key); /* returns the value that was there, or NULL */

void *oro_map_get_u64(const struct oro_map *m, uint64_t key);
void *oro_map_put_u64(struct oro_map *m, uint64_t key, void *value);
void *oro_map_del_u64(struct oro_map *m, uint64_t key);

/* Iteration: for (size_t i = 0; oro_map_next(&m, &i, &slot);) ... Deleting the current key is allowed. */
bool oro_map_next(const struct oro_map *m, size_t *i, const struct oro_map_slot **slot);

static inline size_t
oro_map_len(const struct oro_map *m)
{
    return m->used;
}

#endif
