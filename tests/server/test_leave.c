/* Clients that come and go while everything else goes on. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>

#include "tests/server/rig.h"

#define SEATS 6
#define VISITS 25

static struct rig rig;

TestSuite(leave, .timeout = 200);

static uint64_t
draw(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* What stands in the frame, or only that much later. */
static void
send_on(struct fake_client *c, struct oro_bb *frame, unsigned *n, bool single)
{
    if (!single && *n < 12)
        return;
    fake_send(c, oro_bb_bytes(frame), *n);
    oro_bb_clear(frame);
    *n = 0;
}

static void
ask_some(struct fake_client *c, uint64_t *rng, bool single)
{
    struct oro_bb frame = {0};
    unsigned n = 1;
    uint32_t next = 0;
    put_subscribe(&frame, next++, 0, "SELECT * FROM account");
    send_on(c, &frame, &n, single);
    for (uint64_t more = draw(rng) % 30; more > 0; more--, n++) {
        send_on(c, &frame, &n, single && n > 0);
        if (draw(rng) % 8 == 0)
            put_query(&frame, next++, "SELECT * FROM account");
        else
            put_add(&frame, next++, 10 + draw(rng) % 5, 1);
    }
    if (n > 0)
        fake_send(c, oro_bb_bytes(&frame), n);
    oro_bb_fini(&frame);
}

static void
visit(struct fake_client *c, uint64_t *rng, bool single)
{
    ask_some(c, rng, single);
    switch (draw(rng) % 4) {
    case 0:
        fake_wait_answered(c);
        break;
    case 1:
        fake_wait_open(c);
        break;
    case 2:
        fake_half_close(c);
        fake_wait_closed(c);
        break;
    default:
        break;
    }
    fake_leave(c, draw(rng) % 2 == 0);
    fake_wait_closed(c);
    fake_client_free(c);
}

/* Comes, asks, and goes at any moment, with one identity, and sometimes one that is refused. */
static void *
seat_main(void *arg)
{
    unsigned seat = (unsigned)(uintptr_t)arg;
    uint64_t rng = 991 + seat;
    for (unsigned i = 0; i < VISITS; i++) {
        uint32_t who = 1 + seat + (draw(&rng) % 8 == 0 ? MODULE_REFUSED : 0);
        bool single = draw(&rng) % 2 == 0;
        visit(fake_connect(rig.net, seat % RIG_SHARDS, who,
                           draw(&rng) % 2 == 0 ? "" : "confirmed=false", single),
              &rng, single);
    }
    return NULL;
}

static void
visits(void)
{
    pthread_t seats[SEATS];
    for (uintptr_t i = 0; i < SEATS; i++)
        cr_assert_eq(pthread_create(&seats[i], NULL, seat_main, (void *)i), 0);
    for (unsigned i = 0; i < SEATS; i++)
        pthread_join(seats[i], NULL);
    fake_net_cuts(rig.net, 0);
    rig_wait_nobody(&rig);
    rig_stop(&rig);
}

Test(leave, at_any_moment)
{
    rig_start(&rig, &(struct rig_options){0});
    visits();
}

Test(leave, at_any_moment_on_disk)
{
    rig_start(&rig, &(struct rig_options){.on_disk = true});
    visits();
}

/* The net has no room for them, in the middle of anything. */
Test(leave, cut_off)
{
    rig_start(&rig, &(struct rig_options){.incoming = 4});
    fake_net_cuts(rig.net, 12);
    visits();
}

Test(leave, cut_off_on_disk)
{
    rig_start(&rig, &(struct rig_options){.on_disk = true});
    fake_net_cuts(rig.net, 12);
    visits();
}

Test(leave, who_is_refused_is_told_why)
{
    rig_start(&rig, &(struct rig_options){0});
    struct fake_client *c = fake_connect(rig.net, 0, 1 | MODULE_REFUSED, "", false);
    struct oro_bb frame = {0};
    put_add(&frame, 0, 33, 1);
    fake_send(c, oro_bb_bytes(&frame), 1);
    fake_wait_closed(c);
    cr_assert_eq(fake_close_code(c), 1008);
    cr_assert_eq(fake_answered(c), 0);
    struct fake_client *other = fake_connect(rig.net, 0, 2, "", false);
    oro_bb_clear(&frame);
    put_query(&frame, 0, "SELECT * FROM account WHERE id = 33");
    fake_send(other, oro_bb_bytes(&frame), 1);
    fake_wait_answered(other);
    int64_t sum;
    cr_assert_eq(fake_query_rows(other, &sum), 0, "a call of one who was not let in has run");
    oro_bb_fini(&frame);
    fake_leave(other, true);
    rig_wait_nobody(&rig);
    rig_stop(&rig);
    fake_client_free(c);
    fake_client_free(other);
}

/* ---- sessions ---- */

#define SESSION "session_id=000102030405060708090a0b0c0d0e0f"

/* Who comes for a session that somebody of the same identity has is sent away, the other one is cut off, and after that it may
 * come; so one is here at a time, on whatever shard. */
