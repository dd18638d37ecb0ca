/* What readers read for clients while the table changes under them: initial rows, one-off queries, SQL, the end of
 * subscriptions. Each client checks that what it is told fits together (net.h). */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>

#include "tests/server/rig.h"

#define ROWS 30000u /* beyond what a shard answers itself, and in several parts */
#define FROM 1000u

static struct rig rig;
static struct fake_client *writer;
static uint32_t written; /* requests of the writer */

TestSuite(reads, .timeout = 280);

static void
send(struct fake_client *c, struct oro_bb *frame, unsigned n)
{
    fake_send(c, oro_bb_bytes(frame), n);
    oro_bb_clear(frame);
}

static void
start(bool on_disk)
{
    struct oro_bb frame = {0};
    rig_start(&rig, &(struct rig_options){.on_disk = on_disk});
    writer = fake_connect(rig.net, 0, 1, "confirmed=false", false);
    written = 0;
    put_fill(&frame, written++, FROM, ROWS);
    send(writer, &frame, 1);
    oro_bb_fini(&frame);
    fake_wait_answered(writer);
}

static atomic_bool writes;

/* One call after the other, all over the table. */
static void *
writer_main(void *arg)
{
    struct oro_bb frame = {0};
    uint32_t n = 0;
    while (atomic_load(&writes)) {
        for (unsigned i = 0; i < 16; i++, n += 7919)
            put_add(&frame, written++, FROM + n % ROWS, 1);
        send(writer, &frame, 16);
        fake_wait_answered(writer);
    }
    oro_bb_fini(&frame);
    return NULL;
}

static void
end(struct fake_client **c, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        fake_leave(c[i], true);
        fake_wait_closed(c[i]);
        fake_client_free(c[i]);
    }
    fake_leave(writer, true);
    fake_wait_closed(writer);
    fake_client_free(writer);
    rig_wait_nobody(&rig);
    rig_stop(&rig);
}

#define READERS 6

static uint32_t
put_subscriptions(struct oro_bb *frame, unsigned i)
{
    uint32_t next = 0;
    put_subscribe(frame, next++, 0, "SELECT * FROM account");
    put_add(frame, next++, 5 + i, 1); /* waits until that is answered */
    put_query(frame, next++, "SELECT * FROM account WHERE n > 0");
    put_subscribe(frame, next++, 1, "SELECT * FROM account WHERE id < 20000");
    put_unsubscribe(frame, next++, 1, i % 2 == 0);
    put_subscribe(frame, next++, 2, "SELECT * FROM account WHERE id = 1001");
    return next;
}

/* The same sets, at once; of two with one id the first is there, and one is refused. */
static uint32_t
put_batches(struct oro_bb *frame, unsigned i)
{
    static const struct set_text all[] = {{0, "SELECT * FROM account"},
                                          {1, "SELECT * FROM account WHERE id < 20000"},
                                          {1, "SELECT * FROM account WHERE id > 0"},
                                          {3, "SELECT nonsense"},
                                          {2, "SELECT * FROM account WHERE id = 1001"}};
    uint32_t next = 0;
    put_batch(frame, next++, all, ORO_ARRAY_LEN(all));
    put_add(frame, next++, 5 + i, 1);
    put_batch(frame, next++, all, 1); /* in use */
    put_unsubscribe(frame, next++, 1, i % 2 == 0);
    put_batch(frame, next++, all + 1, 1);
    put_unsubscribe(frame, next++, 1, true);
    return next;
}

static void
subscribe_while_it_changes(bool on_disk, uint32_t (*put)(struct oro_bb *frame, unsigned i))
{
    struct fake_client *c[READERS];
    struct oro_bb frame = {0};
    pthread_t thread;
    start(on_disk);
    atomic_store(&writes, true);
    cr_assert_eq(pthread_create(&thread, NULL, writer_main, NULL), 0);
    for (unsigned i = 0; i < READERS; i++) {
        c[i] = fake_connect(rig.net, i % RIG_SHARDS, 10 + i, i % 3 == 0 ? "confirmed=false" : "",
                            false);
        uint32_t asked = put(&frame, i);
        send(c[i], &frame, asked);
    }
    for (unsigned i = 0; i < READERS; i++) {
        fake_wait_answered(c[i]);
        cr_assert_eq(fake_failed(c[i]), 0);
        cr_assert_geq(fake_rows(c[i], 0), ROWS);
        cr_assert_eq(fake_rows(c[i], 2), 1);
    }
    atomic_store(&writes, false);
    pthread_join(thread, NULL);
    put_add(&frame, written++, 99, 1);
    send(writer, &frame, 1);
    for (unsigned i = 0; i < READERS; i++)
        fake_wait_row(c[i], 0, 99, 1);
    for (unsigned i = 1; i < READERS; i++)
        cr_assert(fake_same_rows(c[0], c[i], 0), "client %u sees something else", i);
    oro_bb_fini(&frame);
    end(c, READERS);
}

