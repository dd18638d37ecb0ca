/* orochi.bridge: caches, batches, statistics and configuration. The cases assert for themselves, in a reducer-less worker. */
#include "tests/py/fixture.h"

TestSuite(converter, .init = fixture_start, .fini = oro_py_stop);

#define HEAD                                                                                      \
    "import json\n"                                                                               \
    "from dataclasses import dataclass\n"                                                         \
    "from typing import Any\n"                                                                    \
    "from orochi import *\n"                                                                      \
    "from orochi.bridge import BatchResult, ConversionConfig, ConversionError, ConversionStats, " \
    "TypeConverter\n"                                                                             \
    "def raises(kind, text, fn):\n"                                                               \
    "    try: fn()\n"                                                                             \
    "    except kind as e: assert text in str(e), str(e); return e\n"                             \
    "    else: assert False, 'accepted; expected: ' + text\n"                                     \
    "@dataclass\n"                                                                                \
    "class Item:\n"                                                                               \
    "    name: str\n"                                                                             \
    "    n: u16 = 0\n"                                                                            \
    "@table\n"                                                                                    \
    "class Event:\n"                                                                              \
    "    id: PrimaryKey[u64]\n"                                                                   \
    "    item: Item\n"                                                                            \
    "    extra: Any = None\n"                                                                     \
    "@reducer\n"                                                                                  \
    "def test(ctx: ReducerContext):\n"

Test(converter, single_values)
{
    struct fixture f;
    fixture_open(
        &f, HEAD
        "    c = TypeConverter()\n"
        "    assert c.python_to_bsatn(7, u16) == b'\\7\\0' and c.bsatn_to_python(b'\\7\\0', u16) "
        "== 7\n"
        "    e = Event(id=1, item=Item('a', 2), extra={'k': [1]})\n"
        "    data = c.python_to_bsatn(e)\n"
        "    assert c.bsatn_to_python(data, Event) == e and c.python_to_bsatn(e, Event) == data\n"
        "    assert c.python_to_bsatn({'b': 1, 'a': 2}) == b'\\x0d\\0\\0\\0{\"a\":2,\"b\":1}'\n"
        "    assert c.python_to_bsatn(Item('a', 2)) == b'\\1\\0\\0\\0a\\2\\0'\n"
        "    raises(EncodeError, 'expected int, got str', lambda: c.python_to_bsatn('x', u16))\n"
        "    raises(EncodeError, 'item.n: 70000 is out of range for u16', lambda: "
        "c.python_to_bsatn(Event(id=1, item=Item('a', 70000))))\n"
        "    raises(DecodeError, 'too many', lambda: c.bsatn_to_python(b'123', u16))\n"
        "    raises(ConversionError, 'Decimal', lambda: c.python_to_bsatn(1, "
        "__import__('decimal').Decimal))\n"
        "    s = c.get_stats()\n"
        "    assert isinstance(s, ConversionStats) and s.conversions_performed == 7 and "
        "s.errors_encountered == 4, s\n"
        "    assert s.plan_misses == 4 and s.plan_hits == 6 and (s.shape_hits, s.shape_misses) == "
        "(1, 2), s\n"
        "    assert s.bytes_out == 2 + 2 * len(data) + 17 + 7 and s.bytes_in == 2 + len(data), s\n"
        "    r = c.get_performance_report()\n"
        "    json.dumps(r)\n"
        "    for key in ('cache_hit_ratio', 'pool_hit_ratio', 'average_conversion_time_ms', "
        "'smart_cache_hit_ratio', 'cache_size',\n"
        "                'pool_utilization', 'throughput_per_second', 'bytes_per_second', "
        "'p50_us', 'p99_us', 'per_type', 'config',\n"
        "                'uptime_s', 'conversions_performed', 'peak_memory_usage'): assert key in "
        "r, key\n"
        "    assert r['per_type']['Event']['calls'] == 3 and r['throughput_per_second'] > 0\n"
        "    c.reset_stats()\n"
        "    assert c.get_stats() == ConversionStats()\n");
    fixture_run(&f, "test");
    fixture_close(&f);
}

