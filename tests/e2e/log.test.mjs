// The log: nobody waits for whoever reads it, strangers do not fill it, and its descriptors are its own.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { call, Raw, TAG, u32 } from "./lib/raw.mjs";
import { BINARY, SLOW, cleanFolders, folder, keep, serve, sql, until, PATIENCE } from "./lib/server.mjs";

after(cleanFolders);

const MODULE = `
from orochi import AutoKey, ReducerContext, reducer, table, u32, u64

@table(public=True)
class Note:
    id: AutoKey[u64] = 0
    n: u32

@reducer
def put(ctx: ReducerContext, n: u32):
    ctx.db.note.insert(n=n)

@reducer
def fail(ctx: ReducerContext, n: u32):
    raise RuntimeError("x" * n)

@reducer
def chatter(ctx: ReducerContext, n: u32):
    for i in range(n):
        print("line", i, "." * 100)

@reducer
def long(ctx: ReducerContext, n: u32):
    print("y" * n)
`;

async function noisy() {
  const path = join(await folder(), "noisy.py");
  await writeFile(path, MODULE);
  return path;
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** A server whose output goes where `stdio` says, so that its port has to be chosen here. */
async function serveBlind(command, parameters, stdio, path) {
  const port = await freePort();
  const child = keep(spawn(command, [...parameters, "run", path, "--listen", `127.0.0.1:${port}`, "--workers", "2", "--data", await folder()],
    { stdio }));
  const ended = once(child, "exit");
  const url = `http://127.0.0.1:${port}`;
  await until("it answers", () => fetch(`${url}/v1/ping`).then(() => true, () => child.exitCode !== null));
  assert.equal(child.exitCode, null, "it ended");
  return { child, ended, url, ws: `ws://127.0.0.1:${port}`, port, data: child.spawnargs.at(-1) };
}

test("a pipe that nobody reads stops nothing", async () => {
  const pipe = join(await folder(), "pipe");
  execFileSync("mkfifo", [pipe]);
  const fd = openSync(pipe, constants.O_RDWR); // held open, never read
  const server = await serveBlind(BINARY, [], ["ignore", fd, fd], await noisy());
  try {
    const raw = new Raw(server, "noisy");
    await raw.wait(1, TAG.INITIAL);
    for (let i = 0; i < 60; i++) raw.send(call(i, "chatter", u32(900)), call(100 + i, "fail", u32(100_000)), call(200 + i, "no_such", u32(1)));
    for (let i = 0; i < 60; i++) await fetch(`${server.url}/v1/database/noisy/call/no_such`, { method: "POST", headers: { "content-type": "application/json" }, body: "[1]" });
    raw.send(call(999, "put", u32(7)));
    await raw.wait(181, TAG.RESULT);
    assert.equal(raw.messages.find(m => m.request === 999).outcome, 1);
    assert.equal((await sql(server, "noisy", "SELECT * FROM note")).length, 1);
    const metrics = await (await fetch(`${server.url}/v1/metrics`)).text();
    assert.match(metrics, /^orochi_log_lines_dropped_total [1-9]/m);
  } finally {
    server.child.kill("SIGTERM");
  }
  const late = setTimeout(() => server.child.kill("SIGKILL"), PATIENCE);
  assert.deepEqual(await server.ended, [0, null]);
  clearTimeout(late);
  closeSync(fd);
});

test("what is wrong at a start is told to nobody who reads, and still ends", async () => {
  const pipe = join(await folder(), "pipe");
  execFileSync("mkfifo", [pipe]);
  const fd = openSync(pipe, constants.O_RDWR);
  const full = keep(spawn("dd", ["if=/dev/zero", "bs=4096", "count=100", `of=${pipe}`, "conv=nocreat", "oflag=nonblock"], { stdio: "ignore" }));
  await once(full, "exit"); // the pipe is full
  const path = join(await folder(), "wrong.py");
  await writeFile(path, "this is no Python\n");
  const child = keep(spawn(BINARY, ["run", path, "--memory", "--listen", "127.0.0.1:0"], { stdio: ["ignore", fd, fd] }));
  const late = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
  assert.deepEqual(await once(child, "exit"), [1, null]);
  clearTimeout(late);
  closeSync(fd);
});

test("without standard input, output and error, no file takes their place", async () => {
  const server = await serveBlind("/bin/sh", ["-c", 'exec "$0" "$@" <&- >&- 2>&-', BINARY], "ignore", await noisy());
  const answer = await fetch(`${server.url}/v1/database/noisy/call/fail`, {
    method: "POST", headers: { "content-type": "application/json" }, body: "[10]" });
  assert.equal(answer.status, 530);
  for (const fd of [0, 1, 2])
    assert.match(execFileSync("readlink", [`/proc/${server.child.pid}/fd/${fd}`]).toString(), /^\/dev\/null/);
  server.child.kill("SIGTERM");
  assert.deepEqual(await server.ended, [0, null]);
  for (const name of execFileSync("ls", ["-A", server.data]).toString().split("\n").filter(Boolean))
    assert.doesNotMatch((await readFile(join(server.data, name))).toString("latin1"), /ERROR module: fail|stopping/, name);
});

test("strangers fill no log: neither with many lines nor with long ones", async () => {
  const server = await serve(await noisy());
  const raw = new Raw(server, "noisy");
  await raw.wait(1, TAG.INITIAL);
  const wrong = Buffer.alloc(3); // no u32
  for (let i = 0; i < 20; i++)
    raw.send(...Array.from({ length: 1000 }, (_, n) => call(i * 1000 + n, n % 2 ? "put" : "nothing_like_it", wrong)));
  await raw.wait(20_000, TAG.RESULT);
  raw.send(call(1, "fail", u32(30_000_000)), call(2, "long", u32(30_000_000)), call(3, "put", u32(1)));
  await raw.wait(20_003, TAG.RESULT);
  await server.stop();
  const lines = server.output().split("\n");
  assert.ok(lines.length < 500 * SLOW, `${lines.length} lines`);
  assert.ok(Math.max(...lines.map(line => line.length)) < 20_000);
  for (const cut of [/x \.\.\. \(30000000 characters in all\)/, /y \.\.\. \(\d+ more bytes\)/]) // not assert.match, which would show all of it
    assert.ok(cut.test(server.output()), `${cut}`);
});

test("a call that says too much says how much was left out", async () => {
  const server = await serve(await noisy());
  const raw = new Raw(server, "noisy");
  await raw.wait(1, TAG.INITIAL);
  raw.send(call(1, "chatter", u32(5000)));
  await raw.wait(1, TAG.RESULT);
  await until("it is told", () => /4000 more lines of this call left out/.test(server.output()));
  assert.equal(server.output().match(/chatter: .*line \d+/g).length, 1000);
  await server.stop();
});
