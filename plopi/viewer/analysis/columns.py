"""Columns: what the rest of analysis does with whole arrays, in exact integers and about linear time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Ids = NDArray[np.signedinteger[Any]]
"""Ids or row numbers, of 32 bits where they came from a file or were prepared: to be widened before anything is multiplied."""
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def column(values: object) -> Ints:
    """A column of the model as int64, without a copy where it already is."""
    return np.asarray(values, dtype=np.int64)


def prefix_sums(values: Ids) -> Ints:
    """``sums[i]`` is the sum of the first i values; one longer than ``values``."""
    sums = np.zeros(len(values) + 1, dtype=np.int64)
    np.cumsum(values, out=sums[1:])
    return sums


def sums_by_id(ids: Ids, values: Ints, count: int) -> Ints:
    """Sum of the values of each id, exactly.

    ``bincount`` adds doubles, which are exact up to 2**53; larger sums are made of halves of 32 bits.
    """
    if not len(ids):
        return np.zeros(count, dtype=np.int64)
    if float(np.abs(values, dtype=np.float64).sum()) < 2.0**53:
        return np.bincount(ids, weights=values, minlength=count).astype(np.int64)
    high = np.bincount(ids, weights=values >> 32, minlength=count).astype(np.int64)
    low = np.bincount(ids, weights=values & 0xFFFFFFFF, minlength=count).astype(np.int64)
    whole: Ints = (high << 32) + low
    return whole


def pair_keys(first: Ids, second: Ids, count: int) -> Ints:
    """One integer for each pair; ``second`` is below ``count``."""
    keys: Ints = first.astype(np.int64) * count + second
    return keys


def compact(values: Ids) -> Ids:
    """In 32 bits where they fit, as ids nearly always do."""
    if values.dtype == np.int32 or (len(values) and (values.max() >= 2**31 or values.min() < -(2**31))):
        return values
    return values.astype(np.int32)


def stable_order(keys: Ids) -> Ints:
    """Rows by key, equal keys in order of row.

    Where key and row fit one integer together, they are sorted as one: six times faster than a stable argsort.
    """
    bits = len(keys).bit_length()
    if not len(keys) or keys.min() < 0 or int(keys.max()).bit_length() + bits > 63:
        return np.argsort(keys, kind="stable")
    packed = keys.astype(np.int64)
    packed <<= bits
    packed |= np.arange(len(keys), dtype=np.int64)
    packed.sort()
    packed &= (1 << bits) - 1
    return packed


def heaviest(values: Ints, most: int) -> Ints:
    """Rows of the ``most`` greatest values, greatest first, equals by row; linear in the values."""
    if len(values) <= most:
        return np.argsort(-values, kind="stable")
    if most <= 0:
        return np.zeros(0, dtype=np.int64)
    least = np.partition(values, len(values) - most)[len(values) - most]
    above = np.flatnonzero(values > least)
    level = np.flatnonzero(values == least)[: most - len(above)]
    rows = np.concatenate([above, level])
    return rows[np.lexsort((rows, -values[rows]))]


@dataclass(frozen=True)
class Groups:
    """Rows put in groups: those of group ``g`` are ``rows[start[g]:start[g + 1]]``, in order of row."""

    rows: Ids
    start: Ids

    def of(self, group: int) -> Ids:
        rows: Ids = self.rows[self.start[group] : self.start[group + 1]]
        return rows

    def of_many(self, groups: Ids) -> tuple[Ids, Ints]:
        """The rows of several groups, one behind the other, and of each row the place in ``groups`` of its own."""
        start = self.start[groups].astype(np.int64)
        count = self.start[np.asarray(groups) + 1] - start
        owner = np.repeat(np.arange(len(count)), count)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
        return self.rows[start[owner] + within], owner

    def sums(self, values: Ints) -> Ints:
        """Sum of ``values[row]`` in each group."""
        sums = prefix_sums(values[self.rows])
        return sums[self.start[1:]] - sums[self.start[:-1]]

    def heaviest(self, values: Ints) -> Ids:
        """The first row of the greatest value in each group; none may be empty."""
        if not len(self.rows):
            return self.rows
        in_order = values[self.rows]
        greatest = np.repeat(np.maximum.reduceat(in_order, self.start[:-1]), np.diff(self.start))
        candidates = np.flatnonzero(in_order == greatest)
        return self.rows[candidates[np.searchsorted(candidates, self.start[:-1])]]


def group_by_id(ids: Ids, count: int) -> Groups:
    """Rows by id, for ids from 0 to ``count - 1``."""
    return Groups(stable_order(ids), prefix_sums(np.bincount(ids, minlength=count)))


def group_by_key(keys: Ids) -> tuple[Ints, Groups]:
    """The distinct keys, rising, and the rows of each."""
    rows = stable_order(keys)
    in_order = keys[rows].astype(np.int64)
    first = np.ones(len(rows), dtype=np.bool_)
    first[1:] = in_order[1:] != in_order[:-1]
    start = np.flatnonzero(first)
    return in_order[start], Groups(rows, np.append(start, len(rows)))
