"""A lens as a value: what is done to a profile before anything is counted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

By = Literal["function", "module", "package", "line"]
BYS: tuple[By, ...] = ("function", "module", "package", "line")


@dataclass(frozen=True)
class Lens:
    """``time``: from and to, nanoseconds after the profile's start, snapped outwards to windows.

    ``focus``, ``ignore``, ``hide`` are patterns: every one of ``focus`` matches some function of a stack, none of ``ignore``
    does, and what matches one of ``hide`` is cut out. ``by``: what counts as a function. ``collapse``: packages and modules of
    which all functions are one.
    """

    time: tuple[int, int] | None = None
    focus: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    hide: tuple[str, ...] = ()
    by: By = "function"
    collapse: tuple[str, ...] = ()

    @property
    def groups(self) -> bool:
        """Whether a function is something else than in the profile."""
        return bool(self.collapse) or self.by != "function"

    @property
    def drops(self) -> Lens:
        """What of it only drops samples."""
        return replace(self, hide=(), by="function", collapse=())

    @property
    def only_drops(self) -> bool:
        """Whether samples go and nothing else changes."""
        return not self.groups and not self.hide
