"""Contents that break readers, by format: crashes, bombs of memory and time, what does not add up, and what ends too early."""

from __future__ import annotations

import io
import json
import marshal
import socket
import struct
from typing import Any

from plopi import formats
from plopi.formats import fragments, pprof
from plopi.formats.protobuf import bytes_field, int_field, varint
from plopi.model import CPU, SAMPLES, About, Profile, ProfileBuilder
from tests.proof.evil import SHOWN, Evil, content


def rows(*stacks: str, about: About | None = None) -> ProfileBuilder:
    """Each stack (``main;work``) is one sample."""
    builder = ProfileBuilder((SAMPLES, CPU), about or About())
    for stack in stacks:
        _sample(builder, stack)
    return builder


def _sample(builder: ProfileBuilder, stack: str) -> None:
    functions = [builder.function_id(name, "app.py", 1) for name in stack.split(";")]
    builder.add_sample(builder.stack_of(builder.location_id(function, 1) for function in functions), (1, 10**7))


def written(profile: Profile, format_name: str) -> bytes:
    out = io.BytesIO()
    formats.write(profile, format_name, out)
    return out.getvalue()


GOOD = written(rows("main;work").build(), "pprof")

Cases = dict[str, tuple[bytes, str]]


def _evils(suffix: str, cases: Cases, samples: int | None = 1) -> list[Evil]:
    return [
        Evil(f"{name}{suffix}".encode(), content(data), says, samples if says == SHOWN else None)
        for name, (data, says) in cases.items()
    ]


# --- pprof

_TYPE = bytes_field(1, int_field(1, 1) + int_field(2, 2))
_STRINGS = b"".join(bytes_field(6, text) for text in (b"", b"samples", b"count", b"f", b"f.py"))
_FUNCTION = bytes_field(5, int_field(1, 1) + int_field(2, 3) + int_field(4, 4))
_LOCATION = bytes_field(4, int_field(1, 1) + bytes_field(4, int_field(1, 1) + int_field(2, 7)))
_SAMPLE = bytes_field(2, bytes_field(1, b"\x01") + bytes_field(2, b"\x01"))
PPROF = _TYPE + _SAMPLE + _LOCATION + _FUNCTION + _STRINGS
"""The smallest whole profile: one sample in one function."""


def _sampled(locations: bytes = b"\x01", values: bytes = b"\x01", more: bytes = b"") -> bytes:
    """A profile whose one sample has these packed fields."""
    return _TYPE + bytes_field(2, bytes_field(1, locations) + bytes_field(2, values) + more) + _LOCATION + _FUNCTION + _STRINGS


def in_pprof() -> list[Evil]:
    endless, much = b"\xff" * 10 + b"\x01", varint(2**63)
    cases: Cases = {
        "whole": (PPROF, SHOWN),
        "varint-of-11-bytes": (_TYPE + b"\x48" + endless, "."),
        "varint-unended": (PPROF + b"\x48" + b"\x80" * 9, "."),
        "tag-endless": (endless + PPROF, "."),
        "packed-endless": (_sampled(b"\xff" * 1_000_000), "."),
        "packed-bomb": (_sampled(b"\x01" * (32 << 20)), "depth"),
        "values-bomb": (_sampled(values=b"\x00" * (32 << 20)), "."),
        "length-of-2^63": (_TYPE + b"\x32" + much, "."),
        "length-past-end": (PPROF + b"\x32\x7fx", "."),
        "field-0": (PPROF + b"\x00\x01", "."),
        "group": (PPROF + b"\x0b" * 100_000, "."),
        "wire-type-7": (PPROF + b"\x0f", "."),
        "empty-messages": (_TYPE + bytes_field(2, b"") * 6_000_000, "samples"),
        "strings-bomb": (PPROF + b"\x32\x00" * 5_000_000, "strings"),
        "no-such-location": (_sampled(b"\x02"), "location"),
        "location-0": (_sampled(b"\x00"), "location"),
        "location-of-2^64": (_sampled(b"\xff" * 9 + b"\x01"), "location"),
        "no-such-function": (PPROF.replace(_FUNCTION, b""), "function"),
        "location-twice": (PPROF + _LOCATION, "location"),
        "function-twice": (PPROF + _FUNCTION, "function"),
        "string-out-of-range": (PPROF + bytes_field(5, int_field(1, 2) + int_field(2, 99)), "string"),
        "string-negative": (PPROF + bytes_field(5, int_field(1, 2) + int_field(2, -1)), "string"),
        "first-string-not-empty": (PPROF.replace(b"\x32\x00", b"\x32\x01x"), SHOWN),
        "no-strings": (PPROF.replace(_STRINGS, b""), "."),
        "no-types": (PPROF.removeprefix(_TYPE), "."),
        "values-too-many": (_sampled(values=b"\x01\x01"), "value"),
        "values-none": (_sampled(values=b""), "value"),
        "values-overflow": (PPROF + bytes_field(2, bytes_field(1, b"\x01") + bytes_field(2, varint(2**63 - 1))) * 3, "64 bits"),
        "value-negative": (_sampled(values=varint(-1)), "fewer samples than none"),
        "value-least": (_sampled(values=varint(-(2**63))), "64 bits"),
        "period-huge": (PPROF + bytes_field(11, int_field(2, 2)) + int_field(12, 2**63 - 1), SHOWN),
        "string-not-utf-8": (PPROF + bytes_field(6, b"\xff\xfe"), SHOWN),
        "string-surrogate": (PPROF + bytes_field(6, b"\xed\xa0\x80"), SHOWN),
        "string-of-1-MB": (PPROF + bytes_field(6, b"s" * (1 << 20)), SHOWN),
        "times-negative": (PPROF + int_field(9, -1) + int_field(10, -(2**63)) + int_field(12, -1), SHOWN),
        "line-of-2^62": (PPROF.replace(int_field(2, 7), int_field(2, 2**62)), "."),
        "appended": (PPROF + PPROF, "."),
        "deep": (_sampled(b"\x01" * 100_000), "depth"),
        "cut-in-type": (PPROF[:3], "."),
        "cut-in-sample": (PPROF[: len(_TYPE) + 4], "."),
        "cut-in-function": (PPROF[: PPROF.index(_FUNCTION) + 5], "."),
        "cut-in-strings": (PPROF[:-2], "."),
    }
    return _evils(".pb", cases)


