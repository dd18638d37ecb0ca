// ctx.http: what a procedure asks of a service, here a stand-in of ours.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { call, cleanFolders, folder, module, serve, sql, until } from "./lib/server.mjs";

let service, base, server;
const asked = [];
const answers = {
  "/model": (request, response, body) => {
    asked.push({ method: request.method, url: request.url, headers: request.headers, body });
    response.setHeader("content-type", "application/json").end(JSON.stringify({ a: "42 é" }));
  },
  "/never": () => {},
  "/missing": (_, response) => response.writeHead(404).end("no"),
  "/round": (_, response) => response.writeHead(302, { location: "/round" }).end(),
  "/moved": (_, response) => response.writeHead(302, { location: "/large" }).end("old"),
  "/elsewhere": (_, response) => response.writeHead(302, { location: "file:///etc/passwd" }).end(),
  "/302": (_, response) => response.writeHead(302, { location: "/model" }).end(),
  "/303": (_, response) => response.writeHead(303, { location: "/model" }).end(),
  "/large": (_, response) => response.end(Buffer.alloc(1000)),
  "/too-large": (_, response) => response.end(Buffer.alloc(1100)),
  "/bomb": (_, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(Buffer.alloc(1 << 20))),
  "/cut": (_, response) => (response.writeHead(200, { "content-length": 100 }).write("half"), setTimeout(() => response.destroy(), 10)),
};
const settings = async text => {
  const file = join(await folder(), "orochi.toml");
  await writeFile(file, `[procedure]\n${text}\n`);
  return ["--memory", "--config", file];
};
before(async () => {
  service = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    answers[request.url.split("?")[0]]?.(request, response, body);
  });
  await new Promise(done => service.listen(0, "127.0.0.1", done));
  base = `http://127.0.0.1:${service.address().port}`;
  server = await serve(module("outside"), { flags: await settings('http = "any"\nhttp_max_body = 1024\nhttp_redirects = 3') });
});
after(async () => {
  assert.equal(await server.stop(), 0, server.output().slice(-5000));
  service.closeAllConnections();
  service.close();
  await cleanFolders();
});
const ask = async (name, ...args) => {
  const answer = await call(server, "outside", name, args);
  const text = await answer.text();
  return answer.status === 200 ? JSON.parse(text) : { status: answer.status, text };
};

