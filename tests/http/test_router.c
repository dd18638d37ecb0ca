/* Which paths there are, with which methods, who may, and what others are told. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "runtime/server/front.h"
#include "tests/server/net_priv.h"
#include "tests/server/rig.h"

static struct rig rig;
static struct oro_wake answered;
static char owner[32]; /* token of the database's owner */

TestSuite(router, .timeout = 200);

/* One request on a shard's thread, and its answer, which is given at once. */
struct asked {
    struct oro_http_request http;
    struct oro_http_response res;
    bool upgrade, accepted;
    atomic_bool done; /* the last that the shard's thread touches */
};

static void
asked_run(void *arg)
{
    struct asked *a = arg;
    const struct oro_sink *sink = rig.net->sink;
    struct oro_ws_accept acc = {0};
    if (a->upgrade) {
        a->accepted = sink->ws_request(sink->self, 0, &a->http, &acc, &a->res);
        if (a->accepted)
            sink->ws_abandon(sink->self, 0, acc.user);
    } else {
        a->accepted = sink->http(sink->self, 0, 77, &a->http, &a->res);
        cr_assert(a->accepted, "%s %s is answered later", a->http.method, a->http.path);
    }
    atomic_store(&a->done, true);
    oro_wake_broadcast(&answered);
}

/* Gives the status; *a has the rest, ended by asked_end. */
static int
ask(struct asked *a, const char *method, const char *path, const char *token)
{
    char *bearer = token != NULL ? oro_asprintf("Bearer %s", token) : NULL;
    a->http.method = method;
    a->http.path = path;
    a->http.authorization = bearer;
    if (a->http.query == NULL)
        a->http.query = "";
    if (a->http.host == NULL)
        a->http.host = "127.0.0.1";
    fake_post(&rig.net->shards[0], asked_run, a);
    while (!atomic_load(&a->done)) {
        unsigned seen = oro_wake_prepare(&answered);
        if (!atomic_load(&a->done))
            oro_wake_wait(&answered, seen, 60000000);
    }
    oro_free(bearer);
    return a->res.status;
}

static void
asked_end(struct asked *a)
{
    oro_parts_fini(&a->res.parts);
    oro_bb_fini(&a->res.body);
}

static int
status_of(const char *method, const char *path, const char *token)
{
    struct asked a = {0};
    int status = ask(&a, method, path, token);
    asked_end(&a);
    return status;
}

static bool
says(const struct asked *a, const char *word)
{
    return memmem(a->res.body.data, a->res.body.len, word, strlen(word)) != NULL;
}

static void
begin(void)
{
    rig_start(&rig, &(struct rig_options){0});
    uint32_t who;
    memcpy(&who, oro_server_owner(rig.server)->le, sizeof(who));
    fake_token(who, owner);
}

/* Every route that is answered at once: its status for nobody, and for the owner. */
static const struct known {
    const char *method, *path;
    int nobody, owner;
} known[] = {
    {"GET", "/v1/ping", 200, 200},
    {"GET", "/v1/health", 200, 200},
    {"GET", "/v1/metrics", 200, 200},
    {"GET", "/v1/prometheus/sd_config", 200, 200},
    {"POST", "/v1/identity", 200, 200},
    {"GET", "/v1/identity/public-key", 200, 200},
    {"POST", "/v1/identity/websocket-token", 401, 200},
    {"GET", "/v1/identity/c200aa/verify", 400, 400},
    {"GET", "/v1/identity/c200aa/databases", 400, 400},
    {"POST", "/v1/database", 501, 501},
    {"GET", "/v1/database/game", 200, 200},
    {"PUT", "/v1/database/game", 501, 501},
    {"DELETE", "/v1/database/game", 501, 501},
    {"POST", "/v1/database/game/pre_publish", 501, 501},
    {"PUT", "/v1/database/game/reset", 501, 501},
    {"GET", "/v1/database/game/identity", 200, 200},
    {"GET", "/v1/database/game/names", 200, 200},
    {"POST", "/v1/database/game/names", 501, 501},
    {"GET", "/v1/database/game/environment", 403, 200},
    {"GET", "/v1/database/game/bridge", 200, 200},
    {"PATCH", "/v1/database/game/bridge", 403, 400},
    {"GET", "/v1/database/game/logs", 403, 200},
    {"GET", "/v1/database/game/unstable/timestamp", 200, 200},
};

