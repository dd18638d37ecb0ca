#include "tests/server/module.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/file.h"
#include "tests/exec/writers/stub_py.h"

atomic_bool module_gate;
atomic_uint module_holding;

struct row {
    uint32_t id;
    int64_t n;
} __attribute__((packed));

struct called {
    const struct oro_host_ops *ops;
    void *host;
    const struct oro_table_def *table;
};

static struct called
called(struct oro_py *py, const struct oro_host_ops *ops, const struct oro_py_call *call,
       const char *table)
{
    struct called c = {ops, call->host, oro_schema_table(stub_schema(py), oro_bytes_str(table))};
    ORO_ASSERT(c.table != NULL);
    return c;
}

/* Adds to a row's second column, from 0 where there is no such row; further columns are 7. */
static oro_status
change(struct called c, uint32_t id, int64_t by, int64_t *now)
{
    struct {
        struct row r;
        int64_t more;
    } __attribute__((packed)) row = {{id, by}, 7};
    struct oro_bytes old;
    struct oro_err err;
    oro_status st = c.ops->find(c.host, c.table, &c.table->indexes[0], oro_bytes(&id, 4), &old);
    if (st != ORO_OK && st != ORO_ENOTFOUND)
        return st;
    if (st == ORO_OK)
        row.r.n += ((const struct row *)old.data)->n;
    *now = row.r.n;
    size_t size = c.table->row->nelems == 3 ? sizeof(row) : sizeof(row.r);
    return c.ops->upsert(c.host, c.table, &c.table->indexes[0], oro_bytes(&row, size), NULL, &err);
}

static uint32_t
caller(const struct oro_py_call *call)
{
    uint32_t n;
    memcpy(&n, call->sender.le, sizeof(n));
    return n;
}

static oro_status
first(struct oro_py *py, const struct oro_host_ops *ops, struct oro_py_call *call)
{
    int64_t now;
    return change(called(py, ops, call, "account"), 0, 1000, &now);
}

static oro_status
comes(struct oro_py *py, const struct oro_host_ops *ops, struct oro_py_call *call)
{
    int64_t now;
    if (caller(call) & MODULE_REFUSED) {
        oro_bb_put_bytes(call->text, oro_bytes_str("not you"));
        return ORO_EUSER;
    }
    return change(called(py, ops, call, "present"), caller(call), 1, &now);
}

static oro_status
goes(struct oro_py *py, const struct oro_host_ops *ops, struct oro_py_call *call)
{
    int64_t now;
    oro_status st = change(called(py, ops, call, "present"), caller(call), -1, &now);
    return st == ORO_OK && now < 0 ? ORO_EINTERNAL : st;
}

static oro_status
add(struct oro_py *py, const struct oro_host_ops *ops, struct oro_py_call *call)
{
    uint32_t id;
    int64_t by, now;
    if (call->args.len != sizeof(id) + sizeof(by))
        return ORO_EINVAL;
    memcpy(&id, call->args.data, sizeof(id));
    memcpy(&by, call->args.data + sizeof(id), sizeof(by));
    return change(called(py, ops, call, "account"), id, by, &now);
}

static oro_status
fill(struct oro_py *py, const struct oro_host_ops *ops, struct oro_py_call *call)
{
    uint32_t args[2];
    int64_t now;
    oro_status st = ORO_OK;
    if (call->args.len != sizeof(args))
        return ORO_EINVAL;
    memcpy(args, call->args.data, sizeof(args));
    struct called c = called(py, ops, call, "account");
    for (uint32_t i = 0; i < args[1] && st == ORO_OK; i++)
        st = change(c, args[0] + i, 1, &now);
    return st;
}

static oro_status
fail(struct oro_py *py, const struct oro_host_ops *ops, struct oro_py_call *call)
{
    int64_t now;
    (void)change(called(py, ops, call, "account"), 1, 5, &now); /* of which nothing stays */
    oro_bb_put_bytes(call->text, oro_bytes_str("no"));
    return ORO_EUSER;
}

