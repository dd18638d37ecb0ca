/* bridge/codec/dynamic_priv.h - what is remembered of dynamic values, by dynamic_write.c (shapes) and dynamic_read.c (keys). */
#ifndef ORO_CODEC_DYNAMIC_PRIV_H
#define ORO_CODEC_DYNAMIC_PRIV_H

#include "bridge/codec/dynamic.h"
#include "bridge/codec/state.h"

#define MAX_DEPTH 64 /* of what is written; each level may take three in the text ($map) */
#define MAX_READ_DEPTH 256
#define MAX_BYTES (1u << 20)
#define WAYS 4
#define SETS 256
#define SHAPE_KEYS 64 /* larger mappings are sorted each time */
#define MEMO_SETS 256 /* of two keys */
#define MEMO_LEN 40
#define TEXT_PAD 32 /* bytes after a shape's text that may be copied along */
#define FEW 16      /* elements of an array that are read before there is a list */

struct shape {
    uint64_t hash; /* 0: free */
    int64_t used_us;
    uint64_t tick;
    unsigned n;
    PyObject **keys; /* owned, as they come out of the mapping */
    uint8_t *order;  /* positions in ascending order of key */
    uint8_t *text;   /* of each key in that order: "name": */
    uint32_t *at;    /* n + 1 offsets into text */
};

/* A key that was read. Guesses are numbers of keys plus 1, or 0; the place may belong to another key meanwhile. */
struct key {
    PyObject *name;                 /* owned; NULL: free */
    uint16_t next;                  /* guess: the key after it */
    uint16_t first;                 /* guess: the first key of the mapping that is its value */
    uint8_t inside;                 /* how many that mapping had */
    uint8_t n;                      /* bytes of text; 0: it is written with escapes */
    uint8_t text[MEMO_LEN + 2 + 1]; /* with quotes and colon */
};

/* A mapping that is being written. Nothing but write_extra runs Python code, so keys and values are held only from then on. */
struct frame {
    struct frame *up;
    PyObject **keys, **values;
    unsigned n;
    bool held;
};

struct oro_dynamic {
    struct frame *writing; /* the innermost mapping */
    struct shape *
        last[MAX_DEPTH +
             1]; /* the shape that was used last at a depth, or NULL: the next is like it, mostly */
    struct shape shapes[SETS][WAYS];
    uint64_t tick;
    struct key keys[MEMO_SETS * 2];
    struct key root; /* for guesses of the outermost mapping */
};

/* That of the state, made when there is none. */
static inline struct oro_dynamic *
dynamic_of(struct oro_codecs *cs)
{
    if (cs->dynamic == NULL)
        cs->dynamic = ORO_NEW(struct oro_dynamic);
    return cs->dynamic;
}

/* Has one of 8 bytes to be escaped in a JSON string? Signed bytes: what is above 0x7f is not. */
static inline bool
any_escaped(uint64_t w)
{
    const uint64_t ones = 0x0101010101010101ull, high = 0x8080808080808080ull;
    uint64_t quote = w ^ ones * '"', slash = w ^ ones * '\\';
    uint64_t hit = ((w - ones * 0x20) & ~w) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash);
    return (hit & high) != 0;
}

/* Copies n bytes in words of 8, the last of which may overlap the one before. false: one of them has to be escaped. */
static inline bool
copy_plain(uint8_t *to, const uint8_t *from, size_t n)
{
    uint64_t w;
    uint32_t a, b;
    if (n >= 8) {
        for (size_t i = 0;; i = i + 16 <= n ? i + 8 : n - 8) {
            memcpy(&w, from + i, 8);
            if (ORO_UNLIKELY(any_escaped(w)))
                return false;
            memcpy(to + i, &w, 8);
            if (i + 8 == n)
                return true;
        }
    }
    if (n >= 4) {
        memcpy(&a, from, 4);
        memcpy(&b, from + n - 4, 4);
        memcpy(to, &a, 4);
        memcpy(to + n - 4, &b, 4);
        return !any_escaped(a | (uint64_t)b << 32);
    }
    for (size_t i = 0; i < n; i++) {
        if (from[i] < 0x20 || from[i] == '"' || from[i] == '\\')
            return false;
        to[i] = from[i];
    }
    return true;
}

#endif
