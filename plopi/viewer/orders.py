"""Profiles in one order, kept up as they change.

What looks at all profiles is left to functions in C where it can be, and makes nothing for each that Python's garbage collector
would look through.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator, Sequence
from itertools import compress, repeat
from operator import attrgetter, contains, itemgetter
from typing import Any, NamedTuple

from plopi.viewer.entries import Entry, Status, shown
from plopi.viewer.readers.results import Key, Summary

BY_TEXT = frozenset(("name", "file", "format", "status", "host", "command", "python", "engine", "mode"))
STEP = 2000
"""So many profiles are looked at in less than a millisecond or two."""


class Listed(NamedTuple):
    """A profile as it was at one moment, since ``entry`` changes: what is sorted by and searched."""

    id: str
    name: str
    file: str
    key: Key
    summary: Summary | None
    status: Status
    tags: tuple[str, ...]
    text: str
    """What the index shows of it, to be searched for words. To make it takes longer than the search."""
    entry: Entry

    @classmethod
    def of(cls, entry: Entry, now_ns: int) -> Listed:
        found, summary, status = entry.found, entry.summary, entry.status(now_ns)
        parts = [entry.name, shown(found.name), status, entry.reason or "", *entry.tags]
        if summary is not None:
            about = summary.about
            parts += [summary.format, about.host, str(about.pid or ""), about.command, about.python, about.engine, about.mode]
        text = "\n".join(parts).casefold()
        return cls(entry.id, entry.name, found.name, found.key, summary, status, entry.tags, text, entry)


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
        """Numbers fall as their negatives rise, so that equal ones still come by name."""
        self._reversed = which.descending and not self._negated
        self._known: list[Listed] = []
        self._unknown: list[Listed] = []

    def __len__(self) -> int:
        return len(self._known) + len(self._unknown)

    def fill(self, profiles: Sequence[Listed]) -> Iterator[None]:
        """Take these, which come by name, all of them before anything else, in steps that take a millisecond or two."""
        known: list[Listed] = []
        values: list[Any] = []
        for start in range(0, len(profiles), STEP):
            found = self._asked_for(profiles[start : start + STEP])
            placed_by = self._values_of(found)
            if None in placed_by:
                self._unknown += [each for each, value in zip(found, placed_by) if value is None]
                found = [each for each, value in zip(found, placed_by) if value is not None]
                placed_by = [value for value in placed_by if value is not None]
            known += found
            values += placed_by
            yield
        self._known = list(map(known.__getitem__, sorted(range(len(known)), key=values.__getitem__, reverse=self._negated)))

    def replace(self, before: Listed | None, after: Listed | None) -> None:
        """One profile has come, gone or changed."""
        old = self._place(before) if before is not None and self._asked_for((before,)) else None
        new = self._place(after) if after is not None and self._asked_for((after,)) else None
        if old == new:
            return
        if old is not None:
            rows = self._rows_at(old)
            del rows[bisect.bisect_left(rows, old, key=self._place)]
        if after is not None and new is not None:
            bisect.insort(self._rows_at(new), after, key=self._place)

    def rows(self, start: int, end: int) -> list[str]:
        """The ids from place ``start`` to ``end``."""
        known = len(self._known)
        first, last = min(start, known), min(end, known)
        found = self._known[known - last : known - first][::-1] if self._reversed else self._known[first:last]
        return [row.id for row in (*found, *self._unknown[start - first : end - last])]

    def _asked_for(self, profiles: Sequence[Listed]) -> Sequence[Listed]:
        for word in self.which.words:
            profiles = list(compress(profiles, map(contains, map(_TEXT, profiles), repeat(word))))
        tag = self.which.tag
        return [each for each in profiles if tag in each.tags] if tag else profiles

    def _rows_at(self, place: tuple[Any, str, str]) -> list[Listed]:
        return self._unknown if place[0] is None else self._known

    def _place(self, profile: Listed) -> tuple[Any, str, str]:
        (value,) = self._values_of((profile,))
        return -value if self._negated and value is not None else value, profile.name, profile.id


def by_name(entries: list[Entry]) -> list[Entry]:
    """By name and id, as ``Order.fill`` takes them. Names sort faster than pairs, and hardly ever do two profiles share one."""
    of_name = attrgetter("name")
    some_recur = len(set(map(of_name, entries))) < len(entries)
    return sorted(entries, key=attrgetter("name", "id") if some_recur else of_name)


_TEXT = itemgetter(Listed._fields.index("text"))


def _values_of(sort: str) -> Callable[[Sequence[Listed]], list[Any]]:
    """What profiles are sorted by; None where it is not known."""
    if sort in ("size", "mtime_ns"):
        of_key = attrgetter(f"key.{sort}")
        return lambda profiles: list(map(of_key, profiles))
    if sort == "started_ns":  # files that do not tell take the place that their age gives them
        return lambda profiles: [(each.summary and each.summary.about.started_ns) or each.key.mtime_ns for each in profiles]
    if sort in ("name", "file", "status"):
        of_profile = attrgetter(sort)
        return lambda profiles: [of_profile(each).casefold() for each in profiles]
    of_summary = attrgetter(sort if sort in ("format", "samples") else f"about.{sort}")
    if sort in BY_TEXT:
        return lambda profiles: [(each.summary and of_summary(each.summary).casefold()) or None for each in profiles]
    return lambda profiles: [each.summary and of_summary(each.summary) for each in profiles]
