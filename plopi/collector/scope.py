"""``plopi.profile``: a stretch of a program under the profiler."""

from __future__ import annotations

import functools
import inspect
import logging
import os
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar, overload

from plopi.collector.collector import Collector
from plopi.collector.session import collector_for, sink_for
from plopi.collector.settings import DATADIR, INTERVAL, MAX_STACKS, Settings, engine_named, format_named, mode_named
from plopi.errors import AlreadyRunning, UsageError

F = TypeVar("F", bound=Callable[..., Any])


class Scope:
    """What ``profile(...)`` returns: a context manager that gives the running ``Collector``, and a decorator."""

    def __init__(self, settings: Settings, name: str | None) -> None:
        self._settings, self._name = settings, name
        self._collector: Collector | None = None

    def __enter__(self) -> Collector:
        collector = _started(self._settings, self._name or _program_name())
        self._collector = collector
        return collector

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        collector, self._collector = self._collector, None
        if collector is not None:
            collector.stop()

    def __call__(self, function: F) -> F:
        shared = _Shared(self._settings, self._name or function.__qualname__.replace("<locals>.", ""))
        return _wrapped(function, shared)


@overload
def profile(function: F, /) -> F: ...
@overload
def profile(
    *,
    name: str | None = ...,
    mode: str = ...,
    interval: float = ...,
    duration: float | None = ...,
    engine: str = ...,
    threads: bool = ...,
    max_stacks: int = ...,
    datadir: str | os.PathLike[str] = ...,
    format: str = ...,
    output: str | os.PathLike[str] | None = ...,
) -> Scope: ...
def profile(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    mode: str = "cpu",
    interval: float = INTERVAL,
    duration: float | None = None,
    engine: str = "auto",
    threads: bool = True,
    max_stacks: int = MAX_STACKS,
    datadir: str | os.PathLike[str] = DATADIR,
    format: str = "pprof",
    output: str | os.PathLike[str] | None = None,
) -> Any:
    """Profile a block, or every call of a function: ``with plopi.profile(mode="wall"):``, ``@plopi.profile``.

    Records to ``datadir``, in a file whose name begins with ``name`` (default: the program, or the function), unless
    ``format`` or ``output`` say otherwise; ``interval`` and ``duration`` are in seconds. A block gets the ``Collector``, and
    raises AlreadyRunning where this process is being profiled already. A decorated function simply runs then. Its calls
    that overlap, by recursion or in several threads or tasks, share one profile. Coroutine and generator functions are
    profiled from their first step to their last.
    """
    settings = Settings(
        mode=mode_named(mode),
        interval=interval,
        duration=duration,
        max_stacks=max_stacks,
        engine=engine_named(engine),
        threads=threads,
        format=format_named(format),
        output=None if output is None else Path(output),
        datadir=Path(datadir),
    )
    scope = Scope(settings, name)
    return scope if function is None else scope(function)


def _started(settings: Settings, name: str) -> Collector:
    collector = collector_for(settings, sink_for(settings, name))
    collector.start(settings.duration)
    return collector


def _program_name() -> str:
    return Path(sys.argv[0] if sys.argv and sys.argv[0] not in ("", "-c") else "python").name.removesuffix(".py")


class _Shared:
    """One profile for all calls of a function that run at the same time: from the start of the first to the end of the last."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._settings, self._name = settings, name
        self._lock = threading.Lock()
        self._calls = 0
        self._collector: Collector | None = None
        os.register_at_fork(after_in_child=self._forked)

    @contextmanager
    def call(self) -> Generator[None]:
        self._enter()
        try:
            yield
        finally:
            self._leave()

    def _enter(self) -> None:
        with self._lock:
            self._calls += 1
            if self._calls == 1:
                try:
                    self._collector = _started(self._settings, self._name)
                except AlreadyRunning as error:
                    logging.getLogger("plopi").warning("%s runs without a profile of its own: %s", self._name, error)

    def _leave(self) -> None:
        with self._lock:
            self._calls -= 1
            if self._calls == 0 and self._collector is not None:
                collector, self._collector = self._collector, None
                collector.stop()

    def _forked(self) -> None:
        self._lock = threading.Lock()
        self._collector = None


def _wrapped(function: F, shared: _Shared) -> F:
    wrapper: Callable[..., Any]
    if inspect.isasyncgenfunction(function):
        raise UsageError(
            f"{function.__qualname__} is an asynchronous generator function, which cannot be decorated; "
            "write `with plopi.profile():` inside it"
        )
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            with shared.call():
                return await function(*args, **kwargs)

    elif inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with shared.call():
                return (yield from function(*args, **kwargs))

    else:

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with shared.call():
                return function(*args, **kwargs)

    return wrapper  # type: ignore[return-value]
