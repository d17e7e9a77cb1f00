"""plopi: a sampling profiler that lives inside the process it profiles, and a live viewer that stays fast on any profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Collector", "PlopiError", "install", "profile"]

if TYPE_CHECKING:
    from plopi.collector import Collector, install, profile
    from plopi.errors import PlopiError


def __getattr__(name: str) -> Any:
    """Public names are imported when first used, so that ``import plopi`` costs nothing (PEP 562)."""
    if name == "PlopiError":
        from plopi.errors import PlopiError

        return PlopiError
    if name in ("Collector", "install", "profile"):
        import plopi.collector

        return getattr(plopi.collector, name)
    raise AttributeError(f"module 'plopi' has no attribute {name!r}")
