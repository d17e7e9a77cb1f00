"""pprof (profile.proto), plopi's own format: https://github.com/google/pprof/blob/main/proto/profile.proto."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plopi.formats.fragments import is_recording
from plopi.formats.pprof_writer import Written, encode_header, encode_rows, write

if TYPE_CHECKING:
    from plopi.formats.limits import Limits
    from plopi.model import Profile

__all__ = ["NAME", "SUFFIX", "Written", "encode_header", "encode_rows", "read", "sniff", "write"]

NAME = "pprof"
SUFFIX = ".pb.gz"


def sniff(head: bytes, file_name: str) -> bool:
    """A recording by its magic, another pprof file by its suffix or by its first field being a sample type."""
    if is_recording(head):
        return True
    name = file_name.lower().removesuffix(".part").removesuffix(".gz")
    if name.endswith((".pb", ".pprof", ".prof.pb", ".profile.proto")):
        return True
    # Field 1, a message that holds nothing but small varints in fields 1 and 2: ValueType.
    return len(head) > 5 and head[0] == 0x0A and 2 <= head[1] <= 12 and head[2] in (0x08, 0x10)


def read(data: bytes, limits: Limits) -> Profile:
    """Any pprof profile, whole or still growing (then ``about.complete`` is False)."""
    from plopi.formats.pprof_reader import read

    return read(data, limits)
