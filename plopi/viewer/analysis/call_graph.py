"""The call graph: functions with self and cum, and caller -> callee edges, for either shape of profile.

``Structure`` is what does not depend on the weights and is made once per profile; ``Numbers`` belong to one selection.

STACKS: self is the weight of samples with the function at the leaf, cum that of samples with it anywhere, an edge's weight that
of samples in which the caller called the callee somewhere: each sample counts once, however often function or call recur.

CALLS: self, cum and edge weights are the dump's tottime, cumtime and the edge's cumtime, as they stand. ``total`` is the sum of
self: every nanosecond that the profiler saw is the self time of exactly one function, whereas cum overlaps, and a dump may have
any number of roots. A dump whose callers are mere counts of calls (``profile.Profile`` writes those) has no weight for an edge:
calls are no measure of time, least of all where functions recurse. An edge can be no more than the smaller cum of its ends; that
bound, marked as not exact, stands in, and where the callee has no other caller it is its cum.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from plopi.errors import PlopiError
from plopi.model import CALLS, SAMPLES, Calls, Profile
from plopi.viewer.analysis.call_tree import CallTree, call_tree, subtree_weights, topmost
from plopi.viewer.analysis.columns import Groups, Ints, Mask, column, group_by_id, group_by_key


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
    occurrences: Groups
    """Positions by function, all of them."""
    activations: Groups
    """Positions by function that are not nested in another of the same function."""
    edge_activations: Groups
    """Positions by edge into them that are not nested in another of the same edge."""


@dataclass(frozen=True)
class Structure:
    """Edges by (caller, callee), and both adjacency indexes: those of a function cost only what they hold."""

    functions: int
    key: Ints
    """caller * functions + callee, rising."""
    caller: Ints
    callee: Ints
    callees: Groups
    """Edges by caller."""
    callers: Groups
    """Edges by callee."""
    stacks: StackStructure | None
    """None for a CALLS profile."""
    dump: Groups | None
    """Rows of ``Profile.calls`` by edge; None for a STACKS profile."""

    def rows(self, caller: Ints, callee: Ints) -> Ints:
        """The edges' rows, NONE where there is no such edge."""
        if not len(self.key):
            return np.full(len(caller), -1, dtype=np.int64)
        wanted = caller * self.functions + callee
        place = np.minimum(np.searchsorted(self.key, wanted), len(self.key) - 1)
        return np.where(self.key[place] == wanted, place, -1)


@dataclass(frozen=True)
class Numbers:
    """Weights of one selection: ``self`` and ``cum`` by function, the rest by edge, ``subtree`` by position (STACKS only)."""

    structure: Structure
    total: int
    samples: int | None
    """Ticks behind it; None where the profile does not count them."""
    self: Ints
    cum: Ints
    edge: Ints
    edge_exact: Mask | None
    """None: all are."""
    own: Ints | None = None
    """By position: weight of samples that end there."""
    subtree: Ints | None = None

    def edge_weights(self, caller: Ints, callee: Ints) -> Ints:
        """Weights of direct edges, 0 where there is none."""
        rows = self.structure.rows(caller, callee)
        weights = np.zeros(len(rows), dtype=np.int64)
        weights[rows >= 0] = self.edge[rows[rows >= 0]]
        return weights

    @cached_property
    def present(self) -> Mask:
        """By function: whether it belongs to the selection at all. A dump's functions all do, even where they took no time."""
        present: Mask = np.ones(self.structure.functions, dtype=np.bool_) if self.subtree is None else self.cum != 0
        return present

    @cached_property
    def edge_present(self) -> Mask:
        """By edge, likewise; edges from a function to itself are not counted among the edges."""
        among: Mask = self.structure.caller != self.structure.callee
        return among if self.subtree is None else among & (self.edge != 0)

    @cached_property
    def direct_edges(self) -> int:
        return int(np.count_nonzero(self.edge_present))

    @cached_property
    def recursive(self) -> Ints:
        """By function: weight of the edge from itself to itself."""
        weights = np.zeros(self.structure.functions, dtype=np.int64)
        loops = np.flatnonzero(self.structure.caller == self.structure.callee)
        weights[self.structure.caller[loops]] = self.edge[loops]
        return weights


def structure_of(profile: Profile) -> Structure:
    """The call graph without weights, in time linear in the profile but for sorting."""
    if profile.shape == CALLS:
        return _structure_of_calls(profile)
    return _structure_of_stacks(profile)


