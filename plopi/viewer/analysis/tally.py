"""What one call tree adds to the links among chosen functions: weights that add up over trees, and where each link is heaviest.

Of a recording that grows only the last trees are new, so a tally is kept beside its tree, by the choice of functions.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np

from plopi.model import NONE
from plopi.viewer.analysis.call_graph import Part
from plopi.viewer.analysis.call_tree import CallTree, enclosing, topmost
from plopi.viewer.analysis.columns import Floats, Ids, Ints, group_by_key, pair_keys
from plopi.viewer.analysis.forest import Forest, Forests

LONGEST_WAY = 60
"""Hidden functions between two chosen ones beyond which nobody would read their list."""


@dataclass(frozen=True)
class Tally:
    """Columns by link, in order of (caller, callee); ``outermost``, ``mass`` and ``moment`` by function.

    ``place`` is the tree's position where a link is heaviest, ``heaviest`` its weight there, and ``nearest`` the function right
    above, be it hidden or not. ``mass`` is the weight of a
    function's outermost activations, ``moment`` that times the number of chosen functions above.
    """

    tree: CallTree
    caller: Ids
    callee: Ids
    weight: Ints
    place: Ids
    nearest: Ids
    heaviest: Ints
    outermost: dict[int, int]
    mass: Floats
    moment: Floats
    _ways: dict[int, tuple[int, ...] | None] = field(default_factory=dict)

    def way(self, row: int) -> tuple[int, ...] | None:
        """Functions between a link's ends where it is heaviest, caller's side first; None where they are many."""
        if row not in self._ways:
            self._ways[row] = _way(self.tree, int(self.place[row]), int(self.caller[row]))
        return self._ways[row]


def tally(part: Part, chosen: Ids, forests: Forests, key: Hashable) -> Tally:
    """The tally of one call tree for ``chosen``; kept where there is a ``key``."""
    name = ("tally", key, chosen.tobytes())
    found: Tally | None = part.memo.get(name) if key is not None else None
    if found is None:
        found = _tally(part.stacks.tree, forests.of(part).of(chosen), forests.functions)
        if key is not None:
            part.memo.put(name, found)
    return found


def _tally(tree: CallTree, forest: Forest, functions: int) -> Tally:
    position, end, function, weight = forest.position, forest.end, forest.function, forest.weight
    outer, level = enclosing(position, end)
    nested = np.flatnonzero(outer >= 0)
    key = pair_keys(function[outer], function, functions)
    calls = nested[topmost(key[nested], position[nested], end[nested])]
    keys, rows = group_by_key(key[calls])
    caller, callee = np.divmod(keys, max(functions, 1))
    best = calls[rows.heaviest(weight[calls])]
    tops = topmost(function, position, end)
    outermost, groups = group_by_key(function[tops[level[tops] == 0]])
    return Tally(
        tree,
        caller,
        callee,
        rows.sums(weight[calls]),
        forest.place[best],
        tree.function[tree.parent[forest.place[best]]],
        weight[best],
        dict(zip(outermost.tolist(), groups.sums(weight[tops[level[tops] == 0]]).tolist())),
        np.bincount(function[tops], weights=weight[tops], minlength=functions).astype(np.float64),
        np.bincount(function[tops], weights=level[tops].astype(np.float64) * weight[tops], minlength=functions).astype(
            np.float64
        ),
    )


def _way(tree: CallTree, position: int, caller: int) -> tuple[int, ...] | None:
    """Functions between a position and the nearest ``caller`` above it."""
    way: list[int] = []
    above = int(tree.parent[position])
    while above != NONE and (function := int(tree.function[above])) != caller:
        if len(way) == LONGEST_WAY:
            return None
        way.append(function)
        above = int(tree.parent[above])
    return tuple(reversed(way))
