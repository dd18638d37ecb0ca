/* net/http_head.c - heads of requests (RFC 9112, 2 to 6; RFC 9110, 5). */
#include "net/http_priv.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define FIELDS_MAX 100
#define METHOD_MAX 32

bool
http_is_token_char(unsigned char ch)
{
    return isalnum(ch) || (ch != 0 && strchr("!#$%&'*+-.^_`|~", ch) != NULL);
}

bool
http_is_value_char(unsigned char ch)
{
    return ch == '\t' || (ch >= 0x20 && ch != 0x7f);
}

bool
span_is(struct span s, const char *text)
{
    return s.len == strlen(text) && strncasecmp(s.p, text, s.len) == 0;
}

static bool
begins_with(struct span s, const char *text)
{
    size_t n = strlen(text);
    return s.len >= n && strncasecmp(s.p, text, n) == 0;
}

static bool
is_token(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!http_is_token_char((unsigned char)s.p[i]))
            return false;
    return s.len > 0;
}

static int
bad(struct head *h, const char *why)
{
    h->why = why;
    return BAD_REQUEST;
}

/* ---- where it ends ---- */

int
http_find_head(struct conn *c, size_t *len, const char **why)
{
    const uint8_t *d = c->in.data;
    if (!http_is_token_char(d[0])) {
        *why = "a request begins with its method";
        return BAD_REQUEST;
    }
    for (size_t i = c->scanned; i < c->in.len; i++) {
        const uint8_t *nl = memchr(d + i, '\n', c->in.len - i);
        if (nl == NULL)
            break;
        i = (size_t)(nl - d);
        if (d[i - 1] != '\r') {
            *why = "a line of the head does not end in CRLF";
            return BAD_REQUEST;
        }
        if (i >= 3 && d[i - 2] == '\n') {
            *len = i + 1;
            return *len <= MAX_HEAD ? DONE : HEAD_TOO_LARGE;
        }
    }
    c->scanned = c->in.len;
    return c->in.len <= MAX_HEAD ? 0 : HEAD_TOO_LARGE;
}

/* ---- fields ---- */

/* Is `word` an item of the comma-separated list? */
static bool
list_has(struct span list, const char *word)
{
    for (size_t i = 0; i < list.len;) {
        while (i < list.len && (list.p[i] == ' ' || list.p[i] == '\t' || list.p[i] == ','))
            i++;
        size_t from = i;
        while (i < list.len && list.p[i] != ',')
            i++;
        size_t to = i;
        while (to > from && (list.p[to - 1] == ' ' || list.p[to - 1] == '\t'))
            to--;
        if (span_is((struct span){list.p + from, to - from}, word))
            return true;
    }
    return false;
}

/* Digits and nothing else: no sign, no list, no blank. */
static int
take_length(struct head *h, struct span v)
{
    uint64_t n = 0;
    if (h->has_length)
        return bad(h, "two Content-Length fields");
    if (v.len == 0 || v.len > 18)
        return bad(h, "Content-Length is a number of bytes");
    for (size_t i = 0; i < v.len; i++) {
        if (v.p[i] < '0' || v.p[i] > '9')
            return bad(h, "Content-Length is a number of bytes");
        n = n * 10 + (uint64_t)(v.p[i] - '0');
    }
    h->has_length = true;
    h->content_length = n;
    return 0;
}

/* The only coding we know. Others are refused even before chunked: the body would have to be decoded. */
static int
take_coding(struct head *h, struct span v)
{
    if (h->has_coding)
        return bad(h, "two Transfer-Encoding fields");
    h->has_coding = true;
    h->chunked = span_is(v, "chunked");
    if (h->chunked)
        return 0;
    h->why = "the only transfer coding is chunked";
    return NOT_IMPLEMENTED;
}

static void
take_connection(struct head *h, struct span v)
{
    h->close |= list_has(v, "close");
    h->keep_alive |= list_has(v, "keep-alive");
    h->upgrade_word |= list_has(v, "upgrade");
}

static void
join_protocols(struct head *h, struct span value, struct oro_bb *scratch)
{
    if (h->protocols.p == NULL) {
        h->protocols = value;
        return;
    }
    if (scratch->len == 0)
        oro_bb_put(scratch, h->protocols.p, h->protocols.len);
    oro_bb_put(scratch, ", ", 2);
    oro_bb_put(scratch, value.p, value.len);
}

