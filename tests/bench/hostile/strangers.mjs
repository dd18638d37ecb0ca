// The attacks of hostile.mjs, each a loop of its own, bounded in what it has open at once: node strangers.mjs URL [NAME,NAME].

import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { setPriority } from "node:os";
import { call, oneOff, subscribe, u32 } from "../../e2e/lib/raw.mjs";

setPriority(19);
const url = new URL(process.argv[2]);
const only = process.argv[3] ? process.argv[3].split(",") : undefined;
const sleep = ms => new Promise(done => setTimeout(done, ms));
process.on("uncaughtException", () => {}); // sockets that are cut off

/** A socket; `read` false: what comes is left to lie. */
function dial(read = true) {
  const socket = connect(Number(url.port), url.hostname);
  socket.on("error", () => {});
  socket.gone = new Promise(done => socket.once("close", done));
  if (read) socket.resume();
  return socket;
}

/** A frame of the client's; the mask is zero, so that the bytes are as they are. */
function frame(opcode, payload, { fin = true, length = payload.length } = {}) {
  const head = Buffer.alloc(14);
  head[0] = (fin ? 0x80 : 0) | opcode;
  head[1] = 0x80 | 127;
  head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([length > 65535 ? head : short(head[0], length), payload]);
}
function short(first, length) {
  if (length < 126) return Buffer.from([first, 0x80 | length, 0, 0, 0, 0]);
  return Buffer.from([first, 0x80 | 126, length >> 8, length & 255, 0, 0, 0, 0]);
}

function websocket(query = "", read = true) {
  const socket = dial(read);
  socket.write(`GET /v1/database/hostile/subscribe?compression=None${query} HTTP/1.1\r\nHost: ${url.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: v3.bsatn.spacetimedb\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n\r\n`);
  return socket;
}

