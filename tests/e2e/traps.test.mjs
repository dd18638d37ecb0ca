// What is right and slow is told to the author once: in the log, with file, line and what to write; and can be turned off.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { call, cleanFolders, folder, serve, until } from "./lib/server.mjs";

after(cleanFolders);

const MODULE = `
from orochi import AutoKey, PrimaryKey, ReducerContext, reducer, table, u32, u64

@table(public=True)
class Item:
    id: AutoKey[u64] = 0
    name: str

@table(public=True)
class Sum:
    id: PrimaryKey[u32]
    n: u64 = 0

@reducer
def fill(ctx: ReducerContext, n: u32):
    ctx.db.item.insert_many(Item(name=f"n{i}") for i in range(n))

@reducer
def search(ctx: ReducerContext, name: str):
    ctx.db.item.first(name=name)

@reducer
def add(ctx: ReducerContext):
    total = sum(row.n for row in ctx.db.sum)
    for i in range(60_000):  # so that another one commits meanwhile
        total += i & 1
    row = ctx.db.sum.find(1) or ctx.db.sum.insert(id=1)
    ctx.db.sum.update(row, n=total)
`;

async function trapped(flags = []) {
  const file = join(await folder(), "traps.py");
  await writeFile(file, MODULE);
  const server = await serve(file, { flags: ["--memory", "--workers", "2", ...flags] });
  const does = async (name, args) => assert.equal((await call(server, "traps", name, args)).status, 200);
  const told = words => server.output().split("\n").filter(line => line.includes(words));
  return { server, does, told };
}

/** Calls of `add` from many clients until `done`. */
async function crowd({ does }, done, most) {
  let calls = 0, over = false;
  const one = async () => {
    while (!over && calls++ < most) {
      await does("add", []);
      over ||= done();
    }
  };
  await Promise.all(Array.from({ length: 8 }, one));
}

test("a filter that no index answers, on a table of more than 1,000 rows", async () => {
  const { server, does, told } = await trapped();
  await does("fill", [1000]);
  await does("search", ["x"]);
  await does("fill", [1]);
  await does("search", ["x"]);
  await does("search", ["y"]);
  await until("it is told", () => told("warn_scans").length > 0);
  const [line, ...more] = told("warn_scans");
  assert.match(line, / WARN +module: search: .*traps\.py:20: all 1001 rows of item were looked at, since no index answers a filter by name: name: Index\[\.\.\.\] in item makes it a look-up/);
  assert.deepEqual(more, []);
  await server.stop();
});

test("calls that keep running into each other", async () => {
  const it = await trapped();
  await crowd(it, () => it.told("warn_retries").length > 0, 20_000);
  await until("it is told", () => it.told("warn_retries").length > 0);
  assert.equal(it.told("warn_retries").length, 1);
  assert.match(it.told("warn_retries")[0],
    / WARN +module: add: .*traps\.py:2[12]: 20 calls in ten seconds had to run a third time, and alone: it (reads all of sum|changes a row of)/);
  await it.server.stop();
});

test("both can be turned off", async () => {
  const it = await trapped(["--set", "reducer.warn_scans=false", "--set", "reducer.warn_retries=false"]);
  await it.does("fill", [1001]);
  await it.does("search", ["x"]);
  await crowd(it, () => false, 400);
  await it.server.stop();
  assert.deepEqual(it.told(" WARN "), []);
});
