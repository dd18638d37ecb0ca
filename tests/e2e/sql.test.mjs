// Full SQL over the live state: joins, aggregates, windows, JSON, who sees what, what it may cost.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { join } from "node:path";
import { Raw, TAG, subscribe } from "./lib/raw.mjs";
import { call, cleanFolders, folder, module, orochi, serve } from "./lib/server.mjs";

const db = "sqls";
let server, owner, data;
before(async () => {
  data = await folder();
  server = await serve(module("sqls"), { flags: ["--data", data, "--set", "query.max_steps=3000000"] });
  owner = (await readFile(join(data, "owner.token"), "utf8")).trim();
  assert.equal((await call(server, db, "fill", [40, 2000])).status, 200);
});
after(async () => {
  await server.stop();
  await cleanFolders();
});

const ask = (query, token) =>
  fetch(`${server.url}/v1/database/${db}/sql`, { method: "POST", body: query, headers: token ? { authorization: `Bearer ${token}` } : {} });
async function rows(query, token) {
  const answer = await ask(query, token);
  const text = await answer.text();
  assert.equal(answer.status, 200, `${query}: ${text}`);
  return JSON.parse(text).map(statement => statement.rows);
}
async function refusal(query, token) {
  const answer = await ask(query, token);
  const text = await answer.text();
  assert.equal(answer.status, 400, `${query}: ${text}`);
  return text;
}

test("a join, grouped and ordered, with what is in the columns", async () => {
  const [got] = await rows(`SELECT p.name, p.rank, count(*) AS n, sum(i.worth) AS worth FROM player p JOIN item i ON i.player = p.id
    WHERE p.rank > 'NOVICE' GROUP BY p.id ORDER BY worth DESC LIMIT 2`);
  assert.deepEqual(got, [["p39", [2, []], 50, 50900], ["p38", [1, []], 50, 50850]]);
  const [schema] = JSON.parse(await (await ask("SELECT p.rank, p.owner, p.joined, p.guild FROM player p, item i WHERE p.id = i.id AND i.id = 1")).text());
  assert.equal(schema.rows.length, 1);
  const [rank, who, joined, guild] = schema.rows[0];
  assert.deepEqual(rank, [0, []]);
  assert.match(who[0], /^0xc200[0-9a-f]{60}$/);
  assert.ok(joined[0] > 1.6e15);
  assert.deepEqual(guild, [1, []]);
  assert.equal(schema.schema.elements[1].algebraic_type.Product.elements[0].name.some, "__identity__");
});

test("aggregates, windows, recursion, JSON", async () => {
  assert.deepEqual(await rows("SELECT count(*), min(worth), max(worth), avg(worth) FROM item"), [[[2000, 0, 1999, 999.5]]]);
  assert.deepEqual(await rows("SELECT kind, sum(worth) FROM item GROUP BY kind ORDER BY kind"), [[["bow", 1000000], ["sword", 999000]]]);
  const [top] = await rows("SELECT id, rank() OVER (PARTITION BY kind ORDER BY worth DESC) AS r FROM item ORDER BY r, id LIMIT 2");
  assert.deepEqual(top, [[1999, 1], [2000, 1]]);
  assert.deepEqual(await rows("WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i * 2 FROM n WHERE i < 100) SELECT max(i) FROM n"), [[[128]]]);
  assert.deepEqual(await rows(`SELECT json_group_array(name) FROM (SELECT name FROM player WHERE id < 4 ORDER BY id)`), [[[`["p1","p2","p3"]`]]]);
});

test("several statements are answered in one array, at one moment", async () => {
  assert.deepEqual(await rows("SELECT count(*) FROM item; SELECT count(*) FROM player;\n-- that is all\n"), [[[2000]], [[40]]]);
});

test("what a reducer has changed is seen by the next question", async () => {
  assert.equal((await call(server, db, "rename", [7, "it's seven"])).status, 200);
  assert.deepEqual(await rows("SELECT upper(name) FROM player WHERE name = 'it''s seven'"), [[["IT'S SEVEN"]]]);
});

test("strangers see public tables, the owner all", async () => {
  assert.match(await refusal("SELECT s.word FROM secret s, player p"), /no such table: `secret`. If the table exists, it may be marked private/);
  assert.deepEqual(await rows("SELECT upper(word) FROM secret", owner), [[["XYZZY"]]]);
  for (const query of ["SELECT * FROM sqlite_master, player", "SELECT rowid + 0 FROM player", "PRAGMA table_info(player)", "ATTACH 'x' AS y",
    "SELECT load_extension('x')", "CREATE TABLE t(a)", "DROP TABLE player", "VACUUM INTO '/tmp/orochi-never'"]) {
    await refusal(query);
    await refusal(query, owner);
  }
});

