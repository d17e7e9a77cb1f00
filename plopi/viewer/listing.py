"""The index: which profiles are asked for, in which order, and what is said of each."""

from __future__ import annotations

import asyncio
import bisect
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from plopi.errors import UsageError
from plopi.viewer.entries import Entry, revision_of, shown
from plopi.viewer.heap import Heap
from plopi.viewer.orders import BY_TEXT, Listed, Order, Which, by_name
from plopi.viewer.processes import Vital

SORTS = (
    "name", "file", "format", "status", "host", "pid", "command", "python", "engine", "mode",
    "samples", "duration_ns", "started_ns", "size", "mtime_ns", "cpu_percent", "rss",
)  # fmt: skip
NEEDS_VITALS = frozenset(("cpu_percent", "rss"))
MAX_PER, MAX_QUERY = 200, 200
MOST_ORDERS = 16
FEW = 100
"""So many changes are taken in by the loop itself."""
SLICE_SECONDS = 0.02
"""For so long an order is made before the loop goes round. A thread would hold it up more: the loop would wait for its turn after
each call to the system."""
MOST_ONE_BY_ONE = 1000
"""Where more has changed than that and a tenth of all, orders are made anew."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """What a request wants to see of the index."""

    words: tuple[str, ...] = ()
    tag: str = ""
    sort: str = "started_ns"
    descending: bool = True
    page: int = 1
    per: int = 100

    @classmethod
    def parse(cls, arguments: Mapping[str, str]) -> Question:
        """UsageError for an argument that makes no sense; unknown arguments are nobody's business."""
        query = arguments.get("q", "")
        if len(query) > MAX_QUERY:
            raise UsageError(f"q has {len(query)} characters, and at most {MAX_QUERY} are searched for; shorten it")
        sort = arguments.get("sort") or cls.sort
        if sort not in SORTS:
            raise UsageError(f"sort is {sort[:40]!r}, which is no column; use one of {', '.join(SORTS)}")
        order = arguments.get("order") or ("asc" if sort in BY_TEXT else "desc")
        if order not in ("asc", "desc"):
            raise UsageError(f"order is {order[:40]!r}; use asc or desc")
        return cls(
            tuple(query.casefold().split()),
            arguments.get("tag", ""),
            sort,
            order == "desc",
            _number(arguments, "page", 1, 10**9),
            _number(arguments, "per", cls.per, MAX_PER),
        )


@dataclass(frozen=True)
class News:
    """What happened to the profiles after ``since``, up to ``revision``.

    ``changed``: their ids, each with the revision of its last change; None if all of them may have changed.
    """

    since: int
    revision: int
    changed: list[tuple[str, int]] | None
    ids: Callable[[], list[str]]
    get: Callable[[str], Entry | None]


@dataclass(frozen=True)
class Page:
    """One page of the answer; ``matching`` counts the rows on all pages."""

    entries: list[Entry]
    matching: int
    page: int
    pages: int


@dataclass(eq=False, slots=True)
class _Making:
    """Work on what was there when it began: what changed meanwhile, and whether all of it did."""

    profiles: list[Listed]
    missed: dict[str, Listed | None] = field(default_factory=dict)
    """As they were."""
    stale: bool = False


