"""The index: which profiles are asked for, in which order, and what is said of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from plopi.errors import UsageError
from plopi.viewer.entries import Entry, revision_of, shown
from plopi.viewer.processes import Vital

SORTS = (
    "name", "file", "format", "status", "host", "pid", "command", "python", "engine", "mode",
    "samples", "duration_ns", "started_ns", "size", "mtime_ns", "cpu_percent", "rss",
)  # fmt: skip
_BY_TEXT = frozenset(("name", "file", "format", "status", "host", "command", "python", "engine", "mode"))
NEEDS_VITALS = frozenset(("cpu_percent", "rss"))
MAX_PER, MAX_QUERY = 200, 200

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
        order = arguments.get("order") or ("asc" if sort in _BY_TEXT else "desc")
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
class Page:
    """One page of the answer; ``matching`` counts the rows on all pages."""

    entries: list[Entry]
    matching: int
    page: int
    pages: int


def select(entries: Iterable[Entry], question: Question, now_ns: int, vital: Callable[[Entry], Vital | None]) -> Page:
    """Filter, sort and cut. A page past the end is the last one: rows may have gone since the link was made."""
    rows = [entry for entry in entries if _matches(entry, question, now_ns)]
    if question.sort in NEEDS_VITALS:
        vitals = {entry.id: vital(entry) for entry in rows}
        value: Callable[[Entry], Any] = lambda entry: getattr(vitals[entry.id], question.sort, None)  # noqa: E731
    else:
        value = lambda entry: _sort_value(entry, question.sort, now_ns)  # noqa: E731
    rows.sort(key=lambda entry: entry.name)
    known = [(found, entry) for entry in rows if (found := value(entry)) not in (None, "")]
    known.sort(key=lambda pair: pair[0], reverse=question.descending)
    taken = {entry.id for _, entry in known}
    ordered = [entry for _, entry in known] + [entry for entry in rows if entry.id not in taken]
    pages = max(1, -(-len(ordered) // question.per))
    page = min(question.page, pages)
    return Page(ordered[(page - 1) * question.per : page * question.per], len(ordered), page, pages)


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


def _sort_value(entry: Entry, sort: str, now_ns: int) -> Any:
    if sort == "name":
        return entry.name.casefold()
    if sort == "file":
        return entry.found.name.casefold()
    if sort == "status":
        return entry.status(now_ns)
    if sort in ("size", "mtime_ns"):
        return getattr(entry.found.key, sort)
    summary = entry.summary
    if sort == "started_ns":  # files that do not tell take the place that their age gives them
        return (summary and summary.about.started_ns) or entry.found.key.mtime_ns
    if summary is None:
        return None
    if sort in ("format", "samples"):
        return getattr(summary, sort)
    value = getattr(summary.about, sort)
    return value.casefold() if isinstance(value, str) else value


def _matches(entry: Entry, question: Question, now_ns: int) -> bool:
    """It has the tag, and every word is somewhere in what the index shows as text."""
    if question.tag and question.tag not in entry.tags:
        return False
    if not question.words:
        return True
    parts = [entry.name, shown(entry.found.name), entry.status(now_ns), entry.reason or "", *entry.tags]
    if entry.summary is not None:
        about = entry.summary.about
        parts += [entry.summary.format, about.host, str(about.pid or ""), about.command, about.python, about.engine, about.mode]
    text = "\n".join(parts).casefold()
    return all(word in text for word in question.words)


def _number(arguments: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = arguments.get(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 12 and 1 <= int(text) <= most):
        raise UsageError(f"{name} is {text[:40]!r}; use a whole number from 1 to {most}")
    return int(text)
