// Raw sockets that break every rule, and a client with the npm package beside them who must notice nothing: his calls are
// answered, his rows change, his connection stays. The server must stop cleanly at the end (under the sanitizers, too).
// Alone: how long others wait is measured.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { connect as dial } from "node:net";
import { after, before, beforeEach, afterEach, describe, test } from "node:test";
import { bindings, connect, rows, subscribe } from "./lib/client.mjs";
import * as raw from "./lib/raw.mjs";
import { cleanFolders, module, PATIENCE, serve, until } from "./lib/server.mjs";

let server, game, witness, gone, beats = 0n;

before(async () => {
  [server, game] = await Promise.all([serve(module("game")), bindings(module("game"))]);
  witness = await connect(game, server, "game");
  witness.closed.then(() => (gone = true));
  await subscribe(witness, "SELECT * FROM counter WHERE id = 900");
});
after(async () => {
  witness?.conn.disconnect();
  const code = await server?.stop();
  await cleanFolders();
  assert.equal(code, 0, server?.output());
});

/** The witness calls and sees what came of it. */
async function beat() {
  assert.ok(!gone, "the witness was disconnected");
  const late = new Promise((_, no) => setTimeout(() => no(new Error("the witness waits in vain")), PATIENCE).unref());
  await Promise.race([witness.conn.reducers.count({ id: 900, by: 1n }), late]);
  beats++;
  assert.equal(rows(witness.conn.db.counter)[0]?.value, beats);
}

// While a test goes on, too.
let beating, stopped;
beforeEach(() => {
  stopped = false;
  beating = (async () => {
    while (!stopped) {
      await beat();
      await new Promise(done => setTimeout(done, 20));
    }
  })();
  beating.catch(() => {});
});
afterEach(async () => {
  stopped = true;
  await beating;
  await beat();
});

/** A socket of which nothing is expected: {socket, text(), ended, send(), end()}. `ended` resolves when it is over, in whatever way. */
function open({ read = true, half = false } = {}) {
  const chunks = [];
  const socket = dial({ port: server.port, host: "127.0.0.1", allowHalfOpen: half });
  socket.on("error", () => {});
  const ended = new Promise(done => socket.once("close", done));
  const over = new Promise(done => { socket.once("end", done); ended.then(done); });
  if (read) socket.on("data", data => chunks.push(data));
  else socket.pause();
  return {
    socket, ended, over,
    bytes: () => Buffer.concat(chunks),
    text: () => Buffer.concat(chunks).toString("latin1"),
    send: data => new Promise(done => socket.destroyed ? done() : socket.write(data, done)),
    ready: new Promise(done => { socket.once("connect", done); ended.then(done); }),
  };
}

const UPGRADE = (protocol = "v2.bsatn.spacetimedb", path = "/v1/database/game/subscribe?compression=None") =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
  `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`;

/** A websocket by hand, past the upgrade and the first message. */
async function websocket(options) {
  const s = open(options);
  await s.ready;
  await s.send(UPGRADE());
  if (options?.read !== false)
    await until("the upgrade is answered", () => s.bytes().length > s.text().indexOf("\r\n\r\n") + 60 || s.socket.destroyed);
  return s;
}

/** A masked frame. */
function frame(first, payload = Buffer.alloc(0), { masked = true, length = payload.length } = {}) {
  payload = Buffer.from(payload);
  const mask = randomBytes(4);
  const head = length < 126 ? Buffer.from([first, length]) : Buffer.alloc(length < 65536 ? 4 : 10);
  if (length >= 126) {
    head[0] = first;
    head[1] = length < 65536 ? 126 : 127;
    if (length < 65536) head.writeUInt16BE(length, 2);
    else head.writeBigUInt64BE(BigInt(length), 2);
  }
  if (!masked) return Buffer.concat([head, payload]);
  head[1] |= 0x80;
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ mask[i % 4])]);
}

const closes = async (s, what) => {
  const end = setTimeout(() => s.socket.destroy(new Error("late")), PATIENCE);
  let late = false;
  s.socket.once("error", error => (late = error.message === "late"));
  await s.over;
  clearTimeout(end);
  assert.ok(!late, `${what}: the server keeps the connection`);
  s.socket.destroy();
};

