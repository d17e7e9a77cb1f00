"""Walking the stacks: the signal handler, and what the helper thread does in its stead.

``on_tick`` is installed for good as the handler of a CPU timer's signal and does nothing while no sampler is at work. It runs
between two bytecodes of the application, so it

* calls no Python function: at the recursion limit of the application a call would raise RecursionError there (the clock of a
  thread that is seen for the first time is worth one, and is caught);
* takes no lock and does no I/O;
* lets no exception of its own out, and keeps none of the application's back: another signal's handler may raise inside this one;
* keeps no frame and no local variable alive beyond its end;
* looks nothing up: which stack it has seen is found out in the drain, where the tables are in the processor's caches.

**Marks.** Most of a deep stack is as it was at the last tick, and walking it again would cost more than all the rest. While
a call lasts its callers stand still, and what was read of them stays true. So the handler puts a ``Mark`` on some frames, which
holds what lies below, and the next walk ends at the first it meets. It lies in ``f_trace``, which the interpreter reads in traced
threads only, and goes away with the frame: so it proves that this is the very call it was made in. Not for generators and
coroutines, which are resumed by one caller now and by another then; not where a debugger is at work; never over what others put
there.

**Weights.** A handler runs late where C code does not look for signals: all ticks of a long call are handled as one, at its end.
Each tick stands for one interval of CPU time, and ticks that were pending all fell into the stretch that is seen now. How many
they were follows from the CPU clocks: time since the last sample is added up in ``credit``, and whole intervals are taken from
it, at least one as a tick has arrived. Counting the time since the last sample itself would give the time *before* the first
pending tick to the wrong place: a short call just before a long one would hardly ever be seen.

That holds for the main thread alone. Where other threads worked too, ticks that waited may have fallen into any of them, and
each thread counts for what its own CPU clock says.
"""

from __future__ import annotations

import contextlib
import gc
import signal
import sys
import threading
import time
from _thread import _count as thread_count
from collections.abc import Callable
from sys import modules
from time import clock_gettime_ns, perf_counter_ns, process_time_ns, thread_time_ns
from types import CodeType, FrameType
from typing import Any

from plopi.collector.interpreter import MAKER, interpreter_lister, is_free_threaded, may_have_others
from plopi.collector.native_threads import (
    COLLECTS_ANYWHERE,
    MAIN_THREAD,
    clock_of_thread,
    current_frames,
    hold_collections,
    main_ident,
    original,
)
from plopi.collector.stacks import Mark, Record, StackTable

