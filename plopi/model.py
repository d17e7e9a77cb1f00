"""The model: a profile as columns.

A ``Profile`` is immutable by convention and made of parallel columns (``array.array`` here, read-only numpy views in the viewer).
Ids are row numbers. ``NONE`` (-1) stands for "no row". Two shapes exist, and no code may pretend one is the other:

* ``STACKS``: a sampled profile. Samples point into a trie of stacks whose parent id is smaller than the child's.
* ``CALLS``: a pstats dump. It knows totals of functions and of caller -> callee edges, but no stacks.

Standard library only: the collector builds these inside other people's processes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

NONE = -1
"""The id that means "no row": the parent of a root, an unknown thread or window."""

Shape = Literal["stacks", "calls"]
STACKS: Shape = "stacks"
CALLS: Shape = "calls"

GC_FUNCTION = "<gc>"
"""Name of the leaf under which time spent in the cyclic garbage collector is filed (file ``""``, line 0)."""
TRUNCATED_FUNCTION = "<truncated>"
"""Name of the root above a stack that was cut, and of the stack that takes what exceeds a bound (file ``""``, line 0)."""

Column = Sequence[int]
"""Signed integers by row number: ``array('q')``, ``array('i')`` or a numpy view of one."""


@dataclass(frozen=True)
class SampleType:
    """What a weight counts, e.g. ``SampleType("cpu", "nanoseconds")``."""

    name: str
    unit: str


SAMPLES = SampleType("samples", "count")
CPU = SampleType("cpu", "nanoseconds")
WALL = SampleType("wall", "nanoseconds")
NATIVE = SampleType("native", "nanoseconds")
"""The part of ``cpu`` in which the leaf's function was inside native code that it had called."""
TIME = SampleType("time", "nanoseconds")
"""The time of a pstats dump: whatever clock its profiler was given."""


@dataclass(frozen=True)
class About:
    """What is known of how a profile was made; None, "" or () where the file does not tell."""

    command: str = ""
    host: str = ""
    pid: int | None = None
    python: str = ""
    engine: str = ""
    mode: str = ""
    started_ns: int | None = None
    """Start, nanoseconds since the epoch (wall clock, read once)."""
    duration_ns: int | None = None
    """Length by the monotonic clock."""
    period_ns: int | None = None
    """Interval asked of the timer."""
    own_cost_ns: int | None = None
    """CPU time that plopi itself took in the process."""
    process_cpu_ns: int | None = None
    """CPU time of the whole process while it was profiled."""
    ticks: int | None = None
    """Ticks that led to a sample."""
    ticks_lost: int | None = None
    """Ticks that the clock promised and nobody handled."""
    complete: bool = True
    """False while (or because) the recording was never finished."""
    process_start: str = ""
    """Start time of the process in the kernel's words (field 22 of /proc/PID/stat): tells a pid from its reuse."""
    notes: tuple[str, ...] = ()
    """Sentences a reader of the numbers should know, e.g. "timer refused: EINVAL; sampled from a thread"."""


@dataclass(frozen=True)
class Functions:
    """A function is its file, qualified name and first line; ``name`` and ``file`` are ids of strings."""

    name: Column
    file: Column
    line: Column

    def __len__(self) -> int:
        return len(self.name)


@dataclass(frozen=True)
class Locations:
    """A location is a function at a current line (0: unknown)."""

    function: Column
    line: Column

    def __len__(self) -> int:
        return len(self.function)


@dataclass(frozen=True)
class Stacks:
    """The trie of stacks: row = node; ``parent`` (NONE for a root) is smaller than the row's own id."""

    parent: Column
    location: Column

    def __len__(self) -> int:
        return len(self.parent)


@dataclass(frozen=True)
class Threads:
    """``name`` is a string id, ``ident`` the system's thread id (0: unknown)."""

    name: Column
    ident: Column

    def __len__(self) -> int:
        return len(self.name)


@dataclass(frozen=True)
class Windows:
    """Stretches of time: ``start`` after the profile's start and ``length``, both nanoseconds."""

    start: Column
    length: Column

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True)
class Samples:
    """Weights by (stack, thread, window); rows with equal keys may recur and then add up. One weight column per sample type."""

    stack: Column
    thread: Column
    window: Column
    weights: tuple[Column, ...]

    def __len__(self) -> int:
        return len(self.stack)


