// Files of the data folder that vanish or are damaged, as a user meets it: what he is told, and the way back.

import assert from "node:assert/strict";
import { cp, open, readdir, rename, rm, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { call, cleanFolders, folder, module, orochi, serve, sql, timed, until } from "./lib/server.mjs";

after(cleanFolders);

const start = data => serve(module("ledger"), { flags: ["--data", data] });
let numbers = 0;
const transfer = server => call(server, "ledger", "transfer", [++numbers, 1, 0, 1, 1]);
const lines = async server => (await sql(server, "ledger", "SELECT number FROM line")).length;
const flip = async (path, at) => {
  const file = await open(path, "r+");
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  byte[0] ^= 1;
  await file.write(byte, 0, 1, at);
  await file.close();
};

const zero = async (path, n) => {
  const file = await open(path, "r+");
  await file.write(Buffer.alloc(n), 0, n, 0);
  await file.close();
};

async function metric(server, name) {
  const text = await (await fetch(`${server.url}/v1/metrics`)).text();
  return Number(new RegExp(`^${name} (.*)$`, "m").exec(text)[1]);
}

for (const [what, remove] of [
  ["the database", data => rm(join(data, "ledger.db"))],
  ["the WAL of the log", data => rm(join(data, "ledger.db-log-wal"))],
  ["the folder", data => rename(data, `${data}-away`)],
]) {
  test(`${what} is removed while it runs: nothing is confirmed any more, and a stop saves all of it`, async () => {
    const data = join(await folder(), "data");
    let server = await start(data);
    for (let i = 0; i < 5; i++) assert.equal((await transfer(server)).status, 200);
    await remove(data);
    const { ms } = await timed(() => until("it is noticed", async () => (await metric(server, "orochi_durable_trouble")) === 1));
    assert.ok(ms < 5000, `${ms} ms`);
    let answered = false;
    const late = transfer(server).then(() => (answered = true), () => {});
    await new Promise(done => setTimeout(done, 500));
    assert.ok(!answered, "a call was confirmed");
    await until("the log says so", () => /ERROR durable: .*was removed.*nothing is confirmed any more.*orochi restore/.test(server.output()));
    assert.equal(await server.stop(), 4, server.output());
    await late;
    const command = /orochi (restore (\S+) --data (\S+) --name ledger --force)/.exec(server.output())[1].split(" ");
    const restored = await orochi(command);
    assert.equal(restored.code, 0, restored.text);
    server = await start(data);
    assert.equal(await lines(server), 6, "also what was not confirmed");
    assert.equal((await transfer(server)).status, 200);
    assert.equal(await server.stop(), 0);
  });
}

for (const [what, spoil] of [
  ["the database is cut to nothing", data => truncate(join(data, "ledger.db"), 0)],
  ["zeros are written over the database", data => zero(join(data, "ledger.db"), 4096)],
  // Its first page stands in the WAL, too, if the log has grown; the second, which says whose log it is, does not.
  ["zeros are written over the log", data => zero(join(data, "ledger.db-log"), 8192)],
]) {
  test(`${what} while it runs: all rows are saved at once, and a start says where`, async () => {
    const data = join(await folder(), "data");
    let server = await start(data);
    for (let i = 0; i < 5; i++) assert.equal((await transfer(server)).status, 200);
    await spoil(data);
    const { ms } = await timed(() =>
      until("it is noticed and saved", () => /ERROR durable: .*All data up to now is in .*ledger\.db\.rescued/.test(server.output())));
    assert.ok(ms < 5000, `${ms} ms`);
    await server.kill();
    const next = await start(data).catch(error => error.message);
    if (typeof next === "string") {
      assert.match(next, /\(4\)[\s\S]*has put all of its data into .*ledger\.db\.rescued: `orochi restore .* --force`/);
    } else {
      assert.equal(await lines(next), 5, "what was overwritten stands in the WAL still");
      await next.stop();
    }
    const restored = await orochi(["restore", join(data, "ledger.db.rescued"), "--data", data, "--name", "ledger", "--force"]);
    assert.equal(restored.code, 0, restored.text);
    server = await start(data);
    assert.equal(await lines(server), 5);
    assert.equal((await transfer(server)).status, 200);
    assert.equal(await server.stop(), 0);
  });
}

test("a database that is gone is not taken for a new one", async () => {
  const data = await folder();
  let server = await start(data);
  await transfer(server);
  await server.kill();
  await rename(join(data, "ledger.db"), join(data, "aside"));
  await assert.rejects(start(data), /\(4\)[\s\S]*ledger\.db: the database is not there, but its log .*ledger\.db-log is.*--delete-data/);
  assert.ok(!(await readdir(data)).includes("ledger.db"), "none was made");
  await rename(join(data, "aside"), join(data, "ledger.db"));
  server = await start(data);
  assert.equal(await lines(server), 1);
  await server.stop();
  await rm(join(data, "ledger.db"));
  await assert.rejects(start(data), /\(4\)[\s\S]*it held data before[\s\S]*--delete-data/);
  server = await serve(module("ledger"), { flags: ["--data", data, "--delete-data"] });
  assert.equal(await lines(server), 0);
  await server.stop();
});

test("a wrong bit in the log: refused at every start, and repair keeps what is before it", async () => {
  const data = await folder();
  let server = await start(data);
  for (let i = 0; i < 20; i++) await transfer(server);
  await server.kill();
  const wal = join(data, "ledger.db-log-wal");
  await flip(wal, Math.floor((await stat(wal)).size * 0.8));
  const kept = join(await folder(), "kept");
  await cp(data, kept, { recursive: true });
  for (let i = 0; i < 2; i++)
    await assert.rejects(start(data), /\(4\)[\s\S]*ledger\.db-log.*damaged[\s\S]*Nothing was changed[\s\S]*orochi repair/);
  const backup = await orochi(["backup", join(data, "copy"), "--data", data]);
  assert.equal(backup.code, 4, backup.text);
  const repaired = await orochi(["repair", join(data, "copy"), "--data", data]);
  assert.equal(repaired.code, 0, repaired.text);
  assert.match(repaired.stdout, /kept: the tables as of transaction \d+, and the log up to \d+\nlost: transactions \d+ to \d+, which were confirmed/);
  const restored = await orochi(["restore", join(data, "copy"), "--data", data, "--force"]);
  assert.equal(restored.code, 0, restored.text);
  server = await start(data);
  const n = await lines(server);
  assert.ok(n > 5 && n < 20, `${n} of 20`);
  assert.equal((await transfer(server)).status, 200);
  await server.stop();
  // The folder was not touched by the refusals: with the bit as it was, all is there.
  await flip(join(kept, "ledger.db-log-wal"), Math.floor((await stat(join(kept, "ledger.db-log-wal"))).size * 0.8));
  server = await start(kept);
  assert.equal(await lines(server), 20);
  await server.stop();
});