static oro_status
hold(struct oro_py *py, const struct oro_host_ops *ops, struct oro_py_call *call)
{
    int64_t now;
    atomic_fetch_add(&module_holding, 1);
    while (!atomic_load(&module_gate) && !stub_interrupted(py))
        sched_yield();
    return stub_interrupted(py) ? ORO_ETIMEOUT
                                : change(called(py, ops, call, "account"), 2, 1, &now);
}

/* Fails unless the caller is the only one who is there, and that once. */
static oro_status
check(struct oro_py *py, const struct oro_host_ops *ops, struct oro_py_call *call)
{
    struct called c = called(py, ops, call, "present");
    struct oro_py_rows rows;
    oro_status st = ops->scan(call->host, c.table, &rows);
    for (size_t i = 0; st == ORO_OK && i < rows.n; i++) {
        const struct row *r = (const struct row *)rows.rows[i].data;
        if (r->n == (r->id == caller(call) ? 1 : 0))
            continue;
        oro_bb_printf(call->text, "%u is there %lld times", r->id, (long long)r->n);
        return ORO_EUSER;
    }
    return st;
}

static stub_reducer *const reducers[] = {first, comes, goes, add, fill, fail, hold, check};

static char *descriptor;

void
module_becomes(const char *name)
{
    struct oro_err err = {0};
    module_forget();
    if (stub_reducers == NULL) /* workers may be reading it */
        stub_reducers = reducers;
    stub_descriptor = NULL;
    if (name == NULL)
        return;
    char *path = oro_asprintf("%s/%s.json", getenv("ORO_MODULE"), name);
    oro_status st = oro_file_get(path, 1u << 20, &descriptor, &err);
    ORO_ASSERT(st == ORO_OK);
    oro_free(path);
    stub_descriptor = descriptor;
}

void
module_forget(void)
{
    oro_free(descriptor);
    descriptor = NULL;
}

/* ---- messages ---- */

enum { SUBSCRIBE, UNSUBSCRIBE, ONE_OFF, CALL, SUBSCRIBE_BATCH = 5 };

static void
head(struct oro_bb *out, uint8_t tag, uint32_t request_id)
{
    oro_bb_u8(out, tag);
    oro_bb_u32(out, request_id);
}

static void
call_head(struct oro_bb *out, uint32_t request_id, const char *name, uint32_t args)
{
    head(out, CALL, request_id);
    oro_bb_u8(out, 0); /* flags */
    oro_bb_lenbytes(out, oro_bytes_str(name));
    oro_bb_u32(out, args);
}

void
put_add(struct oro_bb *out, uint32_t request_id, uint32_t id, int64_t by)
{
    call_head(out, request_id, "add", 12);
    oro_bb_u32(out, id);
    oro_bb_u64(out, (uint64_t)by);
}

void
put_fill(struct oro_bb *out, uint32_t request_id, uint32_t from, uint32_t count)
{
    call_head(out, request_id, "fill", 8);
    oro_bb_u32(out, from);
    oro_bb_u32(out, count);
}

void
put_call(struct oro_bb *out, uint32_t request_id, const char *name)
{
    call_head(out, request_id, name, 0);
}

void
put_subscribe(struct oro_bb *out, uint32_t request_id, uint32_t query_set, const char *sql)
{
    head(out, SUBSCRIBE, request_id);
    oro_bb_u32(out, query_set);
    oro_bb_u32(out, 1);
    oro_bb_lenbytes(out, oro_bytes_str(sql));
}

void
put_batch(struct oro_bb *out, uint32_t request_id, const struct set_text *sets, uint32_t n)
{
    head(out, SUBSCRIBE_BATCH, request_id);
    oro_bb_u32(out, n);
    for (uint32_t i = 0; i < n; i++) {
        oro_bb_u32(out, sets[i].query_set);
        oro_bb_u32(out, 1);
        oro_bb_lenbytes(out, oro_bytes_str(sets[i].sql));
    }
}

void
put_unsubscribe(struct oro_bb *out, uint32_t request_id, uint32_t query_set, bool rows)
{
    head(out, UNSUBSCRIBE, request_id);
    oro_bb_u32(out, query_set);
    oro_bb_u8(out, rows);
}

void
put_query(struct oro_bb *out, uint32_t request_id, const char *sql)
{
    head(out, ONE_OFF, request_id);
    oro_bb_lenbytes(out, oro_bytes_str(sql));
}
