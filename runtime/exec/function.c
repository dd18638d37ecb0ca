#include "runtime/exec/function.h"

#include <string.h>

/* Who runs it, and who may ask for it by name. What is scheduled is the module's own; its owner may try it by hand. */
static const struct {
    enum oro_executor executor;
    bool by_name, private;
} kinds[ORO_FUNCTION_KINDS] = {
    [ORO_FUNCTION_REDUCER] = {.executor = ORO_EXEC_WRITERS, .by_name = true},
    [ORO_FUNCTION_LIFECYCLE] = {.executor = ORO_EXEC_WRITERS},
    [ORO_FUNCTION_SCHEDULED] = {.executor = ORO_EXEC_WRITERS, .by_name = true, .private = true},
    [ORO_FUNCTION_VIEW] = {.executor = ORO_EXEC_WRITERS}, /* in the transaction that changes what it read */
    [ORO_FUNCTION_PROCEDURE] = {.executor = ORO_EXEC_CALLERS, .by_name = true},
};

static bool
is_scheduled(const struct oro_schema *s, const char *name)
{
    for (uint32_t i = 0; i < s->ntables; i++)
        if (s->tables[i].schedule_fn != NULL && strcmp(s->tables[i].schedule_fn, name) == 0)
            return true;
    return false;
}

struct oro_function
oro_function_find(const struct oro_schema *s, struct oro_bytes name)
{
    struct oro_function f = {.def = oro_schema_function(s, name)};
    if (f.def == NULL)
        return f;
    if (f.def->is_view)
        f.kind = ORO_FUNCTION_VIEW;
    else if (f.def->returns != NULL)
        f.kind = ORO_FUNCTION_PROCEDURE;
    else if (f.def->lifecycle != ORO_LIFE_NONE)
        f.kind = ORO_FUNCTION_LIFECYCLE;
    else if (f.def->is_private && is_scheduled(s, f.def->name)) /* only private ones are targets */
        f.kind = ORO_FUNCTION_SCHEDULED;
    return f;
}

enum oro_executor
oro_function_executor(enum oro_function_kind kind)
{
    ORO_ASSERT(kind < ORO_FUNCTION_KINDS);
    return kinds[kind].executor;
}

enum oro_function_call
oro_function_call(const struct oro_function *f, bool is_owner)
{
    if (f->def == NULL || f->kind == ORO_FUNCTION_VIEW)
        return ORO_CALL_UNKNOWN;
    if (!kinds[f->kind].by_name)
        return ORO_CALL_REFUSED;
    bool private = kinds[f->kind].private || f->def->is_private;
    return private && !is_owner ? ORO_CALL_UNKNOWN : ORO_CALL_RUNS;
}
