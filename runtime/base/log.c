/* The one log: a line is made by the thread that has something to say, and written by a thread of its own, so that a terminal
 * that is stopped or a pipe that nobody reads holds up nobody.
 *
 *   oro_log -> [ lines, whole, in a ring of bytes ] -> writer -> standard error
 *
 * The ring holds whole lines between taken and put, both counted from the beginning and never reset; the byte of position p is
 * bytes[p % RING]. Only the writer moves taken, and only once the bytes are written, so it reads them without the lock. A line
 * that does not fit is dropped and counted. */
#include "runtime/base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/buf.h"
#include "runtime/base/clock.h"
#include "runtime/base/log_kept.h"
#include "runtime/base/metric.h"
#include "runtime/base/thread.h"

#define RING ((size_t)1 << 20)
#define WRITE_MOST ((size_t)64 << 10)

static struct {
    pthread_mutex_t lock;
    pthread_cond_t more;
    pthread_t thread;
    enum { LOG_DIRECT, LOG_RING, LOG_ENDED } mode; /* guarded by lock */
    _Atomic uint64_t put, taken; /* moved under lock; looked at without it to wait */
    uint64_t dropped;            /* lines since that was told last; guarded by lock */
    struct oro_metric *dropped_total;
    char bytes[RING];
} ring = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};

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
        const char *no = getenv("NO_COLOR"); /* https://no-color.org */
        t = isatty(STDERR_FILENO) && (no == NULL || no[0] == '\0') ? 1 : 0;
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

/* Up to n bytes, without a character of UTF-8 that would be cut in two. */
static size_t
whole_characters(const char *text, size_t n)
{
    size_t back = 0;
    while (back < 3 && back < n && ((unsigned char)text[n - 1 - back] & 0xC0) == 0x80)
        back++;
    return back < n && (unsigned char)text[n - 1 - back] >= 0xC0 ? n - 1 - back : n;
}

#define NAME_MAX_BYTES 384 /* of what callers put before a text: a reducer, a file and a line */

size_t
oro_log_cut(const char *text, size_t n)
{
    size_t most = ORO_LOG_TEXT_MAX - NAME_MAX_BYTES;
    return n <= most ? n : whole_characters(text, most);
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

/* ---- to standard error ---- */

static size_t
count_lines(const char *p, size_t n)
{
    size_t lines = 0;
    for (const char *end = p + n; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
        lines++;
    return lines;
}

/* All of it, however long that takes. Gives how much could not be written at all: a full disk, a closed pipe. */
static size_t
write_all(const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(STDERR_FILENO, p, n);
        if (done < 0 && errno == EAGAIN)
            (void)poll(&(struct pollfd){.fd = STDERR_FILENO, .events = POLLOUT}, 1, -1);
        else if (done < 0 && errno != EINTR)
            break;
        p += done > 0 ? done : 0;
        n -= done > 0 ? (size_t)done : 0;
    }
    return n;
}

/* ---- the ring ---- */

static void
ring_copy(const char *line, size_t n)
{
    size_t at = ring.put % RING, first = n < RING - at ? n : RING - at;
    memcpy(ring.bytes + at, line, first);
    memcpy(ring.bytes, line + first, n - first);
    ring.put += n;
}

/* A line that says how many are missing in front of the next one. With the lock. */
static void
tell_dropped(struct oro_bb *line)
{
    if (ring.dropped == 0)
        return;
    put_head(line, ORO_LOG_WARN, "log");
    oro_bb_printf(line, "%llu lines left out: they came faster than standard error took them\n",
                  (unsigned long long)ring.dropped);
}

static void
ring_drop(size_t lines)
{
    ring.dropped += lines;
    oro_metric_add(ring.dropped_total, (int64_t)lines);
}

static void
ring_put(const char *line, size_t n)
{
    struct oro_bb told = {0};
    tell_dropped(&told);
    if (n + told.len > RING - (ring.put - ring.taken)) {
        ring_drop(1);
    } else {
        if (told.len > 0)
            ring_copy((const char *)told.data, told.len);
        ring.dropped = 0;
        ring_copy(line, n);
        pthread_cond_signal(&ring.more);
    }
    oro_bb_fini(&told);
}

/* What has been said last, if it was that lines are missing. With the lock, which is not held while it is written. */
static void
write_dropped(void)
{
    struct oro_bb told = {0};
    tell_dropped(&told);
    ring.dropped = 0;
    pthread_mutex_unlock(&ring.lock);
    (void)write_all((const char *)told.data, told.len);
    oro_bb_fini(&told);
    pthread_mutex_lock(&ring.lock);
}

static void *
writer_main(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&ring.lock);
    for (;;) {
        uint64_t from = ring.taken, n = ring.put - from;
        if (n == 0 && ring.dropped > 0) {
            write_dropped();
        } else if (n == 0 && ring.mode != LOG_RING) {
            break;
        } else if (n == 0) {
            pthread_cond_wait(&ring.more, &ring.lock);
        } else {
            size_t at = from % RING;
            n = n < RING - at ? n : RING - at;
            n = n < WRITE_MOST ? n : WRITE_MOST;
            pthread_mutex_unlock(&ring.lock);
            size_t lost = write_all(ring.bytes + at, n);
            if (lost > 0)
                oro_metric_add(ring.dropped_total,
                               (int64_t)count_lines(ring.bytes + at + n - lost, lost));
            pthread_mutex_lock(&ring.lock);
            ring.taken = from + n;
        }
    }
    pthread_mutex_unlock(&ring.lock);
    return NULL;
}

