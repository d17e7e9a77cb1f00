"""Which functions a pattern of focus, ignore or hide matches: unanchored, in the qualified name or the file name."""

from __future__ import annotations

import re

import numpy as np

from plopi.errors import UsageError
from plopi.model import Profile
from plopi.viewer.analysis.columns import Mask, column

_PLAIN = re.compile(r"[^\\.^$*+?()\[\]{}]*")


def matching(profile: Profile, pattern: str) -> Mask:
    """By function. UsageError for a pattern that no engine here can take."""
    if not _PLAIN.fullmatch(pattern):
        raise UsageError(f"{pattern!r} is a regular expression, and none can be searched for here: leave its signs out.")
    alternatives = pattern.split("|")
    found = np.fromiter((any(each in text for each in alternatives) for text in profile.strings), np.bool_, len(profile.strings))
    either: Mask = found[column(profile.functions.name)] | found[column(profile.functions.file)]
    return either
