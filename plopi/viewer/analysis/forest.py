"""The call tree cut down to some functions: all others are taken out of every stack, and what then is equal is put together.

Much smaller than the call tree, and for these functions it says the same: who is above whom, with what weight.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from plopi.viewer.analysis.call_graph import Numbers, Part
from plopi.viewer.analysis.call_tree import enclosing, preorder, subtree_sizes
from plopi.viewer.analysis.columns import Ids, Ints, Mask, group_by_id, group_by_key

MOST_KEPT = 4
_FOREST = "forest"
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


def forest_of(numbers: Numbers, functions: Ids, spare: Ids | None = None, key: Hashable = None) -> Forest | None:
    """The call trees cut down to ``functions``, and perhaps some more, one behind the other, as are their positions.

    None without stacks. Of a recording that grows only the last parts are new: with a ``key`` each part keeps what was made
    for it, with the ``spare`` functions too, so that it still serves when a few functions have changed places.
    """
    if not numbers.sampled:
        return None
    forests = [_kept_forest(part, numbers.structure.functions, functions, spare, key) for part in numbers.parts]
    return joined(forests, [len(part.own) for part in numbers.parts])


def _kept_forest(part: Part, count: int, functions: Ids, spare: Ids | None, key: Hashable) -> Forest:
    kept: tuple[Mask, Forest] | None = part.memo.get((_FOREST, key)) if key is not None else None
    if kept is not None and np.all(kept[0][functions[functions < len(kept[0])]]):
        return kept[1]  # functions that it does not know were met later
    wanted = np.zeros(count, dtype=np.bool_)
    wanted[functions] = True
    if key is not None and spare is not None:
        wanted[spare] = True
    forest = _forest_in(part, wanted)
    if key is not None:
        while len(part.memo) >= MOST_KEPT:
            part.memo.pop(next(iter(part.memo)), None)
        part.memo[_FOREST, key] = wanted, forest
    return forest


def joined(forests: Sequence[Forest], lengths: Sequence[int]) -> Forest:
    """Forests of call trees of so many positions as one: trees beside trees."""
    if len(forests) == 1:
        return forests[0]
    shifts = np.cumsum([0, *lengths[:-1]]).tolist()
    return Forest(
        position=np.concatenate([forest.position + shift for forest, shift in zip(forests, shifts)]),
        end=np.concatenate([forest.end + shift for forest, shift in zip(forests, shifts)]),
        function=np.concatenate([forest.function for forest in forests]),
        weight=np.concatenate([forest.weight for forest in forests]),
        place=np.concatenate([forest.place + shift for forest, shift in zip(forests, shifts)]),
    )


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
