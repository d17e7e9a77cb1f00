"""What plopi's writers put into files of other profilers' formats, and its readers know again."""

from __future__ import annotations

from plopi.model import GC_FUNCTION, TRUNCATED_FUNCTION, SampleType

BUILT_IN_FILE = "~"
"""pstats: the file, with line 0, of what has none: built-in functions, and plopi's own ``<gc>`` and ``<truncated>``."""
OWN_FUNCTIONS = (GC_FUNCTION, TRUNCATED_FUNCTION)

EXPORTER = "plopi"
"""speedscope: the first word of ``exporter``."""

TYPE_OF_UNIT = {"none": SampleType("samples", "count"), "bytes": SampleType("space", "bytes")}
"""What a unit counts where the file does not tell; a time's clock is unknown."""
