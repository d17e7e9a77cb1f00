"""What reading a file may cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a worker may use, and how many there are. Sizes in bytes; ``output``: of the columns it hands back."""

    file_size: int = 512 * 2**20
    memory: int = 4 * 2**30
    output: int = 2 * 2**30
    cpu_seconds: int = 90
    wall_seconds: float = 240.0
    files_per_worker: int = 1000
    workers: int = 2
