/* Stores that take in what another one has committed are what that one is. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/store/apply.h"
#include "tests/store/fixture.h"

#define IDS 40

static struct oro_schema *schema;
static struct oro_table_def *player, *bag;

static void
setup(void)
{
    schema = fx_schema();
    player = fx_table(schema, "player", "id:u32 name:string score:i32", 0);
    fx_index(player, ORO_INDEX_BTREE, true, "0");
    fx_index(player, ORO_INDEX_HASH, true, "1");
    fx_sequence(player, 0);
    bag = fx_table(schema, "bag", "owner:u32 kind:u8", -1);
    fx_index(bag, ORO_INDEX_BTREE, false, "0");
}

static void
teardown(void)
{
    fx_schema_free(schema);
}

TestSuite(apply, .init = setup, .fini = teardown, .timeout = 60);

struct end {
    struct oro_store *store;
    struct oro_session *se;
    struct oro_cursor *cursor;
};

static struct oro_store *
store_new(void)
{
    struct oro_store_options opt = {0};
    struct oro_store *s;
    cr_assert_eq(oro_store_create(schema, &opt, &s, NULL), ORO_OK);
    return s;
}

static struct end
end_open(void)
{
    struct end e = {.store = store_new()};
    e.se = oro_session_open(e.store);
    e.cursor = oro_cursor_open(e.store);
    return e;
}

static void
end_close(struct end *e)
{
    oro_cursor_close(e->cursor);
    oro_session_close(e->se);
    oro_store_destroy(e->store);
}

static int
compare_rows(const void *a, const void *b)
{
    return oro_bytes_cmp(*(const struct oro_bytes *)a, *(const struct oro_bytes *)b);
}

static struct oro_bb
dump(struct oro_session *se)
{
    struct oro_bb out = {0};
    oro_read_begin(se);
    for (uint32_t i = 0; i < schema->ntables; i++) {
        struct oro_rows rows;
        oro_read_scan(se, &schema->tables[i], &rows);
        if (rows.n > 0)
            qsort(rows.rows, rows.n, sizeof(*rows.rows), compare_rows);
        oro_bb_u64(&out, rows.n);
        for (size_t k = 0; k < rows.n; k++)
            oro_bb_lenbytes(&out, rows.rows[k]);
    }
    oro_read_end(se);
    return out;
}

static void
expect_same(struct oro_session *a, struct oro_session *b)
{
    struct oro_bb x = dump(a), y = dump(b);
    cr_assert(oro_bytes_eq(oro_bb_bytes(&x), oro_bb_bytes(&y)));
    oro_bb_fini(&x);
    oro_bb_fini(&y);
}

/* As a log keeps it: of an update the new row, of a deletion the key. */
static size_t
changes_of(const struct oro_commit *c, struct oro_change *out)
{
    size_t n = 0;
    for (uint32_t i = 0; i < c->nops; i++) {
        const struct oro_op *op = &c->ops[i];
        struct oro_change *to = &out[n];
        *to = (struct oro_change){.table = op->table};
        if (op->kind == ORO_OP_DELETE && op->update)
            continue;
        n++;
        if (op->kind == ORO_OP_SEQUENCE) {
            to->kind = ORO_CHANGE_SEQUENCE;
            to->allocated = op->allocated;
            continue;
        }
        to->kind = op->kind == ORO_OP_DELETE ? ORO_CHANGE_DELETE : ORO_CHANGE_PUT;
        to->bytes = oro_row_bytes(op->row);
        if (to->kind == ORO_CHANGE_DELETE && op->table->pk == 0)
            to->bytes.len = 4; /* id:u32 comes first */
    }
    return n;
}

static void
random_tx(struct end *e, uint64_t *rng)
{
    struct oro_tx *tx = oro_tx_begin(e->se, false);
    struct oro_err err;
    char name[20];
    for (unsigned k = (unsigned)(fx_rand(rng) % 5); k > 0; k--) {
        uint64_t id = 1 + fx_rand(rng) % IDS;
        snprintf(name, sizeof(name), "name %u", (unsigned)(fx_rand(rng) % IDS));
        struct oro_bytes row = fx_row(player, id, name, (int64_t)(fx_rand(rng) % 9));
        oro_status st = ORO_OK;
        switch (fx_rand(rng) % 5) {
        case 0:
            st = oro_tx_insert(tx, player, fx_row(player, (uint64_t)0, name, (int64_t)1), NULL,
                               &err);
            break;
        case 1:
            st = oro_tx_delete(tx, player, &player->indexes[0],
                               fx_key(player, &player->indexes[0], 1, id));
            break;
        case 2:
            row = fx_row(bag, id % 5, (uint64_t)(k % 3));
            st = fx_rand(rng) % 2 == 0 ? oro_tx_insert(tx, bag, row, NULL, &err)
                                       : oro_tx_delete_row(tx, bag, row);
            break;
        default:
            st = oro_tx_upsert(tx, player, &player->indexes[0], row, NULL, &err);
        }
        cr_assert(st == ORO_OK || st == ORO_EEXISTS || st == ORO_ENOTFOUND);
    }
    fx_commit(tx);
}

