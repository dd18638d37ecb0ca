// What strangers made the server keep goes back to the system when they have left.
// Alone: the memory of the process is measured.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Raw, subscribe, unsubscribe } from "./lib/raw.mjs";
import { call, cleanFolders, module, serve, until } from "./lib/server.mjs";

let server;
const db = "costs", MB = 1 << 20;
before(async () => {
  server = await serve(module("costs"), { flags: ["--memory", "--set", "net.buffer_memory_mb=1024"] });
  assert.equal((await call(server, db, "fill", [1000, 10])).status, 200);
});
after(async () => {
  await server.stop();
  await cleanFolders();
});

const resident = () => 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${server.child.pid}/status`, "utf8"))[1]);

test("a flood of answers that nobody reads", { skip: /asan|tsan/.test(process.env.OROCHI_BIN ?? "") && "sanitizers keep what is freed" }, async () => {
  const before = resident();
  const query = "SELECT * FROM big_item WHERE id < 500";
  const frame = Buffer.concat(Array.from({ length: 10_000 }, (_, i) => Buffer.concat([subscribe(i, 1, query), unsubscribe(i, 1, true)])));
  const all = Array.from({ length: 8 }, () => new Raw(server, db));
  await Promise.all(all.map(c => c.opened));
  for (const c of all) {
    c.tcp.pause();
    c.socket.send(frame);
  }
  await until("much is kept for them", () => resident() > before + 300 * MB);
  all.forEach(c => c.break());
  await until("it is given back", () => resident() < before + 100 * MB);
  assert.ok(!/not given back/.test(server.output()), server.output());
});
