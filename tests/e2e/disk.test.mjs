// A disk that is full: nothing more is confirmed, the state is plain to see, and it goes on when there is room.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { Book, Client, random } from "./lib/crash.mjs";
import { cleanFolders, folder, module, serve, until } from "./lib/server.mjs";

after(cleanFolders);

const sleep = ms => new Promise(done => setTimeout(done, ms));

async function metric(server, name) {
  const text = await (await fetch(`${server.url}/v1/metrics`)).text();
  return Number(new RegExp(`^${name} (.*)$`, "m").exec(text)[1]);
}

/** `fill` leaves no room, `free` makes it. Gives what the clients know. */
async function fullDisk(server, fill, free) {
  const rng = random(3);
  const flight = 8;
  const told = [0, 1].map(id => new Client(server, id, 0, rng, { protocol: "v3", flight }));
  const confirmed = () => told.reduce((n, c) => n + c.confirmed.length, 0);
  await until("there is load", () => confirmed() > 200);
  assert.equal(await metric(server, "orochi_durable_trouble"), 0);

  await fill(server);
  await until("the trouble is seen", async () => (await metric(server, "orochi_durable_trouble")) === 1);
  await until("the log says so", () => /disk full/.test(server.output()));
  // Who does not ask for confirmed answers is served from memory.
  const quick = new Client(server, 2, 0, rng, { protocol: "v2", flight, confirmed: false });
  await until("an unconfirmed client is answered", () => quick.confirmed.length > 50);
  quick.stopped = true;
  const before = confirmed();
  await sleep(300);
  assert.equal(confirmed(), before, "nothing is confirmed meanwhile");
  assert.ok((await metric(server, "orochi_durable_lag_commits")) > 50);
  assert.equal(server.child.exitCode, null);

  await free(server);
  await until("it writes again", async () => (await metric(server, "orochi_durable_trouble")) === 0);
  await until("the log says so", () => /writing again/.test(server.output()));
  await until("there are confirmations", () => confirmed() > before + 200);
  await until("the log has caught up", async () => (await metric(server, "orochi_durable_lag_commits")) < 1000);
  for (const c of told) c.stopped = true;
  assert.equal(await server.stop(), 0, server.output());
  return [...told, quick];
}

test("a limit on the size of files", async () => {
  const data = await folder();
  const start = () => serve(module("ledger"), { flags: ["--data", data, "--workers", "2"] });
  let server = await start();
  try {
    const limit = bytes => execFileSync("prlimit", ["--pid", `${server.child.pid}`, `--fsize=${bytes}:`]);
    const written = () => readdirSync(data).filter(name => name.endsWith("-wal")).map(name => statSync(join(data, name)).size);
    const fill = () => limit(Math.max(...written()) + 20_000);
    const clients = await fullDisk(server, fill, () => limit("unlimited"));
    await Promise.all(clients.map(c => c.closed));
    server = await start();
    await new Book().check(server, clients, 0);
    assert.equal(await server.stop(), 0, server.output());
  } finally {
    await server.kill();
  }
});

test("a stop while there is no room ends by itself, and keeps what was confirmed", async () => {
  const data = await folder();
  const start = () => serve(module("ledger"), { flags: ["--data", data, "--workers", "2"] });
  let server = await start();
  try {
    const client = new Client(server, 0, 0, random(9), { protocol: "v3", flight: 8 });
    await until("there is load", () => client.confirmed.length > 200);
    execFileSync("prlimit", ["--pid", `${server.child.pid}`, "--fsize=4096:"]);
    await until("the trouble is seen", async () => (await metric(server, "orochi_durable_trouble")) === 1);
    client.stopped = true;
    assert.equal(await server.stop(), 4, server.output());
    assert.equal(server.child.signalCode, null);
    assert.match(server.output(), /not all that was done is in the data folder; the log above says what and why\n$/);
    assert.match(server.output(), /stopping without having written the last transactions/);
    await client.closed;
    server = await start();
    await new Book().check(server, [client], 0);
    assert.equal(await server.stop(), 0, server.output());
  } finally {
    await server.kill();
  }
});
