// A server that is killed among one-shot calls: each comes, and none twice. OROCHI_ROUNDS says how often (3), OROCHI_SHOTS among how
// many (2,000).
// Release: what it is about is the log, and kills take long.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { call, cleanFolders, folder, module, PATIENCE, serve, sql, until } from "./lib/server.mjs";

after(cleanFolders);

const ROUNDS = Number(process.env.OROCHI_ROUNDS ?? 3), SHOTS = Number(process.env.OROCHI_SHOTS ?? 2000), AT_ONCE = 500, SPAN = 300;
const NAME = "shots";

test(`each of ${SHOTS} calls comes once, though the server is killed among them (${ROUNDS} times)`, { timeout: ROUNDS * PATIENCE }, async () => {
  const data = await folder();
  const start = () => serve(module(NAME), { flags: ["--data", data] });
  const ask = async (s, name, args = []) => assert.equal((await call(s, NAME, name, args)).status, 200);
  const count = async s => (await sql(s, NAME, "SELECT COUNT(*) AS n FROM shot"))[0].n;
  const pending = async s => {
    const token = (await readFile(join(data, "owner.token"), "utf8")).trim();
    const answer = await fetch(`${s.url}/v1/database/${NAME}/sql`, { method: "POST", body: "SELECT COUNT(*) AS n FROM st_scheduled_call", headers: { authorization: `Bearer ${token}` } });
    return (await answer.json())[0].rows[0][0];
  };
  for (let round = 0; round < ROUNDS; round++) {
    let s = await start();
    await ask(s, "clear");
    for (let n = 0; n < SHOTS; n += AT_ONCE) await ask(s, "load", [n, Math.min(AT_ONCE, SHOTS - n), SPAN]);
    // Somewhere among them, and once more while the rest is made up for.
    for (const share of [(round % 10) / 10, 0.5 + (round % 5) / 10]) {
      await until("some have come", async () => (await count(s)) >= SHOTS * share || (await pending(s)) === 0);
      await s.kill();
      s = await start();
    }
    await until("none is left", async () => (await pending(s)) === 0);
    const shots = (await sql(s, NAME, "SELECT n FROM shot")).map(row => row.n).sort((a, b) => a - b);
    assert.deepEqual(shots.length, SHOTS, `round ${round}`);
    shots.forEach((n, i) => assert.equal(n, i, `round ${round}`));
    await s.kill();
  }
});
