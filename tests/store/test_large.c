/* Commits of very many inserts, which are put into the indexes in slices while others commit: they are seen whole or not at all,
 * keys stay unique, and who writes to the same table or runs alone waits its turn. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/clock.h"
#include "runtime/store/internal.h"
#include "tests/store/fixture.h"

#define MANY (ORO_LARGE + 904u) /* a multiple of 5 */

static struct oro_schema *schema;
static struct oro_table_def *item, *other;
static const struct oro_index_def *by_id, *by_group, *other_id;
static struct oro_store *store;
static atomic_bool ends, commits;
static _Atomic int64_t commit_us;

static void
setup(void)
{
    schema = fx_schema();
    item = fx_table(schema, "item", "id:u32 group:u8 value:i64", 0);
    by_id = fx_index(item, ORO_INDEX_BTREE, true, "0");
    by_group = fx_index(item, ORO_INDEX_BTREE, false, "1,0");
    other = fx_table(schema, "other", "id:u32 n:i64", 0);
    other_id = fx_index(other, ORO_INDEX_HASH, true, "0");
    cr_assert_eq(oro_store_create(schema, NULL, &store, NULL), ORO_OK);
    atomic_store(&ends, false);
}

static void
teardown(void)
{
    cr_assert(oro_store_check(store));
    oro_store_destroy(store);
    fx_schema_free(schema);
}

TestSuite(large, .init = setup, .fini = teardown, .timeout = 200);

static oro_status
insert_many(struct oro_session *se, uint32_t from, uint32_t n)
{
    uint64_t seq;
    struct oro_tx *tx = oro_tx_begin(se, false);
    for (uint32_t i = from; i < from + n; i++)
        if (oro_tx_insert(tx, item, fx_row(item, (int64_t)i, (int64_t)(i % 5), (int64_t)from), NULL,
                          NULL) != ORO_OK) {
            oro_tx_abort(tx);
            return ORO_EEXISTS;
        }
    int64_t begun = oro_mono_us();
    atomic_store(&commits, true);
    oro_status st = oro_tx_commit(tx, &fx_origin, &seq);
    atomic_store(&commit_us, oro_mono_us() - begun);
    return st;
}

static uint64_t
add_one(struct oro_session *se, bool exclusive)
{
    struct oro_bytes row;
    int64_t n = 0;
    uint64_t seq;
    for (;; exclusive = true) {
        struct oro_tx *tx = oro_tx_begin(se, exclusive);
        if (oro_tx_find(tx, other, other_id, fx_key(other, other_id, 1, (int64_t)1), &row) ==
            ORO_OK)
            n = fx_int(other, row, 1);
        cr_assert_eq(
            oro_tx_upsert(tx, other, other_id, fx_row(other, (int64_t)1, n + 1), NULL, NULL),
            ORO_OK);
        if (oro_tx_commit(tx, &fx_origin, &seq) == ORO_OK)
            return seq;
        cr_assert(!exclusive);
    }
}

/* ---- what others see and do meanwhile ---- */

/* At every snapshot the rows come in whole commits, by every index, and are as many as are counted. */
static void *
reader_main(void *arg)
{
    (void)arg;
    struct oro_session *se = oro_session_open(store);
    uint64_t last = 0;
    while (!atomic_load(&ends)) {
        struct oro_rows all, group;
        uint64_t rows, bytes;
        struct oro_range range = {.prefix = fx_key(item, by_group, 1, (int64_t)2), .nprefix = 1};
        oro_read_begin(se);
        oro_read_scan(se, item, &all);
        cr_assert_eq(oro_read_range(se, item, by_group, &range, &group), ORO_OK);
        oro_read_totals(se, item, &rows, &bytes);
        cr_assert_eq(all.n % MANY, 0, "%zu rows", all.n);
        cr_assert_eq(group.n * 5, all.n);
        cr_assert_eq(rows, all.n);
        cr_assert_geq(all.n, last);
        last = all.n;
        oro_read_end(se);
    }
    oro_session_close(se);
    return NULL;
}

static void *
adder_main(void *arg)
{
    bool exclusive = arg != NULL;
    struct oro_session *se = oro_session_open(store);
    uintptr_t n = 0;
    for (; !atomic_load(&ends); n++)
        add_one(se, exclusive && n % 4 == 0);
    oro_session_close(se);
    return (void *)n;
}

