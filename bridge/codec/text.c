/* bridge/codec/text.c - texts of strangers, most of which are short and ASCII. */
#include "bridge/codec/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool
is_ascii(const uint8_t *p, size_t n)
{
    uint64_t any = 0, word;
    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&word, p, 8);
        any |= word;
    }
    for (; n > 0; n--)
        any |= *p++;
    return (any & 0x8080808080808080ull) == 0;
}

PyObject *
oro_py_text(const uint8_t *p, size_t n)
{
    if (n > 64 || n < 2 || !is_ascii(p, n))
        return PyUnicode_DecodeUTF8((const char *)p, (Py_ssize_t)n, "strict");
    PyObject *s = PyUnicode_New((Py_ssize_t)n, 127);
    if (s != NULL)
        memcpy(PyUnicode_1BYTE_DATA(s), p, n);
    return s;
}
