#include "tests/durable/run.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *
temp_dir_make(void)
{
    const char *base = getenv("TMPDIR");
    char *dir = oro_asprintf("%s/orochi-durable-XXXXXX", base != NULL ? base : "/tmp");
    ORO_ASSERT(mkdtemp(dir) != NULL);
    return dir;
}

void
temp_dir_remove(char *dir)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        char *path = oro_asprintf("%s/%s", dir, e->d_name);
        unlink(path);
        oro_free(path);
    }
    if (d != NULL)
        closedir(d);
    rmdir(dir);
    oro_free(dir);
}

char *
temp_db_path(const char *dir)
{
    return oro_asprintf("%s/game.db", dir);
}

static void
on_durable(void *arg)
{
    struct run *r = arg;
    oro_wake_broadcast(&r->moved);
}

oro_status
run_open(struct run *r, const struct run_options *opt, struct oro_err *err)
{
    struct oro_durable_options o = {
        .dir = opt->dir,
        .name = "game",
        .mode = opt->mode,
        .delete_data = opt->delete_data,
        .checkpoint_bytes = opt->checkpoint_bytes,
        .checkpoint_interval_s = opt->checkpoint_interval_s,
        .on_durable = on_durable,
        .arg = r,
    };
    struct oro_store_options so = {0};
    *r = (struct run){.schema = fixture_schema(opt->lines)};
    oro_status st = oro_durable_open(&o, r->schema, &r->durable, err);
    if (st != ORO_OK)
        goto fail_schema;
    st = oro_store_create(r->schema, &so, &r->store, err);
    ORO_ASSERT(st == ORO_OK);
    st = oro_durable_recover(r->durable, r->store, err);
    if (st != ORO_OK)
        goto fail;
    if (opt->recovered != NULL)
        opt->recovered(r);
    st = oro_durable_start(r->durable, r->store, err);
    if (st != ORO_OK)
        goto fail;
    r->se = oro_session_open(r->store);
    return ORO_OK;

fail:
    oro_durable_stop(r->durable);
    oro_store_destroy(r->store);
fail_schema:
    fixture_schema_free(r->schema);
    return st;
}

void
run_must_open(struct run *r, const struct run_options *opt)
{
    struct oro_err err = {0};
    if (run_open(r, opt, &err) != ORO_OK) {
        fprintf(stderr, "run_open: %s\n", err.text);
        abort();
    }
}

bool
run_close(struct run *r)
{
    oro_session_close(r->se);
    bool all = oro_durable_stop(r->durable);
    oro_store_destroy(r->store);
    fixture_schema_free(r->schema);
    return all;
}

uint64_t
run_commit(struct run *r, struct oro_tx *tx)
{
    struct oro_origin origin = {.reducer = UINT32_MAX};
    uint64_t seq;
    oro_status st = oro_tx_commit(tx, &origin, &seq);
    ORO_ASSERT(st == ORO_OK);
    oro_durable_wake(r->durable);
    return seq;
}

void
run_wait_durable(struct run *r, uint64_t seq)
{
    for (;;) {
        unsigned seen = oro_wake_prepare(&r->moved);
        if (oro_durable_seq(r->durable) >= seq)
            return;
        oro_wake_wait(&r->moved, seen, -1);
    }
}

void
run_insert(struct run *r, struct oro_tx *tx, const char *table, const struct oro_bb *row)
{
    struct oro_err err;
    oro_status st =
        oro_tx_insert(tx, fixture_table(r->schema, table), oro_bb_bytes(row), NULL, &err);
    ORO_ASSERT(st == ORO_OK);
}

static int
compare_rows(const void *a, const void *b)
{
    return oro_bytes_cmp(*(const struct oro_bytes *)a, *(const struct oro_bytes *)b);
}

void
run_dump(struct run *r, struct oro_bb *out)
{
    oro_bb_clear(out);
    oro_read_begin(r->se);
    for (uint32_t i = 0; i < r->schema->ntables; i++) {
        struct oro_rows rows;
        oro_read_scan(r->se, &r->schema->tables[i], &rows);
        if (rows.n > 0)
            qsort(rows.rows, rows.n, sizeof(*rows.rows), compare_rows);
        oro_bb_u64(out, rows.n);
        for (size_t k = 0; k < rows.n; k++)
            oro_bb_lenbytes(out, rows.rows[k]);
    }
    oro_read_end(r->se);
}

size_t
run_count(struct run *r, const char *table)
{
    return oro_store_row_count(r->store, fixture_table(r->schema, table));
}
