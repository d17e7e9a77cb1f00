"""The index of what a lens leaves of a profile, and what it still has to say of the whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from plopi.model import CALLS, Profile
from plopi.viewer.analysis.call_graph import Selection, calls_of
from plopi.viewer.analysis.columns import Ints, Mask, column
from plopi.viewer.analysis.index import Index
from plopi.viewer.analysis.lenses import Lens, look
from plopi.viewer.analysis.lenses.filters import within

_KEPT = ("packages", "by_name", "name_rank", "texts")


class Derived(Index):
    """``totals``: before focus, ignore and hide, by sample type and thread (the last column: samples without a thread).

    ``bounds``: functions whose cum, and whose edges' weights, are only the most that they can be; None: there are none.
    """

    def __init__(self, profile: Profile, totals: Ints, bounds: Mask | None = None) -> None:
        super().__init__(profile)
        self.totals = totals
        self.bounds = bounds


def through(plain: Index, lens: Lens) -> Index:
    """The index of what a lens leaves; where only samples went, the call graph's structure and all names are the old ones."""
    places = plain.packages if lens.groups else None
    seen = look(plain.profile, lens, places, plain.texts)
    before, profile = plain.profile, seen.profile
    if profile is before:
        return plain
    bounds = column(profile.functions.name) >= len(before.strings) if profile.shape == CALLS and lens.groups else None
    derived = Derived(profile, totals_of(before if lens.time is None else within(before, lens.time)), bounds)
    if places is not None:
        derived.packages = replace(places, file_row=places.file_row[seen.like])
    if profile.functions is before.functions:
        vars(derived).update({name: made for name, made in vars(plain).items() if name in _KEPT})
        whole = plain.structure.stacks is not None or plain.structure.dump is not None
        if whole and profile.stacks is before.stacks and profile.locations is before.locations and profile.calls is before.calls:
            derived.structure = plain.structure
    return derived


def totals_of(profile: Profile) -> Ints:
    """Weights of all samples by sample type and thread."""
    if profile.shape == CALLS:
        return np.array([[int(column(calls_of(profile).self).sum())]], dtype=np.int64)
    thread = column(profile.samples.thread)
    totals = np.zeros((len(profile.sample_types), len(profile.threads) + 1), dtype=np.int64)
    for row, weight in zip(totals, profile.samples.weights):
        np.add.at(row, thread, column(weight))
    return totals


def unfiltered_total(about: Index, selection: Selection) -> int:
    """The weight of a type and thread in the time looked at, before focus, ignore and hide."""
    totals = about.totals if isinstance(about, Derived) else totals_of(about.profile)
    if not len(totals):
        return 0
    row = totals[selection.type]
    return int(row.sum() if selection.thread is None else row[selection.thread])
