// Answers of many megabytes: they are made while they are read, so that one who does not read costs a piece of them;
// what their client gets is what was asked for, in its order; and whoever leaves, reloads or stops meanwhile leaves nothing.
// Alone: the memory of the process is measured.

import assert from "node:assert/strict";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { connect as dial } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import * as raw from "./lib/raw.mjs";
import { call, cleanFolders, folder, module, serve, SLOW, sql, until } from "./lib/server.mjs";

after(cleanFolders);
const { TAG } = raw;
const ROWS = SLOW === 1 ? 72 : 24, SIZE = 1_000_000;
const ALL = "SELECT * FROM tally";

async function filled(flags = ["--memory"], path = module("busy")) {
  const server = await serve(path, { flags: [...flags, "--set", "net.buffer_memory_mb=1024"] });
  for (let i = 0; i < ROWS; i++) {
    const answer = await call(server, "busy", "put", [`${i} `.padEnd(SIZE, String.fromCharCode(97 + i % 26)), 1]);
    assert.equal(answer.status, 200, await answer.text());
  }
  return server;
}

/** The rows of Tally as pairs; their lengths vary, so each begins with the one of its name. */
function rows(bytes) {
  const found = new Map();
  for (let at = 0; at < bytes.length;) {
    const n = bytes.readUInt32LE(at), name = bytes.toString("latin1", at + 4, at + 4 + n);
    assert.ok(!found.has(name));
    found.set(name, bytes.readBigUInt64LE(at + 4 + n));
    at += 12 + n;
  }
  return found;
}

function expectAll(found) {
  let large = 0;
  for (const name of found.keys()) {
    if (name.length !== SIZE) continue;
    const i = Number(name.slice(0, name.indexOf(" ")));
    assert.equal(name, `${i} `.padEnd(SIZE, String.fromCharCode(97 + i % 26)));
    large++;
  }
  assert.equal(large, ROWS);
}

const status = (server, key) => Number(new RegExp(`${key}:\\s+(\\d+)`).exec(readFileSync(`/proc/${server.child.pid}/status`, "latin1"))[1]) * 1024;
const buffered = async server =>
  Number(/^orochi_net_buffer_bytes (.*)$/m.exec(await (await fetch(`${server.url}/v1/metrics`)).text())[1]);
const nothingLeft = server => until("what was sent is given back", async () => (await buffered(server)) < 1e6);

async function stop(server) {
  assert.equal(await server.stop(), 0, server.output());
}

for (const [what, flags, options] of [
  ["in memory", ["--memory"], {}],
  ["that wait for the disk", [], {}],
  ["over v2, unconfirmed", ["--memory"], { protocol: "v2", query: "&confirmed=false" }],
]) {
  test(`initial rows under constant commits, ${what}, are those of a fresh query`, async () => {
    const server = await filled([...flags, "--data", join(await folder(), "data")]);
    const client = new raw.Raw(server, "busy", options), writer = new raw.Raw(server, "busy");
    await Promise.all([client.opened, writer.opened]);
    let on = true, sent = 0;
    const work = (async () => {
      while (on) {
        writer.send(raw.call(sent, "put", Buffer.concat([raw.text(`small ${sent % 50}`), raw.u64(1)])));
        await writer.wait(++sent, TAG.RESULT);
      }
    })();
    client.send(raw.subscribe(1, 1, ALL));
    client.send(raw.oneOff(2, ALL));
    client.send(raw.subscribe(3, 3, "SELECT * FROM tally WHERE name = 'small 1'"));
    const [first] = await client.wait(2, TAG.SUBSCRIBED);
    const [one] = await client.wait(1, TAG.ONE_OFF);
    on = false;
    await work;
    expectAll(rows(one.tables[0].rows));
    const cache = rows(first.tables[0].rows);
    expectAll(cache);
    client.send(raw.unsubscribe(4, 1, true));
    const [gone] = await client.wait(1, TAG.UNSUBSCRIBED);
    for (const m of client.messages.slice(client.messages.indexOf(first) + 1, client.messages.indexOf(gone)))
      for (const { set, tables } of m.sets ?? []) {
        if (set !== 1) continue;
        for (const { rows: both } of tables) for (const { inserts, deletes } of both) {
          for (const name of rows(deletes).keys()) assert.ok(cache.delete(name));
          for (const [name, n] of rows(inserts)) cache.set(name, n);
        }
      }
    const order = client.messages.map(m => m.tag).filter(tag => [TAG.SUBSCRIBED, TAG.ONE_OFF, TAG.UNSUBSCRIBED].includes(tag));
    assert.deepEqual(order, [TAG.SUBSCRIBED, TAG.ONE_OFF, TAG.SUBSCRIBED, TAG.UNSUBSCRIBED]);
    const last = rows(gone.tables[0].rows);
    assert.ok(last.size === cache.size && [...cache].every(([name, n]) => last.get(name) === n));
    const fresh = new Map((await sql(server, "busy", ALL)).map(row => [row.name, BigInt(row.n)]));
    for (const map of [fresh, cache]) map.delete("came"); // the query itself came, and leaves
    for (const map of [fresh, cache]) map.delete("left");
    assert.ok(fresh.size === cache.size && [...cache].every(([name, n]) => fresh.get(name) === n));
    client.socket.close();
    writer.socket.close();
    await nothingLeft(server);
    await stop(server);
  });
}

