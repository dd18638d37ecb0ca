/* tests/durable/game.h - a small game in a folder of its own, for the tests that open, crash and spoil it. */
#ifndef ORO_TESTS_DURABLE_GAME_H
#define ORO_TESTS_DURABLE_GAME_H

#include <sqlite3.h>

#include "tests/durable/run.h"

extern const char *const lines[]; /* its schema */
extern char *dir;

/* TestSuite(..., .init = game_setup, .fini = game_teardown) */
void game_setup(void);
void game_teardown(void);

struct run_options options(const char *const *schema);
void put_player(struct oro_bb *row, uint64_t id, const char *name, int32_t score);
uint64_t add_player(struct run *r, uint64_t id, const char *name);
/* "player 1" to "player 5", each on disk before the next; the run stays open. */
void five_group_commits(void);
/* Runs fn in a process of its own that ends without stopping anything, as by kill -9. */
void crash_after(void (*fn)(void));
/* Opening with the schema fails so, and says this. */
void expect_refused(const char *const *schema, oro_status want, const char *text);
/* After a clean stop the data is the tables' file alone. */
void expect_one_file(void);

/* SQL on the tables or the log, from outside. */
sqlite3 *sql_open(bool log);
/* On the log if it names _orochi_log, else on the tables. */
void sql_exec(const char *sql);
/* Rows joined by \n, columns by |. Gives. */
char *sql_text(const char *sql);
void expect_sql(const char *sql, const char *want);

#endif
