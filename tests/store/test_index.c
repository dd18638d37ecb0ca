/* The two index structures by themselves, large enough to be several levels deep, against a plain
 * array of flags. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/store/index.h"
#include "tests/store/fixture.h"

#define N 40000

struct bench {
    struct oro_row *rows[N];
    bool in[N];
    uint8_t bytes[N][24]; /* the wide keys: a string as BSATN, so the row itself */
    size_t n;
};

static struct bench b;
static struct oro_schema *schema;
static struct oro_layout layout[2]; /* of (number: u64), of (text: string) */
static struct oro_key_plan plan[2]; /* as a hash index cuts them */
static struct oro_pool pool;
static struct oro_pool_cache cache;

/* Key i of a kind: narrow keys are scattered numbers in order of i; wide ones share their first 8
 * bytes by dozens. The rows have the keys that hash indexes look for in them. */
static struct oro_key
key_of(size_t i, bool wide, bool hashed)
{
    struct oro_key k = {.word = i * 1000003};
    if (!wide)
        return k;
    int n = snprintf((char *)b.bytes[i] + 4, sizeof(b.bytes[i]) - 4, "%s%05zu",
                     i % 3000 < 1500 ? "" : "0000000", i);
    memcpy(b.bytes[i], &n, 4);
    k.bytes =
        hashed ? oro_bytes(b.bytes[i], (size_t)n + 4) : oro_bytes(b.bytes[i] + 4, (size_t)n + 1);
    k.word = hashed ? oro_bytes_hash(k.bytes) : oro_key_head(k.bytes);
    return k;
}

static struct oro_row *
row_of(size_t i, bool wide)
{
    struct oro_key k = key_of(i, wide, true);
    if (b.rows[i] == NULL)
        b.rows[i] = oro_row_new(&cache, wide ? k.bytes : oro_bytes(&k.word, sizeof(k.word)), 1);
    return b.rows[i];
}

static size_t
number_of(const struct oro_row *row, bool wide)
{
    uint64_t word;
    if (wide) {
        char digits[6] = "";
        memcpy(digits, oro_row_data(row) + row->len - 5, 5);
        return (size_t)atoi(digits);
    }
    memcpy(&word, oro_row_data(row), sizeof(word));
    return word / 1000003;
}

static void
tree_agrees(const struct oro_btree *t, bool wide)
{
    cr_assert(oro_btree_check(t));
    cr_assert_eq(t->n, b.n);
    struct oro_bt_at at = oro_btree_seek(t, &(struct oro_bound){0});
    struct oro_key k = {0}, last = {0};
    size_t n = 0;
    for (oro_head *cell; (cell = oro_btree_next(t, &at, &k)) != NULL; n++) {
        cr_assert(b.in[number_of(oro_head_row(cell), wide)]);
        if (n > 0)
            cr_assert(wide ? oro_bytes_cmp(last.bytes, k.bytes) < 0 : last.word < k.word);
        last = k;
    }
    cr_assert_eq(n, b.n);
    /* And back. */
    struct oro_bound end = {.word = last.word, .bytes = last.bytes, .after = true};
    at = oro_btree_seek(t, &end);
    for (n = 0; oro_btree_prev(t, &at, &k) != NULL; n++) {
        if (n == 0)
            cr_assert(last.word == k.word && oro_bytes_eq(last.bytes, k.bytes));
        else
            cr_assert(wide ? oro_bytes_cmp(last.bytes, k.bytes) > 0 : last.word > k.word);
        last = k;
    }
    cr_assert_eq(n, b.n);
}

static void
tree_step(struct oro_btree *t, size_t i, bool wide, bool want)
{
    struct oro_key k = key_of(i, wide, false);
    oro_head *cell = oro_btree_cell(t, &k);
    cr_assert_eq(cell != NULL, b.in[i]);
    if (cell != NULL)
        cr_assert_eq(oro_head_row(cell), b.rows[i]);
    if (want == b.in[i])
        return;
    if (want)
        oro_btree_insert(t, &k, row_of(i, wide));
    else
        oro_btree_erase(t, &k);
    b.in[i] = want;
    b.n += want ? 1 : (size_t)-1;
}

static void
pool_open(void)
{
    const uint16_t first = 0;
    oro_pool_init(&pool);
    oro_pool_cache_init(&cache, &pool);
    schema = fx_schema();
    for (int wide = 0; wide < 2; wide++) {
        const struct oro_table_def *t =
            fx_table(schema, "t", wide ? "text:string" : "number:u64", -1);
        oro_layout_init(&layout[wide], t->row);
        oro_key_plan_init(&plan[wide], &layout[wide], &first, 1, false);
    }
}

