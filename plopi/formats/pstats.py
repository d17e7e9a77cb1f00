"""The dumps of cProfile and profile, for the standard library's pstats: a marshalled dict
``{(file, line, name): (primitive calls, calls, tottime, cumtime, {caller: (calls, primitive calls, tottime, cumtime)})}``,
the first two being the other way round for a caller, as cProfile has it; ``profile`` has a caller's count of calls alone.

Marshalled data is written with ``marshal``, but never loaded with it: a hostile file would crash the interpreter.
"""

from __future__ import annotations

import marshal
from operator import eq
from typing import TYPE_CHECKING, BinaryIO

from plopi.formats.conventions import BUILT_IN_FILE, OWN_FUNCTIONS
from plopi.formats.pprof_writer import default_sample_type
from plopi.formats.protobuf import text
from plopi.model import CALLS, NONE

if TYPE_CHECKING:
    from plopi.formats.limits import Limits
    from plopi.formats.progress import Report
    from plopi.model import Calls, Profile

NAME = "pstats"
SUFFIX = ".pstats"

_Key = tuple[str, int, str]
_Numbers = tuple[int, int, float, float]
_Stats = dict[_Key, tuple[int, int, float, float, dict[_Key, _Numbers | int]]]


def sniff(head: bytes, file_name: str) -> bool:
    """A marshalled dict that is empty or whose first key is a tuple; with one of the usual suffixes any marshalled dict."""
    if head[:1] not in (b"{", b"\xfb"):
        return False
    if file_name.lower().removesuffix(".gz").endswith((".pstats", ".pstat", ".prof", ".profile")):
        return True
    key = head[1:2]
    if key in (b")", b"\xa9"):
        return head[2:3] in (b"\x01", b"\x03") or len(head) < 3
    if key in (b"(", b"\xa8"):
        return len(head) < 6 or (head[3:6] == b"\0\0\0" and head[2] < 32)
    return key == b"0" and len(head) == 2


def read(data: bytes, limits: Limits, report: Report | None = None) -> Profile:
    """A CALLS profile, by a strict reader of the subset of marshal that such dumps use."""
    from plopi.formats.progress import silent
    from plopi.formats.pstats_reader import read

    return read(data, limits, report or silent)


def write(profile: Profile, out: BinaryIO) -> None:
    """Write what ``pstats.Stats`` of Python 3.4 and later reads.

    From stacks, a function's or edge's calls are the samples it is in, once each however deep it recurses, and its times theirs.
    """
    out.write(marshal.dumps(_from_calls(profile) if profile.shape == CALLS else _from_stacks(profile), 4))


def _keys(profile: Profile) -> list[_Key]:
    functions = profile.functions
    return [
        _key(text(profile.function_file(row)).decode(), int(functions.line[row]), text(profile.function_name(row)).decode())
        for row in range(len(functions))
    ]


def _key(file: str, line: int, name: str) -> _Key:
    return (BUILT_IN_FILE if not file and name in OWN_FUNCTIONS else file, line, name)


def _from_calls(profile: Profile) -> _Stats:
    keys, calls = _keys(profile), profile.calls
    stats: _Stats = {}
    if calls is None:
        return stats
    for key, count, primitive, own, cum in zip(keys, calls.calls, calls.primitive, calls.self, calls.cum):
        stats[key] = (int(primitive), int(count), int(own) / 1e9, int(cum) / 1e9, {})
    counts_only = _counts_only(calls)
    edges = (calls.caller, calls.callee, calls.edge_calls, calls.edge_primitive, calls.edge_self, calls.edge_cum)
    for caller, callee, count, primitive, own, cum in zip(*edges):
        numbers = int(count) if counts_only else (int(count), int(primitive), int(own) / 1e9, int(cum) / 1e9)
        stats[keys[callee]][4][keys[caller]] = numbers
    return stats


def _counts_only(calls: Calls) -> bool:
    """Whether the edges are those of a dump of ``profile.Profile``: functions took time, and no edge tells how much."""
    timeless = not any(map(int, calls.edge_self)) and not any(map(int, calls.edge_cum))
    return timeless and any(map(int, calls.cum)) and all(map(eq, calls.edge_calls, calls.edge_primitive))


def _from_stacks(profile: Profile) -> _Stats:
    functions: dict[int, list[int]] = {}
    edges: dict[tuple[int, int], list[int]] = {}
    function_of = [profile.locations.function[location] for location in profile.stacks.location]
    parents = profile.stacks.parent
    for leaf, (count, time) in _samples(profile).items():
        seen_functions: set[int] = set()
        seen_edges: set[tuple[int, int]] = set()
        node, callee = leaf, NONE
        while node != NONE:
            function = function_of[node]
            if function not in seen_functions:
                seen_functions.add(function)
                _add(functions.setdefault(function, [0, 0, 0]), count, time if node == leaf else 0, time)
            if callee != NONE and (edge := (callee, function)) not in seen_edges:
                _add(edges.setdefault(edge, [0, 0, 0]), count, 0 if seen_edges else time, time)
                seen_edges.add(edge)
            node, callee = parents[node], function
    keys = _keys(profile)
    stats: _Stats = {keys[function]: (*_numbers(*sums), {}) for function, sums in functions.items()}
    for (callee, caller), sums in edges.items():
        stats[keys[callee]][4][keys[caller]] = _numbers(*sums)
    return stats


def _add(sums: list[int], count: int, own: int, cum: int) -> None:
    sums[0] += count
    sums[1] += own
    sums[2] += cum


def _numbers(count: int, own: int, cum: int) -> _Numbers:
    return count, count, own / 1e9, cum / 1e9


def _samples(profile: Profile) -> dict[int, list[int]]:
    """stack -> [samples, nanoseconds].

    Where no sample type is a time, a sample lasts the profile's period; where that is unknown too, a second, making times counts.
    """
    types, columns = profile.sample_types, profile.samples.weights
    names = [each.name for each in types]
    counts = columns[names.index("samples") if "samples" in names else 0]
    default = default_sample_type(types)
    is_time = default.unit == "nanoseconds"
    times = columns[types.index(default)] if is_time else counts
    scale = 1 if is_time else profile.about.period_ns or 1_000_000_000
    found: dict[int, list[int]] = {}
    for stack, count, time in zip(profile.samples.stack, counts, times):
        sums = found.setdefault(int(stack), [0, 0])
        sums[0] += int(count)
        sums[1] += int(time) * scale
    return found
