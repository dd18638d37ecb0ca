/* bridge/bsatn/schema.c - reading a module definition of version 10 (docs/values.md#module-definition) with our additions.
 *
 * Our own package writes the text and has checked the module, with file and line in its messages. What is checked again
 * here is what the store and the wire rely on, so that no text at all can break them. */
#include "bridge/bsatn/schema.h"

#include <stdarg.h>
#include <stdio.h>

#include "bridge/bsatn/number_priv.h"
#include "bridge/bsatn/type_json_priv.h"
#include "bridge/bsatn/value.h"

enum section {
    TYPESPACE,
    TYPES,
    TABLES,
    REDUCERS,
    PROCEDURES,
    VIEWS,
    SCHEDULES,
    LIFECYCLES,
    ROW_SECURITY,
    CASE_POLICY,
    NAMES,
    HTTP_HANDLERS,
    HTTP_ROUTES,
    VIEW_KEYS,
    SUBMODULES,
    SECTION_COUNT
};

static const char *const section_names[SECTION_COUNT] = {
    "Typespace",        "Types",
    "Tables",           "Reducers",
    "Procedures",       "Views",
    "Schedules",        "LifeCycleReducers",
    "RowLevelSecurity", "CaseConversionPolicy",
    "ExplicitNames",    "HttpHandlers",
    "HttpRoutes",       "ViewPrimaryKeys",
    "Submodules",
};

struct load {
    const struct oro_json *j;
    struct oro_schema *s;
    struct oro_err *err;
    uint32_t sections[SECTION_COUNT]; /* nodes, 0: not there */
    struct oro_map index_names;
};

ORO_PRINTF(2, 3) static oro_status bad(struct load *l, const char *fmt, ...)
{
    char text[900];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return oro_err_set(l->err, ORO_EINVAL, "module definition: %s", text);
}

/* ---- small readers ---- */

static const struct oro_json_node *
node_at(const struct load *l, uint32_t node)
{
    return &l->j->nodes[node];
}

/* Children of an array: for (at = list_first(...), i = 0; i < list_len(...); i++, at = list_next(...)). Anything else
 * counts as empty. */
static uint32_t
list_len(const struct load *l, uint32_t node)
{
    return node != 0 && node_at(l, node)->kind == ORO_JSON_ARRAY ? node_at(l, node)->count : 0;
}

static uint32_t
list_next(const struct load *l, uint32_t at)
{
    return node_at(l, at)->next;
}

static oro_status
get(struct load *l, uint32_t object, const char *key, uint32_t *out)
{
    *out = oro_json_member(l->j, object, key);
    return *out != 0 ? ORO_OK
                     : bad(l, "byte %u: an object without `%s`", node_at(l, object)->at, key);
}

static oro_status
get_list(struct load *l, uint32_t object, const char *key, uint32_t *out)
{
    oro_status st = get(l, object, key, out);
    if (st == ORO_OK && node_at(l, *out)->kind != ORO_JSON_ARRAY)
        return bad(l, "byte %u: `%s` is no array", node_at(l, *out)->at, key);
    return st;
}

static oro_status
get_str(struct load *l, uint32_t object, const char *key, const char **out)
{
    uint32_t node;
    oro_status st = get(l, object, key, &node);
    if (st != ORO_OK)
        return st;
    *out = oro_json_to_str(l->j, node, &l->s->types.arena);
    return *out != NULL && **out != 0
               ? ORO_OK
               : bad(l, "byte %u: `%s` is no text", node_at(l, node)->at, key);
}

/* {"some":"x"} to the text, anything else to NULL. */
static const char *
get_optional_str(struct load *l, uint32_t object, const char *key)
{
    uint32_t node = oro_json_member(l->j, object, key);
    uint32_t some = node != 0 ? oro_json_variant(l->j, node, "some") : 0;
    return oro_json_to_str(l->j, some, &l->s->types.arena);
}

static oro_status
get_u32(struct load *l, uint32_t object, const char *key, uint32_t *out)
{
    uint32_t node;
    oro_status st = get(l, object, key, &node);
    if (st != ORO_OK)
        return st;
    return oro_json_to_u32(l->j, node, out)
               ? ORO_OK
               : bad(l, "byte %u: `%s` is no number", node_at(l, node)->at, key);
}

static bool
get_flag(struct load *l, uint32_t object, const char *key, const char *variant)
{
    uint32_t node = oro_json_member(l->j, object, key);
    return node != 0 && oro_json_variant(l->j, node, variant) != 0;
}

static bool
is_true(struct load *l, uint32_t object, const char *key)
{
    uint32_t node = oro_json_member(l->j, object, key);
    return node != 0 && node_at(l, node)->kind == ORO_JSON_TRUE;
}

static double
get_f64(struct load *l, uint32_t object, const char *key, double otherwise)
{
    uint32_t node = oro_json_member(l->j, object, key);
    double v;
    if (node == 0 || node_at(l, node)->kind != ORO_JSON_NUMBER ||
        !oro_f64_parse(oro_json_text(l->j, node), &v))
        return otherwise;
    return v;
}

static int64_t
get_i64(struct load *l, uint32_t object, const char *key, int64_t otherwise)
{
    uint32_t node = oro_json_member(l->j, object, key);
    int64_t v;
    if (node == 0 || node_at(l, node)->kind != ORO_JSON_NUMBER ||
        !oro_int_parse(ORO_I64, oro_json_text(l->j, node), (uint8_t *)&v))
        return otherwise;
    return v;
}

