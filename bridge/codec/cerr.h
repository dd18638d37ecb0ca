/* bridge/codec/cerr.h - where a value went wrong: the reason, its path, and what the exception says of it.
 *
 * One of them stands in each state. A conversion that fails with -1 or NULL has either set it, or left a Python exception. */
#ifndef ORO_CODEC_CERR_H
#define ORO_CODEC_CERR_H

#include "bridge/codec/codec.h"

/* Where a value went wrong. The path grows at its front while the recursion unwinds, so nothing is paid while all is well. */
struct oro_cerr {
    char text[400];
    char path[400];
    size_t at; /* path starts here */
    bool set;  /* text and path are the reason; otherwise a Python exception is */
    /* What the exception tells in attributes; filled in where the error is met first. */
    bool explained;
    size_t offset; /* of the bad bytes, or bytes written before the bad value */
    char expected[120], found[120];
    char type_name[80]; /* encoding: class of the value */
    PyObject *cause;    /* owned: what the author's code raised, or NULL */
};

void oro_cerr_clear(struct oro_codecs *cs);
int oro_cerr_set(struct oro_codecs *cs, const char *fmt, ...) ORO_PRINTF(2, 3); /* -1 */
void oro_cerr_found(struct oro_codecs *cs, const char *fmt, ...) ORO_PRINTF(2, 3);
/* The pending exception of a constructor or a checker becomes the reason; others stay exceptions (a timeout). -1 */
int oro_cerr_take(struct oro_codecs *cs);
/* Puts offset and expected type to an error that does not have them yet. */
void oro_cerr_explain(struct oro_codecs *cs, const struct oro_codec *c, size_t offset);
void oro_cerr_name(struct oro_codecs *cs, PyObject *name); /* puts ".name" before the path */
void oro_cerr_index(struct oro_codecs *cs, Py_ssize_t i);  /* puts "[i]" */
/* Raises cls("root.path: text") if cerr is set, else leaves the exception that is set. Always -1. */
int oro_cerr_raise(struct oro_codecs *cs, PyObject *cls, const char *root);
/* The same as text, for callers outside Python; takes a pending exception's text too. */
void oro_cerr_text(struct oro_codecs *cs, const char *root, struct oro_bb *out);

void oro_cerr_key(struct oro_codecs *cs, PyObject *key); /* puts "['key']" before the path */

#endif
