/* What SQL says of each type, which rows are looked at for it, and what it refuses. */
#include "tests/sql/ask.h"

#define EQ(sql, want) \
    cr_expect_str_eq(rows_of(&a, sql), want, "%s\n  got %s", sql, rows_of(&a, sql))

static const char *const all_lines[] = {
    "every public id:u32:pk b:bool i8:i8 u8:u8 i64:i64:idx u64:u64:idx i128:i128:idx u128:u128:idx "
    "i256:i256 "
    "u256:u256:idx f32:f32:idx f64:f64:idx s:string:idx",
    "special public id:u32:pk who:identity:idx conn:conn:idx at:time:idx span:span uuid:uuid:idx "
    "color:color3:idx "
    "opt:opt_u32:idx name:opt_string raw:bytes:idx list:list_u16 pair:pair",
    "secret private id:u32:pk owner:identity",
    NULL,
};

static struct asked
open_all(void)
{
    static const char *const every[] = {
        "[1,true,-5,200,-9223372036854775808,0,\"-5\",5,\"-0x10\",\"0x10\",1.5,1e300,\"b\"]",
        ("[2,false,127,0,9223372036854775807,9223372036854775807,"
         "170141183460469231731687303715884105727,"
         "340282366920938463463374607431768211455,\"0x1\","
         "\"0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\",0.1,-0.5,\"a\"]"),
        ("[3,true,0,1,0,18446744073709551615,-170141183460469231731687303715884105728,"
         "18446744073709551616,\"0x0\",\"0x0\",-1,0,\"it's\"]"),
        "[4,true,1,2,5,9223372036854775808,0,0,\"0x2\",\"0x2\",3.25,2.5,\"\"]",
    };
    static const char *const special[] = {
        ("[1,[\"0xc200000000000000000000000000000000000000000000000000000000000007\"],[7],["
         "1700000000000000],[1500],"
         "[338958372025759790396521755767219228175],[1,[]],[0,5],[0,\"x\"],\"0aff\",[1,2],[9,\"q\"]"
         "]"),
        "[2,[\"0x7\"],[0],[0],[-1],[1],[0,[]],[1,[]],[1,[]],\"\",[],[0,\"\"]]",
        ("[3,[\"0x8\"],[255],[-5],[0],[2],[2,[]],[0,4000000000],[0,\"\"],\"0aff00\",[65535],[255,"
         "\"\\\"\"]]"),
    };
    struct asked a = ask_open(all_lines);
    const char *rows[4];
    memcpy(rows, every, sizeof(rows));
    rows[0] = "[1,true,-5,200,-9223372036854775808,0,-5,5,\"-0x10\",\"0x10\",1.5,1e300,\"b\"]";
    put_rows(&a, "every", rows, 4);
    put_rows(&a, "special", special, 3);
    static const char *const secret[] = {"[1,[\"0x7\"]]"};
    put_rows(&a, "secret", secret, 1);
    return a;
}

Test(sql, each_type_comes_out_as_over_the_wire)
{
    struct asked a = open_all();
    EQ("SELECT e.* FROM every e JOIN special s ON s.id = e.id WHERE e.id = 2",
       "[[2,false,127,0,9223372036854775807,9223372036854775807,"
       "170141183460469231731687303715884105727,"
       "340282366920938463463374607431768211455,\"0x1\","
       "\"0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\",0.1,-0.5,\"a\"]]");
    EQ("SELECT * FROM every WHERE id IN (3)",
       "[[3,true,0,1,0,18446744073709551615,-170141183460469231731687303715884105728,"
       "18446744073709551616,"
       "\"0x0\",\"0x0\",-1.0,0.0,\"it's\"]]");
    EQ("SELECT * FROM special WHERE id = 1 ORDER BY id",
       "[[1,[\"0xc200000000000000000000000000000000000000000000000000000000000007\"],[7],"
       "[1700000000000000],[1500],[338958372025759790396521755767219228175],[1,[]],[0,5],[0,\"x\"],"
       "\"0aff\",[1,2],[9,\"q\"]]]");
    EQ("SELECT * FROM special WHERE id = 2 ORDER BY id",
       "[[2,[\"0x7\"],[0],[0],[-1],[1],[0,[]],[1,[]],[1,[]],\"\",[],[0,\"\"]]]");
    ask_close(&a);
}

