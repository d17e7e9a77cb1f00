"""The call graph: functions with self and cum, and caller -> callee edges, for either shape of profile.

``Structure`` is what does not depend on the weights and is made once per profile (by ``prepared``); ``Numbers`` belong to one
selection.

STACKS: self is the weight of samples with the function at the leaf, cum that of samples with it anywhere, an edge's weight that
of samples in which the caller called the callee somewhere: each sample counts once, however often function or call recur.

CALLS: self, cum and edge weights are the dump's tottime, cumtime and the edge's cumtime, as they stand. ``total`` is the sum of
self: every nanosecond that the profiler saw is the self time of exactly one function, whereas cum overlaps, and a dump may have
any number of roots. A dump whose callers are mere counts of calls (``profile.Profile`` writes those) has no weight for an edge:
calls are no measure of time, least of all where functions recurse. An edge can be no more than the smaller cum of its ends; that
bound, marked as not exact, stands in, and where the callee has no other caller it is its cum.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from plopi.errors import PlopiError
from plopi.model import SAMPLES, Calls, Profile
from plopi.viewer.analysis.call_tree import CallTree, subtree_weights
from plopi.viewer.analysis.columns import Groups, Ids, Ints, Mask, column, sums_by_id
from plopi.viewer.analysis.memo import Memo


@dataclass(frozen=True)
class Selection:
    """Which samples count, and by which of their weights. A CALLS profile has one sample type and no threads or windows."""

    type: int = 0
    thread: int | None = None
    windows: tuple[int, int] | None = None
    """First and last window, both included."""


@dataclass(frozen=True)
class StackStructure:
    """Where in the call tree functions and edges occur."""

    tree: CallTree
    activations: Groups
    """Positions by function that are not nested in another of the same function."""
    edge_activations: Groups
    """Positions by edge into them that are not nested in another of the same edge."""


@dataclass(frozen=True)
class Structure:
    """Edges by (caller, callee), and both adjacency indexes: those of a function cost only what they hold.

    Columns may be int32: widen before multiplying. ``stacks`` is None for a CALLS profile, and where several trees of a growing
    recording are taken together; ``dump`` is None for a STACKS profile.
    """

    functions: int
    caller: Ids
    callee: Ids
    callees: Groups
    """Edges by caller."""
    callers: Groups
    """Edges by callee."""
    stacks: StackStructure | None = None
    dump: Ints | None = None
    """By edge: the dump's cumtime of it, the sum where the dump has it twice."""

    def rows(self, caller: Ids, callee: Ids) -> Ints:
        """The edges' rows, NONE where there is no such edge: a binary search among the caller's."""
        low = self.callees.start[caller].astype(np.int64)
        high = end = self.callees.start[np.asarray(caller) + 1].astype(np.int64)
        last = max(len(self.callee) - 1, 0)
        while len(self.callee) and (unsure := low < high).any():
            middle = (low + high) // 2
            before = unsure & (self.callee[np.minimum(middle, last)] < callee)
            low = np.where(before, middle + 1, low)
            high = np.where(unsure & ~before, middle, high)
        there = low < end
        there[there] = self.callee[low[there]] == np.asarray(callee)[there]
        return np.where(there, low, -1)

    def callers_but_itself(self, function: int) -> Ids:
        """Edges into a function from all others."""
        rows = self.callers.of(function)
        first, end = int(self.callees.start[function]), int(self.callees.start[function + 1])
        callees = self.callee[first:end]
        loop = int(np.searchsorted(callees, callees.dtype.type(function)))
        recurs = loop < len(callees) and callees[loop] == function
        others: Ids = rows[rows != first + loop] if recurs else rows
        return others

    @cached_property
    def foreign(self) -> Mask:
        """By edge: whether it leads to another function."""
        foreign: Mask = self.caller != self.callee
        return foreign


@dataclass(frozen=True)
class Part:
    """Weights in one call tree, by position: of samples that end there, and of the subtree. A growing recording has several."""

    stacks: StackStructure
    own: Ints
    subtree: Ints
    memo: Memo = field(default_factory=Memo, compare=False, repr=False)
    """Room for what was worked out of this part alone, which outlives the numbers that it is a part of."""


