"""What is looked at: one profile or several merged, through a lens; and what was worked out of that, kept within a bound.

``load`` belongs to the event loop; ``Subjects.index`` may be called from many threads at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Hashable
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from plopi.model import Profile
from plopi.viewer import view
from plopi.viewer.analysis import Index, index
from plopi.viewer.analysis.derived import merged, through
from plopi.viewer.analysis.diff import Comparison
from plopi.viewer.analysis.lenses import Lens
from plopi.viewer.analysis.segments import grown
from plopi.viewer.entries import revision_of
from plopi.viewer.readers.results import Parsed, Pending, Unreadable
from plopi.viewer.store import Store

KEPT_BYTES = 256 * 2**20
MOST_KEPT = 64
LONGEST_REST = 2.0
"""Seconds for which what grows may be shown as it was, at most."""
PLAIN = Lens()


class MemberPending(Pending):
    """One of several profiles is still being read: which."""

    def __init__(self, pending: Pending, name: str) -> None:
        super().__init__(pending.progress)
        self.name = name


@dataclass(frozen=True)
class Subject:
    """The parsed members of a subject, in the order of their ids."""

    ids: view.Subject
    names: tuple[str, ...]
    parsed: tuple[Parsed, ...]

    @property
    def name(self) -> str:
        """For people: that of the only one, or of the first and how many there are."""
        return self.names[0] if len(self.names) == 1 else f"{self.names[0]} and {len(self.names) - 1} more"

    @property
    def profiles(self) -> list[Profile]:
        return [index_of(parsed).profile for parsed in self.parsed]

    @property
    def revision(self) -> str:
        """Those of the members joined by ``+``, so that a page knows what news of one of them means."""
        return "+".join(revision_of(parsed.key) for parsed in self.parsed)


async def load(store: Store, ids: view.Subject, patience: float, by_name: bool = False) -> Subject:
    """All members, read side by side. LookupError: there is no such one; Unreadable, Pending: which is broken or not read yet;
    it is named where there are several, and ``by_name`` always."""
    named = by_name or len(ids) > 1
    found = await asyncio.gather(*(store.load(each, patience) for each in ids), return_exceptions=True)
    names = [entry.name if (entry := store.get(each)) else each for each in ids]
    parsed: list[Parsed] = []
    pending: Pending | None = None
    for each, name, outcome in zip(ids, names, found):
        if isinstance(outcome, Parsed):
            parsed.append(outcome)
        elif isinstance(outcome, Pending):
            pending = pending or (MemberPending(outcome, name) if named else outcome)
        elif isinstance(outcome, Unreadable) and named:
            raise Unreadable(f"{name}: {outcome}", outcome.lasting) from None
        elif isinstance(outcome, LookupError):
            raise LookupError(each) from None
        else:
            raise outcome
    if pending is not None:
        raise pending
    return Subject(ids, tuple(names), tuple(parsed))


@dataclass
class _Derived:
    """A place for one index; whoever holds the lock fills it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    revision: str = ""
    index: Index | None = None
    size: int = 0
    seen: tuple[Subject, ...] = ()
    """What it was made of; until ``rests`` it may stand for newer ones."""
    rests: float = 0.0


