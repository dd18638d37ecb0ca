// Modules whose import does not end, ends the process, or is refused in a worker: `check`, `describe`, `extract-schema`, `generate`,
// `run` and a reload say the same, within the limit, and a server that runs serves on.
// Release: most of it waits for the end of imports.

import assert from "node:assert/strict";
import { access, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { call, cleanFolders, folder, orochi, PATIENCE, serve, SLOW, until } from "./lib/server.mjs";
import { together } from "./lib/together.mjs";

after(cleanFolders);

const source = (...lines) => `from orochi import *
${lines.join("\n")}

@table(public=True)
class Note:
    id: AutoKey[u64] = 0

@reducer
def version(ctx: ReducerContext, n: u32):
    if n != VERSION:
        raise ReducerError(f"version {VERSION}")
`;

const LATE = /the import ran longer than server\.import_timeout_ms/;
const STUCK = /the import has not ended within server\.import_timeout_ms, and cannot be interrupted/;
const PLACE = /m\.py:\d+: /;
const FORBIDDEN = /m\.py:\d+: while importing: .*ForbiddenInReducer: \S+ is not allowed in a module: .{20}/;

/** What does not end, by itself or in C. */
const endless = {
  "while True: pass": LATE,
  "import itertools\nfor _ in itertools.count(): pass": LATE,
  "while True:\n    try: sum(range(50))\n    except BaseException: pass": LATE,
  "import time\ntime.sleep(1000)": LATE,
  "import threading\nthreading.Event().wait()": LATE,
  "import queue\nqueue.SimpleQueue().get()": LATE,
  "import os\nos.read(os.pipe()[0], 1)": LATE,
  "import socket\nsocket.create_server(('127.0.0.1', 0)).accept()": LATE,
  "import subprocess\nsubprocess.run(['sleep', '60'])": LATE,
  "import asyncio\nasyncio.run(asyncio.sleep(1000))": LATE,
  "import itertools, collections\ncollections.deque(itertools.repeat(0), 0)": STUCK,
  "import re\nre.match('(a+)+b', 'a' * 60)": STUCK,
  "import os\nos.mkfifo(p := __file__ + '.fifo')\nopen(p)": STUCK,
  "class Endless(Exception):\n    def __str__(self):\n        while True: pass\nraise Endless": /m\.py:\d+|the exception's text takes too long/,
  "@on_load\ndef forever():\n    while True: pass": LATE,
};

/** What ends, and how. */
const refused = {
  "import ctypes": /m\.py:\d+: _?ctypes is written in C/,
  "import threading\nthreading.Thread(target=print).start()": /m\.py:\d+: while importing: RuntimeError: .*thread/,
  "import os\nos._exit(0)": FORBIDDEN,
  "import os\nos.abort()": FORBIDDEN,
  "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)": FORBIDDEN,
  "import signal\nsignal.alarm(1)": FORBIDDEN,
  "import os\nos.fork()": FORBIDDEN,
  "import os\nos.chdir('/')": FORBIDDEN,
  "import os\nos.closerange(3, 100)": /m\.py:\d+: while importing: .*ForbiddenInReducer: os\.closerange/,
  "import os\nos.close(3)": /m\.py:\d+: while importing: .*ForbiddenInReducer: closing a descriptor/,
  "raise SystemExit(0)": /m\.py:\d+: while importing: SystemExit: 0/,
  "raise KeyboardInterrupt": /m\.py:\d+: while importing: KeyboardInterrupt/,
  "raise MemoryError": /m\.py:\d+: while importing: MemoryError/,
  "def f(): f()\nf()": /m\.py:\d+: while importing: RecursionError/,
  "import nowhere": /m\.py:\d+: while importing: No module named 'nowhere'/,
  "x = (": /m\.py:\d+: syntax error/,
  "@on_load\ndef fails():\n    raise SystemExit(3)": /m\.py:\d+: @on_load fails: SystemExit: 3/,
  "input()": /m\.py:\d+: while importing: EOFError/,
  "raise BaseException('x')": /m\.py:\d+: while importing: BaseException: x/,
};

const limit = ms => ["--set", `server.import_timeout_ms=${ms}`];
/** Enough for a good import on a machine that is not busy. */
const QUICK = 1500 * SLOW;
/** Enough for one on any. */
const LONG = limit(PATIENCE / 2);

/** `lines`, which leave a file beside the module when an import comes to the last of their statements. */
const marked = lines => lines.replace(/^(?:(?:@.*\n)?\S.*)(?:\n .*)*$(?![^])/m, last => `open(__file__ + ".reached", "w").close()\n${last}`);

/** Whether an import came so far; it is forgotten. An import that did not was late by itself: its limit says nothing of what is tried. */
async function reached(file) {
  const there = await access(`${file}.reached`).then(() => true, () => false);
  await rm(`${file}.reached`, { force: true });
  return there;
}

/** What `act(ms)` gives, with a limit that the import of `file` comes to its marked lines in: QUICK, and the double each time. */
async function enough(file, act) {
  for (let ms = QUICK; ; ms *= 2) {
    await rm(`${file}.fifo`, { force: true });
    const result = await act(ms);
    if (await reached(file)) return result;
    assert.ok(ms < PATIENCE, `an import of ${ms} ms: ${JSON.stringify(result)}`);
  }
}

test("check says what run says: what does not end, and what a worker refuses", () =>
  together(3, Object.entries({ ...endless, ...refused }), async ([lines, expected]) => {
    const file = join(await folder(), "m.py");
    const first = lines in endless ? marked(lines) : lines;
    await writeFile(file, source("VERSION = 1", first).replace("VERSION = 1\n", "") + "\nVERSION = 1\n");
    for (const command of [["check", file], ["run", file, "--memory", "--listen", "127.0.0.1:0"]]) {
      const { code, text } = lines in endless ? await enough(file, ms => orochi([...command, ...limit(ms)])) : await orochi([...command, ...LONG]);
      assert.equal(code, 1, `${command[0]}: ${lines}: ${code} ${text}`);
      assert.match(text, expected, `${command[0]}: ${lines}`);
      assert.match(text, STUCK === expected ? STUCK : PLACE, `${command[0]}: ${lines}`);
    }
  }));

test("so do the other commands that import a module; what it prints is not in their result", async () => {
  const dir = await folder(), file = join(dir, "m.py");
  const commands = [["describe"], ["describe", "--json"], ["extract-schema"], ["generate", "--lang", "typescript", "--out", join(dir, "out")]];
  for (const command of commands) {
    await writeFile(file, source("VERSION = 1", "while True: pass"));
    let result = await orochi([...command, ...limit(QUICK), file]);
    assert.equal(result.code, 1, result.text);
    assert.match(result.text, /m\.py:\d+: the import ran longer/);
    await writeFile(file, source("VERSION = 1", "import ctypes"));
    result = await orochi([...command, file]);
    assert.equal(result.code, 1, result.text);
    await writeFile(file, source("VERSION = 1", "print('hello')", "import ctypes"));
    result = await orochi([...command, "--isolation", "main", file]);
    assert.equal(result.code, 0, result.text);
    assert.doesNotMatch(result.stdout, /hello/);
    assert.match(result.text, /hello/);
  }
  JSON.parse((await orochi(["extract-schema", file, "--isolation=main"])).stdout);
});

test("check refuses names and settings as run does", async () => {
  const dir = await folder();
  for (const name of ["json.py", "threading.py", "orochi.py", "My Game.py"]) {
    const file = join(dir, name);
    await writeFile(file, source("VERSION = 1"));
    const check = await orochi(["check", file]), run = await orochi(["run", file, "--memory", "--listen", "256.0.0.1:1"]);
    assert.notEqual(check.code, 0, name);
    const first = result => result.text.replace(/^orochi: /gm, "").split("\n")[0];
    assert.deepEqual([check.code, first(check)], [1, first(run)], name);
    await rm(file);
  }
});

async function reload(server, token) {
  const answer = await fetch(`${server.url}/v1/database/m/reload`, { method: "POST", headers: { authorization: `Bearer ${token}` } });
  return { status: answer.status, text: await answer.text() };
}

const serves = async (server, n) => (await call(server, "m", "version", [n])).status;

/** Starts of a server whose limit of imports is doubled until the module as it is comes up in it; said(): what those before the last one said. */
function patient(file, data) {
  let ms = QUICK, text = "";
  const server = async () => {
    for (;; ms *= 2) {
      try {
        return await serve(file, { flags: ["--data", data, "--workers", "2", ...limit(ms)] });
      } catch (error) {
        if (ms >= PATIENCE || !LATE.test(error.message)) throw error;
      }
    }
  };
  const again = async before => {
    assert.equal(await before.stop(), 0, before.output());
    text += before.output();
    ms *= 2;
    return server();
  };
  return { server, again, said: () => text };
}

test("a reload whose import does not end, or ends the process, is answered; the next one is served", () => {
  const bad = Object.entries({ ...endless, ...refused, "import os\nos.kill(os.getppid(), 9) if False else None\nimport nowhere2": /nowhere2/ });
  const shares = [0, 1, 2].map(share => bad.filter((_, i) => i % 3 === share)); // a server each
  return together(3, shares, async share => {
    const dir = await folder(), data = join(dir, "data"), file = join(dir, "m.py");
    const write = (n, ...lines) => writeFile(file, source(`VERSION = ${n}`, ...lines));
    await write(1);
    const { server: start, again, said } = patient(file, data);
    let server = await start();
    const { stdout } = await orochi(["reload", "--url", server.url, "--data", data]);
    assert.match(stdout, /the code was exchanged/);
    const token = (await readFile(join(data, "owner.token"), "utf8")).trim();
    let n = 1;
    const next = async what => {
      await write(++n);
      const { status, text } = await reload(server, token);
      if (status === 400 && LATE.test(text)) server = await again(server);
      else assert.equal(status, 200, `${what}: ${text}`);
      assert.equal(await serves(server, n), 200, what);
    };
    for (const [lines, expected] of share) {
      for (;;) {
        await rm(`${file}.fifo`, { force: true });
        await write(999, lines in endless ? marked(lines) : lines);
        const before = reload(server, token);
        assert.equal(await serves(server, n), 200, `while ${lines} is imported`);
        const { status, text } = await before;
        assert.equal(status, 400, `${lines}: ${status} ${text}`);
        const tried = lines in endless ? await reached(file) : !LATE.test(text);
        if (tried) assert.match(text, expected, lines);
        assert.equal(await serves(server, n), 200, `after ${lines}`);
        if (tried) break;
        await write(n);
        server = await again(server);
      }
      await next(`the version after ${lines}`);
    }
    // the file goes, and is a folder
    await rename(file, `${file}.away`);
    assert.match((await reload(server, token)).text, /there is no such file or folder/);
    await mkdir(file);
    assert.match((await reload(server, token)).text, /has neither __init__\.py nor module\.py/);
    await rm(file, { recursive: true });
    await next("the file is back");
    assert.equal(await server.stop(), 0, server.output());
    // An import that waits in C never ends: it was tried in another process. A worker is at most late, on a busy machine.
    const output = said() + server.output(), times = what => output.match(what)?.length ?? 0;
    assert.equal(times(/cannot be interrupted: it is in C code/g), times(/WARN +watchdog: worker \d is back/g), output);
  });
});

/** How long the import of a good module takes here and now, with the start of a process around it. */
async function timedImport(file) {
  const begin = performance.now(), { code, text } = await orochi(["check", file, ...LONG]);
  assert.equal(code, 0, text);
  return Math.ceil(performance.now() - begin);
}

test("with --watch a save that blocks does not stand in the way of the next", async () => {
  const dir = await folder(), file = join(dir, "m.py");
  await writeFile(file, source("VERSION = 1"));
  // How long a good import takes here and now: it, and the blocking one up to where it blocks, end within ten times that.
  const server = await serve(file, { flags: ["--memory", "--watch", "--workers", "1", ...limit(Math.max(QUICK, 10 * await timedImport(file)))] });
  await writeFile(file, source("VERSION = 2", "import re", "re.match('(a+)+b', 'a' * 60)"));
  await until("the log says that it was not reloaded", () => /was not reloaded.*cannot be interrupted/.test(server.output()));
  await writeFile(file, source("VERSION = 3"));
  await until("the third version is served", async () => (await serves(server, 3)) === 200);
  assert.equal(await server.stop(), 0, server.output());
});
