"""A strict reader of the subset of marshal that pstats dumps use (Python 2.7 to 3.15, marshal versions 0 to 5), into columns.

Directed by the one schema there is, so nothing recurses; every length is held against the bytes that are left before anything is
made of it; a reference may only lead to a whole string, number or function. The format: CPython's Python/marshal.c.
"""

from __future__ import annotations

from array import array
from struct import Struct
from struct import error as StructError

from plopi.errors import FormatError
from plopi.formats.limits import INT64_MAX, MAX_LINE, Limits
from plopi.formats.pstats import BUILT_IN_FILE, OWN_FUNCTIONS
from plopi.formats.text import clean, decoded
from plopi.model import About, Calls, Functions, Profile, calls_profile

FLAG_REF = 0x80
"""Set in the type of an object that later ones may refer to."""
_DICT, _NULL, _TUPLE, _SMALL_TUPLE, _REF = b"{0()r"
_INT, _INT64, _LONG, _FLOAT, _BINARY_FLOAT = b"iIlfg"
_SHORT_ASCII, _SHORT_INTERNED, _ASCII, _ASCII_INTERNED, _UNICODE, _INTERNED, _BYTES, _BYTES_REF = b"zZaAutsR"
_TRUE, _FALSE = b"TF"
_LONG_STRINGS = (_ASCII, _ASCII_INTERNED, _UNICODE, _INTERNED, _BYTES)
_FLAGGED_INT = _INT | FLAG_REF
_FIVE_BYTES = (_INT, _FLAGGED_INT, _REF)
"""Small ints are shared: a count comes as itself, as itself to be referred to, or as a reference."""

_unpack_int32 = Struct("<i").unpack_from
_MAX_SECONDS = INT64_MAX / 1e9
_SAMPLED_KEY = "__sampled__"

_NUMBERS = Struct("<BBBiBiBdBd")  # a tuple that begins with two ints and two floats
_EDGE = Struct("<BiBBBiBiBdBd")  # a reference to the caller, then a tuple of 4: two ints, two floats

Object = str | int | float | tuple[int] | None
"""What a reference can lead to; a 1-tuple is the id of a function, None what must not be referred to."""


def read(data: bytes, limits: Limits) -> Profile:
    try:
        return _Reader(data, limits).profile()
    except (StructError, IndexError):
        raise FormatError("the dump ends early; copy it again, or profile again", len(data)) from None


