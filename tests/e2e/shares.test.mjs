// What there is only so much of, and strangers take: whoever comes finds something left, and pays for nobody else.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as raw from "./lib/raw.mjs";
import { call, cleanFolders, module, serve, sql, until } from "./lib/server.mjs";

const QUEUE = 40;
const ROOM = 200;
let server;
const db = "shares";
before(async () => {
  const flags = ["--memory", "--set", `procedure.queue=${QUEUE}`, "--set", `query.view_room=${ROOM}`];
  server = await serve(module(db), { flags });
});
const opened = [];
after(async () => {
  opened.forEach(c => c.break());
  const code = await server?.stop();
  await cleanFolders();
  assert.equal(code, 0, server?.output());
});

const u32s = (...numbers) => Buffer.concat(numbers.map(raw.u32));
async function stranger() {
  const c = new raw.Raw(server, db);
  opened.push(c);
  await c.opened;
  await c.wait(1, raw.TAG.INITIAL);
  return c;
}
const nap = (request, name, ms) => raw.callProcedure(request, "nap", Buffer.concat([raw.text(name), raw.u32(ms)]));
const begun = async () => (await sql(server, db, "SELECT * FROM begun")).map(row => row.name);
const procedure = async (a, b) => (await call(server, db, "add", [a, b], {})).text();

test("who asks for all procedures there may be leaves room and a worker to others, and what he leaves is not begun", async () => {
  const crowd = await Promise.all([stranger(), stranger()]);
  for (const [i, c] of crowd.entries())
    c.send(...Array.from({ length: QUEUE }, (_, k) => nap(k, `${i}-${k}`, 1000)));
  const refused = (await Promise.all(crowd.map(c => c.wait(QUEUE / 2, raw.TAG.PROCEDURE)))).flat();
  assert.ok(refused.every(m => /too many of your procedures/.test(m.text)), refused[0].text);
  const running = async () => Number(/^orochi_procedures_running (\d+)/m.exec(await (await fetch(`${server.url}/v1/metrics`)).text())[1]);
  await until("they have what they may", async () => (await begun()).length >= 3);
  for (let i = 0; i < 10; i++) {
    assert.equal(await procedure(i, 1), `${i + 1}`);
    assert.ok((await running()) <= 3, "all workers but one");
  }
  crowd.forEach(c => c.break());
  const queued = async () => Number(/^orochi_procedures_queued (\d+)/m.exec(await (await fetch(`${server.url}/v1/metrics`)).text())[1]);
  await until("nothing runs", async () => (await running()) === 0 && (await queued()) === 0);
  assert.ok((await begun()).length < QUEUE / 2, "the others were not begun");
});

test("who asks for answers of views leaves room to others", async () => {
  const [greedy, other] = await Promise.all([stranger(), stranger()]);
  const sets = ROOM;
  for (let i = 0; i < sets; i++) greedy.send(raw.subscribe(i, i, `SELECT * FROM in_room(1, ${i})`));
  const told = await greedy.wait(sets, raw.TAG.SUBSCRIBED, raw.TAG.SUBSCRIPTION_ERROR);
  const refused = told.filter(m => m.tag === raw.TAG.SUBSCRIPTION_ERROR);
  assert.equal(refused.length, ROOM / 2);
  assert.match(refused[0].text, /too many answers of views are kept for you.*query\.view_room/);
  // A newcomer of the same address is one with him; the owner of no token, over HTTP, is not.
  assert.deepEqual(await sql(server, db, "SELECT * FROM in_room(7, 0)"), []);
  other.send(raw.subscribe(1, 1, "SELECT * FROM in_room(1, 0)")); // that is there, and costs no more
  await other.wait(1, raw.TAG.SUBSCRIBED);
  greedy.break();
  other.send(raw.subscribe(2, 2, "SELECT * FROM in_room(8, 8)"));
  await until("what he had is free", async () => {
    if (other.messages.some(m => m.tag === raw.TAG.SUBSCRIBED && m.request === 2)) return true;
    other.send(raw.subscribe(2, 2, "SELECT * FROM in_room(8, 8)"));
    return false;
  });
});

