/* What the Python side of a call costs: the bank's transfer with its arguments, and the single steps of table access, over a
 * host that answers from an array. CPU time of the thread, median of several rounds; nanoseconds for one.
 *
 * With arguments "REDUCER CALLS" that one alone, once, for counting its instructions:
 *     valgrind --tool=callgrind --toggle-collect=oro_py_call build/tests/py/bench_bridge transfer 5000 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bridge/host/bridge.h"
#include "runtime/base/clock.h"

enum { ROUNDS = 9, ACCOUNTS = 1000, WIDE = 1000 };

static const char module[] =
    "from orochi import *\n"
    "@table(public=True)\n"
    "class Accounts:\n"
    "    id: PrimaryKey[u32]\n"
    "    balance: i64\n"
    "@table(public=True)\n"
    "class Player:\n"
    "    id: PrimaryKey[u64]\n"
    "    name: str\n"
    "    x: f32\n"
    "    y: f32\n"
    "    alive: bool\n"
    "@reducer\n"
    "def nothing(ctx: ReducerContext, from_: u32, to: u32, amount: i64) -> None:\n"
    "    pass\n"
    "@reducer\n"
    "def transfer(ctx: ReducerContext, from_: u32, to: u32, amount: i64) -> None:\n"
    "    if from_ == to:\n"
    "        raise ReducerError('same_account')\n"
    "    if amount <= 0:\n"
    "        raise ReducerError('non_positive_amount')\n"
    "    by_id = ctx.db.accounts.id\n"
    "    source, target = by_id.find(from_), by_id.find(to)\n"
    "    if source is None or target is None:\n"
    "        raise ReducerError('account_missing')\n"
    "    if source.balance < amount:\n"
    "        raise ReducerError('insufficient_funds')\n"
    "    by_id.update(source, balance=source.balance - amount)\n"
    "    by_id.update(target, balance=target.balance + amount)\n"
    "@reducer\n"
    "def refused(ctx: ReducerContext, from_: u32, to: u32, amount: i64) -> None:\n"
    "    raise ReducerError('no')\n"
    "@reducer\n"
    "def find(ctx: ReducerContext, n: u32) -> None:\n"
    "    by_id = ctx.db.accounts.id\n"
    "    for i in range(n): by_id.find(5).balance\n"
    "@reducer\n"
    "def handles(ctx: ReducerContext, n: u32) -> None:\n"
    "    for i in range(n): ctx.db.accounts.id\n"
    "@reducer\n"
    "def column(ctx: ReducerContext, n: u32) -> None:\n"
    "    row = ctx.db.accounts.id.find(5)\n"
    "    for i in range(n): row.balance\n"
    "@reducer\n"
    "def update(ctx: ReducerContext, n: u32) -> None:\n"
    "    by_id = ctx.db.accounts.id\n"
    "    row = by_id.find(5)\n"
    "    for i in range(n): by_id.update(row, balance=i)\n"
    "@reducer\n"
    "def insert(ctx: ReducerContext, n: u32) -> None:\n"
    "    t = ctx.db.player\n"
    "    for i in range(n): t.insert(id=i, name='twelve chars', x=1.5, y=2.5, alive=True)\n"
    "@reducer\n"
    "def loop(ctx: ReducerContext, n: u32) -> None:\n"
    "    for i in range(n): pass\n"
    "@reducer\n"
    "def scan(ctx: ReducerContext, n: u32) -> None:\n"
    "    for row in ctx.db.player: pass\n"
    "@reducer\n"
    "def decode(ctx: ReducerContext, n: u32) -> None:\n"
    "    for row in ctx.db.player: row.id, row.name, row.x, row.y, row.alive\n";

struct host {
    uint8_t accounts[ACCOUNTS][12];
    struct oro_bytes wide[WIDE];
    uint8_t wide_row[64];
    uint8_t stored[128];
};

static oro_status
find(void *host, const struct oro_table_def *t, const struct oro_index_def *ix,
     struct oro_bytes key, struct oro_bytes *row)
{
    uint32_t id;
    memcpy(&id, key.data, 4);
    if (id >= ACCOUNTS)
        return ORO_ENOTFOUND;
    *row = oro_bytes(((struct host *)host)->accounts[id], 12);
    return ORO_OK;
}

static oro_status
update(void *host, const struct oro_table_def *t, const struct oro_index_def *ix,
       struct oro_bytes row, struct oro_bytes *stored, struct oro_err *err)
{
    uint32_t id;
    memcpy(&id, row.data, 4);
    uint8_t *to = ((struct host *)host)->accounts[id % ACCOUNTS];
    memcpy(to, row.data, 12);
    *stored = oro_bytes(to, 12);
    return ORO_OK;
}

static oro_status
insert(void *host, const struct oro_table_def *t, struct oro_bytes row, struct oro_bytes *stored,
       struct oro_err *err)
{
    struct host *h = host;
    memcpy(h->stored, row.data, row.len);
    *stored = oro_bytes(h->stored, row.len);
    return ORO_OK;
}

static oro_status
scan(void *host, const struct oro_table_def *t, struct oro_py_rows *out)
{
    out->rows = ((struct host *)host)->wide;
    out->n = WIDE;
    return ORO_OK;
}

static uint64_t
count(void *host, const struct oro_table_def *t)
{
    return WIDE;
}

static void
log_line(void *host, enum oro_log_level level, const char *target, const char *file, int line,
         struct oro_bytes text)
{
}

static const struct oro_host_ops ops = {.find = find,
                                        .update = update,
                                        .insert = insert,
                                        .scan = scan,
                                        .count = count,
                                        .log = log_line};

static int
by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* `calls` calls with the arguments; each stands for `each` steps. */
static void
measure(struct oro_py *py, const struct oro_schema *schema, struct host *host, const char *label,
        const char *reducer, struct oro_bytes args, unsigned calls, unsigned each)
{
    double ns[ROUNDS];
    struct oro_bb text = {0};
    struct oro_py_call call = {.reducer = oro_schema_reducer(schema, oro_bytes_str(reducer)),
                               .args = args,
                               .timestamp_us = 1,
                               .host = host,
                               .text = &text};
    for (int r = 0; r < ROUNDS; r++) {
        uint64_t start = oro_thread_cpu_ns();
        for (unsigned i = 0; i < calls; i++) {
            oro_status st = oro_py_call(py, &call);
            if (st != ORO_OK && st != ORO_EUSER) {
                fprintf(stderr, "%s: %.*s\n", reducer, (int)text.len, (char *)text.data);
                exit(1);
            }
        }
        ns[r] = (double)(oro_thread_cpu_ns() - start) / calls / each;
    }
    qsort(ns, ROUNDS, sizeof(ns[0]), by_value);
    printf("%-34s median %7.0f ns   best %7.0f   worst %7.0f\n", label, ns[ROUNDS / 2], ns[0],
           ns[ROUNDS - 1]);
    oro_bb_fini(&text);
}

