/* A subscription apart from any registry: its texts parsed, and the rows they find at a snapshot. Any thread. */
#include "runtime/subs/set_rows_priv.h"

#include <string.h>
#include <strings.h>

#include "runtime/subs/sql_lex.h"

/* ---- texts ---- */

static bool
is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct oro_bytes
subs_trim(struct oro_bytes b)
{
    while (b.len > 0 && is_space(b.data[0])) {
        b.data++;
        b.len--;
    }
    while (b.len > 0 && is_space(b.data[b.len - 1]))
        b.len--;
    return b;
}

/* `SELECT * FROM *` in any case and spacing, without a semicolon. b is trimmed. */
bool
subs_is_everything(struct oro_bytes b)
{
    static const char *const words[] = {"select", "*", "from", "*"};
    size_t at = 0;
    for (unsigned i = 0; i < 4; i++) {
        size_t from = at, n = strlen(words[i]);
        while (at < b.len && is_space(b.data[at]))
            at++;
        bool joined = words[i][0] != '*' && i > 0 && words[i - 1][0] != '*' && at == from;
        if (joined || b.len - at < n || strncasecmp((const char *)b.data + at, words[i], n) != 0)
            return false;
        at += n;
    }
    return at == b.len;
}

/* Event tables have no rows to begin with and are left out. */
const struct oro_table_def *
subs_everything_next(const struct oro_schema *s, const struct oro_query_env *env, uint32_t *i)
{
    while (*i < s->ntables) {
        const struct oro_table_def *t = &s->tables[(*i)++];
        bool asks = t->view != NULL && t->view->fn->params->nelems > 0; /* with arguments only */
        if (!t->is_event && !asks && t->id >= 4096 && (t->is_public || env->is_owner))
            return t;
    }
    return NULL;
}

oro_status
subs_fail_query(struct oro_err *err, oro_status st, const struct oro_err *why,
                struct oro_bytes text)
{
    return oro_err_set(err, st, "%s, executing: `%.*s`", why->text, sql_cut(text, 200),
                       (const char *)text.data);
}

/* ---- parsing ---- */

static oro_status
add_query(struct oro_prepared *p, const struct oro_schema *schema, struct oro_bytes text,
          struct oro_map *seen, struct oro_err *err)
{
    struct oro_query *q;
    if (oro_map_get(seen, text) != NULL) /* equal texts count once */
        return ORO_OK;
    oro_status st = oro_query_parse(schema, text, ORO_QUERY_SUBSCRIBE, &p->env, &q, err);
    if (st == ORO_OK) {
        st = subs_form_takes(p->env.form, oro_query_table(q), err);
        if (st != ORO_OK)
            oro_query_free(q);
    }
    if (st != ORO_OK)
        return st;
    uint8_t *copy = oro_arena_alloc(&p->arena, text.len + 1);
    memcpy(copy, text.data, text.len);
    p->queries = oro_grow(p->queries, p->n, &p->cap, sizeof(*p->queries));
    p->queries[p->n++] = (struct prepared_query){oro_bytes(copy, text.len), q, false};
    oro_map_put(seen, text, p);
    return ORO_OK;
}

static oro_status
add_everything(struct oro_prepared *p, const struct oro_schema *schema, struct oro_map *seen,
               struct oro_err *err)
{
    struct oro_bb text = {0};
    oro_status st = ORO_OK;
    const struct oro_table_def *t;
    for (uint32_t i = 0; st == ORO_OK && (t = subs_everything_next(schema, &p->env, &i)) != NULL;) {
        oro_bb_clear(&text);
        oro_bb_printf(&text, "SELECT * FROM \"%s\"", t->name);
        st = add_query(p, schema, oro_bb_bytes(&text), seen, err);
    }
    oro_bb_fini(&text);
    return st;
}

