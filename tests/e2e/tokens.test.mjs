// A token is taken in one spelling only, by whatever way it comes, and what is echoed never ends a header line.

import assert from "node:assert/strict";
import { createConnection } from "node:net";
import { after, before, test } from "node:test";
import { cleanFolders, module, serve } from "./lib/server.mjs";

let server, token, identity;
before(async () => {
  server = await serve(module("game"));
  ({ token, identity } = await (await fetch(`${server.url}/v1/identity`, { method: "POST" })).json());
});
after(async () => {
  assert.equal(await server.stop(), 0, server.output());
  await cleanFolders();
});

/** All that the server sends until it closes: the request asks for that. */
function raw(text) {
  return new Promise((done, no) => {
    let all = "";
    const socket = createConnection(server.port, "127.0.0.1", () => socket.write(Buffer.from(text, "latin1")));
    socket.on("data", data => {
      all += data.toString("latin1");
      if (all.startsWith("HTTP/1.1 101")) socket.destroy();
    });
    socket.on("close", () => done(all));
    socket.on("error", no);
  });
}

const UPGRADE = "Connection: close, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const CARRIERS = {
  "query": t => `GET /v1/database/game?token=${t} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
  "query of a call": t => `POST /v1/database/game/call/nothing?token=${t} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]`,
  "query of an upgrade": t => `GET /v1/database/game/subscribe?token=${t} HTTP/1.1\r\nHost: x\r\n${UPGRADE}Sec-WebSocket-Protocol: v2.bsatn.spacetimedb\r\n\r\n`,
  "Authorization": t => `GET /v1/database/game HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${t}\r\n\r\n`,
  "Authorization of an upgrade": t => `GET /v1/database/game/subscribe HTTP/1.1\r\nHost: x\r\n${UPGRADE}Sec-WebSocket-Protocol: v2.bsatn.spacetimedb\r\nAuthorization: Bearer ${t}\r\n\r\n`,
  "Authorization of an identity": t => `GET /v1/identity/${identity}/verify HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${t}\r\n\r\n`,
};
const status = text => Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);
/** Answers in all that was sent. */
const answers = text => text.split("HTTP/1.1 ").length - 1;

test("the good one is taken by every way", async () => {
  for (const [name, carry] of Object.entries(CARRIERS)) assert.ok([200, 204, 101].includes(status(await raw(carry(token)))), name);
});

test("no other spelling of it is", async () => {
  const middle = token.length - 20;
  const insert = what => token.slice(0, middle) + what + token.slice(middle);
  const encoded = ["%0D%0A%0D%0A!!!", "%0d%0aX: y%0d%0a%0d%0aHTTP/1.1 200 OK", "%0a", "%0d", "%00", "%09", "+", "%20", "%2B", "%2F", "%3D", "%7f", "%C3%A4",
    "%E2%80%8B", "!", "*", "~", "%", "%4", "%zz", "%25"];
  const plain = ["!", "=", "+", "/", "*", "~", "%41", "\xe4", ",", ";", "\"", "'"];
  const tricks = list => [...list.map(insert), ...list.map(x => token + x), ...list.map(x => x + token), token.slice(0, -1), `${token}A`, token.replace(/\./, ".."),
    token.toUpperCase(), token.split(".").slice(0, 2).join("."), `${token.split(".").slice(0, 2).join(".")}.`];
  for (const [name, carry] of Object.entries(CARRIERS))
    for (const trick of tricks(name.startsWith("query") ? encoded : plain)) {
      const all = await raw(carry(trick));
      assert.ok([400, 401].includes(status(all)), `${name}: ${trick}: ${all.slice(0, 100)}`);
      assert.equal(answers(all), 1, `${name}: ${trick}: ${all}`);
      assert.ok(!/spacetime-identity/.test(all), `${name}: ${trick}`);
    }
});

test("credentials that are two, none, or not Bearer", async () => {
  const get = lines => raw(`GET /v1/database/game HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${lines}\r\n\r\n`);
  assert.equal(status(await get(`Authorization: Bearer ${token}\r\nAuthorization: Bearer ${token}`)), 400);
  for (const value of [`Bearer`, `Bearer `, `Bearer ${token} x`, `Bearer\t${token}`, `Basic ${token}`, token, `Bearer ${token}\r\n x`])
    assert.equal(status(await get(`Authorization: ${value}`)), 400, value);
  assert.equal(status(await get(`Authorization: bearer   ${token}`)), 200);
});

test("a parameter that is given twice", async () => {
  for (const query of [`token=${token}&token=${token}`, `token=${token}&token=`, "token&token=x", "version=10&version=9", "confirmed=true&x=1&confirmed=true"])
    for (const path of ["/v1/database/game/schema", "/v1/ping"])
      assert.equal(status(await raw(`GET ${path}?${query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)), 400, query);
  const upgrade = query => raw(`GET /v1/database/game/subscribe?${query} HTTP/1.1\r\nHost: x\r\n${UPGRADE}Sec-WebSocket-Protocol: v2.bsatn.spacetimedb\r\n\r\n`);
  assert.equal(status(await upgrade(`connection_id=${"1".repeat(32)}&connection_id=${"2".repeat(32)}`)), 400);
  assert.equal(status(await upgrade(`tokens=1&xtoken=2&token=${token}`)), 101);
});

