"""Profile in, plain results out: the only place where a statistic is computed. Knows nothing of JSON, HTTP or the screen."""

from __future__ import annotations

from plopi.viewer.analysis.index import Index, Weighed, index
from plopi.viewer.analysis.prepared import prepare

__all__ = ["Index", "Weighed", "index", "prepare"]
