"""What is said on stderr when a profiled program has ended."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from plopi.collector.recording import FileSink
from plopi.collector.settings import Settings
from plopi.model import About

_MOSTLY_WAITED = 0.5
"""Below this share of the elapsed time on the CPU, a profile of CPU time misses most of the story."""
_SHORT_NS = 200_000_000


def summary(sink: FileSink, settings: Settings, began_in: Path) -> Iterator[str]:
    """Where the profile is, what is in it, what it cost, how to look at it. Nothing if it could not be written: that was said."""
    about = sink.about
    if sink.path is None or sink.fault or about is None:
        return
    path = _shown(sink.path, began_in)
    yield f"{path}: {', '.join(_facts(sink, about))}"
    yield from (f"note: {note}" for note in about.notes)
    if _mostly_waited(about, settings.mode):
        share = 100 * (about.process_cpu_ns or 0) / (about.duration_ns or 1)
        yield f"the program was on the CPU for {share:.0f} % of the time; run it with --mode wall to see where it waited"
    yield f"to look at it: {_how_to_look(sink.path, path, settings, began_in)}"


def _facts(sink: FileSink, about: About) -> Iterator[str]:
    samples = sink.samples
    yield f"{samples:,} sample{'' if samples == 1 else 's'}"
    if about.duration_ns is not None:
        yield f"{about.duration_ns / 1e9:.2f} s"
    yield f"{about.mode or 'cpu'} time by the {about.engine or 'python'} engine"
    if about.own_cost_ns is not None and about.process_cpu_ns:
        yield f"own cost {100 * about.own_cost_ns / about.process_cpu_ns:.2f} % of the CPU time"


def _mostly_waited(about: About, mode: str) -> bool:
    duration, cpu = about.duration_ns or 0, about.process_cpu_ns
    return mode in ("cpu", "virtual") and cpu is not None and duration > _SHORT_NS and cpu < _MOSTLY_WAITED * duration


def _how_to_look(path: Path, shown: str, settings: Settings, began_in: Path) -> str:
    viewer = f"python -m plopi.viewer --datadir {shlex.quote(_shown(path.parent, began_in))}"
    others = {
        "pprof": f"go tool pprof -http=: {shlex.quote(shown)}",
        "pstats": f"python -m pstats {shlex.quote(shown)}",
        "speedscope": "https://www.speedscope.app",
        "folded": f"flamegraph.pl {shlex.quote(shown)}",
    }
    other = others.get(settings.format)
    return f"{viewer}   (or {other})" if other else viewer


def _shown(path: Path, began_in: Path) -> str:
    """Short where it lies below the directory in which the user typed the command."""
    try:
        return os.fspath(path.relative_to(began_in)) or "."
    except ValueError:
        return os.fspath(path)
