// Plays a scenario of ws.mjs: encodes what its clients do, and writes what they hear as the scenario has it.

import assert from "node:assert/strict";
import { call, callProcedure, oneOff, Raw, subscribe, TAG, text, u32, u64, unsubscribe } from "../lib/raw.mjs";
import { columns, parameters } from "./ws.mjs";

const i32 = n => { const b = Buffer.alloc(4); b.writeInt32LE(n); return b; };

/** A row, and where the next one begins. `ids`: letter of each identity, by its bytes in hex. */
function row(types, bytes, at, ids) {
  const values = types.map(type => {
    const from = at;
    switch (type.replace(/^[#?]/, "")) {
      case "u32": at += 4; return `${bytes.readUInt32LE(from)}`;
      case "i32": at += 4; return `${bytes.readInt32LE(from)}`;
      case "u64": at += 8; return "#";
      case "at": at += 9; return "?";
      case "link": at += 16; return "?";
      case "bool": at += 1; return `${bytes[from]}`;
      case "id": at += 32; return `@${ids.get(bytes.subarray(from, at).toString("hex")) ?? "?"}`;
      default: at += 4 + bytes.readUInt32LE(from); return bytes.subarray(from + 4, at).toString();
    }
  });
  return [`(${values.join(",")})`, at];
}

function rows(table, bytes, ids) {
  const out = [];
  for (let at = 0, one; at < bytes.length; out.push(one)) [one, at] = row(columns[table], bytes, at, ids);
  return out.sort();
}

const tables = (list, ids) => list.map(t => ` ${t.table}[${rows(t.table, t.rows, ids).join("")}]`).sort().join("");

function sets(list, ids) {
  return [...list].sort((a, b) => a.set - b.set).map(s => {
    const changed = new Map();
    for (const t of s.tables) {
      const of = changed.get(t.table) ?? { "+": [], "-": [], "!": [] };
      changed.set(t.table, of);
      for (const r of t.rows) {
        if (r.events) of["!"].push(...rows(t.table, r.events, ids));
        else { of["+"].push(...rows(t.table, r.inserts, ids)); of["-"].push(...rows(t.table, r.deletes, ids)); }
      }
    }
    return ` ${s.set}${[...changed].sort().map(([name, of]) => ` ${name}${Object.entries(of).map(([sign, r]) => r.sort().map(x => ` ${sign}${x}`).join("")).join("")}`).join("")}`;
  }).join("");
}

function heard(m, ids) {
  switch (m.tag) {
    case TAG.SUBSCRIBED: return `applied ${m.set}${tables(m.tables, ids)}`;
    case TAG.UNSUBSCRIBED: return `gone ${m.set}${m.tables ? tables(m.tables, ids) : ""}`;
    case TAG.SUBSCRIPTION_ERROR: return `refused ${m.set}`;
    case TAG.UPDATE: return `update${sets(m.sets, ids)}`;
    case TAG.ONE_OFF: return m.text === undefined ? `once${tables(m.tables, ids)}` : "once refused";
    case TAG.RESULT: return ["ok" + sets(m.sets ?? [], ids), "ok", `err ${m.outcome === 2 ? Buffer.from(m.text).subarray(4).toString() : ""}`, "failed"][m.outcome];
    case TAG.PROCEDURE: return m.returned ? `returned ${m.returned.toString("hex")}` : "run failed";
    default: return `tag ${m.tag}`;
  }
}

function encode(name, words, clients) {
  const types = parameters[name];
  return Buffer.concat(types.map((type, i) => {
    const word = words[i] ?? "0";
    switch (type) {
      case "u32": return u32(Number(word));
      case "i32": return i32(Number(word));
      case "u64": return u64(word);
      case "bool": return Buffer.from([Number(word)]);
      case "id": return clients[word.slice(1)].identity;
      default: return text(i === types.length - 1 ? words.slice(i).join(" ") : word);
    }
  }));
}

function act(client, what, clients) {
  const [verb, ...words] = what.split(" ");
  const request = client.requests++, rest = words.slice(1);
  switch (verb) {
    case "sub": return client.raw.send(subscribe(request, Number(words[0]), ...rest.join(" ").split("; ").filter(Boolean)));
    case "unsub": return client.raw.send(unsubscribe(request, Number(words[0])));
    case "drop": return client.raw.send(unsubscribe(request, Number(words[0]), true));
    case "once": return client.raw.send(oneOff(request, words.join(" ")));
    case "call": return client.raw.send(call(request, words[0], encode(words[0], rest, clients)));
    default: return client.raw.send(callProcedure(request, words[0], encode(words[0], rest, clients)));
  }
}

async function come(server, database, protocol, token) {
  const raw = new Raw(server, database, { protocol, token });
  const [first] = await raw.wait(1, TAG.INITIAL);
  return { raw, identity: first.identity, token: first.token, requests: 100, heard: 1 };
}

/** What a client was told since it was asked last, when `n` messages of it have come. */
async function hears(client, n, ids) {
  await client.raw.wait(client.heard + n);
  const news = client.raw.messages.slice(client.heard);
  client.heard = client.raw.messages.length;
  return news.map(m => heard(m, ids));
}

export async function play(server, database, protocol, [title, steps], n) {
  const clients = {};
  const hex = name => Buffer.from(clients[name].identity).reverse().toString("hex"); // as people write it: most significant byte first
  const fill = s => s.replaceAll("{n}", `${n}`).replace(/0x@(\w)/g, (_, name) => `0x${hex(name)}`);
  try {
    for (const name of ["a", "b", "c"]) clients[name] = await come(server, database, protocol);
    if (steps.some(([what]) => what.startsWith("a2"))) clients.a2 = await come(server, database, protocol, clients.a.token);
    const ids = new Map(["a", "b", "c"].map(name => [clients[name].identity.toString("hex"), name]));
    for (const [what, wanted] of [...steps, ...Object.keys(clients).map(name => [`${name} call nothing`, { [name]: "ok" }])]) {
      const [name, ...rest] = fill(what).split(" ");
      if (rest[0] === "leave") clients[name].raw.socket.close();
      else if (rest[0] === "break") clients[name].raw.break();
      else if (rest[0] === "come") clients[name] = await come(server, database, protocol, clients[name[0]].token);
      else act(clients[name], rest.join(" "), clients);
      if (rest[0] === "leave" && name.length > 1) { await clients[name].raw.closed; delete clients[name]; }
      for (const [of, list] of Object.entries(wanted)) {
        const lines = [list].flat().map(fill);
        assert.deepEqual(await hears(clients[of], lines.length, ids), lines, `${title}: ${fill(what)}: what ${of} hears`);
      }
    }
  } finally {
    for (const client of Object.values(clients)) client.raw.socket.close();
  }
}