@dataclass(frozen=True)
class Numbers:
    """Weights of one selection: ``self`` and ``cum`` by function, ``edge`` by edge; ``parts`` are empty for a CALLS profile."""

    structure: Structure
    total: int
    samples: int | None
    """Ticks behind it; None where the profile does not count them."""
    self: Ints
    cum: Ints
    edge: Ints
    edge_exact: Mask | None = None
    """None: all are."""
    parts: tuple[Part, ...] = ()
    memo: Memo = field(default_factory=lambda: Memo(1000), compare=False, repr=False)
    """Room for what one picture after the other wants."""

    @property
    def sampled(self) -> bool:
        """Whether stacks stand behind it, rather than a dump."""
        return bool(self.parts)

    def edge_weights(self, caller: Ids, callee: Ids) -> Ints:
        """Weights of direct edges, 0 where there is none."""
        rows = self.structure.rows(caller, callee)
        weights = np.zeros(len(rows), dtype=np.int64)
        weights[rows >= 0] = self.edge[rows[rows >= 0]]
        return weights

    @cached_property
    def present(self) -> Mask:
        """By function: whether it belongs to the selection at all. A dump's functions all do, even where they took no time."""
        present: Mask = np.ones(self.structure.functions, dtype=np.bool_) if not self.sampled else self.cum != 0
        return present

    @cached_property
    def edge_present(self) -> Mask:
        """By edge, likewise; edges from a function to itself are not counted among the edges."""
        among = self.structure.foreign
        return among & (self.edge != 0) if self.sampled else among

    @cached_property
    def direct_edges(self) -> int:
        return int(np.count_nonzero(self.edge_present))

    @cached_property
    def recursive(self) -> Ints:
        """By function: weight of the edge from itself to itself."""
        weights = np.zeros(self.structure.functions, dtype=np.int64)
        loops = np.flatnonzero(~self.structure.foreign)
        weights[self.structure.caller[loops]] = self.edge[loops]
        return weights


def numbers_of(profile: Profile, structure: Structure, selection: Selection) -> Numbers:
    """Weigh the call graph. Raises PlopiError where the weights add up to more than an int64 holds."""
    if structure.dump is not None:
        return _numbers_of_calls(calls_of(profile), structure, structure.dump)
    if structure.stacks is None:
        raise PlopiError("This call graph was made of neither stacks nor calls.")
    return _numbers_of_stacks(profile, structure, structure.stacks, selection)


def _numbers_of_stacks(profile: Profile, structure: Structure, stacks: StackStructure, selection: Selection) -> Numbers:
    tree = stacks.tree
    counted = _counted(profile, selection)
    stack = np.asarray(profile.samples.stack)[counted]
    weight = column(profile.samples.weights[selection.type])[counted] if profile.sample_types else np.zeros(len(stack), np.int64)
    _refuse_overflow(weight)
    rooted = stack >= 0
    own = sums_by_id(tree.position[stack[rooted]], weight[rooted], len(tree))
    subtree = subtree_weights(tree, own)
    return Numbers(
        structure,
        total=int(weight.sum()),
        samples=ticks_of(profile, counted),
        self=sums_by_id(tree.function, own, structure.functions),
        cum=stacks.activations.sums(subtree),
        edge=stacks.edge_activations.sums(subtree),
        parts=(Part(stacks, own, subtree),),
    )


def ticks_of(profile: Profile, rows: Ints | slice = slice(None)) -> int | None:
    """How many ticks stand behind the samples, or some rows of them; None where the profile does not count them."""
    if SAMPLES not in profile.sample_types:
        return None
    return int(column(profile.samples.weights[profile.sample_types.index(SAMPLES)])[rows].sum())


def _counted(profile: Profile, selection: Selection) -> Ints | slice:
    keep: Mask | None = None
    if selection.thread is not None:
        keep = column(profile.samples.thread) == selection.thread
    if selection.windows is not None:
        window = column(profile.samples.window)
        within = (window >= selection.windows[0]) & (window <= selection.windows[1])
        keep = within if keep is None else keep & within
    return slice(None) if keep is None else np.flatnonzero(keep)


def _refuse_overflow(weight: Ints) -> None:
    most = max(abs(int(weight.max(initial=0))), abs(int(weight.min(initial=0))))
    if most * len(weight) >= 2**62 and float(np.abs(weight, dtype=np.float64).sum()) >= 2.0**62:
        raise PlopiError("The weights of this profile add up to more than 2**62: they cannot be told apart from nonsense.")


def calls_of(profile: Profile) -> Calls:
    if profile.calls is None:
        raise PlopiError("This profile says that it holds calls and holds none: read it again.")
    return profile.calls


def _numbers_of_calls(calls: Calls, structure: Structure, edge: Ints) -> Numbers:
    own, cum = column(calls.self), column(calls.cum)
    _refuse_overflow(own)
    _refuse_overflow(column(calls.edge_cum))
    exact: Mask | None = None
    if not edge.any() and cum.any():  # counts of calls without times
        edge, exact = _bounds(structure, cum)
    return Numbers(structure, int(own.sum()), None, own, cum, edge, exact)


def _bounds(structure: Structure, cum: Ints) -> tuple[Ints, Mask]:
    """The most that each edge's weight can be, and where that is exact: a function's only caller has all of its time."""
    callers = np.bincount(structure.callee[structure.foreign], minlength=structure.functions)
    alone: Mask = structure.foreign & (callers[structure.callee] == 1)
    most = np.minimum(cum[structure.caller], cum[structure.callee])
    return np.where(alone, cum[structure.callee], most), alone
