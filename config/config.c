#include "config/config.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/base/origin.h"

const char oro_config_usage[] =
    "usage: orochi run MODULE [flags]\n"
    "  MODULE                 a .py file or a package folder\n"
    "  --name NAME            name of the database (default: the module's)\n"
    "  --listen HOST:PORT     default 127.0.0.1:3000; port 0 takes any free one\n"
    "  --data DIR             folder of the data (default ./orochi-data)\n"
    "  --memory               keep nothing\n"
    "  --delete-data          start with an empty database\n"
    "  --watch                serve the module anew whenever one of its files changes\n"
    "  --workers N            threads that run reducers (default: one a core)\n"
    "  --isolation KIND       own-gil (default), or main: one worker, any C extension works\n"
    "  --venv DIR             virtual environment with the module's packages\n"
    "  --config FILE          settings in TOML; config/orochi.toml documents all of them\n"
    "  --set KEY=VALUE        one setting, e.g. --set durable.mode=normal\n"
    "  --dev-errors           callers see the text of unexpected exceptions\n"
    "  --log-level LEVEL      error, warn, info (default), debug, trace\n"
    "exit codes: 0 stopped cleanly, 1 module, 2 flags or settings, 3 cannot listen, 4 data (also "
    "when the\nlast transactions could not be written), 5 Python\n";

enum key_kind { KEY_TEXT, KEY_BOOL, KEY_INT };

struct key {
    const char *name; /* section.key */
    enum key_kind kind;
    size_t offset;
    int64_t least, most;
};

#define TEXT_KEY(n, f)                                    \
    {                                                     \
        n, KEY_TEXT, offsetof(struct oro_config, f), 0, 0 \
    }
#define BOOL_KEY(n, f)                                    \
    {                                                     \
        n, KEY_BOOL, offsetof(struct oro_config, f), 0, 0 \
    }
#define INT_KEY(n, f, lo, hi)                              \
    {                                                      \
        n, KEY_INT, offsetof(struct oro_config, f), lo, hi \
    }

