/* Files of the module's web page and of the dashboard. */
#include "runtime/http/http_priv.h"

#include "runtime/base/header.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_LIMIT (64u << 20)

static const char *
content_type(const char *path)
{
    static const struct {
        const char *ending, *type;
    } known[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".json", "application/json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".webp", "image/webp"},
        {".ico", "image/x-icon"},
        {".wasm", "application/wasm"},
        {".woff2", "font/woff2"},
        {".mp3", "audio/mpeg"},
        {".ogg", "audio/ogg"},
        {".txt", "text/plain; charset=utf-8"},
        {".map", "application/json"},
    };
    size_t n = strlen(path);
    for (size_t i = 0; i < ORO_ARRAY_LEN(known); i++) {
        size_t e = strlen(known[i].ending);
        if (n > e && strcmp(path + n - e, known[i].ending) == 0)
            return known[i].type;
    }
    return "application/octet-stream";
}

/* No empty, "." or ".." part and no hidden file: what is outside the folder cannot be named. */
static bool
path_is_plain(const char *path)
{
    for (const char *p = path; *p != '\0'; p++) {
        if (*p == '\\' || (unsigned char)*p < ' ')
            return false;
        if ((p == path || p[-1] == '/') && (*p == '.' || (*p == '/' && p != path)))
            return false;
    }
    return true;
}

/* One name in a folder: no link, and a folder or a regular file as was asked for. -1: there is none. Nothing that is opened can
 * make us wait: what is no regular file is not opened at all, or, if it was put there in this moment, without blocking. */
static int
open_below(int folder, const char *name, bool is_folder)
{
    struct stat st;
    int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return -1;
    if (S_ISLNK(st.st_mode))
        oro_log_limited(ORO_LOG_WARN, "http",
                        "a page's file was not served: %.200s is a link, and links are not "
                        "followed; put the file itself there",
                        name);
    if (is_folder ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode)) {
        errno = ENOENT;
        return -1;
    }
    return openat(folder, name, flags | (is_folder ? O_DIRECTORY : 0));
}

/* Opens a file below the folder, whose path may hold links, name by name. */
static int
open_file(const char *dir, char *path)
{
    int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (char *name = path, *slash; at >= 0; name = slash + 1) {
        slash = strchr(name, '/');
        if (slash != NULL)
            *slash = '\0';
        int next = open_below(at, name, slash != NULL);
        close(at);
        at = next;
        if (slash == NULL)
            break;
    }
    return at;
}

static bool
file_read(int fd, size_t size, struct oro_bb *out)
{
    oro_bb_reserve(out, size);
    while (out->len < size) {
        ssize_t n = read(fd, out->data + out->len, size - out->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        out->len += (size_t)n;
    }
    return true;
}

#define READ_WHOLE \
    (64u << 10) /* a larger file is read while it is sent, so that a download takes little memory */

/* The body of the answer. Gives the descriptor back, or -1: the answer has it. */
static int
file_give(int fd, size_t size, struct oro_http_response *res)
{
    res->status = 200;
    if (size <= READ_WHOLE) {
        if (!file_read(fd, size, &res->body)) {
            oro_bb_fini(&res->body); /* it was cut in this moment */
            res->status = 500;
        }
        return fd;
    }
    res->file = fd;
    res->file_len = size;
    return -1;
}

static void
header(struct oro_http_response *res, const char *name, const char *value)
{
    (void)oro_header_add(res->extra_headers, sizeof(res->extra_headers), name, value);
}

bool
oro_http_static(const char *dir, const char *path, const struct oro_http_request *req,
                struct oro_http_response *res)
{
    if (!path_is_plain(path))
        return false;
    size_t n = strlen(path);
    const char *index = n == 0 || path[n - 1] == '/' ? "index.html" : "";
    char *full = oro_asprintf("%s%s", path[0] == '/' ? path + 1 : path, index);
    res->content_type = content_type(full);
    int fd = open_file(dir, full);
    struct stat st;
    bool found = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= FILE_LIMIT;
    if (found) {
        char etag[64];
        snprintf(etag, sizeof(etag), "\"%llx-%llx\"",
                 (unsigned long long)st.st_mtim.tv_sec * 1000000000ull +
                     (unsigned long long)st.st_mtim.tv_nsec,
                 (unsigned long long)st.st_size);
        header(res, "etag", etag);
        header(res, "cache-control", "no-cache");
        if (req->if_none_match != NULL && strcmp(req->if_none_match, etag) == 0)
            res->status = 304;
        else
            fd = file_give(fd, (size_t)st.st_size, res);
    } else if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
        res->status = 503;
        found = true;
    }
    if (fd >= 0)
        close(fd);
    oro_free(full);
    return found;
}
