"""The Python engine's handler walks a stack down to the first mark: what it finds is what a walk to the end would have found."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plopi.collector import walk
from plopi.collector.stacks import Mark, StackTable

INTERVAL = 4_000_000
Place = tuple[CodeType, int]


class Watched:
    """A sampler that is told when to tick. ``pairs``: for each tick the stack that was filed and the true one, root first."""

    def __init__(self, max_depth: int = 10_000) -> None:
        self.now = 0
        self.table = StackTable(100_000, max_depth)
        self.sampler = walk.Sampler(self.table, INTERVAL, (signal.ITIMER_PROF, signal.SIGPROF), False, max_depth)
        self.pairs: list[tuple[list[Place], list[Place]]] = []
        self.read = 0

    def tick(self) -> None:
        frame = sys._getframe(1)
        true = []
        walked: FrameType | None = frame
        while walked is not None:
            true.append((walked.f_code, walked.f_lasti))
            walked = walked.f_back
        self.sampler.seen = self.sampler.mine.cpu = 0  # each tick is late, and this thread has moved
        walk.on_tick(signal.SIGPROF, frame)
        ((_, _, _, chain, mark, cut, _),) = self.table.taken
        self.read += len(chain) // 2
        self.table.taken.clear()
        found, missing = self.table._chain(self.table._node_of(chain, mark, cut, True))
        assert missing is (len(true) > self.table.max_depth)
        self.pairs.append((found, true[: self.table.max_depth][::-1]))

    def __enter__(self) -> Watched:
        walk.switch(self.sampler)
        return self

    def __exit__(self, *_: object) -> None:
        walk.switch(None)
        walk.remove_marks(None)


Act = Callable[["Play"], None]


class Play:
    """Runs a drawn program: calls from either of two lines, deep calls, callbacks from C, exceptions, generators that are begun
    in one place and resumed from any other, and ticks."""

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self.suspended: list[Iterator[None]] = []

    def run(self, acts: list[Any]) -> None:
        for kind, first, inner in acts:
            if first:
                getattr(self, kind)(inner)
            else:
                getattr(self, kind)(inner)

    def tick(self, inner: list[Any]) -> None:
        self.watched.tick()

    def call(self, inner: list[Any]) -> None:
        self.run(inner)

    def deep(self, inner: list[Any], levels: int = 40) -> None:
        if levels:
            self.deep(inner, levels - 1)
        else:
            self.run(inner)

    def callback(self, inner: list[Any]) -> None:
        list(map(self.run, [inner, inner[:1]]))

    def fail(self, inner: list[Any]) -> None:
        try:
            self.deep_failure(inner, 20)
        except ZeroDivisionError:
            self.run(inner[-1:])

    def deep_failure(self, inner: list[Any], levels: int) -> None:
        if levels:
            self.deep_failure(inner, levels - 1)
        self.run(inner[:1])
        raise ZeroDivisionError

    def begin(self, inner: list[Any]) -> None:
        self.suspended.append(self.steps(inner))

    def steps(self, inner: list[Any]) -> Iterator[None]:
        for act in inner:
            self.deep([act], 12)
            yield

    def resume(self, inner: list[Any]) -> None:
        if self.suspended:
            generator = self.suspended.pop(0)
            if next(generator, self) is not self:
                self.suspended.append(generator)
        self.run(inner)


LEAVES = st.tuples(st.just("tick"), st.booleans(), st.just([]))
KINDS = st.sampled_from(["call", "deep", "callback", "fail", "begin", "resume"])
PROGRAMS = st.lists(
    st.recursive(LEAVES, lambda inner: st.tuples(KINDS, st.booleans(), st.lists(inner, max_size=4)), max_leaves=25), max_size=8
)


@given(PROGRAMS)
def test_a_walk_to_the_first_mark_finds_the_whole_stack(program: list[Any]) -> None:
    with Watched() as watched:
        Play(watched).run(program)
    for found, true in watched.pairs:
        assert found == true


@given(PROGRAMS, st.integers(1, 100))
def test_so_it_does_where_stacks_are_cut(program: list[Any], max_depth: int) -> None:
    with Watched(max_depth) as watched:
        Play(watched).run(program)
    for found, true in watched.pairs:
        assert found == true


def descend(levels: int, act: Callable[[], None]) -> None:
    if levels:
        descend(levels - 1, act)
    else:
        act()


def test_what_stands_still_is_not_read_again() -> None:
    def work() -> None:
        for _ in range(100):
            watched.tick()

    with Watched() as watched:
        descend(500, work)
    assert all(found == true for found, true in watched.pairs)
    assert watched.read < 600 + 100 * 12


def test_a_generator_is_no_place_for_a_mark() -> None:
    def generator(levels: int) -> Iterator[None]:
        if levels:
            yield from generator(levels - 1)
        while True:
            watched.tick()
            yield

    with Watched() as watched:
        steps = generator(100)
        for levels in (30, 60, 30):
            descend(levels, lambda: next(steps))
    assert all(found == true for found, true in watched.pairs)


def traces() -> list[Any]:
    """``f_trace`` of the caller's frame and all below it."""
    found: list[Any] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        found.append(frame.f_trace)
        frame = frame.f_back
    return found


