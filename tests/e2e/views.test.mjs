// Views through the npm package: rows that a function gives, for each client or for all, kept up to date with the tables.

import assert from "node:assert/strict";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { bindings, connect, rows, subscribe } from "./lib/client.mjs";
import { cleanFolders, folder, module, orochi, serve, until } from "./lib/server.mjs";

let dir, server, bound, ann, bob, owner;

before(async () => {
  dir = await folder();
  await copyFile(module("views"), join(dir, "views.py"));
  bound = await bindings(module("views"));
  server = await serve(join(dir, "views.py"), { flags: ["--data", join(dir, "data"), "--watch"] });
  const token = (await readFile(join(dir, "data/owner.token"), "utf8")).trim();
  [ann, bob, owner] = await Promise.all([open(), open(), open({ token })]);
});
after(async () => {
  const code = await server?.stop();
  await cleanFolders();
  assert.equal(code, 0, server?.output());
});

const open = options => connect(bound, server, "views", options);
const faces = table => rows(table).map(card => card.face).sort();
const query = async (client, text, status = 200) => {
  const headers = client ? { authorization: `Bearer ${client.token}` } : {};
  const answer = await fetch(`${server.url}/v1/database/views/sql`, { method: "POST", body: text, headers });
  const body = await answer.text();
  assert.equal(answer.status, status, body);
  return status === 200 ? JSON.parse(body)[0].rows : body;
};
const refused = (client, text) => new Promise((resolve, reject) => client.conn.subscriptionBuilder()
  .onApplied(() => reject(new Error(`${text} was applied`))).onError(ctx => resolve(String(ctx.event?.message ?? ctx.event))).subscribe([text]));

test("each player sees his own hand, and nobody the table behind it", async () => {
  await ann.conn.reducers.draw({ face: "ace" });
  await bob.conn.reducers.draw({ face: "king" });
  for (const client of [ann, bob]) await subscribe(client, "SELECT * FROM my_hand", "SELECT * FROM held");
  assert.deepEqual([faces(ann.conn.db.myHand), faces(bob.conn.db.myHand)], [["ace"], ["king"]]);
  await ann.conn.reducers.draw({ face: "ten" });
  assert.deepEqual(faces(ann.conn.db.myHand), ["ace", "ten"]);
  const ten = rows(ann.conn.db.myHand).find(card => card.face === "ten");
  await ann.conn.reducers.give({ card: ten.id, to: bob.identity });
  assert.deepEqual(faces(ann.conn.db.myHand), ["ace"]);
  await until("Bob has it", () => faces(bob.conn.db.myHand).length === 2);
  assert.deepEqual(faces(bob.conn.db.myHand), ["king", "ten"]);
  assert.match(await refused(ann, "SELECT * FROM card"), /no such table: `card`/);
});

test("rows with a key are updated, those without come and go", async () => {
  const seen = [];
  ann.conn.db.held.onUpdate((ctx, old, now) => seen.push([old.cards, now.cards]));
  await ann.conn.reducers.draw({ face: "two" });
  assert.deepEqual([seen, rows(ann.conn.db.held).map(h => h.cards)], [[[1, 2]], [2]]);
});

test("all changes of a transaction come in one message, views and tables", async () => {
  const fresh = await open();
  await subscribe(fresh, "SELECT * FROM player", "SELECT * FROM me", "SELECT * FROM best");
  const seen = [];
  for (const name of ["player", "me", "best"])
    fresh.conn.db[name].onInsert(ctx => seen.push([name, ctx.event.id ?? ctx.event, rows(fresh.conn.db.me).length, rows(fresh.conn.db.player).length]));
  await fresh.conn.reducers.join({ name: "Eve" });
  assert.deepEqual(seen.map(([name]) => name).sort(), ["best", "me", "player"]);
  assert.ok(seen.every(([, , me, players]) => me === 1 && players === 1), JSON.stringify(seen));
  fresh.conn.disconnect();
});

test("one-off queries, SQL and joins see views as whoever asks", async () => {
  assert.deepEqual(await query(ann, "SELECT face FROM my_hand WHERE face = 'ace'"), [["ace"]]);
  assert.deepEqual(await query(bob, "SELECT COUNT(*) AS n FROM my_hand"), [[2]]);
  assert.deepEqual(await query(undefined, "SELECT * FROM my_hand"), []);
  assert.deepEqual(await query(bob, "SELECT max(face), count(*) FROM my_hand h WHERE face LIKE '%n%'"), [["ten", 2]]);
  assert.deepEqual(await query(ann, "SELECT a.face FROM my_hand a JOIN my_hand b ON a.face > b.face ORDER BY 1"), [["two"]]);
  assert.match(await query(ann, "SELECT * FROM secret", 400), /no such table/);
  assert.equal((await query(owner, "SELECT * FROM secret")).length, 4);
  assert.match(await query(owner, "DELETE FROM my_hand", 400), /my_hand|cannot be changed/);
});

