/* runtime/base/header.h - the one writer of HTTP header lines, for all layers. What a stranger sent is echoed in some of them (a
 * token, an origin): a value with a control character would end its line and begin another, or another answer. Any thread. */
#ifndef ORO_BASE_HEADER_H
#define ORO_BASE_HEADER_H

#include <stdbool.h>
#include <stddef.h>

/* Appends "name: value\r\n" to the text in headers[0..size). False, and nothing is written: the name is no token, the value
 * has a byte below 0x20 or 0x7f (which the log then says, with the name), or the line does not fit (half a line would spoil
 * the answer). */
bool oro_header_add(char *headers, size_t size, const char *name, const char *value);

/* Is text nothing but whole lines such as oro_header_add writes? For who gets them from elsewhere. */
bool oro_headers_valid(const char *text);

#endif
