/* What the store's operations cost, one thread, rows (u32 primary key, i64), beside SQLite's `:memory:` with prepared statements.
 * Nanoseconds for each operation: the best of many short rounds, since whatever disturbs only adds; the subjects take turns, so
 * that a disturbance meets them all. Then the memory of a row beyond its BSATN bytes: index entry, header, rounding.
 *
 *     bench_store [ROWS] [ROUNDS]      ROWS 0: only the memory of ten million */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/store/internal.h"
#include "tests/bench/bench_store_sqlite.h"
#include "tests/store/fixture.h"

#define BATCH 100 /* operations in a transaction, where it says so */

struct account {
    uint32_t id;
    int64_t n;
} __attribute__((packed));

/* One of what is compared: our store, with one kind of index, or SQLite. */
struct subject {
    const char *name;
    struct lite *lite; /* or NULL, then: */
    struct oro_schema *schema;
    struct oro_table_def *t;
    const struct oro_index_def *ix;
    struct oro_store *store;
    struct oro_session *se;
    struct oro_tx *tx;
    uint64_t rng;
    uint32_t rows;
    uint32_t *keys; /* all of them, in no order */
    int64_t sum;    /* so that nothing is optimised away */
};

/* ---- one operation ---- */

static void
begin(struct subject *s)
{
    if (s->lite != NULL)
        lite_begin(s->lite);
    else
        s->tx = oro_tx_begin(s->se, false);
}

static void
commit(struct subject *s)
{
    if (s->lite != NULL)
        lite_commit(s->lite);
    else
        fx_commit(s->tx);
}

static uint32_t
any(struct subject *s)
{
    return (uint32_t)(fx_rand(&s->rng) % s->rows);
}

static void
insert(struct subject *s, uint32_t id)
{
    struct account a = {id, 1000};
    if (s->lite != NULL)
        lite_insert(s->lite, id, a.n);
    else
        ORO_ASSERT(oro_tx_insert(s->tx, s->t, oro_bytes(&a, sizeof(a)), NULL, NULL) == ORO_OK);
}

static int64_t
find(struct subject *s, uint32_t id)
{
    struct oro_bytes row;
    struct account a;
    if (s->lite != NULL)
        return lite_find(s->lite, id);
    ORO_ASSERT(oro_tx_find(s->tx, s->t, s->ix, oro_bytes(&id, 4), &row) == ORO_OK);
    memcpy(&a, row.data, sizeof(a));
    return a.n;
}

static void
update(struct subject *s, uint32_t id, int64_t n)
{
    struct account a = {id, n};
    if (s->lite != NULL)
        lite_update(s->lite, id, n);
    else
        ORO_ASSERT(oro_tx_update(s->tx, s->t, s->ix, oro_bytes(&a, sizeof(a)), NULL, NULL) ==
                   ORO_OK);
}

static void delete (struct subject *s, uint32_t id)
{
    if (s->lite != NULL)
        lite_delete(s->lite, id);
    else
        ORO_ASSERT(oro_tx_delete(s->tx, s->t, s->ix, oro_bytes(&id, 4)) == ORO_OK);
}

static int64_t
range(struct subject *s, uint32_t lo, uint32_t hi)
{
    if (s->lite != NULL)
        return lite_range(s->lite, lo, hi);
    struct oro_range r = {.has_lo = true,
                          .has_hi = true,
                          .hi_open = true,
                          .lo = oro_bytes(&lo, 4),
                          .hi = oro_bytes(&hi, 4)};
    struct oro_rows rows;
    int64_t sum = 0;
    ORO_ASSERT(oro_tx_range(s->tx, s->t, s->ix, &r, &rows) == ORO_OK);
    for (size_t i = 0; i < rows.n; i++) {
        struct account a;
        memcpy(&a, rows.rows[i].data, sizeof(a));
        sum += a.n;
    }
    return sum;
}

/* ---- rounds: each gives how many operations it was ---- */

static int
run_find(struct subject *s)
{
    for (int k = 0; k < 100; k++) {
        begin(s);
        for (int i = 0; i < BATCH; i++)
            s->sum += find(s, any(s));
        commit(s);
    }
    return 100 * BATCH;
}

static int
run_update(struct subject *s)
{
    for (int k = 0; k < 50; k++) {
        begin(s);
        for (int i = 0; i < BATCH; i++)
            update(s, any(s), ++s->sum);
        commit(s);
    }
    return 50 * BATCH;
}

