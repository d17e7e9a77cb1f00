"""kill -9 at any moment and at every system call of a recording, and every error that a disk may answer with: nothing corrupt is
to be seen, nothing that was written is lost, no temporary file stays; the program ends as it would, and one line says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.proof import disks
from tests.proof.outcome import held

KILLS = 1000


@pytest.fixture
def strace() -> None:
    """Where processes may be traced at all; ``tests/run`` brings strace from the distribution."""
    reason = disks.strace_works()
    if reason:
        pytest.skip(reason)


def test_killed_at_random(tmp_path: Path) -> None:
    outcome = disks.run("random", 0, KILLS, tmp_path)
    held(outcome)
    assert outcome.counts.total() == KILLS
    assert len([what for what in outcome.counts if what.startswith("killed at random")]) > 3  # early and late


def test_killed_at_every_system_call(tmp_path: Path, strace: None) -> None:
    outcome = disks.run("calls", 0, 0, tmp_path)
    held(outcome)
    for call in ("openat", "write", "fsync", "link", "rename", "unlink"):
        assert outcome.counts[f"killed at a system call: {call}"]


def test_every_call_may_answer_with_an_error(tmp_path: Path, strace: None) -> None:
    outcome = disks.run("errors", 0, 0, tmp_path)
    held(outcome)
    assert sum(count for what, count in outcome.counts.items() if what.startswith("errors injected")) > 300


def test_full_disks(tmp_path: Path) -> None:
    held(disks.run("full", 0, 0, tmp_path))


def test_the_judge_would_notice(tmp_path: Path) -> None:
    (tmp_path / "lost.pb.part").write_bytes(b"")
    (tmp_path / ".plopi-x.1.tmp").mkdir()  # what no sweep takes away
    faults = list(disks.judged(tmp_path, b".."))
    assert len(faults) == 3
    assert [fault.split()[0] for fault in faults] == ["lost.pb.part", "2", ".plopi-x.1.tmp"]
