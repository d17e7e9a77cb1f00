"""A strict reader of pstats dumps (Python 2.7 to 3.15, marshal versions 0 to 5) into columns, directed by their schema."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from struct import Struct
from struct import error as StructError

import numpy as np

from plopi.errors import FormatError
from plopi.formats import fast
from plopi.formats.conventions import BUILT_IN_FILE, OWN_FUNCTIONS
from plopi.formats.limits import MAX_LINE, Limits
from plopi.formats.progress import STEP, Report, silent
from plopi.formats.pstats_edges import Edges, with_sampled_times
from plopi.formats.ragged import Ints, column
from plopi.formats.strings import packed
from plopi.formats.unmarshal import (
    BINARY_FLOAT,
    DICT,
    FALSE,
    FLAG_REF,
    INT,
    MAX_SECONDS,
    NULL,
    REF,
    SMALL_TUPLE,
    TRUE,
    TUPLE,
    Callers,
    Entry,
    Numbers,
    Objects,
)
from plopi.model import About, Calls, Functions, Profile, calls_profile

_FLAGGED_INT = INT | FLAG_REF
_FIVE_BYTES = (INT, _FLAGGED_INT, REF)
"""Small ints are shared: a count comes as itself, as itself to be referred to, or as a reference."""
_SAMPLED_KEY = "__sampled__"
_NUMBERS = Struct("<BBBiBiBdBd")  # a tuple that begins with two ints and two floats


def read(data: bytes, limits: Limits, report: Report = silent) -> Profile:
    """By the fast path where it knows its way, else in Python."""
    report("parsing", 0, len(data))
    dump = fast.pstats(data, limits, report)
    return read_portably(data, limits, report) if dump is None else _profile(dump)


def read_portably(data: bytes, limits: Limits, report: Report = silent) -> Profile:
    try:
        return _profile(_Reader(data, limits, report).dump())
    except (StructError, IndexError):
        raise FormatError(fast.ENDS_EARLY, len(data)) from None


def _profile(dump: fast.Dump) -> Profile:
    functions = Functions(*map(column, dump.functions))
    calls = Calls(*map(column, dump.totals), *map(column, dump.edges))
    about = About(notes=(_COUNTED_NOTE,) if dump.counted else ())
    if dump.sampled:
        about = About(engine="profiling.sampling", mode="sampled", notes=(_SAMPLED_NOTE,))
        calls = with_sampled_times(calls)
    return calls_profile(dump.strings, functions, calls, about)


class _Reader(Objects):
    def __init__(self, data: bytes, limits: Limits, report: Report) -> None:
        super().__init__(data, limits)
        self.report, self.told = report, 0
        self.strings: dict[str, int] = {}
        self.ids: dict[str, int] = {}
        self.functions = array("q")
        """Name, file and line of one after the other."""
        self.totals = array("q")
        """Function, where it stands in the dump, primitive calls, calls, self, cum of one after the other."""
        self.edges = Edges()
        self.sampled = self.counted = False

    def dump(self) -> fast.Dump:
        if self.type_of("a dict") != DICT:
            raise FormatError("the dump is no marshalled dict, as pstats has it", 0)
        while self.data[self.at] != NULL:
            self.item()
            if self.at - self.told >= STEP:
                self.told = self.at
                self.report("parsing", self.at, len(self.data))
        self.at += 1
        if self.at != len(self.data):
            raise FormatError(f"{len(self.data) - self.at:,} bytes follow the end of the dump; copy it again", self.at)
        functions = tuple(np.array(self.functions, np.int64).reshape(-1, 3).T)
        totals, edges = tuple(self.columns_of_totals()), self.edges.columns(self.data, self.refs)
        return fast.Dump(self.sampled, self.counted, packed(tuple(self.strings)), functions, totals, edges)

    def item(self) -> None:
        """One function of the dump."""
        begin = self.at
        function = self.key()
        if function < 0:  # Python 3.15 marks sampled profiles so
            if self.type_of("True") not in (TRUE, FALSE):
                raise FormatError("the mark of a sampled profile is not True", self.at)
            return
        self.totals.extend((function, begin, *self.entry(function)))

    def columns_of_totals(self) -> Iterator[Ints]:
        """Calls, primitive calls, self and cum of all functions; 0 for those that are callers only."""
        function, begin, primitive, calls, own, cum = np.array(self.totals, np.int64).reshape(-1, 6).T
        order = np.argsort(function, kind="stable")
        again = order[1:][np.diff(function[order]) == 0]
        if len(again):
            raise FormatError("a function comes twice in the dump; profile again", int(begin[again.min()]))
        for numbers in (calls, primitive, own, cum):
            whole = np.zeros(len(self.ids), np.int64)
            whole[function] = numbers
            yield whole

    def entry(self, function: int) -> tuple[int, int, int, int]:
        """What follows a function's key; its callers become edges."""
        begin, slot = self.at, len(self.refs)
        kind = self.data[begin]
        if kind == REF:
            found = self.referred()
            if type(found) is not Entry:
                raise FormatError("a reference leads to something that is no function's numbers and callers", begin)
            self.edges.again(found.callers, function, self.limits)
            return found.numbers
        before = self.edges.mark() if kind & FLAG_REF else None
        numbers = self.numbers(5)
        self.callers(function)
        if before:
            self.refs[slot] = Entry(Numbers(*numbers), self.edges.since(before))
        return numbers

    def numbers(self, parts: int) -> tuple[int, int, int, int]:
        """Two counts, self and cum from the tuple of a function (primitive calls first) or of an edge (all calls first)."""
        at = self.at
        if len(self.data) - at >= _NUMBERS.size:
            kind, size, a, first, b, second, c, own, d, cum = _NUMBERS.unpack_from(self.data, at)
            if (
                (kind == SMALL_TUPLE and size == parts and c == BINARY_FLOAT and d == BINARY_FLOAT)
                and (a == INT or a in _FIVE_BYTES)
                and (b == INT or b in _FIVE_BYTES)
            ):
                if a != INT:
                    first = self.shared_int(a, first)
                if b != INT:
                    second = self.shared_int(b, second)
                if first >= 0 <= second and 0.0 <= own < MAX_SECONDS and 0.0 <= cum < MAX_SECONDS:
                    self.at = at + _NUMBERS.size
                    return first, second, int(own * 1e9 + 0.5), int(cum * 1e9 + 0.5)
                raise FormatError(f"counts of {first} and {second} calls or times of {own!r} and {cum!r} seconds cannot be", at)
        size = self.tuple_size("a tuple of numbers")
        if size != parts:
            raise FormatError(f"{size} numbers stand where {parts} should", at)
        return self.count(), self.count(), self.nanoseconds(), self.nanoseconds()

    def callers(self, callee: int) -> None:
        """The dict of a function's callers."""
        begin, slot, data, edges = self.at, len(self.refs), self.data, self.edges
        if data[begin] == REF:
            found = self.referred()
            if type(found) is not Callers:
                raise FormatError("a reference leads to something that is no dict of callers", begin)
            edges.again(found, callee, self.limits)
            return
        before = edges.mark() if data[begin] & FLAG_REF else None
        if self.type_of("the dict of callers") != DICT:
            raise FormatError("a function's callers are no dict", begin)
        bound = self.limits.edges
        while (kind := data[self.at]) != NULL:
            end = edges.run(data, self.at, callee, len(self.refs)) if kind == REF else self.at
            if end == self.at:
                self.edge(callee)
            else:
                self.at = end
            if edges.count > bound:
                self.limits.check("edges", bound + 1)
        self.at += 1
        if before:
            self.refs[slot] = edges.since(before)

    def shared_int(self, kind: int, value: int) -> int:
        """An int that stands where five bytes were taken for one: flagged, or a reference."""
        if kind == _FLAGGED_INT:
            self.refs.append(value)
            return value
        if kind == REF and 0 <= value < len(self.refs):
            found = self.refs[value]
            if type(found) is int:
                return found
        raise FormatError("a count of calls is no whole number", self.at)

    def edge(self, callee: int) -> None:
        """An edge in any other layout: its caller spelled out, its numbers shared or longer, or a plain count without times."""
        begin = self.at
        caller = self.key()
        if caller < 0:
            raise FormatError("a caller is no function", begin)
        calls, primitive, own, cum = self.edge_numbers()
        self.edges.add(begin, (caller, callee, calls, primitive, own, cum))

    def edge_numbers(self) -> tuple[int, int, int, int]:
        begin, slot = self.at, len(self.refs)
        kind = self.data[begin]
        if kind & ~FLAG_REF in (TUPLE, SMALL_TUPLE):
            numbers = self.numbers(4)
            if kind & FLAG_REF:
                self.refs[slot] = Numbers(*numbers)
            return numbers
        if kind == REF and type(found := self.referred()) is Numbers:
            return found
        self.at = begin
        count = self.count()
        self.counted = True
        return count, count, 0, 0

    def key(self) -> int:
        """The id of the function whose key follows; -1 for the mark of a sampled profile."""
        begin = self.at
        kind = self.data[begin]
        if kind == REF:
            found = self.referred()
            if type(found) is not tuple:
                raise FormatError("a reference leads to something that is no function", begin)
            return found[0]
        slot = len(self.refs)
        size = self.tuple_size("the key of a function")
        if size == 1 and self.string() == _SAMPLED_KEY:
            self.sampled = True
            return -1
        if size != 3:
            raise FormatError(f"a function's key has {size} parts where 3 should be: file, line, name", begin)
        file, line, name = self.string(), self.integer(), self.string()
        if not 0 <= line <= MAX_LINE:
            raise FormatError(f"line {line} is no line number", begin)
        function = self.function(file, line, name)
        if kind & FLAG_REF:
            self.refs[slot] = (function,)
        return function

    def function(self, file: str, line: int, name: str) -> int:
        if file == BUILT_IN_FILE and name in OWN_FUNCTIONS:
            file = ""
        strings = self.strings
        file_id, name_id = strings.setdefault(file, len(strings)), strings.setdefault(name, len(strings))
        # Text as key: a file cannot choose strings whose hashes collide, as it could numbers.
        new = len(self.ids)
        row = self.ids.setdefault(f"{file_id}:{line}:{name_id}", new)
        if row == new:
            self.limits.check("functions", row + 1)
            self.functions.extend((name_id, file_id, line))
        return row


_SAMPLED_NOTE = (
    "sampled by Python's profiling.sampling: calls are samples, a caller's time is that of its samples (where functions recurse, "
    "at most that), and a function is listed once for each of its lines"
)
_COUNTED_NOTE = "the dump counts the calls between functions but not their times, which it cannot tell"
