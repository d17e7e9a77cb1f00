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
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from plopi.errors import Unanswerable, UsageError
from plopi.model import CALLS, SAMPLES, Profile, Samples
from plopi.viewer.analysis.call_graph import Numbers, Part, Selection, Structure, calls_of, numbers_of
from plopi.viewer.analysis.columns import Floats, Ints, Mask, column
from plopi.viewer.analysis.derived import Derived, totals_of
from plopi.viewer.analysis.flame import Forest
from plopi.viewer.analysis.index import Index, Weighed
from plopi.viewer.analysis.lenses.filters import with_samples
from plopi.viewer.analysis.lenses.merge import Joined, joined
from plopi.viewer.analysis.lenses.tables import stored
from plopi.viewer.analysis.packages import Packages
from plopi.viewer.analysis.prepared import edges_of_dump

WIDTH = 1.96
"""Standard deviations to either side that hold 95 % of a normal distribution."""
KEPT_SIDES = 4


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

    def __init__(self, subject: Numbers, base: Numbers, of: Index) -> None:
        super().__init__(_summed(subject, base), of)
        self._subject, self._base = subject, base
        self._rank_of = of

    @cached_property
    def forest(self) -> Forest:
        return Forest(self._subject, self._rank_of.name_rank, self._base)


class Comparison(Derived):
    """The index of a subject beside its base. ``profile`` is the subject's over the tables of both; ``weighed`` is of both."""

    base_id = base_name = base_revision = ""
    """What the base is called, for whoever shows it."""

    def __init__(self, subject: Index, base: Index, names: tuple[str, str], normalised: bool = True) -> None:
        """``names`` are for messages. Raises Unanswerable where the two cannot be compared."""
        _refuse_unlike(subject.profile, base.profile, names)
        whole = joined([subject.profile, base.profile], names)
        ours, theirs = _apart(whole, [subject.profile, base.profile], names)
        super().__init__(ours, _chosen(_totals(subject), subject.profile, ours), _bounds(whole, [subject, base]))
        self.base_profile = theirs
        self._base_totals = _chosen(_totals(base), base.profile, ours)
        self._names, self._base_names = _numbered_names(subject.profile), _numbered_names(base.profile)
        unnamed = int((column(base.profile.samples.thread) < 0).any())
        self._first_of_base = len(whole.profile.threads) - len(base.profile.threads) - unnamed
        self._normalised = normalised
        self._sides: dict[Selection, Sides] = {}
        self._comparing = threading.RLock()
        self.packages = _packages(whole, [subject, base])

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
        thread, kind = selection.thread, replace(selection, thread=None)
        if self.profile.shape == CALLS:
            scale = self._scale(int(self.totals[0].sum()), int(self._base_totals[0].sum()))
            ours = numbers_of(self.profile, self.structure, kind)
            theirs = scaled(numbers_of(self.base_profile, self._base_structure, kind), scale)
            return Sides(ours, theirs, _Both(ours, theirs, self), scale, None)
        before = np.arange(self._base_totals.shape[1]) if thread is None else self._matching_threads(thread)
        total = self.totals[selection.type]
        scale = self._scale(
            int(total.sum() if thread is None else total[thread]), int(self._base_totals[selection.type][before].sum())
        )
        left = self.profile if thread is None else _of_threads(self.profile, np.array([thread]))
        right = self.base_profile if thread is None else _of_threads(self.base_profile, before + self._first_of_base)
        ours, raw = (numbers_of(profile, self.structure, kind) for profile in (left, right))
        theirs = scaled(raw, scale)
        sizes = effective_size(left, selection.type), effective_size(right, selection.type)
        chance = Chance((ours.total, theirs.total), sizes, self._normalised)
        return Sides(ours, theirs, _Both(ours, theirs, self), scale, chance, None if thread is None else self._namesake(thread))

    @cached_property
    def _base_structure(self) -> Structure:
        """Of a dump the structure holds the weights of edges."""
        return replace(self.structure, dump=edges_of_dump(self.base_profile)[1])

    def _scale(self, ours: int, theirs: int) -> float:
        return ours / theirs if self._normalised and ours > 0 and theirs > 0 else 1.0

    def _matching_threads(self, thread: int) -> Ints:
        """The base's thread of the same name, or of several the one at the same place."""
        if thread >= len(self._names):
            raise UsageError(f"thread={thread} is not a thread of the subject: give a number from 0 to {len(self._names) - 1}.")
        name, place = self._names[thread]
        if (name, place) not in self._base_names:
            there = sum(other == name for other, _ in self._base_names)
            has = f"only {there} threads" if there > 1 else "only one thread" if there else "no thread"
            raise Unanswerable(f"The base has {has} {name!r} to compare with: compare all threads, or take another base.")
        return np.array([self._base_names.index((name, place))], dtype=np.int64)

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
        tuple(Part(p.stacks, p.own + q.own, p.subtree + q.subtree) for p, q in zip(a.parts, b.parts)),
    )


def _refuse_unlike(subject: Profile, base: Profile, names: Sequence[str]) -> None:
    if subject.shape != base.shape:
        dump = names[0] if subject.shape == CALLS else names[1]
        raise Unanswerable(f"{dump} holds totals of calls and the other one samples of stacks: compare two of one kind.")
    if not any(kind in base.sample_types for kind in subject.sample_types):
        ours, theirs = (", ".join(f"{k.name} in {k.unit}" for k in p.sample_types) or "none" for p in (subject, base))
        raise Unanswerable(f"{names[0]} counts {ours} and {names[1]} {theirs}: compare profiles that count the same.")


def _apart(whole: Joined, profiles: Sequence[Profile], names: tuple[str, str]) -> tuple[Profile, Profile]:
    """Each side over the tables of both: the samples of one alone, or the calls with nothing of the other."""
    if whole.profile.shape == CALLS:
        first, second = profiles
        ours, theirs = joined([first, _nothing_of(second)], names), joined([_nothing_of(first), second], names)
        return ours.profile, theirs.profile
    count = len(profiles[0].samples)
    rows = np.arange(len(whole.profile.samples), dtype=np.int64)
    return with_samples(whole.profile, rows[:count]), with_samples(whole.profile, rows[count:])


def _nothing_of(profile: Profile) -> Profile:
    calls = calls_of(profile)
    zeros = {
        name: stored(np.zeros(len(getattr(calls, name)), dtype=np.int64))
        for name in ("calls", "primitive", "self", "cum", "edge_calls", "edge_primitive", "edge_self", "edge_cum")
    }
    return replace(profile, calls=replace(calls, **zeros))


def _of_threads(profile: Profile, threads: Ints) -> Profile:
    samples: Samples = profile.samples
    return with_samples(profile, np.flatnonzero(np.isin(column(samples.thread), threads)))


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
    return about.totals if isinstance(about, Derived) else totals_of(about.profile)


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
        if isinstance(side, Derived) and side.bounds is not None:
            bounds[of] |= side.bounds
    return bounds if bounds.any() else None
