// Strangers that fill buffers: unfinished messages, answers that nobody reads, frames behind a slow call, heads and bodies
// without end. All of it together stays within net.buffer_memory_mb, and a client beside them is served as ever.
// Alone: the memory of the process is measured, and how long others wait.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { connect as dial } from "node:net";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import * as raw from "./lib/raw.mjs";
import { call, cleanFolders, folder, module, serve, SLOW, until } from "./lib/server.mjs";

const LIMIT_MB = 48;
let server, witness, beats = 0;

before(async () => {
  const pages = await folder();
  writeFileSync(join(pages, "index.html"), "<p>here");
  writeFileSync(join(pages, "large.bin"), Buffer.alloc(40_000_000, 7));
  server = await serve(module("busy"), {
    flags: ["--memory", "--workers", "1", "--set", `net.buffer_memory_mb=${LIMIT_MB}`, "--set", "net.threads=2",
      "--set", `server.static_dir=${pages}`],
  });
  witness = new raw.Raw(server, "busy");
  await witness.opened;
});
after(async () => {
  witness.socket.close();
  const code = await server.stop();
  await cleanFolders();
  assert.equal(code, 0, server.output());
});

async function metrics() {
  const text = await (await fetch(`${server.url}/v1/metrics`)).text();
  return name => Number(new RegExp(`^${name.replace(/[{}]/g, "\\$&")} (.*)$`, "m").exec(text)?.[1] ?? NaN);
}
const buffered = async () => (await metrics())("orochi_net_buffer_bytes");
const cut = async cause => (await metrics())(`orochi_net_cut_off_total{cause="${cause}"}`);

/** Until the server has taken what it will take: twice the same. Gives what is buffered. */
async function settled() {
  let last = -1;
  return until("the server has read what was sent", async () => {
    const now = await buffered(), same = now === last && Math.abs(resident() - grown) < 1e6;
    last = now;
    grown = resident();
    await new Promise(done => setTimeout(done, 100));
    return same && { bytes: now };
  }).then(found => found.bytes);
}
let grown = 0;

/** The witness is answered, and what all others have in memory is within the limit, or nearly. */
async function beat() {
  witness.send(raw.call(++beats, "put", Buffer.concat([raw.text("witness"), raw.u64(1)])));
  await witness.wait(beats, raw.TAG.RESULT);
  const bytes = await buffered();
  assert.ok(bytes < (LIMIT_MB * 1.25 + 1) * 1e6 * 1.05, `${bytes} bytes are buffered`);
}

