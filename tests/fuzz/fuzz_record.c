/* What stands in the log of a damaged file that has the right checksum: the bytes of one group commit (runtime/log/record.h),
 * replayed into an empty store as a start does. Properties: it ends, with success or the word that the log is damaged; every op
 * lies within the bytes; the invariants of the store hold after every transaction that was taken in. */
#include "runtime/durable/recover.c"

#include "tests/subs/fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const lines[] = {
    "player public id:u64:pk:auto name:string:unique level:i32:idx",
    "bag public owner:u32 kind:color what:pair",
    "cell public at:pair:pk left:opt_u32 list:list_u16",
    NULL,
};

static struct oro_schema *schema;
static struct layout layouts[3];
static struct layout *by_id[] = {NULL, &layouts[0], &layouts[1], &layouts[2]};
static struct oro_durable durable;
static struct oro_txlog txlog = {.path = (char *)(uintptr_t) "log"};

static void
prepare(void)
{
    schema = fixture_schema(lines);
    for (uint32_t i = 0; i < 3; i++)
        layouts[i] = (struct layout){.def = &schema->tables[i], .id = i + 1};
    durable.catalog.by_id = by_id;
    durable.catalog.nids = ORO_ARRAY_LEN(by_id);
    durable.schema = schema;
    durable.log = &txlog;
}

/* Walks the ops: how many bytes of rows there are, and that none lies outside. */
static void
walk(struct oro_bytes blob)
{
    struct record_reader r = record_reader(blob, 1);
    bool more;
    size_t ops = 0;
    while (record_next_tx(&r, &more) == ORO_OK && more) {
        struct record_op op;
        bool has;
        while (record_next_op(&r, &op, &has) == ORO_OK && has) {
            ops++;
            if (op.bytes.len > 0)
                ORO_ASSERT(op.bytes.data >= blob.data &&
                           op.bytes.data + op.bytes.len <= blob.data + blob.len);
        }
        if (r.ops > 0)
            break;
    }
    ORO_ASSERT(ops * 3 <= blob.len);
}

static oro_status
replay_all(struct oro_store *store, struct oro_bytes blob, struct oro_err *err)
{
    struct oro_txlog_batch row = {.first = 1, .last = 1, .records = blob};
    struct replay p = {.d = &durable, .store = store, .row = &row, .err = err};
    struct record_reader r = record_reader(blob, 1);
    bool more;
    oro_status st = record_next_tx(&r, &more);
    while (st == ORO_OK && more) {
        st = replay_tx(&p, &r);
        if (st == ORO_OK)
            st = record_next_tx(&r, &more);
    }
    oro_free(p.changes);
    return st;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct oro_store_options opt = {0};
    struct oro_store *store;
    struct oro_err err = {0};
    if (schema == NULL)
        prepare();
    struct oro_bytes blob = oro_bytes(data, size);
    walk(blob);
    ORO_ASSERT(oro_store_create(schema, &opt, &store, &err) == ORO_OK);
    oro_status st = replay_all(store, blob, &err);
    ORO_ASSERT(st == ORO_OK || st == ORO_EMALFORMED || st == ORO_EEXISTS || st == ORO_EFULL);
    ORO_ASSERT(oro_store_check(store));
    oro_store_destroy(store);
    return 0;
}
