/* Rows as timers, on clocks that the test moves: what is armed follows the committed rows, whoever changes them and when. */
#include <criterion/criterion.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "bridge/bsatn/scheduled_call.h"
#include "runtime/base/mem.h"
#include "runtime/base/thread.h"
#include "runtime/timers/timers.h"
#include "tests/store/fixture.h"

#define SEC INT64_C(1000000)
#define WALL INT64_C(1795358643000000)
#define RUN 7
#define NOTE 8
#define TIME 1 /* tags of ScheduleAt */
#define EVERY 0

static struct oro_schema *schema;
static struct oro_table_def *table, *calls, *phases;
static const struct oro_index_def *by_id;
static struct oro_schedule_def beat = {.reducer = "beat", .table = "job"};
static struct oro_store *store;
static struct oro_timers *timers;
static struct oro_session *se;
static _Atomic int64_t mono, wall;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct oro_firing fired[100000];
static size_t nfired;

static int64_t
get_mono(void)
{
    return atomic_load(&mono);
}

static int64_t
get_wall(void)
{
    return atomic_load(&wall);
}

static void
on_fire(void *arg, const struct oro_firing *f)
{
    pthread_mutex_lock(&lock);
    cr_assert_lt(nfired, ORO_ARRAY_LEN(fired));
    fired[nfired++] = *f;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void
start_with(struct oro_timers_kept *kept)
{
    struct oro_err err = {0};
    struct oro_timers_options opt = {.schema = schema,
                                     .store = store,
                                     .run_kind = RUN,
                                     .fire = on_fire,
                                     .wall_us = get_wall,
                                     .mono_us = get_mono,
                                     .note_kind = NOTE,
                                     .kept = kept};
    cr_assert_eq(oro_timers_start(&opt, &timers, &err), ORO_OK);
}

static void
start(void)
{
    start_with(NULL);
}

static void
setup(void)
{
    struct oro_err err = {0};
    atomic_store(&mono, 1000 * SEC);
    atomic_store(&wall, WALL);
    schema = fx_schema();
    table =
        fx_table(schema, "job", "id:u64 tag:u8 micros:i64 note:u32", 0); /* as a ScheduleAt lies */
    table->schedule_at_col = 1;
    by_id = fx_index(table, ORO_INDEX_BTREE, true, "0");
    /* As an array of bytes lies, the last column of the calls. */
    calls = fx_table(schema, "st_scheduled_call",
                     "id:u64 tag:u8 micros:i64 steady:bool signature:u64 function:string "
                     "cron:string args:string",
                     0);
    calls->id = ORO_ST_SCHEDULED_CALL;
    calls->schedule_at_col = 1;
    fx_index(calls, ORO_INDEX_BTREE, true, "0");
    phases = fx_table(schema, "st_phase", "row:string interval:i64 beat:i64", 0);
    phases->id = ORO_ST_PHASE;
    fx_index(phases, ORO_INDEX_BTREE, true, "0");
    cr_assert_eq(oro_store_create(schema, NULL, &store, &err), ORO_OK);
    se = oro_session_open(store);
    start();
}

static void
teardown(void)
{
    oro_timers_stop(timers);
    oro_session_close(se);
    oro_store_destroy(store);
    schema->schedules = NULL;
    schema->nschedules = 0;
    fx_schema_free(schema);
}

TestSuite(timers, .init = setup, .fini = teardown, .timeout = 60);

static struct oro_bytes
row(uint64_t id, int tag, int64_t micros)
{
    return fx_row(table, id, (int64_t)tag, micros, (int64_t)0);
}

/* How a transaction of a run, or of somebody else (firing 0), ends. */
static void
commit(struct oro_tx *tx, uint32_t firing)
{
    uint64_t seq;
    struct oro_origin o = {.kind = firing != 0 ? RUN : 1, .request_id = firing};
    cr_assert_eq(oro_tx_commit(tx, &o, &seq), ORO_OK);
    oro_timers_wake(timers);
}

static void
put(uint64_t id, int tag, int64_t micros, uint32_t firing)
{
    struct oro_err err = {0};
    struct oro_tx *tx = oro_tx_begin(se, false);
    cr_assert_eq(oro_tx_upsert(tx, table, by_id, row(id, tag, micros), NULL, &err), ORO_OK);
    commit(tx, firing);
}

static void
drop(uint64_t id, uint32_t firing)
{
    struct oro_tx *tx = oro_tx_begin(se, false);
    cr_assert_eq(oro_tx_delete(tx, table, by_id, oro_bytes(&id, 8)), ORO_OK);
    commit(tx, firing);
}

/* A run that changes nothing, or has failed: a record without rows. */
static void
end(uint32_t firing)
{
    struct oro_origin o = {.kind = RUN, .request_id = firing};
    oro_store_publish(se, &o);
    oro_timers_wake(timers);
}

/* The n-th firing, waited for. */
static struct oro_firing
nth(size_t n)
{
    pthread_mutex_lock(&lock);
    while (nfired < n)
        pthread_cond_wait(&changed, &lock);
    struct oro_firing f = fired[n - 1];
    pthread_mutex_unlock(&lock);
    return f;
}

/* The timers have looked at all that is published, and at the clocks: a row put now that is due fires after all that. */
static void
settle(void)
{
    static uint64_t probe = 1000000;
    for (int i = 0; i < 2; i++) {
        pthread_mutex_lock(&lock);
        size_t n = nfired;
        pthread_mutex_unlock(&lock);
        put(++probe, TIME, WALL - 1000 * 86400 * SEC, 0);
        for (bool seen = false; !seen;) {
            pthread_mutex_lock(&lock);
            while (nfired == n)
                pthread_cond_wait(&changed, &lock);
            seen = fired[n++].key == probe;
            pthread_mutex_unlock(&lock);
        }
        pthread_mutex_lock(&lock); /* out of the list: only the rows of the test are counted */
        size_t k = 0;
        for (size_t j = 0; j < nfired; j++)
            if (fired[j].key != probe)
                fired[k++] = fired[j];
        nfired = k;
        pthread_mutex_unlock(&lock);
        drop(probe, 0);
    }
}

static size_t
count(void)
{
    settle();
    return nfired;
}

static void
move(int64_t us)
{
    atomic_fetch_add(&mono, us);
    atomic_fetch_add(&wall, us);
    oro_timers_wake(timers);
}

/* ---- the clock is set ---- */

static void
beats_go_on(int64_t set_by)
{
    put(1, EVERY, 10 * SEC, 0);
    cr_assert_eq(count(), 0);
    for (size_t i = 1; i <= 3; i++) {
        move(10 * SEC);
        end(nth(i).number);
        settle();
    }
    atomic_fetch_add(&wall, set_by);
    cr_assert_eq(count(), 3, "no burst");
    for (size_t i = 4; i <= 8; i++) {
        move(10 * SEC - 1);
        cr_assert_eq(count(), i - 1);
        move(1);
        end(nth(i).number); /* a beat after the last, as if nothing had been */
        cr_assert_eq(count(), i);
        if (i == 5) { /* and one that is put after the clock was set */
            drop(1, 0);
            put(1, EVERY, 10 * SEC, 0);
            settle();
        }
    }
}

Test(timers, beats_go_on_when_the_clock_steps_back_by_seconds)
{
    beats_go_on(-15 * SEC);
}

Test(timers, beats_go_on_when_the_clock_steps_back_by_a_day)
{
    beats_go_on(-86400 * SEC);
}

Test(timers, beats_go_on_when_the_clock_steps_forward_by_a_year)
{
    beats_go_on(365 * 86400 * SEC);
}

Test(timers, the_clock_steps_while_a_run_is_on_its_way)
{
    put(1, EVERY, 10 * SEC, 0);
    settle();
    move(10 * SEC);
    struct oro_firing f = nth(1);
    atomic_fetch_sub(&wall, 86400 * SEC);
    end(f.number);
    settle();
    move(10 * SEC);
    end(nth(2).number);
    atomic_fetch_add(&wall, 2 * 86400 * SEC);
    settle();
    move(10 * SEC);
    nth(3);
    cr_assert_eq(count(), 3);
}

Test(timers, times_follow_the_clock_and_fire_once)
{
    put(1, TIME, WALL + 3600 * SEC, 0);
    put(2, TIME, WALL + 10 * SEC, 0);
    cr_assert_eq(count(), 0);
    atomic_fetch_add(&wall, 3600 * SEC);
    nth(2);
    drop(2, nth(1).number);
    drop(1, nth(2).number);
    atomic_fetch_sub(&wall, 86400 * SEC);
    put(3, TIME, WALL, 0);
    move(3600 * SEC);
    cr_assert_eq(count(), 2);
    move(86400 * SEC);
    cr_assert_eq(nth(3).key, 3);
    cr_assert_eq(count(), 3);
}

/* The table's rows are those of a @scheduled function. */
static void
own(struct oro_schedule_def d)
{
    oro_timers_stop(timers);
    beat = d;
    beat.reducer = "beat";
    beat.table = "job";
    schema->schedules = &beat;
    schema->nschedules = 1;
    start();
}

Test(timers, a_start_after_the_clock_was_set_back_begins_anew_if_it_is_volatile)
{
    own((struct oro_schedule_def){.interval_us = 10 * SEC, .delay_us = -1, .is_volatile = true});
    put(1, EVERY, 10 * SEC, 0);
    settle();
    oro_timers_stop(timers);
    atomic_fetch_sub(&wall, 86400 * SEC);
    atomic_store(&mono, 5 * SEC); /* another boot */
    start();
    cr_assert_eq(count(), 0);
    move(10 * SEC - 1);
    cr_assert_eq(count(), 0);
    move(1);
    nth(1);
}

/* ---- where beats lie ---- */

/* Waits for as many rows of st_phase. */
static void
await_phases(size_t n)
{
    for (size_t is = n + 1; is != n;) {
        struct oro_rows rows;
        oro_read_begin(se);
        oro_read_scan(se, phases, &rows);
        is = rows.n;
        oro_read_end(se);
        sched_yield();
    }
}

Test(timers, beats_go_on_after_a_start_where_they_would_have_been)
{
    put(1, EVERY, 10 * SEC, 0);
    put(2, EVERY, 7 * SEC, 0);
    put(3, TIME, WALL + 3600 * SEC, 0);
    await_phases(2);
    drop(2, 0);
    await_phases(1);
    move(13 * SEC); /* one beat, three seconds ago */
    nth(1);
    oro_timers_stop(timers); /* killed: its run was on its way */
    timers = NULL;
    move(100 * SEC);
    atomic_store(&mono, 1 * SEC); /* another boot, less long ago than the beats */
    start();
    cr_assert_eq(count(), 1, "what fell into the pause is passed over");
    move(7 * SEC - 1);
    cr_assert_eq(count(), 1);
    move(1);
    end(nth(2).number);
    settle();
    move(10 * SEC);
    cr_assert_eq(nth(3).key, 1);
    put(1, EVERY, 4 * SEC, 0); /* from now on */
    settle();
    move(4 * SEC);
    nth(4);
    put(1, TIME, get_wall() + 500 * SEC, 0);
    await_phases(0);
}

Test(timers, a_phase_of_a_row_that_has_gone_goes_at_the_next_start)
{
    put(1, EVERY, 10 * SEC, 0);
    await_phases(1);
    oro_timers_stop(timers);
    timers = NULL;
    drop(1, 0);
    put(2, EVERY, 10 * SEC, 0);
    start();
    await_phases(1);
    cr_assert_eq(count(), 0);
}

Test(timers, a_reload_moves_no_beat_and_loses_none)
{
    put(1, EVERY, 10 * SEC, 0);
    put(2, EVERY, 10 * SEC, 0);
    settle();
    move(10 * SEC);
    uint32_t ended = nth(1).key == 1 ? nth(1).number : nth(2).number;
    nth(2);
    end(ended);
    move(2 * SEC);
    struct oro_timers_kept *kept = oro_timers_stop_keeping(timers); /* the run of 2 was dropped */
    timers = NULL;
    move(1 * SEC);
    start_with(kept);
    struct oro_firing f = nth(3);
    cr_assert(f.key == 2 && f.due_us == 1010 * SEC, "it comes now");
    end(f.number);
    cr_assert_eq(count(), 3);
    move(7 * SEC - 1);
    cr_assert_eq(count(), 3);
    move(1);
    cr_assert_eq(nth(5).due_us, 1020 * SEC);
}

Test(timers, an_update_of_another_column_moves_no_beat)
{
    struct oro_err err = {0};
    put(1, EVERY, 10 * SEC, 0);
    settle();
    for (size_t i = 1; i <= 3; i++) {
        move(4 * SEC);
        for (int by_run = 0; by_run < 2; by_run++) {
            uint32_t number = by_run ? (move(6 * SEC), nth(i).number) : 0;
            struct oro_tx *tx = oro_tx_begin(se, false);
            cr_assert_eq(oro_tx_update(tx, table, by_id,
                                       fx_row(table, (uint64_t)1, (int64_t)EVERY, 10 * SEC,
                                              (int64_t)(i * 2 + (size_t)by_run)),
                                       NULL, &err),
                         ORO_OK);
            commit(tx, number);
        }
        settle();
        cr_assert_eq(nth(i).due_us, 1000 * SEC + (int64_t)i * 10 * SEC);
    }
    cr_assert_eq(count(), 3);
}

static void
schedule(uint64_t id, bool interval, int64_t micros, bool steady, int64_t first_us)
{
    struct oro_err err = {0};
    struct oro_bb row = {0}, phase = {0};
    struct oro_scheduled_call c = {.id = id,
                                   .interval = interval,
                                   .micros = micros,
                                   .steady = steady,
                                   .function = oro_bytes_str("f"),
                                   .cron = oro_bytes_str("")};
    oro_scheduled_call_write(&c, &row);
    struct oro_tx *tx = oro_tx_begin(se, false);
    cr_assert_eq(oro_tx_insert(tx, calls, oro_bb_bytes(&row), NULL, &err), ORO_OK);
    if (first_us != 0) {
        oro_phase_write(calls->name, id, micros, first_us, &phase);
        cr_assert_eq(oro_tx_insert(tx, phases, oro_bb_bytes(&phase), NULL, &err), ORO_OK);
    }
    commit(tx, 0);
    oro_bb_fini(&row);
    oro_bb_fini(&phase);
}

Test(timers, what_comes_after_a_while_does_not_follow_the_wall_clock)
{
    schedule(1, false, get_wall() + 10 * SEC, true, 0);
    schedule(2, false, get_wall() + 10 * SEC, false, 0);
    settle();
    atomic_fetch_add(&wall, 3600 * SEC);
    settle();
    cr_assert_eq(nth(1).key, 2);
    cr_assert_eq(count(), 1);
    atomic_fetch_sub(&wall, 2 * 3600 * SEC);
    move(10 * SEC - 1);
    cr_assert_eq(count(), 1);
    struct oro_timers_kept *kept = oro_timers_stop_keeping(timers);
    start_with(kept); /* by the wall clock it would be an hour away */
    cr_assert_eq(count(), 1);
    move(1);
    cr_assert_eq(nth(2).key, 1);
}

Test(timers, an_interval_that_says_when_it_begins)
{
    settle(); /* what is there at a start is older */
    schedule(1, true, 10 * SEC, false, get_wall() + 3 * SEC);
    schedule(2, true, 10 * SEC, false, get_wall() - 25 * SEC);
    struct oro_firing f = nth(1);
    cr_assert_eq(f.key, 2, "it has begun");
    end(f.number);
    settle();
    move(3 * SEC);
    end(nth(2).number);
    cr_assert_eq(nth(2).key, 1);
    settle();
    move(2 * SEC);
    cr_assert_eq(nth(3).key, 2, "the grid is its own");
    settle();
    move(8 * SEC);
    cr_assert_eq(nth(4).key, 1);
    cr_assert_eq(count(), 4);
}

Test(timers, what_is_due_together_goes_in_the_order_in_which_it_was_armed)
{
    struct oro_err err = {0};
    settle(); /* the rows of a start have no order but that of their keys */
    struct oro_tx *tx = oro_tx_begin(se, false);
    for (uint64_t id = 1; id <= 50; id++)
        cr_assert_eq(
            oro_tx_insert(tx, table, row(51 - id, TIME, WALL - SEC - (id % 5 == 0)), NULL, &err),
            ORO_OK);
    commit(tx, 0);
    nth(50);
    for (size_t i = 1; i <= 10; i++)
        cr_assert_eq(nth(i).key, 51 - i * 5, "those that are due before");
    for (size_t i = 12; i <= 50; i++)
        cr_assert_lt(nth(i).key, nth(i - 1).key);
}

Test(timers, from_a_tenth_of_a_millisecond_to_a_century)
{
    const int64_t century = INT64_C(36525) * 86400 * SEC, spans[] = {100, 1000, SEC, century};
    for (size_t i = 0; i < ORO_ARRAY_LEN(spans); i++) {
        size_t n = count();
        put(1 + i, EVERY, spans[i], 0);
        put(100 + i, TIME, get_wall() + spans[i], 0);
        settle();
        move(spans[i] - 1);
        cr_assert_eq(count(), n);
        move(1);
        uint64_t a = nth(n + 1).key, b = nth(n + 2).key;
        cr_assert(a + b == 101 + 2 * i);
        drop(1 + i, 0);
        drop(100 + i, 0);
    }
    put(1, TIME, INT64_MAX, 0);
    put(2, TIME, INT64_MIN, 0);
    size_t n = 8;
    cr_assert_eq(nth(n + 1).key, 2, "at once");
    move(century);
    cr_assert_eq(count(), n + 1);
}

/* ---- rows change while their run is on its way ---- */

Test(timers, a_run_that_changes_nothing_is_followed_by_the_next_beat)
{
    put(1, EVERY, 10 * SEC, 0);
    settle();
    move(35 * SEC); /* late */
    struct oro_firing f = nth(1);
    cr_assert_eq(f.due_us, 1010 * SEC);
    end(f.number);
    end(f.number); /* a second record of it says nothing */
    settle();
    move(5 * SEC - 1);
    cr_assert_eq(count(), 1);
    move(1);
    cr_assert_eq(nth(2).due_us, 1040 * SEC);
}

Test(timers, one_that_became_a_time_during_its_run_fires_at_that_time)
{
    put(1, EVERY, 10 * SEC, 0);
    settle();
    move(10 * SEC);
    uint32_t run = nth(1).number;
    put(1, TIME, get_wall() + 5 * SEC, 0); /* by somebody else */
    end(run);                              /* and then the run ends, which saw the interval */
    settle();
    move(5 * SEC);
    struct oro_firing f = nth(2);
    cr_assert_eq(f.at.interval, false);
    cr_assert_neq(f.number, run);
    drop(1, f.number);
    move(100 * SEC);
    cr_assert_eq(count(), 2);
}

Test(timers, changes_of_every_kind_before_and_in_the_run)
{
    enum { KINDS = 7 };
    for (int how = 0; how < 2 * KINDS; how++) {
        uint64_t id = 10 + (uint64_t)how;
        size_t n = count();
        put(id, EVERY, 10 * SEC, 0);
        settle();
        move(10 * SEC);
        uint32_t run = nth(n + 1).number,
                 by = how < KINDS ? run : 0; /* by the run itself, or beside it */
        bool again = true;
        switch (how % KINDS) {
        case 0:
            put(id, TIME, get_wall() + SEC, by);
            break;
        case 1:
            put(id, TIME, get_wall() - SEC, by);
            break;
        case 2:
            put(id, EVERY, SEC, by);
            break;
        case 3:
            put(id, TIME, get_wall() + 50 * SEC, 0);
            put(id, EVERY, SEC, by);
            break;
        case 4:
            drop(id, by);
            again = false;
            break;
        case 5:
            drop(id, 0);
            put(id, EVERY, SEC, by);
            break;
        case 6:
            put(id, EVERY, SEC, 0);
            put(id, TIME, get_wall() + SEC, by);
            break;
        }
        if (by == 0)
            end(run);
        settle();
        move(SEC);
        if (again)
            drop(id, nth(n + 2).number);
        move(100 * SEC);
        cr_assert_eq(count(), n + (again ? 2 : 1), "kind %d: %zu", how, count() - n);
    }
}

/* ---- many at once ---- */

#define ROWS 250
#define THREADS 6
#define CHANGES 4000

static atomic_bool changing;
static atomic_size_t taken;
static atomic_ullong shots[ROWS];

static struct oro_bytes
fresh_row(uint8_t out[21], uint64_t id, int tag, int64_t micros)
{
    memset(out, 0, 21);
    memcpy(out, &id, 8);
    out[8] = (uint8_t)tag;
    memcpy(out + 9, &micros, 8);
    return oro_bytes(out, 21);
}

/* As a worker runs it: the row, unless it is armed otherwise by now; half of them change it. */
static void
run(struct oro_session *mine, const struct oro_firing *f, uint64_t *rng)
{
    for (;;) {
        struct oro_err err = {0};
        struct oro_bytes found;
        uint8_t bytes[21];
        uint64_t seq;
        struct oro_origin o = {.kind = RUN, .request_id = f->number};
        struct oro_tx *tx = oro_tx_begin(mine, false);
        oro_status st = oro_tx_find(tx, table, by_id, oro_bytes(&f->key, 8), &found);
        if (st == ORO_OK && !oro_schedule_at_eq(oro_schedule_at(table, found), f->at))
            st = ORO_ENOTFOUND;
        bool interval = f->at.interval;
        if (st == ORO_OK && atomic_load(&changing) && fx_rand(rng) % 2 == 0) {
            interval = fx_rand(rng) % 2 == 0;
            st = oro_tx_update(
                tx, table, by_id,
                fresh_row(bytes, f->key, interval ? EVERY : TIME, interval ? 1 : WALL), NULL, &err);
        }
        if (st == ORO_OK && !interval)
            st = oro_tx_delete(tx, table, by_id, oro_bytes(&f->key, 8));
        if (st == ORO_OK) {
            if (oro_tx_commit(tx, &o, &seq) != ORO_OK)
                continue;
            atomic_fetch_add(&shots[f->key], 1);
            break;
        }
        if (oro_tx_validate_abort(tx) != ORO_OK)
            continue;
        o.outcome = (uint8_t)st;
        oro_store_publish(mine, &o);
        break;
    }
    oro_timers_wake(timers);
}

static bool
take(struct oro_firing *f)
{
    pthread_mutex_lock(&lock);
    size_t i = atomic_load(&taken);
    bool is = i < nfired;
    if (is) {
        *f = fired[i];
        atomic_store(&taken, i + 1);
        if (i + 1 == nfired) { /* all are taken: the list begins again */
            nfired = 0;
            atomic_store(&taken, 0);
        }
    }
    pthread_mutex_unlock(&lock);
    return is;
}

static atomic_bool running;

static void *
worker_main(void *arg)
{
    uint64_t rng = (uint64_t)(uintptr_t)arg;
    struct oro_session *mine = oro_session_open(store);
    while (atomic_load(&running)) {
        struct oro_firing f;
        if (take(&f))
            run(mine, &f, &rng);
        else
            sched_yield();
    }
    oro_session_close(mine);
    return NULL;
}

static void *
changer_main(void *arg)
{
    uint64_t rng = (uint64_t)(uintptr_t)arg;
    struct oro_session *mine = oro_session_open(store);
    for (int i = 0; i < CHANGES; i++) {
        struct oro_err err = {0};
        uint8_t bytes[21];
        uint64_t id = fx_rand(&rng) % ROWS, seq, what = fx_rand(&rng) % 8;
        int tag = what % 2 == 0 ? EVERY : TIME;
        struct oro_tx *tx = oro_tx_begin(mine, false);
        oro_status st;
        if (what == 7)
            st = oro_tx_delete(tx, table, by_id, oro_bytes(&id, 8));
        else
            st = oro_tx_upsert(tx, table, by_id, fresh_row(bytes, id, tag, tag == TIME ? WALL : 1),
                               NULL, &err);
        struct oro_origin o = {.kind = 1};
        if (st != ORO_OK)
            oro_tx_abort(tx);
        else
            (void)!oro_tx_commit(tx, &o, &seq);
        oro_timers_wake(timers);
        if (i % 16 == 0)
            move(1);
    }
    oro_session_close(mine);
    return NULL;
}

/* Whatever has happened, each row that is left fires again: once if it has a time, on and on if it has an interval. */
Test(timers, no_row_is_ever_forgotten_whoever_changes_it)
{
    pthread_t workers[THREADS], changers[2];
    atomic_store(&running, true);
    atomic_store(&changing, true);
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&workers[i], NULL, worker_main, (void *)(i + 1));
    for (uintptr_t i = 0; i < 2; i++)
        pthread_create(&changers[i], NULL, changer_main, (void *)(i + 100));
    for (int i = 0; i < 2; i++)
        pthread_join(changers[i], NULL);
    atomic_store(&changing, false);
    unsigned long long before[ROWS];
    for (int i = 0; i < ROWS; i++)
        before[i] = atomic_load(&shots[i]);
    for (size_t left = 1; left > 0;) { /* the test's time limit is this loop's */
        struct oro_rows rows;
        move(10);
        oro_read_begin(se);
        oro_read_scan(se, table, &rows);
        left = 0;
        for (size_t i = 0; i < rows.n; i++) {
            uint64_t id = oro_schedule_key(table, rows.rows[i]);
            left += !oro_schedule_at(table, rows.rows[i]).interval ||
                    atomic_load(&shots[id]) < before[id] + 3;
        }
        oro_read_end(se);
        sched_yield();
    }
    atomic_store(&running, false);
    for (int i = 0; i < THREADS; i++)
        pthread_join(workers[i], NULL);
}