@dataclass(frozen=True)
class Calls:
    """What a pstats dump knows. The first four columns run parallel to ``Functions``, the edge columns to each other.

    ``self`` (pstats: tottime) and ``cum`` (cumtime) are nanoseconds; ``calls`` counts all calls, ``primitive`` those that
    are not recursive.
    An edge's numbers are those of its callee when called by its caller.
    """

    calls: Column
    primitive: Column
    self: Column
    cum: Column
    caller: Column
    callee: Column
    edge_calls: Column
    edge_primitive: Column
    edge_self: Column
    edge_cum: Column


@dataclass(frozen=True)
class Profile:
    """One file's content. Exactly one of (``stacks`` with ``samples``) and ``calls`` holds rows, as ``shape`` says."""

    shape: Shape
    sample_types: tuple[SampleType, ...]
    strings: Sequence[str]
    functions: Functions
    locations: Locations
    stacks: Stacks
    threads: Threads
    windows: Windows
    samples: Samples
    calls: Calls | None
    about: About

    def function_name(self, function: int) -> str:
        return self.strings[self.functions.name[function]]

    def function_file(self, function: int) -> str:
        return self.strings[self.functions.file[function]]

    def thread_name(self, thread: int) -> str:
        return self.strings[self.threads.name[thread]]


@dataclass(frozen=True)
class Cursor:
    """How many rows of each table somebody has already seen. ``epoch`` changes when rows were rewritten: begin anew then."""

    epoch: int = 0
    strings: int = 0
    functions: int = 0
    locations: int = 0
    stacks: int = 0
    threads: int = 0
    windows: int = 0
    samples: int = 0


TEXT_BYTES = 4096
"""Of a name or the command, as long as a path can be on Linux: what the readers of all formats take in."""


def bounded(text: str) -> str:
    """``text``, without its middle where it is longer than that."""
    raw, half = text.encode("utf-8", "backslashreplace"), TEXT_BYTES // 2 - 8
    first, last = raw[:half].decode(errors="ignore"), raw[-half:].decode(errors="ignore")
    return text if len(raw) <= TEXT_BYTES else f"{first} [...] {last}"


def _ints() -> array[int]:
    return array("q")