static void
pool_close(void)
{
    for (size_t i = 0; i < N; i++)
        oro_row_free(&cache, b.rows[i]);
    oro_pool_cache_fini(&cache);
    oro_pool_fini(&pool);
    for (int wide = 0; wide < 2; wide++) {
        oro_key_plan_fini(&plan[wide]);
        oro_layout_fini(&layout[wide]);
    }
    fx_schema_free(schema);
}

static void
tree_run(bool wide)
{
    struct oro_btree t;
    pool_open();
    oro_btree_init(&t, &cache, wide);
    uint64_t rng = 5;
    /* Fill in order, thin out, refill at random, drain from the front, then from the back. */
    for (size_t i = 0; i < N; i++)
        tree_step(&t, i, wide, true);
    tree_agrees(&t, wide);
    for (size_t i = 0; i < N; i++)
        if (fx_rand(&rng) % 16 > 0)
            tree_step(&t, i, wide, false);
    tree_agrees(&t, wide);
    for (size_t i = 0; i < 2 * N; i++)
        tree_step(&t, fx_rand(&rng) % N, wide, fx_rand(&rng) % 3 > 0);
    tree_agrees(&t, wide);
    for (size_t i = 0; i < N / 2; i++)
        tree_step(&t, i, wide, false);
    tree_agrees(&t, wide);
    for (size_t i = N; i-- > N / 2;)
        tree_step(&t, i, wide, false);
    tree_agrees(&t, wide);
    cr_assert(t.root->leaf, "an emptied tree is one leaf again");
    for (size_t i = N; i-- > 0;)
        tree_step(&t, i, wide, true);
    tree_agrees(&t, wide);
    oro_btree_fini(&t);
    pool_close();
}

Test(index, btree_of_narrow_keys)
{
    tree_run(false);
}

Test(index, btree_of_wide_keys)
{
    tree_run(true);
}

/* The same with keys that begin to be dense in the course of it: numbers of a column of so many bytes, below 0 as well if there
 * is a sign. */
static size_t
negative(unsigned size)
{
    return size == 1 ? 128 : N / 4;
}

static struct oro_key
dense_key(size_t i, unsigned size, bool is_signed)
{
    uint64_t number = is_signed ? (uint64_t)i - negative(size) : (uint64_t)i;
    uint64_t flipped = is_signed ? number ^ UINT64_C(1) << (size * 8 - 1) : number;
    return (struct oro_key){.word = flipped << (64 - size * 8)};
}

static void
dense_step(struct oro_btree *t, size_t i, unsigned size, bool is_signed, bool want)
{
    struct oro_key k = dense_key(i, size, is_signed);
    oro_head *cell = oro_btree_cell(t, &k);
    cr_assert_eq(cell != NULL, b.in[i]);
    if (cell != NULL)
        cr_assert_eq(oro_head_row(cell), b.rows[i]);
    if (want && cell == NULL)
        oro_btree_insert(t, &k, row_of(i, false));
    else if (!want && cell != NULL)
        oro_btree_erase(t, &k);
    b.n += (size_t)want - b.in[i];
    b.in[i] = want;
}

/* All keys in order, from any place on. */
static void
dense_agrees(const struct oro_btree *t, unsigned size, bool is_signed, uint64_t *rng)
{
    size_t last = size == 1 ? 256 : N;
    cr_assert(oro_btree_check(t));
    cr_assert_eq(t->n, b.n);
    for (int round = 0; round < 20; round++) {
        size_t i = round == 0 ? 0 : fx_rand(rng) % last;
        bool after = round % 2 == 1;
        struct oro_key k = dense_key(i, size, is_signed);
        struct oro_bound from = {.word = k.word, .after = after};
        if (after && size < 8)
            from.word |= UINT64_MAX >> (size * 8);
        struct oro_bt_at at = oro_btree_seek(t, &from);
        for (i += after; i < N; i++) {
            if (!b.in[i])
                continue;
            oro_head *cell = oro_btree_next(t, &at, &k);
            cr_assert_not_null(cell);
            cr_assert_eq(oro_head_row(cell), b.rows[i]);
            cr_assert_eq(k.word, dense_key(i, size, is_signed).word);
        }
        cr_assert_null(oro_btree_next(t, &at, &k));
    }
    for (int round = 0; round < 20; round++) { /* and backwards */
        size_t i = round == 0 ? last - 1 : fx_rand(rng) % last;
        struct oro_key k = dense_key(i, size, is_signed);
        struct oro_bound from = {.word = k.word, .after = round % 2 == 1};
        if (from.after && size < 8)
            from.word |= UINT64_MAX >> (size * 8);
        struct oro_bt_at at = oro_btree_seek(t, &from);
        for (i += from.after; i-- > 0;) {
            if (!b.in[i])
                continue;
            oro_head *cell = oro_btree_prev(t, &at, &k);
            cr_assert_not_null(cell);
            cr_assert_eq(oro_head_row(cell), b.rows[i]);
            cr_assert_eq(k.word, dense_key(i, size, is_signed).word);
        }
        cr_assert_null(oro_btree_prev(t, &at, &k));
        cr_assert_null(oro_btree_prev(t, &at, &k));
    }
}

