"""What crosses the wire: the answers to views as plain dicts (docs/architecture.md, "Wire format").

Each takes a profile or, to save work from request to request, the ``analysis.index`` kept beside it. Nothing here computes a
statistic; it only asks ``analysis`` and writes the answers down.
"""

from __future__ import annotations

from plopi.viewer.payloads.about import details, merged, summary
from plopi.viewer.payloads.common import VERSION, Json, NoSuchFunction, text
from plopi.viewer.payloads.flame import flame
from plopi.viewer.payloads.function import function
from plopi.viewer.payloads.graph import graph
from plopi.viewer.payloads.source import source
from plopi.viewer.payloads.table import table
from plopi.viewer.payloads.timeline import timeline

__all__ = [
    "VERSION",
    "Json",
    "NoSuchFunction",
    "details",
    "flame",
    "function",
    "graph",
    "merged",
    "source",
    "summary",
    "table",
    "text",
    "timeline",
]
