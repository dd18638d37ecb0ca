/* net/http_priv.h - shared by the files of HTTP: http.c (requests and answers), http_head.c (heads), http_chunk.c (chunked
 * bodies). All of it runs on the connection's net thread.
 *
 * What is read is RFC 9112 without its permissions to be lenient: lines end in CRLF, one Host, one length. A message that two
 * readers could take for different things is refused, and the connection closed, since a proxy before us may have read it the
 * other way. */
#ifndef ORO_NET_HTTP_PRIV_H
#define ORO_NET_HTTP_PRIV_H

#include "net/net_priv.h"

/* Lies in conn->in. */
struct span {
    char *p;
    size_t len;
};

/* What the head of a request says. */
struct head {
    struct span method, host, path, query; /* path is empty for the target "http://host" */
    struct span authorization, content_type, origin, if_none_match, accept, accept_encoding, key,
        version;
    struct span protocols; /* the first header; further ones are joined to it in shard->scratch */
    uint64_t content_length;
    bool http_1_0, absolute;
    bool has_length, has_coding, chunked, close, keep_alive, upgrade_word, websocket_word;
    bool expect_continue;
    unsigned fields;
    struct oro_bytes lines; /* of the fields */
    size_t len;             /* of the head, with its empty line */
    const char *why;        /* of a refusal: static, "" where the status says it */
};

enum {
    DONE = 1, /* 0 says that more bytes are needed */
    BAD_REQUEST = 400,
    TOO_LARGE = 413,
    EXPECTATION_FAILED = 417,
    HEAD_TOO_LARGE = 431,
    NOT_IMPLEMENTED = 501,
    BAD_VERSION = 505
};

/* ---- http_head.c ---- */

bool http_is_token_char(unsigned char ch);
/* A byte that may stand in the value of a field. */
bool http_is_value_char(unsigned char ch);
bool span_is(struct span s, const char *text);

/* Looks for the end of the head at the beginning of conn->in, from where it stopped. DONE: *len is its length with the empty
 * line; 0; else the status to refuse with, and *why. */
int http_find_head(struct conn *c, size_t *len, const char **why);
/* text[0..len) is a head that http_find_head has found. 0, or the status to refuse with, and h->why. The spans lie in text, but
 * for h->protocols, which may lie in scratch. */
int http_parse_head(struct head *h, char *text, size_t len, struct oro_bb *scratch);

/* ---- http_chunk.c ---- */

/* Takes in what has come of a chunked body behind the head of conn->in; content above max is refused. DONE: the content lies
 * at head_len, conn->chunk.content bytes, and the message ends at conn->chunk.raw. Otherwise as http_find_head. */
int http_read_chunks(struct conn *c, size_t max, const char **why);

/* ---- http.c, for the others ---- */
int http_rx(struct conn *c, const uint8_t *data, size_t len);
void http_response_fini(struct oro_http_response *res); /* what was not sent of it */
/* Takes res->body. */
void http_answer(struct conn *c, struct oro_http_response *res);
/* An answer of our own, after which the connection closes; why: a text or "". */
void http_refuse(struct conn *c, int status, const char *why);
void http_on_cut(struct conn *c,
                 const struct farewell *f); /* conn.on_cut, until it is a websocket */
/* Of an answer in pieces. False if it was cut off. */
bool http_piece(struct conn *c, struct oro_buf *piece, bool last);
void http_run(struct conn *c);
/* A turn of the loop begins: those that waited for one come first. */
void http_turn(struct shard *s);

#endif
