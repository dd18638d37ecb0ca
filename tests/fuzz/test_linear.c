/* Input that is four times as large costs about four times as much: no text, message or way to cut bytes into packets makes
 * anything quadratic. Cost is what steps.h counts, so that the same input costs the same on every machine.
 *
 * Each case is run with n, 2n and 4n; what grows with n log n stays below the bound, what grows with its square does not. */
#include <criterion/criterion.h>

#include "bridge/bsatn/type.h"
#include "bridge/bsatn/value.h"
#include "runtime/proto/v2_priv.h"
#include "runtime/subs/subs.h"
#include "tests/fuzz/fuzz_net.c"
#include "tests/subs/db.h"

#define BOUND 6.5 /* times, for input that is four times as large */

uint64_t oro_steps;

void __sanitizer_cov_trace_pc(void);

void
__sanitizer_cov_trace_pc(void)
{
    oro_steps++;
}

/* A case: does it with n, and gives what it cost. */
typedef uint64_t (*steps_fn)(size_t n);

static void
linear(const char *what, steps_fn f, size_t n)
{
    uint64_t one = f(n), two = f(2 * n), four = f(4 * n);
    cr_assert_gt(one, 0);
    cr_assert_lt((double)four / (double)one, BOUND,
                 "%s: %llu, %llu, %llu steps for %zu, twice and four times as many", what,
                 (unsigned long long)one, (unsigned long long)two, (unsigned long long)four, n);
}

#define LINEAR(f, n) linear(#f, f, n)

static void
put(struct oro_bb *out, const char *text)
{
    oro_bb_put(out, text, strlen(text));
}

static void
put_times(struct oro_bb *out, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        put(out, text);
}

/* ---- bridge/bsatn ---- */

static struct oro_typespace ts;

static const struct oro_type *
type(const char *json)
{
    struct oro_type *t;
    cr_assert_eq(oro_type_from_json(&ts, oro_bytes_str(json), &t, NULL), ORO_OK);
    cr_assert_eq(oro_type_seal(&ts, t, NULL), ORO_OK);
    return t;
}

static uint64_t
from_json(const char *type_text, struct oro_bb *text)
{
    struct oro_bb out = {0};
    struct oro_err err;
    const struct oro_type *t = type(type_text);
    uint64_t before = oro_steps;
    oro_status st = oro_value_from_json(t, oro_bb_bytes(text), &out, &err);
    uint64_t steps = oro_steps - before;
    cr_assert(st == ORO_OK || st == ORO_EMALFORMED);
    oro_bb_fini(&out);
    oro_bb_fini(text);
    return steps;
}

static uint64_t
json_numbers(size_t n)
{
    struct oro_bb t = {0};
    put(&t, "[");
    put_times(&t, n, "12,");
    put(&t, "3]");
    return from_json("{\"Array\":{\"U64\":[]}}", &t);
}

static uint64_t
json_escapes(size_t n)
{
    struct oro_bb t = {0};
    put(&t, "\"");
    put_times(&t, n, "\\ud83d\\ude00\\n");
    put(&t, "\"");
    return from_json("{\"String\":[]}", &t);
}

static uint64_t
json_digits(size_t n)
{
    struct oro_bb t = {0};
    put_times(&t, n, "1234567890");
    return from_json("{\"U256\":[]}", &t);
}

static uint64_t
json_zeros(size_t n)
{
    struct oro_bb t = {0};
    put_times(&t, n, "0000000000");
    struct oro_bb u = {0};
    put(&u, "0.");
    oro_bb_put_bytes(&u, oro_bb_bytes(&t));
    put(&u, "1e10");
    oro_bb_fini(&t);
    return from_json("{\"F64\":[]}", &u);
}

static uint64_t
json_fraction(size_t n)
{
    struct oro_bb t = {0};
    put(&t, "1.");
    put_times(&t, n, "1234567890");
    return from_json("{\"F64\":[]}", &t);
}

