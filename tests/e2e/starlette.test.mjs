// Starlette, as pip installs it, inside of a module: its routes, middleware, streams and functions that are not async.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { cleanFolders, folder, module, orochi, serve, until } from "./lib/server.mjs";

let server, why;
before(async () => {
  const version = /CPython (\d+\.\d+)/.exec((await orochi(["version"])).text)?.[1] ?? "3.13";
  const dir = join(await folder(), "venv");
  try {
    execFileSync(process.env.OROCHI_PYTHON ?? `python${version}`, ["-m", "venv", dir], { stdio: "pipe" });
    execFileSync(join(dir, "bin/pip"), ["install", "-q", "starlette"], { stdio: "pipe", timeout: 120_000 });
  } catch (error) {
    why = `pip cannot install starlette here: ${error.message.slice(0, 200)}`;
    return;
  }
  server = await serve(module("starlettes"), { flags: ["--memory", "--venv", dir] });
});
after(async () => {
  if (server) assert.equal(await server.stop(), 0, server.output().slice(-3000));
  await cleanFolders();
});
const ask = (path, options) => fetch(`${server.url}/v1/database/starlettes/route/app${path}`, options);

test("its application answers from tables, and changes them", async t => {
  if (why) return t.skip(why);
  const put = await ask("/score/ann", { method: "PUT", body: '{"points":5}' });
  assert.deepEqual([put.status, await put.json(), put.headers.get("x-seen")], [201, { points: 5 }, "yes"]);
  assert.deepEqual(await (await ask("/score/ann")).json(), { points: 5, url: `${server.url}/v1/database/starlettes/route/app/score/x` });
});

test("what is not async, streams, and what it has no route for", async t => {
  if (why) return t.skip(why);
  assert.equal(await (await ask("/plain")).text(), "plain");
  assert.equal(await (await ask("/deep/stream")).text(), "0;1;2;");
  assert.deepEqual([(await ask("/nope")).status, (await ask("/plain", { method: "POST" })).status], [404, 405]);
  assert.deepEqual(await Promise.all(Array.from({ length: 40 }, () => ask("/plain").then(a => a.text()))), Array(40).fill("plain"));
});

test("its exceptions are told to the log alone", async t => {
  if (why) return t.skip(why);
  const fault = await ask("/fault");
  assert.deepEqual([fault.status, await fault.text()], [500, "The instance encountered a fatal error."]);
  await until("the log has it", () => server.output().includes("RuntimeError: secret"));
});
