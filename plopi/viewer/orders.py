"""Profiles in one order, kept up as they change.

What looks at all profiles is left to functions in C where it can be, and makes nothing for each that Python's garbage collector
would look through.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator, Sequence
from itertools import compress, repeat
from operator import attrgetter, contains
from typing import Any, NamedTuple

from plopi.viewer.entries import Entry, shown

BY_TEXT = frozenset(("name", "file", "format", "status", "host", "command", "python", "engine", "mode"))
id_of_entry, name_of_entry = attrgetter("id"), attrgetter("name")
STEP = 2000
"""So many profiles are looked at in less than a millisecond or two."""


class Which(NamedTuple):
    """What an order depends on."""

    words: tuple[str, ...]
    tag: str
    sort: str
    descending: bool


class Order:
    """What has no value there comes last, by name, in either direction."""

    def __init__(self, which: Which) -> None:
        self.which = which
        self._values_of = _values_of(which.sort)
        self._negated = which.descending and which.sort not in BY_TEXT
        """Numbers fall by rising negated, so that equal ones still come by name."""
        self._reversed = which.descending and not self._negated
        self._known: list[Entry] = []
        self._unknown: list[Entry] = []
        self._values: dict[str, Any] = {}
        """By id, as they were when it was placed: an entry changes."""

    def __len__(self) -> int:
        return len(self._values)

    def fill(self, entries: Sequence[Entry], texts: Sequence[str], now_ns: int) -> Iterator[None]:
        """Take these, which come by name, all of them before anything else, in steps that take a millisecond or two."""
        known: list[Entry] = []
        values: list[Any] = []
        for start in range(0, len(entries), STEP):
            found = self._asked_for(entries[start : start + STEP], texts[start : start + STEP])
            placed_by = self._placed_by(found, now_ns)
            self._values.update(zip(map(id_of_entry, found), placed_by))
            if None in placed_by:
                self._unknown += [entry for entry, value in zip(found, placed_by) if value is None]
                found = [entry for entry, value in zip(found, placed_by) if value is not None]
                placed_by = [value for value in placed_by if value is not None]
            known += found
            values += placed_by
            yield
        self._known = list(map(known.__getitem__, sorted(range(len(known)), key=values.__getitem__)))

    def drop(self, entry: Entry) -> None:
        if entry.id in self._values:
            rows = self._rows_of(entry)
            del rows[bisect.bisect_left(rows, self._place(entry), key=self._place)]
            del self._values[entry.id]

    def put(self, entry: Entry, text: str, now_ns: int) -> None:
        if not self._asked_for((entry,), (text,)):
            self.drop(entry)
            return
        (value,) = self._placed_by((entry,), now_ns)
        if entry.id in self._values and self._values[entry.id] == value:
            return
        self.drop(entry)
        self._values[entry.id] = value
        bisect.insort(self._rows_of(entry), entry, key=self._place)

    def rows(self, start: int, end: int) -> list[str]:
        """The ids from place ``start`` to ``end``."""
        known = len(self._known)
        first, last = min(start, known), min(end, known)
        found = self._known[known - last : known - first][::-1] if self._reversed else self._known[first:last]
        return [row.id for row in (*found, *self._unknown[start - first : end - last])]

    def _asked_for(self, entries: Sequence[Entry], texts: Sequence[str]) -> Sequence[Entry]:
        for word in self.which.words:
            hits = list(map(contains, texts, repeat(word)))
            entries, texts = list(compress(entries, hits)), list(compress(texts, hits))
        tag = self.which.tag
        return [entry for entry in entries if tag in entry.tags] if tag else entries

    def _placed_by(self, entries: Sequence[Entry], now_ns: int) -> list[Any]:
        """The value of each; None where there is none."""
        values = self._values_of(entries, now_ns)
        if self._negated:
            return [None if value is None else -value for value in values]
        return [None if value == "" else value for value in values] if self.which.sort in BY_TEXT else values

    def _rows_of(self, entry: Entry) -> list[Entry]:
        return self._unknown if self._values[entry.id] is None else self._known

    def _place(self, entry: Entry) -> tuple[Any, str, str]:
        return self._values[entry.id], entry.name, entry.id


def by_name(entries: list[Entry]) -> list[Entry]:
    """By name and id, as ``Order.fill`` takes them: numbers sort and strings sort, where pairs of them take their time."""
    return sorted(sorted(entries, key=id_of_entry), key=name_of_entry)


def text_of(entry: Entry, now_ns: int) -> str:
    """What the index shows as text, to be searched for words."""
    parts = [entry.name, shown(entry.found.name), entry.status(now_ns), entry.reason or "", *entry.tags]
    if entry.summary is not None:
        about = entry.summary.about
        parts += [entry.summary.format, about.host, str(about.pid or ""), about.command, about.python, about.engine, about.mode]
    return "\n".join(parts).casefold()


def _values_of(sort: str) -> Callable[[Sequence[Entry], int], list[Any]]:
    """What profiles are sorted by; None or no text where it is not known."""
    if sort in ("name", "file"):
        of_entry = name_of_entry if sort == "name" else attrgetter("found.name")
        return lambda entries, now_ns: [text.casefold() for text in map(of_entry, entries)]
    if sort == "status":
        return lambda entries, now_ns: [entry.status(now_ns) for entry in entries]
    if sort == "started_ns":  # files that do not tell take the place that their age gives them
        return lambda entries, now_ns: [
            (entry.summary and entry.summary.about.started_ns) or entry.found.key.mtime_ns for entry in entries
        ]
    if sort in ("size", "mtime_ns"):
        of_key = attrgetter(f"found.key.{sort}")
        return lambda entries, now_ns: list(map(of_key, entries))
    of_summary = attrgetter(sort if sort in ("format", "samples") else f"about.{sort}")
    if sort in BY_TEXT:
        return lambda entries, now_ns: [entry.summary and of_summary(entry.summary).casefold() for entry in entries]
    return lambda entries, now_ns: [entry.summary and of_summary(entry.summary) for entry in entries]
