// The program as pip installs it: OROCHI_BIN is the `orochi` of a virtual environment that got the wheel OROCHI_WHEEL.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
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
