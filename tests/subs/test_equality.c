/* The property that matters: after every commit, what a client has applied equals what its queries find. Random commits,
 * subscriptions, unsubscriptions and closed connections, against a model client that knows the wire format only. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/bsatn/reader.h"
#include "runtime/base/map.h"
#include "runtime/subs/subs.h"
#include "tests/subs/db.h"
#include "tests/subs/told.h"

#define CONNS 5
#define SETS 3

static const char *const lines[] = {
    "player public id:u32:pk owner:identity:idx level:i32 name:string online:bool "
    "index(level,online)",
    "item public owner:identity kind:u8",
    NULL,
};

static const char *const texts[] = {
    "SELECT * FROM player",
    "SELECT * FROM item",
    "SELECT * FROM player WHERE owner = :sender",
    "select * from player",
    "SELECT * FROM player WHERE level = 2",
    "SELECT * FROM player WHERE level = 2 AND online",
    "SELECT * FROM player WHERE level > 0 AND level <= 3",
    "SELECT * FROM player WHERE name < 'n' OR online",
    "SELECT * FROM item WHERE kind = 1",
    "SELECT * FROM item WHERE owner = :sender AND kind <> 0",
    "SELECT * FROM *",
    "SELECT * FROM player WHERE id = 7",
    "SELECT * FROM player WHERE name = 'row 3'",
};

struct model_set {
    bool open;
    uint32_t ntexts;
    const char *texts[4];
    struct oro_map bag; /* row bytes after the table's name -> count */
    size_t rows;
};

static struct db db;
static struct oro_subs *subs;
static struct oro_updates *made;
static struct model_set model[CONNS][SETS];

static struct oro_query_env
env_of(unsigned conn)
{
    return (struct oro_query_env){.sender = fixture_identity(conn % 3)};
}

/* ---- the model client ---- */

static void
bag_add(struct model_set *m, struct oro_bytes table, struct oro_bytes row, int n)
{
    struct oro_bb key = {0};
    oro_bb_lenbytes(&key, table);
    oro_bb_put_bytes(&key, row);
    intptr_t count = (intptr_t)oro_map_get(&m->bag, oro_bb_bytes(&key)) + n;
    cr_assert_geq(count, 0, "a delete of a row that the client does not have");
    if (count > 0)
        oro_map_put(&m->bag, oro_bb_bytes(&key), (void *)count);
    else
        oro_map_del(&m->bag, oro_bb_bytes(&key));
    m->rows += (size_t)n;
    oro_bb_fini(&key);
}

static void
bag_clear(struct model_set *m)
{
    oro_map_fini(&m->bag);
    m->bag = (struct oro_map){0};
    m->rows = 0;
}

/* Reads a BsatnRowList as the Rust client does: by the hint. Returns the number of rows. */
static size_t
read_rows(struct oro_reader *r, struct model_set *m, struct oro_bytes table, int n)
{
    uint8_t tag;
    uint16_t size = 0;
    uint32_t noffsets = 0;
    struct oro_bytes offsets = {0}, data;
    cr_assert_eq(oro_rd_u8(r, &tag), ORO_OK);
    if (tag == 0) {
        cr_assert_eq(oro_rd_u16(r, &size), ORO_OK);
        cr_assert_gt(size, 0);
    } else {
        cr_assert_eq(oro_rd_u32(r, &noffsets), ORO_OK);
        cr_assert_eq(oro_rd_raw(r, 8 * (size_t)noffsets, &offsets), ORO_OK);
    }
    cr_assert_eq(oro_rd_lenbytes(r, &data), ORO_OK);
    size_t count = size > 0 ? data.len / size : noffsets;
    for (size_t i = 0; i < count; i++) {
        uint64_t from = i * size, to = (i + 1) * size;
        if (size == 0) {
            memcpy(&from, offsets.data + 8 * i, 8);
            to = data.len;
            if (i + 1 < count)
                memcpy(&to, offsets.data + 8 * (i + 1), 8);
        }
        bag_add(m, table, oro_bytes(data.data + from, to - from), n);
    }
    return count;
}

/* QueryRows: of SubscribeApplied (n = 1) or UnsubscribeApplied (n = -1). */
static void
read_query_rows(struct oro_bytes b, struct model_set *m, int n)
{
    struct oro_reader r = oro_reader(b);
    uint32_t tables;
    cr_assert_eq(oro_rd_u32(&r, &tables), ORO_OK);
    while (tables-- > 0) {
        struct oro_bytes name;
        cr_assert_eq(oro_rd_string(&r, &name), ORO_OK);
        read_rows(&r, m, name, n);
    }
    cr_assert_eq(oro_rd_left(&r), 0);
}

