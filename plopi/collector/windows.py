"""The windows of a profile that is being taken: all of one length, which doubles when there would be too many of them."""

from __future__ import annotations

from plopi.model import ProfileBuilder

WINDOW_NS = 1_000_000_000
MAX_WINDOWS = 512
DRAINS_PER_WINDOW = 8
"""Drains of a long window at most, so that rows stay bounded between two coarsenings."""


class Windows:
    """Those of ``rows``. Times are nanoseconds after the start of the profile."""

    def __init__(self, rows: ProfileBuilder) -> None:
        self._rows = rows
        self._length = WINDOW_NS
        self._drained = 0

    @property
    def drain_seconds(self) -> float:
        """From one drain to the next."""
        return max(1.0, self._length / 1e9 / DRAINS_PER_WINDOW)

    def since_last_drain(self, now: int) -> int:
        """The window that holds the middle of the time since the last drain: a drain comes just after its window has ended."""
        middle, self._drained = (self._drained + now) // 2, now
        return self.at(middle)

    def at(self, time: int) -> int:
        """The window of a time, the last there is or a new one."""
        rows = self._rows
        while True:
            begin = time // self._length * self._length
            if rows.window_start and rows.window_start[-1] >= begin:
                return len(rows.window_start) - 1
            if len(rows.window_start) < MAX_WINDOWS:
                return rows.add_window(begin, self._length)
            rows.coarsen()
            self._length *= 2
