"""The native engine on every Python there is: truth, safety, manners."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import textwrap
from typing import Any

import pytest
from targets import Built, compiler

SCENARIOS = (
    *("calls", "generators", "chunks", "recursion", "coroutines", "codes", "imports"),
    *("threads", "nogil", "collections", "forks", "interpreters", "restarts"),
    *("waits", "native_threads", "hooks", "trampolines", "remote"),
)


def run(native: Built, source: str, **environment: str) -> Any:
    """Run ``source`` and return what it printed, as JSON."""
    done = native.run("-c", PRELUDE + textwrap.dedent(source), **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


PRELUDE = """
import gc, json, os, signal, sys, threading, time
from plopi.collector.collector import Collector

def spin(seconds):
    "Reads the clock seldom: a busy kernel preempts where it is read, and then hundreds of ms may pass without a tick."
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        for _ in range(10_000):
            pass

def shares(profile, type_name="cpu"):
    "Share of each function, as the leaf, and the total in seconds."
    at = [t.name for t in profile.sample_types].index(type_name)
    sums = {}
    for stack, weight in zip(profile.samples.stack, profile.samples.weights[at]):
        name = profile.function_name(profile.locations.function[profile.stacks.location[stack]])
        sums[name] = sums.get(name, 0) + weight / 1e9
    return sums

def profiled(work, mode="cpu", interval=0.004, **more):
    collector = Collector(interval=interval, mode=mode, engine="native", **more)
    collector.start(None)
    try:
        work()
    finally:
        collector.stop()
    return collector
"""


# -- it can be had ---------------------------------------------------------------------------------------------------------------


def test_it_compiles_where_plain_char_has_no_sign(native: Built) -> None:
    """As on AArch64: CPython keeps a frame's owner in one."""
    done = subprocess.run([*compiler(native), "-funsigned-char", "-fsyntax-only"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_self_test_passes(native: Built) -> None:
    assert run(native, "from plopi.collector import native; print(json.dumps(native.unavailable()))") is None


def test_the_self_test_notices_a_wrong_line_a_missing_frame_and_a_refusal(native: Built) -> None:
    found = run(
        native,
        """
        from plopi.collector import _sampler, selftest
        probes = {
            "missing": lambda: _sampler.probe()[2:],
            "line": lambda: [(code, 0) for code, _ in _sampler.probe()[1:]],
            "refused": lambda: None,
        }
        print(json.dumps({name: selftest.failure(probe) for name, probe in probes.items()}))
        """,
    )
    assert all("self-test failed" in text for text in found.values()), found


def test_a_part_built_for_another_python_is_refused(native: Built) -> None:
    found = run(
        native,
        """
        from plopi.collector import _sampler, native
        from plopi.errors import UsageError
        _sampler.BUILT_FOR += 0x100
        try:
            Collector(mode="cpu", engine="native")
        except UsageError as error:
            print(json.dumps(str(error)))
        """,
    )
    assert "was built for CPython" in found and "engine='python'" in found


def test_auto_takes_it_and_the_profile_says_so(native: Built) -> None:
    found = run(
        native,
        """
        def engines(mode):
            collector = Collector(mode=mode, engine="auto")
            return [collector.about.engine, collector.about.notes]
        print(json.dumps([engines(mode) for mode in ("cpu", "wall", "both", "virtual")]))
        """,
    )
    assert found == [["native", []], ["native", []], ["native", []], ["python", []]]


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ("sys.modules['plopi.collector._sampler'] = None", "not built"),
        ("_sampler.BUILT_FOR += 0x100", "was built for CPython"),
        ("_sampler.BUILT_FROM += 1", "other sources"),
        ("_sampler.probe = lambda: None", "self-test failed"),
        ("sys.addaudithook(forbid)", "self-test could not be run"),
        ("signal.signal(signal.SIGPROF, lambda number, frame: None)", "somebody else"),
        ("signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGPROF])", "blocked"),
    ],
)
def test_auto_falls_back_in_silence_and_notes_why(native: Built, fault: str, word: str) -> None:
    found = run(
        native,
        f"""
        import plopi.collector
        from plopi.collector import _sampler
        def forbid(event, arguments):
            if event == "compile" and arguments[1] == "<made>": raise PermissionError("forbidden")
        {fault}
        if {word == "not built"}: del plopi.collector._sampler
        collector = Collector(interval=0.01, mode="cpu", engine="auto")
        collector.start(None); spin(0.2); collector.stop()
        print(json.dumps([collector.about.engine, collector.about.notes, sum(shares(collector.snapshot()).values())]))
        """,
    )
    assert found[0] == "python" and any(word in note for note in found[1]) and found[2] > 0.1, found


