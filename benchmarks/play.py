"""Runs a workload whose truth is known, and writes that down:  python benchmarks/play.py NAME SECONDS TRUTH_FILE"""

from __future__ import annotations

import gc
import json
import sys
import time

from meter import charge_gc, meter, run, totals
from waiting import WALL_WORKLOADS
from workloads import CPU_WORKLOADS

WORKLOADS = CPU_WORKLOADS | WALL_WORKLOADS
SOURCES = ("play.py", "meter.py", "workloads.py", "waiting.py")
"""What must lie beside each other to be run."""


def main_of_workload(name: str, seconds: float, truth_file: str) -> None:
    if name == "gc":
        gc.callbacks.append(charge_gc)
    before = time.process_time_ns()
    run(WORKLOADS[name], time.monotonic() + seconds)
    meter.charge()
    truth = totals()
    whole = {"cpu": time.process_time_ns() - before, "wall": sum(truth["wall"].values())}
    with open(truth_file, "w", encoding="utf-8") as out:
        json.dump({"self": truth, "whole": whole}, out)


if __name__ == "__main__":
    main_of_workload(sys.argv[1], float(sys.argv[2]), sys.argv[3])
