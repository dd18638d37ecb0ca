/* What a column's Python type cannot show is refused when it is written, with place and range: a row that is accepted can be read. */
#include "tests/py/fixture.h"

TestSuite(readable, .init = fixture_start, .fini = oro_py_stop);

static const char source[] =
    "import enum, uuid\n"
    "from dataclasses import dataclass, field as dcfield\n"
    "from datetime import UTC, datetime, timedelta, timezone\n"
    "from typing import Any\n"
    "from orochi import *\n"
    "@dataclass\n"
    "class Positive:\n"
    "    n: i32 = 1\n"
    "    def __post_init__(self):\n"
    "        if self.n <= 0: raise ValueError('not positive')\n"
    "@dataclass\n"
    "class Late:\n"
    "    a: u8 = 0\n"
    "    b: u8 = dcfield(init=False, default=3)\n"
    "@dataclass\n"
    "class Stubborn:\n"
    "    def __post_init__(self):\n"
    "        if closed: raise ValueError('closed')\n"
    "@dataclass\n"
    "class Other:\n"
    "    n: u8 = 0\n"
    "closed = False\n"
    "class Perm(enum.Flag):\n"
    "    R = 1\n"
    "    W = 2\n"
    "@table()\n"
    "class T:\n"
    "    id: PrimaryKey[u32]\n"
    "    when: datetime = datetime(2020, 1, 1, tzinfo=UTC)\n"
    "    maybe: datetime | None = None\n"
    "    several: list[datetime] = []\n"
    "    span: timedelta = timedelta(0)\n"
    "    stamp: Timestamp = Timestamp(0)\n"
    "    data: Any = None\n"
    "    pos: Positive = Positive()\n"
    "    poss: list[Positive] = []\n"
    "    late: Late = Late()\n"
    "    choice: Stubborn | Other = Other()\n"
    "    text: str = ''\n"
    "    keys: set[i128] = set()\n"
    "    map: dict[uuid.UUID, u8] = {}\n"
    "    nothing: list[None] = []\n"

    "    real: f32 = 0.0\n"
    "LOW, HIGH = -62135596800000000, 253402300799999999\n"
    "def refused(ctx, words, **columns):\n"
    "    for write in (lambda: ctx.db.t.insert(id=9, **columns), lambda: "
    "ctx.db.t.update(ctx.db.t.get(1), **columns),\n"
    "                  lambda: ctx.db.t.filter(id=1).update(**columns), lambda: "
    "ctx.db.t.upsert(T(id=1, **columns)),\n"
    "                  lambda: ctx.db.t.insert_many([T(id=10), T(id=11, **columns)])):\n"
    "        try:\n"
    "            write()\n"
    "        except EncodeError as error:\n"
    "            assert words in str(error) and f't.{[*columns][0]}' in str(error), error\n"
    "        else:\n"
    "            raise Exception(f'{columns} was accepted')\n"
    "    read(ctx, 1)\n"
    "def read(ctx, n):\n"
    "    rows = [repr(row) for row in ctx.db.t.all()]\n"
    "    assert len(rows) == n, rows\n"
    "    list(ctx.db.t.all().order_by('when')), ctx.db.t.count(when=datetime(2000, 1, 1, "
    "tzinfo=UTC))\n"
    "def keeps(ctx, **columns):\n"
    "    ctx.db.t.update(ctx.db.t.get(1), **columns)\n"
    "    row = ctx.db.t.get(1)\n"
    "    for name, value in columns.items():\n"
    "        assert getattr(row, name) == value, (name, getattr(row, name), value)\n"
    "@reducer\n"
    "def times(ctx: ReducerContext):\n"
    "    ctx.db.t.insert(id=1)\n"
    "    for us in (LOW - 1, HIGH + 1, -(1 << 63), (1 << 63) - 1):\n"
    "        refused(ctx, 'years 1 to 9999', when=us)\n"
    "        refused(ctx, 'years 1 to 9999', when=Timestamp(us))\n"
    "        refused(ctx, 'years 1 to 9999', maybe=Timestamp(us))\n"
    "        refused(ctx, 'years 1 to 9999', several=[0, Timestamp(us)])\n"
    "    refused(ctx, 'years 1 to 9999', when=datetime(1, 1, 1, "
    "tzinfo=timezone(timedelta(hours=14))))\n"
    "    refused(ctx, 'years 1 to 9999', when=datetime(9999, 12, 31, 23, "
    "tzinfo=timezone(timedelta(hours=-12))))\n"
    "    refused(ctx, 'out of range', when=1 << 63)\n"
    "    refused(ctx, 'out of range', stamp=1 << 63)\n"
    "    refused(ctx, 'out of range', span=timedelta.max)\n"
    "    refused(ctx, 'out of range', span=timedelta.min)\n"
    "    for us in (LOW, HIGH, 0, -1):\n"
    "        ctx.db.t.update(ctx.db.t.get(1), when=us, maybe=us, several=[us])\n"
    "        assert ctx.db.t.get(1).when == ctx.db.t.get(1).several[0]\n"
    "    for us in (-(1 << 63), (1 << 63) - 1):\n"
    "        ctx.db.t.update(ctx.db.t.get(1), stamp=us, span=us)\n"
    "        assert ctx.db.t.get(1).stamp == us and ctx.db.t.get(1).span // "
    "timedelta(microseconds=1) == us\n"
    "        read(ctx, 1)\n"
    "    ctx.db.t.clear()\n"
    "@reducer\n"
    "def values(ctx: ReducerContext):\n"
    "    global closed\n"
    "    ctx.db.t.insert(id=1)\n"
    "    low = Positive(); low.n = -5\n"
    "    refused(ctx, 'could not be read back: not positive', pos=low)\n"
    "    refused(ctx, 'could not be read back: not positive', poss=[Positive(), low])\n"
    "    closed_one = Stubborn()\n"
    "    closed = True\n"
    "    refused(ctx, 'could not be read back: closed', choice=closed_one)\n"
    "    closed = False\n"
    "    keeps(ctx, choice=Stubborn()); keeps(ctx, choice=Other(3)); keeps(ctx, late=Late(4))\n"
    "    refused(ctx, 'lone surrogate', text='\\ud800')\n"
    "    refused(ctx, 'same hash', keys={i * (2 ** 61 - 1) for i in range(100)})\n"
    "    refused(ctx, 'same hash', map={uuid.UUID(int=5 + i * (2 ** 61 - 1)): 1 for i in "
    "range(100)})\n"
    "    refused(ctx, 'elements without bytes', nothing=[None] * 5000)\n"
    "    refused(ctx, 'out of range for f32', real=1e39)\n"
    "    ctx.db.t.clear()\n"
    "@reducer\n"
    "def dynamic(ctx: ReducerContext):\n"
    "    ctx.db.t.insert(id=1)\n"
    "    low = Positive(); low.n = -5\n"
    "    for data in (low, [low], {'a': low}, {'a': [1, {'b': low}]}, {low.n: low}):\n"
    "        refused(ctx, 'could not be read back', data=data)\n"
    "    refused(ctx, 'could not be read back', data={i * (2 ** 61 - 1) for i in range(100)})\n"
    "    refused(ctx, 'digits', data=10 ** 5000)\n"
    "    refused(ctx, 'surrogate', data={'a': '\\ud800'})\n"
    "    refused(ctx, 'surrogate', data={'\\ud800': 1})\n"
    "    for data in ({(1, 2): 3}, {(1, (2, 'x')): [4]}, {frozenset({1, 2}): 3}, {(1, 2), (3, 4)}, "
    "{frozenset({(1,)})},\n"
    "                 {'$type': 'Positive', 'value': 3}, {'$type': 'T', 'value': {'n': -1}}, "
    "{'value': 1, '$type': 2}, {'$bytes': 5},\n"
    "                 {'$type': 1}, {'$map': 3, 'b': 1}, {'$a': 1, '$b': 2}, {1: 2}, Positive(7), "
    "[Late(3)], {None: 1},\n"
    "                 {'a': {'$type': 'Late', 'value': {}}}, {'$time': 'x'}):\n"
    "        keeps(ctx, data=data)\n"
    "    read(ctx, 1)\n"
    "@reducer\n"
    "def takes(ctx: ReducerContext, when: datetime, maybe: list[datetime]):\n"
    "    pass\n";

