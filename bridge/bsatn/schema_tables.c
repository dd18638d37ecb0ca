/* bridge/bsatn/schema_tables.c - tables of a module definition: columns, indexes, constraints, sequences, defaults. */
#include "bridge/bsatn/schema_priv.h"
#include "bridge/bsatn/number_priv.h"

#include "bridge/bsatn/value.h"

static oro_status
check_row(struct oro_load *l, const struct oro_table_def *t)
{
    if (t->row->min_size == UINT32_MAX) /* recursive on every way */
        return oro_load_refuse(l, "table `%s` has rows without an end", t->name);
    if (t->row->nelems == 0 || t->row->nelems > UINT16_MAX)
        return oro_load_refuse(l, "table `%s` has %u columns", t->name, t->row->nelems);
    for (uint32_t i = 0; i < t->row->nelems; i++) {
        if (t->row->elems[i].name == NULL)
            return oro_load_refuse(l, "table `%s` has unnamed column %u, which is forbidden.",
                                   t->name, i);
        if (oro_table_column(t, oro_bytes_str(t->row->elems[i].name)) != (int)i)
            return oro_load_refuse(l, "table `%s` has two columns `%s`", t->name,
                                   t->row->elems[i].name);
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
generated_index_name(struct oro_load *l, const struct oro_table_def *t,
                     const struct oro_index_def *ix)
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
load_direct(struct oro_load *l, uint32_t node, const struct oro_table_def *t,
            struct oro_index_def *ix)
{
    uint32_t col;
    if (!oro_json_to_u32(l->j, node, &col) || col >= t->row->nelems)
        return oro_load_refuse(l, "table `%s`: a direct index has no such column", t->name);
    if (!direct_type(oro_type_resolve(t->row->elems[col].type)))
        return oro_load_refuse(l,
                               "table `%s`: Direct index does not support the type of column `%s`",
                               t->name, t->row->elems[col].name);
    ix->kind = ORO_INDEX_DIRECT;
    ix->cols = oro_arena_alloc(&l->s->types.arena, sizeof(*ix->cols));
    ix->cols[0] = (uint16_t)col;
    ix->ncols = 1;
    return ORO_OK;
}

static oro_status
load_index(struct oro_load *l, uint32_t node, const struct oro_table_def *t,
           struct oro_index_def *ix)
{
    uint32_t algorithm, cols;
    oro_status st = oro_load_member(l, node, "algorithm", &algorithm);
    if (st != ORO_OK)
        return st;
    if ((cols = oro_json_variant(l->j, algorithm, "Direct")) != 0) {
        st = load_direct(l, cols, t, ix);
    } else {
        cols = oro_json_variant(l->j, algorithm, "BTree");
        ix->kind = cols != 0 ? ORO_INDEX_BTREE : ORO_INDEX_HASH;
        cols = cols != 0 ? cols : oro_json_variant(l->j, algorithm, "Hash");
        st = cols != 0 ? oro_load_columns(l, cols, t, &ix->cols, &ix->ncols)
                       : oro_load_refuse(l, "table `%s`: an index of an unknown kind", t->name);
    }
    if (st != ORO_OK)
        return st;
    ix->accessor = oro_load_optional_str(l, node, "accessor_name");
    ix->name = oro_load_optional_str(l, node, "source_name");
    if (ix->name == NULL)
        ix->name = generated_index_name(l, t, ix);
    else
        st = oro_load_canonical(l, "Index", &ix->name);
    if (st == ORO_OK && oro_map_put(&l->index_names, oro_bytes_str(ix->name), ix) != NULL)
        return oro_load_refuse(l, "name `%s` is used for two indexes", ix->name);
    return st;
}

static oro_status
load_indexes(struct oro_load *l, uint32_t node, struct oro_table_def *t)
{
    uint32_t list;
    oro_status st = oro_load_list(l, node, "indexes", &list);
    if (st != ORO_OK)
        return st;
    uint32_t at = list + 1;
    t->indexes = ORO_NEW_ARRAY(struct oro_index_def, oro_load_len(l, list) + 1);
    for (uint32_t i = 0; st == ORO_OK && i < oro_load_len(l, list);
         i++, at = oro_load_next(l, at)) {
        t->indexes[i].slot = i;
        t->nindexes = i + 1;
        st = load_index(l, at, t, &t->indexes[i]);
    }
    return st;
}

static oro_status
load_unique(struct oro_load *l, uint32_t node, struct oro_table_def *t)
{
    uint32_t data, cols_node;
    uint16_t *cols, ncols;
    oro_status st = oro_load_member(l, node, "data", &data);
    if (st != ORO_OK)
        return st;
    uint32_t unique = oro_json_variant(l->j, data, "Unique");
    if (unique == 0)
        return oro_load_refuse(l, "table `%s`: a constraint of an unknown kind", t->name);
    st = oro_load_list(l, unique, "columns", &cols_node);
    if (st == ORO_OK)
        st = oro_load_columns(l, cols_node, t, &cols, &ncols);
    if (st != ORO_OK)
        return st;
    bool backed = false;
    for (uint32_t i = 0; i < t->nindexes; i++) {
        struct oro_index_def *ix = &t->indexes[i];
        if (same_columns(ix->cols, ix->ncols, cols, ncols))
            ix->unique = backed = true;
    }
    return backed ? ORO_OK
                  : oro_load_refuse(l, "No index found to support unique constraint `%s_%s_key`",
                                    t->name, t->row->elems[cols[0]].name);
}

static oro_status
load_uniques(struct oro_load *l, uint32_t node, struct oro_table_def *t)
{
    uint32_t list;
    oro_status st = oro_load_list(l, node, "constraints", &list);
    uint32_t at = list + 1;
    for (uint32_t i = 0; st == ORO_OK && i < oro_load_len(l, list); i++, at = oro_load_next(l, at))
        st = load_unique(l, at, t);
    return st;
}

static oro_status
load_primary_key(struct oro_load *l, uint32_t node, struct oro_table_def *t)
{
    uint32_t list;
    uint16_t *cols, ncols;
    oro_status st = oro_load_list(l, node, "primary_key", &list);
    t->pk = -1;
    if (st != ORO_OK || oro_load_len(l, list) == 0)
        return st;
    st = oro_load_columns(l, list, t, &cols, &ncols);
    if (st != ORO_OK)
        return st;
    if (ncols > 1)
        return oro_load_refuse(l, "table `%s` has multiple primary key annotations", t->name);
    t->pk = cols[0];
    for (uint32_t i = 0; i < t->nindexes; i++)
        if (t->indexes[i].unique && t->indexes[i].ncols == 1 && t->indexes[i].cols[0] == cols[0])
            return ORO_OK;
    return oro_load_refuse(l, "table `%s` column `%s` is primary key but has no unique constraint",
                           t->name, t->row->elems[cols[0]].name);
}

static oro_status
load_sequence(struct oro_load *l, uint32_t node, struct oro_table_def *t,
              struct oro_sequence_def *out)
{
    uint32_t col;
    oro_status st = oro_load_u32(l, node, "column", &col);
    if (st != ORO_OK)
        return st;
    if (col >= t->row->nelems || !oro_kind_is_int(oro_type_resolve(t->row->elems[col].type)->kind))
        return oro_load_refuse(
            l, "table `%s`: invalid sequence column type: column %u is no integer", t->name, col);
    if (oro_load_i64(l, node, "increment", 1) != 1 || oro_load_flag(l, node, "start", "some") ||
        oro_load_flag(l, node, "min_value", "some") || oro_load_flag(l, node, "max_value", "some"))
        return oro_load_refuse(
            l,
            "table `%s`: sequences with a start, bounds or another step than 1 are not supported",
            t->name);
    for (uint32_t i = 0; i < t->nsequences; i++)
        if (t->sequences[i].col == col)
            return oro_load_refuse(
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
load_sequences(struct oro_load *l, uint32_t node, struct oro_table_def *t)
{
    uint32_t list;
    oro_status st = oro_load_list(l, node, "sequences", &list);
    if (st != ORO_OK)
        return st;
    uint32_t at = list + 1;
    t->sequences = ORO_NEW_ARRAY(struct oro_sequence_def, oro_load_len(l, list) + 1);
    for (uint32_t i = 0; st == ORO_OK && i < oro_load_len(l, list);
         i++, at = oro_load_next(l, at)) {
        st = load_sequence(l, at, t, &t->sequences[i]);
        t->nsequences += st == ORO_OK;
    }
    return st;
}

static oro_status
load_default(struct oro_load *l, uint32_t node, struct oro_table_def *t,
             struct oro_column_default *out)
{
    uint32_t col, value;
    oro_status st = oro_load_u32(l, node, "col_id", &col);
    if (st == ORO_OK)
        st = oro_load_member(l, node, "value", &value);
    if (st != ORO_OK)
        return st;
    struct oro_bytes hex = oro_json_text(l->j, value);
    if (col >= t->row->nelems || oro_load_node(l, value)->kind != ORO_JSON_STRING ||
        hex.len % 2 != 0)
        return oro_load_refuse(
            l, "table `%s`: a default value that is no hex text, or for no column", t->name);
    for (uint32_t i = 0; i < t->ndefaults; i++)
        if (t->defaults[i].col == col)
            return oro_load_refuse(l, "Multiple default values for table %s column %u", t->name,
                                   col);
    uint8_t *bytes = oro_arena_alloc(&l->s->types.arena, hex.len / 2 + 1);
    if (!oro_unhex((const char *)hex.data, hex.len, bytes, hex.len / 2))
        return oro_load_refuse(l, "table `%s`: a default value that is no hex text", t->name);
    *out =
        (struct oro_column_default){.col = (uint16_t)col, .value = oro_bytes(bytes, hex.len / 2)};
    st = oro_value_check(t->row->elems[col].type, out->value, l->err);
    return st == ORO_OK
               ? st
               : oro_err_wrap(l->err, "Failed to deserialize default value for table %s column %u",
                              t->name, col);
}

static oro_status
load_defaults(struct oro_load *l, uint32_t node, struct oro_table_def *t)
{
    uint32_t list = oro_json_member(l->j, node, "default_values"), at = list + 1;
    oro_status st = ORO_OK;
    t->defaults = ORO_NEW_ARRAY(struct oro_column_default, oro_load_len(l, list) + 1);
    for (uint32_t i = 0; st == ORO_OK && i < oro_load_len(l, list);
         i++, at = oro_load_next(l, at)) {
        st = load_default(l, at, t, &t->defaults[i]);
        t->ndefaults += st == ORO_OK;
    }
    return st;
}

static oro_status
load_table(struct oro_load *l, uint32_t node, struct oro_table_def *t)
{
    uint32_t ref;
    oro_status st = oro_load_str(l, node, "source_name", &t->name);
    if (st == ORO_OK)
        st = oro_load_canonical(l, "Table", &t->name);
    if (st == ORO_OK)
        st = oro_load_u32(l, node, "product_type_ref", &ref);
    if (st != ORO_OK)
        return st;
    if (strncmp(t->name, "st_", 3) == 0)
        return oro_load_refuse(l, "Table name is reserved for system use: %s", t->name);
    if (ref >= l->s->types.ntypes || oro_type_resolve(l->s->types.types[ref])->kind != ORO_PRODUCT)
        return oro_load_refuse(l, "Table `%s` has invalid product_type_ref &%u", t->name, ref);
    t->row = oro_type_resolve(l->s->types.types[ref]);
    t->is_public = oro_load_flag(l, node, "table_access", "Public");
    t->is_event = oro_load_is_true(l, node, "is_event");
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
        return oro_load_refuse(l, "name `%s` is used for two tables", t->name);
    return st;
}

oro_status
oro_load_tables(struct oro_load *l)
{
    uint32_t list = l->sections[SECTION_TABLES], n = oro_load_len(l, list), at = list + 1;
    struct oro_schema *s = l->s;
    s->tables = ORO_NEW_ARRAY(struct oro_table_def,
                              n + oro_load_len(l, l->sections[SECTION_VIEWS]) + ORO_SYSTEM_TABLES);
    s->ntables = 1;
    oro_status st = oro_load_st_client(l, &s->tables[0]);
    for (uint32_t i = 0; st == ORO_OK && i < n; i++, at = oro_load_next(l, at)) {
        s->tables[i + 1].id = 4096 + i;
        s->ntables = i + 2;
        st = load_table(l, at, &s->tables[i + 1]);
    }
    if (st != ORO_OK)
        return st;
    s->ntables += 2; /* behind the others, whose ids follow their positions */
    st = oro_load_st_scheduled_call(l, &s->tables[s->ntables - 2]);
    return st == ORO_OK ? oro_load_st_phase(l, &s->tables[s->ntables - 1]) : st;
}
