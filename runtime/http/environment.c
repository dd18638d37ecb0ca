/* /v1/database/:name/environment: what the module declares, and which keys have a value; values only come in, and only the owner asks
 * (docs/http.md#environment). */
#include "runtime/http/http_priv.h"

#include "bridge/bsatn/environment.h"
#include "bridge/bsatn/value.h"

#include <stdio.h>
#include <strings.h>

static void
put_key(void *arg, const char *key)
{
    struct oro_bb *out = arg;
    if (out->len > 0 && out->data[out->len - 1] != '[')
        oro_bb_u8(out, ',');
    oro_json_string(oro_bytes_str(key), out);
}

static void
put_declaration(struct oro_bb *out, const struct oro_env_decl *d)
{
    oro_bb_printf(out, "{\"name\":");
    oro_json_string(oro_bytes_str(d->name), out);
    oro_bb_printf(out, ",\"ty\":%s", d->nwords == 0   ? "\"String\""
                                     : d->nwords == 1 ? "{\"StringLiteral\":"
                                                      : "{\"Union\":[");
    for (uint32_t i = 0; i < d->nwords; i++) {
        if (i > 0)
            oro_bb_u8(out, ',');
        oro_json_string(oro_bytes_str(d->words[i]), out);
    }
    oro_bb_printf(out, "%s,\"optional\":%s}", d->nwords == 0   ? ""
                                              : d->nwords == 1 ? "}"
                                                               : "]}",
                  d->optional ? "true" : "false");
}

void
oro_http_get_environment(struct request *q)
{
    const struct oro_schema *s = oro_server_schema(q->server);
    struct oro_bb *out = &q->res->body;
    q->res->status = 200;
    q->res->content_type = MIME_JSON;
    oro_bb_printf(out, "{\"module_hash\":\"%s\",\"declarations\":[", s->hash != NULL ? s->hash : "");
    for (uint32_t i = 0; i < s->nenvironment; i++) {
        if (i > 0)
            oro_bb_u8(out, ',');
        put_declaration(out, &s->environment[i]);
    }
    oro_bb_printf(out, "],\"stored_keys\":[");
    oro_server_env_keys(q->server, put_key, out);
    oro_bb_printf(out, "]}");
}

/* ---- changes ---- */

#define REMOVED_MOST (2 * ORO_ENV_MOST)

/* What comes with one request. */
struct update {
    struct oro_server *server;
    bool replace;
    struct oro_env set;
    char *text; /* of the header: removed points into it */
    const char *removed[REMOVED_MOST];
    size_t nremoved;
    struct oro_bb missing; /* keys, as JSON */
};

static bool
bad(struct request *q, const char *why)
{
    oro_http_answer(q->res, 400, "%s", why);
    return false;
}

static bool
take_removed(struct request *q, struct update *u)
{
    char *save = NULL;
    u->text = oro_http_field(q->http, "spacetime-environment-remove");
    for (char *key = u->text != NULL ? strtok_r(u->text, ", \t\r", &save) : NULL; key != NULL;
         key = strtok_r(NULL, ", \t\r", &save)) {
        if (u->nremoved == REMOVED_MOST || !oro_env_key_legal(key))
            return bad(q, "spacetime-environment-remove: invalid name");
        for (size_t i = 0; i < u->nremoved; i++)
            if (strcmp(u->removed[i], key) == 0)
                return bad(q, "spacetime-environment-remove: a key is named twice");
        u->removed[u->nremoved++] = key;
    }
    return true;
}

/* False and 409: it is not the module any more that was asked for. */
static bool
module_is(struct request *q)
{
    const char *hash = oro_server_schema(q->server)->hash;
    char *expected = oro_http_param(q->http->query, "expected_module_hash");
    bool same = expected == NULL || (hash != NULL && strcasecmp(expected, hash) == 0);
    oro_free(expected);
    if (!same)
        oro_http_answer(q->res, 409,
                        "database program changed before publication; reload environment metadata "
                        "and retry");
    return same;
}

static void
update_free(void *arg)
{
    struct update *u = arg;
    oro_env_fini(&u->set);
    oro_bb_fini(&u->missing);
    oro_free(u->text);
    oro_free(u);
}

/* Not on the shard's thread: it writes a file. */
static void
apply(void *arg, struct oro_http_response *res)
{
    struct update *u = arg;
    struct oro_err err = {0};
    struct oro_env_update update = {.set = &u->set,
                                    .removed = u->removed,
                                    .nremoved = u->nremoved,
                                    .replace = u->replace,
                                    .missing = put_key,
                                    .arg = &u->missing};
    oro_status st = oro_server_env_update(u->server, &update, &err);
    if (st == ORO_OK) {
        oro_http_answer_json(res, "{\"Ok\":null}");
    } else if (u->missing.len > 0) {
        res->status = 400;
        res->content_type = MIME_JSON;
        oro_bb_printf(&res->body, "{\"Err\":{\"MissingRequiredEnvironment\":{\"keys\":[%.*s]}}}",
                      (int)u->missing.len, (const char *)u->missing.data);
    } else {
        oro_http_answer(res, st == ORO_EIO ? 500 : 400, "%s", err.text);
    }
}

/* False: answered. */
static bool
update_read(struct request *q, struct update *u)
{
    struct oro_err err = {0};
    if (!module_is(q) || (!u->replace && !take_removed(q, u)))
        return false;
    oro_status st = oro_env_read_json(&u->set, q->http->body, &err);
    if (st != ORO_OK)
        oro_http_answer(q->res, 400, "%s", err.text);
    return st == ORO_OK;
}

static void
change(struct request *q, bool replace)
{
    struct update *u = ORO_NEW(struct update);
    u->server = q->server;
    u->replace = replace;
    if (!update_read(q, u)) {
        update_free(u);
        return;
    }
    q->kept = true;
    oro_server_http_aside(q->server, q->shard, q->id, q->res->extra_headers,
                          &(struct oro_http_aside){apply, update_free, u});
}

void
oro_http_put_environment(struct request *q)
{
    change(q, true);
}

void
oro_http_patch_environment(struct request *q)
{
    change(q, false);
}
