"""The objects of CPython's marshal format that pstats dumps are made of, one by one: Python/marshal.c tells what they look like.

Nothing recurses; every length is held against the bytes that are left before anything is made of it; a reference may only lead to
what was read whole and is of the kind that its place demands. Reading beyond the end raises ``IndexError`` or ``struct.error``.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

from plopi.errors import FormatError
from plopi.formats.limits import INT64_MAX, Limits
from plopi.formats.text import clean, decoded

FLAG_REF = 0x80
"""Set in the type of an object that later ones may refer to."""
DICT, NULL, TUPLE, SMALL_TUPLE, REF, TRUE, FALSE = b"{0()rTF"
INT, BINARY_FLOAT = b"ig"
_INT64, _LONG, _FLOAT, _CODE = b"Ilfc"
_SHORT_ASCII, _SHORT_INTERNED, _ASCII, _ASCII_INTERNED, _UNICODE, _INTERNED, _BYTES, _BYTES_REF = b"zZaAutsR"
_LONG_STRINGS = (_ASCII, _ASCII_INTERNED, _UNICODE, _INTERNED, _BYTES)

MAX_SECONDS = INT64_MAX / 1e9
_unpack_int32 = Struct("<i").unpack_from


class Numbers(NamedTuple):
    """Two counts of calls, in the order of the dump, and two times in nanoseconds."""

    first: int
    second: int
    own: int
    cum: int


@dataclass(frozen=True)
class Callers:
    """A dict of callers, by the rows of its edges: of runs and of single ones, each from and up to."""

    runs: slice
    singles: slice


@dataclass(frozen=True)
class Entry:
    """What a dump has of one function."""

    numbers: Numbers
    callers: Callers


Object = str | int | float | tuple[int] | Numbers | Callers | Entry | None
"""What a reference can lead to; a 1-tuple is the id of a function, None what must not be referred to."""


class Objects:
    """The bytes of a dump, how far they have been read, and what later ones may refer to."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.data, self.limits, self.at = data, limits, 0
        self.refs: list[Object] = []
        self.interned: list[str] = []
        """Python 2's own table of strings that come again."""

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
        if kind == SMALL_TUPLE:
            self.at += 1
            return self.data[self.at - 1]
        if kind != TUPLE:
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
        if kind == REF:
            found = self.referred()
            if type(found) is not int:
                raise FormatError("a reference leads to something that is no whole number", begin)
            return found
        self.at += 1
        bare = kind & ~FLAG_REF
        if bare == INT:
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
        if kind == REF:
            found = self.referred()
            if not isinstance(found, (float, int)):
                raise FormatError("a reference leads to something that is no time", begin)
            seconds: float = found
        elif bare in (_FLOAT, BINARY_FLOAT):
            self.at += 1
            seconds = self.real(bare, begin)
            if kind & FLAG_REF:
                self.refs.append(seconds)
        else:
            seconds = self.integer()
        if not 0 <= seconds < MAX_SECONDS:
            raise FormatError(f"{seconds!r} seconds is no time", begin)
        return int(seconds * 1e9 + 0.5)

    def real(self, kind: int, begin: int) -> float:
        if kind == BINARY_FLOAT:
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
        elif kind == REF:
            found = self.referred()
            if type(found) is not str:
                raise FormatError("a reference leads to something that is no string", begin)
            return found
        elif bare in _LONG_STRINGS:
            size, start = _unpack_int32(self.data, begin + 1)[0], begin + 5
        elif bare == _BYTES_REF:
            return self.interned_before(begin)
        elif bare == _CODE:
            raise FormatError("a string should follow, not type 'c', code, which `python -m profile` writes: use cProfile", begin)
        else:
            raise FormatError(f"a string should follow, not type {chr(bare)!r}", begin)
        if not 0 <= size <= self.limits.pstats_string_bytes:
            raise FormatError(f"a name of {size:,} bytes is longer than any function's", begin)
        self.at = end = start + size
        if end > len(self.data):
            raise IndexError
        raw = self.data[start:end]
        text = raw.decode() if raw.isascii() else self.text(raw, bare)
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
        """A string that is not ASCII."""
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
