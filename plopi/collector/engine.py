"""What a collector asks of an engine, whichever way the engine samples."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Protocol

from plopi.collector.stacks import StackTable
from plopi.model import CPU, SAMPLES, WALL, SampleType

MODES = ("cpu", "wall", "virtual", "both")
MODE_ALIASES = {"prof": "cpu", "real": "wall"}
"""Plop's names for the same clocks."""


@dataclass(frozen=True)
class Plan:
    """What to sample: made once by the collector, never changed."""

    mode: str
    interval_ns: int
    threads: bool = True
    max_depth: int = 256

    @property
    def measures_cpu(self) -> bool:
        return self.mode != "wall"

    @property
    def measures_wall(self) -> bool:
        return self.mode in ("wall", "both")

    @property
    def sample_types(self) -> tuple[SampleType, ...]:
        """What every engine weighs its samples by."""
        return (SAMPLES, *([CPU] if self.measures_cpu else []), *([WALL] if self.measures_wall else []))


@dataclass
class Tally:
    """What an engine has counted about itself since it was started."""

    ticks: int = 0
    """Ticks of the timer that were handled."""
    spared: int = 0
    """Ticks that were not needed: threads went on as they did, and the ticks before and after stand for them."""
    by_helper: int = 0
    """Samples taken from the helper thread because the timer's handler did not run, or because the clock is wall time."""
    cost_ns: int = 0
    """CPU time spent sampling."""
    helper_cost_ns: int = 0
    """The part of it that was spent on the helper thread."""
    errors: int = 0
    notes: list[str] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        """Add a sentence for ``About.notes``, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)


class Engine(Protocol):
    """Takes samples into a ``StackTable``. Every method but ``poll``, ``rest`` and ``check`` may be called from any thread."""

    name: str
    sample_types: tuple[SampleType, ...]
    """Those of its plan, and after them what this engine knows besides."""
    table: StackTable
    tally: Tally

    def start(self) -> None:
        """Begin sampling; an engine that cannot have its timer says so in the tally and samples from ``poll``."""

    def poll(self) -> float:
        """On the helper thread: take what samples are due there; seconds until the next call, at most."""

    def rest(self, wake: threading.Lock, seconds: float) -> bool:
        """On the helper thread: wait for so long, for something to poll for, or until ``wake`` can be had: whether it was."""

    def rouse(self) -> None:
        """After ``wake`` was released: end the helper's ``rest``."""

    def check(self) -> None:
        """On the helper thread, about once a second: are timer and handler still ours, is the cost within bounds?"""

    def settle(self) -> None:
        """Before a drain: put weights that are known but not yet filed into the table."""

    def pause(self) -> None:
        """Before fork or exec: no tick may arrive from here on."""

    def resume(self) -> None:
        """After a fork (in the parent) or an exec that failed."""

    def stop(self) -> None:
        """No tick arrives from here on, and what was borrowed from the process is given back. May be called twice."""

    def abandon(self) -> None:
        """In a forked child: forget everything, touch nothing the parent uses."""
