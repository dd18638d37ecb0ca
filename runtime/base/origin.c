#include "runtime/base/origin.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

/* A piece of a text. */
struct part {
    const char *p;
    size_t len;
};

struct origin {
    struct part scheme, host, port; /* port: empty where it is the scheme's own */
};

static bool
part_is(struct part a, const char *text)
{
    return a.len == strlen(text) && strncasecmp(a.p, text, a.len) == 0;
}

static bool
same(struct part a, struct part b)
{
    return a.len == b.len && strncasecmp(a.p, b.p, a.len) == 0;
}

/* Without brackets, and without the dot at the end, by which a name is said to be complete: it is the same host. */
static struct part
bare(struct part host)
{
    bool dot = host.len > 1 && host.p[host.len - 1] == '.' && host.p[host.len - 2] != '.';
    if (dot && memchr(host.p, ':', host.len) == NULL)
        return (struct part){host.p, host.len - 1};
    if (host.len >= 2 && host.p[0] == '[' && host.p[host.len - 1] == ']')
        return (struct part){host.p + 1, host.len - 2};
    return host;
}

bool
oro_host_is_loopback(const char *host, size_t len)
{
    static const char below[] = ".localhost";
    struct part h = bare((struct part){host, len});
    size_t n = sizeof(below) - 1;
    char text[INET6_ADDRSTRLEN];
    struct in_addr v4;
    struct in6_addr v6;
    if (part_is(h, below + 1) || (h.len > n && part_is((struct part){h.p + h.len - n, n}, below)))
        return true;
    if (h.len >= sizeof(text))
        return false;
    memcpy(text, h.p, h.len);
    text[h.len] = '\0';
    if (inet_pton(AF_INET, text, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, text, &v6) == 1 &&
           (IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127));
}

size_t
oro_host_len(const char *authority)
{
    const char *bracket = authority[0] == '[' ? strchr(authority, ']') : NULL;
    return bracket != NULL ? (size_t)(bracket + 1 - authority) : strcspn(authority, ":");
}

static bool
is_host(struct part h)
{
    const char *others = h.len > 0 && h.p[0] == '[' ? ":." : "-._";
    struct part name = bare(h);
    for (size_t i = 0; i < name.len; i++)
        if (!isalnum((unsigned char)name.p[i]) &&
            (name.p[i] == '\0' || strchr(others, name.p[i]) == NULL))
            return false;
    return name.len > 0;
}

/* The port, without the colon; one that the scheme has anyway does not count. */
static bool
take_port(struct origin *o, struct part port)
{
    for (size_t i = 0; i < port.len; i++)
        if (!isdigit((unsigned char)port.p[i]))
            return false;
    bool own = (part_is(o->scheme, "http") && part_is(port, "80")) ||
               (part_is(o->scheme, "https") && part_is(port, "443"));
    o->port = own ? (struct part){port.p, 0} : port;
    return port.len > 0 && port.len <= 5;
}

/* host [ ":" port ], all of text. */
static bool
take_authority(struct origin *o, struct part text)
{
    size_t n = 0;
    if (text.len > 0 && text.p[0] == '[')
        while (n < text.len && text.p[n] != ']')
            n++;
    while (n < text.len && text.p[n] != ':')
        n++;
    o->host = (struct part){text.p, n};
    o->port = (struct part){text.p + n, 0};
    return is_host(o->host) &&
           (n == text.len || take_port(o, (struct part){text.p + n + 1, text.len - n - 1}));
}

/* scheme://host[:port] and nothing more. */
static bool
parse(struct part text, struct origin *o)
{
    size_t n = 0;
    while (n < text.len && (isalnum((unsigned char)text.p[n]) || strchr("+-.", text.p[n]) != NULL))
        n++;
    o->scheme = (struct part){text.p, n};
    if (n == 0 || text.len < n + 3 || memcmp(text.p + n, "://", 3) != 0)
        return false;
    return take_authority(o, (struct part){text.p + n + 3, text.len - n - 3});
}

static bool
parse_text(const char *text, struct origin *o)
{
    return parse((struct part){text, strlen(text)}, o);
}

#define BETWEEN ", \t\r\n"

/* The next item of the list, which *list goes past; false at the end. */
static bool
next_item(const char **list, struct part *item)
{
    const char *p = *list != NULL ? *list + strspn(*list, BETWEEN) : "";
    *item = (struct part){p, strcspn(p, BETWEEN)};
    *list = p + item->len;
    return item->len > 0;
}

oro_status
oro_origins_check(const char *list, struct oro_err *err)
{
    struct part item;
    struct origin o;
    if (list != NULL && strlen(list) > ORO_ORIGINS_MAX)
        return oro_err_set(err, ORO_EINVAL, "net.allow_origins is longer than %d bytes",
                           ORO_ORIGINS_MAX);
    while (next_item(&list, &item))
        if (!part_is(item, "*") && !part_is(item, "null") && !parse(item, &o))
            return oro_err_set(err, ORO_EINVAL,
                               "net.allow_origins: %.*s is no origin: write it as a browser does, "
                               "such as https://game.example or http://localhost:5173, without a "
                               "path; or null, or * for all",
                               (int)(item.len < 200 ? item.len : 200), item.p);
    return ORO_OK;
}

bool
oro_origin_listed(const char *list, const char *origin)
{
    struct part item, text = {origin, strlen(origin)};
    struct origin want, o;
    bool legal = parse(text, &want);
    while (next_item(&list, &item)) {
        if (part_is(item, "*") || (part_is(item, "null") && part_is(text, "null")))
            return true;
        if (legal && parse(item, &o) && same(o.scheme, want.scheme) &&
            same(bare(o.host), bare(want.host)) && same(o.port, want.port))
            return true;
    }
    return false;
}

static bool
is_web(const struct origin *o)
{
    return part_is(o->scheme, "http") || part_is(o->scheme, "https");
}

bool
oro_origin_is_loopback(const char *origin)
{
    struct origin o;
    return parse_text(origin, &o) && is_web(&o) && oro_host_is_loopback(o.host.p, o.host.len);
}

bool
oro_origin_is_of(const char *origin, const char *authority)
{
    struct origin o, own;
    if (!parse_text(origin, &o) || !is_web(&o))
        return false;
    own.scheme = o.scheme;
    return take_authority(&own, (struct part){authority, strlen(authority)}) &&
           same(bare(o.host), bare(own.host)) && same(o.port, own.port);
}

bool
oro_origins_have_host(const char *list, const char *host, size_t len)
{
    struct part item;
    struct origin o;
    while (next_item(&list, &item))
        if (part_is(item, "*") ||
            (parse(item, &o) && same(bare(o.host), bare((struct part){host, len}))))
            return true;
    return false;
}
