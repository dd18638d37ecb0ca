/* What clients are told, and in which order: many of them at once, of whom each checks every message (net.h). */
#include <criterion/criterion.h>
#include <pthread.h>

#include "tests/server/rig.h"

#define CLIENTS 8
#define FRAMES 40
#define ACCOUNTS 20

static struct rig rig;

static uint64_t
draw(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Something of everything. set: whether query set 1 is subscribed to. */
static void
put_any(struct oro_bb *out, uint32_t request_id, uint64_t *rng, bool *set)
{
    uint64_t what = draw(rng) % 16;
    if (what == 0) {
        put_query(out, request_id, "SELECT * FROM account WHERE n > 3");
    } else if (what == 1) {
        put_query(out, request_id, "SELECT nothing FROM nowhere");
    } else if (what == 2) {
        put_call(out, request_id, draw(rng) % 2 == 0 ? "fail" : "there_is_none");
    } else if (what <= 4) {
        if (*set)
            put_unsubscribe(out, request_id, 1, true);
        else
            put_subscribe(out, request_id, 1, "SELECT * FROM account WHERE id < 7");
        *set = !*set;
    } else {
        put_add(out, request_id, 10 + draw(rng) % ACCOUNTS, 1);
    }
}

struct player {
    struct fake_client *client;
    uint64_t rng;
    bool single;
};

/* Plays, from a thread of its own. */
static void *
player_main(void *arg)
{
    struct player *p = arg;
    struct oro_bb frame = {0};
    bool set = false;
    uint32_t next = 0;
    put_subscribe(&frame, next++, 0, "SELECT * FROM account");
    fake_send(p->client, oro_bb_bytes(&frame), 1);
    for (unsigned i = 0; i < FRAMES; i++) {
        unsigned n = p->single ? 1 : 1 + draw(&p->rng) % 12;
        oro_bb_clear(&frame);
        for (unsigned k = 0; k < n; k++)
            put_any(&frame, next++, &p->rng, &set);
        fake_send(p->client, oro_bb_bytes(&frame), n);
        if (draw(&p->rng) % 8 == 0)
            fake_wait_answered(p->client);
    }
    oro_bb_fini(&frame);
    return NULL;
}

static void
players_start(struct player *players, pthread_t *threads)
{
    static const char *const queries[] = {"", "confirmed=false"};
    for (unsigned i = 0; i < CLIENTS; i++) {
        players[i] = (struct player){.rng = 77 + i, .single = i % 3 == 0};
        players[i].client =
            fake_connect(rig.net, i % RIG_SHARDS, i + 1, queries[i / 2 % 2], players[i].single);
        cr_assert_eq(pthread_create(&threads[i], NULL, player_main, &players[i]), 0);
    }
}

static void
play(void)
{
    struct player players[CLIENTS];
    pthread_t threads[CLIENTS];
    players_start(players, threads);
    for (unsigned i = 0; i < CLIENTS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < CLIENTS; i++)
        fake_wait_answered(players[i].client);
    /* Whoever asks now is told what all are told by now: a last change that each of them sees. */
    struct fake_client *last = fake_connect(rig.net, 0, 100, "", false);
    struct oro_bb frame = {0};
    put_subscribe(&frame, 0, 0, "SELECT * FROM account");
    put_add(&frame, 1, 9999, 5);
    fake_send(last, oro_bb_bytes(&frame), 2);
    oro_bb_fini(&frame);
    fake_wait_answered(last);
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct fake_client *c = players[i].client;
        fake_wait_row(c, 0, 9999, 5);
        cr_assert(!fake_is_closed(c));
        cr_assert(fake_same_rows(last, c, 0), "client %u sees something else", i);
        cr_assert_lt(fake_charged(c), 16384, "%lld bytes are counted for one who has all",
                     (long long)fake_charged(c));
        fake_leave(c, i % 2 == 0);
        fake_wait_closed(c);
    }
    fake_leave(last, true);
    fake_wait_closed(last);
    rig_wait_nobody(&rig);
    rig_stop(&rig);
    for (unsigned i = 0; i < CLIENTS; i++)
        fake_client_free(players[i].client);
    fake_client_free(last);
}

TestSuite(order, .timeout = 280);

Test(order, in_memory)
{
    rig_start(&rig, &(struct rig_options){0});
    play();
}

Test(order, on_disk)
{
    rig_start(&rig, &(struct rig_options){.on_disk = true});
    play();
}

/* So few calls wait at once that most of what is sent is deferred. */
Test(order, with_little_room)
{
    rig_start(&rig, &(struct rig_options){.workers = 1, .incoming = 2});
    play();
}

/* Every question is more than the shard's own thread answers. */
Test(order, with_few_steps)
{
    rig_start(&rig, &(struct rig_options){.steps = 6000});
    play();
}
