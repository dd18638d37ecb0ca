/* Kinds of functions: what each is found as, who runs it, and what somebody who calls it by name is told. */
#include <criterion/criterion.h>

#include "runtime/exec/function.h"

static struct oro_reducer_def reducers[] = {
    {.name = "plain"},
    {.name = "hidden", .is_private = true},
    {.name = "tick", .is_private = true},
    {.name = "came", .is_private = true, .lifecycle = ORO_LIFE_CONNECT},
};
static struct oro_table_def tables[] = {{.name = "note"}, {.name = "beat", .schedule_fn = "tick"}};
static struct oro_schema schema = {
    .tables = tables, .ntables = 2, .reducers = reducers, .nreducers = 4};

static void
setup(void)
{
    for (uint32_t i = 0; i < schema.nreducers; i++)
        oro_map_put(&schema.reducer_names, oro_bytes_str(reducers[i].name), &reducers[i]);
}

static void
teardown(void)
{
    oro_map_fini(&schema.reducer_names);
}

TestSuite(function, .init = setup, .fini = teardown);

Test(function, each_kind_is_found_and_says_what_a_caller_is_told)
{
    static const struct {
        const char *name;
        enum oro_function_kind kind;
        enum oro_function_call stranger, owner;
    } cases[] = {
        {"plain", ORO_FUNCTION_REDUCER, ORO_CALL_RUNS, ORO_CALL_RUNS},
        {"hidden", ORO_FUNCTION_REDUCER, ORO_CALL_UNKNOWN, ORO_CALL_RUNS},
        {"tick", ORO_FUNCTION_SCHEDULED, ORO_CALL_UNKNOWN, ORO_CALL_RUNS},
        {"came", ORO_FUNCTION_LIFECYCLE, ORO_CALL_REFUSED, ORO_CALL_REFUSED},
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(cases); i++) {
        struct oro_function f = oro_function_find(&schema, oro_bytes_str(cases[i].name));
        cr_expect_eq(f.kind, cases[i].kind, "%s", cases[i].name);
        cr_expect_eq(f.def, &reducers[i], "%s", cases[i].name);
        cr_expect_eq(oro_function_call(&f, false), cases[i].stranger, "%s", cases[i].name);
        cr_expect_eq(oro_function_call(&f, true), cases[i].owner, "%s", cases[i].name);
        cr_expect_eq(oro_function_executor(f.kind), ORO_EXEC_WRITERS, "%s", cases[i].name);
    }
}

Test(function, what_is_not_there_is_unknown_to_all)
{
    struct oro_function f = oro_function_find(&schema, oro_bytes_str("nothing"));
    cr_assert_null(f.def);
    cr_assert_eq(oro_function_call(&f, false), ORO_CALL_UNKNOWN);
    cr_assert_eq(oro_function_call(&f, true), ORO_CALL_UNKNOWN);
}
