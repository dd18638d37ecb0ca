/* Where messages point, limits, literals and numbers: what the vectors do not say. */
#include <locale.h>
#include <math.h>
#include <pthread.h>

#include "bridge/bsatn/number_priv.h"
#include "runtime/base/utf8.h"
#include "tests/bsatn/help.h"

static struct oro_typespace ts;

static void
setup(void)
{
    oro_typespace_init(&ts);
}

static void
teardown(void)
{
    oro_typespace_fini(&ts);
}

TestSuite(value, .init = setup, .fini = teardown);

static const char event_type[] = "{\"Product\":{\"elements\":[{\"name\":{\"some\":\"n\"},"
                                 "\"algebraic_type\":{\"U8\":[]}},{\"name\":{\"some\":\"events\"},"
                                 "\"algebraic_type\":{\"Array\":{\"Product\":{\"elements\":[{"
                                 "\"name\":{\"some\":\"name\"},\"algebraic_type\":"
                                 "{\"String\":[]}}]}}}}]}}";

static void
check_says(const struct oro_type *t, struct oro_bytes b, const char *want)
{
    struct oro_err err;
    cr_assert_eq(oro_value_check(t, b, &err), ORO_EMALFORMED);
    cr_assert_str_eq(err.text, want);
}

Test(value, messages_have_path_offset_and_types)
{
    const struct oro_type *t = type_of_text(&ts, event_type);
    check_says(t, oro_bytes("\1\2\0\0\0\1\0\0\0a\1\0\0\0\xff", 15),
               "events[1].name at byte 10: expected String, found invalid UTF-8");
    check_says(t, oro_bytes("\1\2\0\0\0\1\0\0\0a\5\0\0\0", 14),
               "events[1].name at byte 10: expected String, found a length of 5 with 0 bytes left");
    check_says(t, oro_bytes("\1\xff\xff\xff\xff", 5),
               "events at byte 1: expected Array<(name: String)>, found a count of 4294967295 with "
               "0 bytes left");
    check_says(t, oro_bytes("", 0), "n at byte 0: expected U8, found only 0 of 1 bytes");
    check_says(t, oro_bytes("\1\0\0\0\0\7", 6),
               "value at byte 5: expected the end, found 1 more bytes");
    check_says(type_of_text(&ts, "{\"Bool\":[]}"), oro_bytes("\2", 1),
               "value at byte 0: expected Bool, found byte 2");
    check_says(type_of_text(&ts, "{\"Sum\":{\"variants\":[]}}"), oro_bytes("\0", 1),
               "value at byte 0: expected (|), found tag 0 of a sum with 0 variants");
}

static void
json_says(const struct oro_type *t, const char *text, const char *want)
{
    struct oro_err err;
    struct oro_bb out = {0};
    cr_assert_eq(oro_args_from_json(t, oro_bytes_str(text), &out, &err), ORO_EMALFORMED, "%s",
                 text);
    cr_assert_str_eq(err.text, want);
    cr_assert_eq(out.len, 0);
    oro_bb_fini(&out);
}

Test(value, messages_of_json)
{
    const struct oro_type *t = type_of_text(&ts, event_type);
    json_says(t, "[1, [[\"a\"], [5]]]",
              "args.events[1].name at byte 13: expected String, found number 5");
    json_says(t, "[1]", "args at byte 0: invalid length 1, expected 2 elements");
    json_says(t, "{\"n\":1,\"z\":2}",
              "args at byte 8: unknown field `z`, expected one of `n`, `events`");
    json_says(t, "{\"n\":1}", "args at byte 0: missing field `events`");
    json_says(t, "{\"n\":1,\"n\":2}", "args at byte 8: duplicate field `n`");
    json_says(t, "{\"n\":256,\"events\":[]}", "args.n at byte 5: expected U8, found number 256");
    json_says(t, "{\"n\":1,\"events\":{}}",
              "args.events at byte 16: expected Array<(name: String)>, found an object of 0");
    json_says(t, "", "not JSON: the text ends too early at byte 0");
    json_says(t, "[1,[]] x", "not JSON: more text after the value at byte 7");
}

