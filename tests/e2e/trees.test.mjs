// Types that contain themselves, from the client's objects to the file and back.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { bindings, connect, rows, subscribe } from "./lib/client.mjs";
import { call, cleanFolders, folder, module, orochi, serve, sql, until } from "./lib/server.mjs";

after(cleanFolders);

const trees = module("trees"), db = "trees";
const node = (name, children = [], named = []) => ({ name, children, named });
const leaf = value => ({ tag: "Leaf", value: { value } });
const branch = (left, right) => ({ tag: "Branch", value: { left, right } });
const chain = n => (n === 0 ? undefined : { x: n, next: chain(n - 1) });

const ROOT = node("root", [node("a", [node("b")]), node("c")], [{ key: "k", value: node("d") }]);
const TREE = branch(leaf(1n), branch(leaf(2n), leaf(3n)));
const FOLDER = { entries: [{ name: "x", inside: { entries: [{ name: "y", inside: undefined }] } }] };

test("the bindings pass tsc --strict, and so does code that uses them", async () => {
  const out = await folder(), modules = join(dirname(fileURLToPath(import.meta.url)), "node_modules");
  const made = await orochi(["generate", "--lang", "typescript", "--out", join(out, "b"), trees]);
  assert.equal(made.code, 0, made.text);
  await symlink(modules, join(out, "node_modules"));
  await writeFile(join(out, "use.ts"), `
    import { DbConnection } from "./b";
    import type { Comment, Forest, Node, Tree } from "./b/types";
    const inner: Node = { name: "b", children: [], named: [] };
    const root: Node = { name: "a", children: [inner], named: [{ key: "k", value: inner }] };
    const tree: Tree = { tag: "Branch", value: { left: { tag: "Leaf", value: { value: 1n } }, right: { tag: "Leaf", value: { value: 2n } } } };
    const conn = DbConnection.builder().withUri("ws://127.0.0.1").withDatabaseName("trees").build();
    void conn.reducers.plant({ root, tree, chain: { x: 1, next: undefined }, folder: { entries: [] } });
    for (const row of conn.db.forest.iter()) { const r: Forest = row; console.log(r.size + 1, r.root.name.length); }
    // @ts-expect-error: a child is a Node
    const wrong: Node = { name: "a", children: [1], named: [] };
    // @ts-expect-error: a Leaf has a value
    const bare: Tree = { tag: "Leaf" };
    console.log(wrong, bare);
    for (const row of conn.db.comment.iter()) { const c: Comment = row; console.log(c.replies.length); }
  `);
  await writeFile(join(out, "tsconfig.json"), JSON.stringify({
    compilerOptions: { strict: true, noEmit: true, target: "ES2022", module: "ESNext", moduleResolution: "bundler",
      lib: ["ES2023", "DOM"], skipLibCheck: true, preserveSymlinks: true },
    include: ["**/*.ts"], exclude: ["node_modules"],
  }));
  const done = await promisify(execFile)(process.execPath, [join(modules, "typescript/bin/tsc"), "-p", out])
    .then(() => "", error => error.stdout || `${error}`);
  assert.equal(done, "");
});

test("a client's trees reach the reducer, the table, other clients and the file", async () => {
  const data = await folder(), made = await bindings(trees);
  let server = await serve(trees, { flags: ["--data", data] });
  try {
    const ann = await connect(made, server, db), bob = await connect(made, server, db);
    await subscribe(bob, "SELECT * FROM forest", "SELECT * FROM comment");
    await ann.conn.reducers.plant({ root: ROOT, tree: TREE, chain: chain(3), folder: FOLDER });
    const [row] = await until("bob sees the row", () => rows(bob.conn.db.forest).length && rows(bob.conn.db.forest));
    assert.deepEqual({ ...row, id: 0n }, { id: 0n, root: ROOT, tree: TREE, chain: chain(3), folder: FOLDER, size: 5063 });

    await ann.conn.reducers.graft({ id: row.id, name: "new" });
    const grown = branch(TREE, leaf(1n));
    await until("bob sees the change", () => rows(bob.conn.db.forest)[0].root.children.length === 3);
    assert.deepEqual(rows(bob.conn.db.forest)[0].tree, grown);

    const comment = { id: 1, text: "hi", replies: [{ id: 2, text: "ho", replies: [{ id: 3, text: "!", replies: [] }] }] };
    await ann.conn.reducers.say({ comment });
    await until("bob sees the comment", () => rows(bob.conn.db.comment).length);
    assert.deepEqual(rows(bob.conn.db.comment), [comment]);

    // Over HTTP as JSON, and the answer of SQL.
    const answer = await call(server, db, "say", [{ id: 9, text: "http", replies: [{ id: 8, text: "in", replies: [] }] }]);
    assert.equal(answer.status, 200, await answer.text());
    assert.deepEqual(await sql(server, db, "SELECT * FROM comment WHERE id = 9"),
      [{ id: 9, text: "http", replies: [[8, "in", []]] }]);
    ann.conn.disconnect();
    bob.conn.disconnect();

    await server.stop();
    server = await serve(trees, { flags: ["--data", data] });
    const eve = await connect(made, server, db);
    await subscribe(eve, "SELECT * FROM forest", "SELECT * FROM comment");
    assert.deepEqual(rows(eve.conn.db.forest).map(r => r.tree), [grown]);
    assert.equal(rows(eve.conn.db.comment).length, 2);
    eve.conn.disconnect();

    // A new column: the stored types are compared with the module's.
    await server.stop();
    const changed = join(await folder(), "trees.py");
    await writeFile(changed, (await readFile(trees, "utf8")).replace("size: u32 = 0", "size: u32 = 0\n    extra: u8 = 7"));
    server = await serve(changed, { flags: ["--data", data] });
    assert.deepEqual((await sql(server, db, "SELECT extra FROM forest")).map(r => r.extra), [7]);
  } finally {
    await server.stop();
  }
});

test("nesting has a limit, in arguments and in rows, and the server lives on", async () => {
  const server = await serve(trees);
  const nested = n => (n === 0 ? [] : [{ id: n, text: "", replies: nested(n - 1) }]);
  try {
    assert.equal((await call(server, db, "deep", [30])).status, 200);
    assert.equal((await call(server, db, "deep", [100_000])).status, 530);
    assert.equal((await call(server, db, "say", [nested(20)[0]])).status, 200);
    assert.equal((await call(server, db, "say", [nested(400)[0]])).status, 400);
    assert.equal((await sql(server, db, "SELECT * FROM forest")).length, 1);
  } finally {
    await server.stop();
  }
});

test("the definition has Refs where the type stands in itself", async () => {
  const { code, stdout } = await orochi(["describe", "--json", trees]);
  assert.equal(code, 0);
  const definition = JSON.parse(stdout);
  const sections = Object.assign({}, ...(definition.V10 ?? definition).sections);
  const ref = Object.fromEntries(sections.Types.map(t => [t.source_name.source_name, t.ty]));
  const type = name => sections.Typespace.types[ref[name]];
  assert.deepEqual(type("Comment").Product.elements[2].algebraic_type, { Array: { Ref: ref.Comment } });
  assert.deepEqual(type("Tree").Sum.variants[1].algebraic_type, { Ref: ref.Branch });
  assert.deepEqual(type("Branch").Product.elements[0].algebraic_type, { Ref: ref.Tree });
});
