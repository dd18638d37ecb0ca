// The older protocol, v1.bsatn: what SDKs 1.x say and are told (docs/wire.md#v1).

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { call, callProcedure, oneOff, RawV1, subscribe, subscribeMulti, subscribeSingle, unsubscribe, unsubscribeMulti } from "./lib/raw_v1.mjs";
import { text, u32, u64 } from "./lib/raw.mjs";
import { call as httpCall, cleanFolders, module, serve } from "./lib/server.mjs";

const LINES = 3000; // more than a net thread looks at itself
let server, parity;
before(async () => {
  [server, parity] = await Promise.all([serve(module("batches"), { flags: ["--memory"] }), serve(module("parity"), { flags: ["--memory"] })]);
  assert.equal((await httpCall(server, "batches", "fill", [LINES])).status, 200);
});
after(async () => {
  assert.equal(await server?.stop(), 0, server?.output());
  assert.equal(await parity?.stop(), 0, parity?.output());
  await cleanFolders();
});

async function open(database = "batches", options) {
  const raw = new RawV1(database === "batches" ? server : parity, database, options);
  const [first] = await raw.wait(1);
  assert.equal(first.is, "IdentityToken");
  return Object.assign(raw, { identity: first.identity, token: first.token });
}

const put = (request, name, n, flags) => call(request, "put", Buffer.concat([text(name), u64(n)]), flags);
/** Rows of `mark`: name=n; of `line` n. */
const row = table => bytes => {
  if (table === "line") return `${bytes.readUInt32LE(0)}`;
  const end = 4 + bytes.readUInt32LE(0);
  return `${bytes.subarray(4, end)}=${bytes.readBigUInt64LE(end)}`;
};
const shown = message => message.tables.map(t => {
  assert.equal(t.rows, t.updates.reduce((n, u) => n + u.deletes.length + u.inserts.length, 0), "num_rows is the sum of them");
  return `${t.table} ${t.updates.map(u => [...u.deletes.map(row(t.table)).map(r => `-${r}`), ...u.inserts.map(row(t.table)).map(r => `+${r}`)].join(" ")).join(" | ")}`;
});
const one = name => `SELECT * FROM mark WHERE name = '${name}'`;
const EVEN = "SELECT * FROM line WHERE even = true AND n <> 7"; // by a reader

describe("calls", () => {
  test("the caller is told what it called, with its rows; others have the rows alone", async () => {
    const [ann, bob] = [await open(), await open()];
    assert.equal((await bob.ask(subscribeMulti(1, 1, one("a")))).is, "SubscribeMultiApplied");
    const done = await ann.ask(put(7, "a", 1));
    assert.equal(done.is, "TransactionUpdate");
    assert.deepEqual([done.tables, done.request, done.reducer], [[], 7, "put"]);
    assert.deepEqual([done.args, done.caller], [Buffer.concat([text("a"), u64(1)]), ann.identity]);
    const [, , light] = await bob.wait(3);
    assert.deepEqual([light.is, shown(light)], ["TransactionUpdateLight", ["mark +a=1"]]);
    const own = await bob.ask(put(8, "a", 1));
    assert.deepEqual([own.is, own.request, shown(own)], ["TransactionUpdate", 8, ["mark -a=1 +a=2"]]);
    ann.socket.close();
    bob.socket.close();
  });

  test("failures are told to the caller, as they are meant; pipelined calls are answered in order", async () => {
    const raw = await open("parity");
    raw.send(call(1, "refuse", text("no")));
    raw.send(call(2, "crash", text("no")));
    raw.send(call(3, "nosuch", text("no")));
    raw.send(call(4, "refuse", Buffer.from([1])));
    raw.send(call(5, "nothing"));
    const answers = (await raw.wait(6)).slice(1);
    assert.deepEqual(answers.map(m => [m.is, m.request, m.reducer]), [[1, "refuse"], [2, "crash"], [3, "nosuch"], [4, "refuse"], [5, "nothing"]]
      .map(([request, name]) => ["TransactionUpdate", request, name]));
    assert.equal(answers[0].failed, "no");
    assert.deepEqual(answers[0].args, text("no"));
    assert.match(answers[1].failed, /fatal error/);
    assert.match(answers[2].failed, /no such reducer/);
    assert.match(answers[3].failed, /refuse\.words: malformed/);
    assert.deepEqual([answers[2].args.length, answers[3].args.length], [0, 0], "what never ran has no arguments that anybody could decode");
    assert.deepEqual(answers[4].tables, []);
    raw.socket.close();
  });

  test("who wants no answer has updates alone", async () => {
    const raw = await open();
    raw.send(put(1, "quiet", 1, 1));
    assert.equal((await raw.ask(subscribeMulti(2, 1, one("quiet")))).is, "SubscribeMultiApplied", "nothing came of the call");
    const news = await raw.ask(put(3, "quiet", 1, 1));
    assert.deepEqual([news.is, shown(news)], ["TransactionUpdateLight", ["mark -quiet=1 +quiet=2"]]);
    const failed = await raw.ask(call(4, "nosuch", Buffer.alloc(0), 1));
    assert.match(failed.failed, /no such reducer/);
    raw.socket.close();
  });

  test("procedures return, or say why not", async () => {
    const raw = await open("parity");
    const sum = await raw.ask(callProcedure(1, "sum_of", Buffer.concat([u32(2), u32(40)])));
    assert.deepEqual([sum.is, sum.request, sum.returned], ["ProcedureResult", 1, u32(42)]);
    const none = await raw.ask(callProcedure(2, "nosuch"));
    assert.deepEqual([none.request, none.failed], [2, "No such procedure"]);
    raw.socket.close();
  });
});