/* Keys all over the table: insert takes what delete_back takes away again. */
static uint32_t
new_key(const struct subject *s, uint32_t i)
{
    return s->rows + s->keys[i % s->rows];
}

static int
run_insert(struct subject *s)
{
    for (uint32_t k = 0; k < 50; k++) {
        begin(s);
        for (uint32_t i = 0; i < BATCH; i++)
            insert(s, new_key(s, k * BATCH + i));
        commit(s);
    }
    return 50 * BATCH;
}

static int
run_delete(struct subject *s)
{
    for (uint32_t k = 0; k < 50; k++) {
        begin(s);
        for (uint32_t i = 0; i < BATCH; i++)
            delete (s, new_key(s, k * BATCH + i));
        commit(s);
    }
    return 50 * BATCH;
}

static int
run_range(struct subject *s)
{
    begin(s);
    for (int k = 0; k < BATCH; k++) {
        uint32_t lo = any(s);
        s->sum += range(s, lo, lo + 100);
    }
    commit(s);
    return BATCH;
}

static int
run_empty(struct subject *s)
{
    for (int k = 0; k < 10000; k++) {
        begin(s);
        commit(s);
    }
    return 10000;
}

static int
run_find_one(struct subject *s)
{
    for (int k = 0; k < 5000; k++) {
        begin(s);
        s->sum += find(s, any(s));
        commit(s);
    }
    return 5000;
}

static int
run_hot(struct subject *s)
{
    for (int k = 0; k < 5000; k++) {
        begin(s);
        update(s, 7, find(s, 7) + 1);
        commit(s);
    }
    return 5000;
}

static int
run_transfer(struct subject *s)
{
    for (int k = 0; k < 5000; k++) {
        begin(s);
        uint32_t i = any(s), j = any(s);
        int64_t x = find(s, i), y = find(s, j);
        update(s, i, x - 1);
        if (i != j)
            update(s, j, y + 1);
        commit(s);
    }
    return 5000;
}

/* ---- subjects ---- */

enum order { ASCENDING, SHUFFLED };

static void
fill(struct subject *s, enum order order)
{
    for (uint32_t i = 0; i < s->rows;) {
        begin(s);
        for (uint32_t j = 0; j < 1000 && i < s->rows; j++, i++)
            insert(s, order == SHUFFLED ? s->keys[i] : i);
        commit(s);
    }
}

static uint32_t *
shuffled(uint32_t rows)
{
    uint64_t rng = 7;
    uint32_t *keys = ORO_NEW_ARRAY(uint32_t, rows);
    for (uint32_t i = 0; i < rows; i++)
        keys[i] = i;
    for (uint32_t i = rows; i-- > 1;) {
        uint32_t j = (uint32_t)(fx_rand(&rng) % (i + 1)), key = keys[i];
        keys[i] = keys[j];
        keys[j] = key;
    }
    return keys;
}

static void
subject_open(struct subject *s, const char *name, enum oro_index_kind kind, bool sqlite,
             uint32_t rows)
{
    *s = (struct subject){.name = name, .rng = 1, .rows = rows, .keys = shuffled(rows)};
    if (sqlite) {
        s->lite = lite_open();
        return;
    }
    s->schema = fx_schema();
    s->t = fx_table(s->schema, "account", "id:u32 n:i64", 0);
    s->ix = fx_index(s->t, kind, true, "0");
    ORO_ASSERT(oro_store_create(s->schema, NULL, &s->store, NULL) == ORO_OK);
    s->se = oro_session_open(s->store);
}

static void
subject_close(struct subject *s)
{
    oro_free(s->keys);
    if (s->lite != NULL) {
        lite_close(s->lite);
        return;
    }
    oro_session_close(s->se);
    ORO_ASSERT(oro_store_check(s->store));
    oro_store_destroy(s->store);
    fx_schema_free(s->schema);
}

/* ---- time ---- */

#define SUBJECTS 4

struct work {
    const char *name;
    int (*run)(struct subject *s);
    bool ordered; /* not for hash indexes */
};

/* Each insert is followed by the delete of the same rows, so that the table stays as it was. */
static const struct work works[] = {
    {"find", run_find, false},
    {"insert", run_insert, false},
    {"delete", run_delete, false},
    {"update", run_update, false},
    {"range of 100 rows", run_range, true},
    {"begin, commit", run_empty, false},
    {"begin, find, commit", run_find_one, false},
    {"begin, find, update, commit: hot row", run_hot, false},
    {"transfer: 2 finds, 2 updates", run_transfer, false},
};