test("a view is joined in a subscription, from either side, as whoever asks", async () => {
  const [one, two] = await Promise.all([open(), open()]);
  await one.conn.reducers.join({ name: "one" });
  await two.conn.reducers.join({ name: "two" });
  await subscribe(one, "SELECT p.* FROM player p JOIN held h ON p.id = h.owner");
  assert.deepEqual(rows(one.conn.db.player), []);
  await two.conn.reducers.draw({ face: "his" });
  await one.conn.reducers.draw({ face: "mine" });
  assert.deepEqual(rows(one.conn.db.player).map(p => p.name), ["one"]);
  await subscribe(two, "SELECT h.* FROM held h JOIN player p ON h.owner = p.id");
  assert.deepEqual(rows(two.conn.db.held).map(h => h.cards), [1]);
  await two.conn.reducers.draw({ face: "his, too" });
  assert.deepEqual(rows(two.conn.db.held).map(h => h.cards), [2]);
  for (const client of [one, two]) {
    await query(owner, `DELETE FROM card WHERE owner = 0x${client.identity.toHexString().replace(/^0x/, "")}`);
    client.conn.disconnect();
  }
});

test("two views are joined by their keys, and what changes in either is seen", async () => {
  const one = await open();
  await one.conn.reducers.join({ name: "one" });
  await one.conn.reducers.score({ points: 900 });
  await subscribe(one, "SELECT b.* FROM held h JOIN best b ON h.owner = b.id");
  const scores = () => rows(one.conn.db.best).map(p => p.score);
  assert.deepEqual(scores(), []);
  await one.conn.reducers.draw({ face: "mine" });
  assert.deepEqual(scores(), [900]);
  await one.conn.reducers.score({ points: 901 });
  assert.deepEqual(scores(), [901]);
  await query(owner, `DELETE FROM card WHERE owner = 0x${one.identity.toHexString().replace(/^0x/, "")}`);
  await until("what is held no longer is gone", () => scores().length === 0);
  assert.match(await refused(one, "SELECT a.* FROM my_hand a JOIN my_hand b ON a.face = b.face"), /require indexes/);
  await query(owner, "DELETE FROM player WHERE name = 'one'");
  one.conn.disconnect();
});

test("a view that raises fails whoever asks first, and then whoever changes what it read", async () => {
  await subscribe(ann, "SELECT * FROM fragile");
  await assert.rejects(ann.conn.reducers.fail({ fails: true }));
  await until("the log says which view it was", () => /fail: view fragile: .*ValueError: the view is broken/s.test(server.output()));
  assert.deepEqual(await query(owner, "SELECT * FROM fault"), []);
  for (const [name, words] of [["writes", /changes no rows/], ["scans", /through indexes/], ["clock", /no ctx\.timestamp/]]) {
    assert.match(await refused(bob, `SELECT * FROM ${name}`), /error evaluating/i);
    await until(`the log tells of ${name}`, () => words.test(server.output()));
  }
  assert.match(await query(bob, "SELECT * FROM scans", 400), /evaluating/);
  await ann.conn.reducers.draw({ face: "three" });
  assert.deepEqual(faces(ann.conn.db.myHand), ["ace", "three", "two"]);
});

test("two rows with one key fail the transaction that made them", async () => {
  const fresh = await open();
  await subscribe(fresh, "SELECT * FROM twice");
  await fresh.conn.reducers.draw({ face: "same" });
  await fresh.conn.reducers.draw({ face: "same" });
  const ids = (await query(owner, "SELECT id FROM card WHERE face = 'same'")).map(([id]) => BigInt(id));
  await fresh.conn.reducers.show({ card: ids[0] });
  assert.deepEqual(faces(fresh.conn.db.twice), ["same"]);
  await assert.rejects(fresh.conn.reducers.show({ card: ids[1] }));
  assert.deepEqual(await query(owner, "SELECT id FROM card WHERE shown"), [[Number(ids[0])]]);
  fresh.conn.disconnect();
});

test("what nobody uses any more is forgotten, and made again when somebody asks", async () => {
  const fresh = await open();
  await fresh.conn.reducers.draw({ face: "first" });
  const handle = await new Promise(resolve => {
    const h = fresh.conn.subscriptionBuilder().onApplied(() => resolve(h)).subscribe(["SELECT * FROM my_hand"]);
  });
  assert.deepEqual(faces(fresh.conn.db.myHand), ["first"]);
  await new Promise(resolve => handle.unsubscribeThen(resolve));
  await fresh.conn.reducers.draw({ face: "second" });
  await subscribe(fresh, "SELECT * FROM my_hand WHERE face <> 'first'");
  assert.deepEqual(faces(fresh.conn.db.myHand), ["second"]);
  fresh.conn.disconnect();
});

