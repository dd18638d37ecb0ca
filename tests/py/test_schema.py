"""From declarations to the module definition: the seed's sample, the complete modules, every type, versions 10 and 9."""

import json
import unittest

from helper import ROOT, ModuleCase, named, sections, shape
from orochi import _load
from orochi._types import SATS_SPECIAL

SEED = '''
from typing import Any, Dict, List
from dataclasses import dataclass
from orochi import ReducerContext, reducer, scheduled, table

@dataclass
class GameState:
    phase: str = "lobby"
    tick: int = 0

@table(primary_key="id", indexes=["timestamp"])
class GameEvent:
    id: str
    timestamp: int
    player_data: Dict[str, Any]
    complex_state: List[GameState]

@reducer
def process_batch_events(ctx: ReducerContext, events: List[GameEvent]):
    for event in events:
        process_event(ctx, event)

@scheduled(interval_ms=1000)
def high_frequency_processor(ctx: ReducerContext):
    process_realtime_data(ctx)

def process_event(ctx, event):
    ctx.db.game_event.upsert(event)

def process_realtime_data(ctx):
    for e in ctx.db.game_event.timestamp.filter(lt=ctx.timestamp):
        ctx.db.game_event.update(e, complex_state=e.complex_state + [GameState(tick=1)])
'''

CHAT = '''
from orochi import (AutoKey, Identity, Index, PrimaryKey, ReducerContext, Timestamp, Unique, client_connected,
                    client_disconnected, init, reducer, scheduled, table, u64)

@table(public=True)
class User:
    identity: PrimaryKey[Identity]
    name: str | None = None
    online: bool = True

@table(public=True)
class Room:
    id: AutoKey[u64] = 0
    title: Unique[str]

@table
class Message:
    id: AutoKey[u64] = 0
    room_id: Index[u64]
    sender: Index[Identity]
    sent: Timestamp
    text: str

@init
def setup(ctx: ReducerContext) -> None: ...
@client_connected
def connected(ctx: ReducerContext) -> None: ...
@client_disconnected
def disconnected(ctx: ReducerContext) -> None: ...
@reducer
def set_name(ctx: ReducerContext, name: str) -> None: ...
@reducer
def send_message(ctx: ReducerContext, room_id: u64, text: str) -> None: ...
@scheduled(interval_ms=60_000)
def trim(ctx: ReducerContext) -> None: ...
'''

ARENA = '''
from dataclasses import dataclass
from orochi import AutoKey, Identity, PrimaryKey, ReducerContext, f32, i16, reducer, scheduled, table, u32, u64

@dataclass(frozen=True)
class Vec2:
    x: f32 = 0.0
    y: f32 = 0.0

@table(public=True)
class Player:
    identity: PrimaryKey[Identity]
    pos: Vec2
    dir: Vec2 = Vec2()
    hp: i16 = 100
    score: u32 = 0

@table(public=True)
class Shot:
    id: AutoKey[u64] = 0
    owner: Identity
    pos: Vec2
    dir: Vec2
    ttl: i16 = 30

@dataclass
class Steer:
    dir: Vec2

@dataclass
class Shoot:
    dir: Vec2

type Action = Steer | Shoot

@reducer
def act(ctx: ReducerContext, action: Action) -> None: ...

@scheduled(hz=20, missed="skip")
def tick(ctx: ReducerContext) -> None: ...
'''

