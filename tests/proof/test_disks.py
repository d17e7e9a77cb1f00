"""kill -9 at any moment and at every system call of a recording, and every error that a disk may answer with: nothing corrupt is
to be seen, nothing that was written is lost, no temporary file stays; the program ends as it would, and one line says why."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.proof import disks
from tests.proof.outcome import held
from tests.proof.writers import judge_recording, writers

KILLS, CALLS = 2000, 200


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
    for writer in writers():  # each, and recordings early and late
        assert any(what.startswith(f"killed at random: {writer.name}") for what in outcome.counts)
    assert len([what for what in outcome.counts if "recording of 4" in what]) > 3


def test_killed_at_every_system_call(tmp_path: Path, strace: None) -> None:
    outcome = disks.run("calls", 0, 0, tmp_path)
    held(outcome)
    killed = {what: count for what, count in outcome.counts.items() if what.startswith("killed at a system call")}
    assert sum(killed.values()) > CALLS
    for call in ("openat", "write", "fsync", "link", "rename", "unlink"):
        assert any(what.endswith(call) for what in killed)


def test_every_call_may_answer_with_an_error(tmp_path: Path, strace: None) -> None:
    outcome = disks.run("errors", 0, 0, tmp_path)
    held(outcome)
    assert sum(count for what, count in outcome.counts.items() if what.startswith("errors injected")) > 300


def test_full_disks(tmp_path: Path) -> None:
    held(disks.run("full", 0, 0, tmp_path))


def test_the_judge_would_notice(tmp_path: Path) -> None:
    (tmp_path / "lost.pb.part").write_bytes(b"")
    (tmp_path / ".plopi-x.1.tmp").mkdir()  # what no sweep takes away
    faults = list(judge_recording(4, tmp_path, b".."))
    assert len(faults) == 3
    assert [fault.split()[0] for fault in faults] == ["lost.pb.part", "2", ".plopi-x.1.tmp"]


def test_other_judges_would_notice(tmp_path: Path) -> None:
    """What each of them says of an empty folder after all that was acknowledged, and of rubbish under the right name."""
    for number, writer in enumerate(writers()):
        folder = tmp_path / str(number)
        assert list(writer.judge(folder, b"." * writer.steps)), writer.name
        reader, acknowledge = os.pipe()
        writer.work(folder, acknowledge)
        os.close(acknowledge)
        with open(reader, "rb") as told:
            assert told.read() == b"." * writer.steps
        assert not list(writer.judge(folder, b"." * writer.steps)), writer.name
        for path in folder.iterdir():
            path.write_bytes(path.read_bytes()[:-1])
        assert list(writer.judge(folder, b"." * writer.steps)), writer.name
