/* INSERT, UPDATE and DELETE in a transaction. */
#include "tests/sql/ask.h"

#define EQ(sql, want) \
    cr_expect_str_eq(rows_of(&a, sql), want, "%s\n  got %s", sql, rows_of(&a, sql))
#define DONE(sql, stats)                                                                       \
    do {                                                                                       \
        cr_expect_eq(ask_in_tx(&a, sql), ORO_OK, "%s: %s", sql, a.err.text);                   \
        cr_expect_not_null(strstr((char *)a.out.data, "\"stats\":{" stats "}"), "%s: %s", sql, \
                           (char *)a.out.data);                                                \
    } while (0)
#define REFUSED(sql, words)                                                              \
    do {                                                                                 \
        cr_expect_neq(ask_in_tx(&a, sql), ORO_OK, "%s", sql);                            \
        cr_expect_not_null(strstr(a.err.text, words), "%s\n  said %s", sql, a.err.text); \
    } while (0)

#define ONE_IN "\"rows_inserted\":1,\"rows_deleted\":0,\"rows_updated\":0"

static const char *const lines[] = {
    "t public id:u64:pk:auto n:i32:idx u:u64 w:u128 f:f32 s:string who:identity at:time "
    "color:color3 "
    "opt:opt_u32 raw:bytes list:list_u16 pair:pair b:bool uuid:uuid",
    "note public owner:u32 text:string",
    "keyed private k:u32:pk name:string:unique",
    NULL,
};

Test(write, a_literal_of_each_type_is_inserted)
{
    struct asked a = ask_open(lines);
    DONE("INSERT INTO t VALUES (5, -7, 18446744073709551615, "
         "340282366920938463463374607431768211455, 0.1, 'it''s', "
         "0xc200000000000000000000000000000000000000000000000000000000000007, "
         "'2024-01-02T00:00:00Z', 'Green', "
         "NULL, X'0aff', '[1,65535]', '{\"x\":9,\"y\":\"q\"}', true, "
         "'ff010203-0405-0607-0809-0a0b0c0d0e0f')",
         ONE_IN);
    EQ("SELECT * FROM t WHERE +id = 5",
       "[[5,-7,18446744073709551615,340282366920938463463374607431768211455,0.1,\"it's\","
       "[\"0xc200000000000000000000000000000000000000000000000000000000000007\"],[1704153600000000]"
       ","
       "[1,[]],[1,[]],\"0aff\",[1,65535],[9,\"q\"],true,[338958372025759790396521755767219228175]]"
       "]");
    DONE("INSERT INTO t (opt, raw, id, n, u, w, f, s, who, at, color, list, pair, b, uuid) SELECT "
         "3, raw, 0, n + 1, 1, w, 2, upper(s), "
         "who, at + 1, 'Blue', list, pair, false, uuid FROM t",
         ONE_IN);
    EQ("SELECT id > 0, n, u, f, s, at, color, opt, pair FROM t WHERE +n = -6",
       "[[1,-6,1,2.0,\"IT'S\",[1704153600000001],[2,[]],[0,3],[9,\"q\"]]]");
    ask_close(&a);
}

Test(write, rows_are_counted)
{
    struct asked a = ask_open(lines);
    DONE("INSERT INTO note VALUES (1, 'a'), (2, 'b'), (2, 'b'), (3, 'c')",
         "\"rows_inserted\":3,\"rows_deleted\":0,\"rows_updated\":0");
    DONE("UPDATE note SET text = text || owner WHERE owner >= 2",
         "\"rows_inserted\":0,\"rows_deleted\":0,\"rows_updated\":2");
    EQ("SELECT * FROM note ORDER BY 1", "[[1,\"a\"],[2,\"b2\"],[3,\"c3\"]]");
    DONE("DELETE FROM note WHERE text IN ('a', 'c3')",
         "\"rows_inserted\":0,\"rows_deleted\":2,\"rows_updated\":0");
    DONE("DELETE FROM note WHERE owner = 77",
         "\"rows_inserted\":0,\"rows_deleted\":0,\"rows_updated\":0");
    EQ("SELECT * FROM note", "[[2,\"b2\"]]");
    ask_close(&a);
}

Test(write, statements_of_a_text_are_one_transaction)
{
    struct asked a = ask_open(lines);
    cr_expect_eq(ask_in_tx(&a, "INSERT INTO keyed VALUES (1, 'a'); SELECT count(*) FROM keyed; "
                               "UPDATE keyed SET k = k + 1"),
                 ORO_OK, "%s", a.err.text);
    cr_expect_not_null(strstr((char *)a.out.data, "\"rows\":[[1]]")); /* sees what is written */
    EQ("SELECT * FROM keyed WHERE k > 0 ORDER BY k", "[[2,\"a\"]]");
    REFUSED("DELETE FROM keyed; INSERT INTO keyed VALUES (3, 'b'), (3, 'c')", "");
    EQ("SELECT * FROM keyed WHERE k > 0 ORDER BY k", "[[2,\"a\"]]");
    ask_close(&a);
}

