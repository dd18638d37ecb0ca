// Rounds of kill -9 under load. Each round: start, check what the last one left, load it with transfers over websockets,
// kill at a random moment. A transfer's number is written down when it is sent and again when its answer has come.

import { BINARY, call, module, serve, sql } from "./server.mjs";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { WebSocket } from "undici";

const DATABASE = "ledger";
const ACCOUNTS = 200;
const KEEP = 2; // rounds whose lines stay in the table

/** Numbers from a seed, so that a round that failed can be run again: mulberry32. */
export function random(seed) {
  let a = seed >>> 0;
  const next = () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return { next, below: n => Math.floor(next() * n) };
}

/** One connection that keeps `flight` transfers waiting for their answer; v3 puts several calls into a frame. */
export class Client {
  constructor(server, id, round, rng, { protocol, flight, confirmed = true }) {
    Object.assign(this, { id, round, rng, protocol, flight });
    this.sent = [];      // [source, target, amount] by position
    this.confirmed = []; // positions
    this.stopped = false;
    this.socket = new WebSocket(`${server.ws}/v1/database/${DATABASE}/subscribe?compression=None&confirmed=${confirmed}`, [
      `${protocol}.bsatn.spacetimedb`,
    ]);
    this.socket.binaryType = "arraybuffer";
    this.closed = new Promise(done => {
      this.socket.onclose = done;
      this.socket.onerror = () => {};
    });
    this.socket.onmessage = event => {
      try {
        this.take(Buffer.from(event.data));
      } catch (error) {
        this.error ??= error;
        this.stopped = true;
      }
    };
  }

  number(position) {
    return (BigInt(this.round) << 32n) | (BigInt(this.id) << 24n) | BigInt(position);
  }

  take(bytes) {
    let at = 1, answered = 0;
    while (at < bytes.length) {
      const tag = bytes[at];
      if (tag === 0) { // InitialConnection: identity, connection id, token
        at += 1 + 32 + 16 + 4 + bytes.readUInt32LE(at + 49);
        answered = this.flight;
      } else if (tag === 6) { // ReducerResult
        const outcome = bytes[at + 13];
        if (outcome > 1) throw new Error(`a transfer failed: ${bytes.subarray(at).toString("latin1")}`);
        this.confirmed.push(bytes.readUInt32LE(at + 1));
        at += outcome === 0 ? 22 : 14;
        answered++;
      } else {
        throw new Error(`message ${tag} was not expected`);
      }
    }
    if (!this.stopped) this.send(answered);
  }

  send(count) {
    const calls = [];
    for (let i = 0; i < count; i++) calls.push(this.transfer());
    if (this.protocol === "v3") this.socket.send(Buffer.concat(calls));
    else for (const one of calls) this.socket.send(one);
  }

  transfer() {
    const source = this.rng.below(ACCOUNTS);
    const target = (source + 1 + this.rng.below(ACCOUNTS - 1)) % ACCOUNTS;
    const amount = 1 + this.rng.below(50);
    const position = this.sent.push([source, target, amount]) - 1;
    const out = Buffer.alloc(1 + 4 + 1 + 4 + 8 + 4 + 28);
    out[0] = 3;
    out.writeUInt32LE(position, 1);
    out.writeUInt32LE(8, 6);
    out.write("transfer", 10, "latin1");
    out.writeUInt32LE(28, 18);
    out.writeBigUInt64LE(this.number(position), 22);
    out.writeUInt32LE(this.round, 30);
    out.writeUInt32LE(source, 34);
    out.writeUInt32LE(target, 38);
    out.writeBigInt64LE(BigInt(amount), 42);
    return out;
  }
}

const sleep = ms => new Promise(done => setTimeout(done, ms));

/** What a correct database would hold. */
export class Book {
  balances = new Array(ACCOUNTS).fill(1000);
  kept = new Map();    // round -> number of lines that are in the table
  forgotten = 0;       // lines that `forget` has deleted
  inDoubt = undefined; // a round whose `forget` was not confirmed
  transfers = 0;
  confirmed = 0;

  /** Checks everything against what the clients of the last round know; then it is the new state. */
  async check(server, clients, round) {
    const doubt = this.inDoubt;
    this.inDoubt = undefined;
    if (doubt !== undefined && (await this.count(server, doubt)) === 0) this.forget(doubt);
    const lines = await sql(server, DATABASE, `SELECT * FROM line WHERE round = ${round}`);
    const present = new Map(lines.map(line => [BigInt(line.number), line]));
    if (present.size !== lines.length) throw new Error("a number twice");
    for (const client of clients) {
      if (client.error) throw client.error;
      let there = 0;
      client.sent.forEach(([source, target, amount], position) => {
        const line = present.get(client.number(position));
        if (!line) return;
        present.delete(client.number(position));
        if (position !== there++) throw new Error(`client ${client.id}: ${position} is there, ${there - 1} is not`);
        if (line.source !== source || line.target !== target || line.amount !== amount)
          throw new Error(`line ${line.number} is not what was sent`);
        this.balances[source] -= amount;
        this.balances[target] += amount;
      });
      const told = client.confirmed.reduce((most, position) => Math.max(most, position), -1) + 1;
      if (there < told) throw new Error(`client ${client.id}: ${told} confirmed, ${there} found`);
      if (client.confirmed.length !== told) throw new Error(`client ${client.id}: answers left out or given twice`);
      this.confirmed += told;
    }
    if (present.size > 0) throw new Error(`${present.size} lines that nobody sent`);
    this.transfers += lines.length;
    this.kept.set(round, lines.length);
    await this.rest(server);
    return lines.length;
  }