class Subjects:
    """Indexes of what was derived from profiles, the newest of each subject and lens, least recently used first out."""

    def __init__(self, most_bytes: int = KEPT_BYTES, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_bytes, self._clock = most_bytes, clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, _Derived] = OrderedDict()
        self._turns: WeakValueDictionary[view.Subject, asyncio.Lock] = WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def turn(self, *subjects: view.Subject) -> AsyncIterator[None]:
        """Whoever has indexes of these subjects made by a thread waits here until nobody else does: of threads that wait for
        each other there would soon be none left. On the event loop."""
        async with contextlib.AsyncExitStack() as waiting:
            for ids in sorted(set(subjects)):
                await waiting.enter_async_context(self._turns.setdefault(ids, asyncio.Lock()))
            yield

    def steady(self, ids: view.Subject, lens: Lens = PLAIN, against: view.Against | None = None) -> tuple[Subject, ...] | None:
        """What to look at (a subject, and its base in a diff) as it was a moment ago, where that was dear; None: as it is now.

        A page asks several questions at each piece of news, and more than one page may look. Were each answered as of its own
        moment, all would be worked out anew for each; so what took long stands for as long again.
        """
        with self._lock:
            place = self._kept.get((ids, lens) if against is None else (ids, lens, against))
            return place.seen if place is not None and self._clock() < place.rests else None

    def index(self, subject: Subject, lens: Lens = PLAIN) -> Index:
        """The index of a subject seen through a lens. Raises UsageError or Unanswerable where that cannot be."""
        if lens == PLAIN and len(subject.ids) == 1:
            return index_of(subject.parsed[0])
        return self._keep((subject.ids, lens), (subject,), lambda before: self._derive(subject, lens, before))

    def compare(self, subject: Subject, lens: Lens, base: Subject, against: view.Against) -> Index:
        """A subject beside a base. Raises Unanswerable where they cannot be compared."""

        def make(before: Index | None) -> Index:
            names = subject.name, base.name if base.ids != subject.ids else f"{base.name} (base)"
            sides = self.index(subject, lens), self.index(base, against.lens)
            found = Comparison(*sides, names, against.scale == "normalised", before)
            found.base_id, found.base_name, found.base_revision = "+".join(base.ids), base.name, base.revision
            return found

        return self._keep((subject.ids, lens, against), (subject, base), make)

    def _keep(self, key: Hashable, seen: tuple[Subject, ...], make: Callable[[Index | None], Index]) -> Index:
        """What is kept under ``key``, made anew (it gets what was there before) where it is of another revision."""
        place, revision = self._place(key), " ".join(each.revision for each in seen)
        with place.lock:
            if place.index is None or place.revision != revision:
                began = self._clock()
                place.index, place.revision = make(place.index), revision
                _ = place.index.structure  # which most of the time goes into, and every view needs
                place.size = size_of(place.index)
                ended = self._clock()
                with self._lock:
                    place.seen, place.rests = seen, ended + min(ended - began, LONGEST_REST)
            found = place.index
        self._trim(place)
        return found

    def _derive(self, subject: Subject, lens: Lens, before: Index | None) -> Index:
        if lens == PLAIN:
            return merged([index_of(parsed) for parsed in subject.parsed], subject.names, before)
        plain = self.index(subject)
        view.refuse_unanswerable(lens, plain.profile)
        return through(plain, lens, before)

    def _place(self, key: Hashable) -> _Derived:
        with self._lock:
            place = self._kept.setdefault(key, _Derived())
            self._kept.move_to_end(key)
            return place

    def _trim(self, used: _Derived) -> None:
        with self._lock:
            size = sum(place.size for place in self._kept.values())
            while len(self._kept) > 1 and (size > self._most_bytes or len(self._kept) > MOST_KEPT):
                key, place = next(iter(self._kept.items()))
                if place is used:
                    break
                del self._kept[key]
                size -= place.size


def index_of(parsed: Parsed) -> Index:
    """What analysis works out of a profile once for all views of it."""
    if parsed.profile is None:
        raise RuntimeError("a profile was asked for and only its summary read")
    if "index" not in parsed.memo:
        base, profile = parsed.base, parsed.profile
        parsed.memo["index"] = index(profile, parsed.prepared or None) if base is None else _grown(base, profile)
    found: Index = parsed.memo["index"]
    return found


def _grown(base: Parsed, profile: Profile) -> Index:
    """The index of what has grown out of ``base``, on top of the last one of it that there was."""
    before: Index = base.memo.get("grown") or index_of(base)
    if len(before.profile.samples) > len(profile.samples):
        before = index_of(base)
    base.memo["grown"] = found = grown(before, profile)
    return found


def size_of(about: Index) -> int:
    """Bytes, about, that an index takes, what is worked out of it and what it takes to go on included."""
    profile = about.profile
    edges = 0 if profile.calls is None else len(profile.calls.caller)
    rows = 14 * len(profile.stacks) + 5 * len(profile.samples) + 14 * len(profile.functions) + 2 * len(profile.locations)
    if about.going is not None:
        rows += 8 * len(profile.stacks) + 6 * len(profile.samples)
    return 8 * (rows + 16 * edges)
