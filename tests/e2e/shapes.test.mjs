// Indexes over all that orders, one struct in two tables, and what misspelt names are answered with.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { call, cleanFolders, module, serve, sql, until } from "./lib/server.mjs";

let server;
before(async () => (server = await serve(module("shapes"))));
after(async () => {
  assert.equal(await server.stop(), 0, server.output());
  await cleanFolders();
});

const fine = async reducer => {
  const answer = await call(server, "shapes", reducer, []);
  assert.equal(answer.status, 200, (await answer.text()) + server.output().slice(-3000));
};

test("an index over bytes, records, times and optional values answers as a scan does", () => fine("indexes"));

test("variants hold scalars, each other's types, and plain values with a name", async () => {
  for (const event of [{ Damage: 8 }, { Moved: { x: 1, y: 2, level: { some: 3 } } }, { Name: "bob" }, { Level: 200 }, { Idle: [] }]) {
    const answer = await call(server, "shapes", "unions", [event]);
    assert.equal(answer.status, 200, (await answer.text()) + server.output().slice(-3000));
  }
  const schema = await (await fetch(`${server.url}/v1/database/shapes/schema?version=10`)).json();
  const types = schema.sections.find(s => s.Typespace).Typespace.types;
  const { variants } = types.find(t => t.Sum?.variants[0].name.some === "Damage").Sum;
  assert.deepEqual(variants.slice(0, 2).map(v => v.algebraic_type), [{ U32: [] }, { U32: [] }]);
  assert.deepEqual(variants[2].algebraic_type, variants[3].algebraic_type);
  assert.deepEqual(variants.map(v => v.name.some), ["Damage", "Heal", "Moved", "Jumped", "Idle", "Name", "Level", "Path", "Whose"]);
});

test("a row of one table is taken by another with equal columns; name= leaves the name in code alone", async () => {
  await fine("moves");
  assert.equal((await sql(server, "shapes", "SELECT * FROM absent")).length, 1);
  const schema = await (await fetch(`${server.url}/v1/database/shapes/schema?version=10`)).json();
  const part = name => schema.sections.find(s => name in s)[name];
  assert.ok(part("Tables").some(t => t.source_name === "logged_out"));
  assert.ok(part("ExplicitNames").entries.some(e => e.Table?.source_name === "logged_out" && e.Table.canonical_name === "absent"));
});

describe("a misspelt name", () => {
  for (const [what, words] of Object.entries({
    table: /no attribute 'playr': do you mean player\?/,
    column: /no attribute 'nmae': do you mean name\?/,
    row: /no attribute 'nmae': do you mean name\?/,
    ctx: /no attribute 'snder': do you mean sender\?/,
    filter: /player has no column for 'nmae': do you mean name\? \(there is id, name, cell\)/,
    lookup: /player: 'id__ge' has an unknown lookup: do you mean id__gte\?/,
    "lookup of a wrong column": /no column for 'idd__gte': do you mean id__gte\?/,
    contains: /'name__contains' has an unknown lookup: for anything else, ask each row in Python/,
    eq: /'id__eq' has an unknown lookup: write id=\.\.\./,
    insert: /'nmae'.* do you mean name\?/,
    make: /'nmae'.* do you mean name\?/,
    update: /player has no column 'nmae': do you mean name\?/,
    order: /player has no column '-nmae' to order by: do you mean name\?/,
  }))
    test(what, async () => {
      const from = server.output().length;
      assert.equal((await call(server, "shapes", "asks", [what])).status, 530);
      await until(`the log says ${words}`, () => words.test(server.output().slice(from)));
    });
});
