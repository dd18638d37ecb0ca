// The main interpreter for modules whose C extensions know one interpreter only, and packages of virtual environments. The
// extensions are compiled here, and so is the environment made, by the Python that the server embeds.
// Release: what it is about is Python packages; the engine is the same in either interpreter.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { Raw, TAG } from "./lib/raw.mjs";
import { call, cleanFolders, folder, module, orochi, serve, sql, until } from "./lib/server.mjs";

after(cleanFolders);

/** The Python that the server embeds: {program, include, version}. */
async function python() {
  const file = join(await folder(), "probe.py");
  await writeFile(file, "import sys\nprint('at', sys.base_prefix, *sys.version_info[:2])\nfrom orochi import *\n@reducer\ndef r(ctx: ReducerContext): ...\n");
  const { text } = await orochi(["check", file]);
  const [, prefix, major, minor] = /^at (.+) (\d+) (\d+)$/m.exec(text) ?? assert.fail(text);
  const name = `python${major}.${minor}`;
  return { program: join(prefix, "bin", name), include: join(prefix, "include", name), name, version: [+major, +minor] };
}

const EXTENSIONS = {
  // One state in the process: initialised once, in one step.
  single: `static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "single", NULL, -1, NULL};
PyMODINIT_FUNC PyInit_single(void) { return PyModule_Create(&def); }`,
  // The same, and its initialisation fails.
  failing: `static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "failing", NULL, -1, NULL};
PyMODINIT_FUNC PyInit_failing(void) { (void)def; PyErr_SetString(PyExc_ImportError, "no such luck"); return NULL; }`,
  // In two steps, but silent about interpreters with a GIL of their own.
  silent: `static int exec(PyObject *m) { return PyModule_AddIntConstant(m, "answer", 42); }
static PyModuleDef_Slot slots[] = {{Py_mod_exec, exec}, {0, NULL}};
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "silent", NULL, 0, NULL, slots};
PyMODINIT_FUNC PyInit_silent(void) { return PyModuleDef_Init(&def); }`,
  willing: `static int exec(PyObject *m) { return PyModule_AddIntConstant(m, "answer", 42); }
static PyModuleDef_Slot slots[] = {{Py_mod_exec, exec},
  {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED}, {0, NULL}};
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "willing", NULL, 0, NULL, slots};
PyMODINIT_FUNC PyInit_willing(void) { return PyModuleDef_Init(&def); }`,
};

async function compile(dir, ...names) {
  const { include } = await python();
  for (const name of names) {
    await writeFile(join(dir, `${name}.c`), `#include <Python.h>\n${EXTENSIONS[name]}\n`);
    execFileSync(process.env.CC ?? "cc", ["-shared", "-fPIC", `-I${include}`, "-o", join(dir, `${name}.so`), join(dir, `${name}.c`)]);
  }
}

const source = (...lines) => `from orochi import *
${lines.join("\n")}

@table(public=True)
class Note:
    id: AutoKey[u64] = 0
    text: str

@reducer
def put(ctx: ReducerContext, text: str):
    ctx.db.note.insert(text=text)
`;

const run = (file, ...flags) => orochi(["run", file, "--memory", "--listen", "127.0.0.1:0", ...flags]);

test("an extension for one interpreter is named, with the line that imports it and what to do", async () => {
  const dir = await folder();
  await compile(dir, "single", "failing", "silent");
  // A package that hides the reason, as numpy does.
  const packages = await folder();
  await mkdir(join(packages, "wrapper"));
  await writeFile(join(packages, "wrapper/__init__.py"), `try:
    import silent
except ImportError as error:
    raise ImportError("something is wrong with the installation") from error
`);
  for (const [line, name] of [["import single", "single"], ["import silent", "silent"], ["import failing", "failing"], ["import wrapper", "silent"],
    ["import ctypes", "ctypes"]]) {
    const file = join(dir, "game.py");
    await writeFile(file, source(`import sys; sys.path.append("${packages}")`, line));
    const { code, text } = await run(file);
    assert.equal(code, 1, text);
    assert.match(text, new RegExp(`game\\.py:3: ${name} is written in C .* set isolation = "main"`), text);
  }
});

