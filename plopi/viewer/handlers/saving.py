"""What is taken away: ``export``, the profile as it is seen, in any format; ``share``, a view as a page that works offline."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

import numpy as np

from plopi import formats
from plopi.errors import UsageError
from plopi.model import STACKS, Profile
from plopi.viewer import payloads
from plopi.viewer.analysis import Index, index
from plopi.viewer.analysis.lenses.filters import of_threads
from plopi.viewer.analysis.lenses.redact import redacted
from plopi.viewer.arguments import Given
from plopi.viewer.handlers.api import ViewHandler
from plopi.viewer.handlers.pages import STATIC
from plopi.viewer.listing import detail
from plopi.viewer.payloads.flame import Asked
from plopi.viewer.plain import plain
from plopi.viewer.share import bundle
from plopi.viewer.subjects import Subject
from plopi.viewer.view import MOST_PER, View

EXPORTS = (*formats.FORMATS, "csv", "text")
SHARED_VIEWS = ("graph", "flame", "function", "table")
MOST_DETAILS = 120
"""Functions whose own numbers go along with a shared view: those drawn, else the heaviest."""
TELLS_NO_NAME = ("type", "thread", "time", "nodes", "layout", "size", "view", "moved", "inverted", "sort", "order", "by", "scale")
"""Arguments of a page that a redacted one keeps."""
_TABLE = ("name", "file", "line", "self", "cum", "calls", "primitive")


class Saving(ViewHandler):
    """A subject through its lens, made into bytes in a thread and sent as a file."""

    def made(self, about: Index, subject: Subject) -> tuple[bytes, str, str]:
        """The content, its media type and its file name's end."""
        raise NotImplementedError

    async def get(self, subject_text: str, *path: str) -> None:
        seen = await self.look(subject_text)
        about = await self.index_of(seen)
        body, kind, end = await asyncio.get_running_loop().run_in_executor(
            self.services.threads, lambda: self.made(about, seen.subject)
        )
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", "+".join(seen.subject.names))[:100].strip(".-") or "profile"
        self.set_header("Content-Type", kind)
        self.set_header("Content-Disposition", f'attachment; filename="{stem}{end}"')
        self.finish(body)

    head = get


class Export(Saving):
    """``GET api/profiles/ID/export?format=``."""

    def made(self, about: Index, subject: Subject) -> tuple[bytes, str, str]:
        given = Given(self.all_arguments())
        wanted = given.one_of("format", EXPORTS, "pprof")
        view = View.parse(self.all_arguments(), about.profile)
        if wanted == "csv":
            return _csv(about, view), "text/csv; charset=utf-8", ".csv"
        if wanted == "text":
            report = plain(about, view, Asked.parse(self.all_arguments()), "+".join(subject.names))
            return report.encode("utf-8"), "text/plain; charset=utf-8", ".txt"
        out = io.BytesIO()
        formats.write(_of_thread(about.profile, view.thread), wanted, out)
        return out.getvalue(), "application/octet-stream", formats.suffix(wanted)


class Share(Saving):
    """``GET api/profiles/ID/share?view=``: one HTML file; ``redact=1`` leaves no name, file, command or host in it."""

    def made(self, about: Index, subject: Subject) -> tuple[bytes, str, str]:
        given = Given(self.all_arguments())
        shown, hides = given.one_of("view", SHARED_VIEWS, "graph"), given.one_of("redact", ("0", "1"), "0") == "1"
        view = View.parse(self.all_arguments(), about.profile)
        if hides and view.base is not None:
            raise UsageError("Names cannot be taken out of a comparison: share each side by itself without names.")
        about = index(redacted(about.profile)) if hides else about
        answers = [self._detail(about, subject, hides), *_answers(about, view, Asked.parse(self.all_arguments()))]
        name = "shared profile" if hides else str(answers[0]["body"]["name"])
        content = {"address": self._address(shown, hides), "name": name, "answers": answers}
        return bundle(STATIC, "profile.html", content, f"{name} · plopi"), "text/html; charset=utf-8", ".html"

    def _address(self, shown: str, hides: bool) -> str:
        """Where the page is to think that it is: its subject is "saved". Patterns hold names."""
        given = [
            (name, value)
            for name, value in parse_qsl(self.request.query)
            if name not in ("view", "redact") and (not hides or name in TELLS_NO_NAME)
        ]
        return f"/p/saved/{shown}" + (f"?{urlencode(given)}" if given else "")

    def _detail(self, about: Index, subject: Subject, hides: bool) -> dict[str, Any]:
        rows = [detail(self.entry(each), self.services.store.now_ns(), None) for each in subject.ids]
        whole = self.services.subjects.index(subject).profile
        body = dict(rows[0]) if len(rows) == 1 else payloads.merged(subject.profiles, whole, rows, subject.revision)
        body.update(status="finished", alive=None)
        if hides:
            body.update(name="shared profile", file="", host="", pid=None, command="", python="", notes=[], tags=[], members=[])
            body["threads"] = payloads.details(about.profile)["threads"]
        return _answer("", {}, body)


def _answers(about: Index, view: View, asked: Asked) -> list[dict[str, Any]]:
    """What the page will ask for."""
    profile = about.profile
    graph = payloads.graph(about, view)
    found = [_answer("/graph", {}, graph)]
    for sort in ("self", "cum"):
        rows = payloads.table(about, View(view.type, view.thread, sort=sort, per=MOST_PER))
        found.append(_answer("/table", {"sort": sort} if sort == "cum" else {}, rows))
    functions = [node["id"] for node in graph["nodes"]] or [row["id"] for row in found[1]["body"]["rows"]]
    for function in functions[:MOST_DETAILS]:
        found.append(_answer(f"/function/{function}", {}, payloads.function(about, view, function)))
    if profile.shape == STACKS:
        found.append(_answer("/flame", {}, payloads.flame(about, view, asked)))
        if len(profile.windows) > 1:
            found.append(_answer("/timeline", {}, payloads.timeline(about, view, 300)))
    return found


def _answer(path: str, query: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, Any]:
    return {"path": f"api/profiles/saved{path}", "query": dict(query), "body": dict(body)}


def _of_thread(profile: Profile, thread: int | None) -> Profile:
    if thread is None:
        return profile
    return of_threads(profile, np.arange(len(profile.threads)) == thread)


def _csv(about: Index, view: View) -> bytes:
    """All functions of the table that the view's search finds, in its order."""
    out = io.StringIO()
    writer = csv.writer(out)
    unit = about.profile.sample_types[view.type].unit if about.profile.sample_types else ""
    writer.writerow(["function", "file", "line", f"self ({unit})", f"cum ({unit})", "calls", "primitive calls"])
    page, pages = 1, 1
    while page <= pages:
        answer = payloads.table(about, replace(view, page=page, per=MOST_PER))
        pages = answer["pages"]
        writer.writerows([_cell(row[name]) for name in _TABLE] for row in answer["rows"])
        page += 1
    return out.getvalue().encode("utf-8")


def _cell(value: object) -> object:
    """A text that a spreadsheet would take for a formula is marked as text (OWASP, "CSV injection")."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
