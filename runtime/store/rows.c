/* runtime/store/rows.c - rows and their keys in all indexes of a table. */
#include "runtime/store/internal.h"

void
oro_key_keep(struct oro_arena *a, struct oro_key *k)
{
    if (k->bytes.len == 0)
        return;
    uint8_t *copy = oro_arena_alloc(a, k->bytes.len);
    memcpy(copy, k->bytes.data, k->bytes.len);
    k->bytes.data = copy;
}

void
oro_install(struct oro_writing *writing, struct oro_tx *tx, const struct oro_write *wr)
{
    struct oro_table *t = wr->t;
    for (uint32_t i = 0; i < t->nix; i++) {
        struct oro_index *ix = &t->ix[i];
        if (wr->cell != NULL && ix == t->pk && ix->changes == wr->changes) {
            oro_index_push_at(ix, wr->cell, wr->row);
            continue;
        }
        const struct oro_key *k = oro_ws_key(tx, wr, i);
        if (oro_index_push(ix, k, wr->row))
            continue;
        oro_writing_enter(writing);
        oro_index_insert(ix, k, wr->row);
    }
}

void
oro_unlink(struct oro_table *t, struct oro_row *row, struct oro_bb *scratch)
{
    for (uint32_t i = 0; i < t->nix; i++)
        oro_index_unlink(&t->ix[i], row, scratch);
}

bool
oro_unlink_is_free(const struct oro_table *t, const struct oro_row *row)
{
    for (uint32_t i = 0; i < t->nix; i++)
        if (!oro_index_unlink_is_free(&t->ix[i], row))
            return false;
    return true;
}

void
oro_keys_make(struct oro_arena *a, struct oro_bb *scratch, const struct oro_table *t,
              struct oro_bytes row, struct oro_key *keys)
{
    for (uint32_t i = 0; i < t->nix; i++) {
        oro_bb_clear(scratch);
        oro_index_key_of_bytes(&t->ix[i], row, scratch, &keys[i]);
        if (t->ix[i].kind != ORO_IX_ROW) /* those point into the row itself */
            oro_key_keep(a, &keys[i]);
    }
}

/* As in docs/semantics.md, T-24. */
oro_status
oro_unique_error(const struct oro_table *t, const struct oro_index *ix, const struct oro_row *row,
                 struct oro_err *err)
{
    if (err == NULL)
        return ORO_EEXISTS;
    struct oro_bb name = {0}, cols = {0}, value = {0};
    unsigned n = ix->plan.nparts;
    for (unsigned i = 0; i < n; i++) {
        const struct oro_key_part *part = &ix->plan.parts[i];
        const char *col = t->def->row->elems[part->col].name;
        oro_bb_printf(&name, "_%s", col != NULL ? col : "");
        oro_bb_printf(&cols, "%s", i > 0 ? "," : "");
        oro_json_string(oro_bytes_str(col != NULL ? col : ""), &cols);
        oro_bb_printf(&value, "%s", i > 0 ? "," : "");
        oro_value_to_json(
            part->type, oro_row_data(row) + oro_layout_at(&t->layout, oro_row_data(row), part->col),
            ORO_JSON_NAMED, &value);
    }
    oro_err_set(err, ORO_EEXISTS,
                "Unique constraint violation '%s%.*s_key' in table '%s': column(s): '[%.*s]' "
                "value: %s%.*s%s",
                t->def->name, (int)name.len, (const char *)name.data, t->def->name, (int)cols.len,
                (const char *)cols.data, n > 1 ? "[" : "", (int)value.len, (const char *)value.data,
                n > 1 ? "]" : "");
    oro_bb_fini(&name);
    oro_bb_fini(&cols);
    oro_bb_fini(&value);
    return ORO_EEXISTS;
}