class Listing:
    """The index in the orders that were asked for last: a change costs what changed, a page what is on it. Thread-safe.

    Making an order takes a look at all profiles, and nobody waits for that who does not want it: the loop does it, in slices.
    """

    def __init__(self) -> None:
        self.revision = -1
        """Of the store, up to which all changes are known."""
        self._lock = threading.Lock()
        self._listed: dict[str, Listed] = {}
        self._by_name: list[Listed] = []
        self._orders: OrderedDict[Which, Order] = OrderedDict()
        self._making: _Making | None = None
        self._heap = Heap()
        self._turn = asyncio.Lock()
        """To make an order: one after the other, so that the first is there soon."""

    def update(self, news: News, now_ns: int) -> None:
        """Take in what has changed, but for what requests that were answered meanwhile have brought."""
        with self._lock:
            if news.revision <= self.revision:
                return
            changed = None if news.changed is None else [each for each, at in news.changed if at > self.revision]
            if changed is None or len(changed) > MOST_ONE_BY_ONE + len(self._listed) // 10:
                self._take_all(news, now_ns)
                return
            for profile_id in changed:
                self._take(profile_id, news.get(profile_id), now_ns)
            if news.since <= self.revision:
                self.revision = news.revision

    def is_at_hand(self, question: Question, news: News) -> bool:
        """Whether ``update`` and ``page`` take too little to be done in a thread."""
        few = news.changed is not None and len(news.changed) <= FEW
        return few and question.sort not in NEEDS_VITALS and which_of(question) in self._orders and not self._lock.locked()

    def page(self, question: Question, vital: Callable[[Entry], Vital | None]) -> Page | None:
        """Filter, sort and cut; None where ``make`` has to come first. A page past the end is the last one: rows may have gone
        since the link was made."""
        which = which_of(question)
        with self._lock:
            order = self._orders.get(which)
            if order is None:
                return None
            self._orders.move_to_end(which)
            by_vitals = question.sort in NEEDS_VITALS
            pages = max(1, -(-len(order) // question.per))
            page = min(question.page, pages)
            start, end = (page - 1) * question.per, page * question.per
            rows = order.rows(0, len(order)) if by_vitals else order.rows(start, min(end, len(order)))
            entries = [self._listed[each].entry for each in rows]
        if by_vitals:
            entries = _by_vitals(entries, question, vital)[start:end]
        return Page(entries, len(order), page, pages)

    async def make(self, question: Question) -> None:
        """Have the order there that ``page`` needs. Takes long with many profiles, and holds up no other method meanwhile."""
        which = which_of(question)
        async with self._turn:
            while which not in self._orders:
                order = Order(which)
                async with self._locked():
                    making = self._making = _Making(self._by_name.copy())
                await _in_slices(order.fill(making.profiles))
                async with self._locked():
                    self._making = None
                    if not making.stale:
                        self._add(order, making.missed)

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[None]:
        """Where a thread takes in what has changed, the loop does not stand still."""
        while not self._lock.acquire(blocking=False):
            await asyncio.sleep(0.001)
        try:
            yield
        finally:
            self._lock.release()

    def _add(self, order: Order, missed: Mapping[str, Listed | None]) -> None:
        """Take an order among those that are kept up, and into it what changed since work on it began."""
        self._orders[order.which] = order
        for profile_id, before in missed.items():
            order.replace(before, self._listed.get(profile_id))
        while len(self._orders) > MOST_ORDERS:
            self._orders.popitem(last=False)

    def _take_all(self, news: News, now_ns: int) -> None:
        entries = by_name([entry for each in news.ids() if (entry := news.get(each)) is not None])
        self._by_name = [Listed.of(entry, now_ns) for entry in entries]
        self._listed = {each.id: each for each in self._by_name}
        self._heap.keeps(len(self._by_name))
        self._orders.clear()
        if self._making is not None:
            self._making.stale = True
        self.revision = news.revision

    def _take(self, profile_id: str, entry: Entry | None, now_ns: int) -> None:
        before = self._listed.get(profile_id)
        after = None if entry is None else Listed.of(entry, now_ns)
        self._replace(before, after)
        if self._making is not None:
            self._making.missed.setdefault(profile_id, before)
        for order in self._orders.values():
            order.replace(before, after)

    def _replace(self, before: Listed | None, after: Listed | None) -> None:
        either = after or before
        if either is None:
            return
        at = bisect.bisect_left(self._by_name, _place(either), key=_place)
        self._by_name[at : at + (before is not None)] = [] if after is None else [after]
        if after is None:
            del self._listed[either.id]
        else:
            self._listed[after.id] = after


async def _in_slices(steps: Iterator[None]) -> None:
    """Others have their turn after each slice."""
    until = time.monotonic() + SLICE_SECONDS
    for _ in steps:
        if time.monotonic() > until:
            await asyncio.sleep(0)
            until = time.monotonic() + SLICE_SECONDS


def _place(profile: Listed) -> tuple[str, str]:
    return profile.name, profile.id


def which_of(question: Question) -> Which:
    sort = ("name", False) if question.sort in NEEDS_VITALS else (question.sort, question.descending)
    return Which(question.words, question.tag, *sort)


def _by_vitals(entries: list[Entry], question: Question, vital: Callable[[Entry], Vital | None]) -> list[Entry]:
    """By what processes do now, which nothing tells of when it changes."""
    values: list[tuple[Any, Entry]] = [(getattr(vital(entry), question.sort, None), entry) for entry in entries]
    known = sorted((pair for pair in values if pair[0] is not None), key=lambda pair: pair[0], reverse=question.descending)
    return [entry for _, entry in known] + [entry for value, entry in values if value is None]


def row(entry: Entry, now_ns: int, vital: Vital | None) -> Row:
    """What the index says of one profile (docs/architecture.md, wire format)."""
    found, summary = entry.found, entry.summary
    about = summary.about if summary else None
    return {
        "id": entry.id,
        "revision": revision_of(found.key),
        "name": entry.name,
        "file": shown(found.name),
        "format": summary.format if summary else None,
        "status": entry.status(now_ns),
        "reason": entry.reason,
        "shape": summary.shape if summary else None,
        "host": about.host if about else "",
        "pid": about.pid if about else None,
        "command": about.command if about else "",
        "python": about.python if about else "",
        "engine": about.engine if about else "",
        "mode": about.mode if about else "",
        "samples": summary.samples if summary else None,
        "duration_ns": about.duration_ns if about else None,
        "started_ns": about.started_ns if about else None,
        "size": found.key.size,
        "mtime_ns": found.key.mtime_ns,
        "sample_types": [{"name": name, "unit": unit} for name, unit in summary.sample_types] if summary else [],
        "alive": vital.alive if vital else None,
        "cpu_percent": vital.cpu_percent if vital else None,
        "rss": vital.rss if vital else None,
        "notes": list(about.notes) if about else [],
        "tags": list(entry.tags),
    }


def detail(entry: Entry, now_ns: int, vital: Vital | None) -> Row:
    """``row`` and what a page about this one profile shows besides."""
    summary = entry.summary
    about = summary.about if summary else None
    own = ("own_cost_ns", "process_cpu_ns", "period_ns", "ticks", "ticks_lost", "complete")
    return {
        "v": 1,
        **row(entry, now_ns, vital),
        "functions": summary.functions if summary else None,
        "threads": [
            {"id": i, "name": name, "ident": ident} for i, (name, ident) in enumerate(summary.threads if summary else ())
        ],
        **{name: getattr(about, name, None) for name in own},
    }


def _number(arguments: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = arguments.get(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 12 and 1 <= int(text) <= most):
        raise UsageError(f"{name} is {text[:40]!r}; use a whole number from 1 to {most}")
    return int(text)
