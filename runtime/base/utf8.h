/* runtime/base/utf8.h - the one check of UTF-8. Any thread. */
#ifndef ORO_BASE_UTF8_H
#define ORO_BASE_UTF8_H

#include <stdbool.h>

#include "runtime/base/bytes.h"

/* Strict UTF-8: no overlong forms, surrogates or values above U+10FFFF. No bytes are valid. */
bool oro_utf8_valid(struct oro_bytes b);

#endif
