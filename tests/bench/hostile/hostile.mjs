// A player beside everything that strangers have been seen to do, all at once:
//
//     node tests/bench/hostile/hostile.mjs [--seconds 600] [--quiet 60] [--workers 2] [--only NAME,NAME]
//
// Needs the packages of tests/e2e; OROCHI_BIN names the binary (build/orochi). Prints how long the player's calls took without
// and with them, and the largest resident size of the server. The attacks run in a process of their own with the least priority
// (but the same cores). Not a test: it says what is, in figures.

import { spawn, execFileSync } from "node:child_process";
import { constants, openSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile, copyFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { call, Raw, TAG, u32 } from "../../e2e/lib/raw.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "600" },
    quiet: { type: "string", default: "60" },
    workers: { type: "string", default: "2" },
    only: { type: "string", default: "" },
  },
});
const sleep = ms => new Promise(done => setTimeout(done, ms));

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise(done => server.once("listening", done));
  const { port } = server.address();
  await new Promise(done => server.close(done));
  return port;
}

/** Its log goes into a pipe that nobody reads; beside the module lies a file of 40 MB to download. */
async function start(folder) {
  const port = await freePort();
  await copyFile(join(HERE, "module.py"), join(folder, "hostile.py"));
  await mkdir(join(folder, "dist"));
  await writeFile(join(folder, "dist/big.bin"), Buffer.alloc(40 << 20, 7));
  execFileSync("mkfifo", [join(folder, "log")]);
  const log = openSync(join(folder, "log"), constants.O_RDWR);
  const binary = process.env.OROCHI_BIN ?? join(HERE, "../../../build/orochi");
  const child = spawn(binary, ["run", join(folder, "hostile.py"), "--listen", `127.0.0.1:${port}`, "--data", join(folder, "data"),
    "--workers", values.workers], { stdio: ["ignore", log, log] });
  const url = `http://127.0.0.1:${port}`;
  for (let i = 0; i < 300 && child.exitCode === null && !(await fetch(`${url}/v1/ping`).then(() => true, () => false)); i++) await sleep(100);
  if (child.exitCode !== null) throw new Error(`the server ended: ${child.exitCode}`);
  return { child, port, url, ws: `ws://127.0.0.1:${port}` };
}

/** Fifty calls a second, the time of each from sending to its answer (confirmed: it is on disk). */
class Player {
  constructor(server) {
    this.raw = new Raw(server, "hostile");
    this.sent = new Map();
    this.times = [];
    this.next = 1;
    const take = this.raw.take.bind(this.raw);
    this.raw.take = frame => {
      take(frame);
      for (const { tag, request } of this.raw.messages.splice(0)) {
        if (tag !== TAG.RESULT) continue;
        this.times.push(performance.now() - this.sent.get(request));
        this.sent.delete(request);
      }
    };
  }
  async play(seconds) {
    this.times = [];
    const begin = performance.now(), end = begin + seconds * 1000;
    for (let at = begin; at < end; at += 20) {
      if (at > performance.now()) await sleep(at - performance.now());
      this.sent.set(this.next, performance.now());
      this.raw.socket.send(call(this.next, "move", u32(this.next)));
      this.next++;
    }
    for (let i = 0; i < 300 && this.sent.size > 0; i++) await sleep(100);
    if (this.sent.size > 0) throw new Error(`${this.sent.size} of the player's calls were not answered`);
    const sorted = this.times.sort((a, b) => a - b);
    const at = q => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
    return { calls: sorted.length, p50: at(0.5), p99: at(0.99), max: sorted.at(-1) };
  }
}

const resident = async pid => Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, "utf8"))[1]) / 1024;
const show = (name, t) => console.log(`${name}: ${t.calls} calls, p50 ${t.p50.toFixed(2)} ms, p99 ${t.p99.toFixed(2)} ms, max ${t.max.toFixed(1)} ms`);

const folder = await mkdtemp(join(tmpdir(), "orochi-hostile-"));
const server = await start(folder);
let strangers;
try {
  const player = new Player(server);
  await player.raw.opened;
  await sleep(500);
  await player.play(2);
  const quiet = await player.play(Number(values.quiet));
  show("quiet  ", quiet);
  const before = await resident(server.child.pid);
  let most = before;
  strangers = spawn(process.execPath, [join(HERE, "strangers.mjs"), server.url, values.only], { stdio: ["ignore", "inherit", "inherit"] });
  const watch = setInterval(async () => (most = Math.max(most, await resident(server.child.pid).catch(() => 0))), 100);
  const hostile = await player.play(Number(values.seconds));
  clearInterval(watch);
  show("hostile", hostile);
  console.log(`p99 ${(hostile.p99 / quiet.p99).toFixed(2)} times the quiet one; resident ${before.toFixed(0)} MiB before, ${most.toFixed(0)} MiB at most`);
  const metrics = await (await fetch(`${server.url}/v1/metrics`)).text();
  for (const line of metrics.split("\n"))
    if (/^orochi_(ws_disc|log_lines|net_|queries|http_req|connections|stuck|lost)/.test(line)) console.log(`  ${line}`);
  strangers.kill("SIGKILL");
  await sleep(3000);
  console.log(`three seconds after they have left: resident ${(await resident(server.child.pid)).toFixed(0)} MiB`);
  player.raw.socket.close();
  const stopped = performance.now();
  const ended = new Promise(done => server.child.once("exit", done));
  server.child.kill("SIGTERM");
  const code = await Promise.race([ended, sleep(30_000).then(() => "none after 30 s")]);
  console.log(`stopped in ${((performance.now() - stopped) / 1000).toFixed(2)} s, exit code ${code}`);
} finally {
  strangers?.kill("SIGKILL");
  server.child.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
}
process.exit(0);
