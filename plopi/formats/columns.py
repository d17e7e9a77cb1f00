"""Tables of a profile while a reader fills them, and the profile made from them. Imported by readers only: needs numpy."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np

from plopi.formats.interning import trie
from plopi.formats.limits import Limits
from plopi.formats.ragged import Ints, column
from plopi.model import STACKS, About, Column, Functions, Locations, Profile, Samples, SampleType, Stacks, Threads, Windows


class Table:
    """Rows of integers without duplicates."""

    def __init__(self, width: int) -> None:
        self._rows: dict[str, int] = {}
        """By their numbers as text: a file could choose numbers whose hashes collide."""
        self._flat = array("q")
        self._width = width

    def __len__(self) -> int:
        return len(self._rows)

    def row(self, *values: int) -> int:
        new = len(self._rows)
        row = self._rows.setdefault(repr(values), new)
        if row == new:
            self._flat.extend(values)
        return row

    def columns(self, since: int = 0) -> tuple[Column, ...]:
        """The rows from ``since`` on, by column."""
        rows = np.array(self._flat[since * self._width :], np.int64)
        return tuple(map(column, rows.reshape(-1, self._width).T))


class Names:
    """Strings, functions and locations by what they say, for formats that name them anew in every stack."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._strings: dict[str, int] = {}
        self.functions, self.locations = Table(3), Table(2)

    def string(self, text: str) -> int:
        self._limits.check("string_bytes", len(text))
        return self._strings.setdefault(text, len(self._strings))

    def location(self, name: str, file: str, first_line: int, line: int) -> int:
        function = self.functions.row(self.string(name), self.string(file), first_line)
        self._limits.check("functions", function)
        location = self.locations.row(function, line)
        self._limits.check("locations", location)
        return location

    def strings(self) -> tuple[str, ...]:
        return tuple(self._strings)


def profile_of(
    names: Names,
    paths: Sequence[int],
    lengths: Sequence[int],
    weights: Sequence[Sequence[int]],
    sample_types: Sequence[SampleType],
    limits: Limits,
    threads: Table | None = None,
    thread: Sequence[int] | None = None,
    about: About | None = None,
) -> Profile:
    """The STACKS profile of samples whose root-first paths of locations stand one after the other in ``paths``."""
    limits.check("samples", len(lengths))
    tree = trie(ints(paths), ints(lengths), limits)
    none = np.full(len(lengths), -1, np.int64)
    return Profile(
        shape=STACKS,
        sample_types=tuple(sample_types),
        strings=names.strings(),
        functions=Functions(*names.functions.columns()),
        locations=Locations(*names.locations.columns()),
        stacks=Stacks(column(tree.parent), column(tree.location)),
        threads=Threads(*(threads or Table(2)).columns()),
        windows=Windows(column(none[:0]), column(none[:0])),
        samples=Samples(
            column(tree.stack),
            column(none if thread is None else ints(thread)),
            column(none),
            tuple(column(ints(each)) for each in weights),
        ),
        calls=None,
        about=about or About(),
    )


def ints(values: Sequence[int]) -> Ints:
    return np.array(values, np.int64)
