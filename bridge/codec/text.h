/* bridge/codec/text.h - texts of strangers. */
#ifndef ORO_CODEC_TEXT_H
#define ORO_CODEC_TEXT_H

#include "bridge/codec/python.h"

/* A str of UTF-8; UnicodeDecodeError. */
PyObject *oro_py_text(const uint8_t *p, size_t n);

#endif
