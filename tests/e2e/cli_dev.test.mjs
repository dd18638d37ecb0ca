// From nothing to a page: `orochi new`, `orochi dev`.
// Release: what it is about is Python.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { BINARY, ROOT, SLOW, cleanFolders, folder, keep, orochi, until } from "./lib/server.mjs";

after(cleanFolders);

/** Starts a command of ours; gives what it says, and stop(). */
function start(words, { cwd, program = BINARY, env = {} }) {
  const child = keep(spawn(program, words, { cwd, env: { ...process.env, NO_COLOR: "1", ...env }, stdio: ["pipe", "pipe", "pipe"] }));
  const it = { child, text: "", stop: () => { child.kill("SIGTERM"); return it.ended; } };
  it.ended = child.closed;
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", more => (it.text += more));
  it.says = pattern => until(`it says ${pattern}`, () => it.text.match(pattern) ?? (child.exitCode !== null && assert.fail(it.text)));
  it.saysNext = pattern => { const from = it.text.length; return until(`it says ${pattern} next`, () => it.text.slice(from).match(pattern)); };
  return it;
}

const change = async (file, from, to) => {
  const text = await readFile(file, "utf8");
  assert.ok(text.includes(from), `${file} has ${from}`);
  await writeFile(file, text.replaceAll(from, to));
};

for (const template of ["chat", "arena", "cards", "empty"]) test(`orochi new --template ${template} makes what is right at once`, async () => {
  const work = await folder(), at = join(work, "my-game");
  const made = await orochi(["new", "my-game", "--template", template], { cwd: work });
  assert.equal(made.code, 0, made.text);
  for (const file of ["module.py", "module_db.py", "module_db.pyi", "test_module.py", "pyproject.toml", ".gitignore", "README.md"])
    assert.ok(existsSync(join(at, file)), file);
  assert.match((await orochi(["check", "my-game"], { cwd: work })).stdout, /no problems/);
  assert.match(await readFile(join(at, "module.py"), "utf8"), /ctx: ReducerContext\[Db\]/);
  // Bindings are in place, and are what `generate` would write.
  const before = await readFile(join(at, "src/bindings/index.ts"), "utf8");
  assert.equal((await orochi(["generate", "--lang", "typescript", "--out", "src/bindings", "module.py"], { cwd: at })).code, 0);
  assert.equal(await readFile(join(at, "src/bindings/index.ts"), "utf8"), before);
  const modules = join(ROOT, "examples", template, "node_modules");
  await symlink(modules, join(at, "node_modules"));
  const tsc = await new Promise(done => execFile(process.execPath, [join(modules, "typescript/bin/tsc"), "-p", at], (error, stdout) => done({ error, stdout })));
  assert.equal(tsc.error, null, tsc.stdout);
});

test("what orochi new prints leads to a page, and whatever is saved is served", async () => {
  const work = await folder(), module = join(work, "game/module.py");
  const { stdout } = await orochi(["new", "game"], { cwd: work });
  const [, words] = /^next: orochi (.*?) {2,}/m.exec(stdout);
  const dev = start([...words.split(" "), "--no-open", "--memory", "--listen", "127.0.0.1:0"], { cwd: work });
  const [, page] = await dev.says(/page +(http\S+)/);
  const html = await (await fetch(page)).text();
  if (existsSync(join(ROOT, "examples/chat/dist/index.html"))) { // built by the web stage
    const script = /src="([^"]+\.js)"/.exec(html)[1];
    assert.equal((await fetch(new URL(script, page))).status, 200);
    assert.deepEqual((await (await fetch(new URL("/v1/health", page))).json()).databases, ["game"]);
  }
  await dev.says(/dev: (no tests are run: .*pip install|tests: .*passed)/);

  let next = dev.saysNext(/server: reloaded[^]*dev: module\.py changed|dev: module\.py changed[^]*server: reloaded/);
  await change(module, "def send_message", "def tell");
  await next;
  const bound = name => existsSync(join(work, `game/src/bindings/${name}_reducer.ts`));
  await until("the bindings are new", () => bound("tell") && !bound("send_message")); // the new are written before the old go

  next = dev.saysNext(/module\.py:\d+: Message\.text: complex cannot be stored: use .*\n +\d+ \| +text: complex\n +\| +\^/);
  await change(module, "    text: str\n", "    text: complex\n");
  await next;
  next = dev.saysNext(/server: reloaded/);
  await change(module, "    text: complex\n", "    text: str\n");
  await next;
  assert.equal(await dev.stop(), 0);
  assert.match(dev.text, /server: stopping/);
});

test("a module that is wrong from the beginning is waited for", async () => {
  const work = await folder(), module = join(work, "module.py");
  await writeFile(module, "from orochi import *\n@table\nclass A:\n    id: Decimal\n");
  const dev = start(["dev", "--no-open", "--memory", "--listen", "127.0.0.1:0", "--name", "a-game"], { cwd: work });
  await dev.says(/module\.py:4: .*\n +4 \| +id: Decimal\n[^]*dev: waiting until a file is saved/);
  await change(module, "Decimal", "PrimaryKey[u32]");
  await dev.says(/clients +ws:.*database a-game/);
  assert.equal(await dev.stop(), 0);
});

test("what orochi dev cannot do it says", async () => {
  const work = await folder();
  const nothing = await orochi(["dev"], { cwd: work });
  assert.equal(nothing.code, 1);
  assert.match(nothing.stderr, /there is no module: .*orochi new/);
  await writeFile(join(work, "module.py"), "");
  const flag = await orochi(["dev", "--no-open", "--wokers", "2"], { cwd: work });
  assert.equal(flag.code, 2);
  assert.match(flag.text, /there is no flag --wokers/);
});

test("breakpoint() in a reducer stops it on the terminal, for as long as one likes", async () => {
  const work = await folder(), config = await folder();
  await writeFile(join(work, "module.py"), `from orochi import *
@table(public=True)
class T:
    id: AutoKey[u64] = 0
    n: u32
@reducer
def add(ctx: ReducerContext, n: u32):
    doubled = n * 2
    breakpoint()
    ctx.db.t.insert(n=doubled)
`);
  const it = start(["-qec", `${BINARY} dev --debug --memory --listen 127.0.0.1:0 --name t`, "/dev/null"], { cwd: work, program: "script" });
  const [, url] = await it.says(/page +(http\S+)\//);
  const ask = (...words) => orochi([words[0], "--url", url, ...words.slice(1)], { env: { XDG_CONFIG_HOME: config } });
  const call = ask("call", "add", "21");
  await it.says(/\(orochi\) $/);
  const type = async (line, answer) => { const next = it.saysNext(answer); it.child.stdin.write(line + "\n"); await next; };
  await type("p doubled", /\b42\b/);
  await new Promise(done => setTimeout(done, 1500 * SLOW)); // longer than a reducer's limit
  await type("doubled = 50", /\(orochi\) $/);
  it.child.stdin.write("c\n");
  assert.equal((await call).text, "");
  assert.match((await ask("sql", "--json", "-c", "SELECT n FROM t")).stdout, /"n": 50/);
  it.child.kill("SIGTERM");
  await it.ended;
});
