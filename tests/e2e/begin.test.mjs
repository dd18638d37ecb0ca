// The beginning of data: init that fails, that takes long, that is killed; files of an earlier format; sequences that come later.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, test } from "node:test";
import { call, cleanFolders, folder, module, serve, sql, until } from "./lib/server.mjs";

after(cleanFolders);

const FIXTURES = join(dirname(fileURLToPath(import.meta.url)), "fixtures");

const world = body => `from orochi import AutoInc, PrimaryKey, init, reducer, scheduled, table, u32, u64
@table(public=True)
class Tile:
    id: PrimaryKey[AutoInc[u64]]
    n: u32
@table(public=True)
class Seen:
    id: PrimaryKey[u32]
@scheduled(delay_ms=1, repeating=False)
def once(ctx):
    ctx.db.seen.insert(id=1)
@init
def setup(ctx):
${body}
`;

test("an init that failed runs again, whatever it left behind", async () => {
  const dir = await folder(), path = join(dir, "world.py"), flags = ["--data", join(dir, "data")];
  const bad = "    for i in range(10): ctx.db.tile.insert(id=0, n=i)\n    raise ValueError('not yet')";
  await writeFile(path, world(bad));
  for (let i = 0; i < 2; i++)
    await assert.rejects(serve(path, { flags }), /\(1\)[\s\S]*not yet[\s\S]*init failed[\s\S]*runs again at the next start/);
  await writeFile(path, world(bad.replace(/\n.*raise.*/, "")));
  let server = await serve(path, { flags });
  assert.equal((await sql(server, "world", "SELECT id FROM tile")).length, 10);
  await until("what runs once has run", async () => (await sql(server, "world", "SELECT id FROM seen")).length === 1);
  await server.kill();
  server = await serve(path, { flags });
  assert.equal((await sql(server, "world", "SELECT id FROM tile")).length, 10, "and not once more");
  assert.equal(await server.stop(), 0);
});

test("an init that stores nothing has run as well", async () => {
  const dir = await folder(), path = join(dir, "world.py"), flags = ["--data", join(dir, "data")];
  await writeFile(path, world("    pass"));
  await (await serve(path, { flags })).kill();
  await writeFile(path, world("    raise ValueError('again')"));
  const server = await serve(path, { flags });
  assert.equal(await server.stop(), 0);
});

test("init has a time limit of its own", async () => {
  const dir = await folder(), path = join(dir, "world.py");
  await writeFile(path, world("    while True: pass"));
  await assert.rejects(serve(path, { flags: ["--memory", "--set", "reducer.timeout_ms=50", "--set", "reducer.init_timeout_ms=300"] }), /init failed/);
  const busy = "    from time import monotonic as now\n    end = now() + 0.4\n    while now() < end: pass";
  await writeFile(path, world(busy));
  const server = await serve(path, { flags: ["--memory", "--set", "reducer.timeout_ms=50"] });
  assert.equal(await server.stop(), 0, server.output());
});

test("data of format 3 is read, and brought to the newest", async () => {
  const dir = await folder();
  execFileSync("tar", ["xzf", join(FIXTURES, "format3.tgz"), "-C", dir]);
  for (const how of ["stop", "kill"]) {
    const start = () => serve(module("ledger"), { flags: ["--data", join(dir, how)] });
    const lines = async server => (await sql(server, "ledger", "SELECT number FROM line")).length;
    let server = await start();
    assert.match(server.output(), /from format 3 to/);
    assert.equal(await lines(server), 3);
    assert.equal((await sql(server, "ledger", "SELECT id FROM account")).length, 200, "init did not run again");
    assert.equal((await call(server, "ledger", "transfer", [9, 1, 0, 1, 5])).status, 200);
    await server.kill();
    server = await start();
    assert.doesNotMatch(server.output(), /from format/);
    assert.equal(await lines(server), 4);
    assert.equal(await server.stop(), 0);
  }
});

const things = (id, extra = "") => `from orochi import AutoInc, PrimaryKey, reducer, table, u32, u64
@table(public=True)
class Thing:
    id: ${id}
    n: u32
@reducer
def add(ctx, id: u64, n: u32):
    ctx.db.thing.insert(id=id, n=n)
${extra}`;

test("AutoInc that is added goes on above the values that are there, by a restart and by a reload", async () => {
  for (const how of ["restart", "reload"]) {
    const dir = await folder(), path = join(dir, "things.py"), flags = ["--data", join(dir, "data")];
    await writeFile(path, things("PrimaryKey[u64]"));
    let server = await serve(path, { flags });
    for (const id of [1, 2, 700]) assert.equal((await call(server, "things", "add", [id, 1])).status, 200);
    await writeFile(path, things("PrimaryKey[AutoInc[u64]]"));
    if (how === "reload") {
      server.child.kill("SIGHUP");
      await until("it is reloaded", () => /reloaded in/.test(server.output()));
    } else {
      assert.equal(await server.stop(), 0);
      server = await serve(path, { flags });
    }
    for (let i = 0; i < 2; i++) assert.equal((await call(server, "things", "add", [0, 2])).status, 200);
    const ids = (await sql(server, "things", "SELECT id FROM thing WHERE n = 2")).map(row => Number(row.id)).sort();
    assert.deepEqual(ids, [701, 702], how);
    await server.kill();
    server = await serve(path, { flags });
    assert.equal((await call(server, "things", "add", [0, 3])).status, 200);
    const [{ id }] = await sql(server, "things", "SELECT id FROM thing WHERE n = 3");
    assert.ok(Number(id) > 702, `${id} after a crash`);
    assert.equal(await server.stop(), 0);
    await rm(dir, { recursive: true });
  }
});
