"""One build of the native engine for each Python."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from targets import Built, Target, build, lacks, targets

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