/** A connection that has sent its request and reads nothing. */
async function stuck(server, bytes) {
  const socket = dial({ port: server.port, host: "127.0.0.1" });
  socket.on("error", () => {});
  socket.pause();
  await new Promise(done => socket.once("connect", done));
  socket.write(bytes);
  return socket;
}
const UPGRADE = `GET /v1/database/busy/subscribe?compression=None HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: v2.bsatn.spacetimedb\r\n\r\n`;
const frame = payload => Buffer.concat([Buffer.from([0x82, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
const asks = {
  subscription: Buffer.concat([Buffer.from(UPGRADE), frame(raw.subscribe(1, 1, ALL))]),
  query: Buffer.concat([Buffer.from(UPGRADE), frame(raw.oneOff(1, ALL))]),
  sql: Buffer.from(`POST /v1/database/busy/sql HTTP/1.1\r\nHost: x\r\nContent-Length: ${ALL.length}\r\n\r\n${ALL}`),
};

for (const [what, bytes] of Object.entries(asks)) {
  test(`an answer to a ${what} that nobody reads costs a piece of it, and is whole once it is read`, async () => {
    const server = await filled();
    writeFileSync(`/proc/${server.child.pid}/clear_refs`, "5"); // the peak starts anew
    const before = status(server, "VmRSS");
    const socket = await stuck(server, bytes);
    await until("it waits to be sent", async () => (await buffered(server)) > 500_000);
    for (let i = 0; i < 20; i++) await sql(server, "busy", "SELECT COUNT(*) AS n FROM tally");
    assert.ok((await buffered(server)) < 3 * SIZE, "as much as a socket takes, and a row or two");
    const grown = status(server, "VmHWM") - before;
    if (SLOW === 1) assert.ok(grown < 12e6, `${grown / 1e6} MB at most, for an answer of ${ROWS * SIZE / 1e6}`);
    let got = 0;
    socket.on("data", part => (got += part.length)).resume();
    await until("all of it has come", () => got > ROWS * SIZE);
    socket.destroy();
    await nothingLeft(server);
    await stop(server);
  });
}

test("who leaves, a reload and a stop in the middle leave nothing", async () => {
  const dir = await folder(), file = join(dir, "busy.py");
  await copyFile(module("busy"), file);
  const server = await filled(["--data", join(dir, "data")], file);
  for (let round = 0; round < 6; round++) {
    const sockets = await Promise.all(Object.values(asks).map(bytes => stuck(server, bytes)));
    if (round % 2) await until("something waits to be sent", async () => (await buffered(server)) > SIZE);
    if (round === 3) {
      appendFileSync(file, "\n# another version\n");
      const token = readFileSync(join(dir, "data", "owner.token"), "utf8").trim();
      const done = await fetch(`${server.url}/v1/database/busy/reload`, { method: "POST", headers: { authorization: `Bearer ${token}` } });
      assert.equal(done.status, 200, await done.text());
    }
    for (const socket of sockets) socket.destroy();
  }
  await nothingLeft(server);
  for (const bytes of Object.values(asks)) await stuck(server, bytes);
  await until("something waits to be sent", async () => (await buffered(server)) > SIZE);
  await stop(server);
});
