#include "runtime/log/presence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/mem.h"

/* Smaller is no database. */
#define DATABASE_LEAST 512

oro_status
presence_begin(struct presence *p, const char *dir, const char *name, int tables, off_t wal_keep,
               struct oro_err *err)
{
    static const char *const ends[] = {"", "-wal", "-log", "-log-wal"};
    char *real = realpath(dir, NULL);
    if (real == NULL)
        return oro_err_set(err, ORO_EIO, "the data folder %s: %s", dir, strerror(errno));
    *p = (struct presence){.dir = oro_strdup(real), .tables = tables, .wal_keep = wal_keep};
    free(real);
    for (size_t i = 0; i < PRESENCE_FILES; i++)
        p->files[i].path = oro_asprintf("%s/%s.db%s", p->dir, name, ends[i]);
    p->files[PRESENCE_TABLES].size = DATABASE_LEAST;
    p->log = open(p->files[PRESENCE_LOG].path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    return presence_check(p, INT64_MAX, err);
}

/* What the database's head says of its size. SQLite writes the head before it cuts the file. */
static off_t
size_by_head(int fd)
{
    uint8_t head[32];
    if (pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head))
        return DATABASE_LEAST;
    off_t page = head[16] << 8 | head[17];
    off_t pages = (off_t)head[28] << 24 | head[29] << 16 | head[30] << 8 | head[31];
    return (page == 1 ? 65536 : page) * pages;
}

/* What a file may not be smaller than, once it had the size that we know. The database may shrink: somebody vacuums it. */
static off_t
least_size(const struct presence *p, size_t i, off_t now)
{
    off_t size = p->files[i].size;
    switch (i) {
    case PRESENCE_TABLES:
        return now < size && now >= DATABASE_LEAST ? size_by_head(p->tables) : DATABASE_LEAST;
    case PRESENCE_TABLES_WAL:
        return 0;
    case PRESENCE_LOG_WAL:
        return size < p->wal_keep ? size : p->wal_keep;
    default:
        return size;
    }
}

static oro_status
check_file(struct presence *p, size_t i, struct oro_err *err)
{
    const char *path = p->files[i].path;
    struct stat s;
    if (lstat(path, &s) != 0) /* a link is another file: the next start refuses it */
        return errno == ENOENT && !p->files[i].known && i != PRESENCE_TABLES && i != PRESENCE_LOG
                   ? ORO_OK
                   : oro_err_set(err, ORO_EIO, "%s was removed or renamed (%s)", path,
                                 strerror(errno));
    if (p->files[i].known && (s.st_ino != p->files[i].inode || s.st_dev != p->files[i].device))
        return oro_err_set(err, ORO_EIO, "%s was replaced by another file", path);
    if (p->files[i].known && s.st_size < least_size(p, i, s.st_size))
        return oro_err_set(err, ORO_EIO, "%s was cut from %lld bytes to %lld", path,
                           (long long)p->files[i].size, (long long)s.st_size);
    p->files[i].known = true;
    p->files[i].device = s.st_dev;
    p->files[i].inode = s.st_ino;
    p->files[i].size = s.st_size;
    return ORO_OK;
}

/* What each kind of file begins with. A WAL is empty, or has a head, which is written in one piece. */
static bool
has_head(int fd, bool wal)
{
    static const char database[] = "SQLite format 3";
    uint8_t head[16];
    ssize_t n = pread(fd, head, sizeof(head), 0);
    if (wal)
        return n < (ssize_t)sizeof(head) ||
               (head[0] == 0x37 && head[1] == 0x7f && head[2] == 0x06 && (head[3] & 0xfe) == 0x82);
    return n == (ssize_t)sizeof(head) && memcmp(head, database, sizeof(database)) == 0;
}

/* Somebody has written into it: then he has begun at its head, or a checksum finds it at the next start. */
static oro_status
check_head(struct presence *p, size_t i, struct oro_err *err)
{
    const char *path = p->files[i].path;
    bool wal = i == PRESENCE_TABLES_WAL || i == PRESENCE_LOG_WAL;
    int fd = i == PRESENCE_TABLES ? p->tables
             : i == PRESENCE_LOG  ? p->log
                                  : open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool fine = fd < 0 || has_head(fd, wal);
    if (wal && fd >= 0) /* SQLite has no locks on it */
        close(fd);
    p->files[i].headed |= fine;
    /* Without one from the start, it is in the WAL, from where it will be copied. */
    return fine || !p->files[i].headed
               ? ORO_OK
               : oro_err_set(err, ORO_EIO, "%s was overwritten: its head is no %s's any more", path,
                             wal ? "WAL" : "database");
}

oro_status
presence_check(struct presence *p, int64_t now_us, struct oro_err *err)
{
    bool all = now_us - p->looked_us >= PRESENCE_US;
    if (all)
        p->looked_us = now_us != INT64_MAX ? now_us : 0;
    for (size_t i = all ? 0 : PRESENCE_LOG; i < PRESENCE_FILES; i++) {
        oro_status st = check_file(p, i, err);
        if (st == ORO_OK && all)
            st = check_head(p, i, err);
        if (st != ORO_OK)
            return st;
    }
    return ORO_OK;
}

void
presence_end(struct presence *p)
{
    for (size_t i = 0; i < PRESENCE_FILES; i++)
        oro_free(p->files[i].path);
    if (p->dir != NULL && p->log >= 0)
        close(p->log);
    oro_free(p->dir);
    *p = (struct presence){0};
}
