"""What readers type: shell, orochi's own commands, and the settings of other programs, on every page of docs/ and in the README."""

import contextlib
import functools
import html.parser
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import textwrap
import unittest
from pathlib import Path

import pages
from helper import ROOT

from orochi.tools import cli
from orochi.tools.commands import NAMES

BINARY = Path(os.environ.get("OROCHI_BIN") or ROOT / "build/orochi")
SHELL = ("sh", "bash", "shell", "console")
OF_RUN = ("run", "dev", "check", "describe", "generate", "migrate")


def fenceless(page):
    return re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def indented(page):
    """The blocks without a fence."""
    return [textwrap.dedent(block) for block in re.findall(r"(?:^\n|\A)((?:^    .*\n|^\n)+)", fenceless(page), re.M)]


def commands(text):
    """Lines of a block that call orochi, each as words; comments and what follows a |, > or ; are left out."""
    for line in text.replace("\\\n", " ").splitlines():
        line = re.sub(r"^\$ ", "", line.strip())
        line = re.sub(r"^source <\((.*)\)", r"\1", line)
        line = re.sub(r"^(uv run|sudo -u \w+|sudo|[A-Z_]+=\S+) ", "", line)
        if re.match(r"(build/)?orochi ", line):
            lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>()")
            lexer.whitespace_split = True
            words = []
            for word in lexer:
                if word[0] in "|&;<>":
                    break
                words.append(word)
            yield words[1:]


def mentions(page):
    """`orochi ...` in the text."""
    for text in re.findall(r"`(?:build/)?orochi ([^`]+)`", fenceless(page)):
        yield text.split()


@functools.cache
def of_program(name):
    """Flags that the program itself reads, and whether a value follows them."""
    done = subprocess.run([str(BINARY), name, "--help"], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False)
    return {flag: value is not None for flag, value in re.findall(r"^  (--[a-z][a-z-]*)(?: ([A-Z]\S*))?  +\S", done.stdout, re.M)}


def without_run(command, words):
    """The words without the server's flags, which the program takes before a command sees them."""
    known, left = of_program("run") if command.name in ("check", "describe", "generate", "stubs") else {}, list(words)
    own = {name for action in cli.parser(command)._actions for name in action.option_strings}
    for word in words:
        if word in known and word not in own:
            at = left.index(word)
            del left[at:at + 1 + known[word]]
    return left


def known_flags(command):
    found = list(of_program(command.name)) if command.module is None else []
    found += of_program("run") if command.name in OF_RUN else []
    if command.module is not None:
        found += [name for action in cli.parser(command)._actions for name in action.option_strings]
    if command.name == "test":
        found += ["-k", "-x", "-q"]
    return found


@unittest.skipUnless(BINARY.exists(), f"{BINARY} is not built")
class Commands(unittest.TestCase):
    def flags_are_there(self, place, command, words):
        known = [*known_flags(command), "--help"]
        for word in words:
            if re.match(r"--?[a-zA-Z]", word):
                self.assertIn(word.partition("=")[0], known, f"{place}: orochi {command.name} has no flag {word}")

    def parses(self, place, command, words):
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
                return cli._parsed(command, without_run(command, words))
        except SystemExit as end:
            self.assertEqual(end.code, 0, f"{place}: orochi {command.name} {shlex.join(words)}: {said.getvalue()}")

    def test_every_line_that_calls_orochi_is_one_that_it_takes(self):
        seen = 0
        for page in pages.pages():
            texts = indented(page) + [b.text for b in pages.blocks(page) if b.lang in (*SHELL, "")]
            for words in (words for text in texts for words in commands(text)):
                with self.subTest(page=page.relative_to(ROOT), line=shlex.join(words)):
                    seen += 1
                    self.assertIn(words[0], NAMES)
                    command = NAMES[words[0]]
                    args = None if command.module is None else self.parses(page, command, words[1:])
                    self.flags_are_there(page, command, words[1:] if args is None else getattr(args, "more", []))
        self.assertGreater(seen, 30)

    def test_commands_in_the_text_are_there(self):
        seen = 0
        for page in pages.pages():
            for words in mentions(page):
                if words[0].isupper():
                    continue
                with self.subTest(page=page.relative_to(ROOT), text=words):
                    seen += 1
                    self.assertIn(words[0], NAMES)
                    self.flags_are_there(page, NAMES[words[0]], words[1:])
        self.assertGreater(seen, 30)

    def test_examples_of_the_help_parse(self):
        for command in NAMES.values():
            for example in command.examples:
                for words in commands(example):
                    with self.subTest(example):
                        self.assertEqual(words[0], command.name)
                        if command.module is not None:
                            self.parses("help", command, words[1:])
                        self.flags_are_there("help", command, words[1:])


