"""All that a lens does, in its order: time, then focus, ignore and hide, then what counts as a function."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace

import numpy as np

from plopi.model import CALLS, Profile
from plopi.viewer.analysis.columns import Ints, column
from plopi.viewer.analysis.lenses import filters
from plopi.viewer.analysis.lenses.filters import Hiding, any_of
from plopi.viewer.analysis.lenses.granularity import Lines, Regrouped, groupings, without_leftovers
from plopi.viewer.analysis.lenses.lens import Lens
from plopi.viewer.analysis.packages import Packages, packages
from plopi.viewer.analysis.search import Texts, matching


@dataclass(frozen=True)
class Seen:
    """A profile through a lens. ``like``: by function, one of those before that belongs where it does. ``goes_on``: its tables
    begin with those that were seen the last time."""

    profile: Profile
    like: Ints
    goes_on: bool = True


class Reshaping:
    """What a lens makes of stacks and functions (hide, collapse, by), for one profile while it grows."""

    def __init__(self, lens: Lens) -> None:
        self._lens = lens
        self._line: object = None
        self._rows: list[int] = []
        self._sound = False
        """False before the first time, and after a failure in the middle."""

    def grow(self, profile: Profile, line: object = None, places: Packages | None = None, texts: Texts | None = None) -> Seen:
        """The profile as it is seen now. It goes on from what was seen the last time where it is of the same line, and longer.

        ``places`` and ``texts`` are what an index of the profile has worked out already. Raises RefusedPattern for a pattern that
        is none, and UsageError for packages that are not there.
        """
        tables = (profile.strings, profile.functions, profile.locations, profile.stacks, profile.samples)
        rows = [len(table) for table in tables]
        goes_on = self._sound and line is self._line and all(now >= before for now, before in zip(rows, self._rows))
        self._sound = False
        seen = None
        if goes_on:
            with contextlib.suppress(Regrouped):
                seen = self._seen(profile, places, texts)
        if seen is None:
            self._hiding = Hiding(len(profile.sample_types)) if self._lens.hide else None
            self._groupings = groupings(self._lens)
            self._by_line = Lines() if self._lens.by == "line" else None
            seen = replace(self._seen(profile, places, texts), goes_on=False)
        self._sound, self._line, self._rows = True, line, rows
        return seen

    def _seen(self, profile: Profile, places: Packages | None, texts: Texts | None) -> Seen:
        if self._hiding is not None:
            texts = texts or Texts(profile.strings)
            profile = self._hiding.grow(profile, any_of([matching(profile, texts, each) for each in self._lens.hide]))
        for grouping in self._groupings:
            profile = grouping.grow(profile, places or packages(profile))
        if self._by_line is not None:
            return Seen(self._by_line.grow(profile), column(profile.locations.function))
        if self._groupings and profile.shape == CALLS:
            return Seen(*without_leftovers(profile))
        return Seen(profile, np.arange(len(profile.functions), dtype=np.int64))


def apply(profile: Profile, lens: Lens) -> Profile:
    """The profile as it is seen through the lens.

    The profile must be one that the lens can be applied to (``view.refuse_unanswerable``). Raises as ``Reshaping``.
    """
    left = dropped(profile, lens, Texts(profile.strings))
    return left if lens.only_drops else Reshaping(lens).grow(left).profile


def dropped(profile: Profile, lens: Lens, texts: Texts) -> Profile:
    """Samples that time, focus and ignore leave; all other tables are the very same objects."""
    if lens.time is not None:
        profile = filters.within(profile, lens.time)
    focus, ignore = ([matching(profile, texts, each) for each in patterns] for patterns in (lens.focus, lens.ignore))
    return filters.by_stack(profile, focus, ignore)
