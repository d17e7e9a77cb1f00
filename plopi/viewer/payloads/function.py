"""The answer to the function view."""

from __future__ import annotations

from collections.abc import Sequence

from plopi.model import Profile
from plopi.viewer.analysis import Index, neighbours
from plopi.viewer.analysis.call_graph import Numbers
from plopi.viewer.payloads.common import Json, NoSuchFunction, head, indexed, rows_of, weighed_of
from plopi.viewer.view import View

MOST_NEIGHBOURS = 50
MOST_LINES = 2000


def function(profile: Profile | Index, view: View, function_id: int, revision: str = "") -> Json:
    """One function: its numbers, callers, callees and lines. Raises NoSuchFunction."""
    about = indexed(profile)
    if not 0 <= function_id < len(about.profile.functions):
        raise NoSuchFunction(f"This profile has no function {function_id}: find it in the table again.")
    numbers = weighed_of(about, view).numbers
    callers = neighbours.callers(numbers, function_id, MOST_NEIGHBOURS)
    callees = neighbours.callees(numbers, function_id, MOST_NEIGHBOURS)
    lines = sorted(neighbours.lines(numbers, function_id), key=lambda line: (-line.cum, line.line))[:MOST_LINES]
    return {
        **head(about.profile, view, numbers, revision),
        "function": rows_of(about.profile, numbers, [function_id])[0],
        "callers": _neighbours(about.profile, numbers, callers.heaviest),
        "callers_total": callers.total,
        "callees": _neighbours(about.profile, numbers, callees.heaviest),
        "callees_total": callees.total,
        "lines": [{"line": line.line, "self": line.self, "cum": line.cum} for line in sorted(lines, key=lambda line: line.line)],
    }


def _neighbours(profile: Profile, numbers: Numbers, shown: Sequence[neighbours.Neighbour]) -> list[Json]:
    rows = rows_of(profile, numbers, [neighbour.function for neighbour in shown])
    return [{**row, "weight": n.weight, "exact": n.exact} for row, n in zip(rows, shown)]