Test(sql, each_type_is_ordered_by_value)
{
    struct asked a = open_all();
    static const struct {
        const char *column, *ids;
    } every[] =
        {
            {"b", "[[2],[1],[3],[4]]"},    {"i64", "[[1],[3],[4],[2]]"},
            {"u64", "[[1],[2],[4],[3]]"},  {"i128", "[[3],[1],[4],[2]]"},
            {"u128", "[[4],[1],[3],[2]]"}, {"i256", "[[1],[3],[2],[4]]"},
            {"u256", "[[3],[4],[1],[2]]"}, {"f32", "[[3],[2],[1],[4]]"},
            {"f64", "[[2],[3],[4],[1]]"},  {"s", "[[4],[2],[1],[3]]"},
        },
      special[] = {
          {"who", "[[2],[3],[1]]"},  {"conn", "[[2],[1],[3]]"},  {"at", "[[3],[2],[1]]"},
          {"uuid", "[[2],[3],[1]]"}, {"color", "[[2],[1],[3]]"}, {"opt", "[[2],[1],[3]]"},
          {"raw", "[[2],[1],[3]]"},
      };
    char sql[200], by[40];
    for (size_t i = 0; i < ORO_ARRAY_LEN(every) + ORO_ARRAY_LEN(special); i++) {
        bool first = i < ORO_ARRAY_LEN(every);
        const char *column = first ? every[i].column : special[i - ORO_ARRAY_LEN(every)].column;
        const char *ids = first ? every[i].ids : special[i - ORO_ARRAY_LEN(every)].ids;
        const char *table = first ? "every" : "special";
        snprintf(by, sizeof(by), "%s, id", column);
        snprintf(sql, sizeof(sql), "SELECT id FROM %s ORDER BY %s", table, by);
        EQ(sql, ids);
        /* By SQLite's sorter, and by our index. */
        snprintf(sql, sizeof(sql), "SELECT id FROM %s ORDER BY %s", table, column);
        if (strcmp(column, "b") != 0)
            EQ(sql, ids);
        snprintf(sql, sizeof(sql),
                 "SELECT id FROM (SELECT id, %s AS v FROM %s LIMIT 100) ORDER BY v, id", column,
                 table);
        EQ(sql, ids);
    }
    EQ("SELECT id FROM every ORDER BY u64 DESC LIMIT 2", "[[3],[4]]");
    EQ("SELECT id FROM special ORDER BY color DESC", "[[3],[1],[2]]");
    ask_close(&a);
}