static const struct key keys[] = {
    TEXT_KEY("server.name", server_name),
    TEXT_KEY("server.listen", server_listen),
    TEXT_KEY("server.data", server_data),
    BOOL_KEY("server.memory", server_memory),
    BOOL_KEY("server.watch", server_watch),
    BOOL_KEY("server.delete_data", server_delete_data),
    INT_KEY("server.workers", server_workers, 0, 256),
    INT_KEY("server.import_timeout_ms", server_import_timeout_ms, 0, 3600000),
    TEXT_KEY("server.isolation", server_isolation),
    TEXT_KEY("server.venv", server_venv),
    BOOL_KEY("server.dev_errors", server_dev_errors),
    TEXT_KEY("server.static_dir", server_static_dir),
    TEXT_KEY("server.dashboard_dir", server_dashboard_dir),
    TEXT_KEY("log.level", log_level),
    INT_KEY("reducer.timeout_ms", reducer_timeout_ms, 0, 3600000),
    INT_KEY("reducer.give_up_ms", reducer_give_up_ms, 0, 3600000),
    INT_KEY("server.max_lost_workers", server_max_lost_workers, 0, 1000),
    INT_KEY("reducer.init_timeout_ms", reducer_init_timeout_ms, 0, 86400000),
    INT_KEY("reducer.memory_limit_mb", reducer_memory_limit_mb, 0, 1 << 20),
    TEXT_KEY("reducer.io_in_reducers", reducer_io_in_reducers),
    BOOL_KEY("reducer.strict_index", reducer_strict_index),
    BOOL_KEY("reducer.warn_lost_changes", reducer_warn_lost_changes),
    BOOL_KEY("reducer.warn_globals", reducer_warn_globals),
    INT_KEY("net.threads", net_threads, 0, 256),
    INT_KEY("net.max_message", net_max_message, 1024, 1 << 30),
    INT_KEY("net.max_http_body", net_max_http_body, 1024, 1 << 30),
    INT_KEY("net.outgoing_limit", net_outgoing_limit, 65536, 1ll << 34),
    INT_KEY("net.buffer_memory_mb", net_buffer_memory_mb, 0, 1 << 24),
    INT_KEY("net.stall_timeout_s", net_stall_timeout_s, 0, 86400),
    INT_KEY("net.min_rate", net_min_rate, 0, 1 << 30),
    INT_KEY("net.incoming_limit", net_incoming_limit, 1, 10000000),
    INT_KEY("net.max_connections", net_max_connections, 0, 10000000),
    INT_KEY("net.ping_interval_s", net_ping_interval_s, 1, 3600),
    INT_KEY("net.idle_timeout_s", net_idle_timeout_s, 1, 86400),
    TEXT_KEY("net.allow_origins", net_allow_origins),
    TEXT_KEY("net.tls_cert", net_tls_cert),
    TEXT_KEY("net.tls_key", net_tls_key),
    INT_KEY("bridge.max_cache_size", bridge_max_cache_size, 0, 1000000),
    INT_KEY("bridge.max_pool_size", bridge_max_pool_size, 0, 1024),
    BOOL_KEY("bridge.enable_batch_optimization", bridge_enable_batch_optimization),
    BOOL_KEY("bridge.enable_memory_monitoring", bridge_enable_memory_monitoring),
    INT_KEY("bridge.cache_ttl_ms", bridge_cache_ttl_ms, 0, 1000000000000),
    BOOL_KEY("bridge.auto_tune", bridge_auto_tune),
    INT_KEY("query.max_terms", query_max_terms, 1, 1000000),
    INT_KEY("query.max_steps", query_max_steps, 1, 1000000000000),
    INT_KEY("query.readers", query_readers, 0, 256),
    INT_KEY("query.client_queries", query_client_queries, 1, 100000000),
    INT_KEY("query.client_terms", query_client_terms, 1, 1000000000),
    TEXT_KEY("durable.mode", durable_mode),
    INT_KEY("durable.checkpoint_mb", durable_checkpoint_mb, 1, 65536),
    INT_KEY("durable.checkpoint_interval_s", durable_checkpoint_interval_s, 1, 86400),
};

static const struct key *
key_find(const char *name)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

static void
text_set(char **field, const char *value)
{
    oro_free(*field);
    *field = oro_strdup(value);
}

static void
defaults(struct oro_config *c)
{
    *c = (struct oro_config){
        .server_listen = oro_strdup("127.0.0.1:3000"),
        .server_data = oro_strdup("orochi-data"),
        .server_import_timeout_ms = 20000,
        .server_isolation = oro_strdup("own-gil"),
        .log_level = oro_strdup("info"),
        .durable_mode = oro_strdup("full"),
        .reducer_timeout_ms = 1000,
        .reducer_give_up_ms = 10000,
        .server_max_lost_workers = 8,
        .reducer_init_timeout_ms = 60000,
        .reducer_memory_limit_mb = 1024,
        .reducer_warn_lost_changes = true,
        .reducer_warn_globals = true,
        .reducer_io_in_reducers = oro_strdup("deny"),
        .net_max_message = 32 << 20,
        .net_max_http_body = 2 << 20,
        .net_outgoing_limit = 64 << 20,
        .net_stall_timeout_s = 30,
        .net_min_rate = 256,
        .net_incoming_limit = 16384,
        .net_ping_interval_s = 15,
        .net_idle_timeout_s = 30,
        .query_max_terms = 1000,
        .query_max_steps = 50000000,
        .query_client_terms = 2048,
        .query_client_queries = 50000,
        .bridge_max_cache_size = 1000,
        .bridge_max_pool_size = 100,
        .bridge_enable_batch_optimization = true,
        .bridge_enable_memory_monitoring = true,
        .bridge_cache_ttl_ms = 300000,
        .bridge_auto_tune = true,
        .durable_checkpoint_mb = 64,
        .durable_checkpoint_interval_s = 60,
    };
}