describe("ctx.http", () => {
  test("asks and gives the answer, which a transaction keeps", async () => {
    assert.equal(await ask("ask", `${base}/model?a=1#part`), "42 é");
    const [{ method, url, headers, body }] = asked;
    assert.deepEqual([method, url, body], ["POST", "/model?a=1&p=a+b", '{"q":"6 * 7"}']);
    assert.equal(headers["content-type"], "application/json");
    assert.equal(Buffer.from(headers["x-mine"], "latin1").toString(), "é");
    assert.deepEqual((await sql(server, "outside", "SELECT text FROM answer")).map(row => row.text), ["42 é"]);
  });

  test("has every method, and a status is no error", async () => {
    for (const method of ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]) assert.equal(await ask("status", method, `${base}/large`), 200, method);
    assert.equal(await ask("status", "GET", `${base}/missing`), 404);
  });

  test("sends headers without a value, and refuses what is no name", async () => {
    asked.length = 0;
    assert.equal(await ask("with_header", `${base}/model`, "x-empty", ""), "200");
    assert.equal(asked[0].headers["x-empty"], "");
    for (const name of ["", "a b", ":a", "a;"]) assert.match(await ask("with_header", `${base}/model`, name, "1"), /HttpError.*its name is a word/, name);
  });

  test("keeps method and body in a redirect, unless it says that another page has the answer", async () => {
    for (const [method, path, ...seen] of [["PUT", "/302", "PUT", "text"], ["DELETE", "/302", "DELETE", ""], ["POST", "/302", "GET", ""],
      ["PUT", "/303", "GET", ""], ["DELETE", "/303", "GET", ""], ["POST", "/303", "GET", ""]]) {
      asked.length = 0;
      assert.equal(await ask("sends", method, `${base}${path}`, method === "DELETE" ? "" : "text"), 200);
      assert.deepEqual([asked[0].method, asked[0].body], seen, `${method} ${path}`);
    }
  });

  test("follows redirects, some of them, and none to another kind of URL", async () => {
    assert.equal(await ask("fails", `${base}/moved`, 0), `200 1000 ${base}/large`);
    assert.match(await ask("fails", `${base}/round`, 0), /redirects/);
    assert.match(await ask("fails", `${base}/elsewhere`, 0), /file/);
  });

  test("has a limit of size, unpacked, and of time", async () => {
    assert.match(await ask("fails", `${base}/too-large`, 0), /more than 1024 bytes \(procedure\.http_max_body\)/);
    assert.match(await ask("fails", `${base}/bomb`, 0), /more than 1024 bytes/);
    assert.match(await ask("fails", `${base}/never?secret=7`, 100), /^(?!.*secret).*timed out/i);
    assert.match(await ask("fails", `${base}/cut`, 0), /transfer|closed|outstanding/);
    assert.match(await ask("fails", "http://127.0.0.1:1/", 0), /connect/);
    // A name that is too long for any resolver to ask for: the network here need not have one.
    assert.match(await ask("fails", `http://${"a".repeat(64)}.invalid/`, 0), /resolve/);
  });

  test("says which URL has no answer, without what may be a secret", async () => {
    assert.match(await ask("fails", `${base}/cut?key=secret#secret`, 0), new RegExp(`^${base}/cut: (?!.*secret)`));
    assert.match(await ask("fails", "http://ann:secret@127.0.0.1:1/a/b@c?d", 0), /^http:\/\/127\.0\.0\.1:1\/a\/b@c: (?!.*secret)/);
    assert.match(await ask("fails", `${base}/elsewhere`, 0), /^(file:\/\/|http:\/\/127)/, "where a redirect led to");
    const long = await ask("fails", `http://127.0.0.1:1/${"a".repeat(5000)}`, 0);
    assert.match(long, /^http:\/\/127\.0\.0\.1:1\/a{100,200}: /);
  });

  test("ends with its procedure's own limit", async () => {
    assert.equal((await ask("hurried", `${base}/never`)).status, 500);
  });

  test("is told what is no request", async () => {
    const told = await ask("wrong");
    const words = [/HttpError.*http:\/\/ or https/, /HttpError.*http:\/\/ or https/, /HttpError.*spaces/, /HttpError.*line ends/,
      /TypeError.*not both/, /ValueError.*above zero/, /ctx\.http was called in a transaction/];
    assert.equal(told.length, words.length, `${told}`);
    words.forEach((word, i) => assert.match(told[i], word));
  });

  test("is in the metrics", async () => {
    const text = await (await fetch(`${server.url}/v1/metrics`)).text();
    assert.match(text, /orochi_outbound_requests_total [1-9]/);
    assert.match(text, /orochi_outbound_failures_total [1-9]/);
    assert.match(text, /orochi_outbound_requests_open 0/);
  });

  test("reaches no private address unless it may, and nothing when it is off", async () => {
    const careful = await serve(module("outside"));
    const said = async url => (await (await call(careful, "outside", "fails", [url, 0])).json());
    const { port } = service.address();
    for (const host of ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "0x7f.1", "127.1"])
      assert.match(await said(`http://${host}:${port}/large`), /refusing to connect to private or special-purpose addresses/, host);
    assert.equal(await careful.stop(), 0);
    const off = await serve(module("outside"), { flags: await settings('http = "off"') });
    assert.match(await (await call(off, "outside", "fails", [`${base}/large`, 0])).json(), /outbound HTTP requests are disabled/);
    assert.equal(await off.stop(), 0);
    await until("nothing", () => true);
  });

  test("does not hold up a stop", async () => {
    const other = await serve(module("outside"), { flags: await settings('http = "any"') });
    const waiting = call(other, "outside", "status", ["GET", `${base}/never`]).catch(() => {});
    await until("the request", async () => /requests_open 1/.test(await (await fetch(`${other.url}/v1/metrics`)).text()));
    assert.equal(await other.stop(), 0, other.output().slice(-3000));
    await waiting;
  });
});
