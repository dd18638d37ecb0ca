/* Live queries that are found by an interval, and joins: what they cost, what ends them, and what is refused. That what they show
 * is right is for test_differential.c. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/subs/ranges.h"
#include "runtime/subs/subs.h"
#include "tests/subs/db.h"

static const char *const lines[] = {
    "unit public id:u32:pk chunk:u32 x:i32 y:i32",
    "room public id:u32:pk topic:u32",
    "member public id:u32:pk room:u32:idx who:identity:idx",
    "note public room:u32 n:u32",
    "news event room:u32:idx n:u32",
    "secret private id:u32:pk",
    NULL,
};

static struct db db;
static struct oro_subs *subs;
static unsigned told, lost;
static size_t rows_told;
static char lost_why[1024];

static void
on_lost(void *arg, oro_conn_id conn, uint32_t id, const char *why)
{
    (void)arg, (void)conn, (void)id;
    lost++;
    snprintf(lost_why, sizeof(lost_why), "%s", why);
}

static void
setup(void)
{
    db = db_open(lines);
    subs = oro_subs_create(db.schema);
    oro_subs_look_into(subs, db.store);
    oro_subs_on_lost(subs, on_lost, NULL);
    told = lost = 0;
    rows_told = 0;
}

static void
teardown(void)
{
    oro_subs_destroy(subs);
    db_close(&db);
}

TestSuite(join, .init = setup, .fini = teardown);

static void
emit(void *arg, oro_conn_id conn, const struct oro_subs_notice *notices, size_t n)
{
    (void)arg, (void)conn;
    told++;
    for (size_t i = 0; i < n; i++)
        rows_told += notices[i].change->inserts->n + notices[i].change->deletes->n;
}

static oro_status
subscribe(oro_conn_id conn, uint32_t id, const char *text, struct oro_err *err)
{
    struct oro_bb texts = {0}, rows = {0};
    struct oro_query_env env = {.sender = fixture_identity(conn), .asker = {.identity = conn}};
    put_string(&texts, text);
    oro_read_begin(db.se);
    oro_status st = oro_subs_subscribe(subs, db.se, conn, id, oro_bb_bytes(&texts), 1, &env, NULL,
                                       &rows, NULL, err);
    oro_cursor_hold(db.cursor, oro_subs_looks_up(subs));
    oro_read_end(db.se);
    oro_bb_fini(&texts);
    oro_bb_fini(&rows);
    return st;
}

static void
must_subscribe(oro_conn_id conn, uint32_t id, const char *text)
{
    struct oro_err err = {0};
    cr_assert_eq(subscribe(conn, id, text, &err), ORO_OK, "%s", err.text);
}

static void
put(const char *table, unsigned n, const uint32_t *values)
{
    const struct oro_table_def *t = fixture_table(db.schema, table);
    struct oro_bb row = {0};
    struct oro_err err = {0};
    for (unsigned i = 0; i < n; i++)
        oro_bb_u32(&row, values[i]);
    while (row.len < t->row->fixed_size)
        oro_bb_u8(&row, 0);
    oro_status st = t->pk >= 0
                        ? oro_tx_upsert(db.tx, t, &t->indexes[0], oro_bb_bytes(&row), NULL, &err)
                        : oro_tx_insert(db.tx, t, oro_bb_bytes(&row), NULL, &err);
    cr_assert_eq(st, ORO_OK, "%s", err.text);
    oro_bb_fini(&row);
}

#define PUT(table, ...) put(table, sizeof((uint32_t[]){__VA_ARGS__}) / 4, (uint32_t[]){__VA_ARGS__})

static void
apply(void)
{
    oro_subs_apply(subs, db_commit(&db), emit, NULL);
}

static uint64_t
steps_of(uint32_t chunk, uint32_t x)
{
    struct oro_subs_stats before, after;
    oro_subs_stats(subs, &before);
    db_begin(&db);
    PUT("unit", 1, chunk, x, 0);
    apply();
    oro_subs_stats(subs, &after);
    return after.evaluated - before.evaluated;
}

/* ---- what a change costs ---- */

