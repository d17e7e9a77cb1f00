"""The index of several profiles as one, and that of what a lens leaves of a profile, with what it still has to say of the whole.

Of recordings that grow the next one goes on from the one before: only what was appended is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from plopi.model import CALLS, Profile
from plopi.viewer.analysis.call_graph import Numbers, Selection, calls_of
from plopi.viewer.analysis.columns import Ints, Mask, column, sums_by_id
from plopi.viewer.analysis.index import Index
from plopi.viewer.analysis.lenses import Lens, Reshaping, dropped
from plopi.viewer.analysis.lenses.filters import kept_by_stack, kept_by_time, with_samples, within
from plopi.viewer.analysis.lenses.merge import continues, joined
from plopi.viewer.analysis.lenses.merging import Merging
from plopi.viewer.analysis.search import matching
from plopi.viewer.analysis.segments import OF_NAMES, Segmented, among, going_on, numbers_over


@dataclass(frozen=True)
class _Merged:
    """How a merge goes on: of which lines its members are, and where their rows went."""

    lines: tuple[object, ...]
    merging: Merging


def merged(members: Sequence[Index], names: Sequence[str], before: Index | None = None) -> Index:
    """The index of several profiles as one; ``before`` is that of the same when they were shorter, or others: functions that it
    has keep their ids. Raises Unanswerable as ``joined``."""
    profiles, lines = [each.profile for each in members], tuple(each.line for each in members)
    going = before.going if before is not None and isinstance(before.going, _Merged) else None
    if going is not None and going.lines == lines and continues(going.merging, profiles):
        whole = joined(profiles, names, merging=going.merging)
        found = going_on(before, whole.profile)
    else:
        whole = joined(profiles, names, None if before is None else before.profile)
        found = Index(whole.profile)
    if whole.merging is not None and not whole.profile.about.complete:
        found.going = _Merged(lines, whole.merging)
    return found


class Filtered(Index):
    """What a lens leaves of a growing recording, segment by segment: samples are looked at once, and when they are put together.

    ``left``: by segment's index, which of its samples are kept, and the index of these.
    """

    def __init__(self, profile: Profile, totals: Ints, left: Mapping[Index, tuple[Mask, Index]]) -> None:
        super().__init__(profile)
        self.totals = totals
        self.left = left

    def numbers(self, selection: Selection) -> Numbers:
        return numbers_over([part for _, part in self.left.values()], self.structure, selection)


@dataclass(frozen=True)
class _Going:
    """How it goes on when the recording has grown: what time, focus and ignore left of it, and what is made of that."""

    left: Index
    shape: Reshaping


def through(plain: Index, lens: Lens, before: Index | None = None) -> Index:
    """The index of what a lens leaves; where only samples went, the call graph's structure and all names are the old ones.

    ``before`` is what the same lens left of the recording when it was shorter.
    """
    if lens == Lens():
        return plain
    if not lens.only_drops:
        return _reshaped(plain, lens, before)
    left = _through_segments(plain, lens, before) if isinstance(plain, Segmented) else _dropped(plain, lens)
    if left is not plain:
        left.going = plain.line
        if before is not None and before.going is plain.line:
            left.line = before.line
    return left


def _dropped(plain: Index, lens: Lens) -> Index:
    profile = dropped(plain.profile, lens, plain.texts)
    if profile is plain.profile:
        return plain
    left = Index(profile)
    left.totals = _totals_in_time(plain.profile, lens)
    _take_names(left, plain)
    left.structure = plain.structure
    return left


def _reshaped(plain: Index, lens: Lens, before: Index | None) -> Index:
    going = before.going if before is not None and isinstance(before.going, _Going) else None
    left = through(plain, lens.drops, going.left if going else None)
    places = plain.packages if lens.groups else None
    shape = Reshaping(lens) if going is None else going.shape
    seen = shape.grow(left.profile, plain.line, places, plain.texts)
    profile = seen.profile
    found = going_on(before if seen.goes_on else None, profile)
    found.totals = _totals_in_time(plain.profile, lens)
    if profile.shape == CALLS and lens.groups:
        found.bounds = column(profile.functions.name) >= len(plain.profile.strings)
    if before is not None and lens.groups and profile.functions is not before.profile.functions:  # their names are new ones
        found.line = object()
        for name in OF_NAMES:
            vars(found).pop(name, None)
    if places is not None:
        found.packages = replace(places, file_row=places.file_row[seen.like])
    elif profile.functions is plain.profile.functions:
        _take_names(found, plain)
    if not profile.about.complete:
        found.going = _Going(left, shape)
    return found


def _through_segments(plain: Segmented, lens: Lens, before: Index | None) -> Index:
    known = before.left if isinstance(before, Filtered) else {}
    focus, ignore = ([matching(plain.profile, plain.texts, each) for each in patterns] for patterns in (lens.focus, lens.ignore))
    found: dict[Index, tuple[Mask, Index]] = {}
    for segment in plain.segments:
        part = segment.index
        found[part] = known.get(part) or _kept_of(part, _kept(part.profile, lens.time, focus, ignore))
    whole = plain.profile
    profile = with_samples(whole, np.flatnonzero(np.concatenate([kept for kept, _ in found.values()])))
    derived = Filtered(profile, _totals_in_time(whole, lens), found)
    _take_names(derived, plain)
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


def _kept_of(part: Index, kept: Mask) -> tuple[Mask, Index]:
    return kept, among(part, kept)


def _take_names(left: Index, plain: Index) -> None:
    """What was worked out of functions that are the same."""
    vars(left).update({name: made for name, made in vars(plain).items() if name in OF_NAMES})


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
    if about.totals is None:
        return about.weighed(selection).numbers.total
    row = about.totals[selection.type]
    return int(row.sum() if selection.thread is None else row[selection.thread])
