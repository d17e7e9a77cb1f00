"""The worker process: takes an open file, parses it with ``plopi.formats``, hands columns back. It never sees a path.

Started by ``pool`` as ``python -I -S -c BOOTSTRAP FD OPTIONS``; speaks ``wire`` on descriptor FD:

* in:  ``{"want": "columns" | "summary" | "follow", "name", "size", "max_size", "cpu_seconds"}`` and the file's descriptor;
  ``follow``, always for the same recording: also ``offset``, from which on it is wanted, 0 to begin anew. The columns then hold
  the rows that were appended, ``done`` is ``{"offset"}``, the end of what was read, or ``{"nothing": true}``;
* out: any number of ``{"progress": {"stage", "done", "size"}}``, then one of
  ``{"done": {"format", "summary", "about", "retire"}}`` (with a descriptor of the columns, if wanted or slow to make) and
  ``{"error": {"kind": "format" | "memory" | "bug", "message"}}``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import importlib
import io
import json
import os
import resource
import socket
import sys
import tempfile
import time
from typing import Any

from plopi import formats
from plopi.errors import FormatError
from plopi.formats.progress import Report
from plopi.formats.unwrap import unwrapped
from plopi.model import Profile
from plopi.viewer import payloads
from plopi.viewer.analysis import prepare
from plopi.viewer.readers import columns, sandbox, wire
from plopi.viewer.readers.results import MAX_THREADS, SLOW_SECONDS

_CHUNK = 4 * 2**20
_RETIRE_AT_KIB = 512 * 1024
"""A worker that has needed this much memory is not kept: what it freed may never go back to the system."""
_REPORT_SECONDS = 0.05


def main(fd: int, options: dict[str, Any]) -> None:
    """Serve until the server closes the connection."""
    _import_all()
    if options["gives_way"]:
        sandbox.give_way()
    sandbox.limit(options["memory"], options["output"], options["cpu_hard"])
    sandbox.renounce([*sys.path, sys.prefix, sys.base_prefix])
    gc.collect()
    gc.freeze()
    gc.disable()
    with socket.socket(fileno=fd) as sock:
        wire.send(sock, {"ready": True})
        followed = Followed()
        while True:
            try:
                job, file = wire.receive(sock)
            except (wire.Gone, OSError):
                return
            if file is None:
                return
            _answer(sock, job, file, followed)
            if job["want"] == "follow":
                gc.freeze()  # what is known of a recording stays, and would be looked through each time
            else:
                gc.collect()


class Followed:
    """What is known of the recording that this worker follows, if it does."""

    def __init__(self) -> None:
        self._reader: Any = None

    def read(self, job: dict[str, Any], file: int, report: Report) -> tuple[dict[str, Any], int | None]:
        from plopi.formats.pprof_growing import GrowingReader

        if job["offset"] == 0:
            self._reader = GrowingReader(formats.Limits(file_bytes=job["max_size"]))
        if self._reader is None or self._reader.offset != job["offset"]:
            raise FormatError("the recording does not go on from where it was read to; it is read anew")
        appended = self._reader.feed(_load(file, job["size"], report, job["offset"]), report)
        if appended is None:
            return {"nothing": True}, None
        tables = {name: getattr(appended, name) for name in ("functions", "locations", "stacks", "threads", "windows", "samples")}
        rows = Profile("stacks", appended.sample_types, appended.strings, calls=None, about=appended.about, **tables)
        prepared: dict[str, columns.Array] = {}
        if not job["offset"]:
            report("preparing", 0, job["size"])
            prepared = prepare(rows)
        return {"offset": self._reader.offset}, _pack(rows, {}, prepared)


def _answer(sock: socket.socket, job: dict[str, Any], file: int, followed: Followed) -> None:
    try:
        sandbox.limit_cpu(job["cpu_seconds"])
        done, out = (followed.read if job["want"] == "follow" else _read)(job, file, _reporter(sock))
    except FormatError as error:
        _refuse(sock, "format", str(error))
    except MemoryError:
        _refuse(sock, "memory", "")
    except Exception as error:  # a bug of ours, but the file it tripped over must not end the worker
        _refuse(sock, "bug", f"{type(error).__name__}: {error}")
    else:
        wire.send(sock, {"done": done}, out)
        if out is not None:
            os.close(out)
    finally:
        os.close(file)


def _reporter(sock: socket.socket) -> Report:
    """Tells the server how far it is, each stage at once and then every now and then."""
    last: tuple[str, float] = ("", 0.0)

    def report(stage: str, done: int, size: int) -> None:
        nonlocal last
        now = time.monotonic()
        if stage != last[0] or now - last[1] >= _REPORT_SECONDS:
            last = (stage, now)
            wire.send(sock, {"progress": {"stage": stage, "done": done, "size": size}})

    return report


def _refuse(sock: socket.socket, kind: str, message: str) -> None:
    wire.send(sock, {"error": {"kind": kind, "message": message[:2000]}})


def _read(job: dict[str, Any], file: int, report: Report) -> tuple[dict[str, Any], int | None]:
    size, began = job["size"], time.process_time()
    limits = formats.Limits(file_bytes=job["max_size"])
    content = unwrapped(_load(file, size, report), limits, report)
    format_name = formats.sniff(content[: formats.HEAD_BYTES], job["name"])
    profile: Profile = importlib.import_module(formats.FORMATS[format_name]).read(content, limits, report)
    size = len(content)
    del content
    columns.check_sums(profile)
    summary = {
        **payloads.summary(profile),
        "functions": len(profile.functions),
        "threads": payloads.details(profile)["threads"][:MAX_THREADS],
    }
    if (summary["samples"] or 0) < 0:
        raise FormatError("it counts fewer samples than none, so it is a difference; compare the two profiles here instead")
    done = {
        "format": format_name,
        "summary": summary,
        "about": dataclasses.asdict(profile.about),
        "retire": _peak_kib() > _RETIRE_AT_KIB,
    }
    if job["want"] != "columns" and time.process_time() - began < SLOW_SECONDS:
        return done, None
    report("preparing", 0, size)
    prepared = prepare(profile)
    report("packing", 0, size)
    return done, _pack(profile, done, prepared)


def _load(file: int, size: int, report: Report, start: int = 0) -> bytes:
    """The bytes from ``start`` to ``size``, as the server saw them; less if the file has shrunk since."""
    content = io.BytesIO()
    done = start
    while done < size:
        report("reading", done, size)
        part = os.pread(file, min(_CHUNK, size - done), done)
        if not part:
            break
        done += content.write(part)
    return content.getvalue()


def _pack(profile: Profile, done: dict[str, Any], prepared: dict[str, columns.Array]) -> int:
    """A descriptor of an anonymous file with the columns, sealed against change where the system can."""
    fd, sealed = _anonymous()
    with os.fdopen(os.dup(fd), "wb") as out:
        columns.encode(profile, done, out, prepared)
    if sealed:
        _seal(fd)
    return fd


def _anonymous() -> tuple[int, bool]:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("plopi columns", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), True
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno()), False


def _seal(fd: int) -> None:
    import fcntl

    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL)


def _peak_kib() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


def _import_all() -> None:
    """Readers import what they need when first used, which no file is to bring about."""
    readers = [f"{name}_reader" for name in formats.FORMATS.values()]
    for name in (
        *formats.FORMATS.values(),
        *readers,
        "numpy.ma",
        "google.protobuf.message",
        "plopi.formats.pprof_growing",
        "fcntl",
    ):
        with contextlib.suppress(ImportError):  # what needs it says so
            importlib.import_module(name)


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(sys.argv[2]))