Test(value, members_in_any_order_with_escapes)
{
    struct oro_bb out = {0};
    struct oro_err err;
    const struct oro_type *t = type_of_text(&ts, event_type);
    const char *text =
        " { \"\\u0065vents\" : [ { \"name\" : \"\\ud83d\\ude00\\n\" } ] , \"n\" : 7 } ";
    cr_assert_eq(oro_args_from_json(t, oro_bytes_str(text), &out, &err), ORO_OK, "%s", err.text);
    cr_assert(
        oro_bytes_eq(oro_bb_bytes(&out), oro_bytes("\7\1\0\0\0\5\0\0\0\xf0\x9f\x98\x80\n", 14)));
    oro_bb_fini(&out);
}

/* list = Cons(head, tail) | Nil, n conses deep: each is a sum and a product. */
static void
nested(int n, oro_status bytes_want, oro_status json_want)
{
    struct oro_bb bytes = {0}, text = {0}, out = {0};
    struct oro_err err;
    struct oro_typespace own;
    oro_typespace_init(&own);
    struct oro_type *t;
    cr_assert_eq(oro_type_from_json(
                     &own,
                     oro_bytes_str("{\"Sum\":{\"variants\":[{\"name\":{\"some\":\"Cons\"},"
                                   "\"algebraic_type\":{\"Product\":{\"elements\":[{\"name\":"
                                   "{\"some\":\"h\"},\"algebraic_type\":{\"U8\":[]}},{\"name\":{"
                                   "\"some\":\"t\"},\"algebraic_type\":{\"Ref\":0}}]}}},"
                                   "{\"name\":{\"some\":\"Nil\"},\"algebraic_type\":{\"Product\":{"
                                   "\"elements\":[]}}}]}}"),
                     &t, &err),
                 ORO_OK);
    oro_typespace_add(&own, t);
    cr_assert_eq(oro_typespace_seal(&own, &err), ORO_OK);
    for (int i = 0; i < n; i++) {
        oro_bb_put(&bytes, "\0\1", 2);
        oro_bb_put(&text, "[0,[1,", 6);
    }
    oro_bb_u8(&bytes, 1);
    oro_bb_put(&text, "[1,[]]", 6);
    for (int i = 0; i < n; i++)
        oro_bb_put(&text, "]]", 2);
    cr_assert_eq(oro_value_check(t, oro_bb_bytes(&bytes), &err), bytes_want, "%d deep", n);
    cr_assert_eq(oro_value_from_json(t, oro_bb_bytes(&text), &out, &err), json_want, "%d deep: %s",
                 n, err.text);
    if (json_want == ORO_OK)
        cr_assert(oro_bytes_eq(oro_bb_bytes(&out), oro_bb_bytes(&bytes)));
    oro_bb_fini(&bytes);
    oro_bb_fini(&text);
    oro_bb_fini(&out);
    oro_typespace_fini(&own);
}

Test(value, depth_is_bounded)
{
    nested(0, ORO_OK, ORO_OK);
    nested(63, ORO_OK, ORO_OK);
    nested(64, ORO_OK, ORO_OK); /* the unit in Nil is no level */
    nested(65, ORO_EMALFORMED, ORO_EMALFORMED);
    nested(100000, ORO_EMALFORMED, ORO_EMALFORMED);
}

Test(value, counts_of_units_are_bounded)
{
    const struct oro_type *t = type_of_text(&ts, "{\"Array\":{\"Product\":{\"elements\":[]}}}");
    cr_assert_eq(oro_value_check(t, oro_bytes("\0\x10\0\0", 4), NULL), ORO_OK);
    cr_assert_eq(oro_value_check(t, oro_bytes("\1\x10\0\0", 4), NULL), ORO_EMALFORMED);
}

