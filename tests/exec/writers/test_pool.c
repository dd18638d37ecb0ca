/* The pool with real worker threads, a real store and reducers in C (stub_py.c), also under ThreadSanitizer: many clients at
 * once, answers in order and each once, sums that hold, a reducer that has to be interrupted, a pause in the middle. */
#include <criterion/criterion.h>
#include <sched.h>
#include <stdlib.h>

#include "runtime/base/clock.h"
#include "runtime/base/metric.h"
#include "runtime/store/tx.h"
#include "runtime/exec/writers/pool.h"
#include "runtime/exec/writers/turns.h"
#include "tests/store/fixture.h"
#include "tests/exec/writers/stub_py.h"

#define WORKERS 4
#define CLIENTS 12
#define JOBS 60
#define CALLS 8 /* of a job */
#define ACCOUNTS 16
#define EACH 1000

enum { TRANSFER, REFUSE, SPIN, TOTAL, SLOW, NOTE, REDUCERS };

static struct oro_schema *schema;
static struct oro_table_def *account;
static const struct oro_index_def *by_id;
static struct oro_store *store;
static struct oro_pool *pool;
static bool stopped;
static atomic_uint announced;

struct row {
    uint32_t id;
    int64_t n;
} __attribute__((packed));

/* ---- reducers ---- */

static oro_status
change(const struct oro_host_ops *ops, void *host, uint32_t id, int64_t by)
{
    struct oro_bytes found;
    struct row r;
    struct oro_err err;
    oro_status st = ops->find(host, account, by_id, oro_bytes(&id, 4), &found);
    if (st != ORO_OK)
        return st;
    memcpy(&r, found.data, sizeof(r));
    r.n += by;
    return ops->update(host, account, by_id, oro_bytes(&r, sizeof(r)), NULL, &err);
}

/* From the first account to the second. A few fail after they have taken the money. */
static oro_status
transfer(struct oro_py *py, const struct oro_host_ops *ops, struct oro_py_call *call)
{
    uint32_t ids[2];
    memcpy(ids, call->args.data, sizeof(ids));
    oro_status st = change(ops, call->host, ids[0], -1);
    if (st == ORO_OK && (ids[0] + ids[1]) % 30 == 0) {
        oro_bb_put_bytes(call->text, oro_bytes_str("on the way"));
        return ORO_EUSER;
    }
    ops->log(call->host, ORO_LOG_DEBUG, "module", "stub", 1, oro_bytes_str("transfer"));
    return st == ORO_OK ? change(ops, call->host, ids[1], 1) : st;
}

static oro_status
refuse(struct oro_py *py, const struct oro_host_ops *ops, struct oro_py_call *call)
{
    oro_bb_put_bytes(call->text, oro_bytes_str("no"));
    return ORO_EUSER;
}

static oro_status
spin(struct oro_py *py, const struct oro_host_ops *ops, struct oro_py_call *call)
{
    oro_status st = change(ops, call->host, 0, 500);
    while (st == ORO_OK && !stub_interrupted(py))
        sched_yield();
    return st == ORO_OK ? ORO_ETIMEOUT : st;
}

/* Sees all accounts at one moment. */
static oro_status
total(struct oro_py *py, const struct oro_host_ops *ops, struct oro_py_call *call)
{
    struct oro_py_rows rows;
    int64_t sum = 0;
    if (ops->scan(call->host, account, &rows) != ORO_OK)
        return ORO_ENOMEM;
    for (size_t i = 0; i < rows.n; i++)
        sum += fx_int(account, rows.rows[i], 1);
    return sum == ACCOUNTS * EACH && ops->count(call->host, account) == ACCOUNTS ? ORO_OK
                                                                                 : ORO_EINTERNAL;
}

/* Calls of these are counted as they begin; slow ones take longer than a turn, and wait for the gate. */
static atomic_uint begun, gate_waits;
static atomic_bool gate;
static atomic_uint noted[64]; /* how many had begun when the client's NOTE was, by client */

