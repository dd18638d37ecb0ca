/* The newest lines of the log: a ring of LINES, of which those between first and next are there; the oldest go when a line, or
 * its bytes, would be too many. A line is one buffer, so that who reads takes a reference and formats it without the lock. */
#include "runtime/base/log_kept.h"

#include <pthread.h>
#include <string.h>

#include "runtime/base/clock.h"

#define LINES 8192
#define BYTES ((size_t)1 << 20)

static struct {
    pthread_mutex_t lock;
    uint64_t first, next; /* numbers */
    size_t bytes;
    struct oro_log_line lines[LINES];
    void (*told)(void *arg);
    void *arg;
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER, .first = 1, .next = 1};

static void
forget_first(void)
{
    struct oro_log_line *line = &kept.lines[kept.first++ % LINES];
    kept.bytes -= line->text->len;
    oro_buf_unref(line->text);
    line->text = NULL;
}

/* Nothing where there is no memory: what is wrong then is told by the log itself. */
static struct oro_buf *
text_of(const char *part, const char *text, size_t n)
{
    size_t head = strlen(part) + 1;
    struct oro_buf *buf = oro_buf_try_new((uint32_t)(head + n));
    if (buf == NULL)
        return NULL;
    memcpy(buf->data, part, head);
    memcpy(buf->data + head, text, n);
    return buf;
}

void
oro_log_keep(enum oro_log_level level, const char *part, const char *text, size_t n)
{
    struct oro_buf *buf = text_of(part, text, n);
    if (buf == NULL)
        return;
    pthread_mutex_lock(&kept.lock);
    while (kept.first < kept.next &&
           (kept.next - kept.first == LINES || kept.bytes + buf->len > BYTES))
        forget_first();
    kept.lines[kept.next++ % LINES] =
        (struct oro_log_line){.level = level, .ts_us = oro_wall_us(), .text = buf};
    kept.bytes += buf->len;
    if (kept.told != NULL)
        kept.told(kept.arg);
    pthread_mutex_unlock(&kept.lock);
}

uint64_t
oro_log_kept_last(uint64_t n)
{
    pthread_mutex_lock(&kept.lock);
    uint64_t have = kept.next - kept.first, from = kept.next - (n < have ? n : have);
    pthread_mutex_unlock(&kept.lock);
    return from;
}

size_t
oro_log_kept_read(uint64_t *from, struct oro_log_line *out, size_t most)
{
    size_t n = 0;
    pthread_mutex_lock(&kept.lock);
    uint64_t at = *from > kept.first ? *from : kept.first;
    for (; n < most && at < kept.next; at++, n++) {
        out[n] = kept.lines[at % LINES];
        oro_buf_ref(out[n].text);
    }
    pthread_mutex_unlock(&kept.lock);
    *from = at;
    return n;
}

void
oro_log_kept_watch(void (*told)(void *arg), void *arg)
{
    pthread_mutex_lock(&kept.lock);
    kept.told = told;
    kept.arg = arg;
    pthread_mutex_unlock(&kept.lock);
}
