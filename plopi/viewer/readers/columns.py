"""The form in which a parsed profile crosses from a worker to the server.

A container is ``MAGIC``, the length of the head (8 bytes, little-endian), the head (JSON), then raw little-endian arrays, each
beginning at a multiple of 64 bytes. The head names every array with its type, offset and length, and holds all that is not a
column. Strings are one blob of UTF-8 with an array of ``n + 1`` offsets.

``encode`` runs in the worker. ``decode`` runs in the server and trusts nothing: the file may have taken the worker over.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from plopi.errors import FormatError
from plopi.formats.strings import Strings, packed
from plopi.model import (
    About,
    Calls,
    Column,
    Functions,
    Locations,
    Profile,
    Samples,
    SampleType,
    Stacks,
    Threads,
    Windows,
)

MAGIC = b"plopi columns 1\n"
ALIGNMENT = 64
MAX_HEAD = 4 * 2**20
MAX_TOTAL = 2.0**63
"""Sums of weights stay below this, so that no aggregate can overflow 64 bits."""

Array: TypeAlias = NDArray[Any]
_DTYPES: dict[str, np.dtype[Any]] = {"<i4": np.dtype("<i4"), "<i8": np.dtype("<i8")}
_TABLES: dict[str, type[Any]] = {
    "functions": Functions,
    "locations": Locations,
    "stacks": Stacks,
    "threads": Threads,
    "windows": Windows,
}


def encode(profile: Profile, summary: Mapping[str, Any], out: BinaryIO) -> int:
    """Write ``profile`` and its ``summary`` (JSON) to ``out``; returns the bytes written."""
    arrays = dict(_arrays(profile))
    strings = packed(profile.strings)
    arrays["strings.offsets"] = strings.offsets
    blob = strings.blob
    head: dict[str, Any] = {
        "shape": profile.shape,
        "sample_types": [[kind.name, kind.unit] for kind in profile.sample_types],
        "about": _about_json(profile.about),
        "summary": dict(summary),
        "calls": profile.calls is not None,
        "blob": [0, len(blob)],
        "arrays": {},
    }
    room = _aligned(len(MAGIC) + 8 + _head_room(head, arrays))
    at = room
    for name, array in arrays.items():
        head["arrays"][name] = [array.dtype.str, at, len(array)]
        at = _aligned(at + array.nbytes)
    head["blob"] = [at, len(blob)]
    raw = json.dumps(head).encode("ascii")
    written = _put(out, MAGIC + len(raw).to_bytes(8, "little") + raw, room)
    for name, array in arrays.items():
        del name
        written += _put(out, np.ascontiguousarray(array).view(np.uint8).data, _aligned(array.nbytes))
    out.write(blob)
    return written + len(blob)


def decode(buffer: memoryview) -> tuple[Profile, dict[str, Any]]:
    """The profile in ``buffer`` (viewed, not copied) and its summary. FormatError if anything in it contradicts the rest."""
    head = read_head(buffer)
    arrays = {name: _view(buffer, name, entry) for name, entry in _mapping(head, "arrays").items()}
    try:
        profile = _profile(head, arrays, _strings(buffer, head, arrays))
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"the reader's answer lacks or misstates {error}; please report this file") from None
    check(profile)
    return profile, _mapping(head, "summary")


def read_head(buffer: memoryview) -> dict[str, Any]:
    """The JSON head of a container."""
    start = len(MAGIC) + 8
    if bytes(buffer[: len(MAGIC)]) != MAGIC or len(buffer) < start:
        raise FormatError("the reader's answer is no column container")
    length = int.from_bytes(buffer[len(MAGIC) : start], "little")
    if length > min(MAX_HEAD, len(buffer) - start):
        raise FormatError(f"the reader's answer has a head of {length} bytes, which is impossible")
    try:
        head = json.loads(bytes(buffer[start : start + length]), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"the reader's answer has a head that is not JSON: {error}") from None
    if not isinstance(head, dict):
        raise FormatError("the reader's answer has a head that is not an object")
    return head


def about_from(fields: Mapping[str, Any]) -> About:
    """``About`` out of JSON, checked field by field."""
    kept: dict[str, Any] = {}
    for field in dataclasses.fields(About):
        value = fields.get(field.name, field.default)
        if field.name == "notes":
            value = tuple(value)
            good = all(isinstance(note, str) for note in value)
        elif isinstance(field.default, (str, bool)):
            good = isinstance(value, type(field.default))
        else:
            good = value is None or (type(value) is int and abs(value) < 2**63)
        if not good:
            raise ValueError(f"about.{field.name}")
        kept[field.name] = value
    return About(**kept)


def check(profile: Profile) -> None:
    """FormatError unless all ids are in range, parents come before children, lengths agree and sums fit 64 bits."""
    strings, functions, stacks = len(profile.strings), profile.functions, profile.stacks
    for table in (functions, profile.locations, stacks, profile.threads, profile.windows):
        _same_length(*(getattr(table, field.name) for field in dataclasses.fields(table)))
    _within(functions.name, 0, strings, "function name")
    _within(functions.file, 0, strings, "function file")
    _within(profile.locations.function, 0, len(functions), "location")
    _within(stacks.location, 0, len(profile.locations), "stack location")
    _within(stacks.parent, -1, np.arange(len(stacks)), "stack parent")
    _within(profile.threads.name, 0, strings, "thread name")
    samples = profile.samples
    _same_length(samples.stack, samples.thread, samples.window, *samples.weights)
    _within(samples.stack, -1, len(stacks), "sample stack")
    _within(samples.thread, -1, len(profile.threads), "sample thread")
    _within(samples.window, -1, len(profile.windows), "sample window")
    if len(samples.weights) != len(profile.sample_types):
        raise FormatError(f"{len(samples.weights)} weight columns for {len(profile.sample_types)} sample types")
    for weights in samples.weights:
        _summable(weights)
    if (profile.calls is not None) != (profile.shape == "calls"):
        raise FormatError(f"a profile of shape {profile.shape} with the wrong tables")
    if profile.calls is not None:
        _check_calls(profile.calls, len(functions))


def _check_calls(calls: Calls, functions: int) -> None:
    node = (calls.calls, calls.primitive, calls.self, calls.cum)
    edge = (calls.caller, calls.callee, calls.edge_calls, calls.edge_primitive, calls.edge_self, calls.edge_cum)
    _same_length(*node)
    _same_length(*edge)
    if len(calls.calls) != functions:
        raise FormatError(f"call counts for {len(calls.calls)} of {functions} functions")
    _within(calls.caller, 0, functions, "caller")
    _within(calls.callee, 0, functions, "callee")
    for column in (*node, *edge[2:]):
        _summable(column)


def _profile(head: Mapping[str, Any], arrays: Mapping[str, Array], strings: Strings) -> Profile:
    kinds = tuple(SampleType(str(name), str(unit)) for name, unit in head["sample_types"])
    if head["shape"] not in ("stacks", "calls") or not kinds:
        raise ValueError("shape")

    def table(name: str, kind: type[Any]) -> Any:
        return kind(**{field.name: arrays[f"{name}.{field.name}"] for field in dataclasses.fields(kind)})

    return Profile(
        shape=head["shape"],
        sample_types=kinds,
        strings=strings,
        samples=Samples(
            _column(arrays["samples.stack"]),
            _column(arrays["samples.thread"]),
            _column(arrays["samples.window"]),
            tuple(_column(arrays[f"samples.weights.{i}"]) for i in range(len(kinds))),
        ),
        calls=table("calls", Calls) if head["calls"] else None,
        about=about_from(head["about"]),
        **{name: table(name, kind) for name, kind in _TABLES.items()},
    )


def _column(array: Array) -> Column:
    """An array serves as a column, which its static type does not say."""
    return cast(Column, array)


def _strings(buffer: memoryview, head: Mapping[str, Any], arrays: Mapping[str, Array]) -> Strings:
    offsets = arrays["strings.offsets"]
    at, length = (int(number) for number in head["blob"])
    if not 0 <= at <= at + length <= len(buffer) or len(offsets) < 1 or offsets[0] != 0 or offsets[-1] != length:
        raise FormatError("the reader's answer has strings outside itself")
    if np.any(np.diff(offsets) < 0):
        raise FormatError("the reader's answer has strings that overlap")
    return Strings(buffer[at : at + length], offsets)


def _view(buffer: memoryview, name: str, entry: Any) -> Array:
    try:
        kind, at, count = _DTYPES[entry[0]], int(entry[1]), int(entry[2])
    except (KeyError, IndexError, TypeError, ValueError):
        raise FormatError(f"the reader's answer misdescribes {name!r}") from None
    if at < 0 or count < 0 or at % ALIGNMENT or at + count * kind.itemsize > len(buffer):
        raise FormatError(f"the reader's answer has {name!r} outside itself")
    array: Array = np.frombuffer(buffer, dtype=kind, count=count, offset=at)
    array.flags.writeable = False
    return array


def _arrays(profile: Profile) -> Iterator[tuple[str, Array]]:
    for name in _TABLES:
        table = getattr(profile, name)
        for field in dataclasses.fields(table):
            yield f"{name}.{field.name}", _compact(getattr(table, field.name))
    yield "samples.stack", _compact(profile.samples.stack)
    yield "samples.thread", _compact(profile.samples.thread)
    yield "samples.window", _compact(profile.samples.window)
    for i, weights in enumerate(profile.samples.weights):
        yield f"samples.weights.{i}", np.asarray(weights, dtype="<i8")
    if profile.calls is not None:
        for field in dataclasses.fields(Calls):
            yield f"calls.{field.name}", np.asarray(getattr(profile.calls, field.name), dtype="<i8")


def _compact(column: Column) -> Array:
    """Ids and lines fit 32 bits nearly always, and half the bytes make everything after faster."""
    wide = np.asarray(column, dtype="<i8")
    if len(wide) and (wide.max() >= 2**31 or wide.min() < -(2**31)):
        return wide
    return wide.astype("<i4")


def _about_json(about: About) -> dict[str, Any]:
    return dataclasses.asdict(about)


def _head_room(head: dict[str, Any], arrays: Mapping[str, Array]) -> int:
    """Bytes that the head may take once offsets (at most 15 digits each) are filled in."""
    return len(json.dumps(head)) + sum(len(name) + 60 for name in arrays) + 64


def _put(out: BinaryIO, data: bytes | memoryview, room: int) -> int:
    out.write(data)
    out.write(bytes(room - len(data)))
    return room


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _mapping(head: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = head.get(name)
    if not isinstance(value, dict):
        raise FormatError(f"the reader's answer lacks {name!r}")
    return value


def _same_length(*columns: Column) -> None:
    if len({len(column) for column in columns}) > 1:
        raise FormatError(f"columns of one table differ in length: {[len(column) for column in columns]}")


def _within(column: Column, low: int, high: int | Array, what: str) -> None:
    array = np.asarray(column)
    bad = (array < low) | (array >= high)
    if bad.any():
        row = int(np.argmax(bad))
        raise FormatError(f"row {row} has {what} {int(array[row])}, which does not exist")


def _summable(weights: Column) -> None:
    if float(np.abs(np.asarray(weights, dtype=np.float64)).sum()) >= MAX_TOTAL:
        raise FormatError("weights add up to more than 64 bits can hold")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")
