"""What must hold when one file is read, whatever it holds: a sound profile or a ``FormatError``, in bounded time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from hostile import check

from plopi import formats
from plopi.errors import FormatError
from plopi.formats import pstats_reader
from plopi.formats.limits import Limits
from plopi.formats.pprof_growing import GrowingReader

CPU_SECONDS = 1.0
"""For a file of some kilobytes, which takes a few milliseconds."""
LIMITS = Limits()


class TooSlow(Exception):
    pass


def read_through(kind: str, data: bytes, chance: random.Random) -> bool:
    """Whether ``data`` was read (else it was refused); any other exception than ``FormatError`` is for the caller to find."""
    begin = time.thread_time()
    try:
        READERS[kind](data, chance)
        good = True
    except FormatError as error:
        if not str(error).isprintable():
            raise AssertionError(f"the message cannot be shown: {str(error)!r}") from None
        good = False
    taken = time.thread_time() - begin
    if taken > CPU_SECONDS:
        raise TooSlow(f"{taken:.1f} s of CPU for {len(data)} bytes")
    return good


def _whole(suffix: str) -> Callable[[bytes, random.Random], None]:
    def read(data: bytes, _chance: random.Random) -> None:
        check(formats.read(data, "file" + suffix, LIMITS))

    return read


def _portable_pstats(data: bytes, _chance: random.Random) -> None:
    check(pstats_reader.read_portably(data, LIMITS))


def _in_pieces(data: bytes, chance: random.Random) -> None:
    """The incremental reader, looking at the file at some of its sizes."""
    reader, first = GrowingReader(LIMITS), None
    for size in [*sorted(chance.randrange(len(data) + 1) for _ in range(3)), len(data)]:
        first = first or reader.feed(data[reader.offset : size])
        if first is not None:
            reader.feed(data[reader.offset : size])
    if first is not None:
        check(first.profile())
    if reader.fragments:
        check(formats.read(data[: reader.offset], "file.pb.part", LIMITS))


READERS: dict[str, Callable[[bytes, random.Random], None]] = {
    "pprof": _whole(".pb"),
    "growing": _in_pieces,
    "pstats": _whole(".pstats"),
    "portable pstats": _portable_pstats,
    "plop": _whole(".plop"),
    "folded": _whole(".folded"),
    "speedscope": _whole(".speedscope.json"),
}