  async count(server, round) {
    return (await sql(server, DATABASE, `SELECT number FROM line WHERE round = ${round}`)).length;
  }

  forget(round) {
    this.forgotten += this.kept.get(round);
    this.kept.delete(round);
  }

  async rest(server) {
    const accounts = await sql(server, DATABASE, "SELECT * FROM account");
    if (accounts.length !== ACCOUNTS) throw new Error(`${accounts.length} accounts`);
    let sum = 0;
    for (const { id, balance } of accounts) {
      sum += balance;
      if (balance !== this.balances[id]) throw new Error(`account ${id}: ${balance}, by the lines ${this.balances[id]}`);
    }
    if (sum !== ACCOUNTS * 1000) throw new Error(`the sum is ${sum}`);
    for (const [round, lines] of this.kept) {
      const found = await this.count(server, round);
      if (found !== lines) throw new Error(`round ${round}: ${found} lines, were ${lines}`);
    }
    const [tally] = await sql(server, DATABASE, "SELECT * FROM tally");
    if (tally.lines !== this.forgotten) throw new Error(`${tally.lines} lines forgotten, not ${this.forgotten}`);
    const online = await sql(server, DATABASE, "SELECT * FROM online");
    if (online.length > 1) throw new Error(`${online.length} connections are left of the last run`);
  }
}

/** Starts and kills within the start, with nobody connected. */
async function killStart(flags, rng) {
  const child = spawn(BINARY, ["run", module(DATABASE), "--listen", "127.0.0.1:0", ...flags], { stdio: "ignore" });
  const ended = once(child, "exit");
  await sleep(rng.below(400));
  child.kill("SIGKILL");
  const [code, signal] = await ended;
  if (signal !== "SIGKILL") throw new Error(`a start ended by itself: ${code} ${signal}`);
}

/**
 * Runs the rounds in `data`; `say` gets a line for each, `between` is called while nothing runs and
 * told whether the round ended with a clean stop (which leaves no log file). Gives the totals. An error
 * names the round and, for another try, the seed.
 */
export async function rounds({ count, data, seed = 1, mode = "full", clients = 6, flight = 20, longest = 600, say = () => {}, between = () => {} }) {
  const rng = random(seed);
  const book = new Book();
  const flags = ["--data", data, "--workers", "2", "--set", `durable.mode=${mode}`, "--set", "durable.checkpoint_mb=1"];
  let last = [], kills = 0, startKills = 0, stops = 0;
  const total = () => ({ rounds: count, kills, startKills, stops, transfers: book.transfers, confirmed: book.confirmed });
  for (let round = 0; round <= count; round++) {
    let server;
    try {
      server = await serve(module(DATABASE), { flags });
      const found = round > 0 ? await book.check(server, last, round - 1) : 0;
      if (round > 0) say(`round ${round}: ${found} transfers found, ${last.reduce((n, c) => n + c.confirmed.length, 0)} confirmed`);
      if (round === count) {
        const code = await server.stop();
        if (code !== 0) throw new Error(`the last stop gave ${code}`);
        break;
      }
      last = Array.from({ length: clients }, (_, id) =>
        new Client(server, id, round, rng, { protocol: id % 2 ? "v3" : "v2", flight }));
      await Promise.race([Promise.all(last.map(c => once(c.socket, "open"))), sleep(10_000)]);
      const old = round - KEEP - 1;
      const forgetting = book.kept.has(old) ? call(server, DATABASE, "forget", [old]).then(a => a.ok, () => false) : undefined;
      await sleep(rng.below(longest));
      const gently = rng.below(10) === 0;
      if (gently) stops++;
      else kills++;
      const code = await (gently ? server.stop() : server.kill());
      for (const c of last) c.stopped = true;
      await Promise.all(last.map(c => c.closed));
      if (gently ? code !== 0 : server.child.signalCode !== "SIGKILL")
        throw new Error(`it ended with ${code} ${server.child.signalCode}:\n${server.output()}`);
      if (forgetting !== undefined) {
        if (await forgetting) book.forget(old);
        else book.inDoubt = old;
      }
      if (rng.below(5) === 0) {
        await killStart(flags, rng);
        startKills++;
      }
      await between({ round, gently });
    } catch (error) {
      await server?.kill();
      throw new Error(`round ${round} with seed ${seed}: ${error.stack}\n${server?.output() ?? ""}`);
    }
  }
  return total();
}
