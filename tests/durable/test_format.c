/* Folders as earlier versions have left them. format4.b64 is one that was killed: three players are in the tables, the others
 * in the log, whose blobs say nothing of calls; one player was renamed, one deleted and made anew. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/durable/disk.h"
#include "tests/durable/game.h"

TestSuite(format, .init = game_setup, .fini = game_teardown, .timeout = 60);

static void
unpack(const char *file)
{
    char *command = oro_asprintf("base64 -d '%s/%s' | tar xz -C '%s'", ORO_TEST_FOLDER, file, dir);
    cr_assert_eq(system(command), 0);
    oro_free(command);
}

static void
expect_all(struct run *r, size_t more)
{
    cr_assert_eq(run_count(r, "player"), 9 + more);
    cr_assert_eq(run_count(r, "bag"), 4);
    cr_assert_not(oro_durable_is_new(r->durable));
}

Test(format, the_fourth_is_taken_over)
{
    struct run r;
    struct run_options opt = options(lines);
    unpack("format4.b64");
    run_must_open(&r, &opt);
    expect_all(&r, 0);
    run_wait_durable(&r, add_player(&r, 0, "new"));
    run_close(&r);
    expect_one_file();
    expect_sql("pragma user_version", "6");
    expect_sql("select name, score from player where id in (2, 3, 9) order by id",
               "renamed|-7\nplayer 3 again|33\nplayer 9|9");
}

static void
go_on(void)
{
    struct run r;
    struct run_options opt = options(lines);
    run_must_open(&r, &opt);
    expect_all(&r, 0);
    run_wait_durable(&r, add_player(&r, 0, "of the fifth"));
    run_wait_durable(&r, add_player(&r, 0, "another"));
}

/* Killed before a checkpoint has moved the old blobs: both kinds are in one log. */
Test(format, old_and_new_blobs_in_one_log)
{
    struct run r;
    struct run_options opt = options(lines);
    unpack("format4.b64");
    crash_after(go_on);
    run_must_open(&r, &opt);
    expect_all(&r, 2);
    run_close(&r);
    expect_sql("select count(*) from player where name in ('of the fifth', 'another')", "2");
}

static const char *const now[] = {
    "player public id:u64:pk:auto name:string:unique score:i32 level:u32:=7",
    "bag public owner:u32:idx kind:u8",
    "blast event n:u32",
    NULL,
};

Test(format, the_fourth_with_another_module)
{
    struct run r;
    struct run_options opt = options(now);
    unpack("format4.b64");
    run_must_open(&r, &opt);
    expect_all(&r, 0);
    run_close(&r);
    expect_sql("select name, level from player where id = 2", "renamed|7");
}

/* Another process takes the folder over and is cut off at the n-th operation on the disk. True: it came to an end before. */
static bool
cut_off_at(unsigned n, enum disk_loss loss)
{
    pid_t pid = fork();
    ORO_ASSERT(pid >= 0);
    if (pid == 0) {
        struct run r;
        struct run_options opt = options(now);
        struct oro_err err = {0};
        disk_mount();
        disk_cut(n, loss);
        if (run_open(&r, &opt, &err) != ORO_OK)
            _exit(1);
        disk_cut(0, loss);
        _exit(0);
    }
    int status;
    ORO_ASSERT(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    cr_assert(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == DISK_EXIT, "at %u: %d", n,
              WEXITSTATUS(status));
    return WEXITSTATUS(status) == 0;
}

static void
clear_folder(void)
{
    char *command = oro_asprintf("rm -f '%s'/*", dir);
    cr_assert_eq(system(command), 0);
    oro_free(command);
}

Test(format, cut_off_anywhere_while_it_is_taken_over, .timeout = 300)
{
    for (enum disk_loss loss = DISK_KEEPS; loss <= DISK_DROPS; loss++) {
        bool ended = false;
        for (unsigned n = 1; !ended; n += loss == DISK_KEEPS ? 1 : 2) {
            struct run r;
            struct run_options opt = options(now);
            clear_folder();
            unpack("format4.b64");
            ended = cut_off_at(n, loss);
            run_must_open(&r, &opt);
            expect_all(&r, 0);
            run_close(&r);
            expect_sql("select name, level from player where id = 2", "renamed|7");
        }
    }
}
