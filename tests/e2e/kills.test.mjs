// kill -9 in what happens beside transfers: @updated at a start and at a reload, and calls that are scheduled and taken back.
// Release: kills take long.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { random } from "./lib/crash.mjs";
import { BINARY, call, cleanFolders, folder, keep, module, serve, sql, until } from "./lib/server.mjs";

after(cleanFolders);

const seed = Number(process.env.OROCHI_SEED ?? Date.now() % 1_000_000);
const ROUNDS = Number(process.env.OROCHI_ROUNDS ?? 6);

const ROWS = 3000;
/** columns: how many it has beside the first two, for other declarations. */
const source = (version, columns = 0) => `from orochi import *
VERSION = ${version}

@table(public=True)
class Player:
    id: PrimaryKey[u32]
    level: u32 = 0
${Array.from({ length: columns }, (_, i) => `    more${i}: u8 = 0\n`).join("")}
@init
def first(ctx):
    ctx.db.player.insert_many([Player(id=i) for i in range(${ROWS})])

@updated
def to_levels(ctx):
    print(f"updated {VERSION}")
    for player in ctx.db.player:
        ctx.db.player.update(player, level=player.level + 1)
`;

/** The level that all players have: a run of @updated is whole, or was not. */
async function level(server) {
  const rows = await sql(server, "game", "SELECT * FROM player"), levels = [...new Set(rows.map(row => row.level))];
  assert.equal(rows.length, ROWS);
  assert.equal(levels.length, 1, `levels ${levels}`);
  return levels[0];
}

test("in @updated, at a start: it has run once for the version, for all rows, however often the start was killed", async () => {
  const dir = await folder(), path = join(dir, "game.py"), data = join(dir, "data"), rng = random(seed);
  const start = () => serve(path, { flags: ["--data", data] });
  await writeFile(path, source(0));
  let server = await start();
  assert.equal(await server.stop(), 0, server.output());
  for (let version = 1; version <= ROUNDS; version++) {
    await writeFile(path, source(version, version));
    for (let kill = 0; kill < 2; kill++) {
      // Some before it, some within, some between its end and the first client.
      const child = keep(spawn(BINARY, ["run", path, "--listen", "127.0.0.1:0", "--data", data], { stdio: ["ignore", "pipe", "pipe"] }));
      const ended = once(child, "exit");
      let text = "";
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", more => (text += more));
      if (rng.below(4) > 0) await until("it begins, or has run before", () => /updated \d|clients +ws/.test(text) || child.exitCode !== null);
      await new Promise(done => setTimeout(done, rng.below(60)));
      child.kill("SIGKILL");
      assert.deepEqual(await ended, [null, "SIGKILL"], text);
    }
    server = await start();
    assert.equal(await level(server), version, `seed ${seed}`);
    assert.equal(await server.kill(), null);
  }
});

test("in @updated, at a reload: all of it or nothing, and the next start makes up for it", async () => {
  const dir = await folder(), path = join(dir, "game.py"), data = join(dir, "data"), rng = random(seed + 1);
  const start = () => serve(path, { flags: ["--data", data, "--watch"] });
  await writeFile(path, source(0));
  let server = await start();
  for (let version = 1; version <= ROUNDS; version++) {
    const begun = server.output().length;
    await writeFile(path, source(version, Math.floor(version / 2))); // every other one has the same declarations
    await until("it begins", () => server.output().slice(begun).includes(`updated ${version}`));
    await new Promise(done => setTimeout(done, rng.below(60)));
    await server.kill();
    server = await start();
    assert.equal(await level(server), version, `seed ${seed}`);
  }
  assert.equal(await server.stop(), 0, server.output());
});

test("among calls that are scheduled and taken back: what was taken back never comes, all else once", async () => {
  const data = await folder(), COUNT = 40;
  const start = () => serve(module("cancels"), { flags: ["--data", data] });
  const ask = (server, name, first) => call(server, "cancels", name, [first, COUNT]).then(answer => answer.status, () => 0);
  let first = 0, confirmed = 0;
  let server = await start();
  for (let round = 0; round < ROUNDS; round++) {
    let ended = false;
    const planning = (async () => {
      for (; !ended; first += COUNT) {
        if ((await ask(server, "plan", first)) !== 200) continue;
        confirmed = first + COUNT;
        await ask(server, "take_back", first);
      }
    })();
    const before = confirmed;
    await until("some are planned", () => confirmed >= before + COUNT * (2 + round));
    await server.kill();
    ended = true;
    await planning;
    server = await start();
  }
  const planned = await sql(server, "cancels", "SELECT * FROM plan");
  const wanted = planned.filter(p => !p.back).map(p => p.n).sort((a, b) => a - b);
  const came = async () => (await sql(server, "cancels", "SELECT n FROM came")).map(row => row.n).sort((a, b) => a - b);
  assert.equal(planned.filter(p => p.back && p.n % 3 === 2).length, 0);
  await until("all that is to come has come", async () => (await came()).length >= wanted.length);
  assert.deepEqual(await came(), wanted);
  assert.ok(planned.some(p => p.back && p.n % 3 === 1), "some were taken back later");
  assert.equal(await server.stop(), 0, server.output());
});
