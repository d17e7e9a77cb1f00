"""Feeds damaged files to the C part of the readers alone: ``python fuzz_fast.py MODULE.so MUTANTS``.

test_fast.py runs it under the sanitizers for some seconds; by hand it runs as long as one likes.
"""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType

from mutants import mutant

SEED = bytes(range(32))
SEEDS = Path(__file__).parent / "data"


def loaded(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("plopi.formats._fast", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def dumps() -> list[bytes]:
    import marshal

    odd = {
        ("é.py", 1, "f"): (1, 300, 1e-9, 2.5, {("é.py", 1, "f"): (299, 1, 0.0, 2.5), ("b.py", 7, "g"): 5}),
        ("~", 0, "<gc>" + "x" * 300): (2**40, 2**40, 0.0, 3, {("b.py", 7, "g"): (2**33, 2**33, 0.0, 0.0)}),
        ("__sampled__",): True,
    }
    whole = [path.read_bytes() for path in sorted(SEEDS.glob("*.pstats"))]
    return [*whole, *(marshal.dumps(odd, version) for version in range(marshal.version + 1))]


def main(path: str, mutants: int) -> None:
    import gzip

    fast, chance = loaded(path), random.Random(1)
    pstats, pprof = dumps(), [gzip.decompress(each.read_bytes()) for each in sorted(SEEDS.glob("*.pb.gz"))]
    read = refused = 0
    for number in range(mutants):
        data = mutant(chance.choice(pstats), chance)
        outcome = fast.pstats(data, SEED, chance.choice((10, 10**6)), chance.choice((10, 10**6)), 4096, lambda *_: None)
        refused, read = refused + isinstance(outcome, int), read + isinstance(outcome, tuple)
        if number % 4 == 0:
            fast.samples(mutant(chance.choice(pprof), chance), SEED, 1000, 100_000)
        if number % 16 == 0:
            flat, lengths = (
                chance.randbytes(8 * 12),
                b"".join(chance.choice((0, 1, 3, 12)).to_bytes(8, "little") for _ in range(3)),
            )
            fast.trie(flat if number % 32 else bytes(8 * 12), lengths, SEED, 100)
    print(read, refused)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
