"""What crosses the wire: the answers to views as plain dicts (docs/architecture.md, "Wire format").

Each takes a profile or, to save work from request to request, the ``analysis.index`` kept beside it. Nothing here computes a
statistic; it only asks ``analysis`` and writes the answers down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from plopi.errors import PlopiError, UsageError
from plopi.model import Profile, SampleType
from plopi.viewer.analysis import Index, Weighed, index, names, neighbours, packages
from plopi.viewer.analysis import table as tables
from plopi.viewer.analysis.call_graph import Numbers, Selection, ticks_of
from plopi.viewer.analysis.choose import Edge
from plopi.viewer.analysis.columns import Ints
from plopi.viewer.analysis.rank import Choice
from plopi.viewer.view import Sort, View

VERSION = 1
MOST_NEIGHBOURS = 50
MOST_LINES = 2000

Json = dict[str, Any]


class NoSuchFunction(UsageError):
    """The profile has no function of that number (HTTP 404)."""


def summary(profile: Profile) -> Json:
    """What the list says of a profile's content; the rest of a list entry is about its file."""
    about = profile.about
    return {
        "shape": profile.shape,
        "host": text(about.host),
        "pid": about.pid,
        "command": text(about.command),
        "python": text(about.python),
        "engine": text(about.engine),
        "mode": text(about.mode),
        "samples": ticks_of(profile),
        "duration_ns": about.duration_ns,
        "started_ns": about.started_ns,
        "sample_types": [_type(sample_type) for sample_type in profile.sample_types],
        "notes": [text(note) for note in about.notes],
    }


def details(profile: Profile) -> Json:
    """What a profile's own page says besides its entry in the list."""
    about = profile.about
    threads = profile.threads
    return {
        "threads": [
            {"id": thread, "name": text(profile.thread_name(thread)), "ident": int(threads.ident[thread])}
            for thread in range(len(threads))
        ],
        "own_cost_ns": about.own_cost_ns,
        "process_cpu_ns": about.process_cpu_ns,
        "period_ns": about.period_ns,
        "ticks": about.ticks,
        "ticks_lost": about.ticks_lost,
        "complete": about.complete,
    }


def graph(profile: Profile | Index, view: View, revision: str = "") -> Json:
    """The call graph of a view: at most ``view.nodes`` functions."""
    about = _indexed(profile)
    weighed = _weighed(about, view)
    numbers = weighed.numbers
    picture = weighed.picture(Choice(view.nodes))
    wrappers = [wrapper for edge in picture.edges for wrapper in edge.wrappers]
    label = names.labels(about.profile, [*picture.nodes, *wrappers])
    groups, group_of_file = weighed.groups
    nodes = [
        {
            **_function(about.profile, function, label[function]),
            "group": group_of_file[int(about.packages.file_row[function])],
            "self": int(numbers.self[function]),
            "cum": int(numbers.cum[function]),
            "recursive": int(numbers.recursive[function]),
            "depth": round(picture.depth[function], 3),
            "root": function in picture.roots,
        }
        for function in picture.nodes
    ]
    return {
        **_head(about.profile, view, numbers, revision),
        "shape": about.profile.shape,
        "samples": numbers.samples,
        "nodes": nodes,
        "edges": [_edge(numbers, edge, label) for edge in picture.edges],
        "groups": [{**group, "name": text(str(group["name"]))} for group in packages.shares(groups, numbers.total)],
        "left_out": {
            "functions": picture.left_out.functions,
            "self": picture.left_out.self,
            "edges": picture.left_out.edges,
            "wrappers": picture.left_out.wrappers,
            "wrappers_self": picture.left_out.wrappers_self,
        },
    }


def table(profile: Profile | Index, view: View, revision: str = "") -> Json:
    """A page of the function table."""
    about = _indexed(profile)
    weighed = _weighed(about, view)
    numbers = weighed.numbers
    wanted = numbers.present & tables.matching(about.profile, about.texts, view.q) if view.q else numbers.present
    backwards = (view.order == "desc") == (view.sort == "name")
    page = tables.page_of(_order(about, weighed, view.sort), wanted, view.page, view.per, backwards)
    return {
        **_head(about.profile, view, numbers, revision),
        "shown": page.shown,
        "functions": int(np.count_nonzero(numbers.present)),
        "page": page.page,
        "pages": page.pages,
        "rows": _rows(about.profile, numbers, page.rows),
    }


