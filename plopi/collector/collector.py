"""``Collector``: glue between an engine that takes samples, rows that hold them, and a sink that writes them down."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from plopi.collector import alone, hooks, python_engine
from plopi.collector.about import about_this_process
from plopi.collector.choice import make_engine
from plopi.collector.engine import MODE_ALIASES, MODES, Engine, Plan
from plopi.collector.native_threads import ident, leave_signals_to_the_program, original
from plopi.collector.sink import Sink
from plopi.collector.stacks import StackTable
from plopi.collector.windows import Windows
from plopi.errors import AlreadyRunning, UsageError
from plopi.model import About, Profile, ProfileBuilder

JOIN_SECONDS = 1.0
MUTED_SECONDS = 0.02

_one_at_a_time = threading.Lock()
_active: Collector | None = None
"""The collector that runs in this process: timer, handler and signal exist once per process."""


class Collector:
    """Samples this process.

    ``interval`` is in seconds. ``mode``: ``cpu`` (Plop: ``prof``), ``wall`` (``real``), ``virtual`` or ``both``. ``engine``:
    ``auto``, ``python`` or ``native``. At most ``max_stacks`` distinct stacks are kept, no deeper than ``max_depth``;
    ``threads=False`` samples the main thread only. ``sink`` is told of new rows about once a second. ``on_fork_child`` is called
    in a forked child, where nothing is being sampled any more.
    """

    def __init__(
        self,
        interval: float = 0.01,
        mode: str = "virtual",
        engine: str = "auto",
        *,
        max_stacks: int = 50_000,
        threads: bool = True,
        max_depth: int = 256,
        sink: Sink | None = None,
        command: str | None = None,
        on_fork_child: Callable[[], None] | None = None,
    ) -> None:
        mode = MODE_ALIASES.get(mode, mode)
        if mode not in MODES:
            raise UsageError(f"no mode is called {mode!r}: choose one of {', '.join((*MODES, *MODE_ALIASES))}")
        if not 0 < interval <= 3600:
            raise UsageError(f"an interval of {interval!r} s cannot be had: choose between 0.000001 and 3600 s")
        if max_stacks < 1 or max_depth < 1:
            raise UsageError(f"max_stacks {max_stacks} and max_depth {max_depth} must be at least 1")
        self.interval, self.mode = interval, mode
        self._plan = Plan(mode, max(1000, round(interval * 1e9)), threads, max_depth)
        self._engine_name = engine
        self._max_stacks = max_stacks
        self._sink = sink
        self._command = command
        self._on_fork_child = on_fork_child
        self._fresh_locks()
        self._table = StackTable(max_stacks, max_depth)
        self.running = False
        """Whether samples are being taken."""
        self.reset()

    def _fresh_locks(self) -> None:
        self._lifecycle: threading.RLock = original("RLock")()
        self._rows_lock: threading.RLock = original("RLock")()
        self._draining = False
        self._stopped = threading.Event()
        self._stopped.set()
        self._wake = original("allocate_lock")()
        self._helper_done = original("allocate_lock")()
        self._helper_ident: int | None = None
        self._helper_native_id = 0

    def reset(self) -> None:
        """Forget all samples. Allowed while running, too: counting then begins anew."""
        with self._lifecycle:
            running = self.running
            if running:
                self._engine.stop()
            with self._rows_lock:
                self._table.clear()
                self._engine: Engine = make_engine(self._engine_name, self._plan, self._table)
                self._table = self._engine.table
                about = about_this_process(self._command, self._engine.name, self.mode, self._plan.interval_ns)
                self._rows = ProfileBuilder(self._engine.sample_types, about)
                self._windows = Windows(self._rows)
                self._samples = 0
                self._helper_cost_ns = self._former_helpers_ns = 0
                self._started = self._ended = time.monotonic_ns()
                self._process_cpu = self._process_cpu_end = time.process_time_ns()
            if running:
                self._engine.start()

    # -- start and stop ---------------------------------------------------------------------------------------------------------

    def start(self, duration: float | None = 30.0) -> None:
        """Begin to sample, for ``duration`` seconds (None: until ``stop``). Works in any thread once ``plopi.install()`` was
        called in the main thread; otherwise, outside the main thread, a helper thread takes the samples. AlreadyRunning if one
        runs."""
        if duration is not None and duration <= 0:
            raise UsageError(f"a duration of {duration!r} s cannot be had: choose a positive one, or None for no end")
        global _active
        with self._lifecycle:
            with _one_at_a_time:
                if _active is not None:
                    raise AlreadyRunning("this process is being profiled already: stop that profile first")
                _active = self
            try:
                self.reset()
                self._deadline = None if duration is None else time.monotonic() + duration
                self._stopped.clear()
                self.running = True
                hooks.watch(self)
                self._next_drain = time.monotonic() + 1.0
                self._drain_and_flush()  # from now on there is a file, however soon the process is killed
                self._engine.start()
                self._start_helper()
            except BaseException:
                self._engine.stop()
                self._let_go()
                raise

    def stop(self) -> None:
        """Stop sampling and finish the sink. Returns when both are done, and never waits for a tick; does nothing when not
        running."""
        with self._lifecycle:
            if not self.running:
                return
            with self._noting_faults():
                self._engine.settle()
            self._engine.stop()
            self._ended = time.monotonic_ns()
            self._process_cpu_end = time.process_time_ns()
            self._let_go()
            self._stop_helper()
            with self._noting_faults():
                self._drain()
            if self._sink is not None:
                self._sink.finish(self._rows)
        self._stopped.set()

    @contextmanager
    def _noting_faults(self) -> Iterator[None]:
        """A fault of plopi's own ends what it was about and is told in the profile: the application has no part in it."""
        try:
            yield
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            self._engine.tally.note(f"not all was sampled, by a fault of plopi's own; please report it: {what}")

    def can_stop(self, patience: float) -> bool:
        """Whether ``stop`` would go ahead now: nobody holds it up, in another thread, for longer than ``patience`` seconds."""
        for lock in (self._lifecycle, self._rows_lock):
            if not lock.acquire(timeout=patience):
                return False
            lock.release()
        return True

    def _let_go(self) -> None:
        global _active
        self.running = False
        hooks.unwatch()
        if _active is self:
            _active = None

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until sampling has stopped, at most ``timeout`` seconds; returns whether it has."""
        return self._stopped.wait(timeout)

    # -- results ----------------------------------------------------------------------------------------------------------------

    def snapshot(self) -> Profile:
        """What was sampled so far, as a profile of its own; sampling goes on."""
        with self._rows_lock:
            if self.running:
                self._engine.settle()
            self._drain()
            return self._rows.build()

    @property
    def about(self) -> About:
        """What is known of this profile by now."""
        with self._rows_lock:
            self._describe()
            return self._rows.about

    @property
    def samples_taken(self) -> int:
        """Ticks that were handled, and looks that the helper thread took."""
        tally = self._engine.tally
        if self.running:
            self._engine.settle()
        return tally.ticks + tally.by_helper

    @property
    def sample_time(self) -> float:
        """Seconds spent taking samples."""
        if self.running:
            self._engine.settle()
        return self._engine.tally.cost_ns / 1e9

    @property
    def stack_counts(self) -> dict[tuple[tuple[str, int, str], ...], int]:
        """Counts by stack as in Plop: ``{((file, current line, function), ... leaf first): count}``.

        A count is the weight in intervals (at least 1), so that one long call counts as long as it took.
        """
        from plopi.formats import plop  # what only this needs

        profile = self.snapshot()
        weights = profile.samples.weights[1] if len(profile.samples.weights) > 1 else profile.samples.weights[0]
        sums = plop.by_stack(profile, weights)
        counts = {stack: max(1, round(weight / self._plan.interval_ns)) for stack, weight in sums.items()}
        return plop.by_path(profile, list(plop.locations(profile)), counts)

    # -- the helper thread ------------------------------------------------------------------------------------------------------

    def _start_helper(self, after_fork: bool = False) -> None:
        muted = alone.mute() if after_fork else None
        self._wake = original("allocate_lock")()
        self._helper_done = original("allocate_lock")()
        self._wake.acquire()
        self._helper_done.acquire()
        try:
            self._helper_ident = original("start_new_thread")(self._help, (self._wake, self._helper_done, muted))
        except RuntimeError as error:
            if not after_fork:
                raise
            alone.unmute(muted or [])
            self._engine.tally.note(f"the recording did not grow all the time: {error} after a fork")

    def _stop_helper(self) -> None:
        helper, self._helper_ident = self._helper_ident, None
        if helper is None:
            return
        self._wake.release()
        self._engine.rouse()
        if helper != ident():
            self._helper_done.acquire(True, JOIN_SECONDS)
            self._former_helpers_ns = self._helper_cost_ns

    def _help(self, wake: threading.Lock, done: threading.Lock, muted: Any) -> None:
        """Poll the engine, drain, check, and keep the deadline, until ``wake`` can be had."""
        leave_signals_to_the_program()
        began = time.thread_time_ns() - self._former_helpers_ns
        self._helper_native_id = threading.get_native_id()
        try:
            if muted is not None:
                ended = wake.acquire(True, MUTED_SECONDS)
                alone.unmute(muted)
                if ended:
                    return
            ended = True
            with self._noting_faults():
                ended = self._sample_until(wake, began)
            if ended:
                self.stop()
        finally:
            self._helper_cost_ns = time.thread_time_ns() - began
            done.release()

    def _sample_until(self, wake: threading.Lock, began: int) -> bool:
        """Whether the deadline has come, and not ``wake``."""
        wait = 0.0
        while not self._engine.rest(wake, max(0.0, wait)):
            wait = self._engine.poll()
            now = time.monotonic()
            if self._deadline is not None and now >= self._deadline:
                return True
            if now >= self._next_drain:
                self._engine.check()
                self._engine.settle()
                self._helper_cost_ns = time.thread_time_ns() - began
                self._drain_and_flush()
                self._next_drain = now + self._windows.drain_seconds
            wait = min(wait, self._next_drain - now)
            if self._deadline is not None:
                wait = min(wait, self._deadline - now)
        return False

    # -- rows -------------------------------------------------------------------------------------------------------------------

    def _drain_and_flush(self) -> None:
        with self._rows_lock:
            self._drain()
            if self._sink is not None and self.running:
                self._sink.flush(self._rows)

    def _drain(self) -> None:
        with self._rows_lock:
            if self._draining:  # a signal handler of the application, interrupting this very drain
                return
            self._draining = True
            try:
                if not self._table.is_empty:
                    window = self._windows.since_last_drain(time.monotonic_ns() - self._started)
                    self._samples += self._table.drain(self._rows, window)
                self._describe()
            finally:
                self._draining = False

    def _describe(self) -> None:
        tally = self._engine.tally
        now, cpu = time.monotonic_ns(), time.process_time_ns()
        if not self.running:
            now, cpu = self._ended, self._process_cpu_end
        used = cpu - self._process_cpu
        clock = used if self._plan.measures_cpu else now - self._started
        taken = tally.ticks + tally.by_helper
        notes = [*tally.notes]
        # Notes with counts are for the end: a recording appends every note that is new to it.
        if not self.running and tally.by_helper and self._plan.mode != "wall":
            notes.append(f"samples: {tally.ticks} from the timer, {tally.by_helper} from the helper thread")
        if not self.running and self._table.truncated:
            notes.append(f"{self._table.truncated} samples went to <truncated>: more than {self._max_stacks} distinct stacks")
        if not self.running and self._plan.measures_cpu:
            unseen = used - sum(self._rows.sample_weights[1]) - tally.cost_ns - self._helper_cost_ns
            if unseen > max(used // 10, 5 * self._plan.interval_ns):
                notes.append(f"{unseen / used:.0%} of the CPU time was spent where no sample fell, as in threads that soon ended")
        self._rows.describe(
            duration_ns=now - self._started,
            own_cost_ns=tally.cost_ns - tally.helper_cost_ns + self._helper_cost_ns,
            process_cpu_ns=used,
            ticks=taken,
            ticks_lost=max(0, clock // self._plan.interval_ns - taken - tally.spared),
            complete=not self.running,
            notes=tuple(notes),
        )

    # -- what the process does --------------------------------------------------------------------------------------------------

    def before_fork(self) -> None:
        """The helper ends here, so that a program without threads of its own is not warned of threads."""
        self._engine.pause()
        if self._helper_ident not in (None, ident()):
            self._stop_helper()
            alone.wait_until_gone(self._helper_native_id)

    def after_fork_in_parent(self) -> None:
        with self._lifecycle:
            if self.running and self._helper_ident is None:
                self._start_helper(after_fork=True)
        self._engine.resume()

    def after_fork_in_child(self) -> None:
        """The child samples nothing until somebody starts a collector there; the file is the parent's."""
        global _active, _one_at_a_time
        _active = None
        _one_at_a_time = threading.Lock()
        self._fresh_locks()
        self.running = False
        self._engine.abandon()
        self.reset()
        if self._sink is not None:
            self._sink.abandon()
            self._sink = None
        if self._on_fork_child is not None:
            self._on_fork_child()

    def before_exec(self) -> None:
        self._engine.pause()
        self._engine.settle()
        self._drain_and_flush()

    def after_failed_exec(self) -> None:
        self._engine.resume()

    def at_exit(self) -> None:
        self.stop()


def install() -> None:
    """Put plopi's signal handler in, from the main thread: ``Collector.start`` then works in any thread. It does nothing
    until then."""
    python_engine.install()
