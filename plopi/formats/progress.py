"""How a reader tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

Report = Callable[[str, int, int], None]
"""Told a stage ("unpacking", "parsing"), how many of its bytes are done, and how many there are."""

STEP = 4 << 20
"""Bytes between two reports: some hundredths of a second."""


def silent(stage: str, done: int, size: int) -> None:
    """Nobody wants to know."""