static uint64_t
json_open_brackets(size_t n)
{
    struct oro_bb t = {0};
    put_times(&t, n, "[");
    return from_json("{\"Array\":{\"U64\":[]}}", &t);
}

static uint64_t
json_members(size_t n)
{
    struct oro_bb t = {0};
    put(&t, "{\"a\":1");
    put_times(&t, n, ",\"a\":{\"b\":[],\"c\":\"\"}");
    put(&t, "}");
    return from_json(
        "{\"Product\":{\"elements\":[{\"name\":{\"some\":\"a\"},\"algebraic_type\":{\"U8\":[]}}]}}",
        &t);
}

static uint64_t
empty_arrays(size_t n)
{
    const struct oro_type *t = type("{\"Array\":{\"Array\":{\"Product\":{\"elements\":[]}}}}");
    struct oro_bb b = {0};
    struct oro_err err;
    oro_bb_u32(&b, (uint32_t)n);
    for (size_t i = 0; i < n; i++)
        oro_bb_u32(&b, i < 4 ? 1000 : 0); /* no more elements without bytes than a value may have */
    uint64_t before = oro_steps;
    cr_assert_eq(oro_value_check(t, oro_bb_bytes(&b), &err), ORO_OK);
    oro_bb_fini(&b);
    return oro_steps - before;
}

static uint64_t
queries_of_a_message(size_t n)
{
    struct oro_bb b = {0};
    struct oro_client_message m;
    struct oro_err err;
    oro_bb_u8(&b, ORO_MSG_SUBSCRIBE);
    oro_bb_u32(&b, 1);
    oro_bb_u32(&b, 1);
    oro_bb_u32(&b, (uint32_t)n);
    for (size_t i = 0; i < n; i++)
        oro_bb_lenbytes(&b, oro_bytes_str("SELECT * FROM x"));
    struct oro_reader r = oro_reader(oro_bb_bytes(&b));
    uint64_t before = oro_steps;
    cr_assert_eq(v2_read(&r, &m, &err), ORO_OK);
    oro_bb_fini(&b);
    return oro_steps - before;
}

static uint64_t
sets_of_a_message(size_t n)
{
    struct oro_bb b = {0};
    struct oro_client_message m;
    struct oro_err err;
    oro_bb_u8(&b, ORO_MSG_SUBSCRIBE_BATCH);
    oro_bb_u32(&b, 1);
    oro_bb_u32(&b, (uint32_t)n);
    for (uint32_t i = 0; i < n; i++) {
        oro_bb_u32(&b, i);
        oro_bb_u32(&b, 1);
        oro_bb_lenbytes(&b, oro_bytes_str("SELECT * FROM x"));
    }
    struct oro_reader r = oro_reader(oro_bb_bytes(&b));
    uint64_t before = oro_steps;
    cr_assert_eq(v2_read(&r, &m, &err), ORO_OK);
    oro_bb_fini(&b);
    return oro_steps - before;
}

static uint64_t
parse_type(struct oro_bb *text)
{
    struct oro_typespace own;
    struct oro_type *t;
    oro_typespace_init(&own);
    uint64_t before = oro_steps;
    if (oro_type_from_json(&own, oro_bb_bytes(text), &t, NULL) == ORO_OK) {
        oro_typespace_add(&own, t);
        cr_assert_eq(oro_typespace_seal(&own, NULL), ORO_OK);
    }
    uint64_t steps = oro_steps - before;
    oro_typespace_fini(&own);
    oro_bb_fini(text);
    return steps;
}

static uint64_t
fields_of_a_type(size_t n)
{
    struct oro_bb t = {0};
    put(&t, "{\"Product\":{\"elements\":[{\"name\":{\"none\":[]},\"algebraic_type\":{\"U8\":[]}}");
    for (size_t i = 0; i < n; i++)
        oro_bb_printf(
            &t, ",{\"name\":{\"some\":\"f%zu\"},\"algebraic_type\":{\"Array\":{\"U8\":[]}}}", i);
    put(&t, "]}}");
    return parse_type(&t);
}

