// Ten rounds of kill -9 under load; tests/crash/kill9.mjs runs many more.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { rounds } from "./lib/crash.mjs";
import { cleanFolders, folder, SLOW } from "./lib/server.mjs";

after(cleanFolders);

const seed = Date.now() % 1_000_000;

test("kill -9 in the middle of transfers: all that was confirmed, nothing by half", async () => {
  const count = SLOW > 1 ? 5 : 10;
  const total = await rounds({ count, seed, data: await folder(), clients: 4, longest: 250 * SLOW });
  assert.ok(total.kills > 1 && total.confirmed > 100, `seed ${seed}: ${JSON.stringify(total)}`);
});

const last4 = "delete from _orochi_log where first_offset in (select first_offset from _orochi_log order by 1 desc limit 4)";

test("the check itself sees a group commit that is gone", async () => {
  const data = await folder();
  const between = ({ gently }) => {
    // A clean stop folds the log into the database: there is nothing to take away then.
    if (gently) return;
    execFileSync("sqlite3", [join(data, "ledger.db-log"), last4]);
    rmSync(join(data, "ledger.db-confirmed"));
  };
  await assert.rejects(rounds({ count: 8, seed, data, clients: 4, longest: 400 * SLOW, between }), /confirmed, \d+ found|by the lines|: 0 accounts/);
});

test("so does the server", async () => {
  const data = await folder();
  const between = ({ gently }) => {
    if (!gently) execFileSync("sqlite3", [join(data, "ledger.db-log"), last4]);
  };
  await assert.rejects(rounds({ count: 8, seed, data, clients: 4, longest: 400 * SLOW, between }),
    /\(4\)[\s\S]*ledger\.db-log ends with transaction \d+, but all up to \d+ were confirmed[\s\S]*orochi repair/);
});
