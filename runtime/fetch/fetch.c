/* runtime/fetch/fetch.c - see fetch.h. The address is looked at when a socket is opened: it is the one that was resolved, for each
 * attempt and each redirect, so that no name can stand for another address later. No proxy of the environment is used, since the
 * address would be the proxy's. */
#include "runtime/fetch/fetch.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/fetch/curl_priv.h"

#define HEADER_MOST ((size_t)256 << 10)
#define URL_MOST 8192
#define METHOD_MOST 32
#define CONNECT_MOST_MS 15000

struct oro_fetcher {
    const struct oro_curl *curl;
    struct oro_fetch_limits limits;
    CURLM *multi;
    struct oro_fetch *done; /* a list */
};

struct oro_fetch {
    struct oro_fetcher *of;
    void *asker;
    struct oro_fetch *next_done;
    bool goes;
    CURL *easy;
    struct curl_slist *headers;
    void *body; /* its copy */
    char error[CURL_ERROR_SIZE];
    CURLcode code;
    bool done, is_private, too_large, no_memory;
    bool names_method; /* CURLOPT_CUSTOMREQUEST, which curl keeps in all redirects */
    struct oro_fetched got;
};

oro_status
oro_fetcher_create(const struct oro_fetch_limits *limits, struct oro_fetcher **out,
                   struct oro_err *err)
{
    const struct oro_curl *curl;
    oro_status st = oro_curl_load(&curl, err);
    if (st != ORO_OK)
        return st;
    CURLM *multi = curl->curl_multi_init();
    if (multi == NULL)
        return oro_err_set(err, ORO_ENOMEM, "no memory for a request");
    struct oro_fetcher *f = ORO_NEW(struct oro_fetcher);
    *f = (struct oro_fetcher){.curl = curl, .limits = *limits, .multi = multi};
    *out = f;
    return ORO_OK;
}

void
oro_fetcher_destroy(struct oro_fetcher *f)
{
    if (f == NULL)
        return;
    f->curl->curl_multi_cleanup(f->multi);
    oro_free(f);
}

/* ---- what curl asks while it works ---- */

#define SET(option, value) (void)f->of->curl->curl_easy_setopt(f->easy, option, value)

static curl_socket_t
on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct oro_fetch *f = arg;
    if (purpose != CURLSOCKTYPE_IPCXN)
        return CURL_SOCKET_BAD;
    if (!f->of->limits.anywhere &&
        (!oro_address_is_public(&a->addr) || oro_address_is_ours(&a->addr))) {
        f->is_private = true;
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static bool
room(struct oro_fetch *f, struct oro_bb *bb, const char *p, size_t n, size_t most)
{
    f->too_large = f->too_large || n > most || bb->len > most - n;
    if (f->too_large)
        return false;
    f->no_memory = !oro_bb_try_put(bb, p, n);
    return !f->no_memory;
}

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
    struct oro_fetch *f = arg;
    return room(f, &f->got.body, p, size * n, f->of->limits.max_body) ? size * n : 0;
}

/* A status line begins an answer: those before it were redirects, or 100. */
static size_t
on_header(char *p, size_t size, size_t n, void *arg)
{
    struct oro_fetch *f = arg;
    size_t all = size * n, len = all;
    while (len > 0 && (p[len - 1] == '\r' || p[len - 1] == '\n'))
        len--;
    if (len >= 5 && memcmp(p, "HTTP/", 5) == 0) {
        oro_bb_clear(&f->got.headers);
        oro_bb_clear(&f->got.body);
        const char *status = memchr(p, ' ', len);
        if (f->names_method && status != NULL && strncmp(status, " 303", 4) == 0)
            SET(CURLOPT_CUSTOMREQUEST, NULL); /* what comes next is GET */
        return all;
    }
    if (len == 0 || memchr(p, ':', len) == NULL)
        return all;
    bool ok = room(f, &f->got.headers, p, len, HEADER_MOST) &&
              room(f, &f->got.headers, "\n", 1, HEADER_MOST);
    return ok ? all : 0;
}