/* ---- one value, wherever it comes from ---- */

static oro_status
wrong(const struct key *k, const char *where, const char *value, struct oro_err *err)
{
    if (k->kind == KEY_BOOL)
        return oro_err_set(err, ORO_EINVAL, "%s: %s is true or false, got %s", where, k->name,
                           value);
    return oro_err_set(err, ORO_EINVAL, "%s: %s is a whole number from %lld to %lld, got %s", where,
                       k->name, (long long)k->least, (long long)k->most, value);
}

static oro_status
int_set(struct oro_config *c, const struct key *k, int64_t v, const char *where,
        struct oro_err *err)
{
    if (v < k->least || v > k->most) {
        char text[32];
        snprintf(text, sizeof(text), "%lld", (long long)v);
        return wrong(k, where, text, err);
    }
    memcpy((char *)c + k->offset, &v, sizeof(v));
    return ORO_OK;
}

static oro_status
value_set(struct oro_config *c, const struct key *k, const char *value, const char *where,
          struct oro_err *err)
{
    void *field = (char *)c + k->offset;
    char *end;
    if (k->kind == KEY_TEXT) {
        text_set(field, value);
        return ORO_OK;
    }
    if (k->kind == KEY_BOOL) {
        if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
            return wrong(k, where, value, err);
        *(bool *)field = value[0] == 't';
        return ORO_OK;
    }
    errno = 0;
    long long v = strtoll(value, &end, 10);
    if (*value == '\0' || *end != '\0' || errno != 0)
        return wrong(k, where, value, err);
    return int_set(c, k, v, where, err);
}

/* ---- file ---- */

/* Line of `key` in `[section]`, for messages; 0 if it cannot be found. */
static int
line_of(const char *path, const char *section, const char *key)
{
    FILE *f = fopen(path, "re");
    char line[512], now[128] = "";
    int n = 0, found = 0;
    size_t len = strlen(key);
    while (f != NULL && found == 0 && fgets(line, sizeof(line), f) != NULL) {
        n++;
        const char *p = line + strspn(line, " \t");
        if (*p == '[')
            snprintf(now, sizeof(now), "%.*s", (int)strcspn(p + 1, "]"), p + 1);
        else if (strcmp(now, section) == 0 && strncmp(p, key, len) == 0 &&
                 strchr(" \t=", p[len]) != NULL)
            found = n;
    }
    if (f != NULL)
        fclose(f);
    return found;
}

/* A list of texts is one text with commas. */
static oro_status
list_set(struct oro_config *c, const struct key *k, json_t *list, const char *where,
         struct oro_err *err)
{
    char *text = oro_strdup("");
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        if (!json_is_string(item)) {
            oro_free(text);
            return oro_err_set(err, ORO_EINVAL, "%s: %s is a list of texts in quotes", where,
                               k->name);
        }
        char *more = oro_asprintf("%s%s%s", text, i > 0 ? "," : "", json_string_value(item));
        oro_free(text);
        text = more;
    }
    oro_status st = value_set(c, k, text, where, err);
    oro_free(text);
    return st;
}

static oro_status
entry_set(struct oro_config *c, const char *path, const char *section, const char *name,
          json_t *value, struct oro_err *err)
{
    char full[256], where[PATH_MAX + 32], number[32];
    snprintf(full, sizeof(full), "%s.%s", section, name);
    snprintf(where, sizeof(where), "%s:%d", path, line_of(path, section, name));
    const struct key *k = key_find(full);
    if (k == NULL)
        return oro_err_set(err, ORO_EINVAL,
                           "%s: there is no setting %s (config/orochi.toml lists them)", where,
                           full);
    if (k->kind == KEY_TEXT && json_is_string(value))
        return value_set(c, k, json_string_value(value), where, err);
    if (k->offset == offsetof(struct oro_config, net_allow_origins) && json_is_array(value))
        return list_set(c, k, value, where, err);
    if (k->kind == KEY_BOOL && json_is_boolean(value))
        return value_set(c, k, json_is_true(value) ? "true" : "false", where, err);
    if (k->kind == KEY_INT && json_is_integer(value)) {
        snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
        return value_set(c, k, number, where, err);
    }
    if (k->kind == KEY_TEXT)
        return oro_err_set(err, ORO_EINVAL, "%s: %s is a text in quotes", where, full);
    return wrong(k, where, json_is_string(value) ? "a text" : "something else", err);
}

