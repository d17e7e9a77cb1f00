"""Every profile of the data directory: what is known of it, under an id that lasts, and its parsed content while it is wanted.

All state belongs to the event loop's thread. Scans run in a thread of their own, parsing in worker processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from plopi.viewer.entries import Entry, Reading, id_of, name_of, shown
from plopi.viewer.heap import Heap
from plopi.viewer.kept import Kept
from plopi.viewer.notebook import Notebook
from plopi.viewer.processes import Processes
from plopi.viewer.readers.bounds import Bounds
from plopi.viewer.readers.disk_cache import DiskCache
from plopi.viewer.readers.pool import Abandoned, Pool, Task
from plopi.viewer.readers.process import Want
from plopi.viewer.readers.results import Key, Parsed, Pending, Progress, Unreadable
from plopi.viewer.watch import PART_SUFFIX, Changes, Found, Watcher

SCAN_SECONDS = 1.0
REFRESH_SECONDS = 0.05
"""So long after a scan began, requests are answered with what is known. 100,000 files take half a second."""
SETTLE_SECONDS = 2.0
"""A file that changed less than this ago and cannot be read may be half-written: it is tried again before it is called broken."""
SUMMARY_FACTOR = 5
"""A growing file's summary is read again after this many times what reading it took."""
LOOKED_AT_SECONDS = 3.0
"""A growing profile that somebody follows is not read for its summary besides."""
SUMMARIES_AT_ONCE = 4
ABANDON_SECONDS = 10.0
"""A file that nobody has asked for again after this long need not be read for its columns."""
MOST_CHANGES = 200_000
"""So many are known one by one; whoever has seen none of them looks at all profiles."""
CHUNK = 100
"""So many files are noted at once before other requests get their turn."""


