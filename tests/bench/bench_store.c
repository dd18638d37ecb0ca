/* What the store's operations cost, one thread, rows (u32 primary key, i64). Prints nanoseconds for
 * each operation: the best of many short rounds, since whatever disturbs only adds. */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/clock.h"
#include "runtime/store/internal.h"
#include "tests/store/fixture.h"

#define ROUNDS 50

struct bench {
    struct oro_schema *schema;
    struct oro_table_def *t;
    const struct oro_index_def *ix;
    struct oro_store *store;
    struct oro_session *se;
    uint64_t rng;
    uint32_t rows;
};

struct account {
    uint32_t id;
    int64_t n;
} __attribute__((packed));

static struct oro_bytes
bytes_of(const struct account *a)
{
    return oro_bytes(a, sizeof(*a));
}

static uint32_t
any(struct bench *b)
{
    return (uint32_t)(fx_rand(&b->rng) % b->rows);
}

static void
insert(struct oro_tx *tx, struct bench *b, uint32_t id)
{
    struct account a = {id, 1000};
    ORO_ASSERT(oro_tx_insert(tx, b->t, bytes_of(&a), NULL, NULL) == ORO_OK);
}

static void
fill(struct bench *b)
{
    for (uint32_t i = 0; i < b->rows;) {
        struct oro_tx *tx = oro_tx_begin(b->se, false);
        for (uint32_t j = 0; j < 1000 && i < b->rows; j++)
            insert(tx, b, i++);
        fx_commit(tx);
    }
}

static struct account
find(struct oro_tx *tx, struct bench *b, uint32_t id)
{
    struct oro_bytes row;
    ORO_ASSERT(oro_tx_find(tx, b->t, b->ix, oro_bytes(&id, 4), &row) == ORO_OK);
    struct account a;
    memcpy(&a, row.data, sizeof(a));
    return a;
}

static void
update(struct oro_tx *tx, struct bench *b, const struct account *a)
{
    ORO_ASSERT(oro_tx_update(tx, b->t, b->ix, bytes_of(a), NULL, NULL) == ORO_OK);
}

static int
run_find(struct bench *b)
{
    for (int k = 0; k < 100; k++) {
        struct oro_tx *tx = oro_tx_begin(b->se, false);
        for (int i = 0; i < 100; i++)
            find(tx, b, any(b));
        oro_tx_abort(tx);
    }
    return 10000;
}

static int
run_transfer(struct bench *b)
{
    for (int k = 0; k < 10000; k++) {
        struct oro_tx *tx = oro_tx_begin(b->se, false);
        uint32_t i = any(b), j = any(b);
        struct account x = find(tx, b, i), y = find(tx, b, j);
        x.n--;
        y.n++;
        update(tx, b, &x);
        if (i != j)
            update(tx, b, &y);
        fx_commit(tx);
    }
    return 10000;
}

static int
run_hot_update(struct bench *b)
{
    for (int k = 0; k < 10000; k++) {
        struct oro_tx *tx = oro_tx_begin(b->se, false);
        struct account x = find(tx, b, 7);
        x.n++;
        update(tx, b, &x);
        fx_commit(tx);
    }
    return 10000;
}

static int
run_insert_delete(struct bench *b)
{
    for (uint32_t k = 0; k < 5000; k++) {
        struct oro_tx *tx = oro_tx_begin(b->se, false);
        insert(tx, b, b->rows + k);
        fx_commit(tx);
    }
    for (uint32_t k = 0; k < 5000; k++) {
        struct oro_tx *tx = oro_tx_begin(b->se, false);
        uint32_t id = b->rows + k;
        ORO_ASSERT(oro_tx_delete(tx, b->t, b->ix, oro_bytes(&id, 4)) == ORO_OK);
        fx_commit(tx);
    }
    return 10000;
}

static int
run_range(struct bench *b)
{
    for (int k = 0; k < 200; k++) {
        struct oro_tx *tx = oro_tx_begin(b->se, false);
        uint32_t lo = any(b), hi = lo + 100;
        struct oro_range r = {.has_lo = true,
                              .has_hi = true,
                              .hi_open = true,
                              .lo = oro_bytes(&lo, 4),
                              .hi = oro_bytes(&hi, 4)};
        struct oro_rows rows;
        ORO_ASSERT(oro_tx_range(tx, b->t, b->ix, &r, &rows) == ORO_OK);
        oro_tx_abort(tx);
    }
    return 200;
}

static int
run_empty(struct bench *b)
{
    for (int k = 0; k < 10000; k++)
        fx_commit(oro_tx_begin(b->se, false));
    return 10000;
}

static int
run_bulk(struct bench *b)
{
    struct oro_tx *tx = oro_tx_begin(b->se, false);
    for (uint32_t k = 0; k < 5000; k++)
        insert(tx, b, b->rows + k);
    fx_commit(tx);
    tx = oro_tx_begin(b->se, false);
    for (uint32_t k = 0; k < 5000; k++) {
        uint32_t id = b->rows + k;
        ORO_ASSERT(oro_tx_delete(tx, b->t, b->ix, oro_bytes(&id, 4)) == ORO_OK);
    }
    fx_commit(tx);
    return 10000;
}

static void
measure(struct bench *b, const char *name, int (*run)(struct bench *b))
{
    double best = 1e18;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t from = oro_mono_ns();
        int n = run(b);
        double ns = (double)(oro_mono_ns() - from) / n;
        best = ns < best ? ns : best;
    }
    printf("  %-34s %8.1f ns\n", name, best);
}

static void
bench(const char *title, enum oro_index_kind kind, uint32_t rows)
{
    struct bench b = {.rng = 1, .rows = rows, .schema = fx_schema()};
    b.t = fx_table(b.schema, "account", "id:u32 n:i64", 0);
    b.ix = fx_index(b.t, kind, true, "0");
    ORO_ASSERT(oro_store_create(b.schema, NULL, &b.store, NULL) == ORO_OK);
    b.se = oro_session_open(b.store);
    fill(&b);
    printf("%s, %u rows\n", title, rows);
    measure(&b, "find (in transactions of 100)", run_find);
    measure(&b, "begin, commit", run_empty);
    measure(&b, "begin, find, update, commit: one row", run_hot_update);
    measure(&b, "begin, insert or delete, commit", run_insert_delete);
    measure(&b, "transfer: 2 finds, 2 updates", run_transfer);
    measure(&b, "insert or delete, 5000 in one", run_bulk);
    if (kind != ORO_INDEX_HASH)
        measure(&b, "begin, range of 100 rows, abort", run_range);
    oro_session_close(b.se);
    ORO_ASSERT(oro_store_check(b.store));
    oro_store_destroy(b.store);
    fx_schema_free(b.schema);
}

int
main(int argc, char **argv)
{
    uint32_t rows = argc > 1 ? (uint32_t)atoi(argv[1]) : 100000;
    bench("btree", ORO_INDEX_BTREE, rows);
    bench("hash", ORO_INDEX_HASH, rows);
    return 0;
}