def numbers_of(profile: Profile, structure: Structure, selection: Selection) -> Numbers:
    """Weigh the call graph. Raises PlopiError where the weights add up to more than an int64 holds."""
    if structure.dump is not None:
        return _numbers_of_calls(_calls(profile), structure, structure.dump)
    if structure.stacks is None:
        raise PlopiError("This call graph was made of neither stacks nor calls.")
    return _numbers_of_stacks(profile, structure, structure.stacks, selection)


def _structure(functions: int, key: Ints, stacks: StackStructure | None, dump: Groups | None) -> Structure:
    caller, callee = np.divmod(key, max(functions, 1))
    return Structure(functions, key, caller, callee, group_by_id(caller, functions), group_by_id(callee, functions), stacks, dump)


def _structure_of_stacks(profile: Profile) -> Structure:
    functions = len(profile.functions)
    tree = call_tree(profile)
    position = np.arange(len(tree), dtype=np.int64)
    tops = topmost(tree.function, position, tree.end)
    called = np.flatnonzero(tree.parent >= 0)
    key = tree.function[tree.parent[called]] * functions + tree.function[called]
    edge_tops = topmost(key, called, tree.end[called])
    keys, edges = group_by_key(key[edge_tops])
    stacks = StackStructure(
        tree,
        occurrences=group_by_id(tree.function, functions),
        activations=_at(tops, group_by_id(tree.function[tops], functions)),
        edge_activations=_at(called[edge_tops], edges),
    )
    return _structure(functions, keys, stacks, None)


def _at(positions: Ints, groups: Groups) -> Groups:
    """Groups of rows of ``positions`` as groups of positions."""
    return Groups(positions[groups.rows], groups.start)


def _numbers_of_stacks(profile: Profile, structure: Structure, stacks: StackStructure, selection: Selection) -> Numbers:
    tree = stacks.tree
    counted = _counted(profile, selection)
    stack = column(profile.samples.stack)[counted]
    weight = column(profile.samples.weights[selection.type])[counted] if profile.sample_types else np.zeros_like(stack)
    _refuse_overflow(weight)
    rooted = stack >= 0
    own = np.zeros(len(tree), dtype=np.int64)
    np.add.at(own, tree.position[stack[rooted]], weight[rooted])
    own_by_function = np.zeros(structure.functions, dtype=np.int64)
    np.add.at(own_by_function, tree.function, own)
    subtree = subtree_weights(tree, own)
    return Numbers(
        structure,
        total=int(weight.sum()),
        samples=ticks_of(profile, counted),
        self=own_by_function,
        cum=stacks.activations.sums(subtree),
        edge=stacks.edge_activations.sums(subtree),
        edge_exact=None,
        own=own,
        subtree=subtree,
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
    if float(np.abs(weight, dtype=np.float64).sum()) >= 2.0**62:
        raise PlopiError("The weights of this profile add up to more than 2**62: they cannot be told apart from nonsense.")


def _calls(profile: Profile) -> Calls:
    if profile.calls is None:
        raise PlopiError("This profile says that it holds calls and holds none: read it again.")
    return profile.calls


def _structure_of_calls(profile: Profile) -> Structure:
    calls, functions = _calls(profile), len(profile.functions)
    key, rows = group_by_key(column(calls.caller) * functions + column(calls.callee))
    return _structure(functions, key, None, rows)


def _numbers_of_calls(calls: Calls, structure: Structure, dump: Groups) -> Numbers:
    own, cum = column(calls.self), column(calls.cum)
    _refuse_overflow(own)
    _refuse_overflow(column(calls.edge_cum))
    edge = dump.sums(column(calls.edge_cum))
    exact: Mask | None = None
    if not edge.any() and cum.any():  # counts of calls without times
        edge, exact = _bounds(structure, cum)
    return Numbers(structure, int(own.sum()), None, own, cum, edge, exact)


def _bounds(structure: Structure, cum: Ints) -> tuple[Ints, Mask]:
    """The most that each edge's weight can be, and where that is exact: a function's only caller has all of its time."""
    foreign = structure.caller != structure.callee
    callers = np.bincount(structure.callee[foreign], minlength=structure.functions)
    alone: Mask = foreign & (callers[structure.callee] == 1)
    most = np.minimum(cum[structure.caller], cum[structure.callee])
    return np.where(alone, cum[structure.callee], most), alone