test("an extension that is willing works in several workers; one that is not, when a module can do without", async () => {
  const dir = await folder();
  await compile(dir, "single", "willing");
  const file = join(dir, "game.py");
  await writeFile(file, source("import willing", "try:", "    import single", "except ImportError:", "    single = None",
    "assert willing.answer == 42 and single is None"));
  const server = await serve(file, { flags: ["--memory", "--workers", "2"] });
  assert.equal((await call(server, "game", "put", ["x"])).status, 200);
  assert.equal(await server.stop(), 0, server.output());
});

test("in the main interpreter any extension works", async () => {
  const dir = await folder();
  await compile(dir, "single", "silent", "willing");
  const file = join(dir, "game.py");
  await writeFile(file, source("import single, silent, willing, ctypes", "assert silent.answer == 42"));
  const server = await serve(file, { flags: ["--memory", "--isolation", "main"] });
  assert.match(server.output(), /, 1 workers\) serves game/);
  assert.equal((await call(server, "game", "put", ["x"])).status, 200);
  assert.deepEqual(await sql(server, "game", "SELECT text FROM note"), [{ text: "x" }]);
  assert.equal(await server.stop(), 0, server.output());
});

test("the main interpreter has one worker", async () => {
  const { code, text } = await run(module("busy"), "--isolation", "main", "--workers", "2");
  assert.equal(code, 2);
  assert.match(text, /isolation = "main" runs the module in one interpreter, so it has one worker: server\.workers is 2/);
});

test("in the main interpreter clients come and go, schedules run, statistics are kept, data lasts", async () => {
  const data = await folder();
  const start = () => serve(module("busy"), { flags: ["--data", data, "--isolation", "main"] });
  let server = await start();
  const raw = new Raw(server, "busy");
  await raw.wait(1, TAG.INITIAL);
  const tallies = async () => Object.fromEntries((await sql(server, "busy", "SELECT * FROM tally")).map(row => [row.name, row.n]));
  assert.equal((await call(server, "busy", "arm", ["works", 20_000])).status, 200);
  await until("the timer runs", async () => (await tallies()).works > 2);
  await until("the first one has run", async () => (await tallies()).opening === 1);
  const metrics = await (await fetch(`${server.url}/v1/metrics`)).text();
  assert.match(metrics, /^orochi_workers 1$/m);
  assert.match(metrics, /^orochi_conversions_total\{worker="0",direction="in"\} [1-9]/m);
  const report = await (await fetch(`${server.url}/v1/database/busy/bridge`)).json();
  assert.ok(JSON.stringify(report).length > 100);
  assert.equal(await server.stop(), 0, server.output());
  server = await start();
  const now = await tallies();
  assert.equal(now.came - 1, now.left, "everybody who came has left, but this request");
  assert.equal(await server.stop(), 0, server.output());
});

test("threads of a module in the main interpreter print and work beside reducers", async () => {
  const dir = await folder();
  const file = join(dir, "game.py");
  await writeFile(file, source("import threading", "count = 0", "def work():", "    global count", "    while True:",
    "        count += 1", "        if count % 200_000 == 0: print('from beside', count)", "threading.Thread(target=work, daemon=True).start()",
    "given = []", "def meddle():", "    while True:",
    "        for ctx in given:", "            try: ctx.db.note.insert(text='beside')", "            except TransactionError as error: print('TransactionError:', error)",
    "            given.clear()", "threading.Thread(target=meddle, daemon=True).start()",
    "@reducer(timeout_ms=300)", "def endless(ctx: ReducerContext):", "    ctx.db.note.insert(text='never')", "    given.append(ctx)", "    while True: pass"));
  const server = await serve(file, { flags: ["--memory", "--isolation", "main"] });
  await until("the thread prints", () => /from beside/.test(server.output()));
  for (let i = 0; i < 3; i++) assert.equal((await call(server, "game", "endless", [])).status, 530);
  await until("the log tells of the timeout", () => /ReducerTimeout/.test(server.output()));
  await until("a thread may not touch the tables of a call", () => /TransactionError: note: used outside the call/.test(server.output()));
  for (let i = 0; i < 50; i++) assert.equal((await call(server, "game", "put", ["x"])).status, 200);
  assert.equal((await sql(server, "game", "SELECT * FROM note")).length, 50);
  assert.equal(await server.stop(), 0, server.output());
});

