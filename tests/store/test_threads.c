/* Several sessions at once. The strongest test first: whatever commits concurrently must be what
 * the same calls give when they are run one after the other in commit order, reads included.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/store/internal.h"
#include "tests/store/fixture.h"

#define THREADS 4

static struct oro_schema *schema;
static struct oro_table_def *item, *pair;
static const struct oro_index_def *by_id, *by_name, *by_group;
static struct oro_store *store;

static void
setup(void)
{
    schema = fx_schema();
    item = fx_table(schema, "item", "id:u32 name:string group:u8 value:i64", 0);
    by_id = fx_index(item, ORO_INDEX_BTREE, true, "0");
    by_name = fx_index(item, ORO_INDEX_HASH, true, "1");
    by_group = fx_index(item, ORO_INDEX_BTREE, false, "2,0");
    fx_sequence(item, 0);
    pair = fx_table(schema, "pair", "x:u8 y:u8", -1);
    cr_assert_eq(oro_store_create(schema, NULL, &store, NULL), ORO_OK);
}

static void
teardown(void)
{
    cr_assert(oro_store_check(store));
    oro_store_destroy(store);
    fx_schema_free(schema);
}

TestSuite(threads, .init = setup, .fini = teardown, .timeout = 120);

static struct oro_bytes
item_row(uint32_t id, unsigned name, unsigned group, int64_t value)
{
    char text[16];
    snprintf(text, sizeof(text), "n%u", name);
    return fx_row(item, (int64_t)id, text, (int64_t)group, value);
}

static struct oro_bytes
item_id(uint32_t id)
{
    return fx_key(item, by_id, 1, (int64_t)id);
}

static void
in_threads(void *(*fn)(void *), void *args, size_t size, int n)
{
    pthread_t t[16];
    for (int i = 0; i < n; i++)
        cr_assert_eq(pthread_create(&t[i], NULL, fn, (char *)args + (size_t)i * size), 0);
    for (int i = 0; i < n; i++)
        pthread_join(t[i], NULL);
}

/* ---- serializability ---- */

enum act {
    FIND_ID,
    FIND_NAME,
    RANGE,
    COUNT,
    SCAN,
    INSERT,
    UPDATE,
    UPSERT,
    DELETE,
    PAIR_INSERT,
    PAIR_DELETE,
    ACTS
};

struct step {
    enum act act;
    unsigned a, b, c;
    int64_t v;
    uint64_t seen; /* status and contents of what came back */
};

#define STEPS 6
struct call {
    struct step steps[STEPS];
    unsigned n;
    /* twice the place in the commit order; a call that wrote nothing stands behind its snapshot */
    uint64_t order;
};

struct worker {
    int number;
    unsigned calls, domain;
    struct call *done;
    unsigned conflicts;
};

static uint64_t
rows_hash(const struct oro_rows *rows)
{
    uint64_t h = rows->n;
    for (size_t i = 0; i < rows->n; i++)
        h += oro_bytes_hash(rows->rows[i]);
    return h;
}

