// What takes long to read is read on other threads: order and transactions stay whole, others are served, and whoever leaves,
// reloads or stops meanwhile is not kept.

import assert from "node:assert/strict";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { Raw, TAG, call as message, oneOff, subscribe, u64, unsubscribe } from "./lib/raw.mjs";
import { cleanFolders, folder, module, serve as serveWith, sql, until } from "./lib/server.mjs";

after(cleanFolders);
const db = "accounts";
const ROWS = 50_000, SUM = ROWS * 100;
const ALL = "SELECT * FROM account";

/** Looks at every row with so many terms that it takes long, and finds those below `n`. */
const slow = (n, salt = 0) =>
  `SELECT * FROM account WHERE ${Array.from({ length: 100 }, (_, i) => `balance > ${1_000_000_000 + i + salt}`).join(" OR ")} OR id < ${n}`;
const SLOW_FLAGS = ["--set", "query.max_steps=1000000000000"];
const serve = (path, { flags }) => serveWith(path, { flags: [...flags, "--set", "reducer.timeout_ms=60000"] });
const post = (server, query) => fetch(`${server.url}/v1/database/${db}/sql`, { method: "POST", body: query });

/** Moves amounts without a pause until it is told to end. */
function churn(server, count) {
  let on = true;
  const one = async seed => {
    const c = new Raw(server, db);
    await c.opened;
    let sent = 0;
    while (on) {
      for (let i = 0; i < 20; i++) {
        seed = (seed * 1103515245 + 12345) % 2147483648;
        // A few rows get most of it, so that one row changes often while others are read.
        const a = seed % 7 === 0 ? seed % ROWS : seed % 50, b = (seed >> 8) % (seed % 3 === 0 ? ROWS : 50);
        c.send(message(sent++, "move", Buffer.concat([u64(a), u64(b), u64(1 + seed % 5)])));
      }
      await c.wait(sent, TAG.RESULT);
    }
    c.socket.close();
  };
  const all = Promise.all(Array.from({ length: count }, (_, i) => one(17 + i)));
  return { end: () => { on = false; return all; } };
}

/** A cache for each query set, that minds what a client may rely on: no row twice, none deleted that is not there, and after
 *  every message the same state of the world in every set. */
class Cache {
  constructor() { this.sets = new Map(); this.seen = 0; }

  rows(bytes) {
    const out = [];
    for (let i = 0; i < bytes.length; i += 16) out.push([Number(bytes.readBigUInt64LE(i)), Number(bytes.readBigInt64LE(i + 8))]);
    return out;
  }

  apply(set, { inserts, deletes }) {
    const rows = this.sets.get(set);
    assert.ok(rows, `an update for set ${set}, which has not begun or has ended`);
    for (const [id, balance] of this.rows(deletes)) {
      assert.equal(rows.get(id), balance, `set ${set}: deleted row ${id}`);
      rows.delete(id);
      rows.sum -= balance;
    }
    for (const [id, balance] of this.rows(inserts)) {
      assert.ok(!rows.has(id), `set ${set}: row ${id} inserted twice`);
      rows.set(id, balance);
      rows.sum += balance;
    }
  }

  take(m) {
    if (m.tag === TAG.SUBSCRIBED) {
      const rows = new Map(this.rows(m.tables[0].rows));
      rows.sum = [...rows.values()].reduce((a, b) => a + b, 0);
      this.sets.set(m.set, rows);
    } else if (m.tag === TAG.UNSUBSCRIBED) {
      if (m.tables) assert.deepEqual(new Map(this.rows(m.tables[0].rows)), new Map(this.sets.get(m.set)));
      this.sets.delete(m.set);
    }
    for (const { set, tables } of m.sets ?? []) for (const { rows } of tables) for (const one of rows) this.apply(set, one);
    for (const [set, rows] of this.sets) assert.equal(rows.sum, SUM, `set ${set} is not one state after message ${this.seen} (${m.tag})`);
    const [first, ...others] = this.sets.values();
    if (m.tag === TAG.SUBSCRIBED || m.tag === TAG.UNSUBSCRIBED || this.seen % 1000 === 0)
      for (const other of others) for (const [id, balance] of first) assert.equal(other.get(id), balance, `row ${id} in two sets`);
    this.seen++;
  }

