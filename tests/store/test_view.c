/* Answers of views: which writes touch them, and that nobody commits past one that he does not know of (runtime/store/view.h). */
#include <criterion/criterion.h>

#include "runtime/store/internal.h"
#include "runtime/store/view.h"
#include "tests/store/fixture.h"

static struct oro_schema *schema;
static struct oro_table_def *player, *rows;
static const struct oro_index_def *by_id, *by_team;
static struct oro_view_def def;
static struct oro_store *store;
static struct oro_session *one, *two;
static struct oro_view *v;
static struct oro_err err;

static void
setup(void)
{
    schema = fx_schema();
    player = fx_table(schema, "player", "id:u32 team:i32", 0);
    by_id = fx_index(player, ORO_INDEX_BTREE, true, "0");
    by_team = fx_index(player, ORO_INDEX_BTREE, false, "1");
    rows = fx_table(schema, "v", "n:u32 whose:u64", -1);
    fx_index(rows, ORO_INDEX_BTREE, false, "1");
    def = (struct oro_view_def){
        .name = "v", .table = rows, .row = rows->row, .is_anonymous = true, .pk = -1};
    rows->view = &def;
    cr_assert_eq(oro_store_create(schema, NULL, &store, &err), ORO_OK);
    one = oro_session_open(store);
    two = oro_session_open(store);
    v = oro_view_use(store, &(struct oro_view_key){.def = &def});
}

static void
teardown(void)
{
    cr_assert(oro_store_check(store));
    cr_assert(oro_view_leave(store, v));
    oro_session_close(one);
    oro_session_close(two);
    oro_store_destroy(store);
    fx_schema_free(schema);
}

TestSuite(view, .init = setup, .fini = teardown);

#define PLAYER(id, team) fx_row(player, (int64_t)(id), (int64_t)(team))
#define ID(id) fx_key(player, by_id, 1, (int64_t)(id))

/* Its rows are the numbers up to n. */
static void
settle(struct oro_tx *tx, uint32_t n)
{
    struct oro_bb bb = {0};
    for (uint32_t i = 1; i <= n; i++) {
        oro_bb_u32(&bb, 4);
        oro_bb_u32(&bb, i);
    }
    cr_assert_eq(oro_tx_view_settle(tx, v, oro_bb_bytes(&bb), &err), ORO_OK);
    oro_bb_fini(&bb);
}

/* Reads player 1, and gives n rows. */
static oro_status
evaluate(struct oro_session *se, uint32_t n)
{
    struct oro_bytes row;
    uint64_t seq;
    struct oro_tx *tx = oro_tx_begin(se, false);
    oro_tx_view_watch(tx, v);
    oro_status st = oro_tx_find(tx, player, by_id, ID(1), &row);
    cr_assert(st == ORO_OK || st == ORO_ENOTFOUND);
    settle(tx, n);
    return oro_tx_commit(tx, &fx_origin, &seq);
}

static size_t
touches(struct oro_tx *tx)
{
    size_t n;
    (void)oro_tx_views(tx, &n);
    return n;
}

static void
put(int64_t id, int64_t team)
{
    struct oro_tx *tx = oro_tx_begin(one, false);
    cr_assert_eq(oro_tx_upsert(tx, player, by_id, PLAYER(id, team), NULL, &err), ORO_OK);
    fx_commit(tx);
}

static uint64_t
count_rows(void)
{
    return oro_store_row_count(store, rows);
}

Test(view, a_key_that_was_not_found_is_watched_and_others_are_not)
{
    cr_assert_eq(evaluate(one, 2), ORO_OK);
    cr_assert(oro_view_is_ready(v) && count_rows() == 2);
    struct oro_tx *tx = oro_tx_begin(one, false);
    cr_assert_eq(oro_tx_insert(tx, player, PLAYER(2, 0), NULL, &err), ORO_OK);
    cr_assert_eq(touches(tx), 0);
    fx_commit(tx);
    tx = oro_tx_begin(one, false);
    cr_assert_eq(oro_tx_insert(tx, player, PLAYER(1, 0), NULL, &err), ORO_OK);
    cr_assert_eq(touches(tx), 1);
    oro_tx_view_watch(tx, v);
    settle(tx, 3);
    fx_commit(tx);
    cr_assert_eq(count_rows(), 3);
}

Test(view, equal_rows_count_once_and_what_stays_is_not_written)
{
    cr_assert_eq(evaluate(one, 2), ORO_OK);
    struct oro_cursor *cur = oro_cursor_open(store);
    cr_assert_eq(evaluate(one, 1), ORO_OK);
    const struct oro_commit *c = oro_cursor_next(cur);
    cr_assert(c->nops == 1 && c->ops[0].kind == ORO_OP_DELETE);
    oro_cursor_close(cur);
}

Test(view, who_looked_before_it_was_there_conflicts)
{
    uint64_t seq;
    struct oro_tx *tx = oro_tx_begin(two, false);
    cr_assert_eq(oro_tx_insert(tx, player, PLAYER(1, 0), NULL, &err), ORO_OK);
    cr_assert_eq(touches(tx), 0);
    cr_assert_eq(evaluate(one, 1), ORO_OK);
    cr_assert_eq(oro_tx_commit(tx, &fx_origin, &seq), ORO_ECONFLICT);
}

