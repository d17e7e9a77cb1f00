"""Arguments of a URL as checked values; every refusal names the argument, its value and what would do instead."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from plopi.errors import UsageError

Arguments = Mapping[str, str | Sequence[str]]
"""By name: all values in their order, or the only one."""

LONGEST_QUERY = 200
MOST_REPEATED = 8
_RANGE = re.compile(r"(\d{1,9})(?:\.(\d{1,9})\d*)?-(\d{1,9})(?:\.(\d{1,9})\d*)?", re.ASCII)


class Given:
    """What was given and is not empty; of an argument that may stand once the last value counts."""

    def __init__(self, arguments: Arguments) -> None:
        values = {name: [each] if isinstance(each, str) else list(each) for name, each in arguments.items()}
        self._values = {name: [text.strip() for text in each if text.strip()] for name, each in values.items()}

    def text(self, name: str) -> str | None:
        values = self._values.get(name)
        return values[-1] if values else None

    def short(self, name: str) -> str:
        return _bounded(name, self.text(name) or "")

    def texts(self, name: str) -> tuple[str, ...]:
        """All values of an argument that may be repeated, each once."""
        values = tuple(dict.fromkeys(_bounded(name, text) for text in self._values.get(name, ())))
        if len(values) > MOST_REPEATED:
            raise UsageError(f"{name} is given {len(values)} times, and at most {MOST_REPEATED} are taken: join patterns by |.")
        return values

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        text = self.text(name)
        if text is None:
            return default
        if not is_digits(text) or not least <= int(text) <= most:
            raise UsageError(
                f"{name}={text!r} is not a whole number from {least} to {most}: give one, or leave it out for {default}."
            )
        return int(text)

    def wholes(self, name: str, most: int) -> tuple[int, ...]:
        """Whole numbers with commas between, rising, each once."""
        parts = [part.strip() for part in (self.text(name) or "").split(",") if part.strip()]
        if wrong := next((part for part in parts if not is_digits(part)), None):
            raise UsageError(f"{name} holds {wrong[:40]!r}, which is no function: give their numbers with commas between.")
        if len(parts) > most:
            raise UsageError(f"{name} names {len(parts)} functions, and at most {most} are taken: name fewer.")
        return tuple(sorted({int(part) for part in parts}))

    def one_of(self, name: str, choices: Sequence[str], default: str) -> str:
        text = self.text(name) or default
        if text not in choices:
            raise UsageError(f"{name}={text[:40]!r} is not known: choose one of {', '.join(choices)}.")
        return text

    def seconds(self, name: str) -> tuple[int, int] | None:
        """``1.5-20`` as nanoseconds from and to."""
        text = self.text(name)
        if text is None:
            return None
        found = _RANGE.fullmatch(text)
        start, end = (_nanoseconds(*found.group(1, 2)), _nanoseconds(*found.group(3, 4))) if found else (0, 0)
        if start >= end:
            raise UsageError(f"{name}={text[:60]!r} is no stretch of time: give seconds after the start as FROM-TO, like 1.5-20.")
        return start, end


def is_digits(text: str) -> bool:
    """Short enough, too, that turning it into an int costs nothing."""
    return text.isascii() and text.isdigit() and len(text) <= 12


def _nanoseconds(whole: str, fraction: str | None) -> int:
    return int(whole) * 10**9 + int((fraction or "").ljust(9, "0"))


def _bounded(name: str, text: str) -> str:
    if len(text) > LONGEST_QUERY:
        raise UsageError(f"{name} has {len(text)} characters: search for at most {LONGEST_QUERY}.")
    return text
