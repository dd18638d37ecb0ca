// What the command line tells of itself: help, manual pages, completion, words that are none.
// Release: what it is about is Python.

import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { BINARY, cleanFolders, folder, module, orochi } from "./lib/server.mjs";

after(cleanFolders);

const commands = async () =>
  [...(await orochi(["help"])).stdout.matchAll(/^  ([a-z][a-z-]*)/gm)].map(([, name]) => name);

/** [found, what it printed] of a program that may not be there. */
const tool = (name, ...words) =>
  new Promise(done => execFile(name, words, (error, stdout, stderr) => done({ missing: error?.code === "ENOENT", text: stdout + stderr, error })));

test("each command has help by either name, with examples and exit codes", async () => {
  const names = await commands();
  for (const name of ["run", "dev", "new", "test", "call", "sql", "logs", "subscribe", "shell", "describe", "backup", "completion", "man"])
    assert.ok(names.includes(name), name);
  for (const name of names.filter(name => name !== "version")) {
    const help = await orochi(["help", name]), flag = await orochi([name, "--help"]), short = await orochi([name, "-h"]);
    assert.deepEqual([help.code, flag.code, short.code], [0, 0, 0], name);
    assert.equal(help.text, flag.text, name);
    assert.equal(help.text, short.text, name);
    assert.match(help.stdout, new RegExp(`^usage: orochi ${name}`), name);
    assert.match(help.stdout, new RegExp(`\nexamples:\n  .*orochi ${name}`), name);
    assert.match(help.stdout, /\nexit codes: 0 /, name);
    assert.equal(help.stderr, "", name);
  }
});

test("who reads only the first lines of what a command prints hears no complaint", async () => {
  for (const words of ["help", "help run", "man run", "sql --help", "describe '" + module("game") + "'"]) {
    const { text } = await tool("bash", "-c", `exec 3> >(true); wait $!; '${BINARY}' ${words} >&3`);
    assert.equal(text, "", words);
  }
});

test("a full disk behind the standard output is told, and is no success", async () => {
  for (const words of ["--version", "help", "help run", "help settings", "bench --help", "migrate --help", "log --help", "man run", "completion bash",
    `describe '${module("game")}'`]) {
    const { error, text } = await tool("bash", "-c", `'${BINARY}' ${words} >/dev/full`);
    assert.equal(text, "orochi: the standard output cannot be written: No space left on device\n", words);
    assert.equal(error?.code, 1, words);
  }
});

test("a word that is none is told with the likeliest that is", async () => {
  for (const [words, code, pattern] of [
    [["helo"], 2, /there is no command helo \(did you mean help\?\)/],
    [["subscirbe", "x"], 2, /did you mean subscribe\?/],
    [["xyzzy"], 2, /there is no command xyzzy; `orochi --help` lists them/],
    [["help", "cal"], 2, /there is no command cal \(did you mean call\?\)/],
    [["call", "--nmae", "x", "f"], 2, /there is no flag --nmae \(did you mean --name\?\)/],
    [["logs", "--folow"], 2, /did you mean --follow\?/],
    [["run", "x.py", "--wokers", "2"], 2, /there is no flag --wokers \(did you mean --workers\?/],
    [["run", "x.py", "--listne=1"], 2, /did you mean --listen\?/],
    [["run", module("game"), "--set", "net.thread=2"], 2, /there is no setting net\.thread \(did you mean net\.threads\?/],
    [["run", "x.py", "--qqqqqqqqqqq"], 2, /there is no flag --qqqqqqqqqqq \(or it is short/],
    [["run", "x.py", `--${"a".repeat(5000)}`], 2, /there is no flag/],
    [[], 2, /which command\?/],
    [["sql", "--json", "--csv", "-c", "SELECT 1"], 2, /not allowed with/],
    [["new"], 2, /--help shows how/],
  ]) {
    const ended = await orochi(words);
    assert.equal(ended.code, code, `${words}: ${ended.text}`);
    assert.match(ended.stderr, pattern);
    assert.equal(ended.stdout, "");
  }
});

test("bash completes commands, flags and their values", async () => {
  const script = (await orochi(["completion", "bash"])).stdout;
  const complete = (...words) =>
    execFileSync("bash", ["-c", `${script}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _orochi; printf '%s\\n' "\${COMPREPLY[@]}"`, "bash", "orochi", ...words],
      { encoding: "utf8" }).split("\n").filter(word => word);
  assert.deepEqual(complete("ca"), ["call"]);
  assert.deepEqual(complete("run", "--wor"), ["--workers"]);
  assert.deepEqual(complete("dev", "--mem"), ["--memory"]);
  assert.deepEqual(complete("backup", "--fo"), ["--force"]);
  assert.deepEqual(complete("new", "--template", ""), ["arena", "cards", "chat", "empty"]);
  assert.deepEqual(complete("completion", "z"), ["zsh"]);
  assert.deepEqual(complete("help", "subs"), ["subscribe"]);
  assert.deepEqual(complete("run", "game"), []); // files
  for (const name of await commands()) assert.ok(complete("").includes(name), name);
});

test("zsh and fish take what is made for them", async () => {
  for (const shell of ["zsh", "fish"]) {
    const made = await orochi(["completion", shell]);
    assert.equal(made.code, 0, made.text);
    assert.match(made.stdout, /template/);
    const read = await tool(shell, "-n", "-c", made.stdout);
    if (!read.missing) assert.equal(read.error, null, read.text);
  }
  const fish = await tool("fish", "--no-config", "-c", `${(await orochi(["completion", "fish"])).stdout}\ncomplete -C 'orochi new --template '`);
  if (!fish.missing) assert.deepEqual(fish.text.split("\n").filter(word => word).map(word => word.split("\t")[0]), ["arena", "cards", "chat", "empty"]);
});

test("manual pages of all commands, which roff understands", async () => {
  const out = join(await folder(), "man1");
  assert.match((await orochi(["man", "--out", out])).stdout, /^\d+ pages in /);
  const pages = await readdir(out);
  assert.deepEqual(pages.filter(page => page !== "orochi.1").map(page => page.slice(7, -2)).sort(), (await commands()).sort());
  for (const page of pages) {
    const checked = await tool("groff", "-man", "-ww", "-z", join(out, page));
    if (!checked.missing) assert.equal(checked.text, "", page);
  }
  assert.match((await orochi(["man", "run"])).stdout, /^\.TH ORO[^]*\.SH OPTIONS[^]*\\-\\-workers N[^]*\.SH EXIT STATUS/);
  assert.equal((await orochi(["man", "rum"])).code, 1);
});
