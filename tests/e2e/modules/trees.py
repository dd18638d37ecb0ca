"""Types that contain themselves: as columns, as parameters, as rows in rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from orochi import AutoKey, PrimaryKey, ReducerContext, reducer, table, u8, u32, u64


@dataclass
class Node:
    name: str
    children: list[Node] = field(default_factory=list)
    named: dict[str, Node] = field(default_factory=dict)

    def count(self) -> int:
        return 1 + sum(n.count() for n in [*self.children, *self.named.values()])


@dataclass
class Leaf:
    value: int


@dataclass
class Branch:
    left: Tree
    right: Tree


type Tree = Leaf | Branch


class Link(NamedTuple):
    x: u8
    next: Chain


type Chain = Link | None


@dataclass
class Folder:
    entries: list[Entry]


@dataclass
class Entry:
    name: str
    inside: Folder | None


@table(public=True)
class Forest:
    id: AutoKey[u64] = 0
    root: Node
    tree: Tree
    chain: Chain = None
    folder: Folder | None = None
    size: u32 = 0


@table(public=True)
class Comment:
    id: PrimaryKey[u32]
    text: str
    replies: list[Comment] = []


def total(tree: Tree) -> int:
    match tree:
        case Leaf(value):
            return value
        case Branch(left, right):
            return total(left) + total(right)


@reducer
def plant(ctx: ReducerContext, root: Node, tree: Tree, chain: Chain, folder: Folder) -> None:
    length, at = 0, chain
    while at is not None:
        length, at = length + 1, at.next
    ctx.db.forest.insert(root=root, tree=tree, chain=chain, folder=folder, size=root.count() * 1000 + total(tree) * 10 + length)


@reducer
def graft(ctx: ReducerContext, id: u64, name: str) -> None:
    row = ctx.db.forest.get(id)
    row.root.children.append(Node(name))
    ctx.db.forest.update(row, tree=Branch(row.tree, Leaf(1)))


@reducer
def say(ctx: ReducerContext, comment: Comment) -> None:
    ctx.db.comment.insert(comment)


@reducer
def deep(ctx: ReducerContext, levels: u32) -> None:
    chain = None
    for _ in range(levels):
        chain = Link(1, chain)
    ctx.db.forest.insert(root=Node("deep"), tree=Leaf(0), chain=chain)
