// What a procedure is told when it goes beside the way, and the environment it has.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { call, cleanFolders, module, serve, until } from "./lib/server.mjs";

let server;
before(async () => (server = await serve(module("procedure_words"), { flags: ["--memory", "--env", "KEY=sesame"] })));
after(async () => {
  assert.equal(await server.stop(), 0, server.output().slice(-5000));
  await cleanFolders();
});
const ask = async name => (await call(server, "procedure_words", name, [])).json();

test("a procedure reads the environment, where keys of services are", async () => {
  assert.equal(await ask("key"), "sesame");
  assert.equal(await ask("key_later"), "sesame");
});

test("what runs when its result goes has no transaction any more", async () => {
  for (let i = 0; i < 4; i++) assert.deepEqual(await ask("opens_late"), ["opens"]);
  assert.equal(await ask("key"), "sesame");
});

test("a procedure is told what to write instead", async () => {
  const words = [/AttributeError: .*ctx\.with_tx\(lambda tx: tx\.schedule\(/, /AttributeError: there is no ctx\.http in a transaction.*@procedure/,
    /AttributeError: there is no ctx\.sleep in a transaction/, /TransactionError: this transaction has ended already/, /\(False, True\)/, /^\d+$/,
    /^\d+$/, /^None$/, /^None$/, /TypeError: ctx\.sleep_until\('1'\): it is a Timestamp/, /TypeError: ctx\.sleep_until\(2\.5\): it is a Timestamp/];
  const told = await ask("told");
  assert.equal(told.length, words.length, `${told}`);
  words.forEach((word, i) => assert.match(told[i], word));
  await until("the reducer that it has scheduled", () => /later: from a procedure/.test(server.output()));
});
