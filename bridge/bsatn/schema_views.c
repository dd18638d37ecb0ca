/* bridge/bsatn/schema_views.c - views of a module definition: each is a function, and a table for what it gives. */
#include "bridge/bsatn/schema_priv.h"

#include <stdio.h>

/* The row type of `Option<Ref>`, `Array<Ref>` or `{__query__: Ref}`; NULL: it is none of them. */
static const struct oro_type *
row_of(const struct oro_type *t)
{
    const struct oro_type *row = NULL;
    if (t->kind == ORO_ARRAY)
        row = t->elem;
    else if (t->special == ORO_OPTION ||
             (t->kind == ORO_PRODUCT && t->nelems == 1 && t->elems[0].name != NULL &&
              strcmp(t->elems[0].name, "__query__") == 0))
        row = t->elems[0].type;
    row = row != NULL ? oro_type_resolve(row) : NULL;
    return row != NULL && row->kind == ORO_PRODUCT && row->nelems > 0 ? row : NULL;
}

/* Of answers' rows, beginning with the column that says whose they are: the last one, which has no name, so that nobody can ask for
 * it. */
static struct oro_index_def
index_of_answers(struct oro_load *l, const struct oro_table_def *t, const char *name, int col)
{
    uint16_t *cols = oro_arena_alloc(&l->s->types.arena, 2 * sizeof(*cols));
    cols[0] = (uint16_t)(t->row->nelems - 1);
    cols[1] = col < 0 ? 0 : (uint16_t)col;
    return (struct oro_index_def){
        .name = name, .kind = ORO_INDEX_BTREE, .cols = cols, .ncols = col < 0 ? 1 : 2};
}

static oro_status
make_table(struct oro_load *l, const struct oro_type *row, struct oro_view_def *v,
           struct oro_table_def *t)
{
    struct oro_typespace *ts = &l->s->types;
    struct oro_elem *cols = oro_arena_alloc(&ts->arena, (row->nelems + 1) * sizeof(*cols));
    memcpy(cols, row->elems, row->nelems * sizeof(*cols));
    cols[row->nelems] = (struct oro_elem){NULL, oro_type_scalar(ts, ORO_U64)};
    struct oro_type *whole = oro_type_product(ts, cols, row->nelems + 1);
    t->row = whole;
    v->row = row;
    t->view = v;
    t->pk = t->schedule_at_col = -1;
    t->indexes = ORO_NEW(struct oro_index_def);
    t->nindexes = 1;
    t->indexes[0] = index_of_answers(l, t, "whose", -1);
    return oro_type_seal(ts, whole, l->err);
}

static oro_status
load_params(struct oro_load *l, uint32_t node, struct oro_reducer_def *fn)
{
    uint32_t params;
    struct oro_type *type;
    oro_status st = oro_load_member(l, node, "params", &params);
    if (st == ORO_OK)
        st = oro_type_read_elems(&l->s->types, l->j, params, ORO_PRODUCT, 0, &type, l->err);
    if (st == ORO_OK)
        st = oro_type_seal(&l->s->types, type, l->err);
    if (st != ORO_OK)
        return oro_err_wrap(l->err, "module definition: view `%s`", fn->name);
    for (uint32_t i = 0; i < type->nelems; i++)
        if (type->elems[i].name == NULL)
            return oro_load_refuse(l, "view `%s`: parameter %u has no name", fn->name, i);
    fn->params = type;
    return ORO_OK;
}

static oro_status
load_rows(struct oro_load *l, uint32_t node, struct oro_view_def *v, struct oro_table_def *t)
{
    uint32_t returned;
    struct oro_type *type;
    oro_status st = oro_load_member(l, node, "return_type", &returned);
    if (st == ORO_OK)
        st = oro_type_read(&l->s->types, l->j, returned, 0, &type, l->err);
    if (st == ORO_OK)
        st = oro_type_seal(&l->s->types, type, l->err);
    if (st != ORO_OK)
        return oro_err_wrap(l->err, "module definition: view `%s`", v->name);
    const struct oro_type *row = row_of(type);
    if (row == NULL || row->nelems >= UINT16_MAX || row->min_size == UINT32_MAX)
        return oro_load_refuse(l, "View %s has invalid return type", v->name);
    for (uint32_t i = 0; i < row->nelems; i++)
        if (row->elems[i].name == NULL)
            return oro_load_refuse(l, "view `%s`: column %u of its rows has no name", v->name, i);
    return make_table(l, row, v, t);
}

