"""Which functions are worth drawing: what each explains, and in which order they are chosen.

A function's score is pprof's: cum times the entropy of where its weight comes from and goes to, plus self; a function that merely
passes its weight on scores next to nothing. Only candidates are looked at, with their edges, so that the size of the profile
hardly matters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plopi.viewer.analysis.call_graph import Numbers
from plopi.viewer.analysis.columns import Floats, Groups, Ids, Ints, Mask, heaviest

SMALL_NODES = 0.4
"""Functions whose cum is below this share of total / N are not worth one of N nodes: 0.5 % at 80."""
HEAVY_SELF = 2.0
"""Functions whose self reaches this share of total / N are never hidden: 2.5 % at 80, so at most N / 2 of them."""
WRAPPER_SELF = 0.005
"""A wrapper's own time is below this share of the total,"""
WRAPPER_FLOW = 0.95
"""and its one caller and one callee account for at least this share of its cum."""
MOST_APPRAISED = 5_000
"""Of a flat profile's functions, so many are looked at, by cum."""


@dataclass(frozen=True)
class Choice:
    """What a picture is asked to show.

    ``nodes``: how many functions at most. ``around``: one function with its callers and callees up to ``radius`` steps away,
    instead of the whole. ``keep``: functions drawn besides; ``drop``: functions that are not drawn, as if they were small.
    """

    nodes: int
    around: int | None = None
    radius: int = 2
    keep: tuple[int, ...] = ()
    drop: tuple[int, ...] = ()


def ranking(numbers: Numbers, choice: Choice) -> Ints:
    """Functions in the order in which they are chosen: owners of much self time, then by score, then by cum, then id.

    Those that merely pass their weight on come last: where there is room, they fold or tell of a second way. Neither those to
    be kept anyhow nor those to be dropped are among them.
    """
    name = ("ranking", choice.nodes)
    functions: Ints | None = numbers.memo.get(name)
    if functions is None:
        functions = _ranked(numbers, choice.nodes)
        numbers.memo.put(name, functions)
    return functions[~np.isin(functions, [*choice.keep, *choice.drop])]


def _ranked(numbers: Numbers, limit: int) -> Ints:
    functions = _candidates(numbers, limit)
    own = numbers.self[functions]
    heavy = np.where(own >= max(numbers.total * HEAVY_SELF / limit, 1), -own, 0)
    flows = _Flows(numbers, functions)
    return functions[np.lexsort((functions, -numbers.cum[functions], -flows.scores(), flows.passes_on(), heavy))]


def scores(numbers: Numbers, functions: Ids) -> Floats:
    """Of each function: cum x (entropy of its callers + entropy of its callees and self) + self.

    To have no callers, or no callees, counts as 1: entries and leaves explain much.
    """
    return _Flows(numbers, functions).scores()


def _candidates(numbers: Numbers, limit: int) -> Ints:
    """Functions worth one of ``limit`` nodes; where these are few and own little, as in a flat profile, all that have weight."""
    worthwhile = np.flatnonzero(numbers.cum >= max(numbers.total * SMALL_NODES / limit, 1))
    flat = len(worthwhile) < limit and 2 * int(numbers.self[worthwhile].sum()) < numbers.total
    found = np.flatnonzero(numbers.cum > 0) if flat else worthwhile
    return np.sort(found[heaviest(numbers.cum[found], MOST_APPRAISED)])


class _Flows:
    """The edges into and out of some functions, those to themselves left out."""

    def __init__(self, numbers: Numbers, functions: Ids) -> None:
        self._numbers = numbers
        self._cum = numbers.cum[functions]
        self._own = numbers.self[functions]
        self._recursive = np.zeros(len(functions), dtype=np.bool_)
        self._in = self._foreign(numbers.structure.callers, functions)
        self._out = self._foreign(numbers.structure.callees, functions)

    def _foreign(self, groups: Groups, functions: Ids) -> tuple[Ids, Ints]:
        """Weights, and which of the functions each belongs to."""
        rows, owner = groups.of_many(functions)
        foreign = self._numbers.structure.foreign[rows]
        weight = self._numbers.edge[rows]
        own = np.flatnonzero(~foreign)
        self._recursive[owner[own[weight[own] != 0]]] = True
        return (owner[foreign], weight[foreign]) if len(own) else (owner, weight)

    def scores(self) -> Floats:
        own = np.abs(self._own).astype(np.float64)
        inward = _entropy(*self._in, np.zeros_like(own))
        outward = _entropy(*self._out, own)
        inward[np.bincount(self._in[0], minlength=len(own)) == 0] = 1.0
        outward[np.bincount(self._out[0], minlength=len(own)) == 0] = 1.0
        return np.rint(self._cum * (inward + outward) + own)

    def passes_on(self) -> Mask:
        """Functions that in the whole graph have one caller and one callee worth mentioning and do nothing themselves."""
        least = self._cum * WRAPPER_FLOW
        idle = self._own < self._numbers.total * WRAPPER_SELF
        passes: Mask = idle & (self._cum > 0) & (self._most(*self._in) >= least) & (self._most(*self._out) >= least)
        return passes & ~self._recursive

    def _most(self, owner: Ids, weight: Ints) -> Ints:
        """The greatest weight of each function, 0 where there is none; owners rise."""
        most = np.zeros(len(self._cum), dtype=np.int64)
        if len(owner):
            first = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
            most[owner[first]] = np.maximum(np.maximum.reduceat(weight, first), 0)
        return most


def _entropy(group: Ids, weight: Ints, own: Floats) -> Floats:
    """Shannon entropy, in bits, of each group's weights together with its ``own``."""
    size = np.abs(weight).astype(np.float64)
    whole = np.bincount(group, weights=size, minlength=len(own)) + own
    whole[whole == 0] = 1.0
    return np.bincount(group, weights=_bits(size / whole[group]), minlength=len(own)) + _bits(own / whole)


def _bits(share: Floats) -> Floats:
    return -share * np.log2(share, out=np.zeros_like(share), where=share > 0)
