// Answers in the order of requests whatever a frame holds, and what becomes of a client's requests when it hurries or leaves.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { call, oneOff, Raw, subscribe, TAG, text, u32, u64, unsubscribe } from "./lib/raw.mjs";
import { call as httpCall, cleanFolders, module, serve, sql, timed, until } from "./lib/server.mjs";

let server;
before(async () => (server = await serve(module("busy"), { flags: ["--memory", "--set", "net.incoming_limit=100"] })));
after(async () => {
  assert.equal(await server.stop(), 0, server.output());
  await cleanFolders();
});

const put = (request, name, n = 1) => call(request, "put", Buffer.concat([text(name), u64(n)]));
const slow = (request, ms) => call(request, "slow", u32(ms));
const of = async name => (await sql(server, "busy", `SELECT n FROM tally WHERE name = '${name}'`))[0]?.n ?? 0;
const there = async () => { // clients, this request among them
  const rows = await sql(server, "busy", "SELECT * FROM tally"), n = name => rows.find(row => row.name === name)?.n ?? 0;
  return n("came") - n("left");
};
const tally = name => `SELECT * FROM tally WHERE name = '${name}'`;
const open = async (options = {}) => {
  const raw = new Raw(server, "busy", options);
  await raw.wait(1, TAG.INITIAL);
  return raw;
};
const value = message => Number(message.tables[0].rows.readBigUInt64LE(message.tables[0].rows.length - 8));

describe("order", () => {
  test("one v3 frame with everything in it", async () => {
    const raw = await open();
    raw.send(put(1, "mix"), subscribe(2, 7, tally("mix")), put(3, "mix"), call(4, "nonsense"), oneOff(5, tally("mix")),
      subscribe(6, 8, "SELECT nonsense"), unsubscribe(7, 7, true), put(8, "mix"), oneOff(9, tally("mix")), unsubscribe(10, 7),
      oneOff(11, "SELECT * FROM nothing"), put(12, "mix"));
    const answers = await raw.wait(13);
    assert.deepEqual(answers.slice(1).map(m => [m.tag, m.request]), [
      [TAG.RESULT, 1], [TAG.SUBSCRIBED, 2], [TAG.RESULT, 3], [TAG.RESULT, 4], [TAG.ONE_OFF, 5], [TAG.SUBSCRIPTION_ERROR, 6],
      [TAG.UNSUBSCRIBED, 7], [TAG.RESULT, 8], [TAG.ONE_OFF, 9], [TAG.SUBSCRIPTION_ERROR, 10], [TAG.ONE_OFF, 11], [TAG.RESULT, 12]]);
    const by = Object.fromEntries(answers.slice(1).map(m => [m.request, m]));
    assert.equal(value(by[2]), 1);
    assert.equal(by[3].sets[0].set, 7, "the caller's rows are in its result");
    assert.match(by[4].text, /no such reducer/);
    assert.equal(value(by[5]), 2);
    assert.equal(value(by[7]), 2);
    assert.equal(by[8].sets?.length ?? 0, 0, "unsubscribed before");
    assert.equal(value(by[9]), 3);
    assert.ok(by[11].text);
    raw.socket.close();
  });

  test("v2 answers each message in a frame of its own, and ignores what follows a message", async () => {
    const raw = await open({ protocol: "v2" });
    for (let i = 0; i < 50; i++) raw.send(i % 5 ? put(i, "two") : oneOff(i, tally("two")), Buffer.from("trailing"));
    const answers = await raw.wait(51);
    assert.deepEqual(answers.slice(1).map(m => m.request), Array.from({ length: 50 }, (_, i) => i));
    assert.equal(raw.frames, 51);
    assert.equal(await of("two"), 40);
    raw.socket.close();
  });

  test("what is sent before the connection is let in is answered after InitialConnection", async () => {
    await httpCall(server, "busy", "put", ["slow to let in", 100]);
    const raw = new Raw(server, "busy");
    await raw.opened;
    raw.send(oneOff(1, tally("early")), put(2, "early"));
    raw.send(subscribe(3, 1, tally("early")));
    const answers = await raw.wait(4);
    assert.deepEqual(answers.map(m => m.tag), [TAG.INITIAL, TAG.ONE_OFF, TAG.RESULT, TAG.SUBSCRIBED]);
    await httpCall(server, "busy", "take", ["slow to let in"]);
    raw.socket.close();
  });

  test("a frame with more calls than may wait is answered to its end, in order", async () => {
    const raw = await open();
    const n = 3000;
    raw.send(...Array.from({ length: n }, (_, i) => (i % 1000 === 999 ? oneOff(i, tally("many")) : put(i, "many"))));
    const answers = (await raw.wait(n + 1)).slice(1);
    assert.deepEqual(answers.map(m => m.request), Array.from({ length: n }, (_, i) => i));
    assert.equal(value(answers[999]), 999);
    assert.equal(await of("many"), 2997);
    raw.socket.close();
  });

  test("one who sends much faster than it is served is made to wait, and others are not", async () => {
    const raw = await open();
    const frames = 300, filler = oneOff(9, `SELECT * FROM tally WHERE name = '${"x".repeat(2000)}'`);
    raw.send(slow(1, 300));
    for (let i = 0; i < frames; i++) raw.send(filler, put(2, "flood"));
    const { result: other, ms } = await timed(async () => {
      const come = await open();
      come.send(put(1, "other"));
      await come.wait(1, TAG.RESULT);
      return come;
    });
    assert.ok(ms < 5000, `${ms} ms`);
    await raw.wait(frames + 1, TAG.RESULT);
    assert.equal(await of("flood"), frames);
    raw.socket.close();
    other.socket.close();
  });
});

