"""The bounded table of stacks and weights.

A signal handler appends what it has seen to ``taken``. The drain files each under its *cell*, one per thread and distinct stack,
and moves the weights of the cells that were added to into a ``ProfileBuilder``. Stacks are kept as a trie of *nodes*, root
first: a node is the function and position below another.
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
ROOT, CUT, OVER = 0, 1, -1
"""Nodes: below nothing, below frames that are missing, and of what is truncated."""

Chain = list[Any]
"""Code object and position by turns, leaf first."""


class Mark:
    """What lies below a frame: set by the handler, see ``walk``. No ``__init__``: see ``Record``."""

    __slots__ = ("chain", "depth", "further", "node", "trie")
    chain: Chain
    """The frames between the marked one and the next mark, or all."""
    further: Mark | None
    depth: int
    """Frames below the marked one."""
    trie: object
    """The one that ``node`` is in."""
    node: int

    def __call__(self, *event: object) -> Mark:
        """What the interpreter calls for the frame if tracing begins during the call."""
        return self

    def __bool__(self) -> bool:
        """For debuggers, which trace a frame from now on ``if not frame.f_trace`` (``bdb`` up to 3.12)."""
        return False


class Cell:
    """Weights of one stack in one thread since the last drain. Whose they are it does not know: thread and cell would be a
    cycle, which a program that looks for garbage would find once the thread has ended."""

    __slots__ = ("count", "cpu", "gc", "node", "stack", "wall")

    def __init__(self, node: int, gc: bool) -> None:
        self.node = node
        self.gc = gc
        """The garbage collector ran on behalf of the leaf."""
        self.count = self.cpu = self.wall = 0
        self.stack: int | None = None
        """Row in the builder; ``NONE``: nothing but plopi's own frames; None: not looked up yet."""