static void
read_table_update(struct oro_reader *r, struct model_set *m, struct oro_bytes table)
{
    uint32_t n;
    cr_assert_eq(oro_rd_u32(r, &n), ORO_OK);
    cr_assert_gt(n, 0);
    while (n-- > 0) {
        uint8_t tag;
        cr_assert_eq(oro_rd_u8(r, &tag), ORO_OK);
        cr_assert_eq(tag, 0);
        /* Deletes first in the model, so that it notices one of a row that is not there. */
        struct oro_reader inserts = *r;
        struct model_set scratch = {0};
        size_t rows = read_rows(r, &scratch, table, 1);
        bag_clear(&scratch);
        rows += read_rows(r, m, table, -1);
        read_rows(&inserts, m, table, 1);
        cr_assert_gt(rows, 0, "an update without content");
    }
}

static void
on_update(void *arg, oro_conn_id conn, const struct oro_subs_notice *notices, size_t n)
{
    struct oro_bb b = {0};
    told_bytes(made, notices, n, &b);
    struct oro_reader r = oro_reader(oro_bb_bytes(&b));
    uint32_t nsets, last_id = 0;
    cr_assert_eq(oro_rd_u32(&r, &nsets), ORO_OK);
    cr_assert_gt(nsets, 0);
    for (uint32_t i = 0; i < nsets; i++) {
        uint32_t id, ntables;
        struct oro_bytes last = {0};
        cr_assert_eq(oro_rd_u32(&r, &id), ORO_OK);
        cr_assert(i == 0 || id > last_id);
        last_id = id;
        cr_assert_lt(id, SETS);
        struct model_set *m = &model[conn - 1][id];
        cr_assert(m->open);
        cr_assert_eq(oro_rd_u32(&r, &ntables), ORO_OK);
        cr_assert_gt(ntables, 0);
        for (uint32_t k = 0; k < ntables; k++) {
            struct oro_bytes table;
            cr_assert_eq(oro_rd_string(&r, &table), ORO_OK);
            cr_assert(k == 0 || oro_bytes_cmp(table, last) > 0);
            last = table;
            read_table_update(&r, m, table);
        }
    }
    cr_assert_eq(oro_rd_left(&r), 0);
    oro_bb_fini(&b);
}

/* ---- what it has to be ---- */

static void
expect_query(struct model_set *want, unsigned conn, const char *text)
{
    struct oro_query_env env = env_of(conn);
    struct oro_query *q;
    struct oro_err err;
    struct oro_rows rows;
    cr_assert_eq(oro_query_parse(db.schema, oro_bytes_str(text), ORO_QUERY_ONE_OFF, &env, &q, &err),
                 ORO_OK);
    /* By a scan, not by the index that the query would take. */
    oro_read_scan(db.se, oro_query_table(q), &rows);
    for (size_t i = 0; i < rows.n; i++)
        if (oro_query_matches(q, rows.rows[i]))
            bag_add(want, oro_bytes_str(oro_query_table(q)->name), rows.rows[i], 1);
    oro_query_free(q);
}

static void
check_set(unsigned conn, struct model_set *m)
{
    struct model_set want = {0};
    for (uint32_t i = 0; i < m->ntexts; i++) {
        bool again = false;
        for (uint32_t k = 0; k < i; k++)
            again |= m->texts[k] == m->texts[i];
        if (again)
            continue;
        if (strcmp(m->texts[i], "SELECT * FROM *") == 0) {
            expect_query(&want, conn, "SELECT * FROM \"item\"");
            expect_query(&want, conn, "SELECT * FROM \"player\"");
        } else {
            expect_query(&want, conn, m->texts[i]);
        }
    }
    const struct oro_map_slot *slot;
    cr_assert_eq(want.rows, m->rows, "%zu rows, not %zu", m->rows, want.rows);
    for (size_t i = 0; oro_map_next(&want.bag, &i, &slot);)
        cr_assert_eq(oro_map_get(&m->bag, oro_bytes(slot->key, slot->key_len)), slot->value);
    bag_clear(&want);
}

static void
check_all(void)
{
    oro_read_begin(db.se);
    for (unsigned c = 0; c < CONNS; c++)
        for (unsigned s = 0; s < SETS; s++)
            if (model[c][s].open)
                check_set(c, &model[c][s]);
    oro_read_end(db.se);
}

/* ---- random steps ---- */

static unsigned
rnd(unsigned n)
{
    return (unsigned)rand() % n;
}

static void
put_player(struct oro_bb *row, uint32_t id)
{
    struct oro_identity owner = fixture_identity(rnd(4));
    char name[20];
    snprintf(name, sizeof(name), "row %u", rnd(6));
    oro_bb_clear(row);
    oro_bb_u32(row, id);
    oro_bb_put(row, owner.le, 32);
    oro_bb_u32(row, rnd(5) - 1);
    put_string(row, name);
    oro_bb_u8(row, (uint8_t)rnd(2));
}