static uint64_t
step_run(struct oro_tx *tx, const struct step *s)
{
    struct oro_bytes row = {0};
    struct oro_rows rows = {0};
    uint8_t group = (uint8_t)s->b, hi = (uint8_t)(s->b + 1);
    struct oro_range range = {.has_lo = true,
                              .has_hi = s->v % 8 < 5,
                              .hi_open = true,
                              .lo = oro_bytes(&group, 1),
                              .hi = oro_bytes(&hi, 1),
                              .reverse = s->v % 2,
                              .limit = s->v / 2 % 4};
    char name[16];
    snprintf(name, sizeof(name), "n%u", s->b);
    oro_status st = ORO_OK;
    switch (s->act) {
    case FIND_ID:
        st = oro_tx_find(tx, item, by_id, item_id(s->a), &row);
        break;
    case FIND_NAME:
        st = oro_tx_find(tx, item, by_name, fx_key(item, by_name, 1, name), &row);
        break;
    case RANGE:
        st = oro_tx_range(tx, item, by_group, &range, &rows);
        break;
    case COUNT:
        return oro_tx_count(tx, s->a % 2 ? item : pair);
    case SCAN:
        oro_tx_scan(tx, s->a % 4 ? pair : item, &rows);
        break;
    case INSERT:
        st = oro_tx_insert(tx, item, item_row(s->a, s->b, s->c, s->v), &row, NULL);
        break;
    case UPDATE:
        st = oro_tx_update(tx, item, by_id, item_row(s->a, s->b, s->c, s->v), &row, NULL);
        break;
    case UPSERT:
        st = oro_tx_upsert(tx, item, by_id, item_row(s->a, s->b, s->c, s->v), &row, NULL);
        break;
    case DELETE:
        st = oro_tx_delete(tx, item, by_id, item_id(s->a));
        break;
    case PAIR_INSERT:
        st = oro_tx_insert(tx, pair, fx_row(pair, (int64_t)s->a, (int64_t)(s->b % 3)), &row, NULL);
        break;
    default:
        st = oro_tx_delete_row(tx, pair, fx_row(pair, (int64_t)s->a, (int64_t)(s->b % 3)));
        break;
    }
    return ((uint64_t)st << 56) ^ rows_hash(&rows) ^ (row.len > 0 ? oro_bytes_hash(row) : 0);
}

static struct step
step_random(uint64_t *rng, unsigned domain)
{
    struct step s = {.act = (enum act)(fx_rand(rng) % ACTS)};
    if ((s.act == SCAN || s.act == COUNT) && fx_rand(rng) % 3 > 0)
        s.act = FIND_ID; /* these conflict with nearly everything */
    s.a = 1 + (unsigned)(fx_rand(rng) % domain);
    s.b = (unsigned)(fx_rand(rng) % domain);
    s.c = (unsigned)(fx_rand(rng) % domain);
    s.v = (int64_t)(fx_rand(rng) % 4);
    return s;
}

static void *
serial_worker(void *arg)
{
    struct worker *w = arg;
    struct oro_session *se = oro_session_open(store);
    uint64_t rng = 77 + (uint64_t)w->number;
    for (unsigned i = 0; i < w->calls; i++) {
        struct call *c = &w->done[i];
        c->n = 1 + (unsigned)(fx_rand(&rng) % STEPS);
        for (unsigned j = 0; j < c->n; j++)
            c->steps[j] = step_random(&rng, w->domain);
        for (int attempt = 1;; attempt++) {
            struct oro_tx *tx = oro_tx_begin(se, attempt >= 3);
            for (unsigned j = 0; j < c->n; j++) {
                c->steps[j].seen = step_run(tx, &c->steps[j]);
                if (fx_rand(&rng) % 4 == 0)
                    sched_yield(); /* two cores: let the others in between */
            }
            bool wrote = oro_tx_has_writes(tx);
            uint64_t snap = se->snap, seq;
            oro_status st = oro_tx_commit(tx, &fx_origin, &seq);
            if (st == ORO_OK) {
                c->order = wrote ? seq * 2 : snap * 2 + 1;
                break;
            }
            cr_assert_eq(st, ORO_ECONFLICT);
            cr_assert_lt(attempt, 3, "an exclusive transaction conflicts");
            w->conflicts++;
        }
    }
    oro_session_close(se);
    return NULL;
}

static int
call_order(const void *a, const void *b)
{
    const struct call *x = a, *y = b;
    return x->order < y->order ? -1 : x->order > y->order;
}

