// A new version of a module in a server that runs: what is exchanged, what stays, what is refused.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { bindings, connect, rows, subscribe } from "./lib/client.mjs";
import { Book, Client, random } from "./lib/crash.mjs";
import { call, cleanFolders, folder, module, orochi, serve, SLOW, sql, until } from "./lib/server.mjs";

after(cleanFolders);

const HEAD = `
from orochi import (AutoInc, Index, PrimaryKey, ReducerContext, ReducerError, Unique, client_connected, client_disconnected,
                    init, reducer, scheduled, table, i64, u32, u64)
`;
const ITEM = `
@table(public=True)
class Item:
    id: PrimaryKey[u32]
    name: str
`;
const put = name => `
@reducer
def put(ctx: ReducerContext, id: u32):
    ctx.db.item.insert(Item(id=id, name="${name}"))
`;

/** A server whose module's code can be changed: {write, reload, owner, ...}. */
async function live(code, { memory = false, workers = 2, flags = [], files = {} } = {}) {
  const dir = await folder(), data = await folder(), file = join(dir, "grow.py");
  const write = text => writeFile(file, HEAD + text);
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
  await write(code);
  const start = async () => {
    const where = memory ? ["--memory"] : ["--data", data];
    const server = await serve(file, { flags: [...where, "--workers", `${workers}`, ...flags] });
    const owner = memory ? "" : (await readFile(join(data, "owner.token"), "utf8")).trim();
    const reload = async (token = owner) => {
      const headers = token ? { authorization: `Bearer ${token}` } : {};
      const answer = await fetch(`${server.url}/v1/database/grow/reload`, { method: "POST", headers });
      return { status: answer.status, text: await answer.text() };
    };
    /** By SIGHUP, which the log answers. */
    const hangup = async () => {
      const count = () => server.output().match(/ reloaded in | was not reloaded/g)?.length ?? 0;
      const before = count();
      server.child.kill("SIGHUP");
      await until("the log says how it went", () => count() > before);
    };
    const select = query => sql(server, "grow", query);
    const ok = async (reducer, ...args) => {
      const answer = await call(server, "grow", reducer, args);
      assert.equal(answer.status, 200, await answer.text());
    };
    return { ...server, file, dir, data, write, owner, reload, hangup, select, ok, start };
  };
  return start();
}

const end = async s => assert.equal(await s.stop(), 0, s.output());

test("a client stays connected and subscribed, and sees what the new code does", async () => {
  const s = await live(ITEM + put("old"));
  const made = await bindings(s.file);
  const c = await connect(made, s, "grow");
  await subscribe(c, "SELECT * FROM item");
  let closed = false;
  c.closed.then(() => (closed = true));
  await c.conn.reducers.put({ id: 1 });
  await until("the first row", () => rows(c.conn.db.item).length === 1);
  await s.write(ITEM + put("new"));
  assert.equal((await s.reload()).status, 200);
  await c.conn.reducers.put({ id: 2 });
  await until("the second row", () => rows(c.conn.db.item).length === 2);
  assert.deepEqual(rows(c.conn.db.item).sort((a, b) => a.id - b.id).map(r => r.name), ["old", "new"]);
  assert.equal(closed, false);
  c.conn.disconnect();
  await c.closed;
  await end(s);
});

test("what cannot be imported is refused with file and line, and the old version serves on", async () => {
  const s = await live(ITEM + put("old"));
  for (const [code, pattern] of [
    ["def f(:\n", /Database update rejected: .*grow\.py:\d+: syntax error/],
    ["x = 1 / 0\n", /grow\.py:\d+: while importing: ZeroDivisionError/],
    ["@reducer\ndef other(ctx, what): pass\n@table\nclass Two:\n    a: PrimaryKey[u32]\n    b: PrimaryKey[u32]\n",
      /'what' needs a type[^]*two has 2 primary keys|two has 2 primary keys[^]*'what' needs a type/],
  ]) {
    await s.write(ITEM + put("new") + code);
    const { status, text } = await s.reload();
    assert.equal(status, 400, text);
    assert.match(text, pattern);
  }
  await s.ok("put", 1);
  assert.deepEqual(await s.select("SELECT * FROM item"), [{ id: 1, name: "old" }]);
  await until("the log says so", () => /the old version serves on: .*grow\.py:\d+: syntax error/.test(s.output()));
  await s.write(ITEM + put("new"));
  assert.equal((await s.reload()).status, 200);
  await s.ok("put", 2);
  assert.deepEqual((await s.select("SELECT * FROM item")).map(r => r.name), ["old", "new"]);
  await end(s);
});

