"""What a worker found out about a file, checked: the worker may have been taken over by the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from plopi.errors import FormatError, PlopiError
from plopi.model import About, Profile
from plopi.viewer.readers.columns import Array, about_from

MAX_TEXT = 4096
"""Characters of any one text that the index keeps of a file."""
SLOW_SECONDS = 0.2
"""CPU time from which on a profile's columns are worth keeping, even if only its summary was wanted."""
MAX_THREADS = 1000
MAX_TYPES = 64
MAX_NOTES = 100


class Unreadable(PlopiError):
    """A file that cannot be shown, and why.

    ``lasting``: it will not change until the file does. ``key``: what the file was then, where that was seen.
    """

    def __init__(self, reason: str, lasting: bool = True, key: Key | None = None) -> None:
        super().__init__(reason)
        self.lasting = lasting
        self.key = key


@dataclass(frozen=True, slots=True)
class Key:
    """What tells one content of a file from another without reading it."""

    device: int
    inode: int
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What the index shows of a profile."""

    format: str
    shape: str
    sample_types: tuple[tuple[str, str], ...]
    samples: int | None
    functions: int
    threads: tuple[tuple[str, int], ...]
    about: About


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file's content at ``key``; ``profile`` is None where only the summary was wanted. ``size``: bytes of its columns.

    ``prepared``: what analysis worked out of the profile beforehand, in the worker.
    """

    key: Key
    summary: Summary
    profile: Profile | None
    size: int
    prepared: Mapping[str, Array] = field(default_factory=dict, compare=False, repr=False)
    base: Parsed | None = field(default=None, compare=False, repr=False)
    """The same recording as it was when all of it was last prepared: its rows are the first of each table of this one."""
    memo: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """Room for what views work out once for all of them."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a file has been read: ``done`` of the ``size`` bytes of a stage; ``ahead``: files that come first, while queued."""

    stage: str = "queued"
    done: int = 0
    size: int = 0
    ahead: int = 0


class Pending(Exception):
    """The profile is still being read."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress.stage)
        self.progress = progress


STAGES = ("reading", "unpacking", "parsing", "preparing", "packing")
"""What a worker goes through, in this order."""


def summary_from(answer: Mapping[str, Any]) -> Summary:
    """A worker's ``done`` message as a Summary; FormatError if it is none."""
    try:
        fields = answer["summary"]
        samples = fields["samples"]
        if samples is not None:
            samples = _count(samples)
        return Summary(
            format=_text(answer["format"]),
            shape=_choice(fields["shape"], ("stacks", "calls")),
            sample_types=tuple((_text(kind["name"]), _text(kind["unit"])) for kind in fields["sample_types"][:MAX_TYPES]),
            samples=samples,
            functions=_count(fields["functions"]),
            threads=tuple((_text(thread["name"]), _count(thread["ident"])) for thread in fields["threads"][:MAX_THREADS]),
            about=_short(about_from(answer["about"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"the reader's answer lacks or misstates {error}; please report this file") from None


def progress_from(fields: Any) -> Progress:
    """A worker's ``progress`` message; what makes no sense becomes zero."""
    if not isinstance(fields, dict):
        return Progress("reading")
    done, size = (value if type(value) is int and value >= 0 else 0 for value in (fields.get("done"), fields.get("size")))
    stage = fields.get("stage")
    return Progress(stage if stage in STAGES else "reading", done, size)


def _short(about: About) -> About:
    return replace(
        about,
        command=about.command[:MAX_TEXT],
        host=about.host[:MAX_TEXT],
        python=about.python[:MAX_TEXT],
        engine=about.engine[:MAX_TEXT],
        mode=about.mode[:MAX_TEXT],
        process_start=about.process_start[:MAX_TEXT],
        notes=tuple(note[:MAX_TEXT] for note in about.notes[:MAX_NOTES]),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text ({type(value).__name__} found)")
    return value[:MAX_TEXT]


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError(f"a count ({str(value)[:40]} found)")
    return value


def _choice(value: Any, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ValueError(f"one of {choices}")
    return str(value)
