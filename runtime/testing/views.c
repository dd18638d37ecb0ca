#include "runtime/testing/views.h"

#include "runtime/store/view.h"

struct viewing {
    struct oro_inline *in;
    const struct oro_query_env *env;
    oro_status st;
    struct oro_err *err;
};

/* Its use stays: nobody leaves it before the store ends. */
static void
want(void *arg, const struct oro_view_def *def, struct oro_bytes args)
{
    struct viewing *w = arg;
    struct oro_view_key key = {.def = def, .args = args};
    if (w->st != ORO_OK || (!def->table->is_public && !w->env->is_owner))
        return;
    if (!def->is_anonymous)
        key.sender = w->env->sender;
    struct oro_view *v = oro_view_use(w->env->store, &key);
    ORO_ASSERT(v != NULL);
    if (!oro_view_is_ready(v)) {
        struct oro_inline_outcome out = oro_inline_view(w->in, v, false);
        if (out.status != ORO_OK)
            w->st = oro_err_set(w->err, ORO_EINTERNAL, "%.*s", (int)out.text.len,
                                (const char *)out.text.data);
    }
    oro_view_unref(v);
}

oro_status
testing_views_evaluate(struct oro_inline *in, const struct oro_schema *schema,
                       struct oro_bytes text, const struct oro_query_env *env, struct oro_err *err)
{
    struct viewing w = {in, env, ORO_OK, err};
    uint64_t steps = UINT64_MAX;
    bool all = oro_query_views(schema, text, env, want, &w, &steps);
    ORO_ASSERT(all);
    return w.st;
}

void
testing_views_again(struct oro_inline *in, struct oro_store *store)
{
    size_t n;
    struct oro_view **all = oro_view_all(store, &n);
    for (size_t i = 0; i < n; i++) {
        (void)oro_inline_view(in, all[i], true);
        oro_view_unref(all[i]);
    }
    oro_free(all);
}
