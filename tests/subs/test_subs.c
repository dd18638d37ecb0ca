/* Live queries: the bytes that subscribers get, who gets them, and that a client's cache always equals its queries. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/subs/subs.h"
#include "tests/subs/db.h"
#include "tests/subs/told.h"

static const char *const lines[] = {
    "user public identity:identity:pk name:opt_string online:bool",
    "counter public id:u32:pk value:u64",
    "ping_event event n:u32",
    "secret private id:u32:pk",
    NULL,
};

static struct db db;
static struct oro_subs *subs;
static struct oro_updates *made;

static void
setup(void)
{
    db = db_open(lines);
    subs = oro_subs_create(db.schema);
    made = oro_updates_create();
}

static void
teardown(void)
{
    oro_updates_destroy(made);
    oro_subs_destroy(subs);
    db_close(&db);
}

TestSuite(subs, .init = setup, .fini = teardown);

/* ---- helpers ---- */

struct got {
    unsigned n;
    oro_conn_id conns[16];
    char hex[16][4000];
};

static void
collect(void *arg, oro_conn_id conn, const struct oro_subs_notice *notices, size_t n)
{
    struct got *g = arg;
    struct oro_bb b = {0};
    told_bytes(made, notices, n, &b);
    cr_assert_lt(g->n, 16);
    cr_assert_lt(2 * b.len, sizeof(g->hex[0]));
    g->conns[g->n] = conn;
    oro_hex(oro_bb_bytes(&b), g->hex[g->n++]);
    oro_bb_fini(&b);
}

static oro_status
subscribe(oro_conn_id conn, uint32_t id, const char *const *texts, uint32_t n, char *hex,
          struct oro_err *err)
{
    struct oro_bb bb = {0}, rows = {0};
    struct oro_query_env env = {.sender = fixture_identity(conn)};
    for (uint32_t i = 0; i < n; i++)
        put_string(&bb, texts[i]);
    oro_read_begin(db.se);
    oro_status st = oro_subs_subscribe(subs, db.se, conn, id, oro_bb_bytes(&bb), n, &env, NULL,
                                       &rows, NULL, err);
    oro_read_end(db.se);
    if (hex != NULL)
        oro_hex(oro_bb_bytes(&rows), hex);
    oro_bb_fini(&bb);
    oro_bb_fini(&rows);
    return st;
}

static void
subscribe_one(oro_conn_id conn, uint32_t id, const char *text, char *hex)
{
    struct oro_err err = {0};
    cr_assert_eq(subscribe(conn, id, &text, 1, hex, &err), ORO_OK, "%s", err.text);
}

static oro_status
unsubscribe(oro_conn_id conn, uint32_t id, char *hex, struct oro_err *err)
{
    struct oro_bb rows = {0};
    oro_read_begin(db.se);
    oro_status st = oro_subs_unsubscribe(subs, db.se, conn, id, ORO_ROWS_TABLES, NULL,
                                         hex != NULL ? &rows : NULL, err);
    oro_read_end(db.se);
    if (hex != NULL)
        oro_hex(oro_bb_bytes(&rows), hex);
    oro_bb_fini(&rows);
    return st;
}

static void
insert(const char *table, const struct oro_bb *row)
{
    struct oro_err err;
    cr_assert_eq(
        oro_tx_insert(db.tx, fixture_table(db.schema, table), oro_bb_bytes(row), NULL, &err),
        ORO_OK, "%s", err.text);
}

static void
insert_counter(uint32_t id, uint64_t value)
{
    struct oro_bb row = {0};
    oro_bb_u32(&row, id);
    oro_bb_u64(&row, value);
    insert("counter", &row);
    oro_bb_fini(&row);
}

static void
update_counter(uint32_t id, uint64_t value)
{
    struct oro_bb row = {0};
    struct oro_err err;
    const struct oro_table_def *t = fixture_table(db.schema, "counter");
    oro_bb_u32(&row, id);
    oro_bb_u64(&row, value);
    cr_assert_eq(oro_tx_update(db.tx, t, fixture_index(t, "id"), oro_bb_bytes(&row), NULL, &err),
                 ORO_OK);
    oro_bb_fini(&row);
}

static void
apply(const struct oro_commit *c, struct got *g)
{
    *g = (struct got){0};
    oro_subs_apply(subs, c, collect, g);
    oro_updates_clear(made);
}

/* ---- bytes, as tests/vectors/wire_v2.json has them ---- */

