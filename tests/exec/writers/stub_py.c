/* tests/exec/writers/stub_py.c - bridge/host/bridge.h without Python, so that the workers can run under ThreadSanitizer. The reducers are
 * C functions that a test fills in; what an interpreter must not be asked to do is asserted. */
#include "tests/exec/writers/stub_py.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/assert.h"
#include "runtime/base/mem.h"
#include "runtime/base/thread.h"

stub_reducer *const *stub_reducers;
const char *stub_descriptor = "{}";
uint64_t stub_memory_limit = UINT64_MAX;

struct oro_py {
    pthread_t thread;
    bool held; /* its GIL: the thread's alone */
    const struct oro_schema *schema;
    const struct oro_host_ops *ops;
    _Atomic uint64_t generation, interrupted;
    _Atomic uint64_t calls;
    struct oro_py_call *waits; /* a coroutine, or NULL */
    void *waits_of;
    unsigned steps;
};

static void
check(const struct oro_py *py, bool held)
{
    ORO_ASSERT(pthread_equal(py->thread, pthread_self()) && py->held == held);
}

oro_status
oro_py_open(unsigned worker, const struct oro_host_ops *ops, struct oro_py **out,
            struct oro_err *err)
{
    struct oro_py *py = ORO_NEW(struct oro_py);
    py->thread = pthread_self();
    py->held = true;
    py->ops = ops;
    *out = py;
    return ORO_OK;
}

void
oro_py_close(struct oro_py *py)
{
    check(py, true);
    oro_free(py);
}

void
oro_py_release(struct oro_py *py)
{
    check(py, true);
    py->held = false;
}

void
oro_py_acquire(struct oro_py *py)
{
    check(py, false);
    py->held = true;
}

oro_status
oro_py_load(struct oro_py *py, const char *path, const char *name, char **descriptor, char **report,
            struct oro_err *err)
{
    check(py, true);
    if (stub_descriptor == NULL) {
        *report = oro_strdup("module.py:1: it does not load");
        return oro_err_set(err, ORO_EINVAL, "it does not load");
    }
    *descriptor = oro_strdup(stub_descriptor);
    return ORO_OK;
}

oro_status
oro_py_bind(struct oro_py *py, const struct oro_schema *schema, struct oro_err *err)
{
    check(py, true);
    py->schema = schema;
    return ORO_OK;
}

oro_status
oro_py_call(struct oro_py *py, struct oro_py_call *call)
{
    check(py, true);
    oro_bb_clear(call->text);
    atomic_fetch_add(&py->calls, 1);
    atomic_fetch_add(&py->generation, 1);
    return stub_reducers[call->reducer->id](py, py->ops, call);
}

void
oro_py_warn_of_retries(struct oro_py *py, const struct oro_reducer_def *def, unsigned calls,
                       const char *why)
{
    check(py, true);
}

/* The answer of the stub's router: what was asked, as the body. */
oro_status
oro_py_answer(struct oro_py *py, struct oro_py_call *call)
{
    check(py, true);
    oro_bb_clear(call->text);
    atomic_fetch_add(&py->calls, 1);
    atomic_fetch_add(&py->generation, 1);
    oro_bb_u16(call->text, 200);
    oro_bb_u32(call->text, 0);
    oro_bb_put_bytes(call->text, call->args);
    return ORO_OK;
}

void
oro_py_environment(const struct oro_env *e)
{
}

oro_status
oro_py_procedure(struct oro_py *py, struct oro_py_call *call, struct oro_bb *result, bool *outdated)
{
    const struct oro_schema *before = py->schema;
    oro_status st = oro_py_call(py, call);
    oro_bb_put_bytes(result, oro_bb_bytes(call->text));
    *outdated = py->schema != before;
    return st;
}

void
oro_py_procedure_goes_on(struct oro_py *py)
{
    check(py, true);
    atomic_fetch_add(&py->generation, 1);
}

/* Coroutines: one at a time, which has ended at the second step. */
oro_status
oro_py_coroutine(struct oro_py *py, struct oro_py_call *call, void *of, int64_t limit_us)
{
    (void)limit_us;
    check(py, true);
    py->waits = call;
    py->waits_of = of;
    py->steps = 0;
    return ORO_OK;
}