# --- recordings


def in_recordings() -> list[Evil]:
    growing = rows("main", about=About(host="elsewhere", pid=1))
    header, state = pprof.encode_header(growing.about, growing.sample_types)
    first, state = pprof.encode_rows(growing, state)
    _sample(growing, "main;late")
    second, _ = pprof.encode_rows(growing, state)
    whole = header + first + second
    damaged = bytes([second[-1] ^ 1])
    cases: Cases = {
        "rec-torn": (whole[:-1], SHOWN),
        "rec-torn-frame": (header + first + second[:5], SHOWN),
        "rec-crc-late": (whole[:-1] + damaged, SHOWN),
        "rec-zeros": (header + first + bytes(1 << 20), SHOWN),
        "rec-length": (header + first + second[:3] + b"PLOP" + b"\xff" * 12, SHOWN),
        "rec-skipped": (header + first + fragments.framed(b"", 7), SHOWN),
        "rec-rubbish-after": (header + first + b"\xff" * 1000, SHOWN),
        "rec-text-after": (header + first + b"GET / HTTP/1.1\r\n" * 1000, SHOWN),
        "rec-crc-head": (header[:30] + bytes([header[30] ^ 1]) + header[31:] + first, "."),
        "rec-two-heads": (whole + whole, "appended"),
        "rec-frame-only": (header[:12], "."),
        "rec-magic-only": (header[:7], "."),
        "rec-of-rubbish": (fragments.framed(b"\xff" * 100, 0), "."),
        "rec-of-bomb": (fragments.framed(bytes_field(1, b"") + bytes_field(2, b"") * 6_000_000, 0), "samples"),
        "rec-without-head": (first, "."),
        "rec-empty-fragments": (header + b"".join(fragments.framed(b"", number) for number in range(1, 20_000)), SHOWN),
    }
    evils = [
        Evil(each.name, each.make, each.says, 0 if each.name.startswith(b"rec-empty") else each.samples)
        for each in _evils(".pb.part", cases)
    ]
    for pid in (-1, 0, 1, 2**31, 2**63 - 1):
        about = About(host=socket.gethostname(), pid=pid, process_start="1")
        builder = rows("main", about=about)
        header, state = pprof.encode_header(builder.about, builder.sample_types)
        evils.append(Evil(f"rec-pid{pid}.pb.part".encode(), content(header + pprof.encode_rows(builder, state)[0]), SHOWN, 1))
    return evils


# --- pstats


def _dump(functions: dict[Any, Any]) -> bytes:
    return marshal.dumps(functions)


def _one(entry: Any, key: Any = ("f.py", 1, "f")) -> bytes:
    return _dump({key: entry})


def _collisions(size: int) -> list[int]:
    """Whole numbers that fall on each other in a table of hashes: hash(n) is n modulo 2^61 - 1."""
    return [1 + row * 1021 % (2**31 - 1) for row in range(size)]


