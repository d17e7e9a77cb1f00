"""The notes files of a data directory: which tags each profile has, and where its notes are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from plopi.errors import FormatError
from plopi.viewer import notes
from plopi.viewer.entries import Entry, id_of, stem_of
from plopi.viewer.watch import Changes

Tags = tuple[str, ...]


class Notebook:
    """``sift`` belongs to the thread that scans; what it returns is the event loop's."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path_of(self, entry: Entry) -> Path:
        """The same while a recording grows and after it is finished."""
        return self._directory / (stem_of(entry.found.name) + notes.SUFFIX)

    def sift(self, changes: Changes) -> tuple[Changes, Mapping[str, Tags]]:
        """What changed without the notes files, which are no profiles; and the tags of profiles whose notes changed, by id."""
        changed = [found.name for found in changes.changed if is_notes(found.name)]
        gone = [name for name in changes.gone if is_notes(name)]
        if not changed and not gone:
            return changes, {}
        tags = {_profile(name): self._tags(name) for name in changed} | {_profile(name): () for name in gone}
        profiles = replace(
            changes,
            changed=tuple(found for found in changes.changed if not is_notes(found.name)),
            gone=tuple(name for name in changes.gone if not is_notes(name)),
        )
        return profiles, tags

    def _tags(self, name: str) -> Tags:
        """None where the file is no notes: its profile's page says why."""
        try:
            return notes.read(self._directory / name).notes.tags
        except FormatError:
            return ()


def is_notes(name: str) -> bool:
    return name.endswith(notes.SUFFIX) and name != notes.SUFFIX


def _profile(name: str) -> str:
    return id_of(name.removesuffix(notes.SUFFIX))
