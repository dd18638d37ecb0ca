// The dashboard beside procedures that wait and timers that are late, and beside a module that has neither.
// Release: what it is about is the page.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openBrowser, openPage } from "./browser.mjs";
import { cleanFolders, folder, module, serve, SLOW, until } from "../lib/server.mjs";

const TIMERS = ["Timers pending", "Timer lateness, p99"];
const PROCEDURES = ["Procedures running", "Procedure calls", "Outbound requests"];
const LIMIT = 60_000 * SLOW;
const gone = new AbortController(); // ends the calls that wait
const calls = [];
let silent, watched, plain, browser, page;

before(async () => {
  silent = createServer(() => {}); // a service that does not answer
  await new Promise(done => silent.listen(0, "127.0.0.1", done));
  const settings = join(await folder(), "orochi.toml");
  await writeFile(settings, '[procedure]\nhttp = "any"\nworkers = 2\n');
  [watched, plain, browser] = await Promise.all([
    serve(module("watched"), { flags: ["--memory", "--config", settings] }),
    serve(module("ledger")),
    openBrowser(),
  ]);
  page = await open(watched);
});

after(async () => {
  gone.abort();
  await Promise.all(calls);
  silent?.closeAllConnections();
  silent?.close();
  await browser?.close();
  await Promise.all([watched?.stop(), plain?.stop()]);
  await cleanFolders();
});

async function open(server) {
  const opened = await openPage(await browser.newContext({ viewport: { width: 1300, height: 1000 } }));
  await opened.goto(`${server.url}/dashboard`);
  await opened.waitForSelector('body[data-state="live"]', { timeout: LIMIT });
  await opened.locator("#reducers td").first().waitFor({ timeout: LIMIT }); // a first second has been drawn
  return opened;
}

/** Calls a procedure, whose answer nobody needs. */
function begin(name, ...args) {
  calls.push(
    fetch(`${watched.url}/v1/database/watched/call/${name}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(args),
      signal: AbortSignal.any([gone.signal, AbortSignal.timeout(LIMIT)]),
    }).then(answer => answer.text(), () => {}),
  );
}

/** The two lines of a tile, as text: the value, and what stands under it. */
async function tile(label) {
  const card = page.locator(".tile", { has: page.getByText(label, { exact: true }) });
  return [await card.locator(".value").textContent(), await card.locator(".more").textContent()];
}

const shows = (label, ...lines) =>
  until(`${label}: ${lines.join(" ")}`, async () => {
    const found = await tile(label);
    return lines.every((line, i) => line.test(found[i]));
  });

const visible = async (where, what) => (await where.locator(what).filter({ visible: true }).allTextContents()).map(text => text.trim());

test("procedures: which run, wait and are queued, requests that are open, errors", async () => {
  begin("asks", "http://127.0.0.1:1/"); // nobody listens there
  begin("fails");
  const errors = async name => {
    const row = page.locator("#procedures tr", { has: page.getByText(name, { exact: true }) });
    return (await row.locator("td").allTextContents())[4];
  };
  await until("the table counts the errors", async () => (await errors("fails")) === "1" && (await errors("asks")) === "1");
  for (let i = 0; i < 3; i++) begin("waits");
  begin("asks", `http://127.0.0.1:${silent.address().port}/`);
  await shows("Outbound requests", /^1 open$/);
  await shows("Procedures running", /^4$/, /^4 waiting, 0 queued$/);
  for (let i = 0; i < 3; i++) begin("holds", 60); // one client may hold all workers but one
  await shows("Procedures running", /^5$/, /^4 waiting, 2 queued$/);
});

test("timers: pending, due, late, missed", async () => {
  await shows("Timers pending", /^1$/, /^[\d.]+ due\/s$/);
  await shows("Timer lateness, p99", /^[\d.,]+ (µs|ms|s)$/, /^[\d.]+ late\/s, [1-9][\d,]* missed$/);
});

test("each has its plots", async () => {
  const plots = await visible(page, "#charts h2");
  for (const title of ["Timers", "Timer lateness", "Procedures", "Procedure calls", "Outbound requests"])
    assert.ok(plots.includes(title), `${title} is not among ${plots}`);
  assert.ok((await visible(page, "#tables h2")).includes("Procedures"));
});

/** How many rows of tiles end before the others do, and how wide the page is. */
const shape = where =>
  where.evaluate(() => {
    const boxes = [...document.querySelectorAll(".tile")].filter(tile => !tile.hidden).map(tile => tile.getBoundingClientRect());
    const edge = document.getElementById("tiles").getBoundingClientRect().right;
    const ends = new Map(boxes.map(box => [Math.round(box.top), box.right]));
    return { short: [...ends.values()].filter(end => edge - end > 1).length, wide: document.documentElement.scrollWidth };
  });

async function assertEven(where) {
  for (const width of [1300, 820, 390]) {
    await where.setViewportSize({ width, height: 1000 });
    await until(`the page is ${width} wide`, async () => (await shape(where)).wide === width); // plots follow in the next frame
    assert.equal((await shape(where)).short, 0, `at ${width}`);
  }
}

test("a module without them has no tiles, plots and tables of theirs", async () => {
  const other = await open(plain);
  const labels = await visible(other, ".tile .label");
  assert.ok(labels.includes("Reducer calls"));
  assert.deepEqual(labels.filter(label => [...TIMERS, ...PROCEDURES].includes(label)), []);
  const plots = [...(await visible(other, "#charts h2")), ...(await visible(other, "#tables h2"))];
  assert.deepEqual(plots.filter(title => /timer|procedure|outbound/i.test(title)), []);
  await assertEven(other);
  assert.deepEqual(other.faults, []);
});

test("tiles fill their rows, on a desk and on a phone", async () => {
  await assertEven(page);
  assert.deepEqual(page.faults, []);
});
