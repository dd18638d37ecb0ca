// What strangers made the server keep goes back to the system when they have left.
// Alone: the memory of the process is measured.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Raw } from "./lib/raw.mjs";
import { cleanFolders, module, serve, until } from "./lib/server.mjs";

let server;
const db = "costs", MB = 1 << 20;
before(async () => {
  server = await serve(module("costs"), { flags: ["--memory", "--set", "net.buffer_memory_mb=1024"] });
});
after(async () => {
  await server.stop();
  await cleanFolders();
});

const resident = () => 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${server.child.pid}/status`, "utf8"))[1]);

/** The head of a binary message of so many bytes, masked with zeros, so that they are as they are. */
function head(bytes) {
  const out = Buffer.alloc(14);
  out[0] = 0x82;
  out[1] = 0x80 | 127;
  out.writeBigUInt64BE(BigInt(bytes), 2);
  return out;
}

test("a flood of messages that do not end", { skip: /asan|tsan/.test(process.env.OROCHI_BIN ?? "") && "sanitizers keep what is freed" }, async () => {
  const before = resident();
  const all = Array.from({ length: 14 }, () => new Raw(server, db));
  await Promise.all(all.map(c => c.opened));
  for (const c of all) {
    c.tcp.write(head(31 * MB));
    c.tcp.write(Buffer.alloc(30 * MB, 7));
  }
  await until("much is kept for them", () => resident() > before + 300 * MB);
  all.forEach(c => c.break());
  await until("it is given back", () => resident() < before + 100 * MB);
  assert.ok(!/not given back/.test(server.output()), server.output());
});
