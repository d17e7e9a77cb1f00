"""The answer to the function view."""

from __future__ import annotations

from collections.abc import Sequence

from plopi.model import Profile
from plopi.viewer.analysis import Index, Weighed, names, neighbours, split
from plopi.viewer.analysis.call_graph import Numbers
from plopi.viewer.analysis.paths import Path, paths
from plopi.viewer.payloads.common import (
    Json,
    NoSuchFunction,
    function_fields,
    head,
    indexed,
    is_bound,
    native_of,
    rows_of,
    text,
    weighed_of,
)
from plopi.viewer.view import View

MOST_NEIGHBOURS = 50
MOST_LINES = 2000
MOST_PATHS = 10


def function(profile: Profile | Index, view: View, function_id: int, revision: str = "") -> Json:
    """One function: its numbers, callers, callees, chains of callers and lines. Raises NoSuchFunction."""
    about = indexed(profile)
    if not 0 <= function_id < len(about.profile.functions):
        raise NoSuchFunction(f"This profile has no function {function_id}: find it in the table again.")
    weighed, native = weighed_of(about, view), native_of(about, view)
    numbers = weighed.numbers
    callers = neighbours.callers(numbers, function_id, MOST_NEIGHBOURS)
    callees = neighbours.callees(numbers, function_id, MOST_NEIGHBOURS)
    lines = sorted(neighbours.lines(numbers, function_id), key=lambda line: (-line.cum, line.line))[:MOST_LINES]
    below = neighbours.below(about.profile, numbers, function_id)
    return {
        **head(about.profile, view, numbers, revision),
        "function": rows_of(about, numbers, [function_id])[0],
        "recursive": int(numbers.recursive[function_id]),
        "gc": below.gc,
        "native": None if native is None else int(native[function_id]),
        "exact": below.exact and not is_bound(about, function_id),
        "callers": _neighbours(about, numbers, callers.heaviest, function_id),
        "callers_total": callers.total,
        "callees": _neighbours(about, numbers, callees.heaviest, function_id),
        "callees_total": callees.total,
        "split": {
            "callees": _split(about, weighed, split.callees(numbers, function_id), function_id),
            "callers": _split(about, weighed, split.callers(numbers, function_id), function_id),
        },
        "paths": _paths(about.profile, paths(numbers, function_id, MOST_PATHS)),
        "lines": [{"line": line.line, "self": line.self, "cum": line.cum} for line in sorted(lines, key=lambda line: line.line)],
    }


def _neighbours(about: Index, numbers: Numbers, shown: Sequence[neighbours.Neighbour], function_id: int) -> list[Json]:
    """Here ``exact`` is the edge's."""
    rows = rows_of(about, numbers, [neighbour.function for neighbour in shown])
    return [
        {**row, "weight": n.weight, "exact": n.exact and not is_bound(about, n.function, function_id)}
        for row, n in zip(rows, shown)
    ]


def _split(about: Index, weighed: Weighed, found: split.Split, function_id: int) -> Json:
    """The heaviest slices, and the weight of all others."""
    shown = found.slices[:MOST_NEIGHBOURS]
    label = names.labels(about.profile, [other for other, _ in shown])
    groups, group_of_file = weighed.groups
    colour = {other: groups[group_of_file[int(about.packages.file_row[other])]].color for other, _ in shown}
    return {
        "alone": found.alone,
        "slices": [
            {**function_fields(about.profile, other, label[other]), "color": colour[other], "weight": weight}
            for other, weight in shown
        ],
        "rest": sum(weight for _, weight in found.slices[MOST_NEIGHBOURS:]),
        "exact": found.exact and not is_bound(about, function_id),
    }


def _paths(profile: Profile, found: Sequence[Path]) -> list[Json]:
    label = names.labels(profile, {function for path in found for function in path.functions})
    return [
        {
            "stack": [{"id": function, "label": text(label[function])} for function in path.functions],
            "omitted": path.omitted,
            "weight": path.weight,
        }
        for path in found
    ]