/* The canonical name: the entry for the source name, or the source name itself, since the policy is None. */
static oro_status
canonical(struct load *l, const char *kind, const char **name)
{
    uint32_t names =
        l->sections[NAMES] != 0 ? oro_json_member(l->j, l->sections[NAMES], "entries") : 0;
    uint32_t at = names + 1;
    for (uint32_t i = 0; i < list_len(l, names); i++, at = list_next(l, at)) {
        uint32_t entry = oro_json_variant(l->j, at, kind);
        uint32_t source = entry != 0 ? oro_json_member(l->j, entry, "source_name") : 0;
        if (source != 0 && oro_json_string_is(l->j, source, *name))
            return get_str(l, entry, "canonical_name", name);
    }
    return ORO_OK;
}

/* A list of different columns of the table. */
static oro_status
get_columns(struct load *l, uint32_t list, const struct oro_table_def *t, uint16_t **cols,
            uint16_t *ncols)
{
    uint32_t n = list_len(l, list), at = list + 1;
    if (n == 0 || n > t->row->nelems)
        return bad(l, "table `%s`: byte %u: no list of columns", t->name, node_at(l, list)->at);
    uint16_t *found = oro_arena_alloc(&l->s->types.arena, n * sizeof(*found));
    for (uint32_t i = 0; i < n; i++, at = list_next(l, at)) {
        uint32_t col;
        if (!oro_json_to_u32(l->j, at, &col) || col >= t->row->nelems)
            return bad(l, "table `%s`: byte %u: there is no such column", t->name,
                       node_at(l, at)->at);
        for (uint32_t k = 0; k < i; k++)
            if (found[k] == col)
                return bad(l, "table `%s`: column `%s` is named twice in one index or constraint",
                           t->name, t->row->elems[col].name);
        found[i] = (uint16_t)col;
    }
    *cols = found;
    *ncols = (uint16_t)n;
    return ORO_OK;
}

/* ---- sections and types ---- */

static oro_status
find_sections(struct load *l, uint32_t v10)
{
    uint32_t list;
    oro_status st = get_list(l, v10, "sections", &list);
    if (st != ORO_OK)
        return st;
    uint32_t at = list + 1;
    for (uint32_t i = 0; i < list_len(l, list); i++, at = list_next(l, at)) {
        enum section which = 0;
        while (which < SECTION_COUNT && oro_json_variant(l->j, at, section_names[which]) == 0)
            which++;
        if (which == SECTION_COUNT)
            return bad(l, "byte %u: an unknown section", node_at(l, at)->at);
        if (l->sections[which] != 0)
            return bad(l, "section %s occurs twice", section_names[which]);
        l->sections[which] = oro_json_variant(l->j, at, section_names[which]);
    }
    return ORO_OK;
}

/* What would be wrong to leave out without a word. */
static oro_status
refuse_unsupported(struct load *l)
{
    if (list_len(l, l->sections[ROW_SECURITY]) > 0)
        return bad(l, "row-level security is not supported");
    if (list_len(l, l->sections[SUBMODULES]) > 0)
        return bad(l, "submodules are not supported");
    uint32_t policy = l->sections[CASE_POLICY];
    if (policy == 0 || oro_json_variant(l->j, policy, "None") == 0)
        return bad(l, "the case conversion policy must be None (a definition without this section "
                      "means SnakeCase)");
    return ORO_OK;
}

static oro_status
load_types(struct load *l)
{
    uint32_t list;
    if (l->sections[TYPESPACE] == 0)
        return oro_typespace_seal(&l->s->types, l->err);
    oro_status st = get_list(l, l->sections[TYPESPACE], "types", &list);
    if (st != ORO_OK)
        return st;
    uint32_t at = list + 1;
    for (uint32_t i = 0; i < list_len(l, list); i++, at = list_next(l, at)) {
        struct oro_type *t;
        st = oro_type_read(&l->s->types, l->j, at, 0, &t, l->err);
        if (st != ORO_OK)
            return oro_err_wrap(l->err, "module definition: type &%u", i);
        oro_typespace_add(&l->s->types, t);
    }
    st = oro_typespace_seal(&l->s->types, l->err);
    return st == ORO_OK ? st : oro_err_wrap(l->err, "module definition");
}

/* ---- tables ---- */

static oro_status
check_row(struct load *l, const struct oro_table_def *t)
{
    if (t->row->min_size == UINT32_MAX) /* recursive on every way */
        return bad(l, "table `%s` has rows without an end", t->name);
    if (t->row->nelems == 0 || t->row->nelems > UINT16_MAX)
        return bad(l, "table `%s` has %u columns", t->name, t->row->nelems);
    for (uint32_t i = 0; i < t->row->nelems; i++) {
        if (t->row->elems[i].name == NULL)
            return bad(l, "table `%s` has unnamed column %u, which is forbidden.", t->name, i);
        if (oro_table_column(t, oro_bytes_str(t->row->elems[i].name)) != (int)i)
            return bad(l, "table `%s` has two columns `%s`", t->name, t->row->elems[i].name);
    }
    return ORO_OK;
}

/* Same columns, in any order; neither list has one twice. */
static bool
same_columns(const uint16_t *a, uint16_t na, const uint16_t *b, uint16_t nb)
{
    for (uint16_t i = 0; i < na; i++) {
        uint16_t k = 0;
        while (k < nb && b[k] != a[i])
            k++;
        if (k == nb)
            return false;
    }
    return na == nb;
}