test("errors say where", async () => {
  assert.match(await refusal("SELECT p.nope FROM player p JOIN item i"), /no such column: p\.nope, at position 8:\nSELECT p\.nope FROM player p JOIN item i\n {7}\^/);
  assert.match(await refusal("SELECT 1 +"), /incomplete input/);
  assert.match(await refusal("SELECT max(id) FROM player WHERE owner = 'me'"), /`'me'` cannot be parsed as type .*, at position 42/);
  assert.match(await refusal("SELECT max(id) FROM player WHERE id = ?"), /the parameter `\?` has no value/);
});

test("steps, memory and a client that has gone are limits", async () => {
  assert.match(await refusal("SELECT count(*) FROM item a, item b WHERE a.worth + b.worth < 0"), /too expensive.*query\.max_steps/);
  assert.match(await refusal("WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"), /too expensive/);
  assert.match(await refusal("SELECT length(group_concat(hex(zeroblob(30000000)))) FROM item"), /memory|too large/);
  // Nobody else notices.
  assert.deepEqual(await rows("SELECT count(*) + 0 FROM item"), [[[2000]]]);
});

test("a question whose client has gone is interrupted", async () => {
  const slow = await serve(module("sqls"), { flags: ["--memory", "--set", "query.max_steps=1000000000000", "--set", "query.readers=1"] });
  try {
    const leave = new AbortController();
    const asked = fetch(`${slow.url}/v1/database/${db}/sql`, { method: "POST", signal: leave.signal,
      body: "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n" });
    setTimeout(() => leave.abort(), 300);
    await assert.rejects(asked);
    // The only reader is free again.
    const answer = await fetch(`${slow.url}/v1/database/${db}/sql`, { method: "POST", body: "SELECT 1 + 1" });
    assert.deepEqual((await answer.json())[0].rows, [[2]]);
  } finally {
    await slow.stop();
  }
});

test("the owner changes rows, in one transaction, answered with their number", async () => {
  const done = async query => {
    const answer = await ask(query, owner);
    const text = await answer.text();
    assert.equal(answer.status, 200, `${query}: ${text}`);
    return JSON.parse(text);
  };
  const [{ schema, rows: none, stats }] = await done("INSERT INTO item (player, kind, worth) VALUES (1, 'cup', 7), (1, 'cup', 8)");
  assert.deepEqual([schema.elements, none, stats], [[], [], { rows_inserted: 2, rows_deleted: 0, rows_updated: 0 }]);
  const both = await done("UPDATE item SET worth = worth * 10 WHERE kind = 'cup'; SELECT sum(worth) FROM item WHERE kind = 'cup'");
  assert.equal(both[0].stats.rows_updated, 2);
  assert.deepEqual(both[1].rows, [[150]]);
  // What fails has done nothing.
  assert.match(await refusal("DELETE FROM item WHERE kind = 'cup'; UPDATE player SET id = 1 WHERE id = 2", owner), /nique/);
  assert.equal((await done("DELETE FROM item WHERE kind = 'cup'"))[0].stats.rows_deleted, 2);
  assert.match(await refusal("DELETE FROM item"), /only the owner/);
  assert.match(await refusal("UPDATE player SET rank = 'Emperor' WHERE id = 1", owner), /`Emperor` cannot be a value of column `rank` of `player`/);
});

test("what is changed at the same time by many is changed by all of them", async () => {
  await Promise.all(Array.from({ length: 40 }, () => rows("UPDATE item SET worth = worth + 1 WHERE id = 5", owner)));
  assert.deepEqual(await rows("SELECT worth + 0 FROM item WHERE id = 5"), [[[44]]]);
});

test("subscribers are told of rows that SQL has changed", async () => {
  const c = new Raw(server, db);
  await c.opened;
  c.send(subscribe(1, 1, "SELECT * FROM item WHERE kind = 'ring'"));
  await c.wait(1, TAG.SUBSCRIBED);
  await rows("INSERT INTO item (player, kind, worth) VALUES (3, 'ring', 1)", owner);
  await c.wait(1, TAG.UPDATE);
  c.socket.close();
});

test("orochi sql asks from the command line", async () => {
  const flags = ["sql", "--url", server.url, "--data", data];
  const got = await orochi([...flags, "-c", "SELECT name, rank, guild FROM player WHERE id < 3 ORDER BY id"]);
  assert.equal(got.code, 0, got.text);
  assert.match(got.stdout, /^name \| rank   \| guild\n-----\+--------\+------\np1   \| NOVICE \|  NULL\np2   \| KNIGHT \|     1\n\(2 rows, [\d.]+ ms\)\n$/);
  assert.equal((await orochi([...flags, "--json", "-c", "SELECT count(*) AS n FROM secret"])).stdout, '[{"n": 1}]\n');
  assert.equal((await orochi([...flags, "--json", "-c", "SELECT count(*) AS n FROM secret", "SELECT 1 + 1 AS two"])).stdout, '[{"n": 1}]\n[{"two": 2}]\n');
  assert.equal((await orochi([...flags, "-c", "UPDATE secret SET word = 'plugh'"])).stdout, "1 row updated\n");
  const refused = await orochi([...flags, "--anonymous", "--name", db, "-c", "SELECT count(*) FROM secret"]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /no such table: `secret`/);
});
