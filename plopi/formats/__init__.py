"""The file formats that plopi reads and writes, one module each, imported when first used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, BinaryIO, Protocol

from plopi.errors import FormatError, LimitExceeded, UsageError
from plopi.formats.limits import Limits

if TYPE_CHECKING:
    from plopi.formats.progress import Report
    from plopi.model import Profile

__all__ = ["FORMATS", "Limits", "read", "sniff", "suffix", "write"]

FORMATS: Mapping[str, str] = {
    "pprof": "plopi.formats.pprof",
    "speedscope": "plopi.formats.speedscope",
    "pstats": "plopi.formats.pstats",
    "plop": "plopi.formats.plop",
    "folded": "plopi.formats.folded",
}
"""Name -> module, in the order in which they are asked whether a file is theirs."""

HEAD_BYTES = 64 << 10
"""How much of a file's content ``sniff`` wants to see: lines of deep folded stacks are long."""


class Format(Protocol):
    NAME: str
    SUFFIX: str

    def sniff(self, head: bytes, file_name: str) -> bool: ...

    def read(self, data: bytes, limits: Limits, report: Report | None = None) -> Profile: ...

    def write(self, profile: Profile, out: BinaryIO) -> None: ...


def read(
    data: bytes | bytearray | memoryview, file_name: str, limits: Limits | None = None, report: Report | None = None
) -> Profile:
    """The profile in a file's bytes, compressed by gzip or not; ``report`` is told how far reading is.

    Raises ``FormatError`` where they are not what their format demands, ``LimitExceeded`` where they go beyond ``limits``, and
    nothing else. The file's name helps to tell formats apart; no file is opened.
    """
    from plopi.formats.progress import silent
    from plopi.formats.unwrap import unwrapped

    report = report or silent
    limits = limits or Limits()
    try:
        content = unwrapped(bytes(data), limits, report)
        return _module(sniff(content[:HEAD_BYTES], file_name)).read(content, limits, report)
    except MemoryError:
        raise LimitExceeded("the file needs more memory than its reader is allowed; record for a shorter time") from None


def write(profile: Profile, format_name: str, out: BinaryIO) -> None:
    """Write ``profile`` to ``out``; ``UsageError`` where there is no such format or it cannot hold this profile."""
    if format_name not in FORMATS:
        raise UsageError(f"there is no format {format_name!r}; choose one of {', '.join(FORMATS)}")
    _module(format_name).write(profile, out)


def suffix(format_name: str) -> str:
    """The suffix of files that ``write`` makes, with its dot."""
    if format_name not in FORMATS:
        raise UsageError(f"there is no format {format_name!r}; choose one of {', '.join(FORMATS)}")
    return _module(format_name).SUFFIX


def sniff(head: bytes, file_name: str) -> str:
    """The name of the format of a file whose decompressed content begins with ``head``."""
    if not head:
        raise FormatError("the file is empty; wait until it is written, or record again")
    for name in FORMATS:
        if _module(name).sniff(head, file_name):
            return name
    raise FormatError(f"the file is none of {', '.join(FORMATS)}; convert it to one of them")


def _module(format_name: str) -> Format:
    module: Format = import_module(FORMATS[format_name])
    return module