static const char *
generated_index_name(struct load *l, const struct oro_table_def *t, const struct oro_index_def *ix)
{
    static const char *const kinds[] = {"btree", "hash", "direct"};
    struct oro_bb name = {0};
    oro_bb_printf(&name, "%s", t->name);
    for (uint16_t i = 0; i < ix->ncols; i++)
        oro_bb_printf(&name, "_%s", t->row->elems[ix->cols[i]].name);
    oro_bb_printf(&name, "_idx_%s", kinds[ix->kind]);
    char *s = oro_arena_alloc(&l->s->types.arena, name.len + 1);
    memcpy(s, name.data, name.len);
    s[name.len] = 0;
    oro_bb_fini(&name);
    return s;
}

static bool
direct_type(const struct oro_type *t)
{
    return t->kind == ORO_U8 || t->kind == ORO_U16 || t->kind == ORO_U32 || t->kind == ORO_U64 ||
           t->special == ORO_ENUM;
}

static oro_status
load_direct(struct load *l, uint32_t node, const struct oro_table_def *t, struct oro_index_def *ix)
{
    uint32_t col;
    if (!oro_json_to_u32(l->j, node, &col) || col >= t->row->nelems)
        return bad(l, "table `%s`: a direct index has no such column", t->name);
    if (!direct_type(oro_type_resolve(t->row->elems[col].type)))
        return bad(l, "table `%s`: Direct index does not support the type of column `%s`", t->name,
                   t->row->elems[col].name);
    ix->kind = ORO_INDEX_DIRECT;
    ix->cols = oro_arena_alloc(&l->s->types.arena, sizeof(*ix->cols));
    ix->cols[0] = (uint16_t)col;
    ix->ncols = 1;
    return ORO_OK;
}

static oro_status
load_index(struct load *l, uint32_t node, const struct oro_table_def *t, struct oro_index_def *ix)
{
    uint32_t algorithm, cols;
    oro_status st = get(l, node, "algorithm", &algorithm);
    if (st != ORO_OK)
        return st;
    if ((cols = oro_json_variant(l->j, algorithm, "Direct")) != 0) {
        st = load_direct(l, cols, t, ix);
    } else {
        cols = oro_json_variant(l->j, algorithm, "BTree");
        ix->kind = cols != 0 ? ORO_INDEX_BTREE : ORO_INDEX_HASH;
        cols = cols != 0 ? cols : oro_json_variant(l->j, algorithm, "Hash");
        st = cols != 0 ? get_columns(l, cols, t, &ix->cols, &ix->ncols)
                       : bad(l, "table `%s`: an index of an unknown kind", t->name);
    }
    if (st != ORO_OK)
        return st;
    ix->accessor = get_optional_str(l, node, "accessor_name");
    ix->name = get_optional_str(l, node, "source_name");
    if (ix->name == NULL)
        ix->name = generated_index_name(l, t, ix);
    else
        st = canonical(l, "Index", &ix->name);
    if (st == ORO_OK && oro_map_put(&l->index_names, oro_bytes_str(ix->name), ix) != NULL)
        return bad(l, "name `%s` is used for two indexes", ix->name);
    return st;
}

static oro_status
load_indexes(struct load *l, uint32_t node, struct oro_table_def *t)
{
    uint32_t list;
    oro_status st = get_list(l, node, "indexes", &list);
    if (st != ORO_OK)
        return st;
    uint32_t at = list + 1;
    t->indexes = ORO_NEW_ARRAY(struct oro_index_def, list_len(l, list) + 1);
    for (uint32_t i = 0; st == ORO_OK && i < list_len(l, list); i++, at = list_next(l, at)) {
        t->indexes[i].slot = i;
        t->nindexes = i + 1;
        st = load_index(l, at, t, &t->indexes[i]);
    }
    return st;
}

static oro_status
load_unique(struct load *l, uint32_t node, struct oro_table_def *t)
{
    uint32_t data, cols_node;
    uint16_t *cols, ncols;
    oro_status st = get(l, node, "data", &data);
    if (st != ORO_OK)
        return st;
    uint32_t unique = oro_json_variant(l->j, data, "Unique");
    if (unique == 0)
        return bad(l, "table `%s`: a constraint of an unknown kind", t->name);
    st = get_list(l, unique, "columns", &cols_node);
    if (st == ORO_OK)
        st = get_columns(l, cols_node, t, &cols, &ncols);
    if (st != ORO_OK)
        return st;
    bool backed = false;
    for (uint32_t i = 0; i < t->nindexes; i++) {
        struct oro_index_def *ix = &t->indexes[i];
        if (same_columns(ix->cols, ix->ncols, cols, ncols))
            ix->unique = backed = true;
    }
    return backed ? ORO_OK
                  : bad(l, "No index found to support unique constraint `%s_%s_key`", t->name,
                        t->row->elems[cols[0]].name);
}

static oro_status
load_uniques(struct load *l, uint32_t node, struct oro_table_def *t)
{
    uint32_t list;
    oro_status st = get_list(l, node, "constraints", &list);
    uint32_t at = list + 1;
    for (uint32_t i = 0; st == ORO_OK && i < list_len(l, list); i++, at = list_next(l, at))
        st = load_unique(l, at, t);
    return st;
}