/* Writes single rows to the large table, between and at the keys of the large commits, and takes them out again. */
static void *
small_main(void *arg)
{
    struct oro_session *se = oro_session_open(store);
    uint64_t state = 5, seq;
    (void)arg;
    while (!atomic_load(&ends)) {
        uint32_t id = (uint32_t)(fx_rand(&state) % (6 * MANY));
        struct oro_tx *tx = oro_tx_begin(se, fx_rand(&state) % 8 == 0);
        struct oro_bytes key = fx_key(item, by_id, 1, (int64_t)id), row;
        if (oro_tx_find(tx, item, by_id, key, &row) == ORO_OK)
            cr_assert_eq(oro_tx_update(tx, item, by_id,
                                       fx_row(item, (int64_t)id, (int64_t)(id % 5), (int64_t)7),
                                       NULL, NULL),
                         ORO_OK);
        oro_status st = oro_tx_commit(tx, &fx_origin, &seq);
        cr_assert(st == ORO_OK || st == ORO_ECONFLICT);
    }
    oro_session_close(se);
    return NULL;
}

#define ROUNDS 6

Test(large, is_seen_whole_while_others_commit)
{
    pthread_t reader, adder, alone, small;
    void *added[2];
    struct oro_session *se = oro_session_open(store);
    add_one(se, false);
    cr_assert_eq(pthread_create(&reader, NULL, reader_main, NULL), 0);
    cr_assert_eq(pthread_create(&adder, NULL, adder_main, NULL), 0);
    cr_assert_eq(pthread_create(&alone, NULL, adder_main, &ends), 0);
    cr_assert_eq(pthread_create(&small, NULL, small_main, NULL), 0);
    for (uint32_t i = 0; i < ROUNDS; i++)
        cr_assert_eq(insert_many(se, i * MANY, MANY), ORO_OK);
    atomic_store(&ends, true);
    pthread_join(reader, NULL);
    pthread_join(adder, &added[0]);
    pthread_join(alone, &added[1]);
    pthread_join(small, NULL);
    struct oro_bytes row;
    oro_read_begin(se);
    cr_assert(oro_read_row(se, other, fx_key(other, other_id, 1, (int64_t)1), &row));
    cr_assert_eq(fx_int(other, row, 1),
                 1 + (int64_t)(uintptr_t)added[0] + (int64_t)(uintptr_t)added[1]);
    oro_read_end(se);
    oro_session_close(se);
}

/* Two at once, whose keys overlap: one of them is there. */
static void *
overlapping_main(void *arg)
{
    struct oro_session *se = oro_session_open(store);
    oro_status st = insert_many(se, *(uint32_t *)arg, MANY);
    cr_assert(st == ORO_OK || st == ORO_ECONFLICT || st == ORO_EEXISTS);
    oro_session_close(se);
    return (void *)(uintptr_t)(st == ORO_OK);
}

Test(large, keys_stay_unique)
{
    struct oro_session *se = oro_session_open(store);
    struct oro_rows all;
    size_t want = 0;
    for (uint32_t round = 0; round < 8; round++) {
        pthread_t t[3];
        uint32_t from[3];
        for (unsigned i = 0; i < 3; i++) {
            from[i] = round * 10 * MANY + i * (MANY / 2);
            cr_assert_eq(pthread_create(&t[i], NULL, overlapping_main, &from[i]), 0);
        }
        for (unsigned i = 0; i < 3; i++) {
            void *there;
            pthread_join(t[i], &there);
            want += there != NULL ? MANY : 0;
        }
    }
    oro_read_begin(se);
    oro_read_scan(se, item, &all);
    cr_assert_eq(all.n, want);
    cr_assert_geq(want, (size_t)8 * MANY);
    oro_read_end(se);
    oro_session_close(se);
}