Test(sql, each_form_of_a_literal_is_understood)
{
    struct asked a = open_all();
    static const char *const conditions[][2] = {
        {"u64 = 18446744073709551615", "[[3]]"},
        {"18446744073709551615 = u64 AND +id > 0", "[[3]]"},
        {"u64 >= 9223372036854775808 AND id IN (1,2,3,4) ORDER BY u64", "[[4],[3]]"},
        {"u64 > 9223372036854775807 AND NOT id = 9", "[[4],[3]]"},
        {"u64 > 9223372036854775808 OR id = 99", "[[3]]"},
        {"u64 = '18446744073709551615' AND id+0 = 3", "[[3]]"},
        {"u64 = 0xffffffffffffffff OR id+0 < 0", "[[3]]"},
        {"u64 BETWEEN 1 AND 9223372036854775808", "[[2],[4]]"},
        {"u128 = 18446744073709551616 OR false", "[[3]]"},
        {"u128 = 340282366920938463463374607431768211455 OR false", "[[2]]"},
        {"u128 = 5 OR false", "[[1]]"},
        {"u128 = '5' OR false", "[[1]]"},
        {"u128 < 6 AND u128 > 0", "[[1]]"},
        {"i128 < 0 ORDER BY i128", "[[3],[1]]"},
        {"i128 IN (-5, 170141183460469231731687303715884105727)", "[[1],[2]]"},
        {"u256 = 0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff OR false",
         "[[2]]"},
        {"f32 = 0.1 OR false", "[[2]]"},
        {"f32 IN (0.1, 3.25)", "[[2],[4]]"},
        {"f64 > 2.5 OR false", "[[1]]"},
        {"s = 'it''s' OR false", "[[3]]"},
        {"b = true AND id <> 1 ORDER BY id", "[[3],[4]]"},
        {"i8 IN (-5, 0) ORDER BY id", "[[1],[3]]"},
        {"i64 > 4.5 ORDER BY id", "[[2],[4]]"},
        {"u8 < 1000 AND u8 > 1.5 ORDER BY id", "[[1],[4]]"},
    };
    static const char *const special[][2] = {
        {"who = 0xc200000000000000000000000000000000000000000000000000000000000007 OR false",
         "[[1]]"},
        {"who = 'c200000000000000000000000000000000000000000000000000000000000007' OR false",
         "[[1]]"},
        {"who = '0xC200000000000000000000000000000000000000000000000000000000000007' OR false",
         "[[1]]"},
        {"who IN (X'c200000000000000000000000000000000000000000000000000000000000007')", "[[1]]"},
        {"who = :sender OR false", "[[2]]"},
        {":sender = who OR false", "[[2]]"},
        {"conn IN (0x000000000000000000000000000000ff)", "[[3]]"},
        {"at > '2023-01-01T00:00:00Z' OR false", "[[1]]"},
        {"at BETWEEN '1969-12-31T23:59:59Z' AND '1970-01-01T00:00:00Z' ORDER BY id", "[[2],[3]]"},
        {"at = 0 OR false", "[[2]]"},
        {"uuid = 'ff010203-0405-0607-0809-0a0b0c0d0e0f' OR false", "[[1]]"},
        {"uuid IN ('FF010203-0405-0607-0809-0A0B0C0D0E0F')", "[[1]]"},
        {"color = 'Green' OR false", "[[1]]"},
        {"color > 'Red' ORDER BY id", "[[1],[3]]"},
        {"opt = 5 OR false", "[[1]]"},
        {"opt IS NULL", "[[2]]"},
        {"opt IS NOT NULL ORDER BY opt", "[[1],[3]]"},
        {"name = 'x' OR false", "[[1]]"},
        {"raw = X'0aff' OR false", "[[1]]"},
        {"raw = 0x0aff OR false", "[[1]]"},
        {"raw >= X'0aff' ORDER BY raw DESC", "[[3],[1]]"},
        {"list ->> '$[0]' = 65535", "[[3]]"},
        {"json_extract(pair, '$.y') = 'q'", "[[1]]"},
    };
    char sql[300];
    for (size_t i = 0; i < ORO_ARRAY_LEN(conditions); i++) {
        snprintf(sql, sizeof(sql), "SELECT id FROM every WHERE %s", conditions[i][0]);
        EQ(sql, conditions[i][1]);
    }
    for (size_t i = 0; i < ORO_ARRAY_LEN(special); i++) {
        snprintf(sql, sizeof(sql), "SELECT id FROM special WHERE %s", special[i][0]);
        EQ(sql, special[i][1]);
    }
    ask_close(&a);
}

Test(sql, what_is_no_column_is_plain)
{
    struct asked a = open_all();
    EQ("SELECT count(*) FROM every", "[[4]]");
    EQ("WITH t AS (SELECT * FROM every) SELECT count(*) FROM t, (SELECT 1)", "[[4]]");
    EQ("SELECT max(i64), min(f64), max(s), max(raw) FROM every, special",
       "[[9223372036854775807,-0.5,\"it's\",\"0aff00\"]]");
    EQ("SELECT e.id, s.color FROM every e LEFT JOIN special s ON s.id = e.id WHERE e.id > 2",
       "[[3,[2,[]]],[4,null]]");
    EQ("SELECT NULL, 1.0, 9e999, CAST(X'ff' AS TEXT)", "[[null,1.0,null,\"ff\"]]");
    EQ("WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 4) SELECT "
       "sum(i) FROM n",
       "[[10]]");
    EQ("SELECT id, row_number() OVER (ORDER BY s) FROM every ORDER BY id",
       "[[1,3],[2,2],[3,4],[4,1]]");
    EQ("SELECT value FROM special, json_each(list) WHERE special.id = 1", "[[1],[2]]");
    EQ("SELECT color, who FROM special WHERE id = 2 UNION SELECT s, id FROM every WHERE id = 1",
       "[[[0,[]],[\"0x7\"]],[\"b\",1]]");
    EQ("SELECT 1; SELECT 2", "[[1]]");
    cr_assert_not_null(strstr((char *)a.out.data + strlen((char *)a.out.data) + 1, "[[2]]"));
    ask_close(&a);
}