/* Each client has its own chunk, or its own interval: a change costs the same whether they are ten or ten thousand. */
Test(join, selective_subscriptions_cost_what_is_touched)
{
    static const char *const forms[] = {"SELECT * FROM unit WHERE chunk = %u",
                                        "SELECT * FROM unit WHERE x >= %u0 AND x < %u9",
                                        "SELECT * FROM unit WHERE y = 0 AND chunk = %u",
                                        "SELECT * FROM unit WHERE y < 5 AND x > %u0 AND x <= %u9"};
    teardown();
    for (size_t form = 0; form < ORO_ARRAY_LEN(forms); form++) {
        uint64_t cost[2];
        for (unsigned many = 0; many < 2; many++) {
            unsigned n = many ? 10000 : 10;
            char text[200];
            setup();
            for (unsigned c = 1; c <= n; c++) {
                snprintf(text, sizeof(text), forms[form], c, c);
                must_subscribe(c, 0, text);
            }
            steps_of(5, 55);
            cost[many] = steps_of(7, 72);
            cr_assert_eq(told, 3); /* came, went, came */
            teardown();
        }
        cr_assert_leq(cost[1], 40, "%s: %llu steps", forms[form], (unsigned long long)cost[1]);
        cr_assert_leq(cost[1], 4 * cost[0], "%s: %llu and %llu", forms[form],
                      (unsigned long long)cost[0], (unsigned long long)cost[1]);
    }
    setup();
}

struct counted {
    struct range_node *first;
    uint8_t *found;
};

static void
count(void *arg, struct range_node *n)
{
    struct counted *c = arg;
    c->found[n - c->first]++;
}

static bool
has(const struct ranges *r, const struct range_node *n, const uint8_t *value)
{
    int lo = n->lo.data != NULL ? query_compare(r->leaf, n->lo.data, value) : -1;
    int hi = n->hi.data != NULL ? query_compare(r->leaf, n->hi.data, value) : 1;
    return (lo < 0 || (lo == 0 && !n->lo_open)) && (hi > 0 || (hi == 0 && !n->hi_open));
}

#define NODES 200
#define VALUES 12

/* Beside looking at every interval, while they come and go. */
Test(join, intervals_that_have_a_value)
{
    static struct range_node nodes[NODES];
    static bool there[NODES];
    int32_t values[VALUES];
    struct ranges r = {.leaf = db.schema->tables[0].row->elems[2].type};
    srand(7);
    for (int i = 0; i < VALUES; i++)
        values[i] = i - 5;
    for (unsigned round = 0; round < 20000; round++) {
        unsigned i = (unsigned)rand() % NODES;
        struct range_node *n = &nodes[i];
        if (there[i]) {
            ranges_remove(&r, n);
        } else {
            *n = (struct range_node){.lo_open = rand() % 2 != 0, .hi_open = rand() % 2 != 0};
            if (rand() % 4 > 0)
                n->lo = oro_bytes((uint8_t *)&values[rand() % VALUES], 4);
            if (rand() % 4 > 0)
                n->hi = oro_bytes((uint8_t *)&values[rand() % VALUES], 4);
            ranges_add(&r, n);
        }
        there[i] = !there[i];
        const uint8_t *value = (uint8_t *)&values[rand() % VALUES];
        uint8_t found[NODES] = {0};
        ranges_find(&r, value, count, &(struct counted){nodes, found});
        for (unsigned k = 0; k < NODES; k++)
            if (found[k] != (there[k] && has(&r, &nodes[k], value)))
                cr_assert_fail("round %u", round);
    }
}

/* `room = 7` holds for the members, too: the changes of others are not looked at. */
Test(join, constants_go_along_joins)
{
    char text[200];
    for (unsigned c = 1; c <= 1000; c++) {
        snprintf(text, sizeof(text),
                 "SELECT m.* FROM member m JOIN room r ON m.room = r.id WHERE r.id = %u", c);
        must_subscribe(c, 0, text);
    }
    struct oro_subs_stats before, after;
    db_begin(&db);
    PUT("room", 7, 1);
    apply();
    oro_subs_stats(subs, &before);
    db_begin(&db);
    PUT("member", 1, 7);
    PUT("member", 2, 2000);
    apply();
    oro_subs_stats(subs, &after);
    cr_assert_eq(told, 1);
    cr_assert_leq(after.evaluated - before.evaluated, 20);
}

/* ---- what ends a subscription ---- */

#define MANY 60000

/* A room with many members, in transactions that are not large. */
static void
fill_room(uint32_t members)
{
    db_begin(&db);
    PUT("room", 1, 1);
    for (uint32_t i = 0; i < members; i++) {
        PUT("member", i, 1);
        if (i % 250 == 249) {
            db_commit(&db);
            db_begin(&db);
        }
    }
    db_commit(&db);
}

