// A foreign web page must not reach a developer's loopback server: Origin and Host are looked at on every route, net.allow_origins
// says who else may come, pages carry their policies, and nothing with a token in it is stored.

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { cleanFolders, folder, module, orochi, serve, sql } from "./lib/server.mjs";

let server, pages;
before(async () => {
  pages = await folder();
  await mkdir(join(pages, "web"));
  await writeFile(join(pages, "web/index.html"), "<!doctype html><title>game</title>");
  server = await serve(module("game"), { flags: ["--memory", "--set", `server.static_dir=${join(pages, "web")}`] });
});
after(async () => {
  assert.equal(await server.stop(), 0, server.output());
  await cleanFolders();
});

/** The answer to raw lines: {status, headers, body}; the connection ends with it. */
function ask(lines, { body = "", to = server } = {}) {
  return new Promise((done, no) => {
    let text = "";
    const socket = createConnection(to.port, "127.0.0.1", () => socket.write(`${lines.join("\r\n")}\r\n\r\n${body}`));
    const finish = () => {
      const end = text.indexOf("\r\n\r\n");
      if (end < 0) return;
      const [first, ...rest] = text.slice(0, end).split("\r\n");
      const headers = Object.fromEntries(rest.map(line => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 2)]));
      const status = Number(first.split(" ")[1]);
      const length = Number(headers["content-length"] ?? 0);
      if (status !== 101 && text.length < end + 4 + length) return;
      socket.destroy();
      done({ status, headers, body: text.slice(end + 4) });
    };
    socket.on("data", data => { text += data.toString("latin1"); finish(); });
    socket.on("close", () => no(new Error(`no whole answer: ${text}`)));
    socket.on("error", no);
  });
}

const UPGRADE = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="];
const SUBSCRIBE = ["GET /v1/database/game/subscribe?compression=None HTTP/1.1", ...UPGRADE, "Sec-WebSocket-Protocol: v2.bsatn.spacetimedb"];
const LIVE = ["GET /v1/metrics/live HTTP/1.1", ...UPGRADE, "Sec-WebSocket-Protocol: orochi.metrics.json"];
const CALL = "[901, 1]";
const WAYS = [
  { lines: SUBSCRIBE, fine: 101 },
  { lines: LIVE, fine: 101 },
  { lines: ["POST /v1/database/game/sql HTTP/1.1", "Content-Type: text/plain"], body: "SELECT * FROM counter", fine: 200 },
  { lines: ["POST /v1/database/game/call/count HTTP/1.1", "Content-Type: application/json"], body: CALL, fine: 200 },
  { lines: ["POST /v1/database/game/reload HTTP/1.1"], fine: 403 },
  { lines: ["PATCH /v1/database/game/bridge HTTP/1.1"], body: "{}", fine: 403 },
  { lines: ["POST /v1/identity HTTP/1.1"], fine: 200 },
  { lines: ["GET /v1/metrics HTTP/1.1"], fine: 200 },
  { lines: ["GET /v1/ping HTTP/1.1"], fine: 200 },
  { lines: ["GET /v1/nonsense HTTP/1.1"], fine: 404 },
  { lines: ["GET /v1/database/game/schema?version=10 HTTP/1.1"], fine: 200 },
  { lines: ["OPTIONS /v1/database/game/call/count HTTP/1.1", "Access-Control-Request-Method: POST"], fine: 200 },
  { lines: ["GET / HTTP/1.1"], fine: 200 },
  { lines: ["GET /index.html HTTP/1.1"], fine: 200 },
];
const way = ({ lines, body }, extra, to) =>
  ask([...lines, ...extra, ...(body ? [`Content-Length: ${body.length}`] : [])], { body, to });

const FOREIGN = ["http://evil.example", "https://evil.example", "null", "file://", "http://localhost.evil.example", "http://127.0.0.1.evil.example",
  "http://evil.example:80@localhost", "http://localhost@evil.example", "http://10.0.0.1", "http://0.0.0.0:3000", "chrome-extension://localhost", "nonsense", "*"];
const OURS = port => [undefined, `http://127.0.0.1:${port}`, `http://localhost:${port}`, "http://localhost:5173", "https://localhost", "http://[::1]:8080", "http://game.localhost:1"];
const origin = value => (value === undefined ? [] : [`Origin: ${value}`]);

