"""Work grows with the profile no faster than it must: ten times the rows, not a hundred times the time."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from profiles import large_calls, large_stacks

from plopi.model import Profile
from plopi.viewer import payloads
from plopi.viewer.analysis import index
from plopi.viewer.view import View

MOST = 35
"""Times the small profile's time; what is quadratic takes a hundred times as long, sorting about eleven."""


def seconds(work: Callable[[], object]) -> float:
    """CPU time of the best of three."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def views(profile: Profile) -> None:
    """Every kind of view, nothing kept from before."""
    kept = index(profile)
    view = View.parse({}, profile)
    graph = payloads.graph(kept, view)
    payloads.table(kept, View(type=view.type, q="method1"))
    payloads.table(kept, View(type=view.type, sort="name"))
    for node in graph["nodes"][:3]:
        payloads.function(kept, view, node["id"])


@pytest.mark.parametrize(
    ("small", "large"),
    [
        (lambda: large_stacks(10_000, functions=1_000), lambda: large_stacks(100_000, functions=1_000)),
        (lambda: large_calls(10_000, 30_000), lambda: large_calls(100_000, 300_000)),
    ],
    ids=["stacks", "calls"],
)
def test_ten_times_the_profile_takes_about_ten_times_as_long(small: Callable[[], Profile], large: Callable[[], Profile]) -> None:
    little, much = small(), large()
    assert seconds(lambda: views(much)) < MOST * max(seconds(lambda: views(little)), 0.01)


def test_a_kept_index_answers_again_without_going_over_the_profile() -> None:
    profile = large_stacks(100_000, functions=1_000)
    kept, view = index(profile), View.parse({}, profile)
    first = seconds(lambda: payloads.graph(index(profile), view))
    payloads.graph(kept, view)
    assert seconds(lambda: payloads.graph(kept, view)) < first / 5


def test_the_size_of_an_answer_does_not_depend_on_that_of_the_profile() -> None:
    profile = large_calls(100_000, 300_000)
    kept = index(profile)
    assert len(payloads.graph(kept, View(nodes=80))["nodes"]) <= 80
    assert len(payloads.graph(kept, View(nodes=80))["edges"]) <= 3 * 80 + 2 * 80
    assert len(payloads.table(kept, View(per=50))["rows"]) == 50
    assert len(payloads.function(kept, View(), 0)["callees"]) <= 50
