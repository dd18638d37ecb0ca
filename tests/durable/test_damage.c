/* Each file of the folder, removed, cut or with a wrong bit, after a clean stop, after a crash and while a server runs: either
 * everything that was confirmed is there, or it is refused, with the name of the database and what can be done. Never a silent
 * loss. */
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

#include "runtime/base/file.h"
#include "runtime/durable/backup.h"
#include "runtime/durable/durable_priv.h"
#include "tests/durable/run.h"

static const char *const lines[] = {"entry public id:u64:pk note:string",
                                    "bag public a:u32 b:string", NULL};

/* What the other process says. */
static struct shared {
    _Atomic uint64_t confirmed; /* entries 1 to this */
    _Atomic unsigned go, trouble;
} * shared;

static char *dir;

static void
setup(void)
{
    dir = temp_dir_make();
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ORO_ASSERT(shared != MAP_FAILED);
}

static void
teardown(void)
{
    temp_dir_remove(dir);
}

TestSuite(damage, .init = setup, .fini = teardown, .timeout = 600);

/* ---- a server ---- */

static struct run_options
options(enum oro_durability mode)
{
    return (struct run_options){.dir = dir, .lines = lines, .mode = mode};
}

static uint64_t
add(struct run *r, uint64_t id)
{
    struct oro_bb row = {0};
    char text[600];
    memset(text, 'a' + (int)(id % 26), sizeof(text));
    text[(id * 37) % sizeof(text)] = '\0';
    text[sizeof(text) - 1] = '\0';
    struct oro_tx *tx = oro_tx_begin(r->se, false);
    oro_bb_u64(&row, id);
    put_string(&row, text);
    run_insert(r, tx, "entry", &row);
    oro_bb_clear(&row);
    oro_bb_u32(&row, (uint32_t)id);
    put_string(&row, "in the bag");
    run_insert(r, tx, "bag", &row);
    oro_bb_fini(&row);
    return run_commit(r, tx);
}

static void
add_some(struct run *r, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i <= to; i++) {
        run_wait_durable(r, add(r, i));
        atomic_store(&shared->confirmed, i);
    }
}

#define BEFORE 10 /* in the tables */
#define ALL 24    /* the rest in the log */

static void
first_life(void)
{
    struct run r;
    struct run_options opt = options(ORO_DURABLE_FULL);
    run_must_open(&r, &opt);
    add_some(&r, 1, BEFORE);
    oro_durable_checkpoint(r.durable, 20000000);
    add_some(&r, BEFORE + 1, ALL);
}

static void
in_process(void (*body)(void))
{
    pid_t pid = fork();
    ORO_ASSERT(pid >= 0);
    if (pid == 0) {
        body();
        _exit(0);
    }
    int status;
    ORO_ASSERT(waitpid(pid, &status, 0) == pid);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", status);
}

static void
clean_stop(void)
{
    struct run r;
    struct run_options opt = options(ORO_DURABLE_FULL);
    run_must_open(&r, &opt);
    add_some(&r, 1, ALL);
    ORO_ASSERT(run_close(&r));
}

/* ---- the folder, kept and put back ---- */

#define MOST_FILES 16
static struct kept {
    char name[256];
    uint8_t *bytes;
    size_t len;
} kept[MOST_FILES];
static size_t nkept;

static char *
path_in(const char *name)
{
    return oro_asprintf("%s/%s", dir, name);
}

static void
write_file(const char *name, const uint8_t *bytes, size_t len)
{
    char *path = path_in(name);
    FILE *f = fopen(path, "w");
    ORO_ASSERT(f != NULL && fwrite(bytes, 1, len, f) == len);
    fclose(f);
    oro_free(path);
}

static void
keep_folder(void)
{
    DIR *d = opendir(dir);
    nkept = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        struct kept *k = &kept[nkept++];
        char *path = path_in(e->d_name);
        struct stat s;
        ORO_ASSERT(nkept <= MOST_FILES && stat(path, &s) == 0);
        snprintf(k->name, sizeof(k->name), "%s", e->d_name);
        k->len = (size_t)s.st_size;
        k->bytes = oro_alloc(k->len + 1);
        FILE *f = fopen(path, "r");
        ORO_ASSERT(f != NULL && fread(k->bytes, 1, k->len, f) == k->len);
        fclose(f);
        oro_free(path);
    }
    closedir(d);
}

static void
put_back(void)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    for (size_t i = 0; i < nkept; i++)
        write_file(kept[i].name, kept[i].bytes, kept[i].len);
}

static void
forget_kept(void)
{
    for (size_t i = 0; i < nkept; i++)
        oro_free(kept[i].bytes);
}

/* ---- what became of it ---- */

