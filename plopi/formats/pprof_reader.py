"""Reading pprof into columns: plopi's own files, recordings that still grow, and what other profilers write."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from plopi.errors import FormatError
from plopi.formats import fast
from plopi.formats.comments import about_from, number_of
from plopi.formats.fragments import extent, is_recording
from plopi.formats.interning import Tree
from plopi.formats.limits import INT64_MAX, Limits
from plopi.formats.pprof_samples import Labels, SampleRows, rows_of_columns, sample_rows
from plopi.formats.pprof_schema import parsed, schema
from plopi.formats.pprof_tables import FunctionTable, LocationTable, Texts
from plopi.formats.progress import Report, silent
from plopi.formats.ragged import Ints, column
from plopi.formats.strings import Strings, packed
from plopi.formats.text import decoded
from plopi.formats.units import NANOSECONDS
from plopi.model import (
    STACKS,
    About,
    Column,
    Cursor,
    Functions,
    Locations,
    Profile,
    Samples,
    SampleType,
    Stacks,
    Threads,
    Windows,
)


def read(data: bytes, limits: Limits, report: Report = silent) -> Profile:
    torn, content = 0, memoryview(data)
    if is_recording(data):
        found = extent(data)
        if not found.fragments:
            raise FormatError(
                "the recording was cut off before its first flush and holds nothing yet; wait for it, or record again", 0
            )
        torn, content = found.torn, content[: found.whole]
    return Rows(limits).add(bytes(content), report, torn).profile()


@dataclass(frozen=True)
class Appended:
    """The rows that a message added to each table. Ids count from the first row of all, ``since`` tells how many there were."""

    since: Cursor
    sample_types: tuple[SampleType, ...]
    strings: Strings
    functions: Functions
    locations: Locations
    stacks: Stacks
    threads: Threads
    windows: Windows
    samples: Samples
    about: About
    """Of the whole profile so far."""

    def profile(self) -> Profile:
        """These rows as a profile; to be had where nothing came before them."""
        if self.since != Cursor():
            raise ValueError("rows that go on from others are no profile")
        tables = (self.functions, self.locations, self.stacks, self.threads, self.windows, self.samples)
        return Profile(STACKS, self.sample_types, self.strings, *tables, calls=None, about=self.about)


class Rows:
    """What has been read of one profile: enough to go on with the next message (a recording has many, other files have one)."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._texts = Texts(limits)
        self._functions = FunctionTable(self._texts, limits)
        self._locations = LocationTable(self._functions, self._texts, limits)
        self._labels = Labels(self._texts)
        self._tree = Tree(limits)
        self._types: list[tuple[SampleType, int]] = []
        """With the factor that makes a value nanoseconds."""
        self._about = About()
        self._period: int | None = None
        self._period_scale = 0
        self._usual_window: int | None = None
        self._is_own: bool | None = None
        self._cursor = Cursor()

    def add(self, data: bytes, report: Report = silent, torn: int = 0) -> Appended:
        """The next message, of which the file still holds ``torn`` bytes that cannot be read."""
        size = len(data)
        found = fast.samples(data, self._limits)
        report("parsing", size // 4, size)
        raw = parsed(schema().Profile if found is None else schema().LeanProfile, data)
        self._check_counts(raw, len(raw.sample if found is None else found.lengths))
        self._describe(raw)
        self._functions.add(list(raw.function))
        self._locations.add(list(raw.location), list(raw.mapping))
        report("parsing", size // 2, size)
        rows = rows_of_columns(found) if found else sample_rows(list(raw.sample), bool(self._is_own), self._limits)
        report("parsing", size * 3 // 4, size)
        stacks = self._locations.stacks(rows.locations, rows.lengths)
        found, rows = None, replace(rows, locations=np.empty(0, np.int64))  # they may take more than all that is made of them
        trie = self._tree.add(*stacks)
        del stacks
        weights = self._weights(rows)
        self._labels.add_windows(raw.window)
        thread, window = self._labels.rows(rows)
        samples = Samples(column(trie.stack[rows.path]), column(thread), column(window), weights)
        return self._appended(Stacks(column(trie.parent), column(trie.location)), samples, torn)

    def _appended(self, stacks: Stacks, samples: Samples, torn: int) -> Appended:
        since, labels = self._cursor, self._labels
        threads = labels.threads.columns(since.threads)
        windows = labels.windows_since(since.windows, self._usual_window)
        functions, locations = self._functions.taken(), self._locations.taken()
        strings = packed(self._texts.taken())
        self._cursor = Cursor(
            since.epoch,
            since.strings + len(strings),
            self._functions.count,
            self._locations.count,
            self._tree.count,
            len(labels.threads),
            labels.windows(),
            since.samples + len(samples),
        )
        return Appended(
            since,
            tuple(each for each, _ in self._types),
            strings,
            Functions(*map(column, functions)),
            Locations(*map(column, locations)),
            stacks,
            Threads(*threads),
            Windows(*map(column, windows)),
            samples,
            _with_torn(self._about, torn),
        )

    def _check_counts(self, raw: Any, samples: int) -> None:
        """Before anything of them is parsed."""
        for name, number in (("functions", len(raw.function)), ("locations", len(raw.location)), ("samples", samples)):
            self._limits.check(name, getattr(self._cursor, name) + number)

    def _describe(self, raw: Any) -> None:
        """Everything that is no row."""
        text = self._texts.text
        self._texts.add(list(raw.string_table))
        if raw.sample_type and self._types:
            raise FormatError("two profiles were appended to each other; keep each profile in a file of its own")
        self._types += [_sample_type(text(each.type), text(each.unit)) for each in raw.sample_type]
        if not self._types:
            raise FormatError("the profile has no sample types; it is no pprof profile, or was cut off")
        comments = [text(index) for index in raw.comment]
        comments += [decoded(line) for line in raw.status]
        if self._is_own is None:
            self._is_own = bool(comments) and comments[0].startswith("plopi: ")
        if raw.HasField("period_type"):
            self._period_scale = NANOSECONDS.get(text(raw.period_type.unit).lower(), 0)
        if raw.HasField("period"):
            self._period = raw.period
        about = replace(
            self._about,
            started_ns=_possible(raw.time_nanos) if raw.HasField("time_nanos") else self._about.started_ns,
            duration_ns=_possible(raw.duration_nanos) if raw.HasField("duration_nanos") else self._about.duration_ns,
            period_ns=_possible(self._period * self._period_scale) if self._period is not None and self._period_scale else None,
        )
        self._about = about_from(about, comments)
        usual = number_of("window_ns", comments)
        self._usual_window = self._usual_window if usual is None else usual

    def _weights(self, rows: SampleRows) -> tuple[Column, ...]:
        """A column for each sample type, times in nanoseconds."""
        wrong = rows.counts[rows.counts != len(self._types)]
        if len(wrong):
            raise FormatError(
                f"a sample has {int(wrong[0])} values where the profile has {len(self._types)} sample types: "
                "the file is damaged, or two profiles were appended to each other; keep each profile in a file of its own"
            )
        values = rows.values.reshape(-1, len(self._types)).T
        return tuple(column(_scaled(each, scale, kind.name)) for each, (kind, scale) in zip(values, self._types))


def _sample_type(name: str, unit: str) -> tuple[SampleType, int]:
    scale = NANOSECONDS.get(unit.lower(), 0)
    return SampleType(name, "nanoseconds" if scale else unit), max(1, scale)


def _scaled(values: Ints, scale: int, name: str) -> Ints:
    if scale == 1 or not len(values):
        return values
    if max(abs(int(values.max())), abs(int(values.min()))) > INT64_MAX // scale:
        raise FormatError(f"a value of {name} is too large to be told in nanoseconds")
    return np.multiply(values, scale)


def _possible(ns: int) -> int | None:
    """A time; None for what cannot be one."""
    return ns if 0 <= ns <= INT64_MAX else None


def _with_torn(about: About, torn: int) -> About:
    if not torn:
        return about
    note = f"the last {torn:,} bytes of the recording are torn and were skipped"
    return replace(about, notes=(*about.notes, note))
