"""Finding functions by name or file: a few passes over one blob of all strings, whatever is asked for.

Three ways to ask, none of which can take long: a substring or a glob (``*`` any text, ``?`` any character; it has to fit the
whole name), in any case; and a regular expression in RE2's syntax, which takes time linear in the blob. RE2 is the package
google-re2; without it, patterns that are plain text, or alternatives of such, are still answered.
"""

from __future__ import annotations

import importlib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plopi.errors import UsageError
from plopi.formats.strings import packed
from plopi.model import Profile
from plopi.viewer.analysis.columns import Ints, Mask

REGEX = "re:"
"""What a query for a regular expression begins with."""
QUICK_SECONDS = 0.5
"""A search on a page goes on for so long before it is cut."""
FEW = 20_000
"""As many occurrences as are looked up one by one; more are found by comparing whole columns."""
FREQUENCY_SAMPLE = 100_000
NEWLINE = 10
_META = re.compile(r"[\\^$.\[\]()*+?{}]")
_BYTES_OF_CHARACTER = np.array([1] * 0xC0 + [2] * 0x20 + [3] * 0x10 + [4] * 0x10, dtype=np.int64)


@dataclass(frozen=True)
class Lines:
    """Strings as lines of UTF-8, each ended by a newline; newlines within are spaces."""

    blob: bytes
    end: Ints
    """Where each string's newline stands."""

    @cached_property
    def array(self) -> NDArray[np.uint8]:
        return np.frombuffer(self.blob, dtype=np.uint8)

    @cached_property
    def start(self) -> Ints:
        return np.concatenate([[0], self.end[:-1] + 1]) if len(self.end) else self.end

    @cached_property
    def frequency(self) -> Ints:
        """How often each byte occurs, in a sample."""
        return np.bincount(self.array[:: len(self.blob) // FREQUENCY_SAMPLE + 1], minlength=256)

    def occurrences(self, text: bytes) -> Ints:
        """Every place where ``text``, which is not empty, occurs, overlapping ones too."""
        found: list[int] = []
        at = self.blob.find(text)
        while at >= 0:
            if len(found) == FEW:
                return self._by_columns(text)
            found.append(at)
            at = self.blob.find(text, at + 1)
        return np.array(found, dtype=np.int64)

    def _by_columns(self, text: bytes) -> Ints:
        rarest = min(range(len(text)), key=lambda i: int(self.frequency[text[i]]))
        start = np.flatnonzero(self.array == text[rarest]) - rarest
        start = start[(start >= 0) & (start + len(text) <= len(self.blob))]
        for offset, byte in enumerate(text):
            start = start[self.array[start + offset] == byte]
        return start

    def holding(self, places: Ints) -> Mask:
        """Which strings the places are in."""
        found = np.zeros(len(self.end), dtype=np.bool_)
        found[np.searchsorted(self.end, places)] = True
        return found

    def fitting(self, glob: str) -> Mask:
        """Which strings a glob fits as a whole. Between stars the first fit is as good as any, so each piece is one pass."""
        first, *others = _pieces(glob)
        row = self._beginning(first)
        reached = self._after(first, self.start[row])
        fits = (reached >= 0) if others else (reached == self.end[row])
        row, reached = row[fits], reached[fits]
        for number, piece in enumerate(others, 1):
            if not piece:
                continue
            last = number == len(others)
            if last and len(piece) == 1:  # plain text at the end
                inside = self._after(piece, np.maximum(self.end[row] - len(piece[0]), reached)) == self.end[row]
                row = row[inside]
                continue
            at = self.occurrences(piece[0])
            after = self._after(piece, at)
            good = (after == self.end[np.searchsorted(self.end, at)]) if last else after >= 0
            inside = self.holding(at[good])[row]
            row, reached = row[inside], reached[inside]
            at, after = np.append(at[good], len(self.blob)), np.append(after[good], len(self.blob))
            found = np.searchsorted(at, reached)
            inside = after[found] <= self.end[row]
            row, reached = row[inside], after[found][inside]
        fitting = np.zeros(len(self.end), dtype=np.bool_)
        fitting[row] = True
        return fitting

    def _beginning(self, piece: Sequence[bytes]) -> Ints:
        """Strings that may begin with a piece: those before which a newline and its text stand, or else all."""
        if not piece or piece[0] == b"?":
            return np.arange(len(self.end))
        at = self.occurrences(b"\n" + piece[0]) + 1
        return np.searchsorted(self.end, np.append(0, at) if self.blob.startswith(piece[0]) else at)

    def _after(self, piece: Sequence[bytes], at: Ints) -> Ints:
        """Where a piece that begins at each place ends; -1 where it does not fit there."""
        after = np.full(len(at), -1, dtype=np.int64)
        alive = np.arange(len(at))
        for token in piece:
            for wanted in token:
                alive, at = alive[at < len(self.blob)], at[at < len(self.blob)]
                here = self.array[at]
                fits = here != NEWLINE if token == b"?" else here == wanted
                step = _BYTES_OF_CHARACTER[here[fits]] if token == b"?" else 1
                alive, at = alive[fits], at[fits] + step
        after[alive] = at
        return after


def _pieces(glob: str) -> list[list[bytes]]:
    """What stands between the stars: texts, and ``?`` for one character, which goes before a star that it follows."""
    pieces: list[list[bytes]] = []
    for part in glob.split("*"):
        tokens = [token.encode("utf-8", "surrogatepass") for token in re.split(r"(\?)", part) if token]
        while pieces and tokens and tokens[0] == b"?":
            before = next((piece for piece in reversed(pieces) if piece), pieces[0])
            before.append(tokens.pop(0))
        pieces.append(tokens)
    return pieces


class Texts:
    """The string table, ready to be searched without a loop over strings."""

    def __init__(self, strings: Sequence[str], exact: Lines | None = None) -> None:
        """``exact``: the lines, where they were prepared."""
        self._strings = strings
        self._exact = exact

    @cached_property
    def exact(self) -> Lines:
        if self._exact is not None:
            return self._exact
        whole = packed(self._strings)
        count = len(whole)
        end = np.asarray(whole.offsets[1:], dtype=np.int64) + np.arange(count)
        blob = np.frombuffer(bytes(whole.blob).replace(b"\n", b" "), dtype=np.uint8)
        inside = np.ones(len(blob) + count, dtype=np.bool_)
        inside[end] = False
        lines = np.full(len(inside), NEWLINE, dtype=np.uint8)
        lines[inside] = blob
        return Lines(lines.tobytes(), end)

    @cached_property
    def lowered(self) -> Lines:
        exact = self.exact
        if exact.blob.isascii():
            return Lines(exact.blob.lower(), exact.end)
        blob = exact.blob.decode("utf-8", "replace").lower().encode("utf-8")
        return Lines(blob, np.flatnonzero(np.frombuffer(blob, dtype=np.uint8) == NEWLINE))

    def containing(self, query: str) -> Mask:
        """Which strings contain ``query``, in any case; which it fits where it is a glob."""
        wanted = query.lower().replace("\n", " ")
        if "*" in wanted or "?" in wanted:
            return self.lowered.fitting(wanted)
        return self._holding(self.lowered, wanted)

    def _holding(self, lines: Lines, text: str) -> Mask:
        if not text:
            return np.ones(len(lines.end), dtype=np.bool_)
        return lines.holding(lines.occurrences(text.encode("utf-8", "surrogatepass")))

    def matching(self, pattern: str, seconds: float = float("inf")) -> tuple[Mask, bool]:
        """Which strings match a regular expression somewhere, in the case given; and whether the search was cut for time.

        Raises UsageError where the pattern is none, or is more than plain text and google-re2 is not installed.
        """
        if not _META.search(pattern):
            found = np.zeros(len(self._strings), dtype=np.bool_)
            for text in pattern.split("|"):
                found |= self._holding(self.exact, text.replace("\n", " "))
            return found, False
        ends: list[int] = []
        deadline = time.monotonic() + seconds
        cut = False
        for match in _compiled(pattern).finditer(self.exact.blob):
            ends.append(match.end())
            if len(ends) % 1024 == 0 and time.monotonic() > deadline:
                cut = True
                break
        places = np.array(ends, dtype=np.int64)
        return self.exact.holding(places[places < len(self.exact.blob)]), cut  # after the last newline, there is no string


def _compiled(pattern: str) -> Any:
    """The pattern by RE2, to be matched once in each line at most."""
    try:
        re2 = importlib.import_module("re2")
    except ImportError:
        raise UsageError(
            f"The pattern {pattern!r} needs google-re2, which is not installed: install it, or search for plain text."
        ) from None
    options = re2.Options()
    options.never_nl, options.log_errors, options.never_capture = True, False, True
    try:
        re2.compile(pattern, options)
        return re2.compile(f"(?m)^.*?(?:{pattern})".encode("utf-8", "backslashreplace"), options)
    except re2.error as error:
        reason = error.args[0] if error.args else "it cannot be read"
        told = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise UsageError(f"RE2 does not take the regular expression {pattern!r} ({told}): mend it, or search for text.") from None


@dataclass(frozen=True)
class Found:
    """By function, whether it was found; ``cut``: the search was given up before its end, so there may be more."""

    functions: Mask
    cut: bool = False


class RefusedSearch(UsageError):
    """What is looked for cannot be understood; whatever else was asked could be answered."""


class RefusedPattern(UsageError):
    """A pattern of focus, ignore or hide cannot be understood; without it the question could be answered."""

    def __init__(self, message: str, pattern: str) -> None:
        super().__init__(message)
        self.pattern = pattern


def search(profile: Profile, texts: Texts, query: str) -> Found:
    """Functions whose name or file is asked for: a substring, a glob, or after ``re:`` a regular expression.

    Raises RefusedSearch where that is none.
    """
    if query.startswith(REGEX):
        try:
            strings, cut = texts.matching(query.removeprefix(REGEX), QUICK_SECONDS)
        except UsageError as error:
            raise RefusedSearch(str(error)) from None
        return Found(_either(profile, strings), cut)
    return Found(_either(profile, texts.containing(query)))


def matching(profile: Profile, texts: Texts, pattern: str) -> Mask:
    """Functions whose name or file matches a regular expression somewhere, as in pprof; never cut. For focus, ignore and hide.

    Raises RefusedPattern where the pattern is none.
    """
    try:
        strings, _ = texts.matching(pattern)
    except UsageError as error:
        raise RefusedPattern(str(error), pattern) from None
    return _either(profile, strings)


def _either(profile: Profile, strings: Mask) -> Mask:
    either: Mask = strings[np.asarray(profile.functions.name)] | strings[np.asarray(profile.functions.file)]
    return either