Test(sql, the_schema_names_the_types)
{
    struct asked a = open_all();
    cr_assert_eq(ask(&a, "SELECT s.who AS w, s.color, s.opt, e.u64, count(*) AS n, 1.5, 'x' FROM "
                         "special s JOIN every e USING (id) WHERE id = 1"),
                 ORO_OK);
    const char *want =
        "[{\"schema\":{\"elements\":["
        "{\"name\":{\"some\":\"w\"},\"algebraic_type\":{\"Product\":{\"elements\":[{\"name\":{"
        "\"some\":\"__identity__\"},\"algebraic_type\":{\"U256\":[]}}]}}},";
    cr_assert_eq(strncmp((char *)a.out.data, want, strlen(want)), 0, "%s", (char *)a.out.data);
    ask_close(&a);
}

#define REFUSED(sql, st, words)                                                          \
    do {                                                                                 \
        cr_expect_eq(ask(&a, sql), st, "%s: %s", sql, a.err.text);                       \
        cr_expect_not_null(strstr(a.err.text, words), "%s\n  said %s", sql, a.err.text); \
    } while (0)

Test(sql, errors_name_the_place)
{
    struct asked a = open_all();
    REFUSED("SELECT nope FROM every", ORO_EMALFORMED,
            "no such column: nope, at position 8:\nSELECT nope FROM every\n       ^");
    REFUSED("SELECT 1 FORM every", ORO_EMALFORMED, "syntax error");
    REFUSED("SELECT * FROM every\nWHERE id ==== 5", ORO_EMALFORMED,
            "\nWHERE id ==== 5\n           ^");
    REFUSED("SELECT s FROM every WHERE u64 = 18446744073709551615 AND nope = 1", ORO_EMALFORMED,
            "no such column: nope, at position 58");
    REFUSED("SELECT id FROM special WHERE who = 'nobody' OR false", ORO_EMALFORMED,
            "The literal expression `'nobody'` cannot be parsed as type");
    REFUSED("SELECT id FROM special WHERE color = 'Purple' OR false", ORO_EMALFORMED,
            "\n                                     ^");
    REFUSED("SELECT * FROM nobody", ORO_EMALFORMED,
            "no such table: `nobody`. If the table exists, it may be marked private.");
    REFUSED("", ORO_EMALFORMED, "empty");
    static const char *const numbers[] = {"''",  "'-'",  "'.'",   "'1e'", "'1e+'",
                                          "'x'", "'1 '", "'1.5'", "X''",  "0x"};
    for (size_t i = 0; i < ORO_ARRAY_LEN(numbers); i++) {
        char sql[100];
        snprintf(sql, sizeof(sql), "SELECT id FROM every WHERE u128 = %s OR false", numbers[i]);
        if (i != 8) /* X'' is 0, as 0x0 is */
            cr_expect_eq(ask(&a, sql), ORO_EMALFORMED, "%s", sql);
    }
    REFUSED("-- only this", ORO_EMALFORMED, "empty");
    REFUSED("SELECT \"nope\" FROM every", ORO_EMALFORMED, "nope");
    ask_close(&a);
}

