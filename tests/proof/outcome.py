"""What a round of an area of the proof programme found out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    counts: Counter[str] = field(default_factory=Counter)
    """How often what was tried, by what it was."""
    findings: tuple[str, ...] = ()
    """One sentence for each fault, with what is needed to see it again."""
    figures: tuple[str, ...] = ()
    """What was measured besides; no judgement depends on it."""

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(self.counts + other.counts, self.findings + other.findings, self.figures + other.figures)


def together(outcomes: Iterable[Outcome]) -> Outcome:
    return sum(outcomes, Outcome())


def held(outcome: Outcome) -> None:
    """For a test: nothing was found, and something was looked at."""
    assert outcome.counts.total(), "nothing was tried"
    assert not outcome.findings, "\n".join(outcome.findings[:20])
