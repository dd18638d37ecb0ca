// The environment of a module: declared in Python, given by flags, file and HTTP, read as ctx.env; and nowhere else.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile, stat, writeFile, copyFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { call, cleanFolders, folder, module, orochi, serve, sql, until } from "./lib/server.mjs";

const SECRET = "sw0rdf1sh-and-more";
const servers = [];
after(async () => {
  for (const server of servers) await server.stop();
  await cleanFolders();
});
const start = async (flags, options = {}) => {
  const server = await serve(options.path ?? module("environment"), { flags, env: options.env ?? {} });
  servers.push(server);
  return server;
};
const asOwner = async dir => ({ authorization: `Bearer ${(await readFile(join(dir, "owner.token"), "utf8")).trim()}` });
const path = server => `${server.url}/v1/database/environment/environment`;
const show = async server => (await fetch(`${server.url}/v1/database/environment/route/env`)).json();
const change = async (server, method, body, headers, query = "") => {
  const answer = await fetch(path(server) + query, { method, body: typeof body === "string" ? body : JSON.stringify(body), headers });
  return [answer.status, await answer.text()];
};

test("a required value is asked for before anything is touched", async () => {
  const dir = await folder();
  const refused = await orochi(["run", module("environment"), "--listen", "127.0.0.1:0", "--data", join(dir, "data")]);
  assert.notEqual(refused.code, 0);
  assert.match(refused.text, /environment key "KEY": required value is missing: give it with --env KEY=VALUE/);
  for (const [flags, words] of [[["--env", "KEY"], /no variable of that name/], [["--env", "1=x"], /invalid name/], [["--env", "KEY=x", "--env", "MODE=odd"], /"MODE": value does not satisfy/],
    [["--env", "KEY=x", "--env", "LIMIT=1.5"], /"LIMIT": value is not a whole number/], [["--env", "KEY=x", "--env", "LOUD=yes"], /"LOUD": value is not true or false/],
    [["--env", `KEY=${"x".repeat(8193)}`], /value exceeds size limit/]]) {
    const { code, text } = await orochi(["run", module("environment"), "--listen", "127.0.0.1:0", "--memory", ...flags]);
    assert.notEqual(code, 0);
    assert.match(text, words);
    assert.doesNotMatch(text, /odd|xxxx/, "no value is in a message");
  }
});

test("flags, the file and the process give values, typed", async () => {
  const dir = await folder();
  await writeFile(join(dir, "orochi.toml"), '[env]\nMODE = "live"\nLIMIT = "7"\nRATE = "2.5"\n');
  const server = await start(["--memory", "--config", join(dir, "orochi.toml"), "--env", "KEY", "--env", "LIMIT=8"], { env: { KEY: SECRET } });
  assert.deepEqual(await show(server), { mode: "live", limit: 8, rate: 2.5, loud: false, length: SECRET.length, has: [true, true], in_tx: "live" });
  await call(server, "environment", "tell", ["RATE"]);
  await call(server, "environment", "tell", ["NOTHING"]);
  await until("the log has the refusal", () => server.output().includes("environment key is not declared: NOTHING"));
  await call(server, "environment", "fails");
  assert.deepEqual((await sql(server, "environment", "SELECT * FROM told")).map(r => [r.key, r.value]).sort(), [["RATE", "2.5"], ["at init", `${SECRET.length} live`]]);
  assert.doesNotMatch(server.output(), new RegExp(SECRET));
  await writeFile(join(dir, "bad.toml"), "[env]\nLIMIT = 7\n");
  assert.match((await orochi(["run", module("environment"), "--config", join(dir, "bad.toml")])).text, /bad.toml:2: env.LIMIT: expected a text/);
});