def function(profile: Profile | Index, view: View, function_id: int, revision: str = "") -> Json:
    """One function: its numbers, callers, callees and lines. Raises NoSuchFunction."""
    about = _indexed(profile)
    if not 0 <= function_id < len(about.profile.functions):
        raise NoSuchFunction(f"This profile has no function {function_id}: find it in the table again.")
    numbers = _weighed(about, view).numbers
    callers = neighbours.callers(numbers, function_id, MOST_NEIGHBOURS)
    callees = neighbours.callees(numbers, function_id, MOST_NEIGHBOURS)
    lines = sorted(neighbours.lines(numbers, function_id), key=lambda line: (-line.cum, line.line))[:MOST_LINES]
    return {
        **_head(about.profile, view, numbers, revision),
        "function": _rows(about.profile, numbers, [function_id])[0],
        "callers": _neighbours(about.profile, numbers, callers.heaviest),
        "callers_total": callers.total,
        "callees": _neighbours(about.profile, numbers, callees.heaviest),
        "callees_total": callees.total,
        "lines": [{"line": line.line, "self": line.self, "cum": line.cum} for line in sorted(lines, key=lambda line: line.line)],
    }


def text(value: str) -> str:
    """A string that any JSON encoder and any browser takes: what is no character (half a surrogate pair) is spelled out."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def _indexed(profile: Profile | Index) -> Index:
    return profile if isinstance(profile, Index) else index(profile)


def _weighed(about: Index, view: View) -> Weighed:
    if not about.profile.sample_types:
        raise PlopiError("This profile has no sample types and so no weights: there is nothing to show.")
    return about.weighed(Selection(view.type, view.thread))


def _order(about: Index, weighed: Weighed, sort: Sort) -> Ints:
    """Functions by name from the first, by anything else from the most."""
    if sort == "name":
        return about.by_name
    if sort == "calls" and about.by_calls is not None:
        return about.by_calls
    return weighed.by_cum if sort == "cum" else weighed.by_self


def _head(profile: Profile, view: View, numbers: Numbers, revision: str) -> Json:
    return {"v": VERSION, "revision": revision, "type": _type(profile.sample_types[view.type]), "total": numbers.total}


def _type(sample_type: SampleType) -> Json:
    return {"name": text(sample_type.name), "unit": text(sample_type.unit)}


def _function(profile: Profile, function: int, label: str) -> Json:
    name, file = profile.function_name(function), profile.function_file(function)
    return {
        "id": function,
        "label": text(label),
        "name": text(name),
        "file": text(file),
        "line": int(profile.functions.line[function]),
        "kind": names.kind(name, file),
    }


def _rows(profile: Profile, numbers: Numbers, functions: Sequence[int]) -> list[Json]:
    label = names.labels(profile, functions)
    calls = profile.calls
    return [
        {
            **_function(profile, function, label[function]),
            "self": int(numbers.self[function]),
            "cum": int(numbers.cum[function]),
            "calls": None if calls is None else int(calls.calls[function]),
            "primitive": None if calls is None else int(calls.primitive[function]),
        }
        for function in functions
    ]


def _neighbours(profile: Profile, numbers: Numbers, shown: Sequence[neighbours.Neighbour]) -> list[Json]:
    rows = _rows(profile, numbers, [neighbour.function for neighbour in shown])
    return [{**row, "weight": n.weight, "exact": n.exact} for row, n in zip(rows, shown)]


def _edge(numbers: Numbers, edge: Edge, label: Mapping[int, str]) -> Json:
    return {
        "caller": edge.caller,
        "callee": edge.callee,
        "weight": edge.weight,
        "residual": edge.residual,
        "exact": edge.exact,
        "wrappers": [
            {"id": w, "label": text(label[w]), "self": int(numbers.self[w]), "cum": int(numbers.cum[w])} for w in edge.wrappers
        ],
    }
