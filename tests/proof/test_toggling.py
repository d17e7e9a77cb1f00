"""After many starts and stops with busy threads: descriptors, threads, timers, handlers, wakeup descriptor, recursion limit and
the identity of ``os.execv`` are as before, and memory is flat."""

from __future__ import annotations

from pathlib import Path

from tests.proof import toggling
from tests.proof.outcome import held

IN_PROCESS, OVER_HTTP, AROUND = 200_000, 2000, 300


def test_in_process(tmp_path: Path) -> None:
    ways = [how for how in toggling.IN_PROCESS if toggling.can(how)]
    outcome = toggling.run_each(dict.fromkeys(ways, IN_PROCESS // len(ways)), tmp_path)
    held(outcome)
    assert outcome.counts.total() == IN_PROCESS


def test_over_http(tmp_path: Path) -> None:
    outcome = toggling.run_each(dict.fromkeys(toggling.SERVERS, OVER_HTTP), tmp_path)
    held(outcome)
    assert outcome.counts.total() == OVER_HTTP * len(toggling.SERVERS)


def test_with_forks_loops_and_greenlets(tmp_path: Path) -> None:
    ways = [how for how in toggling.AROUND if toggling.can(how)]
    outcome = toggling.run_each(dict.fromkeys(ways, AROUND), tmp_path)
    held(outcome)
    assert outcome.counts.total() == AROUND * len(ways)