Test(sql, only_reading_is_possible)
{
    struct asked a = open_all();
    static const char *const refused[] = {
        "CREATE TABLE t(a)",
        "CREATE TEMP TABLE t(a)",
        "CREATE VIEW v AS SELECT 1",
        "DROP TABLE every",
        "ATTACH '/tmp/x' AS x",
        "DETACH main",
        "PRAGMA table_info(every)",
        "PRAGMA temp_store = 1",
        "SELECT * FROM pragma_table_info('every')",
        "SELECT * FROM sqlite_master",
        "SELECT * FROM sqlite_schema",
        "SELECT * FROM sqlite_dbpage",
        "SELECT * FROM dbstat",
        "SELECT * FROM sqlite_stmt",
        "SELECT load_extension('x')",
        "SELECT fts3_tokenizer('simple')",
        "INSERT INTO every VALUES (1)",
        "DELETE FROM every",
        "UPDATE every SET id = 1",
        "BEGIN",
        "COMMIT",
        "SAVEPOINT x",
        "VACUUM",
        "VACUUM INTO '/tmp/x'",
        "ANALYZE",
        "REINDEX",
        "ALTER TABLE every RENAME TO x",
        "CREATE VIRTUAL TABLE t USING fts5(a)",
        "SELECT rowid FROM every",
        "SELECT _rowid_ FROM every",
        "SELECT oid FROM every ORDER BY oid",
        "SELECT * FROM pragma_database_list",
        "SELECT * FROM fts3tokenize",
        "SELECT * FROM temp.sqlite_master",
        "SELECT count(*) FROM sqlite_master",
        "SELECT count(*) FROM pragma_database_list",
        "SELECT count(*) FROM sqlite_dbpage",
        "SELECT count(*) FROM dbstat",
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(refused); i++)
        cr_expect_eq(ask(&a, refused[i]), ORO_EMALFORMED, "%s", refused[i]);
    EQ("SELECT count(*) FROM every", "[[4]]");
    ask_close(&a);
}

Test(sql, private_tables_are_not_there_for_strangers)
{
    struct asked a = open_all();
    EQ("SELECT count(*) FROM secret", "[[1]]");
    a.ask.is_owner = false;
    static const char *const asked[] = {
        "SELECT count(*) FROM secret", "SELECT nope FROM secret",
        "SELECT owner FROM secret",    "SELECT * FROM every, secret",
        "SELECT * FROM SECRET",        "SELECT 1 WHERE EXISTS (SELECT 1 FROM secret)"};
    for (size_t i = 0; i < ORO_ARRAY_LEN(asked); i++)
        REFUSED(asked[i], ORO_EMALFORMED, "If the table exists, it may be marked private.");
    REFUSED("SELECT every.nope, secret.id FROM every", ORO_EMALFORMED, "no such column");
    a.ask.is_owner = true;
    EQ("SELECT count(*) FROM secret", "[[1]]");
    ask_close(&a);
}

/* ---- what is looked at ---- */

static const char *const large_lines[] = {
    "p public id:u64:pk n:u32:idx name:string:unique h:u32:hash index(n,name)",
    "q public id:u64:pk p:u64:idx t:time:idx",
    NULL,
};

static struct asked
open_large(void)
{
    struct asked a = ask_open(large_lines);
    char text[2000][80];
    const char *rows[2000];
    for (unsigned i = 0; i < 2000; i++) {
        snprintf(text[i], sizeof(text[i]), "[%u,%u,\"name%04u\",%u]", i, i / 10, i, i % 50);
        rows[i] = text[i];
    }
    put_rows(&a, "p", rows, 2000);
    for (unsigned i = 0; i < 2000; i++)
        snprintf(text[i], sizeof(text[i]), "[%u,%u,[%u]]", i, i / 2, i * 1000);
    put_rows(&a, "q", rows, 2000);
    return a;
}

/* At most so many rows are looked at: rows come in batches of 8, 32, 128. */
#define LOOKS_AT(sql, most)                                            \
    do {                                                               \
        a.ask.rows = 0;                                                \
        cr_expect_eq(ask(&a, sql), ORO_OK, "%s: %s", sql, a.err.text); \
        cr_expect_leq(a.ask.rows, most, "%s looked at %llu rows", sql, \
                      (unsigned long long)a.ask.rows);                 \
    } while (0)