static void
serializable(unsigned domain, unsigned calls)
{
    struct call *all = calloc((size_t)calls * THREADS, sizeof(*all));
    struct worker w[THREADS];
    unsigned conflicts = 0;
    for (int i = 0; i < THREADS; i++)
        w[i] = (struct worker){
            .number = i, .calls = calls, .domain = domain, .done = all + (size_t)i * calls};
    in_threads(serial_worker, w, sizeof(w[0]), THREADS);
    for (int i = 0; i < THREADS; i++)
        conflicts += w[i].conflicts;
    cr_assert_eq(oro_store_conflicts(store), conflicts);
    cr_assert_gt(conflicts, 0, "nothing was put to the test");
    qsort(all, (size_t)calls * THREADS, sizeof(*all), call_order);
    struct oro_store *again;
    cr_assert_eq(oro_store_create(schema, NULL, &again, NULL), ORO_OK);
    struct oro_session *se = oro_session_open(again);
    for (unsigned i = 0; i < calls * THREADS; i++) {
        struct oro_tx *tx = oro_tx_begin(se, false);
        for (unsigned j = 0; j < all[i].n; j++) {
            uint64_t seen = step_run(tx, &all[i].steps[j]);
            cr_assert_eq(seen, all[i].steps[j].seen,
                         "call %u (order %lu), step %u, act %d: %lx was %lx", i,
                         (unsigned long)all[i].order, j, all[i].steps[j].act, (unsigned long)seen,
                         (unsigned long)all[i].steps[j].seen);
        }
        fx_commit(tx);
    }
    oro_session_close(se);
    oro_store_destroy(again);
    free(all);
}

Test(threads, committed_calls_equal_their_serial_run_under_high_contention)
{
    serializable(6, 4000);
}

Test(threads, committed_calls_equal_their_serial_run_under_low_contention)
{
    serializable(60, 4000);
}

/* ---- transfers, snapshots, the ring ---- */

#define ACCOUNTS 600 /* more than a reader takes in one piece */
#define TOTAL ((int64_t)ACCOUNTS * 100)

static atomic_int writers_left;

struct teller {
    int number;
    unsigned transfers;
    bool plain; /* a reader, or the cursor */
    int64_t looks;
};

static int64_t
value_of(struct oro_tx *tx, uint32_t id, unsigned *name)
{
    struct oro_bytes row;
    if (oro_tx_find(tx, item, by_id, item_id(id), &row) != ORO_OK)
        return INT64_MIN;
    *name = (unsigned)atoi((const char *)row.data + 9);
    char text[16];
    snprintf(text, sizeof(text), "%.*s", (int)(fx_int(item, row, 1) & 0xff) - 1,
             (const char *)row.data + 9);
    *name = (unsigned)atoi(text);
    return fx_int(item, row, 3);
}

/* Moves 1 from one row to another; now and then the row also gets a new id, so that the tree
 * changes. */
static oro_status
transfer(struct oro_session *se, uint64_t *rng, bool exclusive)
{
    struct oro_tx *tx = oro_tx_begin(se, exclusive);
    uint32_t from = 1 + (uint32_t)(fx_rand(rng) % (2 * ACCOUNTS)),
             to = 1 + (uint32_t)(fx_rand(rng) % (2 * ACCOUNTS));
    unsigned na = 0, nb = 0;
    int64_t a = value_of(tx, from, &na), b = value_of(tx, to, &nb);
    if (from != to && a != INT64_MIN && b != INT64_MIN) {
        cr_assert_eq(
            oro_tx_update(tx, item, by_id, item_row(from, na, from % 7, a - 1), NULL, NULL),
            ORO_OK);
        cr_assert_eq(oro_tx_update(tx, item, by_id, item_row(to, nb, to % 5, b + 1), NULL, NULL),
                     ORO_OK);
    } else if (a != INT64_MIN && b == INT64_MIN) {
        cr_assert_eq(oro_tx_delete(tx, item, by_id, item_id(from)), ORO_OK);
        cr_assert_eq(oro_tx_insert(tx, item, item_row(to, na, 1, a), NULL, NULL), ORO_OK);
    }
    uint64_t seq;
    return oro_tx_commit(tx, &fx_origin, &seq);
}

static void
look(struct oro_session *se)
{
    oro_read_begin(se);
    struct oro_rows rows;
    int64_t sum = 0;
    oro_read_scan(se, item, &rows);
    for (size_t i = 0; i < rows.n; i++)
        sum += fx_int(item, rows.rows[i], 3);
    cr_assert_eq(rows.n, ACCOUNTS, "%zu rows", rows.n);
    cr_assert_eq(sum, TOTAL, "a torn snapshot");
    cr_assert_eq(oro_read_range(se, item, by_group, &(struct oro_range){0}, &rows), ORO_OK);
    cr_assert_eq(rows.n, ACCOUNTS);
    for (size_t i = 1; i < rows.n; i++)
        cr_assert_leq(fx_int(item, rows.rows[i - 1], 2), fx_int(item, rows.rows[i], 2));
    oro_read_end(se);
}