class Store:
    """Use from one event loop. ``refresh`` first, then look; ``close`` at the end."""

    def __init__(
        self,
        directory: Path,
        bounds: Bounds | None = None,
        cache_bytes: int = 512 * 2**20,
        disk_cache: DiskCache | None = None,
        clock: Callable[[], float] = time.monotonic,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.directory = directory
        self.bounds = bounds or Bounds()
        self.processes = Processes()
        self.revision = 0
        """Changes whenever anything that the index shows of any profile did (but for the CPU and memory of processes)."""
        self.problem: str | None = None
        self.now_ns = now_ns
        self._clock = clock
        self._watcher = Watcher(directory, self.bounds.file_size, now_ns=now_ns)
        self._pool = Pool(self.bounds, disk_cache)
        self.notebook = Notebook(directory)
        self._tags: dict[str, tuple[str, ...]] = {}
        self._scanner = ThreadPoolExecutor(1, "plopi scan")
        self._looker = ThreadPoolExecutor(1, "plopi look")
        self.on_change: Callable[[], None] = lambda: None
        """Called after each change of ``revision``."""
        self._changes: OrderedDict[str, int] = OrderedDict()
        """The revision at which each profile changed last, in that order."""
        self._forgotten = 0
        """Changes up to this revision are not all known any more."""
        self._unread: set[str] = set()
        self._heap = Heap()
        self._parts: set[str] = set()
        self._began_at = self._scanned_at = float("-inf")
        """When the last scan began, and ended."""
        self._scan: asyncio.Task[None] | None = None
        self._entries: dict[str, Entry] = {}
        self._waiting: list[tuple[int, str]] = []
        """A heap of profiles whose summary is wanted, newest first."""
        self._preferred: set[str] = set()
        """Of these, the ones that somebody looks at."""
        self._due: dict[str, float] = {}
        """When to try a profile again that settles or grows."""
        self._summaries_running = 0
        self._readings: list[Reading] = []
        """Those that somebody waits for."""
        self._kept = Kept(cache_bytes)
        self._closed = False

    # --- looking ----------------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._entries)

    def ids(self) -> list[str]:
        """From any thread."""
        return list(self._entries)

    def get(self, profile_id: str) -> Entry | None:
        return self._entries.get(profile_id)

    @property
    def unread(self) -> int:
        """Profiles that are still to be looked at for the first time."""
        return len(self._unread)

    def changed_since(self, revision: int) -> list[tuple[str, int]] | None:
        """What has changed, come or gone after ``revision``, by id, and when; None if that is too long ago to be known."""
        if revision < self._forgotten:
            return None
        found: list[tuple[str, int]] = []
        for profile_id, at in reversed(self._changes.items()):
            if at <= revision:
                break
            found.append((profile_id, at))
        return found

    def refresh_soon(self) -> None:
        """Begin to look at the directory again, if that is due; nobody waits for it."""
        if self._scan is None and self._clock() - self._scanned_at >= SCAN_SECONDS and not self._closed:
            self._began_at = self._clock()
            self._scan = asyncio.create_task(self._rescan())
            self._scan.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def look(self, profile_ids: Iterable[str]) -> None:
        """See at once whether files came or went, and whether these recordings, which somebody follows, have grown."""
        names = [entry.found.name for each in profile_ids if (entry := self._entries.get(each)) and entry.is_part]
        if self._closed:
            return
        looked = await asyncio.get_running_loop().run_in_executor(self._looker, self._watcher.look, names)
        if looked.told:
            await self._take(*self.notebook.sift(Changes(looked.told, (), self.problem)))
        if looked.turned or None in looked.files:  # what is gone or finished: the next scan, which is now, tells which
            self._scanned_at = self._clock() - SCAN_SECONDS
        for name, found in zip(names, looked.files):
            known = self._entries.get(id_of(name))
            if known is None or known.found.name != name or found is None:
                continue
            if found.key != known.found.key:
                known.put(found)
                self._touch(known)
                if known.id in self._kept and known.reading is None and not known.is_broken:
                    self._read(known, "columns")

    async def refresh(self) -> None:
        """See to it that what is known is about a second old, in large directories a few; many may ask at once."""
        self.refresh_soon()
        if (scan := self._scan) is not None:
            first, left = self._scanned_at == float("-inf"), self._began_at + REFRESH_SECONDS - self._clock()
            if first or left > 0:
                await asyncio.wait((scan,), timeout=None if first else left)
            if scan.done():
                scan.result()  # what went wrong with it is told to whoever asked

    async def load(self, profile_id: str, patience: float) -> Parsed:
        """The parsed profile. LookupError: there is none; Unreadable: it is broken; Pending: not within ``patience`` seconds."""
        entry = self._entries.get(profile_id)
        if entry is None:
            raise LookupError(profile_id)
        found, cached = entry.found, self._kept.get(profile_id)
        if entry.is_part:  # its summary comes with every look at it
            self._due[profile_id] = self._clock() + LOOKED_AT_SECONDS
        if entry.is_broken:
            raise Unreadable(entry.reason or "it cannot be read")
        if cached is not None and cached.key == found.key:
            self._kept.touch(profile_id)
            return cached
        if entry.reason is not None and entry.reading is None:
            raise Pending(Progress("settling", 0, found.key.size))
        reading = self._wanted(entry)
        try:
            parsed = await asyncio.wait_for(asyncio.shield(reading.noted), patience)
            if parsed is not None and parsed.profile is None:
                reading = self._wanted(entry)
                parsed = await asyncio.wait_for(asyncio.shield(reading.noted), patience)
        except TimeoutError:
            if cached is not None and entry.files and entry.is_part:
                return cached  # a moment old, and the next one is on its way
            raise Pending(self._pool.progress(reading.task)) from None
        if parsed is not None:
            return parsed
        if not entry.files:
            raise LookupError(profile_id)
        if not entry.is_broken:
            raise Pending(Progress("settling", 0, found.key.size))
        raise Unreadable(entry.reason or "it cannot be read")

    def _wanted(self, entry: Entry) -> Reading:
        """The reading that brings its columns, or a summary first if it is being read for that already."""
        reading = entry.reading or entry.skimming
        if reading is None or (reading is entry.skimming and not self._pool.hurry(reading.task)):
            reading = self._read(entry, "columns")
        reading.wanted_at = self._clock()
        return reading

    async def close(self) -> None:
        self._closed = True
        if self._scan is not None:
            with contextlib.suppress(Exception):
                await self._scan
        self._scanner.shutdown(wait=False, cancel_futures=True)
        self._looker.shutdown(wait=True, cancel_futures=True)
        self._watcher.close()
        await asyncio.to_thread(self._pool.close)

    def tag(self, profile_id: str, tags: tuple[str, ...]) -> None:
        """These are the tags of a profile now, be there a file of it or not (yet)."""
        before = self._tags.pop(profile_id, ())
        if tags:
            self._tags[profile_id] = tags
        if profile_id in self._entries:
            self._entries[profile_id].tags = tags
        if tags != before:
            self._touch(self._entries.get(profile_id))

    # --- scanning ---------------------------------------------------------------------------------------------------------

    async def _rescan(self) -> None:
        try:
            loop = asyncio.get_running_loop()
            await self._take(*await loop.run_in_executor(self._scanner, lambda: self.notebook.sift(self._watcher.scan())))
            await self._see_who_lives(loop)
        finally:
            self._scanned_at = self._clock()
            self._scan = None
        for reading in self._readings:
            if self._clock() - reading.wanted_at > ABANDON_SECONDS:
                self._pool.abandon(reading.task)
        self._pool.trim()
        self._feed()

    async def _take(self, changes: Changes, tags: Mapping[str, tuple[str, ...]]) -> None:
        for profile_id, new in tags.items():
            self.tag(profile_id, new)
        await self._note(changes.changed, changes.gone, changes.problem)
        self._feed()

    async def _note(self, changed: tuple[Found, ...], gone: tuple[str, ...], problem: str | None) -> None:
        if problem != self.problem:
            self._touch(None)
        self.problem = problem
        for count, found in enumerate(changed, 1):
            if count % CHUNK == 0:
                await asyncio.sleep(0)
            profile_id = id_of(found.name)
            entry = self._entries.get(profile_id)
            if entry is None:
                tags = self._tags.get(profile_id, ())
                entry = self._entries[profile_id] = Entry(profile_id, name_of(found.name), found, tags=tags)
            before = entry.found if entry.files else None
            entry.put(found)
            if entry.found != before:
                self._touch(entry)
            self._want_summary(entry)
        for name in gone:  # after what came: a recording that was just finished is still the same profile
            self._remove(name)
        now = self._clock()
        for profile_id in [profile_id for profile_id, due in self._due.items() if due <= now]:
            del self._due[profile_id]
            if profile_id in self._entries:
                self._want_summary(self._entries[profile_id])

    def _remove(self, name: str) -> None:
        entry = self._entries.get(id_of(name))
        if entry is None:
            return
        entry.drop(name)
        if entry.files:
            self._touch(entry)
            self._want_summary(entry)
            return
        del self._entries[entry.id]
        self._touch(entry)
        self._kept.drop(entry.id)
        self._due.pop(entry.id, None)

    async def _see_who_lives(self, loop: asyncio.AbstractEventLoop) -> None:
        """Recordings change their status without a change of the file when their process ends."""
        entries = map(self._entries.__getitem__, self._parts)
        parts = [(entry, entry.summary.about) for entry in entries if entry.summary is not None]
        alive = await loop.run_in_executor(self._scanner, lambda: [self.processes.alive(about) for _, about in parts])
        for (entry, _), lives in zip(parts, alive):
            entry.alive = lives
            status = entry.status(self.now_ns())
            if status != entry.told_status and entry.files:
                entry.told_status = status
                self._touch(entry)

    # --- reading ----------------------------------------------------------------------------------------------------------

    def _want_summary(self, entry: Entry) -> None:
        if entry.id not in self._due:
            heapq.heappush(self._waiting, (-entry.found.key.mtime_ns, entry.id))

    def prefer(self, entries: Iterable[Entry]) -> None:
        """Somebody looks at these: what is unread of them goes before everything else."""
        for entry in entries:
            if entry.id not in self._preferred and entry.files and not entry.is_read and entry.id not in self._due:
                self._preferred.add(entry.id)
                heapq.heappush(self._waiting, (-(2**64), entry.id))

    def _feed(self) -> None:
        """Keep the pool supplied with summaries to read, newest files first."""
        while self._waiting and self._summaries_running < SUMMARIES_AT_ONCE and not self._closed:
            profile_id = heapq.heappop(self._waiting)[1]
            self._preferred.discard(profile_id)
            entry = self._entries.get(profile_id)
            if entry is not None and not entry.is_read and entry.reading is None and entry.skimming is None:
                self._read(entry, "summary")

    def _read(self, entry: Entry, want: Want) -> Reading:
        """Have the pool read it, for its columns (somebody waits) or only for the index."""
        name = entry.found.name
        task = Task(
            want,
            shown(name),
            opener=lambda: self._watcher.open(name),
            grows=name.endswith(PART_SUFFIX),
            urgent=want == "columns",
            size=entry.found.key.size,
        )
        reading = Reading(task, asyncio.ensure_future(self._follow(entry, task)), self._clock())
        if want == "columns":
            entry.reading = reading
            self._readings.append(reading)
        else:
            entry.skimming = reading
            self._summaries_running += 1
        self._pool.submit(task)
        return reading

    async def _follow(self, entry: Entry, task: Task) -> Parsed | None:
        """Wait for what a reader finds, and note it; None if it was trouble."""
        key, began = entry.found.key, self._clock()
        parsed: Parsed | None = None
        trouble: Unreadable | None = None
        try:
            parsed = await asyncio.wrap_future(task.future)
        except Unreadable as error:
            trouble = error
        if entry.reading is not None and entry.reading.task is task:
            self._readings.remove(entry.reading)
            entry.reading = None
        if entry.skimming is not None and entry.skimming.task is task:
            entry.skimming = None
            self._summaries_running -= 1
            if entry.reading is not None and parsed is not None and parsed.profile is not None:
                self._pool.abandon(entry.reading.task, instead=parsed)  # the one at low priority was faster, having begun before
        if entry.files:
            self._keep(entry, task, key, parsed, trouble, self._clock() - began)
        self._feed()
        return parsed

    def _touch(self, entry: Entry | None) -> None:
        """Something of it has changed that the index shows, or (None) of none in particular."""
        self.revision += 1
        if entry is not None:
            self._changes[entry.id] = self.revision
            self._changes.move_to_end(entry.id)
            there = entry.id in self._entries
            (self._parts.add if there and entry.is_part else self._parts.discard)(entry.id)
            unread = there and entry.summary is None and not entry.is_broken
            (self._unread.add if unread else self._unread.discard)(entry.id)
            self._heap.keeps(2 * len(self._entries) - len(self._unread))  # files and summaries
            while len(self._changes) > MOST_CHANGES:
                self._forgotten = self._changes.popitem(last=False)[1]
        self.on_change()

    def _keep(self, entry: Entry, task: Task, key: Key, parsed: Parsed | None, trouble: Unreadable | None, cost: float) -> None:
        if parsed is not None:
            entry.summary, entry.summary_key, entry.is_partial = parsed.summary, parsed.key, task.grows
            entry.alive = self.processes.alive(parsed.summary.about) if entry.is_part else None
            entry.trouble, entry.trouble_key, entry.settling = None, None, False
            if parsed.profile is not None:
                self._kept.put(entry.id, parsed, wanted=task.urgent)
            if entry.is_part:
                self._due[entry.id] = self._clock() + SUMMARY_FACTOR * cost
        elif isinstance(trouble, Abandoned):
            self._want_summary(entry)
        elif trouble is not None:
            seen = trouble.key or task.key or key  # it may have changed since somebody looked
            age = (self.now_ns() - seen.mtime_ns) / 1e9
            entry.trouble, entry.trouble_key = str(trouble), seen
            entry.settling = not trouble.lasting or 0 <= age < SETTLE_SECONDS
            if entry.settling:
                self._due[entry.id] = self._clock() + SETTLE_SECONDS
        self._touch(entry)
        if entry.found.key != key:  # it changed meanwhile, and that was left for now
            self._want_summary(entry)
