/* Of one commit: lists of changes that clients see, each put together once. */
#include "runtime/proto/updates_priv.h"

#include "runtime/base/map.h"

struct oro_updates {
    struct oro_map made; /* key -> oro_parts, owned */
    struct oro_bb key;
};

struct oro_updates *
oro_updates_create(void)
{
    return ORO_NEW(struct oro_updates);
}

void
oro_updates_clear(struct oro_updates *u)
{
    const struct oro_map_slot *slot;
    if (oro_map_len(&u->made) == 0)
        return;
    for (size_t i = 0; oro_map_next(&u->made, &i, &slot);) {
        oro_parts_fini(slot->value);
        oro_free(slot->value);
    }
    oro_map_fini(&u->made);
    u->made = (struct oro_map){0};
}

void
oro_updates_destroy(struct oro_updates *u)
{
    if (u == NULL)
        return;
    oro_updates_clear(u);
    oro_bb_fini(&u->key);
    oro_free(u);
}

/* A change lives as long as its commit is told: its address is its name. */
static struct oro_bytes
key_of(struct oro_updates *u, enum wire_format format, const struct oro_subs_notice *notices,
       size_t n)
{
    oro_bb_clear(&u->key);
    oro_bb_u8(&u->key, (uint8_t)format);
    for (size_t i = 0; i < n; i++) {
        oro_bb_u32(&u->key, notices[i].query_set_id);
        oro_bb_u64(&u->key, (uint64_t)(uintptr_t)notices[i].change);
    }
    return oro_bb_bytes(&u->key);
}

struct oro_parts *
updates_find(struct oro_updates *u, enum wire_format format, const struct oro_subs_notice *notices,
             size_t n)
{
    struct oro_bytes key = key_of(u, format, notices, n);
    struct oro_parts *p = oro_map_get(&u->made, key);
    if (p == NULL) {
        p = ORO_NEW(struct oro_parts);
        oro_map_put(&u->made, key, p);
    }
    return p;
}
