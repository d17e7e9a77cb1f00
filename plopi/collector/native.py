"""The native engine: the signal handler itself, in C, walks the frames of the thread that burned the CPU.

``_sampler`` (an optional extension, see ``docs/native-engine.md``) takes the samples and interns them; this module carries its
rows to the collector's tables and decides where the engine can be had.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from array import array
from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from types import ModuleType
from typing import Any, cast

from plopi.collector import native_sources, selftest, walk
from plopi.collector.clock import Timer, kernel_tick_ns
from plopi.collector.engine import Plan, Tally
from plopi.collector.native_threads import MAIN_THREAD
from plopi.collector.stacks import COLLECTOR_DIRECTORY, MAX_THREADS, OTHER_THREADS, PASSES_ON, StackTable
from plopi.errors import UsageError
from plopi.model import CPU, NATIVE, NONE, SAMPLES, WALL, ProfileBuilder, SampleType

PROVEN = frozenset({(3, 11), (3, 12), (3, 13), (3, 14), (3, 15)})
"""Versions on which ``auto`` takes this engine; on others it must be asked for."""
FIRST_SOUND = (3, 11, 2)
"""CPython's own faults in how frames are read were mended there."""
POLL_SECONDS = 1.0
LOOK_SECONDS = 0.25
WALL_LOOK_SECONDS = 0.1
"""How soon a new thread is seen: by its first sample, or by the wall clock."""
LONGEST_NS = 8_000_000
"""So far apart the wall clock's looks at a thread may come to be while it goes on waiting or running."""
_NODES, _SUMS, _THREADS = Struct("=II"), Struct("=IIQQQQ"), Struct("=QQq")
"""Rows that ``_sampler.take`` hands over as bytes."""
_NO_NODE = 0xFFFFFFFF
_COLUMNS = (SAMPLES, CPU, WALL, NATIVE)

Batch = tuple[int, list[tuple[str, str, int]], bytes, bytes, bytes, bytes]
"""What ``_sampler.take`` hands over: see there."""


def why_not(plan: Plan) -> str | None:
    """Why this engine cannot do what ``plan`` asks for here and now, or None."""
    reason = never_for(plan)
    if reason is None:
        _, reason = _signal_for(_sampler())
    return reason


def never_for(plan: Plan) -> str | None:
    """Why this engine cannot do it whatever state the process is in, or None."""
    if plan.mode == "virtual":
        return "it measures CPU and wall time, not virtual time"
    reason = unavailable()
    if reason is None and plan.measures_wall and not _sampler().sees_threads():
        return "threads that wait cannot be looked at here (process_vm_readv), as some sandboxes forbid"
    return reason


@lru_cache(maxsize=1)
def unavailable() -> str | None:
    """Why this interpreter cannot have the engine at all, or None. Asked once: the first time runs the self-test."""
    if sys.implementation.name != "cpython":
        return f"it reads the frames of CPython, and this is {sys.implementation.name}"
    if not sys.platform.startswith("linux"):
        return f"it is made for Linux, and this is {sys.platform}"
    try:
        sampler = _sampler()
    except ImportError as error:
        return (
            f"its C part is not built for this Python ({error}); reinstall plopi with a C compiler and Python's headers present"
        )
    if sys.hexversion != sampler.BUILT_FOR:
        built = ".".join(str(sampler.BUILT_FOR >> shift & 0xFF) for shift in (24, 16, 8))
        return f"its C part was built for CPython {built}, and this is {sys.version.split()[0]}; reinstall plopi"
    if native_sources.fingerprint() not in (0, getattr(sampler, "BUILT_FROM", None)):  # older builds do not say
        return "its C part was built from other sources than those in the checkout; install plopi again: pip install -e ."
    if not sampler.sees_memory():
        return "the kernel does not tell which memory can be read (rt_sigprocmask), as some sandboxes' do not"
    return selftest.failure(sampler.probe)


def is_proven() -> bool:
    return sys.version_info[:2] in PROVEN and sys.version_info[:3] >= FIRST_SOUND


def _sampler() -> ModuleType:
    from plopi.collector import _sampler

    return _sampler


def _signal_for(sampler: ModuleType) -> tuple[bool, str | None]:
    """Whether a handler of plopi's own stands where ours must go, and why ours cannot go there, or None."""
    present = signal.getsignal(signal.SIGPROF)
    ours = present is walk.on_tick
    if not ours and present not in (signal.SIG_DFL, signal.SIG_IGN):
        return False, "SIGPROF has a handler of somebody else's"
    if not sampler.is_free(ours):
        return ours, "SIGPROF or its timer is in use by somebody else"
    if signal.SIGPROF in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
        return ours, "SIGPROF is blocked in this thread's signal mask"
    return ours, None


