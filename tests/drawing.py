"""Profiles as drawn text, so that a test reads like a picture.

A STACKS profile is an indented tree. A line is ``name [file:first_line] [@current_line] [weights]``; the weights are those of
samples whose leaf is that line, one per sample type, joined by ``/``. ``[thread NAME IDENT]`` and ``[window START+LENGTH]``
(nanoseconds) at the left edge hold for what follows them::

    [thread MainThread 7]
    main app.py:1
      parse app.py:10 @12 30
        read 10
      <gc> 5

A CALLS profile has a line ``name [file:first_line] calls/primitive self cum`` per function and, indented below a caller, one
line with the same columns per callee edge::

    main 1/1 10 30
      parse 3/1 20 20
    parse 3/1 20 20

A name or file with odd characters stands in JSON quotes. Left out, the file is ``app.py`` with first line 1; for plopi's own
names (``<gc>``, ``<truncated>``) the file is empty and the line 0.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from textwrap import dedent

from plopi.model import (
    CALLS,
    GC_FUNCTION,
    NONE,
    SAMPLES,
    TIME,
    TRUNCATED_FUNCTION,
    About,
    Calls,
    Functions,
    Profile,
    ProfileBuilder,
    SampleType,
    calls_profile,
)

FunctionKey = tuple[str, str, int]
"""(name, file, first line)."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"(?::-?\d+)?|\S+')
_PLACE = re.compile(r'("(?:[^"\\]|\\.)*"|[^\s"]*):(-?\d+)')
_WEIGHTS = re.compile(r"-?\d+(?:/-?\d+)*")
_PLAIN = re.compile(r"[^\s\"\[@][^\s\"]*")


def profile_from(
    text: str, sample_types: Sequence[SampleType] = (SAMPLES,), about: About | None = None, builder: ProfileBuilder | None = None
) -> Profile:
    """The STACKS profile that ``text`` draws; give a ``builder`` to go on filling one."""
    rows = builder or ProfileBuilder(tuple(sample_types), about or About())
    thread = window = NONE
    path: list[tuple[int, int]] = []
    for indent, tokens in _lines(text):
        if tokens[0] == "[thread":
            ident, name = tokens[-1].rstrip("]"), _unquoted(" ".join(tokens[1:-1]))
            thread = rows.thread_id(name, int(ident))
            path = []
            continue
        if tokens[0] == "[window":
            start, length = tokens[1].rstrip("]").split("+")
            window = _window(rows, int(start), int(length))
            path = []
            continue
        (name, file, first), line, weights = _stack_line(tokens)
        while path and path[-1][0] >= indent:
            path.pop()
        parent = path[-1][1] if path else NONE
        stack = rows.stack_id(parent, rows.location_id(rows.function_id(name, file, first), line))
        path.append((indent, stack))
        if weights is not None:
            rows.add_sample(stack, weights, thread, window)
    return rows.build()


def calls_from(text: str, time: SampleType = TIME, about: About | None = None) -> Profile:
    """The CALLS profile that ``text`` draws."""
    ids: dict[FunctionKey, int] = {}
    totals: dict[int, list[int]] = {}
    edges: list[list[int]] = []
    caller = NONE
    for indent, tokens in _lines(text):
        key, rest = _function(tokens)
        function = ids.setdefault(key, len(ids))
        numbers = [*map(int, rest[0].split("/")), int(rest[1]), int(rest[2])]
        if indent == 0:
            totals[function] = numbers
            caller = function
        else:
            edges.append([caller, function, *numbers])
    strings: dict[str, int] = {}
    functions = Functions(
        array("q", [strings.setdefault(key[0], len(strings)) for key in ids]),
        array("q", [strings.setdefault(key[1], len(strings)) for key in ids]),
        array("q", [key[2] for key in ids]),
    )
    per_function = [totals.get(function, [0, 0, 0, 0]) for function in range(len(ids))]
    columns = [array("q", [row[i] for row in per_function]) for i in range(4)]
    columns += [array("q", [edge[i] for edge in edges]) for i in range(6)]
    return calls_profile(tuple(strings), functions, Calls(*columns), about, time)


def draw(profile: Profile) -> str:
    """The drawing of a profile in its normal form: siblings by name, threads and windows in their order, equal rows added up."""
    return "\n".join(_draw_calls(profile) if profile.shape == CALLS else _draw_stacks(profile))


def redrawn(text: str, sample_types: Sequence[SampleType] = (SAMPLES,)) -> str:
    """``text``, a drawing of stacks, in normal form: what ``draw`` gives for the profile it draws."""
    return draw(profile_from(text, sample_types))


def stacks_of(profile: Profile) -> dict[tuple[tuple[str, str, int, int], ...], tuple[int, ...]]:
    """Root-first stacks of (name, file, first line, current line) -> added-up weights, threads and windows put together."""
    found: dict[tuple[tuple[str, str, int, int], ...], tuple[int, ...]] = {}
    for row, stack in enumerate(profile.samples.stack):
        key = tuple(_frames(profile, stack))
        weights = [int(column[row]) for column in profile.samples.weights]
        found[key] = tuple(a + b for a, b in zip(found.get(key, (0,) * len(weights)), weights))
    return found


