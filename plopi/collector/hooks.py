"""What the process does that a running collector must know of: fork, exec, exit, and what the kernel allows to one thread alone.

``os.register_at_fork`` and ``atexit`` know no way back, so both are told once per process, when the first collector starts, and
ask then whether one is running. ``os.execv`` and ``os.execve`` (which every other ``os.exec*`` calls), ``os.unshare`` and
``os.setns`` are wrapped only while one is.
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
_originals: dict[str, Any] = {}
"""Functions of ``os``, while others stand in their place."""


def watch(running: Running) -> None:
    """Tell ``running`` what the process does, until ``unwatch``."""
    global _running, _registered
    _running = running
    if not _registered:
        _registered = True
        os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
        atexit.register(_at_exit)
    if not _originals:
        for name, wrapper in _WRAPPERS.items():
            _originals[name] = getattr(os, name)
            setattr(os, name, wrapper)


def unwatch() -> None:
    global _running
    _running = None
    for name, original in _originals.items():
        if getattr(os, name) is _WRAPPERS[name]:
            setattr(os, name, original)
    _originals.clear()


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
    _exec(_originals.get("execv", os.execv), path, argv)


def execve(path: Any, argv: Sequence[Any], env: Mapping[Any, Any]) -> NoReturn:
    """``os.execve`` while a collector runs."""
    _exec(_originals.get("execve", os.execve), path, argv, env)


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


def unshare(flags: Any) -> Any:
    """``os.unshare`` while a collector runs: new namespaces of users are for a process of one thread (unshare(2), EINVAL)."""
    return _by_one_thread(_originals.get("unshare", os.unshare), flags)  # type: ignore[attr-defined, unused-ignore]


def setns(fd: Any, nstype: Any = 0) -> Any:
    """``os.setns`` while a collector runs, for the same reason (setns(2))."""
    return _by_one_thread(_originals.get("setns", os.setns), fd, nstype)  # type: ignore[attr-defined, unused-ignore]


def _by_one_thread(original: Any, *arguments: Any) -> Any:
    """As around a fork: plopi's threads end before and begin anew after it."""
    _before_fork()
    try:
        return original(*arguments)
    finally:
        _after_fork_in_parent()


_WRAPPERS = {each.__name__: each for each in (execv, execve, unshare, setns) if hasattr(os, each.__name__)}
"""Those that this Python has: ``unshare`` and ``setns`` come with 3.12, on Linux."""
