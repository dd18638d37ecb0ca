/* What a commit costs the live queries: with many connections that watch another value each (the change concerns one), and
 * with many that watch the same table (the change concerns all). One thread; best of many rounds. */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/clock.h"
#include "runtime/subs/subs.h"
#include "tests/subs/db.h"
#include "tests/subs/told.h"

#define COMMITS 200
#define ROUNDS 20

static const char *const lines[] = {"unit public id:u64:pk owner:u64:idx x:f32 y:f32", NULL};

static size_t emitted, bytes;
static struct oro_updates *made;
static struct oro_bb head;

static void
count(void *arg, oro_conn_id conn, const struct oro_subs_notice *notices, size_t n)
{
    oro_bb_clear(&head);
    const struct oro_parts *body = oro_proto_v3.update(made, notices, n, NULL, &head);
    emitted++;
    bytes += head.len + (body != NULL ? body->bytes : 0);
}

static void
must(oro_status st, const struct oro_err *err)
{
    if (st != ORO_OK) {
        fprintf(stderr, "%s\n", err->text);
        exit(1);
    }
}

static void
put_unit(struct db *d, uint64_t id, uint64_t owner, struct oro_bb *row)
{
    const struct oro_table_def *t = fixture_table(d->schema, "unit");
    struct oro_err err = {0};
    oro_bb_clear(row);
    oro_bb_u64(row, id);
    oro_bb_u64(row, owner);
    oro_bb_u64(row, (uint64_t)rand());
    must(oro_tx_upsert(d->tx, t, fixture_index(t, "id"), oro_bb_bytes(row), NULL, &err), &err);
}

static void
measure(const char *what, unsigned conns, const char *form)
{
    struct db d = db_open(lines);
    struct oro_subs *subs = oro_subs_create(d.schema);
    struct oro_query_env env = {.is_owner = false};
    struct oro_bb row = {0}, texts = {0}, rows = {0};
    struct oro_err err = {0};
    char text[100];
    for (unsigned c = 1; c <= conns; c++) {
        snprintf(text, sizeof(text), form, c, c);
        oro_bb_clear(&texts);
        oro_bb_clear(&rows);
        put_string(&texts, text);
        oro_read_begin(d.se);
        must(oro_subs_subscribe(subs, d.se, c, 1, oro_bb_bytes(&texts), 1, &env, NULL, &rows, NULL,
                                &err),
             &err);
        oro_read_end(d.se);
    }
    uint64_t best = UINT64_MAX;
    emitted = bytes = 0;
    for (unsigned r = 0; r < ROUNDS; r++) {
        uint64_t ns = 0;
        for (unsigned i = 0; i < COMMITS; i++) {
            db_begin(&d);
            put_unit(&d, (uint64_t)rand() % 1000, 1 + (uint64_t)rand() % conns, &row);
            const struct oro_commit *c = db_commit(&d);
            uint64_t begin = oro_thread_cpu_ns();
            oro_subs_apply(subs, c, count, NULL);
            oro_updates_clear(made);
            ns += oro_thread_cpu_ns() - begin;
        }
        best = ns < best ? ns : best;
    }
    double per = (double)best / COMMITS, receivers = (double)emitted / (ROUNDS * COMMITS);
    printf("%-28s %6u connections: %9.0f ns a commit, %8.2f receivers, %6.1f ns a receiver\n", what,
           conns, per, receivers, receivers > 0 ? per / receivers : 0);
    oro_bb_fini(&row);
    oro_bb_fini(&texts);
    oro_bb_fini(&rows);
    oro_subs_destroy(subs);
    db_close(&d);
}

int
main(void)
{
    made = oro_updates_create();
    static const unsigned sizes[] = {1, 10, 1000, 10000};
    for (size_t i = 0; i < ORO_ARRAY_LEN(sizes); i++)
        measure("owner = <own>, one row", sizes[i], "SELECT * FROM unit WHERE owner = %u");
    for (size_t i = 0; i < ORO_ARRAY_LEN(sizes); i++)
        measure("owner >= a AND owner <= b", sizes[i],
                "SELECT * FROM unit WHERE owner >= %u AND owner <= %u");
    for (size_t i = 0; i < ORO_ARRAY_LEN(sizes); i++)
        measure("whole table, one row", sizes[i], "SELECT * FROM unit");
    oro_updates_destroy(made);
    oro_bb_fini(&head);
    return 0;
}
