/* The workers: the pool that runs reducers, and a second one of its kind for procedures (exec/writers/procedure.c), which is there when
 * the module has any, so that neither waits for the other. In a reload the reducers' workers come first: their word on the module
 * counts. */
#include "runtime/server/server_priv.h"

#include <string.h>

/* ---- timers that run them ---- */

/* On a procedures' worker. */
static void
timer_over(void *arg, const struct oro_firing *f)
{
    struct oro_server *s = arg;
    if (atomic_load(&s->quiet))
        return;
    struct oro_job *job = oro_job_new(ORO_JOB_TIMER, NULL, 0);
    job->timer = *f;
    job->timer_ends = true;
    oro_pool_post(s->pool, NULL, job, true);
}

/* On a reducers' worker. */
void
oro_procedure_scheduled(void *arg, struct oro_job *job)
{
    struct oro_server *s = arg;
    struct oro_pool *callers = atomic_load(&s->callers);
    if (callers != NULL) {
        struct oro_turns_of of = {.identity = s->database, .known = true};
        oro_pool_post_procedure(callers, &of, job);
        return;
    }
    oro_log_limited(ORO_LOG_ERROR, "module", "%s is due, and procedures cannot run",
                    job->calls[0].reducer->name);
    if (job->timer.table != NULL)
        timer_over(s, &job->timer);
    oro_job_drop(job);
}

static uint64_t
durable(void *server)
{
    return oro_server_durable_seq(server);
}

static struct oro_pool_options
options(struct oro_server *s)
{
    const struct oro_server_options *o = &s->opt;
    return (struct oro_pool_options){
        .for_procedures = true,
        .views = s->pool,
        .workers = o->procedure_workers > 0 ? o->procedure_workers : 1,
        .module_path = o->module_path,
        .module_name = o->name,
        .timeout_us = o->timeout_us,
        .procedure_timeout_us = o->procedure_timeout_us,
        .fetch = o->fetch,
        .give_up_us = o->give_up_us,
        .max_lost = o->max_lost_workers,
        .init_timeout_us = o->init_timeout_us,
        .import_timeout_us = o->import_timeout_us,
        .dev_errors = o->dev_errors,
        .hooks = {.arg = s, .published = oro_server_published, .timer_over = timer_over, .durable = durable},
    };
}

/* The files may have changed since the other workers imported them. */
static oro_status
alike(const struct oro_server *s, const char *descriptor, struct oro_err *err)
{
    struct oro_schema *schema = NULL;
    oro_status st = oro_schema_parse(oro_bytes_str(descriptor), &schema, err);
    if (st == ORO_OK && strcmp(schema->v10_json, s->schema->v10_json) != 0)
        st = oro_err_set(
            err, ORO_EINVAL,
            "the module declares other things than a moment ago: its files have "
            "changed, or tables and reducers depend on time, chance or the environment");
    oro_schema_free(schema);
    return st;
}

oro_status
oro_callers_start(struct oro_server *s, char **report, struct oro_err *err)
{
    if (s->schema->nprocedures == 0 || atomic_load(&s->callers) != NULL)
        return ORO_OK;
    if (s->opt.main_interpreter)
        return oro_err_set(err, ORO_EINVAL,
                           "the module has procedures (%s), which need interpreters beside that of "
                           "the reducers: leave out isolation = \"main\"",
                           s->schema->reducers[s->schema->nreducers].name);
    struct oro_pool_options opt = options(s);
    struct oro_pool *pool = NULL;
    char *descriptor = NULL;
    oro_status st = oro_pool_load(&opt, &pool, &descriptor, report, err);
    if (st == ORO_OK)
        st = alike(s, descriptor, err);
    if (st == ORO_OK)
        st = oro_pool_run(pool, s->schema, s->store, &s->database, err);
    oro_free(descriptor);
    if (st == ORO_OK)
        atomic_store(&s->callers, pool);
    else if (pool != NULL && oro_pool_stop(pool))
        oro_pool_free(pool);
    return st;
}

bool
oro_pools_stop(struct oro_server *s)
{
    bool procedures = oro_pool_stop(s->callers), reducers = oro_pool_stop(s->pool);
    return procedures && reducers;
}

oro_status
oro_pools_stage(struct oro_server *s, char **descriptor, char **report, struct oro_err *err)
{
    char *other = NULL;
    oro_status st = oro_pool_stage(s->pool, descriptor, report, err);
    if (st != ORO_OK || s->callers == NULL)
        return st;
    st = oro_pool_stage(s->callers, &other, report, err);
    if (st == ORO_OK && strcmp(other, *descriptor) != 0) {
        st = oro_err_set(err, ORO_EINVAL,
                         "the module declares other things at each import: tables and reducers "
                         "must not depend on time, chance or the environment");
        oro_pool_unstage(s->callers);
    }
    oro_free(other);
    if (st != ORO_OK) {
        oro_pool_unstage(s->pool);
        oro_free(*descriptor);
        *descriptor = NULL;
    }
    return st;
}

void
oro_pools_unstage(struct oro_server *s)
{
    oro_pool_unstage(s->pool);
    if (s->callers != NULL)
        oro_pool_unstage(s->callers);
}

oro_status
oro_pools_pause(struct oro_server *s, struct oro_err *err)
{
    if (s->callers != NULL && oro_pool_pause(s->callers, err) != ORO_OK)
        return oro_err_set(err, ORO_ETIMEOUT, "a procedure runs that neither ends nor waits");
    oro_status st = oro_pool_pause(s->pool, err);
    if (st != ORO_OK && s->callers != NULL)
        oro_pool_resume(s->callers);
    return st;
}

void
oro_pools_resume(struct oro_server *s)
{
    oro_pool_resume(s->pool);
    if (s->callers != NULL)
        oro_pool_resume(s->callers);
}

oro_status
oro_pools_bind(struct oro_server *s, const struct oro_schema *schema, struct oro_err *err)
{
    oro_status st = oro_pool_bind(s->pool, schema, err);
    return st != ORO_OK || s->callers == NULL ? st : oro_pool_bind(s->callers, schema, err);
}

void
oro_pools_adopt(struct oro_server *s, const struct oro_schema *schema, struct oro_store *store)
{
    oro_pool_adopt(s->pool, schema, store);
    if (s->callers != NULL)
        oro_pool_adopt(s->callers, schema, store);
}

void
oro_pools_settle(struct oro_server *s)
{
    oro_pool_settle(s->pool);
    if (s->callers != NULL)
        oro_pool_settle(s->callers);
}
