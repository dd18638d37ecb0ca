// Procedures as a client of the npm package, a raw one and one over HTTP see them.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { bindings, connect, rows, subscribe } from "./lib/client.mjs";
import { call, cleanFolders, module, serve, sql, until } from "./lib/server.mjs";

let server, api;
before(async () => {
  [server, api] = await Promise.all([serve(module("procedures")), bindings(module("procedures"))]);
});
after(async () => {
  assert.equal(await server.stop(), 0, server.output().slice(-5000));
  await cleanFolders();
});

const FATAL = /The module instance encountered a fatal error: see the server's log\./;
const client = options => connect(api, server, "procedures", options);
const ask = async (name, args = []) => {
  const answer = await call(server, "procedures", name, args);
  return { status: answer.status, text: await answer.text(), type: answer.headers.get("content-type") };
};
const texts = async owner => {
  const found = await sql(server, "procedures", `SELECT text FROM note WHERE owner = ${owner}`);
  return found.map(row => row.text).sort();
};

describe("a procedure", () => {
  test("returns a value of any type to the npm client", async () => {
    const { conn } = await client();
    assert.deepEqual(await conn.procedures.makeSize({ w: 3, h: -4 }), { w: 3, h: -4 });
    assert.equal(await conn.procedures.add({ a: 2, b: 40 }), 42);
    assert.deepEqual(await conn.procedures.sizes({ count: 3 }), [undefined, { w: 1, h: -1 }, undefined]);
    assert.equal((await conn.procedures.sizes({ count: 30000 })).length, 30000);
    await conn.procedures.nothing({});
    conn.disconnect();
  });

  test("and over HTTP, as JSON", async () => {
    assert.deepEqual(await ask("make_size", [3, -4]), { status: 200, text: "[3,-4]", type: "application/json" });
    assert.equal((await ask("add", { b: 1, a: 2 })).text, "3");
    assert.equal((await ask("nothing")).text, "[]");
    assert.equal((await ask("add", [1])).status, 400);
    assert.match((await ask("add", [1])).text, /^invalid arguments for procedure add: /);
    assert.equal((await ask("gone")).status, 404);
    assert.equal((await ask("private")).status, 404);
  });

  test("knows who calls", async () => {
    const { conn, identity } = await client();
    assert.match(await conn.procedures.who({}), new RegExp(`^${identity.toHexString()} [0-9a-f]{32} client who True True$`));
    assert.match((await ask("who")).text, / http who /);
    conn.disconnect();
  });

  test("has its transactions seen by its caller before its result, and by others", async () => {
    const [one, other] = await Promise.all([client(), client()]);
    await Promise.all([one, other].map(c => subscribe(c, "SELECT * FROM note WHERE owner = 1")));
    const seen = c => rows(c.conn.db.note).filter(n => n.owner === 1).map(n => n.text).sort();
    assert.ok(await one.conn.procedures.twoNotes({ owner: 1, text: "p" }) >= 2n);
    assert.deepEqual(seen(one), ["p-1", "p-2"]);
    await until("the other one sees both", () => seen(other).length === 2);
    one.conn.disconnect();
    other.conn.disconnect();
  });

  test("commits what returned and rolls back what raised", async () => {
    const { conn } = await client();
    assert.deepEqual(await conn.procedures.noNote({ owner: 2, text: "said no" }), { err: "said no" });
    assert.deepEqual(await texts(2), []);
    await assert.rejects(conn.procedures.half({ owner: 2, text: "first" }), FATAL);
    assert.deepEqual(await texts(2), ["first"]);
    assert.equal(await conn.procedures.inABlock({ owner: 3 }), true);
    assert.deepEqual(await texts(3), ["block True"]);
    await conn.procedures.leftOpen({ owner: 4 });
    assert.deepEqual(await texts(4), []);
    await until("the log names it", () => /left_open has left a transaction open/.test(server.output()));
    conn.disconnect();
  });

  test("that fails tells its caller no secrets, and goes on", async () => {
    const { conn } = await client();
    await assert.rejects(conn.procedures.boom({}), FATAL);
    await assert.rejects(conn.procedures.wrongResult({}), FATAL);
    await assert.rejects(conn.procedures.refuse({}), /not for you/);
    assert.equal((await ask("boom")).status, 500);
    assert.deepEqual(await ask("refuse"), { status: 530, text: "no: not for you", type: "text/plain; charset=utf-8" });
    await until("the log has it", () => /RuntimeError: boom/.test(server.output()) && /what the procedure returned/.test(server.output()));
    assert.equal(await conn.procedures.add({ a: 1, b: 1 }), 2);
    conn.disconnect();
  });

  test("is told what it may not do", async () => {
    const { conn } = await client();
    const [db, nested, sleep, later] = await conn.procedures.forbidden({});
    assert.match(db, /ctx\.with_tx\(body\)/);
    assert.match(nested, /ctx\.with_tx\(\) was called in a transaction/);
    assert.match(sleep, /ctx\.sleep\(\) was called in a transaction/);
    assert.match(later, /outside the call/);
    conn.disconnect();
  });

  test("has a limit, waiting and computing", async () => {
    const { conn } = await client();
    for (const how of ["sleep", "compute", "transaction"]) await assert.rejects(conn.procedures.endless({ how }), FATAL);
    assert.deepEqual(await texts(9), []);
    assert.equal(await conn.procedures.add({ a: 1, b: 1 }), 2);
    conn.disconnect();
  });

  test("that sleeps holds up neither calls nor queries of its client, nor ticks", async () => {
    const { conn } = await client();
    const done = [];
    const napping = conn.procedures.nap({ ms: 1500 }).then(woke => done.push(["nap", woke]));
    await conn.reducers.noop({}).then(() => done.push("noop"));
    await conn.procedures.add({ a: 1, b: 1 }).then(sum => done.push(["add", sum]));
    const beats = async () => Number((await sql(server, "procedures", "SELECT count FROM beat"))[0].count);
    const before = await beats();
    await until("some beats", async () => await beats() > before + 3);
    assert.deepEqual(done, ["noop", ["add", 2]]);
    await napping;
    assert.deepEqual(done.at(-1), ["nap", true]);
    conn.disconnect();
  });

  test("runs its transaction again when it conflicts", async () => {
    const { conn } = await client();
    await conn.reducers.write({ owner: 5, text: "0" });
    const [{ id }] = await sql(server, "procedures", "SELECT id FROM note WHERE owner = 5");
    const runs = await Promise.all(Array.from({ length: 8 }, () => conn.procedures.contended({ id: BigInt(id), times: 50 })));
    assert.deepEqual(await texts(5), ["400"]);
    assert.ok(runs.every(n => n >= 50), `${runs}`);
    conn.disconnect();
  });

  test("may be an async def, which awaits what waits and nothing else", async () => {
    assert.equal((await ask("awaits", [8])).text, '"awaited True"');
    assert.deepEqual(await texts(8), ["awaited"]);
    assert.equal((await ask("awaits_wrong")).status, 500);
    await until("the log says why", () => /awaits something of another event loop/.test(server.output()));
  });

  test("goes on when its client leaves", async () => {
    const { conn } = await client();
    conn.procedures.nap({ ms: 100 }).catch(() => {});
    conn.procedures.twoNotes({ owner: 7, text: "left" }).catch(() => {});
    await conn.reducers.noop({});
    conn.disconnect();
    await until("both notes", async () => (await texts(7)).length === 2);
  });

  test("is in the metrics", async () => {
    const text = await (await fetch(`${server.url}/v1/metrics`)).text();
    assert.match(text, /orochi_procedure_calls_total\{procedure="add"\} [1-9]/);
    assert.match(text, /orochi_procedure_errors_total\{procedure="boom"\} 2/);
    assert.match(text, /orochi_procedure_refusals_total\{procedure="refuse"\} 2/);
    assert.match(text, /^orochi_procedures_running \d+$/m);
    assert.match(text, /orochi_procedure_workers 4/);
  });
});