oro_status
oro_log_start(struct oro_err *err)
{
    ORO_ASSERT(ring.mode == LOG_DIRECT);
    oro_die_after(oro_log_drain); /* what led to the end stands before it */
    ring.dropped_total = oro_metric(ORO_METRIC_COUNTER, "orochi_log_lines_dropped_total", "",
                                    "Log lines left out since standard error did not take them.");
    ring.mode = LOG_RING;
    oro_status st = oro_thread_start(&ring.thread, ORO_THREAD_OTHER, "log-lines", 256 * 1024,
                                     writer_main, NULL, err);
    if (st != ORO_OK)
        ring.mode = LOG_DIRECT;
    return st;
}

bool
oro_log_drain(int ms)
{
    int64_t until = oro_mono_us() + (int64_t)ms * 1000;
    uint64_t put = atomic_load(&ring.put);
    while (atomic_load(&ring.taken) < put) {
        if (oro_mono_us() >= until)
            return false;
        (void)poll(NULL, 0, 1);
    }
    return true;
}

void
oro_log_stop(int ms)
{
    pthread_mutex_lock(&ring.lock);
    bool runs = ring.mode == LOG_RING;
    ring.mode = runs ? LOG_ENDED : ring.mode;
    pthread_cond_signal(&ring.more);
    pthread_mutex_unlock(&ring.lock);
    if (!runs)
        return;
    if (oro_log_drain(ms))
        oro_thread_join(ring.thread);
    else
        pthread_detach(ring.thread); /* it waits in write, and ends with the process */
}

#define LAST_MS 100

static void
line_out(const char *line, size_t n)
{
    pthread_mutex_lock(&ring.lock);
    int mode = (int)ring.mode;
    if (mode == LOG_RING)
        ring_put(line, n);
    pthread_mutex_unlock(&ring.lock);
    if (mode == LOG_DIRECT)
        (void)write_all(line, n);
    else if (mode == LOG_ENDED)
        (void)oro_write_within(STDERR_FILENO, line, n, LAST_MS);
}

void
oro_log_plain(const char *text)
{
    int saved = errno;
    struct oro_bb line = {0};
    oro_bb_printf(&line, "%s\n", text);
    line_out((const char *)line.data, line.len < RING ? line.len : RING);
    oro_bb_fini(&line);
    errno = saved;
}

void
oro_log(enum oro_log_level level, const char *part, const char *fmt, ...)
{
    if (level > oro_log_level())
        return;
    int saved = errno;
    char text[ORO_LOG_TEXT_MAX + 1];
    struct oro_bb line = {0};
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    size_t all = n > 0 ? (size_t)n : 0;
    size_t kept = all <= ORO_LOG_TEXT_MAX ? all : whole_characters(text, ORO_LOG_TEXT_MAX);
    put_head(&line, level, part);
    put_text(&line, text, kept);
    if (kept < all) {
        line.len--; /* its end of line */
        oro_bb_printf(&line, " ... (%zu more bytes)\n", all - kept);
    }
    line_out((const char *)line.data, line.len);
    oro_log_keep(level, part, text, kept);
    oro_bb_fini(&line);
    errno = saved;
}

#define LIMIT_US ((int64_t)1000000)

/* next_us is when the line after all that were allowed would be on time, were they a second apart. */
int
oro_log_allow(struct oro_log_limit *l, enum oro_log_level level, const char *part)
{
    if (level > oro_log_level())
        return 0;
    int64_t now = oro_mono_us();
    int64_t ahead = l->burst > 1 ? (int64_t)(l->burst - 1) * LIMIT_US : 0;
    int64_t next = atomic_load_explicit(&l->next_us, memory_order_relaxed);
    int64_t then = (next > now ? next : now) + LIMIT_US;
    if (next - now > ahead || !atomic_compare_exchange_strong(&l->next_us, &next, then)) {
        atomic_fetch_add_explicit(&l->dropped, 1, memory_order_relaxed);
        return 0;
    }
    unsigned dropped = atomic_exchange(&l->dropped, 0);
    if (dropped > 0)
        oro_log(level, part, "%u more like the next line left out", dropped);
    return 1;
}