static oro_status
file_read(struct oro_config *c, const char *path, oro_toml_fn toml, struct oro_err *err)
{
    char *text = NULL;
    oro_status st = toml(path, &text, err);
    if (st != ORO_OK)
        return oro_err_wrap(err, "%s", path);
    json_error_t why;
    json_t *root = json_loads(text, 0, &why);
    oro_free(text);
    if (!json_is_object(root)) {
        json_decref(root);
        return oro_err_set(err, ORO_EMALFORMED, "%s: %s", path, why.text);
    }
    const char *section, *name;
    json_t *table, *value;
    json_object_foreach(root, section, table)
    {
        if (!json_is_object(table)) {
            st = oro_err_set(err, ORO_EINVAL, "%s: %s stands outside a section such as [server]",
                             path, section);
            break;
        }
        json_object_foreach(table, name, value)
        {
            st = entry_set(c, path, section, name, value, err);
            if (st != ORO_OK)
                break;
        }
        if (st != ORO_OK)
            break;
    }
    json_decref(root);
    return st;
}

/* ---- environment: OROCHI_NET_THREADS for net.threads, OROCHI_WORKERS for --workers ---- */

/* name: of a setting or a flag; `out` gets OROCHI_ and it in capitals. */
static void
variable_name(const char *name, char *out, size_t room)
{
    size_t n = (size_t)snprintf(out, room, "OROCHI_");
    for (const char *p = name; *p != '\0' && n + 1 < room; p++)
        out[n++] = *p == '.' || *p == '-' ? '_' : (char)toupper((unsigned char)*p);
    out[n] = '\0';
}

static oro_status
variable_read(struct oro_config *c, const char *name, const struct key *k, struct oro_err *err)
{
    char variable[128];
    variable_name(name, variable, sizeof(variable));
    const char *value = getenv(variable);
    return value != NULL ? value_set(c, k, value, variable, err) : ORO_OK;
}

static bool
variable_is_known(const char *variable, size_t n)
{
    char known[128];
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        variable_name(keys[i].name, known, sizeof(known));
        if (strlen(known) == n && memcmp(known, variable, n) == 0)
            return true;
    }
    return false;
}

/* Other programs may have an OROCHI_ of their own, but what begins like one of our sections was meant for us. */
static oro_status
variables_check(struct oro_err *err)
{
    char section[64], word[64];
    for (char **e = environ; *e != NULL; e++) {
        size_t n = strcspn(*e, "=");
        if (strncmp(*e, "OROCHI_", 7) != 0 || variable_is_known(*e, n))
            continue;
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
            snprintf(word, sizeof(word), "%.*s_", (int)strcspn(keys[i].name, "."), keys[i].name);
            variable_name(word, section, sizeof(section));
            if (strncmp(*e, section, strlen(section)) == 0)
                return oro_err_set(
                    err, ORO_EINVAL,
                    "%.*s (environment): there is no such setting; config/orochi.toml "
                    "lists them",
                    (int)n, *e);
        }
    }
    return ORO_OK;
}

/* ---- flags ---- */

enum { FLAG_CONFIG = 256, FLAG_SET, FLAG_KEY };

