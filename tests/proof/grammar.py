"""Files made by the grammar of each format: mostly right, with a production that is wrong here and there.

Mutants of good files seldom come past the first check; these come far into a reader before something is amiss.
"""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable

from plopi.formats.fragments import framed
from plopi.formats.protobuf import bytes_field, int_field, tag, varint

PLAIN = ("main", "<module>", "A.b", "é", "x" * 300, "\U0001f600", "<gc>", "f.<locals>.<lambda>", "it's", "__init__")
ODD = ("", "\0", "a;b", "a (f.py:3)", "a\nb", "~", "'", '"', "\\", "\x85", " ", "\ud800")
FILES = ("a.py", "/usr/lib/b.py", "<string>", "C:\\x.py", "é.py", "")
NUMBERS = (0, 1, 2, 7, 127, 128, 255, 2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1, -1, -(2**31), -(2**63))


class Maker:
    """Chances for one file; ``wrong`` is how often a production is another than the grammar's."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.wrong = chance.choice((0.0, 0.0, 0.002, 0.02, 0.1))

    def odd(self) -> bool:
        return self.chance.random() < self.wrong

    def some(self, most: int) -> range:
        return range(self.chance.randrange(most + 1))

    def name(self) -> str:
        return self.chance.choice(ODD if self.odd() else PLAIN)

    def file(self) -> str:
        return self.chance.choice(FILES)

    def number(self) -> int:
        return self.chance.choice(NUMBERS) if self.odd() else self.chance.randrange(100)


# --- pstats: what marshal writes


def pstats(make: Maker) -> bytes:
    return Dump(make).whole()


class Dump:
    """One marshalled dict in the style of some version, with references where that has them."""

    def __init__(self, make: Maker) -> None:
        self.make, self.refs = make, 0
        self.version = make.chance.choice((0, 2, 3, 4, 5))

    def whole(self) -> bytes:
        make = self.make
        entries = b"".join(self.key() + self.entry() for _ in make.some(8))
        mark = b")\x01z\x0b__sampled__T" if self.version == 5 and make.chance.random() < 0.3 else b""
        tail = make.chance.choice((b"x", b"\0\0")) if make.odd() else b""
        return self.flagged(b"{") + mark + entries + b"0" + tail

    def flagged(self, kind: bytes) -> bytes:
        if self.version >= 3 and self.make.chance.random() < 0.5:
            self.refs += 1
            return bytes((kind[0] | 0x80,)) + kind[1:]
        return kind

    def any(self) -> bytes:
        kinds = (
            b"N",
            b"T",
            b"F",
            b".",
            b"0",
            b"?",
            b"S",
            b"\xa9\0",
            b"{0",
            b"[\0\0\0\0",
            b"(\xff\xff\xff\x7f",
            b"c",
            b"s\4\0\0\0abcd",
        )
        return self.make.chance.choice(
            (*kinds, b"r" + struct.pack("<I", self.make.number() & 0xFFFFFFFF), self.integer(), self.text("z"))
        )

    def text(self, text: str) -> bytes:
        make, raw = self.make, text.encode("utf-8", "surrogatepass")
        if make.odd():
            return self.any()
        if self.refs and self.version >= 3 and make.chance.random() < 0.2:
            return b"r" + struct.pack("<I", make.chance.randrange(self.refs + (1 if make.odd() else 0)))
        if len(raw) < 256 and raw.isascii() and self.version >= 4:
            return self.flagged(make.chance.choice((b"z", b"Z")) + bytes((len(raw),))) + raw
        return (
            self.flagged(make.chance.choice((b"u", b"u", b"t") if self.version else (b"u",)) + struct.pack("<I", len(raw))) + raw
        )

    def integer(self) -> bytes:
        number = self.make.number()
        if -(2**31) <= number < 2**31:
            return self.flagged(b"i") + struct.pack("<i", number)
        digits, left = [], abs(number)
        while left:
            digits.append(left & 0x7FFF)
            left >>= 15
        size = -len(digits) if number < 0 else len(digits)
        return self.flagged(b"l") + struct.pack("<i", size) + b"".join(struct.pack("<H", digit) for digit in digits)

    def real(self) -> bytes:
        make = self.make
        if make.odd():
            return b"g" + make.chance.choice(
                (b"\0" * 6 + b"\xf0\x7f", b"\xff" * 8, struct.pack("<d", -1e300), struct.pack("<d", 1e300))
            )
        value = make.chance.random() * 10.0 ** make.chance.randrange(-9, 9)
        if self.version < 2:
            text = repr(value).encode()
            return b"f" + bytes((len(text),)) + text
        return self.flagged(b"g") + struct.pack("<d", value)

    def tuple(self, items: int) -> bytes:
        items = self.make.number() & 0xFF if self.make.odd() else items
        return self.flagged(b")") + bytes((items,)) if self.version >= 4 else self.flagged(b"(") + struct.pack("<I", items)

    def key(self) -> bytes:
        if self.make.odd():
            return self.any()
        return self.tuple(3) + self.text(self.make.file()) + self.integer() + self.text(self.make.name())

    def counts(self) -> bytes:
        real = self.any if self.make.odd() else self.real
        return self.integer() + self.integer() + real() + self.real()

    def entry(self) -> bytes:
        callers = b"".join(
            self.key() + (self.integer() if self.make.odd() else self.tuple(4) + self.counts()) for _ in self.make.some(4)
        )
        return self.tuple(5) + self.counts() + self.flagged(b"{") + callers + b"0"


# --- Plop: a literal


def plop(make: Maker) -> bytes:
    entries = ", ".join(f"{_plop_stack(make)}: {make.number()}" for _ in make.some(8))
    text = "{" + entries + make.chance.choice(("}", "}", "}\n", ",}"))
    return (text[: make.chance.randrange(len(text))] if make.odd() else text).encode("utf-8", "surrogatepass")


def _plop_stack(make: Maker) -> str:
    if make.odd():
        return make.chance.choice(
            ("()", "1", "None", "((((", "[]", "f()", "-" * 50, "'" * 9, "0x10", "1e5", "b'a'", "\\", "(" * 500)
        )
    frames = [_plop_frame(make) for _ in make.some(12)]
    return "(" + ", ".join(frames) + ("," if len(frames) == 1 else "") + ")"


def _plop_frame(make: Maker) -> str:
    space = " " * make.chance.randrange(3)
    name = make.chance.choice((repr, ascii, json.dumps))(make.name())
    return f"({make.file()!r},{space}{make.number()},{space}{name})"


# --- folded stacks


def folded(make: Maker) -> bytes:
    return b"".join(_folded_line(make) for _ in make.some(12))


def _folded_line(make: Maker) -> bytes:
    frames = [
        make.chance.choice(
            (make.name(), f"{make.name()} ({make.file()}:{make.number()})", f"{make.file()}:{make.name()}:{make.number()}")
        )
        for _ in range(1 + len(make.some(20)))
    ]
    if make.odd():
        count = make.chance.choice(("", "-1", "1.5", "1e9", "9" * 30, "x", "٣", "1_0", "+1", "0x1"))
    else:
        count = str(make.number())
    end = make.chance.choice(("\r\n", "\x85", "\0", "")) if make.odd() else "\n"
    line = ";".join(frames) + (make.chance.choice(("  ", "\t")) if make.odd() else " ") + count + end
    return line.encode("utf-8", "surrogatepass") + (bytes((make.chance.randrange(256),)) if make.odd() else b"")


# --- speedscope: JSON


def speedscope(make: Maker) -> bytes:
    frames = [{"name": make.name(), "file": make.file(), "line": _any_json(make, make.number())} for _ in make.some(6)]
    profiles = [_any_json(make, _speedscope_profile(make, len(frames))) for _ in range(1 + len(make.some(2)))]
    whole = {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "shared": {"frames": _any_json(make, frames)},
        "profiles": _any_json(make, profiles),
        "name": make.name(),
        "activeProfileIndex": make.number(),
    }
    text = json.dumps(whole, ensure_ascii=make.chance.random() < 0.5)
    return (text[: make.chance.randrange(len(text))] if make.odd() else text).encode("utf-8", "surrogatepass")


def _speedscope_profile(make: Maker, frames: int) -> object:
    stacks = [[_frame(make, frames) for _ in make.some(6)] for _ in make.some(6)] if frames else []
    kind = {
        "name": make.name(),
        "unit": make.chance.choice(("seconds", "nanoseconds", "none", "bytes", "x" if make.odd() else "milliseconds")),
    }
    if make.chance.random() < 0.5:
        weights = [_any_json(make, make.number()) for _ in stacks]
        return {"type": "sampled", **kind, "startValue": 0, "endValue": make.number(), "samples": stacks, "weights": weights}
    events, at = [], 0
    for stack in stacks:
        for kinds, order in (("O", stack), ("C", stack[::-1])):
            for frame in order:
                at += make.number()
                events.append({"type": "C" if make.odd() else kinds, "frame": frame, "at": _any_json(make, at)})
    return {"type": "evented", **kind, "startValue": 0, "endValue": at, "events": events}


def _frame(make: Maker, frames: int) -> object:
    return _any_json(make, make.chance.randrange(frames))


def _any_json(make: Maker, value: object) -> object:
    if not make.odd():
        return value
    odd = (None, True, -1, 0.5, 1e308, float("nan"), float("inf"), 10**400, "", "x", "\ud800", [], [[]], {}, {"a": 1}, 2**63)
    return make.chance.choice(odd)


# --- pprof: protobuf, and the fragments of a recording

Message = dict[int, "str | Message"]
LABEL: Message = {1: "string", 2: "string", 3: "int"}
SAMPLE: Message = {1: "packed", 2: "packed", 3: LABEL}
LOCATION: Message = {1: "id", 2: "id", 3: "int", 4: {1: "id", 2: "int"}}
FUNCTION: Message = {1: "id", 2: "string", 3: "string", 4: "string", 5: "int"}
TYPE: Message = {1: "string", 2: "string"}
TABLES: dict[int, Message] = {2: SAMPLE, 3: {1: "id", 5: "string"}, 4: LOCATION, 5: FUNCTION}
TEXTS = (
    b"",
    b"samples",
    b"count",
    b"cpu",
    b"nanoseconds",
    b"thread",
    b"thread_id",
    b"window",
    b"main",
    b"a.py",
    b"plopi: 1",
    b"ticks: 5",
    b"\xff",
)


def pprof(make: Maker) -> bytes:
    return b"".join(_rows(make, first=True, rows=make.chance.randrange(1, 8)))


def growing(make: Maker) -> bytes:
    """Fragments whose frames are right and whose contents need not be; now and then the frames are not."""
    out, number = [], 0
    for number in range(1 + len(make.some(4))):
        body = b"".join(_rows(make, first=number == 0, rows=make.chance.randrange(4)))
        fragment = framed(body, make.number() & 0xFFFF if make.odd() else number)
        out.append(fragment[: make.chance.randrange(len(fragment))] if make.odd() else fragment)
    return b"".join(out)


def _rows(make: Maker, *, first: bool, rows: int) -> list[bytes]:
    out = []
    if first:
        out += [bytes_field(1, _message(make, TYPE, 5)) for _ in range(1 + len(make.some(1)))]
    out += [bytes_field(6, text) for text in TEXTS[: 0 if not first else None]]
    for row in range(rows):
        for field in (5, 4, 2, *((3,) if make.odd() else ())):
            out.append(bytes_field(field, _message(make, TABLES[field], rows, row + 1)))
    out += [int_field(field, make.number()) for field in (9, 10, 12) if make.chance.random() < 0.3]
    out += [int_field(13, make.chance.randrange(len(TEXTS))) for _ in make.some(2)]
    out += [bytes_field(1002, int_field(1, make.number()) + int_field(2, make.number())) for _ in make.some(2)]
    if make.odd():
        make.chance.shuffle(out)
    return out


def _message(make: Maker, message: Message, rows: int, number: int = 1) -> bytes:
    out = []
    for field, kind in message.items():
        if make.odd():
            out.append(_any_field(make, field))
        elif isinstance(kind, dict):
            out += [bytes_field(field, _message(make, kind, rows)) for _ in make.some(2)]
        elif kind == "packed":
            numbers = [
                make.number() if make.odd() else 1 + make.chance.randrange(max(1, rows))
                for _ in range(1 if field == 2 else len(make.some(6)))
            ]
            packed = make.chance.random() < 0.7
            out.append(
                bytes_field(field, b"".join(map(varint, numbers)))
                if packed
                else b"".join(int_field(field, each) for each in numbers)
            )
        else:
            out.append(int_field(field, _scalar(make, kind, rows, number)))
    return b"".join(out)


def _scalar(make: Maker, kind: str, rows: int, number: int) -> int:
    if kind == "id":
        return make.number() if make.odd() else number
    return make.chance.randrange(len(TEXTS)) if kind == "string" and not make.odd() else make.number()


def _any_field(make: Maker, field: int) -> bytes:
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: b"",
        lambda: int_field(field, make.number()),
        lambda: bytes_field(field, make.chance.randbytes(make.chance.randrange(12))),
        lambda: tag(field, 2) + varint(make.number()),
        lambda: tag(field, 5) + bytes(4),
        lambda: tag(field, 1) + bytes(8),
        lambda: tag(field, 3),
        lambda: b"\xff" * 11,
    )
    return make.chance.choice(kinds)()


MAKERS: dict[str, Callable[[Maker], bytes]] = {
    "pprof": pprof,
    "growing": growing,
    "pstats": pstats,
    "plop": plop,
    "folded": folded,
    "speedscope": speedscope,
}


def made(kind: str, chance: random.Random) -> bytes:
    """A file of this kind."""
    return MAKERS[kind](Maker(chance))