// ---- virtual environments

async function environment() {
  const { program, name } = await python();
  const dir = join(await folder(), "venv");
  execFileSync(program, ["-m", "venv", "--without-pip", dir]);
  const site = join(dir, "lib", name, "site-packages");
  const beside = await folder();
  await mkdir(join(site, "dropped"));
  await writeFile(join(site, "dropped/__init__.py"), "word = 'dropped'\n");
  await writeFile(join(beside, "linked.py"), "word = 'linked'\n");
  await writeFile(join(site, "links.pth"), `${beside}\nimport sys; sys.from_pth = True\n`);
  return { dir, site };
}

const USES = source("import sys", "import dropped, linked", "assert sys.from_pth",
  "@reducer", "def words(ctx: ReducerContext):", "    ctx.db.note.insert(text=f'{dropped.word} {linked.word}')");

test("packages of a virtual environment, and what its .pth files name, are there in every worker", async () => {
  const { dir } = await environment();
  const home = await folder();
  const file = join(home, "game.py");
  await writeFile(file, USES);
  const without = await run(file);
  assert.equal(without.code, 1);
  assert.match(without.text, /game\.py:3: .*No module named 'dropped'/);
  const config = join(home, "orochi.toml");
  await writeFile(config, `[server]\nvenv = "${dir}"\n`);
  for (const flags of [["--venv", dir, "--workers", "2"], ["--config", config, "--workers", "2"], ["--venv", dir, "--isolation", "main"]]) {
    const server = await serve(file, { flags: ["--memory", ...flags] });
    assert.equal((await call(server, "game", "words", [])).status, 200);
    assert.deepEqual(await sql(server, "game", "SELECT text FROM note"), [{ text: "dropped linked" }]);
    assert.equal(await server.stop(), 0, server.output());
  }
  for (const words of [["check"], ["describe"], ["describe", "--json"], ["extract-schema"], ["generate", "--out", join(home, "out")]]) {
    const { code, text } = await orochi([...words, "--venv", dir, file]);
    assert.equal(code, 0, text);
  }
  assert.equal((await orochi(["check", file])).code, 1);
});

test("what is no virtual environment, or not of this Python, is refused with the reason", async () => {
  const { dir, site } = await environment();
  const { version, name } = await python();
  const home = await folder();
  const file = join(home, "game.py");
  await writeFile(file, source());
  const older = join(home, "older");
  await cp(dir, older, { recursive: true, verbatimSymlinks: true });
  const cfg = join(older, "pyvenv.cfg");
  await writeFile(cfg, (await readFile(cfg, "utf8")).replace(/^version = .*$/m, `version = ${version[0]}.${version[1] - 1}.4`));
  const bare = join(home, "bare");
  await mkdir(bare);
  await writeFile(join(bare, "pyvenv.cfg"), "home = /usr/bin\n");
  for (const [path, expected] of [
    [join(home, "missing"), /missing: there is no such folder/],
    [home, /is no virtual environment: it has no pyvenv\.cfg/],
    [site, /is no virtual environment/],
    [older, new RegExp(`older is of Python ${version[0]}\\.${version[1] - 1}, and this server runs CPython ${version[0]}\\.${version[1]}\\.\\d+: make it anew, with ${name} -m venv`)],
    [bare, /bare has no folder lib\/python[\d.]+\/site-packages/],
  ]) {
    for (const { code, text } of [await run(file, "--venv", path), await orochi(["check", "--venv", path, file])]) {
      assert.equal(code, 2, text);
      assert.match(text, expected);
    }
  }
});
