"""What a collector tells the outside about its rows."""

from __future__ import annotations

from typing import Protocol

from plopi.model import ProfileBuilder


class Sink(Protocol):
    """Where drained rows go. No method may raise: the application behaves as it would without plopi, whatever the disk does."""

    def flush(self, rows: ProfileBuilder) -> None:
        """After each drain, on the collector's helper thread; looks at the rows after its own cursor."""

    def finish(self, rows: ProfileBuilder) -> None:
        """Once, at stop, on the thread that stops; ``rows.about`` is complete."""

    def abandon(self) -> None:
        """In a forked child: the file belongs to the parent, close what was inherited and never write."""