Test(sql, indexes_are_used)
{
    struct asked a = open_large();
    LOOKS_AT("SELECT * FROM p WHERE id = 77", 1);
    LOOKS_AT("SELECT * FROM p WHERE id = 77.0", 1);
    LOOKS_AT("SELECT * FROM p WHERE id = 77.5 OR id = 3", 1);
    LOOKS_AT("SELECT * FROM p WHERE id = -1", 0);
    LOOKS_AT("SELECT * FROM p WHERE id IN (1, 5, 9, 5000)", 3);
    LOOKS_AT("SELECT * FROM p WHERE id = 3 OR name = 'name0009'", 2);
    LOOKS_AT("SELECT * FROM p WHERE h = 7", 40);
    LOOKS_AT("SELECT * FROM p WHERE n = 7", 10);
    LOOKS_AT("SELECT * FROM p WHERE n = 7 AND name > 'name0075'", 4);
    LOOKS_AT("SELECT * FROM p WHERE n BETWEEN 10 AND 12", 30);
    LOOKS_AT("SELECT * FROM p WHERE n > 197", 20);
    LOOKS_AT("SELECT * FROM p WHERE name >= 'name1990' AND name < 'name1995'", 5);
    LOOKS_AT("SELECT * FROM q WHERE t > '1970-01-01T00:00:01.990000Z'", 9);
    LOOKS_AT("SELECT * FROM p ORDER BY id LIMIT 5", 8);
    LOOKS_AT("SELECT * FROM p ORDER BY id DESC LIMIT 5", 8);
    LOOKS_AT("SELECT * FROM p ORDER BY n DESC, name DESC LIMIT 5", 8);
    LOOKS_AT("SELECT * FROM p WHERE n = 50 ORDER BY name LIMIT 5", 8);
    LOOKS_AT("SELECT max(id) FROM p", 8);
    LOOKS_AT("SELECT min(name) FROM p", 8);
    LOOKS_AT("SELECT * FROM p JOIN q ON q.p = p.id WHERE p.id = 9", 3);
    LOOKS_AT("SELECT count(*) FROM p JOIN q ON q.p = p.id WHERE p.n = 9", 30);
    LOOKS_AT("SELECT * FROM q JOIN p ON p.id = q.p WHERE q.id IN (1, 2, 3)", 6);
    LOOKS_AT("SELECT * FROM p WHERE EXISTS (SELECT 1 FROM q WHERE q.p = p.id) AND p.id < 4", 20);
    LOOKS_AT("SELECT * FROM p LIMIT 3", 8);
    ask_close(&a);
}

/* ---- limits ---- */

Test(sql, steps_are_a_limit)
{
    struct asked a = open_large();
    a.ask.steps = 100000;
    REFUSED("SELECT count(*) FROM p, q", ORO_EFULL, "too expensive");
    cr_expect(a.ask.spent);
    REFUSED(
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        ORO_EFULL, "query.max_steps");
    EQ("SELECT count(*) FROM p", "[[2000]]");
    atomic_bool stop = true;
    a.ask.stop = &stop;
    REFUSED("SELECT count(*) FROM p", ORO_ETIMEOUT, "interrupted");
    a.ask.stop = NULL;
    EQ("SELECT count(*) FROM p", "[[2000]]");
    ask_close(&a);
}

Test(sql, memory_is_a_limit)
{
    struct asked a = open_large();
    a.ask.memory = 2 << 20;
    static const char *const large[] = {
        "SELECT hex(randomblob(5000000))",
        "SELECT group_concat(a.name || b.name || hex(zeroblob(100))) FROM p a, p b",
        "SELECT a.name || b.name || hex(zeroblob(100)) AS x FROM p a, p b ORDER BY x DESC LIMIT "
        "1000000",
        "SELECT DISTINCT a.name || b.name || hex(zeroblob(100)) FROM p a, p b WHERE a.n < 100",
        "SELECT json_group_array(a.name || b.name || hex(zeroblob(100))) FROM p a, p b",
        "WITH RECURSIVE n(s) AS (VALUES ('x') UNION ALL SELECT s || s FROM n) SELECT "
        "max(length(s)) FROM n",
        "SELECT printf('%.*c', 50000000, 'x')",
        "SELECT replace(hex(zeroblob(1000000)), '0', 'xxxxxxxxxxxxxxxxxxxx')",
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(large); i++) {
        oro_status st = ask(&a, large[i]);
        cr_expect_eq(st, ORO_EFULL, "%s: %d %s", large[i], st, a.err.text);
        EQ("SELECT count(*) FROM p", "[[2000]]"); /* the next one is served */
    }
    REFUSED("SELECT length(zeroblob(100000000))", ORO_EFULL, "too large");
    ask_close(&a);
}

