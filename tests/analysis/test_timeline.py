"""Weight by stretch of time, against adding up samples one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from plopi.model import CPU, NONE, SAMPLES, Profile, ProfileBuilder
from plopi.viewer.analysis.timeline import MOST_THREADS, timeline

SECOND = 1_000_000_000


def recording(windows: list[tuple[int, int]], samples: list[tuple[int, int, int]], threads: int = 3) -> Profile:
    """Windows as (start, length), samples as (window, thread, weight); either may be NONE."""
    rows = ProfileBuilder((SAMPLES, CPU))
    stack = rows.stack_of([rows.location_id(rows.function_id("work", "a.py", 1), 1)])
    for thread in range(threads):
        rows.thread_id(f"thread {thread}", thread + 1)
    ids = [rows.add_window(start, length) for start, length in windows]
    for window, thread, weight in samples:
        rows.add_sample(stack, (1, weight), thread, ids[window] if window != NONE else NONE)
    return rows.build()


@st.composite
def recordings(draw: st.DrawFn) -> Profile:
    length = draw(st.sampled_from([1, 7, SECOND]))
    places = sorted(draw(st.sets(st.integers(0, 40), min_size=1, max_size=12)))
    sample = st.tuples(st.integers(-1, len(places) - 1), st.integers(-1, 2), st.integers(0, 10**9))
    return recording([(place * length, length) for place in places], draw(st.lists(sample, max_size=30)))


@given(recordings(), st.integers(1, 20), st.none() | st.integers(0, 2))
def test_every_sample_is_in_the_bucket_of_its_window(profile: Profile, most: int, thread: int | None) -> None:
    found = timeline(profile, 1, thread, most)
    assert found is not None
    start, length = found.start.tolist(), found.length.tolist()
    assert 1 <= len(start) <= most
    assert [0, *(a + b for a, b in zip(start, length))][:-1] == start  # one after the other, without a gap
    ends = [a + b for a, b in zip(profile.windows.start, profile.windows.length)]
    assert start[-1] + length[-1] == max(ends)
    expected, untimed = [0] * len(start), 0
    by_thread: dict[int, int] = {}
    for window, of, weight in zip(profile.samples.window, profile.samples.thread, profile.samples.weights[1]):
        if thread is not None and of != thread:
            continue
        if window == NONE:
            untimed += weight
            continue
        (bucket,) = [i for i, at in enumerate(start) if at <= profile.windows.start[window] < at + length[i]]
        assert ends[window] <= start[bucket] + length[bucket], "windows are not split"
        expected[bucket] += weight
        by_thread[of] = by_thread.get(of, 0) + weight
    assert (found.weight.tolist(), found.untimed) == (expected, untimed)
    assert {row.thread: row.weight for row in found.threads} == {None if t < 0 else t: w for t, w in by_thread.items()}
    assert all(int(row.weights.sum()) == row.weight for row in found.threads)
    assert [row.weight for row in found.threads] == sorted((row.weight for row in found.threads), reverse=True)


def test_windows_of_one_length_have_a_bucket_each_where_there_is_room() -> None:
    profile = recording([(0, SECOND), (2 * SECOND, SECOND)], [(0, 0, 3), (1, 0, 4), (1, 1, 5)])
    found = timeline(profile, 1, None, 600)
    assert found is not None
    assert found.start.tolist() == [0, SECOND, 2 * SECOND]
    assert found.weight.tolist() == [3, 0, 9]
    assert [(row.thread, row.weights.tolist()) for row in found.threads] == [(0, [3, 0, 4]), (1, [0, 0, 5])]


def test_many_threads_are_cut_to_the_heaviest_and_the_rest() -> None:
    profile = recording([(0, SECOND)], [(0, thread, thread + 1) for thread in range(30)], threads=30)
    found = timeline(profile, 1, None, 10)
    assert found is not None
    assert [row.thread for row in found.threads] == [*range(29, 10, -1), None]
    assert len(found.threads) == MOST_THREADS
    assert (found.threads[-1].others, found.threads[-1].weight) == (11, sum(range(1, 12)))


def test_without_windows_there_is_no_timeline() -> None:
    assert timeline(recording([], []), 1, None, 10) is None
