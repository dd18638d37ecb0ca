// Release: it compiles TypeScript, and runs nothing of the server but its generator
// Every block of TypeScript in the README and docs/ compiles, against the bindings of the page's modules, as strictly as tsc can.
//
//     <!-- ts: rooms -->     against the bindings of the module rooms, of this page
//
// A block that has no `conn` of its own is given one.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, readdir, symlink, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { after, test } from "node:test";
import { ROOT, cleanFolders, folder, orochi } from "./lib/server.mjs";

const MODULES = join(ROOT, "tests/e2e/node_modules");
const BLOCK = /^(?:<!-- (?<mark>[a-z ]+)(?:: (?<name>[^>]*?))? -->\n+)?```(?<lang>\w*)[^\n]*\n(?<text>[^]*?)^```$/gm;
after(cleanFolders);

const pages = async () => [join(ROOT, "README.md"), ...(await readdir(join(ROOT, "docs"), { recursive: true }))
  .filter(name => name.endsWith(".md")).sort().map(name => join(ROOT, "docs", name))];

/** What stands around a block that is a part of a page's program. */
function whole(text) {
  const needs = ["DbConnection", "tables", "reducers"].filter(name => new RegExp(`\\b${name}\\b`).test(text.replace(/\w+\.(tables|reducers)/g, "")));
  const own = /(const|let) conn\b|\(conn\b/.test(text);
  if (!own && /\bconn\b/.test(text)) needs.push("DbConnection");
  const head = /from ["']\.\/bindings["']/.test(text) ? "" : `import { ${[...new Set(needs)].join(", ")} } from "./bindings";\n`;
  return head + (own || !/\bconn\b/.test(text) ? "" : "declare const conn: DbConnection;\n") + text + "\nexport {};\n";
}

test("every block of TypeScript compiles against the bindings of its page's module", { timeout: 180_000 }, async () => {
  const at = await folder();
  let seen = 0;
  for (const [n, page] of (await pages()).entries()) {
    const blocks = [...(await readFile(page, "utf8")).matchAll(BLOCK)].map(match => match.groups);
    const parts = blocks.filter(block => block.lang === "ts" || block.lang === "typescript");
    for (const [i, part] of parts.entries()) {
      assert.ok(part.mark === "ts" && part.name, `${relative(ROOT, page)}: <!-- ts: MODULE --> goes before the block: ${part.text.slice(0, 60)}`);
      const own = blocks.filter(block => block.mark === "module" && block.name === part.name).map(block => block.text).join("\n\n");
      assert.notEqual(own, "", `${relative(ROOT, page)} has no module ${part.name}`);
      const place = join(at, `page${n}_${i}`);
      await mkdir(place);
      await writeFile(join(place, `${part.name}.py`), own);
      const made = await orochi(["generate", "--lang", "typescript", "--out", join(place, "bindings"), join(place, `${part.name}.py`)]);
      assert.equal(made.code, 0, made.text);
      await writeFile(join(place, "main.ts"), whole(part.text));
      seen++;
    }
  }
  assert.ok(seen >= 4);
  await symlink(MODULES, join(at, "node_modules"));
  await writeFile(join(at, "tsconfig.json"), JSON.stringify({
    compilerOptions: {
      strict: true, noUncheckedIndexedAccess: true, noImplicitOverride: true,
      noEmit: true, target: "ES2022", module: "ESNext", moduleResolution: "bundler", verbatimModuleSyntax: true,
      lib: ["ES2022", "ESNext.Iterator", "DOM", "DOM.Iterable"], skipLibCheck: true, types: [],
    },
    include: ["page*/**/*.ts"],
  }));
  const done = await new Promise(ended =>
    execFile(process.execPath, [join(MODULES, "typescript/bin/tsc"), "-p", at], { timeout: 150_000 }, (error, stdout) => ended({ error, stdout })));
  assert.equal(done.error, null, done.stdout);
});