/* For a profiler: nothing but the calls of one transfer-like reducer. */
static void
only(struct oro_py *py, const struct oro_schema *schema, struct host *host, const char *reducer,
     struct oro_bytes args, int calls)
{
    struct oro_bb text = {0};
    struct oro_py_call call = {.reducer = oro_schema_reducer(schema, oro_bytes_str(reducer)),
                               .args = args,
                               .timestamp_us = 1,
                               .host = host,
                               .text = &text};
    for (int i = 0; call.reducer != NULL && i < calls; i++)
        if (oro_py_call(py, &call) != ORO_OK)
            exit(1);
    oro_bb_fini(&text);
}

int
main(int argc, char **argv)
{
    struct oro_err err = {0};
    struct oro_py *py;
    struct oro_schema *schema;
    static struct host host;
    char *descriptor, *report = NULL, dir[] = "/tmp/oro-bench-XXXXXX", path[64];
    static const uint8_t args[16] = {1, 0, 0, 0, 2, 0, 0, 0, 1};
    static const uint8_t wide[] = {7,   0,   0,   0,   0,    0,    0,   0,   12,   0,    0,
                                   0,   't', 'w', 'e', 'l',  'v',  'e', ' ', 'c',  'h',  'a',
                                   'r', 's', 0,   0,   0xc0, 0x3f, 0,   0,   0x20, 0x40, 1};
    uint32_t many = 1000;
    struct oro_py_stats stats;
    memcpy(host.wide_row, wide, sizeof(wide));
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        int64_t balance = 1000000000;
        memcpy(host.accounts[i], &i, 4);
        memcpy(host.accounts[i] + 4, &balance, 8);
    }
    for (int i = 0; i < WIDE; i++)
        host.wide[i] = oro_bytes(host.wide_row, sizeof(wide));
    if (mkdtemp(dir) == NULL)
        return 1;
    snprintf(path, sizeof(path), "%s/bench.py", dir);
    FILE *f = fopen(path, "w");
    if (f == NULL || fputs(module, f) < 0 || fclose(f) != 0)
        return 1;
    if (oro_py_start(NULL, &err) != ORO_OK || oro_py_open(0, &ops, &py, &err) != ORO_OK ||
        oro_py_load(py, path, "bench", &descriptor, &report, &err) != ORO_OK ||
        oro_schema_parse(oro_bytes_str(descriptor), &schema, &err) != ORO_OK ||
        oro_py_bind(py, schema, &err) != ORO_OK) {
        fprintf(stderr, "%s\n", report != NULL ? report : err.text);
        return 1;
    }
    struct oro_bytes a = oro_bytes(args, 16), n = oro_bytes(&many, 4);
    if (argc == 3) {
        only(py, schema, &host, argv[1], a, atoi(argv[2]));
        goto done;
    }
    printf("CPython %s\n", oro_py_version());
    measure(py, schema, &host, "call of nothing, 3 arguments", "nothing", a, 20000, 1);
    measure(py, schema, &host, "bank transfer", "transfer", a, 20000, 1);
    measure(py, schema, &host, "call refused with ReducerError", "refused", a, 20000, 1);
    measure(py, schema, &host, "empty loop, an iteration", "loop", n, 100, many);
    measure(py, schema, &host, "ctx.db.accounts.id", "handles", n, 100, many);
    measure(py, schema, &host, "find(5).balance", "find", n, 100, many);
    measure(py, schema, &host, "row.balance again", "column", n, 100, many);
    measure(py, schema, &host, "update(row, balance=i)", "update", n, 100, many);
    measure(py, schema, &host, "insert(5 columns)", "insert", n, 100, many);
    measure(py, schema, &host, "scan, a row untouched", "scan", n, 100, WIDE);
    measure(py, schema, &host, "scan, a row's 5 columns", "decode", n, 100, WIDE);
    oro_py_stats(py, &stats);
    printf("pool: %.2f %% of rows reused\n",
           100.0 * (double)stats.pool_hits / (double)(stats.pool_hits + stats.pool_misses));
done:
    oro_py_close(py);
    oro_py_stop();
    oro_schema_free(schema);
    oro_free(descriptor);
    unlink(path);
    rmdir(dir);
    return 0;
}
