// The log says which call made each transaction: function, caller, connection, arguments, time.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { bindings, connect } from "./lib/client.mjs";
import { cleanFolders, folder, module, orochi, serve } from "./lib/server.mjs";

let game;
before(async () => (game = await bindings(module("game"))));
after(cleanFolders);

const calls = async data => {
  const { code, stdout, text } = await orochi(["log", "--data", data, "--json"]);
  assert.equal(code, 0, text);
  return stdout.trim().split("\n").filter(Boolean).map(line => JSON.parse(line));
};

test("orochi log lists who called what, while it runs and after a kill", async () => {
  const data = await folder(), begun = Date.now() - 1000;
  const server = await serve(module("game"), { flags: ["--data", data] });
  const me = await connect(game, server, "game");
  await me.conn.reducers.setName({ name: "Ann" });
  await me.conn.reducers.count({ id: 1, by: 2n });
  await me.conn.reducers.count({ id: 1, by: 3n });
  const check = list => {
    const mine = list.filter(c => c.caller === me.identity.toHexString() && c.function !== "-");
    const [name] = mine.filter(c => c.function === "set_name");
    assert.equal(name.args, "03000000" + Buffer.from("Ann").toString("hex"));
    assert.ok(name.changes >= 1);
    assert.equal(name.connection, me.conn.connectionId.toHexString());
    assert.ok(Date.parse(name.time) >= begun && Date.parse(name.time) <= Date.now() + 1000, name.time);
    const counts = mine.filter(c => c.function === "count");
    assert.equal(counts.length, 2);
    assert.ok(counts[0].offset > name.offset && counts[1].offset > counts[0].offset);
    assert.notEqual(counts[0].args, counts[1].args);
  };
  check(await calls(data));
  const { stdout } = await orochi(["log", "--data", data]);
  assert.match(stdout, /^\d+ \S+Z set_name changes=\d+ caller=[0-9a-f]{64} connection=[0-9a-f]{32} args=03000000416e6e$/m);
  await server.kill();
  check(await calls(data));
});

test("and says where there is none", async () => {
  const data = await folder();
  const server = await serve(module("game"), { flags: ["--data", data] });
  assert.equal(await server.stop(), 0);
  const { code, stdout, stderr } = await orochi(["log", "--data", data]);
  assert.equal(code, 0);
  assert.equal(stdout, "");
  assert.match(stderr, /has no log: its tables have everything/);
  assert.equal((await orochi(["log", "--what"])).code, 2);
  assert.equal((await orochi(["log", "--data", await folder()])).code, 4);
});
