// Several query sets in one message (SubscribeBatch, docs/wire.md#client-messages): one state for all, an outcome for each.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { call, Raw, subscribe, subscribeBatch, TAG, text, u32, u64, unsubscribe } from "./lib/raw.mjs";
import { call as httpCall, cleanFolders, module, serve } from "./lib/server.mjs";

const ROWS = 3000; // more than a net thread looks at itself
let server;
before(async () => {
  server = await serve(module("batches"), { flags: ["--memory", "--set", "query.client_queries=12"] });
  assert.equal((await httpCall(server, "batches", "fill", [ROWS])).status, 200);
});
after(async () => {
  assert.equal(await server?.stop(), 0, server?.output());
  await cleanFolders();
});

const open = async options => {
  const raw = new Raw(server, "batches", options);
  await raw.wait(1, TAG.INITIAL);
  return raw;
};
const put = (request, name, n) => call(request, "put", Buffer.concat([text(name), u64(n)]));
const answered = async (raw, request) => {
  await raw.wait(1, TAG.BATCH);
  return (await raw.wait(raw.messages.filter(m => m.tag === TAG.BATCH).length, TAG.BATCH)).find(m => m.request === request);
};
const shown = message => message.sets.map(s => [s.set, s.error === undefined ? s.tables.map(t => t.table) : "refused"]);
const one = name => `SELECT * FROM mark WHERE name = '${name}'`;
const MANY = "SELECT * FROM line WHERE even = true AND n <> 7"; // by a reader

