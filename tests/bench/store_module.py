"""What the store's operations cost from Python, beside the sqlite3 module's `:memory:`: the module that `store.sh` serves, with one
worker and --memory. Every call measures one operation once, inside its transaction, and keeps the best; `report` logs them. The
commit that follows a call is not in these figures (the C benchmark has it), for SQLite neither."""

import random
import sqlite3
from time import perf_counter_ns

from orochi import PrimaryKey, ReducerContext, field, i64, reducer, table, u32

OPERATIONS = 2000


@table
class Tree:
    id: PrimaryKey[u32]
    n: i64


@table
class Hashed:
    id: u32 = field(primary_key=True, index="hash")
    n: i64


TABLES = {"btree": Tree, "hash": Hashed}
lite = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
lite.execute("create table account (id integer primary key, n integer not null)")
best: dict[tuple[str, str], float] = {}


@reducer(timeout_ms=60000)
def fill(ctx: ReducerContext, start: u32, end: u32) -> None:
    ctx.db.tree.insert_many(Tree(id=i, n=1000) for i in range(start, end))
    ctx.db.hashed.insert_many(Hashed(id=i, n=1000) for i in range(start, end))
    lite.execute("begin")
    lite.executemany("insert into account values (?, ?)", ((i, 1000) for i in range(start, end)))
    lite.execute("commit")


def new_keys(rows: int) -> list[int]:
    """Keys that are not there, the same at each call: what `insert` puts, `delete` takes away."""
    return [rows + i for i in random.Random(1).sample(range(rows), OPERATIONS)]


def ours(ctx: ReducerContext, row: type, what: str, rows: int):
    """One operation, and the values to call it with."""
    handle = ctx.db.tree if row is Tree else ctx.db.hashed
    by_id = handle.id
    keys = [random.randrange(rows) for _ in range(OPERATIONS)]

    def update(key):
        by_id.update(row(id=key, n=keys[0]))

    def find_update(key):
        found = by_id.find(key)
        by_id.update(found, n=found.n + 1)

    def find_read(key):
        return by_id.find(key).n

    def span(key):
        return sum([found.n for found in by_id.filter(range(key, key + 100))])

    def insert(key):
        handle.insert(row(id=key, n=1000))

    return {
        "find": (by_id.find, keys),
        "find, read a column": (find_read, keys),
        "insert": (insert, new_keys(rows)),
        "delete": (by_id.delete, new_keys(rows)),
        "update": (update, keys),
        "find, update": (find_update, keys),
        "range of 100 rows, read": (span, keys[: OPERATIONS // 20]),
    }[what]


def theirs(what: str, rows: int):
    keys = [random.randrange(rows) for _ in range(OPERATIONS)]
    execute = lite.execute

    def find(key):
        return execute("select id, n from account where id = ?", (key,)).fetchone()

    def find_read(key):
        return execute("select id, n from account where id = ?", (key,)).fetchone()[1]

    def insert(key):
        execute("insert into account values (?, ?)", (key, 1000))

    def delete(key):
        execute("delete from account where id = ?", (key,))

    def update(key):
        execute("update account set n = ? where id = ?", (keys[0], key))

    def find_update(key):
        found = find(key)
        execute("update account set n = ? where id = ?", (found[1] + 1, key))

    def span(key):
        return sum([n for _, n in execute("select id, n from account where id >= ? and id < ?", (key, key + 100))])

    return {
        "find": (find, keys),
        "find, read a column": (find_read, keys),
        "insert": (insert, new_keys(rows)),
        "delete": (delete, new_keys(rows)),
        "update": (update, keys),
        "find, update": (find_update, keys),
        "range of 100 rows, read": (span, keys[: OPERATIONS // 20]),
    }[what]


def timed(what: str, who: str, run, keys) -> None:
    begin = perf_counter_ns()
    for key in keys:
        run(key)
    ns = (perf_counter_ns() - begin) / len(keys)
    best[what, who] = min(ns, best.get((what, who), ns))


@reducer(timeout_ms=60000)
def measure(ctx: ReducerContext, what: str, rows: u32) -> None:
    for who, row in TABLES.items():
        if not (who == "hash" and what.startswith("range")):
            timed(what, who, *ours(ctx, row, what, rows))
    run, keys = theirs(what, rows)
    lite.execute("begin")
    timed(what, "sqlite3", run, keys)
    lite.execute("commit")


@reducer
def report(ctx: ReducerContext, rows: u32) -> None:
    whos = [*TABLES, "sqlite3"]
    ctx.log.info("| %d rows (u32, i64), from Python; ns for each   %s", rows, "".join(f"{who:>10}" for who in whos))
    for what in dict.fromkeys(what for what, _ in best):
        figures = "".join(f"{best[what, who]:10.0f}" if (what, who) in best else f"{'-':>10}" for who in whos)
        ctx.log.info("|   %-46s%s", what, figures)
