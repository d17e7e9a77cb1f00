"""Damaged files."""

from __future__ import annotations

import random


def mutant(seed: bytes, chance: random.Random) -> bytes:
    """``seed`` with a few bytes changed, left out, doubled or put elsewhere."""
    data = bytearray(seed)
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(data)) if data else 0
        size = chance.choice((1, 1, 4, 16))
        match chance.randrange(6):
            case 0:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del data[at : at + size]
            case 2:
                data[at:at] = data[at : at + size]
            case 3:
                data[at : at + 4] = chance.choice((b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\x80"))
            case 4:
                data[at:at] = bytes(chance.randrange(256) for _ in range(size))
            case 5:
                other = chance.randrange(len(data)) if data else 0
                data[at : at + size] = data[other : other + size]
    return bytes(data)