static oro_status
load_primary_key(struct load *l, uint32_t node, struct oro_table_def *t)
{
    uint32_t list;
    uint16_t *cols, ncols;
    oro_status st = get_list(l, node, "primary_key", &list);
    t->pk = -1;
    if (st != ORO_OK || list_len(l, list) == 0)
        return st;
    st = get_columns(l, list, t, &cols, &ncols);
    if (st != ORO_OK)
        return st;
    if (ncols > 1)
        return bad(l, "table `%s` has multiple primary key annotations", t->name);
    t->pk = cols[0];
    for (uint32_t i = 0; i < t->nindexes; i++)
        if (t->indexes[i].unique && t->indexes[i].ncols == 1 && t->indexes[i].cols[0] == cols[0])
            return ORO_OK;
    return bad(l, "table `%s` column `%s` is primary key but has no unique constraint", t->name,
               t->row->elems[cols[0]].name);
}

static oro_status
load_sequence(struct load *l, uint32_t node, struct oro_table_def *t, struct oro_sequence_def *out)
{
    uint32_t col;
    oro_status st = get_u32(l, node, "column", &col);
    if (st != ORO_OK)
        return st;
    if (col >= t->row->nelems || !oro_kind_is_int(oro_type_resolve(t->row->elems[col].type)->kind))
        return bad(l, "table `%s`: invalid sequence column type: column %u is no integer", t->name,
                   col);
    if (get_i64(l, node, "increment", 1) != 1 || get_flag(l, node, "start", "some") ||
        get_flag(l, node, "min_value", "some") || get_flag(l, node, "max_value", "some"))
        return bad(
            l,
            "table `%s`: sequences with a start, bounds or another step than 1 are not supported",
            t->name);
    for (uint32_t i = 0; i < t->nsequences; i++)
        if (t->sequences[i].col == col)
            return bad(
                l, "Attempt to define table `%s` column `%s` with more than 1 auto_inc sequence",
                t->name, t->row->elems[col].name);
    struct oro_bb name = {0};
    oro_bb_printf(&name, "%s_%s_seq", t->name, t->row->elems[col].name);
    char *s = oro_arena_alloc(&l->s->types.arena, name.len + 1);
    memcpy(s, name.data, name.len);
    s[name.len] = 0;
    oro_bb_fini(&name);
    *out = (struct oro_sequence_def){.name = s, .col = (uint16_t)col};
    return ORO_OK;
}

static oro_status
load_sequences(struct load *l, uint32_t node, struct oro_table_def *t)
{
    uint32_t list;
    oro_status st = get_list(l, node, "sequences", &list);
    if (st != ORO_OK)
        return st;
    uint32_t at = list + 1;
    t->sequences = ORO_NEW_ARRAY(struct oro_sequence_def, list_len(l, list) + 1);
    for (uint32_t i = 0; st == ORO_OK && i < list_len(l, list); i++, at = list_next(l, at)) {
        st = load_sequence(l, at, t, &t->sequences[i]);
        t->nsequences += st == ORO_OK;
    }
    return st;
}

static oro_status
load_default(struct load *l, uint32_t node, struct oro_table_def *t, struct oro_column_default *out)
{
    uint32_t col, value;
    oro_status st = get_u32(l, node, "col_id", &col);
    if (st == ORO_OK)
        st = get(l, node, "value", &value);
    if (st != ORO_OK)
        return st;
    struct oro_bytes hex = oro_json_text(l->j, value);
    if (col >= t->row->nelems || node_at(l, value)->kind != ORO_JSON_STRING || hex.len % 2 != 0)
        return bad(l, "table `%s`: a default value that is no hex text, or for no column", t->name);
    for (uint32_t i = 0; i < t->ndefaults; i++)
        if (t->defaults[i].col == col)
            return bad(l, "Multiple default values for table %s column %u", t->name, col);
    uint8_t *bytes = oro_arena_alloc(&l->s->types.arena, hex.len / 2 + 1);
    if (!oro_unhex((const char *)hex.data, hex.len, bytes, hex.len / 2))
        return bad(l, "table `%s`: a default value that is no hex text", t->name);
    *out =
        (struct oro_column_default){.col = (uint16_t)col, .value = oro_bytes(bytes, hex.len / 2)};
    st = oro_value_check(t->row->elems[col].type, out->value, l->err);
    return st == ORO_OK
               ? st
               : oro_err_wrap(l->err, "Failed to deserialize default value for table %s column %u",
                              t->name, col);
}

static oro_status
load_defaults(struct load *l, uint32_t node, struct oro_table_def *t)
{
    uint32_t list = oro_json_member(l->j, node, "default_values"), at = list + 1;
    oro_status st = ORO_OK;
    t->defaults = ORO_NEW_ARRAY(struct oro_column_default, list_len(l, list) + 1);
    for (uint32_t i = 0; st == ORO_OK && i < list_len(l, list); i++, at = list_next(l, at)) {
        st = load_default(l, at, t, &t->defaults[i]);
        t->ndefaults += st == ORO_OK;
    }
    return st;
}

