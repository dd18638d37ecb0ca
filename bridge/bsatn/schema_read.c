/* bridge/bsatn/schema_read.c - members of JSON objects as a module definition has them. */
#include "bridge/bsatn/schema_priv.h"

#include <stdarg.h>
#include <stdio.h>

#include "bridge/bsatn/number_priv.h"

oro_status
oro_load_refuse(struct oro_load *l, const char *fmt, ...)
{
    char text[900];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return oro_err_set(l->err, ORO_EINVAL, "module definition: %s", text);
}

oro_status
oro_load_member(struct oro_load *l, uint32_t object, const char *key, uint32_t *out)
{
    *out = oro_json_member(l->j, object, key);
    return *out != 0 ? ORO_OK
                     : oro_load_refuse(l, "byte %u: an object without `%s`",
                                       oro_load_node(l, object)->at, key);
}

oro_status
oro_load_list(struct oro_load *l, uint32_t object, const char *key, uint32_t *out)
{
    oro_status st = oro_load_member(l, object, key, out);
    if (st == ORO_OK && oro_load_node(l, *out)->kind != ORO_JSON_ARRAY)
        return oro_load_refuse(l, "byte %u: `%s` is no array", oro_load_node(l, *out)->at, key);
    return st;
}

oro_status
oro_load_str(struct oro_load *l, uint32_t object, const char *key, const char **out)
{
    uint32_t node;
    oro_status st = oro_load_member(l, object, key, &node);
    if (st != ORO_OK)
        return st;
    *out = oro_json_to_str(l->j, node, &l->s->types.arena);
    return *out != NULL && **out != 0
               ? ORO_OK
               : oro_load_refuse(l, "byte %u: `%s` is no text", oro_load_node(l, node)->at, key);
}

const char *
oro_load_optional_str(struct oro_load *l, uint32_t object, const char *key)
{
    uint32_t node = oro_json_member(l->j, object, key);
    uint32_t some = node != 0 ? oro_json_variant(l->j, node, "some") : 0;
    return oro_json_to_str(l->j, some, &l->s->types.arena);
}

oro_status
oro_load_u32(struct oro_load *l, uint32_t object, const char *key, uint32_t *out)
{
    uint32_t node;
    oro_status st = oro_load_member(l, object, key, &node);
    if (st != ORO_OK)
        return st;
    return oro_json_to_u32(l->j, node, out)
               ? ORO_OK
               : oro_load_refuse(l, "byte %u: `%s` is no number", oro_load_node(l, node)->at, key);
}

bool
oro_load_flag(struct oro_load *l, uint32_t object, const char *key, const char *variant)
{
    uint32_t node = oro_json_member(l->j, object, key);
    return node != 0 && oro_json_variant(l->j, node, variant) != 0;
}

bool
oro_load_is_true(struct oro_load *l, uint32_t object, const char *key)
{
    uint32_t node = oro_json_member(l->j, object, key);
    return node != 0 && oro_load_node(l, node)->kind == ORO_JSON_TRUE;
}

double
oro_load_f64(struct oro_load *l, uint32_t object, const char *key, double otherwise)
{
    uint32_t node = oro_json_member(l->j, object, key);
    double v;
    if (node == 0 || oro_load_node(l, node)->kind != ORO_JSON_NUMBER ||
        !oro_f64_parse(oro_json_text(l->j, node), &v))
        return otherwise;
    return v;
}

int64_t
oro_load_i64(struct oro_load *l, uint32_t object, const char *key, int64_t otherwise)
{
    uint32_t node = oro_json_member(l->j, object, key);
    int64_t v;
    if (node == 0 || oro_load_node(l, node)->kind != ORO_JSON_NUMBER ||
        !oro_int_parse(ORO_I64, oro_json_text(l->j, node), (uint8_t *)&v))
        return otherwise;
    return v;
}

oro_status
oro_load_canonical(struct oro_load *l, const char *kind, const char **name)
{
    uint32_t names = l->sections[SECTION_NAMES] != 0
                         ? oro_json_member(l->j, l->sections[SECTION_NAMES], "entries")
                         : 0;
    uint32_t at = names + 1;
    for (uint32_t i = 0; i < oro_load_len(l, names); i++, at = oro_load_next(l, at)) {
        uint32_t entry = oro_json_variant(l->j, at, kind);
        uint32_t source = entry != 0 ? oro_json_member(l->j, entry, "source_name") : 0;
        if (source != 0 && oro_json_string_is(l->j, source, *name))
            return oro_load_str(l, entry, "canonical_name", name);
    }
    return ORO_OK;
}

oro_status
oro_load_columns(struct oro_load *l, uint32_t list, const struct oro_table_def *t, uint16_t **cols,
                 uint16_t *ncols)
{
    uint32_t n = oro_load_len(l, list), at = list + 1;
    if (n == 0 || n > t->row->nelems)
        return oro_load_refuse(l, "table `%s`: byte %u: no list of columns", t->name,
                               oro_load_node(l, list)->at);
    uint16_t *found = oro_arena_alloc(&l->s->types.arena, n * sizeof(*found));
    for (uint32_t i = 0; i < n; i++, at = oro_load_next(l, at)) {
        uint32_t col;
        if (!oro_json_to_u32(l->j, at, &col) || col >= t->row->nelems)
            return oro_load_refuse(l, "table `%s`: byte %u: there is no such column", t->name,
                                   oro_load_node(l, at)->at);
        for (uint32_t k = 0; k < i; k++)
            if (found[k] == col)
                return oro_load_refuse(
                    l, "table `%s`: column `%s` is named twice in one index or constraint", t->name,
                    t->row->elems[col].name);
        found[i] = (uint16_t)col;
    }
    *cols = found;
    *ncols = (uint16_t)n;
    return ORO_OK;
}