static oro_status
slow(struct oro_py *py, const struct oro_host_ops *ops, struct oro_py_call *call)
{
    atomic_fetch_add(&begun, 1);
    atomic_fetch_add(&gate_waits, 1);
    while (!atomic_load(&gate))
        sched_yield();
    for (int64_t end = oro_mono_us() + 6000; oro_mono_us() < end;)
        sched_yield();
    return ORO_OK;
}

static oro_status
note(struct oro_py *py, const struct oro_host_ops *ops, struct oro_py_call *call)
{
    atomic_store(&noted[call->sender.le[0] % 64], atomic_fetch_add(&begun, 1) + 1);
    return ORO_OK;
}

static stub_reducer *const reducers[] = {[TRANSFER] = transfer, [REFUSE] = refuse, [SPIN] = spin,
                                         [TOTAL] = total,       [SLOW] = slow,     [NOTE] = note};

/* ---- the pool ---- */

static void
on_published(void *arg, bool scheduled)
{
    atomic_fetch_add(&announced, 1);
}

static void
reducer_add(uint32_t id, const char *name, int64_t timeout_us)
{
    struct oro_elem none = {0};
    struct oro_err err;
    struct oro_type *params = oro_type_product(&schema->types, &none, 0);
    cr_assert_eq(oro_type_seal(&schema->types, params, &err), ORO_OK);
    schema->reducers[id] = (struct oro_reducer_def){
        .id = id, .name = name, .params = params, .timeout_us = timeout_us};
    schema->nreducers = id + 1;
}

static void
setup(void)
{
    struct oro_err err = {0};
    schema = fx_schema();
    account = fx_table(schema, "account", "id:u32 n:i64", 0);
    by_id = fx_index(account, ORO_INDEX_BTREE, true, "0");
    schema->reducers = ORO_NEW_ARRAY(struct oro_reducer_def, REDUCERS);
    reducer_add(TRANSFER, "transfer", 0);
    reducer_add(REFUSE, "refuse", 0);
    reducer_add(SPIN, "spin", 30000);
    reducer_add(TOTAL, "total", 0);
    reducer_add(SLOW, "slow", 0);
    reducer_add(NOTE, "note", 0);
    stub_reducers = reducers;
    cr_assert_eq(oro_store_create(schema, NULL, &store, &err), ORO_OK);
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        struct row r = {i, EACH};
        cr_assert_eq(oro_store_load(store, account, oro_bytes(&r, sizeof(r)), false, &err), ORO_OK);
    }
    struct oro_pool_options opt = {.workers = WORKERS,
                                   .module_path = "stub.py",
                                   .module_name = "stub",
                                   .hooks = {.published = on_published}};
    char *descriptor = NULL, *report = NULL;
    oro_log_set_level(ORO_LOG_ERROR);
    cr_assert_eq(oro_pool_load(&opt, &pool, &descriptor, &report, &err), ORO_OK, "%s", err.text);
    oro_free(descriptor);
    struct oro_identity database = {0};
    cr_assert_eq(oro_pool_run(pool, schema, store, &database, &err), ORO_OK, "%s", err.text);
}

static void
teardown(void)
{
    cr_assert(stopped || oro_pool_stop(pool));
    oro_pool_free(pool);
    cr_assert(oro_store_check(store));
    oro_store_destroy(store);
    oro_free(schema->reducers);
    fx_schema_free(schema);
}

TestSuite(pool, .init = setup, .fini = teardown, .timeout = 120);