Test(router, answers_every_route_by_who_asks)
{
    begin();
    for (size_t i = 0; i < ORO_ARRAY_LEN(known); i++) {
        const struct known *k = &known[i];
        int nobody = status_of(k->method, k->path, NULL),
            its = status_of(k->method, k->path, owner);
        cr_expect_eq(nobody, k->nobody, "%s %s for nobody: %d", k->method, k->path, nobody);
        cr_expect_eq(its, k->owner, "%s %s for the owner: %d", k->method, k->path, its);
    }
    rig_stop(&rig);
}

Test(router, a_bad_token_is_refused_where_one_is_looked_at)
{
    begin();
    cr_expect_eq(status_of("GET", "/v1/ping", "bad"), 401);
    cr_expect_eq(status_of("POST", "/v1/identity/websocket-token", "bad"), 401);
    cr_expect_eq(status_of("GET", "/v1/database/game/names", "bad"), 401);
    cr_expect_eq(status_of("GET", "/v1/health", "bad"), 200);
    rig_stop(&rig);
}

Test(router, a_path_is_ours_part_by_part)
{
    static const char *const none[] = {"/v1",
                                       "/v1/",
                                       "/v1/pin",
                                       "/v1/pings",
                                       "/v1/ping/",
                                       "/v1//ping",
                                       "/v1/ping/x",
                                       "/v1/database/",
                                       "/v1/database//names",
                                       "/v1/identity//verify",
                                       "/v1/PING",
                                       "/v1/metrics/",
                                       "/v1/database/game/names/",
                                       "/v1/database/game/unstable/timestamp/a/b/c/d/e/f/g/h/i"};
    begin();
    for (size_t i = 0; i < ORO_ARRAY_LEN(none); i++) {
        struct asked a = {0};
        cr_expect_eq(ask(&a, "GET", none[i], owner), 404, "%s: %d", none[i], a.res.status);
        cr_expect(says(&a, "README.md lists the endpoints"), "%s", none[i]);
        asked_end(&a);
    }
    rig_stop(&rig);
}

Test(router, another_method_is_told_which_there_are)
{
    static const struct {
        const char *method, *path, *allow;
    } wrong[] = {{"POST", "/v1/ping", "allow: GET\r\n"},
                 {"PATCH", "/v1/database/game", "allow: GET,PUT,DELETE\r\n"},
                 {"DELETE", "/v1/database/game/environment", "allow: GET,PUT,PATCH\r\n"},
                 {"GET", "/v1/database/game/call/first", "allow: POST\r\n"},
                 {"get", "/v1/ping", "allow: GET\r\n"}};
    begin();
    for (size_t i = 0; i < ORO_ARRAY_LEN(wrong); i++) {
        struct asked a = {0};
        cr_expect_eq(ask(&a, wrong[i].method, wrong[i].path, NULL), 405, "%s", wrong[i].path);
        cr_expect_not_null(strstr(a.res.extra_headers, wrong[i].allow), "%s %s: %s",
                           wrong[i].method, wrong[i].path, a.res.extra_headers);
        asked_end(&a);
    }
    cr_expect_eq(status_of("HEAD", "/v1/ping", NULL), 200);
    cr_expect_eq(status_of("HEAD", "/v1/identity", NULL), 405);
    rig_stop(&rig);
}

Test(router, options_are_answered_for_every_path_there_is)
{
    struct asked a = {0};
    begin();
    cr_expect_eq(ask(&a, "OPTIONS", "/v1/database/game/sql", NULL), 200);
    cr_expect_not_null(strstr(a.res.extra_headers, "access-control-allow-methods: *"));
    asked_end(&a);
    cr_expect_eq(status_of("OPTIONS", "/v1/nothing", NULL), 404);
    rig_stop(&rig);
}