/* Rows 1 to n, each as it was written, and nothing by half. Gives n, or UINT64_MAX. */
static uint64_t
entries_of(struct run *r)
{
    struct oro_rows rows;
    uint64_t sum = 0, n;
    oro_read_begin(r->se);
    oro_read_scan(r->se, fixture_table(r->schema, "entry"), &rows);
    n = rows.n;
    for (size_t i = 0; i < rows.n; i++) {
        uint64_t id;
        memcpy(&id, rows.rows[i].data, 8);
        sum += id;
    }
    oro_read_scan(r->se, fixture_table(r->schema, "bag"), &rows);
    bool whole = rows.n == n && sum == n * (n + 1) / 2;
    oro_read_end(r->se);
    return whole ? n : UINT64_MAX;
}

static void
expect_told(const struct oro_err *err, const char *what)
{
    static const char *const remedies[] = {"Restore a backup", "orochi repair", "--delete-data",
                                           "Keep the file", "newer version"};
    bool told = false;
    for (size_t i = 0; i < ORO_ARRAY_LEN(remedies); i++)
        told |= strstr(err->text, remedies[i]) != NULL;
    cr_assert(told, "%s: no remedy: %s", what, err->text);
    cr_assert_not_null(strstr(err->text, "game.db"), "%s: %s", what, err->text);
}

/* True: refused. */
static bool
full_or_refused(uint64_t want, const char *what)
{
    struct run r;
    struct run_options opt = options(ORO_DURABLE_OFF);
    struct oro_err err = {0};
    if (run_open(&r, &opt, &err) != ORO_OK) {
        expect_told(&err, what);
        return true;
    }
    uint64_t found = entries_of(&r);
    cr_assert_eq(found, want, "%s: %lld of %llu are there, without a word", what, (long long)found,
                 (unsigned long long)want);
    run_close(&r);
    return false;
}

/* The copy that the refusal offers starts, and holds whole transactions up to one of them, unless rows of the tables are gone. */
static void
expect_prefix_by_repair(const char *what)
{
    struct oro_err err = {0};
    struct run r;
    struct run_options opt = options(ORO_DURABLE_OFF);
    char *file = path_in("copy"), *report;
    oro_status st = oro_repair(dir, "game", file, true, &report, &err);
    if (st == ORO_OK) {
        cr_assert_eq(oro_restore(file, dir, "game", true, &err), ORO_OK, "%s: %s", what, err.text);
        cr_assert_eq(run_open(&r, &opt, &err), ORO_OK, "%s, repaired: %s", what, err.text);
        cr_assert(entries_of(&r) <= ALL || strstr(what, "-log") == NULL, "%s, repaired", what);
        run_close(&r);
    } else {
        cr_assert_neq(err.text[0], '\0', "%s", what);
    }
    oro_free(report);
    oro_free(file);
}

static unsigned
try(const char *name, const uint8_t *bytes, size_t len, bool there, const char *how, size_t at)
{
    char *what = oro_asprintf("%s %s %zu", name, how, at), *path = path_in(name);
    put_back();
    if (there)
        write_file(name, bytes, len);
    else
        unlink(path);
    bool refused = full_or_refused(ALL, what);
    if (refused) {
        refused = full_or_refused(ALL, what); /* and it stays so */
        cr_assert(refused, "%s: the second start takes it", what);
        expect_prefix_by_repair(what);
    }
    oro_free(what);
    oro_free(path);
    return refused;
}

static unsigned
each_damage(const struct kept *k, size_t flips)
{
    unsigned refused = try(k->name, NULL, 0, false, "removed", 0);
    refused += try(k->name, NULL, 0, true, "cut to", 0);
    for (size_t i = 1; i < 8 && k->len * i / 8 + i < k->len; i++)
        refused += try(k->name, k->bytes, k->len * i / 8 + i, true, "cut to", k->len * i / 8 + i);
    if (k->len > 0)
        refused += try(k->name, k->bytes, k->len - 1, true, "cut to", k->len - 1);
    for (size_t i = 0; i <= flips && k->len > 0; i++) {
        size_t at = i * (k->len - 1) / flips;
        k->bytes[at] ^= 0x10;
        refused += try(k->name, k->bytes, k->len, true, "flipped at", at);
        k->bytes[at] ^= 0x10;
    }
    return refused;
}

/* Gives how many were refused. */
static unsigned
matrix(size_t flips)
{
    unsigned refused = 0;
    keep_folder();
    for (size_t i = 0; i < nkept; i++) {
        unsigned n = each_damage(&kept[i], flips);
        refused += n;
        /* What nothing depends on may be lost. */
        if (strstr(kept[i].name, ".lock") != NULL || strstr(kept[i].name, "-shm") != NULL ||
            strstr(kept[i].name, "-confirmed") != NULL)
            cr_assert_eq(n, 0, "%s: %u refused", kept[i].name, n);
    }
    put_back();
    cr_assert_not(full_or_refused(ALL, "undamaged"));
    forget_kept();
    return refused;
}

