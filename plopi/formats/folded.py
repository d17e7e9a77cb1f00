"""Folded (collapsed) stacks, one a line: ``root;caller;leaf count``, as flamegraph.pl, py-spy (``--format raw``) and others do.

Frames are written in py-spy's style, ``function (file:line)``, line being the current one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO

from plopi.errors import UsageError
from plopi.formats.plop import counts
from plopi.formats.protobuf import text
from plopi.model import NONE, STACKS

if TYPE_CHECKING:
    from plopi.formats.limits import Limits
    from plopi.formats.progress import Report
    from plopi.model import Profile

NAME = "folded"
SUFFIX = ".folded"

_COUNTED = re.compile(rb"(?:.*\S)?[ \t]+-?[\d.,eE+]+\s*", re.DOTALL)
_LONG_LINE = 32 << 10
"""A line of that many bytes that ends with the head may go on after it."""


def sniff(head: bytes, file_name: str) -> bool:
    """The first line that is no comment ends in a blank and a number; of one that goes on after ``head``, frames must be seen."""
    if b"\0" in head:
        return False
    line = next((line for line in head.split(b"\n") if line.strip() and not line.startswith(b"#")), b"")
    is_cut = len(line) >= _LONG_LINE and head.endswith(line)
    return _COUNTED.fullmatch(line) is not None or (is_cut and b";" in line)


def read(data: bytes, limits: Limits, report: Report | None = None) -> Profile:
    """Folded stacks; file and line are recovered from frames that tell them as py-spy or austin do."""
    from plopi.formats.folded_reader import read
    from plopi.formats.progress import silent

    return read(data, limits, report or silent)


def write(profile: Profile, out: BinaryIO) -> None:
    """Counts of samples by stack; ``;`` and line ends within names as backslash escapes."""
    if profile.shape != STACKS:
        raise UsageError("this profile knows calls but no stacks, which folded stacks need; choose the format pstats")
    functions = profile.functions
    frames = [
        _frame(profile.function_name(function), profile.function_file(function), int(line or functions.line[function]))
        for function, line in zip(profile.locations.function, profile.locations.line)
    ]
    for stack, count in counts(profile).items():
        path, node = [], stack
        while node != NONE:
            path.append(frames[profile.stacks.location[node]])
            node = profile.stacks.parent[node]
        if path and count > 0:
            out.write(text(f"{';'.join(reversed(path))} {count}\n"))


def _frame(name: str, file: str, line: int) -> str:
    place = f" ({file}:{line})" if file and line else f" ({file})" if file else ""
    return "".join(_escaped(char) if char == ";" or not char.isprintable() else char for char in name + place) or "<unknown>"


def _escaped(char: str) -> str:
    return "\\x3b" if char == ";" else ascii(char)[1:-1]
