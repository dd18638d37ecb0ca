// Questions that are there already, of clients that do not read: they are answered as the answers are read, not before. So it
// is not what was asked that decides how much is kept for one who does not read, and nothing that was asked is lost.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as raw from "./lib/raw.mjs";
import { call, cleanFolders, module, serve, until } from "./lib/server.mjs";

const CLIENTS = 8, QUESTIONS = 300, ROW = 100_000;
let server;

before(async () => {
  server = await serve(module("busy"), { flags: ["--memory", "--workers", "1"] });
  assert.equal((await call(server, "busy", "put", ["x".repeat(ROW), 1])).status, 200);
});
after(async () => {
  const code = await server.stop();
  await cleanFolders();
  assert.equal(code, 0, server.output());
});

async function buffered() {
  const text = await (await fetch(`${server.url}/v1/metrics`)).text();
  return Number(/^orochi_net_buffer_bytes (.*)$/m.exec(text)[1]);
}

/** Until it stands still. */
async function settled() {
  let last = -1;
  return until("nothing more is buffered", async () => {
    const now = await buffered(), same = now === last;
    last = now;
    await new Promise(done => setTimeout(done, 200));
    return same && { now };
  }).then(found => found.now);
}

async function open(protocol) {
  const client = new raw.Raw(server, "busy", { protocol });
  await client.opened;
  await client.wait(1, raw.TAG.INITIAL);
  return client;
}

for (const protocol of ["v3", "v2"]) {
  test(`${protocol}: one who does not read is not answered without end, and gets it all once he reads`, async () => {
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => open(protocol)));
    for (const client of clients) {
      client.tcp.pause();
      const questions = Array.from({ length: QUESTIONS }, (_, i) => raw.oneOff(i, "SELECT * FROM tally"));
      if (protocol === "v3") client.send(...questions);
      else for (const question of questions) client.send(question);
    }
    const bytes = await settled();
    assert.ok(bytes < CLIENTS * 3e6, `${(bytes / 1e6).toFixed(0)} MB are kept`);
    for (const client of clients) client.tcp.resume();
    for (const client of clients) {
      const answers = await client.wait(QUESTIONS, raw.TAG.ONE_OFF);
      assert.deepEqual(answers.map(m => m.request), Array.from({ length: QUESTIONS }, (_, i) => i));
      client.socket.close();
    }
    await Promise.all(clients.map(client => client.closed));
  });
}

test("calls behind answers that are not read wait as well, and run in their order", async () => {
  const client = await open("v3");
  client.tcp.pause();
  client.send(
    ...Array.from({ length: QUESTIONS }, (_, i) => raw.oneOff(i, "SELECT * FROM tally")),
    raw.call(QUESTIONS, "put", Buffer.concat([raw.text("late"), raw.u64(1)])),
    raw.oneOff(QUESTIONS + 1, "SELECT * FROM tally WHERE name = 'late'"));
  await settled();
  const early = await (await fetch(`${server.url}/v1/database/busy/sql`, { method: "POST", body: "SELECT * FROM tally WHERE name = 'late'" })).text();
  assert.match(early, /"rows":\[\]/);
  client.tcp.resume();
  await client.wait(QUESTIONS + 1, raw.TAG.ONE_OFF);
  const order = client.messages.slice(-3).map(m => [m.tag, m.request]);
  assert.deepEqual(order, [[raw.TAG.ONE_OFF, QUESTIONS - 1], [raw.TAG.RESULT, QUESTIONS], [raw.TAG.ONE_OFF, QUESTIONS + 1]]);
  client.socket.close();
  await client.closed;
});
