// What a module counts for itself stands beside what the server counts, once for each call.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { call, cleanFolders, folder, serve } from "./lib/server.mjs";

after(cleanFolders);

const MODULE = `
from orochi import PrimaryKey, ReducerContext, ReducerError, metrics, reducer, table, u32, u64

added = metrics.counter("added_total", "calls of add", labels=("how",))
sum_now = metrics.gauge("sum_now", "what the sum is")
took = metrics.histogram("took_seconds", "how long it was said to take")

@table
class Sum:
    id: PrimaryKey[u32]
    n: u64 = 0

@reducer
def add(ctx: ReducerContext):
    added.inc(how='well "done"')
    row = ctx.db.sum.find(1) or ctx.db.sum.insert(id=1)
    for i in range(60_000):  # so that another one commits meanwhile
        pass
    ctx.db.sum.update(row, n=row.n + 1)
    sum_now.set(row.n)
    took.observe(0.25)

@reducer
def refuse(ctx: ReducerContext):
    added.inc(how="refused")
    raise ReducerError("no")
`;

const number = (text, name) => Number(text.split("\n").find(line => line.startsWith(`${name} `))?.slice(name.length));

test("what attempts counted that ran again is not counted", async () => {
  const file = join(await folder(), "measures.py");
  await writeFile(file, MODULE);
  const server = await serve(file, { flags: ["--memory", "--workers", "2"] });
  const metrics = async () => (await fetch(`${server.url}/v1/metrics`)).text();
  const conflicts = async () => number(await metrics(), "orochi_tx_conflicts_total");
  let calls = 0;
  const add = async () => {
    assert.equal((await call(server, "measures", "add", [])).status, 200);
    calls++;
  };
  const one = async () => {
    for (let i = 0; i < 2000 && (i < 20 || !(await conflicts() > 0)); i++) await add();
  };
  await Promise.all(Array.from({ length: 8 }, one));
  await add(); // alone: a gauge has the last word, whoever says it
  assert.equal((await call(server, "measures", "refuse", [])).status, 530);
  const text = await metrics();
  assert.ok(number(text, "orochi_tx_conflicts_total") > 0, "nothing ran again");
  assert.equal(number(text, 'added_total{how="well \\"done\\""}'), calls);
  assert.equal(number(text, "sum_now"), calls);
  assert.equal(number(text, "took_seconds_count"), calls);
  assert.equal(number(text, "took_seconds_sum"), calls / 4);
  assert.equal(number(text, 'added_total{how="refused"}'), 1);
  for (const line of ["# HELP added_total calls of add", "# TYPE added_total counter", "# TYPE sum_now gauge", "# TYPE took_seconds histogram"])
    assert.ok(text.split("\n").includes(line), line);
  await server.stop();
});
