"""What a profile says of the program that it is taken of."""

from __future__ import annotations

import os
import platform
import socket
import sys
import time
from functools import lru_cache
from pathlib import Path

from plopi.model import About, bounded


def about_this_process(command: str | None, engine: str, mode: str, period_ns: int) -> About:
    """Of a profile that begins now; ``command`` is what was called, None: as ``sys.argv`` has it."""
    return About(
        command=bounded(command if command is not None else " ".join(sys.argv)),
        host=socket.gethostname(),
        pid=os.getpid(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        engine=engine,
        mode=mode,
        started_ns=time.time_ns(),
        period_ns=period_ns,
        complete=False,
        process_start=_process_start(os.getpid()),
    )


@lru_cache(maxsize=1)
def _process_start(_this: int) -> str:
    """Start time of this process in the kernel's words, "" where there is no procfs. Asked once in each process."""
    try:
        return Path("/proc/self/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
