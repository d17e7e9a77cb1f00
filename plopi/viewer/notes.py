"""Tags, notes and named views of a profile: one small readable JSON file beside it in the data directory.

``STEM.notes.json`` holds ``{"v": 1, "tags": [str], "notes": str, "views": [{"name": str, "path": str}]}``. People may edit it, so
reading it trusts nothing; it is written whole and put in place in one step. The viewer writes no other files there.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plopi import files
from plopi.errors import FormatError, PlopiError, UsageError

SUFFIX = ".notes.json"
VERSION = 1
MOST_BYTES = 60 * 2**10
MOST_TAGS, LONGEST_TAG = 20, 40
LONGEST_NOTES = 20_000
MOST_VIEWS, LONGEST_NAME, LONGEST_PATH = 100, 80, 4000
_PATH = re.compile(r"(graph|flame|function|table)(\?[\x21-\x7e]*)?")
"""What a named view opens, below the profile's own address: nothing else can be reached from a notes file."""


class Conflict(PlopiError):
    """Somebody else has written the notes since they were read."""


@dataclass(frozen=True)
class NamedView:
    name: str
    path: str
    """Relative to the profile: ``graph?focus=parse``."""


@dataclass(frozen=True)
class Notes:
    tags: tuple[str, ...] = ()
    text: str = ""
    views: tuple[NamedView, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.tags or self.text or self.views)


NONE = Notes()


@dataclass(frozen=True)
class Kept:
    """Notes and the revision of the file they stand in; "" where there is none."""

    notes: Notes
    revision: str


def parse(raw: bytes) -> Notes:
    """Notes from a file's bytes. FormatError where they are not what the format demands."""
    try:
        return from_json(json.loads(raw, parse_constant=_refuse))
    except UsageError as error:
        raise FormatError(str(error)) from None
    except (ValueError, RecursionError):
        raise FormatError("the notes are no JSON; correct the file or remove it") from None


def from_json(content: Any) -> Notes:
    """Notes from JSON, cleaned: tags without blanks around or between them, each once. UsageError says what is wrong."""
    if not isinstance(content, Mapping) or content.get("v", VERSION) != VERSION:
        raise UsageError(
            f'the notes are no object of version {VERSION}: send {{"v": {VERSION}, "tags": [], "notes": "", "views": []}}'
        )
    tags = [_tag(each) for each in _list(content, "tags", MOST_TAGS)]
    text = _text(content.get("notes", ""), "notes", LONGEST_NOTES)
    views = [_view(each) for each in _list(content, "views", MOST_VIEWS)]
    return Notes(tuple(dict.fromkeys(tags)), text, tuple({view.name: view for view in views}.values()))


def to_json(notes: Notes) -> dict[str, Any]:
    """The file's content, and what crosses the wire."""
    views = [{"name": view.name, "path": view.path} for view in notes.views]
    return {"v": VERSION, "tags": list(notes.tags), "notes": notes.text, "views": views}


def render(notes: Notes) -> bytes:
    return (json.dumps(to_json(notes), ensure_ascii=False, indent=2) + "\n").encode("utf-8")


def read(path: Path) -> Kept:
    """The notes at ``path``, none where there is no file. FormatError where something else than notes stands there."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return Kept(NONE, "")
    except (OSError, ValueError) as error:
        if getattr(error, "errno", None) == errno.ELOOP:
            raise FormatError("the notes are a symbolic link, which is not followed; put the file itself there") from None
        why = getattr(error, "strerror", error)
        raise FormatError(f"the notes cannot be opened ({why}); correct that or remove the file") from None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise FormatError("the notes are not a regular file; remove what stands there")
        raw = os.read(fd, MOST_BYTES + 1)
    except OSError as error:
        raise FormatError(f"the notes cannot be read ({error.strerror}); remove the file") from None
    finally:
        os.close(fd)
    if len(raw) > MOST_BYTES:
        raise FormatError(f"the notes have more than {MOST_BYTES} bytes; shorten them")
    return Kept(parse(raw), revision_of(raw))


def write(path: Path, notes: Notes, expected: str) -> Kept:
    """Put ``notes`` in place of those of revision ``expected``. Conflict where others stand there by now; no notes, no file.

    Raises PlopiError where the data directory cannot be written to.
    """
    if revision_at(path) != expected:
        raise Conflict("Somebody else has changed these notes meanwhile: look at theirs, then save yours again.")
    raw = render(notes)
    if len(raw) > MOST_BYTES:
        raise UsageError(f"the notes have {len(raw)} bytes, and at most {MOST_BYTES} are kept; shorten them")
    try:
        if notes:
            files.place(path, lambda out: _put(out, raw), overwrite=True, private=False)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise PlopiError(
            f"The notes cannot be written ({error.strerror}): the viewer needs to write to the data directory to keep them."
        ) from None
    return Kept(notes, revision_of(raw) if notes else "")


def revision_at(path: Path) -> str:
    """The revision of what stands there, also where that cannot be understood: it may then be replaced knowingly."""
    try:
        return read(path).revision
    except FormatError:
        return "broken"


def revision_of(raw: bytes) -> str:
    return hashlib.blake2b(raw, digest_size=8, person=b"plopi notes").hexdigest()


def _put(out: Any, raw: bytes) -> None:
    out.write(raw)


def _list(content: Mapping[str, Any], name: str, most: int) -> list[Any]:
    found = content.get(name, [])
    if not isinstance(found, list) or len(found) > most:
        raise UsageError(f"{name} of the notes is no list of at most {most}; correct it")
    return found


def _text(value: Any, name: str, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise UsageError(f"{name} of the notes is no text of at most {longest} characters; shorten it")
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def _tag(value: Any) -> str:
    tag = "-".join(_text(value, "a tag", LONGEST_TAG).split())
    if not tag or "," in tag or not tag.isprintable():
        raise UsageError(f"{value[:LONGEST_TAG]!r} is no tag; use letters, digits and hyphens")
    return tag


def _view(value: Any) -> NamedView:
    if not isinstance(value, Mapping):
        raise UsageError('a view of the notes is no {"name": ..., "path": ...}; correct it')
    name, path = (
        _text(value.get("name"), "a view's name", LONGEST_NAME).strip(),
        _text(value.get("path"), "a view's path", LONGEST_PATH),
    )
    if not name or not name.isprintable():
        raise UsageError("a view of the notes has no name; give it one")
    if not _PATH.fullmatch(path):
        raise UsageError(f"{path[:60]!r} is no view of a profile; save the view from its page")
    return NamedView(name, path)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")
