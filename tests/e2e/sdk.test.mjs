// What a game developer does first with the npm package spacetimedb: connect, subscribe, call, see others, be told what is wrong.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { bindings, connect, rows, subscribe } from "./lib/client.mjs";
import { cleanFolders, module, serve, sql, until } from "./lib/server.mjs";

let server, game;

before(async () => {
  [server, game] = await Promise.all([serve(module("game")), bindings(module("game"))]);
});
after(async () => {
  const code = await server?.stop();
  await cleanFolders();
  assert.equal(code, 0, server?.output());
});

const open = options => connect(game, server, "game", options);
const message = promise => promise.then(() => assert.fail("it should have failed"), error => error);

describe("subscriptions", () => {
  test("a change by one client reaches another", async () => {
    const [ann, bob] = await Promise.all([open(), open()]);
    await subscribe(bob, "SELECT * FROM user");
    const seen = new Promise(done => bob.conn.db.user.onUpdate((_, old, now) => now.name === "Ann" && done([old, now])));
    await ann.conn.reducers.setName({ name: "Ann" });
    const [old, now] = await seen;
    assert.equal(old.name, undefined);
    assert.ok(now.identity.isEqual(ann.identity));
    ann.conn.disconnect();
    await until("Bob sees Ann leave", () => rows(bob.conn.db.user).some(u => u.name === "Ann" && !u.online));
    bob.conn.disconnect();
  });

  test("the caller's own rows are there when the call resolves", async () => {
    const me = await open();
    await subscribe(me, "SELECT * FROM item WHERE owner = 7");
    await me.conn.reducers.addItem({ owner: 7, label: "sword", team: { tag: "Blue" }, pos: { x: 1.5, y: -2 }, tags: ["a", "é"] });
    const [item] = rows(me.conn.db.item);
    assert.deepEqual({ ...item, id: undefined, team: item.team.tag },
      { id: undefined, owner: 7, label: "sword", team: "Blue", pos: { x: 1.5, y: -2 }, tags: ["a", "é"] });
    assert.ok(item.id > 0n);
    assert.equal(me.conn.db.item.id.find(item.id).label, "sword");
    me.conn.disconnect();
  });

  test("rows enter and leave a filter", async () => {
    const me = await open();
    await subscribe(me, "SELECT * FROM item WHERE owner = 20");
    await me.conn.reducers.addItem({ owner: 21, label: "roamer", team: { tag: "Red" }, pos: { x: 0, y: 0 }, tags: [] });
    assert.equal(rows(me.conn.db.item).length, 0);
    const [{ id }] = await sql(server, "game", "SELECT id FROM item WHERE label = 'roamer'");
    await me.conn.reducers.moveItem({ id: BigInt(id), owner: 20 });
    assert.deepEqual(rows(me.conn.db.item).map(i => i.label), ["roamer"]);
    await me.conn.reducers.moveItem({ id: BigInt(id), owner: 21 });
    assert.equal(rows(me.conn.db.item).length, 0);
    await me.conn.reducers.dropItem({ id: BigInt(id) });
    me.conn.disconnect();
  });

  test("two sets share rows; unsubscribing one keeps the other's", async () => {
    const me = await open();
    await me.conn.reducers.count({ id: 5, by: 1n });
    const all = await subscribe(me, "SELECT * FROM counter WHERE id < 100");
    const one = await subscribe(me, "SELECT * FROM counter WHERE id = 5");
    await new Promise(done => all.unsubscribeThen(done));
    assert.deepEqual(rows(me.conn.db.counter).map(c => c.id), [5]);
    await me.conn.reducers.count({ id: 5, by: 2n });
    assert.equal(me.conn.db.counter.id.find(5).value, 3n);
    await new Promise(done => one.unsubscribeThen(done));
    assert.equal(rows(me.conn.db.counter).length, 0);
    me.conn.disconnect();
  });

  test("the query builder's text is understood", async () => {
    const me = await open();
    await me.conn.reducers.count({ id: 6, by: 1n });
    await subscribe(me, game.tables.counter.where(c => c.id.eq(6)));
    assert.deepEqual(rows(me.conn.db.counter).map(c => c.id), [6]);
    me.conn.disconnect();
  });

  test("a bad query says what is wrong, and the connection goes on", async () => {
    const me = await open();
    for (const [query, text] of [
      ["SELECT * FROM nonsense", /no such table: `nonsense`/],
      ["SELECT * FROM secret", /no such table: `secret`.*marked private/],
      ["SELECT id FROM item", /Column projections are not supported/],
      ["SELECT * FROM item WHERE owner = 'x'", /cannot be parsed as type `U32`/],
      ["SELEKT", /./],
    ]) {
      const error = await message(subscribe(me, query));
      assert.match(String(error.message ?? error), text, query);
    }
    await me.conn.reducers.nothing({});
    me.conn.disconnect();
  });

  test("event rows arrive and leave no trace", async () => {
    const me = await open();
    await subscribe(me, "SELECT * FROM ping");
    const seen = new Promise(done => me.conn.db.ping.onInsert((_, row) => done(row.n)));
    await me.conn.reducers.ping({ n: 42 });
    assert.equal(await seen, 42);
    assert.equal(rows(me.conn.db.ping).length, 0);
    assert.deepEqual(await sql(server, "game", "SELECT COUNT(*) AS n FROM ping"), [{ n: 0 }]);
    me.conn.disconnect();
  });
});