class NativeEngine:
    """See ``engine.Engine``."""

    name = "native"

    def __init__(self, plan: Plan, max_stacks: int) -> None:
        """Raises UsageError where the engine cannot be had, as ``start`` does where SIGPROF is in use."""
        reason = never_for(plan)
        if reason is not None:
            raise UsageError(f"the native engine cannot be used: {reason}; use engine='python' or 'auto'")
        self.plan, self.tally = plan, Tally()
        self.sample_types = (*plan.sample_types, NATIVE) if plan.measures_cpu else plan.sample_types
        self.table: StackTable = NativeTable(max_stacks, plan.max_depth, self.sample_types)
        self._sampler: Any = _sampler()
        self._timer = Timer("cpu", walk.on_tick)
        self._running = self._paused = self._without_ticker = False

    def start(self) -> None:
        sampler = self._sampler
        sampler.close()
        self._timer.install()  # below ours: what the program finds there, and may put back, must not be what ends the process
        over_handler, reason = _signal_for(sampler)
        if reason is not None:
            raise UsageError(f"the native engine cannot be used: {reason}; use engine='python' or 'auto'")
        clocks = (sampler.CPU_CLOCK if self.plan.measures_cpu else 0) | (sampler.WALL_CLOCK if self.plan.measures_wall else 0)
        try:
            without_ticker = sampler.start(
                clocks,
                self.plan.interval_ns,
                LONGEST_NS,
                self.plan.max_depth,
                self.table.max_stacks,
                COLLECTOR_DIRECTORY,
                frozenset(PASSES_ON),
                not self.plan.threads,
                over_handler,
            )
        except (RuntimeError, OSError) as error:
            raise UsageError(f"the native engine cannot be used: {error}; use engine='python'") from error
        self._running = True
        self._note_ticker(without_ticker)
        tick = kernel_tick_ns()
        if self.plan.measures_cpu and self.plan.interval_ns < tick:
            self.tally.note(f"interval raised from {self.plan.interval_ns / 1e6:g} ms to {tick / 1e6:g} ms, the kernel's tick")

    def poll(self) -> float:
        self._sampler.ignore_thread()
        if self._sampler.is_news():
            self.settle()
        return POLL_SECONDS

    def rest(self, wake: threading.Lock, seconds: float) -> bool:
        look = WALL_LOOK_SECONDS if self.plan.measures_wall else LOOK_SECONDS
        self._sampler.rest(round(seconds * 1e9), round(look * 1e9))
        return wake.acquire(False)

    def rouse(self) -> None:
        self._sampler.rouse()

    def check(self) -> None:
        if (
            self._running and not self._sampler.is_ours() and not self._paused
        ):  # paused, it is off because a thread is about to fork
            self._sampler.pause()  # the signals that we cause are not for the program's handler
            self.tally.note("sampling interrupted: SIGPROF or its timer was taken over by the program")
        elif self._without_ticker and not self._paused:
            self.resume()

    def _note_ticker(self, error: int) -> None:
        """Wall time needs a thread, and a process may not have any more of them; it is asked for again by ``check``."""
        self._without_ticker = error != 0
        if error:
            self.tally.note(f"wall time was not sampled all the time: no thread could be started for it ({os.strerror(error)})")

    def settle(self) -> None:
        if self._running:
            batch = self._sampler.take()
            cast(NativeTable, self.table).learn_names(batch)
            self.table.dirty.append(batch)
            self._count()

    def _count(self) -> None:
        counters, tally = self._sampler.counters(), self.tally
        if self.plan.measures_cpu:
            tally.ticks = counters["ticks"] - counters["ignored"]
        else:
            tally.ticks, tally.spared = counters["looks"], counters["spared"]
        tally.cost_ns = counters["cost_ns"]
        self.table.truncated = counters["over"]

    def _note_losses(self) -> None:
        counters = self._sampler.counters()
        if counters["lost"]:
            self.tally.note(f"{counters['lost']} samples found the pool full; their time went to the next sample of the thread")
        if self.plan.measures_cpu and counters["foreign_ns"] > 1_000_000:
            self.tally.note(
                f"{counters['foreign_ns'] / 1e9:.3f} s of CPU time was of threads that run no Python code of the main interpreter"
            )
        if self.plan.measures_wall and counters["untold_ns"] > 100_000_000:
            untold = f"{counters['untold_ns'] / 1e9:.3f} s of wall time is in no stack"
            self.tally.note(f"{untold}: of threads that ran no Python code then, or that no CPU sample met")

    def pause(self) -> None:
        self._paused = True
        if self._running:
            self._sampler.pause()

    def resume(self) -> None:
        if self._running:
            self._note_ticker(self._sampler.resume(self.plan.interval_ns))
        self._paused = False

    def stop(self) -> None:
        if self._running:
            self._sampler.stop()
            self._timer.give_back()
            self.settle()
            self._note_losses()
            self._running = False
            self._sampler.close()

    def abandon(self) -> None:
        self._running = False
        self.table.clear()
        self._sampler.close()


