"""speedscope's JSON: https://www.speedscope.app/file-format-schema.json.

Written as one "sampled" profile per thread and time-like sample type, samples in the order of their windows; a frame is a
function with its first line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from plopi import __version__
from plopi.errors import UsageError
from plopi.formats.conventions import EXPORTER
from plopi.formats.protobuf import text
from plopi.model import NONE, STACKS

if TYPE_CHECKING:
    from plopi.formats.limits import Limits
    from plopi.formats.progress import Report
    from plopi.model import Profile

NAME = "speedscope"
SUFFIX = ".speedscope.json"
SCHEMA = "https://www.speedscope.app/file-format-schema.json"
UNITS = {"nanoseconds": "nanoseconds", "bytes": "bytes"}
"""Unit of a sample type -> speedscope's "unit"; any other is "none"."""


def sniff(head: bytes, file_name: str) -> bool:
    """A JSON object whose beginning tells the schema or one of the format's keys."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not re.match(rb'\{\s*("|$|\})', start):
        return False
    is_named_so = file_name.lower().removesuffix(".gz").endswith((".speedscope.json", ".speedscope"))
    return is_named_so or b"speedscope" in start or b'"profiles"' in start or b'"shared"' in start


def read(data: bytes, limits: Limits, report: Report | None = None) -> Profile:
    """Sampled and evented profiles; each profile of the file is a thread."""
    from plopi.formats.progress import silent
    from plopi.formats.speedscope_reader import read

    return read(data, limits, report or silent)


def write(profile: Profile, out: BinaryIO) -> None:
    """Write all threads. Numbers stay whole; NaN and the like cannot come up."""
    if profile.shape != STACKS:
        raise UsageError("this profile knows calls but no stacks, which speedscope needs; choose the format pstats")
    shown = [row for row, each in enumerate(profile.sample_types) if each.unit in UNITS] or range(len(profile.sample_types))
    head = {
        "$schema": SCHEMA,
        "exporter": f"{EXPORTER} {__version__}",
        "name": _sayable(profile.about.command or "profile"),
        "activeProfileIndex": 0,
        "shared": {"frames": [_frame(profile, row) for row in range(len(profile.functions))]},
    }
    out.write(_json(head)[:-1] + b',"profiles":[')
    for number, each in enumerate(_profiles(profile, shown)):
        out.write((b"," if number else b"") + _json(each))
    out.write(b"]}")


def _frame(profile: Profile, function: int) -> dict[str, str | int]:
    frame: dict[str, str | int] = {"name": _sayable(profile.function_name(function))}
    if file := profile.function_file(function):
        frame["file"] = _sayable(file)
    if line := int(profile.functions.line[function]):
        frame["line"] = line
    return frame


def _profiles(profile: Profile, types: Sequence[int]) -> Iterator[dict[str, Any]]:
    samples = profile.samples
    by_thread: dict[int, list[int]] = {}
    for row, thread in enumerate(samples.thread):
        by_thread.setdefault(int(thread), []).append(row)
    paths: dict[int, list[int]] = {NONE: []}
    for thread, rows in sorted(by_thread.items()) or [(NONE, [])]:
        rows.sort(key=lambda row: samples.window[row])
        stacks = [_path(profile, int(samples.stack[row]), paths) for row in rows]
        name = _sayable(profile.thread_name(thread)) if thread != NONE else "all threads"
        for each in types:
            weights = [int(samples.weights[each][row]) for row in rows]
            yield {
                "type": "sampled",
                "name": f"{name} ({_sayable(profile.sample_types[each].name)})",
                "unit": UNITS.get(profile.sample_types[each].unit, "none"),
                "startValue": 0,
                "endValue": sum(weights),
                "samples": stacks,
                "weights": weights,
            }


def _path(profile: Profile, stack: int, known: dict[int, list[int]]) -> list[int]:
    """Functions, root first."""
    path, node = known.get(stack), stack
    if path is None:
        path = []
        while node != NONE:
            path.append(int(profile.locations.function[profile.stacks.location[node]]))
            node = profile.stacks.parent[node]
        path.reverse()
        known[stack] = path
    return path


def _sayable(string: str) -> str:
    return text(string).decode()


def _json(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode("ascii")
