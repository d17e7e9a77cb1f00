"""speedscope's JSON into columns, its shape checked before any of it is believed."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import chain
from typing import Any, NoReturn, cast

from plopi.errors import FormatError
from plopi.formats.columns import Names, Table, profile_of
from plopi.formats.conventions import EXPORTER, TYPE_OF_UNIT
from plopi.formats.limits import INT64_MAX, MAX_LINE, Limits
from plopi.formats.progress import Report, silent
from plopi.formats.text import clean
from plopi.formats.units import NANOSECONDS
from plopi.model import TIME, About, Profile, SampleType

_FIRST_LINE_EXPORTERS = (EXPORTER, "pyinstrument")
"""Their frames tell a function's first line; others' (py-spy's) the current one."""
_OWN_NAME = re.compile(r"(.*) \(([^()]+)\)", re.DOTALL)


def read(data: bytes, limits: Limits, report: Report = silent) -> Profile:
    report("parsing", 0, len(data))
    document = _object(_loaded(data), "the file")
    return _Reader(document, limits).profile()


def _loaded(data: bytes) -> Any:
    """The JSON in ``data``, which knows no NaN, no Infinity, no key twice, and no great depth."""
    try:
        source = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
        return json.loads(source, parse_constant=_no_number, object_pairs_hook=_without_duplicates)
    except UnicodeDecodeError as error:
        raise FormatError("the JSON is not in UTF-8", error.start) from None
    except json.JSONDecodeError as error:
        raise FormatError(f"the JSON is broken: {error.msg}", len(error.doc[: error.pos].encode("utf-8", "replace"))) from None
    except ValueError:
        raise FormatError("the JSON holds a number of thousands of digits") from None
    except RecursionError:
        raise FormatError("the JSON is nested deeper than any speedscope file") from None


def _no_number(name: str) -> NoReturn:
    raise FormatError(f"the JSON holds {name}, which is no number")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise FormatError("the JSON has an object with the same key twice")
    return found


class _Reader:
    def __init__(self, document: dict[str, Any], limits: Limits) -> None:
        self.limits, self.names, self.threads = limits, Names(limits), Table(2)
        exporter, name = document.get("exporter"), document.get("name")
        self.exporter = clean(exporter) if isinstance(exporter, str) else ""
        self.name = clean(name) if isinstance(name, str) else ""
        self.is_own = self.exporter.startswith(f"{EXPORTER} ")
        frames = _list(_object(document.get("shared"), "shared").get("frames"), "shared.frames")
        limits.check("locations", len(frames))
        self.frames = [self.location(frame, f"shared.frames[{row}]") for row, frame in enumerate(frames)]
        self.profiles = _list(document.get("profiles"), "profiles")
        self.types: dict[SampleType, int] = {}
        self.paths: list[int] = []
        self.lengths: list[int] = []
        self.thread: list[int] = []
        self.type: list[int] = []
        self.weight: list[int] = []

    def profile(self) -> Profile:
        for row, each in enumerate(self.profiles):
            self.add(_object(each, f"profiles[{row}]"), f"profiles[{row}]")
        if not self.types:
            raise FormatError("the file has no profiles; export it again")
        weights = [[weight if kind == row else 0 for kind, weight in zip(self.type, self.weight)] for row in self.types.values()]
        about = About(command=self.name if self.is_own else "", engine="" if self.is_own else self.exporter)
        return profile_of(
            self.names, self.paths, self.lengths, weights, tuple(self.types), self.limits, self.threads, self.thread, about
        )

    def location(self, raw: Any, where: str) -> int:
        frame = _object(raw, where)
        name, file, line = frame.get("name"), frame.get("file"), frame.get("line")
        if not isinstance(name, str) or not isinstance(file, str | None):
            raise FormatError(f"{where} has no name, or one that is no text; export the file again")
        line = line if type(line) is int and 0 < line <= MAX_LINE else 0
        has_first_line = self.exporter.startswith(_FIRST_LINE_EXPORTERS)
        first, current = (line, 0) if has_first_line else (0, line)
        return self.names.location(clean(name), clean(file or ""), first, current)

    def add(self, profile: dict[str, Any], where: str) -> None:
        name, unit, kind = profile.get("name"), profile.get("unit"), profile.get("type")
        if not isinstance(unit, str) or not isinstance(name, str):
            raise FormatError(f"{where} has no name or no unit; export the file again")
        thread, sample_type = self.thread_and_type(clean(name), unit)
        scale = NANOSECONDS.get(unit, 1)
        if kind == "sampled":
            paths, weights = self.sampled(profile, where, scale)
        elif kind == "evented":
            paths, weights = self.evented(profile, where, scale)
        else:
            raise FormatError(f"{where} is of type {ascii(kind)[:40]}; it should be sampled or evented")
        self.lengths += map(len, paths)
        self.limits.check("frames", sum(self.lengths[-len(paths) :]) + len(self.paths) if paths else 0)
        self.paths += chain.from_iterable(paths)
        self.weight += weights
        self.type += [self.types.setdefault(sample_type, len(self.types))] * len(paths)
        self.thread += [self.threads.row(self.names.string(thread), 0)] * len(paths)
        self.limits.check("samples", len(self.lengths))

    def thread_and_type(self, name: str, unit: str) -> tuple[str, SampleType]:
        known = TYPE_OF_UNIT.get(unit, TIME if unit in NANOSECONDS else SampleType("weight", clean(unit)))
        if self.is_own and (own := _OWN_NAME.fullmatch(name)):
            return own[1], SampleType(own[2], known.unit)
        return name, known

    def sampled(self, profile: dict[str, Any], where: str, scale: int) -> tuple[list[Sequence[int]], list[int]]:
        samples, weights = _list(profile.get("samples"), f"{where}.samples"), _list(profile.get("weights"), f"{where}.weights")
        if len(samples) != len(weights):
            raise FormatError(f"{where} has {len(samples):,} samples but {len(weights):,} weights; export the file again")
        paths = []
        for row, sample in enumerate(samples):
            paths.append([self.frame(index, where) for index in _list(sample, f"{where}.samples[{row}]")])
            self.limits.check("depth", len(paths[-1]))
        return cast(list[Sequence[int]], paths), [_whole(weight, scale, where) for weight in weights]

    def evented(self, profile: dict[str, Any], where: str, scale: int) -> tuple[list[Sequence[int]], list[int]]:
        """Each stretch between two events is a sample of the frames that are open."""
        opened: list[int] = []
        totals: dict[tuple[int, ...], int] = {}
        before, frames = _whole(profile.get("startValue", 0), scale, where), 0
        for row, raw in enumerate(_list(profile.get("events"), f"{where}.events")):
            event = _object(raw, f"{where}.events[{row}]")
            at, frame = _whole(event.get("at"), scale, where), self.frame(event.get("frame"), where)
            if at < before:
                raise FormatError(f"{where}.events[{row}] is before the event that it follows; export the file again")
            if at > before and opened:
                path = tuple(opened)
                frames += 0 if path in totals else len(path)
                self.limits.check("frames", frames)
                totals[path] = totals.get(path, 0) + at - before
            before = at
            if event.get("type") == "O":
                opened.append(frame)
                self.limits.check("depth", len(opened))
            elif event.get("type") == "C" and opened and opened[-1] == frame:
                opened.pop()
            else:
                raise FormatError(f"{where}.events[{row}] neither opens a frame nor closes the last one opened; export again")
        if opened:
            raise FormatError(f"{where} ends with {len(opened)} frames that are never closed; export the file again")
        return list(totals), list(totals.values())

    def frame(self, index: Any, where: str) -> int:
        if type(index) is not int or not 0 <= index < len(self.frames):
            raise FormatError(f"{where} asks for frame {ascii(index)[:40]}, but there are {len(self.frames):,}")
        return self.frames[index]


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise FormatError(f"{where} should be a JSON object; export the file again")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise FormatError(f"{where} should be a JSON list; export the file again")
    return value


def _whole(value: Any, scale: int, where: str) -> int:
    """A number in units of 1/scale, as a whole number."""
    if type(value) not in (int, float) or not abs(value) <= INT64_MAX // scale // 2:
        raise FormatError(f"{where} holds {ascii(value)[:40]} where a number within bounds should be; export the file again")
    number: float = value
    return round(number * scale)
