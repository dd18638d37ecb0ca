/* The query language: what is accepted and means what, and the texts of what is refused (docs/semantics.md#queries). */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/subs/query.h"
#include "tests/subs/fixture.h"

static const char *const lines[] = {
    "player public id:u64:pk:auto name:string owner:identity:idx online:bool score:f64 level:i32 "
    "blob:bytes seen:time "
    "mark:opt_u32 tone:color big:u128 other:u64",
    "secret private id:u32:pk",
    "user public id:u32:pk",
    "blast event n:u32",
    NULL,
};

static struct oro_schema *schema;

static void
setup(void)
{
    schema = fixture_schema(lines);
}

static void
teardown(void)
{
    fixture_schema_free(schema);
}

TestSuite(query, .init = setup, .fini = teardown);

static struct oro_query *
parse(const char *text, enum oro_query_use use, struct oro_err *err)
{
    struct oro_query_env env = {.sender = fixture_identity(7)};
    struct oro_query *q = NULL;
    *err = (struct oro_err){0};
    oro_status st = oro_query_parse(schema, oro_bytes_str(text), use, &env, &q, err);
    cr_assert_eq(st == ORO_OK, q != NULL);
    return q;
}

/* player(1, "bob", owner 7, online, 1.5, -3, blob, 1700000000000000, none, Red, 2^127, 1) */
static void
make_row(struct oro_bb *row)
{
    struct oro_identity owner = fixture_identity(7);
    double score = 1.5;
    int64_t seen = 1700000000000000;
    oro_bb_u64(row, 1);
    put_string(row, "bob");
    oro_bb_put(row, owner.le, 32);
    oro_bb_u8(row, 1);
    oro_bb_put(row, &score, 8);
    oro_bb_u32(row, (uint32_t)-3);
    oro_bb_lenbytes(row, oro_bytes("\x01\xff", 2));
    oro_bb_put(row, &seen, 8);
    oro_bb_u8(row, 1);
    oro_bb_u8(row, 0);
    oro_bb_u64(row, 0);
    oro_bb_u64(row, 1ull << 63);
    oro_bb_u64(row, 1);
}

static bool
matches(const char *where)
{
    char text[2000];
    struct oro_err err;
    struct oro_bb row = {0};
    snprintf(text, sizeof(text), "SELECT * FROM player WHERE %s", where);
    struct oro_query *q = parse(text, ORO_QUERY_SUBSCRIBE, &err);
    cr_assert(q != NULL, "%s: %s", where, err.text);
    make_row(&row);
    bool yes = oro_query_matches(q, oro_bb_bytes(&row));
    oro_bb_fini(&row);
    oro_query_free(q);
    return yes;
}

Test(query, conditions_that_hold)
{
    static const char *const yes[] = {
        "id = 1",
        "1 = id",
        "\"player\".\"id\" = 1",
        "player.id = 1",
        "id <> 2",
        "id != 2",
        "id < 2",
        "2 > id",
        "id <= 1",
        "id >= 1",
        "id = 1e0",
        "id = 1.0",
        "id = +1",
        "(id) = (1)",
        "((id = 1))",
        "name = 'bob'",
        "name < 'bobo'",
        "name > 'bo'",
        "owner = :sender",
        ":sender = owner",
        "online",
        "online = true",
        "true",
        "false OR online",
        "score = 1.5",
        "score > 1",
        "score < 1e999",
        "level = -3",
        "level < 0",
        "level > - 4",
        "blob = X'01ff'",
        "blob = 0x01FF",
        "blob = '01ff'",
        "blob > X'01'",
        "blob < X'02'",
        "seen = '2023-11-14T22:13:20Z'",
        "seen > '2023-11-14 22:13:19+00:00'",
        "id = other",
        "id <= other",
        "owner = '0000000000000000000000000000000000000000000000000000000000000007'",
        "owner = 0x0000000000000000000000000000000000000000000000000000000000000007",
        "big = 170141183460469231731687303715884105728",
        "big > 170141183460469231731687303715884105727",
        "id = 2 OR id = 1 AND online",
        "(id = 2 OR id = 1) AND online",
        "id = 1 -- comment\n AND /* a /* b */ */ online",
        "id = 2 or id = 3 Or id = 1",
        "id == 1",
        "NOT id = 2",
        "NOT (id = 2 OR level > 0)",
        "not not online",
        "NOT (NOT (online) OR id <> 1) AND NOT false",
        "id = '1'",
        "id = '+1'",
        "score = '1.5'",
        "name > 1",
        "tone = 'Red'",
        "tone = 'red'",
        "tone < 'Green'",
        "tone = '{\"tag\":\"Red\"}'",
        "tone <> 'Green' AND tone = tone",
        "mark = NULL",
        "mark <> 5",
        "NOT mark = '5'",
        "mark = mark",
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(yes); i++)
        cr_expect(matches(yes[i]), "%s", yes[i]);
}