def test_the_self_test_leaves_nothing_behind_and_is_quick(native: Built) -> None:
    found = run(
        native,
        """
        from plopi.collector import _sampler, selftest
        def state(): return [signal.getsignal(signal.SIGPROF) is signal.SIG_DFL, threading.active_count(), sorted(sys.modules)]
        before, took = state(), []
        for _ in range(20):
            begin = time.thread_time(); fault = selftest.failure(_sampler.probe); took.append(time.thread_time() - begin)
        print(json.dumps([before == state(), fault, sorted(took)[10]]))
        """,
    )
    assert found[:2] == [True, None] and found[2] < 0.02


def test_virtual_time_is_refused_in_words(native: Built) -> None:
    found = run(
        native,
        """
        from plopi.errors import UsageError
        try:
            Collector(mode="virtual", engine="native")
        except UsageError as error:
            print(json.dumps(str(error)))
        """,
    )
    assert "not virtual time" in found


def test_somebody_elses_signal_is_left_alone(native: Built) -> None:
    found = run(
        native,
        """
        from plopi.errors import UsageError
        def mine(number, frame): pass
        signal.signal(signal.SIGPROF, mine)
        try:
            Collector(mode="cpu", engine="native").start()
        except UsageError as error:
            print(json.dumps([str(error), signal.getsignal(signal.SIGPROF) is mine]))
        """,
    )
    assert "somebody else" in found[0] and found[1]


# -- truth -----------------------------------------------------------------------------------------------------------------------


def test_c_calls_and_straight_lines_are_not_blamed_on_their_callers(native: Built) -> None:
    """Work that never looks for signals: a long C call in a function that then returns at once.

    In an order drawn by lot: work that repeats itself in step with the kernel's tick, at which the timer is looked at, is met at
    the same place again and again.
    """
    found = run(
        native,
        """
        import random
        data, order = [5] * 400_000, random.Random(1)
        def one(): sum(data)
        def three(): sum(data); sum(data); sum(data)
        took = []
        def work():
            begin = time.thread_time()
            for function in order.sample([one, three], 440, counts=[220, 220]): function()
            took.append(time.thread_time() - begin)
        collector = profiled(work)
        print(json.dumps([shares(collector.snapshot()), *took]))
        """,
    )
    seen, took = found
    assert sum(seen.values()) == pytest.approx(took, rel=0.1)
    assert seen["three"] / sum(seen.values()) == pytest.approx(0.75, abs=0.08), seen


def test_native_code_is_marked_and_python_is_not(native: Built) -> None:
    """Calls into C and operators on large data; loops, recursion and keyword calls of Python functions."""
    found = run(
        native,
        """
        import hashlib
        haystack, numbers = "ab" * 1_000_000, [float(i % 1000) for i in range(100_000)]
        def hashes(): hashlib.pbkdf2_hmac("sha256", b"a", b"b", 20_000)
        def sorts(): sorted(numbers)
        def searches(): return "ba!" in haystack
        def loops():
            for i in range(20_000): i * 3
        def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
        def named(a, b=2, *, c=3): return a
        def calls():
            for i in range(10_000): named(i, c=4)
        def work():
            for function, *args in [(hashes,), (sorts,), (searches,), (loops,), (fib, 18), (calls,)]:
                end = time.thread_time() + 0.3
                while time.thread_time() < end: function(*args)
        profile = profiled(work).snapshot()
        print(json.dumps([shares(profile), shares(profile, "native"), [t.name for t in profile.sample_types]]))
        """,
    )
    cpu, marked, types = found
    assert types == ["samples", "cpu", "native"]
    for name in ("hashes", "sorts", "searches"):
        assert marked[name] > 0.6 * cpu[name], found
    for name in ("loops", "fib", "calls", "named"):
        assert marked.get(name, 0) <= 0.4 * cpu.get(name, 0) + 0.05, found


def test_by_wall_time_native_code_is_not_marked(native: Built) -> None:
    types = run(
        native,
        """
        from plopi.formats.pprof_writer import default_sample_type
        def named(mode):
            types = Collector(mode=mode, engine="native").snapshot().sample_types
            return [[each.name for each in types], default_sample_type(types).name]
        print(json.dumps([named(mode) for mode in ("wall", "both")]))
        """,
    )
    assert types == [[["samples", "wall"], "wall"], [["samples", "cpu", "wall", "native"], "cpu"]]


