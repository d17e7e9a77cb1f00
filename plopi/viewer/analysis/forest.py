"""The call tree cut down to some functions: all others are taken out of every stack, and what then is equal is put together.

Much smaller than the call tree, and for these functions it says the same: who is above whom, with what weight.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from plopi.viewer.analysis.call_graph import Part
from plopi.viewer.analysis.call_tree import enclosing, preorder, subtree_sizes
from plopi.viewer.analysis.columns import Ids, Ints, Mask, group_by_id, group_by_key

DEEPEST_MERGE = 500
"""Trees deeper than this are left as they are: putting equals together goes level by level."""


@dataclass(frozen=True)
class Forest:
    """Nodes in order of position; the subtree of each is [position, end). ``weight`` is that of its subtree.

    ``place`` is the heaviest of the call tree's positions that are this node.
    """

    position: Ints
    end: Ints
    function: Ids
    weight: Ints
    place: Ints

    def of(self, chosen: Ids) -> Forest:
        """The nodes of ``chosen`` functions alone."""
        rows = np.flatnonzero(np.isin(self.function, chosen))
        return Forest(self.position[rows], self.end[rows], self.function[rows], self.weight[rows], self.place[rows])


class Forests:
    """The call trees of some numbers, each cut down when first asked for, to ``wanted`` functions or a few more.

    With a ``key`` a tree's forest is kept beside the tree, with the ``spare`` functions in it, too: of a recording that grows it
    still serves when a few functions have changed places.
    """

    def __init__(self, functions: int, wanted: Ids, spare: Ids | None = None, key: Hashable = None) -> None:
        self.functions = functions
        self._wanted = wanted
        self._spare = spare
        self.key = key
        self._made: dict[int, Forest] = {}

    def of(self, part: Part) -> Forest:
        if id(part) not in self._made:
            self._made[id(part)] = self._forest(part)
        return self._made[id(part)]

    def _forest(self, part: Part) -> Forest:
        name = ("forest", self.key)
        kept: tuple[Mask, Forest] | None = part.memo.get(name) if self.key is not None else None
        if kept is not None and np.all(kept[0][self._wanted[self._wanted < len(kept[0])]]):
            return kept[1]  # functions that it does not know were met later
        wanted = np.zeros(self.functions, dtype=np.bool_)
        wanted[self._wanted] = True
        if self._spare is not None:
            wanted[self._spare] = True
        forest = _forest_in(part, wanted)
        if self.key is not None:
            part.memo.put(name, (wanted, forest))
        return forest


def _forest_in(part: Part, wanted: Mask) -> Forest:
    tree, subtree = part.stacks.tree, part.subtree
    position = np.flatnonzero(wanted[tree.function] & (subtree != 0))
    whole = Forest(position, tree.end[position].astype(np.int64), tree.function[position], subtree[position], position)
    outer, level = enclosing(whole.position, whole.end)
    if len(level) and int(level.max()) >= DEEPEST_MERGE:
        return whole
    return _merged(whole, outer, level)


def _merged(forest: Forest, outer: Ints, level: Ints) -> Forest:
    """Put siblings of one function together, level by level, and number the nodes anew."""
    count = len(level)
    merged = np.zeros(count, dtype=np.int64)
    parents: list[Ints] = []
    weights: list[Ints] = []
    heaviest: list[Ints] = []
    made = 0
    stride = int(forest.function.max()) + 1 if count else 1
    levels = group_by_id(level, int(level.max()) + 1 if count else 0)
    for depth in range(len(levels.start) - 1):
        rows = levels.of(depth)
        parent = merged[outer[rows]] if depth else np.full(len(rows), -1, dtype=np.int64)
        keys, groups = group_by_key((parent + 1) * stride + forest.function[rows])
        merged[rows[groups.rows]] = made + np.repeat(np.arange(len(keys)), np.diff(groups.start))
        parents.append(keys // stride - 1)
        weights.append(groups.sums(forest.weight[rows]))
        heaviest.append(rows[groups.heaviest(forest.weight[rows])])
        made += len(keys)
    none = [np.zeros(0, dtype=np.int64)]
    parent, weight, row = (np.concatenate(parts or none) for parts in (parents, weights, heaviest))
    size = subtree_sizes(parent)
    place = preorder(parent, size)
    order = np.empty_like(place)
    order[place] = np.arange(made)
    positions = np.arange(made, dtype=np.int64)
    row = row[order]
    return Forest(positions, positions + size[order], forest.function[row], weight[order], forest.place[row])
