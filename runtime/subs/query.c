/* From a text to a query: read, typed, planned. */
#include "runtime/subs/query_type.h"

#include <stdio.h>

static oro_status
parse_into(struct oro_query *q, const struct oro_schema *schema, struct oro_bytes text,
           enum oro_query_use use, const struct oro_query_env *env, const uint8_t **at,
           struct oro_err *err)
{
    struct sql_select s;
    struct typing ty = {.q = q, .s = &s, .schema = schema, .env = env, .use = use, .err = err};
    oro_status st = query_call_take(q, schema, &text, err);
    if (st == ORO_OK) {
        st = sql_parse_select(text, use, &q->arena, &s, err);
        ty.at = s.at;
    }
    if (st == ORO_OK)
        st = query_type_select(&ty);
    *at = ty.at;
    if (st != ORO_OK)
        return st;
    *at = NULL;
    if (env->limits != NULL && q->weight > env->limits->terms)
        return oro_err_set(
            err, ORO_EFULL,
            "the condition has too many terms: each row would be compared %u times, and "
            "%u are allowed (query.max_terms). `a = 1 OR a = 2 ...` on one column "
            "counts as one search, whatever its length",
            q->weight, env->limits->terms);
    return ORO_OK;
}

#define LINE_MOST 120 /* bytes of it that are shown */

/* The line with the place, and a caret below it. Nothing where it is too long, or cannot be aligned. */
static void
point_at(struct oro_bytes text, const uint8_t *at, char *out, size_t size)
{
    const uint8_t *from = at, *to = at, *end;
    out[0] = '\0';
    if (at == NULL || text.len == 0)
        return;
    end = text.data + text.len;
    if (at < text.data || at >= end)
        return;
    while (from > text.data && from[-1] != '\n')
        from--;
    while (to < end && *to != '\n')
        to++;
    for (const uint8_t *p = from; p < to; p++)
        if (*p < ' ' || *p > '~')
            return;
    if (to - from <= LINE_MOST)
        snprintf(out, size, "\n%.*s\n%*s^", (int)(to - from), (const char *)from, (int)(at - from),
                 "");
}

oro_status
oro_query_parse(const struct oro_schema *schema, struct oro_bytes text, enum oro_query_use use,
                const struct oro_query_env *env, struct oro_query **out, struct oro_err *err)
{
    struct oro_err mine = {0};
    struct oro_query *q = query_new();
    const uint8_t *at = NULL;
    char place[2 * LINE_MOST + 8];
    oro_status st = parse_into(q, schema, text, use, env, &at, &mine);
    if (st == ORO_OK) {
        *out = q;
        return ORO_OK;
    }
    oro_query_free(q);
    /* on the websocket the text has the query in it. */
    point_at(text, at, place, sizeof(place));
    if (use == ORO_QUERY_SQL)
        return oro_err_set(err, st, "%s%s", mine.text, place);
    return oro_err_set(err, st, "%s, executing: `%.*s`%s", mine.text, TYPE_TEXT(text), place);
}

bool
oro_query_is_sqlites(oro_status st, struct oro_bytes text)
{
    struct oro_arena arena;
    struct sql_select s;
    if (st == ORO_OK || st == ORO_EINVAL || st == ORO_ETYPE)
        return st == ORO_ETYPE;
    oro_arena_init(&arena);
    st = sql_parse_select(text, ORO_QUERY_SQL, &arena, &s, NULL);
    oro_arena_fini(&arena);
    return st != ORO_OK;
}
