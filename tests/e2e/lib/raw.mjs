// The protocol by hand (docs/wire.md#client-messages), for what the SDK would not do: mixed frames, bursts, leaving in the middle.

import { connect } from "node:net";
import { Agent, WebSocket } from "undici";
import { PATIENCE } from "./slow.mjs";

const u32 = n => { const b = Buffer.alloc(4); b.writeUInt32LE(n); return b; };
export const u64 = n => { const b = Buffer.alloc(8); b.writeBigUInt64LE(BigInt(n)); return b; };
export const text = s => { const bytes = Buffer.from(s); return Buffer.concat([u32(bytes.length), bytes]); };
export { u32 };

/** Client messages. */
export const subscribe = (request, set, ...queries) =>
  Buffer.concat([Buffer.from([0]), u32(request), u32(set), u32(queries.length), ...queries.map(text)]);
/** Each set: its id, then its queries. */
export const subscribeBatch = (request, ...sets) => Buffer.concat([Buffer.from([5]), u32(request), u32(sets.length),
  ...sets.flatMap(([set, ...queries]) => [u32(set), u32(queries.length), ...queries.map(text)])]);
export const unsubscribe = (request, set, rows = false) => Buffer.concat([Buffer.from([1]), u32(request), u32(set), Buffer.from([rows ? 1 : 0])]);
export const oneOff = (request, query) => Buffer.concat([Buffer.from([2]), u32(request), text(query)]);
export const call = (request, reducer, args = Buffer.alloc(0)) =>
  Buffer.concat([Buffer.from([3]), u32(request), Buffer.from([0]), text(reducer), u32(args.length), args]);

export const callProcedure = (request, procedure, args = Buffer.alloc(0)) =>
  Buffer.concat([Buffer.from([4]), u32(request), Buffer.from([0]), text(procedure), u32(args.length), args]);

/** A bare connection: answers as {tag, request, bytes}, in the order they came. */
export class Raw {
  constructor(server, database, { protocol = "v3", query = "", token } = {}) {
    this.stream = protocol === "v3";
    this.messages = [];
    this.frames = 0;
    const auth = token ? `&token=${token}` : "";
    const dispatcher = new Agent({ connect: (options, done) => {
      this.tcp = connect(options.port, options.hostname);
      this.tcp.once("connect", () => done(null, this.tcp)).once("error", done);
    } });
    this.socket = new WebSocket(`${server.ws}/v1/database/${database}/subscribe?compression=None${auth}${query}`,
      { protocols: [`${protocol}.bsatn.spacetimedb`], dispatcher });
    this.socket.binaryType = "arraybuffer";
    this.opened = new Promise(done => (this.socket.onopen = done));
    this.closed = new Promise(done => (this.socket.onclose = event => done(event.code)));
    this.socket.onerror = () => {};
    this.socket.onmessage = event => this.take(Buffer.from(event.data));
  }

  take(frame) {
    this.frames++;
    // A stream's messages have no length of their own: only those of fixed form are told apart here.
    for (let at = 1; at < frame.length;) {
      const message = read(frame, at);
      this.messages.push(message);
      at = message.end;
    }
    this.wake?.();
  }

  /** Ends the connection without a Close, as a cable does. */
  break() { this.tcp.destroy(); }

  send(...messages) { this.socket.send(Buffer.concat(messages)); }

  /** Waits until `n` messages have come whose tag is one of tags (all, if none is named). */
  async wait(n, ...tags) {
    const end = Date.now() + PATIENCE;
    const found = () => this.messages.filter(m => tags.length === 0 || tags.includes(m.tag));
    while (found().length < n) {
      if (Date.now() > end) throw new Error(`${found().length} of ${n} messages came: ${JSON.stringify(found().slice(-5).map(m => [m.tag, m.request]))}`);
      await new Promise(done => { this.wake = done; setTimeout(done, 50); });
    }
    return found();
  }
}

export const TAG = { INITIAL: 0, SUBSCRIBED: 1, UNSUBSCRIBED: 2, SUBSCRIPTION_ERROR: 3, UPDATE: 4, ONE_OFF: 5, RESULT: 6, PROCEDURE: 7, BATCH: 8 };

function read(frame, start) {
  let at = start;
  const byte = () => frame[at++];
  const number = () => { const n = frame.readUInt32LE(at); at += 4; return n; };
  const skip = n => { at += n; };
  const bytes = () => { const n = number(); skip(n); return frame.subarray(at - n, at); };
  const rowList = () => { if (byte() === 0) skip(2); else skip(8 * number()); return bytes(); };
  const each = read => { const n = number(); return Array.from({ length: n }, read); };
  const queryRows = () => each(() => ({ table: bytes().toString(), rows: rowList() }));
  const tableRows = () => (byte() === 0 ? { inserts: rowList(), deletes: rowList() } : { events: rowList() });
  const update = () => each(() => ({ set: number(), tables: each(() => ({ table: bytes().toString(), rows: each(tableRows) })) }));
  const tag = byte();
  const message = { tag };
  switch (tag) {
    case TAG.INITIAL:
      message.identity = frame.subarray(at, at + 32);
      skip(48);
      message.token = bytes().toString();
      break;
    case TAG.SUBSCRIBED:
      message.request = number();
      message.set = number();
      message.tables = queryRows();
      break;
    case TAG.UNSUBSCRIBED:
      message.request = number();
      message.set = number();
      if (byte() === 0) message.tables = queryRows();
      break;
    case TAG.SUBSCRIPTION_ERROR:
      if (byte() === 0) message.request = number();
      message.set = number();
      message.text = bytes().toString();
      break;
    case TAG.UPDATE:
      message.sets = update();
      break;
    case TAG.ONE_OFF:
      message.request = number();
      if (byte() === 0) message.tables = queryRows();
      else message.text = bytes().toString();
      break;
    case TAG.RESULT: {
      message.request = number();
      skip(8);
      message.outcome = byte(); // 0 Ok, 1 OkEmpty, 2 Err, 3 InternalError
      if (message.outcome === 0) { bytes(); message.sets = update(); }
      if (message.outcome >= 2) message.text = bytes().toString();
      break;
    }
    case TAG.PROCEDURE: {
      const returned = byte() === 0, value = bytes();
      if (returned) message.returned = value;
      else message.text = value.toString();
      skip(16);
      message.request = number();
      break;
    }
    case TAG.BATCH:
      message.request = number();
      message.sets = each(() => ({ set: number(), ...(byte() === 0 ? { tables: queryRows() } : { error: bytes().toString() }) }));
      break;
    default:
      throw new Error(`tag ${tag} at ${start} of ${frame.toString("hex").slice(0, 200)}`);
  }
  message.end = at;
  return message;
}