Test(converter, caches_obey_their_bounds)
{
    struct fixture f;
    fixture_open(
        &f,
        HEAD "    now = [0.0]\n"
             "    c = TypeConverter(ConversionConfig(max_cache_size=2, cache_ttl_ms=1000), "
             "clock=lambda: now[0])\n"
             "    def use(*types):\n"
             "        for t in types: c.python_to_bsatn(1, t)\n"
             "    use(u8, u16, u8, u32)\n" /* u16 goes: it was used least recently */
             "    s = c.get_stats()\n"
             "    assert (s.plan_hits, s.plan_misses, s.evictions) == (1, 3, 1), s\n"
             "    use(u8)\n"
             "    assert c.get_stats().plan_hits == 2\n"
             "    use(u16)\n"
             "    assert c.get_stats().plan_misses == 4 and c.get_stats().evictions == 2\n"
             "    now[0] = 0.9\n"
             "    use(u16)\n"
             "    now[0] = 1.8\n" /* 0.9 s after its last use */
             "    use(u16)\n"
             "    assert c.get_stats().expirations == 0\n"
             "    now[0] = 2.9\n"
             "    use(u16)\n"
             "    assert c.get_stats().expirations == 1 and c.get_stats().plan_misses == 5\n"
             "    e = Event(id=1, item=Item('a'))\n"
             "    c.python_to_bsatn(e)\n"
             "    use(u8, u16, u32, i8, i16)\n"
             "    now[0] = 100.0\n"
             "    before = c.get_stats().plan_misses\n"
             "    c.python_to_bsatn(e)\n"
             "    assert c.get_stats().plan_misses == before, 'types of the module are pinned'\n"
             "    c.update_config(cache_ttl_ms=0, max_cache_size=0)\n"
             "    assert c.get_performance_report()['cache_size'] == 1\n"
             "    c.clear_caches()\n"
             "    assert c.get_performance_report()['cache_size'] == 0\n"
             "    raises(ValueError, 'max_pool_size', lambda: c.update_config(max_pool_size=-1, "
             "cache_ttl_ms=5))\n"
             "    raises(TypeError, \"unknown setting 'size'\", lambda: c.update_config(size=1))\n"
             "    raises(ValueError, 'True or False', lambda: ConversionConfig(auto_tune=1))\n"
             "    assert c.get_performance_report()['config']['cache_ttl_ms'] == 0, 'nothing was "
             "changed'\n"
             "    for i in range(10): c.python_to_bsatn({'a': i, 'b': i})\n"
             "    c.update_config(max_cache_size=10)\n"
             "    c.clear_caches()\n"
             "    c.reset_stats()\n"
             "    for i in range(10): c.python_to_bsatn({'a': i, 'b': i})\n"
             "    s = c.get_stats()\n"
             "    assert (s.shape_hits, s.shape_misses) == (9, 1), s\n");
    fixture_run(&f, "test");
    fixture_close(&f);
}