def test_equal_code_of_two_files_is_two_functions_and_code_made_again_is_one() -> None:
    with Watched() as watched:
        for name in ("one.py", "two.py", "one.py"):
            made: dict[str, Any] = {}
            exec(compile("def work(tick): tick()", name, "exec"), made)
            made["work"](watched.tick)
    leaves = [found[-1][0] for found, _ in watched.pairs]
    assert [leaf.co_filename for leaf in leaves] == ["one.py", "two.py", "one.py"]
    assert leaves[0] is leaves[2]


def test_a_mark_is_no_trace_function_to_a_debugger_that_asks_whether_there_is_one() -> None:
    assert not Mark()


def test_f_trace_of_others_is_left_alone_and_ours_goes_at_the_end() -> None:
    def theirs(*_: object) -> None:
        pass

    def look() -> None:
        watched.tick()
        seen.extend(traces())
        walk.remove_marks(None)
        left.extend(traces())

    def take_some(levels: int) -> None:
        sys._getframe().f_trace = theirs
        if levels:
            take_some(levels - 1)
        else:
            descend(30, look)

    seen: list[Any] = []
    left: list[Any] = []
    with Watched() as watched:
        take_some(30)
    assert seen.count(theirs) == 31
    assert any(isinstance(trace, Mark) for trace in seen)
    assert set(left) == {None, theirs}


def test_nothing_is_marked_while_a_debugger_traces() -> None:
    def look() -> None:
        watched.tick()
        seen.extend(traces())

    seen: list[Any] = []
    before = sys.gettrace()
    with Watched() as watched:
        sys.settrace(lambda *_: None)
        try:
            descend(50, look)
        finally:
            sys.settrace(before)
    assert not any(isinstance(trace, Mark) for trace in seen)


def test_what_waits_is_bounded_and_its_time_is_truncated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "MANY_TAKEN", 5)
    monkeypatch.setattr(walk, "thread_time_ns", lambda: watched.now)
    with Watched() as watched:
        watched.sampler.mine.cpu = 0
        for _ in range(20):
            watched.now += INTERVAL
            walk.on_tick(signal.SIGPROF, sys._getframe())
            watched.sampler.seen = 0
    assert len(watched.table.taken) == 6
    watched.table.file()
    assert sum(cell.cpu for _, cell in watched.table.dirty) == pytest.approx(20 * INTERVAL, abs=INTERVAL)
    assert watched.sampler.mine.overflow is not None
    assert watched.sampler.mine.overflow.cpu == pytest.approx(14 * INTERVAL, abs=INTERVAL)


PROGRAM = """
import pdb, sys, time

def leave(levels):
    if levels:
        leave(levels - 1)
        after = levels
    else:
        begin = time.process_time()
        while time.process_time() - begin < 0.1:
            pass
        debugger = pdb.Pdb(nosigint=True, readrc=False)
        debugger.set_trace()
        inside = 1

leave(40)
print("done")
"""
COMMANDS = "next\n" * 3 + "step\n" * 12 + "return\n" + "next\n" * 4 + "continue\n"
TRACED = """
import sys, time

def work():
    begin = time.process_time()
    while time.process_time() - begin < 0.1:
        pass

def tracer(frame, event, argument):
    events.append((frame.f_code.co_name, event, frame.f_lineno))
    return tracer

def descend(levels):
    if levels:
        descend(levels - 1)
    else:
        work()
        sys.settrace(tracer)
        small()

def small():
    return 1

events = []
descend(60)
sys.settrace(None)
print(events)
"""


@pytest.mark.parametrize(("program", "commands"), [(PROGRAM, COMMANDS), (TRACED, "")], ids=["pdb", "settrace"])
def test_a_debugger_sees_what_it_sees_without(program: str, commands: str, tmp_path: Any) -> None:
    script = tmp_path / "program.py"
    script.write_text(program)
    collector = ["-m", "plopi.collector", "-q", "--engine", "python", "--interval", "4ms", "-o", str(tmp_path / "x.pb.gz")]
    plain, sampled = (
        subprocess.run(
            [sys.executable, *arguments, str(script)], input=commands, capture_output=True, text=True, timeout=240, cwd=tmp_path
        )
        for arguments in ([], collector)
    )
    assert "done" in plain.stdout or "small" in plain.stdout
    assert sampled.stdout == plain.stdout
    assert sampled.stderr == plain.stderr