MANY_THREADS = 8
"""Beyond so many threads, those that were still are looked at only when CPU time is unaccounted for."""
ALWAYS_LOOK = 16
"""... and once in so many samples anyway."""
STILL = 3
"""Looks without any CPU time after which a thread counts as still."""
GC_STRIDE = 8
STRETCHES = (8, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
"""After so many frames a mark is set ..."""
WORTH_A_MARK = 2 * 4
"""... if more than so many entries of the chain were read beyond it."""
LONG = 2 * STRETCHES[0] + WORTH_A_MARK
RESUMED = 0x20 | 0x80 | 0x200
"""``co_flags`` of generators, coroutines and asynchronous generators; ``inspect`` has the names, and is dear to import."""
MANY_TAKEN = 10_000
"""So many samples wait for the drain only where that is kept from its work, as by a disk that hangs. The rest are ``over``."""
READ_COST = 5
"""What a tick costs is read at one in so many, which stands for all; no divisor of the numbers that make some ticks dearer."""
LOOK_AROUND = 8
"""While the main thread seems alone, others (made by C code, and so not counted) are looked for at one tick in so many."""
READ_CLOCK = 4
"""A tick that comes on time is worth an interval; the CPU clock is read, to set that right, at one tick in so many."""
USUAL_NS = 200_000
"""What a sample costs at most unless the CPU clock says more."""
TOO_DEAR_NS = 20_000_000
ERRORS_IN_A_ROW = 3
OWN_ERRORS = (ArithmeticError, AttributeError, LookupError, MemoryError, NameError, OSError, RuntimeError, TypeError, ValueError)

_pthread_clock: Callable[[int], int] | None = getattr(time, "pthread_getcpuclockid", None)
_LINUX = sys.platform == "linux"


def thread_clock(s: Sampler, ident: int) -> int:
    """Id of a thread's CPU clock. A thread that ``sys._current_frames`` has listed may have ended since.

    So Linux is asked by the thread's number, where ``threading`` knows it: ``pthread_getcpuclockid`` looks into memory of the
    thread's own, which may be gone. The main thread's stays, and its number may be wrong after a fork.
    """
    thread = s.thread_names.get(ident)
    tid: int | None = None if thread is None or not _LINUX or ident == s.main else thread.native_id
    if tid:
        return clock_of_thread(tid)
    return time.CLOCK_PROCESS_CPUTIME_ID if _pthread_clock is None else _pthread_clock(ident)


class Sampler:
    """State of one sampling run. Plain attributes: the handler reads and writes them, nobody locks."""

    __slots__ = (  # noqa: RUF023  what the handler needs stands together
        "busy", "ticks", "has_room", "mine", "alone", "mixed", "credit", "interval_ns", "seen", "soon_ns", "stretches",
        "taken", "passes", "marks", "undelivered", "alarm", "deaf",
        "errors_in_a_row", "cost_ns", "interpreters", "helper", "main", "still_ns",
        "records", "process", "thread_names", "table", "which", "signum", "crowded", "by_helper", "skipped_full", "too_dear",
        "errors", "last_error", "wall_pass", "wall_process", "gc_began", "gc_young", "gc_record", "gc_clock", "hot", "gc_stride",
        "threads", "ident",
    )  # fmt: skip

    def __init__(self, table: StackTable, interval_ns: int, timer: tuple[int, int] | None, threads: bool, max_depth: int) -> None:
        self.table = table
        self.records = table.records
        self.taken = table.taken
        self.set_interval(interval_ns)
        self.which, self.signum = timer or (-1, -1)
        self.threads = threads
        self.alone = 1 if threads else sys.maxsize
        """So many threads besides the main one mean that it is alone: the helper."""
        self.stretches = stretches(max_depth)
        self.marks = sys.implementation.name == "cpython"
        self.main = main_ident()
        self.helper = -1
        self.ident: Callable[[], int] = original("get_ident")
        self.thread_names: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]
        self.interpreters = interpreter_lister()
        self.crowded = False
        self.has_room: Callable[[int], object] | None = None
        """Falsy: the application's wakeup descriptor is nearly full. See ``wakeup``."""
        self.busy = False
        self.undelivered: BaseException | None = None
        """What another handler raised where it could not be caught, see ``redelivery``."""
        self.alarm: Any = None
        self.deaf: tuple[CodeType, ...] = ()
        """Where nothing can be caught."""
        self.mixed = True
        self.hot: set[int] = set()
        """Threads that have moved of late: the only ones asked for their clock while there are many."""
        self.credit = self.process = self.seen = 0
        self.ticks = self.passes = self.by_helper = self.cost_ns = 0
        self.skipped_full = self.too_dear = False
        self.errors = self.errors_in_a_row = 0
        self.last_error: str | None = None
        self.wall_pass = time.monotonic_ns()
        self.wall_process = 0
        self.gc_began = self.gc_young = 0
        self.gc_record: Record | None = None
        self.gc_clock = thread_time_ns if timer else time.monotonic_ns
        self.gc_stride = 1
        for ident in () if is_free_threaded() or may_have_others(self.interpreters) else current_frames():
            with contextlib.suppress(OSError):  # it has just ended
                adopt(self, ident)
        self.mine = self.records.get(self.main) or adopt(self, self.main)

    def set_has_room(self, question: Callable[[int], object] | None) -> None:
        self.has_room = question

    def set_interval(self, interval_ns: int) -> None:
        self.interval_ns = interval_ns
        self.still_ns = interval_ns // 100
        self.soon_ns = interval_ns * 3 // 2


_sampler: Sampler | None = None
"""The one sampler of this process: the operating system gives a process one timer and one handler."""


def switch(sampler: Sampler | None) -> None:
    """Make ``sampler`` the one that ticks go to; None: ticks are ignored."""
    global _sampler
    _sampler = sampler


def stretches(max_depth: int) -> tuple[range, ...]:
    """How far to walk before each mark; ``max_depth`` frames together."""
    found: list[range] = []
    left = max_depth
    while left:
        found.append(range(min(left, STRETCHES[min(len(found), len(STRETCHES) - 1)])))
        left -= len(found[-1])
    return tuple(found)


