/* Whether the stored tables can become the module's, and every reason why not (docs/semantics.md#migrations): in the file at a start, in
 * the store at a reload. */
#include "runtime/tables/catalog_priv.h"

#include <stdio.h>
#include <string.h>

#include "bridge/bsatn/value.h"
#include "runtime/base/buf.h"
#include "runtime/log/record.h"

static void
add_reason(struct oro_bb *out, const char *text)
{
    oro_bb_printf(out, "%s%s", out->len > 0 ? "; " : "", text);
}

#define REASON(out, ...)                         \
    do {                                         \
        char *text_ = oro_asprintf(__VA_ARGS__); \
        add_reason(out, text_);                  \
        oro_free(text_);                         \
    } while (0)

/* "module.py:12: " */
static const char *
put_place(const struct oro_table_def *t, char *buf, size_t size)
{
    snprintf(buf, size, "%s%s", t->place != NULL ? t->place : "", t->place != NULL ? ": " : "");
    return buf;
}

static void
type_reason(const struct oro_table_def *t, const struct oro_elem *old, const struct oro_elem *now,
            struct oro_bb *out)
{
    struct oro_bb a = {0}, b = {0};
    oro_type_print(old->type, &a);
    oro_type_print(now->type, &b);
    char place[300];
    REASON(out,
           "%sChanging the type of column %s in table %s from %.*s to %.*s requires a manual "
           "migration (add a column of another name with the new type and a default, fill it in a "
           "reducer, then drop the old one)",
           put_place(t, place, sizeof(place)), old->name, t->name, (int)a.len, (const char *)a.data,
           (int)b.len, (const char *)b.data);
    oro_bb_fini(&a);
    oro_bb_fini(&b);
}

/* Looks at the rows. untouched: all have in a column what it was added with, so that nobody has written there. twice: several
 * would have one value of a column that is unique now. */
struct column_look {
    bool (*untouched)(void *arg, const struct oro_table_def *old, uint32_t col);
    bool (*twice)(void *arg, const struct oro_table_def *old, const struct oro_table_def *now);
    void *arg;
    struct oro_bb *advice; /* comes behind all reasons */
};

static bool
is_source(const struct oro_table_def *old, const struct oro_table_def *now, uint32_t col)
{
    for (uint32_t i = 0; i < now->row->nelems; i++)
        if (oro_table_source(old, now, i) == (int)col)
            return true;
    return false;
}

static void
removed_reason(const struct oro_table_def *old, const struct oro_table_def *now, uint32_t col,
               const struct column_look *look, struct oro_bb *out)
{
    const char *name = old->row->elems[col].name;
    char place[300];
    if (oro_table_drops(now, name) ||
        (oro_table_default(old, col) != NULL && look->untouched(look->arg, old, col)))
        return;
    REASON(out,
           "%sRemoving a column %s from table %s requires a manual migration: put it back, or say "
           "what becomes of its values: @table(dropped=[\"%s\"]) gives them up, "
           "@table(renamed={\"%s\": \"its new name\"}) keeps them",
           put_place(now, place, sizeof(place)), name, now->name, name, name);
}

/* Stored columns have to be there, in their order, with their types, or to be given up; what follows them needs defaults. */
static void
column_reasons(const struct oro_table_def *old, const struct oro_table_def *now,
               const struct column_look *look, struct oro_bb *out)
{
    char place[300];
    int last = -1;
    bool moved = false, added = false;
    for (uint32_t i = 0; i < old->row->nelems; i++)
        if (!is_source(old, now, i))
            removed_reason(old, now, i, look, out);
    for (uint32_t i = 0; i < now->row->nelems; i++) {
        const struct oro_elem *e = &now->row->elems[i];
        int at = oro_table_source(old, now, i);
        if (at >= 0 && !oro_type_fits(old->row->elems[at].type, e->type))
            type_reason(now, &old->row->elems[at], e, out);
        if (at < 0 && oro_table_default(now, i) == NULL)
            REASON(out, "%sAdding a column %s to table %s requires a default value annotation",
                   put_place(now, place, sizeof(place)), e->name, now->name);
        moved |= at >= 0 && (at < last || added);
        added |= at < 0;
        last = at >= 0 ? at : last;
    }
    if (moved)
        REASON(out,
               "%sReordering table %s requires a manual migration: leave the columns in their "
               "order, and write new ones behind them",
               put_place(now, place, sizeof(place)), now->name);
}