/* host [ ":" port ], as in a URL: letters, digits and -._~%, or an address in brackets. */
static bool
authority_legal(struct span s)
{
    size_t i = 0;
    if (s.len > 0 && s.p[0] == '[') {
        for (i = 1; i < s.len && s.p[i] != ']'; i++)
            if (!isxdigit((unsigned char)s.p[i]) && s.p[i] != ':' && s.p[i] != '.')
                return false;
        if (i < 3 || i++ == s.len)
            return false;
    } else {
        while (i < s.len && (isalnum((unsigned char)s.p[i]) ||
                             (s.p[i] != '\0' && strchr("-._~%", s.p[i]) != NULL)))
            i++;
        if (i == 0)
            return false;
    }
    if (i == s.len)
        return true;
    size_t port = ++i;
    while (i < s.len && isdigit((unsigned char)s.p[i]))
        i++;
    return s.p[port - 1] == ':' && i == s.len && i - port <= 5;
}

/* Of these there is one: a reader that took the other would see another request. */
static int
take_single(struct head *h, struct span name, struct span value, bool *taken)
{
    const struct {
        const char *name;
        struct span *to;
        const char *twice;
    } single[] = {
        {"host", &h->host, "two Host fields"},
        {"authorization", &h->authorization, "two Authorization fields"},
        {"content-type", &h->content_type, "two Content-Type fields"},
        {"origin", &h->origin, "two Origin fields"},
        {"sec-websocket-key", &h->key, "two Sec-WebSocket-Key fields"},
        {"sec-websocket-version", &h->version, "two Sec-WebSocket-Version fields"},
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(single); i++) {
        if (!span_is(name, single[i].name))
            continue;
        *taken = true;
        if (single[i].to->p != NULL)
            return bad(h, single[i].twice);
        *single[i].to = value;
    }
    return 0;
}

static int
take_field(struct head *h, struct span name, struct span value, struct oro_bb *scratch)
{
    bool taken = false;
    int status = take_single(h, name, value, &taken);
    if (taken)
        return status;
    if (span_is(name, "content-length"))
        return take_length(h, value);
    if (span_is(name, "transfer-encoding"))
        return take_coding(h, value);
    if (span_is(name, "connection")) {
        take_connection(h, value);
    } else if (span_is(name, "upgrade")) {
        h->websocket_word |= list_has(value, "websocket");
    } else if (span_is(name, "expect")) {
        h->expect_continue = span_is(value, "100-continue");
        if (!h->expect_continue)
            return EXPECTATION_FAILED;
    } else if (span_is(name, "sec-websocket-protocol")) {
        join_protocols(h, value, scratch);
    } else if (span_is(name, "if-none-match")) {
        h->if_none_match = value;
    } else if (span_is(name, "accept")) {
        h->accept = value;
    } else if (span_is(name, "accept-encoding")) {
        h->accept_encoding = value;
    }
    return 0;
}

static int
parse_field(struct head *h, char *p, size_t len, struct oro_bb *scratch)
{
    char *colon = memchr(p, ':', len);
    if (++h->fields > FIELDS_MAX)
        return HEAD_TOO_LARGE;
    struct span name = {p, colon != NULL ? (size_t)(colon - p) : 0};
    if (!is_token(name)) /* blanks before the colon and folded lines fall here too */
        return bad(h, "a field is a name, a colon right behind it, and a value on one line");
    struct span value = {colon + 1, len - name.len - 1};
    for (size_t i = 0; i < value.len; i++)
        if (!http_is_value_char((unsigned char)value.p[i]))
            return bad(h, "a control character in a field");
    while (value.len > 0 && (value.p[0] == ' ' || value.p[0] == '\t')) {
        value.p++;
        value.len--;
    }
    while (value.len > 0 && (value.p[value.len - 1] == ' ' || value.p[value.len - 1] == '\t'))
        value.len--;
    return take_field(h, name, value, scratch);
}

/* ---- the request line ---- */

/* Bytes that a browser leaves as they are in a URL; what else there is has to be percent-encoded. */
static bool
target_char(unsigned char ch)
{
    return ch > 0x20 && ch < 0x7f && strchr("\"<>#", ch) == NULL;
}

