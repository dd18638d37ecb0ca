/* What queries cost, counted in steps (rows times terms): conditions are made cheaper without changing what they mean, a
 * budget ends what is too expensive, and what one client is subscribed to weighs on a commit no more than allowed. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/subs/subs.h"
#include "tests/subs/db.h"

#define ROWS 1000

static const char *const lines[] = {
    "unit public id:u64:pk kind:i32:hash level:i32 name:string note:string score:f64 lit:bool",
    "game_event public id:u64:pk tableName:string room_id:u32", NULL};

static struct db db;

static void
put_unit(struct oro_bb *row, uint64_t id)
{
    static const double scores[] = {0.0, -0.0, 1.5, -2.0};
    char name[16];
    snprintf(name, sizeof(name), "n%u", (unsigned)id % 5);
    oro_bb_clear(row);
    oro_bb_u64(row, id);
    oro_bb_u32(row, (uint32_t)id % 7);
    oro_bb_u32(row, (uint32_t)id % 4 - 2);
    put_string(row, name);
    put_string(row, id % 2 == 0 ? "n0" : "n1");
    oro_bb_put(row, &scores[id % 4], 8);
    oro_bb_u8(row, id % 3 == 0);
}

static const struct oro_commit *
insert(uint64_t from, uint64_t to)
{
    struct oro_bb row = {0};
    struct oro_err err;
    db_begin(&db);
    for (uint64_t id = from; id < to; id++) {
        put_unit(&row, id);
        cr_assert_eq(
            oro_tx_insert(db.tx, fixture_table(db.schema, "unit"), oro_bb_bytes(&row), NULL, &err),
            ORO_OK);
    }
    oro_bb_fini(&row);
    return db_commit(&db);
}

static void
setup(void)
{
    db = db_open(lines);
    insert(0, ROWS);
}

static void
teardown(void)
{
    db_close(&db);
}

TestSuite(cost, .init = setup, .fini = teardown);

static const struct oro_query_limits limits = {.terms = 100, .steps = 1u << 30};

static oro_status
parse(const char *text, struct oro_query **q, struct oro_err *err)
{
    struct oro_query_env env = {.limits = &limits};
    return oro_query_parse(db.schema, oro_bytes_str(text), ORO_QUERY_SQL, &env, q, err);
}

/* Rows found with this budget; *left: what is left of it. */
static oro_status
run(const char *text, struct oro_budget *budget, size_t *n, struct oro_err *err)
{
    struct oro_query *q;
    struct oro_found found;
    cr_assert_eq(parse(text, &q, err), ORO_OK, "%s: %s", text, err->text);
    oro_read_begin(db.se);
    oro_status st = oro_query_run(q, db.se, budget, &found, err);
    *n = st == ORO_OK ? found.n : 0;
    oro_found_fini(&found);
    oro_read_end(db.se);
    oro_query_free(q);
    return st;
}

static uint64_t
cost(const char *text, size_t rows)
{
    struct oro_budget budget = {.left = 1u << 30};
    struct oro_err err = {0};
    size_t n;
    cr_assert_eq(run(text, &budget, &n, &err), ORO_OK, "%s: %s", text, err.text);
    cr_assert_eq(n, rows, "%s: %zu rows", text, n);
    return (1u << 30) - budget.left;
}

/* A condition of n terms on one column, joined by `word`. */
static char *
long_condition(const char *term, const char *word, unsigned n, unsigned from)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    fputs("SELECT * FROM unit WHERE ", f);
    for (unsigned i = 0; i < n; i++) {
        if (i > 0)
            fprintf(f, " %s ", word);
        fprintf(f, term, from + i);
    }
    fclose(f);
    return text;
}

Test(cost, equalities_on_one_column_are_one_search)
{
    char * or = long_condition("level = %u", "OR", 3000, 0),
           *and = long_condition("level <> %u", "AND", 2600, 0);
    char *parens = long_condition("((level = %u) OR level = 4)", "OR", 1000, 0);
    cr_assert_lt(cost(or, 500), ROWS * 14u);
    cr_assert_lt(cost(and, 500), ROWS * 14u);
    cr_assert_lt(cost(parens, 500), ROWS * 14u);
    free(or);
    free(and);
    free(parens);
}

