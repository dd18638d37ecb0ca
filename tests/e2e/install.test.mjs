// `meson install` into a folder that is moved afterwards: the program finds its Python package and pages beside itself.
// Release: what it is about is where files lie.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, rename, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { BINARY, cleanFolders, example, folder, keep, until } from "./lib/server.mjs";

let moved, work;

before(async () => {
  const at = await folder();
  execFileSync("meson", ["install", "-C", dirname(BINARY), "--no-rebuild", "--quiet", "--destdir", join(at, "dest")], { stdio: "pipe" });
  moved = join(at, "elsewhere and more");
  await rename(join(at, "dest/usr/local"), moved);
  work = await folder();
  await cp(example("bank"), join(work, "bank.py"), { dereference: true });
  await writeFile(join(work, "where.py"), 'import orochi\nprint("package", orochi.__file__)\n');
});
after(cleanFolders);

const run = parameters => execFileSync(join(moved, "bin/orochi"), parameters, { cwd: work, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

test("it serves with the package and the pages that were installed", async () => {
  await writeFile(join(work, "asks.py"), `import where\n${execFileSync("cat", [join(work, "bank.py")])}`);
  const child = keep(spawn(join(moved, "bin/orochi"), ["run", "asks.py", "--memory", "--listen", "127.0.0.1:0"], { cwd: work }));
  const ended = once(child, "exit");
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", more => (text += more));
  try {
    const [, port] = await until("it serves", () => child.exitCode === null ? /clients +ws:\/\/127\.0\.0\.1:(\d+)/.exec(text) : assert.fail(text));
    await until("the module has said where the package is", () => /package .*\n/.test(text));
    assert.match(text, /package .*elsewhere and more\/.*share\/orochi\/python\/orochi\/__init__\.py/);
    const page = await fetch(`http://127.0.0.1:${port}/dashboard/`);
    assert.equal(page.status, 200);
    const script = /src="([^"]+\.js)"/.exec(await page.text())[1];
    assert.equal((await fetch(new URL(script, `http://127.0.0.1:${port}/dashboard/`))).status, 200);
  } finally {
    child.kill("SIGTERM");
    await ended;
  }
  assert.equal(child.exitCode, 0, text);
});

test("the commands work as well, also through a link to the program", async () => {
  assert.match(run(["check", "bank.py"]), /no problems/);
  run(["generate", "--lang", "typescript", "--out", "bindings", "bank.py"]);
  assert.ok(existsSync(join(work, "bindings/index.ts")));
  await symlink(join(moved, "bin/orochi"), join(work, "orochi"));
  assert.match(execFileSync(join(work, "orochi"), ["describe", "bank.py"], { cwd: work, encoding: "utf8" }), /account/);
});

test("there is a manual page for each command", () => {
  for (const name of ["orochi", "orochi-run", "orochi-dev", "orochi-sql"])
    assert.match(execFileSync("cat", [join(moved, `share/man/man1/${name}.1`)], { encoding: "utf8" }), /^\.TH OROCHI/);
});

test("settings and licence come along, nothing compiled by Python does", () => {
  for (const name of ["orochi.toml", "LICENSE", "python/orochi/py.typed", "python/orochi/__init__.pyi"])
    assert.ok(existsSync(join(moved, "share/orochi", name)), name);
  assert.equal(execFileSync("find", [moved, "-name", "__pycache__"], { encoding: "utf8" }), "");
});
