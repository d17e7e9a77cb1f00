"""All that a lens does, in its order: time, then focus, ignore and hide, then what counts as a function."""

from __future__ import annotations

import numpy as np

from plopi.model import Profile
from plopi.viewer.analysis.lenses import filters
from plopi.viewer.analysis.lenses.granularity import Seen, regrouped
from plopi.viewer.analysis.lenses.lens import Lens
from plopi.viewer.analysis.packages import Packages, packages
from plopi.viewer.analysis.search import Texts, matching


def apply(profile: Profile, lens: Lens) -> Profile:
    """The profile as it is seen through the lens: see ``look``."""
    return look(profile, lens).profile


def look(profile: Profile, lens: Lens, places: Packages | None = None, texts: Texts | None = None) -> Seen:
    """The profile as it is seen through the lens. Tables that the lens leaves alone are the very same objects.

    The profile must be one that the lens can be applied to (``view.refuse_unanswerable``). Raises RefusedPattern for a pattern
    that is none. ``places`` and ``texts`` are what an index of the profile has worked out already.
    """
    if lens.time is not None:
        profile = filters.within(profile, lens.time)
    texts = texts or Texts(profile.strings)
    focus, ignore, hide = (
        [matching(profile, texts, each) for each in patterns] for patterns in (lens.focus, lens.ignore, lens.hide)
    )
    profile = filters.by_stack(profile, focus, ignore, hide)
    if lens.by == "function" and not lens.collapse:
        return Seen(profile, np.arange(len(profile.functions), dtype=np.int64))
    return regrouped(profile, lens, places or packages(profile))