class _Reader:
    def __init__(self, data: bytes, limits: Limits) -> None:
        self.data, self.limits, self.at = data, limits, 0
        self.refs: list[Object] = []
        self.interned: list[str] = []
        """Python 2's own table of strings that come again."""
        self.strings: dict[str, int] = {}
        self.ids: dict[str, int] = {}
        self.function_name, self.function_file, self.function_line = array("q"), array("q"), array("q")
        self.has_totals = bytearray()
        self.totals = tuple(array("q") for _ in range(4))
        self.edges = tuple(array("q") for _ in range(6))
        self.sampled = self.counted = False

    def profile(self) -> Profile:
        if self.type_of("a dict") != _DICT:
            raise FormatError("the dump is no marshalled dict, as pstats has it", 0)
        while self.data[self.at] != _NULL:
            self.entry()
        self.at += 1
        if self.at != len(self.data):
            raise FormatError(f"{len(self.data) - self.at:,} bytes follow the end of the dump; copy it again", self.at)
        if self.sampled:
            about = About(engine="profiling.sampling", mode="sampled", notes=(_SAMPLED_NOTE,))
        else:
            about = About(notes=(_COUNTED_NOTE,) if self.counted else ())
        functions = Functions(self.function_name, self.function_file, self.function_line)
        calls, primitive, own, cum = self.totals
        return calls_profile(tuple(self.strings), functions, Calls(calls, primitive, own, cum, *self.edges), about)

    # --- the schema

    def entry(self) -> None:
        begin = self.at
        function = self.key()
        if function < 0:  # Python 3.15 marks sampled profiles so
            if self.type_of("True") not in (_TRUE, _FALSE):
                raise FormatError("the mark of a sampled profile is not True", self.at)
            return
        if self.has_totals[function]:
            raise FormatError("a function comes twice in the dump; profile again", begin)
        self.has_totals[function] = 1
        primitive, calls, own, cum = self.numbers(5)
        for column, number in zip(self.totals, (calls, primitive, own, cum)):
            column[function] = number
        if self.type_of("the dict of callers") != _DICT:
            raise FormatError("a function's callers are no dict", self.at - 1)
        self.callers(function, cum / calls if calls else 0.0)

    def numbers(self, parts: int) -> tuple[int, int, int, int]:
        """Two counts, self and cum from the tuple of a function (primitive calls first) or of an edge (all calls first)."""
        at = self.at
        if len(self.data) - at >= _NUMBERS.size:
            kind, size, a, first, b, second, c, own, d, cum = _NUMBERS.unpack_from(self.data, at)
            if (
                (kind == _SMALL_TUPLE and size == parts and c == _BINARY_FLOAT and d == _BINARY_FLOAT)
                and (a == _INT or a in _FIVE_BYTES)
                and (b == _INT or b in _FIVE_BYTES)
            ):
                if a != _INT:
                    first = self.shared_int(a, first)
                if b != _INT:
                    second = self.shared_int(b, second)
                if first >= 0 <= second and 0.0 <= own < _MAX_SECONDS and 0.0 <= cum < _MAX_SECONDS:
                    self.at = at + _NUMBERS.size
                    return first, second, int(own * 1e9 + 0.5), int(cum * 1e9 + 0.5)
                raise FormatError(f"counts of {first} and {second} calls or times of {own!r} and {cum!r} seconds cannot be", at)
        size = self.tuple_size("a tuple of numbers")
        if size != parts:
            raise FormatError(f"{size} numbers stand where {parts} should", at)
        return self.count(), self.count(), self.nanoseconds(), self.nanoseconds()

    def callers(self, callee: int, interval: float) -> None:
        """The dict of a function's callers; a plain count there gets ``interval`` nanoseconds for each."""
        data, refs, unpack, size = self.data, self.refs, _EDGE.unpack_from, _EDGE.size
        add_caller, add_callee, add_calls, add_primitive, add_own, add_cum = (column.append for column in self.edges)
        last, bound, seen = len(data) - size, self.limits.edges, set()
        while data[self.at] != _NULL:
            at = self.at
            if at < last:
                r, ref, kind, four, a, calls, b, primitive, c, own, d, cum = unpack(data, at)
                if (
                    (r == _REF and kind == _SMALL_TUPLE and four == 4 and c == _BINARY_FLOAT and d == _BINARY_FLOAT)
                    and (a == _INT or a in _FIVE_BYTES)
                    and (b == _INT or b in _FIVE_BYTES)
                ):
                    if a != _INT:
                        calls = self.shared_int(a, calls)
                    if b != _INT:
                        primitive = self.shared_int(b, primitive)
                    caller = refs[ref] if 0 <= ref < len(refs) else None
                    if (
                        type(caller) is tuple
                        and primitive >= 0 <= calls
                        and 0.0 <= own < _MAX_SECONDS
                        and 0.0 <= cum < _MAX_SECONDS
                        and (number := caller[0]) not in seen
                    ):
                        seen.add(number)
                        add_caller(number)
                        add_callee(callee)
                        add_calls(calls)
                        add_primitive(primitive)
                        add_own(int(own * 1e9 + 0.5))
                        add_cum(int(cum * 1e9 + 0.5))
                        self.at = at + size
                        continue
                    raise self.bad_edge(at, caller, own, cum)
            self.edge(callee, interval, seen)
            if len(self.edges[0]) > bound:
                self.limits.check("edges", len(self.edges[0]))
        self.limits.check("edges", len(self.edges[0]))
        self.at += 1

    def shared_int(self, kind: int, value: int) -> int:
        """An int that stands where five bytes were taken for one: flagged, or a reference."""
        if kind == _FLAGGED_INT:
            self.refs.append(value)
            return value
        if kind == _REF and 0 <= value < len(self.refs):
            found = self.refs[value]
            if type(found) is int:
                return found
        raise FormatError("a count of calls is no whole number", self.at)

    def bad_edge(self, at: int, caller: Object, own: float, cum: float) -> FormatError:
        if type(caller) is not tuple:
            return FormatError("a caller refers to something that is no function", at)
        if not (0.0 <= own < _MAX_SECONDS and 0.0 <= cum < _MAX_SECONDS):
            return FormatError(f"a caller's times are {own!r} and {cum!r} seconds", at)
        return FormatError("a caller comes twice for one function, or with a negative count", at)

    def edge(self, callee: int, interval: float, seen: set[int]) -> None:
        """An edge in any other layout: its caller spelled out, its numbers shared or longer, or a plain count."""
        begin = self.at
        caller = self.key()
        if caller < 0 or caller in seen:
            raise FormatError("a caller comes twice for one function, or is none", begin)
        seen.add(caller)
        if self.data[self.at] & ~FLAG_REF in (_TUPLE, _SMALL_TUPLE):
            calls, primitive, own, cum = self.numbers(4)
        else:
            calls = primitive = self.count()
            own, cum = 0, min(int(calls * interval + 0.5), INT64_MAX)
            self.counted = True
        for column, number in zip(self.edges, (caller, callee, calls, primitive, own, cum)):
            column.append(number)

    def key(self) -> int:
        """The id of the function whose key follows; -1 for the mark of a sampled profile."""
        begin = self.at
        kind = self.data[begin]
        if kind == _REF:
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
        row = self.ids.setdefault(f"{file_id}:{line}:{name_id}", len(self.ids))
        if row == len(self.function_name):
            self.limits.check("functions", row + 1)
            self.function_name.append(name_id)
            self.function_file.append(file_id)
            self.function_line.append(line)
            self.has_totals.append(0)
            for column in self.totals:
                column.append(0)
        return row

    # --- the objects

    def type_of(self, wanted: str) -> int:
        """The type of the next container or constant, which nothing may refer to; its place among the references is kept."""
        kind = self.data[self.at]
        self.at += 1
        if kind & FLAG_REF:
            self.refs.append(None)
        return kind & ~FLAG_REF

    def tuple_size(self, wanted: str) -> int:
        begin = self.at
        kind = self.type_of(wanted)
        if kind == _SMALL_TUPLE:
            self.at += 1
            return self.data[self.at - 1]
        if kind != _TUPLE:
            raise FormatError(f"{wanted} should follow, not type {chr(kind)!r}", begin)
        return self.int32()

    def int32(self) -> int:
        at = self.at
        self.at = at + 4
        value: int = _unpack_int32(self.data, at)[0]
        return value

    def referred(self) -> Object:
        begin = self.at
        self.at += 1
        index = self.int32()
        if not 0 <= index < len(self.refs):
            raise FormatError(f"reference {index} leads nowhere", begin)
        return self.refs[index]

    def integer(self) -> int:
        begin = self.at
        kind = self.data[begin]
        if kind == _REF:
            found = self.referred()
            if type(found) is not int:
                raise FormatError("a reference leads to something that is no whole number", begin)
            return found
        self.at += 1
        bare = kind & ~FLAG_REF
        if bare == _INT:
            value = self.int32()
        elif bare == _INT64:
            value = int.from_bytes(self.take(8), "little", signed=True)
        elif bare == _LONG:
            value = self.long(begin)
        else:
            raise FormatError(f"a whole number should follow, not type {chr(bare)!r}", begin)
        if kind & FLAG_REF:
            self.refs.append(value)
        return value

    def long(self, begin: int) -> int:
        """A long int: digits of 15 bits, the sign in their number."""
        size = self.int32()
        if not -5 <= size <= 5:
            raise FormatError("a number is too long for a count", begin)
        raw, value = self.take(2 * abs(size)), 0
        for place in range(abs(size)):
            digit = raw[2 * place] | raw[2 * place + 1] << 8
            if digit > 0x7FFF:
                raise FormatError("a long number has a digit above 15 bits", begin)
            value |= digit << 15 * place
        return -value if size < 0 else value

    def count(self) -> int:
        begin = self.at
        value = self.integer()
        if not 0 <= value <= INT64_MAX:
            raise FormatError(f"{value} is no count of calls", begin)
        return value

    def nanoseconds(self) -> int:
        """A time, written in seconds as a float or a whole number."""
        begin = self.at
        kind = self.data[begin]
        bare = kind & ~FLAG_REF
        if kind == _REF:
            found = self.referred()
            if not isinstance(found, (float, int)):
                raise FormatError("a reference leads to something that is no time", begin)
            seconds: float = found
        elif bare in (_FLOAT, _BINARY_FLOAT):
            self.at += 1
            seconds = self.real(bare, begin)
            if kind & FLAG_REF:
                self.refs.append(seconds)
        else:
            seconds = self.integer()
        if not 0 <= seconds < _MAX_SECONDS:
            raise FormatError(f"{seconds!r} seconds is no time", begin)
        return int(seconds * 1e9 + 0.5)

    def real(self, kind: int, begin: int) -> float:
        if kind == _BINARY_FLOAT:
            return float(Struct("<d").unpack(self.take(8))[0])
        try:
            return float(self.take(self.take(1)[0]).decode("ascii"))
        except ValueError:
            raise FormatError("a time is no number", begin) from None

    def string(self) -> str:
        begin = self.at
        kind = self.data[begin]
        bare = kind & ~FLAG_REF
        if bare in (_SHORT_ASCII, _SHORT_INTERNED):
            size, start = self.data[begin + 1], begin + 2
        elif kind == _REF:
            found = self.referred()
            if type(found) is not str:
                raise FormatError("a reference leads to something that is no string", begin)
            return found
        elif bare in _LONG_STRINGS:
            size, start = _unpack_int32(self.data, begin + 1)[0], begin + 5
        elif bare == _BYTES_REF:
            return self.interned_before(begin)
        else:
            raise FormatError(f"a string should follow, not type {chr(bare)!r}", begin)
        if not 0 <= size <= self.limits.pstats_string_bytes:
            raise FormatError(f"a name of {size:,} bytes is longer than any function's", begin)
        self.at = start
        text = self.text(self.take(size), bare)
        if kind & FLAG_REF:
            self.refs.append(text)
        elif bare == _INTERNED:
            self.interned.append(text)
        return text

    def interned_before(self, begin: int) -> str:
        self.at = begin + 1
        index = self.int32()
        if not 0 <= index < len(self.interned):
            raise FormatError(f"string reference {index} leads nowhere", begin)
        return self.interned[index]

    def text(self, raw: bytes, kind: int) -> str:
        if raw.isascii():
            return raw.decode("ascii")
        if kind in (_UNICODE, _INTERNED):
            try:
                return clean(raw.decode("utf-8", "surrogatepass"))
            except UnicodeDecodeError:
                pass
        return decoded(raw)

    def take(self, size: int) -> bytes:
        at = self.at
        if size > len(self.data) - at:
            raise IndexError
        self.at = at + size
        return self.data[at : at + size]


_SAMPLED_NOTE = (
    "sampled by Python's profiling.sampling: calls are samples, callers' times are made from them, and a function is listed once "
    "for each of its lines"
)
_COUNTED_NOTE = "the dump counts the calls between functions but not their times, which are estimated in proportion to the calls"
