# ruff: noqa: E501  the programs in strings
"""What is done where the interpreter or the machine sets limits. Neither a free-threaded build nor macOS is at hand: both are
pretended, which shows what plopi then does, not that those platforms bear it."""

from __future__ import annotations

import platform
import sys

import pytest

from plopi.collector import interpreter
from plopi.collector.engine import Plan
from plopi.collector.python_engine import PythonEngine
from plopi.collector.stacks import StackTable
from plopi.errors import UsageError
from tests.collector.conftest import roughly

FREE = """
        sys._is_gil_enabled = lambda: False
        from plopi.collector import interpreter
        interpreter.FREE_THREADED_SINCE = (3, 0)
"""


@pytest.fixture
def free_threaded(monkeypatch):
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)


def started(mode):
    engine = PythonEngine(Plan(mode, 10_000_000), StackTable(100, 256))
    engine.start()
    engine.stop()
    return engine


def test_free_threaded_3_13_is_refused_and_told_what_to_do(free_threaded, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 13, 0, "final", 0))
    with pytest.raises(UsageError, match=r"free-threaded Python .*PYTHON_GIL=1.* 3\.14"):
        started("cpu")


@pytest.mark.parametrize("mode", ["wall", "both"])
def test_wall_time_is_refused_where_threads_cannot_look_at_each_other(free_threaded, monkeypatch, mode):
    monkeypatch.setattr(interpreter, "FREE_THREADED_SINCE", (3, 0))
    with pytest.raises(UsageError, match="use mode cpu"):
        started(mode)


@pytest.mark.one_python
def test_free_threaded_sampling_sees_the_main_thread_alone_and_reads_no_other_frames(run):
    ran = run(f"""{FREE}
        current_frames, asked = sys._current_frames, []
        sys._current_frames = lambda: asked.append(1) or current_frames()
        c = Collector(0.004, "cpu", "python"); c.start(None)
        w = threading.Thread(target=spin, args=(0.3,), name="worker"); w.start()
        for _ in range(6): spin(0.1); c.snapshot()
        w.join(); c.stop()
        answer(found=by_thread(c.snapshot()), notes=c.about.notes, asked=len(asked))
    """)
    assert ran.answer["found"] == {"MainThread": roughly(0.6)}
    assert ran.answer["asked"] == 0
    assert any("experimental" in note for note in ran.answer["notes"])
    assert any("where no sample fell" in note for note in ran.answer["notes"])


@pytest.mark.one_python
def test_nothing_is_dropped_while_rows_are_drained_beside_a_running_handler(run):
    ran = run(f"""{FREE}
        c = Collector(0.004, "cpu", "python"); c.start(None)
        helper = threading.Thread(target=lambda: [c.snapshot() and time.sleep(0.02) for _ in range(30)]); helper.start()
        spin(0.8); helper.join(); spin(0.03); c.stop()
        answer(found=by_thread(c.snapshot())["MainThread"], left=[cell.count for r in c._table.records.values() for cell in r.cells.values() if cell.count])
    """)
    assert ran.answer == {"found": roughly(0.83), "left": []}


def test_macos_on_arm_is_sampled_from_a_thread(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    engine = started("cpu")
    assert any("macOS arm64" in note and "sampled from a thread" in note for note in engine.tally.notes)


@pytest.mark.parametrize(
    ("version", "warned"), [((3, 11, 0), True), ((3, 11, 1), True), ((3, 11, 2), False), ((3, 12, 1), False)]
)
def test_early_patch_levels_of_3_11_are_warned_of(monkeypatch, version, warned):
    monkeypatch.setattr(sys, "version_info", (*version, "final", 0))
    assert any("3.11.2" in caution for caution in interpreter.cautions()) is warned
