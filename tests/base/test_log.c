/* Lines are read back through a pipe put in the place of standard error. */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/log.h"
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
