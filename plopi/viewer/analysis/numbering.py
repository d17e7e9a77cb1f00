"""Numbers for keys that become more: what was given out before stays as it was."""

from __future__ import annotations

import numpy as np

from plopi.viewer.analysis.columns import Ints, group_by_key


class Numbering:
    """Gives each key a number, in the order in which they are met.

    Keys stand in sorted runs, each at least twice as long as the next: so few are looked through, and none is sorted in again
    before their number has doubled.
    """

    def __init__(self) -> None:
        self.count = 0
        self._runs: list[tuple[Ints, Ints]] = []

    def of(self, keys: Ints) -> tuple[Ints, Ints]:
        """The keys' numbers, and the rows where a key is met for the first time, by its number."""
        numbers = self._known(keys)
        rows = np.flatnonzero(numbers < 0)
        if not len(rows):
            return numbers, rows
        new, groups = group_by_key(keys[rows])
        first = groups.rows[groups.start[:-1]]
        given = np.empty(len(new), dtype=np.int64)
        given[np.argsort(first)] = self.skip(len(new))
        numbers[rows[groups.rows]] = np.repeat(given, np.diff(groups.start))
        self._keep(new, given)
        return numbers, rows[np.sort(first)]

    def skip(self, count: int) -> Ints:
        """So many numbers that belong to no key."""
        self.count += count
        return np.arange(self.count - count, self.count)

    def _known(self, keys: Ints) -> Ints:
        numbers = np.full(len(keys), -1, dtype=np.int64)
        for run, given in self._runs:
            place = np.minimum(np.searchsorted(run, keys), len(run) - 1)
            there = run[place] == keys
            numbers[there] = given[place[there]]
        return numbers

    def _keep(self, keys: Ints, given: Ints) -> None:
        while self._runs and len(self._runs[-1][0]) < 2 * len(keys):
            run, numbers = self._runs.pop()
            place = np.searchsorted(run, keys)
            keys, given = np.insert(run, place, keys), np.insert(numbers, place, given)
        self._runs.append((keys, given))