static oro_status
load_table(struct load *l, uint32_t node, struct oro_table_def *t)
{
    uint32_t ref;
    oro_status st = get_str(l, node, "source_name", &t->name);
    if (st == ORO_OK)
        st = canonical(l, "Table", &t->name);
    if (st == ORO_OK)
        st = get_u32(l, node, "product_type_ref", &ref);
    if (st != ORO_OK)
        return st;
    if (strncmp(t->name, "st_", 3) == 0)
        return bad(l, "Table name is reserved for system use: %s", t->name);
    if (ref >= l->s->types.ntypes || oro_type_resolve(l->s->types.types[ref])->kind != ORO_PRODUCT)
        return bad(l, "Table `%s` has invalid product_type_ref &%u", t->name, ref);
    t->row = oro_type_resolve(l->s->types.types[ref]);
    t->is_public = get_flag(l, node, "table_access", "Public");
    t->is_event = is_true(l, node, "is_event");
    t->schedule_at_col = -1;
    st = check_row(l, t);
    if (st == ORO_OK)
        st = load_indexes(l, node, t);
    if (st == ORO_OK)
        st = load_uniques(l, node, t);
    if (st == ORO_OK)
        st = load_primary_key(l, node, t);
    if (st == ORO_OK)
        st = load_sequences(l, node, t);
    if (st == ORO_OK)
        st = load_defaults(l, node, t);
    if (st == ORO_OK && oro_map_put(&l->s->table_names, oro_bytes_str(t->name), t) != NULL)
        return bad(l, "name `%s` is used for two tables", t->name);
    return st;
}

/* st_client(identity: Identity, connection_id: ConnectionId), which the server fills. */
static oro_status
add_st_client(struct load *l, struct oro_table_def *t)
{
    struct oro_typespace *ts = &l->s->types;
    struct oro_elem identity = {"__identity__", oro_type_scalar(ts, ORO_U256)};
    struct oro_elem connection = {"__connection_id__", oro_type_scalar(ts, ORO_U128)};
    struct oro_elem cols[] = {{"identity", oro_type_product(ts, &identity, 1)},
                              {"connection_id", oro_type_product(ts, &connection, 1)}};
    struct oro_type *row = oro_type_product(ts, cols, 2);
    uint16_t *key = oro_arena_alloc(&ts->arena, sizeof(*key));
    *key = 1;
    *t = (struct oro_table_def){.id = ORO_ST_CLIENT,
                                .name = "st_client",
                                .row = row,
                                .pk = -1,
                                .schedule_at_col = -1,
                                .nindexes = 1};
    t->indexes = ORO_NEW(struct oro_index_def);
    t->indexes[0] = (struct oro_index_def){.name = "st_client_connection_id_idx_btree",
                                           .accessor = "connection_id",
                                           .kind = ORO_INDEX_BTREE,
                                           .cols = key,
                                           .ncols = 1,
                                           .unique = true};
    oro_map_put(&l->s->table_names, oro_bytes_str(t->name), t);
    return oro_type_seal(ts, row, l->err);
}

static oro_status
load_tables(struct load *l)
{
    uint32_t list = l->sections[TABLES], n = list_len(l, list), at = list + 1;
    struct oro_schema *s = l->s;
    s->tables = ORO_NEW_ARRAY(struct oro_table_def, n + 1);
    s->ntables = 1;
    oro_status st = add_st_client(l, &s->tables[0]);
    for (uint32_t i = 0; st == ORO_OK && i < n; i++, at = list_next(l, at)) {
        s->tables[i + 1].id = 4096 + i;
        s->ntables = i + 2;
        st = load_table(l, at, &s->tables[i + 1]);
    }
    return st;
}

/* ---- reducers ---- */

static oro_status
load_reducer(struct load *l, uint32_t node, struct oro_reducer_def *r)
{
    uint32_t params;
    struct oro_type *type;
    oro_status st = get_str(l, node, "source_name", &r->name);
    if (st == ORO_OK)
        st = canonical(l, "Function", &r->name);
    if (st == ORO_OK)
        st = get(l, node, "params", &params);
    if (st != ORO_OK)
        return st;
    st = oro_type_read_elems(&l->s->types, l->j, params, ORO_PRODUCT, 0, &type, l->err);
    if (st == ORO_OK)
        st = oro_type_seal(&l->s->types, type, l->err);
    if (st != ORO_OK)
        return oro_err_wrap(l->err, "module definition: reducer `%s`", r->name);
    for (uint32_t i = 0; i < type->nelems; i++)
        if (type->elems[i].name == NULL)
            return bad(l, "reducer `%s`: parameter %u has no name", r->name, i);
    r->params = type;
    r->is_private = !get_flag(l, node, "visibility", "ClientCallable");
    if (oro_map_put(&l->s->reducer_names, oro_bytes_str(r->name), r) != NULL)
        return bad(l, "Name %s is used for multiple reducers, procedures and/or views", r->name);
    return ORO_OK;
}

static oro_status
load_reducers(struct load *l)
{
    uint32_t list = l->sections[REDUCERS], n = list_len(l, list), at = list + 1;
    oro_status st = ORO_OK;
    l->s->reducers = ORO_NEW_ARRAY(struct oro_reducer_def, n + 1);
    for (uint32_t i = 0; st == ORO_OK && i < n; i++, at = list_next(l, at)) {
        l->s->reducers[i].id = i;
        l->s->nreducers = i + 1;
        st = load_reducer(l, at, &l->s->reducers[i]);
    }
    return st;
}

/* What a section says about a function or table by source name; the answer may be changed. */
static oro_status
named_reducer(struct load *l, uint32_t node, const char *key, struct oro_reducer_def **out)
{
    const char *name;
    oro_status st = get_str(l, node, key, &name);
    if (st == ORO_OK)
        st = canonical(l, "Function", &name);
    if (st != ORO_OK)
        return st;
    *out = oro_map_get(&l->s->reducer_names, oro_bytes_str(name));
    return *out != NULL ? ORO_OK : bad(l, "there is no reducer `%s`", name);
}