class Record:
    """What is known of one thread. Times are nanoseconds of the clock that the name says.

    Made in a signal handler, where no Python function may be called: hence no ``__init__``.
    """

    __slots__ = (
        "born",
        "cell",
        "cells",
        "clock",
        "cpu",
        "gc_debt",
        "gc_time",
        "ident",
        "name",
        "over",
        "overflow",
        "quiet",
        "thread",
        "tid",
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
    cells: dict[tuple[int, bool], Cell]
    """By node, and whether the garbage collector ran."""
    over: int
    """CPU time that was not taken down because too much was waiting."""
    overflow: Cell | None
    thread: int
    """Row in the builder, or -1."""
    tid: int | None
    """The kernel's number, where ``threading`` knows it."""


class StackTable:
    """Cells of all threads; bounded by ``max_stacks``."""

    def __init__(self, max_stacks: int, max_depth: int) -> None:
        self.max_stacks, self.max_depth = max_stacks, max_depth
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.taken: list[tuple[Record, int, int, Chain, Mark | None, bool, bool]] = []
        """Samples to be filed: thread, CPU and wall time, the frames down to a mark, whether frames towards the root are missing,
        whether the garbage collector ran."""
        self.dirty: list[tuple[Record, Cell]] = []
        self.records: dict[int, Record] = {}
        self.cells = 0
        self.truncated = 0
        self._locations: dict[tuple[CodeType, int], int] = {}
        self._lines: dict[int, tuple[CodeType, list[int], list[int]]] = {}
        self._clear_nodes()
        self._threads: set[int] = set()
        self._stacks: set[int] = set()

    def _clear_nodes(self) -> None:
        self._nodes: dict[tuple[int, int, int], int] = {}
        """By parent, identity of the code object, and position."""
        self._parents = [ROOT, CUT]
        self._frames: list[tuple[Any, int]] = [(None, 0), (None, 0)]
        self._codes: dict[tuple[CodeType, str, str], CodeType] = {}
        """Of code objects that are equal in all that is shown, the one in the trie: code that is made again is no new stack."""
        self._trie = object()

    @property
    def is_empty(self) -> bool:
        """Nothing to be drained."""
        return not (self.taken or self.dirty)

    # -- filing -----------------------------------------------------------------------------------------------------------------

    def file(self) -> None:
        """Add the samples that were taken down to their cells."""
        taken = self.taken
        while taken:
            record, cpu, wall, chain, mark, cut, in_gc = taken.pop()
            self.add(record, self.cell(record, chain, mark, cut, in_gc), 1, cpu, wall)
        for record in list(self.records.values()):
            if record.over:
                weight = record.over
                record.over -= weight
                self.add(record, self._overflow(record), 1, weight, 0)

    def add(self, record: Record, cell: Cell, count: int, cpu: int, wall: int) -> None:
        if not cell.count:
            self.dirty.append((record, cell))
        cell.count += count
        cell.cpu += cpu
        cell.wall += wall

    def cell(self, record: Record, chain: Chain, mark: Mark | None, cut: bool, in_gc: bool = False) -> Cell:
        """The cell of a thread's stack, made if need be; the one of what is truncated where there are too many."""
        full = self.cells >= self.max_stacks
        node = self._node_of(chain, mark, cut, not full)
        cell = record.cells.get((node, in_gc))
        if cell is not None:
            return cell
        if full:
            return self._overflow(record)
        self.cells += 1
        cell = record.cells[node, in_gc] = Cell(node, in_gc)
        return cell

    def _overflow(self, record: Record) -> Cell:
        self.truncated += 1
        if record.overflow is None:
            record.overflow = Cell(OVER, False)
        return record.overflow

    def _node_of(self, chain: Chain, mark: Mark | None, cut: bool, make: bool) -> int:
        """The node of a whole stack; ``OVER`` where there is none and none may be made."""
        if mark is not None and len(chain) // 2 + mark.depth > self.max_depth:
            chain, mark, cut = self._without_marks(chain, mark), None, True
        node = CUT if cut else ROOT if mark is None else self._node_of_mark(mark, make)
        for at in range(len(chain) - 2, -1, -2):
            if node == OVER:
                break
            node = self._nodes.get((node, id(chain[at]), chain[at + 1])) or self._node(node, chain[at], chain[at + 1], make)
        return node

    def _node_of_mark(self, mark: Mark, make: bool) -> int:
        if mark.trie is not self._trie:
            node = self._node_of(mark.chain, mark.further, False, make)
            if node == OVER:
                return OVER
            mark.trie, mark.node = self._trie, node
        return mark.node

    def _without_marks(self, chain: Chain, mark: Mark | None) -> Chain:
        whole = [*chain]
        while mark is not None:
            whole += mark.chain
            mark = mark.further
        return whole[: 2 * self.max_depth]

    def _node(self, parent: int, code: CodeType, lasti: int, make: bool) -> int:
        """The node of a code object that may be a double of one in the trie."""
        names = (code, code.co_filename, getattr(code, "co_qualname", code.co_name))
        code = self._codes.setdefault(names, code) if make else self._codes.get(names, code)
        key = (parent, id(code), lasti)
        node = self._nodes.get(key, OVER)
        if node == OVER and make:
            node = self._nodes[key] = len(self._parents)
            self._parents.append(parent)
            self._frames.append((code, lasti))
        return node

    def _chain(self, node: int) -> tuple[list[tuple[CodeType, int]], bool]:
        """Root first, and whether frames towards the root are missing."""
        chain = []
        while node > CUT:
            chain.append(self._frames[node])
            node = self._parents[node]
        return chain[::-1], node == CUT

    # -- drain ------------------------------------------------------------------------------------------------------------------

    def drain(self, rows: ProfileBuilder, window: int) -> int:
        """Move all weights into ``rows`` under ``window``; returns the number of samples moved."""
        self.file()
        moved = 0
        dirty = self.dirty
        columns = [sample_type.name for sample_type in rows.sample_types]
        for _ in range(len(dirty)):
            record, cell = dirty.pop()
            count, cpu, wall = cell.count, cell.cpu, cell.wall
            cell.count = cell.cpu = cell.wall = 0
            if cell.stack is None:
                cell.stack = self._intern(rows, cell)
            if cell.stack == NONE:
                continue
            values = {"samples": count, "cpu": cpu, "wall": wall}
            rows.add_sample(cell.stack, [values[name] for name in columns], self._thread(rows, record), window)
            moved += count
        if self.cells >= self.max_stacks:
            self._begin_anew()
        return moved

    def _begin_anew(self) -> None:
        """Let go of cells, and of the code objects they keep alive: the rows drained so far hold the names."""
        for record in list(self.records.values()):
            record.cells = {}
        self.cells = 0
        self._clear_nodes()
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
        if cell.node == OVER:
            return self._truncated(rows)
        whole, cut = self._chain(cell.node)
        chain = own_frames_removed(whole)
        if not chain:
            return NONE
        stack = self._truncated(rows) if cut else NONE
        for code, lasti in chain:
            stack = rows.stack_id(stack, self._location(rows, code, lasti))
        if cell.gc:
            stack = rows.stack_id(stack, self._special(rows, GC_FUNCTION))
        if stack not in self._stacks:
            if len(self._stacks) >= self.max_stacks:
                return self._truncated(rows)
            self._stacks.add(stack)
        return stack

    def _truncated(self, rows: ProfileBuilder) -> int:
        return rows.stack_id(NONE, self._special(rows, TRUNCATED_FUNCTION))

    @staticmethod
    def _special(rows: ProfileBuilder, name: str) -> int:
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


def own_frames_removed(chain: list[tuple[CodeType, int]]) -> list[tuple[CodeType, int]]:
    """Of a root-first chain, what the application called: plopi's frames are out, and so is what runs a script at the root.

    Empty where plopi itself was at work: writing a recording, answering a request.
    """
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
