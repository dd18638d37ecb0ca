/* bridge/bsatn/schema.c - the end of a schema, and looking up in it. */
#include "bridge/bsatn/schema.h"

#include "bridge/bsatn/value.h"

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
    oro_free(s->views);
    oro_free(s->v9_json);
    oro_free(s->v10_json);
    oro_free(s->openapi_json);
    oro_map_fini(&s->table_names);
    oro_map_fini(&s->reducer_names);
    oro_typespace_fini(&s->types);
    oro_free(s);
}

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

const struct oro_view_def *
oro_schema_view(const struct oro_schema *s, struct oro_bytes name)
{
    for (uint32_t i = 0; i < s->nviews; i++)
        if (oro_bytes_eq(oro_bytes_str(s->views[i].name), name))
            return &s->views[i];
    return NULL;
}

const struct oro_reducer_def *
oro_schema_function(const struct oro_schema *s, struct oro_bytes name)
{
    return oro_map_get(&s->reducer_names, name);
}

const struct oro_reducer_def *
oro_schema_reducer(const struct oro_schema *s, struct oro_bytes name)
{
    const struct oro_reducer_def *f = oro_schema_function(s, name);
    return f != NULL && f->returns == NULL ? f : NULL;
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