test("only the owner may; the command does it with the token in the data folder", async () => {
  const s = await live(ITEM + put("old"));
  assert.equal((await s.reload("")).status, 403);
  const { token } = await (await fetch(`${s.url}/v1/identity`, { method: "POST" })).json();
  const { status, text } = await s.reload(token);
  assert.equal(status, 403);
  assert.match(text, /is not authorized to perform action/);
  await s.write(ITEM + put("new"));
  const done = await orochi(["reload", "--url", s.url, "--data", s.data]);
  assert.equal(done.code, 0, done.text);
  await s.ok("put", 1);
  assert.deepEqual(await s.select("SELECT * FROM item"), [{ id: 1, name: "new" }]);
  await s.write("def f(:");
  const refused = await orochi(["reload", "--url", s.url, "--token", s.owner]);
  assert.equal(refused.code, 1);
  assert.match(refused.text, /grow\.py:\d+: syntax error/);
  await end(s);
});

test("reducers come, go and change; a module in several files is imported as a whole", async () => {
  const s = await live("from helper import NAME\n" + ITEM + put("{NAME}").replace('"{NAME}"', "NAME"), { memory: true }).catch(e => e);
  assert.match(String(s), /helper/); // not there yet
  const t = await live(ITEM + put("old"), { memory: true });
  await t.ok("put", 1);
  await writeFile(join(t.dir, "helper.py"), 'NAME = "one"\n');
  const code = "from helper import NAME\n" + ITEM + put("x").replace('"x"', "NAME") +
    "\n@reducer\ndef rename(ctx: ReducerContext, id: u32, name: str):\n    ctx.db.item.update(ctx.db.item.id.find(id), name=name)\n";
  await t.write(code);
  await t.hangup();
  await t.ok("put", 2);
  await t.ok("rename", 1, "renamed");
  await writeFile(join(t.dir, "helper.py"), 'NAME = "another"\n');
  await t.hangup();
  await t.ok("put", 3);
  assert.deepEqual((await t.select("SELECT * FROM item")).map(r => r.name).sort(), ["another", "one", "renamed"]);
  await t.write(ITEM + "\n@reducer\ndef put(ctx: ReducerContext, id: u32, name: str):\n    ctx.db.item.insert(Item(id=id, name=name))\n");
  await t.hangup();
  assert.equal((await call(t, "grow", "rename", [1, "again"])).status, 404);
  assert.equal((await call(t, "grow", "put", [4])).status, 400);
  await t.ok("put", 4, "by two");
  const schema = await (await fetch(`${t.url}/v1/database/grow/schema?version=9`)).json();
  assert.deepEqual(schema.reducers.map(r => r.name), ["put"]);
  await end(t);
});

test("a reducer in flight ends on the old version, and calls that wait run on the new one", async () => {
  const slow = name => ITEM + `
@reducer(timeout_ms=60000)
def put(ctx: ReducerContext, id: u32):
    for i in range(${name === "old" ? 20_000_000 : 1}): pass
    ctx.db.item.insert(Item(id=id, name="${name}"))
`;
  const s = await live(slow("old"), { workers: 1 });
  const c = await connect(await bindings(s.file), s, "grow");
  const first = c.conn.reducers.put({ id: 1 }), second = c.conn.reducers.put({ id: 2 });
  await s.write(slow("new"));
  const done = await s.reload();
  assert.equal(done.status, 200, done.text);
  await Promise.all([first, second]);
  const names = (await s.select("SELECT * FROM item")).sort((a, b) => a.id - b.id).map(r => r.name);
  assert.ok(["old,new", "old,old", "new,new"].includes(names.join()), names.join()); // by when it came
  c.conn.disconnect();
  await c.closed;
  await end(s);
});

