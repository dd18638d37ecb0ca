// Joins in subscriptions, and row filters that join: what clients are shown as any of the tables changes.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { bindings, connect, rows, subscribe } from "./lib/client.mjs";
import { cleanFolders, folder, module, serve, until } from "./lib/server.mjs";

let server, rooms, ann, bob, owner;

before(async () => {
  const dir = await folder();
  rooms = await bindings(module("rooms"));
  server = await serve(module("rooms"), { flags: ["--data", join(dir, "data")] });
  const token = (await readFile(join(dir, "data/owner.token"), "utf8")).trim();
  [ann, bob, owner] = await Promise.all([open(), open(), open({ token })]);
  for (const id of [1, 2, 3]) await ann.conn.reducers.openRoom({ id, topic: `topic ${id}` });
});
after(async () => {
  const code = await server?.stop();
  await cleanFolders();
  assert.equal(code, 0, server?.output());
});

const open = options => connect(rooms, server, "rooms", options);
const texts = client => rows(client.conn.db.message).map(m => m.text).sort();
const topics = client => rows(client.conn.db.room).map(r => r.topic).sort();

test("a row filter with a join shows what its tables say, and takes it away again", async () => {
  for (const client of [ann, bob, owner]) await subscribe(client, "SELECT * FROM message");
  await ann.conn.reducers.enter({ room: 1 });
  await ann.conn.reducers.say({ room: 1, text: "hello" });
  await ann.conn.reducers.say({ room: 2, text: "secret" });
  await until("the owner has seen both", () => texts(owner).length === 2);
  assert.deepEqual([texts(ann), texts(bob)], [["hello"], []]);
  await bob.conn.reducers.enter({ room: 1 });
  await bob.conn.reducers.enter({ room: 2 });
  assert.deepEqual(texts(bob), ["hello", "secret"]);
  await bob.conn.reducers.leave({ room: 1 });
  assert.deepEqual([texts(bob), texts(ann), texts(owner).length], [["secret"], ["hello"], 2]);
  const late = await open({ token: bob.token });
  await subscribe(late, "SELECT * FROM message WHERE room = 2", "SELECT m.* FROM message m JOIN room r ON m.room = r.id WHERE r.topic = 'topic 2'");
  assert.deepEqual(texts(late), ["secret"]);
  late.conn.disconnect();
});

test("SQL sees through the same filters", async () => {
  const query = async (client, text) => {
    const answer = await fetch(`${server.url}/v1/database/rooms/sql`,
      { method: "POST", body: text, headers: { authorization: `Bearer ${client.token}` } });
    assert.equal(answer.status, 200, await answer.clone().text());
    return (await answer.json())[0].rows;
  };
  for (const text of ["SELECT text FROM message", "SELECT max(text) FROM message", "SELECT m.text FROM message m JOIN room r ON r.id = m.room"])
    assert.deepEqual([await query(ann, text), await query(bob, text)], [[["hello"]], [["secret"]]], text);
  assert.deepEqual(await query(owner, "SELECT COUNT(*) AS n FROM message"), [[2]]);
});

test("a join follows both of its tables, and both at once", async () => {
  const mine = "SELECT r.* FROM room r JOIN member m ON r.id = m.room WHERE m.player = :sender";
  const client = await open();
  await subscribe(client, mine);
  assert.deepEqual(topics(client), []);
  await client.conn.reducers.enter({ room: 3 });
  assert.deepEqual(topics(client), ["topic 3"]);
  await client.conn.reducers.openRoom({ id: 3, topic: "changed" });
  assert.deepEqual(topics(client), ["changed"]);
  await client.conn.reducers.swap({ old: 3, new: 1 });
  assert.deepEqual(topics(client), ["changed"]);
  assert.equal(rows(client.conn.db.room)[0].id, 1);
  await client.conn.reducers.leave({ room: 1 });
  assert.deepEqual(topics(client), []);
  client.conn.disconnect();
});

