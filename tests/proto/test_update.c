/* What a commit changed is written once for all who see the same, and rows are linked, not copied. */
#include <criterion/criterion.h>

#include "runtime/proto/proto.h"
#include "runtime/subs/subs.h"

static struct oro_table_def tables[] = {{.name = "counter"}, {.name = "unit"}};

static struct change {
    struct oro_subs_change seen;
    struct oro_row_list inserts, deletes;
} changes[3];

static struct oro_updates *made;

/* A change of n rows of len bytes. */
static struct oro_subs_change *
change(unsigned i, unsigned table, size_t n, size_t len)
{
    struct change *c = &changes[i];
    uint8_t *row = oro_alloc(len);
    for (size_t k = 0; k < n; k++) {
        memset(row, (int)(k + i), len);
        oro_row_list_add(k % 3 == 2 ? &c->deletes : &c->inserts, oro_bytes(row, len));
    }
    oro_free(row);
    c->seen = (struct oro_subs_change){
        .table = &tables[table], .inserts = &c->inserts, .deletes = &c->deletes};
    return &c->seen;
}

static void
setup(void)
{
    made = oro_updates_create();
}

static void
teardown(void)
{
    oro_updates_destroy(made);
    for (size_t i = 0; i < ORO_ARRAY_LEN(changes); i++) {
        oro_row_list_fini(&changes[i].inserts);
        oro_row_list_fini(&changes[i].deletes);
        for (unsigned f = 0; f < ORO_SUBS_FORMATS; f++)
            oro_parts_fini(&changes[i].seen.made[f]);
    }
}

TestSuite(update, .init = setup, .fini = teardown);

static const struct oro_parts *
update(const struct oro_subs_notice *notices, size_t n, struct oro_bb *out)
{
    const struct oro_parts *body = oro_proto_v3.update(made, notices, n, NULL, out);
    cr_assert_not_null(body);
    return body;
}

static void
flatten(const struct oro_parts *p, struct oro_bb *out)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < p->n; i++) {
        cr_assert(p->bufs[i]->len > 0 && p->bufs[i]->len <= ORO_PART);
        oro_bb_put_bytes(out, oro_buf_bytes(p->bufs[i]));
        bytes += p->bufs[i]->len;
    }
    cr_assert_eq(bytes, p->bytes);
}

static void
put_rows(const struct oro_subs_change *c, struct oro_bb *out)
{
    oro_bb_u8(out, 0);
    oro_row_list_write(c->inserts, out);
    oro_row_list_write(c->deletes, out);
}

/* The same, as docs/wire.md#server-messages has it, in one piece. */
static void
expect(const struct oro_subs_notice *no, size_t n, struct oro_bb *out)
{
    oro_bb_u8(out, 4);
    oro_bb_u32(out, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        oro_bb_u32(out, no[i].query_set_id);
        oro_bb_u32(out, 1);
        oro_bb_lenbytes(out, oro_bytes_str(no[i].change->table->name));
        oro_bb_u32(out, 1);
        put_rows(no[i].change, out);
    }
}

static void
check(const struct oro_subs_notice *no, size_t n)
{
    struct oro_bb got = {0}, want = {0};
    flatten(update(no, n, &got), &got);
    expect(no, n, &want);
    cr_assert(oro_bytes_eq(oro_bb_bytes(&got), oro_bb_bytes(&want)), "%zu notices", n);
    oro_bb_fini(&got);
    oro_bb_fini(&want);
}

Test(update, one_change_is_made_once_whatever_the_ids_of_the_sets)
{
    struct oro_subs_notice a = {7, change(0, 0, 4, 12)}, b = {1000, a.change};
    struct oro_bb head = {0};
    const struct oro_parts *first = update(&a, 1, &head);
    cr_assert_eq(head.len, 1 + 4 + 4, "a tag, a count, an id: the rest is shared");
    cr_assert_eq(update(&b, 1, &head), first);
    cr_assert_eq(first->n, 1);
    check(&a, 1);
    check(&b, 1);
    oro_bb_fini(&head);
}

Test(update, several_are_put_together_once)
{
    struct oro_subs_notice a[] = {{1, change(0, 0, 4, 12)}, {2, change(1, 1, 5, 8)}},
                           b[] = {a[0], a[1]}, other[] = {a[0], {3, a[1].change}};
    struct oro_bb head = {0};
    const struct oro_parts *first = update(a, 2, &head);
    cr_assert_eq(update(b, 2, &head), first);
    cr_assert_neq(update(other, 2, &head), first);
    check(a, 2);
    check(other, 2);
    oro_updates_clear(made);
    check(a, 2);
    oro_bb_fini(&head);
}

static bool
has_part(const struct oro_parts *p, const struct oro_buf *part)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->bufs[i] == part)
            return true;
    return false;
}

Test(update, many_rows_are_linked)
{
    struct oro_subs_notice no[] = {
        {1, change(0, 0, 4, 12)}, {2, change(1, 1, 40000, 30)}, {3, change(2, 1, 1500, 30)}};
    struct oro_bb head = {0};
    check(no, 3);
    const struct oro_parts *all = update(no, 3, &head), *rows = update(&no[1], 1, &head);
    cr_assert_gt(rows->n, 4);
    for (size_t i = 1; i < rows->n; i++)
        cr_assert(has_part(all, rows->bufs[i]), "part %zu was copied", i);
    check(&no[1], 1);
    oro_bb_fini(&head);
}

Test(update, a_caller_gets_it_with_its_result)
{
    struct oro_subs_notice no = {7, change(0, 0, 1, 12)};
    struct oro_call_result r = {.request_id = 9, .timestamp_us = 5, .outcome = ORO_OK};
    struct oro_bb head = {0};
    const struct oro_parts *shared = update(&no, 1, &head);
    oro_bb_clear(&head);
    cr_assert_eq(oro_proto_v3.update(made, &no, 1, &r, &head), shared);
    cr_assert_eq(head.data[0], 6); /* ReducerResult */
    cr_assert_eq(head.len, 1 + 4 + 8 + 1 + 4 + 4 + 4);
    oro_bb_fini(&head);
}

Test(proto, the_first_of_ours_that_is_offered)
{
    static const struct {
        const char *offered;
        const struct oro_proto *want;
    } cases[] = {
        {"v2.bsatn.spacetimedb", &oro_proto_v2},
        {"v3.bsatn.spacetimedb", &oro_proto_v3},
        {"v2.bsatn.spacetimedb, v3.bsatn.spacetimedb", &oro_proto_v3},
        {"chat,\tv2.bsatn.spacetimedb\t", &oro_proto_v2},
        {"v2.bsatn.spacetimedb2", NULL},
        {"V3.bsatn.spacetimedb", NULL},
        {"", NULL},
        {NULL, NULL},
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(cases); i++)
        cr_assert_eq(oro_proto_choose(cases[i].offered), cases[i].want, "%s",
                     cases[i].offered != NULL ? cases[i].offered : "nothing");
    cr_assert(oro_proto_v3.many && !oro_proto_v2.many);
}