describe("on a loopback address", () => {
  test("a foreign page is refused on every route, and nothing happens", async () => {
    const counted = async () => sql(server, "game", "SELECT value FROM counter WHERE id = 901");
    const before = await counted();
    for (const foreign of FOREIGN)
      for (const w of WAYS) {
        const answer = await way(w, ["Host: 127.0.0.1", ...origin(foreign)]);
        assert.equal(answer.status, 403, `${foreign}: ${w.lines[0]}`);
        assert.match(answer.body, /net\.allow_origins=/);
        assert.equal(answer.headers["access-control-allow-origin"], undefined);
        assert.equal(answer.headers["spacetime-identity-token"], undefined);
      }
    assert.deepEqual(await counted(), before);
  });

  test("pages of this machine and clients that are no pages are served", async () => {
    for (const ours of OURS(server.port))
      for (const w of WAYS)
        assert.equal((await way(w, [`Host: 127.0.0.1:${server.port}`, ...origin(ours)])).status, w.fine, `${ours}: ${w.lines[0]}`);
  });

  test("a foreign name that was made to mean this machine is refused", async () => {
    for (const host of ["evil.example", `evil.example:${server.port}`, "localhost.evil.example", "127.0.0.1.evil.example", "localhost..", "localhost.example."])
      for (const w of WAYS) {
        const answer = await way(w, [`Host: ${host}`, `Origin: http://${host}`]);
        assert.equal(answer.status, 421, `${host}: ${w.lines[0]}`);
        assert.match(answer.body, /net\.allow_origins=https:/);
        assert.equal((await way(w, [`Host: ${host}`])).status, 421, w.lines[0]);
      }
    const [ping] = WAYS.filter(w => w.lines[0].includes("/v1/ping"));
    assert.equal((await ask(["GET http://evil.example/v1/ping HTTP/1.1", "Host: localhost"])).status, 421);
    for (const host of ["localhost", "LOCALHOST:80", "127.0.0.1", "[::1]:80", "x", "game.localhost", "10.0.0.1"])
      assert.equal((await way(ping, [`Host: ${host}`])).status, 200, host);
  });

  test("two origins are one too many", async () => {
    assert.equal((await ask(["GET /v1/ping HTTP/1.1", "Host: x", "Origin: http://localhost", "Origin: http://evil.example"])).status, 400);
    assert.equal((await ask(["GET /v1/ping HTTP/1.1", "Host: x", "Origin: http://localhost, http://evil.example"])).status, 403);
    assert.equal((await ask(["GET /v1/ping HTTP/1.1", "Host: x", "Origin:"])).status, 403);
  });

  test("a subprotocol is taken whole", async () => {
    const offered = async name => (await ask([...LIVE.slice(0, -1), `Sec-WebSocket-Protocol: ${name}`, "Host: x"])).headers["sec-websocket-protocol"];
    assert.equal(await offered("a, orochi.metrics.json"), "orochi.metrics.json");
    assert.equal(await offered("xorochi.metrics.json"), undefined);
    assert.equal(await offered("orochi.metrics.jsonx"), undefined);
  });
});

