"""Whatever bytes a file holds: its reader lives, answers with a profile or a ``FormatError``, soon, and does not grow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.proof import fuzz
from tests.proof.outcome import held

MUTANTS, MADE = 60_000, 2_000


@pytest.mark.parametrize("kind", fuzz.READERS)
def test_files_that_nobody_wrote(kind: str, tmp_path: Path) -> None:
    outcome = fuzz.run(0, MUTANTS, MADE, tmp_path, (kind,))
    held(outcome)
    for how in ("mutant", "made"):  # both ends of the reader were seen
        assert outcome.counts[f"{kind}, {how}: read"] and outcome.counts[f"{kind}, {how}: refused"], outcome.counts
    assert outcome.counts.total() == MUTANTS + MADE


def test_a_reader_that_dies_is_found(tmp_path: Path) -> None:
    """The programme itself must notice: a kind that the process does not know ends it."""
    outcome = fuzz.run(0, 10, 0, tmp_path, ("no such kind",))
    assert len(outcome.findings) == 1 and "died" in outcome.findings[0]
