// Two people in the chat: they see each other's words, and a refusal in the words of the reducer.
// Release: what it is about is the page.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openBrowser, openPage } from "./browser.mjs";
import { example, serve, until } from "../lib/server.mjs";

let folder, server, browser, ann, bob;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "orochi-chat-"));
  server = await serve(example("chat"), { flags: ["--data", join(folder, "data")] });
  browser = await openBrowser();
  const quiet = /WebSocket|ERR_CONNECTION|Failed to/; // of the restart
  ann = await openPage(await browser.newContext(), quiet);
  bob = await openPage(await browser.newContext(), quiet);
  await Promise.all([ann.goto(server.url), bob.goto(server.url)]);
});

after(async () => {
  await browser?.close();
  await server?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

async function rename(page, name) {
  await page.fill("#name", name);
  await page.click("#rename button");
}

async function say(page, text) {
  await page.fill("#text", text);
  await page.click("#send button");
}

const sees = (page, place, text) =>
  until(`${place} shows ${text}`, async () => (await page.locator(place).textContent()).includes(text));

test("both are online", async () => {
  for (const page of [ann, bob]) await sees(page, "#count", "2");
});

test("a name is seen by the other", async () => {
  await rename(ann, "Ann");
  await sees(bob, "#people", "Ann");
  await rename(bob, "Bob");
  await sees(ann, "#people", "Bob");
});

test("a message is seen by the other", async () => {
  await say(ann, "hello <b>Bob</b> 🐍");
  await sees(bob, "#messages", "hello <b>Bob</b> 🐍");
  await sees(bob, "#messages", "Ann");
  assert.equal(await ann.inputValue("#text"), "");
});

test("a refusal is shown in the reducer's words", async () => {
  await rename(bob, "ann");
  await sees(bob, "#notice", "ann is taken.");
  await say(bob, "   ");
  await sees(bob, "#notice", "A message needs some text.");
  await rename(bob, "Bob");
  await until("the notice is gone", async () => !(await bob.locator("#notice").textContent()));
});

test("who leaves is offline", async () => {
  await bob.close();
  await sees(ann, "#count", "1");
});

test("messages and names outlive the server, and the page comes back by itself", async () => {
  await server.stop();
  await sees(ann, "#notice", "broke");
  server = await serve(example("chat"), { port: server.port, flags: ["--data", join(folder, "data")] });
  await until("the line is back", async () => !(await ann.locator("#notice").textContent()));
  await sees(ann, "#messages", "hello");
  await sees(ann, "#people", "Ann (you)");
});

test("nothing went wrong in the pages", () => assert.deepEqual(ann.faults, []));