test("timers are armed anew: a changed interval counts at once", async () => {
  const beat = ms => ITEM + `
@scheduled(interval_ms=${ms}, delay_ms=${ms})
def beat(ctx: ReducerContext):
    ctx.db.item.insert(Item(id=ctx.db.item.count() + 1, name="${ms}"))
`;
  const s = await live(beat(3_600_000));
  await s.write(beat(20));
  assert.equal((await s.reload()).status, 200);
  await until("it beats", async () => (await s.select("SELECT * FROM item")).length >= 3);
  await s.write(beat(3_600_000));
  assert.equal((await s.reload()).status, 200);
  const n = (await s.select("SELECT * FROM item")).length;
  await new Promise(done => setTimeout(done, 200));
  assert.equal((await s.select("SELECT * FROM item")).length, n);
  await end(s);
});

test("with --watch a change of a file is enough", async () => {
  const s = await live("import helper\n" + ITEM + put("x").replace('"x"', "helper.NAME"), { flags: ["--watch"], files: { "helper.py": 'NAME = "one"\n' } });
  await s.ok("put", 1);
  await writeFile(join(s.dir, "helper.py"), 'NAME = "two\n');
  await until("it was refused", () => /helper\.py:1: syntax error/.test(s.output()));
  await s.ok("put", 2);
  await writeFile(join(s.dir, "helper.py"), 'NAME = "three"\n');
  await until("it was taken", () => /reloaded in/.test(s.output()));
  await s.ok("put", 3);
  assert.deepEqual((await s.select("SELECT * FROM item")).sort((a, b) => a.id - b.id).map(r => r.name), ["one", "one", "three"]);
  await end(s);
});

// ---- tables ----

const other = `
@table(public=True)
class Other:
    id: PrimaryKey[u32]

@reducer
def put_other(ctx: ReducerContext, id: u32):
    ctx.db.other.insert(Other(id=id))
`;
const make = columns => `
@table(public=True)
class Item:
    id: PrimaryKey[AutoInc[u32]]
    name: str
${columns}
@reducer
def make(ctx: ReducerContext, name: str):
    ctx.db.item.insert(Item(id=0, name=name))
`;

for (const memory of [false, true]) {
  const where = memory ? "in memory" : "on disk";

  test(`a new table keeps clients, and a new column has them come again; rows have its default (${where})`, async () => {
    const s = await live(make(""), { memory });
    const reload = memory ? s.hangup : async () => assert.equal((await s.reload()).status, 200, s.output());
    await s.ok("make", "a");
    const c = await connect(await bindings(s.file), s, "grow");
    await subscribe(c, "SELECT * FROM item", "SELECT * FROM item WHERE id = 1", "SELECT * FROM item WHERE name = 'b'");
    let closed = false;
    c.closed.then(() => (closed = true));

    await s.write(other + make(""));
    await reload();
    await s.ok("put_other", 5);
    await s.ok("make", "b");
    await until("the row comes", () => rows(c.conn.db.item).length === 2);
    assert.deepEqual(rows(c.conn.db.item).map(r => [r.id, r.name]).sort(), [[1, "a"], [2, "b"]]);
    assert.equal(closed, false);

    await s.write(other + make("    level: u32 = 7\n    tags: list[str] = []\n"));
    await reload();
    await c.closed;
    const again = await connect(await bindings(s.file), s, "grow");
    await subscribe(again, "SELECT * FROM item");
    assert.deepEqual(rows(again.conn.db.item).map(r => [r.id, r.level, r.tags.length]).sort(), [[1, 7, 0], [2, 7, 0]]);
    await s.ok("make", "c");
    await until("the row comes", () => rows(again.conn.db.item).some(r => r.id === 3));
    assert.deepEqual(await s.select("SELECT * FROM other"), [{ id: 5 }]);
    again.conn.disconnect();
    await again.closed;
    await until("both clients have left", async () => (await s.select("SELECT * FROM item")).length === 3);
    await end(s);
    if (memory) return;
    const t = await s.start();
    assert.deepEqual((await t.select("SELECT * FROM item")).map(r => [r.id, r.level]).sort(), [[1, 7], [2, 7], [3, 7]]);
    await end(t);
  });

  test(`a refused migration lists every reason and changes nothing (${where})`, async () => {
    // A column that holds nothing but its default could be taken back: these rows have another value.
    const raise = `
@reducer
def raise_level(ctx: ReducerContext, id: u32):
    ctx.db.item.id.update(ctx.db.item.get(id), level=8)
`;
    const s = await live(other + make("    level: u32 = 7\n") + raise, { memory });
    await s.ok("make", "a");
    await s.ok("make", "b");
    await s.ok("raise_level", 1);
    await s.ok("raise_level", 2);
    await s.ok("put_other", 1);
    const c = await connect(await bindings(s.file), s, "grow");
    await subscribe(c, "SELECT * FROM item");
    const refused = async (code, ...patterns) => {
      await s.write(code);
      let said;
      if (memory) {
        const before = s.output().length;
        await s.hangup();
        said = s.output().slice(before);
        assert.match(said, /the old version serves on/);
      } else {
        const { status, text } = await s.reload();
        assert.equal(status, 400, text);
        assert.match(text, /^Database update rejected: /);
        said = text;
      }
      for (const pattern of patterns) assert.match(said, pattern);
    };
    await refused(make("    fresh: u32\n"), /Removing a column level from table item/, /Adding a column fresh to table item requires a default/,
      /Cannot remove table `other`: table contains data \(1 rows\)/);
    await refused(other + make("    level: str = ''\n"), /Changing the type of column level in table item from U32 to String/);
    await refused(other + make("    level: Unique[u32] = 7\n"), /Unique constraint violation.*item/);
    await s.ok("make", "c");
    await until("the client is still there", () => rows(c.conn.db.item).length === 3);
    assert.equal((await s.select("SELECT * FROM other")).length, 1);
    c.conn.disconnect();
    await c.closed;
    await end(s);
  });
}

