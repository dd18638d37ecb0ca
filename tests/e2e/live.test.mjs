// Views that are queries, through the npm package: leaderboards and sums that follow each transaction.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { bindings, connect, rows, subscribe } from "./lib/client.mjs";
import { cleanFolders, module, PATIENCE, serve, until } from "./lib/server.mjs";

let server, bound, client, call;

before(async () => {
  bound = await bindings(module("live"));
  server = await serve(module("live"), { flags: ["--memory"] });
  client = await connect(bound, server, "live");
  call = client.conn.reducers;
});
after(async () => {
  client?.conn.disconnect();
  const code = await server?.stop();
  await cleanFolders();
  assert.equal(code, 0, server?.output());
});

const sql = async text => {
  const answer = await fetch(`${server.url}/v1/database/live/sql`, { method: "POST", body: text, signal: AbortSignal.timeout(PATIENCE) });
  const body = await answer.text();
  assert.equal(answer.status, 200, body);
  return JSON.parse(body)[0].rows;
};
const scores = table => rows(table).map(p => Number(p.score)).sort((a, b) => b - a);
const refused = text => new Promise((resolve, reject) => client.conn.subscriptionBuilder()
  .onApplied(() => reject(new Error(`${text} was applied`))).onError(ctx => resolve(String(ctx.event?.message ?? ctx.event))).subscribe([text]));
const put = (id, team, score, name) => call.put({ id, team, score: BigInt(score), name });

test("the first three, a row for each team, and one for all", async () => {
  await subscribe(client, "SELECT * FROM top", "SELECT * FROM teams", "SELECT * FROM total", "SELECT * FROM of_team(1)");
  const all = () => rows(client.conn.db.total).map(t => [Number(t.players), t.best === undefined ? undefined : Number(t.best)]);
  assert.deepEqual(all(), [[0, undefined]]);
  for (const [id, score] of [[1, 10], [2, 20], [3, 30], [4, 40], [5, 50]]) await put(id, id % 2, score, id > 3 ? `p${id}` : undefined);
  assert.deepEqual(scores(client.conn.db.top), [50, 40, 30]);
  assert.deepEqual(scores(client.conn.db.ofTeam), [50, 30]);
  assert.deepEqual(all(), [[5, 50]]);
  const updated = [];
  client.conn.db.teams.onUpdate((ctx, old, now) => updated.push([now.team, Number(old.best), Number(now.best)]));
  await call.drop({ id: 5 });
  assert.deepEqual(updated, [[1, 50, 30]]);
  assert.deepEqual(scores(client.conn.db.top), [40, 30, 20]);
  assert.deepEqual(scores(client.conn.db.ofTeam), [30, 10]);
  const wanted = await sql("SELECT team, count(*), count(name), max(score), min(score), sum(score), avg(score) FROM player GROUP BY team");
  const seen = rows(client.conn.db.teams).map(t => [t.team, t.players, t.named, t.best, t.worst, t.total, t.mean].map(Number));
  assert.deepEqual(seen.sort(), wanted.sort());
  await put(4, 1, -7);
  assert.deepEqual(rows(client.conn.db.teams).map(t => [t.team, Number(t.worst)]).sort(), [[0, 20], [1, -7]]);
  assert.deepEqual(scores(client.conn.db.top), [30, 20, 10]);
});

test("what the view's code read decides the query anew", async () => {
  await subscribe(client, "SELECT * FROM good");
  await put(6, 2, 60, "six");
  assert.deepEqual(scores(client.conn.db.good), []);
  await call.least({ least: 5n });
  assert.deepEqual(scores(client.conn.db.good), [60]);
  await put(7, 2, 70, "seven");
  await put(8, 2, 80);
  assert.deepEqual(scores(client.conn.db.good), [70, 60]);
  await call.least({ least: 65n });
  assert.deepEqual(scores(client.conn.db.good), [70]);
});

test("a procedure's and a handler's transaction bring the difference with them", async () => {
  const seen = [];
  const both = ctx => seen.push([rows(client.conn.db.top).length, scores(client.conn.db.top)[0]]);
  await subscribe(client, "SELECT * FROM player");
  client.conn.db.player.onInsert(both);
  await client.conn.procedures.putByProcedure({ id: 100, score: 1000n });
  await until("the row is there", () => seen.length === 1);
  const answer = await fetch(`${server.url}/v1/database/live/route/put/101/1001`, { method: "POST", signal: AbortSignal.timeout(PATIENCE) });
  assert.equal(answer.status, 200, await answer.text());
  await until("the other one, too", () => seen.length === 2);
  assert.deepEqual(seen, [[3, 1000], [3, 1001]]);
});

test("what does not fit is said with its column, and fails whoever writes it", async () => {
  await subscribe(client, "SELECT * FROM narrow");
  await assert.rejects(put(9, 3, 2 ** 40));
  await until("the log says why", () => /view narrow: the sum of `score` is beyond its column of U32/.test(server.output()));
  assert.match(await refused("SELECT * FROM misnamed"), /error evaluating/i);
  await until("the log says why", () => /the view misnamed has a column total, and its query says nothing of it/.test(server.output()));
});