describe("net.allow_origins", () => {
  const with_ = (value, flags = []) => serve(module("game"), { flags: ["--memory", "--set", `net.allow_origins=${value}`, ...flags] });

  test("names those that may come, instead of all pages of this machine", async () => {
    const s = await with_("https://game.example, http://dev.example:8080");
    const status = async (from, host = `127.0.0.1:${s.port}`) => (await way(WAYS[2], [`Host: ${host}`, ...origin(from)], s)).status;
    for (const from of ["https://game.example", "https://game.example:443", "http://dev.example:8080", `http://127.0.0.1:${s.port}`, undefined])
      assert.equal(await status(from), 200, from);
    for (const from of ["http://game.example", "https://game.example:444", "https://game.example.evil", "https://x.game.example", "http://dev.example", "http://localhost:5173", "null"])
      assert.equal(await status(from), 403, from);
    assert.equal(await status("https://game.example", "game.example"), 200); // a proxy hands the name on
    assert.equal(await status("https://other.example", "other.example"), 421);
    const page = await way({ lines: ["GET /dashboard/ HTTP/1.1"] }, ["Host: x"], s);
    assert.match(page.headers["content-security-policy"], /frame-ancestors 'self' ;/);
    assert.equal(await s.stop(), 0, s.output());
  });

  test("a star and null", async () => {
    const s = await with_("*");
    for (const foreign of FOREIGN)
      assert.notEqual((await way(WAYS[2], ["Host: evil.example", ...origin(foreign)], s)).status, 403, foreign);
    await s.stop();
    const n = await with_("null");
    assert.equal((await way(WAYS[2], ["Host: x", "Origin: null"], n)).status, 200);
    assert.equal((await way(WAYS[2], ["Host: x", "Origin: http://evil.example"], n)).status, 403);
    await n.stop();
  });

  test("a list in the file, and what is no origin", async () => {
    const file = join(await folder(), "orochi.toml");
    await writeFile(file, '[net]\nallow_origins = ["https://a.example", "https://b.example"]\n');
    const s = await serve(module("game"), { flags: ["--memory", "--config", file] });
    assert.equal((await way(WAYS[2], ["Host: x", "Origin: https://b.example"], s)).status, 200);
    assert.equal((await way(WAYS[2], ["Host: x", "Origin: https://c.example"], s)).status, 403);
    await s.stop();
    for (const bad of ["a.example", "https://a.example/", "https://*.example"]) {
      const refused = await orochi(["run", module("game"), "--memory", "--set", `net.allow_origins=${bad}`]);
      assert.equal(refused.code, 2, bad);
      assert.match(refused.text, /net\.allow_origins.*such as https:/);
    }
  });

  test("on a public address all may come, or those of the list and the server's own pages", async () => {
    const s = await serve(module("game"), { flags: ["--memory", "--listen", "0.0.0.0:0"] });
    for (const foreign of FOREIGN) assert.equal((await way(WAYS[2], ["Host: game.example", ...origin(foreign)], s)).status, 200, foreign);
    await s.stop();
    const l = await with_("https://a.example", ["--listen", "0.0.0.0:0"]);
    const status = async from => (await way(WAYS[2], ["Host: game.example:80", ...origin(from)], l)).status;
    for (const from of [undefined, "https://a.example", "http://game.example"]) assert.equal(await status(from), 200, from);
    for (const from of ["https://b.example", "null", "http://localhost:80"]) assert.equal(await status(from), 403, from);
    await l.stop();
  });
});

describe("what browsers are told", () => {
  test("pages carry frame and content policies", async () => {
    for (const path of ["/", "/index.html", "/none.html", "/dashboard/", "/dashboard/none.js"]) {
      const { headers } = await ask([`GET ${path} HTTP/1.1`, "Host: localhost:3000"]);
      assert.match(headers["content-security-policy"] ?? "", /frame-ancestors 'self' ;.*base-uri/, path);
      assert.equal(headers["x-frame-options"], "SAMEORIGIN", path);
      assert.equal(headers["x-content-type-options"], "nosniff", path);
      assert.equal(headers["referrer-policy"], "same-origin", path);
    }
    const dashboard = await ask(["GET /dashboard/ HTTP/1.1", "Host: localhost:3000"]);
    if (dashboard.status === 200)
      assert.match(dashboard.headers["content-security-policy"], /default-src 'self';.*connect-src 'self' ws:\/\/localhost:3000 wss:\/\/localhost:3000;/);
  });

  test("nothing below /v1 is stored, tokens least of all", async () => {
    const { token } = JSON.parse((await ask(["POST /v1/identity HTTP/1.1", "Host: x", "Content-Length: 0"])).body);
    const auth = `Authorization: Bearer ${token}`;
    for (const w of [...WAYS.filter(w => w.lines[0].includes("/v1/") && w.fine !== 404 && w.lines !== LIVE),
      { lines: ["POST /v1/identity/websocket-token HTTP/1.1", auth] }, { lines: ["POST /v1/identity/websocket-token HTTP/1.1"] },
      { lines: ["POST /v1/database/game/sql HTTP/1.1", auth], body: "SELECT" }, { lines: ["DELETE /v1/database/game HTTP/1.1", auth] },
      { lines: ["GET /v1/database/game HTTP/1.1", auth] }]) {
      const answer = await way(w, ["Host: x"]);
      assert.equal(answer.headers["cache-control"], "no-store", w.lines[0]);
      if (answer.status !== 101) assert.equal(answer.headers["x-content-type-options"], "nosniff", w.lines[0]);
    }
  });
});