test("a subprotocol or a body is no credential, and neither is echoed", async () => {
  const evil = "x%0d%0aevil: 1";
  const upgrade = await raw(`GET /v1/database/game/subscribe HTTP/1.1\r\nHost: x\r\n${UPGRADE}Sec-WebSocket-Protocol: ${token}, ${evil}, v2.bsatn.spacetimedb\r\n\r\n`);
  assert.equal(status(upgrade), 101);
  assert.match(upgrade, /sec-websocket-protocol: v2\.bsatn\.spacetimedb\r\n/);
  const body = JSON.stringify({ token });
  const fresh = await raw(`POST /v1/identity HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  assert.ok(!fresh.includes(identity));
  const short = await raw(`POST /v1/identity/websocket-token HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  assert.equal(status(short), 401);
});

test("whatever is reflected stays in its place", async () => {
  const evil = "%0d%0aevil:%201%0d%0a%0d%0aHTTP/1.1%20200%20OK";
  for (const [target, lines = ""] of [[`/${evil}`], [`/v1/${evil}`], [`/v1/database/${evil}`], [`/v1/database/game/call/${evil}`], [`/v1/identity/${evil}/verify`],
    [`/v1/database/game/subscribe?connection_id=${evil}`, UPGRADE], [`/v1/database/game/subscribe?compression=${evil}`, UPGRADE],
    [`/v1/database/game/sql?confirmed=${evil}`], [`/v1/database/game/schema?version=${evil}`], [`/v1/ping?${evil}`], [`/dashboard${evil}`],
    ["/v1/ping", "Origin: http://evil.example\x0b\r\n"], ["/v1/ping", "Origin: \xe4\r\n"], ["/v1/ping", `Origin: ${evil}\r\n`]])
    for (const method of ["GET", "POST", "OPTIONS", "HEAD"]) {
      const all = await raw(`${method} ${target} HTTP/1.1\r\nHost: x\r\n${lines}${lines === UPGRADE ? "" : "Connection: close\r\n"}\r\n`);
      assert.equal(answers(all), 1, `${method} ${target}: ${all}`);
      assert.ok(!/^evil/m.test(all.slice(0, all.indexOf("\r\n\r\n"))), all);
    }
});

test("an anonymous GET is not worth a signature; who calls, asks or connects gets a token", async () => {
  const post = (path, body) => fetch(server.url + path, { method: "POST", body, headers: { "content-type": "application/json" } });
  for (const path of ["", "/identity", "/names", "/schema?version=10", "/unstable/timestamp"]) {
    const answer = await fetch(`${server.url}/v1/database/game${path}`);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("spacetime-identity-token"), null, path);
    assert.match(answer.headers.get("spacetime-identity"), /^c200/);
  }
  for (const answer of [await post("/v1/database/game/call/nothing", "[]"), await post("/v1/database/game/sql", "SELECT * FROM counter")]) {
    const given = answer.headers.get("spacetime-identity-token");
    const who = await fetch(`${server.url}/v1/identity/${answer.headers.get("spacetime-identity")}/verify`, { headers: { authorization: `Bearer ${given}` } });
    assert.equal(who.status, 204);
  }
});
