// A stop ends soon whatever reducers do, and everybody is said good-bye to.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { call, Raw, TAG, text, u32, u64 } from "./lib/raw.mjs";
import { BINARY, SLOW, cleanFolders, folder, keep, module, serve, sql, timed } from "./lib/server.mjs";

after(cleanFolders);

const open = async server => {
  const raw = new Raw(server, "busy");
  await raw.wait(1, TAG.INITIAL);
  return raw;
};
const start = (data, ...more) => serve(module("busy"), { flags: ["--data", data, "--workers", "2", ...more] });
const tallies = async server => Object.fromEntries((await sql(server, "busy", "SELECT * FROM tally")).map(row => [row.name, row.n]));

async function balanced(data) {
  const server = await start(data);
  const n = await tallies(server);
  assert.equal(n.came - 1, n.left ?? 0, "everybody who came has left, but this request");
  assert.doesNotMatch(server.output(), /clients of the last run/);
  await server.stop();
  return n;
}

test("an endless reducer without a limit of use, and callers that wait behind it", async () => {
  const data = await folder();
  const server = await start(data);
  const raws = await Promise.all(Array.from({ length: 20 }, () => open(server)));
  raws[0].send(call(1, "endless"));
  raws[0].send(...Array.from({ length: 50 }, (_, i) => call(2 + i, "put", Buffer.concat([text("behind"), u64(1)]))));
  raws[1].send(call(1, "put", Buffer.concat([text("beside"), u64(1)])));
  await raws[1].wait(1, TAG.RESULT);
  const { result: code, ms } = await timed(server.stop);
  assert.equal(code, 0, server.output());
  assert.ok(ms < 7000, `${ms} ms`);
  assert.deepEqual((await Promise.all(raws.map(raw => raw.closed))).slice(1), Array(19).fill(1001));
  const n = await balanced(data);
  assert.equal(n.beside, 1);
  assert.equal(n.behind, undefined);
  assert.equal(n.never, undefined);
});

test("busy clients", async () => {
  const data = await folder();
  const server = await start(data);
  const raws = await Promise.all(Array.from({ length: 30 }, () => open(server)));
  for (const raw of raws) raw.send(...Array.from({ length: 20 }, (_, i) => call(i, "slow", u32(5))));
  const requests = Array.from({ length: 20 }, () => sql(server, "busy", "SELECT * FROM tally").catch(() => {}));
  await new Promise(done => setTimeout(done, 100));
  const { result: code, ms } = await timed(server.stop);
  assert.equal(code, 0, server.output());
  assert.ok(ms < 7000, `${ms} ms`);
  await Promise.all(requests);
  await balanced(data);
});

test("a reducer that cannot be stopped is left behind, and what was confirmed is kept", async () => {
  const data = await folder();
  const server = await start(data);
  const [one, two] = [await open(server), await open(server)];
  two.send(call(1, "put", Buffer.concat([text("kept"), u64(5)])));
  await two.wait(1, TAG.RESULT);
  one.send(call(1, "stubborn"));
  await new Promise(done => setTimeout(done, 200));
  const { ms } = await timed(server.stop);
  assert.ok(ms < 9000, `${ms} ms`);
  const again = await start(data);
  assert.equal((await tallies(again)).kept, 5);
  assert.equal(await again.stop(), 0);
});

test("two signals at once are one; a later one is not kept waiting", async () => {
  const server = await start(await folder());
  const raw = await open(server);
  raw.send(call(1, "endless"));
  await new Promise(done => setTimeout(done, 200));
  const ended = once(server.child, "exit");
  server.child.kill("SIGINT");
  server.child.kill("SIGINT");
  await new Promise(done => setTimeout(done, 800));
  assert.equal(server.child.exitCode, null, "it still says good-bye");
  const { result, ms } = await timed(() => {
    server.child.kill("SIGINT");
    return ended;
  });
  assert.equal(result[0], 130);
  assert.ok(ms < 900, `${ms} ms`);
});

test("an import that does not end can be interrupted", async () => {
  const file = join(await folder(), "stuck.py");
  await writeFile(file, "while True:\n    pass\n");
  const child = keep(spawn(BINARY, ["run", file, "--memory", "--listen", "127.0.0.1:0"], { stdio: "ignore" }));
  await new Promise(done => setTimeout(done, 1500 * SLOW)); // well into the import; nothing tells from outside
  const ended = once(child, "exit");
  child.kill("SIGINT");
  assert.equal((await ended)[0], 130);
});
