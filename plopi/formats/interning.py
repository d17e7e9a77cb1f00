"""Row numbers for keys, a whole batch at a time; what a batch costs does not depend on what came before. Needs numpy.

Keys are sorted, never hashed: no file can choose ones that collide.
"""

from __future__ import annotations

import numpy as np

from plopi.formats import fast, ragged
from plopi.formats.limits import Limits
from plopi.formats.ragged import Ints, Trie
from plopi.model import NONE


def pair(high: Ints, low: Ints) -> Ints:
    """One key for two numbers, of which the first is below 2 ** 31 and the second not negative and below 2 ** 32."""
    return high << 32 | low


class Buffer:
    """Integers that are only ever appended to."""

    def __init__(self) -> None:
        self._room = np.empty(0, np.int64)
        self._size = 0

    def append(self, values: Ints) -> None:
        size = self._size + len(values)
        if size > len(self._room):
            room = np.empty(max(size, 2 * self._size), np.int64)
            room[: self._size] = self._room[: self._size]
            self._room = room
        self._room[self._size : size] = values
        self._size = size

    def all(self) -> Ints:
        return self._room[: self._size]


class Index:
    """Keys -> rows 0, 1, 2, ... in the order in which they first came.

    Sorted runs, each more than twice as long as the next: looking up and adding take time logarithmic in what is there.
    """

    def __init__(self) -> None:
        self._runs: list[tuple[Ints, Ints]] = []
        self.count = 0

    def find(self, keys: Ints) -> Ints:
        """Their rows, NONE for those that are not there."""
        rows = np.full(len(keys), NONE, np.int64)
        for known, numbers in self._runs:
            at = np.searchsorted(known, keys)
            at[at == len(known)] = 0
            here = known[at] == keys
            rows[here] = numbers[at[here]]
        return rows

    def add(self, keys: Ints) -> tuple[Ints, Ints]:
        """Their rows, and for each new row, in order, where in ``keys`` it came first."""
        rows = self.find(keys)
        missing = np.flatnonzero(rows == NONE)
        if not len(missing):
            return rows, missing
        distinct, first, which = np.unique(keys[missing], return_index=True, return_inverse=True)
        order = np.argsort(first)
        number = np.empty(len(order), np.int64)
        number[order] = np.arange(self.count, self.count + len(order))
        rows[missing] = number[which]
        self._insert(distinct, number)
        return rows, missing[first[order]]

    def load(self, keys: Ints) -> None:
        """Fill an empty index with distinct keys, whose places are their rows."""
        order = np.argsort(keys)
        self._insert(keys[order], order)

    def _insert(self, keys: Ints, rows: Ints) -> None:
        if not len(keys):
            return
        self.count += len(keys)
        while self._runs and len(self._runs[-1][0]) <= 2 * len(keys):
            known, numbers = self._runs.pop()
            keys, rows = np.concatenate((known, keys)), np.concatenate((numbers, rows))
            order = np.argsort(keys, kind="stable")
            keys, rows = keys[order], rows[order]
        self._runs.append((keys, rows))


def trie(flat: Ints, lengths: Ints, limits: Limits) -> Trie:
    """The trie of root-first stacks of location ids, by the fastest way there is."""
    limits.check("frames", len(flat))
    limits.check("depth", int(lengths.max(initial=0)))
    return fast.trie(flat, lengths, limits) or ragged.trie(flat, lengths, limits)


class Tree:
    """The trie of stacks, growing."""

    def __init__(self, limits: Limits) -> None:
        self._limits, self._index, self._first = limits, Index(), Trie(*(np.empty(0, np.int64),) * 3)
        self.count = 0

    def add(self, flat: Ints, lengths: Ints) -> Trie:
        """The nodes that these root-first stacks of location ids add, and each one's own node."""
        new = self._grown(flat, lengths) if self.count else trie(flat, lengths, self._limits)
        if not self.count:
            self._first = new
        self.count += len(new.parent)
        return new

    def _grown(self, flat: Ints, lengths: Ints) -> Trie:
        index, limits, starts = self._index, self._limits, ragged.starts_of(lengths)
        limits.check("frames", len(flat))
        limits.check("depth", int(lengths.max(initial=0)))
        if not index.count:
            index.load(pair(self._first.parent + 1, self._first.location))
        stack = np.full(len(lengths), NONE, np.int64)
        parents, locations = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        depth, rows = 0, np.flatnonzero(lengths > 0)
        while len(rows):
            parent, location = stack[rows], flat[starts[rows] + depth]
            stack[rows], first = index.add(pair(parent + 1, location))
            parents.append(parent[first])
            locations.append(location[first])
            limits.check("stacks", index.count)
            depth += 1
            rows = rows[lengths[rows] > depth]
        return Trie(np.concatenate(parents), np.concatenate(locations), stack)