static struct oro_job *
job_new(unsigned client, uint32_t first, unsigned n, const uint32_t *which, uint64_t *rng)
{
    struct oro_identity id = {0};
    struct oro_connection_id connection = {0};
    struct oro_job *j =
        oro_job_new(ORO_JOB_CALLS, oro_principal_new(ORO_CALLER_CLIENT, &id, &connection, NULL), n);
    uint32_t args[2 * CALLS] = {0};
    j->conn = client;
    for (unsigned i = 0; i < 2 * n; i++)
        args[i] = (uint32_t)(fx_rand(rng) % ACCOUNTS);
    j->frame = oro_buf_copy(oro_bytes(args, 8 * n));
    for (unsigned i = 0; i < n; i++)
        j->calls[i] = (struct oro_job_call){
            .reducer = &schema->reducers[which[i]],
            .request_id = first + i,
            .args = oro_bytes(oro_buf_bytes(j->frame).data + (size_t)8 * i, 8)};
    return j;
}

/* ---- many clients ---- */

static void *
client_main(void *arg)
{
    unsigned client = (unsigned)(uintptr_t)arg;
    uint64_t rng = client;
    struct oro_mailbox *box = oro_mailbox_new(pool, &(struct oro_turns_of){.identity = {{client}}});
    for (uint32_t job = 0; job < JOBS; job++) {
        uint32_t which[CALLS];
        for (int i = 0; i < CALLS; i++)
            which[i] = fx_rand(&rng) % 64 == 0 ? REFUSE : fx_rand(&rng) % 8 == 0 ? TOTAL : TRANSFER;
        oro_pool_post(pool, box, job_new(client, job * CALLS, CALLS, which, &rng), job % 7 == 0);
    }
    oro_mailbox_unref(box); /* its jobs run all the same */
    return NULL;
}

struct seen {
    struct oro_cursor *cur;
    uint32_t next[CLIENTS + 1]; /* the request id that comes next, by client */
    uint64_t records;
};

/* Follows the ring while the workers publish: the answers of a client come in the order of its calls. */
static void *
reader_main(void *arg)
{
    struct seen *s = arg;
    while (s->records < (uint64_t)CLIENTS * JOBS * CALLS) {
        const struct oro_commit *c = oro_cursor_next(s->cur);
        if (c == NULL) {
            sched_yield();
            continue;
        }
        if (c->origin.conn == 0)
            continue;
        cr_assert_leq(c->origin.conn, CLIENTS);
        cr_assert_eq(c->origin.request_id, s->next[c->origin.conn]++);
        cr_assert_neq(c->origin.outcome, ORO_EINTERNAL, "a sum that was never true");
        s->records++;
    }
    return NULL;
}

Test(pool, every_call_is_answered_once_and_in_order)
{
    pthread_t clients[CLIENTS], reader;
    struct seen s = {.cur = oro_cursor_open(store)};
    cr_assert_eq(pthread_create(&reader, NULL, reader_main, &s), 0);
    for (uintptr_t i = 0; i < CLIENTS; i++)
        cr_assert_eq(pthread_create(&clients[i], NULL, client_main, (void *)(i + 1)), 0);
    /* Meanwhile somebody looks at the numbers, and has everybody stop for a moment. */
    for (int i = 0; i < 10; i++) {
        struct oro_err err;
        struct oro_bb bb = {0};
        oro_pool_bridge_report(pool, &bb);
        oro_metrics_text(&bb);
        oro_bb_fini(&bb);
        cr_assert_eq(oro_pool_pause(pool, &err), ORO_OK);
        uint64_t seq = oro_store_seq(store);
        sched_yield();
        cr_assert_eq(oro_store_seq(store), seq, "a job ran in a pause");
        oro_pool_resume(pool);
    }
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
    pthread_join(reader, NULL);
    cr_assert_geq(atomic_load(&announced), 1);
    oro_cursor_close(s.cur);
}

/* ---- whose turn it is ---- */

#define SOCKETS 60
#define QUEUED 30

static struct oro_job *
calls_of(uint8_t identity, uint32_t which, unsigned n)
{
    struct oro_identity id = {{identity}};
    struct oro_connection_id connection = {0};
    struct oro_job *j =
        oro_job_new(ORO_JOB_CALLS, oro_principal_new(ORO_CALLER_CLIENT, &id, &connection, NULL), n);
    for (unsigned i = 0; i < n; i++)
        j->calls[i] = (struct oro_job_call){.reducer = &schema->reducers[which]};
    return j;
}

