/* runtime/subs/view_names.c - which views a text names, before it is parsed: their answers have to be there then. */
#include "runtime/subs/query_priv.h"
#include "runtime/subs/subs_priv.h"

#include <string.h>

static bool
is_name_byte(uint8_t c)
{
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           c >= 0x80;
}

/* A name, in quotes or without, or a string, from `at` on. False: neither; then it is one byte. */
static bool
next_name(struct oro_bytes b, size_t *at, struct oro_bytes *name)
{
    uint8_t c = b.data[*at];
    size_t from = *at;
    if (c == '"' || c == '\'') {
        const uint8_t *end = memchr(b.data + from + 1, c, b.len - from - 1);
        size_t to = end != NULL ? (size_t)(end - b.data) : b.len;
        *name = oro_bytes(b.data + from + 1, to - from - 1);
        *at = to < b.len ? to + 1 : b.len;
        return true; /* tables may be in single quotes, too */
    }
    while (*at < b.len && is_name_byte(b.data[*at]))
        ++*at;
    *name = oro_bytes(b.data + from, *at - from);
    if (*at > from)
        return true;
    ++*at;
    return false;
}

static const struct oro_view_def *
view_called(const struct oro_schema *schema, struct oro_bytes name)
{
    const struct oro_table_def *t = oro_schema_table(schema, name);
    for (uint32_t i = 0; t == NULL && i < schema->nviews; i++)
        if (query_spells(name, schema->views[i].name))
            t = schema->views[i].table;
    return t != NULL ? t->view : NULL;
}

/* The arguments of the one call that a text has. Taken once: a stranger may write the view's name as often as he likes. */
struct call_args {
    struct oro_query q;
    bool looked, is_call;
};

static bool
call_fits(struct call_args *a, const struct oro_schema *schema, struct oro_bytes text,
          const struct oro_view_def *v)
{
    if (!a->looked) {
        a->looked = true;
        oro_arena_init(&a->q.arena);
        a->is_call = query_call_take(&a->q, schema, &text, NULL) == ORO_OK;
    }
    return a->is_call && a->q.nargs == v->fn->params->nelems;
}

static bool
spend(uint64_t *steps, uint64_t n)
{
    bool enough = *steps >= n;
    *steps -= enough ? n : *steps;
    return enough;
}

bool
oro_query_views(const struct oro_schema *schema, struct oro_bytes text,
                const struct oro_query_env *env, oro_query_view_visit visit, void *arg,
                uint64_t *steps)
{
    const struct oro_table_def *t;
    struct oro_bytes name, none = {0};
    if (subs_is_everything(subs_trim(text))) {
        for (uint32_t i = 0; (t = subs_everything_next(schema, env, &i)) != NULL;)
            if (t->view != NULL)
                visit(arg, t->view, none);
        return spend(steps, schema->ntables);
    }
    if (text.len > SQL_TEXT_MOST)
        return true; /* which the parser says */
    struct call_args call = {0};
    bool enough = spend(steps, text.len / 4);
    for (size_t at = 0; enough && at < text.len;) {
        const struct oro_view_def *v = NULL;
        if (next_name(text, &at, &name)) {
            enough = spend(steps, 1 + schema->nviews);
            v = view_called(schema, name);
        }
        if (v != NULL && v->fn->params->nelems == 0)
            visit(arg, v, none);
        else if (v != NULL && call_fits(&call, schema, text, v))
            visit(arg, v, call.q.args);
    }
    if (call.looked)
        oro_arena_fini(&call.q.arena);
    return enough;
}
