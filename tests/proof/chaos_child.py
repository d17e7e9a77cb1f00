"""A program that records itself over and over, until it is told to stop or killed:
``python -m tests.proof.chaos_child DATADIR LOG STOP SEED``. What is written it acknowledges in LOG, a line of JSON each."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path

from plopi.collector.collector import Collector
from plopi.collector.recording import Recording

INTERVAL = 0.004


def main(datadir: str, log: str, stop: str, seed: str) -> None:
    chance = random.Random(seed)
    acknowledgements = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    while not Path(stop).exists():
        sink = Recording(datadir, f"chaos {seed}")
        collector = Collector(INTERVAL, chance.choice(("cpu", "wall")), sink=sink)
        collector.start()
        work(chance.uniform(0.1, 2.5))
        collector.stop()
        if not sink.fault and sink.path is not None:
            line = json.dumps({"file": sink.path.name, "samples": sink.samples}) + "\n"
            os.write(acknowledgements, line.encode())


def work(seconds: float) -> None:
    """Now and then, so that a machine of two cores carries several."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.monotonic()
        while time.monotonic() < begin + 0.01:
            sum(range(300))
        time.sleep(0.03)


if __name__ == "__main__":
    main(*sys.argv[1:])
