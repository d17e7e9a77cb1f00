"""What the time of a function went to, and who asked for it: partitions of its cumulative weight, each sample in one slice.

Edges cannot be put in a pie: a sample in which a function calls two others in turn, by recursion, counts for both edges. A slice
is told instead by one activation of each stack: what the innermost one did (itself, or the function it called), and who called
the outermost one. Self is then the function's self, and the slices add up to its cum.

A pstats dump has edges only. Their weights and self stand for slices, and are ``exact`` where they add up to cum.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from plopi.viewer.analysis.call_graph import Numbers, Part
from plopi.viewer.analysis.call_tree import enclosing
from plopi.viewer.analysis.columns import Ids, Ints


@dataclass(frozen=True)
class Split:
    """Weight by function at the other end, heaviest first; ``alone``: by no other function (self; called by nothing)."""

    slices: list[tuple[int, int]]
    alone: int
    exact: bool


def callees(numbers: Numbers, function: int) -> Split:
    """By what the innermost activation called."""
    if not numbers.sampled:
        rows = numbers.structure.callees.of(function)
        return _of_dump(numbers, function, rows, numbers.structure.callee, int(numbers.self[function]))
    found: Counter[int] = Counter()
    for part in numbers.parts:
        _add(found, *_below(part, function))
    return Split(_heaviest(found), int(numbers.self[function]), True)


def callers(numbers: Numbers, function: int) -> Split:
    """By what called the outermost activation."""
    if not numbers.sampled:
        return _of_dump(numbers, function, numbers.structure.callers.of(function), numbers.structure.caller, None)
    found: Counter[int] = Counter()
    for part in numbers.parts:
        tree, tops = part.stacks.tree, part.stacks.activations.of(function)
        parent = tree.parent[tops]
        _add(found, np.where(parent < 0, -1, tree.function[parent]), part.subtree[tops])
    alone = found.pop(-1, 0)
    return Split(_heaviest(found), alone, True)


def _below(part: Part, function: int) -> tuple[Ids, Ints]:
    """Children of the function's places, with what lies below them; and negative what of that is below a later activation."""
    tree = part.stacks.tree
    called = np.flatnonzero((tree.parent >= 0) & (tree.function[tree.parent] == function))
    nested = np.flatnonzero(tree.function == function)
    places = np.union1d(called, nested)
    outer, _ = enclosing(places, tree.end[places])
    is_called = np.isin(places, called)
    via = np.where(is_called, np.arange(len(places)), outer)
    again = (tree.function[places] == function) & (via >= 0)
    return (
        np.concatenate([tree.function[called], tree.function[places[via[again]]]]),
        np.concatenate([part.subtree[called], -part.subtree[places[again]]]),
    )


def _of_dump(numbers: Numbers, function: int, rows: Ids, other: Ids, own: int | None) -> Split:
    """``own`` is None for callers: what they do not account for was called by nothing."""
    rows = rows[numbers.structure.foreign[rows]]
    slices = Counter(dict(zip(other[rows].tolist(), numbers.edge[rows].tolist())))
    left = int(numbers.cum[function]) - sum(slices.values())
    exact = numbers.edge_exact is None or bool(numbers.edge_exact[rows].all())
    if own is None:
        return Split(_heaviest(slices), max(left, 0), exact and left >= 0)
    return Split(_heaviest(slices), own, exact and left == own)


def _add(found: Counter[int], functions: Ids, weights: Ints) -> None:
    distinct, row = np.unique(functions, return_inverse=True)
    sums = np.zeros(len(distinct), dtype=np.int64)
    np.add.at(sums, row, weights)
    found.update(dict(zip(distinct.tolist(), sums.tolist())))


def _heaviest(found: Counter[int]) -> list[tuple[int, int]]:
    return sorted(((function, weight) for function, weight in found.items() if weight), key=lambda each: (-each[1], each[0]))
