/* Answers of views: which writes touch them, and that nobody commits past one that he does not know of (runtime/store/view.h). */
#include <criterion/criterion.h>

#include "runtime/store/internal.h"
#include "runtime/store/view_priv.h"
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

/* Ranges of one column and of two, narrow and wide keys, open and closed: found as oro_interval_has says. */
static void
count_span(void *arg, struct oro_span_node *n)
{
    (void)n;
    ++*(size_t *)arg;
}

static void
spans_of(const char *cols)
{
    struct oro_schema *own = fx_schema();
    struct oro_store *s;
    struct oro_table_def *wide = fx_table(own, "wide", cols, -1);
    const struct oro_index_def *by = fx_index(wide, ORO_INDEX_BTREE, false, "0,1");
    cr_assert_eq(oro_store_create(own, NULL, &s, &err), ORO_OK);
    struct oro_session *se = oro_session_open(s);
    const struct oro_index *ix = oro_index_of(oro_table_of(s, wide), by);
    struct oro_spans spans = {0};
    struct oro_view_read reads[200] = {0};
    uint64_t chance = 3;
    oro_read_begin(se);
    for (size_t i = 0; i < ORO_ARRAY_LEN(reads); i++) {
        struct oro_range r = {.nprefix = fx_rand(&chance) % 2};
        int64_t a = (int64_t)(fx_rand(&chance) % 6), lo = (int64_t)(fx_rand(&chance) % 12);
        struct oro_bytes row = fx_row(wide, a, lo), to = fx_row(wide, a + 2, lo + 4);
        size_t first = wide->row->elems[0].type->fixed_size;
        r.prefix = oro_bytes(row.data, r.nprefix > 0 ? first : 0);
        r.has_lo = fx_rand(&chance) % 4 > 0;
        r.has_hi = fx_rand(&chance) % 4 > 0;
        r.lo_open = fx_rand(&chance) % 2;
        r.hi_open = fx_rand(&chance) % 2;
        r.lo = r.nprefix > 0 ? oro_bytes(row.data + first, row.len - first)
                             : oro_bytes(row.data, first);
        r.hi =
            r.nprefix > 0 ? oro_bytes(to.data + first, to.len - first) : oro_bytes(to.data, first);
        cr_assert_eq(oro_interval_make(se, ix, &r, &reads[i].iv), ORO_OK);
        reads[i].range.iv = &reads[i].iv;
        oro_spans_add(&spans, &reads[i].range);
        if (i % 5 == 4) {
            oro_spans_remove(&spans, &reads[i - 2].range);
            reads[i - 2].range.iv = NULL;
        }
    }
    for (int n = 0; n < 500; n++) {
        struct oro_key k;
        struct oro_bb scratch = {0};
        size_t want = 0, got = 0;
        oro_index_key_of_bytes(
            ix, fx_row(wide, (int64_t)(fx_rand(&chance) % 8), (int64_t)(fx_rand(&chance) % 16)),
            &scratch, &k);
        for (size_t i = 0; i < ORO_ARRAY_LEN(reads); i++)
            want += reads[i].range.iv != NULL && oro_interval_has(ix, &reads[i].iv, &k);
        (void)oro_spans_find(&spans, ix, &k, count_span, &got);
        cr_assert_eq(got, want);
        oro_bb_fini(&scratch);
    }
    oro_read_end(se);
    oro_session_close(se);
    oro_store_destroy(s);
    fx_schema_free(own);
}

Test(view, ranges_are_found_by_the_keys_in_them)
{
    spans_of("a:u8 b:i16");  /* a key of one word */
    spans_of("a:u64 b:i64"); /* of bytes */
}

/* A write does not look at ranges that it does not lie in. */
Test(view, a_thousand_ranges_cost_a_logarithm)
{
    const struct oro_index *ix = oro_index_of(oro_table_of(store, player), by_team);
    static struct oro_view_read reads[1000];
    struct oro_spans spans = {0};
    struct oro_key k;
    struct oro_bb scratch = {0};
    size_t got = 0;
    oro_read_begin(one);
    for (int64_t i = 0; i < 1000; i++) {
        struct oro_range r = {.has_lo = true, .has_hi = true};
        r.lo = fx_key(player, by_team, 1, i * 10);
        r.hi = fx_key(player, by_team, 1, i * 10 + 9);
        cr_assert_eq(oro_interval_make(one, ix, &r, &reads[i].iv), ORO_OK);
        reads[i].range.iv = &reads[i].iv;
        oro_spans_add(&spans, &reads[i].range);
    }
    oro_index_key_of_bytes(ix, PLAYER(1, 5005), &scratch, &k);
    cr_assert_lt(oro_spans_find(&spans, ix, &k, count_span, &got), 60);
    cr_assert_eq(got, 1);
    oro_read_end(one);
    oro_bb_fini(&scratch);
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

#define CROWD 64

/* CROWD answers that count the players. */
static void
crowd_evaluate(struct oro_view **crowd)
{
    for (uint32_t i = 0; i < CROWD; i++) {
        crowd[i] = oro_view_use(
            store, &(struct oro_view_key){.def = &def, .args = oro_bytes(&i, sizeof(i))});
        struct oro_tx *tx = oro_tx_begin(one, false);
        oro_tx_view_watch(tx, crowd[i]);
        (void)oro_tx_count(tx, player);
        cr_assert_eq(oro_tx_view_settle(tx, crowd[i], (struct oro_bytes){0}, &err), ORO_OK);
        fx_commit(tx);
    }
}

/* 20,000 rows and 64 answers meet 1,280,000 times: they are not all counted one by one, and yet nothing is missed. */
Test(view, many_rows_beside_many_answers_do_not_cost_their_product)
{
    struct oro_view *crowd[CROWD];
    size_t n;
    cr_assert_eq(evaluate(one, 1), ORO_OK);
    crowd_evaluate(crowd);
    struct oro_tx *tx = oro_tx_begin(two, false);
    for (int64_t i = 0; i < 20000; i++)
        cr_assert_eq(oro_tx_insert(tx, player, PLAYER(100 + i, 0), NULL, &err), ORO_OK);
    struct touching to = {.tx = tx, .vs = &store->views};
    view_touch_all(&to);
    cr_assert_lt(to.meetings, 500000);
    cr_assert_eq(to.n, CROWD + 1, "also the one that read another row of the table");
    oro_free(to.found);
    cr_assert_eq(touches(tx), CROWD + 1);
    for (n = CROWD + 1; n > 0;)
        oro_tx_view_put_off(tx, n - 1, &n);
    cr_assert_eq(evaluate(one, 2), ORO_OK); /* who commits has to look again */
    fx_commit(tx);
    for (size_t i = 0; i < CROWD; i++)
        cr_assert(oro_view_leave(store, crowd[i]));
}
