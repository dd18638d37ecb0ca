/* Everything of bridge/bsatn and runtime/proto that reads bytes or text from outside. The first byte says which, the second chooses a type.
 *
 *   0 value    what the check accepts has one length, one key length, and comes back from JSON unchanged
 *   1 JSON     what is accepted is a valid value, which comes back from its own JSON unchanged
 *   2 message  what is accepted encodes to the bytes that were read
 *   3 schema   no text breaks it; what is accepted can be freed and looked into
 *   4 type     what is accepted and can be sealed comes back from its own JSON equal
 *   5 literal  what is accepted is a valid value
 *   6 v1       as 2, of an older protocol
 *
 * ORO_FUZZ_KIND=n in the environment: that kind, whatever the first byte says. */
#include <stdlib.h>

#include "bridge/bsatn/schema.h"
#include "bridge/bsatn/type.h"
#include "bridge/bsatn/value.h"
#include "runtime/proto/v1_priv.h"
#include "runtime/proto/v2_priv.h"
#include "runtime/subs/batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define UNIT "{\"Product\":{\"elements\":[]}}"
#define E(name, type) "{\"name\":{\"some\":\"" name "\"},\"algebraic_type\":" type "}"
#define P(elems) "{\"Product\":{\"elements\":[" elems "]}}"
#define S(elems) "{\"Sum\":{\"variants\":[" elems "]}}"
#define T(name) "{\"" name "\":[]}"
#define ARRAY(t) "{\"Array\":" t "}"

static const char *const type_texts[] = {
    T("Bool"),
    T("U8"),
    T("I64"),
    T("U128"),
    T("I256"),
    T("F32"),
    T("F64"),
    T("String"),
    ARRAY(T("U8")),
    ARRAY(T("String")),
    ARRAY(UNIT),
    ARRAY(ARRAY(T("Bool"))),
    UNIT,
    S(""),
    "{\"Ref\":0}",
    "{\"Ref\":1}",
    S(E("some", T("U8")) "," E("none", UNIT)),
    S(E("A", UNIT) "," E("B", T("U32")) "," E("7", T("String"))),
    P(E("__identity__", T("U256"))),
    P(E("__timestamp_micros_since_unix_epoch__", T("I64"))),
    P(E("__uuid__", T("U128"))),
    P(E("__connection_id__", T("U128"))),
    P(E("a", T("I8")) "," E("b", T("String")) "," E("c", ARRAY(T("I16"))) "," E("d",
                                                                                "{\"Ref\":1}")),
    P(E("a", T("U8")) ",{\"name\":{\"none\":[]},\"algebraic_type\":{\"Bool\":[]}}"),
};
enum { NTYPES = ORO_ARRAY_LEN(type_texts) };

static struct oro_typespace ts;
static const struct oro_type *types[NTYPES];
static int kind = -1;

static struct oro_type *
parse(const char *text)
{
    struct oro_type *t;
    ORO_ASSERT(oro_type_from_json(&ts, oro_bytes_str(text), &t, NULL) == ORO_OK);
    return t;
}

static void
make_types(void)
{
    const char *only = getenv("ORO_FUZZ_KIND");
    kind = only != NULL ? atoi(only) : -1;
    oro_typespace_init(&ts);
    oro_typespace_add(
        &ts,
        parse(S(E("Cons", P(E("head", T("U8")) "," E("tail", "{\"Ref\":0}"))) "," E("Nil", UNIT))));
    oro_typespace_add(&ts, parse(P(E("value", T("I32")) "," E("children", ARRAY("{\"Ref\":1}")))));
    ORO_ASSERT(oro_typespace_seal(&ts, NULL) == ORO_OK);
    for (int i = 0; i < NTYPES; i++) {
        struct oro_type *t = parse(type_texts[i]);
        ORO_ASSERT(oro_type_seal(&ts, t, NULL) == ORO_OK);
        types[i] = t;
    }
}

/* NaN and infinities are written null, which does not come back. */
static bool
has_null(struct oro_bytes json)
{
    return memmem(json.data, json.len, "null", 4) != NULL;
}

