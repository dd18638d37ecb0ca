/* Shares: who takes all he can leaves something to whoever comes after him, whatever identities he brings. */
#include <criterion/criterion.h>

#include "runtime/base/mem.h"
#include "runtime/exec/shares.h"

#define ALL 1200
#define MOST (2 * ALL)

static struct oro_shares *shares;
static struct oro_share *taken[MOST];
static unsigned ntaken;

static void
setup(void)
{
    shares = oro_shares_create(ALL);
    ntaken = 0;
}

static void
teardown(void)
{
    while (ntaken > 0)
        oro_share_give(taken[--ntaken]);
    cr_assert_eq(oro_shares_used(shares), 0);
    oro_shares_destroy(shares);
}

TestSuite(shares, .init = setup, .fini = teardown);

static struct oro_turns_of
somebody(unsigned number, uint64_t source, bool known)
{
    struct oro_turns_of of = {.source = source, .known = known};
    memcpy(of.identity.le, &number, sizeof(number));
    return of;
}

static enum oro_share_room
take(struct oro_turns_of of)
{
    enum oro_share_room room = oro_share_take(shares, &of, 1, &taken[ntaken]);
    ntaken += room == ORO_SHARE_TAKEN;
    return room;
}

/* As many as there are for him. */
static unsigned
take_all(struct oro_turns_of of)
{
    unsigned n = 0;
    while (take(of) == ORO_SHARE_TAKEN)
        n++;
    return n;
}

Test(shares, one_alone_comes_to_a_half)
{
    cr_assert_eq(take_all(somebody(1, 7, true)), ALL / 2);
    cr_assert_eq(take(somebody(1, 7, true)), ORO_SHARE_OWN);
}

Test(shares, each_who_comes_finds_a_part)
{
    unsigned least = ALL;
    for (unsigned i = 0; i < 8; i++) {
        unsigned n = take_all(somebody(i, 100 + i, true));
        cr_assert_leq(n, least);
        cr_assert_gt(n, 0);
        least = n;
    }
}

Test(shares, newcomers_of_an_address_are_one)
{
    unsigned n = 0;
    for (unsigned i = 0; i < ALL; i++)
        n += take(somebody(i, 7, false)) == ORO_SHARE_TAKEN;
    cr_assert_eq(n, ALL / 2);
    cr_assert_eq(take(somebody(ALL, 8, false)), ORO_SHARE_TAKEN);
}

Test(shares, the_known_of_an_address_leave_a_quarter)
{
    unsigned n = 0;
    for (unsigned i = 0; i < MOST; i++)
        n += take(somebody(i, 7, true)) == ORO_SHARE_TAKEN;
    cr_assert_eq(n, ALL / 4 * 3);
    cr_assert_eq(take_all(somebody(1, 8, true)), ALL / 4 / 2);
}

Test(shares, what_is_given_back_is_there_again)
{
    for (int round = 0; round < 3; round++) {
        cr_assert_eq(take_all(somebody(1, 0, true)), ALL / 2);
        while (ntaken > 0)
            oro_share_give(taken[--ntaken]);
    }
}

Test(shares, a_small_room_is_used)
{
    teardown();
    shares = oro_shares_create(1);
    cr_assert_eq(take(somebody(1, 7, true)), ORO_SHARE_TAKEN);
    cr_assert_eq(take(somebody(2, 8, true)), ORO_SHARE_FULL);
}

Test(shares, a_share_may_grow_and_shrink)
{
    cr_assert_eq(take(somebody(1, 7, true)), ORO_SHARE_TAKEN);
    cr_assert_eq(oro_share_set(taken[0], ALL + 1), ORO_SHARE_FULL);
    cr_assert_eq(oro_shares_used(shares), 1);
    cr_assert_eq(oro_share_set(taken[0], ALL / 2 + 1), ORO_SHARE_TAKEN);
    cr_assert_eq(oro_share_set(taken[0], ALL / 2 + 2), ORO_SHARE_OWN);
    cr_assert_eq(oro_share_set(taken[0], 5), ORO_SHARE_TAKEN);
    cr_assert_eq(oro_shares_used(shares), 5);
}

Test(shares, one_that_has_grown_by_itself_is_counted)
{
    cr_assert_eq(take(somebody(1, 7, true)), ORO_SHARE_TAKEN);
    cr_assert_eq(take(somebody(2, 8, true)), ORO_SHARE_TAKEN);
    oro_share_is(taken[0], ALL + 5);
    cr_assert_eq(oro_shares_used(shares), ALL + 6);
    cr_assert_eq(take(somebody(3, 9, true)), ORO_SHARE_FULL);
    cr_assert_eq(oro_share_set(taken[1], 2), ORO_SHARE_FULL);
    oro_share_is(taken[0], 2);
    cr_assert_eq(oro_shares_used(shares), 3);
    cr_assert_eq(oro_share_set(taken[1], 2), ORO_SHARE_TAKEN);
}
