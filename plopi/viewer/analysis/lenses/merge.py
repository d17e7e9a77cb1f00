"""Several profiles as one: the workers of a service, the runs of a script.

Functions are one where name, file and first line are; stacks where all of their locations are. Threads stay apart by process.
A sample type counts where all profiles have it. Dumps are added as ``pstats.Stats.add`` does it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from plopi.errors import PlopiError, Unanswerable
from plopi.model import CALLS, About, Calls, Column, Functions, Locations, Profile, Samples, SampleType, Stacks, Threads, Windows
from plopi.viewer.analysis.columns import Ints, column, group_by_key
from plopi.viewer.analysis.lenses.tables import stored
from plopi.viewer.analysis.lenses.tries import merged


@dataclass(frozen=True)
class _Functions:
    """The functions of all, and which of them each profile's are."""

    strings: list[str]
    table: Functions
    of: list[Ints]


@dataclass(frozen=True)
class Joined:
    """One profile of several; ``functions``: for each of them, where its functions went."""

    profile: Profile
    functions: list[Ints]


def merge(profiles: Sequence[Profile], names: Sequence[str], known: Profile | None = None) -> Profile:
    """One profile of several: see ``joined``."""
    return joined(profiles, names, known).profile


def joined(profiles: Sequence[Profile], names: Sequence[str], known: Profile | None = None) -> Joined:
    """One profile of several, called ``names``. Functions of ``known``, an earlier merge of the same, keep their ids.

    Raises Unanswerable for profiles of different shape, or without a sample type in common.
    """
    if len({profile.shape for profile in profiles}) > 1:
        dump = next(name for profile, name in zip(profiles, names) if profile.shape == CALLS)
        raise Unanswerable(
            f"{dump} holds totals of calls and another of these profiles samples of stacks: merge those of one kind."
        )
    types = _types_in_common(profiles, names)
    functions = _functions(profiles, known)
    about = _about(profiles, names, types)
    whole = replace(profiles[0], strings=tuple(functions.strings), functions=functions.table, about=about)
    if whole.shape == CALLS:
        return Joined(replace(whole, calls=_calls(profiles, functions)), functions.of)
    locations, stacks, stack = _stacks(profiles, functions)
    threads, thread = _threads(profiles, names, functions.strings)
    windows, window = _windows(profiles)
    samples = Samples(stored(stack), stored(thread), stored(window), tuple(_weights(profiles, kind) for kind in types))
    whole = replace(whole, sample_types=types, strings=tuple(functions.strings), locations=locations, stacks=stacks)
    return Joined(replace(whole, threads=threads, windows=windows, samples=samples), functions.of)


def _types_in_common(profiles: Sequence[Profile], names: Sequence[str]) -> tuple[SampleType, ...]:
    common = tuple(kind for kind in profiles[0].sample_types if all(kind in profile.sample_types for profile in profiles))
    if not common:
        has = "; ".join(f"{name}: {_listed(profile.sample_types)}" for name, profile in zip(names[:4], profiles))
        raise Unanswerable(f"These profiles have no sample type in common ({has}): merge those that count the same.")
    return common


def _listed(types: Sequence[SampleType]) -> str:
    return ", ".join(f"{kind.name} in {kind.unit}" for kind in types) or "none"


def _weights(profiles: Sequence[Profile], kind: SampleType) -> Column:
    return stored(_joined(profiles, lambda profile: profile.samples.weights[profile.sample_types.index(kind)]))


def _functions(profiles: Sequence[Profile], known: Profile | None) -> _Functions:
    sources = [*([known] if known is not None else []), *profiles]
    strings: dict[str, int] = {}
    rows = []
    for profile in sources:
        ids = np.array([strings.setdefault(text, len(strings)) for text in profile.strings], dtype=np.int64)
        name, file = (
            ids[column(each)] if len(ids) else column(each) for each in (profile.functions.name, profile.functions.file)
        )
        rows.append((name, file, column(profile.functions.line)))
    columns = [np.concatenate(each) for each in zip(*rows)]
    number, first = _numbered(columns)
    starts = np.cumsum([0, *(len(profile.functions) for profile in sources)])
    of = [number[a:b] for a, b in pairwise(starts)][len(sources) - len(profiles) :]
    return _Functions(list(strings), Functions(*(stored(each[first]) for each in columns)), of)


def _numbered(columns: Sequence[Ints]) -> tuple[Ints, Ints]:
    """Equal rows get one number, in order of first appearance; and the row of each number's first appearance."""
    key = np.zeros(len(columns[0]), dtype=np.int64)
    for each in columns:
        least = int(each.min(initial=0))
        _, dense = np.unique(each - least, return_inverse=True)
        _, key = np.unique(key * (int(dense.max(initial=0)) + 1) + dense, return_inverse=True)
    _, first, key = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[key].astype(np.int64), first[order]


def _stacks(profiles: Sequence[Profile], functions: _Functions) -> tuple[Locations, Stacks, Ints]:
    function = np.concatenate([of[column(profile.locations.function)] for profile, of in zip(profiles, functions.of)])
    line = _joined(profiles, lambda profile: profile.locations.line)
    number, first = _numbered([function, line])
    parent = _shifted(profiles, lambda profile: profile.stacks.parent, lambda profile: len(profile.stacks))
    location = _shifted(profiles, lambda profile: profile.stacks.location, lambda profile: len(profile.locations))
    trie = merged(parent, number[location], np.ones(len(parent), dtype=np.bool_))
    stack = _shifted(profiles, lambda profile: profile.samples.stack, lambda profile: len(profile.stacks))
    return (
        Locations(stored(function[first]), stored(line[first])),
        Stacks(stored(trie.parent), stored(trie.label)),
        trie.of(stack),
    )


