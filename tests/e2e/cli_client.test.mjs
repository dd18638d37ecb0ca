// Python as a client: orochi.client, and what is built on it: orochi subscribe, orochi shell.
// Release: what it is about is Python.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { BINARY, cleanFolders, folder, keep, module, orochi, serve, until } from "./lib/server.mjs";

let server, data, config;
before(async () => {
  [data, config] = [await folder(), await folder()];
  server = await serve(module("game"), { flags: ["--data", data] });
});
after(async () => {
  await server?.stop();
  await cleanFolders();
});

const env = () => ({ XDG_CONFIG_HOME: config });
const run = (command, ...words) => orochi([command, "--url", server.url, "--data", data, ...words], { env: env() });

/** Runs Python with what `orochi shell` has; fails with what it said. */
async function python(program, { fails = false } = {}) {
  const ended = await run("shell", "-c", `url = ${JSON.stringify(server.url)}\n${program}`);
  assert.equal(ended.code, fails ? 1 : 0, ended.text);
  return fails ? ended.stderr : ended.stdout;
}

test("rows of all kinds of types come as the objects that they are, and go back", async () => {
  const out = await python(`
from orochi import Identity, Timestamp
item = types.Item
call("add_item", 7, "it's a cup", types.Team.BLUE, types.Vec2(1, 2.5), ["a", "b"])
call("add_item", owner=8, label="mug", team="RED", pos={"x": 1, "y": -2}, tags=())
assert [(i.owner, i.label, i.team, i.pos, i.tags) for i in db.item.all()] == [
    (7, "it's a cup", types.Team.BLUE, types.Vec2(1.0, 2.5), ["a", "b"]), (8, "mug", types.Team.RED, types.Vec2(1.0, -2.0), [])], db.item.all()
assert db.item.find(1).label == "it's a cup" and db.item.find(99) is None
assert db.item.filter(label="it's a cup")[0].id == 1 and len(db.item.filter(team=types.Team.RED, owner=8)) == 1
assert [i.label for i in db.item.where("owner > 7")] == ["mug"] and db.item.count() == 2
call("write_note", "hello")
note = db.note.first(text="hello")
assert isinstance(note.sent, Timestamp) and note.sent > 1_700_000_000_000_000
call("remind_me", "later", 3_600_000)
assert not db.reminder.first().at.is_interval
assert sql("SELECT count(*) AS n FROM secret") == [{"n": 1}]
print(db.item.all())
`);
  assert.match(out, /^id \| owner \| label {6}\| team \| pos {17}\| tags\n/);
  assert.match(out, /\(2 rows\)/);
});

test("several players, each known again", async () => {
  const program = `
bob = as_identity("bob")
bob.call("set_name", "Bob")
call("set_name", "Ann")
assert db.user.find(bob.identity).name == "Bob" and bob.db.user.count(name="Ann") == 1
assert as_identity("owner").db.secret.count() == 1
print(bob.identity, db.user.count())`;
  assert.equal(await python(program), await python(program));
});

test("mistakes are told in words", async () => {
  for (const [line, pattern] of [
    ['call("set_name", "")', /^ReducerError: bad_name: a name must not be empty\n$/],
    ['call("bug")', /^ReducerError: /],
    ['call("set_nam", "x")', /no reducer or procedure set_nam \(did you mean set_name\?\)/],
    ['call("count", -1, 2)', /EncodeError: id.*U32/],
    ['call("add_item", 1, "x", "GREEN", (1, 2), [])', /EncodeError: str is none of RED, BLUE/],
    ['call("count", 1)', /count\(\) takes id, by; missing: by/],
    ['call("count", 1, 2, by=3, of=4)', /given twice: by; unknown: of/],
    ["db.itm", /there is no table itm; there are .*item/],
    ["db.item.filter(labl=1)", /item has no column labl/],
    ['db.item.where("nonsense = 1")', /nonsense/],
    ['as_identity("bob").db.secret.all()', /secret/],
    ["1 / 0", /Traceback[^]*<-c>[^]*ZeroDivisionError/],
    ["(", /SyntaxError/],
  ]) assert.match(await python(line, { fails: true }), pattern, line);
});