/* The private table of a @scheduled function: it holds its next due time and nothing of the author's. */
static bool
holds_only_a_timer(const struct oro_table_def *t)
{
    static const char ending[] = "_schedule";
    size_t n = strlen(t->name), e = sizeof(ending) - 1;
    return n > e && strcmp(t->name + n - e, ending) == 0 && t->row->nelems == 2 &&
           strcmp(t->row->elems[0].name, "scheduled_id") == 0 &&
           strcmp(t->row->elems[1].name, "scheduled_at") == 0;
}

/* The way out that is always there: a hook, with as much of it as can be guessed. */
static void
hook_advice(const struct oro_table_def *old, const struct oro_table_def *now, struct oro_bb *out)
{
    oro_bb_printf(out,
                  ". Or a hook makes a new row of each old one: @migration(table=\"%s\") before "
                  "`def up(old): return {",
                  now->name);
    for (uint32_t i = 0; i < now->row->nelems && i < 4; i++) {
        const char *name = now->row->elems[i].name;
        int at = oro_table_source(old, now, i);
        bool same = at >= 0 && oro_type_fits(old->row->elems[at].type, now->row->elems[i].type);
        oro_bb_printf(out, "%s\"%s\": ", i > 0 ? ", " : "", name);
        if (same)
            oro_bb_printf(out, "old[\"%s\"]", old->row->elems[at].name);
        else
            oro_bb_printf(out, "...");
    }
    oro_bb_printf(out, "%s}`", now->row->nelems > 4 ? ", ..." : "");
}

/* Of a table that has rows still. *maps: they go through its hook. A new key counts as a change there: without a hook the rows
 * are taken as they are. */
static void
changed_reasons(const struct oro_table_def *old, const struct oro_table_def *now,
                const struct column_look *look, struct oro_bb *reasons, bool *maps)
{
    struct oro_bb mine = {0};
    column_reasons(old, now, look, &mine);
    if (now->migration != NULL) {
        *maps = mine.len > 0 || old->pk != now->pk || look->twice(look->arg, old, now);
    } else if (mine.len > 0) {
        REASON(reasons, "%.*s", (int)mine.len, (const char *)mine.data);
        hook_advice(old, now, look->advice);
    }
    oro_bb_fini(&mine);
}

/* Of one table with so many rows. */
static void
table_reasons(const struct oro_table_def *old, int64_t rows, const struct oro_schema *schema,
              const struct column_look *look, struct oro_bb *reasons, bool *mapped)
{
    const struct oro_table_def *now = catalog_counterpart(schema, old);
    if (rows == 0)
        return; /* nothing to lose: made anew */
    if (now == NULL && holds_only_a_timer(old))
        return; /* the function is gone, and so is its timer */
    if (now == NULL)
        REASON(reasons,
               "Cannot remove table `%s`: table contains data (%lld rows): keep its class, delete "
               "the rows in a reducer, then remove it",
               old->name, (long long)rows);
    else
        changed_reasons(old, now, look, reasons, &mapped[now - schema->tables]);
}

bool
catalog_gives_up(const struct catalog *stored, const struct oro_schema *schema)
{
    for (uint32_t i = 0; i < stored->n; i++) {
        const struct oro_table_def *old = stored->items[i].def,
                                   *now = catalog_counterpart(schema, old);
        for (uint32_t k = 0; now != NULL && k < old->row->nelems; k++)
            if (!is_source(old, now, k) && oro_table_drops(now, old->row->elems[k].name))
                return true;
    }
    return false;
}

struct in_file {
    struct db *db;
    const struct layout *layout;
};

static bool
untouched_in_file(void *arg, const struct oro_table_def *old, uint32_t col)
{
    const struct in_file *f = arg;
    const struct oro_column_default *d = oro_table_default(old, col);
    struct oro_bb sql = {0};
    struct db_stmt *s;
    bool row = false, same = true;
    oro_bb_printf(&sql, "SELECT _row FROM ");
    db_put_name(&sql, f->layout->sql_name);
    oro_bb_u8(&sql, 0);
    oro_status st = db_prepare(f->db, (const char *)sql.data, &s, NULL);
    oro_bb_fini(&sql);
    if (st != ORO_OK)
        return false;
    while (same && (st = db_step(s, &row, NULL)) == ORO_OK && row) {
        struct oro_bytes b;
        same = layout_row(db_column_bytes(s, 0), &b, NULL) == ORO_OK &&
               oro_value_check(old->row, b, NULL) == ORO_OK &&
               oro_bytes_eq(record_column(old->row, b, (uint16_t)col), d->value);
    }
    db_finalize(s);
    return st == ORO_OK && same;
}