def _threads(profiles: Sequence[Profile], names: Sequence[str], strings: list[str]) -> tuple[Threads, Ints]:
    """A row for every thread of every process, and one for what a process did without saying in which."""
    name: list[int] = []
    ident: list[int] = []
    thread = []
    for profile, member in zip(profiles, names):
        process = str(profile.about.pid) if profile.about.pid is not None else member
        own = column(profile.samples.thread)
        base, rows = len(name), len(profile.threads)
        texts = [f"{profile.thread_name(row)} ({process})" for row in range(rows)]
        ident += [int(each) for each in profile.threads.ident]
        if (own < 0).any():
            texts.append(f"({process})")
            ident.append(0)
        name += range(len(strings), len(strings) + len(texts))
        strings += texts
        thread.append(np.where(own < 0, base + rows, own + base))
    return Threads(stored(np.array(name, dtype=np.int64)), stored(np.array(ident, dtype=np.int64))), np.concatenate(thread)


def _windows(profiles: Sequence[Profile]) -> tuple[Windows, Ints]:
    """Windows after the start of the earliest; where a profile does not tell when it began, all are taken to begin together."""
    starts = [profile.about.started_ns for profile in profiles]
    known = [each for each in starts if each is not None]
    offset = [each - min(known) for each in known] if len(known) == len(starts) else [0] * len(starts)
    start = np.concatenate([column(profile.windows.start) + shift for profile, shift in zip(profiles, offset)])
    window = _shifted(profiles, lambda profile: profile.samples.window, lambda profile: len(profile.windows))
    return Windows(stored(start), stored(_joined(profiles, lambda profile: profile.windows.length))), window


def _calls(profiles: Sequence[Profile], functions: _Functions) -> Calls:
    tables = [profile.calls for profile in profiles if profile.calls is not None]
    if len(tables) < len(profiles):
        raise PlopiError("One of these profiles says that it holds calls and holds none: read it again.")
    count = len(functions.table)
    ends = [np.concatenate([of[column(getattr(t, end))] for t, of in zip(tables, functions.of)]) for end in ("caller", "callee")]
    keys, rows = group_by_key(ends[0] * count + ends[1])

    def by_function(name: str) -> Column:
        sums = np.zeros(count, dtype=np.int64)
        for table, of in zip(tables, functions.of):
            np.add.at(sums, of, column(getattr(table, name)))
        return stored(sums)

    def by_edge(name: str) -> Column:
        return stored(rows.sums(np.concatenate([column(getattr(table, name)) for table in tables])))

    return Calls(
        by_function("calls"),
        by_function("primitive"),
        by_function("self"),
        by_function("cum"),
        stored(keys // max(count, 1)),
        stored(keys % max(count, 1)),
        *(by_edge(name) for name in ("edge_calls", "edge_primitive", "edge_self", "edge_cum")),
    )


def _joined(profiles: Sequence[Profile], get: Callable[[Profile], Column]) -> Ints:
    return np.concatenate([column(get(profile)) for profile in profiles])


def _shifted(profiles: Sequence[Profile], get: Callable[[Profile], Column], size: Callable[[Profile], int]) -> Ints:
    """Ids of rows, on as rows of the joined tables; NONE stays NONE."""
    parts, base = [], 0
    for profile in profiles:
        ids = column(get(profile))
        parts.append(np.where(ids < 0, -1, ids + base))
        base += size(profile)
    return np.concatenate(parts)


def _about(profiles: Sequence[Profile], names: Sequence[str], types: Sequence[SampleType]) -> About:
    abouts = [profile.about for profile in profiles]
    notes = [f"{len(profiles)} profiles as one: {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}"]
    dropped = sorted({kind.name for profile in profiles for kind in profile.sample_types if kind not in types})
    if dropped:
        notes.append(f"not in all of the profiles and therefore not shown: {', '.join(dropped)}")
    starts = [about.started_ns for about in abouts]
    if None in starts and any(len(profile.windows) for profile in profiles):
        notes.append("not every profile says when it began: their times all begin at 0")
    known = [start for start in starts if start is not None]
    ends = [start + (about.duration_ns or 0) for start, about in zip(starts, abouts) if start is not None]
    durations = [about.duration_ns for about in abouts if about.duration_ns is not None]
    return About(
        command=_one(about.command for about in abouts),
        host=_one(about.host for about in abouts),
        python=_one(about.python for about in abouts),
        engine=_one(about.engine for about in abouts),
        mode=_one(about.mode for about in abouts),
        started_ns=min(known) if len(known) == len(abouts) else None,
        duration_ns=max(ends) - min(known) if len(known) == len(abouts) else max(durations, default=None),
        period_ns=abouts[0].period_ns if len({about.period_ns for about in abouts}) == 1 else None,
        own_cost_ns=_sum(about.own_cost_ns for about in abouts),
        process_cpu_ns=_sum(about.process_cpu_ns for about in abouts),
        ticks=_sum(about.ticks for about in abouts),
        ticks_lost=_sum(about.ticks_lost for about in abouts),
        complete=all(about.complete for about in abouts),
        notes=(*notes, *dict.fromkeys(note for about in abouts for note in about.notes)),
    )


def _one(texts: Iterable[str]) -> str:
    different = set(texts)
    return different.pop() if len(different) == 1 else ""


def _sum(values: Iterable[int | None]) -> int | None:
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total
