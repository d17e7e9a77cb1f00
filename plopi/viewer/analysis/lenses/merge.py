"""Several profiles as one: the workers of a service, the runs of a script.

Functions are one where name, file and first line are; stacks where all of their locations are. Threads stay apart by process.
A sample type counts where all profiles have it. Dumps are added as ``pstats.Stats.add`` does it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from plopi.errors import PlopiError, Unanswerable
from plopi.model import CALLS, About, Calls, Column, Profile, SampleType
from plopi.viewer.analysis.columns import Ints, column, group_by_key
from plopi.viewer.analysis.lenses.merging import Member, Merging, NamedFunctions
from plopi.viewer.analysis.lenses.tables import stored


@dataclass(frozen=True)
class Joined:
    """One profile of several; ``functions``: for each of them, where its functions went. ``merging``: where all else went, and
    how it goes on (None for dumps)."""

    profile: Profile
    functions: list[Ints]
    merging: Merging | None = None


def merge(profiles: Sequence[Profile], names: Sequence[str], known: Profile | None = None) -> Profile:
    """One profile of several: see ``joined``."""
    return joined(profiles, names, known).profile


def joined(
    profiles: Sequence[Profile], names: Sequence[str], known: Profile | None = None, merging: Merging | None = None
) -> Joined:
    """One profile of several, called ``names``. Functions of ``known``, an earlier merge of the same, keep their ids.

    ``merging`` is that of the same profiles when they were shorter (``continues``): then their tables go on. Raises Unanswerable
    for profiles of different shape, or without a sample type in common.
    """
    if len({profile.shape for profile in profiles}) > 1:
        dump = next(name for profile, name in zip(profiles, names) if profile.shape == CALLS)
        raise Unanswerable(
            f"{dump} holds totals of calls and another of these profiles samples of stacks: merge those of one kind."
        )
    types = _types_in_common(profiles, names)
    about = _about(profiles, names, types)
    if profiles[0].shape == CALLS:
        return _joined_calls(profiles, about, known)
    if merging is None:
        called = [str(each.about.pid) if each.about.pid is not None else name for each, name in zip(profiles, names)]
        merging = Merging(called, types, _shifts(profiles), known)
    whole = merging.grow(profiles)
    return Joined(replace(whole, about=about), [member.functions.seen for member in merging.members], merging)


def continues(merging: Merging, profiles: Sequence[Profile]) -> bool:
    """Whether profiles of the same lines are at least as long as they were, and begin when they did."""
    longer = merging.sound and all(member.goes_on(profile) for member, profile in zip(merging.members, profiles))
    return longer and list(merging.shifts) == _shifts(profiles)


def _shifts(profiles: Sequence[Profile]) -> list[int]:
    """Windows stand after the start of the earliest; where a profile does not tell when it began, all are taken to begin
    together."""
    starts = [profile.about.started_ns for profile in profiles]
    known = [each for each in starts if each is not None]
    return [each - min(known) for each in known] if len(known) == len(starts) else [0] * len(starts)


def _types_in_common(profiles: Sequence[Profile], names: Sequence[str]) -> tuple[SampleType, ...]:
    common = tuple(kind for kind in profiles[0].sample_types if all(kind in profile.sample_types for profile in profiles))
    if not common:
        has = "; ".join(f"{name}: {_listed(profile.sample_types)}" for name, profile in zip(names[:4], profiles))
        raise Unanswerable(f"These profiles have no sample type in common ({has}): merge those that count the same.")
    return common


def _listed(types: Sequence[SampleType]) -> str:
    return ", ".join(f"{kind.name} in {kind.unit}" for kind in types) or "none"


def _joined_calls(profiles: Sequence[Profile], about: About, known: Profile | None) -> Joined:
    functions, members = NamedFunctions(), [Member() for _ in profiles]
    if known is not None:
        functions.add(Member(), known)
    for member, profile in zip(members, profiles):
        functions.add(member, profile)
    of = [member.functions.seen for member in members]
    calls = _calls(profiles, of, len(functions.table))
    return Joined(replace(profiles[0], strings=functions.strings, functions=functions.table, about=about, calls=calls), of)


def _calls(profiles: Sequence[Profile], of: Sequence[Ints], count: int) -> Calls:
    tables = [profile.calls for profile in profiles if profile.calls is not None]
    if len(tables) < len(profiles):
        raise PlopiError("One of these profiles says that it holds calls and holds none: read it again.")
    ends = [np.concatenate([went[column(getattr(t, end))] for t, went in zip(tables, of)]) for end in ("caller", "callee")]
    keys, rows = group_by_key(ends[0] * count + ends[1])

    def by_function(name: str) -> Column:
        sums = np.zeros(count, dtype=np.int64)
        for table, went in zip(tables, of):
            np.add.at(sums, went, column(getattr(table, name)))
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