test("a view with parameters has an answer for each list of arguments", async () => {
  const fresh = await open();
  await fresh.conn.reducers.join({ name: "O'Neil" });
  await fresh.conn.reducers.draw({ face: "queen" });
  const id = fresh.identity.toHexString().replace(/^0x/, "");
  await subscribe(fresh, `SELECT * FROM cards_of(0x${id}, FALSE)`, "SELECT x.* FROM scored(1e1, 'O''N') AS x;");
  assert.deepEqual([faces(fresh.conn.db.cardsOf), rows(fresh.conn.db.scored).length], [["queen"], 0]);
  await fresh.conn.reducers.score({ points: 10 });
  assert.equal(rows(fresh.conn.db.scored).length, 1);
  await fresh.conn.reducers.score({ points: 9 });
  assert.equal(rows(fresh.conn.db.scored).length, 0);
  assert.deepEqual(await query(fresh, "SELECT * FROM scored(9, '')"), await query(fresh, "SELECT * FROM player WHERE name = 'O''Neil'"));
  for (const [text, words] of [
    ["SELECT * FROM scored(-1, 'x')", /literal expression `-1` cannot be parsed as type `U32`/],
    ["SELECT * FROM scored(1)", /View `scored` takes 2 argument\(s\), but 1 were given/],
    ["SELECT * FROM scored", /View `scored` takes 2 argument\(s\), but 0 were given/],
    ["SELECT * FROM scored(1 + 1, 'x')", /Unsupported view argument: .*must be literals/],
    ["SELECT * FROM scored(least => 1, 'x')", /Unsupported view argument/],
    ["SELECT * FROM scored(1, :sender)", /Unsupported view argument: :sender.*must be literals/],
    ["SELECT * FROM scored(1, 'x') WHERE name = 'y'", /can only be queried as `SELECT \* FROM scored\(...\)`/],
    ["SELECT * FROM player(1)", /`player` is a table, not a view; it does not take arguments/],
    ["SELECT * FROM listed(1)", /Parameter `ids` of view `listed` has type .*cannot be passed from SQL/],
  ]) {
    assert.match(await refused(fresh, text), words, text);
    assert.match(await query(fresh, text, 400), words, text);
  }
  const many = await new Promise(resolve => fresh.conn.subscriptionBuilder().onError(ctx => resolve(String(ctx.event?.message ?? ctx.event)))
    .subscribe(Array.from({ length: 1100 }, (_, i) => `SELECT * FROM scored(${i}, 'x')`)));
  assert.match(many, /too many views: a client may use 1000/);
  await subscribe(fresh, ...Array.from({ length: 900 }, (_, i) => `SELECT * FROM scored(${i}, 'y')`));
  assert.equal((await query(fresh, "SELECT * FROM player()")).length, (await query(fresh, "SELECT * FROM player")).length);
  assert.deepEqual(await query(fresh, "SELECT value FROM json_each('[1,2]')"), [[1], [2]]);
  fresh.conn.disconnect();
});

test("a view that returns a Query has its table's key, its order and its limit", async () => {
  const clients = await Promise.all([0, 1, 2].map(() => open()));
  const seen = clients[0].conn;
  await subscribe(clients[0], "SELECT * FROM leaders", "SELECT * FROM mine_or_shown");
  const updated = [];
  seen.db.leaders.onUpdate((ctx, old, now) => updated.push([old.score, now.score]));
  for (const [i, client] of clients.entries()) {
    await client.conn.reducers.join({ name: i === 2 ? "bot" : `p${i}` });
    await client.conn.reducers.score({ points: 100 + i });
  }
  const scores = () => rows(seen.db.leaders).map(p => p.score).sort();
  await until("the two best who are no bots", () => scores().join() === "100,101");
  await clients[0].conn.reducers.score({ points: 200 });
  assert.deepEqual([scores(), updated], [[101, 200], [[100, 200]]]);
  await clients[0].conn.reducers.draw({ face: "mine" });
  const before = faces(seen.db.mineOrShown);
  assert.ok(before.includes("mine"), before.join());
  for (const client of clients) client.conn.disconnect();
});

