/* runtime/base/die.c - see die.h. It is below the log, which has buffers, and memory, which both of them can do without. */
#include "runtime/base/die.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/base/clock.h"

static bool (*_Atomic before)(int ms);

void
oro_die_after(bool (*fn)(int ms))
{
    atomic_store(&before, fn);
}

void
oro_die(const char *text, size_t n)
{
    bool (*fn)(int ms) = atomic_load(&before);
    if (fn != NULL)
        (void)fn(100);
    (void)oro_write_within(STDERR_FILENO, text, n, 1000);
    abort();
}

bool
oro_write_within(int fd, const char *text, size_t n, int ms)
{
    int64_t until = oro_mono_us() + (int64_t)ms * 1000;
    while (n > 0) {
        int64_t left = until - oro_mono_us();
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        if (poll(&p, 1, left > 0 ? (int)(left / 1000) : 0) <= 0 || (p.revents & POLLOUT) == 0)
            return false;
        /* A pipe that is said to be writable takes so much without waiting (pipe(7)). */
        ssize_t done = write(fd, text, n < 4096 ? n : 4096);
        if (done < 0 && errno != EINTR && errno != EAGAIN)
            return false;
        text += done > 0 ? done : 0;
        n -= done > 0 ? (size_t)done : 0;
    }
    return true;
}
