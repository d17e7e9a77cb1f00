"""Whatever happens meanwhile, what a collector said to be written is listed, once and whole."""

from __future__ import annotations

from pathlib import Path

from tests.proof import chaos
from tests.proof.outcome import held


def test_what_was_acknowledged_is_listed_once_with_its_sum(tmp_path: Path) -> None:
    outcome = chaos.run(0, 180, 8, tmp_path)
    held(outcome)
    for what in ("profiles acknowledged", "collectors killed", "collectors stopped", "viewers killed"):
        assert outcome.counts[what], outcome.counts
