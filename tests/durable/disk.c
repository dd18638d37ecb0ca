#include "tests/durable/disk.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/mem.h"

#define SECTOR 512

/* Not synced: bytes at an offset, or (bytes NULL) a new size. */
struct change {
    int64_t at;
    size_t len;
    uint8_t *bytes;
};

struct content {
    char *path;
    uint8_t *synced; /* what a power cut leaves for sure */
    size_t len;
    struct change *changes;
    size_t n, cap;
    struct content *next;
};

struct file {
    sqlite3_file base;
    struct content *content; /* NULL: a file that does not outlive its connection */
    sqlite3_file *real;      /* behind this */
};

static struct {
    pthread_mutex_t lock;
    sqlite3_vfs *real, vfs;
    struct content *contents;
    unsigned count, cut;
    enum disk_loss loss;
    unsigned failing, passed; /* from which one on; how many there were */
    int fails_with;           /* an SQLite code of writes or of syncs; SQLITE_OK: none */
    const char *files, *lie;
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- what is on the disk ---- */

static void
content_resize(struct content *c, size_t len)
{
    if (len > c->len) {
        c->synced = oro_realloc(c->synced, len);
        memset(c->synced + c->len, 0, len - c->len);
    }
    c->len = len;
}

static void
content_apply(struct content *c, const struct change *ch, size_t len)
{
    if (ch->bytes == NULL) {
        content_resize(c, (size_t)ch->at);
        return;
    }
    if (len == 0)
        return; /* nothing of it came to be */
    if ((size_t)ch->at + len > c->len)
        content_resize(c, (size_t)ch->at + len);
    memcpy(c->synced + ch->at, ch->bytes, len);
}

static void
content_forget(struct content *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->changes[i].bytes);
    c->n = 0;
}

static void
content_sync(struct content *c)
{
    for (size_t i = 0; i < c->n; i++)
        content_apply(c, &c->changes[i], c->changes[i].len);
    content_forget(c);
}

static void
content_change(struct content *c, int64_t at, const void *bytes, size_t len)
{
    c->changes = oro_grow(c->changes, c->n, &c->cap, sizeof(*c->changes));
    struct change *ch = &c->changes[c->n++];
    *ch = (struct change){.at = at, .len = len};
    if (bytes != NULL) {
        ch->bytes = malloc(len + 1);
        memcpy(ch->bytes, bytes, len);
    }
}

/* What was there before it was opened counts as synced. */
static struct content *
content_of(const char *path, sqlite3_file *real)
{
    struct content *c = disk.contents;
    while (c != NULL && strcmp(c->path, path) != 0)
        c = c->next;
    if (c != NULL)
        return c;
    sqlite3_int64 len = 0;
    c = calloc(1, sizeof(*c));
    c->path = strdup(path);
    c->next = disk.contents;
    disk.contents = c;
    real->pMethods->xFileSize(real, &len);
    if (len > 0) {
        content_resize(c, (size_t)len);
        real->pMethods->xRead(real, c->synced, (int)len, 0);
    }
    return c;
}

/* ---- the power cut ---- */

static bool
is_spared(const struct change *ch, size_t i, size_t n, size_t *len)
{
    *len = ch->len;
    switch (disk.loss) {
    case DISK_KEEPS:
        return true;
    case DISK_TEARS:
        if (i + 1 == n)
            *len = ch->len / 2 / SECTOR * SECTOR;
        return ch->bytes != NULL || i + 1 < n;
    case DISK_SHUFFLES:
        return ((disk.cut + i) * 2654435761u >> 13) % 2 == 0;
    default:
        return false;
    }
}

static void
write_out(struct content *c)
{
    for (size_t i = 0; i < c->n; i++) {
        size_t len;
        if (is_spared(&c->changes[i], i, c->n, &len))
            content_apply(c, &c->changes[i], len);
    }
    FILE *f = fopen(c->path, "r+");
    char *part = f == NULL ? strstr(c->path, ".part") : NULL;
    if (part != NULL) { /* has its real name by now */
        *part = '\0';
        f = fopen(c->path, "r+");
    }
    if (f == NULL)
        return; /* deleted */
    if (ftruncate(fileno(f), 0) != 0 || fwrite(c->synced, 1, c->len, f) != c->len)
        abort();
    fclose(f);
}

/* Lock held. */
static void
count_operation(void)
{
    if (++disk.count != disk.cut)
        return;
    for (struct content *c = disk.contents; c != NULL; c = c->next)
        write_out(c);
    _exit(DISK_EXIT);
}

/* Lock held. SQLITE_OK: goes through. */
static int
failure(const struct content *c, bool sync)
{
    bool of_syncs = disk.fails_with == SQLITE_IOERR_FSYNC;
    if (disk.fails_with == SQLITE_OK || of_syncs != sync ||
        (disk.files != NULL && strstr(c->path, disk.files) == NULL))
        return SQLITE_OK;
    return ++disk.passed >= disk.failing ? disk.fails_with : SQLITE_OK;
}

/* ---- files ---- */

static sqlite3_file *
real_of(sqlite3_file *f)
{
    return ((struct file *)f)->real;
}

static int
file_close(sqlite3_file *f)
{
    return real_of(f)->pMethods->xClose(real_of(f));
}

static int
file_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return real_of(f)->pMethods->xRead(real_of(f), p, n, at);
}

