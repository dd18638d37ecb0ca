// Requests for SQL of a module that greets whoever comes, beside a client that asks all the time.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Raw, TAG, oneOff } from "./lib/raw.mjs";
import { cleanFolders, module, serve, sql } from "./lib/server.mjs";

let server;
before(async () => (server = await serve(module("lobby"))));
after(async () => {
  await server.stop();
  await cleanFolders();
});

test("a question that meets a request which has just come in", async () => {
  const ROUNDS = 5, BURST = 10_000;
  const clients = Array.from({ length: 4 }, () => new Raw(server, "lobby", { query: "&confirmed=false" }));
  await Promise.all(clients.map(c => c.opened));
  for (let round = 0; round < ROUNDS; round++) {
    const frame = Buffer.concat(Array.from({ length: BURST }, (_, i) => oneOff(i, "SELECT * FROM guest WHERE id = 'nobody'")));
    clients.forEach(c => c.socket.send(frame));
    const rows = await Promise.all(Array.from({ length: 40 }, () => sql(server, "lobby", "SELECT COUNT(*) AS n FROM guest")));
    for (const [{ n }] of rows) assert.ok(Number(n) >= 5, `${n} guests`);
    await Promise.all(clients.map(c => c.wait(BURST * (round + 1), TAG.ONE_OFF)));
  }
});
