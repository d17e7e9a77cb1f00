"""A function's callers and callees, and the lines its time goes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from plopi.model import GC_FUNCTION, Profile
from plopi.viewer.analysis.call_graph import Numbers, Part
from plopi.viewer.analysis.call_tree import topmost
from plopi.viewer.analysis.columns import Ids, group_by_key, heaviest


@dataclass(frozen=True)
class Neighbour:
    """The other end of an edge, and the edge's weight; not ``exact``: the most it can be."""

    function: int
    weight: int
    exact: bool


@dataclass(frozen=True)
class Line:
    """Weight of samples with the function at this line, at the leaf (``self``) and anywhere, each sample once (``cum``)."""

    line: int
    self: int
    cum: int


@dataclass(frozen=True)
class Neighbours:
    """The heaviest ones, equals by id, and how many there are in all."""

    heaviest: list[Neighbour]
    total: int


@dataclass(frozen=True)
class Below:
    """Where a function's cum goes. ``gc``: to the collection of garbage that it set off. ``exact``: self and the edges to its
    callees, that one among them, add up to cum; not where it recurses, since a sample counts once for each edge in it."""

    gc: int
    exact: bool


def below(profile: Profile, numbers: Numbers, function: int) -> Below:
    rows = numbers.structure.callees.of(function)
    callee = numbers.structure.callee[rows]
    rows, callee = rows[callee != function], callee[callee != function]
    weights = numbers.edge[rows]
    gc = sum(int(w) for w, f in zip(weights, callee) if w and _is_gc(profile, int(f)))
    told = numbers.edge_exact is None or bool(numbers.edge_exact[rows].all())
    return Below(gc, told and int(numbers.self[function]) + int(weights.sum()) == int(numbers.cum[function]))


def _is_gc(profile: Profile, function: int) -> bool:
    return profile.function_name(function) == GC_FUNCTION and not profile.function_file(function)


def callers(numbers: Numbers, function: int, most: int) -> Neighbours:
    """Direct callers, the function itself among them where it recurses."""
    return _neighbours(numbers, numbers.structure.callers.of(function), numbers.structure.caller, most)


def callees(numbers: Numbers, function: int, most: int) -> Neighbours:
    """Direct callees, likewise."""
    return _neighbours(numbers, numbers.structure.callees.of(function), numbers.structure.callee, most)


def _neighbours(numbers: Numbers, rows: Ids, other: Ids, most: int) -> Neighbours:
    """Rows of a function's edges come by the function at the other end."""
    rows = rows[numbers.edge[rows] != 0] if numbers.sampled else rows
    shown = rows[heaviest(numbers.edge[rows], most)]
    exact = numbers.edge_exact[shown].tolist() if numbers.edge_exact is not None else [True] * len(shown)
    ends = zip(other[shown].tolist(), numbers.edge[shown].tolist(), exact)
    return Neighbours([Neighbour(*row) for row in ends], len(rows))


def lines(numbers: Numbers, function: int) -> list[Line]:
    """The function's lines in order of number, those without weight left out; nothing where there are no stacks."""
    own: Counter[int] = Counter()
    cum: Counter[int] = Counter()
    for part in numbers.parts:
        for line, self_weight, cum_weight in _lines_in(part, function):
            own[line] += self_weight
            cum[line] += cum_weight
    return [Line(line, own[line], cum[line]) for line in sorted(cum) if own[line] or cum[line]]


def _lines_in(part: Part, function: int) -> Iterator[tuple[int, int, int]]:
    tree = part.stacks.tree
    position = np.flatnonzero(tree.function == function)
    line = tree.line[position]
    tops = topmost(line, position, tree.end[position])
    found, rows = group_by_key(line)
    outermost = np.zeros(len(position), dtype=np.int64)
    outermost[tops] = part.subtree[position[tops]]
    return zip(found.tolist(), rows.sums(part.own[position]).tolist(), rows.sums(outermost).tolist())