for (const protocol of ["v2", "v3"])
  describe(protocol, () => {
    test("each set has an outcome, in the order of the request", async () => {
      const raw = await open({ protocol });
      raw.send(put(1, "a", 1));
      await raw.wait(1, TAG.RESULT);
      raw.send(subscribe(2, 7, one("a")));
      await raw.wait(1, TAG.SUBSCRIBED);
      raw.send(subscribeBatch(3, [5, one("a"), "SELECT * FROM mark WHERE n = 99"], [6, "SELECT * FROM nothing"], [7, one("a")], [8], [5, one("a")],
        [6, one("a"), one("a")]));
      const answer = await answered(raw, 3);
      assert.deepEqual(shown(answer), [[5, ["mark", "mark"]], [6, "refused"], [7, "refused"], [8, []], [5, "refused"], [6, ["mark"]]]);
      assert.equal(answer.sets[0].tables[0].rows.length, 13);
      assert.match(answer.sets[1].error, /no such table: `nothing`/);
      assert.match(answer.sets[2].error, /Subscription with id 7 already exists/);
      assert.match(answer.sets[4].error, /Subscription with id 5 already exists/);
      raw.send(put(4, "a", 1));
      const { sets } = (await raw.wait(2, TAG.RESULT))[1];
      assert.deepEqual(sets.map(s => s.set), [5, 6, 7], "the refused ones are not subscribed, the others are");
      raw.send(unsubscribe(5, 5, true));
      assert.equal((await raw.wait(1, TAG.UNSUBSCRIBED))[0].tables.length, 2);
      raw.send(subscribe(6, 5, one("a")), Buffer.alloc(0));
      assert.equal((await raw.wait(2, TAG.SUBSCRIBED))[1].set, 5, "the id is free again");
      raw.socket.close();
    });

    test("a batch of nothing, and one in which all fail", async () => {
      const raw = await open({ protocol });
      raw.send(subscribeBatch(1));
      raw.send(subscribeBatch(2, [1, "SELECT nonsense"], [2, ""]));
      const [nothing, bad] = await raw.wait(2, TAG.BATCH);
      assert.deepEqual(nothing.sets, []);
      assert.deepEqual(shown(bad), [[1, "refused"], [2, "refused"]]);
      raw.socket.close();
    });

    test("what is too much for the net thread has the same form", async () => {
      const raw = await open({ protocol });
      raw.send(subscribe(1, 3, one("a")));
      raw.send(subscribeBatch(2, [1, MANY], [2, "SELECT * FROM nothing"], [3, one("a")], [4, one("b"), MANY], [1, MANY], [5], [6, "SELECT * FROM blow"]));
      const answer = await answered(raw, 2);
      assert.deepEqual(shown(answer), [[1, ["line"]], [2, "refused"], [3, "refused"], [4, ["mark", "line"]], [1, "refused"], [5, []], [6, []]]);
      assert.equal(answer.sets[0].tables[0].rows.length, ROWS / 2 * 9);
      raw.send(call(3, "turn", u32(8)));
      const { sets } = (await raw.wait(1, TAG.RESULT))[0];
      assert.deepEqual(sets.map(s => s.set), [1, 4]);
      raw.send(call(4, "turn", u32(8)));
      await raw.wait(2, TAG.RESULT);
      raw.socket.close();
    });

    test("one that is beyond the client's limit leaves the others, as long as nothing of it is on its way", async () => {
      const raw = await open({ protocol });
      const names = Array.from({ length: 13 }, (_, i) => one(`limit ${i}`));
      raw.send(subscribeBatch(1, [1, one("a")], [2, ...names], [3, one("b")]));
      assert.deepEqual(shown(await answered(raw, 1)), [[1, ["mark"]], [2, "refused"], [3, ["mark"]]]);
      raw.send(unsubscribe(2, 1), Buffer.alloc(0));
      await raw.wait(1, TAG.UNSUBSCRIBED);
      raw.send(subscribeBatch(3, [1, MANY], [2, ...names]));
      const { sets } = (await raw.wait(2, TAG.BATCH))[1];
      assert.ok(sets.every(s => /too many subscriptions/.test(s.error)), "as a whole: each set has the error");
      raw.send(subscribeBatch(4, [1, MANY], [2, one("a")]));
      assert.deepEqual(shown((await raw.wait(3, TAG.BATCH))[2]), [[1, ["line"]], [2, ["mark"]]], "and nothing of it is kept");
      raw.socket.close();
    });

    test("views are there; one that raises is the error of every set", async () => {
      const raw = await open({ protocol });
      raw.send(put(1, "seen", 3));
      raw.send(subscribeBatch(2, [1, "SELECT * FROM large_marks"], [2, "SELECT * FROM large_marks", one("seen")]));
      assert.deepEqual(shown(await answered(raw, 2)), [[1, ["large_marks"]], [2, ["large_marks", "mark"]]]);
      raw.send(unsubscribe(3, 1));
      raw.send(put(4, "seen", 1));
      const results = await raw.wait(2, TAG.RESULT);
      assert.deepEqual(results[1].sets.map(s => [s.set, s.tables.map(t => t.table)]), [[2, ["large_marks", "mark"]]], "each set holds its views");
      raw.send(subscribeBatch(5, [3, one("a")], [4, "SELECT * FROM broken"]));
      const { sets } = (await raw.wait(2, TAG.BATCH))[1];
      assert.equal(sets.length, 2);
      assert.ok(sets.every(s => /Internal error evaluating queries/.test(s.error)));
      raw.socket.close();
    });

    test("updates that come meanwhile stand before or behind, never both", async () => {
      const raw = await open({ protocol }), other = await open({ protocol });
      for (let i = 0; i < 30; i++) other.send(call(i, "turn", u32(i)));
      for (let i = 0; i < 5; i++) raw.send(subscribeBatch(i, [i, MANY]));
      for (let i = 30; i < 60; i++) other.send(call(i, "turn", u32(i)));
      const answers = await raw.wait(5, TAG.BATCH);
      await other.wait(60, TAG.RESULT);
      raw.send(unsubscribe(9, 4, true));
      const dropped = (await raw.wait(1, TAG.UNSUBSCRIBED))[0];
      let rows = answers[4].sets[0].tables[0].rows.length / 9;
      for (const m of raw.messages.slice(raw.messages.indexOf(answers[4])).filter(m => m.tag === TAG.UPDATE))
        for (const t of m.sets.find(s => s.set === 4)?.tables ?? [])
          for (const r of t.rows) rows += (r.inserts.length - r.deletes.length) / 9;
      assert.equal(rows, dropped.tables[0].rows.length / 9);
      for (let i = 0; i < 60; i++) other.send(call(100 + i, "turn", u32(i)));
      await other.wait(120, TAG.RESULT);
      raw.socket.close();
      other.socket.close();
    });

    test("too many sets, and a message that is cut, close the connection", async () => {
      const many = await open({ protocol }), cut = await open({ protocol });
      many.send(subscribeBatch(1, ...Array.from({ length: 4097 }, (_, i) => [i])));
      cut.send(subscribeBatch(1, [1, one("a")]).subarray(0, 20));
      assert.equal(await many.closed, 1011);
      assert.equal(await cut.closed, 1011);
    });

    test("as many as may be", async () => {
      const raw = await open({ protocol });
      raw.send(subscribeBatch(1, ...Array.from({ length: 4096 }, (_, i) => [i])));
      const { sets } = await answered(raw, 1);
      assert.equal(sets.length, 4096);
      assert.ok(sets.every((s, i) => s.set === i && s.tables.length === 0));
      raw.socket.close();
    });
  });
