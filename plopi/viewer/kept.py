"""Parsed profiles kept in memory, those looked at last."""

from __future__ import annotations

from collections import OrderedDict

from plopi.viewer.readers.results import Parsed

MOST = 64
"""Parsed profiles are kept, however small: views keep things beside them."""


class Kept:
    """By id, of at most ``size`` bytes together, but for one."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._profiles: OrderedDict[str, Parsed] = OrderedDict()

    def __contains__(self, profile_id: str) -> bool:
        return profile_id in self._profiles

    def get(self, profile_id: str) -> Parsed | None:
        return self._profiles.get(profile_id)

    def touch(self, profile_id: str) -> None:
        """Somebody looks at it."""
        self._profiles.move_to_end(profile_id)

    def drop(self, profile_id: str) -> None:
        self._profiles.pop(profile_id, None)

    def put(self, profile_id: str, parsed: Parsed, wanted: bool) -> None:
        """What nobody has asked for drives nothing else out."""
        used = sum(kept.size for kept in self._profiles.values())
        if not wanted and (used + parsed.size > self._size or len(self._profiles) >= MOST):
            return
        used += parsed.size - (self._profiles[profile_id].size if profile_id in self._profiles else 0)
        self._profiles[profile_id] = parsed
        self._profiles.move_to_end(profile_id)
        while len(self._profiles) > 1 and (used > self._size or len(self._profiles) > MOST):
            used -= self._profiles.popitem(last=False)[1].size
