// What queries may cost: budgets and their words, and that others are served meanwhile.
// Alone: how long others wait is measured.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Raw, TAG, call as message, oneOff, subscribe, u32, unsubscribe } from "./lib/raw.mjs";
import { call, cleanFolders, module, serve, sql, until } from "./lib/server.mjs";

let server;
const db = "costs";
const ROWS = 20_000;
before(async () => {
  server = await serve(module("costs"), { flags: ["--memory", "--set", "query.max_steps=100000", "--set", "query.client_terms=50"] });
  assert.equal((await call(server, db, "fill", [ROWS, 10])).status, 200);
});
after(async () => {
  await server.stop();
  await cleanFolders();
});

const post = query => fetch(`${server.url}/v1/database/${db}/sql`, { method: "POST", body: query });
const terms = (n, term, word) => Array.from({ length: n }, (_, i) => term(i)).join(` ${word} `);

test("equalities on one column are one search, however many", async () => {
  const many = terms(1000, i => `id = ${20 * i + 1}`, "OR");
  const rows = await sql(server, db, `SELECT id FROM big_item WHERE ${many}`);
  assert.equal(rows.length, 1000);
  const kinds = await sql(server, db, `SELECT COUNT(*) AS n FROM big_item WHERE ${terms(3, i => `kind = ${i}`, "OR")}`);
  assert.equal(Number(kinds[0].n), ROWS * 3 / 10);
});

test("what is too expensive is refused, and says what would help", async () => {
  const wide = await post(`SELECT * FROM big_item WHERE ${terms(20, i => `kind > ${i + 10}`, "OR")}`);
  assert.equal(wide.status, 400);
  assert.match(await wide.text(), /too expensive.*An index on a column.*query\.max_steps/);
  const long = await post(`SELECT * FROM big_item WHERE ${terms(1100, i => `kind > ${i}`, "OR")}`);
  assert.equal(long.status, 400);
  assert.match(await long.text(), /too many terms.*query\.max_terms/);
  assert.equal((await sql(server, db, "SELECT * FROM big_item LIMIT 3")).length, 3);
});

test("the same for one-off queries and subscriptions, which leaves the client as it was", async () => {
  const c = new Raw(server, db);
  await c.opened;
  const dear = `SELECT * FROM big_item WHERE ${terms(20, i => `kind > ${i + 10}`, "OR")}`;
  c.send(oneOff(1, dear), subscribe(2, 2, dear), subscribe(3, 2, "SELECT * FROM big_item WHERE id = 7"), unsubscribe(4, 2, true));
  await c.wait(5);
  assert.match(c.messages[1].text, /query\.max_steps/);
  assert.equal(c.messages[2].tag, TAG.SUBSCRIPTION_ERROR);
  assert.match(c.messages[2].text, /query\.max_steps/);
  assert.equal(c.messages[3].tag, TAG.SUBSCRIBED);
  assert.equal(c.messages[4].tag, TAG.UNSUBSCRIBED);
  c.socket.close();
});

test("the subscriptions of one client weigh no more than allowed on every commit", async () => {
  const c = new Raw(server, db);
  await c.opened;
  for (let i = 0; i < 30; i++) c.send(subscribe(i, i, `SELECT * FROM mark WHERE n > ${i} AND n < 1000`));
  const errors = await c.wait(5, TAG.SUBSCRIPTION_ERROR);
  assert.deepEqual(errors.map(e => e.request), [25, 26, 27, 28, 29]);
  assert.match(errors[0].text, /52 times.*50 are allowed \(query\.client_terms\)/);
  c.send(unsubscribe(50, 0), subscribe(51, 51, "SELECT * FROM mark WHERE n > 77 AND n < 1000"));
  c.send(...Array.from({ length: 100 }, (_, i) => subscribe(100 + i, 100 + i, `SELECT * FROM mark WHERE id = ${i}`)));
  await c.wait(126, TAG.SUBSCRIBED);
  assert.equal(c.messages.filter(m => m.tag === TAG.SUBSCRIPTION_ERROR).length, 5);
  c.socket.close();
});

test("refused subscriptions stand in the log once for each text, and are counted", async () => {
  const c = new Raw(server, db);
  await c.opened;
  const refused = async () => Number((await (await fetch(`${server.url}/v1/metrics`)).text()).match(/^orochi_subscriptions_refused_total (\d+)/m)[1]);
  const before = await refused();
  for (let i = 0; i < 20; i++) c.send(subscribe(i, i, "SELECT * FROM no_such_thing"));
  await c.wait(20, TAG.SUBSCRIPTION_ERROR);
  assert.equal(await refused(), before + 20);
  const told = () => server.output().split("executing: `SELECT * FROM no_such_thing`").length - 1;
  await until("the log has it", () => told() > 0);
  assert.equal(told(), 1, server.output().slice(-2000));
  c.socket.close();
});

test("constants, as the query builder writes them, and the second spelling of names", async () => {
  const c = new Raw(server, db);
  await c.opened;
  c.send(message(1, "touch", u32(1)));
  await c.wait(1, TAG.RESULT);
  c.send(subscribe(1, 1, "SELECT * FROM Mark WHERE TRUE = TRUE"), subscribe(2, 2, "SELECT * FROM mark WHERE (TRUE = TRUE) AND (FALSE = TRUE)"),
    oneOff(3, "SELECT * FROM bigItem WHERE (BigItem.id = 5)"));
  const [one] = await c.wait(1, TAG.ONE_OFF);
  const [all, none] = await c.wait(2, TAG.SUBSCRIBED);
  assert.equal(all.tables[0].table, "mark");
  assert.equal(all.tables[0].rows.length, 12);
  assert.equal(none.tables[0].rows.length, 0);
  assert.equal(one.tables[0].table, "big_item");
  c.send(message(2, "touch", u32(1)));
  const result = (await c.wait(2, TAG.RESULT))[1];
  assert.deepEqual(result.sets.map(s => s.set), [1]);
  c.socket.close();
});