Test(write, what_is_wrong_is_refused_and_changes_nothing)
{
    struct asked a = ask_open(lines);
    DONE("INSERT INTO keyed VALUES (1, 'a'), (2, 'b')",
         "\"rows_inserted\":2,\"rows_deleted\":0,\"rows_updated\":0");
    REFUSED("INSERT INTO keyed VALUES (1, 'z')", "nique");
    REFUSED("UPDATE keyed SET name = 'a' WHERE k = 2", "nique");
    REFUSED("UPDATE keyed SET k = 1 WHERE k = 2", "nique");
    REFUSED("INSERT INTO keyed VALUES ('x', 'z')",
            "`x` cannot be a value of column `k` of `keyed`, of type `U32`");
    REFUSED("INSERT INTO keyed VALUES (-1, 'z')", "cannot be a value");
    REFUSED("INSERT INTO keyed (k) VALUES (9)", "column `name` of `keyed` has no value");
    REFUSED("UPDATE keyed SET name = NULL", "has no value");
    REFUSED("INSERT INTO keyed VALUES (3)", "2 columns");
    REFUSED("INSERT INTO st_client VALUES (1, 2)", "");
    REFUSED("INSERT INTO sqlite_master VALUES (1, 2)", "");
    REFUSED("INSERT INTO nobody VALUES (1)", "no such table");
    REFUSED("UPDATE keyed SET nope = 1", "no such column: nope");
    REFUSED("UPDATE keyed SET rowid = 1", "");
    REFUSED("CREATE TABLE x(a)", "not supported");
    a.ask.is_owner = false;
    REFUSED("INSERT INTO note VALUES (1, 'a')", "only the owner");
    REFUSED("DELETE FROM keyed", "no such table");
    a.ask.is_owner = true;
    EQ("SELECT * FROM keyed WHERE k > 0 ORDER BY k", "[[1,\"a\"],[2,\"b\"]]");
    cr_expect(oro_store_check(a.db.store));
    ask_close(&a);
}

Test(write, a_statement_cut_off_inside_of_quotes_is_refused)
{
    struct asked a = ask_open(lines);
    DONE("INSERT INTO note VALUES (1, 'ann')", ONE_IN);
    REFUSED("DELETE FROM note WHERE text = 'ann", "unrecognized token: \"'ann\"");
    REFUSED("DELETE FROM note WHERE owner = '1", "unrecognized token");
    REFUSED("DELETE FROM note WHERE text <> 'it''", "unrecognized token");
    REFUSED("DELETE FROM t WHERE raw <> X'0a", "unrecognized token");
    REFUSED("DELETE FROM t WHERE who <> X'", "unrecognized token");
    REFUSED("DELETE FROM note WHERE text <> '", "unrecognized token");
    REFUSED("DELETE FROM note WHERE \"text <> 5", "unrecognized token");
    REFUSED("DELETE FROM note WHERE [text <> 5", "unrecognized token");
    REFUSED("DELETE FROM note WHERE owner = 1; DELETE FROM note WHERE text = 'ann", "unrecognized");
    EQ("SELECT * FROM note", "[[1,\"ann\"]]");
    DONE("DELETE FROM note WHERE text = 'ann'",
         "\"rows_inserted\":0,\"rows_deleted\":1,\"rows_updated\":0");
    ask_close(&a);
}

Test(write, a_statement_cut_off_inside_of_a_comment_is_refused)
{
    struct asked a = ask_open(lines);
    DONE("INSERT INTO note VALUES (1, 'ann')", ONE_IN);
    REFUSED("DELETE FROM note /* WHERE owner = 5", "the comment at position 18 is not closed");
    REFUSED("DELETE FROM note /*", "comment at position 18");
    REFUSED("DELETE FROM note -- all /* of it */ */\n /*/ WHERE owner = 5", "is not closed");
    REFUSED("DELETE FROM note; /* WHERE owner = 5", "is not closed");
    REFUSED("SELECT owner FROM note GROUP BY owner /* HAVING", "is not closed");
    DONE("DELETE FROM note /* '/* */ WHERE text = '/*'",
         "\"rows_inserted\":0,\"rows_deleted\":0,\"rows_updated\":0");
    EQ("SELECT * FROM note", "[[1,\"ann\"]]");
    DONE("DELETE FROM note -- /*", "\"rows_inserted\":0,\"rows_deleted\":1,\"rows_updated\":0");
    ask_close(&a);
}

Test(write, what_writes_is_known_by_its_words)
{
    static const char *const writes[] = {
        "INSERT INTO t VALUES (1)", " /* SELECT */ update t set a = 1", "SELECT 1; DELETE FROM t",
        "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", "REPLACE INTO t VALUES (1)"};
    static const char *const reads[] = {
        "SELECT 'INSERT', replace(a, 'b', 'c') FROM t",
        "WITH a AS (SELECT replace(s, 'a', 'b') FROM t) SELECT * FROM a",
        "SELECT \"update\" FROM t -- DELETE", "", "VALUES (1)"};
    for (size_t i = 0; i < ORO_ARRAY_LEN(writes); i++)
        cr_expect(oro_sql_writes(oro_bytes_str(writes[i])), "%s", writes[i]);
    for (size_t i = 0; i < ORO_ARRAY_LEN(reads); i++)
        cr_expect_not(oro_sql_writes(oro_bytes_str(reads[i])), "%s", reads[i]);
}
