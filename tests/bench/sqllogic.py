"""Asks a server the queries of SQLite's sqllogictest files, which lie in a folder outside of the tree, and a plain SQLite the same:

    python3 tests/bench/sqllogic.py build/orochi FOLDER [--most QUERIES] [--of PATTERN]

Each file's CREATE TABLE becomes a module; its rows go in by INSERT statements over POST /sql, as written; its queries are asked of
both. What one answers and the other refuses, and rows that differ, are told. Statements that are no matter of ours (views, triggers,
errors that the file expects) are left out and counted."""

import argparse
import http.client
import json
import math
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path

INSERT_AT_ONCE = 40  # statements: a text has 50,000 bytes at most
KINDS = {"INTEGER": "i64", "INT": "i64", "FLOAT": "f64", "REAL": "f64"}


def records(text: str):
    """(kind, sort mode, SQL) of each record that SQLite is asked."""
    for block in re.split(r"\n\s*\n", text):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        while lines and re.match(r"(onlyif|skipif)\b", lines[0]):
            kind, engine = lines.pop(0).split()[:2]
            if (kind == "onlyif") != (engine == "sqlite"):
                lines = []
        if not lines or not lines[0].split():
            continue
        head, body = lines[0].split(), lines[1:]
        if "----" in body:
            body = body[:body.index("----")]
        if head[0] == "query":
            yield "query", head[2] if len(head) > 2 else "nosort", "\n".join(body)
        elif head[0] == "statement":
            yield "statement" if head[1] == "ok" else "fails", "", "\n".join(body)


def table_of(sql: str):
    """Name and (column, declared type, is it the key) of a CREATE TABLE."""
    found = re.match(r"\s*CREATE\s+TABLE\s+(\w+)\s*\((.*)\)\s*$", sql, re.S | re.I)
    if not found:
        return None
    columns = []
    for part in re.split(r",(?![^(]*\))", found[2]):
        words = part.split()
        if not words or words[0].upper() in ("PRIMARY", "UNIQUE"):
            return None
        kind = words[1].upper().split("(")[0] if len(words) > 1 else "TEXT"
        columns.append((words[0], kind, "PRIMARY KEY" in part.upper()))
    return found[1], columns


def module_of(tables, indexes, plain: sqlite3.Connection) -> str:
    """The tables as a module; a column with a NULL in it somewhere is an option, and others have their indexes."""
    out = ["from orochi import *", ""]
    for name, columns in tables.items():
        nulls = {c for c, _, _ in columns if plain.execute(f"SELECT count(*) FROM {name} WHERE {c} IS NULL").fetchone()[0]}
        floats = {c for c, kind, _ in columns if KINDS.get(kind) == "f64"}
        usable = []
        for of, of_columns in indexes:
            if of == name and not (nulls | floats) & set(of_columns) and len(of_columns) > 1 and of_columns not in usable:
                usable.append(of_columns)
        single = {cs[0] for of, cs in indexes if of == name and len(cs) == 1}
        text = ", ".join(repr(tuple(cs)) for cs in usable)
        out += [f"@table(name={name!r}, public=True{', indexes=[' + text + ']' if text else ''})", f"class T_{name}:"]
        for column, kind, key in columns:
            kind = KINDS.get(kind, "str")
            if column in nulls:
                kind += " | None"
            elif key:
                kind = f"PrimaryKey[{kind}]"
            elif column in single and kind != "f64":
                kind = f"Index[{kind}]"
            out.append(f"    {column}: {kind}")
        out.append("")
    return "\n".join(out)


