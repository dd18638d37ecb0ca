// The HTTP interface of docs/http.md, and what a client's bad bytes may do: nothing.

import assert from "node:assert/strict";
import { createConnection } from "node:net";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { WebSocket } from "undici";
import { call, cleanFolders, module, PATIENCE, serve, sql, until } from "./lib/server.mjs";

let server;
before(async () => (server = await serve(module("game"))));
after(async () => {
  assert.equal(await server.stop(), 0, server.output());
  await cleanFolders();
});

const get = (path, options) => fetch(server.url + path, options);

describe("endpoints", () => {
  test("ping, health, unknown paths, methods", async () => {
    const ping = await get("/v1/ping");
    assert.equal(ping.status, 200);
    assert.equal(await ping.text(), "");
    assert.equal((await get("/v1/health")).headers.get("content-type"), "application/json");
    assert.equal((await get("/v1/ping/")).status, 404);
    assert.equal((await get("/v1/nonsense")).status, 404);
    const wrong = await get("/v1/ping", { method: "POST" });
    assert.equal(wrong.status, 405);
    assert.equal(wrong.headers.get("allow"), "GET");
    assert.equal((await get("/v1/ping", { method: "HEAD" })).status, 200);
  });

  test("CORS", async () => {
    const options = await get("/v1/identity/websocket-token", { method: "OPTIONS" });
    assert.equal(options.status, 200);
    assert.equal(options.headers.get("access-control-allow-origin"), "*");
    assert.equal(options.headers.get("access-control-allow-headers"), "authorization,accept,content-type");
    assert.equal((await get("/v1/ping")).headers.get("access-control-allow-origin"), "*");
  });

  test("identities and tokens", async () => {
    const { identity, token } = await (await get("/v1/identity", { method: "POST" })).json();
    assert.match(identity, /^c200[0-9a-f]{60}$/);
    const auth = { authorization: `Bearer ${token}` };
    assert.equal((await get(`/v1/identity/${identity}/verify`, { headers: auth })).status, 204);
    assert.equal((await get(`/v1/identity/${"0".repeat(64)}/verify`, { headers: auth })).status, 400);
    assert.equal((await get(`/v1/identity/${identity}/verify`)).status, 401);
    const short = await get("/v1/identity/websocket-token", { method: "POST", headers: auth });
    assert.equal(short.status, 200);
    const payload = JSON.parse(Buffer.from((await short.json()).token.split(".")[1], "base64url"));
    assert.equal(payload.hex_identity, identity);
    assert.ok(payload.exp - payload.iat === 60);
    assert.equal((await get("/v1/identity/websocket-token", { method: "POST" })).status, 401);
    const bad = await get("/v1/identity/websocket-token", { method: "POST", headers: { authorization: "Basic x" } });
    assert.equal(bad.status, 400);
    assert.match(await (await get("/v1/identity/public-key")).text(), /BEGIN PUBLIC KEY/);
  });

  test("the database: info, identity, names, schema", async () => {
    const identity = await (await get("/v1/database/game/identity")).text();
    assert.match(identity, /^[0-9a-f]{64}$/);
    assert.deepEqual(await (await get(`/v1/database/${identity}/names`)).json(), { names: ["game"] });
    assert.equal((await get("/v1/database/other/identity")).status, 404);
    assert.equal((await get("/v1/database/a.b/identity")).status, 400);
    const info = await get("/v1/database/game");
    assert.match(info.headers.get("spacetime-identity"), /^[0-9a-f]{64}$/);
    assert.equal((await info.json()).database_identity.__identity__, `0x${identity}`);
    const ten = await (await get("/v1/database/game/schema?version=10")).json();
    assert.ok(ten.sections.some(s => s.Tables?.some(t => t.source_name === "item")));
    const nine = await (await get("/v1/database/game/schema?version=9")).json();
    assert.ok(nine.tables.some(t => t.name === "item"));
    assert.equal((await get("/v1/database/game/schema")).status, 400);
  });

  test("calls", async () => {
    const fine = await call(server, "game", "count", [3, 4]);
    assert.equal(fine.status, 200);
    assert.equal(await fine.text(), "");
    assert.match(fine.headers.get("spacetime-execution-duration-micros"), /^\d+$/);
    assert.equal((await call(server, "game", "count", { id: 3, by: 1 })).status, 200);
    assert.deepEqual(await sql(server, "game", "SELECT value FROM counter WHERE id = 3"), [{ value: 5 }]);
    const refused = await call(server, "game", "half_done", []);
    assert.equal(refused.status, 530);
    assert.equal(await refused.text(), "changed my mind");
    const bug = await call(server, "game", "bug", []);
    assert.equal(bug.status, 530);
    assert.equal(await bug.text(), "The instance encountered a fatal error.");
    const args = await call(server, "game", "count", [3]);
    assert.equal(args.status, 400);
    assert.match(await args.text(), /^invalid arguments for reducer count: /);
    assert.equal((await call(server, "game", "count", [-1, 1])).status, 400);
    assert.equal((await call(server, "game", "nonsense", [])).status, 404);
    assert.equal((await call(server, "game", "internal", [])).status, 404);
    assert.equal((await call(server, "game", "connected", [])).status, 400);
    assert.equal((await call(server, "game", "count", [3, 4], { "content-type": "text/plain" })).status, 415);
  });

  test("SQL", async () => {
    const answer = await get("/v1/database/game/sql", { method: "POST", body: "SELECT id, value FROM counter WHERE id = 0;" });
    const [{ schema, rows, stats }] = await answer.json();
    assert.deepEqual(schema.elements.map(e => e.name.some), ["id", "value"]);
    assert.deepEqual(rows, [[0, 0]]);
    assert.deepEqual(stats, { rows_inserted: 0, rows_deleted: 0, rows_updated: 0 });
    for (const bad of ["SELECT nope", "SELECT * FROM secret", "SELECT * FROM item; SELECT * FROM nothing", "", "DROP TABLE item"]) {
      const refused = await get("/v1/database/game/sql", { method: "POST", body: bad });
      assert.equal(refused.status, 400, bad);
      assert.equal(refused.headers.get("content-type"), "text/plain; charset=utf-8");
    }
  });

  test("a body that is packed is refused, and not taken for what it is not", async () => {
    const body = gzipSync("SELECT * FROM counter");
    for (const encoding of ["gzip", "br", "identity, gzip", "x"]) {
      const answer = await get("/v1/database/game/sql", { method: "POST", body, headers: { "content-encoding": encoding } });
      assert.equal(answer.status, 415, encoding);
      assert.match(await answer.text(), /Content-Encoding .* is not unpacked here: send it as it is/);
    }
    const plain = await get("/v1/database/game/sql", { method: "POST", body: "SELECT * FROM counter", headers: { "content-encoding": "identity" } });
    assert.equal(plain.status, 200);
    const zipped = await call(server, "game", "count", [1, 1], { "content-encoding": "gzip" });
    assert.equal(zipped.status, 415);
  });

  test("metrics in Prometheus text, and live", async () => {
    await call(server, "game", "nothing", []);
    const text = await (await get("/v1/metrics")).text();
    assert.match(text, /^orochi_reducer_calls_total\{reducer="nothing"\} [1-9]/m);
    assert.match(text, /^orochi_commits_total [1-9]/m);
    assert.match(text, /^orochi_table_rows\{table="counter"\} [1-9]/m);
    assert.match(text, /^orochi_timer_lateness_seconds_bucket\{le="\+Inf"\} [1-9]/m);
    assert.match(text, /^orochi_pool_hits_total\{worker="0"\} \d/m);
    const socket = new WebSocket(`${server.ws}/v1/metrics/live`, ["orochi.metrics.json"]);
    const first = await new Promise((yes, no) => {
      socket.onmessage = event => yes(JSON.parse(event.data));
      socket.onerror = event => no(event.error ?? new Error("no live metrics"));
    });
    assert.ok(first.t > 0);
    assert.ok(first.metrics.orochi_connections[0][1] >= 1);
    socket.close();
  });

  test("pages: none here, and no way out of a folder", async () => {
    assert.match(await (await get("/")).text(), /no web\s+page/);
    assert.equal((await get("/nothing.js")).status, 404);
    const icon = await get("/favicon.ico");
    assert.deepEqual([icon.status, icon.headers.get("content-type")], [200, "image/svg+xml"], "browsers ask for it on every page");
    assert.match(await icon.text(), /^<svg xmlns=.*<\/svg>$/s);
    assert.equal((await get("/dashboard", { redirect: "manual" })).status, 301);
    for (const path of ["/dashboard/../../../etc/passwd", "/dashboard/%2e%2e/%2e%2e/meson.build", "/dashboard/..%2f..%2fmeson.build"]) {
      const raw = await request(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      assert.match(raw, /^HTTP\/1\.1 (400|403|404)/, path);
    }
  });
});

/** What the server answers to raw bytes until it closes, or has given all of it. */
function request(bytes) {
  return new Promise(done => {
    let text = "";
    const socket = createConnection(server.port, "127.0.0.1", () => socket.write(bytes));
    socket.setTimeout(PATIENCE, () => socket.destroy());
    socket.on("data", data => {
      text += data.toString("latin1");
      const end = text.indexOf("\r\n\r\n") + 4, length = /^content-length: (\d+)/im.exec(text.slice(0, end));
      if (end > 3 && length && text.length >= end + Number(length[1])) socket.end(); // all of it is there
    });
    socket.on("close", () => done(text));
    socket.on("error", () => {});
  });
}

describe("bad input", () => {
  const socketOf = (protocols = ["v2.bsatn.spacetimedb"], query = "") =>
    new WebSocket(`${server.ws}/v1/database/game/subscribe?compression=None${query}`, protocols);

  const closeOf = (bytes, protocols) =>
    new Promise(done => {
      const socket = socketOf(protocols);
      socket.binaryType = "arraybuffer";
      let open = false;
      socket.onmessage = () => {
        if (!open) socket.send(bytes);
        open = true;
      };
      socket.onclose = event => done(event.code);
    });

  for (const hex of ["05", "0000000000", "020000000001000000ff", "0301000000010000000000000000", "01000000000000000002"])
    test(`the message ${hex} closes its own connection with 1011`, async () => {
      assert.equal(await closeOf(Buffer.from(hex, "hex")), 1011);
      assert.equal(await closeOf(Buffer.from(hex, "hex"), ["v3.bsatn.spacetimedb"]), 1011);
    });

  test("a text message closes with 1011", async () => assert.equal(await closeOf("hello"), 1011));

  test("our order of protocols counts, and one of ours is needed", async () => {
    const socket = socketOf(["v2.bsatn.spacetimedb", "v3.bsatn.spacetimedb"]);
    await new Promise(done => (socket.onopen = done));
    assert.equal(socket.protocol, "v3.bsatn.spacetimedb");
    socket.close();
    const head = "GET /v1/database/game/subscribe HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    assert.match(await request(`${head}Sec-WebSocket-Protocol: nonsense\r\n\r\n`), /^HTTP\/1\.1 400/);
    const plain = await get("/v1/database/game/subscribe");
    assert.equal(plain.status, 426);
  });

  test("parameters of the upgrade are checked", async () => {
    const upgrade = query => request(`GET /v1/database/game/subscribe?${query} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n` +
      "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
      "Sec-WebSocket-Protocol: v2.bsatn.spacetimedb\r\n\r\n");
    assert.match(await upgrade("compression=Zip"), /^HTTP\/1\.1 400/);
    assert.match(await upgrade("confirmed=maybe"), /^HTTP\/1\.1 400/);
    for (const bad of ["connection_id=12", "session_id=12", `session_id=${"x".repeat(32)}`]) assert.match(await upgrade(bad), /^HTTP\/1\.1 400/);
    assert.match(await upgrade(`connection_id=${"0".repeat(32)}`), /^HTTP\/1\.1 400/);
    assert.match(await upgrade("token=nonsense"), /^HTTP\/1\.1 401/);
  });

  test("a connection id that was asked for is given", async () => {
    const socket = socketOf(["v2.bsatn.spacetimedb"], "&connection_id=00112233445566778899aabbccddeeff");
    socket.binaryType = "arraybuffer";
    const data = await new Promise(done => (socket.onmessage = event => done(Buffer.from(event.data))));
    assert.equal(data[0], 0);
    assert.equal(data[1], 0);
    assert.equal(data.subarray(34, 50).toString("hex"), "ffeeddccbbaa99887766554433221100");
    socket.close();
  });

  test("garbage on the port disturbs nobody", async () => {
    await request("\x00\x01\x02garbage\r\n\r\n");
    await request(`GET / HTTP/1.1\r\nX: ${"y".repeat(100000)}\r\n\r\n`);
    await request("POST /v1/database/game/sql HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n");
    assert.equal((await get("/v1/ping")).status, 200);
    await until("it still calls", async () => (await call(server, "game", "nothing", [])).status === 200);
  });
});