Test(leave, a_session_has_one_connection)
{
    rig_start(&rig, &(struct rig_options){0});
    struct fake_client *first = fake_connect(rig.net, 0, 1, SESSION, false),
                       *other = fake_connect(rig.net, 1, 2, SESSION, false);
    fake_wait_open(first);
    fake_wait_open(other);
    struct fake_client *again = fake_connect(rig.net, 1, 1, SESSION, false);
    fake_wait_closed(again);
    cr_assert_eq(fake_close_code(again), 4000);
    fake_wait_closed(first);
    cr_assert_eq(fake_close_code(first), 0, "it is cut off without a Close");
    for (int code = 4000; code == 4000;) {
        fake_client_free(again);
        again = fake_connect(rig.net, 1, 1, SESSION, false);
        struct oro_bb frame = {0};
        put_query(&frame, 0, "SELECT * FROM account");
        fake_send(again, oro_bb_bytes(&frame), 1);
        oro_bb_fini(&frame);
        fake_wait_answered(again); /* or it is closed */
        code = fake_close_code(again);
    }
    cr_assert(!fake_is_closed(again));
    cr_assert(!fake_is_closed(other), "the session of another identity");
    rig_stop(&rig);
    fake_client_free(first);
    fake_client_free(other);
    fake_client_free(again);
}

/* Who was not let in by client_connected does not keep others out. */
Test(leave, a_session_that_was_refused_is_free)
{
    rig_start(&rig, &(struct rig_options){0});
    for (int i = 0; i < 3; i++) {
        struct fake_client *c = fake_connect(rig.net, 0, 1 | MODULE_REFUSED, SESSION, false);
        fake_wait_closed(c);
        cr_assert_eq(fake_close_code(c), 1008);
        fake_client_free(c);
    }
    rig_wait_nobody(&rig);
    rig_stop(&rig);
}

/* ---- turns ---- */

#define CROWD 60
#define EACH 5

/* Those who come without a token, from one address, are many identities and one crowd: who comes from elsewhere does not wait for them all. */
Test(leave, a_crowd_without_tokens_is_one_in_the_round)
{
    struct fake_client *crowd[CROWD];
    struct oro_bb frame = {0};
    rig_start(&rig, &(struct rig_options){.workers = 1});
    struct fake_client *holds = fake_connect(rig.net, 0, 1, "", false),
                       *player = fake_connect(rig.net, 0, 2, "", false);
    fake_wait_open(holds);
    fake_wait_open(player);
    for (unsigned i = 0; i < CROWD; i++) {
        crowd[i] = fake_connect(rig.net, 0, 0, "", false);
        fake_wait_open(crowd[i]);
    }
    put_call(&frame, 0, "hold");
    fake_send(holds, oro_bb_bytes(&frame), 1);
    while (atomic_load(&module_holding) == 0)
        sched_yield();
    oro_bb_clear(&frame);
    for (uint32_t i = 0; i < EACH; i++)
        put_add(&frame, i, 500, 1);
    for (unsigned i = 0; i < CROWD; i++)
        fake_send(crowd[i], oro_bb_bytes(&frame), EACH);
    fake_send(player, oro_bb_bytes(&frame), EACH);
    oro_bb_fini(&frame);
    fake_net_settle(rig.net); /* all of it waits for a worker */
    atomic_store(&module_gate, true);
    fake_wait_answered(player);
    for (unsigned i = 0; i < CROWD; i++)
        fake_wait_answered(crowd[i]);
    /* The crowd has had turns and the player hardly any, so it is one of the others, who have one of eight (turns.h). */
    cr_assert_lt(fake_when(player), 10 * EACH, "the player was answered after %u others",
                 fake_when(player));
    rig_stop(&rig);
    for (unsigned i = 0; i < CROWD; i++)
        fake_client_free(crowd[i]);
    fake_client_free(player);
    fake_client_free(holds);
}

/* Of one that says goodbye the first eight calls that had not begun still run, of another none. */
static int64_t
run_of_the_left(bool said_so)
{
    rig_start(&rig, &(struct rig_options){.workers = 1});
    struct fake_client *holds = fake_connect(rig.net, 0, 1, "", false),
                       *c = fake_connect(rig.net, 0, 2, "", false);
    struct oro_bb frame = {0};
    fake_wait_open(holds);
    fake_wait_open(c);
    atomic_store(&module_gate, false);
    put_call(&frame, 0, "hold");
    fake_send(holds, oro_bb_bytes(&frame), 1);
    while (atomic_load(&module_holding) == 0)
        sched_yield();
    oro_bb_clear(&frame);
    for (uint32_t i = 0; i < 20; i++)
        put_add(&frame, i, 500, 1);
    fake_send(c, oro_bb_bytes(&frame), 20);
    oro_bb_fini(&frame);
    fake_leave(c, said_so);
    fake_wait_closed(c);
    atomic_store(&module_gate, true);
    fake_wait_answered(holds);
    fake_leave(holds, true);
    rig_wait_nobody(&rig);
    struct fake_client *asks = fake_connect(rig.net, 0, 3, "", false);
    struct oro_bb question = {0};
    put_query(&question, 0, "SELECT * FROM account WHERE id = 500");
    fake_send(asks, oro_bb_bytes(&question), 1);
    oro_bb_fini(&question);
    fake_wait_answered(asks);
    int64_t sum = 0;
    (void)fake_query_rows(asks, &sum);
    rig_stop(&rig);
    fake_client_free(holds);
    fake_client_free(asks);
    fake_client_free(c);
    return sum;
}

Test(leave, what_still_runs_of_one_who_said_goodbye)
{
    cr_assert_eq(run_of_the_left(true), 8);
}

Test(leave, what_still_runs_of_one_who_broke_off)
{
    cr_assert_eq(run_of_the_left(false), 0);
}
