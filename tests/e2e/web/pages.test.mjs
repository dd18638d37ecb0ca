// The pages on a phone and with little to show, and what the dashboard does not count.
// Release: what it is about is the page.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openBrowser, openPage } from "./browser.mjs";
import { example, serve, until } from "../lib/server.mjs";

let chat, arena, browser;

before(async () => {
  [chat, arena] = await Promise.all([serve(example("chat")), serve(example("arena"))]);
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  await Promise.all([chat?.stop(), arena?.stop()]);
});

const open = async (url, width, height) => {
  const page = await openPage(await browser.newContext({ viewport: { width, height } }));
  await page.goto(url);
  return page;
};

test("no page is wider than a phone", async () => {
  for (const [name, url] of [["chat", chat.url], ["arena", arena.url], ["dashboard", `${chat.url}/dashboard`]]) {
    const page = await open(url, 320, 640);
    await until(`${name} is drawn`, () => page.evaluate(() => document.body.innerText.length > 10));
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 320, name);
    await page.context().close();
  }
});

/** What was drawn as text since the plots were last cleared: {text, from, to, width} by canvas. */
async function texts(page) {
  return page.evaluate(() => window.drawn.map(c => [...c.texts.values()]).filter(found => found.length > 0));
}

test("the times under a plot are whole and told once; a single value is seen", async () => {
  const context = await browser.newContext({ viewport: { width: 1300, height: 900 } });
  await context.addInitScript(() => {
    window.drawn = [];
    const prototype = CanvasRenderingContext2D.prototype;
    const of = canvas => canvas.found ?? (window.drawn.push((canvas.found = { texts: new Map(), dots: 0 })), canvas.found);
    const { fillText, clearRect, fill } = prototype;
    prototype.clearRect = function (...box) {
      if (this.canvas.found) this.canvas.found.texts.clear();
      return clearRect.apply(this, box);
    };
    prototype.fillText = function (text, x, y, ...rest) {
      const { width } = this.measureText(text);
      const from = this.textAlign === "center" ? x - width / 2 : this.textAlign === "right" ? x - width : x;
      of(this.canvas).texts.set(`${x},${y}`, { text, from, to: from + width, width: this.canvas.width });
      return fillText.call(this, text, x, y, ...rest);
    };
    prototype.fill = function (...rest) {
      of(this.canvas).dots++;
      return fill.apply(this, rest);
    };
  });
  const page = await openPage(context);
  await page.goto(`${chat.url}/dashboard`);
  for (const seconds of [2, 6]) { // a plot of a second, and one of several
    await until("the plots have times", async () => {
      const plots = await texts(page);
      return plots.length >= 5 && plots.every(found => found.filter(t => /^\d\d:\d\d:\d\d$/.test(t.text)).length >= 1);
    });
    for (const found of await texts(page)) {
      const times = found.filter(t => /^\d\d:\d\d:\d\d$/.test(t.text)).map(t => t.text);
      assert.deepEqual(times, [...new Set(times)], "each once");
      for (const t of found) assert.ok(t.from >= 0 && t.to <= t.width, `${t.text} is cut off: ${t.from} to ${t.to} of ${t.width}`);
    }
    await new Promise(done => setTimeout(done, seconds * 200));
  }
  assert.deepEqual(page.faults, []);
  await context.close();
});

test("the dashboard is no traffic", async () => {
  const page = await open(`${chat.url}/dashboard`, 800, 600);
  await page.waitForSelector('body[data-state="live"]');
  const messages = async () => Number(/^orochi_messages_out_total (\d+)$/m.exec(await (await fetch(`${chat.url}/v1/metrics`)).text())[1]);
  const tile = page.locator(".tile", { has: page.getByText("Messages out", { exact: true }) }).locator(".value");
  const seen = await messages();
  for (let i = 0; i < 3; i++) { // three more samples have come
    const processor = page.locator("#charts canvas").first();
    const before = await processor.screenshot();
    await until("the plot has moved", async () => !before.equals(await processor.screenshot()));
  }
  assert.equal(await messages(), seen);
  assert.equal(await tile.textContent(), "0/s");
  await page.context().close();
});
