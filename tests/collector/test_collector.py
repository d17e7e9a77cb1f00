# ruff: noqa: E501  the programs in strings
"""``Collector`` as its users meet it: start, stop, results, one at a time, sinks and windows."""

from __future__ import annotations

import ast

import pytest
from pytest import approx

from plopi.collector import windows
from plopi.collector.collector import Collector
from plopi.collector.windows import WINDOW_NS, Windows
from plopi.errors import UsageError
from plopi.model import CPU, SAMPLES, ProfileBuilder
from tests.collector.conftest import roughly


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
    assert sum(counts.values()) == approx(30, abs=20)
    key = max(counts, key=lambda key: counts[key])
    assert [function for _, _, function in key[-2:]] == ["work", "<module>"]
    assert all(isinstance(line, int) and file.endswith("program.py") for file, line, _ in key)
    assert ran.answer["taken"] > 5
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
        began = time.monotonic(); c.start(0.3); ended = c.wait(60)
        answer(ended=ended, took=time.monotonic() - began, running=c.running, complete=c.about.complete)
    """)
    assert ran.answer["ended"] and not ran.answer["running"] and ran.answer["complete"]
    assert ran.answer["took"] > 0.29


@pytest.mark.one_python
def test_snapshot_while_running_then_reset(run):
    ran = run("""
        c = Collector(0.01, "cpu", "python"); c.start(None); spin(0.3)
        first = c.snapshot(); running = c.running
        c.reset(); spin(0.2); c.stop()
        answer(first=sum(by_thread(first).values()), running=running, complete=first.about.complete,
               second=sum(by_thread(c.snapshot()).values()))
    """)
    assert ran.answer["first"] == roughly(0.3)
    assert ran.answer["running"] and not ran.answer["complete"]
    assert ran.answer["second"] == roughly(0.2)


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
    ((complete, duration),) = ran.answer["finished"]
    assert 2 <= ran.answer["flushed"] <= duration + 2
    assert complete and duration >= 2.6
    assert ran.answer["samples"] == sorted(ran.answer["samples"])
    assert ran.answer["windows"] == sorted(set(ran.answer["windows"]))


@pytest.mark.one_python
@pytest.mark.parametrize("where", ["poll", "settle", "check"])
def test_a_fault_of_plopis_own_ends_the_sampling_and_is_told(run, where):
    """The program goes on, its timer is its own again, the recording is finished with what there is, and stops are as ever."""
    ran = run(f"""
        class Sink:
            finished = []
            def flush(self, rows): pass
            def finish(self, rows): Sink.finished.append(rows.about.complete)
            def abandon(self): pass
        c = Collector(0.01, "cpu", "python", sink=Sink())
        c.start(None)
        spin(0.2)
        def fault(*args): raise AttributeError("no such thing")
        c._engine.{where} = fault
        over = c.wait(20)
        c.stop()
        answer(over=over, running=c.running, finished=Sink.finished, timer=signal.getitimer(signal.ITIMER_PROF),
               notes=[note for note in c.about.notes if "fault" in note], taken=c.samples_taken, built=len(c.snapshot().samples))
    """)
    assert ran.answer["over"] and not ran.answer["running"]
    assert ran.answer["finished"] == [True]
    assert ran.answer["timer"] == [0, 0]
    assert ran.answer["notes"] == [
        "not all was sampled, by a fault of plopi's own; please report it: AttributeError: no such thing"
    ]
    assert ran.answer["taken"] > 0 and ran.answer["built"] > 0
    assert ran.err == ""


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
    assert found["cpu"] == approx(0.4, abs=0.2)
    assert 0 < found["own"] < 0.1e9
    assert 5 < found["ticks"] < 60
    assert found["python"].startswith("CPython 3.")


def windows_at(seconds):
    """Windows after drains about as often as the collector's own, in those seconds after the start."""
    rows = ProfileBuilder((SAMPLES, CPU))
    at = Windows(rows).at
    for second in seconds:
        at(second * WINDOW_NS + 5)
    return [(start // WINDOW_NS, length // WINDOW_NS) for start, length in zip(rows.window_start, rows.window_length)]


def test_windows_are_merged_before_they_are_too_many(monkeypatch):
    """A long recording keeps its few hundred windows, all of one length."""
    monkeypatch.setattr(windows, "MAX_WINDOWS", 8)
    assert windows_at(range(100)) == [(i * 16, 16) for i in range(7)]


def test_windows_keep_one_length_and_do_not_overlap_where_nothing_was_sampled_in_between(monkeypatch):
    monkeypatch.setattr(windows, "MAX_WINDOWS", 4)
    assert windows_at([0, 3, 9, 40]) == [(0, 1), (3, 1), (9, 1), (40, 1)]
    assert windows_at([0, 3, 9, 40, 41]) == [(0, 2), (2, 2), (8, 2), (40, 2)]
    assert windows_at([0, 3, 9, 40, 43]) == [(0, 4), (8, 4), (40, 4)]


@pytest.mark.one_python
def test_samples_are_filed_under_the_window_they_were_taken_in(run):
    """Not under the one that had begun when they were drained."""
    ran = run("""
        def early(): spin(0.9)
        def late(): spin(0.9)
        c = Collector(0.004, "cpu", "python"); c.start(None)
        def passed(): return (time.monotonic_ns() - c._started) / 1e9
        early(); time.sleep(1.25 - passed() % 1); due = int(passed()); late(); c.stop()
        p = c.snapshot()
        found = {"early": set(), "late": set()}
        for s, w in zip(p.samples.stack, p.samples.window):
            for name in names(p, s):
                if name in found: found[name].add(p.windows.start[w] // 10**9)
        answer(early=min(found["early"]), late=min(found["late"]) - due)
    """)
    assert ran.answer == {"early": 0, "late": 0}