def test_each_thread_gets_its_own_time_while_the_main_thread_waits(native: Built) -> None:
    found = run(
        native,
        """
        def work():
            started = [threading.Thread(target=spin, args=(seconds,), name=f"w{seconds}") for seconds in (0.3, 0.9)]
            for thread in started: thread.start()
            for thread in started: thread.join()
        profile = profiled(work).snapshot()
        sums = {}
        for thread, weight in zip(profile.samples.thread, profile.samples.weights[1]):
            sums[profile.thread_name(thread)] = sums.get(profile.thread_name(thread), 0) + weight / 1e9
        print(json.dumps(sums))
        """,
    )
    assert found["w0.3"] == pytest.approx(0.3, rel=0.1) and found["w0.9"] == pytest.approx(0.9, rel=0.1)


def test_threads_that_live_for_less_than_an_interval_are_not_undercounted(native: Built) -> None:
    """A server with a thread for each request. By their own clocks they would get a third of their time.

    Each lives for longer than the kernel's tick, at which timers of CPU time are looked at: where others' turns end with a tick,
    threads begin after one, and those that end before the next are not seen.
    """
    found = run(
        native,
        """
        took, tick = [], time.clock_getres(6)  # CLOCK_MONOTONIC_COARSE
        def brief(): spin(1.5 * tick); took.append(time.thread_time())
        def work():
            for _ in range(int(1.2 / tick)):
                thread = threading.Thread(target=brief)
                thread.start()
                thread.join()
        begin = time.process_time()
        profile = profiled(work, interval=5 * tick).snapshot()
        print(json.dumps([shares(profile)["spin"], sum(took), time.process_time() - begin]))
        """,
    )
    assert 0.65 * found[1] < found[0] < 1.35 * found[2]


def test_collection_is_a_leaf_of_its_own(native: Built) -> None:
    found = run(
        native,
        """
        class Node: pass
        def make():
            kept = []
            for _ in range(200_000):
                node = Node(); node.me = node
                kept.append(node)
            return kept
        kept = make()
        def collects():
            for _ in range(12): gc.collect()
        profile = profiled(collects).snapshot()
        parents = {profile.function_name(profile.locations.function[profile.stacks.location[profile.stacks.parent[stack]]])
                   for stack in profile.samples.stack
                   if profile.function_name(profile.locations.function[profile.stacks.location[stack]]) == "<gc>"}
        print(json.dumps([shares(profile), sorted(parents)]))
        """,
    )
    assert found[0]["<gc>"] > 0.8 * sum(found[0].values()) and found[1] == ["collects"]


def test_deep_recursion_is_cut_at_the_root_and_says_so(native: Built) -> None:
    found = run(
        native,
        """
        sys.setrecursionlimit(100_000)
        def down(n): return down(n - 1) if n else spin(0.4)
        collector = profiled(lambda: down(20_000), max_depth=100)
        profile = collector.snapshot()
        roots = {profile.function_name(profile.locations.function[profile.stacks.location[s]])
                 for s, parent in enumerate(profile.stacks.parent) if parent < 0}
        print(json.dumps([shares(profile), sorted(roots), len(profile.stacks)]))
        """,
    )
    assert found[0]["spin"] == pytest.approx(0.4, rel=0.3)  # a busy machine may keep the first tick away for a while
    assert "<truncated>" in found[1]


def test_wall_time_goes_to_where_each_thread_stood(native: Built) -> None:
    found = run(
        native,
        """
        lock = threading.Lock(); lock.acquire()
        def waits(): lock.acquire()
        waiter = threading.Thread(target=waits, name="waiter"); waiter.start()
        truth = {}
        def work():
            begin = time.monotonic(); spin(0.5)
            between = time.monotonic(); time.sleep(0.7)
            truth.update(spin=between - begin, sleep=time.monotonic() - between)
            lock.release(); waiter.join()
        profile = profiled(work, mode="wall", interval=0.005).snapshot()
        print(json.dumps([shares(profile, "wall"), truth]))
        """,
    )
    sums, truth = found
    whole = sum(truth.values())
    assert sums["waits"] == pytest.approx(whole, abs=0.15)
    assert sums["work"] == pytest.approx(truth["sleep"], abs=0.15)
    assert sums["spin"] == pytest.approx(truth["spin"], abs=0.15)


def test_wall_time_of_threads_that_are_born_meanwhile_begins_when_they_do(native: Built) -> None:
    [found, truth] = run(
        native,
        """
        lived = []
        def live():
            begin = time.monotonic(); time.sleep(0.4); lived.append(time.monotonic() - begin)
        def work():
            threads = [threading.Thread(target=live) for _ in range(20)]
            for thread in threads: thread.start(); time.sleep(0.03)
            for thread in threads: thread.join()
        profile = profiled(work, mode="wall", interval=0.005).snapshot()
        print(json.dumps([shares(profile, "wall")["live"], sum(lived)]))
        """,
    )
    assert found == pytest.approx(truth, rel=0.08)


