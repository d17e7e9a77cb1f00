"""The common endings under each CPython, clock and engine, and some of all others: status, stdout and stderr are those of plain
``python``."""

from __future__ import annotations

from tests.collector.conftest import interpreters
from tests.proof import lifecycle
from tests.proof.outcome import held

OTHERS = 20


def test_programs_end_as_they_would() -> None:
    outcome = lifecycle.run_common(0, OTHERS)
    held(outcome)
    tried = {what.rpartition(" ")[2] for what in outcome.counts}
    assert tried >= set(interpreters())
    assert min(outcome.counts.values()) >= len(lifecycle.COMMON) >= 16
