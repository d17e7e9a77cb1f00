"""speedscope's JSON into columns, taken piece by piece, its shape checked before any of it is believed.

Fields may stand in any order, and speedscope's own files name their exporter last, which tells how frames are to be understood.
So frames are kept as they are said, stacks as their numbers, and all of it is made sense of at the end.
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from plopi.errors import FormatError
from plopi.formats.columns import Names, Table, profile_of
from plopi.formats.conventions import EXPORTER, TYPE_OF_UNIT
from plopi.formats.json_pull import Pull
from plopi.formats.limits import INT64_MAX, MAX_LINE, Limits
from plopi.formats.progress import Report, silent
from plopi.formats.ragged import column
from plopi.formats.text import clean
from plopi.formats.units import NANOSECONDS
from plopi.model import TIME, About, Profile, SampleType

_FIRST_LINE_EXPORTERS = (EXPORTER, "pyinstrument")
"""Their frames tell a function's first line; others' (py-spy's) the current one."""
_OWN_NAME = re.compile(r"(.*) \(([^()]+)\)", re.DOTALL)


def read(data: bytes, limits: Limits, report: Report = silent) -> Profile:
    report("parsing", 0, len(data))
    reader = _Reader(Pull(data), limits, lambda share: report("parsing", int(share * len(data)), len(data)))
    return reader.profile()


@dataclass
class _Part:
    """One of the file's profiles: samples as numbers of frames, or events; numbers are not yet in whole units."""

    where: str
    name: Any = None
    unit: Any = None
    kind: Any = None
    start: Any = 0
    paths: array[int] = field(default_factory=lambda: array("q"))
    lengths: array[int] = field(default_factory=lambda: array("q"))
    weights: list[Any] = field(default_factory=list)
    at: list[Any] = field(default_factory=list)
    frame: array[int] = field(default_factory=lambda: array("q"))
    opens: bytearray = field(default_factory=bytearray)
    """By event: 1 opens a frame, 0 closes one, anything else neither."""
    has_samples: bool = False
    has_weights: bool = False
    has_events: bool = False


class _Reader:
    def __init__(self, pull: Pull, limits: Limits, told: Any) -> None:
        self.pull, self.limits, self.told = pull, limits, told
        self.names, self.threads = Names(limits), Table(2)
        self.exporter = self.name = ""
        self.frames: list[tuple[str, str, int]] | None = None
        self.parts: list[_Part] | None = None
        self.many = 0

    def profile(self) -> Profile:
        self.document()
        if self.frames is None:
            raise FormatError("shared.frames should be a JSON list; export the file again")
        if self.parts is None:
            raise FormatError("profiles should be a JSON list; export the file again")
        if not self.parts:
            raise FormatError("the file has no profiles; export it again")
        is_own = self.exporter.startswith(f"{EXPORTER} ")
        types: dict[SampleType, int] = {}
        paths, lengths, thread, kind, weight = array("q"), array("q"), array("q"), array("q"), array("q")
        for part in self.parts:
            own_paths, own_lengths, weights, name, sample_type = self.made(part, is_own)
            paths.extend(own_paths)
            lengths.extend(own_lengths)
            weight.extend(weights)
            kind.extend([types.setdefault(sample_type, len(types))] * len(own_lengths))
            thread.extend([self.threads.row(self.names.string(name), 0)] * len(own_lengths))
            self.limits.check("frames", len(paths))
            self.limits.check("samples", len(lengths))
        locations = np.array(self.locations(self.frames), dtype=np.int64)
        of_kind = np.array(kind, dtype=np.int64)
        all_weights = np.array(weight, dtype=np.int64)
        columns = [column(np.where(of_kind == row, all_weights, 0)) for row in types.values()]
        placed = column(locations[np.frombuffer(paths, dtype=np.int64)] if paths else locations[:0])
        about = About(command=self.name if is_own else "", engine="" if is_own else self.exporter)
        return profile_of(self.names, placed, lengths, columns, tuple(types), self.limits, self.threads, thread, about)

    # --- taking ---

    def document(self) -> None:
        pull = self.pull
        for key in pull.fields("the file"):
            if key == "shared":
                self.shared()
            elif key == "profiles":
                self.parts = []
                for row in pull.items("profiles"):
                    self.parts.append(self.part(f"profiles[{row}]"))
            elif key in ("exporter", "name"):
                said = pull.value()
                setattr(self, key, clean(said) if isinstance(said, str) else "")
            else:
                pull.pass_over()
        pull.end()

    def shared(self) -> None:
        for key in self.pull.fields("shared"):
            if key != "frames":
                self.pull.pass_over()
                continue
            self.frames = []
            for row in self.pull.items("shared.frames"):
                self.frames.append(_frame(self.pull.value(), f"shared.frames[{row}]"))
                self.limits.check("locations", len(self.frames))

    def part(self, where: str) -> _Part:
        part, pull = _Part(where), self.pull
        for key in pull.fields(where):
            if key in ("name", "unit"):
                setattr(part, key, pull.value())
            elif key == "type":
                part.kind = pull.value()
            elif key == "startValue":
                part.start = pull.value()
            elif key == "samples":
                self.samples(part)
            elif key == "weights":
                part.has_weights = True
                for _ in pull.items(f"{where}.weights"):
                    part.weights.append(pull.value())
                    self.limits.check("samples", len(part.weights))
            elif key == "events":
                self.events(part)
            else:
                pull.pass_over()
        return part

    def samples(self, part: _Part) -> None:
        part.has_samples = True
        for row in self.pull.items(f"{part.where}.samples"):
            path = self.pull.value()
            if not isinstance(path, list):
                raise FormatError(f"{part.where}.samples[{row}] should be a JSON list; export the file again")
            self.limits.check("depth", len(path))
            self.add(part, path)
            if row % 4096 == 0:
                self.told(self.pull.done)

    def add(self, part: _Part, path: list[Any]) -> None:
        if not all(type(each) is int and 0 <= each <= INT64_MAX for each in path):
            wrong = next(each for each in path if type(each) is not int or not 0 <= each <= INT64_MAX)
            raise self.no_frame(part, wrong)
        part.paths.extend(path)
        part.lengths.append(len(path))
        self.many += len(path)
        self.limits.check("frames", self.many)
        self.limits.check("samples", len(part.lengths))

    def events(self, part: _Part) -> None:
        part.has_events = True
        for row in self.pull.items(f"{part.where}.events"):
            event = self.pull.value()
            if not isinstance(event, dict):
                raise FormatError(f"{part.where}.events[{row}] should be a JSON object; export the file again")
            number = event.get("frame")
            if type(number) is not int or not 0 <= number <= INT64_MAX:
                raise self.no_frame(part, number)
            part.at.append(event.get("at"))
            part.frame.append(number)
            part.opens.append({"O": 1, "C": 0}.get(str(event.get("type")), 2))
            self.limits.check("samples", len(part.at) // 2)

    # --- making sense ---

    def made(self, part: _Part, is_own: bool) -> tuple[array[int], array[int], list[int], str, SampleType]:
        where, unit = part.where, part.unit
        if not isinstance(unit, str) or not isinstance(part.name, str):
            raise FormatError(f"{where} has no name or no unit; export the file again")
        name, sample_type = _thread_and_type(clean(part.name), unit, is_own)
        scale = NANOSECONDS.get(unit, 1)
        if part.kind == "sampled":
            weights = self.sampled(part, scale)
        elif part.kind == "evented":
            weights = self.evented(part, scale)
        else:
            raise FormatError(f"{where} is of type {ascii(part.kind)[:40]}; it should be sampled or evented")
        numbers = np.array(part.paths, dtype=np.int64)  # a copy: an array that is looked at cannot grow
        if len(numbers) and int(numbers.max()) >= len(self.frames or ()):
            raise self.no_frame(part, int(numbers[np.argmax(numbers >= len(self.frames or ()))]))
        return part.paths, part.lengths, weights, name, sample_type

    def sampled(self, part: _Part, scale: int) -> list[int]:
        for has, what in ((part.has_samples, "samples"), (part.has_weights, "weights")):
            if not has:
                raise FormatError(f"{part.where}.{what} should be a JSON list; export the file again")
        if len(part.lengths) != len(part.weights):
            raise FormatError(
                f"{part.where} has {len(part.lengths):,} samples but {len(part.weights):,} weights; export the file again"
            )
        return [_whole(weight, scale, part.where) for weight in part.weights]

    def evented(self, part: _Part, scale: int) -> list[int]:
        """Each stretch between two events is a sample of the frames that are open."""
        if not part.has_events:
            raise FormatError(f"{part.where}.events should be a JSON list; export the file again")
        where = part.where
        opened: list[int] = []
        totals: dict[tuple[int, ...], int] = {}
        before = _whole(part.start, scale, where)
        part.paths, part.lengths = array("q"), array("q")
        for row, (said, frame, opens) in enumerate(zip(part.at, part.frame, part.opens)):
            at = _whole(said, scale, where)
            if at < before:
                raise FormatError(f"{where}.events[{row}] is before the event that it follows; export the file again")
            if at > before and opened:
                path = tuple(opened)
                if path not in totals:
                    self.add(part, opened)
                totals[path] = totals.get(path, 0) + at - before
            before = at
            if opens == 1:
                opened.append(frame)
                self.limits.check("depth", len(opened))
            elif opens == 0 and opened and opened[-1] == frame:
                opened.pop()
            else:
                raise FormatError(f"{where}.events[{row}] neither opens a frame nor closes the last one opened; export again")
        if opened:
            raise FormatError(f"{where} ends with {len(opened)} frames that are never closed; export the file again")
        return list(totals.values())

    def locations(self, frames: list[tuple[str, str, int]]) -> list[int]:
        has_first_line = self.exporter.startswith(_FIRST_LINE_EXPORTERS)
        return [self.names.location(n, file, *((line, 0) if has_first_line else (0, line))) for n, file, line in frames]

    def no_frame(self, part: _Part, index: Any) -> FormatError:
        known = "" if self.frames is None else f", but there are {len(self.frames):,}"
        return FormatError(f"{part.where} asks for frame {ascii(index)[:40]}{known}; export the file again")


def _frame(raw: Any, where: str) -> tuple[str, str, int]:
    if not isinstance(raw, dict):
        raise FormatError(f"{where} should be a JSON object; export the file again")
    name, file, line = raw.get("name"), raw.get("file"), raw.get("line")
    if not isinstance(name, str) or not isinstance(file, str | None):
        raise FormatError(f"{where} has no name, or one that is no text; export the file again")
    return clean(name), clean(file or ""), line if type(line) is int and 0 < line <= MAX_LINE else 0


def _thread_and_type(name: str, unit: str, is_own: bool) -> tuple[str, SampleType]:
    known = TYPE_OF_UNIT.get(unit, TIME if unit in NANOSECONDS else SampleType("weight", clean(unit)))
    if is_own and (own := _OWN_NAME.fullmatch(name)):
        return own[1], SampleType(own[2], known.unit)
    return name, known


def _whole(value: Any, scale: int, where: str) -> int:
    """A number in units of 1/scale, as a whole number."""
    if type(value) not in (int, float) or not abs(value) <= INT64_MAX // scale // 2:
        raise FormatError(f"{where} holds {ascii(value)[:40]} where a number within bounds should be; export the file again")
    number: float = value
    return round(number * scale)
