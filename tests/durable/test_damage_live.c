/* The same while a server runs: it notices, confirms nothing more, and saves all that it has. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/durable/damage.h"

TestSuite(damage_live, .init = damage_setup, .fini = damage_teardown, .timeout = 600);

/* Goes on until it is told to end, or is killed: entries as they are confirmed. */
static void
second_life(void)
{
    struct run r;
    struct run_options opt = options(ORO_DURABLE_FULL);
    run_must_open(&r, &opt);
    atomic_store(&shared->go, 1);
    uint64_t i = ALL + 1, base = 0;
    for (; atomic_load(&shared->go) != 3; i++) {
        uint64_t seq = add(&r, i);
        base = base == 0 ? seq - i : base;
        while (oro_durable_seq(r.durable) < seq && atomic_load(&shared->go) != 3) {
            usleep(200);
            if (oro_durable_trouble(r.durable) != NULL)
                atomic_store(&shared->trouble, 1);
        }
        if (oro_durable_seq(r.durable) >= seq)
            atomic_store(&shared->confirmed, i);
        if (atomic_load(&shared->go) == 2)
            usleep(1000);
    }
    bool all = run_close(&r);
    atomic_store(&shared->go, all ? 4 : 5);
}

static pid_t
begin_second_life(void)
{
    atomic_store(&shared->go, 0);
    atomic_store(&shared->trouble, 0);
    atomic_store(&shared->confirmed, ALL);
    pid_t pid = fork();
    ORO_ASSERT(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG,
              SIGKILL); /* a test that failed leaves nobody behind, whose pipe others wait for */
        second_life();
        _exit(0);
    }
    while (atomic_load(&shared->confirmed) < ALL + 5)
        usleep(500);
    return pid;
}

static void
damage_live(const char *name, unsigned how)
{
    char *path = path_in(name), *away = path_in("away");
    struct stat s;
    if (stat(path, &s) != 0)
        goto out;
    switch (how) {
    case 0:
        unlink(path);
        break;
    case 1:
        (void)!rename(path, away);
        break;
    case 2:
        (void)!truncate(path, 0);
        break;
    case 3:
        (void)!truncate(path, s.st_size / 2);
        break;
    case 4:
    case 5: {
        static const uint8_t zeros[4096];
        int fd = open(path, O_RDWR);
        (void)!pwrite(fd, zeros, sizeof(zeros), how == 4 ? 0 : (s.st_size / 2) & ~(off_t)4095);
        close(fd);
        break;
    }
    default: {
        int fd = open(path, O_RDWR);
        uint8_t b = 0;
        (void)!pread(fd, &b, 1, s.st_size / 2);
        b ^= 1;
        (void)!pwrite(fd, &b, 1, s.st_size / 2);
        close(fd);
    }
    }
out:
    oro_free(path);
    oro_free(away);
}

/* Some time passes in which calls may be confirmed: a hundred more, or the trouble is seen. What `has` to be seen is waited for. */
static void
let_it_run(bool has)
{
    uint64_t at = atomic_load(&shared->confirmed);
    for (unsigned i = 0; i < (has ? 60000 : 3000); i++) {
        if (atomic_load(&shared->trouble) != 0 ||
            (!has && atomic_load(&shared->confirmed) > at + 100))
            return;
        usleep(1000);
    }
}

static void
expect_all_or_told(const char *what)
{
    uint64_t confirmed = atomic_load(&shared->confirmed);
    struct run r;
    struct run_options opt = options(ORO_DURABLE_OFF);
    struct oro_err err = {0};
    if (run_open(&r, &opt, &err) != ORO_OK) {
        expect_told(&err, what);
        return;
    }
    uint64_t found = entries_of(&r);
    /* One more may have been on its way. */
    cr_assert(found == confirmed || found == confirmed + 1, "%s: %lld found, %llu confirmed", what,
              (long long)found, (unsigned long long)confirmed);
    run_close(&r);
}

