"""How the whole suite runs in two processes side by side (``tests/run`` without arguments): in which units and order, and what
runs alone.

What is named to ``tests/run`` runs in one process, as ever.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ALONE = ("tests/proof/test_load.py", "tests/proof/test_follow.py")
"""What needs the machine for itself: a viewer that must get so much done in some seconds beside those who ask it. They
come first, when the others have nothing to end before they wait."""

ORDER = (
    *("tests/proof/test_evil.py", "tests/proof/test_differential.py"),
    *("tests/proof/", "tests/native/", "tests/collector/", "tests/viewer/"),
)
"""Short tests first, for what runs alone may have to wait for those that the others begin with; then the longest, so that the
processes end at about the same time."""


def file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]


def python_of(nodeid: str) -> str | None:
    """The Python that is the target of a test, as far as there is one for each."""
    found = re.match(r"tests/(?:native|collector)/.*\[(3\.\d+[.\w]*)", nodeid)
    return found and found[1]


def unit(nodeid: str) -> str:
    """What stays together: a file, or its tests of one Python, for which the native engine is built once; and what runs alone."""
    return "alone" if file_of(nodeid) in ALONE else f"{file_of(nodeid)} {python_of(nodeid) or ''}"


def place(item: pytest.Item) -> tuple[bool, bool, int]:
    """Browser tests last: Playwright's event loop runs in the main thread from its first test to the end of the session."""
    file = file_of(item.nodeid)
    turn = next((n for n, start in enumerate(ORDER) if file.startswith(start)), len(ORDER))
    return file.startswith("tests/browser/"), file not in ALONE, turn


def scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    class Units(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit(nodeid)

    return Units(config, log)


class Turns:
    """Any number of tests at a time, or one that runs alone. The locks are files': who is killed holds them no more."""

    def __init__(self, room: Path, door: Path) -> None:
        self._room, self._door = (os.open(path, os.O_RDONLY) for path in (room, door))
        self._alone = False

    @contextlib.contextmanager
    def turn(self, item: pytest.Item, following: pytest.Item | None) -> Iterator[None]:
        alone, goes_on = (each is not None and file_of(each.nodeid) in ALONE for each in (item, following))
        if not (alone and self._alone):
            self._enter(alone)
        self._alone = alone and goes_on
        try:
            yield
        finally:
            if not self._alone:
                fcntl.flock(self._room, fcntl.LOCK_UN)

    def _enter(self, alone: bool) -> None:
        """Who waits to be alone waits in the door, so that nobody goes in meanwhile."""
        fcntl.flock(self._door, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        finally:
            fcntl.flock(self._door, fcntl.LOCK_UN)
