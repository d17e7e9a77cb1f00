"""What the time of a function went to, and who asked for it: partitions of its cumulative weight, each sample in one slice.

Edges cannot be put in a pie: a sample in which a function calls two others in turn, by recursion, counts for both edges. A slice
is told instead by one activation of each stack: what the innermost one did (itself, or the function it called), and who called
the outermost one. Self is then the function's self, and the slices add up to its cum.

A pstats dump has edges only. Their weights and self stand for slices, and are ``exact`` where they add up to cum.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from plopi.viewer.analysis.call_graph import Numbers, Part
from plopi.viewer.analysis.call_tree import enclosing
from plopi.viewer.analysis.columns import Ids, Ints, group_by_key, heaviest

EVERY = 2**31


@dataclass(frozen=True)
class Split:
    """Weight by function at the other end, heaviest first; ``alone``: by no other function (self; called by nothing).

    ``rest`` is the weight of the slices beyond those that were asked for.
    """

    slices: list[tuple[int, int]]
    alone: int
    exact: bool
    rest: int = 0


def callees(numbers: Numbers, function: int, most: int = EVERY) -> Split:
    """By what the innermost activation called: the ``most`` heaviest."""
    own = int(numbers.self[function])
    if not numbers.sampled:
        return _of_dump(numbers, function, numbers.structure.callees.of(function), numbers.structure.callee, own, most)
    functions, weights = _summed(_below(part, function) for part in numbers.parts)
    return _split(functions, weights, own, True, most)


def callers(numbers: Numbers, function: int, most: int = EVERY) -> Split:
    """By what called the outermost activation: the ``most`` heaviest."""
    if not numbers.sampled:
        return _of_dump(numbers, function, numbers.structure.callers.of(function), numbers.structure.caller, None, most)
    functions, weights = _summed(_above(part, function) for part in numbers.parts)
    by_nothing = functions == -1
    return _split(functions[~by_nothing], weights[~by_nothing], int(weights[by_nothing].sum()), True, most)


def _above(part: Part, function: int) -> tuple[Ids, Ints]:
    """What called each outermost activation, -1 for nothing, and the weight of that."""
    tree, tops = part.stacks.tree, part.stacks.activations.of(function)
    parent = tree.parent[tops]
    return np.where(parent < 0, -1, tree.function[parent]), part.subtree[tops]


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


def _of_dump(numbers: Numbers, function: int, rows: Ids, other: Ids, own: int | None, most: int) -> Split:
    """``own`` is None for callers: what they do not account for was called by nothing."""
    rows = rows[numbers.structure.foreign[rows]]
    weights = numbers.edge[rows]
    left = int(numbers.cum[function]) - int(weights.sum())
    exact = numbers.edge_exact is None or bool(numbers.edge_exact[rows].all())
    if own is None:
        return _split(other[rows], weights, max(left, 0), exact and left >= 0, most)
    return _split(other[rows], weights, own, exact and left == own, most)


def _summed(found: Iterable[tuple[Ids, Ints]]) -> tuple[Ints, Ints]:
    """The distinct functions, rising, and the weight of each."""
    functions, weights = (np.concatenate(columns) for columns in zip(*found))
    distinct, rows = group_by_key(functions)
    return distinct, rows.sums(weights)


def _split(functions: Ids, weights: Ints, alone: int, exact: bool, most: int) -> Split:
    """Of distinct functions, which rise; those without weight are no slices."""
    rows = np.flatnonzero(weights)
    shown = rows[heaviest(weights[rows], most)]
    slices = list(zip(functions[shown].tolist(), weights[shown].tolist()))
    return Split(slices, alone, exact, int(weights.sum()) - int(weights[shown].sum()))
