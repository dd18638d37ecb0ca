// Procedures that are `async def`: a coroutine that waits holds no thread.

import assert from "node:assert/strict";
import http from "node:http";
import { after, before, describe, test } from "node:test";
import { bindings, connect } from "./lib/client.mjs";
import { cleanFolders, module, PATIENCE, serve, sql, timed, until } from "./lib/server.mjs";

let server, api, outside, base;
before(async () => {
  outside = http.createServer((req, res) => req.url === "/odd" // where it sends us is no UTF-8
    ? res.writeHead(302, { location: "http://\xfe\xff.invalid/" }).end()
    : setTimeout(() => res.end(`got ${req.url}`), req.url.startsWith("/slow") ? 3000 : 20));
  await new Promise(resolve => outside.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${outside.address().port}`;
  [server, api] = await Promise.all([
    serve(module("coroutines"), { flags: ["--memory", "--set", "procedure.workers=1", "--set", "procedure.http=any"] }), bindings(module("coroutines"))]);
});
after(async () => {
  outside?.closeAllConnections();
  outside?.close();
  assert.equal(await server.stop(), 0, server.output().slice(-5000));
  await cleanFolders();
});

const FATAL = /The module instance encountered a fatal error: see the server's log\./;
const client = () => connect(api, server, "coroutines");
const texts = async () => (await sql(server, "coroutines", "SELECT text FROM note")).map(row => row.text);

describe("an `async def` procedure", () => {
  test("waits without a thread: a thousand on one worker, beside others", async () => {
    const { conn } = await client();
    const naps = Array.from({ length: 1000 }, () => conn.procedures.nap({ ms: 1000 }));
    assert.equal(await conn.procedures.atOnce({ a: 2, b: 40 }), 42);
    await conn.reducers.noop({});
    assert.deepEqual(new Set(await Promise.all(naps)), new Set([true]));
    conn.disconnect();
  });

  test("goes on while a plain one waits on the same worker", async () => {
    const { conn } = await client();
    const order = [];
    const short = conn.procedures.nap({ ms: 300 }).then(() => order.push("coroutine"));
    const long = conn.procedures.plainNap({ ms: 1500 }).then(() => order.push("plain"));
    await Promise.all([short, long]);
    assert.deepEqual(order, ["coroutine", "plain"]);
    conn.disconnect();
  });

  test("has what asyncio has: tasks, gather, locks, queues, time-outs, and a word for what it has not", async () => {
    const { conn } = await client();
    assert.deepEqual(await conn.procedures.together({ ms: 20 }), [0, 1, 2, 3, 4]);
    assert.equal((await texts()).filter(t => t.startsWith("one ")).length, 5);
    const told = await conn.procedures.asyncioHas({});
    assert.deepEqual([told[0], told[1], told[2], told[5]], ["queue [0, 1, 2]", "timeout", "wait_for", "gather 'one of them'"]);
    assert.match(told[4], /has no sockets/);
    conn.disconnect();
  });

  test("has transactions, in whose blocks nothing is awaited", async () => {
    const { conn } = await client();
    assert.equal(await conn.procedures.noted({ text: "noted" }), "noted");
    assert.equal(await conn.procedures.inABlock({ text: "block" }), "block");
    assert.match(await conn.procedures.awaitsInABlock({ how: "foreign" }), /nothing is awaited in it/);
    assert.match(await conn.procedures.awaitsInABlock({ how: "ours" }), /ctx\.sleep\(\) was called in a transaction/);
    const all = await texts();
    assert.deepEqual(["noted", "block", "never", "after foreign", "after ours"].map(t => all.filter(x => x === t).length), [1, 2, 0, 1, 1]);
    conn.disconnect();
  });

  test("has a limit, after which its finally blocks run, for a while", async () => {
    const { conn } = await client();
    const ways = ["sleeps", "future", "computes", "others", "hot"];
    for (const how of ways) await assert.rejects(conn.procedures.endless({ how }), FATAL, how);
    const all = await texts();
    for (const how of ways) assert.equal(all.includes(`finally ${how}`), how !== "computes", how);
    await assert.rejects(conn.procedures.stubborn({}), FATAL);
    await until("the log says so", () => /did not end within 1 s of being cancelled/.test(server.output()));
    assert.equal(await conn.procedures.atOnce({ a: 1, b: 1 }), 2);
    conn.disconnect();
  });

  test("that fails has a traceback in the log; tasks that it leaves behind end with it", async () => {
    const { conn } = await client();
    await assert.rejects(conn.procedures.boom({}), FATAL);
    await until("the log has it", () => /coroutines\.py.*[\s\S]*boom of a coroutine/.test(server.output()));
    assert.equal(await conn.procedures.leavesTasks({}), "left");
    assert.ok((await texts()).includes("left behind"));
    await conn.procedures.keeps({});
    assert.equal(await conn.procedures.usesKept({}), "TransactionError");
    conn.disconnect();
  });

  test("asks services outside, many at once, and gives up what it does not want", async () => {
    const { conn } = await client();
    assert.equal(await conn.procedures.fetch({ url: `${base}/x` }), "got /x");
    assert.match(await conn.procedures.fetchRefused({ url: `${base}/odd` }), /^HttpError: /);
    const many = await conn.procedures.fetchMany({ url: `${base}/n`, n: 50 });
    assert.deepEqual(many, Array.from({ length: 50 }, (_, i) => `got /n/${i}`));
    assert.equal(await conn.procedures.fetchCancelled({ url: `${base}/slow` }), "timeout");
    await assert.rejects(conn.procedures.fetch({ url: "ftp://x/" }), FATAL);
    const metrics = await (await fetch(`${server.url}/v1/metrics`, { signal: AbortSignal.timeout(PATIENCE) })).text();
    assert.match(metrics, /orochi_outbound_requests_open 0/);
    assert.match(metrics, /orochi_procedures_waiting [01]\b/);
    conn.disconnect();
  });

  test("may be what a schedule calls: ctx.schedule, rows with a time and with an interval, @scheduled", async () => {
    const { conn } = await client();
    await conn.reducers.sayLater({ text: "hello" });
    const said = ["said hello 7", "said hello! 8", "again 3", "again 2", "again 1", "again 0"];
    await until("with their arguments", async () => { const all = await texts(); return said.every(t => all.filter(x => x === t).length === 1); });
    await conn.reducers.remind({ text: "once", everyMs: 0 });
    await conn.reducers.remind({ text: "fails", everyMs: 0 });
    await conn.reducers.remind({ text: "often", everyMs: 20 });
    const count = async text => (await texts()).filter(t => t === `reminded ${text} schedule ${text !== "often" ? "True" : "False"} True`).length;
    await until("a row with a time has gone before", async () => await count("once") === 1 && await count("fails") === 1);
    await until("one with an interval stays", async () => await count("often") >= 3);
    assert.deepEqual((await sql(server, "coroutines", "SELECT text FROM reminder")).map(r => r.text), ["often"]);
    await conn.reducers.forget({});
    await until("it runs, and never beside itself", async () => (await sql(server, "coroutines", "SELECT * FROM poll"))[0]?.runs >= 5);
    assert.equal(Number((await sql(server, "coroutines", "SELECT * FROM poll"))[0].most), 1);
    conn.disconnect();
  });

  test("is cut off by a stop, which it does not hold up", async () => {
    const { conn } = await client();
    conn.procedures.endless({ how: "sleeps" }).catch(() => {});
    for (let i = 0; i < 20; i++) conn.procedures.nap({ ms: 3_600_000 }).catch(() => {});
    await conn.reducers.noop({});
    const { result, ms } = await timed(server.stop);
    assert.equal(result, 0, server.output().slice(-5000));
    assert.ok(ms < 60_000, `${ms} ms`);
  });
});
