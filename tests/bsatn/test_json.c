/* The JSON reader: what is JSON and what is not, and memory that is not there. */
#include "tests/bsatn/help.h"

static oro_status
parses(const char *text, unsigned depth)
{
    struct oro_json j;
    struct oro_err err;
    size_t n = strlen(text);
    uint8_t *exact =
        oro_alloc(n > 0 ? n : 1); /* its own memory, so that a read beyond it is seen */
    memcpy(exact, text, n);
    oro_status st = oro_json_parse(&j, oro_bytes(exact, n), depth, &err);
    if (st == ORO_OK)
        oro_json_fini(&j);
    oro_free(exact);
    return st;
}

Test(json, accepts)
{
    static const char *const texts[] = {
        "0",
        "-0",
        "1.5e+10",
        "1E-5",
        "\"\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
        "\"\\ud83d\\ude00\"",
        "null",
        " true ",
        "\t[\n]\r",
        "{}",
        "[1,2,[3]]",
        "{\"a\":1,\"a\":2}",
        "\"\xc3\xa9\"",
        "\"\x7f\"",
        "[[],{},\"\"]",
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(texts); i++)
        cr_assert_eq(parses(texts[i], 128), ORO_OK, "%s", texts[i]);
}

Test(json, refuses)
{
    static const char *const texts[] = {
        "",
        " ",
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1e",
        "1e+",
        "0x1",
        "NaN",
        "Infinity",
        "nul",
        "truex",
        "'a'",
        "\"",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\ud83d\"",
        "\"\\ude00\"",
        "\"\\ud83d\\u0041\"",
        "\"\\ud83d\\ud83d\"",
        "\"\n\"",
        "\"\x01\"",
        "\"\xff\"",
        "\"\xc3\"",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{a:1}",
        "{1:2}",
        "{\"a\" 1}",
        "]",
        "}",
        "[}",
        "{]",
        "[1}",
        "{\"a\":1]",
        "1 2",
        "[] []",
        "// c",
        "[1]//",
        "\xef\xbb\xbf\x31",
        "\"\\u00\"",
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(texts); i++)
        cr_assert_eq(parses(texts[i], 128), ORO_EMALFORMED, "%s", texts[i]);
}

Test(json, depth)
{
    struct oro_bb text = {0};
    for (int i = 0; i < 129; i++)
        oro_bb_u8(&text, '[');
    for (int i = 0; i < 129; i++)
        oro_bb_u8(&text, ']');
    oro_bb_u8(&text, 0);
    cr_assert_eq(parses((char *)text.data, 128), ORO_EMALFORMED);
    cr_assert_eq(parses((char *)text.data, 129), ORO_OK);
    oro_bb_fini(&text);
}

Test(json, a_million_brackets)
{
    struct oro_bb text = {0};
    for (int i = 0; i < 1000000; i++)
        oro_bb_u8(&text, '[');
    oro_bb_u8(&text, 0);
    cr_assert_eq(parses((char *)text.data, 512), ORO_EMALFORMED);
    oro_bb_fini(&text);
}

Test(json, members_and_compact_text)
{
    struct oro_json j;
    struct oro_err err;
    struct oro_bb out = {0};
    const char *text = " { \"a b\" : [ 1 , \" x \\\" y \" , 18446744073709551616 ] , \"\\u0063\" : "
                       "{ } , \"d\":null } ";
    cr_assert_eq(oro_json_parse(&j, oro_bytes_str(text), 128, &err), ORO_OK);
    oro_json_compact(&j, 0, &out);
    oro_bb_u8(&out, 0);
    cr_assert_str_eq((char *)out.data,
                     "{\"a b\":[1,\" x \\\" y \",18446744073709551616],\"\\u0063\":{},\"d\":null}");
    cr_assert_eq(j.nodes[oro_json_member(&j, 0, "a b")].count, 3);
    cr_assert_eq(j.nodes[oro_json_member(&j, 0, "c")].kind, ORO_JSON_OBJECT);
    cr_assert_eq(j.nodes[oro_json_member(&j, 0, "d")].kind, ORO_JSON_NULL);
    cr_assert_eq(oro_json_member(&j, 0, "e"), 0);
    oro_json_fini(&j);
    oro_bb_fini(&out);
}

static struct oro_bb
long_array(void)
{
    struct oro_bb text = {0};
    oro_bb_put(&text, "[", 1);
    for (int i = 0; i < 2000; i++)
        oro_bb_printf(&text, "%s%d", i > 0 ? "," : "", i);
    oro_bb_put(&text, "]", 1);
    return text;
}

/* The text is a stranger's, so the memory for its nodes may be refused; nothing is lost and nothing changed then. */
Test(json, survives_any_failed_allocation)
{
    struct oro_typespace ts;
    struct oro_bb text = long_array();
    int failures = 0;
    oro_typespace_init(&ts);
    const struct oro_type *t = type_of_text(&ts, "{\"Array\":{\"U16\":[]}}");
    bool fired = true;
    for (int n = 1; fired; n++) {
        struct oro_bb out = {0};
        struct oro_err err;
        oro_bb_put(&out, "x", 1);
        oro_fault_arm(n);
        oro_status st = oro_value_from_json(t, oro_bb_bytes(&text), &out, &err);
        fired = oro_fault_disarm();
        cr_assert_eq(st, fired ? ORO_ENOMEM : ORO_OK, "allocation %d", n);
        cr_assert_eq(out.len, fired ? 1 : 1 + 4 + 2000 * 2);
        failures += fired;
        oro_bb_fini(&out);
    }
    cr_assert_gt(failures, 3, "the walk met %d allocations", failures);
    oro_bb_fini(&text);
    oro_typespace_fini(&ts);
}

Test(json, wide_objects_and_long_numbers_survive_it_too)
{
    struct oro_typespace ts;
    struct oro_bb type = {0}, text = {0};
    oro_typespace_init(&ts);
    oro_bb_printf(&type, "{\"Product\":{\"elements\":[");
    for (int i = 0; i < 20; i++) {
        oro_bb_printf(&type, "%s{\"name\":{\"some\":\"f%d\"},\"algebraic_type\":{\"F64\":[]}}",
                      i > 0 ? "," : "", i);
        oro_bb_printf(&text, "%s\"f%d\":0.%0100d", i > 0 ? "," : "{", 19 - i, i);
    }
    oro_bb_put(&type, "]}}", 4);
    oro_bb_put(&text, "}", 1);
    const struct oro_type *t = type_of_text(&ts, (char *)type.data);
    bool fired = true;
    int failures = 0;
    for (int n = 1; fired; n++) {
        struct oro_bb out = {0};
        struct oro_err err;
        oro_fault_arm(n);
        oro_status st = oro_value_from_json(t, oro_bb_bytes(&text), &out, &err);
        fired = oro_fault_disarm();
        cr_assert_eq(st, fired ? ORO_ENOMEM : ORO_OK, "allocation %d: %s", n, err.text);
        cr_assert_eq(out.len, fired ? 0 : 160);
        failures += fired;
        oro_bb_fini(&out);
    }
    cr_assert_eq(failures, 21, "one for the object, one for each number; %d", failures);
    oro_bb_fini(&type);
    oro_bb_fini(&text);
    oro_typespace_fini(&ts);
}
