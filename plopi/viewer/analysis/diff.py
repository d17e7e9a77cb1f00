"""Two profiles beside each other: the subject ("after") and a base ("before"), over one table of functions and one call tree.

*Scale*: as they are, or the base scaled so that its total (of the same thread and time, before focus, ignore and hide) is the
subject's. Scaled numbers are rounded each for itself.

*Noise*: what chance alone makes of a number when nothing changed. A profile of weights w is worth ``n = (sum w)^2 / sum w^2``
equal samples (a row of k equal samples counts as k of ``w / k``). Where the true share of a function is ``p`` on both sides,
estimated from both together, ``p = (x / X * n + y / Y * m) / (n + m)``, its weights differ with variance
``X^2 v / n + Y^2 v / m`` for totals X and Y (scaled); ``v = p (1 - p)`` where the totals are held equal, and ``p`` where they are
not. The band is 1.96 standard deviations to either side: without change about 5 % fall outside. Samples that hang together (one
long call is seen many times) make it too narrow.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from plopi.errors import Unanswerable, UsageError
from plopi.model import CALLS, SAMPLES, Profile
from plopi.viewer.analysis.call_graph import Numbers, Part, Selection, calls_of, numbers_of
from plopi.viewer.analysis.columns import Floats, Ids, Ints, Mask, column
from plopi.viewer.analysis.derived import totals_of
from plopi.viewer.analysis.flame import Forest
from plopi.viewer.analysis.index import Index, Weighed
from plopi.viewer.analysis.lenses.filters import with_samples
from plopi.viewer.analysis.lenses.merge import Joined, continues, joined, merge
from plopi.viewer.analysis.lenses.merging import Merging
from plopi.viewer.analysis.lenses.tables import stored
from plopi.viewer.analysis.packages import Packages
from plopi.viewer.analysis.prepared import edges_of_dump
from plopi.viewer.analysis.search import Texts
from plopi.viewer.analysis.segments import among, going_on, numbers_over, segments_of

WIDTH = 1.96
"""Standard deviations to either side that hold 95 % of a normal distribution."""
KEPT_SIDES = 4

Halves = Mapping[Index, tuple[Index, Index]]
"""By segment: the samples of the subject alone, and those of the base."""


@dataclass(frozen=True)
class Chance:
    """What chance alone makes of any two weights of one selection (see above), by both sides' totals and effective sizes."""

    totals: tuple[int, int]
    sizes: tuple[float, float]
    normalised: bool

    def band(self, x: Ints, y: Ints) -> Ints:
        """Half-widths of the 95 % band around "no change" for weights ``x`` and ``y``; 0 where there are no samples."""
        n, m = self.sizes
        if not (n and m and self.totals[0] and self.totals[1]):
            return np.zeros(len(x), dtype=np.int64)
        share = np.clip((x / self.totals[0] * n + y / self.totals[1] * m) / (n + m), 0.0, 1.0)
        spread: Floats = share * (1.0 - share) if self.normalised else share
        variance = spread * (self.totals[0] ** 2 / n + self.totals[1] ** 2 / m)
        return np.ceil(WIDTH * np.sqrt(variance)).astype(np.int64)


@dataclass(frozen=True)
class Noise:
    """By function: half the width of the band around "no change"."""

    self: Ints
    cum: Ints


@dataclass(frozen=True)
class Namesake:
    """A thread whose name others have, too: ``place`` (from 1) among the ``of`` of the subject, compared with the one at the same
    place among the ``base_of`` of the base."""

    place: int
    of: int
    base_of: int


@dataclass(frozen=True)
class Sides:
    """The numbers of one selection on both sides, of one structure; ``base`` is scaled. ``both`` is their sum, by which is chosen
    what to show. ``chance`` is None for dumps, which are exact, ``thread`` where none was chosen or no other has its name."""

    subject: Numbers
    base: Numbers
    both: Weighed
    scale: float
    chance: Chance | None
    thread: Namesake | None = None

    @cached_property
    def noise(self) -> Noise | None:
        if self.chance is None:
            return None
        ours, theirs = self.subject, self.base
        return Noise(self.chance.band(ours.self, theirs.self), self.chance.band(ours.cum, theirs.cum))


class _Both(Weighed):
    """The sum of both sides; the boxes of a flame have the weight of each."""

    def __init__(self, subject: Numbers, base: Numbers) -> None:
        super().__init__(_summed(subject, base))
        self._subject, self._base = subject, base

    def _plant(self, about: Index) -> Forest:
        return Forest(self._subject, about.name_rank, self._base)


@dataclass(frozen=True)
class _Going:
    """How a comparison goes on: of which lines its sides are, and what was made of them."""

    lines: tuple[object, object]
    merging: Merging
    whole: Index
    halves: Halves


