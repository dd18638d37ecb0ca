// Whole small applications in one module, as two players meet them: a schedule that turns rounds over a secret, accounts that a
// connection opens, and an assistant that is asked over HTTP between two transactions, while a restart comes in between.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { bindings, connect, rows, subscribe } from "./lib/client.mjs";
import { call, cleanFolders, folder, module, serve, until } from "./lib/server.mjs";

const held = [];
const VIEWS = ["round", "name", "my_board", "my_account", "my_chats", "my_lines"].map(name => `SELECT * FROM ${name}`);
let service, flags, server, api, ann, bob;
const reply = (response, history) => response.end(JSON.stringify({ text: `${history.length}: ${history.at(-1)}` }));
const enter = async options => {
  const client = await connect(api, server, "rounds", options);
  await subscribe(client, ...VIEWS);
  return client;
};
const only = table => rows(table)[0];

before(async () => {
  service = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    const history = JSON.parse(body);
    if (history.at(-1) === "fail") response.writeHead(429).end("slow down");
    else if (history.at(-1) === "wait") held.push(() => reply(response, history));
    else reply(response, history);
  });
  await new Promise(done => service.listen(0, "127.0.0.1", done));
  flags = ["--data", join(await folder(), "data"), "--set", "procedure.http=any",
    "--env", `ASSISTANT=http://127.0.0.1:${service.address().port}/`, "--env", "ROUND_MS=700"];
  [server, api] = await Promise.all([serve(module("rounds"), { flags }), bindings(module("rounds"))]);
  [ann, bob] = await Promise.all([enter(), enter()]);
});
after(async () => {
  for (const client of [ann, bob]) client?.conn.disconnect();
  const code = await server?.stop();
  service?.closeAllConnections();
  service?.close();
  await cleanFolders();
  assert.equal(code, 0, server?.output().slice(-5000));
});

/** Waits for a round that is being played, guesses in it, and says of which it was. A round may end in between: then the next. */
async function guessed(client, letter) {
  return until("a guess is taken", async () => {
    const number = only(client.conn.db.round).number;
    try {
      await client.conn.reducers.guess({ letter });
    } catch (error) {
      assert.equal(error.message, "no round");
      return undefined;
    }
    return only(client.conn.db.myBoard)?.number === number && number;
  });
}

test("a round shows each his own board, closes with the word, and the next begins by itself", async () => {
  const boards = new Set();
  bob.conn.db.myBoard.onInsert((_, row) => boards.add(row.masked));
  const seen = [];
  ann.conn.db.round.onUpdate((_, old, row) => seen.push([old.phase.tag, row.phase.tag, row.answer, row.number - old.number, rows(ann.conn.db.myBoard).length]));
  ann.conn.db.myBoard.onInsert((_, row) => seen.masked = row.masked.includes("C") ? row.masked : seen.masked);
  await guessed(ann, "C");
  assert.equal(seen.masked, "__C___");
  await until("two more rounds", () => seen.filter(([, to]) => to === "Active").length >= 2);
  for (const [from, to, answer, step, mine] of seen)
    assert.deepEqual([from, to, answer, step, mine],
      to === "Results" ? ["Active", "Results", "SOCKET", 0n, 0] : ["Results", "Active", undefined, 1n, 1]);
  assert.deepEqual([...boards], ["______"], "another's letters");
  const turned = await call(server, "rounds", "turn", [[0, { Interval: [1] }, 1, { Start: [] }]]);
  assert.deepEqual([turned.status, await turned.text()], [404, "no such reducer: turn"]);
});

test("an account is opened with the connection; what is paid is seen by both, and a refusal by who asked", async () => {
  await ann.conn.reducers.setName({ name: "Ann" });
  await assert.rejects(bob.conn.reducers.setName({ name: "ANN" }), { message: "That name is already in use" });
  await ann.conn.reducers.pay({ to: bob.identity, cents: 1234n });
  assert.equal(only(ann.conn.db.myAccount).cents, 8766n);
  await until("Bob has it", () => only(bob.conn.db.myAccount).cents === 11234n);
  await assert.rejects(ann.conn.reducers.pay({ to: bob.identity, cents: 8767n }), { message: "Insufficient funds" });
  assert.equal(rows(bob.conn.db.myAccount).length, 1);
});

const lines = client => rows(client.conn.db.myLines).sort((a, b) => Number(a.id - b.id)).map(row => `${row.role} ${row.text}`);

test("an assistant answers each in his own chat, and what fails is a line as well", async () => {
  const chat = await ann.conn.procedures.openChat({});
  assert.deepEqual(rows(ann.conn.db.myChats).map(row => row.id), [chat], "a result comes behind what its transaction made of a view");
  for (const text of ["hello", "fail"]) await ann.conn.procedures.ask({ chat, text });
  assert.deepEqual(lines(ann).slice(0, 3), ["user hello", "assistant 1: hello", "user fail"]);
  assert.match(lines(ann)[3], /^assistant error: .*429/);
  assert.equal(only(ann.conn.db.myChats).title, "hello");
  await assert.rejects(bob.conn.procedures.ask({ chat, text: "whose" }), /^not your chat$/);
  assert.deepEqual([lines(bob), rows(bob.conn.db.myChats)], [[], []]);
});

test("a chat that is closed while the assistant thinks is not answered; others play on meanwhile", async () => {
  const chat = await bob.conn.procedures.openChat({});
  const asked = bob.conn.procedures.ask({ chat, text: "wait" });
  await until("the question stands there", () => held.length === 1 && lines(bob).length === 1);
  await guessed(ann, "S");
  await bob.conn.reducers.closeChat({ chat });
  held.pop()();
  await asked;
  assert.deepEqual([lines(bob), rows(bob.conn.db.myChats)], [[], []]);
});

test("after a restart accounts and chats stand there, and the rounds go on from where they were", async () => {
  const before = { number: only(ann.conn.db.round).number, lines: lines(ann) };
  for (const client of [ann, bob]) client.conn.disconnect();
  assert.equal(await server.stop(), 0, server.output().slice(-5000));
  server = await serve(module("rounds"), { flags });
  [ann, bob] = await Promise.all([ann, bob].map(({ token }) => enter({ token })));
  assert.deepEqual([only(ann.conn.db.myAccount).cents, only(bob.conn.db.myAccount).cents], [8766n, 11234n]);
  assert.deepEqual(lines(ann), before.lines);
  const first = only(ann.conn.db.round).number;
  assert.ok(first >= before.number, `${before.number}, then ${first}`);
  await until("the next round", () => only(ann.conn.db.round).number > first);
});