/* Wherever they stand in a value they count together; each column of a row is a value. */
Test(value, units_of_nested_arrays_count_together)
{
#define UNITS "{\"Array\":{\"Product\":{\"elements\":[]}}}"
#define FIELD(type) "{\"name\":{\"none\":[]},\"algebraic_type\":" type "}"
#define FULL "\0\x10\0\0"
#define ONE "\1\0\0\0"
    static const struct {
        const char *type, *bytes;
        size_t n;
        oro_status st;
    } cases[] = {
        {"{\"Array\":" UNITS "}", "\2\0\0\0" FULL "\0\0\0\0", 12, ORO_OK},
        {"{\"Array\":" UNITS "}", "\2\0\0\0" FULL ONE, 12, ORO_EMALFORMED},
        {"{\"Array\":{\"Sum\":{\"variants\":[" FIELD(UNITS) "]}}}", "\2\0\0\0\0" FULL "\0" ONE, 14,
         ORO_EMALFORMED},
        {"{\"Product\":{\"elements\":[" FIELD(UNITS) "," FIELD(UNITS) "]}}", FULL FULL, 8, ORO_OK},
        {"{\"Product\":{\"elements\":[" FIELD(
             UNITS) ",{\"name\":{\"none\":[]},\"algebraic_type\":{\"Product\":"
                    "{\"elements\":[" FIELD(UNITS) "," FIELD(UNITS) "]}}}]}}",
         FULL FULL ONE, 12, ORO_EMALFORMED},
        /* a map of nothing to nothing */
        {"{\"Array\":{\"Product\":{\"elements\":[" FIELD(
             "{\"Product\":{\"elements\":[]}}") "," FIELD("{\"Product\":{\"elements\":[]}}") "]}}}",
         "\1\x10\0\0", 4, ORO_EMALFORMED},
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(cases); i++)
        cr_assert_eq(oro_value_check(type_of_text(&ts, cases[i].type),
                                     oro_bytes(cases[i].bytes, cases[i].n), NULL),
                     cases[i].st, "case %zu", i);
}

Test(value, utf8)
{
    static const char *const good[] = {"",
                                       "a",
                                       "\x7f",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf",
                                       "12345678\xc3\xa9"};
    static const char *const bad[] = {"\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xc2\x41",
                                      "\xe2\x82",
                                      "\xe2\x82\x41",
                                      "12345678\xff",
                                      "1234567\xc3",
                                      "\xf0\x9f\x98"};
    for (size_t i = 0; i < ORO_ARRAY_LEN(good); i++)
        cr_assert(oro_utf8_valid(oro_bytes_str(good[i])), "good %zu", i);
    for (size_t i = 0; i < ORO_ARRAY_LEN(bad); i++)
        cr_assert_not(oro_utf8_valid(oro_bytes_str(bad[i])), "bad %zu", i);
    cr_assert(oro_utf8_valid(oro_bytes("a\0b", 3)), "NUL is a character like others");
}

/* ---- numbers ---- */

static void
prints_f64(double v, const char *want)
{
    struct oro_bb out = {0};
    oro_f64_print(v, &out);
    oro_bb_u8(&out, 0);
    cr_assert_str_eq((char *)out.data, want);
    oro_bb_fini(&out);
}

static void
prints_f32(float v, const char *want)
{
    struct oro_bb out = {0};
    oro_f32_print(v, &out);
    oro_bb_u8(&out, 0);
    cr_assert_str_eq((char *)out.data, want);
    oro_bb_fini(&out);
}

Test(value, floats_as_text)
{
    prints_f64(0, "0.0");
    prints_f64(-0.0, "-0.0");
    prints_f64(1, "1.0");
    prints_f64(0.1, "0.1");
    prints_f64(123.456, "123.456");
    prints_f64(1e15, "1000000000000000.0");
    prints_f64(1e16, "1e16");
    prints_f64(9007199254740993.0, "9007199254740992.0");
    prints_f64(12345678901234567.0, "1.2345678901234568e16");
    prints_f64(0.00001, "0.00001");
    prints_f64(0.000001, "1e-6");
    prints_f64(1.5e-6, "1.5e-6");
    prints_f64(5e-324, "5e-324");
    prints_f64(1.7976931348623157e308, "1.7976931348623157e308");
    prints_f64(-2.5, "-2.5");
    prints_f64((double)INFINITY, "null");
    prints_f64((double)NAN, "null");
    prints_f32(0.1f, "0.1");
    prints_f32(16777216.0f, "16777216.0");
    prints_f32(3.4028235e38f, "3.4028235e38");
    prints_f32(1e-45f, "1e-45");
    prints_f32(1e12f, "1000000000000.0");
    prints_f32(1e13f, "1e13");
    prints_f32(0.000001f, "0.000001");
    prints_f32(0.0000001f, "1e-7");
}

