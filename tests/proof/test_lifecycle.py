"""A sample of all (ending, CPython, clock, engine): status, stdout and stderr are those of plain ``python``."""

from __future__ import annotations

from pathlib import Path

from tests.proof import lifecycle
from tests.proof.outcome import held

CASES = 40


def test_programs_end_as_they_would(tmp_path: Path) -> None:
    outcome = lifecycle.run_some(0, CASES, tmp_path)
    held(outcome)
    assert outcome.counts.total() == CASES
