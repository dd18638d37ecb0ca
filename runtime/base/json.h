/* runtime/base/json.h - JSON text read strictly (RFC 8259) into a flat list of nodes that point into the text.
 *
 * Numbers stay text, so that no digit is lost; repeated keys stay visible. A node is followed by its children, an
 * object's member by two nodes, key and value:
 *
 *   {"a":[1,2],"b":""}    0 object  1 "a"  2 array  3 1  4 2  5 "b"  6 ""
 *
 * Pure functions; any thread. */
#ifndef ORO_JSON_H
#define ORO_JSON_H

#include "runtime/base/buf.h"
#include "runtime/base/status.h"

enum oro_json_kind {
    ORO_JSON_NULL,
    ORO_JSON_FALSE,
    ORO_JSON_TRUE,
    ORO_JSON_NUMBER,
    ORO_JSON_STRING,
    ORO_JSON_ARRAY,
    ORO_JSON_OBJECT
};

struct oro_json_node {
    uint8_t kind;
    bool escaped;   /* string: holds backslashes */
    uint32_t at;    /* where its text starts; of a string, after the quote */
    uint32_t len;   /* bytes of its text; of a string, without quotes */
    uint32_t count; /* elements, members */
    uint32_t next;  /* the node after this one and its children */
};

#define ORO_JSON_INLINE 64
#define ORO_JSON_MAX_DEPTH 512

struct oro_json {
    const uint8_t *text; /* borrowed until fini */
    struct oro_json_node *nodes;
    uint32_t n, cap;
    struct oro_json_node few[ORO_JSON_INLINE]; /* so that short texts need no memory */
};

/* One value and nothing after it, nested at most max_depth (up to ORO_JSON_MAX_DEPTH) deep. Borrows text until fini,
 * which must follow a success. ORO_EMALFORMED, ORO_ENOMEM. j must not be moved. */
ORO_MUST_CHECK oro_status oro_json_parse(struct oro_json *j, struct oro_bytes text,
                                         unsigned max_depth, struct oro_err *err);
void oro_json_fini(struct oro_json *j);

static inline struct oro_bytes
oro_json_text(const struct oro_json *j, uint32_t node)
{
    return (struct oro_bytes){j->text + j->nodes[node].at, j->nodes[node].len};
}

/* Appends the string without escapes: UTF-8. */
void oro_json_unescape(const struct oro_json *j, uint32_t node, struct oro_bb *out);
bool oro_json_string_is(const struct oro_json *j, uint32_t node, const char *text);
/* The value of the member, 0 if there is none (node 0 is the root). The last one wins when a key is repeated. */
uint32_t oro_json_member(const struct oro_json *j, uint32_t object, const char *key);
/* No object has a key twice, and no string holds a zero byte: what different readers would read differently. */
bool oro_json_unambiguous(const struct oro_json *j);
/* The text of a value without white space between tokens, every other byte as it was. */
void oro_json_compact(const struct oro_json *j, uint32_t node, struct oro_bb *out);
/* "number 12", "string \"abc\"", "an object": what was found, cut short, for messages. */
void oro_json_describe(const struct oro_json *j, uint32_t node, struct oro_bb *out);

#endif
