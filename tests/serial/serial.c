/* Random concurrent histories over the real store, given to the checker.
 *
 *     serial [--expect-anomaly] [transactions] [seed]
 *
 * Lists are rows (list, position, value): appending reads the list by a range and inserts at its end, trimming deletes at its
 * front, and nothing else is written, so that the sum of both ends counts versions. Registers are a row with a version in one
 * of two tables: deleting one moves it to the other. Histories of 20,000 transactions, with 2 to 8 sessions and few or many
 * objects. Exit code 0: as expected. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "tests/serial/checker.h"
#include "tests/store/fixture.h"

#define HISTORY 20000
#define OBJECTS 128 /* at most, lists and registers together */
#define STEPS 6

enum act {
    READ_LIST,
    APPEND,
    TRIM,
    READ_LISTS,
    READ_REGISTER,
    WRITE_REGISTER,
    DELETE_REGISTER,
    SCAN,
    ACTS
};

static struct oro_schema *schema;
static struct oro_table_def *elem, *reg, *grave;
static const struct oro_index_def *by_place, *reg_key, *grave_key;
static struct oro_store *store;
static uint32_t lists, registers; /* objects 0 .. lists - 1, and those behind */
static atomic_uint transactions;  /* numbers given */
static uint32_t wanted;
static atomic_bool inconsistent; /* within one transaction */

/* What a transaction knows of an object now. */
struct state {
    uint32_t front, end; /* list: positions; register: end is the version */
    uint64_t stamp;
};

struct session {
    struct oro_session *se;
    uint64_t rng;
    struct access *accesses; /* of committed transactions */
    size_t n, cap;
    /* The running one. */
    struct oro_tx *tx;
    uint64_t value;
    struct {
        uint32_t object;
        struct state first, now;
    } seen[OBJECTS];
    size_t nseen;
    uint64_t conflicts;
};

static uint64_t
mix(uint64_t a, uint64_t b)
{
    uint64_t x = a * 31 + b;
    return fx_rand(&x);
}

static uint32_t
version(const struct state *s)
{
    return s->front + s->end;
}

/* ---- one object ---- */

/* The state is remembered the first time; later it has to be what the transaction made of it. */
static struct state *
see(struct session *s, uint32_t object, struct state now)
{
    for (size_t i = 0; i < s->nseen; i++) {
        if (s->seen[i].object != object)
            continue;
        struct state *was = &s->seen[i].now;
        if (version(was) != version(&now) || was->stamp != now.stamp)
            atomic_store(&inconsistent, true);
        return was;
    }
    s->seen[s->nseen].object = object;
    s->seen[s->nseen].first = s->seen[s->nseen].now = now;
    return &s->seen[s->nseen++].now;
}

/* Rows of one list, which come in order. */
static struct state
list_state(const struct oro_bytes *rows, size_t n)
{
    struct state s = {0};
    for (size_t i = 0; i < n; i++) {
        uint32_t at = (uint32_t)fx_int(elem, rows[i], 1);
        if (i == 0)
            s.front = at;
        else if (at != s.end)
            atomic_store(&inconsistent, true);
        s.end = at + 1;
        s.stamp = mix(s.stamp, (uint64_t)fx_int(elem, rows[i], 2));
    }
    return s;
}

static struct oro_rows
list_rows(struct session *s, uint32_t list)
{
    struct oro_rows rows;
    struct oro_range range = {.prefix = oro_bytes(&list, 4), .nprefix = 1};
    oro_status st = oro_tx_range(s->tx, elem, by_place, &range, &rows);
    ORO_ASSERT(st == ORO_OK);
    return rows;
}

static struct state *
read_list(struct session *s, uint32_t list)
{
    struct oro_rows rows = list_rows(s, list);
    return see(s, list, list_state(rows.rows, rows.n));
}

/* Several lists by one range; those without rows are seen as well. */
static void
read_lists(struct session *s, uint32_t from, uint32_t to)
{
    struct oro_rows rows;
    struct oro_range range = {.has_lo = true,
                              .has_hi = true,
                              .hi_open = true,
                              .lo = oro_bytes(&from, 4),
                              .hi = oro_bytes(&to, 4)};
    oro_status st = oro_tx_range(s->tx, elem, by_place, &range, &rows);
    ORO_ASSERT(st == ORO_OK);
    size_t i = 0, j;
    for (uint32_t list = from; list < to; list++, i = j) {
        for (j = i; j < rows.n && fx_int(elem, rows.rows[j], 0) == (int64_t)list; j++)
            ;
        see(s, list, list_state(j > i ? rows.rows + i : NULL, j - i));
    }
    if (i != rows.n)
        atomic_store(&inconsistent, true);
}