Test(damage, of_each_file_after_a_clean_stop)
{
    in_process(clean_stop);
    cr_assert_gt(matrix(40), 10);
}

Test(damage, of_each_file_after_a_crash)
{
    in_process(first_life);
    cr_assert_gt(matrix(40), 40);
}

/* ---- no file at all ---- */

static void
put_link(const char *path)
{
    char *target = oro_asprintf("%s.target", path);
    (void)!rename(path, target);
    ORO_ASSERT(symlink(target, path) == 0);
    oro_free(target);
}

static void
put_fifo(const char *path)
{
    unlink(path);
    ORO_ASSERT(mkfifo(path, 0600) == 0);
}

static void
put_folder(const char *path)
{
    unlink(path);
    ORO_ASSERT(mkdir(path, 0700) == 0);
}

/* Told with the file's name by whoever opens it; nobody waits, and nothing else is made in the folder. */
static void
expect_named(const char *name, const char *what)
{
    struct run r;
    struct run_options opt = options(ORO_DURABLE_OFF);
    struct oro_err err[4] = {0};
    char *copy = path_in("copy"), *report, *path = path_in(name);
    cr_assert_neq(run_open(&r, &opt, &err[0]), ORO_OK, "%s as %s", name, what);
    cr_assert_neq(oro_backup(dir, "game", copy, true, &err[1]), ORO_OK, "%s as %s", name, what);
    cr_assert_neq(oro_repair(dir, "game", copy, true, &report, &err[2]), ORO_OK);
    oro_free(report);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_not_null(strstr(err[i].text, path), "%s as %s: %s", name, what, err[i].text);
        cr_assert_not_null(strstr(err[i].text, what), "%s as %s: %s", name, what, err[i].text);
    }
    oro_free(copy);
    oro_free(path);
}

/* What replaces everything replaces that as well; a folder is in the way. */
static void
expect_restored(const char *backup, const char *name, const char *what)
{
    struct oro_err err = {0};
    oro_status st = oro_restore(backup, dir, "game", true, &err);
    if (strcmp(what, "a folder") == 0) {
        cr_assert_eq(st, ORO_EIO);
        cr_assert_not_null(strstr(err.text, name), "%s", err.text);
        return;
    }
    cr_assert_eq(st, ORO_OK, "%s as %s: %s", name, what, err.text);
    cr_assert_not(full_or_refused(ALL, what));
}

Test(damage, a_link_a_fifo_or_a_folder_in_place_of_a_file)
{
    static const char *const names[] = {"game.db",          "game.db-wal",     "game.db-shm",
                                        "game.db-log",      "game.db-log-wal", "game.db-log-shm",
                                        "game.db-confirmed"};
    static const struct {
        const char *what;
        void (*put)(const char *path);
    } ways[] = {{"a link", put_link}, {"something else", put_fifo}, {"a folder", put_folder}};
    struct oro_err err = {0};
    in_process(first_life);
    keep_folder();
    char *backup = oro_asprintf("%s-backup", dir);
    cr_assert_eq(oro_backup(dir, "game", backup, true, &err), ORO_OK, "%s", err.text);
    for (size_t i = 0; i < ORO_ARRAY_LEN(names) * ORO_ARRAY_LEN(ways); i++) {
        const char *name = names[i / ORO_ARRAY_LEN(ways)];
        char *path = path_in(name);
        put_back();
        ways[i % ORO_ARRAY_LEN(ways)].put(path);
        expect_named(name, ways[i % ORO_ARRAY_LEN(ways)].what);
        expect_restored(backup, name, ways[i % ORO_ARRAY_LEN(ways)].what);
        if (unlink(path) != 0)
            rmdir(path);
        oro_free(path);
    }
    put_back();
    cr_assert_not(full_or_refused(ALL, "as it was"));
    unlink(backup);
    oro_free(backup);
    forget_kept();
}

