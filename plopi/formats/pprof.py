"""pprof (profile.proto), plopi's own format: https://github.com/google/pprof/blob/main/proto/profile.proto."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plopi.formats.fragments import is_recording
from plopi.formats.pprof_writer import Written, encode_header, encode_rows, write

if TYPE_CHECKING:
    from plopi.formats.limits import Limits
    from plopi.formats.progress import Report
    from plopi.model import Profile

__all__ = ["NAME", "SUFFIX", "Written", "encode_header", "encode_rows", "read", "sniff", "write"]

NAME = "pprof"
SUFFIX = ".pb.gz"


_WIRE_TYPES = {**dict.fromkeys((1, 2, 3, 4, 5, 6, 11), (2,)), **dict.fromkeys((7, 8, 9, 10, 12, 14, 15), (0,)), 13: (0, 2)}
"""What may stand for each field of profile.proto; those above 15 are somebody's own."""
_FIELDS_BYTES = 4096
"""How much of a file's beginning is looked at field by field."""


def sniff(head: bytes, file_name: str) -> bool:
    """A recording by its magic, another pprof file by its suffix or by its fields being those of a profile."""
    if is_recording(head):
        return True
    name = file_name.lower().removesuffix(".part").removesuffix(".gz")
    return name.endswith((".pb", ".pprof")) or _sample_types(head[:_FIELDS_BYTES]) > 0


def _sample_types(head: bytes) -> int:
    """How many sample types stand in ``head``; 0 where something there is no field of a profile."""
    at, found = 0, 0
    while at < len(head):
        tag, at = _varint(head, at)
        field, wire_type = tag >> 3, tag & 7
        value, at = _varint(head, at)
        if wire_type not in _WIRE_TYPES.get(field, (0, 2) if field > 15 else ()):
            return 0
        if wire_type == 2:
            message = head[at : at + value]
            if field == 1:
                if not (2 <= value <= 12 and message[:1] in (b"\x08", b"\x10", b"")):
                    return 0
                found += 1
            at += value
    return found


def _varint(head: bytes, at: int) -> tuple[int, int]:
    """A number of up to ten bytes, and where the next begins."""
    value = 0
    for place, byte in enumerate(head[at : at + 10]):
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    return value, at + 10


def read(data: bytes, limits: Limits, report: Report | None = None) -> Profile:
    """Any pprof profile, whole or still growing (then ``about.complete`` is False)."""
    from plopi.formats.pprof_reader import read
    from plopi.formats.progress import silent

    return read(data, limits, report or silent)