class NativeTable(StackTable):
    """Batches of rows on their way from ``_sampler`` to the collector's tables; bounded there, by ``max_stacks``."""

    dirty: list[Any]

    def __init__(self, max_stacks: int, max_depth: int, sample_types: Sequence[SampleType]) -> None:
        self._order = [_COLUMNS.index(sample_type) for sample_type in sample_types]
        super().__init__(max_stacks, max_depth)

    def clear(self) -> None:
        super().clear()
        self._next = 0
        self._functions: list[tuple[str, str, int]] = []
        self._places = array("I")
        self._location_rows: dict[int, int] = {}
        self._stack_rows = array("q")
        self._names: dict[int, str] = {}
        self._rows_of_threads: dict[tuple[int, int], int] = {}

    def learn_names(self, batch: Batch) -> None:
        """As soon as a thread is seen: by the next drain it may have ended. One that has ended by now is known by the kernel's
        number, as long as the program keeps its ``Thread``."""
        for number, ident, tid in _THREADS.iter_unpack(batch[5]):
            if (number, ident) not in self._rows_of_threads and not self._names.get(number):
                self._names[number] = _name_of_thread(ident, tid)

    def drain(self, rows: ProfileBuilder, window: int) -> int:
        """Move all weights into ``rows`` under ``window``; returns the number of samples moved."""
        moved = 0
        for batch in self._in_order():
            moved += self._file(rows, window, batch)
        return moved

    def _in_order(self) -> list[Batch]:
        """The batches that can be filed by now. Rows refer to earlier batches, and two threads may have taken at once."""
        self.dirty.sort(key=lambda batch: -batch[0])
        found: list[Batch] = []
        while self.dirty and self.dirty[-1][0] == self._next:
            found.append(self.dirty.pop())
            self._next += 1
        return found

    def _file(self, rows: ProfileBuilder, window: int, batch: Batch) -> int:
        _, functions, locations, nodes, sums, threads = batch
        self._functions += functions
        self._places.frombytes(locations)
        for parent, location in _NODES.iter_unpack(nodes):
            above = NONE if parent == _NO_NODE else self._stack_rows[parent]
            self._stack_rows.append(rows.stack_id(above, self._location_row(rows, location)))
        thread_rows = [self._thread_row(rows, number, ident) for number, ident, _ in _THREADS.iter_unpack(threads)]
        moved = 0
        for node, thread, *weights in _SUMS.iter_unpack(sums):
            rows.add_sample(self._stack_rows[node], [weights[i] for i in self._order], thread_rows[thread], window)
            moved += weights[0]
        return moved

    def _location_row(self, rows: ProfileBuilder, location: int) -> int:
        """Made when a stack first needs it: functions of plopi's own are in no stack."""
        row = self._location_rows.get(location)
        if row is None:
            function, line = self._places[2 * location : 2 * location + 2]
            row = self._location_rows[location] = rows.location_id(rows.function_id(*self._functions[function]), line)
        return row

    def _thread_row(self, rows: ProfileBuilder, number: int, ident: int) -> int:
        row = self._rows_of_threads.get((number, ident))
        if row is None:
            full = len(self._rows_of_threads) >= MAX_THREADS
            row = rows.thread_id(OTHER_THREADS) if full else rows.thread_id(self._names.pop(number, ""), ident)
            self._rows_of_threads[number, ident] = row
        return row


def _name_of_thread(ident: int, tid: int) -> str:
    """ "" for one that Python's ``threading`` does not know, or no more."""
    live = threading._active.get(ident)  # type: ignore[attr-defined]
    if live is not None and live.native_id == tid:
        return str(live.name)
    if tid == os.getpid():
        return MAIN_THREAD
    ended = (thread.name for thread in list(threading._dangling) if thread.native_id == tid)  # type: ignore[attr-defined]
    return next(ended, "")
