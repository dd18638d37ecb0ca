// kill -9 at random moments, many times, by hand:
//
//     node tests/crash/kill9.mjs [--rounds N] [--seed S] [--mode full|normal] [--clients N] [--longest MS] [--quiet]
//
// Needs the packages of tests/e2e (`npm ci` there); OROCHI_BIN names the binary, else build/orochi. Exit code 0: every
// confirmed transfer was there each time, none by half, the sums held.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { rounds } from "../e2e/lib/crash.mjs";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "200" },
    seed: { type: "string", default: `${Date.now() % 1_000_000}` },
    mode: { type: "string", default: "full" },
    clients: { type: "string", default: "6" },
    longest: { type: "string", default: "600" },
    quiet: { type: "boolean", default: false },
  },
});
const data = await mkdtemp(join(tmpdir(), "orochi-kill9-"));
const begin = Date.now();
try {
  const total = await rounds({
    count: Number(values.rounds), seed: Number(values.seed), mode: values.mode, clients: Number(values.clients),
    longest: Number(values.longest), data, say: values.quiet ? undefined : line => console.log(line),
  });
  console.log(`seed ${values.seed}: ${JSON.stringify(total)}, ${Math.round((Date.now() - begin) / 1000)} s`);
  await rm(data, { recursive: true });
} catch (error) {
  console.log(`${error.message}\nthe data is in ${data}`);
  process.exitCode = 1;
}
