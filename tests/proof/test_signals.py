"""No SIGTERM, SIGCHLD, SIGINT or SIGUSR1 is lost to asyncio or uvloop under the highest rate, and nothing is said on stderr."""

from __future__ import annotations

import sys
from signal import SIGCHLD, SIGTERM, SIGURG
from subprocess import PIPE, Popen

from tests.proof import signals
from tests.proof.outcome import held

EACH = 10_000


def test_every_signal_arrives() -> None:
    """``EACH`` of each kind to each engine and loop that are here, but for what a loop keeps to itself."""
    outcome = signals.run(0, EACH, longest=0.02)
    held(outcome)
    arrived = {what: count for what, count in outcome.counts.items() if what.startswith(signals.NAMES)}
    assert set(arrived.values()) == {EACH}, arrived
    assert {what.partition(":")[0] for what in arrived} == set(signals.NAMES)


def test_a_lost_signal_and_one_too_many_would_be_seen() -> None:
    says = f"import os, time; os.write(1, bytes(({int(SIGCHLD)}, {int(SIGCHLD)}, {int(SIGTERM)}))); os.close(1); time.sleep(60)"
    with Popen([sys.executable, "-c", says], stdout=PIPE, bufsize=0) as program:
        told = list(signals.acknowledged(program, [(SIGCHLD, SIGURG)]))
        program.kill()
    one_too_many = f"{int(SIGTERM)} was acknowledged and not sent"
    assert told == ["SIGCHLD", signals.MAY_BE_TWICE, one_too_many, "SIGURG of batch 0 was lost"]
