/* runtime/server/updated.c - when the module's @updated hook runs: for the first start of another definition than the data has seen, and
 * for each reload. The data remembers the hash of the definition, and before a run that it comes: a server that is killed in the
 * middle finds at its next start whether the run is in the data. */
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

static void
seen(struct oro_server *s)
{
    oro_free(s->module_before);
    s->module_before = oro_strdup(s->schema->hash);
}

static oro_status
remember(struct oro_server *s, struct oro_err *err)
{
    seen(s);
    return oro_durable_meta_note(s->durable, KEY, s->schema->hash, err);
}

/* It has failed: a sequence that it used may be in the data, and must not be taken for its run. */
static void
forget(struct oro_server *s)
{
    struct oro_err err = {0};
    const char *before = s->module_before != NULL ? s->module_before : "";
    if (oro_durable_meta_note(s->durable, KEY, before, &err) != ORO_OK)
        oro_log(ORO_LOG_ERROR, "server", "@updated: %s", err.text);
}

oro_status
oro_server_updated_start(struct oro_server *s, struct oro_err *err)
{
    char text[1000];
    if (!is_wanted(s) || s->durable == NULL)
        return ORO_OK;
    if (s->module_before != NULL && strcmp(s->module_before, s->schema->hash) == 0)
        return ORO_OK;
    oro_status st = ORO_OK;
    if (!oro_durable_needs_init(s->durable)) {
        st = oro_durable_will_run(s->durable, KEY, s->schema->hash, s->store, err);
        if (st != ORO_OK)
            return st;
        st = oro_pool_post_wait(s->pool, job_make(s), text);
    }
    if (st != ORO_OK) {
        forget(s);
        return oro_err_set(err, ORO_EINVAL,
                           "@updated has failed: %s. It runs again at the next start: nothing that "
                           "it wrote was kept",
                           text);
    }
    /* What it wrote is on disk before that it has run. */
    st = oro_server_disk_wait(s, err);
    return st == ORO_OK ? remember(s, err) : st;
}

char *
oro_server_updated_before(const struct oro_server *s)
{
    return s->durable != NULL ? oro_durable_ran_get(s->durable, KEY, s->store) : NULL;
}

void
oro_server_updated_reload(struct oro_server *s)
{
    struct oro_err err = {0};
    if (!is_wanted(s))
        return;
    uint64_t before = oro_store_offset(s->store);
    bool is_kept = s->durable != NULL;
    oro_status st = ORO_OK;
    if (is_kept)
        st = oro_durable_will_run(s->durable, KEY, s->schema->hash, s->store, &err);
    if (st == ORO_OK)
        st = oro_pool_updated(s->pool, job_make(s), &err);
    if (st != ORO_OK && is_kept)
        forget(s);
    else if (is_kept && oro_store_offset(s->store) == before)
        st = remember(s, &err);
    else if (is_kept) /* all stand still, and do not wait for the disk: the next start sees whether it is there */
        seen(s);
    if (st != ORO_OK)
        oro_log(ORO_LOG_ERROR, "server", "%s; the new version serves all the same", err.text);
}
