"""Keeps what stays out of the rounds of Python's garbage collector: among 100,000 profiles a full one holds up all requests."""

from __future__ import annotations

import gc

STEP = 2000
"""So many more things than ever before are kept, and all that lives is set aside."""
ROUNDS = (2000, 50, 20)
"""Rounds are rarer than Python's own: a connection is twenty things, a page of the index hundreds, and few are in cycles."""


def begin() -> None:
    """At the start, when modules are there, which stay."""
    gc.set_threshold(*ROUNDS)
    set_aside()


def set_aside() -> None:
    """All that lives, but for what is loose: it is looked through no more."""
    gc.collect()
    gc.freeze()


class Heap:
    """Counts what a store keeps, or a listing.

    What was set aside is freed as ever once nobody refers to it, but cycles in it are never found. So it is done only after
    a round, and a number of times that is bounded by how much is kept at once, however much comes and goes.
    """

    def __init__(self) -> None:
        self._most = 0

    def keeps(self, things: int) -> None:
        """So many are kept now. Rounds stay short: each sees what was made since the last."""
        if things >= self._most + STEP:
            self._most = things
            set_aside()