/* What a function does in one go counts as well, and none takes the product of what it is given. */
Test(sql, long_functions_are_paid_for, .timeout = 120)
{
    struct asked a = open_large();
    a.ask.steps = 50000000;
    static const char n[] =
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) ";
    static const char *const loops[] = {
        "SELECT sum(length(hex(zeroblob(4000000)))) FROM n WHERE i > 0",
        "SELECT sum(length(hex(zeroblob(4000000 + i)))) FROM n",
        "SELECT sum(instr(x, i || 'zz')) FROM n, (SELECT hex(zeroblob(4000000)) AS x)",
        "SELECT sum(x LIKE '%1' || i) FROM n, (SELECT hex(zeroblob(100000)) AS x)",
        "SELECT sum(length(upper(x || i))) FROM n, (SELECT hex(zeroblob(1000000)) AS x)",
    };
    char sql[400];
    for (size_t i = 0; i < ORO_ARRAY_LEN(loops); i++) {
        snprintf(sql, sizeof(sql), "%s%s", n, loops[i]);
        if (i > 0) /* the first is a constant, made once */
            REFUSED(sql, ORO_EFULL, "too expensive");
    }
    static const char *const products[] = {
        "SELECT instr(hex(zeroblob(4000000)), hex(zeroblob(2000000)) || '1')",
        "SELECT length(replace(hex(zeroblob(4000000)), hex(zeroblob(2000000)) || '1', ''))",
        ("SELECT length(trim(hex(zeroblob(4000000)), replace(hex(zeroblob(2000000)), '0', 'a') || "
         "'0'))"),
        "SELECT hex(zeroblob(4000000)) LIKE '%' || substr(hex(zeroblob(1000)), 1, 900) || '1%'",
        "SELECT hex(zeroblob(4000000)) GLOB '*' || substr(hex(zeroblob(1000)), 1, 900) || '1*'",
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(products); i++)
        (void)ask(&a, products[i]);
    REFUSED("SELECT json_patch('{}', '{}')", ORO_EMALFORMED, "no such function");
    REFUSED("SELECT sqlite_log(1, 'x')", ORO_EMALFORMED, "no such function");
    EQ("SELECT count(*) FROM p", "[[2000]]");
    ask_close(&a);
}

Test(sql, an_answer_is_a_limit)
{
    struct asked a = open_large();
    a.ask.bytes = 1 << 20;
    REFUSED("SELECT a.name, hex(zeroblob(1000)) FROM p a", ORO_EFULL, "more than 1 MiB");
    ask_close(&a);
}

/* Whatever is nested, the stack of a reader suffices (8 MiB, here as there). */
Test(sql, nesting_is_a_limit)
{
    struct asked a = open_large();
    static const char *const parts[][3] = {
        {"SELECT ", "(", "1"},
        {"SELECT ", "-", "1"},
        {"SELECT ", "NOT ", "1"},
        {"SELECT 1", "+1", ""},
        {"SELECT 1", " OR 1", ""},
        {"SELECT ", "abs(", "1"},
        {"", "SELECT * FROM (", "SELECT 1"},
        {"SELECT 1", " UNION ALL SELECT 1", ""},
        {"SELECT ", "(SELECT ", "1"},
        {"SELECT 1 IN ", "(SELECT 1 IN ", "(1)"},
        {"SELECT ", "CASE WHEN 1 THEN ", "1"},
        {"", "WITH a AS (", "SELECT 1"},
        {"SELECT * FROM p", ", p", ""},
        {"SELECT * FROM ", "(", "p"},
        {"SELECT json('", "[", "')"},
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(parts); i++) {
        for (unsigned n = 10; n < 20000; n *= 3) {
            struct oro_bb sql = {0};
            oro_bb_put_bytes(&sql, oro_bytes_str(parts[i][0]));
            for (unsigned k = 0; k < n; k++)
                oro_bb_put_bytes(&sql, oro_bytes_str(parts[i][1]));
            oro_bb_put_bytes(&sql, oro_bytes_str(parts[i][2]));
            oro_bb_u8(&sql, 0);
            a.ask.steps = 100000;
            (void)ask(&a, (const char *)sql.data);
            oro_bb_fini(&sql);
        }
    }
    EQ("SELECT count(*) FROM p", "[[2000]]");
    ask_close(&a);
}
