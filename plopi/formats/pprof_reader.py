"""Reading pprof into columns: plopi's own files, recordings that still grow, and what other profilers write."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from plopi.errors import FormatError
from plopi.formats import ragged
from plopi.formats.columns import Table, ints
from plopi.formats.comments import about_from, number_of
from plopi.formats.fragments import extent, is_recording
from plopi.formats.limits import INT64_MAX, MAX_LINE, Limits
from plopi.formats.pprof_schema import Schema, schema
from plopi.formats.progress import Report, silent
from plopi.formats.ragged import Ints, column
from plopi.formats.text import decoded
from plopi.formats.units import NANOSECONDS
from plopi.model import NONE, STACKS, About, Column, Functions, Locations, Profile, Samples, SampleType, Stacks, Threads, Windows

UNKNOWN = "<unknown>"
_THREAD_NAME = ("thread", "thread name", "thread_name")
_THREAD_ID = ("thread_id", "thread id")
_WINDOW = "window"


def read(data: bytes, limits: Limits, report: Report = silent) -> Profile:
    report("parsing", 0, len(data))
    torn = 0
    if is_recording(data):
        found = extent(data)
        if not found.fragments:
            raise FormatError(
                "the recording was cut off before its first flush and holds nothing yet; wait for it, or record again", 0
            )
        torn = found.torn
        data = data[: found.whole]
    profile = _Reader(data, limits).profile()
    if not torn:
        return profile
    note = f"the last {torn:,} bytes of the recording are torn and were skipped"
    return replace(profile, about=replace(profile.about, notes=(*profile.about.notes, note)))


class _Strings:
    """The string table of a profile, decoded when asked for, and the model's strings made from it."""

    def __init__(self, raw: Sequence[bytes], limits: Limits) -> None:
        limits.check("strings", len(raw))
        self._raw, self._limits = raw, limits
        self._ids: dict[str, int] = {}

    def text(self, index: int) -> str:
        if not 0 <= index < len(self._raw):
            raise FormatError(f"string {index} is asked for, but the profile has {len(self._raw)}; copy the file again")
        raw = self._raw[index]
        self._limits.check("string_bytes", len(raw))
        return decoded(raw)

    def id(self, text: str) -> int:
        return self._ids.setdefault(text, len(self._ids))

    def all(self) -> tuple[str, ...]:
        return tuple(self._ids)


