// The system has no memory left: what is asked for is refused, nobody is thrown out, and when there is some again all goes on.
// Alone: a limit of the process's room is set while it runs (prlimit, of util-linux).

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";
import { call, cleanFolders, module, serve, SLOW, sql, until } from "./lib/server.mjs";

after(cleanFolders);
const room = async pid => Number(/VmSize:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, "utf8"))[1]) * 1024;

// A sanitizer's allocator ends the process itself.
test("without memory calls are refused until there is some", { skip: SLOW > 1 }, async () => {
  const server = await serve(module("large"), { flags: ["--memory", "--workers", "1"] });
  const { pid } = server.child;
  let next = 0;
  const put = () => call(server, "large", "put", [(next += 10), 5, 2]);
  assert.equal((await put()).status, 200);
  const limit = (await room(pid)) + (160 << 20);
  execFileSync("prlimit", ["--pid", `${pid}`, `--as=${limit}:unlimited`]);
  let refused = 0;
  for (let i = 0; i < 100 && refused < 5; i++) refused += (await put()).status === 530;
  assert.equal(refused, 5, "there was no end of memory");
  assert.equal(server.child.exitCode, null, server.output().slice(-2000));
  assert.equal((await fetch(`${server.url}/v1/ping`)).status, 200);
  await until("the log says so", () => /no memory left|MemoryError/.test(server.output()));
  execFileSync("prlimit", ["--pid", `${pid}`, "--as=unlimited:unlimited"]);
  await until("calls go on", async () => (await put()).status === 200);
  const [{ n }] = await sql(server, "large", "SELECT COUNT(*) AS n FROM blob");
  assert.equal(n % 5, 0, "each call was whole or nothing");
  assert.equal(await server.stop(), 0, server.output().slice(-2000));
});
