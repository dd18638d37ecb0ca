// The data folder as a thing on a disk: who may read it, what a kill in the very first start leaves, one server for each.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { BINARY, SLOW, call, cleanFolders, folder, keep, module, orochi, serve, sql } from "./lib/server.mjs";

after(cleanFolders);

const ledger = module("ledger");
const start = data => serve(ledger, { flags: ["--data", data] });
const modes = async dir =>
  Object.fromEntries(await Promise.all((await readdir(dir)).map(async name => [name, (await stat(join(dir, name))).mode & 0o777])));
const withUmask = async (mask, work) => {
  const was = process.umask(mask);
  try {
    return await work();
  } finally {
    process.umask(was);
  }
};

test("nobody else reads the data, whatever the umask", async () => {
  for (const mask of [0o000, 0o022, 0o077]) {
    const data = join(await folder(), "deep", "data");
    const server = await withUmask(mask, () => start(data));
    await call(server, "ledger", "transfer", [1, 1, 0, 1, 5]);
    const open = await modes(data);
    for (const name of ["ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db-log", "ledger.db-log-wal", "ledger.lock", "id_ecdsa", "id_ecdsa.pub", "owner.token"])
      assert.equal(open[name], 0o600, `${name} under umask ${mask.toString(8)}: ${JSON.stringify(open)}`);
    assert.equal((await stat(data)).mode & 0o777, 0o700);
    assert.equal((await stat(join(data, ".."))).mode & 0o777, 0o700);
    const copy = join(data, "..", "copy");
    const made = await withUmask(mask, () => orochi(["backup", copy, "--data", data]));
    assert.equal(made.code, 0, made.text);
    assert.equal((await stat(copy)).mode & 0o777, 0o600);
    assert.equal(await server.stop(), 0, server.output());
  }
});

test("a folder and files that others could read are closed to them", async () => {
  const data = await folder();
  let server = await start(data);
  await server.stop();
  await chmod(data, 0o755);
  for (const name of await readdir(data)) await chmod(join(data, name), 0o644);
  server = await start(data);
  for (const [name, mode] of Object.entries(await modes(data))) assert.equal(mode, 0o600, name);
  assert.equal((await stat(data)).mode & 0o777, 0o700);
  await server.stop();
  // With something else in it, it may be anybody's folder: that is said and not changed.
  await chmod(data, 0o755);
  await writeFile(join(data, "notes.txt"), "mine");
  server = await start(data);
  assert.match(server.output(), /data folder .* may be looked into by other users \(mode 755\).*chmod 700/);
  assert.equal((await stat(data)).mode & 0o777, 0o755);
  await server.stop();
});

test("a second server is refused when the lock file was deleted, too", async () => {
  const data = await folder();
  const server = await start(data);
  await rm(join(data, "ledger.lock"));
  await assert.rejects(start(data), /\(4\)[\s\S]*ledger\.db is in use by another server/);
  const restored = await orochi(["restore", join(data, "ledger.db"), "--data", data, "--name", "ledger", "--force"]);
  assert.notEqual(restored.code, 0, restored.text);
  assert.equal((await call(server, "ledger", "transfer", [1, 1, 0, 1, 5])).status, 200);
  await server.stop();
});

test("kill -9 at any moment of the very first start: the next one serves", async () => {
  for (let i = 0; i < 24 / SLOW; i++) {
    const data = join(await folder(), "data");
    const child = keep(spawn(BINARY, ["run", ledger, "--listen", "127.0.0.1:0", "--data", data], { stdio: "ignore" }));
    // From the first file on, a little later each time.
    while ((await readdir(data).catch(() => [])).length === 0 && child.exitCode === null) await new Promise(done => setImmediate(done));
    await new Promise(done => setTimeout(done, i));
    child.kill("SIGKILL");
    await child.closed;
    const left = await readdir(data);
    const server = await start(data).catch(error => assert.fail(`killed after ${i} ms, ${left}: ${error.message}`));
    assert.equal((await sql(server, "ledger", "SELECT id FROM account")).length, 200, "init ran once");
    assert.equal(await server.stop(), 0);
  }
});

// What such a kill could leave before files were made whole, and what an accident does: each is mended or said.
test("key files and owner.token, each missing, empty or cut", async () => {
  const data = await folder();
  let server = await start(data);
  await server.stop();
  const kept = {};
  for (const name of ["id_ecdsa", "id_ecdsa.pub", "owner.token"]) kept[name] = await readFile(join(data, name));
  const ways = { removed: () => undefined, empty: () => Buffer.alloc(0), cut: bytes => bytes.subarray(0, bytes.length >> 1),
    flipped: bytes => Buffer.from(bytes).fill(bytes[bytes.length >> 1] ^ 1, bytes.length >> 1, (bytes.length >> 1) + 1) };
  for (const name of Object.keys(kept)) {
    for (const [way, damage] of Object.entries(ways)) {
      const bytes = damage(kept[name]);
      await rm(join(data, name));
      if (bytes) await writeFile(join(data, name), bytes);
      const result = await start(data).then(started => ({ started }), error => ({ error }));
      if (result.error) {
        assert.match(result.error.message, new RegExp(`\\(4\\)[\\s\\S]*${name}`), `${name} ${way}`);
        assert.match(result.error.message, /remove|delete|put/, `${name} ${way}: no remedy`);
      } else {
        if (name === "id_ecdsa.pub") assert.deepEqual(await readFile(join(data, name)), kept[name], `${name} ${way}`);
        else assert.match(result.started.output(), /a new owner is made/, `${name} ${way}`);
        await result.started.stop();
      }
      for (const [file, content] of Object.entries(kept)) await writeFile(join(data, file), content);
    }
  }
  server = await start(data);
  await server.stop();
});

test("the folder cannot be made: said with its name", async () => {
  const dir = await folder();
  await writeFile(join(dir, "file"), "");
  await assert.rejects(start(join(dir, "file", "data")), /\(4\)[\s\S]*\/file has to be a folder/);
  await mkdir(join(dir, "fine"));
});
