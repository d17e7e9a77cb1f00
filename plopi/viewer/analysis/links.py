"""Who calls whom among a few chosen functions, when all the others are hidden.

From stacks the answer is exact: hidden functions are cut out of every stack, and a link's weight is that of the samples in
which the caller is the nearest chosen function above the callee, each sample once.

A CALLS profile has no stacks, so only direct edges are known. A chosen function whose heaviest caller is hidden, or that no root
would lead to, hangs on the chosen function that reaches it by the *widest* path through hidden callers (the path whose lightest
edge is heaviest). No more than that lightest edge can have gone that way: it is the link's weight, marked as not exact.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from plopi.model import NONE
from plopi.viewer.analysis.call_graph import Numbers
from plopi.viewer.analysis.columns import Ids, Mask, group_by_key, heaviest, pair_keys
from plopi.viewer.analysis.forest import Forests
from plopi.viewer.analysis.tally import LONGEST_WAY, Tally, tally

FARTHEST, MOST_STEPS = 2_000, 10_000
"""Hidden callers looked at for one chosen function, and for all of them, before the rest count as hanging on none."""
WIDEST_FAN = 500
"""Callers of one hidden function that are followed, the heaviest first."""


@dataclass(frozen=True)
class Link:
    """An edge between chosen functions. ``direct`` is the weight of direct calls. Not ``exact``: ``weight`` is an upper bound.

    ``way`` tells what is hidden between the two where the weight is heaviest; ``nearest`` is what of that is next to the callee,
    NONE where nothing is.
    """

    caller: int
    callee: int
    weight: int
    direct: int
    exact: bool = True
    nearest: int = NONE
    way: Callable[[], tuple[int, ...] | None] = field(default=tuple, compare=False, repr=False)

    @property
    def hidden(self) -> tuple[int, ...] | None:
        """The functions between the two, caller's side first; None where they are many."""
        return self.way()


@dataclass(frozen=True)
class Linked:
    """Links in order of (caller, callee), none of them from a function to itself; ``outermost`` and ``depth`` by function.

    ``outermost`` is the weight with no chosen function above it; ``depth`` the mean number of chosen functions above, weighted,
    and absent where no stacks tell it.
    """

    links: list[Link]
    outermost: Mapping[int, int]
    depth: Mapping[int, float]


def link(numbers: Numbers, chosen: Ids, forests: Forests | None = None, near: bool = False) -> Linked:
    """Link ``chosen`` (distinct function ids); costs what their activations or edges cost, not the profile.

    ``forests`` of more functions, made once, make linking one choice of them after the other cheap; a CALLS profile has none.
    ``near``: direct edges of a CALLS profile hold the choice together already, so nothing is looked for between them.
    """
    if not numbers.sampled:
        return _CallsLinker(numbers, chosen, near).linked()
    forests = forests or Forests(numbers.structure.functions, chosen)
    tallies = [tally(part, chosen, forests, forests.key) for part in numbers.parts]
    outermost: Counter[int] = Counter()
    for each in tallies:
        outermost.update(each.outermost)
    return Linked(_links_of(numbers, tallies), outermost, _mean_levels(tallies, numbers.structure.functions))


def _links_of(numbers: Numbers, tallies: Sequence[Tally]) -> list[Link]:
    """One link for each (caller, callee), its weight the sum over the trees, its way that of the tree where it is heaviest."""
    functions = numbers.structure.functions
    keys, rows = group_by_key(np.concatenate([pair_keys(each.caller, each.callee, functions) for each in tallies]))
    caller, callee = np.divmod(keys, max(functions, 1))
    weights = rows.sums(np.concatenate([each.weight for each in tallies]))
    best = rows.heaviest(np.concatenate([each.heaviest for each in tallies]))
    start = np.cumsum([0, *(len(each.caller) for each in tallies)])
    tree = np.searchsorted(start, best, side="right") - 1
    direct = numbers.edge_weights(caller, callee)
    nearest = np.where(direct < weights, np.concatenate([each.nearest for each in tallies])[best], NONE)
    wanted = np.flatnonzero((caller != callee) & (weights != 0))
    columns = (caller, callee, weights, direct, nearest, tree, best - start[tree])
    return [
        Link(a, b, weight, straight, True, near, tuple if near == NONE else partial(tallies[number].way, row))
        for a, b, weight, straight, near, number, row in zip(*(values[wanted].tolist() for values in columns))
    ]


def _mean_levels(tallies: Sequence[Tally], functions: int) -> dict[int, float]:
    mass, moment = np.zeros(functions), np.zeros(functions)
    for each in tallies:
        mass[: len(each.mass)] += each.mass
        moment[: len(each.moment)] += each.moment
    there = np.flatnonzero(mass)
    return dict(zip(there.tolist(), (moment[there] / mass[there]).tolist()))