#define ALICE "1e1d1c1b1a191817161514131211100f0e0d0c0b0a09080706050403020100c2"

static void
put_alice(struct oro_bb *row, const char *name)
{
    oro_unhex(ALICE, 64, (oro_bb_reserve(row, 32), row->data + row->len), 32);
    row->len += 32;
    oro_bb_u8(row, name != NULL ? 0 : 1);
    if (name != NULL)
        put_string(row, name);
    oro_bb_u8(row, 1);
}

Test(subs, initial_rows_and_update_are_the_vectors_bytes)
{
    static char hex[4000];
    struct got g;
    struct oro_bb row = {0};
    struct oro_err err;
    db_begin(&db);
    put_alice(&row, NULL);
    insert("user", &row);
    apply(db_commit(&db), &g);
    cr_assert_eq(g.n, 0);
    subscribe_one(1, 0, "SELECT * FROM user", hex);
    cr_assert_str_eq(hex, "01000000"
                          "0400000075736572"
                          "00220022000000" ALICE "0101");
    db_begin(&db);
    oro_bb_clear(&row);
    put_alice(&row, "Alice");
    const struct oro_table_def *t = fixture_table(db.schema, "user");
    cr_assert_eq(
        oro_tx_update(db.tx, t, fixture_index(t, "identity"), oro_bb_bytes(&row), NULL, &err),
        ORO_OK);
    apply(db_commit(&db), &g);
    cr_assert_eq(g.n, 1);
    cr_assert_str_eq(g.hex[0], "01000000"
                               "00000000"
                               "01000000"
                               "0400000075736572"
                               "01000000"
                               "00"
                               "002b002b000000" ALICE "0005000000416c69636501"
                               "00220022000000" ALICE "0101");
    oro_bb_fini(&row);
}

Test(subs, two_query_sets_and_two_queries)
{
    static const char *const two[] = {"SELECT * FROM counter",
                                      "SELECT * FROM counter WHERE id > 2"};
    struct got g;
    struct oro_err err;
    subscribe_one(1, 0, "SELECT * FROM counter", NULL);
    cr_assert_eq(subscribe(1, 3, two, 2, NULL, &err), ORO_OK);
    subscribe_one(2, 9, "SELECT * FROM counter", NULL);
    db_begin(&db);
    insert_counter(4, 40);
    apply(db_commit(&db), &g);
    cr_assert_eq(g.n, 2);
#define ROWS                   \
    "00"                       \
    "000c000c000000"           \
    "040000002800000000000000" \
    "010000000000000000"
    unsigned one = g.conns[0] == 1 ? 0 : 1;
    cr_assert_str_eq(g.hex[one], "02000000"
                                 "00000000"
                                 "01000000"
                                 "07000000636f756e746572"
                                 "01000000" ROWS "03000000"
                                 "01000000"
                                 "07000000636f756e746572"
                                 "02000000" ROWS ROWS);
    cr_assert_str_eq(g.hex[1 - one], "01000000"
                                     "09000000"
                                     "01000000"
                                     "07000000636f756e746572"
                                     "01000000" ROWS);
}

Test(subs, event_rows_come_as_events_and_are_gone)
{
    struct got g;
    struct oro_bb row = {0};
    static char hex[100];
    subscribe_one(1, 5, "SELECT * FROM ping_event", hex);
    cr_assert_str_eq(hex, "00000000");
    db_begin(&db);
    for (uint32_t n = 1; n <= 2; n++) {
        oro_bb_clear(&row);
        oro_bb_u32(&row, n);
        insert("ping_event", &row);
    }
    apply(db_commit(&db), &g);
    cr_assert_eq(g.n, 1);
    static const char head[] = "01000000"
                               "05000000"
                               "01000000"
                               "0a00000070696e675f6576656e74"
                               "01000000"
                               "01"
                               "00040008000000";
    cr_assert(strncmp(g.hex[0], head, sizeof(head) - 1) == 0, "%s", g.hex[0]);
    const char *rows = g.hex[0] + sizeof(head) - 1;
    cr_assert(strcmp(rows, "0100000002000000") == 0 || strcmp(rows, "0200000001000000") == 0, "%s",
              rows);
    subscribe_one(2, 5, "SELECT * FROM ping_event", hex);
    cr_assert_str_eq(hex, "00000000");
    oro_bb_fini(&row);
}

