// Rows repaired with sqlite3 in the stopped file.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, test } from "node:test";
import { call, cleanFolders, folder, module, serve, sql } from "./lib/server.mjs";

after(cleanFolders);

const start = data => serve(module("ledger"), { flags: ["--data", data] });
const edit = (data, text) => execFileSync("sqlite3", [join(data, "ledger.db"), text], { encoding: "utf8", stdio: "pipe" });

test("columns that were changed count, after a stop and after a kill", async () => {
  const data = await folder();
  let server = await start(data);
  assert.equal((await call(server, "ledger", "transfer", [1, 1, 0, 1, 5])).status, 200);
  assert.equal(await server.stop(), 0);
  edit(data, "update account set balance = 77 where id = 3; delete from account where id = 199");
  server = await start(data);
  assert.match(server.output(), /WARN +durable: table account was edited in the file: 1 rows changed and 1 deleted are taken over/);
  assert.deepEqual(await sql(server, "ledger", "SELECT balance FROM account WHERE id = 3"), [{ balance: 77 }]);
  assert.equal((await sql(server, "ledger", "SELECT id FROM account")).length, 199);
  // The row goes on from there.
  assert.equal((await call(server, "ledger", "transfer", [2, 1, 3, 4, 7])).status, 200);
  await server.kill();
  edit(data, "update account set balance = 1 where id = 4");
  server = await start(data);
  assert.deepEqual(await sql(server, "ledger", "SELECT id, balance FROM account WHERE id = 3 OR id = 4"),
    [{ id: 3, balance: 70 }, { id: 4, balance: 1 }]);
  assert.equal(await server.stop(), 0);
  server = await start(data);
  assert.doesNotMatch(server.output(), /was edited/);
  assert.equal(await server.stop(), 0);
});

test("what cannot be is said: by sqlite3, or at the start with the column", async () => {
  const data = await folder();
  const server = await start(data);
  assert.equal(await server.stop(), 0);
  assert.throws(() => edit(data, "insert into account (id, balance) values (1000, 5)"), /call a reducer/);
  edit(data, "update account set balance = 'much' where id = 3");
  await assert.rejects(start(data), /\(4\)[\s\S]*table account was edited: column balance holds 'much', which is no I64\. Correct it with sqlite3/);
  edit(data, "update account set balance = 5 where id = 3");
  const again = await start(data);
  assert.deepEqual(await sql(again, "ledger", "SELECT balance FROM account WHERE id = 3"), [{ balance: 5 }]);
  assert.equal(await again.stop(), 0);
});
