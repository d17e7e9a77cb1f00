"""What the answers to all views have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from plopi.errors import PlopiError, UsageError
from plopi.model import CPU, NATIVE, Profile, SampleType
from plopi.viewer.analysis import Index, Weighed, index, names
from plopi.viewer.analysis import table as tables
from plopi.viewer.analysis.call_graph import Numbers, Selection
from plopi.viewer.analysis.columns import Ints, Mask
from plopi.viewer.analysis.diff import Comparison, Sides
from plopi.viewer.view import View

VERSION = 1

Json = dict[str, Any]


class NoSuchFunction(UsageError):
    """The profile has no function of that number (HTTP 404)."""


def text(value: str) -> str:
    """A string that any JSON encoder and any browser takes: what is no character (half a surrogate pair) is spelled out."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def indexed(profile: Profile | Index) -> Index:
    return profile if isinstance(profile, Index) else index(profile)


def weighed_of(about: Index, view: View) -> Weighed:
    if not about.profile.sample_types:
        raise PlopiError("This profile has no sample types and so no weights: there is nothing to show.")
    return about.weighed(Selection(view.type, view.thread))


@dataclass(frozen=True)
class Look:
    """What a view shows: ``numbers`` of the subject, ``weighed`` what is chosen by; ``sides`` where there is a base."""

    weighed: Weighed
    numbers: Numbers
    sides: Sides | None = None

    @property
    def present(self) -> Mask:
        """Functions that there are, on one side at least."""
        return self.weighed.numbers.present

    def of_base(self, function: int) -> Json:
        """What a row about a function says of the base; nothing where there is none."""
        if self.sides is None:
            return {}
        noise, base = self.sides.noise, self.sides.base
        band = None if noise is None else {"self": int(noise.self[function]), "cum": int(noise.cum[function])}
        return {"base_self": int(base.self[function]), "base_cum": int(base.cum[function]), "noise": band}

    def band(self, ours: Ints, theirs: Ints) -> list[int] | list[None]:
        """Half the width of the band around "no change" of any two weights of the two sides; None where they are exact."""
        chance = None if self.sides is None else self.sides.chance
        return [None] * len(ours) if chance is None else chance.band(ours, theirs).tolist()


def look_at(about: Index, view: View) -> Look:
    weighed = weighed_of(about, view)
    if isinstance(about, Comparison):
        sides = about.sides(Selection(view.type, view.thread))
        return Look(weighed, sides.subject, sides)
    return Look(weighed, weighed.numbers)


def base_head(about: Index, look: Look) -> Json:
    """What the head of an answer says of the base."""
    if look.sides is None or not isinstance(about, Comparison):
        return {}
    base = look.sides.base
    return {
        "base": {
            "id": about.base_id,
            "name": text(about.base_name),
            "revision": about.base_revision,
            "total": base.total,
            "scale": look.sides.scale,
            "samples": base.samples,
            "thread": None if look.sides.thread is None else asdict(look.sides.thread),
        }
    }


def head(profile: Profile, view: View, numbers: Numbers, revision: str) -> Json:
    return {"v": VERSION, "revision": revision, "type": type_of(profile.sample_types[view.type]), "total": numbers.total}


def type_of(sample_type: SampleType) -> Json:
    return {"name": text(sample_type.name), "unit": text(sample_type.unit)}


def function_fields(profile: Profile, function: int, label: str) -> Json:
    name, file = profile.function_name(function), profile.function_file(function)
    return {
        "id": function,
        "label": text(label),
        "name": text(name),
        "file": text(file),
        "line": int(profile.functions.line[function]),
        "kind": names.kind(name, file),
    }


def rows_of(about: Index, look: Look, functions: Sequence[int]) -> list[Json]:
    numbers = look.numbers
    profile, calls, places = about.profile, about.profile.calls, about.packages
    label = names.labels(profile, functions)
    return [
        {
            **function_fields(profile, function, label[function]),
            "group": text(places.package_of(function)),
            "self": int(numbers.self[function]),
            "cum": int(numbers.cum[function]),
            "exact": not is_bound(about, function),
            "calls": None if calls is None else int(calls.calls[function]),
            "primitive": None if calls is None else int(calls.primitive[function]),
            "percall_ns": None if calls is None else tables.per_call(numbers.cum[function], calls.primitive[function]),
            **look.of_base(function),
        }
        for function in functions
    ]


def is_bound(about: Index, *functions: int) -> bool:
    """Whether cum of one of the functions is only the most that it can be, and so is the weight of an edge between them."""
    return about.bounds is not None and any(bool(about.bounds[function]) for function in functions)


def native_of(about: Index, view: View) -> Ints | None:
    """By function: the part of its self in native code; None where that was not counted, or where not CPU time is shown."""
    types = about.profile.sample_types
    if NATIVE not in types or types[view.type] != CPU:
        return None
    return about.weighed(Selection(types.index(NATIVE), view.thread)).numbers.self
