// A parameter's default serves a caller over HTTP who leaves it out (python-api 7).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { call, cleanFolders, module, serve, sql } from "./lib/server.mjs";

let server;
before(async () => (server = await serve(module("defaults"))));
after(async () => {
  assert.equal(await server.stop(), 0, server.output());
  await cleanFolders();
});

const said = async (reducer, args) => {
  const answer = await call(server, "defaults", reducer, args);
  if (answer.status !== 200) return `${answer.status} ${await answer.text()}`;
  return (await sql(server, "defaults", "SELECT * FROM said")).sort((a, b) => Number(a.id) - Number(b.id)).at(-1).text;
};

test("what is left out of an array are its last ones", async () => {
  assert.equal(await said("one", []), "(7,)");
  assert.equal(await said("one", [8]), "(8,)");
  assert.equal(await said("some", [1]), "(1, 'é', None)");
  assert.equal(await said("some", [1, "x"]), "(1, 'x', None)");
  assert.equal(await said("some", [1, "x", { some: 3 }]), "(1, 'x', 3)");
  assert.equal(await said("kinds", []), "('FAST', Vec(x=0.0, y=1.5), ['a'], None, 9223372036854775808)");
});

test("what is left out of an object is any", async () => {
  assert.equal(await said("one", {}), "(7,)");
  assert.equal(await said("some", { c: { some: 3 }, a: 1 }), "(1, 'é', 3)");
  assert.equal(await said("kinds", { mode: { SLOW: [] }, class: 5 }), "('SLOW', Vec(x=0.0, y=1.5), ['a'], None, 5)");
});

test("what has no default is asked for, and too much is too much", async () => {
  assert.match(await said("some", []), /^400 invalid arguments for reducer some: .*invalid length 0, expected 3 elements/);
  assert.match(await said("some", { b: "x" }), /^400 .*missing field `a`/);
  assert.match(await said("one", [1, 2]), /^400 .*invalid length 2, expected 1 element/);
  assert.match(await said("one", [null]), /^400 /);
  assert.match(await said("kinds", [{ FAST: [] }, {}]), /^400 .*missing field `x`/, "only of the arguments, not of what they hold");
});