EVERYTHING = '''
import datetime, enum, uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import *
from orochi import *

class Team(enum.Enum):
    RED = 7
    BLUE = "b"
    AZURE = "b"

class Rank(enum.IntEnum):
    LOW = 1
    HIGH = 2

@dataclass
class Point:
    x: f32 = 0.0
    y: f32 = 0.0

class Pair(NamedTuple):
    a: int
    b: "str"

class Loose(TypedDict):
    from_: str
    size: "u8"

class Idle: pass

@dataclass
class Walk:
    to: Point

type Move = Idle | Walk
type Mode = Literal["on", "off"]
type Name = Annotated[str, Len(1, 20)]
type Both[T] = tuple[T, T]
PlayerId = NewType("PlayerId", u64)

@table(name="all", public=True, indexes=[Column("team", "small", name="by_team"), ("small", "flag")])
class Everything:
    id: PrimaryKey[PlayerId]
    flag: bool
    small: DirectIndex[u8]
    big: i256
    half: f32
    whole: float
    number: int
    text: Annotated[str, Len(1)]
    alias: Name
    raw: bytes
    team: Team = Team.BLUE
    rank: Rank
    where: Point
    pair: Pair
    loose: Loose
    move: Move
    other: Idle | Walk
    mode: Mode = "off"
    tone: Literal["high", "low"]
    numbers: list[u16]
    row: Sequence[str]
    line: tuple[u8, ...]
    unique: set[u32]
    frozen: frozenset[str]
    couple: tuple[u8, str]
    same: Both[Team]
    scores: dict[str, u8] = {"b": 2, "a": 1}
    maybe: Point | None = None
    optional: Optional[list[u8]]
    anything: Any
    document: Json
    loose_dict: dict
    json_list: list[Any]
    when: datetime.datetime
    stamp: Timestamp
    span: datetime.timedelta
    lasts: TimeDuration
    uid: uuid.UUID
    who: Unique[Identity]
    link: ConnectionId | None
    due: ScheduleAt
    outcome: Result[u8, str]
    nothing: None = None
    from_: u8 = 9

@reducer
def everything(ctx: ReducerContext, rows: list[Everything], action: Move, literal: Literal["x"], in_: PlayerId): ...
'''


class Seed(ModuleCase):
    def setUp(self):
        super().setUp()
        self.builder = self.define(SEED)
        self.sections = sections(self.builder)
        self.types = self.sections["Typespace"]["types"]

    def test_the_schema_of_python_api_19(self):
        table = named(self.sections["Tables"], "game_event")
        self.assertEqual(shape(self.types[table["product_type_ref"]], self.types),
                         "(id: String, timestamp: I64, player_data: String, complex_state: Array<&0>)")
        self.assertEqual(shape(self.types[0], self.types), "(phase: String, tick: I64)")
        self.assertEqual(table["primary_key"], [0])
        self.assertEqual([(i["accessor_name"]["some"], i["algorithm"]) for i in table["indexes"]],
                         [("id", {"BTree": [0]}), ("timestamp", {"BTree": [1]})])
        self.assertEqual(table["table_access"], {"Private": []})
        reducer = named(self.sections["Reducers"], "process_batch_events")
        self.assertEqual(shape({"Product": reducer["params"]}, self.types), f"(events: Array<&{table['product_type_ref']}>)")
        self.assertEqual(reducer["visibility"], {"ClientCallable": []})
        names = [t["source_name"]["source_name"] for t in self.sections["Types"]]
        self.assertEqual(names, ["GameState", "GameEvent", "HighFrequencyProcessorSchedule"])

    def test_a_private_schedule_of_one_second(self):
        table = named(self.sections["Tables"], "high_frequency_processor_schedule")
        self.assertEqual(table["table_access"], {"Private": []})
        self.assertEqual(self.builder.schedules, [dict(
            reducer="high_frequency_processor", table="high_frequency_processor_schedule", interval_us=1_000_000, delay_us=-1,
            repeating=True, missed="skip", max_dt=0.25, cron=None, hz=None, volatile=False)])
        self.assertEqual(self.sections["Schedules"], [dict(
            source_name={"some": "high_frequency_processor_schedule_sched"}, table_name="high_frequency_processor_schedule",
            schedule_at_col=1, function_name="high_frequency_processor")])
        self.assertEqual(named(self.sections["Reducers"], "high_frequency_processor")["visibility"], {"Private": []})

    def test_with_the_prelude(self):
        short = SEED.replace("from typing import Any, Dict, List\nfrom dataclasses import dataclass\n", "")
        short = short.replace("from orochi import ReducerContext, reducer, scheduled, table", "from orochi.prelude import *")
        self.assertEqual(self.define(short).v10(), self.builder.v10())

    def test_what_the_codecs_get(self):
        spec = self.builder.module_spec()
        (event,) = spec["tables"]  # the private schedule has no class
        self.assertEqual([c[:2] for c in event["columns"]],
                         [(n, n) for n in ("id", "timestamp", "player_data", "complex_state")])
        self.assertEqual([c[2] for c in event["columns"][:3]], [("string",), ("i64",), ("json",)])
        kind, cls, how, fields = event["columns"][3][2][1]
        self.assertEqual((kind, cls.__name__, how, fields),
                         ("product", "GameState", "dataclass", (("phase", ("string",)), ("tick", ("i64",)))))
        self.assertEqual((event["pk"], event["auto_inc"]), (0, ()))
        self.assertEqual([(r["name"], r["takes_row"]) for r in spec["reducers"]],
                         [("process_batch_events", True), ("high_frequency_processor", False)])


