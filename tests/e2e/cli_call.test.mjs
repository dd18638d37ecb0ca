// The command line as a client of a server that runs: who it is, calls, what is served.
// Release: what it is about is Python.

import assert from "node:assert/strict";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { cleanFolders, folder, module, orochi, serve } from "./lib/server.mjs";

let server, data, config;
before(async () => {
  [data, config] = [await folder(), await folder()];
  server = await serve(module("game"), { flags: ["--data", data] });
});
after(async () => {
  await server?.stop();
  await cleanFolders();
});

const run = (command, ...words) => orochi([command, "--url", server.url, ...words], { env: { XDG_CONFIG_HOME: config } });
// Who asks in SQL is a player too: always the same one.
const rows = async query => JSON.parse((await run("sql", "--as", "reader", "--json", "-c", query)).stdout);
const users = async () => (await rows("SELECT identity, name FROM user")).map(u => u.name[1]).filter(name => typeof name === "string");
const players = async () => (await rows("SELECT count(*) AS n FROM user"))[0].n;

test("many calls are one player, and one of another name is another", async () => {
  assert.deepEqual(await run("call", "set_name", "Ann"), { code: 0, text: "", stdout: "", stderr: "" });
  const before = await players();
  for (let i = 0; i < 3; i++) assert.equal((await run("call", "nothing")).code, 0);
  assert.equal(await players(), before);
  assert.deepEqual(await users(), ["Ann"]);
  assert.equal((await run("call", "--as", "bob", "set_name", '"Bob"')).code, 0);
  assert.deepEqual((await users()).sort(), ["Ann", "Bob"]);
});

test("commands that begin at the same time make one identity", async () => {
  const before = await players();
  const ended = await Promise.all(Array.from({ length: 4 }, () => run("call", "--as", "twin", "nothing")));
  assert.deepEqual(ended.map(e => e.code), [0, 0, 0, 0]);
  assert.equal(await players(), before + 1);
});

test("tokens are kept for their owner alone, and go to no other server", async () => {
  const at = join(config, "orochi/identities"), file = join(at, `127.0.0.1_${server.port}.json`);
  assert.deepEqual((await readdir(at)).filter(name => name.endsWith(".json")), [`127.0.0.1_${server.port}.json`]);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  const [known] = Object.values(JSON.parse(await readFile(file, "utf8")));
  assert.ok(known.me && known.bob && known.me !== known.bob);
  // Another server at the same address has another key: it is shown a token of its own.
  await server.stop();
  const other = await serve(module("game"), { port: server.port });
  assert.equal((await run("call", "nothing")).code, 0);
  assert.equal(Object.keys(JSON.parse(await readFile(file, "utf8"))).length, 2);
  await other.stop();
  server = await serve(module("game"), { port: server.port, flags: ["--data", data] });
  assert.equal((await run("call", "nothing")).code, 0);
  assert.equal(Object.keys(JSON.parse(await readFile(file, "utf8"))).length, 2);
  assert.deepEqual((await users()).filter(name => name === "Ann"), ["Ann"]);
});

test("arguments are JSON, a text may stand without quotes", async () => {
  assert.equal((await run("call", "add_item", "7", "a cup", '{"BLUE": []}', '{"x": 1.5, "y": -2}', '["old"]')).text, "");
  assert.equal((await run("call", "count", "--args", '{"by": 3, "id": 5}')).text, "");
  assert.deepEqual(await rows("SELECT owner, label FROM item"), [{ owner: 7, label: "a cup" }]);
  assert.deepEqual(await rows("SELECT value FROM counter WHERE id = 5"), [{ value: 3 }]);
});

test("a mistake is told with what the function wants", async () => {
  for (const [words, code, ...patterns] of [
    [["count", "x", "1"], 1, /invalid arguments for reducer count: .*id/, /it is called as count\(id: u32, by: u64\)/],
    [["count", "1"], 1, /it is called as count\(id: u32, by: u64\)/],
    [["cuont", "1", "2"], 1, /there is no reducer or procedure cuont \(did you mean count\?\)/],
    [["set_name", ""], 1, /set_name: bad_name: a name must not be empty/, /code: "bad_name"/],
    [["bug"], 1, /^orochi: bug: /],
    [["count", "--args", "{"], 1, /--args: not JSON/],
    [["internal"], 1, /no such reducer: internal/, /it is private: --as owner calls it/],
    [["--ass", "bob", "nothing"], 2, /there is no flag --ass \(did you mean --as\?\)/],
    [["--as", "../bob", "nothing"], 1, /a name is 1 to 64 letters/],
  ]) {
    const ended = await run("call", ...words);
    assert.equal(ended.code, code, ended.text);
    for (const pattern of patterns) assert.match(ended.stderr, pattern);
    assert.equal(ended.stdout, "");
  }
});

test("the owner may do what a player may not", async () => {
  assert.equal((await run("call", "--as", "owner", "--data", data, "internal")).text, "");
  assert.match((await run("call", "--as", "owner", "internal")).stderr, /owner\.token.*--data/);
  assert.equal((await run("sql", "--as", "bob", "-c", "SELECT count(*) FROM secret")).code, 1);
});

test("a server tells what it serves", async () => {
  const { stdout, code } = await run("describe");
  assert.equal(code, 0);
  assert.match(stdout, /^game: \d+ tables, \d+ reducers\n/);
  assert.match(stdout, /table user \(public\)\n    identity  Identity +primary key/);
  assert.match(stdout, /add_item\(owner: u32, label: str, team: Team, pos: Vec2, tags: list\[str\]\)/);
  const served = JSON.parse((await run("describe", "--json")).stdout);
  assert.deepEqual(served, JSON.parse((await orochi(["describe", "--json", module("game")])).stdout));
});

test("a server that does not answer is told", async () => {
  const ended = await orochi(["call", "--url", "http://127.0.0.1:1", "nothing"], { env: { XDG_CONFIG_HOME: config } });
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /http:\/\/127\.0\.0\.1:1\/v1\/health does not answer/);
});