static void
check_value(const struct oro_type *t, struct oro_bytes b)
{
    struct oro_bb json = {0}, back = {0}, key = {0};
    struct oro_err err;
    uint8_t none = 0;
    const uint8_t *p = b.len > 0 ? b.data : &none;
    ORO_ASSERT(oro_value_len_trusted(t, p) == b.len);
    ORO_ASSERT(oro_key_append(t, p, &key) == b.len);
    ORO_ASSERT(oro_key_size(t) == ORO_VARIABLE || oro_key_size(t) == key.len);
    /* Four bytes may be a million elements without bytes: as text they would be all that a fuzzer does. */
    bool wordy = t->kind == ORO_ARRAY && t->elem->fixed_size == 0 && b.len == 4 && p[1] + p[2] > 0;
    for (int style = wordy ? ORO_JSON_POSITIONAL + 1 : ORO_JSON_NAMED; style <= ORO_JSON_POSITIONAL;
         style++) {
        json.len = back.len = 0;
        ORO_ASSERT(oro_value_to_json(t, p, (enum oro_json_style)style, &json) == b.len);
        if (has_null(oro_bb_bytes(&json)))
            continue;
        ORO_ASSERT(oro_value_from_json(t, oro_bb_bytes(&json), &back, &err) == ORO_OK);
        ORO_ASSERT(oro_bytes_eq(oro_bb_bytes(&back), b));
    }
    oro_bb_fini(&json);
    oro_bb_fini(&back);
    oro_bb_fini(&key);
}

static void
fuzz_json(const struct oro_type *t, struct oro_bytes text)
{
    struct oro_bb out = {0};
    struct oro_err err;
    if (oro_value_from_json(t, text, &out, &err) == ORO_OK) {
        ORO_ASSERT(oro_value_check(t, oro_bb_bytes(&out), &err) == ORO_OK);
        check_value(t, oro_bb_bytes(&out));
    }
    oro_bb_fini(&out);
}

/* As they are told apart by whoever answers them. */
static void
put_sets(const struct oro_client_message *m, struct oro_bb *out)
{
    struct oro_reader r = oro_reader(m->sets);
    struct oro_batch_text set;
    uint32_t n = 0;
    oro_bb_u32(out, m->nsets);
    for (; oro_batch_next(&r, &set); n++) {
        oro_bb_u32(out, set.query_set_id);
        oro_bb_u32(out, set.n);
        oro_bb_put_bytes(out, set.texts);
    }
    ORO_ASSERT(n == m->nsets);
}

static void
fuzz_message(struct oro_bytes in)
{
    struct oro_client_message m;
    struct oro_err err;
    struct oro_bb out = {0};
    struct oro_reader r = oro_reader(in);
    if (v2_read(&r, &m, &err) != ORO_OK)
        return;
    oro_bb_u8(&out, (uint8_t)m.tag);
    oro_bb_u32(&out, m.request_id);
    if (m.tag <= ORO_MSG_UNSUBSCRIBE)
        oro_bb_u32(&out, m.query_set_id);
    if (m.tag == ORO_MSG_SUBSCRIBE) {
        oro_bb_u32(&out, m.nqueries);
        oro_bb_put_bytes(&out, m.queries);
    } else if (m.tag == ORO_MSG_UNSUBSCRIBE) {
        oro_bb_u8(&out, m.send_dropped_rows);
    } else if (m.tag == ORO_MSG_ONE_OFF) {
        oro_bb_lenbytes(&out, m.query);
    } else if (m.tag == ORO_MSG_SUBSCRIBE_BATCH) {
        put_sets(&m, &out);
    } else {
        oro_bb_u8(&out, 0);
        oro_bb_lenbytes(&out, m.name);
        oro_bb_lenbytes(&out, m.args);
    }
    ORO_ASSERT(oro_bytes_eq(oro_bb_bytes(&out), oro_bytes(in.data, oro_rd_offset(&r))));
    oro_bb_fini(&out);
}

static void
put_v1_call(const struct oro_client_message *m, struct oro_bb *out)
{
    oro_bb_u8(out, m->tag == ORO_MSG_CALL_REDUCER ? 0 : 7);
    oro_bb_lenbytes(out, m->name);
    oro_bb_lenbytes(out, m->args);
    oro_bb_u32(out, m->request_id);
    oro_bb_u8(out, m->quiet);
}

static void
put_v1_subscribe(const struct oro_client_message *m, struct oro_bb *out)
{
    bool one = m->form == ORO_ROWS_UPDATE;
    oro_bb_u8(out, m->replaces ? 1 : one ? 3 : 4);
    if (!one)
        oro_bb_u32(out, m->nqueries);
    oro_bb_put_bytes(out, m->queries);
    oro_bb_u32(out, m->request_id);
    if (!m->replaces)
        oro_bb_u32(out, m->query_set_id);
}

