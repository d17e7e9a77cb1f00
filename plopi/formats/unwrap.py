"""Undoing gzip in bounded steps."""

from __future__ import annotations

import zlib

from plopi.errors import FormatError, LimitExceeded
from plopi.formats.limits import Limits
from plopi.formats.progress import Report, silent

_GZIP = b"\x1f\x8b"
_STEP = 1 << 20


def unwrapped(data: bytes, limits: Limits, report: Report = silent) -> bytes:
    """The content of one gzip member, or ``data`` itself where it is not compressed."""
    limits.check("file_bytes", len(data))
    if not data.startswith(_GZIP):
        return data
    content = _inflated(data, limits, report)
    if content.startswith(_GZIP):
        raise FormatError("the file is compressed twice; decompress it once")
    return content


def _inflated(data: bytes, limits: Limits, report: Report) -> bytes:
    bound = min(limits.bytes, max(limits.ratio_free_bytes, len(data) * limits.ratio))
    unpacker = zlib.decompressobj(wbits=31)
    parts: list[bytes] = []
    size, view = 0, memoryview(data)
    try:
        for start in range(0, len(data), _STEP):
            report("unpacking", start, len(data))
            rest: bytes | memoryview = view[start : start + _STEP]
            while rest and not unpacker.eof:
                part = unpacker.decompress(rest, _STEP)
                rest = unpacker.unconsumed_tail
                size += len(part)
                if size > bound:
                    raise LimitExceeded(
                        f"{len(data):,} compressed bytes hold more than {bound:,}, as no honest profile does; decompress it first"
                    )
                parts.append(part)
            if unpacker.eof:
                after = len(data) - start - len(view[start : start + _STEP]) + len(unpacker.unused_data)
                _refuse_rest(data, after)
                return b"".join(parts)
    except zlib.error as error:
        raise FormatError(f"the gzip data is damaged ({error}); copy the file again") from None
    raise FormatError(f"the gzip data ends early, after {len(data):,} bytes; copy the file again", len(data))


def _refuse_rest(data: bytes, after: int) -> None:
    if not after:
        return
    offset = len(data) - after
    if data.startswith(_GZIP, offset):
        raise FormatError("several gzip members were appended to each other; keep each profile in a file of its own", offset)
    raise FormatError(f"{after:,} bytes follow the end of the gzip data; copy the file again", offset)
