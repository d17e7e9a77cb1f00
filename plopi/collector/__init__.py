"""The collector: samples the process it runs in. Public names are imported when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["Collector", "install", "profile"]

if TYPE_CHECKING:
    from plopi.collector.collector import Collector, install
    from plopi.collector.scope import profile


def __getattr__(name: str) -> Any:
    if name in ("Collector", "install"):
        from plopi.collector import collector

        return getattr(collector, name)
    if name == "profile":
        from plopi.collector.scope import profile

        return profile
    raise AttributeError(f"module 'plopi.collector' has no attribute {name!r}")
