"""Tries changed by whole columns: what holds of a stack, frames cut out, equal stacks put together.

Pointers are doubled (each round every node looks twice as far towards its root), so this takes ``log2(depth)`` rounds over
columns. A trie may be fed by several others, bit by bit, as recordings grow.
"""

from __future__ import annotations

import numpy as np

from plopi.model import Stacks
from plopi.viewer.analysis.columns import Ints, Mask, group_by_id
from plopi.viewer.analysis.growing_column import GrowingColumn
from plopi.viewer.analysis.lenses.tables import GrowingTable
from plopi.viewer.analysis.numbering import Numbering

DEEPEST_MERGE = 2_000
"""Nodes deeper than this stay apart even where they are equal: putting equals together goes level by level. No number minds."""


def anywhere(parent: Ints, hit: Mask) -> Mask:
    """By node: whether it or a node above it is hit."""
    found, leap = hit.copy(), parent.copy()
    node = np.flatnonzero(leap >= 0)
    while len(node):
        further = leap[node]
        found[node] |= found[further]
        leap[node] = leap[further]
        node = node[leap[node] >= 0]
    return found


def nearest(parent: Ints, kept: Mask) -> Ints:
    """By node: itself where it is kept, else the nearest kept node above, NONE where there is none."""
    found = np.where(kept, np.arange(len(parent), dtype=np.int64), parent)
    node = np.flatnonzero(~kept & (found >= 0))
    while len(node):
        node = node[~kept[found[node]]]
        found[node] = found[found[node]]
        node = node[found[node] >= 0]
    return found


def depths(parent: Ints) -> Ints:
    """Nodes above each."""
    depth, leap = (parent >= 0).astype(np.int64), parent.copy()
    node = np.flatnonzero(leap >= 0)
    while len(node):
        further = leap[node]
        depth[node] = depth[node] + depth[further]
        leap[node] = leap[further]
        node = node[leap[node] >= 0]
    return depth


class Trie:
    """Nodes with labels; siblings of one label are one. Ids of parents are smaller than those of their children."""

    def __init__(self) -> None:
        self._stacks = GrowingTable(Stacks, 2)
        self._nodes = Numbering()

    @property
    def table(self) -> Stacks:
        """Labels stand for locations."""
        return self._stacks.table

    def add(self, parent: Ints, label: Ints, below: Ints) -> Ints:
        """Where each of these nodes goes: below another of them, its ``parent``, or where that is NONE, below a node of this trie
        (NONE: it is a root). Labels are less than 2**32."""
        node = np.full(len(parent), -1, dtype=np.int64)
        if not len(parent):
            return node
        depth = depths(parent)
        levels = group_by_id(np.minimum(depth, DEEPEST_MERGE), int(min(depth.max(), DEEPEST_MERGE)) + 1)
        for level in range(len(levels.start) - 1):
            rows = levels.of(level)
            if level == DEEPEST_MERGE:  # in order of id, so parents first
                node[rows] = self._nodes.skip(len(rows))
                self._stacks.append(node[parent[rows]], label[rows])
                break
            above = node[parent[rows]] if level else below[rows]
            node[rows], new = self._nodes.of((above + 1 << 32) + label[rows])
            self._stacks.append(above[new], label[rows[new]])
        return node


class Branch:
    """What goes into a trie out of another one, which may grow."""

    def __init__(self) -> None:
        self._went = GrowingColumn()

    def __len__(self) -> int:
        """Nodes that were looked at."""
        return len(self._went)

    def grow(self, trie: Trie, parent: Ints, label: Ints, kept: Mask) -> None:
        """Take in the nodes that come after those that were looked at: those that are kept under new labels. Parents are ids of
        the other trie."""
        there, before = len(self), self._went.seen
        local = np.where(parent >= there, parent - there, -1)
        below = _went(before, parent[nearest(local, local < 0)])  # where the topmost of these nodes hang on others
        near, old = nearest(local, kept), np.flatnonzero(kept)
        row = np.full(len(parent), -1, dtype=np.int64)
        row[old] = np.arange(len(old))
        above = local[old]
        outer = np.where(above >= 0, near[above], -1)
        node = trie.add(np.where(outer >= 0, row[outer], -1), label[old], below[old])
        self._went.append(np.where(near >= 0, _went(node, row[near]), below))

    def of(self, stack: Ints) -> Ints:
        """Where nodes went: themselves or what was nearest above them. NONE where nothing is left, and NONE stays NONE."""
        return _went(self._went.seen, stack)


def _went(went: Ints, stack: Ints) -> Ints:
    if not len(went):
        return np.full(len(stack), -1, dtype=np.int64)
    return np.where(stack >= 0, went[stack], -1)
