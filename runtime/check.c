#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bridge/host/bridge.h"
#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/base/thread.h"
#include "runtime/check.h"
#include "runtime/subs/query.h"

#define INTERRUPT_US 20000 /* as often as that, once it has to end */
#define GRACE_US 5000000   /* what does not react by then is in C code that cannot be interrupted */

struct check {
    const struct oro_config *c;
    bool check;
    int argc;
    char **argv;
    _Atomic(struct oro_py *) py; /* set while the author's code runs */
    _Atomic uint64_t generation;
    _Atomic int64_t since_us;
    int code;
    atomic_bool done;
    struct oro_wake wake;
};

static const struct oro_host_ops no_ops; /* nothing calls a reducer */

static void
say(const char *text)
{
    fflush(stdout);
    for (const char *end; *text != '\0'; text = *end == '\0' ? end : end + 1) {
        end = strchrnul(text, '\n');
        fprintf(stderr, "orochi: %.*s\n", (int)(end - text), text);
    }
}

/* From now on the main thread interrupts what takes too long; each step is a generation of its own. */
static void
watch(struct check *k, struct oro_py *py)
{
    atomic_store(&k->generation, oro_py_generation(py) + 1);
    atomic_store(&k->since_us, oro_mono_us());
    atomic_store(&k->py, py);
}

static bool
load(struct check *k, struct oro_py *py)
{
    char *descriptor = NULL, *report = NULL;
    struct oro_schema *schema = NULL;
    struct oro_err err = {0};
    oro_py_print_plain(py);
    watch(k, py);
    oro_status st = oro_py_load(py, k->c->module, k->c->server_name, &descriptor, &report, &err);
    atomic_store(&k->py, NULL);
    if (st == ORO_OK)
        st = oro_schema_parse(oro_bytes_str(descriptor), &schema, &err);
    if (st == ORO_OK)
        st = oro_query_check_rules(schema, &err);
    if (st == ORO_OK)
        st = oro_py_bind(py, schema, &err); /* schema: until the process ends */
    if (st != ORO_OK)
        say(report != NULL ? report : err.text);
    oro_free(descriptor);
    oro_free(report);
    return st == ORO_OK;
}

static void *
check_main(void *arg)
{
    struct check *k = arg;
    struct oro_py *py;
    struct oro_err err = {0};
    k->code = 1;
    if (oro_py_open(0, &no_ops, &py, &err) != ORO_OK) {
        say(err.text);
    } else if (!k->check || load(k, py)) {
        watch(k, py);
        k->code = oro_py_tool(py, k->argc, k->argv);
        atomic_store(&k->py, NULL);
    }
    atomic_store(&k->done, true);
    oro_wake_broadcast(&k->wake);
    /* The interpreter is left as it is: the process ends. */
    for (;;)
        pause();
    return NULL;
}

/* False: it is given up. */
static bool
look(struct check *k)
{
    struct oro_py *py = atomic_load(&k->py);
    int64_t limit = k->c->server_import_timeout_ms * 1000;
    int64_t over = py != NULL && limit > 0 ? oro_mono_us() - atomic_load(&k->since_us) - limit : 0;
    if (over > 0)
        oro_py_interrupt(py, atomic_load(&k->generation)); /* it is never closed */
    return over < GRACE_US;
}

int
oro_check_run(const struct oro_config *c, bool check, int argc, char **argv)
{
    static struct check
        k; /* the thread may outlive this function, on the way to the end of the process */
    pthread_t thread;
    struct oro_err err = {0};
    k = (struct check){.c = c, .check = check, .argc = argc, .argv = argv};
    if (oro_thread_start(&thread, ORO_THREAD_WORKER, "check", 0, check_main, &k, &err) != ORO_OK) {
        say(err.text);
        return 1;
    }
    while (!atomic_load(&k.done)) {
        unsigned seen = oro_wake_prepare(&k.wake);
        if (atomic_load(&k.done))
            break;
        oro_wake_wait(&k.wake, seen, INTERRUPT_US);
        if (look(&k))
            continue;
        fprintf(stderr, "orochi: %s: " ORO_PY_IMPORT_STUCK "\n", c->module);
        return 1;
    }
    return k.code;
}