class Modules(ModuleCase):
    def test_chat(self):
        found = sections(self.define(CHAT))
        self.assertEqual([t["source_name"] for t in found["Tables"]], ["user", "room", "message", "trim_schedule"])
        self.assertEqual(shape(found["Typespace"]["types"][0], []),
                         "(identity: (__identity__: U256), name: (some: String | none: ()), online: Bool)")
        self.assertEqual(found["LifeCycleReducers"], [
            dict(lifecycle_spec={"Init": []}, function_name="setup"),
            dict(lifecycle_spec={"OnConnect": []}, function_name="connected"),
            dict(lifecycle_spec={"OnDisconnect": []}, function_name="disconnected")])
        self.assertEqual(named(found["Tables"], "user")["default_values"],
                         [dict(col_id=1, value="01"), dict(col_id=2, value="01")])
        self.assertEqual(named(found["Tables"], "room")["sequences"][0]["column"], 0)

    def test_arena(self):
        found = sections(self.define(ARENA))
        types = found["Typespace"]["types"]
        names = {t["source_name"]["source_name"]: t["ty"] for t in found["Types"]}
        self.assertEqual(sorted(names), ["Action", "Player", "Shoot", "Shot", "Steer", "TickSchedule", "Vec2"])
        self.assertEqual(shape(types[names["Action"]], types), f"(Steer: &{names['Steer']} | Shoot: &{names['Shoot']})")
        act = named(found["Reducers"], "act")
        self.assertEqual(act["params"]["elements"][0]["algebraic_type"], {"Ref": names["Action"]})
        self.assertEqual(named(found["Tables"], "player")["default_values"], [
            dict(col_id=2, value="0000000000000000"), dict(col_id=3, value="6400"), dict(col_id=4, value="00000000")])

    def test_the_module_of_a_scheduled_table(self):
        builder = self.define('''
            from orochi import AutoKey, ReducerContext, ScheduleAt, reducer, table, u64
            @table(scheduled="remind")
            class Reminder:
                id: AutoKey[u64] = 0
                text: str
                at: ScheduleAt
            @reducer
            def remind(ctx: ReducerContext, row: Reminder) -> None: ...
            @reducer
            def sweep(ctx: ReducerContext) -> None: ...
            @table(scheduled=sweep)
            class Sweep:
                id: AutoKey[u64] = 0
                at: ScheduleAt
        ''')
        found = sections(builder)
        self.assertEqual([(s["table_name"], s["schedule_at_col"], s["function_name"]) for s in found["Schedules"]],
                         [("reminder", 2, "remind"), ("sweep", 1, "sweep")])
        self.assertEqual(named(found["Reducers"], "remind")["visibility"], {"Private": []})
        self.assertEqual(shape({"Product": named(found["Reducers"], "sweep")["params"]}, []), "(row: &1)")
        self.assertEqual([r["takes_row"] for r in builder.reducers], [True, False])

    def test_the_examples(self):
        for name in ("arena", "bank", "chat"):
            with self.subTest(name):
                path = ROOT / "examples" / name / "module.py"
                self.assertEqual(_load.module_name(str(path)), name)
                builder = _load.definition(str(path))
                Validator(builder.v10()).check()
                text, spec = _load.load(str(path), name)
                self.assertEqual(json.loads(text)["V10"], builder.v10())
                self.assertEqual([t["name"] for t in spec["tables"]], [t.name for t in builder.tables if t.cls])

    def test_a_package_with_relative_imports(self):
        self.write("from .rules import Thing, add\n", "game/__init__.py")
        self.write("from orochi import reducer, table, u8\n@table\nclass Thing:\n    x: u8\n"
                   "@reducer\ndef add(ctx, x: 'u8'): ...\n", "game/rules.py")
        builder = _load.definition(str(self.folder / "game"))
        self.assertEqual([t.name for t in builder.tables], ["thing"])

    def test_a_changed_module_is_read_again(self):
        first = self.define("from orochi import *\n@table\nclass A:\n    x: u8\n")
        second = self.define("from orochi import *\n@table\nclass B:\n    x: u8\n")
        self.assertEqual([first.tables[0].name, second.tables[0].name], ["a", "b"])


