/* Texts of SQL (runtime/sql): bit 0 of the first byte: the owner asks; bit 1: in a transaction, which is then aborted; the rest
 * is the text, of which the callers check that it is UTF-8. Properties: it ends within its limits; an answer is JSON; a refusal
 * has words, and they are UTF-8; a text without a word that writes leaves no trace in the transaction. */
#include "bridge/bsatn/value.h"
#include "runtime/base/json.h"
#include "runtime/base/utf8.h"
#include "runtime/sql/sql.h"
#include "tests/subs/db.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const lines[] = {
    "t public id:u64:pk s:string:idx u:u128:idx f:f32:idx who:identity:idx at:time:idx "
    "c:color3:idx "
    "o:opt_u32:idx raw:bytes:idx list:list_u16 pair:pair uuid:uuid b:bool index(s,id)",
    "q private id:u32:pk t:u64:hash",
    NULL,
};

static struct db db;
static struct oro_sql_pool *pool;

static void
put_json(const char *table, const char *json)
{
    const struct oro_table_def *t = fixture_table(db.schema, table);
    struct oro_bb row = {0};
    struct oro_err err;
    ORO_ASSERT(oro_value_from_json(t->row, oro_bytes_str(json), &row, &err) == ORO_OK);
    ORO_ASSERT(oro_tx_insert(db.tx, t, oro_bb_bytes(&row), NULL, &err) == ORO_OK);
    oro_bb_fini(&row);
}

static void
prepare(void)
{
    oro_sql_init();
    db = db_open(lines);
    pool = oro_sql_pool_create();
    db_begin(&db);
    put_json("t", "[1,\"a\",5,1.5,[\"0x7\"],[0],[0,[]],[0,5],\"0aff\",[1,2],[9,\"q\"],[1],true]");
    put_json("t",
             "[18446744073709551615,\"it's \\u00e4\",340282366920938463463374607431768211455,-1,"
             "[\"0xc2\"],[-5],[2,[]],[1,[]],\"\",[],[0,\"\"],[2],false]");
    put_json("q", "[1,1]");
    put_json("q", "[2,18446744073709551615]");
    db_commit(&db);
}

static void
check(oro_status st, const struct oro_err *err, const struct oro_bb *out, bool utf8)
{
    struct oro_json json;
    struct oro_err why;
    if (st != ORO_OK) {
        ORO_ASSERT(err->text[0] != '\0');
        ORO_ASSERT(!utf8 || oro_utf8_valid(oro_bytes_str(err->text)));
        return;
    }
    if (!utf8)
        return;
    ORO_ASSERT(oro_json_parse(&json, oro_bb_bytes(out), ORO_JSON_MAX_DEPTH, &why) == ORO_OK);
    oro_json_fini(&json);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (db.se == NULL)
        prepare();
    if (size < 1)
        return 0;
    struct oro_bytes text = oro_bytes(data + 1, size - 1);
    struct oro_err err = {0};
    struct oro_bb out = {0};
    struct oro_sql_ask ask = {.schema = db.schema,
                              .store = db.store,
                              .session = db.se,
                              .sender = fixture_identity(7),
                              .is_owner = (data[0] & 1) != 0,
                              .steps = 20000,
                              .memory = 4 << 20,
                              .bytes = 1 << 20};
    bool in_tx = (data[0] & 2) != 0;
    if (in_tx)
        ask.tx = oro_tx_begin(db.se, false);
    else
        oro_read_begin(db.se);
    oro_status st = oro_sql_query(pool, &ask, text, &out, NULL, &err);
    check(st, &err, &out, oro_utf8_valid(text));
    if (in_tx) {
        ORO_ASSERT(oro_sql_writes(text) || !oro_tx_has_writes(ask.tx));
        oro_tx_abort(ask.tx);
    } else {
        oro_read_end(db.se);
    }
    oro_bb_fini(&out);
    return 0;
}
