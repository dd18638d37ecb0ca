#include "runtime/log/lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/assert.h"
#include "runtime/base/file.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"

/* ---- locks ---- */

static oro_status
in_use(const char *path, int lock_file, struct oro_err *err)
{
    char pid[32] = "";
    ssize_t n = lock_file >= 0 ? pread(lock_file, pid, sizeof(pid) - 1, 0) : 0;
    pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
    return oro_err_set(err, ORO_EIO, "the database %s is in use by another server%s%s", path,
                       pid[0] != '\0' ? ", process " : "", pid);
}

/* *fd: -1 where there is no file and none is made. */
static oro_status
lock_path(const char *path, bool make, int *fd, bool *taken, struct oro_err *err)
{
    oro_status st = make ? oro_file_prepare(path, err) : ORO_OK;
    *taken = false;
    *fd = -1;
    if (st != ORO_OK)
        return st;
    int lock = open(path, O_RDWR | O_CLOEXEC);
    if (lock < 0)
        return !make && errno == ENOENT
                   ? ORO_OK
                   : oro_err_set(err, ORO_EIO, "cannot open %s: %s", path, strerror(errno));
    *fd = lock;
    *taken = flock(lock, LOCK_EX | LOCK_NB) != 0;
    return ORO_OK;
}

static oro_status
lock_file(struct data_locks *l, const char *path, const char *database, struct oro_err *err)
{
    bool taken;
    oro_status st = lock_path(path, true, &l->file, &taken, err);
    if (st == ORO_OK && taken)
        st = in_use(database, l->file, err);
    return st;
}

static oro_status
lock_database(struct data_locks *l, const char *path, bool make, struct oro_err *err)
{
    bool taken;
    ORO_ASSERT(l->database < 0);
    oro_status st = lock_path(path, make, &l->database, &taken, err);
    if (st == ORO_OK && taken) /* its lock file was deleted: ours says nothing of that process */
        st = in_use(path, -1, err);
    return st;
}

#define HELD_DATA "data"

static void
lock_write(const struct data_locks *l)
{
    char text[64];
    int n =
        snprintf(text, sizeof(text), "%d\n%s", (int)getpid(), l->held_data ? HELD_DATA "\n" : "");
    /* For people, and for the next start: nothing depends on it being there. */
    if (pwrite(l->file, text, (size_t)n, 0) == n)
        (void)!ftruncate(l->file, n);
}