Test(cost, an_index_answers_equalities)
{
    char *points = long_condition("id = %u", "OR", 50, 990),
         *kinds = long_condition("kind = %u", "OR", 2, 3);
    cr_assert_lt(cost("SELECT * FROM unit WHERE id = 7 AND level > -100", 1), 10);
    cr_assert_lt(cost("SELECT * FROM unit WHERE (lit = true AND (id = 9 AND TRUE)) OR FALSE", 1),
                 10);
    cr_assert_lt(cost(points, 10), 200);
    cr_assert_lt(cost(kinds, 286), 300 * 3);
    cr_assert_lt(cost("SELECT * FROM unit WHERE id = 1 OR id = 1", 1), 10);
    free(points);
    free(kinds);
}

Test(cost, limit_ends_the_scan)
{
    cr_assert_eq(cost("SELECT * FROM unit LIMIT 1", 1), 1);
    cr_assert_eq(cost("SELECT * FROM unit LIMIT 0", 0), 0);
    cr_assert_eq(cost("SELECT * FROM unit WHERE lit = true LIMIT 2", 2), 4);
    cr_assert_eq(cost("SELECT * FROM unit LIMIT 2000", ROWS), ROWS);
}

Test(cost, a_constant_costs_nothing)
{
    cr_assert_eq(cost("SELECT * FROM unit WHERE TRUE = FALSE", 0), 0);
    cr_assert_eq(cost("SELECT * FROM unit WHERE TRUE = TRUE", ROWS), ROWS);
    cr_assert_eq(cost("SELECT * FROM unit WHERE (FALSE = TRUE) OR (level > 0)", 250), ROWS);
}

Test(cost, a_budget_ends_what_is_too_expensive)
{
    struct oro_err err = {0};
    size_t n;
    struct oro_budget small = {.left = ROWS - 1}, enough = {.left = 2 * ROWS};
    cr_assert_eq(run("SELECT * FROM unit", &small, &n, &err), ORO_EFULL);
    cr_assert(strstr(err.text, "query.max_steps") != NULL, "%s", err.text);
    cr_assert_eq(run("SELECT * FROM unit WHERE level > 0 OR name > 'x'", &enough, &n, &err),
                 ORO_OK);
    cr_assert_eq(enough.left, 0); /* and one who asks on has nothing left */
    cr_assert_eq(run("SELECT * FROM unit LIMIT 1", &enough, &n, &err), ORO_EFULL);
}

Test(cost, a_count_has_a_budget_as_well)
{
    struct oro_budget small = {.left = ROWS - 1};
    struct oro_err err = {0};
    struct oro_query *q;
    struct oro_bb out = {0};
    cr_assert_eq(parse("SELECT COUNT(*) AS n FROM unit", &q, &err), ORO_OK);
    oro_read_begin(db.se);
    cr_assert_eq(oro_query_sql_json(q, db.se, &small, &out, NULL, &err), ORO_EFULL);
    oro_read_end(db.se);
    oro_query_free(q);
    oro_bb_fini(&out);
}

/* Wide rows cost few steps: their bytes have a bound of their own, over all that is asked with one budget. */
Test(cost, bytes_have_a_budget_where_they_are_bounded)
{
    struct oro_err err = {0};
    size_t n;
    struct oro_budget any = {.left = UINT64_MAX},
                      bounded = {.left = UINT64_MAX, .most = UINT64_MAX};
    cr_assert_eq(run("SELECT * FROM unit", &any, &n, &err), ORO_OK);
    cr_assert(any.found == 0 && !any.spent);
    cr_assert_eq(run("SELECT * FROM unit", &bounded, &n, &err), ORO_OK);
    struct oro_budget twice = {.left = UINT64_MAX, .most = 2 * bounded.found - 1};
    cr_assert_gt(bounded.found, n);
    cr_assert_eq(run("SELECT * FROM unit", &twice, &n, &err), ORO_OK);
    cr_assert(!twice.spent);
    cr_assert_eq(run("SELECT * FROM unit", &twice, &n, &err), ORO_EFULL);
    cr_assert(twice.spent);
}

Test(cost, reading_can_be_stopped)
{
    atomic_bool stop;
    atomic_init(&stop, true);
    struct oro_budget budget = {.left = UINT64_MAX, .stop = &stop};
    struct oro_err err = {0};
    size_t n;
    cr_assert_eq(run("SELECT * FROM unit WHERE level > 0", &budget, &n, &err), ORO_ETIMEOUT);
    cr_assert_eq(budget.left, UINT64_MAX);
}

Test(cost, terms_are_limited)
{
    struct oro_query *q = NULL;
    struct oro_err err = {0};
    char *ok = long_condition("level > %u", "OR", 100, 0),
         *many = long_condition("level > %u", "OR", 101, 0);
    cr_assert_eq(parse(ok, &q, &err), ORO_OK);
    oro_query_free(q);
    q = NULL;
    cr_assert_eq(parse(many, &q, &err), ORO_EFULL);
    cr_assert(strstr(err.text, "101 times") != NULL && strstr(err.text, "query.max_terms") != NULL,
              "%s", err.text);
    free(ok);
    free(many);
}