/* ---- begin ---- */

static bool
is_clean(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

static bool
is_method(const char *m)
{
    size_t n = strlen(m);
    for (size_t i = 0; i < n; i++)
        if (!isupper((unsigned char)m[i]))
            return false;
    return n > 0 && n <= METHOD_MOST && strcmp(m, "CONNECT") != 0;
}

/* A token and a colon: curl means something else by lines of other forms. */
static bool
has_name(const char *line)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    size_t n = strspn(line, token);
    return n > 0 && line[n] == ':';
}

static oro_status
check(const struct oro_fetcher *f, const struct oro_fetch_ask *ask, struct oro_err *err)
{
    if (f->limits.off)
        return oro_err_set(err, ORO_EREFUSED,
                           "module outbound HTTP requests are disabled (procedure.http)");
    if (!is_method(ask->method))
        return oro_err_set(err, ORO_EINVAL, "the method of a request is a word such as GET");
    if (strncasecmp(ask->url, "http://", 7) != 0 && strncasecmp(ask->url, "https://", 8) != 0)
        return oro_err_set(err, ORO_EINVAL, "a URL begins with http:// or https://");
    if (strlen(ask->url) > URL_MOST || !is_clean(ask->url) || strchr(ask->url, ' ') != NULL)
        return oro_err_set(err, ORO_EINVAL,
                           "a URL has at most %d bytes, and neither spaces nor control characters",
                           URL_MOST);
    for (size_t i = 0; i < ask->nheaders; i++)
        if (!is_clean(ask->headers[i]) || !has_name(ask->headers[i]))
            return oro_err_set(err, ORO_EINVAL,
                               "header %zu of a request: its name is a word of letters, digits "
                               "and dashes, and its value has no control characters and no line "
                               "ends",
                               i + 1);
    return ORO_OK;
}

/* Where systems have their certificates; the library was perhaps built for another one. */
static const char *
certificates(void)
{
    static const char *const files[] = {
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/ssl/cert.pem"};
    for (size_t i = 0; i < ORO_ARRAY_LEN(files); i++)
        if (access(files[i], R_OK) == 0)
            return files[i];
    return NULL;
}

static void
set_method(struct oro_fetch *f, const struct oro_fetch_ask *ask)
{
    const char *m = ask->method;
    bool sends = ask->body.len > 0 || strcmp(m, "POST") == 0 || strcmp(m, "PUT") == 0 ||
                 strcmp(m, "PATCH") == 0;
    if (sends) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)ask->body.len);
        SET(CURLOPT_POSTFIELDS, (char *)f->body);
    }
    if (strcmp(m, "HEAD") == 0)
        SET(CURLOPT_NOBODY, 1L);
    f->names_method = strcmp(m, "HEAD") != 0 && strcmp(m, sends ? "POST" : "GET") != 0;
    if (!f->names_method)
        return;
    SET(CURLOPT_CUSTOMREQUEST, m);
    SET(CURLOPT_POSTREDIR, (long)(CURL_REDIR_POST_301 | CURL_REDIR_POST_302)); /* with its body */
}

/* curl takes "name:" for one that is not to be sent. */
static struct curl_slist *
header_append(const struct oro_fetch *f, const char *line)
{
    const char *colon = strchr(line, ':');
    if (colon[strspn(colon, ": ")] != '\0')
        return f->of->curl->curl_slist_append(f->headers, line);
    char *empty = oro_asprintf("%.*s;", (int)(colon - line), line);
    struct curl_slist *longer = f->of->curl->curl_slist_append(f->headers, empty);
    oro_free(empty);
    return longer;
}

