/* What one session sees: the rules T-23..T-93 of docs/semantics.md, one by one. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "runtime/store/internal.h"
#include "tests/store/fixture.h"

static struct oro_schema *schema;
static struct oro_table_def *player, *score, *tag, *hit;
static const struct oro_index_def *player_id, *player_name, *player_team, *score_by, *score_hash;
static struct oro_store *store;
static struct oro_session *se;
static struct oro_cursor *cur;
static struct oro_tx *tx;
static struct oro_err err;

static void
setup(void)
{
    schema = fx_schema();
    player = fx_table(schema, "player", "id:u32 name:string team:i32", 0);
    player_id = fx_index(player, ORO_INDEX_BTREE, true, "0");
    player_name = fx_index(player, ORO_INDEX_HASH, true, "1");
    player_team = fx_index(player, ORO_INDEX_BTREE, false, "2,0");
    fx_sequence(player, 0);
    score = fx_table(schema, "score", "who:string game:u16 points:i64", -1);
    score_by = fx_index(score, ORO_INDEX_BTREE, false, "0,1");
    score_hash = fx_index(score, ORO_INDEX_HASH, false, "1");
    tag = fx_table(schema, "tag", "text:string n:i8", -1);
    hit = fx_table(schema, "hit", "id:u8 damage:u32", 0);
    fx_index(hit, ORO_INDEX_HASH, true, "0");
    fx_sequence(hit, 0);
    hit->is_event = true;
    cr_assert_eq(oro_store_create(schema, NULL, &store, &err), ORO_OK);
    se = oro_session_open(store);
    cur = oro_cursor_open(store);
    tx = oro_tx_begin(se, false);
}

static void
teardown(void)
{
    if (se->tx.open)
        oro_tx_abort(tx);
    cr_assert(oro_store_check(store));
    oro_cursor_close(cur);
    oro_session_close(se);
    oro_store_destroy(store);
    fx_schema_free(schema);
}

TestSuite(tx, .init = setup, .fini = teardown);

#define GONE (-1000)
#define ROW(id, name, team) fx_row(player, (int64_t)(id), name, (int64_t)(team))
#define ID(id) fx_key(player, player_id, 1, (int64_t)(id))
#define NAME(s) fx_key(player, player_name, 1, s)
#define INSERT(id, name, team) oro_tx_insert(tx, player, ROW(id, name, team), NULL, &err)

static void
again(void)
{
    fx_commit(tx);
    tx = oro_tx_begin(se, false);
}

static int64_t
team_of(int64_t id)
{
    struct oro_bytes row;
    oro_status st = oro_tx_find(tx, player, player_id, ID(id), &row);
    return st == ORO_OK ? fx_int(player, row, 2) : GONE;
}

/* The next record that has ops, as text: "-1 +1" by primary keys. */
static const char *
ops(void)
{
    static char text[256];
    const struct oro_commit *c;
    do {
        c = oro_cursor_next(cur);
    } while (c != NULL && (c->nops == 0 || c->ops[0].kind == ORO_OP_SEQUENCE));
    text[0] = '\0';
    for (uint32_t i = 0; c != NULL && i < c->nops; i++) {
        struct oro_bytes row = oro_row_bytes(c->ops[i].row);
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%c%s%d", i > 0 ? " " : "",
                 c->ops[i].kind == ORO_OP_DELETE ? '-' : '+',
                 c->ops[i].table == player ? "" : c->ops[i].table->name,
                 (int)fx_int(c->ops[i].table, row, 0));
    }
    return text;
}

Test(tx, insert_is_found_by_its_own_transaction_and_by_the_next)
{
    cr_assert_eq(INSERT(7, "bob", 3), ORO_OK);
    cr_assert_eq(team_of(7), 3);
    cr_assert_eq(oro_tx_count(tx, player), 1);
    again();
    cr_assert_eq(team_of(7), 3);
    struct oro_bytes row;
    cr_assert_eq(oro_tx_find(tx, player, player_name, NAME("bob"), &row), ORO_OK);
    cr_assert_eq(oro_tx_find(tx, player, player_name, NAME("bo"), &row), ORO_ENOTFOUND);
    cr_assert_str_eq(ops(), "+7");
    cr_assert_eq(oro_store_row_count(store, player), 1);
    cr_assert_eq(oro_store_row_bytes(store, player), 4 + 4 + 3 + 4);
}