/* Long values are walked through once for each term that compares two columns. */
Test(cost, long_rows_cost_their_length)
{
    struct oro_bb row = {0};
    struct oro_err err;
    char *name = calloc(1, 100001),
         *text = long_condition("(name <= note OR id < %u)", "AND", 30, 0);
    memset(name, 'x', 100000);
    db_begin(&db);
    oro_bb_u64(&row, ROWS);
    oro_bb_u64(&row, 0);
    put_string(&row, name);
    put_string(&row, name);
    oro_bb_u64(&row, 0);
    oro_bb_u8(&row, 0);
    cr_assert_eq(
        oro_tx_insert(db.tx, fixture_table(db.schema, "unit"), oro_bb_bytes(&row), NULL, &err),
        ORO_OK);
    db_commit(&db);
    cr_assert_gt(cost("SELECT * FROM unit WHERE id = 1000 AND name = note", 1), 700);
    struct oro_budget budget = {.left = 1u << 30};
    size_t n;
    cr_assert_eq(run(text, &budget, &n, &err), ORO_OK, "%s", err.text);
    cr_assert_gt((1u << 30) - budget.left, 20000);
    free(name);
    free(text);
    oro_bb_fini(&row);
}

/* ---- the same meaning ---- */

struct unit {
    uint64_t id;
    int level;
    double score;
    const char *name, *note;
};

/* Writes a random condition and gives what it is for the row. */
static bool
condition(FILE *f, const struct unit *u, int depth)
{
    static const char *const ops[] = {"=", "<>", "<", "<=", ">", ">="};
    int op = rand() % 3 == 0 ? rand() % 6 : rand() % 2, a = rand() % 6;
    if (depth > 0 && rand() % 4 != 0) {
        bool and = rand() % 2, yes = and;
        for (int i = 0, n = 1 + rand() % 6; i < n; i++) {
            fputs(i > 0 ? (and? " AND (" : " OR (") : "(", f);
            bool one = condition(f, u, depth - 1);
            yes = and? yes && one : yes || one;
            fputs(")", f);
        }
        return yes;
    }
    int c;
    switch (rand() % 6) {
    case 0:
        fprintf(f, "TRUE %s %s", ops[op], a % 2 ? "TRUE" : "FALSE");
        c = 1 - a % 2;
        break;
    case 1:
        fprintf(f, "name %s 'n%d'", ops[op], a);
        c = u->name[1] - '0' - a;
        break;
    case 2:
        fprintf(f, "score %s %d", ops[op], a - 2);
        c = (u->score > a - 2) - (u->score < a - 2);
        break;
    case 3:
        fprintf(f, "name %s note", ops[op]);
        c = strcmp(u->name, u->note);
        break;
    case 4:
        fprintf(f, "id %s %d", ops[op], a);
        c = u->id > (uint64_t)a ? 1 : u->id < (uint64_t)a ? -1 : 0;
        break;
    default:
        fprintf(f, "%d %s level", a - 3, ops[op]);
        c = a - 3 - u->level;
        break;
    }
    return op == 0   ? c == 0
           : op == 1 ? c != 0
           : op == 2 ? c < 0
           : op == 3 ? c <= 0
           : op == 4 ? c > 0
                     : c >= 0;
}

Test(cost, a_condition_means_what_it_says)
{
    static const double scores[] = {0.0, -0.0, 1.5, -2.0};
    static const char *const names[] = {"n0", "n1", "n2", "n3", "n4"};
    struct oro_query_env env = {0};
    struct oro_bb row = {0};
    srand(7);
    for (int i = 0; i < 20000; i++) {
        uint64_t id = (uint64_t)rand() % 12;
        struct unit u = {id, (int)(id % 4) - 2, scores[id % 4], names[id % 5], names[id % 2]};
        char *text = NULL;
        size_t len = 0;
        FILE *f = open_memstream(&text, &len);
        fputs("SELECT * FROM unit WHERE ", f);
        bool want = condition(f, &u, 3);
        fclose(f);
        struct oro_query *q;
        struct oro_found found;
        struct oro_err err = {0};
        cr_assert_eq(
            oro_query_parse(db.schema, oro_bytes_str(text), ORO_QUERY_SUBSCRIBE, &env, &q, &err),
            ORO_OK, "%s: %s", text, err.text);
        put_unit(&row, id);
        cr_assert_eq(oro_query_matches(q, oro_bb_bytes(&row)), want, "%llu: %s",
                     (unsigned long long)id, text);
        if (i % 20 == 0) { /* and the way to the rows, whichever it is, finds it too */
            oro_read_begin(db.se);
            cr_assert_eq(oro_query_run(q, db.se, NULL, &found, &err), ORO_OK);
            unsigned times = 0;
            for (size_t k = 0; k < found.n; k++)
                times += oro_bytes_eq(found.rows[k], oro_bb_bytes(&row));
            cr_assert_eq(times, want ? 1 : 0, "%u times: %s", times, text);
            oro_found_fini(&found);
            oro_read_end(db.se);
        }
        oro_query_free(q);
        free(text);
    }
    oro_bb_fini(&row);
}

