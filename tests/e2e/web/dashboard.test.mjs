// The dashboard while a game is played: numbers are there, are right, and change.
// Alone: rates are measured.
// Release: what it is about is the page.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openBrowser, openPage } from "./browser.mjs";
import { bots, example, serve, until } from "../lib/server.mjs";

const BOTS = 12;
let server, crowd, browser, page;

before(async () => {
  server = await serve(example("arena"));
  crowd = bots(server, BOTS);
  browser = await openBrowser();
  const context = await browser.newContext({ viewport: { width: 1300, height: 1000 } });
  page = await openPage(context);
  await page.goto(`${server.url}/dashboard`);
});

after(async () => {
  await browser?.close();
  await crowd?.stop();
  await server?.stop();
});

/** What a tile shows, as a number: "1,234/s" is 1234, "4.2 k/s" is 4200. */
async function tile(label) {
  const card = page.locator(".tile", { has: page.getByText(label, { exact: true }) });
  const text = await card.locator(".value").textContent();
  const found = /^([\d.,]+)\s*([kM])?/.exec(text);
  if (!found) return NaN;
  return Number(found[1].replaceAll(",", "")) * ({ k: 1e3, M: 1e6 }[found[2]] ?? 1);
}

const cells = async (table, first) => {
  const row = page.locator(`#${table} tr`, { has: page.getByText(first, { exact: true }) });
  return (await row.locator("td").allTextContents()).slice(1);
};

test("it is live and counts the connections", async () => {
  await page.waitForSelector('body[data-state="live"]');
  assert.equal(await page.locator("#state span").textContent(), "live"); // by websocket, not by asking each second
  await until("bots and observer are counted", async () => (await tile("Connections")) > BOTS);
});

test("calls, messages and commits are counted", async () => {
  for (const label of ["Reducer calls", "Messages out", "Commits"])
    await until(`${label} is more than nothing`, async () => (await tile(label)) > 0);
});

test("the tick runs 20 times a second", async () => {
  await until("the table says so", async () => {
    const [rate] = await cells("reducers", "tick");
    return Math.abs(Number(rate) - 20) < (process.env.OROCHI_SLOW ? 15 : 2);
  });
});

test("the rows of the tables are shown", async () => {
  await until("pellets are counted", async () => (await cells("rows", "pellet"))[0] === "900");
  await until("players are counted", async () => Number((await cells("rows", "body"))[0]) >= BOTS);
});

test("the numbers change", async () => {
  const total = async () => (await cells("reducers", "tick"))[1];
  const before = await total();
  await until("the number of ticks has grown", async () => (await total()) !== before);
  assert.ok((await page.locator(".plot canvas").count()) >= 7, "the plots are drawn");
});

test("it says when the server is gone, and comes back with it", async () => {
  await crowd.stop();
  await server.stop();
  await page.waitForSelector('body[data-state="offline"]', { timeout: 20_000 });
  page.faults.length = 0; // of the time without a server
  server = await serve(example("arena"), { port: server.port });
  await page.waitForSelector('body[data-state="live"]', { timeout: 20_000 });
});

test("nothing went wrong in the page", () => {
  assert.deepEqual(page.faults.filter(fault => !/ERR_CONNECTION|Failed to (load|fetch)/.test(fault)), []);
});
