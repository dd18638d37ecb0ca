// More of docs/http.md: headers on every answer, long tokens and texts, pipelines.

import assert from "node:assert/strict";
import { createConnection } from "node:net";
import { after, before, test } from "node:test";
import { call, cleanFolders, module, PATIENCE, serve, timed } from "./lib/server.mjs";

let server;
before(async () => (server = await serve(module("busy"), { flags: ["--memory", "--set", "server.dashboard_dir=/nowhere"] })));
after(async () => {
  assert.equal(await server.stop(), 0, server.output());
  await cleanFolders();
});

const get = (path, options) => fetch(server.url + path, options);

test("identity headers on every answer of a database route, refusals too", async () => {
  const post = { method: "POST", headers: { "content-type": "application/json" }, body: "[]" };
  for (const [path, options, status] of [
    ["/v1/database/busy", {}, 200], ["/v1/database/other", {}, 404], ["/v1/database/a.b", {}, 400],
    ["/v1/database/busy/schema", {}, 400], ["/v1/database/busy/call/nonsense", post, 404],
    ["/v1/database/busy/call/put", { method: "POST", body: "[]", headers: { "content-type": "text/plain" } }, 415],
    ["/v1/database/busy/call/put", post, 400], ["/v1/database/busy/sql", { method: "POST", body: "SELECT nothing" }, 400],
    ["/v1/database/busy/sql?confirmed=perhaps", { method: "POST", body: "SELECT * FROM tally" }, 400],
    ["/v1/database/busy/sql?confirmed=false", { method: "POST", body: "SELECT * FROM tally" }, 200],
    ["/v1/database/busy", { method: "DELETE" }, 501], ["/v1/database", { method: "POST" }, 501],
  ]) {
    const answer = await get(path, options);
    assert.equal(answer.status, status, path);
    assert.match(answer.headers.get("spacetime-identity") ?? "", /^c200[0-9a-f]{60}$/, path);
    // Nothing of an anonymous GET is worth a signature (docs/http.md#anonymous-requests).
    assert.equal(answer.headers.has("spacetime-identity-token"), options.method !== undefined, path);
    assert.equal(answer.headers.get("access-control-allow-origin"), "*", path);
    assert.match(answer.headers.get("vary") ?? "", /origin/, path);
  }
  const bad = await get("/v1/database/busy", { headers: { authorization: "Bearer nonsense" } });
  assert.equal(bad.status, 401);
  assert.equal(bad.headers.get("spacetime-identity"), null);
  const { identity, token } = await (await get("/v1/identity", { method: "POST" })).json();
  const known = await get(`/v1/database/busy?token=${token}`);
  assert.equal(known.headers.get("spacetime-identity"), identity);
  assert.equal(known.headers.get("spacetime-identity-token"), token);
});

test("an identity is echoed, with or without 0x", async () => {
  const id = "c200" + "ab".repeat(30);
  assert.equal(await (await get(`/v1/database/${id}/identity`)).text(), id);
  assert.equal((await get(`/v1/database/${id}`)).status, 404);
});

test("numbers of a call and of a query", async () => {
  const slow = await call(server, "busy", "slow", [20]);
  assert.ok(Number(slow.headers.get("spacetime-execution-duration-micros")) >= 20_000);
  assert.equal(slow.headers.get("spacetime-energy-used"), "0");
  const query = await get("/v1/database/busy/sql", { method: "POST", body: "SELECT * FROM tally" });
  assert.equal(Number(query.headers.get("spacetime-execution-duration-micros")), (await query.json())[0].total_duration_micros);
});

test("a long error is given whole", async () => {
  const answer = await call(server, "busy", "long_error", [3000]);
  assert.equal(answer.status, 530);
  assert.equal(await answer.text(), "é".repeat(3000));
});

test("a call without a content type", async () => {
  const raw = await request("POST /v1/database/busy/call/put HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n[]");
  assert.match(raw, /^HTTP\/1\.1 400/);
});

test("requests one after the other on one connection, without waiting for answers", async () => {
  const body = "SELECT * FROM tally", one = `POST /v1/database/busy/sql HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const { result: raw, ms } = await timed(() => request(one.repeat(20) + "GET /v1/ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  assert.equal(raw.match(/HTTP\/1\.1 200/g).length, 21);
  assert.ok(ms < 4000, `${ms} ms`);
});

test("one that leaves before its answer costs nothing", async () => {
  const body = "[100]", head = "POST /v1/database/busy/call/slow HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
  for (let i = 0; i < 5; i++) {
    await new Promise(done => {
      const socket = createConnection(server.port, "127.0.0.1", () => {
        socket.write(`${head}Content-Length: ${body.length}\r\n\r\n${body}`, () => setTimeout(() => { socket.destroy(); done(); }, 20));
      });
    });
  }
  assert.equal((await call(server, "busy", "slow", [1])).status, 200);
});

test("metrics of the process, of calls that never were, of subscriptions", async () => {
  const text = await (await get("/v1/metrics")).text();
  assert.match(text, /^orochi_process_resident_bytes [1-9]\d{6,}$/m);
  assert.match(text, /^orochi_process_cpu_seconds_total \d+\.\d+$/m);
  assert.match(text, /^orochi_build_info\{version="[\d.]+",python="3\.\d+\.\d+[^"]*"\} 1$/m);
  assert.match(text, /^orochi_subscriptions 0$/m);
  assert.match(text, /^orochi_call_queue_length \d+$/m);
  assert.match(text, /^orochi_reducer_calls_total\{reducer="stubborn"\} 0$/m);
});

test("a dashboard that is not built says what to do", async () => {
  const answer = await get("/dashboard/");
  assert.equal(answer.status, 404);
  assert.match(await answer.text(), /npm run build/);
});

test("methods and OPTIONS", async () => {
  assert.equal((await get("/v1/database/busy/subscribe")).status, 426);
  assert.equal((await get("/v1/other/busy/subscribe")).status, 404);
  assert.equal((await get("/v1/database/busy/subscribe", { method: "POST" })).headers.get("allow"), "GET");
  assert.equal((await get("/v1/database/busy", { method: "POST" })).headers.get("allow"), "GET,PUT,DELETE");
  const options = await get("/v1/database/busy/call/put", { method: "OPTIONS" });
  assert.equal(options.status, 200);
  assert.equal(await options.text(), "");
  assert.equal((await get("/v1/database/busy/schema?version=10", { method: "HEAD" })).status, 200);
});

function request(bytes) {
  return new Promise(done => {
    let all = "";
    const socket = createConnection(server.port, "127.0.0.1", () => socket.write(bytes));
    socket.setTimeout(PATIENCE, () => socket.destroy());
    socket.on("data", data => (all += data.toString("latin1")));
    socket.on("close", () => done(all));
    socket.on("error", () => {});
  });
}
