"""When the time was spent: weight by stretch of time, all threads together and each by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plopi.errors import PlopiError
from plopi.model import Profile
from plopi.viewer.analysis.columns import Ints, column

MOST_THREADS = 20


@dataclass(frozen=True)
class ThreadRow:
    """One thread's weight, whole and by bucket. ``thread`` is None for samples of no known thread, ``others`` how many threads
    stand in one row together (0: this is one)."""

    thread: int | None
    weight: int
    weights: Ints
    others: int = 0


@dataclass(frozen=True)
class Timeline:
    """Buckets follow each other without a gap from the profile's start; ``start`` and ``length`` in nanoseconds.

    ``untimed`` is the weight of samples that are in no window: the buckets' weights and it add up to the total.
    """

    start: Ints
    length: Ints
    weight: Ints
    threads: tuple[ThreadRow, ...]
    untimed: int


def timeline(profile: Profile, type: int, thread: int | None, most: int) -> Timeline | None:
    """At most ``most`` buckets, each of so many whole windows; None where the profile has no windows.

    All buckets are as long as a number of the longest window, and a window counts for the bucket it begins in, so that a bucket's
    weight is that of the windows which a range over it selects.
    """
    begin, length = column(profile.windows.start), column(profile.windows.length)
    if not len(begin):
        return None
    end = int((begin + length).max())
    longest = max(int(length.max()), 1)
    step = longest * max(-(-end // (longest * most)), 1)
    count = -(-end // step) or 1
    bucket = np.clip(begin // step, 0, count - 1)
    rows = _rows(profile, type, thread)
    timed = rows.window >= 0
    start = np.arange(count, dtype=np.int64) * step
    return Timeline(
        start=start,
        length=np.minimum(start + step, end) - start,
        weight=_sums(bucket[rows.window[timed]], rows.weight[timed], count),
        threads=_threads(rows.thread[timed], bucket[rows.window[timed]], rows.weight[timed], count),
        untimed=int(rows.weight[~timed].sum()),
    )


@dataclass(frozen=True)
class _Rows:
    window: Ints
    thread: Ints
    weight: Ints


def _rows(profile: Profile, type: int, thread: int | None) -> _Rows:
    samples = profile.samples
    window, by_thread, weight = column(samples.window), column(samples.thread), column(samples.weights[type])
    if float(np.abs(weight, dtype=np.float64).sum()) >= 2.0**62:
        raise PlopiError("The weights of this profile add up to more than 2**62: they cannot be told apart from nonsense.")
    if thread is None:
        return _Rows(window, by_thread, weight)
    mine = by_thread == thread
    return _Rows(window[mine], by_thread[mine], weight[mine])


def _sums(keys: Ints, weight: Ints, count: int) -> Ints:
    sums = np.zeros(count, dtype=np.int64)
    np.add.at(sums, keys, weight)
    return sums


def _threads(thread: Ints, bucket: Ints, weight: Ints, count: int) -> tuple[ThreadRow, ...]:
    """The heaviest threads, then the others as one row."""
    found, row = np.unique(thread, return_inverse=True)
    by_thread = _sums(row * count + bucket, weight, len(found) * count).reshape(len(found), count)
    totals = by_thread.sum(axis=1)
    order = np.argsort(-totals, kind="stable")
    shown = order if len(order) <= MOST_THREADS else order[: MOST_THREADS - 1]
    rest = order[len(shown) :]
    rows = [ThreadRow(int(found[i]) if found[i] >= 0 else None, int(totals[i]), by_thread[i]) for i in shown.tolist()]
    if len(rest):
        rows.append(ThreadRow(None, int(totals[rest].sum()), by_thread[rest].sum(axis=0), len(rest)))
    return tuple(rows)
