"""The tables of a pprof profile as they fill, whole file at once or fragment by fragment: strings, functions, locations.

Each ``add`` takes what a message brings and says which rows of the model are new.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from plopi.errors import FormatError
from plopi.formats import ragged
from plopi.formats.interning import Buffer, Index, pair
from plopi.formats.limits import MAX_LINE, Limits
from plopi.formats.pprof_schema import parsed, schema
from plopi.formats.ragged import Ints
from plopi.formats.text import decoded
from plopi.model import NONE

UNKNOWN = "<unknown>"
_ALL_BITS = 2**64 - 1


class Texts:
    """The string table of a profile, decoded when asked for, and the model's strings made from it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._raw: list[bytes] = []
        self._ids: dict[str, int] = {}
        self._new: list[str] = []

    def add(self, raw: Sequence[bytes]) -> None:
        self._limits.check("strings", len(self._raw) + len(raw))
        self._raw += raw

    def text(self, index: int) -> str:
        if not 0 <= index < len(self._raw):
            raise FormatError(f"string {index} is asked for, but the profile has {len(self._raw)}; copy the file again")
        raw = self._raw[index]
        self._limits.check("string_bytes", len(raw))
        return decoded(raw)

    def id(self, text: str) -> int:
        new = len(self._ids)
        known = self._ids.setdefault(text, new)
        if known == new:
            self._new.append(text)
        return known

    def ids(self, indexes: Ints) -> Ints:
        """The model's ids of strings that are asked for by number, each distinct one looked at once."""
        distinct, which = np.unique(indexes, return_inverse=True)
        return np.array([self.id(self.text(index)) for index in distinct.tolist()], np.int64)[which]

    def taken(self) -> list[str]:
        """The model's strings that are new since the last call."""
        new, self._new = self._new, []
        return new


class Ids:
    """The ids of pprof -> numbers 0, 1, 2, ... in the order of the file."""

    def __init__(self, what: str) -> None:
        self._what, self.count = what, 0
        self._index: Index | None = None
        """Where ids are not simply 1, 2, 3, ..."""

    def add(self, ids: Ints) -> None:
        if self._index is None:
            if np.array_equal(ids, np.arange(self.count + 1, self.count + 1 + len(ids))):
                self.count += len(ids)
                return
            self._index = Index()
            self._index.load(np.arange(1, self.count + 1))
        rows, _ = self._index.add(ids)
        wrong = np.flatnonzero(rows != np.arange(self.count, self.count + len(ids)))
        if len(wrong):
            raise FormatError(
                f"{self._what} id {unsigned(ids[wrong[0]])} occurs twice: two profiles were appended to each other; "
                "keep each profile in a file of its own"
            )
        self.count += len(ids)

    def find(self, ids: Ints) -> Ints:
        """Numbers; NONE for ids that are not there."""
        if self._index is not None:
            return self._index.find(ids)
        numbers = ids - 1
        numbers[numbers.view(np.uint64) >= self.count] = NONE  # those below 0 are very large so
        return numbers


class NewFunctions(NamedTuple):
    name: Ints
    file: Ints
    line: Ints


class FunctionTable:
    """Functions, equal ones put together."""

    def __init__(self, texts: Texts, limits: Limits) -> None:
        self._texts, self._limits = texts, limits
        self._ids, self._rows = Ids("function"), Buffer()
        self._places, self._functions = Index(), Index()
        self._new: list[tuple[Ints, Ints, Ints]] = []

    @property
    def count(self) -> int:
        return self._functions.count

    def add(self, raw: Sequence[bytes]) -> None:
        kind = schema().Function
        self._limits.check("functions", self._ids.count + len(raw))
        fields = [(f.id, f.name or f.system_name, f.filename, _line(f.start_line)) for f in (parsed(kind, each) for each in raw)]
        ids, names, files, lines = table(fields, 4)
        self._ids.add(ids)
        unknown = self._texts.id(UNKNOWN) if (names == 0).any() else NONE
        name = np.full(len(names), unknown, np.int64)
        name[names != 0] = self._texts.ids(names[names != 0])
        self._rows.append(self._interned(name, self._texts.ids(files), lines))

    def rows(self, ids: Ints) -> Ints:
        """The model's rows of pprof's ids; NONE for ids that are not there."""
        numbers = self._ids.find(ids)
        return np.where(numbers == NONE, NONE, self._rows.all()[numbers] if self._ids.count else NONE)

    def nameless(self, names: Sequence[str], files: Sequence[str]) -> Ints:
        """Rows of functions without an id."""
        id_of = self._texts.id
        places = np.array([(id_of(name), id_of(file)) for name, file in zip(names, files)], np.int64).reshape(-1, 2)
        return self._interned(places[:, 0], places[:, 1], np.zeros(len(names), np.int64))

    def taken(self) -> NewFunctions:
        new, self._new = self._new, []
        return NewFunctions(*(joined(each) for each in zip(*new))) if new else NewFunctions(*(joined(()),) * 3)

    def _interned(self, name: Ints, file: Ints, line: Ints) -> Ints:
        place, _ = self._places.add(pair(name, file))
        rows, first = self._functions.add(pair(place, line))
        self._new.append((name[first], file[first], line[first]))
        return rows


