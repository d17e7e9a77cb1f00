"""What this interpreter and this machine let a sampler do, and what the user of a profile made with them should know."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module

FREE_THREADED_SINCE = (3, 14)
"""Before, a frame could not be read safely in a build without the GIL, not even one's own."""

MAKER = {12: "_xxsubinterpreters", 13: "_interpreters"}.get(sys.version_info.minor, "concurrent.interpreters")
"""Who has imported it may make interpreters with a GIL of their own. They are not even counted then: CPython's list of them is
unsafe while one ends, and on 3.12 taking it may end one a second time."""


def is_free_threaded() -> bool:
    """Whether threads run Python code at the same time; a build for that may still have its GIL switched on."""
    asked = getattr(sys, "_is_gil_enabled", None)
    return asked is not None and not asked()


@cache
def interpreter_lister() -> Callable[[], list[object]] | None:
    """Lists the interpreters of the process, where there can be some with a GIL of their own (3.12 on): C code makes them without
    ``MAKER``. That we have imported a module must not look as if the program had."""
    if sys.version_info < (3, 12):
        return None
    name = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
    was_there = name in sys.modules
    try:
        lister: Callable[[], list[object]] = import_module(name).list_all
    except ImportError:
        return None
    if not was_there:
        del sys.modules[name]
    return lister


def may_have_others(lister: Callable[[], list[object]] | None) -> bool:
    """Whether there may be interpreters whose threads run while we hold our GIL, so that no other thread may be looked at."""
    return lister is not None and (MAKER in sys.modules or len(lister()) > 1)


def refusal(measures_wall: bool) -> str | None:
    """Why nothing can be sampled here, with what to do about it, or None."""
    if not is_free_threaded():
        return None
    if sys.version_info < FREE_THREADED_SINCE:
        return (
            f"free-threaded Python {platform.python_version()} cannot be sampled without crashing it; "
            "run it with -X gil=1 (PYTHON_GIL=1), or use Python 3.14"
        )
    if measures_wall:
        return (
            "wall time cannot be sampled in free-threaded Python, where a thread cannot read the frames of another; "
            "use mode cpu, or run with -X gil=1 (PYTHON_GIL=1)"
        )
    return None


def no_signals() -> str | None:
    """Why no signal may be handled here although the system would let us, or None."""
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return "handling a signal may spoil the vector registers of the program on macOS arm64"
    return None


def cautions() -> list[str]:
    """Sentences for ``About.notes``."""
    found = []
    if is_free_threaded():
        found.append("experimental: in free-threaded Python only the main thread is sampled, and only while it runs Python code")
    if sys.version_info[:3] in ((3, 11, 0), (3, 11, 1)):
        found.append(
            f"Python {platform.python_version()} has faults in how frames are read that may crash it; use 3.11.2 or later"
        )
    return found