describe("calls", () => {
  test("a reducer's own error reaches its caller, and leaves nothing behind", async () => {
    const me = await open();
    await subscribe(me, "SELECT * FROM counter WHERE id = 77");
    const error = await message(me.conn.reducers.halfDone({}));
    assert.equal(error.message, "changed my mind");
    assert.equal(rows(me.conn.db.counter).length, 0);
    assert.deepEqual(await sql(server, "game", "SELECT * FROM item WHERE label = 'ghost'"), []);
    assert.equal((await message(me.conn.reducers.setName({ name: " " }))).message, "bad_name: a name must not be empty");
    me.conn.disconnect();
  });

  test("a bug is hidden from the caller and explained in the log", async () => {
    const me = await open();
    const error = await message(me.conn.reducers.bug({}));
    assert.equal(error.message, "The instance encountered a fatal error.");
    await until("the log has the traceback", () => /IndexError/.test(server.output()));
    assert.match(server.output(), /game\.py.*line \d+/);
    assert.deepEqual(await sql(server, "game", "SELECT * FROM counter WHERE id = 78"), []);
    await me.conn.reducers.nothing({});
    me.conn.disconnect();
  });

  test("a unique violation is an error, and nothing of it stays", async () => {
    const me = await open();
    const item = { owner: 1, label: "only one", team: { tag: "Red" }, pos: { x: 0, y: 0 }, tags: [] };
    await me.conn.reducers.addItem(item);
    await message(me.conn.reducers.addItem(item));
    await until("the log names the constraint", () => /item_label_key/.test(server.output()));
    assert.equal((await sql(server, "game", "SELECT * FROM item WHERE label = 'only one'")).length, 1);
    me.conn.disconnect();
  });

  test("an endless loop is interrupted, and others go on meanwhile", async () => {
    const [me, other] = await Promise.all([open(), open()]);
    const stuck = message(me.conn.reducers.spin({}));
    await other.conn.reducers.nothing({});
    assert.equal((await stuck).message, "The instance encountered a fatal error.");
    await me.conn.reducers.nothing({});
    me.conn.disconnect();
    other.conn.disconnect();
  });

  test("calls of one client run in the order they were sent", async () => {
    const me = await open();
    await subscribe(me, "SELECT * FROM counter WHERE id = 9");
    const seen = [];
    me.conn.db.counter.onUpdate((_, __, now) => seen.push(Number(now.value)));
    await me.conn.reducers.count({ id: 9, by: 1n });
    await Promise.all(Array.from({ length: 200 }, () => me.conn.reducers.count({ id: 9, by: 1n })));
    assert.deepEqual(seen, Array.from({ length: 200 }, (_, i) => i + 2));
    me.conn.disconnect();
  });

  test("no update is lost between clients that write the same row", async () => {
    const clients = await Promise.all(Array.from({ length: 8 }, () => open()));
    await Promise.all(clients.flatMap(c => Array.from({ length: 50 }, () => c.conn.reducers.count({ id: 11, by: 1n }))));
    assert.deepEqual(await sql(server, "game", "SELECT value FROM counter WHERE id = 11"), [{ value: 400 }]);
    clients.forEach(c => c.conn.disconnect());
  });
});

describe("connections", () => {
  test("a token gives the same identity again, without one it is a new one", async () => {
    const first = await open();
    first.conn.disconnect();
    const again = await open({ token: first.token });
    const other = await open();
    assert.ok(again.identity.isEqual(first.identity));
    assert.ok(!other.identity.isEqual(first.identity));
    again.conn.disconnect();
    other.conn.disconnect();
  });

  test("client_connected can refuse", async () => {
    const me = await open();
    await me.conn.reducers.writeNote({ text: `ban ${me.identity.toHexString()}` });
    me.conn.disconnect();
    await message(open({ token: me.token }));
    await until("the log says why", () => /you are banned/.test(server.output()));
  });

  test("a wrong token is refused", async () => {
    const error = await message(open({ token: "not.a.token" }));
    assert.ok(error);
  });

  test("an unknown database is refused", async () => {
    await message(connect(game, server, "nobody"));
  });

  test("private reducers do not exist for clients", async () => {
    assert.equal(game.reducers.internal, undefined);
    const me = await open();
    const error = await message(me.conn.callReducer("internal", new Uint8Array(), {}));
    assert.match(error.message, /no such reducer/);
    await until("a line that is no error of ours", () => /WARN {2}module: a client called the reducer "internal"/.test(server.output()));
    me.conn.disconnect();
  });
});

describe("schedules", () => {
  test("a scheduled reducer beats", async () => {
    const me = await open();
    await subscribe(me, "SELECT * FROM counter WHERE id = 1000");
    const start = me.conn.db.counter.id.find(1000)?.value ?? 0n;
    await until("it has beaten five times", () => me.conn.db.counter.id.find(1000)?.value >= start + 5n);
    me.conn.disconnect();
  });

  test("a row of a scheduled table fires once and is gone; an interval repeats until deleted", async () => {
    const me = await open();
    await subscribe(me, "SELECT * FROM note");
    const notes = text => rows(me.conn.db.note).filter(n => n.text === text).length;
    await me.conn.reducers.remindMe({ text: "tea", inMs: 30 });
    await until("it fired", () => notes("tea") === 1);
    await me.conn.reducers.remindEvery({ text: "tick", everyMs: 20 });
    await until("it repeats", () => notes("tick") >= 3);
    await me.conn.reducers.forget({});
    const then = notes("tick");
    await me.conn.reducers.remindMe({ text: "marker", inMs: 120 });
    await until("time has passed", () => notes("marker") === 1);
    assert.ok(notes("tick") <= then + 1, "it stopped");
    assert.equal(notes("tea"), 1);
    me.conn.disconnect();
  });
});
