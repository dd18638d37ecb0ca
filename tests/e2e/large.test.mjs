// What is larger than SQLite's blobs and rows may be (1,000,000,000 bytes) is refused in the call that does it.
// Alone: it takes some gigabytes of memory.
// Release: with shadows it is more memory than a small machine has.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { call, cleanFolders, folder, module, serve, sql, until } from "./lib/server.mjs";

after(cleanFolders);
const flags = ["--workers", "1", "--set", "reducer.memory_limit_mb=0", "--set", "reducer.timeout_ms=0"];

test("beyond what can be kept, a call fails and the server goes on", async () => {
  const server = await serve(module("large"), { flags: ["--memory", ...flags] });
  const run = (name, args = []) => call(server, "large", name, args);
  const refused = async (name, args, why) => {
    const from = server.output().length;
    assert.equal((await run(name, args)).status, 530, `${name} ${args} passed`);
    await until("the log says why", () => why.test(server.output().slice(from)));
    assert.equal((await run("small")).status, 200);
  };
  await refused("put", [0, 1, 300], /put: [^\n]*a row of `blob` has 3145\d+ bytes: the largest that can be kept has \d+/);
  await refused("put", [0, 9, 100], /put: [^\n]*it writes 943\d+ bytes: [^\n]* do it in several calls/);
  // Rows that are deleted count where the log has them whole.
  for (let i = 0; i < 3; i++) assert.equal((await run("bag", [3, 100])).status, 200);
  await refused("empty", [], /empty: [^\n]*it writes 943\d+ bytes/);
  assert.equal(await server.stop(), 0, server.output().slice(-2000));
});

test("near that, rows are written and read again, whatever their columns would be as text", async () => {
  const data = await folder();
  let server = await serve(module("large"), { flags: ["--data", data, ...flags] });
  const run = (name, args = []) => call(server, "large", name, args);
  assert.equal((await run("put", [0, 1, 250])).status, 200);
  assert.equal((await run("words", [20_000_000])).status, 200);
  assert.equal(await server.stop(), 0, server.output().slice(-2000));
  const orochi = await serve(module("large"), { flags: ["--data", data, ...flags] });
  const n = async t => (await sql(orochi, "large", `SELECT COUNT(*) AS n FROM ${t}`))[0].n;
  assert.deepEqual([await n("blob"), await n("words")], [1, 1]);
  assert.equal(await orochi.stop(), 0, orochi.output().slice(-2000));
});

test("beyond what can be kept, a transaction of a handler or a procedure fails and the server goes on", async () => {
  const data = await folder();
  const server = await serve(module("larger"), { flags: ["--data", data, ...flags] });
  const handler = async (...args) => (await fetch(`${server.url}/v1/database/larger/route/fill/${args.map(Number).join("/")}`)).text();
  const procedure = async (...args) => (await call(server, "larger", "fills", args)).json();
  for (const ask of [handler, procedure])
    for (const block of [false, true]) {
      assert.match(await ask(1, 300, block), /a row of `blob` has 3145\d+ bytes: the largest that can be kept has \d+/);
      assert.match(await ask(9, 100, block), /it writes 943\d+ bytes: [^\n]* do it in several calls/);
    }
  assert.deepEqual(await sql(server, "larger", "SELECT COUNT(*) AS n FROM blob"), [{ n: 0 }]);
  assert.equal(await handler(1, 1, false), "kept");
  assert.equal(await server.stop(), 0, server.output().slice(-2000));
});