Test(linear, values)
{
    oro_typespace_init(&ts);
    cr_assert_eq(oro_typespace_seal(&ts, NULL), ORO_OK);
    LINEAR(json_numbers, 2000);
    LINEAR(json_escapes, 2000);
    LINEAR(json_digits, 500);
    LINEAR(json_zeros, 500);
    LINEAR(json_fraction, 500);
    LINEAR(json_open_brackets, 2000);
    LINEAR(json_members, 500);
    LINEAR(empty_arrays, 500);
    LINEAR(queries_of_a_message, 1000);
    LINEAR(sets_of_a_message, 400);
    LINEAR(fields_of_a_type, 500);
    oro_typespace_fini(&ts);
}

/* ---- runtime/subs ---- */

static const char *const lines[] = {"player public id:u64:pk name:string level:i32:idx", NULL};
static struct db db;

static uint64_t
query(enum oro_query_use use, struct oro_bb *text)
{
    struct oro_query *q = NULL;
    struct oro_query_env env = {0};
    uint64_t before = oro_steps;
    oro_status st = oro_query_parse(db.schema, oro_bb_bytes(text), use, &env, &q, NULL);
    cr_assert(st == ORO_OK || st == ORO_EMALFORMED);
    uint64_t steps = oro_steps - before;
    oro_query_free(q);
    oro_bb_fini(text);
    return steps;
}

static uint64_t
long_condition(size_t n)
{
    struct oro_bb t = {0};
    put(&t, "SELECT * FROM player WHERE id = 1");
    put_times(&t, n, " AND level > 1 OR name = ''''");
    return query(ORO_QUERY_SUBSCRIBE, &t);
}

static uint64_t
long_condition_of_one_kind(size_t n)
{
    struct oro_bb t = {0};
    put(&t, "SELECT * FROM player WHERE id = 1");
    put_times(&t, n, " AND level > 1");
    return query(ORO_QUERY_SUBSCRIBE, &t);
}

static uint64_t
parentheses(size_t n)
{
    struct oro_bb t = {0};
    put(&t, "SELECT * FROM player WHERE ");
    put_times(&t, n, "(");
    put(&t, "id = 1");
    put_times(&t, n, ")");
    return query(ORO_QUERY_SUBSCRIBE, &t);
}

static uint64_t
columns(size_t n)
{
    struct oro_bb t = {0};
    put(&t, "SELECT id");
    for (size_t i = 0; i < n; i++)
        oro_bb_printf(&t, ",id c%zu", i);
    put(&t, " FROM player");
    return query(ORO_QUERY_SQL, &t);
}

static uint64_t
comments(size_t n)
{
    struct oro_bb t = {0};
    put_times(&t, n, "/*");
    put_times(&t, n, "*/");
    put(&t, "SELECT * FROM player");
    return query(ORO_QUERY_SUBSCRIBE, &t);
}

static uint64_t
quotes(size_t n)
{
    struct oro_bb t = {0};
    put(&t, "SELECT * FROM player WHERE name = '");
    put_times(&t, n, "''");
    put(&t, "'");
    return query(ORO_QUERY_SUBSCRIBE, &t);
}

static uint64_t
digits(size_t n)
{
    struct oro_bb t = {0};
    put(&t, "SELECT * FROM player WHERE id = ");
    put_times(&t, n, "0123456789");
    return query(ORO_QUERY_SUBSCRIBE, &t);
}

static uint64_t
dots(size_t n)
{
    struct oro_bb t = {0};
    put(&t, "SELECT * FROM a");
    put_times(&t, n, ".a");
    return query(ORO_QUERY_SUBSCRIBE, &t);
}

Test(linear, queries)
{
    db = db_open(lines);
    LINEAR(long_condition, 300);
    LINEAR(long_condition_of_one_kind, 600);
    LINEAR(parentheses, 50);
    LINEAR(columns, 700);
    LINEAR(comments, 2000);
    LINEAR(quotes, 2000);
    LINEAR(digits, 1000);
    LINEAR(dots, 2000);
    db_close(&db);
}