static void
append(struct session *s, uint32_t list)
{
    struct state *now = read_list(s, list);
    struct oro_bytes row = fx_row(elem, (int64_t)list, (int64_t)now->end, (int64_t)++s->value);
    oro_status st = oro_tx_insert(s->tx, elem, row, NULL, NULL);
    if (st != ORO_OK)
        atomic_store(&inconsistent, true);
    now->end++;
    now->stamp = mix(now->stamp, s->value);
}

/* Leaves one element at least, so that the positions are never forgotten. */
static void
trim(struct session *s, uint32_t list)
{
    struct state *now = read_list(s, list);
    uint32_t most = now->end > now->front ? now->end - now->front - 1 : 0;
    uint32_t n = most > 3 ? most - (uint32_t)(fx_rand(&s->rng) % 3) : most;
    for (uint32_t i = 0; i < n; i++) {
        struct oro_bytes key = fx_key(elem, by_place, 2, (int64_t)list, (int64_t)(now->front + i));
        if (oro_tx_delete(s->tx, elem, by_place, key) != ORO_OK)
            atomic_store(&inconsistent, true);
    }
    if (n == 0)
        return;
    struct oro_rows rows = list_rows(s, list);
    struct state after = list_state(rows.rows, rows.n);
    if (after.front != now->front + n || after.end != now->end)
        atomic_store(&inconsistent, true);
    *now = after;
}

static struct state
register_state(const struct oro_table_def *t, struct oro_bytes row)
{
    return (struct state){.end = (uint32_t)fx_int(t, row, 1), .stamp = (uint64_t)fx_int(t, row, 2)};
}

/* *in: the table where it is, or NULL. */
static struct state *
read_register(struct session *s, uint32_t object, const struct oro_table_def **in)
{
    struct oro_bytes row;
    struct state now = {0};
    *in = NULL;
    if (oro_tx_find(s->tx, reg, reg_key, oro_bytes(&object, 4), &row) == ORO_OK)
        *in = reg;
    else if (oro_tx_find(s->tx, grave, grave_key, oro_bytes(&object, 4), &row) == ORO_OK)
        *in = grave;
    if (*in != NULL)
        now = register_state(*in, row);
    return see(s, object, now);
}

static void
write_register(struct session *s, uint32_t object, const struct oro_table_def *to)
{
    const struct oro_table_def *in;
    struct state *now = read_register(s, object, &in);
    struct oro_bytes row = fx_row(to, (int64_t)object, (int64_t)now->end + 1, (int64_t)++s->value);
    oro_status st = ORO_OK;
    if (in != NULL && in != to)
        st = oro_tx_delete(s->tx, in, &in->indexes[0], oro_bytes(&object, 4));
    if (st == ORO_OK)
        st = oro_tx_upsert(s->tx, to, &to->indexes[0], row, NULL, NULL);
    if (st != ORO_OK)
        atomic_store(&inconsistent, true);
    now->end++;
    now->stamp = s->value;
}

static void
scan(struct session *s)
{
    const struct oro_table_def *tables[] = {reg, grave};
    struct state states[OBJECTS] = {0};
    for (size_t t = 0; t < 2; t++) {
        struct oro_rows rows;
        oro_tx_scan(s->tx, tables[t], &rows);
        for (size_t i = 0; i < rows.n; i++)
            states[fx_int(tables[t], rows.rows[i], 0)] = register_state(tables[t], rows.rows[i]);
    }
    for (uint32_t i = lists; i < lists + registers; i++)
        see(s, i, states[i]);
}

/* ---- transactions ---- */

static void
step(struct session *s)
{
    const struct oro_table_def *in;
    uint64_t r = fx_rand(&s->rng);
    uint32_t list = (uint32_t)(r >> 32) % lists, object = lists + (uint32_t)(r >> 32) % registers;
    enum act act = (enum act)(r % ACTS);
    if ((act == SCAN || act == READ_LISTS) && r >> 20 & 3)
        act = READ_LIST; /* these conflict with nearly everything */
    switch (act) {
    case READ_LIST:
        read_list(s, list);
        break;
    case APPEND:
        append(s, list);
        break;
    case TRIM:
        trim(s, list);
        break;
    case READ_LISTS:
        read_lists(s, list, list + 3 < lists ? list + 3 : lists);
        break;
    case READ_REGISTER:
        read_register(s, object, &in);
        break;
    case WRITE_REGISTER:
        write_register(s, object, reg);
        break;
    case DELETE_REGISTER:
        write_register(s, object, grave);
        break;
    default:
        scan(s);
    }
}

