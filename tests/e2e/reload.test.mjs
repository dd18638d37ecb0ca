// A new version of a module in a server that runs: what is exchanged, what stays, what is refused.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { bindings, connect, rows, subscribe } from "./lib/client.mjs";
import { call, cleanFolders, folder, orochi, serve, sql, until } from "./lib/server.mjs";

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
async function live(code, { memory = false, workers = 2, flags = [] } = {}) {
  const dir = await folder(), data = await folder(), file = join(dir, "grow.py");
  const write = text => writeFile(file, HEAD + text);
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
  assert.match(s.output(), /the old version serves on: .*grow\.py:\d+: syntax error/);
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