static void
put_queries(struct oro_bb *out, size_t n, bool equal)
{
    for (size_t i = 0; i < n; i++) {
        char text[100];
        snprintf(text, sizeof(text), "SELECT * FROM player WHERE id = %zu%s", equal ? 1 : i,
                 i % 3 == 0 ? " AND level > 3" : "");
        oro_bb_lenbytes(out, oro_bytes_str(text));
    }
}

/* Subscribes to n queries in `sets` sets, and ends that by one message for each, or by leaving. The newest ends first: an
 * older one shifts those after it, 8 bytes each. */
static uint64_t
subscribe(size_t n, size_t sets, bool equal, bool leave)
{
    struct oro_subs *subs = oro_subs_create(db.schema);
    struct oro_query_env env = {0};
    struct oro_bb texts = {0}, rows = {0};
    put_queries(&texts, n / sets, equal);
    uint64_t before = oro_steps;
    oro_read_begin(db.se);
    for (size_t i = 0; i < sets; i++) {
        cr_assert_eq(oro_subs_subscribe(subs, db.se, 7, (uint32_t)i, oro_bb_bytes(&texts),
                                        (uint32_t)(n / sets), &env, NULL, &rows, NULL, NULL),
                     ORO_OK);
        oro_bb_clear(&rows);
    }
    for (size_t i = sets; i > 0 && !leave; i--)
        cr_assert_eq(
            oro_subs_unsubscribe(subs, db.se, 7, (uint32_t)i - 1, ORO_ROWS_TABLES, NULL, NULL, NULL),
            ORO_OK);
    oro_subs_drop(subs, 7);
    oro_read_end(db.se);
    uint64_t steps = oro_steps - before;
    oro_subs_destroy(subs);
    oro_bb_fini(&texts);
    oro_bb_fini(&rows);
    return steps;
}

static uint64_t
one_set_of_queries(size_t n)
{
    return subscribe(n, 1, false, false);
}

static uint64_t
one_set_of_equal_queries(size_t n)
{
    return subscribe(n, 1, true, true);
}

static uint64_t
many_sets(size_t n)
{
    return subscribe(n, n, true, false);
}

static uint64_t
many_sets_that_leave(size_t n)
{
    return subscribe(n, n, false, true);
}

Test(linear, subscriptions)
{
    db = db_open(lines);
    LINEAR(one_set_of_queries, 500);
    LINEAR(one_set_of_equal_queries, 500);
    LINEAR(many_sets, 500);
    LINEAR(many_sets_that_leave, 500);
    db_close(&db);
}

/* ---- net ---- */

/* Feeds bytes in pieces of `piece`; the loop settles after each. */
static uint64_t
feed(struct oro_bb *bytes, bool upgrade, size_t piece)
{
    static const char hello[] = "GET /x HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: "
                                "websocket\r\nSec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    struct oro_bb told = {0};
    struct shard *s = net->shards;
    events = &told;
    struct conn *c = conn_new(s, http_on_cut);
    oro_conn_id id = c->id;
    atomic_fetch_add(&net->open_sockets, 1);
    if (upgrade)
        turn_events.rx(c, (uint8_t *)(uintptr_t)hello, sizeof(hello) - 1);
    shard_settle(s);
    uint64_t before = oro_steps;
    for (size_t at = 0; at < bytes->len && conn_find(s, id) != NULL; at += piece) {
        size_t n = bytes->len - at < piece ? bytes->len - at : piece;
        if (turn_events.rx(c, bytes->data + at, n) < 0) {
            conn_gone(c);
            break;
        }
        shard_settle(s);
        take_turns(s);
    }
    uint64_t steps = oro_steps - before;
    if (conn_find(s, id) != NULL) {
        conn_doom(c, CAUSE_IO);
        shard_settle(s);
    }
    oro_bb_fini(bytes);
    oro_bb_fini(&told);
    return steps;
}

static uint64_t
head_byte_by_byte(size_t n)
{
    struct oro_bb b = {0};
    put(&b, "GET / HTTP/1.1\r\nHost: x\r\n");
    put_times(&b, n, "a: b\r\n");
    return feed(&b, false, 1);
}

