"""Rows of differing length as flat arrays, and the trie of stacks made from them. Imported by readers only: needs numpy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from plopi.errors import FormatError
from plopi.formats.limits import Limits
from plopi.model import NONE, Column

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Trie:
    parent: Ints
    location: Ints
    stack: Ints
    """By row: its node, NONE for an empty row."""


def column(values: Ints) -> Column:
    """``values`` as a column of the model: contiguous and read-only."""
    own = np.ascontiguousarray(values)
    own.flags.writeable = False
    return cast(Column, own)


def starts_of(lengths: Ints) -> Ints:
    """Where each row begins in the flat array."""
    starts = np.zeros(len(lengths), np.int64)
    np.cumsum(lengths[:-1], out=starts[1:])
    return starts


def reversed_rows(flat: Ints, lengths: Ints) -> Ints:
    """``flat`` with every row turned around: leaf first to root first, or back."""
    ends = np.cumsum(lengths)
    return flat[np.repeat(ends + starts_of(lengths), lengths) - 1 - np.arange(len(flat))] if len(flat) else flat


def blocks(lengths: Ints, most: int = 1 << 20) -> Iterator[tuple[slice, slice]]:
    """The rows in order, so many that their elements are about ``most`` together: a slice of rows, and that of the flat array."""
    ends = np.cumsum(lengths)
    row = start = 0
    while row < len(lengths):
        last = max(int(np.searchsorted(ends, start + most, side="right")), row + 1)
        end = int(ends[last - 1])
        yield slice(row, last), slice(start, end)
        row, start = last, end


def replaced(flat: Ints, lengths: Ints, parts: Ints, part_lengths: Ints) -> tuple[Ints, Ints]:
    """Each element e of each row replaced by the row e of ``parts``: (flat, lengths) of the result."""
    sizes = part_lengths[flat]
    out_starts = starts_of(sizes)
    total = int(sizes.sum())
    source = np.repeat(starts_of(part_lengths)[flat] - out_starts, sizes) + np.arange(total)
    rows = np.repeat(np.arange(len(lengths)), lengths)
    return parts[source], np.bincount(rows, weights=sizes, minlength=len(lengths)).astype(np.int64)


def trie(flat: Ints, lengths: Ints, limits: Limits) -> Trie:
    """The trie of root-first stacks of location ids, level by level; parents come before their children."""
    limits.check("frames", len(flat))
    limits.check("depth", int(lengths.max(initial=0)))
    radix = int(flat.max(initial=0)) + 1
    starts = starts_of(lengths)
    stack = np.full(len(lengths), NONE, np.int64)
    rows = np.flatnonzero(lengths > 0)
    parents, locations, nodes, depth = [np.empty(0, np.int64)], [np.empty(0, np.int64)], 0, 0
    while len(rows):
        key = (stack[rows] + 1) * radix + flat[starts[rows] + depth]
        found, which = np.unique(key, return_inverse=True)
        parents.append(found // radix - 1)
        locations.append(found % radix)
        stack[rows] = nodes + which
        nodes += len(found)
        limits.check("stacks", nodes)
        depth += 1
        rows = rows[lengths[rows] > depth]
    return Trie(np.concatenate(parents), np.concatenate(locations), stack)


def varints(rows: list[bytes]) -> tuple[Ints, Ints]:
    """Decode rows of protobuf varints: (flat 64-bit values, how many in each row)."""
    sizes = np.fromiter(map(len, rows), np.int64, len(rows))
    raw = np.frombuffer(b"".join(rows), np.uint8)
    if not len(raw):
        return np.empty(0, np.int64), np.zeros(len(rows), np.int64)
    last = raw < 128
    ends = np.cumsum(sizes)
    if not last[ends[sizes > 0] - 1].all():
        raise FormatError("a varint is cut off inside a packed field; copy the file again")
    at = np.flatnonzero(last)
    begins = np.concatenate((np.zeros(1, np.int64), at[:-1] + 1))
    widths = at - begins + 1
    if widths.max() > 10:
        raise FormatError("a varint is longer than ten bytes; the file is not a protobuf profile")
    values = np.zeros(len(at), np.uint64)
    for place in range(int(widths.max())):
        has = widths > place
        values[has] |= (raw[begins[has] + place].astype(np.uint64) & np.uint64(127)) << np.uint64(7 * place)
    counted = np.concatenate((np.zeros(1, np.int64), np.cumsum(last)))
    counts = counted[ends] - counted[ends - sizes]
    return values.view(np.int64), counts
