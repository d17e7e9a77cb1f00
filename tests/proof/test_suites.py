"""Some modules of other people's tests: each test ends the same with plopi at 1 kHz as without it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.proof import suites
from tests.proof.outcome import held


def test_other_peoples_tests_do_not_notice() -> None:
    outcome = suites.run(suites.CPYTHON, suites.TORNADO)
    held(outcome)
    assert sum(count for what, count in outcome.counts.items() if "tornado" in what) > 50


TROUBLE = """
import os, signal, sys, time, unittest

class Trouble(unittest.TestCase):
    def test_a_passes(self): pass
    def test_b_hangs(self): time.sleep(1000)
    def test_c_kills(self): os.kill(os.getpid(), signal.SIGKILL)
    def test_d_fails(self): self.assertNotIn("plopi.collector", sys.modules)
"""


def test_one_that_hangs_or_kills_costs_no_others_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "trouble.py").write_text(TROUBLE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    outcome = suites.compared("python", ("trouble",), "--unittest", "--timeout", "5")
    assert outcome.counts["python: trouble"] == 4
    assert [re.findall(r"test_\w+", finding) for finding in outcome.findings] == [["test_d_fails"]]