Test(router, a_database_is_the_one_that_there_is)
{
    struct asked a = {0}, other = {0};
    begin();
    cr_expect_eq(ask(&a, "GET", "/v1/database/others/names", NULL), 404);
    cr_expect(says(&a, "this server has `game`"));
    asked_end(&a);
    cr_expect_eq(ask(&other, "GET", "/v1/database/a b/names", NULL), 400);
    cr_expect(says(&other, "is not a database name"));
    asked_end(&other);
    char path[120];
    snprintf(path, sizeof(path), "/v1/database/%s/names", oro_server_database_text(rig.server));
    cr_expect_eq(status_of("GET", path, NULL), 200);
    rig_stop(&rig);
}

Test(router, what_only_the_owner_may_names_the_identity_and_the_action)
{
    struct asked a = {0};
    char other[32];
    begin();
    cr_expect_eq(ask(&a, "GET", "/v1/database/game/logs", fake_token(5, other)), 403);
    cr_expect(says(&a, "is not authorized to perform action: view logs"));
    asked_end(&a);
    rig_stop(&rig);
}

Test(router, a_parameter_that_is_given_twice_is_refused)
{
    struct asked a = {.http.query = "token=a&token=b"},
                 upgrade = {.http.query = "confirmed=true&confirmed=false", .upgrade = true};
    begin();
    cr_expect_eq(ask(&a, "GET", "/v1/ping", NULL), 400);
    cr_expect(says(&a, "duplicate field `token`"));
    asked_end(&a);
    cr_expect_eq(ask(&upgrade, "GET", "/v1/database/game/subscribe", NULL), 400);
    cr_expect(!upgrade.accepted);
    asked_end(&upgrade);
    rig_stop(&rig);
}

Test(router, a_websocket_is_asked_for_by_an_upgrade_and_nothing_else_is)
{
    struct asked plain = {0}, right = {.upgrade = true, .http.protocols = "v2.bsatn.spacetimedb"},
                 wrong = {.upgrade = true}, none = {.upgrade = true, .http.protocols = "x"};
    begin();
    cr_expect_eq(ask(&plain, "GET", "/v1/database/game/subscribe", NULL), 426);
    cr_expect_not_null(strstr(plain.res.extra_headers, "upgrade: websocket"));
    asked_end(&plain);
    ask(&right, "GET", "/v1/database/game/subscribe", NULL);
    cr_expect(right.accepted);
    asked_end(&right);
    cr_expect_eq(ask(&wrong, "GET", "/v1/database/game/names", NULL), 404);
    cr_expect(!wrong.accepted);
    asked_end(&wrong);
    ask(&none, "GET", "/v1/database/game/subscribe", NULL);
    cr_expect(!none.accepted);
    asked_end(&none);
    rig_stop(&rig);
}

/* On every route, before anything else is looked at. */
Test(router, a_foreign_page_and_a_foreign_name_are_refused_everywhere)
{
    static const char *const paths[] = {"/", "/v1/ping", "/v1/nothing", "/v1/database/game/sql"};
    begin();
    for (size_t i = 0; i < ORO_ARRAY_LEN(paths); i++) {
        struct asked page = {.http.origin = "https://evil.example"},
                     name = {.http.host = "evil.example:80"};
        cr_expect_eq(ask(&page, "GET", paths[i], owner), 403, "%s", paths[i]);
        cr_expect_eq(ask(&name, "GET", paths[i], owner), 421, "%s", paths[i]);
        asked_end(&page);
        asked_end(&name);
    }
    struct asked socket = {.http.origin = "https://evil.example", .upgrade = true};
    cr_expect_eq(ask(&socket, "GET", "/v1/database/game/subscribe", owner), 403);
    cr_expect(!socket.accepted);
    asked_end(&socket);
    rig_stop(&rig);
}