/* Follows the ring and keeps the values by id; every record leaves the sum as it was. */
static void
follow(struct teller *me)
{
    struct oro_cursor *cur = oro_cursor_open(store);
    int64_t *values = malloc((2 * ACCOUNTS + 1) * sizeof(*values));
    for (uint32_t i = 0; i <= 2 * ACCOUNTS; i++)
        values[i] = i >= 1 && i <= ACCOUNTS ? 100 : INT64_MIN;
    atomic_fetch_sub(&writers_left, 1); /* ready: the others may begin */
    uint64_t last = oro_cursor_seq(cur);
    bool over = false;
    for (;;) {
        const struct oro_commit *c = oro_cursor_next(cur);
        if (c == NULL) {
            if (over)
                break;
            over = atomic_load(&writers_left) == 0; /* then one more look */
            sched_yield();
            continue;
        }
        cr_assert_eq(c->seq, ++last);
        int64_t change = 0;
        for (uint32_t i = 0; i < c->nops; i++) {
            struct oro_bytes row = oro_row_bytes(c->ops[i].row);
            int64_t id = fx_int(item, row, 0), v = fx_int(item, row, 3);
            bool insert = c->ops[i].kind == ORO_OP_INSERT;
            cr_assert_eq(values[id], insert ? INT64_MIN : v);
            values[id] = insert ? v : INT64_MIN;
            change += insert ? v : -v;
        }
        cr_assert_eq(change, 0);
        me->looks++;
    }
    cr_assert_eq(last, oro_store_seq(store));
    free(values);
    oro_cursor_close(cur);
}

static void *
teller_main(void *arg)
{
    struct teller *me = arg;
    if (me->number == 0) {
        follow(me);
        return NULL;
    }
    struct oro_session *se = oro_session_open(store);
    uint64_t rng = (uint64_t)me->number;
    if (me->plain) {
        do {
            look(se);
            me->looks++;
        } while (atomic_load(&writers_left) > 0);
    } else {
        while (atomic_load(&writers_left) > 2)
            sched_yield();
        for (unsigned i = 0; i < me->transfers;) {
            oro_status st = transfer(se, &rng, i % 500 == 499);
            cr_assert(st == ORO_OK || st == ORO_ECONFLICT);
            i += st == ORO_OK;
        }
        atomic_fetch_sub(&writers_left, 1);
    }
    oro_session_close(se);
    return NULL;
}

Test(threads, sums_are_kept_in_every_snapshot_and_every_record)
{
    for (uint32_t i = 1; i <= ACCOUNTS; i++)
        cr_assert_eq(oro_store_load(store, item, item_row(i, i, 3, 100), false, NULL), ORO_OK);
    struct teller t[4] = {{.number = 0},
                          {.number = 1, .plain = true},
                          {.number = 2, .transfers = 15000},
                          {.number = 3, .transfers = 15000}};
    atomic_store(&writers_left, 3);
    in_threads(teller_main, t, sizeof(t[0]), 4);
    cr_assert_gt(t[0].looks, 20000);
    cr_assert_eq(oro_store_row_count(store, item), ACCOUNTS);
    /* Nothing is left behind once a cursor comes by: one version for each row, and the newest
     * record. */
    struct oro_cursor *cur = oro_cursor_open(store);
    for (int i = 0; i < 1000 && oro_store_records(store) > 1; i++)
        cr_assert_null(oro_cursor_next(cur));
    oro_cursor_close(cur);
    cr_assert_eq(oro_store_records(store), 1);
    /* the newest record owns what it deleted */
    cr_assert_leq(oro_store_versions(store), ACCOUNTS + 2);
}

/* ---- whoever follows the ring, and reads ---- */

