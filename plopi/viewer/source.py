"""Source text of a function, for its page: only from below the roots that the user allowed, and never anything but text.

A profile names files, and a profile may come from anybody. So a name is resolved by the file system and must then lie below a
root that was resolved likewise; what is opened is checked again to be that very file. Whatever stands in the way has one answer,
which tells nothing about what exists.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MOST_BYTES = 2 * 2**20
MOST_LINES = 1500
SUFFIXES = (".py", ".pyw", ".pyx", ".pxd", ".pyi")

Matches = Literal["yes", "no", "unknown"]


@dataclass(frozen=True)
class Source:
    """Lines ``first`` and on of a file. ``matches``: whether they are what was profiled, and ``why`` that is thought."""

    file: str
    first: int
    lines: tuple[str, ...]
    matches: Matches
    why: str


def read(roots: Sequence[Path], file: str, name: str, first: int, upto: int, started_ns: int | None) -> Source | None:
    """The function ``name`` at line ``first``, at least as far as line ``upto``; None where it may or can not be shown."""
    found = _text(roots, file)
    if found is None or first < 1:
        return None
    text, mtime_ns = found
    lines = re.split(r"\r\n|\r|\n", text)
    if first > len(lines):
        return None
    last = min(max(_end(lines, first), min(upto, len(lines))), first + MOST_LINES - 1)
    return Source(file, first, tuple(lines[first - 1 : last]), *_verdict(lines, name, first, mtime_ns, started_ns))


def _text(roots: Sequence[Path], file: str) -> tuple[str, int] | None:
    """A file's text and when it was changed."""
    path = _allowed(roots, file)
    if path is None:
        return None
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES or _resolved(path) != path:
            return None
        raw = _whole(fd, status.st_size)
    except OSError:
        return None
    finally:
        os.close(fd)
    if len(raw) > MOST_BYTES or b"\0" in raw:
        return None
    try:
        return raw.decode("utf-8-sig"), status.st_mtime_ns
    except UnicodeDecodeError:
        return raw.decode("latin-1"), status.st_mtime_ns


def _whole(fd: int, size: int) -> bytes:
    parts = []
    while part := os.read(fd, size + 1):
        parts.append(part)
        size -= len(part)
        if size < 0:
            break
    return b"".join(parts)


def _allowed(roots: Sequence[Path], file: str) -> Path | None:
    """The file that a profile's name means, if it lies below a root; a relative name is looked for in each root."""
    if "\0" in file or not file.endswith(SUFFIXES):
        return None
    for root in roots:
        base, path = _resolved(root), _resolved(root / file)
        if base is not None and path is not None and path.is_relative_to(base) and path.suffix in SUFFIXES:
            return path
    return None


def _resolved(path: Path) -> Path | None:
    try:
        return path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        return None


def _end(lines: Sequence[str], first: int) -> int:
    """The last line of the block that begins at ``first``: up to the next line that is indented no deeper, after its head."""
    at = first - 1
    while at < len(lines) and lines[at].lstrip().startswith(("@", "#")):
        at += 1
    if at >= len(lines):
        return first
    indent = _indent(lines[at])
    depth = 0
    while at < len(lines):
        code = lines[at].split("#")[0]
        depth += sum(code.count(c) for c in "([{") - sum(code.count(c) for c in ")]}")
        at += 1
        if depth <= 0 and (code.rstrip().endswith(":") or at - first > 30):
            break
    last = at
    for number in range(at, min(len(lines), first + MOST_LINES)):
        line = lines[number]
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if _indent(line) <= indent and line.lstrip()[0] not in ")]}":
            break
        last = number + 1
    return last


def _indent(line: str) -> int:
    return len(line.expandtabs()) - len(line.expandtabs().lstrip())


def _verdict(lines: Sequence[str], name: str, first: int, mtime_ns: int, started_ns: int | None) -> tuple[Matches, str]:
    last = name.rpartition(".")[2]
    decorated = lines[first - 1].lstrip().startswith("@")
    head = " ".join(lines[first - 1 : first + (20 if decorated else 0)])
    if not last.startswith("<") and not re.search(rf"\b(?:def|class)\s+{re.escape(last)}\b", head):
        return "no", f"line {first} of the file does not begin {last}: it is another version than the one that was profiled"
    if started_ns is None:
        return "unknown", "the profile does not tell when it was made"
    if mtime_ns > started_ns:
        return "unknown", "the file was changed after the profile was begun"
    return "yes", "the file was not changed since the profile was begun"