Test(tx, abort_leaves_no_trace)
{
    cr_assert_eq(INSERT(7, "bob", 3), ORO_OK);
    oro_tx_abort(tx);
    tx = oro_tx_begin(se, false);
    cr_assert_eq(team_of(7), GONE);
    cr_assert_eq(oro_tx_count(tx, player), 0);
    cr_assert_eq(oro_store_versions(store), 0);
}

Test(tx, unique_violation_says_which_and_changes_nothing)
{
    cr_assert_eq(INSERT(1, "bob", 0), ORO_OK);
    again();
    cr_assert_eq(INSERT(2, "bob", 0), ORO_EEXISTS);
    cr_assert_str_eq(
        err.text,
        "Unique constraint violation 'player_name_key' in table 'player': column(s): '[\"name\"]' "
        "value: \"bob\"");
    cr_assert_eq(INSERT(1, "eve", 0), ORO_EEXISTS);
    cr_assert_str_eq(err.text, "Unique constraint violation 'player_id_key' in table 'player': "
                               "column(s): '[\"id\"]' value: 1");
    cr_assert_eq(oro_tx_count(tx, player), 1);
    cr_assert_not(oro_tx_has_writes(tx));
    /* Within one transaction too. */
    cr_assert_eq(INSERT(3, "ann", 0), ORO_OK);
    cr_assert_eq(INSERT(4, "ann", 0), ORO_EEXISTS);
}

Test(tx, a_deleted_key_is_free_within_the_transaction)
{
    cr_assert_eq(INSERT(1, "bob", 0), ORO_OK);
    again();
    ops();
    cr_assert_eq(oro_tx_delete(tx, player, player_id, ID(1)), ORO_OK);
    cr_assert_eq(oro_tx_delete(tx, player, player_id, ID(1)), ORO_ENOTFOUND);
    cr_assert_eq(INSERT(2, "bob", 0), ORO_OK);
    again();
    cr_assert_str_eq(ops(), "-1 +2");
}

Test(tx, the_same_row_again_is_no_change)
{
    cr_assert_eq(INSERT(1, "bob", 5), ORO_OK);
    cr_assert_eq(INSERT(1, "bob", 5), ORO_OK);
    cr_assert_eq(oro_tx_count(tx, player), 1);
    again();
    ops();
    struct oro_bytes got;
    cr_assert_eq(oro_tx_insert(tx, player, ROW(1, "bob", 5), &got, &err), ORO_OK);
    cr_assert(oro_bytes_eq(got, ROW(1, "bob", 5)));
    cr_assert_eq(oro_tx_update(tx, player, player_id, ROW(1, "bob", 5), &got, &err), ORO_OK);
    uint64_t offset = oro_store_offset(store);
    again();
    cr_assert_str_eq(ops(), "");
    cr_assert_eq(oro_store_offset(store), offset);
}

Test(tx, a_deleted_row_inserted_again_is_no_change)
{
    cr_assert_eq(INSERT(1, "bob", 5), ORO_OK);
    cr_assert_eq(oro_tx_insert(tx, tag, fx_row(tag, "x", (int64_t)1), NULL, &err), ORO_OK);
    again();
    ops();
    cr_assert_eq(oro_tx_delete(tx, player, player_id, ID(1)), ORO_OK);
    cr_assert_eq(oro_tx_delete_row(tx, tag, fx_row(tag, "x", (int64_t)1)), ORO_OK);
    cr_assert_eq(oro_tx_count(tx, player), 0);
    cr_assert_eq(INSERT(1, "bob", 5), ORO_OK);
    cr_assert_eq(oro_tx_insert(tx, tag, fx_row(tag, "x", (int64_t)1), NULL, &err), ORO_OK);
    cr_assert_eq(team_of(1), 5);
    cr_assert_not(oro_tx_has_writes(tx));
    again();
    cr_assert_str_eq(ops(), "");
}

