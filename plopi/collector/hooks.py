"""What the process does that a running collector must know of: fork, exec, exit.

``os.register_at_fork`` and ``atexit`` know no way back, so both are told once per process, when the first collector starts, and
ask then whether one is running. ``os.execv`` and ``os.execve`` (which every other ``os.exec*`` calls) are wrapped only while
one is.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, Protocol


class Running(Protocol):
    """What is told about the process."""

    def before_fork(self) -> None: ...
    def after_fork_in_parent(self) -> None: ...
    def after_fork_in_child(self) -> None: ...
    def before_exec(self) -> None: ...
    def after_failed_exec(self) -> None: ...
    def at_exit(self) -> None: ...


_running: Running | None = None
_registered = False
_originals: tuple[Any, Any] | None = None


def watch(running: Running) -> None:
    """Tell ``running`` what the process does, until ``unwatch``."""
    global _running, _registered, _originals
    _running = running
    if not _registered:
        _registered = True
        os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
        atexit.register(_at_exit)
    if _originals is None:
        _originals = (os.execv, os.execve)
        os.execv, os.execve = execv, execve


def unwatch() -> None:
    global _running, _originals
    _running = None
    if _originals is not None:
        if os.execv is execv:
            os.execv = _originals[0]
        if os.execve is execve:
            os.execve = _originals[1]
        _originals = None


def _before_fork() -> None:
    if _running is not None:
        _running.before_fork()


def _after_fork_in_parent() -> None:
    if _running is not None:
        _running.after_fork_in_parent()


def _after_fork_in_child() -> None:
    if _running is not None:
        running = _running
        unwatch()
        running.after_fork_in_child()


def _at_exit() -> None:
    if _running is not None:
        _running.at_exit()


def execv(path: Any, argv: Sequence[Any], /) -> NoReturn:
    """``os.execv`` while a collector runs: a timer that outlives the program kills the next one."""
    original = _originals[0] if _originals is not None else os.execv
    _exec(original, path, argv)


def execve(path: Any, argv: Sequence[Any], env: Mapping[Any, Any]) -> NoReturn:
    """``os.execve`` while a collector runs."""
    original = _originals[1] if _originals is not None else os.execve
    _exec(original, path, argv, env)


def _exec(original: Any, *arguments: Any) -> NoReturn:
    running = _running
    if running is not None:
        running.before_exec()
    try:
        original(*arguments)
    finally:
        if running is not None:
            running.after_failed_exec()
    raise AssertionError("exec returned")  # pragma: no cover
