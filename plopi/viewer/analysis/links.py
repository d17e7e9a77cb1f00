"""Who calls whom among a few chosen functions, when all the others are hidden.

From stacks the answer is exact: hidden functions are cut out of every stack, and an edge's weight is that of the samples in
which the caller is the nearest chosen function above the callee, each sample once.

A CALLS profile has no stacks, so only direct edges are known. A chosen function whose callers are all hidden hangs on the
chosen function that reaches it by the *widest* path through hidden callers (the path whose lightest edge is heaviest); no more
than that lightest edge can have gone that way, so it is the link's weight, marked as not exact.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from plopi.viewer.analysis.call_graph import Numbers, StackStructure
from plopi.viewer.analysis.call_tree import enclosing, topmost
from plopi.viewer.analysis.columns import Ints, group_by_key

FARTHEST = 10_000
"""Hidden callers looked at before a chosen function counts as hanging on none."""


@dataclass(frozen=True)
class Link:
    """An edge between chosen functions. ``residual``: never a direct call. Not ``exact``: ``weight`` is the most it can be."""

    caller: int
    callee: int
    weight: int
    residual: bool = False
    exact: bool = True


@dataclass(frozen=True)
class Linked:
    """Links in order of (caller, callee), none of them from a function to itself; ``outermost`` and ``depth`` by function.

    ``outermost`` is the weight with no chosen function above it; ``depth`` the mean number of chosen functions above, weighted,
    and absent where no stacks tell it.
    """

    links: list[Link]
    outermost: Mapping[int, int]
    depth: Mapping[int, float]


def link(numbers: Numbers, chosen: Ints) -> Linked:
    """Link ``chosen`` (distinct function ids); costs what their activations or edges cost, not the profile."""
    stacks, subtree = numbers.structure.stacks, numbers.subtree
    if stacks is None or subtree is None:
        return _link_calls(numbers, chosen)
    return _link_stacks(numbers, stacks, subtree, chosen)


def _link_stacks(numbers: Numbers, stacks: StackStructure, subtree: Ints, chosen: Ints) -> Linked:
    structure, tree = numbers.structure, stacks.tree
    position = np.sort(np.concatenate([stacks.occurrences.of(int(f)) for f in chosen] or [np.zeros(0, dtype=np.int64)]))
    position = position[subtree[position] != 0]
    end, function, weight = tree.end[position], tree.function[position], subtree[position]
    outer, level = enclosing(position, end)

    nested = np.flatnonzero(outer >= 0)
    key = function[outer] * structure.functions + function
    tops = nested[topmost(key[nested], position[nested], end[nested])]
    keys, weights = _sum_by_key(key[tops], weight[tops])
    caller, callee = np.divmod(keys, max(structure.functions, 1))
    rows = structure.rows(caller, callee)
    residual = (rows < 0) | (numbers.edge[rows] == 0) if len(numbers.edge) else rows < 0
    links = [
        Link(a, b, w, r)
        for a, b, w, r in zip(caller.tolist(), callee.tolist(), weights.tolist(), residual.tolist())
        if a != b and w != 0
    ]

    tops = topmost(function, position, end)
    outermost = tops[level[tops] == 0]
    functions, above = _sum_by_key(function[outermost], weight[outermost])
    return Linked(links, dict(zip(functions.tolist(), above.tolist())), _mean_levels(function[tops], level[tops], weight[tops]))


def _sum_by_key(key: Ints, weight: Ints) -> tuple[Ints, Ints]:
    keys, rows = group_by_key(key)
    return keys, rows.sums(weight)


def _mean_levels(function: Ints, level: Ints, weight: Ints) -> dict[int, float]:
    functions, place = np.unique(function, return_inverse=True)
    mass = np.bincount(place, weights=weight, minlength=len(functions))
    moment = np.bincount(place, weights=level.astype(np.float64) * weight, minlength=len(functions))
    mean = np.divide(moment, mass, out=np.zeros(len(functions)), where=mass != 0)
    return dict(zip(functions.tolist(), mean.tolist()))


def _link_calls(numbers: Numbers, chosen: Ints) -> Linked:
    among = set(chosen.tolist())
    links: list[Link] = []
    outermost: dict[int, int] = {}
    for function in sorted(among):
        callers = list(_callers(numbers, function))
        shown = [Link(a, function, w, exact=exact) for a, w, exact in callers if a in among]
        if callers and not shown:
            shown = _widest(numbers, function, among)
        if not shown:
            outermost[function] = int(numbers.cum[function])
        links += shown
    return Linked(sorted(links, key=lambda link: (link.caller, link.callee)), outermost, {})


def _callers(numbers: Numbers, function: int) -> Iterator[tuple[int, int, bool]]:
    """(caller, weight, exact) of every edge into a function but its own."""
    rows = numbers.structure.callers.of(function)
    exact = numbers.edge_exact[rows].tolist() if numbers.edge_exact is not None else [True] * len(rows)
    for caller, weight, proven in zip(numbers.structure.caller[rows].tolist(), numbers.edge[rows].tolist(), exact):
        if caller != function:
            yield caller, weight, proven


def _widest(numbers: Numbers, function: int, among: set[int]) -> list[Link]:
    """The link from the chosen function that reaches ``function`` by the widest path through hidden ones, or nothing."""
    seen = {function}
    reached = [(-weight, caller) for caller, weight, _ in _callers(numbers, function)]
    heapq.heapify(reached)
    while reached and len(seen) < FARTHEST:
        width, caller = heapq.heappop(reached)
        if caller in among and caller != function:
            return [Link(caller, function, -width, residual=True, exact=False)]
        if caller in seen:
            continue
        seen.add(caller)
        for further, weight, _ in _callers(numbers, caller):
            if further not in seen:
                heapq.heappush(reached, (max(width, -weight), further))
    return []