Test(tx, update_is_a_delete_directly_before_the_insert)
{
    cr_assert_eq(INSERT(1, "bob", 0), ORO_OK);
    cr_assert_eq(INSERT(2, "eve", 0), ORO_OK);
    again();
    ops();
    cr_assert_eq(oro_tx_update(tx, player, player_id, ROW(1, "bob", 1), NULL, &err), ORO_OK);
    cr_assert_eq(oro_tx_update(tx, player, player_id, ROW(2, "eve", 1), NULL, &err), ORO_OK);
    cr_assert_eq(oro_tx_update(tx, player, player_id, ROW(1, "bob", 2), NULL, &err), ORO_OK);
    cr_assert_eq(team_of(1), 2);
    cr_assert_eq(oro_tx_update(tx, player, player_id, ROW(9, "x", 1), NULL, &err), ORO_ENOTFOUND);
    cr_assert_eq(oro_tx_update(tx, player, player_id, ROW(1, "eve", 1), NULL, &err), ORO_EEXISTS);
    cr_assert_eq(team_of(1), 2);
    again();
    cr_assert_str_eq(ops(), "-1 +1 -2 +2");
}

Test(tx, delete_and_insert_of_one_key_come_together)
{
    for (int i = 1; i <= 3; i++) {
        char name[2] = {(char)('a' + i), 0};
        cr_assert_eq(INSERT(i, name, 0), ORO_OK);
    }
    again();
    ops();
    cr_assert_eq(oro_tx_clear(tx, player), 3);
    cr_assert_eq(INSERT(2, "new", 0), ORO_OK);
    cr_assert_eq(oro_tx_count(tx, player), 1);
    again();
    cr_assert_str_eq(ops(), "-1 -2 +2 -3");
}

Test(tx, writes_that_cancel_out_are_not_told)
{
    cr_assert_eq(INSERT(1, "bob", 0), ORO_OK);
    again();
    ops();
    cr_assert_eq(INSERT(2, "eve", 0), ORO_OK);
    cr_assert_eq(oro_tx_delete(tx, player, player_id, ID(2)), ORO_OK);
    cr_assert_eq(oro_tx_update(tx, player, player_id, ROW(1, "bob", 1), NULL, &err), ORO_OK);
    cr_assert_eq(oro_tx_update(tx, player, player_id, ROW(1, "bob", 0), NULL, &err), ORO_OK);
    cr_assert_eq(team_of(1), 0);
    cr_assert_eq(team_of(2), GONE);
    again();
    cr_assert_str_eq(ops(), "");
}

Test(tx, unique_keys_can_be_swapped)
{
    cr_assert_eq(INSERT(1, "a", 0), ORO_OK);
    cr_assert_eq(INSERT(2, "b", 0), ORO_OK);
    again();
    cr_assert_eq(oro_tx_update(tx, player, player_id, ROW(1, "c", 0), NULL, &err), ORO_OK);
    cr_assert_eq(oro_tx_update(tx, player, player_id, ROW(2, "a", 0), NULL, &err), ORO_OK);
    cr_assert_eq(oro_tx_update(tx, player, player_id, ROW(1, "b", 0), NULL, &err), ORO_OK);
    again();
    struct oro_bytes row;
    cr_assert_eq(oro_tx_find(tx, player, player_name, NAME("a"), &row), ORO_OK);
    cr_assert_eq(fx_int(player, row, 0), 2);
    cr_assert_eq(oro_tx_find(tx, player, player_name, NAME("b"), &row), ORO_OK);
    cr_assert_eq(fx_int(player, row, 0), 1);
    cr_assert_eq(oro_tx_find(tx, player, player_name, NAME("c"), &row), ORO_ENOTFOUND);
}

Test(tx, update_by_another_unique_column_may_move_the_primary_key)
{
    cr_assert_eq(INSERT(1, "bob", 0), ORO_OK);
    again();
    ops();
    cr_assert_eq(oro_tx_update(tx, player, player_name, ROW(5, "bob", 0), NULL, &err), ORO_OK);
    cr_assert_eq(team_of(1), GONE);
    cr_assert_eq(team_of(5), 0);
    again();
    cr_assert_str_eq(ops(), "-1 +5");
}

