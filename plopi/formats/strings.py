"""Many strings as one blob of UTF-8: a million need never become Python objects. Imported by readers only: needs numpy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np

from plopi.formats.ragged import Ints


class Strings(Sequence[str]):
    """A profile's strings, decoded when asked for; ``blob`` and ``offsets`` serve searches over all of them.

    ``blob`` is UTF-8; string i is ``blob[offsets[i] : offsets[i + 1]]``, so there is one offset more than there are strings.
    """

    def __init__(self, blob: bytes | memoryview, offsets: Ints) -> None:
        self.blob = memoryview(blob)
        self.offsets = offsets
        self._known: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        index = int(index)
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError("string id out of range")
        known = self._known.get(index)
        if known is None:
            known = self._known[index] = self._decode(index)
        return known

    def __iter__(self) -> Iterator[str]:
        return (self._known.get(i) or self._decode(i) for i in range(len(self)))

    def _decode(self, index: int) -> str:
        return str(self.blob[self.offsets[index] : self.offsets[index + 1]], "utf-8", "replace")


def packed(texts: Sequence[str]) -> Strings:
    """``texts`` as one blob, unless they are one already; lone surrogates, which UTF-8 cannot say, become backslash escapes."""
    if isinstance(texts, Strings):
        return texts
    raw = [text.encode("utf-8", "backslashreplace") for text in texts]
    offsets = np.zeros(len(raw) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, raw), np.int64, len(raw)), out=offsets[1:])
    return Strings(b"".join(raw), offsets)
