"""The index of a recording that grows: what is there stays indexed as it is, and what was appended is indexed beside it.

Every statistic adds up over disjoint samples. So samples stand in *segments*, in the order of their rows: each has an index of
its own over just the stacks that its samples need, in the function ids of the whole. Numbers are sums over segments, and their
call trees stand side by side (``Numbers.parts``). A new segment is put together with the one before as long as that is not at
least twice its size: so there are few of them, and each sample is indexed again only as often as the recording has doubled.

Where several ways between two functions are about as heavy, which of them a picture names may differ from that of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from plopi.model import Profile, Samples, Stacks
from plopi.viewer.analysis.call_graph import Numbers, Selection, Structure
from plopi.viewer.analysis.columns import Groups, Ids, Ints, Mask, compact, group_by_id, group_by_key, pair_keys
from plopi.viewer.analysis.index import Index
from plopi.viewer.analysis.lenses.filters import with_samples
from plopi.viewer.analysis.lenses.tables import stored

OF_NAMES = ("packages", "texts", "by_name", "name_rank")
"""What an index works out of functions alone."""


@dataclass(frozen=True)
class Segment:
    """Samples ``first`` to ``last - 1`` of the recording, with their index."""

    first: int
    last: int
    index: Index

    def __len__(self) -> int:
        return self.last - self.first


class Segmented(Index):
    """An index of several segments; see ``grown``. ``before`` has what of names and edges may still be right."""

    def __init__(self, profile: Profile, segments: Sequence[Segment], before: Index) -> None:
        super().__init__(profile)
        self.line = before.line
        self.segments = tuple(segments)
        if len(profile.functions) == len(before.profile.functions):
            vars(self).update({name: made for name, made in vars(before).items() if name in OF_NAMES})
        self._edges_before = before.structure

    @cached_property
    def structure(self) -> Structure:
        """Edges alone: trees are the segments' own."""
        functions = len(self.profile.functions)
        return united([self._edges_before, self.segments[-1].index.structure], functions)

    def numbers(self, selection: Selection) -> Numbers:
        return numbers_over([segment.index for segment in self.segments], self.structure, selection)


def numbers_over(parts: Sequence[Index], structure: Structure, selection: Selection) -> Numbers:
    """The sums over disjoint samples; ``structure`` has the edges of all."""
    found = [part.weighed(selection).numbers for part in parts]
    edge = np.zeros(len(structure.caller), dtype=np.int64)
    for numbers in found:
        edge[_places(numbers.structure, structure)] += numbers.edge
    ticks = [numbers.samples for numbers in found if numbers.samples is not None]
    return Numbers(
        structure,
        total=sum(numbers.total for numbers in found),
        samples=sum(ticks) if ticks else None,
        self=_sum([numbers.self for numbers in found], structure.functions),
        cum=_sum([numbers.cum for numbers in found], structure.functions),
        edge=edge,
        parts=tuple(part for numbers in found for part in numbers.parts),
    )


def segments_of(about: Index) -> Sequence[Segment]:
    return about.segments if isinstance(about, Segmented) else (Segment(0, len(about.profile.samples), about),)


def among(part: Index, kept: Mask) -> Index:
    """The index of some samples of a part; its tree stays the same."""
    left = Index(with_samples(part.profile, np.flatnonzero(kept)))
    left.structure = part.structure
    return left


def grown(before: Index, profile: Profile) -> Index:
    """The index of the recording that ``before`` is of, now that rows were appended; those that were there are the same."""
    there = len(before.profile.samples)
    if len(profile.samples) == there and len(profile.functions) == len(before.profile.functions):
        return before
    segments = [*segments_of(before)]
    new = Segment(there, len(profile.samples), Index(profile))
    while segments and len(segments[-1]) < 2 * len(new):
        new = replace(new, first=segments.pop().first)
    new = replace(new, index=Index(part_of(profile, new.first, new.last)))
    return Segmented(profile, [*segments, new], before)


def going_on(before: Index | None, profile: Profile) -> Index:
    """``grown``, but never the very same index; the first of a line without one ``before``."""
    if before is None:
        return Index(profile)
    found = grown(before, profile)
    if found is before:
        found = copy(before)
        found.profile = profile
    return found


def part_of(profile: Profile, first: int, last: int) -> Profile:
    """Samples ``first`` to ``last - 1``, and of the stacks only what these need; all other tables are the same."""
    samples = profile.samples
    stack = np.asarray(samples.stack)[first:last]
    nodes = _with_ancestors(np.asarray(profile.stacks.parent), stack[stack >= 0])
    parent = np.asarray(profile.stacks.parent)[nodes]
    return replace(
        profile,
        stacks=Stacks(stored(_among(nodes, parent)), stored(np.asarray(profile.stacks.location)[nodes])),
        samples=Samples(
            stored(_among(nodes, stack)),
            samples.thread[first:last],
            samples.window[first:last],
            tuple(weights[first:last] for weights in samples.weights),
        ),
    )


def _with_ancestors(parent: Ids, nodes: Ids) -> Ints:
    """These nodes and all above them, rising; one round for each level of the deepest."""
    seen = np.zeros(len(parent), dtype=np.bool_)
    while len(nodes):
        seen[nodes] = True
        nodes = parent[nodes]
        nodes = np.unique(nodes[nodes >= 0])
        nodes = nodes[~seen[nodes]]
    return np.flatnonzero(seen)


def _among(nodes: Ints, wanted: Ids) -> Ints:
    """Places of ``wanted`` among the rising ``nodes``; NONE stays."""
    return np.where(wanted >= 0, np.searchsorted(nodes, wanted), -1)


def united(structures: Sequence[Structure], functions: int) -> Structure:
    """The edges of several call graphs, over as many functions; the first as it is, where the others add nothing."""
    first = structures[0]
    news = [_beyond(first, each, functions) for each in structures[1:]]
    key = group_by_key(np.concatenate(news))[0]
    if first.functions == functions and not len(key):
        return first if first.stacks is None else replace(first, stacks=None)
    place = np.searchsorted(pair_keys(first.caller, first.callee, functions), key)
    ends = zip((first.caller, first.callee), np.divmod(key, max(functions, 1)))
    caller, callee = (compact(np.insert(there, place, added)) for there, added in ends)
    start = np.searchsorted(caller, np.arange(functions + 1))
    return Structure(
        functions, caller, callee, Groups(np.arange(len(caller), dtype=np.int32), start), group_by_id(callee, functions)
    )


def _beyond(first: Structure, other: Structure, functions: int) -> Ints:
    """Keys of the edges that only the other has, which may know more functions."""
    known = (other.caller < first.functions) & (other.callee < first.functions)
    new = ~known
    new[known] = first.rows(other.caller[known], other.callee[known]) < 0
    return pair_keys(other.caller[new], other.callee[new], functions)


def _places(part: Structure, whole: Structure) -> Ints | slice:
    """Where the edges of a part stand in the whole."""
    if len(part.caller) == len(whole.caller):
        return slice(None)
    count = whole.functions
    return np.searchsorted(pair_keys(whole.caller, whole.callee, count), pair_keys(part.caller, part.callee, count))


def _sum(columns: Sequence[Ints], count: int) -> Ints:
    """Columns by function, of which the later ones may know more functions."""
    whole = np.zeros(count, dtype=np.int64)
    for values in columns:
        whole[: len(values)] += values
    return whole