class Server:
    def __init__(self, binary: str, source: str, folder: str):
        path = Path(folder, "logic.py")
        path.write_text(source)
        self.child = subprocess.Popen([binary, "run", str(path), "--listen", "127.0.0.1:0", "--workers", "1", "--data", str(Path(folder, "data"))],
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = []
        for line in self.child.stdout:
            said.append(line)
            if found := re.search(r"clients\s+ws://127\.0\.0\.1:(\d+)", line):
                break
        else:
            raise RuntimeError("".join(said))
        self.http = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=60)
        self.token = Path(folder, "data", "owner.token").read_text().strip()

    def ask(self, sql: str):
        self.http.request("POST", "/v1/database/logic/sql", sql.encode(), {"Authorization": f"Bearer {self.token}"})
        answer = self.http.getresponse()
        body = answer.read().decode()
        if answer.status != 200:
            raise ValueError(body)
        return json.loads(body)[-1]

    def stop(self):
        self.child.terminate()
        try:
            self.child.wait(20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


def plain_value(v):
    if isinstance(v, list):
        return plain_value(v[1]) if v[0] == 0 else None
    if isinstance(v, bool):
        return int(v)
    return v


def same(a, b) -> bool:
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a == b or math.isclose(a, b, rel_tol=1e-9)
    return a == b


def key(row):
    return [(v is not None, isinstance(v, str), v if v is not None else 0) for v in row]


def equal(ours, theirs) -> bool:
    return len(ours) == len(theirs) and all(
        len(a) == len(b) and all(map(same, a, b)) for a, b in zip(sorted(ours, key=key), sorted(theirs, key=key)))


def load(text: str):
    """Plain SQLite with the file's rows, tables, indexes, INSERT statements, and the queries."""
    plain, tables, indexes, inserts, queries, left = sqlite3.connect(":memory:"), {}, [], [], [], Counter()
    for kind, _, sql in records(text):
        if kind == "query":
            queries.append(sql)
            continue
        if kind == "fails":
            left["is to fail"] += 1
            continue
        words = sql.upper().split()[:2]
        if words == ["CREATE", "TABLE"]:
            found = table_of(sql)
            if not found:
                return None
            tables[found[0]] = found[1]
        elif words[0] == "CREATE" and "INDEX" in sql.upper().split()[1:3]:
            found = re.search(r"ON\s+(\w+)\s*\((.*)\)", sql, re.S | re.I)
            if not found:
                return None
            indexes.append((found[1], [c.split()[0] for c in found[2].split(",")]))
        elif words[0] in ("INSERT", "REPLACE") and not queries:
            inserts.append(sql)
        elif words[0] in ("DROP", "REINDEX") or "VIEW" in words or "TRIGGER" in words:
            left[" ".join(words)] += 1
            continue
        else:
            return None
        try:
            plain.execute(sql)
        except sqlite3.Error:
            return None
    return (plain, tables, indexes, inserts, queries, left) if tables else None


def run_file(binary: str, path: Path, most: int, count: Counter) -> None:
    loaded = load(path.read_text())
    if loaded is None:
        count["files left out"] += 1
        return
    plain, tables, indexes, inserts, queries, left = loaded
    count.update({f"left out: {k}": n for k, n in left.items()})
    with tempfile.TemporaryDirectory() as folder:
        server = Server(binary, module_of(tables, indexes, plain), folder)
        try:
            for i in range(0, len(inserts), INSERT_AT_ONCE):
                server.ask(";\n".join(inserts[i:i + INSERT_AT_ONCE]))
            for sql in queries[:most]:
                compare(server, plain, sql, path, count)
        finally:
            server.stop()


def compare(server: Server, plain: sqlite3.Connection, sql: str, path: Path, count: Counter) -> None:
    ours = theirs = None
    try:
        theirs = [list(row) for row in plain.execute(sql)]
    except sqlite3.Error as e:
        why = str(e)
    try:
        ours = [[plain_value(v) for v in row] for row in server.ask(sql)["rows"]]
    except ValueError as e:
        why = str(e)
    if ours is None and theirs is None:
        count["refused by both"] += 1
    elif ours is None or theirs is None:
        count["refused by us" if ours is None else "refused by SQLite"] += 1
        print(f"{path.name}: {'we refuse' if ours is None else 'SQLite refuses'}: {sql[:300]!r}: {why[:300]}")
    elif equal(ours, theirs):
        count["same"] += 1
    else:
        count["other rows"] += 1
        print(f"{path.name}: {sql[:400]!r}\n  SQLite {theirs[:5]}\n  we     {ours[:5]}")


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("binary")
    options.add_argument("folder", type=Path)
    options.add_argument("--most", type=int, default=1000, help="queries of each file")
    options.add_argument("--of", default="*", help="pattern of the files' paths")
    given = options.parse_args()
    count: Counter = Counter()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # a server that runs is stopped
    for path in sorted(given.folder.rglob("*.test")):
        if fnmatch(str(path), given.of):
            run_file(given.binary, path, given.most, count)
            print(f"{path.relative_to(given.folder)}: {dict(count)}", file=sys.stderr)
    print(json.dumps(count, indent=1))
    return 1 if count["other rows"] or count["refused by us"] else 0


if __name__ == "__main__":
    sys.exit(main())