test("a subscription keeps rows, and tells what comes, goes and changes, once for each row", async () => {
  await python(`
from orochi.client import connect, ConnectionLost
told = []
with connect(url, "game") as c, connect(url, "game") as other:
    c.db.counter.on_insert(lambda row: told.append(("insert", row.id, row.value)))
    c.db.counter.on_update(lambda old, new: told.append(("update", old.value, new.value)))
    c.db.item.on_insert(lambda row: told.append(("insert", row.label)))
    c.db.item.on_delete(lambda row: told.append(("delete", row.label)))
    c.db.ping.on_insert(lambda row: told.append(("ping", row.n)))
    s = c.subscribe("SELECT * FROM counter WHERE id = 5")
    same = c.subscribe("SELECT * FROM counter WHERE id < 6 AND id > 4", "SELECT * FROM item WHERE owner = 50", "ping")
    c.reducers.count(5, 2)
    assert told == [("insert", 5, 2)] and c.db.counter.find(5).value == 2, told
    other.reducers.count(id=5, by=3)
    assert c.wait(20, lambda: len(told) > 1) and told[1:] == [("update", 2, 5)], told
    other.reducers.add_item(50, "vase", "RED", (0, 0), [])
    other.reducers.ping(9)
    assert c.wait(20, lambda: len(told) > 3) and told[2:] == [("insert", "vase"), ("ping", 9)], told
    assert c.db.ping.count() == 0
    s.close()
    assert c.db.counter.count() == 1 and len(told) == 4, told
    other.reducers.drop_item(c.db.item.filter(label="vase")[0].id)
    assert c.wait(20, lambda: len(told) > 4) and told[4:] == [("delete", "vase")], told
    same.close()
    assert c.db.counter.count() == 0 and c.db.item.count() == 0
    assert c.wait(0.05) is False
    for wrong in ("SELECT nothing FROM item", "secret", "SELECT * FROM item, counter"):
        try:
            c.subscribe(wrong)
            assert False, wrong
        except ValueError as error:
            pass
    c.reducers.nothing()
    again = connect(url, "game", token=c.token)
    assert again.identity == c.identity and again.connection_id != c.connection_id
    again.close()
    again.close()
    try:
        again.reducers.nothing()
        assert False
    except ConnectionLost:
        pass
for wrong in (dict(url="http://127.0.0.1:1", database="game"), dict(url=url, database="gaem"), dict(url=url, database="game", token="x")):
    try:
        connect(**wrong)
        assert False, wrong
    except ConnectionLost as error:
        print(error)
`);
});

test("in asyncio many tasks share a connection, and callbacks run in the loop", async () => {
  await python(`
import asyncio, threading
from orochi import ReducerError
from orochi.client import connect, ConnectionLost

async def main():
    told, threads = [], set()
    async with connect(url, "game") as c:
        @c.db.counter.on_update
        def changed(old, new):
            told.append(new.value)
            threads.add(threading.current_thread())
        s = await c.subscribe("SELECT * FROM counter WHERE id = 70")
        await c.reducers.count(70, 1)
        await asyncio.gather(*(c.reducers.count(70, 1) for _ in range(20)))
        assert c.db.counter.find(70).value == 21 and told == list(range(2, 22)), told
        assert threads == {threading.main_thread()}
        assert await c.wait(0.05) is False and await c.wait(5, lambda: told) is True
        for wrong in (c.reducers.set_name(""), c.call("bug")):
            try:
                await wrong
                assert False
            except ReducerError:
                pass
        try:
            c.reducers.nonsense
            assert False
        except AttributeError as error:
            assert "count" in str(error)
        assert len(await c.query("SELECT * FROM counter WHERE id = 70")) == 1
        assert (await c.sql("SELECT value FROM counter WHERE id = 70"))[0]["value"] == 21
        await s.close()
        assert c.db.counter.count() == 0
        waiting = asyncio.create_task(c.wait(60))
        await asyncio.sleep(0)
        token = c.token
    try:
        await waiting
        assert False
    except ConnectionLost:
        pass
    try:
        async with connect(url, "game", token=token) as c:
            c.db.counter.on_insert(lambda row: 1 / 0)
            await c.subscribe("counter")
        assert False
    except ZeroDivisionError:
        pass

asyncio.run(main())
`);
});

test("a client whose bindings are of another module is told so", async () => {
  await python(`
from orochi.client import _messages as messages
c = as_identity("bob").client
for data in (b"\\x01\\x02", b"\\x05\\0\\0\\0hello and more", b""):
    error = c._ask(lambda n: messages.call(n, "set_name", data)).error
    assert error.endswith("; are the client's bindings those of this module? \`orochi generate\` makes them"), error
assert "bindings" not in c._ask(lambda n: messages.call(n, "set_name", b"\\0\\0\\0\\0")).error
`);
});

test("orochi subscribe prints what there is, comes and goes", async () => {
  const child = keep(spawn(BINARY, ["subscribe", "--url", server.url, "--data", data, "SELECT * FROM item WHERE owner = 60"], { env: { ...process.env, ...env() } }));
  let text = "";
  child.stdout.setEncoding("utf8").on("data", more => (text += more));
  assert.equal((await run("call", "add_item", "60", "pan", "RED", '{"x": 0, "y": 0}', "[]")).text, "");
  const lines = () => text.split("\n").filter(line => line).map(line => JSON.parse(line));
  await until("the row is printed", () => lines().length === 1);
  const { id } = lines()[0].insert;
  assert.deepEqual(lines(), [{ table: "item", insert: { id, owner: 60, label: "pan", team: { RED: [] }, pos: { x: 0, y: 0 }, tags: [] } }]);
  assert.equal((await run("call", "drop_item", `${id}`)).text, "");
  await until("its end is printed", () => lines().length === 2);
  assert.equal(lines()[1].delete.label, "pan");
  child.kill("SIGINT");
  assert.ok([130, 0, null].includes(await child.closed));
  assert.equal((await run("subscribe", "-n", "1", "counter")).stdout.trimEnd().split("\n").length, 1);
  assert.equal((await run("subscribe", "--changes", "-n", "2", "counter")).stdout.trimEnd().split("\n").length, 2);
  const refused = await run("subscribe", "SELECT label FROM item");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /Column projections are not supported/);
});

