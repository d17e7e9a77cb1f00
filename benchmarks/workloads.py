"""Programs whose shares of CPU time are known. See ``play.py``."""

from __future__ import annotations

import hashlib
import json
import random
import threading
import time
import zlib
from collections.abc import Callable

from meter import run

dice = random.Random(5)


# --- long calls into C: one call is many ticks ---

FLOATS = [dice.random() for _ in range(150_000)]
TEXT = bytes(dice.choice(b"abcdefgh \n") for _ in range(350_000))
RECORDS = [{"id": i, "name": f"name {i}", "values": list(range(i % 9))} for i in range(12_000)]


def sort_floats() -> object:
    return sorted(FLOATS)


def stretch_key() -> object:
    return hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", 60_000)


def compress_text() -> object:
    return zlib.compress(TEXT, 6)


def sum_range() -> object:
    return sum(range(1_200_000))


def encode_records() -> object:
    return json.dumps(RECORDS)


def drive_c_calls(until: float) -> None:
    while time.monotonic() < until:
        for function in (sort_floats, stretch_key, compress_text, sum_range, encode_records):
            run(function)


# --- straight-line functions: back from C before anyone looks ---

BIG, BIGGER = dice.getrandbits(90_000), dice.getrandbits(160_000)
HAYSTACK = "ab" * 1_200_000
NUMBERS = list(range(250_000))
SAME = list(range(250_000))


def multiply() -> object:
    return BIG * BIGGER


def remainder() -> object:
    return BIGGER % BIG


def search_text() -> object:
    return "ba!" in HAYSTACK


def join_lists() -> object:
    return NUMBERS + SAME


def compare_lists() -> object:
    return NUMBERS == SAME


def drive_straight(until: float) -> None:
    while time.monotonic() < until:
        for function in (multiply, remainder, search_text, join_lists, compare_lists):
            run(function)


# --- ordinary Python: loops, dicts, strings, calls ---

WORDS = " ".join(dice.choice(["stack", "frame", "tick", "sample", "window"]) for _ in range(3_000))


def count_words() -> dict[str, int]:
    counts: dict[str, int] = {}
    for word in WORDS.split():
        counts[word] = counts.get(word, 0) + 1
    return counts


def escape_points() -> int:
    steps = 0
    for i in range(90):
        re_part = im_part = 0.0
        for _ in range(40):
            re_part, im_part = re_part * re_part - im_part * im_part + i / 90, 2 * re_part * im_part + 0.3
            if re_part * re_part + im_part * im_part > 4:
                break
            steps += 1
    return steps


def sort_by_insertion() -> list[float]:
    numbers: list[float] = []
    for value in FLOATS[:130]:
        place = 0
        while place < len(numbers) and numbers[place] < value:
            place += 1
        numbers.insert(place, value)
    return numbers


def check_digits(number: int) -> int:
    total = 0
    for i, digit in enumerate(str(number) * 40):
        total += int(digit) * (2 if i % 2 else 1)
    return total % 10


def process_order() -> int:
    """Has work of its own between its calls."""
    price = 0
    for step in range(4):
        for item in range(20_000):
            price += item * step % 7
        price += run(check_digits, 4_539_148_803 + step, times=20)
    return price


def drive_ordinary(until: float) -> None:
    while time.monotonic() < until:
        for function in (count_words, escape_points, sort_by_insertion):
            run(function, times=10)
        run(process_order)


# --- threads: each does something else ---


SHORT = (count_words, escape_points, sort_by_insertion)


def repeat(function: Callable[[], object], until: float) -> None:
    while time.monotonic() < until:
        run(function, times=40 if function in SHORT else 1)


def in_threads(functions: tuple[Callable[[], object], ...], until: float) -> list[threading.Thread]:
    threads = [threading.Thread(target=repeat, args=(function, until), name=function.__name__) for function in functions]
    for thread in threads:
        thread.start()
    return threads


def drive_threads(until: float) -> None:
    threads = in_threads((escape_points, sort_by_insertion, stretch_key), until)
    repeat(count_words, until)
    for thread in threads:
        thread.join()


# --- the main thread waits, workers work ---


def drive_blocked_main(until: float) -> None:
    for thread in in_threads((escape_points, stretch_key, sort_by_insertion), until):
        thread.join()


# --- short jobs with waits between, in threads: work that is over before the next tick ---


def do_jobs(until: float) -> None:
    while time.monotonic() < until:
        time.sleep(0.005)
        run(sort_by_insertion, times=8)
        run(count_words, times=4)


def drive_bursts(until: float) -> None:
    threads = [threading.Thread(target=run, args=(do_jobs, until), name=f"jobs-{i}") for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# --- a thread for each request: it works a little, waits a little, and ends ---


def hash_body() -> object:
    """Outside the GIL."""
    return hashlib.pbkdf2_hmac("sha256", b"body", b"salt", 12_000)


def ask_cache() -> None:
    time.sleep(dice.uniform(0.001, 0.002))


def ask_database() -> None:
    time.sleep(dice.uniform(0.003, 0.008))


def ask_elsewhere() -> None:
    time.sleep(dice.uniform(0.012, 0.022))


def answer_briefly() -> None:
    """2 to 3 ms."""
    run(sort_by_insertion, times=6)
    run(ask_cache)


def answer_from_database() -> None:
    """6 to 12 ms."""
    run(count_words, times=5)
    run(ask_database)
    run(check_digits, 4_539_148_803, times=20)


def answer_at_length() -> None:
    """20 to 35 ms."""
    run(hash_body)
    run(ask_elsewhere)
    run(escape_points, times=16)


REQUESTS = (answer_briefly,) * 6 + (answer_from_database,) * 3 + (answer_at_length,)


def drive_requests(until: float) -> None:
    threads = []
    while time.monotonic() < until:
        threads.append(threading.Thread(target=run, args=(dice.choice(REQUESTS),)))
        threads[-1].start()
        time.sleep(dice.uniform(0.001, 0.006))
    for thread in threads:
        thread.join()


# --- the garbage collector ---


class Node:
    def __init__(self) -> None:
        self.neighbours: list[Node] = []


def make_rings() -> None:
    for _ in range(30):
        nodes = [Node() for _ in range(200)]
        for i, node in enumerate(nodes):
            node.neighbours.append(nodes[i - 1])


def drive_gc(until: float) -> None:
    keep = [Node() for _ in range(60_000)]
    while time.monotonic() < until:
        run(make_rings)
        run(count_words, times=10)
    del keep


# --- recursion ---


def fibonacci(n: int) -> int:
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def descend(depth: int) -> int:
    """Deep, with work at every step and a measured call at the bottom."""
    total = 0
    for i in range(300):
        total += i * depth
    return total + (descend(depth - 1) if depth else run(check_digits, 1_234_567_890, times=10))


def drive_recursion(until: float) -> None:
    while time.monotonic() < until:
        run(fibonacci, 19)
        run(descend, 120)


CPU_WORKLOADS: dict[str, Callable[[float], None]] = {
    "c_calls": drive_c_calls,
    "straight": drive_straight,
    "ordinary": drive_ordinary,
    "threads": drive_threads,
    "blocked_main": drive_blocked_main,
    "bursts": drive_bursts,
    "requests": drive_requests,
    "gc": drive_gc,
    "recursion": drive_recursion,
}
