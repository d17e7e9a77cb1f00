"""A filtered recording that grows says what one filtered as a whole says, and looks at its old samples once."""

from __future__ import annotations

from unittest import mock

import pytest
from drawing import stacks_of
from hypothesis import given
from hypothesis import strategies as st
from profiles import large_stacks, stacks_profiles
from schema import check_graph, check_table
from test_segments import first

from plopi.model import Profile
from plopi.viewer import payloads
from plopi.viewer.analysis import Index, derived, index
from plopi.viewer.analysis.call_graph import Selection
from plopi.viewer.analysis.derived import Filtered, through
from plopi.viewer.analysis.lenses import Lens
from plopi.viewer.analysis.segments import Segmented, grown
from plopi.viewer.view import View

LENSES = [
    Lens(focus=("f1",)),
    Lens(ignore=("f2",)),
    Lens(focus=("f1|f3", "f0"), ignore=("f4",)),
    Lens(hide=("f1",)),
    Lens(by="module"),
]


def followed(profile: Profile, cuts: list[int], lens: Lens) -> tuple[Index, Index]:
    """The recording and what the lens left of it, looked at after each cut."""
    plain = index(first(profile, cuts[0]))
    left = through(plain, lens)
    for cut in [*cuts[1:], len(profile.samples)]:
        plain = grown(plain, first(profile, cut) if cut < len(profile.samples) else profile)
        left = through(plain, lens, left)
    return plain, left


@given(
    stacks_profiles().flatmap(
        lambda profile: st.tuples(
            st.just(profile), st.lists(st.integers(0, len(profile.samples)), min_size=1, max_size=5).map(sorted)
        )
    ),
    st.sampled_from(LENSES),
    st.sampled_from([None, 0, 1]),
)
def test_filtered_bit_by_bit_is_filtered_as_a_whole(case: tuple[Profile, list[int]], lens: Lens, thread: int | None) -> None:
    profile, cuts = case
    _, left = followed(profile, cuts, lens)
    whole = through(index(profile), lens)
    assert stacks_of(left.profile) == stacks_of(whole.profile)
    one, several = (about.weighed(Selection(1, thread)).numbers for about in (whole, left))
    assert (several.total, several.samples) == (one.total, one.samples)
    assert several.self.tolist() == one.self.tolist()
    assert several.cum.tolist() == one.cum.tolist()
    view = View(type=1, thread=thread, lens=lens)
    assert payloads.graph(left, view)["filters"] == payloads.graph(whole, view)["filters"]
    check_graph(payloads.graph(left, view))
    check_table(payloads.table(left, view))


def test_old_samples_are_not_looked_at_again() -> None:
    profile, lens = large_stacks(20_000, functions=200), Lens(ignore=("method7",))
    count = len(profile.samples)
    plain = index(first(profile, count - 20))
    left = through(plain, lens)
    looked_at = []

    def counting(part: Profile, *rest: object) -> object:
        looked_at.append(len(part.samples))
        return real(part, *rest)

    real = derived.kept_by_stack
    with mock.patch.object(derived, "kept_by_stack", counting):
        for cut in (count - 10, count):
            plain = grown(plain, first(profile, cut))
            left = through(plain, lens, left)
    assert isinstance(plain, Segmented) and isinstance(left, Filtered)
    assert sum(looked_at[1:]) <= 40, "the first look at a growing one is at all of it, then only at what came"


@pytest.mark.parametrize("lens", LENSES)
def test_a_recording_that_did_not_grow_stays_as_it_is(lens: Lens) -> None:
    profile = large_stacks(500, functions=6)
    plain, left = followed(profile, [len(profile.samples) // 2], lens)
    again = through(plain, lens, left)
    assert stacks_of(again.profile) == stacks_of(left.profile)