@pytest.mark.parametrize("live", ["time.sleep(seconds)", "spin(seconds)"])
@pytest.mark.parametrize("interval", [0.005, 0.01])
def test_threads_that_soon_end_get_their_wall_time(native: Built, live: str, interval: float) -> None:
    """A server with a thread for each request. Of those that live for less than an interval some are met, and stand for all."""
    [found, truth] = run(
        native,
        f"""
        lived = []
        def live(seconds):
            begin = time.monotonic(); {live}; lived.append(time.monotonic() - begin)
        def work():
            for _ in range(200):
                threads = [threading.Thread(target=live, args=(0.006,)) for _ in range(2)]
                for thread in threads: thread.start()
                for thread in threads: thread.join()
        sums = shares(profiled(work, mode="wall", interval={interval}).snapshot(), "wall")
        print(json.dumps([sums.get("live", 0) + sums.get("spin", 0), sum(lived)]))
        """,
    )
    assert found == pytest.approx(truth, rel=0.15)


WAITING_IN_C = """
import ctypes
libc, errno = ctypes.CDLL(None, use_errno=True), []
def waits():
    for _ in range(4):
        if libc.poll(None, 0, 500) < 0: errno.append(ctypes.get_errno())
"""
"""``poll`` in C, unlike Python's own waits, returns early when a signal comes."""


@pytest.mark.parametrize("mode", ["wall", "both"])
def test_a_thread_that_waits_is_not_woken(native: Built, mode: str) -> None:
    """Neither when it works in between, nor by ticks of the CPU timer that fall into the ticker."""
    [interrupted, samples, sums, took] = run(
        native,
        WAITING_IN_C
        + f"""
took = []
def work():
    begin = time.monotonic()
    for turn in range(1200):
        if libc.poll(None, 0, turn % 4) < 0: errno.append(ctypes.get_errno())
        if turn % 4 == 0: spin(0.001)
    took.append(time.monotonic() - begin)
waiter = threading.Thread(target=waits); waiter.start()
profile = profiled(work, mode="{mode}", interval=0.001)
waiter.join()
seen = profile.snapshot()
print(json.dumps([errno, sum(seen.samples.weights[0]), shares(seen, "wall"), took]))
""",
    )
    assert interrupted == [] and samples >= 100
    assert sums["work"] + sums["spin"] == pytest.approx(took[0], rel=0.1), (sums, took)


@pytest.mark.parametrize("mode", ["wall", "both"])
def test_ticks_are_of_the_clock_that_they_are_lost_by(native: Built, mode: str) -> None:
    """By wall time a look at all threads is one, whether they run or wait; where CPU time is taken, a tick of its timer is."""
    ticks, lost, elapsed, used = run(
        native,
        f"""
        def work(): time.sleep(1); spin(0.2)
        begin, began = time.monotonic(), time.process_time()
        about = profiled(work, mode="{mode}", interval=0.01).about
        print(json.dumps([about.ticks, about.ticks_lost, time.monotonic() - begin, time.process_time() - began]))
        """,
    )
    due = (elapsed if mode == "wall" else used) / 0.01
    assert 0.6 * due < ticks <= ticks + lost < 1.2 * due + 2, (due, ticks, lost)  # the kernel counts CPU time by its own ticks


def test_a_thread_that_goes_on_waiting_is_looked_at_more_seldom_and_no_tick_is_lost_by_that(native: Built) -> None:
    found = run(
        native,
        """
        from plopi.collector import _sampler
        def waits(): time.sleep(1)
        def hops():
            for _ in range(700): time.sleep(0.001)
        def looked_at(work):
            counted = []
            begin = time.monotonic()
            collector = profiled(lambda: (work(), counted.append(_sampler.counters())), mode="wall", interval=0.001)
            elapsed = time.monotonic() - begin
            [counters] = counted
            wall = shares(collector.snapshot(), "wall")[work.__name__]
            return [counters["looks"], counters["spared"], collector.about.ticks_lost, wall, elapsed]
        print(json.dumps([looked_at(waits), looked_at(hops)]))
        """,
    )
    [looks, spared, lost, wall, elapsed], hopping = found
    assert looks < 0.4 * (looks + spared) and hopping[0] > 2 * hopping[1], found
    assert lost + spared < 1.2 * elapsed / 0.001, "what was not needed is not lost"
    assert wall == pytest.approx(1, abs=0.1) and hopping[3] == pytest.approx(hopping[4], rel=0.1), found