/* A key that was free when it was looked at, and is not any more. */
Test(large, a_conflict_leaves_nothing)
{
    struct oro_session *se = oro_session_open(store), *mine = oro_session_open(store);
    uint64_t seq;
    struct oro_tx *tx = oro_tx_begin(se, false);
    for (uint32_t i = 0; i < MANY; i++)
        cr_assert_eq(
            oro_tx_insert(tx, item, fx_row(item, (int64_t)i, (int64_t)0, (int64_t)0), NULL, NULL),
            ORO_OK);
    cr_assert_eq(insert_many(mine, MANY - 1, 1), ORO_OK);
    cr_assert_eq(oro_tx_commit(tx, &fx_origin, &seq), ORO_ECONFLICT);
    cr_assert_eq(oro_store_row_count(store, item), 1);
    cr_assert_eq(insert_many(se, 0, MANY - 1), ORO_OK);
    cr_assert_eq(oro_store_row_count(store, item), MANY);
    /* The rows go, and others come in their place, before anybody has tidied up. */
    tx = oro_tx_begin(mine, false);
    cr_assert_eq(oro_tx_clear(tx, item), MANY);
    fx_commit(tx);
    cr_assert_eq(insert_many(se, 0, MANY), ORO_OK);
    cr_assert_eq(oro_store_row_count(store, item), MANY);
    oro_session_close(mine);
    oro_session_close(se);
}

/* ---- of updates and deletions ---- */

/* Reads all rows and what stands in `other`, gives every row the value one more, and takes one row away and puts another one. */
static oro_status
change_all(struct oro_session *se, int64_t *value)
{
    struct oro_rows all;
    struct oro_bytes row;
    uint64_t seq;
    struct oro_tx *tx = oro_tx_begin(se, false);
    oro_tx_scan(tx, item, &all);
    *value = fx_int(item, all.rows[0], 2) + 1;
    cr_assert_eq(oro_tx_find(tx, other, other_id, fx_key(other, other_id, 1, (int64_t)1), &row),
                 ORO_OK);
    for (size_t i = 0; i < all.n; i++) {
        int64_t id = fx_int(item, all.rows[i], 0);
        cr_assert_eq(oro_tx_update(tx, item, by_id, fx_row(item, id, id % 5, *value), NULL, NULL),
                     ORO_OK);
    }
    int64_t gone = *value - 1, fresh = gone + (int64_t)all.n;
    cr_assert_eq(oro_tx_delete(tx, item, by_id, fx_key(item, by_id, 1, gone)), ORO_OK);
    cr_assert_eq(oro_tx_insert(tx, item, fx_row(item, fresh, fresh % 5, *value), NULL, NULL),
                 ORO_OK);
    return oro_tx_commit(tx, &fx_origin, &seq);
}

/* At every snapshot all rows have one value, and there are as many as ever, by every index. */
static void *
value_reader_main(void *arg)
{
    struct oro_session *se = oro_session_open(store);
    int64_t last = 0;
    (void)arg;
    while (!atomic_load(&ends)) {
        struct oro_rows all, group;
        size_t grouped = 0;
        oro_read_begin(se);
        oro_read_scan(se, item, &all);
        cr_assert_eq(all.n, MANY);
        int64_t value = fx_int(item, all.rows[0], 2);
        for (size_t i = 0; i < all.n; i++)
            cr_assert_eq(fx_int(item, all.rows[i], 2), value);
        for (int64_t g = 0; g < 5; g++) {
            struct oro_range range = {.prefix = fx_key(item, by_group, 1, g), .nprefix = 1};
            cr_assert_eq(oro_read_range(se, item, by_group, &range, &group), ORO_OK);
            grouped += group.n;
        }
        cr_assert_eq(grouped, MANY);
        cr_assert_geq(value, last);
        last = value;
        oro_read_end(se);
    }
    oro_session_close(se);
    return NULL;
}

Test(large, changes_are_seen_whole_while_others_commit)
{
    pthread_t reader, adder;
    struct oro_session *se = oro_session_open(store);
    int64_t value = 0;
    cr_assert_eq(insert_many(se, 0, MANY), ORO_OK);
    add_one(se, false);
    cr_assert_eq(pthread_create(&reader, NULL, value_reader_main, NULL), 0);
    cr_assert_eq(change_all(se, &value), ORO_OK);
    cr_assert_eq(pthread_create(&adder, NULL, adder_main, NULL), 0);
    unsigned failed = 0;
    for (unsigned i = 0; i < ROUNDS; i++)
        failed += change_all(se, &value) != ORO_OK; /* what it read in `other` has changed since */
    atomic_store(&ends, true);
    pthread_join(reader, NULL);
    pthread_join(adder, NULL);
    cr_assert_eq(change_all(se, &value), ORO_OK);
    cr_assert_eq(value, 2 + ROUNDS - failed);
    cr_assert_eq(oro_store_row_count(store, item), MANY);
    oro_session_close(se);
}