class _Reader:
    """One profile's parts, read in the order in which they need each other."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.limits, self.schema = limits, schema()
        self.raw = parsed(self.schema.Profile, data)
        self.strings = _Strings(list(self.raw.string_table), limits)
        limits.check("functions", len(self.raw.function))
        limits.check("locations", len(self.raw.location))
        limits.check("samples", len(self.raw.sample))
        self.comments = [self.strings.text(index) for index in self.raw.comment]
        self.comments += [decoded(line) for line in self.raw.status]

    def profile(self) -> Profile:
        if not self.raw.sample_type:
            raise FormatError("the profile has no sample types; it is no pprof profile, or was cut off")
        functions, function_rows = self.functions()
        places = self.places(functions, function_rows)
        rows = _packed_rows(self.raw.sample, self.schema, places, self.limits) if self.is_own() else None
        rows = rows or _rows(self.raw.sample, self.schema, places, self.limits)
        flat, lengths = ragged.replaced(
            ragged.reversed_rows(rows.locations, rows.lengths), rows.lengths, places.parts, places.part_lengths
        )
        trie = ragged.trie(flat, lengths, self.limits)
        sample_types, weights = self.weights(rows)
        labels = _Labels(self)
        of_labels = np.array([labels.thread_and_window(raw) for raw in rows.labels] or [(NONE, NONE)], np.int64)
        thread, window = of_labels[rows.label].T if len(rows.label) else (np.empty(0, np.int64),) * 2
        return Profile(
            shape=STACKS,
            sample_types=sample_types,
            strings=self.strings.all(),
            functions=Functions(*functions.columns()),
            locations=Locations(*places.locations.columns()),
            stacks=Stacks(column(trie.parent), column(trie.location)),
            threads=Threads(*labels.threads.columns()),
            windows=Windows(*labels.windows()),
            samples=Samples(column(trie.stack[rows.path]), column(thread), column(window), weights),
            calls=None,
            about=self.about(),
        )

    def is_own(self) -> bool:
        return bool(self.comments) and self.comments[0].startswith("plopi: ")

    def about(self) -> About:
        raw = self.raw
        about = About(
            started_ns=raw.time_nanos if raw.HasField("time_nanos") else None,
            duration_ns=raw.duration_nanos if raw.HasField("duration_nanos") else None,
            period_ns=raw.period * self.period_scale() if raw.HasField("period") and self.period_scale() else None,
        )
        return about_from(about, self.comments)

    def period_scale(self) -> int:
        """Nanoseconds of one unit of the period; 0 where it is no time."""
        return NANOSECONDS.get(self.strings.text(self.raw.period_type.unit).lower(), 0)

    def functions(self) -> tuple[Table, dict[int, int]]:
        """The functions, equal ones put together, and id -> row."""
        table = Table(3)
        rows: dict[int, int] = {}
        for raw in self.raw.function:
            function = parsed(self.schema.Function, raw)
            if function.id in rows:
                raise _appended("function", function.id)
            name = self.strings.text(function.name or function.system_name) if function.name or function.system_name else UNKNOWN
            file = self.strings.text(function.filename)
            rows[function.id] = table.row(self.strings.id(name), self.strings.id(file), _line(function.start_line))
        return table, rows

    def places(self, functions: Table, function_rows: dict[int, int]) -> _Places:
        """pprof's locations as the model's: one with several lines (inlined calls) is several, the last line the outermost."""
        mappings = {mapping.id: self.strings.text(mapping.filename) for mapping in self.raw.mapping}
        table, parts, part_lengths = Table(2), [], []
        rows: dict[int, int] = {}
        for raw in self.raw.location:
            location = parsed(self.schema.Location, raw)
            if location.id in rows:
                raise _appended("location", location.id)
            rows[location.id] = len(rows)
            lines = [(line.function_id, _line(line.line)) for line in location.line]
            for function_id, line in reversed(lines):
                if function_id and function_id not in function_rows:
                    raise FormatError(
                        f"location {location.id} is in function {function_id}, which is not there; copy the file again"
                    )
                function = function_rows[function_id] if function_id else self.nameless(functions, UNKNOWN, "")
                parts.append(table.row(function, line))
            if not lines:
                name = hex(location.address) if location.address else UNKNOWN
                parts.append(table.row(self.nameless(functions, name, mappings.get(location.mapping_id, "")), 0))
            part_lengths.append(max(1, len(lines)))
            self.limits.check("locations", len(parts))
        return _Places(table, rows, np.array(parts, np.int64), np.array(part_lengths, np.int64))

    def nameless(self, functions: Table, name: str, file: str) -> int:
        return functions.row(self.strings.id(name), self.strings.id(file), 0)

    def weights(self, rows: _Rows) -> tuple[tuple[SampleType, ...], tuple[Column, ...]]:
        """Sample types with times in nanoseconds, and a column for each."""
        types, columns = [], []
        wrong = rows.counts[rows.counts != len(self.raw.sample_type)]
        if len(wrong):
            raise FormatError(
                f"a sample has {int(wrong[0])} values where the profile has {len(self.raw.sample_type)} sample types: "
                "the file is damaged, or two profiles were appended to each other; keep each profile in a file of its own"
            )
        values = rows.values.reshape(-1, len(self.raw.sample_type))
        for number, raw in enumerate(self.raw.sample_type):
            name, unit = self.strings.text(raw.type), self.strings.text(raw.unit)
            scale = NANOSECONDS.get(unit.lower(), 0)
            weights = values[:, number]
            if scale > 1:
                if len(weights) and max(abs(int(weights.max())), abs(int(weights.min()))) > INT64_MAX // scale:
                    raise FormatError(f"a value of {name} in {unit} is too large to be told in nanoseconds")
                weights = weights * scale
            types.append(SampleType(name, "nanoseconds" if scale else unit))
            columns.append(column(weights))
        return tuple(types), tuple(columns)


class _Labels:
    """Samples' labels as threads and windows; each distinct set of labels is looked at once."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader
        self.threads = Table(2)
        self._lengths = {int(window.start): int(window.length) for window in reader.raw.window}
        self._starts = {start: row for row, start in enumerate(self._lengths)}

    def thread_and_window(self, raw_labels: tuple[bytes, ...]) -> tuple[int, int]:
        name, ident, window = None, 0, NONE
        text = self._reader.strings.text
        for raw in raw_labels:
            label = parsed(self._reader.schema.Label, raw)
            key = text(label.key)
            if key in _THREAD_NAME and label.HasField("str"):
                name = text(label.str)
            elif key in _THREAD_ID:
                ident = label.num
            elif key == _WINDOW and not label.str:
                window = self._starts.setdefault(label.num, len(self._starts))
        if name is None and not ident:
            return NONE, window
        return self.threads.row(self._reader.strings.id(name or ""), ident), window

    def windows(self) -> tuple[Column, Column]:
        """Starts and lengths; where a rewriting tool dropped plopi's own fields, the usual length or the next start tells."""
        starts = list(self._starts)
        usual = number_of("window_ns", self._reader.comments)
        following = dict(zip(sorted(starts), sorted(starts)[1:]))
        for start in starts:
            guess = following.get(start, start) - start if usual is None else usual
            self._lengths.setdefault(start, min(guess, INT64_MAX))
        return column(ints(starts)), column(ints([self._lengths[start] for start in starts]))


