"""Plop's format: the ``repr`` of ``{((file, line, function), ... leaf first): count}``, line being the current one.

A function is its file and name there, with an unknown first line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from plopi.errors import UsageError
from plopi.model import NONE, STACKS

if TYPE_CHECKING:
    from plopi.formats.limits import Limits
    from plopi.formats.progress import Report
    from plopi.model import Column, Profile

NAME = "plop"
SUFFIX = ".plop"
T = TypeVar("T")


def sniff(head: bytes, file_name: str) -> bool:
    start = head.lstrip()
    return start.startswith(b"{") and (start[1:].lstrip()[:1] in (b"(", b"}") or not start[1:].strip())


def read(data: bytes, limits: Limits, report: Report | None = None) -> Profile:
    """Plop's literal as any Python from 2.7 wrote it, by a strict parser of that grammar alone."""
    from plopi.formats.plop_reader import read
    from plopi.formats.progress import silent

    return read(data, limits, report or silent)


def write(profile: Profile, out: BinaryIO) -> None:
    """Counts of samples by stack; pure ASCII, so that Plop reads it under any locale."""
    if profile.shape != STACKS:
        raise UsageError("this profile knows calls but no stacks, which Plop's format needs; choose the format pstats")
    literals = [f"({_literal(file)}, {line}, {_literal(name)})" for file, line, name in locations(profile)]
    out.write(b"{")
    between = b""
    for key, count in by_path(profile, literals, counts(profile)).items():
        comma = "," if len(key) == 1 else ""
        out.write(between + f"({', '.join(key)}{comma}): {count}".encode("ascii"))
        between = b", "
    out.write(b"}")


def counts(profile: Profile) -> dict[int, int]:
    """stack -> number of samples (of the first sample type where none counts samples), threads and windows put together."""
    names = [each.name for each in profile.sample_types]
    return by_stack(profile, profile.samples.weights[names.index("samples") if "samples" in names else 0])


def by_stack(profile: Profile, weights: Column) -> dict[int, int]:
    """stack -> sum of its samples' weights."""
    found: dict[int, int] = {}
    for stack, weight in zip(profile.samples.stack, weights):
        found[stack] = found.get(stack, 0) + int(weight)
    return found


def by_path(profile: Profile, names: Sequence[T], sums: Mapping[int, int]) -> dict[tuple[T, ...], int]:
    """What is summed up by stack, by the names of the stacks' locations, leaf first."""
    found: dict[tuple[T, ...], int] = {}
    for stack, amount in sums.items():
        path, node = [], stack
        while node != NONE:
            path.append(names[profile.stacks.location[node]])
            node = profile.stacks.parent[node]
        key = tuple(path)  # functions that differ in their first line alone are one in Plop's words
        found[key] = found.get(key, 0) + amount
    return found


def _literal(text: str) -> str:
    r"""As ``ascii``, but with ``\u00e9`` for ``\xe9``, which from Python 2 is a byte and not a character."""
    return re.sub(r"\\\\|\\x([89a-f].)", lambda found: f"\\u00{found[1]}" if found[1] else found[0], ascii(text))


def locations(profile: Profile) -> Iterator[tuple[str, int, str]]:
    """File, current line and function of each location."""
    functions = profile.functions
    for function, line in zip(profile.locations.function, profile.locations.line):
        yield profile.function_file(function), int(line or functions.line[function]), profile.function_name(function)