static oro_status
named_table(struct load *l, uint32_t node, const char *key, struct oro_table_def **out)
{
    const char *name;
    oro_status st = get_str(l, node, key, &name);
    if (st == ORO_OK)
        st = canonical(l, "Table", &name);
    if (st != ORO_OK)
        return st;
    *out = oro_map_get(&l->s->table_names, oro_bytes_str(name));
    return *out != NULL ? ORO_OK : bad(l, "there is no table `%s`", name);
}

static oro_status
set_lifecycle(struct load *l, struct oro_reducer_def *r, enum oro_lifecycle which)
{
    const struct oro_reducer_def *other = oro_schema_lifecycle(l->s, which);
    if (other != NULL && other != r)
        return bad(l, "reducers `%s` and `%s` are for the same lifecycle event", other->name,
                   r->name);
    if (r->params->nelems > 0 && which != ORO_LIFE_UPDATE)
        return bad(l, "lifecycle reducer `%s` has parameters", r->name);
    r->lifecycle = which;
    r->is_private = true;
    return ORO_OK;
}

static oro_status
load_lifecycles(struct load *l)
{
    static const struct {
        const char *name;
        enum oro_lifecycle which;
    } events[] = {{"Init", ORO_LIFE_INIT},
                  {"OnConnect", ORO_LIFE_CONNECT},
                  {"OnDisconnect", ORO_LIFE_DISCONNECT}};
    uint32_t list = l->sections[LIFECYCLES], at = list + 1;
    for (uint32_t i = 0; i < list_len(l, list); i++, at = list_next(l, at)) {
        struct oro_reducer_def *r;
        size_t e = 0;
        oro_status st = named_reducer(l, at, "function_name", &r);
        if (st != ORO_OK)
            return st;
        while (e < ORO_ARRAY_LEN(events) && !get_flag(l, at, "lifecycle_spec", events[e].name))
            e++;
        if (e == ORO_ARRAY_LEN(events))
            return bad(l, "reducer `%s` is for an unknown lifecycle event", r->name);
        st = set_lifecycle(l, r, events[e].which);
        if (st != ORO_OK)
            return st;
    }
    return ORO_OK;
}

static oro_status
load_scheduled_table(struct load *l, uint32_t node)
{
    struct oro_table_def *t;
    struct oro_reducer_def *r;
    uint32_t col;
    oro_status st = named_table(l, node, "table_name", &t);
    if (st == ORO_OK)
        st = named_reducer(l, node, "function_name", &r);
    if (st == ORO_OK)
        st = get_u32(l, node, "schedule_at_col", &col);
    if (st != ORO_OK)
        return st;
    if (t->schedule_at_col >= 0)
        return bad(l, "table %s is assigned in multiple schedules", t->name);
    if (col >= t->row->nelems ||
        oro_type_resolve(t->row->elems[col].type)->special != ORO_SCHEDULE_AT || t->pk < 0 ||
        oro_type_resolve(t->row->elems[t->pk].type)->kind != ORO_U64)
        return bad(l,
                   "A scheduled table must have columns `scheduled_id: u64` (its primary key) and "
                   "`scheduled_at: ScheduleAt`, but table `%s` has not",
                   t->name);
    t->schedule_at_col = (int)col;
    t->schedule_fn = r->name;
    r->is_private = true;
    return ORO_OK;
}

static oro_status
load_scheduled_tables(struct load *l)
{
    uint32_t list = l->sections[SCHEDULES], at = list + 1;
    oro_status st = ORO_OK;
    for (uint32_t i = 0; st == ORO_OK && i < list_len(l, list); i++, at = list_next(l, at))
        st = load_scheduled_table(l, at);
    return st;
}

/* ---- what version 10 has no place for ---- */

static oro_status
load_param_default(struct load *l, uint32_t node, const struct oro_reducer_def *r, uint32_t i,
                   struct oro_bytes *out)
{
    struct oro_bytes hex = oro_json_text(l->j, node);
    if (node_at(l, node)->kind == ORO_JSON_NULL)
        return ORO_OK;
    uint8_t *bytes = oro_arena_alloc(&l->s->types.arena, hex.len / 2 + 1);
    if (node_at(l, node)->kind != ORO_JSON_STRING || hex.len % 2 != 0 ||
        !oro_unhex((const char *)hex.data, hex.len, bytes, hex.len / 2))
        return bad(l, "reducer `%s`: a default value that is no hex text", r->name);
    *out = oro_bytes(bytes, hex.len / 2);
    oro_status st = oro_value_check(oro_type_resolve(r->params)->elems[i].type, *out, l->err);
    return st == ORO_OK
               ? st
               : oro_err_wrap(l->err, "reducer `%s`: the default of parameter %u", r->name, i);
}

static oro_status
load_param_defaults(struct load *l, uint32_t node, struct oro_reducer_def *r)
{
    uint32_t list = oro_json_member(l->j, node, "defaults"), at = list + 1;
    if (list == 0 || node_at(l, list)->kind == ORO_JSON_NULL)
        return ORO_OK;
    uint32_t n = oro_type_resolve(r->params)->nelems;
    if (list_len(l, list) != n)
        return bad(l, "reducer `%s` has %u parameters, and defaults for others", r->name, n);
    struct oro_bytes *all = oro_arena_alloc(&l->s->types.arena, (n + 1) * sizeof(*all));
    memset(all, 0, (n + 1) * sizeof(*all));
    oro_status st = ORO_OK;
    for (uint32_t i = 0; st == ORO_OK && i < n; i++, at = list_next(l, at))
        st = load_param_default(l, at, r, i, &all[i]);
    r->defaults = all;
    return st;
}