@dataclass(frozen=True)
class _Places:
    locations: Table
    rows: dict[int, int]
    """pprof's id -> number of the part."""
    parts: Ints
    """The model's locations that each pprof location stands for, root first, one after the other."""
    part_lengths: Ints

    def numbers(self, ids: Ints) -> Ints:
        """Ids of pprof as numbers of parts."""
        count = len(self.rows)
        known = np.fromiter(self.rows, np.uint64, count).view(np.int64)
        if np.array_equal(known, np.arange(1, count + 1)):
            wrong, found = (ids < 1) | (ids > count), ids - 1
        else:
            order = np.argsort(known)
            found = order[np.searchsorted(known, ids, sorter=order).clip(max=count - 1)]
            wrong = known[found] != ids
        if wrong.any():
            raise FormatError(f"a sample is at location {int(ids[wrong][0])}, which is not there; copy the file again")
        return found


@dataclass(frozen=True)
class _Rows:
    """Samples: the distinct paths (leaf first) as ragged rows, and by sample its path, its set of labels and its values."""

    locations: Ints
    lengths: Ints
    path: Ints
    label: Ints
    labels: Sequence[tuple[bytes, ...]]
    values: Ints
    counts: Ints
    """How many values each sample has."""


def _packed_rows(samples: Iterable[bytes], schema: Schema, places: _Places, limits: Limits) -> _Rows | None:
    """Samples whose numbers are all packed, as plopi writes them: a path is decoded once however often it comes.

    None where a tool has rewritten the file and some are not packed: such numbers are unknown fields here, and told by the bytes
    that they add.
    """
    paths: dict[bytes, int] = {}
    labels: dict[tuple[bytes, ...], int] = {}
    path, label, values, sizes = [], [], [], []
    for raw in samples:
        sample = parsed(schema.PackedSample, raw)
        if len(sample.location_id) != 1 or len(sample.value) != 1:
            return None
        path.append(paths.setdefault(sample.location_id[0], len(paths)))
        label.append(labels.setdefault(tuple(sample.label), len(labels)))
        values.append(sample.value[0])
        sizes.append(len(raw))
    label_sizes = ints([int(_field_sizes(each).sum()) for each in labels])
    if not np.array_equal(_field_sizes(paths)[ints(path)] + _field_sizes(values) + label_sizes[ints(label)], sizes):
        return None
    locations, lengths = ragged.varints(list(paths))
    flat, counts = ragged.varints(values)
    return _Rows(places.numbers(locations), lengths, ints(path), ints(label), list(labels), flat, counts)


def _field_sizes(contents: Collection[bytes]) -> Ints:
    """How many bytes each takes as a field with a number below 16: tag, length, content."""
    sizes = np.fromiter(map(len, contents), np.int64, len(contents))
    return sizes + 2 + sum((sizes >= 1 << 7 * place).astype(np.int64) for place in range(1, 5))


def _rows(samples: Sequence[bytes], schema: Schema, places: _Places, limits: Limits) -> _Rows:
    labels: dict[tuple[bytes, ...], int] = {}
    lengths, label, counts, frames = [], [], [], 0
    locations, values = [], []
    for raw in samples:
        sample = parsed(schema.Sample, raw)
        frames += len(sample.location_id)
        limits.check("frames", frames)
        lengths.append(len(sample.location_id))
        locations.append(np.array(sample.location_id, np.uint64))
        values.extend(sample.value)
        counts.append(len(sample.value))
        label.append(labels.setdefault(tuple(sample.label), len(labels)))
    flat = np.concatenate([np.empty(0, np.uint64), *locations]).view(np.int64)
    return _Rows(
        places.numbers(flat), ints(lengths), np.arange(len(lengths)), ints(label), list(labels), ints(values), ints(counts)
    )


def parsed(message: Any, raw: bytes) -> Any:
    try:
        return message.FromString(raw)
    except DecodeError:
        name = message.DESCRIPTOR.name.removeprefix("Packed")
        raise FormatError(f"the file is no protobuf {name}, or was cut off; copy the file again") from None


def _appended(what: str, number: int) -> FormatError:
    return FormatError(
        f"{what} id {number} occurs twice: two profiles were appended to each other; keep each profile in a file of its own"
    )


def _line(number: int) -> int:
    return number if 0 <= number <= MAX_LINE else 0
