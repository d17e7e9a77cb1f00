"""What a request asks to see. A view is a value: the same view of the same revision gives the same payload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from plopi.errors import UsageError
from plopi.model import STACKS, Profile, SampleType

Sort = Literal["self", "cum", "name", "calls"]
Order = Literal["asc", "desc"]

DEFAULT_NODES, MOST_NODES = 80, 400
DEFAULT_PER, MOST_PER = 50, 500
LONGEST_QUERY = 200
SORTS: tuple[Sort, ...] = ("self", "cum", "name", "calls")
ORDERS: tuple[Order, ...] = ("asc", "desc")
PREFERRED_TYPES = ("cpu", "wall", "time")


@dataclass(frozen=True)
class View:
    """The arguments of a view, checked against the profile it is a view of.

    ``type`` is the index of a sample type; ``thread`` a thread id or None for all; ``nodes`` the most that a graph may show;
    ``sort``, ``order``, ``q`` (a substring, any case), ``page`` (from 1) and ``per`` (rows on a page) are a table's.
    """

    type: int = 0
    thread: int | None = None
    nodes: int = DEFAULT_NODES
    sort: Sort = "self"
    order: Order = "desc"
    q: str = ""
    page: int = 1
    per: int = DEFAULT_PER

    @classmethod
    def parse(cls, arguments: Mapping[str, str], profile: Profile) -> View:
        """The view that the arguments of a URL name; what is missing or empty takes its default, what is unknown is ignored.

        Raises UsageError with the argument, its value and what would do instead.
        """
        given = {name: value.strip() for name, value in arguments.items() if value.strip()}
        sort = _one_of(given, "sort", SORTS, "self")
        if sort == "calls" and profile.shape == STACKS:
            raise UsageError("sort='calls' needs counted calls and this is a sampled profile: sort by self, cum or name.")
        return cls(
            type=_type(given.get("type"), profile.sample_types),
            thread=_thread(given.get("thread"), profile),
            nodes=_whole(given, "nodes", DEFAULT_NODES, 1, MOST_NODES),
            sort=cast(Sort, sort),
            order=cast(Order, _one_of(given, "order", ORDERS, "asc" if sort == "name" else "desc")),
            q=_query(given.get("q", "")),
            page=_whole(given, "page", 1, 1, 2**31),
            per=_whole(given, "per", DEFAULT_PER, 1, MOST_PER),
        )


def default_type(types: Sequence[SampleType]) -> int:
    """The sample type shown when none is named: CPU time, else elapsed time, else the last one (as pprof has it)."""
    names = [sample_type.name for sample_type in types]
    return next((names.index(name) for name in PREFERRED_TYPES if name in names), max(len(names) - 1, 0))


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
    if not count:
        raise UsageError(f"This profile knows no threads, so thread={text!r} cannot be shown: leave the argument out.")
    if not _digits(text) or int(text) >= count:
        raise UsageError(
            f"thread={text!r} is not a thread of this profile: give a number from 0 to {count - 1}, or leave it out."
        )
    return int(text)


def _whole(given: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not _digits(text) or not least <= int(text) <= most:
        raise UsageError(
            f"{name}={text!r} is not a whole number from {least} to {most}: give one, or leave it out for {default}."
        )
    return int(text)


def _digits(text: str) -> bool:
    """Short enough, too, that turning it into an int costs nothing."""
    return text.isascii() and text.isdigit() and len(text) <= 12


def _one_of(given: Mapping[str, str], name: str, choices: Sequence[str], default: str) -> str:
    text = given.get(name, default)
    if text not in choices:
        raise UsageError(f"{name}={text!r} is not known: choose one of {', '.join(choices)}.")
    return text


def _query(text: str) -> str:
    if len(text) > LONGEST_QUERY:
        raise UsageError(f"q has {len(text)} characters: search for at most {LONGEST_QUERY}.")
    return text