/* Of a copy that was written when it was noticed, and so is there however the process ended. */
static void
expect_rescued(const char *what)
{
    struct oro_err err = {0};
    char *file = path_in("game.db.rescued");
    if (access(file, F_OK) == 0) {
        uint64_t confirmed = atomic_load(&shared->confirmed);
        struct run r;
        struct run_options opt = options(ORO_DURABLE_OFF);
        cr_assert_eq(oro_restore(file, dir, "game", true, &err), ORO_OK, "%s: %s", what, err.text);
        cr_assert_eq(run_open(&r, &opt, &err), ORO_OK, "%s, rescued: %s", what, err.text);
        uint64_t found = entries_of(&r);
        cr_assert(found == confirmed || found == confirmed + 1, "%s, rescued: %lld of %llu", what,
                  (long long)found, (unsigned long long)confirmed);
        run_close(&r);
        unlink(file);
    }
    oro_free(file);
}

/* A stop writes all there is, also into a file that has no name any more: then it says so, and there is a copy. */
static void
end_gently(pid_t pid, const char *what)
{
    struct oro_err err = {0};
    atomic_store(&shared->go, 3);
    ORO_ASSERT(waitpid(pid, NULL, 0) == pid);
    unsigned how = atomic_load(&shared->go);
    cr_assert(how == 4 || how == 5, "%s: it did not stop", what);
    char *file = path_in("game.db.rescued");
    cr_assert(how == 4 || access(file, F_OK) == 0 || atomic_load(&shared->trouble) == 0,
              "%s: nothing was rescued", what);
    if (how == 5 && access(file, F_OK) == 0) {
        cr_assert_eq(oro_restore(file, dir, "game", true, &err), ORO_OK, "%s: %s", what, err.text);
        unlink(file);
    }
    expect_all_or_told(what);
    oro_free(file);
}

static void
damage_while_running(bool gently)
{
    static const char *const names[] = {"game.db",           "game.db-wal",     "game.db-shm",
                                        "game.db-log",       "game.db-log-wal", "game.db-log-shm",
                                        "game.db-confirmed", "game.lock"};
    in_process(first_life);
    keep_folder();
    for (size_t i = 0; i < ORO_ARRAY_LEN(names); i++) {
        for (unsigned how = 0; how < 7; how++) {
            if (strstr(names[i], "-shm") != NULL && how > 1)
                continue; /* is mapped: cutting it ends any process of SQLite's with SIGBUS */
            char *what = oro_asprintf("%s, way %u, %s", names[i], how, gently ? "stop" : "kill");
            put_back();
            pid_t pid = begin_second_life();
            damage_live(names[i], how);
            /* Removed, renamed; and of what all transactions go through: cut to nothing, zeros in its head. */
            bool has = (how <= 1 && i < 5 && strstr(names[i], "-shm") == NULL) ||
                       ((how == 2 || how == 4) && (i == 0 || i == 3 || i == 4));
            let_it_run(has);
            cr_assert(!has || atomic_load(&shared->trouble), "%s: not noticed", what);
            if (gently) {
                end_gently(pid, what);
            } else {
                kill(pid, SIGKILL);
                ORO_ASSERT(waitpid(pid, NULL, 0) == pid);
                expect_all_or_told(what);
                expect_rescued(what);
            }
            oro_free(what);
        }
    }
    forget_kept();
}

Test(damage_live, while_it_runs_then_a_stop)
{
    damage_while_running(true);
}

Test(damage_live, while_it_runs_then_a_kill)
{
    damage_while_running(false);
}

/* ---- one by one ---- */

Test(damage_live, a_removed_folder_is_noticed_while_idle)
{
    struct run r;
    struct run_options opt = options(ORO_DURABLE_FULL);
    run_must_open(&r, &opt);
    add_some(&r, 1, 3);
    char *away = oro_asprintf("%s-away", dir);
    cr_assert_eq(rename(dir, away), 0);
    while (oro_durable_trouble(r.durable) == NULL)
        usleep(1000);
    cr_assert_str_eq(oro_durable_trouble(r.durable), "a data file was removed");
    uint64_t seq = add(&r, 4);
    usleep(20000);
    cr_assert_lt(oro_durable_seq(r.durable), seq);
    cr_assert_not(run_close(&r), "it says that not all is where it should be");
    struct oro_err err = {0};
    char *file = path_in("game.db.rescued");
    cr_assert_eq(oro_restore(file, dir, "game", true, &err), ORO_OK, "%s", err.text);
    cr_assert_not(full_or_refused(4, "rescued"));
    oro_free(file);
    temp_dir_remove(away);
}