Test(query, conditions_that_do_not_hold)
{
    static const char *const no[] = {
        "id = 2",
        "id > 1",
        "id <> 1",
        "name = 'Bob'",
        "name = ''",
        "online = false",
        "false",
        "score < 1.5",
        "level > 0",
        "blob = X''",
        "seen < '2001-01-01T00:00:00Z'",
        "id <> other",
        "big = 0",
        "id = 1 AND online = false",
        "owner <> :sender",
        "(id = 1 OR online) AND level = 3",
        "NOT online",
        "NOT (id = 1 AND online)",
        "NOT score > 1",
        "name = 1e1",
        "tone = 'Green'",
        "mark <> NULL",
        "mark = 5",
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(no); i++)
        cr_expect_not(matches(no[i]), "%s", no[i]);
}

Test(query, floats_have_a_total_order)
{
    struct oro_err err;
    static const char *const texts[] = {"SELECT * FROM player WHERE score > 1e308",
                                        "SELECT * FROM player WHERE score = 0"};
    double values[] = {__builtin_nan(""), -0.0};
    for (size_t i = 0; i < 2; i++) {
        struct oro_query *q = parse(texts[i], ORO_QUERY_SUBSCRIBE, &err);
        struct oro_bb row = {0};
        make_row(&row);
        memcpy(row.data + 8 + 7 + 32 + 1, &values[i], 8);
        cr_expect(oro_query_matches(q, oro_bb_bytes(&row)));
        oro_bb_fini(&row);
        oro_query_free(q);
    }
}

static void
expect_error(const char *text, enum oro_query_use use, const char *want)
{
    struct oro_err err;
    struct oro_query *q = parse(text, use, &err);
    cr_expect_null(q, "accepted: %s", text);
    cr_expect(strncmp(err.text, want, strlen(want)) == 0, "%s\n  gave %s\n  want %s", text,
              err.text, want);
    oro_query_free(q);
}

