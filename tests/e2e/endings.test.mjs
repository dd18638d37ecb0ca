// What objects of the author's do when their version of the module ends: as much as an import may, and not for long. Those that
// replace it, or fail to, are served.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { call, cleanFolders, folder, serve, SLOW, until } from "./lib/server.mjs";
import { together } from "./lib/together.mjs";

after(cleanFolders);

const source = (version, lines) => `from orochi import *
${lines}

@table(public=True)
class Note:
    id: AutoKey[u64] = 0

@reducer
def version(ctx: ReducerContext, n: u32):
    if n != ${version}:
        raise ReducerError("another version")
`;

/** Each does not end when the module that has it is dropped. */
const endless = [
  "class D:\n    def __del__(self):\n        while True: pass\nd = D()",
  "class D:\n    def __del__(self):\n        while True: pass\nd = D()\nd.itself = d",
  "class D:\n    def __del__(self):\n        while True: pass\ndefault = D()\nmany = [D() for _ in range(50)]",
  "def generator():\n    try:\n        yield\n    finally:\n        while True: pass\nsuspended = generator()\nnext(suspended)",
  "import queue\nclass D:\n    def __del__(self, get=queue.SimpleQueue().get):\n        get()\nd = D()",
  "import time, weakref\nclass O: pass\no = O()\nweakref.finalize(o, time.sleep, 10**6)",
  "import threading\nheld = threading.Lock()\nheld.acquire()\nclass D:\n    def __del__(self, acquire=held.acquire):\n        acquire()\nd = D()",
];

const serves = async (server, n) => (await call(server, "m", "version", [n])).status === 200;

test("what an old version does at its end is limited, also that of one that was refused", () => {
  const shares = [0, 1, 2].map(share => endless.filter((_, i) => i % 3 === share)); // a server each
  return together(3, shares, async share => {
    const file = join(await folder(), "m.py");
    await writeFile(file, source(1, ""));
    const server = await serve(file, { flags: ["--memory", "--watch", "--workers", "2", "--set", `server.import_timeout_ms=${1500 * SLOW}`] });
    let n = 1;
    for (const lines of share) {
      await writeFile(file, source(++n, lines));
      await until(`served: ${lines}`, () => serves(server, n));
      await writeFile(file, source(999, `${lines}\nimport nowhere${n}`));
      await until(`refused: ${lines}`, () => server.output().includes(`nowhere${n}`));
      assert.ok(await serves(server, n), `after a refusal: ${lines}`);
      await writeFile(file, source(++n, ""));
      await until(`the version after ${lines}`, () => serves(server, n));
    }
    await until("it is told", () => /WARN +module: what the old version of the module does at its end takes too long/.test(server.output()));
    assert.doesNotMatch(server.output(), /was given up/);
    assert.equal(await server.stop(), 0, server.output());
  });
});