/* One that loads, one that commits, and one that follows that one. */
Test(apply, what_was_committed_is_taken_in_alike)
{
    struct end leader = end_open(), first = end_open(), second = end_open();
    struct oro_store *loaded = store_new();
    struct oro_change changes[64];
    const struct oro_commit *c;
    uint64_t rng = 7, seq;
    for (unsigned i = 0; i < 2000; i++) {
        random_tx(&leader, &rng);
        while ((c = oro_cursor_next(leader.cursor)) != NULL) {
            size_t n = changes_of(c, changes);
            cr_assert_eq(oro_apply_check(changes, n, NULL), ORO_OK);
            cr_assert_eq(oro_apply_load(loaded, changes, n, NULL), ORO_OK);
            if (n > 0)
                cr_assert_eq(oro_apply_commit(first.se, changes, n, &fx_origin, &seq, NULL),
                             ORO_OK);
            cr_assert_eq(oro_store_offset(first.store), c->offset);
        }
        while ((c = oro_cursor_next(first.cursor)) != NULL) {
            size_t n = changes_of(c, changes);
            cr_assert_eq(oro_apply_commit(second.se, changes, n, &fx_origin, &seq, NULL), ORO_OK);
        }
    }
    cr_assert(oro_store_check(loaded) && oro_store_check(first.store));
    struct oro_session *se = oro_session_open(loaded);
    expect_same(leader.se, first.se);
    expect_same(leader.se, second.se);
    expect_same(leader.se, se);
    /* And what they give away next is nobody's yet. */
    struct oro_tx *tx = oro_tx_begin(second.se, false);
    struct oro_bytes made;
    cr_assert_eq(
        oro_tx_insert(tx, player, fx_row(player, (uint64_t)0, "new", (int64_t)1), &made, NULL),
        ORO_OK);
    cr_assert_gt(fx_int(player, made, 0), IDS);
    fx_commit(tx);
    oro_session_close(se);
    oro_store_destroy(loaded);
    end_close(&second);
    end_close(&first);
    end_close(&leader);
}

static void
expect_refused(struct end *e, struct oro_change *changes, size_t n, oro_status want,
               const char *text)
{
    struct oro_err err = {0};
    struct oro_bb before = dump(e->se);
    uint64_t seq = 0, at = oro_store_seq(e->store);
    oro_status st = oro_apply_check(changes, n, &err);
    if (st == ORO_OK)
        st = oro_apply_commit(e->se, changes, n, &fx_origin, &seq, &err);
    cr_assert_eq(st, want);
    cr_assert_not_null(strstr(err.text, text), "%s", err.text);
    cr_assert_eq(oro_store_seq(e->store), at);
    struct oro_bb after = dump(e->se);
    cr_assert(oro_bytes_eq(oro_bb_bytes(&before), oro_bb_bytes(&after)));
    oro_bb_fini(&before);
    oro_bb_fini(&after);
}

Test(apply, what_does_not_fit_leaves_the_tables_as_they_were)
{
    struct end e = end_open();
    struct oro_tx *tx = oro_tx_begin(e.se, false);
    uint32_t nobody = 9;
    cr_assert_eq(
        oro_tx_insert(tx, player, fx_row(player, (uint64_t)1, "a", (int64_t)1), NULL, NULL),
        ORO_OK);
    fx_commit(tx);
    struct oro_change good = {.kind = ORO_CHANGE_PUT,
                              .table = player,
                              .bytes = fx_row(player, (uint64_t)2, "b", (int64_t)1)};
    struct oro_change twice[] = {good,
                                 {.kind = ORO_CHANGE_PUT,
                                  .table = player,
                                  .bytes = fx_row(player, (uint64_t)3, "a", (int64_t)1)}};
    struct oro_change missing[] = {
        good, {.kind = ORO_CHANGE_DELETE, .table = player, .bytes = oro_bytes(&nobody, 4)}};
    struct oro_change cut[] = {
        good, {.kind = ORO_CHANGE_PUT, .table = player, .bytes = oro_bytes(good.bytes.data, 7)}};
    expect_refused(&e, twice, 2, ORO_EEXISTS, "nique");
    expect_refused(&e, missing, 2, ORO_EMALFORMED, "a deletion of a row that is not there");
    expect_refused(&e, cut, 2, ORO_EMALFORMED, "not of its table's type");
    end_close(&e);
}

/* Values of a unique column that two rows exchange. */
Test(apply, deletions_come_first)
{
    struct end e = end_open();
    uint64_t seq;
    struct oro_change two[] = {{.kind = ORO_CHANGE_INSERT,
                                .table = player,
                                .bytes = fx_row(player, (uint64_t)1, "a", (int64_t)1)},
                               {.kind = ORO_CHANGE_INSERT,
                                .table = player,
                                .bytes = fx_row(player, (uint64_t)2, "b", (int64_t)1)}};
    struct oro_change other[] = {{.kind = ORO_CHANGE_PUT,
                                  .table = player,
                                  .bytes = fx_row(player, (uint64_t)1, "b", (int64_t)1)},
                                 {.kind = ORO_CHANGE_PUT,
                                  .table = player,
                                  .bytes = fx_row(player, (uint64_t)2, "a", (int64_t)1)}};
    cr_assert_eq(oro_apply_commit(e.se, two, 2, &fx_origin, &seq, NULL), ORO_OK);
    cr_assert_eq(oro_apply_commit(e.se, other, 2, &fx_origin, &seq, NULL), ORO_OK);
    const struct oro_commit *c;
    size_t ops = 0;
    while ((c = oro_cursor_next(e.cursor)) != NULL)
        ops = c->nops;
    cr_assert_eq(ops, 4, "two updates");
    cr_assert_eq(oro_store_row_count(e.store, player), 2);
    end_close(&e);
}
