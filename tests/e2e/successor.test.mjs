// A worker in a call that no interruption ends is given up: its caller is told, and another one goes on in its place.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Raw, call, TAG, text } from "./lib/raw.mjs";
import { call as httpCall, cleanFolders, folder, module, serve, sql, until } from "./lib/server.mjs";

after(cleanFolders);

const start = async (workers, ...more) => serve(module("stuck"), { flags: ["--data", await folder(), "--workers", `${workers}`,
  "--set", "reducer.timeout_ms=100", "--set", "reducer.give_up_ms=300", ...more] });
const of = async (server, name) => (await sql(server, "stuck", `SELECT n FROM tally WHERE name = '${name}'`))[0]?.n ?? 0;
const lost = async server =>
  Number(/^orochi_lost_workers_total (\d+)/m.exec(await (await fetch(`${server.url}/v1/metrics`)).text())[1]);

for (const workers of [1, 2])
  test(`with ${workers}: the caller gets its error, the rest goes on, nothing of the call stays`, async () => {
    const server = await start(workers);
    const raw = new Raw(server, "stuck");
    await raw.wait(1, TAG.INITIAL);
    raw.send(call(1, "put", text("before")), call(2, "stuck"), call(3, "put", text("behind")));
    const [first, second, third] = await raw.wait(3, TAG.RESULT);
    assert.deepEqual([first.request, second.request, third.request], [1, 2, 3]);
    assert.ok(first.outcome < 2 && third.outcome < 2);
    assert.match(second.text, /was given up/);
    const answer = await httpCall(server, "stuck", "stuck", []);
    assert.equal(answer.status, 530);
    assert.equal((await httpCall(server, "stuck", "put", ["after"])).status, 200);
    assert.deepEqual([await of(server, "before"), await of(server, "behind"), await of(server, "after"), await of(server, "never")], [1, 1, 1, 0]);
    assert.equal(await lost(server), 2);
    raw.socket.close();
    assert.equal((await httpCall(server, "stuck", "arm", [])).status, 200);
    await until("the timer's worker is lost, too", async () => (await lost(server)) === 3);
    const beats = await of(server, "beat");
    await until("it beats again", async () => (await of(server, "beat")) > beats + 1);
    assert.equal((await sql(server, "stuck", "SELECT * FROM once")).length, 0, "a row with a time has one run");
    assert.equal(await lost(server), 3);
    await server.stop();
    assert.match(server.output(), /worker \d+ is given up/);
  });

test("one too many, and the process ends with a status of its own; what was confirmed is there again", async () => {
  const server = await start(1, "--set", "server.max_lost_workers=1");
  assert.equal((await httpCall(server, "stuck", "put", ["kept"])).status, 200);
  assert.equal((await httpCall(server, "stuck", "stuck", [])).status, 530);
  httpCall(server, "stuck", "stuck", []).catch(() => {});
  await until("it has ended", () => server.child.exitCode !== null);
  assert.equal(server.child.exitCode, 6, server.output());
  assert.match(server.output(), /more workers are lost than server\.max_lost_workers.*has to be started again/);
});

test("isolation = main has no successor: the process ends", async () => {
  const server = await start(1, "--isolation", "main");
  httpCall(server, "stuck", "stuck", []).catch(() => {});
  await until("it has ended", () => server.child.exitCode !== null);
  assert.equal(server.child.exitCode, 6, server.output());
  assert.match(server.output(), /only one interpreter/);
});
