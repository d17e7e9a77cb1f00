"""Threads of the operating system, also where gevent or eventlet have put their own in the place of Python's."""

from __future__ import annotations

import _thread
import sys
from typing import Any


def original(name: str) -> Any:
    """``_thread.NAME`` as CPython made it."""
    gevent = sys.modules.get("gevent.monkey")
    if gevent is not None:
        return gevent.get_original("_thread", name)
    eventlet = sys.modules.get("eventlet.patcher")
    if eventlet is not None:
        return getattr(eventlet.original("_thread"), name)
    return getattr(_thread, name)
