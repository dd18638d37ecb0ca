// Procedures while the module is exchanged, while the server stops, and at the limits of their settings.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { call, cleanFolders, folder, orochi, serve, sql, until } from "./lib/server.mjs";

after(cleanFolders);

const HEAD = `
from orochi import AutoKey, ProcedureContext, ReducerContext, ReducerTimeout, procedure, reducer, table, u32, u64

@table(public=True)
class Note:
    id: AutoKey[u64] = 0
    text: str

@reducer
def write(ctx: ReducerContext, text: str):
    ctx.db.note.insert(text=text)
`;
const NAP = `
@procedure
def nap(ctx: ProcedureContext, seconds: u32, text: str) -> str:
    ctx.with_tx(lambda tx: tx.db.note.insert(text=text))
    try:
        ctx.sleep(seconds)
    except ReducerTimeout:
        ctx.with_tx(lambda tx: tx.db.note.insert(text="never"))
    return VERSION
`;

async function live(code, settings = "") {
  const dir = await folder(), data = await folder(), file = join(dir, "grow.py"), config = join(dir, "orochi.toml");
  const write = text => writeFile(file, HEAD + text);
  await write(code);
  await writeFile(config, settings);
  const server = await serve(file, { flags: ["--data", data, "--config", config] });
  const owner = (await readFile(join(data, "owner.token"), "utf8")).trim();
  const reload = async () => {
    const answer = await fetch(`${server.url}/v1/database/grow/reload`, { method: "POST", headers: { authorization: `Bearer ${owner}` } });
    return { status: answer.status, text: await answer.text() };
  };
  const ask = async (name, args = [], headers = {}) => {
    const answer = await call(server, "grow", name, args, headers);
    return { status: answer.status, text: await answer.text() };
  };
  const texts = async () => (await sql(server, "grow", "SELECT text FROM note")).map(row => row.text).sort();
  const metric = async name => Number(new RegExp(`^${name} (\\d+)`, "m").exec(await (await fetch(`${server.url}/v1/metrics`)).text())?.[1]);
  return { ...server, write, owner, reload, ask, texts, metric };
}
const version = n => NAP.replace("VERSION", `"${n}"`);

test("a reload cuts off what waits, and the next call runs the new code", async () => {
  const s = await live(version(1), "[procedure]\nworkers = 3\n");
  assert.equal((await s.ask("nap", [0, "a"])).text, '"1"');
  const waiting = s.ask("nap", [60, "b"]);
  await until("it waits", async () => (await s.texts()).includes("b"));
  await s.write(version(2));
  assert.equal((await s.reload()).status, 200);
  const cut = await waiting;
  assert.equal(cut.status, 500);
  assert.match(cut.text, /reloaded while the procedure ran/);
  assert.equal((await s.ask("nap", [0, "c"])).text, '"2"');
  assert.deepEqual(await s.texts(), ["a", "b", "c"]);
  // With other tables, too, and with what waits in the queue.
  const more = Array.from({ length: 6 }, (_, i) => s.ask("nap", [60, `d${i}`]));
  await until("two of them wait: a caller leaves a worker to others", async () => (await s.texts()).length === 5);
  await s.write(`${version(3).replace("60", "0")}\n@table\nclass More:\n    x: u32\n`);
  assert.equal((await s.reload()).status, 200);
  const [first] = await Promise.all([Promise.any(more)]);
  assert.match(first.text, /reloaded while the procedure ran/);
  assert.equal(await s.stop(), 0, s.output().slice(-3000));
  await Promise.allSettled(more);
});

test("a coroutine that begins behind a reload is of the new version", async () => {
  const code = n => `
@procedure
async def which(ctx: ProcedureContext, seconds: u32, text: str) -> str:
    await ctx.with_tx(lambda tx: tx.db.note.insert(text=text))
    await ctx.sleep(seconds)
    return "${n}"
`;
  const s = await live(code(1), "[procedure]\nworkers = 1\n");
  assert.equal((await s.ask("which", [0, "a"])).text, '"1"');
  await s.write(code(2));
  assert.equal((await s.reload()).status, 200);
  assert.equal((await s.ask("which", [0, "b"])).text, '"2"');
  const waiting = s.ask("which", [60, "c"]);
  await until("it waits", async () => (await s.texts()).includes("c"));
  await s.write(code(3));
  assert.equal((await s.reload()).status, 200);
  assert.match((await waiting).text, /reloaded while the procedure ran/);
  assert.equal((await s.ask("which", [0, "d"])).text, '"3"');
  assert.equal(await s.stop(), 0, s.output().slice(-3000));
});

test("a reload brings the first procedures, and takes the last ones", async () => {
  const s = await live("");
  assert.equal((await s.ask("nap", [0, "a"])).status, 404);
  await s.write(version(1));
  assert.equal((await s.reload()).status, 200);
  await until("workers for them", async () => (await s.ask("nap", [0, "a"])).text === '"1"');
  await s.write("");
  assert.equal((await s.reload()).status, 200);
  assert.equal((await s.ask("nap", [0, "a"])).status, 404);
  await s.write("def broken(");
  assert.notEqual((await s.reload()).status, 200);
  await s.write(version(2));
  assert.equal((await s.reload()).status, 200);
  assert.equal((await s.ask("nap", [0, "b"])).text, '"2"');
  assert.equal(await s.stop(), 0, s.output().slice(-3000));
});

test("a stop does not wait for one that sleeps", async () => {
  const s = await live(version(1));
  const waiting = s.ask("nap", [600, "a"]).catch(() => {});
  await until("it waits", async () => (await s.texts()).length === 1);
  assert.equal(await s.stop(), 0, s.output().slice(-3000));
  await waiting;
});

test("a full queue refuses, the owner may call what is private, and settings count", async () => {
  const s = await live(`${version(1)}
@procedure(public=False)
def private(ctx: ProcedureContext) -> u32:
    return 7
`, "[procedure]\nworkers = 1\nqueue = 6\n");
  assert.equal((await s.ask("private", [], { authorization: `Bearer ${s.owner}` })).text, "7");
  const waiting = Array.from({ length: 3 }, () => s.ask("nap", [600, "a"]).catch(() => {}));
  await until("one waits, and two for it", async () => await s.metric("orochi_procedures_running") === 1 && await s.metric("orochi_procedures_queued") === 2);
  const refused = await s.ask("nap", [0, "b"]);
  assert.equal(refused.status, 503);
  assert.match(refused.text, /procedure\.queue/);
  assert.equal((await s.ask("write", ["reducers go on"])).status, 200);
  assert.equal((await s.ask("private")).status, 404);
  assert.equal(await s.stop(), 0, s.output().slice(-3000));
  await Promise.allSettled(waiting);
});

test("in the main interpreter there are none, which is said at the start", async () => {
  const dir = await folder(), file = join(dir, "grow.py");
  await writeFile(file, HEAD + version(1));
  const { code, text } = await orochi(["run", "--memory", "--listen", "127.0.0.1:0", "--isolation", "main", file]);
  assert.notEqual(code, 0);
  assert.match(text, /has procedures \(nap\).*isolation/);
});
