// Pages come from regular files below their folder, and from nothing else: links are not followed, and what would make the server
// wait is not opened. The same for the module's folder and the dashboard's.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, rename, symlink, unlink, writeFile, link, chmod } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { cleanFolders, folder, module, PATIENCE, serve } from "./lib/server.mjs";

let server, root, outside;
const sockets = [];

async function fill(dir) {
  await mkdir(join(dir, "sub/deep"), { recursive: true });
  await writeFile(join(dir, "index.html"), "the page");
  await writeFile(join(dir, "sub/index.html"), "the sub page");
  await writeFile(join(dir, "sub/deep/file.js"), "the file");
  await symlink(join(outside, "secret.txt"), join(dir, "link.txt"));
  await symlink("sub/deep/file.js", join(dir, "inner.js"));
  await symlink(outside, join(dir, "out"));
  await symlink("sub", join(dir, "alias"));
  await symlink("../../..", join(dir, "sub/deep/up"));
  await symlink("/proc/self/environ", join(dir, "environ"));
  await symlink("/dev/zero", join(dir, "zero"));
  await symlink("loop", join(dir, "loop"));
  await symlink(join(dir, "gone"), join(dir, "dangling"));
  execFileSync("mkfifo", [join(dir, "fifo"), join(dir, "sub/fifo.html")]);
  await mkdir(join(dir, "folder.html"));
  try { execFileSync("mknod", [join(dir, "device"), "c", "1", "5"], { stdio: "ignore" }); } catch { /* not root */ }
  const unix = createServer().listen(join(dir, "socket"));
  await new Promise(done => unix.once("listening", done));
  sockets.push(unix);
}

before(async () => {
  [root, outside] = [await folder(), await folder()];
  await writeFile(join(outside, "secret.txt"), "SECRET");
  await writeFile(join(outside, "index.html"), "SECRET");
  await mkdir(join(root, "pages"));
  await mkdir(join(root, "board"));
  await fill(join(root, "pages"));
  await fill(join(root, "board"));
  await symlink(join(root, "pages"), join(root, "web")); // where the folder is, its owner decides
  server = await serve(module("game"), {
    flags: ["--memory", "--set", `server.static_dir=${join(root, "web")}`, "--set", `server.dashboard_dir=${join(root, "board")}`],
  });
});
after(async () => {
  sockets.forEach(s => s.close());
  assert.equal(await server.stop(), 0, server.output());
  await cleanFolders();
});

const get = async path => {
  const answer = await fetch(server.url + path, { signal: AbortSignal.timeout(PATIENCE) });
  return { status: answer.status, text: await answer.text() };
};

for (const [what, base] of [["the module's folder", ""], ["the dashboard's folder", "/dashboard"]])
  describe(what, () => {
    test("files are served", async () => {
      assert.deepEqual(await get(`${base}/`), { status: 200, text: "the page" });
      assert.deepEqual(await get(`${base}/sub/`), { status: 200, text: "the sub page" });
      assert.deepEqual(await get(`${base}/sub/deep/file.js`), { status: 200, text: "the file" });
    });

    test("links, pipes, sockets, devices and folders are not", async () => {
      for (const path of ["link.txt", "inner.js", "out/secret.txt", "out/", "alias/index.html", "alias/", "alias/deep/file.js", "sub/deep/up/outside", "environ", "zero",
        "loop", "loop/x", "dangling", "fifo", "sub/fifo.html", "folder.html", "sub", "socket", "device", "index.html/", "index.html/x", "fifo/x", "sub/deep/up/"]) {
        const answer = await get(`${base}/${path}`);
        assert.equal(answer.status, 404, path);
        assert.ok(!answer.text.includes("SECRET"), path);
      }
      assert.equal((await get("/v1/ping")).status, 200);
    });

    test("ways out of it", async () => {
      for (const path of ["..%2f..%2fetc/passwd", "%2e%2e/%2e%2e/etc/passwd", "sub/..%2f..%2fweb/index.html", ".%2findex.html", "sub%2f%2fdeep/file.js", "%2fetc/passwd",
        "%5c..%5cetc"])
        assert.ok([400, 404].includes((await get(`${base}/${path}`)).status), path);
    });
  });

test("a file that is exchanged for a link at any moment never gives what is outside", async () => {
  const at = join(root, "pages/swap.txt"), file = join(root, "pages/.file"), sym = join(root, "pages/.link");
  let swapping = true;
  const swapper = (async () => {
    while (swapping) {
      await writeFile(file, "inside");
      await rename(file, at);
      await symlink(join(outside, "secret.txt"), sym);
      await rename(sym, at);
    }
  })();
  for (let i = 0; i < 400; i++) {
    const { status, text } = await get("/swap.txt");
    assert.ok(status === 404 || (status === 200 && (text === "inside" || text === "")), `${status} ${text}`);
  }
  swapping = false;
  await swapper;
  await unlink(at);
});

test("who may not be read is not there", async () => {
  const path = join(root, "pages/locked.txt");
  await writeFile(path, "x");
  await chmod(path, 0);
  assert.ok([404, 200].includes((await get("/locked.txt")).status)); // root reads everything
  await link(join(root, "pages/index.html"), join(root, "pages/hard.html"));
  assert.equal((await get("/hard.html")).text, "the page");
});