/* "/path?query", "http://host/path?query", or "*" for OPTIONS. */
static int
parse_target(struct head *h, struct span t)
{
    for (size_t i = 0; i < t.len; i++)
        if (!target_char((unsigned char)t.p[i]))
            return bad(h, "the target has a character that must be percent-encoded");
    if (t.len == 1 && t.p[0] == '*' && h->method.len == 7 &&
        memcmp(h->method.p, "OPTIONS", 7) == 0) {
        h->path = t;
        return 0;
    }
    if (t.len == 0 || t.p[0] != '/') {
        size_t scheme = begins_with(t, "http://") ? 7 : begins_with(t, "https://") ? 8 : 0;
        if (scheme == 0)
            return bad(h, "the target is a path, or a URL of http or https");
        t.p += scheme;
        t.len -= scheme;
        size_t n = 0;
        while (n < t.len && t.p[n] != '/' && t.p[n] != '?')
            n++;
        h->absolute = true;
        h->host = (struct span){t.p, n};
        if (!authority_legal(h->host))
            return bad(h, "the target's host is none");
        t.p += n;
        t.len -= n;
    }
    char *q = memchr(t.p, '?', t.len);
    h->path = (struct span){t.p, q != NULL ? (size_t)(q - t.p) : t.len};
    if (q != NULL)
        h->query = (struct span){q + 1, t.len - h->path.len - 1};
    return 0;
}

static int
parse_version(struct head *h, struct span v)
{
    if (v.len != 8 || memcmp(v.p, "HTTP/", 5) != 0 || !isdigit((unsigned char)v.p[5]) ||
        v.p[6] != '.' || !isdigit((unsigned char)v.p[7]))
        return bad(h, "the request line is METHOD TARGET HTTP/1.1, with one space between each");
    h->http_1_0 = v.p[7] == '0';
    return v.p[5] == '1' && v.p[7] <= '1' ? 0 : BAD_VERSION;
}

static int
parse_request_line(struct head *h, char *p, size_t len)
{
    char *end = p + len, *sp = memchr(p, ' ', len);
    char *sp2 = sp != NULL ? memchr(sp + 1, ' ', (size_t)(end - sp - 1)) : NULL;
    if (sp2 == NULL)
        return bad(h, "the request line is METHOD TARGET HTTP/1.1, with one space between each");
    h->method = (struct span){p, (size_t)(sp - p)};
    if (!is_token(h->method) || h->method.len > METHOD_MAX)
        return bad(h, "the method is none");
    int status = parse_version(h, (struct span){sp2 + 1, (size_t)(end - sp2 - 1)});
    return status != 0 ? status : parse_target(h, (struct span){sp + 1, (size_t)(sp2 - sp - 1)});
}

/* ---- the whole ---- */

/* What the fields say together. The target's host counts, if there is one, and Host must be there all the same. */
static int
check_together(struct head *h, struct span target_host)
{
    if (h->host.p == NULL && !h->http_1_0)
        return bad(h, "no Host field");
    if (h->host.p != NULL && !authority_legal(h->host))
        return bad(h, "Host is a name or address, and perhaps a port");
    if (h->absolute)
        h->host = target_host;
    if (h->has_coding && h->has_length)
        return bad(h, "Transfer-Encoding beside Content-Length");
    if (h->has_coding && h->http_1_0)
        return bad(h, "Transfer-Encoding in HTTP/1.0");
    return 0;
}

static int
parse_lines(struct head *h, char *text, size_t len, struct oro_bb *scratch)
{
    bool first = true;
    struct span target_host = {0};
    for (char *p = text, *end = text + len - 2; p < end;) {
        char *nl = memchr(p, '\n', (size_t)(text + len - p));
        ORO_ASSERT(nl != NULL && nl > p && nl[-1] == '\r'); /* see http_find_head */
        size_t n = (size_t)(nl - 1 - p);
        int status = first ? parse_request_line(h, p, n) : parse_field(h, p, n, scratch);
        if (status != 0)
            return status;
        if (first) {
            target_host = h->host;
            h->host = (struct span){0};
        }
        p = nl + 1;
        if (first)
            h->lines = oro_bytes(p, (size_t)(end - p));
        first = false;
    }
    return check_together(h, target_host);
}

int
http_parse_head(struct head *h, char *text, size_t len, struct oro_bb *scratch)
{
    *h = (struct head){.len = len, .why = ""};
    oro_bb_clear(scratch);
    int status = parse_lines(h, text, len, scratch);
    if (status != 0)
        return status;
    if (h->http_1_0) /* its clients know no Expect, and no connection that stays by itself */
        h->expect_continue = false;
    h->keep_alive = !h->close && (h->keep_alive || !h->http_1_0);
    if (scratch->len > 0) {
        oro_bb_reserve(scratch, 1); /* for the zero of text_of() */
        h->protocols = (struct span){(char *)scratch->data, scratch->len};
    }
    return 0;
}