const resident = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.child.pid}/status`, "latin1"))[1]) * 1024;

// Memory before and after; the sanitizers keep what was freed.
let rss;
beforeEach(() => (rss = resident()));
const staysSmall = (most = 3 * LIMIT_MB) => {
  const grown = (resident() - rss) / 1e6;
  if (SLOW === 1) assert.ok(grown < most, `${grown.toFixed(0)} MB more`);
};

const UPGRADE = `GET /v1/database/busy/subscribe?compression=None HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: v2.bsatn.spacetimedb\r\n\r\n`;

/** A socket that reads only if it is told to. send() waits until the bytes have left, or the connection ends, or a while. */
async function open(first = "", { read = false } = {}) {
  const socket = dial({ port: server.port, host: "127.0.0.1" });
  const chunks = [];
  socket.on("error", () => {});
  const ended = new Promise(done => socket.once("close", done));
  if (read) socket.on("data", data => chunks.push(data));
  else socket.pause();
  await Promise.race([new Promise(done => socket.once("connect", done)), ended]);
  const send = data => Promise.race([new Promise(done => socket.destroyed ? done() : socket.write(data, done)), ended,
    new Promise(done => setTimeout(done, 500 * SLOW))]);
  if (first) await send(first);
  return { socket, ended, send, bytes: () => Buffer.concat(chunks) };
}

function frame(first, payload, length = payload.length) {
  const head = Buffer.alloc(length < 126 ? 6 : length < 65536 ? 8 : 14);
  head[0] = first;
  head[1] = 0x80 | (length < 126 ? length : length < 65536 ? 126 : 127);
  if (length >= 65536) head.writeBigUInt64BE(BigInt(length), 2);
  else if (length >= 126) head.writeUInt16BE(length, 2);
  return Buffer.concat([head, payload]); // a mask of zeros
}

const many = async (n, make) => {
  const all = [];
  for (let i = 0; i < n; i++) {
    all.push(await make(i));
    if (i % 5 === 4) await beat();
  }
  return all;
};
const leave = async all => {
  for (const s of all) s.socket.destroy();
  await Promise.all(all.map(s => s.ended));
  await until("what they took is given back", async () => (await buffered()) < 1e6);
};

const N = SLOW === 1 ? 50 : 12;

test("fifty unfinished messages of 31 MB", async () => {
  const before = await cut("buffers_full"), part = frame(0x82, Buffer.alloc(4_000_000), 31_000_000), more = Buffer.alloc(4_000_000);
  const all = await many(N, async () => {
    const s = await open(UPGRADE, { read: true });
    await s.send(part);
    for (let i = 0; i < 6 && !s.socket.destroyed; i++) await s.send(more);
    return s;
  });
  await beat();
  staysSmall();
  assert.ok((await cut("buffers_full")) > before);
  // They are told: a Close with 1013.
  await until("the first has its Close", () => all.some(s => s.bytes().includes(Buffer.from([0x03, 0xf5]))));
  await leave(all);
});

// With the sanitizers there are twelve (N), who do not fill the budget: what one client asks waits while 1 MiB is unread.
test("fifty who ask for much and do not read", { skip: SLOW > 1 && "twelve do not fill the budget" }, async () => {
  assert.equal((await call(server, "busy", "put", ["x".repeat(1_000_000), 1])).status, 200);
  const before = await cut("buffers_full");
  const ask = Buffer.concat(Array.from({ length: 100 }, (_, i) => frame(0x82, raw.oneOff(i, "SELECT * FROM tally"))));
  const all = await many(N, async () => {
    const s = await open(UPGRADE);
    await s.send(ask);
    return s;
  });
  // Answers of this size come from other threads, one after the other: they may still be on their way.
  await until("somebody is cut off", async () => (await cut("buffers_full")) > before);
  await beat();
  staysSmall();
  await leave(all);
});

test("updates for fifty who do not read", async () => {
  const all = await many(N, async () => {
    const s = await open(UPGRADE);
    await s.send(frame(0x82, raw.subscribe(1, 1, "SELECT * FROM tally")));
    return s;
  });
  const before = await cut("buffers_full");
  for (let i = 0; i < 20; i++) {
    assert.equal((await call(server, "busy", "put", ["y".repeat(1_000_000), 1])).status, 200);
    await beat();
  }
  staysSmall();
  assert.ok((await cut("buffers_full")) > before, "nobody was cut off: was nothing sent?");
  await leave(all);
});

test("forty downloads of a file of 40 MB that nobody reads", async () => {
  const all = await many(40, () => open("GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2)));
  await beat();
  assert.ok((await buffered()) < 10e6, "a download holds a part of the file");
  staysSmall();
  const whole = Buffer.from(await (await fetch(`${server.url}/large.bin`)).arrayBuffer());
  assert.ok(whole.equals(Buffer.alloc(40_000_000, 7)));
  await leave(all);
});

test("bodies without end, with a length and in chunks", async () => {
  const head = "POST /v1/database/busy/sql HTTP/1.1\r\nHost: x\r\n";
  const all = await many(N, async i => {
    const s = await open(head + (i % 2 ? "Content-Length: 2000000\r\n\r\n" : "Transfer-Encoding: chunked\r\n\r\n1e8480\r\n"));
    await s.send(Buffer.alloc(1_999_000, 32));
    return s;
  });
  await beat();
  staysSmall();
  await leave(all);
});

test("chunks whose extensions are all there is", async () => {
  const s = await open("POST /v1/database/busy/sql HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", { read: true });
  const chunks = Buffer.from(`1;${"e".repeat(900)}\r\nx\r\n`.repeat(1000));
  for (let i = 0; i < 60 && !s.socket.destroyed; i++) await s.send(chunks);
  await beat();
  assert.ok((await buffered()) < 5e6);
  staysSmall(20);
  await leave([s]);
});

test("a thousand heads that never end", async () => {
  const head = Buffer.from(`GET / HTTP/1.1\r\nHost: x\r\nX: ${"h".repeat(15_000)}`);
  const all = await many(SLOW === 1 ? 1000 : 200, () => open(head));
  await beat();
  staysSmall();
  await leave(all);
});

for (const [what, payload] of Object.entries({ "tiny calls": raw.call(1, "nothing"), "no bytes": Buffer.alloc(0) }))
  test(`frames of ${what} behind a slow call`, async () => {
    const one = frame(0x82, payload), flood = Buffer.concat(Array.from({ length: 50_000 }, () => one));
    const all = await Promise.all(Array.from({ length: 12 }, async () => { // together: their calls run one after the other
      const s = await open(UPGRADE);
      await s.send(frame(0x82, raw.call(0, "slow", raw.u32(900))));
      await s.send(frame(0x82, raw.oneOff(1, "SELECT * FROM line"))); // everything behind it waits for the call
      for (let i = 0; i < 5 && !s.socket.destroyed; i++) await s.send(flood);
      return s;
    }));
    const bytes = await settled();
    assert.ok(bytes < 40e6, `${bytes}`);
    staysSmall(30);
    await leave(all);
    await beat();
  });

test("subscriptions that are refused, and nobody reads why", async () => {
  const ask = Buffer.concat(Array.from({ length: 20_000 }, (_, i) => frame(0x82, raw.subscribe(i, i, "SELECT"))));
  const all = await many(10, async () => {
    const s = await open(UPGRADE);
    for (let i = 0; i < 5 && !s.socket.destroyed; i++) await s.send(ask);
    return s;
  });
  await beat();
  staysSmall(30);
  await leave(all);
});

test("Pings that nobody reads the answers of", async () => {
  const flood = Buffer.concat(Array.from({ length: 20_000 }, () => frame(0x89, randomBytes(100))));
  const all = await many(5, async () => {
    const s = await open(UPGRADE);
    for (let i = 0; i < 5 && !s.socket.destroyed; i++) await s.send(flood);
    return s;
  });
  assert.ok((await buffered()) < 10e6);
  await beat();
  staysSmall(30);
  await leave(all);
});

test("who reads gets a message larger than all that may wait", async () => {
  const own = await serve(module("busy"), { flags: ["--memory", "--set", "net.outgoing_limit=1000000"] });
  try {
    for (let i = 0; i < 8; i++) await call(own, "busy", "put", ["z".repeat(900_000) + i, 1]);
    const reader = new raw.Raw(own, "busy");
    await reader.opened;
    reader.send(...Array.from({ length: 12 }, (_, i) => raw.oneOff(i, "SELECT * FROM tally")));
    const answers = await reader.wait(12, raw.TAG.ONE_OFF);
    assert.equal(answers.length, 12);
    reader.socket.close();
  } finally {
    assert.equal(await own.stop(), 0, own.output());
  }
});

test("a process that was stopped takes nobody for idle", async () => {
  const own = await serve(module("busy"), {
    flags: ["--memory", "--set", "net.idle_timeout_s=2", "--set", "net.ping_interval_s=1", "--set", "net.stall_timeout_s=2"],
  });
  try {
    const players = Array.from({ length: 20 }, () => new raw.Raw(own, "busy"));
    await Promise.all(players.map(p => p.opened));
    let gone = 0;
    for (const p of players) p.closed.then(() => gone++);
    const keep = await new Promise(done => {
      const socket = dial({ port: own.port, host: "127.0.0.1" }, () => done(socket));
    });
    keep.write("POST /v1/database/busy/sql HTTP/1.1\r\nHost: x\r\nContent-Length: 18\r\n\r\nSELECT * ");
    own.child.kill("SIGSTOP");
    await new Promise(done => setTimeout(done, 4000)); // the time that must not count
    own.child.kill("SIGCONT");
    players.forEach((p, i) => p.send(raw.call(i, "put", Buffer.concat([raw.text("back"), raw.u64(1)]))));
    await Promise.all(players.map(p => p.wait(1, raw.TAG.RESULT)));
    const answer = new Promise(done => keep.once("data", data => done(data.toString())));
    keep.write("FROM line");
    assert.match(await answer, /^HTTP\/1\.1 200 OK/);
    assert.equal(gone, 0, "players were disconnected");
    keep.destroy();
    players.forEach(p => p.socket.close());
  } finally {
    assert.equal(await own.stop(), 0, own.output());
  }
});
