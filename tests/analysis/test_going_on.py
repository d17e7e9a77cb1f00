"""What is seen of recordings that grow (merged, compared, through a lens) goes on from what it was, and says the same as anew."""

from __future__ import annotations

import gc
import weakref
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plopi.model import CPU, NONE, SAMPLES, About, Profile, ProfileBuilder
from plopi.viewer import payloads
from plopi.viewer.analysis import Index, index
from plopi.viewer.analysis.call_graph import Selection
from plopi.viewer.analysis.derived import merged, through
from plopi.viewer.analysis.diff import Comparison
from plopi.viewer.analysis.lenses import Lens, tries
from plopi.viewer.analysis.segments import grown
from plopi.viewer.payloads.flame import Asked
from plopi.viewer.view import View

NAMES = ["one", "two"]
FILES = ["/srv/app/web/views.py", "/srv/app/web/forms.py", "/srv/app/core.py", "/usr/lib/python3/site-packages/flask/app.py"]
LENSES = [
    Lens(hide=("f1",)),
    Lens(by="module"),
    Lens(by="package"),
    Lens(by="line"),
    Lens(collapse=("flask",)),
    Lens(focus=("f2",), hide=("f3", "f0"), collapse=("flask",), by="line"),
    Lens(time=(0, 2), ignore=("f4",), by="module"),
    Lens(focus=("f1",)),
]

paths = st.lists(st.tuples(st.integers(0, 7), st.integers(1, 2)), max_size=7)
samples = st.tuples(paths, st.integers(-1, 1), st.integers(1, 10**6))
steps = st.lists(st.lists(samples, max_size=5), min_size=2, max_size=5)
Steps = list[list[tuple[list[tuple[int, int]], int, int]]]


def recording(steps: Steps, pid: int) -> Iterator[Profile]:
    """As it is after each step, one window each. All tables grow: nothing is there before it is needed, but ``flask``."""
    rows = ProfileBuilder((SAMPLES, CPU), About(pid=pid, complete=False, started_ns=pid * 10))
    rows.location_id(rows.function_id("f3", FILES[3], 3), 1)
    for number, step in enumerate(steps):
        window = rows.add_window(number, 1)
        for path, thread, weight in step:
            stack = NONE
            for function, line in path:
                place = rows.location_id(rows.function_id(f"f{function}", FILES[function % 4], function), line)
                stack = rows.stack_id(stack, place)
            which = NONE if thread < 0 else rows.thread_id(f"thread{thread}", thread)
            rows.add_sample(stack, (1, weight), which, window)
        yield rows.build()


def followed(steps: Steps, pid: int) -> Iterator[tuple[Index, Index]]:
    """The index of a recording that grows, and of the same read anew."""
    about = None
    for profile in recording(steps, pid):
        about = index(profile) if about is None else grown(about, profile)
        yield about, index(profile)


def said(about: Index, selection: Selection) -> object:
    """All numbers, by names of functions."""
    return spelled(about, about.weighed(selection).numbers)


def spelled(about: Index, numbers: object) -> tuple[object, ...]:
    names = [
        (about.profile.function_name(row), about.profile.function_file(row), int(about.profile.functions.line[row]))
        for row in range(len(about.profile.functions))
    ]
    structure = numbers.structure  # type: ignore[attr-defined]
    own, cum, edges = Counter(), Counter(), Counter()  # type: ignore[var-annotated]
    for row, name in enumerate(names):
        own[name] += int(numbers.self[row])  # type: ignore[attr-defined]
        cum[name] += int(numbers.cum[row])  # type: ignore[attr-defined]
    for caller, callee, weight in zip(structure.caller, structure.callee, numbers.edge):  # type: ignore[attr-defined]
        edges[names[caller], names[callee]] += int(weight)
    return numbers.total, numbers.samples, +own, +cum, +edges  # type: ignore[attr-defined]


def belonging(about: Index) -> dict[str, str]:
    """Where the functions that are seen belong."""
    cum = about.weighed(Selection()).numbers.cum
    return {about.profile.function_name(row): about.packages.package_of(row) for row in np.flatnonzero(cum).tolist()}


def threads(profile: Profile) -> dict[str, int]:
    return {profile.thread_name(row): row for row in range(len(profile.threads))}


def in_time(profile: Profile) -> Counter[int]:
    """Weights by the start of their window."""
    found: Counter[int] = Counter()
    for window, weight in zip(profile.samples.window, profile.samples.weights[1]):
        found[int(profile.windows.start[window])] += int(weight)
    return found


@settings(max_examples=30)
@given(steps, st.sampled_from(LENSES))
def test_through_a_lens(steps: Steps, lens: Lens) -> None:
    left = None
    for plain, anew in followed(steps, 1):
        left, whole = through(plain, lens, left), through(anew, lens)
        for selection in (Selection(1), Selection(1, 0)):
            assert said(left, selection) == said(whole, selection)
        assert belonging(left) == belonging(whole)
        view = View(type=1, lens=lens)
        assert payloads.graph(left, view)["filters"] == payloads.graph(whole, view)["filters"]


