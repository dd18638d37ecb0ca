/* runtime/server/environment.c - the environment of the module: what the start was given (flags, file of settings), which wins, and
 * what was put over HTTP, which is kept in the file `environment` of the data's folder: not in the data, its backups and dumps. */
#include "runtime/server/server_priv.h"

#include "bridge/bsatn/environment.h"
#include "bridge/bsatn/value.h"
#include "runtime/base/file.h"
#include "runtime/base/json.h"

#include <unistd.h>

#define FILE_MOST ((size_t)16 << 20)

/* ---- the file: a JSON object ---- */

static char *
path_of(const struct oro_server *s)
{
    return s->opt.data_dir != NULL ? oro_asprintf("%s/environment", s->opt.data_dir) : NULL;
}

oro_status
oro_env_read_json(struct oro_env *e, struct oro_bytes text, struct oro_err *err)
{
    struct oro_json j;
    struct oro_bb key = {0}, value = {0};
    oro_status st = oro_json_parse(&j, text, 2, err);
    if (st != ORO_OK)
        return st;
    if (j.nodes[0].kind != ORO_JSON_OBJECT)
        st = oro_err_set(err, ORO_EINVAL, "expected a JSON object of keys and their text");
    uint32_t at = 1;
    for (uint32_t i = 0; st == ORO_OK && i < j.nodes[0].count; i++, at = j.nodes[at + 1].next) {
        oro_bb_clear(&key);
        oro_bb_clear(&value);
        oro_json_unescape(&j, at, &key);
        oro_bb_u8(&key, '\0');
        if (strlen((const char *)key.data) + 1 != key.len)
            st = oro_err_set(err, ORO_EINVAL, "environment key: invalid name");
        else if (j.nodes[at + 1].kind != ORO_JSON_STRING)
            st = oro_err_set(err, ORO_EINVAL, "environment key \"%.256s\": the value is no text",
                             (const char *)key.data);
        else if (oro_env_find(e, (const char *)key.data) != NULL)
            st = oro_err_set(err, ORO_EINVAL,
                             "environment key \"%.256s\": conflicting environment update operations",
                             (const char *)key.data);
        if (st == ORO_OK) {
            oro_json_unescape(&j, at + 1, &value);
            st = oro_env_put(e, (const char *)key.data, oro_bb_bytes(&value), err);
        }
    }
    if (value.data != NULL)
        explicit_bzero(value.data, value.cap);
    oro_bb_fini(&key);
    oro_bb_fini(&value);
    oro_json_fini(&j);
    return st;
}

static oro_status
file_read(struct oro_server *s, struct oro_err *err)
{
    if (s->opt.delete_data)
        return ORO_OK;
    char *path = path_of(s), *text = NULL;
    if (path == NULL)
        return ORO_OK;
    struct oro_err why = {0}; /* that there is no file is nothing to be told */
    oro_status st = oro_file_get(path, FILE_MOST, &text, &why);
    if (st == ORO_OK) {
        st = oro_env_read_json(&s->env.kept, oro_bytes_str(text), &why);
        explicit_bzero(text, strlen(text));
        if (st != ORO_OK)
            (void)oro_err_wrap(&why, "%s", path);
    } else if (st == ORO_ENOTFOUND) {
        st = ORO_OK;
    }
    if (st != ORO_OK)
        *err = why;
    oro_free(text);
    oro_free(path);
    return st;
}

static oro_status
file_write(const struct oro_server *s, const struct oro_env *e, struct oro_err *err)
{
    char *path = path_of(s);
    if (path == NULL)
        return ORO_OK;
    struct oro_bb text = {0};
    oro_bb_u8(&text, '{');
    for (size_t i = 0; i < e->n; i++) {
        if (i > 0)
            oro_bb_u8(&text, ',');
        oro_json_string(oro_bytes_str(e->values[i].key), &text);
        oro_bb_u8(&text, ':');
        oro_json_string(oro_bytes(e->values[i].data, e->values[i].len), &text);
    }
    oro_bb_put(&text, "}\n", 2);
    oro_status st = oro_file_put(path, oro_bb_bytes(&text), err);
    explicit_bzero(text.data, text.cap);
    oro_bb_fini(&text);
    oro_free(path);
    return st;
}

/* ---- what is in force ---- */

