#include "tests/durable/damage.h"

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

const char *const damage_lines[] = {"entry public id:u64:pk note:string",
                                    "bag public a:u32 b:string", NULL};

struct shared *shared;

char *dir;

void
damage_setup(void)
{
    dir = temp_dir_make();
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ORO_ASSERT(shared != MAP_FAILED);
}

void
damage_teardown(void)
{
    temp_dir_remove(dir);
}

/* ---- a server ---- */

struct run_options
options(enum oro_durability mode)
{
    return (struct run_options){.dir = dir, .lines = damage_lines, .mode = mode};
}

uint64_t
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

void
add_some(struct run *r, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i <= to; i++) {
        run_wait_durable(r, add(r, i));
        atomic_store(&shared->confirmed, i);
    }
}

void
first_life(void)
{
    struct run r;
    struct run_options opt = options(ORO_DURABLE_FULL);
    run_must_open(&r, &opt);
    add_some(&r, 1, BEFORE);
    oro_durable_checkpoint(r.durable, 20000000);
    add_some(&r, BEFORE + 1, ALL);
}

void
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

void
clean_stop(void)
{
    struct run r;
    struct run_options opt = options(ORO_DURABLE_FULL);
    run_must_open(&r, &opt);
    add_some(&r, 1, ALL);
    ORO_ASSERT(run_close(&r));
}

/* ---- the folder, kept and put back ---- */

struct kept kept[MOST_FILES];
size_t nkept;

char *
path_in(const char *name)
{
    return oro_asprintf("%s/%s", dir, name);
}

void
write_file(const char *name, const uint8_t *bytes, size_t len)
{
    char *path = path_in(name);
    FILE *f = fopen(path, "w");
    ORO_ASSERT(f != NULL && fwrite(bytes, 1, len, f) == len);
    fclose(f);
    oro_free(path);
}

void
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

void
put_back(void)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    for (size_t i = 0; i < nkept; i++)
        write_file(kept[i].name, kept[i].bytes, kept[i].len);
}

void
forget_kept(void)
{
    for (size_t i = 0; i < nkept; i++)
        oro_free(kept[i].bytes);
}

/* ---- what became of it ---- */

/* Rows 1 to n, each as it was written, and nothing by half. Gives n, or UINT64_MAX. */
uint64_t
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

void
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
bool
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

void
put_link(const char *path)
{
    char *target = oro_asprintf("%s.target", path);
    (void)!rename(path, target);
    ORO_ASSERT(symlink(target, path) == 0);
    oro_free(target);
}