@settings(max_examples=20)
@given(steps, steps, st.sampled_from([Lens(), *LENSES]))
def test_merged(first: Steps, second: Steps, lens: Lens) -> None:
    plain = seen = None
    for one, two in zip(followed(first, 1), followed(second, 2)):
        members = [each[0] for each in (one, two)]
        plain = merged(members, NAMES, plain)
        seen = through(plain, lens, seen)
        whole = through(merged([each[1] for each in (one, two)], NAMES), lens)
        assert said(seen, Selection(1)) == said(whole, Selection(1))
        assert set(threads(seen.profile)) == set(threads(whole.profile))
        for name, row in threads(seen.profile).items():
            assert said(seen, Selection(0, row)) == said(whole, Selection(0, threads(whole.profile)[name]))
        assert in_time(seen.profile) == in_time(whole.profile)


@settings(max_examples=20)
@given(steps, steps, st.sampled_from([Lens(), *LENSES]), st.booleans())
def test_compared(first: Steps, second: Steps, lens: Lens, normalised: bool) -> None:
    before = None
    sides: list[Index | None] = [None, None]
    for both in zip(followed(first, 1), followed(second, 2)):
        sides = [through(plain, lens, left) for (plain, _), left in zip(both, sides)]
        before = Comparison(sides[0], sides[1], ("one", "two"), normalised, before)  # type: ignore[arg-type]
        whole = Comparison(*(through(anew, lens) for _, anew in both), ("one", "two"), normalised)
        shared = set(threads(both[0][0].profile)) & set(threads(both[1][0].profile))
        for selection in (Selection(1), *(Selection(1, threads(both[0][0].profile)[name]) for name in sorted(shared))):
            now, anew = before.sides(selection), whole.sides(selection)
            assert spelled(before, now.subject) == spelled(whole, anew.subject)
            assert spelled(before, now.base) == spelled(whole, anew.base)
            assert spelled(before, now.both.numbers) == spelled(whole, anew.both.numbers)
            assert (now.scale, now.chance) == (anew.scale, anew.chance)
        assert belonging(before) == belonging(whole)


def calm(count: int, per: int = 20) -> Steps:
    """Steps of one program that goes on doing the same."""
    path = [(function % 8, 1) for function in range(12)]
    return [[(path[: 1 + (step + row) % 12], 0, 5) for row in range(per)] for step in range(count)]


def made(steps: Steps, kind: str) -> Iterator[Index]:
    found = None
    for (one, _), (two, _) in zip(followed(steps, 1), followed(steps, 2)):
        if kind == "merge":
            found = merged([one, two], NAMES, found)
        elif kind == "diff":
            found = Comparison(one, two, ("one", "two"), True, found)
        else:
            found = through(one, Lens(hide=("f1",), by="module"), found)
        yield found


@pytest.mark.parametrize("kind", ["merge", "diff", "lens"])
def test_only_what_came_is_looked_at(kind: str) -> None:
    looked_at: list[int] = []
    real = tries.Branch.grow

    def counting(self: tries.Branch, trie: tries.Trie, parent: object, *rest: object) -> None:
        looked_at.append(len(parent))  # type: ignore[arg-type]
        real(self, trie, parent, *rest)  # type: ignore[arg-type]

    with mock.patch.object(tries.Branch, "grow", counting):
        profiles = [about.profile for about in made(calm(10), kind)]
    assert sum(looked_at) == sum(looked_at[:2]), "all stacks are there after the first step"
    assert all(
        longer.samples.weights[0][: len(shorter.samples)].tolist() == shorter.samples.weights[0].tolist()  # type: ignore[attr-defined]
        for shorter, longer in pairwise(profiles)
    )


@pytest.mark.parametrize("kind", ["merge", "diff", "lens"])
def test_nothing_is_left_of_the_moments_that_went_by(kind: str) -> None:
    before = sum(isinstance(each, Index) for each in gc.get_objects())
    last = None
    for last in made(calm(60), kind):
        last.weighed(Selection(1))
    gc.collect()
    assert last is not None
    kept = sum(isinstance(each, Index) for each in gc.get_objects()) - before
    assert kept < 40, f"{kept} indexes stand for what was seen of 60 moments"


GROWS: list[list[tuple[list[tuple[int, int]], int, int]]] = [[([(0, 1), (1, 1), (step % 8, 1)], 0, 5)] for step in range(4)]
MADE_OF = {
    "the recording": lambda one, _two, _before: one,
    "a merge": lambda one, two, before: merged([one, two], NAMES, before),
    "a comparison": lambda one, two, before: Comparison(one, two, ("one", "two"), True, before),
    "what is focused on": lambda one, _two, before: through(one, Lens(focus=("f1",)), before),
    "what is hidden": lambda one, _two, before: through(one, Lens(hide=("f1",)), before),
}


@pytest.mark.parametrize("what", MADE_OF)
def test_what_was_seen_before_goes_at_once(what: str) -> None:
    """Not when cycles are looked for, which the viewer seldom does: by then there would be a hundred of them."""
    asked = Asked.parse({})
    view = View(type=1)
    gc.collect()
    gc.disable()
    try:
        made, gone = None, []
        for (one, _), (two, _) in zip(followed(GROWS, 1), followed(GROWS, 2)):
            made = MADE_OF[what](one, two, made)
            payloads.graph(made, view)
            payloads.table(made, view)
            payloads.flame(made, view, asked)
            gone.append(weakref.ref(made.weighed(Selection(1)).numbers))
        assert [seen() is None for seen in gone] == [True] * (len(gone) - 1) + [False]
    finally:
        gc.enable()
