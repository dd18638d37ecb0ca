// The real binary with one of the examples, and the arena's bots.

import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const BINARY = process.env.OROCHI_BIN ?? join(ROOT, "build/orochi");
const SLOW = process.env.OROCHI_SLOW ? 4 : 1;

export async function freePort() {
  const probe = createServer();
  await new Promise(done => probe.listen(0, "127.0.0.1", done));
  const { port } = probe.address();
  await new Promise(done => probe.close(done));
  return port;
}

/** Starts the server; gives {url, port, stop(), output()} once it answers. */
export async function serve(example, { port, flags = ["--memory"] } = {}) {
  port ??= await freePort();
  const url = `http://127.0.0.1:${port}`;
  const module = join(ROOT, "examples", example, "module.py");
  const child = run(BINARY, ["run", module, "--listen", `127.0.0.1:${port}`, ...flags]);
  const end = Date.now() + 30_000 * SLOW;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the server ended:\n${child.text}`);
    if (Date.now() > end) throw new Error(`the server does not answer:\n${child.text}`);
    const answer = await fetch(`${url}/v1/ping`).catch(() => undefined);
    if (answer?.ok) break;
    await new Promise(done => setTimeout(done, 50));
  }
  return { url, port, stop: () => stop(child), output: () => child.text };
}

export function bots(server, count) {
  const script = join(ROOT, "examples/arena/bots/dist/bots.mjs");
  const url = `ws://127.0.0.1:${server.port}`;
  const child = run(process.execPath, [script, "--url", url, "--count", `${count}`]);
  return { stop: () => stop(child), output: () => child.text };
}

/** The rows that a query gives, each as an object by column name. */
export async function sql(server, database, query) {
  const answer = await fetch(`${server.url}/v1/database/${database}/sql`, {
    method: "POST",
    body: query,
  });
  if (!answer.ok) throw new Error(`${answer.status} for ${query}: ${await answer.text()}`);
  const [{ schema, rows }] = await answer.json();
  const names = schema.elements.map(element => element.name.some);
  return rows.map(row => Object.fromEntries(names.map((name, i) => [name, row[i]])));
}

function run(program, parameters) {
  const child = spawn(program, parameters, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  child.text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", text => (child.text += text));
  child.on("error", error => (child.text += `${error}`));
  return child;
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const ended = new Promise(done => child.once("exit", done));
  child.kill("SIGTERM");
  const kill = setTimeout(() => child.kill("SIGKILL"), 10_000 * SLOW);
  const code = await ended;
  clearTimeout(kill);
  return code;
}
