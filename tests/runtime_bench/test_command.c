#include "runtime/bench/bench.c" /* read_command is tested directly */

#include <criterion/criterion.h>

static oro_status
parse(struct command *c, struct oro_err *err, char **words)
{
    char *argv[24] = {"transfer"};
    int argc = 1;
    while (words[argc - 1] != NULL) {
        argv[argc] = words[argc - 1];
        argc++;
    }
    static char *kept[24]; /* the flags of the server stay in it */
    memcpy(kept, argv, sizeof(argv));
    return read_command(c, argc, kept, err);
}

#define PARSE(c, err, ...) parse(c, err, (char *[]){__VA_ARGS__, NULL})

Test(command, what_is_not_said)
{
    struct command c;
    struct oro_err err;
    cr_assert_eq(parse(&c, &err, (char *[]){NULL}), ORO_OK);
    cr_assert_str_eq(c.opt.host, "127.0.0.1");
    cr_assert_str_eq(c.opt.database, "bank");
    cr_assert(c.opt.port == 3000 && c.opt.connections == 64 && c.opt.in_flight == 40 &&
              c.opt.threads == 1);
    cr_assert(c.opt.confirmed && !c.opt.v2 && !c.opt.no_seed && c.module == NULL);
    cr_assert(c.opt.accounts == 100000 && c.opt.initial == 1000000000 && c.opt.seconds == 10 &&
              c.opt.warmup_s == 2);
}

Test(command, every_flag)
{
    struct command c;
    struct oro_err err;
    cr_assert_eq(PARSE(&c, &err, "--url", "ws://localhost:99/", "--database", "x",
                       "--connections=3", "--in-flight", "7", "--threads", "8", "--protocol", "v2",
                       "--unconfirmed", "--accounts", "5", "--initial", "6"),
                 ORO_OK, "%s", err.text);
    cr_assert_str_eq(c.opt.host, "localhost");
    cr_assert_str_eq(c.opt.database, "x");
    cr_assert(c.opt.port == 99 && c.opt.connections == 3 && c.opt.in_flight == 7);
    cr_assert_eq(c.opt.threads, 3, "no more threads than connections");
    cr_assert(c.opt.v2 && !c.opt.confirmed && c.opt.accounts == 5 && c.opt.initial == 6);
    cr_assert_eq(PARSE(&c, &err, "--no-seed", "--alpha", "1.5", "--pairs", "1", "--warmup", "0.5",
                       "--seconds", "3", "--server-pid", "12", "--json", "--quiet", "--url",
                       "ws://[::1]:5"),
                 ORO_OK, "%s", err.text);
    cr_assert(c.opt.no_seed && c.opt.alpha == 1.5 && c.opt.warmup_s == 0.5 && c.opt.seconds == 3);
    cr_assert(c.opt.server == 12 && c.json && c.opt.quiet);
    cr_assert_eq(c.opt.pairs, 64, "one pair for each connection at least");
    cr_assert_str_eq(c.opt.host, "::1");
}

Test(command, flags_of_the_server)
{
    struct command c;
    struct oro_err err;
    cr_assert_eq(PARSE(&c, &err, "--spawn", "m.py", "--", "--workers", "1"), ORO_OK);
    cr_assert_str_eq(c.module, "m.py");
    cr_assert_str_eq(c.server_flags[0], "--workers");
    cr_assert_str_eq(c.server_flags[1], "1");
    cr_assert_null(c.server_flags[2]);
    cr_assert_eq(PARSE(&c, &err, "--spawn", "m.py"), ORO_OK);
    cr_assert_null(c.server_flags[0]);
}

Test(command, mistakes_are_named)
{
    static const struct {
        char *words[5];
        const char *said;
    } cases[] = {
        {{"--nonsense"}, "--nonsense: no such flag"},
        {{"--url"}, "--url: a value is missing"},
        {{"--url", "wss://h:1"}, "expected ws://HOST:PORT"},
        {{"--url", "ws://h"}, "expected ws://HOST:PORT"},
        {{"--url", "ws://h:0"}, "expected ws://HOST:PORT"},
        {{"--connections", "0"}, "--connections 0: expected a number from 1 to 100000"},
        {{"--in-flight", "-3"}, "--in-flight -3"},
        {{"--accounts", "9x"}, "--accounts 9x"},
        {{"--alpha", "x"}, "--alpha x"},
        {{"--seconds", "nan"}, "--seconds nan"},
        {{"--protocol", "v1"}, "--protocol v1: expected v3 or v2"},
        {{"stray"}, "stray: not a flag"},
        {{"--", "--workers", "1"}, "need --spawn"},
    };
    struct command c;
    for (size_t i = 0; i < ORO_ARRAY_LEN(cases); i++) {
        struct oro_err err = {0};
        cr_assert_eq(parse(&c, &err, (char **)cases[i].words), ORO_EINVAL, "%s", cases[i].said);
        cr_assert(strstr(err.text, cases[i].said), "wanted '%s', got '%s'", cases[i].said,
                  err.text);
    }
}