Test(value, random_floats_come_back)
{
    struct rng r = {4711};
    for (int i = 0; i < 20000; i++) {
        struct oro_bb out = {0};
        uint64_t bits = rnd(&r);
        double f64, back64;
        float f32, back32;
        memcpy(&f64, &bits, 8);
        memcpy(&f32, &bits, 4);
        if (isfinite(f64)) {
            oro_f64_print(f64, &out);
            cr_assert(oro_f64_parse(oro_bb_bytes(&out), &back64));
            cr_assert_eq(memcmp(&f64, &back64, 8), 0, "%.17g", f64);
        }
        if (isfinite(f32)) {
            out.len = 0;
            oro_f32_print(f32, &out);
            cr_assert(oro_f32_parse(oro_bb_bytes(&out), &back32));
            cr_assert_eq(memcmp(&f32, &back32, 4), 0, "%.9g", (double)f32);
        }
        oro_bb_fini(&out);
    }
}

static void *
parse_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < 100; i++) {
        double v;
        cr_assert(oro_f64_parse(oro_bytes_str("0.1"), &v) && v == 0.1);
    }
    return NULL;
}

Test(value, numbers_may_be_read_on_any_thread)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, parse_many, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

/* ---- SQL literals ---- */

static void
literal(const char *type, char kind, const char *text, const char *hex)
{
    struct oro_bb out = {0};
    struct oro_err err;
    char got[200];
    char json[200];
    snprintf(json, sizeof(json), type[0] == '{' ? "%s" : "{\"%s\":[]}", type);
    const struct oro_type *t = type_of_text(&ts, json);
    oro_status st = oro_value_from_literal(t, kind, oro_bytes_str(text), &out, &err);
    cr_assert_eq(st, hex != NULL ? ORO_OK : ORO_ETYPE, "%s as %s", text, type);
    if (hex == NULL) {
        cr_assert_not_null(strstr(err.text, "cannot be parsed as type"), "%s", err.text);
        cr_assert_eq(out.len, 0);
    } else {
        oro_hex(oro_bb_bytes(&out), got);
        cr_assert_str_eq(got, hex, "%s as %s: %s", text, type, got);
    }
    oro_bb_fini(&out);
}

#define WRAP(name, of)                                                                        \
    "{\"Product\":{\"elements\":[{\"name\":{\"some\":\"" name "\"},\"algebraic_type\":{\"" of \
    "\":[]}}]}}"
#define TIMESTAMP WRAP("__timestamp_micros_since_unix_epoch__", "I64")
#define UUID WRAP("__uuid__", "U128")
#define CONN WRAP("__connection_id__", "U128")
#define IDENTITY WRAP("__identity__", "U256")
#define BYTES "{\"Array\":{\"U8\":[]}}"

