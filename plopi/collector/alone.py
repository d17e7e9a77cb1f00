"""Looking single-threaded around a fork: from 3.12 on ``os.fork`` warns of threads, and plopi's is not the program's."""

from __future__ import annotations

import contextlib
import re
import sys
import time
from pathlib import Path
from typing import Any

from plopi.collector.native_threads import clock_of_thread, original

_TASKS = Path("/proc/self/task")
_GONE_SECONDS = 0.05
_WARNING = re.compile(r"This process \(pid=\d+\) is multi-threaded, use of fork")
_MUTE = ("ignore", _WARNING, DeprecationWarning, None, 0)
WARNS = sys.version_info >= (3, 12)
WARNS_LATE = sys.version_info >= (3, 13)
"""It looks for threads after the hooks in the parent have run."""


def wait_until_gone(native_id: int) -> None:
    """A thread that has run its last line is still there for the kernel for a moment, and as long it has a clock."""
    deadline = time.monotonic() + _GONE_SECONDS
    with contextlib.suppress(OSError):
        while WARNS and time.monotonic() < deadline:
            time.clock_gettime(clock_of_thread(native_id))
            original("sleep", "time")(0.00005)


def mute() -> Any:
    """Where the program has no other threads, take back the warning that would come now; what ``unmute`` needs, or None."""
    if not WARNS_LATE:
        return None
    try:
        if sum(1 for _ in _TASKS.iterdir()) != 1:
            return None
    except OSError:
        return None
    import warnings

    # Not by warnings.filterwarnings: that makes every warning that was shown once be shown again.
    filters: Any = warnings.filters
    filters.insert(0, _MUTE)
    return filters


def unmute(filters: Any) -> None:
    for at, each in enumerate(filters):
        if each is _MUTE:
            del filters[at]
            return
