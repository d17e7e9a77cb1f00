"""What is known of how a profile was made (``About``) as pprof comments: one ``key: value`` each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, replace

from plopi import __version__
from plopi.formats.limits import INT64_MAX
from plopi.model import About

_TEXT = ("command", "host", "python", "engine", "mode", "process_start")
_CHANGING = ("own_cost_ns", "process_cpu_ns", "ticks", "ticks_lost")
_NUMBERS = ("pid", *_CHANGING)

_IN_FIELDS_OF_THEIR_OWN = {"started_ns", "duration_ns", "period_ns"}
if {field.name for field in fields(About)} != {*_TEXT, *_NUMBERS, "complete", "notes", *_IN_FIELDS_OF_THEIR_OWN}:
    raise TypeError("every field of About needs a place in a pprof file")


def comments_of(about: About) -> Iterator[tuple[str, str]]:
    """(key, value) of all that is known; ``note`` may come any number of times."""
    yield "plopi", __version__
    yield from _known(about, (*_TEXT, *_NUMBERS))
    yield "complete", "true" if about.complete else "false"
    yield from _notes(about)


def changing_comments_of(about: About) -> Iterator[tuple[str, str]]:
    """Those that change while a recording runs. ``complete`` does not: no recording is before it is finished."""
    yield from _known(about, _CHANGING)
    yield from _notes(about)


def _known(about: About, keys: Iterable[str]) -> Iterator[tuple[str, str]]:
    for key in keys:
        value = getattr(about, key)
        if value not in (None, ""):
            yield key, str(value)


def _notes(about: About) -> Iterator[tuple[str, str]]:
    for note in about.notes:
        yield "note", note


def about_from(about: About, comments: Iterable[str]) -> About:
    """``about`` with what the comments say; of equal keys the last counts, unknown comments become notes."""
    changes: dict[str, object] = {}
    notes = dict.fromkeys(about.notes)
    for comment in comments:
        key, colon, value = comment.partition(": ")
        if colon and key in _TEXT:
            changes[key] = value
        elif colon and key in _NUMBERS and _is_number(value):
            changes[key] = int(value)
        elif comment in ("complete: true", "complete: false"):
            changes["complete"] = value == "true"
        elif colon and key == "note":
            notes[value] = None
        elif not (colon and key in ("plopi", "window_ns")):
            notes[comment] = None
    return replace(about, **changes, notes=tuple(notes))  # type: ignore[arg-type]


def number_of(key: str, comments: Iterable[str]) -> int | None:
    """The number after the last ``key: ``, if there is one."""
    values = [comment.partition(": ")[2] for comment in comments if comment.startswith(f"{key}: ")]
    return int(values[-1]) if values and _is_number(values[-1]) else None


def _is_number(value: str) -> bool:
    digits = value.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) <= 19 and int(digits) <= INT64_MAX
