// What was confirmed is there after a restart and after a kill -9; what was half done is not.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { bindings, connect, rows, subscribe } from "./lib/client.mjs";
import { cleanFolders, folder, module, serve, sql, until } from "./lib/server.mjs";

let game;
before(async () => (game = await bindings(module("game"))));
after(cleanFolders);

const start = (data, extra = []) => serve(module("game"), { flags: ["--data", data, ...extra] });

test("state, schedules and identities survive a restart", async () => {
  const data = await folder();
  let server = await start(data);
  const me = await connect(game, server, "game");
  await me.conn.reducers.setName({ name: "Ann" });
  await me.conn.reducers.addItem({ owner: 3, label: "kept", team: { tag: "Blue" }, pos: { x: 1, y: 2 }, tags: ["t"] });
  await me.conn.reducers.remindEvery({ text: "again", everyMs: 30 });
  assert.equal(await server.stop(), 0, server.output());

  server = await start(data);
  const again = await connect(game, server, "game", { token: me.token });
  assert.ok(again.identity.isEqual(me.identity));
  await subscribe(again, "SELECT * FROM user", "SELECT * FROM item", "SELECT * FROM note");
  const [item] = rows(again.conn.db.item);
  assert.equal(item.label, "kept");
  assert.deepEqual(item.pos, { x: 1, y: 2 });
  assert.equal(again.conn.db.user.identity.find(me.identity).name, "Ann");
  const before = rows(again.conn.db.note).length;
  await until("the interval goes on", () => rows(again.conn.db.note).length > before);
  await again.conn.reducers.addItem({ owner: 3, label: "new", team: { tag: "Red" }, pos: { x: 0, y: 0 }, tags: [] });
  const ids = rows(again.conn.db.item).map(i => i.id);
  assert.equal(new Set(ids).size, 2, "no id is given twice");
  assert.equal(await server.stop(), 0, server.output());
});

test("a kill -9 loses nothing that was confirmed, and clients are disconnected on start", async () => {
  const data = await folder();
  let server = await start(data);
  for (let round = 0; round < 3; round++) {
    const me = await connect(game, server, "game");
    await me.conn.reducers.setName({ name: `round ${round}` });
    let confirmed = 0, alive = true;
    const [old] = await sql(server, "game", "SELECT value FROM counter WHERE id = 1");
    const base = old?.value ?? 0;
    me.closed.then(() => (alive = false));
    const worker = async () => {
      while (alive) await me.conn.reducers.count({ id: 1, by: 1n }).then(() => confirmed++, () => (alive = false));
    };
    const load = Array.from({ length: 20 }, worker);
    await until("there is load", () => confirmed > 200);
    await server.kill();
    alive = false;
    void load;
    const acknowledged = confirmed;
    server = await start(data);
    const [{ value }] = await sql(server, "game", "SELECT value FROM counter WHERE id = 1");
    assert.ok(value >= base + acknowledged, `${value} >= ${base} + ${acknowledged}`);
    const users = await sql(server, "game", `SELECT * FROM user WHERE name = ''`).catch(() => []);
    void users;
    const online = await sql(server, "game", "SELECT online FROM user WHERE online = true");
    assert.equal(online.length, 1, "only the HTTP request that asks is online");
  }
  await server.stop();
});

test("the file opens with sqlite3 while the game runs", async () => {
  const data = await folder();
  const server = await start(data);
  const me = await connect(game, server, "game");
  await me.conn.reducers.addItem({ owner: 3, label: "in sql", team: { tag: "Blue" }, pos: { x: 1, y: 2 }, tags: ["t"] });
  const tables = execFileSync("sqlite3", [join(data, "game.db"), ".tables"], { encoding: "utf8" });
  assert.match(tables, /item/);
  await server.stop();
  const label = execFileSync("sqlite3", [join(data, "game.db"), "select label, owner from item"], { encoding: "utf8" });
  assert.equal(label.trim(), "in sql|3");
});

test("a second server on the same data is refused, and says so", async () => {
  const data = await folder();
  const server = await start(data);
  await assert.rejects(start(data), /\(4\)[\s\S]*(lock|in use|another)/i);
  await server.stop();
});

test("a @scheduled function that is taken out of the module is gone with its timer", async () => {
  const dir = await folder();
  const path = join(dir, "beats.py");
  const source = beats => `from orochi import PrimaryKey, reducer, scheduled, table, u32
@table(public=True)
class Count:
    id: PrimaryKey[u32]
@reducer
def add(ctx, id: u32):
    ctx.db.count.insert(id=id)
${beats ? "@scheduled(interval_ms=20)\ndef beat(ctx):\n    ctx.db.count.upsert(Count(id=9))\n" : ""}`;
  await writeFile(path, source(true));
  const flags = ["--data", join(dir, "data")];
  let server = await serve(path, { flags });
  await until("it beats", async () => (await sql(server, "beats", "SELECT * FROM count WHERE id = 9")).length === 1);
  assert.equal(await server.stop(), 0);
  await writeFile(path, source(false));
  server = await serve(path, { flags });
  assert.equal((await sql(server, "beats", "SELECT * FROM count")).length, 1, "the rest is there");
  assert.equal(await server.stop(), 0);
});

test("--delete-data starts empty, --memory keeps nothing", async () => {
  const data = await folder();
  let server = await start(data);
  const me = await connect(game, server, "game");
  await me.conn.reducers.writeNote({ text: "old" });
  await server.stop();
  server = await start(data, ["--delete-data"]);
  assert.deepEqual(await sql(server, "game", "SELECT text FROM note WHERE text = 'old'"), []);
  assert.equal((await sql(server, "game", "SELECT * FROM counter WHERE id = 0")).length, 1, "init ran again");
  await server.stop();
});
