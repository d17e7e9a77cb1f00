"""The fragments of a growing recording: each begins with a frame that tells how long the rest is, and its checksum.

To protobuf a frame is a field that it does not know, so every prefix of a recording that ends at a fragment is a pprof profile.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from plopi.errors import FormatError
from plopi.formats.protobuf import bytes_field

FRAME_FIELD, STATUS_FIELD, WINDOW_FIELD = 1000, 1001, 1002
"""Fields of plopi's own in pprof's ``Profile``; readers that do not know them skip them, as protobuf says."""
_MAGIC = b"PLOP"
_FRAME = struct.Struct("<4sIII")
"""Magic, length of the fragment after its frame, checksum, number of the fragment (from 0)."""
_TAG = bytes_field(FRAME_FIELD, bytes(_FRAME.size))[: -_FRAME.size]
_FRAME_BYTES = len(_TAG) + _FRAME.size


def framed(body: bytes, number: int) -> bytes:
    """The fragment with this body; a recording's fragments are numbered from 0."""
    return _TAG + _FRAME.pack(_MAGIC, len(body), _checksum(body, number), number) + body


def is_recording(head: bytes) -> bool:
    return head.startswith(_TAG + _MAGIC)


def _checksum(body: bytes | memoryview, number: int) -> int:
    """CRC-32 of number and body: zeros, which a file may end in after a crash, have a wrong one."""
    return zlib.crc32(body, zlib.crc32(number.to_bytes(4, "little")))


@dataclass(frozen=True)
class Extent:
    """How much of a recording can be read."""

    whole: int
    """Bytes up to the end of the last whole fragment."""
    fragments: int
    torn: int
    """Bytes after that, which are skipped: a flush that was cut short, or what follows damage."""


def extent(data: bytes, offset: int = 0, fragments: int = 0) -> Extent:
    """Walk the frames from ``offset``, before which ``fragments`` whole ones stand, and stop at the first that is torn.

    Raises ``FormatError`` where a second recording begins: their ids would be mixed up.
    """
    view = memoryview(data)
    while len(data) - offset >= _FRAME_BYTES and data[offset : offset + len(_TAG)] == _TAG:
        magic, length, checksum, number = _FRAME.unpack_from(data, offset + len(_TAG))
        begin = offset + _FRAME_BYTES
        if magic != _MAGIC or length > len(data) - begin or _checksum(view[begin : begin + length], number) != checksum:
            break
        if number == 0 and fragments:
            raise FormatError("two recordings were appended to each other; keep each in a file of its own", offset)
        if number != fragments:
            break
        offset = begin + length
        fragments += 1
    return Extent(offset, fragments, len(data) - offset)
