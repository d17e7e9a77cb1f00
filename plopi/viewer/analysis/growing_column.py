"""Columns that grow: what was given out before stays as it was.

Room doubles. A profile sees the first rows of a buffer that nobody writes to again before their end, so threads that compute
a view of an older revision are not disturbed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEAST = 1024
_NONE = np.zeros(0, dtype=np.int64)


class GrowingColumn:
    """Numbers that become more. ``first`` is not copied before something is appended to it."""

    def __init__(self, first: NDArray[Any] = _NONE) -> None:
        self._buffer = first
        self._length = len(first)

    def __len__(self) -> int:
        return self._length

    @property
    def seen(self) -> NDArray[Any]:
        """All of it, read-only."""
        seen = self._buffer[: self._length]
        seen.flags.writeable = False
        return seen

    def append(self, more: NDArray[Any]) -> NDArray[Any]:
        """All of it, read-only, ``more`` at the end."""
        before, length = self._length, self._length + len(more)
        kind = np.promote_types(self._buffer.dtype, more.dtype)
        if length > len(self._buffer) or kind != self._buffer.dtype:
            room = np.empty(max(_LEAST, 2 * length) if length > len(self._buffer) else len(self._buffer), kind)
            room[:before] = self._buffer[:before]
            self._buffer = room
        if len(more):
            self._buffer[before:length] = more
        self._length = length
        return self.seen
