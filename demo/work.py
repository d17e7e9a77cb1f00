"""What the busy server does for a living: each function a kind of work that real services do, and that profilers meet."""

from __future__ import annotations

import hashlib
import json
import random
import re
import sqlite3
import zlib
from dataclasses import dataclass, field
from functools import cache

CITIES = ("Lisbon", "Oslo", "Nairobi", "Kyoto", "Lima", "Tallinn", "Accra", "Hobart")
LOG_LINE = re.compile(
    r"^(?P<host>\S+) \S+ \S+ \[(?P<when>[^\]]+)\] \"(?P<method>\w+) (?P<path>\S+) [^\"]*\" (?P<status>\d+) (?P<size>\d+)$"
)


# --- JSON ---


@cache
def orders_as_json() -> str:
    dice = random.Random(1)
    orders = [
        {
            "id": i,
            "city": dice.choice(CITIES),
            "items": [{"sku": dice.randrange(500), "price": dice.randrange(100, 9000)} for _ in range(6)],
        }
        for i in range(800)
    ]
    return json.dumps(orders)


def order_total(order: dict[str, list[dict[str, int]]]) -> int:
    return sum(item["price"] for item in order["items"])


def sales_report() -> str:
    """Decode orders, add them up by city, encode the result."""
    totals: dict[str, int] = {}
    for order in json.loads(orders_as_json()):
        totals[order["city"]] = totals.get(order["city"], 0) + order_total(order)
    return json.dumps(totals, indent=1, sort_keys=True)


# --- regular expressions ---


@cache
def access_log() -> tuple[str, ...]:
    dice = random.Random(2)

    def line(second: int) -> str:
        host, path = f"10.0.{dice.randrange(9)}.{dice.randrange(250)}", f"/{dice.choice(CITIES).lower()}/{dice.randrange(40)}"
        status, size = dice.choice((200, 200, 200, 304, 404, 500)), dice.randrange(90000)
        return f'{host} - - [22/Nov/2026:07:{second % 60:02}:00 +0000] "GET {path} HTTP/1.1" {status} {size}'

    return tuple(map(line, range(1500)))


def top_paths(count: int = 10) -> list[tuple[str, int]]:
    """The paths that most bytes were sent for, by parsing every line of a log."""
    sizes: dict[str, int] = {}
    for line in access_log():
        match = LOG_LINE.match(line)
        if match and match["status"] == "200":
            sizes[match["path"]] = sizes.get(match["path"], 0) + int(match["size"])
    return sorted(sizes.items(), key=lambda pair: -pair[1])[:count]


# --- work in C ---


def stretch_key(password: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password, b"salt of the demo", 12_000)


def squeeze(data: bytes) -> bytes:
    return zlib.compress(data, 6)


def sign(name: str) -> str:
    """A straight-line function: all of its time is spent in C, below it."""
    key = stretch_key(name.encode())
    packed = squeeze(orders_as_json()[:120_000].encode())
    return hashlib.blake2b(packed, key=key).hexdigest()


# --- SQL ---


@cache
def database() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.execute("create table sale (city text, sku integer, price integer)")
    dice = random.Random(3)
    rows = [(dice.choice(CITIES), dice.randrange(500), dice.randrange(9000)) for _ in range(20_000)]
    connection.executemany("insert into sale values (?, ?, ?)", rows)
    return connection


def best_sellers() -> list[tuple[int, int]]:
    return database().execute("select sku, sum(price) from sale group by sku order by 2 desc limit 10").fetchall()


# --- recursion ---


def place_queens(size: int, columns: tuple[int, ...] = ()) -> int:
    """How many ways there are to place ``size`` queens: recursion with a loop in each step."""
    row = len(columns)
    if row == size:
        return 1
    return sum(place_queens(size, (*columns, column)) for column in range(size) if is_free(columns, row, column))


def is_free(columns: tuple[int, ...], row: int, column: int) -> bool:
    return all(column != other and abs(column - other) != row - above for above, other in enumerate(columns))


# --- the garbage collector ---


@dataclass
class Node:
    """A node that knows its neighbours, which know it: nothing but the cyclic collector frees such."""

    name: int
    neighbours: list[Node] = field(default_factory=list)


def make_ring(size: int) -> Node:
    nodes = [Node(i) for i in range(size)]
    for i, node in enumerate(nodes):
        node.neighbours += [nodes[i - 1], nodes[(i + 1) % size]]
    return nodes[0]


def count_rings(rings: int = 60, size: int = 300) -> int:
    return sum(len(make_ring(size).neighbours) for _ in range(rings))


# --- arithmetic, for the thread pool ---


def escape_time(x: float, y: float, limit: int = 60) -> int:
    re_part = im_part = 0.0
    for step in range(limit):
        re_part, im_part = re_part * re_part - im_part * im_part + x, 2 * re_part * im_part + y
        if re_part * re_part + im_part * im_part > 4:
            return step
    return limit


def mandelbrot_row(row: int, width: int = 90, height: int = 60) -> list[int]:
    return [escape_time(3.2 * column / width - 2.2, 2.4 * row / height - 1.2) for column in range(width)]
