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

TestSuite(type, .init = setup, .fini = teardown);

#define P(elems) "{\"Product\":{\"elements\":[" elems "]}}"
#define S(elems) "{\"Sum\":{\"variants\":[" elems "]}}"
#define E(name, type) "{\"name\":{\"some\":\"" name "\"},\"algebraic_type\":" type "}"
#define T(name) "{\"" name "\":[]}"
#define REF(n) "{\"Ref\":" #n "}"
#define ARRAY(t) "{\"Array\":" t "}"

static void
add(const char *text)
{
    struct oro_type *t;
    struct oro_err err;
    cr_assert_eq(oro_type_from_json(&ts, oro_bytes_str(text), &t, &err), ORO_OK, "%s", err.text);
    oro_typespace_add(&ts, t);
}

static void
seal(void)
{
    struct oro_err err;
    cr_assert_eq(oro_typespace_seal(&ts, &err), ORO_OK, "%s", err.text);
}

static void
seal_fails(const char *says)
{
    struct oro_err err;
    cr_assert_eq(oro_typespace_seal(&ts, &err), ORO_EINVAL);
    cr_assert_not_null(strstr(err.text, says), "%s", err.text);
}

static void
prints(const char *text, const char *want)
{
    struct oro_bb out = {0};
    oro_type_print(type_of_text(&ts, text), &out);
    oro_bb_u8(&out, 0);
    cr_assert_str_eq((char *)out.data, want);
    oro_bb_fini(&out);
}

Test(type, print)
{
    seal();
    prints(T("U8"), "U8");
    prints(ARRAY(ARRAY(T("String"))), "Array<Array<String>>");
    prints(P(E("a", T("U8")) "," E("b", T("String"))), "(a: U8, b: String)");
    prints(P(""), "()");
    prints(S(""), "(|)");
    prints(S(E("x", T("U8")) "," E("y", P(""))), "(x: U8 | y: ())");
    prints(P("{\"name\":{\"none\":[]},\"algebraic_type\":{\"U8\":[]}}"), "(0: U8)");
    prints(S("{\"name\":{\"none\":[]},\"algebraic_type\":{\"U8\":[]}}"), "(U8)");
}

Test(type, print_ref)
{
    add(T("U8"));
    seal();
    prints(REF(0), "&0");
}

static void
special_is(const char *text, enum oro_special want)
{
    cr_assert_eq(type_of_text(&ts, text)->special, want, "%s", text);
}

Test(type, special_shapes)
{
    add(T("U8"));
    add(P(""));
    add(P(E("__identity__", T("U256"))));
    seal();
    special_is(P(E("__identity__", T("U256"))), ORO_IDENTITY);
    special_is(P(E("__identity__", T("U128"))), ORO_PLAIN);
    special_is(P(E("__identity__", T("U256")) "," E("x", T("U8"))), ORO_PLAIN);
    special_is(P(E("__connection_id__", T("U128"))), ORO_CONNECTION_ID);
    special_is(P(E("__timestamp_micros_since_unix_epoch__", T("I64"))), ORO_TIMESTAMP);
    special_is(P(E("__time_duration_micros__", T("I64"))), ORO_TIME_DURATION);
    special_is(P(E("__uuid__", T("U128"))), ORO_UUID);
    special_is(P(""), ORO_UNIT);
    special_is(S(E("some", T("U8")) "," E("none", P(""))), ORO_OPTION);
    special_is(S(E("some", P("")) "," E("none", P(""))), ORO_OPTION);
    special_is(S(E("none", P("")) "," E("some", T("U8"))), ORO_PLAIN);
    special_is(S(E("Some", T("U8")) "," E("None", P(""))), ORO_PLAIN);
    special_is(S(E("some", T("U8")) "," E("none", T("U8"))), ORO_PLAIN);
    special_is(S(E("ok", T("U8")) "," E("err", T("String"))), ORO_RESULT);
    special_is(S(E("A", P("")) "," E("B", REF(1))), ORO_ENUM);
    special_is(S(""), ORO_PLAIN);
    special_is(ARRAY(T("U8")), ORO_BYTES);
    special_is(ARRAY(REF(0)), ORO_BYTES);
    special_is(ARRAY(T("I8")), ORO_PLAIN);
    special_is(REF(2), ORO_PLAIN);
    special_is(S(E("Interval", P(E("__time_duration_micros__", T("I64")))) "," E(
                   "Time", P(E("__timestamp_micros_since_unix_epoch__", T("I64"))))),
               ORO_SCHEDULE_AT);
}