  async follow(client, n, ...tags) {
    await client.wait(n, ...tags);
    while (this.next(client));
  }

  next(client) {
    if (this.seen >= client.messages.length) return false;
    this.take(client.messages[this.seen]);
    return true;
  }
}

for (const [what, flags, options] of [
  ["in memory", ["--memory"], {}],
  ["that wait for the disk", [], {}],
  ["over v2, unconfirmed", ["--workers", "2"], { protocol: "v2", query: "&confirmed=false" }],
]) {
  test(`subscriptions under constant commits, ${what}, see one order`, async () => {
    const dir = await folder();
    const server = await serve(module("accounts"), { flags: [...flags, "--data", join(dir, "data")] });
    const work = churn(server, 1);
    const cache = new Cache(), client = new Raw(server, db, options);
    await client.opened;
    let asked = 0;
    for (let round = 0; round < 6; round++) {
      const [a, b] = [2 * round, 2 * round + 1];
      for (const m of [subscribe(100 + a, a, ALL), subscribe(100 + b, b, `SELECT * FROM account WHERE id >= 0`)]) client.send(m);
      await cache.follow(client, asked + 2, TAG.SUBSCRIBED);
      client.send(oneOff(500 + round, ALL));
      client.send(message(600 + round, "move", Buffer.concat([u64(round), u64(round + 1), u64(1)])));
      await cache.follow(client, round + 1, TAG.RESULT);
      const one = client.messages.filter(m => m.tag === TAG.ONE_OFF)[round];
      assert.equal(cache.rows(one.tables[0].rows).reduce((sum, [, balance]) => sum + balance, 0), SUM);
      if (round % 2 === 1) for (const set of [a - 2, b - 2]) client.send(unsubscribe(700 + set, set, true));
      await cache.follow(client, 2 * Math.floor((round + 1) / 2), TAG.UNSUBSCRIBED);
      asked += 2;
    }
    await work.end();
    client.send(message(999, "move", Buffer.concat([u64(1), u64(2), u64(1)])));
    await cache.follow(client, 7, TAG.RESULT);
    const rows = await sql(server, db, ALL);
    for (const cached of cache.sets.values()) {
      assert.equal(cached.size, ROWS);
      for (const { id, balance } of rows) assert.equal(cached.get(Number(id)), Number(balance), `row ${id}`);
    }
    client.socket.close();
    await server.stop();
  });
}

test("others are served while queries run that take long", async () => {
  const server = await serve(module("accounts"), { flags: ["--memory", ...SLOW_FLAGS] });
  let done = 0;
  const hostile = Array.from({ length: 8 }, async (_, i) => {
    const answer = await post(server, slow(3, i));
    assert.equal(answer.status, 200, await answer.clone().text());
    assert.equal((await answer.json())[0].rows.length, 3);
    done++;
  });
  const sockets = Array.from({ length: 8 }, async (_, i) => {
    const c = new Raw(server, db);
    await c.opened;
    c.send(i % 2 ? subscribe(1, 1, slow(2, i)) : oneOff(1, slow(2, i)), subscribe(2, 2, "SELECT * FROM account WHERE id = 9"));
    await c.wait(i % 2 ? 2 : 1, TAG.SUBSCRIBED);
    assert.equal(c.messages[1].tables[0].rows.length, 32); // the answers keep their order
    assert.equal(c.messages[2].tables[0].rows.length, 16);
    done++;
    c.socket.close();
  });
  const player = new Raw(server, db);
  await player.opened;
  for (let i = 0; i < 100; i++) {
    player.send(message(i, "move", Buffer.concat([u64(i), u64(i + 1), u64(1)])), oneOff(1000 + i, `SELECT * FROM account WHERE id = ${i}`));
    await player.wait(i + 1, TAG.ONE_OFF);
  }
  assert.ok(done < 16, "a hundred small calls came after all of them");
  await Promise.all([...hostile, ...sockets]);
  player.socket.close();
  await server.stop();
});

