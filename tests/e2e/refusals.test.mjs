// What a caller, the log and the metrics are told of calls that fail: a refusal is no fault, and no text tells more than it should.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { call, cleanFolders, module, serve, until } from "./lib/server.mjs";

let server;
before(async () => (server = await serve(module("refusals"))));
after(async () => {
  assert.equal(await server.stop(), 0, server.output().slice(-5000));
  await cleanFolders();
});

const FATAL = "The instance encountered a fatal error.";
const ask = async (reducer, args = [], headers = {}) => {
  const answer = await call(server, "refusals", reducer, args, headers);
  const header = answer.headers.get("orochi-error");
  return { status: answer.status, text: await answer.text(), error: header && JSON.parse(header), type: answer.headers.get("content-type") };
};
const metric = async (name, reducer) => {
  const text = await (await fetch(`${server.url}/v1/metrics`)).text();
  return Number(new RegExp(`^orochi_reducer_${name}_total\\{reducer="${reducer}"\\} (\\d+)`, "m").exec(text)[1]);
};
const said = text => until(`the log says ${text}`, () => server.output().split("\n").find(line => line.includes(text)));

describe("a ReducerError", () => {
  test("is no ERROR and no fault", async () => {
    assert.deepEqual(await ask("plain"), { status: 530, text: "not now", error: null, type: "text/plain; charset=utf-8" });
    assert.match(await said("plain: not now"), / INFO  refused: /);
    assert.equal(await metric("errors", "plain"), 0);
    assert.equal(await metric("refusals", "plain"), 1);
    assert.equal((await call(server, "refusals", "missing", ["x", "y"])).status, 400);
    assert.equal((await ask("fault")).text, FATAL);
    assert.match(await said("fault: "), / ERROR module: /);
    assert.equal(await metric("errors", "fault"), 1);
    assert.equal(await metric("refusals", "fault"), 0);
  });

  test("of a timer is a warning, since nobody hears of it", async () => {
    assert.match(await said("nobody hears this"), / WARN  refused: beat: /);
  });

  test("has its code and data reach callers over HTTP", async () => {
    const data = { most: 20, "é\r\nx": "ü\r\n😀" };
    const { status, text, error } = await ask("coded");
    assert.deepEqual([status, text, error], [530, "bad_name: too long", { code: "bad_name", data }]);
    const json = await ask("coded", [], { accept: "application/json" });
    assert.equal(json.type, "application/json");
    assert.deepEqual(JSON.parse(json.text), { error: "bad_name: too long", code: "bad_name", data });
    assert.deepEqual(JSON.parse((await ask("plain", [], { accept: "application/json" })).text), { error: "not now", code: null, data: null });
    assert.equal((await ask("plain", [], { accept: "application/json, text/plain, */*" })).text, "not now");
    assert.match(await said("coded: bad_name: too long"), /data: .*"most":20/);
  });

  test("with data that cannot be sent says so in the log, and keeps text and code", async () => {
    assert.deepEqual((await ask("big_data")).error, { code: "big", data: null });
    assert.match(await said("big_data: "), /its data cannot be sent: .*characters/);
    assert.deepEqual(await ask("no_data").then(a => [a.text, a.error]), ["odd: see data", { code: "odd", data: null }]);
    const wide = await ask("wide_data", [], { accept: "application/json" });
    assert.equal(wide.error, null, "too long for a header");
    assert.equal(JSON.parse(wide.text).data.length, 5000);
  });

  test("of a subclass that is not well made is one all the same", async () => {
    assert.equal((await ask("strange")).status, 530);
    assert.equal((await ask("loud")).status, 530);
    assert.equal(await metric("refusals", "strange"), 1);
    assert.equal(await metric("refusals", "loud"), 1);
  });
});

describe("what a caller sees", () => {
  for (const [how, text] of Object.entries({
    id: "player: no row with id = 7",
    name: "player: no row with this name",
    who: "player: no row with this who",
    own: "secret: no row with this id",
    pin: "secret: no row with this pin",
    one: "player: no row with this name, id",
    "one by id": "player: no row with id = 3",
    "own one": "secret: no row with this id",
  }))
    test(`of a missing row: ${how}`, async () => assert.equal((await ask("missing", [how])).text, text));

  test("is less than what the author and the log have", async () => {
    assert.equal((await ask("words")).text, "player: no row with this who");
    assert.match(await said("the author sees"), /no row with who = Identity\(/);
    assert.match(await said("refused: words: "), /no row with who = Identity\(/);
  });

  test("of an argument that the author's code refuses is its words; of a fault in there nothing", async () => {
    const all = await Promise.all([0, 1, 2, 3, 4].map(n => ask("aged", [{ n }])));
    assert.deepEqual(all.map(a => [a.status, a.text]), [
      [200, ""], [400, "aged.age: one is too young"], [530, "two: two is refused"], [530, FATAL],
      [400, "aged.age: AssertionError: four is asserted away"]]);
    assert.equal(await metric("errors", "aged"), 1);
    assert.equal(await metric("refusals", "aged"), 3);
  });

  test("of a fault is nothing", async () => {
    assert.equal((await ask("fault")).text, FATAL);
    assert.equal((await ask("violates")).text, FATAL);
  });
});

test("a text of 30 MB is cut, for the caller and for the log", async () => {
  const before = server.output().length;
  for (const reducer of ["long_refusal", "long_code"]) {
    const { text } = await ask(reducer);
    assert.ok(text.length > 16_000 && text.length < 17_000, `${reducer}: ${text.length}`);
    assert.match(text, / \(300000\d+ characters in all\)$/);
  }
  assert.equal((await ask("long_fault")).text, FATAL);
  await said("long_fault: ");
  assert.ok(server.output().length - before < 100_000, `${server.output().length - before} of log`);
  assert.match(server.output(), /KeyError: /, "the last of the chain is there");
});
