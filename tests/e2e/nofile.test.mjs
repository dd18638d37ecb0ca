// Something else than a file under the name of one of ours: said with the path and what to do, and nobody waits for it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cp, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { cleanFolders, folder, module, orochi, serve } from "./lib/server.mjs";

after(cleanFolders);

const ledger = module("ledger");
const start = (data, more = []) => serve(ledger, { flags: ["--data", data, ...more] });
const WAYS = {
  "a folder": path => mkdir(path),
  "a FIFO": async path => execFileSync("mkfifo", [path]),
  "a link": async path => {
    await writeFile(`${path}.elsewhere`, "nothing");
    await symlink(`${path}.elsewhere`, path);
  },
  "a link that leads nowhere": path => symlink(`${path}.nowhere`, path),
};

test("owner.token and the keys as a folder, a FIFO or a link", async () => {
  const data = await folder();
  let server = await start(data);
  await server.stop();
  for (const name of ["owner.token", "id_ecdsa", "id_ecdsa.pub"]) {
    const kept = await readFile(join(data, name));
    for (const [what, put] of Object.entries(WAYS)) {
      await rm(join(data, name), { recursive: true });
      await put(join(data, name));
      const words = what.replace(" that leads nowhere", "");
      await assert.rejects(start(data), error => {
        assert.match(error.message, new RegExp(`\\(4\\)[\\s\\S]*${name.replace(".", "\\.")} is ${words} and has to be a file: move it away; (put the file back from a copy, or (delete|remove))`), `${name} as ${what}`);
        return true;
      });
      await rm(join(data, name), { recursive: true });
      await writeFile(join(data, name), kept);
    }
  }
  server = await start(data);
  assert.doesNotMatch(server.output(), /a new owner/);
  await server.stop();
});

test("a configuration, a certificate and a key that are a FIFO or a folder", async () => {
  const dir = await folder();
  for (const what of ["a FIFO", "a folder"]) {
    const path = join(dir, what.replace(" ", "-"));
    await WAYS[what](path);
    const config = await orochi(["run", ledger, "--memory", "--config", path]);
    assert.equal(config.code, 2, config.text);
    assert.match(config.text, new RegExp(path));
    const tls = await orochi(["run", ledger, "--memory", "--listen", "127.0.0.1:0", "--set", `net.tls_cert=${path}`, "--set", `net.tls_key=${path}`]);
    assert.notEqual(tls.code, 0, tls.text);
    assert.match(tls.text, new RegExp(`TLS cannot use ${path}`));
  }
});

test("a backup that is a folder or a FIFO", async () => {
  const dir = await folder(), data = join(dir, "data");
  const server = await start(data);
  await server.stop();
  for (const what of ["a FIFO", "a folder"]) {
    const path = join(dir, what.replace(" ", "-"));
    await WAYS[what](path);
    for (const words of [["restore", path, "--data", data, "--name", "ledger", "--force"], ["restore", path, "--data", join(dir, "new"), "--name", "x"]]) {
      const restored = await orochi(words);
      assert.equal(restored.code, 4, restored.text);
      assert.match(restored.text, new RegExp(path));
    }
  }
  await cp(data, join(dir, "copy"), { recursive: true });
});