class Types(ModuleCase):
    def setUp(self):
        super().setUp()
        self.builder = self.define(EVERYTHING)
        found = sections(self.builder)
        self.types = found["Typespace"]["types"]
        self.names = {t["ty"]: t["source_name"]["source_name"] for t in found["Types"]}
        self.table = named(found["Tables"], "everything")
        self.reducer = named(found["Reducers"], "everything")
        self.columns = {e["name"]["some"]: self.show(e["algebraic_type"])
                        for e in self.types[self.table["product_type_ref"]]["Product"]["elements"]}

    def show(self, sats):
        text = shape(sats, self.types)
        for ref in sorted(self.names, reverse=True):
            text = text.replace(f"&{ref}", self.names[ref])
        return text

    def test_columns(self):
        option = "(some: {} | none: ())".format
        self.assertEqual(self.columns, {
            "id": "U64", "flag": "Bool", "small": "U8", "big": "I256", "half": "F32", "whole": "F64", "number": "I64",
            "text": "String", "alias": "String", "raw": "Array<U8>", "team": "Team", "rank": "Rank", "where": "Point",
            "pair": "Pair", "loose": "Loose", "move": "Move", "other": "EverythingOther", "mode": "Mode",
            "tone": "EverythingTone", "numbers": "Array<U16>", "row": "Array<String>", "line": "Array<U8>",
            "unique": "Array<U32>", "frozen": "Array<String>",
            "couple": "TupleU8String", "same": "TupleTeamTeam", "scores": "Array<KVEntryStringU8>", "maybe": option("Point"),
            "optional": option("Array<U8>"), "anything": "String", "document": "String", "loose_dict": "String",
            "json_list": "String", "when": "(__timestamp_micros_since_unix_epoch__: I64)",
            "stamp": "(__timestamp_micros_since_unix_epoch__: I64)", "span": "(__time_duration_micros__: I64)",
            "lasts": "(__time_duration_micros__: I64)", "uid": "(__uuid__: U128)", "who": "(__identity__: U256)",
            "link": option("(__connection_id__: U128)"), "nothing": "()", "outcome": "(ok: U8 | err: String)", "from": "U8",
            "due": "(Interval: (__time_duration_micros__: I64) | Time: (__timestamp_micros_since_unix_epoch__: I64))"})

    def test_named_types(self):
        shown = {name: self.show(self.types[ref]) for ref, name in self.names.items() if name != "Everything"}
        self.assertEqual(shown, {
            "Team": "(RED: () | BLUE: ())", "Rank": "(LOW: () | HIGH: ())", "Point": "(x: F32, y: F32)",
            "Pair": "(a: I64, b: String)", "Loose": "(from: String, size: U8)", "Walk": "(to: Point)",
            "Move": "(Idle: () | Walk: Walk)", "EverythingOther": "(Idle: () | Walk: Walk)", "Mode": "(on: () | off: ())",
            "EverythingTone": "(high: () | low: ())", "TupleU8String": "(v0: U8, v1: String)",
            "TupleTeamTeam": "(v0: Team, v1: Team)", "KVEntryStringU8": "(key: String, value: U8)",
            "EverythingLiteral": "(x: ())"})

    def test_parameters(self):
        self.assertEqual(self.show({"Product": self.reducer["params"]}),
                         "(rows: Array<Everything>, action: Move, literal: EverythingLiteral, in: U64)")

    def test_defaults(self):
        columns = list(self.columns)
        found = {columns[d["col_id"]]: d["value"] for d in self.table["default_values"]}
        self.assertEqual(found, {"team": "01", "mode": "01", "scores": "02000000" "0100000061" "01" "0100000062" "02",
                                 "maybe": "01", "nothing": "", "from": "09"})

    def test_indexes(self):
        found = {i["accessor_name"]["some"]: (i["algorithm"], i["source_name"]["some"]) for i in self.table["indexes"]}
        team, small, flag = (list(self.columns).index(n) for n in ("team", "small", "flag"))
        self.assertEqual(found, {
            "id": ({"BTree": [0]}, "everything_id_idx_btree"), "small": ({"Direct": small}, "everything_small_idx_direct"),
            "who": ({"BTree": [list(self.columns).index("who")]}, "everything_who_idx_btree"),
            "by_team": ({"BTree": [team, small]}, "everything_team_small_idx_btree"),
            "small_flag": ({"BTree": [small, flag]}, "everything_small_flag_idx_btree")})

    def test_it_validates(self):
        Validator(self.builder.v10()).check()

    def test_the_kind_of_a_key_index(self):
        found = sections(self.define('''
            from orochi import *
            @table(primary_key="id", indexes=[Column("id", algorithm="hash"), "id2"])
            class A:
                id: u32
                id2: Unique[HashIndex[u32]]
        '''))
        self.assertEqual([i["algorithm"] for i in found["Tables"][0]["indexes"]], [{"Hash": [0]}, {"BTree": [1]}])

    def test_product_names(self):
        found = sections(self.define('''
            from typing import NamedTuple
            import enum
            from orochi import *
            @product(name="Vector")
            class V:
                x: f32
            @product(name="Colour")
            class C(enum.Enum):
                RED = 1
            @product
            class Unused(NamedTuple):
                a: u8
            @table
            class A:
                v: V
                c: C
        '''))
        self.assertEqual([t["source_name"]["source_name"] for t in found["Types"]], ["Vector", "Colour", "Unused", "A"])

    def test_the_same_with_future_annotations(self):
        # NewType, dataclasses and the rest are looked up as text then.
        later = self.define("from __future__ import annotations\n" + EVERYTHING)
        self.assertEqual(later.v10(), self.builder.v10())


