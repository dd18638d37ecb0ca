/* Texts of queries (runtime/subs): bits 0-1 of the first byte choose the use, bit 2 whether the owner asks; the rest is the
 * text, of which the callers check that it is UTF-8. Properties: a refusal has words, and they are UTF-8; an accepted query
 * finds by its index, or by whatever way it chooses, exactly the rows that match one by one; every match has the value that
 * the live query is registered under; the answer of POST /sql is JSON. */
#include <stdlib.h>

#include "runtime/base/json.h"
#include "bridge/bsatn/reader.h"
#include "bridge/bsatn/value.h"
#include "runtime/base/utf8.h"
#include "runtime/subs/query.h"
#include "tests/subs/db.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROWS 24

static const char *const lines[] = {
    "player public id:u64:pk:auto name:string:hash owner:identity:idx online:bool score:f64 "
    "level:i32:idx "
    "blob:bytes seen:time tone:color big:u128 index(online,level) index(name,score)",
    "secret private id:u32:pk",
    "all public a:i8 b:u8 c:i16 d:u16 e:i64 f:i128 g:i256 h:u256 i:f32 j:conn k:span l:uuid "
    "m:opt_u32 n:list_u16 o:pair",
    NULL,
};

static struct db db;
static struct oro_bb rows[ROWS];

static void
make_row(struct oro_bb *row, uint64_t i)
{
    static const double scores[] = {-1.5, 0.0, -0.0, 1e300, 2.0};
    static const char *const names[] = {"", "bob", "ann", "b\xc3\xb6", "it's"};
    struct oro_identity owner = fixture_identity(i % 3);
    double score = i == 7 ? strtod("nan", NULL) : scores[i % 5];
    oro_bb_u64(row, i < 20 ? i + 1 : UINT64_MAX - i); /* 0 would ask for a number */
    put_string(row, names[i % 4 + (i % 9 == 0)]);
    oro_bb_put(row, owner.le, 32);
    oro_bb_u8(row, i % 2);
    oro_bb_put(row, &score, 8);
    oro_bb_u32(row, (uint32_t)(i % 5) - 2);
    oro_bb_lenbytes(row, oro_bytes("\x01\xff\x00", i % 4));
    oro_bb_u64(row, i * 1000000);
    oro_bb_u8(row, i % 2);
    oro_bb_u64(row, i % 3);
    oro_bb_u64(row, i % 2 == 0 ? 0 : 1ull << 63);
}

static void
prepare(void)
{
    struct oro_err err;
    db = db_open(lines);
    db_begin(&db);
    const struct oro_table_def *player = fixture_table(db.schema, "player"),
                               *all = fixture_table(db.schema, "all");
    for (uint64_t i = 0; i < ROWS; i++) {
        make_row(&rows[i], i);
        ORO_ASSERT(oro_tx_insert(db.tx, player, oro_bb_bytes(&rows[i]), NULL, &err) == ORO_OK);
    }
    struct oro_bb row = {0};
    for (unsigned i = 0; i < 2 + 4 + 8 + 16 + 32 + 32 + 4 + 16 + 8 + 16; i++)
        oro_bb_u8(&row, (uint8_t)(i * 37));
    oro_bb_u8(&row, 1);  /* m: none */
    oro_bb_u32(&row, 0); /* n */
    oro_bb_u8(&row, 9);  /* o */
    put_string(&row, "y");
    ORO_ASSERT(oro_tx_insert(db.tx, all, oro_bb_bytes(&row), NULL, &err) == ORO_OK);
    oro_bb_fini(&row);
    db_commit(&db);
}

/* The value by which a live query is found among the others. */
static void
check_value(const struct oro_query *q, struct oro_bytes row)
{
    struct oro_bytes value;
    int col = oro_query_eq_column(q, &value);
    if (col < 0)
        return;
    const uint8_t *p = oro_value_column(oro_query_table(q)->row, row.data, (uint16_t)col);
    ORO_ASSERT(memcmp(p, value.data, value.len) == 0);
}

static void
check_json(const struct oro_query *q)
{
    struct oro_bb out = {0};
    struct oro_json json;
    struct oro_err err;
    ORO_ASSERT(oro_query_sql_json(q, db.se, NULL, &out, NULL, &err) == ORO_OK);
    ORO_ASSERT(oro_json_parse(&json, oro_bb_bytes(&out), ORO_JSON_MAX_DEPTH, &err) == ORO_OK);
    oro_json_fini(&json);
    oro_bb_fini(&out);
}

static void
accepted(const struct oro_query *q, enum oro_query_use use, bool utf8)
{
    struct oro_found found;
    struct oro_err err;
    size_t n = 0;
    oro_read_begin(db.se);
    ORO_ASSERT(oro_query_run(q, db.se, NULL, &found, &err) == ORO_OK);
    for (size_t i = 0; i < found.n; i++) {
        ORO_ASSERT(oro_query_matches(q, found.rows[i]));
        check_value(q, found.rows[i]);
    }
    if (strcmp(oro_query_table(q)->name, "player") == 0) {
        for (unsigned i = 0; i < ROWS; i++)
            n += oro_query_matches(q, oro_bb_bytes(&rows[i]));
        ORO_ASSERT(use == ORO_QUERY_SQL ? found.n <= n : found.n == n);
        ORO_ASSERT(oro_query_has_condition(q) || n == ROWS);
    }
    oro_found_fini(&found);
    if (use == ORO_QUERY_SQL && utf8)
        check_json(q);
    oro_read_end(db.se);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct oro_query *q;
    struct oro_err err = {0};
    if (db.se == NULL)
        prepare();
    if (size < 1)
        return 0;
    struct oro_query_env env = {.sender = fixture_identity(1), .is_owner = (data[0] & 4) != 0};
    enum oro_query_use use = (enum oro_query_use)((data[0] & 3) % 3);
    struct oro_bytes text = oro_bytes(data + 1, size - 1);
    if (oro_query_parse(db.schema, text, use, &env, &q, &err) == ORO_OK) {
        accepted(q, use, oro_utf8_valid(text));
        oro_query_free(q);
        return 0;
    }
    ORO_ASSERT(err.text[0] != '\0');
    if (oro_utf8_valid(text))
        ORO_ASSERT(oro_utf8_valid(oro_bytes_str(err.text)));
    return 0;
}
