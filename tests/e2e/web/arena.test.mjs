// A visitor of the arena: sees it move at once, joins, steers, and is the same person after a reload.
// Release: what it is about is the page.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openBrowser, openPage } from "./browser.mjs";
import { bots, example, serve, sql, until } from "../lib/server.mjs";

const BOTS = 15;
let server, crowd, browser, context, page;

before(async () => {
  server = await serve(example("arena"));
  crowd = bots(server, BOTS);
  browser = await openBrowser();
  context = await browser.newContext({ viewport: { width: 1000, height: 700 } });
  page = await openPage(context);
  await page.goto(server.url);
});

after(async () => {
  await browser?.close();
  await crowd?.stop();
  await server?.stop();
});

const status = () => page.locator("#status").textContent();
const body = async name => {
  const [player] = await sql(server, "arena", `SELECT * FROM player WHERE name = '${name}'`);
  if (!player) return undefined;
  const [found] = await sql(server, "arena", `SELECT * FROM body WHERE id = ${player.id}`);
  return found && { ...found, identity: JSON.stringify(player.identity) };
};

test("a spectator sees the bots move", async () => {
  await until("all bots are in the arena", async () => parseInt(await status()) >= BOTS);
  await until("they move", async () => /[1-9]\d* moves\/s/.test(await status()));
  assert.ok(await page.locator("#welcome").isVisible());
  assert.equal(await page.locator("#leaders li").count(), 10);
  const first = await page.locator("#arena").screenshot();
  await until("the picture changes", async () => {
    return !first.equals(await page.locator("#arena").screenshot());
  });
});

test("a visitor joins, steers and grows no second body", async () => {
  await page.fill("#name", "Tester");
  await page.click("#play");
  await page.waitForSelector("#score:not([hidden])");
  assert.ok(await page.locator("#welcome").isHidden());
  assert.match(await page.locator("#leaders").textContent(), /Tester/);
  const start = await until("the body is there", () => body("Tester"));
  // Away from the nearer wall, so that there is way to go.
  await page.mouse.move(start.x < 2000 ? 990 : 10, 350);
  await until("it has moved that way", async () => {
    const now = await body("Tester");
    return now && (start.x < 2000 ? now.x > start.x + 40 : now.x < start.x - 40);
  });
  const rows = await sql(server, "arena", "SELECT * FROM player WHERE name = 'Tester'");
  assert.equal(rows.length, 1);
});

test("after a reload the visitor is the same person", async () => {
  const { identity } = await body("Tester");
  await page.reload();
  await until("the page is live again", async () => parseInt(await status()) >= BOTS);
  await until("the closed connection took the body away", async () => !(await body("Tester")));
  assert.equal(await page.inputValue("#name"), "Tester");
  await page.click("#play");
  const again = await until("the body is back", () => body("Tester"));
  assert.equal(again.identity, identity);
});

test("leaving makes a spectator of the visitor", async () => {
  await page.click("#leave");
  await page.waitForSelector("#welcome:not([hidden])");
  await until("the body is gone", async () => !(await body("Tester")));
});

test("nothing went wrong in the page", () => assert.deepEqual(page.faults, []));
