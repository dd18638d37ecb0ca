// reducer.memory_limit_mb: what a call makes the store hold counts, whatever way it goes.
// Alone: the memory of the process is measured.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { call, cleanFolders, module, serve, SLOW, sql, until } from "./lib/server.mjs";

const LIMIT = 64; // MB; the interpreter itself takes some of it
let server;
before(async () => (server = await serve(module("hungry"), { flags: ["--memory", "--workers", "1",
  "--set", `reducer.memory_limit_mb=${LIMIT}`, "--set", "reducer.timeout_ms=0", "--log-level", "error"] })));
after(async () => {
  assert.equal(await server.stop(), 0, server.output().slice(-3000));
  await cleanFolders();
});

const count = async table => (await sql(server, "hungry", `SELECT COUNT(*) AS n FROM ${table}`))[0].n;
const peak = async () => Number(/VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${server.child.pid}/status`, "utf8"))[1]) / 1024;
const run = (name, args = []) => call(server, "hungry", name, args);

async function refused(name) {
  const from = server.output().length;
  const answer = await run(name);
  assert.equal(answer.status, 530, `${name} passed`);
  const told = new RegExp(`${name}: [^]*MemoryError[^]*reducer\\.memory_limit_mb`);
  await until(`the log says why ${name} failed`, () => told.test(server.output().slice(from)));
  const after = await run("modest");
  assert.equal(after.status, 200, `after ${name}: ${await after.text()}`);
}

for (const name of ["insert", "insert_small", "insert_many", "upsert", "delete_and_insert", "one_list", "list_of_small", "bytes_kept", "together"])
  test(`${name} beyond the limit is refused and leaves nothing`, async () => {
    await refused(name);
    assert.equal(await count("note"), 0);
  });

test("changes and deletions of rows that are there", async () => {
  for (let i = 0; i < 3; i++) assert.equal((await run("seed", [100_000])).status, 200);
  const rows = await count("name");
  for (const name of ["update", "delete_by_key", "clear", "scan_again_and_again", "ranges_again_and_again"]) {
    await refused(name);
    assert.equal(await count("name"), rows, name);
  }
});

test("a call that catches the refusal goes on with what there was room for", async () => {
  const answer = await run("caught");
  assert.equal(answer.status, 200, await answer.text());
  const [{ n }] = await sql(server, "hungry", "SELECT n FROM tally WHERE name = 'caught'");
  assert.ok(n > 5 && n < LIMIT, `${n} MiB`);
  assert.equal(await count("note"), 0);
});

test("lines of the log count as well: those without room are dropped", async () => {
  const answer = await run("logs");
  assert.equal(answer.status, 200, await answer.text());
});

test("the process has stayed near the limit, and not near what was asked for", async () => {
  // The sanitizers keep 256 MB of what was freed, and more around each block.
  assert.ok(await peak() < 600 * (SLOW > 1 ? 2 : 1), `${await peak()} MiB`);
});
