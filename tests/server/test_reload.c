/* The module is exchanged between two jobs while clients play: the same declarations, others, and some that do not load. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "runtime/base/log.h"
#include "tests/server/rig.h"

#define PLAYERS 6

static struct rig rig;

TestSuite(reload, .timeout = 280);

struct player {
    struct fake_client *client;
    uint32_t asked;
    pthread_t thread;
};

static atomic_bool plays;

static struct player players[PLAYERS];

static void *
player_main(void *arg)
{
    struct player *p = arg;
    struct oro_bb frame = {0};
    put_subscribe(&frame, p->asked++, 0, "SELECT * FROM account");
    fake_send(p->client, oro_bb_bytes(&frame), 1);
    while (atomic_load(&plays) && !fake_is_closed(p->client)) {
        oro_bb_clear(&frame);
        for (unsigned i = 0; i < 12; i++)
            put_add(&frame, p->asked++, 10 + i, 1);
        put_query(&frame, p->asked++, "SELECT * FROM account WHERE n > 7");
        fake_send(p->client, oro_bb_bytes(&frame), 13);
        fake_wait_answered(p->client);
        /* Who does not wait for the disk would fill the log faster than a sanitizer writes it, and those who do wait for all of that. */
        while (p->asked > fake_answered(players[0].client) + 50 * 13 && atomic_load(&plays) &&
               !fake_is_closed(players[0].client))
            sched_yield();
    }
    oro_bb_fini(&frame);
    return NULL;
}

static void
play(void)
{
    atomic_store(&plays, true);
    for (unsigned i = 0; i < PLAYERS; i++) {
        players[i] = (struct player){0};
        players[i].client = fake_connect(rig.net, i % RIG_SHARDS, 10 + i,
                                         i % 2 == 0 ? "" : "confirmed=false", false);
        cr_assert_eq(pthread_create(&players[i].thread, NULL, player_main, &players[i]), 0);
    }
}

/* They see the same, and every call has counted once. */
static void
play_end(void)
{
    int64_t sum, calls = 0;
    atomic_store(&plays, false);
    for (unsigned i = 0; i < PLAYERS; i++)
        pthread_join(players[i].thread, NULL);
    for (unsigned i = 0; i < PLAYERS; i++) {
        fake_wait_answered(players[i].client);
        cr_assert(!fake_is_closed(players[i].client));
        cr_assert_eq(fake_failed(players[i].client), 0);
        calls += (players[i].asked - 1) / 13 * 12;
    }
    struct player *p = &players[0];
    struct oro_bb frame = {0};
    put_query(&frame, p->asked, "SELECT * FROM account WHERE id >= 10");
    put_add(&frame, p->asked + 1, 9, 9);
    fake_send(p->client, oro_bb_bytes(&frame), 2);
    oro_bb_fini(&frame);
    fake_wait_answered(p->client);
    (void)fake_query_rows(p->client, &sum);
    cr_assert_eq(sum, calls);
    for (unsigned i = 0; i < PLAYERS; i++) {
        fake_wait_row(players[i].client, 0, 9, 9);
        cr_assert(fake_same_rows(p->client, players[i].client, 0));
    }
}

static void
players_free(void)
{
    for (unsigned i = 0; i < PLAYERS; i++)
        fake_client_free(players[i].client);
}

static void
calls_wait(unsigned n)
{
    unsigned from = fake_answered(players[0].client);
    while (fake_answered(players[0].client) < from + n && !fake_is_closed(players[0].client))
        sched_yield();
}

static oro_status
reload(const char *becomes)
{
    char *report = NULL;
    struct oro_err err = {0};
    module_becomes(becomes);
    oro_status st = oro_server_reload(rig.server, &report, &err);
    cr_assert(st == ORO_OK || report != NULL || err.text[0] != '\0');
    oro_free(report);
    return st;
}

static void
code_only(bool on_disk)
{
    rig_start(&rig, &(struct rig_options){.on_disk = on_disk});
    play();
    for (unsigned i = 0; i < 5; i++) {
        calls_wait(50);
        cr_assert_eq(reload("module"), ORO_OK);
    }
    play_end();
    rig_stop(&rig);
    players_free();
}

Test(reload, of_the_code)
{
    code_only(false);
}

Test(reload, of_the_code_on_disk)
{
    code_only(true);
}

static void
of_tables(bool on_disk)
{
    rig_start(&rig, &(struct rig_options){.on_disk = on_disk});
    play();
    calls_wait(50);
    cr_assert_eq(reload("changed"), ORO_OK);
    calls_wait(50);
    cr_assert_eq(reload("changed"), ORO_OK);
    calls_wait(50);
    play_end();
    rig_stop(&rig);
    players_free();
}