def on_tick(signum: int, frame: FrameType | None) -> None:
    """The signal handler. ``signum`` 0: called by the helper thread because the handler did not run.

    Runs when the caches hold the application's data, so that every object it touches costs as much as ten bytecodes:
    the case of one thread is kept short.
    """
    s = _sampler
    if s is None or s.busy:
        return
    if s.undelivered is not None and signum:
        if frame is not None and frame.f_code in s.deaf:
            _ = s.alarm.raised
            return
        error, s.undelivered = s.undelivered, None
        raise error
    s.busy = True
    held = False
    try:
        begin = perf_counter_ns()
        cpu = 0
        if signum:
            s.ticks = ticks = s.ticks + 1
            if s.has_room is not None and not s.has_room(0):
                signal.setitimer(s.which, 0)
                s.skipped_full = True
                return
        else:
            ticks = 0
        mine = s.mine
        if ticks % LOOK_AROUND and thread_count() <= s.alone:
            if ticks % READ_CLOCK and begin - s.seen < s.soon_ns and not s.mixed:
                total = s.interval_ns  # on time: worth one interval, and the clock is read at one of the next ticks
                mine.cpu += total
            else:
                cpu = thread_time_ns()
                total = cpu - mine.cpu
                mine.cpu = cpu
            moved = [(mine, frame, total)]
        else:
            if s.interpreters is not None and (MAKER in modules or len(s.interpreters()) > 1):
                s.crowded = True
                frames: dict[int, FrameType] = {}
            elif signum and s.alone > 1:
                frames = {}
            else:
                if COLLECTS_ANYWHERE and gc.isenabled():
                    held = True
                    gc.disable()
                frames = sys._current_frames()
            frames.pop(s.helper, None)
            if s.alone > 1 and not signum:
                frames = {s.main: frames[s.main]}
            total = 0
            moved = []
            still = s.still_ns
            if signum:
                frames.pop(s.main, None)
                cpu = thread_time_ns()
                total = cpu - mine.cpu
                if total > still:
                    mine.cpu = cpu
                    moved.append((mine, frame, total))
                else:
                    total = 0
            records = s.records
            many = len(frames) > MANY_THREADS
            for sweep in (False, True) if many else (False,):
                if sweep:
                    process = process_time_ns()
                    s.process += total
                    if process - s.process < still and s.passes % ALWAYS_LOOK:
                        break
                    s.process = process
                for ident in frames if sweep or not many else tuple(s.hot):
                    innermost = frames.get(ident)
                    if innermost is None:
                        continue
                    record = records.get(ident)
                    now = -1
                    if record is not None:
                        if sweep and ident in s.hot:
                            continue
                        try:
                            now = clock_gettime_ns(record.clock)
                        except OSError:
                            pass  # that thread is gone, another has its ident
                    if record is None or now < 0:
                        record = Record()
                        record.ident = ident
                        thread = s.thread_names.get(ident)
                        try:
                            record.clock = thread_clock(s, ident)
                            now = clock_gettime_ns(record.clock)
                        except (OSError, RecursionError):
                            continue  # it has just ended; or the application is at its limit, and one of the next ticks will do
                        record.cpu = record.wall_cpu = record.quiet = record.gc_time = record.gc_debt = 0
                        record.wall = s.wall_pass
                        record.cell = record.overflow = None
                        record.over = 0
                        record.cells = {}
                        record.thread = -1
                        record.tid = None if thread is None else thread._native_id  # type: ignore[attr-defined]
                        record.name = "" if thread is None else thread._name  # type: ignore[attr-defined]
                        records[ident] = record
                    used = now - record.cpu
                    if used > still:
                        record.cpu = now
                        record.quiet = 0
                        s.hot.add(ident)
                        moved.append((record, innermost, used))
                        total += used
                    else:
                        record.quiet += 1
                        if record.quiet >= STILL:
                            s.hot.discard(ident)

        # what the pending ticks are worth
        worth = total
        if not ticks:
            s.mixed = True
            s.by_helper += 1
        elif s.mixed:
            s.mixed = False
        elif cpu and len(moved) == 1 and moved[0][0] is mine:
            s.credit += total
            worth = s.credit // s.interval_ns * s.interval_ns
            if worth <= 0:
                worth = s.interval_ns if s.credit > -s.interval_ns else 0
            s.credit -= worth
        elif s.credit and cpu and total and moved[0][0] is mine:  # ticks say little of which thread they fell into: settle up
            worth = moved[0][2] + s.credit
            if worth >= 0:
                moved[0] = (mine, frame, worth)
                total += s.credit
                s.credit = 0
            worth = total
        s.seen = begin

        taken = s.taken
        top: Any
        mark: Any
        for record, top, used in moved:
            weight = worth if used == total else used * worth // total if total else worth
            if record.gc_debt:
                debt = record.gc_debt if record.gc_debt < weight else weight
                record.gc_debt -= debt
                weight -= debt
            if record is s.gc_record:
                record.gc_debt -= weight  # the collector is at work: its callback files this time, what is over goes to the next
                continue
            if len(taken) > MANY_TAKEN:
                record.over += weight
                continue
            chain: list[CodeType | int] = []  # code object and position by turns, leaf first
            spots = []
            mark = None
            for stretch in s.stretches:
                for _ in stretch:
                    mark = top.f_trace
                    if mark is not None:
                        if mark.__class__ is Mark:
                            chain.append(top.f_code)
                            chain.append(top.f_lasti)
                            break
                        mark = None
                    chain.append(top.f_code)
                    chain.append(top.f_lasti)
                    top = top.f_back
                    if top is None:
                        break
                else:
                    spots.append((len(chain), top))
                    continue
                break
            cut = mark is None and top is not None
            taken.append((record, weight, 0, chain, mark, cut, False))
            if len(chain) > LONG and s.marks and signum and not cut and sys.gettrace() is None:
                end = len(chain)
                for at, top in reversed(spots):
                    if end - at > WORTH_A_MARK and not top.f_code.co_flags & RESUMED and top.f_trace is None:
                        further, mark = mark, Mark()
                        mark.chain = chain[at + 2 : end]
                        mark.further = further
                        mark.depth = (end - at) // 2 - 1 + (further.depth if further is not None else 0)
                        mark.trie = None
                        top.f_trace = mark
                        end = at + 2
        s.passes += 1
        s.errors_in_a_row = 0
        if ticks and not ticks % READ_COST:
            cost = perf_counter_ns() - begin
            if cost > USUAL_NS:  # dear, or another program was let in
                cost = thread_time_ns() - cpu if cpu else USUAL_NS
                if cost > TOO_DEAR_NS:
                    signal.setitimer(s.which, 0)
                    s.too_dear = True
            cost *= READ_COST
            mine.cpu += cost  # these samples are not the application's doing
            s.cost_ns += cost
    except OWN_ERRORS as error:
        trace = error.__traceback__
        if trace is not None and trace.tb_next is not None:
            raise  # somebody else's signal handler, interrupting this one
        s.errors += 1
        s.errors_in_a_row += 1
        s.last_error = repr(error)
        if s.errors_in_a_row >= ERRORS_IN_A_ROW and signum:
            signal.setitimer(s.which, 0)
    finally:
        if held:
            gc.enable()
        s.busy = False


