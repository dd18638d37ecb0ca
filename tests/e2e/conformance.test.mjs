// What applications written for SpacetimeDB rely on: views that are queries without an index, row filters beside the tables.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { bindings, connect, rows, subscribe } from "./lib/client.mjs";
import { cleanFolders, module, serve, until } from "./lib/server.mjs";

let server, bound, ann, bob;

before(async () => {
  bound = await bindings(module("depot"));
  server = await serve(module("depot"), { flags: ["--memory"] });
  [ann, bob] = await Promise.all([open(), open()]);
});
after(async () => {
  const code = await server?.stop();
  await cleanFolders();
  assert.equal(code, 0, server?.output());
});

const open = () => connect(bound, server, "depot");
const of = (table, column) => rows(table).map(row => row[column]).sort();

test("a view that is a query of a column without an index", async () => {
  await bob.conn.reducers.put({ kind: "axe", size: 1 });
  await bob.conn.reducers.put({ kind: "bow", size: 50 });
  await bob.conn.reducers.put({ kind: "gold", size: 60 });
  await subscribe(ann, "SELECT * FROM big");
  assert.deepEqual(of(ann.conn.db.big, "kind"), ["bow"]);
  const [{ id }] = rows(ann.conn.db.big);
  const updated = [];
  ann.conn.db.big.onUpdate((ctx, old, now) => updated.push([old.size, now.size]));
  await ann.conn.reducers.resize({ id: id - 1n, size: 11 });
  assert.deepEqual(of(ann.conn.db.big, "kind"), ["axe", "bow"], "the caller has it with the result of its call");
  await bob.conn.reducers.resize({ id: id - 1n, size: 12 });
  await until("an update of a row that stays", () => updated.length === 1);
  assert.deepEqual(updated, [[11, 12]]);
  await bob.conn.reducers.resize({ id, size: 10 });
  await until("it leaves", () => rows(ann.conn.db.big).length === 1);
  assert.deepEqual(of(ann.conn.db.big, "kind"), ["axe"]);
});

test("a row filter beside the tables holds, and its rows come and go with what it joins", async () => {
  for (const client of [ann, bob]) await subscribe(client, "SELECT * FROM note");
  await ann.conn.reducers.enter({ room: 1 });
  await bob.conn.reducers.write({ room: 1, text: "hello" });
  await bob.conn.reducers.write({ room: 2, text: "secret" });
  await until("Ann has read it", () => rows(ann.conn.db.note).length === 1);
  assert.deepEqual([of(ann.conn.db.note, "text"), rows(bob.conn.db.note)], [["hello"], []]);
  await ann.conn.reducers.enter({ room: 2 });
  assert.deepEqual(of(ann.conn.db.note, "text"), ["secret"]);
});
