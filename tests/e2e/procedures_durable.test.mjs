// A procedure goes on behind a transaction when that is on disk: what it then tells the world outside outlives a crash.
// Release: what it waits for is the disk's; the code is run with the sanitizers by procedures and coroutines.

import assert from "node:assert/strict";
import http from "node:http";
import { after, test } from "node:test";
import { call, cleanFolders, folder, module, serve, sql } from "./lib/server.mjs";

let server, outside;
after(async () => {
  outside?.closeAllConnections();
  outside?.close();
  await server?.stop();
  await cleanFolders();
});

test("what was committed before a request went out is there after kill -9", async () => {
  const data = await folder();
  const start = async () => { server = await serve(module("procedures_durable"), { flags: ["--data", data, "--set", "procedure.http=any"] }); };
  outside = http.createServer(() => server.child.kill("SIGKILL")); // the moment it is told
  await new Promise(done => outside.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${outside.address().port}/`;
  await start();
  const told = [];
  for (const name of ["pay", "pay_async", "pay_in_a_block"]) {
    const ended = new Promise(done => server.child.once("exit", done));
    await call(server, "procedures_durable", name, [url, name]).catch(() => {});
    await ended;
    told.push(name);
    await start();
    assert.deepEqual((await sql(server, "procedures_durable", "SELECT text FROM paid")).map(r => r.text).sort(), [...told].sort());
  }
});
