#include "runtime/base/header.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/log.h"

static const char token_chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "!#$%&'*+-.^_`|~";

/* How many bytes from p on may stand in a value. */
static size_t
value_len(const char *p)
{
    size_t n = 0;
    while ((unsigned char)p[n] >= 0x20 && p[n] != 0x7f)
        n++;
    return n;
}

bool
oro_header_add(char *headers, size_t size, const char *name, const char *value)
{
    size_t at = strlen(headers), n = strlen(name);
    if (n == 0 || strspn(name, token_chars) != n || value[value_len(value)] != '\0') {
        oro_log_limited(ORO_LOG_ERROR, "http",
                        "the header %s was left out of an answer: its value has control characters",
                        name);
        return false;
    }
    if (at + n + strlen(value) + sizeof(": \r\n") > size)
        return false;
    snprintf(headers + at, size - at, "%s: %s\r\n", name, value);
    return true;
}

bool
oro_headers_valid(const char *text)
{
    while (*text != '\0') {
        size_t n = strspn(text, token_chars);
        if (n == 0 || strncmp(text + n, ": ", 2) != 0)
            return false;
        text += n + 2;
        text += value_len(text);
        if (strncmp(text, "\r\n", 2) != 0)
            return false;
        text += 2;
    }
    return true;
}