Test(cost, names_have_two_spellings)
{
    static const char *const yes[] = {
        "SELECT * FROM gameEvent", "SELECT * FROM GameEvent", "SELECT GameEvent.* FROM GameEvent",
        "SELECT * FROM game_event WHERE roomId = 1 AND table_name = 'x' AND tableName = 'x'",
        "SELECT * FROM gameEvent WHERE game_event.room_id = 1 OR \"gameEvent\".\"roomId\" = 2"};
    static const char *const no[] = {"SELECT * FROM GAME_EVENT", "SELECT * FROM gameevent",
                                     "SELECT * FROM gameEvent WHERE RoomID = 1",
                                     "SELECT * FROM gameEvent g WHERE gameEvent.id = 1"};
    struct oro_query *q;
    struct oro_err err = {0};
    for (size_t i = 0; i < ORO_ARRAY_LEN(yes); i++) {
        cr_assert_eq(parse(yes[i], &q, &err), ORO_OK, "%s: %s", yes[i], err.text);
        oro_query_free(q);
    }
    for (size_t i = 0; i < ORO_ARRAY_LEN(no); i++)
        cr_assert_neq(parse(no[i], &q, &err), ORO_OK, "%s", no[i]);
    struct oro_bb out = {0};
    cr_assert_eq(parse("SELECT roomId FROM GameEvent", &q, &err), ORO_OK);
    oro_read_begin(db.se);
    cr_assert_eq(oro_query_sql_json(q, db.se, NULL, &out, NULL, &err), ORO_OK);
    oro_bb_u8(&out, 0);
    cr_assert(strstr((const char *)out.data, "\"room_id\"") != NULL, "%s", out.data);
    oro_read_end(db.se);
    oro_query_free(q);
    oro_bb_fini(&out);
}

/* ---- what stands ---- */

static struct oro_subs *subs;

static oro_status
subscribe(oro_conn_id conn, uint32_t id, const char *text, struct oro_budget *budget,
          struct oro_err *err)
{
    struct oro_query_env env = {0};
    struct oro_bb texts = {0}, rows = {0};
    put_string(&texts, text);
    oro_read_begin(db.se);
    oro_status st = oro_subs_subscribe(subs, db.se, conn, id, oro_bb_bytes(&texts), 1, &env, budget,
                                       &rows, NULL, err);
    oro_read_end(db.se);
    oro_bb_fini(&texts);
    oro_bb_fini(&rows);
    return st;
}

static void
unsubscribe(oro_conn_id conn, uint32_t id)
{
    struct oro_err err;
    cr_assert_eq(oro_subs_unsubscribe(subs, db.se, conn, id, ORO_ROWS_TABLES, NULL, NULL, &err), ORO_OK);
}

static void
ignore(void *arg, oro_conn_id conn, const struct oro_subs_notice *notices, size_t n)
{
    (void)arg, (void)conn, (void)notices, (void)n;
}

/* Subscribes until it is refused, and gives how often that went well. */
static unsigned
fill(oro_conn_id conn, const char *format)
{
    struct oro_err err = {0};
    char text[200];
    unsigned n = 0;
    for (;; n++) {
        snprintf(text, sizeof(text), format, n);
        oro_status st = subscribe(conn, n, text, NULL, &err);
        if (st != ORO_OK) {
            cr_assert_eq(st, ORO_EFULL);
            cr_assert(strstr(err.text, "query.client_terms") != NULL, "%s", err.text);
            return n;
        }
        if (n == 1000)
            return n;
    }
}

