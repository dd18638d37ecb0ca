// @migration: rows of a table whose change no rule makes, mapped by the module's hook, at a start, at a reload and by
// `orochi migrate`; and what a hook that fails leaves.

import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { call, cleanFolders, folder, orochi, serve, sql, until } from "./lib/server.mjs";

after(cleanFolders);

const FIRST = `import enum
from dataclasses import dataclass
from orochi import AutoInc, PrimaryKey, Timestamp, Unique, migration, reducer, table, u8, u32, u64, i32
class Kind(enum.Enum):
    Mage = 0
    Rogue = 1
@dataclass
class Spot:
    x: i32
    y: i32
@table(public=True)
class Hero:
    id: PrimaryKey[u32]
    score: str
    kind: Kind
    spot: Spot | None
    tags: list[str]
    seen: Timestamp
@reducer
def add(ctx, id: u32):
    ctx.db.hero.insert(id=id, score=str(id * 10), kind=Kind.Rogue if id % 2 else Kind.Mage, spot=Spot(id, -id) if id > 1 else None,
                       tags=["a"] * id, seen=Timestamp(id))
`;
const HEADER = FIRST.slice(0, FIRST.indexOf("@table"));
const SECOND = (hook, more = "") => `${HEADER}@table(public=True)
class Hero:
    id: PrimaryKey[u32]
    name: str
    score: u64
    kind: Kind
    spot: Spot | None
    seen: Timestamp
${more}@reducer
def add(ctx, id: u32):
    ctx.db.hero.insert(id=id, name="new", score=1, kind=Kind.Mage, spot=None, seen=Timestamp(0))
${hook}`;
const UP = `@migration(table="hero")
def up(old: dict):
    assert set(old) == {"id", "score", "kind", "spot", "tags", "seen"}, old
    assert old["tags"] == ["a"] * old["id"] and isinstance(old["kind"], Kind) and old["seen"] == Timestamp(old["id"])
    assert old["spot"] is None or old["spot"] == Spot(old["id"], -old["id"])
    if old["id"] == 3:
        return None
    if old["id"] == 2:
        return {"id": 2, "name": "two", "score": int(old["score"]), "kind": old["kind"], "spot": old["spot"], "seen": old["seen"]}
    return Hero(id=old["id"], name=f"hero {old['id']}", score=int(old["score"]), kind=old["kind"], spot=old["spot"], seen=old["seen"])
`;

async function begin(flags = [], first = FIRST, ids = [1, 2, 3, 4]) {
  const dir = await folder(), path = join(dir, "heroes.py"), data = join(dir, "data");
  await writeFile(path, first);
  const start = (more = flags) => serve(path, { flags: ["--data", data, ...more] });
  const server = await start();
  for (const id of ids) assert.equal((await call(server, "heroes", "add", [id])).status, 200, server.output());
  let reloads = 0;
  const save = async (running, text, want) => {
    await writeFile(path, text);
    reloads++;
    const lines = () => running.output().match(/reloaded in.*|was not reloaded.*/g) ?? [];
    await until("it is looked at", () => lines().length >= reloads);
    assert.match(lines().at(-1), want, running.output());
  };
  return { path, data, server, start, save };
}
const heroes = async server => (await sql(server, "heroes", "SELECT * FROM hero")).sort((a, b) => a.id - b.id);
const WANT = [
  { id: 1, name: "hero 1", score: 10, kind: [1, []], spot: [1, []], seen: [1] },
  { id: 2, name: "two", score: 20, kind: [0, []], spot: [0, [2, -2]], seen: [2] },
  { id: 4, name: "hero 4", score: 40, kind: [0, []], spot: [0, [4, -4]], seen: [4] },
];
const before = async data => (await readdir(data)).filter(name => /\.before-\d+$/.test(name));

for (const how of ["start", "reload", "migrate"]) {
  test(`each old row goes through the hook: ${how}`, async () => {
    const { path, data, server, start, save } = await begin(how === "reload" ? ["--watch"] : []);
    let running = server;
    if (how === "reload") {
      await save(server, SECOND(UP), /reloaded in/);
    } else {
      assert.equal(await server.stop(), 0);
      await writeFile(path, SECOND(UP));
      if (how === "migrate") {
        const done = await orochi(["migrate", path, "--data", data]);
        assert.equal(done.code, 0, done.text);
        assert.match(done.stdout, /table hero: column tags goes\n[\s\S]*column name is new\n[\s\S]*hero: 3 rows by its hook up \(.*heroes\.py:\d+\), 1 dropped\ndone/);
        await writeFile(path, SECOND("")); // it is not needed any more
      }
      running = await start();
    }
    assert.deepEqual(await heroes(running), WANT);
    assert.equal((await call(running, "heroes", "add", [9])).status, 200);
    assert.equal((await before(data)).length, 1, "what was there is kept");
    await running.kill();
    running = await start([]); // the file has it, and the hook is not called for rows that it has made
    assert.deepEqual((await heroes(running)).slice(0, 3), WANT);
    assert.equal(await running.stop(), 0, running.output());
    const restored = await orochi(["restore", join(data, (await before(data))[0]), "--data", data, "--force"]);
    assert.equal(restored.code, 0, restored.text);
    await writeFile(path, FIRST);
    running = await start([]);
    assert.deepEqual((await heroes(running)).map(row => row.score), ["10", "20", "30", "40"]);
    await running.stop();
  });
}