Test(converter, batches)
{
    struct fixture f;
    fixture_open(
        &f, HEAD
        "    for quick in (True, False):\n"
        "        c = TypeConverter(ConversionConfig(enable_batch_optimization=quick))\n"
        "        events = [Event(id=i, item=Item('x' * (i % 5), i), extra=i) for i in range(100)]\n"
        "        blobs = c.batch_python_to_bsatn(events, Event)\n"
        "        assert blobs == [c.python_to_bsatn(e) for e in events] == "
        "c.batch_python_to_bsatn(events)\n"
        "        assert c.batch_bsatn_to_python(blobs, Event) == events\n"
        "        packed = bytearray(b'head')\n"
        "        offsets = c.batch_python_to_bsatn(events, Event, into=packed)\n"
        "        assert packed == b'head' + b''.join(blobs) and len(offsets) == 101 and offsets[0] "
        "== 4 and offsets[-1] == len(packed)\n"
        "        assert c.batch_bsatn_to_python(packed, Event, offsets) == events\n"
        "        assert c.batch_python_to_bsatn([1, 'a', 2], [u8, str, u16]) == [b'\\1', "
        "b'\\1\\0\\0\\0a', b'\\2\\0']\n"
        "        assert c.batch_bsatn_to_python([b'\\1', b'\\2\\0'], [u8, u16]) == [1, 2]\n"
        "        values = [1, 300, 2, 'x', 3]\n"
        "        e = raises(EncodeError, '300 is out of range for u8', lambda: "
        "c.batch_python_to_bsatn(values, u8))\n"
        "        assert e.index == 1 and e.__notes__ == ['item 1 of the batch']\n"
        "        assert c.batch_python_to_bsatn(values, u8, on_error='skip') == [b'\\1', b'\\2', "
        "b'\\3']\n"
        "        got = c.batch_python_to_bsatn(values, u8, on_error='collect')\n"
        "        assert isinstance(got, BatchResult) and got.values == [b'\\1', None, b'\\2', "
        "None, b'\\3'], got\n"
        "        assert [(i, type(x)) for i, x in got.errors] == [(1, EncodeError), (3, "
        "EncodeError)]\n"
        "        vals, errs = c.batch_bsatn_to_python([b'\\1', b'', b'\\1\\2'], u8, "
        "on_error='collect')\n"
        "        assert vals == [1, None, None] and [i for i, _ in errs] == [1, 2]\n"
        "        seen = []\n"
        "        c.batch_python_to_bsatn(range(10), u8, progress=lambda *a: seen.append(a[:2]), "
        "progress_every=4)\n"
        "        assert seen == [(4, 10), (8, 10), (10, 10)], seen\n"
        "        seen.clear()\n"
        "        c.batch_python_to_bsatn([1, 'x', 2, 3], u8, progress=lambda *a: "
        "seen.append(a[:2]), progress_every=2, on_error='skip')\n"
        "        assert seen == [(2, 4), (4, 4)], seen\n"
        "        def stop(*a): raise KeyError('stop')\n"
        "        raises(KeyError, 'stop', lambda: c.batch_python_to_bsatn(range(10), u8, "
        "progress=stop, progress_every=4))\n"
        "        raises(ValueError, 'on_error', lambda: c.batch_python_to_bsatn([1], u8, "
        "on_error='ignore'))\n"
        "        raises(ValueError, '1 types for 2 values', lambda: c.batch_python_to_bsatn([1, "
        "2], [u8]))\n"
        "        assert c.batch_python_to_bsatn([], u8) == [] and c.batch_python_to_bsatn([{'a': "
        "1}, 5]) == [b'\\7\\0\\0\\0{\"a\":1}', b'\\1\\0\\0\\0' + b'5']\n"
        "        s = c.get_stats()\n"
        "        assert s.batch_conversions == 16 and s.batch_errors == 8 and s.object_pool_misses "
        "+ s.object_pool_hits > 0, s\n");
    fixture_run(&f, "test");
    fixture_close(&f);
}