static uint64_t
body_byte_by_byte(size_t n)
{
    struct oro_bb b = {0};
    oro_bb_printf(&b, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n", n * 8);
    put_times(&b, 90, "some: header\r\n");
    put(&b, "\r\n");
    put_times(&b, n, "12345678");
    return feed(&b, false, 1);
}

static void
put_chunks(struct oro_bb *b, size_t n)
{
    put(b, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n");
    put_times(b, 90, "some: header\r\n");
    put(b, "\r\n");
    put_times(b, n, "1\r\nx\r\n");
    put(b, "0\r\n\r\n");
}

static uint64_t
chunks_byte_by_byte(size_t n)
{
    struct oro_bb b = {0};
    put_chunks(&b, n);
    return feed(&b, false, 1);
}

static uint64_t
chunks_at_once(size_t n)
{
    struct oro_bb b = {0};
    put_chunks(&b, n * 10);
    return feed(&b, false, 1 << 20);
}

static uint64_t
trailers_byte_by_byte(size_t n)
{
    struct oro_bb b = {0};
    put(&b, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
    put_times(&b, n, "a: b\r\n");
    return feed(&b, false, 1);
}

static uint64_t
pipeline(size_t n)
{
    struct oro_bb b = {0};
    put_times(&b, n, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    return feed(&b, false, 4096);
}

Test(linear, requests)
{
    prepare();
    net->opt.max_http_body = 1 << 20;
    LINEAR(head_byte_by_byte, 600);
    LINEAR(body_byte_by_byte, 1000);
    LINEAR(chunks_byte_by_byte, 1000);
    LINEAR(chunks_at_once, 1000);
    LINEAR(trailers_byte_by_byte, 600);
    LINEAR(pipeline, 1000);
}

/* A masked frame with a mask of zeros. */
static void
put_frame(struct oro_bb *b, unsigned first, const char *payload)
{
    oro_bb_u8(b, (uint8_t)first);
    oro_bb_u8(b, (uint8_t)(0x80 | strlen(payload)));
    oro_bb_u32(b, 0);
    put(b, payload);
}

static uint64_t
frames(size_t n, unsigned first, unsigned then, const char *payload, size_t piece)
{
    struct oro_bb b = {0};
    put_frame(&b, first, payload);
    for (size_t i = 1; i < n; i++)
        put_frame(&b, then, payload);
    return feed(&b, true, piece);
}

static uint64_t
tiny_frames(size_t n)
{
    return frames(n, 0x82, 0x82, "x", 65536);
}

static uint64_t
tiny_frames_byte_by_byte(size_t n)
{
    return frames(n, 0x82, 0x82, "x", 1);
}

static uint64_t
tiny_fragments(size_t n)
{
    return frames(n, 0x02, 0x00, "x", 65536);
}

static uint64_t
empty_fragments(size_t n)
{
    return frames(n, 0x02, 0x00, "", 100);
}

static uint64_t
pings_at_once(size_t n)
{
    return frames(n, 0x89, 0x89, "", 1 << 20);
}

static uint64_t
pings_and_nobody_reads(size_t n)
{
    uint64_t steps;
    socket_full = true;
    steps = frames(n, 0x89, 0x89, "ping", 100);
    socket_full = false;
    return steps;
}

static uint64_t
pongs(size_t n)
{
    return frames(n, 0x8a, 0x8a, "", 65536);
}

Test(linear, frames)
{
    prepare();
    net->opt.max_message = 1 << 20;
    net->opt.outgoing_limit = 1 << 30;
    LINEAR(tiny_frames, 2000);
    LINEAR(tiny_frames_byte_by_byte, 1000);
    LINEAR(tiny_fragments, 2000);
    LINEAR(empty_fragments, 2000);
    LINEAR(pings_at_once, 2000);
    LINEAR(pings_and_nobody_reads, 2000);
    LINEAR(pongs, 2000);
}
