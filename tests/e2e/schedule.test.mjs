// ctx.schedule and ctx.cancel, cron, and what a start and a reload do to them (docs/semantics.md#schedules).

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { call, cleanFolders, folder, module, serve, sql, until } from "./lib/server.mjs";

after(cleanFolders);

const NAME = "schedules";
const ok = async answer => assert.equal((await answer).status, 200);
const ask = (s, ...args) => ok(call(s, NAME, ...args));
const notes = async (s, what) => (await sql(s, NAME, `SELECT * FROM note WHERE what = '${what}'`)).length;
/** As the owner, who sees the server's own tables. */
async function own(s, query) {
  const answer = await fetch(`${s.url}/v1/database/${NAME}/sql`, { method: "POST", body: query, headers: { authorization: `Bearer ${s.owner}` } });
  assert.equal(answer.status, 200, await answer.clone().text());
  return (await answer.json())[0].rows;
}
const pending = s => own(s, "SELECT scheduled_id, function, cron FROM st_scheduled_call");
const phases = async s => (await own(s, "SELECT * FROM st_phase")).sort();
/** Runs look with a server over the data, and ends that. */
async function running(data, look, end = "stop", file = module(NAME)) {
  const s = await serve(file, { flags: ["--data", data] });
  s.owner = (await readFile(join(data, "owner.token"), "utf8")).trim();
  try {
    await look(s);
  } catch (error) {
    error.message += `\n${s.output()}`;
    throw error;
  }
  const status = await s[end]();
  if (end === "stop") assert.equal(status, 0, s.output());
}

test("a call that is scheduled comes once, with its arguments, and its row goes", async () =>
  running(await folder(), async s => {
    await ask(s, "later", ["one", 0.05, 0]);
    await until("it came", async () => (await notes(s, "one")) === 1);
    assert.deepEqual(await pending(s), []);
    await ask(s, "later", ["fails", 0.05, 0]);
    await until("it failed", () => s.output().includes("as it should"));
    await until("its row went", async () => (await pending(s)).length === 0);
    assert.equal(await notes(s, "fails"), 0);
    assert.equal(await notes(s, "one"), 1);
  }));

test("what is cancelled, rolled back or wrong does not come", async () =>
  running(await folder(), async s => {
    await ask(s, "later", ["far", 3600, 0]);
    assert.equal((await pending(s)).length, 1);
    await ask(s, "cancel", ["far"]);
    assert.deepEqual(await pending(s), []);
    await ask(s, "cancel", ["far"]);
    assert.equal(await notes(s, "far cancelled: True"), 1);
    assert.equal(await notes(s, "far cancelled: False"), 1);
    assert.notEqual((await call(s, NAME, "rolled_back", [])).status, 200);
    assert.notEqual((await call(s, NAME, "wrong", [])).status, 200);
    await until("the log says why", () => /EncodeError: explode.what: expected str/.test(s.output()));
    assert.deepEqual(await pending(s), []);
    await ask(s, "later", ["again", 0.01, 0.02]);
    await until("it repeats", async () => (await notes(s, "again")) > 3);
    await ask(s, "cancel", ["again"]);
    const n = await notes(s, "again");
    await ask(s, "later", ["one", 0.1, 0]);
    await until("time has passed", async () => (await notes(s, "one")) === 1);
    assert.equal(await notes(s, "again"), n);
  }));

for (const end of ["stop", "kill"])
  test(`calls and beats survive a ${end}`, async () => {
    const data = await folder();
    let kept, quarters;
    await running(data, async s => {
      await ask(s, "later", ["soon", 2, 0]);
      await ask(s, "later", ["beat", 0.05, 0.1]);
      await ask(s, "later", ["taken back", 1, 0]);
      await ask(s, "cancel", ["taken back"]);
      await ask(s, "cron", ["each second", "* * * * * *"]);
      await until("all beat", async () => (await notes(s, "beat")) > 1 && (await notes(s, "each second")) > 0 && (await notes(s, "second")) > 0);
      await until("their phases are kept", async () => (await phases(s)).length === 2);
      kept = await phases(s);
      await until("one has beaten since", async () => (await notes(s, "quarter")) > (quarters ??= await notes(s, "quarter")));
    }, end);
    await running(data, async s => {
      assert.deepEqual(await phases(s), kept);
      const before = await Promise.all(["beat", "each second", "second", "quarter"].map(what => notes(s, what)));
      await until("all beat on", async () => (await Promise.all(["beat", "each second", "second", "quarter"].map(what => notes(s, what)))).every((n, i) => n > before[i]));
      await until("the one-shot came", async () => (await notes(s, "soon")) === 1);
      assert.equal(await notes(s, "taken back"), 0);
      assert.deepEqual(await phases(s), kept);
    });
  });

test("a reload keeps beats and calls; one whose function has gone is told of and goes", async () => {
  const file = join(await folder(), `${NAME}.py`), code = await readFile(module(NAME), "utf8");
  await writeFile(file, code);
  const data = await folder();
  await running(data, async s => {
    const reload = async source => {
      await writeFile(file, source);
      const answer = await fetch(`${s.url}/v1/database/${NAME}/reload`, { method: "POST", headers: { authorization: `Bearer ${s.owner}` } });
      assert.equal(answer.status, 200, await answer.text());
    };
    await ask(s, "later", ["beat", 0.05, 0.1]);
    await ask(s, "later", ["far", 1, 0]);
    await until("it beats", async () => (await notes(s, "beat")) > 1);
    await until("its phase is kept", async () => (await phases(s)).length === 2);
    const kept = await phases(s);
    await reload(code.replace("'second'", "'changed second'")); // code only
    const n = await notes(s, "beat");
    await until("it beats on", async () => (await notes(s, "beat")) > n && (await notes(s, "changed second")) > 0);
    await reload(code.replace("    at: Timestamp\n\n", "    at: Timestamp\n    more: u32 = 0\n\n")); // tables, too
    await until("the one-shot came", async () => (await notes(s, "far")) === 1);
    assert.deepEqual(await phases(s), kept);
    await ask(s, "later", ["lost", 1, 0]);
    await reload(code.replaceAll("n: u32 = 0", "n: u64 = 0")); // other parameters
    await until("it was told", () => /scheduled call \d+ of explode: its parameters have other types now/.test(s.output()));
    await reload(code.replaceAll("explode", "implode"));
    await until("it was told", () => /the module no longer has the reducer explode/.test(s.output()));
    await until("the one-shot has gone", async () => (await pending(s)).length === 1);
  }, "stop", file);
});
