// The real binary with a module, in a folder of its own and on a free port; the arena's bots; SQL and calls over HTTP.

import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { PATIENCE, SLOW } from "./slow.mjs";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../../..");
export const BINARY = process.env.OROCHI_BIN ?? join(ROOT, "build/orochi");
export { PATIENCE, SLOW, timed } from "./slow.mjs";

export const example = name => join(ROOT, "examples", name, "module.py");
export const module = name => join(ROOT, "tests/e2e/modules", `${name}.py`);

const children = new Set();

/**
 * Takes charge of a process: its end is the test file's at the latest. A test that failed may have left its server running; that
 * must not keep this process waiting. `child.closed` resolves when it has ended and all that it said has been read, and also
 * when it could not be started.
 */
export function keep(child) {
  children.add(child);
  child.once("exit", () => children.delete(child));
  child.closed = new Promise(done => child.once("close", done).once("error", done));
  return child;
}
// This hook comes before those of the test file, which stop their servers themselves. A connection to one that nobody stopped
// would keep this process as well.
after(() => {
  children.forEach(child => [child, ...(child.stdio ?? [])].forEach(held => held?.unref?.()));
  setTimeout(() => children.forEach(child => child.kill("SIGKILL")), 20_000 * SLOW).unref();
});
process.once("exit", () => children.forEach(child => child.kill("SIGKILL")));

/** A temporary folder that is gone when the test file ends. */
export async function folder() {
  const path = await mkdtemp(join(tmpdir(), "orochi-test-"));
  folders.push(path);
  return path;
}
const folders = [];
export const cleanFolders = () =>
  Promise.all(folders.splice(0).map(path => rm(path, { recursive: true, force: true })));

/**
 * Starts the server on a free port; gives {url, ws, port, stop(), kill(), output(), child} once it serves. Fails with what the
 * server said if it ends first.
 */
export async function serve(path, { flags = ["--memory"], port = 0, cwd = ROOT, env = {} } = {}) {
  const child = run(BINARY, ["run", path, "--listen", `127.0.0.1:${port}`, ...flags], { cwd, env });
  const end = Date.now() + PATIENCE;
  let found;
  while (!(found = /clients\s+ws:\/\/127\.0\.0\.1:(\d+)/.exec(child.text))) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the server ended (${child.exitCode}):\n${child.text}`);
    if (Date.now() > end) throw new Error(`the server does not serve:\n${child.text}`);
    await new Promise(done => setTimeout(done, 20));
  }
  const at = Number(found[1]);
  return {
    port: at,
    url: `http://127.0.0.1:${at}`,
    ws: `ws://127.0.0.1:${at}`,
    child,
    stop: () => stop(child, "SIGTERM"),
    kill: () => stop(child, "SIGKILL"),
    output: () => child.text,
  };
}

/** Runs the binary to its end: {code, text}. */
export function orochi(args, { cwd = ROOT, env = {} } = {}) {
  return new Promise(done =>
    execFile(BINARY, args, { cwd, env: { ...process.env, ...env }, timeout: PATIENCE }, (error, stdout, stderr) =>
      done({ code: error ? (error.code ?? error.signal) : 0, text: stdout + stderr, stdout, stderr })));
}

export function bots(server, count) {
  const script = join(ROOT, "examples/arena/bots/dist/bots.mjs");
  const child = run(process.execPath, [script, "--url", server.ws, "--count", `${count}`], {});
  return { stop: () => stop(child, "SIGTERM"), output: () => child.text };
}

/** The rows that a query gives, each as an object by column name. */
export async function sql(server, database, query) {
  const answer = await fetch(`${server.url}/v1/database/${database}/sql`, { method: "POST", body: query });
  if (!answer.ok) throw new Error(`${answer.status} for ${query}: ${await answer.text()}`);
  const [{ schema, rows }] = await answer.json();
  const names = schema.elements.map(element => element.name.some);
  return rows.map(row => Object.fromEntries(names.map((name, i) => [name, row[i]])));
}

export function call(server, database, reducer, args, headers = {}) {
  return fetch(`${server.url}/v1/database/${database}/call/${reducer}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(args),
  });
}

/** Waits until `question` gives something true; fails with `what` and the last answer. */
export async function until(what, question, patience = PATIENCE) {
  const end = Date.now() + patience;
  let answer;
  while (Date.now() < end) {
    answer = await within(end - Date.now(), question());
    if (answer) return answer;
    await new Promise(done => setTimeout(done, 20));
  }
  throw new Error(`waited in vain until ${what}; last answer: ${JSON.stringify(answer)}`);
}

/** What `answer` resolves to, or undefined when that takes more than `milliseconds`. */
async function within(milliseconds, answer) {
  let late;
  const never = new Promise(done => (late = setTimeout(done, milliseconds)));
  try {
    return await Promise.race([answer, never]);
  } finally {
    clearTimeout(late);
  }
}

function run(program, parameters, { cwd = ROOT, env = {} }) {
  const child = keep(spawn(program, parameters, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] }));
  child.text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", text => (child.text += text));
  child.on("error", error => (child.text += `${error}`));
  return child;
}

async function stop(child, signal) {
  if (child.exitCode === null && child.signalCode === null) child.kill(signal);
  const kill = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
  await child.closed;
  clearTimeout(kill);
  return child.exitCode;
}