static void
measure(struct subject *subjects, int rounds, double best[ORO_ARRAY_LEN(works)][SUBJECTS])
{
    for (size_t w = 0; w < ORO_ARRAY_LEN(works); w++)
        for (int i = 0; i < SUBJECTS; i++)
            best[w][i] = 1e18;
    for (int round = 0; round < rounds; round++) {
        for (size_t w = 0; w < ORO_ARRAY_LEN(works); w++) {
            for (int i = 0; i < SUBJECTS; i++) {
                struct subject *s = &subjects[i];
                if (works[w].ordered && s->ix != NULL && s->ix->kind == ORO_INDEX_HASH)
                    continue;
                int64_t from = oro_mono_ns();
                int n = works[w].run(s);
                double ns = (double)(oro_mono_ns() - from) / n;
                best[w][i] = ns < best[w][i] ? ns : best[w][i];
            }
        }
    }
}

static void
times(uint32_t rows, int rounds)
{
    struct subject s[SUBJECTS];
    double best[ORO_ARRAY_LEN(works)][SUBJECTS];
    subject_open(&s[0], "btree", ORO_INDEX_BTREE, false, rows);
    subject_open(&s[1], "hash", ORO_INDEX_HASH, false, rows);
    subject_open(&s[2], "direct", ORO_INDEX_DIRECT, false, rows);
    subject_open(&s[3], "SQLite", ORO_INDEX_BTREE, true, rows);
    for (int i = 0; i < SUBJECTS; i++)
        fill(&s[i], ASCENDING);
    measure(s, rounds, best);
    printf("%u rows (u32, i64); ns for each; the first five in transactions of %d\n%-38s", rows,
           BATCH, "");
    for (int i = 0; i < SUBJECTS; i++)
        printf("%10s", s[i].name);
    printf("\n");
    for (size_t w = 0; w < ORO_ARRAY_LEN(works); w++) {
        printf("  %-36s", works[w].name);
        for (int i = 0; i < SUBJECTS; i++)
            if (best[w][i] < 1e18)
                printf("%10.1f", best[w][i]);
            else
                printf("%10s", "-");
        printf("\n");
    }
    for (int i = 0; i < SUBJECTS; i++)
        subject_close(&s[i]);
}

/* ---- memory ---- */

static double
resident(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%*d %ld", &pages) != 1)
        pages = 0;
    if (f != NULL)
        fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* In a process of its own, so that nobody's freed memory is counted. */
static void
memory(const char *name, enum oro_index_kind kind, bool sqlite, enum order order, uint32_t rows)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct subject s;
        subject_open(&s, name, kind, sqlite, rows);
        double before = resident();
        int64_t from = oro_mono_ns();
        fill(&s, order);
        double ns = (double)(oro_mono_ns() - from) / rows;
        printf("  %-36s%10.1f   (filled in %.0f ns a row)\n", name,
               (resident() - before) / rows - (double)sizeof(struct account), ns);
        fflush(stdout);
        _exit(0);
    }
    ORO_ASSERT(pid > 0 && waitpid(pid, NULL, 0) == pid);
}

static void
memories(uint32_t rows)
{
    printf("%u rows; bytes of memory for each beyond its %zu of BSATN, index included\n", rows,
           sizeof(struct account));
    memory("btree, keys ascending", ORO_INDEX_BTREE, false, ASCENDING, rows);
    memory("btree, keys in any order", ORO_INDEX_BTREE, false, SHUFFLED, rows);
    memory("hash", ORO_INDEX_HASH, false, SHUFFLED, rows);
    memory("direct", ORO_INDEX_DIRECT, false, ASCENDING, rows);
    memory("SQLite, keys ascending", ORO_INDEX_BTREE, true, ASCENDING, rows);
    memory("SQLite, keys in any order", ORO_INDEX_BTREE, true, SHUFFLED, rows);
}

int
main(int argc, char **argv)
{
    uint32_t rows = argc > 1 ? (uint32_t)atoi(argv[1]) : 1000000;
    int rounds = argc > 2 ? atoi(argv[2]) : 30;
    if (rows == 0) {
        memories(10000000);
        return 0;
    }
    memories(rows);
    times(rows, rounds);
    return 0;
}
