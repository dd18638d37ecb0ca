/* runtime/server/updated.c - when the module's @updated hook runs: for the first start of another definition than the data has seen, and
 * for each reload. The data remembers the hash of the definition. */
#include "runtime/server/server_priv.h"

#define KEY "module"

static bool
is_wanted(const struct oro_server *s)
{
    return oro_schema_lifecycle(s->schema, ORO_LIFE_UPDATE) != NULL && s->schema->hash != NULL;
}

static struct oro_job *
job_make(struct oro_server *s)
{
    return oro_job_new(ORO_JOB_UPDATED,
                       oro_principal_new(ORO_CALLER_INTERNAL, &s->owner, NULL, NULL), 0);
}

static oro_status
remember(struct oro_server *s, struct oro_err *err)
{
    if (s->durable == NULL)
        return ORO_OK;
    return oro_durable_meta_note(s->durable, KEY, s->schema->hash, err);
}

oro_status
oro_server_updated_start(struct oro_server *s, const char *before, struct oro_err *err)
{
    char text[1000];
    if (!is_wanted(s) || s->durable == NULL)
        return ORO_OK;
    bool same = before != NULL && strcmp(before, s->schema->hash) == 0;
    if (same)
        return ORO_OK;
    oro_status st = oro_durable_needs_init(s->durable)
                        ? ORO_OK
                        : oro_pool_post_wait(s->pool, job_make(s), text);
    if (st != ORO_OK)
        return oro_err_set(err, ORO_EINVAL,
                           "@updated has failed: %s. It runs again at the next start: nothing that "
                           "it wrote was kept",
                           text);
    /* What it wrote is on disk before that it has run. */
    st = oro_server_disk_wait(s, err);
    return st == ORO_OK ? remember(s, err) : st;
}

char *
oro_server_updated_before(const struct oro_server *s)
{
    return s->durable != NULL ? oro_durable_meta_get(s->durable, KEY) : NULL;
}

void
oro_server_updated_reload(struct oro_server *s)
{
    struct oro_err err = {0};
    if (!is_wanted(s))
        return;
    oro_status st = oro_pool_updated(s->pool, job_make(s), &err);
    if (st == ORO_OK)
        st = remember(s, &err);
    if (st != ORO_OK)
        oro_log(ORO_LOG_ERROR, "server", "%s; the new version serves all the same", err.text);
}