static void
random_write(struct oro_bb *row)
{
    const struct oro_table_def *player = fixture_table(db.schema, "player"),
                               *item = fixture_table(db.schema, "item");
    const struct oro_index_def *pk = fixture_index(player, "id");
    uint32_t id = rnd(30);
    struct oro_err err;
    oro_status st;
    struct oro_identity owner = fixture_identity(rnd(4));
    switch (rnd(5)) {
    case 0:
        st = oro_tx_delete(db.tx, player, pk, oro_bytes(&id, 4));
        break;
    case 1:
    case 2:
        put_player(row, id);
        st = oro_tx_upsert(db.tx, player, pk, oro_bb_bytes(row), NULL, &err);
        break;
    case 3:
        put_player(row, id);
        st = oro_tx_insert(db.tx, player, oro_bb_bytes(row), NULL, &err);
        break;
    default:
        oro_bb_clear(row);
        oro_bb_put(row, owner.le, 32);
        oro_bb_u8(row, (uint8_t)rnd(3));
        st = rnd(2) ? oro_tx_insert(db.tx, item, oro_bb_bytes(row), NULL, &err)
                    : oro_tx_delete_row(db.tx, item, oro_bb_bytes(row));
    }
    cr_assert(st == ORO_OK || st == ORO_ENOTFOUND || st == ORO_EEXISTS);
}

static void
random_commit(void)
{
    struct oro_bb row = {0};
    db_begin(&db);
    for (unsigned n = 1 + rnd(6); n > 0; n--)
        random_write(&row);
    oro_subs_apply(subs, db_commit(&db), on_update, NULL);
    oro_updates_clear(made);
    oro_bb_fini(&row);
}

static void
random_subscribe(unsigned c, unsigned id)
{
    struct model_set *m = &model[c][id];
    struct oro_query_env env = env_of(c);
    struct oro_bb bb = {0}, rows = {0};
    struct oro_err err;
    m->ntexts = rnd(4);
    for (uint32_t i = 0; i < m->ntexts; i++) {
        m->texts[i] = texts[rnd(ORO_ARRAY_LEN(texts))];
        put_string(&bb, m->texts[i]);
    }
    oro_read_begin(db.se);
    cr_assert_eq(oro_subs_subscribe(subs, db.se, c + 1, id, oro_bb_bytes(&bb), m->ntexts, &env,
                                    NULL, &rows, NULL, &err),
                 ORO_OK, "%s", err.text);
    oro_read_end(db.se);
    m->open = true;
    read_query_rows(oro_bb_bytes(&rows), m, 1);
    oro_bb_fini(&bb);
    oro_bb_fini(&rows);
}

static void
random_unsubscribe(unsigned c, unsigned id)
{
    struct model_set *m = &model[c][id];
    struct oro_bb rows = {0};
    struct oro_err err;
    oro_read_begin(db.se);
    cr_assert_eq(oro_subs_unsubscribe(subs, db.se, c + 1, id, ORO_ROWS_TABLES, NULL, &rows, &err), ORO_OK);
    oro_read_end(db.se);
    read_query_rows(oro_bb_bytes(&rows), m, -1);
    cr_assert_eq(m->rows, 0, "rows left after unsubscribing");
    bag_clear(m);
    m->open = false;
    oro_bb_fini(&rows);
}

static void
drop_conn(unsigned c)
{
    oro_subs_drop(subs, c + 1);
    for (unsigned s = 0; s < SETS; s++) {
        bag_clear(&model[c][s]);
        model[c][s].open = false;
    }
}

static void
run(unsigned seed)
{
    struct oro_subs_stats st;
    srand(seed);
    db = db_open(lines);
    subs = oro_subs_create(db.schema);
    made = oro_updates_create();
    for (unsigned step = 0; step < 1500; step++) {
        unsigned c = rnd(CONNS), id = rnd(SETS), what = rnd(20);
        if (what < 3 && !model[c][id].open)
            random_subscribe(c, id);
        else if (what == 4 && model[c][id].open)
            random_unsubscribe(c, id);
        else if (what == 5 && rnd(5) == 0)
            drop_conn(c);
        else
            random_commit();
        check_all();
    }
    for (unsigned c = 0; c < CONNS; c++)
        drop_conn(c);
    oro_subs_stats(subs, &st);
    cr_assert_eq(st.queries, 0);
    cr_assert_eq(st.query_sets, 0);
    oro_updates_destroy(made);
    oro_subs_destroy(subs);
    db_close(&db);
}

Test(equality, cache_equals_query_after_every_commit)
{
    for (unsigned seed = 1; seed <= 8; seed++)
        run(seed);
}