test("a view that is a query is followed behind versions in which only code has changed", async () => {
  const code = body => `
from dataclasses import dataclass
from orochi import AnonymousViewContext, Query, count, query, sum_, view
${ITEM}${put("x")}
@dataclass
class Total:
    n: u64
    ids: u64 | None

@view
def total(ctx: AnonymousViewContext) -> Query[Total]:
    ${body}
    return query(Item).agg(n=count(), ids=sum_('id'))
`;
  const s = await live(code("pass"));
  await s.write(code("print('two')"));
  assert.equal((await s.reload()).status, 200);
  const client = await connect(await bindings(s.file), s, "grow");
  await subscribe(client, "SELECT * FROM total");
  await s.ok("put", 1);
  await s.write(code("raise RuntimeError('three')"));
  assert.equal((await s.reload()).status, 200);
  await until("its code was asked again", () => /RuntimeError: three/.test(s.output()));
  await s.ok("put", 20);
  await s.ok("put", 300);
  await until("it has both", () => rows(client.conn.db.total).map(t => Number(t.ids)).join() === "321");
  client.conn.disconnect();
  await end(s);
});

test("clients that a change of columns disconnects are said good-bye to by the new version, and come again", async () => {
  const code = (columns, version) => make(columns) + `
@table
class Seen:
    id: PrimaryKey[AutoInc[u32]]
    what: str

@client_connected
def connected(ctx: ReducerContext):
    ctx.db.seen.insert(Seen(id=0, what="hello ${version}"))

@client_disconnected
def disconnected(ctx: ReducerContext):
    ctx.db.seen.insert(Seen(id=0, what="good-bye ${version}"))
`;
  const s = await live(code("", 1));
  const made = await bindings(s.file);
  const clients = await Promise.all([1, 2, 3].map(() => connect(made, s, "grow")));
  await s.write(code("    level: u32 = 7\n", 2));
  const done = await s.reload();
  assert.match(done.text, /table `item`: column `level` added; clients were disconnected/);
  await Promise.all(clients.map(c => c.closed));
  await s.write(code("    level: u32 = 7\n", 3).replace("@table\nclass Seen", "@table(public=True)\nclass Seen")); // to look
  await until("three were said good-bye to", async () =>
    (await orochi(["reload", "--url", s.url, "--data", s.data])).code === 0 &&
    (await s.select("SELECT * FROM seen")).filter(r => r.what === "good-bye 2").length === 3);
  assert.equal((await s.select("SELECT * FROM seen")).filter(r => r.what === "hello 1").length, 3);
  await end(s);
});

