from __future__ import annotations
from dataclasses import dataclass
from orochi import *
@dataclass
class Node:
    down: list[Node]
@reducer
def take(ctx: ReducerContext, node: Node, more: list[Node], n: u32):
    depth = 0
    while node.down:
        node = node.down[-1]
        depth += 1
    assert (depth, len(more)) == (n, 3), (depth, len(more))
