/* Two versions of a module side by side. */
#include "bridge/bsatn/schema.h"

#include <string.h>

static bool
same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool
same_index(const struct oro_index_def *a, const struct oro_index_def *b)
{
    return same_text(a->name, b->name) && same_text(a->accessor, b->accessor) &&
           a->kind == b->kind && a->unique == b->unique && a->ncols == b->ncols &&
           memcmp(a->cols, b->cols, a->ncols * sizeof(*a->cols)) == 0;
}

static bool
same_table(const struct oro_table_def *a, const struct oro_table_def *b)
{
    if (a->is_public != b->is_public || a->is_event != b->is_event || a->pk != b->pk ||
        a->schedule_at_col != b->schedule_at_col || !same_text(a->schedule_fn, b->schedule_fn) ||
        a->nindexes != b->nindexes || a->nsequences != b->nsequences ||
        a->ndefaults != b->ndefaults || !oro_type_eq(a->row, b->row))
        return false;
    for (uint32_t i = 0; i < a->nindexes; i++)
        if (!same_index(&a->indexes[i], &b->indexes[i]))
            return false;
    for (uint32_t i = 0; i < a->nsequences; i++)
        if (a->sequences[i].col != b->sequences[i].col)
            return false;
    for (uint32_t i = 0; i < a->ndefaults; i++)
        if (a->defaults[i].col != b->defaults[i].col ||
            !oro_bytes_eq(a->defaults[i].value, b->defaults[i].value))
            return false;
    return true;
}

bool
oro_schema_same_tables(const struct oro_schema *a, const struct oro_schema *b)
{
    if (a->ntables != b->ntables || a->nschedules != b->nschedules)
        return false;
    for (uint32_t i = 0; i < a->ntables; i++) {
        const struct oro_table_def *t = &a->tables[i];
        const struct oro_table_def *u = oro_schema_table(b, oro_bytes_str(t->name));
        if (u == NULL || !same_table(t, u))
            return false;
        const struct oro_schedule_def *d = oro_schema_schedule_of(a, t),
                                      *e = oro_schema_schedule_of(b, u);
        if ((d == NULL) != (e == NULL) ||
            (d != NULL && (d->interval_us > 0) != (e->interval_us > 0)))
            return false;
    }
    return true;
}

void
oro_schema_borrow_tables(struct oro_schema *s, const struct oro_schema *lender)
{
    ORO_ASSERT(s->lender == NULL && oro_schema_same_tables(s, lender));
    for (uint32_t i = 0; i < s->ntables; i++) {
        oro_free(s->tables[i].indexes);
        oro_free(s->tables[i].sequences);
        oro_free(s->tables[i].defaults);
    }
    oro_free(s->tables);
    s->tables = lender->tables;
    s->lender = lender;
    for (uint32_t i = 0; i < s->ntables; i++)
        oro_map_put(&s->table_names, oro_bytes_str(s->tables[i].name), &s->tables[i]);
}

const struct oro_schedule_def *
oro_schema_schedule_of(const struct oro_schema *s, const struct oro_table_def *t)
{
    for (uint32_t i = 0; i < s->nschedules; i++)
        if (strcmp(s->schedules[i].table, t->name) == 0)
            return &s->schedules[i];
    return NULL;
}
