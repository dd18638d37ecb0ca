// The command line: what a mistake looks like, what the exit code says.
// Release: what it is about is words and exit codes.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { ROOT, cleanFolders, example, folder, keep, module, orochi, serve, until } from "./lib/server.mjs";

after(cleanFolders);

async function wrong(source, ...expected) {
  const dir = await folder();
  const file = join(dir, "wrong.py");
  await writeFile(file, source);
  const { code, text } = await orochi(["run", file, "--memory", "--listen", "127.0.0.1:0"]);
  assert.equal(code, 1, text);
  for (const pattern of expected) assert.match(text, pattern);
}

test("a syntax error names file and line", () => wrong("x = 1\ndef f(:\n", /wrong\.py:2: syntax error/));

test("every mistake in the declarations is reported at once", () =>
  wrong(
    `from decimal import Decimal
from orochi import PrimaryKey, reducer, table, u32

@table
class Thing:
    id: PrimaryKey[u32]
    other: PrimaryKey[u32]
    price: Decimal

@reducer
def act(ctx, what): pass

@reducer
def act(ctx): pass
`, /wrong\.py:\d+: table thing has 2 primary keys/, /wrong\.py:8: .*price.*Decimal/, /'what' needs a type/, /two reducers are called 'act'/));

test("an exception at import names the author's line", () => wrong("import json\nx = json.loads('{')\n", /wrong\.py:2: .*JSONDecodeError/));

test("a module that is not there", async () => {
  const { code, text } = await orochi(["run", "nowhere.py", "--memory"]);
  assert.equal(code, 1);
  assert.match(text, /nowhere\.py: there is no such file/);
});

test("flags and configuration that are wrong name the place", async () => {
  const dir = await folder();
  const file = join(dir, "c.toml");
  const run = (...more) => orochi(["run", example("bank"), "--memory", "--listen", "127.0.0.1:0", ...more]);
  assert.deepEqual([(await run("--nonsense")).code, (await run("--workers", "many")).code], [2, 2]);
  await writeFile(file, "[net]\n\nthreads = 'two'\n");
  let result = await run("--config", file);
  assert.equal(result.code, 2);
  assert.match(result.text, /c\.toml:3: net\.threads is a whole number/);
  await writeFile(file, "[net]\nthread = 2\n");
  result = await run("--config", file);
  assert.match(result.text, /c\.toml:2: there is no setting net\.thread/);
  await writeFile(file, "[net\n");
  result = await run("--config", file);
  assert.equal(result.code, 2);
  assert.match(result.text, /c\.toml.*line 1/);
  assert.match((await orochi(["run", example("bank"), "--listen", "nonsense"])).text, /HOST:PORT/);
  assert.match((await orochi(["run", example("bank"), "--listen", "::1:0"])).text, /in brackets, such as \[::1\]:3000/);
  assert.match((await run("--memory=1")).text, /--memory takes no value/);
  assert.match((await run("-x")).text, /there is no flag -x/);
  assert.equal((await orochi(["run", example("bank"), "--data", "/proc/nowhere"])).code, 4);
  assert.deepEqual([(await run("--help")).code, (await run("-h")).stdout.split("\n")[0]], [0, "usage: orochi run MODULE [flags]"]);
});

test("a port in use", async () => {
  const server = await serve(example("bank"));
  const { code, text } = await orochi(["run", example("bank"), "--memory", "--listen", `127.0.0.1:${server.port}`]);
  assert.equal(code, 3, text);
  assert.match(text, new RegExp(`port ${server.port} of 127.0.0.1 is in use`));
  assert.equal(await server.stop(), 0);
});

test("init that fails stops the start", async () => {
  await wrong("from orochi import *\n@init\ndef setup(ctx: ReducerContext):\n    raise ReducerError('no world')\n", /init failed: .*no world/);
});

test("check, describe, version, help", async () => {
  assert.equal((await orochi(["check", module("game")])).code, 0);
  const described = JSON.parse((await orochi(["describe", "--json", module("game")])).stdout);
  assert.ok(described.V10.sections.some(s => s.Reducers));
  assert.match((await orochi(["version"])).stdout, /^orochi \d/);
  assert.match((await orochi(["help"])).stdout, /run MODULE/);
  assert.equal((await orochi(["nonsense"])).code, 2);
  assert.equal((await orochi(["check", join(ROOT, "meson.build")])).code, 1);
});

for (const name of ["game", "shapes", "defaults"]) test(`generated bindings of ${name} compile with tsc --strict`, async () => {
  const out = await folder();
  const made = await orochi(["generate", "--lang", "typescript", "--out", out, module(name)]);
  assert.equal(made.code, 0, made.text);
  assert.ok((await readdir(out)).includes("index.ts"));
  const modules = join(ROOT, "tests/e2e/node_modules");
  await writeFile(join(out, "tsconfig.json"), JSON.stringify({
    compilerOptions: {
      strict: true, noEmit: true, target: "ES2022", module: "ESNext", moduleResolution: "bundler", skipLibCheck: true,
      baseUrl: ".", paths: { "*": [`${modules}/*`] }, types: [],
    },
    include: ["*.ts", "types/*.ts"],
  }));
  const tsc = await new Promise(done =>
    execFile(process.execPath, [join(modules, "typescript/bin/tsc"), "-p", out], (error, stdout) => done({ error, stdout })));
  assert.equal(tsc.error, null, tsc.stdout);
  assert.match(await readFile(join(out, "index.ts"), "utf8"), /class DbConnection/);
});