int64_t
oro_py_loop_step(struct oro_py *py, void *host)
{
    check(py, true);
    if (py->waits == NULL)
        return -1;
    if (py->steps++ == 0)
        return 1000;
    struct oro_bb result = {0};
    void *of = py->waits_of;
    py->ops->loop_enter(host, of);
    oro_status st = oro_py_call(py, py->waits);
    oro_bb_put_bytes(&result, oro_bb_bytes(py->waits->text));
    py->waits = NULL;
    py->ops->loop_ended(host, of, st, false, &result);
    py->ops->loop_leave(host, NULL);
    oro_bb_fini(&result);
    return -1;
}

void
oro_py_loop_cancel(struct oro_py *py, const char *why)
{
    (void)py;
    (void)why;
}

void
oro_py_loop_prepare(struct oro_py *py)
{
    (void)py;
}

const struct oro_schema *
stub_schema(const struct oro_py *py)
{
    return py->schema;
}

bool
stub_interrupted(struct oro_py *py)
{
    return atomic_load(&py->interrupted) == atomic_load(&py->generation);
}

void
oro_py_interrupt(struct oro_py *py, uint64_t generation)
{
    atomic_store(&py->interrupted, generation);
}

uint64_t
oro_py_generation(const struct oro_py *py)
{
    return atomic_load(&((struct oro_py *)(uintptr_t)py)->generation);
}

bool
oro_py_memory_room(uint64_t held, uint64_t more)
{
    return held + more <= stub_memory_limit;
}

void
oro_py_abandon(struct oro_py *py)
{
}

void
oro_py_stats(const struct oro_py *py, struct oro_py_stats *out)
{
    *out = (struct oro_py_stats){.decodes = atomic_load(&((struct oro_py *)(uintptr_t)py)->calls)};
}

void
oro_py_report(struct oro_py *const *py, unsigned n, struct oro_bb *out)
{
    oro_bb_printf(out, "{\"interpreters\":%u}", n);
}

/* ---- new versions: the same reducers again ---- */

oro_status
oro_py_stage(struct oro_py *py, const char *path, const char *name, char **descriptor,
             char **report, struct oro_err *err)
{
    return oro_py_load(py, path, name, descriptor, report, err);
}

oro_status
oro_py_bind_staged(struct oro_py *py, const struct oro_schema *schema, struct oro_err *err)
{
    return oro_py_bind(py, schema, err);
}

void
oro_py_adopt(struct oro_py *py)
{
    check(py, true);
}

void
oro_py_unstage(struct oro_py *py)
{
    check(py, true);
}

void
oro_py_settle(struct oro_py *py)
{
    check(py, true);
}

/* ---- settings: kept, and of no effect ---- */

static struct oro_spin config_lock;
static struct oro_py_config config = ORO_PY_CONFIG_DEFAULT;

void
oro_py_configure(const struct oro_py_config *c)
{
    oro_spin_lock(&config_lock);
    config = *c;
    oro_spin_unlock(&config_lock);
}

void
oro_py_configured(struct oro_py_config *out)
{
    oro_spin_lock(&config_lock);
    *out = config;
    oro_spin_unlock(&config_lock);
}

oro_status
oro_py_config_set(struct oro_py_config *c, const char *name, int64_t v, bool is_bool,
                  struct oro_err *err)
{
    if (strcmp(name, "max_pool_size") != 0)
        return oro_err_set(err, ORO_EINVAL, "there is no setting %s", name);
    c->max_pool_size = (unsigned)v;
    return ORO_OK;
}

void
oro_py_config_json(const struct oro_py_config *c, struct oro_bb *out)
{
    oro_bb_printf(out, "{\"max_pool_size\":%u}", c->max_pool_size);
}

oro_status
oro_py_map_rows(struct oro_py *py, const struct oro_py_map *m, struct oro_err *err)
{
    (void)py, (void)m;
    return oro_err_set(err, ORO_EINVAL, "no hook");
}

/* "+n" is n microseconds later. */
oro_status
oro_py_cron_next(struct oro_py *py, struct oro_bytes cron, int64_t after_us, int64_t *out)
{
    char text[32] = {0};
    if (cron.len < 2 || cron.len >= sizeof(text) || cron.data[0] != '+')
        return ORO_EINVAL;
    memcpy(text, cron.data, cron.len);
    *out = after_us + atoll(text + 1);
    return ORO_OK;
}
