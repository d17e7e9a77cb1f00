"""A function's callers and callees, and the lines its time goes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from plopi.viewer.analysis.call_graph import Numbers, Part
from plopi.viewer.analysis.call_tree import topmost
from plopi.viewer.analysis.columns import Ids, group_by_key


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


def callers(numbers: Numbers, function: int) -> list[Neighbour]:
    """All direct callers, heaviest first, the function itself among them where it recurses."""
    return _neighbours(numbers, numbers.structure.callers.of(function), numbers.structure.caller)


def callees(numbers: Numbers, function: int) -> list[Neighbour]:
    """All direct callees, heaviest first."""
    return _neighbours(numbers, numbers.structure.callees.of(function), numbers.structure.callee)


def _neighbours(numbers: Numbers, rows: Ids, other: Ids) -> list[Neighbour]:
    rows = rows[numbers.edge[rows] != 0] if numbers.sampled else rows
    rows = rows[np.lexsort((other[rows], -numbers.edge[rows]))]
    exact = numbers.edge_exact[rows].tolist() if numbers.edge_exact is not None else [True] * len(rows)
    return [Neighbour(*row) for row in zip(other[rows].tolist(), numbers.edge[rows].tolist(), exact)]


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