static bool
set_headers(struct oro_fetch *f, const struct oro_fetch_ask *ask)
{
    static const char *const ours[] = {"Expect:", "User-Agent: orochi"};
    for (size_t i = 0; i < ORO_ARRAY_LEN(ours) + ask->nheaders; i++) {
        const char *line =
            i < ORO_ARRAY_LEN(ours) ? ours[i] : ask->headers[i - ORO_ARRAY_LEN(ours)];
        if (i == 1) {
            bool given = false;
            for (size_t k = 0; k < ask->nheaders; k++)
                given = given || strncasecmp(ask->headers[k], "user-agent:", 11) == 0;
            if (given)
                continue;
        }
        struct curl_slist *longer =
            i == 0 ? f->of->curl->curl_slist_append(NULL, line) : header_append(f, line);
        if (longer == NULL)
            return false;
        f->headers = longer;
    }
    SET(CURLOPT_HTTPHEADER, f->headers);
    return true;
}

static int64_t
time_limit(const struct oro_fetch_limits *l, int64_t asked_us)
{
    int64_t us = asked_us > 0 ? asked_us : l->timeout_us;
    return us < l->max_timeout_us ? us : l->max_timeout_us;
}

static bool
set_all(struct oro_fetch *f, const struct oro_fetch_ask *ask)
{
    const struct oro_fetch_limits *l = &f->of->limits;
    long ms = (long)(time_limit(l, ask->timeout_us) / 1000);
    ms = ms > 0 ? ms : 1;
    SET(CURLOPT_PRIVATE, f);
    SET(CURLOPT_URL, ask->url);
    SET(CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
    SET(CURLOPT_QUICK_EXIT, 1L); /* a request that ends early does not wait for its name server */
#endif
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOPROXY, "*");
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, l->redirects > 0 ? 1L : 0L);
    SET(CURLOPT_MAXREDIRS, (long)l->redirects);
    SET(CURLOPT_TIMEOUT_MS, ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS, ms < CONNECT_MOST_MS ? ms : CONNECT_MOST_MS);
    SET(CURLOPT_ACCEPT_ENCODING, "");
    SET(CURLOPT_ERRORBUFFER, f->error);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_open);
    SET(CURLOPT_OPENSOCKETDATA, f);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, f);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, f);
    if (certificates() != NULL)
        SET(CURLOPT_CAINFO, certificates());
    set_method(f, ask);
    return set_headers(f, ask);
}

oro_status
oro_fetch_make(struct oro_fetcher *of, const struct oro_fetch_ask *ask, void *asker,
               struct oro_fetch **out, struct oro_err *err)
{
    oro_status st = check(of, ask, err);
    if (st != ORO_OK)
        return st;
    struct oro_fetch *f = ORO_NEW(struct oro_fetch);
    *f = (struct oro_fetch){.of = of, .asker = asker, .easy = of->curl->curl_easy_init()};
    f->body = oro_try_alloc(ask->body.len + 1);
    bool ok = f->easy != NULL && f->body != NULL;
    if (ok && ask->body.len > 0)
        memcpy(f->body, ask->body.data, ask->body.len);
    if (!ok || !set_all(f, ask)) {
        oro_fetch_end(f);
        return oro_err_set(err, ORO_ENOMEM, "no memory for a request");
    }
    *out = f;
    return ORO_OK;
}

static void
done(struct oro_fetch *f, CURLcode code)
{
    f->code = code;
    f->done = true;
    f->next_done = f->of->done;
    f->of->done = f;
}

void
oro_fetch_go(struct oro_fetch *f)
{
    f->goes = f->of->curl->curl_multi_add_handle(f->of->multi, f->easy) == CURLM_OK;
    if (!f->goes)
        done(f, CURLE_OUT_OF_MEMORY);
}

/* ---- progress ---- */

