"""A profile that tells nothing of its program: names, files, threads, command and host replaced, every number as it was.

One name has one stand-in throughout; ``<gc>`` and its like say nothing of the program and stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from plopi.model import About, Column, Profile
from plopi.viewer.analysis.columns import column
from plopi.viewer.analysis.lenses.tables import stored
from plopi.viewer.analysis.packages import SPECIAL

TELLS_NOTHING = frozenset((*SPECIAL, "", "~"))


def redacted(profile: Profile) -> Profile:
    """The profile with stand-ins for all text; every id and every number is the old one."""
    texts: list[str] = []

    def replaced(ids: Column, pattern: str) -> Column:
        old, place = np.unique(column(ids), return_inverse=True)
        new = [_stand_in(profile.strings, int(each), pattern, texts) for each in old]
        return stored(np.array(new, dtype=np.int64)[place])

    functions, threads = profile.functions, profile.threads
    return replace(
        profile,
        functions=replace(functions, name=replaced(functions.name, "function {}"), file=replaced(functions.file, "file{}.py")),
        threads=replace(threads, name=replaced(threads.name, "thread {}")),
        about=_about(profile.about),
        strings=tuple(texts),
    )


def _stand_in(strings: Sequence[str], old: int, pattern: str, texts: list[str]) -> int:
    """The id of what stands for a string; ``texts`` grows by it. A row that stands for nothing (NONE) goes on doing so."""
    if old < 0:
        return old
    texts.append(strings[old] if strings[old] in TELLS_NOTHING else pattern.format(old + 1))
    return len(texts) - 1


def _about(about: About) -> About:
    return replace(about, command="", host="", pid=None, process_start="", notes=())
