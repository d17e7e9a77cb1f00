"""Folded stacks into columns; each distinct frame is looked at once."""

from __future__ import annotations

import re

from plopi.errors import FormatError
from plopi.formats.columns import Names, profile_of
from plopi.formats.limits import INT64_MAX, MAX_LINE, Limits
from plopi.formats.progress import Report, silent
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
    known: dict[bytes, int] = {}
    paths: list[int] = []
    lengths: list[int] = []
    counts: list[int] = []
    offset = 0
    for line in data.split(b"\n"):
        stripped = line.rstrip()
        if comment := stripped.startswith(b"# ") and _AUSTIN_HEAD.fullmatch(decoded(stripped)):
            austin[comment[1]] = comment[2]
        elif stripped:
            stack, count = _split(stripped, offset)
            is_austin = _AUSTIN_STACK.match(stack) is not None
            before = len(paths)
            for frame in stack.split(b";") if stack else ():  # py-spy counts samples of no frames
                location = known.get(frame)
                if location is None:
                    location = known[frame] = names.location(*_place(decoded(frame), is_austin))
                paths.append(location)
            lengths.append(len(paths) - before)
            counts.append(count)
            limits.check("depth", lengths[-1])
            limits.check("frames", len(paths))
            limits.check("samples", len(lengths))
        offset += len(line) + 1
    sample_type, scale, about = _austin_says(austin)
    if scale != 1 and counts and max(counts) > INT64_MAX // scale:
        raise FormatError("a time is too large to be told in nanoseconds")
    weights = [count * scale for count in counts]
    return profile_of(names, paths, lengths, [weights], (sample_type,), limits, about=about)


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
