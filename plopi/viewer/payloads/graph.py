"""The answer to the graph view."""

from __future__ import annotations

from collections.abc import Mapping

from plopi.model import Profile
from plopi.viewer.analysis import Index, Weighed, context, names, packages
from plopi.viewer.analysis.call_graph import Numbers, Selection
from plopi.viewer.analysis.choose import Edge, Picture
from plopi.viewer.analysis.derived import unfiltered_total
from plopi.viewer.analysis.rank import Choice
from plopi.viewer.payloads.common import (
    Json,
    NoSuchFunction,
    function_fields,
    head,
    indexed,
    is_bound,
    native_of,
    text,
    weighed_of,
)
from plopi.viewer.view import View


def graph(profile: Profile | Index, view: View, revision: str = "") -> Json:
    """The call graph of a view: at most ``view.nodes`` functions and those to be kept. Raises NoSuchFunction."""
    about = indexed(profile)
    if view.around is not None and view.around >= len(about.profile.functions):
        raise NoSuchFunction(f"This profile has no function {view.around}: find it in the table again.")
    weighed = weighed_of(about, view)
    numbers = weighed.numbers
    picture = weighed.picture(choice_of(view, about.profile))
    top = context.top_left_out(numbers, picture)
    wrappers = [wrapper for edge in picture.edges for wrapper in edge.wrappers]
    label = names.labels(about.profile, [*picture.nodes, *wrappers, *top])
    groups, _ = weighed.groups
    back = context.back_edges(picture)
    return {
        **head(about.profile, view, numbers, revision),
        "shape": about.profile.shape,
        "samples": numbers.samples,
        "filters": {"kept": numbers.total, "of": unfiltered_total(about, Selection(view.type, view.thread))},
        "nodes": _nodes(about, view, weighed, picture, label),
        "edges": [_edge(about, numbers, edge, label, (edge.caller, edge.callee) in back) for edge in picture.edges],
        "hot_path": context.hot_path(numbers, picture),
        "groups": [{**group, "name": text(str(group["name"]))} for group in packages.shares(groups, numbers.total)],
        "left_out": {
            "functions": picture.left_out.functions,
            "self": picture.left_out.self,
            "edges": picture.left_out.edges,
            "wrappers": picture.left_out.wrappers,
            "wrappers_self": picture.left_out.wrappers_self,
            "top": [_brief(numbers, function, label) for function in top],
        },
    }


def choice_of(view: View, profile: Profile) -> Choice:
    """What the picture is to show; functions that are none (any more) are nobody's business."""
    count = len(profile.functions)
    keep, drop = (tuple(f for f in given if f < count) for given in (view.keep, view.drop))
    return Choice(view.nodes, view.around, view.radius, keep, drop)


def _nodes(about: Index, view: View, weighed: Weighed, picture: Picture, label: Mapping[int, str]) -> list[Json]:
    numbers, native, more = weighed.numbers, native_of(about, view), context.more(weighed.numbers, picture)
    _, group_of_file = weighed.groups
    return [
        {
            **function_fields(about.profile, function, label[function]),
            "group": group_of_file[int(about.packages.file_row[function])],
            "self": int(numbers.self[function]),
            "cum": int(numbers.cum[function]),
            "exact": not is_bound(about, function),
            "native": None if native is None else int(native[function]),
            "recursive": int(numbers.recursive[function]),
            "depth": round(picture.depth[function], 3),
            "root": function in picture.roots,
            "more": {"callers": more[function].callers, "callees": more[function].callees},
        }
        for function in picture.nodes
    ]


def _brief(numbers: Numbers, function: int, label: Mapping[int, str]) -> Json:
    return {
        "id": function,
        "label": text(label[function]),
        "self": int(numbers.self[function]),
        "cum": int(numbers.cum[function]),
    }


def _edge(about: Index, numbers: Numbers, edge: Edge, label: Mapping[int, str], back: bool) -> Json:
    return {
        "caller": edge.caller,
        "callee": edge.callee,
        "weight": edge.weight,
        "residual": edge.residual,
        "exact": edge.exact and not is_bound(about, edge.caller, edge.callee),
        "back": back,
        "wrappers": [_brief(numbers, wrapper, label) for wrapper in edge.wrappers],
    }
