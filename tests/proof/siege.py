"""A viewer amidst evil files, and how it answers everybody else: ``python -m tests.proof.siege [--seconds 60]``."""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.proof.evil import Evil, bad_notes, content, kinds, names, rubbish, times, wrapped
from tests.proof.evil_contents import GOOD, PPROF, all_contents, rows, written
from tests.proof.outcome import Outcome
from tests.proof.outside import Json, Outside, eventually, viewer, without_privileges

TRUTHS = (3, 500)
"""How many samples a moving file holds, at one time and another."""
STILL = "good.pb.gz"


def evils() -> list[Evil]:
    return [*kinds(GOOD), *names(GOOD), *times(GOOD), *wrapped(GOOD, PPROF), *rubbish(), *all_contents()]


@dataclass
class Besides:
    """What others were answered meanwhile: seconds and statuses of plain requests."""

    latency: list[float] = field(default_factory=list)
    status: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latency)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


@dataclass(frozen=True)
class Siege:
    viewer: Outside
    besides: Besides
    made: frozenset[bytes]
    """Those evil files that could be made here."""
    calm: Callable[[], None]
    """Nothing moves any more."""


@contextlib.contextmanager
def siege(folder: Path) -> Iterator[Siege]:
    """A viewer of a folder with one good file, into which all the evil ones come while it is asked for the good one."""
    content(GOOD)(folder / STILL)
    with viewer(folder, through=without_privileges() or ()) as running, contextlib.ExitStack() as asking:
        eventually(lambda: running.rows()[0]["status"] == "finished", "the good file being read")
        besides = Besides()
        good = running.rows()[0]["id"]
        asking.enter_context(_repeated(lambda: _ask(running, good, besides)))
        moving = asking.enter_context(contextlib.ExitStack())
        for work in _movers(folder):
            moving.enter_context(_repeated(work))
        made = frozenset(evil.name for evil in evils() if evil.put(folder))
        for name, make, _ in bad_notes():
            content(GOOD)(folder / f"{name}.pb.gz")
            with contextlib.suppress(OSError):
                make(folder / f"{name}.pb.gz.notes.json")
        yield Siege(running, besides, made, moving.close)


@contextlib.contextmanager
def _repeated(work: Callable[[], None]) -> Iterator[None]:
    """``work`` over and over in a thread; what it raises comes out at the end."""
    done, trouble = threading.Event(), []

    def loop() -> None:
        try:
            while not done.is_set():
                work()
        except BaseException as error:
            trouble.append(error)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    if trouble:
        raise trouble[0]


def _ask(running: Outside, good: str, besides: Besides) -> None:
    for path in ("/api/profiles?per=50", "/api/profiles?per=50&q=moving", f"/api/profiles/{good}/graph"):
        began = time.monotonic()
        status, answer = running.ask(path)
        besides.latency.append(time.monotonic() - began)
        besides.status[status] += 1
        besides.wrong += [told for row in answer.get("profiles", ()) if (told := _wrong(row))]
        time.sleep(0.02)


def _wrong(row: Json) -> str:
    """What a row says of a moving file that was never whole in it."""
    if not str(row["file"]).startswith("moving") or row["samples"] in (None, *TRUTHS):
        return ""
    return f"{row['file']}: {row['samples']} samples, {row['status']}, {row['reason']}"


def _movers(folder: Path) -> list[Callable[[], None]]:
    """Files that change while they are read: put in place whole, written over in halves, growing, now this kind and now that."""
    truths = [written(rows(*(f"f{i}" for i in range(samples))).build(), "pprof") for samples in TRUTHS]

    def replace() -> None:
        for truth in truths:
            (folder / ".beside").write_bytes(truth)
            (folder / ".beside").replace(folder / "moving-replaced.pb.gz")
            time.sleep(0.03)

    def rewrite() -> None:
        for truth in truths:
            with open(folder / "moving-rewritten.pb.gz", "wb", buffering=0) as out:
                out.write(truth[: len(truth) // 2])
                time.sleep(0.02)
                out.write(truth[len(truth) // 2 :])
            time.sleep(0.02)

    def grow() -> None:
        with open(folder / "moving-growing.folded", "ab") as out:
            out.write(b"main;work")
            time.sleep(0.03)
            if out.tell() > 1 << 20:
                out.truncate(0)

    def go() -> None:
        path = folder / "moving-coming-and-going.pb.gz"
        for make in (lambda: path.write_bytes(truths[0]), lambda: os.mkfifo(path), lambda: path.symlink_to(STILL), path.mkdir):
            make()
            time.sleep(0.05)
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()

    return [replace, rewrite, grow, go]


def answered(running: Outside) -> dict[str, Json]:
    """What is said of each file, by its name, once all that lie still have been read."""

    def look() -> dict[str, Json] | None:
        found = {row["file"]: row for row in running.rows()}
        waiting = [name for name, row in found.items() if row["status"] == "unread" and not name.startswith("moving")]
        return None if waiting or len(found) < len(evils()) // 2 else found

    found: dict[str, Json] = eventually(look, "all evil files being answered", 240)
    return found


def run(seconds: float, folder: Path) -> Outcome:
    """The evil files are looked at again and again for so long, after all were answered."""
    with siege(folder) as under:
        began = time.monotonic()
        answered(under.viewer)
        read_in = time.monotonic() - began
        while time.monotonic() - began < seconds:
            for row in under.viewer.rows():
                under.viewer.view(row["id"])
        besides, broken = under.besides, [row for row in under.viewer.rows() if row["status"] == "broken"]
        findings = [f"a row was wrong: {wrong}" for wrong in besides.wrong]
        findings += [f"{count} answers were {status}" for status, count in besides.status.items() if status != 200]
        findings += [f"{row['file']} is broken for no reason" for row in broken if not row["reason"]]
        findings += [f"the viewer said {line}" for line in under.viewer.complaints.read_text().splitlines()[1:]]
        shares = ", ".join(f"p{share * 100:g} {besides.percentile(share) * 1000:.0f} ms" for share in (0.5, 0.95, 0.99, 1.0))
        size = f"{under.viewer.process.memory_info().rss >> 20} MiB"
        counts = Counter({"evil files": len(under.made), "broken": len(broken), "plain requests": len(besides.latency)})
        return Outcome(counts, tuple(findings), (f"answered within {read_in:.1f} s; plain requests {shares}; {size}",))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as name:
        print(run(seconds, Path(name)))


if __name__ == "__main__":
    main()
