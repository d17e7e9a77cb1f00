"""What writes to a data directory, step by step, and what must be there when it was killed: a recording, exports in each format,
notes, and what the viewer keeps of files that it has read."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from plopi import files, formats
from plopi.collector.recording import Export, FileSink, Recording
from plopi.model import CPU, SAMPLES, About, ProfileBuilder

Work = Callable[[Path, int], None]
"""Writes below a folder; a byte goes to the descriptor after each step: "." where it went well."""
Judge = Callable[[Path, bytes], Iterator[str]]
"""What is wrong in a folder whose writer was killed after it had acknowledged so much."""
TWICE = 2


@dataclass(frozen=True)
class Writer:
    name: str
    work: Work
    judge: Judge
    steps: int


def writers() -> list[Writer]:
    some = [recording(4), recording(12), Writer("notes", _take_notes, _judge_notes, len(_all_notes()))]
    for name in formats.FORMATS:
        some.append(Writer(f"{name} to a path", partial(_export_to_a_path, name), partial(_judge_a_path, name), TWICE))
        some.append(Writer(f"{name} beside others", partial(_export_beside, name), partial(_judge_beside, name), TWICE))
    return [*some, Writer("viewer's cache", _keep, _judge_kept, TWICE)]


# --- a recording


def recording(flushes: int) -> Writer:
    return Writer(f"recording of {flushes} windows", partial(record, flushes), partial(judge_recording, flushes), flushes + 1)


def record(flushes: int, datadir: Path, acknowledge: int) -> None:
    """Flush some times, begin anew in between as after many windows, finish."""
    rows, sink = ProfileBuilder((SAMPLES, CPU), About(command="proof", pid=os.getpid())), Recording(datadir, "proof")
    for number in range(flushes):
        window = rows.add_window(number * 10**9, 10**9)
        function = rows.function_id(f"function {number}" * 20, "proof.py", 1)
        rows.add_sample(rows.stack_of([rows.location_id(function, number)]), [1, 10], window=window)
        if number == flushes // 2:
            rows.coarsen()  # merges two of the windows: the epoch changes
        sink.flush(rows)
        _acknowledge(acknowledge, sink)
    rows.describe(complete=True)
    sink.finish(rows)
    _acknowledge(acknowledge, sink)


def judge_recording(flushes: int, datadir: Path, acknowledged: bytes) -> Iterator[str]:
    sums = []
    for path in visible(datadir):
        try:
            profile = formats.read(path.read_bytes(), path.name)
        except Exception as error:
            yield f"{path.name} cannot be read: {error}"
            continue
        sums.append(int(sum(profile.samples.weights[0])))
        if path.name.endswith(".pb.gz") and sums[-1] != flushes:
            yield f"{path.name} is finished and holds {sums[-1]} of {flushes} samples"
    well = acknowledged.rfind(b".") + 1
    if max(sums, default=0) < min(well, flushes):
        yield f"{well} steps were acknowledged, {sums} samples are there"
    yield from left_after_next_start(datadir)


# --- exports


def _export_to_a_path(name: str, folder: Path, acknowledge: int) -> None:
    for number in range(TWICE):
        _finish(Export(name, path=_path_in(folder, name)), number, acknowledge)


def _judge_a_path(name: str, folder: Path, acknowledged: bytes) -> Iterator[str]:
    yield from _judge_versions(_path_in(folder, name), [_exported(name, number) for number in range(TWICE)], acknowledged)


def _export_beside(name: str, folder: Path, acknowledge: int) -> None:
    for number in range(TWICE):
        _finish(Export(name, datadir=folder, name="proof"), number, acknowledge)


def _judge_beside(name: str, folder: Path, acknowledged: bytes) -> Iterator[str]:
    whole = {_exported(name, number) for number in range(TWICE)}
    there = [path.read_bytes() for path in visible(folder)]
    if len(there) < len(acknowledged) or len(there) != len(whole.intersection(there)):
        yield f"{len(acknowledged)} were acknowledged, {len(there)} are there, {len(whole.intersection(there))} whole"
    yield from left_after_next_start(folder)


def _finish(sink: Export, number: int, acknowledge: int) -> None:
    sink.finish(_rows(number))
    _acknowledge(acknowledge, sink)


def _exported(name: str, number: int) -> bytes:
    out = io.BytesIO()
    formats.write(_rows(number).build(), name, out)
    return out.getvalue()


def _path_in(folder: Path, name: str) -> Path:
    folder.mkdir(exist_ok=True)
    return folder / f"proof{formats.suffix(name)}"


def _rows(number: int) -> ProfileBuilder:
    rows = ProfileBuilder((SAMPLES, CPU), About(command="proof", pid=1, complete=True))
    window = rows.add_window(0, 10**9)
    for each in range(3 + 2000 * number):  # the second takes more than one write
        function = rows.function_id(f"function {each}", "proof.py", 1)
        rows.add_sample(rows.stack_of([rows.location_id(function, 1)]), [1, 10], window=window)
    return rows


# --- notes, and the viewer's cache


def _take_notes(folder: Path, acknowledge: int) -> None:
    from plopi.viewer import notes

    folder.mkdir(exist_ok=True)
    revision = ""
    for each in _all_notes():
        revision = notes.write(folder / "proof.notes.json", notes.Notes(("tag",), each), revision).revision
        os.write(acknowledge, b".")


def _judge_notes(folder: Path, acknowledged: bytes) -> Iterator[str]:
    from plopi.viewer import notes

    versions = [notes.render(notes.Notes(("tag",), each)) for each in _all_notes()]
    yield from _judge_versions(folder / "proof.notes.json", versions, acknowledged)


def _all_notes() -> list[str]:
    return ["short", "longer " * 2000, "changed once more"]


IDENTITIES = ("1" * 40, "2" * 40)


def _keep(folder: Path, acknowledge: int) -> None:
    from plopi.viewer.readers.disk_cache import DiskCache

    for identity in IDENTITIES:
        well = DiskCache(folder, 1 << 20).keep(identity, memoryview(identity.encode() * 1000))
        os.write(acknowledge, b"." if well else b"!")


def _judge_kept(folder: Path, acknowledged: bytes) -> Iterator[str]:
    """Whole, or not there; what was left unfinished goes when it is an hour old and something else is kept."""
    from plopi.viewer.readers.disk_cache import DiskCache

    cache = DiskCache(folder, 1 << 20)
    for number, identity in enumerate(IDENTITIES):
        content = cache.find(identity)
        if content is None and number < len(acknowledged):
            yield f"what was kept as {identity} is not there"
        if content is not None and content != identity.encode() * 1000:
            yield f"what was kept as {identity} is something else"
    for path in folder.iterdir() if folder.exists() else ():
        os.utime(path, (0, 0))
    cache.keep("3" * 40, memoryview(b"more"))
    yield from (f"{path.name} stayed" for path in folder.iterdir() if path.suffix != ".columns")


# --- what they share


def _acknowledge(descriptor: int, sink: FileSink) -> None:
    os.write(descriptor, b"!" if sink.fault else b".")


def _judge_versions(path: Path, versions: list[bytes], acknowledged: bytes) -> Iterator[str]:
    """A file that is replaced: it has the last version that was acknowledged, or a later one."""
    there = path.read_bytes() if path.exists() else b""
    if there not in versions[max(0, len(acknowledged) - 1) :] and (there or acknowledged):
        yield f"{path.name} has {len(there)} bytes, after {len(acknowledged)} versions of {[*map(len, versions)]} bytes"
    yield from left_after_next_start(path.parent)


def visible(datadir: Path) -> list[Path]:
    return [path for path in sorted(datadir.iterdir()) if not is_temporary(path)] if datadir.exists() else []


def is_temporary(path: Path) -> bool:
    return path.name.startswith(files.TMP_PREFIX)


def left_after_next_start(datadir: Path) -> Iterator[str]:
    datadir.mkdir(exist_ok=True)
    files.sweep(datadir)
    yield from (f"{path.name} stayed after the next start" for path in datadir.iterdir() if is_temporary(path))
