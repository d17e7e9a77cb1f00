"""A program worth a profile: it does each of the busy server's jobs for a few seconds, one after the other and in two threads.

python demo/example_program.py [seconds]
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

import work

JOBS: tuple[Callable[[], object], ...] = (
    work.sales_report,
    work.top_paths,
    lambda: work.sign("example"),
    work.best_sellers,
    lambda: work.place_queens(7),
    work.count_rings,
)


def draw_picture() -> list[list[int]]:
    return [work.mandelbrot_row(row) for row in range(60)]


def keep_drawing(until: float) -> None:
    while time.monotonic() < until:
        draw_picture()
        time.sleep(0.05)


def main(seconds: float) -> int:
    until = time.monotonic() + seconds
    painter = threading.Thread(target=keep_drawing, args=(until,), name="painter")
    painter.start()
    rounds = 0
    while time.monotonic() < until:
        for job in JOBS:
            job()
        rounds += 1
    painter.join()
    return rounds


if __name__ == "__main__":
    print(f"{main(float(sys.argv[1]) if len(sys.argv) > 1 else 3.0)} rounds")
