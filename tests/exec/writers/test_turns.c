/* Turns that may last: however much somebody has waiting, workers are left for whoever comes. */
#include <criterion/criterion.h>

#include "runtime/exec/writers/pool_priv.h"

#define WORKERS 4

static struct oro_spin lock;
static struct turns turns;
static struct oro_mailbox boxes[64];
static unsigned nboxes;

static void
setup(void)
{
    turns_init(&turns);
    turns.lock = &lock;
    turns.most = WORKERS - 1;
    oro_spin_lock(&lock);
}

static void
teardown(void)
{
    turns.most = 0;
    while (turns_pop(&turns) != NULL)
        ;
    for (unsigned i = 0; i < nboxes; i++)
        turns_leave(&turns, boxes[i].sharer);
    oro_spin_unlock(&lock);
    turns_fini(&turns);
}

TestSuite(turns, .init = setup, .fini = teardown);

static struct oro_mailbox *
waits(unsigned identity, uint64_t source, bool known)
{
    struct oro_turns_of of = {.source = source, .known = known};
    memcpy(of.identity.le, &identity, sizeof(identity));
    struct oro_mailbox *m = &boxes[nboxes++];
    m->sharer = turns_join(&turns, &of);
    turns_push(&turns, m);
    return m;
}

Test(turns, an_identity_leaves_one_worker_to_others)
{
    for (int i = 0; i < 10; i++)
        waits(1, 7, true);
    for (int i = 0; i < WORKERS - 1; i++)
        cr_assert_not_null(turns_pop(&turns));
    cr_assert_null(turns_pop(&turns));
    struct oro_mailbox *other = waits(2, 7, true); /* known ones of an address are not one */
    cr_assert_eq(turns_pop(&turns), other);
    cr_assert_null(turns_pop(&turns));
    turns_end(&turns, &boxes[0]);
    cr_assert_eq(turns_pop(&turns), &boxes[WORKERS - 1]);
    cr_assert_null(turns_pop(&turns));
}

Test(turns, newcomers_of_an_address_leave_one_worker_to_others)
{
    for (unsigned i = 0; i < 10; i++)
        waits(i, 7, false);
    for (int i = 0; i < WORKERS - 1; i++)
        cr_assert_not_null(turns_pop(&turns));
    cr_assert_null(turns_pop(&turns));
    struct oro_mailbox *other = waits(99, 8, false);
    cr_assert_eq(turns_pop(&turns), other);
}

Test(turns, who_is_passed_over_keeps_his_place)
{
    for (int i = 0; i < WORKERS; i++)
        waits(1, 7, true);
    for (int i = 0; i < WORKERS - 1; i++)
        turns_pop(&turns);
    struct oro_mailbox *second = waits(2, 8, true), *third = waits(3, 9, true);
    cr_assert_eq(turns_pop(&turns), second);
    turns_end(&turns, second);
    turns_end(&turns, &boxes[0]);
    cr_assert_eq(turns_pop(&turns), &boxes[WORKERS - 1]);
    cr_assert_eq(turns_pop(&turns), third);
    cr_assert_null(turns_pop(&turns));
}

Test(turns, what_stands_in_front_does_not_wait_for_those_who_may_not)
{
    for (int i = 0; i < WORKERS; i++)
        waits(1, 7, true);
    for (int i = 0; i < WORKERS - 1; i++)
        turns_pop(&turns);
    struct oro_mailbox timers[3] = {0};
    for (size_t i = 0; i < ORO_ARRAY_LEN(timers); i++)
        turns_push_front(&turns, &timers[i]);
    for (size_t i = 0; i < ORO_ARRAY_LEN(timers); i++)
        cr_assert_eq(turns_pop(&turns), &timers[i]);
}
