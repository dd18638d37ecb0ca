// Rows that only some may see: owner= and rls= of @table, in subscriptions, one-off queries and SQL, over changes and reloads.

import assert from "node:assert/strict";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { bindings, connect, rows, subscribe } from "./lib/client.mjs";
import { cleanFolders, folder, module, orochi, serve, until } from "./lib/server.mjs";

let dir, server, hidden, ann, bob, owner;

before(async () => {
  dir = await folder();
  await copyFile(module("hidden"), join(dir, "hidden.py"));
  hidden = await bindings(module("hidden"));
  server = await serve(join(dir, "hidden.py"), { flags: ["--data", join(dir, "data"), "--watch"] });
  const token = (await readFile(join(dir, "data/owner.token"), "utf8")).trim();
  [ann, bob, owner] = await Promise.all([open(), open(), open({ token })]);
});
after(async () => {
  const code = await server?.stop();
  await cleanFolders();
  assert.equal(code, 0, server?.output());
});

const open = options => connect(hidden, server, "hidden", options);
const faces = client => rows(client.conn.db.card).map(card => card.face).sort();
const query = async (client, text) => {
  const headers = client ? { authorization: `Bearer ${client.token}` } : {};
  const answer = await fetch(`${server.url}/v1/database/hidden/sql`, { method: "POST", body: text, headers });
  assert.equal(answer.status, 200, await answer.clone().text());
  return (await answer.json())[0].rows;
};

test("a player's rows come to him alone, from the first and as they change hands", async () => {
  await ann.conn.reducers.draw({ face: "ace" });
  for (const client of [owner, ann, bob]) await subscribe(client, "SELECT * FROM card");
  assert.deepEqual([faces(ann), faces(bob), faces(owner)], [["ace"], [], ["ace"]]);
  await bob.conn.reducers.draw({ face: "king" });
  await ann.conn.reducers.draw({ face: "ten" });
  await until("the owner has seen all", () => faces(owner).length === 3);
  assert.deepEqual([faces(ann), faces(bob)], [["ace", "ten"], ["king"]]);
  const ten = rows(ann.conn.db.card).find(card => card.face === "ten");
  await ann.conn.reducers.give({ card: ten.id, to: bob.identity });
  assert.deepEqual(faces(ann), ["ace"]);
  await until("Bob has it", () => faces(bob).length === 2);
  assert.deepEqual(faces(bob), ["king", "ten"]);
});

test("whatever is asked for, by whichever way: only of the rows that one may see", async () => {
  const all = "SELECT * FROM card";
  assert.deepEqual([await query(undefined, all), (await query(ann, all)).length, (await query(owner, all)).length], [[], 1, 3]);
  for (const [text, of] of [["SELECT COUNT(*) AS n FROM card", [[1]]], ["SELECT count(*) FROM card c JOIN card d ON c.id <> d.id", [[0]]],
    ["SELECT max(face) FROM (SELECT * FROM card ORDER BY face DESC LIMIT 1)", [["ace"]]], ["SELECT face FROM card WHERE face = 'king' OR TRUE", [["ace"]]],
    ["SELECT face FROM card WHERE id = 2", []], ["SELECT face FROM card LIMIT 1", [["ace"]]]])
    assert.deepEqual(await query(ann, text), of, text);
  const fresh = await open();
  await subscribe(fresh, "SELECT * FROM card WHERE face = 'ace' OR TRUE", "SELECT * FROM card");
  assert.deepEqual(faces(fresh), []);
  fresh.conn.disconnect();
});

test("of several filters one is enough", async () => {
  await ann.conn.reducers.write({ to: bob.identity, open: false, text: "for Bob" });
  await ann.conn.reducers.write({ to: ann.identity, open: false, text: "diary" });
  await ann.conn.reducers.write({ to: ann.identity, open: true, text: "poster" });
  const texts = async who => (await query(who, "SELECT text FROM letter")).map(row => row[0]).sort();
  assert.deepEqual([await texts(ann), await texts(bob), await texts(undefined), (await texts(owner)).length],
    [["diary", "for Bob", "poster"], ["for Bob", "poster"], ["poster"], 3]);
  for (const client of [ann, bob]) await subscribe(client, "SELECT * FROM letter WHERE text <> 'diary'");
  assert.deepEqual([rows(ann.conn.db.letter).length, rows(bob.conn.db.letter).length], [2, 2]);
});

test("an event for one is told to one", async () => {
  const heard = { ann: [], bob: [] };
  ann.conn.db.whisper.onInsert((_, row) => heard.ann.push(row.text));
  bob.conn.db.whisper.onInsert((_, row) => heard.bob.push(row.text));
  for (const client of [ann, bob]) await subscribe(client, "SELECT * FROM whisper");
  await ann.conn.reducers.whisper({ to: bob.identity, text: "psst" });
  await bob.conn.reducers.whisper({ to: ann.identity, text: "what?" });
  await until("both have heard", () => heard.ann.length && heard.bob.length);
  assert.deepEqual(heard, { ann: ["what?"], bob: ["psst"] });
});

test("what is wrong with a filter is told with its place", async () => {
  const cases = [['@table(public=True, owner="who")', /owner= names the column 'who', which it does not have/], ['@table(owner="player")', /public=True/],
    ['@table(public=True, owner="n")', /owner= names the column n, which is no Identity/], ["@table(public=True, rls='SELECT * FROM b')", /row filter `SELECT \* FROM b`/],
    ["@table(public=True, rls='SELECT * FROM a WHERE nobody = :sender')", /`nobody` is not in scope/], ["@table(public=True, rls='SELECT')", /row filter `SELECT`/]];
  for (const [decorator, words] of cases) {
    const file = join(dir, "wrong.py");
    await writeFile(file, `from orochi import *\n\n${decorator}\nclass A:\n    player: Identity\n    n: u32\n\n@table(public=True)\nclass B:\n    n: u32\n`);
    const { code, text } = await orochi(["check", file]);
    assert.equal(code, 1, `${decorator}: ${text}`);
    assert.match(text, words);
    assert.match(text, /wrong\.py:\d+/);
  }
});

test("a filter that comes with a new version holds for who is connected", async () => {
  const text = await readFile(join(dir, "hidden.py"), "utf8");
  await subscribe(bob, "SELECT * FROM seat");
  assert.ok(rows(bob.conn.db.seat).length > 0);
  await writeFile(join(dir, "hidden.py"), text.replace("@table(public=True)\nclass Seat", '@table(public=True, owner="player")\nclass Seat'));
  await bob.closed;
  const again = await open({ token: bob.token });
  await subscribe(again, "SELECT * FROM seat");
  assert.deepEqual(rows(again.conn.db.seat).map(seat => seat.player.isEqual(bob.identity)), [true]);
  again.conn.disconnect();
});
