"""On what and when a benchmark ran: the head of every report."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def describe() -> list[str]:
    """Markdown lines: date, machine, Python, load before the run."""
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return [
        f"- {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC",
        f"- {processor()}, {os.cpu_count()} CPUs; {platform.system()} {platform.release()}",
        f"- {platform.python_implementation()} {platform.python_version()}",
        f"- load average before the run: {load}",
    ]


def markdown_table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join(" --- " if i == 0 else " ---: " for i in range(len(head))) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])