FORBIDDEN = """
import ctypes, struct
libc = ctypes.CDLL(None)
steps = [(0x20, 0, 0, 0), (0x15, 0, 1, 310), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000)]
program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(program))) == 0
"""
"""A filter of system calls (seccomp) as a sandbox sets: process_vm_readv fails with EPERM, all others are let through."""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the system call's number is x86-64's")
def test_where_other_threads_memory_may_not_be_copied_it_is_for_cpu_time_alone(native: Built) -> None:
    [reason, engines] = run(
        native,
        FORBIDDEN
        + """
from plopi.errors import UsageError
engines = []
for mode in ("cpu", "wall", "both"):
    collector = Collector(interval=0.004, mode=mode, engine="auto")
    collector.start(None); spin(0.1); collector.stop()
    clock = "wall" if mode == "wall" else "cpu"
    engines.append([collector.about.engine, sum(shares(collector.snapshot(), clock).values()) > 0.05])
try:
    Collector(mode="wall", engine="native")
except UsageError as error:
    print(json.dumps([str(error), engines]))
""",
    )
    assert "process_vm_readv" in reason and "engine='python'" in reason
    assert engines == [["native", True], ["python", True], ["python", True]]


def test_both_clocks_in_one_profile(native: Built) -> None:
    found = run(
        native,
        """
        def work():
            global slept
            spin(0.5)
            begin = time.monotonic(); time.sleep(0.5); slept = time.monotonic() - begin
        profile = profiled(work, mode="both", interval=0.005).snapshot()
        print(json.dumps([shares(profile, "cpu"), shares(profile, "wall"), slept]))
        """,
    )
    cpu, wall, slept = found
    assert sum(cpu.values()) == pytest.approx(0.5, rel=0.1) and wall["work"] == pytest.approx(slept, rel=0.15)


def test_stacks_are_bounded_and_the_rest_is_counted(native: Built) -> None:
    found = run(
        native,
        """
        def work():
            for n in range(60):
                names = {"spin": spin}
                exec(f"def f{n}(): spin(0.01)\\nf{n}()", names)
        profile = profiled(work, max_stacks=5).snapshot()
        print(json.dumps([shares(profile), profile.about.notes]))
        """,
    )
    assert found[0]["<truncated>"] > 0.3 and "distinct stacks" in " ".join(found[1])


# -- manners ---------------------------------------------------------------------------------------------------------------------


def test_signal_timer_threads_and_memory_are_as_before_after_many_starts(native: Built) -> None:
    found = run(
        native,
        """
        def state():
            found = [signal.getitimer(signal.ITIMER_PROF), threading.active_count()]
            if os.path.exists("/proc/self"):  # a chroot has no /proc
                found.append(os.listdir("/proc/self/task"))
                found += [line for line in open("/proc/self/status") if line.startswith(("SigCgt", "SigIgn", "SigBlk"))]
            return found
        def memory(): return int(open("/proc/self/statm").read().split()[1]) if os.path.exists("/proc/self") else 0
        from plopi.collector import _sampler as s
        def cycle(clocks):
            s.start(clocks, 5_000_000, 0, 256, 1000, "/nowhere/", frozenset(), False, False)
            s.take(); s.stop(); s.take(); s.close()
        def turns(n):
            for i in range(n): cycle((s.CPU_CLOCK, s.WALL_CLOCK, s.CPU_CLOCK | s.WALL_CLOCK)[i % 3])
        # with its first thread the C library installs signals of its own
        first = threading.Thread(target=spin, args=(0,)); first.start(); first.join()
        time.sleep(0.2)
        before = state()
        turns(500)
        middle = memory()
        turns(10_000)
        deadline = time.monotonic() + 60
        while (after := state()) != before and time.monotonic() < deadline:
            time.sleep(0.01)  # a thread that was joined is listed for a moment more
        print(json.dumps([before == after, before, after, (memory() - middle) * 4]))
        """,
    )
    assert found[0], found
    assert found[3] <= 512, f"{found[3]} kB more after 10,000 starts"


def test_a_tick_that_is_pending_at_stop_kills_nobody(native: Built) -> None:
    """The former action is to end the process: an unlucky tick would."""
    done = native.run(
        "-c",
        PRELUDE
        + textwrap.dedent(
            """
            from plopi.collector import _sampler as s
            stop = threading.Event()
            def burn():
                while not stop.is_set(): sum(range(1000))
            workers = [threading.Thread(target=burn) for _ in range(3)]
            for worker in workers: worker.start()
            for _ in range(1500):
                s.start(s.CPU_CLOCK | s.WALL_CLOCK, 1_000_000, 0, 256, 1000, "/nowhere/", frozenset(), False, False)
                s.take(); s.stop(); s.close()
            stop.set()
            for worker in workers: worker.join()
            assert signal.getsignal(signal.SIGPROF) is signal.SIG_DFL
            """
        ),
    )
    assert done.returncode == 0, (done.returncode, done.stderr)