/* A private table has got a column: nobody who plays notices. */
Test(reload, of_tables)
{
    of_tables(false);
}

Test(reload, of_tables_on_disk)
{
    of_tables(true);
}

Test(reload, that_fails_changes_nothing)
{
    rig_start(&rig, &(struct rig_options){.on_disk = true});
    oro_log_set_level(ORO_LOG_ERROR);
    play();
    for (unsigned i = 0; i < 3; i++) {
        calls_wait(30);
        cr_assert_eq(reload(NULL), ORO_EINVAL);
    }
    calls_wait(30);
    cr_assert_eq(reload("module"), ORO_OK);
    play_end();
    rig_stop(&rig);
    players_free();
}

/* With readers at work, answers that wait, and one who waits for a call that does not end so soon. */
Test(reload, while_readers_read)
{
    struct fake_client *c[4];
    struct oro_bb frame = {0};
    rig_start(&rig, &(struct rig_options){.on_disk = true});
    play();
    for (unsigned i = 0; i < 4; i++) {
        uint32_t next = 0;
        c[i] = fake_connect(rig.net, i % RIG_SHARDS, 100 + i, "", false);
        oro_bb_clear(&frame);
        put_fill(&frame, next++, 1000 + i * 5000, 5000);
        put_subscribe(&frame, next++, 0, "SELECT * FROM account");
        put_query(&frame, next++, "SELECT * FROM account WHERE n > 100000");
        put_unsubscribe(&frame, next++, 0, true);
        put_subscribe(&frame, next++, 1, "SELECT * FROM account");
        fake_send(c[i], oro_bb_bytes(&frame), next);
    }
    for (unsigned i = 0; i < 6; i++)
        cr_assert_eq(reload("module"), ORO_OK);
    cr_assert_eq(reload("changed"), ORO_OK);
    for (unsigned i = 0; i < 4; i++) {
        fake_wait_answered(c[i]);
        cr_assert(!fake_is_closed(c[i]));
        cr_assert_eq(fake_failed(c[i]), 0);
    }
    atomic_store(&plays, false);
    for (unsigned i = 0; i < PLAYERS; i++)
        pthread_join(players[i].thread, NULL);
    oro_bb_fini(&frame);
    rig_stop(&rig);
    players_free();
    for (unsigned i = 0; i < 4; i++)
        fake_client_free(c[i]);
}

Test(reload, asked_for_over_http)
{
    char path[256], who[65];
    struct fake_request *r[6];
    rig_start(&rig, &(struct rig_options){.on_disk = true});
    /* The owner is whoever has the token of the data folder. */
    snprintf(path, sizeof(path), "%s/owner.token", rig.dir);
    FILE *f = fopen(path, "re");
    cr_assert_not_null(f);
    cr_assert_not_null(fgets(who, sizeof(who), f));
    fclose(f);
    who[strcspn(who, "\n")] = '\0';
    play();
    calls_wait(30);
    for (unsigned i = 0; i < 6; i++)
        r[i] = fake_ask(rig.net, i % RIG_SHARDS, "POST", "/v1/database/game/reload", "",
                        i == 5 ? "t:77" : who, "");
    fake_request_leave(r[4]); /* does not wait for the answer */
    for (unsigned i = 0; i < 4; i++)
        cr_assert_eq(fake_wait_answer(r[i]), 200, "%s", fake_body(r[i]));
    cr_assert_eq(fake_wait_answer(r[5]), 403);
    play_end();
    rig_stop(&rig);
    players_free();
    for (unsigned i = 0; i < 6; i++)
        fake_request_free(r[i]);
}

static void *
reload_main(void *arg)
{
    char *report = NULL;
    struct oro_err err;
    (void)!oro_server_reload(rig.server, &report, &err);
    oro_free(report);
    return NULL;
}

/* Whoever reloads and whoever stops the server do not wait for each other. */
Test(reload, while_the_server_stops)
{
    rig_start(&rig, &(struct rig_options){.on_disk = true});
    oro_log_set_level(ORO_LOG_ERROR);
    play();
    calls_wait(30);
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, reload_main, NULL), 0);
    struct fake_request *r =
        fake_ask(rig.net, 0, "POST", "/v1/database/game/reload", "", "t:77", "");
    atomic_store(&plays, false);
    oro_server_quiesce(rig.server);
    pthread_join(thread, NULL);
    for (unsigned i = 0; i < PLAYERS; i++)
        pthread_join(players[i].thread, NULL);
    rig_stop(&rig);
    players_free();
    fake_request_free(r);
}