def in_pstats() -> list[Evil]:
    good = (1, 1, 1.0, 1.0, {})
    dag = b"\xa9\x02" + b"i\1\0\0\0" * 2
    for depth in range(60):
        dag = b"\xa9\x02" + dag + b"r" + struct.pack("<I", 59 - depth)
    colliding = _dump({("a", line, "f"): good for line in _collisions(20_000)})
    cases: Cases = {
        "ten-bytes": (b"{\xa9\x01r\0\0\0\0N0", "."),
        "dag": (b"{" + dag + b"N0", "."),
        "tuple-of-2^27": (b"{(" + struct.pack("<I", 2**27) + b"N0", "."),
        "list-of-2^31": (b"[\xff\xff\xff\x7f", "."),
        "nested": (b"{" + b")\x01" * 1_000_000 + b"N0", "."),
        "nested-dicts": (b"{" * 1_000_000 + b"0" * 1_000_000, "."),
        "long-bomb": (b"{l\xff\xff\xff\x7f" + bytes(1000), "."),
        "string-of-2^31": (b"{)\x03s\xff\xff\xff\x7fx", "."),
        "ref-past-end": (b"{r\xff\xff\xff\x7fN0", "."),
        "ref-to-itself": (b"\xfbr\0\0\0\0N0", "."),
        "code-object": (_dump({("f.py", 1, "f"): (lambda: 0).__code__}), "."),
        "no-dict": (marshal.dumps([1, 2, 3]), "."),
        "key-no-tuple": (_dump({"f": good}), "."),
        "key-of-2": (_one(good, ("f.py", 1)), "."),
        "entry-of-4": (_one((1, 1, 1.0, 1.0)), "."),
        "entry-text": (_one("entry"), "."),
        "callers-list": (_one((1, 1, 1.0, 1.0, [])), "."),
        "caller-text": (_one((1, 1, 1.0, 1.0, {"f": (1, 1, 1.0, 1.0)})), "."),
        "nan": (_one((1, 1, float("nan"), 1.0, {})), "."),
        "infinity": (_one((1, 1, 1.0, float("inf"), {})), "."),
        "time-1e308": (_one((1, 1, 1e308, 1e308, {})), "."),
        "time-negative": (_one((1, 1, -1e18, -1e18, {})), "."),
        "calls-negative": (_one((-1, -1, 1.0, 1.0, {})), "."),
        "calls-huge": (_one((10**30, 10**30, 1.0, 1.0, {})), "."),
        "line-negative": (_one(good, ("f.py", -5, "f")), "."),
        "line-huge": (_one(good, ("f.py", 2**40, "f")), "."),
        "name-of-1-MB": (_one(good, ("f" * (1 << 20), 1, "f")), "."),
        "key-twice": (b"{" + _one(good)[1:-1] * 2 + b"0", "."),
        "trailing": (_one(good) + b"x", "."),
        "cut-in-key": (_one(good)[:6], "."),
        "cut-in-entry": (_one(good)[:-12], "."),
        "cut-at-end": (_one(good)[:-1], "."),
        "colliding": (colliding, SHOWN),
    }
    return _evils(".pstats", cases, None)


# --- Plop, folded stacks, speedscope


def in_plop() -> list[Evil]:
    frame = b"('f.py', 1, 'f')"
    colliding = b", ".join(b"(('a', %d, 'f'),): 1" % line for line in _collisions(20_000))
    cases: Cases = {
        "colliding": (b"{" + colliding + b"}", SHOWN),
        "nested-parens": (b"{" + b"(" * 1_000_000, "."),
        "nested-braces": (b"{" * 1_000_000, "."),
        "digits": (b"{(" + frame + b",): " + b"9" * 1_000_000 + b"}", "."),
        "line-digits": (b"{(('f.py', " + b"1" * 1_000_000 + b", 'f'),): 1}", "."),
        "call": (b"{(__import__('os').system('true'),): 1}", "."),
        "comprehension": (b"{((x, 1, 'f'),): 1 for x in 'a'}", "."),
        "count-negative": (b"{(" + frame + b",): -1}", "."),
        "count-nan": (b"{(" + frame + b",): nan}", "."),
        "count-1e999": (b"{(" + frame + b",): 1e999}", "."),
        "count-sum": (
            b"{(%s,): %d, (%s, %s): %d}" % (frame, 2**63 - 1, frame, frame, 2**63 - 1),
            "64 bits",
        ),
        "escape": (b"{(('\\N{BULLET}', 1, 'f'),): 1}", "."),
        "deep-stack": (b"{(" + (frame + b", ") * 50_000 + b"): 1}", "depth"),
        "cut": (b"{(" + frame + b",): 1, (", "."),
        "trailing": (b"{(" + frame + b",): 1} + {}", "."),
        "string-unended": (b"{(('" + b"\\'" * 1_000_000, "."),
        "blanks": (b"{" + b" " * 4_000_000 + b"(", "."),
    }
    evils = _evils(".plop", {f"plop-{name}": case for name, case in cases.items()}, 20_000)
    surrogate = b"{(('\\ud800.py', 1, 'f'),): 1}"
    return [*evils, Evil(b"plop-surrogate.plop", content(surrogate), SHOWN, 1)]