Test(join, a_change_that_touches_too_much_ends_the_set)
{
    struct oro_err err = {0};
    fill_room(MANY);
    must_subscribe(1, 5, "SELECT m.* FROM room r JOIN member m ON r.id = m.room");
    must_subscribe(1, 6, "SELECT r.* FROM room r");
    must_subscribe(2, 5, "SELECT m.* FROM room r JOIN member m ON r.id = m.room");
    must_subscribe(3, 1, "SELECT m.* FROM room r JOIN member m ON r.id = m.room WHERE m.id < 100");
    db_begin(&db);
    PUT("room", 1, 2);
    apply();
    cr_assert_eq(lost, 3); /* the third one looks at all of them, too */
    cr_assert(strstr(lost_why, "too expensive") != NULL, "%s", lost_why);
    cr_assert(strstr(lost_why, ", executing: `SELECT m.*") != NULL, "%s", lost_why);
    cr_assert_eq(told, 1); /* set 6 */
    cr_assert(!oro_subs_has(subs, 1, 5) && oro_subs_has(subs, 1, 6) && !oro_subs_has(subs, 2, 5));
    cr_assert(!oro_subs_looks_up(subs));
    cr_assert_eq(subscribe(1, 5, "SELECT * FROM note", &err), ORO_OK); /* the id is free */
}

/* What a commit means for so many joins is more than there is time for: those end whose work it is. */
Test(join, who_asks_for_too_much_loses_his_own)
{
    enum { FLOOD = 100, OTHERS = 5 };
    char text[200];
    fill_room(10000);
    for (unsigned i = 0; i < FLOOD; i++) {
        snprintf(text, sizeof(text),
                 "SELECT m.* FROM room r JOIN member m ON r.id = m.room WHERE m.id < %u", i + 1);
        must_subscribe(1, i, text);
    }
    for (unsigned i = 0; i < OTHERS; i++) {
        snprintf(text, sizeof(text),
                 "SELECT m.* FROM room r JOIN member m ON r.id = m.room WHERE m.id > %u", 9000 + i);
        must_subscribe(2 + i, 1, text);
    }
    db_begin(&db);
    PUT("room", 1, 2);
    apply();
    unsigned left = 0;
    for (unsigned i = 0; i < FLOOD; i++)
        left += oro_subs_has(subs, 1, i);
    cr_assert(left > 0 && left < FLOOD, "%u", left);
    for (unsigned i = 0; i < OTHERS; i++)
        cr_assert(oro_subs_has(subs, 2 + i, 1), "of client %u", 2 + i);
}

/* Commit after commit, too: a second has so many steps, whoever brings many commits. */
Test(join, who_asks_for_much_all_the_time_loses_it)
{
    static int64_t now = 1;
    oro_subs_clock(subs, &now);
    fill_room(20000);
    must_subscribe(1, 1, "SELECT m.* FROM room r JOIN member m ON r.id = m.room WHERE m.id < 9");
    must_subscribe(2, 1, "SELECT r.* FROM room r JOIN member m ON r.id = m.room WHERE m.id = 9");
    for (uint32_t topic = 2; topic < 2000 && oro_subs_has(subs, 1, 1); topic++) {
        now += 10000;
        db_begin(&db);
        PUT("room", 1, topic);
        apply();
    }
    cr_assert_not(oro_subs_has(subs, 1, 1));
    cr_assert(oro_subs_has(subs, 2, 1));
}

/* Of a frozen connection it ends when it comes to that record itself. */
Test(join, a_frozen_connection_loses_it_later)
{
    struct oro_cursor *its;
    fill_room(MANY);
    must_subscribe(1, 5, "SELECT m.* FROM room r JOIN member m ON r.id = m.room");
    oro_subs_freeze(subs, 1, true);
    its = oro_cursor_fork(db.cursor);
    db_begin(&db);
    PUT("room", 1, 2);
    apply();
    cr_assert(lost == 0 && oro_subs_has(subs, 1, 5));
    oro_subs_apply_to(subs, 1, oro_cursor_next(its), emit, NULL);
    cr_assert(lost == 1 && told == 0 && !oro_subs_has(subs, 1, 5));
    oro_subs_freeze(subs, 1, false);
    oro_cursor_close(its);
}

/* ---- how often ---- */

