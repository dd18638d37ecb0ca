/* runtime/base/log_kept.h - the newest lines of the log, for whoever asks later: the last 8,192, of 1 MiB of text at most, so that
 * what strangers cause costs no more than that. Lines are numbered from 1 in the order they came. Any thread. */
#ifndef ORO_BASE_LOG_KEPT_H
#define ORO_BASE_LOG_KEPT_H

#include "runtime/base/buf.h"
#include "runtime/base/log.h"

struct oro_log_line {
    enum oro_log_level level;
    int64_t ts_us; /* since 1970 */
    struct oro_buf
        *text; /* the part, a NUL, and the text as it was said: several lines, any bytes */
};

/* As oro_log has it, which calls this. Copies both. */
void oro_log_keep(enum oro_log_level level, const char *part, const char *text, size_t n);

/* The number of the line that the last n begin with, of those that are kept; of the next one with 0. */
uint64_t oro_log_kept_last(uint64_t n);
/* Gives up to `most` lines from number *from on, or from the oldest that is kept, and puts the number of the next one into
 * *from. The caller unrefs their texts. */
size_t oro_log_kept_read(uint64_t *from, struct oro_log_line *out, size_t most);

/* told is called behind each line that is kept, in the thread that had it to say; it must neither log nor wait. NULL: nobody, and
 * when this returns the one before is not running. */
void oro_log_kept_watch(void (*told)(void *arg), void *arg);

#endif