def in_folded() -> list[Evil]:
    cases: Cases = {
        "no-count": (b"main;work 1\nmain;work\n", "."),
        "count-1e999": (b"main;work 1e999\n", "."),
        "count-nan": (b"main;work nan\n", "."),
        "count-negative": (b"main;work 1\nmain -1\n", "."),
        "count-huge": (b"main;work " + b"9" * 100_000 + b"\n", "."),
        "count-sum": (b"a 9223372036854775807\nb 9223372036854775807\n", "64 bits"),
        "deep": (b"f;" * 1_000_000 + b"f 1\n", "depth"),
        "long-name": (b"f" * (2 << 20) + b" 1\n", "."),
        "nul": (b"main;wo\0rk 1\n", "none of"),
        "not-utf-8": (b"main;\xff\xfe 1\n", SHOWN),
        "semicolons": (b";;; 1\n", SHOWN),
    }
    return _evils(".folded", {f"folded-{name}": case for name, case in cases.items()})


def _scope(**changes: Any) -> dict[str, Any]:
    profile = {
        "type": "sampled",
        "name": "x",
        "unit": "nanoseconds",
        "startValue": 0,
        "endValue": 1,
        "samples": [[0]],
        "weights": [1],
    }
    return {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "shared": {"frames": changes.pop("frames", [{"name": "f"}])},
        "profiles": changes.pop("profiles", [{**profile, **changes}]),
    }


def _events(*events: dict[str, Any]) -> dict[str, Any]:
    return _scope(type="evented", events=list(events), samples=None, weights=None)


def in_speedscope() -> list[Evil]:
    begin, end = {"type": "O", "frame": 0, "at": 0}, {"type": "C", "frame": 0, "at": 1}
    text = json.dumps(_scope())
    trees: dict[str, tuple[Any, str]] = {
        "weight-negative": (_scope(weights=[-1]), SHOWN),
        "weight-true": (_scope(weights=[True]), "."),
        "weight-text": (_scope(weights=["1"]), "."),
        "weights-missing": (_scope(weights=[]), "."),
        "weight-sum": (_scope(samples=[[0], [0]], weights=[2**62, 2**62]), "."),
        "frame-out-of-range": (_scope(samples=[[1]]), "."),
        "frame-negative": (_scope(samples=[[-1]]), "."),
        "frame-true": (_scope(samples=[[True]]), "."),
        "frame-text": (_scope(frames=["f"]), "."),
        "name-list": (_scope(frames=[{"name": ["f"]}]), "."),
        "line-float": (_scope(frames=[{"name": "f", "line": 1.5}]), SHOWN),
        "unit": (_scope(unit="parsecs"), SHOWN),
        "kind": (_scope(type="dreamt"), "."),
        "profiles-none": (_scope(profiles=[]), "."),
        "profiles-object": (_scope(profiles={}), "."),
        "deep": (_scope(samples=[[0] * 50_000]), "depth"),
        "close-first": (_events(end), "."),
        "never-closed": (_events(begin), "."),
        "backwards": (_events({**begin, "at": 5}, end), "."),
        "surrogate": (_scope(frames=[{"name": "\ud800"}]), SHOWN),
    }
    cases: Cases = {name: (json.dumps(tree).encode(), says) for name, (tree, says) in trees.items()}
    cases |= {
        "weight-nan": (json.dumps(_scope(weights=[float("nan")])).encode(), "NaN"),
        "weight-infinity": (json.dumps(_scope(weights=[float("inf")])).encode(), "Infinity"),
        "weight-1e999": (text.replace('"weights": [1]', '"weights": [1e999]').encode(), "."),
        "digits": (text.replace('"weights": [1]', '"weights": [' + "9" * 100_000 + "]").encode(), "digits"),
        "key-twice": (text.replace('"shared"', '"profiles": [], "shared"').encode(), "twice"),
        "nested": (text[:-1].encode() + b', "x": ' + b"[" * 1_000_000, "."),
        "nested-objects": (text[:-1].encode() + b', "x": ' + b'{"a":' * 200_000, "."),
        "cut": (text[: len(text) // 2].encode(), "."),
        "trailing": (text.encode() + b"{}", "."),
        "utf-16": (text.encode("utf-16"), "."),
        "not-utf-8": (text.encode().replace(b'"f"', b'"\xff"'), "UTF-8"),
    }
    return _evils(".speedscope.json", cases, None)


def all_contents() -> list[Evil]:
    return [*in_pprof(), *in_recordings(), *in_pstats(), *in_plop(), *in_folded(), *in_speedscope()]
