/* Loading a module, calling its reducers, and what becomes of their exceptions. */
#include "tests/py/fixture.h"

TestSuite(call, .init = fixture_start, .fini = oro_py_stop);

static int64_t
balance(struct fixture *f, uint32_t id)
{
    const struct oro_table_def *t = oro_schema_table(f->schema, oro_bytes_str("accounts"));
    struct oro_bytes row = {0};
    int64_t v;
    cr_assert_eq(fake_find(&f->host, t, &t->indexes[0], oro_bytes(&id, 4), &row), ORO_OK);
    memcpy(&v, row.data + 4, 8);
    return v;
}

Test(call, transfers_move_money_and_refusals_reach_the_caller)
{
    struct fixture f;
    fixture_open(&f, "call/bank.py");
    cr_assert_eq(fixture_call(&f, "seed", "[10, 100]"), ORO_OK, "%s", fixture_text(&f));
    cr_assert_str_eq((char *)f.host.log.data, "INFO seeded 10 accounts with balance 100\n");
    cr_assert_eq(f.host.log_line, 10);
    cr_assert_eq(fixture_call(&f, "transfer", "[1, 2, 30]"), ORO_OK, "%s", fixture_text(&f));
    cr_assert_eq(balance(&f, 1), 70);
    cr_assert_eq(balance(&f, 2), 130);
    cr_assert_eq(fixture_call(&f, "transfer", "[1, 1, 30]"), ORO_EUSER);
    cr_assert_str_eq(fixture_text(&f), "same_account");
    cr_assert_eq(fixture_call(&f, "transfer", "[1, 99, 30]"), ORO_EUSER);
    cr_assert_str_eq(fixture_text(&f), "account_missing");
    cr_assert_eq(fixture_call(&f, "transfer", "[1, 2, 71]"), ORO_EUSER);
    cr_assert_str_eq(fixture_text(&f), "insufficient_funds");
    cr_assert_eq(balance(&f, 1), 70);
    fixture_close(&f);
}

Test(call, arguments_are_read_strictly)
{
    struct fixture f;
    uint8_t args[20] = {1, 0, 0, 0, 2, 0, 0, 0, 5};
    fixture_open(&f, "call/bank.py");
    cr_assert_eq(fixture_call(&f, "seed", "[10, 100]"), ORO_OK);
    cr_assert_eq(fixture_call_bytes(&f, "transfer", oro_bytes(args, 16)), ORO_OK, "%s",
                 fixture_text(&f));
    cr_assert_eq(fixture_call_bytes(&f, "transfer", oro_bytes(args, 17)), ORO_EINVAL);
    cr_assert_str_eq(fixture_text(&f), "transfer: 1 bytes too many after the arguments");
    cr_assert_eq(fixture_call_bytes(&f, "transfer", oro_bytes(args, 15)), ORO_EINVAL);
    cr_assert_str_eq(fixture_text(&f),
                     "transfer.amount: malformed at byte 8: the value is cut short");
    cr_assert_eq(fixture_call_bytes(&f, "transfer", oro_bytes(NULL, 0)), ORO_EINVAL);
    cr_assert_eq(balance(&f, 1), 95, "a bad call ran");
    fixture_close(&f);
}

/* Counts that the bytes could hold each by itself, but not together. */
Test(call, nested_lists_share_the_bytes)
{
    struct fixture f;
    struct oro_bb args = {0};
    fixture_open(&f, "call/nested.py");
    for (uint32_t i = 0; i < 30; i++) { /* each level: an empty node, then the next one */
        oro_bb_u32(&args, 2);
        oro_bb_u32(&args, 0);
    }
    oro_bb_u32(&args, 0);
    oro_bb_u32(&args, 3);
    for (int i = 0; i < 3; i++)
        oro_bb_u32(&args, 0);
    oro_bb_u32(&args, 30);
    cr_assert_eq(fixture_call_bytes(&f, "take", oro_bb_bytes(&args)), ORO_OK, "%s",
                 fixture_text(&f));
    oro_bb_clear(&args);
    for (uint32_t i = 0; i < 1000; i++)
        oro_bb_u32(&args, 3000);
    cr_assert_eq(fixture_call_bytes(&f, "take", oro_bb_bytes(&args)), ORO_EINVAL);
    cr_assert_str_eq(
        fixture_text(&f),
        "take.node.down[0].down: malformed at byte 4: a count that the input cannot hold");
    oro_bb_fini(&args);
    fixture_close(&f);
}

