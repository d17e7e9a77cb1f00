"""Some modules of other people's tests: each test ends the same with plopi at 1 kHz as without it."""

from __future__ import annotations

import re
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.proof import campaign, suites
from tests.proof.outcome import Outcome, held

FEWEST = {"test_asyncio": 2000, "test_subprocess": 300, "test_signal": 50, "test_threading": 180, "tornado.test.web_test": 1400}


def test_other_peoples_tests_do_not_notice() -> None:
    outcome = suites.short()
    held(outcome)
    for name, fewest in FEWEST.items():
        counts = [count for what, count in outcome.counts.items() if name in what]
        assert counts or outcome.counts["modules that this Python does not have"], name
        assert min(counts, default=fewest) >= fewest, outcome.counts


TROUBLE = """
import os, signal, sys, time, unittest

class Trouble(unittest.TestCase):
    def test_a_passes(self): pass
    def test_b_hangs(self): time.sleep(1000)
    def test_c_kills(self): os.kill(os.getpid(), signal.SIGKILL)
    def test_d_fails(self): self.assertNotIn("plopi.collector", sys.modules)
    def test_e_dies_once(self):
        mark = __file__ + ".died"
        if "plopi.collector" in sys.modules and not os.path.exists(mark):
            open(mark, "w").close()
            os.kill(os.getpid(), signal.SIGSEGV)
"""


def test_one_that_hangs_or_kills_costs_no_others_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "trouble.py").write_text(TROUBLE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    outcome = suites.compared(("python",), ("trouble",), "--unittest", "--timeout", "5")
    assert outcome.counts["python: trouble"] == 5
    assert [re.findall(r"test_\w+", finding) for finding in outcome.findings] == [["test_d_fails"], ["test_e_dies_once"]]


ASKS = """
import pathlib, signal, unittest

class Asks(unittest.TestCase):
    def test_asks(self):
        with pathlib.Path(__file__).with_name("told").open("a") as file:
            print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, file=file)
"""


@pytest.fixture
def background() -> Iterator[None]:
    """As a shell without job control starts ``command &``."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("background")
def test_suites_run_in_the_background_can_be_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "asks.py").write_text(ASKS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    held(suites.compared(("python", "python"), ("asks",), "--unittest"))
    assert (tmp_path / "told").read_text().split() == ["True"] * 3, "plain once, and by each engine named"


@pytest.mark.usefixtures("background")
def test_a_campaign_in_the_background_can_be_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def asks(*_: object) -> Outcome:
        return Outcome(Counter({str(signal.getsignal(signal.SIGINT) is signal.default_int_handler): 1}))

    monkeypatch.setattr(campaign, "LOG", tmp_path / "log")
    monkeypatch.setattr(campaign, "AREAS", {"asks": asks})
    monkeypatch.setattr(sys, "argv", ["campaign", "--minutes", "0"])
    assert campaign.main() == 0
    assert "| True 1 |" in (tmp_path / "log").read_text()
