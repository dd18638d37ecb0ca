#include "runtime/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/base/thread.h"

#define FOR_OTHERS 077

static bool
is_folder(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

oro_status
oro_dir_make(const char *dir, struct oro_err *err)
{
    char *path = oro_strdup(dir);
    oro_status st = ORO_OK;
    for (char *p = path + (path[0] != '\0'); st == ORO_OK; p++) {
        char was = *p;
        if (was != '/' && was != '\0')
            continue;
        *p = '\0';
        bool made = mkdir(path, 0700) == 0;
        if (!made && errno == EEXIST && !is_folder(path))
            st = oro_err_set(err, ORO_EIO,
                             "%s has to be a folder, and there is something else of that name: "
                             "name another place, or move that away",
                             path);
        else if ((!made && errno != EEXIST) || (made && chmod(path, 0700) != 0))
            st = oro_err_set(err, ORO_EIO, "cannot make the folder %s: %s", path, strerror(errno));
        *p = was;
        if (was == '\0')
            break;
    }
    oro_free(path);
    return st;
}

void
oro_folder_remove(const char *dir)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            (void)unlinkat(dirfd(d), e->d_name, 0);
    if (d != NULL)
        closedir(d);
    (void)rmdir(dir);
}

oro_status
oro_file_sync(const char *path, struct oro_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    oro_status st = ORO_OK;
    if (fd < 0 || fsync(fd) != 0)
        st = oro_err_set(err, ORO_EIO, "cannot sync %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return st;
}

oro_status
oro_file_sync_folder_of(const char *path, struct oro_err *err)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash == NULL   ? oro_strdup(".")
                : slash == path ? oro_strdup("/")
                                : oro_strndup(path, (size_t)(slash - path));
    oro_status st = oro_file_sync(dir, err);
    oro_free(dir);
    return st;
}

/* 0 or an errno. */
static int
write_all(int fd, struct oro_bytes bytes)
{
    for (size_t at = 0; at < bytes.len;) {
        ssize_t n = write(fd, bytes.data + at, bytes.len - at);
        if (n < 0 && errno != EINTR)
            return errno;
        at += n > 0 ? (size_t)n : 0;
    }
    return fchmod(fd, 0600) != 0 || fsync(fd) != 0 ? errno : 0;
}

/* 0 or an errno. It is locked until *fd is closed, which tells it from one that a process which was killed has left. */
static int
write_beside(const char *temporary, struct oro_bytes bytes, int *fd)
{
    *fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (*fd < 0)
        return errno;
    (void)flock(*fd, LOCK_EX | LOCK_NB);
    return write_all(*fd, bytes);
}

/* A name is taken by a link: a rename would replace what another process has just made. Not every file system has links. */
static int
take_name(const char *from, const char *to)
{
    struct stat s;
    if (link(from, to) == 0)
        return 0;
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK)
        return errno;
    if (lstat(to, &s) == 0)
        return EEXIST;
    return rename(from, to) == 0 ? 0 : errno;
}

static oro_status
place(const char *path, struct oro_bytes bytes, bool replace, struct oro_err *err)
{
    ORO_ASSERT(oro_thread_role() != ORO_THREAD_NET); /* it waits for the disk */
    uint32_t number = (uint32_t)getpid();
    if (getrandom(&number, sizeof(number), 0) != sizeof(number))
        number ^= (uint32_t)getppid();
    char *temporary = oro_asprintf("%s.%u.tmp", path, number);
    int fd, why = write_beside(temporary, bytes, &fd);
    if (why == 0 && !replace)
        why = take_name(temporary, path);
    else if (why == 0 && rename(temporary, path) != 0)
        why = errno;
    if (why != 0 || !replace)
        unlink(temporary);
    if (fd >= 0)
        close(fd);
    oro_free(temporary);
    if (why == EEXIST && !replace)
        return oro_err_set(err, ORO_EEXISTS, "%s is there already", path);
    if (why != 0)
        return oro_err_set(err, ORO_EIO, "cannot write %s: %s", path, strerror(why));
    return oro_file_sync_folder_of(path, err);
}