static struct oro_mailbox *
box_of(uint8_t identity)
{
    return oro_mailbox_new(pool, &(struct oro_turns_of){.identity = {{identity}}});
}

/* Every worker has a slow call in its hands, and nothing else has begun. */
static void
workers_hold(void)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        struct oro_mailbox *box = box_of(1);
        oro_pool_post(pool, box, calls_of(1, SLOW, 1), false);
        oro_mailbox_unref(box);
        while (atomic_load(&gate_waits) < i + 1)
            sched_yield();
    }
    cr_assert_eq(atomic_load(&begun), WORKERS);
}

static void
wait_noted(unsigned client)
{
    while (atomic_load(&noted[client]) == 0)
        sched_yield();
}

static struct oro_mailbox *crowd[SOCKETS];

/* so_many identities share the sockets. */
static void
crowd_queues(unsigned so_many)
{
    for (unsigned i = 0; i < SOCKETS; i++) {
        uint8_t who = (uint8_t)(100 + i % so_many);
        crowd[i] = box_of(who);
        for (int k = 0; k < QUEUED / 10; k++)
            oro_pool_post(pool, crowd[i], calls_of(who, SLOW, 10), false);
    }
}

static void
crowd_leaves(unsigned keep, bool refuse)
{
    for (unsigned i = 0; i < SOCKETS; i++)
        oro_mailbox_leave(crowd[i], keep, refuse);
}

static void
player_calls(unsigned client)
{
    struct oro_mailbox *box = box_of((uint8_t)client);
    oro_pool_post(pool, box, calls_of((uint8_t)client, NOTE, 1), false);
    oro_mailbox_unref(box);
}

static void
crowd_ends(void)
{
    for (unsigned i = 0; i < SOCKETS; i++)
        oro_mailbox_unref(crowd[i]);
    while (oro_pool_busy(pool) > 0)
        sched_yield();
}

Test(pool, clients_that_have_left_wait_for_those_that_are_there)
{
    workers_hold();
    crowd_queues(SOCKETS); /* each of them somebody else */
    crowd_leaves(8, false);
    player_calls(2);
    atomic_store(&gate, true);
    wait_noted(2);
    cr_assert_leq(atomic_load(&noted[2]), WORKERS + WORKERS, "%u had begun",
                  atomic_load(&noted[2]));
    crowd_leaves(0, false); /* a second time is nothing new */
    crowd_ends();
    cr_assert_eq(atomic_load(&begun), WORKERS + 1 + 8 * SOCKETS, "their first eight are run: %u",
                 atomic_load(&begun));
}

Test(pool, what_a_broken_connection_had_queued_is_dropped)
{
    workers_hold();
    crowd_queues(SOCKETS);
    cr_assert_eq(oro_pool_busy(pool), WORKERS + SOCKETS * QUEUED / 10);
    crowd_leaves(0, false);
    cr_assert_eq(oro_pool_busy(pool), WORKERS, "at once: their memory, too");
    for (unsigned i = 0; i < SOCKETS; i++) /* and what comes later */
        oro_pool_post(pool, crowd[i], calls_of(0, SLOW, 10), false);
    atomic_store(&gate, true);
    crowd_ends();
    cr_assert_eq(atomic_load(&begun), WORKERS);
}

Test(pool, somebody_who_waits_for_a_record_gets_one_for_what_was_dropped)
{
    struct oro_cursor *cur = oro_cursor_open(store);
    workers_hold();
    crowd_queues(SOCKETS);
    crowd_leaves(0, true);
    atomic_store(&gate, true);
    crowd_ends();
    unsigned refused = 0;
    for (const struct oro_commit *c; (c = oro_cursor_next(cur)) != NULL;)
        refused += c->origin.outcome == ORO_EREFUSED;
    cr_assert_eq(refused, SOCKETS * QUEUED);
    cr_assert_eq(atomic_load(&begun), WORKERS);
    oro_cursor_close(cur);
}

