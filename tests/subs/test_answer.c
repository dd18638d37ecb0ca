/* An answer that is made in pieces is the one that is made at once, byte by byte, however it is cut and whatever is committed
 * between the pieces; and what it may not cost is known before the first of them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/subs/answer.h"
#include "tests/subs/db.h"

static const char *const lines[] = {
    "player public id:u32:pk level:u8:idx name:string online:bool index(level,online)",
    "item public owner:identity kind:u8",
    "mark public id:u64:pk at:time",
    "nothing public id:u64:pk",
    "shout event id:u64",
    NULL,
};

static const char *const texts[] = {
    "SELECT * FROM player",
    "SELECT * FROM item",
    "SELECT * FROM mark",
    "SELECT * FROM nothing",
    "SELECT * FROM player WHERE level = 2",
    "SELECT * FROM player WHERE level = 1 AND online",
    "SELECT * FROM player WHERE level > 0 AND level < 3",
    "SELECT * FROM player WHERE name > 'n'",
    "SELECT * FROM player WHERE id = 7 OR id = 9 OR id = 11 OR id = 100000",
    "SELECT * FROM item WHERE kind <> 1",
    "SELECT * FROM player WHERE id = 3",
    "SELECT * FROM mark WHERE id > 10",
    "SELECT * FROM shout",
};

static struct db db;

static unsigned
rnd(unsigned n)
{
    return (unsigned)rand() % n;
}

static void
put(const char *table, const struct oro_bb *row)
{
    const struct oro_table_def *t = fixture_table(db.schema, table);
    struct oro_err err;
    oro_status st =
        oro_table_primary_index(t) != NULL
            ? oro_tx_upsert(db.tx, t, fixture_index(t, "id"), oro_bb_bytes(row), NULL, &err)
            : oro_tx_insert(db.tx, t, oro_bb_bytes(row), NULL, &err);
    cr_assert_eq(st, ORO_OK, "%s", err.text);
}

static void
write_one(unsigned ids)
{
    struct oro_bb row = {0};
    struct oro_identity owner = fixture_identity(rnd(ids));
    char name[4000];
    unsigned kind = rnd(4);
    memset(name, 'a' + (int)rnd(26), sizeof(name));
    name[rnd(200) == 0 ? 3999 : rnd(30)] = '\0';
    if (kind == 0) {
        oro_bb_put(&row, owner.le, 32);
        oro_bb_u8(&row, (uint8_t)rnd(3));
        put("item", &row);
    } else if (kind == 1) {
        oro_bb_u64(&row, rnd(ids));
        oro_bb_u64(&row, rnd(1000));
        put("mark", &row);
    } else {
        oro_bb_u32(&row, rnd(ids));
        oro_bb_u8(&row, (uint8_t)rnd(4));
        put_string(&row, name);
        oro_bb_u8(&row, (uint8_t)rnd(2));
        put("player", &row);
    }
    oro_bb_fini(&row);
}

static void
delete_one(unsigned ids)
{
    const struct oro_table_def *t = fixture_table(db.schema, "player");
    uint32_t id = rnd(ids);
    oro_status st = oro_tx_delete(db.tx, t, fixture_index(t, "id"), oro_bytes(&id, 4));
    cr_assert(st == ORO_OK || st == ORO_ENOTFOUND);
}

static void
commit_some(unsigned n, unsigned ids)
{
    db_begin(&db);
    for (; n > 0; n--) {
        write_one(ids);
        if (rnd(3) == 0)
            delete_one(ids);
    }
    (void)db_commit(&db);
}

static const struct oro_query_env env;

static struct oro_prepared *
prepare(const char *const *which, uint32_t n)
{
    struct oro_bb bb = {0};
    struct oro_prepared *p;
    struct oro_err err;
    for (uint32_t i = 0; i < n; i++)
        put_string(&bb, which[i]);
    cr_assert_eq(oro_prepare(db.schema, oro_bb_bytes(&bb), n, &env, NULL, &p, &err), ORO_OK, "%s",
                 err.text);
    oro_bb_fini(&bb);
    return p;
}

/* All of it, a piece a reading, while others commit. */
static struct oro_bb
in_pieces(struct oro_answer *a, const struct oro_pin *pin, unsigned most, unsigned ids)
{
    struct oro_bb all = {0};
    while (!oro_answer_ended(a)) {
        struct oro_session *se = oro_session_open(db.store);
        struct oro_bb bb = {0};
        struct oro_parts parts = {0};
        size_t want = 1 + rnd(most);
        oro_read_begin_at(se, pin);
        oro_answer_more(a, se, want, rnd(4) == 0 ? rnd(50) : UINT64_MAX, NULL, &bb, &parts);
        oro_read_end(se);
        oro_session_close(se);
        cr_assert(!parts.failed);
        for (size_t i = 0; i < parts.n; i++)
            oro_bb_put_bytes(&all, oro_buf_bytes(parts.bufs[i]));
        oro_bb_put_bytes(&all, oro_bb_bytes(&bb));
        cr_assert(!oro_answer_ended(a) || parts.n > 0 || bb.len > 0);
        oro_parts_fini(&parts);
        oro_bb_fini(&bb);
        if (rnd(3) == 0)
            commit_some(1 + rnd(8), ids);
    }
    return all;
}