Test(query, refused_everywhere)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "Empty SQL query"},
        {" ; ", "Empty SQL query"},
        {"-- nothing", "Empty SQL query"},
        {"SELECT * FROM nosuch",
         "no such table: `nosuch`. If the table exists, it may be marked private."},
        {"SELECT * FROM secret",
         "no such table: `secret`. If the table exists, it may be marked private."},
        {"SELECT * FROM PLAYER", "no such table: `PLAYER`."},
        {"SELECT 1", "A FROM clause is required"},
        {"SELECT *", "A FROM clause is required"},
        {"SELECT 1 FROM player", "Unsupported projection expression: 1"},
        {"SELECT id + 1 FROM player", "Unsupported projection expression: id + 1"},
        {"SELECT DISTINCT id FROM player", "Unsupported SELECT: DISTINCT"},
        {"SELECT * FROM player ORDER BY id", "Unsupported: ORDER BY"},
        {"SELECT * FROM player GROUP BY id", "Unsupported SELECT: GROUP BY"},
        {"SELECT * FROM player HAVING id = 1", "Unsupported SELECT: HAVING"},
        {"SELECT * FROM player OFFSET 1", "Unsupported: OFFSET"},
        {"SELECT * FROM player UNION SELECT * FROM user", "Unsupported set operation: UNION"},
        {"WITH x AS (SELECT 1) SELECT * FROM x", "Unsupported: WITH"},
        {"SELECT * FROM (SELECT * FROM player)", "Unsupported: subqueries"},
        {"CREATE TABLE x (a int)", "Unsupported: CREATE"},
        {"EXPLAIN SELECT 1", "Unsupported: EXPLAIN"},
        {"SELECT * FROM player, user", "Implicit joins are not supported"},
        {"SELECT * FROM player JOIN user ON player.id = user.id",
         "SELECT * is not supported for joins"},
        {"SELECT p.* FROM player p LEFT JOIN user", "Non-inner joins are not supported"},
        {"SELECT player.*, id FROM player", "Mixed wildcard projections are not supported"},
        {"SELECT u.* FROM player", "`u` is not in scope"},
        {"SELECT * FROM player WHERE nosuch = 1", "`nosuch` is not in scope"},
        {"SELECT * FROM player p WHERE player.id = 1", "`player` is not in scope"},
        {"SELECT * FROM player WHERE id = 'x'",
         "The literal expression `'x'` cannot be parsed as type `U64`"},
        {"SELECT * FROM player WHERE level = 3000000000",
         "The literal expression `3000000000` cannot be parsed as type `I32`"},
        {"SELECT * FROM player WHERE id = 1.5",
         "The literal expression `1.5` cannot be parsed as type `U64`"},
        {"SELECT * FROM player WHERE tone = 'Blue'",
         "The literal expression `'Blue'` cannot be parsed as type"},
        {"SELECT * FROM player WHERE level = 'NaN'",
         "The literal expression `'NaN'` cannot be parsed as type `I32`"},
        {"SELECT * FROM player WHERE score = 'inf'",
         "The literal expression `'inf'` cannot be parsed as type `F64`"},
        {"SELECT * FROM player WHERE NOT", "syntax error: expected a condition"},
        {"SELECT * FROM player WHERE id = name",
         "Unexpected type: (expected) U64 != String (inferred)"},
        {"SELECT * FROM player WHERE id", "Unexpected type: (expected) Bool != U64 (inferred)"},
        {"SELECT * FROM player WHERE 1 = 1", "Cannot resolve type for literal expression"},
        {"SELECT * FROM player WHERE id = :sender",
         "The literal expression `:sender` cannot be parsed as type `U64`"},
        {"SELECT * FROM player WHERE id = :me", "Unsupported expression: :me"},
        {"SELECT * FROM player WHERE id = $1", "Unsupported expression: $1"},
        {"SELECT * FROM player WHERE id = ?", "Unsupported expression: ?"},
        {"SELECT * FROM player WHERE blob = B'01'", "Unsupported literal expression: B'01'"},
        {"SELECT * FROM player WHERE id + 1 = 2", "Unsupported binary operator: +"},
        {"SELECT * FROM player WHERE id IN (1, 2)", "Unsupported expression: id IN"},
        {"SELECT * FROM player WHERE name LIKE 'b%'", "Unsupported expression: name LIKE"},
        {"SELECT * FROM player WHERE mark IS NULL", "Unsupported expression: mark IS"},
        {"SELECT * FROM player WHERE abs(level) = 3", "Unsupported expression: abs(level)"},
        {"SELECT * FROM player WHERE (id = 1) = online",
         "Unsupported expression: (id = 1) = online"},
        {"SELECT * FROM player WHERE id = 1 = true",
         "syntax error: expected the end of the query, found `=`"},
        {"SELECT * FROM player WHERE",
         "syntax error: expected a condition, found the end of the query"},
        {"SELECT * FROM player WHERE (id = 1", "syntax error: expected `)`"},
        {"SELECT * FROM player WHERE name = 'x",
         "syntax error: the quote at position 35 does not end"},
        {"SELECT * FROM player /* x", "syntax error: the comment at position 22 does not end"},
        {"SELECT * FROM player; SELECT * FROM user", "Multiple SQL statements are not supported"},
        {"SELECT * FROM player p x", "syntax error: expected the end of the query, found `x`"},
        {"HELLO", "syntax error: expected a statement, found `HELLO`"},
        {"SELECT * FROM player WHERE blob = X'0g'", "syntax error: not a hexadecimal digit"},
        {"SELECT * FROM player WHERE blob = X'012'",
         "The literal expression `X'012'` cannot be parsed"},
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(cases); i++) {
        expect_error(cases[i].text, ORO_QUERY_SUBSCRIBE, cases[i].error);
        expect_error(cases[i].text, ORO_QUERY_SQL, cases[i].error);
    }
}

Test(query, refused_in_subscriptions_only)
{
    static const char projection[] = "Column projections are not supported in subscriptions; "
                                     "Subscriptions must return a table type";
    expect_error("SELECT id FROM player", ORO_QUERY_SUBSCRIBE, projection);
    expect_error("SELECT COUNT(*) AS n FROM player", ORO_QUERY_ONE_OFF, projection);
    expect_error("SELECT * FROM player LIMIT 1", ORO_QUERY_ONE_OFF, "Unsupported: LIMIT");
    expect_error("INSERT INTO player VALUES (1)", ORO_QUERY_SUBSCRIBE,
                 "Unsupported: Non-SELECT queries");
    expect_error("delete from player", ORO_QUERY_ONE_OFF, "Unsupported: Non-SELECT queries");
}

