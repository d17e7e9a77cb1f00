"""A recording that grows: rows are appended, and every profile made before stays as it was."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from plopi.errors import FormatError
from plopi.formats.strings import Strings, packed
from plopi.model import Cursor, Profile
from plopi.viewer.analysis.growing_column import GrowingColumn
from plopi.viewer.readers.columns import MAX_TOTAL, Array

_TABLES = ("functions", "locations", "stacks", "threads", "windows")
T = TypeVar("T")


@dataclass(frozen=True)
class _Texts:
    blob: GrowingColumn
    offsets: GrowingColumn


class GrowingProfile:
    """A profile of stacks, and what was appended to it so far. One thread at a time."""

    def __init__(self, base: Profile) -> None:
        self.profile = base
        strings = packed(base.strings)
        self._texts = _Texts(GrowingColumn(np.frombuffer(strings.blob, np.uint8)), GrowingColumn(np.asarray(strings.offsets)))
        self._columns = {name: _columns_of(getattr(base, name)) for name in _TABLES}
        self._samples = _columns_of(base.samples)
        self._weights = tuple(GrowingColumn(np.asarray(weights)) for weights in base.samples.weights)
        self._totals = [_total(weights) for weights in base.samples.weights]

    @property
    def since(self) -> Cursor:
        """How many rows of each table there are."""
        return rows_of(self.profile)

    def append(self, rows: Profile) -> Profile:
        """The profile with ``rows``, whose ids go on from those that are there. FormatError where they do not fit it."""
        if rows.sample_types != self.profile.sample_types:
            raise FormatError("the recording has other sample types than before; it is read anew")
        totals = [total + _total(more) for total, more in zip(self._totals, rows.samples.weights)]
        if any(total >= MAX_TOTAL for total in totals):
            raise FormatError("weights add up to more than 64 bits can hold")
        self._totals = totals
        samples = _appended(self._samples, rows.samples, weights=self._weights_with(rows))
        tables = {name: _appended(columns, getattr(rows, name)) for name, columns in self._columns.items()}
        self.profile = replace(self.profile, strings=self._strings_with(rows), samples=samples, about=rows.about, **tables)
        return self.profile

    def _weights_with(self, rows: Profile) -> tuple[Array, ...]:
        return tuple(column.append(np.asarray(more)) for column, more in zip(self._weights, rows.samples.weights))

    def _strings_with(self, rows: Profile) -> Strings:
        more = packed(rows.strings)
        end = len(self.profile.strings) and int(packed(self.profile.strings).offsets[-1])
        blob = self._texts.blob.append(np.frombuffer(more.blob, np.uint8))
        return Strings(blob.data, self._texts.offsets.append(np.asarray(more.offsets[1:]) + end))


def rows_of(profile: Profile) -> Cursor:
    """How many rows each table of a profile has."""
    tables = (profile.functions, profile.locations, profile.stacks, profile.threads, profile.windows, profile.samples)
    return Cursor(0, len(profile.strings), *(len(table) for table in tables))


def bytes_of(profile: Profile) -> int:
    """Bytes of a grown profile's columns."""
    strings = packed(profile.strings)
    tables = [*(getattr(profile, name) for name in _TABLES), profile.samples]
    columns = [getattr(table, field.name) for table in tables for field in dataclasses.fields(table) if field.name != "weights"]
    return len(strings.blob) + sum(np.asarray(column).nbytes for column in (*columns, *profile.samples.weights, strings.offsets))


def _columns_of(table: Any) -> dict[str, GrowingColumn]:
    names = (field.name for field in dataclasses.fields(table) if field.name != "weights")
    return {name: GrowingColumn(np.asarray(getattr(table, name))) for name in names}


def _appended(columns: dict[str, GrowingColumn], rows: T, **others: Any) -> T:
    found = {name: column.append(np.asarray(getattr(rows, name))) for name, column in columns.items()}
    return replace(rows, **found, **others)  # type: ignore[type-var]


def _total(weights: Any) -> float:
    return float(np.abs(np.asarray(weights).astype(np.float64)).sum())