Test(subs, unsubscribe_gives_the_rows_to_drop)
{
    static char hex[1000];
    struct got g;
    struct oro_err err;
    db_begin(&db);
    insert_counter(1, 10);
    apply(db_commit(&db), &g);
    subscribe_one(1, 3, "SELECT * FROM counter", hex);
    cr_assert_str_eq(hex, "01000000"
                          "07000000636f756e746572"
                          "000c000c000000"
                          "010000000a00000000000000");
    cr_assert_eq(unsubscribe(1, 3, hex, &err), ORO_OK);
    cr_assert_str_eq(hex, "01000000"
                          "07000000636f756e746572"
                          "000c000c000000"
                          "010000000a00000000000000");
    cr_assert_eq(unsubscribe(1, 3, hex, &err), ORO_ENOTFOUND);
    cr_assert(strncmp(err.text, "Subscription not found: ", 24) == 0);
    db_begin(&db);
    insert_counter(2, 10);
    apply(db_commit(&db), &g);
    cr_assert_eq(g.n, 0);
    struct oro_subs_stats st;
    oro_subs_stats(subs, &st);
    cr_assert_eq(st.queries, 0);
    cr_assert_eq(st.query_sets, 0);
}

Test(subs, empty_results_have_an_entry)
{
    static char hex[1000];
    subscribe_one(1, 0, "SELECT * FROM user", hex);
    cr_assert_str_eq(hex, "01000000"
                          "0400000075736572"
                          "010000000000000000");
}

Test(subs, filter_moves)
{
    struct got g;
    subscribe_one(1, 0, "SELECT * FROM counter WHERE value = 5", NULL);
    db_begin(&db);
    insert_counter(1, 4);
    apply(db_commit(&db), &g);
    cr_assert_eq(g.n, 0);
    db_begin(&db);
    update_counter(1, 5); /* enters: insert only */
    apply(db_commit(&db), &g);
    cr_assert_eq(g.n, 1);
    cr_assert_not_null(strstr(g.hex[0], "00"
                                        "000c000c000000"
                                        "010000000500000000000000"
                                        "010000000000000000"));
    db_begin(&db);
    update_counter(1, 6); /* leaves: delete only */
    apply(db_commit(&db), &g);
    cr_assert_eq(g.n, 1);
    cr_assert_not_null(strstr(g.hex[0], "00"
                                        "010000000000000000"
                                        "000c000c000000"
                                        "010000000500000000000000"));
    db_begin(&db);
    update_counter(1, 7); /* stays outside */
    apply(db_commit(&db), &g);
    cr_assert_eq(g.n, 0);
}

/* ---- sets ---- */

Test(subs, all_or_nothing)
{
    static const char *const texts[] = {"SELECT * FROM counter", "SELECT * FROM nosuch"};
    struct oro_err err;
    struct oro_subs_stats st;
    cr_assert_neq(subscribe(1, 0, texts, 2, NULL, &err), ORO_OK);
    cr_assert_str_eq(
        err.text,
        "no such table: `nosuch`. If the table exists, it may be marked private., executing: "
        "`SELECT * FROM nosuch`\nSELECT * FROM nosuch\n              ^");
    oro_subs_stats(subs, &st);
    cr_assert_eq(st.queries, 0);
    cr_assert_eq(st.query_sets, 0);
    subscribe_one(1, 0, "SELECT * FROM counter", NULL); /* the id is free */
    cr_assert_eq(subscribe(1, 0, texts, 1, NULL, &err), ORO_EEXISTS);
    cr_assert(strstr(err.text, "already exists") != NULL);
    cr_assert_eq(subscribe(1, 1, texts, 0, NULL, &err), ORO_OK); /* an empty set */
}

Test(subs, equal_texts_are_one_query)
{
    static const char *const texts[] = {"SELECT * FROM counter", "  SELECT * FROM counter\n",
                                        "select * from counter"};
    static char hex[1000];
    struct oro_err err;
    struct oro_subs_stats st;
    cr_assert_eq(subscribe(1, 0, texts, 3, hex, &err), ORO_OK);
    cr_assert(strncmp(hex, "02000000", 8) == 0); /* two distinct ones */
    for (oro_conn_id c = 2; c < 10; c++)
        subscribe_one(c, 0, texts[0], NULL);
    oro_subs_stats(subs, &st);
    cr_assert_eq(st.queries, 2);
    cr_assert_eq(st.query_sets, 9);
}