Test(query, refused_in_sql)
{
    expect_error("SELECT COUNT(*) FROM player", ORO_QUERY_SQL,
                 "Aggregate expressions must have column aliases");
    expect_error("SELECT SUM(id) AS n FROM player", ORO_QUERY_SQL,
                 "Unsupported aggregate function: SUM");
    expect_error("SELECT id, id FROM player", ORO_QUERY_SQL, "Duplicate name `id`");
    expect_error("SELECT id AS a, level AS a FROM player", ORO_QUERY_SQL, "Duplicate name `a`");
    expect_error("SELECT * FROM player LIMIT x", ORO_QUERY_SQL, "Unsupported LIMIT expression: x");
    expect_error("SELECT * FROM player LIMIT 1.5", ORO_QUERY_SQL,
                 "Unsupported LIMIT expression: 1.5");
}

Test(query, websocket_errors_quote_the_query)
{
    struct oro_err err;
    cr_assert_null(parse("SELECT * FROM x", ORO_QUERY_SUBSCRIBE, &err));
    cr_assert_str_eq(err.text, "no such table: `x`. If the table exists, it may be marked "
                               "private., executing: `SELECT * FROM x`\n"
                               "SELECT * FROM x\n"
                               "              ^");
    cr_assert_null(parse("SELECT * FROM x", ORO_QUERY_SQL, &err));
    cr_assert_str_eq(err.text,
                     "no such table: `x`. If the table exists, it may be marked private.\n"
                     "SELECT * FROM x\n"
                     "              ^");
}

Test(query, errors_point_at_their_place)
{
    static const struct {
        const char *text;
        int at;
    } cases[] = {{"SELECT * FROM player WHERE nosuch = 1", 27},
                 {"SELECT * FROM player WHERE player.nosuch = 1", 34},
                 {"SELECT * FROM player WHERE x.id = 1", 27},
                 {"SELECT * FROM player WHERE id = 'x'", 32},
                 {"SELECT * FROM player WHERE id = = 1", 32},
                 {"SELECT * FRM player", 9},
                 {"SELECT id FROM player ORDER BY id", 22},
                 {"SELECT u.* FROM player", 7}};
    for (size_t i = 0; i < ORO_ARRAY_LEN(cases); i++) {
        struct oro_err err;
        char want[128];
        cr_assert_null(parse(cases[i].text, ORO_QUERY_SQL, &err));
        snprintf(want, sizeof(want), "\n%s\n%*s^", cases[i].text, cases[i].at, "");
        const char *place = strchr(err.text, '\n');
        cr_assert(place != NULL && strcmp(place, want) == 0, "%s: %s", cases[i].text, err.text);
    }
}

Test(query, owner_sees_private_tables)
{
    struct oro_query_env env = {.is_owner = true};
    struct oro_query *q;
    struct oro_err err;
    cr_assert_eq(oro_query_parse(schema, oro_bytes_str("select * from secret"), ORO_QUERY_SUBSCRIBE,
                                 &env, &q, &err),
                 ORO_OK);
    cr_assert_str_eq(oro_query_table(q)->name, "secret");
    oro_query_free(q);
}

Test(query, limits)
{
    struct oro_err err;
    char *text = malloc(60000);
    /* A long chain is no nesting. */
    strcpy(text, "SELECT * FROM player WHERE id = 0");
    while (strlen(text) < 49900)
        strcat(text, " OR id = 1");
    struct oro_query *q = parse(text, ORO_QUERY_SUBSCRIBE, &err);
    cr_assert(q != NULL, "%s", err.text);
    oro_query_free(q);
    strcpy(text, "SELECT * FROM player WHERE ");
    memset(text + 27, '(', 40000);
    text[40027] = '\0';
    cr_assert_null(parse(text, ORO_QUERY_SUBSCRIBE, &err));
    cr_assert(strncmp(err.text, "Recursion limit exceeded, `", 27) == 0, "%s", err.text);
    memset(text, ' ', 50001);
    text[50001] = '\0';
    cr_assert_null(parse(text, ORO_QUERY_SUBSCRIBE, &err));
    cr_assert(strncmp(err.text, "SQL query exceeds maximum allowed length: ", 42) == 0, "%s",
              err.text);
    free(text);
}

