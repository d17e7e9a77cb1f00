"""The answer to the function view."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plopi.model import Profile
from plopi.viewer.analysis import Index, Weighed, names, neighbours, split
from plopi.viewer.analysis.paths import Path, paths
from plopi.viewer.payloads.common import (
    Json,
    Look,
    NoSuchFunction,
    base_head,
    function_fields,
    head,
    indexed,
    is_bound,
    look_at,
    native_of,
    rows_of,
    text,
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
    look, native = look_at(about, view), native_of(about, view)
    numbers = look.numbers
    callers = neighbours.callers(look.weighed.numbers, function_id, MOST_NEIGHBOURS)
    callees = neighbours.callees(look.weighed.numbers, function_id, MOST_NEIGHBOURS)
    below = neighbours.below(about.profile, numbers, function_id)
    return {
        **head(about.profile, view, numbers, revision),
        **base_head(about, look),
        "function": rows_of(about, look, [function_id])[0],
        "recursive": int(numbers.recursive[function_id]),
        "gc": below.gc,
        "native": None if native is None else int(native[function_id]),
        "exact": below.exact and not is_bound(about, function_id),
        "callers": _neighbours(about, look, callers.heaviest, function_id, caller=True),
        "callers_total": callers.total,
        "callees": _neighbours(about, look, callees.heaviest, function_id, caller=False),
        "callees_total": callees.total,
        "split": {
            "callees": _split(about, look.weighed, split.callees(look.numbers, function_id, MOST_NEIGHBOURS), function_id),
            "callers": _split(about, look.weighed, split.callers(look.numbers, function_id, MOST_NEIGHBOURS), function_id),
        },
        "paths": _paths(about.profile, paths(numbers, function_id, MOST_PATHS)),
        "lines": _lines(look, function_id),
    }


def _neighbours(about: Index, look: Look, shown: Sequence[neighbours.Neighbour], function_id: int, caller: bool) -> list[Json]:
    """Here ``exact`` is the edge's."""
    rows = rows_of(about, look, [neighbour.function for neighbour in shown])
    exact = [n.exact and not is_bound(about, n.function, function_id) for n in shown]
    found = [{**row, "weight": n.weight, "exact": told} for row, n, told in zip(rows, shown, exact)]
    if look.sides is None:
        return found
    others = np.array([neighbour.function for neighbour in shown], dtype=np.int64)
    this = np.full(len(others), function_id, dtype=np.int64)
    ends = (others, this) if caller else (this, others)
    weights = zip(look.numbers.edge_weights(*ends).tolist(), look.sides.base.edge_weights(*ends).tolist())
    return [{**row, "weight": weight, "base_weight": base} for row, (weight, base) in zip(found, weights)]


def _lines(look: Look, function_id: int) -> list[Json]:
    """The heaviest lines, by number; of both sides where there is a base."""
    found = neighbours.lines(look.numbers, function_id)
    lines = {line.line: {"line": line.line, "self": line.self, "cum": line.cum} for line in found}
    if look.sides is not None:
        before = {line.line: line for line in neighbours.lines(look.sides.base, function_id)}
        for number in {*lines, *before}:
            base = before.get(number, neighbours.Line(number, 0, 0))
            lines.setdefault(number, {"line": number, "self": 0, "cum": 0})
            lines[number] |= {"base_self": base.self, "base_cum": base.cum}
    heaviest = sorted(lines.values(), key=lambda row: (-max(row["cum"], row.get("base_cum", 0)), row["line"]))[:MOST_LINES]
    return sorted(heaviest, key=lambda row: row["line"])


def _split(about: Index, weighed: Weighed, found: split.Split, function_id: int) -> Json:
    """The heaviest slices, and the weight of all others."""
    shown = found.slices
    label = names.labels(about.profile, [other for other, _ in shown])
    groups, group_of_file = weighed.groups
    colour = {other: groups[group_of_file[about.packages.file_row[other]]].color for other, _ in shown}
    return {
        "alone": found.alone,
        "slices": [
            {**function_fields(about.profile, other, label[other]), "color": colour[other], "weight": weight}
            for other, weight in shown
        ],
        "rest": found.rest,
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
