// The page of examples/cards: two people play a whole game with the mouse, one of them reloads in the middle, a phone has room for it.
// Release: what it is about is the page.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openBrowser, openPage } from "./browser.mjs";
import { example, serve, until } from "../lib/server.mjs";

let folder, server, browser, ann, bob;
const HAND = 7;
const SHOTS = process.env.OROCHI_PICTURES; // a folder for pictures to look at

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "orochi-cards-"));
  server = await serve(example("cards"), { flags: ["--data", join(folder, "data")] });
  browser = await openBrowser();
  ann = await openPage(await browser.newContext({ viewport: { width: 1100, height: 750 } }));
  bob = await openPage(await browser.newContext({ viewport: { width: 375, height: 667 } }));
  await Promise.all([ann.goto(server.url), bob.goto(server.url)]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const picture = async name => {
  if (SHOTS) for (const [who, page] of [["wide", ann], ["phone", bob]]) await page.screenshot({ path: join(SHOTS, `${name}-${who}.png`) });
};
const sees = (page, place, text) =>
  until(`${place} shows ${text}`, async () => (await page.locator(place).textContent()).includes(text));
const cards = page => page.locator("#hand .card").count();

test("a room is opened and entered", async () => {
  for (const [page, name] of [[ann, "Ann"], [bob, "Bob <b>"]]) {
    await until("the lobby is there", () => page.locator("#lobby").isVisible());
    await page.fill("#name", name);
    await page.click("#rename button");
  }
  await sees(ann, "#leaders", "No game");
  await picture("lobby");
  await ann.fill("#title", "Friday");
  await ann.click("#open button");
  await sees(bob, "#rooms", "Friday");
  await bob.click("#rooms button");
  await sees(ann, "#places", "Bob <b>");
});

test("each sees his own cards, and how many the other has", async () => {
  await ann.click("#start");
  for (const page of [ann, bob]) {
    await until("the hand is there", async () => (await cards(page)) === HAND);
    assert.equal(await page.locator("#places .backs i").count(), 2 * HAND);
  }
  const faces = await Promise.all([ann, bob].map(page => page.locator("#hand .card").allTextContents()));
  assert.equal(new Set(faces.flat()).size, 2 * HAND);
});

test("they talk", async () => {
  await ann.fill("#text", "your <i>turn</i>?");
  await ann.click("#say button");
  await sees(bob, "#messages", "Ann your <i>turn</i>?");
});

/** Whoever may play the first card that the page offers does. */
async function move() {
  for (const page of [ann, bob]) {
    const card = page.locator("#hand .card:enabled").first();
    if (!(await card.count())) continue;
    await card.click({ timeout: 5000 }).catch(() => {}); // the deadline was quicker
    return;
  }
}

test("after a reload the hand is there", async () => {
  const before = await bob.locator("#hand .card").allTextContents();
  await bob.reload();
  await until("the hand is there", async () => (await cards(bob)) >= HAND - 1);
  for (const face of await bob.locator("#hand .card").allTextContents()) assert.ok(before.includes(face), face);
});

test("they play to the end", async () => {
  let moves = 0;
  while (!(await ann.locator("#leave").isVisible())) {
    const left = (await cards(ann)) + (await cards(bob));
    await move();
    if (++moves === 4) await picture("game");
    await until("a card is gone", async () => (await cards(ann)) + (await cards(bob)) < left || (await ann.locator("#leave").isVisible()));
  }
  await sees(bob, "#state", "tricks");
  await picture("end");
  await ann.click("#leave");
  await bob.click("#leave");
  await until("the leaderboard has all points", async () => // of one player, if he took every trick
    (await ann.locator("#leaders li b").allTextContents()).reduce((sum, points) => sum + Number(points), 0) >= HAND + 3);
  await sees(bob, "#rooms", "Nobody is playing");
});

test("no page is wider than its window, and nothing went wrong in one", async () => {
  for (const page of [ann, bob]) {
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "it scrolls sideways");
    assert.deepEqual(page.faults, []);
  }
});