Test(tx, upsert_inserts_or_replaces_and_fails_whole)
{
    cr_assert_eq(oro_tx_upsert(tx, player, player_id, ROW(1, "bob", 0), NULL, &err), ORO_OK);
    cr_assert_eq(oro_tx_upsert(tx, player, player_id, ROW(2, "eve", 0), NULL, &err), ORO_OK);
    cr_assert_eq(oro_tx_upsert(tx, player, player_id, ROW(1, "bob", 4), NULL, &err), ORO_OK);
    cr_assert_eq(team_of(1), 4);
    cr_assert_eq(oro_tx_upsert(tx, player, player_id, ROW(1, "eve", 5), NULL, &err), ORO_EEXISTS);
    cr_assert_eq(oro_tx_upsert(tx, player, player_id, ROW(3, "eve", 5), NULL, &err), ORO_EEXISTS);
    cr_assert_eq(team_of(1), 4);
    cr_assert_eq(oro_tx_count(tx, player), 2);
}

Test(tx, auto_inc_fills_zero_reserves_ahead_and_survives_rollback)
{
    struct oro_bytes got;
    cr_assert_eq(oro_tx_insert(tx, player, ROW(0, "a", 0), &got, &err), ORO_OK);
    cr_assert_eq(fx_int(player, got, 0), 1);
    oro_tx_abort(tx);
    const struct oro_commit *c = oro_cursor_next(cur);
    cr_assert_eq(c->nops, 1);
    cr_assert_eq(c->ops[0].kind, ORO_OP_SEQUENCE);
    cr_assert_eq(c->ops[0].allocated, 4097);
    cr_assert_eq(c->ops[0].table, player);
    tx = oro_tx_begin(se, false);
    cr_assert_eq(oro_tx_insert(tx, player, ROW(0, "a", 0), &got, &err), ORO_OK);
    cr_assert_eq(fx_int(player, got, 0), 2);
    /* A value given is stored and does not move the sequence, which then runs into it. */
    cr_assert_eq(INSERT(3, "b", 0), ORO_OK);
    cr_assert_eq(oro_tx_insert(tx, player, ROW(0, "c", 0), &got, &err), ORO_EEXISTS);
    cr_assert_eq(oro_tx_insert(tx, player, ROW(0, "c", 0), &got, &err), ORO_OK);
    cr_assert_eq(fx_int(player, got, 0), 4);
}

Test(tx, a_loaded_sequence_starts_a_new_block)
{
    oro_tx_abort(tx);
    oro_session_close(se);
    oro_cursor_close(cur);
    oro_store_load_sequence(store, player, 0, 4097);
    oro_store_load_offset(store, 77);
    se = oro_session_open(store);
    cur = oro_cursor_open(store);
    tx = oro_tx_begin(se, false);
    struct oro_bytes got;
    cr_assert_eq(oro_tx_insert(tx, player, ROW(0, "a", 0), &got, &err), ORO_OK);
    cr_assert_eq(fx_int(player, got, 0), 4097);
    again();
    cr_assert_eq(oro_cursor_next(cur)->offset, 78);
    cr_assert_eq(oro_cursor_next(cur)->offset, 79);
}

Test(tx, a_full_sequence_is_an_error)
{
    struct oro_bytes got;
    for (int i = 1; i <= 255; i++) {
        cr_assert_eq(oro_tx_insert(tx, hit, fx_row(hit, (int64_t)0, (int64_t)9), &got, &err),
                     ORO_OK);
        cr_assert_eq(fx_int(hit, got, 0), i);
    }
    cr_assert_eq(oro_tx_insert(tx, hit, fx_row(hit, (int64_t)0, (int64_t)9), &got, &err),
                 ORO_EFULL);
    cr_assert_not_null(strstr(err.text, "AutoIncOverflow"));
    cr_assert_eq(oro_tx_count(tx, hit), 255);
}

Test(tx, event_rows_live_until_the_commit)
{
    struct oro_bytes got;
    cr_assert_eq(oro_tx_insert(tx, hit, fx_row(hit, (int64_t)4, (int64_t)9), NULL, &err), ORO_OK);
    cr_assert_eq(oro_tx_insert(tx, hit, fx_row(hit, (int64_t)4, (int64_t)8), NULL, &err),
                 ORO_EEXISTS);
    cr_assert_eq(
        oro_tx_find(tx, hit, &hit->indexes[0], fx_key(hit, &hit->indexes[0], 1, (int64_t)4), &got),
        ORO_OK);
    cr_assert_eq(oro_tx_count(tx, hit), 1);
    struct oro_rows rows;
    oro_tx_scan(tx, hit, &rows);
    cr_assert_eq(rows.n, 1);
    again();
    cr_assert_str_eq(ops(), "+hit4");
    cr_assert_eq(oro_tx_count(tx, hit), 0);
    oro_tx_scan(tx, hit, &rows);
    cr_assert_eq(rows.n, 0);
    cr_assert_eq(oro_tx_insert(tx, hit, fx_row(hit, (int64_t)4, (int64_t)8), NULL, &err), ORO_OK);
}

