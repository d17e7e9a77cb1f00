"""``api/profiles/ID/notes``: the tags, notes and named views of a profile; all that the viewer lets anybody change."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from plopi.errors import FormatError, PlopiError, UsageError
from plopi.viewer import notes
from plopi.viewer.handlers.api import Api
from plopi.viewer.security import Refused


class Notes(Api):
    """``GET``, and ``PUT`` with the revision that was read as ``If-Match`` ("" for none)."""

    SUPPORTED_METHODS = ("GET", "HEAD", "PUT")

    async def get(self, profile_id: str) -> None:
        path = self.services.store.notebook.path_of(self.entry(profile_id))

        def make() -> Mapping[str, Any]:
            try:
                return _answer(notes.read(path))
            except FormatError as error:
                return {**_answer(notes.Kept(notes.NONE, "broken")), "problem": f"{path.name}: {error}"}

        await self.answer(make)

    head = get

    async def put(self, profile_id: str) -> None:
        store = self.services.store
        entry = self.entry(profile_id)
        kind, expected = self.request.headers.get("Content-Type", ""), self.request.headers.get("If-Match")
        if kind.partition(";")[0].strip().lower() != "application/json":
            raise Refused(415, "Notes are taken as JSON: send them with Content-Type: application/json.")
        if expected is None:
            raise Refused(428, "Say with If-Match which revision of the notes this replaces; GET tells it.")
        wanted, path = _parsed(self.request.body), store.notebook.path_of(entry)
        try:
            kept = await asyncio.get_running_loop().run_in_executor(
                self.services.threads, notes.write, path, wanted, expected.strip('"')
            )
        except notes.Conflict as error:
            raise Refused(409, str(error)) from None
        except UsageError:
            raise
        except PlopiError as error:
            raise Refused(507, str(error)) from None
        store.tag(entry.id, kept.notes.tags)
        await self.answer(lambda: _answer(kept))


def _parsed(body: bytes) -> notes.Notes:
    try:
        return notes.from_json(json.loads(body))
    except (ValueError, RecursionError):
        raise UsageError("The notes that were sent are no JSON: send an object with tags, notes and views.") from None


def _answer(kept: notes.Kept) -> dict[str, Any]:
    return {**notes.to_json(kept.notes), "revision": kept.revision}