class _CallsLinker:
    """Builds the links of a CALLS profile: direct ones, then those through hidden callers."""

    def __init__(self, numbers: Numbers, chosen: Ids, near: bool) -> None:
        self._numbers = numbers
        self._chosen = sorted(chosen.tolist(), key=lambda f: (-int(numbers.cum[f]), f))
        self._among = np.zeros(numbers.structure.functions, dtype=np.bool_)
        self._among[chosen] = True
        self._links: dict[tuple[int, int], Link] = {}
        self._onward: dict[int, list[int]] = defaultdict(list)
        self._reached = np.zeros(numbers.structure.functions, dtype=np.bool_)
        self._roots: list[int] = []
        self._steps_left = 0 if near else MOST_STEPS

    def linked(self) -> Linked:
        inside = self._rows_inside()
        for function in self._chosen:
            self._add_callers(function, inside[function])
        self._reach_the_rest()
        links = [self._links[ends] for ends in sorted(self._links)]
        return Linked(links, {function: int(self._numbers.cum[function]) for function in self._roots}, {})

    def _rows_inside(self) -> dict[int, Ids]:
        """By chosen function: the edges into it from the others that are chosen. Of one with many callers, looked up by pairs."""
        structure, ids = self._numbers.structure, np.array(sorted(self._chosen), dtype=np.int64)
        narrow = {f: _callers_of(self._numbers, f).rows for f in self._chosen}
        wide = [f for f in self._chosen if _callers_of(self._numbers, f).count > WIDEST_FAN]
        found = {f: rows[self._among[structure.caller[rows]]] for f, rows in narrow.items()}
        pairs = structure.rows(np.tile(ids, len(wide)), np.repeat(np.array(wide, dtype=np.int64), len(ids)))
        return found | {f: rows[(rows >= 0) & (ids != f)] for f, rows in zip(wide, pairs.reshape(len(wide), len(ids)))}

    def _add_callers(self, function: int, inside: Ids) -> None:
        """Link a function to its chosen callers, and where one that is hidden is heavier, by way of that."""
        callers = _callers_of(self._numbers, function)
        if not callers.count:
            self._begin_at(function)
            return
        weights = self._numbers.edge[inside]
        for row, caller, weight in zip(inside.tolist(), self._numbers.structure.caller[inside].tolist(), weights.tolist()):
            self._add(Link(caller, function, weight, weight, self._is_exact(row)))
        hidden = next((weight for caller, weight in callers.heaviest if not self._among[caller]), -1)
        if hidden > weights.max(initial=-1):
            self._add_widest(function, self._among)

    def _reach_the_rest(self) -> None:
        """Tie what no root leads to onto what one does; where that cannot be done, the heaviest becomes a root."""
        while left := [function for function in self._chosen if not self._reached[function]]:
            reached = int(np.count_nonzero(self._reached))
            for function in left if reached else ():
                if not self._reached[function]:
                    self._add_widest(function, self._reached)
            tied = int(np.count_nonzero(self._reached)) > reached
            if not tied:
                self._begin_at(left[0])

    def _begin_at(self, function: int) -> None:
        self._roots.append(function)
        self._spread([function])

    def _spread(self, functions: list[int]) -> None:
        while functions:
            function = functions.pop()
            if not self._reached[function]:
                self._reached[function] = True
                functions += self._onward[function]

    def _add(self, new: Link) -> None:
        self._links[new.caller, new.callee] = new
        self._onward[new.caller].append(new.callee)
        if self._reached[new.caller]:
            self._spread([new.callee])

    def _add_widest(self, function: int, goals: Mask) -> None:
        """Link ``function`` to the one of ``goals`` that reaches it by the widest path through hidden functions, if one does."""
        if self._steps_left <= 0:
            return
        seen = {function}
        onward: dict[int, int] = {}
        heap = [(-weight, caller, function) for caller, weight in _callers_of(self._numbers, function).heaviest]
        heapq.heapify(heap)
        steps = min(FARTHEST, self._steps_left)
        while heap and len(seen) <= steps:
            width, caller, callee = heapq.heappop(heap)
            if caller in seen:
                continue
            seen.add(caller)
            onward[caller] = callee
            if goals[caller]:
                self._add(self._residual(caller, function, -width, onward))
                break
            if not self._among[caller]:
                for further, weight in _callers_of(self._numbers, caller).heaviest:
                    if further not in seen:
                        heapq.heappush(heap, (max(width, -weight), further, caller))
        self._steps_left -= len(seen) - 1

    def _residual(self, caller: int, callee: int, weight: int, onward: Mapping[int, int]) -> Link:
        hidden: list[int] = []
        step = onward[caller]
        while step != callee:
            hidden.append(step)
            step = onward[step]
        # Where each function on the way has one caller, all of its time came this way: the dump proves the last edge's weight.
        proven = bool(hidden) and all(_callers_of(self._numbers, function).count == 1 for function in hidden)
        if proven:
            weight = self._edge_weight(hidden[-1], callee)
            proven = self._numbers.edge_exact is None
        direct = self._edge_weight(caller, callee)
        most = min(direct + weight, int(self._numbers.cum[caller]), int(self._numbers.cum[callee]))
        way = tuple(hidden) if len(hidden) <= LONGEST_WAY else None
        return Link(caller, callee, most, direct, proven, hidden[-1] if hidden else NONE, lambda: way)

    def _edge_weight(self, caller: int, callee: int) -> int:
        return int(self._numbers.edge_weights(np.array([caller]), np.array([callee]))[0])

    def _is_exact(self, row: int) -> bool:
        return self._numbers.edge_exact is None or bool(self._numbers.edge_exact[row])


@dataclass(frozen=True)
class _Callers:
    """Of a function's callers but itself the heaviest: edges, and (caller, weight); and how many there are."""

    rows: Ids
    heaviest: list[tuple[int, int]]
    count: int


def _callers_of(numbers: Numbers, function: int) -> _Callers:
    name = ("callers", function)
    found: _Callers | None = numbers.memo.get(name)
    if found is None:
        rows = numbers.structure.callers_but_itself(function)
        weights = numbers.edge[rows]
        widest = heaviest(weights, WIDEST_FAN)
        ends = zip(numbers.structure.caller[rows[widest]].tolist(), weights[widest].tolist())
        found = _Callers(np.sort(rows[widest]), list(ends), len(rows))
        numbers.memo.put(name, found)
    return found
