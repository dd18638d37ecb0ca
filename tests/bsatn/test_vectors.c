/* Every record of bsatn.json, and of module_def.json what is a value. */
#include "tests/bsatn/help.h"

static void
same_bytes(const struct oro_bb *got, const struct oro_bb *want, const char *name, const char *from)
{
    cr_assert(oro_bytes_eq(oro_bb_bytes(got), oro_bb_bytes(want)), "%s: other bytes from %s", name,
              from);
}

static void
reads_back(const struct oro_type *t, const char *text, const struct oro_bb *want, const char *name)
{
    struct oro_bb got = {0};
    struct oro_err err;
    cr_assert_eq(oro_value_from_json(t, oro_bytes_str(text), &got, &err), ORO_OK, "%s: %s: %s",
                 name, text, err.text);
    same_bytes(&got, want, name, text);
    oro_bb_fini(&got);
}

static void
valid_record(const struct oro_json *j, uint32_t record)
{
    struct oro_typespace ts;
    struct oro_bb want = {0}, json = {0};
    struct oro_err err;
    char *name = oro_strdup(name_of(j, record));
    const struct oro_type *t = type_of_record(j, record, &ts);
    put_hex(j, oro_json_member(j, record, "hex"), &want);
    cr_assert_eq(oro_value_check(t, oro_bb_bytes(&want), &err), ORO_OK, "%s: %s", name, err.text);
    cr_assert_eq(oro_value_len_trusted(t, want.data), want.len, "%s", name);
    cr_assert_eq(oro_value_to_json(t, want.data, ORO_JSON_NAMED, &json), want.len, "%s", name);
    oro_bb_u8(&json, 0);
    uint32_t expected = oro_json_member(j, record, "json");
    cr_assert_str_eq((char *)json.data, text_of(j, expected), "%s", name);
    if (oro_json_member(j, record, "json_lossy") == 0) {
        reads_back(t, (char *)json.data, &want, name);
        json.len = 0;
        oro_value_to_json(t, want.data, ORO_JSON_POSITIONAL, &json);
        oro_bb_u8(&json, 0);
        reads_back(t, (char *)json.data, &want, name);
        uint32_t also = oro_json_member(j, record, "json_also");
        if (also != 0)
            for (EACH(j, also, at))
                reads_back(t, text_of(j, at), &want, name);
    }
    oro_bb_fini(&want);
    oro_bb_fini(&json);
    oro_typespace_fini(&ts);
    oro_free(name);
}

static void
all_valid(const char *file, uint32_t count)
{
    struct vectors v;
    vectors_open(&v, file);
    uint32_t list = oro_json_member(&v.json, 0, "valid");
    cr_assert_eq(v.json.nodes[list].count, count);
    for (EACH(&v.json, list, at))
        valid_record(&v.json, at);
    vectors_close(&v);
}

Test(vectors, valid)
{
    all_valid("bsatn.json", 247);
}

Test(vectors, module_definitions)
{
    all_valid("module_def.json", 5);
}

static void
put_repeated(const struct oro_json *j, uint32_t list, struct oro_bb *out)
{
    uint32_t times;
    cr_assert(oro_json_to_u32(j, list + 2, &times));
    while (times-- > 0)
        put_hex(j, list + 1, out);
    put_hex(j, list + 3, out);
}

