"""Writing pprof: a whole profile (``write``) and the fragments of a growing recording (``encode_header``, ``encode_rows``).

The bytes are described in docs/file-format.md. Standard library only, and lean: this runs inside other people's processes.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from plopi.errors import UsageError
from plopi.formats.comments import changing_comments_of, comments_of
from plopi.formats.fragments import STATUS_FIELD, WINDOW_FIELD, framed
from plopi.formats.protobuf import bytes_field, int_field, text, varint
from plopi.model import NONE, STACKS, About, Column, Cursor, Profile, ProfileBuilder, SampleType

THREAD, THREAD_ID, WINDOW, NANOSECONDS = "thread", "thread_id", "window", "nanoseconds"
_ID = b"\x08"  # field 1, varint: the id of a function, location, mapping
_CACHED_PATH_BYTES = 4 << 20


class _Ids(dict[int, bytes]):
    """location -> its encoded id."""

    def __missing__(self, location: int) -> bytes:
        encoded = self[location] = varint(location + 1)
        return encoded


@dataclass
class _Paths:
    """Encoded location lists (leaf first) by stack: the same stacks come again in every window. Forgets all when full."""

    known: dict[int, bytes] = field(default_factory=dict)
    size: int = 0
    ids: _Ids = field(default_factory=_Ids)

    def of(self, stack: int, parents: Column, locations: Column) -> bytes:
        found = self.known.get(stack)
        if found is None:
            parts, node, ids = [], stack, self.ids
            while node != NONE and node not in self.known:
                parts.append(ids[locations[node]])
                node = parents[node]
            found = b"".join(parts) + (self.known[node] if node != NONE else b"")
            if self.size > _CACHED_PATH_BYTES:
                self.known.clear()
                self.size = 0
            self.known[stack] = found
            self.size += len(found) + 100
        return found


@dataclass(frozen=True)
class Written:
    """How far a recording has been encoded: what ``encode_rows`` goes on from. Equal states continue the same bytes."""

    cursor: Cursor
    header_strings: int
    """Strings that the header took; row i of the builder's strings is pprof's string i + header_strings."""
    fragment: int
    """Number of the next fragment."""
    _paths: _Paths = field(default_factory=_Paths, compare=False, repr=False)


def encode_header(about: About, sample_types: Sequence[SampleType], epoch: int = 0) -> tuple[bytes, Written]:
    """The first fragment of a recording and the state for ``encode_rows``.

    ``epoch`` is ``builder.epoch``: after ``ProfileBuilder.coarsen`` the recording starts anew, with a header of the new epoch.
    """
    strings: dict[str, int] = {"": 0}
    body = b"".join(_head(replace(about, complete=False), sample_types, strings)) + _strings(strings)
    return framed(body, 0), Written(Cursor(epoch=epoch), len(strings), 1)


def encode_rows(builder: ProfileBuilder, since: Written) -> tuple[bytes, Written]:
    """The fragment with the rows after ``since`` and what changed in ``builder.about``, and the state after it.

    A fragment must stand in the file whole before the next one is appended: on a failed write, cut the file back to its former
    length and keep ``since``. Raises ``ValueError`` where the builder has begun a new epoch: write a new header then.
    """
    if builder.epoch != since.cursor.epoch:
        raise ValueError(f"rows of epoch {builder.epoch} cannot be appended to a recording of epoch {since.cursor.epoch}")
    until, about = builder.cursor(), builder.about
    parts = [
        *([] if about.duration_ns is None else [int_field(10, about.duration_ns)]),
        *(bytes_field(STATUS_FIELD, text(f"{key}: {value}")) for key, value in changing_comments_of(about)),
        *_rows(_Tables.of_builder(builder), since.cursor, until, since.header_strings, since._paths),
    ]
    return framed(b"".join(parts), since.fragment), Written(until, since.header_strings, since.fragment + 1, since._paths)


def write(profile: Profile, out: BinaryIO) -> None:
    """Write the whole profile as one gzip member. Functions keep their order; equal samples are added up."""
    if profile.shape != STACKS:
        raise UsageError("this profile knows calls but no stacks, which pprof needs; choose the format pstats")
    strings: dict[str, int] = {"": 0}
    windows = profile.windows
    known = [*([("window_ns", str(int(windows.length[0])))] if len(windows) else [])]
    head = b"".join(_head(profile.about, profile.sample_types, strings, known))
    rows = _rows(_Tables.of_profile(profile), Cursor(), None, len(strings), _Paths())
    with gzip.GzipFile(filename="", mode="wb", fileobj=out, compresslevel=6, mtime=0) as packed:
        packed.write(head)
        if profile.about.duration_ns is not None:
            packed.write(int_field(10, profile.about.duration_ns))
        packed.write(_strings(strings))
        for part in rows:
            packed.write(part)


def default_sample_type(sample_types: Sequence[SampleType]) -> SampleType:
    """The one a viewer should show first: time rather than counts, CPU time rather than elapsed time."""
    by_name = {each.name: each for each in sample_types}
    return by_name.get("cpu") or by_name.get("wall") or sample_types[-1]


def _strings(strings: Mapping[str, int]) -> bytes:
    return b"".join(bytes_field(6, text(string)) for string in strings)


def _head(
    about: About, sample_types: Sequence[SampleType], strings: dict[str, int], more: Sequence[tuple[str, str]] = ()
) -> Iterator[bytes]:
    """Sample types, mapping, times and comments; the strings they need are added to ``strings``."""

    def string(content: str) -> int:
        return strings.setdefault(content, len(strings))

    def value_type(each: SampleType) -> bytes:
        return int_field(1, string(each.name)) + int_field(2, string(each.unit))

    for key in (THREAD, THREAD_ID, WINDOW, NANOSECONDS):
        string(key)
    for each in sample_types:
        yield bytes_field(1, value_type(each))
    names_known = b"".join(int_field(number, 1) for number in (7, 8, 9))
    yield bytes_field(3, _ID + varint(1) + int_field(5, string(about.command or "python")) + names_known)
    if sample_types:
        default = default_sample_type(sample_types)
        yield int_field(14, string(default.name))
        if about.period_ns is not None:
            clock = SampleType("wall" if default.name == "wall" else "cpu", NANOSECONDS)
            yield bytes_field(11, value_type(clock)) + int_field(12, about.period_ns)
    if about.started_ns is not None:
        yield int_field(9, about.started_ns)
    for key, value in (*comments_of(about), *more):
        yield int_field(13, string(f"{key}: {value}"))


@dataclass(frozen=True)
class _Tables:
    """The columns that both a builder and a profile have."""

    strings: Sequence[str]
    functions: tuple[Column, Column, Column]
    locations: tuple[Column, Column]
    stacks: tuple[Column, Column]
    threads: tuple[Column, Column]
    windows: tuple[Column, Column]
    samples: tuple[Column, Column, Column]
    weights: tuple[Column, ...]

    @staticmethod
    def of_builder(rows: ProfileBuilder) -> _Tables:
        return _Tables(
            rows.strings,
            (rows.function_name, rows.function_file, rows.function_line),
            (rows.location_function, rows.location_line),
            (rows.stack_parent, rows.stack_location),
            (rows.thread_name, rows.thread_ident),
            (rows.window_start, rows.window_length),
            (rows.sample_stack, rows.sample_thread, rows.sample_window),
            rows.sample_weights,
        )

    @staticmethod
    def of_profile(profile: Profile) -> _Tables:
        """Columns as plain lists (numpy's numbers are slow one by one), equal samples added up."""
        samples = profile.samples
        sums: dict[tuple[int, int, int], list[int]] = {}
        keys = zip(*map(_plain, (samples.stack, samples.thread, samples.window)))
        for key, weights in zip(keys, zip(*map(_plain, samples.weights))):
            known = sums.get(key)
            sums[key] = [*weights] if known is None else [a + b for a, b in zip(known, weights)]
        return _Tables(
            profile.strings,
            (_plain(profile.functions.name), _plain(profile.functions.file), _plain(profile.functions.line)),
            (_plain(profile.locations.function), _plain(profile.locations.line)),
            (_plain(profile.stacks.parent), _plain(profile.stacks.location)),
            (_plain(profile.threads.name), _plain(profile.threads.ident)),
            (_plain(profile.windows.start), _plain(profile.windows.length)),
            tuple(zip(*sums)) or ((), (), ()),  # type: ignore[arg-type]
            tuple(zip(*sums.values())) or tuple(() for _ in samples.weights),
        )


def _plain(column: Column) -> Sequence[int]:
    return column.tolist() if hasattr(column, "tolist") else column


def _rows(tables: _Tables, since: Cursor, until: Cursor | None, base: int, paths: _Paths) -> Iterator[bytes]:
    """Strings, functions, locations, windows and samples from ``since`` to ``until`` (None: all), each table as one piece."""

    def new(columns: Iterable[Sequence[Any]], name: str) -> Iterator[tuple[Any, ...]]:
        end = None if until is None else getattr(until, name)
        return zip(*(column[getattr(since, name) : end] for column in columns))

    yield b"".join(
        bytes_field(6, text(each)) for each in tables.strings[since.strings : None if until is None else until.strings]
    )
    yield b"".join(
        bytes_field(5, _ID + varint(row) + b"\x10" + varint(name + base) + b"\x20" + varint(file + base) + b"\x28" + varint(line))
        for row, (name, file, line) in enumerate(new(tables.functions, "functions"), since.functions + 1)
    )
    yield b"".join(
        bytes_field(4, _ID + varint(row) + b"\x10\x01" + bytes_field(4, _ID + varint(function + 1) + b"\x10" + varint(line)))
        for row, (function, line) in enumerate(new(tables.locations, "locations"), since.locations + 1)
    )
    yield b"".join(
        bytes_field(WINDOW_FIELD, int_field(1, start) + int_field(2, length)) for start, length in new(tables.windows, "windows")
    )
    yield b"".join(_samples(tables, new(tables.samples, "samples"), new(tables.weights, "samples"), base, paths))


def _samples(
    tables: _Tables, keys: Iterable[tuple[int, ...]], weights: Iterable[tuple[int, ...]], base: int, paths: _Paths
) -> Iterator[bytes]:
    parents, locations = tables.stacks
    labels: dict[tuple[int, int], bytes] = {}
    for (stack, thread, window), values in zip(keys, weights):
        path = paths.of(stack, parents, locations) if stack != NONE else b""
        packed = b"".join(map(varint, values))
        label = labels.get((thread, window))
        if label is None:
            label = labels[thread, window] = _labels(tables, thread, window, base)
        body = b"\x0a" + varint(len(path)) + path + b"\x12" + varint(len(packed)) + packed + label
        yield b"\x12" + varint(len(body)) + body


def _labels(tables: _Tables, thread: int, window: int, base: int) -> bytes:
    """The key strings stand at fixed places: ``_head`` puts them first."""
    thread_key, ident_key, window_key, nanoseconds = 1, 2, 3, 4
    out = b""
    if thread != NONE:
        name, ident = tables.threads[0][thread], tables.threads[1][thread]
        out += bytes_field(3, int_field(1, thread_key) + int_field(2, name + base))
        if ident:
            out += bytes_field(3, int_field(1, ident_key) + int_field(3, ident))
    if window != NONE:
        start = tables.windows[0][window]
        out += bytes_field(3, int_field(1, window_key) + int_field(3, start) + int_field(4, nanoseconds))
    return out
