"""The native engine touches no memory that is not there, under a storm of signals, by what the sanitizers see."""

from __future__ import annotations

import pytest

from tests.native.stress import SCENARIOS
from tests.proof import sanitized
from tests.proof.outcome import held


def test_the_engine_under_the_sanitizers() -> None:
    if next(sanitized.subjects(), None) is None:
        pytest.skip("gcc has no sanitizers here")
    outcome = sanitized.run(0.5, 1)
    held(outcome)
    assert outcome.counts.total() == len(SCENARIOS)
