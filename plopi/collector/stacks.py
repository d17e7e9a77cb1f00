"""The bounded table of stacks and weights.

Sampling adds to *cells*: one per thread and distinct stack. A cell whose count leaves zero is put on the ``dirty`` queue;
draining
takes cells from that queue and moves their weights into a ``ProfileBuilder``. Adding and taking are straight lines of bytecode
without a call between read and write, so neither side needs a lock: the signal handler may interrupt the drain anywhere.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from pathlib import Path
from types import CodeType
from typing import Any

from plopi.model import GC_FUNCTION, NONE, TRUNCATED_FUNCTION, ProfileBuilder

COLLECTOR_DIRECTORY = str(Path(__file__).parent) + "/"
MAX_THREADS = 1000
"""Distinct (name, ident) pairs that a profile keeps apart."""
OTHER_THREADS = "other threads"


class Cell:
    """Weights of one stack in one thread since the last drain. ``chain``: code object and position by turns, leaf first.

    Made in a signal handler, where no Python function may be called: hence no ``__init__``.
    """

    __slots__ = ("chain", "count", "cpu", "cut", "gc", "record", "stack", "wall")
    count: int
    cpu: int
    wall: int
    record: Record
    chain: list[CodeType | int]
    gc: bool
    """The garbage collector ran on behalf of the leaf."""
    cut: bool
    """Frames towards the root are missing."""
    stack: int | None
    """Row in the builder; ``NONE``: nothing but plopi's own frames; None: not looked up yet."""


class Record:
    """What is known of one thread. Times are nanoseconds of the clock that the name says. No ``__init__``: see ``Cell``."""

    __slots__ = (
        "born",
        "buckets",
        "cell",
        "clock",
        "cpu",
        "gc_debt",
        "gc_time",
        "ident",
        "name",
        "overflow",
        "quiet",
        "thread",
        "wall",
        "wall_cpu",
    )
    ident: int
    name: str
    clock: int
    """Id of the thread's CPU clock."""
    cpu: int
    """CPU clock at the last CPU sample."""
    wall: int
    """Monotonic clock up to which wall time was filed."""
    wall_cpu: int
    """CPU clock at the last wall look."""
    cell: Cell | None
    """Where the thread was last seen by a wall look."""
    quiet: int
    """Looks in a row at which the CPU clock had not moved."""
    gc_time: int
    """Time in the garbage collector that was not filed yet."""
    gc_debt: int
    """Time filed under the garbage collector that the next samples must leave out."""
    buckets: dict[tuple[object, ...], list[Cell]]
    overflow: Cell | None
    thread: int
    """Row in the builder, or -1."""