static void
dense_run(unsigned size, bool is_signed)
{
    struct oro_btree t;
    uint64_t rng = 9;
    pool_open();
    oro_btree_init(&t, &cache, false);
    oro_btree_allow_dense(&t, size, is_signed);
    size_t last = size == 1 ? 256 : N;
    /* Sparse at first, so in the tree; then everything in any order, so that the array takes over. */
    for (size_t i = 0; i < last; i += 37)
        dense_step(&t, i, size, is_signed, true);
    dense_agrees(&t, size, is_signed, &rng);
    cr_assert(size == 1 || t.dense.n < t.n / 2);
    for (size_t i = 0; i < 4 * last; i++)
        dense_step(&t, fx_rand(&rng) % last, size, is_signed, true);
    dense_agrees(&t, size, is_signed, &rng);
    cr_assert(size == 1 || t.dense.n >= t.n / 2);
    for (size_t i = 0; i < last; i++)
        if (fx_rand(&rng) % 16 > 0)
            dense_step(&t, i, size, is_signed, false);
    dense_agrees(&t, size, is_signed, &rng);
    for (size_t i = 0; i < 2 * last; i++)
        dense_step(&t, fx_rand(&rng) % last, size, is_signed, fx_rand(&rng) % 3 > 0);
    dense_agrees(&t, size, is_signed, &rng);
    for (size_t i = last; i-- > 0;)
        dense_step(&t, i, size, is_signed, false);
    dense_agrees(&t, size, is_signed, &rng);
    for (size_t i = 0; i < last; i++)
        dense_step(&t, i, size, is_signed, true);
    dense_agrees(&t, size, is_signed, &rng);
    cr_assert_eq(t.dense.n, is_signed ? last - negative(size) : last,
                 "what ascends is dense at once");
    oro_btree_fini(&t);
    pool_close();
}

Test(index, btree_of_dense_numbers)
{
    dense_run(4, false);
}

Test(index, btree_of_dense_numbers_of_eight_bytes)
{
    dense_run(8, false);
}

Test(index, btree_of_dense_numbers_to_the_end_of_their_type)
{
    dense_run(1, true);
    b = (struct bench){0};
    dense_run(2, false);
}

Test(index, btree_of_dense_numbers_with_a_sign)
{
    dense_run(4, true);
}

static void
hash_step(struct oro_hash *h, size_t i, bool wide, bool want)
{
    struct oro_key k = key_of(i, wide, true);
    oro_head *cell = oro_hash_cell(h, &k);
    cr_assert_eq(cell != NULL, b.in[i]);
    if (cell != NULL)
        cr_assert_eq(oro_head_row(cell), b.rows[i]);
    if (want == b.in[i])
        return;
    if (want)
        oro_hash_insert(h, &k, row_of(i, wide));
    else
        oro_hash_erase(h, &k);
    b.in[i] = want;
    b.n += want ? 1 : (size_t)-1;
}

static void
hash_agrees(const struct oro_hash *h, bool wide)
{
    size_t at = 0, n = 0;
    for (struct oro_row *r; (r = oro_hash_next(h, &at)) != NULL; n++)
        cr_assert(b.in[number_of(r, wide)]);
    cr_assert_eq(n, b.n);
    cr_assert_eq(h->n, b.n);
}

static void
hash_run(bool wide)
{
    struct oro_hash h;
    pool_open();
    oro_hash_init(&h, wide ? ORO_KEY_WIDE : ORO_KEY_NARROW, &plan[wide]);
    uint64_t rng = 6;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < N; i++)
            hash_step(&h, fx_rand(&rng) % N, wide, true);
        hash_agrees(&h, wide);
        for (size_t i = 0; i < 2 * N; i++)
            hash_step(&h, fx_rand(&rng) % N, wide, fx_rand(&rng) % 2);
        hash_agrees(&h, wide);
        for (size_t i = 0; i < N; i++)
            hash_step(&h, i, wide, false);
        hash_agrees(&h, wide);
        cr_assert_leq(h.cap, 64, "an emptied table is small again");
    }
    oro_hash_fini(&h);
    pool_close();
}

Test(index, hash_of_narrow_keys)
{
    hash_run(false);
}

Test(index, hash_of_wide_keys)
{
    hash_run(true);
}