static int
file_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    struct content *c = ((struct file *)f)->content;
    int rc = SQLITE_OK;
    pthread_mutex_lock(&disk.lock);
    if (c != NULL && (rc = failure(c, false)) == SQLITE_OK) {
        content_change(c, at, p, (size_t)n);
        count_operation();
    }
    if (rc == SQLITE_OK)
        rc = real_of(f)->pMethods->xWrite(real_of(f), p, n, at);
    pthread_mutex_unlock(&disk.lock);
    return rc;
}

static int
file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    struct content *c = ((struct file *)f)->content;
    pthread_mutex_lock(&disk.lock);
    if (c != NULL) {
        content_change(c, size, NULL, 0);
        count_operation();
    }
    int rc = real_of(f)->pMethods->xTruncate(real_of(f), size);
    pthread_mutex_unlock(&disk.lock);
    return rc;
}

static bool
is_lie(const char *path)
{
    size_t n = strlen(path), k = disk.lie != NULL ? strlen(disk.lie) : 0;
    return k > 0 && n >= k && strcmp(path + n - k, disk.lie) == 0;
}

static bool held;
static pthread_cond_t let_go = PTHREAD_COND_INITIALIZER;

void
disk_hold_syncs(bool hold)
{
    pthread_mutex_lock(&disk.lock);
    held = hold;
    pthread_cond_broadcast(&let_go);
    pthread_mutex_unlock(&disk.lock);
}

static int
file_sync(sqlite3_file *f, int flags)
{
    struct content *c = ((struct file *)f)->content;
    int rc = SQLITE_OK;
    (void)flags;
    pthread_mutex_lock(&disk.lock);
    while (held)
        pthread_cond_wait(&let_go, &disk.lock);
    if (c != NULL) {
        count_operation();
        rc = failure(c, true);
        if (rc == SQLITE_OK && !is_lie(c->path))
            content_sync(c);
    }
    pthread_mutex_unlock(&disk.lock);
    return rc;
}

static int
file_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), size);
}

static int
file_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int
file_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int
file_reserved(sqlite3_file *f, int *out)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int
file_control(sqlite3_file *f, int op, void *arg)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int
file_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int
file_traits(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int
file_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}

static int
file_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}

static void
file_shm_barrier(sqlite3_file *f)
{
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int
file_shm_unmap(sqlite3_file *f, int remove)
{
    return real_of(f)->pMethods->xShmUnmap(real_of(f), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_traits,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

/* ---- the VFS ---- */

static int
disk_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out)
{
    struct file *file = (struct file *)f;
    (void)v;
    *file = (struct file){.real = (sqlite3_file *)(file + 1)};
    int rc = disk.real->xOpen(disk.real, name, file->real, flags, out);
    if (rc != SQLITE_OK)
        return rc;
    file->base.pMethods = &methods;
    int lasting = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL;
    if (name != NULL && (flags & lasting) != 0) {
        pthread_mutex_lock(&disk.lock);
        file->content = content_of(name, file->real);
        pthread_mutex_unlock(&disk.lock);
    }
    return SQLITE_OK;
}

/* At once and for good. */
static int
disk_delete(sqlite3_vfs *v, const char *name, int sync)
{
    (void)v;
    pthread_mutex_lock(&disk.lock);
    count_operation();
    int rc = disk.real->xDelete(disk.real, name, sync);
    for (struct content *c = disk.contents; c != NULL; c = c->next) {
        if (strcmp(c->path, name) == 0) {
            content_forget(c);
            c->len = 0;
        }
    }
    pthread_mutex_unlock(&disk.lock);
    return rc;
}

void
disk_mount(void)
{
    disk.real = sqlite3_vfs_find(NULL);
    disk.vfs = *disk.real;
    disk.vfs.zName = "failing";
    disk.vfs.pNext = NULL;
    disk.vfs.szOsFile = (int)sizeof(struct file) + disk.real->szOsFile;
    disk.vfs.xOpen = disk_open;
    disk.vfs.xDelete = disk_delete;
    sqlite3_vfs_register(&disk.vfs, 1);
}

void
disk_cut(unsigned n, enum disk_loss loss)
{
    pthread_mutex_lock(&disk.lock);
    disk.count = 0;
    disk.cut = n;
    disk.loss = loss;
    pthread_mutex_unlock(&disk.lock);
}

unsigned
disk_operations(void)
{
    pthread_mutex_lock(&disk.lock);
    unsigned n = disk.count;
    pthread_mutex_unlock(&disk.lock);
    return n;
}

static void
fail_from(unsigned n, int code, const char *files)
{
    pthread_mutex_lock(&disk.lock);
    disk.failing = n;
    disk.passed = 0;
    disk.fails_with = code;
    disk.files = files;
    pthread_mutex_unlock(&disk.lock);
}

void
disk_fill(unsigned n, const char *files)
{
    fail_from(n, SQLITE_FULL, files);
}

void
disk_break_writes(unsigned n, const char *files)
{
    fail_from(n, SQLITE_IOERR_WRITE, files);
}

void
disk_break_syncs(unsigned n, const char *files)
{
    fail_from(n, SQLITE_IOERR_FSYNC, files);
}

void
disk_heal(void)
{
    fail_from(0, SQLITE_OK, NULL);
}

void
disk_lie(const char *ending)
{
    disk.lie = ending;
}