class RecursiveTypes(ModuleCase):
    """Types that contain themselves: a Ref to their own place, and a codec that is found by number."""

    SOURCE = """
        from __future__ import annotations
        from dataclasses import dataclass, field
        from typing import NamedTuple, TypedDict
        from orochi import *

        @dataclass
        class Node:
            children: list[Node] = field(default_factory=list)
            named: dict[str, Node] = field(default_factory=dict)
            both: tuple[Node, Tree] | None = None

        @dataclass
        class Leaf:
            value: u8

        @dataclass
        class Branch:
            left: Tree
            right: Tree

        type Tree = Leaf | Branch
        type Maybe = Link | None

        class Link(NamedTuple):
            next: Maybe

        class Bag(TypedDict):
            bags: list[Bag]

        @table
        class Doc:
            tree: Tree = Branch(Leaf(1), Branch(Leaf(2), Leaf(3)))
            link: Maybe = Link(Link(None))
            replies: list[Doc] = []

        @reducer
        def put(ctx, root: Node, bag: Bag, tree: Tree): pass
    """

    def setUp(self):
        super().setUp()
        self.builder = self.define(self.SOURCE)
        self.names = {t["ty"]: t["source_name"]["source_name"] for t in sections(self.builder)["Types"]}

    def test_each_has_one_place(self):
        types = sections(self.builder)["Typespace"]["types"]
        shown = {}
        for ref, name in self.names.items():
            text = shape(types[ref], types)
            for other in sorted(self.names, reverse=True):
                text = text.replace(f"&{other}", self.names[other])
            shown[name] = text
        self.assertEqual(shown, {
            "Node": "(children: Array<Node>, named: Array<KVEntryStringNode>, both: (some: TupleNodeTree | none: ()))",
            "KVEntryStringNode": "(key: String, value: Node)", "TupleNodeTree": "(v0: Node, v1: Tree)",
            "Leaf": "(value: U8)", "Branch": "(left: Tree, right: Tree)", "Tree": "(Leaf: Leaf | Branch: Branch)",
            "Link": "(next: (some: Link | none: ()))", "Bag": "(bags: Array<Bag>)",
            "Doc": "(tree: Tree, link: (some: Link | none: ()), replies: Array<Doc>)"})

    def test_defaults(self):
        found = [d["value"] for d in named(sections(self.builder)["Tables"], "doc")["default_values"]]
        self.assertEqual(found, ["01" "0001" "01" "0002" "0003", "00" "00" "01", "00000000"])

    def test_the_codecs_find_what_is_named(self):
        spec = self.builder.module_spec()
        self.assertNotIn(None, spec["types"])
        self.assertEqual({s[0] for s in spec["types"]}, {"product", "union"})


