"""Some modules of other people's tests: each test ends the same with plopi at 1 kHz as without it."""

from __future__ import annotations

from tests.proof import suites
from tests.proof.outcome import held


def test_other_peoples_tests_do_not_notice() -> None:
    outcome = suites.run(suites.CPYTHON, suites.TORNADO)
    held(outcome)
    assert sum(count for what, count in outcome.counts.items() if "tornado" in what) > 50
