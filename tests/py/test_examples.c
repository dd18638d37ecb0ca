/* The project's example modules and the sample that the project began with, unmodified, over the fake host; and the tests of
 * rows once more with the C classes. */
#include "tests/py/fixture.h"

TestSuite(examples, .init = fixture_start, .fini = oro_py_stop);

static const char seed[] =
    "from dataclasses import dataclass\n"
    "from typing import Any, Dict, List\n"
    "from orochi import ReducerContext, reducer, scheduled, table\n"
    "@dataclass\n"
    "class GameState:\n"
    "    phase: str = 'lobby'\n"
    "    tick: int = 0\n"
    /* from here on as it was published */
    "@table(primary_key=\"id\", indexes=[\"timestamp\"])\n"
    "class GameEvent:\n"
    "    id: str\n"
    "    timestamp: int\n"
    "    player_data: Dict[str, Any]\n"
    "    complex_state: List[GameState]\n"
    "\n"
    "@reducer\n"
    "def process_batch_events(ctx: ReducerContext, events: List[GameEvent]):\n"
    "    for event in events:\n"
    "        process_event(ctx, event)\n"
    "\n"
    "@scheduled(interval_ms=1000)\n"
    "def high_frequency_processor(ctx: ReducerContext):\n"
    "    process_realtime_data(ctx)\n"
    /* to here */
    "def process_event(ctx, event):\n"
    "    ctx.db.game_event.upsert(event)\n"
    "def process_realtime_data(ctx):\n"
    "    for e in ctx.db.game_event.timestamp.filter(lt=ctx.timestamp):\n"
    "        ctx.db.game_event.update(e, complex_state=e.complex_state + [GameState(tick=1)])\n"
    "@reducer\n"
    "def check(ctx: ReducerContext, n: int, states: int):\n"
    "    assert len(ctx.db.game_event) == n\n"
    "    for e in ctx.db.game_event:\n"
    "        assert e.player_data == {'hp': 10, 'bag': ['a']} and len(e.complex_state) == states, "
    "e\n"
    "@reducer\n"
    "def older(ctx: ReducerContext):\n"
    "    t = ctx.db.get_table(GameEvent)\n"
    "    t.insert(GameEvent(id='x', timestamp=1, player_data={}, complex_state=[]))\n"
    "    t.insert(id='x', timestamp=2, player_data={}, complex_state=[])\n"
    "    assert t.count() == 1 and t.find_by_primary_key('x').timestamp == 2 and "
    "t.find_by_primary_key('y') is None\n"
    "    t.batch_insert([GameEvent(id=c, timestamp=5, player_data={}, complex_state=[]) for c in "
    "'abc'])\n"
    "    assert [e.id for e in t.find_by_index('timestamp', 5)] == ['a', 'b', 'c'] and "
    "type(t.scan()) is list\n"
    "    assert t.count(timestamp__ge=5) == 3 == len(t.filter(timestamp__eq=5)) and "
    "t.count(timestamp__le=2) == 1\n"
    "    assert t.delete(timestamp=5) == 3 and len(t.scan(id__in=['x'])) == 1\n"
    "    ctx.db.game_event.clear()\n";

Test(examples, the_first_sample_runs_as_it_stands)
{
    struct fixture f;
    struct oro_bb args = {0};
    fixture_open(&f, seed);
    oro_bb_printf(&args, "[[");
    for (int i = 0; i < 1000; i++)
        oro_bb_printf(&args, "%s[\"e%d\", %d, \"{\\\"bag\\\":[\\\"a\\\"],\\\"hp\\\":10}\", []]",
                      i > 0 ? "," : "", i, i);
    oro_bb_printf(&args, "]]");
    oro_bb_u8(&args, 0);
    cr_assert_eq(fixture_call(&f, "process_batch_events", (char *)args.data), ORO_OK, "%s",
                 fixture_text(&f));
    cr_assert_eq(fixture_call(&f, "check", "[1000, 0]"), ORO_OK, "%s", fixture_text(&f));
    for (int i = 0; i < 3; i++)
        cr_assert_eq(fixture_call_bytes(&f, "high_frequency_processor", oro_bytes("", 0)), ORO_OK,
                     "%s", fixture_text(&f));
    cr_assert_eq(fixture_call(&f, "check", "[1000, 3]"), ORO_OK, "%s", fixture_text(&f));
    fixture_close(&f);
    fixture_open(&f, seed);
    fixture_run(&f, "older");
    fixture_close(&f);
    oro_bb_fini(&args);
}

static void
loads(const char *path)
{
    struct oro_py *py;
    struct oro_err err = {0};
    struct oro_schema *schema;
    char *descriptor = NULL, *report = NULL;
    cr_assert_eq(oro_py_open(0, &fake_ops, &py, &err), ORO_OK, "%s", err.text);
    cr_assert_eq(oro_py_load(py, path, "example", &descriptor, &report, &err), ORO_OK, "%s",
                 report);
    cr_assert_eq(oro_schema_parse(oro_bytes_str(descriptor), &schema, &err), ORO_OK, "%s",
                 err.text);
    cr_assert_eq(oro_py_bind(py, schema, &err), ORO_OK, "%s", err.text);
    oro_py_close(py);
    oro_schema_free(schema);
    oro_free(descriptor);
}

Test(examples, those_of_the_project_load)
{
    static const char *const names[] = {"arena", "bank", "chat"};
    char path[512];
    for (size_t i = 0; i < ORO_ARRAY_LEN(names); i++) {
        snprintf(path, sizeof(path), "%s/../../examples/%s/module.py", getenv("ORO_TESTS_PY"),
                 names[i]);
        loads(path);
    }
}

Test(examples, rows_behave_as_in_an_ordinary_interpreter)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/rows_in_worker.py", getenv("ORO_TESTS_PY"));
    loads(path);
}