/* What is wrong with the log does not send anybody to the tables. */
Test(damage, of_the_log_is_told_of_the_log)
{
    struct run r;
    struct run_options opt = options(ORO_DURABLE_OFF);
    struct oro_err err = {0};
    in_process(first_life);
    char *log = path_in("game.db-log");
    struct db *db;
    int64_t batches = 0;
    cr_assert_eq(db_open(log, &db, &err), ORO_OK, "%s", err.text);
    cr_assert_eq(db_int(db, "SELECT count(*) FROM _orochi_log", &batches, &err), ORO_OK);
    cr_assert_gt(batches, 0);
    db_close(db); /* with the WAL in the file: a page in it may stand for the one that is spoiled */
    int fd = open(log, O_WRONLY);
    cr_assert_eq(pwrite(fd, "nothing that SQLite knows", 25, 0), 25);
    close(fd);
    cr_assert_neq(run_open(&r, &opt, &err), ORO_OK);
    char *told = oro_asprintf("its log %s is damaged", log);
    cr_assert_not_null(strstr(err.text, told), "%s", err.text);
    cr_assert_not_null(strstr(err.text, "orochi repair"), "%s", err.text);
    cr_assert_null(strstr(err.text, ".recover"), "%s", err.text);
    oro_free(told);
    oro_free(log);
}

/* Every byte of the last group commit, and each frame of all of them. */
Test(damage, no_bit_of_the_log_goes_unnoticed)
{
    in_process(first_life);
    keep_folder();
    for (size_t i = 0; i < nkept; i++) {
        struct kept *k = &kept[i];
        if (strcmp(k->name, "game.db-log-wal") != 0)
            continue;
        unsigned refused = 0, n = 0;
        size_t frame = LOG_PAGE + 24, frames = (k->len - 32) / frame;
        cr_assert_geq(frames, ALL - BEFORE);
        for (size_t f = 0; f < frames; f++) {
            for (size_t at = 32 + f * frame; at < 32 + (f + 1) * frame; at += frame / 5) {
                k->bytes[at] ^= 1;
                refused += try(k->name, k->bytes, k->len, true, "flipped at", at);
                k->bytes[at] ^= 1;
                n++;
            }
        }
        cr_assert_geq(refused, (ALL - BEFORE) * 5, "%u of %u", refused, n);
    }
    forget_kept();
}

/* After a power cut what is known of the end may be old: the WAL itself says that it goes on. */
Test(damage, in_the_middle_is_told_from_a_torn_end)
{
    in_process(first_life);
    keep_folder();
    char *path = path_in("game.db-confirmed");
    struct confirmed c;
    cr_assert(confirmed_read(path, &c));
    for (size_t i = 0; i < nkept; i++) {
        struct kept *k = &kept[i];
        if (strcmp(k->name, "game.db-log-wal") != 0)
            continue;
        size_t frame = LOG_PAGE + 24, frames = (k->len - 32) / frame;
        for (size_t f = 0; f < frames; f++) {
            struct confirmed old = confirmed_now(c.log_id, true, BEFORE);
            int fd;
            put_back();
            cr_assert_eq(confirmed_make(path, &old, &fd, NULL), ORO_OK);
            close(fd);
            k->bytes[32 + f * frame + 100] ^= 1;
            write_file(k->name, k->bytes, k->len);
            k->bytes[32 + f * frame + 100] ^= 1;
            struct run r;
            struct run_options opt = options(ORO_DURABLE_OFF);
            struct oro_err err = {0};
            oro_status st = run_open(&r, &opt, &err);
            if (st == ORO_OK) { /* of the last transaction it cannot be told */
                cr_assert_geq(entries_of(&r), ALL - 1, "frame %zu of %zu", f, frames);
                run_close(&r);
            } else {
                cr_assert_not_null(strstr(err.text, "is damaged at byte"), "%s", err.text);
            }
        }
    }
    forget_kept();
    oro_free(path);
}

/* ---- while it runs ---- */

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
        for (unsigned how = 0; how < 5; how++) {
            if (strstr(names[i], "-shm") != NULL && how > 1)
                continue; /* is mapped: cutting it ends any process of SQLite's with SIGBUS */
            char *what = oro_asprintf("%s, way %u, %s", names[i], how, gently ? "stop" : "kill");
            put_back();
            pid_t pid = begin_second_life();
            damage_live(names[i], how);
            bool has = how <= 1 && i < 5 && strstr(names[i], "-shm") == NULL;
            let_it_run(has);
            cr_assert(!has || atomic_load(&shared->trouble), "%s: not noticed", what);
            if (gently) {
                end_gently(pid, what);
            } else {
                kill(pid, SIGKILL);
                ORO_ASSERT(waitpid(pid, NULL, 0) == pid);
                expect_all_or_told(what);
            }
            oro_free(what);
        }
    }
    forget_kept();
}

Test(damage, while_it_runs_then_a_stop)
{
    damage_while_running(true);
}

Test(damage, while_it_runs_then_a_kill)
{
    damage_while_running(false);
}

/* ---- one by one ---- */

Test(damage, a_removed_folder_is_noticed_while_idle)
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
Test(damage, a_database_that_is_cut_is_noticed_and_a_vacuum_is_not)
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
Test(damage, a_file_that_became_a_link_is_noticed)
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
Test(damage, none_is_seen_after_transactions_that_are_not_kept)
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
