// A module's own HTTP handlers, through a real server: what they are given, what comes of what they give, what a stranger can do
// with them, and the document that describes what a module can be asked.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { bindings, connect, rows, subscribe } from "./lib/client.mjs";
import { cleanFolders, folder, module, serve, sql, until } from "./lib/server.mjs";

let server;
before(async () => (server = await serve(module("routes"))));
after(async () => {
  assert.equal(await server.stop(), 0, server.output().slice(-5000));
  await cleanFolders();
});

const base = () => `${server.url}/v1/database/routes/route`;
const ask = (path, options) => fetch(base() + path, options);
const json = async (path, options) => (await ask(path, options)).json();
const query = text => sql(server, "routes", text);

describe("a handler", () => {
  test("reads tables, and answers JSON", async () => {
    assert.deepEqual(await json("/score/zoe"), { player: "zoe", points: 9 });
    const none = await ask("/score/nobody");
    assert.deepEqual([none.status, await none.text(), none.headers.get("content-type")], [404, "no such player", "text/plain; charset=utf-8"]);
  });

  test("changes tables by a reducer of the module", async () => {
    const answer = await ask("/score/ann/5", { method: "POST" });
    assert.deepEqual([answer.status, await answer.json(), answer.headers.get("x-total")], [201, { total: 5 }, "5"]);
    assert.deepEqual(await query("SELECT points FROM score WHERE player = 'ann'"), [{ points: 5 }]);
    await until("the log has its line", () => /module: http: .*ann has 5/.test(server.output()));
  });

  test("is given all of the request, and a token is its own business", async () => {
    const found = await json("/echo/a%20b/c?x=1&y=%C3%A9", { method: "PUT", body: "hello", headers: { authorization: "Nonsense x", "x-forwarded-proto": "https", "x-forwarded-host": "game.example" } });
    assert.equal(found.url, "https://game.example/v1/database/routes/route/echo/a%20b/c?x=1&y=%C3%A9");
    assert.deepEqual([found.method, found.rest, found.query, found.auth, found.size], ["PUT", "a b/c", { x: "1", y: "é" }, "Nonsense x", 5]);
    assert.match(found.who, /^c200[0-9a-f]{60}$/);
    assert.notEqual((await json("/echo/")).who, found.who, "an identity of each request's own");
    assert.equal((await ask("/echo/x?token=bad")).status, 200);
    assert.equal((await json("/echo/x", { method: "PURGE" })).method, "PURGE");
  });

  test("is found by method and exact path", async () => {
    for (const [path, method] of [["/score/zoe/", "GET"], ["/score", "GET"], ["", "GET"], ["/", "GET"], ["/score/zoe", "DELETE"], ["/score/zoe/x", "POST"]]) {
      const answer = await ask(path, { method });
      assert.deepEqual([answer.status, await answer.text()], [404, "Database has not registered a handler for this route"], path);
    }
    const head = await ask("/score/zoe", { method: "HEAD" });
    assert.deepEqual([head.status, head.headers.get("content-length")], [200, "27"]);
    const preflight = await ask("/score/zoe", { method: "OPTIONS" });
    assert.deepEqual([preflight.status, preflight.headers.get("access-control-allow-methods")], [200, "*"]);
    assert.equal((await fetch(`${server.url}/v1/database/other/route/score/zoe`)).status, 404);
  });

  test("says what it likes in its headers, but for what is the connection's", async () => {
    const answer = await ask("/headers");
    assert.equal(await answer.text(), "own");
    assert.deepEqual(answer.headers.getSetCookie(), ["a=1; Path=/; SameSite=Lax; HttpOnly", "b=2; Path=/; SameSite=Lax; HttpOnly"]);
    assert.equal(answer.headers.get("cache-control"), "max-age=5");
    assert.equal(answer.headers.get("vary"), "x");
    assert.equal(answer.headers.get("access-control-allow-origin"), "*");
    assert.equal((await ask("/empty")).status, 204);
  });

  test("that fails is a 500 which tells nothing, and the log has it", async () => {
    const answer = await ask("/fault");
    assert.deepEqual([answer.status, await answer.text()], [500, "The instance encountered a fatal error."]);
    await until("the log has the exception", () => /routes.py", line \d+, in fault[^]*RuntimeError: a secret/.test(server.output()));
    const refused = await ask("/refused");
    assert.deepEqual([refused.status, await refused.text()], [400, "not today"]);
    for (const path of ["/sleeps", "/split?to=a%0d%0aset-cookie:%20x", "/wide"]) {
      const bad = await ask(path);
      assert.equal(bad.status, 500, path);
      assert.equal(bad.headers.get("set-cookie"), null);
    }
  });

  test("an answer has a limit", async () => {
    assert.equal((await (await ask("/big/160")).arrayBuffer()).byteLength, 160 * 65536);
    assert.equal((await ask("/big/513")).status, 500);
  });
});

describe("its transactions", () => {
  test("are rolled back by an exception, each by itself", async () => {
    assert.deepEqual(await json("/rolled-back"), ["kept"]);
  });

  test("do not begin in another", async () => {
    assert.equal((await ask("/nested")).status, 500);
    await until("the log says why", () => server.output().includes("in one no other can begin"));
    assert.deepEqual(await query("SELECT text FROM seen WHERE text = 'outer'"), []);
  });

  test("leave nothing behind that could be used", async () => {
    const [sender, count, insert, found, points] = await json("/kept");
    assert.deepEqual([sender, count, insert], Array(3).fill("TransactionError"));
    assert.ok(["TransactionError", "used"].includes(found));
    assert.equal(points, 9, "what was read may be looked at");
    assert.deepEqual(await query("SELECT player FROM score WHERE player = 'x'"), []);
  });

  test("that are left open, or run for ever, are taken back", async () => {
    assert.equal(await (await ask("/left-open")).text(), "left");
    const late = await ask("/for-ever");
    assert.deepEqual([late.status, await late.text()], [504, "The instance encountered a fatal error."]);
    assert.deepEqual(await query("SELECT text FROM seen WHERE text = 'left open' OR text = 'for ever'"), []);
    assert.equal((await json("/score/zoe")).points, 9, "the worker serves on");
  });

  test("run again when another commit came between, and lose nothing", async () => {
    const before = (await query("SELECT points FROM score WHERE player = 'many'"))[0]?.points ?? 0;
    await Promise.all(Array.from({ length: 80 }, () => ask("/score/many/1", { method: "POST" }).then(a => a.text())));
    assert.deepEqual(await query("SELECT points FROM score WHERE player = 'many'"), [{ points: before + 80 }]);
  });

  test("are seen by clients that are subscribed", async () => {
    const client = await connect(await bindings(module("routes")), server, "routes");
    await subscribe(client, "SELECT * FROM score WHERE player = 'eve'");
    await ask("/score/eve/3", { method: "POST" });
    await until("the client has the row", () => rows(client.conn.db.score)[0]?.points === 3n);
    client.conn.disconnect();
  });
});

test("an ASGI application is mounted", async () => {
  const answer = await ask("/app/deep/x?y=1", { method: "POST", body: "hello" });
  assert.deepEqual([answer.status, await answer.text()], [200, "POST zoe has 9, hello"]);
  assert.equal(answer.headers.get("x-path"), "/v1/database/routes/route/app/deep/x");
  assert.equal((await ask("/app")).status, 200);
  assert.equal((await ask("/apple")).status, 404);
});

test("the OpenAPI document tells what the module can be asked", async () => {
  const answer = await fetch(`${server.url}/v1/database/routes/openapi.json`);
  assert.equal(answer.headers.get("content-type"), "application/json");
  const found = await answer.json();
  assert.deepEqual([found.openapi, found.servers], ["3.1.0", [{ url: "/v1/database/routes" }]]);
  assert.equal(found.paths["/call/add"].post.summary, "Gives a player points.");
  assert.equal(found.paths["/route/score/{player}"].get.summary, "A player's points.");
});

test("another version's handlers answer after a reload, and none when it has none", async () => {
  const path = join(await folder(), "web.py");
  const source = text => `from orochi import *\n@reducer\ndef f(ctx): ...\n${text}`;
  await writeFile(path, source('@route("GET", "/a")\ndef a(ctx, request): return "one"\n'));
  const other = await serve(path, { flags: ["--memory", "--watch"] });
  const get = async () => (await fetch(`${other.url}/v1/database/web/route/a`)).text();
  assert.equal(await get(), "one");
  await writeFile(path, source('@route("GET", "/a")\ndef a(ctx, request): return "two"\n'));
  await until("the new one answers", async () => (await get()) === "two");
  await writeFile(path, source(""));
  await until("none does", async () => (await get()).startsWith("Database has not registered"));
  assert.equal(await other.stop(), 0);
});
