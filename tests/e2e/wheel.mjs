// The program as pip installs it: OROCHI_BIN is the `orochi` of a virtual environment that got the wheel OROCHI_WHEEL.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { BINARY, cleanFolders, folder, serve, until } from "./lib/server.mjs";

const wheel = process.env.OROCHI_WHEEL, python = join(dirname(BINARY), "python");
let work;
before(async () => (work = await folder()));
after(cleanFolders);

const run = (program, ...words) => execFileSync(program, words, { cwd: work, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

test("the wheel is small, and has types, pages, settings and licence, but nothing compiled by Python", () => {
  assert.ok(statSync(wheel).size < 12 << 20, `${statSync(wheel).size} bytes`);
  const names = run(python, "-m", "zipfile", "-l", wheel);
  for (const name of ["orochi/py.typed", "orochi/__init__.pyi", "orochi/share/dashboard/index.html", "orochi/share/orochi.toml", "licenses/LICENSE"])
    assert.ok(names.includes(name), name);
  assert.doesNotMatch(names, /__pycache__|\.pyc/);
});

test("a module is made, checked and described, by the program and by python -m", () => {
  run(BINARY, "new", "game");
  assert.match(run(BINARY, "check", "game/module.py"), /no problems/);
  assert.match(run(python, "-m", "orochi", "describe", "game/module.py"), /table /);
  run(BINARY, "generate", "--lang", "typescript", "--out", "bindings", "game/module.py");
  assert.ok(existsSync(join(work, "bindings/index.ts")));
  assert.equal(run(BINARY, "version"), run(python, "-m", "orochi", "version"));
});

test("what is wrong has the exit code and the words that it has with the executable", async () => {
  await writeFile(join(work, "wrong.py"), "from orochi import table\n@table\nclass A:\n    a: complex\n");
  assert.throws(() => run(BINARY, "check", "wrong.py"), error => error.status === 1 && /wrong\.py:\d+/.test(error.stderr));
  assert.throws(() => run(BINARY, "run", "wrong.py", "--no-such"), error => error.status === 2);
});

test("packages of the environment are there in every worker, and pages and dashboard are served", async () => {
  const site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").trim();
  await mkdir(join(site, "neighbour"), { recursive: true });
  await writeFile(join(site, "neighbour/__init__.py"), "WORD = 'here'\n");
  await writeFile(join(work, "uses.py"), "import neighbour, orochi\n@orochi.reducer\ndef wave(ctx: orochi.ReducerContext): pass\nprint('neighbour is', neighbour.WORD, 'and orochi in', orochi.__file__)\n");
  const server = await serve(join(work, "uses.py"));
  await until("the module has said where it found them", () => server.output().includes(`neighbour is here and orochi in ${site}`));
  const page = await fetch(`${server.url}/dashboard/`);
  assert.equal(page.status, 200);
  const script = /src="([^"]+\.js)"/.exec(await page.text())[1];
  assert.equal((await fetch(new URL(script, `${server.url}/dashboard/`))).status, 200);
  await server.stop();
});

for (const template of ["chat", "arena", "cards", "empty"]) test(`the tests of a new ${template} pass, and its page comes along`, () => {
  run(BINARY, "new", `a-${template}`, "--template", template);
  const inside = join(work, `a-${template}`), test = execFileSync(BINARY, ["test", "-q"], { cwd: inside, encoding: "utf8" });
  assert.match(test, /\d passed/);
  assert.ok(existsSync(join(inside, "dist/index.html")));
});

test("tests of two games in one folder run apart, each beside its own module", () => {
  const both = join(work, "both");
  for (const name of ["one", "two"]) run(BINARY, "new", join(both, name), "--template", "empty");
  const out = execFileSync(BINARY, ["test", "-q"], { cwd: both, encoding: "utf8" });
  assert.match(out, /--- one\n[^]*2 passed[^]*--- two\n[^]*2 passed/);
  const some = execFileSync(BINARY, ["test", "-k", "added", "-q"], { cwd: join(both, "one"), encoding: "utf8" });
  assert.match(some, /1 passed, 1 deselected/);
});

test("orochi dev runs the tests when the module or one of them is saved, and says what fails", async () => {
  run(BINARY, "new", "sources", "--template", "empty");
  const inside = join(work, "sources"), dev = spawn(BINARY, ["dev", "--no-open", "--memory", "--listen", "127.0.0.1:0"], { cwd: inside, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise(done => dev.once("close", done));
  let text = "";
  for (const stream of [dev.stdout, dev.stderr]) stream.setEncoding("utf8").on("data", more => (text += more));
  await until("the tests have passed", () => /dev: tests: 2 passed/.test(text));
  const file = join(inside, "module.py"), right = await readFile(file, "utf8");
  await writeFile(file, right.replace("name=name)", 'name="none")'));
  await until("one fails", () => /dev: tests failed[^]*1 failed, 1 passed/.test(text));
  await writeFile(file, right);
  await until("both pass again", () => /1 failed, 1 passed[^]*dev: tests: 2 passed/.test(text));
  dev.kill("SIGTERM");
  assert.equal(await ended, 0);
});

test("orochi.client speaks to a server from an ordinary script, and calls are one player", async () => {
  const server = await serve(join(work, "a-chat/module.py")), env = { ...process.env, XDG_CONFIG_HOME: work };
  const said = execFileSync(python, ["-c", `
import sys
from orochi.client import connect
with connect(sys.argv[1], "a-chat") as c:
    c.subscribe("message")
    c.reducers.send_message("hello")
    print([m.text for m in c.db.message], c.identity == next(iter(c.db.message)).sender)
`, server.url], { encoding: "utf8", env });
  assert.equal(said, "['hello'] True\n");
  for (let i = 0; i < 2; i++) execFileSync(BINARY, ["call", "--url", server.url, "send_message", "hi"], { env });
  assert.equal(execFileSync(BINARY, ["shell", "--url", server.url, "-c", "print(len({m.sender for m in db.message}))"], { encoding: "utf8", env }), "2\n");
  await server.stop();
});
