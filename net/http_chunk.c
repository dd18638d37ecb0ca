/* net/http_chunk.c - chunked bodies (RFC 9112, 7.1).
 *
 *   conn->in:  head | content so far | (gap) | what is not read yet
 *              0    | head_len       |       | raw
 *
 * Content moves down as it comes, so the lines between it take no memory and each byte is moved once or twice, however small
 * the chunks and the pieces in which they arrive. Lines end in CRLF; blanks beside the length, which some readers skip and
 * others take for junk, are refused. Extensions and trailers are read over: they count, together, against the limit of a head. */
#include "net/http_priv.h"

#include <string.h>

#define CHUNK_LINE_MAX ((size_t)1024)
#define CHUNK_DIGITS_MAX 8

/* The next line, without its CRLF. DONE, 0, or a status. */
static int
next_line(struct conn *c, size_t longest, const uint8_t **line, size_t *len, const char **why)
{
    const uint8_t *p = c->in.data + c->chunk.raw;
    size_t there = c->in.len - c->chunk.raw;
    const uint8_t *nl = there > 0 ? memchr(p, '\n', there) : NULL;
    size_t n = nl != NULL ? (size_t)(nl - p) : there;
    if (n > longest + 1) {
        *why = "a line of the chunked body is too long";
        return BAD_REQUEST;
    }
    if (nl == NULL)
        return 0;
    if (n == 0 || p[n - 1] != '\r') {
        *why = "a line of the chunked body does not end in CRLF";
        return BAD_REQUEST;
    }
    *line = p;
    *len = n - 1;
    c->chunk.raw += n + 1;
    return DONE;
}

static size_t
token_len(const uint8_t *p, size_t n)
{
    size_t i = 0;
    while (i < n && http_is_token_char(p[i]))
        i++;
    return i;
}

/* Length of the quoted string at p, 0 if it is none. */
static size_t
quoted_len(const uint8_t *p, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (p[i] == '"')
            return i + 1;
        if (p[i] == '\\')
            i++;
        if (i == n || !http_is_value_char(p[i]))
            return 0;
    }
    return 0;
}

/* *( ";" name [ "=" value ] ), without blanks. */
static bool
extensions_legal(const uint8_t *p, size_t n)
{
    while (n > 0) {
        size_t name = p[0] == ';' ? token_len(p + 1, n - 1) : 0;
        if (name == 0)
            return false;
        p += 1 + name;
        n -= 1 + name;
        if (n == 0 || p[0] != '=')
            continue;
        p++;
        n--;
        size_t value = n > 0 && p[0] == '"' ? quoted_len(p, n) : token_len(p, n);
        if (value == 0)
            return false;
        p += value;
        n -= value;
    }
    return true;
}

/* The overhead of a line: bytes that are no content and that the peer need not have sent. */
static bool
overhead_fits(struct conn *c, size_t more)
{
    c->chunk.overhead += more;
    return c->chunk.overhead <= MAX_HEAD;
}

static int
read_size(struct conn *c, size_t max, const char **why)
{
    const uint8_t *line;
    size_t len, digits = 0, n = 0;
    int got = next_line(c, CHUNK_LINE_MAX, &line, &len, why);
    if (got != DONE)
        return got;
    for (; digits < len && oro_hex_digit((char)line[digits]) >= 0; digits++) {
        if (digits == CHUNK_DIGITS_MAX)
            break;
        n = n * 16 + (size_t)oro_hex_digit((char)line[digits]);
    }
    if (digits == 0 || !extensions_legal(line + digits, len - digits)) {
        *why = "a chunk begins with its length in up to 8 hex digits and CRLF";
        return BAD_REQUEST;
    }
    if (!overhead_fits(c, len - digits)) {
        *why = "the chunk extensions are too long";
        return BAD_REQUEST;
    }
    if (n > max - c->chunk.content)
        return TOO_LARGE;
    c->chunk.left = n;
    c->chunk.state = n > 0 ? CHUNK_DATA : CHUNK_TRAILER;
    return DONE;
}

/* DONE if the whole chunk is there. */
static int
read_data(struct conn *c)
{
    size_t there = c->in.len - c->chunk.raw, n = there < c->chunk.left ? there : c->chunk.left;
    uint8_t *to = c->in.data + c->head_len + c->chunk.content;
    if (n > 0)
        memmove(to, c->in.data + c->chunk.raw, n);
    c->chunk.content += n;
    c->chunk.raw += n;
    c->chunk.left -= n;
    if (c->chunk.left > 0)
        return 0;
    c->chunk.state = CHUNK_END;
    return DONE;
}

static int
read_end(struct conn *c, const char **why)
{
    const uint8_t *p = c->in.data + c->chunk.raw;
    size_t there = c->in.len - c->chunk.raw;
    if ((there > 0 && p[0] != '\r') || (there > 1 && p[1] != '\n')) {
        *why = "a chunk is not followed by CRLF";
        return BAD_REQUEST;
    }
    if (there < 2)
        return 0;
    c->chunk.raw += 2;
    c->chunk.state = CHUNK_SIZE;
    return DONE;
}

/* DONE after the empty line. */
static int
read_trailer(struct conn *c, const char **why)
{
    const uint8_t *line;
    size_t len;
    int got = next_line(c, MAX_HEAD, &line, &len, why);
    if (got != DONE)
        return got;
    if (len == 0) {
        c->chunk.state = CHUNK_ENDED;
        return DONE;
    }
    if (!overhead_fits(c, len + 2))
        return HEAD_TOO_LARGE;
    size_t name = token_len(line, len);
    bool legal = name > 0 && name < len && line[name] == ':';
    for (size_t i = name; legal && i < len; i++)
        legal = http_is_value_char(line[i]);
    if (legal)
        return DONE;
    *why = "a trailer is no field";
    return BAD_REQUEST;
}

/* Closes the gap before what has not been read, so that lines take no memory. */
static void
close_gap(struct conn *c)
{
    size_t to = c->head_len + c->chunk.content;
    if (c->chunk.raw == to)
        return;
    memmove(c->in.data + to, c->in.data + c->chunk.raw, c->in.len - c->chunk.raw);
    c->in.len -= c->chunk.raw - to;
    c->chunk.raw = to;
}

int
http_read_chunks(struct conn *c, size_t max, const char **why)
{
    int got = DONE;
    while (got == DONE && c->chunk.state != CHUNK_ENDED) {
        switch (c->chunk.state) {
        case CHUNK_SIZE:
            got = read_size(c, max, why);
            break;
        case CHUNK_DATA:
            got = read_data(c);
            break;
        case CHUNK_END:
            got = read_end(c, why);
            break;
        default:
            got = read_trailer(c, why);
            break;
        }
    }
    if (got == 0)
        close_gap(c);
    return got;
}