/* kept, and over it what the start was given. */
static oro_status
in_force(const struct oro_server *s, const struct oro_env *kept, struct oro_env *out,
         struct oro_err *err)
{
    oro_status st = oro_env_merge(out, kept, err);
    if (st == ORO_OK && s->opt.environment != NULL)
        st = oro_env_merge(out, s->opt.environment, err);
    return st;
}

/* For that schema, kept is good; then it is what modules see (unless only_check). */
static oro_status
take(struct oro_server *s, const struct oro_schema *schema, const struct oro_env *kept,
     bool only_check, struct oro_err *err)
{
    struct oro_env all = {0};
    oro_status st = in_force(s, kept, &all, err);
    if (st == ORO_OK)
        st = oro_env_check(schema, &all, err);
    if (st == ORO_OK && !only_check)
        oro_py_environment(&all);
    oro_env_fini(&all);
    return st;
}

oro_status
oro_server_env_open(struct oro_server *s, struct oro_err *err)
{
    pthread_mutex_init(&s->env.lock, NULL);
    oro_status st = file_read(s, err);
    return st == ORO_OK ? take(s, s->schema, &s->env.kept, false, err) : st;
}

void
oro_server_env_delete(const struct oro_server *s)
{
    char *path = path_of(s);
    if (path != NULL && s->opt.delete_data)
        (void)unlink(path);
    oro_free(path);
}

void
oro_server_env_close(struct oro_server *s)
{
    oro_env_fini(&s->env.kept);
}

oro_status
oro_server_env_check(struct oro_server *s, const struct oro_schema *schema, struct oro_err *err)
{
    pthread_mutex_lock(&s->env.lock);
    oro_status st = take(s, schema, &s->env.kept, true, err);
    pthread_mutex_unlock(&s->env.lock);
    return st;
}

/* ---- over HTTP ---- */

static oro_status
update_make(const struct oro_server *s, const struct oro_env_update *u, struct oro_env *out,
            struct oro_err *err)
{
    oro_status st = u->replace ? ORO_OK : oro_env_merge(out, &s->env.kept, err);
    for (size_t i = 0; st == ORO_OK && i < u->nremoved; i++) {
        if (oro_env_find(u->set, u->removed[i]) != NULL)
            return oro_err_set(err, ORO_EINVAL,
                               "environment key \"%.256s\": conflicting environment update "
                               "operations",
                               u->removed[i]);
        (void)oro_env_remove(out, u->removed[i]);
    }
    for (size_t i = 0; st == ORO_OK && s->opt.environment != NULL && i < u->set->n; i++)
        if (oro_env_find(s->opt.environment, u->set->values[i].key) != NULL)
            st = oro_err_set(err, ORO_EINVAL,
                             "environment key \"%s\": the server was started with a value for it "
                             "(--env, or [env]), which wins",
                             u->set->values[i].key);
    return st == ORO_OK ? oro_env_merge(out, u->set, err) : st;
}

oro_status
oro_server_env_update(struct oro_server *s, const struct oro_env_update *u, struct oro_err *err)
{
    struct oro_env made = {0}, all = {0};
    pthread_mutex_lock(&s->reload.one); /* nobody else changes it, or the schema */
    oro_status st = update_make(s, u, &made, err);
    if (st == ORO_OK)
        st = in_force(s, &made, &all, err);
    if (st == ORO_OK && u->missing != NULL)
        oro_env_missing(s->schema, &all, u->missing, u->arg);
    if (st == ORO_OK)
        st = oro_env_check(s->schema, &all, err);
    if (st == ORO_OK)
        st = file_write(s, &made, err);
    if (st == ORO_OK) {
        oro_py_environment(&all);
        struct oro_env before = s->env.kept;
        pthread_mutex_lock(&s->env.lock); /* not while the disk is waited for: net threads look at it */
        s->env.kept = made;
        pthread_mutex_unlock(&s->env.lock);
        made = before;
    }
    pthread_mutex_unlock(&s->reload.one);
    oro_env_fini(&made);
    oro_env_fini(&all);
    return st;
}

void
oro_server_env_keys(struct oro_server *s, void (*told)(void *arg, const char *key), void *arg)
{
    struct oro_env all = {0};
    struct oro_err err = {0};
    pthread_mutex_lock(&s->env.lock);
    (void)in_force(s, &s->env.kept, &all, &err);
    pthread_mutex_unlock(&s->env.lock);
    for (size_t i = 0; i < all.n; i++)
        told(arg, all.values[i].key);
    oro_env_fini(&all);
}
