"""Queries against the real store, compared with the same questions put to a list; each call changes some rows first, so that
own writes are in what it asks."""

import random

from orochi import AutoKey, HashIndex, Index, ReducerContext, Unique, i32, reducer, table, u8, u32, u64


@table(public=True, indexes=[("guild", "score"), ("guild", "name", "score")])
class Player:
    id: AutoKey[u64] = 0
    name: Unique[str]
    guild: Index[i32] = 0
    cell: HashIndex[u8] = 0
    score: Index[u32] = 0
    plain: i32 = 0


LOOKUPS = {
    "": lambda x, v: x == v, "__ne": lambda x, v: x != v, "__gt": lambda x, v: x > v, "__gte": lambda x, v: x >= v,
    "__lt": lambda x, v: x < v, "__lte": lambda x, v: x <= v, "__in": lambda x, v: x in v, "__not_in": lambda x, v: x not in v,
    "__between": lambda x, v: v[0] <= x <= v[1],
}
VALUES = {
    "name": lambda rng: f"p{rng.randrange(60)}", "guild": lambda rng: rng.randrange(-3, 4), "cell": lambda rng: rng.randrange(4),
    "score": lambda rng: rng.randrange(30), "plain": lambda rng: rng.randrange(5),
}


def conditions(rng):
    found = {}
    for column in rng.sample(list(VALUES), rng.randrange(1, 4)):
        lookup = rng.choice(list(LOOKUPS))
        make = VALUES[column]
        value = make(rng)
        if lookup in ("__in", "__not_in"):
            value = rng.choice((list, tuple, set))(make(rng) for _ in range(rng.randrange(4)))
        elif lookup == "__between":
            value = make(rng), make(rng)
        found[column + lookup] = value
    return found


def holds(row, given):
    return all(LOOKUPS["__" + key.partition("__")[2] if "__" in key else ""](getattr(row, key.partition("__")[0]), value)
               for key, value in given.items())


def keys(rows, order):
    return [tuple(getattr(row, key.lstrip("-")) for key in order) for row in rows]


def compare(ctx, rng, all_rows):
    t, given = ctx.db.player, conditions(rng)
    wanted = [row for row in all_rows if holds(row, given)]
    by_id = lambda rows: sorted(row.id for row in rows)
    rows = t.filter(**given)
    assert by_id(rows) == by_id(wanted), given
    assert t.count(**given) == len(wanted) and t.exists(**given) == bool(wanted), given
    first = t.first(**given)
    assert (first is None) == (not wanted) and (first is None or first in wanted), given
    for order in (["score"], ["-score"], ["guild", "score"], ["-name"], ["-guild", "-score"], ["plain", "-name"], ["score", "id"]):
        down = [key.startswith("-") for key in order]
        expected = list(wanted)
        for key, reverse in reversed(list(zip(order, down))):
            expected.sort(key=lambda row: getattr(row, key.lstrip("-")), reverse=reverse)
        n = rng.randrange(6)
        assert keys(t.filter(**given).order_by(*order), order) == keys(expected, order), (given, order)
        assert keys(t.filter(**given).order_by(*order).limit(n), order) == keys(expected[:n], order), (given, order, n)
        if expected:
            assert keys([t.filter(**given).order_by(*order).first()], order) == keys(expected[:1], order), (given, order)
    for column in ("name", "guild", "score"):
        values = sorted(getattr(row, column) for row in all_rows)
        col = t.column(column)
        assert [getattr(row, column) for row in col.iter()] == values
        assert [getattr(row, column) for row in col.iter(reverse=True)] == values[::-1]
        low, high = col.min(), col.max()
        assert (low and getattr(low, column), high and getattr(high, column)) == (values[0], values[-1]) if values else not low


@reducer
def check(ctx: ReducerContext, seed: u32, rounds: u32):
    rng, t = random.Random(seed), ctx.db.player
    for _ in range(rounds):
        for _ in range(rng.randrange(6)):
            name = VALUES["name"](rng)
            row = t.name.find(name)
            if row is None:
                t.insert(name=name, **{c: VALUES[c](rng) for c in ("guild", "cell", "score", "plain")})
            elif rng.random() < 0.3:
                t.delete(row)
            else:
                column = rng.choice(("guild", "cell", "score", "plain"))
                t.update(row, **{column: VALUES[column](rng)})
        before = t.filter(guild__gte=0).order_by("score")
        shown = sorted(keys((row for row in t if row.guild >= 0), ["score", "id"]))
        if rng.random() < 0.2 and (row := t.first()):
            t.delete(row)
        assert sorted(keys(before, ["score", "id"])) == shown
        compare(ctx, rng, list(t))


@reducer
def pop(ctx: ReducerContext):
    """Takes the row with the smallest score and puts one at the end: clients doing it at once must not take the same."""
    t = ctx.db.player
    row, last = t.score.min(), t.score.max()
    t.delete(row)
    t.insert(name=f"n{last.score + 1}", score=last.score + 1)


@reducer
def fill(ctx: ReducerContext, n: u32):
    ctx.db.player.clear()
    ctx.db.player.insert_many(Player(name=f"n{i}", score=i) for i in range(n))


@reducer
def plain(ctx: ReducerContext, value: i32):
    ctx.db.player.filter(plain=value)