Test(readable, times_that_a_datetime_does_not_show)
{
    struct fixture f;
    fixture_open(&f, source);
    fixture_run(&f, "times");
    fixture_close(&f);
}

Test(readable, what_the_authors_code_would_refuse)
{
    struct fixture f;
    fixture_open(&f, source);
    fixture_run(&f, "values");
    fixture_close(&f);
}

Test(readable, dynamic_values)
{
    struct fixture f;
    fixture_open(&f, source);
    fixture_run(&f, "dynamic");
    fixture_close(&f);
}

/* As JSON or as bytes: the caller is told which argument, and the range. */
Test(readable, arguments)
{
    struct fixture f;
    fixture_open(&f, source);
    cr_expect_eq(fixture_call(&f, "takes", "[[-62135596800000000], [[253402300799999999]]]"),
                 ORO_OK, "%s", fixture_text(&f));
    cr_expect_eq(fixture_call(&f, "takes", "[[-62135596800000001], []]"), ORO_EINVAL);
    cr_expect_not_null(strstr(fixture_text(&f), "takes.when: -62135596800000001 microseconds"),
                       "%s", fixture_text(&f));
    cr_expect_eq(fixture_call(&f, "takes", "[[0], [[0], [253402300800000000]]]"), ORO_EINVAL);
    cr_expect_not_null(strstr(fixture_text(&f), "takes.maybe[1]: 253402300800000000 microseconds"),
                       "%s", fixture_text(&f));
    cr_expect_not_null(strstr(fixture_text(&f), "the years 1 to 9999"), "%s", fixture_text(&f));
    fixture_close(&f);
}
