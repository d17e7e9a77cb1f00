"""The answer to the function view."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from plopi.model import Profile
from plopi.viewer.analysis import Index, names, neighbours, split
from plopi.viewer.analysis.call_graph import Numbers
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
            "callees": _split(about, look, split.callees, function_id),
            "callers": _split(about, look, split.callers, function_id),
        },
        "paths": _paths(about.profile, paths(numbers, function_id, MOST_PATHS)),
        "lines": lines_of(look, function_id),
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
    after, before = look.numbers.edge_weights(*ends), look.sides.base.edge_weights(*ends)
    weights = zip(after.tolist(), before.tolist(), look.band(after, before))
    return [
        {**row, "weight": weight, "base_weight": base, "weight_noise": band} for row, (weight, base, band) in zip(found, weights)
    ]


def lines_of(look: Look, function_id: int) -> list[Json]:
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
    heaviest.sort(key=lambda row: row["line"])
    if look.sides is not None:
        bands = [_bands(look, heaviest, key, f"base_{key}") for key in ("self", "cum")]
        for row, own, cum in zip(heaviest, *bands):
            row["noise"] = None if own is None else {"self": own, "cum": cum}
    return heaviest


def _bands(look: Look, rows: Sequence[Json], after: str, before: str) -> list[int] | list[None]:
    ours, theirs = (np.array([row[key] for row in rows], dtype=np.int64) for key in (after, before))
    return look.band(ours, theirs)


def _split(about: Index, look: Look, partition: Callable[[Numbers, int, int], split.Split], function_id: int) -> Json:
    """The heaviest slices, of both sides together where there is a base, and the weight of all others."""
    ours = partition(look.numbers, function_id, MOST_NEIGHBOURS if look.sides is None else split.EVERY)
    theirs = None if look.sides is None else partition(look.sides.base, function_id, split.EVERY)
    weight, base = dict(ours.slices), dict(theirs.slices if theirs else ())
    heaviest = sorted({**weight, **base}, key=lambda other: (-weight.get(other, 0) - base.get(other, 0), other))[:MOST_NEIGHBOURS]
    label = names.labels(about.profile, heaviest)
    groups, group_of_file = look.weighed.groups(about)
    slices = [
        {
            **function_fields(about.profile, other, label[other]),
            "color": groups[group_of_file[about.packages.file_row[other]]].color,
            "weight": weight.get(other, 0),
        }
        for other in heaviest
    ]
    found = {
        "alone": ours.alone,
        "slices": slices,
        "rest": ours.rest + sum(weight.values()) - sum(row["weight"] for row in slices),
        "exact": ours.exact and not is_bound(about, function_id),
    }
    if theirs is None:
        return found
    for row in slices:
        row["base_weight"] = base.get(row["id"], 0)
    for row, band in zip(slices, _bands(look, slices, "weight", "base_weight")):
        row["noise"] = band
    found["base_alone"] = theirs.alone
    found["base_rest"] = sum(base.values()) - sum(row["base_weight"] for row in slices)
    (found["alone_noise"],) = _bands(look, [found], "alone", "base_alone")
    return found


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
