"""The errors plopi raises on purpose: each message gives the fact, the value and the remedy in one sentence."""

from __future__ import annotations


class PlopiError(Exception):
    """Base of every error that plopi raises on purpose; ``str()`` of it is fit to be shown to a user."""


class UsageError(PlopiError):
    """The caller asked for something that cannot be had (exit code 2, HTTP 400)."""


class Unanswerable(PlopiError):
    """The question makes sense, and the data of this profile cannot answer it (HTTP 409)."""


class AlreadyRunning(PlopiError):
    """A second start while this process is being profiled (HTTP 409): one sampler per process."""


class FormatError(PlopiError):
    """A file is not what its format demands.

    ``offset`` is the byte (of the decompressed content) at which reading stopped, or None where no single byte is to blame.
    """

    def __init__(self, message: str, offset: int | None = None) -> None:
        super().__init__(message if offset is None else f"{message} (at byte {offset})")
        self.offset = offset


class LimitExceeded(FormatError):
    """A file is well-formed so far but larger than the reader was allowed to go."""
