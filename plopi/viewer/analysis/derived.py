"""The index of what a lens leaves of a profile, and what it still has to say of the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from plopi.model import CALLS, Profile
from plopi.viewer.analysis.call_graph import Numbers, Selection, calls_of
from plopi.viewer.analysis.columns import Ints, Mask, column, sums_by_id
from plopi.viewer.analysis.growth import Growing, numbers_over
from plopi.viewer.analysis.index import Index
from plopi.viewer.analysis.lenses import Lens, look
from plopi.viewer.analysis.lenses.filters import kept_by_stack, kept_by_time, with_samples, within
from plopi.viewer.analysis.search import matching

_KEPT = ("packages", "by_name", "name_rank", "texts")


class Derived(Index):
    """``totals``: before focus, ignore and hide, by sample type and thread (the last column: samples without a thread).

    ``bounds``: functions whose cum, and whose edges' weights, are only the most that they can be; None: there are none.
    """

    def __init__(self, profile: Profile, totals: Ints, bounds: Mask | None = None) -> None:
        super().__init__(profile)
        self.totals = totals
        self.bounds = bounds


class Filtered(Derived):
    """What a lens leaves of a growing recording, segment by segment: samples are looked at once, and when they are put together.

    ``left``: by segment's index, which of its samples are kept, and the index of these.
    """

    def __init__(self, profile: Profile, totals: Ints, left: Mapping[Index, tuple[Mask, Index]]) -> None:
        super().__init__(profile, totals)
        self.left = left

    def numbers(self, selection: Selection) -> Numbers:
        return numbers_over([part for _, part in self.left.values()], self.structure, selection)


def through(plain: Index, lens: Lens, before: Index | None = None) -> Index:
    """The index of what a lens leaves; where only samples went, the call graph's structure and all names are the old ones.

    ``before`` is what the same lens left of the recording when it was shorter.
    """
    if isinstance(plain, Growing) and lens.only_drops:
        return _through_segments(plain, lens, before)
    return _through(plain, lens)


def _through_segments(plain: Growing, lens: Lens, before: Index | None) -> Index:
    known = before.left if isinstance(before, Filtered) else {}
    focus, ignore = ([matching(plain.profile, plain.texts, each) for each in patterns] for patterns in (lens.focus, lens.ignore))
    found: dict[Index, tuple[Mask, Index]] = {}
    for segment in plain.segments:
        part = segment.index
        found[part] = known.get(part) or _without(part, _kept(part.profile, lens.time, focus, ignore))
    whole = plain.profile
    profile = with_samples(whole, np.flatnonzero(np.concatenate([kept for kept, _ in found.values()])))
    derived = Filtered(profile, _totals_in_time(whole, lens), found)
    vars(derived).update({name: made for name, made in vars(plain).items() if name in _KEPT})
    derived.structure = plain.structure
    return derived


def _kept(profile: Profile, time: tuple[int, int] | None, focus: Sequence[Mask], ignore: Sequence[Mask]) -> Mask:
    """By sample: whether it is left."""
    kept = np.ones(len(profile.samples), dtype=np.bool_)
    if time is not None:
        kept &= kept_by_time(profile, time)
    if focus or ignore:
        kept &= kept_by_stack(profile, focus, ignore)
    return kept


def _without(part: Index, kept: Mask) -> tuple[Mask, Index]:
    left = Index(with_samples(part.profile, np.flatnonzero(kept)))
    left.structure = part.structure
    return kept, left


def _through(plain: Index, lens: Lens) -> Index:
    places = plain.packages if lens.groups else None
    seen = look(plain.profile, lens, places, plain.texts)
    before, profile = plain.profile, seen.profile
    if profile is before:
        return plain
    bounds = column(profile.functions.name) >= len(before.strings) if profile.shape == CALLS and lens.groups else None
    derived = Derived(profile, _totals_in_time(before, lens), bounds)
    if places is not None:
        derived.packages = replace(places, file_row=places.file_row[seen.like])
    if profile.functions is before.functions:
        vars(derived).update({name: made for name, made in vars(plain).items() if name in _KEPT})
        whole = plain.structure.stacks is not None or plain.structure.dump is not None
        if whole and profile.stacks is before.stacks and profile.locations is before.locations and profile.calls is before.calls:
            derived.structure = plain.structure
    return derived


def _totals_in_time(profile: Profile, lens: Lens) -> Ints:
    return totals_of(profile if lens.time is None else within(profile, lens.time))


def totals_of(profile: Profile) -> Ints:
    """Weights of all samples by sample type and thread."""
    if profile.shape == CALLS:
        return np.array([[int(column(calls_of(profile).self).sum())]], dtype=np.int64)
    thread = column(profile.samples.thread)
    totals = np.zeros((len(profile.sample_types), len(profile.threads) + 1), dtype=np.int64)
    for row, weight in zip(totals, profile.samples.weights):
        row[:] = sums_by_id(np.where(thread < 0, len(profile.threads), thread), column(weight), len(row))
    return totals


def unfiltered_total(about: Index, selection: Selection) -> int:
    """The weight of a type and thread in the time looked at, before focus, ignore and hide."""
    if not isinstance(about, Derived):
        return about.weighed(selection).numbers.total
    row = about.totals[selection.type]
    return int(row.sum() if selection.thread is None else row[selection.thread])
