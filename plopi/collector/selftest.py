"""Does the native engine read this interpreter's frames rightly? Asked once, when the engine is first wanted.

Stacks of every kind (recursion, generators, coroutines, callbacks from C, class bodies, ``__init__``, finalizers, exceptions)
are read as the signal handler reads them, and compared with what ``sys._getframe`` says. Takes about a millisecond.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from types import CodeType, FrameType
from typing import Any

Probe = Callable[[], "list[tuple[CodeType, int]] | None"]


def failure(probe: Probe) -> str | None:
    """What goes wrong, in words, or None."""
    wrong: list[str] = []
    for case in _CASES:
        try:
            case(partial(_compare, probe, case.__name__.lstrip("_"), wrong))
        except (
            Exception
        ) as error:  # an audit hook that forbids ``exec``, a stack that is nearly full: the program's, not ours to raise
            return f"the self-test could not be run ({type(error).__name__}: {error})"
        if wrong:
            return f"the self-test failed: frames of the case {wrong[0]!r} were not read as Python shows them"
    return None


def _compare(probe: Probe, case: str, wrong: list[str]) -> None:
    seen = probe()
    frame: FrameType | None = sys._getframe()
    shown = []
    while frame is not None:
        shown.append((frame.f_code, frame.f_lineno))
        frame = frame.f_back
    same_code = seen is not None and [code for code, _ in seen] == [code for code, _ in shown]
    # the leaf is this function, which has gone on to another line by now
    if not same_code or any(_line(*mine) != line for mine, (_, line) in list(zip(seen or (), shown))[1:]):
        wrong.append(case)


def _line(code: CodeType, unit: int) -> int | None:
    for start, end, line in code.co_lines():
        if start <= 2 * unit < end:
            return line
    return code.co_firstlineno


Check = Callable[[], None]


def _plain(check: Check) -> None:
    check()


def _recursion(check: Check, depth: int = 40) -> None:
    if depth:
        _recursion(check, depth - 1)
    else:
        check()


def _generator(check: Check) -> None:
    def inner() -> Generator[int, None, None]:
        check()
        yield 1
        check()

    def outer() -> Generator[int, None, None]:
        yield from inner()

    for _ in outer():
        check()
    list(outer())


def _throw(check: Check) -> None:
    def inner() -> Generator[int, None, None]:
        try:
            yield 1
        except KeyError:
            check()
            yield 2

    def outer() -> Generator[int, None, None]:
        yield from inner()

    running = outer()
    next(running)
    running.throw(KeyError())
    running.close()


def _coroutine(check: Check) -> None:
    class Pause:
        def __await__(self) -> Generator[None, None, None]:
            check()
            yield

    async def inner() -> None:
        await Pause()
        check()

    async def outer() -> None:
        await inner()

    running: Coroutine[Any, Any, None] = outer()
    running.send(None)
    try:
        running.send(None)
    except StopIteration:
        pass


def _callback(check: Check) -> None:
    def key(value: int) -> int:
        check()
        return value

    sorted([2, 1], key=key)
    max([1, 2], key=lambda value: key(value))
    [call() for call in (check, check)]


def _objects(check: Check) -> None:
    class Thing:
        check()

        def __init__(self) -> None:
            check()

        @property
        def value(self) -> int:
            check()
            return 1

        def __getattr__(self, name: str) -> int:
            check()
            return 2

        def __del__(self) -> None:
            check()

    thing = Thing()
    thing.value, thing.missing  # noqa: B018
    del thing


def _exception(check: Check) -> None:
    def fails() -> None:
        try:
            raise KeyError
        finally:
            check()

    try:
        fails()
    except KeyError:
        check()


def _compiled(check: Check) -> None:
    exec(compile("def made(check):\n\n    check()\nmade(check)", "<made>", "exec"), {"check": check})


_CASES = (_plain, _recursion, _generator, _throw, _coroutine, _callback, _objects, _exception, _compiled)