test("rows that match twice are there until both are gone; events come with what stands beside them", async () => {
  const client = await open(), heard = [];
  client.conn.db.knock.onInsert((_, row) => heard.push(row.who));
  await subscribe(client, "SELECT r.* FROM room r JOIN member m ON r.id = m.room WHERE r.id = 2",
    "SELECT k.* FROM knock k JOIN room r ON k.room = r.id WHERE r.topic = 'topic 2'");
  assert.equal(rows(client.conn.db.room).length, 1); // Bob
  await client.conn.reducers.enter({ room: 2 });
  await bob.conn.reducers.leave({ room: 2 });
  await client.conn.reducers.knock({ room: 1, who: "nobody" });
  await client.conn.reducers.knock({ room: 2, who: "me" });
  assert.deepEqual([topics(client), heard], [["topic 2"], ["me"]]);
  await client.conn.reducers.leave({ room: 2 });
  assert.deepEqual(topics(client), []);
  client.conn.disconnect();
});

test("many rows are read elsewhere while others change them, and nothing is lost or told twice", async () => {
  for (const id of [50, 51]) await ann.conn.reducers.openRoom({ id, topic: "big" });
  for (let i = 0; i < 4; i++) await ann.conn.reducers.crowd({ room: 50, n: 1500 });
  const client = await open();
  let busy = true;
  const others = (async () => {
    for (let i = 0; busy || i < 20; i++) {
      await bob.conn.reducers.crowd({ room: 50, n: 3 });
      await bob.conn.reducers.thin({ room: 50, n: 2 });
      await bob.conn.reducers.openRoom({ id: 51, topic: i % 2 ? "big" : "small" });
    }
  })();
  await subscribe(client, "SELECT m.* FROM room r JOIN member m ON m.room = r.id WHERE r.topic = 'big'",
    "SELECT r.* FROM room r JOIN member m ON m.room = r.id WHERE m.room = 50");
  busy = false;
  await others;
  await client.conn.reducers.openRoom({ id: 52, topic: "the end" });
  const answer = await fetch(`${server.url}/v1/database/rooms/sql`, { method: "POST", body: "SELECT id FROM member WHERE room = 50" });
  const ids = (await answer.json())[0].rows.map(row => BigInt(row[0]));
  const there = new Set(rows(client.conn.db.member).map(m => m.id));
  assert.deepEqual([there.size, ids.every(id => there.has(id))], [ids.length, true]);
  assert.deepEqual(rows(client.conn.db.room).map(r => r.id), [50]);
  client.conn.disconnect();
});

test("the official query builder: semijoins both ways, and all that its conditions are written as", async () => {
  const { room, member, message } = rooms.tables, client = await open(), me = client.identity;
  await client.conn.reducers.openRoom({ id: 70, topic: "it's 70" });
  await client.conn.reducers.enter({ room: 70 });
  await subscribe(client, room.leftSemijoin(member, (r, m) => r.id.eq(m.room)).where(r => r.topic.eq("it's 70")),
    member.where(m => m.player.eq(me).and(m.room.gte(70).or(m.id.lt(0)))),
    message.where(m => m.room.eq(70)).rightSemijoin(room, (m, r) => m.room.eq(r.id)).where(r => r.id.ne(1).not()));
  assert.deepEqual([topics(client), rows(client.conn.db.member).length], [["it's 70"], 1]);
  await client.conn.reducers.leave({ room: 70 });
  assert.deepEqual([topics(client), rows(client.conn.db.member).length], [[], 0]);
  client.conn.disconnect();
});

test("what may not be subscribed to says why", async () => {
  for (const [text, why] of [
    ["SELECT * FROM room JOIN member ON room.id = member.room", /SELECT \* is not supported for joins/],
    ["SELECT r.* FROM room r JOIN member m ON r.topic = m.room", /Unexpected type: \(expected\) String != U32/],
    ["SELECT r.* FROM room r JOIN member m", /Subscriptions require indexes on join columns/],
    ["SELECT a.* FROM message a JOIN message b ON a.text = b.text", /neither `message`.`text` nor/],
    ["SELECT a.* FROM room a JOIN room b ON a.id = b.id AND a.topic = b.topic", /Non-inner joins are not supported/],
    ["SELECT room.* FROM room JOIN member ON id = room", /Names must be qualified/],
    ["SELECT room.* FROM room JOIN room ON room.id = room.id", /Duplicate name `room`/],
    ["SELECT r.* FROM room r JOIN knock k ON r.id = k.room", /Event tables cannot be used as the lookup table/],
    ["SELECT a.* FROM room a JOIN room b ON a.id = b.id JOIN room c ON a.id = c.id JOIN room d ON a.id = d.id JOIN room e ON a.id = e.id",
      /Invalid number of tables in subscription: 5/]])
    await assert.rejects(subscribe(ann, text), why, text);
});
