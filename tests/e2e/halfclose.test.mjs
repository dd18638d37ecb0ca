// A websocket client that has sent all it will send, and ends its side of TCP behind a call, is answered and then closed. One
// that has gone altogether is not kept for its answers.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { connect as dial } from "node:net";
import { after, before, test } from "node:test";
import { call, subscribe, u32, u64 } from "./lib/raw.mjs";
import { cleanFolders, module, serve, sql, until, PATIENCE } from "./lib/server.mjs";

let server;
before(async () => (server = await serve(module("game"), { flags: ["--memory", "--workers", "2"] })));
after(async () => {
  assert.equal(await server.stop(), 0, server.output());
  await cleanFolders();
});

const HEAD = protocol => "GET /v1/database/game/subscribe?compression=None HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
  `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ${protocol}.bsatn.spacetimedb\r\n\r\n`;

function frame(payload, opcode = 0x82) {
  const mask = randomBytes(4), head = payload.length < 126 ? Buffer.from([opcode, 0x80 | payload.length]) : Buffer.from([opcode, 0x80 | 126, payload.length >> 8, payload.length & 255]);
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ mask[i % 4])]);
}

/** Everything the server sends to one who writes these bytes and then ends its side: {opcode, payload} of each frame. */
function ends(bytes, { protocol = "v2", late = false } = {}) {
  return new Promise((done, no) => {
    const chunks = [];
    const socket = dial({ port: server.port, host: "127.0.0.1", allowHalfOpen: true }, () =>
      late ? socket.write(Buffer.concat([Buffer.from(HEAD(protocol)), bytes]), () => setImmediate(() => socket.end()))
           : socket.end(Buffer.concat([Buffer.from(HEAD(protocol)), bytes])));
    const limit = setTimeout(() => socket.destroy(new Error("the server keeps the connection")), PATIENCE);
    socket.on("data", data => chunks.push(data));
    socket.on("error", no);
    socket.on("end", () => {
      clearTimeout(limit);
      socket.destroy();
      const all = Buffer.concat(chunks), frames = [];
      for (let at = all.indexOf("\r\n\r\n") + 4; at < all.length;) {
        let n = all[at + 1], from = at + 2;
        if (n === 126) { n = all.readUInt16BE(at + 2); from += 2; }
        frames.push({ opcode: all[at] & 15, payload: all.subarray(from, from + n) });
        at = from + n;
      }
      done(frames);
    });
  });
}

const count = (request, id, by) => call(request, "count", Buffer.concat([u32(id), u64(by)]));
const RESULT = 6;
/** Request numbers of the results. */
const results = frames => frames.filter(f => f.opcode === 2 && f.payload[1] === RESULT).map(f => f.payload.readUInt32LE(2));

test("300 of 300 are answered, then closed", async () => {
  let sum = 0;
  for (let round = 0; round < 10; round++)
    await Promise.all(Array.from({ length: 30 }, async (_, i) => {
      const frames = await ends(frame(count(7, 950, 1)), { late: i % 2 === 1 });
      assert.deepEqual(results(frames), [7]);
      assert.equal(frames.at(-1).opcode, 8, "the last is a Close");
      assert.equal(frames.at(-1).payload.readUInt16BE(0), 1000);
      sum++;
    }));
  assert.equal(sum, 300);
  assert.deepEqual(await sql(server, "game", "SELECT value FROM counter WHERE id = 950"), [{ value: 300 }]);
});

test("many calls, subscriptions between them, on either protocol, in order", async () => {
  const calls = Buffer.concat([1, 2, 3].map(n => frame(count(n, 951, 1))));
  const more = Buffer.concat([calls, frame(subscribe(9, 1, "SELECT * FROM counter WHERE id = 951")), frame(count(4, 951, 1))]);
  const frames = await ends(more);
  assert.deepEqual(results(frames), [1, 2, 3, 4]);
  assert.ok(frames.some(f => f.opcode === 2 && f.payload[1] === 1), "and the subscription is applied");
  const stream = await ends(frame(Buffer.concat([count(1, 952, 1), count(2, 952, 1)])), { protocol: "v3" });
  assert.equal(stream.at(-1).opcode, 8);
  assert.deepEqual(await sql(server, "game", "SELECT value FROM counter WHERE id = 952"), [{ value: 2 }]);
});

test("who asked for nothing is greeted and closed; half a frame is no call", async () => {
  assert.equal((await ends(Buffer.alloc(0))).at(-1)?.opcode, 8);
  const half = frame(count(5, 953, 1));
  assert.deepEqual(results(await ends(half.subarray(0, half.length - 3))), []);
});

test("who has gone altogether is not kept", async () => {
  const connections = async () => Number(/^orochi_connections (\d+)/m.exec(await (await fetch(`${server.url}/v1/metrics`)).text())?.[1]);
  for (let i = 0; i < 20; i++) {
    const socket = dial({ port: server.port, host: "127.0.0.1" });
    socket.on("error", () => {});
    socket.write(Buffer.concat([Buffer.from(HEAD("v2")), frame(count(1, 954, 1))]));
    await new Promise(done => socket.once("data", done));
    socket.destroy();
  }
  await until("they have gone", async () => (await connections()) === 0);
});