describe("websocket frames against the protocol end their own connection", () => {
  const BINARY = 0x82, TEXT = 0x81, CLOSE = 0x88, PING = 0x89;
  const reserved = Buffer.from([BINARY | 0x40, 0x80, 0, 0, 0, 0]);
  const huge = frame(BINARY, [], { length: 2 ** 40 });
  const impossible = Buffer.from([BINARY, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
  for (const [what, bytes] of Object.entries({
    "no mask": frame(BINARY, "x", { masked: false }),
    "a reserved bit": reserved,
    "a reserved opcode": frame(0x83, "x"),
    "a reserved control opcode": frame(0x8b, ""),
    "a continuation of nothing": frame(0x80, "x"),
    "a new message within another": Buffer.concat([frame(0x02, "x"), frame(BINARY, "x")]),
    "a ping in fragments": frame(0x09, "x"),
    "a ping that is too long": frame(PING, Buffer.alloc(126)),
    "text that is not UTF-8": frame(TEXT, [0xc3, 0x28]),
    "a close code that must not be sent": frame(CLOSE, [0x03, 0xed]),
    "half a close code": frame(CLOSE, [0x03]),
    "a close reason that is not UTF-8": frame(CLOSE, [0x03, 0xe8, 0xff]),
    "a terabyte": huge,
    "a length with its highest bit": impossible,
    "a text message": frame(TEXT, "hello"),
    "an unknown message": frame(BINARY, [99, 0, 0]),
    "a message cut short": frame(BINARY, [3, 1, 0]),
    "a query that is not UTF-8": frame(BINARY, Buffer.concat([Buffer.from([2]), raw.u32(1), raw.u32(2), Buffer.from([0xc3, 0x28])])),
    "four thousand million queries": frame(BINARY, Buffer.concat([Buffer.from([0]), raw.u32(1), raw.u32(1), raw.u32(0xffffffff)])),
  }))
    test(what, async () => {
      const s = await websocket();
      await s.send(bytes);
      await closes(s, what);
    });

  test("random bytes, a thousand times", async () => {
    for (let i = 0; i < 100; i++) {
      const many = await Promise.all(Array.from({ length: 10 }, () => (i % 2 ? websocket() : open())));
      await Promise.all(many.map(async s => { await s.ready; await s.send(randomBytes(1 + i)); s.socket.destroy(); }));
    }
  });
});

describe("frames within the protocol, but odd", () => {
  const CALL = raw.call(5, "nothing");
  const answered = s => s.bytes().includes(Buffer.concat([Buffer.from([6]), raw.u32(5)])); // ReducerResult 5

  test("a message in fragments of one byte, with pings between, each in a packet of its own", async () => {
    const s = await websocket();
    s.socket.setNoDelay(true);
    for (let i = 0; i < CALL.length; i++) {
      const first = (i === 0 ? 2 : 0) | (i === CALL.length - 1 ? 0x80 : 0);
      for (const byte of frame(first, [CALL[i]])) await s.send(Buffer.from([byte]));
      await s.send(frame(0x89, [i]));
    }
    await until("the call is answered", () => answered(s));
    s.socket.destroy();
  });

  test("a hundred thousand empty fragments", async () => {
    const s = await websocket();
    await s.send(frame(0x02, CALL));
    for (let i = 0; i < 10; i++) await s.send(Buffer.concat(Array.from({ length: 10_000 }, () => frame(0x00))));
    await s.send(frame(0x80));
    await until("the call is answered", () => answered(s));
    s.socket.destroy();
  });

  test("a flood of pings is answered to one who reads", async () => {
    const s = await websocket();
    const before = s.bytes().length, N = 50_000;
    await s.send(Buffer.concat(Array.from({ length: N }, () => frame(0x89, "ab"))));
    await until("every pong is there", () => s.bytes().length >= before + 4 * N);
    s.socket.destroy();
  });

  test("a flood of pings from one who does not read", async () => {
    const s = await websocket({ read: false });
    const flood = Buffer.concat(Array.from({ length: 20_000 }, () => frame(0x89, "abcdefgh")));
    for (let i = 0; i < 20 && !s.socket.destroyed; i++) // its packets pile up here once the server has stopped reading
      await Promise.race([s.send(flood), new Promise(done => setTimeout(done, 500))]);
    s.socket.destroy();
  });

  test("thousands of tiny calls, of reducers that are not there and queries that are none, in one frame", async () => {
    const client = new raw.Raw(server, "game");
    await client.opened;
    const N = 5000;
    client.send(...Array.from({ length: N }, (_, i) =>
      i % 3 === 0 ? raw.call(i, "no such reducer") : i % 3 === 1 ? raw.oneOff(i, "SELECT") : raw.call(i, "nothing")));
    const answers = await client.wait(N, raw.TAG.RESULT, raw.TAG.ONE_OFF);
    assert.equal(answers.length, N);
    client.socket.close();
  });

  test("arguments with lengths that lie are refused, and the connection goes on", async () => {
    const client = new raw.Raw(server, "game");
    await client.opened;
    const liars = [Buffer.alloc(0), Buffer.alloc(4, 255), Buffer.alloc(9, 255), Buffer.concat([raw.u32(1), Buffer.alloc(64, 255)]), randomBytes(100)];
    liars.forEach((args, i) => client.send(raw.call(100 + i, "add_item", args)));
    client.send(raw.call(1, "nothing"));
    const answers = await client.wait(liars.length + 1, raw.TAG.RESULT);
    for (const answer of answers.filter(a => a.request >= 100)) assert.ok(answer.outcome >= 2, `${answer.request}: ${answer.outcome}`);
    client.socket.close();
  });

  test("twenty thousand different queries in one message", async () => {
    const client = new raw.Raw(server, "game");
    await client.opened;
    client.send(raw.subscribe(7, 7, ...Array.from({ length: 20_000 }, (_, i) => `SELECT * FROM counter WHERE id = ${100_000 + i}`)));
    await client.wait(1, raw.TAG.SUBSCRIBED);
    client.socket.close();
  });
});

describe("HTTP", () => {
  const PING = "GET /v1/ping HTTP/1.1\r\nHost: x\r\n\r\n";
  const count = (s, what) => s.text().split(what).length - 1;

  test("three thousand requests one after the other, without waiting", async () => {
    const s = open();
    await s.ready;
    await s.send(PING.repeat(3000));
    await until("all are answered", () => count(s, "HTTP/1.1 200 OK") === 3000);
    s.socket.destroy();
  });

  test("who has sent his last byte is still answered", async () => {
    for (let round = 0; round < 10; round++) {
      const many = Array.from({ length: 20 }, () => open({ half: true }));
      await Promise.all(many.map(s => s.ready));
      for (const s of many)
        s.socket.end(`POST /v1/database/game/sql HTTP/1.1\r\nHost: x\r\nContent-Length: 31\r\n\r\nSELECT * FROM item WHERE id = 1`);
      for (const s of many) await until("it is answered", () => /^HTTP\/1\.1 200 OK[^]*"rows":\[\]/.test(s.text()));
      for (const s of many) s.socket.destroy();
    }
  });

  test("a body of chunks of one byte, byte by byte", async () => {
    const s = open();
    await s.ready;
    s.socket.setNoDelay(true);
    await s.send(`POST /v1/database/game/sql HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
    for (const letter of "SELECT * FROM item WHERE id = 1")
      for (const byte of `1\r\n${letter}\r\n`) await s.send(byte);
    await s.send("0\r\n\r\n");
    await until("it is answered", () => /^HTTP\/1\.1 200 OK[^]*"rows":\[\]/.test(s.text()));
    s.socket.destroy();
  });

  test("half a million chunks of one byte", async () => {
    const s = open();
    await s.ready;
    await s.send(`POST /v1/database/game/sql HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
    for (let i = 0; i < 500; i++) await s.send("1\r\nx\r\n".repeat(1000));
    await s.send("0\r\n\r\n");
    await until("it is answered", () => /^HTTP\/1\.1 400 /.test(s.text()));
    s.socket.destroy();
  });

  test("three hundred who send their heads a byte at a time, and never to the end", async () => {
    const slow = Array.from({ length: 300 }, () => open());
    await Promise.all(slow.map(s => s.ready));
    for (const byte of "GET /v1/ping HTTP/1.1\r\nX: ") await Promise.all(slow.map(s => s.send(byte)));
    assert.equal((await fetch(`${server.url}/v1/ping`)).status, 200);
    assert.ok(slow.every(s => s.bytes().length === 0));
    slow.forEach(s => s.socket.destroy());
  });

  test("connections that are reset at any point", async () => {
    const text = UPGRADE() + "x".repeat(50);
    for (let i = 0; i < 10; i++) {
      const many = Array.from({ length: 30 }, () => open());
      await Promise.all(many.map(async (s, k) => {
        await s.ready;
        await s.send(text.slice(0, Math.floor((text.length * (i * 30 + k)) / 300)));
        s.socket.resetAndDestroy();
      }));
    }
  });

  test("bytes that are no text in paths, queries, names, tokens and bodies", async () => {
    const odd = ["%ff", "%c3%28", "%00", "%", "%zz", "\xff\xfe", "\x01", "..%2f..%2f", "a".repeat(5000), "%e2%82"];
    const paths = odd.flatMap(o => [`/${o}`, `/v1/database/${o}/subscribe`, `/v1/database/game/call/${o}`, `/v1/database/game/schema?version=${o}`,
      `/v1/identity/${o}/verify`, `/dashboard/${o}`, `/v1/database/game/subscribe?token=${o}`]);
    const ended = await Promise.all(paths.map(async path => {
      const s = open();
      await s.ready;
      await s.send(Buffer.from(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${path}\r\nConnection: close\r\n\r\n`, "latin1"));
      await closes(s, path);
      return [path, s.text()];
    }));
    for (const [path, text] of ended) assert.match(text, /^HTTP\/1\.1 [34]\d\d /, path);
    for (const body of [Buffer.from([0xc3, 0x28]), Buffer.from("SELECT * FROM \0"), Buffer.alloc(60_000, "(")]) {
      const answer = await fetch(`${server.url}/v1/database/game/sql`, { method: "POST", body });
      assert.equal(answer.status, 400);
    }
    for (const body of ["[", "[".repeat(100_000), '["\\ud800"]', `[${"9".repeat(100_000)},1]`, "\xff", '{"id":1,"id":2,"by":3}', "[1e400,1]"]) {
      const answer = await fetch(`${server.url}/v1/database/game/call/count`,
        { method: "POST", body: Buffer.from(body, "latin1"), headers: { "content-type": "application/json" } });
      assert.equal(answer.status, 400, body.slice(0, 30));
    }
  });

  test("heads that are too long or say two things at once", async () => {
    const post = "POST /v1/database/game/sql HTTP/1.1\r\nHost: x\r\n";
    for (const [head, status] of [
      [`GET / HTTP/1.1\r\n${"x: y\r\n".repeat(10_000)}`, 431],
      [`${post}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`, 400],
      [`${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
      [`${post}Content-Length: -1\r\n\r\n`, 400],
      [`${post}Content-Length: 99999999999999999999\r\n\r\n`, 400],
      [`${post}Content-Length: 4000000000\r\n\r\n`, 413],
      [`${post}Transfer-Encoding: chunked\r\n\r\nffffffff\r\n`, 413],
      [`${post}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`, 400],
      ["GET / HTTP/9.9\r\n\r\n", 505],
      ["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", 400],
    ]) {
      const s = open();
      await s.ready;
      await s.send(Buffer.from(head, "latin1"));
      await until(`an answer to ${head.slice(0, 60)}`, () => s.text().includes("\r\n\r\n") || s.socket.destroyed);
      assert.match(s.text(), new RegExp(`^HTTP/1\\.1 ${status} `), head.slice(0, 100));
      s.socket.destroy();
    }
  });
});