test("a dry run says what would be done, while the server runs, and changes nothing", async () => {
  const { path, data, server } = await begin();
  const dry = join(data, "..", "heroes_next.py");
  await writeFile(dry, SECOND(UP));
  const files = (await readdir(data)).sort();
  const told = await orochi(["migrate", "--dry-run", dry, "--data", data, "--name", "heroes"]);
  assert.equal(told.code, 0, told.text);
  assert.match(told.stdout, /hero: 3 rows by its hook up .*1 dropped\nthis is what would be done: nothing was changed/);
  assert.deepEqual((await readdir(data)).sort(), files, "nothing is left behind");
  assert.doesNotMatch(told.text, /dry-run-/, "the folder of the copy is nobody's to look into");
  await writeFile(dry, SECOND(UP.replace("return None", "raise ValueError('three')")));
  const failed = await orochi(["migrate", "--dry-run", dry, "--data", data, "--name", "heroes"]);
  assert.equal(failed.code, 1, failed.text);
  assert.match(failed.text, /table hero, the row \{'id': 3, .*heroes_next\.py:\d+: ValueError: three/);
  assert.doesNotMatch(failed.text, /dry-run-/);
  const refused = await orochi(["migrate", dry, "--data", data, "--name", "heroes"]);
  assert.equal(refused.code, 4, refused.text);
  assert.match(refused.text, /in use by another server/);
  assert.equal((await heroes(server)).length, 4);
  assert.equal(await server.stop(), 0);
  const nothing = await orochi(["migrate", "--dry-run", path, "--data", data]);
  assert.match(nothing.stdout, /nothing to change/, nothing.text);
  for (const [words, want] of [[["migrate", path, "--data", join(data, "nowhere")], /there is no database heroes in the folder/],
    [["migrate", path, "--memory"], /--memory has no data/]]) {
    const wrong = await orochi(words);
    assert.notEqual(wrong.code, 0);
    assert.match(wrong.text, want);
  }
});

// Each leaves the data as it was, and says which row and where.
const WRONG = {
  "it raises": ["    raise KeyError(old['id'])", /the row \{'id': 1, 'score': '10'.*heroes\.py:\d+: KeyError: 1/],
  "it returns something else": ["    return 7", /the row \{'id': 1.*@migration up returned a int: it returns the new row, a Hero or a dict of its columns, or None/],
  "it leaves a column out": ["    return {'id': old['id']}", /the row \{'id': 1.*Hero.*name/],
  "it exits": ["    raise SystemExit(3)", /the row \{'id': 1.*heroes\.py:\d+: SystemExit: 3/],
  "its error cannot be shown": ["    class E(Exception):\n        def __str__(self): raise KeyError\n    raise E", /the row \{'id': 1.*heroes\.py:\d+: E/],
  "it names no column": ["    return {**old, 'name': 'x', 'nam': 1}", /Hero has no column/],
  "a value does not fit": ["    return Hero(id=old['id'], name='x', score=-1, kind=old['kind'], spot=None, seen=old['seen'])", /column score: .*out of range/],
  "keys collide": ["    return Hero(id=1, name='x', score=1, kind=old['kind'], spot=None, seen=old['seen'])", /table hero has \d rows by its hook up .* but only 1 values of its new primary key id|nique/],
  "it does not end": ["    while True: pass", /hooks have altogether run longer than reducer\.init_timeout_ms allows/],
};
for (const [what, [body, want]] of Object.entries(WRONG)) {
  test(`a hook that fails: ${what}`, async () => {
    const limit = ["--set", "reducer.init_timeout_ms=1500"];
    const { path, data, server, start, save } = await begin(["--watch", ...limit]);
    const bad = SECOND(`@migration(table="hero")\ndef up(old):\n${body}\n`);
    await save(server, bad, want);
    assert.equal((await heroes(server)).length, 4);
    assert.equal((await call(server, "heroes", "add", [5])).status, 200, "the old version serves on");
    assert.equal(await server.stop(), 0, server.output());
    await assert.rejects(start(limit), error => {
      assert.match(error.message, want);
      return true;
    });
    await writeFile(path, FIRST);
    const again = await start([]);
    assert.equal((await heroes(again)).length, 5);
    await again.stop();
  });
}

test("another key, a column made unique, a counted column: the hook makes the rows fit", async () => {
  for (const how of ["start", "reload"]) {
    const first = "from orochi import *\n@table(public=True)\nclass Hero:\n    name: str\n    level: u32\n@reducer\ndef add(ctx, n: u32):\n" +
      "    ctx.db.hero.insert(name=f'h{n}', level=n % 2)\n";
    const { path, server, start, save } = await begin(how === "reload" ? ["--watch"] : [], first, [1, 2, 3]);
    let running = server;
    const change = async (text, want = /reloaded in/) => {
      if (how === "reload") return save(running, text, want);
      await running.stop();
      await writeFile(path, text);
      running = await start();
    };
    const add = "@reducer\ndef add(ctx, n: u32):\n    ctx.db.hero.insert(name=f'h{n}', level=n)\n";
    await change(`from orochi import *\n@table(public=True)\nclass Hero:\n    id: AutoKey[u64] = 0\n    name: str\n    level: u32\n${add}` +
      "@migration(table=Hero)\ndef up(old): return Hero(name=old['name'], level=old['level'])\n");
    const ids = async () => (await sql(running, "heroes", "SELECT id FROM hero")).map(row => row.id).sort((a, b) => a - b);
    assert.deepEqual(await ids(), [1, 2, 3]);
    assert.equal((await call(running, "heroes", "add", [5])).status, 200);
    assert.deepEqual((await ids()).length, 4, "counted on above them");
    await change(`from orochi import *\n@table(public=True)\nclass Hero:\n    id: AutoKey[u64] = 0\n    name: str\n    level: Unique[u32]\n${add}` +
      "@migration(table=Hero)\ndef up(old): return {**old, 'level': 100 + old['id'] % 1000}\n");
    assert.deepEqual(new Set((await sql(running, "heroes", "SELECT level FROM hero")).map(row => row.level)).size, 4);
    await running.kill();
    running = await start([]);
    assert.deepEqual((await ids()).length, 4);
    assert.equal((await call(running, "heroes", "add", [7])).status, 200);
    assert.equal(await running.stop(), 0, running.output());
  }
});

test("what is refused names the hook, with the columns filled in, and a hook that stays is not called again", async () => {
  const { path, data, server, start } = await begin();
  await server.stop();
  await writeFile(path, SECOND(""));
  await assert.rejects(start(), error => {
    assert.match(error.message, /\(1\)[\s\S]*heroes\.py:12: Changing the type of column score/);
    assert.match(error.message, /a hook makes a new row of each old one: @migration\(table="hero"\) before `def up\(old\): return \{"id": old\["id"\], "name": \.\.\., "score": \.\.\., "kind": old\["kind"\], \.\.\.\}`/);
    return true;
  });
  const counted = UP.replace("    if old[\"id\"] == 3", `    open(${JSON.stringify(join(data, "..", "calls"))}, "a").write("x")\n    if old["id"] == 3`);
  await writeFile(path, SECOND(counted));
  let running = await start();
  await running.stop();
  running = await start();
  assert.equal((await heroes(running)).length, 3);
  await running.stop();
  assert.equal(await readFile(join(data, "..", "calls"), "utf8"), "xxxx");
  // An automatic change is none of the hook's.
  await writeFile(path, SECOND(counted, "    mana: u32 = 3\n"));
  running = await start();
  assert.equal((await sql(running, "heroes", "SELECT id FROM hero WHERE mana = 3")).length, 3);
  await running.stop();
  assert.equal(await readFile(join(data, "..", "calls"), "utf8"), "xxxx");
});

test("many rows, of types that the module has lost", async () => {
  const first = `import enum
from dataclasses import dataclass
from uuid import UUID
from orochi import *
class Old(enum.Enum):
    A = 0
    B = 1
@dataclass
class Point:
    x: f32
    y: f64
@dataclass
class Circle:
    r: u128
@table(public=True)
class Hero:
    id: PrimaryKey[u32]
    kind: Old
    shape: Point | Circle
    points: list[Point]
    who: Identity
    raw: bytes
    maybe: i64 | None
    span: TimeDuration
    deep: dict[str, list[u8]]
@reducer
def add(ctx, n: u32):
    for i in range(n):
        ctx.db.hero.insert(id=i, kind=Old.B, shape=Circle(2**100) if i % 2 else Point(0.5, i), points=[Point(1.0, 2.0)], who=ctx.sender, raw=b"\\x00\\xff",
                           maybe=None if i % 3 else -i, span=TimeDuration(i), deep={"k": [1, 2]})
`;
  const { path, server, start } = await begin([], first, [3000]);
  await server.stop();
  await writeFile(path, `from orochi import *
@table(public=True)
class Hero:
    id: PrimaryKey[u32]
    text: str
@reducer
def nothing(ctx): ...
@migration(table="hero")
def up(old):
    i = old["id"]
    assert old["kind"] == "B" and old["raw"] == b"\\x00\\xff" and isinstance(old["who"], Identity) and old["span"] == TimeDuration(i), old
    assert old["maybe"] == (None if i % 3 else -i) and old["points"] == [{"x": 1.0, "y": 2.0}], old
    assert old["shape"] == (("Circle", {"r": 2**100}) if i % 2 else ("Point", {"x": 0.5, "y": float(i)})), old
    assert old["deep"] == [{"key": "k", "value": b"\\x01\\x02"}], old
    return Hero(id=i, text=str(i))
`);
  const running = await start();
  assert.equal((await sql(running, "heroes", "SELECT id FROM hero")).length, 3000);
  assert.deepEqual(await sql(running, "heroes", "SELECT text FROM hero WHERE id = 2999"), [{ text: "2999" }]);
  await running.stop();
});