static void
add_score(const char *who, int64_t game, int64_t points)
{
    cr_assert_eq(oro_tx_insert(tx, score, fx_row(score, who, game, points), NULL, &err), ORO_OK);
}

static const char *
points(const struct oro_rows *rows)
{
    static char text[256];
    text[0] = '\0';
    for (size_t i = 0; i < rows->n; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%d", i > 0 ? " " : "",
                 (int)fx_int(score, rows->rows[i], 2));
    return text;
}

static const char *
range(const struct oro_range *r)
{
    struct oro_rows rows;
    cr_assert_eq(oro_tx_range(tx, score, score_by, r, &rows), ORO_OK);
    return points(&rows);
}

Test(tx, ranges_and_prefixes_in_key_order_with_own_rows_between)
{
    add_score("ann", 3, 1);
    add_score("ann", 7, 2);
    add_score("bob", 1, 3);
    add_score("ann", 300, 4);
    again();
    add_score("ann", 5, 5);
    add_score("an", 5, 6);
    cr_assert_eq(oro_tx_delete_row(tx, score, fx_row(score, "ann", (int64_t)7, (int64_t)2)),
                 ORO_OK);
    struct oro_range r = {.prefix = fx_key(score, score_by, 1, "ann"), .nprefix = 1};
    cr_assert_str_eq(range(&r), "1 5 4");
    uint16_t three = 3, five = 5, big = 300;
    r.has_lo = true;
    r.lo = oro_bytes(&three, 2);
    cr_assert_str_eq(range(&r), "1 5 4");
    r.lo_open = true;
    cr_assert_str_eq(range(&r), "5 4");
    r.has_hi = true;
    r.hi = oro_bytes(&big, 2);
    cr_assert_str_eq(range(&r), "5 4");
    r.hi_open = true;
    cr_assert_str_eq(range(&r), "5");
    r.lo = oro_bytes(&five, 2);
    cr_assert_str_eq(range(&r), "");
    r.hi = oro_bytes(&three, 2); /* inverted */
    cr_assert_str_eq(range(&r), "");
    cr_assert_str_eq(range(&(struct oro_range){0}), "6 1 5 4 3");
    again();
    cr_assert_str_eq(range(&(struct oro_range){0}), "6 1 5 4 3");
    struct oro_range point = {.prefix = fx_key(score, score_by, 2, "ann", (int64_t)5),
                              .nprefix = 2};
    cr_assert_str_eq(range(&point), "5");
}

Test(tx, hash_indexes_know_points_only)
{
    add_score("ann", 3, 1);
    add_score("bob", 3, 2);
    again();
    struct oro_rows rows;
    struct oro_range r = {.prefix = fx_key(score, score_hash, 1, (int64_t)3), .nprefix = 1};
    cr_assert_eq(oro_tx_range(tx, score, score_hash, &r, &rows), ORO_OK);
    cr_assert_eq(rows.n, 2);
    cr_assert_eq(oro_tx_range(tx, score, score_hash, &(struct oro_range){0}, &rows), ORO_ETYPE);
}

Test(tx, signed_columns_order_as_numbers)
{
    for (int i = -3; i <= 3; i++) {
        char name[16];
        snprintf(name, sizeof(name), "p%d", i);
        cr_assert_eq(INSERT(10 + i, name, i), ORO_OK);
    }
    again();
    int32_t lo = -2;
    struct oro_range r = {.has_lo = true, .lo = oro_bytes(&lo, 4)};
    struct oro_rows rows;
    cr_assert_eq(oro_tx_range(tx, player, player_team, &r, &rows), ORO_OK);
    cr_assert_eq(rows.n, 6);
    for (int i = 0; i < 6; i++)
        cr_assert_eq(fx_int(player, rows.rows[i], 2), i - 2);
}

