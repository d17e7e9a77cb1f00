"""What is said of a profile besides its views: made in the worker that reads it."""

from __future__ import annotations

from plopi.model import Profile
from plopi.viewer.analysis.call_graph import ticks_of
from plopi.viewer.payloads.common import Json, text, type_of


def summary(profile: Profile) -> Json:
    """What the list says of a profile's content; the rest of a list entry is about its file."""
    about = profile.about
    return {
        "shape": profile.shape,
        "host": text(about.host),
        "pid": about.pid,
        "command": text(about.command),
        "python": text(about.python),
        "engine": text(about.engine),
        "mode": text(about.mode),
        "samples": ticks_of(profile),
        "duration_ns": about.duration_ns,
        "started_ns": about.started_ns,
        "sample_types": [type_of(sample_type) for sample_type in profile.sample_types],
        "notes": [text(note) for note in about.notes],
    }


def details(profile: Profile) -> Json:
    """What a profile's own page says besides its entry in the list."""
    about = profile.about
    threads = profile.threads
    return {
        "threads": [
            {"id": thread, "name": text(profile.thread_name(thread)), "ident": int(threads.ident[thread])}
            for thread in range(len(threads))
        ],
        "own_cost_ns": about.own_cost_ns,
        "process_cpu_ns": about.process_cpu_ns,
        "period_ns": about.period_ns,
        "ticks": about.ticks,
        "ticks_lost": about.ticks_lost,
        "complete": about.complete,
    }
