/* From the store of one version of a schema into that of the next. */
#include <criterion/criterion.h>

#include "tests/store/fixture.h"

struct versions {
    struct oro_schema *old_schema, *schema;
    struct oro_store *old, *store;
};

/* The fixture's schemas have no names to look tables up by. */
static void
name_tables(struct oro_schema *s)
{
    for (uint32_t i = 0; i < s->ntables; i++)
        oro_map_put(&s->table_names, oro_bytes_str(s->tables[i].name), &s->tables[i]);
}

/* Two tables; the new version has a column more in the first, indexes and an order of its own. */
static void
versions_make(struct versions *v, bool unique)
{
    static const uint8_t seven[] = {7, 0, 0, 0};
    struct oro_store_options opt = {0};
    *v = (struct versions){.old_schema = fx_schema(), .schema = fx_schema()};
    struct oro_table_def *a = fx_table(v->old_schema, "item", "id:u32 name:string", 0);
    fx_index(a, ORO_INDEX_BTREE, true, "0");
    fx_sequence(a, 0);
    struct oro_table_def *gone = fx_table(v->old_schema, "gone", "id:u32", 0);
    fx_index(gone, ORO_INDEX_BTREE, true, "0");
    name_tables(v->old_schema);
    cr_assert_eq(oro_store_create(v->old_schema, &opt, &v->old, NULL), ORO_OK);

    struct oro_table_def *fresh = fx_table(v->schema, "fresh", "id:u32", 0);
    fx_index(fresh, ORO_INDEX_HASH, true, "0");
    struct oro_table_def *b = fx_table(v->schema, "item", "id:u32 name:string level:u32", 0);
    fx_index(b, ORO_INDEX_BTREE, true, "0");
    fx_index(b, ORO_INDEX_HASH, unique, "1");
    fx_sequence(b, 0);
    b->defaults = ORO_NEW(struct oro_column_default);
    b->defaults[0] = (struct oro_column_default){2, oro_bytes(seven, sizeof(seven))};
    b->ndefaults = 1;
    name_tables(v->schema);
}

static void
versions_end(struct versions *v)
{
    oro_store_destroy(v->store);
    oro_store_destroy(v->old);
    oro_free(v->schema->tables[1].defaults);
    oro_map_fini(&v->old_schema->table_names);
    oro_map_fini(&v->schema->table_names);
    fx_schema_free(v->old_schema);
    fx_schema_free(v->schema);
}

static const struct oro_table_def *
item(const struct oro_schema *s)
{
    return oro_schema_table(s, oro_bytes_str("item"));
}

static uint64_t
fill(struct oro_store *s, const char *const *names, size_t n)
{
    struct oro_session *se = oro_session_open(s);
    uint64_t seq = 0;
    for (size_t i = 0; i < n; i++) {
        struct oro_tx *tx = oro_tx_begin(se, false);
        const struct oro_table_def *t = item(oro_store_schema(s));
        struct oro_bytes row = fx_row(t, (uint64_t)0, names[i], (uint64_t)1);
        cr_assert_eq(oro_tx_insert(tx, t, row, NULL, NULL), ORO_OK);
        seq = fx_commit(tx);
    }
    oro_session_close(se);
    return seq;
}

static oro_status
carry(struct versions *v, struct oro_err *err)
{
    struct oro_store_options opt = {.first_offset = oro_store_offset(v->old),
                                    .first_seq = oro_store_seq(v->old)};
    cr_assert_eq(oro_store_create(v->schema, &opt, &v->store, NULL), ORO_OK);
    return oro_store_carry(v->store, v->old, NULL, NULL, err);
}

Test(carry, rows_get_defaults_and_numbers_go_on)
{
    static const char *const names[] = {"a", "b", "c"}, *const more[] = {"d"};
    struct versions v;
    struct oro_rows rows;
    struct oro_err err = {0};
    versions_make(&v, false);
    uint64_t seq = fill(v.old, names, 3);
    cr_assert_eq(carry(&v, &err), ORO_OK, "%s", err.text);
    cr_assert_eq(oro_store_seq(v.store), seq);
    cr_assert_eq(oro_store_offset(v.store), oro_store_offset(v.old));
    const struct oro_table_def *t = item(v.schema);
    cr_assert_eq(oro_store_row_count(v.store, t), 3);

    struct oro_cursor *cursor = oro_cursor_open(v.store);
    cr_assert_eq(oro_cursor_seq(cursor), seq);
    cr_assert_eq(fill(v.store, more, 1), seq + 1);
    const struct oro_commit *c = oro_cursor_next(cursor);
    cr_assert_eq(c->seq, seq + 1);
    cr_assert_eq(c->offset, oro_store_offset(v.old) + 1);
    oro_cursor_close(cursor);

    struct oro_session *se = oro_session_open(v.store);
    oro_read_begin(se);
    oro_read_scan(se, t, &rows);
    cr_assert_eq(rows.n, 4);
    for (size_t i = 0; i < 4; i++) {
        cr_expect_eq(fx_int(t, rows.rows[i], 0), (int64_t)i + 1); /* the sequence went on */
        cr_expect_eq(fx_int(t, rows.rows[i], 2), i < 3 ? 7 : 1);
    }
    struct oro_range b = {.prefix = fx_key(t, &t->indexes[1], 1, "b"), .nprefix = 1};
    cr_assert_eq(oro_read_range(se, t, &t->indexes[1], &b, &rows), ORO_OK);
    cr_assert_eq(rows.n, 1);
    cr_expect_eq(fx_int(t, rows.rows[0], 0), 2);
    oro_read_end(se);
    oro_session_close(se);
    cr_assert(oro_store_check(v.store));
    versions_end(&v);
}

Test(carry, what_is_not_unique_any_more_is_said)
{
    static const char *const names[] = {"a", "b", "a"};
    struct versions v;
    struct oro_err err = {0};
    versions_make(&v, true);
    fill(v.old, names, 3);
    cr_assert_eq(carry(&v, &err), ORO_EEXISTS);
    cr_expect_not_null(strstr(err.text, "Unique constraint violation"), "%s", err.text);
    cr_expect_eq(oro_store_row_count(v.old, item(v.old_schema)), 3);
    versions_end(&v);
}
