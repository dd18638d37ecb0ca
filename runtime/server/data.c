/* The data: read from its folder, migrated where the module has changed, and whose it is. */
#include "runtime/server/server_priv.h"

#include "runtime/base/file.h"
#include "runtime/timers/install.h"

#include <string.h>
#include <sys/random.h>

#define OWNER_TOKEN_MAX ((size_t)8192)

static oro_status
identity_keep(struct oro_server *s, const char *key, struct oro_identity *id, struct oro_err *err)
{
    char text[65], *kept = s->durable != NULL ? oro_durable_meta_get(s->durable, key) : NULL;
    if (kept != NULL) {
        bool fine = oro_identity_parse(kept, id);
        oro_free(kept);
        return fine ? ORO_OK
                    : oro_err_set(err, ORO_EMALFORMED, "the data file holds a damaged %s", key);
    }
    if (getrandom(id->le, sizeof(id->le), 0) != (ssize_t)sizeof(id->le))
        return oro_err_set(err, ORO_EIO, "no random numbers");
    id->le[31] = 0xc2; /* as identities that are derived from tokens begin */
    id->le[30] = 0x00;
    oro_identity_text(id, text);
    return s->durable != NULL ? oro_durable_meta_set(s->durable, key, text, err) : ORO_OK;
}

/* Makes a new identity and, unless path is NULL, writes its token there. */
static oro_status
owner_make(struct oro_server *s, const char *path, struct oro_err *err)
{
    const struct oro_server_auth *auth = &s->opt.auth;
    char *claims = NULL, *token = NULL;
    oro_status st = auth->mint(auth->keys, &token, &s->owner, &claims, err);
    if (st == ORO_OK && path != NULL) {
        char *line = oro_asprintf("%s\n", token);
        st = oro_file_put(path, oro_bytes_str(line), err);
        oro_free(line);
    }
    oro_free(token);
    oro_free(claims);
    return st;
}

/* The owner is whoever holds the token in <data>/owner.token: made with the data, and read again at each start. */
static oro_status
owner_read(struct oro_server *s, const char *path, char *line, struct oro_err *err)
{
    const struct oro_server_auth *auth = &s->opt.auth;
    char *claims = NULL;
    oro_status st = ORO_EMALFORMED;
    line[strcspn(line, "\r\n")] = '\0';
    if (line[0] == '\0')
        oro_err_set(err, st, "it is empty");
    else if (auth->check(auth->keys, line, &s->owner, &claims, err) == ORO_OK)
        st = ORO_OK;
    if (st != ORO_OK)
        oro_err_set(err, ORO_EMALFORMED,
                    "%s does not hold a token of this server (%s): put it back from a copy, or "
                    "delete the file to have a new owner made",
                    path, err->text);
    oro_file_hide(path);
    oro_free(claims);
    return st;
}

static oro_status
owner_keep(struct oro_server *s, struct oro_err *err)
{
    if (s->durable == NULL)
        return owner_make(s, NULL, err);
    char *line = NULL, *path = oro_asprintf("%s/owner.token", s->opt.data_dir);
    struct oro_err mine = {0};
    oro_status st = oro_file_get(path, OWNER_TOKEN_MAX, &line, &mine);
    if (st == ORO_ENOTFOUND) {
        if (!oro_durable_is_new(s->durable))
            oro_log(ORO_LOG_WARN, "server", "%s was not there: a new owner is made", path);
        st = owner_make(s, path, err);
    } else if (st == ORO_OK || st == ORO_EFULL) {
        st = owner_read(s, path, line != NULL ? line : (char[]){""}, err);
    } else {
        st = oro_err_set(err, st,
                         "%s; put the file back from a copy, or delete what is there to have a new "
                         "owner made",
                         mine.text);
    }
    oro_free(line);
    oro_free(path);
    return st;
}

struct oro_durable_options
oro_server_durable_options(struct oro_server *s)
{
    const struct oro_server_options *o = &s->opt;
    return (struct oro_durable_options){
        .dir = o->data_dir,
        .name = o->name,
        .mode = o->durability,
        .checkpoint_bytes = o->checkpoint_bytes,
        .checkpoint_interval_s = o->checkpoint_interval_s,
        .on_durable = oro_server_on_durable,
        .arg = s,
    };
}

oro_status
oro_server_data_read(struct oro_server *s, struct oro_bb *told, struct oro_err *err)
{
    const struct oro_server_options *o = &s->opt;
    oro_status st;
    if (o->data_dir != NULL) {
        struct server_hooks hooks = {.server = s};
        struct oro_migrator by = oro_server_migrator(&hooks);
        struct oro_durable_options d = oro_server_durable_options(s);
        d.delete_data = o->delete_data;
        d.rehearsal = o->rehearsal;
        d.migrator = &by;
        d.told = told;
        st = oro_durable_open(&d, s->schema, &s->durable, err);
        if (st != ORO_OK)
            return st;
    }
    struct oro_store_options so = {0};
    st = oro_store_create(s->schema, &so, &s->store, err);
    return st == ORO_OK && s->durable != NULL ? oro_durable_recover(s->durable, s->store, err) : st;
}

oro_status
oro_server_data_open(struct oro_server *s, struct oro_err *err)
{
    oro_status st = oro_server_data_read(s, NULL, err);
    if (st == ORO_OK)
        st = identity_keep(s, "database", &s->database, err);
    if (st == ORO_OK)
        st = owner_keep(s, err);
    if (st == ORO_OK)
        oro_schedules_look(s->schema, s->durable, &s->once_new);
    if (st == ORO_OK)
        s->module_before = oro_server_updated_before(s);
    if (st == ORO_OK && s->durable != NULL)
        st = oro_durable_start(s->durable, s->store, err);
    oro_identity_text(&s->database, s->database_text);
    return st;
}
