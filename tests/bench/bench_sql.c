/* SQL over the store beside SQLite on tables of its own (`:memory:`, the same indexes), in one run: a point query, an aggregate
 * over 1,000,000 rows, a join by index. Each with its text: prepared, run, answered. One thread, best of some rounds. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/clock.h"
#include "runtime/sql/sql.h"
#include "tests/subs/db.h"

#define ROWS 1000000
#define PLAYERS 1000

static const char *const lines[] = {"player public id:u64:pk name:string rank:i32",
                                    "item public id:u64:pk player:u64:idx worth:i32 kind:string",
                                    NULL};

static void
must(bool fine, const char *why)
{
    if (!fine) {
        fprintf(stderr, "%s\n", why);
        exit(1);
    }
}

static void
insert(struct db *d, const char *table, struct oro_bb *row)
{
    struct oro_err err = {0};
    oro_status st =
        oro_tx_insert(d->tx, fixture_table(d->schema, table), oro_bb_bytes(row), NULL, &err);
    must(st == ORO_OK, err.text);
    oro_bb_clear(row);
}

static void
fill_store(struct db *d)
{
    struct oro_bb row = {0};
    db_begin(d);
    for (uint64_t i = 1; i <= PLAYERS; i++) {
        oro_bb_u64(&row, i);
        put_string(&row, "player");
        oro_bb_u32(&row, (uint32_t)(i % 10));
        insert(d, "player", &row);
    }
    for (uint64_t i = 1; i <= ROWS; i++) {
        oro_bb_u64(&row, i);
        oro_bb_u64(&row, i % PLAYERS + 1);
        oro_bb_u32(&row, (uint32_t)(i * 7 % 1000));
        put_string(&row, i % 3 == 0 ? "sword" : "bow");
        insert(d, "item", &row);
    }
    db_commit(d);
    oro_bb_fini(&row);
}

static void
fill_plain(sqlite3 *db)
{
    static const char sql[] =
        "CREATE TABLE player(id INTEGER PRIMARY KEY, name TEXT, rank INT);"
        "CREATE TABLE item(id INTEGER PRIMARY KEY, player INT, worth INT, kind TEXT);"
        "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"
        " INSERT INTO player SELECT i, 'player', i % 10 FROM n;"
        "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)"
        " INSERT INTO item SELECT i, i % 1000 + 1, i * 7 % 1000, iif(i % 3 = 0, 'sword', 'bow') "
        "FROM n;"
        "CREATE INDEX item_player ON item(player)";
    char *why = NULL;
    must(sqlite3_exec(db, sql, NULL, NULL, &why) == SQLITE_OK, why);
}

static struct oro_sql_pool *pool;
static struct oro_bb out;

static double
ours(struct db *d, const char *text, unsigned rounds)
{
    struct oro_err err = {0};
    double best = 1e18;
    for (unsigned i = 0; i < rounds; i++) {
        int64_t begin = oro_mono_ns();
        oro_read_begin(d->se);
        struct oro_sql_ask ask = {.schema = d->schema,
                                  .store = d->store,
                                  .session = d->se,
                                  .steps = UINT64_MAX,
                                  .memory = 64 << 20};
        oro_bb_clear(&out);
        oro_status st = oro_sql_query(pool, &ask, oro_bytes_str(text), &out, NULL, &err);
        oro_read_end(d->se);
        must(st == ORO_OK, err.text);
        double took = (double)(oro_mono_ns() - begin);
        best = took < best ? took : best;
    }
    return best / 1000;
}

static double
plain(sqlite3 *db, const char *text, unsigned rounds)
{
    double best = 1e18;
    for (unsigned i = 0; i < rounds; i++) {
        int64_t begin = oro_mono_ns();
        sqlite3_stmt *stmt;
        must(sqlite3_prepare_v2(db, text, -1, &stmt, NULL) == SQLITE_OK, sqlite3_errmsg(db));
        while (sqlite3_step(stmt) == SQLITE_ROW)
            for (int c = 0; c < sqlite3_column_count(stmt); c++)
                (void)sqlite3_column_text(stmt, c);
        sqlite3_finalize(stmt);
        double took = (double)(oro_mono_ns() - begin);
        best = took < best ? took : best;
    }
    return best / 1000;
}

int
main(void)
{
    static const struct {
        const char *what, *text;
        unsigned rounds;
    } asked[] = {
        {"point query", "SELECT * FROM item WHERE id = 500000 AND +id > 0", 5000},
        {"count", "SELECT count(*) FROM item", 5},
        {"sum and max", "SELECT sum(worth), max(worth) FROM item", 5},
        {"group by text", "SELECT kind, count(*), avg(worth) FROM item GROUP BY kind", 5},
        {"join by index",
         "SELECT count(*), sum(i.worth) FROM player p JOIN item i ON i.player = p.id WHERE p.rank "
         "= 3",
         5},
        {"join, few rows",
         "SELECT p.name, i.kind FROM player p JOIN item i ON i.player = p.id WHERE p.id = 77 LIMIT "
         "10",
         500},
        {"order by index", "SELECT id, worth FROM item ORDER BY player DESC LIMIT 10", 500},
    };
    sqlite3 *db;
    oro_sql_init();
    must(sqlite3_open(":memory:", &db) == SQLITE_OK, "no memory");
    struct db d = db_open(lines);
    fill_store(&d);
    fill_plain(db);
    pool = oro_sql_pool_create();
    printf("%-16s %12s %12s %6s\n", "us", "ours", "SQLite", "ratio");
    for (size_t i = 0; i < ORO_ARRAY_LEN(asked); i++) {
        double a = ours(&d, asked[i].text, asked[i].rounds),
               b = plain(db, asked[i].text, asked[i].rounds);
        printf("%-16s %12.1f %12.1f %6.2f\n", asked[i].what, a, b, a / b);
    }
    oro_sql_pool_destroy(pool);
    sqlite3_close(db);
    oro_bb_fini(&out);
    db_close(&d);
    return 0;
}