static void
sizes_are(const char *text, uint32_t min, uint32_t fixed, bool any_bits)
{
    const struct oro_type *t = type_of_text(&ts, text);
    cr_assert_eq(t->min_size, min, "%s: %u", text, t->min_size);
    cr_assert_eq(t->fixed_size, fixed, "%s: %u", text, t->fixed_size);
    cr_assert_eq(t->any_bits, any_bits, "%s", text);
}

Test(type, sizes)
{
    add(S(E("Cons", P(E("head", T("U8")) "," E("tail", REF(0)))) "," E("Nil", P(""))));
    add(P(E("value", T("I32")) "," E("children", ARRAY(REF(1)))));
    add(P(E("me", REF(2)))); /* has no value */
    add(REF(4));
    add(T("U32"));
    seal();
    sizes_are(REF(0), 1, ORO_VARIABLE, false);
    sizes_are(REF(1), 8, ORO_VARIABLE, false);
    sizes_are(REF(2), UINT32_MAX, ORO_VARIABLE, false);
    sizes_are(REF(3), 4, 4, true);
    sizes_are(S(""), UINT32_MAX, ORO_VARIABLE, false);
    sizes_are(P(E("a", T("U8")) "," E("b", REF(3)) "," E("c", T("F64"))), 13, 13, true);
    sizes_are(P(E("a", T("U8")) "," E("b", T("Bool"))), 2, 2, false);
    sizes_are(S(E("a", T("U8")) "," E("b", T("U8"))), 2, 2, false);
    sizes_are(S(E("a", T("U8")) "," E("b", T("U16"))), 2, ORO_VARIABLE, false);
    sizes_are(S(E("a", T("String")) "," E("b", T("U16"))), 3, ORO_VARIABLE, false);
    sizes_are(ARRAY(P("")), 4, ORO_VARIABLE, false);
    sizes_are(P(""), 0, 0, true);
}

Test(type, offsets_of_columns)
{
    seal();
    const struct oro_type *t = type_of_text(
        &ts, P(E("a", T("U8")) "," E("b", T("U64")) "," E("c", T("String")) "," E("d", T("U8"))));
    cr_assert(t->offsets[0] == 0 && t->offsets[1] == 1 && t->offsets[2] == 9 &&
              t->offsets[3] == ORO_VARIABLE);
}

Test(type, refs_out_of_range_are_refused)
{
    add(P(E("a", REF(5))));
    seal_fails("Type reference &5 out of bounds");
}

Test(type, refs_in_a_circle_are_refused)
{
    add(REF(1));
    add(REF(0));
    seal_fails("in a circle");
}

Test(type, too_many_variants_are_refused)
{
    struct oro_elem elems[257];
    for (int i = 0; i < 257; i++)
        elems[i] = (struct oro_elem){NULL, oro_type_scalar(&ts, ORO_U8)};
    oro_typespace_add(&ts, oro_type_sum(&ts, elems, 256));
    seal();
    ts.sealed = false;
    oro_typespace_add(&ts, oro_type_sum(&ts, elems, 257));
    seal_fails("257 variants");
}

Test(type, deep_types_are_refused)
{
    struct oro_type *t = oro_type_scalar(&ts, ORO_U8);
    for (int i = 0; i < 200000; i++)
        t = oro_type_array(&ts, t);
    oro_typespace_add(&ts, t);
    seal_fails("nested more than");
}