static const struct option flags[] = {
    {"config", required_argument, NULL, FLAG_CONFIG},
    {"set", required_argument, NULL, FLAG_SET},
    {"name", required_argument, NULL, FLAG_KEY},
    {"listen", required_argument, NULL, FLAG_KEY},
    {"data", required_argument, NULL, FLAG_KEY},
    {"workers", required_argument, NULL, FLAG_KEY},
    {"isolation", required_argument, NULL, FLAG_KEY},
    {"venv", required_argument, NULL, FLAG_KEY},
    {"log-level", required_argument, NULL, FLAG_KEY},
    {"memory", no_argument, NULL, FLAG_KEY},
    {"watch", no_argument, NULL, FLAG_KEY},
    {"delete-data", no_argument, NULL, FLAG_KEY},
    {"dev-errors", no_argument, NULL, FLAG_KEY},
    {0},
};

static const char *
flag_key(const char *flag)
{
    static const char *const names[][2] = {
        {"name", "server.name"},
        {"listen", "server.listen"},
        {"data", "server.data"},
        {"workers", "server.workers"},
        {"isolation", "server.isolation"},
        {"venv", "server.venv"},
        {"log-level", "log.level"},
        {"memory", "server.memory"},
        {"watch", "server.watch"},
        {"delete-data", "server.delete_data"},
        {"dev-errors", "server.dev_errors"},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i][0], flag) == 0)
            return names[i][1];
    return NULL;
}

/* A setting's own name counts more than the short one of its flag. */
static oro_status
environment_read(struct oro_config *c, struct oro_err *err)
{
    oro_status st = variables_check(err);
    for (const struct option *f = flags; st == ORO_OK && f->name != NULL; f++)
        if (f->val == FLAG_KEY)
            st = variable_read(c, f->name, key_find(flag_key(f->name)), err);
    for (size_t i = 0; st == ORO_OK && i < sizeof(keys) / sizeof(keys[0]); i++)
        st = variable_read(c, keys[i].name, &keys[i], err);
    return st;
}

static oro_status
set_flag(struct oro_config *c, const char *text, struct oro_err *err)
{
    const char *eq = strchr(text, '=');
    if (eq == NULL)
        return oro_err_set(err, ORO_EINVAL,
                           "--set %s: expected KEY=VALUE, e.g. --set durable.mode=normal", text);
    char *name = oro_strndup(text, (size_t)(eq - text));
    const struct key *k = key_find(name);
    oro_status st = k != NULL ? value_set(c, k, eq + 1, "--set", err)
                              : oro_err_set(err, ORO_EINVAL, "--set: there is no setting %s", name);
    oro_free(name);
    return st;
}

/* The file counts less than the flags, so it is read first, wherever it stands among them. */
static oro_status
flags_read(struct oro_config *c, int argc, char **argv, bool only_file, oro_toml_fn toml,
           struct oro_err *err)
{
    int which, index;
    optind = 0;
    opterr = 0;
    while ((which = getopt_long(argc, argv, ":", flags, &index)) != -1) {
        const char *word = argv[optind - 1]; /* of a wrong short flag it may be the one before */
        oro_status st = ORO_OK;
        char where[32];
        switch (which) {
        case FLAG_CONFIG:
            st = only_file ? file_read(c, optarg, toml, err) : ORO_OK;
            break;
        case FLAG_SET:
            st = only_file ? ORO_OK : set_flag(c, optarg, err);
            break;
        case FLAG_KEY:
            snprintf(where, sizeof(where), "--%s", flags[index].name);
            if (!only_file)
                st = value_set(c, key_find(flag_key(flags[index].name)),
                               optarg != NULL ? optarg : "true", where, err);
            break;
        case ':':
            return oro_err_set(err, ORO_EINVAL, "%s needs a value", word);
        default:
            if (optopt >= FLAG_CONFIG)
                return oro_err_set(err, ORO_EINVAL, "%.*s takes no value", (int)strcspn(word, "="),
                                   word);
            if (optopt > 0)
                return oro_err_set(err, ORO_EINVAL, "there is no flag -%c", optopt);
            return oro_err_set(err, ORO_EINVAL, "there is no flag %s (or it is short for several)",
                               word);
        }
        if (st != ORO_OK)
            return st;
    }
    if (only_file)
        return ORO_OK;
    if (optind >= argc)
        return oro_err_set(err, ORO_EINVAL, "which module? `orochi run MODULE`");
    if (optind + 1 < argc)
        return oro_err_set(err, ORO_EINVAL, "one module at a time, and flags begin with --: %s",
                           argv[optind + 1]);
    text_set(&c->module, argv[optind]);
    return ORO_OK;
}