Test(view, who_touches_nothing_of_it_does_not)
{
    struct oro_tx *tx = oro_tx_begin(two, false);
    cr_assert_eq(oro_tx_insert(tx, player, PLAYER(7, 0), NULL, &err), ORO_OK);
    cr_assert_eq(touches(tx), 0);
    cr_assert_eq(evaluate(one, 1), ORO_OK);
    fx_commit(tx);
}

Test(view, without_rows_it_depends_on_what_was_read_all_the_same)
{
    uint64_t seq;
    struct oro_bytes row;
    struct oro_tx *tx = oro_tx_begin(two, false);
    oro_tx_view_watch(tx, v);
    cr_assert_eq(oro_tx_find(tx, player, by_id, ID(1), &row), ORO_ENOTFOUND);
    put(1, 0);
    settle(tx, 0);
    cr_assert_eq(oro_tx_commit(tx, &fx_origin, &seq), ORO_ECONFLICT);
    cr_assert(!oro_view_is_ready(v));
}

Test(view, two_who_evaluate_at_once_do_not_both_commit)
{
    uint64_t seq;
    cr_assert_eq(evaluate(one, 1), ORO_OK);
    struct oro_tx *tx = oro_tx_begin(two, false);
    cr_assert_eq(oro_tx_insert(tx, player, PLAYER(1, 0), NULL, &err), ORO_OK);
    cr_assert_eq(touches(tx), 1);
    oro_tx_view_watch(tx, v);
    settle(tx, 2);
    cr_assert_eq(evaluate(one, 3), ORO_OK);
    cr_assert_eq(oro_tx_commit(tx, &fx_origin, &seq), ORO_ECONFLICT);
    cr_assert_eq(count_rows(), 3);
}

/* The first two by team, from the end. */
Test(view, a_range_is_watched_as_far_as_it_was_read)
{
    for (int64_t i = 1; i <= 9; i++)
        put(i, i * 10);
    struct oro_tx *tx = oro_tx_begin(one, false);
    struct oro_rows found;
    oro_tx_view_watch(tx, v);
    struct oro_range best = {.reverse = true, .limit = 2};
    cr_assert_eq(oro_tx_range(tx, player, by_team, &best, &found), ORO_OK);
    cr_assert_eq(found.n, 2);
    settle(tx, 2);
    fx_commit(tx);
    const struct {
        int64_t id, team;
        size_t touched;
    } cases[] = {{1, 70, 0}, {2, 79, 0}, {3, 80, 1}, {4, 85, 1}, {9, 1, 1}, {10, 200, 1}};
    for (size_t i = 0; i < ORO_ARRAY_LEN(cases); i++) {
        tx = oro_tx_begin(two, false);
        cr_assert_eq(
            oro_tx_upsert(tx, player, by_id, PLAYER(cases[i].id, cases[i].team), NULL, &err),
            ORO_OK);
        cr_assert_eq(touches(tx), cases[i].touched, "case %zu", i);
        oro_tx_abort(tx);
    }
}

Test(view, a_count_is_touched_by_more_and_less_only)
{
    put(1, 0);
    struct oro_tx *tx = oro_tx_begin(one, false);
    oro_tx_view_watch(tx, v);
    cr_assert_eq(oro_tx_count(tx, player), 1);
    settle(tx, 1);
    fx_commit(tx);
    tx = oro_tx_begin(two, false);
    cr_assert_eq(oro_tx_update(tx, player, by_id, PLAYER(1, 5), NULL, &err), ORO_OK);
    cr_assert_eq(touches(tx), 0);
    oro_tx_abort(tx);
    tx = oro_tx_begin(two, false);
    cr_assert_eq(oro_tx_delete(tx, player, by_id, ID(1)), ORO_OK);
    cr_assert_eq(touches(tx), 1);
    oro_tx_abort(tx);
}

Test(view, what_nobody_uses_is_forgotten_with_its_rows_and_what_is_used_again_is_not)
{
    cr_assert_eq(evaluate(one, 4), ORO_OK);
    struct oro_tx *tx = oro_tx_begin(two, false);
    oro_tx_view_forget(tx, v);
    fx_commit(tx);
    cr_assert_eq(count_rows(), 4, "it is in use");
    oro_view_ref(v);
    cr_assert(oro_view_leave(store, v));
    tx = oro_tx_begin(two, false);
    oro_tx_view_forget(tx, v);
    fx_commit(tx);
    cr_assert(count_rows() == 0 && oro_view_count(store) == 0 && !oro_view_is_listed(store, v));
    oro_view_unref(v);
    v = oro_view_use(store, &(struct oro_view_key){.def = &def});
    cr_assert(!oro_view_is_ready(v));
}

Test(view, arguments_and_askers_have_answers_of_their_own)
{
    struct oro_view_key key = {.def = &def, .args = oro_bytes("\1", 1)};
    struct oro_view *other = oro_view_use(store, &key), *same = oro_view_use(store, &key);
    cr_assert(other == same && other != v);
    key.sender.le[3] = 1;
    struct oro_view *third = oro_view_use(store, &key);
    cr_assert(third != other && oro_view_find(store, &key) == oro_view_number(third));
    cr_assert(!oro_view_leave(store, same) && oro_view_leave(store, other) &&
              oro_view_leave(store, third));
}