class Comparison(Index):
    """The index of a subject beside its base. ``profile`` is the subject's over the tables of both; ``weighed`` is of both."""

    base_id = base_name = base_revision = ""
    """What the base is called, for whoever shows it."""

    def __init__(
        self, subject: Index, base: Index, names: tuple[str, str], normalised: bool = True, before: Index | None = None
    ) -> None:
        """``names`` are for messages; ``before`` is the comparison of the same two when they were shorter. Raises Unanswerable
        where the two cannot be compared."""
        profiles = [subject.profile, base.profile]
        _refuse_unlike(subject.profile, base.profile, names)
        going = before.going if before is not None and isinstance(before.going, _Going) else None
        if going is not None and (going.lines != (subject.line, base.line) or not continues(going.merging, profiles)):
            going = None
        whole = joined(profiles, names, merging=going.merging if going else None)
        self._whole = going_on(going.whole if going else None, whole.profile)
        self._halves = {} if whole.merging is None else _halves(self._whole, whole.merging.origin, going.halves if going else {})
        ours, theirs = _apart(whole, profiles, names)
        super().__init__(ours)
        self.totals: Ints = _chosen(_totals(subject), subject.profile, ours)
        self.bounds = _bounds(whole, [subject, base])
        self.base_profile = theirs
        self._base_totals = _chosen(_totals(base), base.profile, ours)
        self._names, self._base_names = _numbered_names(subject.profile), _numbered_names(base.profile)
        self._threads = [] if whole.merging is None else [member.threads.seen for member in whole.merging.members]
        self._normalised = normalised
        self._sides: dict[Selection, Sides] = {}
        self._comparing = threading.RLock()
        self.packages = _packages(whole, [subject, base])
        self.structure = self._whole.structure
        if whole.merging is not None and not (subject.profile.about.complete and base.profile.about.complete):
            self.going = _Going((subject.line, base.line), whole.merging, self._whole, self._halves)

    @cached_property
    def texts(self) -> Texts:
        return self._whole.texts

    @cached_property
    def by_name(self) -> Ids:
        return self._whole.by_name

    def weighed(self, selection: Selection) -> Weighed:
        return self.sides(selection).both

    def sides(self, selection: Selection) -> Sides:
        with self._comparing:
            if selection not in self._sides:
                while len(self._sides) >= KEPT_SIDES:
                    del self._sides[next(iter(self._sides))]
                self._sides[selection] = self._compare(selection)
            return self._sides[selection]

    def _compare(self, selection: Selection) -> Sides:
        thread = selection.thread
        if self.profile.shape == CALLS:
            scale = self._scale(int(self.totals[0].sum()), int(self._base_totals[0].sum()))
            ours, theirs = (
                numbers_of(each, replace(self.structure, dump=edges_of_dump(each)[1]), selection)
                for each in (self.profile, self.base_profile)
            )
            theirs = scaled(theirs, scale)
            return Sides(ours, theirs, _Both(ours, theirs), scale, None)
        total, base_total = self.totals[selection.type], self._base_totals[selection.type]
        if thread is None:
            scale = self._scale(int(total.sum()), int(base_total.sum()))
            of = of_base = selection
        else:
            other = self._matching_thread(thread)
            scale = self._scale(int(total[thread]), int(base_total[other]))
            of, of_base = (
                replace(selection, thread=int(went[row])) for went, row in zip(self._threads, (thread, other), strict=True)
            )
        ours, raw = (
            numbers_over([both[side] for both in self._halves.values()], self.structure, each)
            for side, each in enumerate((of, of_base))
        )
        theirs = scaled(raw, scale)
        left, right = _of_thread(self.profile, of.thread), _of_thread(self.base_profile, of_base.thread)
        sizes = effective_size(left, selection.type), effective_size(right, selection.type)
        chance = Chance((ours.total, theirs.total), sizes, self._normalised)
        return Sides(ours, theirs, _Both(ours, theirs), scale, chance, None if thread is None else self._namesake(thread))

    def _scale(self, ours: int, theirs: int) -> float:
        return ours / theirs if self._normalised and ours > 0 and theirs > 0 else 1.0

    def _matching_thread(self, thread: int) -> int:
        """The base's thread of the same name, or of several the one at the same place."""
        if thread >= len(self._names):
            raise UsageError(f"thread={thread} is not a thread of the subject: give a number from 0 to {len(self._names) - 1}.")
        name, place = self._names[thread]
        if (name, place) not in self._base_names:
            there = sum(other == name for other, _ in self._base_names)
            has = f"only {there} threads" if there > 1 else "only one thread" if there else "no thread"
            raise Unanswerable(f"The base has {has} {name!r} to compare with: compare all threads, or take another base.")
        return self._base_names.index((name, place))

    def _namesake(self, thread: int) -> Namesake | None:
        name, place = self._names[thread]
        of, base_of = (sum(other == name for other, _ in names) for names in (self._names, self._base_names))
        return Namesake(place, of, base_of) if max(of, base_of) > 1 else None


def scaled(numbers: Numbers, scale: float) -> Numbers:
    """All weights times ``scale``, each rounded; the very same where that is 1."""
    if scale == 1.0:
        return numbers

    def times(values: Ints) -> Ints:
        rounded: Ints = np.rint(values * scale).astype(np.int64)
        return rounded

    return replace(
        numbers,
        total=round(numbers.total * scale),
        self=times(numbers.self),
        cum=times(numbers.cum),
        edge=times(numbers.edge),
        parts=tuple(Part(part.stacks, times(part.own), times(part.subtree)) for part in numbers.parts),
    )