Test(reads, subscribe_while_it_changes)
{
    subscribe_while_it_changes(false, put_subscriptions);
}

Test(reads, subscribe_while_it_changes_on_disk)
{
    subscribe_while_it_changes(true, put_subscriptions);
}

Test(reads, batches_while_it_changes)
{
    subscribe_while_it_changes(false, put_batches);
}

/* Whoever leaves in the middle of a reading leaves nothing behind. */
Test(reads, leave_in_the_middle)
{
    struct fake_client *c[40];
    struct oro_bb frame = {0};
    pthread_t thread;
    start(false);
    atomic_store(&writes, true);
    cr_assert_eq(pthread_create(&thread, NULL, writer_main, NULL), 0);
    for (unsigned i = 0; i < 40; i++) {
        c[i] = fake_connect(rig.net, i % RIG_SHARDS, 10 + i, "", false);
        put_subscribe(&frame, 0, 0, "SELECT * FROM account");
        put_query(&frame, 1, "SELECT * FROM account WHERE n > 100000");
        send(c[i], &frame, 2);
        if (i % 4 == 1)
            fake_wait_open(c[i]);
        if (i % 4 == 2)
            fake_half_close(c[i]);
        else
            fake_leave(c[i], i % 2 == 0);
    }
    for (unsigned i = 0; i < 40; i++)
        fake_wait_closed(c[i]);
    for (unsigned i = 2; i < 40; i += 4)
        cr_assert_eq(fake_answered(c[i]), 2, "one that had only ended its side was not answered");
    atomic_store(&writes, false);
    pthread_join(thread, NULL);
    oro_bb_fini(&frame);
    end(c, 40);
}

Test(reads, sql_of_http)
{
    struct fake_request *r[12];
    start(false);
    for (unsigned i = 0; i < 12; i++)
        r[i] = fake_ask(rig.net, i % RIG_SHARDS, "POST", "/v1/database/game/sql", "", NULL,
                        i % 3 == 0   ? "SELECT * FROM account"
                        : i % 3 == 1 ? "SELECT COUNT(*) AS n FROM account WHERE n > 0"
                                     : "SELECT * FROM account WHERE n = 12345");
    for (unsigned i = 0; i < 12; i += 5)
        fake_request_leave(r[i]);
    for (unsigned i = 0; i < 12; i++) {
        if (i % 5 == 0)
            continue;
        cr_assert_eq(fake_wait_answer(r[i]), 200);
        size_t n = strlen(fake_body(r[i]));
        cr_assert(i % 3 == 0 ? n > ROWS * 8u : n < 1000);
    }
    end(NULL, 0);
    for (unsigned i = 0; i < 12; i++)
        fake_request_free(r[i]);
}

/* The server stops while readers read: everybody is told something, nobody waits. */
Test(reads, the_server_stops_in_the_middle)
{
    struct fake_client *c[8];
    struct fake_request *r[8];
    struct oro_bb frame = {0};
    start(true);
    for (unsigned i = 0; i < 8; i++) {
        c[i] = fake_connect(rig.net, i % RIG_SHARDS, 10 + i, "", false);
        put_subscribe(&frame, 0, 0, "SELECT * FROM account");
        put_query(&frame, 1, "SELECT * FROM account WHERE n > 100000");
        send(c[i], &frame, 2);
        r[i] = fake_ask(rig.net, i % RIG_SHARDS, "POST", "/v1/database/game/sql", "", NULL,
                        "SELECT * FROM account");
    }
    fake_wait_open(c[0]);
    oro_bb_fini(&frame);
    rig_stop(&rig);
    for (unsigned i = 0; i < 8; i++) {
        fake_client_free(c[i]);
        fake_request_free(r[i]);
    }
    fake_client_free(writer);
}