class Defaults(unittest.TestCase):
    """The golden bytes of python-api 3.2."""

    def test_golden_bytes(self):
        import datetime
        import enum
        import uuid

        from orochi import ScheduleAt, Timestamp
        from orochi._encode import encode
        team = enum.Enum("Team", "RED BLUE")
        ms = datetime.timedelta(milliseconds=1)
        for spec, value, want in (
                (("bool",), True, "01"), (("i64",), -2, "feffffffffffffff"), (("u8",), 255, "ff"),
                (("u128",), 1, "01" + "00" * 15),
                (("f64",), 1.5, "000000000000f83f"), (("f32",), 1.5, "0000c03f"), (("string",), "hé", "0300000068c3a9"),
                (("bytes",), b"\1\2", "020000000102"), (("array", ("u16",), "list"), [1, 2], "0200000001000200"),
                (("option", ("u8",)), 7, "0007"), (("option", ("u8",)), None, "01"),
                (("enum", team, tuple(team)), team.BLUE, "01"),
                (("dict", ("string",), ("u8",)), {"b": 2, "a": 1}, "0200000001000000610101000000" "6202"),
                (("datetime",), datetime.datetime(1970, 1, 1, 0, 0, 1, tzinfo=datetime.UTC), "40420f0000000000"),
                (("timedelta",), -ms, "18fcffffffffffff"),
                (("schedule_at",), ScheduleAt.every(50 * ms), "0050c3000000000000"),
                (("schedule_at",), ScheduleAt.at(Timestamp(1_000_000)), "0140420f0000000000"),
                (("json",), {"hp": 10}, "090000007b226870223a31307d"),
                (("dict", ("i8",), ("unit",)), {1: None, -1: None}, "02000000ff01"),
                (("dict", ("timestamp",), ("unit",)), {256: None, -1: None, 1: None},
                 "03000000" + "ff" * 8 + "01" + "00" * 7 + "0001" + "00" * 6),
                (("dict", ("uuid",), ("bool",)), {uuid.UUID(int=256): True, uuid.UUID(int=1): False},
                 "02000000" + "01" + "00" * 16 + "0001" + "00" * 14 + "01"),
                (("array", ("u8",), "set"), {3, 1, 2}, "03000000010203")):
            with self.subTest(spec=spec[0], value=value):
                self.assertEqual(encode(spec, value).hex(), want)

    def test_refused(self):
        from orochi._encode import encode
        for spec, value in ((("u8",), True), (("u8",), 1.0), (("i8",), 128), (("f32",), 1e39), (("f64",), "1"), (("bool",), 1),
                            (("string",), b""), (("string",), "\ud800"), (("literal", ("a",)), "b"),
                            (("array", ("u8",), "list"), "ab")):
            with self.subTest(spec=spec, value=value), self.assertRaises((TypeError, ValueError)):
                encode(spec, value)


class Versions(ModuleCase):
    def test_version_9_says_the_same(self):
        for source in (SEED, CHAT, ARENA, EVERYTHING):
            builder = self.define(source)
            ten, nine = sections(builder), builder.v9()
            self.assertEqual(list(nine), ["typespace", "tables", "reducers", "types", "misc_exports", "row_level_security"])
            self.assertEqual(nine["typespace"], ten["Typespace"])
            source = {e["Table"]["canonical_name"]: e["Table"]["source_name"]
                      for e in ten["ExplicitNames"]["entries"] if "Table" in e}
            self.assertEqual([t["name"] for t in nine["tables"]], sorted(source))
            for old in nine["tables"]:
                new = named(ten["Tables"], source[old["name"]])
                for key in ("product_type_ref", "primary_key", "table_type", "table_access"):
                    self.assertEqual(old[key], new[key])
                for key in ("indexes", "constraints", "sequences"):
                    self.assertEqual(sorted(x["name"]["some"] for x in old[key]),
                                     sorted(old["name"] + x["source_name"]["some"].removeprefix(new["source_name"]) for x in new[key]))
                schedules = [s for s in ten.get("Schedules", []) if s["table_name"] == source[old["name"]]]
                self.assertEqual([old["schedule"]["some"]["reducer_name"]] if "some" in old["schedule"] else [],
                                 [s["function_name"] for s in schedules])
            self.assertEqual([r["name"] for r in nine["reducers"]], [r["source_name"] for r in ten["Reducers"]])
            self.assertEqual([r["params"] for r in nine["reducers"]], [r["params"] for r in ten["Reducers"]])
            self.assertEqual({r["name"]: r["lifecycle"]["some"] for r in nine["reducers"] if "some" in r["lifecycle"]},
                             {x["function_name"]: x["lifecycle_spec"] for x in ten.get("LifeCycleReducers", [])})
            self.assertEqual(sorted((d["ColumnDefaultValue"]["table"], d["ColumnDefaultValue"]["value"])
                                    for d in nine["misc_exports"]),
                             sorted((name, d["value"]) for name, written in source.items()
                                    for d in named(ten["Tables"], written)["default_values"]))
            self.assertEqual([t["name"]["name"] for t in nine["types"]],
                             sorted(t["source_name"]["source_name"] for t in ten["Types"]))


