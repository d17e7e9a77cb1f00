"""What a request asks to see. A view is a value: the same view of the same revision gives the same payload."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, cast

from plopi.errors import Unanswerable, UsageError
from plopi.model import CALLS, STACKS, Profile, SampleType
from plopi.viewer.analysis.lenses import BYS, By, Lens
from plopi.viewer.arguments import Arguments, Given, is_digits

Sort = Literal["self", "cum", "name", "calls", "percall", "delta"]
Order = Literal["asc", "desc"]
Scale = Literal["normalised", "absolute"]

DEFAULT_NODES, MOST_NODES = 80, 400
DEFAULT_PER, MOST_PER = 50, 500
DEFAULT_RADIUS, MOST_RADIUS = 2, 5
MOST_MEMBERS = 64
SORTS: tuple[Sort, ...] = ("self", "cum", "name", "calls", "percall", "delta")
ORDERS: tuple[Order, ...] = ("asc", "desc")
SCALES: tuple[Scale, ...] = ("normalised", "absolute")
PREFERRED_TYPES = ("cpu", "wall", "time")
ID = "[0-9a-f]{16}"

Subject = tuple[str, ...]
"""The ids of the profiles that are looked at as one."""


@dataclass(frozen=True)
class Against:
    """The other side of a diff, the "before": whose numbers, through which lens, and whether scaled to the subject's total."""

    subject: Subject
    lens: Lens = field(default_factory=Lens)
    scale: Scale = "normalised"


@dataclass(frozen=True)
class View:
    """The arguments of a view, checked against the profile it is a view of (that of the lens, where there is one).

    ``type`` is the index of a sample type; ``thread`` a thread id or None for all; ``nodes`` the most that a graph may show,
    ``around`` the function whose neighbourhood within ``radius`` calls is shown instead of what is heavy, ``keep`` and ``drop``
    functions that are shown besides or not shown; ``sort``, ``order``, ``q`` (a search), ``page`` (from 1) and ``per`` (rows on a
    page) are a table's.
    """

    type: int = 0
    thread: int | None = None
    nodes: int = DEFAULT_NODES
    sort: Sort = "self"
    order: Order = "desc"
    q: str = ""
    page: int = 1
    per: int = DEFAULT_PER
    lens: Lens = field(default_factory=Lens)
    base: Against | None = None
    around: int | None = None
    radius: int = DEFAULT_RADIUS
    keep: tuple[int, ...] = ()
    drop: tuple[int, ...] = ()

    @classmethod
    def parse(cls, arguments: Arguments, profile: Profile) -> View:
        """The view that the arguments of a URL name; what is missing or empty takes its default, what is unknown is ignored.

        Raises UsageError with the argument, its value and what would do instead, Unanswerable where the profile cannot tell.
        """
        given = Given(arguments)
        lens, base = lens_of(arguments), base_of(arguments)
        refuse_unanswerable(lens, profile)
        sort = cast(Sort, given.one_of("sort", SORTS, "self"))
        _refuse_sort(sort, base, profile)
        around = given.text("around")
        return cls(
            type=_type(given.text("type"), profile.sample_types),
            thread=_thread(given.text("thread"), profile),
            nodes=given.whole("nodes", DEFAULT_NODES, 1, MOST_NODES),
            sort=sort,
            order=cast(Order, given.one_of("order", ORDERS, "asc" if sort == "name" else "desc")),
            q=given.short("q"),
            page=given.whole("page", 1, 1, 2**31),
            per=given.whole("per", DEFAULT_PER, 1, MOST_PER),
            lens=lens,
            base=base,
            around=None if around is None else given.whole("around", 0, 0, 2**31),
            radius=given.whole("radius", DEFAULT_RADIUS, 1, MOST_RADIUS),
            keep=given.wholes("keep", MOST_NODES),
            drop=given.wholes("drop", MOST_NODES),
        )


