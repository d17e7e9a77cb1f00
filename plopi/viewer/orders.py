"""Profiles in one order, kept up as they change."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

from plopi.viewer.entries import Entry, shown

BY_TEXT = frozenset(("name", "file", "format", "status", "host", "command", "python", "engine", "mode"))
RUN = 512
"""About so many rows are sorted at a time: a thread that sorts lets no other have its turn."""


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
        self._value = _value_of(which.sort)
        self._negated = which.descending and which.sort not in BY_TEXT
        """Numbers fall by rising negated, so that equal ones still come by name."""
        self._reversed = which.descending and not self._negated
        self._known: list[tuple[Any, str, str]] = []
        self._unknown: list[tuple[str, str]] = []
        self._places: dict[str, tuple[Any, ...]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def fill(self, entries: Iterable[Entry], texts: Mapping[str, str], now_ns: int) -> None:
        """Take these, all at once."""
        for entry in self._asked_for(entries, texts):
            place: Any = self._place(entry, now_ns)
            self._places[entry.id] = place
            (self._known if len(place) == 3 else self._unknown).append(place)
        self._known, self._unknown = _sorted(self._known), _sorted(self._unknown)

    def drop(self, profile_id: str) -> None:
        place: Any = self._places.pop(profile_id, None)
        if place is not None:
            rows: list[Any] = self._known if len(place) == 3 else self._unknown
            del rows[bisect.bisect_left(rows, place)]

    def put(self, entry: Entry, texts: Mapping[str, str], now_ns: int) -> None:
        place: Any = self._place(entry, now_ns) if self._asked_for((entry,), texts) else None
        if place == self._places.get(entry.id):
            return
        self.drop(entry.id)
        if place is not None:
            self._places[entry.id] = place
            bisect.insort(self._known if len(place) == 3 else self._unknown, place)

    def rows(self, start: int, end: int) -> list[str]:
        """The ids from place ``start`` to ``end``."""
        known = len(self._known)
        first, last = min(start, known), min(end, known)
        found = self._known[known - last : known - first][::-1] if self._reversed else self._known[first:last]
        return [row[-1] for row in (*found, *self._unknown[start - first : end - last])]

    def _asked_for(self, entries: Iterable[Entry], texts: Mapping[str, str]) -> list[Entry]:
        tag, found = self.which.tag, list(entries)
        if tag:
            found = [entry for entry in found if tag in entry.tags]
        for word in self.which.words:
            found = [entry for entry in found if word in texts[entry.id]]
        return found

    def _place(self, entry: Entry, now_ns: int) -> tuple[Any, ...]:
        value = self._value(entry, now_ns)
        if value is None or value == "":
            return (entry.name, entry.id)
        return (-value if self._negated else value, entry.name, entry.id)


def text_of(entry: Entry, now_ns: int) -> str:
    """What the index shows as text, to be searched for words."""
    parts = [entry.name, shown(entry.found.name), entry.status(now_ns), entry.reason or "", *entry.tags]
    if entry.summary is not None:
        about = entry.summary.about
        parts += [entry.summary.format, about.host, str(about.pid or ""), about.command, about.python, about.engine, about.mode]
    return "\n".join(parts).casefold()


def _value_of(sort: str) -> Callable[[Entry, int], Any]:
    """What profiles are sorted by; None where it is not known."""
    if sort == "name":
        return lambda entry, now_ns: entry.name.casefold()
    if sort == "file":
        return lambda entry, now_ns: entry.found.name.casefold()
    if sort == "status":
        return Entry.status
    if sort == "started_ns":  # files that do not tell take the place that their age gives them
        return lambda entry, now_ns: (entry.summary and entry.summary.about.started_ns) or entry.found.key.mtime_ns
    if sort in ("size", "mtime_ns"):
        of_key = attrgetter(sort)
        return lambda entry, now_ns: of_key(entry.found.key)
    of_summary = attrgetter(sort if sort in ("format", "samples") else f"about.{sort}")
    if sort in BY_TEXT:
        return lambda entry, now_ns: entry.summary and of_summary(entry.summary).casefold()
    return lambda entry, now_ns: entry.summary and of_summary(entry.summary)


def _sorted(rows: list[Any]) -> list[Any]:
    """What ``sorted`` makes of them, in steps: parted by some of them first."""
    marks = sorted(rows[:: max(1, RUN // 8)])[8::8]
    parts: list[list[Any]] = [[] for _ in range(len(marks) + 1)]
    for row in rows:
        parts[bisect.bisect(marks, row)].append(row)
    return [row for part in parts for row in sorted(part)]