Test(value, number_literals)
{
    literal("U8", 'n', "255", "ff");
    literal("U8", 'n', "256", NULL);
    literal("U8", 'n', "-1", NULL);
    literal("U8", 'n', "-0", "00");
    literal("U8", 'n', "+7", "07");
    literal("I8", 'n', "-128", "80");
    literal("I8", 'n', "128", NULL);
    literal("U16", 'n', "1e3", "e803");
    literal("U16", 'n', "10.0", "0a00");
    literal("U16", 'n', "12.5e1", "7d00");
    literal("U16", 'n', "1000e-2", "0a00");
    literal("U16", 'n', "10.5", NULL);
    literal("U16", 'n', "1e-1", NULL);
    literal("U16", 'n', "0e999999999999", "0000");
    literal("U16", 'n', "1e999999999999", NULL);
    literal("U16", 'n', "1e", NULL);
    literal("U64", 'n', "18446744073709551615", "ffffffffffffffff");
    literal("U64", 'n', "18446744073709551616", NULL);
    literal("U128", 'n', "340282366920938463463374607431768211455",
            "ffffffffffffffffffffffffffffffff");
    literal("U128", 'n', "340282366920938463463374607431768211456", NULL);
    literal("I128", 'n', "-170141183460469231731687303715884105728",
            "00000000000000000000000000000080");
    literal("U256", 'n', "1e77",
            "000000000000000000a0d26f6e7b98aabe9ef313b70eef4912d9faaf86fe15dd");
    literal("U256", 'n', "1e78", NULL);
    literal("I256", 'n', "-1", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff");
    literal("F64", 'n', "1e400", "000000000000f07f");
    literal("F64", 'n', "0.1", "9a9999999999b93f");
    literal("F32", 'n', "0.1", "cdcccc3d");
    literal("String", 'n', "1", NULL);
    literal("Bool", 'n', "1", NULL);
}

Test(value, other_literals)
{
    literal("Bool", 'b', "true", "01");
    literal("Bool", 'b', "false", "00");
    literal("U8", 'b', "true", NULL);
    literal("String", 's', "o'x", "030000006f2778");
    literal("U8", 's', "1", NULL);
    literal(BYTES, 'x', "DEad", "02000000dead");
    literal(BYTES, 's', "0xdead", "02000000dead");
    literal(BYTES, 's', "", "00000000");
    literal(BYTES, 'x', "abc", NULL);
    literal(BYTES, 's', "zz", NULL);
    literal(CONN, 's', "000102030405060708090a0b0c0d0e0f", "0f0e0d0c0b0a09080706050403020100");
    literal(CONN, 'x', "0102", NULL);
    literal(IDENTITY, 's', "0xc200112233445566778899aabbccddeeff00112233445566778899aabbccddee",
            "eeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100c2");
    literal(IDENTITY, 'n', "1", NULL);
    literal(UUID, 's', "01888d6e-5c00-7000-8000-00000000abcd",
            "cdab000000000080007000"
            "5c6e8d8801");
    literal(UUID, 's', "01888d6e5c007000-8000-00000000abcd", NULL);
    literal(UUID, 's', "01888d6e-5c00-7000-8000-00000000abc", NULL);
}

Test(value, timestamp_literals)
{
    literal(TIMESTAMP, 's', "1970-01-01T00:00:00Z", "0000000000000000");
    literal(TIMESTAMP, 's', "1970-01-01 01:00:00+01:00", "0000000000000000");
    literal(TIMESTAMP, 's', "1969-12-31T23:59:59.999999Z", "ffffffffffffffff");
    literal(TIMESTAMP, 's', "2025-02-17T10:30:45.123456+00:00", "80c15504542e0600");
    literal(TIMESTAMP, 's', "2025-02-17t10:30:45.1234567z", "80c15504542e0600");
    literal(TIMESTAMP, 's', "2024-02-29T00:00:00Z", "0040c4f079120600");
    literal(TIMESTAMP, 's', "0000-01-01T00:00:00Z", "0000e9563e2323ff");
    literal(TIMESTAMP, 's', "2023-02-29T00:00:00Z", NULL);
    literal(TIMESTAMP, 's', "2025-02-17T10:30:45", NULL);
    literal(TIMESTAMP, 's', "2025-02-17T24:00:00Z", NULL);
    literal(TIMESTAMP, 's', "2025-13-17T10:00:00Z", NULL);
    literal(TIMESTAMP, 's', "2025-02-17T10:00:00.Z", NULL);
    literal(TIMESTAMP, 's', "2025-02-17", NULL);
    literal(TIMESTAMP, 'n', "0", NULL);
}

/* A module may change the locale of the whole process at any time. */
Test(value, numbers_do_not_follow_the_locale)
{
    static const char *const with_comma[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "C.UTF-8"};
    for (size_t i = 0; i < ORO_ARRAY_LEN(with_comma) && setlocale(LC_ALL, with_comma[i]) == NULL;
         i++)
        ;
    prints_f64(0.1, "0.1");
    literal("F64", 'n', "0.1", "9a9999999999b93f");
}