describe("coming and going", () => {
  test("the first calls that were sent run although their client has left, and no more", async () => {
    const came = await of("came");
    let ran;
    for (let round = 0; round < 5 && !(ran <= 8); round++) { // the slow call may be over first on a busy machine
      const name = `gone ${round}`, clients = await there();
      const raw = new Raw(server, "busy");
      await raw.opened;
      raw.send(slow(1, 50 << round), subscribe(2, 1, tally(name)), put(3, name));
      raw.send(...Array.from({ length: 400 }, (_, i) => put(4 + i, name)));
      raw.socket.close();
      await until("they run", async () => (await of(name)) > 0);
      await until("it has left", async () => (await there()) === clients);
      ran = await of(name); // eight calls in all, the slow one among them if it had not begun
    }
    assert.ok(ran === 7 || ran === 8, `${ran} have run`);
    assert.ok((await of("came")) > came);
  });

  test("what a game asks for when it leaves is done before client_disconnected", async () => {
    const raw = await open();
    raw.send(put(1, "bye"), put(2, "bye"), put(3, "bye"));
    raw.socket.close(1000);
    await until("all three have run", async () => (await of("bye")) === 3);
  });

  for (const [how, end] of [["a Close that tells of an error", raw => raw.socket.close(4001)],
    ["a socket that breaks", raw => raw.break()]])
    test(`${how}: what had not begun is dropped`, async () => {
      let ran;
      for (let round = 0; round < 5 && ran !== 0; round++) { // the slow call may be over first on a busy machine
        const name = `dropped by ${how} ${round}`, clients = await there();
        const raw = await open();
        raw.send(slow(1, 10), slow(2, 500), ...Array.from({ length: 50 }, (_, i) => put(3 + i, name)));
        await raw.wait(1, TAG.RESULT);
        end(raw);
        await until("it has left", async () => (await there()) === clients);
        ran = await of(name);
      }
      assert.equal(ran, 0);
    });

  test("connections that end before they are let in come and go all the same, once each", async () => {
    await httpCall(server, "busy", "put", ["slow to let in", 20]);
    const raws = Array.from({ length: 10 }, () => new Raw(server, "busy"));
    await Promise.all(raws.map(raw => raw.opened));
    raws.forEach(raw => raw.socket.close());
    await Promise.all(raws.map(raw => raw.closed));
    await httpCall(server, "busy", "take", ["slow to let in"]);
    // Each request here comes and goes too; between its two calls the difference is one.
    await until("they are as many as left", async () => {
      const rows = await sql(server, "busy", "SELECT * FROM tally");
      const n = name => rows.find(row => row.name === name)?.n ?? 0;
      return n("came") - n("left") === 1;
    });
  });

  test("one that is refused is told why, runs nothing and does not leave", async () => {
    const guard = await open();
    guard.send(put(1, "closed"));
    await guard.wait(1, TAG.RESULT);
    const left = Number((await oneTally(guard, "left")) ?? 0);
    const raw = new Raw(server, "busy");
    await raw.opened;
    raw.send(put(1, "refused"), subscribe(2, 1, tally("x")));
    assert.equal(await raw.closed, 1008);
    assert.equal(raw.messages.length, 0);
    const http = await httpCall(server, "busy", "put", ["refused", 1]);
    assert.equal(http.status, 403);
    assert.equal(await http.text(), "closed today");
    assert.match(http.headers.get("spacetime-identity"), /^c200/);
    const query = await fetch(`${server.url}/v1/database/busy/sql`, { method: "POST", body: "SELECT * FROM tally" });
    assert.equal(query.status, 403);
    assert.equal(Number(await oneTally(guard, "left")), left);
    guard.send(call(9, "take", text("closed")));
    await guard.wait(2, TAG.RESULT);
    assert.equal(await of("refused"), 0);
    guard.socket.close();
  });

  test("two connections of one identity are two clients", async () => {
    const first = await open();
    const token = first.messages[0].token;
    const second = await open({ token });
    second.send(subscribe(1, 1, tally("pair")));
    await second.wait(1, TAG.SUBSCRIBED);
    first.send(put(1, "pair"));
    await second.wait(1, TAG.UPDATE);
    first.socket.close();
    await first.closed;
    second.send(put(2, "pair"));
    await second.wait(1, TAG.RESULT);
    second.socket.close();
  });

  test("client_disconnected that fails cannot keep its client", async () => {
    await httpCall(server, "busy", "put", ["falter", 1]);
    const raw = await open();
    raw.socket.close();
    await raw.closed;
    await until("it has stumbled", () => /client_disconnected stumbles/.test(server.output()));
    const guard = await open();
    guard.send(call(1, "take", text("falter")));
    await guard.wait(1, TAG.RESULT);
    guard.socket.close();
  });

  test("requests leave nothing behind in the server", async () => {
    const resident = async () =>
      Number(/^orochi_process_resident_bytes (\d+)/m.exec(await (await fetch(`${server.url}/v1/metrics`)).text())[1]);
    const body = "SELECT * FROM tally WHERE name = 'nobody'";
    const one = async () => (await fetch(`${server.url}/v1/database/busy/sql`, { method: "POST", body })).text();
    const some = async n => { for (let i = 0; i < n; i += 20) await Promise.all(Array.from({ length: 20 }, one)); };
    await some(500);
    const before = await resident();
    await some(3000); // what one leaves behind would be some 3 KB
    const grown = (await resident()) - before;
    if (!process.env.ASAN_OPTIONS) assert.ok(grown < 4 << 20, `${grown} bytes`); // sanitizers keep what was freed
  });
});

async function oneTally(raw, name) {
  const had = raw.messages.filter(m => m.tag === TAG.ONE_OFF).length;
  raw.send(oneOff(1000 + had, tally(name)));
  const answer = (await raw.wait(had + 1, TAG.ONE_OFF)).at(-1);
  return answer.tables[0].rows.length ? value(answer) : undefined;
}