Test(vectors, invalid)
{
    struct vectors v;
    vectors_open(&v, "bsatn.json");
    uint32_t list = oro_json_member(&v.json, 0, "invalid");
    cr_assert_eq(v.json.nodes[list].count, 84);
    for (EACH(&v.json, list, at)) {
        struct oro_typespace ts;
        struct oro_bb input = {0};
        struct oro_err err = {0};
        const struct oro_type *t = type_of_record(&v.json, at, &ts);
        uint32_t repeat = oro_json_member(&v.json, at, "hex_repeat");
        if (repeat != 0)
            put_repeated(&v.json, repeat, &input);
        else
            put_hex(&v.json, oro_json_member(&v.json, at, "hex"), &input);
        cr_assert_eq(oro_value_check(t, oro_bb_bytes(&input), &err), ORO_EMALFORMED, "%s",
                     name_of(&v.json, at));
        cr_assert_eq(oro_value_check(t, oro_bb_bytes(&input), NULL), ORO_EMALFORMED, "%s",
                     name_of(&v.json, at));
        bool trailing =
            oro_json_string_is(&v.json, oro_json_member(&v.json, at, "rule"), "trailing");
        cr_assert_eq(strstr(err.text, "expected the end") != NULL, trailing, "%s: %s",
                     name_of(&v.json, at), err.text);
        cr_assert_not_null(strstr(err.text, " at byte "), "%s: %s", name_of(&v.json, at), err.text);
        oro_bb_fini(&input);
        oro_typespace_fini(&ts);
    }
    vectors_close(&v);
}

Test(vectors, invalid_json)
{
    struct vectors v;
    vectors_open(&v, "bsatn.json");
    uint32_t list = oro_json_member(&v.json, 0, "invalid_json");
    cr_assert_eq(v.json.nodes[list].count, 41);
    for (EACH(&v.json, list, at)) {
        struct oro_typespace ts;
        struct oro_bb out = {0};
        struct oro_err err = {0};
        const struct oro_type *t = type_of_record(&v.json, at, &ts);
        const char *text = text_of(&v.json, oro_json_member(&v.json, at, "json"));
        oro_bb_u8(&out, 42);
        cr_assert_eq(oro_value_from_json(t, oro_bytes_str(text), &out, &err), ORO_EMALFORMED,
                     "%s accepted", text);
        cr_assert_not_null(strstr(err.text, " at byte "), "%s", err.text);
        cr_assert_eq(out.len, 1, "a failure leaves what was there");
        oro_bb_fini(&out);
        oro_typespace_fini(&ts);
    }
    vectors_close(&v);
}

/* Keys of the whole group one after the other, each followed by `tail`, which must not change the order. */
static void
order_record(const struct oro_json *j, uint32_t record, const char *tail)
{
    struct oro_typespace ts;
    struct oro_bb last = {0};
    bool first = true;
    const struct oro_type *t = type_of_record(j, record, &ts);
    for (EACH(j, oro_json_member(j, record, "ascending"), group)) {
        struct oro_bb key = {0};
        for (EACH(j, group, member)) {
            struct oro_bb value = {0}, this_key = {0};
            put_hex(j, member, &value);
            cr_assert_eq(oro_key_append(t, value.data, &this_key), value.len);
            if (oro_key_size(t) != ORO_VARIABLE)
                cr_assert_eq(this_key.len, oro_key_size(t));
            oro_bb_put_bytes(&this_key, oro_bytes_str(tail));
            if (key.len == 0)
                oro_bb_put_bytes(&key, oro_bb_bytes(&this_key));
            same_bytes(&this_key, &key, name_of(j, record), "the same group");
            oro_bb_fini(&value);
            oro_bb_fini(&this_key);
        }
        cr_assert(first || oro_bytes_cmp(oro_bb_bytes(&last), oro_bb_bytes(&key)) < 0, "%s",
                  name_of(j, record));
        first = false;
        oro_bb_fini(&last);
        last = key;
    }
    oro_bb_fini(&last);
    oro_typespace_fini(&ts);
}

Test(vectors, order)
{
    struct vectors v;
    vectors_open(&v, "bsatn.json");
    uint32_t list = oro_json_member(&v.json, 0, "order");
    cr_assert_eq(v.json.nodes[list].count, 24);
    for (EACH(&v.json, list, at)) {
        order_record(&v.json, at, "");
        order_record(&v.json, at, "\xff\x01");
    }
    vectors_close(&v);
}