test("views and procedures are seen, called and described as tables and reducers are", async () => {
  const at = await folder();
  await writeFile(join(at, "v.py"), `from dataclasses import dataclass
from orochi import *
@dataclass
class Answer:
    text: str
    n: u32
@table(public=True)
class Player:
    identity: PrimaryKey[Identity]
    name: str = ""
@reducer
def join(ctx: ReducerContext, name: str):
    ctx.db.player.upsert(Player(identity=ctx.sender, name=name))
@view(public=True)
def mine(ctx: ViewContext) -> list[Player]:
    return list(ctx.db.player.filter(identity=ctx.sender))
@procedure
def ask(ctx: ProcedureContext, question: str) -> Answer:
    return Answer(question.upper(), 7)
@procedure
def fails(ctx: ProcedureContext) -> u32:
    raise ReducerError("no", code="bad", data={"x": 1})
`);
  const other = await serve(join(at, "v.py")), ask = (command, ...words) => orochi([command, "--url", other.url, ...words], { env: env() });
  const { stdout } = await ask("describe");
  assert.match(stdout, /^v: 1 table, 1 view, 1 reducer, 2 procedures\n/);
  assert.match(stdout, /view mine \(public\)[^]*ask\(question: str\) -> Answer/);
  assert.equal((await ask("call", "ask", "hello")).stdout, '["HELLO",7]\n');
  assert.match((await ask("call", "fails")).stderr, /fails: bad: no\norochi: code: "bad"\norochi: data: \{"x": 1\}/);
  const told = await ask("shell", "-c", `
bob = as_identity("bob")
bob.call("join", "Bob")
call("join", "Ann")
assert [p.name for p in bob.db.mine.all()] == ["Bob"] and [p.name for p in db.mine.filter(name="Ann")] == ["Ann"]
assert call("ask", "why") == types.Answer("WHY", 7)
from orochi.client import connect
with connect("${other.url}", "v", token=bob.client.token) as c:
    c.subscribe("mine")
    assert [p.name for p in c.db.mine] == ["Bob"]
    c.reducers.join("Robert")
    assert c.wait(20, lambda: [p.name for p in c.db.mine] == ["Robert"])
    assert c.procedures.ask("hm").text == "HM"
    c.procedures.fails()
`);
  assert.deepEqual([told.code, told.stderr], [1, "ReducerError: bad: no\n"], told.text);
  await other.stop();
});

test("orochi shell reads a program from a pipe, and lines from a terminal", async () => {
  const piped = keep(spawn(BINARY, ["shell", "--url", server.url, "--data", data], { env: { ...process.env, ...env() } }));
  let text = "";
  piped.stdout.setEncoding("utf8").on("data", more => (text += more));
  piped.stdin.end("print(len(list(db.secret)))\n");
  await piped.closed;
  assert.equal(text, "1\n");
  const terminal = keep(spawn("script", ["-qec", `${BINARY} shell --url ${server.url} --data ${data}`, "/dev/null"],
    { env: { ...process.env, ...env(), HOME: config }, stdio: ["pipe", "pipe", "inherit"] }));
  let shown = "";
  terminal.stdout.setEncoding("utf8").on("data", more => (shown += more));
  await until("it is ready", () => />>> /.test(shown));
  terminal.stdin.write("db.secret.count() + 41\n");
  await until("it answers", () => /^42/m.test(shown));
  terminal.stdin.write("\x04");
  assert.equal(await terminal.closed, 0);
  assert.match(shown, /^game at http/m);
});

test("a client is not cut off for being silent, and sees a message of many frames", async () => {
  // What keeps it is that a thread of its own answers pings, which tests/py/test_client.py shows with no clock; here it is the real server.
  const quiet = await serve(module("game"), { flags: ["--memory", "--set", "net.ping_interval_s=1", "--set", "net.idle_timeout_s=5", "--set", "reducer.timeout_ms=60000"] });
  const ended = await orochi(["shell", "--url", quiet.url, "-c", `
import time
from orochi.client import connect
with connect("${quiet.url}", "game") as c:
    time.sleep(7)
    c.reducers.fill(10000, 3)
    c.subscribe("item")
    assert c.db.item.count() == 10000
    assert len(c.query("SELECT * FROM item")) == 10000
`], { env: env() });
  assert.equal(ended.code, 0, ended.text);
  await quiet.stop();
});
