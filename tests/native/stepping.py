"""The walk at every machine instruction: ``python tests/native/stepping.py [INSTRUCTIONS]`` (x86-64, a C compiler).

Builds ``_stepper.c`` for this Python, lets it single-step calls of every kind, and checks at each instruction that the chain is
either refused or made of live code objects, in an order in which they really called each other.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import AsyncGenerator, Callable, Generator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def build(directory: str) -> Any:
    """The stepper, compiled for the running Python and imported."""
    target = Path(directory) / f"_stepper{sysconfig.get_config_var('EXT_SUFFIX')}"
    command = ["gcc", "-std=gnu11", "-O2", "-g", "-fPIC", "-shared", "-I", sysconfig.get_path("include")]
    subprocess.run([*command, str(HERE / "_stepper.c"), "-o", str(target)], check=True)
    sys.path.insert(0, directory)
    import _stepper  # type: ignore[import-not-found]

    return _stepper


def down(n: int, then: Callable[[], Any]) -> Any:
    return down(n - 1, then) if n else then()


def gen(n: int) -> Generator[int, Any, None]:
    for i in range(n):  # noqa: UP028 - a frame for each item is the point
        yield i


def chained(depth: int) -> Generator[int, Any, None]:
    yield from chained(depth - 1) if depth else gen(3)


def plain() -> None:
    for i in range(8):
        down(i, lambda: 1)


def callbacks() -> None:
    for n in (3, 1):
        sorted(range(n), key=lambda x: -x)
        max(range(n), key=lambda x: x)


def generators() -> None:
    for _ in range(4):
        sum(gen(3))
        list(chained(3))
        for _ in chained(1):
            pass


def thrown() -> None:
    for _ in range(3):
        half = chained(3)
        next(half)
        try:
            half.throw(KeyError())
        except KeyError:
            pass
        chained(2).close()
        half = gen(3)
        next(half)
        half.close()


def border() -> None:
    """Where the data stack gets another chunk."""
    for depth in range(60, 140, 3):
        down(depth, lambda: list(gen(1)))


class Thing:
    def __init__(self, value: int) -> None:
        self.value = value

    def __lt__(self, other: Thing) -> bool:
        return self.value < other.value

    def __del__(self) -> None:
        self.value = 0


def objects() -> None:
    sorted([Thing(2), Thing(1)])


def coroutines() -> None:
    async def leaf() -> int:
        return 1

    async def root() -> int:
        return await leaf() + await leaf()

    for _ in range(3):
        try:
            root().send(None)
        except StopIteration:
            pass


def errors() -> None:
    def fails(n: int) -> int:
        try:
            return fails(n - 1) if n else 1 // 0
        finally:
            n += 1

    for n in (0, 3):
        try:
            fails(n)
        except ZeroDivisionError:
            pass


def made() -> None:
    for n in range(2):
        exec(compile(f"def made(x): return x + {n}\nmade(1)", "<made>", "exec"), {})


class Inlined:
    """What the interpreter calls without C between, once it knows the class."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __getitem__(self, at: int) -> int:
        return self.value + at

    def __getattr__(self, name: str) -> int:
        return len(name)

    def __call__(self, *args: int, **named: int) -> int:
        return sum(args)

    @property
    def twice(self) -> int:
        return self.value * 2


class Guarded(Inlined):
    def __getattribute__(self, name: str) -> Any:
        return object.__getattribute__(self, name)


def inlined() -> None:
    for _ in range(20):
        made = Inlined(1)
        assert made.twice == 2 and made[1] == 2 and made.four == 4
        assert Guarded(3).twice == 6


def spread() -> None:
    numbers, named = (1, 2), {"x": 3}
    for _ in range(20):
        assert Inlined(0)(*numbers, **named) == 3
        assert partial(down, 2)(lambda: 5) == 5
        assert down(*(1,), then=lambda: 4) == 4


def asynchronous() -> None:
    class Manager:
        async def __aenter__(self) -> int:
            return 1

        async def __aexit__(self, *_: object) -> None:
            pass

    async def numbers() -> AsyncGenerator[int]:
        for i in range(3):
            yield i

    async def root() -> int:
        async with Manager() as total:
            async for number in numbers():
                total += number
        half = numbers()
        await anext(half)
        await half.aclose()
        return total

    for _ in range(2):
        try:
            root().send(None)
        except StopIteration as stop:
            assert stop.value == 4


def traced() -> None:
    """Under ``sys.settrace``: the interpreter's instrumented instructions, or its way through every line."""

    def tracer(frame: Any, event: str, _: object) -> Any:
        return tracer

    sys.settrace(tracer)
    try:
        down(3, lambda: list(gen(2)))
    finally:
        sys.settrace(None)


CASES = (plain, callbacks, generators, thrown, border, objects, coroutines, errors, made, inlined, spread, asynchronous, traced)
HOOKS = ("traced.<locals>.tracer",)
"""Called by the interpreter itself, from anywhere."""


def edges_of(function: Callable[[], None]) -> set[tuple[str, str]]:
    known: set[tuple[str, str]] = set()

    def on_call(frame: Any, event: str, _: object) -> None:
        if event == "call" and frame.f_back is not None:
            known.add((frame.f_back.f_code.co_qualname, frame.f_code.co_qualname))

    sys.setprofile(on_call)
    try:
        function()
    finally:
        sys.setprofile(None)
    return known


def check(stepper: Any, function: Callable[[], None], limit: int) -> str | None:
    """What is wrong, in words, or None."""
    function()
    function()
    known = edges_of(function)
    found = stepper.step(function, limit)
    wrong: dict[tuple[str, str], int] = {}
    good = 0
    for chain, count in found.pop("chains"):
        names = [name for name in chain if name is not None]
        whole = names[-1:] == ["<module>"] and "check" in names and (function.__name__ in names or names[0] == "check")
        below = names[: names.index(function.__name__) + 1] if function.__name__ in names else names[:0]
        pairs = [(caller, callee) for callee, caller in pairwise(below) if callee not in HOOKS]
        strange = [pair for pair in pairs if pair not in known]
        strange += [] if whole else [("", "/".join(names))]
        good += 0 if strange else count
        for edge in strange:
            wrong[edge] = wrong.get(edge, 0) + count
    refused = (found["torn"] + found["empty"]) / max(1, found["steps"])
    print(f"{function.__name__}: {found}, refused {refused:.3%}, wrong stacks at {sum(wrong.values())} instructions", flush=True)
    if found["strange"]:
        return f"{function.__name__}: {found['strange']} code pointers led to no code object"
    if found["differs"] or not found["copied"]:
        return f"{function.__name__}: of {found['copied']} walks of copied memory {found['differs']} found another stack"
    if wrong:
        return f"{function.__name__}: calls that never happened: {wrong}"
    return f"{function.__name__}: no stack was read" if not good else None


def main() -> int:
    limit = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    with tempfile.TemporaryDirectory() as directory:
        stepper = build(directory)
        faults = [fault for fault in (check(stepper, case, limit) for case in CASES) if fault]
    print(f"{sys.version.split()[0]}: {'; '.join(faults) or 'every instruction is safe'}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