class StackTable:
    """Cells of all threads; bounded by ``max_stacks``."""

    def __init__(self, max_stacks: int) -> None:
        self.max_stacks = max_stacks
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.dirty: list[Cell] = []
        self.records: dict[int, Record] = {}
        self.cells = 0
        self.truncated = 0
        self._locations: dict[tuple[CodeType, int], int] = {}
        self._lines: dict[int, tuple[CodeType, list[int], list[int]]] = {}
        self._threads: set[int] = set()
        self._stacks: set[int] = set()

    # -- drain ------------------------------------------------------------------------------------------------------------------

    def drain(self, rows: ProfileBuilder, window: int) -> int:
        """Move all weights into ``rows`` under ``window``; returns the number of samples moved."""
        moved = 0
        dirty = self.dirty
        columns = [sample_type.name for sample_type in rows.sample_types]
        for _ in range(len(dirty)):
            cell = dirty.pop()
            count, cpu, wall = cell.count, cell.cpu, cell.wall
            cell.count = cell.cpu = cell.wall = 0
            if cell.stack is None:
                cell.stack = self._intern(rows, cell)
            if cell.stack == NONE:
                continue
            values = {"samples": count, "cpu": cpu, "wall": wall}
            rows.add_sample(cell.stack, [values[name] for name in columns], self._thread(rows, cell.record), window)
            moved += count
        if self.cells >= self.max_stacks:
            self._begin_anew()
        return moved

    def _begin_anew(self) -> None:
        """Let go of cells, and of the code objects they keep alive: the rows drained so far hold the names."""
        for record in list(self.records.values()):
            record.buckets = {}
        self.cells = 0
        self._locations.clear()
        self._lines.clear()

    def _thread(self, rows: ProfileBuilder, record: Record) -> int:
        live = threading._active.get(record.ident)  # type: ignore[attr-defined]
        name = live.name if live is not None and record.thread < 0 else record.name
        if record.thread < 0 or name != record.name:
            record.name = name
            if len(self._threads) >= MAX_THREADS:
                record.thread = rows.thread_id(OTHER_THREADS)
            else:
                record.thread = rows.thread_id(name, record.ident)
                self._threads.add(record.thread)
        return record.thread

    def _intern(self, rows: ProfileBuilder, cell: Cell) -> int:
        """The stack of a cell in the builder's tables, without plopi's own frames; NONE where nothing else is left."""
        if not cell.chain:
            return self._truncated(rows)
        chain = own_frames_removed(cell.chain)
        if not chain:
            return NONE
        stack = rows.stack_id(NONE, self._mark(rows, TRUNCATED_FUNCTION)) if cell.cut else NONE
        for code, lasti in chain:
            stack = rows.stack_id(stack, self._location(rows, code, lasti))
        if cell.gc:
            stack = rows.stack_id(stack, self._mark(rows, GC_FUNCTION))
        if stack not in self._stacks:
            if len(self._stacks) >= self.max_stacks:
                return self._truncated(rows)
            self._stacks.add(stack)
        return stack

    def _truncated(self, rows: ProfileBuilder) -> int:
        return rows.stack_id(NONE, self._mark(rows, TRUNCATED_FUNCTION))

    @staticmethod
    def _mark(rows: ProfileBuilder, name: str) -> int:
        return rows.location_id(rows.function_id(name, "", 0), 0)

    def _location(self, rows: ProfileBuilder, code: CodeType, lasti: int) -> int:
        starts, lines = self._line_table(code)
        at = bisect_right(starts, lasti) - 1
        line = lines[at] if at >= 0 else code.co_firstlineno
        name = getattr(code, "co_qualname", code.co_name)
        return rows.location_id(rows.function_id(name, code.co_filename, code.co_firstlineno), line)

    def _line_table(self, code: CodeType) -> tuple[list[int], list[int]]:
        known = self._lines.get(id(code))
        if known is None:
            starts, lines, last = [], [], code.co_firstlineno
            for start, _, line in code.co_lines():
                last = line if line is not None else last
                starts.append(start)
                lines.append(last)
            known = self._lines[id(code)] = (code, starts, lines)
        return known[1], known[2]


PASSES_ON = {
    COLLECTOR_DIRECTORY + name
    for name in ("__main__.py", "launch.py", "scope.py", "walk.py", "control/cli.py", "control/wsgi.py", "control/asgi.py")
}
"""plopi's modules that call the application; what others of its modules call is plopi's own work."""


def own_frames_removed(leaf_first: list[Any]) -> list[tuple[CodeType, int]]:
    """Root-first chain of what the application called: plopi's frames are out, and so is what runs a script at the root.

    Empty where plopi itself was at work: writing a recording, answering a request.
    """
    chain = list(zip(leaf_first[::2], leaf_first[1::2]))[::-1]
    own = [code.co_filename.startswith(COLLECTOR_DIRECTORY) for code, _ in chain]
    if not any(own):
        return chain
    innermost = max(at for at, mine in enumerate(own) if mine)
    if chain[innermost][0].co_filename not in PASSES_ON:
        return []
    begin = 0
    for at, (code, _) in enumerate(chain):
        if not (own[at] or _is_runner(code)):
            break
        begin = at + 1
    if not any(own[:begin]):
        begin = 0
    return [entry for entry, mine in zip(chain[begin:], own[begin:]) if not mine]


def _is_runner(code: CodeType) -> bool:
    return code.co_filename == "<frozen runpy>" or code.co_filename.endswith("/runpy.py")
