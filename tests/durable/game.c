#include "tests/durable/game.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/durable/durable_priv.h"

const char *const lines[] = {
    "player public id:u64:pk:auto name:string:unique score:i32",
    "bag public owner:u32:idx kind:u8",
    "blast event n:u32",
    NULL,
};

char *dir;

void
game_setup(void)
{
    dir = temp_dir_make();
}

void
game_teardown(void)
{
    temp_dir_remove(dir);
}

struct run_options
options(const char *const *schema)
{
    return (struct run_options){.dir = dir, .lines = schema, .mode = ORO_DURABLE_NORMAL};
}

sqlite3 *
sql_open(bool log)
{
    char *path = temp_db_path(dir), *log_path = log_path_of(path);
    sqlite3 *h;
    cr_assert_eq(sqlite3_open_v2(log ? log_path : path, &h,
                                 SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL),
                 SQLITE_OK);
    sqlite3_busy_timeout(h, 5000);
    oro_free(path);
    oro_free(log_path);
    return h;
}

static bool
is_of_log(const char *sql)
{
    return strstr(sql, "_orochi_log") != NULL;
}

void
sql_exec(const char *sql)
{
    sqlite3 *h = sql_open(is_of_log(sql));
    char *message = NULL;
    cr_assert_eq(sqlite3_exec(h, sql, NULL, NULL, &message), SQLITE_OK, "%s", message);
    sqlite3_close(h);
}

char *
sql_text(const char *sql)
{
    sqlite3 *h = sql_open(is_of_log(sql));
    sqlite3_stmt *s;
    struct oro_bb out = {0};
    cr_assert_eq(sqlite3_prepare_v2(h, sql, -1, &s, NULL), SQLITE_OK, "%s", sqlite3_errmsg(h));
    while (sqlite3_step(s) == SQLITE_ROW) {
        if (out.len > 0)
            oro_bb_u8(&out, '\n');
        for (int i = 0; i < sqlite3_column_count(s); i++) {
            const char *t = (const char *)sqlite3_column_text(s, i);
            oro_bb_printf(&out, "%s%s", i > 0 ? "|" : "", t != NULL ? t : "NULL");
        }
    }
    sqlite3_finalize(s);
    sqlite3_close(h);
    oro_bb_u8(&out, 0);
    return (char *)out.data;
}

void
expect_sql(const char *sql, const char *want)
{
    char *got = sql_text(sql);
    cr_assert_str_eq(got, want);
    oro_free(got);
}

void
put_player(struct oro_bb *row, uint64_t id, const char *name, int32_t score)
{
    oro_bb_clear(row);
    oro_bb_u64(row, id);
    put_string(row, name);
    oro_bb_u32(row, (uint32_t)score);
}

uint64_t
add_player(struct run *r, uint64_t id, const char *name)
{
    struct oro_bb row = {0};
    struct oro_tx *tx = oro_tx_begin(r->se, false);
    put_player(&row, id, name, 0);
    run_insert(r, tx, "player", &row);
    oro_bb_fini(&row);
    return run_commit(r, tx);
}

void
expect_one_file(void)
{
    char *path = temp_db_path(dir), *log_path = log_path_of(path);
    cr_assert_eq(access(path, F_OK), 0);
    cr_assert_neq(access(log_path, F_OK), 0);
    oro_free(path);
    oro_free(log_path);
}

void
crash_after(void (*fn)(void))
{
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        fn();
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void
five_group_commits(void)
{
    struct run r;
    struct run_options opt = options(lines);
    run_must_open(&r, &opt);
    for (unsigned i = 1; i <= 5; i++) {
        char name[20];
        snprintf(name, sizeof(name), "player %u", i);
        run_wait_durable(&r, add_player(&r, i, name));
    }
}

void
expect_refused(const char *const *schema, oro_status want, const char *text)
{
    struct run r;
    struct run_options opt = options(schema);
    struct oro_err err = {0};
    cr_assert_eq(run_open(&r, &opt, &err), want, "%s", err.text);
    cr_assert_not_null(strstr(err.text, text), "%s", err.text);
}
