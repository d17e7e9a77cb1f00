"""What a worker gives up before it looks at a file."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446
"""System call numbers, the same on every Linux architecture (they are younger than the unified table)."""
_LANDLOCK_RULE_PATH_BENEATH = 1
_LANDLOCK_ASK_VERSION = 1
_READ_FILE, _READ_DIR = 4, 8
_FILE_RIGHTS = ((1, 13), (2, 14), (3, 15), (5, 16))
"""(version of Landlock, number of rights about files that it knows): everything that opens, makes, changes or removes files."""
_NICE = 3
"""Half of what others get who want the same processor: slower on a busy machine, but far from a standstill."""
_TCP, _TCP_FROM = 3, 4
_SCOPES, _SCOPES_FROM = 3, 6
"""Binding and connecting; abstract Unix sockets and signals to others; and the versions that know them."""


class _RulesetAttr(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _PathBeneathAttr(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32)]


def give_way() -> None:
    """To whatever else wants the processor, for good. Linux may share it among sessions first (sched(7), autogroup), of which a
    worker is one of its own: then nice values count for nothing between them, and the session's own has to be lowered."""
    os.nice(_NICE)
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(_NICE))


def limit(memory: int, output: int, cpu_hard: int) -> None:
    """Cap memory, bytes of any file written, CPU seconds and open files of this process for good; no core dumps, no children."""
    _set(resource.RLIMIT_AS, memory)
    _set(resource.RLIMIT_FSIZE, output)
    _set(resource.RLIMIT_NOFILE, 32)
    _set(resource.RLIMIT_CORE, 0)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_hard, cpu_hard))


def limit_cpu(seconds: int) -> None:
    """From now on at most so many CPU seconds more; SIGXCPU ends the process after them."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = int(usage.ru_utime + usage.ru_stime) + seconds + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def renounce(readable: Sequence[str]) -> list[str]:
    """No privileges by exec and no debuggers; no files but those below ``readable``, no TCP and no signals to others.

    As far as the kernel offers it.

    Returns what was had, e.g. ``["no_new_privs", "landlock"]``.
    """
    had: list[str] = []
    if not sys.platform.startswith("linux"):
        return had
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
            had.append("no_new_privs")
            if _landlock(libc, readable):
                had.append("landlock")
    return had


def _landlock(libc: ctypes.CDLL, readable: Sequence[str]) -> bool:
    version = libc.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_ASK_VERSION)
    rules = _RulesetAttr(
        max((2**rights - 1 for since, rights in _FILE_RIGHTS if since <= version), default=0),
        _TCP if version >= _TCP_FROM else 0,
        _SCOPES if version >= _SCOPES_FROM else 0,
    )
    ruleset = libc.syscall(_LANDLOCK_CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(ctypes.sizeof(rules)), 0)
    if version < 1 or ruleset < 0:
        return False
    try:
        for path in readable:
            _allow_reading(libc, ruleset, path)
        return bool(libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _allow_reading(libc: ctypes.CDLL, ruleset: int, path: str) -> None:
    with contextlib.suppress(OSError):
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            beneath = _PathBeneathAttr(_READ_FILE | _READ_DIR, fd)
            libc.syscall(_LANDLOCK_ADD_RULE, ruleset, _LANDLOCK_RULE_PATH_BENEATH, ctypes.byref(beneath), 0)
        finally:
            os.close(fd)


def _set(what: int, value: int) -> None:
    hard = resource.getrlimit(what)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    try:
        resource.setrlimit(what, (value, value))
    except (OSError, ValueError):  # macOS knows limits that it does not let one set
        if sys.platform.startswith("linux"):
            raise