static bool
lock_says_data(int file)
{
    char text[64] = "";
    ssize_t n = pread(file, text, sizeof(text) - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    return strstr(text, HELD_DATA) != NULL;
}

void
data_lock_note(struct data_locks *l)
{
    l->held_data = true;
    lock_write(l);
}

static const char *const file_ends[] = {".db",       ".db-wal",     ".db-shm",     ".db-journal",
                                        ".db-log",   ".db-log-wal", ".db-log-shm", ".db-confirmed",
                                        ".db-frame", ".lock"};

static oro_status
check_regular(const char *path, bool replaced, struct oro_err *err)
{
    struct stat s;
    if (lstat(path, &s) != 0 || S_ISREG(s.st_mode) || (replaced && !S_ISDIR(s.st_mode)))
        return ORO_OK;
    if (S_ISLNK(s.st_mode))
        return oro_err_set(err, ORO_EIO,
                           "%s is a link, and what SQLite writes would be beside its target: put "
                           "the file itself there (the whole folder may be a link). Nothing was "
                           "changed",
                           path);
    return oro_err_set(err, ORO_EIO,
                       "%s is %s and has to be a file: move it away, and bring back the file that "
                       "was there, if there was one. Nothing was changed",
                       path, S_ISDIR(s.st_mode) ? "a folder" : "something else than a file");
}

oro_status
data_check_files(const char *dir, const char *name, bool replaced, struct oro_err *err)
{
    oro_status st = ORO_OK;
    for (size_t i = 0; st == ORO_OK && i < ORO_ARRAY_LEN(file_ends); i++) {
        char *path = oro_asprintf("%s/%s%s", dir, name, file_ends[i]);
        st = check_regular(path, replaced, err);
        oro_free(path);
    }
    return st;
}

void
data_clear_others(const char *dir, const char *name)
{
    for (size_t i = 0; i < ORO_ARRAY_LEN(file_ends); i++) {
        struct stat s;
        char *path = oro_asprintf("%s/%s%s", dir, name, file_ends[i]);
        if (lstat(path, &s) == 0 && !S_ISREG(s.st_mode))
            (void)!unlink(path);
        oro_free(path);
    }
}

oro_status
data_lock(struct data_locks *l, const char *dir, const char *name, struct oro_err *err)
{
    char *path = oro_asprintf("%s/%s.lock", dir, name);
    char *database = oro_asprintf("%s/%s.db", dir, name);
    *l = DATA_LOCKS_NONE;
    oro_status st = lock_file(l, path, database, err);
    if (st == ORO_OK)
        st = lock_database(l, database, false, err);
    if (st == ORO_OK) {
        l->held_data = lock_says_data(l->file);
        lock_write(l);
    } else {
        data_unlock(l);
    }
    oro_free(path);
    oro_free(database);
    return st;
}

oro_status
data_lock_database(struct data_locks *l, const char *path, struct oro_err *err)
{
    if (l->database >= 0)
        close(l->database);
    l->database = -1;
    return lock_database(l, path, true, err);
}

void
data_unlock(struct data_locks *l)
{
    if (l->database >= 0)
        close(l->database);
    if (l->file >= 0)
        close(l->file);
    *l = DATA_LOCKS_NONE;
}

/* ---- for the eyes of its owner ---- */

/* Of the folder, beside those of its databases. */
static const char *const folder_files[] = {"environment", "id_ecdsa", "id_ecdsa.pub",
                                           "owner.token"};

static bool
is_ours(const char *file)
{
    if (strcmp(file, ".") == 0 || strcmp(file, "..") == 0)
        return true;
    for (size_t i = 0; i < ORO_ARRAY_LEN(folder_files); i++)
        if (strcmp(file, folder_files[i]) == 0)
            return true;
    size_t len = strlen(file);
    return strstr(file, ".db") != NULL || (len > 5 && strcmp(file + len - 5, ".lock") == 0) ||
           (len > 4 && strcmp(file + len - 4, ".tmp") == 0);
}

static bool
holds_only_ours(const char *dir)
{
    DIR *d = opendir(dir);
    bool ours = d != NULL;
    for (struct dirent *e; ours && (e = readdir(d)) != NULL;)
        ours = is_ours(e->d_name);
    if (d != NULL)
        closedir(d);
    return ours;
}

static void
hide_folder(const char *dir)
{
    struct stat s;
    if (stat(dir, &s) != 0 || (s.st_mode & 077) == 0)
        return;
    if (s.st_uid == geteuid() && holds_only_ours(dir) && chmod(dir, 0700) == 0)
        return;
    oro_log(ORO_LOG_WARN, "durable",
            "the data folder %s may be looked into by other users (mode %o), and other files are "
            "in it: `chmod 700 %s` if it is for this data alone",
            dir, (unsigned)s.st_mode & 0777, dir);
}

void
data_hide(const char *dir, const char *name)
{
    hide_folder(dir);
    for (size_t i = 0; i < ORO_ARRAY_LEN(file_ends); i++) {
        char *path = oro_asprintf("%s/%s%s", dir, name, file_ends[i]);
        oro_file_hide(path);
        oro_file_sweep(path);
        oro_free(path);
    }
    for (size_t i = 0; i < ORO_ARRAY_LEN(folder_files); i++) {
        char *path = oro_asprintf("%s/%s", dir, folder_files[i]);
        oro_file_sweep(path); /* a value that was taken back would stay in one */
        oro_free(path);
    }
}