static void
fuzz_v1(struct oro_bytes in)
{
    struct oro_client_message m;
    struct oro_err err;
    struct oro_bb out = {0};
    struct oro_reader r = oro_reader(in);
    if (v1_read(&r, &m, &err) != ORO_OK)
        return;
    if (m.tag == ORO_MSG_SUBSCRIBE) {
        put_v1_subscribe(&m, &out);
    } else if (m.tag == ORO_MSG_UNSUBSCRIBE) {
        oro_bb_u8(&out, m.form == ORO_ROWS_UPDATE ? 5 : 6);
        oro_bb_u32(&out, m.request_id);
        oro_bb_u32(&out, m.query_set_id);
    } else if (m.tag == ORO_MSG_ONE_OFF) {
        oro_bb_u8(&out, 2);
        oro_bb_lenbytes(&out, m.message_id);
        oro_bb_lenbytes(&out, m.query);
    } else {
        put_v1_call(&m, &out);
    }
    ORO_ASSERT(oro_bytes_eq(oro_bb_bytes(&out), oro_bytes(in.data, oro_rd_offset(&r))));
    oro_bb_fini(&out);
}

static void
fuzz_schema(struct oro_bytes text)
{
    struct oro_schema *s;
    struct oro_err err;
    if (oro_schema_parse(text, &s, &err) != ORO_OK)
        return;
    for (uint32_t i = 0; i < s->ntables; i++)
        ORO_ASSERT(oro_schema_table(s, oro_bytes_str(s->tables[i].name)) == &s->tables[i]);
    for (uint32_t i = 0; i < s->nreducers; i++)
        ORO_ASSERT(oro_schema_reducer(s, oro_bytes_str(s->reducers[i].name)) == &s->reducers[i]);
    oro_schema_free(s);
}

static void
fuzz_type(struct oro_bytes text)
{
    struct oro_typespace own;
    struct oro_type *t, *back;
    struct oro_bb json = {0};
    oro_typespace_init(&own);
    if (oro_type_from_json(&own, text, &t, NULL) == ORO_OK) {
        oro_typespace_add(&own, t); /* so that it may refer to itself */
        if (oro_typespace_seal(&own, NULL) == ORO_OK) {
            oro_type_to_json(t, &json);
            ORO_ASSERT(oro_type_from_json(&own, oro_bb_bytes(&json), &back, NULL) == ORO_OK);
            ORO_ASSERT(oro_type_seal(&own, back, NULL) == ORO_OK);
            ORO_ASSERT(oro_type_eq(t, back));
            oro_type_print(t, &json);
            json.len = 0;
            oro_status st = oro_type_to_json_inline(t, &json, NULL);
            ORO_ASSERT(st == ORO_OK || st == ORO_EINVAL);
        }
    }
    oro_bb_fini(&json);
    oro_typespace_fini(&own);
}

static void
fuzz_literal(const struct oro_type *t, struct oro_bytes text)
{
    static const char kinds[] = "sxn";
    struct oro_err err;
    for (int i = 0; kinds[i] != 0; i++) {
        struct oro_bb out = {0};
        bool number = text.len > 0; /* the SQL parser gives no other text as a number */
        for (size_t k = 0; k < text.len; k++)
            number = number && text.data[k] != 0 && strchr("+-.0123456789eE", text.data[k]) != NULL;
        if ((kinds[i] != 'n' || number) &&
            oro_value_from_literal(t, kinds[i], text, &out, &err) == ORO_OK)
            ORO_ASSERT(oro_value_check(t, oro_bb_bytes(&out), &err) == ORO_OK);
        oro_bb_fini(&out);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct oro_err err;
    if (types[0] == NULL)
        make_types();
    if (size < 2)
        return 0;
    const struct oro_type *t = types[data[1] % NTYPES];
    struct oro_bytes in = oro_bytes(data + 2, size - 2);
    switch (kind >= 0 ? kind : data[0] % 7) {
    case 0:
        if (oro_value_check(t, in, &err) == ORO_OK)
            check_value(t, in);
        break;
    case 1:
        fuzz_json(t, in);
        break;
    case 2:
        fuzz_message(in);
        break;
    case 3:
        fuzz_schema(in);
        break;
    case 4:
        fuzz_type(in);
        break;
    case 6:
        fuzz_v1(in);
        break;
    default:
        fuzz_literal(t, in);
        break;
    }
    return 0;
}
