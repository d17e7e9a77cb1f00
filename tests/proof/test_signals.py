"""No SIGTERM, SIGCHLD, SIGINT or SIGUSR1 is lost to asyncio or uvloop under the highest rate, and nothing is said on stderr."""

from __future__ import annotations

from tests.proof import signals
from tests.proof.outcome import held

EACH = 100


def test_every_signal_arrives() -> None:
    outcome = signals.run(0, EACH, longest=0.02)
    held(outcome)
    for kind in signals.SIGNALS:
        assert sum(count for what, count in outcome.counts.items() if what.startswith(kind.name)) % EACH == 0
    assert outcome.counts.total() >= len(signals.SIGNALS) * EACH
