#include "runtime/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/buf.h"
#include "runtime/base/clock.h"

static const struct {
    const char *name, *colour;
} levels[] = {
    /* clang-format off */
    [ORO_LOG_ERROR] = {"ERROR", "\033[31m"},
    [ORO_LOG_WARN] = {"WARN ", "\033[33m"},
    [ORO_LOG_INFO] = {"INFO ", "\033[32m"},
    [ORO_LOG_DEBUG] = {"DEBUG", "\033[36m"},
    [ORO_LOG_TRACE] = {"TRACE", "\033[35m"},
    /* clang-format on */
};

static atomic_int current_level = ORO_LOG_INFO;
static atomic_int stderr_is_terminal = -1; /* -1: not asked yet */

void
oro_log_set_level(enum oro_log_level level)
{
    atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}

enum oro_log_level
oro_log_level(void)
{
    return (enum oro_log_level)atomic_load_explicit(&current_level, memory_order_relaxed);
}

static bool
want_colour(void)
{
    int t = atomic_load_explicit(&stderr_is_terminal, memory_order_relaxed);
    if (t < 0) {
        t = isatty(STDERR_FILENO) ? 1 : 0;
        atomic_store_explicit(&stderr_is_terminal, t, memory_order_relaxed);
    }
    return t == 1;
}

static void
put_head(struct oro_bb *line, enum oro_log_level level, const char *part)
{
    int64_t now = oro_wall_us();
    time_t sec = (time_t)(now / 1000000);
    struct tm tm;
    gmtime_r(&sec, &tm);
    bool colour = want_colour();
    oro_bb_printf(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ %s%s%s %s: ", tm.tm_year + 1900,
                  tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                  (int)(now / 1000 % 1000), colour ? levels[level].colour : "", levels[level].name,
                  colour ? "\033[0m" : "", part);
}

/* The text may hold what a client sent: a further line is indented, so that it cannot pass for a record of its own,
 * and control characters do not reach the terminal. */
static void
put_text(struct oro_bb *line, const char *text, size_t n)
{
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\n')
            oro_bb_put(line, "\n    ", 5);
        else
            oro_bb_u8(line, (c < 0x20 && c != '\t') || c == 0x7f ? '?' : c);
    }
    oro_bb_u8(line, '\n');
}

void
oro_log(enum oro_log_level level, const char *part, const char *fmt, ...)
{
    if (level > oro_log_level())
        return;
    int saved = errno;
    struct oro_bb text = {0}, line = {0};
    va_list ap;
    oro_bb_reserve(&text, 256);
    va_start(ap, fmt);
    int n = vsnprintf((char *)text.data, text.cap, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n >= text.cap) {
        oro_bb_reserve(&text, (size_t)n + 1);
        va_start(ap, fmt);
        n = vsnprintf((char *)text.data, text.cap, fmt, ap);
        va_end(ap);
    }
    put_head(&line, level, part);
    put_text(&line, (const char *)text.data, n < 0 ? 0 : (size_t)n);
    ssize_t ignored = write(STDERR_FILENO, line.data, line.len);
    (void)ignored;
    oro_bb_fini(&line);
    oro_bb_fini(&text);
    errno = saved;
}

int
oro_log_allow(struct oro_log_limit *l, enum oro_log_level level, const char *part)
{
    if (level > oro_log_level())
        return 0;
    int64_t now = oro_mono_us();
    int64_t next = atomic_load_explicit(&l->next_us, memory_order_relaxed);
    if (now < next || !atomic_compare_exchange_strong(&l->next_us, &next, now + 1000000)) {
        atomic_fetch_add_explicit(&l->dropped, 1, memory_order_relaxed);
        return 0;
    }
    unsigned dropped = atomic_exchange(&l->dropped, 0);
    if (dropped > 0)
        oro_log(level, part, "%u more like the next line left out", dropped);
    return 1;
}
