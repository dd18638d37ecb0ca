/* Two versions of a module side by side. */
#include "bridge/bsatn/schema.h"

#include <string.h>

#include "bridge/bsatn/value.h"

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
same_rules(const struct oro_table_def *a, const struct oro_table_def *b)
{
    bool same = a->nrules == b->nrules;
    for (uint32_t i = 0; same && i < a->nrules; i++)
        same = strcmp(a->rules[i], b->rules[i]) == 0;
    return same;
}

/* Tables of the module's, or views that are asked and answer alike, whatever their code. */
static bool
same_view(const struct oro_view_def *a, const struct oro_view_def *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return a->is_anonymous == b->is_anonymous && a->pk == b->pk &&
           oro_type_eq(a->fn->params, b->fn->params);
}

static bool
same_table(const struct oro_table_def *a, const struct oro_table_def *b)
{
    if (!same_view(a->view, b->view))
        return false;
    if (a->is_public != b->is_public || a->is_event != b->is_event || a->pk != b->pk ||
        a->schedule_at_col != b->schedule_at_col || !same_text(a->schedule_fn, b->schedule_fn) ||
        a->nindexes != b->nindexes || a->nsequences != b->nsequences ||
        a->ndefaults != b->ndefaults || !same_rules(a, b) || !oro_type_eq(a->row, b->row))
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
    if (a->ntables != b->ntables || a->nschedules != b->nschedules || a->nviews != b->nviews)
        return false;
    for (uint32_t i = 0; i < a->ntables; i++) {
        const struct oro_table_def *t = &a->tables[i];
        const struct oro_table_def *u = oro_schema_table(b, oro_bytes_str(t->name));
        if (u == NULL || !same_table(t, u))
            return false;
        const struct oro_schedule_def *d = oro_schema_schedule_of(a, t),
                                      *e = oro_schema_schedule_of(b, u);
        if ((d == NULL) != (e == NULL) ||
            (d != NULL && ((d->interval_us > 0) != (e->interval_us > 0) ||
                           (d->cron == NULL) != (e->cron == NULL))))
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
    for (uint32_t i = 0; i < s->nviews; i++)
        s->views[i].table = oro_schema_table(s, oro_bytes_str(s->views[i].name));
}

const struct oro_schedule_def *
oro_schema_schedule_of(const struct oro_schema *s, const struct oro_table_def *t)
{
    for (uint32_t i = 0; i < s->nschedules; i++)
        if (strcmp(s->schedules[i].table, t->name) == 0)
            return &s->schedules[i];
    return NULL;
}

/* ---- what becomes of the tables ---- */

/* Pairs that Refs led to and that are being compared or were found to fit: meeting one again, as in a recursive type, decides
 * nothing new, since the first misfit anywhere ends the comparison. Without them a tree of types is walked to its every leaf. */
struct fits_seen {
    const struct oro_type *(*pairs)[2];
    size_t n, cap;
};

static bool
fits_seen_add(struct fits_seen *seen, const struct oro_type *a, const struct oro_type *b)
{
    for (size_t i = 0; i < seen->n; i++)
        if (seen->pairs[i][0] == a && seen->pairs[i][1] == b)
            return false;
    seen->pairs = oro_grow(seen->pairs, seen->n, &seen->cap, sizeof(*seen->pairs));
    seen->pairs[seen->n][0] = a;
    seen->pairs[seen->n++][1] = b;
    return true;
}

static bool
type_fits(struct fits_seen *seen, const struct oro_type *a, const struct oro_type *b)
{
    bool through_ref = a->kind == ORO_REF || b->kind == ORO_REF;
    a = oro_type_resolve(a);
    b = oro_type_resolve(b);
    if (a->kind != b->kind)
        return false;
    if (through_ref && !fits_seen_add(seen, a, b))
        return true;
    if (a->kind == ORO_ARRAY)
        return type_fits(seen, a->elem, b->elem);
    if (a->kind != ORO_PRODUCT && a->kind != ORO_SUM)
        return true;
    if (a->kind == ORO_PRODUCT ? a->nelems != b->nelems : a->nelems > b->nelems)
        return false;
    for (uint32_t i = 0; i < a->nelems; i++)
        if (!same_text(a->elems[i].name, b->elems[i].name) ||
            !type_fits(seen, a->elems[i].type, b->elems[i].type))
            return false;
    return true;
}

bool
oro_type_fits(const struct oro_type *a, const struct oro_type *b)
{
    struct fits_seen seen = {0};
    bool fits = type_fits(&seen, a, b);
    oro_free(seen.pairs);
    return fits;
}

/* ---- one table from one version to the next ---- */

int
oro_table_source(const struct oro_table_def *old, const struct oro_table_def *now, uint32_t col)
{
    const char *name = now->row->elems[col].name;
    int at = oro_table_column(old, oro_bytes_str(name));
    for (uint32_t i = 0; at < 0 && i < now->nwas; i++)
        if (now->was[i].now != NULL && strcmp(now->was[i].now, name) == 0)
            at = oro_table_column(old, oro_bytes_str(now->was[i].was));
    return at;
}

bool
oro_table_drops(const struct oro_table_def *now, const char *column)
{
    for (uint32_t i = 0; i < now->nwas; i++)
        if (now->was[i].now == NULL && strcmp(now->was[i].was, column) == 0)
            return true;
    return false;
}

const struct oro_column_default *
oro_table_default(const struct oro_table_def *t, uint32_t col)
{
    for (uint32_t i = 0; i < t->ndefaults; i++)
        if (t->defaults[i].col == col)
            return &t->defaults[i];
    return NULL;
}

void
oro_table_convert(const struct oro_table_def *old, const struct oro_table_def *now,
                  const uint8_t *row, struct oro_bb *out)
{
    for (uint32_t i = 0; i < now->row->nelems; i++) {
        int at = oro_table_source(old, now, i);
        const struct oro_column_default *d = at < 0 ? oro_table_default(now, i) : NULL;
        if (at >= 0) {
            const uint8_t *p = oro_value_column(old->row, row, (uint32_t)at);
            oro_bb_put(out, p, oro_value_len_trusted(old->row->elems[at].type, p));
        } else if (d != NULL) {
            oro_bb_put_bytes(out, d->value);
        }
    }
}

#define SAY(out, ...)                                           \
    do {                                                        \
        oro_bb_printf((out), "%s", (out)->len > 0 ? "; " : ""); \
        oro_bb_printf((out), __VA_ARGS__);                      \
    } while (0)

static void
say_columns(const struct oro_table_def *a, const struct oro_table_def *b, struct oro_bb *words)
{
    for (uint32_t i = 0; i < b->row->nelems; i++)
        if (b->row->elems[i].name != NULL && /* a view's number has none */
            oro_table_column(a, oro_bytes_str(b->row->elems[i].name)) < 0)
            SAY(words, "table `%s`: column `%s` added", b->name, b->row->elems[i].name);
    for (uint32_t i = 0; i < a->row->nelems; i++)
        if (a->row->elems[i].name != NULL &&
            oro_table_column(b, oro_bytes_str(a->row->elems[i].name)) < 0)
            SAY(words, "table `%s`: column `%s` removed", b->name, a->row->elems[i].name);
}

static bool
same_indexes(const struct oro_table_def *a, const struct oro_table_def *b)
{
    bool same = a->nindexes == b->nindexes;
    for (uint32_t i = 0; same && i < a->nindexes; i++)
        same = same_index(&a->indexes[i], &b->indexes[i]);
    return same;
}

/* True: its columns are others, or who may see which rows is. */
static bool
say_table(const struct oro_table_def *a, const struct oro_table_def *b, struct oro_bb *words)
{
    size_t before = words->len;
    bool fits = oro_type_fits(a->row, b->row) && a->is_event == b->is_event;
    say_columns(a, b, words);
    if (words->len == before && !oro_type_eq(a->row, b->row))
        SAY(words, "table `%s`: types of columns changed", b->name);
    if (a->is_event != b->is_event)
        SAY(words, "table `%s` is %s", b->name, b->is_event ? "an event table" : "stored");
    if (a->is_public != b->is_public)
        SAY(words, "table `%s` is %s", b->name, b->is_public ? "public" : "private");
    if (a->pk != b->pk)
        SAY(words, "table `%s`: primary key changed", b->name);
    if (!same_indexes(a, b))
        SAY(words, "table `%s`: indexes changed", b->name);
    if (!same_rules(a, b))
        SAY(words, "table `%s`: row filters changed", b->name);
    if (words->len == before)
        SAY(words, "table `%s` changed", b->name);
    return !fits || !same_rules(a, b);
}

bool
oro_schema_changes(const struct oro_schema *a, const struct oro_schema *b, struct oro_bb *words)
{
    bool breaks = false;
    for (uint32_t i = 0; i < b->ntables; i++) {
        const struct oro_table_def *now = &b->tables[i];
        const struct oro_table_def *old = oro_schema_table(a, oro_bytes_str(now->name));
        if (old == NULL)
            SAY(words, "table `%s` added", now->name);
        else if (!same_table(old, now))
            breaks |= say_table(old, now, words) && old->is_public;
    }
    for (uint32_t i = 0; i < a->ntables; i++) {
        const struct oro_table_def *old = &a->tables[i];
        if (oro_schema_table(b, oro_bytes_str(old->name)) != NULL)
            continue;
        SAY(words, "table `%s` removed", old->name);
        breaks |= old->is_public;
    }
    return breaks;
}
