"""Threads that soon end, as those of a server with one for each request: whose is the time that no sample told."""

from __future__ import annotations

import re

import pytest
from targets import Built
from test_native import run

WORK = """
import _thread, collections, functools, hashlib, random
dice = random.Random(3)

def begins(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        for _ in range(2_000):
            pass

def ends(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        for _ in range(2_000):
            pass

def waits(seconds):
    time.sleep(seconds)

truth = collections.Counter()
def measured(function, seconds, clock):
    begin = clock(); function(seconds); truth[function.__name__] += clock() - begin

def in_short_threads(count, clock, *parts):
    "One after the other, in no step with the kernel's tick. Each does all parts: a function, and for how long."
    def live():
        for function, seconds in parts:
            measured(function, seconds, clock)
    for _ in range(count):
        thread = threading.Thread(target=live)
        thread.start()
        thread.join()
        time.sleep(dice.uniform(0, 0.004))

def calls_for(seconds):
    "How many rounds of the hash take so long. It is in C, without the GIL."
    begin = time.thread_time()
    hashlib.pbkdf2_hmac("sha256", b"a", b"b", 50_000)
    return int(50_000 * seconds / (time.thread_time() - begin))
"""


def test_what_a_short_thread_does_last_gets_as_much_as_what_it_does_first(native: Built) -> None:
    """A thread's first sample stood for a whole distance, and what came after its last one was nobody's."""
    sums, truth = run(
        native,
        WORK
        + """
work = lambda: in_short_threads(250, time.thread_time, (begins, 0.004), (ends, 0.004))
print(json.dumps([shares(profiled(work).snapshot()), truth]))
""",
    )
    share = sums["begins"] / (sums["begins"] + sums["ends"])
    assert share == pytest.approx(truth["begins"] / (truth["begins"] + truth["ends"]), abs=0.09), (sums, truth)


def test_what_a_short_thread_ran_is_not_counted_as_what_it_waited(native: Built) -> None:
    """Many of them run for too short a time to be met by the CPU timer, but are seen waiting."""
    sums, truth = run(
        native,
        WORK
        + """
work = lambda: in_short_threads(300, time.monotonic, (begins, 0.002), (waits, 0.003))
print(json.dumps([shares(profiled(work, mode="wall", interval=0.001).snapshot(), "wall"), truth]))
""",
    )
    assert sums["waits"] == pytest.approx(truth["waits"], rel=0.1), (sums, truth)
    assert sums["begins"] == pytest.approx(truth["begins"], rel=0.25), (sums, truth)


def test_a_long_thread_that_ends_keeps_what_it_ran_since_the_last_drain(native: Built) -> None:
    sums, truth = run(
        native,
        WORK
        + """
def work():
    thread = threading.Thread(target=measured, args=(begins, 0.7, time.monotonic))
    thread.start(); thread.join(); time.sleep(0.1)
print(json.dumps([shares(profiled(work, mode="wall", interval=0.005).snapshot(), "wall"), truth]))
""",
    )
    assert sums["begins"] == pytest.approx(truth["begins"], rel=0.1), (sums, truth)


@pytest.mark.parametrize("long", ["in C alone", "without samples"])
def test_a_long_thread_that_took_no_sample_gives_its_wall_time_to_nobody(native: Built, long: str) -> None:
    """Of C code with a thread state but no Python function, or with the signal blocked: the next thread that was met got it."""
    sums, truth, notes = run(
        native,
        WORK
        + f"""
def without_samples():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGPROF])
    ends(1)
    done.set()
def work():
    if {long == "in C alone"}:
        _thread.start_new_thread(hashlib.pbkdf2_hmac, ("sha256", b"a", b"b", rounds))
        time.sleep(1.3)
    else:
        _thread.start_new_thread(without_samples, ())
        done.wait()
    in_short_threads(60, time.monotonic, (begins, 0.004))
rounds, done = calls_for(1), threading.Event()
profile = profiled(work, mode="wall", interval=0.005).snapshot()
print(json.dumps([shares(profile, "wall"), truth, profile.about.notes]))
""",
    )
    assert sums["begins"] == pytest.approx(truth["begins"], abs=0.25), (sums, truth)
    [untold] = [float(found[1]) for note in notes if (found := re.match(r"(\d+\.\d+) s of wall time is in no stack", note))] or [
        0.0
    ]
    assert untold + sums.get("ends", 0) > 0.7, (
        sums,
        notes,
    )  # where it does not run, for want of a processor, it is seen from outside


def test_cpu_time_in_c_alone_is_not_that_of_what_it_calls(native: Built) -> None:
    """A thread of C code that calls a Python function now and then: between the calls it has a thread state, but no frame."""
    sums, truth, notes = run(
        native,
        WORK
        + """
came, ended = [], threading.Event()
def called(result):
    measured(begins, 0.1, time.thread_time)
    came.append(result)
    if len(came) == 4: ended.set()
rounds = [calls_for(0.3)] * 4
def work():
    results = map(called, map(functools.partial(hashlib.pbkdf2_hmac, "sha256", b"a", b"b"), rounds))
    _thread.start_new_thread(collections.deque, (results, 0))
    ended.wait()
collector = profiled(work)
print(json.dumps([shares(collector.snapshot()), truth, collector.snapshot().about.notes]))
""",
    )
    assert sums["begins"] == pytest.approx(truth["begins"], rel=0.4), sums  # and not four times as much, with the 1.2 s in C
    assert [note for note in notes if "run no Python code" in note], notes
