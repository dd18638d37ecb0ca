// Queries from Python over the real store: the same answers as from a list, also while other calls change the rows.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { call, cleanFolders, module, serve, sql } from "./lib/server.mjs";

let server;
const db = "queries";
before(async () => { server = await serve(module("queries"), { flags: ["--memory", "--workers", "2"] }); });
after(async () => {
  await server.stop();
  await cleanFolders();
});

test("every way to ask gives what a list gives", async () => {
  const seed = Number(process.env.ORO_SEED ?? Date.now() % 100000);
  for (let i = 0; i < 40; i++) {
    const answer = await call(server, db, "check", [seed + i, 3]);
    assert.equal(answer.status, 200, `seed ${seed + i}: ${await answer.text()}\n${server.output().slice(-2000)}`);
  }
});

test("calls that read the ends of an index at the same time do not see the same row", async () => {
  assert.equal((await call(server, db, "fill", [50])).status, 200);
  const answers = await Promise.all(Array.from({ length: 200 }, () => call(server, db, "pop", [])));
  assert.ok(answers.every(answer => answer.status === 200));
  const scores = (await sql(server, db, "SELECT * FROM player")).map(row => Number(row.score)).sort((a, b) => a - b);
  assert.deepEqual(scores, Array.from({ length: 50 }, (_, i) => 200 + i));
});

test("what no index answers is counted", async () => {
  const report = await (await fetch(`${server.url}/v1/database/${db}/bridge`)).json();
  assert.ok(report.scans_without_index.player > 0);
});

test("with strict_index they are refused", async () => {
  const strict = await serve(module("queries"), { flags: ["--memory", "--dev-errors", "--set", "reducer.strict_index=true"] });
  try {
    assert.equal((await call(strict, db, "fill", [5])).status, 200);
    assert.equal((await call(strict, db, "pop", [])).status, 200);
    const answer = await call(strict, db, "plain", [3]);
    assert.equal(answer.status, 530);
    assert.match(await answer.text(), /WrongIndex: player: no index answers plain = 3, .* make one of the columns Index/);
  } finally {
    await strict.stop();
  }
});
