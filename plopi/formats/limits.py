"""How much a reader may take in before it gives up."""

from __future__ import annotations

from dataclasses import dataclass

from plopi.errors import LimitExceeded


@dataclass(frozen=True)
class Limits:
    """Bounds of one file. Every reader holds them while it reads, before it allocates, and raises ``LimitExceeded`` past one."""

    file_bytes: int = 512 << 20
    """Size of the file as it is."""
    bytes: int = 1 << 30
    """Size of its content once decompressed."""
    ratio: int = 200
    """Decompressed by compressed size, for content above ``ratio_free_bytes``."""
    ratio_free_bytes: int = 16 << 20
    strings: int = 4_000_000
    string_bytes: int = 64 << 10
    """Of one string; a pstats file's names are held to 4 KB by its own reader's ``pstats_string_bytes``."""
    pstats_string_bytes: int = 4 << 10
    functions: int = 2_000_000
    edges: int = 8_000_000
    locations: int = 4_000_000
    samples: int = 5_000_000
    depth: int = 20_000
    """Locations of one stack."""
    frames: int = 200_000_000
    """Locations of all stacks together, as written out in the file."""
    stacks: int = 20_000_000
    """Nodes of the trie."""

    def check(self, name: str, found: int) -> None:
        """Raise ``LimitExceeded`` where ``found`` is above the bound called ``name``."""
        bound: int = getattr(self, name)
        if found > bound:
            what = name.replace("_", " ")
            raise LimitExceeded(
                f"the file is too large to be read safely: {found:,} {what} where at most {bound:,} are allowed; "
                "record for a shorter time or with fewer stacks"
            )


MAX_LINE = 2**31 - 1
"""Line numbers above this are no line numbers."""
INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)
