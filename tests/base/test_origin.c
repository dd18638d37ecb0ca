/* Origins of web pages: who is of this machine, who is listed, and what only looks like it. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "runtime/base/origin.h"

static bool
loopback(const char *host)
{
    return oro_host_is_loopback(host, strlen(host));
}

Test(origin, loopback_hosts)
{
    static const char *const yes[] = {
        "localhost", "LocalHost",        "game.localhost", "127.0.0.1",    "127.255.0.9", "::1",
        "[::1]",     "::ffff:127.0.0.1", "localhost.",     "a.localhost.", "127.0.0.1."};
    static const char *const no[] = {"",
                                     "localhos",
                                     "localhost..",
                                     "localhost.example",
                                     "xlocalhost",
                                     ".localhost",
                                     "127.0.0.1.example",
                                     "128.0.0.1",
                                     "127.1",
                                     "0127.0.0.1",
                                     "0.0.0.0",
                                     "::",
                                     "::2",
                                     "[::1",
                                     "10.0.0.1",
                                     "::ffff:10.0.0.1",
                                     "2130706433",
                                     "localhost%00",
                                     ".",
                                     "::1.",
                                     "localhost.example."};
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        cr_assert(loopback(yes[i]), "%s", yes[i]);
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        cr_assert_not(loopback(no[i]), "%s", no[i]);
    cr_assert_not(oro_host_is_loopback("localhost", 5));
}

Test(origin, loopback_origins)
{
    static const char *const yes[] = {"http://localhost",      "http://localhost:5173",
                                      "https://127.0.0.1:1",   "http://[::1]:8080",
                                      "HTTP://LOCALHOST:80",   "http://a.b.localhost:3",
                                      "http://localhost.:3000"};
    static const char *const no[] = {"null",
                                     "",
                                     "localhost",
                                     "//localhost",
                                     "http:localhost",
                                     "http:/localhost",
                                     "http://",
                                     "http://:80",
                                     "http://localhost:",
                                     "http://localhost:x",
                                     "http://localhost:123456",
                                     "http://localhost/",
                                     "http://localhost:80/",
                                     "http://localhost:80 ",
                                     " http://localhost",
                                     "http://localhost.evil.example",
                                     "http://evil.example#localhost",
                                     "http://evil.example/http://localhost",
                                     "http://localhost@evil.example",
                                     "http://evil.example:80@localhost",
                                     "http://evil.example\\@localhost",
                                     "http://127.0.0.1.evil.example",
                                     "http://[::1].evil.example",
                                     "http://[::1",
                                     "http://[::1]x",
                                     "ftp://localhost",
                                     "file://localhost",
                                     "chrome-extension://localhost",
                                     "http://localhost, http://evil.example",
                                     "http://evil.example, http://localhost"};
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        cr_assert(oro_origin_is_loopback(yes[i]), "%s", yes[i]);
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        cr_assert_not(oro_origin_is_loopback(no[i]), "%s", no[i]);
}

Test(origin, lists)
{
    const char *list = "https://game.example, http://x.example:8080\tnull";
    static const char *const yes[] = {"https://game.example", "https://game.example:443",
                                      "HTTPS://GAME.example", "http://x.example:8080", "null"};
    static const char *const no[] = {"http://game.example",
                                     "https://game.example:8443",
                                     "https://game.example.evil",
                                     "https://sub.game.example",
                                     "https://game.example/",
                                     "http://x.example",
                                     "https://game.example,",
                                     "*",
                                     "",
                                     "nul"};
    struct oro_err err;
    cr_assert_eq(oro_origins_check(list, &err), ORO_OK, "%s", err.text);
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        cr_assert(oro_origin_listed(list, yes[i]), "%s", yes[i]);
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        cr_assert_not(oro_origin_listed(list, no[i]), "%s", no[i]);
    cr_assert(oro_origin_listed("a://b *", "anything at all"));
    cr_assert_not(oro_origin_listed("", "null"));
    cr_assert_not(oro_origin_listed(NULL, "null"));
    cr_assert(oro_origins_have_host(list, "game.example", 12));
    cr_assert(oro_origins_have_host(list, "X.EXAMPLE", 9));
    cr_assert_not(oro_origins_have_host(list, "game.example.evil", 17));
    cr_assert_not(oro_origins_have_host(list, "null", 4));
    cr_assert_not(oro_origins_have_host(NULL, "x", 1));
    static const char *const wrong[] = {
        "game.example", "https://game.example/", "https://",  "https://*.example", "http://a b",
        "http://a:b",   "https://a/b",           "http://a'b"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        cr_assert_eq(oro_origins_check(wrong[i], &err), ORO_EINVAL, "%s", wrong[i]);
        cr_assert_not_null(strstr(err.text, "net.allow_origins"));
    }
}

Test(origin, of_the_host_that_was_asked_for)
{
    cr_assert(oro_origin_is_of("https://game.example", "game.example"));
    cr_assert(oro_origin_is_of("https://game.example", "game.example:443"));
    cr_assert(oro_origin_is_of("http://game.example:3000", "GAME.example:3000"));
    cr_assert(oro_origin_is_of("http://[::1]:3000", "[::1]:3000"));
    cr_assert_not(oro_origin_is_of("http://game.example", "game.example:3000"));
    cr_assert_not(oro_origin_is_of("http://game.example:3000", "game.example"));
    cr_assert_not(oro_origin_is_of("http://evil.example", "game.example"));
    cr_assert_not(oro_origin_is_of("null", "null"));
    cr_assert_not(oro_origin_is_of("http://a", ""));
    cr_assert_eq(oro_host_len("[::1]:80"), 5);
    cr_assert_eq(oro_host_len("a.b:80"), 3);
    cr_assert_eq(oro_host_len("a"), 1);
}
