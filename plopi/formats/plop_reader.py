"""Plop's literal, token by token: linear in the file, each distinct frame decoded once."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable
from functools import cache

from plopi.errors import FormatError
from plopi.formats.columns import Names, ints, profile_of
from plopi.formats.limits import INT64_MAX, MAX_LINE, Limits
from plopi.formats.progress import STEP, Report, silent
from plopi.formats.ragged import column, reversed_rows
from plopi.formats.text import clean, decoded
from plopi.model import SAMPLES, Profile

_STRING = rb"""[uUbB]?(?:'[^'\\\n]*+(?:\\.[^'\\\n]*+)*+'|"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+")"""
_ESCAPES = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "r": "\r", "t": "\t"}
_LONGEST = 1 << 20
"""Bytes of a stack that is tried as a whole."""
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}


def read(data: bytes, limits: Limits, report: Report = silent) -> Profile:
    report("parsing", 0, len(data))
    return _Parser(data, limits, report).profile()


@cache
def _patterns() -> tuple[re.Pattern[bytes], ...]:
    """(frame with what separates it from the next, begin of an entry, end of an entry); blanks are allowed between tokens."""
    frame = rb"(\(\s*+(%s)\s*+,\s*+(\d++)[lL]?\s*+,\s*+(%s)\s*+,?\s*+\))\s*+(,?)\s*+" % (_STRING, _STRING)
    return re.compile(frame, re.DOTALL), re.compile(rb"\s*+\(\s*+"), re.compile(rb"\)\s*+:\s*+(\d++)[lL]?\s*+(,?)\s*+")


class _Unusual(Exception):
    """Not written as ``repr`` writes it, or wrong; the token by token way tells which."""


class _Frames(dict[bytes, int]):
    """Location by the text between a frame's parentheses, as ``repr`` writes it."""

    def __init__(self, location: Callable[[re.Match[bytes]], int]) -> None:
        self._location = location

    def __missing__(self, text: bytes) -> int:
        found = _patterns()[0].fullmatch(b"(%s)" % text)
        if not found or found[5]:
            raise _Unusual
        try:
            location = self[text] = self._location(found)
        except FormatError:
            raise _Unusual from None
        return location


class _Parser:
    def __init__(self, data: bytes, limits: Limits, report: Report) -> None:
        self.data, self.limits, self.names, self.report = data, limits, Names(limits), report
        self.known: dict[bytes, int] = {}
        self.frames = _Frames(self.location)
        self.end = -1
        """Where the next "): " stands that was looked for."""

    def profile(self) -> Profile:
        data, paths, lengths, counts, told = self.data, array("q"), array("q"), array("q"), 0
        at = self.expect(rb"\s*+\{\s*+", 0, "'{'")
        while not data.startswith(b"}", at):
            try:
                path, at = self.usual_stack(at)
            except _Unusual:
                path, at = self.stack(at)
            count, at = self.count(at)
            paths.extend(path)
            lengths.append(len(path))
            counts.append(count)
            self.limits.check("frames", len(paths))
            self.limits.check("samples", len(lengths))
            if at - told >= STEP:
                told = at
                self.report("parsing", at, len(data))
        if data[at + 1 :].strip():
            raise FormatError(
                "there is more after the closing '}' of the profile; keep each profile in a file of its own", at + 1
            )
        root_first = column(reversed_rows(ints(paths), ints(lengths)))
        return profile_of(self.names, root_first, lengths, [counts], (SAMPLES,), self.limits)

    def usual_stack(self, at: int) -> tuple[list[int], int]:
        """As ``stack``, for one as ``repr`` writes it: frames are what stands between "), (", if every one of them is a frame."""
        if self.end < at:
            found = self.data.find(b"): ", at)
            self.end = len(self.data) if found < 0 else found
        end = self.end
        text = self.data[at:end]
        if len(text) > _LONGEST or not text.startswith(b"((") or not text.endswith((b")", b"),")):
            raise _Unusual
        frames = text[2:].removesuffix(b",")[:-1].split(b"), (")
        if text.endswith(b",") != (len(frames) == 1):
            raise _Unusual
        self.limits.check("depth", len(frames))
        return list(map(self.frames.__getitem__, frames)), end

    def stack(self, at: int) -> tuple[list[int], int]:
        """Locations, leaf first, and where the count begins."""
        frame_pattern, begin, _ = _patterns()
        opened = begin.match(self.data, at)
        if not opened:
            raise self.unexpected("'(' and a stack", at)
        at, path, known = opened.end(), [], self.known
        match, data = frame_pattern.match, self.data
        while found := match(data, at):
            text = found[1]
            location = known.get(text)
            if location is None:
                location = known[text] = self.location(found)
            path.append(location)
            at = found.end()
            if not found[5]:
                if len(path) == 1:
                    raise self.unexpected("',' after the only frame of a stack", at)
                return path, at
        if data.startswith(b")", at):
            self.limits.check("depth", len(path))
            return path, at
        raise self.unexpected("a frame ('file', line, 'function')", at)

    def location(self, frame: re.Match[bytes]) -> int:
        line = int(frame[3]) if len(frame[3]) < 11 else MAX_LINE + 1
        if line > MAX_LINE:
            raise FormatError(f"line {decoded(frame[3][:20])} is no line number", frame.start(3))
        file, name = (self.string(frame[group], frame.start(group)) for group in (2, 4))
        return self.names.location(name, file, 0, line)

    def count(self, at: int) -> tuple[int, int]:
        """The count, and where the next entry begins."""
        found = _patterns()[2].match(self.data, at)
        if not found:
            raise self.unexpected("'): ' and a count", at)
        count = int(found[1]) if len(found[1]) < 20 else INT64_MAX + 1
        if count > INT64_MAX:
            raise FormatError(f"the count {decoded(found[1][:20])}... is too large", found.start(1))
        if not found[2] and not self.data.startswith(b"}", found.end()):
            raise self.unexpected("',' or '}'", found.end())
        return count, found.end()

    def string(self, literal: bytes, offset: int) -> str:
        self.limits.check("string_bytes", len(literal))
        body = literal.lstrip(b"uUbB")[1:-1]
        text = decoded(body)
        if b"\\" not in body:
            return text
        text = unescaped(text, offset)
        if literal[:1] in b"uU" or not re.search(rb"\\x[89a-fA-F]", body):
            return clean(text)
        # Python 2 wrote the bytes of a name; Python 3 writes \x80 and above for a few unprintable characters only.
        try:
            return text.encode("latin-1").decode("utf-8")
        except UnicodeError:
            return clean(text)

    def expect(self, pattern: bytes, at: int, what: str) -> int:
        found = re.compile(pattern).match(self.data, at)
        if not found:
            raise self.unexpected(what, at)
        return found.end()

    def unexpected(self, wanted: str, at: int) -> FormatError:
        if at >= len(self.data):
            return FormatError(f"the file ends where {wanted} should follow; copy it again", at)
        return FormatError(f"{wanted} should follow, not {decoded(self.data[at : at + 20])!a}", at)


def unescaped(text: str, offset: int) -> str:
    """The string that a Python literal with this body stands for; ``repr`` writes no other escapes than these."""
    parts = text.split("\\")
    out, rest = [parts[0]], iter(parts[1:])
    for part in rest:
        kind = part[:1]
        if not kind:  # two backslashes: the part after them holds no escape
            out += ["\\", next(rest, "")]
        elif kind in _ESCAPES:
            out += [_ESCAPES[kind], part[1:]]
        else:
            digits = part[1 : 1 + _HEX_DIGITS.get(kind, 0)]
            if not re.fullmatch("[0-9a-fA-F]{2,8}", digits) or len(digits) != _HEX_DIGITS[kind] or int(digits, 16) > 0x10FFFF:
                raise FormatError(f"{chr(92) + part[:9]!a} is no escape that Python writes", offset)
            out += [chr(int(digits, 16)), part[1 + len(digits) :]]
    return "".join(out)
