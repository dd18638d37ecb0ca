/* tests/bench/bench_store_sqlite.c */
#include "tests/bench/bench_store_sqlite.h"

#include <sqlite3.h>

#include "runtime/base/assert.h"
#include "runtime/base/mem.h"

enum { BEGIN, COMMIT, INSERT, FIND, UPDATE, DELETE, RANGE, STATEMENTS };

struct lite {
    sqlite3 *db;
    sqlite3_stmt *st[STATEMENTS];
};

static const char *const texts[] = {
    [BEGIN] = "begin",
    [COMMIT] = "commit",
    [INSERT] = "insert into account values (?, ?)",
    [FIND] = "select id, n from account where id = ?",
    [UPDATE] = "update account set n = ?2 where id = ?1",
    [DELETE] = "delete from account where id = ?",
    [RANGE] = "select id, n from account where id >= ? and id < ?",
};

struct lite *
lite_open(void)
{
    struct lite *l = ORO_NEW(struct lite);
    ORO_ASSERT(sqlite3_open(":memory:", &l->db) == SQLITE_OK);
    /* The key is the row id: SQLite's own quickest way to a row. */
    ORO_ASSERT(sqlite3_exec(l->db,
                            "pragma locking_mode = exclusive;"
                            "create table account (id integer primary key, n integer not null)",
                            NULL, NULL, NULL) == SQLITE_OK);
    for (int i = 0; i < STATEMENTS; i++)
        ORO_ASSERT(sqlite3_prepare_v3(l->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &l->st[i],
                                      NULL) == SQLITE_OK);
    return l;
}

void
lite_close(struct lite *l)
{
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(l->st[i]);
    sqlite3_close(l->db);
    oro_free(l);
}

static void
run(sqlite3_stmt *st)
{
    ORO_ASSERT(sqlite3_step(st) == SQLITE_DONE);
    sqlite3_reset(st);
}

void
lite_begin(struct lite *l)
{
    run(l->st[BEGIN]);
}

void
lite_commit(struct lite *l)
{
    run(l->st[COMMIT]);
}

void
lite_insert(struct lite *l, uint32_t id, int64_t n)
{
    sqlite3_bind_int64(l->st[INSERT], 1, id);
    sqlite3_bind_int64(l->st[INSERT], 2, n);
    run(l->st[INSERT]);
}

int64_t
lite_find(struct lite *l, uint32_t id)
{
    sqlite3_stmt *st = l->st[FIND];
    sqlite3_bind_int64(st, 1, id);
    ORO_ASSERT(sqlite3_step(st) == SQLITE_ROW);
    int64_t n = sqlite3_column_int64(st, 1);
    sqlite3_reset(st);
    return n;
}

void
lite_update(struct lite *l, uint32_t id, int64_t n)
{
    sqlite3_bind_int64(l->st[UPDATE], 1, id);
    sqlite3_bind_int64(l->st[UPDATE], 2, n);
    run(l->st[UPDATE]);
}

void
lite_delete(struct lite *l, uint32_t id)
{
    sqlite3_bind_int64(l->st[DELETE], 1, id);
    run(l->st[DELETE]);
}

int64_t
lite_range(struct lite *l, uint32_t from, uint32_t below)
{
    sqlite3_stmt *st = l->st[RANGE];
    sqlite3_bind_int64(st, 1, from);
    sqlite3_bind_int64(st, 2, below);
    int64_t sum = 0;
    while (sqlite3_step(st) == SQLITE_ROW)
        sum += sqlite3_column_int64(st, 1);
    sqlite3_reset(st);
    return sum;
}