def adopt(s: Sampler, ident: int, cpu: int | None = None) -> Record:
    """A record for a thread that is seen for the first time; its CPU time counts from ``cpu`` (None: from now on)."""
    record = Record()
    record.ident = ident
    record.clock = thread_clock(s, ident)
    record.cpu = record.wall_cpu = clock_gettime_ns(record.clock) if cpu is None else cpu
    record.wall = s.wall_pass
    record.quiet = record.gc_time = record.gc_debt = 0
    record.cell = record.overflow = None
    record.over = 0
    record.cells = {}
    record.thread = -1
    thread = s.thread_names.get(ident)
    record.tid = None if thread is None else thread.native_id
    record.name = (MAIN_THREAD if ident == s.main else "") if thread is None else thread.name
    s.records[ident] = record
    return record


def chain_of(s: Sampler, frame: FrameType) -> tuple[list[CodeType | int], None, bool]:
    """The stack as ``on_tick`` takes it down, without marks, and whether frames towards the root are missing."""
    walked: FrameType | None = frame
    held = hold_collections()
    try:
        chain: list[CodeType | int] = []
        for stretch in s.stretches:
            for _ in stretch:
                if walked is None:
                    break
                chain += (walked.f_code, walked.f_lasti)
                walked = walked.f_back
        return chain, None, walked is not None
    finally:
        if held:
            gc.enable()


def remove_marks(s: Sampler | None) -> None:
    """From the frames of all threads that may be looked at. Those of suspended greenlets keep theirs, which do nothing."""
    others = s is not None and not is_free_threaded() and not may_have_others(s.interpreters)
    frame: FrameType | None
    held = hold_collections()
    try:
        for frame in sys._current_frames().values() if others else (sys._getframe(),):
            while frame is not None:
                if frame.f_trace.__class__ is Mark:
                    frame.f_trace = None
                frame = frame.f_back
    finally:
        if held:
            gc.enable()


