/* Files of the module's web page and of the dashboard. */
#include "runtime/server/server_priv.h"

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
        res->status = file_read(fd, size, &res->body) ? 200 : 500;
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

/* path: "/" or "/assets/x.js" below dir. False: there is no such file. */
bool
oro_static_file(const char *dir, const char *path, const struct oro_http_request *req,
                struct oro_http_response *res)
{
    if (!path_is_plain(path))
        return false;
    size_t n = strlen(path);
    const char *index = n == 0 || path[n - 1] == '/' ? "index.html" : "";
    char *full = oro_asprintf("%s/%s%s", dir, path[0] == '/' ? path + 1 : path, index);
    int fd = open(full, O_RDONLY | O_CLOEXEC);
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
        header(res, "x-content-type-options", "nosniff");
        res->content_type = content_type(full);
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
