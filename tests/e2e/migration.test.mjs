// Columns that go or get another name: what the author is told, what he writes, and that later saves are served.

import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { call, cleanFolders, folder, orochi, serve, sql, until } from "./lib/server.mjs";

after(cleanFolders);

const hero = (columns, options = "", insert = "id=id, name=f'hero {id}', score=id * 10", extra = "") => `from orochi import AutoInc, PrimaryKey, reducer, table, u32
@table(public=True${options})
class Hero:
${columns.map(column => `    ${column}\n`).join("")}
@reducer
def add(ctx, id: u32):
    ctx.db.hero.insert(${insert})
${extra}`;
const ALL = ["id: PrimaryKey[u32]", "score: u32", "name: str"];

async function begin(flags = []) {
  const dir = await folder(), path = join(dir, "heroes.py"), data = join(dir, "data");
  await writeFile(path, hero(ALL));
  const start = (more = flags) => serve(path, { flags: ["--data", data, ...more] });
  const server = await start();
  for (const id of [1, 2, 3]) assert.equal((await call(server, "heroes", "add", [id])).status, 200);
  let reloads = 0;
  const save = async (running, text, want) => {
    await writeFile(path, text);
    reloads++;
    const lines = () => running.output().match(/reloaded in|was not reloaded/g) ?? [];
    await until("it is looked at", () => lines().length >= reloads);
    assert.match(lines().at(-1), want, running.output());
  };
  return { path, data, server, start, save };
}

test("a removed column under --watch: where, what to write, and then it goes on", async () => {
  const { data, server, start, save } = await begin(["--watch"]);
  const less = ["id: PrimaryKey[u32]", "name: str"], insert = "id=id, name='new'";
  await save(server, hero(less, "", insert), /not reloaded/);
  assert.match(server.output(), /heroes\.py:3: Removing a column score from table hero requires a manual migration: put it back.*@table\(dropped=\["score"\]\).*renamed=/);
  await save(server, hero(less, ', dropped=["score"]', insert), /reloaded in/);
  assert.deepEqual(await sql(server, "heroes", "SELECT * FROM hero WHERE id = 2"), [{ id: 2, name: "hero 2" }]);
  assert.equal((await call(server, "heroes", "add", [4])).status, 200);
  await save(server, hero(less, ', dropped=["score"]', insert, "# a later save\n"), /reloaded in/);
  await save(server, hero(less, "", insert, "# and without the word\n"), /reloaded in/);
  await server.kill();
  const kept = (await readdir(data)).find(name => /^heroes\.db\.before-\d+$/.test(name));
  assert.ok(kept, `${await readdir(data)}`);
  let again = await start();
  assert.equal((await sql(again, "heroes", "SELECT id FROM hero")).length, 4);
  await again.stop();
  // The copy holds what was given up.
  const restored = await orochi(["restore", join(data, kept), "--data", data, "--force"]);
  assert.equal(restored.code, 0, restored.text);
  await assert.rejects(start([]), /Removing a column score/);
});

test("a renamed column keeps its values, at a start and at a reload, wherever it stands", async () => {
  for (const how of ["start", "reload"]) {
    const { path, server, start, save } = await begin(how === "reload" ? ["--watch"] : []);
    const now = hero(["id: PrimaryKey[u32]", "points: u32", "name: str", "level: u32 = 5"], ', renamed={"score": "points"}',
      "id=id, name='x', points=1");
    let running = server;
    if (how === "reload") {
      await save(server, now, /reloaded in/);
    } else {
      await server.stop();
      await writeFile(path, now);
      running = await start();
    }
    assert.deepEqual(await sql(running, "heroes", "SELECT * FROM hero WHERE id = 3"), [{ id: 3, points: 30, name: "hero 3", level: 5 }]);
    assert.equal((await call(running, "heroes", "add", [9])).status, 200);
    await running.kill();
    running = await start();
    assert.equal((await sql(running, "heroes", "SELECT * FROM hero WHERE points = 20")).length, 1);
    assert.equal(await running.stop(), 0);
  }
});