static void
ends(struct fixture *f, const char *reducer, const char *args, oro_status want, const char *part)
{
    oro_status st = fixture_call(f, reducer, args);
    cr_assert_eq(st, want, "%s: %s: %s", reducer, oro_status_name(st), fixture_text(f));
    cr_assert_not_null(strstr(fixture_text(f), part), "%s: %s", reducer, fixture_text(f));
    st = fixture_call(f, "fine", "[]");
    cr_assert_eq(st, ORO_OK, "after %s", reducer);
}

Test(call, exceptions_become_statuses)
{
    struct fixture f;
    fixture_open(&f, "call/errors.py");
    ends(&f, "with_code", "[]", ORO_EUSER, "bad_name: too long");
    ends(&f, "missing", "[]", ORO_EUSER, "player: no row with this id"); /* private */
    ends(&f, "unique", "[]", ORO_EINTERNAL, "UniqueViolation: player.id: there is a row");
    ends(&f, "internal", "[]", ORO_EINTERNAL,
         "line 19, in helper\n    return {}['gone']\nKeyError: 'gone'");
    cr_assert_null(strstr(fixture_text(&f), "orochi/"));
    ends(&f, "leave", "[]", ORO_EINTERNAL, "SystemExit: 3");
    ends(&f, "deep", "[]", ORO_EINTERNAL, "RecursionError: maximum recursion depth");
    ends(&f, "interrupt", "[]", ORO_EINTERNAL, "KeyboardInterrupt");
    ends(&f, "memory", "[]", ORO_EINTERNAL, "MemoryError");
    ends(&f, "wrong_type", "[]", ORO_EINTERNAL, "EncodeError: player.id: expected int, got str");
    ends(&f, "checked", "[\"12345\"]", ORO_EINVAL, "checked.text: ");
    fixture_close(&f);
}

Test(call, a_broken_module_is_reported_with_file_and_line)
{
    struct fixture f = {.dir = "/tmp/oro-py-XXXXXX"};
    struct oro_err err = {0};
    char *descriptor = NULL, *report = NULL, path[128];
    cr_assert_not_null(mkdtemp(f.dir));
    fixture_write(&f, "broken.py", "from orochi import *\n\n1 / 0\n");
    snprintf(path, sizeof(path), "%s/broken.py", f.dir);
    cr_assert_eq(oro_py_open(0, &fake_ops, &f.py, &err), ORO_OK);
    cr_assert_eq(oro_py_load(f.py, path, "test", &descriptor, &report, &err), ORO_EINVAL);
    cr_assert_not_null(strstr(report, "broken.py:3: "), "%s", report);
    cr_assert_not_null(strstr(report, "ZeroDivisionError"), "%s", report);
    oro_free(report);
    fixture_write(&f, "refused.py", "import ctypes\n");
    snprintf(path, sizeof(path), "%s/refused.py", f.dir);
    cr_assert_eq(oro_py_load(f.py, path, "test", &descriptor, &report, &err), ORO_EINVAL);
    cr_assert_not_null(strstr(report, "isolation = \"main\""), "%s", report);
    oro_free(report);
    oro_py_close(f.py);
    fixture_remove(&f);
}

Test(call, reducers_do_no_input_or_output)
{
    static const char *const refused[] = {"sleep",  "write", "read",   "connect", "process",
                                          "remove", "leave", "abort",  "descend", "wait",
                                          "look",   "map",   "thread", "ask"};
    struct fixture f;
    fixture_open(&f, "call/reducers_do_no_input_or_output.py");
    for (size_t i = 0; i < ORO_ARRAY_LEN(refused); i++) {
        cr_assert_eq(fixture_call_bytes(&f, refused[i], oro_bytes("", 0)), ORO_EINTERNAL, "%s",
                     refused[i]);
        cr_assert_not_null(strstr(fixture_text(&f), "ForbiddenInReducer"), "%s: %s", refused[i],
                           fixture_text(&f));
    }
    fixture_run(&f, "imports");
    fixture_run(&f, "caught");
    fixture_close(&f);
}