static void
keep(struct session *s, uint32_t tx, bool wrote)
{
    for (size_t i = 0; i < s->nseen; i++) {
        const struct state *a = &s->seen[i].first, *b = wrote ? &s->seen[i].now : a;
        s->accesses = oro_grow(s->accesses, s->n, &s->cap, sizeof(*s->accesses));
        s->accesses[s->n++] = (struct access){.tx = tx,
                                              .object = s->seen[i].object,
                                              .before = version(a),
                                              .after = version(b),
                                              .stamp_before = a->stamp,
                                              .stamp_after = b->stamp};
    }
}

/* True: its reads are part of the history. *wrote: its writes as well. */
static bool
attempt(struct session *s, unsigned number, bool *wrote)
{
    uint64_t seq, fate = fx_rand(&s->rng) % 20;
    unsigned steps = 1 + (unsigned)(fx_rand(&s->rng) % STEPS);
    s->nseen = 0;
    s->tx = oro_tx_begin(s->se, number >= 2);
    for (unsigned i = 0; i < steps; i++) {
        step(s);
        if (fx_rand(&s->rng) % 3 == 0)
            sched_yield(); /* few cores: let the others in between */
    }
    *wrote = fate > 1;
    if (fate == 0) {
        oro_tx_abort(s->tx);
        return false;
    }
    oro_status st =
        fate == 1 ? oro_tx_validate_abort(s->tx) : oro_tx_commit(s->tx, &fx_origin, &seq);
    s->conflicts += st != ORO_OK;
    return st == ORO_OK;
}

static void *
session_main(void *arg)
{
    struct session *s = arg;
    uint32_t tx;
    s->se = oro_session_open(store);
    while ((tx = atomic_fetch_add(&transactions, 1)) < wanted) {
        bool wrote;
        unsigned number = 0;
        while (!attempt(s, number, &wrote))
            number++;
        keep(s, tx, wrote);
    }
    oro_session_close(s->se);
    return NULL;
}

/* ---- histories ---- */

struct total {
    uint64_t transactions, accesses, edges, conflicts, anomalies;
    char first[400];
};

/* Takes the accesses of each. On a busy machine a session may not have had a single turn: then it has no array. */
static struct access *
gather(struct session *s, unsigned n, size_t count)
{
    struct access *all = ORO_NEW_ARRAY(struct access, count + 1);
    for (size_t i = 0, at = 0; i < n; at += s[i].n, i++) {
        if (s[i].n > 0)
            memcpy(all + at, s[i].accesses, s[i].n * sizeof(*all));
        oro_free(s[i].accesses);
    }
    return all;
}

static struct access *
run_sessions(unsigned n, uint64_t seed, size_t *count, struct total *t)
{
    struct session *s = ORO_NEW_ARRAY(struct session, n);
    pthread_t threads[8];
    struct access *all;
    *count = 0;
    for (unsigned i = 0; i < n; i++) {
        s[i].rng = seed * 1000 + i;
        s[i].value = (uint64_t)(i + 1) << 40;
        int failed = pthread_create(&threads[i], NULL, session_main, &s[i]);
        ORO_ASSERT(failed == 0);
    }
    for (unsigned i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
        *count += s[i].n;
        t->conflicts += s[i].conflicts;
    }
    all = gather(s, n, *count);
    oro_free(s);
    return all;
}

static void
history(uint32_t n, uint64_t seed, struct total *t)
{
    static const uint32_t sizes[] = {2, 5, 16, OBJECTS / 2};
    unsigned sessions = 2 + (unsigned)(seed % 7);
    struct verdict v;
    size_t count;
    lists = registers = sizes[seed / 7 % ORO_ARRAY_LEN(sizes)];
    wanted = n;
    atomic_store(&transactions, 0);
    oro_status st = oro_store_create(schema, NULL, &store, NULL);
    ORO_ASSERT(st == ORO_OK);
    struct access *all = run_sessions(sessions, seed, &count, t);
    serial_check(all, count, n, &v);
    oro_free(all);
    if (atomic_exchange(&inconsistent, false)) {
        v.anomalies++;
        if (v.anomalies == 1)
            snprintf(v.first, sizeof(v.first), "a transaction did not see its own writes as made");
    }
    if (v.anomalies > 0 && t->anomalies == 0)
        snprintf(t->first, sizeof(t->first), "seed %llu: %.370s", (unsigned long long)seed,
                 v.first);
    t->transactions += n;
    t->accesses += count;
    t->edges += v.edges;
    t->anomalies += v.anomalies;
    oro_store_destroy(store);
}

