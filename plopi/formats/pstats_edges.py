"""The caller -> callee edges of a pstats dump, most of them read as arrays. Imported by readers only: needs numpy.

Nearly every edge has one layout of 35 bytes: a reference to the caller and a tuple of two counts and two times. Runs of such are
found by a pattern and decoded together when the whole dump has been walked; the rest are added one by one.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from plopi.errors import FormatError
from plopi.formats.limits import INT64_MAX, Limits
from plopi.formats.ragged import Ints, column, starts_of
from plopi.formats.unmarshal import MAX_SECONDS, REF, Callers, Object
from plopi.model import Calls

_LAYOUT = [
    *(("r", "u1"), ("caller", "<i4"), ("tuple", "u1"), ("size", "u1")),
    *(("calls_type", "u1"), ("calls", "<i4"), ("primitive_type", "u1"), ("primitive", "<i4")),
    *(("own_type", "u1"), ("own", "<f8"), ("cum_type", "u1"), ("cum", "<f8")),
]
_EDGE = np.dtype(_LAYOUT)
# Not ")++": CPython before 3.11.5 matches that wrongly.
_RUN = re.compile(rb"(?:r.{4}\)\x04[ir].{4}[ir].{4}g.{8}g.{8})+", re.DOTALL)
_NOT_THERE = -1
_CALLEE_OF_RUN, _CALLEE_OF_SINGLE = 2, 1
Bools = NDArray[np.bool_]


class Edges:
    def __init__(self) -> None:
        self._runs = tuple(array("q") for _ in range(4))
        self._single = tuple(array("q") for _ in range(6))
        self._single_at = array("q")
        self.count = 0

    def run(self, data: bytes, at: int, callee: int, refs: int) -> int:
        """Take the edges of the usual layout that begin ``at``, and say where they end. ``refs``: objects they may refer to."""
        found = _RUN.match(data, at)
        if found is None:
            return at
        end = found.end()
        size = (end - at) // _EDGE.itemsize
        for numbers, number in zip(self._runs, (at, size, callee, refs)):
            numbers.append(number)
        self.count += size
        return end

    def add(self, at: int, numbers: Sequence[int]) -> None:
        """One edge of another layout: caller, callee, calls, primitive calls, self, cum."""
        self.count += 1
        self._single_at.append(at)
        for each, number in zip(self._single, numbers):
            each.append(number)

    def mark(self) -> tuple[int, int]:
        """How many runs and single edges there are."""
        return len(self._runs[0]), len(self._single_at)

    def since(self, mark: tuple[int, int]) -> Callers:
        runs, singles = self.mark()
        return Callers(slice(mark[0], runs), slice(mark[1], singles))

    def again(self, callers: Callers, callee: int, limits: Limits) -> None:
        """The same callers for another function."""
        sizes, singles = self._runs[1][callers.runs], self._single_at[callers.singles]
        self.count += sum(sizes) + len(singles)
        limits.check("edges", self.count)
        for row, numbers in enumerate(self._runs):
            numbers.extend(array("q", [callee]) * len(sizes) if row == _CALLEE_OF_RUN else numbers[callers.runs])
        self._single_at.extend(singles)
        for row, numbers in enumerate(self._single):
            numbers.extend(array("q", [callee]) * len(singles) if row == _CALLEE_OF_SINGLE else numbers[callers.singles])

    def columns(self, data: bytes, refs: Sequence[Object]) -> tuple[Ints, ...]:
        """Caller, callee, calls, primitive calls, self and cum of all edges, in the order of the dump."""
        begins, sizes, callees, known = (np.array(each, np.int64) for each in self._runs)
        step = _EDGE.itemsize
        raw = np.frombuffer(b"".join(data[at : at + size * step] for at, size in zip(self._runs[0], self._runs[1])), _EDGE)
        inside = np.arange(len(raw)) - np.repeat(starts_of(sizes), sizes)
        at = np.repeat(begins, sizes) + inside * step
        reachable = np.repeat(known, sizes)

        callers = _referred(raw["caller"], reachable, [each[0] if type(each) is tuple else _NOT_THERE for each in refs])
        _refuse(callers < 0, at, "a caller refers to something that is no function")
        numbers = [each if type(each) is int and 0 <= each <= INT64_MAX else _NOT_THERE for each in refs]
        parts = [callers, np.repeat(callees, sizes)]
        for name in ("calls", "primitive"):
            counts = raw[name].astype(np.int64)
            shared = raw[f"{name}_type"] == REF
            counts[shared] = _referred(counts[shared], reachable[shared], numbers)
            _refuse(counts < 0, at, "a caller's count of calls is negative, or no whole number")
            parts.append(counts)
        for name in ("own", "cum"):
            seconds = raw[name]
            _refuse(~((seconds >= 0) & (seconds < MAX_SECONDS)), at, "a caller's time is negative, or no time")
            parts.append((seconds * 1e9 + 0.5).astype(np.int64))
        whole = [np.concatenate((part, np.array(each, np.int64))) for part, each in zip(parts, self._single)]
        at = np.concatenate((at, np.array(self._single_at, np.int64)))
        _refuse_twice(whole[0], whole[1], at)
        order = np.argsort(at, kind="stable")
        return tuple(each[order] for each in whole)


def with_sampled_times(calls: Calls) -> Calls:
    """The edges' times in a sampled dump, whose callers are counts of samples: each took what each of its callee's took.

    Python counts a caller once for each time that it stands in a stack, but the callee once for the stack: no edge has more time
    than either of its ends.
    """
    caller, callee, given = (np.array(each, np.int64) for each in (calls.caller, calls.callee, calls.edge_cum))
    samples, cum = (np.array(each, np.int64) for each in (calls.calls, calls.cum))
    interval = np.where(samples > 0, cum / np.maximum(samples, 1), 0.0)
    most = np.minimum(cum[callee], cum[caller])
    taken = np.minimum(np.array(calls.edge_calls, np.int64) * interval[callee], most)
    times = np.minimum(np.rint(taken).astype(np.int64), most)
    return replace(calls, edge_cum=column(np.where(given > 0, given, times)))


def _referred(indexes: Ints, reachable: Ints, values: Sequence[int]) -> Ints:
    """The values that are referred to; _NOT_THERE for what was not yet there."""
    table = np.array([*values, _NOT_THERE], np.int64)
    return table[np.where((indexes >= 0) & (indexes < reachable), indexes, len(values))]


def _refuse(wrong: Bools, at: Ints, why: str) -> None:
    if wrong.any():
        raise FormatError(why, int(at[wrong][0]))


def _refuse_twice(callers: Ints, callees: Ints, at: Ints) -> None:
    order = np.lexsort((at, callers, callees))
    again = (callers[order][1:] == callers[order][:-1]) & (callees[order][1:] == callees[order][:-1])
    _refuse(again, at[order][1:], "a caller comes twice for one function")
