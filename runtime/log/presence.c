#include "runtime/log/presence.h"

#include <errno.h>
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

oro_status
presence_check(struct presence *p, int64_t now_us, struct oro_err *err)
{
    bool all = now_us - p->looked_us >= PRESENCE_US;
    if (all)
        p->looked_us = now_us != INT64_MAX ? now_us : 0;
    for (size_t i = all ? 0 : PRESENCE_LOG; i < PRESENCE_FILES; i++) {
        oro_status st = check_file(p, i, err);
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
    oro_free(p->dir);
    *p = (struct presence){0};
}