const within = (ms, ...promises) => Promise.race([sleep(ms), ...promises]);
const written = (socket, bytes) => new Promise(done => (socket.destroyed ? done() : socket.write(bytes, done)));
const post = (path, body, headers = "") => {
  const socket = dial();
  socket.write(`POST ${path} HTTP/1.1\r\nHost: ${url.host}\r\nConnection: close\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  return within(30_000, socket.gone).finally(() => socket.destroy());
};
const ors = table => `SELECT * FROM ${table} WHERE ` + Array.from({ length: 3300 }, (_, i) => `id=${i + 1000000}`).join(" OR ");
const uneven = table => `SELECT * FROM ${table} WHERE ` + Array.from({ length: 3000 }, (_, i) => `id<>${i}`).join(" AND ");

const attacks = {
  async sql() { await Promise.all([ors("item"), uneven("item"), "SELECT * FROM item", "SELECT * FROM item WHERE kind <> 5 LIMIT 1"].map(q => post("/v1/database/hostile/sql", q))); },
  async standing() {
    const socket = websocket();
    for (let i = 0; i < 300; i++) socket.write(frame(2, subscribe(i, i, uneven("nothing").replace("id<>0", `n<>${i}`))));
    for (let i = 0; i < 20; i++) socket.write(frame(2, oneOff(1000 + i, uneven("item"))));
    for (let i = 0; i < 10; i++) {
      socket.write(frame(2, call(2000 + i, "churn", u32(1000))));
      await within(1000, socket.gone);
    }
    socket.destroy();
  },
  async unfinished() {
    const sockets = Array.from({ length: 50 }, () => websocket());
    const part = Buffer.alloc(1 << 20);
    for (const socket of sockets) {
      await written(socket, frame(2, Buffer.alloc(0), { length: 31 << 20 }));
      for (let i = 0; i < 30; i++) await written(socket, part);
    }
    await within(20_000, Promise.all(sockets.map(s => s.gone)));
    sockets.forEach(s => s.destroy());
    await sleep(5000);
  },
  async unread() {
    const sockets = Array.from({ length: 50 }, () => websocket("&confirmed=false", false));
    for (const socket of sockets) socket.write(frame(2, subscribe(1, 1, "SELECT * FROM poster")));
    const painter = websocket();
    for (let i = 0; i < 20; i++) {
      painter.write(frame(2, call(i, "paint", u32(1 << 20))));
      await sleep(500);
    }
    [...sockets, painter].forEach(s => s.destroy());
  },
  async downloads() {
    const sockets = Array.from({ length: 40 }, () => dial(false));
    sockets.forEach(s => s.write(`GET /big.bin HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`));
    await within(20_000, Promise.all(sockets.map(s => s.gone)));
    sockets.forEach(s => s.destroy());
  },
  async chunks() {
    const socket = dial();
    socket.write(`POST /v1/database/hostile/sql HTTP/1.1\r\nHost: ${url.host}\r\nTransfer-Encoding: chunked\r\n\r\n`);
    const chunk = `1;${"e".repeat(8000)}\r\nx\r\n`;
    for (let i = 0; i < 2000 && !socket.destroyed; i++) await written(socket, chunk);
    socket.destroy();
    await sleep(500);
  },
  async empty() {
    const socket = websocket();
    socket.write(frame(2, call(1, "slow", u32(5))));
    socket.write(frame(2, Buffer.from([3]), { fin: false }));
    const nothing = Buffer.concat(Array.from({ length: 10_000 }, () => frame(0, Buffer.alloc(0), { fin: false })));
    for (let i = 0; i < 20 && !socket.destroyed; i++) await written(socket, nothing);
    socket.destroy();
    await sleep(1000);
  },
  async nonsense() {
    const socket = websocket();
    const many = Buffer.concat(Array.from({ length: 100 }, (_, i) => call(i, i % 2 ? "slow" : "no_such_thing", Buffer.alloc(1))));
    for (let i = 0; i < 50; i++) {
      socket.write(frame(2, many));
      socket.write(frame(2, call(1, "crash", u32(1_000_000))));
      await sleep(50);
    }
    socket.destroy();
  },
  async leavers() {
    const sockets = Array.from({ length: 60 }, () => websocket());
    for (const socket of sockets) socket.write(frame(2, Buffer.concat(Array.from({ length: 30 }, (_, i) => call(i, "slow", u32(5))))));
    await sleep(100);
    sockets.forEach(s => s.destroy());
    await sleep(5000);
  },
  async pipeline() {
    const sockets = Array.from({ length: 8 }, () => dial());
    const many = Buffer.from(`GET /v1/database/hostile HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`.repeat(200));
    for (let i = 0; i < 50; i++) {
      await Promise.all(sockets.map(s => written(s, many)));
      await sleep(20);
    }
    sockets.forEach(s => s.destroy());
  },
  async malformed() {
    const all = ["GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", `GET /?token=${"%0D%0A".repeat(500)} HTTP/1.1\r\nHost: a\r\n\r\n`,
      "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "\0\0\0", "GET /".repeat(5000)];
    for (const text of all) {
      const socket = dial();
      socket.write(text);
      await within(200, socket.gone);
      socket.destroy();
    }
  },
  async foreign() {
    for (let i = 0; i < 20; i++) await post("/v1/database/hostile/sql", "SELECT * FROM mover", "Origin: https://evil.example\r\nContent-Type: text/plain\r\n");
    const id = randomBytes(16).toString("hex");
    const twins = Array.from({ length: 10 }, () => websocket(`&connection_id=${id}`));
    twins.forEach(s => s.write(frame(2, call(1, "slow", u32(5)))));
    twins.forEach(s => s.end());
    await within(2000, Promise.all(twins.map(s => s.gone)));
    twins.forEach(s => s.destroy());
  },
};

for (const [name, attack] of Object.entries(attacks)) {
  if (only && !only.includes(name)) continue;
  void (async () => {
    for (;;) {
      await attack().catch(() => {});
      await sleep(200);
    }
  })();
}
