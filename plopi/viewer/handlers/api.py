"""``api/``: the index and the views of one profile, as JSON (docs/architecture.md, wire format)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import plopi
from plopi.viewer import payloads
from plopi.viewer.analysis import Index
from plopi.viewer.analysis.lenses import Lens
from plopi.viewer.entries import Entry, shown
from plopi.viewer.handlers.base import PATIENCE, Base, etag_of, to_json
from plopi.viewer.listing import News, Question, detail, row
from plopi.viewer.payloads.flame import Asked
from plopi.viewer.payloads.timeline import buckets
from plopi.viewer.processes import Vital
from plopi.viewer.security import Refused
from plopi.viewer.subjects import Subject, load
from plopi.viewer.view import View, base_of, lens_of, subject_of


class Api(Base):
    """What needs an up-to-date store."""

    async def prepare(self) -> None:
        await super().prepare()
        await self.services.store.refresh()

    def entry(self, profile_id: str) -> Entry:
        found = self.services.store.get(profile_id)
        if found is None:
            raise Refused(404, f"There is no profile {profile_id!r} (any more); look for it in the list.")
        return found

    def vital(self, entry: Entry) -> Vital | None:
        return self.services.store.processes.vital(entry.summary.about) if entry.summary else None


class Profiles(Api):
    """``GET api/profiles``: a page of the index."""

    async def get(self) -> None:
        store, question = self.services.store, Question.parse(self.arguments())
        listing, now_ns, total, unread, problem = self.services.listing, store.now_ns(), len(store), store.unread, store.problem
        revision, since = store.revision, listing.revision
        news = News(since, revision, store.changed_since(since), store.ids, store.get)
        looked_at: list[Entry] = []

        def make() -> bytes | None:
            listing.update(news, now_ns)
            page = listing.page(question, self.vital)
            if page is None:
                return None
            looked_at.extend(page.entries)
            content = {
                "v": 1,
                "datadir": shown(str(store.directory)),
                "problem": problem,
                "unread": unread,
                "revision": revision,
                "total": total,
                "shown": page.matching,
                "page": page.page,
                "pages": page.pages,
                "profiles": [row(entry, now_ns, self.vital(entry)) for entry in page.entries],
            }
            return to_json(content)

        loop = asyncio.get_running_loop()
        body = make() if listing.is_at_hand(question, news) else await loop.run_in_executor(self.services.threads, make)
        while body is None:
            await self.services.order(question)
            body = await loop.run_in_executor(self.services.threads, make)
        self.send_json(body)
        store.prefer(looked_at)

    head = get


@dataclass(frozen=True)
class Seen:
    """A subject, the revisions of all that has a part in what is seen of it, how to get at that (in a thread), and of which
    subjects it is made."""

    subject: Subject
    revisions: str
    index: Callable[[], Index]
    turns: tuple[tuple[str, ...], ...]


class SubjectApi(Api):
    """What is about one profile or several merged."""

    async def load(self, ids: tuple[str, ...], by_name: bool = False) -> Subject:
        for each in ids:
            self.entry(each)
        try:
            return await load(self.services.store, ids, PATIENCE, by_name)
        except LookupError as error:
            self.entry(str(error.args[0]))
            raise

    async def index_of(self, seen: Seen) -> Index:
        async with self.services.subjects.turn(*seen.turns):
            return await asyncio.get_running_loop().run_in_executor(self.services.threads, seen.index)


class ProfileDetail(SubjectApi):
    """``GET api/profiles/SUBJECT``."""

    async def get(self, subject_text: str) -> None:
        ids, now_ns = subject_of(subject_text), self.services.store.now_ns()
        entries = [self.entry(each) for each in ids]
        if len(ids) == 1:
            await self.answer(lambda: detail(entries[0], now_ns, self.vital(entries[0])))
            return
        (subject,) = self.services.subjects.steady(ids) or (await self.load(ids),)
        about = await self.index_of(Seen(subject, subject.revision, lambda: self.services.subjects.index(subject), (ids,)))
        await self.answer(
            lambda: payloads.merged(
                subject.profiles,
                about.profile,
                [detail(entry, now_ns, self.vital(entry)) for entry in entries],
                subject.revision,
            )
        )

    head = get


class ViewHandler(SubjectApi):
    """A view of a subject: one parsed profile, or several merged. ``make`` says which; it runs in a thread."""

    def make(self, about: Index, view: View, revision: str, *path: str) -> Mapping[str, Any]:
        raise NotImplementedError

    async def get(self, subject_text: str, *path: str) -> None:
        seen = await self.look(subject_text)
        if self.unchanged(etag_of(seen.revisions, plopi.__version__)):
            return

        about = await self.index_of(seen)

        def make() -> Mapping[str, Any]:
            try:
                return self.make(about, View.parse(self.all_arguments(), about.profile), seen.subject.revision, *path)
            except payloads.NoSuchFunction as error:
                raise Refused(404, str(error)) from None

        await self.answer(make)

    async def look(self, subject_text: str) -> Seen:
        """What the request asks to look at, once all of it has been read."""
        ids, lens, against = subject_of(subject_text), self.lens(), base_of(self.all_arguments())
        subjects = self.services.subjects
        for each in ids if against is None else (*ids, *against.subject):
            self.entry(each)
        steady = subjects.steady(ids, lens, against)
        if against is None:
            (subject,) = steady or (await self.load(ids),)
            return Seen(subject, subject.revision, lambda: subjects.index(subject, lens), (ids,))
        subject, base = steady or (await self.load(ids), await self.load(against.subject, by_name=True))
        revisions = f"{subject.revision}-{base.revision}"
        return Seen(subject, revisions, lambda: subjects.compare(subject, lens, base, against), (ids, base.ids))

    def lens(self) -> Lens:
        """What the view is seen through."""
        return lens_of(self.all_arguments())

    head = get


class Graph(ViewHandler):
    """``GET api/profiles/ID/graph``."""

    def make(self, about: Index, view: View, revision: str, *path: str) -> Mapping[str, Any]:
        return payloads.graph(about, view, revision)


class Table(ViewHandler):
    """``GET api/profiles/ID/table``."""

    def make(self, about: Index, view: View, revision: str, *path: str) -> Mapping[str, Any]:
        return payloads.table(about, view, revision)


class Function(ViewHandler):
    """``GET api/profiles/ID/function/FID``."""

    def make(self, about: Index, view: View, revision: str, *path: str) -> Mapping[str, Any]:
        return payloads.function(about, view, int(path[0]), revision)


NO_SOURCE = (
    "There is no source to be shown of this function: it is no Python file below a directory that the viewer was started with as "
    "--source-root."
)


class Source(ViewHandler):
    """``GET api/profiles/ID/source/FID``. Whatever stands in the way, the answer is the same, and no error."""

    def make(self, about: Index, view: View, revision: str, *path: str) -> Mapping[str, Any]:
        found = payloads.source(about, view, int(path[0]), self.services.config.source_roots, revision)
        return found or {"v": payloads.VERSION, "revision": revision, "lines": None, "why": NO_SOURCE}


class Flame(ViewHandler):
    """``GET api/profiles/ID/flame``."""

    def make(self, about: Index, view: View, revision: str, *path: str) -> Mapping[str, Any]:
        return payloads.flame(about, view, Asked.parse(self.all_arguments()), revision)


class Timeline(ViewHandler):
    """``GET api/profiles/ID/timeline``: of all the time, whichever stretch of it the other views show."""

    def lens(self) -> Lens:
        return replace(super().lens(), time=None)

    def make(self, about: Index, view: View, revision: str, *path: str) -> Mapping[str, Any]:
        return payloads.timeline(about, view, buckets(self.all_arguments()), revision)
