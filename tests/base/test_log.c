/* Lines are read back through a pipe put in the place of standard error. */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/log.h"
#include "runtime/base/metric.h"
#include "runtime/base/thread.h"

static int saved_stderr = -1, pipe_read = -1;

static void
capture(void)
{
    int fd[2];
    cr_assert_eq(pipe2(fd, O_NONBLOCK), 0);
    saved_stderr = dup(STDERR_FILENO);
    dup2(fd[1], STDERR_FILENO);
    close(fd[1]);
    pipe_read = fd[0];
}

/* What was written since capture(); standard error is as before afterwards. */
static const char *
captured(void)
{
    static char text[65536];
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    ssize_t n = read(pipe_read, text, sizeof(text) - 1);
    close(pipe_read);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void
check_matches(const char *text, const char *pattern)
{
    regex_t re;
    cr_assert_eq(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
    cr_assert_eq(regexec(&re, text, 0, NULL, 0), 0, "%s does not match %s", text, pattern);
    regfree(&re);
}

#define STAMP "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z "

Test(log, line)
{
    capture();
    errno = ENOENT;
    oro_log(ORO_LOG_INFO, "net", "listening on %s:%d", "127.0.0.1", 3000);
    int after = errno;
    oro_log(ORO_LOG_ERROR, "store", "bad");
    const char *text = captured();
    cr_assert_eq(after, ENOENT);
    check_matches(text, "^" STAMP "INFO  net: listening on 127\\.0\\.0\\.1:3000\n" STAMP
                        "ERROR store: bad\n$");
}

Test(log, level_cuts)
{
    capture();
    oro_log(ORO_LOG_DEBUG, "a", "no");
    oro_log_set_level(ORO_LOG_TRACE);
    oro_log(ORO_LOG_TRACE, "a", "yes");
    oro_log_set_level(ORO_LOG_ERROR);
    oro_log(ORO_LOG_WARN, "a", "no");
    const char *text = captured();
    cr_assert_eq(oro_log_level(), ORO_LOG_ERROR);
    check_matches(text, "^" STAMP "TRACE a: yes\n$");
}

Test(log, text_from_outside_cannot_forge_a_line)
{
    capture();
    oro_log(ORO_LOG_INFO, "module", "%s",
            "one\n2026-01-01T00:00:00.000Z ERROR store: fake\033[2J\r\n\n");
    const char *text = captured();
    check_matches(text,
                  "^" STAMP
                  "INFO  module: one\n    2026-01-01T00:00:00.000Z ERROR store: fake\\?\\[2J\n$");
}

Test(log, long_line_is_whole)
{
    char big[5000];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    capture();
    oro_log(ORO_LOG_INFO, "a", "%s", big);
    const char *text = captured();
    cr_assert_eq(strlen(text), strlen("2026-11-22T14:00:00.123Z INFO  a: ") + 4999 + 1);
}

static void
say_often(void)
{
    for (int i = 0; i < 1000; i++)
        oro_log_limited(ORO_LOG_WARN, "net", "slow client");
}

Test(log, limited_lines_are_counted)
{
    struct oro_log_limit l = {0};
    capture();
    say_often();
    cr_assert_eq(oro_log_allow(&l, ORO_LOG_DEBUG, "x"), 0, "the level applies");
    cr_assert_eq(oro_log_allow(&l, ORO_LOG_WARN, "x"), 1);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(oro_log_allow(&l, ORO_LOG_WARN, "x"), 0);
    l.next_us = 0; /* a second later */
    cr_assert_eq(oro_log_allow(&l, ORO_LOG_WARN, "x"), 1);
    const char *text = captured();
    /* 1000 lines may just straddle a second. */
    check_matches(text, "^" STAMP "WARN  net: slow client\n");
    cr_assert_not_null(strstr(text, "WARN  x: 5 more like the next line left out\n"));
    cr_assert_lt(strlen(text), 400);
}

static void *
log_main(void *arg)
{
    (void)arg;
    for (int i = 0; i < 50; i++)
        oro_log(ORO_LOG_INFO, "t", "0123456789");
    return NULL;
}

Test(log, lines_of_threads_do_not_mix)
{
    pthread_t t[4];
    capture();
    for (int i = 0; i < 4; i++)
        cr_assert_eq(oro_thread_start(&t[i], ORO_THREAD_OTHER, "log", 0, log_main, NULL, NULL),
                     ORO_OK);
    for (int i = 0; i < 4; i++)
        oro_thread_join(t[i]);
    const char *text = captured();
    int lines = 0;
    for (const char *p = text; *p != '\0'; p = strchr(p, '\n') + 1, lines++)
        cr_assert_eq(strchr(p, '\n') - p,
                     (long)strlen("2026-11-22T14:00:00.123Z INFO  t: 0123456789"));
    cr_assert_eq(lines, 200);
}

/* ---- the ring ---- */

/* Standard error becomes a pipe that blocks whoever fills it, and nobody reads. */
static void
nobody_reads(void)
{
    int fd[2];
    cr_assert_eq(pipe(fd), 0);
    saved_stderr = dup(STDERR_FILENO);
    dup2(fd[1], STDERR_FILENO);
    close(fd[1]);
    pipe_read = fd[0];
    cr_assert_eq(oro_log_start(NULL), ORO_OK);
}

static int64_t
left_out(void)
{
    return oro_metric_value(
        oro_metric(ORO_METRIC_COUNTER, "orochi_log_lines_dropped_total", "", ""));
}

/* Reads until `lines` lines have come; they must be whole. Gives how many said that lines were left out, adding those. */
static int64_t
read_lines(int64_t lines, int64_t *missing)
{
    FILE *in = fdopen(pipe_read, "r");
    char line[512];
    int64_t told = 0;
    for (int64_t n = 0; n + *missing < lines; n++) {
        unsigned long long m;
        cr_assert_not_null(fgets(line, sizeof(line), in));
        const char *text = strstr(line, " lines left out: ");
        if (text == NULL) {
            cr_assert_str_eq(strchr(line, 'I'),
                             "INFO  flood: 0123456789012345678901234567890123456789\n");
            continue;
        }
        while (text > line && text[-1] != ' ')
            text--;
        cr_assert_eq(sscanf(text, "%llu", &m), 1);
        *missing += (int64_t)m;
        told++;
        n--;
    }
    return told;
}

Test(log, who_logs_does_not_wait_for_who_reads, .timeout = 60)
{
    nobody_reads();
    for (int i = 0; i < 100000; i++)
        oro_log(ORO_LOG_INFO, "flood", "0123456789012345678901234567890123456789");
    int64_t dropped = left_out(), missing = 0;
    cr_assert_gt(dropped, 50000);
    cr_assert_geq(read_lines(100000, &missing), 1);
    cr_assert_eq(missing, dropped, "each line is there or counted");
    dup2(saved_stderr, STDERR_FILENO);
    oro_log_stop(1000);
}

Test(log, a_stop_does_not_wait_for_who_reads, .timeout = 60)
{
    nobody_reads();
    for (int i = 0; i < 10000; i++)
        oro_log(ORO_LOG_INFO, "flood", "0123456789");
    cr_assert_not(oro_log_drain(20));
    oro_log_stop(20);
    oro_log(ORO_LOG_INFO, "flood", "a last word");
    oro_log_plain("and one for who typed it");
    dup2(saved_stderr, STDERR_FILENO);
}

Test(log, what_was_said_is_written_before_a_stop_ends)
{
    capture();
    cr_assert_eq(oro_log_start(NULL), ORO_OK);
    oro_log(ORO_LOG_INFO, "a", "first");
    oro_log_plain("plain");
    oro_log_stop(10000);
    oro_log(ORO_LOG_INFO, "a", "after");
    check_matches(captured(), "^" STAMP "INFO  a: first\nplain\n" STAMP "INFO  a: after\n$");
}

static void *
stop_reading(void *arg)
{
    close(*(int *)arg);
    return NULL;
}

Test(log, a_pipe_without_a_reader_ends_nothing, .timeout = 60)
{
    pthread_t t;
    signal(SIGPIPE, SIG_IGN);
    nobody_reads();
    for (int i = 0; i < 10000; i++)
        oro_log(ORO_LOG_INFO, "flood", "0123456789");
    cr_assert_eq(oro_thread_start(&t, ORO_THREAD_OTHER, "close", 0, stop_reading, &pipe_read, NULL),
                 ORO_OK);
    oro_thread_join(t);
    oro_log_stop(10000);
    dup2(saved_stderr, STDERR_FILENO);
    cr_assert_gt(left_out(), 0, "what could not be written is counted");
}

Test(log, a_text_of_megabytes_is_cut_and_says_so)
{
    size_t n = (size_t)30 << 20;
    char *big = malloc(n + 1);
    memset(big, 'x', n);
    memcpy(big + ORO_LOG_TEXT_MAX - 1, "\xE2\x82\xAC", 3); /* a character across the cut */
    big[n] = '\0';
    capture();
    oro_log(ORO_LOG_ERROR, "module", "%.*s", (int)n, big);
    const char *text = captured();
    cr_assert_lt(strlen(text), ORO_LOG_TEXT_MAX + 100);
    char end[64];
    snprintf(end, sizeof(end), "xx ... (%zu more bytes)\n", n - ORO_LOG_TEXT_MAX + 1);
    cr_assert_str_eq(text + strlen(text) - strlen(end), end);
    cr_assert_eq(oro_log_cut(big, 100), 100);
    cr_assert_leq(oro_log_cut(big, n), ORO_LOG_TEXT_MAX);
    free(big);
}

Test(log, a_burst_then_one_a_second)
{
    struct oro_log_limit l = {.burst = 20};
    capture();
    int allowed = 0;
    for (int i = 0; i < 1000; i++)
        allowed += oro_log_allow(&l, ORO_LOG_WARN, "x");
    l.next_us -= 3000000; /* three seconds later */
    for (int i = 0; i < 1000; i++)
        allowed += oro_log_allow(&l, ORO_LOG_WARN, "x");
    captured();
    cr_assert_geq(allowed, 23);
    cr_assert_leq(allowed, 25, "should a second have passed meanwhile: %d", allowed);
}

Test(log, writing_within_a_time_gives_up, .timeout = 60)
{
    int fd[2];
    static char big[1 << 20];
    cr_assert_eq(pipe(fd), 0);
    cr_assert(oro_write_within(fd[1], "hello", 5, 1000));
    cr_assert_not(oro_write_within(fd[1], big, sizeof(big), 20));
    close(fd[0]);
    signal(SIGPIPE, SIG_IGN);
    cr_assert_not(oro_write_within(fd[1], "x", 1, 20), "nobody there");
}
