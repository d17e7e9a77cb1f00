"""The portable engine: a Python signal handler where it can run, a helper thread where it cannot."""

from __future__ import annotations

import gc
import sys
import threading
import time
from _thread import _count as thread_count
from collections.abc import Callable
from dataclasses import replace

from plopi.collector import interpreter, walk
from plopi.collector.clock import Timer, in_main_thread, kernel_tick_ns
from plopi.collector.engine import Plan, Tally
from plopi.collector.native_threads import ident, original
from plopi.collector.redelivery import Redelivery
from plopi.collector.stacks import StackTable
from plopi.collector.wakeup import WakeupWatch
from plopi.errors import UsageError
from plopi.model import ProfileBuilder

LAZY = 10
"""After so many looks at which the handler had done its work, the next is so many intervals away."""
WELL = 2
"""A handler that handles one tick in so many does its work: the others were pending at the same time."""
LONG_NS = 1_000_000_000
MAX_SHARE = 0.02
"""Part of a CPU that sampling may take before it is done less often."""
RECURSION_MARGIN = 20
STANDSTILL_SECONDS = 0.001
"""A handler that had begun is over after so long."""


class PythonEngine:
    """See ``engine.Engine``."""

    name = "python"

    def __init__(self, plan: Plan, table: StackTable) -> None:
        self.plan, self.table, self.tally = plan, table, Tally()
        self.sample_types = plan.sample_types
        self._alone = interpreter.is_free_threaded()
        """No thread may look at another's frames: the handler sees its own, and that is all."""
        if self._alone:
            self.plan, self.table = replace(plan, threads=False), SoleTable(table.max_stacks, table.max_depth)
        self._timer = Timer(plan.mode, walk.on_tick) if plan.measures_cpu else None
        self._wakeup = WakeupWatch()
        self._redelivery = Redelivery()
        self._interval_ns = plan.interval_ns
        self._sampler: walk.Sampler | None = None
        self._armed = self._paused = False
        self._recursion_limit = 0
        self._handled = self._used_ns = self._held = 0
        self._helper_cost_ns = 0
        self._well = 0
        self._next_wall = 0.0
        self._flooded = False
        self._costed = (0, 0)
        self._dearest_ns = 0.0

    # -- lifecycle --------------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        refusal = interpreter.refusal(self.plan.measures_wall)
        if refusal is not None:
            raise UsageError(refusal)
        for caution in interpreter.cautions():
            self.tally.note(caution)
        tick = kernel_tick_ns()
        if self._timer is not None and self._interval_ns < tick:
            self.tally.note(f"interval raised from {self._interval_ns / 1e6:g} ms to {tick / 1e6:g} ms, the kernel's tick")
            self._interval_ns = tick
        timer = (self._timer.which, self._timer.signal) if self._timer is not None else None
        sampler = walk.Sampler(self.table, self._interval_ns, timer, self.plan.threads, self.plan.max_depth)
        self._sampler = sampler
        self._recursion_limit = sys.getrecursionlimit() + RECURSION_MARGIN
        sys.setrecursionlimit(self._recursion_limit)
        if isinstance(self.table, SoleTable):
            self.table.sampler = sampler
        else:
            gc.callbacks.append(walk.on_gc)
            self._redelivery.begin(sampler)
        walk.switch(sampler)
        if sys.gettrace() is not None or sys.getprofile() is not None:
            self.tally.note("a debugger, coverage or another profiler was tracing: it sees plopi's handler")
        if self._timer is not None:
            self._wakeup.begin(sampler.set_has_room)
            self._arm(interpreter.no_signals() or self._timer.arm(self._interval_ns))

    def _arm(self, refused: str | None) -> None:
        self._armed = refused is None
        if refused is not None:
            self.tally.note(f"{refused}; {'nothing is sampled' if self._alone else 'sampled from a thread'}")

    def stop(self) -> None:
        sampler, self._sampler = self._sampler, None
        if sampler is None:
            return
        self._count(sampler)
        if self._dearest_ns:
            self.tally.note(
                f"a sample cost up to {self._dearest_ns / 1e6:.2g} ms: interval stretched to {self._interval_ns / 1e6:.3g} ms "
                f"to keep what ticks cost within {MAX_SHARE:.0%}"
            )
        self._give_back(sampler)

    def _give_back(self, sampler: walk.Sampler | None) -> None:
        if isinstance(self.table, SoleTable):
            self.table.sampler = None
        if self._timer is not None:
            if self._armed:
                self._timer.disarm()
            self._armed = False
            self._wakeup.end()
        walk.switch(None)
        walk.remove_marks(sampler)
        if walk.on_gc in gc.callbacks:
            gc.callbacks.remove(walk.on_gc)
        self._redelivery.end()
        if sys.getrecursionlimit() == self._recursion_limit:
            sys.setrecursionlimit(self._recursion_limit - RECURSION_MARGIN)
        if self._timer is not None:
            self._timer.give_back()

    def pause(self) -> None:
        self._paused = True
        if self._armed and self._timer is not None:
            self._timer.disarm()

    def resume(self) -> None:
        if self._armed and self._timer is not None:
            self._arm(self._timer.rearm(self._interval_ns))
        self._paused = False

    def abandon(self) -> None:
        self._sampler = None
        self._armed = False  # a fork clears the timers of the child
        self._give_back(None)

    # -- the helper thread ------------------------------------------------------------------------------------------------------

    def poll(self) -> float:
        sampler = self._sampler
        if sampler is None:
            return 1.0
        if sampler.helper != ident():  # the first, or another one since a fork
            sampler.helper = ident()
            self._used_ns = time.process_time_ns() - time.thread_time_ns()
        wait = 1.0
        if self.plan.measures_cpu and not self._alone:
            wait = self._stand_in(sampler)
        if self.plan.measures_wall:
            now = time.monotonic()
            if now >= self._next_wall:
                self._take(walk.sample_wall, sampler)
                self._next_wall = max(self._next_wall + self._interval_ns / 1e9, now)
            wait = min(wait, max(0.0, self._next_wall - time.monotonic()))
        return wait

    def rest(self, wake: threading.Lock, seconds: float) -> bool:
        return wake.acquire(True, seconds)

    def rouse(self) -> None:
        """A lock is all that it rests by."""

    def _stand_in(self, sampler: walk.Sampler) -> float:
        """Sample where CPU time has moved and the handler has not run; seconds until the next look.

        A look costs a running thread the GIL, so while the handler runs well there are few.
        """
        used = time.process_time_ns() - time.thread_time_ns()
        expected = (used - self._used_ns) // self._interval_ns
        lone = self._armed and thread_count() <= sampler.alone and used - self._used_ns < LONG_NS
        if expected and sampler.ticks == self._handled and self._armed and not lone:
            # a long call has just ended? Then the handler runs now
            original("sleep", "time")(min(self._interval_ns / 1e10, 0.0005))
        handled = sampler.ticks - self._handled
        if lone:  # it handles its ticks at the end of a long call, on the same stack
            if handled:
                self._used_ns, self._handled = used, sampler.ticks
            return self._interval_ns / 1e9 * LAZY
        if expected and not handled:
            self._well = 0
            self._held = self._held + 1 if sampler.busy else 0
            if self._held > LAZY:  # the handler was interrupted by another signal's, which takes its time
                sampler.busy = False
            self._take(walk.on_tick, 0, None)
        elif expected or handled:
            self._well = self._well + 1 if handled * WELL >= expected else 0
        if expected or handled:
            self._used_ns, self._handled = used, sampler.ticks
        return self._interval_ns / 1e9 * (LAZY if self._well >= LAZY and self._armed else 1)

    def _take(self, sample: Callable[..., None], *arguments: object) -> None:
        began = time.thread_time_ns()
        sample(*arguments)
        self._helper_cost_ns += time.thread_time_ns() - began

    def settle(self) -> None:
        sampler = self._sampler
        if sampler is not None:
            if self.plan.measures_wall:
                walk.settle_wall(sampler)
            self._count(sampler)

    def check(self) -> None:
        sampler, timer = self._sampler, self._timer
        if sampler is None:
            return
        if timer is not None and self._armed:
            self._check_timer(sampler, timer)
        elif self._flooded:
            self._check_flood(sampler)
        self._govern(sampler)

    def _check_timer(self, sampler: walk.Sampler, timer: Timer) -> None:
        reason = None
        if sampler.skipped_full:
            reason = "the wakeup descriptor of the event loop was nearly full"
        elif sampler.too_dear:
            reason = "one sample took more than 20 ms"
        elif sampler.errors_in_a_row >= walk.ERRORS_IN_A_ROW:
            reason = f"the handler failed {sampler.errors} times ({sampler.last_error})"
        else:
            taken = timer.taken()
            if self._paused:  # the timer is off because a thread is about to fork
                return
            reason = f"sampling interrupted: {taken}" if taken else None
            if taken and "handler" in taken:
                timer.disarm()
        if reason is not None:
            self._flooded, sampler.skipped_full = sampler.skipped_full, False
            self._arm(reason)

    def _check_flood(self, sampler: walk.Sampler) -> None:
        """Back to the timer once the event loop has read what was in its wakeup descriptor."""
        if sampler.has_room is None or sampler.has_room(0):
            self._flooded, self._armed = False, True
            self.resume()

    def _govern(self, sampler: walk.Sampler) -> None:
        """Sample less often where sampling costs more than ``MAX_SHARE`` of a CPU."""
        total = sampler.cost_ns + self._helper_cost_ns
        cost, passes = total - self._costed[0], sampler.passes - self._costed[1]
        self._costed = (total, sampler.passes)
        if passes < 3 or cost / passes <= MAX_SHARE * self._interval_ns:
            return
        self._interval_ns = int(cost / passes / MAX_SHARE)
        sampler.set_interval(self._interval_ns)
        self._dearest_ns = max(self._dearest_ns, cost / passes)
        self.resume()

    def _count(self, sampler: walk.Sampler) -> None:
        self.tally.ticks, self.tally.by_helper = sampler.ticks, sampler.by_helper
        self.tally.cost_ns, self.tally.errors = sampler.cost_ns + self._helper_cost_ns, sampler.errors
        self.tally.helper_cost_ns = self._helper_cost_ns
        if sampler.crowded:
            self.tally.note("subinterpreters may have been running: only the main thread was sampled meanwhile")
        if sampler.errors:
            self.tally.note(f"{sampler.errors} samples failed, the last with {sampler.last_error}")


class SoleTable(StackTable):
    """For free-threaded Python, where the handler would go on adding while another thread drains: no tick is taken meanwhile.

    The time of those ticks goes to the next.
    """

    sampler: walk.Sampler | None = None

    def drain(self, rows: ProfileBuilder, window: int) -> int:
        walk.switch(None)
        time.sleep(STANDSTILL_SECONDS)
        try:
            return super().drain(rows, window)
        finally:
            if self.sampler is not None:
                walk.switch(self.sampler)


def install() -> None:
    """Put plopi's handlers in from the main thread, so that ``start`` works from any thread afterwards. They do nothing
    until then."""
    if not in_main_thread():
        return
    for mode in ("cpu", "virtual"):
        Timer(mode, walk.on_tick).install()