@pytest.mark.parametrize("ending", ["return", "raise", "exit", "os._exit", "exec", "threads", "daemon"])
def test_the_program_ends_as_it_would_without(native: Built, ending: str) -> None:
    source = """
        import os, sys, threading, time
        def burn():
            end = time.monotonic() + 5
            while time.monotonic() < end: sum(range(1000))
        end = time.process_time() + 0.1
        while time.process_time() < end: pass
        """
    endings = {
        "return": ("pass", 0),
        "raise": ("raise KeyError('x')", 1),
        "exit": ("sys.exit(7)", 7),
        "os._exit": ("os._exit(9)", 9),
        "exec": ("os.execv(sys.executable, [sys.executable, '-c', 'sum(range(20000000))'])", 0),
        "threads": ("threading.Thread(target=lambda: sum(range(5000000))).start()", 0),
        "daemon": ("[threading.Thread(target=burn, daemon=True).start() for _ in range(3)]; time.sleep(0.2)", 0),
    }
    line, expected = endings[ending]
    script = native.folder / f"ends-{ending}.py"
    script.write_text(textwrap.dedent(source) + line + "\n")
    for mode in ("cpu", "both"):
        options = [
            "--engine",
            "native",
            "--mode",
            mode,
            "--interval",
            "1ms",
            "--datadir",
            native.seen(native.folder / "profiles"),
        ]
        done = native.run("-m", "plopi.collector", *options, native.seen(script))
        assert done.returncode == expected, (done.returncode, done.stdout, done.stderr)
        assert done.stdout == ""


def test_a_forked_child_is_left_in_peace_and_can_profile_itself(native: Built) -> None:
    found = run(
        native,
        """
        from plopi.collector.walk import on_tick  # stays, and does nothing
        def work():
            statuses = []
            for turn in range(6):
                child = os.fork()
                if child == 0:
                    ok = not any(signal.getitimer(signal.ITIMER_PROF)) and signal.getsignal(signal.SIGPROF) is on_tick
                    if turn % 2:
                        ok = ok and shares(profiled(lambda: spin(0.2)).snapshot()).get("spin", 0) > 0.1
                    os._exit(0 if ok else 1)
                spin(0.05)
                statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            return statuses
        collector = Collector(interval=0.004, mode="both", engine="native")
        collector.start(None)
        statuses = work()
        collector.stop()
        print(json.dumps([statuses, shares(collector.snapshot())["spin"]]))
        """,
    )
    assert found[0] == [0] * 6 and found[1] == pytest.approx(0.3, rel=0.2)


def test_a_fork_meets_no_thread_of_ours_and_wall_time_goes_on(native: Built) -> None:
    """From 3.12 on ``os.fork`` warns of threads, and the ticker stayed: a line on stderr that is not the program's."""
    found = run(
        native,
        """
        import warnings
        collector = Collector(interval=0.004, mode="wall", engine="native")
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            collector.start(None)
            for _ in range(5):
                child = os.fork()
                if child == 0:
                    os._exit(0)
                os.waitpid(child, 0)
                time.sleep(0.1)
            spin(0.3)
            collector.stop()
        wall = sum(shares(collector.snapshot(), "wall").values())
        print(json.dumps([[str(each.message) for each in warned], wall, collector.about.own_cost_ns > 0]))
        """,
    )
    assert found[0] == [] and found[1] > 0.4 and found[2]


LIMITED = """
import resource
allowed = []  # threads, as soon as there is a child
def in_parent():
    if allowed:
        alone()
        limit(*allowed)
def alone():  # the helper that has just ended is there for a moment more
    end = time.monotonic() + 60
    if not os.path.exists("/proc/self/task"): time.sleep(0.5)  # a chroot has no /proc
    else:
        while len(os.listdir("/proc/self/task")) > 1 and time.monotonic() < end: time.sleep(0.01)
os.register_at_fork(after_in_parent=in_parent)  # before plopi's own, which starts the helper anew
profiled(lambda: None, mode="both").snapshot()  # all is imported: what follows may not read our folders
os.setgid(54321); os.setuid(100_000 + os.getpid())  # of nobody else, so that what it may have can be counted
def limit(count): resource.setrlimit(resource.RLIMIT_NPROC, (count, resource.getrlimit(resource.RLIMIT_NPROC)[1]))
"""
"""A child counts as a thread does: main, helper, ticker and one child are 4."""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="takes a user of its own to limit its threads: run as root")


