// Rows of scheduled tables against the rules of spec/semantics.md 5.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { call, cleanFolders, folder, module, serve, sql, until } from "./lib/server.mjs";

let server;
before(async () => (server = await serve(module("busy"), { flags: ["--memory", "--workers", "1"] })));
after(async () => {
  assert.equal(await server.stop(), 0, server.output());
  await cleanFolders();
});

const ok = async answer => assert.equal((await answer).status, 200);
const of = async name => (await sql(server, "busy", `SELECT n FROM tally WHERE name = '${name}'`))[0]?.n ?? 0;
const rest = ms => new Promise(done => setTimeout(done, ms));

test("timers that are always due do not starve clients", async () => {
  for (let i = 0; i < 3; i++) await ok(call(server, "busy", "arm", ["works", 0]));
  await until("they run", async () => (await of("works")) > 3);
  const begin = Date.now();
  for (let i = 0; i < 10; i++) await ok(call(server, "busy", "put", ["beside", 1]));
  assert.ok(Date.now() - begin < 10_000, `${Date.now() - begin} ms for ten calls`);
  await ok(call(server, "busy", "disarm", []));
});

test("an interval that fails goes on, and one that deletes its row stops", async () => {
  await ok(call(server, "busy", "arm", ["fails", 20_000]));
  await until("it was tried again", () => (server.output().match(/RuntimeError: each time/g)?.length ?? 0) >= 3);
  assert.equal(await of("fails"), 0, "nothing of a failed run stays");
  await ok(call(server, "busy", "disarm", []));
  await ok(call(server, "busy", "arm", ["deletes itself", 10_000]));
  await until("it ran", async () => (await of("deletes itself")) === 1);
  await rest(200);
  assert.equal(await of("deletes itself"), 1);
});

test("one-shot rows: gone after the run, also when it failed or moved itself; kept when it became an interval", async () => {
  const failures = () => server.output().match(/RuntimeError: each time/g)?.length ?? 0;
  const before = failures();
  await ok(call(server, "busy", "arm_once", ["fails", 10]));
  await ok(call(server, "busy", "arm_once", ["postpones itself", 10]));
  await ok(call(server, "busy", "arm_once", ["becomes one that repeats", 10]));
  await until("it repeats", async () => (await of("repeats now")) >= 3);
  assert.equal(failures() - before, 1, "no second try");
  assert.equal(await of("postpones itself"), 1);
  assert.equal(await of("becomes one that repeats"), 1);
  await ok(call(server, "busy", "disarm", []));
});

test("an interval that changes its own row waits for the new time", async () => {
  await ok(call(server, "busy", "arm", ["slows down", 10_000]));
  await until("it ran", async () => (await of("slows down")) === 1);
  await rest(200);
  assert.equal(await of("slows down"), 1);
  await ok(call(server, "busy", "disarm", []));
});

test("a one-shot function runs once in the life of the data, and also when it is new to old data", async () => {
  const data = await folder(), file = join(await folder(), "grow.py");
  const head = "from orochi import PrimaryKey, ReducerContext, scheduled, table, u32\n\n@table(public=True)\nclass Run:\n" +
    "    name: PrimaryKey[str]\n    n: u32 = 0\n\ndef note(ctx, name):\n    row = ctx.db.run.find(name) or ctx.db.run.insert(name=name)\n" +
    "    ctx.db.run.update(row, n=row.n + 1)\n";
  const once = name => `\n@scheduled(delay_ms=10, repeating=False)\ndef ${name}(ctx: ReducerContext):\n    note(ctx, "${name}")\n`;
  const every = ms => `\n@scheduled(interval_ms=${ms})\ndef beat(ctx: ReducerContext):\n    note(ctx, "beat")\n`;
  const run = async (code, look) => {
    await writeFile(file, head + code);
    const s = await serve(file, { flags: ["--data", data] });
    const n = async () => Object.fromEntries((await sql(s, "grow", "SELECT * FROM run")).map(row => [row.name, row.n]));
    await look(n);
    assert.equal(await s.stop(), 0, s.output());
  };
  await run(once("first") + every(3_600_000), n => until("first has run", async () => (await n()).first === 1));
  await run(once("first") + once("second") + every(20), async n => {
    await until("second has run, and the interval is the new one", async () => (await n()).second === 1 && (await n()).beat >= 2);
    assert.equal((await n()).first, 1);
  });
});
