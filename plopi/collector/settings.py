"""What a user may choose about a profile, in one place for the command line, ``plopi.profile`` and HTTP."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from plopi.collector.choice import ENGINES
from plopi.collector.engine import MODE_ALIASES, MODES
from plopi.errors import UsageError
from plopi.formats import FORMATS

MODE_NAMES = {**{mode: mode for mode in MODES}, **MODE_ALIASES}
"""What may be said, with Plop's names, and what it means."""
INTERVAL = 0.01
MAX_STACKS = 50_000
DATADIR = "profiles"
_LONGEST_INTERVAL = 60.0
_UNITS = {"": 1.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6}


@dataclass(frozen=True)
class Settings:
    """Times in seconds. ``output`` None: a file of its own name in ``datadir``."""

    mode: str = "cpu"
    interval: float = INTERVAL
    duration: float | None = None
    max_stacks: int = MAX_STACKS
    engine: str = "auto"
    threads: bool = True
    format: str = "pprof"
    output: Path | None = None
    datadir: Path = Path(DATADIR)
    follow_fork: bool = True
    quiet: bool = False


def mode_named(text: str) -> str:
    return MODE_NAMES[_one_of("mode", text, tuple(MODE_NAMES))]


def engine_named(text: str) -> str:
    return _one_of("engine", text, ENGINES)


def format_named(text: str) -> str:
    return _one_of("format", text, tuple(FORMATS))


def seconds(text: str) -> float:
    """``"0.01"``, ``"10ms"``, ``"2 s"``: a positive time in seconds."""
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*(s|ms|us|µs|)\s*", text)
    value = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not (math.isfinite(value) and value > 0):
        raise UsageError(f"{text!r} is no positive time; write seconds such as 0.01, or 10ms")
    return value


def interval_of(text: str) -> float:
    """The time between samples, in seconds."""
    value = seconds(text)
    if value > _LONGEST_INTERVAL:
        raise UsageError(f"an interval of {text!r} is above {_LONGEST_INTERVAL:g} seconds; 10ms is usual")
    return value


def interval_of_rate(text: str) -> float:
    """The interval for so many samples per second."""
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 1 / _LONGEST_INTERVAL <= rate <= 100_000:
        raise UsageError(f"{text!r} is no rate; write samples per second such as 100")
    return 1 / rate


def positive_count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:12]) > 0):
        raise UsageError(f"{text!r} is no positive whole number; write one such as {MAX_STACKS}")
    return int(text[:12])


def truth(text: str) -> bool:
    """``1``, ``yes``, ``on``, ``true`` or ``0``, ``no``, ``off``, ``false``, as an environment variable says it."""
    word = text.strip().lower()
    if word in ("1", "yes", "on", "true"):
        return True
    if word in ("0", "no", "off", "false", ""):
        return False
    raise UsageError(f"{text!r} is neither yes nor no; write 1 or 0")


def _one_of(what: str, text: str, allowed: tuple[str, ...]) -> str:
    if text not in allowed:
        raise UsageError(f"there is no {what} {text!r}; choose one of {', '.join(allowed)}")
    return text
