// examples/cards through the npm package: two play to the end, one of them comes back in the middle of it, a third sees no hand.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { bindings, connect, rows, subscribe } from "./lib/client.mjs";
import { cleanFolders, example, folder, serve, sql, until } from "./lib/server.mjs";

const ALL = ["player", "room", "played", "message", "places", "my_hand", "leaderboard"].map(name => `SELECT * FROM ${name}`);
const HAND = 7;
let server, bound, ann, bob, eve;

const open = async token => {
  const client = await connect(bound, server, "cards", { token });
  client.id = client.identity.toHexString();
  client.seen = []; // whose cards this client was ever sent
  client.conn.db.myHand.onInsert((_, card) => client.seen.push(card.player.toHexString()));
  await subscribe(client, ...ALL);
  return client;
};
const hand = client => rows(client.conn.db.myHand).map(card => card.id).sort((a, b) => a - b);
const room = client => rows(client.conn.db.room)[0];

before(async () => {
  bound = await bindings(example("cards"));
  server = await serve(example("cards"), { flags: ["--data", join(await folder(), "data")] });
  [ann, bob, eve] = await Promise.all([open(), open(), open()]);
});
after(async () => {
  const code = await server?.stop();
  await cleanFolders();
  assert.equal(code, 0, server?.output());
});

test("two sit down, and each sees his own hand", async () => {
  await ann.conn.reducers.setName({ name: "Ann" });
  await bob.conn.reducers.setName({ name: "Bob" });
  await ann.conn.reducers.openRoom({ title: "e2e" });
  await until("the lobby shows the room", () => room(bob));
  await bob.conn.reducers.enter({ roomId: room(bob).id });
  await ann.conn.reducers.start({});
  await until("the cards are dealt", () => hand(ann).length === HAND && hand(bob).length === HAND);
  assert.equal(new Set([...hand(ann), ...hand(bob)]).size, 2 * HAND);
  assert.deepEqual(rows(ann.conn.db.places).map(place => place.cards), [HAND, HAND]);
});

test("who is not of the room sees that there is a game, and none of it", async () => {
  await ann.conn.reducers.say({ text: "good luck" });
  await until("Bob has read it", () => rows(bob.conn.db.message).some(m => m.text === "good luck"));
  await until("the room is shown", () => room(eve)?.playing);
  for (const name of ["myHand", "places", "played", "message"]) assert.deepEqual(rows(eve.conn.db[name]), [], name);
  for (const table of ["card", "seat"]) {
    await assert.rejects(subscribe(eve, `SELECT * FROM ${table}`), /no such table/);
    await assert.rejects(sql(server, "cards", `SELECT * FROM ${table}`), /no such table/);
  }
});

test("another's card cannot be played, and a refusal does not tell that it is one", async () => {
  const [mine, other] = room(ann).turn.toHexString() === ann.id ? [ann, bob] : [bob, ann];
  for (const cardId of [hand(other)[0], 4_000_000])
    await assert.rejects(mine.conn.reducers.play({ cardId }), /You have no such card/);
  await assert.rejects(other.conn.reducers.play({ cardId: hand(other)[0] }), /not your turn/);
});

test("who comes back with his token has his seat and his hand", async () => {
  const before = hand(bob);
  bob.conn.disconnect();
  await bob.closed;
  await until("Ann sees that he is away", () => rows(ann.conn.db.player).find(p => p.name === "Bob").connections === 0);
  bob = await open(bob.token);
  // His turn may have come while he was away: then one card has been played for him.
  assert.ok(hand(bob).length >= HAND - 1 && hand(bob).every(card => before.includes(card)));
  assert.equal(rows(bob.conn.db.places).length, 2);
  assert.deepEqual(rows(bob.conn.db.message).map(m => m.text), ["good luck"]);
});

/** Plays the first card that is accepted, if it is still this player's turn. */
async function move(client) {
  for (const cardId of hand(client)) {
    try {
      return await client.conn.reducers.play({ cardId });
    } catch (error) {
      if (!/Follow suit|not your turn|no such card/.test(error.message)) throw error;
    }
  }
}

test("they play to the end, and the points stand on the leaderboard", async () => {
  await until("the game is over", async () => {
    const turn = room(ann).turn?.toHexString(); // as Ann knows it: a move of Bob's may not have come to her yet
    if (turn) await move(turn === ann.id ? ann : bob);
    return !room(ann).playing;
  });
  assert.match(room(ann).result, /(Ann|Bob).*: \d tricks/);
  await until("the leaderboard has it", () => rows(eve.conn.db.leaderboard).reduce((sum, p) => sum + p.points, 0) === HAND + 3);
  assert.deepEqual([ann.seen, bob.seen, eve.seen].map(seen => [...new Set(seen)]), [[ann.id], [bob.id], []]);
  await bob.conn.reducers.leave({});
  await ann.conn.reducers.leave({});
  await until("the room is gone", () => rows(eve.conn.db.room).length === 0);
});
