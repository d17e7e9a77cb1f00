# ruff: noqa: E501  the programs in strings
"""``Collector`` as its users meet it: start, stop, results, one at a time, sinks and windows."""

from __future__ import annotations

import ast

import pytest
from pytest import approx

from plopi.collector import collector as module
from plopi.collector.collector import Collector
from plopi.errors import UsageError


@pytest.mark.parametrize(
    "arguments",
    [
        {"mode": "sundial"},
        {"interval": 0},
        {"interval": float("nan")},
        {"engine": "steam"},
        {"max_stacks": 0},
        {"max_depth": 0},
    ],
)
def test_wrong_arguments_are_usage_errors(arguments):
    with pytest.raises(UsageError):
        Collector(**arguments)


@pytest.mark.parametrize(("said", "meant"), [("prof", "cpu"), ("real", "wall"), ("virtual", "virtual")])
def test_plops_names_of_the_modes(said, meant):
    assert Collector(mode=said).mode == meant


@pytest.mark.one_python
def test_stack_counts_are_a_plop_file(run):
    ran = run("""
        def work(): spin(0.3)
        c = Collector(interval=0.01, mode="cpu", engine="python")
        c.start(duration=30.0); work(); c.stop()
        print(repr(dict(c.stack_counts)))
        answer(taken=c.samples_taken, time=c.sample_time)
    """)
    counts = ast.literal_eval(ran.out.splitlines()[0])
    assert sum(counts.values()) == approx(30, abs=5)
    key = max(counts, key=lambda key: counts[key])
    assert [function for _, _, function in key[-2:]] == ["work", "<module>"]
    assert all(isinstance(line, int) and file.endswith("program.py") for file, line, _ in key)
    assert ran.answer["taken"] > 10
    assert 0 < ran.answer["time"] < 0.1


@pytest.mark.one_python
def test_one_at_a_time_in_a_process(run):
    ran = run("""
        from plopi.errors import AlreadyRunning
        a, b = Collector(0.01, "cpu"), Collector(0.01, "wall")
        a.start()
        try: b.start()
        except AlreadyRunning as error: message = str(error)
        a.stop(); b.start(); running = b.running; b.stop()
        answer(message=message, running=running)
    """)
    assert "already" in ran.answer["message"]
    assert ran.answer["running"]


@pytest.mark.one_python
def test_duration_ends_it_by_the_monotonic_clock_and_wait_returns(run):
    ran = run("""
        c = Collector(0.01, "cpu", "python")
        began = time.monotonic(); c.start(0.3); ended = c.wait(10)
        answer(ended=ended, took=time.monotonic() - began, running=c.running, complete=c.about.complete)
    """)
    assert ran.answer["ended"] and not ran.answer["running"] and ran.answer["complete"]
    assert 0.29 < ran.answer["took"] < 2


@pytest.mark.one_python
def test_snapshot_while_running_then_reset(run):
    ran = run("""
        c = Collector(0.01, "cpu", "python"); c.start(None); spin(0.3)
        first = c.snapshot(); running = c.running
        c.reset(); spin(0.1); c.stop()
        answer(first=sum(by_thread(first).values()), running=running, complete=first.about.complete,
               second=sum(by_thread(c.snapshot()).values()))
    """)
    assert ran.answer["first"] == approx(0.3, abs=0.05)
    assert ran.answer["running"] and not ran.answer["complete"]
    assert ran.answer["second"] == approx(0.1, abs=0.04)


@pytest.mark.one_python
def test_sink_is_told_about_each_second_and_once_at_the_end(run):
    ran = run("""
        class Sink:
            flushed, finished, samples = 0, [], []
            def flush(self, rows): Sink.flushed += 1; Sink.samples.append(len(rows.sample_stack))
            def finish(self, rows): Sink.finished.append([rows.about.complete, rows.about.duration_ns / 1e9])
            def abandon(self): pass
        c = Collector(0.01, "cpu", "python", sink=Sink())
        c.start(None)
        end = time.monotonic() + 2.6
        while time.monotonic() < end: spin(0.01)
        c.stop(); c.stop()
        answer(flushed=Sink.flushed, finished=Sink.finished, samples=Sink.samples, windows=list(c._rows.window_start))
    """)
    assert 2 <= ran.answer["flushed"] <= 4
    ((complete, duration),) = ran.answer["finished"]
    assert complete and duration >= 2.6
    assert ran.answer["samples"] == sorted(ran.answer["samples"])
    assert ran.answer["windows"] == sorted(set(ran.answer["windows"]))


@pytest.mark.one_python
def test_about_is_filled_from_measurements(run):
    ran = run("""
        c = Collector(0.01, "prof", "python", command="a b"); c.start(None); spin(0.4); c.stop()
        a = c.about
        answer(command=a.command, pid=a.pid == os.getpid(), engine=a.engine, mode=a.mode, period=a.period_ns, cpu=a.process_cpu_ns / 1e9,
               own=a.own_cost_ns, ticks=a.ticks, start=a.process_start.isdigit(), python=a.python)
    """)
    found = ran.answer
    assert (found["command"], found["pid"], found["engine"], found["mode"]) == ("a b", True, "python", "cpu")
    assert found["period"] == 10_000_000
    assert found["cpu"] == approx(0.4, abs=0.1)
    assert 0 < found["own"] < 0.1e9
    assert 15 < found["ticks"] < 60
    assert found["python"].startswith("CPython 3.")


def test_windows_are_merged_before_they_are_too_many(monkeypatch):
    """A long recording keeps its few hundred windows, all of one length."""
    now = [0]
    monkeypatch.setattr(module, "MAX_WINDOWS", 8)
    monkeypatch.setattr(module.time, "monotonic_ns", lambda: now[0])
    collector = Collector(0.01, "cpu", "python")
    for second in range(100):
        now[0] = second * module.WINDOW_NS + 5
        collector._current_window()
    rows = collector._rows
    assert len(rows.window_start) <= 8
    assert set(rows.window_length) == {16 * module.WINDOW_NS}
    assert list(rows.window_start) == [i * 16 * module.WINDOW_NS for i in range(7)]
