/* Functions of ours in the place of SQLite's: random arguments, the same answers. */
#include <sqlite3.h>

#include "tests/sql/ask.h"

static uint64_t chance;

static uint32_t
any(uint32_t n)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (uint32_t)((chance >> 11) % n);
}

static void
put_argument(struct oro_bb *sql)
{
    static const char *const parts[] = {"a", "b", "A", "ä", "€",    "😀", " ",
                                        "%", "_", "*", "?", "[ab]", "\\"};
    if (any(12) == 0) {
        oro_bb_printf(sql, "X'%s'", any(2) ? "6162" : "62");
        return;
    }
    oro_bb_u8(sql, '\'');
    for (uint32_t n = any(6); n > 0; n--)
        oro_bb_put_bytes(sql, oro_bytes_str(parts[any(ORO_ARRAY_LEN(parts))]));
    oro_bb_u8(sql, '\'');
}

static void
put_call(struct oro_bb *sql)
{
    static const struct {
        const char *name;
        unsigned least, most;
    } calls[] = {{"instr", 2, 2}, {"replace", 3, 3}, {"trim", 1, 2}, {"ltrim", 1, 2},
                 {"rtrim", 1, 2}, {"like", 2, 2},    {"glob", 2, 2}};
    uint32_t which = any(ORO_ARRAY_LEN(calls));
    unsigned n = calls[which].least + any(calls[which].most - calls[which].least + 1);
    oro_bb_printf(sql, "SELECT hex(%s(", calls[which].name);
    for (unsigned i = 0; i < n; i++) {
        oro_bb_put_bytes(sql, oro_bytes_str(i > 0 ? ", " : ""));
        put_argument(sql);
    }
    bool escaped = strcmp(calls[which].name, "like") == 0 && any(2) == 0;
    oro_bb_put_bytes(sql, oro_bytes_str(escaped ? ", '\\'))" : "))"));
    oro_bb_u8(sql, 0);
}

Test(function, answers_as_that_of_sqlite)
{
    static const char *const lines[] = {"t public id:u32:pk", NULL};
    struct asked a = ask_open(lines);
    struct oro_bb sql = {0};
    sqlite3 *plain;
    cr_assert_eq(sqlite3_open(":memory:", &plain), SQLITE_OK);
    for (unsigned long i = 0; i < 20000; i++) {
        chance = (i + 77) * 0x9e3779b97f4a7c15u;
        any(2);
        oro_bb_clear(&sql);
        put_call(&sql);
        const char *text = (const char *)sql.data;
        sqlite3_stmt *stmt;
        char want[200];
        cr_assert_eq(sqlite3_prepare_v2(plain, text, -1, &stmt, NULL), SQLITE_OK, "%s", text);
        cr_assert_eq(sqlite3_step(stmt), SQLITE_ROW);
        snprintf(want, sizeof(want), "[[\"%s\"]]", (const char *)sqlite3_column_text(stmt, 0));
        sqlite3_finalize(stmt);
        cr_assert_str_eq(rows_of(&a, text), want, "%s", text);
    }
    sqlite3_close(plain);
    oro_bb_fini(&sql);
    ask_close(&a);
}