Test(subs, sender_makes_queries_of_one_text_differ)
{
    struct got g;
    struct oro_bb row = {0};
    struct oro_subs_stats st;
    subscribe_one(1, 0, "SELECT * FROM user WHERE identity = :sender", NULL);
    subscribe_one(2, 0, "SELECT * FROM user WHERE identity = :sender", NULL);
    oro_subs_stats(subs, &st);
    cr_assert_eq(st.queries, 2);
    struct oro_identity me = fixture_identity(2);
    oro_bb_put(&row, me.le, 32);
    oro_bb_u8(&row, 1);
    oro_bb_u8(&row, 0);
    db_begin(&db);
    insert("user", &row);
    apply(db_commit(&db), &g);
    cr_assert_eq(g.n, 1);
    cr_assert_eq(g.conns[0], 2);
    oro_subs_stats(subs, &st);
    cr_assert_eq(st.evaluated, 1); /* the other one was not looked at */
    oro_bb_fini(&row);
}

Test(subs, everything_is_all_public_user_tables)
{
    static char hex[1000];
    subscribe_one(1, 0, "select\t*  FROM *", hex);
    cr_assert_str_eq(hex, "02000000"
                          "0400000075736572"
                          "010000000000000000"
                          "07000000636f756e746572"
                          "010000000000000000");
}

Test(subs, a_known_private_query_stays_hidden)
{
    struct oro_bb texts = {0}, rows = {0};
    struct oro_err err;
    struct oro_query_env owner = {.is_owner = true};
    put_string(&texts, "SELECT * FROM secret");
    oro_read_begin(db.se);
    cr_assert_eq(oro_subs_subscribe(subs, db.se, 1, 0, oro_bb_bytes(&texts), 1, &owner, NULL, &rows,
                                    NULL, &err),
                 ORO_OK);
    oro_read_end(db.se);
    const char *text = "SELECT * FROM secret";
    cr_assert_neq(subscribe(2, 0, &text, 1, NULL, &err), ORO_OK);
    cr_assert(strstr(err.text, "no such table") != NULL);
    oro_bb_fini(&texts);
    oro_bb_fini(&rows);
}

static void
drop_it(void *arg, oro_conn_id conn, const struct oro_subs_notice *notices, size_t n)
{
    ++*(unsigned *)arg;
    oro_subs_drop(subs, 1);
    oro_subs_drop(subs, 2);
}

Test(subs, connections_may_go_while_updates_are_handed_out)
{
    unsigned n = 0;
    struct oro_subs_stats st;
    for (oro_conn_id c = 1; c <= 3; c++)
        subscribe_one(c, 0, "SELECT * FROM counter", NULL);
    db_begin(&db);
    insert_counter(1, 1);
    oro_subs_apply(subs, db_commit(&db), drop_it, &n);
    cr_assert_eq(n, 2); /* 1 and 3: nothing for 2, which is gone */
    oro_subs_stats(subs, &st);
    cr_assert_eq(st.query_sets, 1);
}

Test(subs, one_off_has_exactly_one_table)
{
    struct oro_query_env env = {0};
    struct oro_query *q;
    struct oro_err err;
    struct oro_bb rows = {0};
    char hex[200];
    cr_assert_eq(oro_query_parse(db.schema, oro_bytes_str("SELECT * FROM ping_event"),
                                 ORO_QUERY_ONE_OFF, &env, &q, &err),
                 ORO_OK);
    oro_read_begin(db.se);
    cr_assert_eq(oro_subs_one_off(q, db.se, NULL, &rows, NULL, NULL), ORO_OK);
    oro_read_end(db.se);
    oro_hex(oro_bb_bytes(&rows), hex);
    cr_assert_str_eq(hex, "01000000"
                          "0a00000070696e675f6576656e74"
                          "010000000000000000");
    oro_bb_fini(&rows);
    oro_query_free(q);
}

/* ---- SQL over HTTP ---- */

