// What a new version of a module does first (@updated), and what would become of data (orochi check --against).

import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { call, cleanFolders, folder, orochi, serve, sql, until } from "./lib/server.mjs";

after(cleanFolders);

const source = (columns, hook = "") => `from orochi import *
@table(public=True)
class Player:
    id: PrimaryKey[u32]
    xp: u32
${columns}
@reducer
def join(ctx, id: u32):
    ctx.db.player.insert(id=id, xp=id * 100)
${hook}`;
const LEVEL = "    level: u32 = 0\n";
const HOOK = `@updated
def to_levels(ctx):
    for player in ctx.db.player:
        ctx.db.player.update(player, level=player.xp // 100 + player.level)
`;
const levels = async server => (await sql(server, "players", "SELECT id, level FROM player")).map(p => [p.id, p.level]).sort();

test("runs once for each version: at a start, not at the next, and at every reload before other calls", async () => {
  const dir = await folder(), path = join(dir, "players.py"), data = join(dir, "data");
  const start = () => serve(path, { flags: ["--data", data] });
  await writeFile(path, source(""));
  let server = await start();
  for (const id of [1, 2]) assert.equal((await call(server, "players", "join", [id])).status, 200);
  assert.equal(await server.stop(), 0);

  await writeFile(path, source(LEVEL, HOOK));
  server = await start();
  assert.deepEqual(await levels(server), [[1, 1], [2, 2]]);
  assert.equal(await server.stop(), 0);
  server = await serve(path, { flags: ["--data", data, "--watch"] });
  assert.deepEqual(await levels(server), [[1, 1], [2, 2]], "not at a start of the same version");

  await writeFile(path, source(LEVEL, HOOK + "# other code\n"));
  await until("it has run again", async () => (await levels(server))[0][1] === 2);
  assert.deepEqual(await levels(server), [[1, 2], [2, 4]]);
  await writeFile(path, source(LEVEL + "    more: u8 = 0\n", HOOK.replace("+ player.level", "")));
  await until("and with other tables", async () => (await levels(server))[0][1] === 1);
  await writeFile(path, source(LEVEL + "    more: u8 = 0\n", HOOK.replace("+ player.level", "").replace("        ctx", "        assert player.id < 2, 'too many'\n        ctx")));
  await until("a failure is told", () => /@updated has failed, and what it wrote is undone:/.test(server.output()));
  assert.equal((await call(server, "players", "join", [3])).status, 200, "the new version serves all the same");
  assert.equal((await call(server, "players", "to_levels", [])).status, 400, "nobody calls it");
  assert.equal(await server.stop(), 0);

  await writeFile(path, source(LEVEL + "    more: u8 = 0\n    last: u8 = 0\n", HOOK.replace("        ctx", "        assert player.id < 2, 'too many'\n        ctx")));
  const refused = await orochi(["run", path, "--data", data, "--listen", "127.0.0.1:0"]);
  assert.notEqual(refused.code, 0);
  assert.match(refused.text, /@updated has failed: .* It runs again at the next start/s);
});

test("new data has init instead", async () => {
  const dir = await folder(), path = join(dir, "players.py"), data = join(dir, "data");
  await writeFile(path, source(LEVEL, "@init\ndef first(ctx): ctx.db.player.insert(id=7, xp=900)\n" + HOOK));
  for (let n = 0; n < 2; n++) {
    const server = await serve(path, { flags: ["--data", data] });
    assert.deepEqual(await levels(server), [[7, 0]]);
    assert.equal(await server.stop(), 0);
  }
});

test("check --against says what would become of data, and touches nothing", async () => {
  const dir = await folder(), path = join(dir, "players.py"), data = join(dir, "data");
  await writeFile(path, source(""));
  const server = await serve(path, { flags: ["--data", data] });
  assert.equal((await call(server, "players", "join", [1])).status, 200);
  const check = (...more) => orochi(["check", path, "--against", data, ...more]);
  const same = await check();
  assert.deepEqual([same.code, /there is nothing to change/.test(same.stdout)], [0, true], same.text);
  await writeFile(path, source(LEVEL));
  const more = await orochi(["check", path, `--against=${data}`]);
  assert.equal(more.code, 0, more.text);
  assert.match(more.stdout, /level[^]*this is what would be done: nothing was changed/);
  await writeFile(path, source("    level: u32\n"));
  const refused = await check();
  assert.notEqual(refused.code, 0);
  assert.match(refused.text, /level/);
  await writeFile(path, source("    level: nonsense\n"));
  const wrong = await check();
  assert.notEqual(wrong.code, 0);
  assert.match(wrong.text, /nonsense/);
  assert.deepEqual((await readdir(data)).filter(name => name.startsWith("dry-run")), []);
  assert.deepEqual(await sql(server, "players", "SELECT * FROM player"), [{ id: 1, xp: 100 }]);
  assert.equal(await server.stop(), 0);
  assert.ok((await readFile(join(data, "players.db"))).length > 0);
});
