"""Programs whose shares of elapsed time are known: they sleep, wait for each other and work, in threads. See ``play.py``."""

from __future__ import annotations

import queue
import random
import select
import threading
import time
from collections.abc import Callable

from meter import run
from workloads import (
    count_words,
    drive_bursts,
    drive_c_calls,
    drive_requests,
    drive_threads,
    escape_points,
    repeat,
    sort_by_insertion,
    stretch_key,
    sum_range,
)

dice = random.Random(7)
Function = Callable[[], object]


def threads_of(*functions: Function) -> list[threading.Thread]:
    """One for each, running."""
    threads = [threading.Thread(target=run, args=(function,), name=function.__name__) for function in functions]
    for thread in threads:
        thread.start()
    return threads


def join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join()


# --- one thread that waits in many ways ---


def sleep_shortly() -> None:
    time.sleep(dice.uniform(0.002, 0.006))


def wait_for_lock() -> None:
    """Held by nobody else: it waits for the time that it is given."""
    lock = threading.Lock()
    lock.acquire()
    lock.acquire(timeout=dice.uniform(0.005, 0.02))


def wait_in_select() -> None:
    select.select([], [], [], dice.uniform(0.005, 0.02))


def drive_waits(until: float) -> None:
    while time.monotonic() < until:
        for function in (sleep_shortly, wait_for_lock, wait_in_select, sum_range, stretch_key):
            run(function)
        run(sort_by_insertion, times=20)


# --- the main thread waits for others: one sleeps, two share a lock, one is in C without the GIL, one works ---

SHARED = threading.Lock()


def sleep_long() -> None:
    time.sleep(dice.uniform(0.03, 0.09))


def hold_lock() -> None:
    with SHARED:
        time.sleep(0.02)
    time.sleep(0.004)


def want_lock() -> None:
    with SHARED:
        pass
    time.sleep(0.002)


def drive_joined(until: float) -> None:
    def again_and_again(function: Function) -> Function:
        def repeated() -> None:
            repeat(function, until)

        return repeated

    join(threads_of(*map(again_and_again, (sleep_long, hold_lock, want_lock, stretch_key, escape_points))))


# --- a server: what a thread does next is decided by others ---

JOBS: queue.Queue[bool] = queue.Queue()


def take_job() -> bool:
    return JOBS.get()


def answer() -> None:
    time.sleep(0.003)


def serve() -> None:
    while run(take_job):
        run(count_words, times=3)
        run(answer)


def drive_server(until: float) -> None:
    threads = threads_of(serve, serve, serve)
    while time.monotonic() < until:
        JOBS.put(True)
        run(sleep_shortly)
    for _ in threads:
        JOBS.put(False)
    join(threads)


# --- from wait to wait with hardly any CPU time between, and then a long one ---


def hop() -> None:
    time.sleep(dice.uniform(0.001, 0.004))


def hop_again() -> None:
    time.sleep(dice.uniform(0.001, 0.004))


def settle() -> None:
    time.sleep(dice.uniform(0.02, 0.08))


def drive_hops(until: float) -> None:
    def go_round() -> None:
        while time.monotonic() < until:
            for function in (hop, hop_again, hop, settle):
                run(function)

    join(threads_of(go_round, go_round, go_round))


# --- thirty threads that wait, each third elsewhere, and one that works ---


def drive_crowd(until: float) -> None:
    ended = threading.Event()

    def wait_for_end() -> None:
        ended.wait()

    def sleep_till_end() -> None:
        time.sleep(max(0, until - time.monotonic()))

    def poll_till_end() -> None:
        while not ended.is_set():
            time.sleep(0.2)

    threads = threads_of(*(wait_for_end, sleep_till_end, poll_till_end) * 10)
    repeat(count_words, until)
    ended.set()
    join(threads)


WALL_WORKLOADS: dict[str, Callable[[float], None]] = {
    "waits": drive_waits,
    "joined": drive_joined,
    "server": drive_server,
    "hops": drive_hops,
    "crowd": drive_crowd,
    "c_calls": drive_c_calls,
    "threads": drive_threads,
    "bursts": drive_bursts,
    "requests": drive_requests,
}
