#include <criterion/criterion.h>

#include <stdio.h>

#include "runtime/base/map.h"
#include "runtime/base/mem.h"

static uint64_t
rnd(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

Test(map, empty)
{
    struct oro_map m = {0};
    size_t i = 0;
    const struct oro_map_slot *slot;
    cr_assert_null(oro_map_get(&m, oro_bytes_str("a")));
    cr_assert_null(oro_map_del(&m, oro_bytes_str("a")));
    cr_assert_null(oro_map_get_u64(&m, 0));
    cr_assert_not(oro_map_next(&m, &i, &slot));
    cr_assert_eq(oro_map_len(&m), 0);
    oro_map_fini(&m);
}

Test(map, keys_are_copied_bytes_of_any_length)
{
    struct oro_map m = {0};
    int v[300];
    char key[300] = {0};
    for (size_t n = 0; n < 300; n++)
        cr_assert_null(oro_map_put(&m, oro_bytes(key, n), &v[n]));
    memset(key, 1, sizeof(key));
    cr_assert_null(oro_map_get(&m, oro_bytes(key, 5)));
    memset(key, 0, sizeof(key));
    for (size_t n = 0; n < 300; n++)
        cr_assert_eq(oro_map_get(&m, oro_bytes(key, n)), &v[n]);
    cr_assert_eq(oro_map_get(&m, oro_bytes(NULL, 0)), &v[0]);
    cr_assert_eq(oro_map_put(&m, oro_bytes(key, 7), &v[0]), &v[7]);
    cr_assert_eq(oro_map_len(&m), 300);
    cr_assert_eq(oro_map_del(&m, oro_bytes(NULL, 0)), &v[0]);
    cr_assert_null(oro_map_get(&m, oro_bytes_str("")));
    oro_map_fini(&m);
}

/* Against an array, with many deletions so that slots are reused. */
Test(map, agrees_with_an_array)
{
    enum { KEYS = 700 };
    static int value[KEYS];
    for (int bytes = 0; bytes < 2; bytes++) {
        int *model[KEYS] = {0};
        struct oro_map m = {0};
        uint64_t seed = 88172645463325252u;
        size_t used = 0;
        for (int step = 0; step < 200000; step++) {
            uint64_t k = rnd(&seed) % KEYS;
            int *v = &value[rnd(&seed) % KEYS];
            struct oro_bytes kb = oro_bytes(&k, sizeof(k));
            int *was = model[k];
            switch (rnd(&seed) % 3) {
            case 0:
                cr_assert_eq(bytes ? oro_map_put(&m, kb, v) : oro_map_put_u64(&m, k, v), was);
                model[k] = v;
                used += was == NULL;
                break;
            case 1:
                cr_assert_eq(bytes ? oro_map_del(&m, kb) : oro_map_del_u64(&m, k), was);
                model[k] = NULL;
                used -= was != NULL;
                break;
            default:
                cr_assert_eq(bytes ? oro_map_get(&m, kb) : oro_map_get_u64(&m, k), was);
            }
            cr_assert_eq(oro_map_len(&m), used);
        }
        oro_map_fini(&m);
    }
}

/* Keys that come and go, each only once: the map stays as small as what is in it. */
Test(map, deleted_slots_are_cleaned_out)
{
    struct oro_map m = {0};
    int v;
    for (uint64_t k = 0; k < 100000; k++) {
        oro_map_put_u64(&m, k, &v);
        if (k >= 10)
            cr_assert_eq(oro_map_del_u64(&m, k - 10), &v);
    }
    cr_assert_eq(oro_map_len(&m), 10);
    cr_assert_leq(m.cap, 64);
    oro_map_fini(&m);
}

Test(map, iteration_gives_each_once_and_allows_deleting)
{
    struct oro_map m = {0};
    static int seen[1000];
    for (uint64_t k = 0; k < 1000; k++)
        oro_map_put_u64(&m, k, &seen[k]);
    const struct oro_map_slot *slot;
    for (size_t i = 0; oro_map_next(&m, &i, &slot);) {
        cr_assert_null(slot->key);
        int *v = slot->value;
        cr_assert_eq((uint64_t)(v - seen), slot->key_len);
        (*v)++;
        if (slot->key_len % 2 == 0)
            oro_map_del_u64(&m, slot->key_len);
    }
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(seen[i], 1);
    cr_assert_eq(oro_map_len(&m), 500);
    for (size_t i = 0; oro_map_next(&m, &i, &slot);)
        cr_assert_eq(slot->key_len % 2, 1);
    oro_map_fini(&m);
}
