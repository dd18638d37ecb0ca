/* config/finish.c - what no single setting can be wrong in, and what follows from all of them. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config_priv.h"
#include "runtime/base/mem.h"
#include "runtime/base/origin.h"

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

/* The main interpreter is one, so it has one worker. */
static oro_status
isolation_check(struct oro_config *c, struct oro_err *err)
{
    if (strcmp(c->server_isolation, "main") != 0)
        return ORO_OK;
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

oro_status
config_finish(struct oro_config *c, struct oro_err *err)
{
    if (c->server_name == NULL)
        c->server_name = name_of_module(c->module);
    if (c->server_static_dir == NULL)
        c->server_static_dir = pages_of_module(c->module);
    oro_status st = name_check(c->server_name, err);
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
