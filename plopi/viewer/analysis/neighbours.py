"""A function's callers and callees, and the lines its time goes to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plopi.viewer.analysis.call_graph import Numbers
from plopi.viewer.analysis.call_tree import topmost
from plopi.viewer.analysis.columns import Ints, group_by_key


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


def _neighbours(numbers: Numbers, rows: Ints, other: Ints) -> list[Neighbour]:
    rows = rows[numbers.edge[rows] != 0] if numbers.subtree is not None else rows
    rows = rows[np.lexsort((other[rows], -numbers.edge[rows]))]
    exact = numbers.edge_exact[rows].tolist() if numbers.edge_exact is not None else [True] * len(rows)
    return [Neighbour(*row) for row in zip(other[rows].tolist(), numbers.edge[rows].tolist(), exact)]


def lines(numbers: Numbers, function: int) -> list[Line]:
    """The function's lines in order of number, those without weight left out; nothing where there are no stacks."""
    stacks, own, subtree = numbers.structure.stacks, numbers.own, numbers.subtree
    if stacks is None or own is None or subtree is None:
        return []
    position = stacks.occurrences.of(function)
    line = stacks.tree.line[position]
    tops = topmost(line, position, stacks.tree.end[position])
    found, rows = group_by_key(line)
    own_sums = rows.sums(own[position])
    outermost = np.zeros(len(position), dtype=np.int64)
    outermost[tops] = subtree[position[tops]]
    weights = zip(found.tolist(), own_sums.tolist(), rows.sums(outermost).tolist())
    return [Line(*row) for row in weights if row[1] or row[2]]
