// v1.bsatn by hand (docs/wire.md#v1), as SDKs 1.x speak it: client messages, and answers read.

import { Raw, text, u32 } from "./raw.mjs";

const message = (tag, ...parts) => Buffer.concat([Buffer.from([tag]), ...parts]);
const bytes = b => Buffer.concat([u32(b.length), b]);
const texts = list => Buffer.concat([u32(list.length), ...list.map(text)]);

/** Client messages. */
export const call = (request, reducer, args = Buffer.alloc(0), flags = 0) => message(0, text(reducer), bytes(args), u32(request), Buffer.from([flags]));
export const subscribe = (request, ...queries) => message(1, texts(queries), u32(request));
export const oneOff = (id, query) => message(2, text(id), text(query));
export const subscribeSingle = (request, id, query) => message(3, text(query), u32(request), u32(id));
export const subscribeMulti = (request, id, ...queries) => message(4, texts(queries), u32(request), u32(id));
export const unsubscribe = (request, id) => message(5, u32(request), u32(id));
export const unsubscribeMulti = (request, id) => message(6, u32(request), u32(id));
export const callProcedure = (request, procedure, args = Buffer.alloc(0)) => message(7, text(procedure), bytes(args), u32(request), Buffer.from([0]));

const NAMES = ["InitialSubscription", "TransactionUpdate", "TransactionUpdateLight", "IdentityToken", "OneOffQueryResponse", "SubscribeApplied",
  "UnsubscribeApplied", "SubscriptionError", "SubscribeMultiApplied", "UnsubscribeMultiApplied", "ProcedureResult"];

/** A connection of v1: answers as {is, request, id, tables: [{table, rows, updates: [{deletes, inserts}]}] ...}; rows as bytes. */
export class RawV1 extends Raw {
  constructor(server, database, options = {}) { super(server, database, { ...options, protocol: "v1" }); }

  take(frame) {
    this.frames++;
    const { value, end } = read(frame, 1);
    if (frame[0] !== 0 || end !== frame.length) throw new Error(`${end} of ${frame.length} bytes read: ${frame.toString("hex").slice(0, 200)}`);
    this.messages.push(value);
    this.wake?.();
  }

  /** The answer to what is sent: the next message. */
  async ask(...parts) {
    const n = this.messages.length;
    this.send(...parts);
    return (await this.wait(n + 1))[n];
  }
}

function read(frame, at) {
  const byte = () => frame[at++];
  const number = () => { at += 4; return frame.readUInt32LE(at - 4); };
  const long = () => { at += 8; return Number(frame.readBigUInt64LE(at - 8)); };
  const take = n => { at += n; return frame.subarray(at - n, at); };
  const lengthened = () => take(number());
  const word = () => lengthened().toString();
  const each = one => Array.from({ length: number() }, one);
  const option = one => (byte() === 0 ? one() : null);
  const rowList = () => {
    let starts = [], size = 0;
    if (byte() === 0) size = frame.readUInt16LE((at += 2) - 2);
    else starts = each(long);
    const data = lengthened();
    if (size > 0) starts = Array.from({ length: data.length / size }, (_, i) => i * size);
    return starts.map((from, i) => data.subarray(from, starts[i + 1] ?? data.length));
  };
  const update = () => { if (byte() !== 0) throw new Error("it is compressed"); return { deletes: rowList(), inserts: rowList() }; };
  const tableUpdate = () => ({ number: number(), table: word(), rows: long(), updates: each(update) });
  const tables = () => each(tableUpdate);
  const subscribeRows = () => {
    const name = [number(), word()], one = tableUpdate();
    if (one.number !== name[0] || one.table !== name[1]) throw new Error("the table is named otherwise before its rows");
    return [one];
  };
  const value = { is: NAMES[byte()] };
  switch (value.is) {
    case "IdentityToken":
      Object.assign(value, { identity: take(32), token: word(), connection: take(16) });
      break;
    case "InitialSubscription":
      Object.assign(value, { tables: tables(), request: number() });
      long();
      break;
    case "TransactionUpdate": {
      const status = byte();
      if (status === 0) value.tables = tables();
      else value.failed = word();
      Object.assign(value, { at: long(), caller: take(32), connection: take(16), reducer: word(), number: number(), args: lengthened(), request: number() });
      take(24);
      break;
    }
    case "TransactionUpdateLight":
      number();
      value.tables = tables();
      break;
    case "OneOffQueryResponse":
      Object.assign(value, { id: word(), error: option(word), tables: each(() => ({ table: word(), rows: rowList() })) });
      long();
      break;
    case "SubscriptionError":
      long();
      Object.assign(value, { request: option(number), id: option(number), table: option(number), error: word() });
      break;
    case "ProcedureResult": {
      const status = byte(), result = lengthened();
      Object.assign(value, status === 0 ? { returned: result } : { failed: result.toString() });
      take(16);
      value.request = number();
      break;
    }
    default: // of a set that begins or ends
      value.request = number();
      long();
      value.id = number();
      value.tables = value.is.includes("Multi") ? tables() : subscribeRows();
  }
  return { value, end: at };
}
