"""The answer to the flame view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from plopi.errors import UsageError
from plopi.model import Profile
from plopi.viewer.analysis import Index, names, packages, search
from plopi.viewer.analysis import flame as flames
from plopi.viewer.analysis.flame import Flame, Side
from plopi.viewer.arguments import Arguments, Given, is_digits
from plopi.viewer.payloads.common import Json, Look, NoSuchFunction, base_head, function_fields, head, indexed, look_at, text
from plopi.viewer.view import View

DEFAULT_WIDTH, MOST_WIDTH = 1280, 200_000
NARROWEST = 0.5
"""Pixels: what is narrower at the width asked for is left out."""
LONGEST_ZOOM = 2000
SIDES: tuple[Side, ...] = ("both", "after", "before")


@dataclass(frozen=True)
class Asked:
    """The flame view's own arguments: ``width`` of the zoomed box in pixels, the path to it, which tree, what to look for, and
    in a diff whose weights make the widths."""

    width: int = DEFAULT_WIDTH
    zoom: tuple[int, ...] = ()
    inverted: bool = False
    root: int | None = None
    q: str = ""
    side: Side = "both"

    @classmethod
    def parse(cls, arguments: Arguments) -> Asked:
        given = Given(arguments)
        root = given.text("root")
        return cls(
            width=given.whole("width", DEFAULT_WIDTH, 1, MOST_WIDTH),
            zoom=_path(given.text("zoom") or ""),
            inverted=given.one_of("inverted", ("0", "1"), "0") == "1",
            root=None if root is None else given.whole("root", 0, 0, 2**31),
            q=given.short("q"),
            side=cast(Side, given.one_of("side", SIDES, "both")),
        )


def _path(zoom: str) -> tuple[int, ...]:
    steps = zoom.split(".") if zoom else []
    if wrong := next((step for step in steps if not is_digits(step)), None):
        raise UsageError(f"zoom holds {wrong[:40]!r}, which is no function: give their numbers from the top with dots between.")
    if len(steps) > LONGEST_ZOOM:
        raise UsageError(f"zoom is {len(steps)} functions long: at most {LONGEST_ZOOM} are followed, so start at one by root=.")
    return tuple(map(int, steps))


def flame(profile: Profile | Index, view: View, asked: Asked, revision: str = "") -> Json:
    """The boxes that can be seen. Raises NoSuchFunction, and Unanswerable where no stacks are known."""
    about = indexed(profile)
    look = look_at(about, view)
    weighed, numbers = look.weighed, look.numbers
    flames.parts_of(numbers)
    if asked.root is not None and asked.root >= len(about.profile.functions):
        raise NoSuchFunction(f"This profile has no function {asked.root}: find it in the table again.")
    shape = flames.Shape(asked.zoom, asked.inverted, asked.root, NARROWEST / asked.width, asked.side)
    found = weighed.forest(about).flame(shape)
    groups, group_of_file = weighed.groups(about)
    shown = np.unique(np.concatenate([found.boxes.function, np.asarray(found.zoom, dtype=np.int64)])).tolist()
    if asked.root is not None:
        shown = sorted({*shown, asked.root})
    label = names.labels(about.profile, shown)
    answer = {
        **head(about.profile, view, numbers, revision),
        **base_head(about, look),
        "zoom": list(found.zoom),
        "zoom_weights": list(found.zoom_weights),
        "zoom_weight": found.weight,
        "inverted": asked.inverted,
        "root": asked.root,
        "depth_total": flames.deepest(weighed.numbers),
        "functions": {
            str(function): {
                **function_fields(about.profile, function, label[function]),
                "group": int(group_of_file[about.packages.file_row[function]]),
            }
            for function in shown
        },
        "groups": [{**group, "name": text(str(group["name"]))} for group in packages.shares(groups, weighed.numbers.total)],
        "nodes": _boxes(found, look),
        "cut": {"nodes": found.cut_boxes, "weight": found.cut_weight},
        **({} if look.sides is None else {"side": asked.side, "zoom_width": found.width}),
    }
    if asked.q:
        wanted = search.search(about.profile, about.texts, asked.q).functions
        answer["matched"] = flames.matched_weight(numbers, wanted)
        if look.sides is not None:
            answer["base_matched"] = flames.matched_weight(look.sides.base, wanted)
        answer["nodes"]["match"] = wanted[found.boxes.function].astype(int).tolist()
    return answer


def _boxes(found: Flame, look: Look) -> Json:
    boxes = found.boxes
    columns = {
        "parent": boxes.parent,
        "function": boxes.function,
        "start": boxes.start,
        "weight": boxes.weight,
        "self": boxes.self,
    }
    if boxes.base is None:
        return {name: values.tolist() for name, values in columns.items()}
    compared = {**columns, "base": boxes.base, "width": boxes.width}
    return {**{name: values.tolist() for name, values in compared.items()}, "noise": look.band(boxes.weight, boxes.base)}