test("subscriptions are moved to the new tables as they are: to everything, to one's own, with another's, and ended later", async () => {
  const owned = `
from orochi import Identity
@table(public=True)
class Thing:
    id: PrimaryKey[AutoInc[u32]]
    owner: Index[Identity]
    name: str

@reducer
def mine(ctx: ReducerContext, name: str):
    ctx.db.thing.insert(Thing(id=0, owner=ctx.sender, name=name))
`;
  const s = await live(owned);
  const made = await bindings(s.file);
  const [a, b, all] = await Promise.all([1, 2, 3].map(() => connect(made, s, "grow")));
  const handle = await subscribe(a, "SELECT * FROM thing WHERE owner = :sender");
  await subscribe(b, "SELECT * FROM thing WHERE owner = :sender");
  await subscribe(all, "SELECT * FROM *");
  const both = name => Promise.all([a, b].map(c => c.conn.reducers.mine({ name })));
  const names = c => rows(c.conn.db.thing).map(r => r.name).sort().join();
  await both("one");
  for (const extra of [other, "", other]) {
    await s.write(owned + extra);
    const done = await s.reload();
    assert.equal(done.status, 200, done.text);
    assert.match(done.text, extra ? /added/ : /removed; clients were disconnected/);
    if (!extra) break;
    await both("two");
    await until("each sees his own, and one everybody's", () =>
      names(a) === "one,two" && names(b) === "one,two" && names(all) === "one,one,two,two");
    await new Promise(done => { handle.unsubscribeThen(done); });
    await both("three");
    await until("he sees no more, the others do", () => names(a) === "" && names(b) === "one,three,two" && rows(all.conn.db.thing).length === 6);
  }
  await Promise.all([a, b, all].map(c => c.closed)); // a public table went
  await end(s);
});

test("a subscription to a table that turns private costs its client the connection", async () => {
  const s = await live(other + make(""));
  const made = await bindings(s.file);
  const [a, b] = await Promise.all([connect(made, s, "grow"), connect(made, s, "grow")]);
  await subscribe(a, "SELECT * FROM item");
  await subscribe(b, "SELECT * FROM other");
  let closed = false;
  b.closed.then(() => (closed = true));
  await s.write(other + make("").replace("(public=True)", ""));
  assert.equal((await s.reload()).text, "table `item` is private\n");
  await a.closed;
  await s.ok("put_other", 1);
  await until("the row comes", () => rows(b.conn.db.other).length === 1);
  assert.equal(closed, false);
  b.conn.disconnect();
  await b.closed;
  await end(s);
});

for (const memory of [false, true]) {
  test(`a function that runs once does so when it comes, and not at each reload (${memory ? "in memory" : "on disk"})`, async () => {
    const once = name => `
@scheduled(delay_ms=10, repeating=False)
def ${name}(ctx: ReducerContext):
    ctx.db.item.insert(Item(id=ctx.db.item.count() + 1, name="${name}"))
`;
    const s = await live(ITEM + once("first"), { memory });
    const names = async () => (await s.select("SELECT * FROM item")).map(r => r.name).sort().join();
    await until("the first has run", async () => (await names()) === "first");
    await s.write(ITEM + once("first") + once("second"));
    await s.hangup();
    await until("the second has run", async () => (await names()) === "first,second");
    await s.write(ITEM + once("first") + once("second") + other);
    await s.hangup();
    await s.write(ITEM + once("second") + put("by hand"));
    await s.hangup();
    await s.ok("put", 9);
    assert.equal(await names(), "by hand,first,second");
    await end(s);
  });
}

// ---- under load ----