@dataclass
class ProfileBuilder:
    """Grows a STACKS profile row by row; every ``*_id`` method returns the existing row where there is one.

    Tables only grow (see ``Cursor``) until ``coarsen`` starts a new epoch. Not thread-safe: one owner at a time.
    """

    sample_types: tuple[SampleType, ...]
    about: About = field(default_factory=About)

    def __post_init__(self) -> None:
        self.epoch = 0
        self.strings: list[str] = []
        self._string_ids: dict[str, int] = {}
        self.function_name, self.function_file, self.function_line = _ints(), _ints(), _ints()
        self._function_ids: dict[tuple[int, int, int], int] = {}
        self.location_function, self.location_line = _ints(), _ints()
        self._location_ids: dict[tuple[int, int], int] = {}
        self.stack_parent, self.stack_location = _ints(), _ints()
        self._stack_ids: dict[tuple[int, int], int] = {}
        self.thread_name, self.thread_ident = _ints(), _ints()
        self._thread_ids: dict[tuple[int, int], int] = {}
        self.window_start, self.window_length = _ints(), _ints()
        self.sample_stack, self.sample_thread, self.sample_window = _ints(), _ints(), _ints()
        self.sample_weights: tuple[array[int], ...] = tuple(_ints() for _ in self.sample_types)

    def string_id(self, text: str) -> int:
        text = bounded(text)
        known = self._string_ids.get(text)
        if known is None:
            known = self._string_ids[text] = len(self.strings)
            self.strings.append(text)
        return known

    def function_id(self, name: str, file: str, line: int) -> int:
        key = (self.string_id(name), self.string_id(file), line)
        known = self._function_ids.get(key)
        if known is None:
            known = self._function_ids[key] = len(self.function_name)
            self.function_name.append(key[0])
            self.function_file.append(key[1])
            self.function_line.append(line)
        return known

    def location_id(self, function: int, line: int) -> int:
        key = (function, line)
        known = self._location_ids.get(key)
        if known is None:
            known = self._location_ids[key] = len(self.location_function)
            self.location_function.append(function)
            self.location_line.append(line)
        return known

    def stack_id(self, parent: int, location: int) -> int:
        key = (parent, location)
        known = self._stack_ids.get(key)
        if known is None:
            known = self._stack_ids[key] = len(self.stack_parent)
            self.stack_parent.append(parent)
            self.stack_location.append(location)
        return known

    def stack_of(self, locations_root_first: Iterable[int]) -> int:
        """The stack of a whole chain; NONE for an empty one."""
        stack = NONE
        for location in locations_root_first:
            stack = self.stack_id(stack, location)
        return stack

    def thread_id(self, name: str, ident: int = 0) -> int:
        key = (self.string_id(name), ident)
        known = self._thread_ids.get(key)
        if known is None:
            known = self._thread_ids[key] = len(self.thread_name)
            self.thread_name.append(key[0])
            self.thread_ident.append(ident)
        return known

    def add_window(self, start_ns: int, length_ns: int) -> int:
        self.window_start.append(start_ns)
        self.window_length.append(length_ns)
        return len(self.window_start) - 1

    def add_sample(self, stack: int, weights: Sequence[int], thread: int = NONE, window: int = NONE) -> None:
        self.sample_stack.append(stack)
        self.sample_thread.append(thread)
        self.sample_window.append(window)
        for column, weight in zip(self.sample_weights, weights):
            column.append(weight)

    def cursor(self) -> Cursor:
        return Cursor(
            self.epoch,
            len(self.strings),
            len(self.function_name),
            len(self.location_function),
            len(self.stack_parent),
            len(self.thread_name),
            len(self.window_start),
            len(self.sample_stack),
        )

    def coarsen(self) -> None:
        """Double the length of windows, merging those (and equal samples with them) that then are one; starts a new epoch.

        Keeps a recording's size at its distinct stacks times the number of windows, however long it runs. Windows begin at
        multiples of their length before and after; where there are gaps between them fewer than half may go.
        """
        length = 2 * max(self.window_length, default=0)
        begins = [start // length * length for start in self.window_start]
        index = {begin: i for i, begin in enumerate(dict.fromkeys(begins))}
        self.window_start = array("q", index)
        self.window_length = array("q", [length] * len(index))
        halved = array("q", (window if window == NONE else index[begins[window]] for window in self.sample_window))
        merged: dict[tuple[int, int, int], list[int]] = {}
        for row, key in enumerate(zip(halved, self.sample_thread, self.sample_stack)):
            sums = merged.setdefault(key, [0] * len(self.sample_types))
            for i, column in enumerate(self.sample_weights):
                sums[i] += column[row]
        self.sample_window = array("q", (key[0] for key in merged))
        self.sample_thread = array("q", (key[1] for key in merged))
        self.sample_stack = array("q", (key[2] for key in merged))
        self.sample_weights = tuple(array("q", column) for column in zip(*merged.values())) or self.sample_weights
        self.epoch += 1

    def build(self) -> Profile:
        """A profile of the rows so far, in copies: the builder may go on growing."""

        def copy(column: array[int]) -> array[int]:
            return column[:]

        return Profile(
            shape=STACKS,
            sample_types=self.sample_types,
            strings=tuple(self.strings),
            functions=Functions(copy(self.function_name), copy(self.function_file), copy(self.function_line)),
            locations=Locations(copy(self.location_function), copy(self.location_line)),
            stacks=Stacks(copy(self.stack_parent), copy(self.stack_location)),
            threads=Threads(copy(self.thread_name), copy(self.thread_ident)),
            windows=Windows(copy(self.window_start), copy(self.window_length)),
            samples=Samples(
                copy(self.sample_stack),
                copy(self.sample_thread),
                copy(self.sample_window),
                tuple(copy(column) for column in self.sample_weights),
            ),
            calls=None,
            about=self.about,
        )

    def describe(self, **changes: object) -> None:
        """Replace fields of ``about``."""
        self.about = About(**{**vars(self.about), **changes})


def calls_profile(
    strings: Sequence[str], functions: Functions, calls: Calls, about: About | None = None, time: SampleType = TIME
) -> Profile:
    """A CALLS profile: ``functions`` and ``calls`` are filled in, everything about stacks stays empty."""
    return Profile(
        shape=CALLS,
        sample_types=(time,),
        strings=strings,
        functions=functions,
        locations=Locations(_ints(), _ints()),
        stacks=Stacks(_ints(), _ints()),
        threads=Threads(_ints(), _ints()),
        windows=Windows(_ints(), _ints()),
        samples=Samples(_ints(), _ints(), _ints(), (_ints(),)),
        calls=calls,
        about=about or About(),
    )