static oro_status
measure(struct oro_answer *a, const struct oro_pin *pin, uint64_t most, uint64_t here,
        struct oro_err *err)
{
    struct oro_session *se = oro_session_open(db.store);
    struct oro_budget budget = {.left = here};
    oro_read_begin_at(se, pin);
    oro_status st = oro_answer_measure(a, se, most, &budget, err);
    oro_read_end(se);
    oro_session_close(se);
    return st;
}

static void
expect_same(struct oro_bytes got, struct oro_bytes want, const char *what)
{
    cr_assert_eq(got.len, want.len, "%s: %zu bytes, not %zu", what, got.len, want.len);
    cr_assert(got.len == 0 || memcmp(got.data, want.data, got.len) == 0, "%s", what);
}

static void
one_set(unsigned ids)
{
    const char *which[4];
    uint32_t n = rnd(4) + 1;
    for (uint32_t i = 0; i < n; i++)
        which[i] = texts[rnd(ORO_ARRAY_LEN(texts))];
    struct oro_prepared *p = prepare(which, n);
    struct oro_pin *pin = oro_pin_open(db.store);
    struct oro_session *se = oro_session_open(db.store);
    struct oro_bb whole = {0};
    struct oro_err err = {0};
    oro_read_begin_at(se, pin);
    cr_assert_eq(oro_prepared_rows(p, se, NULL, &whole, NULL, &err), ORO_OK);
    oro_read_end(se);
    oro_session_close(se);
    if (rnd(2) == 0)
        commit_some(1 + rnd(20), ids); /* before it is measured */
    struct oro_answer *a = oro_answer_of_set(p);
    oro_prepared_free(p);
    cr_assert_eq(measure(a, pin, UINT64_MAX, UINT64_MAX, &err), ORO_OK, "%s", err.text);
    struct oro_bb got = in_pieces(a, pin, rnd(2) ? 100000 : 300, ids);
    expect_same(oro_bb_bytes(&got), oro_bb_bytes(&whole), which[0]);
    oro_answer_free(a);
    oro_pin_close(pin);
    oro_bb_fini(&got);
    oro_bb_fini(&whole);
}

Test(answer, in_pieces_is_the_one_at_once)
{
    srand(7);
    db = db_open(lines);
    for (unsigned round = 0; round < 400; round++) {
        commit_some(1 + rnd(30), 400);
        one_set(400);
    }
    cr_assert(oro_store_check(db.store));
    db_close(&db);
}