test("an answer that grows takes its room from others", async () => {
  const [one, other] = await Promise.all([stranger(), stranger()]);
  one.send(raw.subscribe(1, 1, "SELECT * FROM in_room(77, 0)"));
  await one.wait(1, raw.TAG.SUBSCRIBED);
  const each = 2000;
  for (let i = 0; i < 6; i++) assert.equal((await call(server, db, "fill", [10_000 + i * each, each, 77], {})).status, 200); // 80 bytes each, and 4 KiB for one of the room
  let n = 1;
  const refused = () => other.messages.find(m => m.tag === raw.TAG.SUBSCRIPTION_ERROR && /no room for one more answer/.test(m.text));
  await until("there is none left", async () => {
    other.send(raw.subscribe(++n, n, `SELECT * FROM in_room(78, ${n})`));
    await other.wait(n - 1, raw.TAG.SUBSCRIBED, raw.TAG.SUBSCRIPTION_ERROR);
    return refused();
  });
  one.break();
  await until("what it had is free", async () => {
    const before = other.messages.filter(m => m.tag === raw.TAG.SUBSCRIBED).length;
    other.send(raw.subscribe(++n, n, `SELECT * FROM in_room(78, ${n})`));
    await other.wait(n - 1, raw.TAG.SUBSCRIBED, raw.TAG.SUBSCRIPTION_ERROR);
    return other.messages.filter(m => m.tag === raw.TAG.SUBSCRIBED).length > before;
  });
});

test("an answer with somebody's arguments that fails fails nobody else's call", async () => {
  const c = await stranger();
  assert.equal((await call(server, db, "put", [1, 50, 5])).status, 200);
  c.send(raw.subscribe(1, 1, "SELECT * FROM share(50, 4)"));
  await c.wait(1, raw.TAG.SUBSCRIBED);
  assert.equal((await call(server, db, "put", [1, 50, 4])).status, 200);
  assert.deepEqual(await sql(server, db, "SELECT size FROM item WHERE id = 1"), [{ size: 4 }]);
});

test("an answer that fails is not shown on as it was: who is subscribed to it is told, and is no more", async () => {
  const [c, other] = await Promise.all([stranger(), stranger()]);
  assert.equal((await call(server, db, "put", [2, 51, 5])).status, 200);
  c.send(raw.subscribe(1, 1, "SELECT * FROM share(51, 4)"), raw.subscribe(2, 2, "SELECT * FROM item WHERE room = 51"),
    raw.subscribe(3, 3, "SELECT * FROM in_room(51, 0)", "SELECT * FROM share(51, 4)"));
  other.send(raw.subscribe(1, 1, "SELECT * FROM share(51, 4)"));
  await Promise.all([c.wait(3, raw.TAG.SUBSCRIBED), other.wait(1, raw.TAG.SUBSCRIBED)]);
  assert.equal((await call(server, db, "put", [2, 51, 4])).status, 200);
  const told = await c.wait(2, raw.TAG.SUBSCRIPTION_ERROR);
  assert.deepEqual(told.map(m => m.set).sort(), [1, 3]);
  for (const { text, request } of [...told, ...await other.wait(1, raw.TAG.SUBSCRIPTION_ERROR)]) {
    assert.match(text, /^Internal error evaluating queries: The instance encountered a fatal error/);
    assert.equal(request, undefined);
  }
  // Nor is it what the next one gets; and his other subscription goes on.
  c.send(raw.subscribe(4, 1, "SELECT * FROM share(51, 4)"));
  await c.wait(3, raw.TAG.SUBSCRIPTION_ERROR);
  assert.equal((await call(server, db, "put", [2, 51, 6])).status, 200);
  await until("the table's changes", () => c.messages.filter(m => m.tag === raw.TAG.UPDATE).length >= 2);
  c.send(raw.subscribe(5, 1, "SELECT * FROM share(51, 4)"));
  await c.wait(4, raw.TAG.SUBSCRIBED);
});

test("an answer that takes long does not hold up who writes what it reads", async () => {
  const c = await stranger();
  assert.equal((await call(server, db, "put", [1, 60, 1])).status, 200);
  c.send(raw.subscribe(1, 1, "SELECT * FROM slowly(60, 3000000)"));
  await c.wait(1, raw.TAG.SUBSCRIBED);
  assert.equal((await call(server, db, "put", [1, 60, 2])).status, 200);
  const update = await c.wait(1, raw.TAG.UPDATE);
  assert.equal(update.length, 1);
});