Test(query, equality_column_for_live_queries)
{
    struct oro_err err;
    struct oro_bytes v;
    static const struct {
        const char *where;
        int col;
        size_t len;
    } cases[] = {
        {"owner = :sender", 2, 32},
        {"online AND owner = :sender", 2, 32},
        {"owner = :sender AND online", 2, 32},
        {"online", 3, 1},
        {"id > 1", -1, 0},
        {"id = 1 OR id = 2", -1, 0},
        {"(id = 5 AND level > 2)", 0, 8},
        {"score = 1", -1, 0},
        {"name = 'bob'", 1, 7},
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(cases); i++) {
        char text[200];
        snprintf(text, sizeof(text), "SELECT * FROM player WHERE %s", cases[i].where);
        struct oro_query *q = parse(text, ORO_QUERY_SUBSCRIBE, &err);
        cr_assert(q != NULL, "%s", err.text);
        cr_expect_eq(oro_query_eq_column(q, &v), cases[i].col, "%s", cases[i].where);
        if (cases[i].col >= 0)
            cr_expect_eq(v.len, cases[i].len, "%s", cases[i].where);
        cr_expect_eq(oro_query_uses_sender(q), strstr(text, ":sender") != NULL);
        oro_query_free(q);
    }
}

Test(query, spellings_of_a_select)
{
    static const char *const texts[] = {
        "SELECT * FROM player",
        "select * from player;",
        "SELECT player.* FROM player",
        "SELECT p.* FROM player p",
        "SELECT p.* FROM player AS p WHERE p.id = 1",
        "SELECT * FROM \"player\"",
        "SELECT \"player\".* FROM \"player\"",
        "  SELECT\t*\nFROM player  ;; ",
        "SELECT \"p\".* FROM player AS \"p\" WHERE \"p\".\"online\"",
    };
    struct oro_err err;
    for (size_t i = 0; i < ORO_ARRAY_LEN(texts); i++) {
        struct oro_query *q = parse(texts[i], ORO_QUERY_SUBSCRIBE, &err);
        cr_expect(q != NULL, "%s: %s", texts[i], err.text);
        if (q != NULL)
            cr_expect_str_eq(oro_query_table(q)->name, "player");
        oro_query_free(q);
    }
}

/* Any cut or changed byte is an answer, never a crash (the sanitizers watch). */
Test(query, broken_texts)
{
    static const char text[] =
        "SELECT p.* FROM \"player\" AS p WHERE (p.id >= 1e1 OR name = 'it''s') AND :sender = owner "
        "AND blob <> X'00ff' /* c */ AND (seen) < '2023-11-14T22:13:20Z' -- end";
    struct oro_err err;
    char copy[sizeof(text)];
    for (size_t n = 0; n < sizeof(text); n++) {
        memcpy(copy, text, n);
        copy[n] = '\0';
        oro_query_free(parse(copy, ORO_QUERY_SQL, &err));
    }
    static const char odd[] = "'\"();,.*=<>:$?\\\x01\xff-+/0xX";
    for (size_t n = 0; n + 1 < sizeof(text); n++) {
        for (size_t k = 0; k + 1 < sizeof(odd); k++) {
            memcpy(copy, text, sizeof(text));
            copy[n] = odd[k];
            oro_query_free(parse(copy, ORO_QUERY_SUBSCRIBE, &err));
        }
    }
}

Test(query, type_errors_have_a_caret)
{
    struct oro_err err;
    cr_assert_null(parse("SELECT * FROM player WHERE id = 1 AND level = 'x'", ORO_QUERY_SQL, &err));
    cr_assert_str_eq(err.text, "The literal expression `'x'` cannot be parsed as type `I32`\n"
                               "SELECT * FROM player WHERE id = 1 AND level = 'x'\n"
                               "                                              ^");
    cr_assert_null(parse("SELECT * FROM player\nWHERE id = name", ORO_QUERY_SUBSCRIBE, &err));
    cr_assert_str_eq(err.text, "Unexpected type: (expected) U64 != String (inferred), executing: "
                               "`SELECT * FROM player\nWHERE id = name`\n"
                               "WHERE id = name\n"
                               "      ^");
    cr_assert_null(parse("SELECT * FROM player WHERE level = '\u00fc'", ORO_QUERY_SQL, &err));
    cr_assert_null(strchr(err.text, '\n'), "what cannot be aligned is not shown");
}