static bool
twice_in_file(void *arg, const struct oro_table_def *old, const struct oro_table_def *now)
{
    const struct in_file *f = arg;
    struct oro_bb found = {0};
    (void)old;
    oro_status st = catalog_unique(f->db, f->layout, now, &found, NULL);
    bool twice = st == ORO_OK && found.len > 0;
    oro_bb_fini(&found);
    return twice;
}

oro_status
catalog_reasons(struct db *db, const struct catalog *stored, const struct oro_schema *schema,
                struct oro_bb *reasons, bool *mapped, struct oro_err *err)
{
    struct oro_bb advice = {0};
    oro_status st = ORO_OK;
    for (uint32_t i = 0; st == ORO_OK && i < stored->n; i++) {
        const struct layout *l = &stored->items[i];
        int64_t n = 0;
        struct in_file f = {db, l};
        struct column_look look = {untouched_in_file, twice_in_file, &f, &advice};
        st = catalog_count_rows(db, l->sql_name, &n, err);
        if (st == ORO_OK)
            table_reasons(l->def, n, schema, &look, reasons, mapped);
    }
    oro_bb_put_bytes(reasons, oro_bb_bytes(&advice));
    oro_bb_fini(&advice);
    return st;
}

static bool
untouched_in_store(void *arg, const struct oro_table_def *old, uint32_t col)
{
    struct oro_session *se = arg;
    const struct oro_column_default *d = oro_table_default(old, col);
    struct oro_rows rows;
    bool same = true;
    oro_read_begin(se);
    oro_read_scan(se, old, &rows);
    for (size_t i = 0; same && i < rows.n; i++)
        same = oro_bytes_eq(record_column(old->row, rows.rows[i], (uint16_t)col), d->value);
    oro_read_end(se);
    return same;
}

/* By the keys that the rows would have. */
static bool
index_twice(const struct oro_rows *rows, const struct oro_table_def *old,
            const struct oro_table_def *now, const struct oro_index_def *ix)
{
    struct oro_map seen = {0};
    struct oro_bb row = {0}, key = {0};
    bool twice = false;
    for (size_t i = 0; !twice && i < rows->n; i++) {
        oro_bb_clear(&row);
        oro_bb_clear(&key);
        oro_table_convert(old, now, rows->rows[i].data, &row);
        oro_index_key(now, ix, row.data, &key);
        twice = oro_map_put(&seen, oro_bb_bytes(&key), &seen) != NULL;
    }
    oro_map_fini(&seen);
    oro_bb_fini(&row);
    oro_bb_fini(&key);
    return twice;
}

static bool
twice_in_store(void *arg, const struct oro_table_def *old, const struct oro_table_def *now)
{
    struct oro_session *se = arg;
    struct oro_rows rows;
    bool twice = false;
    oro_read_begin(se);
    oro_read_scan(se, old, &rows);
    for (uint32_t i = 0; !twice && i < now->nindexes; i++)
        twice = now->indexes[i].unique && index_twice(&rows, old, now, &now->indexes[i]);
    oro_read_end(se);
    return twice;
}

void
catalog_store_reasons(struct oro_store *store, const struct oro_schema *schema,
                      struct oro_bb *reasons, bool *mapped)
{
    const struct oro_schema *old = oro_store_schema(store);
    struct oro_session *se = oro_session_open(store);
    struct oro_bb advice = {0};
    struct column_look look = {untouched_in_store, twice_in_store, se, &advice};
    for (uint32_t i = 0; i < old->ntables; i++)
        if (oro_table_is_kept(&old->tables[i]))
            table_reasons(&old->tables[i], (int64_t)oro_store_row_count(store, &old->tables[i]),
                          schema, &look, reasons, mapped);
    oro_bb_put_bytes(reasons, oro_bb_bytes(&advice));
    oro_bb_fini(&advice);
    oro_session_close(se);
}
