"""Whether the native engine's C part was built from the C sources that lie beside it, as in a checkout.

Imports nothing of plopi: ``setup.py`` and the tests read it when they build.
"""

from __future__ import annotations

from binascii import crc32
from pathlib import Path

HERE = Path(__file__).parent


def fingerprint(folder: Path = HERE) -> int:
    """Of the sources in ``folder``; 0 where there are none, as in an installed wheel."""
    sum_so_far = 0
    for source in sorted(folder.glob("_sampler*.[ch]")):
        sum_so_far = crc32(source.read_bytes(), sum_so_far)
    return sum_so_far