static oro_status
load_own_reducer(struct load *l, uint32_t node)
{
    static const struct {
        const char *name;
        enum oro_lifecycle which;
    } events[] = {{"init", ORO_LIFE_INIT},
                  {"client_connected", ORO_LIFE_CONNECT},
                  {"client_disconnected", ORO_LIFE_DISCONNECT},
                  {"update", ORO_LIFE_UPDATE}};
    struct oro_reducer_def *r;
    oro_status st = named_reducer(l, node, "name", &r);
    if (st != ORO_OK)
        return st;
    double ms = get_f64(l, node, "timeout_ms", 0);
    if (!(ms >= 0 && ms <= 1e12))
        return bad(l, "reducer `%s` has an impossible timeout", r->name);
    r->timeout_us = (int64_t)(ms * 1000);
    st = load_param_defaults(l, node, r);
    if (st != ORO_OK)
        return st;
    uint32_t event = oro_json_member(l->j, node, "lifecycle");
    if (event == 0 || node_at(l, event)->kind == ORO_JSON_NULL)
        return ORO_OK;
    for (size_t i = 0; i < ORO_ARRAY_LEN(events); i++)
        if (oro_json_string_is(l->j, event, events[i].name))
            return set_lifecycle(l, r, events[i].which);
    return bad(l, "reducer `%s` is for an unknown lifecycle event", r->name);
}

static oro_status
load_own_schedule(struct load *l, uint32_t node, struct oro_schedule_def *out)
{
    static const char *const missed[] = {"skip", "all", "delay"};
    struct oro_reducer_def *r;
    struct oro_table_def *t;
    oro_status st = named_reducer(l, node, "reducer", &r);
    if (st == ORO_OK)
        st = named_table(l, node, "table", &t);
    if (st != ORO_OK)
        return st;
    if (t->schedule_at_col < 0)
        return bad(l, "schedule of `%s`: table `%s` is not a scheduled table", r->name, t->name);
    bool repeating = is_true(l, node, "repeating");
    uint32_t policy = oro_json_member(l->j, node, "missed");
    int64_t interval = get_i64(l, node, "interval_us", 0), delay = get_i64(l, node, "delay_us", -1);
    if (delay < 0)
        delay = repeating ? -1 : interval;
    *out = (struct oro_schedule_def){
        .reducer = r->name,
        .table = t->name,
        .interval_us = repeating ? interval : 0,
        .delay_us = delay,
        .max_dt = get_f64(l, node, "max_dt", 0),
        .cron = oro_json_to_str(l->j, oro_json_member(l->j, node, "cron"), &l->s->types.arena)};
    if (repeating && interval <= 0 && out->cron == NULL)
        return bad(l, "schedule of `%s` repeats without an interval", r->name);
    r->is_private = true;
    if (policy == 0 || node_at(l, policy)->kind == ORO_JSON_NULL)
        return ORO_OK;
    for (size_t i = 0; i < ORO_ARRAY_LEN(missed); i++)
        if (oro_json_string_is(l->j, policy, missed[i])) {
            out->missed = (enum oro_missed)i;
            return ORO_OK;
        }
    return bad(l, "schedule of `%s`: an unknown policy for missed runs", r->name);
}

static oro_status
load_own_table(struct load *l, uint32_t node)
{
    struct oro_arena *arena = &l->s->types.arena;
    struct oro_table_def *t;
    oro_status st = named_table(l, node, "name", &t);
    if (st != ORO_OK)
        return st;
    uint32_t place = oro_json_member(l->j, node, "place");
    uint32_t dropped = oro_json_member(l->j, node, "dropped"), at = dropped + 1;
    uint32_t renamed = oro_json_member(l->j, node, "renamed");
    uint32_t n = list_len(l, dropped), more = list_len(l, renamed);
    t->place = place != 0 ? oro_json_to_str(l->j, place, arena) : NULL;
    uint32_t hook = oro_json_member(l->j, node, "migration");
    t->migration = hook != 0 ? oro_json_to_str(l->j, hook, arena) : NULL;
    t->was = oro_arena_alloc(arena, (n + more + 1) * sizeof(*t->was));
    for (uint32_t i = 0; i < n; i++, at = list_next(l, at))
        t->was[t->nwas++] = (struct oro_column_was){oro_json_to_str(l->j, at, arena), NULL};
    at = renamed + 1;
    for (uint32_t i = 0; i < more; i++, at = list_next(l, at))
        t->was[t->nwas++] =
            (struct oro_column_was){oro_json_to_str(l->j, oro_json_member(l->j, at, "was"), arena),
                                    oro_json_to_str(l->j, oro_json_member(l->j, at, "now"), arena)};
    return ORO_OK;
}

static oro_status
load_own(struct load *l, uint32_t own)
{
    uint32_t list = oro_json_member(l->j, own, "tables"), at = list + 1;
    oro_status st = ORO_OK;
    for (uint32_t i = 0; st == ORO_OK && i < list_len(l, list); i++, at = list_next(l, at))
        st = load_own_table(l, at);
    list = oro_json_member(l->j, own, "reducers");
    at = list + 1;
    for (uint32_t i = 0; st == ORO_OK && i < list_len(l, list); i++, at = list_next(l, at))
        st = load_own_reducer(l, at);
    list = oro_json_member(l->j, own, "schedules");
    at = list + 1;
    l->s->schedules = ORO_NEW_ARRAY(struct oro_schedule_def, list_len(l, list) + 1);
    for (uint32_t i = 0; st == ORO_OK && i < list_len(l, list); i++, at = list_next(l, at)) {
        st = load_own_schedule(l, at, &l->s->schedules[i]);
        l->s->nschedules += st == ORO_OK;
    }
    return st;
}