Test(type, long_chains_of_refs_are_refused)
{
    for (uint32_t i = 0; i < 30000; i++) {
        struct oro_elem e = {"x",
                             i < 29999 ? oro_type_ref(&ts, i + 1) : oro_type_scalar(&ts, ORO_U8)};
        oro_typespace_add(&ts, oro_type_product(&ts, &e, 1));
    }
    seal_fails("through more than");
}

Test(type, equality)
{
    add(S(E("Cons", P(E("head", T("U8")) "," E("tail", REF(0)))) "," E("Nil", P(""))));
    add(S(E("Cons", P(E("head", T("U8")) "," E("tail", REF(1)))) "," E("Nil", P(""))));
    add(S(E("Cons", P(E("head", T("U16")) "," E("tail", REF(2)))) "," E("Nil", P(""))));
    seal();
    cr_assert(oro_type_eq(ts.types[0], ts.types[1]), "the same shape under two numbers");
    cr_assert_not(oro_type_eq(ts.types[0], ts.types[2]));
    const struct oro_type *a = type_of_text(&ts, P(E("a", T("U8")))),
                          *b = type_of_text(&ts, P(E("b", T("U8"))));
    cr_assert_not(oro_type_eq(a, b), "names count");
    cr_assert(oro_type_eq(a, type_of_text(&ts, P(E("a", T("U8"))))));
    cr_assert_not(oro_type_eq(a, type_of_text(&ts, P(""))));
    cr_assert(oro_type_eq(type_of_text(&ts, REF(0)), ts.types[0]), "through a Ref");
}

Test(type, inline_json)
{
    struct oro_bb out = {0};
    struct oro_err err;
    add(S(E("Cons", P(E("head", T("U8")) "," E("tail", REF(0)))) "," E("Nil", P(""))));
    add(P(E("x", T("F32"))));
    seal();
    oro_bb_put(&out, "x", 1);
    cr_assert_eq(oro_type_to_json_inline(type_of_text(&ts, ARRAY(REF(0))), &out, &err), ORO_EINVAL);
    cr_assert_str_eq(err.text, "Found recursive type reference &0");
    cr_assert_eq(out.len, 1);
    cr_assert_eq(oro_type_to_json_inline(type_of_text(&ts, P(E("a", REF(1)) "," E("b", REF(1)))),
                                         &out, &err),
                 ORO_OK, "twice side by side is no recursion");
    oro_bb_u8(&out, 0);
    cr_assert_str_eq((char *)out.data + 1,
                     P(E("a", P(E("x", T("F32")))) "," E("b", P(E("x", T("F32"))))));
    oro_bb_fini(&out);
}

Test(type, bad_json_is_refused)
{
    static const char *const texts[] = {
        "",
        "{}",
        "[]",
        "7",
        "\"U8\"",
        "{\"U8\":[1]}",
        "{\"U8\":null}",
        "{\"U9\":[]}",
        "{\"U8\":[],\"U16\":[]}",
        "{\"Ref\":-1}",
        "{\"Ref\":1.0}",
        "{\"Ref\":4294967296}",
        "{\"Array\":[]}",
        "{\"Sum\":{\"elements\":[]}}",
        "{\"Product\":{\"elements\":[{\"name\":\"x\",\"algebraic_type\":{\"U8\":[]}}]}}",
        "{\"Product\":{\"elements\":[{\"name\":{\"some\":1},\"algebraic_type\":{\"U8\":[]}}]}}",
        "{\"Product\":{\"elements\":[{\"algebraic_type\":{\"U8\":[]}}]}}",
        "{\"U8\":[]} x",
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(texts); i++) {
        struct oro_type *t = NULL;
        struct oro_err err;
        cr_assert_neq(oro_type_from_json(&ts, oro_bytes_str(texts[i]), &t, &err), ORO_OK, "%s",
                      texts[i]);
        cr_assert_null(t);
    }
}