/* More than is kept from the measuring: they are looked for again. */
Test(answer, of_many_rows)
{
    static const char *const many[] = {"SELECT * FROM player WHERE level < 3",
                                       "SELECT * FROM player", "SELECT * FROM mark WHERE id >= 0",
                                       "SELECT * FROM item"};
    srand(8);
    db = db_open(lines);
    for (unsigned i = 0; i < 40; i++)
        commit_some(3000, 200000);
    for (unsigned round = 0; round < 4; round++) {
        struct oro_prepared *p = prepare(many, 4);
        struct oro_pin *pin = oro_pin_open(db.store);
        struct oro_session *se = oro_session_open(db.store);
        struct oro_bb whole = {0};
        struct oro_err err = {0};
        oro_read_begin_at(se, pin);
        cr_assert_eq(oro_prepared_rows(p, se, NULL, &whole, NULL, &err), ORO_OK);
        oro_read_end(se);
        oro_session_close(se);
        struct oro_answer *a = oro_answer_of_set(p);
        cr_assert_eq(measure(a, pin, UINT64_MAX, UINT64_MAX, &err), ORO_OK);
        struct oro_bb got = in_pieces(a, pin, 300000, 200000);
        expect_same(oro_bb_bytes(&got), oro_bb_bytes(&whole), "many rows");
        oro_answer_free(a);
        oro_prepared_free(p);
        oro_pin_close(pin);
        oro_bb_fini(&got);
        oro_bb_fini(&whole);
    }
    db_close(&db);
}

/* Without the time that it took. */
static struct oro_bytes
before_duration(const struct oro_bb *json)
{
    static const char key[] = "\"total_duration_micros\"";
    const uint8_t *at = memmem(json->data, json->len, key, sizeof(key) - 1);
    cr_assert_not_null(at);
    return oro_bytes(json->data, (size_t)(at - json->data));
}

Test(answer, as_json)
{
    static const char *const queries[] = {
        "SELECT * FROM player",
        "SELECT id, name FROM player WHERE level = 1",
        "SELECT COUNT(*) AS n FROM player",
        "SELECT COUNT(*) AS n FROM player WHERE online",
        "SELECT * FROM player LIMIT 3",
        "SELECT * FROM item WHERE kind = 1 LIMIT 0",
        "SELECT * FROM nothing",
        "SELECT id FROM mark WHERE id = 5 OR id = 6",
    };
    srand(9);
    db = db_open(lines);
    for (unsigned round = 0; round < 200; round++) {
        const char *text = queries[rnd(ORO_ARRAY_LEN(queries))];
        struct oro_query *q;
        struct oro_err err = {0};
        struct oro_bb whole = {0};
        commit_some(1 + rnd(30), 300);
        cr_assert_eq(oro_query_parse(db.schema, oro_bytes_str(text), ORO_QUERY_SQL, &env, &q, &err),
                     ORO_OK);
        struct oro_pin *pin = oro_pin_open(db.store);
        struct oro_session *se = oro_session_open(db.store);
        oro_read_begin_at(se, pin);
        cr_assert_eq(oro_query_sql_json(q, se, NULL, &whole, NULL, &err), ORO_OK);
        oro_read_end(se);
        oro_session_close(se);
        struct oro_answer *a = oro_answer_of_sql(q);
        oro_query_free(q);
        cr_assert_eq(measure(a, pin, UINT64_MAX, rnd(2) ? 10000 : UINT64_MAX, &err), ORO_OK);
        struct oro_bb got = in_pieces(a, pin, 2000, 300);
        expect_same(before_duration(&got), before_duration(&whole), text);
        oro_answer_free(a);
        oro_pin_close(pin);
        oro_bb_fini(&got);
        oro_bb_fini(&whole);
    }
    db_close(&db);
}

Test(answer, what_costs_too_much_is_known_before)
{
    static const char *const whole[] = {"SELECT * FROM mark"},
                             *const some[] = {"SELECT * FROM mark WHERE id > 5"};
    srand(10);
    db = db_open(lines);
    commit_some(4000, 100000);
    struct oro_pin *pin = oro_pin_open(db.store);
    struct oro_err err = {0};
    for (int i = 0; i < 2; i++) {
        struct oro_prepared *p = prepare(i == 0 ? whole : some, 1);
        struct oro_answer *a = oro_answer_of_set(p);
        cr_assert_eq(measure(a, pin, 500, i == 0 ? UINT64_MAX : 500, &err), ORO_EFULL);
        cr_assert_not_null(strstr(err.text, "too expensive"));
        cr_assert_not_null(strstr(err.text, "SELECT * FROM mark"));
        oro_answer_free(a);
        oro_prepared_free(p);
    }
    oro_pin_close(pin);
    db_close(&db);
}