class Validator:
    """The checks of docs/values.md#module-definition on a definition of version 10."""

    def __init__(self, definition):
        self.sections = {key: value for section in definition["sections"] for key, value in section.items()}
        assert len(self.sections) == len(definition["sections"]), "a section occurs twice"
        self.types = self.sections["Typespace"]["types"]
        self.registered = {t["ty"] for t in self.sections["Types"]}
        self.special = [json.dumps(s, sort_keys=True) for s in SATS_SPECIAL.values()]

    def check(self):
        assert self.sections["CaseConversionPolicy"] == {"None": []}
        self.check_types()
        for table in self.sections.get("Tables", []):
            self.check_table(table)
        self.check_functions()
        self.check_names()

    def check_types(self):
        for named_type in self.sections["Types"]:
            sats = self.types[named_type["ty"]]
            (kind, body), = sats.items()
            assert kind in ("Product", "Sum"), f"{named_type} is no product or sum"
            assert not self.is_special(sats), f"{named_type} is special"
            assert named_type["custom_ordering"]
            for part in body["elements" if kind == "Product" else "variants"]:
                assert part["name"]["some"].isidentifier()
                self.check_use(part["algebraic_type"])
        assert self.registered == set(range(len(self.types))), "each type of the typespace is registered"

    def is_special(self, sats):
        return json.dumps(sats, sort_keys=True) in self.special

    def check_use(self, sats):
        (kind, body), = sats.items()
        if kind == "Ref":
            assert body in self.registered, f"type ref &{body} was not pre-declared"
        elif kind == "Array":
            self.check_use(body)
        elif kind in ("Product", "Sum") and not self.is_special(sats):
            parts = body["elements" if kind == "Product" else "variants"]
            names = [p["name"]["some"] for p in parts]
            assert names in ([], ["some", "none"], ["ok", "err"]), f"{sats} stands in place"
            for part in parts:
                self.check_use(part["algebraic_type"])

    def check_table(self, t):
        assert t["product_type_ref"] in self.registered
        columns = self.types[t["product_type_ref"]]["Product"]["elements"]
        assert len({c["name"]["some"] for c in columns}) == len(columns)
        indexed = []
        for index in t["indexes"]:
            (kind, cols), = index["algorithm"].items()
            cols = cols if isinstance(cols, list) else [cols]
            assert len(set(cols)) == len(cols) and all(c < len(columns) for c in cols)
            names = "_".join(columns[c]["name"]["some"] for c in cols)
            assert index["source_name"]["some"] == f"{t['source_name']}_{names}_idx_{kind.lower()}"
            assert index["accessor_name"]["some"].isidentifier()
            indexed.append(set(cols))
        constrained = [set(c["data"]["Unique"]["columns"]) for c in t["constraints"]]
        assert all(c in indexed for c in constrained), "no index supports a constraint"
        assert len(t["primary_key"]) <= 1
        assert not t["primary_key"] or set(t["primary_key"]) in constrained
        sequenced = [s["column"] for s in t["sequences"]]
        assert len(set(sequenced)) == len(sequenced)
        for col in sequenced:
            assert next(iter(columns[col]["algebraic_type"]))[0] in "IU"
        defaulted = [d["col_id"] for d in t["default_values"]]
        assert len(set(defaulted)) == len(defaulted)
        for default in t["default_values"]:
            left = self.skip(columns[default["col_id"]]["algebraic_type"], bytes.fromhex(default["value"]))
            assert left == b"", f"default of column {default['col_id']} of {t['source_name']}"

    def skip(self, sats, data):
        """What is left of data after a value of the type."""
        (kind, body), = sats.items()
        if kind == "Ref":
            return self.skip(self.types[body], data)
        if kind == "Product":
            for part in body["elements"]:
                data = self.skip(part["algebraic_type"], data)
            return data
        if kind == "Sum":
            return self.skip(body["variants"][data[0]]["algebraic_type"], data[1:])
        if kind in ("Array", "String"):
            count, data = int.from_bytes(data[:4], "little"), data[4:]
            for _ in range(count):
                data = self.skip(body if kind == "Array" else {"U8": []}, data)
            return data
        size = 1 if kind == "Bool" else int(kind[1:]) // 8
        assert len(data) >= size
        return data[size:]

    def check_functions(self):
        reducers = {r["source_name"]: r for r in self.sections.get("Reducers", [])}
        assert len(reducers) == len(self.sections.get("Reducers", []))
        tables = {t["source_name"]: t for t in self.sections.get("Tables", [])}
        for r in reducers.values():
            assert r["ok_return_type"] == {"Product": {"elements": []}} and r["err_return_type"] == {"String": []}
            for p in r["params"]["elements"]:
                assert p["name"]["some"].isidentifier()
                self.check_use(p["algebraic_type"])
        for life in self.sections.get("LifeCycleReducers", []):
            r = reducers[life["function_name"]]
            assert r["params"] == {"elements": []} and r["visibility"] == {"Private": []}
        events = [json.dumps(x["lifecycle_spec"]) for x in self.sections.get("LifeCycleReducers", [])]
        assert len(set(events)) == len(events)
        scheduled = [s["table_name"] for s in self.sections.get("Schedules", [])]
        assert len(set(scheduled)) == len(scheduled)
        for s in self.sections.get("Schedules", []):
            t, r = tables[s["table_name"]], reducers[s["function_name"]]
            columns = self.types[t["product_type_ref"]]["Product"]["elements"]
            assert columns[s["schedule_at_col"]]["algebraic_type"] == SATS_SPECIAL["schedule_at"]
            assert columns[t["primary_key"][0]]["algebraic_type"] == {"U64": []}
            assert [p["algebraic_type"] for p in r["params"]["elements"]] == [{"Ref": t["product_type_ref"]}]
            assert r["visibility"] == {"Private": []}

    def check_names(self):
        names = []
        for t in self.sections.get("Tables", []):
            names.append(t["source_name"])
            names += [x["source_name"]["some"] for key in ("indexes", "constraints", "sequences") for x in t[key]]
        names += [s["source_name"]["some"] for s in self.sections.get("Schedules", [])]
        assert len(set(names)) == len(names), "a name is used for multiple entities"
        types = [t["source_name"]["source_name"] for t in self.sections["Types"]]
        assert len(set(types)) == len(types)
        given = self.sections["ExplicitNames"]["entries"]
        entries = [next(iter(e.values())) for e in given if "Index" not in e]
        indexes = [x["source_name"]["some"] for t in self.sections.get("Tables", []) for x in t["indexes"]]
        assert all(e["Function"]["source_name"] == e["Function"]["canonical_name"] for e in given if "Function" in e)
        assert all(e["Index"]["source_name"] in indexes for e in given if "Index" in e)
        functions = [r["source_name"] for r in self.sections.get("Reducers", [])]
        tables = [t["source_name"] for t in self.sections.get("Tables", [])]
        assert [e["source_name"] for e in entries] == tables + functions


class TheValidator(ModuleCase):
    """It must be able to fail."""

    def test_it_finds_faults(self):
        def broken(change):
            definition = json.loads(json.dumps(self.define(EVERYTHING).v10()))
            change({key: value for section in definition["sections"] for key, value in section.items()})
            with self.assertRaises(AssertionError):
                Validator(definition).check()
        broken(lambda s: s["Types"].pop())
        broken(lambda s: s["Tables"][0]["indexes"].pop(0))
        broken(lambda s: s["Tables"][0]["constraints"].pop(0))
        broken(lambda s: s["Tables"][0]["default_values"][0].update(value="0101"))
        broken(lambda s: s["Reducers"][0]["params"]["elements"][1].update(algebraic_type=s["Typespace"]["types"][0]))
        broken(lambda s: s["Typespace"]["types"].append(SATS_SPECIAL["identity"]))


if __name__ == "__main__":
    unittest.main()