/* A reducer's list of many goes the same way as a batch of the converter. */
Test(converter, lists_of_reducers_are_batches)
{
    struct fixture f;
    struct oro_bb args = {0};
    struct oro_py_config settings = ORO_PY_CONFIG_DEFAULT;
    fixture_open(&f, HEAD "    import _orochi\n"
                          "    assert _orochi.stats()['batches'] == 2, _orochi.stats()\n"
                          "    assert _orochi.stats()['batch_items'] == 2000\n"
                          "@reducer\n"
                          "def take(ctx: ReducerContext, items: list[Item]):\n"
                          "    import gc\n"
                          "    assert gc.isenabled()\n"
                          "    assert len(items) == 1000 and items[999] == Item('x', 999)\n");
    oro_bb_u32(&args, 1000);
    for (uint16_t i = 0; i < 1000; i++) {
        oro_bb_lenbytes(&args, oro_bytes("x", 1));
        oro_bb_u16(&args, i);
    }
    for (int batches = 1; batches >= 0; batches--) {
        settings.enable_batch_optimization = batches == 1;
        oro_py_configure(&settings);
        oro_status st = fixture_call_bytes(&f, "take", oro_bb_bytes(&args));
        cr_assert_eq(st, ORO_OK, "%s", fixture_text(&f));
    }
    fixture_run(&f, "test");
    args.data[4 + 7 * 600] = 2; /* the 600th text takes a byte of its number */
    cr_assert_eq(fixture_call_bytes(&f, "take", oro_bb_bytes(&args)), ORO_EINVAL);
    cr_assert_not_null(strstr(fixture_text(&f), "take.items[601].name: malformed at byte 4212"),
                       "%s", fixture_text(&f));
    oro_bb_fini(&args);
    fixture_close(&f);
    oro_py_configure(&(struct oro_py_config)ORO_PY_CONFIG_DEFAULT);
}

Test(converter, json_both_ways)
{
    struct fixture f;
    fixture_open(
        &f,
        "from __future__ import annotations\n" HEAD "    import datetime, enum, uuid\n"
        "    from orochi.bridge import json_to_python, python_to_json\n"
        "    c = TypeConverter()\n"
        "    def both(value, type, text, **how):\n"
        "        got = c.python_to_json(value, type, **how)\n"
        "        assert got == text, got\n"
        "        assert c.json_to_python(text, type) == value == json_to_python(text.encode(), "
        "type)\n"
        "        assert json.loads(got) == json.loads(python_to_json(value, type, **how))\n"
        "    both(7, u8, '7')\n"
        "    both(-(1 << 200), i256, json.dumps(hex(-(1 << 200))))\n"
        "    both('h\\u00e9\"', str, '\"h\\u00e9\\\\\"\"')\n"
        "    both(b'\\1\\xff', bytes, '\"01ff\"')\n"
        "    both([1, 2], list[u16], '[1,2]')\n"
        "    both(None, u8 | None, '{\"none\":[]}')\n"
        "    both(5, u8 | None, '{\"some\":5}')\n"
        "    both(Item('a', 2), Item, '{\"name\":\"a\",\"n\":2}')\n"
        "    both(Item('a', 2), Item, '[\"a\",2]', positional=True)\n"
        "    both({'k': Item('a')}, dict[str, Item], "
        "'[{\"key\":\"k\",\"value\":{\"name\":\"a\",\"n\":0}}]')\n"
        "    both(Team.BLUE, Team, '{\"BLUE\":[]}')\n"
        "    both(Team.BLUE, Team, '[1,[]]', positional=True)\n"
        "    both(Node('a', [Node('b', [])]), Node, "
        "'{\"name\":\"a\",\"down\":[{\"name\":\"b\",\"down\":[]}]}')\n"
        "    both(Identity(5), Identity, '{\"__identity__\":\"0x5\"}')\n"
        "    both(Timestamp(9), Timestamp, '{\"__timestamp_micros_since_unix_epoch__\":9}')\n"
        "    e = Event(id=1, item=Item('a', 2), extra={'b': 1, 'a': [None]})\n"
        "    both(e, Event, "
        "'{\"id\":1,\"item\":{\"name\":\"a\",\"n\":2},\"extra\":\"{\\\\\"a\\\\\":[null],"
        "\\\\\"b\\\\\":1}\"}')\n"
        "    assert c.python_to_json(e) == c.python_to_json(e, Event)\n"
        "    assert c.json_to_python('{\"id\": 1, \"extra\": \"3\", \"item\": [\"a\", 2]}', Event) "
        "== Event(id=1, item=Item('a', 2), extra=3)\n"
        "    both({'b': 1, 'a': [None, 1.5]}, None, '{\"a\":[null,1.5],\"b\":1}')\n"
        "    e = raises(DecodeError, 'item.n at byte 37', lambda: c.json_to_python("
        "'{\"id\": 1, \"item\": {\"name\": \"a\", \"n\": 70000}, \"extra\": \"\"}', Event))\n"
        "    assert (e.path, e.offset, e.expected) == ('item.n', 37, 'U16') and '70000' in "
        "e.found, vars(e)\n"
        "    raises(DecodeError, 'id', lambda: c.json_to_python('{\"item\": [\"a\", 2]}', Event))\n"
        "    raises(DecodeError, '', lambda: c.json_to_python('[1', list[u8]))\n"
        "    raises(DecodeError, '', lambda: c.json_to_python('{', None))\n"
        "    raises(EncodeError, 'n: 70000 is out of range', lambda: c.python_to_json(Item('a', "
        "70000)))\n"
        "    raises(ConversionError, 'Decimal', lambda: c.json_to_python('1', "
        "__import__('decimal').Decimal))\n"
        "    raises(TypeError, '', lambda: c.json_to_python(5, u8))\n"
        "    deep = Node('x', [])\n"
        "    for _ in range(1000): deep = Node('x', [deep])\n"
        "    raises(EncodeError, '', lambda: c.python_to_json(deep))\n"
        "    raises(DecodeError, '', lambda: c.json_to_python('{\"name\":\"x\",\"down\":[' * 1000 "
        "+ ']}' * 1000, Node))\n"
        "    s = c.get_stats()\n"
        "    assert s.errors_encountered == 9 and s.conversions_performed == 37, s\n"
        "    r = c.get_performance_report()['per_type']\n"
        "    assert r['Item']['calls'] >= 4 and r['dynamic']['calls'] == 2, r\n"
        "@dataclass\n"
        "class Node:\n"
        "    name: str\n"
        "    down: list[Node]\n"
        "class Team(__import__('enum').Enum):\n"
        "    RED = 'r'\n"
        "    BLUE = 'b'\n");
    fixture_run(&f, "test");
    fixture_close(&f);
}

