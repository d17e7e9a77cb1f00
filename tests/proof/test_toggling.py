"""After many starts and stops with busy threads: descriptors, threads, timers, handlers, wakeup descriptor, recursion limit and
the identity of ``os.execv`` are as before, and memory is flat."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.proof import toggling
from tests.proof.outcome import held

IN_PROCESS, OVER_HTTP = 5000, 60


def test_in_process(tmp_path: Path) -> None:
    outcome = toggling.run("process", IN_PROCESS, tmp_path)
    held(outcome)
    assert outcome.counts.total() == IN_PROCESS


@pytest.mark.parametrize("kind", ["tornado", "wsgi", "asgi"])
def test_over_http(kind: str, tmp_path: Path) -> None:
    outcome = toggling.run(kind, OVER_HTTP, tmp_path)
    held(outcome)
    assert outcome.counts.total() == OVER_HTTP
