"""The answer about a function's source: its lines, and how much weight each has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from plopi.model import Profile
from plopi.viewer import source as sources
from plopi.viewer.analysis import Index
from plopi.viewer.payloads.common import Json, head, indexed, look_at, text
from plopi.viewer.payloads.function import lines_of
from plopi.viewer.view import View


def source(profile: Profile | Index, view: View, function_id: int, roots: Sequence[Path], revision: str = "") -> Json | None:
    """Lines of a function with their self and cum; None where its source may or can not be shown."""
    about = indexed(profile)
    if not 0 <= function_id < len(about.profile.functions):
        return None
    look = look_at(about, view)
    heat = {row.pop("line"): row for row in lines_of(look, function_id)}
    file, name = about.profile.function_file(function_id), about.profile.function_name(function_id)
    first = int(about.profile.functions.line[function_id])
    found = sources.read(roots, file, name, first, max(heat, default=first), about.profile.about.started_ns)
    if found is None:
        return None
    cold = {"self": 0, "cum": 0} if look.sides is None else {"self": 0, "cum": 0, "base_self": 0, "base_cum": 0, "noise": None}
    lines = [{"n": n, "text": text(line), **heat.get(n, cold)} for n, line in enumerate(found.lines, found.first)]
    told = {"file": text(found.file), "first": found.first, "lines": lines, "matches": found.matches, "why": found.why}
    return {**head(about.profile, view, look.numbers, revision), **told}