Test(pool, many_connections_of_one_identity_are_one_in_the_round)
{
    workers_hold();
    crowd_queues(1);
    player_calls(2);
    player_calls(3);
    atomic_store(&gate, true);
    wait_noted(2);
    wait_noted(3);
    /* One call in each worker's hands, and of the crowd a turn before each player's; who is a moment late, another one. */
    cr_assert_leq(atomic_load(&noted[2]), WORKERS + WORKERS, "%u had begun",
                  atomic_load(&noted[2]));
    cr_assert_leq(atomic_load(&noted[3]), WORKERS + WORKERS + 1, "%u had begun",
                  atomic_load(&noted[3]));
    crowd_leaves(0, false);
    crowd_ends();
}

/* Whose turns are short does not wait for a crowd of strangers with long ones, each of whom is somebody else. */
Test(pool, short_turns_go_before_long_ones)
{
    struct oro_mailbox *player = box_of(2);
    for (int i = 0; i < 8; i++) {
        oro_pool_post(pool, player, calls_of(2, NOTE, 1), false);
        while (oro_pool_busy(pool) > 0)
            sched_yield();
        turns_used(player, 0); /* on a busy machine the call may have taken long */
    }
    atomic_store(&noted[2], 0);
    atomic_store(&begun, 0);
    workers_hold();
    crowd_queues(SOCKETS);
    oro_pool_post(pool, player, calls_of(2, NOTE, 1), false);
    atomic_store(&gate, true);
    wait_noted(2);
    cr_assert_leq(atomic_load(&noted[2]), WORKERS + WORKERS, "%u had begun",
                  atomic_load(&noted[2]));
    oro_mailbox_unref(player);
    crowd_leaves(0, false);
    crowd_ends();
}

/* ---- by address ---- */

#define HERE 7
#define ELSEWHERE 8

/* Has its sockets queue long calls: somebody else each, all of one address. */
static void
crowd_comes(bool known)
{
    for (unsigned i = 0; i < SOCKETS; i++) {
        uint8_t who = (uint8_t)(100 + i);
        crowd[i] = oro_mailbox_new(
            pool, &(struct oro_turns_of){.identity = {{who}}, .source = HERE, .known = known});
        oro_pool_post(pool, crowd[i], calls_of(who, SLOW, 10), false);
    }
}

/* How many calls had begun when one of this player ran. */
static unsigned
player_beside(bool crowd_known, uint64_t source, bool known)
{
    workers_hold();
    crowd_comes(crowd_known);
    struct oro_mailbox *box = oro_mailbox_new(
        pool, &(struct oro_turns_of){.identity = {{2}}, .source = source, .known = known});
    oro_pool_post(pool, box, calls_of(2, NOTE, 1), false);
    oro_mailbox_unref(box);
    atomic_store(&gate, true);
    wait_noted(2);
    crowd_leaves(0, false);
    crowd_ends();
    return atomic_load(&noted[2]);
}

Test(pool, newcomers_of_one_address_are_one_in_the_round)
{
    cr_assert_leq(player_beside(false, ELSEWHERE, false), WORKERS + WORKERS + 1);
}

Test(pool, who_is_known_does_not_wait_for_newcomers_of_his_own_address)
{
    cr_assert_leq(player_beside(false, HERE, true), WORKERS + WORKERS + 1);
}

Test(pool, one_address_has_so_many_turns_in_a_round)
{
    cr_assert_leq(player_beside(true, ELSEWHERE, true), WORKERS + 16 + WORKERS);
}

Test(pool, at_one_address_the_round_is_by_identity)
{
    unsigned before = player_beside(true, HERE, true);
    cr_assert_gt(before, 16);
    cr_assert_leq(before, WORKERS + SOCKETS + WORKERS);
}