test("other code, the same rows' shape: the difference is sent", async () => {
  const text = await readFile(join(dir, "views.py"), "utf8");
  await writeFile(join(dir, "views.py"), text.replace("return list(ctx.db.card.shown.filter(True))", "return [card for card in ctx.db.card.shown.filter(False) if card.face == 'king']"));
  await subscribe(bob, "SELECT * FROM table_cards");
  await until("the new version's rows are there", () => faces(bob.conn.db.tableCards).join() === "king");
  await ann.conn.reducers.draw({ face: "king" });
  await until("it follows", () => faces(bob.conn.db.tableCards).join() === "king,king");
  assert.deepEqual(faces(ann.conn.db.myHand), ["ace", "king", "three", "two"]);
});

// Reading the call again for each name took the net thread minutes.
test("a view's name a hundred thousand times over is refused", async () => {
  const text = `${"scored ".repeat(100_000)} (`;
  const answer = await fetch(`${server.url}/v1/database/views/sql`, { method: "POST", body: text });
  assert.equal(answer.status, 400);
});

test("a restart finds none of it on the disk, and makes it anew", async () => {
  await server.stop();
  server = await serve(join(dir, "views.py"), { flags: ["--data", join(dir, "data")] });
  const again = await open({ token: ann.token });
  await subscribe(again, "SELECT * FROM my_hand");
  assert.deepEqual(faces(again.conn.db.myHand), ["ace", "king", "three", "two"]);
  again.conn.disconnect();
});

test("a reload may add a column to the rows of a view", async () => {
  const path = join(await folder(), "wide.py");
  const source = column => `from orochi import *
@table(public=True)
class P:
    id: PrimaryKey[u32]
    n: Index[u32] = 0
${column}
@view
def one(ctx: AnonymousViewContext) -> list[P]:
    return ctx.db.p.filter(n=1)
@init
def start(ctx: ReducerContext):
    ctx.db.p.insert(id=1, n=1)
`;
  await writeFile(path, source(""));
  const other = await serve(path, { flags: ["--memory", "--watch"] });
  const ask = async () => (await (await fetch(`${other.url}/v1/database/wide/sql`, { method: "POST", body: "SELECT * FROM one" })).json())[0].rows;
  assert.deepEqual(await ask(), [[1, 1]]);
  await writeFile(path, source("    extra: u32 = 7"));
  await until("the view has the column", async () => JSON.stringify(await ask()) === "[[1,1,7]]");
  assert.equal(await other.stop(), 0, other.output());
});

// Answers have numbers, and those of a store that was made anew begin at 1 again: a subscription that went on showed another player's hand.
test("a version with other tables costs who is subscribed to a view the connection, and nobody else", async () => {
  const path = join(await folder(), "deal.py");
  const source = more => `from orochi import *
@table
class Card:
    id: AutoKey[u64] = 0
    player: Index[Identity]
    face: str
@table(public=True)
class Plain:
    id: PrimaryKey[u32]
${more}
@reducer
def draw(ctx: ReducerContext, face: str) -> None:
    ctx.db.card.insert(player=ctx.sender, face=face)
@reducer
def put(ctx: ReducerContext, id: u32) -> None:
    ctx.db.plain.insert(id=id)
@view
def hand(ctx: ViewContext) -> list[Card]:
    return list(ctx.db.card.player.filter(ctx.sender))
`;
  await writeFile(path, source(""));
  const made = await bindings(path);
  const other = await serve(path, { flags: ["--memory", "--watch"] });
  const come = () => connect(made, other, "deal");
  const [first, plain, all] = await Promise.all([come(), come(), come()]);
  const closed = new Set();
  for (const c of [first, plain, all]) c.closed.then(() => closed.add(c));
  await subscribe(first, "SELECT * FROM hand");
  await subscribe(plain, "SELECT * FROM plain");
  await subscribe(all, "SELECT * FROM plain", "SELECT * FROM hand");
  await first.conn.reducers.draw({ face: "ace" });
  assert.deepEqual(faces(first.conn.db.hand), ["ace"]);
  await writeFile(path, source("@table(public=True)\nclass More:\n    id: PrimaryKey[u32]\n"));
  await until("both that see a view are gone", () => closed.has(first) && closed.has(all));
  const [next, last] = await Promise.all([come(), come()]);
  for (const c of [next, last]) {
    await subscribe(c, "SELECT * FROM hand");
    await c.conn.reducers.draw({ face: "king" });
    await until("one card, his own", () => faces(c.conn.db.hand).join() === "king");
  }
  await next.conn.reducers.put({ id: 1 });
  await until("the row comes", () => rows(plain.conn.db.plain).length === 1);
  assert.deepEqual([closed.has(plain), faces(first.conn.db.hand)], [false, ["ace"]]);
  for (const c of [plain, next, last]) c.conn.disconnect();
  assert.equal(await other.stop(), 0, other.output());
});