/* Cut to half its pages, which is more than nothing; a database that somebody vacuums is smaller as well, and says so itself. */
Test(damage_live, a_database_that_is_cut_is_noticed_and_a_vacuum_is_not)
{
    struct run r;
    struct run_options opt = options(ORO_DURABLE_FULL);
    struct stat s;
    run_must_open(&r, &opt);
    add_some(&r, 1, 200);
    oro_durable_checkpoint(r.durable, 20000000);
    run_close(&r);
    char *
        path = path_in("game.db"),
       *command = oro_asprintf(
           "sqlite3 %s 'create table x (y); insert into x select randomblob(400000); drop table x'",
           path);
    cr_assert_eq(system(command), 0);
    oro_free(command);
    run_must_open(&r, &opt);
    cr_assert_eq(stat(path, &s), 0);
    off_t before = s.st_size;
    command =
        oro_asprintf("sqlite3 %s 'vacuum; pragma wal_checkpoint(truncate)' > /dev/null", path);
    cr_assert_eq(system(command), 0);
    cr_assert_eq(stat(path, &s), 0);
    cr_assert_lt(s.st_size, before - 300000);
    add_some(&r, 201, 230);
    usleep(2 * PRESENCE_US);
    add_some(&r, 231, 232);
    cr_assert_null(oro_durable_trouble(r.durable));
    cr_assert_eq(truncate(path, s.st_size / 2), 0);
    while (oro_durable_trouble(r.durable) == NULL)
        usleep(1000);
    cr_assert_not(run_close(&r));
    oro_free(command);
    oro_free(path);
}

/* The same bytes, but a start would refuse them. */
Test(damage_live, a_file_that_became_a_link_is_noticed)
{
    struct run r;
    struct run_options opt = options(ORO_DURABLE_FULL);
    run_must_open(&r, &opt);
    add_some(&r, 1, 3);
    char *path = path_in("game.db");
    put_link(path);
    while (oro_durable_trouble(r.durable) == NULL)
        usleep(1000);
    cr_assert_not(run_close(&r));
    oro_free(path);
}

/* Transactions of event tables at the end are not kept: the next ones follow what is. */
Test(damage_live, none_is_seen_after_transactions_that_are_not_kept)
{
    static const char *const with_event[] = {"entry public id:u64:pk note:string",
                                             "bag public a:u32 b:string", "blast event n:u32",
                                             NULL};
    struct run_options opt = {.dir = dir, .lines = with_event, .mode = ORO_DURABLE_FULL};
    struct run r;
    struct oro_bb row = {0};
    run_must_open(&r, &opt);
    add_some(&r, 1, 3);
    oro_bb_u32(&row, 1);
    struct oro_tx *tx = oro_tx_begin(r.se, false);
    run_insert(&r, tx, "blast", &row);
    run_wait_durable(&r, run_commit(&r, tx));
    oro_bb_fini(&row);
    /* As a reload does it: the same store goes on with the files opened anew. */
    struct oro_durable_options o = {.dir = dir, .name = "game", .mode = ORO_DURABLE_FULL};
    struct oro_err err = {0};
    cr_assert(oro_durable_stop(r.durable));
    cr_assert_eq(oro_durable_open(&o, r.schema, &r.durable, &err), ORO_OK, "%s", err.text);
    oro_durable_continue(r.durable, r.store);
    cr_assert_eq(oro_durable_start(r.durable, r.store, &err), ORO_OK, "%s", err.text);
    uint64_t seq = add(&r, 4);
    while (oro_durable_seq(r.durable) < seq)
        usleep(1000);
    char *command = oro_asprintf("mkdir %s/c && cp %s/game.* %s/c", dir, dir, dir);
    cr_assert_eq(system(command), 0);
    run_close(&r);
    char *copy = path_in("c");
    opt.dir = copy;
    cr_assert_eq(run_open(&r, &opt, &err), ORO_OK, "%s", err.text);
    cr_assert_eq(run_count(&r, "entry"), 4);
    run_close(&r);
    oro_free(command);
    temp_dir_remove(copy);
}