/* ---- what follows from the rest ---- */

static oro_status
listen_split(struct oro_config *c, struct oro_err *err)
{
    const char *colon = strrchr(c->server_listen, ':');
    char *end = NULL;
    long port = colon != NULL ? strtol(colon + 1, &end, 10) : -1;
    if (colon == NULL || colon == c->server_listen || colon[1] == '\0' || *end != '\0' ||
        port < 0 || port > 65535)
        return oro_err_set(err, ORO_EINVAL,
                           "listen: expected HOST:PORT such as 127.0.0.1:3000, got %s",
                           c->server_listen);
    const char *host = c->server_listen;
    size_t len = (size_t)(colon - host);
    bool brackets = host[0] == '[' && host[len - 1] == ']'; /* as in a URL: [::1]:3000 */
    if (memchr(host, ':', len) != NULL && (!brackets || len < 3))
        return oro_err_set(err, ORO_EINVAL,
                           "listen: an IPv6 address stands in brackets, such as [::1]:3000, got %s",
                           c->server_listen);
    c->host = oro_strndup(host + brackets, len - 2 * (size_t)brackets);
    c->port = (int)port;
    return ORO_OK;
}

/* "games/arena/module.py" -> "arena", "chat.py" -> "chat", "games/arena/" -> "arena". */
static char *
name_of_module(const char *module)
{
    char *real = realpath(module, NULL);
    char *path = oro_strdup(real != NULL ? real : module);
    free(real);
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        path[--n] = '\0';
    char *slash = strrchr(path, '/');
    char *stem = slash != NULL ? slash + 1 : path;
    if (slash != NULL && (strcmp(stem, "module.py") == 0 || strcmp(stem, "__init__.py") == 0)) {
        *slash = '\0';
        slash = strrchr(path, '/');
        stem = slash != NULL ? slash + 1 : path;
    }
    n = strlen(stem);
    if (n > 3 && strcmp(stem + n - 3, ".py") == 0)
        stem[n - 3] = '\0';
    char *name = oro_strdup(stem);
    oro_free(path);
    return name;
}

/* A folder `dist` (what a bundler made), else `web`, beside the module. */
static char *
pages_of_module(const char *module)
{
    struct stat st;
    bool folder = stat(module, &st) == 0 && S_ISDIR(st.st_mode);
    const char *slash = strrchr(module, '/');
    char *base = folder          ? oro_strdup(module)
                 : slash != NULL ? oro_strndup(module, (size_t)(slash - module))
                                 : oro_strdup(".");
    static const char *const names[] = {"dist", "web"};
    char *found = NULL;
    for (size_t i = 0; i < 2 && found == NULL; i++) {
        char *dir = oro_asprintf("%s/%s", base, names[i]);
        char *index = oro_asprintf("%s/index.html", dir);
        if (access(index, R_OK) == 0)
            found = oro_strdup(dir);
        oro_free(index);
        oro_free(dir);
    }
    oro_free(base);
    return found;
}

static oro_status
name_check(const char *name, struct oro_err *err)
{
    bool fine = *name != '\0';
    for (const char *p = name; *p != '\0'; p++)
        fine = fine && (isalnum((unsigned char)*p) || *p == '-' || *p == '_');
    return fine
               ? ORO_OK
               : oro_err_set(
                     err, ORO_EINVAL,
                     "the database name \"%s\" has other characters than letters, digits, - and _: "
                     "choose one with --name",
                     name);
}