static void
make_schema(void)
{
    schema = fx_schema();
    elem = fx_table(schema, "elem", "list:u32 position:u32 value:u64", -1);
    by_place = fx_index(elem, ORO_INDEX_BTREE, true, "0,1");
    reg = fx_table(schema, "reg", "id:u32 version:u32 value:u64", 0);
    reg_key = fx_index(reg, ORO_INDEX_HASH, true, "0");
    grave = fx_table(schema, "grave", "id:u32 version:u32 value:u64", 0);
    grave_key = fx_index(grave, ORO_INDEX_BTREE, true, "0");
}

/* ---- the checker itself, on histories small enough to judge by eye ---- */

static bool
judged(struct access *a, size_t n, uint32_t ntx, const char *word)
{
    struct verdict v;
    serial_check(a, n, ntx, &v);
    bool fine = word == NULL ? v.anomalies == 0 : v.anomalies > 0 && strstr(v.first, word) != NULL;
    if (!fine)
        printf("the checker says %zu anomalies, '%s', where '%s' was expected\n", v.anomalies,
               v.first, word != NULL ? word : "none");
    return fine;
}

static bool
checker_works(void)
{
    struct access chain[] = {{0, 0, 0, 1, 0, 5}, {1, 0, 1, 2, 5, 6}, {2, 0, 1, 1, 5, 5}};
    struct access lost[] = {{0, 0, 0, 1, 0, 5}, {1, 0, 0, 1, 0, 6}};
    struct access skew[] = {
        {0, 0, 0, 0, 0, 0}, {0, 1, 0, 1, 0, 5}, {1, 1, 0, 0, 0, 0}, {1, 0, 0, 1, 0, 6}};
    struct access round[] = {
        {0, 0, 0, 1, 0, 5}, {1, 0, 1, 1, 5, 5}, {1, 1, 0, 1, 0, 6}, {0, 1, 1, 1, 6, 6}};
    struct access nobody[] = {{0, 0, 0, 2, 0, 5}, {1, 0, 1, 1, 5, 5}};
    struct access other[] = {{0, 0, 0, 1, 0, 5}, {1, 0, 1, 1, 6, 6}};
    return judged(chain, 3, 3, NULL) && judged(lost, 2, 2, "lost update") &&
           judged(skew, 4, 2, "rw") && judged(round, 4, 2, "wr") &&
           judged(nobody, 2, 2, "nobody committed") && judged(other, 2, 2, "something else");
}

static bool
gathers_from_the_starved(void)
{
    struct session s[3] = {{.n = 0}, {.n = 1}, {.n = 0}};
    s[1].accesses = ORO_NEW_ARRAY(struct access, 1);
    s[1].accesses[0] = (struct access){7, 0, 0, 1, 0, 5};
    struct access *all = gather(s, 3, 1);
    struct verdict v;
    bool fine = all[0].tx == 7;
    serial_check(all, 0, 8, &v); /* nobody had a turn */
    oro_free(all);
    return fine && v.anomalies == 0;
}

#define PATIENCE 50 /* times the number asked for, until something was put to the test */

static bool
goes_on(const struct total *t, uint64_t n, bool expected)
{
    if (expected && t->anomalies > 0)
        return false;
    bool tested = t->conflicts > 0 && !expected;
    return t->transactions < (tested ? n : n * PATIENCE);
}

int
main(int argc, char **argv)
{
    struct total t = {0};
    bool expected = argc > 1 && strcmp(argv[1], "--expect-anomaly") == 0;
    argc -= expected;
    argv += expected;
    uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : HISTORY;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    uint32_t each = n < 4 * HISTORY ? (uint32_t)(n / 10) : HISTORY; /* variety before length */
    int64_t begin = oro_mono_us();
    if (!checker_works() || !gathers_from_the_starved())
        return 2;
    make_schema();
    for (; goes_on(&t, n, expected); seed++)
        history(each, seed, &t);
    fx_schema_free(schema);
    printf("%llu transactions, %llu accesses, %llu edges, %llu conflicts, %llu anomalies, %.1f "
           "s\n%s%s",
           (unsigned long long)t.transactions, (unsigned long long)t.accesses,
           (unsigned long long)t.edges, (unsigned long long)t.conflicts,
           (unsigned long long)t.anomalies, (double)(oro_mono_us() - begin) / 1e6, t.first,
           t.anomalies > 0 ? "\n" : "");
    if (t.conflicts == 0 && t.anomalies == 0)
        return 3; /* nothing was put to the test */
    return (t.anomalies > 0) == expected ? 0 : 1;
}
