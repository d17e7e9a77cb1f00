"""What a tick is worth, where C calls keep it waiting: a program and its clocks played step by step, out of reach of load."""

from __future__ import annotations

import random
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

from plopi.collector import walk
from plopi.collector.stacks import StackTable

INTERVAL = 4_000_000


class Played:
    """A program of one thread: a timer ticks by its CPU clock, and ticks are handled when the call they fell into ends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0
        self.took: Counter[str] = Counter()
        for clock in ("thread_time_ns", "perf_counter_ns"):
            monkeypatch.setattr(walk, clock, lambda: self.now)
        monkeypatch.setattr(walk, "thread_count", lambda: 0)
        self.table = StackTable(100, 8)
        self.sampler = walk.Sampler(self.table, INTERVAL, (signal.ITIMER_PROF, signal.SIGPROF), True, 8)
        self.sampler.mine.cpu = 0
        walk.switch(self.sampler)

    def call(self, frame: FrameType, nanoseconds: int) -> None:
        due = self.now // INTERVAL
        self.now += nanoseconds
        self.took[frame.f_code.co_name] += nanoseconds
        if self.now // INTERVAL > due:
            walk.on_tick(signal.SIGPROF, frame)

    @property
    def found(self) -> Counter[str]:
        sums: Counter[str] = Counter()
        self.table.file()
        for _, cell in self.table.dirty:
            sums[self.table._frames[cell.node][0].co_name] += cell.cpu
        return sums


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Iterator[Played]:
    yield Played(monkeypatch)
    walk.switch(None)


def long_call() -> FrameType:
    return sys._getframe()


def short_call() -> FrameType:
    return sys._getframe()


@pytest.mark.parametrize("long_ms", [5, 7, 11, 30])
def test_short_c_calls_before_long_ones_are_not_swallowed(played: Played, long_ms: int) -> None:
    """Weighing a late sample by all the time since the last one would give the short calls' time to the long ones."""
    chance: Callable[[float, float], float] = random.Random(1).uniform
    for _ in range(5000):
        played.call(long_call(), round(chance(0.8, 1.2) * long_ms * 1e6))
        played.call(short_call(), round(chance(0.8, 1.2) * 1e6))
    assert sum(played.found.values()) == pytest.approx(played.now, rel=0.01)
    assert played.found["short_call"] == pytest.approx(played.took["short_call"], rel=0.1)


def test_a_call_counts_for_all_its_ticks(played: Played) -> None:
    for _ in range(20):
        played.call(short_call(), 4_100_000)
    played.call(long_call(), 5_000_000_000)
    assert played.found["long_call"] == pytest.approx(5_000_000_000, abs=3 * INTERVAL)