test("who leaves is not read for any longer", async () => {
  const server = await serve(module("accounts"), { flags: ["--memory", ...SLOW_FLAGS] });
  for (let i = 0; i < 20; i++) {
    const c = new Raw(server, db);
    await c.opened;
    c.send(i % 3 === 0 ? oneOff(1, slow(1, i)) : subscribe(1, 1, i % 3 === 1 ? slow(1, i) : ALL), subscribe(2, 2, ALL));
    if (i % 2) await new Promise(done => setTimeout(done, i));
    c.socket.close();
    const gone = new AbortController();
    const asked = fetch(`${server.url}/v1/database/${db}/sql`, { method: "POST", body: slow(1, i), signal: gone.signal });
    setTimeout(() => gone.abort(), i);
    await asked.catch(() => {});
  }
  assert.equal((await (await post(server, slow(5))).json())[0].rows.length, 5);
  await until("nobody is subscribed", async () =>
    /^orochi_subscriptions 0$/m.test(await (await fetch(`${server.url}/v1/metrics`)).text()));
  await server.stop();
});

test("a reload does not wait for queries, and they are answered all the same", async () => {
  const dir = await folder(), file = join(dir, "accounts.py");
  await copyFile(module("accounts"), file);
  const server = await serve(file, { flags: ["--memory", ...SLOW_FLAGS] });
  const cache = new Cache(), client = new Raw(server, db);
  await client.opened;
  client.send(subscribe(1, 1, ALL));
  await cache.follow(client, 1, TAG.SUBSCRIBED);
  const work = churn(server, 1);
  const text = await readFile(file, "utf8");
  for (let round = 0; round < 3; round++) {
    const asked = Array.from({ length: 4 }, (_, i) => post(server, slow(3, i)));
    client.send(subscribe(10 + round, 10 + round, slow(ROWS, round)));
    // Only code, and other tables: the second store is another one.
    await writeFile(file, `${text}\n\n${Array.from({ length: Math.ceil(round / 2) }, (_, i) => `@table(public=True)\nclass More${i}:\n    id: PrimaryKey[u64]\n`).join("\n\n")}\n# ${round}\n`);
    const before = server.output().match(/reloaded in|not reloaded/g)?.length ?? 0;
    server.child.kill("SIGHUP");
    await until("it is reloaded", () => (server.output().match(/reloaded in|not reloaded/g)?.length ?? 0) > before);
    assert.doesNotMatch(server.output(), /not reloaded/);
    for (const answer of await Promise.all(asked)) {
      assert.equal(answer.status, 200, await answer.clone().text());
      assert.equal((await answer.json())[0].rows.length, 3);
    }
    await cache.follow(client, round + 2, TAG.SUBSCRIBED);
  }
  await work.end();
  client.send(message(999, "move", Buffer.concat([u64(1), u64(2), u64(1)])));
  await cache.follow(client, 1, TAG.RESULT);
  assert.equal(cache.sets.size, 4);
  const rows = await sql(server, db, ALL);
  for (const cached of cache.sets.values()) for (const { id, balance } of rows) assert.equal(cached.get(Number(id)), Number(balance));
  client.socket.close();
  await server.stop();
});

test("a stop does not wait for queries", async () => {
  const server = await serve(module("accounts"), { flags: ["--memory", ...SLOW_FLAGS] });
  const answers = Array.from({ length: 200 }, (_, i) => post(server, slow(3, i)).then(async a => [a.status, await a.text()], () => [0, ""]));
  const c = new Raw(server, db);
  await c.opened;
  c.send(subscribe(1, 1, slow(3)), subscribe(2, 2, ALL));
  await Promise.race(answers);
  await server.stop();
  assert.equal(server.child.exitCode, 0, server.output());
  const all = await Promise.all(answers);
  assert.ok(all.some(([status]) => status !== 200), "all were answered first");
  for (const [status, text] of all) if (status === 503) assert.match(text, /stop/);
});
