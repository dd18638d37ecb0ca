/* runtime/base/log.h - the one log. Lines go to standard error as text for people, and to an optional hook (the
 * module log, spec/http.md 11). Any thread; each line is one write(2). */
#ifndef ORO_BASE_LOG_H
#define ORO_BASE_LOG_H

#include <stdint.h>

#include "runtime/base/annot.h"

enum oro_log_level {
    ORO_LOG_ERROR,
    ORO_LOG_WARN,
    ORO_LOG_INFO,
    ORO_LOG_DEBUG,
    ORO_LOG_TRACE,
};

void oro_log_set_level(enum oro_log_level level);
enum oro_log_level oro_log_level(void);
/* part: "net", "store", "module" ... printed before the text. */
ORO_PRINTF(3, 4) void oro_log(enum oro_log_level level, const char *part, const char *fmt, ...);

/* At most one line a second from this place; says how many were left out. */
#define oro_log_limited(level, part, ...)        \
    do {                                         \
        static struct oro_log_limit limit_;      \
        if (oro_log_allow(&limit_, level, part)) \
            oro_log(level, part, __VA_ARGS__);   \
    } while (0)
struct oro_log_limit {
    _Atomic int64_t next_us;
    _Atomic unsigned dropped;
};
int oro_log_allow(struct oro_log_limit *l, enum oro_log_level level, const char *part);

#endif
