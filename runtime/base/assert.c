#include "runtime/base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/log.h"

void
oro_assert_fail(const char *expr, const char *file, int line)
{
    /* No log, no allocation: whatever is broken may be broken there too. */
    char text[512];
    int n = snprintf(text, sizeof(text), "orochi: %s:%d: assertion failed: %s\n", file, line, expr);
    if (n > 0) {
        size_t len = (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
        (void)oro_log_drain(100); /* what led to it; takes no lock */
        (void)oro_write_within(STDERR_FILENO, text, len, 1000);
    }
    abort();
}