static oro_status
one_of(const char *key, const char *value, const char *const *words, struct oro_err *err)
{
    char list[128] = "";
    for (; *words != NULL; words++) {
        if (strcmp(*words, value) == 0)
            return ORO_OK;
        snprintf(list + strlen(list), sizeof(list) - strlen(list), " %s", *words);
    }
    return oro_err_set(err, ORO_EINVAL, "%s is one of%s; got %s", key, list, value);
}

/* The main interpreter is one, so it has one worker. */
static oro_status
isolation_check(struct oro_config *c, struct oro_err *err)
{
    static const char *const kinds[] = {"own-gil", "main", NULL};
    oro_status st = one_of("server.isolation", c->server_isolation, kinds, err);
    if (st != ORO_OK || strcmp(c->server_isolation, "main") != 0)
        return st;
    if (c->server_workers > 1)
        return oro_err_set(err, ORO_EINVAL,
                           "isolation = \"main\" runs the module in one interpreter, so it has one "
                           "worker: server.workers is %lld; leave it out, or leave isolation out",
                           (long long)c->server_workers);
    c->server_workers = 1;
    return ORO_OK;
}

#define MEMORY_LEAST_MB 64 /* an interpreter with its modules takes 10 to 20 */

static oro_status
memory_check(const struct oro_config *c, struct oro_err *err)
{
    if (c->reducer_memory_limit_mb == 0 || c->reducer_memory_limit_mb >= MEMORY_LEAST_MB)
        return ORO_OK;
    return oro_err_set(
        err, ORO_EINVAL,
        "reducer.memory_limit_mb is 0 (no limit) or at least %d: Python itself needs "
        "some; got %lld",
        MEMORY_LEAST_MB, (long long)c->reducer_memory_limit_mb);
}

static oro_status
finish(struct oro_config *c, struct oro_err *err)
{
    static const char *const levels[] = {"error", "warn", "info", "debug", "trace", NULL};
    static const char *const modes[] = {"full", "normal", "off", NULL};
    static const char *const ways[] = {"deny", "warn", "allow", NULL};
    if (c->server_name == NULL)
        c->server_name = name_of_module(c->module);
    if (c->server_static_dir == NULL)
        c->server_static_dir = pages_of_module(c->module);
    oro_status st = name_check(c->server_name, err);
    if (st == ORO_OK)
        st = one_of("log.level", c->log_level, levels, err);
    if (st == ORO_OK)
        st = one_of("durable.mode", c->durable_mode, modes, err);
    if (st == ORO_OK)
        st = one_of("reducer.io_in_reducers", c->reducer_io_in_reducers, ways, err);
    if (st == ORO_OK)
        st = isolation_check(c, err);
    if (st == ORO_OK)
        st = memory_check(c, err);
    if (st == ORO_OK && (c->net_tls_cert == NULL) != (c->net_tls_key == NULL))
        st = oro_err_set(err, ORO_EINVAL, "net.tls_cert and net.tls_key belong together");
    if (st == ORO_OK)
        st = oro_origins_check(c->net_allow_origins, err);
    return st == ORO_OK ? listen_split(c, err) : st;
}

oro_status
oro_config_load(struct oro_config *c, int argc, char **argv, oro_toml_fn toml, struct oro_err *err)
{
    defaults(c);
    oro_status st = flags_read(c, argc, argv, true, toml, err);
    if (st == ORO_OK)
        st = environment_read(c, err);
    if (st == ORO_OK)
        st = flags_read(c, argc, argv, false, toml, err);
    if (st == ORO_OK)
        st = finish(c, err);
    if (st != ORO_OK)
        oro_config_fini(c);
    return st;
}

void
oro_config_fini(struct oro_config *c)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (keys[i].kind == KEY_TEXT)
            oro_free(*(char **)((char *)c + keys[i].offset));
    oro_free(c->module);
    oro_free(c->host);
    *c = (struct oro_config){0};
}
