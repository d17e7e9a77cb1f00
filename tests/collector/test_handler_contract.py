"""The contract at the head of ``walk.py``: what the signal handler may do is told by its text, what it leaves by counting."""

from __future__ import annotations

import ast
import inspect
from typing import Any

import pytest

from plopi.collector import walk

MAY_BE_CALLED = {
    # clocks, and what CPython knows of threads and frames
    "perf_counter_ns", "thread_time_ns", "process_time_ns", "clock_gettime_ns", "thread_count", "_current_frames", "gettrace",
    # the timer, switched off where a tick does harm
    "setitimer", "disable", "enable", "isenabled",
    # questions that C answers: room in the wakeup descriptor, how many interpreters there are
    "has_room", "interpreters",
    # containers and objects without a constructor of Python's
    "append", "pop", "get", "add", "discard", "len", "tuple", "reversed", "repr", "Record", "Mark",
    # for a thread that is seen for the first time
    "thread_clock",
}  # fmt: skip


def test_the_handler_takes_no_lock_does_no_io_and_calls_nothing_but_what_is_listed() -> None:
    tree = ast.parse(inspect.getsource(walk.on_tick))
    called = {
        call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, (ast.Attribute, ast.Name))
    }
    assert called <= MAY_BE_CALLED
    assert not [
        node for node in ast.walk(tree) if isinstance(node, (ast.With, ast.Import, ast.ImportFrom, ast.Yield, ast.Lambda))
    ]


def test_objects_that_the_handler_makes_have_no_constructor_of_pythons() -> None:
    for made in (walk.Record, walk.Mark):
        assert "__init__" not in vars(made) and "__new__" not in vars(made)


@pytest.mark.one_python
def test_ticks_leave_nothing_behind_for_the_garbage_collector(run: Any) -> None:
    """The same stacks again and again: what was made for them is gone, or counted once, after each drain."""
    ran = run("""
        def down(n): return down(n - 1) if n else spin(0.3)
        c = Collector(0.004, "cpu", "python"); c.start(None)
        counts = []
        for _ in range(6):
            down(100); c.snapshot(); gc.collect(); counts.append(len(gc.get_objects()))
        c.stop()
        answer(counts=counts, garbage=len(gc.garbage))
    """)
    assert ran.answer["garbage"] == 0
    assert max(ran.answer["counts"][2:]) - ran.answer["counts"][1] < 400