void
oro_fetcher_wait(struct oro_fetcher *of, int timeout_ms)
{
    const struct oro_curl *curl = of->curl;
    int running, n;
    (void)curl->curl_multi_perform(of->multi, &running);
    if (of->done == NULL) {
        (void)curl->curl_multi_poll(of->multi, NULL, 0, timeout_ms, NULL);
        (void)curl->curl_multi_perform(of->multi, &running);
    }
    for (CURLMsg *m; (m = curl->curl_multi_info_read(of->multi, &n)) != NULL;) {
        char *at = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        CURLcode code = m->data.result;
        (void)curl->curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &at);
        done((struct oro_fetch *)(void *)at, code);
    }
}

void
oro_fetcher_wake(struct oro_fetcher *of)
{
    (void)of->curl->curl_multi_wakeup(of->multi);
}

void *
oro_fetcher_next_done(struct oro_fetcher *of)
{
    struct oro_fetch *f = of->done;
    if (f == NULL)
        return NULL;
    of->done = f->next_done;
    return f->asker;
}

void
oro_fetch_rest(struct oro_fetch *f)
{
    if (f->goes)
        (void)f->of->curl->curl_multi_remove_handle(f->of->multi, f->easy);
    f->goes = false;
}

#define SHOWN_MOST 200 /* bytes of a URL in a message */

/* What was asked last, without what may be a secret: a name and password before the host, and what stands behind ? or #. */
static void
wrap_with_url(const struct oro_fetch *f, struct oro_err *err)
{
    char *url = NULL;
    (void)f->of->curl->curl_easy_getinfo(f->easy, CURLINFO_EFFECTIVE_URL, &url);
    const char *host = url != NULL ? strstr(url, "://") : NULL;
    if (host == NULL)
        return;
    host += strlen("://");
    size_t authority = strcspn(host, "/?#"), all = strcspn(host, "?#");
    const char *at = memrchr(host, '@', authority);
    size_t skip = at != NULL ? (size_t)(at + 1 - host) : 0;
    size_t n = all - skip < SHOWN_MOST ? all - skip : SHOWN_MOST;
    oro_err_wrap(err, "%.*s%.*s", (int)(host - url), url, (int)n, host + skip);
}

static oro_status
why_failed(const struct oro_fetch *f, struct oro_err *err)
{
    if (f->is_private)
        return oro_err_set(err, ORO_EREFUSED,
                           "refusing to connect to private or special-purpose addresses "
                           "(procedure.http = \"any\" allows them)");
    if (f->too_large)
        return oro_err_set(err, ORO_EREFUSED,
                           "the answer has more than %zu bytes (procedure.http_max_body), or its "
                           "headers more than %zu",
                           f->of->limits.max_body, HEADER_MOST);
    if (f->no_memory)
        return oro_err_set(err, ORO_ENOMEM, "no memory for the answer");
    return oro_err_set(err, f->code == CURLE_OPERATION_TIMEDOUT ? ORO_ETIMEOUT : ORO_EIO, "%s",
                       f->error[0] != '\0' ? f->error : f->of->curl->curl_easy_strerror(f->code));
}

oro_status
oro_fetch_take(struct oro_fetch *f, struct oro_fetched *out, struct oro_err *err)
{
    ORO_ASSERT(f->done);
    if (f->code != CURLE_OK) {
        oro_status st = why_failed(f, err);
        wrap_with_url(f, err);
        return st;
    }
    long status = 0;
    char *url = NULL;
    (void)f->of->curl->curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)f->of->curl->curl_easy_getinfo(f->easy, CURLINFO_EFFECTIVE_URL, &url);
    f->got.status = (int)status;
    f->got.url = oro_strdup(url != NULL ? url : "");
    *out = f->got;
    f->got = (struct oro_fetched){0};
    return ORO_OK;
}

void
oro_fetch_end(struct oro_fetch *f)
{
    if (f == NULL)
        return;
    const struct oro_curl *curl = f->of->curl;
    oro_fetch_rest(f);
    if (f->easy != NULL)
        curl->curl_easy_cleanup(f->easy);
    curl->curl_slist_free_all(f->headers);
    oro_fetched_fini(&f->got);
    oro_free(f->body);
    oro_free(f);
}
