"""The answer to the timeline above a recording's views."""

from __future__ import annotations

from plopi.model import Profile
from plopi.viewer.analysis import Index
from plopi.viewer.analysis import timeline as timelines
from plopi.viewer.analysis.timeline import ThreadRow
from plopi.viewer.arguments import Arguments, Given
from plopi.viewer.payloads.common import Json, indexed, text, type_of, weighed_of
from plopi.viewer.view import View

DEFAULT_BUCKETS, MOST_BUCKETS = 300, 600


def buckets(arguments: Arguments) -> int:
    """How many stretches of time are asked for at most."""
    return Given(arguments).whole("buckets", DEFAULT_BUCKETS, 1, MOST_BUCKETS)


def timeline(profile: Profile | Index, view: View, most: int, revision: str = "") -> Json:
    """Weight by stretch of time; no buckets where the profile does not tell when its samples were taken."""
    about = indexed(profile)
    weighed_of(about, view)
    found = timelines.timeline(about.profile, view.type, view.thread, most)
    times = about.profile.about
    answer = {
        "v": 1,
        "revision": revision,
        "type": type_of(about.profile.sample_types[view.type]),
        "start_ns": times.started_ns,
        "duration_ns": times.duration_ns,
        "growing": not times.complete,
        "buckets": {"start": [], "length": [], "weight": []},
        "threads": [],
        "untimed": 0,
    }
    if found is not None:
        columns = {"start": found.start, "length": found.length, "weight": found.weight}
        answer["buckets"] = {name: values.tolist() for name, values in columns.items()}
        answer["threads"] = [_thread(about.profile, row) for row in found.threads]
        answer["untimed"] = found.untimed
    return answer


def _thread(profile: Profile, row: ThreadRow) -> Json:
    if row.others:
        name = f"{row.others} others"
    else:
        name = "unknown thread" if row.thread is None else text(profile.thread_name(row.thread))
    return {"id": row.thread, "name": name, "others": row.others, "weight": row.weight, "weights": row.weights.tolist()}
