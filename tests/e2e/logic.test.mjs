// Queries beside a plain SQLite, by the harness that also asks SQLite's own sqllogictest files (tests/bench/sqllogic.py).
// Release: what the engine does is tested with the sanitizers in tests/sql.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { BINARY, PATIENCE, ROOT } from "./lib/server.mjs";

test("the same answers as SQLite", async () => {
  const { code, text } = await new Promise(done => execFile("python3", [join(ROOT, "tests/bench/sqllogic.py"), BINARY, join(ROOT, "tests/sql/logic")],
    { timeout: PATIENCE }, (error, stdout, stderr) => done({ code: error ? (error.code ?? error.signal) : 0, text: stdout + stderr })));
  assert.equal(code, 0, text);
  assert.ok(Number(/"same": (\d+)/.exec(text)?.[1]) >= 40, text);
});
