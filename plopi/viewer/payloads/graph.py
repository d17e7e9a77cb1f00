"""The answer to the graph view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from plopi.model import Profile
from plopi.viewer.analysis import Index, context, names, packages
from plopi.viewer.analysis.call_graph import Numbers, Selection
from plopi.viewer.analysis.choose import Picture
from plopi.viewer.analysis.derived import unfiltered_total
from plopi.viewer.analysis.forest import Forests
from plopi.viewer.analysis.links import link
from plopi.viewer.analysis.rank import Choice
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
    text,
)
from plopi.viewer.view import View


def graph(profile: Profile | Index, view: View, revision: str = "") -> Json:
    """The call graph of a view: at most ``view.nodes`` functions and those to be kept. Raises NoSuchFunction."""
    about = indexed(profile)
    if view.around is not None and view.around >= len(about.profile.functions):
        raise NoSuchFunction(f"This profile has no function {view.around}: find it in the table again.")
    look = look_at(about, view)
    weighed, numbers, both = look.weighed, look.numbers, look.weighed.numbers
    picture = weighed.picture(choice_of(view, about.profile))
    top = context.top_left_out(both, picture)
    wrappers = [wrapper for edge in picture.edges for wrapper in edge.wrappers]
    label = names.labels(about.profile, [*picture.nodes, *wrappers, *top])
    groups, _ = weighed.groups(about)
    return {
        **head(about.profile, view, numbers, revision),
        **base_head(about, look),
        "shape": about.profile.shape,
        "samples": numbers.samples,
        "filters": {"kept": numbers.total, "of": unfiltered_total(about, Selection(view.type, view.thread))},
        "nodes": _nodes(about, view, look, picture, label),
        "edges": _edges(about, look, picture, label),
        "hot_path": context.hot_path(both, picture),
        "groups": [{**group, "name": text(str(group["name"]))} for group in packages.shares(groups, both.total)],
        "left_out": {**_left_out(look, picture, wrappers), "top": [_brief(look, function, label) for function in top]},
    }


def choice_of(view: View, profile: Profile) -> Choice:
    """What the picture is to show; functions that are none (any more) are nobody's business."""
    count = len(profile.functions)
    keep, drop = (tuple(f for f in given if f < count) for given in (view.keep, view.drop))
    return Choice(view.nodes, view.around, view.radius, keep, drop)


def _nodes(about: Index, view: View, look: Look, picture: Picture, label: Mapping[int, str]) -> list[Json]:
    numbers, native, more = look.numbers, native_of(about, view), context.more(look.weighed.numbers, picture)
    _, group_of_file = look.weighed.groups(about)
    return [
        {
            **function_fields(about.profile, function, label[function]),
            "group": int(group_of_file[about.packages.file_row[function]]),
            "self": int(numbers.self[function]),
            "cum": int(numbers.cum[function]),
            "exact": not is_bound(about, function),
            "native": None if native is None else int(native[function]),
            "recursive": int(numbers.recursive[function]),
            "depth": round(picture.depth[function], 3),
            "root": function in picture.roots,
            "more": {"callers": more[function].callers, "callees": more[function].callees},
            **look.of_base(function),
        }
        for function in picture.nodes
    ]


def _brief(look: Look, function: int, label: Mapping[int, str]) -> Json:
    """A function that is not drawn."""
    return {
        "id": function,
        "label": text(label[function]),
        "self": int(look.numbers.self[function]),
        "cum": int(look.numbers.cum[function]),
        **look.of_base(function),
    }


def _left_out(look: Look, picture: Picture, wrappers: Sequence[int]) -> Json:
    """Counts of both sides, weights of each."""
    left, folded = picture.left_out, np.unique(np.array(wrappers, dtype=np.int64))
    drawn = np.array(picture.nodes, dtype=np.int64)

    def weights(numbers: Numbers, prefix: str = "") -> Json:
        inside = int(numbers.self[folded].sum())
        return {f"{prefix}self": numbers.total - int(numbers.self[drawn].sum()) - inside, f"{prefix}wrappers_self": inside}

    base = {} if look.sides is None else weights(look.sides.base, "base_")
    return {"functions": left.functions, "edges": left.edges, "wrappers": left.wrappers, **weights(look.numbers), **base}


def _edges(about: Index, look: Look, picture: Picture, label: Mapping[int, str]) -> list[Json]:
    back = context.back_edges(picture)
    weights: list[Json] = [{"weight": edge.weight} for edge in picture.edges]
    if look.sides is not None:
        ours, theirs = (_link_weights(numbers, picture) for numbers in (look.sides.subject, look.sides.base))
        ends = [(edge.caller, edge.callee) for edge in picture.edges]
        after, before = ([side.get(each, 0) for each in ends] for side in (ours, theirs))
        noise = look.band(np.array(after, dtype=np.int64), np.array(before, dtype=np.int64))
        weights = [{"weight": x, "base_weight": y, "noise": band} for x, y, band in zip(after, before, noise)]
    return [
        {
            "caller": edge.caller,
            "callee": edge.callee,
            **weight,
            "residual": edge.residual,
            "exact": edge.exact and not is_bound(about, edge.caller, edge.callee),
            "back": (edge.caller, edge.callee) in back,
            "wrappers": [_brief(look, wrapper, label) for wrapper in edge.wrappers],
        }
        for edge, weight in zip(picture.edges, weights)
    ]


def _link_weights(numbers: Numbers, picture: Picture) -> dict[tuple[int, int], int]:
    """What one side's weights say of edges that were chosen for both. Of a side that grows the old trees are not gone through
    again, but for those whose scale changes."""
    nodes = np.array(picture.nodes, dtype=np.int64)
    linked = link(numbers, nodes, Forests(numbers.structure.functions, nodes, key="one side"))
    return {(found.caller, found.callee): found.weight for found in linked.links}