@as_root
@pytest.mark.parametrize("mode", ["wall", "both"])
def test_a_ticker_that_cannot_be_had_after_a_fork_is_noted_and_tried_again(native: Built, mode: str) -> None:
    found = run(
        native,
        LIMITED
        + f"""
began = time.monotonic()
collector = Collector(interval=0.004, mode="{mode}", engine="native")
collector.start(None)
allowed.append(3)
child = os.fork()
if child == 0:
    time.sleep(0.5)
    os._exit(0)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
before = after = sum(shares(collector.snapshot(), "wall").values())
elapsed = time.monotonic() - began
while after < before + 0.5 and time.monotonic() - began < 30:
    time.sleep(0.2)
    after = sum(shares(collector.snapshot(), "wall").values())
collector.stop()
print(json.dumps([status, elapsed - before, after - before, list(collector.about.notes)]))
""",
    )
    status, missing, later, notes = found
    assert status == 0 and missing > 0.3 and later >= 0.5
    assert [note for note in notes if note.startswith("wall time was not sampled all the time: no thread could be started")]


@as_root
def test_a_child_that_cannot_have_the_ticker_says_so_in_its_profile(native: Built) -> None:
    found = run(
        native,
        LIMITED
        + """
collector = Collector(interval=0.004, mode="both", engine="native")
collector.start(None)
reader, writer = os.pipe()
child = os.fork()
if child == 0:
    time.sleep(0.3)
    limit(4)  # of the parent's three and this one's three
    own = Collector(interval=0.004, mode="both", engine="native")
    start_helper = own._start_helper
    own._start_helper = lambda: (limit(5), start_helper())
    own.start(None)
    spin(0.2)
    own.stop()
    os.write(writer, json.dumps([sum(shares(own.snapshot()).values()), list(own.about.notes)]).encode())
    os._exit(0)
os.close(writer)
os.waitpid(child, 0)
collector.stop()
print(os.read(reader, 10000).decode())
""",
    )
    assert found[0] == pytest.approx(0.2, rel=0.3)
    assert [note for note in found[1] if note.startswith("wall time was not sampled all the time: no thread could be started")]


@as_root
def test_a_helper_that_cannot_be_had_after_a_fork_is_noted_and_nothing_is_said(native: Built) -> None:
    done = native.run(
        "-c",
        PRELUDE
        + LIMITED
        + """
collector = Collector(interval=0.004, mode="cpu", engine="native")
collector.start(None)
allowed.append(1)
child = os.fork()
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
spin(0.3)
collector.stop()
print(json.dumps([shares(collector.snapshot()).get("spin", 0), list(collector.about.notes)]))
""",
    )
    assert (done.returncode, done.stderr) == (0, "")
    spun, notes = json.loads(done.stdout)
    assert spun > 0.2 and any("did not grow all the time" in note for note in notes)


def test_the_helper_does_not_blame_the_program_for_a_timer_that_is_off_for_a_fork(native: Built) -> None:
    found = run(
        native,
        """
        collector = Collector(interval=0.004, mode="cpu", engine="native")
        collector.start(None)
        engine = collector._engine
        engine.pause(); engine.check(); engine.resume(); engine.check()
        before = list(engine.tally.notes)
        signal.setitimer(signal.ITIMER_PROF, 0)
        engine.check()
        collector.stop()
        print(json.dumps([before, len(engine.tally.notes)]))
        """,
    )
    assert found == [[], 1]


def test_a_child_forked_after_the_program_took_the_signal_goes_on(native: Built) -> None:
    found = run(
        native,
        """
        collector = Collector(interval=0.004, mode="cpu", engine="native")
        collector.start(None)
        spin(0.1)
        signal.signal(signal.SIGPROF, lambda number, frame: None)
        child = os.fork()
        if child == 0:
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        end = time.monotonic() + 60
        while "taken over" not in " ".join(collector.about.notes) and time.monotonic() < end: time.sleep(0.05)
        collector.stop()
        print(json.dumps([status, list(collector.about.notes), getattr(signal.getsignal(signal.SIGPROF), "__name__", "?")]))
        """,
    )
    assert found[0] == 0 and "taken over" in " ".join(found[1]) and found[2] == "<lambda>"


def test_interrupted_system_calls_go_on_and_errno_stays(native: Built) -> None:
    found = run(
        native,
        """
        reader, writer = os.pipe()
        got = []
        def reads(): got.append(os.read(reader, 10))
        def work():
            thread = threading.Thread(target=reads); thread.start()
            spin(0.3); time.sleep(0.2)
            os.write(writer, b"x"); thread.join()
        profiled(work, mode="both", interval=0.001)
        print(json.dumps([got == [b"x"]]))
        """,
    )
    assert found == [True]