def effective_size(profile: Profile, kind: int) -> float:
    """How many equal samples the weights of a sample type are worth. Without a count of samples each row is taken for one."""
    weight = column(profile.samples.weights[kind]).astype(np.float64)
    count = np.ones_like(weight)
    if SAMPLES in profile.sample_types:
        count = np.maximum(column(profile.samples.weights[profile.sample_types.index(SAMPLES)]), 1).astype(np.float64)
    squares = float((weight**2 / count).sum())
    return float(weight.sum()) ** 2 / squares if squares else 0.0


def _summed(a: Numbers, b: Numbers) -> Numbers:
    exact = None
    if a.edge_exact is not None or b.edge_exact is not None:
        exact = np.logical_and.reduce([each for each in (a.edge_exact, b.edge_exact) if each is not None])
    return Numbers(
        a.structure,
        a.total + b.total,
        None,
        a.self + b.self,
        a.cum + b.cum,
        a.edge + b.edge,
        exact,
        tuple(_sum_of_parts(p, q) for p, q in zip(a.parts, b.parts)),
    )


def _sum_of_parts(a: Part, b: Part) -> Part:
    """Kept: where nothing is scaled, the parts of old segments stay, and what was worked out of their sum still holds."""
    kept: tuple[Part, Part] | None = a.memo.get("sum")
    if kept is None or kept[0] is not b:
        kept = b, Part(a.stacks, a.own + b.own, a.subtree + b.subtree)
        a.memo.put("sum", kept)
    return kept[1]


def _refuse_unlike(subject: Profile, base: Profile, names: Sequence[str]) -> None:
    if subject.shape != base.shape:
        dump = names[0] if subject.shape == CALLS else names[1]
        raise Unanswerable(f"{dump} holds totals of calls and the other one samples of stacks: compare two of one kind.")
    if not any(kind in base.sample_types for kind in subject.sample_types):
        ours, theirs = (", ".join(f"{k.name} in {k.unit}" for k in p.sample_types) or "none" for p in (subject, base))
        raise Unanswerable(f"{names[0]} counts {ours} and {names[1]} {theirs}: compare profiles that count the same.")


def _apart(whole: Joined, profiles: Sequence[Profile], names: tuple[str, str]) -> tuple[Profile, Profile]:
    """Each side over the tables of both: the samples of one alone, or the calls with nothing of the other."""
    if whole.merging is None:
        first, second = profiles
        return merge([first, _nothing_of(second)], names), merge([_nothing_of(first), second], names)
    ours, theirs = (with_samples(whole.profile, np.flatnonzero(whole.merging.origin == side)) for side in (0, 1))
    return ours, theirs


def _nothing_of(profile: Profile) -> Profile:
    calls = calls_of(profile)
    zeros = {
        name: stored(np.zeros(len(getattr(calls, name)), dtype=np.int64))
        for name in ("calls", "primitive", "self", "cum", "edge_calls", "edge_primitive", "edge_self", "edge_cum")
    }
    return replace(profile, calls=replace(calls, **zeros))


def _of_thread(profile: Profile, thread: int | None) -> Profile:
    return profile if thread is None else with_samples(profile, np.flatnonzero(column(profile.samples.thread) == thread))


def _halves(whole: Index, origin: Ints, known: Halves) -> Halves:
    """The samples of each side by themselves, segment by segment."""
    found = {}
    for segment in segments_of(whole):
        of = origin[segment.first : segment.last]
        found[segment.index] = known.get(segment.index) or (among(segment.index, of == 0), among(segment.index, of == 1))
    return found


def _numbered_names(profile: Profile) -> list[tuple[str, int]]:
    """By thread: its name, and which of that name it is, from 1, in the order in which they were first seen."""
    seen: Counter[str] = Counter()
    found = []
    for row in range(len(profile.threads)):
        name = profile.thread_name(row)
        seen[name] += 1
        found.append((name, seen[name]))
    return found


def _totals(about: Index) -> Ints:
    return totals_of(about.profile) if about.totals is None else about.totals


def _chosen(totals: Ints, before: Profile, after: Profile) -> Ints:
    """The totals of the sample types that are left."""
    return totals[[before.sample_types.index(kind) for kind in after.sample_types]]


def _packages(whole: Joined, sides: Sequence[Index]) -> Packages:
    """Each function where it belongs on the side that has it, the subject's word before the base's."""
    file_row = np.zeros(len(whole.profile.functions), dtype=np.int64)
    subject, base = (side.packages for side in sides)
    file_row[whole.functions[1]] = base.file_row + len(subject.package)
    file_row[whole.functions[0]] = subject.file_row
    return Packages.of((*subject.origins, *base.origins), file_row, lambda: (*subject.modules, *base.modules))


def _bounds(whole: Joined, sides: Sequence[Index]) -> Mask | None:
    bounds = np.zeros(len(whole.profile.functions), dtype=np.bool_)
    for of, side in zip(whole.functions, sides):
        if side.bounds is not None:
            bounds[of] |= side.bounds
    return bounds if bounds.any() else None
