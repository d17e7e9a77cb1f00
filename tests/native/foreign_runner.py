"""What ``foreign.py`` runs in a process of its own, by ``python -c``: tests of the modules named, with or without plopi, each
outcome written down at once, so that a test that hangs or kills the process costs no other's.

A line of the journal is a list: a test that begins, ``[name, null]``; its outcome, ``[name, outcome]``; at the end, ``[facts]``.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import unittest
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, TextIO

Error = Any
"""What unittest hands on of an exception."""


class Journal(unittest.TextTestResult):
    """Of a test with several outcomes, as by subtests, the last counts that is not success."""

    def __init__(self, file: TextIO, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._file = file
        self._outcomes: dict[str, str] = {}

    def write(self, *line: Any) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def note(self, test: unittest.TestCase, outcome: str) -> None:
        self._outcomes[test.id()] = outcome

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self._outcomes = {}
        self.write(test.id(), None)

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        self.write(test.id(), self._outcomes.get(test.id(), "ok"))

    def addFailure(self, test: unittest.TestCase, err: Error) -> None:
        super().addFailure(test, err)
        self.note(test, "failed")

    def addError(self, test: unittest.TestCase, err: Error) -> None:
        super().addError(test, err)
        if isinstance(test, unittest.TestCase):
            self.note(test, "error")
        else:  # of a class or a module, before its tests or after them
            self.write(test.id(), "error")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        if isinstance(test, unittest.TestCase):
            self.note(test, "skipped")
        else:
            self.write(test.id(), "skipped")

    def addExpectedFailure(self, test: unittest.TestCase, err: Error) -> None:
        super().addExpectedFailure(test, err)
        self.note(test, "expected failure")

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        super().addUnexpectedSuccess(test)
        self.note(test, "unexpected success")

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Error) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.note(test, "failed")


def wanted(suite: unittest.TestSuite, without: str, done: frozenset[str]) -> Iterator[unittest.TestCase]:
    for each in suite:
        if isinstance(each, unittest.TestSuite):
            yield from wanted(each, without, done)
        elif not re.search(without, each.id()) and each.id() not in done:
            yield each


def use_resources() -> None:
    """Those that CPython's own runner would allow where there is no network; nothing where there is no ``test`` package."""
    with contextlib.suppress(ImportError):
        from test import support

        support.use_resources = {"walltime": None, "cpu": None, "subprocess": None}
        support.verbose = 0


def main(names: list[str], journal: Path, options: dict[str, Any]) -> None:
    collector = None
    if options["engine"]:
        from plopi.collector import Collector

        collector = Collector(interval=options["interval"], mode=options["mode"], engine=options["engine"])
    use_resources()
    done = frozenset(json.loads(line)[0] for line in journal.read_text().splitlines())
    if collector:
        collector.start(None)
    tests = unittest.TestSuite(wanted(unittest.defaultTestLoader.loadTestsFromNames(names), options["without"], done))
    with journal.open("a") as file:
        unittest.TextTestRunner(resultclass=partial(Journal, file), stream=sys.stderr).run(tests)  # type: ignore[arg-type]
        facts = {}
        if collector:
            collector.stop()
            about = collector.about
            facts = {"ticks": about.ticks, "engine": about.engine, "notes": list(about.notes)}
        file.write(json.dumps([facts]) + "\n")


if __name__ == "__main__":
    given = sys.argv[1:]
    sys.argv[1:] = []
    main(given[0].split(","), Path(given[1]), json.loads(given[2]))