describe("subscriptions", () => {
  test("equal queries of a connection count once, and its last set takes the rows away", async () => {
    const [raw, other] = [await open(), await open()];
    await other.ask(put(1, "b", 5));
    assert.deepEqual(shown(await raw.ask(subscribeMulti(1, 10, one("b"), `${one("b")} `))), ["mark +b=5"]);
    assert.deepEqual(shown(await raw.ask(subscribeMulti(2, 20, one("b"), "SELECT * FROM mark WHERE n = 5"))), ["mark +b=5"]);
    const single = await raw.ask(subscribeSingle(3, 30, one("b")));
    assert.deepEqual([single.is, single.id, shown(single)], ["SubscribeApplied", 30, ["mark +b=5"]], "a single one has its rows always");
    other.send(put(2, "b", 1));
    const news = (await raw.wait(5))[4];
    assert.deepEqual(news.tables.map(t => t.table), ["mark"]);
    assert.deepEqual(shown(news)[0].slice(5).split(" | ").sort(), ["-b=5", "-b=5 +b=6"], "once for each query");
    assert.deepEqual(shown(await raw.ask(unsubscribeMulti(4, 10))), []);
    assert.deepEqual(shown(await raw.ask(unsubscribe(5, 30))), ["mark "], "others have it still");
    assert.deepEqual(shown(await raw.ask(unsubscribeMulti(6, 20))), ["mark -b=6", "mark "]);
    const gone = await raw.ask(unsubscribeMulti(7, 20));
    assert.deepEqual([gone.is, gone.request, gone.id], ["SubscriptionError", 7, 20]);
    assert.deepEqual(shown(await raw.ask(subscribeMulti(8, 20, one("b")))), ["mark +b=6"], "the id is free, and nothing is held any more");
    raw.socket.close();
    other.socket.close();
  });

  test("the same of what is read by readers", async () => {
    const raw = await open();
    const first = await raw.ask(subscribeMulti(1, 1, EVEN));
    assert.deepEqual([first.tables[0].rows, first.tables[0].updates[0].inserts.length], [LINES / 2, LINES / 2]);
    assert.deepEqual((await raw.ask(subscribeMulti(2, 2, EVEN))).tables, []);
    const single = await raw.ask(subscribeSingle(3, 3, EVEN));
    assert.equal(single.tables[0].rows, LINES / 2);
    assert.deepEqual((await raw.ask(unsubscribeMulti(4, 1))).tables, []);
    assert.equal((await raw.ask(unsubscribe(5, 3))).tables[0].rows, 0);
    const last = await raw.ask(unsubscribeMulti(6, 2));
    assert.deepEqual([last.tables[0].rows, last.tables[0].updates[0].deletes.length], [LINES / 2, LINES / 2]);
    const initial = await raw.ask(subscribe(7, EVEN, one("none")));
    assert.deepEqual([initial.is, initial.request, initial.tables[0].rows], ["InitialSubscription", 7, LINES / 2]);
    raw.socket.close();
  });

  test("a legacy Subscribe replaces the earlier one, if it is granted, and nothing else", async () => {
    const raw = await open();
    await raw.ask(subscribeMulti(1, 1, one("m")));
    assert.deepEqual(shown(await raw.ask(subscribe(2, one("x"), one("y")))), ["mark ", "mark "]);
    assert.deepEqual(shown(await raw.ask(put(3, "x", 1))), ["mark +x=1"]);
    const initial = await raw.ask(subscribe(4, one("y"), one("x")));
    assert.deepEqual([initial.is, initial.request, shown(initial)], ["InitialSubscription", 4, ["mark ", "mark +x=1"]], "all of it is there again");
    const refused = await raw.ask(subscribe(5, "SELECT * FROM nothing"));
    assert.deepEqual([refused.is, refused.request, refused.id], ["SubscriptionError", 5, null]);
    assert.deepEqual(shown(await raw.ask(put(6, "y", 1))), ["mark +y=1"], "the earlier one goes on");
    assert.deepEqual((await raw.ask(subscribe(7))).tables, []);
    assert.deepEqual((await raw.ask(put(8, "y", 1))).tables, [], "it is replaced by nothing");
    assert.deepEqual(shown(await raw.ask(put(9, "m", 1))), ["mark +m=1"]);
    raw.socket.close();
  });

  test("what is refused leaves its id free, and says why", async () => {
    const raw = await open();
    const bad = await raw.ask(subscribeMulti(1, 1, one("a"), "SELECT * FROM nothing"));
    assert.deepEqual([bad.is, bad.request, bad.id, bad.table], ["SubscriptionError", 1, 1, null]);
    assert.match(bad.error, /no such table: `nothing`/);
    assert.equal((await raw.ask(subscribeMulti(3, 1, one("p"), one("q")))).is, "SubscribeMultiApplied");
    assert.match((await raw.ask(subscribeSingle(4, 1, one("p")))).error, /already exists/);
    assert.match((await raw.ask(unsubscribe(5, 1))).error, /UnsubscribeMulti/);
    assert.equal((await raw.ask(unsubscribeMulti(6, 1))).is, "UnsubscribeMultiApplied", "it was still there");
    assert.deepEqual((await raw.ask(subscribeMulti(7, 0))).tables, []);
    raw.socket.close();
  });

  test("event tables need v2", async () => {
    const raw = await open();
    for (const message of [subscribeMulti(1, 1, "SELECT * FROM blow"), subscribeSingle(2, 1, "SELECT * FROM blow"), subscribe(3, "SELECT * FROM blow")]) {
      const refused = await raw.ask(message);
      assert.equal(refused.is, "SubscriptionError");
      assert.match(refused.error, /websocket protocol v2: upgrade/);
    }
    raw.socket.close();
  });

  test("all tables at once are without those of events, and more than one query", async () => {
    const raw = await open("parity");
    assert.match((await raw.ask(subscribeSingle(1, 1, "SELECT * FROM *"))).error, /subscriptions of one query/);
    const everything = (await raw.ask(subscribeMulti(2, 1, "SELECT * FROM *"))).tables.map(t => t.table);
    assert.ok(!everything.includes("blow") && everything.includes("hero"), `${everything}`);
    raw.socket.close();
  });

  test("one-off queries, small and large", async () => {
    const raw = await open();
    await raw.ask(put(1, "once", 3));
    const found = await raw.ask(oneOff("id", one("once")));
    assert.deepEqual([found.is, found.id, found.error, found.tables.map(t => [t.table, t.rows.map(row("mark"))])], ["OneOffQueryResponse", "id", null, [["mark", ["once=3"]]]]);
    assert.equal((await raw.ask(oneOff("large", EVEN))).tables[0].rows.length, LINES / 2);
    const bad = await raw.ask(oneOff("bad", "SELECT * FROM nothing"));
    assert.deepEqual([bad.id, bad.tables], ["bad", []]);
    assert.match(bad.error, /no such table/);
    raw.socket.close();
  });
});

test("what cannot be decoded ends the connection with 1011", async () => {
  for (const bytes of [Buffer.from([9]), call(1, "put", Buffer.alloc(0), 2), unsubscribeMulti(1, 0xffffffff), Buffer.alloc(0)]) {
    const raw = await open();
    raw.send(bytes);
    assert.equal(await raw.closed, 1011);
  }
});
