"""What is said of a profile besides its views: made in the worker that reads it."""

from __future__ import annotations

from collections.abc import Sequence

from plopi.model import Profile
from plopi.viewer.analysis.call_graph import ticks_of
from plopi.viewer.analysis.derived import totals_of
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


def merged(members: Sequence[Profile], whole: Profile, rows: Sequence[Json], revision: str) -> Json:
    """What the page of several profiles as one says: as of one profile, from ``rows`` about each, and who they are."""
    first = rows[0]
    growing = any(row["status"] == "growing" for row in rows)
    return {
        **first,
        **summary(whole),
        **details(whole),
        "id": "+".join(row["id"] for row in rows),
        "revision": revision,
        "name": f"{first['name']} and {len(rows) - 1} more",
        "file": "",
        "format": first["format"] if len({row["format"] for row in rows}) == 1 else "",
        "status": "growing" if growing else "finished",
        "reason": None,
        "size": sum(row["size"] for row in rows),
        "mtime_ns": max(row["mtime_ns"] for row in rows),
        "alive": None,
        "cpu_percent": None,
        "rss": None,
        "functions": len(whole.functions),
        "members": [_member(profile, row) for profile, row in zip(members, rows)],
    }


def _member(profile: Profile, row: Json) -> Json:
    totals = totals_of(profile).sum(axis=1).tolist()
    return {
        **{name: row[name] for name in ("id", "name", "host", "pid", "samples")},
        "totals": {text(kind.name): total for kind, total in zip(profile.sample_types, totals)},
    }
