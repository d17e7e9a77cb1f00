"""Folded stacks into columns; each distinct frame is looked at once."""

from __future__ import annotations

import re
from array import array
from io import BytesIO

from plopi.errors import FormatError
from plopi.formats.columns import Names, ints, profile_of
from plopi.formats.limits import INT64_MAX, MAX_LINE, Limits
from plopi.formats.progress import STEP, Report, silent
from plopi.formats.ragged import column
from plopi.formats.text import decoded
from plopi.model import SAMPLES, About, Profile, SampleType

_PY_SPY = re.compile(r"(.+) \(((?:[^()]|\([^()]*\))*):(\d{1,10})\)", re.DOTALL)
_PY_SPY_WITHOUT_LINE = re.compile(r"(.+) \(((?:[^()]|\([^()]*\))*(?:\.pyx?|[/\\][^()]*|\.so[^()]*))\)", re.DOTALL)
_AUSTIN = re.compile(r"(.+):([^:]*):(\d{1,10})", re.DOTALL)
_AUSTIN_STACK = re.compile(rb"P\d+;T[\w:]+;|tid:\d+;")
"""Frames of such a stack are ``file:function:line``; the second begins those of Python 3.15's own sampler."""
_AUSTIN_HEAD = re.compile(r"# (\w+): (.*)")
_NUMBER = re.compile(rb"\d{1,19}")
WALL_FROM_AUSTIN, CPU_FROM_AUSTIN = SampleType("wall", "nanoseconds"), SampleType("cpu", "nanoseconds")


def read(data: bytes, limits: Limits, report: Report = silent) -> Profile:
    report("parsing", 0, len(data))
    names, austin = Names(limits), {}
    usual, of_austin = _Frames(names, False), _Frames(names, True)
    paths, lengths, counts = array("q"), array("q"), array("q")
    offset = told = 0
    for line in BytesIO(data):
        stripped = line.rstrip()
        if comment := stripped.startswith(b"# ") and _AUSTIN_HEAD.fullmatch(decoded(stripped)):
            austin[comment[1]] = comment[2]
        elif stripped:
            stack, count = _split(stripped, offset)
            known = of_austin if _AUSTIN_STACK.match(stack) else usual
            frames = stack.split(b";") if stack else []  # py-spy counts samples of no frames
            lengths.append(len(frames))
            counts.append(count)
            limits.check("depth", len(frames))
            limits.check("frames", len(paths) + len(frames))
            limits.check("samples", len(lengths))
            paths.extend(map(known.__getitem__, frames))
        offset += len(line)
        if offset - told >= STEP:
            told = offset
            report("parsing", offset, len(data))
    sample_type, scale, about = _austin_says(austin)
    if scale != 1 and counts and max(counts) > INT64_MAX // scale:
        raise FormatError("a time is too large to be told in nanoseconds")
    weights = ints(counts) * scale
    return profile_of(names, paths, lengths, [column(weights)], (sample_type,), limits, about=about)


class _Frames(dict[bytes, int]):
    """Location by what a frame says."""

    def __init__(self, names: Names, is_austin: bool) -> None:
        self._names, self._is_austin = names, is_austin

    def __missing__(self, frame: bytes) -> int:
        location = self[frame] = self._names.location(*_place(decoded(frame), self._is_austin))
        return location


def _split(line: bytes, offset: int) -> tuple[bytes, int]:
    stack, blank, number = line.rpartition(b" ")
    if not blank:
        raise FormatError("the line has no blank between its stack and its count", offset)
    if not _NUMBER.fullmatch(number) or int(number) > INT64_MAX:
        shown = ascii(decoded(number[:20]))
        raise FormatError(f"the line ends in {shown} where a whole number should count its samples", offset + len(stack) + 1)
    return stack.rstrip(), int(number)


def _place(frame: str, is_austin: bool) -> tuple[str, str, int, int]:
    """(function, file, first line, current line) of a frame; frames such as "thread (0x7f)" or "process 1" tell no place."""
    if is_austin and (found := _AUSTIN.fullmatch(frame)):
        return found[2], found[1], 0, _line(found[3])
    if frame.endswith(")") and not frame.startswith(("thread (", "process ")):
        if found := _PY_SPY.fullmatch(frame):
            return found[1], found[2], 0, _line(found[3])
        if found := _PY_SPY_WITHOUT_LINE.fullmatch(frame):
            return found[1], found[2], 0, 0
    return frame, "", 0, 0


def _line(digits: str) -> int:
    return int(digits) if int(digits) <= MAX_LINE else 0


def _austin_says(head: dict[str, str]) -> tuple[SampleType, int, About]:
    """Austin's metric is microseconds of its mode, not counts; its comments tell which."""
    if "austin" not in head:
        return SAMPLES, 1, About()
    clock = CPU_FROM_AUSTIN if head.get("mode") == "cpu" else WALL_FROM_AUSTIN
    return clock, 1000, About(engine=f"austin {head['austin']}", mode=clock.name)
