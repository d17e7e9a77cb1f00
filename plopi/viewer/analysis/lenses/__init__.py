"""Lenses: a profile in, what is left of it or how it looks from farther away out. Pure, and by whole columns."""

from __future__ import annotations

from plopi.viewer.analysis.lenses.apply import Reshaping, Seen, apply, dropped
from plopi.viewer.analysis.lenses.lens import BYS, By, Lens

__all__ = ["BYS", "By", "Lens", "Reshaping", "Seen", "apply", "dropped"]
