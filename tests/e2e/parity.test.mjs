// What clients written for SpacetimeDB rely on, as lists: statements of SQL, requests over HTTP, and conversations over the websocket
// (tests/e2e/parity). What we do otherwise on purpose stands in docs/from/spacetimedb.md and docs/sql.md.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { cases as httpCases } from "./parity/http.mjs";
import { cases as sqlCases, setup, subscriptions } from "./parity/sql.mjs";
import { play } from "./parity/talk.mjs";
import { scenarios } from "./parity/ws.mjs";
import { oneOff, Raw, subscribe, TAG } from "./lib/raw.mjs";
import { cleanFolders, folder, module, PATIENCE, serve } from "./lib/server.mjs";

let server, who, ids;

/** {status, text, type} of a request; `by`: "owner", "stranger", "nobody", or what Authorization says. */
async function ask(request, { by = "nobody", body, headers = {} } = {}) {
  const [method, path] = request.split(" ");
  const authorization = by === "nobody" ? {} : { authorization: who[by] ? `Bearer ${who[by].token}` : by };
  const answer = await fetch(server.url + path.replace("/DB", "/parity"), { method, body, headers: { ...headers, ...authorization }, signal: AbortSignal.timeout(PATIENCE) });
  return { status: answer.status, type: answer.headers.get("content-type"), text: await answer.text() };
}

const identityOf = token => JSON.parse(Buffer.from(token.split(".")[1], "base64url")).hex_identity;

before(async () => {
  const data = await folder();
  server = await serve(module("parity"), { flags: ["--data", join(data, "data")] });
  const owner = (await readFile(join(data, "data", "owner.token"), "utf8")).trim();
  const made = await fetch(`${server.url}/v1/identity`, { method: "POST", signal: AbortSignal.timeout(PATIENCE) });
  const stranger = (await made.json()).token;
  who = { owner: { token: owner }, stranger: { token: stranger } };
  ids = { owner: identityOf(owner), stranger: identityOf(stranger), ownerToken: owner };
  const hex = { owner: `0x${ids.owner}`, stranger: `0x${ids.stranger}` };
  for (const [reducer, args, by = "owner"] of setup(hex)) {
    const answer = await ask(`POST /v1/database/DB/call/${reducer}`, { by, body: written(args), headers: { "content-type": "application/json" } });
    assert.equal(answer.status, 200, `${reducer}: ${answer.text}`);
  }
});
after(async () => {
  assert.equal(await server?.stop(), 0, server?.output());
  await cleanFolders();
});

/** Arguments as JSON; numbers of more digits than JavaScript keeps are texts there. */
const written = args => JSON.stringify(args, (_, v) => (typeof v === "string" && /^-?\d{10,}$/.test(v) ? `#${v}#` : v)).replace(/"#(-?\d+)#"/g, "$1");

const sorted = rows => rows.map(row => JSON.stringify(row)).sort();

function checkSql(sql, answer, wanted, told) {
  if (wanted instanceof RegExp) {
    assert.equal(answer.status, 400, `${told}: it is answered: ${answer.text.slice(0, 300)}`);
    assert.match(answer.text, wanted, told);
    return;
  }
  assert.equal(answer.status, 200, `${told}: ${answer.text}`);
  const [{ schema, rows }] = JSON.parse(answer.text);
  if (/^\s*(INSERT|UPDATE|DELETE)/.test(sql)) return;
  assert.deepEqual(sorted(rows), sorted(wanted.map(row => (Array.isArray(row) ? row : [row]))), told);
  assert.equal(schema.elements.length, rows[0]?.length ?? schema.elements.length, told);
  if (/COUNT\(\*\)/i.test(sql)) assert.deepEqual(schema.elements[0].algebraic_type, { U64: [] }, told);
}

describe("parity", () => {
  test("SQL, as the owner and as a stranger", async () => {
    const list = sqlCases({ owner: `0x${ids.owner}`, stranger: `0x${ids.stranger}` });
    assert.ok(list.length >= 150, `${list.length}`);
    const wrong = [];
    for (const [sql, answer] of list)
      for (const by of ["stranger", "owner"]) {
        const wanted = answer.owner !== undefined ? answer[by] : answer;
        try {
          checkSql(sql, await ask("POST /v1/database/DB/sql", { by, body: sql }), wanted, `${by}: ${sql}`);
        } catch (e) {
          wrong.push(e.message);
        }
      }
    assert.deepEqual(wrong, []);
  });

  test("HTTP", async () => {
    const list = httpCases(ids);
    assert.ok(list.length >= 80, `${list.length}`);
    const wrong = [];
    for (const [{ request, who: by, body, headers }, status, wanted] of list) {
      const answer = await ask(request, { by, body, headers });
      const told = `${request} ${(body ?? "").slice(0, 300)} by ${by ?? "nobody"}: ${answer.status} ${answer.text.slice(0, 200)}`;
      const fits = wanted === undefined || (typeof wanted === "string" && wanted.startsWith("type:") ? answer.type === wanted.slice(5)
        : typeof wanted === "string" ? answer.text === wanted : wanted instanceof RegExp ? wanted.test(answer.text) : answer.text === JSON.stringify(wanted));
      if (answer.status !== status || !fits) wrong.push(`${told}, wanted ${status} ${wanted ?? ""}`);
    }
    assert.deepEqual(wrong, []);
  });

  for (const protocol of ["v2", "v3"])
    for (const [i, scenario] of scenarios.entries())
      test(`${scenario[0]} (${protocol})`, () => play(server, "parity", protocol, scenario, (protocol === "v2" ? 1000 : 2000) + i));

  for (const protocol of ["v2", "v3"])
    test(`what may be subscribed to, and asked once (${protocol})`, async () => {
      const raw = new Raw(server, "parity", { protocol, token: who.stranger.token });
      await raw.wait(1, TAG.INITIAL);
      const wrong = [], texts = [...subscriptions.granted.map(text => [text]), ...subscriptions.refused];
      for (const [i, [text]] of texts.entries()) raw.send(subscribe(i, i, text));
      const answers = (await raw.wait(texts.length, TAG.SUBSCRIBED, TAG.SUBSCRIPTION_ERROR)).sort((a, b) => a.request - b.request);
      for (const [i, [text, why]] of texts.entries())
        if (why ? !why.test(answers[i].text ?? "") : answers[i].tag !== TAG.SUBSCRIBED) wrong.push(`${text}: ${answers[i].text ?? "granted"}`);
      const once = texts.filter(([text]) => !/\* FROM \*|remark r JOIN remark|JOIN loot l$/.test(text));
      for (const [i, [text]] of once.entries()) raw.send(oneOff(i, text));
      const single = await raw.wait(once.length, TAG.ONE_OFF);
      for (const [i, [text, why]] of once.entries())
        if (why ? !why.test(single[i].text ?? "") : single[i].text !== undefined) wrong.push(`once: ${text}: ${single[i].text ?? "granted"}`);
      raw.socket.close();
      assert.deepEqual(wrong, []);
    });
});