/* A client who subscribes gets the rows of a snapshot, and from then on what the ring brings: a record that was given before and
 * is not in the snapshot would be lost to him. It is linked by hand here, as far as a publisher is who is interrupted there. */
Test(threads, a_record_that_no_snapshot_has_yet_is_not_given)
{
    struct oro_cursor *cur = oro_cursor_open(store);
    struct oro_session *se = oro_session_open(store);
    struct oro_commit *head = atomic_load(&store->head);
    struct oro_record *linked = oro_record_new(&se->cache, 0, NULL);
    linked->pub.seq = head->seq + 1;
    atomic_store(&head->next, &linked->pub);
    cr_assert_null(oro_cursor_next(cur));
    cr_assert_lt(oro_read_begin(se), linked->pub.seq);
    oro_read_end(se);
    atomic_store(&head->next, NULL);
    oro_record_free(&se->cache, linked);
    uint64_t seq = oro_store_publish(se, &fx_origin);
    const struct oro_commit *given = oro_cursor_next(cur);
    cr_assert(given != NULL && given->seq == seq);
    oro_session_close(se);
    oro_cursor_close(cur);
}

/* ---- a hot row with a log far behind ---- */

Test(threads, a_hot_row_stays_quick_to_find_while_a_cursor_lags)
{
    cr_assert_eq(oro_store_load(store, item, item_row(1, 1, 1, 0), false, NULL), ORO_OK);
    struct oro_cursor *cur = oro_cursor_open(store);
    struct oro_session *se = oro_session_open(store);
    for (int64_t i = 1; i <= 50000; i++) {
        struct oro_tx *tx = oro_tx_begin(se, false);
        cr_assert_eq(oro_tx_update(tx, item, by_id, item_row(1, 1, 1, i), NULL, NULL), ORO_OK);
        fx_commit(tx);
    }
    cr_assert_eq(oro_store_versions(store), 50001, "the cursor still needs them");
    struct oro_key k;
    struct oro_table *t = oro_table_of(store, item);
    const struct oro_index *ix = &t->ix[by_group->slot]; /* unique ones stop at the first anyway */
    oro_index_key_of_values(ix, fx_key(item, by_group, 2, (int64_t)1, (int64_t)1), &se->key, &k);
    int chain = 0;
    for (struct oro_row *r = oro_head_row(oro_index_cell(ix, &k)); r != NULL;
         r = oro_row_older(r, ix->at))
        chain++;
    cr_assert_leq(chain, 100, "%d versions in the index", chain);
    int64_t last = 0;
    for (const struct oro_commit *c; (c = oro_cursor_next(cur)) != NULL; last++)
        cr_assert_eq(fx_int(item, oro_row_bytes(c->ops[1].row), 3), last + 1);
    cr_assert_eq(last, 50000);
    for (int i = 0; i < 2000 && oro_store_records(store) > 1; i++)
        cr_assert_null(oro_cursor_next(cur));
    cr_assert_eq(oro_store_records(store), 1);
    cr_assert_eq(oro_store_versions(store), 2);
    oro_session_close(se);
    oro_cursor_close(cur);
}

/* ---- sequences and unique keys ---- */

#define EACH 3000

struct inserter {
    int number;
    uint32_t ids[EACH];
    unsigned won, lost;
};

static void *
insert_main(void *arg)
{
    struct inserter *me = arg;
    struct oro_session *se = oro_session_open(store);
    for (unsigned i = 0; i < EACH; i++) {
        /* Everybody wants the same names, but each takes the ids from the sequence. */
        for (int attempt = 1;; attempt++) {
            struct oro_tx *tx = oro_tx_begin(se, attempt >= 3);
            struct oro_bytes row;
            oro_status st = oro_tx_insert(tx, item, item_row(0, i, 0, me->number), &row, NULL);
            if (st == ORO_EEXISTS) {
                st = oro_tx_validate_abort(tx);
                cr_assert(st == ORO_OK || st == ORO_ECONFLICT);
                me->lost += st == ORO_OK;
            } else {
                uint32_t id = (uint32_t)fx_int(item, row, 0);
                uint64_t seq;
                st = oro_tx_commit(tx, &fx_origin, &seq);
                if (st == ORO_OK)
                    me->ids[me->won++] = id;
            }
            if (st == ORO_OK)
                break;
        }
    }
    oro_session_close(se);
    return NULL;
}