/* A converter without settings of its own has the server's, also those that come later. */
Test(converter, settings_follow_the_server)
{
    struct fixture f;
    struct oro_py_config settings = ORO_PY_CONFIG_DEFAULT;
    fixture_open(
        &f,
        HEAD "    def config(c): return c.get_performance_report()['config']\n"
             "    if not kept:\n"
             "        kept.extend([TypeConverter(), TypeConverter(ConversionConfig()), "
             "TypeConverter(), TypeConverter.with_config(ConversionConfig(max_pool_size=3))])\n"
             "        kept[2].update_config(max_cache_size=5)\n"
             "        for t in (u8, u16, u32): kept[0].python_to_bsatn(1, t)\n"
             "        assert [config(c)['max_cache_size'] for c in kept] == [1000, 1000, 5, "
             "1000]\n"
             "    else:\n"
             "        kept[0].python_to_bsatn(1, u64)\n"
             "        assert kept[0].get_stats().evictions == 2, 'at once'\n"
             "        assert [config(c)['max_cache_size'] for c in kept] == [2, 1000, 5, 1000]\n"
             "        assert not config(kept[0])['enable_memory_monitoring']\n"
             "        assert config(kept[2])['enable_memory_monitoring']\n"
             "        assert config(kept[3])['max_pool_size'] == 3\n"
             "kept = []\n");
    fixture_run(&f, "test");
    settings.max_cache_size = 2;
    settings.enable_memory_monitoring = false;
    oro_py_configure(&settings);
    fixture_run(&f, "test");
    fixture_close(&f);
    oro_py_configure(&(struct oro_py_config)ORO_PY_CONFIG_DEFAULT);
}
