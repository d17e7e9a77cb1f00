"""The truth about a workload: what each of its functions takes, by its threads' CPU clocks and by elapsed time.

``run``, which every function of a workload is called through, charges what its thread's CPU clock and the elapsed time have
gained since the last change of function to the function that was on top, per thread. A change costs about two microseconds and
comes milliseconds after the last.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any


class Meter(threading.local):
    """One thread's running account, by either clock."""

    def __init__(self) -> None:
        self.stack = ["(other)"]
        self.marks = time.thread_time_ns(), time.monotonic_ns()
        self.self_ns: tuple[dict[str, int], dict[str, int]] = {}, {}
        ALL_METERS.append(self.self_ns)

    def charge(self, leaving: bool = False) -> None:
        """To read the CPU clock is a system call, where kernels like to preempt: that time must be of the one whose code reads
        it, which is the caller of the function that is entered or left."""
        if leaving:
            wall = time.monotonic_ns()
            now = time.thread_time_ns(), wall
        else:
            now = time.thread_time_ns(), time.monotonic_ns()
        top = self.stack[-1]
        for charged, before, after in zip(self.self_ns, self.marks, now):
            charged[top] = charged.get(top, 0) + after - before
        self.marks = now


ALL_METERS: list[tuple[dict[str, int], dict[str, int]]] = []
meter = Meter()


def run(function: Callable[..., Any], *args: Any, times: int = 1) -> Any:
    """``times`` keeps the readings of the clocks milliseconds apart."""
    meter.charge()
    meter.stack.append(function.__name__)
    try:
        for _ in range(times):
            result = function(*args)
        return result
    finally:
        meter.charge(leaving=True)
        meter.stack.pop()


def charge_gc(phase: str, info: dict[str, int]) -> None:
    """The collector's time is the truth of ``<gc>``."""
    meter.charge()
    if phase == "start":
        meter.stack.append("<gc>")
    else:
        meter.stack.pop()


def totals() -> dict[str, dict[str, int]]:
    """Nanoseconds by function, by either clock, of all threads."""
    found: dict[str, dict[str, int]] = {"cpu": {}, "wall": {}}
    for accounts in ALL_METERS:
        for total, account in zip(found.values(), accounts):
            for label, weight in account.items():
                if label != "(other)":
                    total[label] = total.get(label, 0) + weight
    return found
