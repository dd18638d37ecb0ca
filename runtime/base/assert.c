#include "runtime/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/die.h"

void
oro_assert_fail(const char *expr, const char *file, int line)
{
    char text[512];
    int n = snprintf(text, sizeof(text), "orochi: %s:%d: assertion failed: %s\n", file, line, expr);
    if (n <= 0)
        abort();
    oro_die(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}