// ---- first steps -------------------------------------------------------------------------------

test("a setting in the environment has the name of its flag, or its own, and is checked", async () => {
  const run = env => orochi(["run", module("game"), "--memory", "--listen", "127.0.0.1:0"], { env });
  for (const [env, pattern] of [
    [{ OROCHI_WORKERS: "many" }, /OROCHI_WORKERS: server\.workers is a whole number/],
    [{ OROCHI_ISOLATION: "none" }, /server\.isolation/],
    [{ OROCHI_LOG_LEVEL: "loud" }, /log\.level/],
    [{ OROCHI_SERVER_WORKERS: "-1" }, /OROCHI_SERVER_WORKERS/],
    [{ OROCHI_NET_THREAD: "1" }, /OROCHI_NET_THREAD \(environment\): there is no such setting/],
  ]) {
    const { code, text } = await run(env);
    assert.equal(code, 2, text);
    assert.match(text, pattern);
  }
  const server = await serve(module("game"), { env: { OROCHI_WORKERS: "3", OROCHI_OF_THE_AUTHOR: "x" } });
  assert.match(server.output(), /3 workers/);
  await server.stop();
});

test("a port that is taken is told with what to do", async () => {
  const server = await serve(module("game"));
  const { code, text } = await orochi(["run", module("game"), "--memory", "--listen", `127.0.0.1:${server.port}`]);
  assert.equal(code, 3, text);
  assert.match(text, new RegExp(`port ${server.port} of 127\\.0\\.0\\.1 is in use: .*--listen`));
  await server.stop();
});

test("help of a command by either name", async () => {
  for (const command of ["run", "check", "generate", "backup", "bench"]) {
    const help = await orochi(["help", command]);
    const flag = await orochi([command, "--help"]);
    assert.deepEqual([help.code, help.text], [flag.code, flag.text], command);
    assert.match(help.text, new RegExp(`usage: orochi ${command}`));
  }
  const unknown = await orochi(["help", "rum"]);
  assert.equal(unknown.code, 2);
  assert.match(unknown.text, /there is no command rum/);
});

test("an address that means all of them is not told as a page's", async () => {
  const server = await serve(module("game"), { flags: ["--memory", "--listen", "0.0.0.0:0"] });
  assert.match(server.output(), /page +http:\/\/127\.0\.0\.1:\d+\//);
  assert.match(server.output(), /listens +on every address/);
  assert.ok((await fetch(server.url)).ok);
  await server.stop();
});

test("colours on a terminal, unless NO_COLOR says otherwise", async () => {
  const onTerminal = async env => {
    const binary = process.env.OROCHI_BIN ?? join(ROOT, "build/orochi");
    const terminal = keep(spawn("script", ["-qec", `${binary} run ${module("game")} --memory --listen 127.0.0.1:0`, "/dev/null"],
      { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "inherit"] }));
    let text = "";
    terminal.stdout.setEncoding("utf8").on("data", more => (text += more));
    const ended = once(terminal, "close");
    await until("it serves", () => /clients/.test(text) || terminal.exitCode !== null);
    terminal.stdin.write("\x03"); // Ctrl-C
    await ended;
    return text;
  };
  const [plain, coloured] = await Promise.all([onTerminal({ NO_COLOR: "1" }), onTerminal({ NO_COLOR: "" })]);
  assert.match(plain, /INFO  server: stopping/);
  assert.doesNotMatch(plain, /\x1b\[/);
  assert.match(coloured, /\x1b\[32mINFO /);
});

test("an address under /v1 that is not there says so", async () => {
  const server = await serve(module("game"));
  for (const path of ["/v1/nothing", "/v1", "/v1/database/game/nothing"]) {
    const answer = await fetch(server.url + path);
    assert.equal(answer.status, 404);
    assert.match(await answer.text(), new RegExp(`There is no ${path}`));
  }
  await server.stop();
});

test("metrics are named as Prometheus wants them", async () => {
  const server = await serve(module("game"), { flags: ["--data", await folder()] });
  const text = await (await fetch(`${server.url}/v1/metrics`)).text();
  for (const [, name, kind] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    assert.match(name, /^orochi_[a-z]+(_[a-z]+)*$/);
    assert.equal(/_total$/.test(name), kind === "counter", name);
    assert.doesNotMatch(name, /(milli|micro|nano)seconds|_(ms|us|ns|kb|mb|kib|mib)(_|$)/, "base units");
  }
  assert.match(text, /^orochi_build_info\{version="[^"]+",python="3\.[^"]+"\} 1$/m);
  assert.equal(text.match(/^# TYPE /gm).length, text.match(/^# HELP /gm).length);
  await server.stop();
});