Test(tx, a_scan_of_a_table_without_order_is_in_insertion_order)
{
    for (int i = 0; i < 5; i++)
        cr_assert_eq(oro_tx_insert(tx, tag, fx_row(tag, "x", (int64_t)(i * 7 % 5)), NULL, &err),
                     ORO_OK);
    again();
    cr_assert_eq(oro_tx_insert(tx, tag, fx_row(tag, "x", (int64_t)9), NULL, &err), ORO_OK);
    struct oro_rows rows;
    oro_tx_scan(tx, tag, &rows);
    cr_assert_eq(rows.n, 6);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(fx_int(tag, rows.rows[i], 1), i * 7 % 5);
}

Test(tx, a_failed_call_publishes_its_answer_in_order)
{
    oro_tx_abort(tx);
    struct oro_origin o = {
        .request_id = 5, .outcome = ORO_EUSER, .text = oro_buf_copy(oro_bytes_str("no"))};
    uint64_t seq = oro_store_publish(se, &o);
    cr_assert_eq(seq, oro_store_seq(store));
    const struct oro_commit *c = oro_cursor_next(cur);
    cr_assert_eq(c->seq, seq);
    cr_assert_eq(c->nops, 0);
    cr_assert_eq(c->offset, 0);
    cr_assert_eq(c->origin.request_id, 5);
    cr_assert(oro_bytes_eq(oro_buf_bytes(c->origin.text), oro_bytes_str("no")));
    cr_assert_not(oro_cursor_has_next(cur));
    cr_assert_null(oro_cursor_next(cur));
    cr_assert_eq(oro_cursor_seq(cur), seq);
}

Test(tx, loading_replaces_and_unloads)
{
    oro_tx_abort(tx);
    oro_session_close(se);
    oro_cursor_close(cur);
    cr_assert_eq(oro_store_load(store, player, ROW(1, "a", 1), false, &err), ORO_OK);
    cr_assert_eq(oro_store_load(store, player, ROW(2, "b", 1), false, &err), ORO_OK);
    cr_assert_eq(oro_store_load(store, player, ROW(1, "c", 1), false, &err), ORO_EEXISTS);
    cr_assert_eq(oro_store_load(store, player, ROW(3, "a", 1), true, &err), ORO_EEXISTS);
    cr_assert_eq(oro_store_load(store, player, ROW(1, "c", 2), true, &err), ORO_OK);
    cr_assert_eq(oro_store_unload(store, player, ID(2)), ORO_OK);
    cr_assert_eq(oro_store_unload(store, player, ID(2)), ORO_ENOTFOUND);
    struct oro_bytes t = fx_row(tag, "x", (int64_t)1);
    cr_assert_eq(oro_store_load(store, tag, t, false, &err), ORO_OK);
    cr_assert_eq(oro_store_load(store, tag, t, false, &err), ORO_EEXISTS);
    cr_assert_eq(oro_store_load(store, tag, t, true, &err), ORO_OK);
    cr_assert_eq(oro_store_unload(store, tag, t), ORO_OK);
    cr_assert_eq(oro_store_unload(store, tag, t), ORO_ENOTFOUND);
    cr_assert(oro_store_check(store));
    se = oro_session_open(store);
    cur = oro_cursor_open(store);
    tx = oro_tx_begin(se, false);
    cr_assert_eq(team_of(1), 2);
    cr_assert_eq(oro_tx_count(tx, player), 1);
    cr_assert_eq(oro_tx_count(tx, tag), 0);
}

/* Rows that share a value do not stand one behind the other where a transaction looks for what it has written. */
Test(tx, many_rows_of_one_value_are_no_queue)
{
    size_t run = 0, longest = 0;
    for (int i = 0; i < 5000; i++)
        cr_assert_eq(
            oro_tx_insert(tx, score, fx_row(score, "ann", (int64_t)7, (int64_t)i), NULL, &err),
            ORO_OK);
    cr_assert_eq(se->tx.map_used, 5000, "a row is found by what is its own");
    for (size_t i = 0; i < se->tx.map_cap; i++) {
        run = se->tx.map[i] != 0 ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    cr_assert_lt(longest, 100);
}