/* What it has read was changed before it looked: nothing of it is left, and the next try goes through. */
Test(large, what_it_read_has_to_hold)
{
    struct oro_session *se = oro_session_open(store), *mine = oro_session_open(store);
    uint64_t seq;
    add_one(se, false);
    cr_assert_eq(insert_many(se, 0, MANY), ORO_OK);
    for (unsigned by = 0; by < 5; by++) {
        struct oro_tx *tx = oro_tx_begin(mine, false);
        struct oro_bytes row;
        struct oro_rows rows;
        struct oro_range range = {.prefix = fx_key(item, by_group, 1, (int64_t)9), .nprefix = 1};
        struct oro_bytes one = fx_key(other, other_id, 1, (int64_t)1);
        if (by == 0)
            cr_assert_eq(oro_tx_find(tx, other, other_id, one, &row), ORO_OK);
        else if (by == 1)
            cr_assert_eq(
                oro_tx_find(tx, other, other_id, fx_key(other, other_id, 1, (int64_t)2 + by), &row),
                ORO_ENOTFOUND);
        else if (by == 2)
            (void)oro_tx_count(tx, other);
        else if (by == 3)
            cr_assert_eq(oro_tx_range(tx, item, by_group, &range, &rows), ORO_OK);
        for (uint32_t i = 0; i < MANY; i++)
            cr_assert_eq(oro_tx_update(tx, item, by_id,
                                       fx_row(item, (int64_t)i, (int64_t)(i % 5), (int64_t)by + 10),
                                       NULL, NULL),
                         ORO_OK);
        struct oro_tx *theirs = oro_tx_begin(se, false);
        if (by < 3)
            cr_assert_eq(oro_tx_upsert(theirs, other, other_id,
                                       fx_row(other, by == 0 ? (int64_t)1 : (int64_t)2 + by,
                                              (int64_t)70 + by),
                                       NULL, NULL),
                         ORO_OK);
        else
            cr_assert_eq(oro_tx_upsert(theirs, item, by_id,
                                       fx_row(item, by == 3 ? (int64_t)MANY : (int64_t)5,
                                              (int64_t)9, (int64_t)1),
                                       NULL, NULL),
                         ORO_OK);
        fx_commit(theirs);
        cr_assert_eq(oro_tx_commit(tx, &fx_origin, &seq), ORO_ECONFLICT, "%u", by);
        oro_read_begin(se);
        cr_assert(oro_read_row(se, item, fx_key(item, by_id, 1, (int64_t)6), &row));
        cr_assert_eq(fx_int(item, row, 2), 0);
        oro_read_end(se);
    }
    oro_session_close(mine);
    oro_session_close(se);
}

/* How long others wait; for people: ORO_LARGE_ROWS=1000000. */
static void *
timing_main(void *arg)
{
    struct oro_session *se = oro_session_open(store);
    int64_t *longest = arg; /* the five of them, longest first */
    while (!atomic_load(&ends)) {
        bool counts = atomic_load(&commits);
        int64_t from = oro_mono_us();
        add_one(se, false);
        int64_t took = oro_mono_us() - from;
        for (int i = 0; i < 5 && counts; i++) {
            int64_t other_one = longest[i];
            longest[i] = took > other_one ? took : other_one;
            took = took > other_one ? other_one : took;
        }
    }
    oro_session_close(se);
    return NULL;
}

Test(large, others_meanwhile)
{
    const char *text = getenv("ORO_LARGE_ROWS");
    uint32_t n = text != NULL ? (uint32_t)atoi(text) : MANY;
    struct oro_session *se = oro_session_open(store);
    int64_t longest[5] = {0};
    pthread_t t;
    cr_assert_eq(pthread_create(&t, NULL, timing_main, longest), 0);
    atomic_store(&commits, false);
    cr_assert_eq(insert_many(se, 0, n), ORO_OK);
    atomic_store(&ends, true);
    pthread_join(t, NULL);
    if (text != NULL)
        fprintf(stderr, "%u rows committed in %lld us; others took %lld %lld %lld %lld %lld us\n",
                n, (long long)atomic_load(&commit_us), (long long)longest[0], (long long)longest[1],
                (long long)longest[2], (long long)longest[3], (long long)longest[4]);
    oro_session_close(se);
}
