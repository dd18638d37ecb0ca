// The log over HTTP, and `orochi logs`.
// Release: what it is about is Python.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { BINARY, call, cleanFolders, folder, keep, module, orochi, serve, until } from "./lib/server.mjs";

let server, data, owner;
before(async () => {
  data = await folder();
  server = await serve(module("game"), { flags: ["--data", data] });
  owner = { authorization: `Bearer ${(await readFile(join(data, "owner.token"), "utf8")).trim()}` };
});
after(async () => {
  await server?.stop();
  await cleanFolders();
});

const get = (query = "", headers = owner) => fetch(`${server.url}/v1/database/game/logs${query}`, { headers });
const lines = async query => (await (await get(query)).text()).split("\n").filter(line => line).map(line => JSON.parse(line));
const refuse = text => call(server, "game", "set_name", [text]); // leaves a line for an empty one

test("the newest lines, for the owner alone", async () => {
  await refuse(" ");
  const all = await lines();
  const last = all.findLast(line => line.target === "refused");
  assert.deepEqual(Object.keys(last), ["level", "ts", "target", "message"]);
  assert.equal(last.level, "Info");
  assert.match(last.message, /set_name.*a name must not be empty/);
  assert.ok(Math.abs(last.ts / 1000 - Date.now()) < 600_000);
  assert.ok(all.every((line, i) => i === 0 || line.ts >= all[i - 1].ts));
  assert.deepEqual(await lines("?num_lines=1"), (await lines()).slice(-1));
  assert.equal((await get()).headers.get("content-type"), "application/x-ndjson");
  for (const headers of [{}, { authorization: (await newcomer()) }]) {
    const answer = await get("", headers);
    assert.equal(answer.status, 403);
    assert.match(await answer.text(), /is not authorized to perform action: view logs/);
  }
  for (const query of ["?num_lines=many", "?num_lines=-1", "?num_lines=99999999999", "?follow=perhaps"]) assert.equal((await get(query)).status, 400, query);
});

async function newcomer() {
  return `Bearer ${(await (await fetch(`${server.url}/v1/identity`, { method: "POST" })).json()).token}`;
}

test("whoever follows is told line by line, and costs nothing when he has gone", async () => {
  const stop = new AbortController();
  const answer = await fetch(`${server.url}/v1/database/game/logs?follow=true`, { headers: owner, signal: stop.signal });
  let text = "";
  const reading = (async () => { for await (const piece of answer.body) text += Buffer.from(piece); })().catch(() => {});
  for (let i = 1; i <= 3; i++) {
    await call(server, "game", `nothing_${i}`, []);
    // The log leaves out what comes too fast from one place: each is waited for.
    await until("the line is there", async () => { if (text.includes(`nothing_${i}`)) return true; await call(server, "game", `nothing_${i}`, []); });
  }
  assert.ok(text.split("\n").filter(line => line).every(line => JSON.parse(line).message));
  stop.abort();
  await reading;
  assert.ok((await fetch(`${server.url}/v1/ping`)).ok);
  const head = await fetch(`${server.url}/v1/database/game/logs?follow=true`, { headers: owner, method: "HEAD" });
  assert.equal(head.status, 200);
});

test("the oldest lines go when there are too many, and what a stranger says stays one line of JSON", async () => {
  const noisy = await folder();
  await writeFile(join(noisy, "noisy.py"), `from orochi import *
@reducer
def shout(ctx: ReducerContext, n: u32):
    for i in range(50):
        ctx.log.info("%d %s", n, "x" * 1000)

@reducer
def say(ctx: ReducerContext, text: str):
    ctx.log.info(text)
`);
  const kept = await folder(), other = await serve(join(noisy, "noisy.py"), { flags: ["--data", kept] });
  for (let n = 0; n < 30; n++) assert.ok((await call(other, "noisy", "shout", [n])).ok);
  const token = (await readFile(join(kept, "owner.token"), "utf8")).trim();
  const said = 'a"\\\n\u0001\u2028é</b';
  assert.ok((await call(other, "noisy", "say", [said])).ok);
  const text = await (await fetch(`${other.url}/v1/database/noisy/logs`, { headers: { authorization: `Bearer ${token}` } })).text();
  assert.ok(JSON.parse(text.trimEnd().split("\n").at(-1)).message.endsWith(`: ${said}`), text.slice(-200));
  assert.ok(text.length < 1.5 * 2 ** 20, `${text.length}`);
  assert.match(text, / 29 x/);
  assert.doesNotMatch(text, / 0 x/);
  await other.stop();
});

test("orochi logs: as the server's own, or JSON; and it follows until the server stops", async () => {
  await refuse(" ");
  const ask = (...words) => orochi(["logs", "--url", server.url, "--data", data, ...words]);
  const [plain, json] = [await ask("-n", "1000"), await ask("--json", "--level", "info")];
  assert.deepEqual([plain.code, json.code], [0, 0], plain.text);
  assert.match(plain.stdout, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO  refused: .*set_name/m);
  assert.ok(json.stdout.split("\n").filter(line => line).every(line => JSON.parse(line)));
  assert.doesNotMatch((await ask("--level", "error")).stdout, / INFO /);
  assert.match((await orochi(["logs", "--url", server.url])).stderr, /owner\.token.*--data/);

  const following = keep(spawn(BINARY, ["logs", "-f", "--url", server.url, "--data", data], { stdio: ["ignore", "pipe", "pipe"] }));
  let text = "", said = "";
  following.stdout.setEncoding("utf8").on("data", more => (text += more));
  following.stderr.setEncoding("utf8").on("data", more => (said += more));
  await until("a line that came later is printed", async () => { if (text.includes("of_later")) return true; await call(server, "game", "of_later", []); });
  await server.stop();
  assert.equal(await following.closed, 1);
  assert.match(said, /has stopped/);
});