static oro_status
add_text(struct oro_prepared *p, const struct oro_schema *schema, struct oro_bytes text,
         const atomic_bool *stop, struct oro_map *seen, struct oro_err *err)
{
    if (stop != NULL && atomic_load_explicit(stop, memory_order_relaxed))
        return oro_err_set(err, ORO_ETIMEOUT, "the query was interrupted: ask again");
    text = subs_trim(text);
    return subs_is_everything(text) ? add_everything(p, schema, seen, err)
                                    : add_query(p, schema, text, seen, err);
}

oro_status
oro_prepare(const struct oro_schema *schema, struct oro_bytes texts, uint32_t n,
            const struct oro_query_env *env, const atomic_bool *stop, struct oro_prepared **out,
            struct oro_err *err)
{
    struct oro_prepared *p = ORO_NEW(struct oro_prepared);
    struct oro_reader r = oro_reader(texts);
    struct oro_map seen = {0};
    oro_status st = ORO_OK;
    oro_arena_init(&p->arena);
    p->env = *env;
    for (uint32_t i = 0; st == ORO_OK && i < n; i++) {
        struct oro_bytes text;
        st = oro_rd_string(&r, &text);
        st = st != ORO_OK ? oro_err_set(err, st, "query %u is not a string", i + 1)
                          : add_text(p, schema, text, stop, &seen, err);
    }
    oro_map_fini(&seen);
    if (st == ORO_OK)
        st = subs_form_fits(env->form, p->n, err);
    if (st == ORO_OK)
        *out = p;
    else
        oro_prepared_free(p);
    return st;
}

void
oro_prepared_free(struct oro_prepared *p)
{
    if (p == NULL)
        return;
    for (uint32_t i = 0; i < p->n; i++)
        oro_query_free(p->queries[i].query);
    oro_free(p->queries);
    oro_arena_fini(&p->arena);
    oro_free(p);
}

void
oro_prepared_leave_out(struct oro_prepared *p, struct oro_bytes texts)
{
    struct oro_reader r = oro_reader(texts);
    struct oro_map held = {0};
    struct oro_bytes text;
    while (oro_rd_left(&r) > 0 && oro_rd_string(&r, &text) == ORO_OK)
        oro_map_put(&held, text, p);
    for (uint32_t i = 0; i < p->n; i++)
        p->queries[i].held = oro_map_get(&held, p->queries[i].text) != NULL;
    oro_map_fini(&held);
}

/* ---- rows ---- */

/* SingleTableRows of what the query finds now. */
oro_status
subs_put_table_rows(const struct oro_query *q, struct oro_session *se, struct oro_budget *budget,
                    struct oro_bb *out, struct oro_parts *parts, struct oro_err *err)
{
    struct oro_found found;
    oro_status st = oro_query_run(q, se, budget, &found, err);
    if (st != ORO_OK)
        return st;
    oro_bb_lenbytes(out, oro_bytes_str(oro_query_table(q)->name));
    oro_row_list_put(found.rows, found.n, out, parts);
    oro_found_fini(&found);
    return ORO_OK;
}

oro_status
oro_prepared_rows(const struct oro_prepared *p, struct oro_session *se, struct oro_budget *budget,
                  struct oro_bb *out, struct oro_parts *parts, struct oro_err *err)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n; i++)
        n += !oro_query_table(p->queries[i].query)->is_event;
    oro_bb_u32(out, n);
    for (uint32_t i = 0; i < p->n; i++) {
        const struct prepared_query *q = &p->queries[i];
        struct oro_err why = {0};
        if (oro_query_table(q->query)->is_event)
            continue;
        oro_status st = subs_put_table_rows(q->query, se, budget, out, parts, &why);
        if (st != ORO_OK)
            return subs_fail_query(err, st, &why, q->text);
    }
    return ORO_OK;
}

oro_status
oro_subs_one_off(const struct oro_query *q, struct oro_session *se, struct oro_budget *budget,
                 struct oro_bb *rows, struct oro_parts *parts, struct oro_err *err)
{
    oro_bb_u32(rows, 1);
    return subs_put_table_rows(q, se, budget, rows, parts, err);
}
