/* runtime/base/log.h - the one log. Lines go to standard error as text for people, whole and in order. Any thread. Once
 * oro_log_start has run nobody waits for standard error: lines stand in a ring of 1 MiB until a thread of the log's own has
 * written them, and what does not fit is left out, counted in orochi_log_lines_dropped_total and in the log itself. */
#ifndef ORO_BASE_LOG_H
#define ORO_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/annot.h"
#include "runtime/base/die.h"
#include "runtime/base/status.h"

enum oro_log_level {
    ORO_LOG_ERROR,
    ORO_LOG_WARN,
    ORO_LOG_INFO,
    ORO_LOG_DEBUG,
    ORO_LOG_TRACE,
};

/* Bytes of a text that are written; of a longer one the line says how many more there were. */
#define ORO_LOG_TEXT_MAX 16384
/* How many of n bytes that are, with room for a name before them and no character of UTF-8 cut in two. */
size_t oro_log_cut(const char *text, size_t n);

/* From here on lines go through the ring. Once in a process, before its other threads. */
ORO_MUST_CHECK oro_status oro_log_start(struct oro_err *err);
/* Writes what waits, for so many milliseconds at most. Lines that come later are tried for a moment each. NULL-safe: without a
 * start it does nothing. Main thread, at the end. */
void oro_log_stop(int ms);
/* Waits until all that was said is written, so many milliseconds at most. Takes no lock: for whoever ends the process. */
bool oro_log_drain(int ms);

void oro_log_set_level(enum oro_log_level level);
enum oro_log_level oro_log_level(void);
/* part: "net", "store", "module" ... printed before the text. */
ORO_PRINTF(3, 4) void oro_log(enum oro_log_level level, const char *part, const char *fmt, ...);
/* A line (or several) without time and level: what the command line has to say to whoever typed it. */
void oro_log_plain(const char *text);

/* At most one line a second from this place; says how many were left out. For whatever a stranger can cause. */
#define oro_log_limited(level, part, ...)        \
    do {                                         \
        static struct oro_log_limit limit_;      \
        if (oro_log_allow(&limit_, level, part)) \
            oro_log(level, part, __VA_ARGS__);   \
    } while (0)
struct oro_log_limit {
    _Atomic int64_t next_us;
    _Atomic unsigned dropped;
    unsigned burst; /* so many may come at once after a quiet time; 0: one */
};
int oro_log_allow(struct oro_log_limit *l, enum oro_log_level level, const char *part);

#endif
