/* bridge/codec/error.h - Python's exceptions and names as text. */
#ifndef ORO_CODEC_ERROR_H
#define ORO_CODEC_ERROR_H

#include "bridge/codec/python.h"
#include "runtime/base/buf.h"

struct oro_codecs;

/* The texts of exceptions are the author's, and may repeat what a stranger sent: what is longer is cut, with a word on it. */
#define ORO_PY_TEXT_MOST 16384

/* Appends the pending exception's text (one line, or with the module's frames) and clears it. */
void oro_pyerr_text(struct oro_codecs *cs, bool traceback, struct oro_bb *out);
/* Appends a str as UTF-8, of a long one no more than ORO_PY_TEXT_MOST characters; nothing if it is NULL or none. May leave an
 * exception. */
void oro_pyerr_put(PyObject *s, struct oro_bb *out);
/* Appends "file.py:12: ", where a function begins; nothing for what is none. Leaves no exception. */
void oro_pyplace_put(PyObject *fn, struct oro_bb *out);
/* "int", "Player", "None": for "expected ..., got ..." Borrowed from the type. */
const char *oro_pytype_name(PyObject *o);
/* The name of a class without its module, for "expected Vec2"; "tuple" where there is no class. Borrowed from cls. */
const char *oro_pyclass_name(PyObject *cls);

#endif
