// reducer.memory_limit_mb for code of every kind: small objects without end are the end of whoever makes them, and of nobody else.
// Alone: the memory of the process is measured.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { call, cleanFolders, module, serve, SLOW, sql, until } from "./lib/server.mjs";

let server;
before(async () => (server = await serve(module("gorge"), { flags: ["--memory", "--workers", "1",
  "--set", "reducer.memory_limit_mb=64", "--set", "reducer.timeout_ms=0", "--log-level", "error"] })));
after(async () => {
  assert.equal(await server.stop(), 0, server.output().slice(-3000));
  await cleanFolders();
});

const KINDS = ["tuples", "dicts", "in_c"];
const peak = async () => Number(/VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${server.child.pid}/status`, "utf8"))[1]) / 1024;
const run = async (name, args = []) => (await call(server, "gorge", name, args)).status;
const handled = async how => (await fetch(`${server.url}/v1/database/gorge/route/${how}`)).status;
const seen = how => sql(server, "gorge", `SELECT * FROM sees('${how}')`).then(rows => rows.length, error => error.message);

/** `act` fails, the log says of what, and then all else goes on. */
async function ends(what, act) {
  const from = server.output().length;
  const result = await act();
  assert.ok(result === 500 || result === 530 || /Internal error|fatal error/.test(result), `${what}: ${result}`);
  await until(`the log says why ${what} failed`, () => /MemoryError/.test(server.output().slice(from)));
  assert.deepEqual([await run("modest", [7]), await run("modest_too", [7]), await seen("modest")], [200, 200, 1], `after ${what}`);
}

for (const how of KINDS) {
  test(`${how}: in a reducer, a procedure, a coroutine, a handler, a view`, async () => {
    for (const name of ["reduces", "proceeds", "awaits"]) await ends(`${name} ${how}`, () => run(name, [how]));
    await ends(`a handler with ${how}`, () => handled(how));
    await ends(`a view with ${how}`, () => seen(how));
  });
}

test("a procedure's transaction, the rows of a view, a coroutine in small pieces, tasks", async () => {
  for (const name of ["writes", "awaits_often", "begins_tasks"]) await ends(name, () => run(name));
  await ends("a view of many rows", () => seen("many"));
});

test("the process has stayed near the limit", async () => {
  assert.ok(await peak() < 600 * (SLOW > 1 ? 2 : 1), `${await peak()} MiB`);
});