Test(threads, of_several_inserts_of_one_key_one_wins)
{
    struct inserter *in = calloc(THREADS, sizeof(*in));
    struct oro_cursor *cur = oro_cursor_open(store);
    for (int i = 0; i < THREADS; i++)
        in[i].number = i;
    in_threads(insert_main, in, sizeof(in[0]), THREADS);
    unsigned won = 0, lost = 0;
    uint8_t *taken = calloc(100000, 1);
    for (int i = 0; i < THREADS; i++) {
        won += in[i].won;
        lost += in[i].lost;
        for (unsigned j = 0; j < in[i].won; j++) {
            cr_assert_lt(in[i].ids[j], 100000);
            cr_assert_eq(taken[in[i].ids[j]]++, 0, "id %u twice", in[i].ids[j]);
        }
    }
    cr_assert_eq(won, EACH);
    cr_assert_eq(won + lost, EACH * THREADS);
    /* No row before the block that its id is from. */
    int64_t allocated = 1;
    for (const struct oro_commit *c; (c = oro_cursor_next(cur)) != NULL;) {
        for (uint32_t i = 0; i < c->nops; i++) {
            if (c->ops[i].kind == ORO_OP_SEQUENCE)
                allocated = (int64_t)c->ops[i].allocated;
            else
                cr_assert_lt(fx_int(item, oro_row_bytes(c->ops[i].row), 0), allocated);
        }
    }
    oro_cursor_close(cur);
    free(taken);
    free(in);
}

/* ---- a reader in an old snapshot ---- */

Test(threads, a_long_reading_keeps_what_it_sees)
{
    for (uint32_t i = 1; i <= 100; i++)
        cr_assert_eq(oro_store_load(store, item, item_row(i, i, 3, 100), false, NULL), ORO_OK);
    struct oro_session *reader = oro_session_open(store), *se = oro_session_open(store);
    uint64_t snap = oro_read_begin(reader);
    struct oro_rows before, now;
    oro_read_scan(reader, item, &before);
    for (int round = 0; round < 300; round++) {
        struct oro_tx *tx = oro_tx_begin(se, false);
        cr_assert_eq(oro_tx_clear(tx, item), 100);
        for (uint32_t i = 1; i <= 100; i++)
            cr_assert_eq(oro_tx_insert(tx, item, item_row(i, i + 1000, 3, round), NULL, NULL),
                         ORO_OK);
        fx_commit(tx);
    }
    oro_read_scan(reader, item, &now);
    cr_assert_eq(now.n, 100);
    for (size_t i = 0; i < 100; i++) {
        cr_assert_eq(now.rows[i].data, before.rows[i].data);
        cr_assert_eq(fx_int(item, now.rows[i], 3), 100);
    }
    oro_read_end(reader);
    cr_assert_gt(oro_read_begin(reader), snap);
    oro_read_scan(reader, item, &now);
    cr_assert_eq(fx_int(item, now.rows[0], 3), 299);
    oro_read_end(reader);
    oro_session_close(reader);
    oro_session_close(se);
}

/* The one row with the id in a reading that is open, its value; -1: none. */
static int64_t
value_seen(struct oro_session *se, uint32_t id)
{
    struct oro_rows rows;
    struct oro_range point = {.prefix = item_id(id), .nprefix = 1};
    cr_assert_eq(oro_read_range(se, item, by_id, &point, &rows), ORO_OK);
    cr_assert_leq(rows.n, 1);
    return rows.n == 1 ? fx_int(item, rows.rows[0], 3) : -1;
}