/* ---- the whole ---- */

static char *
compact(struct load *l, uint32_t node)
{
    struct oro_bb text = {0};
    oro_json_compact(l->j, node, &text);
    char *s = oro_strndup((const char *)text.data, text.len);
    oro_bb_fini(&text);
    return s;
}

static oro_status
load_all(struct load *l)
{
    uint32_t v10, v9 = oro_json_member(l->j, 0, "V9"), own = oro_json_member(l->j, 0, "orochi");
    oro_status st = get(l, 0, "V10", &v10);
    if (st == ORO_OK)
        st = find_sections(l, v10);
    if (st == ORO_OK)
        st = refuse_unsupported(l);
    if (st == ORO_OK)
        st = load_types(l);
    if (st == ORO_OK)
        st = load_tables(l);
    if (st == ORO_OK)
        st = load_reducers(l);
    if (st == ORO_OK)
        st = load_lifecycles(l);
    if (st == ORO_OK)
        st = load_scheduled_tables(l);
    if (st == ORO_OK && own != 0)
        st = load_own(l, own);
    if (st != ORO_OK)
        return st;
    l->s->v10_json = compact(l, v10);
    l->s->v9_json = v9 != 0 ? compact(l, v9) : NULL;
    return ORO_OK;
}

oro_status
oro_schema_parse(struct oro_bytes text, struct oro_schema **out, struct oro_err *err)
{
    struct oro_json j;
    oro_status st = oro_json_parse(&j, text, ORO_JSON_MAX_DEPTH, err);
    if (st != ORO_OK)
        return oro_err_wrap(err, "module definition");
    struct load l = {.j = &j, .s = ORO_NEW(struct oro_schema), .err = err};
    oro_typespace_init(&l.s->types);
    st = load_all(&l);
    oro_map_fini(&l.index_names);
    oro_json_fini(&j);
    if (st != ORO_OK) {
        oro_schema_free(l.s);
        return st;
    }
    *out = l.s;
    return ORO_OK;
}

void
oro_schema_free(struct oro_schema *s)
{
    if (s == NULL)
        return;
    for (uint32_t i = 0; s->lender == NULL && i < s->ntables; i++) {
        oro_free(s->tables[i].indexes);
        oro_free(s->tables[i].sequences);
        oro_free(s->tables[i].defaults);
    }
    if (s->lender == NULL)
        oro_free(s->tables);
    oro_free(s->reducers);
    oro_free(s->schedules);
    oro_free(s->v9_json);
    oro_free(s->v10_json);
    oro_map_fini(&s->table_names);
    oro_map_fini(&s->reducer_names);
    oro_typespace_fini(&s->types);
    oro_free(s);
}

/* ---- looking up ---- */

const struct oro_table_def *
oro_schema_table(const struct oro_schema *s, struct oro_bytes name)
{
    return oro_map_get(&s->table_names, name);
}

const struct oro_table_def *
oro_schema_table_by_id(const struct oro_schema *s, oro_table_id id)
{
    uint32_t guess = id - 4095; /* ids follow positions unless an earlier run gave others */
    if (guess < s->ntables && s->tables[guess].id == id)
        return &s->tables[guess];
    for (uint32_t i = 0; i < s->ntables; i++)
        if (s->tables[i].id == id)
            return &s->tables[i];
    return NULL;
}

const struct oro_reducer_def *
oro_schema_reducer(const struct oro_schema *s, struct oro_bytes name)
{
    return oro_map_get(&s->reducer_names, name);
}

const struct oro_reducer_def *
oro_schema_lifecycle(const struct oro_schema *s, enum oro_lifecycle which)
{
    for (uint32_t i = 0; i < s->nreducers; i++)
        if (s->reducers[i].lifecycle == which)
            return &s->reducers[i];
    return NULL;
}

int
oro_table_column(const struct oro_table_def *t, struct oro_bytes name)
{
    for (uint32_t i = 0; i < t->row->nelems; i++)
        if (t->row->elems[i].name != NULL &&
            oro_bytes_eq(oro_bytes_str(t->row->elems[i].name), name))
            return (int)i;
    return -1;
}

size_t
oro_table_column_offset(const struct oro_table_def *t, unsigned col, const uint8_t *bytes)
{
    return (size_t)(oro_value_column(t->row, bytes, col) - bytes);
}

const struct oro_index_def *
oro_table_primary_index(const struct oro_table_def *t)
{
    for (uint32_t i = 0; i < t->nindexes; i++)
        if (t->indexes[i].unique && t->indexes[i].ncols == 1 && t->indexes[i].cols[0] == t->pk)
            return &t->indexes[i];
    return NULL;
}

void
oro_index_key(const struct oro_table_def *t, const struct oro_index_def *ix, const uint8_t *row,
              struct oro_bb *out)
{
    for (uint16_t i = 0; i < ix->ncols; i++)
        oro_key_append(t->row->elems[ix->cols[i]].type,
                       row + oro_table_column_offset(t, ix->cols[i], row), out);
}
