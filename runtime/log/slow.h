/* runtime/log/slow.h - a disk that takes long for one write of the log: whoever wants his answers confirmed waits for it, and
 * somebody has to say why. Said while it goes on, by whoever looks once a second, and when it is over. */
#ifndef ORO_LOG_SLOW_H
#define ORO_LOG_SLOW_H

#include <stdatomic.h>
#include <stdint.h>

struct oro_metric;

struct slow {
    int64_t slow_us;                  /* of a write, from which on it is said */
    _Atomic int64_t writing_since_us; /* 0: none is under way */
    _Atomic int64_t told_us;
    struct oro_metric *write_time, *writes;
};

void slow_init(struct slow *s);
/* Before and after each write, by who writes; path: of the log, for the message. */
void slow_begin(struct slow *s);
void slow_end(struct slow *s, const char *path);
/* Any thread. */
void slow_look(struct slow *s, const char *path, int64_t now_us);
int64_t slow_running_us(const struct slow *s, int64_t now_us);

#endif
