"""Collectors, a viewer, and whatever can happen to them: ``python -m tests.proof.chaos [--seconds 180] [--collectors 8] ...``.

Processes are killed and stopped at any moment, the viewer too; the disk fills up and empties again. What a collector has said to
be written must then be listed exactly once, with the sum that it said.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import psutil

from plopi.files import TMP_PREFIX
from tests.proof import here
from tests.proof.outcome import Outcome
from tests.proof.outside import PATIENCE, Json, Outside, eventually, viewer

DISK = 64 << 20
PART = ".pb.part"


class Scene:
    """What runs, what was done to it and what was seen of it. Use as a context manager."""

    def __init__(self, seed: int, collectors: int, datadir: Path, scratch: Path, fills: bool) -> None:
        self.datadir, self._scratch, self._fills = datadir, scratch, fills
        self.chance = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.findings: list[str] = []
        self._seen: defaultdict[str, set[int]] = defaultdict(set)
        """How many samples each finished profile was said to have."""
        self._collectors: list[subprocess.Popen[bytes]] = []
        self._stopped: dict[int, float] = {}
        """When processes that were stopped may go on."""
        self._full_until: float | None = None
        self._ends = contextlib.ExitStack()
        self._wanted, self._begun = collectors, 0
        self.viewer: Outside

    def __enter__(self) -> Scene:
        self._begin_viewer()
        for _ in range(self._wanted):
            self._begin_collector()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._collectors:
            process.kill()
            process.wait()
        self._ends.close()

    def step(self) -> None:
        """Something happens; what is over by now ends; and the list is looked at."""
        now = time.monotonic()
        for pid in [pid for pid, until in self._stopped.items() if until < now]:
            self._go_on(pid)
        if self._full_until is not None and self._full_until < now:
            self._empty()
        deeds = [self._kill] * 4 + [self._stop] * 4 + [self._restart_viewer] + [self._fill] * (2 if self._fills else 0)
        self.chance.choice(deeds)()
        self.look()

    def look(self) -> list[Json]:
        rows = self.viewer.rows()
        for row in rows:
            if row["status"] == "broken":
                self.findings.append(f"{row['file']} is broken: {row['reason']}")
            if row["status"] == "finished":
                self._seen[row["file"]].add(row["samples"])
        self.counts["looks at the list"] += 1
        return rows

    def end(self) -> None:
        """All go on; some are killed, the others finish what they are at. The viewer begins anew."""
        for pid in list(self._stopped):
            self._go_on(pid)
        self._empty()
        for _ in range(self._wanted // 2):
            self._kill(another=False)
        (self._scratch / "stop").touch()
        for process in self._collectors:
            if process.wait(PATIENCE) != 0:
                self.findings.append(f"a collector ended with {process.returncode}")
        self._restart_viewer()

    def check(self) -> None:
        """The list against what was acknowledged and what is there."""
        there = self._there()
        expected = {name.removesuffix(PART) + ".pb.gz" for name in there if name.endswith((PART, ".pb.gz"))}
        end, unsettled = time.monotonic() + 4 * PATIENCE, ["nothing was looked at"]
        while unsettled and time.monotonic() < end:
            time.sleep(0.2)
            rows = self.look()
            unsettled = [f"{row['file']} stays {row['status']}" for row in rows if row["status"] in ("unread", "growing")]
            unsettled += [f"{len(rows)} of {len(expected)} profiles are listed"] * (len(rows) != len(expected))
        self.findings += unsettled
        told = [json.loads(line) for line in (self._scratch / "acknowledged").read_text().splitlines()]
        listed = Counter(row["file"] for row in rows)
        samples = {row["file"]: row["samples"] for row in rows if row["status"] == "finished"}
        for each in told:
            if listed[each["file"]] != 1 or samples.get(each["file"]) != each["samples"]:
                self.findings.append(f"{each} is listed {listed[each['file']]} times, with {samples.get(each['file'])} samples")
        if len({each["file"] for each in told}) != len(told):
            self.findings.append("a file was acknowledged twice")
        self.findings += [f"{name} was said to have {counts} samples" for name, counts in self._seen.items() if len(counts) > 1]
        ended = [row for row in rows if row["status"] == "ended"]
        parts = {name for name in there if name.endswith(PART) and name.removesuffix(PART) + ".pb.gz" not in there}
        if {row["file"] for row in ended} != parts or not all(row["samples"] is not None for row in ended):
            self.findings.append(f"listed as ended: {[(row['file'], row['samples']) for row in ended]}; there: {sorted(parts)}")
        self.counts["profiles acknowledged"] = len(told)
        self.counts["recordings of the dead"] = len(ended)
        self.counts["profiles listed"] = len(rows)

    def check_swept(self) -> None:
        """Whoever records next removes what the dead have left beside."""
        (self._scratch / "stop").unlink()
        self._begin_collector()
        eventually(lambda: not [name for name in self._there() if name.startswith(TMP_PREFIX)], "the sweep")

    def _there(self) -> set[str]:
        return {path.name for path in self.datadir.iterdir()}

    # --- what happens

    def _begin_collector(self) -> None:
        self._begun += 1
        arguments = [str(self.datadir), str(self._scratch / "acknowledged"), str(self._scratch / "stop"), str(self._begun)]
        command = [sys.executable, "-m", "tests.proof.chaos_child", *arguments]
        self._collectors.append(subprocess.Popen(command, **here(), stderr=subprocess.DEVNULL))

    def _begin_viewer(self) -> None:
        self.viewer = self._ends.enter_context(viewer(self.datadir))

    def _kill(self, another: bool = True) -> None:
        process = self._collectors.pop(self.chance.randrange(len(self._collectors)))
        self._stopped.pop(process.pid, None)
        process.kill()
        process.wait()
        self.counts["collectors killed"] += 1
        if another:
            self._begin_collector()

    def _stop(self) -> None:
        process = self.chance.choice(self._collectors)
        process.send_signal(signal.SIGSTOP)
        self._stopped[process.pid] = time.monotonic() + self.chance.uniform(0.05, 2.0)
        self.counts["collectors stopped"] += 1

    def _go_on(self, pid: int) -> None:
        del self._stopped[pid]
        os.kill(pid, signal.SIGCONT)

    def _restart_viewer(self) -> None:
        workers = self.viewer.workers()
        self._ends.close()
        _, alive = psutil.wait_procs(workers, PATIENCE)
        self.findings += [f"a worker outlived its viewer: {worker}" for worker in alive]
        self._begin_viewer()
        self.counts["viewers killed"] += 1

    def _fill(self) -> None:
        if self._full_until is None:
            fill(self.datadir / ".filler")
            self.counts["disk filled"] += 1
        self._full_until = time.monotonic() + self.chance.uniform(0.3, 3.0)

    def _empty(self) -> None:
        (self.datadir / ".filler").unlink(missing_ok=True)
        self._full_until = None


def fill(path: Path) -> None:
    """Until nothing more fits."""
    with open(path, "wb", buffering=0) as out:
        for size in (1 << 20, 1 << 12):
            with contextlib.suppress(OSError):
                while True:
                    out.write(bytes(size))


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """``folder`` as a file system of its own, which is soon full; False where only this user may not do that."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "plopi", str(folder)], capture_output=True)
    try:
        yield mounted.returncode == 0
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def run(seed: int, seconds: float, collectors: int, scratch: Path) -> Outcome:
    """``seconds`` of it, and what is found to be wrong then."""
    datadir = scratch / "profiles"
    datadir.mkdir()
    with small_disk(datadir) as fills, Scene(seed, collectors, datadir, scratch, fills) as scene:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            scene.step()
            time.sleep(scene.chance.uniform(0.05, 0.4))
        scene.end()
        scene.check()
        scene.check_swept()
        return Outcome(scene.counts, tuple(dict.fromkeys(scene.findings)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("seconds", 180.0), ("collectors", 8), ("seed", 0)):
        parser.add_argument(f"--{name}", type=type(default), default=default)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        outcome = run(given.seed, given.seconds, given.collectors, Path(scratch))
    print(", ".join(f"{count} {what}" for what, count in outcome.counts.items()))
    print(f"{len(outcome.findings)} findings", *outcome.findings[:20], sep="\n")


if __name__ == "__main__":
    main()
