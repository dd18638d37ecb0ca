// Chromium for the page tests, as the distribution has it.

import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export async function openBrowser() {
  const executablePath = process.env.OROCHI_CHROMIUM ?? PLACES.find(existsSync);
  if (!executablePath) throw new Error(`no Chromium: none of ${PLACES.join(", ")} is there`);
  return chromium.launch({ executablePath, args: FLAGS });
}

/** A page that remembers what went wrong in it. `quiet` is for messages that the test expects. */
export async function openPage(context, quiet = /(?!)/) {
  const page = await context.newPage();
  page.faults = [];
  page.on("pageerror", error => page.faults.push(`${error}`));
  page.on("console", message => {
    if (message.type() === "error" && !quiet.test(message.text())) page.faults.push(message.text());
  });
  return page;
}
