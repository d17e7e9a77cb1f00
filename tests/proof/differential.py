"""Readers against other people's: what a file says by ``marshal``, by ``ast.literal_eval``, by ``json`` and by the protobuf
package, added up the plain way, is what plopi's reader says. These read files made here, which is why they may."""

from __future__ import annotations

import ast
import gzip
import json
import marshal
import os
import pstats
import random
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from drawing import stacks_of
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from plopi import formats
from plopi.errors import FormatError
from plopi.formats import pstats_reader
from plopi.formats.limits import Limits
from plopi.model import CPU, SAMPLES, Profile, ProfileBuilder, SampleType
from tests.collector.conftest import interpreters
from tests.formats.making import written
from tests.formats.test_plop import as_plop
from tests.formats.test_pstats import as_stats, in_nanoseconds
from tests.proof.outcome import Outcome

NAMES = ("main", "<module>", "A.b", "é", "x" * 300, "\U0001f600", "f.<locals>.<lambda>", "it's", "a\\b", 'say "x"')
FILES = ("a.py", "/usr/lib/python3/b.py", "<string>", "C:\\x.py", "é.py")


def run(seed: int, size: int, folder: Path) -> Outcome:
    """``size`` files of each format, and a tenth of that from every Python's own profiler."""
    counts, findings = Counter[str](), []

    def compare(what: str, same: Callable[[], bool | None]) -> None:
        try:
            answer = same()
        except Exception as error:
            findings.append(f"{what}: {type(error).__name__}: {error}")
            answer = None
        counts[what.partition(" ")[0]] += answer is not None
        if answer is False:
            findings.append(f"{what}: not the same")

    for format_name, same in COMPARED.items():
        for number in range(size):
            compare(f"{format_name} {seed}/{number}", lambda: same(random.Random(f"{seed}/{number}")))  # noqa: B023
    for name, data in real_dumps(seed, size // 10, folder):
        compare(f"cProfile {seed}: {name}", lambda: same_as_marshal(data))  # noqa: B023
    return Outcome(counts, tuple(findings))


# --- pstats


def dumped(chance: random.Random) -> bool:
    """A dict such as profilers make, its parts shared or not, by any version of marshal."""
    keys = [(chance.choice(FILES), chance.randrange(2**31), chance.choice(NAMES)) for _ in range(chance.randrange(12))]

    def numbers() -> tuple[int, int, float, float]:
        calls = chance.choice((1, 300, 2**31, 2**40))
        return (
            calls,
            chance.randrange(calls) + 1,
            chance.random() * 10 ** chance.randrange(-9, 6),
            chance.choice((0.0, 1e-9, 2.5)),
        )

    shared = numbers()
    stats = {}
    for key in keys:
        callers = {each: shared if chance.random() < 0.3 else numbers() for each in keys if chance.random() < 0.3}
        stats[key] = (*numbers(), callers)
    stats |= {caller: (*shared, {}) for entry in list(stats.values()) for caller in entry[4] if caller not in stats}
    return same_as_marshal(marshal.dumps(stats, chance.randrange(marshal.version + 1)))


def same_as_marshal(data: bytes) -> bool:
    """By the C part where it is built, and portably; ``pstats.Stats`` says the same total."""
    loaded = marshal.loads(data)
    expected = in_nanoseconds(loaded)
    quick, portable = formats.read(data, "x.pstats"), pstats_reader.read_portably(data, Limits())
    total = round(_stats_total(loaded) * 1e9)
    told = sum(quick.calls.self) if quick.calls else -1
    return (
        as_stats(quick) == as_stats(portable)
        and alike(as_stats(quick), expected)
        and abs(total - told) <= len(expected) + total * 1e-12
    )


def alike(stats: dict[Any, Any], others: dict[Any, Any]) -> bool:
    """The same keys and counts, times to the nanosecond (which of two is half-way between them is a matter of taste)."""
    return stats.keys() == others.keys() and all(
        isinstance(one, dict) and alike(one, other)
        if isinstance(other, dict)
        else one == other
        if place < 2
        else abs(one - other) <= 1
        for key in stats
        for place, (one, other) in enumerate(zip(stats[key], others[key]))
    )


def _stats_total(loaded: dict[Any, Any]) -> float:
    class Dumped:
        stats = loaded

        def create_stats(self) -> None:
            pass

    return float(pstats.Stats(Dumped()).total_tt) if loaded else 0.0  # type: ignore[call-overload, attr-defined]


PROGRAM = """
import cProfile, marshal, pathlib, random, sys
seed, size, folder = int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3])
def work(chance, depth):
    for _ in range(chance.randrange(4)):
        chance.choice((sorted, sum, list, str.__name__.join and len))(range(9))
        if depth: chance.choice((work, twice, lambda c, d: work(c, d)))(chance, depth - 1)
def twice(chance, depth):
    work(chance, depth); work(chance, depth)
for number in range(size):
    profiler = cProfile.Profile()
    profiler.runcall(work, random.Random(seed * size + number), 4)
    profiler.create_stats()
    version, python = number % (marshal.version + 1), f"{sys.version_info[0]}.{sys.version_info[1]}"
    (folder / f"{python}-{number}-{version}").write_bytes(marshal.dumps(profiler.stats, version))
"""


def real_dumps(seed: int, size: int, folder: Path) -> Iterator[tuple[str, bytes]]:
    """What cProfile says of random programs, under every Python there is."""
    folder.mkdir(exist_ok=True)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    for python in interpreters().values():
        subprocess.run([python, "-c", PROGRAM, str(seed), str(size), folder], check=True, env=plain)
    for path in sorted(folder.iterdir()):
        yield path.name, path.read_bytes()
        path.unlink()


# --- formats of stacks


def any_stacks(chance: random.Random, types: tuple[SampleType, ...] = (SAMPLES, CPU)) -> Profile:
    rows = ProfileBuilder(types)
    for _ in range(chance.randrange(12)):
        stack = [
            rows.location_id(rows.function_id(chance.choice(NAMES), chance.choice(FILES), 3), chance.randrange(9))
            for _ in range(1 + chance.randrange(20))
        ]
        rows.add_sample(rows.stack_of(stack), [chance.randrange(1, 2**40) for _ in types])
    return rows.build()


def by_literal(chance: random.Random) -> bool:
    """Plop's own reader is ``literal_eval`` of a dict."""
    data = written(any_stacks(chance), "plop")
    return as_plop(formats.read(data, "x.plop")) == ast.literal_eval(data.decode())


def by_lines(chance: random.Random) -> bool:
    """Folded stacks: what stands before the last blank, and the number after it."""
    data = written(any_stacks(chance), "folded")
    expected: Counter[str] = Counter()
    for line in data.decode().splitlines():
        stack, _, count = line.rpartition(" ")
        expected[stack] += int(count)
    profile = formats.read(data, "x.folded") if data else any_stacks(random.Random(), (SAMPLES,))
    found: Counter[str] = Counter()
    for line in written(profile, "folded").decode().splitlines() if data else ():
        stack, _, count = line.rpartition(" ")
        found[stack] += int(count)
    return found == expected


def by_json(chance: random.Random) -> bool:
    """speedscope: names of frames root first, and weights in each sample type."""
    data = written(any_stacks(chance), "speedscope")
    whole = json.loads(data)
    names = [(frame["name"], frame.get("file", "")) for frame in whole["shared"]["frames"]]
    expected = [Counter[tuple[Any, ...]]() for _ in whole["profiles"]]
    for sums, each in zip(expected, whole["profiles"]):
        for stack, weight in zip(each["samples"], each["weights"]):
            sums[tuple(names[frame] for frame in stack)] += weight
    profile = formats.read(data, "x.speedscope.json")
    found = Counter[tuple[Any, ...]]()
    for stack, weights in stacks_of(profile).items():
        found[tuple((name, file) for name, file, *_ in stack)] += weights[0]
    return +found == +expected[0]


def by_protobuf(chance: random.Random) -> bool:
    """pprof by the protobuf package and profile.proto as Google publishes it (the fields of it that say what was sampled)."""
    data = gzip.decompress(written(any_stacks(chance), "pprof"))
    message = _google()().FromString(data)
    texts = list(message.string_table)
    functions = {each.id: (texts[each.name], texts[each.filename], each.start_line) for each in message.function}
    locations = {each.id: [(*functions[line.function_id], line.line) for line in each.line] for each in message.location}
    expected: Counter[tuple[Any, ...]] = Counter()
    for sample in message.sample:
        expected[tuple(line for at in reversed(sample.location_id) for line in locations[at])] += sample.value[1]
    found = Counter[tuple[Any, ...]]()
    for stack, weights in stacks_of(formats.read(data, "x.pb")).items():
        found[tuple(stack)] += weights[1]
    return +found == +expected


def _google() -> Any:
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="proof.proto", package="proof", syntax="proto3")
    fields = {
        "Profile": (
            ("sample", 2, ".proof.Sample"), ("location", 4, ".proof.Location"),
            ("function", 5, ".proof.Function"), ("string_table", 6, str),
        ),
        "Sample": (("location_id", 1, [int]), ("value", 2, [int])),
        "Location": (("id", 1, int), ("line", 4, ".proof.Line")),
        "Line": (("function_id", 1, int), ("line", 2, int)),
        "Function": (("id", 1, int), ("name", 2, int), ("filename", 4, int), ("start_line", 5, int)),
    }  # fmt: skip
    for name, members in fields.items():
        message = file.message_type.add(name=name)
        for field_name, number, kind in members:
            label = kinds.LABEL_OPTIONAL if kind is int else kinds.LABEL_REPEATED
            field = message.field.add(name=field_name, number=number, label=label)
            field.type = kinds.TYPE_STRING if kind is str else kinds.TYPE_MESSAGE if isinstance(kind, str) else kinds.TYPE_INT64
            if isinstance(kind, str):
                field.type_name = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return lambda: message_factory.GetMessageClass(pool.FindMessageTypeByName("proof.Profile"))


def from_the_grammar(chance: random.Random) -> bool | None:
    """Dumps made by the grammar, references and all, that plopi reads: ``marshal`` reads the same. None where plopi refuses: that
    is stricter, as it should be."""
    from tests.proof.grammar import Maker, pstats

    make = Maker(chance)
    make.wrong = 0.0
    data = pstats(make)
    try:
        profile = formats.read(data, "x.pstats")
    except FormatError:
        return None
    loaded = marshal.loads(data)
    return alike(as_stats(profile), with_callers(in_nanoseconds({key: entry for key, entry in loaded.items() if len(key) == 3})))


def with_callers(stats: dict[Any, Any]) -> dict[Any, Any]:
    """Functions that stand as callers only have no calls of their own."""
    return {caller: (0, 0, 0, 0, {}) for entry in stats.values() for caller in entry[4]} | stats


COMPARED: dict[str, Callable[[random.Random], bool | None]] = {
    "pstats": dumped,
    "plop": by_literal,
    "folded": by_lines,
    "speedscope": by_json,
    "pprof": by_protobuf,
    "marshal": from_the_grammar,
}