def test_code_objects_that_die_before_the_drain_keep_their_names(native: Built) -> None:
    found = run(
        native,
        """
        def work():
            for n in range(40):
                names = {"spin": spin}
                source = f"def gone{n}():\\n    total = 0\\n    for i in range(200000): total += i\\ngone{n}()"
                exec(compile(source, f"<gone{n}>", "exec"), names)
                del names
        sums = shares(profiled(work).snapshot())
        print(json.dumps([sum(name.startswith("gone") for name in sums), sum(sums.values())]))
        """,
    )
    assert found[0] >= 20


def test_a_thread_that_ended_before_the_drain_keeps_its_name(native: Built) -> None:
    found = run(
        native,
        """
        def work():
            threads = [threading.Thread(target=spin, args=(0.1,), name=f"brief-{n}") for n in range(3)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            time.sleep(0.3)
        profile = profiled(work).snapshot()
        print(json.dumps(sorted({profile.thread_name(thread) for thread in profile.samples.thread})))
        """,
    )
    assert set(found) >= {"brief-0", "brief-1", "brief-2"}


@pytest.mark.parametrize("mode", ["cpu", "wall", "both"])
def test_the_helper_takes_the_gil_for_its_drains_and_for_news_alone(native: Built, mode: str) -> None:
    """It rests while nothing is new; a new thread, many samples and the end of the profile end its rest."""
    found = run(
        native,
        f"""
        from plopi.collector import _sampler

        LONG, MOMENT = 30_000_000_000, 1_000_000
        collector = Collector(interval=0.001, mode="{mode}", engine="native")
        collector._start_helper = collector._stop_helper = lambda *_: None
        collector.start(None)
        _sampler.ignore_thread()

        def rested():
            "Whether a long rest was over before half of it was."
            began = time.monotonic()
            _sampler.rest(LONG, MOMENT)
            return time.monotonic() - began < 15

        def settled():
            turns = 0
            while _sampler.is_news() and turns < 1000:
                turns += 1
                collector._engine.settle()

        def in_a_thread(work):
            thread = threading.Thread(target=work)
            thread.start()
            return thread

        found = {{}}
        settled()
        _sampler.rest(20 * MOMENT, MOMENT)
        found["nothing new"] = not _sampler.is_news()
        go_on, ended = threading.Event(), threading.Event()
        def works():
            spin(0.1)
            go_on.wait()
            while not ended.is_set(): spin(0.01)
        threads = [in_a_thread(works)]
        found["a thread"] = rested() and _sampler.is_news()
        settled()
        go_on.set()
        found["samples"] = rested() and _sampler.is_news()
        ended.set()
        for thread in threads: thread.join()
        settled()
        threads = [in_a_thread(lambda: (time.sleep(0.05), _sampler.rouse()))]
        settled()
        found["roused"] = rested()
        _sampler.rouse()
        found["roused before"] = rested()
        print(json.dumps(found))
        threads[0].join()
        collector.stop()
        """,
    )
    assert found == dict.fromkeys(("nothing new", "a thread", "samples", "roused", "roused before"), True)


def test_a_program_that_saves_and_restores_the_handler_lives(native: Built) -> None:
    """What it finds and puts back must not be the default action, which ends the process at the next tick."""
    found = run(
        native,
        """
        def work():
            former = signal.signal(signal.SIGPROF, lambda number, frame: None)
            signal.signal(signal.SIGPROF, former)
            spin(0.2)
        collector = profiled(work, interval=0.001)
        print(json.dumps(signal.getitimer(signal.ITIMER_PROF)[0]))
        """,
    )
    assert found == 0


def test_nothing_of_plopi_is_in_the_profile(native: Built) -> None:
    script = native.folder / "own.py"
    script.write_text("import time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: sum(range(100))\n")
    output = native.seen(native.folder / "own.folded")
    done = native.run("-m", "plopi.collector", "--engine", "auto", "--format", "folded", "-o", output, native.seen(script))
    assert done.returncode == 0, done.stderr
    text = (native.folder / "own.folded").read_text()
    assert "native" in text and "plopi/collector" not in text.replace("plopi.collector", "") and "own.py" in text, text


# -- safety ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_storm_of_signals(native: Built, scenario: str) -> None:
    """Short; ``python tests/native/stress.py 60`` is the long form."""
    done = native.run(native.script("stress.py"), "0.5", scenario, PLOPI_ROOT=native.seen(native.folder))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(platform.machine() != "x86_64", reason="single-steps with x86's trap flag")
def test_the_walk_is_safe_at_every_machine_instruction(native: Built) -> None:
    """Short; ``python tests/native/stepping.py`` is the long form."""
    done = native.run(native.script("stepping.py"), "8000")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every instruction is safe" in done.stdout