oro_status
oro_file_put(const char *path, struct oro_bytes bytes, struct oro_err *err)
{
    return place(path, bytes, true, err);
}

static bool
is_temporary_of(const char *name, const char *file)
{
    size_t len = strlen(name);
    if (strncmp(file, name, len) != 0 || file[len] != '.')
        return false;
    const char *digits = file + len + 1;
    size_t n = strspn(digits, "0123456789");
    return n > 0 && strcmp(digits + n, ".tmp") == 0;
}

static void
remove_unlocked(int folder, const char *file)
{
    int fd = openat(folder, file, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        (void)unlinkat(folder, file, 0);
    close(fd);
}

void
oro_file_sweep(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    char *folder = slash != NULL ? oro_asprintf("%.*s/", (int)(slash - path), path) : NULL;
    DIR *d = opendir(folder != NULL ? folder : ".");
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        if (is_temporary_of(name, e->d_name))
            remove_unlocked(dirfd(d), e->d_name);
    if (d != NULL)
        closedir(d);
    oro_free(folder);
}

oro_status
oro_file_create(const char *path, struct oro_bytes bytes, struct oro_err *err)
{
    return place(path, bytes, false, err);
}

/* What is there instead of a file of ours; NULL: a file, or nothing. A link leads to somebody else's. */
static const char *
no_file(const char *path)
{
    struct stat s;
    if (lstat(path, &s) != 0 || S_ISREG(s.st_mode))
        return NULL;
    return S_ISDIR(s.st_mode)    ? "a folder"
           : S_ISLNK(s.st_mode)  ? "a link"
           : S_ISFIFO(s.st_mode) ? "a FIFO"
                                 : "something else than a file";
}

/* Of a FIFO the opening would wait for whoever writes it. Gives *out. */
static oro_status
open_regular(const char *path, FILE **out, struct oro_err *err)
{
    struct stat s;
    const char *what = no_file(path);
    if (what != NULL)
        return oro_err_set(err, ORO_EIO, "%s is %s and has to be a file: move it away", path, what);
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return oro_err_set(err, errno == ENOENT ? ORO_ENOTFOUND : ORO_EIO, "cannot read %s: %s%s",
                           path, strerror(errno),
                           errno == EACCES
                               ? " (give it to the user that the server runs as: chown, "
                                 "chmod 600)"
                               : "");
    if (fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && (*out = fdopen(fd, "r")) != NULL)
        return ORO_OK;
    close(fd);
    return oro_err_set(err, ORO_EIO, "%s has to be a file: move away what is there", path);
}

oro_status
oro_file_get(const char *path, size_t most, char **out, struct oro_err *err)
{
    FILE *f;
    oro_status st = open_regular(path, &f, err);
    if (st != ORO_OK)
        return st;
    char *text = oro_alloc(most + 1);
    size_t n = fread(text, 1, most, f);
    bool bad = ferror(f) != 0;
    int why = errno;
    fclose(f);
    text[n] = '\0';
    if (!bad && n < most) {
        *out = text;
        return ORO_OK;
    }
    oro_free(text);
    return bad ? oro_err_set(err, ORO_EIO, "cannot read %s: %s", path, strerror(why))
               : oro_err_set(err, ORO_EFULL, "%s is longer than %zu bytes", path, most);
}

void
oro_file_hide(const char *path)
{
    struct stat s;
    if (stat(path, &s) == 0 && (s.st_mode & FOR_OTHERS) != 0 && s.st_uid == geteuid())
        (void)!chmod(path, s.st_mode & 07700);
}

oro_status
oro_file_prepare(const char *path, struct oro_err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST) {
        oro_file_hide(path);
        return ORO_OK;
    }
    oro_status st = ORO_OK;
    if (fd < 0 || fchmod(fd, 0600) != 0)
        st = oro_err_set(err, ORO_EIO, "cannot make %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return st;
}
