// Rows of scheduled tables against the rules of docs/semantics.md#schedules.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { call, cleanFolders, folder, module, serve, sql, timed, until } from "./lib/server.mjs";

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
  for (let i = 0; i < 3; i++) await ok(call(server, "busy", "arm", ["works", 1]));
  await until("they run", async () => (await of("works")) > 3);
  const { ms } = await timed(async () => {
    for (let i = 0; i < 10; i++) await ok(call(server, "busy", "put", ["beside", 1]));
  });
  assert.ok(ms < 10_000, `${ms} ms for ten calls`);
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

test("one-shot rows: gone after the run, also when it failed; kept when it moved itself or became an interval", async () => {
  const failures = () => server.output().match(/RuntimeError: each time/g)?.length ?? 0;
  const before = failures();
  await ok(call(server, "busy", "arm_once", ["fails", 10]));
  await ok(call(server, "busy", "arm_once", ["postpones itself", 10]));
  await ok(call(server, "busy", "arm_once", ["writes itself as it was", 10]));
  await ok(call(server, "busy", "arm_once", ["becomes one that repeats", 10]));
  await until("it repeats", async () => (await of("repeats now")) >= 3);
  assert.equal(failures() - before, 1, "no second try");
  await until("what moved itself has run again, and then gone", async () => (await of("postpones itself")) === 3);
  assert.equal(await of("writes itself as it was"), 1);
  assert.equal(await of("becomes one that repeats"), 1);
  await ok(call(server, "busy", "disarm", []));
});

test("an interval that becomes a time runs once more, at that time", async () => {
  await ok(call(server, "busy", "arm", ["becomes one that does not repeat", 10_000]));
  await until("it ran for the second time", async () => (await of("becomes one that does not repeat")) === 2);
  await rest(200);
  assert.equal(await of("becomes one that does not repeat"), 2);
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

// ---- runs that could not start on time: the first of each function takes as long as five beats ----

const BEAT = 100; // ms
const late = missed => `
import time
from orochi import AutoInc, PrimaryKey, ReducerContext, Timestamp, scheduled, table, u32

@table(public=True)
class Run:
    n: PrimaryKey[AutoInc[u32]]
    at: Timestamp

@scheduled(interval_ms=${BEAT}, missed="${missed}")
def beat(ctx: ReducerContext):
    if ctx.db.run.count() == 0:
        end = time.monotonic() + ${5.5 * BEAT / 1000}
        while time.monotonic() < end:
            pass
    ctx.db.run.insert(Run(n=0, at=ctx.timestamp))
`;

/** Milliseconds after the first run, of those that began up to now. */
async function runs(s) {
  const rows = (await sql(s, "late", "SELECT * FROM run")).sort((a, b) => a.n - b.n);
  const at = rows.map(row => Number(Object.values(Object(row.at))[0] ?? row.at) / 1000);
  return at.map(t => t - at[0]);
}

async function beats(missed, look) {
  const file = join(await folder(), "late.py");
  await writeFile(file, late(missed));
  const s = await serve(file, { flags: ["--memory", "--workers", "1"] });
  await look(s);
  assert.equal(await s.stop(), 0, s.output());
}

test('missed="all": each beat runs, if late, until the grid is met again', () =>
  beats("all", s => until("the n-th run starts within the n-th beat again", async () => {
    const at = await runs(s);
    return at.length > 7 && at.some((t, n) => n > 6 && t < (n + 1) * BEAT);
  })));

test('missed="skip": one run for all beats that were missed, and then on the grid', () =>
  beats("skip", async s => {
    await until("it beats", async () => (await runs(s)).length > 8);
    const at = await runs(s);
    at.forEach((t, n) => n > 0 && assert.ok(t >= (n + 4) * BEAT, `run ${n} at ${t} ms`)); // four beats at least are gone
  }));

test('missed="delay": the next run starts one interval after the end of this one', () =>
  beats("delay", async s => {
    await until("it beats", async () => (await runs(s)).length > 5);
    const at = await runs(s);
    assert.ok(at[1] >= 6.5 * BEAT, `${at[1]} ms after a run of ${5.5 * BEAT}`);
    at.forEach((t, n) => n > 1 && assert.ok(t - at[n - 1] >= BEAT, `${at}`));
  }));