test("the owner puts and patches values over HTTP; they stay, and are in no backup", async () => {
  const dir = await folder();
  const flags = ["--data", dir, "--env", "KEY=short"];
  let server = await start(flags);
  const owner = await asOwner(dir);
  assert.equal((await fetch(path(server))).status, 403);
  const seen = await (await fetch(path(server), { headers: owner })).json();
  assert.match(seen.module_hash, /^[0-9a-f]{64}$/);
  assert.deepEqual(seen.declarations.slice(0, 3), [{ name: "KEY", ty: "String", optional: false }, { name: "MODE", ty: { Union: ["test", "live"] }, optional: true }, { name: "LIMIT", ty: "String", optional: true }]);
  assert.deepEqual(seen.stored_keys, ["KEY"]);

  assert.deepEqual(await change(server, "PATCH", { MODE: "live", LIMIT: "3", OTHER: SECRET }, owner, `?expected_module_hash=${seen.module_hash}`), [200, '{"Ok":null}']);
  assert.deepEqual((({ mode, limit }) => [mode, limit])(await show(server)), ["live", 3]);
  assert.equal((await change(server, "PATCH", {}, owner, `?expected_module_hash=${"0".repeat(64)}`))[0], 409);
  for (const [body, words] of [[{ MODE: "odd" }, /MODE.*constraint/], [{ LIMIT: "many" }, /LIMIT.*whole number/], [{ "a b": "" }, /invalid name/], [{ MODE: 5 }, /no text/], ["[]", /JSON object/], ["{", /./],
    ['{"A":"1","A":"2"}', /conflicting/], [{ KEY: "x" }, /started with a value/], [{ BIG: "x".repeat(8193) }, /exceeds size limit/]]) {
    const [status, text] = await change(server, "PATCH", body, owner);
    assert.equal(status, 400, JSON.stringify(body).slice(0, 50));
    assert.match(text, words);
  }
  assert.equal((await change(server, "PATCH", {}, {}))[0], 403);
  assert.equal((await show(server)).mode, "live", "what is refused changes nothing");
  assert.equal((await change(server, "PATCH", {}, { ...owner, "spacetime-environment-remove": "LIMIT, NONE" }))[0], 200);
  assert.equal((await show(server)).limit, null);
  assert.equal((await stat(join(dir, "environment"))).mode & 0o777, 0o600);
  await server.stop();

  server = await start(flags);
  assert.equal((await show(server)).mode, "live", "it stays over a restart");
  assert.deepEqual((await (await fetch(path(server), { headers: owner })).json()).stored_keys, ["KEY", "MODE", "OTHER"]);
  assert.equal((await change(server, "PUT", { LOUD: "true" }, owner))[0], 200);
  assert.deepEqual((({ mode, loud }) => [mode, loud])(await show(server)), ["test", true]);
  assert.equal((await change(server, "PATCH", { OTHER: SECRET }, owner))[0], 200);
  await server.stop();
  const copy = join(await folder(), "copy.db");
  assert.equal((await orochi(["backup", copy, "--data", dir, "--name", "environment"])).code, 0, "a backup is made");
  assert.ok(!(await readFile(copy)).includes(SECRET));
  for (const name of await readdir(dir)) if (name !== "environment") assert.ok(!(await readFile(join(dir, name))).includes(SECRET), name);

  const without = await start(["--data", dir, "--env", "KEY=short"]);
  await without.stop();
  const missing = await orochi(["run", module("environment"), "--listen", "127.0.0.1:0", "--data", dir]);
  assert.match(missing.text, /"KEY": required value is missing/);
});

test("a start that is refused, since another server has the folder, takes nothing of its environment", async () => {
  const dir = await folder();
  const flags = ["--data", dir, "--env", "KEY=x"];
  const server = await start(flags), owner = await asOwner(dir);
  assert.equal((await change(server, "PATCH", { MODE: "live" }, owner))[0], 200);
  const refused = await orochi(["run", module("environment"), "--listen", "127.0.0.1:0", "--delete-data", ...flags]);
  assert.notEqual(refused.code, 0);
  await server.stop();
  const again = await start(flags);
  assert.equal((await show(again)).mode, "live");
  await again.stop();
  const anew = await start([...flags, "--delete-data"]);
  assert.equal((await show(anew)).mode, "test", "it goes with the data");
  await anew.stop();
  assert.equal((await show(await start(flags))).mode, "test");
});

