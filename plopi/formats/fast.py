"""The readers' fast paths, in C where that part was built. Each gives what the portable way gives, or None: then take that.

What a file demands that is unusual or wrong, C leaves to the portable reader, so that there is one to say what is right. Hash
tables are seeded anew at each call: no file can choose names that collide.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from plopi.errors import FormatError
from plopi.formats.limits import Limits
from plopi.formats.progress import Report
from plopi.formats.ragged import Ints, Trie
from plopi.formats.strings import Strings

try:
    from plopi.formats import _fast as native
except ImportError:  # no compiler when plopi was installed, or another Python than CPython
    native = None  # type: ignore[assignment]

_SEED_BYTES = 32


class _Why(IntEnum):
    """Why a dump was not read, in the numbers of _fast_pstats.c."""

    ASK_PYTHON = 1
    ENDS_EARLY = 2
    TOO_MANY_FUNCTIONS = 3
    TOO_MANY_EDGES = 4


ENDS_EARLY = "the dump ends early; copy it again, or profile again"


@dataclass(frozen=True)
class Dump:
    """A pstats dump's columns."""

    sampled: bool
    counted: bool
    strings: Strings
    functions: tuple[Ints, ...]
    """Name, file, line."""
    totals: tuple[Ints, ...]
    """By function: calls, primitive calls, self, cum."""
    edges: tuple[Ints, ...]
    """Caller, callee, calls, primitive calls, self, cum."""


@dataclass(frozen=True)
class SampleColumns:
    """Samples of a pprof profile: ids of locations (leaf first) and values, flat, and by sample how many it has of each."""

    locations: Ints
    lengths: Ints
    values: Ints
    counts: Ints
    label: Ints
    labels: list[bytes]
    """The fields that are the labels of one set."""


def pstats(data: bytes, limits: Limits, report: Report) -> Dump | None:
    if native is None:
        return None
    found = native.pstats(data, _seed(), limits.functions, limits.edges, limits.pstats_string_bytes, report)
    if found == _Why.ENDS_EARLY:
        raise FormatError(ENDS_EARLY, len(data))
    if found == _Why.TOO_MANY_FUNCTIONS:
        limits.check("functions", limits.functions + 1)
    if found == _Why.TOO_MANY_EDGES:
        limits.check("edges", limits.edges + 1)
    if isinstance(found, int):
        return None
    sampled, counted, blob, offsets, *columns = found
    arrays = tuple(map(_ints, columns))
    return Dump(sampled, counted, Strings(blob, _ints(offsets)), arrays[:3], arrays[3:7], arrays[7:])


def samples(data: bytes, limits: Limits) -> SampleColumns | None:
    found = native and native.samples(data, _seed(), limits.samples, limits.frames)
    if not found:
        return None
    locations, lengths, values, counts, label, begins, ends = map(_ints, found)
    labels = [data[begin:end] for begin, end in zip(begins.tolist(), ends.tolist())]
    return SampleColumns(locations, lengths, values, counts, label, labels)


def trie(flat: Ints, lengths: Ints, limits: Limits) -> Trie | None:
    """As ``ragged.trie``, its nodes in another order."""
    found = native and native.trie(np.ascontiguousarray(flat), np.ascontiguousarray(lengths), _seed(), limits.stacks)
    return Trie(*map(_ints, found)) if found else None


def _seed() -> bytes:
    return os.urandom(_SEED_BYTES)


def _ints(raw: bytearray) -> Ints:
    return np.frombuffer(raw, np.int64)
