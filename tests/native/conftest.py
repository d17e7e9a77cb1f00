"""One build of the native engine for each Python."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from targets import FIRST, LAST, Built, Target, build, lacks, targets

TARGETS = list(targets())


@pytest.fixture(scope="session", params=TARGETS or [None], ids=str)
def native(request: pytest.FixtureRequest) -> Iterator[Built]:
    target: Target | None = request.param
    if target is None:
        pytest.skip("no CPython from 3.11 to 3.15 with its headers is here: apt-get install gcc python3-dev")
    missing = lacks(target)
    if missing is not None:
        pytest.skip(missing)
    built = build(target)
    yield built
    shutil.rmtree(built.folder)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    here = {tuple(map(int, target.version.split(".")[:2])) for target in TARGETS}
    left_out = [f"3.{minor}" for minor in range(FIRST[1], LAST[1] + 1) if (3, minor) not in here]
    terminalreporter.write_line(f"native engine: tested on {', '.join(map(str, TARGETS)) or 'no Python'}")
    if left_out:
        terminalreporter.write_line(
            f"native engine: not tested on {', '.join(left_out)}, with headers not here (tests/native/pythons)"
        )
