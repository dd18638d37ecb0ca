/* The newest lines of the log. Each test has its own process, so the first line is number 1. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "runtime/base/log_kept.h"
#include "runtime/base/thread.h"

static void
say(unsigned i, size_t n)
{
    char text[2000];
    memset(text, 'x', sizeof(text));
    text[snprintf(text, sizeof(text), "%u", i)] = ' ';
    oro_log_keep(ORO_LOG_WARN, "part", text, n);
}

static unsigned
number_of(const struct oro_log_line *line)
{
    unsigned n;
    cr_assert_str_eq((const char *)line->text->data, "part");
    cr_assert_eq(sscanf((const char *)line->text->data + 5, "%u ", &n), 1);
    return n;
}

/* Reads all from there; each is the one after the one before. Gives how many. */
static size_t
read_on(uint64_t *from)
{
    struct oro_log_line lines[10];
    size_t total = 0, n;
    unsigned last = 0;
    while ((n = oro_log_kept_read(from, lines, 10)) > 0)
        for (size_t i = 0; i < n; i++, total++) {
            cr_assert(total == 0 || number_of(&lines[i]) == last + 1);
            last = number_of(&lines[i]);
            oro_buf_unref(lines[i].text);
        }
    return total;
}

Test(log_kept, lines_are_read_in_order_and_once)
{
    uint64_t from = 0;
    for (unsigned i = 0; i < 100; i++)
        say(i, 20);
    cr_assert_eq(read_on(&from), 100);
    cr_assert_eq(read_on(&from), 0);
    say(100, 20);
    cr_assert_eq(read_on(&from), 1);
    from = oro_log_kept_last(7);
    cr_assert_eq(read_on(&from), 7);
    from = oro_log_kept_last(0);
    cr_assert_eq(read_on(&from), 0);
    from = oro_log_kept_last(UINT64_MAX);
    cr_assert_eq(read_on(&from), 101);
}

Test(log_kept, many_lines_and_long_ones_are_bounded)
{
    uint64_t from = 0;
    for (unsigned i = 0; i < 20000; i++)
        say(i, 20);
    cr_assert_eq(read_on(&from), 8192);
    for (unsigned i = 20000; i < 22000; i++)
        say(i, 2000);
    from = 0;
    size_t n = read_on(&from);
    cr_assert(n < 530 && n > 500, "%zu", n);
}

static void
told(void *arg)
{
    ++*(unsigned *)arg;
}

Test(log_kept, whoever_watches_is_told_of_each_line)
{
    unsigned times = 0;
    oro_log_kept_watch(told, &times);
    say(1, 20);
    oro_log(ORO_LOG_ERROR, "part", "2 and what is said in the usual way");
    cr_assert_eq(times, 2);
    oro_log_kept_watch(NULL, NULL);
    say(3, 20);
    cr_assert_eq(times, 2);
    uint64_t from = 0;
    cr_assert_eq(read_on(&from), 3);
}

static void *
say_many(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 5000; i++)
        oro_log_keep(ORO_LOG_INFO, "other", "from a thread", 13);
    return NULL;
}

Test(log_kept, threads_write_while_one_reads)
{
    pthread_t threads[3];
    struct oro_log_line lines[64];
    uint64_t from = 0;
    for (int i = 0; i < 3; i++)
        cr_assert_eq(oro_thread_start(&threads[i], ORO_THREAD_OTHER, "say", 256 * 1024, say_many,
                                      NULL, NULL),
                     ORO_OK);
    for (int k = 0; k < 2000; k++)
        for (size_t i = 0, n = oro_log_kept_read(&from, lines, 64); i < n; i++) {
            cr_assert_str_eq((const char *)lines[i].text->data, "other");
            oro_buf_unref(lines[i].text);
        }
    for (int i = 0; i < 3; i++)
        oro_thread_join(threads[i]);
    cr_assert_eq(oro_log_kept_last(0), 15001);
}