test("a column that was added and not used may be taken back", async () => {
  for (const how of ["start", "reload"]) {
    const { path, server, start, save } = await begin(how === "reload" ? ["--watch"] : []);
    const more = hero([...ALL, "mana: u32 = 7"]);
    let running = server;
    const change = async (text, want = /reloaded in/) => {
      if (how === "reload") return save(running, text, want);
      await running.stop();
      await writeFile(path, text);
      running = await start();
    };
    await change(more);
    assert.equal((await sql(running, "heroes", "SELECT id FROM hero WHERE mana = 7")).length, 3);
    await change(hero(ALL));
    assert.deepEqual(await sql(running, "heroes", "SELECT * FROM hero WHERE id = 1"), [{ id: 1, score: 10, name: "hero 1" }]);
    await change(hero([...ALL, "mana: u32 = 7"], "", "id=id, name='used', score=1, mana=8"));
    assert.equal((await call(running, "heroes", "add", [4])).status, 200);
    if (how === "reload") await save(running, hero(ALL), /not reloaded/);
    await running.stop();
    await writeFile(path, hero(ALL));
    await assert.rejects(start([]), /heroes\.py:3: Removing a column mana/);
  }
});

test("a column made unique over equal values: refused before another column is given up", async () => {
  const { data, path, server, start } = await begin();
  assert.equal((await sql(server, "heroes", "SELECT id FROM hero")).length, 3);
  await server.stop();
  const equal = hero(ALL, "", "id=id, name='x', score=7");
  await writeFile(path, equal);
  let running = await start();
  for (const id of [11, 12]) assert.equal((await call(running, "heroes", "add", [id])).status, 200);
  await running.stop();
  await writeFile(path, hero(["id: PrimaryKey[u32]", "score: Unique[u32]"], ', dropped=["name"]', "id=id, score=id").replace("u32\n", "u32, Unique\n"));
  await assert.rejects(start(), /heroes\.py:3: table hero: several rows have one value of "?score"?, which is unique now/);
  assert.ok(!(await readdir(data)).some(name => name.includes(".before-")), "nothing was given up");
  await writeFile(path, equal);
  running = await start();
  assert.equal((await sql(running, "heroes", "SELECT id FROM hero WHERE name = 'x'")).length, 2);
  await running.stop();
});

test("a sequence stays with its column when one before it goes", async () => {
  const dir = await folder(), path = join(dir, "heroes.py"), data = join(dir, "data");
  const text = (columns, options) => hero(columns, options, "id=0, n=id");
  await writeFile(path, text(["junk: u32 = 3", "id: PrimaryKey[AutoInc[u32]]", "n: u32"], ""));
  const start = () => serve(path, { flags: ["--data", data] });
  let server = await start();
  for (const n of [1, 2]) assert.equal((await call(server, "heroes", "add", [n])).status, 200);
  await server.stop();
  await writeFile(path, text(["id: PrimaryKey[AutoInc[u32]]", "n: u32"], ', dropped="junk"'));
  server = await start();
  assert.equal((await call(server, "heroes", "add", [3])).status, 200);
  const ids = (await sql(server, "heroes", "SELECT id FROM hero")).map(row => row.id).sort((a, b) => a - b);
  assert.ok(ids[2] > 4000, `${ids}: the block goes on`);
  assert.equal(await server.stop(), 0);
});

test("dropped= and renamed= that make no sense are told with their line", async () => {
  const dir = await folder(), path = join(dir, "heroes.py");
  for (const [options, want] of [
    [', dropped=["name"]', /heroes\.py:3: table hero: dropped= names the column 'name', which it has/],
    [', renamed={"old": "nane"}', /heroes\.py:3: table hero: renamed= says that 'old' is 'nane' now, a column that it does not have \(it has id, score, name\)/],
    [', renamed={"score": "name"}', /heroes\.py:3: table hero: renamed= says that 'score' is 'name' now, but the column 'score' is there/],
  ]) {
    await writeFile(path, hero(ALL, options));
    const checked = await orochi(["check", path]);
    assert.notEqual(checked.code, 0);
    assert.match(checked.text, want);
  }
});