test("a change for which there is no room is refused, and leaves all as it was", async () => {
  const dir = await folder();
  const server = await start(["--data", dir, "--env", "KEY=x"]), owner = await asOwner(dir);
  const limit = bytes => execFileSync("prlimit", ["--pid", `${server.child.pid}`, `--fsize=${bytes}:`]);
  assert.equal((await change(server, "PATCH", { LIMIT: "3" }, owner))[0], 200);
  limit(10);
  const [status, text] = await change(server, "PATCH", { LIMIT: "4" }, owner);
  assert.deepEqual([status, /^cannot write .*environment: File too large$/.test(text)], [500, true], text);
  assert.equal((await show(server)).limit, 3);
  assert.equal(await readFile(join(dir, "environment"), "utf8"), '{"LIMIT":"3"}\n');
  assert.deepEqual((await readdir(dir)).filter(name => name.endsWith(".tmp")), []);
  limit("unlimited");
  assert.equal((await change(server, "PATCH", { LIMIT: "5" }, owner))[0], 200);
  assert.equal((await show(server)).limit, 5);
});

test("a server that is killed among changes has the last that was answered, or the next, and no value lies beside the file", async () => {
  const dir = await folder(), flags = ["--data", dir, "--env", "KEY=x"];
  let sent = 0, answered = 0;
  for (let round = 0; round < 8; round++) {
    const server = await start(flags), owner = await asOwner(dir);
    const { limit } = await show(server);
    assert.ok((limit ?? 0) >= answered && (limit ?? 0) <= sent, `${limit}, and ${answered} of ${sent} were answered`);
    let ended = false;
    const changing = (async () => {
      while (!ended) {
        const status = await change(server, "PATCH", { LIMIT: `${++sent}`, OTHER: SECRET.repeat(100) }, owner).then(([code]) => code, () => 0);
        if (status === 200) answered = sent;
      }
    })();
    const before = answered;
    await until("some are answered", () => answered > before + round);
    await server.kill();
    ended = true;
    await changing;
  }
  await writeFile(join(dir, "environment.77.tmp"), SECRET); // as a kill between two steps leaves it
  const last = await start(flags);
  assert.ok((await show(last)).limit >= answered);
  assert.deepEqual((await readdir(dir)).filter(name => name.endsWith(".tmp")), []);
});

test("what would be missing is named, and a reload that asks for more is refused", async () => {
  const dir = await folder();
  const file = join(dir, "environment.py");
  await copyFile(module("environment"), file);
  const data = join(dir, "data");
  await start(["--data", data, "--env", "KEY=x"], { path: file }).then(s => s.stop());
  await writeFile(join(data, "environment"), JSON.stringify({ KEY: "kept" }), { mode: 0o600 });
  const server = await start(["--data", data, "--watch"], { path: file });
  const owner = await asOwner(data);
  assert.deepEqual(await change(server, "PUT", { MODE: "live" }, owner), [400, '{"Err":{"MissingRequiredEnvironment":{"keys":["KEY"]}}}']);
  assert.equal((await show(server)).mode, "test");
  const source = await readFile(file, "utf8");
  await writeFile(file, source.replace("    KEY: str\n", "    KEY: str\n    MORE: str\n"));
  await until("the reload is refused", () => /"MORE": required value is missing/.test(server.output()));
  assert.equal((await show(server)).mode, "test", "the old version serves on");
  assert.equal((await change(server, "PATCH", { MORE: "yes" }, owner))[0], 200);
  await writeFile(file, source.replace("    KEY: str\n", "    KEY: str\n    MORE: str\n") + "\n");
  await until("it is served", async () => (await (await fetch(path(server), { headers: owner })).json()).declarations.some(d => d.name === "MORE"));
});
