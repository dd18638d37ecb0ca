// orochi backup while transfers go on, orochi restore elsewhere: what had been confirmed before is there, and nothing by half.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { Client, random } from "./lib/crash.mjs";
import { cleanFolders, folder, module, orochi, serve, sql, until } from "./lib/server.mjs";

after(cleanFolders);

test("a copy of a database that is being written", async () => {
  const data = await folder(), other = await folder(), file = join(other, "copy");
  const start = where => serve(module("ledger"), { flags: ["--data", where, "--workers", "2"] });
  let server = await start(data);
  try {
    const client = new Client(server, 1, 0, random(4), { protocol: "v3", flight: 10 });
    await until("there is load", () => client.confirmed.length > 300);
    const told = client.confirmed.length;
    assert.deepEqual(await orochi(["backup", file, "--data", data]), { code: 0, text: "", stdout: "", stderr: "" });
    const later = client.confirmed.length;
    assert.equal((await orochi(["backup", file, "--data", data])).code, 4, "it is there already");
    const running = await orochi(["restore", file, "--data", data, "--force"]);
    assert.equal(running.code, 4);
    assert.match(running.text, /in use by another server/);
    await until("it went on", () => client.confirmed.length > later + 100);
    client.stopped = true;
    assert.equal(await server.stop(), 0);

    assert.equal((await orochi(["restore", file, "--data", join(other, "data")])).code, 0);
    server = await start(join(other, "data"));
    const lines = await sql(server, "ledger", "SELECT * FROM line");
    assert.ok(lines.length >= told && lines.length < client.sent.length, `${told} ${lines.length} ${client.sent.length}`);
    const balances = new Array(200).fill(1000);
    for (const { source, target, amount } of lines) {
      balances[source] -= amount;
      balances[target] += amount;
    }
    for (const { id, balance } of await sql(server, "ledger", "SELECT * FROM account")) assert.equal(balance, balances[id]);
    assert.equal(await server.stop(), 0);
  } finally {
    await server.kill();
  }
});