/* A crowd with short turns does not keep others from theirs. */
Test(pool, long_turns_are_not_starved_by_short_ones)
{
    workers_hold();
    struct oro_mailbox *busy[2 * WORKERS];
    for (unsigned i = 0; i < ORO_ARRAY_LEN(busy); i++) {
        busy[i] = box_of((uint8_t)(10 + i));
        for (int k = 0; k < 8; k++)
            turns_used(busy[i], 0); /* as if there had been short ones */
        oro_pool_post(pool, busy[i], calls_of((uint8_t)(10 + i), NOTE, 4000), false);
    }
    player_calls(3); /* who has just come */
    atomic_store(&gate, true);
    wait_noted(3);
    cr_assert_leq(atomic_load(&noted[3]), WORKERS + (8 + WORKERS) * 64, "%u had begun",
                  atomic_load(&noted[3])); /* 64 calls are a turn */
    for (unsigned i = 0; i < ORO_ARRAY_LEN(busy); i++) {
        oro_mailbox_leave(busy[i], 0, false);
        oro_mailbox_unref(busy[i]);
    }
    while (oro_pool_busy(pool) > 0)
        sched_yield();
}

/* They come last, but they come: one turn in sixteen while others are never through. */
Test(pool, those_who_have_left_are_not_starved)
{
    workers_hold();
    struct oro_mailbox *gone = box_of(2), *busy[2 * WORKERS];
    oro_pool_post(pool, gone, calls_of(2, NOTE, 1), false);
    oro_mailbox_leave(gone, 8, false);
    oro_mailbox_unref(gone);
    for (unsigned i = 0; i < ORO_ARRAY_LEN(busy); i++) {
        busy[i] = box_of((uint8_t)(10 + i));
        oro_pool_post(pool, busy[i], calls_of((uint8_t)(10 + i), SLOW, 1000), false);
    }
    atomic_store(&gate, true);
    wait_noted(2);
    cr_assert_leq(atomic_load(&noted[2]), 16 + 4 * WORKERS, "%u had begun", atomic_load(&noted[2]));
    for (unsigned i = 0; i < ORO_ARRAY_LEN(busy); i++) {
        oro_mailbox_leave(busy[i], 0, false);
        oro_mailbox_unref(busy[i]);
    }
    while (oro_pool_busy(pool) > 0)
        sched_yield();
}

/* ---- waiting, and an end by force ---- */

/* Calls and waits, then reads in the ring how it ended. */
static oro_status
call_and_wait(struct oro_cursor *cur, uint32_t which)
{
    char text[1000];
    uint64_t rng = 1;
    cr_assert_eq(oro_pool_post_wait(pool, job_new(1, 0, 1, &which, &rng), text), ORO_OK);
    const struct oro_commit *c;
    while ((c = oro_cursor_next(cur)) != NULL && c->origin.conn == 0)
        continue;
    cr_assert_not_null(c, "it was waited for, and its record is not there");
    return (oro_status)c->origin.outcome;
}

Test(pool, what_runs_too_long_is_interrupted_and_leaves_no_trace)
{
    struct oro_cursor *cur = oro_cursor_open(store);
    cr_assert_eq(call_and_wait(cur, REFUSE), ORO_EUSER);
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(call_and_wait(cur, SPIN), ORO_ETIMEOUT);
        cr_assert_eq(call_and_wait(cur, TOTAL), ORO_OK, "500 from nowhere");
    }
    oro_cursor_close(cur);
}

/* Stopping while everybody is busy: what was posted is run before the workers end. */
Test(pool, a_stop_lets_finish_what_is_queued)
{
    client_main((void *)(uintptr_t)1);
    stopped = oro_pool_stop(pool);
    cr_assert(stopped);
    cr_assert_geq(oro_store_seq(store), JOBS * CALLS);
}