def _window(rows: ProfileBuilder, start: int, length: int) -> int:
    known = list(zip(rows.window_start, rows.window_length))
    return known.index((start, length)) if (start, length) in known else rows.add_window(start, length)


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    for line in dedent(text).splitlines():
        if line.strip():
            yield len(line) - len(line.lstrip(" ")), _TOKEN.findall(line)


def _function(tokens: Sequence[str]) -> tuple[FunctionKey, list[str]]:
    name, rest = _unquoted(tokens[0]), list(tokens[1:])
    place = _PLACE.fullmatch(rest[0]) if rest else None
    if place:
        return (name, _unquoted(place[1]), int(place[2])), rest[1:]
    return (name, *_usual_place(name)), rest


def _usual_place(name: str) -> tuple[str, int]:
    return ("", 0) if name in (GC_FUNCTION, TRUNCATED_FUNCTION) else ("app.py", 1)


def _stack_line(tokens: Sequence[str]) -> tuple[FunctionKey, int, list[int] | None]:
    key, rest = _function(tokens)
    line = int(rest.pop(0)[1:]) if rest and rest[0].startswith("@") else 0
    if rest and not _WEIGHTS.fullmatch(rest[0]):
        raise ValueError(f"not a weight in a drawing: {rest[0]!r}")
    return key, line, [int(weight) for weight in rest[0].split("/")] if rest else None


def _unquoted(token: str) -> str:
    return str(json.loads(token)) if token.startswith('"') else token


def _quoted(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and text.isprintable() else json.dumps(text)


def _label(name: str, file: str, line: int) -> str:
    if (file, line) == _usual_place(name):
        return _quoted(name)
    return f"{_quoted(name)} {_quoted(file) if ':' not in file else json.dumps(file)}:{line}"


def _frames(profile: Profile, stack: int) -> list[tuple[str, str, int, int]]:
    frames = []
    while stack != NONE:
        location = profile.stacks.location[stack]
        function = profile.locations.function[location]
        frames.append(
            (
                profile.function_name(function),
                profile.function_file(function),
                int(profile.functions.line[function]),
                int(profile.locations.line[location]),
            )
        )
        stack = profile.stacks.parent[stack]
    return frames[::-1]


class _Node:
    def __init__(self) -> None:
        self.children: dict[tuple[str, str, int, int], _Node] = {}
        self.weights: list[int] | None = None

    def add(self, weights: Iterable[int]) -> None:
        self.weights = [a + b for a, b in zip(self.weights, weights)] if self.weights else list(weights)

    def lines(self, indent: int = 0) -> Iterator[str]:
        for (name, file, first, line), child in sorted(self.children.items()):
            text = "  " * indent + _label(name, file, first) + (f" @{line}" if line else "")
            yield text + ("" if child.weights is None else " " + "/".join(map(str, child.weights)))
            yield from child.lines(indent + 1)


def _draw_stacks(profile: Profile) -> Iterator[str]:
    sections: dict[tuple[int, int], _Node] = {}
    samples = profile.samples
    for row, stack in enumerate(samples.stack):
        node = sections.setdefault((int(samples.thread[row]), int(samples.window[row])), _Node())
        for frame in _frames(profile, stack):
            node = node.children.setdefault(frame, _Node())
        node.add(int(column[row]) for column in samples.weights)
    shown = (NONE, NONE)
    for thread, window in sorted(sections):
        if thread != shown[0]:
            name, ident = (profile.thread_name(thread), int(profile.threads.ident[thread])) if thread != NONE else ("", 0)
            yield f"[thread {_quoted(name)} {ident}]"
        if window != NONE and (thread, window) != shown:
            yield f"[window {int(profile.windows.start[window])}+{int(profile.windows.length[window])}]"
        shown = (thread, window)
        yield from sections[thread, window].lines()


def _draw_calls(profile: Profile) -> Iterator[str]:
    calls = profile.calls
    if calls is None:
        raise ValueError("a CALLS profile without calls cannot be drawn")

    def label(function: int) -> str:
        return _label(profile.function_name(function), profile.function_file(function), int(profile.functions.line[function]))

    edges: dict[int, list[str]] = {}
    for caller, callee, *numbers in zip(
        calls.caller, calls.callee, calls.edge_calls, calls.edge_primitive, calls.edge_self, calls.edge_cum
    ):
        count, primitive, own, cum = map(int, numbers)
        edges.setdefault(int(caller), []).append(f"  {label(callee)} {count}/{primitive} {own} {cum}")
    for function in sorted(range(len(profile.functions)), key=label):
        numbers = [int(column[function]) for column in (calls.calls, calls.primitive, calls.self, calls.cum)]
        yield f"{label(function)} {numbers[0]}/{numbers[1]} {numbers[2]} {numbers[3]}"
        yield from sorted(edges.get(function, ()))