Test(join, rows_are_told_as_often_as_they_match)
{
    must_subscribe(1, 0, "SELECT r.* FROM room r JOIN member m ON r.id = m.room");
    db_begin(&db);
    PUT("room", 1, 1);
    PUT("member", 1, 1);
    PUT("member", 2, 1);
    apply();
    cr_assert(told == 1 && rows_told == 2);
    db_begin(&db);
    PUT("member", 3, 1);
    PUT("member", 1, 2);
    apply(); /* one more, one less */
    cr_assert(told == 1 && rows_told == 2);
    db_begin(&db);
    PUT("room", 1, 7);
    apply(); /* both copies, old and new */
    cr_assert(told == 2 && rows_told == 6);
}

Test(join, an_event_comes_with_what_stands_beside_it_after_the_commit)
{
    must_subscribe(1, 0, "SELECT n.* FROM news n JOIN room r ON n.room = r.id");
    db_begin(&db);
    PUT("news", 1, 5);
    apply();
    cr_assert_eq(told, 0);
    db_begin(&db);
    PUT("news", 1, 6);
    PUT("room", 1, 1);
    apply();
    cr_assert(told == 1 && rows_told == 1);
    db_begin(&db);
    PUT("room", 1, 2);
    apply();
    cr_assert_eq(told, 1);
}

/* ---- refusals ---- */

Test(join, refused_with_a_reason)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"SELECT r.* FROM room r JOIN member m ON r.id = m.who", "Unexpected type: (expected) U32"},
        {"SELECT r.* FROM room r JOIN member m", "Subscriptions require indexes on join columns"},
        {"SELECT r.* FROM room r CROSS JOIN member m", "Subscriptions require indexes"},
        {"SELECT r.* FROM room r JOIN member m WHERE r.id = m.room",
         "Subscriptions require indexes"},
        {"SELECT n.* FROM note n JOIN room r ON n.n = r.topic",
         "neither `room`.`topic` nor the column beside it"},
        {"SELECT r.* FROM room r JOIN secret s ON r.id = s.id", "no such table: `secret`"},
        {"SELECT r.* FROM room r JOIN member r ON r.id = r.room", "Duplicate name `r`"},
        {"SELECT r.* FROM room r JOIN news n ON r.id = n.room", "Event tables cannot be used"},
        {"SELECT n.* FROM room r JOIN news n ON r.id = n.room", "Event tables cannot be used"},
        {"SELECT r.* FROM room r JOIN member m ON r.id = m.room WHERE topic = 1",
         "Names must be qualified when using joins: `topic`"},
        {"SELECT r.* FROM room r JOIN member m ON r.id = 5", "Non-inner joins are not supported"},
        {"SELECT r.* FROM room r JOIN member m ON r.id = m.room AND r.topic = 1",
         "Non-inner joins"},
        {"SELECT x.* FROM room r JOIN member m ON r.id = m.room", "`x` is not in scope"},
        {"SELECT r.* FROM room r JOIN (SELECT 1)", "Unsupported: subqueries"},
        {"SELECT r.* FROM room r INNER member", "syntax error: expected JOIN"},
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(cases); i++) {
        struct oro_err err = {0};
        cr_assert_neq(subscribe(1, 0, cases[i].text, &err), ORO_OK, "%s", cases[i].text);
        cr_assert(strstr(err.text, cases[i].why) != NULL, "%s\n%s", cases[i].text, err.text);
    }
    cr_assert(!oro_subs_looks_up(subs));
}

/* Filters that look into each other are found when a query uses them; alone each is fine. */
Test(join, row_filters_in_a_circle)
{
    const char *of_room[] = {
        "SELECT room.* FROM room JOIN member ON room.id = member.room WHERE member.who = :sender"};
    const char *of_member[] = {"SELECT member.* FROM member JOIN room ON member.room = room.id"};
    struct oro_err err = {0};
    db.schema->tables[1].rules = of_room;
    db.schema->tables[1].nrules = 1;
    cr_assert_eq(oro_query_check_rules(db.schema, &err), ORO_OK, "%s", err.text);
    must_subscribe(1, 0, "SELECT * FROM room");
    oro_subs_drop(subs, 1);
    db.schema->tables[2].rules = of_member;
    db.schema->tables[2].nrules = 1;
    cr_assert_eq(oro_query_check_rules(db.schema, &err), ORO_OK, "%s", err.text);
    cr_assert_neq(subscribe(1, 0, "SELECT * FROM room", &err), ORO_OK);
    cr_assert(strstr(err.text, "Discovered cyclic dependency") != NULL, "%s", err.text);
}