def sample_wall(s: Sampler) -> None:
    """One look at all threads by wall time, on the helper thread.

    A thread whose CPU clock stands still has not moved: the time goes to the stack it was last seen in, which is not walked
    again. Among many threads the still ones are not even asked, and get their time when they move or when ``settle_wall`` runs.
    """
    now = time.monotonic_ns()
    if may_have_others(s.interpreters):
        s.crowded = True
        return
    known = set(s.records)
    frames = current_frames()
    _forget(s, known - frames.keys())
    frames.pop(s.helper, None)
    if not s.threads:
        frames = {s.main: frames[s.main]} if s.main in frames else {}
    many = len(frames) > MANY_THREADS
    process = process_time_ns() - time.thread_time_ns() if many else 0
    spent = 0
    for sweep in (False, True) if many else (False,):
        if sweep:
            unexplained = process - s.wall_process - spent
            s.wall_process += spent
            if unexplained < s.still_ns and s.passes % ALWAYS_LOOK:
                break
            s.wall_process = process
        for ident, top in frames.items():
            record = s.records.get(ident)
            if record is not None and _is_of_another(s, record):
                _forget(s, {ident})
                record = None
            if record is None:
                try:
                    record = adopt(s, ident, 0)
                except OSError:
                    continue  # it has just ended
            elif many and (record.quiet >= STILL) is not sweep:
                continue
            spent += _look(s, record, top, now)
    s.wall_pass = now
    s.passes += 1
    s.by_helper += 1


def _look(s: Sampler, record: Record, top: FrameType, now: int) -> int:
    """Wall time of one thread; returns the CPU time it used since the last look."""
    try:
        cpu = clock_gettime_ns(record.clock)
    except OSError:  # that thread has ended; another that has its ident is found by the next look
        _forget(s, {record.ident})
        return 0
    used = cpu - record.wall_cpu
    if record.cell is not None and not used:
        record.quiet += 1
        if now > record.wall:
            s.table.add(record, record.cell, max(1, round((now - record.wall) / s.interval_ns)), 0, now - record.wall)
    else:
        _settle(s, record)
        record.quiet = 0
        record.cell = s.table.cell(record, *chain_of(s, top))
        s.table.add(record, record.cell, 1, 0, _elapsed(s, record, now))
    record.wall, record.wall_cpu = now, cpu
    return used


def _settle(s: Sampler, record: Record) -> None:
    """File the time for which a still thread was not asked."""
    if record.cell is not None and s.wall_pass > record.wall:
        since = s.wall_pass - record.wall
        s.table.add(record, record.cell, max(1, round(since / s.interval_ns)), 0, since)
        record.wall = s.wall_pass


def settle_wall(s: Sampler) -> None:
    """Give every still thread its time up to the last look."""
    for record in list(s.records.values()):
        _settle(s, record)


def _forget(s: Sampler, ended: set[int]) -> None:
    """At the last look they were there: what has passed since then is nobody's."""
    for ident in ended:
        record = s.records.pop(ident, None)
        if record is not None:
            _settle(s, record)


def _is_of_another(s: Sampler, record: Record) -> bool:
    """A new thread gets the ``ident`` of one that has ended, often at once; the kernel's numbers come back late."""
    thread = s.thread_names.get(record.ident)
    tid = None if thread is None else thread.native_id
    if record.tid is None:
        record.tid = tid
    return tid is not None and tid != record.tid


def on_gc(phase: str, info: dict[str, int]) -> None:
    """``gc.callbacks`` entry: time in the cyclic garbage collector, filed under whoever triggered it once it makes an interval.

    The youngest generation is collected so often that reading the clock each time would be felt: one in ``GC_STRIDE`` stands
    for all.
    """
    s = _sampler
    if s is None:
        return
    if phase == "start":
        s.gc_record = s.records.get(s.ident())
        s.gc_stride = 1
        if not info["generation"]:
            s.gc_young += 1
            if s.gc_young % GC_STRIDE:
                s.gc_stride = 0
                return
            s.gc_stride = GC_STRIDE
        s.gc_began = s.gc_clock()
        return
    record = s.gc_record
    s.gc_record = None
    if record is None or not s.gc_stride:
        return
    record.gc_time += (s.gc_clock() - s.gc_began) * s.gc_stride
    if record.gc_time >= s.interval_ns:
        _file_gc(s, record, sys._getframe(1))


def _file_gc(s: Sampler, record: Record, trigger: FrameType) -> None:
    weight = record.gc_time
    record.gc_time = 0
    record.gc_debt += weight
    cpu, wall = (weight, 0) if s.which >= 0 else (0, weight)
    s.taken.append((record, cpu, wall, *chain_of(s, trigger), True))


def _elapsed(s: Sampler, record: Record, now: int) -> int:
    """Wall time since the last look, less what is filed as garbage collection where wall time is all there is."""
    elapsed = now - record.wall
    if s.which >= 0:
        return elapsed
    owed = elapsed if record is s.gc_record else min(record.gc_debt, elapsed)
    record.gc_debt -= owed
    return elapsed - owed
