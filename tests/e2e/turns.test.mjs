// Many clients that ask for much that is small: everybody has his turn all the same.
// Alone: how long others wait is measured.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Raw, oneOff, subscribe, unsubscribe } from "./lib/raw.mjs";
import { call, cleanFolders, module, serve, until } from "./lib/server.mjs";

let server;
const db = "costs";
before(async () => {
  server = await serve(module("costs"));
  assert.equal((await call(server, db, "fill", [10_000, 10])).status, 200);
});
after(async () => {
  await server.stop();
  await cleanFolders();
});

const CLIENTS = 40;
const ASKED = 20_000; // by each, in one frame
/** Near what is answered at once; no row. Each is another text, since what several ask for is found once. */
const query = i => `SELECT * FROM big_item WHERE id < 900 AND kind > ${1000 + i}`;

const metric = async name => Number(new RegExp(`^${name} (\\d+)`, "m").exec(await (await fetch(`${server.url}/v1/metrics`)).text())[1]);

/** The fewest messages that others were sent from one request to the next: some turns of the loop. */
async function between(message) {
  const clients = Array.from({ length: CLIENTS }, () => new Raw(server, db));
  clients.forEach(c => (c.take = () => {}));
  await Promise.all(clients.map(c => c.opened));
  await until("all are in", async () => (await metric("orochi_connections")) === CLIENTS);
  const frame = Buffer.concat(Array.from({ length: ASKED }, (_, i) => message(i)));
  for (const c of clients) c.socket.send(frame);
  const sent = () => metric("orochi_messages_out_total");
  const begun = await sent();
  await until("they are being answered", async () => (await sent()) > begun);
  let least = Infinity;
  for (let i = 0, last = await sent(); i < 20; i++) {
    const now = await sent();
    least = Math.min(least, now - last);
    last = now;
  }
  clients.forEach(c => c.break());
  await until("they are gone", async () => (await metric("orochi_connections")) === 0);
  return least;
}

for (const [what, message] of [
  ["one-off queries", i => oneOff(i, query(i))],
  ["subscriptions that come and go", i => Buffer.concat([subscribe(i, 1, query(i)), unsubscribe(i, 1, true)])],
])
  test(`forty floods of ${what} share a turn`, async () => {
    const least = await between(message);
    assert.ok(least < CLIENTS * 16, `${least} messages`); // 64 for each client and turn once were sent
  });