test("twenty reloads under load lose no confirmed transfer, and no client", async () => {
  const dir = await folder(), data = await folder(), file = join(dir, "ledger.py");
  const original = await readFile(module("ledger"), "utf8");
  await writeFile(file, original);
  const server = await serve(file, { flags: ["--data", data, "--workers", "2"] });
  const token = (await readFile(join(data, "owner.token"), "utf8")).trim();
  const rng = random(7), book = new Book();
  const clients = Array.from({ length: 4 }, (_, id) => new Client(server, id, 0, rng, { protocol: id % 2 ? "v3" : "v2", flight: 10 }));
  const many = () => clients.reduce((n, c) => n + c.confirmed.length, 0);
  await until("they transfer", () => many() > 100);
  let tables = "";
  for (let i = 0; i < 20; i++) {
    if (i % 4 === 3) tables += `\n@table(public=True)\nclass Extra${i}:\n    id: PrimaryKey[u32]\n`;
    await writeFile(file, `${original}${tables}\nVERSION = ${i}\n`);
    const answer = await fetch(`${server.url}/v1/database/ledger/reload`, { method: "POST", headers: { authorization: `Bearer ${token}` } });
    assert.equal(answer.status, 200, await answer.text());
    const before = many();
    await until("they go on", () => many() > before + 20);
    for (const c of clients) assert.equal(c.socket.readyState, 1, server.output());
  }
  for (const c of clients) c.stopped = true;
  await until("all are answered", () => clients.every(c => c.error || c.confirmed.length === c.sent.length));
  assert.equal(await server.kill(), null); // what was confirmed is on disk
  for (const c of clients) await c.closed;
  const again = await serve(file, { flags: ["--data", data, "--workers", "2"] });
  await book.check(again, clients, 0);
  assert.equal(await again.stop(), 0, again.output());
});

const resident = async server => Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${server.child.pid}/status`, "utf8"))[1]);

test("a reload leaves no memory behind", { skip: !!process.env.OROCHI_SLOW }, async () => {
  const code = i => `${ITEM}${put(`version ${i}`)}BALLAST = [str(i) * 20 for i in range(20_000)]\n`; // about 4 MB
  const s = await live(code(0));
  let before;
  for (let i = 1; i <= 40; i++) {
    await s.write(code(i) + (i % 5 === 0 ? `\n@table\nclass Extra:\n    id: PrimaryKey[u32]\n` : ""));
    assert.equal((await s.reload()).status, 200);
    await s.ok("put", i);
    if (i === 10) before = await resident(s);
  }
  const each = ((await resident(s)) - before) / 30;
  assert.ok(each < 1024, `${each} KiB for each reload`);
  await end(s);
});

test("killed within a migration, the data is of the old version or of the new one", async () => {
  const dir = await folder(), data = await folder(), file = join(dir, "grow.py");
  const code = n => HEAD + make([...Array(n)].map((_, i) => `    c${i}: u32 = ${i}\n`).join(""));
  await writeFile(file, code(0));
  const flags = ["--data", data, "--workers", "1"];
  const rng = random(3);
  let rows = 0;
  for (let round = 1; round <= 12; round++) {
    const s = await serve(file, { flags });
    const token = (await readFile(join(data, "owner.token"), "utf8")).trim();
    const found = await sql(s, "grow", "SELECT * FROM item");
    assert.equal(found.length, rows);
    for (const row of found) for (let i = 0; i < round - 1; i++) assert.equal(row[`c${i}`], i);
    for (let i = 0; i < 20; i++) {
      assert.equal((await call(s, "grow", "make", [`${round} ${i}`])).status, 200);
      rows++;
    }
    await writeFile(file, code(round));
    const asked = fetch(`${s.url}/v1/database/grow/reload`, { method: "POST", headers: { authorization: `Bearer ${token}` } });
    await Promise.race([asked.catch(() => {}), new Promise(done => setTimeout(done, rng.below(40 * SLOW)))]);
    await s.kill();
    await asked.catch(() => {});
  }
});

test("an import that does not end is interrupted, and meanwhile the others serve", { skip: !process.env.OROCHI_LONG }, async () => {
  const s = await live(ITEM + put("old"));
  await s.write(ITEM + put("new") + "while True: pass\n");
  const asked = s.reload();
  await s.ok("put", 1);
  const { status, text } = await asked; // after 30 s
  assert.equal(status, 400);
  assert.match(text, /grow\.py:\d+: while importing: .*ReducerTimeout/);
  await s.ok("put", 2);
  await end(s);
});