class LocationTable:
    """pprof's locations as the model's: one with several lines (inlined calls) is several, the last line the outermost."""

    def __init__(self, functions: FunctionTable, texts: Texts, limits: Limits) -> None:
        self._functions, self._texts, self._limits = functions, texts, limits
        self._ids, self._locations = Ids("location"), Index()
        self._parts, self._part_lengths = Buffer(), Buffer()
        self._mappings: dict[int, str] = {}
        self._new: list[tuple[Ints, Ints]] = []

    @property
    def count(self) -> int:
        return self._locations.count

    def add(self, raw: Sequence[bytes], mappings: Sequence[Any]) -> None:
        self._limits.check("locations", self._ids.count + len(raw))
        self._mappings |= {mapping.id: self._texts.text(mapping.filename) for mapping in mappings}
        kind = schema().Location
        ids: list[int] = []
        lengths: list[int] = []
        lines: list[tuple[int, int]] = []
        nameless: list[tuple[int, str, str]] = []
        before = len(self._parts.all())
        for each in raw:
            location = parsed(kind, each)
            ids.append(location.id)
            for line in reversed(location.line):
                if not line.function_id:
                    nameless.append((len(lines), UNKNOWN, ""))
                lines.append((line.function_id, _line(line.line)))
            if not location.line:
                name = hex(location.address) if location.address else UNKNOWN
                nameless.append((len(lines), name, self._mappings.get(location.mapping_id, "")))
                lines.append((0, 0))
            lengths.append(max(1, len(location.line)))
            self._limits.check("locations", before + len(lines))
        self._ids.add(table([(each,) for each in ids], 1)[0])
        self._part_lengths.append(np.array(lengths, np.int64))
        function_ids, line_numbers = table(lines, 2)
        self._parts.append(self._interned(function_ids, line_numbers, nameless))

    def _interned(self, function_ids: Ints, lines: Ints, nameless: list[tuple[int, str, str]]) -> Ints:
        functions = self._functions.rows(function_ids)
        if nameless:
            places, names, files = zip(*nameless)
            functions[[*places]] = self._functions.nameless(names, files)
        wrong = function_ids[functions == NONE]
        if len(wrong):
            raise FormatError(f"a location is in function {unsigned(wrong[0])}, which is not there; copy the file again")
        rows, first = self._locations.add(pair(functions, lines))
        self._new.append((functions[first], lines[first]))
        return rows

    def stacks(self, ids: Ints, lengths: Ints) -> tuple[Ints, Ints]:
        """Leaf-first rows of pprof's ids as root-first rows of the model's locations: (flat, lengths).

        In blocks, since there may be tens of millions of them.
        """
        parts, part_lengths = self._parts.all(), self._part_lengths.all()
        if len(parts) == len(part_lengths):
            flat = np.empty(len(ids), np.int64)
            for rows, within in ragged.blocks(lengths):
                flat[within] = parts[self._numbers(ids[within], lengths[rows])]
            return flat, lengths
        found = [
            ragged.replaced(self._numbers(ids[within], lengths[rows]), lengths[rows], parts, part_lengths)
            for rows, within in ragged.blocks(lengths)
        ]
        return joined([flat for flat, _ in found]), joined([counts for _, counts in found])

    def _numbers(self, ids: Ints, lengths: Ints) -> Ints:
        """Leaf-first rows of pprof's ids as root-first rows of numbers of its locations."""
        numbers = self._ids.find(ids)
        if (numbers == NONE).any():
            raise FormatError(
                f"a sample is at location {unsigned(ids[numbers == NONE][0])}, which is not there; copy the file again"
            )
        return ragged.reversed_rows(numbers, lengths)

    def taken(self) -> tuple[Ints, Ints]:
        """Function and line of the model's locations that are new since the last call."""
        new, self._new = self._new, []
        return joined([each for each, _ in new]), joined([each for _, each in new])


def table(rows: Sequence[tuple[int, ...]], width: int) -> tuple[Ints, ...]:
    """Rows of 64-bit numbers, signed or not, as columns."""
    columns = zip(*rows) if rows else ((),) * width
    return tuple(np.array([number & _ALL_BITS for number in each], np.uint64).view(np.int64) for each in columns)


def joined(parts: Sequence[Ints]) -> Ints:
    return np.concatenate([np.empty(0, np.int64), *parts])


def unsigned(number: np.int64) -> int:
    return int(number) & _ALL_BITS


def _line(number: int) -> int:
    return number if 0 <= number <= MAX_LINE else 0