def subject_of(text: str) -> Subject:
    """One id, or several joined by ``+``: these profiles as one. The order tells nothing, so it is put right."""
    ids = text.split("+")
    if wrong := next((each for each in ids if not re.fullmatch(ID, each)), None):
        raise UsageError(f"{wrong[:40]!r} is no profile's id: take ids from the list, several with + between.")
    if len(set(ids)) < len(ids):
        raise UsageError(f"{text[:80]!r} names a profile twice: each can be part of the whole once.")
    if len(ids) > MOST_MEMBERS:
        raise UsageError(f"{len(ids)} profiles are to be merged, and at most {MOST_MEMBERS} can be: choose fewer.")
    return tuple(sorted(ids))


def lens_of(arguments: Arguments) -> Lens:
    """The part of the arguments that says what is left of a profile; needs no profile."""
    given = Given(arguments)
    return Lens(
        time=given.seconds("time"),
        focus=given.texts("focus"),
        ignore=given.texts("ignore"),
        hide=given.texts("hide"),
        by=cast(By, given.one_of("by", BYS, "function")),
        collapse=tuple(sorted(given.texts("collapse"))),
    )


def base_of(arguments: Arguments) -> Against | None:
    """The other side of a diff: seen through the same lens, but at its own time."""
    given = Given(arguments)
    if (text := given.text("base")) is None:
        return None
    lens = replace(lens_of(arguments), time=given.seconds("base_time"))
    # In a query a bare + means a space.
    return Against(subject_of(text.replace(" ", "+")), lens, cast(Scale, given.one_of("scale", SCALES, "normalised")))


def default_type(types: Sequence[SampleType]) -> int:
    """The sample type shown when none is named: CPU time, else elapsed time, else the last one (as pprof has it)."""
    names = [sample_type.name for sample_type in types]
    return next((names.index(name) for name in PREFERRED_TYPES if name in names), max(len(names) - 1, 0))


def refuse_unanswerable(lens: Lens, profile: Profile) -> None:
    """Unanswerable where the profile holds nothing that the lens could tell apart."""
    if profile.shape == CALLS:
        asked = [name for name in ("focus", "ignore", "hide", "time") if getattr(lens, name)]
        if asked:
            raise Unanswerable(
                f"{asked[0]} chooses among samples, and this dump holds totals of functions and calls but no samples: "
                "look for functions in the table, or at one of them with around=."
            )
        if lens.by == "line":
            raise Unanswerable("by=line needs lines, and this dump counts whole functions: choose function, module or package.")
    elif lens.time is not None and not len(profile.windows):
        raise Unanswerable("time chooses among windows, and this profile does not say when its samples were taken: leave it out.")


def _refuse_sort(sort: Sort, base: Against | None, profile: Profile) -> None:
    if sort == "delta" and base is None:
        raise UsageError("sort='delta' needs something to compare with: give base=, or sort by self, cum or name.")
    if sort in ("calls", "percall") and profile.shape == STACKS:
        raise UsageError(f"sort={sort!r} needs counted calls and this is a sampled profile: sort by self, cum or name.")


def _type(name: str | None, types: Sequence[SampleType]) -> int:
    if name is None:
        return default_type(types)
    names = [sample_type.name for sample_type in types]
    if name not in names:
        raise UsageError(f"This profile has no sample type {name!r}; it has {', '.join(names) or 'none at all'}.")
    return names.index(name)


def _thread(text: str | None, profile: Profile) -> int | None:
    if text is None:
        return None
    count = len(profile.threads)
    if profile.shape == CALLS:
        raise Unanswerable(f"thread={text[:40]!r} needs samples of threads, and this dump knows no threads: leave it out.")
    if not count:
        raise UsageError(f"This profile knows no threads, so thread={text!r} cannot be shown: leave the argument out.")
    if not is_digits(text) or int(text) >= count:
        raise UsageError(
            f"thread={text!r} is not a thread of this profile: give a number from 0 to {count - 1}, or leave it out."
        )
    return int(text)