static void
expect_sql(const char *text, const char *schema_json, const char *rows_json)
{
    struct oro_query_env env = {0};
    struct oro_query *q;
    struct oro_err err;
    struct oro_bb out = {0}, want = {0};
    cr_assert_eq(oro_query_parse(db.schema, oro_bytes_str(text), ORO_QUERY_SQL, &env, &q, &err),
                 ORO_OK, "%s", err.text);
    oro_read_begin(db.se);
    cr_assert_eq(oro_query_sql_json(q, db.se, NULL, &out, NULL, NULL), ORO_OK);
    oro_read_end(db.se);
    oro_bb_printf(&want, "[{\"schema\":{\"elements\":[%s]},\"rows\":%s,\"total_duration_micros\":",
                  schema_json, rows_json);
    oro_bb_u8(&out, 0);
    cr_assert(out.len > want.len && memcmp(out.data, want.data, want.len) == 0, "%s",
              (const char *)out.data);
    cr_assert_not_null(
        strstr((const char *)out.data,
               ",\"stats\":{\"rows_inserted\":0,\"rows_deleted\":0,\"rows_updated\":0}}]"));
    oro_bb_fini(&out);
    oro_bb_fini(&want);
    oro_query_free(q);
}

#define COLUMN(name, type) "{\"name\":{\"some\":\"" name "\"},\"algebraic_type\":{\"" type "\":[]}}"

Test(subs, sql_answers)
{
    struct got g;
    db_begin(&db);
    for (uint32_t i = 1; i <= 5; i++)
        insert_counter(i, i * 10);
    apply(db_commit(&db), &g);
    expect_sql("SELECT * FROM counter WHERE id = 2", COLUMN("id", "U32") "," COLUMN("value", "U64"),
               "[[2,20]]");
    expect_sql("SELECT value AS v, id FROM counter WHERE id >= 4 AND id < 5",
               COLUMN("v", "U64") "," COLUMN("id", "U32"), "[[40,4]]");
    expect_sql("SELECT COUNT(*) AS n FROM counter WHERE value > 10 LIMIT 1", COLUMN("n", "U64"),
               "[[4]]");
    expect_sql("SELECT COUNT(*) n FROM user", COLUMN("n", "U64"), "[[0]]");
    expect_sql("SELECT id FROM counter WHERE id > 2 LIMIT 1;", COLUMN("id", "U32"), "[[3]]");
    expect_sql("SELECT id FROM counter LIMIT 0", COLUMN("id", "U32"), "[]");
}

/* ---- rows that many subscribe to ---- */

/* QueryRows of `SELECT * FROM counter` for another client, in parts; checks that they are the same in one piece. */
static void
subscribe_in_parts(oro_conn_id conn, struct oro_parts *parts)
{
    struct oro_bb text = {0}, rows = {0}, whole = {0}, one = {0};
    struct oro_query_env env = {.sender = fixture_identity(conn)};
    struct oro_err err = {0};
    put_string(&text, "SELECT * FROM counter");
    for (int k = 0; k < 2; k++) {
        struct oro_bb *to = k == 0 ? &rows : &one;
        oro_read_begin(db.se);
        cr_assert_eq(oro_subs_subscribe(subs, db.se, conn, (uint32_t)k, oro_bb_bytes(&text), 1,
                                        &env, NULL, to, k == 0 ? parts : NULL, &err),
                     ORO_OK, "%s", err.text);
        oro_read_end(db.se);
    }
    for (size_t i = 0; i < parts->n; i++)
        oro_bb_put_bytes(&whole, oro_buf_bytes(parts->bufs[i]));
    oro_bb_put_bytes(&whole, oro_bb_bytes(&rows));
    cr_assert(oro_bytes_eq(oro_bb_bytes(&whole), oro_bb_bytes(&one)));
    oro_bb_fini(&text);
    oro_bb_fini(&rows);
    oro_bb_fini(&whole);
    oro_bb_fini(&one);
}

Test(subs, rows_that_many_subscribe_to_are_made_once_and_linked)
{
    struct got g;
    struct oro_parts first = {0}, second = {0}, third = {0};
    db_begin(&db);
    for (uint32_t i = 0; i < 2000; i++)
        insert_counter(i, i);
    apply(db_commit(&db), &g);
    subscribe_in_parts(1, &first);
    subscribe_in_parts(2, &second);
    cr_assert_eq(second.n, 2, "the count, then the rows");
    subscribe_in_parts(3, &third);
    cr_assert_eq(third.bufs[1], second.bufs[1]);
    oro_parts_fini(&third);
    db_begin(&db);
    update_counter(7, 1000);
    oro_subs_drop(subs, 1);
    oro_subs_drop(subs, 2);
    apply(db_commit(&db), &g);
    subscribe_in_parts(4, &third);
    cr_assert_eq(third.n, 2);
    cr_assert_neq(third.bufs[1], second.bufs[1], "a row has changed");
    oro_parts_fini(&first);
    oro_parts_fini(&second);
    oro_parts_fini(&third);
}
