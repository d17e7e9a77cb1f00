"""The answer to the graph view."""

from __future__ import annotations

from collections.abc import Mapping

from plopi.model import Profile
from plopi.viewer.analysis import Index, names, packages
from plopi.viewer.analysis.call_graph import Numbers
from plopi.viewer.analysis.choose import Edge
from plopi.viewer.analysis.rank import Choice
from plopi.viewer.payloads.common import Json, function_fields, head, indexed, text, weighed_of
from plopi.viewer.view import View


def graph(profile: Profile | Index, view: View, revision: str = "") -> Json:
    """The call graph of a view: at most ``view.nodes`` functions."""
    about = indexed(profile)
    weighed = weighed_of(about, view)
    numbers = weighed.numbers
    picture = weighed.picture(Choice(view.nodes))
    wrappers = [wrapper for edge in picture.edges for wrapper in edge.wrappers]
    label = names.labels(about.profile, [*picture.nodes, *wrappers])
    groups, group_of_file = weighed.groups
    nodes = [
        {
            **function_fields(about.profile, function, label[function]),
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
        **head(about.profile, view, numbers, revision),
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
