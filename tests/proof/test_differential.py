"""Of made and real files plopi reads what marshal, ``pstats.Stats``, the protobuf package, ``literal_eval`` and json read."""

from __future__ import annotations

from pathlib import Path

from tests.proof import differential
from tests.proof.outcome import held

FILES = 900


def test_readers_agree_with_others(tmp_path: Path) -> None:
    outcome = differential.run(0, FILES, tmp_path)
    held(outcome)
    assert outcome.counts["cProfile"] and outcome.counts["marshal"] > FILES // 4
    assert outcome.counts.total() > 5 * FILES


def test_a_difference_would_be_seen() -> None:
    entry = (1, 2, 3, 4, {"caller": (1, 1, 1, 1)})
    assert differential.alike({"f": entry}, {"f": (1, 2, 4, 4, {"caller": (1, 1, 1, 1)})})
    for other in ((1, 3, 3, 4, entry[4]), (1, 2, 5, 4, entry[4]), (1, 2, 3, 4, {}), (1, 2, 3, 4, {"caller": (1, 2, 1, 1)})):
        assert not differential.alike({"f": entry}, {"f": other})
