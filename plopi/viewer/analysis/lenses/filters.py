"""Focus, ignore and hide, as ``go tool pprof`` has them (its ``FilterSamplesByName``), and stretches of time.

A sample is kept when every pattern of ``focus`` matches some function of its stack and no pattern of ``ignore`` does; then
functions that a pattern of ``hide`` matches are cut out of the stack, and what was below them hangs on what was above. A sample
without a stack, or of whose stack nothing is left, goes. (pprof takes one pattern of each; several of ``focus`` are its filter
applied again and again. It also looks at the name of the mapping, which for Python says nothing of the stack.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from plopi.model import Profile, Samples
from plopi.viewer.analysis.columns import Ints, Mask, column
from plopi.viewer.analysis.lenses.tables import GrowingTable, samples_from, since, stored
from plopi.viewer.analysis.lenses.tries import Branch, Trie, anywhere


def by_stack(profile: Profile, focus: Sequence[Mask], ignore: Sequence[Mask]) -> Profile:
    """Keep by functions: each mask says of every function whether a pattern matches it."""
    if not (focus or ignore):
        return profile
    return with_samples(profile, np.flatnonzero(kept_by_stack(profile, focus, ignore)))


def kept_by_stack(profile: Profile, focus: Sequence[Mask], ignore: Sequence[Mask]) -> Mask:
    """By sample: whether its stack is kept."""
    parent = column(profile.stacks.parent)
    function = column(profile.locations.function)[column(profile.stacks.location)]
    kept = np.ones(len(parent), dtype=np.bool_)
    for mask in focus:
        kept &= anywhere(parent, mask[function])
    if ignore:
        kept &= ~anywhere(parent, any_of(ignore)[function])
    return _rows_of(column(profile.samples.stack), kept)


class Hiding:
    """Frames cut out of every stack; samples of which nothing is left go. Goes on with the same profile when it has grown."""

    def __init__(self, types: int) -> None:
        self._trie, self._stacks = Trie(), Branch()
        self._samples = GrowingTable(samples_from, 3 + types)
        self._looked_at = 0

    def grow(self, profile: Profile, functions: Mask) -> Profile:
        """What is left when ``functions`` are cut out, which among those that there were are the same as before."""
        parent, location = (since(each, len(self._stacks)) for each in (profile.stacks.parent, profile.stacks.location))
        cut = functions[column(profile.locations.function)[location]]
        self._stacks.grow(self._trie, parent, location, ~cut)
        there, samples = self._looked_at, profile.samples
        self._looked_at = len(samples)
        stack = self._stacks.of(since(samples.stack, there))
        left = stack >= 0
        others = (since(each, there)[left] for each in (samples.thread, samples.window, *samples.weights))
        self._samples.append(stack[left], *others)
        return replace(profile, stacks=self._trie.table, samples=self._samples.table)


def within(profile: Profile, time: tuple[int, int]) -> Profile:
    """Samples of the windows that overlap ``time``, nanoseconds after the start from and to; those without a window go."""
    return with_samples(profile, np.flatnonzero(kept_by_time(profile, time)))


def kept_by_time(profile: Profile, time: tuple[int, int]) -> Mask:
    """By sample: whether its window overlaps ``time``."""
    return _rows_of(column(profile.samples.window), windows_within(profile, time))


def windows_within(profile: Profile, time: tuple[int, int]) -> Mask:
    """By window: whether some of it lies in ``time``. One without length counts by its start."""
    start = column(profile.windows.start)
    end = start + np.maximum(column(profile.windows.length), 1)
    overlapping: Mask = (start < time[1]) & (end > time[0])
    return overlapping


def of_threads(profile: Profile, threads: Mask) -> Profile:
    """Samples of some threads alone."""
    return with_samples(profile, np.flatnonzero(_rows_of(column(profile.samples.thread), threads)))


def with_samples(profile: Profile, rows: Ints) -> Profile:
    """Only these rows of the samples; all other tables are the very same objects, so that what was made of them still holds."""
    samples = profile.samples
    if len(rows) == len(samples):
        return profile
    return replace(
        profile,
        samples=Samples(
            stored(column(samples.stack)[rows]),
            stored(column(samples.thread)[rows]),
            stored(column(samples.window)[rows]),
            tuple(stored(column(weight)[rows]) for weight in samples.weights),
        ),
    )


def _rows_of(ids: Ints, wanted: Mask) -> Mask:
    """By row: whether its id is wanted; NONE never is."""
    return np.append(wanted, False)[ids]


def any_of(masks: Sequence[Mask]) -> Mask:
    either: Mask = np.logical_or.reduce(masks)
    return either
