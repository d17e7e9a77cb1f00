"""The form in which a parsed profile crosses from a worker to the server.

A container is ``MAGIC``, the length of the head (8 bytes, little-endian), the head (JSON), then raw little-endian arrays, each
beginning at a multiple of 64 bytes. The head names every array with its type, offset and length, and holds all that is not a
column. Strings are one blob of UTF-8 with an array of ``n + 1`` offsets. What analysis has worked out of the profile beforehand
(``prepared``) stands among the arrays.

``encode`` runs in the worker. ``decode`` runs in the server and trusts nothing: the file may have taken the worker over. It looks
at columns in pieces, so that it needs hardly any memory of its own and other threads get their turn.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from plopi.errors import FormatError
from plopi.formats.strings import Strings, packed
from plopi.model import (
    About,
    Calls,
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

MAGIC = b"plopi columns 2\n"
ALIGNMENT = 64
MAX_HEAD = 4 * 2**20
MAX_TOTAL = 2.0**63
"""Sums of weights stay below this, so that no aggregate can overflow 64 bits."""

NOTHING = Cursor()

Array: TypeAlias = NDArray[Any]
_DTYPES: dict[str, np.dtype[Any]] = {name: np.dtype(name) for name in ("<i4", "<i8", "|u1")}
_PREPARED = "prepared."
_PIECE = 1 << 18
"""Rows that are looked at together."""
_TABLES: dict[str, type[Any]] = {
    "functions": Functions,
    "locations": Locations,
    "stacks": Stacks,
    "threads": Threads,
    "windows": Windows,
}


@dataclass(frozen=True)
class Content:
    """What is in a container: ``fields`` are what the worker said of the profile besides (JSON)."""

    profile: Profile
    fields: dict[str, Any]
    prepared: dict[str, Array]


def encode(profile: Profile, fields: Mapping[str, Any], out: BinaryIO, prepared: Mapping[str, Array] | None = None) -> int:
    """Write ``profile``, ``fields`` (JSON) and ``prepared`` (arrays of whole numbers) to ``out``; returns the bytes written."""
    arrays: dict[str, tuple[Column | Array, np.dtype[Any]]] = dict(_arrays(profile))
    arrays.update((_PREPARED + name, (array, _narrowest(array))) for name, array in (prepared or {}).items())
    strings = packed(profile.strings)
    arrays["strings.offsets"] = (strings.offsets, _WIDE)
    head: dict[str, Any] = {
        "shape": profile.shape,
        "sample_types": [[kind.name, kind.unit] for kind in profile.sample_types],
        "about": _about_json(profile.about),
        "fields": dict(fields),
        "calls": profile.calls is not None,
        "blob": [0, len(strings.blob)],
        "arrays": {},
    }
    room = _aligned(len(MAGIC) + 8 + _head_room(head, arrays))
    at = room
    for name, (values, kind) in arrays.items():
        head["arrays"][name] = [kind.str, at, len(values)]
        at = _aligned(at + len(values) * kind.itemsize)
    head["blob"] = [at, len(strings.blob)]
    raw = json.dumps(head).encode("ascii")
    written = _put(out, MAGIC + len(raw).to_bytes(8, "little") + raw, room)
    for values, kind in arrays.values():
        array = np.ascontiguousarray(values, dtype=kind)
        written += _put(out, array.view(np.uint8).data, _aligned(array.nbytes))
    out.write(strings.blob)
    return written + len(strings.blob)


def decode(buffer: memoryview, since: Cursor = NOTHING) -> Content:
    """What is in ``buffer``: viewed, not copied. FormatError if anything in it contradicts the rest.

    ``since``: how many rows of each table come before these; ids count those, too.
    """
    head = read_head(buffer)
    arrays = {name: _view(buffer, name, entry) for name, entry in _mapping(head, "arrays").items()}
    try:
        profile = _profile(head, arrays, _strings(buffer, head, arrays))
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"the reader's answer lacks or misstates {error}; please report this file") from None
    check(profile, since)
    prepared = {name.removeprefix(_PREPARED): array for name, array in arrays.items() if name.startswith(_PREPARED)}
    return Content(profile, fields_of(head), prepared)


def fields_of(head: Mapping[str, Any]) -> dict[str, Any]:
    """What the worker said of the profile besides."""
    return _mapping(head, "fields")


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


def check(profile: Profile, since: Cursor = NOTHING) -> None:
    """FormatError unless all ids are in range, parents come before children, lengths agree and sums fit 64 bits."""
    functions, stacks = profile.functions, profile.stacks
    strings, locations = since.strings + len(profile.strings), since.locations + len(profile.locations)
    for table in (functions, profile.locations, stacks, profile.threads, profile.windows):
        _same_length(*(getattr(table, field.name) for field in dataclasses.fields(table)))
    _within(functions.name, 0, strings, "function name")
    _within(functions.file, 0, strings, "function file")
    _within(profile.locations.function, 0, since.functions + len(functions), "location")
    _within(stacks.location, 0, locations, "stack location")
    _parents_first(stacks.parent, since.stacks)
    _within(profile.threads.name, 0, strings, "thread name")
    samples = profile.samples
    _same_length(samples.stack, samples.thread, samples.window, *samples.weights)
    _within(samples.stack, -1, since.stacks + len(stacks), "sample stack")
    _within(samples.thread, -1, since.threads + len(profile.threads), "sample thread")
    _within(samples.window, -1, since.windows + len(profile.windows), "sample window")
    if len(samples.weights) != len(profile.sample_types):
        raise FormatError(f"{len(samples.weights)} weight columns for {len(profile.sample_types)} sample types")
    check_sums(profile)
    if (profile.calls is not None) != (profile.shape == "calls"):
        raise FormatError(f"a profile of shape {profile.shape} with the wrong tables")
    if profile.calls is not None:
        _check_calls(profile.calls, len(functions))


def check_sums(profile: Profile) -> None:
    """FormatError where weights add up to more than 64 bits hold: numpy would go on with what is left of them."""
    calls = profile.calls
    weights = profile.samples.weights
    if calls is not None:
        weights += (calls.calls, calls.primitive, calls.self, calls.cum)
        weights += (calls.edge_calls, calls.edge_primitive, calls.edge_self, calls.edge_cum)
    for column in weights:
        _summable(column)


def _check_calls(calls: Calls, functions: int) -> None:
    node = (calls.calls, calls.primitive, calls.self, calls.cum)
    edge = (calls.caller, calls.callee, calls.edge_calls, calls.edge_primitive, calls.edge_self, calls.edge_cum)
    _same_length(*node)
    _same_length(*edge)
    if len(calls.calls) != functions:
        raise FormatError(f"call counts for {len(calls.calls)} of {functions} functions")
    _within(calls.caller, 0, functions, "caller")
    _within(calls.callee, 0, functions, "callee")


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
    for start, piece in _pieces(offsets):
        if np.any(piece[1:] < piece[:-1]) or (start and piece[0] < offsets[start - 1]):
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


_NARROW, _WIDE = _DTYPES["<i4"], _DTYPES["<i8"]


def _arrays(profile: Profile) -> Iterator[tuple[str, tuple[Column, np.dtype[Any]]]]:
    """Every column by its name, and how wide it is written."""
    for name in (*_TABLES, *(("calls",) if profile.calls is not None else ())):
        table = getattr(profile, name)
        for field in dataclasses.fields(table):
            values = getattr(table, field.name)
            yield f"{name}.{field.name}", (values, _WIDE if field.name in _WEIGHTS else _narrowest(values))
    samples = profile.samples
    for name, values in (("stack", samples.stack), ("thread", samples.thread), ("window", samples.window)):
        yield f"samples.{name}", (values, _narrowest(values))
    for i, weights in enumerate(samples.weights):
        yield f"samples.weights.{i}", (weights, _WIDE)


_WEIGHTS = frozenset(("self", "cum", "edge_self", "edge_cum"))
"""Columns of calls that analysis computes with: it wants 64 bits, whatever they hold."""


def _narrowest(values: Column | Array) -> np.dtype[Any]:
    """Ids and lines fit 32 bits nearly always, and half the bytes make everything after faster."""
    array = np.asarray(values)
    if array.dtype.kind not in "iub" or array.dtype == np.uint64:
        raise TypeError(f"a column of {array.dtype}")
    if array.dtype.itemsize == 1 and array.dtype.kind in "ub":
        return _DTYPES["|u1"]
    if array.dtype.itemsize <= 4 and array.dtype.kind == "i":
        return _NARROW
    return _NARROW if not len(array) or (array.max() < 2**31 and array.min() >= -(2**31)) else _WIDE


def _about_json(about: About) -> dict[str, Any]:
    return dataclasses.asdict(about)


def _head_room(head: dict[str, Any], arrays: Mapping[str, Any]) -> int:
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


def _pieces(column: Column | Array) -> Iterator[tuple[int, Array]]:
    array = np.asarray(column)
    for at in range(0, len(array), _PIECE):
        yield at, array[at : at + _PIECE]


def _within(column: Column, low: int, high: int, what: str) -> None:
    for at, piece in _pieces(column):
        if piece.min() < low or piece.max() >= high:
            row = int(np.argmax((piece < low) | (piece >= high)))
            raise FormatError(f"row {at + row} has {what} {int(piece[row])}, which does not exist")


def _parents_first(parents: Column, since: int) -> None:
    for at, piece in _pieces(parents):
        bad = (piece < -1) | (piece >= np.arange(since + at, since + at + len(piece)))
        if bad.any():
            row = int(np.argmax(bad))
            raise FormatError(f"row {at + row} has stack parent {int(piece[row])}, which does not exist")


def _summable(weights: Column) -> None:
    if sum(_most(piece) for _, piece in _pieces(weights)) >= MAX_TOTAL:
        raise FormatError("weights add up to more than 64 bits can hold, as nothing that was measured does; record again")


def _most(piece: Array) -> float:
    """What the piece adds up to at most, sign aside: by its extremes where that is far from too much, which is cheap to know."""
    most = float(max(abs(int(piece.max())), abs(int(piece.min())))) * len(piece)
    return most if most < MAX_TOTAL / 2**20 else float(np.abs(piece.astype(np.float64)).sum())


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")