static oro_status
load_view(struct oro_load *l, uint32_t node, struct oro_view_def *v, struct oro_table_def *t,
          struct oro_reducer_def *fn)
{
    oro_status st = oro_load_str(l, node, "source_name", &v->name);
    if (st == ORO_OK)
        st = oro_load_canonical(l, "Function", &v->name);
    if (st != ORO_OK)
        return st;
    t->name = fn->name = v->name;
    v->table = t;
    v->fn = fn;
    v->pk = -1;
    v->is_anonymous = oro_load_is_true(l, node, "is_anonymous");
    t->is_public = oro_load_is_true(l, node, "is_public");
    fn->is_view = fn->is_private = true;
    st = load_params(l, node, fn);
    if (st == ORO_OK)
        st = load_rows(l, node, v, t);
    if (st != ORO_OK)
        return st;
    if (strncmp(v->name, "st_", 3) == 0)
        return oro_load_refuse(l, "View name is reserved for system use: %s", v->name);
    if (oro_map_put(&l->s->table_names, oro_bytes_str(t->name), t) != NULL)
        return oro_load_refuse(l, "name `%s` is used for a table and a view", t->name);
    if (oro_map_put(&l->s->reducer_names, oro_bytes_str(fn->name), fn) != NULL)
        return oro_load_refuse(l, "Name %s is used for multiple reducers, procedures and/or views",
                               fn->name);
    return ORO_OK;
}

/* Joins find an answer's rows by their key. */
static void
index_key(struct oro_load *l, const struct oro_view_def *v)
{
    struct oro_table_def *t = &l->s->tables[v->table - l->s->tables];
    struct oro_index_def *both = ORO_NEW_ARRAY(struct oro_index_def, 2);
    both[0] = t->indexes[0];
    both[1] = index_of_answers(l, t, "key", v->pk);
    both[1].slot = 1;
    oro_free(t->indexes);
    t->indexes = both;
    t->nindexes = 2;
}

/* Query views have their table's key, procedural ones a key of the section: our own part says it of both. */
static oro_status
load_key(struct oro_load *l, uint32_t node)
{
    const char *name, *key;
    struct oro_view_def *v = NULL;
    uint32_t at = oro_json_member(l->j, node, "primary_key");
    oro_status st = oro_load_str(l, node, "name", &name);
    if (st != ORO_OK || at == 0 || oro_load_node(l, at)->kind == ORO_JSON_NULL)
        return st;
    for (uint32_t i = 0; i < l->s->nviews; i++)
        if (strcmp(l->s->views[i].name, name) == 0)
            v = &l->s->views[i];
    key = oro_json_to_str(l->j, at, &l->s->types.arena);
    if (v == NULL || key == NULL)
        return oro_load_refuse(l, "there is no view `%s`, or its key is no text", name);
    v->pk = oro_table_column(v->table, oro_bytes_str(key));
    if (v->pk < 0)
        return oro_load_refuse(l, "Primary key column `%s` for view `%s` not found", key, v->name);
    index_key(l, v);
    return ORO_OK;
}

oro_status
oro_load_views(struct oro_load *l)
{
    struct oro_schema *s = l->s;
    uint32_t list = l->sections[SECTION_VIEWS], n = oro_load_len(l, list), at = list + 1;
    oro_status st = ORO_OK;
    s->views = ORO_NEW_ARRAY(struct oro_view_def, n + 1);
    for (uint32_t i = 0; st == ORO_OK && i < n; i++, at = oro_load_next(l, at)) {
        struct oro_table_def *t = &s->tables[s->ntables];
        struct oro_reducer_def *fn = &s->reducers[s->nreducers];
        t->id = ORO_VIEW_TABLES + i;
        fn->id = s->nreducers;
        s->ntables++;
        s->nreducers++;
        s->nviews++;
        st = load_view(l, at, &s->views[i], t, fn);
    }
    uint32_t own = oro_json_member(l->j, 0, "orochi");
    list = own != 0 ? oro_json_member(l->j, own, "views") : 0;
    at = list + 1;
    for (uint32_t i = 0; st == ORO_OK && i < oro_load_len(l, list); i++, at = oro_load_next(l, at))
        st = load_key(l, at);
    return st;
}
