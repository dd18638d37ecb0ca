// A connection id that another connection has: where somebody's table knows clients by it, the newer one is told just that, and
// it is no fault that the log reports.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { WebSocket } from "undici";
import { cleanFolders, folder, module, serve, until } from "./lib/server.mjs";

const MODULE = `
from orochi import ConnectionId, Identity, PrimaryKey, ReducerContext, Timestamp, client_connected, client_disconnected, table


@table(public=True)
class Here:
    connection: PrimaryKey[ConnectionId]
    who: Identity
    since: Timestamp


@client_connected
def came(ctx: ReducerContext):
    ctx.db.here.insert(connection=ctx.connection_id, who=ctx.sender, since=ctx.timestamp)


@client_disconnected
def went(ctx: ReducerContext):
    ctx.db.here.delete(ctx.connection_id)
`;
const ID = "00112233445566778899aabbccddeeff";

let keyed, plain;
before(async () => {
  const path = join(await folder(), "here.py");
  await writeFile(path, MODULE);
  [keyed, plain] = await Promise.all([serve(path), serve(module("game"))]);
});
after(async () => {
  for (const s of [keyed, plain]) {
    assert.equal(await s.stop(), 0, s.output());
    assert.ok(!/ERROR|fatal/.test(s.output()), s.output());
  }
  await cleanFolders();
});

const token = async s => (await (await fetch(`${s.url}/v1/identity`, { method: "POST" })).json()).token;

/** Is there a row of the id? (The question comes on a connection of its own, which has a row, too.) */
async function isHere() {
  const answer = await fetch(`${keyed.url}/v1/database/here/sql`, { method: "POST", body: "SELECT * FROM here" });
  return (await answer.text()).includes(BigInt(`0x${ID}`).toString());
}

/** Connects; gives "open" or {code, reason}, and the socket. */
function connect(s, database, who) {
  const socket = new WebSocket(`${s.ws}/v1/database/${database}/subscribe?compression=None&connection_id=${ID}&token=${who}`, ["v2.bsatn.spacetimedb"]);
  return new Promise(done => {
    socket.onmessage = () => done({ socket, was: "open" });
    socket.onclose = event => done({ socket, was: { code: event.code, reason: event.reason } });
    socket.onerror = () => {};
  });
}
const TOLD = { code: 1008, reason: `connection_id ${ID} is in use: choose another, leave it out, or wait for its end` };

test("somebody else's", async () => {
  for (const [s, database] of [[keyed, "here"], [plain, "game"]]) {
    const first = await connect(s, database, await token(s));
    assert.equal(first.was, "open");
    assert.deepEqual((await connect(s, database, await token(s))).was, TOLD, database);
    first.socket.close();
  }
});

test("one's own, again before the first has ended, and after", async () => {
  const mine = await token(keyed), also = await token(plain);
  await until("the one before has gone", async () => !(await isHere()));
  const first = await connect(keyed, "here", mine);
  assert.equal(first.was, "open");
  assert.deepEqual((await connect(keyed, "here", mine)).was, TOLD);
  assert.ok(await isHere(), "the first one is untouched");
  first.socket.close();
  await until("it can come again", async () => {
    const again = await connect(keyed, "here", mine);
    again.socket.close();
    return again.was === "open";
  });
  // A module that does not know clients by it takes both (L-26).
  await until("both are there", async () => {
    const two = [await connect(plain, "game", also), await connect(plain, "game", also)];
    two.forEach(c => c.socket.close());
    return two.every(c => c.was === "open");
  });
});

test("a session's earlier connection makes room for the new one", async () => {
  const mine = await token(keyed), session = "f0e1d2c3b4a5968778695a4b3c2d1e0f";
  const open = connection => new Promise(done => {
    const socket = new WebSocket(`${keyed.ws}/v1/database/here/subscribe?compression=None&session_id=${session}&connection_id=${connection}&token=${mine}`,
      ["v2.bsatn.spacetimedb"]);
    socket.onmessage = () => done({ socket, was: "open" });
    socket.onclose = event => done({ socket, was: event.code });
    socket.onerror = () => {};
  });
  const first = await open("000000000000000000000000000000a1");
  assert.equal(first.was, "open");
  const ended = new Promise(done => { first.socket.onclose = event => done(event.code); });
  assert.equal((await open("000000000000000000000000000000a2")).was, 4000, "the first one is still there");
  assert.equal(await ended, 1006, "cut off, without a Close");
  let again;
  await until("it has ended", async () => (again = await open("000000000000000000000000000000a3")).was === "open");
  const answer = await (await fetch(`${keyed.url}/v1/database/here/sql`, { method: "POST", body: "SELECT * FROM here" })).text();
  assert.ok(answer.includes(`${0xa3}`) && !answer.includes(`[[${0xa1}]`) && !answer.includes(`[[${0xa2}]`), answer);
  again.socket.close();
});
