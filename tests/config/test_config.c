/* Settings: where they come from, which wins, and what a wrong one is told. The TOML reader is the caller's, so that no Python
 * is needed here. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "runtime/base/mem.h"

static const char *file_json = "{}";

static oro_status
toml(const char *path, char **json, struct oro_err *err)
{
    if (strcmp(path, "missing.toml") == 0)
        return oro_err_set(err, ORO_EIO, "there is no such file");
    *json = oro_strdup(file_json);
    return ORO_OK;
}

static oro_status
load(struct oro_config *c, struct oro_err *err, const char *const *words)
{
    char *argv[16] = {"run"};
    int argc = 1;
    for (; *words != NULL; words++)
        argv[argc++] = (char *)*words;
    return oro_config_load(c, argc, argv, toml, err);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

Test(config, has_defaults_and_takes_the_name_from_the_module)
{
    struct oro_config c;
    struct oro_err err;
    cr_assert_eq(load(&c, &err, WORDS("games/arena/module.py")), ORO_OK, "%s", err.text);
    cr_assert_str_eq(c.server_name, "arena");
    cr_assert_str_eq(c.host, "127.0.0.1");
    cr_assert_eq(c.port, 3000);
    cr_assert_str_eq(c.durable_mode, "full");
    cr_assert_not(c.server_memory);
    cr_assert_not(c.server_watch);
    cr_assert_eq(c.reducer_memory_limit_mb, 1024);
    oro_config_fini(&c);
}

Test(config, names_follow_the_file_or_the_folder)
{
    static const char *const cases[][2] = {
        {"chat.py", "chat"},
        {"a/b/chat.py", "chat"},
        {"a/world/", "world"},
        {"a/world/__init__.py", "world"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct oro_config c;
        cr_assert_eq(load(&c, NULL, WORDS(cases[i][0])), ORO_OK);
        cr_assert_str_eq(c.server_name, cases[i][1]);
        oro_config_fini(&c);
    }
}

Test(config, flags_win_over_the_environment_and_that_over_the_file)
{
    struct oro_config c;
    struct oro_err err = {0};
    file_json = "{\"net\":{\"threads\":2,\"idle_timeout_s\":5},\"server\":{\"workers\":3}}";
    setenv("OROCHI_NET_THREADS", "4", 1);
    setenv("OROCHI_SERVER_WORKERS", "5", 1);
    cr_assert_eq(load(&c, &err, WORDS("m.py", "--config", "c.toml", "--workers", "6")), ORO_OK,
                 "%s", err.text);
    cr_assert_eq(c.net_idle_timeout_s, 5);
    cr_assert_eq(c.net_threads, 4);
    cr_assert_eq(c.server_workers, 6);
    oro_config_fini(&c);
    unsetenv("OROCHI_NET_THREADS");
    unsetenv("OROCHI_SERVER_WORKERS");
}

Test(config, set_reaches_every_key)
{
    struct oro_config c;
    struct oro_err err = {0};
    cr_assert_eq(load(&c, &err,
                      WORDS("m.py", "--set", "durable.mode=off", "--set", "reducer.timeout_ms=20",
                            "--memory", "--watch")),
                 ORO_OK);
    cr_assert_str_eq(c.durable_mode, "off");
    cr_assert_eq(c.reducer_timeout_ms, 20);
    cr_assert(c.server_memory);
    cr_assert(c.server_watch);
    oro_config_fini(&c);
}

Test(config, a_wrong_setting_is_named_with_what_is_expected)
{
    static const struct {
        const char *words[4], *expected;
    } cases[] = {
        {{"m.py", "--workers", "many"},
         "--workers: server.workers is a whole number from 0 to 256, got many"},
        {{"m.py", "--workers", "257"},
         "--workers: server.workers is a whole number from 0 to 256, got 257"},
        {{"m.py", "--listen", "here"}, "listen: expected HOST:PORT"},
        {{"m.py", "--listen", "h:99999"}, "listen: expected HOST:PORT"},
        {{"m.py", "--set", "a.b=1"}, "--set: there is no setting a.b"},
        {{"m.py", "--set", "net.threads"}, "expected KEY=VALUE"},
        {{"m.py", "--nonsense"}, "there is no flag --nonsense"},
        {{"m.py", "--name"}, "--name needs a value"},
        {{"m.py", "other.py"}, "one module at a time"},
        {{"m.py", "--name", "a b"}, "choose one with --name"},
        {{"m.py", "--log-level", "loud"},
         "log.level is one of error warn info debug trace; got loud"},
        {{"m.py", "--set", "durable.mode=maybe"},
         "durable.mode is one of full normal off; got maybe"},
        {{"m.py", "--set", "net.tls_cert=c.pem"}, "belong together"},
        {{"m.py", "--set", "net.allow_origins=a.example"}, "a.example is no origin"},
        {{"m.py", "--set", "net.allow_origins=https://a.example, https://b/"},
         "https://b/ is no origin"},
        {{"m.py", "--isolation", "none"}, "server.isolation is one of own-gil main; got none"},
        {{"m.py", "--isolation=main", "--workers=2"}, "it has one worker: server.workers is 2"},
        {{"m.py", "--set", "reducer.memory_limit_mb=63"}, "0 (no limit) or at least 64"},
        {{"m.py", "--set", "reducer.io_in_reducers=no"}, "is one of deny warn allow; got no"},
        {{"--memory"}, "which module?"},
        {{"m.py", "--config", "missing.toml"}, "missing.toml: there is no such file"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct oro_config c;
        struct oro_err err = {0};
        cr_expect_neq(load(&c, &err, cases[i].words), ORO_OK, "case %zu", i);
        cr_expect(strstr(err.text, cases[i].expected) != NULL, "case %zu: %s", i, err.text);
    }
}

Test(config, the_main_interpreter_has_one_worker)
{
    struct oro_config c;
    struct oro_err err = {0};
    cr_assert_eq(load(&c, &err, WORDS("m.py", "--isolation", "main", "--venv", "there")), ORO_OK,
                 "%s", err.text);
    cr_assert_eq(c.server_workers, 1);
    cr_assert_str_eq(c.server_venv, "there");
    oro_config_fini(&c);
    cr_assert_eq(load(&c, &err, WORDS("m.py")), ORO_OK);
    cr_assert_eq(c.server_workers, 0);
    cr_assert_str_eq(c.server_isolation, "own-gil");
    oro_config_fini(&c);
}

Test(config, a_file_with_a_wrong_key_or_type_is_refused)
{
    static const char *const cases[][2] = {
        {"{\"net\":{\"thread\":1}}", "there is no setting net.thread"},
        {"{\"net\":{\"threads\":\"x\"}}",
         "net.threads is a whole number from 0 to 256, got a text"},
        {"{\"net\":{\"allow_origins\":[\"https://a\",1]}}",
         "net.allow_origins is a list of texts in quotes"},
        {"{\"net\":{\"tls_key\":[\"a\"]}}", "net.tls_key is a text in quotes"},
        {"{\"server\":{\"memory\":1}}", "server.memory is true or false"},
        {"{\"server\":{\"name\":1}}", "server.name is a text in quotes"},
        {"{\"listen\":\"x\"}", "listen stands outside a section"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct oro_config c;
        struct oro_err err = {0};
        file_json = cases[i][0];
        cr_expect_neq(load(&c, &err, WORDS("m.py", "--config", "c.toml")), ORO_OK, "case %zu", i);
        cr_expect(strstr(err.text, cases[i][1]) != NULL, "case %zu: %s", i, err.text);
    }
}