Test(cost, a_client_weighs_no_more_than_allowed)
{
    subs = oro_subs_create(db.schema);
    oro_subs_limit(subs, 60, 5000);
    cr_assert_eq(fill(1, "SELECT * FROM unit WHERE level > %u AND level < 9"), 30);
    cr_assert_eq(fill(2, "SELECT * FROM unit WHERE id = %u AND kind = 1"), 60);
    cr_assert_eq(fill(3, "SELECT * FROM unit WHERE id = %u"), 1000, "found by a hash");
    cr_assert_eq(fill(4, "SELECT * FROM unit WHERE id = 1 AND level > %u"),
                 30);                                                 /* all at one value */
    cr_assert_eq(fill(5, "SELECT * FROM unit u%u WHERE id = 1"), 61); /* of many spellings */
    cr_assert_eq(fill(6, "SELECT * FROM unit u%u"), 60);
    unsubscribe(1, 0);
    cr_assert_eq(subscribe(1, 0, "SELECT * FROM unit WHERE level > 77 AND level < 9", NULL, NULL),
                 ORO_OK);
    cr_assert_eq(subscribe(1, 99, "SELECT * FROM unit", NULL, NULL), ORO_EFULL);
    oro_subs_drop(subs, 1);
    cr_assert_eq(subscribe(1, 99, "SELECT * FROM unit", NULL, NULL), ORO_OK);
    for (uint32_t i = 0; i < 30; i++)
        unsubscribe(4, i);
    cr_assert_eq(fill(4, "SELECT * FROM unit WHERE id = 1 AND level > %u"), 30);
    oro_subs_destroy(subs);
}

/* A query that many have counts once; who has little may always have it. */
Test(cost, all_clients_weigh_no_more_than_allowed)
{
    struct oro_err err = {0};
    char text[200];
    unsigned granted = 0;
    subs = oro_subs_create(db.schema);
    oro_subs_limit(subs, 64, 5000);
    oro_subs_limit_all(subs, 300);
    for (unsigned c = 1; c <= 50; c++) {
        for (unsigned i = 0; i < 30; i++) {
            snprintf(text, sizeof(text), "SELECT * FROM unit WHERE level > %u AND level < %u", c,
                     i);
            oro_status st = subscribe(c, i, text, NULL, &err);
            granted += st == ORO_OK;
            cr_assert(st == ORO_OK || strstr(err.text, "query.all_terms") != NULL, "%s", err.text);
            cr_assert(i > 0 || st == ORO_OK, "little is granted");
        }
    }
    cr_assert_leq(2 * granted, 300 + 50 * 2);
    for (unsigned c = 100; c < 110; c++)
        for (unsigned i = 0; i < 20; i++) /* those of client 1, word by word */ {
            snprintf(text, sizeof(text), "SELECT * FROM unit WHERE level > 1 AND level < %u", i);
            cr_assert_eq(subscribe(c, i, text, NULL, &err), ORO_OK, "%s", err.text);
        }
    for (unsigned c = 1; c <= 50; c++)
        oro_subs_drop(subs, c);
    for (unsigned i = 0; i < 30; i++) {
        snprintf(text, sizeof(text), "SELECT * FROM unit WHERE level > 9 AND level < %u", 100 + i);
        cr_assert_eq(subscribe(200, i, text, NULL, &err), ORO_OK, "what others had is given back");
    }
    oro_subs_destroy(subs);
}

Test(cost, a_commit_costs_what_clients_may_weigh)
{
    struct oro_subs_stats before, after;
    subs = oro_subs_create(db.schema);
    oro_subs_limit(subs, 60, 5000);
    for (oro_conn_id c = 1; c <= 10; c++)
        fill(c,
             "SELECT * FROM unit WHERE (level > %u OR lit = false) AND (level < 9 OR lit = true)");
    oro_subs_stats(subs, &before); /* found neither by a value nor by an interval */
    oro_subs_apply(subs, insert(ROWS, ROWS + 100), ignore, NULL);
    oro_subs_stats(subs, &after);
    cr_assert_eq(after.evaluated - before.evaluated, 100 * 60); /* terms; texts are shared */
    oro_subs_destroy(subs);
}

Test(cost, a_subscription_that_is_too_expensive_leaves_nothing)
{
    struct oro_budget budget = {.left = 10};
    struct oro_subs_stats stats;
    subs = oro_subs_create(db.schema);
    cr_assert_eq(subscribe(1, 1, "SELECT * FROM unit", &budget, NULL), ORO_EFULL);
    oro_subs_stats(subs, &stats);
    cr_assert_eq(stats.queries, 0);
    cr_assert_eq(stats.query_sets, 0);
    cr_assert_eq(subscribe(1, 1, "SELECT * FROM unit", NULL, NULL), ORO_OK);
    oro_subs_destroy(subs);
}