class Files(unittest.TestCase):
    """Blocks of other languages, read by the programs they are for, where these are."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def blocks(self, *langs):
        found = [block for page in pages.pages() for block in pages.blocks(page) if block.lang in langs]
        self.assertTrue(found)
        return found

    def quietly(self, place, *words):
        done = subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False)
        self.assertEqual((done.returncode, done.stdout + done.stderr if done.returncode else ""), (0, ""), place)

    def program(self, name):
        found = shutil.which(name) or shutil.which(f"/usr/sbin/{name}")
        if found is None:
            self.skipTest(f"{name} is not here")
        return found

    def test_shell_is_shell(self):
        seen = 0
        for page in pages.pages():
            texts = [b.text for b in pages.blocks(page) if b.lang in SHELL]
            texts += [t for t in indented(page) if re.match(r"(\$ )?(orochi|build/orochi|pip|uv|sh|curl|sudo|npm|node|cp|systemctl|source) ", t)]
            for text in texts:
                with self.subTest(page=page.relative_to(ROOT), text=text):
                    seen += 1
                    file = self.folder / "typed.sh"
                    file.write_text(re.sub(r"^\$ ", "", text, flags=re.M))
                    self.quietly(page, "bash" if "<(" in text else "sh", "-n", file)
        self.assertGreater(seen, 10)

    def test_nginx_takes_its_blocks(self):
        nginx, openssl = self.program("nginx"), self.program("openssl")
        key, certificate = self.folder / "key.pem", self.folder / "chain.pem"
        self.quietly("openssl", openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=game.example",
                     "-keyout", key, "-out", certificate)
        for block in self.blocks("nginx"):
            text = re.sub(r"/etc/letsencrypt\S*/fullchain.pem", str(certificate), block.text)
            text = re.sub(r"/etc/letsencrypt\S*/privkey.pem", str(key), text)
            text = text if "http {" in text else f"http {{\n{text}\n}}"
            file = self.folder / "nginx.conf"
            file.write_text(f"pid {self.folder}/pid;\nerror_log stderr;\nevents {{}}\n{text}")
            with self.subTest(block.place):
                self.quietly(block.place, nginx, "-t", "-q", "-p", self.folder, "-c", file)

    def test_systemd_takes_its_units(self):
        verify = self.program("systemd-analyze")
        for block in self.blocks("ini"):
            file = self.folder / "game.service"
            file.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", block.text, flags=re.M).replace("User=game", "User=root"))
            with self.subTest(block.place):
                done = subprocess.run([verify, "verify", "--man=no", str(file)], capture_output=True, text=True, timeout=60, check=False)
                about = [line for line in done.stderr.splitlines() if "game.service" in line]
                self.assertEqual(about, [], block.place)

    def test_caddy_takes_its_blocks(self):
        """By caddy itself where it is, and as it is written in any case: a site, its matchers, and directives that use them."""
        caddy = shutil.which("caddy")
        for block in (b for b in self.blocks("text") if b.mark == "caddy"):
            with self.subTest(block.place):
                lines = [line.split() for line in block.text.splitlines() if line.strip()]
                self.assertRegex(" ".join(lines[0]), r"^[\w.:*-]+ \{$", "the address of a site, which opens its block")
                self.assertEqual(lines[-1], ["}"])
                matchers = {words[0] for words in lines[1:-1] if words[0].startswith("@")}
                for words in lines[1:-1]:
                    self.assertIn(words[1] if words[0] in matchers else words[0], ("path", "respond", "reverse_proxy"), words)
                    self.assertLessEqual({word for word in words if word.startswith("@")}, matchers)
                if caddy is not None:
                    file = self.folder / "Caddyfile"
                    file.write_text(block.text)
                    self.quietly(block.place, caddy, "adapt", "--adapter", "caddyfile", "--config", file, "--validate")

    def test_json_is_json(self):
        for block in self.blocks("json"):
            with self.subTest(block.place):
                json.loads(block.text)

    def test_html_closes_what_it_opens(self):
        class Reader(html.parser.HTMLParser):
            def __init__(self):
                super().__init__()
                self.open, self.wrong, self.names = [], [], set()

            def handle_starttag(self, tag, attrs):
                names = [name for name, _ in attrs]
                self.wrong += [f"{tag} has {name} twice" for name in set(names) if names.count(name) > 1]
                self.names.add(tag)
                if tag not in ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"):
                    self.open.append(tag)

            def handle_endtag(self, tag):
                if not self.open or self.open.pop() != tag:
                    self.wrong.append(f"</{tag}> ends nothing at line {self.getpos()[0]}")
        for block in self.blocks("html"):
            with self.subTest(block.place):
                reader = Reader()
                reader.feed(block.text)
                reader.close()
                self.assertEqual((reader.wrong, [tag for tag in reader.open if tag not in ("html", "head", "body", "p", "li")]), ([], []))
                self.assertTrue(block.text.startswith("<!doctype html>"))
                self.assertIn("title", reader.names)

    def test_every_block_is_one_that_is_tried(self):
        """YAML: tests/types/test_yaml.py, which has a reader for it. TypeScript: tests/e2e/pages_code.test.mjs."""
        tried = (*SHELL, "python", "py", "ts", "toml", "json", "html", "nginx", "ini", "yaml")
        for page in pages.pages():
            for block in pages.blocks(page):
                if block.mark != "not run" and block.lang not in tried:
                    self.assertEqual((block.lang, block.mark), ("text", "caddy"), f"{block.place}: no test tries it")

    def test_settings_are_settings(self):
        """Of TOML: each key of a table that the server has is one of its settings."""
        import tomllib
        known = tomllib.loads((ROOT / "config/orochi.toml").read_text(encoding="utf-8"))
        text = (ROOT / "config/orochi.toml").read_text(encoding="utf-8")
        for block in self.blocks("toml"):
            for table, keys in tomllib.loads(block.text).items():
                if table in ("tool", "env", "project", "build-system"):
                    continue
                self.assertIn(table, known | {name: 1 for name in re.findall(r"^# ?\[(\w+)\]", text, re.M)}, block.place)
                for key in keys:
                    with self.subTest(block.place, key=key):
                        self.assertRegex(text, rf"(?m)^#? ?{key} ?=")


if __name__ == "__main__":
    unittest.main()