/* Many commits of something else, which move the marks on. */
static void
pass_time(struct oro_session *se)
{
    for (int i = 0; i < 300; i++) {
        struct oro_tx *tx = oro_tx_begin(se, false);
        cr_assert_eq(oro_tx_upsert(tx, item, by_id, item_row(999, 999, 9, i), NULL, NULL), ORO_OK);
        fx_commit(tx);
    }
}

/* Between the end of one version and the begin of the next there is time, in which some read. */
Test(threads, a_key_that_goes_and_comes_again_is_each_snapshots_own)
{
    enum { AGES = 40 };
    struct oro_session *se = oro_session_open(store), *readers[AGES];
    for (int i = 0; i < AGES; i++) {
        struct oro_tx *tx = oro_tx_begin(se, false);
        if (i % 2 == 0)
            cr_assert_eq(oro_tx_insert(tx, item, item_row(5, 5, 0, i), NULL, NULL), ORO_OK);
        else
            cr_assert_eq(oro_tx_delete(tx, item, by_id, item_id(5)), ORO_OK);
        fx_commit(tx);
        readers[i] = oro_session_open(store);
        oro_read_begin(readers[i]);
    }
    /* They end in an order that is not the one in which they began. */
    for (int i = 0; i < AGES; i++) {
        pass_time(se);
        cr_assert(oro_store_check(store));
        for (int j = 0; j < AGES; j++)
            if (readers[j] != NULL)
                cr_assert_eq(value_seen(readers[j], 5), j % 2 == 0 ? j : -1);
        int ends = i * 17 % AGES;
        oro_read_end(readers[ends]);
        oro_session_close(readers[ends]);
        readers[ends] = NULL;
    }
    pass_time(se);
    cr_assert_eq(oro_map_len(&oro_table_of(store, item)->ix[by_id->slot].late), 0);
    oro_session_close(se);
}

/* ---- a transaction that runs alone ---- */

static atomic_int stage; /* 1: has read and published, is about to commit; 2: has committed */

static void *
other_main(void *arg)
{
    struct oro_session *se = oro_session_open(store);
    oro_read_begin(se);
    struct oro_rows rows;
    oro_read_scan(se, item, &rows);
    cr_assert_eq(rows.n, 2);
    oro_read_end(se);
    oro_store_publish(se, &fx_origin);
    struct oro_tx *tx = oro_tx_begin(se, false);
    cr_assert_eq(oro_tx_update(tx, item, by_id, item_row(2, 2, 0, 7), NULL, NULL), ORO_OK);
    atomic_store(&stage, 1);
    *(uint64_t *)arg = fx_commit(tx);
    atomic_store(&stage, 2);
    oro_session_close(se);
    return NULL;
}

Test(threads, others_read_beside_an_exclusive_transaction_and_commit_after_it)
{
    for (uint32_t i = 1; i <= 2; i++)
        cr_assert_eq(oro_store_load(store, item, item_row(i, i, 0, 0), false, NULL), ORO_OK);
    struct oro_session *se = oro_session_open(store);
    struct oro_tx *tx = oro_tx_begin(se, true);
    pthread_t t;
    uint64_t theirs = 0, ours = 0;
    cr_assert_eq(pthread_create(&t, NULL, other_main, &theirs), 0);
    while (atomic_load(&stage) == 0)
        sched_yield();
    for (int i = 0; i < 20000; i++) /* long enough for them to go to sleep over it */
        sched_yield();
    cr_assert_eq(atomic_load(&stage), 1, "committed in the middle of an exclusive transaction");
    cr_assert_eq(oro_tx_count(tx, item), 2);
    cr_assert_eq(oro_tx_update(tx, item, by_id, item_row(1, 1, 0, 7), NULL, NULL), ORO_OK);
    ours = fx_commit(tx);
    pthread_join(t, NULL);
    cr_assert_eq(atomic_load(&stage), 2);
    cr_assert_lt(ours, theirs);
    /* An aborted one passes its turn on as well. */
    oro_tx_abort(oro_tx_begin(se, true));
    tx = oro_tx_begin(se, false);
    cr_assert_eq(oro_tx_delete(tx, item, by_id, item_id(1)), ORO_OK);
    fx_commit(tx);
    oro_session_close(se);
}
